//! JSON Schema of `hybrid.toml`, made from the table in `fields.rs`.
//!
//! It describes the file as it is written, for editors; rules across settings are only in `validate`.
//! Published as `docs/config.schema.json`; a test keeps the file fresh (`UPDATE_SCHEMA=1 cargo test` writes it).

use serde_json::{Map, Value, json};

use crate::config::fields::{self, EXACTLY_ONE, Field, Shape};

/// Returns the schema, draft 2020-12.
pub fn schema() -> Value {
    let mut root = Map::new();
    root.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    root.insert("title".to_owned(), json!("hybrid.toml"));
    root.insert(
        "description".to_owned(),
        json!("Configuration of hybridctl: a ZenML Pro Hybrid workspace on AWS ECS."),
    );
    root.extend(section(""));
    Value::Object(root)
}

fn section(path: &str) -> Map<String, Value> {
    let mut schema = Map::new();
    schema.insert("type".to_owned(), json!("object"));
    schema.insert("additionalProperties".to_owned(), json!(false));
    let required: Vec<_> = fields::children(path).filter(|(_, field)| field.required).map(|(key, _)| key).collect();
    if !required.is_empty() {
        schema.insert("required".to_owned(), json!(required));
    }
    if let Some((_, keys)) = EXACTLY_ONE.iter().find(|(section, _)| *section == path) {
        let one: Vec<_> = keys.iter().map(|key| json!({ "required": [key] })).collect();
        schema.insert("oneOf".to_owned(), json!(one));
    }
    let properties: Map<_, _> = fields::children(path).map(|(key, field)| (key.to_owned(), property(field))).collect();
    schema.insert("properties".to_owned(), Value::Object(properties));
    schema
}

fn property(field: &Field) -> Value {
    let mut schema = Map::new();
    schema.insert("description".to_owned(), json!(field.doc));
    if let Some(default) = field.default.and_then(|text| serde_json::from_str::<Value>(text).ok()) {
        schema.insert("default".to_owned(), default);
    }
    schema.extend(shape(field.path, field.shape));
    Value::Object(schema)
}

fn shape(path: &str, shape_of: Shape) -> Map<String, Value> {
    let schema = match shape_of {
        Shape::Text => json!({ "type": "string", "minLength": 1 }),
        Shape::Choice(choices) => json!({ "type": "string", "enum": choices }),
        Shape::Integer(min, max) => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Shape::Boolean => json!({ "type": "boolean" }),
        Shape::List => json!({ "type": "array", "items": { "type": "string" } }),
        Shape::Map => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        Shape::Section => return section(path),
        Shape::Any(shapes) => {
            let any: Vec<_> = shapes.iter().map(|one| Value::Object(shape(path, *one))).collect();
            json!({ "anyOf": any })
        }
    };
    match schema {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::fields::FIELDS;
    use crate::config::{load, templates};

    fn as_json(text: &str) -> Value {
        serde_json::to_value(toml::from_str::<toml::Table>(text).expect("a template is TOML")).expect("and JSON")
    }

    /// Collects the dotted paths of all properties of a schema.
    fn paths(schema: &Value, prefix: &str, found: &mut BTreeSet<String>) {
        for (key, property) in schema["properties"].as_object().into_iter().flatten() {
            let path = fields::join(prefix, key);
            paths(property, &path, found);
            for one in property["anyOf"].as_array().into_iter().flatten() {
                paths(one, &path, found);
            }
            found.insert(path);
        }
    }

    #[test]
    fn the_published_schema_is_fresh() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/config.schema.json");
        let wanted = format!("{:#}\n", schema());
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(path, &wanted).expect("docs can be written");
        }
        let published = std::fs::read_to_string(path).expect("docs/config.schema.json exists");
        assert!(published == wanted, "docs/config.schema.json is stale: run UPDATE_SCHEMA=1 cargo test config::schema");
    }

    #[test]
    fn the_schema_has_every_key_that_the_reader_knows_and_no_other() {
        let mut found = BTreeSet::new();
        paths(&schema(), "", &mut found);
        let known: BTreeSet<_> = FIELDS.iter().map(|field| field.path.to_owned()).collect();
        assert_eq!(found, known);
        assert_eq!(known.len(), FIELDS.len(), "a path is listed twice");
    }

    #[test]
    fn every_default_fits_its_own_schema() {
        for field in FIELDS {
            let Some(default) = field.default else { continue };
            let default: Value = serde_json::from_str(default).expect("a default is JSON");
            let schema = Value::Object(shape(field.path, field.shape));
            let validator = jsonschema::validator_for(&schema).expect("a valid schema");
            assert!(validator.is_valid(&default), "{}", field.path);
        }
    }

    #[test]
    fn every_template_fits_the_schema_and_loads_with_nothing_but_placeholders() {
        let schema = schema();
        assert!(jsonschema::meta::is_valid(&schema));
        let validator = jsonschema::validator_for(&schema).expect("a valid schema");
        for template in templates() {
            let errors: Vec<_> =
                validator.iter_errors(&as_json(template.text)).map(|error| error.to_string()).collect();
            assert_eq!(errors, Vec::<String>::new(), "{}", template.name);
            let (config, found) = load(template.name, template.text).expect("a template is valid");
            assert!(found.iter().all(|one| one.code == "HC1009"), "{found:?}");
            assert_eq!(config.region, "eu-central-1");
            assert_eq!(config.host(), "zenml.mycompany.com");
        }
    }

    #[test]
    fn schema_and_reader_refuse_the_same_shapes() {
        let schema = schema();
        let validator = jsonschema::validator_for(&schema).expect("a valid schema");
        let base = templates()[0].text;
        for (from, to) in [
            ("cpu    = 512", "cpu = \"512\""),
            ("cpu    = 512", "cpu = 100000"),
            ("cpu    = 512", "cpus = 512"),
            ("name   = \"zenml-hybrid\"", ""),
            ("cpu    = 512", "command = \"other\""),
            ("cpu    = 512", "command = 3"),
            ("dns = {", "certificate = \"request\"\ndns = {"),
            ("route53_zone", "zone"),
            ("{ env =", "{ file = \"x\", env ="),
        ] {
            let text = base.replacen(from, to, 1);
            assert_ne!(text, base, "{from}");
            assert!(!validator.is_valid(&as_json(&text)), "schema accepts {to}");
            assert!(load("f", &text).is_err(), "reader accepts {to}");
        }
    }
}
