//! The load balancer and what belongs to it.

use crate::support::lifecycle::{Bench, Made};
use aws_sdk_elasticloadbalancingv2::types::{self, ActionTypeEnum, FixedResponseActionConfig, LoadBalancerAttribute};
use hybridctl::aws::ec2::subnet::{Subnet, SubnetId};
use hybridctl::aws::ec2::vpc::{Vpc, VpcId};
use hybridctl::aws::elb::attributes::Attributes;
use hybridctl::aws::elb::listener::{Action, FALLBACK_POLICY, Listener, PREFERRED_POLICY};
use hybridctl::aws::elb::load_balancer::{LoadBalancer, LoadBalancerArn};
use hybridctl::aws::elb::target_group::{HealthCheck, TargetGroup, TargetGroupArn};
use hybridctl::aws::{Aws, Connection};
use hybridctl::model::Address;
use hybridctl::resource::{Changed, Class, Consents, Effect, Found, Kind, Memo, Of, Provided, Resource, Scope, Tags};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::sync::mpsc;

/// The fields in which the live object differs from `want`.
pub async fn drift<R: Resource>(bench: &Bench, name: &str, made: &Made, want: &R) -> Vec<&'static str> {
    let kind = Of::<R>::KIND;
    let want = serde_json::to_value(want).unwrap();
    bench
        .scoped::<R, _>(name, &made.token, None, async |scope| {
            let live = kind.read(scope, &made.id).await.unwrap().expect("because it was made").inputs;
            let compared = kind.fields().iter().filter(|field| field.effect != Effect::CreateOnly && !field.unread);
            let differs = compared.filter(|field| !field.satisfied(&want[field.name], &live[field.name]));
            differs.map(|field| field.name).collect()
        })
        .await
}

/// A VPC with two public subnets and a security group, which outlive the test.
struct Network {
    vpc: VpcId,
    subnets: BTreeSet<SubnetId>,
    group: String,
}

async fn network(bench: &Bench) -> Network {
    let vpc = Vpc { cidr_block: "10.8.0.0/16".into(), enable_dns_support: true, enable_dns_hostnames: true };
    let vpc = VpcId(bench.create("main", &vpc).await.id.0);
    let ec2 = bench.aws.ec2();
    let gateway = ec2.create_internet_gateway().send().await.unwrap().internet_gateway.unwrap();
    let gateway = gateway.internet_gateway_id.unwrap();
    ec2.attach_internet_gateway().vpc_id(&vpc.0).internet_gateway_id(gateway).send().await.unwrap();
    let mut subnets = BTreeSet::new();
    for (zone, cidr_block) in [("a", "10.8.0.0/20"), ("b", "10.8.16.0/20")] {
        let subnet = Subnet {
            vpc_id: vpc.clone().into(),
            cidr_block: cidr_block.into(),
            availability_zone: format!("eu-central-1{zone}"),
            map_public_ip_on_launch: false,
        };
        subnets.insert(SubnetId(bench.create(&format!("public-{zone}"), &subnet).await.id.0));
    }
    Network { group: security_group(bench, &vpc, "balancer").await, vpc, subnets }
}

async fn security_group(bench: &Bench, vpc: &VpcId, name: &str) -> String {
    let call = bench.aws.ec2().create_security_group().vpc_id(&vpc.0).group_name(name).description(name);
    call.send().await.unwrap().group_id.unwrap()
}

fn map(pairs: &[(&str, &str)]) -> Attributes {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn load_balancer(bench: &Bench, network: &Network) -> LoadBalancer {
    LoadBalancer {
        name_prefix: bench.deployment.clone(),
        scheme: "internet-facing".into(),
        ip_address_type: "ipv4".into(),
        subnet_ids: network.subnets.iter().cloned().map(Into::into).collect(),
        security_group_ids: [hybridctl::aws::ec2::security_group::SecurityGroupId(network.group.clone()).into()].into(),
        attributes: map(&[
            ("deletion_protection.enabled", "false"),
            ("idle_timeout.timeout_seconds", "120"),
            ("routing.http.desync_mitigation_mode", "defensive"),
            ("routing.http.drop_invalid_header_fields.enabled", "true"),
        ]),
    }
}

fn target_group(bench: &Bench, network: &Network) -> TargetGroup {
    TargetGroup {
        name_prefix: bench.deployment.clone(),
        vpc_id: network.vpc.clone().into(),
        port: 8000,
        protocol: "HTTP".into(),
        target_type: "ip".into(),
        health_check: HealthCheck {
            path: "/health".into(),
            protocol: "HTTP".into(),
            port: "8000".into(),
            interval_secs: 30,
            timeout_secs: 5,
            healthy_threshold: 2,
            unhealthy_threshold: 3,
            matcher: "200".into(),
        },
        attributes: map(&[("deregistration_delay.timeout_seconds", "30"), ("stickiness.enabled", "false")]),
    }
}

fn redirect(balancer: &Made) -> Listener {
    Listener {
        load_balancer_arn: LoadBalancerArn(balancer.id.0.clone()).into(),
        port: 80,
        protocol: "HTTP".into(),
        certificate_arn: None,
        ssl_policy: None,
        action: Action::RedirectToHttps { port: 443, status_code: "HTTP_301".into() },
        attributes: map(&[]),
    }
}

fn forward(balancer: &Made, group: &Made, certificate: &str) -> Listener {
    Listener {
        port: 443,
        protocol: "HTTPS".into(),
        certificate_arn: Some(certificate.to_owned().into()),
        ssl_policy: Some(PREFERRED_POLICY.into()),
        action: Action::Forward { target_group_arn: TargetGroupArn(group.id.0.clone()).into() },
        attributes: map(&[
            ("routing.http.response.server.enabled", "false"),
            ("routing.http.response.strict_transport_security.header_value", "max-age=31536000"),
        ]),
        ..redirect(balancer)
    }
}

#[tokio::test]
async fn load_balancer_lives_its_life() {
    let Some(bench) = Bench::connect().await else { return };
    let network = network(&bench).await;
    let want = load_balancer(&bench, &network);
    let balancer = bench.create("main", &want).await;
    let other = security_group(&bench, &network.vpc, "other").await;
    let want = LoadBalancer {
        security_group_ids: [hybridctl::aws::ec2::security_group::SecurityGroupId(other).into()].into(),
        attributes: map(&[("idle_timeout.timeout_seconds", "60"), ("deletion_protection.enabled", "false")]),
        ..want
    };
    bench.update("main", &balancer, &want).await;

    let attribute = LoadBalancerAttribute::builder().key("idle_timeout.timeout_seconds").value("4000").build();
    let call = bench.aws.elb().modify_load_balancer_attributes().load_balancer_arn(&balancer.id.0);
    call.attributes(attribute).send().await.unwrap();
    assert_eq!(drift(&bench, "main", &balancer, &want).await, ["attributes"]);
    let call = bench.aws.elb().set_security_groups().load_balancer_arn(&balancer.id.0);
    call.security_groups(&network.group).send().await.unwrap();
    assert_eq!(drift(&bench, "main", &balancer, &want).await, ["security_group_ids", "attributes"]);

    let outputs = balancer.seen.outputs.as_ref().unwrap();
    let output = |name: &str| outputs[name].as_str().unwrap().to_owned();
    super::route53::alias_lives_its_life(&bench, &output("dns_name"), &output("canonical_hosted_zone_id")).await;
    bench.delete::<LoadBalancer>("main", &balancer).await;
}

#[tokio::test]
async fn a_strangers_load_balancer_of_our_name_is_left_alone() {
    let Some(bench) = Bench::connect().await else { return };
    let network = network(&bench).await;
    let want = load_balancer(&bench, &network);
    let token = bench.token();
    bench
        .scoped::<LoadBalancer, _>("main", &token, None, async |scope| {
            let subnets = network.subnets.iter().map(|subnet| subnet.0.clone()).collect();
            let call = bench.aws.elb().create_load_balancer().name(scope.suffixed(&want.name_prefix));
            call.set_subnets(Some(subnets)).send().await.unwrap();
            let found = LoadBalancer::find(scope, &want).await.unwrap();
            assert!(matches!(&found, Found::Foreign(text) if text.contains("not made by hybridctl")), "{found:?}");
        })
        .await;
}

#[tokio::test]
async fn a_protected_load_balancer_needs_consent() {
    let Some(bench) = Bench::connect().await else { return };
    let network = network(&bench).await;
    let want =
        LoadBalancer { attributes: map(&[("deletion_protection.enabled", "true")]), ..load_balancer(&bench, &network) };
    let balancer = bench.create("main", &want).await;
    bench
        .scoped::<LoadBalancer, _>("main", &balancer.token, None, async |scope| {
            // Plain moto deletes it all the same.
            if let Err(refused) = LoadBalancer::delete(scope, &balancer.id).await {
                assert!(
                    refused.class == Class::Terminal && refused.hints[0].contains("--disable-protection"),
                    "{refused}"
                );
                let consents = Consents { disable_protection: true, ..Consents::default() };
                LoadBalancer::delete(&Scope { consents: &consents, ..*scope }, &balancer.id).await.unwrap();
            }
        })
        .await;
    bench.delete::<LoadBalancer>("main", &balancer).await;
}

#[tokio::test]
async fn target_group_lives_its_life() {
    let Some(bench) = Bench::connect().await else { return };
    let network = network(&bench).await;
    let want = target_group(&bench, &network);
    let group = bench.create("main", &want).await;
    let want = TargetGroup {
        health_check: HealthCheck {
            path: "/ready".into(),
            interval_secs: 10,
            matcher: "200-299".into(),
            ..want.health_check
        },
        attributes: map(&[("deregistration_delay.timeout_seconds", "60")]),
        ..want
    };
    bench.update("main", &group, &want).await;
    let call = bench.aws.elb().modify_target_group().target_group_arn(&group.id.0).health_check_path("/");
    call.send().await.unwrap();
    assert_eq!(drift(&bench, "main", &group, &want).await, ["health_check"]);
    bench.delete::<TargetGroup>("main", &group).await;
}

#[tokio::test]
async fn listeners_live_their_lives_and_a_refresh_of_all_is_seven_calls() {
    let Some(bench) = Bench::connect().await else { return };
    let network = network(&bench).await;
    let balancer = bench.create("main", &load_balancer(&bench, &network)).await;
    let group = bench.create("main", &target_group(&bench, &network)).await;
    let certificate = super::acm::issued(&bench, "listener").await;

    let plain = bench.create("http", &redirect(&balancer)).await;
    let want = forward(&balancer, &group, &certificate);
    let secure = bench.create("https", &want).await;

    let before = bench.aws.calls().len();
    let read = async |kind: &dyn Kind, made: &Made| {
        bench.scoped::<Listener, _>("any", &made.token, None, async |scope| kind.read(scope, &made.id).await).await
    };
    let (one, two, three, four) = futures_util::join!(
        read(&Of::<LoadBalancer>::KIND, &balancer),
        read(&Of::<TargetGroup>::KIND, &group),
        read(&Of::<Listener>::KIND, &plain),
        read(&Of::<Listener>::KIND, &secure),
    );
    for seen in [one, two, three, four] {
        assert!(seen.unwrap().unwrap().tags.is_some());
    }
    assert_eq!(bench.aws.calls().len() - before, 7, "{:?}", &bench.aws.calls()[before..]);

    let call = bench.aws.elb().modify_listener().listener_arn(&secure.id.0).ssl_policy(FALLBACK_POLICY);
    call.send().await.unwrap();
    assert!(drift(&bench, "https", &secure, &want).await.is_empty(), "the older policy is what some regions have");
    let fixed = FixedResponseActionConfig::builder().status_code("503").build();
    let fixed = types::Action::builder().r#type(ActionTypeEnum::FixedResponse).fixed_response_config(fixed);
    let call = bench.aws.elb().modify_listener().listener_arn(&secure.id.0).default_actions(fixed.build());
    call.send().await.unwrap();
    assert_eq!(drift(&bench, "https", &secure, &want).await, ["action"]);
    let want = Listener { attributes: map(&[("routing.http.response.server.enabled", "true")]), ..want };
    bench.update("https", &secure, &want).await;

    let refused = bench
        .scoped::<TargetGroup, _>("main", &group.token, None, async |scope| TargetGroup::delete(scope, &group.id).await)
        .await;
    assert_eq!(refused.unwrap_err().class, Class::Drain, "a listener still forwards to it");
    bench.delete::<Listener>("https", &secure).await;
    bench.delete::<Listener>("http", &plain).await;
    bench.delete::<TargetGroup>("main", &group).await;
    bench.delete::<LoadBalancer>("main", &balancer).await;
}

#[tokio::test]
async fn a_policy_that_the_user_chose_is_not_exchanged() {
    let Some(bench) = Bench::connect().await else { return };
    let network = network(&bench).await;
    let balancer = bench.create("main", &load_balancer(&bench, &network)).await;
    let group = bench.create("main", &target_group(&bench, &network)).await;
    let certificate = super::acm::issued(&bench, "policy").await;
    let chosen = Listener { ssl_policy: Some(FALLBACK_POLICY.into()), ..forward(&balancer, &group, &certificate) };
    let secure = bench.create("https", &chosen).await;
    let unknown = Listener { ssl_policy: Some("ELBSecurityPolicy-None-Such".into()), ..chosen };
    let refused = bench
        .scoped::<Listener, _>("https", &secure.token, None, async |scope| {
            let changed = Changed { fields: ["ssl_policy".to_owned()].into(), tags: None };
            Listener::update(scope, &secure.id, &unknown, &changed).await
        })
        .await;
    let refused = refused.unwrap_err();
    assert!(refused.is("SSLPolicyNotFound") && refused.class == Class::Terminal, "{refused}");
}

#[tokio::test]
async fn a_region_without_the_preferred_policy_gets_the_older_one() {
    let refused = "<ErrorResponse><Error><Code>SSLPolicyNotFound</Code><Message>no</Message></Error></ErrorResponse>";
    let made = "<CreateListenerResponse><CreateListenerResult><Listeners><member><ListenerArn>the-arn</ListenerArn>\
                </member></Listeners></CreateListenerResult></CreateListenerResponse>";
    let (endpoint, requests) = canned(vec![(400, refused), (200, made)]);
    let connection = Connection { region: "eu-central-1".into(), profile: None, endpoint: Some(endpoint) };
    let aws = Aws::connect(&connection).await;
    let notes = RefCell::new(vec![]);
    let scope = Scope {
        since: Some(jiff::Timestamp::UNIX_EPOCH),
        aws: &aws,
        deployment: "zenml",
        lineage: uuid::Uuid::nil(),
        address: &Address::new("elb.listener", "https"),
        token: "00000000000000000000000000000000",
        label: "zenml-https",
        user_tags: &Tags::new(),
        recorded: None,
        want: None,
        known_ids: &[],
        provided: &Provided::default(),
        consents: &Consents::default(),
        memo: &Memo::default(),
        notes: &|line| notes.borrow_mut().push(line),
    };
    let want = Listener {
        load_balancer_arn: LoadBalancerArn("balancer".into()).into(),
        port: 443,
        protocol: "HTTPS".into(),
        certificate_arn: Some("certificate".to_owned().into()),
        ssl_policy: Some(PREFERRED_POLICY.into()),
        action: Action::Forward { target_group_arn: TargetGroupArn("group".into()).into() },
        attributes: map(&[]),
    };
    assert_eq!(Listener::create(&scope, &want).await.unwrap().as_str(), "the-arn");
    assert!(requests.recv().unwrap().contains(&format!("SslPolicy={PREFERRED_POLICY}")));
    assert!(requests.recv().unwrap().contains(&format!("SslPolicy={FALLBACK_POLICY}")));
    assert!(notes.borrow()[0].contains(FALLBACK_POLICY), "{notes:?}");
}

/// A server with these answers, one per connection; the receiver gets the requests.
fn canned(replies: Vec<(u16, &'static str)>) -> (String, mpsc::Receiver<String>) {
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", server.local_addr().unwrap());
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for (status, body) in replies {
            let (mut stream, _) = server.accept().unwrap();
            let mut request = String::new();
            let mut piece = [0; 4096];
            while !is_complete(&request) {
                let count = stream.read(&mut piece).unwrap();
                request.push_str(std::str::from_utf8(&piece[..count]).unwrap());
            }
            let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(body.as_bytes()).unwrap();
            sender.send(request).unwrap();
        }
    });
    (endpoint, receiver)
}

fn is_complete(request: &str) -> bool {
    let Some((head, body)) = request.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    body.len() >= length.unwrap_or(0)
}
