//! What a destroy leaves: what is kept on purpose, and what should not be there, proved by asking AWS.

use super::prices;
use crate::aws::audit::{Audit, Found, SCHEDULED, Subject, audit};
use crate::cli::exit::{DONE, ERROR, INCOMPLETE};
use crate::cli::session::Session;
use crate::cli::{Format, Global, typed};
use crate::model::{Address, Keep};
use crate::state::Recorded;
use serde_json::{Value, json};
use std::time::Duration;

/// A listing may lag behind the deletes: what should not be there is looked for so often before it is believed.
const LOOKS: u32 = 6;

/// What is left, why, what it costs, and how to remove it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Left {
    what: String,
    why: String,
    monthly: String,
    remove: String,
}

/// The end of a destroy.
pub(super) struct Proof {
    kept: Vec<Left>,
    unexpected: Vec<Left>,
    asked: Vec<&'static str>,
    unread: Vec<String>,
}

/// Asks AWS what there is of this deployment, and compares it with what the record keeps.
pub(super) async fn prove(session: &Session) -> Proof {
    let subject = subject(session);
    let limits = session.engine().limits;
    let mut proof = compare(session, audit(&session.aws, &subject).await);
    for _ in 1..LOOKS {
        if proof.unexpected.is_empty() || !session.stop.sleep(limits.pause(Duration::from_secs(5))).await {
            break;
        }
        proof = compare(session, audit(&session.aws, &subject).await);
    }
    proof
}

fn subject(session: &Session) -> Subject {
    let config = &session.config;
    Subject {
        deployment: config.name.clone(),
        lineage: session.state.lineage,
        cluster: config.service.cluster.clone(),
        task_family: config.task_family().to_owned(),
        roles: ["execution", "task"].iter().map(|role| config.role_name(role)).collect(),
        log_groups: super::log_groups(config).map(|(prefix, _)| prefix).into(),
        host: config.host().to_owned(),
        zone_id: session.facts.place.hosted_zone.as_ref().map(|(_, id)| id.clone()),
    }
}

fn compare(session: &Session, audit: Audit) -> Proof {
    let records = &session.state.resources;
    let on_record =
        |id: &str| records.values().any(|recorded| recorded.id.as_str() == id && why_kept(recorded).is_some());
    let (mut window, mut unexpected) = (vec![], vec![]);
    for found in &audit.found {
        match found.state.as_deref() {
            _ if on_record(&found.id) => {}
            Some(SCHEDULED) => window.push(secret_name(&found.id).to_owned()),
            _ => unexpected.push(stray(found)),
        }
    }
    let kept = records.iter().filter_map(|(address, recorded)| of_record(address, recorded, &audit.found));
    let unread = audit.unread.iter().map(|(what, error)| format!("{what}: {error}"));
    let mut proof = Proof {
        kept: kept.chain(in_window(&window)).chain([shared_roles()]).collect(),
        unexpected,
        unread: unread.collect(),
        asked: audit.asked,
    };
    for left in proof.kept.iter_mut().chain(&mut proof.unexpected) {
        left.remove = aimed(session, std::mem::take(&mut left.remove));
    }
    proof
}

fn why_kept(recorded: &Recorded) -> Option<String> {
    match &recorded.keep {
        Keep::Always(why) => Some(why.clone()),
        Keep::WhileSnapshotOf(_) => Some("the data in the snapshot cannot be read without it".into()),
        Keep::Never => None,
    }
}

fn of_record(address: &Address, recorded: &Recorded, found: &[Found]) -> Option<Left> {
    let (why, id) = (why_kept(recorded)?, recorded.id.as_str());
    // Whatever fills a secret, AWS has one sort.
    let kind = if address.kind.starts_with("secrets.") { "secrets.secret" } else { &address.kind };
    let gib = found.iter().find(|found| found.id == id).and_then(|found| found.gib);
    let remove = match kind {
        "iam.role" => "hybridctl destroy --delete-execution-role".to_owned(),
        _ => prices::removal(kind, id),
    };
    Some(Left { what: format!("{address} ({id})"), why, monthly: prices::monthly(kind, gib), remove })
}

fn in_window(names: &[String]) -> Option<Left> {
    (!names.is_empty()).then(|| Left {
        what: format!("secrets in their 7-day window: {}", names.join(", ")),
        why: "the next `hybridctl up` restores them; afterwards AWS deletes them".into(),
        monthly: "nothing".into(),
        remove: "aws secretsmanager delete-secret --force-delete-without-recovery --secret-id NAME".into(),
    })
}

fn shared_roles() -> Left {
    Left {
        what: "service-linked roles of ECS, RDS and Elastic Load Balancing".into(),
        why: "the account shares them".into(),
        monthly: "nothing".into(),
        remove: "aws iam delete-service-linked-role --role-name NAME".into(),
    }
}

fn stray(found: &Found) -> Left {
    let state = found.state.as_ref().map(|state| format!(", {}", state.to_lowercase())).unwrap_or_default();
    let made_for = found.address.as_ref().map(|address| format!(" for {address}")).unwrap_or_default();
    Left {
        what: format!("{} {}{state}", found.kind, found.id),
        why: format!("hybridctl made it{made_for}, and it is on no record"),
        monthly: prices::monthly(found.kind, found.gib),
        remove: prices::removal(found.kind, &found.id),
    }
}

/// `zenml/rds/password` of `arn:aws:secretsmanager:…:secret:zenml/rds/password-AbCdEf`.
fn secret_name(arn: &str) -> &str {
    let name = arn.split(":secret:").nth(1).unwrap_or(arn);
    name.rsplit_once('-').map_or(name, |(name, _)| name)
}

/// A command that works where it is pasted: pasted after a rehearsal, a bare `aws` would aim at the real account.
fn aimed(session: &Session, command: String) -> String {
    let Some(arguments) = command.strip_prefix("aws ") else { return command };
    let region = &session.config.region;
    match &session.sandbox {
        Some(sandbox) => format!("aws --endpoint-url {} --region {region} {arguments}", sandbox.endpoint),
        None => format!("aws --region {region} {arguments}"),
    }
}

impl Proof {
    /// Prints it, and returns the exit code.
    pub(super) fn print(&mut self, global: &Global) -> u8 {
        for left in &mut self.kept {
            if left.remove.starts_with("hybridctl destroy") {
                left.remove = format!("{} --delete-execution-role", typed::command(global, "destroy"));
            }
        }
        match global.format {
            Format::Json => out!("{:#}\n", self.json()),
            Format::Text => out!("{}", self.text()),
        }
        match (self.unexpected.is_empty(), self.unread.is_empty()) {
            (false, _) => ERROR,
            (true, false) => INCOMPLETE,
            (true, true) => DONE,
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        if !self.unexpected.is_empty() {
            text.push_str("left behind:\n");
            self.unexpected.iter().for_each(|left| text.push_str(&left.text()));
        }
        text.push_str("kept:\n");
        self.kept.iter().for_each(|left| text.push_str(&left.text()));
        for unread in &self.unread {
            text.push_str(&format!("not proved, because it could not be read: {unread}\n"));
        }
        let asked = self.asked.join(", ");
        text.push_str(&match self.unexpected.len() {
            0 => format!("proved by asking AWS ({asked}): nothing else of this deployment exists\n"),
            _ => format!("AWS was asked for {asked}: what is left behind is to be removed by hand\n"),
        });
        text
    }

    fn json(&self) -> Value {
        let all = |some: &[Left]| some.iter().map(Left::json).collect::<Vec<_>>();
        json!({
            "schema": "hybridctl.kept/1",
            "kept": all(&self.kept),
            "unexpected": all(&self.unexpected),
            "asked": self.asked,
            "unread": self.unread,
        })
    }
}

impl Left {
    fn text(&self) -> String {
        let Self { what, why, monthly, remove } = self;
        format!("  {what}\n    why: {why}\n    a month: {monthly}\n    remove: {remove}\n")
    }

    fn json(&self) -> Value {
        json!({ "what": self.what, "why": self.why, "monthly": self.monthly, "remove": self.remove })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_should_not_be_there_is_named_with_its_price_and_the_command() {
        let found = Found {
            kind: "ec2.nat_gateway",
            id: "nat-1".into(),
            address: Some("ec2.nat_gateway/nat-a".into()),
            state: Some("available".into()),
            gib: None,
        };
        assert_eq!(
            stray(&found).text(),
            "  ec2.nat_gateway nat-1, available\n    why: hybridctl made it for ec2.nat_gateway/nat-a, and it is on no \
             record\n    a month: about 38 USD\n    remove: aws ec2 delete-nat-gateway --nat-gateway-id nat-1\n"
        );
    }

    #[test]
    fn a_secret_is_called_by_its_name() {
        let arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:zenml/rds/password-AbCdEf";
        assert_eq!(secret_name(arn), "zenml/rds/password");
    }
}
