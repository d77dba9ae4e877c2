//! The list of checks. Each is one function from facts to a conclusion, in the file of its subject.

mod account;
mod certificate;
mod database;
mod dns;
mod image;
mod names;
mod network;
mod quotas;
mod rights;
mod state;

use super::Facts;
use super::report::{Finding, Status};
use crate::resource::{Class, Error, Result as Looked};

/// A check.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// `PF-…`, stable.
    pub id: &'static str,
    /// What is checked, in a few words.
    pub title: &'static str,
    /// The step of ZenML's guide that it belongs to.
    pub step: &'static str,
    /// Judges. `Ok`: what was seen, in a few words.
    pub run: fn(&Facts) -> Judged,
}

/// A conclusion; `Err` is every status but `Pass`.
pub type Judged = Result<String, Status>;

const fn check(id: &'static str, title: &'static str, step: &'static str, run: fn(&Facts) -> Judged) -> Check {
    Check { id, title, step, run }
}

/// Every check: who and where, what may be done, what there is room for, what there is already.
pub const CHECKS: &[Check] = &[
    check("PF-CALLER", "the credentials are of the right account", "prerequisites", account::caller),
    check("PF-REGION", "the region is enabled", "prerequisites", account::region),
    check("PF-CLOCK", "the clock agrees with AWS's", "prerequisites", account::clock),
    check("PF-PERMISSIONS", "the credentials may do what the plan does", "prerequisites", rights::permissions),
    check("PF-DRY-RUN", "EC2 would accept the creates", "prerequisites", rights::dry_run),
    check("PF-QUOTA-ADDRESSES", "room for Elastic IP addresses", "step 1", |facts| quotas::room(facts, "ADDRESSES")),
    check("PF-QUOTA-VPCS", "room for a VPC", "step 1", |facts| quotas::room(facts, "VPCS")),
    check("PF-QUOTA-GATEWAYS", "room for an internet gateway", "step 1", |facts| quotas::room(facts, "GATEWAYS")),
    check("PF-QUOTA-NAT", "room for NAT gateways in each zone", "step 1", |facts| quotas::room(facts, "NAT")),
    check("PF-QUOTA-RULES", "room for the rules of a security group", "step 1", |facts| quotas::room(facts, "RULES")),
    check("PF-QUOTA-DATABASES", "room for a database", "step 2", |facts| quotas::room(facts, "DATABASES")),
    check("PF-QUOTA-STORAGE", "room for the database's storage", "step 2", |facts| quotas::room(facts, "STORAGE")),
    check("PF-QUOTA-ROLES", "room for the roles", "step 4", |facts| quotas::room(facts, "ROLES")),
    check("PF-QUOTA-VCPU", "room for the tasks' vCPUs", "step 6", |facts| quotas::room(facts, "VCPU")),
    check("PF-QUOTA-BALANCERS", "room for a load balancer", "step 7", |facts| quotas::room(facts, "BALANCERS")),
    check("PF-QUOTA-TARGETS", "room for a target group", "step 7", |facts| quotas::room(facts, "TARGETS")),
    check("PF-ZONES", "the zones can be used", "step 1", network::zones),
    check("PF-CIDR", "the address range overlaps no other network", "step 1", network::cidr),
    check("PF-DB-VERSION", "RDS has the MySQL version", "step 2", database::version),
    check("PF-DB-SUPPORT", "the MySQL version is in standard support", "step 2", database::support),
    check("PF-DB-CLASS", "the database can be had in these zones", "step 2", database::class),
    check("PF-DB-ZONE", "the database's zones stay", "step 2", database::zone),
    check("PF-CERTIFICATE", "the certificate is issued, in this region", "step 7", certificate::issued),
    check("PF-CERTIFICATE-HOST", "the certificate covers the host", "step 7", certificate::covers),
    check("PF-CERTIFICATE-LIFE", "the certificate is not about to expire", "step 7", certificate::lives),
    check("PF-CERTIFICATE-KEY", "load balancers take the certificate's key", "step 7", certificate::key),
    check("PF-HOSTED-ZONE", "the hosted zone is there, public or private as needed", "step 8", dns::hosted_zone),
    check("PF-DELEGATION", "the domain leads to the hosted zone", "step 8", dns::delegation),
    check("PF-CAA", "Amazon may issue a certificate for the host", "step 7", dns::caa),
    check("PF-RECORD", "the host's DNS record is free or ours", "step 8", dns::record),
    check("PF-NAMES", "the names are free or ours", "implied by every step", names::names),
    check("PF-SECRETS", "no secret waits for its deletion under our names", "step 3", names::secrets),
    check("PF-SERVICE-ROLES", "AWS's own roles are there or can be made", "implied by step 2", names::service_roles),
    check("PF-IMAGE-GRANT", "the execution role may pull the image", "step 4", image::grant),
    check("PF-VERSION", "the version is fixed and not older than the database", "step 5", image::version),
    check("PF-CONTROL-PLANE", "the control plane answers", "step 5", image::control_plane),
    check("PF-STATE", "the record has a safe place", "prerequisites", state::place),
];

/// For what this plan does not touch.
fn not_needed() -> Judged {
    Ok("not needed for this plan".to_owned())
}

/// What was asked, or why it could not be.
fn read<'a, T>(asked: &'a Looked<T>, facts: &Facts) -> Result<&'a T, Status> {
    asked.as_ref().map_err(|error| unread(error, facts))
}

fn unread(error: &Error, facts: &Facts) -> Status {
    if error.is_denied() {
        let why = format!("not allowed to look: these credentials lack {}", error.operation);
        return Finding::new(why, format!("allow {} to know it beforehand", error.operation)).unknown();
    }
    if facts.wish.is_sandbox && error.is_unknown_to_aws() {
        return Status::NotHere(format!("this local AWS has no {}", error.operation));
    }
    let next = match error.class {
        Class::Credentials => "check the credentials with `aws sts get-caller-identity`",
        _ => "try again with `hybridctl preflight`",
    };
    Finding::new(format!("AWS could not be asked: {error}"), next).unknown()
}

/// `2026-11-20`.
fn day(at: i64) -> String {
    jiff::Timestamp::from_second(at).map(|at| at.to_string()[..10].to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::samples;
    use std::collections::BTreeSet;

    #[test]
    fn ids_are_unique_and_every_check_but_the_grant_passes_for_a_good_account() {
        let ids: BTreeSet<&str> = CHECKS.iter().map(|check| check.id).collect();
        assert_eq!(ids.len(), CHECKS.len());
        let facts = samples::good();
        for check in CHECKS.iter().filter(|check| check.id != "PF-IMAGE-GRANT") {
            assert!((check.run)(&facts).is_ok(), "{}: {:?}", check.id, (check.run)(&facts));
        }
    }

    #[test]
    fn every_quota_has_a_check() {
        let checked: BTreeSet<&str> = CHECKS.iter().filter_map(|check| check.id.strip_prefix("PF-QUOTA-")).collect();
        let quotas: BTreeSet<&str> = crate::aws::ask::quotas::QUOTAS.iter().map(|quota| quota.id).collect();
        assert_eq!(checked, quotas);
    }

    #[test]
    fn what_could_not_be_asked_is_no_failure() {
        let mut facts = samples::good();
        let error = |code: &str| Error {
            code: Some(code.into()),
            operation: "ec2:DescribeRegions".into(),
            ..Error::terminal("x")
        };
        facts.asked.region = Err(error("UnauthorizedOperation"));
        let Err(Status::Unknown(finding)) = account::region(&facts) else { panic!() };
        assert_eq!(finding.why, "not allowed to look: these credentials lack ec2:DescribeRegions");
        facts.asked.region = Err(error("ServiceUnavailable"));
        assert!(matches!(account::region(&facts), Err(Status::Unknown(_))));
        facts.wish.is_sandbox = true;
        facts.asked.region = Err(error("NotImplemented"));
        assert!(matches!(account::region(&facts), Err(Status::NotHere(_))));
    }
}
