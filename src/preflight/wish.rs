//! What a plan wants of the account, as values: what is made, what it is called, what it counts towards.

use super::grant::{self, Request};
use super::{calls, needs, objects};
use crate::aws::ask::Questions;
use crate::aws::ask::pulls::Tasks;
use crate::aws::ask::quotas::Need;
use crate::aws::ask::rights::{DryRun, Object};
use crate::config::{Certificate, Config, Dns, StateLocation};
use crate::model::{Address, Edge, Graph};
use crate::plan::{Action, Observations, Plan, Seen};
use crate::resource::{Kinds, Phase};
use crate::stack;
use crate::state::State;
use ipnet::Ipv4Net;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What a preflight starts from.
#[derive(Clone, Copy)]
pub struct Intention<'a> {
    /// The config.
    pub config: &'a Config,
    /// What was looked up for the graph.
    pub facts: &'a stack::Facts,
    /// The record.
    pub state: &'a State,
    /// What should exist.
    pub desired: &'a Graph,
    /// What was seen.
    pub seen: &'a Observations,
    /// The plan; `None`: there can be none, and what is not there counts as made.
    pub plan: Option<&'a Plan>,
    /// The kinds.
    pub kinds: &'a Kinds<'a>,
    /// This is the sandbox.
    pub is_sandbox: bool,
    /// This run holds the lock of the state: what has to be tried with the bucket was tried.
    pub holds_lock: bool,
}

/// When a bucket was tried: where nothing is saved in it yet, before its lock is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tried {
    /// By this run.
    ByThisRun,
    /// By the run that saved the first state in it.
    BeforeTheFirstSave,
}

/// What is wanted.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// Name of the deployment.
    pub deployment: String,
    /// Region.
    pub region: String,
    /// Account, 12 digits.
    pub account: String,
    /// The only account that the config allows.
    pub account_guard: Option<String>,
    /// Nothing asks a control plane or counts real quotas here.
    pub is_sandbox: bool,
    /// Inputs of what is made anew.
    pub made: BTreeMap<Address, Value>,
    /// IAM actions that making, changing and deleting it calls.
    pub actions: BTreeSet<&'static str>,
    /// What is counted.
    pub needs: Vec<Need>,
    /// Zones of the subnets.
    pub zones: Vec<String>,
    /// Range of the VPC, if one is made.
    pub range: Option<Ipv4Net>,
    /// VPCs of this deployment.
    pub own_vpcs: BTreeSet<String>,
    /// The database, if it is made or changed.
    pub database: Option<Database>,
    /// The zones that the database stands in, its own first, if it stays where it is.
    pub database_zones: Vec<String>,
    /// Zones whose subnet for the database goes, or is made anew.
    pub lost_zones: BTreeSet<String>,
    /// Host of the server's address.
    pub host: String,
    /// The certificate that was given; `None`: one is requested.
    pub certificate_arn: Option<String>,
    /// Name and id of the zone that the record goes into; `None`: someone else makes the record.
    pub hosted_zone: Option<(String, String)>,
    /// Load balancer with private addresses.
    pub is_internal: bool,
    /// Control plane API.
    pub api_url: String,
    /// The server version.
    pub version: String,
    /// Tag of the image, if it has one.
    pub image_tag: Option<String>,
    /// The version that the database was migrated to.
    pub migrated: Option<String>,
    /// For the image grant.
    pub request: Request,
    /// What is known of pulling the image.
    pub pull: Pull,
    /// Tasks that may have tried; `None`: there is no cluster yet.
    pub tasks: Option<Tasks>,
    /// Names that are taken, and whose they are.
    pub foreign: BTreeMap<Address, String>,
    /// What comes back from its recovery window.
    pub restored: BTreeSet<Address>,
    /// The bucket that holds the state; `None`: a folder.
    pub state_bucket: Option<String>,
    /// A run has seen that this bucket honours conditional writes.
    pub bucket_tried: Option<Tried>,
    /// An object of each service that policies may name: its actions are judged on it first.
    pub resources: BTreeMap<&'static str, String>,
    /// What single actions act on.
    pub objects: Vec<Object>,
}

/// The database that is to be ordered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Database {
    /// `8.4` or `8.4.7`.
    pub version: String,
    /// `db.t3.micro`.
    pub class: String,
    /// GiB.
    pub storage_gib: u32,
    /// `gp3`.
    pub storage_type: String,
    /// With a standby.
    pub multi_az: bool,
}

/// What is known of pulling the image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Pull {
    /// Nobody has tried.
    #[default]
    Untried,
    /// It worked; how that is known.
    Done(String),
    /// It was refused; ECS's words.
    Refused(String),
}

/// One thing that is made.
pub(super) struct Made<'a> {
    pub(super) address: &'a Address,
    pub(super) inputs: &'a Value,
    pub(super) after: &'a BTreeMap<Address, Edge>,
}

impl Wish {
    /// Reads it off config, plan and record.
    pub fn new(given: &Intention<'_>) -> Self {
        let (config, place) = (given.config, &given.facts.place);
        let made = made(given);
        let partition = &place.partition;
        let request = Request::new(config, partition, &place.account);
        let foreign = given.seen.seen.iter().filter_map(|(address, seen)| match seen {
            Seen::Foreign(whose) => Some((address.clone(), whose.clone())),
            _ => None,
        });
        let restored = given.seen.seen.iter().filter(|(_, seen)| matches!(seen, Seen::Restorable(_)));
        let is = |kind: &str| made.iter().any(|one| one.address.kind == kind);
        let zone_arn = place.hosted_zone.as_ref().map(|(_, id)| format!("arn:{partition}:route53:::hostedzone/{id}"));
        let vpcs = given.state.resources.iter().filter(|(address, _)| address.kind == "ec2.vpc");
        Self {
            deployment: config.name.clone(),
            region: config.region.clone(),
            account: place.account.clone(),
            account_guard: config.account_id.clone().filter(|_| !given.is_sandbox),
            is_sandbox: given.is_sandbox,
            actions: calls::actions(given, &made),
            needs: needs::needs(given, &made),
            zones: place.zones.clone(),
            range: is("ec2.vpc").then_some(config.network.cidr),
            own_vpcs: vpcs.map(|(_, recorded)| recorded.id.0.clone()).collect(),
            database: database(given),
            database_zones: database_zones(given),
            lost_zones: lost_zones(given),
            host: config.host().to_owned(),
            certificate_arn: match &config.ingress.certificate {
                Certificate::Arn(arn) => Some(arn.clone()),
                Certificate::Request => None,
            },
            hosted_zone: place.hosted_zone.clone().filter(|_| config.ingress.dns != Dns::External),
            is_internal: !config.is_internet_facing(),
            api_url: config.zenml.api_url.clone(),
            version: config.image_version().to_string(),
            image_tag: tag_of(&config.image()),
            migrated: given.facts.migrated.as_ref().map(ToString::to_string),
            pull: pull(given, &config.image()),
            tasks: given
                .state
                .resources
                .keys()
                .any(|address| address.kind == "ecs.cluster")
                .then(|| Tasks { cluster: config.service.cluster.clone(), family: config.task_family().to_owned() }),
            resources: objects::of_services(config, &request, zone_arn),
            objects: objects::of_actions(config, &request),
            request,
            foreign: foreign.collect(),
            restored: restored.map(|(address, _)| address.clone()).collect(),
            state_bucket: match &config.state {
                StateLocation::Bucket { bucket, .. } => Some(bucket.clone()),
                StateLocation::Path(_) => None,
            },
            bucket_tried: match given.state.serial {
                0 => given.holds_lock.then_some(Tried::ByThisRun),
                _ => Some(Tried::BeforeTheFirstSave),
            },
            made: made.iter().map(|one| (one.address.clone(), one.inputs.clone())).collect(),
        }
    }

    /// True if something of this kind is made.
    pub fn makes(&self, kind: &str) -> bool {
        self.made.keys().any(|address| address.kind == kind)
    }

    /// What has to be asked of AWS for it.
    pub fn questions(&self) -> Questions {
        let mut dry_runs: Vec<DryRun> = self.range.iter().map(|range| DryRun::Vpc(range.to_string())).collect();
        dry_runs.extend(self.makes("ec2.elastic_ip").then_some(DryRun::Address));
        dry_runs.extend(self.makes("ec2.internet_gateway").then_some(DryRun::InternetGateway));
        Questions {
            actions: self.actions.clone(),
            resources: self.resources.clone(),
            objects: self.objects.clone(),
            dry_runs,
            needs: self.needs.clone(),
            makes_vpc: self.range.is_some(),
            instance_class: self.database.as_ref().map(|database| database.class.clone()),
            certificate_arn: self.certificate_arn.clone(),
            hosted_zone_id: self.hosted_zone.as_ref().map(|(_, id)| id.clone()),
            tasks: self.tasks.clone(),
        }
    }
}

/// What is not there yet. A replacement that needs the old one gone first frees what it takes.
fn made<'a>(given: &Intention<'a>) -> Vec<Made<'a>> {
    if let Some(plan) = given.plan {
        let new = plan
            .steps
            .values()
            .filter(|step| step.action == Action::Create || (step.action == Action::Replace && step.create_first));
        return new.map(|step| Made { address: &step.address, inputs: &step.inputs, after: &step.after }).collect();
    }
    let absent = given.desired.nodes.iter().filter(|(address, _)| {
        !matches!(given.seen.seen.get(*address), Some(Seen::Live(..) | Seen::Restorable(_)))
            && !given.seen.pending.contains_key(*address)
    });
    absent.map(|(address, node)| Made { address, inputs: &node.inputs, after: &node.after }).collect()
}

fn database(given: &Intention<'_>) -> Option<Database> {
    let address = Address::new("rds.instance", "main");
    let ordered = match given.plan {
        Some(plan) => plan.steps.get(&address).is_some_and(|step| {
            let ordered = ["engine_version", "instance_class", "storage_gib", "multi_az"];
            step.action == Action::Create || step.changes.iter().any(|change| ordered.contains(&change.field.as_str()))
        }),
        None => !matches!(given.seen.seen.get(&address), Some(Seen::Live(..))),
    };
    let inputs = &given.desired.nodes.get(&address).filter(|_| ordered)?.inputs;
    let wanted = &given.config.database;
    Some(Database {
        version: wanted.engine_version.clone(),
        class: wanted.instance_class.clone(),
        storage_gib: wanted.storage_gib,
        storage_type: inputs["storage_type"].as_str().unwrap_or_default().to_owned(),
        multi_az: wanted.multi_az,
    })
}

fn database_zones(given: &Intention<'_>) -> Vec<String> {
    let address = Address::new("rds.instance", "main");
    let stays = given
        .plan
        .and_then(|plan| plan.steps.get(&address))
        .is_some_and(|step| matches!(step.action, Action::Keep | Action::Adopt | Action::Update));
    let Some(Seen::Live(_, observed)) = given.seen.seen.get(&address).filter(|_| stays) else { return vec![] };
    let detail = observed.detail.as_ref();
    let zone = |field: &str| detail.and_then(|detail| detail[field].as_str()).map(str::to_owned);
    ["availability_zone", "standby_zone"].into_iter().filter_map(zone).collect()
}

/// Of the subnets on record for the database.
fn lost_zones(given: &Intention<'_>) -> BTreeSet<String> {
    let record = &given.state.resources;
    let (Some(plan), Some(group)) = (given.plan, record.get(&Address::new("rds.subnet_group", "main"))) else {
        return BTreeSet::new();
    };
    let of_group: BTreeSet<&str> =
        group.inputs["subnet_ids"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let leaves = |address: &Address| {
        plan.steps.get(address).is_some_and(|step| matches!(step.action, Action::Delete | Action::Replace))
    };
    let lost = record.iter().filter(|(address, recorded)| of_group.contains(recorded.id.0.as_str()) && leaves(address));
    lost.filter_map(|(_, recorded)| recorded.inputs["availability_zone"].as_str().map(str::to_owned)).collect()
}

fn pull(given: &Intention<'_>, image: &str) -> Pull {
    let migration = Address::new("ecs.task_run", "migrate");
    if let Some(Seen::Live(_, observed)) = given.seen.pending.get(&migration)
        && let Phase::Failed(why) = &observed.phase
        && grant::is_missing(why)
    {
        return Pull::Refused(why.lines().next().unwrap_or_default().to_owned());
    }
    let recorded = |address: &Address| given.state.resources.get(address).map(|recorded| &recorded.inputs);
    if recorded(&migration).is_some_and(|inputs| inputs["image"] == image) {
        return Pull::Done("the migration task ran it".to_owned());
    }
    Pull::Untried
}

pub(super) fn tag_of(image: &str) -> Option<String> {
    let last = image.split('@').next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
    last.split_once(':').map(|(_, tag)| tag.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_told_from_a_port_and_a_digest() {
        assert_eq!(tag_of("host:5000/zenml:0.98.0").as_deref(), Some("0.98.0"));
        assert_eq!(tag_of("host:5000/zenml@sha256:ab"), None);
        assert_eq!(tag_of("zenml:1@sha256:ab").as_deref(), Some("1"));
    }
}
