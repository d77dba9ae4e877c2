//! `diff`: config against record against live, field by field.

use super::exit::{CHANGES, DONE, DRIFT, Failure};
use super::session::{Access, Session};
use super::{Format, Global};
use crate::model::Address;
use crate::plan::diff::Sides;
use crate::plan::{Action, Change, Observations, Plan, Reason, Seen, Step};
use crate::report::value_text::Values;
use crate::resource::{Id, Tags};
use clap::Args;
use serde_json::{Value, json};

/// Show how the deployment differs from the file: `pending` (the file moved), `drift` (somebody changed AWS)
#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// Exit with 6 on drift, with 2 on pending changes
    #[arg(long)]
    exit_code: bool,
    /// Show also what AWS moved by itself and is left alone
    #[arg(long)]
    all: bool,
}

/// One difference.
struct Row {
    address: Address,
    kind: Kind,
    field: String,
    from: Value,
    to: Value,
    /// What differs inside the object that the field refers to.
    inside: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Pending,
    Drift,
    AwsManaged,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Drift => "drift",
            Self::AwsManaged => "aws-managed",
        }
    }
}

impl Diff {
    pub(crate) async fn run(self, global: &Global) -> Result<u8, Failure> {
        let mut session = Session::open(global, Access::Read).await?;
        // Looking must not stop at what an apply would have to be allowed to do.
        session.consents.data_loss = session.state.resources.keys().cloned().collect();
        session.consents.disable_protection = true;
        let desired = session.desired()?;
        let (plan, seen) = session.plan(&desired).await?;
        let mut rows = rows(&session, &plan).await?;
        if self.all {
            rows.extend(aws_managed(&session, &plan, &seen));
        }
        match global.format {
            Format::Json => out!("{:#}\n", as_json(&rows)),
            Format::Text => out!("{}", as_text(&rows)),
        }
        let has = |kind: Kind| rows.iter().any(|row| row.kind == kind);
        Ok(match self.exit_code {
            true if has(Kind::Drift) => DRIFT,
            true if has(Kind::Pending) => CHANGES,
            _ => DONE,
        })
    }
}

async fn rows(session: &Session, plan: &Plan) -> Result<Vec<Row>, Failure> {
    let mut rows = vec![];
    for step in plan.steps.values() {
        match step.action {
            Action::Keep | Action::Retain => {}
            Action::Create | Action::Delete | Action::Forget => rows.push(whole(session, step)),
            Action::Adopt | Action::Update | Action::Replace => {
                for change in &step.changes {
                    if let Some(change) = of_its_own(session, step, change) {
                        rows.push(row(session, step, &change).await?);
                    }
                }
                if step.changes.is_empty() {
                    rows.push(whole(session, step));
                }
            }
        }
    }
    Ok(rows)
}

/// What follows from another difference (an output that is known only at apply) is no difference of its own, unless
/// somebody has moved the live value as well.
fn of_its_own(session: &Session, step: &Step, change: &Change) -> Option<Change> {
    if crate::model::input::is_known(&change.to) {
        return Some(change.clone());
    }
    let recorded = &session.state.resources.get(&step.address)?.inputs[&change.field];
    let kind = session.kinds.get(&step.address.kind).ok()?;
    let field = kind.fields().iter().find(|field| field.name == change.field)?;
    let moved = !field.unread && !field.satisfied(recorded, &change.from);
    moved.then(|| Change { to: recorded.clone(), drift: true, ..change.clone() })
}

/// A difference of the object as a whole. Nobody drifted what our own `destroy` took off the record.
fn whole(session: &Session, step: &Step) -> Row {
    let is_recorded = session.state.resources.contains_key(&step.address);
    let (kind, from, to) = match (&step.action, &step.reason) {
        (_, Reason::Restored) if !is_recorded => (Kind::Pending, "waits for its deletion", "wanted"),
        (_, Reason::DeletedOutside) if step.action == Action::Forget => (Kind::Pending, "gone", "not wanted"),
        (_, Reason::DeletedOutside | Reason::Restored) => (Kind::Drift, "deleted", "wanted"),
        (_, Reason::Failed(_)) => (Kind::Drift, "failed", "wanted"),
        (_, Reason::Interrupted) => (Kind::Pending, "interrupted", "wanted"),
        (Action::Delete | Action::Forget, _) => (Kind::Pending, "exists", "not wanted"),
        (Action::Adopt, _) => (Kind::Pending, "exists, on no record", "wanted"),
        _ => (Kind::Pending, "does not exist", "wanted"),
    };
    Row { address: step.address.clone(), kind, field: String::new(), from: from.into(), to: to.into(), inside: vec![] }
}

async fn row(session: &Session, step: &Step, change: &Change) -> Result<Row, Failure> {
    let kind = if change.drift { Kind::Drift } else { Kind::Pending };
    let inside = match (step.address.kind.as_str(), change.field.as_str()) {
        ("ecs.service", "task_definition_arn") if change.drift => foreign_revision(session, change).await?,
        _ => vec![],
    };
    let Change { field, from, to, .. } = change.clone();
    Ok(Row { address: step.address.clone(), kind, field, from, to, inside })
}

/// Somebody moved the service to a revision of their own: what differs inside it.
async fn foreign_revision(session: &Session, change: &Change) -> Result<Vec<String>, Failure> {
    let ours = Address::new("ecs.task_definition", "server");
    let (Some(arn), Some(recorded)) = (change.from.as_str(), session.state.resources.get(&ours)) else {
        return Ok(vec![]);
    };
    let told = |error| Failure::aws("read the revision that the service runs", &error);
    let kind = session.kinds.get(&ours.kind).map_err(told)?;
    let engine = session.engine();
    let Some(observed) = engine.look_at(&session.state, &ours, &Id::from(arn)).await.map_err(told)? else {
        return Ok(vec!["that revision does not exist any more".to_owned()]);
    };
    let sides = Sides {
        fields: kind.fields(),
        want: &recorded.inputs,
        live: &observed,
        recorded: None,
        tags: &Tags::new(),
        recorded_tags: None,
    };
    let values = Values { exists: &|_| true };
    let lines = crate::plan::diff::changes(&sides).into_iter().flat_map(|change| {
        values.difference(&change.field, &change.to, &change.from).into_iter().map(|line| {
            let (sign, text) = line.text();
            format!("{sign} {text}")
        })
    });
    Ok(lines.collect())
}

/// Values that differ and satisfy what is wanted all the same (a minor version that AWS raised, storage that grew).
fn aws_managed(session: &Session, plan: &Plan, seen: &Observations) -> Vec<Row> {
    let mut rows = vec![];
    for (address, step) in &plan.steps {
        let Some(Seen::Live(_, observed)) = seen.seen.get(address) else { continue };
        let Ok(kind) = session.kinds.get(&address.kind) else { continue };
        for field in kind.fields().iter().filter(|field| field.same_when.is_some() && !field.unread) {
            let (want, live) = (&step.inputs[field.name], &observed.inputs[field.name]);
            if !want.is_null() && crate::model::input::is_known(want) && want != live && field.satisfied(want, live) {
                rows.push(Row {
                    address: address.clone(),
                    kind: Kind::AwsManaged,
                    field: field.name.to_owned(),
                    from: live.clone(),
                    to: want.clone(),
                    inside: vec![],
                });
            }
        }
    }
    rows
}

fn as_json(rows: &[Row]) -> Value {
    let row = |row: &Row| {
        json!({
            "address": row.address, "kind": row.kind.word(), "field": row.field,
            "live": row.from, "wanted": row.to, "inside": row.inside,
        })
    };
    json!({ "schema": "hybridctl.diff/1", "differences": rows.iter().map(row).collect::<Vec<_>>() })
}

fn as_text(rows: &[Row]) -> String {
    use std::fmt::Write;
    if rows.is_empty() {
        return "no differences\n".to_owned();
    }
    let mut text = String::new();
    let width = rows.iter().map(|row| row.address.to_string().len()).max().unwrap_or_default();
    let values = Values { exists: &|_| true };
    for row in rows {
        let head = format!("{:<11} {:<width$}", row.kind.word(), row.address.to_string());
        if row.field.is_empty() {
            let words = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let _ = writeln!(text, "{head}  {} ({})", words(&row.from), words(&row.to));
            continue;
        }
        // In the order of time: what somebody did to it, and as in a plan, what the file does to it.
        let (before, after) = match row.kind {
            Kind::Pending => (&row.from, &row.to),
            Kind::Drift | Kind::AwsManaged => (&row.to, &row.from),
        };
        for (n, line) in values.difference(&row.field, before, after).into_iter().enumerate() {
            let (sign, line) = line.text();
            let head = if n == 0 { head.clone() } else { " ".repeat(head.len()) };
            let _ = writeln!(text, "{head}  {sign} {line}");
        }
        for line in &row.inside {
            let _ = writeln!(text, "{}    inside: {line}", " ".repeat(head.len()));
        }
    }
    let count = |kind: Kind| rows.iter().filter(|row| row.kind == kind).count();
    let (drift, pending) = (count(Kind::Drift), count(Kind::Pending));
    let mut says = vec![];
    if drift > 0 {
        says.push("drift: what is wanted → what somebody made of it");
    }
    if pending > 0 {
        says.push("pending: what it is → what the file makes of it");
    }
    let says = says.iter().map(|line| format!("  {line}\n")).collect::<String>();
    let _ = write!(text, "{drift} drift, {pending} pending\n{says}");
    text
}
