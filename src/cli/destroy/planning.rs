//! The plan of a destroy, for the verb and for plans that are saved.

use crate::cli::exit::Failure;
use crate::cli::session::Session;
use crate::model::{Address, Keep};
use crate::plan::{Action, Observations, Plan, Reason, Seen};
use crate::resource::{Id, Phase};
use crate::stack::destroy::{destroy_graph, graph_with_snapshot_of};

/// The plan of a destroy and what was seen. `stamp` names the final snapshot.
///
/// # Errors
/// Those of a plan; AWS's, if the snapshots of the database cannot be listed.
pub(in crate::cli) async fn plan_of(
    session: &Session,
    snapshot: bool,
    stamp: &str,
) -> Result<(Plan, Observations), Failure> {
    let state = &session.state;
    let (mut plan, mut seen) = session.plan(&destroy_graph(state, snapshot, stamp)).await?;
    if snapshot {
        let instance = Address::new("rds.instance", "main");
        let recorded = state.resources.contains_key(&instance);
        match (recorded, standing(&seen, &instance)) {
            // Of a database that is gone already no snapshot can be taken, and none of what has its name now.
            (true, None) => (plan, seen) = session.plan(&graph_with_snapshot_of(None, state, stamp)).await?,
            // Its create was interrupted, and by now it could be written to.
            (false, Some(id)) => {
                let id = id.as_str().to_owned();
                (plan, seen) = session.plan(&graph_with_snapshot_of(Some(&id), state, stamp)).await?;
            }
            _ => {}
        }
    }
    keep_key_of_snapshots(session, &mut plan).await?;
    Ok((plan, seen))
}

/// The database, if it is there and not on its way out. One that only an intent knows counts when it can be used.
fn standing<'s>(seen: &'s Observations, instance: &Address) -> Option<&'s Id> {
    let of = |seen: Option<&'s Seen>| match seen {
        Some(Seen::Live(id, observed)) => Some((id, &observed.phase)),
        _ => None,
    };
    let recorded = of(seen.seen.get(instance)).filter(|(_, phase)| !matches!(phase, Phase::Deleting(_)));
    let begun = of(seen.pending.get(instance)).filter(|(_, phase)| matches!(phase, Phase::Ready));
    recorded.or(begun).map(|(id, _)| id)
}

/// Snapshots that others took of the database (by hand, or RDS when it was deleted by hand) are on no record, and what they hold
/// cannot be read without the encryption key either.
async fn keep_key_of_snapshots(session: &Session, plan: &mut Plan) -> Result<(), Failure> {
    let instance = Address::new("rds.instance", "main");
    let goes = |keep: &Keep| *keep == Keep::WhileSnapshotOf(instance.clone());
    let mut keys = plan.steps.values_mut().filter(|step| step.action == Action::Delete && goes(&step.keep)).peekable();
    if keys.peek().is_none() {
        return Ok(());
    }
    let name = session.config.db_instance_id();
    let snapshots = session.aws.patiently(async || crate::aws::rds::lasting(&session.aws, &name).await).await;
    let snapshots = snapshots.map_err(|error| Failure::aws("look for snapshots of the database", &error))?;
    if let Some((snapshot, _)) = snapshots.first() {
        for key in keys {
            let why = format!("the data in the snapshot {snapshot} cannot be read without it");
            (key.action, key.reason) = (Action::Retain, Reason::Kept(why));
        }
    }
    Ok(())
}
