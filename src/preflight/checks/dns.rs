//! Zone, delegation, authorities, record.

use super::{Judged, not_needed, read};
use crate::model::Address;
use crate::preflight::Facts;
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
    let own: BTreeSet<String> = zone.name_servers.iter().cloned().collect();
    let listed = |servers: &BTreeSet<String>| servers.iter().cloned().collect::<Vec<_>>().join(", ");
    let next = format!("set these name servers where {name} is registered: {}", listed(&own));
    let told = match &facts.outside.name_servers {
        None => return not_needed(),
        Some(Ok(told)) => {
            told.iter().map(|server| server.trim_end_matches('.').to_lowercase()).collect::<BTreeSet<_>>()
        }
        Some(Err(NameFailure::Absent)) => {
            return Err(Finding::new(format!("the domain {name} leads nowhere: it has no name servers"), next).fails());
        }
        Some(Err(NameFailure::Unknown(why))) => {
            let why = format!("the resolvers did not say who is in charge of {name} ({why})");
            return Err(Finding::new(why, "try another network").unknown());
        }
    };
    match told == own {
        true => Ok(format!("{} name servers of {name} agree", own.len())),
        false => {
            let why = format!("the domain {name} leads to other name servers than those of its hosted zone");
            let seen = [format!("public DNS says {}", listed(&told)), format!("the zone says {}", listed(&own))];
            Err(Finding::new(why, next).seen(seen).fails())
        }
    }
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
    use crate::preflight::dns::Caa;
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
        facts.outside.name_servers = Some(Err(NameFailure::Absent));
        assert!(failing(delegation(&facts)).why.contains("leads nowhere"));
        facts.outside.name_servers = Some(Err(NameFailure::Unknown("timeout".into())));
        assert!(matches!(delegation(&facts), Err(Status::Unknown(_))));
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
