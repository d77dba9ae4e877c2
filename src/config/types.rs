//! What a validated `hybrid.toml` says, as types.
//!
//! These structs hold no defaults and no rules: `read.rs` fills in the defaults, `validate.rs` has the rules.
//! A `Config` only exists when every rule passed, so the code that builds the resource graph never checks again.
//! Values that are derived from others (names, host, image reference) are methods in `names.rs`, not fields.

use std::collections::BTreeMap;

use ipnet::Ipv4Net;

/// A whole deployment, validated and with every default filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Name of the deployment and prefix of every physical name, `zenml-hybrid`; at most 20 characters.
    pub name: String,
    /// AWS region, `eu-central-1`.
    pub region: String,
    /// The only account (12 digits) that may be used; `None` accepts the account of the credentials.
    pub account_id: Option<String>,
    /// Tags for every resource that takes tags, besides hybridctl's own.
    pub tags: BTreeMap<String, String>,
    /// The ZenML server and the workspace it serves.
    pub zenml: Zenml,
    /// The VPC and its subnets.
    pub network: Network,
    /// The MySQL instance.
    pub database: Database,
    /// The ECS service.
    pub service: Service,
    /// The load balancer, its certificate and its name.
    pub ingress: Ingress,
    /// Names of the secrets in Secrets Manager.
    pub secrets: SecretNames,
    /// Logs and alarms.
    pub monitoring: Monitoring,
    /// Where hybridctl keeps its record of what it made.
    pub state: StateLocation,
}

/// `[zenml]`: the server's version, its place in ZenML Pro and its own settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zenml {
    /// Version as written, `0.98.0`; the version that really runs is `Config::image_version`.
    pub version: String,
    /// Public address, `https://zenml.mycompany.com`: https, no port, no path, no slash at the end, lower case.
    pub server_url: String,
    /// The organization in ZenML Pro.
    pub organization: Identity,
    /// The workspace in ZenML Pro; its id is the server's OAuth2 client id.
    pub workspace: Identity,
    /// Where the OAuth2 client secret (the enrollment key) comes from; the value itself is never in the config.
    pub oauth2_client_secret: SecretSource,
    /// Also set the variable names of ZenML's ECS guide, which no inspected server reads. Default true.
    pub guide_variables: bool,
    /// Control plane API. Default `https://cloudapi.zenml.io`.
    pub api_url: String,
    /// Control plane dashboard. Default `https://cloud.zenml.io`.
    pub dashboard_url: String,
    /// OAuth2 audience. Default: `api_url`.
    pub oauth2_audience: String,
    /// Log level of the server, default `INFO`.
    pub logging_level: LoggingLevel,
    /// Send usage analytics to ZenML. Default false.
    pub analytics: bool,
    /// Extra environment variables of the container; none that hybridctl sets itself.
    pub environment: BTreeMap<String, String>,
}

/// Something with an id and a name in ZenML Pro.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// UUID, lower case with dashes, whatever the form in the file.
    pub id: String,
    /// Name as shown in ZenML Pro.
    pub name: String,
}

/// Where a secret's value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// An environment variable of the process that runs hybridctl. The default, `ZENML_SERVER_PRO_OAUTH2_CLIENT_SECRET`.
    Env(String),
    /// A file that holds the value alone; relative to the config file.
    File(String),
    /// The JSON that ZenML's enrollment returned; relative to the config file.
    Enrollment(String),
    /// A secret that exists in Secrets Manager and is used as it is: full ARN, with the random suffix.
    SecretArn(String),
}

/// `ZENML_LOGGING_VERBOSITY`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoggingLevel {
    /// Everything.
    Debug,
    /// The default.
    Info,
    /// Warnings and worse.
    Warn,
    /// Errors and worse.
    Error,
    /// Only what stops the server.
    Critical,
}

/// `[network]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Address range of the VPC, /16 to /24. Default `10.0.0.0/16`. Unused with `existing`.
    pub cidr: Ipv4Net,
    /// Availability zones. Default 2.
    pub zones: Zones,
    /// NAT gateways. Default one.
    pub nat: Nat,
    /// Use this network instead of making one.
    pub existing: Option<ExistingNetwork>,
}

/// Availability zones, by count or by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Zones {
    /// The first `n` zones of the region that offer what is needed, in alphabetical order; 2 or more.
    Count(u8),
    /// Exactly these, `eu-central-1a`; 2 or more. The order decides which zone gets which subnet.
    Names(Vec<String>),
}

/// How private subnets reach the internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nat {
    /// One NAT gateway in the first zone: cheaper; no way out when that zone fails.
    Single,
    /// A NAT gateway in every zone.
    PerZone,
}

/// `network.existing`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExistingNetwork {
    /// `vpc-0abc…`.
    pub vpc_id: String,
    /// Subnets for the load balancer, at least two zones.
    pub public_subnet_ids: Vec<String>,
    /// Subnets for tasks and database, at least two zones.
    pub private_subnet_ids: Vec<String>,
}

/// `[database]`: one RDS instance, MySQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// `8.4` (default), `8.0`, or with a patch, `8.4.5`.
    pub engine_version: String,
    /// `db.t3.micro` by default.
    pub instance_class: String,
    /// Storage at creation, GiB. Default 100. AWS lets it grow, never shrink.
    pub storage_gib: u32,
    /// Limit of automatic growth, GiB; `None` (0 in the file) turns growth off. Default 500.
    pub max_storage_gib: Option<u32>,
    /// Snapshot (name or ARN) to create the instance from; read only when the instance is created.
    pub restore_from: Option<String>,
    /// A standby in a second zone. Default false.
    pub multi_az: bool,
    /// Days of automatic backups, 1 to 35. Default 30.
    pub backup_retention_days: u16,
    /// Logs sent to CloudWatch, sorted. Default error, general and slowquery.
    pub log_exports: Vec<String>,
    /// Database in the instance, `zenml_hybrid`.
    pub name: String,
    /// Master user, `zenml`.
    pub username: String,
    /// Refuse deletion until it is turned off. Default true.
    pub deletion_protection: bool,
}

/// `[service]`: the ECS cluster, task definition and service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Image as written: a repository, or one with a tag or digest. What runs is `Config::image`.
    pub image: String,
    /// Name of the ECS cluster. Default: the deployment's name.
    pub cluster: String,
    /// CPU units of a task, 1024 is one vCPU. Default 512.
    pub cpu: u32,
    /// Memory of a task, MiB. Default 1024.
    pub memory: u32,
    /// Port that the container listens on, and the load balancer's target port. Default 8000.
    pub port: u16,
    /// What the container runs.
    pub command: Command,
    /// How the execution role gets its rights.
    pub execution_policy: ExecutionPolicy,
    /// Tasks, 1 or more. Default 1.
    pub desired_count: u32,
    /// Scale the number of tasks with CPU use.
    pub autoscaling: Option<Autoscaling>,
}

/// `service.command`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// hybridctl's own uvicorn command, which listens on `service.port`. The default.
    Auto,
    /// The image's own command, which listens on 8080.
    Image,
    /// This command, word by word.
    Custom(Vec<String>),
}

/// `service.execution_policy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExecutionPolicy {
    /// `AmazonECSTaskExecutionRolePolicy` and an inline policy for exactly our secrets. The default.
    Managed,
    /// One inline policy with exact ARNs: image repository, log group, secrets.
    Exact,
}

/// `service.autoscaling`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Autoscaling {
    /// Fewest tasks.
    pub min: u32,
    /// Most tasks.
    pub max: u32,
    /// Average CPU use to hold, percent.
    pub cpu_target: u8,
}

/// `[ingress]`: load balancer, certificate, DNS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ingress {
    /// The certificate of the HTTPS listener.
    pub certificate: Certificate,
    /// Who makes the DNS record.
    pub dns: Dns,
    /// Reachable from the internet or only from the VPC.
    pub scheme: Scheme,
    /// Who may reach the load balancer. Default everyone.
    pub allow_cidrs: Vec<Ipv4Net>,
}

/// `ingress.certificate_arn` or `ingress.certificate`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Certificate {
    /// A certificate in ACM, in the deployment's region.
    Arn(String),
    /// Ask ACM for one and prove ownership in the Route 53 zone.
    Request,
}

/// `ingress.dns`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dns {
    /// hybridctl makes the record in this public hosted zone, given by name without a dot at the end, `mycompany.com`.
    Route53 {
        /// Name of the hosted zone.
        zone: String,
    },
    /// Someone else makes the record; hybridctl prints it.
    External,
}

/// `ingress.scheme`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Public addresses. The default.
    InternetFacing,
    /// Private addresses in the VPC.
    Internal,
}

/// Names in Secrets Manager. Defaults: `zenml/pro/oauth2-client-secret`, `zenml/rds/password`, `zenml/server/jwt-key`,
/// `zenml/server/encryption-key` and `zenml/rds/database-url` for a deployment called `zenml-hybrid`; any other gets
/// its name after `zenml/`, `zenml/<name>/rds/password`, so that several fit in one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretNames {
    /// The OAuth2 client secret. Not made when the source is `SecretSource::SecretArn`.
    pub oauth2_client_secret: String,
    /// The database master password.
    pub database_password: String,
    /// `ZENML_SERVER_JWT_SECRET_KEY`.
    pub jwt_key: String,
    /// `ZENML_SECRETS_STORE_ENCRYPTION_KEY`.
    pub encryption_key: String,
    /// The guide's `ZENML_DATABASE_URL`; made only with `zenml.guide_variables`.
    pub database_url: String,
}

/// `[monitoring]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Monitoring {
    /// Days that CloudWatch keeps logs; one of the values that AWS offers. Default 90.
    pub log_retention_days: u16,
    /// Alarms and whom they tell.
    pub alarms: Option<Alarms>,
}

/// `monitoring.alarms`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarms {
    /// Address that gets them, after confirming a message from AWS.
    pub email: String,
}

/// `[state]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateLocation {
    /// A folder, relative to the config file. Default `.hybridctl/<name>`.
    Path(String),
    /// Objects in an S3 bucket.
    Bucket {
        /// Name of the bucket.
        bucket: String,
        /// Start of the object keys. Default: the deployment's name.
        prefix: String,
        /// Region of the bucket. Default: the deployment's.
        region: String,
    },
}
