//! One rule of a security group: one direction, one range of ports, one peer.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AuthorizeSecurityGroupIngress.html>
//!
//! In force at once. Direction, protocol, ports and peer are unique in the group, so a repeated create is refused with
//! `InvalidPermission.Duplicate`; the description does not count. An equal rule that somebody else put into our group is
//! taken over and tagged. AWS changes everything in place except the *sort* of peer: an address range cannot become a group
//! (`InvalidParameterValue`), so rules with another sort of peer need another address.

use super::security_group::SecurityGroupId;
use super::{rules, tagging};
use crate::aws::tags;
use crate::model::Input;
use crate::resource::actions::{Actions, TAGS, update, update_of};
use crate::resource::{Changed, Field, Found, Id, Live, Repeat, Resource, Result, Scope};
use aws_sdk_ec2::types::{
    self, IpPermission, IpRange, ResourceType, SecurityGroupRuleRequest, SecurityGroupRuleUpdate, UserIdGroupPair,
};
use serde::{Deserialize, Serialize};

/// Which way the traffic goes, seen from the group's members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// To the members.
    Ingress,
    /// From the members.
    Egress,
}

/// One permission. Exactly one of the two peers is given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SecurityGroupRule {
    /// The group whose members it concerns.
    pub security_group_id: Input<SecurityGroupId>,
    /// Which way the traffic goes.
    pub direction: Direction,
    /// `tcp`, `udp`, `icmp`, or `-1` for everything.
    pub protocol: String,
    /// First port; -1 for everything.
    pub from_port: i32,
    /// Last port; -1 for everything.
    pub to_port: i32,
    /// The other side as an IPv4 range, `10.0.0.0/16`, host bits zero.
    pub peer_cidr_ipv4: Option<String>,
    /// The other side as a security group.
    pub peer_security_group_id: Option<Input<SecurityGroupId>>,
    /// What it is for, at most 255 characters of a narrow alphabet. May be empty.
    pub description: String,
}

/// Nothing refers to a rule.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outputs {}

impl Resource for SecurityGroupRule {
    const KIND: &'static str = "ec2.security_group_rule";
    const FIELDS: &'static [Field] = &[
        Field::replace("security_group_id"),
        Field::replace("direction"),
        Field::update("protocol"),
        Field::update("from_port"),
        Field::update("to_port"),
        Field::update("peer_cidr_ipv4"),
        Field::update("peer_security_group_id"),
        Field::update("description"),
    ];
    const REPEAT: Repeat = Repeat::Collides;
    const ACTIONS: Actions = Actions {
        reads: &["ec2:DescribeSecurityGroupRules"],
        creates: &["ec2:AuthorizeSecurityGroupEgress", "ec2:AuthorizeSecurityGroupIngress", "ec2:CreateTags"],
        updates: &[
            update_of("ec2:CreateTags", &[TAGS]),
            update_of("ec2:DeleteTags", &[TAGS]),
            update("ec2:ModifySecurityGroupRules"),
        ],
        deletes: &["ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress"],
        ..Actions::NONE
    };
    type Outputs = Outputs;

    async fn find(scope: &Scope<'_>, want: &Self) -> Result<Found> {
        let found = rules::of_group(scope.aws, &want.security_group_id.get()?.0).await?;
        let wanted = want.key()?;
        // The group is ours, so an equal rule in it is ours too, whatever its tags say.
        let equal = found.iter().find(|rule| live(rule).key().is_ok_and(|key| key == wanted));
        Ok(match equal {
            Some(rule) => Found::Ours(rules::id_and_tags(rule).0),
            None => tags::pick(scope, found.iter().map(rules::id_and_tags)),
        })
    }

    async fn read(scope: &Scope<'_>, id: &Id) -> Result<Option<Live<Self>>> {
        let found = rules::one(scope.aws, &id.0).await?;
        Ok(found.map(|rule| Live::ready(live(&rule), Outputs {}, tagging::read(rule.tags.as_deref()))))
    }

    async fn create(scope: &Scope<'_>, want: &Self) -> Result<Id> {
        let aws = scope.aws;
        let group = &want.security_group_id.get()?.0;
        let tags = tagging::specification(scope, ResourceType::SecurityGroupRule);
        let made = match want.direction {
            Direction::Ingress => {
                let call = aws.ec2().authorize_security_group_ingress().group_id(group).tag_specifications(tags);
                let call = call.ip_permissions(want.permission()?);
                aws.call("ec2:AuthorizeSecurityGroupIngress", call.send()).await?.security_group_rules
            }
            Direction::Egress => {
                let call = aws.ec2().authorize_security_group_egress().group_id(group).tag_specifications(tags);
                let call = call.ip_permissions(want.permission()?);
                aws.call("ec2:AuthorizeSecurityGroupEgress", call.send()).await?.security_group_rules
            }
        };
        Ok(made.unwrap_or_default().first().map(|rule| rules::id_and_tags(rule).0).unwrap_or_else(|| "".into()))
    }

    async fn update(scope: &Scope<'_>, id: &Id, want: &Self, changed: &Changed) -> Result<()> {
        let aws = scope.aws;
        if !changed.fields.is_empty() {
            // The call takes the rule as a whole: what it leaves out is unset.
            let rule = SecurityGroupRuleRequest::builder()
                .ip_protocol(&want.protocol)
                .from_port(want.from_port)
                .to_port(want.to_port)
                .set_cidr_ipv4(want.peer_cidr_ipv4.clone())
                .set_referenced_group_id(want.peer_group()?)
                .set_description(want.description_if_any())
                .build();
            let rule = SecurityGroupRuleUpdate::builder().security_group_rule_id(&id.0).security_group_rule(rule);
            let call = aws.ec2().modify_security_group_rules().group_id(&want.security_group_id.get()?.0);
            aws.call("ec2:ModifySecurityGroupRules", call.security_group_rules(rule.build()).send()).await?;
        }
        tagging::apply(aws, &id.0, changed.tags.as_ref()).await
    }

    async fn delete(scope: &Scope<'_>, id: &Id) -> Result<()> {
        // The revoking call wants group and direction, which the id does not tell.
        let Some(rule) = rules::one(scope.aws, &id.0).await? else { return Ok(()) };
        let group = rule.group_id.as_deref().unwrap_or_default();
        rules::revoke(scope.aws, group, rules::is_egress(&rule), vec![id.0.clone()]).await
    }
}

/// What AWS tells rules of one group apart by.
type Key = (bool, String, i32, i32, Option<String>, Option<String>);

impl SecurityGroupRule {
    fn key(&self) -> Result<Key> {
        let (egress, protocol) = (self.direction == Direction::Egress, self.protocol.clone());
        Ok((egress, protocol, self.from_port, self.to_port, self.peer_cidr_ipv4.clone(), self.peer_group()?))
    }

    fn peer_group(&self) -> Result<Option<String>> {
        let id = self.peer_security_group_id.as_ref().map(Input::get).transpose()?;
        Ok(id.map(|id| id.0.clone()))
    }

    fn description_if_any(&self) -> Option<String> {
        Some(self.description.clone()).filter(|text| !text.is_empty())
    }

    fn permission(&self) -> Result<IpPermission> {
        let description = self.description_if_any();
        let mut permission = IpPermission::builder().ip_protocol(&self.protocol);
        if self.protocol != "-1" {
            permission = permission.from_port(self.from_port).to_port(self.to_port);
        }
        if let Some(group) = self.peer_group()? {
            let pair = UserIdGroupPair::builder().group_id(group).set_description(description.clone());
            permission = permission.user_id_group_pairs(pair.build());
        }
        if let Some(cidr) = &self.peer_cidr_ipv4 {
            permission = permission.ip_ranges(IpRange::builder().cidr_ip(cidr).set_description(description).build());
        }
        Ok(permission.build())
    }
}

/// A rule in our shape. Where AWS names no port (protocol `-1`) it is -1.
fn live(rule: &types::SecurityGroupRule) -> SecurityGroupRule {
    SecurityGroupRule {
        security_group_id: SecurityGroupId(rule.group_id.clone().unwrap_or_default()).into(),
        direction: if rules::is_egress(rule) { Direction::Egress } else { Direction::Ingress },
        protocol: rule.ip_protocol.clone().unwrap_or_default(),
        from_port: rule.from_port.unwrap_or(-1),
        to_port: rule.to_port.unwrap_or(-1),
        peer_cidr_ipv4: rule.cidr_ipv4.clone(),
        peer_security_group_id: rules::peer_group(rule).map(|id| SecurityGroupId(id).into()),
        description: rule.description.clone().unwrap_or_default(),
    }
}
