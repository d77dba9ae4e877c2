//! What DescribeDBInstances says, in our terms: phase, pending changes, and what counts as equal.

use crate::resource::Phase;
use aws_sdk_rds::types::{DbInstance, PendingModifiedValues};
use serde_json::Value;

/// How far the instance has come. `pending` names the accepted changes that are to be waited for.
pub(super) fn phase(instance: &DbInstance, pending: &[&str]) -> Phase {
    let word = instance.db_instance_status().unwrap_or("creating").to_owned();
    let parameters = instance.db_parameter_groups().first().and_then(|group| group.parameter_apply_status());
    match &*word {
        // The storage is being rearranged for hours, and the database works.
        "available" | "storage-optimization" => match (pending, parameters) {
            ([], Some("applying")) => Phase::Settling(format!("{word}, applying parameters")),
            ([], Some("failed-to-apply")) => Phase::Refused(format!("{word}, parameters failed-to-apply")),
            ([], _) if instance.endpoint().is_none() => Phase::Settling(format!("{word}, no endpoint")),
            ([], _) => Phase::Ready,
            (pending, _) => Phase::Settling(format!("{word}, pending: {}", pending.join(", "))),
        },
        // A difference, which an update mends by starting it.
        "stopped" if instance.endpoint().is_some() => Phase::Ready,
        "deleting" => Phase::Deleting(word),
        // A change mends these: more storage, other parameters.
        "storage-full" | "incompatible-parameters" | "incompatible-option-group" => Phase::Refused(word),
        "failed"
        | "inaccessible-encryption-credentials"
        | "incompatible-create"
        | "incompatible-network"
        | "incompatible-restore"
        | "insufficient-capacity"
        | "restore-error" => Phase::Failed(word),
        _ => Phase::Settling(word),
    }
}

/// Events of a failure that are shown.
const EVENTS: usize = 3;

/// The phase with the last events, oldest first: several for a failure, the newest for what goes on.
pub(super) fn with_events(phase: Phase, events: &[&str]) -> Phase {
    let last = |count: usize| events[events.len().saturating_sub(count)..].join("; ");
    let said = |word: &str, count| format!("{word}: {}", last(count));
    match &phase {
        _ if events.is_empty() => phase,
        Phase::Failed(word) => Phase::Failed(said(word, EVENTS)),
        Phase::Refused(word) => Phase::Refused(said(word, EVENTS)),
        Phase::Settling(word) => Phase::Settling(said(word, 1)),
        _ => phase,
    }
}

/// True unless parameters wait for a restart.
pub(super) fn parameters_in_sync(instance: &DbInstance) -> bool {
    let waits = |status: &str| status == "pending-reboot";
    !instance.db_parameter_groups().iter().any(|group| group.parameter_apply_status().is_some_and(waits))
}

/// Overlays the accepted changes that have not been made yet, and names them. What was asked for then is no difference any
/// more; what someone else asked for (for the maintenance window, say) is one already, and an update takes it back.
pub(super) fn overlay_pending(instance: &mut DbInstance) -> Vec<&'static str> {
    let Some(pending) = instance.pending_modified_values.take() else { return vec![] };
    let mut names = vec![];
    let anything = pending != PendingModifiedValues::builder().build();
    take(&mut names, "instance_class", pending.db_instance_class, &mut instance.db_instance_class);
    take(&mut names, "storage_gib", pending.allocated_storage, &mut instance.allocated_storage);
    take(&mut names, "storage_type", pending.storage_type, &mut instance.storage_type);
    take(&mut names, "engine_version", pending.engine_version, &mut instance.engine_version);
    take(&mut names, "multi_az", pending.multi_az, &mut instance.multi_az);
    take(&mut names, "backup_retention_days", pending.backup_retention_period, &mut instance.backup_retention_period);
    take(&mut names, "ca_certificate", pending.ca_certificate_identifier, &mut instance.ca_certificate_identifier);
    if let Some(endpoint) = &mut instance.endpoint {
        take(&mut names, "port", pending.port, &mut endpoint.port);
    }
    if pending.master_user_password.is_some() {
        names.push("password");
    }
    if pending.pending_cloudwatch_logs_exports.is_some() {
        names.push("log_exports");
    }
    if names.is_empty() && anything {
        names.push("other settings");
    }
    names
}

fn take<T>(names: &mut Vec<&'static str>, name: &'static str, pending: Option<T>, live: &mut Option<T>) {
    if pending.is_some() {
        names.push(name);
        *live = pending;
    }
}

/// `8.4` is met by `8.4.6`. So is `8.4.3`: minor upgrades move it, and there is no way back.
pub(super) fn same_version(want: &Value, live: &Value) -> bool {
    let numbers =
        |value: &Value| -> Option<Vec<u32>> { value.as_str()?.split('.').map(|part| part.parse().ok()).collect() };
    let (Some(want), Some(live)) = (numbers(want), numbers(live)) else { return false };
    let series = want.len().min(2);
    live.get(..series) == want.get(..series) && want.get(2) <= live.get(2)
}

/// `8.4` of `8.4.6`.
pub(super) fn series(version: &str) -> String {
    version.split('.').take(2).collect::<Vec<_>>().join(".")
}

/// Storage only grows, also by itself.
pub(super) fn large_enough(want: &Value, live: &Value) -> bool {
    want.as_u64().zip(live.as_u64()).is_some_and(|(want, live)| live >= want)
}

/// AWS answers with the key's ARN, whatever was asked for.
pub(super) fn same_key(want: &Value, live: &Value) -> bool {
    want.as_str().zip(live.as_str()).is_some_and(|(want, live)| live.ends_with(&format!("/{want}")))
}

/// A restored MySQL instance may report none; it cannot be changed anyway.
pub(super) fn same_or_unreported(_want: &Value, live: &Value) -> bool {
    live.is_null() || live.as_str() == Some("")
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_rds::types::{DbParameterGroupStatus, Endpoint};
    use serde_json::json;

    fn instance(status: &str) -> DbInstance {
        let endpoint = Endpoint::builder().address("db.example").port(3306).build();
        DbInstance::builder().db_instance_status(status).db_instance_class("db.t3.micro").endpoint(endpoint).build()
    }

    #[test]
    fn versions_are_compared_by_what_can_be_had() {
        let cases = [
            ("8.4", "8.4.6", true),
            ("8.4.3", "8.4.6", true),
            ("8.4.6", "8.4.6", true),
            ("8.4.7", "8.4.6", false),
            ("8.0", "8.4.6", false),
            ("8.4", "8.40.1", false),
            ("8", "8.4.6", true),
            ("8.4", "8", false),
        ];
        for (want, live, same) in cases {
            assert_eq!(same_version(&json!(want), &json!(live)), same, "{want} {live}");
        }
    }

    #[test]
    fn words_of_aws_become_phases() {
        for word in ["creating", "backing-up", "modifying", "configuring-log-exports", "rebooting", "upgrading"] {
            assert_eq!(phase(&instance(word), &[]), Phase::Settling(word.into()));
        }
        assert_eq!(phase(&instance("available"), &[]), Phase::Ready);
        assert_eq!(phase(&instance("storage-full"), &[]), Phase::Refused("storage-full".into()));
        assert_eq!(phase(&instance("incompatible-network"), &[]), Phase::Failed("incompatible-network".into()));
        assert_eq!(phase(&instance("deleting"), &[]), Phase::Deleting("deleting".into()));
    }

    #[test]
    fn the_last_events_stand_behind_the_word() {
        let events = ["one", "two", "three", "four"];
        let failed = with_events(Phase::Failed("incompatible-network".into()), &events);
        assert_eq!(failed, Phase::Failed("incompatible-network: two; three; four".into()));
        assert_eq!(with_events(Phase::Settling("creating".into()), &events), Phase::Settling("creating: four".into()));
        assert_eq!(with_events(Phase::Settling("creating".into()), &[]), Phase::Settling("creating".into()));
        assert_eq!(with_events(Phase::Ready, &events), Phase::Ready);
    }

    #[test]
    fn an_accepted_change_is_shown_as_made_and_waited_for() {
        let pending = PendingModifiedValues::builder().db_instance_class("db.m7g.large").master_user_password("****");
        let mut instance = instance("available");
        instance.pending_modified_values = Some(pending.build());
        let names = overlay_pending(&mut instance);
        assert_eq!(names, ["instance_class", "password"]);
        assert_eq!(instance.db_instance_class(), Some("db.m7g.large"));
        assert_eq!(phase(&instance, &names), Phase::Settling("available, pending: instance_class, password".into()));
        instance.pending_modified_values = Some(PendingModifiedValues::builder().build());
        assert!(overlay_pending(&mut instance).is_empty());
    }

    #[test]
    fn parameters_that_wait_for_a_restart_are_not_in_sync() {
        let mut instance = instance("available");
        let status = |word| Some(vec![DbParameterGroupStatus::builder().parameter_apply_status(word).build()]);
        instance.db_parameter_groups = status("pending-reboot");
        assert!(!parameters_in_sync(&instance));
        assert_eq!(phase(&instance, &[]), Phase::Ready);
        instance.db_parameter_groups = status("applying");
        assert_eq!(phase(&instance, &[]), Phase::Settling("available, applying parameters".into()));
        assert!(parameters_in_sync(&instance));
    }

    #[test]
    fn storage_that_grew_by_itself_is_enough() {
        assert!(large_enough(&json!(100), &json!(130)));
        assert!(!large_enough(&json!(200), &json!(130)));
    }
}
