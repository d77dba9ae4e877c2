//! What really exists, read by a Python process of its own with boto3: none of our code takes part.

use crate::support::cli::Rehearsal;
use crate::support::proxy::{Faults, Proxy};
use crate::wire::world::INVENTORY;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

/// What an inspection saw.
#[derive(Debug, Clone, Deserialize)]
pub struct Seen {
    /// What identifies each object, by kind.
    pub world: BTreeMap<String, Vec<Value>>,
    /// ARN, lineage and address of everything that has our tags.
    pub tagged: Vec<(String, String, Option<String>)>,
    /// Every attribute of the objects that are somebody else's.
    pub strangers: Value,
    /// Values of secrets by name.
    pub secrets: BTreeMap<String, String>,
}

impl Seen {
    /// The objects that were not there before ours, by kind.
    pub fn beyond(&self, before: &Self) -> BTreeMap<String, Vec<Value>> {
        let new = |(kind, found): (&String, &Vec<Value>)| {
            let known = &before.world[kind];
            (kind.clone(), found.iter().filter(|one| !known.contains(one)).cloned().collect())
        };
        self.world.iter().map(new).collect()
    }

    /// Whether all that was there before ours is there as it was.
    pub fn leaves_alone(&self, before: &Self) -> bool {
        let kept = |(kind, known): (&String, &Vec<Value>)| known.iter().all(|one| self.world[kind].contains(one));
        before.world.iter().all(kept) && self.strangers == before.strangers
    }
}

/// A process that reads one world after another: starting it and its clients takes longer than reading.
pub struct Inspector {
    window: Proxy,
    child: Child,
    asking: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Inspector {
    pub fn start(rehearsal: &Rehearsal) -> Self {
        let window = Proxy::before(&rehearsal.sandbox.endpoint, Faults::none());
        let mut command = rehearsal.script(&window.endpoint(), include_str!("inspect.py"), &[INVENTORY]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (asking, answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { window, child, asking, answers }
    }

    pub fn look(&mut self, rehearsal: &Rehearsal) -> Seen {
        self.window.move_before(&rehearsal.sandbox.endpoint);
        self.asking.write_all(b"\n").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: the inspector said {answer:?}"))
    }
}

impl Drop for Inspector {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
