//! Reasons that ECS gives for a task that stopped or did not start: the same kind of table.

use super::{Class, EGRESS, class, find};

/// Reasons that ECS gives for a task that stopped or did not start.
pub const STOP_CLASSES: &[Class] = &[
    class(
        "image.grant",
        &["CannotPull", "403"],
        "the execution role may not pull the image",
        "send the role's ARN (`hybridctl output`) to ZenML and ask for the image grant",
    ),
    class(
        "image.grant",
        &["CannotPull", "denied"],
        "the execution role may not pull the image",
        "send the role's ARN (`hybridctl output`) to ZenML and ask for the image grant",
    ),
    class(
        "image.missing",
        &["CannotPull", "not found"],
        "the image or its tag does not exist",
        "correct `zenml.version` or `service.image`",
    ),
    class("image.network", &["CannotPull"], "the image cannot be reached", EGRESS),
    class("secret.deleted", &["marked for deletion"], "a secret is pending deletion", "look at VF-SECRETS"),
    class("secret.gone", &["secret", "can't find the specified secret"], "a secret is gone", "look at VF-SECRETS"),
    class(
        "secret.denied",
        &["unable to retrieve secret", "AccessDenied"],
        "the execution role may not read a secret",
        "look at VF-ROLES",
    ),
    class("egress", &["unable to retrieve", "deadline exceeded"], "the task cannot reach AWS", EGRESS),
    class("egress", &["unable to retrieve", "i/o timeout"], "the task cannot reach AWS", EGRESS),
    class("log.group", &["log group does not exist"], "the log group is gone", "look at VF-LOG-GROUP"),
    class(
        "log.denied",
        &["Cloudwatch log stream", "AccessDenied"],
        "the execution role may not write logs",
        "look at VF-ROLES",
    ),
    class("role", &["unable to assume the role"], "a role is gone or does not trust ECS tasks", "look at VF-ROLES"),
    class("memory", &["OutOfMemory"], "the container used more memory than it has", "raise `service.memory`"),
    class(
        "health",
        &["failed ELB health checks"],
        "the load balancer got no good answer on the health path",
        "look at VF-PORT, VF-GROUPS and VF-LOGS",
    ),
    class("capacity", &["apacity"], "AWS had no capacity", "wait, or use more zones"),
    class(
        "addresses",
        &["network interface"],
        "no network interface could be made",
        "check the free addresses of the private subnets",
    ),
];

/// What a reason for a stop means; `None`: nothing that is known.
pub fn of_stop(text: &str) -> Option<&'static Class> {
    find(STOP_CLASSES, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_of_ecs_are_understood() {
        for (text, id) in [
            ("CannotPullContainerError: pull image manifest has been retried 1 time(s): 403 Forbidden", "image.grant"),
            ("CannotPullContainerError: x:0.98.0: not found", "image.missing"),
            (
                "ResourceInitializationError: unable to retrieve secret from asm: … it was marked for deletion",
                "secret.deleted",
            ),
            ("unable to retrieve secret from asm: AccessDeniedException: User: x", "secret.denied"),
            ("unable to retrieve secret from asm: context deadline exceeded. Please check", "egress"),
            ("failed to create Cloudwatch log stream: The specified log group does not exist.", "log.group"),
            ("ECS was unable to assume the role 'arn:…'", "role"),
            ("OutOfMemoryError: Container killed due to memory usage", "memory"),
            ("Task failed ELB health checks in (target-group x)", "health"),
        ] {
            assert_eq!(of_stop(text).map(|class| class.id), Some(id), "{text}");
        }
        assert_eq!(of_stop("Essential container in task exited"), None);
    }
}
