//! Why there can be no plan. A problem is found before anything is changed.

use crate::model::Address;
use crate::resource::Id;

/// Why no plan could be made. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A name that we need is taken.
    #[error("{address}: {whose}")]
    Foreign {
        /// Which resource.
        address: Address,
        /// Whose it is.
        whose: String,
    },
    /// An object that holds data is gone.
    #[error("{address} holds data and was deleted outside hybridctl (it was `{id}`)")]
    DataGone {
        /// Which resource.
        address: Address,
        /// What AWS called it.
        id: Id,
        /// The config field that fills a new one with old data, if the kind has one.
        restored_by: Option<&'static str>,
    },
    /// A change would replace an object that holds data.
    #[error("{address} holds data and cannot be replaced ({fields} cannot change in place)")]
    DataReplaced {
        /// Which resource.
        address: Address,
        /// The fields, joined by commas.
        fields: String,
    },
    /// An object that holds data would be deleted because the config does not want it any more.
    #[error("{address} holds data and would be deleted")]
    DataDeleted {
        /// Which resource.
        address: Address,
    },
    /// An object that holds data can never be used again.
    #[error("{address} holds data and is in the state `{word}`")]
    DataFailed {
        /// Which resource.
        address: Address,
        /// AWS's word.
        word: String,
    },
    /// AWS refuses the delete while protection is on.
    #[error("{address} is protected against deletion")]
    Protected {
        /// Which resource.
        address: Address,
    },
    /// Old and new cannot exist together, and something that stays holds the old one.
    #[error("{address} cannot be replaced while {user} stays in it: old and new cannot exist together")]
    Held {
        /// Which resource.
        address: Address,
        /// Who holds it.
        user: Address,
    },
    /// The record or the graph is beyond this version.
    #[error("{0}")]
    Broken(String),
}
