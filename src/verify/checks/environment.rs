//! What the running revision hands to the server.

use super::{Judged, UP, compute, seen};
use crate::aws::ecs::redact::redact;
use crate::aws::look::service::Definition;
use crate::verify::Facts;
use crate::verify::report::{Fail, Status};
use std::collections::{BTreeMap, BTreeSet};

/// The port of the image's own command.
const IMAGE_PORT: u16 = 8080;
/// Without it two tasks refuse each other's tokens, and each new one everybody's.
const SIGNING_KEY: &str = "ZENML_SERVER_JWT_SECRET_KEY";
/// Variables that the server cannot do without, or without which it runs and loses or exposes data.
const NEEDED: &[&str] = &[
    "ZENML_SERVER_DEPLOYMENT_TYPE",
    "ZENML_SERVER_PRO_API_URL",
    "ZENML_SERVER_PRO_DASHBOARD_URL",
    "ZENML_SERVER_PRO_OAUTH2_AUDIENCE",
    "ZENML_SERVER_PRO_OAUTH2_CLIENT_SECRET",
    "ZENML_SERVER_PRO_ORGANIZATION_ID",
    "ZENML_SERVER_PRO_WORKSPACE_ID",
    "ZENML_SERVER_PRO_WORKSPACE_NAME",
    "ZENML_SERVER_SERVER_URL",
    SIGNING_KEY,
    "ZENML_STORE_URL",
    "ZENML_STORE_DATABASE",
    "ZENML_STORE_USERNAME",
    "ZENML_STORE_PASSWORD",
    "ZENML_SECRETS_STORE_TYPE",
    "ZENML_SECRETS_STORE_ENCRYPTION_KEY",
];

pub(super) fn definition_of(facts: &Facts) -> Result<&Definition, Status> {
    let definition = seen(&facts.look.definition, facts)?.as_ref();
    definition.ok_or_else(|| Status::Skip("there is no task definition: see VF-SERVICE".into()))
}

pub(super) fn environment(facts: &Facts) -> Judged {
    let definition = definition_of(facts)?;
    let host = facts.look.database.as_ref().ok().and_then(Option::as_ref).and_then(|database| database.host.as_deref());
    let mut wrong: Vec<Wrong> =
        store_url(definition, host).map(|why| Wrong::of("ZENML_STORE_URL", why)).into_iter().collect();
    let wanted: BTreeSet<&str> = NEEDED
        .iter()
        .copied()
        .chain(facts.recorded.environment.keys().map(String::as_str))
        .chain(facts.recorded.secret_names.iter().map(String::as_str))
        .collect();
    let has = |name: &str| definition.environment.contains_key(name) || definition.secrets.contains_key(name);
    for name in wanted.iter().copied().filter(|name| !has(name) && *name != "ZENML_STORE_URL") {
        let follows = if name == SIGNING_KEY { ": each task signs with a key of its own" } else { "" };
        let instead = instead(name, definition, &wanted);
        wrong.push(Wrong::of(name, format!("{name} is missing{instead}{follows}")));
    }
    if !has("ZENML_STORE_URL") {
        let instead = instead("ZENML_STORE_URL", definition, &wanted);
        let why = format!("ZENML_STORE_URL is missing{instead}: the server falls back to SQLite inside the task");
        wrong.insert(0, Wrong::of("ZENML_STORE_URL", why));
    }
    wrong.extend(different(&facts.recorded.environment, definition));
    if wrong.is_empty() {
        let count = definition.environment.len() + definition.secrets.len();
        return Ok(format!("{count} variables, {} from secrets", definition.secrets.len()));
    }
    let kinds: Vec<&str> = wrong.iter().map(|wrong| wrong.kind).collect();
    let mut wrong: Vec<String> = wrong.into_iter().map(|wrong| wrong.why).collect();
    let why = match wrong.len() {
        1 => wrong.remove(0),
        more => format!("{} (and {} more)", wrong[0], more - 1),
    };
    let revision = definition.arn.rsplit('/').next().unwrap_or_default().to_owned();
    let next = "register what hybridctl wrote again with `hybridctl up`";
    Err(Fail::new(why).next(next).classes(kinds).seen([format!("running revision: {revision}")]).seen(wrong).into())
}

/// A variable that is not as it should be.
struct Wrong {
    /// What depends on it.
    kind: &'static str,
    /// In words.
    why: String,
}

impl Wrong {
    fn of(name: &str, why: String) -> Self {
        const AREAS: &[(&str, &str)] = &[
            ("ZENML_STORE_", "env.store"),
            ("ZENML_SECRETS_STORE_", "env.secrets"),
            ("ZENML_SERVER_PRO_", "env.pro"),
            ("ZENML_SERVER_DEPLOYMENT_TYPE", "env.pro"),
            ("ZENML_SERVER_SERVER_URL", "env.url"),
            (SIGNING_KEY, "env.key"),
        ];
        let kind = AREAS.iter().find(|(begin, _)| name.starts_with(begin)).map_or("env.other", |(_, kind)| kind);
        Self { kind, why }
    }
}

/// What is wrong with the store URL, if it is there in clear.
fn store_url(definition: &Definition, host: Option<&str>) -> Option<String> {
    let url = definition.environment.get("ZENML_STORE_URL")?;
    let Some(rest) = url.strip_prefix("mysql://") else {
        return Some(format!("ZENML_STORE_URL does not begin with mysql:// ({})", redact(url)));
    };
    let place = rest.rsplit('@').next().unwrap_or_default();
    let named = place.split(['/', ':', '?']).next().unwrap_or_default();
    match host {
        Some(host) if !named.eq_ignore_ascii_case(host) => {
            Some(format!("ZENML_STORE_URL names {named}, the database is {host}"))
        }
        _ => None,
    }
}

/// A variable that looks like the missing one and that nobody asked for.
fn instead(missing: &str, definition: &Definition, wanted: &BTreeSet<&str>) -> String {
    let live = definition.environment.keys().chain(definition.secrets.keys());
    let strangers = live.filter(|name| !wanted.contains(name.as_str()));
    let nearness = |name: &String| strsim::jaro_winkler(missing, name);
    let guides = missing == "ZENML_STORE_URL" && definition.environment.contains_key("ZENML_DATABASE_URL");
    let nearest = strangers
        .filter(|name| nearness(name) > 0.9)
        .max_by(|a, b| nearness(a).total_cmp(&nearness(b)))
        .cloned()
        .or_else(|| guides.then(|| "ZENML_DATABASE_URL".to_owned()));
    nearest.map(|name| format!(" ({name} is set, which the server does not read)")).unwrap_or_default()
}

/// Recorded variables that now have another value. Values are not shown: a user's own variable may hold anything.
fn different(recorded: &BTreeMap<String, String>, definition: &Definition) -> Vec<Wrong> {
    let differs =
        |(name, value): &(&String, &String)| definition.environment.get(*name).is_some_and(|live| live != *value);
    recorded
        .iter()
        .filter(differs)
        .map(|(name, _)| Wrong::of(name, format!("{name} is not what hybridctl wrote")))
        .collect()
}

pub(super) fn port(facts: &Facts) -> Judged {
    let (service, definition) = (compute::service_of(facts)?, definition_of(facts)?);
    let wanted = facts.expect.port;
    let listens = listening_port(&definition.command);
    let mut wrong = vec![];
    if let Some(listens) = listens.filter(|port| *port != wanted) {
        wrong.push(format!("the container listens on {listens}"));
    }
    if !definition.ports.contains(&wanted) {
        wrong.push(format!("the task definition maps {:?}", definition.ports));
    }
    if service.container_port != 0 && service.container_port != wanted {
        wrong.push(format!("the service registers {}", service.container_port));
    }
    let Some(first) = wrong.first() else { return Ok(wanted.to_string()) };
    let why = format!("port {wanted} is wanted, but {first}");
    let next = match listens {
        Some(IMAGE_PORT) if definition.command.is_empty() => {
            "the image listens on 8080 unless told otherwise: set `service.port = 8080` or `service.command = \"auto\"`, then `hybridctl up`"
        }
        _ => UP,
    };
    Err(Fail::new(why).next(next).seen(wrong).into())
}

/// The port that a command names; `None`: a program that is not known.
fn listening_port(command: &[String]) -> Option<u16> {
    let mut words = command.iter();
    while let Some(word) = words.next() {
        if word == "--port" {
            return words.next()?.parse().ok();
        }
        if let Some(port) = word.strip_prefix("--port=") {
            return port.parse().ok();
        }
    }
    match command.first() {
        None => Some(IMAGE_PORT),
        // uvicorn's own default.
        Some(program) if program.ends_with("uvicorn") => Some(8000),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::samples;

    fn failed(judged: Judged) -> Fail {
        match judged {
            Err(Status::Fail(fail)) => fail,
            other => panic!("{other:?}"),
        }
    }

    fn change(with: impl FnOnce(&mut Definition)) -> Facts {
        let mut facts = samples::good();
        with(facts.look.definition.as_mut().unwrap().as_mut().unwrap());
        facts
    }

    #[test]
    fn a_renamed_store_variable_is_named_with_its_new_name() {
        let facts = change(|definition| {
            let url = definition.environment.remove("ZENML_STORE_URL").unwrap();
            definition.environment.insert("ZENML_STORE_URI".into(), url);
        });
        let fail = failed(environment(&facts));
        assert!(fail.why.starts_with("ZENML_STORE_URL is missing (ZENML_STORE_URI is set"), "{fail:?}");
        assert!(fail.why.contains("SQLite"), "{fail:?}");
        let facts = change(|definition| {
            let url = definition.environment.remove("ZENML_STORE_URL").unwrap();
            definition.environment.insert("ZENML_DATABASE_URL".into(), url);
        });
        assert!(failed(environment(&facts)).why.contains("ZENML_DATABASE_URL is set"));
    }

    #[test]
    fn the_store_url_must_be_mysql_at_the_databases_endpoint() {
        for (url, word) in [
            ("mysql+pymysql://u:hunter2@db.example.com", "does not begin with mysql://"),
            ("mysql://other.example.com:3306", "names other.example.com"),
        ] {
            let facts = change(|d| drop(d.environment.insert("ZENML_STORE_URL".into(), url.into())));
            let fail = failed(environment(&facts));
            assert!(fail.why.contains(word) && !fail.why.contains("hunter2"), "{fail:?}");
        }
    }

    #[test]
    fn what_differs_from_the_record_is_named_without_its_value() {
        let mut facts = change(|d| drop(d.environment.insert("MINE".into(), "hunter2".into())));
        facts.recorded.environment.insert("MINE".into(), "other".into());
        let fail = failed(environment(&facts));
        assert_eq!(fail.why, "MINE is not what hybridctl wrote");
        assert!(!format!("{fail:?}").contains("hunter2"));
    }

    #[test]
    fn the_port_of_the_command_counts_and_not_that_of_a_variable() {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(listening_port(&words("uvicorn x:app --port 8000")), Some(8000));
        assert_eq!(listening_port(&words("uvicorn x:app --port=9000")), Some(9000));
        assert_eq!(listening_port(&[]), Some(8080));
        assert_eq!(listening_port(&words("/bin/mine")), None);
        let fail = failed(port(&change(|definition| definition.command.clear())));
        assert!(fail.next.contains("8080"), "{fail:?}");
    }
}
