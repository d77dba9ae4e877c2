//! The field table of a kind: what each field costs to change, and how it is compared.

use super::Tags;
use serde::de::{DeserializeOwned, Deserializer, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;

/// What a change of a field costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Only used by the create call; never compared afterwards.
    CreateOnly,
    /// Changed in place.
    Update,
    /// The object has to be made anew.
    Replace,
}

/// One field of a kind.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// The name in the struct.
    pub name: &'static str,
    /// What a change costs.
    pub effect: Effect,
    /// AWS never returns it: compared with the record.
    pub unread: bool,
    /// The create call cannot set it; the engine calls `update` for it after the create.
    pub after_create: bool,
    /// Outputs that are unknown while this field is being updated.
    pub changes: &'static [&'static str],
    /// Equal although not identical: (wanted, live).
    pub same_when: Option<fn(&Value, &Value) -> bool>,
    /// What a change of this field means for users of the deployment, for the plan ("outage of some minutes").
    pub impact: Option<&'static str>,
}

impl Field {
    const fn new(name: &'static str, effect: Effect) -> Self {
        Self { name, effect, unread: false, after_create: false, changes: &[], same_when: None, impact: None }
    }

    /// A field that is changed in place.
    pub const fn update(name: &'static str) -> Self {
        Self::new(name, Effect::Update)
    }

    /// A field whose change needs a new object.
    pub const fn replace(name: &'static str) -> Self {
        Self::new(name, Effect::Replace)
    }

    /// A field that only the create call uses.
    pub const fn create_only(name: &'static str) -> Self {
        Self::new(name, Effect::CreateOnly)
    }

    /// AWS never returns it.
    pub const fn unread(mut self) -> Self {
        self.unread = true;
        self
    }

    /// The create call cannot set it.
    pub const fn after_create(mut self) -> Self {
        self.after_create = true;
        self
    }

    /// These outputs are unknown while the field is being updated.
    pub const fn changes(mut self, outputs: &'static [&'static str]) -> Self {
        self.changes = outputs;
        self
    }

    /// Compared by this function: (wanted, live).
    pub const fn same_when(mut self, same: fn(&Value, &Value) -> bool) -> Self {
        self.same_when = Some(same);
        self
    }

    /// What a change means for the users of the deployment.
    pub const fn impact(mut self, impact: &'static str) -> Self {
        self.impact = Some(impact);
        self
    }

    /// True if the live value satisfies the wanted one. A wanted `null` is not ours to manage.
    pub fn satisfied(&self, want: &Value, live: &Value) -> bool {
        want.is_null() || want == live || self.same_when.is_some_and(|same| same(want, live))
    }
}

/// What `update` has to bring to the wanted state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changed {
    /// Names of the fields.
    pub fields: BTreeSet<String>,
    /// Tags to set and to remove.
    pub tags: Option<TagChange>,
}

impl Changed {
    /// True if this field has to change.
    pub fn has(&self, field: &str) -> bool {
        self.fields.contains(field)
    }

    /// True if any of these fields has to change.
    pub fn any(&self, fields: &[&str]) -> bool {
        fields.iter().any(|field| self.has(field))
    }

    /// True if there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.tags.is_none()
    }
}

/// A change of tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagChange {
    /// All tags that should be there (setting one that is there already is harmless).
    pub set: Tags,
    /// Keys that hybridctl set earlier and that are wanted no more.
    pub remove: Vec<String>,
}

/// The field names of a struct, as serde knows them; empty for anything else.
pub fn names_of<T: DeserializeOwned>() -> Vec<&'static str> {
    struct Names<'n>(&'n mut Vec<&'static str>);
    impl<'de> Deserializer<'de> for Names<'_> {
        type Error = serde::de::value::Error;
        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _name: &'static str,
            fields: &'static [&'static str],
            _visitor: V,
        ) -> Result<V::Value, Self::Error> {
            self.0.extend(fields);
            Err(serde::de::Error::custom("only the names are wanted"))
        }
        fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Self::Error> {
            Err(serde::de::Error::custom("not a struct"))
        }
        serde::forward_to_deserialize_any! {
            bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
            newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }
    let mut names = vec![];
    // The deserializer always stops with an error, after it has seen the names.
    drop(T::deserialize(Names(&mut names)));
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[derive(Deserialize)]
    struct Example {
        #[expect(dead_code, reason = "only its name is read")]
        first: String,
        #[expect(dead_code, reason = "only its name is read")]
        second: Option<u16>,
    }

    #[test]
    fn field_names_come_from_the_struct() {
        assert_eq!(names_of::<Example>(), ["first", "second"]);
        assert!(names_of::<String>().is_empty());
    }

    #[test]
    fn a_wanted_null_is_not_ours_to_manage() {
        let field = Field::update("desired_count");
        assert!(field.satisfied(&json!(null), &json!(4)));
        assert!(!field.satisfied(&json!(1), &json!(4)));
    }

    #[test]
    fn equal_need_not_be_identical() {
        let prefix: fn(&Value, &Value) -> bool =
            |w, l| l.as_str().zip(w.as_str()).is_some_and(|(l, w)| l.starts_with(w));
        assert!(Field::update("engine_version").same_when(prefix).satisfied(&json!("8.4"), &json!("8.4.6")));
    }
}
