//! Everything that AWS answers and that a person can do something about, apart from permissions and quotas.
//!
//! A row is for the code as it comes over the wire. Rows of classes that are tried again are for the day when that did
//! not help: the engine shows hints when it gives up.

use super::Answer;
use crate::aws::classify::{Pattern, fits};
use crate::resource::Class;

struct Row(Pattern, &'static str);

const OUR_NAME: &str = "something else in this account has that name, and nothing of it was changed: choose another \
     `name`, or rename that object, then run the command again";

const CLASSES_OFFERED: &str = "choose another `database.instance_class`, one that the region offers for MySQL; all of \
     them with `aws rds describe-orderable-db-instance-options --engine mysql --query \
     'OrderableDBInstanceOptions[].DBInstanceClass' --output text`";

const VERSIONS_OFFERED: &str = "choose a `database.engine_version` that the region offers; all of them with \
     `aws rds describe-db-engine-versions --engine mysql --query 'DBEngineVersions[].EngineVersion' --output text`";

const CAPACITY: &str = "AWS has no room for this class in these zones just now: choose another \
     `database.instance_class`, add a zone to `network.zones`, or try again later";

const SUPPORT: &str = "AWS alone can lift that: open a case of the type \"account and billing\" at \
     https://console.aws.amazon.com/support/home, then run the command again";

const SIGN_UP: &str = "the account's sign-up for this service is not finished, or the region is not enabled: see to \
     it in the console; regions that are off are shown by `aws account list-regions --region-opt-status-contains DISABLED`";

const KEY: &str = "the encryption key cannot be used: it has to be enabled, and its policy must let the caller use \
     it; its state is told by `aws kms describe-key --key-id KEY`";

/// First match wins.
const TABLE: &[Row] = &[
    // --- the account
    Row(("", "OptInRequired", ""), SIGN_UP),
    Row(("", "SubscriptionRequiredException", ""), SIGN_UP),
    Row(
        ("", "PendingVerification", ""),
        "AWS still checks the account, for at most four hours: then run the command again",
    ),
    Row(("", "Blocked*", ""), SUPPORT),
    Row(("elasticloadbalancing", "OperationNotPermitted", "support"), SUPPORT),
    Row(("", "KMS*", ""), KEY),
    Row(("", "*", "KMS key"), KEY),
    Row(("secretsmanager", "EncryptionFailure", ""), KEY),
    Row(("secretsmanager", "DecryptionFailure", ""), KEY),
    Row(
        ("", "*", "tag policy"),
        "the organization's tag policy refuses one of the tags: give it in `tags` a value that the policy allows",
    ),
    Row(("", "TagPolicy*", ""), "give every key in `tags` a value that the organization's tag policy allows"),
    Row(("", "*", "'aws:'"), "take keys that begin with `aws:` out of `tags`"),
    Row(("", "TagLimitExceeded", ""), "AWS allows 50 tags on an object: take some out of `tags`"),
    Row(("", "TooManyTags*", ""), "AWS allows 50 tags on an object: take some out of `tags`"),
    Row(
        ("sts", "RegionDisabledException", ""),
        "activate the region for STS in the IAM console, under account settings",
    ),
    Row(
        ("", "IdempotentParameterMismatch*", ""),
        "an earlier run asked for it with other values: see what differs with `hybridctl diff`",
    ),
    // --- EC2
    Row(
        ("ec2", "AuthFailure", "permission to access the specified resource"),
        "a NAT gateway that is being deleted may still hold the address; who has it is told by `aws ec2 describe-addresses`",
    ),
    Row(
        ("ec2", "InvalidSubnet.Conflict", ""),
        "another subnet of the VPC has addresses of that range: choose another `network.cidr`, or delete that subnet; \
         all of them with `aws ec2 describe-subnets --query 'Subnets[].[VpcId,SubnetId,CidrBlock]' --output text`",
    ),
    Row(("ec2", "InvalidVpc.Range", ""), "set `network.cidr` to a range of /16 to /24, for example 10.0.0.0/16"),
    Row(("ec2", "InvalidSubnet.Range", ""), "the subnets have to lie within the VPC: correct `network.cidr`"),
    Row(("ec2", "*", "availability zone"), "set `network.zones` to zones that the message names, or to their number"),
    Row(("ec2", "*", "CIDR"), "correct `ingress.allow_cidrs` or `network.cidr`: AWS wants a range like 10.0.0.0/16"),
    Row(
        ("ec2", "InsufficientFreeAddressesInSubnet", ""),
        "free addresses in the subnet, or choose a larger `network.cidr`",
    ),
    Row(
        ("ec2", "InsufficientAddressCapacity", ""),
        "AWS has no public address left in the region just now: try again later with `hybridctl up`",
    ),
    Row(
        ("ec2", "InvalidServiceName", ""),
        "the region has no such endpoint; those that it has: `aws ec2 describe-vpc-endpoint-services --query ServiceNames`",
    ),
    Row(
        ("ec2", "Resource.AlreadyAssociated", ""),
        "somebody else changes this network: see what differs with `hybridctl diff`",
    ),
    Row(
        ("ec2", "RouteAlreadyExists", ""),
        "somebody else changes this network: see what differs with `hybridctl diff`",
    ),
    Row(
        ("ec2", "DependencyViolation", "public address"),
        "something in the VPC still has a public address: `aws ec2 describe-network-interfaces --query \
         'NetworkInterfaces[?Association].[NetworkInterfaceId,VpcId,Description]' --output text`",
    ),
    Row(
        ("ec2", "DependencyViolation", ""),
        "something still uses it, and has to go first: `aws ec2 describe-network-interfaces --query \
         'NetworkInterfaces[].[NetworkInterfaceId,VpcId,SubnetId,Description]' --output text`",
    ),
    // --- RDS
    Row(("rds", "InsufficientDBInstanceCapacity", ""), CAPACITY),
    Row(("rds", "InsufficientStorageClusterCapacity", ""), CAPACITY),
    Row(
        ("rds", "DBSubnetGroupDoesNotCoverEnoughAZs", ""),
        "a database needs subnets in two zones: add a zone to `network.zones`, then continue with `hybridctl up`",
    ),
    Row(
        ("rds", "SubnetAlreadyInUse", ""),
        "a database stands in that subnet and cannot be moved out of it: keep the zones of `network.zones` as they were",
    ),
    Row(("rds", "*", "Cannot find version"), VERSIONS_OFFERED),
    Row(
        ("rds", "*", "Cannot upgrade"),
        "RDS goes to newer versions only, and not to each: set `database.engine_version` to what runs now, or to a \
         target of `aws rds describe-db-engine-versions --engine mysql --query \
         'DBEngineVersions[].[EngineVersion,ValidUpgradeTarget[].EngineVersion]'`",
    ),
    Row(("rds", "*", "DBInstanceClass"), CLASSES_OFFERED),
    Row(("rds", "*", "Invalid DB Instance class"), CLASSES_OFFERED),
    Row(("rds", "*", "storage is being optimized"), STORAGE_COOLDOWN),
    Row(("rds", "*", "previous storage change"), STORAGE_COOLDOWN),
    Row(("rds", "*", "storage size"), "correct `database.storage_gib`: it can only grow, by a tenth or more at a time"),
    Row(
        ("rds", "*", "MasterUsername"),
        "choose another `database.username`: letters and digits, no word that MySQL reserves",
    ),
    Row(("rds", "*", "DBName"), "choose another `database.name`: letters, digits and underscores, a letter first"),
    Row(("rds", "InvalidParameterCombination", "disable deletion protection"), PROTECTED),
    Row(
        ("rds", "InvalidVPCNetworkState*", ""),
        "the subnets of the database have no free address, or were changed: see what differs with `hybridctl diff`",
    ),
    Row(
        ("rds", "DBSnapshotNotFound", ""),
        "set `database.restore_from` to a snapshot of this region: `aws rds describe-db-snapshots --query \
         'DBSnapshots[].[DBSnapshotIdentifier,Status]' --output text`",
    ),
    Row(("rds", "InvalidRestore*", ""), "set `database.restore_from` to a snapshot of a MySQL instance"),
    Row(("rds", "*", "service linked role"), SERVICE_ROLE_RDS),
    Row(("rds", "InvalidSubnet", ""), "somebody may have deleted a subnet: see what is missing with `hybridctl diff`"),
    Row(
        ("rds", "InvalidDBInstanceState*", ""),
        "what RDS is busy with is told by `aws rds describe-events --duration 120`",
    ),
    Row(
        ("rds", "InvalidDBSubnetGroupState*", ""),
        "another database uses the group: it has to go, or to another group, first",
    ),
    Row(
        ("rds", "InvalidDBParameterGroupState*", ""),
        "another database uses the group: it has to go, or to another group, first",
    ),
    // --- load balancing
    Row(("elasticloadbalancing", "OperationNotPermitted", "deletion protection"), PROTECTED),
    Row(
        ("elasticloadbalancing", "InvalidSubnet", "internet gateway"),
        "a public load balancer needs a VPC with an internet gateway: attach one to `network.existing.vpc_id`, or set \
         `ingress.scheme = \"internal\"`; for a VPC of hybridctl, see what is missing with `hybridctl diff`",
    ),
    Row(
        ("elasticloadbalancing", "InvalidSubnet", "free IP"),
        "a load balancer needs eight free addresses in each of its subnets: free some, or choose other subnets or a \
         larger `network.cidr`",
    ),
    Row(
        ("elasticloadbalancing", "InvalidSubnet", ""),
        "correct the subnets: two zones, one subnet in each (`network.zones`)",
    ),
    Row(
        ("elasticloadbalancing", "*", "Availability Zone"),
        "a load balancer needs one subnet in each of two zones or more: \
         correct `network.zones` or `network.existing.public_subnet_ids`",
    ),
    Row(
        ("elasticloadbalancing", "UnsupportedCertificate", ""),
        "a load balancer takes a certificate that is issued, with a full domain name and a key of RSA 2048 to 4096 or \
         P-256 to P-521 bits: `aws acm describe-certificate --certificate-arn ARN --query \
         'Certificate.[Status,KeyAlgorithm,DomainName]'`",
    ),
    Row(
        ("elasticloadbalancing", "CertificateNotFound", ""),
        "the certificate has to be in the region of the deployment: those that are there, for \
         `ingress.certificate_arn`, with `aws acm list-certificates --query 'CertificateSummaryList[].[CertificateArn,DomainName]' --output text`",
    ),
    Row(
        ("elasticloadbalancing", "SSLPolicyNotFound", ""),
        "the region does not know this TLS policy, and hybridctl tried its older one: those that it knows: \
         `aws elbv2 describe-ssl-policies --query 'SslPolicies[].Name'`",
    ),
    Row(
        ("elasticloadbalancing", "TargetGroupAssociationLimit", ""),
        "the target group serves another load balancer, and can serve only one: find that listener, and delete it or \
         give it another target group: `aws elbv2 describe-target-groups --query \
         'TargetGroups[].[TargetGroupName,LoadBalancerArns]'`",
    ),
    Row(
        ("elasticloadbalancing", "DuplicateListener", ""),
        "somebody else made a listener on this load balancer: delete it, then continue with `hybridctl up`",
    ),
    Row(
        ("elasticloadbalancing", "SubnetNotFound", ""),
        "somebody may have deleted a subnet: see what is missing with `hybridctl diff`",
    ),
    Row(
        ("elasticloadbalancing", "InvalidSecurityGroup", ""),
        "somebody may have deleted a security group: see what is missing with `hybridctl diff`",
    ),
    Row(
        ("elasticloadbalancing", "ResourceInUse", ""),
        "a listener or a rule that is not of this deployment may use it; on which load balancer is told by \
         `aws elbv2 describe-target-groups --query 'TargetGroups[].[TargetGroupName,LoadBalancerArns]'`",
    ),
    // --- ECS
    Row(("ecs", "*", "service linked role"), SERVICE_ROLE_ECS),
    Row(
        ("ecs", "*", "Fargate configuration"),
        "Fargate has no task of this size: set `service.cpu` and `service.memory` to a pair that it knows, for example 512 and 1024",
    ),
    Row(("ecs", "*", "environment variables"), "take the variable that the message names out of `zenml.environment`"),
    Row(
        ("ecs", "*", "ARN and resource ID format"),
        "the account still uses ECS's short names: `aws ecs put-account-setting-default --name serviceLongArnFormat \
         --value enabled`",
    ),
    Row(
        ("ecs", "*", "still Draining"),
        "the old service of that name ends first, within minutes: then run `hybridctl up`",
    ),
    Row(
        ("ecs", "*", "associated load balancer"),
        "the target group is on no listener: see what is missing with `hybridctl diff`",
    ),
    Row(
        ("ecs", "ClusterContains*", ""),
        "something that is not of this deployment runs in the cluster: stop it, or keep the cluster; all of it with \
         `aws ecs list-services --cluster CLUSTER`",
    ),
    Row(
        ("ecs", "Platform*", ""),
        "the region's Fargate does not have what the task needs: choose another `region`, or report it with the request id",
    ),
    Row(
        ("ecs", "*", "apacity is unavailable"),
        "Fargate has no room in these zones just now: add a zone to `network.zones`, or try again later",
    ),
    // --- IAM
    Row(
        ("iam", "MalformedPolicyDocument", "Invalid principal"),
        "what the policy names was deleted: `hybridctl diff` shows it",
    ),
    Row(
        ("iam", "NoSuchEntity", "attachable"),
        "the partition or the account has no such managed policy: set `service.execution_policy` to `exact`",
    ),
    Row(
        ("iam", "DeleteConflict", ""),
        "somebody else gave the role a policy or a profile: take it off, then run the command again",
    ),
    Row(("iam", "UnmodifiableEntity", ""), "only AWS changes this role: give the deployment another `name`"),
    // --- Secrets Manager
    Row(
        ("secretsmanager", "InvalidRequestException", "scheduled for deletion"),
        "a secret of that name waits for its deletion: choose another `name`, or, if nobody needs it any more, free \
         this one with `aws secretsmanager delete-secret --force-delete-without-recovery --secret-id NAME`",
    ),
    Row(
        ("secretsmanager", "InvalidRequestException", "marked for deletion"),
        "it can be had back until its deletion: `aws secretsmanager restore-secret --secret-id NAME`",
    ),
    Row(
        ("secretsmanager", "ResourceNotFoundException", ""),
        "a secret is not there, or has no value; those of the region: `aws secretsmanager list-secrets --query \
         'SecretList[].[Name,DeletedDate]' --include-planned-deletion`",
    ),
    // --- names and their certificates
    Row(
        ("route53", "NoSuchHostedZone", ""),
        "set `ingress.dns.route53_zone` to a zone of this account: `aws route53 list-hosted-zones --query 'HostedZones[].Name'`",
    ),
    Row(
        ("route53", "InvalidChangeBatch", "not permitted in zone"),
        "the host of `zenml.server_url` has to lie within `ingress.dns.route53_zone`",
    ),
    Row(
        ("route53", "InvalidChangeBatch", "conflicts with other records"),
        "the name has a record of another type: delete it, or choose another host in `zenml.server_url`",
    ),
    Row(
        ("route53", "InvalidChangeBatch", "already exists"),
        "the record is not of this deployment, and was not changed: delete it, or choose another host in `zenml.server_url`",
    ),
    Row(
        ("route53", "InvalidChangeBatch", "do not match the current values"),
        "somebody else changed the record in this moment: run the command again",
    ),
    Row(
        ("acm", "*DomainValidation*", ""),
        "set `ingress.certificate_arn` to a certificate that exists, or correct the host in `zenml.server_url`",
    ),
    Row(
        ("acm", "ResourceInUse*", ""),
        "a listener still uses the certificate: `aws acm describe-certificate --certificate-arn ARN --query Certificate.InUseBy`",
    ),
    // --- S3, where the state may be
    Row(("s3", "InvalidBucketName", ""), "correct `state.bucket`"),
    Row(("s3", "NoSuchBucket", ""), "make the bucket, or correct `state.bucket`"),
    Row(("s3", "PermanentRedirect", ""), OTHER_REGION),
    Row(("s3", "AuthorizationHeaderMalformed", ""), OTHER_REGION),
    Row(("s3", "IllegalLocationConstraintException", ""), OTHER_REGION),
    Row(
        ("s3", "MethodNotAllowed", ""),
        "what is at this address is no bucket of S3: correct the endpoint and `state.bucket`",
    ),
    // --- Service Quotas
    Row(("servicequotas", "NoSuchResourceException", ""), "the region has no such quota: nothing has to be done"),
];

const STORAGE_COOLDOWN: &str = "storage can be changed again about six hours after the last change: keep the old \
     `database.storage_gib` until then, or run the same command again later";

const OTHER_REGION: &str = "the bucket is in another region than the deployment: set `state.region`";

const PROTECTED: &str =
    "add `--disable-protection` to the command: the protection is then lifted as a step of the plan";

const SERVICE_ROLE_RDS: &str = "the account lacks RDS's own role: `aws iam create-service-linked-role \
     --aws-service-name rds.amazonaws.com`";

const SERVICE_ROLE_ECS: &str = "the account lacks ECS's own role, or it was made a moment ago: `aws iam \
     create-service-linked-role --aws-service-name ecs.amazonaws.com`";

pub(super) fn hints(answer: &Answer<'_>) -> Vec<String> {
    let is = |row: &&Row| fits(row.0, answer.service(), answer.code, answer.message);
    let hint = match (TABLE.iter().find(is), answer.class) {
        (Some(row), _) => row.1,
        (None, Class::NotFound) => "it was deleted, or never made: see what is missing with `hybridctl diff`",
        (None, Class::Exists) => OUR_NAME,
        (None, _) => return vec![],
    };
    vec![hint.to_owned()]
}
