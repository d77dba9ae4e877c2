//! Slow objects: what makes progress is waited for, what does not is taken up by the next run, and nobody has to guess whether
//! anything still goes on.

use super::pace::two_networks;
use crate::support::deployment::Deployment;
use crate::support::fake::{self, FakeKind};
use crate::support::templates::{config, facts, graph};
use futures_util::future::{FutureExt, LocalBoxFuture};
use hybridctl::apply::{Engine, Limits, Outcome};
use hybridctl::aws::Aws;
use hybridctl::model::{Address, Graph};
use hybridctl::plan::{Given, plan};
use hybridctl::report::Event;
use hybridctl::report::event::Reporter;
use hybridctl::resource::{
    Changed, Class, Error, Field, Found, Holder, Id, Kind, Kinds, Observed, Phase, Provided, Result, Scope, Spec,
};
use hybridctl::stack::stack;
use serde_json::Value;
use std::cell::Cell;
use std::time::{Duration, Instant};

/// A thousandth of AWS's patience: the limit of the database's 40 minutes is 2.4 seconds.
const LIMITS: Limits = Limits { patience: 0.001, ..Limits::FAKE };
const LIMIT: Duration = Duration::from_millis(2400);

/// How one kind of the fake world behaves.
#[derive(Clone, Copy)]
struct Staging<'a> {
    kind: &'static str,
    /// It says that it is at work as long as this has a word.
    word: &'a dyn Fn() -> Option<&'static str>,
    /// How long a reading takes.
    latency: Duration,
    /// What a delete is answered with, instead of being carried out.
    delete: &'a dyn Fn() -> Option<Error>,
}

impl<'a> Staging<'a> {
    fn database(word: &'a dyn Fn() -> Option<&'static str>) -> Self {
        Self { kind: "rds.instance", word, latency: Duration::ZERO, delete: &|| None }
    }
}

struct Slow<'a> {
    inner: &'a FakeKind,
    staging: Staging<'a>,
}

impl Kind for Slow<'_> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }
    fn fields(&self) -> &'static [Field] {
        self.inner.fields()
    }
    fn struct_fields(&self) -> Vec<&'static str> {
        self.inner.struct_fields()
    }
    fn outputs(&self) -> Vec<&'static str> {
        self.inner.outputs()
    }
    fn spec(&self) -> Spec {
        self.inner.spec()
    }
    fn canonical(&self, want: &Value) -> Result<Value> {
        self.inner.canonical(want)
    }
    fn unread_is(&self, want: &Value, live: &Observed) -> bool {
        self.inner.unread_is(want, live)
    }
    fn find<'a>(&'a self, scope: &'a Scope<'a>, want: &'a Value) -> LocalBoxFuture<'a, Result<Found>> {
        self.inner.find(scope, want)
    }
    fn read<'a>(&'a self, scope: &'a Scope<'a>, id: &'a Id) -> LocalBoxFuture<'a, Result<Option<Observed>>> {
        async move {
            tokio::time::sleep(self.staging.latency).await;
            let seen = self.inner.read(scope, id).await?;
            Ok(seen.map(|seen| match (self.staging.word)() {
                Some(word) => Observed { phase: Phase::Settling(word.to_owned()), outputs: None, ..seen },
                None => seen,
            }))
        }
        .boxed_local()
    }
    fn create<'a>(&'a self, scope: &'a Scope<'a>, want: &'a Value) -> LocalBoxFuture<'a, Result<Id>> {
        self.inner.create(scope, want)
    }
    fn update<'a>(
        &'a self,
        scope: &'a Scope<'a>,
        id: &'a Id,
        want: &'a Value,
        changed: &'a Changed,
    ) -> LocalBoxFuture<'a, Result<()>> {
        self.inner.update(scope, id, want, changed)
    }
    fn delete<'a>(&'a self, scope: &'a Scope<'a>, id: &'a Id) -> LocalBoxFuture<'a, Result<()>> {
        match (self.staging.delete)() {
            Some(error) => async { Err(error) }.boxed_local(),
            None => self.inner.delete(scope, id),
        }
    }
    fn restore<'a>(&'a self, scope: &'a Scope<'a>, id: &'a Id) -> LocalBoxFuture<'a, Result<()>> {
        self.inner.restore(scope, id)
    }
    fn holders<'a>(&'a self, scope: &'a Scope<'a>, id: &'a Id) -> LocalBoxFuture<'a, Result<Vec<Holder>>> {
        self.inner.holders(scope, id)
    }
}

/// Counts the moments in which a silence could be explained.
#[derive(Default)]
struct Ticks(u32);

impl Reporter for Ticks {
    fn event(&mut self, _event: &Event) {}
    fn tick(&mut self) {
        self.0 += 1;
    }
}

async fn run(deployment: &Deployment, wanted: &Graph, staging: Staging<'_>) -> (Outcome, u32) {
    run_with(deployment, wanted, staging, LIMITS).await
}

async fn run_with(deployment: &Deployment, wanted: &Graph, staging: Staging<'_>, limits: Limits) -> (Outcome, u32) {
    let fakes = fake::kinds(&deployment.world);
    let (slow, others): (Vec<_>, Vec<_>) = fakes.iter().partition(|kind| kind.name() == staging.kind);
    let slow = Slow { inner: slow[0], staging };
    let kinds = Kinds::new(others.into_iter().map(|kind| kind as &dyn Kind).chain([&slow as &dyn Kind]));
    let (aws, provided) = (Aws::disconnected(), Provided::new(vec![1; 32]));
    let engine = Engine {
        kinds: &kinds,
        aws: &aws,
        store: &deployment.store,
        limits,
        stop: deployment.stop.clone(),
        user_tags: &deployment.user_tags,
        provided: &provided,
        consents: &deployment.consents,
        tell: &|_| {},
    };
    let state = deployment.state().await;
    let seen = engine.probe(wanted, &state).await.unwrap();
    let (user_tags, consents) = (&deployment.user_tags, &deployment.consents);
    let given = Given { desired: wanted, recorded: &state, seen: &seen, kinds: &kinds, user_tags, consents };
    let plan = plan(&given).unwrap();
    let mut ticks = Ticks::default();
    let outcome = engine.apply(&plan, state, &mut ticks).await;
    (outcome, ticks.0)
}

fn database() -> Address {
    Address::new("rds.instance", "main")
}

#[tokio::test]
async fn a_database_slower_than_the_limit_is_taken_up_by_the_next_run_and_never_deleted() {
    let (deployment, wanted) = (Deployment::new(), graph("quickstart", |text| text));
    let (outcome, _) = run(&deployment, &wanted, Staging::database(&|| Some("creating"))).await;
    assert!(outcome.timed_out && outcome.failed[&database()].is("Timeout"), "{outcome:#?}");
    assert_eq!(outcome.failed.len(), 1, "everything that does not need it is made: {:#?}", outcome.failed);
    assert!(deployment.state().await.intents[&database()].id.is_some(), "what is not finished is on record");

    let readings = Cell::new(0);
    let words = || {
        readings.set(readings.get() + 1);
        ["creating", "backing-up", "modifying"].get(readings.get() / 5).copied()
    };
    let (outcome, _) = run(&deployment, &wanted, Staging::database(&words)).await;
    assert!(outcome.complete(), "{outcome:#?}");
    deployment.check(&wanted, "the second run").await;
    let log = deployment.world.log();
    let of = |verb: &str| log.iter().filter(|line| line.starts_with(&format!("{verb} {}", database()))).count();
    assert_eq!((of("create"), of("delete")), (1, 0), "{log:#?}");
}

#[tokio::test]
async fn the_limit_starts_again_with_every_word() {
    let (deployment, wanted) = (Deployment::new(), graph("quickstart", |text| text));
    let began = Cell::new(None);
    let each = LIMIT.mul_f64(0.6);
    let words = || {
        let began: Instant = began.get().unwrap_or_else(|| {
            began.set(Some(Instant::now()));
            Instant::now()
        });
        let number = began.elapsed().as_millis() / each.as_millis();
        ["creating", "backing-up", "modifying"].get(number as usize).copied()
    };
    let (outcome, _) = run(&deployment, &wanted, Staging::database(&words)).await;
    assert!(outcome.complete(), "three words of 0.6 limits each are 1.8 limits: {:#?}", outcome.failed);
    assert!(outcome.done[&database()] > LIMIT, "{:?}", outcome.done[&database()]);
}

#[tokio::test]
async fn a_silence_of_aws_can_be_explained_while_it_lasts() {
    let (deployment, wanted) = (Deployment::new(), graph("quickstart", |text| text));
    let latency = Duration::from_millis(1200);
    let (outcome, ticks) = run(&deployment, &wanted, Staging { latency, ..Staging::database(&|| None) }).await;
    assert!(outcome.complete() && ticks > 0, "{ticks} ticks");
}

/// RDS reads `available` for a moment before it goes on.
#[tokio::test]
async fn a_database_that_is_available_for_a_moment_is_not_used_before_it_stays_so() {
    let (deployment, wanted) = (Deployment::new(), graph("quickstart", |text| text));
    let readings = Cell::new(0);
    let words = || {
        readings.set(readings.get() + 1);
        let word = match readings.get() {
            ..5 => Some("creating"),
            5 => None,
            6..10 => Some("modifying"),
            10 => None,
            11..14 => Some("backing-up"),
            _ => None,
        };
        if word.is_some() {
            let early = ["create ecs.service/", "create ecs.task_run/"];
            let log = deployment.world.log();
            let begun = log.iter().find(|line| early.iter().any(|call| line.starts_with(call)));
            assert_eq!(begun, None, "while the database was {word:?}");
        }
        word
    };
    let (outcome, _) = run(&deployment, &wanted, Staging::database(&words)).await;
    assert!(outcome.complete() && readings.get() > 14, "{} readings: {outcome:#?}", readings.get());
    deployment.check(&wanted, "when it stayed available").await;
}

/// Nobody has made the record that proves whose the name is.
#[tokio::test]
async fn a_certificate_that_nobody_validates_says_what_is_missing_and_holds_up_only_its_users() {
    let (deployment, wanted) = (Deployment::new(), graph("production", |text| text));
    let certificate = Address::new("acm.certificate", "main");
    let word = || Some("pending validation: CNAME _a.zenml.example.com must be _b.acm-validations.aws");
    let pending = Staging { kind: "acm.certificate", ..Staging::database(&word) };
    let (outcome, _) = run(&deployment, &wanted, pending).await;
    let why = outcome.failed[&certificate].to_string();
    assert!(outcome.timed_out && why.contains("CNAME _a.zenml.example.com must be"), "{outcome:#?}");
    assert!(outcome.failed[&certificate].is_resumable() && outcome.failed.len() == 1, "{outcome:#?}");
    let made = deployment.state().await.resources;
    assert!(made.contains_key(&database()), "what does not need the certificate is made");
    deployment.complete(&wanted).await;
    deployment.check(&wanted, "the record was made").await;
    let log = deployment.world.log();
    assert_eq!(log.iter().filter(|line| line.starts_with("create acm.certificate/main")).count(), 1, "{log:#?}");
}

/// A call or a describe that lags behind knows nothing of an object that is there.
#[tokio::test]
async fn a_delete_that_finds_nothing_is_made_again_before_it_counts() {
    let (deployment, wanted) = (Deployment::new(), two_networks());
    deployment.complete(&wanted).await;
    let calls = Cell::new(0);
    // The first try for each of the two is too early.
    let lagging = || {
        calls.set(calls.get() + 1);
        (calls.get() % 2 == 1).then(|| Error::terminal("no such thing").in_class(Class::NotFound))
    };
    let staging = Staging { kind: "ec2.subnet", delete: &lagging, ..Staging::database(&|| None) };
    let one_by_one = Limits { parallelism: 1, ..LIMITS };
    let (outcome, _) = run_with(&deployment, &Graph::new("t"), staging, one_by_one).await;
    assert!(outcome.complete(), "{outcome:#?}");
    assert_eq!(calls.get(), 4);
    assert!(deployment.world.objects().is_empty(), "{:#?}", deployment.world.objects());
}

/// The rollout goes on in AWS; what it replaces is taken away by the run that sees it through.
#[tokio::test]
async fn what_nothing_waits_for_is_left_on_request_and_the_next_run_goes_on() {
    let mut deployment = Deployment::new();
    let service = Address::new("ecs.service", "server");
    let old = graph("quickstart", |text| text);
    let new = config("quickstart", |text| {
        text.replace("0.98.0", "0.99.0") + "\n[secrets]\nnames = { jwt_key = \"zenml/server/signing\" }\n"
    });
    for first in [true, false] {
        let state = deployment.state().await;
        let wanted = if first { old.clone() } else { stack(&new, &facts(&new, Some(&state))) };
        deployment.limits = Limits { leave_last: true, ..Limits::FAKE };
        let outcome = deployment.run(&wanted).await.unwrap();
        assert!(outcome.complete() && outcome.left.contains_key(&service), "{outcome:#?}");
        let begun = deployment.state().await.intents;
        assert_eq!(begun.keys().collect::<Vec<_>>(), outcome.left.keys().collect::<Vec<_>>());
        let log = deployment.world.log();
        assert!(!log.iter().any(|line| line.starts_with("delete ecs.task_definition")), "{log:#?}");
        deployment.limits = Limits::FAKE;
        deployment.complete(&wanted).await;
        deployment.check(&wanted, &format!("first: {first}")).await;
    }
}
