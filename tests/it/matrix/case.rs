//! One case: killed at one moment of one call, run again, and looked at.

use super::inspector::{Inspector, Seen};
use super::operation::{GIVEN_SECRET, Ground, Reference};
use crate::support::cli::{Output, Rehearsal, wait};
use crate::support::proxy::{Faults, Moment, Proxy, nth, stop};
use fastrand::Rng;
use serde_json::Value;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader};
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Calls of a plan that finds nothing to do (I8).
const CALLS_OF_A_PLAN: usize = 45;
/// A run says at least so often what it does or waits for (I9): every 30 seconds, and the time to write it.
const LONGEST_SILENCE: Duration = Duration::from_secs(35);
/// How long after an answer the process dies: from before it can record it to after that.
const REACTION_MILLIS: u64 = 20;

/// Where one run is killed.
#[derive(Clone)]
pub struct Case<'r> {
    pub reference: &'r Reference,
    pub moment: Moment,
    /// `ec2:CreateSubnet`.
    pub call: String,
    /// Which of the calls of this name, from 1.
    pub number: u64,
}

/// What was wrong afterwards: nothing, if all is well.
#[derive(Debug, Default)]
pub struct Outcome {
    /// `false`: this run made fewer calls of that name.
    pub killed: bool,
    /// Objects with our tags that the state does not know (I1).
    pub orphans: Vec<String>,
    /// More objects of a kind than there should be.
    pub duplicates: Vec<String>,
    /// The next run failed or was silent, something is missing, or a plan has something to do (I2, I3, I8, I9).
    pub unconverged: Vec<String>,
    /// A stranger's object was touched, a secret was written, two runs worked at once, the state was torn (I4 to I7).
    pub others: Vec<String>,
}

pub fn word(moment: Moment) -> &'static str {
    match moment {
        Moment::Before => "before",
        Moment::Answered => "answered",
        Moment::Passed => "passed on",
    }
}

impl Outcome {
    /// Everything that was wrong, for a failing test.
    pub fn complaint(&self, case: &Case<'_>) -> Option<String> {
        let found = [&self.orphans, &self.duplicates, &self.unconverged, &self.others].map(|list| list.join("\n  "));
        let words = ["orphans", "duplicates", "unconverged", "other"].iter().zip(found);
        let lines: String =
            words.filter(|(_, found)| !found.is_empty()).map(|(word, found)| format!("\n  {word}: {found}")).collect();
        (!lines.is_empty()).then(|| format!("{}{lines}", case.name()))
    }
}

impl Case<'_> {
    /// `up, answered: ec2:CreateSubnet#3`.
    pub fn name(&self) -> String {
        format!("{}, {}: {}#{}", self.reference.operation.name, word(self.moment), self.call, self.number)
    }

    pub fn run(&self, ground: &Ground, inspector: &mut Inspector) -> Outcome {
        let mut rehearsal = ground.start_of(self.reference.operation);
        let proxy = rehearsal.disturbed(Faults::none());
        let mut outcome = Outcome::default();
        let first = self.kill(&rehearsal, &proxy);
        outcome.killed = first.code == 137;
        proxy.disturb(Faults::none());
        if let Err(error) = state(&rehearsal) {
            outcome.others.push(format!("the state is torn: {error}"));
        }
        if !outcome.killed && first.code != 0 {
            outcome.unconverged.push(format!("it failed without being killed\n{}", first.text()));
        }
        let (second, rival) = self.go_on(&rehearsal, &proxy, &mut outcome);
        let third = self.has_nothing_to_do(&rehearsal, &proxy, &mut outcome);
        let seen = inspector.look(&rehearsal);
        self.compare(&seen, ground, &mut outcome);
        let state = state(&rehearsal).ok().flatten().unwrap_or_default();
        outcome.orphans = orphans(&seen, &state);
        if !seen.leaves_alone(&ground.before) {
            outcome.others.push("objects of others were touched".to_owned());
        }
        outcome.others.extend(leaks(&rehearsal, &seen, &[first, second, rival, third]));
        outcome
    }

    /// Runs the operation and kills it at the moment.
    fn kill(&self, rehearsal: &Rehearsal, proxy: &Proxy) -> Output {
        let client: Arc<Mutex<Option<Child>>> = Arc::default();
        let (victim, moment, reaction) = (client.clone(), self.moment, self.reaction());
        let hook = move |_: &_| {
            if moment == Moment::Passed {
                std::thread::sleep(reaction);
            }
            if let Some(child) = &mut *victim.lock().unwrap() {
                let _ = child.kill();
            }
        };
        proxy.disturb(Faults::none().on(&self.call, nth(self.number), stop(self.moment, hook)));
        let folder = rehearsal.dir.path();
        let [out, err] = ["out", "err"].map(|name| folder.join(name));
        {
            let mut client = client.lock().unwrap();
            let mut command = rehearsal.command(self.reference.operation.command);
            command.stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap());
            *client = Some(command.spawn().unwrap());
        }
        let status = loop {
            if let Some(status) = client.lock().unwrap().as_mut().unwrap().try_wait().unwrap() {
                break status;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        proxy.settle();
        let text = |path| std::fs::read_to_string(path).unwrap();
        Output { code: status.code().unwrap_or(137), stdout: text(&out), stderr: text(&err) }
    }

    /// The same command, by two people at once: one finishes the job, and the other is refused or finds it done.
    fn go_on(&self, rehearsal: &Rehearsal, proxy: &Proxy, outcome: &mut Outcome) -> (Output, Output) {
        let command = self.reference.operation.command;
        let rival = rehearsal.start(command);
        let (run, silence) = listened_to(rehearsal.start(command));
        let rival = wait(rival);
        let (done, other) = if run.code == 0 { (run, rival) } else { (rival, run) };
        if done.code != 0 {
            outcome.unconverged.push(format!("the next run failed\n{}\n{}", done.text(), proxy.log().text()));
        }
        if silence > LONGEST_SILENCE {
            outcome.unconverged.push(format!("the next run said nothing for {} s\n{}", silence.as_secs(), done.text()));
        }
        let was_refused = other.code == 8 && other.stderr.contains("HC2031");
        let was_late =
            other.code == 0 && ["no changes", "nothing to do"].iter().any(|word| other.stderr.contains(word));
        if !was_refused && !was_late {
            outcome.others.push(format!("two runs worked at once\n{}\n{}", other.text(), done.text()));
        }
        proxy.take_log();
        (done, other)
    }

    /// The same at every run of the test, and another for every case.
    fn reaction(&self) -> Duration {
        let mut hasher = DefaultHasher::new();
        self.name().hash(&mut hasher);
        Duration::from_millis(Rng::with_seed(hasher.finish()).u64(..REACTION_MILLIS))
    }

    /// A plan is empty; after a destroy, another destroy has nothing to do.
    fn has_nothing_to_do(&self, rehearsal: &Rehearsal, proxy: &Proxy, outcome: &mut Outcome) -> Output {
        let destroyed = self.reference.operation.command[0] == "destroy";
        let plan = match destroyed {
            true => rehearsal.run(self.reference.operation.command),
            false => rehearsal.run(&["plan", "--detailed-exitcode"]),
        };
        let idle = plan.code == 0 && (!destroyed || plan.stderr.contains("nothing to do"));
        if !idle {
            outcome.unconverged.push(format!("there is something to do\n{}", plan.text()));
        }
        let log = proxy.take_log();
        if log.0.len() > CALLS_OF_A_PLAN || !log.mutations().is_empty() {
            outcome.unconverged.push(format!("a plan without changes makes these calls\n{}", log.text()));
        }
        plan
    }

    /// As many objects of each kind as there should be.
    fn compare(&self, seen: &Seen, ground: &Ground, outcome: &mut Outcome) {
        let outcome_of = (self.reference.operation.outcome)();
        for (kind, found) in seen.beyond(&ground.before) {
            let expected = outcome_of[&kind];
            let told = || format!("{kind}: {} instead of {expected}: {}", found.len(), Value::from(found.clone()));
            match found.len() {
                more if more > expected => outcome.duplicates.push(told()),
                fewer if fewer < expected => outcome.unconverged.push(told()),
                _ => {}
            }
        }
    }
}

/// Waits for a command; how long it took at most from one line of its stderr to the next.
fn listened_to(mut child: Child) -> (Output, Duration) {
    let (mut stderr, mut last, mut silence) = (String::new(), Instant::now(), Duration::ZERO);
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        silence = silence.max(last.elapsed());
        last = Instant::now();
        stderr += &(line.unwrap() + "\n");
    }
    (Output { stderr, ..wait(child) }, silence.max(last.elapsed()))
}

/// The document as it lies there; `None` before the first save.
fn state(rehearsal: &Rehearsal) -> Result<Option<Value>, serde_json::Error> {
    let path = rehearsal.project().join(".hybridctl/zenml-hybrid.sandbox/state.json");
    std::fs::read_to_string(path).ok().map(|text| serde_json::from_str(&text)).transpose()
}

/// Objects with the tags of this deployment that the state does not know under the address that their tags say: neither as its
/// object, nor as a predecessor, nor as an output. A name that stands elsewhere in the document (of the cluster, say, which is
/// the deployment's) is no record.
fn orphans(seen: &Seen, state: &Value) -> Vec<String> {
    let lineage = state["lineage"].as_str().unwrap_or("none");
    let unknown = |(arn, _, address): &&(String, String, Option<String>)| {
        let Some(address) = address else { return true };
        let entry = |part: &str| state[part][address].clone();
        let mut known = vec![];
        texts(&entry("resources")["outputs"], &mut known);
        for part in ["resources", "intents"] {
            texts(&entry(part)["id"], &mut known);
            texts(&entry(part)["deposed"], &mut known);
        }
        let ends_with = |id: &String| {
            !id.is_empty() && (arn == id || arn.ends_with(&format!("/{id}")) || arn.ends_with(&format!(":{id}")))
        };
        !known.iter().any(ends_with)
    };
    let ours = seen.tagged.iter().filter(|(_, of, _)| of == lineage);
    ours.filter(unknown)
        .map(|(arn, _, address)| format!("{arn} ({})", address.as_deref().unwrap_or("no address")))
        .collect()
}

fn texts(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::String(text) => into.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| texts(value, into)),
        Value::Object(values) => values.values().for_each(|value| texts(value, into)),
        _ => {}
    }
}

/// Files and outputs that hold the value of a secret.
fn leaks(rehearsal: &Rehearsal, seen: &Seen, outputs: &[Output]) -> Vec<String> {
    let mut places: Vec<(String, String)> =
        outputs.iter().map(|output| ("an output".to_owned(), output.text())).collect();
    read_all(&rehearsal.project(), &mut places);
    let values = seen.secrets.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let values: Vec<_> = values.chain([("the given one", GIVEN_SECRET)]).collect();
    let hits = places.iter().flat_map(|(place, text)| {
        values
            .iter()
            .filter(|(_, value)| text.contains(value))
            .map(move |(name, _)| format!("{place} holds the secret {name}"))
    });
    hits.collect()
}

fn read_all(folder: &std::path::Path, places: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        match entry.path() {
            path if path.is_dir() => read_all(&path, places),
            path => places.push((
                path.display().to_string(),
                String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned(),
            )),
        }
    }
}
