//! What a plan would fail on is found before anything is made; and the image grant, which only ECS can try.

use super::checks::{refused, set};
use super::world::{counts, quickstart, steps, world};
use crate::support::cli::{Output, Rehearsal};
use crate::support::proxy::{Faults, error, from, mutates};
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

/// The zone that the sandbox seeds.
const ZONE: &str = r#"
dns = client("route53")
zone = dns.list_hosted_zones_by_name(DNSName="mycompany.com")["HostedZones"][0]["Id"]
def change(action, name, kind, *values):
    record = {"Name": name, "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": value} for value in values]}
    dns.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": action, "ResourceRecordSet": record}]})
"#;

#[test]
fn every_quota_is_counted_and_a_used_up_one_is_told_with_its_request() {
    let rehearsal = Rehearsal::new();
    rehearsal.boto("for _ in range(5): client('ec2').allocate_address(Domain='vpc')", &[]);
    refused(
        &rehearsal,
        &["PF-QUOTA-ADDRESSES"],
        &["5 in use and 1 wanted, 5 allowed (quota L-0263D0A3)", "--quota-code L-0263D0A3 --desired-value 6"],
    );
    let codes = hybridctl::aws::ask::quotas::QUOTAS.iter().map(|quota| (quota.code.to_owned(), json!(0)));
    set(&rehearsal, &json!({ "quotas": codes.collect::<serde_json::Map<_, _>>() }));
    let ids: Vec<&str> =
        hybridctl::preflight::CHECKS.iter().map(|check| check.id).filter(|id| id.starts_with("PF-QUOTA-")).collect();
    refused(&rehearsal, &ids, &["NAT gateways in one zone of eu-central-1a: 0 in use and 1 wanted, 0 allowed"]);
    // The same gate stands before `apply`, and what is left out is not in the way.
    let apply = rehearsal.run(&["apply", "--yes", "-vv"]).expect(4);
    assert_eq!(apply.mutations(), [""; 0]);
    let mut skipping = vec!["preflight"];
    skipping.extend(ids.iter().flat_map(|id| ["--skip", *id]));
    rehearsal.run(&skipping).expect(0);
    rehearsal.run(&["preflight", "--only", "pf-quota-vpcs"]).expect(4);
    rehearsal.run(&["preflight", "--only", "PF-CLOCK"]).expect(0);
    let unknown = rehearsal.run(&["preflight", "--only", "PF-QUOTA-VPC"]).expect(64);
    assert!(unknown.stderr.contains("did you mean `PF-QUOTA-VPCS`?"), "{}", unknown.text());
}

#[test]
fn a_domain_that_leads_elsewhere_and_a_record_of_somebody_else_are_found_in_dns() {
    let rehearsal = Rehearsal::new();
    rehearsal.run(&["preflight"]).expect(0);
    let servers =
        rehearsal.boto(&format!("{ZONE}\nout(dns.get_hosted_zone(Id=zone)['DelegationSet']['NameServers'])"), &[]);
    let own = servers[0].as_str().unwrap().trim_end_matches('.');
    let judged = |status: &str, told: &str| {
        let check = rehearsal.run(&["preflight", "--only", "PF-DELEGATION", "--format", "json"]).expect(0).json();
        let check = &check["checks"][0];
        assert!(check["status"] == status && check.to_string().contains(told), "{check:#}");
    };
    // The zone itself names others, and is asked all the same.
    rehearsal.boto(&format!("{ZONE}\nchange('UPSERT', 'mycompany.com.', 'NS', 'ns1.mycompany.com.')"), &[]);
    judged("warn", "the SOA record of mycompany.com is the zone's");
    let elsewhere = "'ns1.registrar.net. hostmaster.registrar.net. 1 7200 900 1209600 86400'";
    rehearsal.boto(&format!("{ZONE}\nchange('UPSERT', 'mycompany.com.', 'SOA', {elsewhere})"), &[]);
    refused(&rehearsal, &["PF-DELEGATION"], &["public DNS says ns1.mycompany.com", own]);
    // A name server of the zone under a name of the company's: the addresses tell.
    let vanity = "dns.create_hosted_zone(Name=argv[0].split('.', 1)[1], CallerReference='servers')\n\
                  there = dns.list_hosted_zones_by_name(DNSName=argv[0].split('.', 1)[1])['HostedZones'][0]['Id']\n\
                  change('CREATE', 'ns1.mycompany.com.', 'A', '192.0.2.53')\n\
                  zone = there\n\
                  change('CREATE', argv[0], 'A', '192.0.2.53')";
    rehearsal.boto(&format!("{ZONE}\n{vanity}"), &[own]);
    judged("pass", &format!("ns1.mycompany.com is {own}"));
    let back: Vec<String> =
        servers.as_array().unwrap().iter().map(|one| format!("'{}.'", one.as_str().unwrap())).collect();
    rehearsal.boto(&format!("{ZONE}\nchange('UPSERT', 'mycompany.com.', 'NS', {})", back.join(", ")), &[]);

    rehearsal.boto(&format!("{ZONE}\nchange('CREATE', 'mycompany.com.', 'CAA', '0 issue \"letsencrypt.org\"')"), &[]);
    rehearsal.run(&["preflight"]).expect(0);
    let text = std::fs::read_to_string(rehearsal.config()).unwrap();
    let requested =
        text.lines().map(|line| if line.starts_with("certificate_arn") { "certificate = \"request\"" } else { line });
    std::fs::write(rehearsal.config(), requested.collect::<Vec<_>>().join("\n")).unwrap();
    refused(&rehearsal, &["PF-CAA"], &["let letsencrypt.org issue", "mycompany.com CAA 0 issue \"amazon.com\""]);
    std::fs::write(rehearsal.config(), text).unwrap();

    rehearsal.boto(&format!("{ZONE}\nchange('CREATE', 'zenml.mycompany.com.', 'A', '192.0.2.1')"), &[]);
    let found = rehearsal.run(&["preflight", "-vv"]).expect(4);
    assert!(found.stdout.contains("FAIL PF-RECORD") && found.stdout.contains("192.0.2.1"), "{}", found.text());
    assert_eq!(found.mutations(), [""; 0]);
    let up = rehearsal.run(&["up", "--yes", "-vv"]).expect(4);
    assert!(up.mutations().is_empty() && up.stderr.contains("points to 192.0.2.1"), "{}", up.text());
}

#[test]
fn what_is_worth_a_thought_is_told_and_stops_nothing() {
    let rehearsal = Rehearsal::new();
    rehearsal.boto("client('ec2').create_vpc(CidrBlock='10.0.128.0/20')", &[]);
    set(&rehearsal, &json!({ "support": { "8.4": "2026-12-31" } }));
    let found = rehearsal.run(&["preflight"]).expect(0);
    for told in
        ["WARN PF-CIDR", "has 10.0.128.0/20", "WARN PF-DB-SUPPORT", "on 2026-12-31", "Nothing stands in the way"]
    {
        assert!(found.stdout.contains(told), "`{told}` is missing\n{}", found.text());
    }
}

#[test]
fn zones_and_hosted_zones_without_which_there_is_no_plan_end_in_the_same_way() {
    let rehearsal = Rehearsal::new();
    rehearsal.run(&["preflight"]).expect(0);
    rehearsal.edit("[database]", "[network]\nzones = [\"eu-central-1a\", \"eu-central-1b\"]\n\n[database]");
    set(&rehearsal, &json!({ "zones": { "eu-central-1a": "impaired" } }));
    let zones = rehearsal.run(&["up", "--yes", "-vv"]).expect(4);
    assert!(zones.stderr.contains("`eu-central-1a`") && zones.stderr.contains("explain PF-ZONES"), "{}", zones.text());
    assert_eq!(zones.mutations(), [""; 0]);
    set(&rehearsal, &json!({ "zones": null }));
    rehearsal.boto("client('route53').create_hosted_zone(Name='mycompany.com', CallerReference='twice')", &[]);
    let twice = rehearsal.run(&["preflight"]).expect(4);
    assert!(
        twice.stderr.contains("2 public hosted zones") && twice.stderr.contains("explain PF-HOSTED-ZONE"),
        "{}",
        twice.text()
    );
}

#[test]
fn zones_and_a_hosted_zone_that_a_deployment_was_begun_with_are_looked_at_again() {
    let rehearsal = Rehearsal::new();
    rehearsal.run(&["plan", "--target", "ec2.vpc/main", "--out", "begin.plan"]).expect(0);
    rehearsal.run(&["apply", "begin.plan", "--yes"]).expect(0);
    set(&rehearsal, &json!({ "zones": { "eu-central-1b": "impaired" } }));
    refused(
        &rehearsal,
        &["PF-ZONES"],
        &["eu-central-1b is impaired", "`network.zones` to zones among eu-central-1a, eu-central-1c"],
    );
    set(&rehearsal, &json!({ "zones": null }));
    rehearsal.boto(&format!("{ZONE}\ndns.delete_hosted_zone(Id=zone)"), &[]);
    refused(&rehearsal, &["PF-HOSTED-ZONE"], &["of mycompany.com is gone", "`aws route53 list-hosted-zones-by-name`"]);
}

/// That a bucket ignores conditions is found when its lock is taken for the first time: tests/it/state/save.rs.
#[test]
fn a_bucket_for_the_state_that_is_unfit_or_gone_is_found_before_anything_is_made() {
    let mut rehearsal = Rehearsal::new();
    let text = std::fs::read_to_string(rehearsal.config()).unwrap();
    std::fs::write(rehearsal.config(), text + "\n[state]\nbucket = \"acme-state\"\nprefix = \"team/prod\"\n").unwrap();
    let make = "client('s3').create_bucket(Bucket='acme-state', CreateBucketConfiguration={'LocationConstraint': 'eu-central-1'})";
    rehearsal.boto(make, &[]);
    let only = ["preflight", "--only", "PF-STATE", "-vv"];
    let open = rehearsal.run(&only).expect(0);
    for told in [
        "WARN PF-STATE",
        "should keep versions, block public access",
        "aws s3api put-bucket-versioning --bucket acme-state",
        "aws s3api put-public-access-block --bucket acme-state",
    ] {
        assert!(open.stdout.contains(told), "`{told}` is missing\n{}", open.text());
    }
    // A closed bucket leaves one thing to know, and that takes a write.
    let close = "s3 = client('s3')\n\
                 s3.put_bucket_versioning(Bucket='acme-state', VersioningConfiguration={'Status': 'Enabled'})\n\
                 s3.put_public_access_block(Bucket='acme-state', PublicAccessBlockConfiguration=dict.fromkeys([\
                 'BlockPublicAcls', 'IgnorePublicAcls', 'BlockPublicPolicy', 'RestrictPublicBuckets'], True))\n\
                 s3.put_bucket_encryption(Bucket='acme-state', ServerSideEncryptionConfiguration={'Rules': [\
                 {'ApplyServerSideEncryptionByDefault': {'SSEAlgorithm': 'AES256'}}]})";
    rehearsal.boto(close, &[]);
    let judged = || rehearsal.run(&["preflight", "--only", "PF-STATE", "--format", "json"]).expect(0).json();
    let untried = judged()["checks"][0].clone();
    assert!(untried["status"] == "unknown" && untried.to_string().contains("not tried yet"), "{untried:#}");
    rehearsal.run(&["plan", "--target", "ec2.vpc/main", "--out", "begin.plan"]).expect(0);
    rehearsal.run(&["apply", "begin.plan", "--yes"]).expect(0);
    let tried = judged()["checks"][0].clone();
    assert!(tried["status"] == "pass" && tried.to_string().contains("before the first save"), "{tried:#}");
    // It was there when the state was read.
    let _proxy = rehearsal.disturbed(Faults::none().on("s3:HeadBucket", from(2), error("NoSuchBucket", 404)));
    let gone = rehearsal.run(&only).expect(4);
    for told in ["FAIL PF-STATE", "acme-state does not exist", "`aws s3api create-bucket --bucket acme-state`"] {
        assert!(gone.stdout.contains(told), "`{told}` is missing\n{}", gone.text());
    }
    assert_eq!((open.mutations(), gone.mutations()), (vec![], vec![]));
}

/// The actions that a preflight asks IAM about: it is told that all of them are denied.
fn asked_for(rehearsal: &Rehearsal) -> BTreeSet<String> {
    set(rehearsal, &json!({ "denied": ["*"] }));
    let found = rehearsal.run(&["preflight", "--only", "PF-PERMISSIONS", "--format", "json"]).expect(4).json();
    set(rehearsal, &json!({ "denied": null }));
    let policy = found["checks"][0]["evidence"][0].as_str().unwrap();
    let policy: serde_json::Value = serde_json::from_str(policy).unwrap();
    let statements = policy["Statement"].as_array().unwrap().iter();
    let actions = statements.flat_map(|statement| statement["Action"].as_array().unwrap());
    actions.map(|action| action.as_str().unwrap().to_owned()).collect()
}

/// Rights that AWS wants besides the right to the call itself: of a create with tags, and of handing a role to ECS.
const BESIDES: &[&str] = &[
    "ec2:CreateTags",
    "ecs:TagResource",
    "elasticloadbalancing:AddTags",
    "iam:PassRole",
    "iam:TagRole",
    "logs:TagResource",
    "rds:AddTagsToResource",
    "secretsmanager:GetSecretValue",
    "secretsmanager:TagResource",
];

/// AWS's default group lets its own members in, which takes a call to end; moto's lets nobody in.
const IN_VAIN_HERE: &[&str] = &["ec2:RevokeSecurityGroupIngress"];
/// moto forgets a part of what was given to the create, which is then set again.
const UNASKED_HERE: &[&str] = &["ec2:ModifySecurityGroupRules", "rds:ModifyDBInstance"];

/// preflight -> what it asks for; up -> what is called; the same for a change
#[test]
fn permissions_are_asked_for_the_calls_of_this_plan_and_for_no_others() {
    let rehearsal = Rehearsal::new();
    let changing = |actions: BTreeSet<String>| -> BTreeSet<String> {
        actions.into_iter().filter(|action| mutates(action) && !BESIDES.contains(&action.as_str())).collect()
    };
    let asked = asked_for(&rehearsal);
    assert!(BESIDES.iter().all(|action| asked.contains(*action)), "{asked:#?}");
    let called = |up: &Output| changing(up.mutations().into_iter().filter(|call| !call.contains(":DryRun")).collect());
    let up = rehearsal.run(&["up", "--yes", "-vv"]).expect(0);
    let (asked, called_first) = (changing(asked), called(&up));
    let (in_vain, unasked) = (asked.difference(&called_first), called_first.difference(&asked));
    let (in_vain, unasked): (Vec<_>, Vec<_>) =
        (in_vain.map(String::as_str).collect(), unasked.map(String::as_str).collect());
    assert_eq!((in_vain, unasked), (IN_VAIN_HERE.to_vec(), UNASKED_HERE.to_vec()));

    rehearsal.edit("[service]", "[service]\ndesired_count = 2");
    let asked = asked_for(&rehearsal);
    let up = rehearsal.run(&["up", "--yes", "-vv"]).expect(0);
    assert_eq!(changing(asked), called(&up));
    assert_eq!(called(&up), BTreeSet::from(["ecs:UpdateService".to_owned()]));
}

/// A task of half a vCPU and 100 GiB are there; only what is added to them counts, and while tasks are replaced both count.
#[test]
fn what_is_changed_counts_by_how_much_it_adds() {
    let rehearsal = Rehearsal::new();
    rehearsal.up().expect(0);
    let text = std::fs::read_to_string(rehearsal.config()).unwrap();
    let broken = |config: &str, quota: (&str, f64), id: &str, told: &str| {
        std::fs::write(rehearsal.config(), config).unwrap();
        set(&rehearsal, &json!({ "quotas": { quota.0: quota.1 } }));
        refused(&rehearsal, &[id], &[told]);
        set(&rehearsal, &json!({ "quotas": { quota.0: quota.1 + 100.0 } }));
        rehearsal.run(&["preflight"]).expect(0);
        set(&rehearsal, &json!({ "quotas": null }));
    };
    let more_tasks = text.replacen("[service]", "[service]\ndesired_count = 20", 1);
    let told = "vCPUs of Fargate tasks: 0.5 in use and 9.5 wanted, 6 allowed (quota L-3032A538)";
    broken(&more_tasks, ("L-3032A538", 6.0), "PF-QUOTA-VCPU", told);
    let larger = text.replacen("cpu    = 512", "cpu = 1024", 1).replacen("memory = 1024", "memory = 2048", 1);
    let told = "vCPUs of Fargate tasks: 0.5 in use and 1 wanted, 1 allowed (quota L-3032A538)";
    broken(&larger, ("L-3032A538", 1.0), "PF-QUOTA-VCPU", told);
    let storage = text.replacen("storage_gib    = 100", "storage_gib = 200", 1);
    let told = "GiB of RDS storage: 100 in use and 100 wanted, 150 allowed (quota L-7ADDB58A)";
    broken(&storage, ("L-7ADDB58A", 150.0), "PF-QUOTA-STORAGE", told);
}

/// up (refused pull) -> everything but the service; up (granted) -> the rest; destroy; up -> the same role
#[test]
fn an_up_without_the_image_grant_makes_everything_else_prints_the_request_and_goes_on_later() {
    let rehearsal = Rehearsal::new();
    set(&rehearsal, &json!({ "image_granted": false }));
    let up = rehearsal.run(&["up", "--yes", "--events", "events.ndjson"]).expect(9);
    for told in [
        "CannotPullContainerError",
        "arn:aws:iam::123456789012:role/zenml-hybrid-eu-central-1-execution",
        "cloud@zenml.io",
        "region        eu-central-1",
        "zenml-pro-server:0.98.0",
        "--wait-for-grant",
    ] {
        assert!(up.stderr.contains(told), "`{told}` is missing\n{}", up.text());
    }
    assert_eq!(counts(&world(&rehearsal)), quickstart(&[("service", 0), ("task", 0)]));
    // Whoever has to ask for the grant can do so while the database is being made.
    let steps = steps(&rehearsal.project().join("events.ndjson"));
    let at = |address: &str, what: &str| {
        steps.iter().position(|event| event["address"] == address && event["type"] == what).unwrap()
    };
    assert!(at("iam.role/execution", "finished") < at("rds.instance/main", "finished"));

    let again = rehearsal.up().expect(9);
    assert!(again.stderr.contains("preflight: PF-IMAGE-GRANT: the last pull was refused"), "{}", again.text());
    let in_vain = rehearsal.run(&["up", "--yes", "--wait-for-grant", "3s"]).expect(9);
    assert!(
        in_vain.stderr.contains("not granted yet") && in_vain.stderr.contains("did not come in time"),
        "{}",
        in_vain.text()
    );

    let waiting = rehearsal.start(&["up", "--yes", "--wait-for-grant", "60s"]);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let runs = "tasks = client('ecs').list_tasks(cluster='zenml-hybrid', desiredStatus='STOPPED')['taskArns']\nout(len(tasks))";
            let before = rehearsal.boto(runs, &[]).as_u64().unwrap();
            let started = std::time::Instant::now();
            while rehearsal.boto(runs, &[]).as_u64().unwrap() <= before {
                assert!(started.elapsed() < Duration::from_secs(30), "no other try");
            }
            set(&rehearsal, &json!({ "image_granted": true }));
        });
    });
    let done = crate::support::cli::wait(waiting).expect(0);
    assert!(done.stderr.contains("The deployment works"), "{}", done.text());
    assert_eq!(counts(&world(&rehearsal)), quickstart(&[]));
    assert!(rehearsal.up().expect(0).stderr.contains("no changes"));
    let after = rehearsal.run(&["preflight", "--only", "PF-IMAGE-GRANT", "--format", "json"]).expect(0).json();
    assert_eq!(after["checks"][0]["status"], "pass", "{after:#}");

    // Taken back afterwards, it shows in the next task of the service.
    set(&rehearsal, &json!({ "image_granted": false }));
    let stop = "ecs = client('ecs')\n\
                for task in ecs.list_tasks(cluster='zenml-hybrid')['taskArns']: ecs.stop_task(cluster='zenml-hybrid', task=task)";
    rehearsal.boto(stop, &[]);
    let started = std::time::Instant::now();
    loop {
        let found = rehearsal.run(&["preflight", "--only", "PF-IMAGE-GRANT"]).expect(0);
        if found.stdout.contains("the last pull was refused") {
            let request = ["CannotPullContainerError", "Please allow", ":role/zenml-hybrid-eu-central-1-execution"];
            assert!(request.iter().all(|told| found.stdout.contains(told)), "{}", found.text());
            break;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "{}", found.text());
        std::thread::sleep(Duration::from_millis(200));
    }
    set(&rehearsal, &json!({ "image_granted": true }));

    let role = "out(client('iam').get_role(RoleName='zenml-hybrid-eu-central-1-execution')['Role']['RoleId'])";
    let id = rehearsal.boto(role, &[]);
    rehearsal.run(&["destroy", "--yes", "--confirm", "zenml-hybrid", "--disable-protection"]).expect(0);
    assert_eq!(rehearsal.boto(role, &[]), id);
    rehearsal.up().expect(0);
    assert_eq!(rehearsal.boto(role, &[]), id);
}

#[test]
fn a_change_that_makes_nothing_new_asks_for_nothing_that_is_made() {
    let rehearsal = Rehearsal::new();
    rehearsal.up().expect(0);
    let quiet = rehearsal.run(&["up", "--yes", "-vv"]).expect(0);
    let asked =
        |output: &Output, service: &str| output.operations().iter().filter(|one| one.starts_with(service)).count();
    assert_eq!(
        asked(&quiet, "ec2:DescribeRegions"),
        0,
        "a run without changes has a preflight: {:#?}",
        quiet.operations()
    );
    set(
        &rehearsal,
        &json!({ "quotas": { "L-F678F1CE": 0, "L-0263D0A3": 0 }, "zones": { "eu-central-1a": "impaired" } }),
    );
    rehearsal.edit("[service]", "[monitoring]\nlog_retention_days = 30\n\n[service]");
    let up = rehearsal.run(&["up", "--yes", "-vv"]).expect(0);
    assert_eq!(asked(&up, "servicequotas:"), 0, "{:#?}", up.operations());
    assert_eq!(asked(&up, "ec2:DescribeRegions"), 1, "{:#?}", up.operations());
}
