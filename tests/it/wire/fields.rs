//! What is managed is seen: every field of every kind, changed behind our back, shows in `diff`, and `up` repairs it.
//!
//! `fields.py` holds the changes. A kind or a field that is new must get an entry there, or a reason here why it has none.

use crate::support::cli::Rehearsal;
use hybridctl::resource::Effect;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// (address, field)
type Rows = BTreeSet<(String, String)>;

const CHANGES: &str = include_str!("fields.py");

/// A name or another part of the key: an object with another value is another object, and ours is gone.
const KEY: &str = "it is (part of) the identity; AWS has no call that changes it";
/// Given to the create call for good.
const FOR_GOOD: &str = "AWS has no call that changes it";

/// Fields that nobody can change without deleting the object.
const CANNOT_BE_CHANGED: &[(&str, &[&str], &str)] = &[
    ("acm.certificate", &["domain_name", "validation"], FOR_GOOD),
    ("ec2.default_security_group", &["vpc_id"], FOR_GOOD),
    ("ec2.internet_gateway_attachment", &["internet_gateway_id", "vpc_id"], KEY),
    ("ec2.nat_gateway", &["subnet_id", "allocation_id"], FOR_GOOD),
    ("ec2.route", &["route_table_id", "destination_cidr_block"], KEY),
    ("ec2.route_table", &["vpc_id"], FOR_GOOD),
    ("ec2.route_table_association", &["subnet_id"], KEY),
    ("ec2.security_group", &["vpc_id", "name_prefix", "description"], FOR_GOOD),
    ("ec2.security_group_rule", &["security_group_id", "direction"], FOR_GOOD),
    ("ec2.subnet", &["vpc_id", "cidr_block", "availability_zone"], FOR_GOOD),
    ("ec2.vpc", &["cidr_block"], "only further ranges can be associated"),
    ("ec2.vpc_endpoint", &["vpc_id", "service_name"], FOR_GOOD),
    ("ecs.cluster", &["name"], KEY),
    ("ecs.service", &["name", "cluster_arn"], KEY),
    (
        "ecs.task_definition",
        &["family", "cpu_units", "memory_mib", "execution_role_arn", "task_role_arn"],
        "a revision never changes; that the service runs another one is a field of the service",
    ),
    (
        "ecs.task_run",
        &["noted_on_cluster"],
        "the record of a task that has ended is believed; the note is read only where there is none",
    ),
    ("elb.listener", &["load_balancer_arn"], FOR_GOOD),
    ("elb.load_balancer", &["name_prefix", "scheme"], FOR_GOOD),
    ("elb.target_group", &["name_prefix", "vpc_id", "port", "protocol", "target_type"], FOR_GOOD),
    ("iam.policy_attachment", &["role_name", "policy_arn"], KEY),
    ("iam.role", &["name"], KEY),
    ("iam.role_policy", &["role_name", "policy_name"], KEY),
    ("iam.service_linked_role", &["service"], KEY),
    ("logs.log_group", &["name"], KEY),
    ("rds.instance", &["identifier"], "a renamed database is gone from its name: the plan stops and says so"),
    ("rds.instance", &["engine", "storage_encrypted", "db_name", "username"], FOR_GOOD),
    ("rds.instance", &["engine_version"], "goes up only, within a series by itself: then it is left alone"),
    ("rds.instance", &["storage_gib"], "grows only, also by itself: then it is left alone"),
    (
        "rds.instance",
        &["subnet_group_name"],
        "only to a group in another VPC, which needs another database subnet group",
    ),
    ("rds.parameter_group", &["name_prefix", "family", "description"], FOR_GOOD),
    ("rds.snapshot", &["snapshot_identifier"], KEY),
    ("rds.subnet_group", &["name"], KEY),
    ("route53.record", &["zone_id", "name", "record_type"], KEY),
    ("ecs.service", &["rollout_failed"], "it comes about by itself: wire/undone.rs"),
    ("rds.instance", &["stopped"], "nothing else can be changed meanwhile: wire/undone.rs"),
    ("route53.record", &["marker"], "a record beside it: resources/route53.rs"),
    ("secrets.database_url", &["name"], KEY),
    ("secrets.generated", &["name"], KEY),
    ("secrets.given", &["name"], KEY),
];

/// Fields that no template gives a value, so that they are not ours to manage; the test checks that.
const NOT_WANTED: &[(&str, &[&str])] =
    &[("rds.instance", &["kms_key_id", "availability_zone", "ca_certificate", "performance_insights"])];

/// Kinds without a change of tags, and why.
const WITHOUT_TAGS: &[(&str, &str)] = &[
    ("acm.certificate", NOT_READ),
    ("ec2.internet_gateway_attachment", NO_TAGS),
    ("ec2.route", NO_TAGS),
    ("ec2.route_table_association", NO_TAGS),
    ("ecs.task_run", "a task that has ended"),
    ("iam.policy_attachment", NO_TAGS),
    ("iam.role_policy", NO_TAGS),
    ("iam.service_linked_role", "the account's, not ours"),
    ("logs.log_group", NOT_READ),
    ("rds.parameter_group", NOT_READ),
    ("rds.snapshot", "kept, and not desired any more"),
    ("rds.subnet_group", NOT_READ),
    ("route53.record", NO_TAGS),
];
const NO_TAGS: &str = "AWS keeps none";
const NOT_READ: &str = "another request for each object in every plan; the record is compared instead";

fn rows(value: &Value) -> Rows {
    let pair = |pair: &Value| (pair[0].as_str().unwrap().to_owned(), pair[1].as_str().unwrap().to_owned());
    value.as_array().unwrap().iter().map(pair).collect()
}

fn kind_of(address: &str) -> &str {
    address.split_once('/').unwrap().0
}

struct Meddler {
    rehearsal: Rehearsal,
}

impl Meddler {
    fn python(&self, what: &str) -> Value {
        let state = self.rehearsal.project().join(".hybridctl/zenml-hybrid.sandbox/state.json");
        self.rehearsal.boto(CHANGES, &[state.to_str().unwrap(), what])
    }

    /// Every field of every kind is changed somewhere, or has a reason why not.
    fn check_the_tables(&self) {
        let batches = self.python("table");
        let changed: Rows = batches.as_object().unwrap().values().flat_map(rows).collect();
        let changed: BTreeSet<_> = changed.iter().map(|(address, field)| (kind_of(address), field.as_str())).collect();
        let mut excused: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for (kind, fields, _) in CANNOT_BE_CHANGED {
            fields.iter().for_each(|field| *excused.entry((kind, field)).or_default() += 1);
        }
        for (kind, fields) in NOT_WANTED {
            fields.iter().for_each(|field| *excused.entry((kind, field)).or_default() += 1);
        }
        WITHOUT_TAGS.iter().for_each(|(kind, _)| *excused.entry((kind, "tags")).or_default() += 1);
        let mut readable = BTreeSet::new();
        for kind in hybridctl::aws::kinds().iter() {
            let fields = kind.fields().iter().filter(|field| !field.unread && field.effect != Effect::CreateOnly);
            readable.extend(fields.map(|field| (kind.name(), field.name)));
            readable.insert((kind.name(), "tags"));
        }
        for row in &readable {
            let times = usize::from(changed.contains(row)) + excused.get(row).copied().unwrap_or_default();
            assert_eq!(times, 1, "{row:?} must be changed in fields.py, or be in one of the tables here, and not both");
        }
        let known: Vec<_> = changed.iter().chain(excused.keys()).filter(|row| !readable.contains(*row)).collect();
        assert!(known.is_empty(), "these are no readable fields: {known:?}");
        let state = self.rehearsal.state();
        for (kind, fields) in NOT_WANTED {
            for (address, recorded) in state["resources"].as_object().unwrap() {
                let unwanted = |field: &str| recorded["inputs"][field].is_null();
                assert!(kind_of(address) != *kind || fields.iter().all(|field| unwanted(field)), "{recorded:#}");
            }
        }
    }

    /// Everything of a batch is changed; `diff` shows exactly that; `up` repairs it.
    fn meddle(&self, batch: &str) {
        let done = self.python(batch);
        assert_eq!(done["trouble"], serde_json::json!([]), "batch {batch}: AWS refuses a change");
        let told = self.rehearsal.run(&["diff", "--exit-code", "--format", "json"]).expect(6);
        let differences = told.json()["differences"].as_array().unwrap().clone();
        let seen: Rows = differences
            .iter()
            .map(|row| (row["address"].as_str().unwrap().to_owned(), row["field"].as_str().unwrap().to_owned()))
            .collect();
        let expected = rows(&done["expected"]);
        let missing: Vec<_> = expected.difference(&seen).collect();
        let extra: Vec<_> = seen.difference(&expected).collect();
        assert!(missing.is_empty() && extra.is_empty(), "batch {batch}: not seen {missing:#?}, unexplained {extra:#?}");
        for row in &differences {
            assert_eq!(row["kind"], "drift", "batch {batch}: {row:#}");
        }
        let up = self.rehearsal.run(&["up", "--yes"]).expect(0);
        let left = self.rehearsal.diff();
        assert_eq!((left.code, left.stdout.as_str()), (0, "no differences\n"), "{}\n{}", left.text(), up.text());
    }
}

#[test]
fn every_field_that_somebody_changes_is_seen_and_repaired() {
    let mut rehearsal = Rehearsal::new();
    rehearsal.variables.push(("ZENML_SERVER_PRO_OAUTH2_CLIENT_SECRET".into(), "an-enrollment-key".into()));
    // So that a certificate and its proof are part of it, and every kind has a tag of the config's.
    let config = std::fs::read_to_string(rehearsal.config()).unwrap();
    let lines = config.lines().map(|line| match line.starts_with("certificate_arn") {
        true => "certificate = \"request\"",
        false => line,
    });
    let config = lines.collect::<Vec<_>>().join("\n") + "\n[tags]\nteam = \"ml\"\n";
    std::fs::write(rehearsal.config(), config).unwrap();
    rehearsal.up().expect(0);
    let meddler = Meddler { rehearsal };
    meddler.check_the_tables();
    for batch in ["1", "2"] {
        meddler.meddle(batch);
    }
    changed_tags_are_a_change_on_every_kind(&meddler.rehearsal);
}

/// Also where they are not read: then the record says what they were.
fn changed_tags_are_a_change_on_every_kind(rehearsal: &Rehearsal) {
    rehearsal.edit("team = \"ml\"", "team = \"data\"");
    let told = rehearsal.run(&["diff", "--exit-code", "--format", "json"]).expect(2).json();
    let differences = told["differences"].as_array().unwrap();
    assert!(differences.iter().all(|row| row["field"] == "tags" && row["kind"] == "pending"), "{told:#}");
    let seen: BTreeSet<&str> = differences.iter().map(|row| kind_of(row["address"].as_str().unwrap())).collect();
    let without = |kind: &str| WITHOUT_TAGS.iter().any(|(name, why)| *name == kind && *why != NOT_READ);
    let tagged =
        hybridctl::aws::kinds().iter().map(hybridctl::resource::Kind::name).filter(|kind| !without(kind)).collect();
    assert_eq!(seen, tagged);
    rehearsal.run(&["up", "--yes"]).expect(0);
    rehearsal.diff().expect(0);
    let old = rehearsal.boto(STILL_OLD, &[]);
    assert_eq!(old, serde_json::json!([]), "these have the old tag");
}

/// Whatever is ours and running has the new value.
const STILL_OLD: &str = r#"
pages = client("resourcegroupstaggingapi").get_paginator("get_resources").paginate(TagFilters=[{"Key": "team"}])
found = [one for page in pages for one in page["ResourceTagMappingList"]]
# Tasks and snapshots have the tags of the moment they were made.
found = [one for one in found if ":task/" not in one["ResourceARN"] and ":snapshot:" not in one["ResourceARN"]]
tags = [{tag["Key"]: tag["Value"] for tag in one["Tags"]} for one in found]
assert len(tags) > 30, tags
out([tag["hybridctl:address"] for tag in tags if tag["team"] != "data" and "hybridctl:address" in tag])
"#;
