//! Zone, delegation, authorities, record.

use super::{Judged, not_needed, read};
use crate::model::Address;
use crate::preflight::Facts;
use crate::preflight::dns::plain;
use crate::preflight::report::Finding;
use crate::verify::probe::dns::NameFailure;
use std::collections::BTreeSet;

/// What ACM answers to in CAA records. <https://docs.aws.amazon.com/acm/latest/userguide/setup-caa.html>
const AMAZON: &[&str] = &["amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com"];

pub(super) fn hosted_zone(facts: &Facts) -> Judged {
    let (Some((name, id)), Some(asked)) = (&facts.wish.hosted_zone, &facts.asked.hosted_zone) else {
        return Ok("someone else makes the record".to_owned());
    };
    let Some(zone) = read(asked, facts)? else {
        let next = "list the zones that there are with `aws route53 list-hosted-zones-by-name`";
        return Err(Finding::new(format!("the hosted zone {id} of {name} is gone"), next).fails());
    };
    let sort = if zone.private { "private" } else { "public" };
    if zone.private && !facts.wish.is_internal {
        let why = format!("{id} of {name} is private: nobody outside its VPCs would find the server");
        let next = "use a public zone, or set `ingress.scheme = \"internal\"`";
        return Err(Finding::new(why, next).fails());
    }
    if !zone.private && facts.wish.is_internal {
        let why = format!("{id} of {name} is public: it will tell everyone the load balancer's private addresses");
        return Err(Finding::new(why, "use a private zone of that name if this is not wanted").warns());
    }
    Ok(format!("{name} ({id}, {sort})"))
}

pub(super) fn delegation(facts: &Facts) -> Judged {
    let (Some((name, _)), Some(Ok(Some(zone)))) = (&facts.wish.hosted_zone, &facts.asked.hosted_zone) else {
        return not_needed();
    };
    if zone.private {
        return Ok("a private zone needs none".to_owned());
    }
    let own: BTreeSet<String> = zone.name_servers.iter().map(|server| plain(server)).collect();
    let next = format!("set these name servers where {name} is registered: {}", listed(&own));
    let told: BTreeSet<String> = match &facts.outside.name_servers {
        None => return not_needed(),
        Some(Ok(told)) => told.iter().map(|server| plain(server)).collect(),
        Some(Err(NameFailure::Absent)) => {
            return Err(Finding::new(format!("the domain {name} leads nowhere: it has no name servers"), next).fails());
        }
        Some(Err(NameFailure::Unknown(why))) => {
            let why = format!("the resolvers did not say who is in charge of {name} ({why})");
            return Err(Finding::new(why, "try another network").unknown());
        }
    };
    if told == own {
        return Ok(format!("{} name servers of {name} agree", own.len()));
    }
    let seen = [format!("public DNS says {}", listed(&told)), format!("the zone has {}", listed(&own))];
    otherwise(name, &told, &own, facts).map_err(|led| match led {
        Led::There(how) => {
            let why = format!("the domain {name} names other name servers than its hosted zone has, and leads to it");
            Finding::new(why, format!("if this is not meant: {next}")).seen(seen).seen([how]).warns()
        }
        Led::Nowhere => {
            let why = format!("the domain {name} leads to other name servers than those of its hosted zone");
            Finding::new(why, next).seen(seen).fails()
        }
        Led::Untold(why) => {
            let why = format!("the domain {name} names other name servers than its hosted zone has, and {why}");
            Finding::new(why, next).seen(seen).unknown()
        }
    })
}

/// Where a domain leads whose name servers are not those of its zone by name.
enum Led {
    /// To the zone; how that shows.
    There(String),
    /// Nothing shows that it leads to the zone.
    Nowhere,
    /// It could not be looked for.
    Untold(String),
}

/// `Ok`: each public name server is one of the zone's own under another name.
fn otherwise(name: &str, told: &BTreeSet<String>, own: &BTreeSet<String>, facts: &Facts) -> Result<String, Led> {
    let traces = facts.outside.traces.clone().unwrap_or_default();
    let aliases: BTreeSet<String> = traces.aliases.iter().map(|(server, _)| server.clone()).collect();
    if told.iter().all(|server| own.contains(server) || aliases.contains(server)) {
        let named = traces.aliases.iter().map(|(server, namesake)| format!("{server} is {namesake}"));
        let shared = told.intersection(own).cloned();
        let all: Vec<String> = shared.chain(named).collect();
        return if aliases.is_empty() {
            Err(Led::There(format!("some agree: {}", all.join(", "))))
        } else {
            Ok(all.join(", "))
        };
    }
    let shared: BTreeSet<String> = told.intersection(own).chain(&aliases).cloned().collect();
    match &traces.primary {
        _ if !shared.is_empty() => Err(Led::There(format!("some agree: {}", listed(&shared)))),
        Some(Ok(primary)) if own.contains(primary) => {
            Err(Led::There(format!("the SOA record of {name} is the zone's: it names {primary}")))
        }
        Some(Err(NameFailure::Unknown(why))) => {
            Err(Led::Untold(format!("the resolvers did not say whose they are ({why})")))
        }
        _ => Err(Led::Nowhere),
    }
}

fn listed(servers: &BTreeSet<String>) -> String {
    servers.iter().cloned().collect::<Vec<_>>().join(", ")
}

pub(super) fn caa(facts: &Facts) -> Judged {
    let records = match &facts.outside.caa {
        None => return not_needed(),
        Some(Ok(records)) => records,
        Some(Err(NameFailure::Unknown(why))) => {
            let why = format!("the resolvers did not say who may issue for {} ({why})", facts.wish.host);
            return Err(Finding::new(why, "try another network").unknown());
        }
        Some(Err(NameFailure::Absent)) => return Ok("no CAA records: anyone may".to_owned()),
    };
    let issuers: Vec<&str> =
        records.iter().filter(|record| record.tag == "issue").map(|record| record.value.as_str()).collect();
    // Without `issue` records a set of CAA records restricts nothing.
    if issuers.is_empty() || issuers.iter().any(|issuer| AMAZON.contains(issuer)) {
        return Ok(if issuers.is_empty() { "no CAA records: anyone may".into() } else { issuers.join(", ") });
    }
    let at = records.first().map(|record| record.at.as_str()).unwrap_or_default();
    let named: Vec<&str> =
        issuers.into_iter().map(|issuer| if issuer.is_empty() { "nobody" } else { issuer }).collect();
    let why = format!("the CAA records of {at} let {} issue certificates, not Amazon", named.join(", "));
    Err(Finding::new(why, format!("add this record to {at}: {at} CAA 0 issue \"amazon.com\"")).fails())
}

pub(super) fn record(facts: &Facts) -> Judged {
    let taken = facts.wish.foreign.iter().find(|(address, _)| is_record(address));
    if let Some((_, whose)) = taken {
        let next = "delete that record if nobody needs it, or choose another `zenml.server_url`";
        return Err(Finding::new(whose.clone(), next).fails());
    }
    let host = &facts.wish.host;
    match &facts.outside.host {
        None => Ok(format!("{host} is free or ours")),
        Some(Err(NameFailure::Absent)) => Ok(format!("{host} does not exist yet")),
        Some(Err(NameFailure::Unknown(why))) => {
            let why = format!("the resolvers did not say where {host} leads ({why})");
            Err(Finding::new(why, "try another network").unknown())
        }
        Some(Ok(addresses)) if facts.wish.makes("elb.load_balancer") => {
            let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            let why = format!("{host} leads to {} already", addresses.join(", "));
            Err(Finding::new(why, "point it at the load balancer when `hybridctl up` has printed its name").warns())
        }
        Some(Ok(_)) => Ok(format!("{host} is there")),
    }
}

pub(super) fn is_record(address: &Address) -> bool {
    address.kind == "route53.record"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::dns::{Caa, Traces};
    use crate::preflight::report::Status;
    use crate::preflight::samples::{failing, good};

    fn zone(facts: &mut Facts) -> &mut crate::aws::ask::front::HostedZone {
        facts.asked.hosted_zone.as_mut().unwrap().as_mut().unwrap().as_mut().unwrap()
    }

    #[test]
    fn a_zone_must_be_there_and_seen_by_those_who_ask() {
        let mut facts = good();
        zone(&mut facts).private = true;
        assert!(failing(hosted_zone(&facts)).why.contains("Z1 of x.com is private"));
        assert_eq!(delegation(&facts), Ok("a private zone needs none".into()));
        facts.wish.is_internal = true;
        assert!(hosted_zone(&facts).is_ok());
        zone(&mut facts).private = false;
        assert!(matches!(hosted_zone(&facts), Err(Status::Warn(_))));
        facts.asked.hosted_zone = Some(Ok(None));
        assert_eq!(failing(hosted_zone(&facts)).why, "the hosted zone Z1 of x.com is gone");
    }

    #[test]
    fn a_domain_that_leads_elsewhere_is_refused_with_the_name_servers_to_set() {
        let mut facts = good();
        facts.outside.name_servers = Some(Ok(vec!["NS1.registrar.net.".into()]));
        let finding = failing(delegation(&facts));
        assert!(finding.why.contains("leads to other name servers"), "{finding:?}");
        assert!(finding.next.contains("ns-1.awsdns-01.org, ns-2.awsdns-02.com"), "{finding:?}");
        assert_eq!(finding.evidence[0], "public DNS says ns1.registrar.net");
        facts.outside.traces = Some(Traces { primary: Some(Ok("ns1.registrar.net".into())), aliases: vec![] });
        failing(delegation(&facts));
        facts.outside.traces = Some(Traces { primary: Some(Err(NameFailure::Unknown("x".into()))), aliases: vec![] });
        assert!(matches!(delegation(&facts), Err(Status::Unknown(_))));
        facts.outside.name_servers = Some(Err(NameFailure::Absent));
        assert!(failing(delegation(&facts)).why.contains("leads nowhere"));
        facts.outside.name_servers = Some(Err(NameFailure::Unknown("timeout".into())));
        assert!(matches!(delegation(&facts), Err(Status::Unknown(_))));
    }

    #[test]
    fn other_names_for_the_zones_own_servers_lead_to_it_all_the_same() {
        let judged = |told: &[&str], traces: Traces| {
            let mut facts = good();
            facts.outside.name_servers = Some(Ok(told.iter().map(|server| (*server).to_owned()).collect()));
            facts.outside.traces = Some(traces);
            delegation(&facts)
        };
        let vanity = ("ns1.x.com".to_owned(), "ns-1.awsdns-01.org".to_owned());
        let traces = Traces { primary: None, aliases: vec![vanity.clone()] };
        assert_eq!(judged(&["ns1.x.com."], traces.clone()), Ok("ns1.x.com is ns-1.awsdns-01.org".into()));
        let Err(Status::Warn(finding)) = judged(&["ns1.x.com", "ns.elsewhere.net"], traces) else { panic!() };
        assert_eq!(finding.evidence[2], "some agree: ns1.x.com");
        // Two of four, as after a change at the registrar that was not finished.
        let Err(Status::Warn(finding)) = judged(&["ns-1.awsdns-01.org"], Traces::default()) else { panic!() };
        assert_eq!(finding.evidence[2], "some agree: ns-1.awsdns-01.org");
        // Somebody edited the NS records of the zone itself.
        let edited = Traces { primary: Some(Ok("ns-2.awsdns-02.com".into())), aliases: vec![] };
        let Err(Status::Warn(finding)) = judged(&["ns.elsewhere.net"], edited) else { panic!() };
        assert!(finding.evidence[2].contains("SOA record of x.com is the zone's"), "{finding:?}");
        assert!(finding.next.contains("ns-1.awsdns-01.org, ns-2.awsdns-02.com"), "{finding:?}");
    }

    #[test]
    fn authorities_that_leave_amazon_out_are_told_with_the_record_to_add() {
        let record = |tag: &str, value: &str| Caa { at: "x.com".into(), tag: tag.into(), value: value.into() };
        let judged = |records: Vec<Caa>| {
            let mut facts = good();
            facts.outside.caa = Some(Ok(records));
            caa(&facts)
        };
        let finding = failing(judged(vec![record("issue", "letsencrypt.org"), record("issuewild", "amazon.com")]));
        assert_eq!(finding.why, "the CAA records of x.com let letsencrypt.org issue certificates, not Amazon");
        assert!(finding.next.ends_with("x.com CAA 0 issue \"amazon.com\""));
        assert!(failing(judged(vec![record("issue", "")])).why.contains("let nobody issue"));
        for issuer in AMAZON {
            assert!(judged(vec![record("issue", "letsencrypt.org"), record("issue", issuer)]).is_ok());
        }
        assert!(judged(vec![record("iodef", "mailto:a@x.com")]).is_ok() && judged(vec![]).is_ok());
    }

    #[test]
    fn a_record_of_somebody_else_is_refused_in_our_zone_and_a_warning_elsewhere() {
        let mut facts = good();
        let whose = "the A record of zenml.x.com exists already and points to 192.0.2.1".to_owned();
        facts.wish.foreign.insert(Address::new("route53.record", "endpoint"), whose.clone());
        assert_eq!(failing(record(&facts)).why, whose);
        let mut facts = good();
        facts.wish.hosted_zone = None;
        facts.outside.host = Some(Ok(vec!["192.0.2.1".parse().unwrap()]));
        let Err(Status::Warn(finding)) = record(&facts) else { panic!() };
        assert_eq!(finding.why, "zenml.x.com leads to 192.0.2.1 already");
        facts.outside.host = Some(Err(NameFailure::Absent));
        assert!(record(&facts).is_ok());
    }
}
