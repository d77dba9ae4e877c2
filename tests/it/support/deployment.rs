//! A deployment in the fake world: plan and apply as the commands do, killed wherever a test wants.

use super::fake::{self, FakeStore, When, World};
use hybridctl::apply::{Engine, Limits, Outcome, Stop};
use hybridctl::aws::Aws;
use hybridctl::model::{Address, Graph, Keep};
use hybridctl::plan::{Given, Plan, Problem, plan};
use hybridctl::rebuild::Rebuilt;
use hybridctl::report::event::Silent;
use hybridctl::resource::{Consents, Provided, Tags};
use hybridctl::state::{Recorded, State, StateStore};
use uuid::Uuid;

/// The state document of every deployment here.
pub const LINEAGE: Uuid = Uuid::from_u128(7);

/// One deployment and the world it lives in.
pub struct Deployment {
    pub world: World,
    pub store: FakeStore,
    pub consents: Consents,
    pub user_tags: Tags,
    pub stop: Stop,
    pub limits: Limits,
    aws: Aws,
}

impl Deployment {
    pub fn new() -> Self {
        let world = World::default();
        let store = FakeStore::new(&world);
        let (consents, user_tags, stop) = (Consents::default(), Tags::new(), Stop::default());
        Self { world, store, consents, user_tags, stop, limits: Limits::FAKE, aws: Aws::disconnected() }
    }

    /// The same deployment in another world that equals this one.
    pub fn copy(&self) -> Self {
        let world = self.world.copy();
        let store = self.store.copy(&world);
        let (consents, user_tags) = (self.consents.clone(), self.user_tags.clone());
        let limits = self.limits;
        Self { world, store, consents, user_tags, stop: Stop::default(), limits, aws: Aws::disconnected() }
    }

    pub async fn state(&self) -> State {
        self.store.load().await.unwrap().unwrap_or_else(|| State::new("t", LINEAGE))
    }

    /// Looks and plans.
    pub async fn plan(&self, desired: &Graph) -> Result<Plan, Vec<Problem>> {
        let fakes = fake::kinds(&self.world);
        let kinds = fake::registry(&fakes);
        let state = self.state().await;
        let engine = self.engine(&kinds);
        let seen = engine.probe(desired, &state).await.unwrap();
        let (user_tags, consents) = (&self.user_tags, &self.consents);
        plan(&Given { desired, recorded: &state, seen: &seen, kinds: &kinds, user_tags, consents })
    }

    /// Plans and applies; `None` if the process died.
    pub async fn run(&self, desired: &Graph) -> Option<Outcome> {
        let work = async {
            let plan = self.plan(desired).await.unwrap();
            let fakes = fake::kinds(&self.world);
            let kinds = fake::registry(&fakes);
            let state = self.state().await;
            self.engine(&kinds).apply(&plan, state, &mut Silent).await
        };
        tokio::select! {
            biased;
            () = self.world.death() => None,
            outcome = work => Some(outcome),
        }
    }

    /// Runs until the end, which must be a good one.
    pub async fn complete(&self, desired: &Graph) {
        let outcome = self.run(desired).await.expect("because nothing kills it");
        assert!(outcome.complete(), "{outcome:#?}");
    }

    pub fn engine<'e>(&'e self, kinds: &'e hybridctl::resource::Kinds<'e>) -> Engine<'e, FakeStore> {
        static PROVIDED: std::sync::LazyLock<Provided> = std::sync::LazyLock::new(|| Provided::new(vec![1; 32]));
        Engine {
            kinds,
            aws: &self.aws,
            store: &self.store,
            limits: self.limits,
            stop: self.stop.clone(),
            user_tags: &self.user_tags,
            provided: &PROVIDED,
            consents: &self.consents,
            tell: &|_| {},
        }
    }

    /// The document is lost; what is found in the world makes it again, as `state rebuild` does.
    pub async fn rebuild(&mut self, graph: impl Fn(&State) -> Graph) -> Rebuilt {
        let lost = self.state().await;
        let fakes = fake::kinds(&self.world);
        let kinds = fake::registry(&fakes);
        let engine = self.engine(&kinds);
        let blank = State { incarnations: 1_000_000, facts: lost.facts, ..State::new("t", lost.lineage) };
        let evidence = engine.read_sighted(&blank, &fake::sightings(&self.world)).await.unwrap();
        let rebuilt = engine.rebuild(&blank, &evidence, graph).await.unwrap();
        rebuilt.state.verify_integrity().unwrap();
        self.store.replace(&rebuilt.state).await;
        rebuilt
    }

    /// What must hold when a run has come to its end: the world is what is wanted, and the record is the world.
    pub async fn check(&self, desired: &Graph, story: &str) {
        let state = self.state().await;
        state.verify_integrity().unwrap();
        // What is kept although it is not wanted is not changed any more, so an interrupted change stays one.
        let retained = |address: &Address| {
            let kept = |recorded: &Recorded| matches!(recorded.keep, Keep::Always(_));
            !desired.nodes.contains_key(address) && state.resources.get(address).is_some_and(kept)
        };
        let left: Vec<_> = state.intents.keys().filter(|address| !retained(address)).collect();
        assert!(left.is_empty(), "{story}: intents are left: {left:#?}");
        let owned = fake::owned(&self.world);
        for (id, object) in &owned {
            let address = object.address().parse().unwrap();
            let recorded = state.resources.get(&address).map(|recorded| &recorded.id);
            assert!(object.is_live(), "{story}: {id} was left half deleted");
            assert_eq!(
                recorded,
                Some(id),
                "{story}: {id} ({address}) is an orphan or a duplicate\n{:#?}",
                self.world.log()
            );
        }
        for (address, recorded) in &state.resources {
            assert!(
                recorded.deposed.is_empty(),
                "{story}: {address} has predecessors left: {recorded:?}\n{:#?}",
                self.world.log()
            );
            assert!(self.world.objects().contains_key(&recorded.id), "{story}: {address} is a phantom");
        }
        for address in desired.nodes.keys() {
            assert!(state.resources.contains_key(address), "{story}: {address} was not made");
        }
        let again = self.plan(desired).await.unwrap();
        let acts: Vec<_> = again.steps.values().filter(|step| step.acts()).collect();
        assert!(acts.is_empty(), "{story}: a second plan is not empty: {acts:#?}");
    }
}

/// Which kill points are tried: all of the smallest template, and of the others every seventh unless
/// `HYBRIDCTL_EVERY_CRASH` is set. They differ in a few resources only, and a full run takes minutes.
pub fn stride(template: &str) -> usize {
    if template == "quickstart" || std::env::var_os("HYBRIDCTL_EVERY_CRASH").is_some() { 1 } else { 7 }
}

/// Kills the way from `first` to `then` at every effect, before and after it; each time the next run must finish the job.
/// Returns the number of kill points.
pub async fn survives_every_crash(first: Option<&Graph>, then: &Graph, consents: &Consents) -> u64 {
    survives_crashes(first, then, consents, 1).await
}

/// As [`survives_every_crash`], at every `stride`-th effect.
pub async fn survives_crashes(first: Option<&Graph>, then: &Graph, consents: &Consents, stride: usize) -> u64 {
    let mut points = 0;
    let start = Deployment::new();
    if let Some(first) = first {
        start.complete(first).await;
    }
    for when in [When::Before, When::After] {
        for at in (1..).step_by(stride) {
            let mut deployment = start.copy();
            deployment.consents = consents.clone();
            deployment.world.arm(at, when);
            let finished = deployment.run(then).await;
            let story = format!("killed {when:?} effect {at}");
            deployment.world.revive();
            if finished.is_some() {
                deployment.check(then, "not killed").await;
                break;
            }
            points += 1;
            let outcome = deployment.run(then).await.unwrap();
            assert!(
                outcome.complete(),
                "{story}: {:?} {:?}\n{:#?}",
                outcome.failed,
                outcome.skipped,
                deployment.world.log()
            );
            deployment.check(then, &story).await;
        }
    }
    points
}
