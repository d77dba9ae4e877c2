//! A rollout whose tasks stop while it goes on: why is said at the first one, and when more of the same is certain, nobody
//! waits for it.

use super::stopped::{self, Stopped};
use super::{cluster_and_name, rollout};
use crate::resource::Scope;
use aws_sdk_ecs::types::{Deployment, Service};
use aws_smithy_types::DateTime;
use serde::{Deserialize, Serialize};

/// So many tasks in a row that stopped alike are no chance.
const ALIKE: usize = 3;
/// What was told of this operation's rollout.
const TOLD: &str = "first stop of a task";
/// Failures (of `log_classes`) that only a change of what was rolled out can end, or of what it was rolled out for: the next task
/// reads the same settings, the same schema, and is refused with the same client secret. Not those that time may mend: a network,
/// a database that restarts, a right that spreads.
const CERTAIN: &[&str] = &[
    "cfg.uuid",
    "cfg.missing",
    "cfg.logging",
    "cfg.dbname",
    "cfg.dburl",
    "cp.auth",
    "cp.plan",
    "mig.downgrade",
    "mig.missing",
    "secret.deleted",
    "secret.key",
    "secrets.aws",
];

/// How it stands with the tasks that stopped.
pub(super) enum Verdict {
    /// It may still succeed; why the first task stopped, if that is known.
    Open(Option<String>),
    /// It cannot: this is why.
    Hopeless(String),
}

/// Judges the stopped tasks of the primary deployment. What cannot be looked up judges nothing.
pub(super) async fn judge(scope: &Scope<'_>, service: &Service, primary: &Deployment) -> Verdict {
    let revision = primary.task_definition().unwrap_or_default();
    let Ok((cluster, name)) = cluster_and_name(service.service_arn().unwrap_or_default()) else {
        return Verdict::Open(None);
    };
    let mut tasks = stopped::of_service(scope.aws, cluster, name, revision).await.unwrap_or_default();
    let begun = primary.created_at().map_or(0, DateTime::secs);
    tasks.retain(|task| task.stopped_at == 0 || task.stopped_at >= begun);
    let Some(newest) = tasks.first() else { return Verdict::Open(None) };
    let told = match scope.memo.kept(TOLD).and_then(|told| serde_json::from_value::<Told>(told).ok()) {
        // Its log may arrive after the end of the task.
        Some(told) if told.means.is_some() || (told.heard && told.task == newest.arn) => told,
        before => tell(scope, newest, before).await,
    };
    let certain =
        told.means.filter(|_| told.certain).map(|means| format!("every further task would stop alike: {means}"));
    match certain.or_else(|| hopeless(&tasks)) {
        // ECS goes back to the revision that works: that takes a while, and is the better end.
        Some(why) if !rollout::goes_back(service) => Verdict::Hopeless(why),
        _ => Verdict::Open(Some(told.cause)),
    }
}

/// What is known and was told of the tasks that stopped.
#[derive(Serialize, Deserialize)]
struct Told {
    /// ECS's words for the first one. It stays: the engine's time limit starts again with every new word.
    cause: String,
    /// The task whose log was looked for last.
    task: String,
    /// It had one.
    heard: bool,
    /// What it means, by the table.
    means: Option<String>,
    /// One of [`CERTAIN`].
    certain: bool,
}

/// The first thing that the service complained of since this rollout began (no room for a task, a role that cannot be assumed,
/// a target that is unhealthy), told once. A later one does not replace it: the engine's time limit starts again with every
/// new word, and a service can complain for ever.
pub(super) fn trouble(scope: &Scope<'_>, service: &Service, primary: &Deployment) -> Option<String> {
    const TROUBLE: &str = "first complaint of the service";
    if let Some(told) = scope.memo.kept(TROUBLE) {
        return told.as_str().map(str::to_owned);
    }
    let begun = primary.created_at().map_or(0, DateTime::secs);
    let complains = |text: &&str| ["unable to", "unhealthy", "failed"].iter().any(|word| text.contains(word));
    let since = service.events().iter().filter(|event| event.created_at().is_none_or(|at| at.secs() >= begun));
    // Newest first.
    let said = since.filter_map(|event| event.message()).rfind(complains)?;
    scope.note(said);
    scope.memo.keep(TROUBLE, said.into());
    Some(said.to_owned())
}

/// The first stop is told at once, and what it means as soon as that is known.
async fn tell(scope: &Scope<'_>, task: &Stopped, before: Option<Told>) -> Told {
    let cause = task.cause();
    let log = stopped::tail(scope.aws, task).await.unwrap_or_default();
    let class = stopped::class_of(&cause, &log);
    let means = class.map(stopped::meaning);
    if before.is_none() || means.is_some() {
        let said = stopped::cause(&log).map(|error| format!("; it logged {error}")).unwrap_or_default();
        let means = means.iter().map(|means| format!("; {means}")).collect::<String>();
        scope.note(format!("a new task stopped: {cause}{said}{means}"));
    }
    let told = Told {
        cause: before.map_or(cause, |before| before.cause),
        task: task.arn.clone(),
        heard: !log.is_empty() || task.exit_code.is_none(),
        certain: class.is_some_and(|class| CERTAIN.contains(&class.id)),
        means,
    };
    scope.memo.keep(TOLD, serde_json::to_value(&told).expect("because it is plain data"));
    told
}

/// Why the next task would stop too; newest first.
fn hopeless(tasks: &[Stopped]) -> Option<String> {
    let newest = tasks.first()?;
    if is_refused(&newest.cause()) {
        return Some("its image cannot be pulled, however often it is tried".to_owned());
    }
    let alike = tasks.len() >= ALIKE && tasks.iter().take(ALIKE).all(|task| task.cause() == newest.cause());
    alike.then(|| format!("{ALIKE} tasks in a row stopped alike"))
}

/// The registry answered, and said no. A timeout on the way to it may pass. Words alone: a number may be part of an id.
fn is_refused(cause: &str) -> bool {
    const ANSWERS: &[&str] =
        &["forbidden", "access denied", "not authorized", "not found", "manifest unknown", "no matching manifest"];
    let cause = cause.to_lowercase();
    cause.contains("cannotpullcontainer") && ANSWERS.iter().any(|answer| cause.contains(answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(reason: &str, exit_code: Option<i32>) -> Stopped {
        Stopped {
            arn: "arn:aws:ecs:eu-central-1:123456789012:task/main/0a1b".into(),
            task_definition_arn: String::new(),
            reason: reason.into(),
            container: "app".into(),
            container_reason: None,
            exit_code,
            stopped_at: 0,
            scaled_in: false,
        }
    }

    #[test]
    fn what_is_certain_is_in_the_tables() {
        use crate::verify::log_classes::{LOG_CLASSES, STOP_CLASSES};
        for id in CERTAIN {
            assert!(LOG_CLASSES.iter().chain(STOP_CLASSES).any(|class| class.id == *id), "{id}");
        }
    }

    #[test]
    fn three_equal_stops_and_a_refused_image_are_hopeless() {
        let crash = || task("Essential container in task exited", Some(3));
        assert_eq!(hopeless(&[crash(), crash()]), None);
        assert!(hopeless(&[crash(), crash(), crash()]).is_some());
        let other = task("Essential container in task exited", Some(137));
        assert_eq!(hopeless(&[crash(), other, crash()]), None, "they did not stop alike");
        for (reason, refused) in [
            ("CannotPullContainerError: pull image manifest: 403 Forbidden", true),
            ("CannotPullContainerError: example/app:9: not found", true),
            ("CannotPullContainerError: dial tcp 10.0.0.1:443: i/o timeout", false),
            ("CannotPullContainerError: dial tcp 10.0.0.1:443: i/o timeout, request 7a403c-404b", false),
            ("ResourceInitializationError: unable to pull secrets: 403", false),
        ] {
            assert_eq!(hopeless(&[task(reason, None)]).is_some(), refused, "{reason}");
        }
    }
}
