//! Who, where and when.

use super::{Judged, read};
use crate::preflight::Facts;
use crate::preflight::report::Finding;

/// AWS refuses a signature that is further off.
const REFUSED_SECS: i64 = 5 * 60;
/// Worth mending before it becomes a refusal.
const NOTABLE_SECS: i64 = 60;

pub(super) fn caller(facts: &Facts) -> Judged {
    let identity = read(&facts.asked.identity, facts)?;
    match &facts.wish.account_guard {
        Some(wanted) if *wanted != identity.account => Err(Finding::new(
            format!("these credentials are of account {}, and the file says account {wanted}", identity.account),
            "choose other credentials with `--profile` or AWS_PROFILE, or correct `account_id`",
        )
        .seen([identity.arn.clone()])
        .fails()),
        _ => Ok(identity.arn.clone()),
    }
}

pub(super) fn region(facts: &Facts) -> Judged {
    let region = &facts.wish.region;
    match read(&facts.asked.region, facts)?.as_str() {
        "" => Err(Finding::new(
            format!("AWS knows no region {region}"),
            "correct `region`: the list is printed by `aws ec2 describe-regions --all-regions`",
        )
        .fails()),
        "not-opted-in" => Err(Finding::new(
            format!("the account has not enabled the region {region}"),
            format!("enable it, which takes some minutes: `aws account enable-region --region-name {region}`"),
        )
        .fails()),
        status => Ok(format!("{region} ({status})")),
    }
}

pub(super) fn clock(facts: &Facts) -> Judged {
    let identity = read(&facts.asked.identity, facts)?;
    let Some(ahead) = identity.ahead_secs else {
        return Err(Finding::new("AWS did not tell the time", "").unknown());
    };
    let (off, side) = (ahead.abs(), if ahead > 0 { "ahead of" } else { "behind" });
    if off < NOTABLE_SECS {
        return Ok(format!("{off} seconds apart"));
    }
    let next = "set this machine's clock by the network: `timedatectl set-ntp true`";
    let finding =
        |limit: &str| Finding::new(format!("this machine's clock is {off} seconds {side} AWS's{limit}"), next);
    match off >= REFUSED_SECS {
        true => Err(finding(", which refuses more than 300").fails()),
        false => Err(finding("").warns()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::report::Status;
    use crate::preflight::samples::{failing, good};

    #[test]
    fn another_account_than_the_one_in_the_file_is_refused() {
        let mut facts = good();
        facts.wish.account_guard = Some("210987654321".into());
        let finding = failing(caller(&facts));
        assert!(finding.why.contains("account 123456789012") && finding.why.contains("210987654321"), "{finding:?}");
        assert!(finding.next.contains("--profile"));
    }

    #[test]
    fn a_region_that_is_unknown_or_not_enabled_is_refused() {
        let mut facts = good();
        facts.asked.region = Ok("not-opted-in".into());
        assert!(failing(region(&facts)).next.contains("aws account enable-region --region-name eu-central-1"));
        facts.asked.region = Ok(String::new());
        assert!(failing(region(&facts)).why.contains("no region eu-central-1"));
    }

    #[test]
    fn a_clock_that_is_off_is_a_warning_and_beyond_five_minutes_a_failure() {
        let mut facts = good();
        let mut off = |secs| {
            facts.asked.identity.as_mut().unwrap().ahead_secs = secs;
            clock(&facts)
        };
        assert_eq!(off(Some(-59)), Ok("59 seconds apart".into()));
        assert!(matches!(off(Some(60)), Err(Status::Warn(_))));
        assert!(matches!(off(Some(299)), Err(Status::Warn(_))));
        let finding = failing(off(Some(-300)));
        assert_eq!(finding.why, "this machine's clock is 300 seconds behind AWS's, which refuses more than 300");
        assert!(matches!(off(None), Err(Status::Unknown(_))));
    }
}
