//! ZenML's grant of the server image: whom it is given to, how to ask for it, how its absence shows.
//!
//! Only ECS can take on the execution role, so nobody can try the pull beforehand: the migration task is the test.

use crate::config::Config;
use crate::verify::log_classes::of_stop;

/// ZenML's own registry; an image in another one is not ZenML's to grant.
const ZENML_REGISTRY: &str = "715803424590.dkr.ecr.";
/// Where ZenML takes such requests.
const ZENML_ADDRESS: &str = "cloud@zenml.io";

/// What ZenML needs to know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// The task execution role.
    pub role_arn: String,
    /// Its account.
    pub account: String,
    /// Where the tasks run.
    pub region: String,
    /// Image with its tag.
    pub image: String,
    /// Name and id.
    pub organization: String,
    /// Name and id.
    pub workspace: String,
}

impl Request {
    /// For this deployment. The role has a name before it exists.
    pub fn new(config: &Config, partition: &str, account: &str) -> Self {
        let zenml = &config.zenml;
        let named = |identity: &crate::config::Identity| format!("{} ({})", identity.name, identity.id);
        Self {
            role_arn: format!("arn:{partition}:iam::{account}:role/{}", config.role_name("execution")),
            account: account.to_owned(),
            region: config.region.clone(),
            image: config.image(),
            organization: named(&zenml.organization),
            workspace: named(&zenml.workspace),
        }
    }

    /// True if the image is ZenML's to grant.
    pub fn is_to_zenml(&self) -> bool {
        self.image.starts_with(ZENML_REGISTRY)
    }

    /// The registry that has to let the role in.
    pub fn registry(&self) -> &str {
        self.image.split('/').next().unwrap_or_default()
    }

    /// What to do, in a sentence.
    pub fn next(&self) -> String {
        match self.is_to_zenml() {
            true => format!("send this to ZenML ({ZENML_ADDRESS})"),
            false => format!("let the role pull from {}", self.registry()),
        }
    }

    /// A text that is ready to be sent; ends with a line break.
    pub fn text(&self) -> String {
        let Self { role_arn, account, region, image, organization, workspace } = self;
        format!(
            "Subject: image access for {organization}\n\n\
             Please allow this ECS task execution role to pull the ZenML Pro workspace server:\n\n\
             \x20 role          {role_arn}\n\
             \x20 account       {account}\n\
             \x20 region        {region}\n\
             \x20 image         {image}\n\
             \x20 organization  {organization}\n\
             \x20 workspace     {workspace}\n"
        )
    }
}

/// True if a stopped reason says that the registry does not let the role in.
pub fn is_missing(text: &str) -> bool {
    of_stop(text).is_some_and(|class| class.id == "image.grant")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_names_role_account_region_and_image() {
        let request = Request {
            role_arn: "arn:aws:iam::123456789012:role/x-eu-central-1-execution".into(),
            account: "123456789012".into(),
            region: "eu-central-1".into(),
            image: "715803424590.dkr.ecr.eu-central-1.amazonaws.com/zenml-pro-server:0.98.0".into(),
            organization: "acme (o)".into(),
            workspace: "prod (w)".into(),
        };
        insta::assert_snapshot!(request.text(), @r"
        Subject: image access for acme (o)

        Please allow this ECS task execution role to pull the ZenML Pro workspace server:

          role          arn:aws:iam::123456789012:role/x-eu-central-1-execution
          account       123456789012
          region        eu-central-1
          image         715803424590.dkr.ecr.eu-central-1.amazonaws.com/zenml-pro-server:0.98.0
          organization  acme (o)
          workspace     prod (w)
        ");
        assert!(request.is_to_zenml());
        let own = Request { image: "registry.example.com/zenml:1".into(), ..request };
        assert!(!own.is_to_zenml() && own.next().contains("registry.example.com"));
    }

    #[test]
    fn only_a_refused_pull_is_a_missing_grant() {
        let pull =
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref x: ";
        assert!(is_missing(&format!("{pull}403 Forbidden")));
        assert!(is_missing(&format!("{pull}pull access denied")));
        assert!(!is_missing(&format!("{pull}x:0.98.0: not found")));
        assert!(!is_missing("Essential container in task exited (exit code 3)"));
    }
}
