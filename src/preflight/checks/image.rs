//! The server image, its version, and the control plane that it will call.

use super::Judged;
use crate::aws::ask::pulls::Pulled;
use crate::preflight::Facts;
use crate::preflight::control_plane::Silence;
use crate::preflight::grant::is_missing;
use crate::preflight::report::{Finding, Status};
use crate::preflight::wish::{Pull, tag_of};
use semver::Version;

/// The control plane of ZenML Cloud.
const ZENML_CLOUD: &str = "https://cloudapi.zenml.io";

pub(super) fn grant(facts: &Facts) -> Judged {
    let request = &facts.wish.request;
    let asked = || match request.is_to_zenml() {
        true => vec![request.text()],
        false => vec![request.role_arn.clone()],
    };
    match &last_pull(facts) {
        Pull::Done(how) => Ok(how.clone()),
        Pull::Refused(reason) => {
            let why = "the last pull was refused: this run tries again";
            let next = format!("{}, unless it is done", request.next());
            Err(Finding::new(why, next).seen([reason.clone()]).seen(asked()).warns())
        }
        Pull::Untried => {
            let why = format!("only ECS can try it: the migration task will, with the role {}", request.role_arn);
            let next = format!(
                "{}, unless it is done; `up` makes the role first, and waits with --wait-for-grant 2h",
                request.next()
            );
            Err(Finding::new(why, next).seen(asked()).unknown())
        }
    }
}

/// What ECS remembers of the tasks counts before the record: a grant can be taken back after the migration.
fn last_pull(facts: &Facts) -> Pull {
    let wish = &facts.wish;
    let Some(Ok(pulls)) = &facts.asked.pulls else { return wish.pull.clone() };
    // A grant is for all tags of a repository.
    let of_this = pulls.iter().filter(|pull| repository(&pull.image) == repository(&wish.request.image));
    match of_this.filter(|pull| pull.failure.as_deref().is_none_or(is_missing)).max_by_key(|pull| pull.at) {
        None => wish.pull.clone(),
        Some(Pulled { failure: Some(reason), .. }) => {
            Pull::Refused(reason.lines().next().unwrap_or_default().to_owned())
        }
        Some(Pulled { image, .. }) => {
            let tag = tag_of(image).map(|tag| format!(", of {tag},")).unwrap_or_default();
            Pull::Done(format!("the last pull{tag} worked"))
        }
    }
}

/// The image without tag and digest.
fn repository(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or_default();
    match image.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => image,
    }
}

pub(super) fn version(facts: &Facts) -> Judged {
    let wish = &facts.wish;
    if wish.image_tag.as_deref() == Some("latest") {
        let why = "the image tag `latest` moves: two tasks may run two versions";
        return Err(Finding::new(why, format!("use the tag `{}`", wish.version)).fails());
    }
    let parsed = |text: &str| Version::parse(text).ok();
    let migrated = wish.migrated.as_deref();
    match (migrated.and_then(parsed), parsed(&wish.version)) {
        (Some(migrated), Some(wanted)) if wanted < migrated => {
            let why = format!("version {wanted} is older than {migrated}, to which the database was migrated");
            let next = format!("go on with version {migrated}: a server older than its schema does not start");
            Err(Finding::new(why, next).fails())
        }
        (Some(migrated), _) => Ok(format!("{}, and the database is at {migrated}", wish.version)),
        (None, _) => Ok(wish.version.clone()),
    }
}

pub(super) fn control_plane(facts: &Facts) -> Judged {
    let url = &facts.wish.api_url;
    let there = "the tasks go out through the NAT gateway: only they can tell for certain";
    match &facts.outside.control_plane {
        None => Err(Status::NotHere("there is no control plane".to_owned())),
        Some(Ok(status)) if *status < 500 => Ok(format!("{url} answers (HTTP {status})")),
        Some(Ok(status)) => Err(Finding::new(
            format!("{url} answers with HTTP {status}"),
            "look at ZenML's status page, then try again",
        )
        .warns()),
        // Behind a proxy, or with a resolver of its own, this machine knows other names than the tasks.
        Some(Err(Silence::Absent)) => {
            let next = match url.trim_end_matches('/') == ZENML_CLOUD {
                true => "check the resolvers of this machine: this is ZenML Cloud's address".to_owned(),
                false => format!("correct `zenml.api_url` if it is misspelt; ZenML Cloud's is {ZENML_CLOUD}"),
            };
            let why = format!("the resolvers of this machine know no such name as in {url}");
            Err(Finding::new(why, next).seen([there.to_owned()]).warns())
        }
        Some(Err(Silence::Untrusted(issuer))) => {
            let why = format!("{url} shows a certificate that is not trusted here: something may read along");
            Err(Finding::new(why, "let the control plane through unchanged")
                .seen([format!("issued by {issuer}"), there.to_owned()])
                .warns())
        }
        Some(Err(Silence::Other(why))) => {
            let next = "check the way from here to the internet";
            Err(Finding::new(format!("{url} does not answer: {why}"), next).seen([there.to_owned()]).warns())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::samples::{failing, good};

    #[test]
    fn nobody_can_tell_of_a_pull_before_it_is_tried_and_the_request_is_ready_to_be_sent() {
        let mut facts = good();
        let Err(Status::Unknown(finding)) = grant(&facts) else { panic!() };
        assert!(finding.why.contains("arn:aws:iam::123456789012:role/x-eu-central-1-execution"), "{finding:?}");
        assert!(finding.evidence[0].contains("Please allow") && finding.next.contains("cloud@zenml.io"));
        facts.wish.request.image = "registry.example.com/zenml:0.98.0".into();
        let Err(Status::Unknown(finding)) = grant(&facts) else { panic!() };
        assert!(finding.next.contains("registry.example.com") && !finding.evidence[0].contains("Please"));
    }

    #[test]
    fn afterwards_the_last_pull_tells() {
        let mut facts = good();
        facts.wish.pull = Pull::Refused("CannotPullContainerError: 403 Forbidden".into());
        let Err(Status::Warn(finding)) = grant(&facts) else { panic!() };
        assert_eq!(finding.evidence[0], "CannotPullContainerError: 403 Forbidden");
        facts.wish.pull = Pull::Done("the migration task ran it".into());
        assert_eq!(grant(&facts), Ok("the migration task ran it".into()));
    }

    #[test]
    fn a_grant_that_was_taken_back_after_the_migration_shows_in_the_tasks() {
        const IMAGE: &str = "715803424590.dkr.ecr.eu-central-1.amazonaws.com/zenml-pro-server";
        let pull = |tag: &str, at: i64, failure: Option<&str>| Pulled {
            image: format!("{IMAGE}:{tag}"),
            at,
            failure: failure.map(str::to_owned),
        };
        let refused = "CannotPullContainerError: failed to resolve ref x: 403 Forbidden";
        let mut facts = good();
        facts.wish.pull = Pull::Done("the migration task ran it".into());
        facts.asked.pulls = Some(Ok(vec![pull("0.98.0", 2, Some(refused)), pull("0.98.0", 1, None)]));
        let Err(Status::Warn(finding)) = grant(&facts) else { panic!() };
        assert_eq!(finding.evidence[0], refused);
        assert!(finding.evidence[1].contains("Please allow") && finding.evidence[1].contains("-execution"));
        // What says nothing of the grant, and another image, do not count.
        facts.asked.pulls = Some(Ok(vec![
            pull("0.97.0", 3, None),
            pull("0.98.0", 4, Some("CannotPullContainerError: failed to resolve ref x: x:0.98.0: not found")),
            Pulled { image: "registry:5000/zenml:1".into(), at: 5, failure: Some(refused.into()) },
        ]));
        assert_eq!(grant(&facts), Ok("the last pull, of 0.97.0, worked".into()));
        // ECS forgets after an hour, and may not be asked: then the record tells.
        for pulls in [Ok(vec![]), Err(crate::resource::Error::terminal("x"))] {
            facts.asked.pulls = Some(pulls);
            assert_eq!(grant(&facts), Ok("the migration task ran it".into()));
        }
    }

    #[test]
    fn a_version_is_fixed_and_never_goes_back() {
        let mut facts = good();
        facts.wish.migrated = Some("0.99.0".into());
        let finding = failing(version(&facts));
        assert_eq!(finding.why, "version 0.98.0 is older than 0.99.0, to which the database was migrated");
        facts.wish.migrated = Some("0.97.0".into());
        assert!(version(&facts).is_ok());
        facts.wish.image_tag = Some("latest".into());
        assert!(failing(version(&facts)).next.contains("0.98.0"));
    }

    #[test]
    fn a_control_plane_that_is_not_seen_from_here_is_a_warning() {
        let judged = |answered| {
            let mut facts = good();
            facts.outside.control_plane = answered;
            control_plane(&facts)
        };
        let Err(Status::Warn(finding)) = judged(Some(Err(Silence::Absent))) else { panic!() };
        assert!(finding.next.contains("resolvers") && !finding.next.contains("zenml.api_url"), "{finding:?}");
        let mut facts = good();
        facts.wish.api_url = "https://cloudapi.zenml.oi".into();
        facts.outside.control_plane = Some(Err(Silence::Absent));
        let Err(Status::Warn(finding)) = control_plane(&facts) else { panic!() };
        assert!(finding.next.contains("zenml.api_url") && finding.next.ends_with("https://cloudapi.zenml.io"));
        assert!(finding.evidence[0].contains("only they can tell"), "{finding:?}");
        let Err(Status::Warn(finding)) = judged(Some(Err(Silence::Untrusted("CN=proxy".into())))) else { panic!() };
        assert_eq!(finding.evidence[0], "issued by CN=proxy");
        assert!(matches!(judged(Some(Err(Silence::Other("late".into())))), Err(Status::Warn(_))));
        assert!(matches!(judged(Some(Ok(503))), Err(Status::Warn(_))));
        assert!(judged(Some(Ok(404))).is_ok());
        assert!(matches!(judged(None), Err(Status::NotHere(_))));
    }
}
