//! The name: whether it is there, and leads to the load balancer.

use super::front::{balancer, out_of_reach, targets};
use super::{Judged, UP, information, seen};
use crate::verify::Facts;
use crate::verify::probe::dns::NameFailure;
use crate::verify::report::{Fail, Status};
use std::net::IpAddr;

pub(super) fn dns(facts: &Facts) -> Judged {
    let host = &facts.expect.host;
    let dns_name = balancer(facts).ok().flatten().map(|balancer| balancer.dns_name.as_str());
    let record = |name: &str| format!("{host} → {name} (CNAME, or an alias A record)");
    let addresses = match &facts.endpoint.name {
        None => return Err(Status::Skip("the name was not looked up".into())),
        Some(Ok(addresses)) => addresses,
        Some(Err(NameFailure::Unknown(why))) => {
            return Err(Status::Skip(format!(
                "the resolvers did not say where {host} is ({why}): try another network"
            )));
        }
        Some(Err(NameFailure::Absent)) if facts.endpoint.zone == Some(Err(NameFailure::Absent)) => {
            let zone = facts.expect.zone.as_deref().unwrap_or_default();
            let why = format!("the zone {zone} is not delegated: public DNS knows no name servers of it");
            let next = format!(
                "enter the zone's name servers (`aws route53 list-hosted-zones-by-name --dns-name {zone}`, then \
                 `get-hosted-zone`) where {zone} is registered"
            );
            return Err(Fail::new(why).next(next).class("dns.delegation").into());
        }
        Some(Err(NameFailure::Absent)) if facts.expect.is_internal && !facts.expect.has_external_dns => {
            return hidden(facts, dns_name);
        }
        Some(Err(NameFailure::Absent)) => {
            let next = match dns_name {
                Some(name) if facts.expect.has_external_dns => {
                    format!("make this record where the domain is looked after: {}", record(name))
                }
                _ => UP.to_owned(),
            };
            return Err(Fail::new(format!("the name {host} does not exist")).next(next).class("dns.absent").into());
        }
    };
    let found = listed(addresses);
    // A load balancer may answer with other addresses each time; a CNAME that names it needs none.
    let is_alias = |name: &str| facts.endpoint.aliases.iter().any(|alias| is_same_name(alias, name));
    match (&facts.endpoint.balancer, dns_name) {
        (Some(Ok(own)), Some(name)) if !own.iter().any(|at| addresses.contains(at)) && !is_alias(name) => {
            // A proxy in front is a choice where someone else makes the record, as long as it leads here in the end.
            if facts.expect.has_external_dns {
                match information::is_this_workspace(facts) {
                    true => {
                        return Ok(format!(
                            "{host} → {found}, which is not the load balancer itself ({})",
                            listed(own)
                        ));
                    }
                    false if targets(facts).is_err() || out_of_reach(facts).is_some() => {
                        return Ok(format!(
                            "{host} → {found}: whether it leads to the load balancer cannot be told now"
                        ));
                    }
                    false => {}
                }
                let seen = [format!("{host} → {found}"), format!("{name} → {}", listed(own))];
                let next = format!("change the record where the domain is looked after: {}", record(name));
                let why = format!("{host} leads somewhere else, and what answers there is not this workspace");
                return Err(Fail::new(why).next(next).class("dns.elsewhere").seen(seen).into());
            }
            let seen = [format!("{host} → {found}"), format!("{name} → {}", listed(own))];
            let why = format!("{host} leads somewhere else than the load balancer");
            Err(Fail::new(why).next(UP).class("dns.elsewhere").seen(seen).into())
        }
        _ => Ok(format!("{host} → {found}")),
    }
}

/// The name is not known here, and need not be: it may stand in a private zone, or be held back by a resolver that lets no private
/// addresses through. Route 53 is asked for its record instead.
fn hidden(facts: &Facts, dns_name: Option<&str>) -> Judged {
    let host = &facts.expect.host;
    let from = "run `hybridctl verify` inside the VPC or over the VPN";
    match (seen(&facts.look.record, facts)?, dns_name) {
        (Some(leads), _) if leads.is_empty() => {
            let why = format!("the name {host} does not exist: Route 53 has no record of it");
            Err(Fail::new(why).next(UP).class("dns.absent").into())
        }
        (Some(leads), Some(name)) if !leads.iter().any(|lead| is_same_name(lead, name)) => {
            let seen = [format!("{host} → {}", leads.join(", ")), format!("the load balancer is {name}")];
            let why = format!("the record of {host} leads somewhere else than the load balancer");
            Err(Fail::new(why).next(UP).class("dns.record").seen(seen).into())
        }
        (Some(leads), _) => Err(Status::Skip(format!(
            "{host} is not known here (internal load balancer); its record in Route 53 leads to {}: {from}",
            leads.join(", ")
        ))),
        (None, _) => Err(Status::Skip(format!("{host} is not known here (internal load balancer): {from}"))),
    }
}

fn is_same_name(one: &str, other: &str) -> bool {
    one.trim_start_matches("dualstack.").eq_ignore_ascii_case(other.trim_start_matches("dualstack."))
}

fn listed(addresses: &[IpAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::probe::tls::Broken;
    use crate::verify::samples;

    fn failed(facts: &Facts) -> Fail {
        match dns(facts) {
            Err(Status::Fail(fail)) => fail,
            other => panic!("{other:?}"),
        }
    }

    fn elsewhere() -> Facts {
        let mut facts = samples::good();
        facts.endpoint.name = Some(Ok(vec!["192.0.2.1".parse().unwrap()]));
        facts
    }

    #[test]
    fn a_name_that_is_absent_or_leads_elsewhere_is_told() {
        let mut facts = samples::good();
        facts.endpoint.name = Some(Ok(vec!["192.0.2.1".parse().unwrap()]));
        assert!(matches!(dns(&facts), Err(Status::Fail(_))));
        facts.endpoint.name = Some(Err(NameFailure::Absent));
        facts.expect.has_external_dns = true;
        let Err(Status::Fail(fail)) = dns(&facts) else { panic!("passed") };
        assert!(fail.next.contains("CNAME"), "{fail:?}");
    }

    /// Somebody else makes the record: a proxy in front is fine as long as the workspace answers behind it.
    #[test]
    fn an_external_name_may_lead_to_a_proxy_and_not_to_something_else() {
        let mut facts = elsewhere();
        facts.expect.has_external_dns = true;
        assert!(dns(&facts).unwrap().contains("not the load balancer itself"));
        for change in [
            (|facts| facts.endpoint.answers.clear()) as fn(&mut Facts),
            |facts| drop(facts.endpoint.answers.insert("info", Err("late".into()))),
            |facts| facts.endpoint.answers = samples::with_info("pro_workspace_id", "0".into()).endpoint.answers,
        ] {
            let mut facts = facts.clone();
            change(&mut facts);
            let fail = failed(&facts);
            assert!(fail.class == Some("dns.elsewhere") && fail.next.contains("lb.elb.amazonaws.com"), "{fail:?}");
            // Behind a proxy a server that is down does not answer either.
            facts.look.targets.as_mut().unwrap().as_mut().unwrap().targets[0].state = "unhealthy".into();
            assert!(dns(&facts).unwrap().contains("cannot be told now"));
        }
    }

    #[test]
    fn a_cname_that_names_the_load_balancer_leads_to_it_whatever_its_addresses_are_just_now() {
        let mut facts = elsewhere();
        facts.endpoint.aliases = vec!["dualstack.LB.elb.amazonaws.com".into()];
        assert!(dns(&facts).is_ok());
    }

    /// A private zone shows in the VPC only.
    #[test]
    fn an_internal_name_that_is_not_known_here_is_looked_for_where_it_is_kept() {
        let with = |record: Option<&[&str]>| {
            let mut facts = samples::good();
            facts.expect.is_internal = true;
            facts.look.balancer.as_mut().unwrap().as_mut().unwrap().is_internal = true;
            facts.endpoint.name = Some(Err(NameFailure::Absent));
            facts.endpoint.handshakes =
                vec![("10.0.0.5".parse().unwrap(), Err(Broken::Unreachable("no answer".into())))];
            facts.endpoint.answers.clear();
            facts.look.record = Ok(record.map(|leads| leads.iter().map(|lead| (*lead).to_owned()).collect()));
            facts
        };
        for record in [None, Some(&["lb.elb.amazonaws.com"][..])] {
            let facts = with(record);
            let Err(Status::Skip(why)) = dns(&facts) else { panic!("{record:?}") };
            assert!(why.contains("inside the VPC"), "{why}");
            assert!(crate::verify::judge(&facts).passed());
        }
        assert_eq!(failed(&with(Some(&[]))).class, Some("dns.absent"));
        assert_eq!(failed(&with(Some(&["other.elb.amazonaws.com"]))).class, Some("dns.record"));
        let mut facts = with(None);
        facts.endpoint.handshakes.clear();
        (facts.endpoint.balancer, facts.endpoint.plain) = (Some(Err(NameFailure::Absent)), None);
        assert!(crate::verify::judge(&facts).passed(), "{}", crate::verify::judge(&facts).text());
    }
}
