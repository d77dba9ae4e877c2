//! TOML text to a `Document`: values by path with their positions, shaped as the table in `fields.rs` says.
//!
//! It reports syntax errors, unknown keys, wrong types and missing settings; it knows no rule about contents.
//! A value with a problem is left out of the document, so that rules do not complain about it a second time.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::codes;
use crate::config::fields::{self, Field, Shape};
use crate::config::problems::{Problems, Span, did_you_mean, sounds_secret};

/// A string and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// The string.
    pub(super) text: String,
    /// Its position, quotes included.
    pub(super) span: Span,
}

/// A value that has the right shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// A string.
    Text(String),
    /// An integer.
    Integer(i64),
    /// A boolean.
    Boolean(bool),
    /// An array of strings.
    List(Vec<Word>),
    /// Free keys with string values, in the order of the file.
    Map(Vec<(Word, Word)>),
    /// A table whose keys are nodes of their own.
    Section,
    /// Something of the wrong shape; reported already.
    Broken,
}

#[derive(Debug)]
struct Node {
    key: Span,
    span: Span,
    value: Value,
}

/// The file: every value that is written there and has the right shape, by dotted path.
#[derive(Debug, Default)]
pub(super) struct Document {
    nodes: BTreeMap<String, Node>,
}

/// Reads a file. `None` after a syntax error, which is then the only problem.
pub(super) fn document(text: &str, problems: &mut Problems) -> Option<Document> {
    let table = match DeTable::parse(text) {
        Ok(table) => table,
        Err(error) => {
            syntax_error(text, &error, problems);
            return None;
        }
    };
    let mut document = Document::default();
    document.section("", &(0..0), table.get_ref(), problems);
    Some(document)
}

fn syntax_error(text: &str, error: &toml::de::Error, problems: &mut Problems) {
    let span = error.span().unwrap_or(0..0);
    let message = format!("this is not valid TOML: {}", error.message().replace('\n', ", "));
    let help = match error.message().contains("duplicate") {
        true => "a key may be written once in its section: remove one of them",
        false => "strings need quotes, tables are written [name], lists [\"a\", \"b\"]",
    };
    let diagnostic = problems.error(codes::SYNTAX, &span, message, help);
    // The line could hold a secret that was pasted without quotes.
    let start = text.get(..span.start).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
    let line = text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    if let Some((key, rest)) = line.split_once('=').filter(|(key, _)| sounds_secret(key.trim())) {
        let value = start + key.len() + 1;
        diagnostic.masked = Some(value..value + rest.len());
    }
}

impl Document {
    fn section(&mut self, path: &str, header: &Span, table: &DeTable<'_>, problems: &mut Problems) {
        for (key, value) in table {
            let child = fields::join(path, key.get_ref());
            match fields::field(&child) {
                Some(field) => self.value(field, key.span(), value, problems),
                None => unknown_key(path, key, value, problems),
            }
        }
        let missing = fields::children(path)
            .filter(|(key, field)| field.required && !table.keys().any(|written| written.get_ref() == key));
        for (_, field) in missing {
            report_missing(field, header, problems);
        }
    }

    fn value(&mut self, field: &Field, key: Span, value: &Spanned<DeValue<'_>>, problems: &mut Problems) {
        let span = value.span();
        let read = if has_shape(value.get_ref(), field.shape) {
            read_value(value.get_ref(), field.shape)
        } else {
            wrong_shape(field, value, problems);
            Value::Broken
        };
        self.nodes.insert(field.path.to_owned(), Node { key: key.clone(), span, value: read.clone() });
        if let (Value::Section, DeValue::Table(table)) = (&read, value.get_ref()) {
            self.section(field.path, &key, table, problems);
        }
    }

    /// Returns true when the key is written, even with a broken value.
    pub(super) fn is_given(&self, path: &str) -> bool {
        self.nodes.contains_key(path)
    }

    /// Returns the position of the value; of the nearest section's name when it is not written.
    pub(super) fn span(&self, path: &str) -> Span {
        match self.nodes.get(path) {
            Some(node) if node.value == Value::Section => node.key.clone(),
            Some(node) => node.span.clone(),
            None => path.rsplit_once('.').map_or(0..0, |(parent, _)| self.span(parent)),
        }
    }

    /// Returns the position of the key.
    pub(super) fn key_span(&self, path: &str) -> Span {
        self.nodes.get(path).map_or_else(|| self.span(path), |node| node.key.clone())
    }

    /// Returns what is written, if it has the right shape.
    pub(super) fn written(&self, path: &str) -> Option<&Value> {
        self.nodes.get(path).map(|node| &node.value).filter(|value| **value != Value::Broken)
    }

    /// Returns the written text with its position; `None` when it is absent, empty or no text.
    pub(super) fn word(&self, path: &str) -> Option<(&str, Span)> {
        match self.written(path) {
            Some(Value::Text(text)) if !text.is_empty() => Some((text, self.span(path))),
            _ => None,
        }
    }

    /// Returns the text, or its default, or nothing.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        match self.written(path) {
            Some(Value::Text(text)) => Some(text.clone()),
            _ => default(path)?.as_str().map(str::to_owned),
        }
    }

    /// Returns the integer or its default.
    pub(super) fn integer(&self, path: &str) -> Option<i64> {
        match self.written(path) {
            Some(Value::Integer(number)) => Some(*number),
            _ => default(path)?.as_i64(),
        }
    }

    /// Returns the boolean or its default.
    pub(super) fn boolean(&self, path: &str) -> Option<bool> {
        match self.written(path) {
            Some(Value::Boolean(value)) => Some(*value),
            _ => default(path)?.as_bool(),
        }
    }

    /// Returns the list or its default.
    pub(super) fn list(&self, path: &str) -> Option<Vec<String>> {
        match self.written(path) {
            Some(Value::List(words)) => Some(words.iter().map(|word| word.text.clone()).collect()),
            _ => default(path)?.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        }
    }

    /// Returns the written list with positions; empty when it is absent.
    pub(super) fn words(&self, path: &str) -> &[Word] {
        match self.written(path) {
            Some(Value::List(words)) => words,
            _ => &[],
        }
    }

    /// Returns the written map with positions; empty when it is absent.
    pub(super) fn entries(&self, path: &str) -> &[(Word, Word)] {
        match self.written(path) {
            Some(Value::Map(entries)) => entries,
            _ => &[],
        }
    }
}

/// Returns the default of a field.
fn default(path: &str) -> Option<Json> {
    serde_json::from_str(fields::field(path)?.default?).ok()
}

fn has_shape(value: &DeValue<'_>, shape: Shape) -> bool {
    match (shape, value) {
        (Shape::Text | Shape::Choice(_), DeValue::String(_)) | (Shape::Boolean, DeValue::Boolean(_)) => true,
        (Shape::Integer(..), DeValue::Integer(_)) => integer(value).is_some(),
        (Shape::List, DeValue::Array(items)) => items.iter().all(|item| item.get_ref().is_str()),
        (Shape::Map, DeValue::Table(table)) => table.values().all(|item| item.get_ref().is_str()),
        (Shape::Section, DeValue::Table(_)) => true,
        (Shape::Any(shapes), value) => shapes.iter().any(|shape| has_shape(value, *shape)),
        _ => false,
    }
}

fn read_value(value: &DeValue<'_>, shape: Shape) -> Value {
    let word = |text: &str, span: Span| Word { text: text.to_owned(), span };
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Boolean(value) => Value::Boolean(*value),
        DeValue::Integer(_) => integer(value).map_or(Value::Broken, Value::Integer),
        DeValue::Array(items) => {
            Value::List(items.iter().filter_map(|item| Some(word(item.get_ref().as_str()?, item.span()))).collect())
        }
        DeValue::Table(table) if shape == Shape::Map => {
            let mut entries: Vec<_> = table
                .iter()
                .filter_map(|(key, item)| {
                    Some((word(key.get_ref(), key.span()), word(item.get_ref().as_str()?, item.span())))
                })
                .collect();
            entries.sort_by_key(|(key, _)| key.span.start);
            Value::Map(entries)
        }
        DeValue::Table(_) => Value::Section,
        DeValue::Float(_) | DeValue::Datetime(_) => Value::Broken,
    }
}

fn integer(value: &DeValue<'_>) -> Option<i64> {
    let number = value.as_integer()?;
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

fn unknown_key(
    section: &str,
    key: &Spanned<std::borrow::Cow<'_, str>>,
    value: &Spanned<DeValue<'_>>,
    problems: &mut Problems,
) {
    let written = key.get_ref().as_ref();
    let place = if section.is_empty() { "at the top level".to_owned() } else { format!("in [{section}]") };
    let near = did_you_mean(written, fields::children(section).map(|(key, _)| key));
    let elsewhere = fields::FIELDS.iter().find(|field| field.path.rsplit('.').next() == Some(written));
    let meant = near.or(elsewhere.map(|field| field.path));
    let help = if let Some(meant) = near {
        format!("did you mean `{meant}`?")
    } else if let Some(field) = elsewhere {
        match field.path.rsplit_once('.') {
            Some((parent, _)) => format!("`{written}` belongs in [{parent}]"),
            None => format!("`{written}` belongs at the top, before the first [section]"),
        }
    } else {
        let known: Vec<_> = fields::children(section).map(|(key, _)| key).collect();
        format!("known keys: {}", known.join(", "))
    };
    let diagnostic = problems.error(codes::UNKNOWN_KEY, &key.span(), format!("unknown key `{written}` {place}"), help);
    // A secret may stand under a misspelt name: a value is shown only if the name that was meant is harmless.
    let harmless = meant.is_some_and(|meant| !sounds_secret(meant));
    let is_plain = !matches!(value.get_ref(), DeValue::String(_) | DeValue::Array(_) | DeValue::Table(_));
    if sounds_secret(written) || sounds_secret(section) || !(harmless || is_plain) {
        diagnostic.masked = Some(value.span());
    }
}

fn report_missing(field: &Field, header: &Span, problems: &mut Problems) {
    let path = field.path;
    if field.shape != Shape::Section {
        problems.error(codes::MISSING, header, format!("`{path}` is missing"), field.hint());
        return;
    }
    let needs: Vec<_> = fields::children(path).filter(|(_, field)| field.required).map(|(key, _)| key).collect();
    let help = format!("add [{path}] with {}", needs.join(", "));
    problems.error(codes::MISSING, header, format!("`{path}` is missing"), help);
}

fn wrong_shape(field: &Field, value: &Spanned<DeValue<'_>>, problems: &mut Problems) {
    let path = field.path;
    // Point at the one bad element of a list or map, not at the whole.
    let element = match (value.get_ref(), field.shape) {
        (DeValue::Array(items), Shape::List | Shape::Any(_)) => items.iter().find(|item| !item.get_ref().is_str()),
        (DeValue::Table(table), Shape::Map) => table.values().find(|item| !item.get_ref().is_str()),
        _ => None,
    };
    let found = element.unwrap_or(value);
    let found_type = article(found.get_ref());
    let is_scalar = !matches!(found.get_ref(), DeValue::Array(_) | DeValue::Table(_));
    let (message, help) = match element {
        Some(_) => (format!("`{path}` must hold strings only, this is {found_type}"), "put it in quotes".to_owned()),
        None if field.shape == Shape::Text && is_scalar => {
            (format!("`{path}` must be a string, this is {found_type}"), "put it in quotes".to_owned())
        }
        None => (format!("`{path}` must be {}, this is {found_type}", describe(field.shape)), field.hint()),
    };
    let diagnostic = problems.error(codes::WRONG_TYPE, &found.span(), message, help);
    // Under [zenml.environment] anything may stand; the span of such a table is its header.
    if sounds_secret(path) || field.shape == Shape::Map {
        let is_table = matches!(value.get_ref(), DeValue::Table(_));
        diagnostic.masked = Some(if is_table { found.span() } else { value.span() });
    }
}

fn describe(shape: Shape) -> String {
    match shape {
        Shape::Text => "a string".to_owned(),
        Shape::Choice(choices) => choices.iter().map(|choice| format!("\"{choice}\"")).collect::<Vec<_>>().join(" or "),
        Shape::Integer(..) => "an integer".to_owned(),
        Shape::Boolean => "true or false".to_owned(),
        Shape::List => "a list of strings".to_owned(),
        Shape::Map => "a table of strings".to_owned(),
        Shape::Section => "a table".to_owned(),
        Shape::Any(shapes) => shapes.iter().map(|shape| describe(*shape)).collect::<Vec<_>>().join(" or "),
    }
}

fn article(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) if integer(value).is_none() => "an integer that is too large",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
