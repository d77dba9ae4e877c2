//! The operations, the worlds that they start from, and what each comes to when nothing disturbs it.

use super::MOMENTS;
use super::case::Case;
use super::inspector::{Inspector, Seen};
use crate::support::cli::Rehearsal;
use crate::support::proxy::{Faults, Log};
use crate::wire::world::quickstart;
use std::collections::BTreeMap;

/// Seconds that a step of a lifecycle takes.
const STEP: f64 = 0.02;
/// What the OAuth2 client secret is; it must never be seen.
pub const GIVEN_SECRET: &str = "canary-of-the-oauth2-client";

/// One operation.
pub struct Operation {
    pub name: &'static str,
    /// Whether it starts with nothing of ours.
    from_nothing: bool,
    pub command: &'static [&'static str],
    /// What is changed in the config before it.
    edits: &'static [(&'static str, &'static str)],
    /// How many objects of each kind are ours in the end.
    pub outcome: fn() -> BTreeMap<String, usize>,
}

const UP: &[&str] = &["up", "--yes", "--no-verify"];

pub const OPERATIONS: &[Operation] = &[
    Operation { name: "up", from_nothing: true, command: UP, edits: &[], outcome: || quickstart(&[]) },
    Operation {
        name: "update",
        from_nothing: false,
        command: UP,
        edits: &[
            ("\"0.98.0\"", "\"0.99.0\""),
            ("cpu    = 512 ", "cpu    = 1024"),
            ("memory = 1024", "memory = 2048"),
            ("[zenml]", "[tags]\nteam = \"ml\"\n\n[zenml]"),
        ],
        outcome: || quickstart(&[("snapshot", 1)]),
    },
    // Another port replaces the target group, and with it what refers to it.
    Operation {
        name: "replacement",
        from_nothing: false,
        command: UP,
        edits: &[("[service]", "[service]\nport = 8001")],
        outcome: || quickstart(&[]),
    },
    // A private load balancer is another one, with everything that hangs on it; a secret of another name likewise.
    Operation {
        name: "larger replacement",
        from_nothing: false,
        command: UP,
        edits: &[("[ingress]", "[secrets]\nnames = { jwt_key = \"other/jwt\" }\n\n[ingress]\nscheme = \"internal\"")],
        outcome: || quickstart(&[]),
    },
    Operation {
        name: "destroy",
        from_nothing: false,
        command: &["destroy", "--yes", "--confirm", "zenml-hybrid", "--disable-protection"],
        edits: &[],
        // The execution role, the encryption key and the final snapshot.
        outcome: || {
            let kept = |kind: &str| ["role", "secret", "snapshot"].contains(&kind);
            quickstart(&[]).into_keys().map(|kind| (kind.clone(), usize::from(kept(&kind)))).collect()
        },
    },
];

/// The worlds that are copied for each case.
pub struct Ground {
    /// Nothing of ours.
    pub empty: Rehearsal,
    full: Rehearsal,
    /// What is somebody else's.
    pub before: Seen,
}

impl Ground {
    pub fn prepare() -> Self {
        let mut empty = Rehearsal::paced("quickstart", STEP);
        empty.variables.push(("ZENML_SERVER_PRO_OAUTH2_CLIENT_SECRET".into(), GIVEN_SECRET.into()));
        // The simulator loads a lot when something is asked for the first time: once, instead of in every copy.
        empty.run(UP).expect(0);
        empty.run(&["sandbox", "reset"]).expect(0);
        std::fs::remove_dir_all(empty.project().join(".hybridctl")).unwrap();
        // Seeds the hosted zone and the certificate.
        empty.run(&["plan"]).expect(0);
        empty.boto(include_str!("strangers.py"), &[]);
        let before = Inspector::start(&empty).look(&empty);
        let full = empty.copy();
        full.run(UP).expect(0);
        Self { empty, full, before }
    }

    /// A world in which the operation can begin.
    pub fn start_of(&self, operation: &Operation) -> Rehearsal {
        let rehearsal = if operation.from_nothing { self.empty.copy() } else { self.full.copy() };
        operation.edits.iter().for_each(|(from, to)| rehearsal.edit(from, to));
        rehearsal
    }

    /// Every operation undisturbed.
    pub fn references(&self) -> Vec<Reference> {
        std::thread::scope(|scope| {
            let begun: Vec<_> = OPERATIONS.iter().map(|operation| scope.spawn(|| self.reference(operation))).collect();
            begun.into_iter().map(|reference| reference.join().unwrap()).collect()
        })
    }

    fn reference(&self, operation: &'static Operation) -> Reference {
        let mut rehearsal = self.start_of(operation);
        let proxy = rehearsal.disturbed(Faults::none());
        rehearsal.run(operation.command).expect(0);
        let log = proxy.take_log();
        let seen = Inspector::start(&rehearsal).look(&rehearsal);
        let counts: BTreeMap<_, _> =
            seen.beyond(&self.before).into_iter().map(|(kind, found)| (kind, found.len())).collect();
        assert_eq!(counts, (operation.outcome)(), "{}\n{}", operation.name, log.text());
        Reference { operation, log }
    }
}

/// An operation and the calls that it makes.
pub struct Reference {
    pub operation: &'static Operation,
    log: Log,
}

impl Reference {
    /// Every call that changes something, at every moment. Calls are named by operation and number, because their order
    /// differs from run to run.
    pub fn cases(&self) -> Vec<Case<'_>> {
        let mut times: BTreeMap<&str, u64> = BTreeMap::new();
        let mut cases = vec![];
        for call in self.log.mutations() {
            let number = times.entry(call).or_default();
            *number += 1;
            cases.extend(MOMENTS.map(|moment| Case {
                reference: self,
                moment,
                call: call.to_owned(),
                number: *number,
            }));
        }
        cases
    }
}
