//! An internet gateway. <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateInternetGateway.html>
//!
//! Settles at once. CreateInternetGateway has neither client token nor unique name: a repeated call leaves a second gateway
//! that nothing uses, so transport retries are off and an interrupted create looks by tag first. A gateway does nothing until
//! `ec2.internet_gateway_attachment` ties it to a VPC; that is a kind of its own because the gateway of a half-made network
//! may exist without it, and because it can be detached only after everything with a public address is gone.

use super::tagging;
use crate::aws::{Aws, tags};
use crate::model::{Handle, Output};
use crate::resource::actions::{Actions, TAGS, update_of};
use crate::resource::{Changed, Field, Found, Holder, Id, Live, Repeat, Resource, Result, Scope};
use aws_sdk_ec2::types::{self, ResourceType};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `igw-0abc…`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InternetGatewayId(pub String);

/// The door between a VPC and the internet. It has no settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InternetGateway {}

/// What others may use. Routes take the id from the attachment instead, so that they wait for it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outputs {
    /// `igw-0abc…`.
    pub internet_gateway_id: InternetGatewayId,
}

impl Handle<InternetGateway> {
    /// `igw-0abc…`.
    pub fn internet_gateway_id(&self) -> Output<InternetGatewayId> {
        self.output("internet_gateway_id")
    }
}

impl Resource for InternetGateway {
    const KIND: &'static str = "ec2.internet_gateway";
    const FIELDS: &'static [Field] = &[];
    const REPEAT: Repeat = Repeat::Duplicates;
    const ACTIONS: Actions = Actions {
        reads: &["ec2:DescribeInternetGateways"],
        creates: &["ec2:CreateInternetGateway", "ec2:CreateTags"],
        updates: &[update_of("ec2:CreateTags", &[TAGS]), update_of("ec2:DeleteTags", &[TAGS])],
        deletes: &["ec2:DeleteInternetGateway"],
        ..Actions::NONE
    };
    type Outputs = Outputs;

    async fn find(scope: &Scope<'_>, _want: &Self) -> Result<Found> {
        let aws = scope.aws;
        let call = aws.ec2().describe_internet_gateways().set_filters(Some(tagging::ours(scope)));
        let found = aws.call("ec2:DescribeInternetGateways", call.send()).await?;
        let candidates = found.internet_gateways().iter().map(|gateway| {
            (gateway.internet_gateway_id().unwrap_or_default().into(), tagging::read(gateway.tags.as_deref()))
        });
        Ok(tags::pick(scope, candidates))
    }

    async fn read(scope: &Scope<'_>, id: &Id) -> Result<Option<Live<Self>>> {
        Ok(describe(scope.aws, &id.0).await?.map(|gateway| {
            let outputs = Outputs { internet_gateway_id: InternetGatewayId(id.0.clone()) };
            Live::ready(Self {}, outputs, tagging::read(gateway.tags.as_deref()))
        }))
    }

    async fn create(scope: &Scope<'_>, _want: &Self) -> Result<Id> {
        let aws = scope.aws;
        let tags = tagging::specification(scope, ResourceType::InternetGateway);
        let call = aws.ec2().create_internet_gateway().tag_specifications(tags);
        let made = aws.call("ec2:CreateInternetGateway", call.send()).await?;
        Ok(made.internet_gateway.and_then(|gateway| gateway.internet_gateway_id).unwrap_or_default().into())
    }

    async fn update(scope: &Scope<'_>, id: &Id, _want: &Self, changed: &Changed) -> Result<()> {
        tagging::apply(scope.aws, &id.0, changed.tags.as_ref()).await
    }

    async fn delete(scope: &Scope<'_>, id: &Id) -> Result<()> {
        let aws = scope.aws;
        let call = aws.ec2().delete_internet_gateway().internet_gateway_id(&id.0);
        aws.call("ec2:DeleteInternetGateway", call.send()).await.map(drop)
    }

    async fn holders(scope: &Scope<'_>, id: &Id) -> Result<Vec<Holder>> {
        let found = describe(scope.aws, &id.0).await?;
        let attached = found.iter().flat_map(|gateway| gateway.attachments()).filter_map(|one| one.vpc_id());
        Ok(attached.map(|vpc| Holder::ours(format!("its attachment to {vpc}"))).collect())
    }
}

struct InternetGateways;

/// The gateway with its attachments, which are a kind of their own: one call answers both.
pub(super) async fn describe(aws: &Aws, id: &str) -> Result<Option<types::InternetGateway>> {
    let (client, log) = (aws.ec2().clone(), aws.log());
    let batch = aws.batches.of::<InternetGateways, String, types::InternetGateway>();
    batch
        .get(id.to_owned(), move |ids| async move {
            let call = client.describe_internet_gateways().filters(tagging::filter("internet-gateway-id", ids));
            let found = log.call("ec2:DescribeInternetGateways", call.send()).await?;
            let named = |gateway: types::InternetGateway| gateway.internet_gateway_id.clone().map(|id| (id, gateway));
            Ok(found.internet_gateways.unwrap_or_default().into_iter().filter_map(named).collect::<BTreeMap<_, _>>())
        })
        .await
}
