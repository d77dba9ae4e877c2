//! Steps 7 and 8: load balancer, target group, listeners, certificate and DNS.

use super::facts::Facts;
use super::network::Network;
use crate::aws::acm::certificate::Certificate;
use crate::aws::elb::listener::{Action, Listener, PREFERRED_POLICY};
use crate::aws::elb::load_balancer::LoadBalancer;
use crate::aws::elb::target_group::{HealthCheck, TargetGroup};
use crate::aws::iam::service_linked_role::ServiceLinkedRole;
use crate::aws::route53::record::{Alias, Record};
use crate::config::{Certificate as Wanted, Config};
use crate::model::{Address, Edge, Graph, Handle, Input};
use std::collections::{BTreeMap, BTreeSet};

/// What the service uses of the way in.
pub(super) struct Ingress {
    pub target_group: Handle<TargetGroup>,
    /// ECS refuses a service whose target group has no listener.
    pub listeners: Vec<Address>,
}

pub(super) fn declare(graph: &mut Graph, config: &Config, facts: &Facts, network: &Network) -> Ingress {
    graph.guide("step 7");
    let balancer = balancer(graph, config, network);
    let target_group = graph.add("main", target_group(config, network));
    let certificate = certificate(graph, config, facts);
    graph.guide("step 7");
    let https = Listener {
        load_balancer_arn: balancer.load_balancer_arn().into(),
        port: 443,
        protocol: "HTTPS".into(),
        certificate_arn: Some(certificate),
        // The API's own default still speaks TLS 1.0.
        ssl_policy: Some(PREFERRED_POLICY.into()),
        action: Action::Forward { target_group_arn: target_group.target_group_arn().into() },
        attributes: attributes(&[
            ("routing.http.response.server.enabled", "false"),
            ("routing.http.response.strict_transport_security.header_value", "max-age=31536000"),
        ]),
    };
    let http = Listener {
        load_balancer_arn: balancer.load_balancer_arn().into(),
        port: 80,
        protocol: "HTTP".into(),
        certificate_arn: None,
        ssl_policy: None,
        action: Action::RedirectToHttps { port: 443, status_code: "HTTP_301".into() },
        attributes: BTreeMap::new(),
    };
    let listeners = vec![graph.add("https", https).address, graph.add("http", http).address];
    // A listener needs the load balancer's ARN, not that it is active.
    for listener in &listeners {
        graph.usable_is_enough(listener, &balancer.address);
    }
    record(graph, config, facts, &balancer);
    Ingress { target_group, listeners }
}

fn balancer(graph: &mut Graph, config: &Config, network: &Network) -> Handle<LoadBalancer> {
    let public = config.is_internet_facing();
    let balancer = LoadBalancer {
        name_prefix: format!("{}-alb", config.name),
        scheme: if public { "internet-facing" } else { "internal" }.into(),
        ip_address_type: "ipv4".into(),
        subnet_ids: if public { network.public_subnets() } else { network.private_subnets() },
        security_group_ids: [network.alb.security_group_id().into()].into(),
        attributes: attributes(&[
            ("access_logs.s3.bucket", ""),
            ("access_logs.s3.enabled", "false"),
            ("access_logs.s3.prefix", ""),
            ("deletion_protection.enabled", "false"),
            ("idle_timeout.timeout_seconds", "60"),
            ("routing.http.desync_mitigation_mode", "defensive"),
            ("routing.http.drop_invalid_header_fields.enabled", "true"),
        ]),
    };
    let balancer = graph.add("main", balancer);
    graph.add_after(&balancer.address, &Handle::<ServiceLinkedRole>::to("elb").address, Edge::SETTLED);
    if public {
        // Internet-facing is refused without a gateway, and the gateway cannot go while public addresses are mapped.
        let attachment = Address::new("ec2.internet_gateway_attachment", "main");
        graph.add_after(&balancer.address, &attachment, Edge::SETTLED);
        graph.add_after(&balancer.address, &network.public_route, Edge::SETTLED);
    }
    balancer
}

fn target_group(config: &Config, network: &Network) -> TargetGroup {
    let port = config.service.port;
    TargetGroup {
        name_prefix: format!("{}-tg", config.name),
        vpc_id: network.vpc.vpc_id().into(),
        port,
        protocol: "HTTP".into(),
        target_type: "ip".into(),
        health_check: HealthCheck {
            path: "/health".into(),
            protocol: "HTTP".into(),
            port: port.to_string(),
            interval_secs: 30,
            timeout_secs: 5,
            healthy_threshold: 2,
            unhealthy_threshold: 3,
            matcher: "200".into(),
        },
        attributes: attributes(&[
            // AWS's default of 300 s makes every rollout and every destroy five minutes longer.
            ("deregistration_delay.timeout_seconds", "30"),
            ("load_balancing.algorithm.type", "round_robin"),
            ("slow_start.duration_seconds", "0"),
            ("stickiness.enabled", "false"),
        ]),
    }
}

fn certificate(graph: &mut Graph, config: &Config, facts: &Facts) -> Input<String> {
    let Wanted::Arn(arn) = &config.ingress.certificate else {
        return requested(graph, config, facts);
    };
    arn.clone().into()
}

/// Requested from ACM and proved through a record in our zone.
fn requested(graph: &mut Graph, config: &Config, facts: &Facts) -> Input<String> {
    graph.guide("implied by step 7");
    let certificate = Certificate { domain_name: config.host().to_owned(), validation: "DNS".into() };
    let certificate = graph.add("main", certificate);
    if let Some((_, zone_id)) = &facts.place.hosted_zone {
        let proof = Record {
            zone_id: zone_id.clone(),
            name: certificate.validation_name().into(),
            record_type: "CNAME".into(),
            alias: None,
            values: [certificate.validation_value().into()].into(),
            ttl_secs: Some(300),
            marker: false,
        };
        let proof = graph.add("validation", proof);
        graph.usable_is_enough(&proof.address, &certificate.address);
    }
    certificate.certificate_arn().into()
}

fn record(graph: &mut Graph, config: &Config, facts: &Facts, balancer: &Handle<LoadBalancer>) {
    let Some((_, zone_id)) = &facts.place.hosted_zone else { return };
    graph.guide("step 8");
    let record = Record {
        zone_id: zone_id.clone(),
        name: config.host().to_owned().into(),
        record_type: "A".into(),
        alias: Some(Alias {
            dns_name: balancer.dns_name().into(),
            zone_id: balancer.canonical_hosted_zone_id().into(),
        }),
        values: BTreeSet::new(),
        ttl_secs: None,
        marker: true,
    };
    let record = graph.add("endpoint", record);
    graph.usable_is_enough(&record.address, &balancer.address);
}

fn attributes(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}
