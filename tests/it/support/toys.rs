//! Kinds that only the fake world has: between them every combination of constants that planner and engine decide by.
//!
//! They all have the same fields, one for each way a field can behave.

use futures_util::future::{FutureExt, LocalBoxFuture};
use hybridctl::resource::{
    Changed, Error, Field, Found, Holder, Id, Kind, Life, Observed, Repeat, Result, Scope, Spec,
};
use serde_json::{Map, Value};
use std::time::Duration;

/// A kind without calls of its own: the fake world makes its objects.
#[derive(Debug)]
pub struct Toy {
    name: &'static str,
    repeat: Repeat,
    coexists: bool,
    life: Life,
    tagged: bool,
    /// It has a protection that refuses a delete.
    armed: bool,
    /// Its name stays taken for a while after a delete, and it can be brought back.
    pub recoverable: bool,
    /// Others may use it before it has settled.
    pub early: bool,
}

/// Every toy, sorted by name.
pub static TOYS: &[Toy] = &[
    Toy { armed: true, ..Toy::alone("toy.armed", Repeat::Collides) },
    Toy { life: Life::Parent, ..Toy::new("toy.child", Repeat::ReturnsExisting) },
    Toy::new("toy.collides", Repeat::Collides),
    Toy::alone("toy.collides_alone", Repeat::Collides),
    Toy::new("toy.duplicates", Repeat::Duplicates),
    Toy { early: true, ..Toy::new("toy.early", Repeat::Token) },
    Toy { recoverable: true, ..Toy::new("toy.recoverable", Repeat::Collides) },
    Toy::new("toy.returns", Repeat::ReturnsExisting),
    Toy::alone("toy.returns_alone", Repeat::ReturnsExisting),
    Toy { life: Life::Account, tagged: false, ..Toy::alone("toy.shared", Repeat::Collides) },
    Toy::new("toy.token", Repeat::Token),
    Toy { tagged: false, ..Toy::alone("toy.untagged", Repeat::Collides) },
];

/// The field that refuses a delete while it is true.
pub const ARMED: &str = "armed";

static FIELDS: &[Field] = &[
    Field::update("size"),
    Field::replace("shape"),
    Field::update("secret").unread(),
    Field::replace("origin").unread(),
    Field::update("late").after_create(),
    Field::update("content").changes(&["version"]),
    Field::update(ARMED),
    Field::update("uses"),
    Field::replace("parent"),
    Field::create_only("seed"),
];

impl Toy {
    const fn new(name: &'static str, repeat: Repeat) -> Self {
        Self {
            name,
            repeat,
            coexists: true,
            life: Life::Own,
            tagged: true,
            armed: false,
            recoverable: false,
            early: false,
        }
    }

    /// Old and new cannot exist together.
    const fn alone(name: &'static str, repeat: Repeat) -> Self {
        Self { coexists: false, ..Self::new(name, repeat) }
    }
}

/// The toy of this name, if it is one.
pub fn toy(name: &str) -> Option<&'static Toy> {
    TOYS.iter().find(|toy| toy.name == name)
}

fn no_call<T: 'static>() -> LocalBoxFuture<'static, Result<T>> {
    async { Err(Error::terminal("a toy makes no calls")) }.boxed_local()
}

impl Kind for Toy {
    fn name(&self) -> &'static str {
        self.name
    }
    fn fields(&self) -> &'static [Field] {
        FIELDS
    }
    fn struct_fields(&self) -> Vec<&'static str> {
        FIELDS.iter().map(|field| field.name).collect()
    }
    fn outputs(&self) -> Vec<&'static str> {
        vec!["id", "version"]
    }
    fn spec(&self) -> Spec {
        Spec {
            settle_limit: Duration::from_secs(300),
            poll: Duration::from_secs(3),
            fails_by_chance: &[],
            expected: Duration::from_secs(2),
            ready_readings: 1,
            coexists: self.coexists,
            repeat: self.repeat,
            id_from_name: false,
            life: self.life,
            protected_by: self.armed.then_some(ARMED),
            restored_by: None,
            tagged: self.tagged,
            actions: hybridctl::resource::Actions::NONE,
        }
    }
    fn canonical(&self, want: &Value) -> Result<Value> {
        let mut canonical = Map::new();
        for field in FIELDS {
            let mut value = want[field.name].clone();
            if let Value::Array(items) = &mut value {
                items.sort_by_key(Value::to_string);
            }
            canonical.insert(field.name.to_owned(), value);
        }
        Ok(Value::Object(canonical))
    }
    fn unread_is(&self, _want: &Value, _live: &Observed) -> bool {
        false
    }
    fn find<'a>(&'a self, _scope: &'a Scope<'a>, _want: &'a Value) -> LocalBoxFuture<'a, Result<Found>> {
        no_call()
    }
    fn read<'a>(&'a self, _scope: &'a Scope<'a>, _id: &'a Id) -> LocalBoxFuture<'a, Result<Option<Observed>>> {
        no_call()
    }
    fn create<'a>(&'a self, _scope: &'a Scope<'a>, _want: &'a Value) -> LocalBoxFuture<'a, Result<Id>> {
        no_call()
    }
    fn update<'a>(
        &'a self,
        _scope: &'a Scope<'a>,
        _id: &'a Id,
        _want: &'a Value,
        _changed: &'a Changed,
    ) -> LocalBoxFuture<'a, Result<()>> {
        no_call()
    }
    fn delete<'a>(&'a self, _scope: &'a Scope<'a>, _id: &'a Id) -> LocalBoxFuture<'a, Result<()>> {
        no_call()
    }
    fn holders<'a>(&'a self, _scope: &'a Scope<'a>, _id: &'a Id) -> LocalBoxFuture<'a, Result<Vec<Holder>>> {
        no_call()
    }
    fn restore<'a>(&'a self, _scope: &'a Scope<'a>, _id: &'a Id) -> LocalBoxFuture<'a, Result<()>> {
        no_call()
    }
}
