//! The objects that a policy may name: an action is judged on what it acts on, as far as the names are known beforehand.
//!
//! Ids that AWS has not chosen yet stand in with a made-up one: a policy that names objects of the future can do so only by
//! a pattern.

use super::grant::Request;
use crate::aws::ask::rights::Object;
use crate::config::Config;
use std::collections::BTreeMap;

/// One object of each service: what its actions are judged on first.
pub(super) fn of_services(
    config: &Config,
    request: &Request,
    zone_arn: Option<String>,
) -> BTreeMap<&'static str, String> {
    let objects = of_actions(config, request);
    let main = |service: &'static str, noun: &str| {
        let found = objects.iter().find(|object| object.service == service && object.noun == noun);
        found.map(|object| (service, object.arn.clone()))
    };
    let known = [("iam", ""), ("secretsmanager", ""), ("logs", ""), ("rds", ""), ("ecs", "")];
    known.iter().filter_map(|(service, noun)| main(service, noun)).chain(zone_arn.map(|arn| ("route53", arn))).collect()
}

/// What an action acts on, by its service and a word of its name; the first that fits.
pub(super) fn of_actions(config: &Config, request: &Request) -> Vec<Object> {
    let partition = request.role_arn.split(':').nth(1).unwrap_or("aws");
    let (name, region, account) = (&config.name, &config.region, &request.account);
    let (cluster, family) = (&config.service.cluster, config.task_family());
    let of = |service: &'static str, noun: &'static str, what: String| {
        let arn = format!("arn:{partition}:{service}:{region}:{account}:{what}");
        Object { service, noun, arn }
    };
    let ec2 = |noun: &'static str, kind: &str, prefix: &str| of("ec2", noun, format!("{kind}/{prefix}-{HEX}"));
    let elb = |noun: &'static str, kind: &str| of("elasticloadbalancing", noun, format!("{kind}{ID}"));
    let linked = format!("role/aws-service-role/rds.amazonaws.com/{RDS_ROLE}");
    vec![
        ec2("VpcEndpoint", "vpc-endpoint", "vpce"),
        ec2("SecurityGroup", "security-group", "sg"),
        ec2("InternetGateway", "internet-gateway", "igw"),
        ec2("NatGateway", "natgateway", "nat"),
        ec2("Address", "elastic-ip", "eipalloc"),
        ec2("Route", "route-table", "rtb"),
        ec2("Subnet", "subnet", "subnet"),
        ec2("", "vpc", "vpc"),
        of("rds", "SubnetGroup", format!("subgrp:{name}-db")),
        of("rds", "Parameter", format!("pg:{name}-db-{SUFFIX}")),
        of("rds", "Snapshot", format!("snapshot:{name}-final-{SUFFIX}")),
        of("rds", "", format!("db:{}", config.db_instance_id())),
        of("ecs", "Cluster", format!("cluster/{cluster}")),
        of("ecs", "TaskDefinition", format!("task-definition/{family}:1")),
        of("ecs", "RunTask", format!("task-definition/{family}:1")),
        of("ecs", "Task", format!("task/{cluster}/{HEX}")),
        of("ecs", "", format!("service/{cluster}/{}", config.service_name())),
        elb("TargetGroup", &format!("targetgroup/{name}-tg-{SUFFIX}/")),
        elb("Listener", &format!("listener/app/{name}-alb-{SUFFIX}/{ID}/")),
        elb("", &format!("loadbalancer/app/{name}-alb-{SUFFIX}/")),
        Object { service: "iam", noun: "ServiceLinked", arn: format!("arn:{partition}:iam::{account}:{linked}") },
        Object { service: "iam", noun: "", arn: request.role_arn.clone() },
        of("secretsmanager", "", format!("secret:{}-AbCdEf", config.secrets.database_password)),
        of("logs", "", format!("log-group:{}:*", config.log_group())),
        of("acm", "", format!("certificate/{CERTIFICATE}")),
    ]
}

const HEX: &str = "0123456789abcdef0";
const ID: &str = "0123456789abcdef";
/// As behind the names of objects that can be replaced.
const SUFFIX: &str = "0a1b2c";
const CERTIFICATE: &str = "00000000-0000-4000-8000-000000000000";
const RDS_ROLE: &str = "AWSServiceRoleForRDS";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::ask::rights::object_of;

    #[test]
    fn an_action_is_judged_on_what_it_acts_on() {
        let template = crate::config::templates().iter().find(|template| template.name == "quickstart").unwrap();
        let config = crate::config::load("quickstart", template.text).unwrap().0;
        let objects = of_actions(&config, &Request::new(&config, "aws", "123456789012"));
        let cases = [
            ("ec2:CreateVpcEndpoint", "ec2:eu-central-1:123456789012:vpc-endpoint/vpce-0123456789abcdef0"),
            ("ec2:AuthorizeSecurityGroupIngress", "ec2:eu-central-1:123456789012:security-group/sg-0123456789abcdef0"),
            ("ec2:ReplaceRouteTableAssociation", "ec2:eu-central-1:123456789012:route-table/rtb-0123456789abcdef0"),
            ("ec2:AllocateAddress", "ec2:eu-central-1:123456789012:elastic-ip/eipalloc-0123456789abcdef0"),
            ("ec2:CreateVpc", "ec2:eu-central-1:123456789012:vpc/vpc-0123456789abcdef0"),
            ("rds:CreateDBSubnetGroup", "rds:eu-central-1:123456789012:subgrp:zenml-hybrid-db"),
            ("rds:CreateDBInstance", "rds:eu-central-1:123456789012:db:zenml-hybrid-db"),
            ("ecs:RegisterTaskDefinition", "ecs:eu-central-1:123456789012:task-definition/zenml-hybrid:1"),
            ("ecs:CreateService", "ecs:eu-central-1:123456789012:service/zenml-hybrid/zenml-server"),
            (
                "elasticloadbalancing:SetSubnets",
                "elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/zenml-hybrid-alb-0a1b2c/0123456789abcdef",
            ),
            ("iam:PutRolePolicy", "iam::123456789012:role/zenml-hybrid-eu-central-1-execution"),
            (
                "iam:CreateServiceLinkedRole",
                "iam::123456789012:role/aws-service-role/rds.amazonaws.com/AWSServiceRoleForRDS",
            ),
        ];
        for (action, arn) in cases {
            assert_eq!(object_of(&objects, action), Some(format!("arn:aws:{arn}").as_str()), "{action}");
        }
        assert_eq!(object_of(&objects, "sns:Publish"), None);
    }
}
