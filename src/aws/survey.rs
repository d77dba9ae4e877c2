//! Everything that carries the tags of a deployment, whichever state document it belongs to. Nothing is changed.
//!
//! Each service is asked for its own lists; the tagging API is not used, because it lags and does not know roles. An object
//! counts only under the kind that its address names: services hand tags on to what they make themselves (tasks and their
//! interfaces get the service's, automated snapshots the database's).

use super::{Aws, acm, ec2, ecs, elb, iam, logs, rds, route53, secrets, tags};
use crate::model::Address;
use crate::resource::{Id, Result, Tags};
use futures_util::future::FutureExt;
use jiff::Timestamp;
use std::collections::BTreeSet;

/// IAM actions of a survey, besides those that reading what it finds needs.
pub const ACTIONS: &[&str] = &[
    "acm:ListCertificates",
    "acm:ListTagsForCertificate",
    "ec2:DescribeTags",
    "ecs:DescribeClusters",
    "ecs:DescribeServices",
    "ecs:DescribeTaskDefinition",
    "ecs:DescribeTasks",
    "ecs:ListClusters",
    "ecs:ListServices",
    "ecs:ListTaskDefinitions",
    "ecs:ListTasks",
    "elasticloadbalancing:DescribeListeners",
    "elasticloadbalancing:DescribeLoadBalancers",
    "elasticloadbalancing:DescribeTags",
    "elasticloadbalancing:DescribeTargetGroups",
    "iam:GetRole",
    "iam:ListRoles",
    "logs:DescribeLogGroups",
    "logs:ListTagsForResource",
    "rds:DescribeDBInstances",
    "rds:DescribeDBParameterGroups",
    "rds:DescribeDBSnapshots",
    "rds:DescribeDBSubnetGroups",
    "rds:ListTagsForResource",
    "route53:ListResourceRecordSets",
    "secretsmanager:ListSecrets",
];

/// Where to look.
#[derive(Debug, Clone, Copy)]
pub struct Search<'a> {
    /// The deployment's name: value of a tag, and prefix of most physical names.
    pub deployment: &'a str,
    /// The host of the server: what a certificate is for.
    pub host: &'a str,
    /// The hosted zone whose markers are read; without one, no DNS record is found.
    pub zone_id: Option<&'a str>,
}

/// One object that says it is of this deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// What its tags say it is.
    pub address: Address,
    /// What AWS calls it.
    pub id: Id,
    /// All its tags; of a DNS record, what its marker says.
    pub tags: Tags,
    /// When it was made, where AWS tells.
    pub made: Option<Timestamp>,
    /// It is deleted and can be brought back.
    pub deleted: bool,
}

impl Sighting {
    /// An object with these tags, if they say that it is of one of these kinds.
    pub(super) fn of(kinds: &[&str], id: impl Into<Id>, tags: Tags) -> Option<Self> {
        let address: Address = tags.get(tags::ADDRESS)?.parse().ok()?;
        let known = kinds.contains(&address.kind.as_str()) && tags.contains_key(tags::LINEAGE);
        known.then(|| Self { address, id: id.into(), tags, made: None, deleted: false })
    }

    /// Made at this second of the Unix clock.
    pub(super) fn made(self, seconds: Option<i64>) -> Self {
        Self { made: seconds.and_then(|seconds| Timestamp::from_second(seconds).ok()), ..self }
    }

    /// The state document that it says it belongs to.
    pub fn lineage(&self) -> &str {
        self.tags.get(tags::LINEAGE).map_or("", String::as_str)
    }
}

/// Looks everywhere.
///
/// # Errors
/// The first call's.
pub async fn survey(aws: &Aws, search: &Search<'_>) -> Result<Vec<Sighting>> {
    let found = futures_util::future::join_all([
        ec2::tagged(aws).boxed_local(),
        rds::tagged(aws, search).boxed_local(),
        ecs::tagged(aws, search).boxed_local(),
        elb::tagged(aws, search).boxed_local(),
        iam::tagged(aws, search).boxed_local(),
        secrets::tagged(aws, search).boxed_local(),
        logs::tagged(aws, search).boxed_local(),
        acm::tagged(aws, search).boxed_local(),
        route53::tagged(aws, search).boxed_local(),
    ])
    .await;
    let found = found.into_iter().collect::<Result<Vec<_>>>()?;
    Ok(of_deployment(found.into_iter().flatten().collect(), search.deployment))
}

/// A marker names a lineage and no deployment: it counts if that lineage is one of the deployment's.
fn of_deployment(mut found: Vec<Sighting>, deployment: &str) -> Vec<Sighting> {
    let named = |sighting: &Sighting| sighting.tags.get(tags::DEPLOYMENT).map(String::as_str) == Some(deployment);
    let lineages: BTreeSet<String> =
        found.iter().filter(|one| named(one)).map(|one| one.lineage().to_owned()).collect();
    found.retain(|one| match one.tags.get(tags::DEPLOYMENT) {
        Some(name) => name == deployment,
        None => lineages.contains(one.lineage()),
    });
    found.sort_by(|a, b| (&a.address, &a.id).cmp(&(&b.address, &b.id)));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sighting(deployment: Option<&str>, lineage: &str, address: &str) -> Sighting {
        let mut tags = Tags::from([
            (tags::LINEAGE.to_owned(), lineage.to_owned()),
            (tags::ADDRESS.to_owned(), address.to_owned()),
        ]);
        tags.extend(deployment.map(|name| (tags::DEPLOYMENT.to_owned(), name.to_owned())));
        let kind = address.split('/').next().unwrap();
        Sighting::of(&[kind], "id", tags).unwrap()
    }

    #[test]
    fn a_name_that_begins_alike_is_another_deployment() {
        let found = vec![
            sighting(Some("zenml"), "l-1", "ec2.vpc/main"),
            sighting(Some("zenml-2"), "l-2", "ec2.vpc/main"),
            sighting(None, "l-1", "route53.record/endpoint"),
            sighting(None, "l-2", "route53.record/endpoint"),
        ];
        let ours = of_deployment(found.clone(), "zenml");
        assert_eq!(ours, [found[0].clone(), found[2].clone()]);
    }

    #[test]
    fn tags_that_a_service_handed_on_make_nothing_ours() {
        let tags = sighting(Some("zenml"), "l-1", "ecs.service/server").tags;
        assert_eq!(Sighting::of(&["ec2.vpc", "ec2.subnet"], "eni-1", tags), None);
        assert_eq!(Sighting::of(&["ec2.vpc"], "vpc-1", Tags::new()), None);
    }
}
