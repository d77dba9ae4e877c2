//! The only type erasure: typed kinds at the edge, JSON values in the engine.

use super::{
    Actions, Changed, Error, Field, Found, Holder, Id, Life, Phase, Repeat, Resource, Result, Scope, Tags, field,
};
use futures_util::future::{FutureExt, LocalBoxFuture};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::marker::PhantomData;
use std::time::Duration;

/// An object as read, erased.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// In the shape of the desired state.
    pub inputs: Value,
    /// An object of strings, or `None` while AWS does not report them.
    pub outputs: Option<Value>,
    /// How far it has come.
    pub phase: Phase,
    /// `None`: not read.
    pub tags: Option<Tags>,
    /// More to show, never compared.
    pub detail: Option<Value>,
}

/// The constants of a kind, as values.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// See [`Resource::SETTLE_LIMIT`].
    pub settle_limit: Duration,
    /// See [`Resource::POLL`].
    pub poll: Duration,
    /// See [`Resource::FAILS_BY_CHANCE`].
    pub fails_by_chance: &'static [&'static str],
    /// See [`Resource::EXPECTED`].
    pub expected: Duration,
    /// See [`Resource::READY_READINGS`].
    pub ready_readings: u8,
    /// See [`Resource::COEXISTS`].
    pub coexists: bool,
    /// See [`Resource::REPEAT`].
    pub repeat: Repeat,
    /// See [`Resource::ID_FROM_NAME`].
    pub id_from_name: bool,
    /// See [`Resource::LIFE`].
    pub life: Life,
    /// See [`Resource::PROTECTED_BY`].
    pub protected_by: Option<&'static str>,
    /// See [`Resource::RESTORED_BY`].
    pub restored_by: Option<&'static str>,
    /// See [`Resource::TAGGED`].
    pub tagged: bool,
    /// See [`Resource::ACTIONS`].
    pub actions: Actions,
}

/// What the engine sees of a kind. Implemented by [`Of`] for real kinds and by the fake world for tests.
pub trait Kind {
    /// `ec2.subnet`.
    fn name(&self) -> &'static str;
    /// The field table.
    fn fields(&self) -> &'static [Field];
    /// Names of the struct's fields as serde knows them, to check the table against.
    fn struct_fields(&self) -> Vec<&'static str>;
    /// Names of the outputs.
    fn outputs(&self) -> Vec<&'static str>;
    /// The constants.
    fn spec(&self) -> Spec;
    /// Parses and prints: sets sorted, defaults filled.
    ///
    /// # Errors
    /// Terminal, if the value does not have the kind's shape (a damaged plan or state).
    fn canonical(&self, want: &Value) -> Result<Value>;
    /// See [`Resource::unread_is`].
    fn unread_is(&self, want: &Value, live: &Observed) -> bool;
    /// See [`Resource::find`].
    fn find<'a>(&'a self, scope: &'a Scope<'a>, want: &'a Value) -> LocalBoxFuture<'a, Result<Found>>;
    /// See [`Resource::read`].
    fn read<'a>(&'a self, scope: &'a Scope<'a>, id: &'a Id) -> LocalBoxFuture<'a, Result<Option<Observed>>>;
    /// See [`Resource::create`].
    fn create<'a>(&'a self, scope: &'a Scope<'a>, want: &'a Value) -> LocalBoxFuture<'a, Result<Id>>;
    /// See [`Resource::update`].
    fn update<'a>(
        &'a self,
        scope: &'a Scope<'a>,
        id: &'a Id,
        want: &'a Value,
        changed: &'a Changed,
    ) -> LocalBoxFuture<'a, Result<()>>;
    /// See [`Resource::delete`].
    fn delete<'a>(&'a self, scope: &'a Scope<'a>, id: &'a Id) -> LocalBoxFuture<'a, Result<()>>;
    /// See [`Resource::restore`].
    fn restore<'a>(&'a self, scope: &'a Scope<'a>, id: &'a Id) -> LocalBoxFuture<'a, Result<()>>;
    /// See [`Resource::holders`].
    fn holders<'a>(&'a self, scope: &'a Scope<'a>, id: &'a Id) -> LocalBoxFuture<'a, Result<Vec<Holder>>>;
}

/// A typed kind behind the erased trait.
pub struct Of<R>(PhantomData<fn() -> R>);

impl<R: Resource> Of<R> {
    /// The one value, for registries.
    pub const KIND: Self = Self(PhantomData);
}

fn typed<R: Resource>(want: &Value) -> Result<R> {
    R::deserialize(want).map_err(|e| Error::bug(format!("the inputs of a {} do not have its shape: {e}", R::KIND)))
}

fn erased<T: Serialize>(value: &T) -> Value {
    serde_json::to_value(value).expect("because kinds are plain data with string keys")
}

impl<R: Resource> Kind for Of<R> {
    fn name(&self) -> &'static str {
        R::KIND
    }

    fn fields(&self) -> &'static [Field] {
        R::FIELDS
    }

    fn struct_fields(&self) -> Vec<&'static str> {
        field::names_of::<R>()
    }

    fn outputs(&self) -> Vec<&'static str> {
        R::outputs()
    }

    fn spec(&self) -> Spec {
        Spec {
            settle_limit: R::SETTLE_LIMIT,
            poll: R::POLL,
            fails_by_chance: R::FAILS_BY_CHANCE,
            expected: R::EXPECTED,
            ready_readings: R::READY_READINGS,
            coexists: R::COEXISTS,
            repeat: R::REPEAT,
            id_from_name: R::ID_FROM_NAME,
            life: R::LIFE,
            protected_by: R::PROTECTED_BY,
            restored_by: R::RESTORED_BY,
            tagged: R::TAGGED,
            actions: R::ACTIONS,
        }
    }

    fn canonical(&self, want: &Value) -> Result<Value> {
        typed::<R>(want).map(|want| erased(&want))
    }

    fn unread_is(&self, want: &Value, live: &Observed) -> bool {
        let outputs = live.outputs.as_ref().and_then(|outputs| R::Outputs::deserialize(outputs).ok());
        match (typed::<R>(want), typed::<R>(&live.inputs)) {
            (Ok(want), Ok(live)) => R::unread_is(&want, &live, outputs.as_ref()),
            _ => false,
        }
    }

    fn find<'a>(&'a self, scope: &'a Scope<'a>, want: &'a Value) -> LocalBoxFuture<'a, Result<Found>> {
        async move { R::find(scope, &typed(want)?).await }.boxed_local()
    }

    fn read<'a>(&'a self, scope: &'a Scope<'a>, id: &'a Id) -> LocalBoxFuture<'a, Result<Option<Observed>>> {
        async move {
            let live = R::read(scope, id).await?;
            Ok(live.map(|live| Observed {
                inputs: erased(&live.inputs),
                outputs: live.outputs.as_ref().map(erased),
                phase: live.phase,
                tags: live.tags,
                detail: live.detail,
            }))
        }
        .boxed_local()
    }

    fn create<'a>(&'a self, scope: &'a Scope<'a>, want: &'a Value) -> LocalBoxFuture<'a, Result<Id>> {
        async move { R::create(scope, &typed(want)?).await }.boxed_local()
    }

    fn update<'a>(
        &'a self,
        scope: &'a Scope<'a>,
        id: &'a Id,
        want: &'a Value,
        changed: &'a Changed,
    ) -> LocalBoxFuture<'a, Result<()>> {
        async move { R::update(scope, id, &typed(want)?, changed).await }.boxed_local()
    }

    fn delete<'a>(&'a self, scope: &'a Scope<'a>, id: &'a Id) -> LocalBoxFuture<'a, Result<()>> {
        R::delete(scope, id).boxed_local()
    }

    fn restore<'a>(&'a self, scope: &'a Scope<'a>, id: &'a Id) -> LocalBoxFuture<'a, Result<()>> {
        R::restore(scope, id).boxed_local()
    }

    fn holders<'a>(&'a self, scope: &'a Scope<'a>, id: &'a Id) -> LocalBoxFuture<'a, Result<Vec<Holder>>> {
        R::holders(scope, id).boxed_local()
    }
}

/// The kinds an engine works with: the registry of `aws/`, or a fake world made from it.
#[derive(Clone)]
pub struct Kinds<'a>(Vec<&'a dyn Kind>);

impl<'a> Kinds<'a> {
    /// From any list of kinds.
    pub fn new(kinds: impl IntoIterator<Item = &'a dyn Kind>) -> Self {
        let mut kinds: Vec<_> = kinds.into_iter().collect();
        kinds.sort_by_key(|kind| kind.name());
        Self(kinds)
    }

    /// The kind of this name.
    ///
    /// # Errors
    /// Terminal: the name comes from a state or plan of another version.
    pub fn get(&self, name: &str) -> Result<&'a dyn Kind> {
        match self.0.binary_search_by_key(&name, |kind| kind.name()) {
            Ok(at) => Ok(self.0[at]),
            Err(_) => Err(Error::terminal(format!("this version of hybridctl does not know the kind `{name}`"))
                .hint("use the version of hybridctl that wrote this state")),
        }
    }

    /// All kinds, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = &'a dyn Kind> {
        self.0.iter().copied()
    }
}
