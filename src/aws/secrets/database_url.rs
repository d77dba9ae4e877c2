//! The database's URL with its password, as the guide's variable wants it.
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html>
//!
//! Settles at once. The value is composed inside `create` and `update`, from the password's secret and plain parts. AWS tells
//! nothing of the parts, so they are compared with the record; storing the same URL again makes no new version.

use super::secret::{self, Outputs, SecretArn};
use crate::model::{Handle, Input, Output};
use crate::resource::actions::{Actions, TAGS, update_of};
use crate::resource::{Changed, Field, Found, Id, Live, Repeat, Resource, Result, Scope};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// `mysql://user:password@host:port/database`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DatabaseUrl {
    /// `zenml/rds/database-url`. Must not end in a hyphen and six characters: AWS appends that itself.
    pub name: String,
    /// For people.
    pub description: String,
    /// The secret that holds the password.
    pub password_secret_arn: Input<SecretArn>,
    /// Which version of it.
    pub password_version: Input<String>,
    /// Database user.
    pub username: String,
    /// Host name without port.
    pub host: Input<String>,
    /// TCP port.
    pub port: u16,
    /// Name of the database.
    pub database: String,
}

impl Handle<DatabaseUrl> {
    /// The full ARN.
    pub fn secret_arn(&self) -> Output<SecretArn> {
        self.output("secret_arn")
    }

    /// Id of the version that is current.
    pub fn version_id(&self) -> Output<String> {
        self.output("version_id")
    }
}

const PARTS: [&str; 6] = ["password_secret_arn", "password_version", "username", "host", "port", "database"];

const fn part(name: &'static str) -> Field {
    Field::update(name).unread().changes(&["version_id"])
}

impl Resource for DatabaseUrl {
    const KIND: &'static str = "secrets.database_url";
    const FIELDS: &'static [Field] = &[
        Field::replace("name"),
        Field::update("description"),
        part("password_secret_arn"),
        part("password_version"),
        part("username"),
        part("host"),
        part("port"),
        part("database"),
    ];
    const REPEAT: Repeat = Repeat::Collides;
    const EXPECTED: Duration = Duration::from_secs(1);
    const ACTIONS: Actions = Actions {
        reads: &["secretsmanager:DescribeSecret", "secretsmanager:ListSecrets"],
        creates: &["secretsmanager:CreateSecret", "secretsmanager:GetSecretValue", "secretsmanager:TagResource"],
        restores: &[
            "secretsmanager:GetSecretValue",
            "secretsmanager:PutSecretValue",
            "secretsmanager:RestoreSecret",
            "secretsmanager:TagResource",
            "secretsmanager:UntagResource",
            "secretsmanager:UpdateSecret",
        ],
        updates: &[
            update_of("secretsmanager:GetSecretValue", &PARTS),
            update_of("secretsmanager:PutSecretValue", &PARTS),
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
            let inputs = Self {
                name: secret.name,
                description: secret.description,
                password_secret_arn: SecretArn(String::new()).into(),
                password_version: String::new().into(),
                username: String::new(),
                host: String::new().into(),
                port: 0,
                database: String::new(),
            };
            Live::ready(inputs, outputs, secret.tags)
        }))
    }

    async fn create(scope: &Scope<'_>, want: &Self) -> Result<Id> {
        let url = want.compose(scope).await?;
        secret::create(scope, &want.name, &want.description, &url, Some(&want.origin()?)).await
    }

    async fn update(scope: &Scope<'_>, id: &Id, want: &Self, changed: &Changed) -> Result<()> {
        if changed.any(&PARTS) {
            secret::put(scope, id, &want.compose(scope).await?, &want.origin()?).await?;
        }
        secret::update(scope, id, &want.description, changed).await
    }

    async fn delete(scope: &Scope<'_>, id: &Id) -> Result<()> {
        secret::delete(scope, id).await
    }

    async fn restore(scope: &Scope<'_>, id: &Id) -> Result<()> {
        secret::restore(scope, id).await
    }

    /// The id of the version tells from which parts it was composed.
    fn unread_is(want: &Self, _live: &Self, outputs: Option<&Outputs>) -> bool {
        let stored = outputs.and_then(|outputs| secret::origin(&outputs.version_id));
        stored.is_some() && want.origin().ok().as_deref() == stored
    }
}

impl DatabaseUrl {
    async fn compose(&self, scope: &Scope<'_>) -> Result<SecretString> {
        let password = secret::value(scope.aws, self.password_secret_arn.get()?, self.password_version.get()?).await?;
        let (host, port) = (self.host.get()?, self.port);
        Ok(url(&self.username, &password, host, port, &self.database))
    }

    fn origin(&self) -> Result<String> {
        let (arn, version) = (self.password_secret_arn.get()?, self.password_version.get()?);
        let (host, port) = (self.host.get()?, self.port.to_string());
        Ok(secret::digest(&[&arn.0, version, &self.username, host, &port, &self.database]))
    }
}

fn url(username: &str, password: &SecretString, host: &str, port: u16, database: &str) -> SecretString {
    // Room for the worst case, so that no copy is left behind by growing.
    let room = 32 + host.len() + 3 * (username.len() + password.expose_secret().len() + database.len());
    let mut url = String::with_capacity(room);
    url.push_str("mysql://");
    escape(username, &mut url);
    url.push(':');
    escape(password.expose_secret(), &mut url);
    url.push_str(&format!("@{host}:{port}/"));
    escape(database, &mut url);
    // A boxed text has no spare capacity: this copy is the last one, and the first is wiped.
    let secret = SecretString::from(url.as_str());
    secrecy::zeroize::Zeroize::zeroize(&mut url);
    secret
}

/// Everything but the characters that no part of a URL gives a meaning to.
fn escape(text: &str, into: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => into.push(char::from(byte)),
            _ => into.push_str(&format!("%{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_with_a_meaning_in_urls_is_escaped() {
        let url = url("zenml", &"a b/c@d:é".into(), "db.example", 3306, "zenml_hybrid");
        assert_eq!(url.expose_secret(), "mysql://zenml:a%20b%2Fc%40d%3A%C3%A9@db.example:3306/zenml_hybrid");
    }
}
