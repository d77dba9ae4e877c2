//! Objects that stand where ours is on record, and are not ours.

use crate::aws::tags;
use crate::resource::{Id, Observed, Spec};
use uuid::Uuid;

/// Why what was read under this id is not ours: it carries another lineage, whatever our document says; or it has no tag of ours,
/// where the id says nothing: somebody made it after ours was deleted.
pub(super) fn whose(id: &Id, observed: &Observed, spec: &Spec, lineage: Uuid) -> Option<String> {
    if is_anothers(observed, spec) {
        return Some(format!("`{id}` is on record, but what has that name now was not made by hybridctl"));
    }
    let carried = observed.tags.as_ref()?.get(tags::LINEAGE)?;
    (*carried != lineage.to_string()).then(|| {
        format!("`{id}` is on record, but it carries the lineage {carried}: it belongs to another state document")
    })
}

/// True for something else under the name of what is on record.
pub(super) fn is_anothers(observed: &Observed, spec: &Spec) -> bool {
    spec.id_from_name && observed.tags.as_ref().is_some_and(tags::are_anothers)
}
