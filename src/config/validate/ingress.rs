//! Rules for `[ingress]`.

use std::collections::BTreeSet;

use ipnet::Ipv4Net;

use super::{arn, arn_belongs_here, is_domain, is_placeholder_domain, is_placeholder_id, network::parse_cidr};
use crate::config::codes;
use crate::config::problems::Problems;
use crate::config::read::{Document, Value};

const ARN: &str = "ingress.certificate_arn";
const ZONE: &str = "ingress.dns.route53_zone";

/// A security group takes 60 inbound rules unless AWS raised the quota, and each range needs two.
const MOST_RANGES: usize = 30;

pub(super) fn check(document: &Document, problems: &mut Problems) {
    certificate_arn(document, problems);
    request_needs_zone(document, problems);
    zone(document, problems);
    allow_cidrs(document, problems);
}

fn certificate_arn(document: &Document, problems: &mut Problems) {
    let Some((text, span)) = document.word(ARN) else { return };
    let id = |resource| str::strip_prefix(resource, "certificate/").filter(|id| uuid::Uuid::parse_str(id).is_ok());
    let parsed = arn(text, "acm").and_then(|arn| id(arn.resource).map(|id| (arn, id)));
    let Some((arn, id)) = parsed else {
        let help = "arn:aws:acm:<region>:<account>:certificate/<id>, as `aws acm list-certificates` shows it";
        problems.error(codes::CERTIFICATE_ARN, &span, format!("`{ARN}` is not the ARN of a certificate in ACM"), help);
        return;
    };
    if is_placeholder_id(id) {
        let help = "write the ARN of your certificate, or certificate = \"request\" to have one made";
        problems.placeholder(codes::PLACEHOLDER, &span, format!("`{ARN}` is the template's placeholder"), help);
        // Its account is made up; comparing it would be noise.
        let account = document.word("account_id").map_or(arn.account, |(account, _)| account);
        arn_belongs_here(document, ARN, &super::Arn { account, ..arn }, problems);
        return;
    }
    arn_belongs_here(document, ARN, &arn, problems);
}

fn request_needs_zone(document: &Document, problems: &mut Problems) {
    let is_request = matches!(document.written("ingress.certificate"), Some(Value::Text(text)) if text == "request");
    let is_external = matches!(document.written("ingress.dns"), Some(Value::Text(text)) if text == "external");
    if is_request && is_external {
        let help = "set dns = { route53_zone = \"…\" }, or make the certificate yourself and set certificate_arn";
        let message = "a certificate can be requested with a Route 53 zone only: its proof is a record there";
        problems.error(codes::REQUEST_NEEDS_ZONE, &document.span("ingress.certificate"), message, help);
    }
}

fn zone(document: &Document, problems: &mut Problems) {
    let Some((written, span)) = document.word(ZONE) else { return };
    let zone = written.trim_end_matches('.').to_lowercase();
    if !is_domain(&zone) {
        let is_id = written.starts_with('Z') && written.len() > 10 && !written.contains('.');
        let help =
            if is_id { "write the zone's name, not its id" } else { "for example route53_zone = \"mycompany.com\"" };
        problems.error(codes::ZONE_NAME, &span, format!("`{written}` is not the name of a hosted zone"), help);
        return;
    }
    if is_placeholder_domain(&zone) {
        let message = format!("`{zone}` is the template's zone");
        problems.placeholder(codes::PLACEHOLDER, &span, message, "write the name of your public hosted zone");
    }
    let Some((url, _)) = document.word("zenml.server_url") else { return };
    let host = url.trim_start_matches("https://").trim_end_matches('/').to_lowercase();
    if is_domain(&host) && host != zone && !host.ends_with(&format!(".{zone}")) {
        let message = format!("the server's host `{host}` is not in the zone `{zone}`");
        let help = "name the zone that holds the host, change zenml.server_url, or set dns = \"external\"";
        problems.error(codes::HOST_OUTSIDE_ZONE, &span, message, help);
    }
}

fn allow_cidrs(document: &Document, problems: &mut Problems) {
    const PATH: &str = "ingress.allow_cidrs";
    if matches!(document.written(PATH), Some(Value::List(words)) if words.is_empty()) {
        let help = "name the ranges of your users, or remove the line to allow everyone";
        problems.error(codes::ALLOW_CIDRS, &document.span(PATH), "nobody could reach the server", help);
    }
    let ranges: BTreeSet<Ipv4Net> = document
        .words(PATH)
        .iter()
        .filter_map(|word| parse_cidr(&word.text, &word.span, "the range", problems))
        .collect();
    if ranges.len() > MOST_RANGES {
        let message = format!("{} ranges are more than a security group takes", ranges.len());
        let help =
            format!("{MOST_RANGES} at most, one rule each for 443 and 80: join neighbouring ranges to larger ones");
        problems.error(codes::ALLOW_CIDRS, &document.span(PATH), message, help);
    }
}
