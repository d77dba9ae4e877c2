//! The graph of every template.

use super::facts::PlaceFacts;
use super::{Facts, stack};
use crate::config::{self, Config, Dns};
use crate::model::{Address, Graph, Need, OnDelete};
use std::collections::BTreeSet;

fn template(name: &str) -> Config {
    let template = config::templates().iter().find(|template| template.name == name).expect("because it is a template");
    config::load(name, template.text).expect("because templates are valid").0
}

fn graph(config: &Config) -> Graph {
    let zone = match &config.ingress.dns {
        Dns::Route53 { zone } => Some(zone.as_str()),
        Dns::External => None,
    };
    let place = PlaceFacts::offline(&config.region, &config.network.zones, zone);
    stack(config, &Facts::new(place, None, None))
}

fn at(text: &str) -> Address {
    text.parse().expect("because it is written right here")
}

/// Everything that `address` comes after, directly or through others.
fn before(graph: &Graph, address: &Address) -> BTreeSet<Address> {
    let mut found = BTreeSet::new();
    let mut open = vec![address.clone()];
    while let Some(next) = open.pop() {
        for used in graph.nodes[&next].after.keys() {
            if found.insert(used.clone()) {
                open.push(used.clone());
            }
        }
    }
    found
}

#[test]
fn a_task_comes_after_everything_that_it_cannot_start_without() {
    for name in ["quickstart", "production", "internal"] {
        let graph = graph(&template(name));
        let needed = [
            "rds.instance/main",
            "ec2.route/private-a-default",
            "ec2.route/private-b-default",
            "ec2.route_table_association/private-a",
            "ec2.route_table_association/private-b",
            "ec2.nat_gateway/nat-a",
            "ec2.route/public-default",
            "ec2.internet_gateway_attachment/main",
            "ec2.security_group_rule/alb-to-ecs",
            "ec2.security_group_rule/ecs-from-alb",
            "ec2.security_group_rule/ecs-https-out",
            "ec2.security_group_rule/ecs-to-rds",
            "ec2.security_group_rule/rds-from-ecs",
            "iam.role_policy/execution",
            "iam.role/task",
            "logs.log_group/ecs",
            "secrets.given/oauth2",
            "secrets.generated/encryption-key",
        ];
        for task in ["ecs.task_run/migrate", "ecs.service/server"] {
            let before = before(&graph, &at(task));
            for needed in needed {
                assert!(before.contains(&at(needed)), "{name}: {task} does not come after {needed}");
            }
        }
    }
}

#[test]
fn the_service_comes_after_migration_and_listeners_and_listeners_are_deleted_first() {
    let graph = graph(&template("quickstart"));
    let service = &graph.nodes[&at("ecs.service/server")];
    assert!(service.after.contains_key(&at("ecs.task_run/migrate")));
    let edge = service.after[&at("elb.listener/https")];
    assert_eq!((edge.need, edge.on_delete), (Need::Settled, OnDelete::Same));
}

#[test]
fn nothing_slow_stands_before_the_database_that_it_does_not_need() {
    let graph = graph(&template("quickstart"));
    let before = before(&graph, &at("rds.instance/main"));
    for slow in ["ec2.nat_gateway/nat-a", "elb.load_balancer/main", "ecs.cluster/main"] {
        assert!(!before.contains(&at(slow)), "the database waits for {slow}");
    }
}

#[test]
fn listeners_and_the_record_need_only_the_load_balancers_address() {
    let graph = graph(&template("quickstart"));
    for user in ["elb.listener/https", "elb.listener/http", "route53.record/endpoint"] {
        assert_eq!(graph.nodes[&at(user)].after[&at("elb.load_balancer/main")].need, Need::Usable, "{user}");
    }
}

#[test]
fn every_node_belongs_to_a_step_of_the_guide_and_every_step_has_nodes() {
    let graph = graph(&template("quickstart"));
    let steps: BTreeSet<&str> = graph.nodes.values().map(|node| node.guide).collect();
    for step in 1..=8 {
        assert!(steps.iter().any(|text| text.ends_with(&format!("step {step}"))), "nothing belongs to step {step}");
    }
    assert!(!steps.contains(""), "a node belongs to no step");
}

#[test]
fn no_secret_value_can_be_in_a_graph() {
    let graph = graph(&template("quickstart"));
    let definition = graph.nodes[&at("ecs.task_definition/server")].inputs.to_string();
    for name in ["ZENML_STORE_PASSWORD", "ZENML_SERVER_PRO_OAUTH2_CLIENT_SECRET", "ZENML_DATABASE_URL"] {
        let environment = &graph.nodes[&at("ecs.task_definition/server")].inputs["container"]["environment"];
        assert!(definition.contains(name) && environment.get(name).is_none(), "{name} is a plain variable");
    }
}

#[test]
fn one_port_goes_everywhere() {
    let mut config = template("quickstart");
    config.service.port = 9123;
    let graph = graph(&config);
    let inputs = |address: &str| &graph.nodes[&at(address)].inputs;
    for rule in ["alb-to-ecs", "ecs-from-alb"] {
        assert_eq!(inputs(&format!("ec2.security_group_rule/{rule}"))["from_port"], 9123);
    }
    assert_eq!(inputs("elb.target_group/main")["port"], 9123);
    assert_eq!(inputs("elb.target_group/main")["health_check"]["port"], "9123");
    assert_eq!(inputs("ecs.service/server")["container_port"], 9123);
    let container = &inputs("ecs.task_definition/server")["container"];
    assert_eq!(container["port"], 9123);
    assert!(container["command"].to_string().contains("\"--port\",\"9123\""));
}

#[test]
fn another_zone_renumbers_nothing() {
    let two = graph(&template("quickstart"));
    let mut config = template("quickstart");
    config.network.zones = config::Zones::Count(3);
    let three = graph(&config);
    for (address, node) in &two.nodes {
        if address.kind == "ec2.subnet" {
            assert_eq!(node.inputs, three.nodes[address].inputs, "{address}");
        }
    }
}

/// Whoever has to ask ZenML for the image can do so while everything else is being made.
#[test]
fn the_execution_role_waits_for_nothing() {
    let graph = graph(&template("quickstart"));
    assert!(graph.nodes[&at("iam.role/execution")].after.is_empty());
}
