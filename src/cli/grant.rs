//! The image grant: everything else is made, the request to send is printed, and the same command goes on when ZenML has
//! answered.
//!
//! Nobody but ECS can try the pull, so waiting means running the migration task again at a pace.

use super::apply::{Attempt, Ended, attempt, conclude};
use super::exit::Failure;
use super::session::Session;
use super::{Global, telling};
use crate::apply::Outcome;
use crate::model::Address;
use crate::preflight::grant::{Request, is_missing};
use crate::resource::Error;
use std::time::{Duration, Instant};

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

/// Tries again until the image can be pulled, something else goes wrong, or the time is up.
///
/// # Errors
/// As [`conclude`], and if there can be no plan.
pub(super) async fn wait(global: &Global, session: &mut Session, limit: Duration) -> Result<Ended, Failure> {
    let pause = Duration::from_secs(if session.sandbox.is_some() { 1 } else { 60 });
    let end = Instant::now() + limit;
    // What is the matter has been told: only the last try is told again.
    let hushed = Global { quiet: true, events: None, ..global.clone() };
    telling::say(global, &format!("waiting for the grant: the image is tried every {} s", pause.as_secs()));
    while Instant::now() + pause < end {
        tokio::time::sleep(pause).await;
        let desired = session.desired()?;
        let (plan, _) = session.plan(&desired).await?;
        let tried: Attempt = attempt(&hushed, session, &plan).await?;
        if !is_all_that_is_missing(&tried.outcome) {
            return conclude(global, session, &plan, tried).await;
        }
        telling::say(global, "not granted yet");
    }
    telling::say(global, "the grant did not come in time");
    Ok(Ended::AwaitsGrant)
}
