//! One table: (service, code, part of the message) to class. `aws.md` sections 1.25 and 1.26.
//!
//! Codes are wire codes, not Rust type names: query services drop the suffix `Exception`, and RDS drops `Fault` on some
//! codes but not on others. A row matches on the message only where the code alone is too wide.

use crate::resource::Class;

struct Row(&'static str, &'static str, &'static str, Class);

/// First match wins. An empty service or message part matches everything; `*` at the start or end of a code is a wildcard.
const TABLE: &[Row] = &[
    // --- throttling
    Row("", "Throttling*", "", Class::Throttle),
    Row("", "RequestLimitExceeded", "", Class::Throttle),
    Row("", "TooManyRequestsException", "", Class::Throttle),
    Row("", "SlowDown", "", Class::Throttle),
    Row("", "RequestThrottled*", "", Class::Throttle),
    Row("route53", "PriorRequestNotComplete", "", Class::Throttle),
    // --- credentials. An Elastic IP that a NAT gateway still holds is refused with AuthFailure, seconds after the gateway
    // reads `deleted`; a real permission problem there is UnauthorizedOperation.
    Row("ec2", "AuthFailure", "permission to access the specified resource", Class::Busy),
    Row("", "AuthFailure", "", Class::Credentials),
    Row("", "ExpiredToken*", "", Class::Credentials),
    Row("", "RequestExpired", "", Class::Credentials),
    Row("", "InvalidClientTokenId", "", Class::Credentials),
    Row("", "UnrecognizedClientException", "", Class::Credentials),
    Row("", "SignatureDoesNotMatch", "", Class::Credentials),
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
    Row("rds", "InvalidParameterValue", "IAM role ARN value is invalid", Class::Propagation),
    Row("rds", "InvalidSubnet", "", Class::Propagation),
    Row("rds", "*", "permission to create service linked role", Class::Propagation),
    Row("elasticloadbalancing", "CertificateNotFound", "", Class::Propagation),
    Row("elasticloadbalancing", "UnsupportedCertificate", "", Class::Propagation),
    Row("elasticloadbalancing", "InvalidSecurityGroup", "", Class::Propagation),
    Row("elasticloadbalancing", "InvalidSubnet", "no internet gateway", Class::Propagation),
    // --- drain: a delete waits for its users
    Row("", "DependencyViolation", "", Class::Drain),
    Row("", "ResourceInUse*", "", Class::Drain),
    Row("iam", "DeleteConflict", "", Class::Drain),
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
    Row("logs", "OperationAborted*", "", Class::Busy),
    Row("iam", "ConcurrentModification*", "", Class::Busy),
    Row("ecs", "UpdateInProgressException", "", Class::Busy),
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
    Row("rds", "*AlreadyExists*", "", Class::Exists),
    Row("elasticloadbalancing", "Duplicate*", "", Class::Exists),
    Row("iam", "EntityAlreadyExists", "", Class::Exists),
    Row("iam", "InvalidInput", "has been taken", Class::Exists),
    Row("secretsmanager", "ResourceExistsException", "", Class::Exists),
    Row("logs", "ResourceAlreadyExistsException", "", Class::Exists),
    Row("ecs", "InvalidParameterException", "not idempotent", Class::Exists),
    Row("route53", "InvalidChangeBatch", "already exists", Class::Exists),
];

/// The class of a service's answer. `service` is the IAM prefix (`ec2`, `elasticloadbalancing`, `secretsmanager`).
pub fn classify(service: &str, code: Option<&str>, message: &str, status: Option<u16>) -> Class {
    let matches = |row: &&Row| {
        (row.0.is_empty() || row.0 == service)
            && code.is_some_and(|code| matches_code(row.1, code))
            && (row.2.is_empty() || message.to_lowercase().contains(&row.2.to_lowercase()))
    };
    match TABLE.iter().find(matches) {
        Some(row) => row.3,
        None => match status {
            Some(429 | 503) => Class::Throttle,
            // The request may have been carried out before the answer was lost.
            Some(500..) => Class::Ambiguous,
            _ => Class::Terminal,
        },
    }
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
mod tests {
    use super::*;

    #[test]
    fn every_code_of_the_table_has_the_class_that_the_engine_needs() {
        let cases = [
            ("ec2", "InvalidVpcID.NotFound", "", Class::NotFound),
            ("ec2", "InvalidSubnetId.NotFound", "", Class::NotFound),
            ("rds", "DBInstanceNotFound", "", Class::NotFound),
            ("rds", "DBSubnetGroupNotFoundFault", "", Class::NotFound),
            ("ec2", "AuthFailure", "You do not have permission to access the specified resource", Class::Busy),
            ("sts", "AuthFailure", "", Class::Credentials),
            ("ec2", "UnauthorizedOperation", "", Class::Terminal),
            ("ec2", "AddressLimitExceeded", "", Class::Terminal),
            ("ec2", "DependencyViolation", "", Class::Drain),
            ("ecs", "InvalidParameterException", "Unable to Start a service that is still Draining.", Class::Drain),
            ("ecs", "InvalidParameterException", "Creation of service was not idempotent.", Class::Exists),
            ("ecs", "InvalidParameterException", "something else", Class::Terminal),
            ("elasticloadbalancing", "DuplicateLoadBalancerName", "", Class::Exists),
            ("elasticloadbalancing", "ResourceInUse", "", Class::Drain),
            ("elasticloadbalancing", "ListenerNotFound", "", Class::NotFound),
            ("elasticloadbalancing", "CertificateNotFound", "", Class::Propagation),
            ("elasticloadbalancing", "SubnetNotFound", "", Class::Propagation),
            ("elasticloadbalancing", "SSLPolicyNotFound", "", Class::Terminal),
            ("rds", "InvalidDBInstanceState", "", Class::Busy),
            (
                "rds",
                "InvalidParameterValue",
                "Verify that you have permission to create service linked role.",
                Class::Propagation,
            ),
            ("route53", "InvalidChangeBatch", "it already exists", Class::Exists),
        ];
        for (service, code, message, class) in cases {
            assert_eq!(classify(service, Some(code), message, Some(400)), class, "{service} {code} {message}");
        }
    }

    #[test]
    fn an_answer_without_a_known_code_is_judged_by_its_status() {
        assert_eq!(classify("ec2", None, "", Some(503)), Class::Throttle);
        assert_eq!(classify("ec2", None, "", Some(500)), Class::Ambiguous);
        assert_eq!(classify("ec2", None, "", Some(400)), Class::Terminal);
    }
}
