//! The table of what brings about what: a failure of one kind, and the failures of other checks that follow from it.
//!
//! A row speaks of kinds, not of checks alone: a stopped database explains a server that cannot reach it, and not one whose
//! image may not be pulled. What is not in a row is a cause of its own, however near it stands.

/// Kinds that begin with one of these. [`ANY`]: every failure of the check.
pub(super) type Kinds = &'static [&'static str];

/// A failure, and what it brings about. Read transitively, through what really fails. Earlier rows win where two causes
/// explain equally much.
#[derive(Debug)]
pub(super) struct Row {
    /// The check that fails.
    pub id: &'static str,
    /// The kinds of its failure that this row is about.
    pub kinds: Kinds,
    /// Checks, and the kinds of their failures that follow.
    pub effects: &'static [(&'static [&'static str], Kinds)],
}

/// Every kind, and a failure of no known one.
pub(super) const ANY: Kinds = &[""];

/// Where the end of a task is told, and of a rollout that ended for the same reason.
const TELL: &[&str] = &["VF-TASKS", "VF-LOGS", "VF-MIGRATION", "VF-REVISION"];
/// The same without the rollout.
const TASK: &[&str] = &["VF-TASKS", "VF-LOGS", "VF-MIGRATION"];
/// What the server itself answers, and only the server can.
const SAID: &[&str] = &[
    "VF-ROOT",
    "VF-CORS",
    "VF-CONTROL-PLANE",
    "VF-INFO-DATABASE",
    "VF-INFO-IDS",
    "VF-INFO-URL",
    "VF-INFO-VERSION",
    "VF-INFO-AUTH",
];
/// What fails besides where nothing was made.
const ELSE: &[&str] =
    &["VF-DNS", "VF-TLS", "VF-REDIRECT", "VF-HEALTH", "VF-BALANCER", "VF-TARGETS", "VF-MIGRATION", "VF-DATABASE"];
/// The load balancer answers instead of the server, or nobody does.
const NO_ANSWER: Kinds = &["answer.balancer", "answer.none", "answer.wrong"];
/// Too few tasks, or new ones that do not get ready.
const SHORT: Kinds = &["service.short", "service.failed", "service.rollout"];
/// Targets of tasks that are not ready, or not there.
const NOT_READY: Kinds = &["targets.unhealthy", "targets.initial", "targets.empty"];
/// A task that does not start tells of itself what ECS knows; between two tries it is only on its way.
const NEVER_RAN: Kinds = &["starting", "stop", "loop"];
/// A task that runs and does not get ready ends itself, or is ended.
const RAN: Kinds = &["starting", "exit", "health", "loop"];
/// A log without a start, or without an end of it.
const NO_STORY: Kinds = &["logs."];
/// Nobody gets a connection to port 443.
const NO_CONNECTION: Kinds = &["tls.unreachable", "tls.refused", "tls.handshake", "tls.partly"];
/// What a server says whose database is out of reach.
const DATABASE_AWAY: Kinds = &["db.timeout", "db.refused", "db.lost", "db.dns", "mig.failed", "mig.restore"];
/// What a task says that has no way to AWS or to the control plane.
const NO_WAY_OUT: Kinds = &["egress", "image.network", "cp.timeout", "cp.refused"];

const fn row(id: &'static str, kinds: Kinds, effects: &'static [(&'static [&'static str], Kinds)]) -> Row {
    Row { id, kinds, effects }
}

pub(super) const TABLE: &[Row] = &[
    row(
        "VF-DATABASE",
        &["database.gone", "database.state", "database.engine"],
        &[
            (TELL, DATABASE_AWAY),
            (&["VF-TASKS", "VF-MIGRATION"], RAN),
            (&["VF-LOGS"], NO_STORY),
            (&["VF-INFO-DATABASE"], &["db.timeout", "db.refused", "db.lost", "db.dns", "info.error"]),
            (&["VF-HEALTH"], &["answer.balancer", "answer.none"]),
        ],
    ),
    row("VF-DATABASE", &["database.none"], &[(&["VF-SERVICE"], &["service.none"])]),
    row("VF-ENVIRONMENT", ANY, &[(&["VF-REVISION"], &["revision.other"])]),
    row(
        "VF-ENVIRONMENT",
        &["env.store"],
        &[
            (TASK, &["db.", "cfg.db", "mig.missing"]),
            (&["VF-TASKS", "VF-MIGRATION"], RAN),
            (&["VF-LOGS"], NO_STORY),
            (&["VF-INFO-DATABASE"], ANY),
        ],
    ),
    row(
        "VF-ENVIRONMENT",
        &["env.pro", "env.other"],
        &[
            (TASK, &["cfg.", "cp."]),
            (&["VF-TASKS", "VF-MIGRATION"], RAN),
            (&["VF-LOGS"], NO_STORY),
            (&["VF-ROOT", "VF-CORS", "VF-CONTROL-PLANE", "VF-INFO-IDS"], ANY),
            (&["VF-INFO-AUTH"], &["auth.pro"]),
        ],
    ),
    row(
        "VF-ENVIRONMENT",
        &["env.secrets"],
        &[(TASK, &["secrets."]), (&["VF-TASKS", "VF-MIGRATION"], RAN), (&["VF-INFO-AUTH"], &["auth.store"])],
    ),
    row("VF-ENVIRONMENT", &["env.url"], &[(&["VF-INFO-URL", "VF-CORS"], ANY)]),
    row("VF-SECRETS", ANY, &[(&["VF-TASKS", "VF-MIGRATION"], NEVER_RAN), (&["VF-LOGS"], &["logs.none"])]),
    row("VF-SECRETS", &["secrets.gone"], &[(TELL, &["secret.gone"])]),
    row("VF-SECRETS", &["secrets.deleted"], &[(TELL, &["secret.deleted"])]),
    row("VF-ROLES", ANY, &[(&["VF-TASKS", "VF-MIGRATION"], NEVER_RAN), (&["VF-LOGS"], &["logs.none"])]),
    row(
        "VF-ROLES",
        &["roles.gone"],
        &[(TELL, &["role", "secret.denied", "secret.encryption", "image.login", "image.role", "log.denied"])],
    ),
    row("VF-ROLES", &["roles.secrets"], &[(TELL, &["secret.denied", "secret.encryption"])]),
    row("VF-ROLES", &["roles.logs"], &[(TELL, &["log.denied"])]),
    row("VF-ROLES", &["roles.image"], &[(TELL, &["image.login", "image.role", "image.grant"])]),
    row(
        "VF-LOG-GROUP",
        ANY,
        &[(TELL, &["log.group"]), (&["VF-TASKS", "VF-MIGRATION"], NEVER_RAN), (&["VF-LOGS"], &["logs.none"])],
    ),
    row(
        "VF-ROUTE",
        &["route.way"],
        &[
            (TELL, NO_WAY_OUT),
            (&["VF-TASKS", "VF-MIGRATION"], NEVER_RAN),
            (&["VF-TASKS", "VF-MIGRATION"], RAN),
            (&["VF-LOGS"], NO_STORY),
        ],
    ),
    row(
        "VF-ROUTE",
        &["route.addresses"],
        &[
            (TELL, &["addresses", "interface"]),
            (&["VF-TASKS", "VF-MIGRATION"], NEVER_RAN),
            (&["VF-LOGS"], &["logs.none"]),
        ],
    ),
    row(
        "VF-GROUPS",
        &["group.egress"],
        &[
            (TELL, NO_WAY_OUT),
            (&["VF-TASKS", "VF-MIGRATION"], NEVER_RAN),
            (&["VF-TASKS", "VF-MIGRATION"], RAN),
            (&["VF-LOGS"], NO_STORY),
        ],
    ),
    row(
        "VF-GROUPS",
        &["group.database"],
        &[
            (TELL, &["db.timeout", "db.lost", "mig.failed", "mig.restore"]),
            (&["VF-TASKS", "VF-MIGRATION"], RAN),
            (&["VF-LOGS"], NO_STORY),
            (&["VF-INFO-DATABASE"], &["db.timeout", "db.lost", "info.error"]),
            (&["VF-HEALTH"], &["answer.balancer", "answer.none"]),
        ],
    ),
    row(
        "VF-GROUPS",
        &["group.tasks"],
        &[
            (&["VF-TASKS"], &["starting", "health"]),
            (&["VF-LOGS"], NO_STORY),
            (&["VF-TARGETS"], NOT_READY),
            (&["VF-HEALTH"], NO_ANSWER),
        ],
    ),
    row(
        "VF-GROUPS",
        &["group.clients"],
        &[(&["VF-TLS"], NO_CONNECTION), (&["VF-HEALTH"], &["answer.unasked"]), (&["VF-REDIRECT"], &["redirect.none"])],
    ),
    row(
        "VF-PORT",
        ANY,
        &[
            (&["VF-TASKS"], &["starting", "health"]),
            (&["VF-LOGS"], NO_STORY),
            (&["VF-TARGETS"], NOT_READY),
            (&["VF-HEALTH"], NO_ANSWER),
            (&["VF-REVISION"], &["revision.other"]),
        ],
    ),
    row(
        "VF-HEALTH-CHECK",
        ANY,
        &[
            (&["VF-TASKS"], &["starting", "health"]),
            (&["VF-LOGS"], NO_STORY),
            (&["VF-TARGETS"], NOT_READY),
            (&["VF-HEALTH"], NO_ANSWER),
        ],
    ),
    row(
        "VF-BALANCER",
        ANY,
        &[
            (&["VF-LISTENER"], &["listener.none"]),
            (&["VF-DNS"], &["dns.absent"]),
            (&["VF-TLS"], NO_CONNECTION),
            (&["VF-REDIRECT"], &["redirect.none"]),
            (&["VF-TARGETS"], &["targets.unused", "targets.none"]),
            (&["VF-HEALTH"], &["answer.unasked"]),
        ],
    ),
    row(
        "VF-LISTENER",
        &["listener.none"],
        &[(&["VF-TLS"], NO_CONNECTION), (&["VF-TARGETS"], &["targets.unused"]), (&["VF-HEALTH"], &["answer.unasked"])],
    ),
    row("VF-LISTENER", &["listener.plain"], &[(&["VF-REDIRECT"], &["redirect.none"])]),
    row(
        "VF-LISTENER",
        &["listener.protocol"],
        &[(&["VF-TLS"], &["tls.handshake"]), (&["VF-HEALTH"], &["answer.unasked"])],
    ),
    row(
        "VF-LISTENER",
        &["listener.group"],
        &[(&["VF-TARGETS"], &["targets.unused"]), (&["VF-HEALTH"], NO_ANSWER), (SAID, ANY)],
    ),
    row(
        "VF-PUBLIC-ROUTE",
        ANY,
        &[
            (&["VF-TLS"], &["tls.unreachable", "tls.partly"]),
            (&["VF-REDIRECT"], &["redirect.none"]),
            (&["VF-HEALTH"], &["answer.unasked"]),
        ],
    ),
    // Something else is asked: nothing of what it says is about this deployment.
    row("VF-DNS", &["dns.elsewhere"], &[(&["VF-TLS", "VF-REDIRECT", "VF-HEALTH"], ANY), (SAID, ANY)]),
    // The load balancer is asked by its own name then, and may not know what for.
    row(
        "VF-DNS",
        ANY,
        &[(&["VF-TLS"], NO_CONNECTION), (&["VF-REDIRECT"], &["redirect.none"]), (&["VF-HEALTH"], &["answer.unasked"])],
    ),
    // What is behind a certificate that clients refuse is asked all the same, so nothing follows from one.
    row(
        "VF-TLS",
        &["tls.unreachable", "tls.refused", "tls.handshake"],
        &[(&["VF-HEALTH"], &["answer.unasked"]), (&["VF-REDIRECT"], &["redirect.none"])],
    ),
    row("VF-REVISION", &["revision.other"], &[(&["VF-TASKS", "VF-LOGS"], ANY), (&["VF-INFO-VERSION"], ANY)]),
    // What runs is an older revision, with the variables and the port of then.
    row("VF-REVISION", &["rollback"], &[(&["VF-INFO-VERSION", "VF-ENVIRONMENT", "VF-PORT"], ANY)]),
    row(
        "VF-LOGS",
        &["cfg.", "cp.", "db.", "mig.", "secrets.", "egress", "crash"],
        &[(&["VF-TASKS"], RAN), (&["VF-INFO-DATABASE"], &["db.", "mig.", "info.error"])],
    ),
    row("VF-LOGS", ANY, &[(&["VF-SERVICE"], SHORT), (&["VF-TARGETS"], NOT_READY), (&["VF-HEALTH"], NO_ANSWER)]),
    row(
        "VF-TASKS",
        ANY,
        &[
            (&["VF-LOGS"], NO_STORY),
            (&["VF-SERVICE"], SHORT),
            (&["VF-TARGETS"], NOT_READY),
            (&["VF-HEALTH"], NO_ANSWER),
        ],
    ),
    // The last words of a server that is being killed mean little.
    row("VF-TASKS", &["memory"], &[(&["VF-LOGS"], &["crash"])]),
    // The service waits for it, and so does the version.
    row(
        "VF-MIGRATION",
        ANY,
        &[
            (&["VF-SERVICE"], &["service.none"]),
            (&["VF-REVISION"], &["revision.other"]),
            (&["VF-INFO-VERSION"], ANY),
            (&["VF-TARGETS"], &["targets.empty", "targets.none"]),
            (&["VF-HEALTH"], NO_ANSWER),
        ],
    ),
    // There is nothing that could be right.
    row("VF-SERVICE", &["service.absent"], &[(ELSE, ANY), (SAID, ANY)]),
    row(
        "VF-SERVICE",
        &["service.none", "service.inactive", "service.zero"],
        &[
            (&["VF-LOGS"], NO_STORY),
            (&["VF-TARGETS"], &["targets.empty", "targets.none", "targets.unused"]),
            (&["VF-HEALTH"], NO_ANSWER),
        ],
    ),
    row("VF-SERVICE", SHORT, &[(&["VF-TARGETS"], &["targets.empty", "targets.initial"]), (&["VF-HEALTH"], NO_ANSWER)]),
    row("VF-TARGETS", &["targets.unhealthy"], &[(&["VF-SERVICE"], SHORT)]),
    row("VF-TARGETS", ANY, &[(&["VF-HEALTH"], NO_ANSWER)]),
    row("VF-HEALTH", &["answer.wrong"], &[(SAID, ANY)]),
    row(
        "VF-INFO-DATABASE",
        &["info.foreign"],
        &[(
            &[
                "VF-ROOT",
                "VF-CORS",
                "VF-CONTROL-PLANE",
                "VF-INFO-IDS",
                "VF-INFO-URL",
                "VF-INFO-VERSION",
                "VF-INFO-AUTH",
            ],
            ANY,
        )],
    ),
    row("VF-INFO-AUTH", &["auth.pro"], &[(&["VF-CONTROL-PLANE", "VF-ROOT", "VF-CORS", "VF-INFO-IDS"], ANY)]),
];
