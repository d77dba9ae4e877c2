//! After a rollout that ECS took back: the database has been migrated, and older code works on it again.
//!
//! A migration is not undone with the rollout. Whoever reads "rolled back" takes everything for as it was, so this is said.

use super::session::Session;
use crate::apply::Outcome;
use crate::config::version_of_image;
use crate::model::Address;
use crate::resource::{Id, Observed};
use semver::Version;

/// The warning, if the service failed and now runs code from before the last migration.
pub(crate) async fn warning(session: &Session, outcome: &Outcome) -> Option<String> {
    let service = Address::new("ecs.service", "server");
    if !outcome.failed.contains_key(&service) {
        return None;
    }
    let migrated = session.facts.migrated.as_ref()?;
    let id = session.state.resources.get(&service)?.id.clone();
    let revision = look_at(session, &service, &id).await?.inputs["task_definition_arn"].as_str()?.to_owned();
    let definition = look_at(session, &Address::new("ecs.task_definition", "server"), &revision.into()).await?;
    sentence(definition.inputs["container"]["image"].as_str()?, &session.config.image(), migrated)
}

/// What cannot be read is not told: the failure itself has been.
async fn look_at(session: &Session, address: &Address, id: &Id) -> Option<Observed> {
    session.engine().look_at(&session.state, address, id).await.ok()?
}

fn sentence(running: &str, wanted: &str, migrated: &Version) -> Option<String> {
    let code = match version_of_image(running) {
        Some(version) if version >= *migrated => return None,
        Some(version) => format!("the code of version {version}"),
        None if running == wanted => return None,
        None => format!("the image {running}"),
    };
    Some(format!(
        "warning: old code now meets the new schema: the database was migrated to {migrated}, and the service runs {code} again\n  \
         the migration is not undone: make version {migrated} or a later one work, or restore the snapshot from before it\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_from_before_the_migration_is_old() {
        let migrated = Version::new(0, 99, 0);
        let told = |running| sentence(running, "x/zenml:0.99.0", &migrated);
        assert!(told("x/zenml:0.98.0").is_some_and(|text| text.contains("the code of version 0.98.0 again")));
        assert!(told("x/zenml:prod").is_some_and(|text| text.contains("the image x/zenml:prod again")));
        assert_eq!(told("x/zenml:0.99.0"), None);
        assert_eq!(sentence("x/zenml:prod", "x/zenml:prod", &migrated), None);
    }
}
