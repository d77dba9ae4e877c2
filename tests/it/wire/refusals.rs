//! What AWS refuses for a while, and what it refuses for good.

use super::world::{counts, quickstart, world};
use crate::support::cli::Rehearsal;
use crate::support::proxy::{Faults, always, error, first, nth, refusal};

const DESTROY: [&str; 5] = ["destroy", "--yes", "--confirm", "zenml-hybrid", "--disable-protection"];

/// Operation, how often, code, message, HTTP status.
type Refused = (&'static str, u64, &'static str, &'static str, u16);

/// What is not visible everywhere at once, or busy.
const WHILE_MAKING: &[Refused] = &[
    ("ec2:CreateSubnet", 2, "InvalidVpcID.NotFound", "", 400),
    ("ec2:ModifyVpcAttribute", 2, "InvalidVpcID.NotFound", "", 400),
    ("elasticloadbalancing:ModifyLoadBalancerAttributes", 2, "LoadBalancerNotFound", "", 400),
    ("ec2:AttachInternetGateway", 2, "InvalidInternetGatewayID.NotFound", "", 400),
    ("ec2:CreateRoute", 2, "InvalidParameterException", "", 400),
    ("rds:CreateDBSubnetGroup", 2, "InvalidSubnet", "", 400),
    ("rds:CreateDBInstance", 5, "InvalidParameterValue", "IAM role ARN value is invalid or does not include", 400),
    ("ecs:CreateCluster", 3, "InvalidParameterException", "Unable to assume the service linked role.", 400),
    ("ecs:RegisterTaskDefinition", 2, "ClientException", "Role is not valid", 400),
    ("ecs:CreateService", 3, "InvalidParameterException", "does not have an associated load balancer.", 400),
    ("elasticloadbalancing:CreateListener", 6, "CertificateNotFound", "", 400),
    ("logs:CreateLogGroup", 2, "OperationAbortedException", "try again", 400),
    ("route53:ChangeResourceRecordSets", 2, "PriorRequestNotComplete", "", 400),
];

/// What somebody still uses.
const WHILE_DELETING: &[Refused] = &[
    ("elasticloadbalancing:DeleteTargetGroup", 4, "ResourceInUse", "is currently in use by a listener or a rule", 400),
    ("ec2:DetachInternetGateway", 3, "DependencyViolation", "has some mapped public address(es)", 400),
    ("ec2:ReleaseAddress", 3, "AuthFailure", "You do not have permission to access the specified resource.", 400),
    ("ec2:DeleteSecurityGroup", 2, "DependencyViolation", "has a dependent object", 400),
    ("rds:DeleteDBSubnetGroup", 2, "InvalidDBSubnetGroupStateFault", "", 400),
    ("rds:DeleteDBParameterGroup", 2, "InvalidDBParameterGroupState", "", 400),
    ("iam:DeleteRole", 2, "DeleteConflict", "", 409),
    ("ecs:DeleteCluster", 2, "ClusterContainsTasksException", "", 400),
    ("logs:DeleteLogGroup", 2, "OperationAbortedException", "", 400),
];

fn faults(refused: &[Refused]) -> Faults {
    refused.iter().fold(Faults::none(), |faults, (operation, times, code, message, status)| {
        faults.on(operation, first(*times), refusal(code, message, *status))
    })
}

#[test]
fn what_is_refused_for_a_while_is_tried_again_until_it_is_not() {
    let mut rehearsal = Rehearsal::new();
    // After the others: a certificate that ACM has not issued, and a predecessor of the same name on its way out.
    let draining = refusal("InvalidParameterException", "Unable to Start a service that is still Draining.", 400);
    let unissued = refusal("UnsupportedCertificate", "The certificate must be issued.", 400);
    let later = faults(WHILE_MAKING).on("ecs:CreateService", nth(4), draining).on(
        "elasticloadbalancing:CreateListener",
        nth(7),
        unissued,
    );
    // What only explains a wait may be forbidden altogether.
    let later = later.on("rds:DescribeEvents", always(), refusal("AccessDenied", "", 403));
    let proxy = rehearsal.disturbed(later);
    let up = rehearsal.up().expect(0);
    assert_eq!(counts(&world(&rehearsal)), quickstart(&[]), "{}", up.text());
    proxy.disturb(faults(WHILE_DELETING));
    let destroy = rehearsal.run(&DESTROY).expect(0);
    let log = proxy.take_log();
    assert!(log.count("ecs:CreateService") > 4 && log.effects("ecs:CreateService") == 1, "{}", log.text());
    assert!(log.count("elasticloadbalancing:CreateListener") > 7, "{}", log.text());
    assert!(log.count("rds:DescribeEvents") > 0, "{}", log.text());
    for (operation, times, ..) in WHILE_MAKING.iter().chain(WHILE_DELETING) {
        assert!(log.count(operation) as u64 > *times, "{operation} was not tried again\n{}", log.text());
    }
    let left = counts(&world(&rehearsal));
    let left: Vec<_> = left.iter().filter(|(_, number)| **number > 0).map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(left, ["role", "secret", "snapshot"], "{}", destroy.text());
}

/// Its name has a part that comes from the record, so a plan cannot look for it; AWS says that somebody has it.
#[test]
fn a_load_balancer_of_somebody_else_with_our_name_is_told_and_not_taken() {
    let mut rehearsal = Rehearsal::new();
    let taken = refusal("DuplicateLoadBalancerName", "A load balancer with the same name exists.", 400);
    let proxy = rehearsal.disturbed(Faults::none().on("elasticloadbalancing:CreateLoadBalancer", always(), taken));
    let up = rehearsal.up().expect(1);
    for said in ["could not create elb.load_balancer/main", "DuplicateLoadBalancerName", "zenml-hybrid-alb-"] {
        assert!(up.stderr.contains(said), "`{said}` is not said\n{}", up.text());
    }
    assert_eq!(proxy.take_log().effects("elasticloadbalancing:CreateLoadBalancer"), 0);
    proxy.disturb(Faults::none());
    rehearsal.up().expect(0);
    assert_eq!(counts(&world(&rehearsal)), quickstart(&[]));
}

#[test]
fn what_is_refused_for_good_is_called_once_and_the_rest_is_finished() {
    let mut rehearsal = Rehearsal::new();
    let full = Faults::none().on("rds:CreateDBInstance", always(), error("InsufficientDBInstanceCapacity", 400)).on(
        "ec2:AllocateAddress",
        always(),
        error("AddressLimitExceeded", 400),
    );
    let proxy = rehearsal.disturbed(full);
    let up = rehearsal.up().expect(1);
    for said in ["error[HC2014]: could not create ec2.elastic_ip", "error[HC2015]: could not create rds.instance/main"]
    {
        assert!(up.stderr.contains(said), "`{said}` is not said\n{}", up.text());
    }
    let log = proxy.take_log();
    let calls = (log.count("rds:CreateDBInstance"), log.count("ec2:AllocateAddress"));
    assert_eq!(calls, (1, 1), "{}", log.text());
    let made = counts(&world(&rehearsal));
    assert_eq!((made["load_balancer"], made["listener"], made["service"]), (1, 2, 0), "{made:?}");
    proxy.disturb(Faults::none());
    rehearsal.up().expect(0);
    assert_eq!(counts(&world(&rehearsal)), quickstart(&[]));
}
