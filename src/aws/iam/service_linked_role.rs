//! The role that an AWS service uses in this account.
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateServiceLinkedRole.html>
//!
//! Read back at once. The whole account shares it: made if absent, never changed, and a delete only forgets it. Services
//! make their own on first use, but that first use fails meanwhile ("Unable to assume the service linked role"), hence this
//! kind. A role that is there makes a create fail with `InvalidInput` "has been taken": that is success. The role is known
//! by its path `/aws-service-role/<service>/`; its name follows no rule.

use crate::aws::Aws;
use crate::model::{Handle, Output};
use crate::resource::actions::Actions;
use crate::resource::{Changed, Class, Field, Found, Id, Life, Live, Repeat, Resource, Result, Scope};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const PATH: &str = "/aws-service-role/";

/// The account's role for one service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceLinkedRole {
    /// `ecs.amazonaws.com`.
    pub service: String,
}

/// What others may use.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outputs {
    /// `arn:aws:iam::123456789012:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS`.
    pub role_arn: String,
}

impl Handle<ServiceLinkedRole> {
    /// `arn:aws:iam::123456789012:role/aws-service-role/…`.
    pub fn role_arn(&self) -> Output<String> {
        self.output("role_arn")
    }
}

impl Resource for ServiceLinkedRole {
    const KIND: &'static str = "iam.service_linked_role";
    const FIELDS: &'static [Field] = &[Field::replace("service")];
    const REPEAT: Repeat = Repeat::Collides;
    const LIFE: Life = Life::Account;
    const TAGGED: bool = false;
    const ACTIONS: Actions =
        Actions { reads: &["iam:ListRoles"], creates: &["iam:CreateServiceLinkedRole"], ..Actions::NONE };
    type Outputs = Outputs;

    async fn find(scope: &Scope<'_>, want: &Self) -> Result<Found> {
        let there = role_arn(scope.aws, &want.service).await?.is_some();
        Ok(if there { Found::Ours(want.service.as_str().into()) } else { Found::None })
    }

    async fn read(scope: &Scope<'_>, id: &Id) -> Result<Option<Live<Self>>> {
        let found = role_arn(scope.aws, &id.0).await?;
        Ok(found.map(|role_arn| Live::untagged(Self { service: id.0.clone() }, Outputs { role_arn })))
    }

    async fn create(scope: &Scope<'_>, want: &Self) -> Result<Id> {
        let aws = scope.aws;
        let call = aws.iam().create_service_linked_role().aws_service_name(&want.service);
        match aws.call("iam:CreateServiceLinkedRole", call.send()).await {
            Err(error) if error.class != Class::Exists => Err(error),
            _ => Ok(want.service.as_str().into()),
        }
    }

    async fn update(_scope: &Scope<'_>, _id: &Id, _want: &Self, _changed: &Changed) -> Result<()> {
        Ok(())
    }

    async fn delete(_scope: &Scope<'_>, _id: &Id) -> Result<()> {
        Ok(())
    }
}

struct ServiceLinkedRoles;

/// All services asked for in one turn are one listing.
async fn role_arn(aws: &Aws, service: &str) -> Result<Option<String>> {
    let (client, log) = (aws.iam().clone(), aws.log());
    let batch = aws.batches.of::<ServiceLinkedRoles, String, String>();
    batch
        .get(service.to_owned(), move |_| async move {
            let (mut arns, mut marker) = (BTreeMap::new(), None);
            loop {
                let call = client.list_roles().path_prefix(PATH).max_items(1000).set_marker(marker);
                let page = log.call("iam:ListRoles", call.send()).await?;
                for role in page.roles {
                    let service = role.path.strip_prefix(PATH).map(|rest| rest.trim_end_matches('/').to_owned());
                    arns.extend(service.map(|service| (service, role.arn)));
                }
                marker = page.marker.filter(|_| page.is_truncated);
                if marker.is_none() {
                    return Ok(arns);
                }
            }
        })
        .await
}
