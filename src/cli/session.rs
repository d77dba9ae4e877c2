//! What a verb works with: the config, the place, the state, the facts.
//!
//! Opening one checks everything that can be checked before anything is done: the file, the account and region, that the state
//! belongs to them, and that nobody else is at work.

use super::Global;
use super::exit::{CONFIG, ERROR, Failure, STALE};
use super::telling;
use crate::apply::{Engine, Limits, Stop};
use crate::aws::{Aws, Connection, facts};
use crate::config::{self, Certificate, Config, Dns, Placeholders, SecretSource, StateLocation, Zones};
use crate::model::{Address, Graph};
use crate::plan::{Action, Given, Observations, Plan, Problem, plan};
use crate::report::plan_text::{Meta, Place as MetaPlace};
use crate::resource::{Consents, Kinds, Provided};
use crate::sandbox::{self, Sandbox};
use crate::stack::facts::PlaceFacts;
use crate::stack::{Facts, stack};
use crate::state::file::{FileStore, Locked};
use crate::state::{LockInfo, Place, State, StateStore};
use crate::verify::Reach;
use secrecy::SecretString;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// Whether a verb changes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Only looks.
    Read,
    /// Holds the lock, under this verb's name.
    Write(&'static str),
}

/// An open deployment.
pub(crate) struct Session {
    pub(crate) config: Config,
    pub(crate) aws: Aws,
    pub(crate) kinds: Kinds<'static>,
    pub(crate) store: FileStore,
    pub(crate) state: State,
    pub(crate) facts: Facts,
    pub(crate) provided: Provided,
    pub(crate) consents: Consents,
    pub(crate) stop: Stop,
    pub(crate) sandbox: Option<Sandbox>,
    pub(crate) parallelism: Option<usize>,
    /// The command to type to go on, with the flags that name this deployment.
    pub(crate) command: String,
    _lock: Option<Locked>,
}

impl Session {
    /// Opens the deployment that the global flags name.
    ///
    /// # Errors
    /// With the exit code of what is wrong.
    pub(crate) async fn open(global: &Global, access: Access) -> Result<Self, Failure> {
        let placeholders = if global.sandbox { Placeholders::Accept } else { Placeholders::Refuse };
        let mut config = load(global, placeholders)?;
        let store = store(global, &config)?;
        let lock = match access {
            Access::Read => None,
            Access::Write(verb) => Some(store.lock(&who(verb))?),
        };
        let sandbox = if global.sandbox { Some(start_sandbox(global, &mut config).await?) } else { None };
        let aws = Aws::connect(&Connection {
            region: config.region.clone(),
            profile: global.profile.clone(),
            endpoint: sandbox.as_ref().map(|sandbox| sandbox.endpoint.clone()),
        })
        .await;
        let mut state = load_state(global, &store, &config, sandbox.as_ref()).await?;
        let caller =
            facts::caller(&aws).await.map_err(|error| Failure::aws("find out whose credentials these are", &error))?;
        check_place(&config, &mut state, &caller, sandbox.as_ref())?;
        let place = place_facts(&aws, &config, &mut state, &caller).await?;
        let provided = provided(global, &config, &store, &state, sandbox.is_some())?;
        let fingerprint = provided.fingerprint(crate::stack::OAUTH2);
        let facts = Facts::new(place, Some(&state), fingerprint);
        let session = Self {
            config,
            aws,
            kinds: crate::aws::kinds(),
            store,
            state,
            facts,
            provided,
            consents: Consents::default(),
            stop: Stop::default(),
            sandbox,
            parallelism: None,
            command: command(global, "up"),
            _lock: lock,
        };
        session.refuse_older_version()?;
        Ok(session)
    }

    /// SHA-256 of the config file, hex: what a saved plan was made from.
    ///
    /// # Errors
    /// If the file is gone.
    pub(crate) fn config_hash(&self, global: &Global) -> Result<String, Failure> {
        use sha2::{Digest, Sha256};
        let digest = Sha256::digest(read(&global.config)?.as_bytes());
        Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// What should exist.
    pub(crate) fn desired(&self) -> Graph {
        stack(&self.config, &self.facts)
    }

    /// The engine.
    pub(crate) fn engine(&self) -> Engine<'_, FileStore> {
        let limits = if self.sandbox.is_some() { Limits::SANDBOX } else { Limits::AWS };
        Engine {
            kinds: &self.kinds,
            aws: &self.aws,
            store: &self.store,
            limits: Limits { parallelism: self.parallelism.unwrap_or(limits.parallelism), ..limits },
            stop: self.stop.clone(),
            user_tags: &self.config.tags,
            provided: &self.provided,
            consents: &self.consents,
        }
    }

    /// Looks, and plans towards `desired`.
    ///
    /// # Errors
    /// If AWS cannot be read, or if there can be no plan.
    pub(crate) async fn plan(&self, desired: &Graph) -> Result<(Plan, Observations), Failure> {
        let seen = self.engine().probe(desired, &self.state).await;
        let seen = seen.map_err(|error| Failure::aws("look at what exists", &error))?;
        let given = Given {
            desired,
            recorded: &self.state,
            seen: &seen,
            kinds: &self.kinds,
            user_tags: &self.config.tags,
            consents: &self.consents,
        };
        match plan(&given) {
            Ok(plan) => Ok((plan, seen)),
            Err(problems) => Err(self.no_plan(&problems).await),
        }
    }

    /// A plan that has to store the OAuth2 client secret needs its value, before anything is made.
    ///
    /// # Errors
    /// Config, naming where the value is expected.
    pub(crate) fn require_secret(&self, plan: &Plan) -> Result<(), Failure> {
        let address = Address::new("secrets.given", "oauth2");
        let makes = plan.steps.get(&address).is_some_and(|step| step.action == Action::Create);
        if !makes || self.provided.get(crate::stack::OAUTH2).is_some() {
            return Ok(());
        }
        let place = match &self.config.zenml.oauth2_client_secret {
            SecretSource::Env(name) => format!("the environment variable {name} is not set"),
            SecretSource::File(file) | SecretSource::Enrollment(file) => format!("{file} does not hold it"),
            SecretSource::SecretArn(_) => return Ok(()),
        };
        Err(Failure::new(CONFIG, format!("the OAuth2 client secret is needed and was not given: {place}"))
            .hint("it is the enrollment key that ZenML showed; give it once, afterwards it is kept in Secrets Manager"))
    }

    async fn no_plan(&self, problems: &[Problem]) -> Failure {
        let text = crate::report::problems_text(problems, &self.command, config::Style::Plain);
        let failure = Failure::new(ERROR, text);
        let database = Address::new("rds.instance", "main");
        let gone = problems.iter().any(|p| matches!(p, Problem::DataGone { address, .. } if *address == database));
        if !gone {
            return failure;
        }
        match crate::aws::rds::restorable(&self.aws, &self.config.db_instance_id()).await {
            Ok(snapshots) if snapshots.is_empty() => {
                failure.hint("no snapshot of it was found in this account and region")
            }
            Ok(snapshots) => snapshots.iter().fold(failure, |failure, (name, made)| {
                failure.hint(format!(
                    "restore it with `restore_from = \"{name}\"` under `[database]` (snapshot of {made})"
                ))
            }),
            Err(error) => failure.hint(format!("its snapshots could not be listed: {error}")),
        }
    }

    /// For the head of a plan.
    pub(crate) fn meta(&self) -> Meta {
        Meta {
            deployment: self.config.name.clone(),
            region: self.config.region.clone(),
            place: match &self.sandbox {
                Some(_) => MetaPlace::Sandbox,
                None => MetaPlace::Account(self.facts.place.account.clone()),
            },
        }
    }

    /// How to reach the endpoint: in the sandbox 443 and public DNS are not there.
    pub(crate) fn reach(&self) -> Reach {
        match &self.sandbox {
            None => Reach::internet(),
            Some(sandbox) => Reach {
                resolver: Some(std::net::SocketAddr::from(([127, 0, 0, 1], sandbox.dns_port))),
                https_port: sandbox.https_port,
                http_port: sandbox.http_port,
                ca_file: Some(sandbox.ca_file.clone()),
            },
        }
    }

    /// Takes over the record that an apply ended with.
    pub(crate) fn adopt(&mut self, state: State) {
        self.facts.migrated = Facts::new(self.facts.place.clone(), Some(&state), None).migrated;
        self.state = state;
    }

    fn refuse_older_version(&self) -> Result<(), Failure> {
        let wanted = self.config.image_version();
        match &self.facts.migrated {
            Some(migrated) if wanted < *migrated => Err(Failure::new(
                CONFIG,
                format!(
                    "`zenml.version` {wanted} is lower than {migrated}, to which the database was migrated\n  a server \
                     older than its schema does not start: nothing was changed"
                ),
            )
            .hint(format!("go on with version {migrated}, or restore the snapshot from before that migration"))),
            _ => Ok(()),
        }
    }
}

/// `hybridctl VERB` with the global flags that the user gave.
pub(crate) fn command(global: &Global, verb: &str) -> String {
    let mut command = format!("hybridctl {verb}");
    if global.sandbox {
        command.push_str(" --sandbox");
    }
    if global.config != Path::new("hybrid.toml") {
        command.push_str(&format!(" -c {}", global.config.display()));
    }
    if let Some(profile) = &global.profile {
        command.push_str(&format!(" --profile {profile}"));
    }
    command
}

/// The config, or every problem with it.
pub(crate) fn load(global: &Global, placeholders: Placeholders) -> Result<Config, Failure> {
    let path = global.config.display().to_string();
    let text = read(&global.config)?;
    let style = telling::style(global);
    let (config, findings) = match config::load(&path, &text) {
        Ok((config, findings)) => (Some(config), findings),
        Err(findings) => (None, findings),
    };
    let findings = config::settle_placeholders(findings, placeholders);
    let wrong = findings.iter().any(|finding| finding.severity == config::Severity::Error);
    if !findings.is_empty() && (wrong || !global.quiet) {
        eprint!("{}", config::render(&path, &text, &findings, style));
    }
    let config = config.filter(|_| !wrong).ok_or_else(|| Failure::told(CONFIG))?;
    match &global.region {
        Some(region) if *region != config.region => {
            Err(Failure::new(CONFIG, format!("{path} says region `{}`, and `--region` says `{region}`", config.region)))
        }
        _ => Ok(config),
    }
}

/// The text of the config file.
pub(crate) fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| {
        Failure::new(CONFIG, format!("{}: {error}", path.display()))
            .hint("write one with `hybridctl init`, or name it with `--config FILE`")
    })
}

/// Beside the config file, not in the working folder; a sandbox's is apart from a real account's.
pub(crate) fn store(global: &Global, config: &Config) -> Result<FileStore, Failure> {
    let StateLocation::Path(path) = &config.state else {
        return Err(Failure::new(CONFIG, "a state bucket is not supported by this version"));
    };
    let beside = global.config.parent().map(Path::to_path_buf).unwrap_or_default();
    let mut folder = beside.join(path).into_os_string();
    if global.sandbox {
        folder.push(".sandbox");
    }
    Ok(FileStore::new(PathBuf::from(folder)))
}

async fn start_sandbox(global: &Global, config: &mut Config) -> Result<Sandbox, Failure> {
    let options = sandbox::Options::from_env()?;
    let sandbox = sandbox::ensure(&options, &|line| telling::say(global, line)).await?;
    let zone = match &config.ingress.dns {
        Dns::Route53 { zone } => zone.clone(),
        Dns::External => config.host().split_once('.').map_or(config.host(), |(_, zone)| zone).to_owned(),
    };
    let seeded = sandbox.seed(&zone, config.host(), &config.region).await?;
    // What an account would already have: a certificate, with a key that the sandbox holds.
    if let Certificate::Arn(arn) = &mut config.ingress.certificate {
        *arn = seeded.certificate_arn;
    }
    Ok(sandbox)
}

async fn load_state(
    global: &Global,
    store: &FileStore,
    config: &Config,
    sandbox: Option<&Sandbox>,
) -> Result<State, Failure> {
    let fresh = || State::new(&config.name, Uuid::new_v4());
    let Some(state) = store.load().await? else { return Ok(fresh()) };
    if state.deployment != config.name {
        let text = format!("the state in {} is of the deployment `{}`", store.folder().display(), state.deployment);
        return Err(Failure::new(STALE, text).hint(format!("give `{}` a state path of its own", config.name)));
    }
    let world = state.place.as_ref().and_then(|place| place.sandbox_world.clone());
    match (sandbox, world) {
        (Some(sandbox), Some(world)) if world != sandbox.world => {
            let aside = store.set_aside("gone-world")?;
            let line = format!(
                "the sandbox was reset since the last run: starting empty, the old state is {}",
                aside.display()
            );
            telling::say(global, &line);
            Ok(fresh())
        }
        (Some(_), None) if state.place.is_some() => {
            Err(Failure::new(STALE, "this state is of a real account; the sandbox does not touch it"))
        }
        (None, Some(_)) => Err(Failure::new(STALE, "this state is of a sandbox; it is not applied to AWS")),
        _ => Ok(state),
    }
}

fn check_place(
    config: &Config,
    state: &mut State,
    caller: &facts::Caller,
    sandbox: Option<&Sandbox>,
) -> Result<(), Failure> {
    let here = Place {
        account: caller.account.clone(),
        region: config.region.clone(),
        sandbox_world: sandbox.map(|sandbox| sandbox.world.clone()),
    };
    if let Some(wanted) = config.account_id.as_ref().filter(|wanted| sandbox.is_none() && **wanted != here.account) {
        let text = format!("these credentials are of account {}, and the file says account {wanted}", here.account);
        return Err(Failure::new(STALE, text).hint("choose other credentials with `--profile` or AWS_PROFILE"));
    }
    match &state.place {
        Some(place) if *place != here => Err(Failure::new(
            STALE,
            format!(
                "the state is of account {} in {}, and this is account {} in {}",
                place.account, place.region, here.account, here.region
            ),
        )
        .hint("use the credentials and the region that the deployment was made with")),
        Some(_) => Ok(()),
        None => {
            state.place = Some(here);
            Ok(())
        }
    }
}

/// Zones and hosted zone: looked up once, then kept in the state, because they must not move under a deployment.
async fn place_facts(
    aws: &Aws,
    config: &Config,
    state: &mut State,
    caller: &facts::Caller,
) -> Result<PlaceFacts, Failure> {
    let known: Option<PlaceFacts> = serde_json::from_value(state.facts.clone()).ok();
    let looked_up = |what: &str| {
        let what = what.to_owned();
        move |error: crate::resource::Error| Failure::aws(&what, &error)
    };
    let known_zones = known.as_ref().map(|known| known.zones.clone()).unwrap_or_default();
    let zones = match &config.network.zones {
        Zones::Names(names) if *names == known_zones => known_zones,
        Zones::Names(names) => {
            facts::named_zones(aws, names).await.map_err(looked_up("look up the availability zones"))?
        }
        Zones::Count(count) if known_zones.len() >= usize::from(*count) => {
            known_zones.into_iter().take(usize::from(*count)).collect()
        }
        Zones::Count(count) => {
            let zones = facts::first_zones(aws, usize::from(*count)).await;
            zones.map_err(looked_up("look up the availability zones"))?
        }
    };
    let known_zone = known.and_then(|known| known.hosted_zone);
    let hosted_zone = match &config.ingress.dns {
        Dns::External => None,
        Dns::Route53 { zone } => match known_zone.filter(|(name, _)| name == zone) {
            Some(known) => Some(known),
            None => {
                let private = !config.is_internet_facing();
                let id = facts::hosted_zone(aws, zone, private).await;
                let id = match id {
                    // A public zone serves an internal name as well, if there is no private one.
                    Err(_) if private => facts::hosted_zone(aws, zone, false).await,
                    id => id,
                };
                Some((zone.clone(), id.map_err(looked_up("find the hosted zone"))?))
            }
        },
    };
    let (account, partition) = (caller.account.clone(), caller.partition.clone());
    let place = PlaceFacts { account, partition, zones, hosted_zone };
    state.facts = serde_json::to_value(&place).expect("because facts are plain data");
    Ok(place)
}

/// The OAuth2 client secret, from where the config says; once stored, an unset variable keeps what is stored.
fn provided(
    global: &Global,
    config: &Config,
    store: &FileStore,
    state: &State,
    sandbox: bool,
) -> Result<Provided, Failure> {
    let mut provided = Provided::new(store.fingerprint_key()?);
    let value = given_secret(global, &config.zenml.oauth2_client_secret)?;
    let stored = state.resources.contains_key(&Address::new("secrets.given", "oauth2"));
    let own = !matches!(config.zenml.oauth2_client_secret, SecretSource::SecretArn(_));
    match value {
        Some(value) => provided.insert(crate::stack::OAUTH2, value),
        None if stored || !own => {}
        None if sandbox => {
            telling::say(global, "the OAuth2 client secret is not set: the sandbox uses a placeholder");
            provided.insert(
                crate::stack::OAUTH2,
                SecretString::from("sandbox-placeholder-of-the-enrollment-key".to_owned()),
            );
        }
        // Whoever only looks need not have it; the create says what is missing.
        None => {}
    }
    Ok(provided)
}

fn given_secret(global: &Global, source: &SecretSource) -> Result<Option<SecretString>, Failure> {
    let beside =
        |file: &str| global.config.parent().map(|folder| folder.join(file)).unwrap_or_else(|| PathBuf::from(file));
    let trimmed = |text: String| Some(SecretString::from(text.trim().to_owned())).filter(|_| !text.trim().is_empty());
    match source {
        SecretSource::Env(name) => Ok(std::env::var(name).ok().and_then(trimmed)),
        SecretSource::File(file) => match std::fs::read_to_string(beside(file)) {
            Ok(text) => Ok(trimmed(text)),
            Err(error) => Err(Failure::new(CONFIG, format!("oauth2_client_secret: {file}: {error}"))),
        },
        SecretSource::Enrollment(file) => {
            let text = std::fs::read_to_string(beside(file));
            let text = text.map_err(|error| Failure::new(CONFIG, format!("oauth2_client_secret: {file}: {error}")))?;
            let enrollment = config::enrollment(&text);
            let enrollment = enrollment.map_err(|error| Failure::new(CONFIG, format!("{file}: {error}")))?;
            Ok(enrollment.enrollment_key)
        }
        SecretSource::SecretArn(_) => Ok(None),
    }
}

fn who(verb: &str) -> LockInfo {
    let user = std::env::var("USER").unwrap_or_else(|_| "somebody".into());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .or_else(|_| std::env::var("HOSTNAME").map_err(std::io::Error::other));
    let host = host.map(|host| host.trim().to_owned()).unwrap_or_else(|_| "this machine".into());
    LockInfo {
        who: format!("{user}@{host}"),
        pid: std::process::id(),
        command: verb.to_owned(),
        since: jiff::Timestamp::now().round(jiff::Unit::Second).unwrap_or_else(|_| jiff::Timestamp::now()),
    }
}
