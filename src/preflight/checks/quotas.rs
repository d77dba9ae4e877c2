//! Room within the account's quotas.

use super::{Judged, not_needed, unread};
use crate::aws::ask::quotas::{Metered, Quota, of};
use crate::preflight::Facts;
use crate::preflight::report::Finding;

pub(super) fn room(facts: &Facts, id: &'static str) -> Judged {
    let quota = of(id);
    let metered: Vec<&Metered> = facts.asked.quotas.iter().filter(|metered| metered.need.quota == id).collect();
    let mut passed = vec![];
    for one in metered {
        let used = *one.used.as_ref().map_err(|error| unread(error, facts))?;
        let total = used + one.need.amount;
        let place = if one.need.place.is_empty() { String::new() } else { format!(" of {}", one.need.place) };
        if total > one.limit.value {
            return Err(refuse(facts, quota, one, used, &place));
        }
        passed.push(format!("{total} of {}{place}", one.limit.value));
    }
    if passed.is_empty() { not_needed() } else { Ok(passed.join(", ")) }
}

fn refuse(facts: &Facts, quota: &Quota, one: &Metered, used: f64, place: &str) -> crate::preflight::Status {
    let (limit, wanted) = (one.limit.value, one.need.amount);
    let why =
        format!("{}{place}: {used} in use and {wanted} wanted, {limit} allowed (quota {})", quota.counted, quota.code);
    // IAM is counted in one region for all.
    let region = if quota.service == "iam" { "us-east-1" } else { &facts.wish.region };
    let next = format!(
        "delete what nobody needs, or ask for more in the console (Service Quotas, {}) or with `aws service-quotas \
         request-service-quota-increase --service-code {} --quota-code {} --desired-value {} --region {region}`",
        quota.code,
        quota.service,
        quota.code,
        (used + wanted).ceil()
    );
    let finding = Finding::new(why, next);
    match one.limit.applied {
        true => finding.fails(),
        false => finding.seen([format!("{limit} is AWS's default: the account's own quota could not be read")]).warns(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::ask::quotas::QUOTAS;
    use crate::preflight::report::Status;
    use crate::preflight::samples::{failing, good};
    use crate::resource::Error;

    #[test]
    fn each_quota_that_has_no_room_names_use_wish_limit_code_and_request() {
        for quota in QUOTAS {
            let mut facts = good();
            let one = facts.asked.quotas.iter_mut().find(|one| one.need.quota == quota.id).unwrap();
            (one.used, one.need.amount) = (Ok(one.limit.value), 2.0);
            let limit = one.limit.value;
            let finding = failing(room(&facts, quota.id));
            assert!(finding.why.starts_with(quota.counted), "{finding:?}");
            let told = format!("{limit} in use and 2 wanted, {limit} allowed (quota {})", quota.code);
            assert!(finding.why.ends_with(&told), "{finding:?}");
            let request = format!("--quota-code {} --desired-value {}", quota.code, limit + 2.0);
            assert!(finding.next.contains(&request), "{finding:?}");
        }
    }

    #[test]
    fn gateways_are_counted_in_their_own_zone() {
        let mut facts = good();
        facts.asked.quotas.iter_mut().find(|one| one.need.quota == "NAT").unwrap().used = Ok(5.0);
        assert!(failing(room(&facts, "NAT")).why.contains(" of eu-central-1a: 5 in use and 1 wanted, 5 allowed"));
    }

    #[test]
    fn a_default_is_no_proof_and_an_unread_use_no_failure() {
        let mut facts = good();
        let one = facts.asked.quotas.iter_mut().find(|one| one.need.quota == "VPCS").unwrap();
        (one.used, one.limit.applied) = (Ok(5.0), false);
        let Err(Status::Warn(finding)) = room(&facts, "VPCS") else { panic!() };
        assert!(finding.evidence[0].contains("AWS's default"));
        facts.asked.quotas.iter_mut().find(|one| one.need.quota == "VPCS").unwrap().used = Err(Error::terminal("x"));
        assert!(matches!(room(&facts, "VPCS"), Err(Status::Unknown(_))));
    }

    #[test]
    fn what_the_plan_does_not_make_is_not_counted() {
        let mut facts = good();
        facts.asked.quotas.clear();
        assert_eq!(room(&facts, "VPCS"), Ok("not needed for this plan".into()));
    }
}
