//! The default security group of a VPC, emptied.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RevokeSecurityGroupIngress.html>
//!
//! AWS makes it with the VPC and deletes it with the VPC; nobody else can do either, so `create` finds and tags it and `delete`
//! does nothing. It lets its members reach each other and everything outside, and whatever is launched without a group of its
//! own gets it: CIS wants it without rules. The rules are read as text and are all unknown; the wanted set is empty. Settles
//! at once.

use super::tagging;
use super::vpc::VpcId;
use crate::aws::{Aws, tags};
use crate::model::Input;
use crate::resource::actions::{Actions, TAGS, update_of};
use crate::resource::{
    Changed, Class, Error, Field, Found, Id, Life, Live, Repeat, Resource, Result, Scope, TagChange,
};
use aws_sdk_ec2::types::{self, Filter, IpPermission};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The default security group of a VPC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DefaultSecurityGroup {
    /// The VPC it belongs to.
    pub vpc_id: Input<VpcId>,
    /// Every rule it has, `ingress -1 all from sg-0abc…`, `egress tcp 443 to 0.0.0.0/0`. Wanted: none.
    pub unknown_rules: BTreeSet<String>,
}

/// Nothing should use it, so it gives nothing out.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outputs {}

impl Resource for DefaultSecurityGroup {
    const KIND: &'static str = "ec2.default_security_group";
    const FIELDS: &'static [Field] = &[Field::replace("vpc_id"), Field::update("unknown_rules").after_create()];
    // Tagging it again is harmless, but another deployment's group must not be taken over.
    const REPEAT: Repeat = Repeat::ReturnsExisting;
    const LIFE: Life = Life::Parent;
    const ACTIONS: Actions = Actions {
        reads: &["ec2:DescribeSecurityGroups"],
        creates: &["ec2:CreateTags", "ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress"],
        updates: &[
            update_of("ec2:CreateTags", &[TAGS]),
            update_of("ec2:DeleteTags", &[TAGS]),
            update_of("ec2:RevokeSecurityGroupEgress", &["unknown_rules"]),
            update_of("ec2:RevokeSecurityGroupIngress", &["unknown_rules"]),
        ],
        ..Actions::NONE
    };
    type Outputs = Outputs;

    async fn find(scope: &Scope<'_>, want: &Self) -> Result<Found> {
        let vpc = &want.vpc_id.get()?.0;
        let Some(group) = of_vpc(scope.aws, vpc).await? else { return Ok(Found::None) };
        let tags = tagging::read(group.tags.as_deref());
        // Without our tags it is as AWS made it: `create` takes it.
        if !tags.contains_key(tags::LINEAGE) {
            return Ok(Found::None);
        }
        let what = format!("the default security group of {vpc}");
        Ok(tags::ours_or_foreign(scope, &what, group.group_id.unwrap_or_default().into(), &tags))
    }

    async fn read(scope: &Scope<'_>, id: &Id) -> Result<Option<Live<Self>>> {
        Ok(describe(scope.aws, id).await?.map(|group| {
            let inputs = Self { unknown_rules: rules(&group), vpc_id: VpcId(group.vpc_id.unwrap_or_default()).into() };
            Live::ready(inputs, Outputs {}, tagging::read(group.tags.as_deref()))
        }))
    }

    async fn create(scope: &Scope<'_>, want: &Self) -> Result<Id> {
        let vpc = &want.vpc_id.get()?.0;
        let Some(id) = of_vpc(scope.aws, vpc).await?.and_then(|group| group.group_id) else {
            let missing = format!("{vpc} shows no default security group yet");
            return Err(Error::terminal(missing).in_class(Class::Propagation));
        };
        let all = TagChange { set: scope.tags(), remove: vec![] };
        tagging::apply(scope.aws, &id, Some(&all)).await?;
        Ok(id.into())
    }

    async fn update(scope: &Scope<'_>, id: &Id, _want: &Self, changed: &Changed) -> Result<()> {
        let aws = scope.aws;
        if changed.has("unknown_rules")
            && let Some(group) = describe(aws, id).await?
        {
            // Described rules go back as they came: whatever peer they name, that is what has to be named to revoke them.
            if let Some(ingress) = group.ip_permissions.filter(|rules| !rules.is_empty()) {
                let call = aws.ec2().revoke_security_group_ingress().group_id(&id.0).set_ip_permissions(Some(ingress));
                aws.call("ec2:RevokeSecurityGroupIngress", call.send()).await?;
            }
            if let Some(egress) = group.ip_permissions_egress.filter(|rules| !rules.is_empty()) {
                let call = aws.ec2().revoke_security_group_egress().group_id(&id.0).set_ip_permissions(Some(egress));
                aws.call("ec2:RevokeSecurityGroupEgress", call.send()).await?;
            }
        }
        tagging::apply(aws, &id.0, changed.tags.as_ref()).await
    }

    async fn delete(_scope: &Scope<'_>, _id: &Id) -> Result<()> {
        // It goes with its VPC.
        Ok(())
    }
}

fn rules(group: &types::SecurityGroup) -> BTreeSet<String> {
    let ingress = group.ip_permissions().iter().flat_map(|rule| texts("ingress", "from", rule));
    let egress = group.ip_permissions_egress().iter().flat_map(|rule| texts("egress", "to", rule));
    ingress.chain(egress).collect()
}

/// One text per peer: AWS groups rules by protocol and ports.
fn texts(direction: &str, preposition: &str, rule: &IpPermission) -> Vec<String> {
    let groups = rule.user_id_group_pairs().iter().filter_map(|pair| pair.group_id());
    let ranges = rule.ip_ranges().iter().filter_map(|range| range.cidr_ip());
    let ranges_v6 = rule.ipv6_ranges().iter().filter_map(|range| range.cidr_ipv6());
    let lists = rule.prefix_list_ids().iter().filter_map(|list| list.prefix_list_id());
    let what = match (rule.ip_protocol().unwrap_or("-1"), rule.from_port(), rule.to_port()) {
        (protocol, None | Some(-1), _) => format!("{protocol} all"),
        (protocol, Some(from), to) if to.is_none_or(|to| to == from) => format!("{protocol} {from}"),
        (protocol, Some(from), to) => format!("{protocol} {from}-{}", to.unwrap_or(from)),
    };
    let peers = groups.chain(ranges).chain(ranges_v6).chain(lists);
    peers.map(|peer| format!("{direction} {what} {preposition} {peer}")).collect()
}

async fn of_vpc(aws: &Aws, vpc: &str) -> Result<Option<types::SecurityGroup>> {
    let filters = vec![tagging::filter("vpc-id", [vpc]), tagging::filter("group-name", ["default"])];
    let call = aws.ec2().describe_security_groups().set_filters(Some(filters));
    let found = aws.call("ec2:DescribeSecurityGroups", call.send()).await?;
    Ok(found.security_groups.unwrap_or_default().into_iter().next())
}

struct DefaultGroups;

async fn describe(aws: &Aws, id: &Id) -> Result<Option<types::SecurityGroup>> {
    let (client, log) = (aws.ec2().clone(), aws.log());
    let batch = aws.batches.of::<DefaultGroups, String, types::SecurityGroup>();
    batch
        .get(id.0.clone(), move |ids| async move {
            let by_id: Filter = tagging::filter("group-id", ids);
            let call = client.describe_security_groups().filters(by_id);
            let found = log.call("ec2:DescribeSecurityGroups", call.send()).await?;
            let named = |group: types::SecurityGroup| group.group_id.clone().map(|id| (id, group));
            Ok(found.security_groups.unwrap_or_default().into_iter().filter_map(named).collect::<BTreeMap<_, _>>())
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ec2::types::{IpRange, Ipv6Range, UserIdGroupPair};

    #[test]
    fn every_peer_of_every_rule_is_one_text() {
        let itself = UserIdGroupPair::builder().group_id("sg-1").user_id("123456789012").build();
        let everyone = IpRange::builder().cidr_ip("0.0.0.0/0").build();
        let everyone_v6 = Ipv6Range::builder().cidr_ipv6("::/0").build();
        let group = types::SecurityGroup::builder()
            .ip_permissions(IpPermission::builder().ip_protocol("-1").user_id_group_pairs(itself).build())
            .ip_permissions(
                IpPermission::builder()
                    .ip_protocol("tcp")
                    .from_port(80)
                    .to_port(90)
                    .ip_ranges(everyone.clone())
                    .ipv6_ranges(everyone_v6)
                    .build(),
            )
            .ip_permissions_egress(
                IpPermission::builder().ip_protocol("tcp").from_port(443).to_port(443).ip_ranges(everyone).build(),
            )
            .build();
        let expected = [
            "egress tcp 443 to 0.0.0.0/0",
            "ingress -1 all from sg-1",
            "ingress tcp 80-90 from 0.0.0.0/0",
            "ingress tcp 80-90 from ::/0",
        ];
        assert_eq!(rules(&group).into_iter().collect::<Vec<_>>(), expected);
    }
}
