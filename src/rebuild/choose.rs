//! Which of several objects with one address is the current one.
//!
//! During a replacement old and new carry the same address, and the record that told them apart is gone. The better choice is
//! what the config wants; a wrong one costs a second replacement and loses nothing.

use super::Evidence;
use crate::resource::{Effect, Id, Kind, Phase};
use serde_json::Value;
use std::cmp::Reverse;

/// One address, decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    /// The object that stands for the address.
    pub current: Evidence,
    /// The others.
    pub others: Vec<Id>,
}

/// Decides. `want` is what the config says, as far as it is known; `in_use` tells whether another object refers to this one.
pub fn choose(
    candidates: Vec<Evidence>,
    kind: &dyn Kind,
    want: Option<&Value>,
    in_use: impl Fn(&Id) -> bool,
) -> Option<Chosen> {
    let mut candidates = candidates;
    let differs = |evidence: &Evidence, want: &Value| {
        let fixed = kind.fields().iter().filter(|field| field.effect == Effect::Replace && !field.unread);
        fixed.filter(|field| !field.satisfied(&want[field.name], &evidence.observed.inputs[field.name])).count()
            + usize::from(!kind.unread_is(want, &evidence.observed))
    };
    candidates.sort_by_key(|evidence| {
        let going = matches!(evidence.observed.phase, Phase::Deleting(_));
        let failed = matches!(evidence.observed.phase, Phase::Failed(_));
        let Evidence { sighting, observed } = evidence;
        let differences = want.map_or(0, |want| differs(evidence, want));
        let unsettled = observed.outputs.is_none();
        (going, failed, differences, Reverse(in_use(&sighting.id)), unsettled, Reverse(sighting.made))
    });
    let mut candidates = candidates.into_iter();
    let current = candidates.next()?;
    Some(Chosen { current, others: candidates.map(|evidence| evidence.sighting.id).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::elb::target_group::TargetGroup;
    use crate::aws::survey::Sighting;
    use crate::resource::{Observed, Of, Tags};
    use serde_json::json;

    fn group(id: &str, port: u16, phase: Phase) -> Evidence {
        let address = "elb.target_group/main".parse().unwrap();
        let sighting = Sighting { address, id: Id::from(id), tags: Tags::new(), made: None, deleted: false };
        let inputs = wanted(port);
        Evidence { sighting, observed: Observed { inputs, outputs: Some(json!({})), phase, tags: None, detail: None } }
    }

    fn wanted(port: u16) -> Value {
        let check = json!({
            "path": "/", "protocol": "HTTP", "port": "1", "interval_secs": 1, "timeout_secs": 1,
            "healthy_threshold": 2, "unhealthy_threshold": 2, "matcher": "200"
        });
        json!({
            "name_prefix": "t", "vpc_id": "vpc-1", "port": port, "protocol": "HTTP", "target_type": "ip",
            "health_check": check, "attributes": {}
        })
    }

    fn chosen(candidates: Vec<Evidence>, want: Option<&Value>, used: &str) -> (String, usize) {
        let kind = Of::<TargetGroup>::KIND;
        let chosen = choose(candidates, &kind, want, |id| id.as_str() == used).unwrap();
        (chosen.current.sighting.id.0, chosen.others.len())
    }

    #[test]
    fn it_is_the_one_that_need_not_be_replaced_then_the_one_in_use() {
        let (old, new) = (|| group("old", 8000, Phase::Ready), || group("new", 8001, Phase::Ready));
        assert_eq!(chosen(vec![old(), new()], Some(&wanted(8001)), "old"), ("new".into(), 1));
        assert_eq!(chosen(vec![old(), new()], None, "old"), ("old".into(), 1));
        assert_eq!(chosen(vec![new()], Some(&wanted(8000)), ""), ("new".into(), 0));
    }

    #[test]
    fn what_is_failed_or_on_its_way_out_comes_last() {
        let (failed, going) = (Phase::Failed("failed".into()), Phase::Deleting("deleting".into()));
        let all = vec![group("going", 1, going), group("failed", 1, failed), group("good", 2, Phase::Ready)];
        assert_eq!(chosen(all, Some(&wanted(1)), "failed"), ("good".into(), 2));
    }
}
