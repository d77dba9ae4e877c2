//! The IAM actions that a kind calls, told apart by what they are called for.
//!
//! A policy for everything holds them all. A plan calls a part of them, and nobody should have to grant a delete for a first `up`.

use std::collections::BTreeSet;

/// Name of the pseudo-field that stands for all tags.
pub const TAGS: &str = "tags";

/// `service:Action`, each list sorted. One action may be in several lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actions {
    /// Finding an object and reading it.
    pub reads: &'static [&'static str],
    /// Making one, with the tags that AWS wants a right of their own for, and with what is set right after the create.
    pub creates: &'static [&'static str],
    /// Bringing one back, or making one from old data, instead of `creates`.
    pub restores: &'static [&'static str],
    /// Changing one.
    pub updates: &'static [Update],
    /// Deleting one.
    pub deletes: &'static [&'static str],
    /// Only after a failure, to tell or to mend it, or with a consent of its own: no plan says that they will be called.
    pub seldom: &'static [&'static str],
}

/// An action that changes an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Update {
    /// `service:Action`.
    pub action: &'static str,
    /// The fields whose change calls it, [`TAGS`] among them; empty: all that no list names.
    pub fields: &'static [&'static str],
}

/// Called for a change of any field that has no action of its own.
pub const fn update(action: &'static str) -> Update {
    Update { action, fields: &[] }
}

/// Called for a change of these fields.
pub const fn update_of(action: &'static str, fields: &'static [&'static str]) -> Update {
    Update { action, fields }
}

impl Actions {
    /// None at all.
    pub const NONE: Self = Self { reads: &[], creates: &[], restores: &[], updates: &[], deletes: &[], seldom: &[] };

    /// All of them, each once.
    pub fn all(&self) -> BTreeSet<&'static str> {
        let lists = [self.reads, self.creates, self.restores, self.deletes, self.seldom];
        let updates = self.updates.iter().map(|update| update.action);
        lists.into_iter().flatten().copied().chain(updates).collect()
    }

    /// Those that a change of these fields calls.
    pub fn changing(&self, fields: &BTreeSet<&str>) -> BTreeSet<&'static str> {
        let named: BTreeSet<&str> =
            self.updates.iter().flat_map(|update| update.fields).copied().chain([TAGS]).collect();
        let others = fields.iter().any(|field| !named.contains(field));
        let called = self.updates.iter().filter(|update| match update.fields {
            [] => others,
            of => of.iter().any(|field| fields.contains(field)),
        });
        called.map(|update| update.action).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_calls_the_actions_of_its_fields() {
        const ACTIONS: Actions = Actions {
            updates: &[
                update("rds:ModifyDBInstance"),
                update_of("rds:RebootDBInstance", &["parameters_in_sync"]),
                update_of("rds:AddTagsToResource", &[TAGS, "password_version"]),
            ],
            ..Actions::NONE
        };
        let changing = |fields: &[&'static str]| {
            ACTIONS.changing(&fields.iter().copied().collect()).into_iter().collect::<Vec<_>>()
        };
        assert_eq!(changing(&["storage_gib"]), ["rds:ModifyDBInstance"]);
        assert_eq!(changing(&["parameters_in_sync"]), ["rds:RebootDBInstance"]);
        assert_eq!(changing(&[TAGS]), ["rds:AddTagsToResource"]);
        assert_eq!(changing(&[TAGS, "port"]), ["rds:AddTagsToResource", "rds:ModifyDBInstance"]);
    }
}
