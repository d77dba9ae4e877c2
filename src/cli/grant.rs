//! The image grant: everything else is made, the request to send is printed, and the same command goes on when ZenML has
//! answered.

use super::session::Session;
use crate::apply::Outcome;
use crate::model::Address;
use crate::preflight::grant::{Request, is_missing};
use crate::resource::Error;

/// True if ECS could not pull the image for want of rights.
pub(super) fn is_refused(outcome: &Outcome) -> bool {
    outcome.failed.iter().any(is_refusal)
}

/// True if nothing else went wrong.
pub(super) fn is_all_that_is_missing(outcome: &Outcome) -> bool {
    is_refused(outcome) && outcome.failed.iter().all(is_refusal) && !outcome.stopped && outcome.lost.is_none()
}

fn is_refusal((address, error): (&Address, &Error)) -> bool {
    matches!(address.kind.as_str(), "ecs.task_run" | "ecs.service") && is_missing(&error.message)
}

/// What to send, and how to go on.
pub(super) fn text(session: &Session) -> String {
    let request = request(session);
    let sent = match request.is_to_zenml() {
        true => format!("\n{}", request.text()),
        false => format!("    {}\n", request.role_arn),
    };
    format!(
        "The execution role may not pull the image yet: {}.\n{sent}\nThen continue with the same command; with \
         `--wait-for-grant 2h` it tries again by itself.\n    {}\n",
        request.next(),
        session.command
    )
}

/// With the role as it is on record.
fn request(session: &Session) -> Request {
    let place = &session.facts.place;
    let mut request = Request::new(&session.config, &place.partition, &place.account);
    let role = session.state.resources.get(&Address::new("iam.role", "execution"));
    if let Some(arn) = role.and_then(|role| role.outputs["role_arn"].as_str()) {
        arn.clone_into(&mut request.role_arn);
    }
    request
}
