//! The plan of a destroy, for the verb and for plans that are saved.

use crate::cli::exit::Failure;
use crate::cli::session::Session;
use crate::model::Address;
use crate::plan::{Observations, Plan, Seen};
use crate::stack::destroy::destroy_graph;

/// The plan of a destroy and what was seen. `stamp` names the final snapshot.
///
/// # Errors
/// Those of a plan.
pub(in crate::cli) async fn plan_of(
    session: &Session,
    snapshot: bool,
    stamp: &str,
) -> Result<(Plan, Observations), Failure> {
    let (plan, seen) = session.plan(&destroy_graph(&session.state, snapshot, stamp)).await?;
    let database = Address::new("rds.instance", "main");
    let is_live = matches!(seen.seen.get(&database), Some(Seen::Live(..)));
    if !snapshot || is_live || !session.state.resources.contains_key(&database) {
        return Ok((plan, seen));
    }
    // Of a database that is gone already no snapshot can be taken, and none of what has its name now.
    session.plan(&destroy_graph(&session.state, false, stamp)).await
}
