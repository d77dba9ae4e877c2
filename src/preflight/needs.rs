//! What a plan adds to the quotas: what is made, and by how much more what is changed will count.
//!
//! A replacement that needs the old one gone first frees what that one takes.

use super::wish::{Intention, Made};
use crate::aws::ask::quotas::Need;
use crate::model::{Address, Edge, Graph};
use crate::plan::{Action, Seen, Step};
use serde_json::Value;
use std::collections::BTreeMap;

/// Changes of a service whose tasks are replaced, all of them, while the old ones run.
const ROLLS: &[&str] = &[
    "task_definition_arn",
    "subnet_ids",
    "security_group_ids",
    "assign_public_ip",
    "target_group_arn",
    "container_name",
    "container_port",
    "platform_version",
    "rollout_failed",
];
/// CPU units of a vCPU.
const UNITS: f64 = 1024.0;

pub(super) fn needs(given: &Intention<'_>, made: &[Made<'_>]) -> Vec<Need> {
    let mut needs: BTreeMap<(&'static str, String), f64> = BTreeMap::new();
    let mut add = |quota, place: String, amount: f64| *needs.entry((quota, place)).or_default() += amount;
    for one in made {
        let whole = |quota| (quota, String::new(), 1.0);
        let (quota, place, amount) = match one.address.kind.as_str() {
            "ec2.elastic_ip" => whole("ADDRESSES"),
            "ec2.vpc" => whole("VPCS"),
            "ec2.internet_gateway" => whole("GATEWAYS"),
            "ec2.nat_gateway" => ("NAT", zone_of(given.desired, one.after), 1.0),
            "elb.load_balancer" => whole("BALANCERS"),
            "elb.target_group" => whole("TARGETS"),
            "rds.instance" => {
                add("STORAGE", String::new(), f64::from(given.config.database.storage_gib));
                whole("DATABASES")
            }
            "iam.role" => whole("ROLES"),
            "ecs.service" => ("VCPU", String::new(), wanted_tasks(given).vcpus()),
            _ => continue,
        };
        add(quota, place, amount);
    }
    if made.iter().any(|one| one.address.kind == "ec2.security_group_rule") {
        add("RULES", String::new(), most_rules(given.desired));
    }
    for step in given.plan.iter().flat_map(|plan| plan.steps.values()) {
        let more = match step.address.kind.as_str() {
            "rds.instance" => ("STORAGE", more_storage(given, step)),
            "ecs.service" => ("VCPU", more_vcpus(given, step)),
            _ => continue,
        };
        if more.1 > 0.0 {
            add(more.0, String::new(), more.1);
        }
    }
    needs.into_iter().map(|((quota, place), amount)| Need { quota, place, amount }).collect()
}

/// True if the object that is there counts already: it is changed, or gone before the new one is made.
fn is_counted(step: &Step) -> bool {
    matches!(step.action, Action::Update | Action::Adopt) && !step.restore
        || step.action == Action::Replace && !step.create_first
}

fn more_storage(given: &Intention<'_>, step: &Step) -> f64 {
    let there = live(given, &step.address).and_then(|inputs| inputs["storage_gib"].as_f64());
    match there.filter(|_| is_counted(step)) {
        Some(there) => f64::from(given.config.database.storage_gib) - there,
        None => 0.0,
    }
}

/// Tasks of one size.
#[derive(Clone, Copy)]
struct Tasks {
    count: f64,
    units: f64,
}

impl Tasks {
    fn vcpus(self) -> f64 {
        self.count * self.units / UNITS
    }
}

fn wanted_tasks(given: &Intention<'_>) -> Tasks {
    let service = &given.config.service;
    Tasks { count: f64::from(service.desired_count), units: f64::from(service.cpu) }
}

/// A rollout starts the new tasks beside the old ones, of which it keeps as many as there will be new ones.
fn more_vcpus(given: &Intention<'_>, step: &Step) -> f64 {
    let wanted = wanted_tasks(given);
    let there = live(given, &step.address).and_then(|inputs| inputs["desired_count"].as_f64());
    let Some(count) = there.filter(|_| is_counted(step)) else { return 0.0 };
    let revision = live(given, &Address::new("ecs.task_definition", &step.address.name));
    let units = revision.and_then(|inputs| inputs["cpu_units"].as_f64()).unwrap_or(wanted.units);
    let there = Tasks { count, units };
    let rolls =
        step.action != Action::Replace && step.changes.iter().any(|change| ROLLS.contains(&change.field.as_str()));
    let beside = if rolls { Tasks { count: count.min(wanted.count), units }.vcpus() } else { 0.0 };
    wanted.vcpus() + beside - there.vcpus()
}

/// The inputs of what is there.
fn live<'a>(given: &Intention<'a>, address: &Address) -> Option<&'a Value> {
    match given.seen.seen.get(address)? {
        Seen::Live(_, observed) => Some(&observed.inputs),
        _ => None,
    }
}

/// The zone of the subnet that a resource stands in.
fn zone_of(desired: &Graph, after: &BTreeMap<Address, Edge>) -> String {
    let subnet =
        after.keys().find(|address| address.kind == "ec2.subnet").and_then(|address| desired.nodes.get(address));
    subnet.and_then(|subnet| subnet.inputs["availability_zone"].as_str()).unwrap_or_default().to_owned()
}

/// The rules of one direction in the group that has the most.
fn most_rules(desired: &Graph) -> f64 {
    let mut rules: BTreeMap<(String, String), f64> = BTreeMap::new();
    for node in
        desired.nodes.iter().filter(|(address, _)| address.kind == "ec2.security_group_rule").map(|(_, node)| node)
    {
        let group = node.inputs["security_group_id"].to_string();
        *rules.entry((group, node.inputs["direction"].to_string())).or_default() += 1.0;
    }
    rules.into_values().fold(0.0, f64::max)
}
