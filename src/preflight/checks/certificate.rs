//! The certificate that was given.

use super::{Judged, day, not_needed, read};
use crate::aws::ask::front::Certificate;
use crate::preflight::Facts;
use crate::preflight::report::{Finding, Status};

/// Too late for a renewal to be counted on.
const LEAST_SECS: i64 = 7 * 24 * 3600;
/// ACM renews 60 days before the end: what is nearer has not been renewed.
const SOON_SECS: i64 = 30 * 24 * 3600;
/// Keys that an application load balancer takes.
const KEYS: &[&str] = &["RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1", "EC_secp521r1"];

const ANOTHER: &str =
    "name another one in `ingress.certificate_arn`, or let hybridctl request one: certificate = \"request\"";

/// The certificate; `Err` if it was not asked for, is gone, or could not be read.
fn given(facts: &Facts) -> Result<(&str, &Certificate), Judged> {
    let (Some(arn), Some(asked)) = (&facts.wish.certificate_arn, &facts.asked.certificate) else {
        return Err(not_needed());
    };
    match read(asked, facts) {
        Ok(Some(certificate)) => Ok((arn, certificate)),
        Ok(None) => Err(Err(Finding::new("there is no certificate to judge", "look at PF-CERTIFICATE").unknown())),
        Err(status) => Err(Err(status)),
    }
}

pub(super) fn issued(facts: &Facts) -> Judged {
    let (Some(arn), Some(asked)) = (&facts.wish.certificate_arn, &facts.asked.certificate) else {
        return Ok("it will be requested".to_owned());
    };
    let region = &facts.wish.region;
    let place = arn.split(':').nth(3).unwrap_or_default();
    if place != region {
        let why = format!("the certificate is in {place}, and the load balancer will be in {region}");
        return Err(Finding::new(why, ANOTHER).seen([arn.clone()]).fails());
    }
    let Some(certificate) = read(asked, facts)? else {
        let why = format!("this account has no such certificate in {region}");
        return Err(Finding::new(why, ANOTHER).seen([arn.clone()]).fails());
    };
    match certificate.status.as_str() {
        "ISSUED" => Ok(format!("for {}", certificate.names.join(", "))),
        "PENDING_VALIDATION" => {
            let next =
                "create the CNAME record that ACM asks for: `aws acm describe-certificate --certificate-arn ARN`"
                    .replace("ARN", arn);
            Err(Finding::new("the certificate waits for its validation", next).fails())
        }
        status => {
            let reason = certificate.failure.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
            Err(Finding::new(format!("the certificate is {status}{reason}"), ANOTHER).seen([arn.clone()]).fails())
        }
    }
}

pub(super) fn covers(facts: &Facts) -> Judged {
    let (_, certificate) = match given(facts) {
        Ok(given) => given,
        Err(judged) => return judged,
    };
    let host = &facts.wish.host;
    match certificate.names.iter().find(|name| is_for(name, host)) {
        Some(name) => Ok(format!("{name} covers {host}")),
        None => {
            let why = format!("the certificate is for {}, not for {host}", certificate.names.join(", "));
            Err(Finding::new(why, format!("{ANOTHER}; or correct `zenml.server_url`")).fails())
        }
    }
}

/// A wildcard stands for exactly one label.
fn is_for(name: &str, host: &str) -> bool {
    let (name, host) = (name.to_lowercase(), host.to_lowercase());
    match name.strip_prefix("*.") {
        Some(domain) => host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == domain),
        None => name == host,
    }
}

pub(super) fn lives(facts: &Facts) -> Judged {
    let (arn, certificate) = match given(facts) {
        Ok(given) => given,
        Err(judged) => return judged,
    };
    let Some(end) = certificate.not_after else {
        return Err(Finding::new("a certificate that is not issued has no end yet", "").unknown());
    };
    let (left, until) = (end - facts.now, day(end));
    let next = match certificate.imported {
        true => format!("import its successor: `aws acm import-certificate --certificate-arn {arn} …`"),
        false => format!("see why ACM did not renew it: `aws acm describe-certificate --certificate-arn {arn}`"),
    };
    let days = left / (24 * 3600);
    if left < 0 {
        return Err(Finding::new(format!("the certificate expired on {until}"), next).fails());
    }
    match left {
        left if left < LEAST_SECS => Err(Finding::new(
            format!("the certificate expires on {until}, in {days} days: at least 7 are needed"),
            next,
        )
        .fails()),
        left if left < SOON_SECS => {
            Err(Finding::new(format!("the certificate expires on {until}, in {days} days"), next).warns())
        }
        _ => Ok(format!("until {until}")),
    }
}

pub(super) fn key(facts: &Facts) -> Judged {
    let (_, certificate) = match given(facts) {
        Ok(given) => given,
        Err(judged) => return judged,
    };
    // ACM writes `RSA-2048` in some answers and `RSA_2048` in others.
    let key = certificate.key_algorithm.replace('-', "_");
    if KEYS.contains(&key.as_str()) {
        return Ok(key);
    }
    let why = format!("load balancers take no {key} keys, only {}", KEYS.join(", "));
    Err(Status::Fail(Finding::new(why, ANOTHER)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::samples::{NOW, failing, good};

    fn with(change: impl FnOnce(&mut Certificate)) -> Facts {
        let mut facts = good();
        change(facts.asked.certificate.as_mut().unwrap().as_mut().unwrap().as_mut().unwrap());
        facts
    }

    #[test]
    fn a_certificate_must_be_there_issued_and_in_the_region() {
        let mut facts = good();
        facts.wish.certificate_arn = Some("arn:aws:acm:us-east-1:123456789012:certificate/1".into());
        assert_eq!(
            failing(issued(&facts)).why,
            "the certificate is in us-east-1, and the load balancer will be in eu-central-1"
        );
        let mut facts = good();
        facts.asked.certificate = Some(Ok(None));
        assert!(failing(issued(&facts)).next.contains("ingress.certificate_arn"));
        assert!(matches!(covers(&facts), Err(Status::Unknown(_))));
        let waits = with(|certificate| certificate.status = "PENDING_VALIDATION".into());
        assert!(failing(issued(&waits)).next.contains("CNAME"));
        let failed = with(|certificate| {
            (certificate.status, certificate.failure) = ("FAILED".into(), Some("CAA_ERROR".into()));
        });
        assert_eq!(failing(issued(&failed)).why, "the certificate is FAILED (CAA_ERROR)");
    }

    #[test]
    fn a_wildcard_covers_one_label_and_no_more() {
        assert!(is_for("*.x.com", "Zenml.x.com") && is_for("zenml.x.com", "zenml.x.com"));
        for name in ["x.com", "*.com", "*.zenml.x.com", "ml.x.com"] {
            assert!(!is_for(name, "zenml.x.com"), "{name}");
        }
        assert!(!is_for("*.x.com", "a.b.x.com") && !is_for("*.x.com", "x.com"));
        let other = with(|certificate| certificate.names = vec!["*.y.com".into()]);
        assert_eq!(failing(covers(&other)).why, "the certificate is for *.y.com, not for zenml.x.com");
    }

    #[test]
    fn the_end_of_a_certificate_is_a_warning_at_thirty_days_and_a_failure_at_seven() {
        let left = |days: i64| lives(&with(|certificate| certificate.not_after = Some(NOW + days * 24 * 3600)));
        assert!(left(31).is_ok());
        assert!(matches!(left(29), Err(Status::Warn(_))));
        let finding = failing(left(6));
        assert!(finding.why.ends_with("in 6 days: at least 7 are needed"), "{finding:?}");
        assert!(failing(left(-1)).why.starts_with("the certificate expired on 2026-"));
        let imported = with(|certificate| (certificate.imported, certificate.not_after) = (true, Some(NOW)));
        assert!(failing(lives(&imported)).next.contains("import-certificate"));
    }

    #[test]
    fn a_key_that_load_balancers_do_not_take_is_refused() {
        assert!(key(&with(|certificate| certificate.key_algorithm = "RSA-2048".into())).is_ok());
        let finding = failing(key(&with(|certificate| certificate.key_algorithm = "RSA_1024".into())));
        assert!(finding.why.contains("no RSA_1024 keys") && finding.why.contains("EC_prime256v1"), "{finding:?}");
    }

    #[test]
    fn a_certificate_that_is_requested_is_not_judged() {
        let mut facts = good();
        (facts.wish.certificate_arn, facts.asked.certificate) = (None, None);
        assert_eq!(issued(&facts), Ok("it will be requested".into()));
        for check in [covers, lives, key] {
            assert_eq!(check(&facts), Ok("not needed for this plan".into()));
        }
    }
}
