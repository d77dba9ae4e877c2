//! Attributes of load balancers, target groups and listeners: maps of text to text.
//!
//! AWS returns every attribute it knows, more with every year. Each kind lists the keys that it manages; a read returns only
//! those, and of those only the wanted ones are compared.

use crate::resource::{Error, Result};
use serde_json::Value;
use std::collections::BTreeMap;

/// Key to value, both as AWS spells them: `idle_timeout.timeout_seconds` to `60`.
pub type Attributes = BTreeMap<String, String>;

/// The managed ones among those that AWS returned.
pub(super) fn managed(
    keys: &[&str],
    returned: impl IntoIterator<Item = (Option<String>, Option<String>)>,
) -> Attributes {
    let pairs = returned.into_iter().filter_map(|(key, value)| Some((key?, value.unwrap_or_default())));
    pairs.filter(|(key, _)| keys.contains(&key.as_str())).collect()
}

/// Refuses a key that no read would return: it would differ for ever.
///
/// # Errors
/// Terminal.
pub(super) fn check(keys: &[&str], wanted: &Attributes) -> Result<()> {
    match wanted.keys().find(|key| !keys.contains(&key.as_str())) {
        Some(key) => Err(Error::bug(format!("the attribute `{key}` is not a managed one"))),
        None => Ok(()),
    }
}

/// True if every wanted attribute has the wanted value; others are not ours. (wanted, live)
pub(super) fn are_set(want: &Value, live: &Value) -> bool {
    let (Some(want), Some(live)) = (want.as_object(), live.as_object()) else { return false };
    want.iter().all(|(key, value)| live.get(key) == Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_managed_attributes_are_read() {
        let pair = |key: &str, value: &str| (Some(key.to_owned()), Some(value.to_owned()));
        let returned = [pair("idle_timeout.timeout_seconds", "60"), pair("routing.http2.enabled", "true")];
        let read = managed(&["idle_timeout.timeout_seconds"], returned);
        assert_eq!(read, Attributes::from([("idle_timeout.timeout_seconds".into(), "60".into())]));
    }

    #[test]
    fn only_wanted_attributes_are_compared() {
        let live = json!({ "a": "1", "b": "2" });
        assert!(are_set(&json!({ "a": "1" }), &live));
        assert!(are_set(&json!({}), &live));
        assert!(!are_set(&json!({ "a": "2" }), &live));
        assert!(!are_set(&json!({ "c": "" }), &live), "a key that AWS does not return is not set");
    }

    #[test]
    fn an_attribute_that_no_read_returns_is_refused() {
        assert!(check(&["a"], &Attributes::from([("a".into(), "1".into())])).is_ok());
        assert!(check(&["a"], &Attributes::from([("b".into(), "1".into())])).is_err());
    }
}
