//! An account in which nothing stands in the way, for tests to break.

use super::checks::Judged;
use super::grant::Request;
use super::report::{Finding, Status};
use super::wish::{Database, Wish};
use super::{Facts, Outside};
use crate::aws::ask::Asked;
use crate::aws::ask::caller::{Identity, Zone};
use crate::aws::ask::database::{Offer, Support};
use crate::aws::ask::front::{Certificate, HostedZone};
use crate::aws::ask::quotas::{Limit, Metered, Need, QUOTAS};
use crate::aws::ask::rights::{DryRun, Judgement, Rights};
use crate::model::Address;
use serde_json::json;

/// The moment at which it is looked at.
pub(super) const NOW: i64 = 1_795_000_000;
const DAY: i64 = 24 * 3600;

/// The finding of a check that has to fail.
#[track_caller]
pub(super) fn failing(judged: Judged) -> Finding {
    match judged {
        Err(Status::Fail(finding)) => {
            assert!(!finding.why.is_empty() && !finding.next.is_empty(), "no why or no remedy: {finding:?}");
            finding
        }
        other => panic!("it does not fail: {other:?}"),
    }
}

/// A first run on an account that has everything.
pub(super) fn good() -> Facts {
    let outside = Outside {
        name_servers: Some(Ok(vec!["ns-1.awsdns-01.org".into(), "ns-2.awsdns-02.com".into()])),
        traces: None,
        caa: None,
        host: None,
        control_plane: Some(Ok(404)),
    };
    Facts { wish: wish(), asked: asked(), outside, now: NOW }
}

fn wish() -> Wish {
    let made = ["ec2.vpc", "ec2.elastic_ip", "rds.instance", "elb.load_balancer", "ecs.service"];
    Wish {
        deployment: "x".into(),
        region: "eu-central-1".into(),
        account: "123456789012".into(),
        made: made.iter().map(|kind| (Address::new(*kind, "main"), json!({}))).collect(),
        actions: ["ec2:CreateVpc", "rds:CreateDBInstance"].into(),
        zones: vec!["eu-central-1a".into(), "eu-central-1b".into()],
        range: Some("10.0.0.0/16".parse().unwrap()),
        database: Some(Database {
            version: "8.4".into(),
            class: "db.t3.micro".into(),
            storage_gib: 100,
            storage_type: "gp3".into(),
            multi_az: false,
        }),
        host: "zenml.x.com".into(),
        certificate_arn: Some("arn:aws:acm:eu-central-1:123456789012:certificate/1".into()),
        hosted_zone: Some(("x.com".into(), "Z1".into())),
        api_url: "https://cloudapi.zenml.io".into(),
        version: "0.98.0".into(),
        image_tag: Some("0.98.0".into()),
        request: Request {
            role_arn: "arn:aws:iam::123456789012:role/x-eu-central-1-execution".into(),
            account: "123456789012".into(),
            region: "eu-central-1".into(),
            image: "715803424590.dkr.ecr.eu-central-1.amazonaws.com/zenml-pro-server:0.98.0".into(),
            organization: "acme (o)".into(),
            workspace: "prod (w)".into(),
        },
        ..Wish::default()
    }
}

fn asked() -> Asked {
    let zone = |letter: &str| Zone { name: format!("eu-central-1{letter}"), state: "available".into(), opted_in: true };
    let identity = Identity {
        account: "123456789012".into(),
        arn: "arn:aws:sts::123456789012:assumed-role/deploy/me".into(),
        ahead_secs: Some(0),
    };
    let judgement =
        Judgement { principal: "arn:aws:iam::123456789012:role/deploy".into(), allowed: 2, ..Judgement::default() };
    let quotas = QUOTAS.iter().map(|quota| {
        let place = if quota.id == "NAT" { "eu-central-1a".to_owned() } else { String::new() };
        let need = Need { quota: quota.id, place, amount: 1.0 };
        Metered { need, used: Ok(0.0), limit: Limit { value: quota.default, applied: true } }
    });
    let offer = Offer {
        version: "8.4.7".into(),
        zones: ["a", "b", "c"].map(|letter| format!("eu-central-1{letter}")).into(),
        multi_az: true,
        storage_type: "gp3".into(),
        storage_gib: Some((20, 65_536)),
    };
    let certificate = Certificate {
        status: "ISSUED".into(),
        names: vec!["*.x.com".into()],
        not_after: Some(NOW + 300 * DAY),
        key_algorithm: "RSA_2048".into(),
        ..Certificate::default()
    };
    let hosted_zone = HostedZone {
        name: "x.com".into(),
        private: false,
        name_servers: vec!["ns-2.awsdns-02.com".into(), "ns-1.awsdns-01.org".into()],
    };
    Asked {
        identity: Ok(identity),
        region: Ok("opt-in-not-required".into()),
        zones: Ok(vec![zone("a"), zone("b"), zone("c")]),
        rights: Ok(Rights::Judged(judgement)),
        dry_runs: vec![(DryRun::Vpc("10.0.0.0/16".into()), Ok(true)), (DryRun::Address, Ok(true))],
        quotas: quotas.collect(),
        vpcs: Some(Ok(vec![])),
        peerings: Some(Ok(vec![])),
        versions: Some(Ok(vec!["8.0.43".into(), "8.4.6".into(), "8.4.7".into()])),
        support: Some(Ok(vec![Support { major: "8.4".into(), until: NOW + 900 * DAY }])),
        offers: Some(Ok(vec![offer])),
        certificate: Some(Ok(Some(certificate))),
        hosted_zone: Some(Ok(Some(hosted_zone))),
        pulls: None,
        bucket: None,
    }
}
