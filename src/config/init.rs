//! What `hybridctl init` writes: a template with the author's answers in it, comments kept.
//!
//! It asks nothing and touches no file. What is not answered stays a placeholder, which `validate` then names.
//! A newcomer would insert a renamed key with `toml_edit` alone: it lands at the end, away from its comment.

use toml_edit::{DocumentMut, InlineTable, Item, Key, Table, Value};

use crate::config::{Certificate, Dns, SecretSource, Template};

/// What the author answered; everything else stays as it is in the template.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answers {
    /// Name of the deployment.
    pub name: Option<String>,
    /// AWS region.
    pub region: Option<String>,
    /// The only account to use.
    pub account_id: Option<String>,
    /// Server version.
    pub version: Option<String>,
    /// Public address of the server.
    pub server_url: Option<String>,
    /// Organization id.
    pub organization_id: Option<String>,
    /// Organization name.
    pub organization_name: Option<String>,
    /// Workspace id.
    pub workspace_id: Option<String>,
    /// Workspace name.
    pub workspace_name: Option<String>,
    /// Where the OAuth2 client secret comes from.
    pub oauth2_client_secret: Option<SecretSource>,
    /// The certificate.
    pub certificate: Option<Certificate>,
    /// DNS. Without an answer the zone follows `server_url`: its host without the first label.
    pub dns: Option<Dns>,
}

/// Returns the text of a `hybrid.toml`: the template with the answers in place, comments and layout kept.
pub fn render_template(template: &Template, answers: &Answers) -> String {
    let Ok(mut document) = template.text.parse::<DocumentMut>() else {
        // Only a template of a caller's own can end up here: a test parses ours. `load` will say what is wrong.
        return template.text.to_owned();
    };
    let root = document.as_table_mut();
    set(root, &["name"], answers.name.as_deref());
    set(root, &["region"], answers.region.as_deref());
    set(root, &["account_id"], answers.account_id.as_deref());
    set(root, &["zenml", "version"], answers.version.as_deref());
    set(root, &["zenml", "server_url"], answers.server_url.as_deref());
    set(root, &["zenml", "organization", "id"], answers.organization_id.as_deref());
    set(root, &["zenml", "organization", "name"], answers.organization_name.as_deref());
    set(root, &["zenml", "workspace", "id"], answers.workspace_id.as_deref());
    set(root, &["zenml", "workspace", "name"], answers.workspace_name.as_deref());
    if let Some(source) = &answers.oauth2_client_secret {
        replace(root, &["zenml"], "oauth2_client_secret", "oauth2_client_secret", source_value(source));
    }
    certificate(root, answers);
    dns(root, answers);
    document.to_string()
}

fn source_value(source: &SecretSource) -> Value {
    let (key, text) = match source {
        SecretSource::Env(text) => ("env", text),
        SecretSource::File(text) => ("file", text),
        SecretSource::Enrollment(text) => ("enrollment", text),
        SecretSource::SecretArn(text) => ("secret_arn", text),
    };
    table_value(key, text)
}

fn table_value(key: &str, text: &str) -> Value {
    let mut table = InlineTable::new();
    table.insert(key, text.into());
    Value::InlineTable(table)
}

fn certificate(root: &mut Table, answers: &Answers) {
    const KEYS: [&str; 2] = ["certificate_arn", "certificate"];
    let ingress = root.get("ingress").and_then(Item::as_table_like);
    let Some(old) = KEYS.into_iter().find(|key| ingress.is_some_and(|table| table.contains_key(key))) else { return };
    match (&answers.certificate, &answers.region) {
        (Some(Certificate::Arn(arn)), _) => replace(root, &["ingress"], old, KEYS[0], arn.as_str().into()),
        (Some(Certificate::Request), _) => replace(root, &["ingress"], old, KEYS[1], "request".into()),
        (None, Some(region)) if old == KEYS[0] => {
            // The placeholder must not contradict the region, or the first thing `validate` says is about our own text.
            let arn = ingress.and_then(|table| table.get(old)).and_then(Item::as_str).unwrap_or_default();
            let parts: Vec<&str> = arn.split(':').collect();
            if let [start @ .., _, account, resource] = parts.as_slice() {
                let arn = [start, &[region, account, resource]].concat().join(":");
                set(root, &["ingress", old], Some(&arn));
            }
        }
        _ => {}
    }
}

fn dns(root: &mut Table, answers: &Answers) {
    let parent = |url: &String| {
        let host = url.trim_start_matches("https://").trim_end_matches('/');
        host.split_once('.').map(|(_, parent)| parent.to_owned()).filter(|parent| parent.contains('.'))
    };
    let zone = match &answers.dns {
        Some(Dns::External) => return replace(root, &["ingress"], "dns", "dns", "external".into()),
        Some(Dns::Route53 { zone }) => Some(zone.clone()),
        None => answers.server_url.as_ref().and_then(parent),
    };
    if let Some(zone) = zone {
        replace(root, &["ingress"], "dns", "dns", table_value("route53_zone", &zone));
    }
}

/// Sets a string, with the comment and spaces of the old one; a key that is not there is added to its table.
fn set(root: &mut Table, path: &[&str], text: Option<&str>) {
    let (Some(text), Some((key, sections))) = (text, path.split_last()) else { return };
    if let Some(table) = section(root, sections) {
        match table.get_mut(key) {
            Some(item) => overwrite(item, text.into()),
            None => {
                table.insert(key, toml_edit::value(text));
            }
        }
    }
}

fn section<'a>(root: &'a mut Table, sections: &[&str]) -> Option<&'a mut dyn toml_edit::TableLike> {
    let mut table: &mut dyn toml_edit::TableLike = root;
    for name in sections {
        table = table.get_mut(name)?.as_table_like_mut()?;
    }
    Some(table)
}

fn overwrite(item: &mut Item, mut value: Value) {
    if let Some(old) = item.as_value() {
        *value.decor_mut() = old.decor().clone();
    }
    *item = Item::Value(value);
}

/// Replaces a key and its value in place: `toml_edit` would add the new key at the end, away from its comment.
fn replace(root: &mut Table, sections: &[&str], old: &str, new: &str, value: Value) {
    let mut table = root;
    for name in sections {
        let Some(inner) = table.get_mut(name).and_then(Item::as_table_mut) else { return };
        table = inner;
    }
    let keys: Vec<String> = table.iter().map(|(key, _)| key.to_owned()).collect();
    for name in keys {
        let Some((mut key, mut item)) = table.remove_entry(&name) else { continue };
        if name == old {
            key = Key::new(new).with_leaf_decor(key.leaf_decor().clone());
            overwrite(&mut item, value.clone());
        }
        table.insert_formatted(&key, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{load, templates};

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    fn full() -> Answers {
        Answers {
            name: some("my-zenml"),
            region: some("us-east-1"),
            account_id: some("111122223333"),
            version: some("0.99.1"),
            server_url: some("https://zenml.ml.example.com"),
            organization_id: some("3f2504e0-4f89-41d3-9a0c-0305e82c3301"),
            organization_name: some("Acme \"ML\""),
            workspace_id: some("3f2504e0-4f89-41d3-9a0c-0305e82c3302"),
            workspace_name: some("prod"),
            oauth2_client_secret: Some(SecretSource::Enrollment("enrollment.json".into())),
            certificate: Some(Certificate::Request),
            dns: None,
        }
    }

    fn comments(text: &str) -> Vec<&str> {
        text.lines().filter_map(|line| line.split_once('#').map(|(_, comment)| comment)).collect()
    }

    #[test]
    fn every_template_takes_all_answers_and_keeps_its_comments() {
        for template in templates() {
            let text = render_template(template, &full());
            let (config, found) = load("hybrid.toml", &text).unwrap_or_else(|found| panic!("{found:?}\n{text}"));
            assert_eq!(found, [], "{text}");
            assert_eq!((config.name.as_str(), config.region.as_str()), ("my-zenml", "us-east-1"));
            assert_eq!(config.account_id.as_deref(), Some("111122223333"));
            assert_eq!(config.zenml.version, "0.99.1");
            assert_eq!(config.zenml.organization.name, "Acme \"ML\"");
            assert_eq!(config.zenml.oauth2_client_secret, SecretSource::Enrollment("enrollment.json".into()));
            assert_eq!(config.ingress.certificate, Certificate::Request);
            assert_eq!(config.ingress.dns, Dns::Route53 { zone: "ml.example.com".into() });
            assert_eq!(comments(&text), comments(template.text));
        }
    }

    #[test]
    fn without_answers_a_template_is_itself() {
        for template in templates() {
            assert_eq!(render_template(template, &Answers::default()), template.text);
        }
    }

    #[test]
    fn a_region_alone_leaves_nothing_but_placeholders() {
        for template in templates() {
            let answers = Answers { region: some("ap-south-1"), ..Answers::default() };
            let (config, found) = load("f", &render_template(template, &answers)).expect("a valid config");
            assert_eq!(config.region, "ap-south-1");
            assert!(found.iter().all(|one| one.code == "HC1009"), "{found:?}");
        }
    }

    #[test]
    fn certificate_and_dns_change_their_form_in_place() {
        let arn = "arn:aws:acm:eu-central-1:111122223333:certificate/3f2504e0-4f89-41d3-9a0c-0305e82c3301";
        let answers = Answers {
            certificate: Some(Certificate::Arn(arn.to_owned())),
            dns: Some(Dns::External),
            ..Answers::default()
        };
        for template in templates() {
            let text = render_template(template, &answers);
            let (config, _) = load("f", &text).expect("a valid config");
            assert_eq!(config.ingress.certificate, Certificate::Arn(arn.to_owned()));
            assert_eq!(config.ingress.dns, Dns::External);
            let position = |key: &str| text.find(key).unwrap_or(usize::MAX);
            assert!(position("\ncertificate_arn = ") < position("\ndns = \"external\""), "{text}");
        }
    }
}
