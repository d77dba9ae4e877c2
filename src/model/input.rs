//! A value of a desired resource: known now, or another resource's output.
//!
//! Serialises as the plain value, or as `{"$output": "ec2.vpc/main#vpc_id"}`. Dependencies are found by walking the
//! serialised inputs for such references: using a value *is* declaring the dependency.

use super::Address;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

/// The one key of the JSON object that stands for an output not known yet.
pub const OUTPUT_KEY: &str = "$output";

/// One named output of one resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutputRef {
    /// The resource that produces the value.
    pub address: Address,
    /// The output's name, for example `vpc_id`.
    pub output: String,
}

impl fmt::Display for OutputRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.address, self.output)
    }
}

impl FromStr for OutputRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, output) = text.split_once('#').ok_or_else(|| format!("`{text}` is not `kind/name#output`"))?;
        let address = address.parse().map_err(|e: super::address::BadAddress| e.to_string())?;
        Ok(Self { address, output: output.to_owned() })
    }
}

impl OutputRef {
    /// The JSON form, `{"$output": "kind/name#output"}`.
    pub fn to_value(&self) -> Value {
        let mut map = Map::new();
        map.insert(OUTPUT_KEY.to_owned(), Value::String(self.to_string()));
        Value::Object(map)
    }

    /// Reads the JSON form; `None` for any other value.
    pub fn from_value(value: &Value) -> Option<Self> {
        let map = value.as_object()?;
        if map.len() != 1 {
            return None;
        }
        map.get(OUTPUT_KEY)?.as_str()?.parse().ok()
    }
}

/// A typed output of a resource, as its [`super::Handle`] gives it out.
#[derive(Debug)]
pub struct Output<T> {
    reference: OutputRef,
    of: PhantomData<fn() -> T>,
}

impl<T> Output<T> {
    pub(crate) fn new(reference: OutputRef) -> Self {
        Self { reference, of: PhantomData }
    }

    /// The untyped reference.
    pub fn reference(&self) -> &OutputRef {
        &self.reference
    }
}

impl<T> Clone for Output<T> {
    fn clone(&self) -> Self {
        Self::new(self.reference.clone())
    }
}

/// A value that is known, or the output of another resource that will be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Input<T> {
    /// The value itself.
    Known(T),
    /// Whatever the other resource reports under this name once it exists.
    Output(OutputRef),
}

/// An input was read before the resource that produces it existed: a bug in the engine's ordering.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the value of `{0}` is not known yet; this is a bug in hybridctl, please report it with the run log")]
pub struct Unresolved(pub OutputRef);

impl<T> Input<T> {
    /// Returns the value.
    ///
    /// # Errors
    /// Fails only if the engine called a resource before its dependency.
    pub fn get(&self) -> Result<&T, Unresolved> {
        match self {
            Self::Known(value) => Ok(value),
            Self::Output(reference) => Err(Unresolved(reference.clone())),
        }
    }
}

impl<T> From<T> for Input<T> {
    fn from(value: T) -> Self {
        Self::Known(value)
    }
}

impl<T> From<Output<T>> for Input<T> {
    fn from(output: Output<T>) -> Self {
        Self::Output(output.reference)
    }
}

impl<T: Serialize> Serialize for Input<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Known(value) => value.serialize(serializer),
            Self::Output(reference) => reference.to_value().serialize(serializer),
        }
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Input<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        match OutputRef::from_value(&value) {
            Some(reference) => Ok(Self::Output(reference)),
            None => serde_json::from_value(value).map(Self::Known).map_err(serde::de::Error::custom),
        }
    }
}

/// Calls `visit` for every output reference inside `value`, in document order.
pub fn references(value: &Value, visit: &mut dyn FnMut(OutputRef)) {
    if let Some(reference) = OutputRef::from_value(value) {
        return visit(reference);
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| references(item, visit)),
        Value::Object(map) => map.values().for_each(|item| references(item, visit)),
        _ => {}
    }
}

/// Copies `value` with every reference that `known` can answer replaced by its value.
pub fn substitute(value: &Value, known: &dyn Fn(&OutputRef) -> Option<Value>) -> Value {
    if let Some(reference) = OutputRef::from_value(value) {
        return known(&reference).unwrap_or_else(|| value.clone());
    }
    match value {
        Value::Array(items) => Value::Array(items.iter().map(|item| substitute(item, known)).collect()),
        Value::Object(map) => Value::Object(map.iter().map(|(k, v)| (k.clone(), substitute(v, known))).collect()),
        other => other.clone(),
    }
}

/// True if `value` contains no reference any more.
pub fn is_known(value: &Value) -> bool {
    let mut known = true;
    references(value, &mut |_| known = false);
    known
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::collections::BTreeSet;

    fn vpc_id() -> OutputRef {
        "ec2.vpc/main#vpc_id".parse().unwrap()
    }

    #[test]
    fn serialises_as_the_value_or_as_a_reference() {
        assert_eq!(serde_json::to_value(Input::Known("vpc-1")).unwrap(), json!("vpc-1"));
        let unknown: Input<String> = Output::new(vpc_id()).into();
        let value = serde_json::to_value(&unknown).unwrap();
        assert_eq!(value, json!({"$output": "ec2.vpc/main#vpc_id"}));
        assert_eq!(serde_json::from_value::<Input<String>>(value).unwrap(), unknown);
    }

    #[test]
    fn references_inside_sets_are_found_and_substituted() {
        let set: BTreeSet<Input<String>> = [Input::Output(vpc_id()), Input::Known("x".into())].into();
        let value = json!({ "deep": [serde_json::to_value(&set).unwrap()] });
        let mut found = vec![];
        references(&value, &mut |r| found.push(r));
        assert_eq!(found, [vpc_id()]);
        let done = substitute(&value, &|r| (r.output == "vpc_id").then(|| json!("vpc-1")));
        assert!(is_known(&done), "{done}");
    }

    #[test]
    fn reading_an_unknown_value_names_the_output() {
        let unknown: Input<String> = Input::Output(vpc_id());
        assert!(unknown.get().unwrap_err().to_string().contains("ec2.vpc/main#vpc_id"));
    }
}
