//! Describes that lag behind a create: a new object is missing in lists, and unknown when it is asked for by its id.

use super::answer::{Answer, refuse};
use super::call::{Call, Protocol};
use super::xml;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How an object is known by its create call and in its describe.
#[derive(Debug)]
struct Kind {
    create: &'static str,
    describe: &'static str,
    /// The element or member with its id, in both answers.
    id: &'static str,
    /// What the service says if it is asked for by id.
    missing: &'static str,
}

const fn kind(create: &'static str, describe: &'static str, id: &'static str, missing: &'static str) -> Kind {
    Kind { create, describe, id, missing }
}

const KINDS: &[Kind] = &[
    kind("ec2:CreateVpc", "ec2:DescribeVpcs", "vpcId", "InvalidVpcID.NotFound"),
    kind("ec2:CreateSubnet", "ec2:DescribeSubnets", "subnetId", "InvalidSubnetID.NotFound"),
    kind(
        "ec2:CreateInternetGateway",
        "ec2:DescribeInternetGateways",
        "internetGatewayId",
        "InvalidInternetGatewayID.NotFound",
    ),
    kind("ec2:AllocateAddress", "ec2:DescribeAddresses", "allocationId", "InvalidAllocationID.NotFound"),
    kind("ec2:CreateNatGateway", "ec2:DescribeNatGateways", "natGatewayId", "NatGatewayNotFound"),
    kind("ec2:CreateRouteTable", "ec2:DescribeRouteTables", "routeTableId", "InvalidRouteTableID.NotFound"),
    kind("ec2:CreateSecurityGroup", "ec2:DescribeSecurityGroups", "groupId", "InvalidGroup.NotFound"),
    kind("ec2:CreateVpcEndpoint", "ec2:DescribeVpcEndpoints", "vpcEndpointId", "InvalidVpcEndpointId.NotFound"),
    kind("rds:CreateDBInstance", "rds:DescribeDBInstances", "DBInstanceIdentifier", "DBInstanceNotFound"),
    kind("rds:CreateDBSnapshot", "rds:DescribeDBSnapshots", "DBSnapshotIdentifier", "DBSnapshotNotFound"),
    kind("ecs:CreateCluster", "ecs:DescribeClusters", "clusterArn", "MISSING"),
    kind("ecs:CreateService", "ecs:DescribeServices", "serviceArn", "MISSING"),
];

/// What is to be hidden, and what is.
#[derive(Default)]
pub struct Hidden {
    rules: BTreeMap<String, Duration>,
    objects: Vec<Object>,
}

struct Object {
    kind: &'static Kind,
    id: String,
    until: Instant,
}

impl Hidden {
    /// # Panics
    /// If nobody told how the operation's objects are listed.
    pub fn rule(&mut self, create: &str, time: Duration) {
        assert!(
            KINDS.iter().any(|kind| kind.create == create),
            "{create} is not in the table of tests/it/support/proxy/hide.rs"
        );
        self.rules.insert(create.to_owned(), time);
    }

    /// Learns of a new object, or takes hidden ones out of a list.
    pub fn see(&mut self, call: &Call, answer: &mut Answer) {
        let name = call.name();
        if let (Some(time), true) = (self.rules.get(&name), answer.status.is_success()) {
            let kind = KINDS.iter().find(|kind| kind.create == name).unwrap();
            let id = id_in(call, answer, kind).unwrap();
            self.objects.push(Object { kind, id, until: Instant::now() + *time });
        }
        self.objects.retain(|object| object.until > Instant::now());
        for object in self.objects.iter().filter(|object| object.kind.describe == name) {
            object.remove(call, answer);
        }
    }
}

fn id_in(call: &Call, answer: &Answer, kind: &Kind) -> Option<String> {
    let text = String::from_utf8_lossy(&answer.body);
    match call.protocol {
        Protocol::Json => {
            let answer: Value = serde_json::from_str(&text).ok()?;
            let created = answer.as_object()?.values().next()?;
            Some(created[kind.id].as_str()?.to_owned())
        }
        _ => xml::first(&text, kind.id).map(str::to_owned),
    }
}

impl Object {
    fn remove(&self, call: &Call, answer: &mut Answer) {
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        if call.protocol == Protocol::Json {
            answer.body = self.without_item(&text).into();
            return;
        }
        let filters = |name: &str| name.starts_with("Filter");
        if call.parameters().iter().any(|(name, value)| *value == self.id && !filters(name)) {
            *answer = refuse(call, self.kind.missing, "it does not exist", 400);
        } else {
            answer.body = xml::without(&text, self.kind.id, &self.id).into();
        }
    }

    /// ECS lists what it does not find as failures.
    fn without_item(&self, text: &str) -> String {
        let Ok(mut answer) = serde_json::from_str::<Value>(text) else { return text.to_owned() };
        let lists = answer.as_object_mut().into_iter().flatten().filter_map(|(_, value)| value.as_array_mut());
        let mut removed = 0;
        for list in lists {
            let before = list.len();
            list.retain(|item| item[self.kind.id] != self.id.as_str());
            removed += before - list.len();
        }
        if removed > 0 && answer["failures"].is_array() {
            let failures = answer["failures"].as_array_mut().unwrap();
            failures.push(json!({"arn": self.id, "reason": self.kind.missing}));
        }
        answer.to_string()
    }
}
