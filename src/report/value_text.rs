//! Values and the difference of two values, as short lines.
//!
//! Maps and lists are taken apart, so that one changed variable of a task definition is one line. Long texts (a PEM, a
//! policy) are cut to their first line and their length.

use crate::model::{Address, OutputRef};
use serde_json::{Map, Value};

/// Texts longer than this are cut.
const LONG: usize = 120;
/// What remains of the first line of a cut text.
const HEAD: usize = 60;
/// Lists that fit are shown on one line.
const LINE: usize = 90;
/// A common beginning shorter than this is not worth hiding.
const COMMON: usize = 20;

/// Turns values into text; knows which references will be answered only during apply.
pub struct Values<'a> {
    /// True for a resource whose outputs exist already.
    pub exists: &'a dyn Fn(&Address) -> bool,
}

/// What happened to one place inside a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// `path: value`.
    Is(String, String),
    /// `path: from → to`.
    Changed(String, String, String),
    /// A key or an item that is new.
    Added(String, String),
    /// A key or an item that goes.
    Removed(String, String),
}

impl Line {
    /// Returns the sign of the line, or a space, and the text behind it.
    pub fn text(&self) -> (char, String) {
        match self {
            Self::Is(path, value) => (' ', format!("{path}: {value}")),
            Self::Changed(path, from, to) => ('~', format!("{path}: {from} → {to}")),
            Self::Added(path, value) => ('+', format!("{path}: {value}")),
            Self::Removed(path, value) => ('-', format!("{path}: {value}")),
        }
    }
}

impl Values<'_> {
    /// Returns `path: value` for every leaf; nulls are not ours to manage and left out.
    pub fn leaves(&self, path: &str, value: &Value) -> Vec<Line> {
        let mut lines = vec![];
        self.collect(path, value, &mut lines);
        lines
    }

    fn collect(&self, path: &str, value: &Value, lines: &mut Vec<Line>) {
        match value {
            Value::Null => {}
            Value::Object(map) if OutputRef::from_value(value).is_none() => {
                map.iter().for_each(|(key, inner)| self.collect(&join(path, key), inner, lines));
            }
            Value::Array(items) => {
                let whole = self.one(value);
                if items.iter().all(is_leaf) && whole.chars().count() <= LINE {
                    lines.push(Line::Is(path.to_owned(), whole));
                } else {
                    let inner = |(at, item)| self.collect(&format!("{path}[{at}]"), item, lines);
                    items.iter().enumerate().for_each(inner);
                }
            }
            _ => lines.push(Line::Is(path.to_owned(), self.one(value))),
        }
    }

    /// Returns every place where the two values differ; null and absent are the same.
    pub fn difference(&self, path: &str, from: &Value, to: &Value) -> Vec<Line> {
        let mut lines = vec![];
        self.compare(path, from, to, &mut lines);
        lines
    }

    fn compare(&self, path: &str, from: &Value, to: &Value, lines: &mut Vec<Line>) {
        if from == to {
            return;
        }
        match (from, to) {
            (Value::Object(old), Value::Object(new)) if !is_reference(from) && !is_reference(to) => {
                self.compare_maps(path, old, new, lines);
            }
            (Value::Array(old), Value::Array(new)) => self.compare_lists(path, old, new, lines),
            (Value::String(old), Value::String(new)) => match (document(old), document(new)) {
                (Some(old), Some(new)) if old != new => self.compare(path, &old, &new, lines),
                _ => {
                    let (old, new) = without_common_start(old, new);
                    lines.push(Line::Changed(path.to_owned(), quoted(&old), quoted(&new)));
                }
            },
            (Value::String(old), _) if is_reference(to) => {
                lines.push(Line::Changed(path.to_owned(), quoted(&last_part(old)), self.one(to)));
            }
            _ => lines.push(Line::Changed(path.to_owned(), self.one(from), self.one(to))),
        }
    }

    fn compare_maps(&self, path: &str, old: &Map<String, Value>, new: &Map<String, Value>, lines: &mut Vec<Line>) {
        // In the order of the wanted value, then what is no longer wanted: both come from sorted maps or from a struct.
        let gone = old.keys().filter(|key| !new.contains_key(*key));
        for key in new.keys().chain(gone) {
            let inner = join(path, key);
            match (old.get(key).filter(|v| !v.is_null()), new.get(key).filter(|v| !v.is_null())) {
                (Some(from), Some(to)) => self.compare(&inner, from, to, lines),
                (None, Some(to)) => lines.push(Line::Added(inner, self.one(to))),
                (Some(from), None) => lines.push(Line::Removed(inner, self.one(from))),
                (None, None) => {}
            }
        }
    }

    /// Item by item; the same items in another order are shown as two lists.
    fn compare_lists(&self, path: &str, old: &[Value], new: &[Value], lines: &mut Vec<Line>) {
        let removed = without(old, new);
        let added = without(new, old);
        if let ([(_, from)], [(at, to)]) = (removed.as_slice(), added.as_slice())
            && from.is_object()
            && to.is_object()
        {
            return self.compare(&format!("{path}[{at}]"), from, to, lines);
        }
        if removed.is_empty() && added.is_empty() {
            let (from, to) = (self.one(&Value::from(old)), self.one(&Value::from(new)));
            return lines.push(Line::Changed(path.to_owned(), from, to));
        }
        lines.extend(removed.iter().map(|(_, item)| Line::Removed(path.to_owned(), self.one(item))));
        lines.extend(added.iter().map(|(_, item)| Line::Added(path.to_owned(), self.one(item))));
    }

    /// Returns a value on one line.
    pub fn one(&self, value: &Value) -> String {
        if let Some(reference) = OutputRef::from_value(value) {
            return self.reference(&reference);
        }
        match value {
            Value::Null => "(none)".to_owned(),
            Value::String(text) => quoted(text),
            Value::Array(items) => self.list(items),
            Value::Object(map) => {
                let inner = |(key, value): (&String, &Value)| format!("{key}: {}", self.one(value));
                let filled = map.iter().filter(|(_, value)| !value.is_null());
                clipped(&format!("{{{}}}", filled.map(inner).collect::<Vec<_>>().join(", ")))
            }
            other => other.to_string(),
        }
    }

    fn reference(&self, reference: &OutputRef) -> String {
        if (self.exists)(&reference.address) {
            format!("({reference})")
        } else {
            format!("(known after apply: {reference})")
        }
    }

    /// A list of references only says which resources, and once that they are not there yet.
    fn list(&self, items: &[Value]) -> String {
        let references: Option<Vec<OutputRef>> = items.iter().map(OutputRef::from_value).collect();
        match references {
            Some(references) if !references.is_empty() => {
                let addresses: Vec<String> = references.iter().map(|r| r.address.to_string()).collect();
                let later = references.iter().any(|r| !(self.exists)(&r.address));
                format!("[{}]{}", addresses.join(", "), if later { " (known after apply)" } else { "" })
            }
            _ => format!("[{}]", items.iter().map(|item| self.one(item)).collect::<Vec<_>>().join(", ")),
        }
    }
}

fn is_reference(value: &Value) -> bool {
    OutputRef::from_value(value).is_some()
}

fn is_leaf(value: &Value) -> bool {
    !matches!(value, Value::Array(_) | Value::Object(_)) || is_reference(value)
}

/// `a.b`; a key with a dot of its own is put in brackets.
fn join(path: &str, key: &str) -> String {
    match (path.is_empty(), key.contains(['.', ' ', '['])) {
        (true, _) => key.to_owned(),
        (false, true) => format!("{path}[{}]", quoted(key)),
        (false, false) => format!("{path}.{key}"),
    }
}

/// The items of `these` that `those` lack, each with its position; doubles count.
fn without(these: &[Value], those: &[Value]) -> Vec<(usize, Value)> {
    let mut those: Vec<&Value> = those.iter().collect();
    let mut left = vec![];
    for (at, item) in these.iter().enumerate() {
        match those.iter().position(|other| *other == item) {
            Some(same) => drop(those.swap_remove(same)),
            None => left.push((at, item.clone())),
        }
    }
    left
}

/// A text that is itself a JSON object (a policy) is compared as one.
fn document(text: &str) -> Option<Value> {
    text.trim_start().starts_with('{').then(|| serde_json::from_str(text).ok()).flatten()
}

/// A text in quotes, with control characters escaped, cut if it is long.
fn quoted(text: &str) -> String {
    if text.contains('\n') || text.chars().count() > LONG {
        return shortened(text);
    }
    Value::String(text.to_owned()).to_string()
}

/// The first line, and how much there is in all.
fn shortened(text: &str) -> String {
    let lines = text.trim_end().lines().count();
    let length = text.chars().count();
    let head: String = text.lines().next().unwrap_or_default().chars().take(HEAD).collect();
    let head = Value::String(head).to_string();
    match lines {
        0 | 1 => format!("{head}… ({length} characters)"),
        _ => format!("{head}… ({lines} lines, {length} characters)"),
    }
}

/// The beginning of text that is not one value.
fn clipped(text: &str) -> String {
    const MOST: usize = 2 * LONG;
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    text.chars().take(MOST).chain(['…']).collect()
}

/// An ARN that gives way to one not known yet is recognised by its last part.
fn last_part(text: &str) -> String {
    match text.rfind('/').or_else(|| text.rfind(':')) {
        Some(cut) if cut >= COMMON && text.starts_with("arn:") => format!("…{}", &text[cut..]),
        _ => text.to_owned(),
    }
}

/// Hides a long common beginning up to the last separator before the difference: `…/zenml-pro-server:0.92.0`.
fn without_common_start(old: &str, new: &str) -> (String, String) {
    let common = old.bytes().zip(new.bytes()).take_while(|(a, b)| a == b).count();
    let start = (0..=common.min(old.len())).rev().find(|at| old.is_char_boundary(*at) && new.is_char_boundary(*at));
    let cut = start.and_then(|at| old[..at].rfind('/').or_else(|| old[..at].rfind(':')));
    match cut.filter(|cut| *cut >= COMMON) {
        Some(cut) => (format!("…{}", &old[cut..]), format!("…{}", &new[cut..])),
        None => (old.to_owned(), new.to_owned()),
    }
}

#[cfg(test)]
mod tests;
