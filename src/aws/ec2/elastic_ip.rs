//! A public IPv4 address. <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AllocateAddress.html>
//!
//! Settles at once; billed from the first minute, used or not. AllocateAddress has neither client token nor unique name: a
//! repeated call leaves a second, billed address, so transport retries are off and an interrupted create looks by tag first.
//! Five per region is the default quota, the most common failure of a first run. Releasing is refused with
//! `InvalidIPAddress.InUse` while a NAT gateway holds the address, or with `AuthFailure`, even seconds after the gateway
//! reads `deleted`. A repeated release may meet the same code because somebody else got the address meanwhile: then it is
//! no longer ours and the release is done.

use super::{holders, tagging};
use crate::aws::{Aws, tags};
use crate::model::{Handle, Output};
use crate::resource::actions::{Actions, TAGS, update_of};
use crate::resource::{Changed, Class, Field, Found, Holder, Id, Live, Repeat, Resource, Result, Scope};
use aws_sdk_ec2::types::{self, DomainType, ResourceType};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `eipalloc-0abc…`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AllocationId(pub String);

/// A public address of our own. It has no settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ElasticIp {}

/// What others may use.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outputs {
    /// `eipalloc-0abc…`.
    pub allocation_id: AllocationId,
    /// `203.0.113.7`, what outside systems see.
    pub public_ip: String,
}

impl Handle<ElasticIp> {
    /// `eipalloc-0abc…`.
    pub fn allocation_id(&self) -> Output<AllocationId> {
        self.output("allocation_id")
    }

    /// `203.0.113.7`.
    pub fn public_ip(&self) -> Output<String> {
        self.output("public_ip")
    }
}

impl Resource for ElasticIp {
    const KIND: &'static str = "ec2.elastic_ip";
    const FIELDS: &'static [Field] = &[];
    const REPEAT: Repeat = Repeat::Duplicates;
    const ACTIONS: Actions = Actions {
        reads: &["ec2:DescribeAddresses"],
        creates: &["ec2:AllocateAddress", "ec2:CreateTags"],
        updates: &[update_of("ec2:CreateTags", &[TAGS]), update_of("ec2:DeleteTags", &[TAGS])],
        deletes: &["ec2:ReleaseAddress"],
        seldom: &["ec2:DescribeNatGateways", "ec2:DescribeNetworkInterfaces"],
        ..Actions::NONE
    };
    type Outputs = Outputs;

    async fn find(scope: &Scope<'_>, _want: &Self) -> Result<Found> {
        let aws = scope.aws;
        let call = aws.ec2().describe_addresses().set_filters(Some(tagging::ours(scope)));
        let found = aws.call("ec2:DescribeAddresses", call.send()).await?;
        let candidates = found.addresses().iter().map(|address| {
            (address.allocation_id().unwrap_or_default().into(), tagging::read(address.tags.as_deref()))
        });
        Ok(tags::pick(scope, candidates))
    }

    async fn read(scope: &Scope<'_>, id: &Id) -> Result<Option<Live<Self>>> {
        Ok(describe(scope.aws, id).await?.map(|address| {
            let outputs =
                Outputs { allocation_id: AllocationId(id.0.clone()), public_ip: address.public_ip.unwrap_or_default() };
            Live::ready(Self {}, outputs, tagging::read(address.tags.as_deref()))
        }))
    }

    async fn create(scope: &Scope<'_>, _want: &Self) -> Result<Id> {
        let aws = scope.aws;
        let call = aws
            .ec2()
            .allocate_address()
            .domain(DomainType::Vpc)
            .tag_specifications(tagging::specification(scope, ResourceType::ElasticIp));
        let made = aws.call("ec2:AllocateAddress", call.send()).await?;
        Ok(made.allocation_id.unwrap_or_default().into())
    }

    async fn update(scope: &Scope<'_>, id: &Id, _want: &Self, changed: &Changed) -> Result<()> {
        tagging::apply(scope.aws, &id.0, changed.tags.as_ref()).await
    }

    async fn delete(scope: &Scope<'_>, id: &Id) -> Result<()> {
        let aws = scope.aws;
        let call = aws.ec2().release_address().allocation_id(&id.0);
        match aws.call("ec2:ReleaseAddress", call.send()).await {
            Err(error) if error.is("AuthFailure") => match describe(aws, id).await? {
                None => Ok(()),
                // The describe was allowed, so the credentials are good and the address is still held.
                Some(_) => Err(error.in_class(Class::Busy)),
            },
            released => released.map(drop),
        }
    }

    async fn holders(scope: &Scope<'_>, id: &Id) -> Result<Vec<Holder>> {
        let found = describe(scope.aws, id).await?;
        match found.as_ref().and_then(|address| address.network_interface_id()) {
            Some(interface) => holders::of_address_on(scope, interface).await,
            None => Ok(vec![]),
        }
    }
}

struct Addresses;

async fn describe(aws: &Aws, id: &Id) -> Result<Option<types::Address>> {
    let (client, log) = (aws.ec2().clone(), aws.log());
    let batch = aws.batches.of::<Addresses, String, types::Address>();
    batch
        .get(id.0.clone(), move |ids| async move {
            let call = client.describe_addresses().filters(tagging::filter("allocation-id", ids));
            let found = log.call("ec2:DescribeAddresses", call.send()).await?;
            let named = |address: types::Address| address.allocation_id.clone().map(|id| (id, address));
            Ok(found.addresses.unwrap_or_default().into_iter().filter_map(named).collect::<BTreeMap<_, _>>())
        })
        .await
}
