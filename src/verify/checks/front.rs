//! Certificate, load balancer, listeners, targets.

use super::{Judged, UP, compute, seen};
use crate::aws::look::front::Balancer;
use crate::aws::look::service::Service;
use crate::report::words::count;
use crate::verify::Facts;
use crate::verify::probe::tls::{Broken, Secured, Trust};
use crate::verify::report::{Fail, Status};
use std::net::IpAddr;

/// ACM renews 60 days before the end; a certificate that is nearer to it than this has not been renewed.
const RENEWED_BY: i64 = 14 * 24 * 3600;

/// Why a connection from here need not succeed although all is well; `None`: it must.
pub(super) fn out_of_reach(facts: &Facts) -> Option<Status> {
    let live = balancer(facts).ok().flatten();
    let is_internal = facts.expect.is_internal || live.is_some_and(|balancer| balancer.is_internal);
    // Not even the load balancer's own name need be known outside.
    let is_hidden = is_internal && live.is_some() && facts.endpoint.handshakes.is_empty();
    if !facts.endpoint.is_unreachable() && !is_hidden {
        return None;
    }
    if is_internal {
        let what = "cannot be reached from here (internal load balancer): run `hybridctl verify` inside the VPC or over the VPN";
        return Some(Status::Skip(what.into()));
    }
    let open = facts.expect.allow_cidrs.iter().any(|range| range.prefix_len() == 0);
    let what = "cannot be reached from here: `ingress.allow_cidrs` lets only some networks in; run `hybridctl verify` from one of them";
    (!open).then(|| Status::Skip(what.into()))
}

pub(super) fn tls(facts: &Facts) -> Judged {
    if let Some(status) = out_of_reach(facts) {
        return Err(status);
    }
    if facts.endpoint.handshakes.is_empty() {
        return Err(Status::Skip("there is no address to connect to: see VF-DNS".into()));
    }
    let broken: Vec<(IpAddr, &Broken)> =
        facts.endpoint.handshakes.iter().filter_map(|(at, shake)| shake.as_ref().err().map(|why| (*at, why))).collect();
    // An address that this machine has no way to says nothing, unless there is no other.
    let (unrouted, broken): (Vec<_>, Vec<_>) =
        broken.into_iter().partition(|(_, why)| matches!(why, Broken::NoRoute(_)));
    let dialled = facts.endpoint.handshakes.len() - unrouted.len();
    let broken = if dialled == 0 { unrouted } else { broken };
    let evidence = broken.iter().map(|(at, why)| format!("{at}: {why}"));
    let Some(secured) = facts.endpoint.secured() else {
        let (why, class) = match broken.first() {
            Some((_, Broken::Unreachable(_) | Broken::NoRoute(_))) => ("no connection to port 443", "tls.unreachable"),
            Some((_, Broken::Refused(_))) => ("nothing listens on port 443", "tls.refused"),
            _ => ("the TLS handshake fails", "tls.handshake"),
        };
        return Err(Fail::new(why).next("look at VF-LISTENER and VF-GROUPS").class(class).seen(evidence).into());
    };
    if !broken.is_empty() {
        let why = format!("{} of {dialled} addresses do not answer", broken.len());
        let next = "look at the load balancer's subnets: one of its zones is cut off (VF-PUBLIC-ROUTE)";
        return Err(Fail::new(why).next(next).class("tls.partly").seen(evidence).into());
    }
    judge_certificate(secured, &facts.expect.host, facts.now / 1000)
}

fn judge_certificate(secured: &Secured, host: &str, now: i64) -> Judged {
    let certificate = &secured.certificate;
    let day = |at: i64| jiff::Timestamp::from_second(at).map(|at| at.to_string()[..10].to_owned()).unwrap_or_default();
    let (names, until) = (certificate.names.join(", "), day(certificate.not_after));
    let facts = [
        format!("for {names}"),
        format!("valid {} to {until}", day(certificate.not_before)),
        format!("issued by {}", certificate.issuer),
    ];
    let fail = |class: &'static str, why: String, next: &str| {
        Err(Fail::new(why).next(next).class(class).seen(facts.clone()).into())
    };
    match &secured.trust {
        Trust::Good => {}
        Trust::WrongHost => {
            return fail(
                "tls.host",
                format!("the certificate is not for {host}"),
                "use a certificate for this host in `ingress.certificate_arn`, then `hybridctl up`",
            );
        }
        Trust::Expired => {
            return fail(
                "tls.expired",
                format!("the certificate expired on {until}"),
                "ACM renews only while its DNS validation record exists: put that back, or import a new certificate",
            );
        }
        Trust::NotYetValid => {
            return fail("tls.early", "the certificate is not valid yet".into(), "check the clock of this machine");
        }
        Trust::UnknownIssuer => {
            return fail(
                "tls.issuer",
                "the certificate's issuer is not trusted here".into(),
                "use a certificate of a public authority, or add yours to this machine and to every client",
            );
        }
        Trust::Other(why) => {
            return fail(
                "tls.certificate",
                format!("clients refuse the certificate: {why}"),
                "use another certificate in `ingress.certificate_arn`",
            );
        }
        Trust::NoRoots => {
            return Err(Status::Skip("this machine has no list of certificate authorities: set SSL_CERT_FILE".into()));
        }
    }
    let left = certificate.not_after - now;
    if left < RENEWED_BY {
        let why = format!("the certificate is about to expire, on {until}");
        return fail(
            "tls.expiring",
            why,
            "ACM renews only while its DNS validation record exists: put that back, or import a new certificate",
        );
    }
    Ok(format!("{}, valid until {until}", secured.protocol.replace("TLSv1_", "TLS 1.")))
}

pub(super) fn redirect(facts: &Facts) -> Judged {
    if let Some(status) = out_of_reach(facts) {
        return Err(status);
    }
    let next = UP;
    let answer = match &facts.endpoint.plain {
        None => return Err(Status::Skip("there is no address to connect to: see VF-DNS".into())),
        Some(Err(why)) => {
            let fail = Fail::new("nothing answers on port 80").next(next).class("redirect.none");
            return Err(fail.seen([why.clone()]).into());
        }
        Some(Ok(answer)) => answer,
    };
    let location = answer.header("location").unwrap_or_default();
    let leads = location.starts_with(&format!("https://{}", facts.expect.host));
    if (300..400).contains(&answer.status) && leads {
        return Ok(format!("{} to {location}", answer.status));
    }
    let seen = [format!("HTTP {} {location}", answer.status)];
    Err(Fail::new("HTTP is not led to HTTPS").next(next).class("redirect.wrong").seen(seen).into())
}

pub(super) fn balancer(facts: &Facts) -> Result<Option<&Balancer>, Status> {
    seen(&facts.look.balancer, facts).map(Option::as_ref)
}

pub(super) fn balancer_of(facts: &Facts) -> Result<&Balancer, Status> {
    balancer(facts)?.ok_or_else(|| Status::Skip("there is no load balancer: see VF-BALANCER".into()))
}

pub(super) fn balancer_check(facts: &Facts) -> Judged {
    let Some(balancer) = balancer(facts)? else {
        let why = match &facts.recorded.load_balancer_arn {
            Some(_) => "the load balancer that hybridctl made is gone",
            None => "no load balancer leads to the service, and none is on record",
        };
        return Err(Fail::new(why).next(UP).class("balancer.gone").into());
    };
    match balancer.state.as_str() {
        "active" => Ok(balancer.dns_name.clone()),
        "provisioning" => {
            let next = "hybridctl verify --wait 10m";
            Err(Fail::new("the load balancer is still being made").next(next).class("balancer.state").into())
        }
        // It serves, and cannot grow: worth a word, and no failure.
        "active_impaired" => Ok(format!(
            "{}; it has no room to grow (active_impaired): free addresses in its subnets",
            balancer.dns_name
        )),
        other => Err(Fail::new(format!("the load balancer is `{other}`")).next(UP).class("balancer.state").into()),
    }
}

pub(super) fn listener(facts: &Facts) -> Judged {
    let balancer = balancer_of(facts)?;
    let seen_listeners = balancer.listeners.iter().map(|l| format!("port {} {} {}", l.port, l.protocol, l.action));
    let listens = |port: u16| balancer.listeners.iter().any(|listener| listener.port == port);
    let Some(https) = balancer.listeners.iter().find(|listener| listener.port == 443) else {
        let why = "the load balancer has no listener on port 443: nobody gets in";
        let kinds = ["listener.none"].into_iter().chain((!listens(80)).then_some("listener.plain"));
        return Err(Fail::new(why).next(UP).classes(kinds).seen(seen_listeners).into());
    };
    if https.protocol != "HTTPS" {
        let why = format!("port 443 speaks {} instead of HTTPS", https.protocol);
        return Err(Fail::new(why).next(UP).class("listener.protocol").seen(seen_listeners).into());
    }
    let group = facts.look.service.as_ref().ok().and_then(Option::as_ref).and_then(|s| s.target_group_arn.as_ref());
    if let Some(group) = group.filter(|group| !https.target_group_arns.contains(group)) {
        let why = "the listener on 443 does not lead to the service's target group";
        let seen = https.target_group_arns.iter().map(|arn| format!("it leads to {arn}"));
        let fail = Fail::new(why).next(UP).class("listener.group");
        return Err(fail.seen(seen).seen([format!("the service is in {group}")]).into());
    }
    if !listens(80) {
        return Ok("443 HTTPS; none on 80".into());
    }
    Ok("443 HTTPS, 80 HTTP".into())
}

pub(super) fn targets(facts: &Facts) -> Judged {
    let Some(group) = seen(&facts.look.targets, facts)? else {
        return Err(Fail::new("the service is in no target group").next(UP).class("targets.none").into());
    };
    let told = |state: &str| group.targets.iter().filter(|target| target.state == state).count();
    let active: Vec<_> = group.targets.iter().filter(|target| target.state != "draining").collect();
    if active.is_empty() {
        return Err(nobody_registered(facts).into());
    }
    let bad: Vec<_> = active.iter().filter(|target| target.state != "healthy").collect();
    if bad.is_empty() {
        return Ok(count(told("healthy"), "healthy target"));
    }
    let evidence = bad.iter().map(|t| format!("{}:{} {} {}", t.address, t.port, t.state, t.reason));
    let (next, class) = match bad.first().map(|target| (target.state.as_str(), target.reason.as_str())) {
        Some(("initial", _)) => ("hybridctl verify --wait 5m", "targets.initial"),
        Some(("unused", _)) => ("look at VF-LISTENER: a target group without a listener is not used", "targets.unused"),
        Some((_, reason)) if reason.contains("Timeout") => {
            ("look at VF-GROUPS and VF-PORT: the load balancer gets no connection", "targets.unhealthy")
        }
        Some((_, reason)) if reason.contains("Mismatch") => {
            ("look at VF-LOGS: the server answers with an error", "targets.unhealthy")
        }
        _ => ("look at VF-PORT and VF-LOGS: nothing listens on the port, or the server fails", "targets.unhealthy"),
    };
    let why = format!("{} of {} not healthy", bad.len(), count(active.len(), "target"));
    Err(Fail::new(why).next(next).class(class).seen(evidence).into())
}

/// ECS registers a task when it starts, and never again.
fn nobody_registered(facts: &Facts) -> Fail {
    let service = facts.look.service.as_ref().ok().and_then(Option::as_ref);
    // One that has just started may be about to be registered, and one that dies again and again is out of it most of the time.
    let stay = |service: &&Service| service.running > 0 && service.pending == 0 && service.rollouts.len() == 1;
    match service.filter(stay).filter(|_| compute::are_proven(facts)) {
        None => Fail::new("no task is registered in the target group").next("look at VF-TASKS").class("targets.empty"),
        Some(service) => {
            let tasks = count(service.running.unsigned_abs() as usize, "task");
            let why = format!("{tasks} running, none registered in the target group: somebody took them out of it");
            let (cluster, name) = (&facts.expect.cluster, &facts.expect.service);
            Fail::new(why)
                .next(format!("aws ecs update-service --cluster {cluster} --service {name} --force-new-deployment"))
                .class("targets.deregistered")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::look::front::Listener;
    use crate::verify::probe::http::Answer;
    use crate::verify::probe::tls::Certificate;
    use crate::verify::samples;

    fn secured(trust: Trust, days: i64) -> Secured {
        let certificate =
            Certificate { names: vec!["a.com".into()], issuer: "CN=x".into(), not_before: 0, not_after: days * 86_400 };
        Secured { protocol: "TLSv1_3".into(), certificate, trust }
    }

    #[test]
    fn a_certificate_is_judged_by_trust_and_by_its_last_day() {
        assert_eq!(
            judge_certificate(&secured(Trust::Good, 100), "a.com", 0).unwrap(),
            "TLS 1.3, valid until 1970-04-11"
        );
        for (secured, word) in [
            (secured(Trust::Good, 10), "about to expire"),
            (secured(Trust::Expired, 0), "expired on 1970-01-01"),
            (secured(Trust::WrongHost, 100), "not for b.com"),
            (secured(Trust::NotYetValid, 100), "not valid yet"),
            (secured(Trust::UnknownIssuer, 100), "issuer is not trusted"),
        ] {
            let Err(Status::Fail(fail)) = judge_certificate(&secured, "b.com", 0) else { panic!("{word}") };
            assert!(fail.why.contains(word), "{fail:?}");
            assert_eq!(fail.evidence.len(), 3);
        }
    }

    #[test]
    fn an_internal_endpoint_that_is_out_of_reach_is_skipped_and_a_public_one_fails() {
        let mut facts = samples::good();
        let address: IpAddr = "10.0.0.5".parse().unwrap();
        facts.endpoint.handshakes = vec![(address, Err(Broken::Unreachable("late".into())))];
        assert!(matches!(tls(&facts), Err(Status::Fail(_))));
        facts.expect.is_internal = true;
        let Err(Status::Skip(why)) = tls(&facts) else { panic!("not skipped") };
        assert!(why.contains("internal"), "{why}");
        facts.expect.is_internal = false;
        facts.expect.allow_cidrs = vec!["192.0.2.0/24".parse().unwrap()];
        assert!(matches!(redirect(&facts), Err(Status::Skip(_))));
    }

    /// An IPv4 machine, and a name with IPv6 addresses too.
    #[test]
    fn an_address_that_this_machine_has_no_way_to_does_not_count() {
        let mut facts = samples::good();
        let no_way = ("2001:db8::7".parse().unwrap(), Err(Broken::NoRoute("Network is unreachable".into())));
        facts.endpoint.handshakes.push(no_way);
        assert!(tls(&facts).is_ok(), "{:?}", tls(&facts));
        facts.endpoint.handshakes.push(("192.0.2.8".parse().unwrap(), Err(Broken::Unreachable("late".into()))));
        let Err(Status::Fail(fail)) = tls(&facts) else { panic!("passed") };
        assert_eq!((fail.why.as_str(), fail.evidence.len()), ("1 of 2 addresses do not answer", 1));
        facts.endpoint.handshakes.retain(|(address, _)| address.is_ipv6());
        let Err(Status::Fail(fail)) = tls(&facts) else { panic!("passed") };
        assert_eq!(fail.class, Some("tls.unreachable"));
    }

    #[test]
    fn a_load_balancer_that_cannot_grow_serves_and_one_that_is_being_made_or_failed_does_not() {
        let state = |state: &str| {
            let mut facts = samples::good();
            facts.look.balancer.as_mut().unwrap().as_mut().unwrap().state = state.into();
            balancer_check(&facts)
        };
        assert!(state("active_impaired").unwrap().contains("no room to grow"));
        for (word, next) in [("provisioning", "--wait 10m"), ("failed", "hybridctl up")] {
            let Err(Status::Fail(fail)) = state(word) else { panic!("passed") };
            assert!(fail.class == Some("balancer.state") && fail.next.contains(next), "{fail:?}");
        }
        let mut facts = samples::good();
        facts.look.balancer = Ok(None);
        let why = |facts: &Facts| match balancer_check(facts) {
            Err(Status::Fail(fail)) => fail.why,
            other => panic!("{other:?}"),
        };
        assert!(why(&facts).contains("none is on record"));
        facts.recorded.load_balancer_arn = Some("lb".into());
        assert!(why(&facts).contains("is gone"));
    }

    #[test]
    fn a_redirect_must_lead_to_https_of_the_host() {
        let answers = |status: u16, location: &str| {
            let mut facts = samples::good();
            let headers = [("location".to_owned(), location.to_owned())].into();
            facts.endpoint.plain = Some(Ok(Answer { status, headers, ..Answer::default() }));
            redirect(&facts)
        };
        assert!(answers(302, "https://zenml.x.com/").is_ok());
        for (status, location) in [(200, ""), (301, "https://other.com/"), (301, "http://zenml.x.com/")] {
            let Err(Status::Fail(fail)) = answers(status, location) else { panic!("{status} {location}") };
            assert_eq!(fail.class, Some("redirect.wrong"));
        }
    }

    #[test]
    fn a_listener_must_speak_https_and_lead_to_the_services_target_group() {
        let class = |change: fn(&mut Listener)| {
            let mut facts = samples::good();
            change(&mut facts.look.balancer.as_mut().unwrap().as_mut().unwrap().listeners[0]);
            match listener(&facts) {
                Err(Status::Fail(fail)) => fail.class,
                _ => None,
            }
        };
        assert_eq!(class(|listener| listener.protocol = "HTTP".into()), Some("listener.protocol"));
        assert_eq!(class(|listener| listener.target_group_arns = vec!["other".into()]), Some("listener.group"));
        assert_eq!(class(|listener| listener.port = 8443), Some("listener.none"));
    }

    #[test]
    fn a_missing_listener_and_an_unused_target_group_are_told() {
        let mut facts = samples::good();
        let balancer = facts.look.balancer.as_mut().unwrap().as_mut().unwrap();
        balancer.listeners.retain(|listener| listener.port != 443);
        let Err(Status::Fail(fail)) = listener(&facts) else { panic!("passed") };
        assert!(fail.why.contains("no listener on port 443"), "{fail:?}");
        let group = facts.look.targets.as_mut().unwrap().as_mut().unwrap();
        group.targets[0].state = "unused".into();
        let Err(Status::Fail(fail)) = targets(&facts) else { panic!("passed") };
        assert!(fail.next.contains("VF-LISTENER"), "{fail:?}");
    }

    #[test]
    fn tasks_that_run_unregistered_are_registered_by_a_new_rollout_only() {
        let mut facts = samples::good();
        facts.look.targets.as_mut().unwrap().as_mut().unwrap().targets.clear();
        let Err(Status::Fail(fail)) = targets(&facts) else { panic!("passed") };
        assert!(
            fail.next.contains("update-service --cluster x --service zenml-server --force-new-deployment"),
            "{fail:?}"
        );
        facts.look.service.as_mut().unwrap().as_mut().unwrap().running = 0;
        let Err(Status::Fail(fail)) = targets(&facts) else { panic!("passed") };
        assert!(fail.next.contains("VF-TASKS"), "{fail:?}");
    }
}
