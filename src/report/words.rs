//! The words that every report uses: symbols, verbs, counts, durations and colours.
//!
//! Nothing here decides anything; it is the one place where an [`Action`] becomes English. Colour is laid over finished text,
//! so that the plain form and the coloured form never differ in more than escape sequences.

use crate::config::Style;
use crate::plan::{Action, Verb};
use anstyle::{AnsiColor, Effects};
use std::time::Duration;

/// What a piece of text means to the eye.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// New or well: green.
    Good,
    /// Changed: yellow.
    Change,
    /// Deleted or failed: red.
    Bad,
    /// Taken over: cyan.
    Info,
    /// Less important.
    Dim,
    /// More important.
    Bold,
}

/// Returns the text in its colour, or as it is.
pub fn paint(style: Style, ink: Ink, text: &str) -> String {
    if style == Style::Plain || text.is_empty() {
        return text.to_owned();
    }
    let look = match ink {
        Ink::Good => AnsiColor::Green.on_default(),
        Ink::Change => AnsiColor::Yellow.on_default(),
        Ink::Bad => AnsiColor::Red.on_default(),
        Ink::Info => AnsiColor::Cyan.on_default(),
        Ink::Dim => anstyle::Style::new().effects(Effects::DIMMED),
        Ink::Bold => anstyle::Style::new().effects(Effects::BOLD),
    };
    format!("{look}{text}{look:#}")
}

/// Returns the sign of an action, one column wide, and its colour.
pub fn symbol(action: Action) -> (&'static str, Ink) {
    match action {
        Action::Keep => ("=", Ink::Dim),
        Action::Create => ("+", Ink::Good),
        Action::Adopt => ("<", Ink::Info),
        Action::Update => ("~", Ink::Change),
        Action::Replace => ("±", Ink::Bad),
        Action::Delete => ("-", Ink::Bad),
        Action::Retain => ("!", Ink::Info),
        Action::Forget => ("?", Ink::Dim),
    }
}

/// Returns an action as a verb: `create`, `adopt`.
pub fn act(action: Action) -> &'static str {
    match action {
        Action::Keep => "keep",
        Action::Create => "create",
        Action::Adopt => "adopt",
        Action::Update => "update",
        Action::Replace => "replace",
        Action::Delete => "delete",
        Action::Retain => "retain",
        Action::Forget => "forget",
    }
}

/// Returns what an operation is doing: `creating`, `deleting the old one`.
pub fn doing(verb: Verb, action: Action) -> &'static str {
    match (verb, action) {
        (Verb::Release, _) => "lifting the deletion protection",
        (Verb::Make, Action::Adopt) => "adopting",
        (Verb::Make, Action::Update) => "updating",
        (Verb::Make, Action::Replace) => "making the new one",
        (Verb::Make, _) => "creating",
        (Verb::Delete, Action::Delete) => "deleting",
        (Verb::Delete, Action::Forget) => "forgetting",
        (Verb::Delete, _) => "deleting the old one",
    }
}

/// Returns what an operation has done: `created`, `deleted the old one`.
pub fn did(verb: Verb, action: Action) -> &'static str {
    match (verb, action) {
        (Verb::Release, _) => "lifted the deletion protection",
        (Verb::Make, Action::Adopt) => "adopted",
        (Verb::Make, Action::Update) => "updated",
        (Verb::Make, Action::Replace) => "made the new one",
        (Verb::Make, _) => "created",
        (Verb::Delete, Action::Delete) => "deleted",
        (Verb::Delete, Action::Forget) => "forgotten",
        (Verb::Delete, _) => "deleted the old one",
    }
}

/// Returns what an operation could not do, after "could not": `create`, `delete the old one`.
pub fn could_not(verb: Verb, action: Action) -> &'static str {
    match (verb, action) {
        (Verb::Release, _) => "lift the deletion protection",
        (Verb::Make, Action::Replace) => "make the new one",
        (Verb::Make, _) => act(action),
        (Verb::Delete, Action::Delete | Action::Forget) => act(action),
        (Verb::Delete, _) => "delete the old one",
    }
}

/// Returns `1 resource`, `2 resources`.
pub fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Returns `a`, `a and b`, `a, b and c`.
pub fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    match items.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// Returns the first few as a list, and how many more there are: `a, b and 3 more`.
pub fn short_list<T: ToString>(items: impl IntoIterator<Item = T>, at_most: usize) -> String {
    let mut items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    if items.len() > at_most {
        let more = items.len() - at_most;
        items.truncate(at_most);
        items.push(format!("{more} more"));
    }
    list(items)
}

/// Returns a duration as people say it: `0.4s`, `42s`, `5m 30s`, `1h 02m`.
pub fn duration(duration: Duration) -> String {
    let tenths = (duration.as_millis() + 50) / 100;
    let seconds = (duration.as_millis() + 500) / 1000;
    match seconds {
        _ if tenths < 100 => format!("{}.{}s", tenths / 10, tenths % 10),
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Returns `3m 12s of about 5m 30s`; without the second half for what takes moments anyway.
pub fn progress(waited: Duration, expected: Duration) -> String {
    if expected < Duration::from_secs(10) {
        return duration(waited);
    }
    format!("{} of about {}", duration(waited), duration(expected))
}

/// Returns the text filled up with spaces to this many columns; one character counts as one column.
pub fn pad(text: &str, width: usize) -> String {
    format!("{text:<width$}")
}

/// Returns the text without control characters: AWS's words and live values are shown, not obeyed.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

/// Returns the text on one line, without control characters.
pub fn one_line(text: &str) -> String {
    printable(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Returns a line of a table with its line break. Where the terminal is too narrow, the last column goes below the others, broken
/// between words.
pub fn row(head: &str, last: &str, width: usize) -> String {
    let whole = format!("{head}  {last}");
    if whole.chars().count() <= width || last.is_empty() {
        return format!("{}\n", whole.trim_end());
    }
    let mut text = head.trim_end().to_owned();
    let mut free = 0;
    for word in last.split_whitespace() {
        let length = word.chars().count();
        if length < free {
            text.push(' ');
            free -= length + 1;
        } else {
            text.push_str("\n          ");
            free = width.saturating_sub(10 + length);
        }
        text.push_str(word);
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_is_too_wide_goes_on_below_between_words() {
        let head = "  OK    VF-DNS  the name resolves ";
        assert_eq!(row(head, "1.2.3.4", 80), "  OK    VF-DNS  the name resolves   1.2.3.4\n");
        assert_eq!(row(head, "", 20), "  OK    VF-DNS  the name resolves\n");
        let below =
            "  OK    VF-DNS  the name resolves\n          one two\n          three-four-five-six\n          seven\n";
        assert_eq!(row(head, "one two three-four-five-six seven", 20), below);
    }

    #[test]
    fn durations_are_said_as_people_say_them() {
        let said = |millis| duration(Duration::from_millis(millis));
        assert_eq!(
            [0, 449, 9_940, 9_960, 42_000, 59_600, 330_000, 3_720_000].map(said),
            ["0.0s", "0.4s", "9.9s", "10s", "42s", "1m 00s", "5m 30s", "1h 02m"]
        );
    }

    #[test]
    fn lists_and_counts_are_english() {
        assert_eq!(list(["a"]), "a");
        assert_eq!(list(["a", "b", "c"]), "a, b and c");
        assert_eq!(short_list(["a", "b", "c", "d"], 2), "a, b and 2 more");
        assert_eq!(short_list(Vec::<String>::new(), 2), "");
        assert_eq!((count(1, "leftover"), count(0, "leftover")), ("1 leftover".into(), "0 leftovers".into()));
    }

    #[test]
    fn plain_text_has_no_escapes_and_coloured_text_the_same_words() {
        assert_eq!(paint(Style::Plain, Ink::Bad, "x"), "x");
        let painted = paint(Style::Coloured, Ink::Bad, "x");
        assert!(painted.starts_with('\u{1b}') && console::strip_ansi_codes(&painted) == "x");
        assert_eq!(one_line(" a\n  b\t"), "a b");
        assert_eq!(printable("a\u{1b}[31mb\nc"), "a\u{fffd}[31mb\nc");
    }
}
