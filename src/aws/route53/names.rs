//! Names as Route 53 stores them, and as we compare them.
//!
//! Route 53 lowers the case, adds a dot at the end, writes `*` as `\052` and lets the prefix `dualstack.` of an alias come
//! and go. Text in quotes (TXT) is left alone.

use serde_json::Value;

/// `*.mycompany.com` of `\052.MyCompany.com.`.
pub(super) fn canonical(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase().replace("\\052", "*")
}

/// A canonical name without `dualstack.`.
pub(super) fn alias_target(name: &str) -> String {
    let name = canonical(name);
    name.strip_prefix("dualstack.").map(str::to_owned).unwrap_or(name)
}

/// A record's value: a name, an address, or text in quotes.
pub(super) fn value(value: &str) -> String {
    if value.starts_with('"') { value.to_owned() } else { canonical(value) }
}

/// (wanted, live)
pub(super) fn same_name(want: &Value, live: &Value) -> bool {
    mapped(want, canonical) == mapped(live, canonical)
}

/// (wanted, live)
pub(super) fn same_values(want: &Value, live: &Value) -> bool {
    let sorted = |values: &Value| {
        let mut texts: Vec<_> = values.as_array()?.iter().map(|one| mapped(one, value)).collect::<Option<_>>()?;
        texts.sort();
        Some(texts)
    };
    sorted(want).is_some_and(|want| Some(want) == sorted(live))
}

/// (wanted, live)
pub(super) fn same_alias(want: &Value, live: &Value) -> bool {
    let target = |alias: &Value| mapped(&alias["dns_name"], alias_target);
    target(want).is_some_and(|want_target| Some(want_target) == target(live)) && want["zone_id"] == live["zone_id"]
}

/// `None` for anything but text, such as a reference to an output that is not known yet.
fn mapped(value: &Value, map: fn(&str) -> String) -> Option<String> {
    value.as_str().map(map)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_name_is_the_same_in_every_spelling() {
        for name in ["*.Zenml.Example.com", "\\052.zenml.example.com.", "*.zenml.example.com"] {
            assert_eq!(canonical(name), "*.zenml.example.com");
        }
        assert!(same_name(&json!("Zenml.example.com."), &json!("zenml.example.com")));
        assert!(!same_name(&json!("zenml.example.com"), &json!("zenml.example.org")));
    }

    #[test]
    fn an_alias_is_the_same_with_and_without_dualstack() {
        let alias = |name, zone| json!({ "dns_name": name, "zone_id": zone });
        let want = alias("Zenml-1.eu-central-1.elb.amazonaws.com", "Z1");
        assert!(same_alias(&want, &alias("dualstack.zenml-1.eu-central-1.elb.amazonaws.com.", "Z1")));
        assert!(!same_alias(&want, &alias("zenml-2.eu-central-1.elb.amazonaws.com", "Z1")));
        assert!(!same_alias(&want, &alias("zenml-1.eu-central-1.elb.amazonaws.com", "Z2")));
        assert!(!same_alias(&want, &json!(null)));
        let unknown = json!({ "dns_name": { "$output": "elb.load_balancer/main#dns_name" }, "zone_id": "Z1" });
        assert!(!same_alias(&unknown, &want));
    }

    #[test]
    fn values_are_compared_as_names_unless_quoted() {
        assert!(same_values(&json!(["_B.acm-validations.aws."]), &json!(["_b.acm-validations.aws"])));
        assert!(same_values(&json!(["B.example.com", "a.example.com"]), &json!(["a.example.com", "b.example.com."])));
        assert!(!same_values(&json!(["\"Text.\""]), &json!(["\"text\""])));
        assert!(!same_values(&json!([{ "$output": "acm.certificate/main#validation_value" }]), &json!(["a"])));
    }
}
