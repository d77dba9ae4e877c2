//! A world in memory, made from the registry: no code per kind.
//!
//! It is as unhelpful as AWS. Create sets only what the API can set, update is one effect a field, a repeated create collides,
//! succeeds on a stranger's object or makes a duplicate as the kind's `REPEAT` says, a delete is refused while another object
//! refers to it, and everything takes a few readings to settle. A fuse kills the process at the n-th effect, and a list of
//! faults says what else goes wrong at which one.

use super::faults::Fault;
use super::toys::{self, TOYS};
use futures_util::future::{FutureExt, LocalBoxFuture};
use hybridctl::apply::Stop;
use hybridctl::aws::survey::Sighting;
use hybridctl::aws::tags;
use hybridctl::model::input::is_known;
use hybridctl::resource::error::UNRESOLVED;
use hybridctl::resource::{
    Changed, Class, Effect, Error, Field, Found, Holder, Id, Kind, Kinds, Life, Observed, Phase, Repeat, Result, Scope,
    Spec, Tags,
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
    /// Readings until describes show it.
    hidden: u32,
    deleting: Option<u32>,
    /// Deleted, and still there to be brought back.
    binned: bool,
    /// It can never be used again.
    failed: bool,
}

impl Object {
    pub fn is_live(&self) -> bool {
        self.deleting.is_none() && !self.binned
    }

    /// False for a moment: the next describe does not show it yet.
    fn comes_to_light(&mut self) -> bool {
        let visible = self.hidden == 0;
        self.hidden = self.hidden.saturating_sub(1);
        visible
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
    faults: BTreeMap<u64, Fault>,
    reads: u64,
    read_faults: BTreeMap<u64, Fault>,
    lag: u32,
    stop: Option<Stop>,
    /// The call that gets no answer for the time being.
    hangs: Option<String>,
}

impl Inner {
    /// An object goes, and with it what lives in it.
    fn take_away(&mut self, id: &Id) {
        self.objects.remove(id);
        let mark = format!("fake:{id}#");
        let lives_in_it = |object: &Object| match toys::toy(&object.kind) {
            Some(_) => strings(&object.inputs["parent"]).any(|text| text.starts_with(&mark)),
            None => held(object).any(|text| text.starts_with(&mark)),
        };
        let child = |object: &Object| kind_of(&object.kind).spec().life == Life::Parent && lives_in_it(object);
        let children: Vec<Id> =
            self.objects.iter().filter(|(_, object)| child(object)).map(|(id, _)| id.clone()).collect();
        children.iter().for_each(|id| self.take_away(id));
    }
}

/// The world. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct World(Rc<RefCell<Inner>>, Rc<Notify>);

/// Calls of one run that are no run any more.
const ENDLESS: u64 = 20_000;

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
        (inner.effects, inner.reads, inner.fuse, inner.dead) = (0, 0, Some((at, when)), false);
    }

    /// Counts from here: what goes wrong at which effect, and at which reading.
    pub fn go_wrong(&self, effects: &[(u64, Fault)], readings: &[(u64, Fault)], stop: &Stop) {
        let mut inner = self.0.borrow_mut();
        (inner.effects, inner.reads, inner.dead) = (0, 0, false);
        inner.faults = effects.iter().copied().collect();
        inner.read_faults = readings.iter().copied().collect();
        inner.stop = Some(stop.clone());
    }

    /// This call gets no answer until it is let go.
    pub fn hang(&self, call: &str) {
        self.0.borrow_mut().hangs = Some(call.to_owned());
    }

    /// The call that got no answer is carried out now.
    pub fn let_go(&self) {
        self.0.borrow_mut().hangs = None;
    }

    async fn answer(&self, call: &str) {
        while self.0.borrow().hangs.as_deref() == Some(call) {
            tokio::task::yield_now().await;
        }
    }

    /// Describes show an object that is made from here on only after so many readings.
    pub fn lag(&self, readings: u32) {
        let mut inner = self.0.borrow_mut();
        inner.lag = readings;
        if readings == 0 {
            // Describes have caught up: nobody has patience for what is hidden any more.
            inner.objects.values_mut().for_each(|object| object.hidden = 0);
        }
    }

    /// A new process: nothing kills it, and nothing goes wrong.
    pub fn revive(&self) {
        let mut inner = self.0.borrow_mut();
        (inner.reads, inner.fuse, inner.dead) = (0, None, false);
        inner.faults.clear();
        inner.read_faults.clear();
    }

    pub fn is_dead(&self) -> bool {
        self.0.borrow().dead
    }

    pub async fn death(&self) {
        self.1.notified().await;
    }

    /// Somebody deletes an object by hand.
    pub fn remove(&self, id: &Id) {
        self.0.borrow_mut().take_away(id);
    }

    /// It breaks for good.
    pub fn fail(&self, id: &Id) {
        self.0.borrow_mut().objects.get_mut(id).unwrap().failed = true;
    }

    /// Somebody changes a field by hand.
    pub fn tamper(&self, id: &Id, field: &str, value: Value) {
        self.0.borrow_mut().objects.get_mut(id).unwrap().inputs[field] = value;
    }

    /// Somebody restores a copy, and AWS hands the tags on to it.
    pub fn duplicate(&self, address: &str) -> Id {
        let mut inner = self.0.borrow_mut();
        let mut copy = inner.objects.values().find(|object| object.address() == address).unwrap().clone();
        let id = Id(format!("copy-of-{address}"));
        (copy.key, copy.inputs["identifier"]) = (id.to_string(), id.to_string().into());
        inner.objects.insert(id.clone(), copy);
        id
    }

    /// A stranger's object that has the unique key of this address.
    pub fn plant(&self, address: &str) -> Id {
        self.plant_with(address, address, Tags::new())
    }

    /// Of every toy, an object of nobody and one of another deployment, for an address that stories use.
    pub fn strangers(&self) -> BTreeMap<Id, Object> {
        for toy in TOYS {
            let address = format!("{}/a", toy.name());
            let theirs = [(tags::LINEAGE, "another"), (tags::ADDRESS, &address)];
            self.plant_with(&format!("{address}-of-nobody"), "nobody", Tags::new());
            self.plant_with(&format!("{address}-of-another"), "another", tags::from_pairs(theirs));
        }
        self.objects()
    }

    fn plant_with(&self, name: &str, key: &str, tags: Tags) -> Id {
        let kind = name.split('/').next().unwrap().to_owned();
        let id = Id(format!("strange-{name}"));
        let object = Object {
            kind,
            inputs: json!({}),
            tags,
            token: String::new(),
            key: key.to_owned(),
            readings: 99,
            hidden: 0,
            deleting: None,
            binned: false,
            failed: false,
        };
        self.0.borrow_mut().objects.insert(id.clone(), object);
        id
    }

    /// A call of a kind, with whatever goes wrong with it.
    async fn change<T>(&self, what: String, body: impl Fn(&mut Inner) -> Result<T>) -> Result<T> {
        self.answer(&what).await;
        let fault = self.fault_ahead().await;
        if let Some(refusal) = fault.and_then(Fault::refusal) {
            self.0.borrow_mut().effects += 1;
            return Err(refusal);
        }
        let result = self.effect(what.clone(), &body).await;
        match fault {
            Some(Fault::Lost) => result.and(Err(Fault::lost())),
            // Transport retries are off where a repeat would make a second object.
            Some(Fault::Twice) if !what.starts_with("create toy.duplicates") => body(&mut self.0.borrow_mut()),
            _ => result,
        }
    }

    /// What goes wrong with the next effect. A kill is the fuse's business, a stop is asked for here.
    async fn fault_ahead(&self) -> Option<Fault> {
        self.alive().await;
        self.count_call().await;
        let mut inner = self.0.borrow_mut();
        let next = inner.effects + 1;
        let fault = inner.faults.get(&next).copied();
        match fault {
            Some(Fault::KillBefore) => inner.fuse = Some((next, When::Before)),
            Some(Fault::KillAfter) => inner.fuse = Some((next, When::After)),
            Some(Fault::Stop) => inner.stop.as_ref().expect("because it came with the faults").request(),
            _ => {}
        }
        fault
    }

    /// True if the process made so many calls that it would never have come to an end.
    pub fn was_endless(&self) -> bool {
        self.0.borrow().reads > ENDLESS
    }

    /// A describe may be throttled or get lost; it has no effect.
    async fn reading(&self) -> Result<()> {
        self.alive().await;
        self.count_call().await;
        let inner = self.0.borrow();
        let fault = inner.read_faults.get(&inner.reads).copied();
        fault.and_then(Fault::refusal).map_or(Ok(()), Err)
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

    /// Waiting costs no time here: what waits for ever makes calls for ever.
    async fn count_call(&self) {
        self.0.borrow_mut().reads += 1;
        if self.was_endless() {
            self.die().await;
        }
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

/// All kinds of the registry and the toys, in this world.
pub fn kinds(world: &World) -> Vec<FakeKind> {
    let toys = TOYS.iter().map(|toy| toy as &'static dyn Kind);
    hybridctl::aws::kinds().iter().chain(toys).map(|inner| FakeKind { inner, world: world.clone() }).collect()
}

pub fn registry(kinds: &[FakeKind]) -> Kinds<'_> {
    Kinds::new(kinds.iter().map(|kind| kind as &dyn Kind))
}

impl FakeKind {
    fn key(&self, scope: &Scope<'_>, want: &Value) -> String {
        if self.is_recoverable() {
            return format!("{}-{}", scope.address, want["shape"]);
        }
        if self.is_child() {
            return format!("{}-{}", scope.address, want["parent"]);
        }
        let suffix = if self.inner.spec().coexists { format!("-{}", scope.token) } else { String::new() };
        format!("{}{suffix}", scope.address)
    }

    /// An output is the object's for life, unless a field says that it changes it.
    fn output(&self, id: &Id, name: &str, inputs: &Value) -> String {
        let content =
            self.fields().iter().filter(|field| field.changes.contains(&name)).map(|field| &inputs[field.name]);
        content.fold(format!("fake:{id}#{name}"), |output, value| format!("{output}={value}"))
    }

    fn is_early(&self) -> bool {
        toys::toy(self.name()).is_some_and(|toy| toy.early)
    }

    fn is_child(&self) -> bool {
        toys::toy(self.name()).is_some() && self.spec().life == Life::Parent
    }

    fn is_recoverable(&self) -> bool {
        toys::toy(self.name()).is_some_and(|toy| toy.recoverable)
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

    fn existing(&self, inner: &Inner, key: &str, scope: &Scope<'_>) -> Option<Id> {
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
        let key = self.key(scope, want);
        let mut namesakes = inner.objects.values().filter(|object| object.kind == self.name() && object.key == key);
        if self.inner.spec().repeat != Repeat::Duplicates
            && let Some(namesake) = namesakes.find(|object| !object.is_live())
        {
            return Err(match namesake.binned {
                true => Self::refuse(Class::Exists, "ScheduledForDeletion"),
                false => Self::refuse(Class::Drain, "StillDeleting"),
            });
        }
        if let Some(id) = self.existing(inner, &key, scope) {
            return match self.inner.spec().repeat {
                Repeat::Collides => Err(Self::refuse(Class::Exists, "AlreadyExists")),
                _ => Ok(id),
            };
        }
        inner.made += 1;
        // As in AWS, the name of what was deleted is the id of what is made in its place.
        let id = match self.inner.spec().coexists || self.inner.spec().repeat == Repeat::Duplicates {
            true => Id(format!("{}-{}", self.name(), inner.made)),
            false => Id(format!("{}-{key}", self.name())),
        };
        let mut inputs = want.clone();
        for field in self.fields().iter().filter(|field| field.after_create) {
            inputs[field.name] = Value::Null;
        }
        let object = Object {
            kind: self.name().to_owned(),
            inputs,
            tags: scope.tags(),
            token: scope.token.to_owned(),
            key,
            readings: 0,
            hidden: inner.lag,
            deleting: None,
            binned: false,
            failed: false,
        };
        inner.objects.insert(id.clone(), object);
        Ok(id)
    }

    fn mark_deleted(&self, inner: &mut Inner, id: &Id) -> Result<()> {
        let protected = |object: &&Object| {
            self.spec().protected_by.is_some_and(|field| object.inputs[field] == Value::Bool(true)) && object.is_live()
        };
        if inner.objects.get(id).filter(protected).is_some() {
            return Err(Self::refuse(Class::Terminal, "Protected"));
        }
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
            Some(object) if self.is_recoverable() => object.binned = true,
            Some(object) => object.deleting = object.deleting.or(Some(SETTLE)),
            None => return Err(Self::refuse(Class::NotFound, "NotFound")),
        }
        Ok(())
    }

    fn observe(&self, inner: &mut Inner, id: &Id) -> Option<Observed> {
        let object = inner.objects.get_mut(id)?;
        if object.binned || !object.comes_to_light() {
            return None;
        }
        object.readings += 1;
        if let Some(left) = &mut object.deleting {
            if *left == 0 {
                inner.take_away(id);
                return None;
            }
            *left -= 1;
        }
        let settled = SETTLE + u32::from(self.is_early());
        let phase = match (object.deleting, object.readings) {
            (Some(_), _) => Phase::Deleting("deleting".into()),
            (None, _) if object.failed => Phase::Failed("failed".into()),
            (None, readings) if readings >= settled => Phase::Ready,
            (None, readings) if readings >= SETTLE => Phase::Usable("in service, settling".into()),
            (None, _) => Phase::Settling("pending".into()),
        };
        let mut inputs = object.inputs.clone();
        for field in self.fields().iter().filter(|field| field.unread) {
            inputs[field.name] = Value::Null;
        }
        let outputs: serde_json::Map<String, Value> = self
            .outputs()
            .iter()
            .map(|name| ((*name).to_owned(), self.output(id, name, &object.inputs).into()))
            .collect();
        let outputs = (object.readings >= SETTLE).then_some(Value::Object(outputs));
        let tags = self.spec().tagged.then(|| object.tags.clone());
        // Everything, as if somebody had looked into what AWS never returns: the tests of `state rebuild` compare with it.
        Some(Observed { inputs, outputs, phase, tags, detail: Some(object.inputs.clone()) })
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
    /// This world knows what it does not return.
    fn unread_is(&self, want: &Value, live: &Observed) -> bool {
        let hidden = live.detail.as_ref().expect("because every reading has it");
        self.fields().iter().filter(|field| field.unread).all(|field| hidden[field.name] == want[field.name])
    }

    fn find<'a>(&'a self, scope: &'a Scope<'a>, want: &'a Value) -> LocalBoxFuture<'a, Result<Found>> {
        async move {
            self.world.reading().await?;
            if !is_known(want) && self.spec().repeat != Repeat::Duplicates {
                return Err(Error { code: Some(UNRESOLVED.into()), ..Error::terminal("a hole") });
            }
            let (mut inner, key) = (self.world.0.borrow_mut(), self.key(scope, want));
            let of_kind = inner.objects.iter_mut().filter(|(_, object)| object.kind == self.name());
            let seen: Vec<(&Id, &Object)> =
                of_kind.filter_map(|(id, object)| object.comes_to_light().then_some((id, &*object))).collect();
            if let Some((id, _)) = seen.iter().find(|(_, object)| object.binned && object.key == key) {
                return Ok(Found::Restorable((*id).clone()));
            }
            // A child is looked for in its parent.
            let here = |object: &Object| !self.is_child() || object.key == key;
            let mine = seen.into_iter().filter(|(_, object)| object.is_live() && here(object));
            let stranger = mine.clone().find(|(_, object)| object.key == key && !tags::are_ours(scope, &object.tags));
            if let Some((id, _)) = stranger {
                return Ok(Found::Foreign(format!("{id} exists already: it was not made by hybridctl")));
            }
            Ok(tags::pick(scope, mine.map(|(id, object)| (id.clone(), object.tags.clone()))))
        }
        .boxed_local()
    }

    fn read<'a>(&'a self, _scope: &'a Scope<'a>, id: &'a Id) -> LocalBoxFuture<'a, Result<Option<Observed>>> {
        async move {
            self.world.reading().await?;
            Ok(self.observe(&mut self.world.0.borrow_mut(), id))
        }
        .boxed_local()
    }

    fn create<'a>(&'a self, scope: &'a Scope<'a>, want: &'a Value) -> LocalBoxFuture<'a, Result<Id>> {
        async move {
            assert!(is_known(want), "{} is created with holes: {want}", scope.address);
            let made = self.world.change(format!("create {}", scope.address), |inner| self.insert(inner, scope, want));
            made.await
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
                self.world.change(what, set).await?;
            }
            if let Some(change) = &changed.tags {
                let what = format!("tag {}", scope.address);
                let set = |inner: &mut Inner| {
                    if let Some(object) = inner.objects.get_mut(id) {
                        object.tags.extend(change.set.clone());
                        change.remove.iter().for_each(|key| drop(object.tags.remove(key)));
                    }
                    Ok(())
                };
                self.world.change(what, set).await?;
            }
            Ok(())
        }
        .boxed_local()
    }

    fn delete<'a>(&'a self, scope: &'a Scope<'a>, id: &'a Id) -> LocalBoxFuture<'a, Result<()>> {
        async move {
            let what = format!("delete {} {id}", scope.address);
            self.world.change(what, |inner| self.mark_deleted(inner, id)).await
        }
        .boxed_local()
    }

    fn restore<'a>(&'a self, scope: &'a Scope<'a>, id: &'a Id) -> LocalBoxFuture<'a, Result<()>> {
        async move {
            let bring_back = |inner: &mut Inner| {
                let gone = || Self::refuse(Class::NotFound, "NotFound");
                let object = inner.objects.get_mut(id).ok_or_else(gone)?;
                (object.binned, object.readings) = (false, 0);
                Ok(())
            };
            self.world.change(format!("restore {}", scope.address), bring_back).await
        }
        .boxed_local()
    }

    fn holders<'a>(&'a self, _scope: &'a Scope<'a>, _id: &'a Id) -> LocalBoxFuture<'a, Result<Vec<Holder>>> {
        async { Ok(vec![]) }.boxed_local()
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

impl FakeStore {
    /// The document that there was is lost; this one takes its place.
    pub async fn replace(&mut self, next: &State) {
        self.0 = Rc::default();
        self.0.save(&State { serial: 1, ..next.clone() }).await.unwrap();
    }
}

impl StateStore for FakeStore {
    async fn load(&self) -> std::result::Result<Option<State>, StoreError> {
        self.0.load().await
    }

    async fn save(&self, next: &State) -> std::result::Result<(), StoreError> {
        let fault = self.1.fault_ahead().await;
        let failed =
            || StoreError::Io { path: "memory".into(), source: std::io::Error::other("by a fault of this test") };
        if fault.and_then(Fault::refusal).is_some() {
            self.1.0.borrow_mut().effects += 1;
            return Err(failed());
        }
        // The save itself is asynchronous; what the fuse decides is whether it happened.
        let save = |_: &mut Inner| self.0.save(next).now_or_never();
        let saved = self.1.effect("save".to_owned(), save).await.expect("because a save in memory does not wait");
        if fault == Some(Fault::Lost) { saved.and(Err(failed())) } else { saved }
    }
}

/// What a search by tags meets: everything that can carry tags.
pub fn sightings(world: &World) -> Vec<Sighting> {
    let tagged = |object: &Object| kind_of(&object.kind).spec().tagged && object.tags.contains_key(tags::LINEAGE);
    let objects = world.objects().into_iter().filter(|(_, object)| tagged(object));
    let sighting = |(id, object): (Id, Object)| Sighting {
        address: object.address().parse().unwrap(),
        id,
        tags: object.tags,
        made: None,
        deleted: false,
    };
    objects.map(sighting).collect()
}

/// What a deleted or kept object must not be: an object of ours without a record.
pub fn owned(world: &World) -> BTreeMap<Id, Object> {
    let lineage = super::deployment::LINEAGE.to_string();
    let ours = |object: &Object| object.tags.get(tags::LINEAGE) == Some(&lineage) && !object.binned;
    world.objects().into_iter().filter(|(_, object)| ours(object) && lives_alone(&object.kind)).collect()
}

/// False for what goes with its parent or belongs to the account: a destroy leaves it, and it holds nothing.
fn lives_alone(kind: &str) -> bool {
    kind_of(kind).spec().life == Life::Own
}

fn kind_of(name: &str) -> &'static dyn Kind {
    if let Some(toy) = toys::toy(name) {
        return toy;
    }
    let mut all = hybridctl::aws::ALL.iter().flat_map(|service| service.iter());
    *all.find(|kind| kind.name() == name).expect("because only registered kinds are made")
}
