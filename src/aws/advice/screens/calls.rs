//! The operations of the tables, called as the kinds call them. What is sent does not matter here: only the answer
//! does.

use crate::aws::Aws;
use crate::aws::ecs::task_run;
use crate::aws::s3::{Bucket, Condition};
use crate::resource::Result;
use std::collections::HashMap;

macro_rules! calls {
    ($aws:ident, $asked:ident, $($operation:literal => $client:ident.$call:ident($($set:ident = $value:expr),*),)*) => {
        match $asked {
            // On the heap, one at a time: the futures of all arms together are more than a thread's stack holds.
            $($operation => {
                let sent = Box::pin($aws.$client().$call()$(.$set($value))*.send());
                Box::pin($aws.call($operation, sent)).await.map(drop)
            })*
            other => panic!("no table has {other}"),
        }
    };
}

pub(super) async fn call(aws: &Aws, operation: &str) -> Result<()> {
    if operation.starts_with("s3:") {
        return on_bucket(aws, operation).await;
    }
    if operation == "ecs:RunTask" {
        let ran = aws.call("ecs:RunTask", Box::pin(aws.ecs().run_task().send())).await?;
        return task_run::task_of(&ran).map(drop);
    }
    calls!(aws, operation,
        "acm:RequestCertificate" => acm.request_certificate(),
        "acm:DescribeCertificate" => acm.describe_certificate(),
        "acm:DeleteCertificate" => acm.delete_certificate(),
        "ec2:CreateVpc" => ec2.create_vpc(),
        "ec2:DeleteVpc" => ec2.delete_vpc(),
        "ec2:CreateSubnet" => ec2.create_subnet(),
        "ec2:DeleteSubnet" => ec2.delete_subnet(),
        "ec2:CreateInternetGateway" => ec2.create_internet_gateway(),
        "ec2:AttachInternetGateway" => ec2.attach_internet_gateway(),
        "ec2:DetachInternetGateway" => ec2.detach_internet_gateway(),
        "ec2:AllocateAddress" => ec2.allocate_address(),
        "ec2:ReleaseAddress" => ec2.release_address(),
        "ec2:CreateNatGateway" => ec2.create_nat_gateway(),
        "ec2:CreateRouteTable" => ec2.create_route_table(),
        "ec2:CreateRoute" => ec2.create_route(),
        "ec2:CreateSecurityGroup" => ec2.create_security_group(),
        "ec2:DeleteSecurityGroup" => ec2.delete_security_group(),
        "ec2:AuthorizeSecurityGroupIngress" => ec2.authorize_security_group_ingress(),
        "ec2:CreateVpcEndpoint" => ec2.create_vpc_endpoint(),
        "ec2:DescribeVpcs" => ec2.describe_vpcs(),
        "ecs:CreateCluster" => ecs.create_cluster(),
        "ecs:DeleteCluster" => ecs.delete_cluster(),
        "ecs:RegisterTaskDefinition" => ecs.register_task_definition(),
        "ecs:CreateService" => ecs.create_service(),
        "ecs:UpdateService" => ecs.update_service(),
        "ecs:DeleteService" => ecs.delete_service(),
        "elasticloadbalancing:CreateLoadBalancer" => elb.create_load_balancer(),
        "elasticloadbalancing:DeleteLoadBalancer" => elb.delete_load_balancer(),
        "elasticloadbalancing:CreateTargetGroup" => elb.create_target_group(),
        "elasticloadbalancing:DeleteTargetGroup" => elb.delete_target_group(),
        "elasticloadbalancing:CreateListener" => elb.create_listener(),
        "elasticloadbalancing:ModifyListener" => elb.modify_listener(),
        "iam:CreateRole" => iam.create_role(),
        "iam:DeleteRole" => iam.delete_role(),
        "iam:PutRolePolicy" => iam.put_role_policy(),
        "iam:AttachRolePolicy" => iam.attach_role_policy(),
        "iam:CreateServiceLinkedRole" => iam.create_service_linked_role(),
        "logs:CreateLogGroup" => logs.create_log_group(),
        "logs:DeleteLogGroup" => logs.delete_log_group(),
        "logs:PutRetentionPolicy" => logs.put_retention_policy(),
        "rds:CreateDBInstance" => rds.create_db_instance(),
        "rds:ModifyDBInstance" => rds.modify_db_instance(),
        "rds:DeleteDBInstance" => rds.delete_db_instance(),
        "rds:RestoreDBInstanceFromDBSnapshot" => rds.restore_db_instance_from_db_snapshot(),
        "rds:CreateDBSnapshot" => rds.create_db_snapshot(),
        "rds:CreateDBSubnetGroup" => rds.create_db_subnet_group(),
        "rds:ModifyDBSubnetGroup" => rds.modify_db_subnet_group(),
        "rds:DeleteDBSubnetGroup" => rds.delete_db_subnet_group(),
        "rds:CreateDBParameterGroup" => rds.create_db_parameter_group(),
        "rds:DeleteDBParameterGroup" => rds.delete_db_parameter_group(),
        "route53:ChangeResourceRecordSets" => route53.change_resource_record_sets(hosted_zone_id = "Z1"),
        "route53:ListHostedZonesByName" => route53.list_hosted_zones_by_name(),
        "secretsmanager:CreateSecret" => secrets.create_secret(),
        "secretsmanager:PutSecretValue" => secrets.put_secret_value(),
        "secretsmanager:GetSecretValue" => secrets.get_secret_value(),
        "secretsmanager:DeleteSecret" => secrets.delete_secret(),
        "servicequotas:GetServiceQuota" => quotas.get_service_quota(),
        "sts:GetCallerIdentity" => sts.get_caller_identity(),
    )
}

async fn on_bucket(aws: &Aws, operation: &str) -> Result<()> {
    let bucket = Bucket::of(aws, "mycompany-state", "eu-central-1")?;
    match operation {
        "s3:GetObject" => bucket.get("state.json").await.map(drop),
        "s3:PutObject" => bucket.put("state.json", vec![], Condition::Absent, HashMap::new()).await.map(drop),
        "s3:DeleteObject" => bucket.delete("state.json.lock", "e").await.map(drop),
        "s3:ListBucketVersions" => bucket.versions("state.json", 5).await.map(drop),
        other => panic!("no table has {other}"),
    }
}
