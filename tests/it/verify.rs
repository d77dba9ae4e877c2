//! A whole deployment in the sandbox, made by the engine, verified, broken in one place, and verified again.
//!
//! The verdict must name the place that was broken, although much else fails with it or nothing else does.

use crate::support::sandbox::sandbox;
use crate::support::templates;
use hybridctl::apply::{Engine, Limits, Stop};
use hybridctl::aws::{Aws, Connection, kinds};
use hybridctl::config::Config;
use hybridctl::model::Address;
use hybridctl::plan::{Given, plan};
use hybridctl::report::event::Silent;
use hybridctl::resource::{Consents, Provided, Tags};
use hybridctl::stack::{Facts, facts::PlaceFacts, stack};
use hybridctl::state::memory::MemoryStore;
use hybridctl::state::{State, StateStore};
use hybridctl::verify::{Reach, Report, World, verify, verify_within};
use std::time::Duration;

const REGION: &str = "eu-central-1";
const LIMIT: Duration = Duration::from_secs(60);

/// A deployment of its own in the shared sandbox.
struct Bench {
    config: Config,
    state: State,
    aws: Aws,
    reach: Reach,
}

impl Bench {
    /// Makes the quickstart template under this name.
    async fn up(name: &str) -> Self {
        let sandbox = sandbox().await;
        let host = format!("{name}.mycompany.com");
        let seeded = sandbox.seed("mycompany.com", &host, REGION).await.unwrap();
        let edit = |text: String| {
            let text = text.replace("\"zenml-hybrid\"", &format!("\"{name}\"")).replace("zenml.mycompany.com", &host);
            let lines = text.lines().map(|line| match line.starts_with("certificate_arn") {
                true => format!("certificate_arn = \"{}\"", seeded.certificate_arn),
                false => line.to_owned(),
            });
            lines.collect::<Vec<_>>().join("\n")
        };
        let config = templates::config("quickstart", edit);
        let connection = Connection { region: REGION.into(), profile: None, endpoint: Some(sandbox.endpoint.clone()) };
        let aws = Aws::connect(&connection).await;
        let mut provided = Provided::new(vec![7; 32]);
        provided.insert("oauth2_client_secret", "an-enrollment-key".to_owned().into());
        let place = PlaceFacts {
            hosted_zone: Some(("mycompany.com".into(), seeded.zone_id.clone())),
            ..PlaceFacts::offline(REGION, &config.network.zones, Some("mycompany.com"))
        };
        let facts = Facts::new(place, None, provided.fingerprint("oauth2_client_secret"));
        let state = apply(&config, &facts, &aws, &provided).await;
        let reach = Reach::sandbox(sandbox.dns_port, sandbox.https_port, sandbox.http_port, sandbox.ca_file.clone());
        Self { config, state, aws, reach }
    }

    fn world(&self) -> World<'_> {
        World::new(&self.config, &self.state, &self.aws, self.reach.clone())
    }

    async fn verify(&self) -> Report {
        verify(&self.world()).await
    }

    /// The id on record.
    fn id(&self, kind: &str, name: &str) -> &str {
        self.state.resources[&Address::new(kind, name)].id.as_str()
    }
}

async fn apply(config: &Config, facts: &Facts, aws: &Aws, provided: &Provided) -> State {
    let (kinds, store, desired) = (kinds(), MemoryStore::default(), stack(config, facts));
    let (user_tags, consents, state) =
        (Tags::new(), Consents::default(), State::new(&config.name, uuid::Uuid::new_v4()));
    let engine = Engine {
        kinds: &kinds,
        aws,
        store: &store,
        limits: Limits::SANDBOX,
        stop: Stop::default(),
        user_tags: &user_tags,
        provided,
        consents: &consents,
        tell: &|_| {},
    };
    let seen = engine.probe(&desired, &state).await.unwrap();
    let given = Given {
        desired: &desired,
        recorded: &state,
        seen: &seen,
        kinds: &kinds,
        user_tags: &user_tags,
        consents: &consents,
    };
    let outcome = engine.apply(&plan(&given).unwrap(), state, &mut Silent).await;
    assert!(outcome.complete(), "{:#?}", (outcome.failed, outcome.skipped));
    store.load().await.unwrap().unwrap()
}

/// The verdict names this check, and the text says so.
fn blames(report: &Report, id: &str, word: &str) {
    let cause = report.verdict.as_ref().unwrap_or_else(|| panic!("{id} is not found\n{}", report.text()));
    assert_eq!(cause.id, id, "{}", report.text());
    assert!(cause.fail.why.contains(word), "{}", report.text());
    assert!(!report.passed() && report.text().contains(&format!("Cause: {id}")), "{}", report.text());
    assert_eq!(report.json()["verdict"]["cause"], id);
}

#[tokio::test]
async fn a_good_deployment_passes_every_check_and_each_fault_is_named() {
    let bench = Bench::up(&format!("v{}", &uuid::Uuid::new_v4().simple().to_string()[..6])).await;
    let report = verify_within(&bench.world(), &[], LIMIT, |_| {}).await;
    assert!(report.passed(), "{}", report.text());
    let all_ok = report.checks.iter().all(|check| check.word() == "OK");
    assert!(all_ok, "{}", report.text());
    eprintln!("{}", report.text());

    the_certificate_is_not_trusted(&bench).await;
    the_secret_is_deleted(&bench).await;
    the_route_is_removed(&bench).await;
    a_rule_is_removed(&bench).await;
    the_log_group_is_removed(&bench).await;
    the_role_may_not_read(&bench).await;
    the_listener_is_removed(&bench).await;
}

/// Only the certificate is blamed: what is behind it is asked all the same.
async fn the_certificate_is_not_trusted(bench: &Bench) {
    let mut world = bench.world();
    world.reach.ca_file = None;
    let report = verify(&world).await;
    let tls = report.checks.iter().find(|check| check.id == "VF-TLS").unwrap();
    if tls.word() == "SKIP" {
        return; // This machine trusts nobody, so it cannot tell.
    }
    blames(&report, "VF-TLS", "issuer is not trusted");
    assert_eq!(report.checks.iter().filter(|check| check.word() == "FAIL").count(), 1, "{}", report.text());
}

/// Nothing shows it but the look at the secret itself: the task that runs got it when it started.
async fn the_secret_is_deleted(bench: &Bench) {
    let arn = bench.id("secrets.generated", "jwt-key");
    bench.aws.secrets().delete_secret().secret_id(arn).send().await.unwrap();
    let report = bench.verify().await;
    blames(&report, "VF-SECRETS", "pending deletion");
    assert!(report.verdict.unwrap().fail.next.contains(arn));
    bench.aws.secrets().restore_secret().secret_id(arn).send().await.unwrap();
    assert!(bench.verify().await.passed());
}

async fn the_route_is_removed(bench: &Bench) {
    let table = bench.id("ec2.route_table", "private-a");
    let nat = bench.id("ec2.nat_gateway", "nat-a");
    let delete = bench.aws.ec2().delete_route().route_table_id(table).destination_cidr_block("0.0.0.0/0");
    delete.send().await.unwrap();
    blames(&bench.verify().await, "VF-ROUTE", "no route to the internet");
    let create = bench.aws.ec2().create_route().route_table_id(table).destination_cidr_block("0.0.0.0/0");
    create.nat_gateway_id(nat).send().await.unwrap();
}

async fn a_rule_is_removed(bench: &Bench) {
    let ec2 = bench.aws.ec2();
    let group = bench.id("ec2.security_group", "ecs");
    let found = ec2.describe_security_groups().group_ids(group).send().await.unwrap();
    let rules = found.security_groups()[0].ip_permissions_egress().to_vec();
    let to_database = rules.into_iter().find(|rule| rule.from_port() == Some(3306)).unwrap();
    let revoke = ec2.revoke_security_group_egress().group_id(group).ip_permissions(to_database.clone());
    revoke.send().await.unwrap();
    blames(&bench.verify().await, "VF-GROUPS", "may not go out to the database on port 3306");
    let authorize = ec2.authorize_security_group_egress().group_id(group).ip_permissions(to_database);
    authorize.send().await.unwrap();
}

async fn the_log_group_is_removed(bench: &Bench) {
    let name = bench.config.log_group();
    bench.aws.logs().delete_log_group().log_group_name(&name).send().await.unwrap();
    blames(&bench.verify().await, "VF-LOG-GROUP", &name);
    bench.aws.logs().create_log_group().log_group_name(&name).send().await.unwrap();
}

async fn the_role_may_not_read(bench: &Bench) {
    let role = bench.id("iam.role", "execution");
    let iam = bench.aws.iam();
    let policies = iam.list_role_policies().role_name(role).send().await.unwrap();
    for policy in policies.policy_names() {
        iam.delete_role_policy().role_name(role).policy_name(policy).send().await.unwrap();
    }
    let report = bench.verify().await;
    blames(&report, "VF-ROLES", "secretsmanager:GetSecretValue");
}

/// The role is still without its policy: a second cause, of which nothing follows as long as the task runs.
async fn the_listener_is_removed(bench: &Bench) {
    bench.aws.elb().delete_listener().listener_arn(bench.id("elb.listener", "https")).send().await.unwrap();
    let report = bench.verify().await;
    blames(&report, "VF-LISTENER", "no listener on port 443");
    let consequences = &report.verdict.as_ref().unwrap().consequences;
    assert!(consequences.contains(&"VF-TLS") && consequences.contains(&"VF-HEALTH"), "{}", report.text());
    assert_eq!(report.verdict.as_ref().unwrap().others, ["VF-ROLES"], "{}", report.text());
    eprintln!("{}", report.text());
}

#[tokio::test]
async fn a_renamed_store_variable_is_found_behind_a_server_that_looks_healthy() {
    let bench = Bench::up(&format!("w{}", &uuid::Uuid::new_v4().simple().to_string()[..6])).await;
    let ecs = bench.aws.ecs();
    let live = ecs.describe_task_definition().task_definition(bench.id("ecs.task_definition", "server"));
    let live = live.send().await.unwrap().task_definition.unwrap();
    let mut container = live.container_definitions()[0].clone();
    for pair in container.environment.iter_mut().flatten() {
        if pair.name() == Some("ZENML_STORE_URL") {
            pair.name = Some("ZENML_STORE_URI".into());
        }
    }
    let register = ecs
        .register_task_definition()
        .family(live.family().unwrap())
        .container_definitions(container)
        .set_network_mode(live.network_mode().cloned())
        .set_requires_compatibilities(live.requires_compatibilities.clone())
        .set_cpu(live.cpu.clone())
        .set_memory(live.memory.clone())
        .set_execution_role_arn(live.execution_role_arn.clone())
        .set_task_role_arn(live.task_role_arn.clone());
    let arn = register.send().await.unwrap().task_definition.unwrap().task_definition_arn.unwrap();
    let (cluster, service) = (&bench.config.service.cluster, bench.config.service_name());
    ecs.update_service().cluster(cluster).service(service).task_definition(arn).send().await.unwrap();
    let end = std::time::Instant::now() + LIMIT;
    let sqlite = async || {
        let report = bench.verify().await;
        let found = report.checks.iter().any(|check| check.id == "VF-INFO-DATABASE" && check.fail().is_some());
        (found, report)
    };
    let report = loop {
        let (found, report) = sqlite().await;
        if found {
            break report;
        }
        assert!(std::time::Instant::now() < end, "{}", report.text());
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    blames(&report, "VF-ENVIRONMENT", "ZENML_STORE_URL is missing (ZENML_STORE_URI is set");
    assert!(report.verdict.as_ref().unwrap().consequences.contains(&"VF-INFO-DATABASE"), "{}", report.text());
    eprintln!("{}", report.text());
}
