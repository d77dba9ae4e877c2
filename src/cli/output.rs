//! `output`: the values that others need.

use super::exit::{DONE, Failure, USAGE};
use super::session::{Access, Session};
use super::typed::as_typed;
use super::{Format, Global, telling};
use crate::config::Dns;
use crate::model::Address;
use clap::Args;
use serde_json::{Map, Value};

/// Print the endpoint, the role to send to ZenML, the DNS record to create, …
#[derive(Debug, Args)]
pub(crate) struct OutputVerb {
    /// Only this value
    name: Option<String>,
}

impl OutputVerb {
    pub(crate) async fn run(self, global: &Global) -> Result<u8, Failure> {
        let session = Session::open(global, Access::Read).await?;
        session.refuse_if_lost().await?;
        if session.state.is_empty() {
            telling::say(global, "nothing is on record yet, so there is little to print");
        }
        let values = values(&session);
        match self.name {
            None if global.format == Format::Json => out!("{:#}\n", Value::Object(values)),
            None => out!("{}\n", as_typed(global, &text(&session))),
            Some(name) => match values.get(&name).and_then(Value::as_str) {
                Some(value) => out!("{value}\n"),
                None => {
                    let known: Vec<&str> = values.keys().map(String::as_str).collect();
                    let failure = Failure::new(USAGE, format!("there is no output `{name}`"));
                    return Err(failure.hint(format!("known are {}", known.join(", "))));
                }
            },
        }
        Ok(DONE)
    }
}

/// What there is so far, by name.
pub(crate) fn values(session: &Session) -> Map<String, Value> {
    let recorded = |kind: &str, name: &str, output: &str| {
        let recorded = session.state.resources.get(&Address::new(kind, name))?;
        recorded.outputs[output].as_str().map(str::to_owned)
    };
    let mut values = Map::new();
    let mut set = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            values.insert(name.to_owned(), value.into());
        }
    };
    let served = recorded("ecs.service", "server", "service_arn");
    set("endpoint", served.as_ref().map(|_| session.config.zenml.server_url.clone()));
    set("execution_role_arn", recorded("iam.role", "execution", "role_arn"));
    set("task_role_arn", recorded("iam.role", "task", "role_arn"));
    set("load_balancer_dns_name", recorded("elb.load_balancer", "main", "dns_name"));
    set("vpc_id", recorded("ec2.vpc", "main", "vpc_id"));
    set("database_endpoint", recorded("rds.instance", "main", "endpoint"));
    set("cluster_arn", recorded("ecs.cluster", "main", "cluster_arn"));
    set("service_arn", served);
    set("task_definition_arn", recorded("ecs.task_definition", "server", "task_definition_arn"));
    set("certificate_arn", recorded("acm.certificate", "main", "certificate_arn"));
    set("egress_addresses", Some(egress(session)).filter(|addresses| !addresses.is_empty()));
    set("dns_record", dns_record(session));
    values
}

fn egress(session: &Session) -> String {
    let addresses = session.state.resources.iter().filter(|(address, _)| address.kind == "ec2.elastic_ip");
    addresses.filter_map(|(_, recorded)| recorded.outputs["public_ip"].as_str()).collect::<Vec<_>>().join(", ")
}

/// With DNS elsewhere: the record that somebody has to create.
fn dns_record(session: &Session) -> Option<String> {
    let balancer = session.state.resources.get(&Address::new("elb.load_balancer", "main"))?;
    let target = balancer.outputs["dns_name"].as_str()?;
    (session.config.ingress.dns == Dns::External).then(|| format!("{} CNAME {target}", session.config.host()))
}

/// One line a value.
pub(crate) fn text(session: &Session) -> String {
    let values = values(session);
    let width = values.keys().map(String::len).max().unwrap_or_default();
    let mut lines: Vec<String> =
        values.iter().map(|(name, value)| format!("{name:<width$}  {}", value.as_str().unwrap_or_default())).collect();
    lines.extend(notes(session));
    lines.join("\n")
}

/// What somebody has still to do.
pub(crate) fn notes(session: &Session) -> Vec<String> {
    let values = values(session);
    let mut notes = vec![];
    if let Some(record) = values.get("dns_record").and_then(Value::as_str) {
        let mut note = format!("create this DNS record, then run `hybridctl verify`:\n    {record}");
        if let (Some(_), Some((name, target))) = (&session.sandbox, record.split_once(" CNAME ")) {
            note += &format!("\nin the sandbox it is made by:\n    hybridctl sandbox record {name} {target}");
        }
        notes.push(note);
    }
    // The migration pulled the image: it is granted. What `destroy` kept was granted too, or does not matter.
    let pulled = session.state.resources.contains_key(&Address::new("ecs.task_run", "migrate"));
    if values.contains_key("execution_role_arn") && !pulled && !session.state.is_only_what_is_kept() {
        let line = "send the execution role's ARN to ZenML (cloud@zenml.io), which has to grant the image to that role";
        notes.push(line.to_owned());
    }
    notes
}

/// At the end of an `up`.
pub(crate) fn print(global: &Global, session: &Session) {
    match global.format {
        Format::Json => out!("{:#}\n", Value::Object(values(session))),
        Format::Text => out!("{}\n", as_typed(global, &text(session))),
    }
}
