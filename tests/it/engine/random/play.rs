//! Plays a story and watches: after every run, and to the letter after a run in which nothing goes wrong.

use super::config::{Config, RECOVERABLE, has, value};
use super::scenario::{Act, Knob, Run, Scenario};
use crate::support::deployment::Deployment;
use crate::support::fake::{self, Object};
use hybridctl::apply::{Outcome, Stop};
use hybridctl::model::input::substitute;
use hybridctl::model::{Address, Graph, OutputRef};
use hybridctl::plan::{Action, Given, Plan, Problem, plan};
use hybridctl::report::event::Silent;
use hybridctl::resource::{Consents, Effect, Id, Life, Tags};
use hybridctl::state::{Recorded, State};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What did not hold.
pub type Played<T = ()> = Result<T, String>;

macro_rules! ensure {
    ($holds:expr, $($why:tt)+) => {
        if !$holds {
            return Err(format!($($why)+));
        }
    };
}

/// How a run ended.
enum Ended {
    /// There was no plan.
    Refused(Vec<Problem>),
    /// Looking failed.
    Blind,
    Died,
    Applied(Box<Outcome>),
}

struct Play {
    deployment: Deployment,
    config: Config,
    /// The user has once agreed to the loss of data: a later run finishes what was agreed to.
    agreed: bool,
    lags: bool,
    /// What has come to be unusable.
    broken: BTreeSet<Address>,
    strangers: BTreeMap<Id, Object>,
    /// Strangers that have one of our names.
    clashes: BTreeSet<Id>,
}

/// Plays the story to its end, then repairs, breaks one thing, and destroys everything.
pub fn play(scenario: &Scenario) -> Played {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let mut play = Play::new(scenario);
        for (number, act) in scenario.acts.iter().enumerate() {
            play.act(act)
                .await
                .map_err(|why| format!("act {number}, {act:?}: {why}\n{:#?}", play.deployment.world.log()))?;
        }
        play.end().await.map_err(|why| format!("at the end: {why}\n{:#?}", play.deployment.world.log()))
    })
}

impl Play {
    fn new(scenario: &Scenario) -> Self {
        let deployment = Deployment::new();
        let mut config = Config::default();
        for act in &scenario.acts {
            match act {
                Act::Data(letter) => drop(config.data.insert(*letter)),
                Act::Keep(letter) => drop(config.keep.insert(*letter)),
                _ => {}
            }
        }
        let strangers = deployment.world.strangers();
        let (broken, clashes) = (BTreeSet::new(), BTreeSet::new());
        Self { deployment, config, agreed: false, lags: false, broken, strangers, clashes }
    }

    async fn act(&mut self, act: &Act) -> Played {
        match *act {
            Act::Want(letter, kind) => self.config.want(letter, kind),
            Act::Drop(letter) => drop(self.config.nodes.remove(&letter)),
            Act::Data(_) | Act::Keep(_) => {}
            Act::Link(letter, used, link) => self.config.link(letter, used, link),
            Act::Unlink(letter, used) => self.config.unlink(letter, used),
            Act::Set(letter, knob, value) => self.config.set(letter, knob, value),
            Act::Tag(value) => self.deployment.user_tags = Tags::from([("team".to_owned(), value.to_string())]),
            Act::Tamper(letter, knob, to) => {
                let changes = |id: &Id| {
                    let renamed = knob == Knob::Shape && self.is_recoverable(id);
                    // Nobody can see it in a field that is never returned.
                    !renamed
                        && !matches!(knob, Knob::Secret | Knob::Origin)
                        && has(&self.deployment.world.objects()[id].kind, knob)
                };
                if let Some(id) = self.live(letter).filter(changes) {
                    self.deployment.world.tamper(&id, knob.field(), value(knob, to));
                }
            }
            Act::Vanish(letter) => {
                if let Some(id) = self.live(letter) {
                    self.deployment.world.remove(&id);
                }
            }
            Act::Break(letter) => {
                let breaks = |id: &Id| fake::owned(&self.deployment.world).contains_key(id) && !self.is_recoverable(id);
                if let Some(id) = self.live(letter).filter(breaks) {
                    self.deployment.world.fail(&id);
                    self.broken.extend(self.config.address(letter));
                }
            }
            Act::Plant(letter) => self.plant(letter),
            Act::Lag(readings) => {
                self.lags = readings > 0;
                self.deployment.world.lag(readings.into());
                // The shortest that is not none: so many looks as a patient run takes at least.
                let patience = if self.lags { Duration::from_nanos(1) } else { Duration::ZERO };
                (self.deployment.limits.find_patience, self.deployment.limits.young) = (patience, patience);
            }
            Act::Run(run) => self.run_and_look(&run).await?,
        }
        Ok(())
    }

    /// The object that stands for this letter of the config.
    fn live(&self, letter: char) -> Option<Id> {
        let address = self.config.address(letter)?.to_string();
        let mine = |object: &Object| object.is_live() && object.address() == address;
        let objects = self.deployment.world.objects();
        let ours = objects.into_iter().filter(|(id, object)| mine(object) && !self.strangers.contains_key(id));
        ours.map(|(id, _)| id).max()
    }

    /// A name is never changed by hand, and what is only a name does not break.
    fn is_recoverable(&self, id: &Id) -> bool {
        self.deployment.world.objects()[id].kind == RECOVERABLE
    }

    fn plant(&mut self, letter: char) {
        if let (Some(address), None) = (self.config.address(letter), self.live(letter)) {
            let id = self.deployment.world.plant(&address.to_string());
            self.strangers.insert(id.clone(), self.deployment.world.objects()[&id].clone());
            self.clashes.insert(id);
        }
    }

    async fn run_and_look(&mut self, run: &Run) -> Played {
        let graph = if run.nothing { Graph::new("t") } else { self.config.graph() };
        let ended = match run.is_clean() {
            true => self.run_until_seen(run, &graph).await?,
            false => self.run(run, &graph).await?,
        };
        if run.is_clean() && self.clashes.is_empty() {
            match ended {
                Ended::Refused(_) => {}
                ended => self.complete(ended, &graph).await?,
            }
        }
        Ok(())
    }

    /// Nothing went wrong: it must have come to its end, and the world must be what is wanted.
    async fn complete(&self, ended: Ended, graph: &Graph) -> Played {
        let Ended::Applied(outcome) = ended else { return Err("a run in which nothing goes wrong ended early".into()) };
        ensure!(outcome.complete(), "it failed: {:?}, skipped {:?}", outcome.failed, outcome.skipped);
        self.deployment.check(graph, "in the end").await;
        self.world_is(graph).await
    }

    /// One plan and its apply, with what must hold however it ends.
    async fn run(&mut self, run: &Run, graph: &Graph) -> Played<Ended> {
        self.agreed |= run.consenting;
        let everything = self.everything(graph).await;
        let data_loss = if run.consenting { everything } else { BTreeSet::new() };
        self.deployment.consents = Consents { data_loss, disable_protection: run.consenting, ..Consents::default() };
        self.deployment.limits.parallelism = if run.one_by_one { 1 } else { 16 };
        self.deployment.stop = Stop::default();
        let before = (self.deployment.world.objects(), self.deployment.state().await);
        let young = if self.lags { young(before.1.clone()) } else { before.1.clone() };
        let log = self.deployment.world.log().len();
        self.deployment.world.go_wrong(&run.faults(), &run.misreadings(), &self.deployment.stop);
        let fakes = fake::kinds(&self.deployment.world);
        let kinds = fake::registry(&fakes);
        let engine = self.deployment.engine(&kinds);
        let seen = match engine.probe(graph, &young).await {
            Ok(seen) => seen,
            Err(error) => {
                ensure!(!run.misreadings().is_empty(), "looking failed: {error}");
                self.deployment.world.revive();
                return Ok(Ended::Blind);
            }
        };
        let given = Given {
            desired: graph,
            recorded: &before.1,
            seen: &seen,
            kinds: &kinds,
            user_tags: &self.deployment.user_tags,
            consents: &self.deployment.consents,
        };
        let planned = plan(&given);
        ensure!(planned == plan(&given), "two plans from the same are not the same");
        ensure!(self.deployment.world.log().len() == log, "planning changed something");
        let mut planned = match planned {
            Ok(planned) => through_text(&planned)?,
            Err(problems) => {
                let broken = problems.iter().find(|problem| matches!(problem, Problem::Broken(_)));
                ensure!(broken.is_none(), "the planner gave up: {broken:?}");
                self.deployment.world.revive();
                return Ok(Ended::Refused(problems));
            }
        };
        if let Some(address) = run.only.and_then(|letter| self.config.address(letter)) {
            planned.narrow(&[address], &before.1);
        }
        let mut reporter = Silent;
        let outcome = tokio::select! {
            biased;
            () = self.deployment.world.death() => None,
            outcome = engine.apply(&planned, before.1.clone(), &mut reporter) => Some(outcome),
        };
        ensure!(!self.deployment.world.was_endless(), "it waits for ever");
        self.deployment.world.revive();
        let log = self.deployment.world.log().split_off(log);
        self.was_planned(&planned, &before.1, &log)?;
        self.nothing_is_lost(&before.0, &before.1)?;
        let state = self.deployment.state().await;
        state.verify_integrity().map_err(|corrupt| corrupt.to_string())?;
        if let Some(kept) = outcome.as_ref().and_then(|outcome| outcome.state.as_ref()) {
            let lost = outcome.as_ref().is_some_and(|outcome| outcome.lost.is_some());
            ensure!(lost || *kept == state, "the run ends with another state than the one that was saved");
        }
        Ok(outcome.map_or(Ended::Died, |outcome| Ended::Applied(Box::new(outcome))))
    }

    /// What an interrupted run made, and what broke before any describe showed it, is in no plan: the create meets it and
    /// fails, and the next plan replaces it.
    async fn run_until_seen(&mut self, run: &Run, graph: &Graph) -> Played<Ended> {
        let ended = self.run(run, graph).await?;
        let unseen = match &ended {
            Ended::Applied(outcome) => &outcome.failed,
            _ => return Ok(ended),
        };
        let all_broken = unseen.keys().all(|address| self.broken.contains(address));
        if !self.lags || unseen.is_empty() || !all_broken {
            return Ok(ended);
        }
        self.run(run, graph).await
    }

    async fn everything(&self, graph: &Graph) -> BTreeSet<Address> {
        let state = self.deployment.state().await;
        let recorded = state.resources.keys().chain(state.intents.keys());
        recorded.chain(graph.nodes.keys()).cloned().collect()
    }

    /// What was shown is what happened.
    fn was_planned(&self, plan: &Plan, before: &State, log: &[String]) -> Played {
        for line in log.iter().filter(|line| *line != "save") {
            let words: Vec<&str> = line.split(' ').collect();
            let address: Address = words[1].parse().unwrap();
            let Some(step) = plan.steps.get(&address) else {
                return Err(format!("`{line}` is in no step of the plan"));
            };
            ensure!(step.acts(), "`{line}`, but the plan says {:?}", step.action);
            match words[0] {
                "create" => {
                    ensure!(matches!(step.action, Action::Create | Action::Replace), "`{line}`: {:?}", step.action)
                }
                "delete" => {
                    let id = Id::from(words[2]);
                    let old = before.resources.get(&address).map(|recorded| &recorded.id);
                    let named = step.id.as_ref() == Some(&id) || step.deposed.contains(&id);
                    // A delete that somebody had begun is seen out before the name is used again.
                    let seen_out = step.action == Action::Create && old == Some(&id);
                    ensure!((named && step.deletes()) || seen_out, "`{line}`, but the plan says {:?}", step.action);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Strangers are as they were, and data is there unless the user agreed.
    fn nothing_is_lost(&self, before: &BTreeMap<Id, Object>, recorded: &State) -> Played {
        let now = self.deployment.world.objects();
        for (id, stranger) in &self.strangers {
            let same = now.get(id).is_some_and(|now| now.inputs == stranger.inputs && now.tags == stranger.tags);
            ensure!(same && now[id].is_live(), "the stranger {id} was touched");
        }
        if self.agreed {
            return Ok(());
        }
        // What lives in its parent goes with it, and holds nothing of its own.
        let holding = |address: &Address, recorded: &Recorded| recorded.holds_data && address.kind != "toy.child";
        for (address, recorded) in recorded.resources.iter().filter(|(address, recorded)| holding(address, recorded)) {
            if before.get(&recorded.id).is_some_and(Object::is_live) {
                let there = now.get(&recorded.id).is_some_and(Object::is_live);
                ensure!(there, "{address} held data and is gone, and nobody agreed");
            }
        }
        Ok(())
    }

    /// Every wanted value of every object is the live one.
    async fn world_is(&self, graph: &Graph) -> Played {
        let state = self.deployment.state().await;
        let objects = self.deployment.world.objects();
        let kinds = fake::kinds(&self.deployment.world);
        let kinds = fake::registry(&kinds);
        for (address, node) in &graph.nodes {
            let kind = kinds.get(&address.kind).unwrap();
            if kind.spec().life == Life::Account {
                continue;
            }
            let known = |reference: &OutputRef| {
                state.resources.get(&reference.address)?.outputs.get(&reference.output).cloned()
            };
            let want = kind.canonical(&substitute(&node.inputs, &known)).unwrap();
            let live = &objects[&state.resources[address].id];
            for field in kind.fields().iter().filter(|field| field.effect != Effect::CreateOnly) {
                let (want, live) = (&want[field.name], &live.inputs[field.name]);
                ensure!(field.satisfied(want, live), "{address}: `{}` is {live}, not {want}", field.name);
            }
        }
        Ok(())
    }

    /// Nothing goes wrong any more: it converges, one missing object is repaired, and a destroy leaves what is kept.
    async fn end(&mut self) -> Played {
        for id in std::mem::take(&mut self.clashes) {
            self.strangers.remove(&id);
            self.deployment.world.remove(&id);
        }
        let graph = self.config.graph();
        let healing = Run::plain().consenting();
        match self.run_until_seen(&healing, &graph).await? {
            Ended::Refused(problems) => {
                let held = problems.iter().all(|problem| matches!(problem, Problem::Held { .. }));
                ensure!(held, "refused in the end: {problems:?}");
            }
            ended => {
                self.complete(ended, &graph).await?;
                self.repair(&graph).await?;
            }
        }
        self.destroy().await
    }

    /// An object is deleted by hand: it and what refers to it is made again, and nothing else is touched.
    async fn repair(&mut self, graph: &Graph) -> Played {
        let state = self.deployment.state().await;
        let Some(victim) = graph.nodes.keys().next().cloned() else { return Ok(()) };
        self.deployment.world.remove(&state.resources[&victim].id);
        let mut affected = BTreeSet::from([victim]);
        // Addresses of later letters refer to earlier ones, whatever the kinds are called: one round for each.
        for _ in &graph.nodes {
            let users = graph
                .nodes
                .iter()
                .filter(|(_, node)| node.after.iter().any(|(used, edge)| edge.uses && affected.contains(used)));
            let users: Vec<Address> = users.map(|(address, _)| address.clone()).collect();
            affected.extend(users);
        }
        let planned = match self.deployment.plan(graph).await {
            Ok(planned) => planned,
            Err(problems) => {
                let held = problems.iter().all(|problem| matches!(problem, Problem::Held { .. }));
                ensure!(held, "the repair is refused: {problems:?}");
                return Ok(());
            }
        };
        let stray = planned.steps.values().find(|step| step.acts() && !affected.contains(&step.address));
        ensure!(stray.is_none(), "the repair touches what does not depend on it: {stray:?}");
        let ended = self.run(&Run::plain().consenting(), graph).await?;
        self.complete(ended, graph).await
    }

    async fn destroy(&mut self) -> Played {
        let nothing = Graph::new("t");
        match self.run(&Run::plain().consenting(), &nothing).await? {
            Ended::Applied(outcome) => {
                ensure!(outcome.complete(), "destroy failed: {:?}, skipped {:?}", outcome.failed, outcome.skipped);
            }
            Ended::Refused(problems) => return Err(format!("destroy is refused: {problems:?}")),
            Ended::Blind | Ended::Died => return Err("a destroy in which nothing goes wrong ended early".into()),
        }
        self.deployment.check(&nothing, "after the destroy").await;
        for (id, object) in fake::owned(&self.deployment.world) {
            let letter = object.address().chars().last().unwrap();
            ensure!(self.config.keep.contains(&letter), "{id} was not deleted");
        }
        Ok(())
    }
}

/// As a saved plan goes through its file.
fn through_text(plan: &Plan) -> Played<Plan> {
    let text = serde_json::to_string(plan).map_err(|error| error.to_string())?;
    let read: Plan = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    ensure!(read == *plan, "the plan does not survive its own text");
    Ok(read)
}

/// Nothing on record is older than the shortest patience: no time passes here while describes lag.
fn young(mut state: State) -> State {
    let future: jiff::Timestamp = "9999-01-01T00:00:00Z".parse().unwrap();
    state.intents.values_mut().for_each(|intent| intent.since = future);
    state.resources.values_mut().for_each(|recorded| recorded.made = recorded.made.and(Some(future)));
    state
}
