//! The surroundings of one operation. Small on purpose, so that it can be faked and reasoned about.

use super::{Id, Tags};
use crate::aws::Aws;
use crate::model::Address;
use crate::state::Recorded;
use secrecy::SecretString;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use uuid::Uuid;

/// What a kind may know and use while it carries out one operation.
pub struct Scope<'a> {
    /// The AWS clients.
    pub aws: &'a Aws,
    /// The deployment's name, prefix of every physical name.
    pub deployment: &'a str,
    /// Identifies the state document: two people who both call theirs `zenml-hybrid` never adopt each other's objects.
    pub lineage: Uuid,
    /// Which resource this is.
    pub address: &'a Address,
    /// The incarnation: client token of this create, and the tag that tells old and new of a replacement apart. 32 hex digits.
    pub token: &'a str,
    /// The `Name` tag.
    pub label: &'a str,
    /// The config's own tags.
    pub user_tags: &'a Tags,
    /// Since when the document has something on record; `None`: this deployment begins now.
    pub since: Option<jiff::Timestamp>,
    /// What is on record of this resource, if anything.
    pub recorded: Option<&'a Recorded>,
    /// What is being applied just now, with every reference resolved; `None` when a plan only looks. A kind whose change can
    /// fail by itself (a rollout that ECS rolls back) judges its phase by this.
    pub want: Option<&'a Value>,
    /// Ids on record for this address, deposed ones included: `find` must not return them for a new incarnation.
    pub known_ids: &'a [Id],
    /// Secret values that the user gave.
    pub provided: &'a Provided,
    /// What the user has agreed to.
    pub consents: &'a Consents,
    /// What the kind keeps from one call of this operation to the next.
    pub memo: &'a Memo,
    /// Takes a line for the user.
    pub notes: &'a dyn Fn(String),
}

impl Scope<'_> {
    /// All tags the object should carry: ownership, `Name`, and the config's own.
    pub fn tags(&self) -> Tags {
        crate::aws::tags::wanted(self.deployment, self.lineage, self.address, self.token, self.label, self.user_tags)
    }

    /// `prefix-1a2b3c`: a name that changes with every incarnation, for kinds whose old and new object must coexist
    /// under a name that AWS wants unique.
    pub fn suffixed(&self, prefix: &str) -> String {
        // A plan looks for what is there without an incarnation of its own: then the name is one that nothing has.
        format!("{prefix}-{}", self.token.get(..6).unwrap_or("000000"))
    }

    /// Tells the user something about this operation.
    pub fn note(&self, line: impl Into<String>) {
        (self.notes)(line.into());
    }
}

/// What a kind keeps from one call of an operation to the next, and no longer: which rollout its own update started. A crash
/// loses it. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Memo(Rc<RefCell<BTreeMap<&'static str, Value>>>);

impl Memo {
    /// Keeps a value under this name, and returns the one before.
    pub fn keep(&self, name: &'static str, value: Value) -> Option<Value> {
        self.0.borrow_mut().insert(name, value)
    }

    /// The value of this name.
    pub fn kept(&self, name: &'static str) -> Option<Value> {
        self.0.borrow().get(name).cloned()
    }
}

/// Stands for a fingerprint in a plan that was made before there was a key.
pub const NO_FINGERPRINT: &str = "00000000000000000000000000000000";

/// Secret values from outside (environment, file), and the key under which their fingerprints are made.
#[derive(Default)]
pub struct Provided {
    values: BTreeMap<String, SecretString>,
    /// `None`: nothing was ever stored here, and this command stores nothing.
    key: Option<Vec<u8>>,
}

/// Names only: the key of the fingerprints is as secret as the values.
impl std::fmt::Debug for Provided {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

impl Provided {
    /// With this key for fingerprints; it lies in the state folder, readable by the owner only.
    pub fn new(key: Vec<u8>) -> Self {
        Self { values: BTreeMap::new(), key: Some(key) }
    }

    /// Adds a value under the name that inputs refer to it by (`oauth2_client_secret`).
    pub fn insert(&mut self, name: &str, value: SecretString) {
        self.values.insert(name.to_owned(), value);
    }

    /// The value of this name, if it was given.
    pub fn get(&self, name: &str) -> Option<&SecretString> {
        self.values.get(name)
    }

    /// A keyed fingerprint of the value, 32 hex digits: tells whether it changed, and nothing about it. [`NO_FINGERPRINT`] if
    /// there is no key yet.
    pub fn fingerprint(&self, name: &str) -> Option<String> {
        use hmac::{Hmac, KeyInit, Mac};
        use secrecy::ExposeSecret;
        let value = self.values.get(name)?;
        let Some(key) = &self.key else { return Some(NO_FINGERPRINT.to_owned()) };
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key).expect("because HMAC takes a key of any length");
        mac.update(value.expose_secret().as_bytes());
        let digest = mac.finalize().into_bytes();
        Some(digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect())
    }
}

/// What the user has agreed to, beyond approving the plan.
#[derive(Debug, Clone, Default)]
pub struct Consents {
    /// Addresses whose data may be lost.
    pub data_loss: BTreeSet<Address>,
    /// Deletion protection may be lifted.
    pub disable_protection: bool,
    /// The endpoint and the security group that GuardDuty put into the VPC may be deleted with it.
    pub delete_guardduty: bool,
}

impl Consents {
    /// True if the data of this resource may be lost.
    pub fn may_lose(&self, address: &Address) -> bool {
        self.data_loss.contains(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::catch_unwind;

    #[test]
    fn a_panic_with_secrets_in_scope_tells_none_of_them() {
        const VALUE: &str = "c4n4ry-0123456789";
        let told = catch_unwind(|| {
            let mut provided = Provided::new(vec![201; 32]);
            provided.insert("oauth2_client_secret", SecretString::from(VALUE.to_owned()));
            let value = provided.get("oauth2_client_secret");
            let failed: std::result::Result<(), _> = Err((value, &provided));
            panic!("{provided:?} {value:?} {failed:#?} {}", failed.map_err(|held| format!("{held:?}")).unwrap_err());
        });
        let told = told.unwrap_err().downcast::<String>().unwrap();
        assert!(told.contains("oauth2_client_secret"), "{told}");
        assert!(!told.contains(VALUE) && !told.contains("201"), "{told}");
    }
}
