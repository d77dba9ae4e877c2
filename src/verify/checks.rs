//! The list of checks. Each is one function from facts to a conclusion, in the file of its layer.

mod compute;
mod database;
mod environment;
mod front;
mod groups;
mod health_check;
mod information;
mod logs;
mod migration;
mod name;
mod network;
mod next_task;

pub(super) use compute::WENT_BACK;

use super::Facts;
use super::report::{Fail, Status};
use crate::resource::{Class, Error, Result as Looked};

/// A check.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// `VF-…`, stable.
    pub id: &'static str,
    /// What is checked, in a few words.
    pub title: &'static str,
    /// The step of ZenML's guide that it belongs to.
    pub step: &'static str,
    /// Judges. `Ok`: what was seen, in a few words.
    pub run: fn(&Facts) -> Judged,
}

/// A conclusion; `Err` is every status but `Ok`.
pub type Judged = Result<String, Status>;

const fn check(id: &'static str, title: &'static str, step: &'static str, run: fn(&Facts) -> Judged) -> Check {
    Check { id, title, step, run }
}

/// Every check, the endpoint first, then what is behind it, then what the next task will need.
pub const CHECKS: &[Check] = &[
    check("VF-DNS", "the name leads to the load balancer", "step 8", name::dns),
    check("VF-TLS", "HTTPS with a certificate that clients accept", "step 9 (3)", front::tls),
    check("VF-REDIRECT", "HTTP leads to HTTPS", "step 7", front::redirect),
    check("VF-HEALTH", "the server answers", "step 9 (3)", information::health),
    check("VF-ROOT", "browsers are led to the dashboard", "step 9 (3)", information::root),
    check("VF-CORS", "the dashboard may call the server, others may not", "implied by step 9", information::cors),
    check("VF-INFO-DATABASE", "the server stores its data in MySQL", "step 2", information::database),
    check("VF-INFO-IDS", "the server is this workspace", "step 5", information::ids),
    check("VF-INFO-URL", "the server knows its own address", "step 5", information::url),
    check("VF-INFO-VERSION", "the version is the wanted one", "step 5", information::version),
    check("VF-INFO-AUTH", "people sign in through ZenML Pro", "step 9 (3)", information::authentication),
    check(
        "VF-CONTROL-PLANE",
        "the server has enrolled with the control plane",
        "step 9 (4)",
        information::control_plane,
    ),
    check("VF-BALANCER", "the load balancer is active", "step 7", front::balancer_check),
    check("VF-LISTENER", "the load balancer listens on 443", "step 7", front::listener),
    check("VF-TARGETS", "every target is healthy", "step 7", front::targets),
    check("VF-SERVICE", "the service is active with all its tasks", "step 9 (1)", compute::service),
    check("VF-REVISION", "the service runs what was applied", "step 5", compute::revision),
    check("VF-MIGRATION", "the database was migrated", "implied by step 6", migration::migration),
    check("VF-TASKS", "the tasks stay up", "step 9 (1)", compute::tasks),
    check("VF-LOGS", "the logs show a finished start and no critical errors", "step 9 (2)", logs::logs),
    check("VF-HEALTH-CHECK", "the health check fits the server", "step 6", health_check::health_check),
    check("VF-PORT", "one port throughout", "step 5", environment::port),
    check("VF-ENVIRONMENT", "the server gets the variables that it reads", "step 5", environment::environment),
    check("VF-DATABASE", "the database is available", "step 2", database::database),
    check("VF-ROUTE", "the next task can reach the internet", "step 1", network::route),
    check("VF-PUBLIC-ROUTE", "the load balancer is on the internet", "step 1", network::public_route),
    check("VF-GROUPS", "the security groups let the three hops through", "step 1", groups::groups),
    check("VF-SECRETS", "the next task's secrets are there", "step 3", next_task::secrets),
    check("VF-ROLES", "the next task's roles are there and may read the secrets", "step 4", next_task::roles),
    check("VF-LOG-GROUP", "the next task's log group is there", "step 5", next_task::log_group),
];

/// The advice where the record knows what is missing.
const UP: &str = "see what is missing with `hybridctl plan`, then put it back with `hybridctl up`";

/// What was looked at, or why it could not be.
fn seen<'a, T>(looked: &'a Looked<T>, facts: &Facts) -> Result<&'a T, Status> {
    looked.as_ref().map_err(|error| unread(error, facts))
}

fn unread(error: &Error, facts: &Facts) -> Status {
    if error.is_denied() {
        return Status::Skip(format!("not allowed to look: these credentials lack {}", error.operation));
    }
    if facts.expect.is_sandbox && error.is_unknown_to_aws() {
        return Status::NotHere(format!("this local AWS has no {}", error.operation));
    }
    let next = match error.class {
        Class::Credentials => "check the credentials with `aws sts get-caller-identity`, then verify again",
        _ => "try again with `hybridctl verify`",
    };
    Status::Unread(Fail::new(format!("AWS could not be asked: {error}")).next(next).class("unread"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::samples;
    use std::collections::BTreeSet;

    #[test]
    fn ids_are_unique_and_every_check_passes_on_a_good_deployment() {
        let ids: BTreeSet<&str> = CHECKS.iter().map(|check| check.id).collect();
        assert_eq!(ids.len(), CHECKS.len());
        let facts = samples::good();
        for check in CHECKS {
            assert!((check.run)(&facts).is_ok(), "{}: {:?}", check.id, (check.run)(&facts));
        }
    }

    #[test]
    fn what_may_not_be_looked_at_is_skipped_and_what_cannot_be_asked_is_unknown() {
        let mut facts = samples::good();
        let error =
            |code: &str| Error { code: Some(code.into()), operation: "iam:GetRole".into(), ..Error::terminal("x") };
        facts.look.access = Err(error("AccessDenied"));
        assert_eq!(
            next_task::roles(&facts),
            Err(Status::Skip("not allowed to look: these credentials lack iam:GetRole".into()))
        );
        facts.look.access = Err(error("ServiceUnavailable"));
        let Err(Status::Unread(unread)) = next_task::roles(&facts) else { panic!("it was read") };
        assert_eq!(unread.why, "AWS could not be asked: ServiceUnavailable: x (iam:GetRole)");
        facts.expect.is_sandbox = true;
        facts.look.access = Err(error("NotImplemented"));
        assert!(matches!(next_task::roles(&facts), Err(Status::NotHere(_))));
    }
}
