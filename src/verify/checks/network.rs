//! Routes: out of the private subnets, and to the load balancer.

use super::{Judged, UP, compute, front, seen};
use crate::aws::look::network::{Network, RouteTable};
use crate::report::words::count;
use crate::verify::Facts;
use crate::verify::report::{Fail, Status};

/// Free addresses below which the next task may get none.
const FEW: i32 = 2;

pub(super) fn route(facts: &Facts) -> Judged {
    let service = compute::place_of(facts)?;
    let network = seen(&facts.look.network, facts)?;
    let (mut ways, mut wrong) = (vec![], vec![]);
    for subnet in service.subnet_ids {
        match way_out(network, subnet, service.has_public_ip) {
            Ok(way) => ways.push(way),
            Err(why) => wrong.push(why),
        }
    }
    let full = service.subnet_ids.iter().filter_map(|id| Some((id, network.subnets.get(id)?)));
    let full = full.filter(|(_, subnet)| subnet.free_addresses < FEW);
    let full: Vec<String> =
        full.map(|(id, subnet)| format!("{id} has {} free addresses", subnet.free_addresses)).collect();
    let kinds = [(!wrong.is_empty()).then_some("route.way"), (!full.is_empty()).then_some("route.addresses")];
    wrong.extend(full);
    if wrong.is_empty() {
        ways.sort();
        ways.dedup();
        return Ok(format!("{} by {}", count(service.subnet_ids.len(), "subnet"), ways.join(", ")));
    }
    let why = format!("the next task cannot start: {}", wrong[0]);
    Err(Fail::new(why).next(UP).classes(kinds.into_iter().flatten()).seen(wrong).into())
}

/// What a task's packets to the internet leave by.
fn way_out(network: &Network, subnet: &str, has_public_ip: bool) -> Result<String, String> {
    let (table, target) = default_route(network, subnet)?;
    if target.starts_with("igw-") {
        return match has_public_ip {
            true => Ok(target.to_owned()),
            false => {
                Err(format!("{subnet} leads to {target}, but tasks have no public address: they need a NAT gateway"))
            }
        };
    }
    if !target.starts_with("nat-") {
        return Ok(format!("{target} (not looked behind)"));
    }
    let Some(nat) = network.nats.get(target) else {
        return Err(format!("{} leads {subnet} to {target}, which is gone", table.id));
    };
    if nat.state != "available" {
        return Err(format!("{} leads {subnet} to {target}, which is `{}`", table.id, nat.state));
    }
    match default_route(network, &nat.subnet_id) {
        Ok((_, onward)) if onward.starts_with("igw-") => Ok(target.to_owned()),
        Ok((_, onward)) => {
            Err(format!("{target} is in {}, which leads to {onward} instead of an internet gateway", nat.subnet_id))
        }
        Err(why) => Err(format!("{target} has no way on: {why}")),
    }
}

/// The subnet's route table, and where its default route leads.
fn default_route<'n>(network: &'n Network, subnet: &str) -> Result<(&'n RouteTable, &'n str), String> {
    let own = network.tables.iter().find(|table| table.subnet_ids.iter().any(|id| id == subnet));
    let Some(table) = own.or_else(|| network.tables.iter().find(|table| table.is_main)) else {
        return Err(format!("{subnet} has no route table"));
    };
    match &table.default {
        None => {
            let which = if own.is_some() { "its table" } else { "the main table, which it fell back to," };
            Err(format!("{subnet} has no route to the internet: {which} {} has no route for 0.0.0.0/0", table.id))
        }
        Some((target, false)) => Err(format!("{} leads {subnet} into a black hole: {target} is gone", table.id)),
        Some((target, true)) => Ok((table, target)),
    }
}

pub(super) fn public_route(facts: &Facts) -> Judged {
    let balancer = front::balancer_of(facts)?;
    if balancer.is_internal {
        return Ok("internal: needs none".into());
    }
    if facts.expect.is_internal {
        let why = "the load balancer is on the internet although the config says internal";
        return Err(Fail::new(why).next(UP).into());
    }
    let network = seen(&facts.look.network, facts)?;
    let judge = |subnet: &String| match default_route(network, subnet) {
        Ok((_, target)) if target.starts_with("igw-") => None,
        Ok((_, target)) => Some(format!("{subnet} leads to {target} instead of an internet gateway")),
        Err(why) => Some(why),
    };
    let wrong: Vec<String> = balancer.subnet_ids.iter().filter_map(judge).collect();
    match wrong.first() {
        None if balancer.subnet_ids.is_empty() => Err(Status::Skip("the load balancer names no subnets".into())),
        None => Ok(format!("{} by an internet gateway", count(balancer.subnet_ids.len(), "subnet"))),
        Some(first) => {
            let why = format!("answers of the load balancer do not get out: {first}");
            Err(Fail::new(why).next(UP).seen(wrong.clone()).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::samples;

    fn why(with: impl FnOnce(&mut Network)) -> String {
        let mut facts = samples::good();
        with(facts.look.network.as_mut().unwrap());
        match route(&facts) {
            Err(Status::Fail(fail)) => fail.why,
            other => panic!("{other:?}"),
        }
    }

    // igw ← public table ← nat ← private table ← task
    #[test]
    fn every_link_of_the_way_out_is_looked_at() {
        let private = |network: &Network| network.tables.iter().position(|table| table.id == "rtb-private").unwrap();
        for (why, word) in [
            (
                why(|n| {
                    let at = private(n);
                    n.tables[at].default = None
                }),
                "no route for 0.0.0.0/0",
            ),
            (
                why(|n| {
                    let at = private(n);
                    n.tables[at].default = Some(("nat-1".into(), false))
                }),
                "black hole",
            ),
            (
                why(|n| {
                    let at = private(n);
                    n.tables[at].default = Some(("igw-1".into(), true))
                }),
                "no public address",
            ),
            (
                why(|n| {
                    let at = private(n);
                    n.tables.remove(at);
                }),
                "main table",
            ),
            (why(|n| n.nats.clear()), "nat-1, which is gone"),
            (why(|n| n.nats.get_mut("nat-1").unwrap().state = "failed".into()), "`failed`"),
            (
                why(|n| {
                    for t in &mut n.tables {
                        if t.id == "rtb-public" {
                            t.default = None
                        }
                    }
                }),
                "no way on",
            ),
            (why(|n| n.subnets.values_mut().for_each(|subnet| subnet.free_addresses = 0)), "0 free addresses"),
        ] {
            assert!(why.contains(word), "{why}");
        }
    }

    #[test]
    fn the_load_balancers_subnets_need_the_internet_gateway() {
        let mut facts = samples::good();
        for table in &mut facts.look.network.as_mut().unwrap().tables {
            table.default = None;
        }
        assert!(matches!(public_route(&facts), Err(Status::Fail(_))));
        facts.look.balancer.as_mut().unwrap().as_mut().unwrap().is_internal = true;
        assert!(public_route(&facts).is_ok());
    }
}
