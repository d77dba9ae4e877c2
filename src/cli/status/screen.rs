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
use std::collections::{BTreeMap, BTreeSet};
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
    /// Whether a `destroy` would leave everything that there is.
    pub(super) only_kept: bool,
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
        if self.only_kept {
            text += "only what `hybridctl destroy` keeps is there; `hybridctl up` makes the rest\n\n";
        }
        for (name, value) in self.lines() {
            let _ = writeln!(text, "{name:<11}  {value}");
        }
        self.list(&mut text);
        self.list_intents(&mut text);
        for note in &self.notes {
            let _ = writeln!(text, "\n{note}");
        }
        text + "\nmore: `hybridctl verify`, `hybridctl output`, `hybridctl status --all`\n"
    }

    fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines = vec![("resources", self.counts())];
        if let Some(past) = self.last_change {
            let at = past.written.strftime("%Y-%m-%d %H:%M:%SZ");
            let who = past.who.as_ref().map(|who| format!(" by {who}")).unwrap_or_default();
            lines.push(("last change", format!("{at}{who}, serial {} in {}", past.serial, self.root)));
        }
        if self.only_kept {
            return lines;
        }
        lines.extend([
            ("rollout", told(&self.serving.service, rollout)),
            ("targets", told(&self.serving.targets, targets)),
            ("version", self.version()),
            ("endpoint", self.endpoint.clone().unwrap_or_else(|| "none yet".to_owned())),
        ]);
        if let Some(stop) = last_stop(self.serving) {
            lines.push(("last stop", stopped(stop)));
        }
        lines
    }

    fn counts(&self) -> String {
        let ready = self.resources.iter().filter(|row| row.phase == READY).count();
        let mut counts = format!("{ready} of {} ready", self.resources.len());
        for (verb, words) in
            [(Verb::Create, "being made"), (Verb::Update, "being changed"), (Verb::Delete, "being deleted")]
        {
            let number = self.intents.values().filter(|intent| intent.verb == verb).count();
            if number > 0 {
                let _ = write!(counts, ", {number} {words}");
            }
        }
        counts
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
        let all = self.all || self.only_kept;
        let listed: Vec<&Row> = self.resources.iter().filter(|row| all || row.phase != READY).collect();
        let widest = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or_default();
        let address = widest(&mut listed.iter().map(|row| row.address.to_string().len()));
        let phase = widest(&mut listed.iter().map(|row| row.phase.chars().count()));
        if !listed.is_empty() {
            text.push_str(if all { "\n" } else { "\nnot ready:\n" });
        }
        for row in listed {
            let at = row.address.to_string();
            let _ = writeln!(text, "  {at:<address$}  {:<phase$}  {}", row.phase, row.id);
        }
    }

    fn list_intents(&self, text: &mut String) {
        if self.intents.is_empty() {
            return;
        }
        text.push_str(if self.holder.is_some() { "\nunder way:\n" } else { "\ninterrupted:\n" });
        let address = self.intents.keys().map(|address| address.to_string().len()).max().unwrap_or_default();
        for (at, intent) in self.intents {
            let (at, verb) = (at.to_string(), format!("{:?}", intent.verb).to_lowercase());
            let since = intent.since.strftime("%Y-%m-%d %H:%M:%SZ");
            let _ = writeln!(text, "  {at:<address$}  {verb} since {since}");
        }
        if self.holder.is_none() {
            let ways: BTreeSet<_> = self.intents.iter().map(|(at, intent)| goes_on(at, intent)).collect();
            for way in ways {
                let _ = writeln!(text, "{way}");
            }
        }
    }
}

/// What finishes an operation that was interrupted.
fn goes_on(at: &Address, intent: &Intent) -> &'static str {
    match intent.verb {
        // The copy of the data that a destroy takes.
        _ if at.kind == "rds.snapshot" && at.name.starts_with("final-") => {
            "`hybridctl destroy` goes on with the final snapshot, and an `hybridctl up` deletes it"
        }
        // An `up` deletes too; what was meant only the person at the keyboard knows.
        Verb::Delete => "`hybridctl destroy` or `hybridctl up`, whichever it was, goes on with what was being deleted",
        _ => "`hybridctl up` goes on with what was being made or changed",
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
mod tests;
