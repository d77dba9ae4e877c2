//! Rules for `[network]`.

use std::collections::BTreeSet;

use ipnet::Ipv4Net;

use super::known_region;
use crate::config::codes;
use crate::config::names::max_zones;
use crate::config::problems::{Problems, Span};
use crate::config::read::{Document, Value, Word};

const CIDR: &str = "network.cidr";
const ZONES: &str = "network.zones";

pub(super) fn check(document: &Document, problems: &mut Problems) {
    let cidr = cidr(document, problems);
    zones(document, problems);
    if let Some(cidr) = cidr {
        room(document, cidr, problems);
    }
    existing(document, problems);
}

/// Reads an IPv4 range or reports why it is none; `what` names it in the message.
pub(super) fn parse_cidr(text: &str, span: &Span, what: &str, problems: &mut Problems) -> Option<Ipv4Net> {
    match text.parse::<Ipv4Net>() {
        Ok(net) if net.trunc() == net => Some(net),
        Ok(net) => {
            let message = format!("{what} `{text}` has bits set after the first {}", net.prefix_len());
            problems.error(codes::CIDR_HOST_BITS, span, message, format!("write {}", net.trunc()));
            None
        }
        Err(_) if text.contains(':') => {
            let help = "write an IPv4 range, for example 10.0.0.0/16";
            problems.error(codes::CIDR, span, format!("{what} `{text}` is not an IPv4 range"), help);
            None
        }
        Err(_) => {
            let help = if text.contains('/') {
                "four numbers up to 255, a slash, and a length up to 32, for example 10.0.0.0/16".to_owned()
            } else {
                format!("an address needs a length: {text}/32 for this one alone, or for example 10.0.0.0/16")
            };
            problems.error(codes::CIDR, span, format!("{what} `{text}` is not an address range"), help);
            None
        }
    }
}

fn cidr(document: &Document, problems: &mut Problems) -> Option<Ipv4Net> {
    let Some((text, span)) = document.word(CIDR) else {
        return document.text(CIDR).filter(|_| !document.is_given(CIDR))?.parse().ok();
    };
    let net = parse_cidr(text, &span, "`network.cidr`", problems)?;
    if !(16..=24).contains(&net.prefix_len()) {
        let message = format!("`network.cidr` must be a /16 to /24, this is a /{}", net.prefix_len());
        let help = "AWS allows no VPC larger than a /16, and the subnets of one smaller than a /24 are too small for a \
                    load balancer";
        problems.error(codes::CIDR_SIZE, &span, message, help);
        return None;
    }
    // RFC 1918 and the shared range of RFC 6598, all of which AWS treats as private.
    let private = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"];
    if !private.iter().any(|range| range.parse::<Ipv4Net>().is_ok_and(|range| range.contains(&net))) {
        let message = format!(
            "`{net}` is a range of public addresses: hosts that really have them cannot be reached from this VPC"
        );
        problems.warning(
            codes::CIDR_PUBLIC,
            &span,
            message,
            "use a part of 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16",
        );
    }
    Some(net)
}

fn zones(document: &Document, problems: &mut Problems) {
    let names = document.words(ZONES);
    if matches!(document.written(ZONES), Some(Value::List(_))) && names.len() < 2 {
        let help = "the load balancer and the database need two zones at least";
        problems.error(
            codes::ZONES,
            &document.span(ZONES),
            format!("`network.zones` lists {} zones", names.len()),
            help,
        );
    }
    let mut seen = BTreeSet::new();
    for Word { text, span } in names {
        let region = known_region(document);
        let in_region = region.is_none_or(|region| {
            let letter = text.strip_prefix(region).unwrap_or_default();
            letter.len() == 1 && letter.bytes().all(|byte| byte.is_ascii_lowercase())
        });
        if !in_region {
            let region = region.unwrap_or_default();
            let message = format!("`{text}` is not an availability zone of {region}");
            problems.error(codes::ZONES, span, message, format!("zones are called {region}a, {region}b and so on"));
        } else if !seen.insert(text) {
            problems.error(codes::ZONES, span, format!("`{text}` is listed twice"), "name different zones");
        }
    }
}

fn room(document: &Document, cidr: Ipv4Net, problems: &mut Problems) {
    let (count, most) = match document.written(ZONES) {
        Some(Value::List(names)) => (names.len(), max_zones(cidr)),
        Some(Value::Integer(count)) => (usize::try_from(*count).unwrap_or(0), max_zones(cidr)),
        _ => return,
    };
    // A count above 8 is out of range whatever the network.
    let is_list = matches!(document.written(ZONES), Some(Value::List(_)));
    if count > most && (is_list || count <= 8) {
        let message = format!("{count} zones need {} subnets; `{cidr}` has room for {}", count * 2, most * 2);
        let help = format!("use {most} zones at most, or a larger `network.cidr`");
        problems.error(codes::CIDR_ROOM, &document.span(ZONES), message, help);
    }
}

fn existing(document: &Document, problems: &mut Problems) {
    let is_id = |text: &str, prefix: &str| {
        text.strip_prefix(prefix).is_some_and(|rest| {
            matches!(rest.len(), 8 | 17) && rest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        })
    };
    if let Some((vpc, span)) = document.word("network.existing.vpc_id")
        && !is_id(vpc, "vpc-")
    {
        let help = "vpc- and 8 or 17 hexadecimal digits";
        problems.error(codes::EXISTING_NETWORK, &span, format!("`{vpc}` is not the id of a VPC"), help);
    }
    let mut seen = BTreeSet::new();
    for path in ["network.existing.public_subnet_ids", "network.existing.private_subnet_ids"] {
        let ids = document.words(path);
        if document.written(path).is_some() && ids.len() < 2 {
            let message = format!("`{path}` needs two subnets at least, in different zones");
            problems.error(codes::EXISTING_NETWORK, &document.span(path), message, "add one in another zone");
        }
        for Word { text, span } in ids {
            if !is_id(text, "subnet-") {
                let help = "subnet- and 8 or 17 hexadecimal digits";
                problems.error(codes::EXISTING_NETWORK, span, format!("`{text}` is not the id of a subnet"), help);
            } else if !seen.insert(text) {
                let help = "a public subnet cannot be a private one as well";
                problems.error(codes::EXISTING_NETWORK, span, format!("`{text}` is listed twice"), help);
            }
        }
    }
}
