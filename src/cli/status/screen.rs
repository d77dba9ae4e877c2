//! The screen of `status`, from plain values.

use super::Row;
use crate::aws::ecs::redact::redact;
use crate::aws::look::Serving;
use crate::aws::look::front::{Target, TargetGroup};
use crate::aws::look::service::{Service, Task};
use crate::config::version_of_image;
use crate::model::Address;
use crate::resource::Result;
use crate::state::place::Past;
use crate::state::{Intent, LockInfo, Verb};
use crate::verify::log_classes::short;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The phase of a resource that is as it should be.
pub(super) const READY: &str = "ready";

/// Everything that is on it.
pub(super) struct Screen<'a> {
    pub(super) deployment: &'a str,
    /// `account 123456789012, eu-central-1`.
    pub(super) place: String,
    pub(super) endpoint: Option<String>,
    /// The version that the config says.
    pub(super) wanted: String,
    pub(super) resources: &'a [Row],
    pub(super) intents: &'a BTreeMap<Address, Intent>,
    pub(super) serving: &'a Serving,
    pub(super) holder: Option<&'a LockInfo>,
    pub(super) last_change: Option<&'a Past>,
    /// Where the state is.
    pub(super) root: String,
    /// What somebody has still to do.
    pub(super) notes: Vec<String>,
    /// Whether resources that are ready are listed.
    pub(super) all: bool,
}

impl Screen<'_> {
    /// The whole screen, ending with a line break.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{}: {}\n", self.deployment, self.place);
        if let Some(holder) = self.holder {
            let _ = writeln!(text, "being changed just now by {holder}");
        }
        text.push('\n');
        if self.resources.is_empty() && self.intents.is_empty() {
            return text + "nothing exists yet; `hybridctl up` makes it\n";
        }
        for (name, value) in self.lines() {
            let _ = writeln!(text, "{name:<11}  {value}");
        }
        self.list(&mut text);
        for (at, intent) in self.intents {
            let verb = format!("{:?}", intent.verb).to_lowercase();
            let _ = writeln!(text, "\n{at}: the {verb} since {} {}", intent.since, self.goes_on(at, intent));
        }
        for note in &self.notes {
            let _ = writeln!(text, "\n{note}");
        }
        text + "\nmore: `hybridctl verify`, `hybridctl output`, `hybridctl status --all`\n"
    }

    fn lines(&self) -> Vec<(&'static str, String)> {
        let ready = self.resources.iter().filter(|row| row.phase == READY).count();
        let mut lines = vec![
            ("resources", format!("{ready} of {} ready", self.resources.len())),
            ("rollout", told(&self.serving.service, rollout)),
            ("targets", told(&self.serving.targets, targets)),
            ("version", self.version()),
            ("endpoint", self.endpoint.clone().unwrap_or_else(|| "none yet".to_owned())),
        ];
        if let Some(stop) = last_stop(self.serving) {
            lines.insert(2, ("last stop", stopped(stop)));
        }
        if let Some(past) = self.last_change {
            let at = past.written.strftime("%Y-%m-%d %H:%M:%SZ");
            let who = past.who.as_ref().map(|who| format!(" by {who}")).unwrap_or_default();
            lines.push(("last change", format!("{at}{who}, serial {} in {}", past.serial, self.root)));
        }
        lines
    }

    fn version(&self) -> String {
        match (&self.serving.definition, version(self.serving)) {
            (Err(error), _) => format!("cannot tell: {error}"),
            (Ok(_), None) => format!("none yet; the config says {}", self.wanted),
            (Ok(_), Some(runs)) if runs == self.wanted => runs,
            (Ok(_), Some(runs)) => format!("{runs}; the config says {}", self.wanted),
        }
    }

    fn list(&self, text: &mut String) {
        let listed: Vec<&Row> = self.resources.iter().filter(|row| self.all || row.phase != READY).collect();
        let widest = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or_default();
        let address = widest(&mut listed.iter().map(|row| row.address.to_string().len()));
        let phase = widest(&mut listed.iter().map(|row| row.phase.chars().count()));
        if !listed.is_empty() {
            text.push_str(if self.all { "\n" } else { "\nnot ready:\n" });
        }
        for row in listed {
            let at = row.address.to_string();
            let _ = writeln!(text, "  {at:<address$}  {:<phase$}  {}", row.phase, row.id);
        }
    }

    fn goes_on(&self, at: &Address, intent: &Intent) -> &'static str {
        match intent.verb {
            _ if self.holder.is_some() => "is under way",
            // The copy of the data that a destroy takes.
            _ if at.kind == "rds.snapshot" && at.name.starts_with("final-") => {
                "was interrupted; `hybridctl destroy` goes on, and an `hybridctl up` deletes it"
            }
            // An `up` deletes too; what was meant only the person at the keyboard knows.
            Verb::Delete => "was interrupted; `hybridctl destroy` or `hybridctl up`, whichever it was, goes on",
            _ => "was interrupted; `hybridctl up` goes on",
        }
    }
}

/// What a reading says, or that there is nothing, or that it could not be read.
fn told<T>(reading: &Result<Option<T>>, tell: impl Fn(&T) -> String) -> String {
    match reading {
        Ok(Some(found)) => tell(found),
        Ok(None) => "none yet".to_owned(),
        Err(error) => format!("cannot tell: {error}"),
    }
}

fn rollout(service: &Service) -> String {
    let newest = service.rollouts.first();
    let state = newest.map_or(&service.status, |rollout| &rollout.state).to_lowercase().replace('_', " ");
    let mut text = format!("{state}, {} of {} tasks running", service.running, service.desired);
    if service.pending > 0 {
        let _ = write!(text, ", {} starting", service.pending);
    }
    let revision = newest.map_or(&service.task_definition_arn, |rollout| &rollout.task_definition_arn);
    let _ = write!(text, ", revision {}", revision.rsplit('/').next().unwrap_or_default());
    match newest {
        Some(failed) if failed.state == "FAILED" => format!("{text}: {}", short(&redact(&failed.reason))),
        _ => text,
    }
}

/// Tasks that nobody wanted to stop, while the newest rollout is the one that goes on.
fn last_stop(serving: &Serving) -> Option<&Task> {
    let service = serving.service.as_ref().ok()?.as_ref()?;
    let since = service.rollouts.first().and_then(|rollout| rollout.created_at);
    let of_now = |task: &&Task| !task.was_unneeded && since.is_none_or(|since| task.stopped_at >= Some(since));
    serving.stopped.as_ref().ok()?.iter().find(of_now)
}

fn stopped(task: &Task) -> String {
    let at = task.stopped_at.and_then(|at| jiff::Timestamp::from_millisecond(at).ok());
    let at = at.map(|at| format!("{} ", at.strftime("%H:%M:%SZ"))).unwrap_or_default();
    let code = task.exit_code.map(|code| format!(", exit code {code}")).unwrap_or_default();
    format!("{at}task {}{code}: {}", task.id, short(&redact(&task.reason)))
}

fn targets(group: &TargetGroup) -> String {
    let healthy = group.targets.iter().filter(|target| is_healthy(target)).count();
    let mut text = format!("{healthy} of {} healthy", group.targets.len());
    for target in group.targets.iter().filter(|target| !is_healthy(target)) {
        let _ = write!(text, "; {}:{} {}", target.address, target.port, target.state);
        if !target.reason.is_empty() {
            let _ = write!(text, " ({})", short(&target.reason));
        }
    }
    text
}

fn is_healthy(target: &Target) -> bool {
    target.state == "healthy"
}

/// The version that is served: what the image's tag says, else the tag or digest itself.
pub(super) fn version(serving: &Serving) -> Option<String> {
    let image = &serving.definition.as_ref().ok()?.as_ref()?.image;
    let version = version_of_image(image).map(|version| version.to_string());
    version.or_else(|| image.rsplit('/').next().map(str::to_owned))
}

/// The newest rollout for programs.
pub(super) fn rollout_json(serving: &Serving) -> Value {
    let Ok(Some(service)) = &serving.service else { return Value::Null };
    json!({
        "state": service.rollouts.first().map(|rollout| &rollout.state),
        "desired": service.desired,
        "running": service.running,
        "pending": service.pending,
        "task_definition_arn": service.task_definition_arn,
    })
}

/// The targets for programs.
pub(super) fn targets_json(serving: &Serving) -> Value {
    let Ok(Some(group)) = &serving.targets else { return Value::Null };
    let target = |target: &Target| json!({ "address": target.address, "port": target.port, "state": target.state, "reason": target.reason });
    group.targets.iter().map(target).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::look::service::{Definition, Rollout};
    use crate::resource::{Error, Id};

    const REVISION: &str = "arn:aws:ecs:eu-central-1:123456789012:task-definition/zenml-hybrid-server:2";

    fn serving(image: &str) -> Serving {
        let rollout = Rollout {
            state: "COMPLETED".into(),
            task_definition_arn: REVISION.into(),
            created_at: Some(1000),
            ..Rollout::default()
        };
        let service = Service { desired: 2, running: 2, rollouts: vec![rollout], ..Service::default() };
        let target = |last: u8| Target {
            address: format!("10.0.128.{last}"),
            port: 8000,
            state: "healthy".into(),
            reason: String::new(),
        };
        Serving {
            service: Ok(Some(service)),
            definition: Ok(Some(Definition { image: image.into(), ..Definition::default() })),
            running: Ok(vec![]),
            stopped: Ok(vec![]),
            targets: Ok(Some(TargetGroup { targets: vec![target(4), target(5)], ..TargetGroup::default() })),
        }
    }

    fn row(address: &str, id: &str, phase: &str) -> Row {
        Row { address: address.parse().unwrap(), id: Id::from(id), phase: phase.into(), detail: None }
    }

    fn shown(resources: &[Row], serving: &Serving, all: bool) -> String {
        let screen = Screen {
            deployment: "zenml-hybrid",
            place: "eu-central-1, account 123456789012".into(),
            endpoint: Some("https://zenml.mycompany.com".into()),
            wanted: "0.98.0".into(),
            resources,
            intents: &BTreeMap::new(),
            serving,
            holder: None,
            last_change: Some(&Past {
                serial: 71,
                written: "2026-11-20T17:15:00Z".parse().unwrap(),
                who: Some("alice@laptop".into()),
                handle: "version".into(),
                current: true,
            }),
            root: "s3://state/prod".into(),
            notes: vec![],
            all,
        };
        screen.text()
    }

    #[test]
    fn a_deployment_in_order_is_a_dozen_lines_whatever_its_size() {
        let resources = [row("ec2.vpc/main", "vpc-1", READY), row("ecs.service/server", "arn", READY)];
        let text = shown(&resources, &serving("repository/zenml:0.98.0"), false);
        let expected = "\
zenml-hybrid: eu-central-1, account 123456789012

resources    2 of 2 ready
rollout      completed, 2 of 2 tasks running, revision zenml-hybrid-server:2
targets      2 of 2 healthy
version      0.98.0
endpoint     https://zenml.mycompany.com
last change  2026-11-20 17:15:00Z by alice@laptop, serial 71 in s3://state/prod

more: `hybridctl verify`, `hybridctl output`, `hybridctl status --all`
";
        assert_eq!(text, expected);
        let all = shown(&resources, &serving("repository/zenml:0.98.0"), true);
        assert!(all.contains("  ec2.vpc/main        ready  vpc-1\n"), "{all}");
    }

    #[test]
    fn what_is_not_in_order_is_told_with_its_reason_and_without_secrets() {
        let mut serving = serving("repository/zenml:0.99.0");
        let service = serving.service.as_mut().unwrap().as_mut().unwrap();
        service.running = 1;
        service.pending = 1;
        service.rollouts[0].state = "IN_PROGRESS".into();
        let target = &mut serving.targets.as_mut().unwrap().as_mut().unwrap().targets[1];
        target.state = "unhealthy".into();
        target.reason = "Target.Timeout".into();
        let before = Task { id: "old".into(), stopped_at: Some(999), ..Task::default() };
        let unneeded = Task { id: "scaled".into(), stopped_at: Some(3000), was_unneeded: true, ..Task::default() };
        let stop = Task {
            id: "abc".into(),
            stopped_at: Some(2000),
            exit_code: Some(1),
            reason: "Essential container exited: mysql://zenml:hunter2@db".into(),
            ..Task::default()
        };
        serving.stopped = Ok(vec![unneeded, stop, before]);
        let text = shown(&[row("ec2.vpc/main", "vpc-1", "deleted outside hybridctl")], &serving, false);
        for line in [
            "resources    0 of 1 ready\n",
            "rollout      in progress, 1 of 2 tasks running, 1 starting, revision zenml-hybrid-server:2\n",
            "last stop    00:00:02Z task abc, exit code 1: Essential container exited: ",
            "targets      1 of 2 healthy; 10.0.128.5:8000 unhealthy (Target.Timeout)\n",
            "version      0.99.0; the config says 0.98.0\n",
            "not ready:\n  ec2.vpc/main  deleted outside hybridctl  vpc-1\n",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        assert!(!text.contains("hunter2"), "{text}");
        serving.service.as_mut().unwrap().as_mut().unwrap().rollouts[0].state = "FAILED".into();
        serving.service.as_mut().unwrap().as_mut().unwrap().rollouts[0].reason = "tasks failed to start".into();
        assert!(shown(&[row("ec2.vpc/main", "vpc-1", READY)], &serving, false).contains("failed, 1 of 2"), "{text}");
    }

    #[test]
    fn what_is_not_there_and_what_cannot_be_read_are_told_apart() {
        let serving = Serving {
            service: Ok(None),
            definition: Ok(None),
            running: Ok(vec![]),
            stopped: Ok(vec![]),
            targets: Err(Error::terminal("AccessDenied")),
        };
        let text = shown(&[row("ec2.vpc/main", "vpc-1", READY)], &serving, false);
        for line in
            ["rollout      none yet\n", "targets      cannot tell: ", "version      none yet; the config says 0.98.0\n"]
        {
            assert!(text.contains(line), "{line}\n{text}");
        }
        assert_eq!(shown(&[], &serving, false).lines().last(), Some("nothing exists yet; `hybridctl up` makes it"));
    }
}
