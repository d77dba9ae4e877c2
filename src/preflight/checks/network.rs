//! Zones and address ranges.

use super::{Judged, not_needed, read};
use crate::preflight::Facts;
use crate::preflight::report::Finding;
use ipnet::Ipv4Net;
use std::collections::BTreeSet;

/// What stands in a zone. Without one of them to be made, a zone in trouble is no reason against a change.
const IN_ZONES: &[&str] = &["ec2.subnet", "ec2.nat_gateway", "elb.load_balancer", "rds.instance"];

pub(super) fn zones(facts: &Facts) -> Judged {
    if !IN_ZONES.iter().any(|kind| facts.wish.makes(kind)) {
        return not_needed();
    }
    let known = read(&facts.asked.zones, facts)?;
    let usable: BTreeSet<&str> =
        known.iter().filter(|zone| zone.opted_in && zone.state == "available").map(|zone| zone.name.as_str()).collect();
    let wanted = &facts.wish.zones;
    let unusable: Vec<String> = wanted
        .iter()
        .filter(|zone| !usable.contains(zone.as_str()))
        .map(|zone| match known.iter().find(|known| known.name == *zone) {
            None => format!("{zone} is not there"),
            Some(known) if !known.opted_in => format!("{zone} is not opted in to"),
            Some(known) => format!("{zone} is {}", known.state),
        })
        .collect();
    if unusable.is_empty() {
        return Ok(wanted.join(", "));
    }
    let usable: Vec<&str> = usable.into_iter().collect();
    let next = format!("set `network.zones` to zones among {}", usable.join(", "));
    Err(Finding::new(unusable.join(", "), next).fails())
}

/// Overlapping networks work apart; they can never be connected.
pub(super) fn cidr(facts: &Facts) -> Judged {
    let (Some(range), Some(vpcs), Some(peerings)) = (facts.wish.range, &facts.asked.vpcs, &facts.asked.peerings) else {
        return not_needed();
    };
    let overlaps = |other: &Ipv4Net| range.contains(other) || other.contains(&range);
    let mut found: Vec<String> = read(vpcs, facts)?
        .iter()
        .filter(|vpc| !facts.wish.own_vpcs.contains(&vpc.id) && vpc.ranges.iter().any(overlaps))
        .map(|vpc| {
            let name = vpc.name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
            format!("{}{name} has {}", vpc.id, listed(&vpc.ranges))
        })
        .collect();
    let peered = read(peerings, facts)?.iter().filter(|peering| peering.ranges.iter().any(overlaps));
    found.extend(peered.map(|peering| {
        format!("{} connects {} ({})", peering.id, peering.vpc_ids.join(" and "), listed(&peering.ranges))
    }));
    if found.is_empty() {
        return Ok(range.to_string());
    }
    let why = format!("{range} overlaps {} of the account's networks: they can never be connected", found.len());
    let next = "if they are to be peered or to share a transit gateway one day, choose another `network.cidr`: it cannot be \
                changed later";
    Err(Finding::new(why, next).seen(found).warns())
}

fn listed(ranges: &[Ipv4Net]) -> String {
    let distinct: BTreeSet<String> = ranges.iter().map(ToString::to_string).collect();
    distinct.into_iter().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::ask::network::{Peering, Vpc};
    use crate::preflight::report::Status;
    use crate::preflight::samples::{failing, good};

    #[test]
    fn a_zone_that_is_gone_impaired_or_not_opted_in_to_is_refused() {
        let mut facts = good();
        let zones = facts.asked.zones.as_mut().unwrap();
        zones[0].state = "impaired".into();
        zones[1].opted_in = false;
        facts.wish.zones.push("eu-central-1z".into());
        let finding = failing(super::zones(&facts));
        assert_eq!(
            finding.why,
            "eu-central-1a is impaired, eu-central-1b is not opted in to, eu-central-1z is not there"
        );
        assert!(finding.next.ends_with("among eu-central-1c"));
        // A change that puts nothing into a zone goes on while the zone is in trouble.
        facts.wish.made.clear();
        assert_eq!(super::zones(&facts), Ok("not needed for this plan".into()));
    }

    #[test]
    fn an_overlap_with_a_vpc_or_a_peering_is_a_warning_that_names_it() {
        let range = |text: &str| text.parse::<Ipv4Net>().unwrap();
        let vpc = |id: &str, text: &str| Vpc { id: id.into(), name: Some("old".into()), ranges: vec![range(text)] };
        let mut facts = good();
        facts.asked.vpcs =
            Some(Ok(vec![vpc("vpc-1", "10.0.128.0/20"), vpc("vpc-2", "172.31.0.0/16"), vpc("vpc-9", "10.0.0.0/8")]));
        facts.wish.own_vpcs = ["vpc-9".to_owned()].into();
        let peering = Peering {
            id: "pcx-1".into(),
            vpc_ids: vec!["vpc-2".into(), "vpc-far".into()],
            ranges: vec![range("172.31.0.0/16"), range("10.0.0.0/12")],
        };
        facts.asked.peerings = Some(Ok(vec![peering]));
        let Err(Status::Warn(finding)) = cidr(&facts) else { panic!() };
        assert!(finding.why.starts_with("10.0.0.0/16 overlaps 2 of"), "{finding:?}");
        assert_eq!(finding.evidence[0], "vpc-1 (old) has 10.0.128.0/20");
        assert_eq!(finding.evidence[1], "pcx-1 connects vpc-2 and vpc-far (10.0.0.0/12, 172.31.0.0/16)");
        facts.wish.range = None;
        assert!(cidr(&facts).is_ok());
    }
}
