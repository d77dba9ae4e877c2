//! From nothing to a verified deployment and back, as its user sees it.

use super::scripts::{CHANGE_SIX, FOREIGN, INVENTORY, LEAKS, UNTAG};
use super::world::signal;
use crate::support::cli::{Output, Rehearsal, wait};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// What P10 allows.
const MOST_CALLS: usize = 45;
/// For what settles by itself in a sandbox of short steps.
const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn up_deploys_from_nothing_and_a_second_up_changes_nothing() {
    let rehearsal = Rehearsal::new();
    let first = rehearsal.run(&["up", "--yes", "-vv"]).expect(0);
    assert!(first.stdout.contains("https://zenml.mycompany.com"), "{}", first.text());
    assert!(first.stdout.contains("arn:aws:iam::123456789012:role/zenml-hybrid-eu-central-1-execution"));
    assert!(first.mutations().len() > 50, "the count of changing calls does not work: {:?}", first.mutations());
    let resources = rehearsal.state()["resources"].as_object().unwrap().clone();
    for address in resources.keys() {
        let row = first.stderr.lines().find(|line| line.trim_start().starts_with(&format!("{address} ")));
        let timed = row.is_some_and(|row| row.split_whitespace().nth(1).is_some_and(|took| took.ends_with('s')));
        assert!(timed, "no time for {address}\n{}", first.stderr);
    }

    let before = rehearsal.boto(INVENTORY, &[]);
    let second = rehearsal.run(&["up", "--yes", "-vv"]).expect(0);
    assert!(second.stderr.contains("no changes"), "{}", second.text());
    assert!(second.operations().len() > 30, "the count of calls does not work: {}", second.text());
    assert_eq!(second.mutations(), [""; 0]);
    assert_eq!(rehearsal.boto(INVENTORY, &[]), before);
    let diff = rehearsal.diff().expect(0);
    assert!(diff.stdout.contains("no differences"), "{}", diff.text());
    let status = rehearsal.run(&["status"]).expect(0);
    let ready = format!("{0} of {0} ready", resources.len());
    for told in [&ready, "completed, 1 of 1 tasks running", "1 of 1 healthy", "version      0.98.0", "last change  20"]
    {
        assert!(status.stdout.contains(told), "{told}\n{}", status.text());
    }
    assert!(status.stdout.lines().count() < 24, "it is no single screen\n{}", status.text());

    let plan = rehearsal.run(&["plan", "-vv", "--detailed-exitcode"]).expect(0);
    let calls = plan.operations();
    println!("a no-op plan makes {} calls: {calls:?}", calls.len());
    assert!((20..=MOST_CALLS).contains(&calls.len()), "{calls:#?}");
    assert!(!calls.iter().any(|call| call.contains("GetSecretValue")), "{calls:#?}");
}

#[test]
fn diff_names_what_six_hands_changed_and_up_repairs_only_that() {
    let rehearsal = Rehearsal::new();
    rehearsal.up().expect(0);
    let before = rehearsal.boto(INVENTORY, &[]);
    let foreign = rehearsal.boto(&format!("{FOREIGN}\n{CHANGE_SIX}"), &[])["foreign"].as_str().unwrap().to_owned();

    let text = rehearsal.diff().expect(6);
    let diff = rehearsal.run(&["diff", "--exit-code", "--format", "json"]).expect(6).json();
    let rows = diff["differences"].as_array().unwrap();
    let named: BTreeSet<String> = rows
        .iter()
        .map(|row| {
            assert_eq!(row["kind"], "drift", "{row}");
            format!("{} {}", row["address"].as_str().unwrap(), row["field"].as_str().unwrap())
        })
        .collect();
    let expected = [
        "ec2.security_group/alb unknown_rules",
        // One change, a port, which AWS keeps as a range.
        "ec2.security_group_rule/rds-from-ecs from_port",
        "ec2.security_group_rule/rds-from-ecs to_port",
        "ecs.service/server desired_count",
        "ecs.service/server task_definition_arn",
        "elb.target_group/main health_check",
        "logs.log_group/ecs retention_days",
    ];
    assert_eq!(named, expected.map(str::to_owned).into(), "{}", text.text());
    let revision = rows.iter().find(|row| row["field"] == "task_definition_arn").unwrap();
    let inside = revision["inside"].as_array().unwrap();
    let one = inside.len() == 1 && inside[0].as_str().unwrap().contains("ZENML_SERVER_PRO_WORKSPACE_NAME");
    assert!(one && inside[0].as_str().unwrap().contains("somebody-else"), "{inside:#?}");
    assert!(
        text.stdout.contains("inside:") && text.stdout.contains("ZENML_SERVER_PRO_WORKSPACE_NAME"),
        "{}",
        text.text()
    );
    for word in ["tcp 22-22", "interval_secs", "from_port", "3307", "desired_count", "retention_days"] {
        assert!(text.stdout.contains(word), "{word}\n{}", text.text());
    }

    let repair = rehearsal.run(&["up", "--yes", "-vv"]).expect(0);
    let mut mutations = repair.mutations();
    mutations.sort();
    let expected = [
        "ec2:ModifySecurityGroupRules",
        "ec2:RevokeSecurityGroupIngress",
        "ecs:UpdateService",
        "elasticloadbalancing:ModifyTargetGroup",
        "logs:PutRetentionPolicy",
    ];
    assert_eq!(mutations, expected, "{}", repair.text());
    rehearsal.diff().expect(0);
    let (added, gone) = difference(&before, &rehearsal.boto(INVENTORY, &[]));
    // Tasks come and go with a rollout.
    let lasting = |items: Vec<String>| {
        items.into_iter().filter(|item| !item.starts_with("task: ") && !item.starts_with("eni: ")).collect::<Vec<_>>()
    };
    assert_eq!(lasting(added), [format!("task definition: {foreign}")]);
    assert_eq!(lasting(gone), [""; 0]);
}

#[test]
fn changed_and_removed_tags_are_a_change_of_every_kind_that_has_tags() {
    let rehearsal = Rehearsal::new();
    rehearsal.up().expect(0);
    rehearsal.edit("region = \"eu-central-1\"", "region = \"eu-central-1\"\ntags   = { team = \"ml-platform\" }");
    let plan = rehearsal.run(&["plan", "--detailed-exitcode"]).expect(2);
    let diff = rehearsal.run(&["diff", "--exit-code", "--format", "json"]).expect(2).json();
    let rows = diff["differences"].as_array().unwrap();
    assert!(rows.iter().all(|row| row["field"] == "tags" && row["kind"] == "pending"), "{rows:#?}");
    let kinds: BTreeSet<&str> =
        rows.iter().map(|row| row["address"].as_str().unwrap().split_once('/').unwrap().0).collect();
    let expected = [
        "ec2.elastic_ip",
        "ec2.internet_gateway",
        "ec2.nat_gateway",
        "ec2.route_table",
        "ec2.security_group",
        "ec2.security_group_rule",
        "ec2.subnet",
        "ec2.vpc",
        "ec2.vpc_endpoint",
        "ecs.cluster",
        "ecs.service",
        "ecs.task_definition",
        "elb.listener",
        "elb.load_balancer",
        "elb.target_group",
        "iam.role",
        "logs.log_group",
        "rds.instance",
        "rds.parameter_group",
        "rds.subnet_group",
        "secrets.database_url",
        "secrets.generated",
        "secrets.given",
    ];
    let missing: Vec<_> = expected.iter().filter(|kind| !kinds.contains(**kind)).collect();
    assert!(missing.is_empty(), "no change of tags for {missing:?}\n{}", plan.text());
    rehearsal.up().expect(0);
    rehearsal.run(&["plan", "--detailed-exitcode"]).expect(0);
    rehearsal.diff().expect(0);

    // Reading the tags of these would cost a call each: of them, only what the file says is compared.
    let unread = ["logs.log_group", "rds.parameter_group", "rds.subnet_group"];
    let untagged = rehearsal.boto(UNTAG, &[&["team"], &unread[..]].concat());
    let diff = rehearsal.run(&["diff", "--exit-code", "--format", "json"]).expect(6).json();
    let rows = diff["differences"].as_array().unwrap();
    assert!(rows.iter().all(|row| row["field"] == "tags" && row["kind"] == "drift"), "{rows:#?}");
    let seen: BTreeSet<&str> = rows.iter().map(|row| row["address"].as_str().unwrap()).collect();
    let untagged: BTreeSet<&str> =
        untagged.as_array().unwrap().iter().map(|address| address.as_str().unwrap()).collect();
    assert!(untagged.len() >= 12, "the script found too little to untag: {untagged:?}");
    assert_eq!(seen, untagged);
    rehearsal.up().expect(0);
    rehearsal.diff().expect(0);

    // No longer wanted: removed from everything.
    rehearsal.edit("tags   = { team = \"ml-platform\" }", "");
    rehearsal.run(&["plan", "--detailed-exitcode"]).expect(2);
    rehearsal.up().expect(0);
    rehearsal.run(&["plan", "--detailed-exitcode"]).expect(0);
    assert_eq!(rehearsal.boto(UNTAG, &["team"]), Value::Array(vec![]), "a tag is left");
}

#[test]
fn verify_names_the_cause_and_up_repairs_it() {
    let rehearsal = Rehearsal::new();
    rehearsal.up().expect(0);
    rehearsal.run(&["verify"]).expect(0);
    let faults: [(&str, &str, &[&str]); 4] = [
        (
            r#"
ec2 = client("ec2")
for table in ec2.describe_route_tables()["RouteTables"]:
    for route in table["Routes"]:
        if route.get("NatGatewayId"):
            ec2.delete_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0")
"#,
            "VF-ROUTE",
            &["no route to the internet"],
        ),
        (
            r#"
elb = client("elbv2")
balancer = elb.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
for listener in elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"]:
    if listener["Port"] == 443:
        elb.delete_listener(ListenerArn=listener["ListenerArn"])
"#,
            "VF-LISTENER",
            &["no listener on port 443"],
        ),
        (
            r#"client("secretsmanager").delete_secret(SecretId="zenml/server/jwt-key", RecoveryWindowInDays=7)"#,
            "VF-SECRETS",
            &["pending deletion", "zenml/server/jwt-key"],
        ),
        (FOREIGN, "VF-ENVIRONMENT", &["ZENML_STORE_URL is missing", "ZENML_STORE_URI"]),
    ];
    for (script, id, words) in faults {
        let argv: &[&str] = if script == FOREIGN { &["ZENML_STORE_URL", "ZENML_STORE_URI"] } else { &[] };
        rehearsal.boto(script, argv);
        let verify = rehearsal.run(&["verify"]).expect(10);
        let cause = verify
            .stdout
            .find(&format!("Cause: {id}"))
            .unwrap_or_else(|| panic!("{id} is not named\n{}", verify.text()));
        for word in words {
            assert!(verify.stdout[cause..].contains(word), "{word}\n{}", verify.text());
        }
        rehearsal.up().expect(0);
        rehearsal.run(&["verify"]).expect(0);
    }
}

#[test]
fn destroy_leaves_only_what_it_lists_and_the_same_names_work_again() {
    let rehearsal = Rehearsal::new();
    // A zone and a certificate are what an account has before: the first look at the sandbox puts them there.
    let look = rehearsal.run(&["plan", "-vv"]).expect(0);
    assert_eq!(look.mutations(), [""; 0]);
    let before = rehearsal.boto(INVENTORY, &[]);
    rehearsal.up().expect(0);
    let (made, _) = difference(&before, &rehearsal.boto(INVENTORY, &[]));
    for kind in KINDS {
        assert!(made.iter().any(|item| item.starts_with(kind)), "the inventory sees no {kind}\n{made:#?}");
    }
    let destroy = ["destroy", "--yes", "--confirm", "zenml-hybrid", "--disable-protection"];
    let refused = rehearsal.run(&destroy[..4]);
    assert!(refused.code != 0 && refused.text().contains("--disable-protection"), "{}", refused.text());

    let destroyed = rehearsal.run(&destroy).expect(0);
    println!("{}", destroyed.stdout);
    let list = destroyed.stdout.rsplit_once("kept:\n").expect("because it ends with the list of what is kept").1;
    let (added, gone) = difference(&before, &rehearsal.boto(INVENTORY, &[]));
    assert_eq!(gone, [""; 0]);
    let mut left: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for item in &added {
        let (kind, name) = item.split_once(": ").unwrap();
        left.entry(kind).or_default().push(name);
        let listed = if name.starts_with("AWSServiceRoleFor") { "service-linked roles" } else { name };
        assert!(list.contains(listed), "{item} is left and not listed\n{list}");
    }
    assert_eq!(left.remove("snapshot").unwrap_or_default().len(), 1, "{added:#?}");
    let secrets = left.remove("secret").unwrap_or_default();
    assert_eq!(secrets, ["zenml/server/encryption-key"], "{added:#?}");
    assert_eq!(left.remove("secret in its window").unwrap_or_default().len(), 4, "{added:#?}");
    let roles = left.remove("role").unwrap_or_default();
    let roles: Vec<_> = roles.into_iter().filter(|role| !role.starts_with("AWSServiceRoleFor")).collect();
    assert_eq!(roles, ["zenml-hybrid-eu-central-1-execution"], "{added:#?}");
    assert!(left.is_empty(), "{left:#?}");
    for word in ["why:", "a month:", "remove:"] {
        assert_eq!(
            list.matches(word).count(),
            list.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   ")).count(),
            "{list}"
        );
    }

    let again = rehearsal.run(&[&destroy[..], &["-vv"]].concat()).expect(0);
    assert!(again.stderr.contains("nothing to do") && again.stdout.contains("kept:"), "{}", again.text());
    assert_eq!(again.mutations(), [""; 0]);
    // What our own destroy took down has not drifted.
    let diff = rehearsal.diff().expect(2);
    assert!(diff.stdout.contains("waits for its deletion") && diff.stdout.contains("0 drift"), "{}", diff.text());
    rehearsal.up().expect(0);
    rehearsal.run(&["verify"]).expect(0);
    rehearsal.diff().expect(0);
}

/// Sorts of objects that the inventory must see after an `up`: otherwise it could not miss them after a destroy.
const KINDS: &[&str] = &[
    "vpc:",
    "subnet:",
    "internet gateway:",
    "nat gateway:",
    "elastic ip:",
    "route table:",
    "security group:",
    "security group rule:",
    "vpc endpoint:",
    "eni:",
    "database:",
    "subnet group:",
    "parameter group:",
    "secret:",
    "role:",
    "inline policy:",
    "attached policy:",
    "cluster:",
    "service:",
    "task:",
    "task definition:",
    "load balancer:",
    "target group:",
    "listener:",
    "log group:",
    "record:",
];

#[test]
fn no_secret_value_is_in_any_file_or_output() {
    const CANARY: &str = "c4n4ry /+=\"&%é<'$\\x>0123456789";
    const SECOND: &str = "s3c0nd \\/+=\"&%ü<'$x>9876543210";
    let mut rehearsal = Rehearsal::new();
    let value = |value: &str| vec![("ZENML_SERVER_PRO_OAUTH2_CLIENT_SECRET".to_owned(), value.to_owned())];
    rehearsal.variables = value(CANARY);
    let captured = rehearsal.project().join("captured");
    std::fs::create_dir(&captured).unwrap();
    let keep = |n: usize, output: &Output| std::fs::write(captured.join(format!("{n}.txt")), output.text()).unwrap();
    let commands: [&[&str]; 10] = [
        &["plan", "--out", "first.plan", "-vv"],
        &["up", "--yes", "-vv", "--events", "events.ndjson"],
        &["plan", "--format", "json", "--out", "second.plan"],
        &["diff", "--format", "json", "-vv", "--all"],
        &["verify", "--format", "json", "-vv"],
        &["status", "--format", "json"],
        &["output", "--format", "json"],
        &["state", "show"],
        &["state", "history"],
        &["destroy", "--plan", "--disable-protection", "-vv"],
    ];
    for (n, command) in commands.iter().enumerate() {
        keep(n, &rehearsal.run(command).expect(0));
    }
    // Another value: what is told about the change must not tell the values.
    rehearsal.variables = value(SECOND);
    keep(20, &rehearsal.run(&["plan", "--format", "json", "--detailed-exitcode", "--out", "third.plan"]).expect(2));
    keep(21, &rehearsal.run(&["up", "--yes", "-vv", "--format", "json", "--events", "more.ndjson"]).expect(0));

    let project = rehearsal.project().display().to_string();
    let found = rehearsal.boto(LEAKS, &[&project, CANARY, SECOND]);
    assert!(found["values"].as_u64().unwrap() >= 7 && found["files"].as_u64().unwrap() >= 18, "{found}");
    assert_eq!(found["stored"], SECOND, "the value did not reach the store");
    assert_eq!(found["hits"], Value::Array(vec![]), "{found:#}");
    // And it would have been found.
    rehearsal.boto(
        "import base64\nopen(argv[0], 'wb').write(b'x' + base64.b64encode(argv[1].encode()))",
        &[&format!("{project}/planted"), SECOND],
    );
    assert_eq!(rehearsal.boto(LEAKS, &[&project, CANARY, SECOND])["hits"].as_array().unwrap().len(), 1);
}

#[test]
fn of_two_ups_at_once_the_second_says_who_holds_the_lock() {
    let rehearsal = Rehearsal::new();
    let first = rehearsal.start(&["up", "--yes"]);
    let lock = rehearsal.project().join(".hybridctl/zenml-hybrid.sandbox/lock");
    let started = Instant::now();
    let holder: Value = loop {
        let held = std::fs::read_to_string(&lock).ok().and_then(|text| serde_json::from_str(&text).ok());
        if let Some(holder) = held {
            break holder;
        }
        assert!(started.elapsed() < LIMIT, "the first `up` takes no lock");
        std::thread::sleep(Duration::from_millis(10));
    };
    // However slow the machine is, the first one is still at work.
    signal("STOP", first.id());
    let second = rehearsal.up().expect(8);
    assert_eq!(holder["pid"], first.id());
    for word in [
        first.id().to_string().as_str(),
        holder["who"].as_str().unwrap(),
        "`hybridctl up`",
        "since",
        holder["since"].as_str().unwrap(),
    ] {
        assert!(second.stderr.contains(word), "{word}\n{}", second.text());
    }
    assert!(rehearsal.run(&["plan"]).code != 8, "looking needs no lock");
    let status = rehearsal.run(&["status", "--format", "json"]).expect(0).json();
    assert_eq!(status["locked_by"]["pid"], first.id(), "{status:#}");
    signal("CONT", first.id());
    wait(first).expect(0);
    rehearsal.diff().expect(0);
    assert_eq!(rehearsal.run(&["status", "--format", "json"]).expect(0).json()["locked_by"], Value::Null);
}

#[test]
fn a_saved_plan_is_carried_out_and_a_stale_one_is_refused() {
    let rehearsal = Rehearsal::new();
    rehearsal.run(&["plan", "--out", "first.plan"]).expect(0);
    assert!(
        !rehearsal.project().join(".hybridctl").exists(),
        "a plan leaves nothing but the file that it was asked for"
    );
    rehearsal.run(&["apply", "first.plan"]).expect(0);
    rehearsal.diff().expect(0);
    rehearsal.run(&["verify"]).expect(0);
    let refused = |file: &str, words: &[&str]| {
        let refused = rehearsal.run(&["apply", file, "-vv"]).expect(7);
        for word in words {
            assert!(refused.stderr.contains(word), "{word}\n{}", refused.text());
        }
        assert_eq!(refused.mutations(), [""; 0]);
    };
    refused("first.plan", &["stale", "made for the first run"]);

    let text = std::fs::read_to_string(rehearsal.config()).unwrap();
    std::fs::write(rehearsal.config(), format!("{text}\n[monitoring]\nlog_retention_days = 30\n")).unwrap();
    rehearsal.run(&["plan", "--out", "second.plan", "--detailed-exitcode"]).expect(2);
    rehearsal.boto(r#"client("logs").put_retention_policy(logGroupName="/ecs/zenml-hybrid", retentionInDays=60)"#, &[]);
    refused("second.plan", &["logs.log_group/ecs", "retention_days", "60"]);
    rehearsal.run(&["plan", "--out", "third.plan"]).expect(0);
    rehearsal.edit("log_retention_days = 30", "log_retention_days = 14");
    refused("third.plan", &["config"]);
    rehearsal.edit("log_retention_days = 14", "log_retention_days = 30");
    let drain = |seconds: &str| {
        let groups = "elb = client('elbv2')\narn = elb.describe_target_groups()['TargetGroups'][0]['TargetGroupArn']\n";
        let delay = format!("[{{'Key': 'deregistration_delay.timeout_seconds', 'Value': '{seconds}'}}]");
        rehearsal
            .boto(&format!("{groups}elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes={delay})"), &[]);
    };
    drain("77");
    refused("third.plan", &["elb.target_group/main has to be changed too: `attributes", "77"]);
    drain("30");
    let applied = rehearsal.run(&["apply", "third.plan", "--events", "-"]).expect(0);
    let events: Vec<Value> = applied.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events.len() > 3, "{}", applied.text());
    rehearsal.diff().expect(0);
}

/// What is in the second inventory and not in the first, and the other way round.
fn difference(before: &Value, after: &Value) -> (Vec<String>, Vec<String>) {
    let items = |value: &Value| -> BTreeSet<String> {
        value.as_array().unwrap().iter().map(|item| item.as_str().unwrap().to_owned()).collect()
    };
    let (before, after) = (items(before), items(after));
    (after.difference(&before).cloned().collect(), before.difference(&after).cloned().collect())
}
