//! A secret whose value hybridctl makes up. <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html>
//!
//! Settles at once. The value comes from the operating system's generator, lives in memory for the one call, and is never made
//! a second time: an update does not touch it, a deletion that was undone keeps it. A create that was interrupted and is repeated
//! carries the same token with another value, which AWS refuses; `find` then knows the first one again.

use super::secret::{self, Outputs, SecretArn};
use crate::model::{Handle, Output};
use crate::resource::actions::{Actions, TAGS, update_of};
use crate::resource::{Changed, Error, Field, Found, Id, Live, Repeat, Resource, Result, Scope};
use secrecy::SecretString;
use secrecy::zeroize::Zeroize;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How the value is spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// 32 letters and digits, 190 bits: a database password needs no escaping in a URL, and RDS refuses `/`, `"`, `@`.
    Alphanumeric32,
    /// 64 hex digits, 256 bits: a signing or encryption key.
    Hex64,
}

/// A value that hybridctl makes up once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GeneratedSecret {
    /// `zenml/rds/password`. Must not end in a hyphen and six characters: AWS appends that itself.
    pub name: String,
    /// For people.
    pub description: String,
    /// How the value is spelled.
    pub format: Format,
}

impl Handle<GeneratedSecret> {
    /// The full ARN.
    pub fn secret_arn(&self) -> Output<SecretArn> {
        self.output("secret_arn")
    }

    /// Id of the version that is current.
    pub fn version_id(&self) -> Output<String> {
        self.output("version_id")
    }
}

impl Resource for GeneratedSecret {
    const KIND: &'static str = "secrets.generated";
    const FIELDS: &'static [Field] =
        &[Field::replace("name"), Field::update("description"), Field::create_only("format").unread()];
    const REPEAT: Repeat = Repeat::Collides;
    const EXPECTED: Duration = Duration::from_secs(1);
    const ACTIONS: Actions = Actions {
        reads: &["secretsmanager:DescribeSecret", "secretsmanager:ListSecrets"],
        creates: &["secretsmanager:CreateSecret", "secretsmanager:TagResource"],
        restores: &[
            "secretsmanager:RestoreSecret",
            "secretsmanager:TagResource",
            "secretsmanager:UntagResource",
            "secretsmanager:UpdateSecret",
        ],
        updates: &[
            update_of("secretsmanager:TagResource", &[TAGS]),
            update_of("secretsmanager:UntagResource", &[TAGS]),
            update_of("secretsmanager:UpdateSecret", &["description"]),
        ],
        deletes: &["secretsmanager:DeleteSecret"],
        ..Actions::NONE
    };
    type Outputs = Outputs;

    async fn find(scope: &Scope<'_>, want: &Self) -> Result<Found> {
        secret::find(scope, &want.name).await
    }

    async fn read(scope: &Scope<'_>, id: &Id) -> Result<Option<Live<Self>>> {
        Ok(secret::read(scope, id).await?.map(|secret| {
            let outputs = secret.outputs();
            let inputs = Self { name: secret.name, description: secret.description, format: Format::Alphanumeric32 };
            Live::ready(inputs, outputs, secret.tags)
        }))
    }

    async fn create(scope: &Scope<'_>, want: &Self) -> Result<Id> {
        secret::create(scope, &want.name, &want.description, &generate(want.format)?, None).await
    }

    async fn update(scope: &Scope<'_>, id: &Id, want: &Self, changed: &Changed) -> Result<()> {
        secret::update(scope, id, &want.description, changed).await
    }

    async fn delete(scope: &Scope<'_>, id: &Id) -> Result<()> {
        secret::delete(scope, id).await
    }

    async fn restore(scope: &Scope<'_>, id: &Id) -> Result<()> {
        secret::restore(scope, id).await
    }
}

fn generate(format: Format) -> Result<SecretString> {
    match format {
        Format::Alphanumeric32 => {
            spelled(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 32, &mut random)
        }
        Format::Hex64 => spelled(b"0123456789abcdef", 64, &mut random),
    }
}

fn random(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|error| Error::terminal(format!("the system gives no random bytes: {error}")))
}

/// `length` characters, each equally likely: a byte beyond the last full round of the alphabet is thrown away, because the
/// remainder would favour the first characters.
fn spelled(alphabet: &[u8], length: usize, fill: &mut dyn FnMut(&mut [u8]) -> Result<()>) -> Result<SecretString> {
    let fair = 256 - 256 % alphabet.len();
    // With its full capacity from the start, so that no copy is left behind by growing.
    let mut text = String::with_capacity(length);
    let mut bytes = [0; 64];
    while text.len() < length {
        fill(&mut bytes)?;
        let usable = bytes.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < fair);
        text.extend(usable.take(length - text.len()).map(|byte| char::from(alphabet[byte % alphabet.len()])));
    }
    bytes.zeroize();
    Ok(SecretString::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;
    use std::collections::BTreeMap;

    #[test]
    fn every_value_is_another_one_of_the_right_shape() {
        let password = generate(Format::Alphanumeric32).unwrap();
        let key = generate(Format::Hex64).unwrap();
        assert_eq!(password.expose_secret().len(), 32);
        assert!(password.expose_secret().bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_eq!(key.expose_secret().len(), 64);
        assert!(key.expose_secret().bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_ne!(key.expose_secret(), generate(Format::Hex64).unwrap().expose_secret());
    }

    #[test]
    fn every_character_is_equally_likely() {
        let mut next = 0u8;
        let mut counting = |bytes: &mut [u8]| {
            bytes.fill_with(|| {
                next = next.wrapping_add(1);
                next
            });
            Ok(())
        };
        let text = spelled(b"abcde", 255 * 4, &mut counting).unwrap();
        let mut seen = BTreeMap::new();
        text.expose_secret().chars().for_each(|c| *seen.entry(c).or_insert(0) += 1);
        assert!(seen.values().all(|count| *count == 255 * 4 / 5), "{seen:?}");
    }
}
