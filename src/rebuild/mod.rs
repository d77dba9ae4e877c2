//! The record made again from what exists, when it is lost: pure decisions, no calls.
//!
//! Tags say what an object is and which incarnation of it; the config says what it should be; the reading says what it is. The
//! calls are in [`crate::apply::rebuild`]. What nobody can know any more (the value that AWS never returns) is taken from the
//! config, unless something contradicts it ([`crate::resource::Resource::unread_is`]).

mod choose;
mod lineage;
mod record;

pub use choose::{Chosen, choose};
pub use lineage::{Lineage, lineages, zones};
pub use record::{Draft, Known, Loose, infer_edges, texts};

use crate::aws::survey::Sighting;
use crate::model::Address;
use crate::resource::{Id, Observed};
use crate::state::State;

/// An object that was sighted, and how it reads.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// Where it was met, and its tags.
    pub sighting: Sighting,
    /// As it is now.
    pub observed: Observed,
}

/// How an object was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// By its tags.
    Tags,
    /// By its name or its place in a parent of ours.
    Key,
}

/// One object of the new record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundObject {
    /// Which resource.
    pub address: Address,
    /// What AWS calls it.
    pub id: Id,
    /// How it was found.
    pub how: How,
    /// What becomes of it: `on record`, `unfinished`, `replaced`.
    pub role: Role,
}

/// What an object is on the new record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The object that stands for its address.
    Current,
    /// It was being made: the next `up` takes it up.
    Unfinished,
    /// An older incarnation: the next `up` deletes it.
    Replaced,
    /// It carries the tags of something that holds data and stands there already: left alone.
    LeftOut,
}

/// The record made again.
#[derive(Debug, Clone, PartialEq)]
pub struct Rebuilt {
    /// The new document.
    pub state: State,
    /// Every object that was found, by address.
    pub found: Vec<FoundObject>,
    /// Fields that AWS never returns and that were taken from the config.
    pub believed: Vec<(Address, &'static str)>,
    /// Names that are taken by somebody else.
    pub foreign: Vec<(Address, String)>,
}
