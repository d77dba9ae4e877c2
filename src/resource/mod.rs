//! The contract between the engine and the resource kinds.
//!
//! A kind is five short functions that each make one round of calls and return: no loops, no sleeps, no state, no printing. The
//! engine waits, retries, compares, saves and tells. See `docs/adding-a-resource.md`.
//!
//! The usual surprise: `create` need not set everything. After it the engine reads the object, compares it with what is
//! wanted and calls `update` with what differs, so a half-made object is an ordinary difference.

pub mod actions;
pub mod error;
pub mod field;
pub mod holder;
pub mod kind;
pub mod scope;

pub use actions::Actions;
pub use error::{Class, Error, Result};
pub use field::{Changed, Effect, Field, TagChange};
pub use holder::Holder;
pub use kind::{Kind, Kinds, Observed, Of, Spec};
pub use scope::{Consents, Memo, NO_FINGERPRINT, Provided, Scope};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Tags as AWS keeps them: key to value.
pub type Tags = BTreeMap<String, String>;

/// What AWS calls the object: an id, an ARN, a name, or for objects without any, the parts of the natural key joined by `|`
/// (`rtb-0abc…|0.0.0.0/0`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Id(pub String);

impl Id {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Joins the parts of a natural key.
    pub fn of_parts(parts: &[&str]) -> Self {
        Self(parts.join("|"))
    }

    /// The parts of a natural key; fewer or more than `N` is a damaged record.
    ///
    /// # Errors
    /// Terminal, if the number of parts differs.
    pub fn parts<const N: usize>(&self) -> Result<[&str; N]> {
        let parts: Vec<&str> = self.0.split('|').collect();
        parts.try_into().map_err(|_| Error::bug(format!("`{self}` does not have {N} parts")))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for Id {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Id {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// What a create call does when an equal one has been made before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// The call carries our client token: a repeat returns the same object.
    Token,
    /// The name or key is unique: a repeat is refused with an "already exists" code.
    Collides,
    /// A repeat succeeds with the existing object, whoever made it: the engine looks before every create.
    ReturnsExisting,
    /// A repeat makes a second object: transport retries are off, and an interrupted create looks by tag first.
    Duplicates,
}

/// Who ends an object's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// We delete it.
    Own,
    /// It goes with its parent (the default security group with its VPC): a delete only forgets it.
    Parent,
    /// The account shares it (service-linked roles): created if absent, never updated, only forgotten.
    Account,
}

/// One kind of AWS object. `Self` is the desired state; its fields are what hybridctl manages.
///
/// `None` in a field means "not ours to manage": it is never compared.
pub trait Resource: Serialize + DeserializeOwned + 'static {
    /// First half of the address, `service.noun`: `ec2.subnet`.
    const KIND: &'static str;
    /// Every field of `Self` in display order, and what a change of it costs. A test compares this with the struct.
    const FIELDS: &'static [Field];
    /// Beginnings of the words of [`Phase::Failed`] that say nothing against another try: the engine deletes the new object
    /// and makes one more, once.
    const FAILS_BY_CHANCE: &'static [&'static str] = &[];
    /// What create, update and delete may take to settle, at most; starts again whenever AWS's status word changes.
    const SETTLE_LIMIT: Duration = Duration::from_secs(300);
    /// Time between two readings while settling.
    const POLL: Duration = Duration::from_secs(3);
    /// What a create usually takes, for the order of work and for the expected time on screen (`aws.md` section 4.1).
    const EXPECTED: Duration = Duration::from_secs(2);
    /// How many readings in a row count as settled.
    const READY_READINGS: u8 = 1;
    /// False when old and new cannot exist together (same CIDR, same name, same route).
    const COEXISTS: bool = true;
    /// What a repeated create does.
    const REPEAT: Repeat;
    /// True if the id follows from the name: what somebody makes later under that name has it too. Then only the tags of
    /// [`Live`] tell whose it is, or `find` where a reading has no tags.
    const ID_FROM_NAME: bool = false;
    /// Who ends the object's life.
    const LIFE: Life = Life::Own;
    /// The boolean field that must be false before AWS accepts a delete (`deletion_protection`).
    const PROTECTED_BY: Option<&'static str> = None;
    /// The field that fills a new object with old data when it is set (`restore_from`): with it, an object that holds data
    /// and is gone may be made again.
    const RESTORED_BY: Option<&'static str> = None;
    /// False if AWS keeps no tags on it: then tags are no difference.
    const TAGGED: bool = true;
    /// IAM actions that this file calls, by what for.
    const ACTIONS: Actions;
    /// What others may refer to: strings or newtypes of strings only.
    type Outputs: Serialize + DeserializeOwned + 'static;

    /// Looks for the object by ownership tags or natural key. Called when no id is on record, after an interrupted create,
    /// and before every create whose repeat would succeed on a stranger's object.
    fn find(scope: &Scope<'_>, want: &Self) -> impl Future<Output = Result<Found>>;
    /// The object as it is now, in the same shape as the desired one; `None` when it is gone.
    fn read(scope: &Scope<'_>, id: &Id) -> impl Future<Output = Result<Option<Live<Self>>>>;
    /// One create call, tags and client token included. Does not wait.
    fn create(scope: &Scope<'_>, want: &Self) -> impl Future<Output = Result<Id>>;
    /// Brings the changed fields to `want`. Also called right after create for what create cannot set. Does not wait.
    fn update(scope: &Scope<'_>, id: &Id, want: &Self, changed: &Changed) -> impl Future<Output = Result<()>>;
    /// The calls that delete it, each repeatable. Does not wait. An error of class [`Class::NotFound`] is believed when it comes
    /// twice, a little apart; a kind with several calls handles it for all but the last.
    fn delete(scope: &Scope<'_>, id: &Id) -> impl Future<Output = Result<()>>;

    /// Brings an object that [`Found::Restorable`] named back to life. Only kinds that return that implement it.
    fn restore(_scope: &Scope<'_>, id: &Id) -> impl Future<Output = Result<()>> {
        let error = Error::bug(format!("{} {id} cannot be restored", Self::KIND));
        async move { Err(error) }
    }

    /// Who keeps it from being deleted: asked while a delete is refused, to say what is waited for and to see whether
    /// waiting helps.
    fn holders(_scope: &Scope<'_>, _id: &Id) -> impl Future<Output = Result<Vec<Holder>>> {
        async { Ok(vec![]) }
    }

    /// Whether what AWS never returns of this object is as `want` says, as far as what it does return tells; where nothing
    /// tells, the config is believed. Asked when the record is lost. `live` is what [`Resource::read`] returned.
    fn unread_is(_want: &Self, _live: &Self, _outputs: Option<&Self::Outputs>) -> bool {
        true
    }

    /// Names of the outputs, from the struct itself.
    fn outputs() -> Vec<&'static str> {
        field::names_of::<Self::Outputs>()
    }
}

/// What [`Resource::find`] met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing of that name or with our tags.
    None,
    /// Ours: it carries our lineage and address, or belongs to a parent that does.
    Ours(Id),
    /// Ours, deleted, and still in its recovery window.
    Restorable(Id),
    /// The name is taken by something that is not ours; the text says whose.
    Foreign(String),
}

/// An object as AWS reports it.
#[derive(Debug)]
pub struct Live<R: Resource> {
    /// In the shape of the desired state. Fields marked `unread` may hold anything: the engine takes the record's.
    pub inputs: R,
    /// `None` while AWS does not report them yet (a database without endpoint).
    pub outputs: Option<R::Outputs>,
    /// How far it has come.
    pub phase: Phase,
    /// `None`: not read here; the record is compared instead.
    pub tags: Option<Tags>,
    /// More to show, never compared.
    pub detail: Option<Value>,
}

impl<R: Resource> Live<R> {
    /// A settled object whose tags were read.
    pub fn ready(inputs: R, outputs: R::Outputs, tags: Tags) -> Self {
        Self { inputs, outputs: Some(outputs), phase: Phase::Ready, tags: Some(tags), detail: None }
    }

    /// A settled object of a kind without tags.
    pub fn untagged(inputs: R, outputs: R::Outputs) -> Self {
        Self { inputs, outputs: Some(outputs), phase: Phase::Ready, tags: None, detail: None }
    }

    /// The same object in another phase.
    pub fn in_phase(self, phase: Phase) -> Self {
        Self { phase, ..self }
    }
}

/// How far an object has come. The text is AWS's own word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", content = "word", rename_all = "snake_case")]
pub enum Phase {
    /// Nothing is going on.
    Ready,
    /// Others may use it, but it has not settled.
    Usable(String),
    /// Others cannot use it yet.
    Settling(String),
    /// It is being deleted. For a plan it is gone; a create of the same name waits for it.
    Deleting(String),
    /// The last *change* failed (a rolled-back rollout). The operation fails; the next plan compares the live values.
    Refused(String),
    /// It can never be used (a NAT gateway in `failed`).
    Failed(String),
}

impl Phase {
    /// AWS's word, or `ready`.
    pub fn word(&self) -> &str {
        match self {
            Self::Ready => "ready",
            Self::Usable(word)
            | Self::Settling(word)
            | Self::Deleting(word)
            | Self::Refused(word)
            | Self::Failed(word) => word,
        }
    }
}
