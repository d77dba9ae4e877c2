//! The tie between an internet gateway and a VPC.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AttachInternetGateway.html>
//!
//! Settles at once. It has neither id nor tags: it belongs to its gateway, and the pair is its key. A VPC has at most one
//! gateway, so a second one is refused with `Resource.AlreadyAssociated`. Detaching is refused with `DependencyViolation`
//! ("has some mapped public address(es)") while a NAT gateway, an Elastic IP or an interface of a load balancer holds a
//! public address in the VPC; `Gateway.NotAttached` means that it is done. The API reports `available` for what the SDK
//! calls `attached`.

use super::holders;
use super::internet_gateway::{self, InternetGatewayId};
use super::vpc::VpcId;
use crate::model::{Handle, Input, Output};
use crate::resource::actions::Actions;
use crate::resource::{Changed, Field, Found, Holder, Id, Live, Phase, Repeat, Resource, Result, Scope};
use aws_sdk_ec2::types::{self, AttachmentStatus};
use serde::{Deserialize, Serialize};

/// An internet gateway attached to a VPC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InternetGatewayAttachment {
    /// The gateway.
    pub internet_gateway_id: Input<InternetGatewayId>,
    /// The VPC.
    pub vpc_id: Input<VpcId>,
}

/// What others may use.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outputs {
    /// The attached gateway: who takes the id from here comes after the attachment.
    pub internet_gateway_id: InternetGatewayId,
}

impl Handle<InternetGatewayAttachment> {
    /// The attached gateway.
    pub fn internet_gateway_id(&self) -> Output<InternetGatewayId> {
        self.output("internet_gateway_id")
    }
}

impl Resource for InternetGatewayAttachment {
    const KIND: &'static str = "ec2.internet_gateway_attachment";
    const FIELDS: &'static [Field] = &[Field::replace("internet_gateway_id"), Field::replace("vpc_id")];
    const COEXISTS: bool = false;
    const REPEAT: Repeat = Repeat::Collides;
    const TAGGED: bool = false;
    const ACTIONS: Actions = Actions {
        reads: &["ec2:DescribeInternetGateways"],
        creates: &["ec2:AttachInternetGateway"],
        deletes: &["ec2:DetachInternetGateway"],
        seldom: &["ec2:DescribeNatGateways", "ec2:DescribeNetworkInterfaces"],
        ..Actions::NONE
    };
    type Outputs = Outputs;

    async fn find(scope: &Scope<'_>, want: &Self) -> Result<Found> {
        let (gateway, vpc) = (&want.internet_gateway_id.get()?.0, &want.vpc_id.get()?.0);
        let found = internet_gateway::describe(scope.aws, gateway).await?;
        let attached = found.is_some_and(|found| attachment(&found, vpc).is_some());
        Ok(if attached { Found::Ours(Id::of_parts(&[gateway, vpc])) } else { Found::None })
    }

    async fn read(scope: &Scope<'_>, id: &Id) -> Result<Option<Live<Self>>> {
        let [gateway, vpc] = id.parts()?;
        let Some(found) = internet_gateway::describe(scope.aws, gateway).await? else { return Ok(None) };
        Ok(attachment(&found, vpc).map(|state| {
            let gateway = InternetGatewayId(gateway.to_owned());
            let inputs = Self { internet_gateway_id: gateway.clone().into(), vpc_id: VpcId(vpc.to_owned()).into() };
            let live = Live::untagged(inputs, Outputs { internet_gateway_id: gateway });
            match state {
                AttachmentStatus::Attaching => live.in_phase(Phase::Settling("attaching".into())),
                AttachmentStatus::Detaching => live.in_phase(Phase::Deleting("detaching".into())),
                _ => live,
            }
        }))
    }

    async fn create(scope: &Scope<'_>, want: &Self) -> Result<Id> {
        let aws = scope.aws;
        let (gateway, vpc) = (&want.internet_gateway_id.get()?.0, &want.vpc_id.get()?.0);
        let call = aws.ec2().attach_internet_gateway().internet_gateway_id(gateway).vpc_id(vpc);
        aws.call("ec2:AttachInternetGateway", call.send()).await?;
        Ok(Id::of_parts(&[gateway, vpc]))
    }

    async fn update(_scope: &Scope<'_>, _id: &Id, _want: &Self, _changed: &Changed) -> Result<()> {
        Ok(())
    }

    async fn delete(scope: &Scope<'_>, id: &Id) -> Result<()> {
        let aws = scope.aws;
        let [gateway, vpc] = id.parts()?;
        let call = aws.ec2().detach_internet_gateway().internet_gateway_id(gateway).vpc_id(vpc);
        aws.call("ec2:DetachInternetGateway", call.send()).await.map(drop)
    }

    async fn holders(scope: &Scope<'_>, id: &Id) -> Result<Vec<Holder>> {
        let [_, vpc] = id.parts()?;
        holders::of_gateway_to(scope, vpc).await
    }
}

/// The state of the gateway's attachment to this VPC.
fn attachment(gateway: &types::InternetGateway, vpc: &str) -> Option<AttachmentStatus> {
    let to_vpc = gateway.attachments().iter().find(|attachment| attachment.vpc_id() == Some(vpc))?;
    let state = to_vpc.state.clone().unwrap_or(AttachmentStatus::Attached);
    (state != AttachmentStatus::Detached).then_some(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attachment_is_gone_when_it_is_detached_or_leads_elsewhere() {
        let gateway = |state: &str| {
            let to = types::InternetGatewayAttachment::builder().vpc_id("vpc-1").state(AttachmentStatus::from(state));
            types::InternetGateway::builder().attachments(to.build()).build()
        };
        assert_eq!(attachment(&gateway("available"), "vpc-1"), Some(AttachmentStatus::from("available")));
        assert_eq!(attachment(&gateway("detaching"), "vpc-1"), Some(AttachmentStatus::Detaching));
        assert_eq!(attachment(&gateway("detached"), "vpc-1"), None);
        assert_eq!(attachment(&gateway("available"), "vpc-2"), None);
    }
}
