//! Each check of the preflight, broken by exactly its condition: exit code 4, nothing changed, and no other check fails.
//!
//! A check that is new needs rows here, one for each way to break it, or a test elsewhere with the reason for it ([`ELSEWHERE`]).

use crate::support::cli::{Output, Rehearsal};
use crate::support::proxy::{Fault, Faults, always, error, field};
use hybridctl::aws::ask::quotas::QUOTAS;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// Takes something away from the account, or gives it back with `null`.
const SET: &str = r#"
import urllib.request
request = urllib.request.Request(os.environ["ENDPOINT"] + "/sandbox/conditions", data=argv[0].encode(), method="POST")
out(json.load(urllib.request.urlopen(request)))
"#;

pub(super) fn set(rehearsal: &Rehearsal, conditions: &Value) {
    rehearsal.boto(SET, &[&conditions.to_string()]);
}

/// `up` ends with 4, before it asks and before it changes anything, for these reasons and no others.
#[track_caller]
pub(super) fn refused(rehearsal: &Rehearsal, ids: &[&str], words: &[&str]) -> Output {
    refused_without(rehearsal, &[], ids, words)
}

#[track_caller]
fn refused_without(rehearsal: &Rehearsal, skipping: &[&str], ids: &[&str], words: &[&str]) -> Output {
    let mut arguments = vec!["up", "--yes", "-vv"];
    arguments.extend(skipping.iter().flat_map(|id| ["--skip", id]));
    let up = rehearsal.run(&arguments).expect(4);
    assert_eq!(up.mutations(), [""; 0], "{}", up.text());
    assert_eq!(failed(&up.stderr), ids, "{}", up.text());
    says(&up, words);
    says(&up, &["nothing was changed", "--skip ID"]);
    up
}

/// The checks that the text tells as failed.
fn failed(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.strip_prefix("FAIL ")?.split(' ').next()).collect()
}

#[track_caller]
fn says(output: &Output, words: &[&str]) {
    for word in words {
        let said = output.stderr.contains(word) || output.stdout.contains(word);
        assert!(said, "`{word}` is missing\n{}", output.text());
    }
}

/// What breaks a check.
enum Break {
    /// Conditions of the sandbox.
    Account(Value),
    /// Another answer of AWS: operation and what happens to it.
    Answer(&'static str, Fault),
    /// A name that somebody else has: boto3 takes it, and gives it back. Then there is not even a plan.
    Name(&'static str, &'static str),
}

/// A check, what breaks it, which others that would break with it are left out, and what is told: value, limit, remedy.
struct Row {
    id: String,
    breaks: Break,
    skipping: &'static [&'static str],
    told: Vec<String>,
}

fn row(id: &str, breaks: Break, told: &[&str]) -> Row {
    Row { id: id.to_owned(), breaks, skipping: &[], told: told.iter().map(|word| (*word).to_owned()).collect() }
}

fn account(id: &str, conditions: Value, told: &[&str]) -> Row {
    row(id, Break::Account(conditions), told)
}

fn table() -> Vec<Row> {
    let mut rows = rights_and_region();
    rows.extend(room());
    rows.extend(database_and_certificate());
    rows.extend(names());
    let private = Break::Answer("route53:GetHostedZone", field("PrivateZone", "true"));
    rows.push(row(
        "PF-HOSTED-ZONE",
        private,
        &["is private: nobody outside its VPCs would find the server", "`ingress.scheme = \"internal\"`"],
    ));
    rows
}

fn rights_and_region() -> Vec<Row> {
    let without_permissions = |row: Row| Row { skipping: &["PF-PERMISSIONS"], ..row };
    vec![
        account(
            "PF-PERMISSIONS",
            json!({ "denied": ["rds:CreateDBInstance"] }),
            &["1 of ", "rds:CreateDBInstance", "\"Effect\": \"Allow\"", "arn:aws:iam::123456789012:user/moto"],
        ),
        without_permissions(account(
            "PF-DRY-RUN",
            json!({ "denied": ["ec2:AllocateAddress"] }),
            &["EC2 would refuse ec2:AllocateAddress", "have it allowed"],
        )),
        without_permissions(account(
            "PF-SERVICE-ROLES",
            json!({ "denied": ["iam:CreateServiceLinkedRole"] }),
            &["may not make them", "aws iam create-service-linked-role --aws-service-name rds.amazonaws.com"],
        )),
        account(
            "PF-REGION",
            json!({ "region": "not-opted-in" }),
            &["has not enabled the region", "aws account enable-region --region-name eu-central-1"],
        ),
        account(
            "PF-CLOCK",
            json!({ "clock_ahead": 420 }),
            &["seconds behind AWS's, which refuses more than 300", "timedatectl"],
        ),
    ]
}

/// Each quota alone, used up; of two the numbers are told in full.
fn room() -> Vec<Row> {
    let used_up = QUOTAS.iter().map(|quota| {
        let limit = if quota.id == "VCPU" { 0.25 } else { 0.0 };
        let told = [
            format!("{limit} allowed (quota {})", quota.code),
            format!("--service-code {} --quota-code {} --desired-value ", quota.service, quota.code),
            match quota.id {
                "VCPU" => "vCPUs of Fargate tasks: 0 in use and 0.5 wanted".to_owned(),
                "VPCS" => "VPCs: 1 in use and 1 wanted".to_owned(),
                "NAT" => "NAT gateways in one zone of eu-central-1a: 0 in use and 1 wanted".to_owned(),
                _ => quota.counted.to_owned(),
            },
        ];
        let conditions = json!({ "quotas": { quota.code: limit } });
        let id = format!("PF-QUOTA-{}", quota.id);
        Row { id, breaks: Break::Account(conditions), skipping: &[], told: told.to_vec() }
    });
    used_up.collect()
}

fn database_and_certificate() -> Vec<Row> {
    vec![
        account(
            "PF-DB-VERSION",
            json!({ "versions": ["8.0.43"] }),
            &["no MySQL 8.4 in eu-central-1", "`database.engine_version` to one of 8.0.43"],
        ),
        account(
            "PF-DB-CLASS",
            json!({ "offers": { "zones": ["eu-central-1c"] } }),
            &[
                "in 0 of the zones eu-central-1a, eu-central-1b, and 1 are needed",
                "`network.zones` to zones among eu-central-1c",
            ],
        ),
        account(
            "PF-CERTIFICATE",
            json!({ "certificate": { "Status": "EXPIRED" } }),
            &["the certificate is EXPIRED", "ingress.certificate_arn"],
        ),
        account(
            "PF-CERTIFICATE",
            json!({ "certificate": { "Status": "PENDING_VALIDATION" } }),
            &["the certificate waits for its validation", "create the CNAME record", "aws acm describe-certificate"],
        ),
        account(
            "PF-CERTIFICATE",
            json!({ "certificate": { "Status": "FAILED", "FailureReason": "CAA_ERROR" } }),
            &["the certificate is FAILED (CAA_ERROR)", "certificate = \"request\""],
        ),
        row(
            "PF-CERTIFICATE",
            Break::Answer("acm:DescribeCertificate", error("ResourceNotFoundException", 400)),
            &["this account has no such certificate in eu-central-1", "ingress.certificate_arn"],
        ),
        account(
            "PF-CERTIFICATE-HOST",
            json!({ "certificate": { "SubjectAlternativeNames": ["other.mycompany.com"] } }),
            &["for other.mycompany.com, not for zenml.mycompany.com", "correct `zenml.server_url`"],
        ),
        account(
            "PF-CERTIFICATE-LIFE",
            json!({ "certificate": { "NotAfter": 1_700_000_000 } }),
            &["expired on 2023-11-14", "aws acm describe-certificate"],
        ),
        account(
            "PF-CERTIFICATE-KEY",
            json!({ "certificate": { "KeyAlgorithm": "RSA_1024" } }),
            &["no RSA_1024 keys, only RSA_2048", "certificate = \"request\""],
        ),
    ]
}

fn names() -> Vec<Row> {
    vec![
        row(
            "PF-NAMES",
            Break::Name(
                "client('iam').create_role(RoleName='zenml-hybrid-eu-central-1-task', AssumeRolePolicyDocument='{\"Version\": \"2012-10-17\", \"Statement\": []}')",
                "client('iam').delete_role(RoleName='zenml-hybrid-eu-central-1-task')",
            ),
            &["zenml-hybrid-eu-central-1-task", "choose another `name` (at most 20 characters)"],
        ),
        row(
            "PF-SECRETS",
            Break::Name(
                "sm = client('secretsmanager')\nsm.create_secret(Name='zenml/rds/password', SecretString='x')\n\
                 sm.delete_secret(SecretId='zenml/rds/password', RecoveryWindowInDays=7)",
                "sm = client('secretsmanager')\nsm.restore_secret(SecretId='zenml/rds/password')\n\
                 sm.delete_secret(SecretId='zenml/rds/password', ForceDeleteWithoutRecovery=True)",
            ),
            &["zenml/rds/password", "recovery window", "`[secrets.names]`"],
        ),
    ]
}

/// Checks that are broken by a test of their own: file, name of the test, and why there.
const ELSEWHERE: &[(&str, &str, &str, &str)] = &[
    (
        "PF-CALLER",
        "tests/it/wire/credentials.rs",
        "refused_credentials_are_asked_for_anew_once_and_another_account_is_left_alone",
        "the account is compared before anything is read, with exit code 7; the check itself by canned facts",
    ),
    (
        "PF-ZONES",
        "tests/it/wire/preflight.rs",
        "zones_and_a_hosted_zone_that_a_deployment_was_begun_with_are_looked_at_again",
        "zones of a deployment that has begun; before that there is no plan, in the test above it",
    ),
    ("PF-CIDR", "tests/it/wire/preflight.rs", "what_is_worth_a_thought_is_told_and_stops_nothing", "only warns"),
    (
        "PF-DB-ZONE",
        "tests/it/wire/waiting.rs",
        "a_zone_can_be_taken_away_again_once_the_database_is_out_of_it",
        "an existing database, in the third of three zones",
    ),
    ("PF-DB-SUPPORT", "tests/it/wire/preflight.rs", "what_is_worth_a_thought_is_told_and_stops_nothing", "only warns"),
    (
        "PF-DELEGATION",
        "tests/it/wire/preflight.rs",
        DNS,
        "by records in a zone whose name servers are not known before",
    ),
    ("PF-CAA", "tests/it/wire/preflight.rs", DNS, "only for a certificate that is requested"),
    ("PF-RECORD", "tests/it/wire/preflight.rs", DNS, "a record in a zone whose id is not known before"),
    (
        "PF-IMAGE-GRANT",
        "tests/it/wire/preflight.rs",
        "an_up_without_the_image_grant_makes_everything_else_prints_the_request_and_goes_on_later",
        "never fails: unknown before the first pull, a warning after one that was refused",
    ),
    (
        "PF-VERSION",
        "tests/it/wire/upgrade.rs",
        "a_lower_version_is_refused",
        "the config is refused before there is a plan, with exit code 3; the check itself by canned facts",
    ),
    (
        "PF-CONTROL-PLANE",
        "tests/it/wire/control_plane.rs",
        "each_answer_and_each_silence_of_the_control_plane_is_told_with_its_remedy",
        "never fails: only the tasks can tell; and the command asks none in the sandbox",
    ),
    (
        "PF-STATE",
        "tests/it/wire/preflight.rs",
        "a_bucket_for_the_state_that_is_unfit_or_gone_is_found_before_anything_is_made",
        "another place of the state",
    ),
];
const DNS: &str = "a_domain_that_leads_elsewhere_and_a_record_of_somebody_else_are_found_in_dns";

#[test]
fn each_check_is_broken_by_a_row_or_by_a_test_of_its_own() {
    let mut tests: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in table() {
        tests.insert(row.id, vec!["rows".to_owned()]);
    }
    for (id, file, test, _) in ELSEWHERE {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
        assert!(text.contains(&format!("fn {test}(")), "{id}: {file} has no test {test}");
        tests.entry((*id).to_owned()).or_default().push((*test).to_owned());
    }
    for check in hybridctl::preflight::CHECKS {
        let shown = tests.remove(check.id).unwrap_or_default();
        assert_eq!(shown.len(), 1, "{} must have a row or a test elsewhere, and not both: {shown:?}", check.id);
    }
    assert!(tests.is_empty(), "these are no checks: {tests:?}");
}

#[test]
fn an_up_that_would_fail_is_refused_with_value_limit_and_remedy_before_anything_is_made() {
    let mut rehearsal = Rehearsal::new();
    let proxy = rehearsal.disturbed(Faults::none());
    for Row { id, breaks, skipping, told } in table() {
        let told: Vec<&str> = told.iter().map(String::as_str).collect();
        match breaks {
            Break::Account(conditions) => {
                set(&rehearsal, &conditions);
                refused_without(&rehearsal, skipping, &[&id], &told);
                let names = conditions.as_object().unwrap().keys();
                set(&rehearsal, &names.map(|name| (name.clone(), Value::Null)).collect());
            }
            Break::Answer(operation, fault) => {
                proxy.disturb(Faults::none().on(operation, always(), fault));
                refused_without(&rehearsal, skipping, &[&id], &told);
                proxy.disturb(Faults::none());
            }
            Break::Name(taken, given_back) => {
                rehearsal.boto(taken, &[]);
                let found = rehearsal.run(&["preflight", "-vv"]).expect(4);
                assert_eq!((failed(&found.stdout), found.mutations()), (vec![id.as_str()], vec![]), "{}", found.text());
                says(&found, &told);
                let up = rehearsal.run(&["up", "--yes", "-vv"]).expect(4);
                assert_eq!(up.mutations(), [""; 0], "{}", up.text());
                says(&up, &[told[0], "or remove the other object", "nothing was changed"]);
                rehearsal.boto(given_back, &[]);
            }
        }
    }
    assert_eq!(rehearsal.run(&["preflight", "--format", "json"]).expect(0).json()["passed"], true);
    assert!(!rehearsal.project().join(".hybridctl/zenml-hybrid.sandbox/state.json").exists());
}
