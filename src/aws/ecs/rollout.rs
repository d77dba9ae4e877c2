//! Did the rollout that we asked for succeed? Judged by whose deployment it is, not by whether the service is steady.
//!
//! After a rollback the service is as steady as after a success, with one deployment and all tasks running, so "steady" alone
//! would call a failed upgrade a success. And right after UpdateService a describe may still show the deployment before it,
//! which looks just like one after a rollback. Only the service-deployments API tells the two apart.

use super::failing::Verdict;
use super::service::Service;
use super::{cluster_and_name, failing, stopped};
use crate::aws::Aws;
use crate::resource::{Phase, Result, Scope};
use aws_sdk_ecs::types::{self, Deployment, DeploymentRolloutState, ServiceDeploymentBrief, ServiceDeploymentStatus};
use aws_smithy_types::DateTime;
use serde::{Deserialize, Serialize};

/// So many failed tasks are enough when no circuit breaker ends a rollout.
const GIVE_UP: i32 = 10;
/// Service events shown with a failure.
const EVENTS: usize = 4;
/// The clocks of deployment and service deployment need not agree.
const SLACK_SECS: i64 = 30;

/// The rollout that this operation's own call started. An older failure of the same revision (the rollout is being tried
/// again) is not about this one. After a crash it is not known: then the newest deployment of the revision is the interrupted
/// one, and if there is none the update was never called.
#[derive(Clone, Serialize, Deserialize)]
struct Begun {
    task_definition_arn: String,
    /// Id of the deployment, `ecs-svc/…`.
    id: String,
    /// When it was made, in seconds since 1970 by ECS's clock.
    at: i64,
}

/// Its name in the operation's memo.
const BEGUN: &str = "rollout";

/// Keeps what the answer to a create or update says of the rollout that it started.
pub(super) fn remember(scope: &Scope<'_>, service: Option<&types::Service>) {
    let Some(primary) = service.and_then(primary) else { return };
    let Some((revision, at)) = primary.task_definition().zip(primary.created_at()) else { return };
    let id = primary.id().unwrap_or_default().to_owned();
    let begun = Begun { task_definition_arn: revision.to_owned(), id, at: at.secs() };
    scope.memo.keep(BEGUN, serde_json::to_value(begun).expect("because it is plain data"));
}

/// The rollout of this revision that this operation asked for, if it did.
fn asked(scope: &Scope<'_>, wanted: &str) -> Option<Begun> {
    let begun: Begun = serde_json::from_value(scope.memo.kept(BEGUN)?).ok()?;
    (begun.task_definition_arn == wanted).then_some(begun)
}

/// True if the rollout that is on top failed, and this operation did not ask for it: its cause may be gone by now. While a plan
/// only looks, what ECS says of the deployment itself has to do.
pub(super) async fn failed_before(scope: &Scope<'_>, service: &types::Service) -> Result<bool> {
    let Some(primary) = primary(service).filter(|_| scope.memo.kept(BEGUN).is_none()) else { return Ok(false) };
    match (primary.rollout_state(), wanted(scope)) {
        (Some(DeploymentRolloutState::Failed), _) => Ok(true),
        // The first deployment of a service may stay `IN_PROGRESS` after the breaker stopped it.
        (Some(DeploymentRolloutState::InProgress), Some(wanted))
            if primary.failed_tasks() > 0 && primary.task_definition() == Some(&wanted) =>
        {
            Ok(evidence(scope, service, &wanted).await?.is_some_and(|brief| has_failed(&brief)))
        }
        _ => Ok(false),
    }
}

/// The phase of an active service.
pub(super) async fn phase(scope: &Scope<'_>, service: &types::Service) -> Result<Phase> {
    let Some(primary) = primary(service) else { return Ok(Phase::Settling("no deployment yet".to_owned())) };
    let state = primary.rollout_state().unwrap_or(&DeploymentRolloutState::Completed);
    let Some(wanted) = wanted(scope) else {
        return Ok(match state {
            DeploymentRolloutState::InProgress => Phase::Usable(progress(primary)),
            _ => Phase::Ready,
        });
    };
    if primary.task_definition() != Some(&wanted) {
        return Ok(match evidence(scope, service, &wanted).await? {
            Some(brief) if has_failed(&brief) => refused(scope.aws, service, &wanted, reason(&brief)).await,
            Some(brief) if has_succeeded(&brief) && primary.created_at() > brief.created_at() => {
                refused(scope.aws, service, &wanted, "another deployment has taken its place".to_owned()).await
            }
            // Nobody asked for it yet: the engine sees the difference and calls `update`.
            None if asked(scope, &wanted).is_none() => Phase::Ready,
            // The describe has not caught up.
            _ => about_to_begin(),
        });
    }
    // The same revision in another deployment: either not ours yet, or after a rollback of other settings (subnets, groups).
    if let Some(begun) = asked(scope, &wanted).filter(|begun| primary.id() != Some(&begun.id)) {
        if primary.created_at().is_some_and(|at| at.secs() < begun.at) {
            return Ok(about_to_begin());
        }
        if let Some(brief) = evidence(scope, service, &wanted).await?.filter(has_failed) {
            return Ok(refused(scope.aws, service, &wanted, reason(&brief)).await);
        }
    }
    let counts_match = service.running_count() == service.desired_count();
    Ok(match state {
        DeploymentRolloutState::Completed if counts_match => Phase::Ready,
        DeploymentRolloutState::Completed => {
            Phase::Settling(format!("{} of {} tasks running", service.running_count(), service.desired_count()))
        }
        DeploymentRolloutState::Failed => {
            let why = primary.rollout_state_reason().unwrap_or("ECS gave no reason").to_owned();
            refused(scope.aws, service, &wanted, why).await
        }
        _ if primary.failed_tasks() == 0 => {
            let trouble = failing::trouble(scope, service, primary).map(|said| format!(": {said}"));
            Phase::Settling(format!("{}{}", progress(primary), trouble.unwrap_or_default()))
        }
        // The first deployment of a service has nothing to roll back to and may stay `IN_PROGRESS` after the breaker stopped it.
        _ => match evidence(scope, service, &wanted).await? {
            Some(brief) if has_failed(&brief) => refused(scope.aws, service, &wanted, reason(&brief)).await,
            _ if primary.failed_tasks() >= GIVE_UP && !breaks(service) => {
                refused(
                    scope.aws,
                    service,
                    &wanted,
                    format!("{} tasks failed one after another", primary.failed_tasks()),
                )
                .await
            }
            _ => match failing::judge(scope, service, primary).await {
                Verdict::Hopeless(why) => refused(scope.aws, service, &wanted, why).await,
                Verdict::Open(cause) => {
                    let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
                    Phase::Settling(format!("{}{cause}", progress(primary)))
                }
            },
        },
    })
}

fn about_to_begin() -> Phase {
    Phase::Settling("rollout: about to begin".to_owned())
}

fn primary(service: &types::Service) -> Option<&Deployment> {
    service.deployments().iter().find(|deployment| deployment.status() == Some("PRIMARY"))
}

/// The revision that is being applied; `None` when a plan only looks.
fn wanted(scope: &Scope<'_>) -> Option<String> {
    let want = Service::deserialize(scope.want?).ok()?;
    want.task_definition_arn.get().ok().cloned()
}

/// `rollout: 1 of 2 new tasks running, 0 pending, 1 failed`. The engine's time limit starts again with every new word; the
/// number of failures is cut off so that a service that fails for ever does not keep its operation alive.
fn progress(primary: &Deployment) -> String {
    let (running, desired, pending) = (primary.running_count(), primary.desired_count(), primary.pending_count());
    let failed = match primary.failed_tasks() {
        0 => String::new(),
        few if few < GIVE_UP => format!(", {few} failed"),
        _ => ", many failed".to_owned(),
    };
    format!("rollout: {running} of {desired} new tasks running, {pending} pending{failed}")
}

fn breaks(service: &types::Service) -> bool {
    service.deployment_configuration().and_then(|c| c.deployment_circuit_breaker()).is_some_and(|b| b.enable)
}

/// True if ECS itself goes back to an earlier deployment when this one fails.
pub(super) fn goes_back(service: &types::Service) -> bool {
    let breaker = service.deployment_configuration().and_then(|c| c.deployment_circuit_breaker());
    breaker.is_some_and(|breaker| breaker.enable && breaker.rollback) && service.deployments().len() > 1
}

fn has_failed(brief: &ServiceDeploymentBrief) -> bool {
    use ServiceDeploymentStatus::{RollbackFailed, RollbackInProgress, RollbackRequested, RollbackSuccessful, Stopped};
    let failed = [&RollbackRequested, &RollbackInProgress, &RollbackSuccessful, &RollbackFailed, &Stopped];
    brief.status().is_some_and(|status| failed.contains(&status))
}

fn has_succeeded(brief: &ServiceDeploymentBrief) -> bool {
    brief.status() == Some(&ServiceDeploymentStatus::Successful)
}

fn reason(brief: &ServiceDeploymentBrief) -> String {
    let status = brief.status().map_or("", |status| status.as_str());
    match brief.status_reason() {
        Some(reason) => format!("{status}: {reason}"),
        None => status.to_owned(),
    }
}

/// The newest deployment that was to bring this revision, as far as it can be ours.
async fn evidence(scope: &Scope<'_>, service: &types::Service, wanted: &str) -> Result<Option<ServiceDeploymentBrief>> {
    let aws = scope.aws;
    let arn = service.service_arn().unwrap_or_default();
    let (cluster, _) = cluster_and_name(arn)?;
    let call = aws.ecs().list_service_deployments().cluster(cluster).service(arn).max_results(20);
    let listed = aws.call("ecs:ListServiceDeployments", call.send()).await?.service_deployments.unwrap_or_default();
    let asked = asked(scope, wanted).map(|begun| begun.at);
    let can_be_ours = |brief: &ServiceDeploymentBrief| {
        let created = brief.created_at().map(DateTime::secs);
        asked.zip(created).is_none_or(|(asked, created)| created >= asked - SLACK_SECS)
    };
    let mut briefs: Vec<_> = listed.into_iter().filter(can_be_ours).collect();
    briefs.sort_by_key(|brief| std::cmp::Reverse(brief.created_at().map(DateTime::as_nanos)));
    let mut revisions: Vec<_> =
        briefs.iter().filter_map(|b| b.target_service_revision_arn().map(str::to_owned)).collect();
    revisions.dedup();
    if revisions.is_empty() {
        return Ok(None);
    }
    let call = aws.ecs().describe_service_revisions().set_service_revision_arns(Some(revisions));
    let described = aws.call("ecs:DescribeServiceRevisions", call.send()).await?;
    let brings = |arn: Option<&str>| {
        let mut revisions = described.service_revisions().iter();
        revisions.any(|r| r.service_revision_arn() == arn && r.task_definition() == Some(wanted))
    };
    Ok(briefs.into_iter().find(|brief| brings(brief.target_service_revision_arn())))
}

/// The whole story: what became of the rollout, why its tasks stopped, what they logged, what the service says.
async fn refused(aws: &Aws, service: &types::Service, wanted: &str, why: String) -> Phase {
    let revision = |arn: &str| arn.rsplit('/').next().unwrap_or_default().to_owned();
    let mut lines = vec![format!("the rollout of {} failed: {why}", revision(wanted))];
    let now = primary(service).and_then(|primary| primary.task_definition()).filter(|now| *now != wanted);
    lines.extend(now.map(|now| format!("the service runs {} again", revision(now))));
    let arn = service.service_arn().unwrap_or_default();
    // What cannot be looked up is left out: the failure itself is known.
    if let Ok((cluster, name)) = cluster_and_name(arn)
        && let Ok(tasks) = stopped::of_service(aws, cluster, name, wanted).await
        && !tasks.is_empty()
    {
        lines.push(stopped::story(aws, &tasks).await);
    }
    let events: Vec<_> = service.events().iter().filter_map(|event| event.message()).take(EVENTS).collect();
    if !events.is_empty() {
        lines.push("last events of the service:".to_owned());
        lines.extend(events.iter().map(|event| format!("  {event}")));
    }
    Phase::Refused(lines.join("\n"))
}
