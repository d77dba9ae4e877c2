//! Row by row what AWS answers, and what the engine must make of it.

use super::*;
use Class::{Ambiguous, Busy, Credentials, Drain, Exists, NotFound, Propagation, Terminal, Throttle};
use std::time::Duration;

#[test]
fn every_answer_that_is_known_of_aws_has_the_class_that_the_engine_needs() {
    let cases = [
        // Throttling, in the words of every protocol.
        ("ec2:DescribeVpcs", "RequestLimitExceeded", "", Throttle),
        ("ecs:CreateService", "ThrottlingException", "Rate exceeded", Throttle),
        ("elasticloadbalancing:CreateListener", "Throttling", "Rate exceeded", Throttle),
        ("logs:CreateLogGroup", "TooManyRequestsException", "", Throttle),
        ("s3:PutObject", "SlowDown", "", Throttle),
        ("route53:ChangeResourceRecordSets", "PriorRequestNotComplete", "", Throttle),
        // VPC, subnets, gateways, addresses.
        ("ec2:CreateSubnet", "InvalidVpcID.NotFound", "", NotFound),
        ("ec2:DescribeSubnets", "InvalidSubnetID.NotFound", "", NotFound),
        ("ec2:DescribeSubnets", "InvalidSubnetId.NotFound", "", NotFound),
        ("ec2:CreateSubnet", "InvalidSubnet.Conflict", "", Exists),
        ("ec2:DeleteVpc", "DependencyViolation", "has dependencies and cannot be deleted", Drain),
        ("ec2:AttachInternetGateway", "InvalidInternetGatewayID.NotFound", "", NotFound),
        ("ec2:DescribeInternetGateways", "InvalidInternetGateway.NotFound", "", NotFound),
        ("ec2:AttachInternetGateway", "Resource.AlreadyAssociated", "", Exists),
        ("ec2:DetachInternetGateway", "DependencyViolation", "has some mapped public address(es)", Drain),
        ("ec2:DetachInternetGateway", "Gateway.NotAttached", "", NotFound),
        ("ec2:DescribeAddresses", "InvalidAllocationID.NotFound", "", NotFound),
        ("ec2:DescribeAddresses", "InvalidAddress.NotFound", "", NotFound),
        ("ec2:ReleaseAddress", "InvalidIPAddress.InUse", "", Drain),
        ("ec2:ReleaseAddress", "AuthFailure", "You do not have permission to access the specified resource.", Busy),
        ("ec2:ReleaseAddress", "UnauthorizedOperation", "", Terminal),
        ("ec2:AllocateAddress", "AddressLimitExceeded", "", Terminal),
        ("ec2:CreateVpc", "VpcLimitExceeded", "", Terminal),
        ("ec2:DescribeNatGateways", "NatGatewayNotFound", "", NotFound),
        ("ec2:CreateNatGateway", "IdempotentParameterMismatch", "", Exists),
        ("ec2:DeleteSubnet", "IncorrectState", "", Busy),
        // Routes and groups.
        ("ec2:CreateRoute", "InvalidParameterException", "", Propagation),
        ("ec2:CreateRoute", "InvalidParameterValue", "", Terminal),
        ("ec2:CreateRoute", "RouteAlreadyExists", "", Exists),
        ("ec2:DeleteRoute", "InvalidRoute.NotFound", "", NotFound),
        ("ec2:DisassociateRouteTable", "InvalidAssociationID.NotFound", "", NotFound),
        ("ec2:CreateSecurityGroup", "InvalidGroup.Duplicate", "", Exists),
        ("ec2:AuthorizeSecurityGroupIngress", "InvalidPermission.Duplicate", "", Exists),
        ("ec2:AuthorizeSecurityGroupIngress", "InvalidGroup.NotFound", "", NotFound),
        ("ec2:DescribeSecurityGroups", "InvalidSecurityGroupID.NotFound", "", NotFound),
        ("ec2:RevokeSecurityGroupEgress", "InvalidPermission.NotFound", "", NotFound),
        ("ec2:DeleteSecurityGroup", "InvalidGroup.InUse", "", Drain),
        // RDS: on the wire some codes end in `Fault` and some do not.
        ("rds:DescribeDBInstances", "DBInstanceNotFound", "", NotFound),
        ("rds:DescribeDBParameterGroups", "DBParameterGroupNotFound", "", NotFound),
        ("rds:DescribeDBSnapshots", "DBSnapshotNotFound", "", NotFound),
        ("rds:DescribeDBSubnetGroups", "DBSubnetGroupNotFoundFault", "", NotFound),
        ("rds:CreateDBInstance", "DBInstanceAlreadyExists", "", Exists),
        ("rds:CreateDBSubnetGroup", "DBSubnetGroupAlreadyExists", "", Exists),
        ("rds:CreateDBParameterGroup", "DBParameterGroupAlreadyExists", "", Exists),
        ("rds:DeleteDBInstance", "DBSnapshotAlreadyExists", "", Exists),
        ("rds:CreateDBSubnetGroup", "InvalidSubnet", "", Propagation),
        ("rds:CreateDBSubnetGroup", "DBSubnetGroupDoesNotCoverEnoughAZs", "", Terminal),
        ("rds:CreateDBInstance", "InvalidParameterValue", "IAM role ARN value is invalid or does not", Propagation),
        ("rds:CreateDBInstance", "InvalidParameterValue", "permission to create service linked role.", Propagation),
        ("rds:CreateDBInstance", "InvalidParameterValue", "Invalid DB engine", Terminal),
        ("rds:CreateDBInstance", "InsufficientDBInstanceCapacity", "", Terminal),
        ("rds:DeleteDBInstance", "InvalidParameterCombination", "disable deletion protection", Terminal),
        ("rds:DeleteDBInstance", "InvalidDBInstanceState", "a final snapshot cannot be taken", Busy),
        ("rds:DeleteDBSubnetGroup", "InvalidDBSubnetGroupStateFault", "", Drain),
        ("rds:DeleteDBParameterGroup", "InvalidDBParameterGroupState", "", Drain),
        // Secrets.
        ("secretsmanager:DescribeSecret", "ResourceNotFoundException", "", NotFound),
        ("secretsmanager:CreateSecret", "ResourceExistsException", "", Exists),
        ("secretsmanager:CreateSecret", "InvalidRequestException", "already scheduled for deletion.", Exists),
        ("secretsmanager:CreateSecret", "InvalidRequestException", "it was deleted.", Busy),
        // IAM.
        ("iam:GetRole", "NoSuchEntity", "", NotFound),
        ("iam:CreateRole", "EntityAlreadyExists", "", Exists),
        ("iam:CreateRole", "MalformedPolicyDocument", "Invalid principal in policy: AROA", Propagation),
        ("iam:CreateRole", "MalformedPolicyDocument", "Syntax errors in policy.", Terminal),
        ("iam:DeleteRole", "DeleteConflict", "", Drain),
        ("iam:PutRolePolicy", "ConcurrentModification", "", Busy),
        ("iam:DeleteRole", "EntityTemporarilyUnmodifiable", "", Busy),
        ("iam:CreateServiceLinkedRole", "InvalidInput", "has been taken in this account", Exists),
        ("iam:CreateRole", "LimitExceeded", "", Terminal),
        // Logs.
        ("logs:DescribeLogGroups", "ResourceNotFoundException", "", NotFound),
        ("logs:CreateLogGroup", "ResourceAlreadyExistsException", "", Exists),
        ("logs:DeleteLogGroup", "OperationAbortedException", "try again", Busy),
        ("logs:CreateLogGroup", "LimitExceededException", "", Terminal),
        // ECS.
        ("ecs:CreateCluster", "InvalidParameterException", "Unable to assume the service linked role.", Propagation),
        ("ecs:DeleteCluster", "ClusterContainsServicesException", "", Drain),
        ("ecs:DeleteCluster", "ClusterContainsTasksException", "", Drain),
        ("ecs:DeleteCluster", "UpdateInProgressException", "", Busy),
        ("ecs:RegisterTaskDefinition", "ClientException", "Role is not valid", Propagation),
        ("ecs:RegisterTaskDefinition", "ClientException", "Too many concurrent attempts to create", Busy),
        ("ecs:RegisterTaskDefinition", "ClientException", "No Fargate configuration exists", Terminal),
        ("ecs:DescribeTaskDefinition", "ClientException", "Unable to describe task definition.", NotFound),
        ("ecs:CreateService", "ClusterNotFoundException", "", NotFound),
        ("ecs:CreateService", "InvalidParameterException", "does not have an associated load balancer", Propagation),
        (
            "ecs:CreateService",
            "InvalidParameterException",
            "verify that the ECS service role being passed",
            Propagation,
        ),
        ("ecs:CreateService", "InvalidParameterException", "Creation of service was not idempotent.", Exists),
        ("ecs:CreateService", "InvalidParameterException", "a service that is still Draining.", Drain),
        ("ecs:CreateService", "InvalidParameterException", "something else", Terminal),
        ("ecs:DeleteService", "ServiceNotFoundException", "", NotFound),
        ("ecs:UpdateService", "ServiceNotActiveException", "", NotFound),
        (
            "ecs:DeleteService",
            "InvalidParameterException",
            "The service cannot be stopped while deployments are active.",
            Drain,
        ),
        // Load balancing.
        ("elasticloadbalancing:DescribeLoadBalancers", "LoadBalancerNotFound", "", NotFound),
        ("elasticloadbalancing:DescribeTargetGroups", "TargetGroupNotFound", "", NotFound),
        ("elasticloadbalancing:DescribeListeners", "ListenerNotFound", "", NotFound),
        ("elasticloadbalancing:CreateLoadBalancer", "DuplicateLoadBalancerName", "", Exists),
        ("elasticloadbalancing:CreateTargetGroup", "DuplicateTargetGroupName", "", Exists),
        ("elasticloadbalancing:CreateListener", "DuplicateListener", "", Exists),
        ("elasticloadbalancing:CreateListener", "CertificateNotFound", "", Propagation),
        ("elasticloadbalancing:CreateListener", "UnsupportedCertificate", "", Propagation),
        ("elasticloadbalancing:CreateListener", "SSLPolicyNotFound", "", Terminal),
        ("elasticloadbalancing:CreateListener", "TargetGroupAssociationLimit", "", Terminal),
        ("elasticloadbalancing:CreateLoadBalancer", "SubnetNotFound", "", Propagation),
        ("elasticloadbalancing:CreateLoadBalancer", "InvalidSubnet", "VPC has no internet gateway", Propagation),
        ("elasticloadbalancing:CreateLoadBalancer", "InvalidSubnet", "at least 8 free IP addresses", Terminal),
        ("elasticloadbalancing:CreateLoadBalancer", "InvalidSecurityGroup", "", Propagation),
        ("elasticloadbalancing:CreateLoadBalancer", "OperationNotPermitted", "", Terminal),
        ("elasticloadbalancing:DeleteTargetGroup", "ResourceInUse", "in use by a listener or a rule", Drain),
        // ACM, Route 53, autoscaling, alarms, buckets.
        ("acm:DescribeCertificate", "ResourceNotFoundException", "", NotFound),
        ("acm:DeleteCertificate", "ResourceInUseException", "", Drain),
        ("route53:GetHostedZone", "NoSuchHostedZone", "", NotFound),
        ("route53:ChangeResourceRecordSets", "InvalidChangeBatch", "but it already exists", Exists),
        ("route53:ChangeResourceRecordSets", "InvalidChangeBatch", "but it was not found", NotFound),
        ("route53:ChangeResourceRecordSets", "InvalidChangeBatch", "is not permitted in zone", Terminal),
        ("application-autoscaling:DeregisterScalableTarget", "ObjectNotFoundException", "", NotFound),
        ("application-autoscaling:PutScalingPolicy", "ConcurrentUpdateException", "", Busy),
        (
            "application-autoscaling:RegisterScalableTarget",
            "ValidationException",
            "ECS service doesn't exist: service/a/b",
            Propagation,
        ),
        (
            "application-autoscaling:RegisterScalableTarget",
            "ValidationException",
            "Unable to assume IAM role: x",
            Propagation,
        ),
        ("cloudwatch:DeleteAlarms", "ResourceNotFound", "", NotFound),
        ("s3:GetObject", "NoSuchKey", "", NotFound),
        ("s3:PutBucketPolicy", "NoSuchBucket", "", NotFound),
        ("s3:CreateBucket", "BucketAlreadyOwnedByYou", "", Exists),
        ("s3:CreateBucket", "BucketAlreadyExists", "", Exists),
        ("s3:CreateBucket", "OperationAborted", "A conflicting conditional operation", Busy),
        ("s3:PutObject", "ConditionalRequestConflict", "", Busy),
        ("s3:PutObject", "PreconditionFailed", "", Terminal),
        ("s3:DeleteBucket", "BucketNotEmpty", "", Drain),
        // Credentials, and what only looks like them.
        ("ec2:CreateVpc", "AuthFailure", "AWS was not able to validate the provided access credentials", Credentials),
        ("ec2:CreateVpc", "RequestExpired", "", Credentials),
        ("sts:GetCallerIdentity", "ExpiredToken", "", Credentials),
        ("ecs:CreateService", "ExpiredTokenException", "", Credentials),
        ("iam:GetRole", "InvalidClientTokenId", "", Credentials),
        ("ecs:CreateService", "UnrecognizedClientException", "", Credentials),
        ("iam:GetRole", "SignatureDoesNotMatch", "", Credentials),
        ("ecs:CreateService", "InvalidSignatureException", "", Credentials),
        ("s3:PutObject", "RequestTimeTooSkewed", "", Credentials),
        ("s3:PutObject", "InvalidAccessKeyId", "", Credentials),
        ("ecs:CreateService", "AccessDeniedException", "", Terminal),
        ("iam:CreateRole", "AccessDenied", "explicit deny in a service control policy", Terminal),
        ("ec2:CreateVpc", "OptInRequired", "", Terminal),
        // The service gave up on a request that it had begun to read.
        ("s3:PutObject", "RequestTimeout", "", Ambiguous),
    ];
    for (operation, code, message, class) in cases {
        assert_eq!(classify(operation, Some(code), message, Some(400)), class, "{operation} {code} {message}");
    }
}

#[test]
fn an_answer_without_a_known_code_is_judged_by_its_status() {
    let cases = [
        ("ec2:DescribeVpcs", 503, Throttle),
        ("ec2:DescribeVpcs", 429, Throttle),
        ("ec2:CreateVpc", 429, Throttle),
        ("ec2:DescribeVpcs", 500, Ambiguous),
        ("ec2:CreateVpc", 500, Ambiguous),
        ("ec2:CreateVpc", 502, Ambiguous),
        // Whoever answers so may stand in front of a service that has acted.
        ("ec2:CreateVpc", 503, Ambiguous),
        ("ec2:CreateVpc", 504, Ambiguous),
        ("ec2:CreateVpc", 400, Terminal),
        // An answer that cannot be understood.
        ("ec2:CreateVpc", 200, Ambiguous),
    ];
    for (operation, status, class) in cases {
        assert_eq!(classify(operation, None, "", Some(status)), class, "{operation} {status}");
    }
}

#[test]
fn every_class_has_its_budget_and_its_pace() {
    let minutes = |minutes: u64| Some(Duration::from_secs(minutes * 60));
    let cases = [
        (Throttle, minutes(30), (0.5, 20.0)),
        (Propagation, minutes(5), (1.0, 10.0)),
        (Drain, minutes(45), (5.0, 15.0)),
        (Busy, minutes(10), (1.0, 10.0)),
        (Ambiguous, minutes(5), (1.0, 10.0)),
        (Credentials, None, (1.0, 10.0)),
        (Terminal, None, (1.0, 10.0)),
        (NotFound, None, (1.0, 10.0)),
        (Exists, None, (1.0, 10.0)),
    ];
    for (class, budget, (first, longest)) in cases {
        assert_eq!(class.budget(), budget, "{class:?}");
        assert_eq!(class.pace(), (Duration::from_secs_f64(first), Duration::from_secs_f64(longest)), "{class:?}");
    }
}
