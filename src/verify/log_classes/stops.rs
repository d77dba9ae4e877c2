//! Reasons that ECS gives for a task that stopped or did not start: the same kind of table.

use super::{Class, EGRESS, class, find};

/// ZenML's own registry; an image in another one is not ZenML's to grant.
const ZENML_REGISTRY: &str = "715803424590.dkr.ecr.";
const NO_PULL: &str = "the execution role may not pull the image";
const NO_RIGHT: &str = "the execution role lacks the right to pull images";
const ASK_ZENML: &str = "send the role's ARN (`hybridctl output`) to ZenML and ask for the image grant";
const ASK_REGISTRY: &str =
    "let the execution role (its ARN: `hybridctl output`) pull from the registry that `service.image` names";

/// Reasons that ECS gives for a task that stopped or did not start.
pub const STOP_CLASSES: &[Class] = &[
    // The role's own policy, which no grant mends.
    class("image.role", &["CannotPull", "identity-based policy"], NO_RIGHT, "look at VF-ROLES"),
    class(
        "image.role",
        &["CannotPull", "permissions boundary"],
        NO_RIGHT,
        "widen the permissions boundary of the role",
    ),
    class(
        "image.role",
        &["CannotPull", "service control policy"],
        NO_RIGHT,
        "let the organization's service control policy allow the pull",
    ),
    class("image.grant", &["CannotPull", ZENML_REGISTRY, "403 Forbidden"], NO_PULL, ASK_ZENML),
    class("image.grant", &["CannotPull", ZENML_REGISTRY, "denied"], NO_PULL, ASK_ZENML),
    class("image.grant", &["CannotPull", "403 Forbidden"], NO_PULL, ASK_REGISTRY),
    class("image.grant", &["CannotPull", "denied"], NO_PULL, ASK_REGISTRY),
    class(
        "image.missing",
        &["CannotPull", "not found"],
        "the image or its tag does not exist",
        "correct `zenml.version` or `service.image`",
    ),
    class(
        "image.platform",
        &["CannotPull", "platform"],
        "the image is not built for the task's processor",
        "use an image for linux/amd64 in `service.image`",
    ),
    class(
        "image.limit",
        &["CannotPull", "toomanyrequests"],
        "the registry limits how often the image is pulled",
        "wait, or copy the image to a registry of your own and name it in `service.image`",
    ),
    class("image.network", &["CannotPull"], "the image cannot be reached", EGRESS),
    class("secret.deleted", &["marked for deletion"], "a secret is pending deletion", "look at VF-SECRETS"),
    class("secret.gone", &["secret", "can't find the specified secret"], "a secret is gone", "look at VF-SECRETS"),
    class(
        "secret.key",
        &["did not contain json key"],
        "a secret lacks the key that the task definition names",
        "look at VF-SECRETS",
    ),
    class(
        "secret.encryption",
        &["unable to retrieve secret", "KMS"],
        "the execution role may not decrypt a secret",
        "allow the role `kms:Decrypt` with the secret's key",
    ),
    class(
        "secret.denied",
        &["unable to retrieve secret", "AccessDenied"],
        "the execution role may not read a secret",
        "look at VF-ROLES",
    ),
    class(
        "image.login",
        &["unable to retrieve ecr registry auth", "AccessDenied"],
        "the execution role may not sign in to the registry",
        "look at VF-ROLES",
    ),
    class("egress", &["unable to retrieve", "deadline exceeded"], "the task cannot reach AWS", EGRESS),
    class("egress", &["unable to retrieve", "i/o timeout"], "the task cannot reach AWS", EGRESS),
    class("egress", &["Cloudwatch log stream", "deadline exceeded"], "the task cannot reach AWS", EGRESS),
    class("egress", &["Cloudwatch log stream", "i/o timeout"], "the task cannot reach AWS", EGRESS),
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
        "interface",
        &["network interface", "imeout"],
        "AWS took too long to make a network interface",
        "wait: ECS tries again; if it goes on, see AWS's health dashboard",
    ),
    class(
        "loop",
        &["unable to consistently start tasks"],
        "task after task fails to start",
        "look at VF-TASKS and VF-LOGS for why",
    ),
    class(
        "addresses",
        &["sufficient free addresses"],
        "a subnet has no free address",
        "check the free addresses of the private subnets",
    ),
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
            (
                "CannotPullContainerError: x: denied: User: x is not authorized to perform: ecr:BatchGetImage on resource: x because \
                 no identity-based policy allows the ecr:BatchGetImage action",
                "image.role",
            ),
            (
                "CannotPullContainerError: x: denied: User: x is not authorized to perform: ecr:BatchGetImage on resource: x because \
                 no resource-based policy allows the ecr:BatchGetImage action",
                "image.grant",
            ),
            ("failed to create Cloudwatch log stream: dial tcp 10.0.0.2:443: i/o timeout", "egress"),
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
            (
                "CannotPullContainerError: image Manifest does not contain descriptor matching platform 'linux/amd64'",
                "image.platform",
            ),
            ("CannotPullContainerError: toomanyrequests: Rate exceeded", "image.limit"),
            ("CannotPullContainerError: dial tcp: i/o timeout", "image.network"),
            ("unable to retrieve secret from asm: retrieved secret did not contain json key url", "secret.key"),
            (
                "unable to retrieve secret from asm: AccessDeniedException: Access to KMS is not allowed",
                "secret.encryption",
            ),
            ("unable to retrieve ecr registry auth: AccessDeniedException: User: x", "image.login"),
            ("ResourceInitializationError: can't find the specified secret: unable to retrieve secret", "secret.gone"),
            ("Timeout waiting for network interface provisioning to complete.", "interface"),
            ("Capacity is unavailable at this time. Please try again later", "capacity"),
            ("(service s) is unable to consistently start tasks successfully.", "loop"),
            ("The specified subnet does not have sufficient free addresses to satisfy the request.", "addresses"),
            ("unexpected EC2 error while attempting to Create Network Interface: no network interface", "addresses"),
        ] {
            assert_eq!(of_stop(text).map(|class| class.id), Some(id), "{text}");
        }
        assert_eq!(of_stop("Essential container in task exited"), None);
    }

    #[test]
    fn only_zenmls_own_registry_is_zenmls_to_grant() {
        let fix =
            |registry: &str| of_stop(&format!("CannotPullContainerError: {registry}/x: 403 Forbidden")).unwrap().fix;
        assert_eq!(fix("715803424590.dkr.ecr.eu-central-1.amazonaws.com"), ASK_ZENML);
        assert_eq!(fix("123456789012.dkr.ecr.eu-central-1.amazonaws.com"), ASK_REGISTRY);
    }
}
