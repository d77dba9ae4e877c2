//! What RDS can give.

use super::{Judged, day, not_needed, read};
use crate::aws::ask::database::Offer;
use crate::preflight::Facts;
use crate::preflight::report::Finding;
use std::collections::BTreeSet;

/// End of standard support where RDS does not tell: version and day. From AWS's announcement, read 2026-11-20.
const KNOWN_ENDS: &[(&str, &str)] = &[("8.0", "2026-07-31")];
/// Time to plan an upgrade in.
const SOON_SECS: i64 = 180 * 24 * 3600;

/// `8.4` is every `8.4.…`.
fn is_of(version: &str, wanted: &str) -> bool {
    version == wanted || version.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('.'))
}

fn major(version: &str) -> String {
    version.split('.').take(2).collect::<Vec<_>>().join(".")
}

pub(super) fn version(facts: &Facts) -> Judged {
    let (Some(wanted), Some(versions)) = (&facts.wish.database, &facts.asked.versions) else { return not_needed() };
    let versions = read(versions, facts)?;
    let wanted = &wanted.version;
    if let Some(newest) = versions.iter().rfind(|version| is_of(version, wanted)) {
        return Ok(newest.clone());
    }
    let of_series: Vec<&str> = versions.iter().map(String::as_str).filter(|v| is_of(v, &major(wanted))).collect();
    let offered = if of_series.is_empty() { versions.iter().map(String::as_str).collect() } else { of_series };
    let next = format!("set `database.engine_version` to one of {}", offered.join(", "));
    Err(Finding::new(format!("RDS has no MySQL {wanted} in {}", facts.wish.region), next).fails())
}

pub(super) fn support(facts: &Facts) -> Judged {
    let (Some(wanted), Some(support)) = (&facts.wish.database, &facts.asked.support) else { return not_needed() };
    let series = major(&wanted.version);
    let told = support.as_ref().ok().and_then(|all| all.iter().find(|one| one.major == series)).map(|one| one.until);
    let known = KNOWN_ENDS.iter().find(|(known, _)| *known == series).map(|(_, end)| *end);
    let known =
        known.and_then(|end| format!("{end}T23:59:59Z").parse::<jiff::Timestamp>().ok()).map(|end| end.as_second());
    let Some(until) = told.or(known) else {
        read(support, facts)?;
        let why = format!("RDS does not say until when MySQL {series} is supported");
        return Err(Finding::new(why, "look it up in the RDS release calendar").unknown());
    };
    let next = "choose a newer `database.engine_version`: afterwards RDS charges Extended Support for every vCPU hour";
    match until - facts.now {
        left if left < 0 => {
            Err(Finding::new(format!("standard support of MySQL {series} ended on {}", day(until)), next).warns())
        }
        left if left < SOON_SECS => {
            Err(Finding::new(format!("standard support of MySQL {series} ends on {}", day(until)), next).warns())
        }
        _ => Ok(format!("MySQL {series} until {}", day(until))),
    }
}

pub(super) fn class(facts: &Facts) -> Judged {
    let (Some(wanted), Some(offers)) = (&facts.wish.database, &facts.asked.offers) else { return not_needed() };
    let (class, series) = (&wanted.class, &wanted.version);
    let of_version: Vec<&Offer> = read(offers, facts)?
        .iter()
        .filter(|offer| is_of(&offer.version, series) && offer.storage_type == wanted.storage_type)
        .collect();
    let refuse = |why: String, next: &str| Err(Finding::new(why, next).fails());
    let another = "choose another `database.instance_class`, for example db.t4g.micro or db.m7g.large";
    if of_version.is_empty() {
        let why = format!(
            "RDS has no {class} for MySQL {series} with {} storage in {}",
            wanted.storage_type, facts.wish.region
        );
        return refuse(why, another);
    }
    let (low, high) = of_version
        .iter()
        .filter_map(|offer| offer.storage_gib)
        .fold((u32::MAX, 0), |(low, high), (least, most)| (low.min(least), high.max(most)));
    if low <= high && !(low..=high).contains(&wanted.storage_gib) {
        let why = format!("{} GiB is not among the {low} to {high} GiB that a {class} can have", wanted.storage_gib);
        return refuse(why, "correct `database.storage_gib`");
    }
    let capable = of_version.iter().filter(|offer| !wanted.multi_az || offer.multi_az);
    let offered: BTreeSet<&String> = capable.flat_map(|offer| &offer.zones).collect();
    let usable: Vec<&str> = facts.wish.zones.iter().filter(|zone| offered.contains(zone)).map(String::as_str).collect();
    let least = if wanted.multi_az { 2 } else { 1 };
    if usable.len() >= least {
        return Ok(format!("{class} in {}", usable.join(", ")));
    }
    let sort = if wanted.multi_az { " with a standby" } else { "" };
    let why = format!(
        "a {class} for MySQL {series}{sort} can be had in {} of the zones {}, and {least} are needed",
        usable.len(),
        facts.wish.zones.join(", ")
    );
    let elsewhere: Vec<&str> = offered.into_iter().map(String::as_str).collect();
    match elsewhere.is_empty() {
        true => refuse(why, another),
        false => refuse(why, &format!("set `network.zones` to zones among {}, or {another}", elsewhere.join(", "))),
    }
}

/// RDS gives no subnet back that an instance stands in, and moves an instance only by a failover.
pub(super) fn zone(facts: &Facts) -> Judged {
    let (standing, lost) = (&facts.wish.database_zones, &facts.wish.lost_zones);
    if standing.is_empty() || lost.is_empty() {
        return not_needed();
    }
    let keep = "keep the zones of `network.zones` as they were";
    let refuse = |why: String, next: String| Err(Finding::new(why, next).fails());
    match (standing.first().filter(|zone| lost.contains(*zone)), standing.get(1).filter(|zone| lost.contains(*zone))) {
        (Some(zone), _) => {
            let standby = if standing.len() > 1 { "" } else { "set `database.multi_az = true` and run `up`, then " };
            let next = format!(
                "{keep}; to move the database, {standby}`aws rds reboot-db-instance --db-instance-identifier {}-db \
                 --force-failover`, then set `database.multi_az = false` and run `up`, and take the zone away last",
                facts.wish.deployment
            );
            refuse(format!("the database is in {zone}, and its subnet there would go"), next)
        }
        (None, Some(zone)) => {
            let next = format!("{keep}, or set `database.multi_az = false` and run `up` first");
            refuse(format!("the database's standby is in {zone}, and its subnet there would go"), next)
        }
        (None, None) => Ok(format!("the database is in {}", standing.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::report::Status;
    use crate::preflight::samples::{NOW, failing, good};
    use crate::resource::Error;

    #[test]
    fn a_version_that_rds_lacks_is_refused_with_those_it_has() {
        let mut facts = good();
        facts.wish.database.as_mut().unwrap().version = "8.4.99".into();
        let finding = failing(version(&facts));
        assert_eq!(finding.why, "RDS has no MySQL 8.4.99 in eu-central-1");
        assert_eq!(finding.next, "set `database.engine_version` to one of 8.4.6, 8.4.7");
        facts.wish.database.as_mut().unwrap().version = "9.9".into();
        assert!(failing(version(&facts)).next.contains("8.0.43, 8.4.6, 8.4.7"));
        facts.wish.database.as_mut().unwrap().version = "8".into();
        assert_eq!(version(&facts), Ok("8.4.7".into()));
    }

    #[test]
    fn the_end_of_standard_support_is_told_in_time() {
        let mut facts = good();
        let mut left = |days: i64| {
            facts.asked.support.as_mut().unwrap().as_mut().unwrap()[0].until = NOW + days * 24 * 3600;
            support(&facts)
        };
        assert!(left(181).is_ok());
        let Err(Status::Warn(soon)) = left(100) else { panic!() };
        assert!(soon.why.starts_with("standard support of MySQL 8.4 ends on 2027-"), "{soon:?}");
        let Err(Status::Warn(over)) = left(-1) else { panic!() };
        assert!(over.why.contains("ended on") && over.next.contains("Extended Support"), "{over:?}");
    }

    #[test]
    fn where_rds_does_not_tell_the_known_dates_stand_in() {
        let mut facts = good();
        facts.asked.support = Some(Err(Error::terminal("x")));
        assert!(matches!(support(&facts), Err(Status::Unknown(_))));
        facts.wish.database.as_mut().unwrap().version = "8.0.43".into();
        let Err(Status::Warn(finding)) = support(&facts) else { panic!() };
        assert_eq!(finding.why, "standard support of MySQL 8.0 ended on 2026-07-31");
    }

    #[test]
    fn a_class_must_be_there_in_as_many_zones_as_the_database_needs() {
        let mut facts = good();
        facts.wish.database.as_mut().unwrap().multi_az = true;
        assert_eq!(class(&facts), Ok("db.t3.micro in eu-central-1a, eu-central-1b".into()));
        facts.asked.offers.as_mut().unwrap().as_mut().unwrap()[0].zones.remove("eu-central-1b");
        let finding = failing(class(&facts));
        assert!(finding.why.contains("with a standby can be had in 1 of the zones"), "{finding:?}");
        assert!(finding.why.ends_with("and 2 are needed") && finding.next.contains("eu-central-1a, eu-central-1c"));
        facts.wish.database.as_mut().unwrap().multi_az = false;
        assert!(class(&facts).is_ok());
        facts.wish.zones = vec!["eu-central-1b".into()];
        assert!(failing(class(&facts)).why.contains("in 0 of the zones eu-central-1b, and 1 are needed"));
    }

    #[test]
    fn a_zone_that_the_database_or_its_standby_stands_in_cannot_go() {
        let mut facts = good();
        facts.wish.database_zones = vec!["eu-central-1c".into()];
        assert_eq!(zone(&facts), Ok("not needed for this plan".into()));
        facts.wish.lost_zones = ["eu-central-1c".into()].into();
        let finding = failing(zone(&facts));
        assert_eq!(finding.why, "the database is in eu-central-1c, and its subnet there would go");
        assert!(
            finding.next.contains("set `database.multi_az = true` and run `up`, then `aws rds reboot"),
            "{finding:?}"
        );
        facts.wish.database_zones.push("eu-central-1a".into());
        assert!(!failing(zone(&facts)).next.contains("multi_az = true"));
        facts.wish.database_zones.reverse();
        let finding = failing(zone(&facts));
        assert_eq!(finding.why, "the database's standby is in eu-central-1c, and its subnet there would go");
        facts.wish.database_zones.pop();
        assert_eq!(zone(&facts), Ok("the database is in eu-central-1a".into()));
    }

    #[test]
    fn a_class_that_is_not_sold_and_a_size_that_it_cannot_have_are_refused() {
        let mut facts = good();
        facts.wish.database.as_mut().unwrap().storage_gib = 5;
        assert_eq!(failing(class(&facts)).why, "5 GiB is not among the 20 to 65536 GiB that a db.t3.micro can have");
        facts.asked.offers = Some(Ok(vec![]));
        let finding = failing(class(&facts));
        assert_eq!(finding.why, "RDS has no db.t3.micro for MySQL 8.4 with gp3 storage in eu-central-1");
        assert!(finding.next.contains("database.instance_class"));
    }
}
