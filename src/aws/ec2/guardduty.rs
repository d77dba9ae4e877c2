//! What GuardDuty's runtime monitoring puts into a VPC with Fargate tasks by itself: an endpoint in its subnets, and a security
//! group.
//!
//! Neither goes when the tasks do, and neither is ours: both are deleted only if the user said so.

use super::tagging;
use crate::aws::Aws;
use crate::resource::error::OrGone;
use crate::resource::{Class, Result, Scope, Tags};

/// What it tags its objects with.
const TAG: &str = "GuardDutyManaged";

/// True for the service of that endpoint, `com.amazonaws.eu-central-1.guardduty-data`.
pub(super) fn serves(service_name: &str) -> bool {
    service_name.ends_with(".guardduty-data")
}

/// True for tags that GuardDuty gives to what it makes.
pub(super) fn made(found: &Tags) -> bool {
    found.contains_key(TAG)
}

/// What the user can do: agree, or type the command.
pub(super) fn removal(command: &str) -> String {
    format!("let `hybridctl destroy --delete-guardduty-endpoint` remove what GuardDuty put there, or type `{command}`")
}

/// The result of a delete; if it was refused and the user agreed, GuardDuty's objects in the VPC are deleted and the next try
/// finds them gone.
pub(super) async fn make_way(scope: &Scope<'_>, vpc: &str, deleted: Result<()>) -> Result<()> {
    match &deleted {
        Err(error) if error.class == Class::Drain && scope.consents.delete_guardduty && !vpc.is_empty() => {
            delete_endpoints(scope, vpc).await?;
            delete_groups(scope, vpc).await?;
        }
        _ => {}
    }
    deleted
}

async fn delete_endpoints(scope: &Scope<'_>, vpc: &str) -> Result<()> {
    let aws = scope.aws;
    let call = aws.ec2().describe_vpc_endpoints().filters(tagging::filter("vpc-id", [vpc]));
    let found = aws.call("ec2:DescribeVpcEndpoints", call.send()).await?;
    let staying = |state: &str| !state.to_lowercase().starts_with("delet");
    let theirs = found.vpc_endpoints().iter().filter(|one| {
        one.service_name().is_some_and(serves) && staying(one.state().map_or("available", |state| state.as_str()))
    });
    let ids: Vec<String> = theirs.filter_map(|one| one.vpc_endpoint_id().map(str::to_owned)).collect();
    if ids.is_empty() {
        return Ok(());
    }
    scope.note(format!("deleting GuardDuty's endpoint {}, as agreed", ids.join(", ")));
    let call = aws.ec2().delete_vpc_endpoints().set_vpc_endpoint_ids(Some(ids));
    aws.call("ec2:DeleteVpcEndpoints", call.send()).await.or_gone().map(drop)
}

/// Refused while the endpoint's interfaces are there; a later try gets it.
async fn delete_groups(scope: &Scope<'_>, vpc: &str) -> Result<()> {
    for group in groups(scope.aws, vpc).await? {
        let call = scope.aws.ec2().delete_security_group().group_id(&group);
        match scope.aws.call("ec2:DeleteSecurityGroup", call.send()).await.or_gone() {
            Ok(_) => scope.note(format!("deleted GuardDuty's security group {group}, as agreed")),
            Err(error) if error.class == Class::Drain => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn groups(aws: &Aws, vpc: &str) -> Result<Vec<String>> {
    let filters = vec![tagging::filter("vpc-id", [vpc]), tagging::filter("tag-key", [TAG])];
    let call = aws.ec2().describe_security_groups().set_filters(Some(filters));
    let found = aws.call("ec2:DescribeSecurityGroups", call.send()).await?;
    Ok(found.security_groups().iter().filter_map(|group| group.group_id().map(str::to_owned)).collect())
}
