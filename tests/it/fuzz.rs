//! Damaged and malicious documents: whatever is read never makes the program panic, and what is accepted is kept as it is.

use crate::engine::random::runner;
use crate::support::deployment::Deployment;
use crate::support::templates::{facts, graph};
use hybridctl::aws::ecs::{redact, stopped};
use hybridctl::aws::kinds;
use hybridctl::config::{self, Style};
use hybridctl::model::{Address, OutputRef};
use hybridctl::plan::saved::Saved;
use hybridctl::plan::{Given, Observations, Plan, lower, plan};
use hybridctl::report::{Meta, Place, plan_json, plan_text};
use hybridctl::resource::{Consents, Id, Tags};
use hybridctl::stack::stack;
use hybridctl::state::file::FileStore;
use hybridctl::state::{State, StateStore};
use hybridctl::verify::log_classes;
use hybridctl::verify::probe::tls;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};
use std::fmt::Debug;

/// Runs a property.
fn holds<S: Strategy>(cases: u32, inputs: S, property: impl Fn(S::Value))
where
    S::Value: Debug,
{
    let result = runner(cases).run(&inputs, |input| {
        property(input);
        Ok(())
    });
    result.unwrap_or_else(|found| panic!("{found}"));
}

/// Text with what text is seldom made of.
fn odd_text() -> impl Strategy<Value = String> {
    let pieces = [
        "a",
        "Z9",
        "-",
        "--",
        ".",
        "..",
        "/",
        "//",
        "#",
        "=",
        " ",
        "\u{0}",
        "\u{1b}[31m",
        "\r\n",
        "\t",
        "\u{7f}",
        "é",
        "🦀",
        "\u{202e}",
        "\"",
        "\\",
        "'",
        "{",
        "}",
        "$output",
        "mysql://u:p@h/d",
        "password=",
        "%",
        "*",
        "\\052",
        "zenml",
        "0",
        "-1",
        "18446744073709551615",
        "ec2.vpc/main",
        "arn:aws:",
        "10.0.0.0/8",
        "CannotPullContainerError",
        "exit code 137",
    ];
    prop_oneof![
        3 => prop::collection::vec(select(pieces.to_vec()), 0..8).prop_map(|pieces| pieces.concat()),
        1 => any::<String>(),
        1 => prop::collection::vec(any::<char>(), 200..400).prop_map(String::from_iter),
    ]
}

fn odd_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        select(vec![0, 1, u64::MAX, u64::MAX - 1, u64::MAX / 2]).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        odd_text().prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        Just(json!({ "$output": "ec2.vpc/main#vpc_id" })),
        Just(json!([[], { "$output": 1 }])),
    ]
}

/// One change of a JSON document: at a place that is counted out, a value is replaced, removed or doubled.
#[derive(Debug, Clone)]
enum Damage {
    Replace(Index, Value),
    Remove(Index),
    Rename(Index, String),
}

fn damage() -> impl Strategy<Value = Vec<Damage>> {
    let one = prop_oneof![
        3 => (any::<Index>(), odd_value()).prop_map(|(at, value)| Damage::Replace(at, value)),
        1 => any::<Index>().prop_map(Damage::Remove),
        1 => (any::<Index>(), odd_text()).prop_map(|(at, key)| Damage::Rename(at, key)),
    ];
    prop::collection::vec(one, 1..4)
}

/// Pointers to every value inside.
fn pointers(value: &Value, here: &str, found: &mut Vec<String>) {
    let mut inside = |key: &str, value: &Value| {
        let pointer = format!("{here}/{}", key.replace('~', "~0").replace('/', "~1"));
        pointers(value, &pointer, found);
        found.push(pointer);
    };
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| inside(key, value)),
        Value::Array(items) => items.iter().enumerate().for_each(|(n, value)| inside(&n.to_string(), value)),
        _ => {}
    }
}

fn damaged(document: &Value, damages: &[Damage]) -> Value {
    let mut document = document.clone();
    for damage in damages {
        let mut places = vec![];
        pointers(&document, "", &mut places);
        let (Damage::Replace(at, _) | Damage::Remove(at) | Damage::Rename(at, _)) = damage;
        if places.is_empty() {
            continue;
        }
        let place = at.get(&places);
        let (parent, key) = place.rsplit_once('/').expect("because a pointer begins with one");
        let key = key.replace("~1", "/").replace("~0", "~");
        match (damage, document.pointer_mut(parent)) {
            (Damage::Replace(_, value), _) => {
                *document.pointer_mut(place).expect("because it was found") = value.clone()
            }
            (Damage::Remove(_), Some(Value::Object(map))) => drop(map.remove(&key)),
            (Damage::Rename(_, new), Some(Value::Object(map))) => {
                let value = map.remove(&key).expect("because it was found");
                map.insert(new.clone(), value);
            }
            _ => {}
        }
    }
    document
}

#[test]
fn whatever_stands_in_a_config_it_is_refused_with_a_place_or_planned() {
    let templates: Vec<&str> = config::templates().iter().map(|template| template.text).collect();
    let change = prop_oneof![
        4 => (any::<Index>(), odd_text()).prop_map(|(at, text)| (at, serde_json::to_string(&text).unwrap())),
        1 => (any::<Index>(), any::<i64>()).prop_map(|(at, number)| (at, number.to_string())),
        1 => (any::<Index>(), odd_text()),
    ];
    holds(1500, (select(templates), prop::collection::vec(change, 1..4)), |(template, changes)| {
        let mut text = template.to_owned();
        for (at, to) in changes {
            // What stands behind an equals sign, or in quotes.
            let values: Vec<usize> = text.match_indices(['=', '"']).map(|(at, _)| at + 1).collect();
            let start = *at.get(&values);
            let end = text[start..].find(['"', '\n', ',', '}']).map_or(text.len(), |length| start + length);
            let to = if text[..start].ends_with('"') { to.trim_matches('"').to_owned() } else { to };
            text.replace_range(start..end, &to);
        }
        match config::load("hybrid.toml", &text) {
            Ok((config, warnings)) => {
                config::render("hybrid.toml", &text, &warnings, Style::Plain);
                let graph = stack(&config, &facts(&config, None));
                let shown =
                    serde_json::to_string(&graph.nodes.values().map(|node| &node.label).collect::<Vec<_>>()).unwrap();
                assert!(!shown.contains("\\u00"), "a control character in a name: {shown}");
            }
            Err(problems) => {
                config::render("hybrid.toml", &text, &problems, Style::Plain);
                config::to_json("hybrid.toml", &text, &problems);
                for problem in problems {
                    let Some(pointed) = text.get(problem.span.clone()) else {
                        panic!("{problem:?} is outside the file")
                    };
                    assert!(problem.code != "HC1199", "{problem:?} at {pointed}");
                }
            }
        }
    });
}

/// The record of the quickstart, as a document.
fn document() -> (Plan, State, Value) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let deployment = Deployment::new();
        let wanted = graph("quickstart", |text| text);
        deployment.complete(&wanted).await;
        let (plan, state) = (deployment.plan(&wanted).await.unwrap(), deployment.state().await);
        let document = serde_json::to_value(&state).unwrap();
        (plan, state, document)
    })
}

/// What the commands do with a plan.
fn show(plan: &Plan, state: &State) {
    let meta = Meta { deployment: "t".into(), region: "eu-central-1".into(), place: Place::Offline };
    plan_text(plan, &meta, Style::Plain);
    plan_json(plan, &meta);
    lower(plan, state);
}

#[test]
fn whatever_stands_in_a_state_it_is_refused_or_kept_and_planned_with() {
    let (_, _, document) = document();
    let wanted = graph("quickstart", |text| text);
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::new(folder.path());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let kinds = kinds();
    holds(600, damage(), |damages| {
        let text = damaged(&document, &damages).to_string();
        std::fs::write(store.path(), &text).unwrap();
        let Ok(state) = runtime.block_on(store.load()) else { return };
        let state = state.expect("because there is a file");
        assert_eq!(serde_json::from_str::<State>(&serde_json::to_string(&state).unwrap()).unwrap(), state);
        for desired in [&wanted, &hybridctl::model::Graph::new("t")] {
            let (seen, user_tags, consents) = (Observations::of_record(&state), Tags::new(), Consents::default());
            let recorded = &state;
            let given =
                Given { desired, recorded, seen: &seen, kinds: &kinds, user_tags: &user_tags, consents: &consents };
            if let Ok(plan) = plan(&given) {
                show(&plan, &state);
            }
        }
        let next = State { serial: state.serial + 1, ..state };
        drop(runtime.block_on(store.save(&next)));
    });
}

#[test]
fn a_truncated_or_garbled_state_is_refused_without_a_panic() {
    let (_, _, document) = document();
    let text = document.to_string();
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::new(folder.path());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    holds(300, (any::<Index>(), prop::collection::vec(any::<u8>(), 0..5)), |(at, bytes)| {
        let at = at.index(text.len());
        let garbled = [&text.as_bytes()[..at], &bytes].concat();
        std::fs::write(store.path(), garbled).unwrap();
        assert!(runtime.block_on(store.load()).is_err());
    });
}

#[test]
fn whatever_stands_in_a_saved_plan_it_is_refused_or_compared() {
    let (plan, state, _) = document();
    let saved = Saved::new(&state, "hash", false, &[], plan.clone());
    let document = serde_json::to_value(&saved).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan");
    holds(600, damage(), |damages| {
        std::fs::write(&path, damaged(&document, &damages).to_string()).unwrap();
        let Ok(read) = Saved::read(&path) else { return };
        assert_eq!(serde_json::from_str::<Saved>(&serde_json::to_string(&read).unwrap()).unwrap(), read);
        drop(read.still_true(&state, "hash", &plan));
        show(&read.plan, &state);
    });
}

#[test]
fn whatever_the_tasks_print_it_is_classified_and_redacted() {
    holds(3000, prop::collection::vec(odd_text(), 1..4), |lines| {
        for line in &lines {
            redact::redact(line);
            log_classes::of_stop(line);
            let (message, _) = log_classes::message(line);
            log_classes::short(&message);
            if let Some(class) = log_classes::of_log(line) {
                log_classes::quote(line, class);
            }
        }
        stopped::cause(&lines);
    });
}

#[test]
fn no_secret_survives_redaction_whatever_stands_around_it() {
    let around = (odd_text(), odd_text());
    holds(2000, (around, "[A-Za-z0-9]{12,30}"), |((before, after), secret)| {
        for line in
            [format!("{before} mysql://zenml:{secret}@db/zenml {after}"), format!("{before} password={secret} {after}")]
        {
            let shown = redact::redact(&line);
            assert!(!shown.contains(&secret), "{line:?} became {shown:?}");
        }
    });
}

#[test]
fn an_address_prints_and_parses_the_same_text_or_is_refused() {
    holds(3000, odd_text(), |text| {
        if let Ok(address) = text.parse::<Address>() {
            assert_eq!(address.to_string(), text);
        }
        if let Ok(reference) = text.parse::<OutputRef>() {
            assert_eq!(OutputRef::from_value(&reference.to_value()), Some(reference));
        }
        drop(Id::from(text.as_str()).parts::<2>());
        drop(config::enrollment(&text));
    });
}

#[test]
fn a_certificate_of_any_bytes_is_read() {
    holds(3000, prop::collection::vec(any::<u8>(), 0..300), |bytes| {
        tls::read(&bytes);
        // The outer shell of a certificate, so that the reader goes on to what is in it.
        let shell = [&[0x30, 0x82, 0x01, 0x00, 0x30, 0x82, 0x00, 0xf0][..], &bytes].concat();
        tls::read(&shell);
    });
}

/// Names of hosts, policies, versions: each kind compares them in its own way.
#[test]
fn every_comparison_of_every_kind_survives_any_two_values() {
    let comparisons: Vec<_> =
        kinds().iter().flat_map(|kind| kind.fields()).filter_map(|field| field.same_when).collect();
    assert!(comparisons.len() > 5);
    holds(2000, (odd_value(), odd_value()), |(want, live)| {
        for same in &comparisons {
            same(&want, &live);
            same(&json!([want]), &json!([live]));
        }
    });
}
