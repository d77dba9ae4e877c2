//! Steps for tests.

use crate::model::{Address, Edge, Keep};
use crate::plan::{Action, Change, Plan, Reason, Step, Verb};
use crate::report::{Event, Totals};
use crate::resource::{Effect, Error};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub(crate) struct Sample(Step);

pub(super) fn address(text: &str) -> Address {
    text.parse().unwrap()
}

pub(super) fn reference(text: &str) -> Value {
    json!({ "$output": text })
}

pub(crate) fn step(text: &str, action: Action) -> Sample {
    let reason = match action {
        Action::Create => Reason::New,
        Action::Update | Action::Replace => Reason::Config,
        Action::Keep => Reason::Unchanged,
        _ => Reason::NotWanted,
    };
    let address = address(text);
    let label = address.name.clone();
    Sample(Step {
        address,
        action,
        reason,
        changes: vec![],
        inputs: Value::Null,
        id: None,
        after: BTreeMap::new(),
        create_first: false,
        deposed: BTreeSet::new(),
        release: false,
        restore: false,
        keep: Keep::Never,
        holds_data: false,
        guide: String::new(),
        label,
    })
}

impl Sample {
    pub(super) fn guide(mut self, guide: &str) -> Self {
        self.0.guide = guide.into();
        self
    }

    pub(super) fn uses(self, text: &str) -> Self {
        self.edge(text, Edge::USES)
    }

    pub(super) fn edge(mut self, text: &str, edge: Edge) -> Self {
        self.0.after.insert(address(text), edge);
        self
    }

    pub(super) fn reason(mut self, reason: Reason) -> Self {
        self.0.reason = reason;
        self
    }

    pub(super) fn inputs(mut self, inputs: Value) -> Self {
        self.0.inputs = inputs;
        self
    }

    pub(super) fn id(mut self, id: &str) -> Self {
        self.0.id = Some(id.into());
        self
    }

    pub(crate) fn change(mut self, field: &str, from: Value, to: Value, effect: Effect) -> Self {
        self.0.changes.push(Change { field: field.into(), from, to, effect, drift: false, impact: None });
        self
    }

    pub(crate) fn built(self) -> Step {
        self.0
    }

    pub(super) fn with(mut self, set: impl FnOnce(&mut Step)) -> Self {
        set(&mut self.0);
        self
    }
}

pub(super) fn plan_of(steps: impl IntoIterator<Item = Sample>) -> Plan {
    let steps = steps.into_iter().map(|sample| (sample.0.address.clone(), sample.0)).collect();
    Plan { serial: 7, steps, ..Plan::default() }
}

// service ──▶ database, listener;  dns ──▶ service
pub(super) fn an_apply() -> Vec<Event> {
    let seconds = Duration::from_secs;
    let (database, listener) = (address("rds.instance/main"), address("elb.listener/https"));
    let (service, dns) = (address("ecs.service/zenml"), address("route53.record/server"));
    let started = |address: &Address, expected| Event::Started {
        address: address.clone(),
        verb: Verb::Make,
        action: Action::Create,
        expected: seconds(expected),
    };
    let settling =
        |word: &str, waited| Event::Settling { address: database.clone(), word: word.into(), waited: seconds(waited) };
    let error = Error {
        code: Some("StorageFull".into()),
        operation: "rds:CreateDBInstance".into(),
        request_id: Some("7f3c".into()),
        ..Error::terminal("no room left\nin this zone")
    };
    vec![
        Event::Planned {
            operations: vec![
                (database.clone(), Verb::Make, vec![]),
                (listener.clone(), Verb::Make, vec![]),
                (service.clone(), Verb::Make, vec![database.clone(), listener.clone()]),
                (dns.clone(), Verb::Make, vec![service.clone()]),
            ],
        },
        started(&database, 330),
        Event::Made { address: database.clone(), id: "zenml-hybrid-db".into() },
        settling("backing-up", 1),
        started(&listener, 2),
        settling("backing-up", 20),
        Event::Finished { address: listener, verb: Verb::Make, action: Action::Create, took: seconds(2) },
        settling("backing-up", 31),
        Event::Note { address: database.clone(), line: "the first backup is being made".into() },
        Event::Failed { address: database.clone(), verb: Verb::Make, error },
        Event::Skipped { address: service, because: database.clone() },
        Event::Skipped { address: dns, because: database },
        Event::Stopping,
        Event::Done(Totals { done: 1, failed: 1, skipped: 2, stopped: 0 }),
    ]
}
