//! The one table of every key that `hybrid.toml` may contain.
//!
//! The reader and the JSON Schema are both made from it, so they cannot disagree; defaults are here and nowhere else.
//! Rules that look at more than one value, or at the form of a text, are in `validate`.

/// What a value may look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A string.
    Text,
    /// One of these strings.
    Choice(&'static [&'static str]),
    /// An integer, both ends included.
    Integer(i64, i64),
    /// `true` or `false`.
    Boolean,
    /// An array of strings.
    List,
    /// A table with free keys and string values.
    Map,
    /// A table whose keys are in this table, under `path.`.
    Section,
    /// Any of these.
    Any(&'static [Shape]),
}

/// One key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    /// Dotted path, `database.storage_gib`.
    pub(super) path: &'static str,
    /// What the value may look like.
    pub(super) shape: Shape,
    /// Must be there whenever its section is (sections that are required must be there too).
    pub(super) required: bool,
    /// Default as JSON text; `None` when there is none or it depends on other values (the description says so).
    pub(super) default: Option<&'static str>,
    /// Description for the schema, one or two sentences.
    pub(super) doc: &'static str,
}

const fn required(path: &'static str, shape: Shape, doc: &'static str) -> Field {
    Field { path, shape, required: true, default: None, doc }
}

const fn optional(path: &'static str, shape: Shape, doc: &'static str) -> Field {
    Field { path, shape, required: false, default: None, doc }
}

const fn defaulted(path: &'static str, shape: Shape, default: &'static str, doc: &'static str) -> Field {
    Field { path, shape, required: false, default: Some(default), doc }
}

use Shape::{Any, Boolean, Choice, Integer, List, Map, Section, Text};

/// The guide's repository; the server image is pulled from ZenML's account in eu-central-1, whatever our region is.
const REPOSITORY: &str = "\"715803424590.dkr.ecr.eu-central-1.amazonaws.com/zenml-pro-server\"";

/// Log levels that the server knows; any other stops it at import.
pub(super) const LOGGING_LEVELS: &[&str] = &["DEBUG", "INFO", "WARN", "ERROR", "CRITICAL"];

/// Every key, in the order of the schema.
pub(super) const FIELDS: &[Field] = &[
    required(
        "name",
        Text,
        "Name of the deployment and prefix of every physical name: lower-case letters, digits and single dashes, a \
         letter first, at most 20 characters.",
    ),
    required("region", Text, "AWS region, for example eu-central-1."),
    optional("account_id", Text, "Guard: refuse every account but this one (12 digits, in quotes)."),
    optional("tags", Map, "Tags for every resource."),
    required("zenml", Section, "The ZenML server and the workspace it serves."),
    required("zenml.version", Text, "Server version and image tag, for example 0.98.0."),
    required("zenml.server_url", Text, "Public address of the server: https, without port and path."),
    required("zenml.organization", Section, "The organization in ZenML Pro."),
    required("zenml.organization.id", Text, "Organization id, a UUID."),
    required("zenml.organization.name", Text, "Organization name."),
    required("zenml.workspace", Section, "The workspace in ZenML Pro."),
    required("zenml.workspace.id", Text, "Workspace id, a UUID."),
    required("zenml.workspace.name", Text, "Workspace name."),
    defaulted(
        "zenml.oauth2_client_secret",
        Section,
        r#"{"env":"ZENML_SERVER_PRO_OAUTH2_CLIENT_SECRET"}"#,
        "Where the OAuth2 client secret (the enrollment key) comes from; exactly one source, never the value \
         itself. Once stored, an unset variable keeps the stored value.",
    ),
    optional("zenml.oauth2_client_secret.env", Text, "Name of an environment variable."),
    optional("zenml.oauth2_client_secret.file", Text, "File that holds the value alone, relative to the config file."),
    optional(
        "zenml.oauth2_client_secret.enrollment",
        Text,
        "The JSON that ZenML's enrollment returned, relative to the config file.",
    ),
    optional("zenml.oauth2_client_secret.secret_arn", Text, "Full ARN of an existing secret in Secrets Manager."),
    defaulted("zenml.guide_variables", Boolean, "true", "Also set the variable names of ZenML's ECS guide."),
    defaulted("zenml.api_url", Text, "\"https://cloudapi.zenml.io\"", "Control plane API."),
    defaulted("zenml.dashboard_url", Text, "\"https://cloud.zenml.io\"", "Control plane dashboard."),
    optional("zenml.oauth2_audience", Text, "OAuth2 audience. Default: zenml.api_url."),
    defaulted("zenml.logging_level", Choice(LOGGING_LEVELS), "\"INFO\"", "Log level of the server."),
    defaulted("zenml.analytics", Boolean, "false", "Send usage analytics to ZenML."),
    defaulted(
        "zenml.environment",
        Map,
        "{}",
        "Extra environment variables of the server. ZENML names are checked against the known ones.",
    ),
    optional("network", Section, "The VPC and its subnets."),
    defaulted(
        "network.cidr",
        Text,
        "\"10.0.0.0/16\"",
        "Address range of the VPC, /16 to /24. Subnets are cut so that adding a zone renumbers nothing.",
    ),
    defaulted(
        "network.zones",
        Any(&[Integer(2, 8), List]),
        "2",
        "Availability zones: how many, or their names. At least two.",
    ),
    defaulted("network.nat", Choice(&["single", "per-zone"]), "\"single\"", "One NAT gateway, or one in every zone."),
    optional("network.existing", Section, "Use an existing network instead of making one."),
    required("network.existing.vpc_id", Text, "Id of the VPC."),
    required("network.existing.public_subnet_ids", List, "Subnets for the load balancer, in two zones or more."),
    required("network.existing.private_subnet_ids", List, "Subnets for tasks and database, in two zones or more."),
    optional("database", Section, "The RDS instance."),
    defaulted("database.engine", Text, "\"mysql\"", "Database engine. ZenML works with MySQL only."),
    defaulted(
        "database.engine_version",
        Text,
        "\"8.4\"",
        "MySQL version: 8.4, or 8.0 at the extra cost of Extended Support.",
    ),
    defaulted("database.instance_class", Text, "\"db.t3.micro\"", "Instance class."),
    defaulted(
        "database.storage_gib",
        Integer(20, 65_536),
        "100",
        "Storage at creation, GiB. It can grow, never shrink.",
    ),
    defaulted(
        "database.max_storage_gib",
        Integer(0, 65_536),
        "500",
        "Limit of automatic growth, GiB; 0 turns growth off.",
    ),
    optional(
        "database.restore_from",
        Text,
        "Snapshot to create the database from. Read only when the database is created.",
    ),
    defaulted("database.multi_az", Boolean, "false", "Keep a standby in a second zone."),
    defaulted("database.backup_retention_days", Integer(1, 35), "30", "Days of automatic backups."),
    defaulted(
        "database.log_exports",
        List,
        r#"["error","general","slowquery"]"#,
        "Logs sent to CloudWatch: audit, error, general, slowquery.",
    ),
    defaulted(
        "database.name",
        Text,
        "\"zenml_hybrid\"",
        "Database in the instance: letters, digits and underscores, a letter first.",
    ),
    defaulted("database.username", Text, "\"zenml\"", "Master user, at most 16 characters."),
    defaulted(
        "database.deletion_protection",
        Boolean,
        "true",
        "Refuse to delete the database until this is turned off.",
    ),
    optional("service", Section, "The ECS cluster, task definition and service."),
    defaulted("service.image", Text, REPOSITORY, "Image repository. A tag or digest here overrides zenml.version."),
    optional("service.cluster", Text, "Name of the ECS cluster. Default: the deployment's name."),
    defaulted(
        "service.cpu",
        Integer(256, 16_384),
        "512",
        "CPU units of a task, 1024 is one vCPU: 256, 512, 1024, 2048, 4096, 8192 or 16384.",
    ),
    defaulted(
        "service.memory",
        Integer(512, 122_880),
        "1024",
        "Memory of a task, MiB. Fargate offers certain pairs of cpu and memory only.",
    ),
    defaulted(
        "service.port",
        Integer(1, 65_535),
        "8000",
        "Port of the container; must be 8080 with command = \"image\".",
    ),
    defaulted(
        "service.command",
        Any(&[Choice(&["auto", "image"]), List]),
        "\"auto\"",
        "auto: listen on service.port. image: the image's own command. Or the command, word by word.",
    ),
    defaulted(
        "service.execution_policy",
        Choice(&["managed", "exact"]),
        "\"managed\"",
        "AWS's managed policy for the execution role, or one inline policy with exact ARNs.",
    ),
    defaulted("service.desired_count", Integer(1, 100), "1", "Number of tasks."),
    optional("service.autoscaling", Section, "Scale the number of tasks with CPU use."),
    required("service.autoscaling.min", Integer(1, 100), "Fewest tasks."),
    required("service.autoscaling.max", Integer(1, 100), "Most tasks."),
    defaulted("service.autoscaling.cpu_target", Integer(10, 95), "70", "Average CPU use to hold, percent."),
    required("ingress", Section, "The load balancer, its certificate and its name."),
    optional(
        "ingress.certificate_arn",
        Text,
        "A certificate in ACM, in the deployment's region. This or certificate is required.",
    ),
    optional(
        "ingress.certificate",
        Choice(&["request"]),
        "Ask ACM for a certificate; needs a Route 53 zone. This or certificate_arn is required.",
    ),
    required(
        "ingress.dns",
        Any(&[Choice(&["external"]), Section]),
        "Make the record in a Route 53 zone, or external: the record to create is printed.",
    ),
    required("ingress.dns.route53_zone", Text, "Name of the public hosted zone."),
    defaulted(
        "ingress.scheme",
        Choice(&["internet-facing", "internal"]),
        "\"internet-facing\"",
        "Public or private load balancer.",
    ),
    defaulted("ingress.allow_cidrs", List, r#"["0.0.0.0/0"]"#, "Who may reach the load balancer."),
    optional("secrets", Section, "Names in Secrets Manager."),
    optional(
        "secrets.names",
        Section,
        "Names of the secrets. Defaults start with zenml/ for a deployment called zenml-hybrid and with \
         zenml/<name>/ otherwise.",
    ),
    optional(
        "secrets.names.oauth2",
        Text,
        "The OAuth2 client secret. Default: pro/oauth2-client-secret after the prefix.",
    ),
    optional("secrets.names.database_password", Text, "The database password. Default: rds/password after the prefix."),
    optional(
        "secrets.names.jwt_key",
        Text,
        "The key that signs the server's tokens. Default: server/jwt-key after the prefix.",
    ),
    optional(
        "secrets.names.encryption_key",
        Text,
        "The key that encrypts the server's secrets. Default: server/encryption-key after the prefix.",
    ),
    optional(
        "secrets.names.database_url",
        Text,
        "The guide's database URL. Default: rds/database-url after the prefix.",
    ),
    optional("monitoring", Section, "Logs and alarms."),
    defaulted(
        "monitoring.log_retention_days",
        Integer(1, 3653),
        "90",
        "Days that CloudWatch keeps logs; one of the values it offers.",
    ),
    optional("monitoring.alarms", Section, "Alarms and whom they tell."),
    required("monitoring.alarms.email", Text, "Address that gets the alarms."),
    optional("state", Section, "Where hybridctl keeps its record."),
    optional("state.path", Text, "Folder, relative to the config file. Default: .hybridctl/<name>."),
    optional("state.bucket", Text, "S3 bucket, instead of a folder: for a state that several people and CI share."),
    optional("state.prefix", Text, "Start of the object keys in the bucket. Default: the deployment's name."),
    optional("state.region", Text, "Region of the bucket. Default: the deployment's."),
];

/// Sections of which exactly one of the keys must be given.
pub(super) const EXACTLY_ONE: &[(&str, &[&str])] = &[
    ("ingress", &["certificate_arn", "certificate"]),
    ("zenml.oauth2_client_secret", &["env", "file", "enrollment", "secret_arn"]),
];

/// Settings that are read and checked but not carried out by this version. Remove a line when it is.
pub(super) const UNSUPPORTED: &[(&str, &str)] = &[
    ("network.existing", "remove it: hybridctl makes a network of its own, cut from `network.cidr`"),
    ("service.autoscaling", "remove it and set `service.desired_count`"),
    ("monitoring.alarms", "remove it"),
];

impl Field {
    /// Returns the description in the style of a help line: lower case, no full stop at the end.
    pub(super) fn hint(&self) -> String {
        let doc = self.doc.trim_end_matches('.');
        let first_word = doc.split([' ', ',', ':']).next().unwrap_or_default();
        // Only plain words: `AWS`, `MySQL` and `OAuth2` stay as they are.
        let is_plain = first_word.chars().skip(1).all(|letter| letter.is_ascii_lowercase());
        match doc.chars().next() {
            Some(first) if is_plain => first.to_lowercase().chain(doc.chars().skip(1)).collect(),
            _ => doc.to_owned(),
        }
    }
}

/// Returns the field with this path.
pub(super) fn field(path: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.path == path)
}

/// Returns the fields directly inside a section; the root's path is empty.
pub(super) fn children(section: &str) -> impl Iterator<Item = (&'static str, &'static Field)> {
    FIELDS.iter().filter_map(move |field| match (section, field.path.rsplit_once('.')) {
        ("", None) => Some((field.path, field)),
        (section, Some((parent, key))) if parent == section => Some((key, field)),
        _ => None,
    })
}

/// Joins a section's path and a key.
pub(super) fn join(section: &str, key: &str) -> String {
    if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") }
}
