//! What RDS said of a database last.

use super::reading;
use crate::resource::{Id, Phase, Scope};
use aws_sdk_rds::types::SourceType;

/// With what RDS said of it last: the status word alone tells no cause. While something is being applied the last event
/// tells how far it is; a plan does not ask.
pub(super) async fn explained(scope: &Scope<'_>, id: &Id, phase: Phase) -> Phase {
    let failed = matches!(phase, Phase::Failed(_) | Phase::Refused(_));
    let applied = matches!(phase, Phase::Settling(_)) && scope.want.is_some();
    if !failed && !applied {
        return phase;
    }
    let day = 24 * 60;
    let call = scope.aws.rds().describe_events().source_identifier(&id.0).source_type(SourceType::DbInstance);
    // They only explain: whoever may not read them gets the status word alone.
    match scope.aws.call("rds:DescribeEvents", call.duration(day).send()).await {
        Ok(events) => {
            reading::with_events(phase, &events.events().iter().filter_map(|e| e.message()).collect::<Vec<_>>())
        }
        Err(error) => {
            tracing::debug!(%error, "the events of the database cannot be read");
            phase
        }
    }
}
