//! Step 3: the secrets. Values are never here: kinds fetch or generate them inside their own calls.

use super::database::Database;
use super::facts::Facts;
use crate::aws::ecs::task_definition::SecretRef;
use crate::aws::secrets::database_url::DatabaseUrl;
use crate::aws::secrets::generated::{Format, GeneratedSecret};
use crate::aws::secrets::given::GivenSecret;
use crate::config::{Config, SecretSource};
use crate::model::{Address, Graph, Handle, Input, Keep};

/// The name under which the OAuth2 client secret's value is provided.
pub const OAUTH2: &str = "oauth2_client_secret";

/// What the other parts use of the secrets.
pub(super) struct Secrets {
    pub oauth2: SecretRef,
    pub password: Handle<GeneratedSecret>,
    pub jwt: Handle<GeneratedSecret>,
    pub encryption: Handle<GeneratedSecret>,
}

pub(super) fn declare(graph: &mut Graph, config: &Config, facts: &Facts) -> Secrets {
    let names = &config.secrets;
    graph.guide("step 3");
    let oauth2 = match &config.zenml.oauth2_client_secret {
        // A secret that somebody else looks after: its current version is used.
        SecretSource::SecretArn(arn) => SecretRef { arn: arn.clone().into(), version_id: String::new().into() },
        _ => {
            let secret = GivenSecret {
                name: names.oauth2_client_secret.clone(),
                description: "Enrollment key of the ZenML Pro workspace".into(),
                source: OAUTH2.into(),
                fingerprint: facts.oauth2_fingerprint.clone(),
            };
            let secret = graph.add("oauth2", secret);
            reference(secret.output("secret_arn").into(), secret.version_id().into())
        }
    };
    let mut generated = |name: &str, physical: &str, description: &str, format| {
        let secret = GeneratedSecret { name: physical.to_owned(), description: description.to_owned(), format };
        graph.add(name, secret)
    };
    let password = generated(
        "database-password",
        &names.database_password,
        "Password of the ZenML database user",
        Format::Alphanumeric32,
    );
    let jwt = generated("jwt-key", &names.jwt_key, "Signs the tokens of the ZenML server", Format::Hex64);
    let encryption = generated(
        "encryption-key",
        &names.encryption_key,
        "Encrypts the secrets in the ZenML database: without it they are unreadable",
        Format::Hex64,
    );
    graph.holds_data(&encryption.address);
    graph.keep(&encryption.address, Keep::WhileSnapshotOf(Address::new("rds.instance", "main")));
    Secrets { oauth2, password, jwt, encryption }
}

/// The guide's own variable carries the password inside a URL: it is a secret, composed when the database has an address.
pub(super) fn declare_guide_url(graph: &mut Graph, config: &Config, secrets: &Secrets, database: &Database) {
    if !config.zenml.guide_variables {
        return;
    }
    graph.guide("step 5");
    let url = DatabaseUrl {
        name: config.secrets.database_url.clone(),
        description: "Database URL in the form of ZenML's ECS guide".into(),
        password_secret_arn: secrets.password.secret_arn().into(),
        password_version: secrets.password.version_id().into(),
        username: config.database.username.clone(),
        host: database.instance.endpoint().into(),
        port: 3306,
        database: config.database.name.clone(),
    };
    graph.add("guide-url", url);
}

/// A generated secret as a task definition refers to it.
pub(super) fn of_generated(secret: &Handle<GeneratedSecret>) -> SecretRef {
    reference(secret.output("secret_arn").into(), secret.version_id().into())
}

/// The guide's database URL as a task definition refers to it.
pub(super) fn of_guide_url() -> SecretRef {
    let url = Handle::<DatabaseUrl>::to("guide-url");
    reference(url.output("secret_arn").into(), url.version_id().into())
}

fn reference(arn: Input<String>, version_id: Input<String>) -> SecretRef {
    SecretRef { arn, version_id }
}
