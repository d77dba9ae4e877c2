//! One table: (service, code, part of the message) to class. `aws.md` sections 1.25 and 1.26.
//!
//! Codes are wire codes, not Rust type names: query services drop the suffix `Exception`, and RDS drops `Fault` on some
//! codes but not on others. A row matches on the message only where the code alone is too wide. How long and how fast each
//! class is tried again stands at [`Class::budget`] and [`Class::pace`].

use super::pacing::is_read;
use crate::resource::Class;

struct Row(&'static str, &'static str, &'static str, Class);

/// Service, code, part of the message. An empty service or message part matches everything, whatever its case; `*` at the
/// start or end of a code is a wildcard.
pub(super) type Pattern = (&'static str, &'static str, &'static str);

/// First match wins.
const TABLE: &[Row] = &[
    // --- throttling
    Row("", "Throttling*", "", Class::Throttle),
    Row("", "RequestLimitExceeded", "", Class::Throttle),
    Row("", "TooManyRequestsException", "", Class::Throttle),
    Row("", "SlowDown", "", Class::Throttle),
    Row("", "RequestThrottled*", "", Class::Throttle),
    Row("", "EC2ThrottledException", "", Class::Throttle),
    Row("", "BandwidthLimitExceeded", "", Class::Throttle),
    Row("", "TransactionInProgressException", "", Class::Throttle),
    Row("route53", "PriorRequestNotComplete", "", Class::Throttle),
    // --- ambiguous: the service gave up on a request that it had begun to read
    Row("", "RequestTimeout*", "", Class::Ambiguous),
    Row("", "IDPCommunicationError", "", Class::Ambiguous),
    // --- credentials. An Elastic IP that a NAT gateway still holds is refused with AuthFailure, seconds after the gateway
    // reads `deleted`; a real permission problem there is UnauthorizedOperation.
    Row("ec2", "AuthFailure", "permission to access the specified resource", Class::Busy),
    Row("", "AuthFailure", "", Class::Credentials),
    Row("", "ExpiredToken*", "", Class::Credentials),
    Row("", "RequestExpired", "", Class::Credentials),
    Row("", "InvalidClientTokenId", "", Class::Credentials),
    Row("", "UnrecognizedClientException", "", Class::Credentials),
    Row("", "InvalidAccessKeyId", "", Class::Credentials),
    Row("", "InvalidToken", "", Class::Credentials),
    Row("", "TokenRefreshRequired", "", Class::Credentials),
    Row("", "MissingAuthenticationToken*", "", Class::Credentials),
    Row("", "IncompleteSignature*", "", Class::Credentials),
    Row("", "SignatureDoesNotMatch", "", Class::Credentials),
    Row("", "InvalidSignatureException", "", Class::Credentials),
    Row("", "RequestTimeTooSkewed", "", Class::Credentials),
    // --- not found
    Row("ec2", "InvalidGroup.NotFound", "", Class::NotFound),
    Row("ec2", "*.NotFound", "", Class::NotFound),
    Row("ec2", "NatGatewayNotFound", "", Class::NotFound),
    Row("ec2", "Gateway.NotAttached", "", Class::NotFound),
    Row("rds", "*NotFound", "", Class::NotFound),
    Row("rds", "*NotFoundFault", "", Class::NotFound),
    Row("ecs", "ClusterNotFoundException", "", Class::NotFound),
    Row("ecs", "ServiceNotFoundException", "", Class::NotFound),
    Row("ecs", "ServiceNotActiveException", "", Class::NotFound),
    Row("ecs", "ClientException", "Unable to describe task definition", Class::NotFound),
    Row("ecs", "InvalidParameterException", "referenced task was not found", Class::NotFound),
    // Something that the call names, not the object itself.
    Row("elasticloadbalancing", "CertificateNotFound", "", Class::Propagation),
    Row("elasticloadbalancing", "SubnetNotFound", "", Class::Propagation),
    Row("elasticloadbalancing", "SSLPolicyNotFound", "", Class::Terminal),
    Row("elasticloadbalancing", "*NotFound", "", Class::NotFound),
    Row("iam", "NoSuchEntity", "", Class::NotFound),
    Row("secretsmanager", "ResourceNotFoundException", "", Class::NotFound),
    Row("logs", "ResourceNotFoundException", "", Class::NotFound),
    Row("acm", "ResourceNotFoundException", "", Class::NotFound),
    Row("application-autoscaling", "ObjectNotFoundException", "", Class::NotFound),
    Row("cloudwatch", "ResourceNotFound*", "", Class::NotFound),
    Row("s3", "NoSuchBucket", "", Class::NotFound),
    Row("s3", "NoSuchKey", "", Class::NotFound),
    Row("route53", "NoSuchHostedZone", "", Class::NotFound),
    Row("route53", "InvalidChangeBatch", "not found", Class::NotFound),
    // --- propagation: something that exists is not visible everywhere yet
    Row("", "MalformedPolicyDocument", "Invalid principal in policy", Class::Propagation),
    // CreateRoute right after its table or target was made; EC2 says InvalidParameterValue for what is really wrong.
    Row("ec2", "InvalidParameterException", "", Class::Propagation),
    Row("ecs", "InvalidParameterException", "Unable to assume the service linked role", Class::Propagation),
    Row("ecs", "InvalidParameterException", "does not have an associated load balancer", Class::Propagation),
    Row("ecs", "InvalidParameterException", "verify that the ECS service role being passed", Class::Propagation),
    Row("ecs", "ClientException", "unable to assume", Class::Propagation),
    Row("ecs", "ClientException", "Role is not valid", Class::Propagation),
    Row("application-autoscaling", "ValidationException", "Unable to assume IAM role", Class::Propagation),
    Row("application-autoscaling", "ValidationException", "ECS service doesn't exist", Class::Propagation),
    Row("rds", "InvalidParameterValue", "IAM role ARN value is invalid", Class::Propagation),
    Row("rds", "InvalidSubnet", "", Class::Propagation),
    Row("rds", "*", "permission to create service linked role", Class::Propagation),
    Row("elasticloadbalancing", "UnsupportedCertificate", "", Class::Propagation),
    Row("elasticloadbalancing", "InvalidSecurityGroup", "", Class::Propagation),
    // A subnet that is too full stays so; one that is new, or whose gateway is, does not.
    Row("elasticloadbalancing", "InvalidSubnet", "free IP", Class::Terminal),
    Row("elasticloadbalancing", "InvalidSubnet", "", Class::Propagation),
    // --- drain: a delete waits for its users
    Row("", "DependencyViolation", "", Class::Drain),
    Row("", "ResourceInUse*", "", Class::Drain),
    Row("iam", "DeleteConflict", "", Class::Drain),
    Row("s3", "BucketNotEmpty", "", Class::Drain),
    Row("ec2", "InvalidGroup.InUse", "", Class::Drain),
    Row("ec2", "InvalidIPAddress.InUse", "", Class::Drain),
    Row("rds", "InvalidDBSubnetGroupState*", "", Class::Drain),
    Row("rds", "InvalidDBParameterGroupState*", "", Class::Drain),
    Row("ecs", "ClusterContains*", "", Class::Drain),
    Row("ecs", "InvalidParameterException", "still Draining", Class::Drain),
    Row("ecs", "InvalidParameterException", "cannot be stopped while deployments are active", Class::Drain),
    // --- busy with another change
    Row("rds", "InvalidDBInstanceState*", "", Class::Busy),
    Row("rds", "InvalidDBSnapshotState*", "", Class::Busy),
    Row("", "OperationAborted*", "", Class::Busy),
    Row("", "ConcurrentModification*", "", Class::Busy),
    Row("", "ConcurrentUpdate*", "", Class::Busy),
    Row("", "UpdateInProgress*", "", Class::Busy),
    Row("iam", "EntityTemporarilyUnmodifiable", "", Class::Busy),
    Row("s3", "ConditionalRequestConflict", "", Class::Busy),
    Row("ecs", "ClientException", "Too many concurrent attempts", Class::Busy),
    Row("ec2", "IncorrectState", "", Class::Busy),
    // A name that was force-deleted seconds ago; inside a recovery window `find` restores it instead.
    Row("secretsmanager", "InvalidRequestException", "scheduled for deletion", Class::Exists),
    Row("secretsmanager", "InvalidRequestException", "was deleted", Class::Busy),
    // --- the name or key is taken
    Row("ec2", "*.Duplicate", "", Class::Exists),
    Row("ec2", "RouteAlreadyExists", "", Class::Exists),
    Row("ec2", "InvalidSubnet.Conflict", "", Class::Exists),
    Row("ec2", "Resource.AlreadyAssociated", "", Class::Exists),
    // The token was used with other parameters: something of ours is there, to be found by its tags.
    Row("", "IdempotentParameterMismatch*", "", Class::Exists),
    Row("s3", "BucketAlreadyOwnedByYou", "", Class::Exists),
    Row("s3", "BucketAlreadyExists", "", Class::Exists),
    Row("rds", "*AlreadyExists*", "", Class::Exists),
    Row("elasticloadbalancing", "Duplicate*", "", Class::Exists),
    Row("iam", "EntityAlreadyExists", "", Class::Exists),
    Row("iam", "InvalidInput", "has been taken", Class::Exists),
    Row("secretsmanager", "ResourceExistsException", "", Class::Exists),
    Row("logs", "ResourceAlreadyExistsException", "", Class::Exists),
    Row("ecs", "InvalidParameterException", "not idempotent", Class::Exists),
    Row("route53", "InvalidChangeBatch", "already exists", Class::Exists),
];

/// The class of a service's answer to an operation as IAM spells it (`ec2:CreateVpc`).
pub fn classify(operation: &str, code: Option<&str>, message: &str, status: Option<u16>) -> Class {
    let service = operation.split(':').next().unwrap_or_default();
    match TABLE.iter().find(|row| fits((row.0, row.1, row.2), service, code, message)) {
        Some(row) => row.3,
        None => match status {
            Some(429) => Class::Throttle,
            Some(503) if is_read(operation) => Class::Throttle,
            // The request may have been carried out before the answer was lost or garbled.
            Some(200..300 | 500..) => Class::Ambiguous,
            _ => Class::Terminal,
        },
    }
}

/// True if an answer of this service is of this pattern.
pub(super) fn fits(pattern: Pattern, service: &str, code: Option<&str>, message: &str) -> bool {
    (pattern.0.is_empty() || pattern.0 == service)
        && code.is_some_and(|code| matches_code(pattern.1, code))
        && (pattern.2.is_empty() || message.to_lowercase().contains(&pattern.2.to_lowercase()))
}

fn matches_code(pattern: &str, code: &str) -> bool {
    let inner = pattern.trim_matches('*');
    match (pattern.starts_with('*'), pattern.ends_with('*')) {
        (true, true) => code.contains(inner),
        (true, false) => code.ends_with(inner),
        (false, true) => code.starts_with(inner),
        (false, false) => code == pattern,
    }
}

#[cfg(test)]
mod tests;
