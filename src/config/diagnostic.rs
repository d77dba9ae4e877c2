//! One problem in a text that a person wrote: where, what, and how to fix it; shown like rustc does, or as JSON.
//!
//! It knows nothing of `hybrid.toml` beyond the text it is shown in.
//! A newcomer would pass a diagnostic's line through as it is: `masked` ranges are starred first, because a secret
//! pasted into the file would otherwise end up in a CI log.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde_json::{Value, json};

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The config cannot be used.
    Error,
    /// The config can be used; the author should know.
    Warning,
    /// A template's placeholder was not replaced. The caller decides with `settle_placeholders`: fine in the sandbox and
    /// in an offline plan, a warning in `validate`, an error on AWS.
    Placeholder,
}

impl Severity {
    /// Returns `error`, `warning` or `placeholder`, as in the JSON form.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Placeholder => "placeholder",
        }
    }
}

/// One problem at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable id that `hybridctl explain` knows, `HC1011`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Bytes of the text that are meant; empty at the start when something is missing altogether.
    pub span: Range<usize>,
    /// What is wrong and why: lower case, no full stop at the end, never a secret.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// Bytes of the text that may be a secret and are never shown.
    pub masked: Option<Range<usize>>,
}

/// What a command makes of placeholders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placeholders {
    /// Drop the findings: sandbox, offline plan.
    Accept,
    /// Make them warnings: `validate`.
    Warn,
    /// Make them errors: everything that talks to AWS.
    Refuse,
}

/// Turns placeholder findings into nothing, warnings or errors; leaves the rest as it is.
pub fn settle_placeholders(diagnostics: Vec<Diagnostic>, placeholders: Placeholders) -> Vec<Diagnostic> {
    let severity = match placeholders {
        Placeholders::Accept => None,
        Placeholders::Warn => Some(Severity::Warning),
        Placeholders::Refuse => Some(Severity::Error),
    };
    diagnostics
        .into_iter()
        .filter_map(|diagnostic| match diagnostic.severity {
            Severity::Placeholder => severity.map(|severity| Diagnostic { severity, ..diagnostic }),
            _ => Some(diagnostic),
        })
        .collect()
}

/// Where escape sequences for colour may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// None.
    Plain,
    /// ANSI colours.
    Coloured,
}

/// Returns the diagnostics in rustc's style, one paragraph each, with `path:line:column`, then the summary line.
/// Empty when there is nothing to show.
pub fn render(path: &str, text: &str, diagnostics: &[Diagnostic], style: Style) -> String {
    if diagnostics.is_empty() {
        return String::new();
    }
    let shown = Shown::of(text, diagnostics);
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Coloured => Renderer::styled(),
    };
    let mut out = String::new();
    for diagnostic in diagnostics {
        let level = match diagnostic.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning | Severity::Placeholder => Level::WARNING,
        };
        let span = shown.span(&diagnostic.span);
        let snippet = Snippet::source(shown.text.as_str())
            .path(path)
            .annotation(AnnotationKind::Primary.span(span))
            .line_start(1);
        let mut group = level.primary_title(diagnostic.message.as_str()).id(diagnostic.code).element(snippet);
        if let Some(help) = &diagnostic.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        out.push_str(&renderer.render(&[group]));
        out.push_str("\n\n");
    }
    out.push_str(&summary(path, diagnostics));
    out.push('\n');
    out
}

/// Returns one line that says how many, `10 problems in hybrid.toml`, `2 problems and 1 warning in hybrid.toml`.
pub fn summary(path: &str, diagnostics: &[Diagnostic]) -> String {
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
    let warnings = diagnostics.len() - errors;
    let count = |number: usize, noun: &str| format!("{number} {noun}{}", if number == 1 { "" } else { "s" });
    match (errors, warnings) {
        (0, 0) => format!("no problems in {path}"),
        (errors, 0) => format!("{} in {path}", count(errors, "problem")),
        (0, warnings) => format!("{} in {path}", count(warnings, "warning")),
        (errors, warnings) => format!("{} and {} in {path}", count(errors, "problem"), count(warnings, "warning")),
    }
}

/// Returns the diagnostics as a JSON array of objects with `file`, `line`, `column`, `code`, `severity`, `message`
/// and `help` (null when there is none).
pub fn to_json(path: &str, text: &str, diagnostics: &[Diagnostic]) -> Value {
    let entry = |diagnostic: &Diagnostic| {
        let (line, column) = line_and_column(text, diagnostic.span.start);
        json!({
            "file": path,
            "line": line,
            "column": column,
            "code": diagnostic.code,
            "severity": diagnostic.severity.as_str(),
            "message": diagnostic.message,
            "help": diagnostic.help,
        })
    };
    Value::Array(diagnostics.iter().map(entry).collect())
}

/// Returns line and column of a byte, both from 1, columns in characters. A byte past the end counts as the end.
pub fn line_and_column(text: &str, byte: usize) -> (usize, usize) {
    let before = &text[..floor_boundary(text, byte)];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// The text as it is shown: stars instead of what may be a secret, as many whatever its length.
struct Shown {
    text: String,
    /// What was masked, in order and apart from each other, and the length of what stands there now.
    masks: Vec<(Range<usize>, usize)>,
}

impl Shown {
    fn of(text: &str, diagnostics: &[Diagnostic]) -> Self {
        let masked = diagnostics.iter().filter_map(|diagnostic| diagnostic.masked.as_ref());
        let mut ranges: Vec<Range<usize>> = masked.map(|range| clamp(text, range)).collect();
        ranges.sort_by_key(|range| range.start);
        let mut shown = Self { text: String::new(), masks: vec![] };
        let mut copied = 0;
        for range in ranges {
            if range.end <= copied {
                continue;
            }
            let range = range.start.max(copied)..range.end;
            shown.text += &text[copied..range.start];
            // Its line breaks stay, so that what comes after it is found on its line.
            let stars = format!("***{}", text[range.clone()].replace(|c| c != '\n', ""));
            shown.text += &stars;
            copied = range.end;
            shown.masks.push((range, stars.len()));
        }
        shown.text += &text[copied..];
        shown
    }

    /// Where a span of the real text is.
    fn span(&self, span: &Range<usize>) -> Range<usize> {
        clamp(&self.text, &(self.place(span.start)..self.place(span.end)))
    }

    fn place(&self, byte: usize) -> usize {
        let mut moved = byte;
        for (range, length) in self.masks.iter().rev() {
            if byte >= range.end {
                moved = moved + length - range.len();
            } else if byte > range.start {
                moved -= (byte - range.start).saturating_sub(*length);
            }
        }
        moved
    }
}

/// Moves a span into the text and onto character boundaries: positions come from other crates, and slicing panics.
fn clamp(text: &str, span: &Range<usize>) -> Range<usize> {
    let start = floor_boundary(text, span.start);
    start..floor_boundary(text, span.end).max(start)
}

fn floor_boundary(text: &str, byte: usize) -> usize {
    let mut byte = byte.min(text.len());
    while !text.is_char_boundary(byte) {
        byte -= 1;
    }
    byte
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(span: Range<usize>, severity: Severity) -> Diagnostic {
        Diagnostic {
            code: "HC1011",
            severity,
            span,
            message: "`Bad` is not a name".into(),
            help: Some("write it in lower case".into()),
            masked: None,
        }
    }

    #[test]
    fn a_problem_looks_like_rustc_and_counts() {
        let text = "# top\nname = \"Bad\"\n";
        let shown = render("hybrid.toml", text, &[at(13..18, Severity::Error)], Style::Plain);
        let expected = "\
error[HC1011]: `Bad` is not a name
 --> hybrid.toml:2:8
  |
2 | name = \"Bad\"
  |        ^^^^^
  |
  = help: write it in lower case

1 problem in hybrid.toml
";
        assert_eq!(shown, expected);
        assert!(render("hybrid.toml", text, &[at(13..18, Severity::Error)], Style::Coloured).contains("\u{1b}["));
    }

    #[test]
    fn a_masked_range_is_never_shown() {
        let text = "key = \"größer-geheim\" # x\n";
        let mut diagnostic = at(0..3, Severity::Warning);
        let start = text.find('"').unwrap_or_default();
        diagnostic.masked = Some(start..text.rfind('"').unwrap_or_default() + 1);
        let shown = render("f", text, &[diagnostic], Style::Plain);
        assert!(!shown.contains("geheim") && shown.contains("# x"), "{shown}");
    }

    #[test]
    fn a_mask_does_not_tell_how_long_the_secret_is_and_what_follows_is_found() {
        let shown = |secret: &str| {
            let text = format!("key = \"{secret}\"\nbad = [\n  \"{secret}\",\n]\nother = 1\n");
            let mut diagnostics = vec![];
            for (start, end) in text.match_indices(&format!("\"{secret}\"")).map(|(at, found)| (at, at + found.len())) {
                diagnostics.push(Diagnostic { masked: Some(start..end), ..at(start..end, Severity::Error) });
            }
            // Once more, wider: masks may overlap.
            let list = text.find('[').unwrap()..text.find(']').unwrap() + 1;
            diagnostics.push(Diagnostic { masked: Some(list.clone()), ..at(list, Severity::Error) });
            let other = text.find("other").unwrap();
            diagnostics.push(at(other..other + 5, Severity::Error));
            render("f", &text, &diagnostics, Style::Plain)
        };
        assert_eq!(shown("x"), shown("hunter2 and more of it"));
        let text = shown("hunter2");
        assert!(text.contains("1 | key = ***\n  |       ^^^"), "{text}");
        assert!(text.contains("--> f:5:1") && text.contains("5 | other = 1\n  | ^^^^^"), "{text}");
    }

    #[test]
    fn json_has_positions_in_characters() {
        let text = "a = 1\nä = \"ü\" # here\n";
        let byte = text.find("# here").unwrap_or_default();
        let json = to_json("hybrid.toml", text, &[at(byte..byte + 1, Severity::Placeholder)]);
        assert_eq!(json[0]["line"], 2);
        assert_eq!(json[0]["column"], 9);
        assert_eq!(json[0]["severity"], "placeholder");
        assert_eq!(json[0]["help"], "write it in lower case");
    }

    #[test]
    fn positions_outside_the_text_do_not_panic() {
        let text = "ä";
        for span in [0..99, 1..1, 1..2, 50..60] {
            assert!(!render("f", text, &[at(span.clone(), Severity::Error)], Style::Plain).is_empty());
            line_and_column(text, span.start);
        }
        assert!(!render("f", "", &[at(0..0, Severity::Error)], Style::Plain).is_empty());
    }

    #[test]
    fn placeholders_are_what_the_command_makes_of_them() {
        let found = vec![at(0..1, Severity::Placeholder), at(0..1, Severity::Error)];
        assert_eq!(settle_placeholders(found.clone(), Placeholders::Accept).len(), 1);
        assert_eq!(settle_placeholders(found.clone(), Placeholders::Warn)[0].severity, Severity::Warning);
        assert_eq!(settle_placeholders(found, Placeholders::Refuse)[0].severity, Severity::Error);
    }

    #[test]
    fn summary_says_counts_with_words() {
        let (error, warning) = (at(0..1, Severity::Error), at(0..1, Severity::Warning));
        assert_eq!(summary("f", &[]), "no problems in f");
        assert_eq!(summary("f", &[error.clone(), error.clone()]), "2 problems in f");
        assert_eq!(summary("f", &[error, warning.clone()]), "1 problem and 1 warning in f");
        assert_eq!(summary("f", &[warning]), "1 warning in f");
    }
}
