//! `Document` to `Config`, after every rule passed.
//!
//! It checks nothing and reports nothing; `None` means that a rule is missing, which `load` reports as a bug.

use ipnet::Ipv4Net;
use uuid::Uuid;

use crate::config::read::{Document, Value};
use crate::config::types::*;

/// Builds the config, with defaults filled in.
pub(super) fn config(document: &Document) -> Option<Config> {
    let name = document.text("name")?;
    Some(Config {
        region: document.text("region")?,
        account_id: document.text("account_id"),
        tags: pairs(document, "tags"),
        zenml: zenml(document)?,
        network: network(document)?,
        database: database(document)?,
        service: service(document, &name)?,
        ingress: ingress(document)?,
        secrets: secrets(document, &name),
        monitoring: Monitoring {
            log_retention_days: number(document, "monitoring.log_retention_days")?,
            alarms: document.text("monitoring.alarms.email").map(|email| Alarms { email }),
        },
        state: state(document, &name),
        name,
    })
}

fn pairs<M: FromIterator<(String, String)>>(document: &Document, path: &str) -> M {
    document.entries(path).iter().map(|(key, value)| (key.text.clone(), value.text.clone())).collect()
}

fn number<N: TryFrom<i64>>(document: &Document, path: &str) -> Option<N> {
    N::try_from(document.integer(path)?).ok()
}

fn zenml(document: &Document) -> Option<Zenml> {
    let api_url = trimmed(&document.text("zenml.api_url")?);
    Some(Zenml {
        version: document.text("zenml.version")?,
        server_url: trimmed(&document.text("zenml.server_url")?).to_lowercase(),
        organization: identity(document, "zenml.organization")?,
        workspace: identity(document, "zenml.workspace")?,
        oauth2_client_secret: secret_source(document),
        guide_variables: document.boolean("zenml.guide_variables")?,
        dashboard_url: trimmed(&document.text("zenml.dashboard_url")?),
        oauth2_audience: document.text("zenml.oauth2_audience").unwrap_or_else(|| api_url.clone()),
        api_url,
        logging_level: match document.text("zenml.logging_level")?.as_str() {
            "DEBUG" => LoggingLevel::Debug,
            "INFO" => LoggingLevel::Info,
            "WARN" => LoggingLevel::Warn,
            "ERROR" => LoggingLevel::Error,
            "CRITICAL" => LoggingLevel::Critical,
            _ => return None,
        },
        analytics: document.boolean("zenml.analytics")?,
        environment: pairs(document, "zenml.environment"),
    })
}

fn trimmed(url: &str) -> String {
    url.trim_end_matches('/').to_owned()
}

fn identity(document: &Document, path: &str) -> Option<Identity> {
    let id = Uuid::parse_str(&document.text(&format!("{path}.id"))?).ok()?;
    Some(Identity { id: id.hyphenated().to_string(), name: document.text(&format!("{path}.name"))? })
}

fn secret_source(document: &Document) -> SecretSource {
    const PATH: &str = "zenml.oauth2_client_secret";
    let given = |key: &str| document.text(&format!("{PATH}.{key}"));
    let file = given("file").map(SecretSource::File);
    file.or_else(|| given("enrollment").map(SecretSource::Enrollment))
        .or_else(|| given("secret_arn").map(SecretSource::SecretArn))
        .or_else(|| given("env").map(SecretSource::Env))
        .unwrap_or_else(|| SecretSource::Env("ZENML_SERVER_PRO_OAUTH2_CLIENT_SECRET".to_owned()))
}

fn network(document: &Document) -> Option<Network> {
    Some(Network {
        cidr: document.text("network.cidr")?.parse().ok()?,
        zones: match document.written("network.zones") {
            Some(Value::List(words)) => Zones::Names(words.iter().map(|word| word.text.clone()).collect()),
            _ => Zones::Count(number(document, "network.zones")?),
        },
        nat: match document.text("network.nat")?.as_str() {
            "single" => Nat::Single,
            "per-zone" => Nat::PerZone,
            _ => return None,
        },
        existing: document.text("network.existing.vpc_id").and_then(|vpc_id| {
            Some(ExistingNetwork {
                vpc_id,
                public_subnet_ids: document.list("network.existing.public_subnet_ids")?,
                private_subnet_ids: document.list("network.existing.private_subnet_ids")?,
            })
        }),
    })
}

fn database(document: &Document) -> Option<Database> {
    let mut log_exports = document.list("database.log_exports")?;
    log_exports.sort();
    log_exports.dedup();
    Some(Database {
        engine_version: document.text("database.engine_version")?,
        instance_class: document.text("database.instance_class")?,
        storage_gib: number(document, "database.storage_gib")?,
        max_storage_gib: number(document, "database.max_storage_gib").filter(|limit| *limit != 0),
        restore_from: document.text("database.restore_from"),
        multi_az: document.boolean("database.multi_az")?,
        backup_retention_days: number(document, "database.backup_retention_days")?,
        log_exports,
        name: document.text("database.name")?,
        username: document.text("database.username")?,
        deletion_protection: document.boolean("database.deletion_protection")?,
    })
}

fn service(document: &Document, name: &str) -> Option<Service> {
    let command = match document.written("service.command") {
        Some(Value::List(words)) => Command::Custom(words.iter().map(|word| word.text.clone()).collect()),
        Some(Value::Text(text)) if text == "image" => Command::Image,
        _ => Command::Auto,
    };
    let autoscaling = document.is_given("service.autoscaling").then(|| {
        Some(Autoscaling {
            min: number(document, "service.autoscaling.min")?,
            max: number(document, "service.autoscaling.max")?,
            cpu_target: number(document, "service.autoscaling.cpu_target")?,
        })
    });
    Some(Service {
        image: document.text("service.image")?,
        cluster: document.text("service.cluster").unwrap_or_else(|| name.to_owned()),
        cpu: number(document, "service.cpu")?,
        memory: number(document, "service.memory")?,
        port: number(document, "service.port")?,
        command,
        execution_policy: match document.text("service.execution_policy")?.as_str() {
            "managed" => ExecutionPolicy::Managed,
            "exact" => ExecutionPolicy::Exact,
            _ => return None,
        },
        desired_count: number(document, "service.desired_count")?,
        autoscaling: autoscaling.flatten(),
    })
}

fn ingress(document: &Document) -> Option<Ingress> {
    let certificate = document.text("ingress.certificate_arn").map_or(Certificate::Request, Certificate::Arn);
    let dns = match document.text("ingress.dns.route53_zone") {
        Some(zone) => Dns::Route53 { zone: zone.trim_end_matches('.').to_lowercase() },
        None => Dns::External,
    };
    let allow_cidrs = document.list("ingress.allow_cidrs")?.iter().map(|cidr| cidr.parse().ok()).collect();
    Some(Ingress {
        certificate,
        dns,
        scheme: match document.text("ingress.scheme")?.as_str() {
            "internet-facing" => Scheme::InternetFacing,
            "internal" => Scheme::Internal,
            _ => return None,
        },
        allow_cidrs: Option::<Vec<Ipv4Net>>::map(allow_cidrs, sorted)?,
    })
}

fn sorted(mut cidrs: Vec<Ipv4Net>) -> Vec<Ipv4Net> {
    cidrs.sort();
    cidrs.dedup();
    cidrs
}

fn secrets(document: &Document, name: &str) -> SecretNames {
    let defaults = SecretNames::for_deployment(name);
    let given = |key: &str| document.text(&format!("secrets.names.{key}"));
    SecretNames {
        oauth2_client_secret: given("oauth2").unwrap_or(defaults.oauth2_client_secret),
        database_password: given("database_password").unwrap_or(defaults.database_password),
        jwt_key: given("jwt_key").unwrap_or(defaults.jwt_key),
        encryption_key: given("encryption_key").unwrap_or(defaults.encryption_key),
        database_url: given("database_url").unwrap_or(defaults.database_url),
    }
}

fn state(document: &Document, name: &str) -> StateLocation {
    match document.text("state.bucket") {
        Some(bucket) => StateLocation::Bucket {
            bucket,
            prefix: document.text("state.prefix").unwrap_or_else(|| name.to_owned()),
            region: document.text("state.region").or_else(|| document.text("region")).unwrap_or_default(),
        },
        None => StateLocation::Path(document.text("state.path").unwrap_or_else(|| format!(".hybridctl/{name}"))),
    }
}
