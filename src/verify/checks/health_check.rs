//! Whether the load balancer asks the right question, and waits for the first answer.

use super::{Judged, UP, seen};
use crate::verify::Facts;
use crate::verify::report::Fail;

/// Answers without the database and without signing in.
const PATH: &str = "/health";
/// Where nothing is on record: a first start on half a CPU took up to a minute, and three bad answers end a task.
const LEAST_GRACE: i64 = 120;

pub(super) fn health_check(facts: &Facts) -> Judged {
    let mut seen_too = vec![];
    if let Some(group) = seen(&facts.look.targets, facts)? {
        if group.health_path != PATH {
            let why = format!("the health check asks {}, the server answers on {PATH}", group.health_path);
            return Err(Fail::new(why).next(UP).class("health.path").into());
        }
        let port = group.health_port.as_str();
        if port != "traffic-port" && port != facts.expect.port.to_string() {
            let why = format!("the health check asks port {port}, the server listens on {}", facts.expect.port);
            return Err(Fail::new(why).next(UP).class("health.port").into());
        }
        seen_too.push(PATH.to_owned());
    }
    if let Some(service) =
        seen(&facts.look.service, facts)?.as_ref().filter(|service| service.target_group_arn.is_some())
    {
        let (grace, wanted) = (service.health_check_grace, facts.recorded.health_check_grace.unwrap_or(LEAST_GRACE));
        if i64::from(grace) < wanted {
            let why = format!("a new task has {grace} s to start, {wanted} s are wanted: it is ended before it is up");
            return Err(Fail::new(why).next(UP).class("health.grace").into());
        }
        seen_too.push(format!("{grace} s of grace"));
    }
    Ok(seen_too.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::{Status, samples};

    #[test]
    fn path_port_and_grace_are_what_the_server_needs() {
        let class = |facts: &Facts| match health_check(facts) {
            Err(Status::Fail(fail)) => fail.class,
            _ => None,
        };
        let mut facts = samples::good();
        assert_eq!(health_check(&facts), Ok("/health, 300 s of grace".into()));
        facts.look.service.as_mut().unwrap().as_mut().unwrap().health_check_grace = 60;
        assert_eq!(class(&facts), Some("health.grace"));
        facts.recorded.health_check_grace = Some(60);
        assert_eq!(class(&facts), None);
        facts.look.targets.as_mut().unwrap().as_mut().unwrap().health_path = "/".into();
        assert_eq!(class(&facts), Some("health.path"));
        let mut facts = samples::good();
        for (port, expected) in [("traffic-port", None), ("8000", None), ("9999", Some("health.port"))] {
            facts.look.targets.as_mut().unwrap().as_mut().unwrap().health_port = port.into();
            assert_eq!(class(&facts), expected, "{port}");
        }
    }
}
