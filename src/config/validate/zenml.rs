//! Rules for `[zenml]`, without its environment.

use uuid::Uuid;

use super::{arn, arn_belongs_here, is_domain, is_placeholder_domain, is_placeholder_id};
use crate::config::codes;
use crate::config::problems::Problems;
use crate::config::read::Document;

pub(super) fn check(document: &Document, problems: &mut Problems) {
    version(document, problems);
    server_url(document, problems);
    for path in ["zenml.organization.id", "zenml.workspace.id"] {
        id(document, path, problems);
    }
    for path in ["zenml.api_url", "zenml.dashboard_url"] {
        service_url(document, path, problems);
    }
    secret_source(document, problems);
}

fn version(document: &Document, problems: &mut Problems) {
    let Some((version, span)) = document.word("zenml.version") else { return };
    let help = match version {
        "latest" => "a tag that moves gives tasks of different versions: name one, for example version = \"0.98.0\"",
        _ if semver::Version::parse(version).is_ok_and(|version| version.build.is_empty()) => return,
        _ if version.starts_with('v') => "without the v, for example version = \"0.98.0\"",
        _ => "MAJOR.MINOR.PATCH, for example version = \"0.98.0\"",
    };
    problems.error(codes::VERSION, &span, format!("`{version}` is not a version"), help);
}

fn server_url(document: &Document, problems: &mut Problems) {
    let Some((url, span)) = document.word("zenml.server_url") else { return };
    let help = "for example server_url = \"https://zenml.mycompany.com\"";
    let mut report = |reason: &str| {
        problems.error(codes::SERVER_URL, &span, format!("`zenml.server_url` {reason}"), help);
    };
    let Some(rest) = url.strip_prefix("https://") else {
        return report("must start with https://");
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.contains('@') {
        report("may not contain a user or password");
    } else if rest.contains(['/', '?', '#']) {
        report("may not have a path: the server owns the whole host");
    } else if rest.contains(':') {
        report("may not have a port: the load balancer listens on 443");
    } else if !is_domain(rest) {
        report("needs a full host name, letters, digits, dashes and dots");
    } else if is_placeholder_domain(rest) {
        let message = format!("`{rest}` is the template's host");
        problems.placeholder(codes::PLACEHOLDER, &span, message, "write the address that your server shall have");
    }
}

fn id(document: &Document, path: &str, problems: &mut Problems) {
    let Some((id, span)) = document.word(path) else { return };
    if Uuid::parse_str(id).is_err() {
        let help = "a UUID such as 3f2504e0-4f89-41d3-9a0c-0305e82c3301, as ZenML's enrollment shows it";
        problems.error(codes::UUID, &span, format!("`{path}` is not a UUID"), help);
    } else if is_placeholder_id(id) {
        let help = "write the id that ZenML's enrollment shows, or let `hybridctl init --enrollment FILE` do it";
        problems.placeholder(codes::PLACEHOLDER, &span, format!("`{path}` is the template's placeholder"), help);
    }
}

fn service_url(document: &Document, path: &str, problems: &mut Problems) {
    let Some((url, span)) = document.word(path) else { return };
    let help = "https:// and a host; remove the line to use ZenML's own control plane";
    let authority = url.strip_prefix("https://").and_then(|rest| rest.split(['/', '?', '#']).next());
    if authority.is_some_and(|authority| authority.contains('@')) {
        let message = format!("`{path}` may not contain a user or password");
        problems.error(codes::SERVICE_URL, &span, message, help).masked = Some(span.clone());
    } else if !authority.is_some_and(is_host_and_port) || url.contains(['?', '#']) {
        problems.error(codes::SERVICE_URL, &span, format!("`{path}` is not an https URL"), help);
    }
}

fn is_host_and_port(authority: &str) -> bool {
    match authority.split_once(':') {
        Some((host, port)) => is_domain(host) && port.parse::<u16>().is_ok_and(|port| port > 0),
        None => is_domain(authority),
    }
}

fn secret_source(document: &Document, problems: &mut Problems) {
    const ENV: &str = "zenml.oauth2_client_secret.env";
    const ARN: &str = "zenml.oauth2_client_secret.secret_arn";
    if let Some((variable, span)) = document.word(ENV) {
        let starts_well = !variable.starts_with(|first: char| first.is_ascii_digit());
        if !starts_well || !variable.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            let help = "write the name of a variable; the secret itself never belongs in this file";
            let message = format!("`{ENV}` is not the name of a variable");
            // Someone may have pasted the secret itself.
            problems.error(codes::SECRET_SOURCE, &span, message, help).masked = Some(span.clone());
        }
    }
    if let Some((text, span)) = document.word(ARN) {
        match arn(text, "secretsmanager").filter(|arn| arn.resource.starts_with("secret:")) {
            Some(arn) => arn_belongs_here(document, ARN, &arn, problems),
            None => {
                let help = "arn:aws:secretsmanager:<region>:<account>:secret:<name>-<6 characters>";
                let message = format!("`{ARN}` is not the ARN of a secret");
                problems.error(codes::SECRET_SOURCE, &span, message, help).masked = Some(span.clone());
            }
        }
    }
}
