//! The OAuth2 client secret: where its value comes from. It goes nowhere but into Secrets Manager.

use crate::cli::exit::{CONFIG, Failure};
use crate::cli::{Global, telling};
use crate::config::{self, Config, SecretSource};
use crate::model::Address;
use crate::resource::Provided;
use crate::state::State;
use crate::state::place::Store;
use secrecy::SecretString;
use std::env::VarError;
use std::path::PathBuf;

/// What Secrets Manager keeps at most, in bytes.
/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html>
const LONGEST: usize = 65_536;
/// Bytes of its file: line breaks around it do no harm.
const LARGEST_FILE: u64 = LONGEST as u64 + 1024;

/// The OAuth2 client secret, from where the config says; once stored, an unset variable keeps what is stored.
pub(super) async fn provided(
    global: &Global,
    config: &Config,
    store: &Store,
    state: &State,
    sandbox: bool,
) -> Result<Provided, Failure> {
    let mut provided = store.fingerprint_key().await?.map_or_else(Provided::default, Provided::new);
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
    let refused = |why: String| Failure::new(CONFIG, format!("oauth2_client_secret: {why}"));
    let usable = |text: String| match text.trim() {
        text if text.len() > LONGEST => Err(refused(format!("it is longer than the {LONGEST} bytes of a secret"))),
        text => Ok(Some(SecretString::from(text.to_owned()))),
    };
    match source {
        SecretSource::Env(name) => match std::env::var(name) {
            Ok(text) if !text.trim().is_empty() => usable(text),
            Ok(_) => {
                telling::say(global, &format!("{name} is empty, which counts as not set"));
                Ok(None)
            }
            Err(VarError::NotPresent) => Ok(None),
            Err(VarError::NotUnicode(_)) => Err(refused(format!("what {name} holds is no text"))),
        },
        SecretSource::File(file) => match super::bounded(&beside(file), LARGEST_FILE) {
            Ok(Some(text)) if !text.trim().is_empty() => usable(text),
            Ok(Some(_)) => Err(refused(format!("{file} holds nothing"))),
            Ok(None) => Err(refused(format!("{file} is longer than the {LONGEST} bytes of a secret"))),
            Err(error) => Err(refused(format!("{file}: {error}"))),
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
