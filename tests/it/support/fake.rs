//! A world in memory, made from the registry: no code per kind.
//!
//! It is as unhelpful as AWS. Create sets only what the API can set, update is one effect a field, a repeated create collides,
//! succeeds on a stranger's object or makes a duplicate as the kind's `REPEAT` says, a delete is refused while another object
//! refers to it, and everything takes a few readings to settle. A fuse kills the process at the n-th effect.

use futures_util::future::{FutureExt, LocalBoxFuture};
use hybridctl::aws::tags;
use hybridctl::model::input::is_known;
use hybridctl::resource::error::UNRESOLVED;
use hybridctl::resource::{
    Changed, Class, Effect, Error, Field, Found, Id, Kind, Kinds, Life, Observed, Phase, Repeat, Result, Scope, Spec,
    Tags,
};
use hybridctl::state::memory::MemoryStore;
use hybridctl::state::{State, StateStore, StoreError};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use tokio::sync::Notify;

/// One object of the world.
#[derive(Debug, Clone)]
pub struct Object {
    pub kind: String,
    pub inputs: Value,
    pub tags: Tags,
    pub token: String,
    /// The unique name or key, for kinds that have one.
    key: String,
    readings: u32,
    deleting: Option<u32>,
}

impl Object {
    pub fn is_live(&self) -> bool {
        self.deleting.is_none()
    }

    pub fn address(&self) -> &str {
        self.tags.get(tags::ADDRESS).map_or("", String::as_str)
    }
}

/// When the fuse burns through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// The effect does not take place.
    Before,
    /// It takes place, and its answer is lost.
    After,
}

#[derive(Debug, Default, Clone)]
struct Inner {
    objects: BTreeMap<Id, Object>,
    made: u64,
    effects: u64,
    fuse: Option<(u64, When)>,
    dead: bool,
    log: Vec<String>,
}

/// The world. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct World(Rc<RefCell<Inner>>, Rc<Notify>);

/// Readings until a new or changed object has settled, and until a deleted one is gone.
const SETTLE: u32 = 2;

impl World {
    /// Another world, equal to this one.
    pub fn copy(&self) -> Self {
        Self(Rc::new(RefCell::new(self.0.borrow().clone())), Rc::default())
    }

    pub fn objects(&self) -> BTreeMap<Id, Object> {
        self.0.borrow().objects.clone()
    }

    pub fn log(&self) -> Vec<String> {
        let mut log = self.0.borrow().log.clone();
        log.dedup();
        log
    }

    /// Counts from here: the process dies at effect number `at`.
    pub fn arm(&self, at: u64, when: When) {
        let mut inner = self.0.borrow_mut();
        (inner.effects, inner.fuse, inner.dead) = (0, Some((at, when)), false);
    }

    /// A new process: nothing kills it.
    pub fn revive(&self) {
        let mut inner = self.0.borrow_mut();
        (inner.fuse, inner.dead) = (None, false);
    }

    pub fn is_dead(&self) -> bool {
        self.0.borrow().dead
    }

    pub async fn death(&self) {
        self.1.notified().await;
    }

    /// Somebody deletes an object by hand.
    pub fn remove(&self, id: &Id) {
        self.0.borrow_mut().objects.remove(id);
    }

    /// Somebody changes a field by hand.
    pub fn tamper(&self, id: &Id, field: &str, value: Value) {
        self.0.borrow_mut().objects.get_mut(id).unwrap().inputs[field] = value;
    }

    /// A stranger's object that has the unique key of this address.
    pub fn plant(&self, address: &str) -> Id {
        let kind = address.split('/').next().unwrap().to_owned();
        let id = Id(format!("strange-{address}"));
        let object = Object {
            kind,
            inputs: json!({}),
            tags: Tags::new(),
            token: String::new(),
            key: address.to_owned(),
            readings: 99,
            deleting: None,
        };
        self.0.borrow_mut().objects.insert(id.clone(), object);
        id
    }

    /// One effect: what the fuse counts. Never returns to a dead process.
    async fn effect<T>(&self, what: String, body: impl FnOnce(&mut Inner) -> T) -> T {
        self.alive().await;
        let burns = {
            let mut inner = self.0.borrow_mut();
            inner.effects += 1;
            let burns = inner.fuse.filter(|(at, _)| *at == inner.effects).map(|(_, when)| when);
            if burns != Some(When::Before) {
                inner.log.push(what);
            }
            burns
        };
        if burns == Some(When::Before) {
            self.die().await;
        }
        let result = body(&mut self.0.borrow_mut());
        if burns == Some(When::After) {
            self.die().await;
        }
        result
    }

    async fn die(&self) {
        self.0.borrow_mut().dead = true;
        self.1.notify_one();
        std::future::pending().await
    }

    async fn alive(&self) {
        if self.is_dead() {
            std::future::pending().await
        }
    }
}

/// A kind of the registry, in this world.
pub struct FakeKind {
    inner: &'static dyn Kind,
    world: World,
}

/// All kinds of the registry, in this world.
pub fn kinds(world: &World) -> Vec<FakeKind> {
    hybridctl::aws::kinds().iter().map(|inner| FakeKind { inner, world: world.clone() }).collect()
}

pub fn registry(kinds: &[FakeKind]) -> Kinds<'_> {
    Kinds::new(kinds.iter().map(|kind| kind as &dyn Kind))
}

impl FakeKind {
    fn key(&self, scope: &Scope<'_>) -> String {
        let suffix = if self.inner.spec().coexists { format!("-{}", scope.token) } else { String::new() };
        format!("{}{suffix}", scope.address)
    }

    fn output(id: &Id, name: &str) -> String {
        format!("fake:{id}#{name}")
    }

    fn refuse(class: Class, code: &str) -> Error {
        Error { class, code: Some(code.into()), ..Error::terminal("refused by the fake world") }
    }

    /// What the inputs refer to must exist.
    fn check_references(inner: &Inner, inputs: &Value) -> Result<()> {
        for used in strings(inputs).filter(|text| text.starts_with("fake:")) {
            let id = used.trim_start_matches("fake:").split('#').next().unwrap_or_default();
            if !inner.objects.get(&Id::from(id)).is_some_and(Object::is_live) {
                return Err(Self::refuse(Class::NotFound, &format!("{used}.NotFound")));
            }
        }
        Ok(())
    }

    fn existing(&self, inner: &Inner, scope: &Scope<'_>) -> Option<Id> {
        let key = self.key(scope);
        let mine = |object: &Object| object.kind == self.name() && object.is_live();
        let same = |object: &Object| match self.inner.spec().repeat {
            Repeat::Token => object.token == scope.token,
            Repeat::Collides | Repeat::ReturnsExisting => object.key == key,
            Repeat::Duplicates => false,
        };
        inner.objects.iter().find(|(_, object)| mine(object) && same(object)).map(|(id, _)| id.clone())
    }

    fn insert(&self, inner: &mut Inner, scope: &Scope<'_>, want: &Value) -> Result<Id> {
        Self::check_references(inner, want)?;
        let deleting =
            |object: &Object| object.kind == self.name() && object.key == self.key(scope) && !object.is_live();
        if self.inner.spec().repeat != Repeat::Duplicates && inner.objects.values().any(deleting) {
            return Err(Self::refuse(Class::Drain, "StillDeleting"));
        }
        if let Some(id) = self.existing(inner, scope) {
            return match self.inner.spec().repeat {
                Repeat::Collides => Err(Self::refuse(Class::Exists, "AlreadyExists")),
                _ => Ok(id),
            };
        }
        inner.made += 1;
        let id = Id(format!("{}-{}", self.name(), inner.made));
        let mut inputs = want.clone();
        for field in self.fields().iter().filter(|field| field.after_create) {
            inputs[field.name] = Value::Null;
        }
        let object = Object {
            kind: self.name().to_owned(),
            inputs,
            tags: scope.tags(),
            token: scope.token.to_owned(),
            key: self.key(scope),
            readings: 0,
            deleting: None,
        };
        inner.objects.insert(id.clone(), object);
        Ok(id)
    }

    fn mark_deleted(inner: &mut Inner, id: &Id) -> Result<()> {
        let mark = format!("fake:{id}#");
        let holds = |(other, object): (&Id, &Object)| {
            other != id
                && object.is_live()
                && lives_alone(&object.kind)
                && held(object).any(|text| text.starts_with(&mark))
        };
        if let Some((holder, _)) = inner.objects.iter().find(|(other, object)| holds((other, object))) {
            return Err(Self::refuse(Class::Drain, &format!("HeldBy({holder})")));
        }
        match inner.objects.get_mut(id) {
            Some(object) => object.deleting = object.deleting.or(Some(SETTLE)),
            None => return Err(Self::refuse(Class::NotFound, "NotFound")),
        }
        Ok(())
    }

    fn observe(&self, inner: &mut Inner, id: &Id) -> Option<Observed> {
        let object = inner.objects.get_mut(id)?;
        object.readings += 1;
        if let Some(left) = &mut object.deleting {
            if *left == 0 {
                inner.objects.remove(id);
                return None;
            }
            *left -= 1;
        }
        let phase = match (object.deleting, object.readings >= SETTLE) {
            (Some(_), _) => Phase::Deleting("deleting".into()),
            (None, true) => Phase::Ready,
            (None, false) => Phase::Settling("pending".into()),
        };
        let mut inputs = object.inputs.clone();
        for field in self.fields().iter().filter(|field| field.unread) {
            inputs[field.name] = Value::Null;
        }
        let outputs: serde_json::Map<String, Value> =
            self.outputs().iter().map(|name| ((*name).to_owned(), Self::output(id, name).into())).collect();
        let outputs = (object.readings >= SETTLE).then_some(Value::Object(outputs));
        Some(Observed { inputs, outputs, phase, tags: Some(object.tags.clone()), detail: None })
    }
}

/// What an object goes on using after it was made.
fn held(object: &Object) -> impl Iterator<Item = &str> {
    let fields = kind_of(&object.kind).fields();
    let only_to_create =
        move |name: &str| fields.iter().any(|field| field.name == name && field.effect == Effect::CreateOnly);
    let fields = object.inputs.as_object().into_iter().flatten();
    fields.filter(move |(name, _)| !only_to_create(name)).flat_map(|(_, value)| strings(value))
}

fn strings(value: &Value) -> Box<dyn Iterator<Item = &str> + '_> {
    match value {
        Value::String(text) => Box::new(std::iter::once(text.as_str())),
        Value::Array(items) => Box::new(items.iter().flat_map(strings)),
        Value::Object(map) => Box::new(map.values().flat_map(strings)),
        _ => Box::new(std::iter::empty()),
    }
}

impl Kind for FakeKind {
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

    fn find<'a>(&'a self, scope: &'a Scope<'a>, want: &'a Value) -> LocalBoxFuture<'a, Result<Found>> {
        async move {
            self.world.alive().await;
            if !is_known(want) && self.spec().repeat != Repeat::Duplicates {
                return Err(Error { code: Some(UNRESOLVED.into()), ..Error::terminal("a hole") });
            }
            let inner = self.world.0.borrow();
            let mine = inner.objects.iter().filter(|(_, object)| object.kind == self.name() && object.is_live());
            let stranger =
                mine.clone().find(|(_, object)| object.key == self.key(scope) && !tags::are_ours(scope, &object.tags));
            if let Some((id, _)) = stranger {
                return Ok(Found::Foreign(format!("{id} exists already: it was not made by hybridctl")));
            }
            Ok(tags::pick(scope, mine.map(|(id, object)| (id.clone(), object.tags.clone()))))
        }
        .boxed_local()
    }

    fn read<'a>(&'a self, _scope: &'a Scope<'a>, id: &'a Id) -> LocalBoxFuture<'a, Result<Option<Observed>>> {
        async move {
            self.world.alive().await;
            Ok(self.observe(&mut self.world.0.borrow_mut(), id))
        }
        .boxed_local()
    }

    fn create<'a>(&'a self, scope: &'a Scope<'a>, want: &'a Value) -> LocalBoxFuture<'a, Result<Id>> {
        async move {
            assert!(is_known(want), "{} is created with holes: {want}", scope.address);
            self.world.effect(format!("create {}", scope.address), |inner| self.insert(inner, scope, want)).await
        }
        .boxed_local()
    }

    fn update<'a>(
        &'a self,
        scope: &'a Scope<'a>,
        id: &'a Id,
        want: &'a Value,
        changed: &'a Changed,
    ) -> LocalBoxFuture<'a, Result<()>> {
        async move {
            for field in &changed.fields {
                let what = format!("update {} {field}", scope.address);
                let set = |inner: &mut Inner| -> Result<()> {
                    Self::check_references(inner, &want[field])?;
                    let gone = || Self::refuse(Class::NotFound, "NotFound");
                    let object = inner.objects.get_mut(id).filter(|object| object.is_live()).ok_or_else(gone)?;
                    object.inputs[field] = want[field].clone();
                    object.readings = 0;
                    Ok(())
                };
                self.world.effect(what, set).await?;
            }
            if let Some(change) = &changed.tags {
                let what = format!("tag {}", scope.address);
                let set = |inner: &mut Inner| {
                    if let Some(object) = inner.objects.get_mut(id) {
                        object.tags.extend(change.set.clone());
                        change.remove.iter().for_each(|key| drop(object.tags.remove(key)));
                    }
                };
                self.world.effect(what, set).await;
            }
            Ok(())
        }
        .boxed_local()
    }

    fn delete<'a>(&'a self, scope: &'a Scope<'a>, id: &'a Id) -> LocalBoxFuture<'a, Result<()>> {
        async move {
            let what = format!("delete {} {id}", scope.address);
            let result = self.world.effect(what, |inner| Self::mark_deleted(inner, id)).await;
            match result {
                Err(error) if error.class == Class::NotFound => Ok(()),
                result => result,
            }
        }
        .boxed_local()
    }

    fn restore<'a>(&'a self, _scope: &'a Scope<'a>, _id: &'a Id) -> LocalBoxFuture<'a, Result<()>> {
        async { Err(Error::terminal("nothing is restorable here")) }.boxed_local()
    }
}

/// A store whose saves are effects too.
#[derive(Debug, Clone)]
pub struct FakeStore(Rc<MemoryStore>, World);

impl FakeStore {
    pub fn new(world: &World) -> Self {
        Self(Rc::default(), world.clone())
    }

    /// A copy of the document, for a copy of the world.
    pub fn copy(&self, world: &World) -> Self {
        Self(Rc::new(MemoryStore::clone(&self.0)), world.clone())
    }
}

impl StateStore for FakeStore {
    async fn load(&self) -> std::result::Result<Option<State>, StoreError> {
        self.0.load().await
    }

    async fn save(&self, next: &State) -> std::result::Result<(), StoreError> {
        // The save itself is asynchronous; what the fuse decides is whether it happened.
        let save = |_: &mut Inner| self.0.save(next).now_or_never();
        self.1.effect("save".to_owned(), save).await.expect("because a save in memory does not wait")
    }
}

/// What a deleted or kept object must not be: an object of ours without a record.
pub fn owned(world: &World) -> BTreeMap<Id, Object> {
    world
        .objects()
        .into_iter()
        .filter(|(_, object)| object.tags.contains_key(tags::LINEAGE) && lives_alone(&object.kind))
        .collect()
}

/// False for what goes with its parent or belongs to the account: a destroy leaves it, and it holds nothing.
fn lives_alone(kind: &str) -> bool {
    kind_of(kind).spec().life == Life::Own
}

fn kind_of(name: &str) -> &'static dyn Kind {
    let mut all = hybridctl::aws::ALL.iter().flat_map(|service| service.iter());
    *all.find(|kind| kind.name() == name).expect("because only registered kinds are made")
}
