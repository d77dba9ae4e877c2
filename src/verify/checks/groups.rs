//! Security groups: three hops, each with both its ends.
//!
//! Groups are stateful, so a connection needs a rule where it leaves and one where it arrives; answers need none.

use super::{Judged, UP, compute, front, seen};
use crate::aws::look::network::{Group, Rule};
use crate::verify::Facts;
use crate::verify::report::{Fail, Status};
use ipnet::Ipv4Net;
use std::collections::BTreeMap;

/// Who is on the other side of a hop.
struct Side<'a> {
    /// In words.
    name: &'static str,
    /// Its security groups.
    group_ids: &'a [String],
    /// The ranges that its addresses are from.
    ranges: Vec<Ipv4Net>,
}

/// What is wrong, in words, and the hops that are closed by it.
type Wrong = (String, &'static [&'static str]);

pub(super) fn groups(facts: &Facts) -> Judged {
    let service = compute::place_of(facts)?;
    let groups = seen(&facts.look.groups, facts)?;
    let network = seen(&facts.look.network, facts)?;
    let ranges = |ids: &[String]| ids.iter().filter_map(|id| Some(network.subnets.get(id)?.cidr)).collect();
    let side = |name, group_ids, subnet_ids: &[String]| Side { name, group_ids, ranges: ranges(subnet_ids) };
    let balancer = front::balancer_of(facts).ok();
    let database = facts.look.database.as_ref().ok().and_then(Option::as_ref);
    let tasks = side("the tasks", service.group_ids, service.subnet_ids);
    let clients = Side { name: "clients", group_ids: &[], ranges: facts.expect.allow_cidrs.clone() };
    let internet = Side { name: "the internet", group_ids: &[], ranges: vec![Ipv4Net::default()] };
    let mut hops = 1;
    let mut wrong: Vec<Wrong> =
        gone(groups, service.group_ids, &["group.tasks", "group.database", "group.egress"]).collect();
    if let Some(balancer) = balancer {
        let front = side("the load balancer", &balancer.group_ids, &balancer.subnet_ids);
        let port = facts.expect.port;
        wrong.extend(gone(groups, &balancer.group_ids, &["group.clients", "group.tasks"]));
        wrong.extend(inbound(groups, &front, &clients, 443).map(|why| (why, &["group.clients"][..])));
        let ends = [outbound(groups, &front, &tasks, port), inbound(groups, &tasks, &front, port)];
        wrong.extend(ends.into_iter().flatten().map(|why| (why, &["group.tasks"][..])));
        hops += 1;
    }
    if let Some(database) = database {
        let store = side("the database", &database.group_ids, &database.subnet_ids);
        wrong.extend(gone(groups, &database.group_ids, &["group.database"]));
        let ends = [outbound(groups, &tasks, &store, database.port), inbound(groups, &store, &tasks, database.port)];
        wrong.extend(ends.into_iter().flatten().map(|why| (why, &["group.database"][..])));
        hops += 1;
    }
    wrong.extend(outbound(groups, &tasks, &internet, 443).map(|why| (why, &["group.egress"][..])));
    match wrong.first() {
        None if hops == 3 => Ok("clients → load balancer → tasks → database, tasks → internet".into()),
        None => Ok("what is there lets its hops through".into()),
        Some((first, _)) => {
            let mut kinds: Vec<&str> = wrong.iter().flat_map(|(_, kinds)| kinds.iter().copied()).collect();
            kinds.dedup();
            let seen = wrong.iter().map(|(why, _)| why.clone());
            Err(Status::from(Fail::new(first.clone()).next(UP).classes(kinds).seen(seen)))
        }
    }
}

fn gone<'a>(
    groups: &'a BTreeMap<String, Group>,
    ids: &'a [String],
    hops: &'static [&'static str],
) -> impl Iterator<Item = Wrong> + 'a {
    let missing = ids.iter().filter(|id| !groups.contains_key(*id));
    missing.map(move |id| (format!("security group {id} is gone"), hops))
}

fn inbound(groups: &BTreeMap<String, Group>, at: &Side<'_>, from: &Side<'_>, port: u16) -> Option<String> {
    let rules = at.group_ids.iter().filter_map(|id| groups.get(id)).flat_map(|group| &group.inbound);
    let open = lets_through(rules, from, port);
    (!open)
        .then(|| format!("no rule lets {} in at {} on port {port} ({})", from.name, at.name, at.group_ids.join(", ")))
}

fn outbound(groups: &BTreeMap<String, Group>, at: &Side<'_>, to: &Side<'_>, port: u16) -> Option<String> {
    let rules = at.group_ids.iter().filter_map(|id| groups.get(id)).flat_map(|group| &group.outbound);
    let open = lets_through(rules, to, port);
    (!open).then(|| format!("{} may not go out to {} on port {port} ({})", at.name, to.name, at.group_ids.join(", ")))
}

/// By a group of the other side, or by ranges that hold all its addresses.
fn lets_through<'r>(rules: impl Iterator<Item = &'r Rule>, other: &Side<'_>, port: u16) -> bool {
    let rules: Vec<&Rule> = rules.filter(|rule| rule.covers(port)).collect();
    let by_group = rules.iter().flat_map(|rule| &rule.group_ids).any(|id| other.group_ids.contains(id));
    let ranges = || rules.iter().flat_map(|rule| &rule.cidrs);
    let by_range =
        !other.ranges.is_empty() && other.ranges.iter().all(|range| ranges().any(|open| open.contains(range)));
    by_group || by_range
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::samples;

    fn why(with: impl FnOnce(&mut BTreeMap<String, Group>)) -> String {
        let mut facts = samples::good();
        with(facts.look.groups.as_mut().unwrap());
        match groups(&facts) {
            Err(Status::Fail(fail)) => fail.why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_end_of_each_hop_is_looked_at() {
        type Rules = fn(&mut Group) -> &mut Vec<Rule>;
        let (inbound, outbound): (Rules, Rules) = (|group| &mut group.inbound, |group| &mut group.outbound);
        for (id, rules, port, word) in [
            ("sg-alb", inbound, 443, "no rule lets clients in at the load balancer on port 443"),
            ("sg-alb", outbound, 8000, "the load balancer may not go out to the tasks on port 8000"),
            ("sg-ecs", inbound, 8000, "no rule lets the load balancer in at the tasks on port 8000"),
            ("sg-ecs", outbound, 3306, "the tasks may not go out to the database on port 3306"),
            ("sg-ecs", outbound, 443, "the tasks may not go out to the internet on port 443"),
            ("sg-rds", inbound, 3306, "no rule lets the tasks in at the database on port 3306"),
        ] {
            let why = why(|groups| rules(groups.get_mut(id).unwrap()).retain(|rule| !rule.covers(port)));
            assert!(why.starts_with(word), "{why}");
        }
        assert!(why(|groups| drop(groups.remove("sg-rds"))).contains("sg-rds is gone"));
    }

    #[test]
    fn a_range_counts_only_if_it_holds_all_addresses() {
        let narrow = |range: &str| {
            let mut facts = samples::good();
            let rule = &mut facts.look.groups.as_mut().unwrap().get_mut("sg-ecs").unwrap().inbound[0];
            rule.group_ids.clear();
            rule.cidrs = vec![range.parse().unwrap()];
            groups(&facts).is_ok()
        };
        assert!(narrow("10.0.0.0/16") && !narrow("10.0.0.0/24"));
    }
}
