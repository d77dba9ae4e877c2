//! One kind's whole life on the wire, through the typed contract and without the engine.

use hybridctl::aws::{Aws, Connection};
use hybridctl::model::Address;
use hybridctl::resource::error::OrGone;
use hybridctl::resource::{
    Changed, Class, Consents, Effect, Found, Id, Kind, Memo, Observed, Of, Phase, Provided, Resource, Scope, TagChange,
    Tags,
};
use hybridctl::state::Recorded;
use serde_json::Value;
use std::cell::Cell;
use std::time::Duration;
use uuid::Uuid;

/// A connection to the sandbox and a deployment of its own in it.
pub struct Bench {
    pub aws: Aws,
    pub deployment: String,
    pub provided: Provided,
    lineage: Uuid,
    made: Cell<u32>,
}

/// One object that the bench made.
pub struct Made {
    pub id: Id,
    pub token: String,
    pub seen: Observed,
}

impl Bench {
    /// A deployment of its own in the shared sandbox; see [`super::sandbox`]. Always `Some`.
    pub async fn connect() -> Option<Self> {
        let endpoint = super::sandbox::sandbox().await.endpoint.clone();
        let region = "eu-central-1".to_owned();
        let aws = Aws::connect(&Connection { region, profile: None, endpoint: Some(endpoint) }).await;
        let lineage = Uuid::new_v4();
        let deployment = format!("t-{}", &lineage.simple().to_string()[..8]);
        Some(Self { aws, deployment, provided: Provided::new(vec![7; 32]), lineage, made: Cell::new(0) })
    }

    /// Runs `body` with the scope of one operation on `R::KIND/name`.
    pub async fn scoped<R: Resource, T>(
        &self,
        name: &str,
        token: &str,
        recorded: Option<&Recorded>,
        body: impl AsyncFnOnce(&Scope<'_>) -> T,
    ) -> T {
        let address = Address::new(R::KIND, name);
        let known: Vec<Id> = recorded.iter().map(|recorded| recorded.id.clone()).collect();
        let scope = Scope {
            aws: &self.aws,
            deployment: &self.deployment,
            lineage: self.lineage,
            since: Some(jiff::Timestamp::UNIX_EPOCH),
            address: &address,
            token,
            label: &format!("{}-{name}", self.deployment),
            user_tags: &Tags::from([("team".into(), "ml".into())]),
            recorded,
            want: None,
            known_ids: &known,
            provided: &self.provided,
            consents: &Consents::default(),
            memo: &Memo::default(),
            notes: &|line| eprintln!("note: {line}"),
        };
        body(&scope).await
    }

    /// A fresh incarnation token.
    pub fn token(&self) -> String {
        self.made.set(self.made.get() + 1);
        Uuid::new_v5(&self.lineage, &self.made.get().to_le_bytes()).simple().to_string()
    }

    /// Creates, settles and converges; then a read must show exactly what was wanted, and `find` must know it again.
    pub async fn create<R: Resource>(&self, name: &str, want: &R) -> Made {
        let kind = Of::<R>::KIND;
        let want = serde_json::to_value(want).unwrap();
        let token = self.token();
        let id = self
            .scoped::<R, _>(name, &token, None, async |scope| {
                assert_eq!(kind.find(scope, &want).await.unwrap(), Found::None, "before the create");
                let id = retrying(async || kind.create(scope, &want).await).await;
                assert!(!id.0.is_empty(), "the create call gave no id");
                id
            })
            .await;
        let seen = self.converge(&kind, name, &token, &id, &want).await;
        self.scoped::<R, _>(name, &token, None, async |scope| {
            let found = kind.find(scope, &want).await.unwrap();
            assert_eq!(found, Found::Ours(id.clone()), "after the create");
        })
        .await;
        Made { id, token, seen }
    }

    /// Changes what differs from `want`; afterwards a read shows `want`.
    pub async fn update<R: Resource>(&self, name: &str, made: &Made, want: &R) -> Observed {
        let want = serde_json::to_value(want).unwrap();
        self.converge(&Of::<R>::KIND, name, &made.token, &made.id, &want).await
    }

    /// Deletes it; afterwards it is gone, and deleting it again is fine.
    pub async fn delete<R: Resource>(&self, name: &str, made: &Made) {
        let kind = Of::<R>::KIND;
        self.scoped::<R, _>(name, &made.token, None, async |scope| {
            for _ in 0..2 {
                retrying(async || kind.delete(scope, &made.id).await.or_gone()).await;
            }
            for _ in 0..200 {
                match kind.read(scope, &made.id).await.unwrap() {
                    None => return,
                    Some(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                }
            }
            panic!("{name} does not go away");
        })
        .await;
    }

    async fn converge<R: Resource>(&self, kind: &Of<R>, name: &str, token: &str, id: &Id, want: &Value) -> Observed {
        self.scoped::<R, _>(name, token, None, async |scope| {
            for _ in 0..3 {
                let seen = settle(kind, scope, id).await;
                let changed = difference(kind, scope, want, &seen);
                if changed.is_empty() {
                    return seen;
                }
                for field in kind.fields() {
                    let fixed = field.effect == Effect::Replace && changed.has(field.name);
                    assert!(
                        !fixed,
                        "{name}: {} is {} instead of {}",
                        field.name, seen.inputs[field.name], want[field.name]
                    );
                }
                retrying(async || kind.update(scope, id, want, &changed).await).await;
            }
            let seen = settle(kind, scope, id).await;
            panic!(
                "{name} does not converge: {:?}\nwant {want:#}\nhave {seen:#?}",
                difference(kind, scope, want, &seen)
            );
        })
        .await
    }
}

fn difference<R: Resource>(kind: &Of<R>, scope: &Scope<'_>, want: &Value, seen: &Observed) -> Changed {
    let differs = |field: &&hybridctl::resource::Field| {
        field.effect != Effect::CreateOnly
            && !field.unread
            && !field.satisfied(&want[field.name], &seen.inputs[field.name])
    };
    let fields = kind.fields().iter().filter(differs).map(|field| field.name.to_owned()).collect();
    let tags =
        seen.tags.as_ref().is_some_and(|live| scope.tags().iter().any(|(key, value)| live.get(key) != Some(value)));
    Changed { fields, tags: tags.then(|| TagChange { set: scope.tags(), remove: vec![] }) }
}

async fn settle<R: Resource>(kind: &Of<R>, scope: &Scope<'_>, id: &Id) -> Observed {
    for _ in 0..300 {
        let seen = kind.read(scope, id).await.unwrap().expect("because it was made");
        match &seen.phase {
            Phase::Ready => return seen,
            Phase::Failed(why) | Phase::Refused(why) => panic!("{}: {why}", scope.address),
            _ => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    panic!("{} does not settle", scope.address);
}

async fn retrying<T>(mut call: impl AsyncFnMut() -> hybridctl::resource::Result<T>) -> T {
    for _ in 0..100 {
        match call().await {
            Ok(value) => return value,
            Err(error) if matches!(error.class, Class::Drain | Class::Busy | Class::Propagation) => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
    panic!("still refused after 100 tries");
}
