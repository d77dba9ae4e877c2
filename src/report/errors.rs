//! Failures for a person: what happened, why, and what to type next.
//!
//! AWS's code, message and request id are quoted as they are. The same failure of many resources (expired credentials) is told
//! once.

use super::codes;
use super::words::{Ink, act, count, list, paint, printable, short_list};
use crate::apply::Outcome;
use crate::config::{Code, Style};
use crate::model::Address;
use crate::plan::{Action, Plan};
use crate::resource::{Class, Error};
use crate::state::StoreError;

/// Returns one failure, ending with a line break:
///
/// ```text
/// error[HC2015]: could not create rds.instance/main
///   StorageFull: no room left (rds:CreateDBInstance, request 7f3c)
/// hint: choose another class, then continue with:
///     hybridctl up
/// ```
///
/// `what` is what could not be done: `create rds.instance/main`. Where nobody had a hint, the page on the id is the next step.
pub fn error_text(what: &str, error: &Error, style: Style) -> String {
    let code = codes::of_error(error);
    let mut out = format!("{} could not {what}\n", head(code, style));
    for line in printable(&error.to_string()).lines() {
        out.push_str(&format!("  {line}\n"));
    }
    if let Some(holders) = &error.held_by {
        out.push_str(&format!("  held by {}\n", printable(holders)));
    }
    for hint in &error.hints {
        out.push_str(&hint_text(hint, style));
    }
    if error.hints.is_empty() {
        out.push_str(&hint_text(
            &format!("what it means, and what can be done: `hybridctl explain {}`", code.id),
            style,
        ));
    }
    out
}

/// `error[HC2015]:`, how every failure begins.
pub fn head(code: Code, style: Style) -> String {
    paint(style, Ink::Bad, &format!("error[{}]:", code.id))
}

/// Returns a hint; a command at its end stands on a line of its own, so that it can be copied. A command is the last thing in
/// backticks, if it has more than one word, or every line after the first.
pub fn hint_text(hint: &str, style: Style) -> String {
    let hint = printable(hint);
    let (said, command) = match hint.split_once('\n') {
        Some((said, command)) => (said.to_owned(), Some(command.to_owned())),
        None => match last_command(&hint) {
            Some((said, command)) => (format!("{said}:"), Some(command.to_owned())),
            None => (hint, None),
        },
    };
    let mut out = format!("{} {said}\n", paint(style, Ink::Info, "hint:"));
    for line in command.iter().flat_map(|command| command.lines()) {
        out.push_str(&format!("    {}\n", line.trim()));
    }
    out
}

fn last_command(hint: &str) -> Option<(&str, &str)> {
    let (said, command) = hint.strip_suffix('`')?.rsplit_once('`')?;
    let said = said.trim_end().trim_end_matches(':');
    (command.contains(' ') && !said.is_empty()).then_some((said, command))
}

/// Returns how an apply ended, unless all went well: every failure, what was skipped, and how to continue. `command` is what
/// the user types to go on, `hybridctl up`.
pub fn outcome_text(outcome: &Outcome, plan: &Plan, command: &str, style: Style) -> String {
    if outcome.complete() {
        return String::new();
    }
    let mut out = String::new();
    for (addresses, error) in grouped(outcome) {
        let told: Vec<(&str, &Address)> = addresses.iter().map(|address| (verb(plan, address), *address)).collect();
        out.push_str(&error_text(&told_together(&told), error, style));
        out.push('\n');
    }
    if let Some(lost) = &outcome.lost {
        let what = match lost {
            StoreError::LockLost(_) => "may not go on",
            _ => "could not save the state",
        };
        out.push_str(&format!("{} {what}\n  {lost}\n", head(codes::of_store(lost), style)));
        out.push_str("  The run ended at once; the next one looks for what this one was making.\n\n");
    }
    for line in skipped_lines(outcome) {
        out.push_str(&line);
        out.push('\n');
    }
    out.push_str(&format!("{}\n    {command}\n", ending(outcome)));
    out
}

/// `create a, create b and update c`, but the verb only once where it is the same.
fn told_together(told: &[(&str, &Address)]) -> String {
    match told.first() {
        Some((first, _)) if told.iter().all(|(verb, _)| verb == first) => {
            format!("{first} {}", short_list(told.iter().map(|(_, address)| address), 5))
        }
        _ => short_list(told.iter().map(|(verb, address)| format!("{verb} {address}")), 5),
    }
}

fn verb(plan: &Plan, address: &Address) -> &'static str {
    match plan.steps.get(address).map(|step| step.action) {
        // A step that keeps its object only acts on its leftovers.
        Some(Action::Keep | Action::Retain) => "clean up after",
        Some(action) => act(action),
        None => "change",
    }
}

/// Failures that differ in nothing but the resource, in the order of addresses.
fn grouped(outcome: &Outcome) -> Vec<(Vec<&Address>, &Error)> {
    let same = |a: &Error, b: &Error| {
        a.class == b.class && a.code == b.code && a.message == b.message && a.held_by == b.held_by && a.hints == b.hints
    };
    let mut groups: Vec<(Vec<&Address>, &Error)> = vec![];
    for (address, error) in &outcome.failed {
        match groups.iter_mut().find(|(_, known)| same(known, error)) {
            Some((addresses, _)) => addresses.push(address),
            None => groups.push((vec![address], error)),
        }
    }
    groups
}

/// One sentence for each failure that others were waiting for.
fn skipped_lines(outcome: &Outcome) -> Vec<String> {
    let mut causes: Vec<&Address> = outcome.skipped.values().collect();
    causes.sort_unstable();
    causes.dedup();
    let sentence = |cause: &Address| {
        let skipped: Vec<&Address> =
            outcome.skipped.iter().filter(|(_, because)| *because == cause).map(|(address, _)| address).collect();
        let number = count(skipped.len(), "resource");
        format!("Not begun because of {cause}: {number} ({}).", list(&skipped))
    };
    causes.into_iter().map(sentence).collect()
}

/// What was begun but not completed is on record too: only what was completed is counted.
fn ending(outcome: &Outcome) -> String {
    let done = match outcome.done.len() {
        0 => "Nothing was completed.".to_owned(),
        number => format!("{} completed.", count(number, "resource")),
    };
    if outcome.lost.is_some() {
        return "When the cause is removed, continue with:".to_owned();
    }
    if outcome.failed.is_empty() && outcome.stopped {
        return format!("Stopped. {done} What was begun is on record; continue with:");
    }
    if outcome.timed_out && outcome.failed.len() == 1 {
        return format!("{done} Nothing is lost: go on waiting with:");
    }
    if outcome.failed.values().all(|error| error.class == Class::Credentials) && !outcome.failed.is_empty() {
        return format!("{done} What was begun is on record; with new credentials, continue with:");
    }
    format!("{done} When the cause is removed, continue with:")
}

#[cfg(test)]
mod tests;
