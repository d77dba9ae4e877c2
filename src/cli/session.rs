//! What a verb works with: the config, the place, the state, the facts.
//!
//! Opening one checks everything that can be checked before anything is done: the file, the account and region, that the state
//! belongs to them, and that nobody else is at work.

mod lost;
mod place;
mod secret;
pub(crate) mod store;
mod text;
mod who;

pub(crate) use lost::described;
pub(crate) use text::{bounded, read};

use super::Global;
use super::exit::{CONFIG, ERROR, Failure};
use super::{telling, typed};
use crate::apply::{Engine, Limits, Stop};
use crate::aws::{Aws, Connection, facts};
use crate::config::{self, Certificate, Config, Dns, Placeholders, SecretSource};
use crate::model::{Address, Graph};
use crate::plan::{Action, Given, Observations, Plan, Problem, Step, plan};
use crate::report::plan_text::{Meta, Place as MetaPlace};
use crate::report::{codes, hint_text};
use crate::resource::{Consents, Kinds, Provided};
use crate::sandbox::{self, Sandbox, Seeded};
use crate::stack::{Facts, stack};
use crate::state::State;
use crate::state::place::{Lock, Store};
use crate::verify::Reach;

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
    pub(crate) store: Store,
    pub(crate) state: State,
    pub(crate) facts: Facts,
    pub(crate) provided: Provided,
    pub(crate) consents: Consents,
    pub(crate) stop: Stop,
    pub(crate) sandbox: Option<Sandbox>,
    pub(crate) parallelism: Option<usize>,
    /// What nothing else waits for is left to AWS.
    pub(crate) leave_last: bool,
    pub(crate) global: Global,
    tell: Box<dyn Fn(&str)>,
    /// The command to type to go on, with the flags that name this deployment.
    pub(crate) command: String,
    _lock: Option<Lock>,
}

impl Session {
    /// Opens the deployment that the global flags name.
    ///
    /// # Errors
    /// With the exit code of what is wrong.
    pub(crate) async fn open(global: &Global, access: Access) -> Result<Self, Failure> {
        let placeholders = if global.sandbox { Placeholders::Accept } else { Placeholders::Refuse };
        let mut config = load(global, placeholders)?;
        let sandbox = if global.sandbox { Some(start_sandbox(global, &mut config).await?) } else { None };
        let aws = Aws::connect(&Connection {
            region: config.region.clone(),
            profile: global.profile.clone(),
            endpoint: sandbox.as_ref().map(|sandbox| sandbox.endpoint.clone()),
        })
        .await;
        let store = store::open(global, &config, &aws, sandbox.is_some()).await?;
        let lock = match access {
            Access::Read => None,
            Access::Write(verb) => Some(store::lock(global, &store, &aws, verb).await?),
        };
        let mut state = place::load_state(global, &store, &config, sandbox.as_ref(), access).await?;
        let caller = aws
            .patiently(async || facts::caller(&aws).await)
            .await
            .map_err(|error| Failure::aws("find out whose credentials these are", &error))?;
        place::check_place(&config, &mut state, &caller, sandbox.as_ref())?;
        let place = place::place_facts(&aws, &config, &mut state, &caller).await?;
        let provided = secret::provided(global, &config, &store, &state, sandbox.is_some()).await?;
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
            leave_last: false,
            global: global.clone(),
            tell: Box::new({
                let global = global.clone();
                move |line| super::telling::say(&global, line)
            }),
            command: typed::command(global, "up"),
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
    pub(crate) fn engine(&self) -> Engine<'_, Store> {
        let limits = limits(self.sandbox.as_ref());
        Engine {
            kinds: &self.kinds,
            aws: &self.aws,
            store: &self.store,
            limits: Limits {
                parallelism: self.parallelism.unwrap_or(limits.parallelism),
                leave_last: self.leave_last,
                ..limits
            },
            stop: self.stop.clone(),
            user_tags: &self.config.tags,
            provided: &self.provided,
            consents: &self.consents,
            tell: &self.tell,
        }
    }

    /// Looks, and plans towards `desired`.
    ///
    /// # Errors
    /// If AWS cannot be read, if the record was lost, or if there can be no plan.
    pub(crate) async fn plan(&self, desired: &Graph) -> Result<(Plan, Observations), Failure> {
        let seen = self.look(desired).await?;
        let plan = self.plan_of(desired, &seen).await?;
        Ok((plan, seen))
    }

    /// Looks at what exists.
    ///
    /// # Errors
    /// If AWS cannot be read, or if the record was lost.
    pub(crate) async fn look(&self, desired: &Graph) -> Result<Observations, Failure> {
        self.refuse_if_lost().await?;
        let seen = self.engine().probe(desired, &self.state).await;
        seen.map_err(|error| Failure::aws("look at what exists", &error))
    }

    /// Plans against the record alone.
    ///
    /// # Errors
    /// If there can be no plan.
    pub(crate) async fn plan_unseen(&self, desired: &Graph) -> Result<Plan, Failure> {
        self.plan_of(desired, &Observations::of_record(&self.state)).await
    }

    async fn plan_of(&self, desired: &Graph, seen: &Observations) -> Result<Plan, Failure> {
        match self.plan_or_problems(desired, seen) {
            Ok(plan) => Ok(plan),
            Err(problems) => Err(self.no_plan(&problems).await),
        }
    }

    /// The plan, or why there can be none.
    ///
    /// # Errors
    /// Every problem.
    pub(crate) fn plan_or_problems(&self, desired: &Graph, seen: &Observations) -> Result<Plan, Vec<Problem>> {
        let given = Given {
            desired,
            recorded: &self.state,
            seen,
            kinds: &self.kinds,
            user_tags: &self.config.tags,
            consents: &self.consents,
        };
        plan(&given)
    }

    /// A plan that has to store the OAuth2 client secret needs its value, before anything is made.
    ///
    /// # Errors
    /// Config, naming where the value is expected.
    pub(crate) fn require_secret(&self, plan: &Plan) -> Result<(), Failure> {
        let address = Address::new("secrets.given", "oauth2");
        let makes = |step: &Step| matches!(step.action, Action::Create | Action::Replace);
        let makes = plan.steps.get(&address).is_some_and(makes);
        if !makes || self.provided.get(crate::stack::OAUTH2).is_some() {
            return Ok(());
        }
        let place = match &self.config.zenml.oauth2_client_secret {
            SecretSource::Env(name) => format!("the environment variable {name} is not set"),
            SecretSource::File(file) | SecretSource::Enrollment(file) => format!("{file} does not hold it"),
            SecretSource::SecretArn(_) => return Ok(()),
        };
        Err(Failure::new(CONFIG, format!("the OAuth2 client secret is needed and was not given: {place}"))
            .known_as(codes::SECRET)
            .hint("it is the enrollment key that ZenML showed; give it once, afterwards it is kept in Secrets Manager"))
    }

    /// Why there can be no plan, for the user.
    pub(crate) async fn no_plan(&self, problems: &[Problem]) -> Failure {
        let text = crate::report::problems_text(problems, &self.command, config::Style::Plain);
        let taken = problems.iter().all(|problem| matches!(problem, Problem::Foreign { .. }));
        let failure = Failure::new(ERROR, text);
        let failure = if taken { failure.known_as(codes::TAKEN) } else { failure };
        let database = Address::new("rds.instance", "main");
        let gone = problems.iter().any(|p| matches!(p, Problem::DataGone { address, .. } if *address == database));
        if !gone {
            return failure;
        }
        let name = self.config.db_instance_id();
        match self.aws.patiently(async || crate::aws::rds::restorable(&self.aws, &name).await).await {
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
        let State { resources, intents, .. } = &self.state;
        let recorded = resources.iter().filter(|(_, recorded)| recorded.holds_data).map(|(address, _)| address);
        let begun = intents.iter().filter(|(_, intent)| intent.holds_data).map(|(address, _)| address);
        let holders: Vec<Address> = recorded.chain(begun).cloned().collect();
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
            None => self.global.reach(),
            Some(sandbox) => {
                Reach::sandbox(sandbox.dns_port, sandbox.https_port, sandbox.http_port, sandbox.ca_file.clone())
            }
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

/// Paces of a run.
fn limits(sandbox: Option<&Sandbox>) -> Limits {
    match sandbox {
        None => Limits::AWS,
        Some(sandbox) if sandbox.real_server.is_some() => Limits::REAL_SERVER,
        Some(_) => Limits::SANDBOX,
    }
}

/// `20261120-171500`, for the name of a final snapshot.
pub(crate) fn stamp() -> String {
    jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S").to_string()
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
    let of_a_template = findings.iter().any(|finding| finding.severity == config::Severity::Placeholder);
    let findings = config::settle_placeholders(findings, placeholders);
    let wrong = findings.iter().any(|finding| finding.severity == config::Severity::Error);
    if !findings.is_empty() && (wrong || !global.quiet) {
        err!("{}", config::render(&path, &text, &findings, style));
    }
    if wrong && of_a_template && placeholders == Placeholders::Refuse {
        err!(
            "{}",
            hint_text("to rehearse on a local AWS, where a template's placeholders will do, add `--sandbox`", style)
        );
    }
    let config = config.filter(|_| !wrong).ok_or_else(|| Failure::told(CONFIG))?;
    match &global.region {
        Some(region) if *region != config.region => {
            Err(Failure::new(CONFIG, format!("{path} says region `{}`, and `--region` says `{region}`", config.region)))
        }
        _ => Ok(config),
    }
}

async fn start_sandbox(global: &Global, config: &mut Config) -> Result<Sandbox, Failure> {
    let options = sandbox::Options::from_env()?;
    let sandbox = sandbox::ensure(&options, &|line| telling::say(global, line)).await?;
    let seeded = seed(&sandbox, config).await?;
    // What an account would already have: a certificate, with a key that the sandbox holds.
    if let Certificate::Arn(arn) = &mut config.ingress.certificate {
        *arn = seeded.certificate_arn;
    }
    Ok(sandbox)
}

/// Puts into the sandbox what an account would have before a deployment.
pub(crate) async fn seed(sandbox: &Sandbox, config: &Config) -> Result<Seeded, Failure> {
    let zone = match &config.ingress.dns {
        Dns::Route53 { zone } => zone.clone(),
        Dns::External => config.host().split_once('.').map_or(config.host(), |(_, zone)| zone).to_owned(),
    };
    Ok(sandbox.seed(&zone, config.host(), &config.region).await?)
}
