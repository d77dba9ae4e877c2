//! What leftovers cost a month and how each is removed, by kind.
//!
//! Rounded list prices for eu-central-1, November 2026, without tax and traffic; other regions differ by up to a third. They are
//! for the order of magnitude: nothing is computed from them.

/// Kind, what it costs a month, and the command that removes it (`{id}` stands for the id).
const TABLE: &[(&str, &str, &str)] = &[
    ("acm.certificate", "nothing", "aws acm delete-certificate --certificate-arn {id}"),
    ("ec2.elastic_ip", "about 4 USD", "aws ec2 release-address --allocation-id {id}"),
    ("ec2.internet_gateway", "nothing", "aws ec2 delete-internet-gateway --internet-gateway-id {id}"),
    ("ec2.nat_gateway", "about 38 USD", "aws ec2 delete-nat-gateway --nat-gateway-id {id}"),
    ("ec2.network_interface", "nothing", "aws ec2 delete-network-interface --network-interface-id {id}"),
    ("ec2.route_table", "nothing", "aws ec2 delete-route-table --route-table-id {id}"),
    ("ec2.security_group", "nothing", "aws ec2 delete-security-group --group-id {id}"),
    ("ec2.subnet", "nothing", "aws ec2 delete-subnet --subnet-id {id}"),
    ("ec2.vpc", "nothing", "aws ec2 delete-vpc --vpc-id {id}"),
    ("ec2.vpc_endpoint", "nothing", "aws ec2 delete-vpc-endpoints --vpc-endpoint-ids {id}"),
    ("ecs.cluster", "nothing", "aws ecs delete-cluster --cluster {id}"),
    ("ecs.service", "about 20 USD per task", "aws ecs delete-service --force --service {id} --cluster NAME"),
    ("ecs.task_definition", "nothing", "aws ecs deregister-task-definition --task-definition {id}"),
    ("elb.load_balancer", "about 25 USD", "aws elbv2 delete-load-balancer --load-balancer-arn {id}"),
    ("elb.target_group", "nothing", "aws elbv2 delete-target-group --target-group-arn {id}"),
    ("iam.role", "nothing", "aws iam delete-role --role-name {id}"),
    ("logs.log_group", "about 0.03 USD per GiB", "aws logs delete-log-group --log-group-name {id}"),
    (
        "rds.instance",
        "from about 15 USD, by class and storage",
        "aws rds delete-db-instance --db-instance-identifier {id}",
    ),
    ("rds.parameter_group", "nothing", "aws rds delete-db-parameter-group --db-parameter-group-name {id}"),
    ("rds.snapshot", "about 0.10 USD per GiB of data", "aws rds delete-db-snapshot --db-snapshot-identifier {id}"),
    ("rds.subnet_group", "nothing", "aws rds delete-db-subnet-group --db-subnet-group-name {id}"),
    ("route53.record", "nothing", "aws route53 change-resource-record-sets --hosted-zone-id ZONE --change-batch FILE"),
    ("secrets.secret", "0.40 USD", "aws secretsmanager delete-secret --secret-id {id}"),
];

/// What an object of this kind costs a month.
pub(super) fn monthly(kind: &str, gib: Option<i32>) -> String {
    let known = TABLE.iter().find(|(known, ..)| *known == kind).map_or("see the AWS price list", |row| row.1);
    match gib.filter(|_| kind == "rds.snapshot") {
        // A snapshot is billed by what is in it, which AWS does not tell.
        Some(gib) => format!("{known}, at most {:.2} USD", f64::from(gib) * 0.10),
        None => known.to_owned(),
    }
}

/// The command that removes an object of this kind.
pub(super) fn removal(kind: &str, id: &str) -> String {
    TABLE.iter().find(|(known, ..)| *known == kind).map_or(String::new(), |row| row.2.replace("{id}", id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_costs_at_most_what_its_disk_would() {
        assert_eq!(monthly("rds.snapshot", Some(100)), "about 0.10 USD per GiB of data, at most 10.00 USD");
        assert_eq!(monthly("rds.snapshot", None), "about 0.10 USD per GiB of data");
        assert_eq!(monthly("x.unknown", None), "see the AWS price list");
    }

    #[test]
    fn every_kind_that_an_audit_finds_has_a_price_and_a_command() {
        assert!(TABLE.windows(2).all(|pair| pair[0].0 < pair[1].0), "not sorted, or one twice");
        for (kind, _, command) in TABLE {
            assert!(command.starts_with("aws "), "{kind}");
        }
        assert_eq!(removal("ec2.elastic_ip", "eipalloc-1"), "aws ec2 release-address --allocation-id eipalloc-1");
    }
}
