//! What a verb works with: the config, the place, the state, the facts.
//!
//! Opening one checks everything that can be checked before anything is done: the file, the account and region, that the state
//! belongs to them, and that nobody else is at work.

mod place;
mod secret;

use super::Global;
use super::exit::{CONFIG, ERROR, Failure};
use super::telling;
use crate::apply::{Engine, Limits, Stop};
use crate::aws::{Aws, Connection, facts};
use crate::config::{self, Certificate, Config, Dns, Placeholders, SecretSource, StateLocation};
use crate::model::{Address, Graph};
use crate::plan::{Action, Given, Observations, Plan, Problem, plan};
use crate::report::plan_text::{Meta, Place as MetaPlace};
use crate::resource::{Consents, Kinds, Provided};
use crate::sandbox::{self, Sandbox};
use crate::stack::{Facts, stack};
use crate::state::file::{FileStore, Locked};
use crate::state::{LockInfo, State};
use crate::verify::Reach;
use std::path::{Path, PathBuf};

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
        let mut state = place::load_state(global, &store, &config, sandbox.as_ref(), access).await?;
        let caller =
            facts::caller(&aws).await.map_err(|error| Failure::aws("find out whose credentials these are", &error))?;
        place::check_place(&config, &mut state, &caller, sandbox.as_ref())?;
        let place = place::place_facts(&aws, &config, &mut state, &caller).await?;
        let provided = secret::provided(global, &config, &store, &state, sandbox.is_some())?;
        let fingerprint = provided.fingerprint(crate::stack::OAUTH2);
        let facts = Facts::new(place, Some(&state), fingerprint);
        Ok(Self {
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
        })
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
    ///
    /// # Errors
    /// If the file says an older version than the database was migrated to.
    pub(crate) fn desired(&self) -> Result<Graph, Failure> {
        self.refuse_older_version()?;
        self.refuse_older_engine()?;
        Ok(stack(&self.config, &self.facts))
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
        let plan = self.plan_of(desired, &seen).await?;
        Ok((plan, seen))
    }

    /// Plans against the record alone.
    ///
    /// # Errors
    /// If there can be no plan.
    pub(crate) async fn plan_unseen(&self, desired: &Graph) -> Result<Plan, Failure> {
        self.plan_of(desired, &Observations::of_record(&self.state)).await
    }

    async fn plan_of(&self, desired: &Graph, seen: &Observations) -> Result<Plan, Failure> {
        let given = Given {
            desired,
            recorded: &self.state,
            seen,
            kinds: &self.kinds,
            user_tags: &self.config.tags,
            consents: &self.consents,
        };
        match plan(&given) {
            Ok(plan) => Ok(plan),
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

    /// A destroy deletes what holds data: the typed name and the final snapshot are the consent.
    pub(crate) fn consent_to_lose(&mut self) {
        let holders = self.state.resources.iter().filter(|(_, recorded)| recorded.holds_data);
        let holders: Vec<Address> = holders.map(|(address, _)| address.clone()).collect();
        self.consents.data_loss.extend(holders);
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

    /// RDS raises a database to a newer series and never brings it back.
    fn refuse_older_engine(&self) -> Result<(), Failure> {
        let series =
            |version: &str| -> Vec<u32> { version.split('.').take(2).filter_map(|part| part.parse().ok()).collect() };
        let recorded = self.state.resources.get(&Address::new("rds.instance", "main"));
        let Some(runs) = recorded.and_then(|recorded| recorded.inputs["engine_version"].as_str()) else {
            return Ok(());
        };
        let wanted = &self.config.database.engine_version;
        if series(wanted) >= series(runs) {
            return Ok(());
        }
        Err(Failure::new(
            CONFIG,
            format!("`database.engine_version` {wanted} is older than MySQL {runs}, which the database runs"),
        )
        .hint(format!("go on with {runs}: RDS does not bring a database back to an older series")))
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

/// `20261120-171500`, for the name of a final snapshot.
pub(crate) fn stamp() -> String {
    jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S").to_string()
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
        err!("{}", config::render(&path, &text, &findings, style));
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
