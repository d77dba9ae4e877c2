//! The rules of security groups as AWS lists them, for the groups (what is in here that we did not put?) and for the rules
//! themselves. <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSecurityGroupRules.html>
//!
//! Groups and rules read in one turn share one DescribeSecurityGroupRules: a rule is looked for among the rules of the
//! groups asked for, and only if it is not there (or no group was asked for) by its own id.
//!
//! An atomic rule has exactly one peer; DescribeSecurityGroups would fold several into one permission.

use super::tagging;
use crate::aws::{Aws, tags};
use crate::resource::error::OrGone;
use crate::resource::{Id, Result, Scope};
use aws_sdk_ec2::types::{Filter, SecurityGroupRule};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// What a caller wants to see.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Group(String),
    Rule(String),
}

struct Rules;

type Found = Rc<Vec<SecurityGroupRule>>;

/// All rules of this group; none if it is gone.
pub(super) async fn of_group(aws: &Aws, group_id: &str) -> Result<Found> {
    Ok(ask(aws, Key::Group(group_id.to_owned())).await?.unwrap_or_default())
}

/// This one rule, in whatever group it is.
pub(super) async fn one(aws: &Aws, rule_id: &str) -> Result<Option<SecurityGroupRule>> {
    Ok(ask(aws, Key::Rule(rule_id.to_owned())).await?.and_then(|rules| rules.first().cloned()))
}

/// The rules that carry no tag of a rule of this state document, those of AWS included (a new group lets everything out).
pub(super) fn unknown<'r>(scope: &Scope<'_>, rules: &'r [SecurityGroupRule]) -> Vec<&'r SecurityGroupRule> {
    let ours = |rule: &&SecurityGroupRule| {
        let found = tagging::read(rule.tags.as_deref());
        tags::are_of(scope.lineage, &found)
            && found.get(tags::ADDRESS).is_some_and(|address| address.starts_with("ec2.security_group_rule/"))
    };
    rules.iter().filter(|rule| !ours(rule)).collect()
}

/// Takes the unknown rules out of the group, except those whose text is in `keep`.
pub(super) async fn revoke_unknown(scope: &Scope<'_>, group_id: &str, keep: &BTreeSet<String>) -> Result<()> {
    let rules = of_group(scope.aws, group_id).await?;
    for egress in [false, true] {
        let ids: Vec<_> = unknown(scope, &rules)
            .into_iter()
            .filter(|rule| is_egress(rule) == egress && !keep.contains(&text(rule)))
            .map(|rule| rule.security_group_rule_id.clone().unwrap_or_default())
            .collect();
        if !ids.is_empty() {
            // One that went away by itself fails the whole call; the next reading shows what is left.
            revoke(scope.aws, group_id, egress, ids).await.or_gone()?;
        }
    }
    Ok(())
}

/// Takes every rule that names another group out of a group that is going away.
pub(super) async fn revoke_towards_groups(aws: &Aws, group_id: &str) -> Result<()> {
    let rules = of_group(aws, group_id).await?;
    let elsewhere = |rule: &&SecurityGroupRule| peer_group(rule).is_some_and(|peer| peer != group_id);
    for egress in [false, true] {
        let ids: Vec<_> = rules
            .iter()
            .filter(|rule| is_egress(rule) == egress)
            .filter(elsewhere)
            .filter_map(|rule| rule.security_group_rule_id.clone())
            .collect();
        if !ids.is_empty() {
            revoke(aws, group_id, egress, ids).await.or_gone()?;
        }
    }
    Ok(())
}

/// Takes rules of one direction out of their group.
pub(super) async fn revoke(aws: &Aws, group_id: &str, egress: bool, rule_ids: Vec<String>) -> Result<()> {
    if egress {
        let call = aws.ec2().revoke_security_group_egress().group_id(group_id);
        let call = call.set_security_group_rule_ids(Some(rule_ids));
        aws.call("ec2:RevokeSecurityGroupEgress", call.send()).await.map(drop)
    } else {
        let call = aws.ec2().revoke_security_group_ingress().group_id(group_id);
        let call = call.set_security_group_rule_ids(Some(rule_ids));
        aws.call("ec2:RevokeSecurityGroupIngress", call.send()).await.map(drop)
    }
}

/// True for traffic that leaves the group's members.
pub(super) fn is_egress(rule: &SecurityGroupRule) -> bool {
    rule.is_egress.unwrap_or_default()
}

/// The id of the group on the other side, if the peer is a group.
pub(super) fn peer_group(rule: &SecurityGroupRule) -> Option<String> {
    rule.referenced_group_info.as_ref().and_then(|group| group.group_id.clone())
}

/// The id and the tags of a rule.
pub(super) fn id_and_tags(rule: &SecurityGroupRule) -> (Id, crate::resource::Tags) {
    (rule.security_group_rule_id.as_deref().unwrap_or_default().into(), tagging::read(rule.tags.as_deref()))
}

/// A rule for reading: `ingress tcp 22-22 from 0.0.0.0/0`, `egress all to 0.0.0.0/0`.
pub(super) fn text(rule: &SecurityGroupRule) -> String {
    let (direction, towards) = if is_egress(rule) { ("egress", "to") } else { ("ingress", "from") };
    let protocol = match rule.ip_protocol.as_deref() {
        None | Some("-1") => "all",
        Some(name) => name,
    };
    let ports = match (rule.from_port, rule.to_port) {
        (None | Some(-1), None | Some(-1)) => String::new(),
        (from, to) => format!(" {}-{}", from.unwrap_or(-1), to.unwrap_or(-1)),
    };
    let group = peer_group(rule);
    let peer = [&rule.cidr_ipv4, &rule.cidr_ipv6, &rule.prefix_list_id, &group].into_iter().flatten().next();
    let peer = peer.map_or("nobody", String::as_str);
    format!("{direction} {protocol}{ports} {towards} {peer}")
}

async fn ask(aws: &Aws, key: Key) -> Result<Option<Found>> {
    let (client, log) = (aws.ec2().clone(), aws.log());
    let batch = aws.batches.of::<Rules, Key, Found>();
    batch
        .get(key, move |keys| async move {
            let (mut groups, mut singles) = (vec![], vec![]);
            for key in &keys {
                match key {
                    Key::Group(id) => groups.push(id.clone()),
                    Key::Rule(id) => singles.push(id.clone()),
                }
            }
            let describe = async |filter: Filter| {
                let (mut found, mut token) = (vec![], None);
                loop {
                    let call = client.describe_security_group_rules().filters(filter.clone()).set_next_token(token);
                    let page = log.call("ec2:DescribeSecurityGroupRules", call.send()).await?;
                    found.extend(page.security_group_rules.unwrap_or_default());
                    token = page.next_token.filter(|token| !token.is_empty());
                    if token.is_none() {
                        return Ok::<_, crate::resource::Error>(found);
                    }
                }
            };
            let mut found = if groups.is_empty() {
                vec![]
            } else {
                // A filter, unlike a list of ids, does not fail as a whole when one group is gone.
                describe(tagging::filter("group-id", groups)).await?
            };
            singles.retain(|id| !found.iter().any(|rule| rule.security_group_rule_id.as_ref() == Some(id)));
            if !singles.is_empty() {
                found.extend(describe(tagging::filter("security-group-rule-id", singles)).await?);
            }
            Ok(sorted_by_key(keys, &found))
        })
        .await
}

fn sorted_by_key(keys: Vec<Key>, found: &[SecurityGroupRule]) -> BTreeMap<Key, Found> {
    let of = |key: &Key| {
        let belongs = |rule: &&SecurityGroupRule| match key {
            Key::Group(id) => rule.group_id.as_ref() == Some(id),
            Key::Rule(id) => rule.security_group_rule_id.as_ref() == Some(id),
        };
        Rc::new(found.iter().filter(belongs).cloned().collect())
    };
    keys.into_iter().map(|key| (key.clone(), of(&key))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ec2::types::ReferencedSecurityGroup;

    #[test]
    fn rules_read_as_text() {
        let rule = || SecurityGroupRule::builder().ip_protocol("tcp").from_port(22).to_port(22);
        let group = ReferencedSecurityGroup::builder().group_id("sg-1").user_id("123456789012").build();
        let everything = || SecurityGroupRule::builder().ip_protocol("-1").from_port(-1).to_port(-1).is_egress(true);
        let cases = [
            (rule().cidr_ipv4("0.0.0.0/0"), "ingress tcp 22-22 from 0.0.0.0/0"),
            (rule().cidr_ipv6("::/0").is_egress(true), "egress tcp 22-22 to ::/0"),
            (rule().prefix_list_id("pl-1"), "ingress tcp 22-22 from pl-1"),
            (rule().referenced_group_info(group), "ingress tcp 22-22 from sg-1"),
            (everything().cidr_ipv4("0.0.0.0/0"), "egress all to 0.0.0.0/0"),
        ];
        for (rule, expected) in cases {
            assert_eq!(text(&rule.build()), expected);
        }
    }
}
