//! What the sightings say of the deployment as a whole.

use super::Evidence;
use crate::aws::survey::Sighting;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;
use uuid::Uuid;

/// The objects of one state document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lineage {
    /// The document's uuid.
    pub id: Uuid,
    /// How many objects carry it.
    pub objects: usize,
    /// How many more are deleted and in their recovery window: secrets.
    pub deleted: usize,
    /// When the oldest of them was made, as far as AWS tells.
    pub since: Option<Timestamp>,
}

/// The lineages among the sightings, the one with the most objects first.
pub fn lineages(sightings: &[Sighting]) -> Vec<Lineage> {
    let mut by_id: BTreeMap<Uuid, Lineage> = BTreeMap::new();
    for sighting in sightings {
        let Ok(id) = sighting.lineage().parse() else { continue };
        let lineage = by_id.entry(id).or_insert(Lineage { id, objects: 0, deleted: 0, since: None });
        *(if sighting.deleted { &mut lineage.deleted } else { &mut lineage.objects }) += 1;
        lineage.since = lineage.since.into_iter().chain(sighting.made).min();
    }
    let mut lineages: Vec<_> = by_id.into_values().collect();
    lineages.sort_by_key(|lineage| std::cmp::Reverse(lineage.objects));
    lineages
}

/// The availability zones of the subnets, in the order of the letters in their names: they must not move.
pub fn zones(evidence: &[Evidence]) -> Vec<String> {
    let mut by_letter: BTreeMap<&str, String> = BTreeMap::new();
    for Evidence { sighting, observed } in evidence {
        let letter = ["public-", "private-"].iter().find_map(|prefix| sighting.address.name.strip_prefix(prefix));
        if let ("ec2.subnet", Some(letter), Value::String(zone)) =
            (sighting.address.kind.as_str(), letter, &observed.inputs["availability_zone"])
        {
            by_letter.insert(letter, zone.clone());
        }
    }
    by_letter.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::tags;
    use crate::resource::{Id, Observed, Phase};
    use serde_json::json;

    fn sighting(lineage: u128, address: &str, made: Option<i64>, deleted: bool) -> Sighting {
        let tags = [(tags::LINEAGE.to_owned(), Uuid::from_u128(lineage).to_string())];
        let made = made.map(|at| Timestamp::from_second(at).unwrap());
        Sighting { address: address.parse().unwrap(), id: Id::from("x"), tags: tags.into(), made, deleted }
    }

    #[test]
    fn the_largest_lineage_comes_first_and_secrets_in_their_window_count_apart() {
        let sightings = [
            sighting(1, "ec2.vpc/main", None, false),
            sighting(2, "ec2.vpc/main", None, false),
            sighting(2, "rds.instance/main", Some(200), false),
            sighting(2, "iam.role/task", Some(100), false),
            sighting(3, "secrets.given/oauth2", Some(5), true),
        ];
        let seen: Vec<_> =
            lineages(&sightings).iter().map(|l| (l.id.as_u128(), l.objects, l.deleted, l.since)).collect();
        let at = |second| Some(Timestamp::from_second(second).unwrap());
        assert_eq!(seen, [(2, 3, 0, at(100)), (1, 1, 0, None), (3, 0, 1, at(5))]);
    }

    #[test]
    fn zones_stay_where_the_subnets_are() {
        let subnet = |name: &str, zone: &str| Evidence {
            sighting: sighting(1, &format!("ec2.subnet/{name}"), None, false),
            observed: Observed {
                inputs: json!({ "availability_zone": zone }),
                outputs: None,
                phase: Phase::Ready,
                tags: None,
                detail: None,
            },
        };
        let evidence = [subnet("private-b", "x-1a"), subnet("private-a", "x-1c"), subnet("public-a", "x-1c")];
        assert_eq!(zones(&evidence), ["x-1c", "x-1a"]);
    }
}
