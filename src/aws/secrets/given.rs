//! A secret whose value the user gives. <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html>
//!
//! Settles at once. The value never is in the graph: `source` says where to take it, `fingerprint` stands for it. A value put by
//! hand, or one from before a deletion that was undone, shows as another fingerprint. ECS reads secrets only when a task
//! starts: a new version needs a new task definition, which follows from the output `version_id`.

use super::secret::{self, Outputs, SecretArn};
use crate::model::{Handle, Output};
use crate::resource::actions::{Actions, TAGS, update_of};
use crate::resource::{Changed, Error, Field, Found, Id, Live, Repeat, Resource, Result, Scope};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A value that the user gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GivenSecret {
    /// `zenml/pro/oauth2-client-secret`. Must not end in a hyphen and six characters: AWS appends that itself.
    pub name: String,
    /// For people.
    pub description: String,
    /// The key of the value among the provided ones, `oauth2_client_secret`.
    pub source: String,
    /// Keyed fingerprint of the value, 32 hex digits. `None`: no value was given, what is stored is kept.
    pub fingerprint: Option<String>,
}

impl Handle<GivenSecret> {
    /// The full ARN.
    pub fn secret_arn(&self) -> Output<SecretArn> {
        self.output("secret_arn")
    }

    /// Id of the version that is current.
    pub fn version_id(&self) -> Output<String> {
        self.output("version_id")
    }
}

impl Resource for GivenSecret {
    const KIND: &'static str = "secrets.given";
    const FIELDS: &'static [Field] = &[
        Field::replace("name"),
        Field::update("description"),
        Field::create_only("source").unread(),
        Field::update("fingerprint").changes(&["version_id"]),
    ];
    const REPEAT: Repeat = Repeat::Collides;
    const EXPECTED: Duration = Duration::from_secs(1);
    const ACTIONS: Actions = Actions {
        reads: &["secretsmanager:DescribeSecret", "secretsmanager:ListSecrets"],
        creates: &["secretsmanager:CreateSecret", "secretsmanager:TagResource"],
        restores: &[
            "secretsmanager:PutSecretValue",
            "secretsmanager:RestoreSecret",
            "secretsmanager:TagResource",
            "secretsmanager:UntagResource",
            "secretsmanager:UpdateSecret",
        ],
        updates: &[
            update_of("secretsmanager:PutSecretValue", &["fingerprint"]),
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
            let fingerprint = secret::origin(&secret.version_id).map(str::to_owned);
            let inputs =
                Self { name: secret.name, description: secret.description, source: String::new(), fingerprint };
            Live::ready(inputs, outputs, secret.tags)
        }))
    }

    async fn create(scope: &Scope<'_>, want: &Self) -> Result<Id> {
        let value = given(scope, want)?;
        secret::create(scope, &want.name, &want.description, value, want.fingerprint.as_deref()).await
    }

    async fn update(scope: &Scope<'_>, id: &Id, want: &Self, changed: &Changed) -> Result<()> {
        if changed.has("fingerprint")
            && let Some(fingerprint) = &want.fingerprint
        {
            secret::put(scope, id, given(scope, want)?, fingerprint).await?;
        }
        secret::update(scope, id, &want.description, changed).await
    }

    async fn delete(scope: &Scope<'_>, id: &Id) -> Result<()> {
        secret::delete(scope, id).await
    }

    async fn restore(scope: &Scope<'_>, id: &Id) -> Result<()> {
        secret::restore(scope, id).await
    }
}

/// The value, if it is the one that the plan was made with.
fn given<'a>(scope: &Scope<'a>, want: &GivenSecret) -> Result<&'a SecretString> {
    let GivenSecret { name, source, fingerprint, .. } = want;
    let Some(value) = scope.provided.get(source) else {
        return Err(Error::terminal(format!("the secret `{name}` needs a value for `{source}`, and none was given"))
            .hint(format!(
                "set the variable or the file that `{source}` in the config names, then run the command again"
            )));
    };
    if fingerprint.is_some() && scope.provided.fingerprint(source) != *fingerprint {
        return Err(Error::terminal(format!("the value given for `{source}` is not the one that was planned"))
            .hint("make a new plan"));
    }
    Ok(value)
}
