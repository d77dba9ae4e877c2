//! Asks AWS, before anything is made, what `preflight` judges: who calls, what they may, what is left of the quotas, what can be
//! ordered, what is there already. Plain values, all at once, each reading within a time limit.
//!
//! Nothing is judged here and nothing is changed. A question that the plan does not raise is not asked.

pub mod caller;
pub mod database;
pub mod front;
pub mod network;
pub mod pulls;
pub mod quotas;
pub mod rights;

mod usage;

use super::Aws;
use super::look::within;
use super::s3::Bucket;
use super::s3::settings::Settings;
use crate::resource::{Error, Result};
use caller::{Identity, Zone};
use database::{Offer, Support};
use front::{Certificate, HostedZone};
use network::{Peering, Vpc};
use pulls::{Pulled, Tasks};
use quotas::{Metered, Need};
use rights::{DryRun, Object, Rights};
use std::collections::{BTreeMap, BTreeSet};

/// What to ask.
#[derive(Debug, Clone, Default)]
pub struct Questions {
    /// The IAM actions that the plan calls.
    pub actions: BTreeSet<&'static str>,
    /// An object of each service that its actions are judged on; a service that is not here is judged on `*`.
    pub resources: BTreeMap<&'static str, String>,
    /// What an action acts on: asked about where it is not allowed on the object of its service.
    pub objects: Vec<Object>,
    /// Creates to rehearse.
    pub dry_runs: Vec<DryRun>,
    /// What is to be counted against a quota.
    pub needs: Vec<Need>,
    /// A VPC is made: which others are there?
    pub makes_vpc: bool,
    /// A database is made or changed: its instance class.
    pub instance_class: Option<String>,
    /// The certificate that was given.
    pub certificate_arn: Option<String>,
    /// The zone that the record goes into.
    pub hosted_zone_id: Option<String>,
    /// Tasks that may have pulled the image.
    pub tasks: Option<Tasks>,
}

/// What AWS said. `Err`: it could not be read. `None` where the question was not asked.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Who calls, and how far the clocks are apart.
    pub identity: Result<Identity>,
    /// `opted-in`, `opt-in-not-required` or `not-opted-in`; empty: AWS does not know the region.
    pub region: Result<String>,
    /// Every availability zone of the region.
    pub zones: Result<Vec<Zone>>,
    /// What the caller may.
    pub rights: Result<Rights>,
    /// For each rehearsed create whether it would be allowed.
    pub dry_runs: Vec<(DryRun, Result<bool>)>,
    /// For each need what is used and what is allowed.
    pub quotas: Vec<Metered>,
    /// The VPCs of the region.
    pub vpcs: Option<Result<Vec<Vpc>>>,
    /// Their peerings.
    pub peerings: Option<Result<Vec<Peering>>>,
    /// The MySQL versions that can be created.
    pub versions: Option<Result<Vec<String>>>,
    /// Until when major versions are supported.
    pub support: Option<Result<Vec<Support>>>,
    /// Where the instance class can be had.
    pub offers: Option<Result<Vec<Offer>>>,
    /// The certificate; inner `None`: gone.
    pub certificate: Option<Result<Option<Certificate>>>,
    /// The zone; inner `None`: gone.
    pub hosted_zone: Option<Result<Option<HostedZone>>>,
    /// How their pulls ended.
    pub pulls: Option<Result<Vec<Pulled>>>,
    /// How the bucket of the state is set.
    pub bucket: Option<Result<Settings>>,
}

/// Asks everything at once. `bucket` holds the state.
pub async fn ask(aws: &Aws, questions: &Questions, bucket: Option<&Bucket>) -> Asked {
    let class = questions.instance_class.as_deref();
    let who = async {
        let identity = within(caller::identity(aws)).await;
        let rights = match &identity {
            Ok(identity) => within(rights::rights(aws, &identity.arn, questions)).await,
            Err(error) => Err(error.clone()),
        };
        (identity, rights)
    };
    let place = futures_util::future::join(within(caller::region(aws)), within(caller::zones(aws)));
    let counted = futures_util::future::join(quotas::metered(aws, &questions.needs), async {
        let rehearsed =
            questions.dry_runs.iter().map(async |one| (one.clone(), within(rights::dry_run(aws, one)).await));
        futures_util::future::join_all(rehearsed).await
    });
    let state = async {
        match bucket {
            Some(bucket) => Some(within(aws.patiently(async || settings(bucket).await)).await),
            None => None,
        }
    };
    let network = futures_util::future::join(
        when(questions.makes_vpc, network::vpcs(aws)),
        when(questions.makes_vpc, network::peerings(aws)),
    );
    let database = futures_util::future::join3(
        when(class.is_some(), database::versions(aws)),
        when(class.is_some(), database::support(aws)),
        when(class.is_some(), database::offers(aws, class.unwrap_or_default())),
    );
    let certificate = questions.certificate_arn.as_deref();
    let zone = questions.hosted_zone_id.as_deref();
    let tasks = questions.tasks.clone().unwrap_or_default();
    let front = futures_util::future::join3(
        when(certificate.is_some(), front::certificate(aws, certificate.unwrap_or_default())),
        when(zone.is_some(), front::hosted_zone(aws, zone.unwrap_or_default())),
        when(questions.tasks.is_some(), pulls::pulls(aws, &tasks)),
    );
    let (
        (identity, rights),
        (region, zones),
        (quotas, dry_runs),
        (vpcs, peerings),
        database,
        (certificate, hosted_zone, pulls),
        bucket,
    ) = tokio::join!(
        Box::pin(who),
        Box::pin(place),
        Box::pin(counted),
        Box::pin(network),
        Box::pin(database),
        Box::pin(front),
        Box::pin(state),
    );
    let (versions, support, offers) = database;
    Asked {
        identity,
        region,
        zones,
        rights,
        dry_runs,
        quotas,
        vpcs,
        peerings,
        versions,
        support,
        offers,
        certificate,
        hosted_zone,
        pulls,
        bucket,
    }
}

async fn settings(bucket: &Bucket) -> Result<Settings> {
    match bucket.exists().await? {
        true => Ok(bucket.settings().await),
        false => Err(Error { code: Some("NoSuchBucket".into()), ..Error::terminal("there is no such bucket") }),
    }
}

async fn when<T>(asked: bool, reading: impl Future<Output = Result<T>>) -> Option<Result<T>> {
    match asked {
        true => Some(within(reading).await),
        false => None,
    }
}
