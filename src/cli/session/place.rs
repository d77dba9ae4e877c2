//! Where a deployment lives: its state, the account and region it belongs to, and what is looked up there once.

use super::Access;
use crate::aws::{Aws, facts};
use crate::cli::exit::{Failure, PREFLIGHT, STALE};
use crate::cli::{Global, telling};
use crate::config::{Config, Dns, Zones};
use crate::sandbox::Sandbox;
use crate::stack::facts::PlaceFacts;
use crate::state::place::Store;
use crate::state::{Place, State, StateStore};
use std::collections::BTreeSet;
use uuid::Uuid;

/// The record, or an empty one; of another deployment or another place it is refused.
pub(super) async fn load_state(
    global: &Global,
    store: &Store,
    config: &Config,
    sandbox: Option<&Sandbox>,
    access: Access,
) -> Result<State, Failure> {
    let fresh = || State::new(&config.name, Uuid::new_v4());
    let Some(state) = store.load().await? else { return Ok(fresh()) };
    if state.deployment != config.name {
        let text = format!("the state in {} is of the deployment `{}`", store.url(), state.deployment);
        return Err(Failure::new(STALE, text).hint(format!("give `{}` a state path of its own", config.name)));
    }
    let world = state.place.as_ref().and_then(|place| place.sandbox_world.clone());
    match (sandbox, world) {
        (Some(sandbox), Some(world)) if world != sandbox.world && access == Access::Read => {
            telling::say(global, "the sandbox was reset since the last run: nothing is in it");
            Ok(fresh())
        }
        (Some(sandbox), Some(world)) if world != sandbox.world => {
            let aside = store.set_aside("gone-world").await?;
            let line = format!("the sandbox was reset since the last run: starting empty, the old state is {aside}");
            telling::say(global, &line);
            Ok(fresh())
        }
        (Some(_), None) if state.place.is_some() => {
            Err(Failure::new(STALE, "this state is of a real account; the sandbox does not touch it"))
        }
        (None, Some(_)) => Err(Failure::new(STALE, "this state is of a sandbox; it is not applied to AWS")),
        _ => Ok(state),
    }
}

/// Compares the state's account, region and world with this one's; an empty state takes them over.
pub(super) fn check_place(
    config: &Config,
    state: &mut State,
    caller: &facts::Caller,
    sandbox: Option<&Sandbox>,
) -> Result<(), Failure> {
    let here = Place {
        account: caller.account.clone(),
        region: config.region.clone(),
        sandbox_world: sandbox.map(|sandbox| sandbox.world.clone()),
    };
    if let Some(wanted) = config.account_id.as_ref().filter(|wanted| sandbox.is_none() && **wanted != here.account) {
        let text = format!("these credentials are of account {}, and the file says account {wanted}", here.account);
        return Err(Failure::new(STALE, text).hint("choose other credentials with `--profile` or AWS_PROFILE"));
    }
    match &state.place {
        Some(place) if *place != here => Err(Failure::new(
            STALE,
            format!(
                "the state is of account {} in {}, and this is account {} in {}",
                place.account, place.region, here.account, here.region
            ),
        )
        .hint("use the credentials and the region that the deployment was made with")),
        Some(_) => Ok(()),
        None => {
            state.place = Some(here);
            Ok(())
        }
    }
}

/// Subnets and their ranges go by position: a zone that is there already keeps its own, whatever the order in the config.
fn in_their_places(known: &[String], wanted: Vec<String>) -> Vec<String> {
    let kept = |at: usize| known.get(at).filter(|zone| wanted.contains(zone));
    let kept: Vec<_> = (0..wanted.len()).map(kept).collect();
    let mut others = wanted.iter().filter(|zone| !kept.contains(&Some(*zone)));
    kept.iter().filter_map(|zone| zone.or_else(|| others.next()).cloned()).collect()
}

/// Zones and hosted zone: looked up once, then kept in the state, because they must not move under a deployment.
pub(super) async fn place_facts(
    aws: &Aws,
    config: &Config,
    state: &mut State,
    caller: &facts::Caller,
) -> Result<PlaceFacts, Failure> {
    let known: Option<PlaceFacts> = serde_json::from_value(state.facts.clone()).ok();
    let zones_of = |error| not_there("look up the availability zones", "PF-ZONES", &error);
    let known_zones = known.as_ref().map(|known| known.zones.clone()).unwrap_or_default();
    let zones = match &config.network.zones {
        Zones::Names(names) if names.iter().collect::<BTreeSet<_>>() == known_zones.iter().collect() => known_zones,
        Zones::Names(names) => {
            let zones = aws.patiently(async || facts::named_zones(aws, names).await).await;
            in_their_places(&known_zones, zones.map_err(zones_of)?)
        }
        Zones::Count(count) if known_zones.len() >= usize::from(*count) => {
            known_zones.into_iter().take(usize::from(*count)).collect()
        }
        Zones::Count(count) => {
            let zones = aws.patiently(async || facts::first_zones(aws, usize::from(*count)).await).await;
            zones.map_err(zones_of)?
        }
    };
    let same_secret = known.as_ref().and_then(|known| known.same_secret.clone());
    let known_zone = known.and_then(|known| known.hosted_zone);
    let hosted_zone = match &config.ingress.dns {
        Dns::External => None,
        Dns::Route53 { zone } => match known_zone.filter(|(name, _)| name == zone) {
            Some(known) => Some(known),
            None => {
                let private = !config.is_internet_facing();
                let look = async |private| aws.patiently(async || facts::hosted_zone(aws, zone, private).await).await;
                let id = match look(private).await {
                    // A public zone serves an internal name as well, if there is no private one.
                    Err(_) if private => look(false).await,
                    id => id,
                };
                Some((zone.clone(), id.map_err(|error| not_there("find the hosted zone", "PF-HOSTED-ZONE", &error))?))
            }
        },
    };
    let (account, partition) = (caller.account.clone(), caller.partition.clone());
    let place = PlaceFacts { account, partition, zones, hosted_zone, same_secret };
    state.facts = serde_json::to_value(&place).expect("because facts are plain data");
    Ok(place)
}

/// What there can be no plan without is the first thing that a preflight finds missing.
fn not_there(what: &str, check: &str, error: &crate::resource::Error) -> Failure {
    let mut failure = Failure::aws(what, error);
    // Our own conclusion, not AWS's refusal.
    if error.operation.is_empty() {
        failure.code = PREFLIGHT;
        failure = failure.hint(format!("what this check means: `hybridctl explain {check}`"));
    }
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_that_stay_keep_their_places() {
        let zones = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        for (known, wanted, placed) in [
            ("", "b a", "b a"),
            ("a b", "b a", "a b"),
            ("a b", "c b a", "a b c"),
            ("a b c", "c a", "a c"),
            ("a b", "b c", "c b"),
        ] {
            assert_eq!(in_their_places(&zones(known), zones(wanted)), zones(placed), "{known} → {wanted}");
        }
    }
}
