//! Where tasks have their network interfaces: what the service and the one-off task say alike.

use crate::aws::ec2::security_group::SecurityGroupId;
use crate::aws::ec2::subnet::SubnetId;
use crate::model::Input;
use crate::resource::{Error, Result};
use aws_sdk_ecs::types::{AssignPublicIp, AwsVpcConfiguration, NetworkConfiguration};
use std::collections::BTreeSet;

/// As the create and update calls take it.
pub(super) fn configuration(
    subnets: &BTreeSet<Input<SubnetId>>,
    groups: &BTreeSet<Input<SecurityGroupId>>,
    public: bool,
) -> Result<NetworkConfiguration> {
    let subnets = subnets.iter().map(|id| Ok(id.get()?.0.clone())).collect::<Result<Vec<_>>>()?;
    let groups = groups.iter().map(|id| Ok(id.get()?.0.clone())).collect::<Result<Vec<_>>>()?;
    let vpc = AwsVpcConfiguration::builder()
        .set_subnets(Some(subnets))
        .set_security_groups(Some(groups))
        .assign_public_ip(if public { AssignPublicIp::Enabled } else { AssignPublicIp::Disabled })
        .build()
        .map_err(Error::bug)?;
    Ok(NetworkConfiguration::builder().awsvpc_configuration(vpc).build())
}

/// As a describe returns it.
pub(super) fn read(
    configuration: Option<&NetworkConfiguration>,
) -> (BTreeSet<Input<SubnetId>>, BTreeSet<Input<SecurityGroupId>>, bool) {
    let Some(vpc) = configuration.and_then(|c| c.awsvpc_configuration()) else { return Default::default() };
    (
        vpc.subnets().iter().map(|id| Input::Known(SubnetId(id.clone()))).collect(),
        vpc.security_groups().iter().map(|id| SecurityGroupId(id.clone()).into()).collect(),
        vpc.assign_public_ip() == Some(&AssignPublicIp::Enabled),
    )
}
