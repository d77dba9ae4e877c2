//! A gateway endpoint. <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpcEndpoint.html>
//!
//! Settles within seconds and costs nothing: packets to S3 (image layers, above all) leave the VPC without the NAT gateway,
//! whose traffic is billed. The client token is a plain member that the SDK does not fill. The API reports states in lower
//! case, its model in camel case. DeleteVpcEndpoints answers 200 and lists what it refused. The routes that an endpoint puts
//! into its tables go with it; they lead to a prefix list and are none of `ec2.route`.

use super::route_table::RouteTableId;
use super::tagging;
use super::vpc::VpcId;
use crate::aws::classify::classify;
use crate::aws::{Aws, tags};
use crate::model::{Handle, Input, Output};
use crate::resource::actions::{Actions, TAGS, update, update_of};
use crate::resource::error::OrGone;
use crate::resource::{Changed, Error, Field, Found, Id, Live, Phase, Repeat, Resource, Result, Scope};
use aws_sdk_ec2::types::{self, ResourceType, UnsuccessfulItem, VpcEndpointType};
use aws_types::request_id::RequestId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// `vpce-0abc…`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VpcEndpointId(pub String);

/// A way from some route tables to S3 or DynamoDB inside AWS.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VpcEndpoint {
    /// The VPC it belongs to.
    pub vpc_id: Input<VpcId>,
    /// `com.amazonaws.eu-central-1.s3`.
    pub service_name: String,
    /// The tables whose subnets use it.
    pub route_table_ids: BTreeSet<Input<RouteTableId>>,
}

/// What others may use.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outputs {
    /// `vpce-0abc…`.
    pub vpc_endpoint_id: VpcEndpointId,
}

impl Handle<VpcEndpoint> {
    /// `vpce-0abc…`.
    pub fn vpc_endpoint_id(&self) -> Output<VpcEndpointId> {
        self.output("vpc_endpoint_id")
    }
}

impl Resource for VpcEndpoint {
    const KIND: &'static str = "ec2.vpc_endpoint";
    const FIELDS: &'static [Field] =
        &[Field::replace("vpc_id"), Field::replace("service_name"), Field::update("route_table_ids")];
    const REPEAT: Repeat = Repeat::Token;
    const ACTIONS: Actions = Actions {
        reads: &["ec2:DescribeVpcEndpoints"],
        creates: &["ec2:CreateTags", "ec2:CreateVpcEndpoint"],
        updates: &[
            update_of("ec2:CreateTags", &[TAGS]),
            update_of("ec2:DeleteTags", &[TAGS]),
            update("ec2:ModifyVpcEndpoint"),
        ],
        deletes: &["ec2:DeleteVpcEndpoints"],
        ..Actions::NONE
    };
    type Outputs = Outputs;

    async fn find(scope: &Scope<'_>, _want: &Self) -> Result<Found> {
        let aws = scope.aws;
        let call = aws.ec2().describe_vpc_endpoints().set_filters(Some(tagging::ours(scope)));
        let found = aws.call("ec2:DescribeVpcEndpoints", call.send()).await?;
        let there = |endpoint: &&types::VpcEndpoint| !matches!(phase(endpoint), None | Some(Phase::Deleting(_)));
        let candidates = found.vpc_endpoints().iter().filter(there).map(|endpoint| {
            (endpoint.vpc_endpoint_id().unwrap_or_default().into(), tagging::read(endpoint.tags.as_deref()))
        });
        Ok(tags::pick(scope, candidates))
    }

    async fn read(scope: &Scope<'_>, id: &Id) -> Result<Option<Live<Self>>> {
        let Some(endpoint) = describe(scope.aws, id).await? else { return Ok(None) };
        let Some(phase) = phase(&endpoint) else { return Ok(None) };
        let inputs = Self {
            route_table_ids: tables(&endpoint).into_iter().map(|id| RouteTableId(id).into()).collect(),
            vpc_id: VpcId(endpoint.vpc_id.unwrap_or_default()).into(),
            service_name: endpoint.service_name.unwrap_or_default(),
        };
        let outputs = Outputs { vpc_endpoint_id: VpcEndpointId(id.0.clone()) };
        Ok(Some(Live::ready(inputs, outputs, tagging::read(endpoint.tags.as_deref())).in_phase(phase)))
    }

    async fn create(scope: &Scope<'_>, want: &Self) -> Result<Id> {
        let aws = scope.aws;
        let call = aws
            .ec2()
            .create_vpc_endpoint()
            .client_token(scope.token)
            .vpc_endpoint_type(VpcEndpointType::Gateway)
            .vpc_id(&want.vpc_id.get()?.0)
            .service_name(&want.service_name)
            .set_route_table_ids(Some(want.tables()?.into_iter().collect()))
            .tag_specifications(tagging::specification(scope, ResourceType::VpcEndpoint));
        let made = aws.call("ec2:CreateVpcEndpoint", call.send()).await?;
        Ok(made.vpc_endpoint.and_then(|endpoint| endpoint.vpc_endpoint_id).unwrap_or_default().into())
    }

    async fn update(scope: &Scope<'_>, id: &Id, want: &Self, changed: &Changed) -> Result<()> {
        let aws = scope.aws;
        if changed.has("route_table_ids") {
            let live = describe(aws, id).await?.map(|endpoint| tables(&endpoint)).unwrap_or_default();
            let want = want.tables()?;
            let difference = |a: &BTreeSet<String>, b: &BTreeSet<String>| Some(a.difference(b).cloned().collect());
            let call = aws
                .ec2()
                .modify_vpc_endpoint()
                .vpc_endpoint_id(&id.0)
                .set_add_route_table_ids(difference(&want, &live))
                .set_remove_route_table_ids(difference(&live, &want));
            aws.call("ec2:ModifyVpcEndpoint", call.send()).await?;
        }
        tagging::apply(aws, &id.0, changed.tags.as_ref()).await
    }

    async fn delete(scope: &Scope<'_>, id: &Id) -> Result<()> {
        let aws = scope.aws;
        let call = aws.ec2().delete_vpc_endpoints().vpc_endpoint_ids(&id.0);
        let answer = aws.call("ec2:DeleteVpcEndpoints", call.send()).await?;
        refused(answer.unsuccessful(), answer.request_id())
    }
}

impl VpcEndpoint {
    fn tables(&self) -> Result<BTreeSet<String>> {
        self.route_table_ids.iter().map(|id| Ok(id.get()?.0.clone())).collect()
    }
}

fn tables(endpoint: &types::VpcEndpoint) -> BTreeSet<String> {
    endpoint.route_table_ids().iter().cloned().collect()
}

/// `None` when it is gone.
fn phase(endpoint: &types::VpcEndpoint) -> Option<Phase> {
    let word = endpoint.state().map_or("available", |state| state.as_str()).to_lowercase();
    Some(match word.as_str() {
        "available" => Phase::Ready,
        "deleting" => Phase::Deleting(word),
        "deleted" => return None,
        "failed" | "rejected" | "expired" => {
            let reason = endpoint.last_error().and_then(|error| error.message()).or(endpoint.failure_reason());
            Phase::Failed(reason.map_or_else(|| word.clone(), |reason| format!("{word}: {reason}")))
        }
        _ => Phase::Settling(word),
    })
}

/// The error inside a successful answer.
fn refused(items: &[UnsuccessfulItem], request_id: Option<&str>) -> Result<()> {
    let Some(error) = items.first().and_then(|item| item.error()) else { return Ok(()) };
    let message = error.message().unwrap_or_default();
    Err(Error {
        class: classify("ec2", error.code(), message, None),
        operation: "ec2:DeleteVpcEndpoints".into(),
        code: error.code().map(str::to_owned),
        request_id: request_id.map(str::to_owned),
        ..Error::terminal(message)
    })
}

/// By id, which fails as a whole when it is gone; a network has one gateway endpoint, so there is nothing to batch.
async fn describe(aws: &Aws, id: &Id) -> Result<Option<types::VpcEndpoint>> {
    let call = aws.ec2().describe_vpc_endpoints().vpc_endpoint_ids(&id.0);
    let found = aws.call("ec2:DescribeVpcEndpoints", call.send()).await.or_gone()?;
    Ok(found.and_then(|found| found.vpc_endpoints.unwrap_or_default().into_iter().next()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::Class;
    use aws_sdk_ec2::types::{LastError, State, UnsuccessfulItemError};

    #[test]
    fn states_are_read_in_either_spelling() {
        let read = |state: &str| phase(&types::VpcEndpoint::builder().state(State::from(state)).build());
        assert_eq!(read("available"), Some(Phase::Ready));
        assert_eq!(read("Available"), Some(Phase::Ready));
        assert_eq!(read("pending"), Some(Phase::Settling("pending".into())));
        assert_eq!(read("deleting"), Some(Phase::Deleting("deleting".into())));
        assert_eq!(read("Deleted"), None);
        let error = LastError::builder().message("no permission").build();
        let failed = types::VpcEndpoint::builder().state(State::Failed).last_error(error).build();
        assert_eq!(phase(&failed), Some(Phase::Failed("failed: no permission".into())));
    }

    #[test]
    fn a_refusal_inside_a_successful_answer_is_an_error() {
        let item = |code: &str| {
            let error = UnsuccessfulItemError::builder().code(code).message("why").build();
            [UnsuccessfulItem::builder().resource_id("vpce-1").error(error).build()]
        };
        assert!(refused(&[], None).is_ok());
        let gone = refused(&item("InvalidVpcEndpoint.NotFound"), Some("r-1")).unwrap_err();
        assert_eq!((gone.class, gone.request_id.as_deref()), (Class::NotFound, Some("r-1")));
        assert_eq!(refused(&item("DependencyViolation"), None).unwrap_err().class, Class::Drain);
    }
}
