//! A domain that somebody else looks after.

use crate::support::cli::Rehearsal;

const ZONE: &str = r#"dns = { route53_zone = "mycompany.com" }"#;

const RECORD: &str = r#"
names = client("route53")
zone = next(zone["Id"] for zone in names.list_hosted_zones()["HostedZones"] if zone["Name"] == "mycompany.com.")
record = {"Name": "zenml.mycompany.com", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "127.0.0.9"}]}
names.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": argv[0], "ResourceRecordSet": record}]})
"#;

#[test]
fn an_up_says_which_record_is_missing_also_to_programs_and_is_done_when_it_is_there() {
    let rehearsal = Rehearsal::new();
    rehearsal.edit(ZONE, r#"dns = "external""#);
    let first = rehearsal.up().expect(9);
    let made_by = first.stdout.lines().find_map(|line| line.trim().strip_prefix("hybridctl ")).unwrap_or_default();
    assert!(made_by.starts_with("sandbox record zenml.mycompany.com "), "{}", first.text());

    let again = rehearsal.run(&["up", "--yes", "--format", "json"]).expect(9);
    assert!(again.stderr.contains("VF-DNS"), "a program's log says why\n{}", again.text());
    assert!(again.json()["dns_record"].as_str().unwrap().starts_with("zenml.mycompany.com CNAME "), "{}", again.text());

    // A record of before leads to a machine that is not there any more.
    rehearsal.boto(RECORD, &["UPSERT"]);
    let stale = rehearsal.up().expect(9);
    assert!(stale.stderr.contains("what answers there is not this workspace"), "{}", stale.text());
    rehearsal.boto(RECORD, &["DELETE"]);

    rehearsal.run(&made_by.split(' ').collect::<Vec<_>>()).expect(0);
    rehearsal.up().expect(0);
    rehearsal.run(&["sandbox", "record", "zenml.elsewhere.org", "target"]).expect(1);
}
