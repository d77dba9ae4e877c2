//! Which quota a call has run into, and how to have it raised.
//!
//! Codes: <https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html>, read 2026-11-26. What a plan
//! would use up is counted before anything is made (`src/aws/ask/quotas.rs`); this is for what was not foreseen.

use super::Answer;
use crate::aws::classify::{Pattern, fits};

/// Answer, Service Quotas' name of the service, quota code, what is counted.
struct Quota(Pattern, &'static str, &'static str, &'static str);

/// First match wins.
const QUOTAS: &[Quota] = &[
    Quota(("ec2", "AddressLimitExceeded", ""), "ec2", "L-0263D0A3", "Elastic IP addresses in a region (5 by default)"),
    Quota(
        ("ec2", "InternetGatewayLimitExceeded", ""),
        "vpc",
        "L-A4707A72",
        "internet gateways in a region (5 by default)",
    ),
    Quota(
        ("ec2", "NatGatewayLimitExceeded", ""),
        "vpc",
        "L-FE5A380F",
        "NAT gateways in an availability zone (5 by default)",
    ),
    Quota(("ec2", "RouteLimitExceeded", ""), "vpc", "L-93826ACB", "routes in a route table"),
    Quota(("ec2", "RouteTableLimitExceeded", ""), "vpc", "L-589F43AA", "route tables in a VPC"),
    Quota(
        ("ec2", "RulesPerSecurityGroupLimitExceeded", ""),
        "vpc",
        "L-0EA8095F",
        "rules of one direction in a security group (60 by default)",
    ),
    Quota(("ec2", "SecurityGroupLimitExceeded", ""), "vpc", "L-E79EC296", "security groups in a region"),
    Quota(("ec2", "SubnetLimitExceeded", ""), "vpc", "L-407747CB", "subnets in a VPC"),
    Quota(("ec2", "VpcEndpointLimitExceeded", ""), "vpc", "L-1B52E74A", "gateway endpoints in a region"),
    Quota(("ec2", "VpcLimitExceeded", ""), "vpc", "L-F678F1CE", "VPCs in a region (5 by default)"),
    Quota(("rds", "InstanceQuotaExceeded", ""), "rds", "L-7B6409FD", "RDS instances in a region (40 by default)"),
    Quota(("rds", "StorageQuotaExceeded", ""), "rds", "L-7ADDB58A", "RDS storage in a region"),
    Quota(("rds", "SnapshotQuotaExceeded", ""), "rds", "L-272F1212", "manual snapshots in a region (100 by default)"),
    Quota(("rds", "DBSubnetGroupQuotaExceeded", ""), "rds", "L-48C6BF61", "DB subnet groups in a region"),
    Quota(("rds", "DBParameterGroupQuotaExceeded", ""), "rds", "L-DE55804A", "DB parameter groups in a region"),
    Quota(
        ("elasticloadbalancing", "TooManyLoadBalancers", ""),
        "elasticloadbalancing",
        "L-53DA6B97",
        "application load balancers in a region (50 by default)",
    ),
    Quota(
        ("elasticloadbalancing", "TooManyTargetGroups", ""),
        "elasticloadbalancing",
        "L-B22855CB",
        "target groups in a region",
    ),
    Quota(
        ("elasticloadbalancing", "TooManyListeners", ""),
        "elasticloadbalancing",
        "L-B6DF7632",
        "listeners of a load balancer (50 by default)",
    ),
    Quota(("ecs", "*", "limit on the number of vCPUs"), "fargate", "L-3032A538", "vCPUs of Fargate tasks in a region"),
    Quota(("ecs", "LimitExceeded*", "clusters"), "ecs", "L-21C621EB", "ECS clusters in a region"),
    Quota(("ecs", "LimitExceeded*", "services"), "ecs", "L-9EF96962", "services in an ECS cluster"),
    Quota(
        ("iam", "LimitExceeded", "RolesPerAccount"),
        "iam",
        "L-FE177D64",
        "IAM roles in an account (1000 by default)",
    ),
    Quota(
        ("iam", "LimitExceeded", "PoliciesPerRole"),
        "iam",
        "L-0DA4ABF3",
        "policies attached to a role (10 by default)",
    ),
    Quota(("acm", "LimitExceeded*", "certificates"), "acm", "L-F141DD1D", "certificates of ACM in a region"),
    Quota(("route53", "*", "records limit"), "route53", "L-E209CC9F", "records in a hosted zone (10000 by default)"),
];

/// Service of which a quota is meant that the answer does not name, and how to see them all.
const UNNAMED: &[(Pattern, &str)] = &[
    (("secretsmanager", "LimitExceeded*", ""), "secretsmanager"),
    (("logs", "LimitExceeded*", ""), "logs"),
    (("ecs", "LimitExceeded*", ""), "ecs"),
    (("acm", "LimitExceeded*", ""), "acm"),
];

/// Quotas of services that have one control plane for all regions are asked for there.
fn place(service: &str) -> &'static str {
    if matches!(service, "iam" | "route53") { " --region us-east-1" } else { "" }
}

pub(super) fn hints(answer: &Answer<'_>) -> Vec<String> {
    let is = |pattern: Pattern| fits(pattern, answer.service(), answer.code, answer.message);
    if let Some(Quota(_, service, code, counted)) = QUOTAS.iter().find(|quota| is(quota.0)) {
        return vec![format!(
            "the account's quota for {counted} is used up: delete what nobody needs, or ask for more with \
             `aws service-quotas request-service-quota-increase --service-code {service} --quota-code {code} \
             --desired-value N{}`",
            place(service)
        )];
    }
    let Some((_, service)) = UNNAMED.iter().find(|(pattern, _)| is(*pattern)) else { return vec![] };
    vec![format!(
        "a quota of the account is used up: delete what nobody needs, or find the quota and ask for more; all of the \
         service's with `aws service-quotas list-service-quotas --service-code {service}`"
    )]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_that_is_counted_beforehand_has_the_same_code_when_it_is_met() {
        for counted in crate::aws::ask::quotas::QUOTAS {
            let known =
                QUOTAS.iter().any(|Quota(_, service, code, _)| (*service, *code) == (counted.service, counted.code));
            assert!(known, "{}", counted.id);
        }
    }
}
