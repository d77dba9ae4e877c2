//! A policy document, compared by what it means and not by how it is written.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>
//!
//! IAM returns the text as it was sent (percent-encoded), whoever sent it: a single element may be a scalar or a list, and
//! order carries no meaning. Parsed, everything is a set. A principal that reads `AROA…` is the unique id of a deleted role:
//! that is a real difference and stays one.

use crate::model::Input;
use crate::resource::{Error, Result};
use serde::de::{DeserializeOwned, Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A policy document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Document {
    /// Version of the language, `2012-10-17`. A document without one is of `2008-10-17`.
    #[serde(default = "without_version")]
    pub version: String,
    /// A name for the document; nothing reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The statements.
    #[serde(deserialize_with = "one_or_many")]
    pub statement: BTreeSet<Statement>,
}

/// Whether a statement permits or forbids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Effect {
    /// It permits.
    Allow,
    /// It forbids.
    Deny,
}

/// One statement. Empty sets are left out of the text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    /// A name for the statement; nothing reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// Whether it permits or forbids.
    pub effect: Effect,
    /// Who: kind of principal (`Service`, `AWS`) to names. `"*"` is kept as `{"AWS": ["*"]}`, which means the same.
    #[serde(default, deserialize_with = "principals", skip_serializing_if = "BTreeMap::is_empty")]
    pub principal: BTreeMap<String, Texts>,
    /// Everyone but these.
    #[serde(default, deserialize_with = "principals", skip_serializing_if = "BTreeMap::is_empty")]
    pub not_principal: BTreeMap<String, Texts>,
    /// What: `service:Action`.
    #[serde(default, skip_serializing_if = "Texts::is_empty")]
    pub action: Texts,
    /// Every action but these.
    #[serde(default, skip_serializing_if = "Texts::is_empty")]
    pub not_action: Texts,
    /// On what: ARNs, often outputs of other resources.
    #[serde(default, deserialize_with = "one_or_many", skip_serializing_if = "BTreeSet::is_empty")]
    pub resource: BTreeSet<Input<String>>,
    /// On everything but these.
    #[serde(default, skip_serializing_if = "Texts::is_empty")]
    pub not_resource: Texts,
    /// When: operator (`StringEquals`), key (`aws:SourceAccount`), values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub condition: BTreeMap<String, BTreeMap<String, Texts>>,
}

/// A set of texts. Reads a scalar as a set of one, and numbers and truth values as their text.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Texts(pub BTreeSet<String>);

impl Texts {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T: Into<String>> FromIterator<T> for Texts {
    fn from_iter<I: IntoIterator<Item = T>>(texts: I) -> Self {
        Self(texts.into_iter().map(Into::into).collect())
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = |value| match value {
            Value::String(text) => Ok(text),
            Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
            other => Err(D::Error::custom(format!("`{other}` is not a text"))),
        };
        listed(Value::deserialize(deserializer)?).into_iter().map(text).collect::<std::result::Result<_, _>>().map(Self)
    }
}

impl Document {
    /// A document of the current version of the language.
    pub fn new(statements: impl IntoIterator<Item = Statement>) -> Self {
        Self { version: "2012-10-17".to_owned(), id: None, statement: statements.into_iter().collect() }
    }

    /// Reads the text as IAM returns it, percent-encoded.
    ///
    /// # Errors
    /// Terminal, if it is not a policy document.
    pub fn decode(encoded: &str) -> Result<Self> {
        serde_json::from_str(&percent_decoded(encoded))
            .map_err(|e| Error::terminal(format!("IAM returned a policy document that does not parse: {e}")))
    }

    /// The text for a call.
    ///
    /// # Errors
    /// Terminal, if a resource is not known yet: a bug in the engine's ordering.
    pub fn text(&self) -> Result<String> {
        for resource in self.statement.iter().flat_map(|statement| &statement.resource) {
            resource.get()?;
        }
        Ok(serde_json::to_string(self).expect("because a document is plain data with string keys"))
    }
}

impl Statement {
    /// Permits these actions.
    pub fn allow<T: Into<String>>(actions: impl IntoIterator<Item = T>) -> Self {
        Self {
            sid: None,
            effect: Effect::Allow,
            principal: BTreeMap::new(),
            not_principal: BTreeMap::new(),
            action: actions.into_iter().collect(),
            not_action: Texts::default(),
            resource: BTreeSet::new(),
            not_resource: Texts::default(),
            condition: BTreeMap::new(),
        }
    }

    /// … on these resources.
    pub fn on<T: Into<Input<String>>>(mut self, resources: impl IntoIterator<Item = T>) -> Self {
        self.resource.extend(resources.into_iter().map(Into::into));
        self
    }

    /// … to this service, `ecs-tasks.amazonaws.com`.
    pub fn to_service(mut self, service: &str) -> Self {
        self.principal.entry("Service".to_owned()).or_default().0.insert(service.to_owned());
        self
    }

    /// … if the key has this value: `("StringEquals", "aws:SourceAccount", "123456789012")`.
    pub fn when(mut self, operator: &str, key: &str, value: &str) -> Self {
        let keys = self.condition.entry(operator.to_owned()).or_default();
        keys.entry(key.to_owned()).or_default().0.insert(value.to_owned());
        self
    }
}

fn without_version() -> String {
    "2008-10-17".to_owned()
}

fn listed(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        Value::Null => vec![],
        one => vec![one],
    }
}

fn one_or_many<'de, D: Deserializer<'de>, T: DeserializeOwned + Ord>(
    deserializer: D,
) -> std::result::Result<BTreeSet<T>, D::Error> {
    let items = listed(Value::deserialize(deserializer)?).into_iter();
    items.map(|item| serde_json::from_value(item).map_err(D::Error::custom)).collect()
}

fn principals<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<BTreeMap<String, Texts>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(anyone) => Ok(BTreeMap::from([("AWS".to_owned(), Texts::from_iter([anyone]))])),
        by_kind => serde_json::from_value(by_kind).map_err(D::Error::custom),
    }
}

/// `%7B` to `{`. A `+` is itself: IAM encodes as RFC 3986 says. A `%` that encodes nothing stays.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = match (first, tail) {
            (b'%', [high, low, ..]) => (*high as char).to_digit(16).zip((*low as char).to_digit(16)),
            _ => None,
        };
        match code {
            Some((high, low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn trust() -> Document {
        let statement = Statement::allow(["sts:AssumeRole"]).to_service("ecs-tasks.amazonaws.com");
        Document::new([statement.when("StringEquals", "aws:SourceAccount", "123456789012")])
    }

    fn parsed(document: Value) -> Document {
        Document::decode(&document.to_string()).unwrap()
    }

    #[test]
    fn scalars_and_lists_mean_the_same() {
        let scalars = json!({"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ecs-tasks.amazonaws.com"},
            "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}}}});
        let lists = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": ["sts:AssumeRole"], "Principal": {"Service": ["ecs-tasks.amazonaws.com"]},
            "Condition": {"StringEquals": {"aws:SourceAccount": ["123456789012"]}}}]});
        assert_eq!(parsed(scalars), trust());
        assert_eq!(parsed(lists), trust());
    }

    #[test]
    fn order_means_nothing() {
        let one = json!({"Effect": "Allow", "Action": ["a:B", "a:A"], "Resource": ["arn:2", "arn:1"]});
        let other = json!({"Resource": "*", "Action": "b:A", "Effect": "Deny"});
        let forwards = json!({"Version": "2012-10-17", "Statement": [one, other]});
        let backwards = json!({"Statement": [other,
            {"Resource": ["arn:1", "arn:2"], "Action": ["a:A", "a:B"], "Effect": "Allow"}], "Version": "2012-10-17"});
        let (forwards, backwards) = (parsed(forwards), parsed(backwards));
        assert_eq!(forwards, backwards);
        assert_eq!(forwards.text().unwrap(), backwards.text().unwrap());
        assert_eq!(parsed(serde_json::to_value(&forwards).unwrap()), forwards, "reading what it writes");
    }

    #[test]
    fn what_differs_in_meaning_differs() {
        let statement = |edit: Value| {
            let mut statement = serde_json::to_value(trust()).unwrap()["Statement"][0].clone();
            edit.as_object().unwrap().iter().for_each(|(key, value)| statement[key] = value.clone());
            parsed(json!({"Version": "2012-10-17", "Statement": statement}))
        };
        assert_eq!(statement(json!({})), trust());
        for edit in [
            json!({"Principal": {"AWS": "AROAEXAMPLEID"}}),
            json!({"Principal": "*"}),
            json!({"Effect": "Deny"}),
            json!({"NotAction": "iam:*"}),
            json!({"Condition": {}}),
            json!({"Sid": "mine"}),
        ] {
            assert_ne!(statement(edit.clone()), trust(), "{edit}");
        }
        assert_ne!(parsed(json!({"Statement": serde_json::to_value(trust().statement).unwrap()})), trust(), "version");
        let aroa = |arn: &str| {
            parsed(json!({"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": arn}}}))
        };
        assert_ne!(aroa("arn:aws:iam::123456789012:role/deploy"), aroa("AROAEXAMPLEID"));
    }

    #[test]
    fn percent_encoding_is_undone() {
        let encoded = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C\
                       %22Action%22%3A%22s3%3AGet%2A%22%2C%22Resource%22%3A%22arn%3Aaws%3As3%3A%3A%3Aa+b%2F%C3%A4%22%7D%5D%7D";
        let expected = Document::new([Statement::allow(["s3:Get*"]).on(["arn:aws:s3:::a+b/ä".to_owned()])]);
        assert_eq!(Document::decode(encoded).unwrap(), expected);
        assert_eq!(percent_decoded("100%, 5%z1"), "100%, 5%z1");
    }

    #[test]
    fn a_resource_may_be_the_output_of_another() {
        let reference: crate::model::OutputRef = "secrets.secret/key#secret_arn".parse().unwrap();
        let unknown = Document::new([Statement::allow(["a:B"]).on([Input::Output(reference)])]);
        let value = serde_json::to_value(&unknown).unwrap();
        assert_eq!(value["Statement"][0]["Resource"][0], json!({"$output": "secrets.secret/key#secret_arn"}));
        assert_eq!(serde_json::from_value::<Document>(value.clone()).unwrap(), unknown);
        assert!(unknown.text().is_err());
        let known = crate::model::input::substitute(&value, &|_| Some(json!("arn:key")));
        assert!(
            serde_json::from_value::<Document>(known).unwrap().text().unwrap().contains(r#""Resource":["arn:key"]"#)
        );
    }

    #[test]
    fn conditions_hold_truth_values_and_numbers() {
        let with = |value: Value| {
            parsed(json!({"Version": "2012-10-17", "Statement": {
            "Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": value}}}}))
        };
        assert_eq!(with(json!(false)), with(json!(["false"])));
        assert_ne!(with(json!(false)), with(json!(true)));
    }
}
