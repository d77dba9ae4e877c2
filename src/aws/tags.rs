//! Ownership tags: how hybridctl knows its own objects again.
//!
//! Four tags go into every create call that takes tags: deployment, lineage (the state document), address and incarnation.
//! Equal *names* prove nothing; an object is ours only if lineage and address match.

use crate::model::Address;
use crate::resource::{Found, Id, Scope, Tags};
use uuid::Uuid;

/// The deployment's name.
pub const DEPLOYMENT: &str = "hybridctl:deployment";
/// The state document's uuid.
pub const LINEAGE: &str = "hybridctl:lineage";
/// `kind/name`.
pub const ADDRESS: &str = "hybridctl:address";
/// The token of the create that made it.
pub const INCARNATION: &str = "hybridctl:incarnation";

/// True if nothing says that hybridctl made it. One tag of ours may have been removed by hand; not all of them.
pub fn are_anothers(tags: &Tags) -> bool {
    ![DEPLOYMENT, LINEAGE, ADDRESS, INCARNATION].iter().any(|key| tags.contains_key(*key))
}

/// All tags of an object: ownership, `Name`, and the config's own.
pub fn wanted(deployment: &str, lineage: Uuid, address: &Address, token: &str, label: &str, user_tags: &Tags) -> Tags {
    let mut tags = user_tags.clone();
    for (key, value) in [
        (DEPLOYMENT, deployment.to_owned()),
        (LINEAGE, lineage.to_string()),
        (ADDRESS, address.to_string()),
        (INCARNATION, token.to_owned()),
        ("Name", label.to_owned()),
    ] {
        tags.insert(key.to_owned(), value);
    }
    tags
}

/// Tags from any SDK's tag type: pass an iterator of (key, value).
pub fn from_pairs<K: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (K, V)>) -> Tags {
    pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect()
}

/// True if an object with these tags belongs to this state document.
pub fn are_of(lineage: Uuid, tags: &Tags) -> bool {
    tags.get(LINEAGE) == Some(&lineage.to_string())
}

/// True if an object with these tags belongs to this resource of this state document.
pub fn are_ours(scope: &Scope<'_>, tags: &Tags) -> bool {
    are_of(scope.lineage, tags) && tags.get(ADDRESS) == Some(&scope.address.to_string())
}

/// Whose an object is, in words, for one that is not ours.
pub fn owner(tags: &Tags) -> String {
    match (tags.get(DEPLOYMENT), tags.get(LINEAGE), tags.get(ADDRESS)) {
        (Some(deployment), Some(lineage), Some(address)) => {
            format!("it belongs to {address} of the deployment `{deployment}` with lineage {lineage}")
        }
        _ => "it was not made by hybridctl".to_owned(),
    }
}

/// Which of the objects found by tag is the one this operation looks for: the interrupted create's own incarnation, else
/// one that is on no record. The recorded object and its deposed predecessors are left out: during a replacement they carry
/// the same address.
pub fn pick(scope: &Scope<'_>, candidates: impl IntoIterator<Item = (Id, Tags)>) -> Found {
    let mut unrecorded = None;
    for (id, tags) in candidates {
        if !are_ours(scope, &tags) || scope.known_ids.contains(&id) {
            continue;
        }
        if tags.get(INCARNATION).map(String::as_str) == Some(scope.token) {
            return Found::Ours(id);
        }
        unrecorded = Some(id);
    }
    unrecorded.map_or(Found::None, Found::Ours)
}

/// For kinds with a unique name: ours if the tags say so, else the name is taken by a stranger.
/// `what` names the object, for example ``the role `zenml-hybrid-task` ``.
pub fn ours_or_foreign(scope: &Scope<'_>, what: &str, id: Id, tags: &Tags) -> Found {
    if are_ours(scope, tags) {
        return Found::Ours(id);
    }
    Found::Foreign(format!("{what} exists already: {}", owner(tags)))
}
