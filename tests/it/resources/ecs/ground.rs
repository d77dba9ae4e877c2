//! What a task needs to start in the sandbox, made without hybridctl's kinds.

use super::SecretRef;
use crate::support::lifecycle::{Bench, Made};
use hybridctl::aws::ec2::subnet::SubnetId;
use hybridctl::aws::ecs::service::Service;
use hybridctl::model::Address;
use hybridctl::resource::{Changed, Consents, Kind, Memo, Of, Phase, Scope, Tags};
use std::time::Duration;
use uuid::Uuid;

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["logs:*","secretsmanager:*"],"Resource":"*"}]}"#;

/// Network, role, logs, secret and a target group on a listener.
pub struct Ground {
    pub role_arn: String,
    pub log_group: String,
    pub secret: SecretRef,
    pub subnet_ids: Vec<SubnetId>,
    pub security_group_id: String,
    pub target_group_arn: String,
}

impl Ground {
    /// Names only: enough where no task starts.
    pub fn offline() -> Self {
        Self {
            role_arn: "arn:aws:iam::123456789012:role/x".into(),
            log_group: "/ecs/x".into(),
            secret: SecretRef {
                arn: "arn:aws:secretsmanager:eu-central-1:123456789012:secret:x-AbCdEf".to_owned().into(),
                version_id: "0123".to_owned().into(),
            },
            subnet_ids: vec![],
            security_group_id: String::new(),
            target_group_arn: String::new(),
        }
    }

    /// The real things; `None` if this endpoint is plain moto, which starts no task.
    pub async fn make(bench: &Bench) -> Option<Self> {
        if !simulates(bench).await {
            return None;
        }
        let (aws, name) = (&bench.aws, &bench.deployment);
        let ec2 = aws.ec2();
        let vpc = ec2.create_vpc().cidr_block("10.7.0.0/16").send().await.unwrap().vpc.unwrap().vpc_id.unwrap();
        let gateway = ec2.create_internet_gateway().send().await.unwrap().internet_gateway.unwrap();
        let gateway = gateway.internet_gateway_id.unwrap();
        ec2.attach_internet_gateway().vpc_id(&vpc).internet_gateway_id(&gateway).send().await.unwrap();
        let tables = ec2.describe_route_tables().filters(by_vpc(&vpc)).send().await.unwrap();
        let table = tables.route_tables()[0].route_table_id().unwrap();
        let route = ec2.create_route().route_table_id(table).gateway_id(&gateway);
        route.destination_cidr_block("0.0.0.0/0").send().await.unwrap();
        let mut public = vec![];
        for (range, zone) in [("10.7.0.0/20", "eu-central-1a"), ("10.7.16.0/20", "eu-central-1b")] {
            let call = ec2.create_subnet().vpc_id(&vpc).cidr_block(range).availability_zone(zone);
            public.push(SubnetId(call.send().await.unwrap().subnet.unwrap().subnet_id.unwrap()));
        }
        let private = private_subnet(bench, &vpc, &public[0]).await;
        // The default group lets its members reach one another and the world.
        let groups = ec2.describe_security_groups().filters(by_vpc(&vpc)).send().await.unwrap();
        let security_group_id = groups.security_groups()[0].group_id().unwrap().to_owned();

        let pair = aws_sdk_ec2::types::UserIdGroupPair::builder().group_id(&security_group_id).build();
        let rule = aws_sdk_ec2::types::IpPermission::builder().ip_protocol("-1").user_id_group_pairs(pair).build();
        let call = ec2.authorize_security_group_ingress().group_id(&security_group_id).ip_permissions(rule);
        // AWS has this rule already.
        call.send().await.ok();

        let role = aws.iam().create_role().role_name(name).assume_role_policy_document(TRUST).send().await.unwrap();
        let policy = aws.iam().put_role_policy().role_name(name).policy_name("x").policy_document(POLICY);
        policy.send().await.unwrap();
        let log_group = format!("/ecs/{name}");
        aws.logs().create_log_group().log_group_name(&log_group).send().await.unwrap();
        let secret = aws.secrets().create_secret().name(name).secret_string("s3cret").send().await.unwrap();

        let target_group_arn = target_group(bench, &vpc, &public, &security_group_id).await;
        Some(Self {
            role_arn: role.role.unwrap().arn,
            log_group,
            secret: SecretRef { arn: secret.arn.unwrap().into(), version_id: secret.version_id.unwrap().into() },
            subnet_ids: vec![private],
            security_group_id,
            target_group_arn,
        })
    }
}

/// With a way out through a NAT gateway.
async fn private_subnet(bench: &Bench, vpc: &str, public: &SubnetId) -> SubnetId {
    let ec2 = bench.aws.ec2();
    let call = ec2.create_subnet().vpc_id(vpc).cidr_block("10.7.32.0/20").availability_zone("eu-central-1a");
    let subnet = call.send().await.unwrap().subnet.unwrap().subnet_id.unwrap();
    let address = ec2.allocate_address().send().await.unwrap().allocation_id.unwrap();
    let nat = ec2.create_nat_gateway().subnet_id(&public.0).allocation_id(address).send().await.unwrap();
    let nat = nat.nat_gateway.unwrap().nat_gateway_id.unwrap();
    let table = ec2.create_route_table().vpc_id(vpc).send().await.unwrap().route_table.unwrap();
    let table = table.route_table_id.unwrap();
    ec2.associate_route_table().route_table_id(&table).subnet_id(&subnet).send().await.unwrap();
    let route = ec2.create_route().route_table_id(&table).nat_gateway_id(&nat).destination_cidr_block("0.0.0.0/0");
    route.send().await.unwrap();
    for _ in 0..100 {
        let seen = ec2.describe_nat_gateways().nat_gateway_ids(&nat).send().await.unwrap();
        if seen.nat_gateways()[0].state() == Some(&aws_sdk_ec2::types::NatGatewayState::Available) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    SubnetId(subnet)
}

async fn target_group(bench: &Bench, vpc: &str, subnets: &[SubnetId], group: &str) -> String {
    use aws_sdk_elasticloadbalancingv2::types::{Action, ActionTypeEnum, ProtocolEnum, TargetTypeEnum};
    let elb = bench.aws.elb();
    let call = elb.create_target_group().name(&bench.deployment).vpc_id(vpc).port(8000);
    let made = call.protocol(ProtocolEnum::Http).target_type(TargetTypeEnum::Ip).health_check_path("/health");
    let target_group_arn = made.send().await.unwrap().target_groups()[0].target_group_arn().unwrap().to_owned();
    let subnets = subnets.iter().map(|subnet| subnet.0.clone()).collect();
    let balancer = elb.create_load_balancer().name(&bench.deployment).security_groups(group).set_subnets(Some(subnets));
    let balancer = balancer.send().await.unwrap().load_balancers()[0].load_balancer_arn().unwrap().to_owned();
    let forward = Action::builder().r#type(ActionTypeEnum::Forward).target_group_arn(&target_group_arn).build();
    let listener = elb.create_listener().load_balancer_arn(balancer).port(80).protocol(ProtocolEnum::Http);
    listener.default_actions(forward).send().await.unwrap();
    target_group_arn
}

fn by_vpc(vpc: &str) -> aws_sdk_ec2::types::Filter {
    aws_sdk_ec2::types::Filter::builder().name("vpc-id").values(vpc).build()
}

/// The simulator says so on a path of its own.
async fn simulates(bench: &Bench) -> bool {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let endpoint = bench.aws.endpoint().unwrap().trim_start_matches("http://").trim_end_matches('/').to_owned();
    let mut stream = tokio::net::TcpStream::connect(&endpoint).await.unwrap();
    let request = format!("GET /sandbox/status HTTP/1.0\r\nHost: {endpoint}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.is_ok() && answer.contains("\"world\"")
}

/// Updates the service's definition as the engine would, and waits for the verdict.
pub async fn apply(bench: &Bench, made: &Made, want: &Service) -> Phase {
    let (kind, want) = (Of::<Service>::KIND, serde_json::to_value(want).unwrap());
    let address: Address = "ecs.service/app".parse().unwrap();
    let scope = Scope {
        since: Some(jiff::Timestamp::UNIX_EPOCH),
        aws: &bench.aws,
        deployment: &bench.deployment,
        lineage: Uuid::nil(),
        address: &address,
        token: &made.token,
        label: "x",
        user_tags: &Tags::new(),
        recorded: None,
        want: Some(&want),
        known_ids: &[],
        provided: &bench.provided,
        consents: &Consents::default(),
        memo: &Memo::default(),
        notes: &|_| {},
    };
    let changed = Changed { fields: ["task_definition_arn".to_owned()].into(), tags: None };
    kind.update(&scope, &made.id, &want, &changed).await.unwrap();
    for _ in 0..600 {
        match kind.read(&scope, &made.id).await.unwrap().unwrap().phase {
            Phase::Settling(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            phase => return phase,
        }
    }
    panic!("the rollout does not end")
}
