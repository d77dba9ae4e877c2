//! The OAuth2 client secret: where its value comes from. It goes nowhere but into Secrets Manager.

use crate::cli::exit::{CONFIG, Failure};
use crate::cli::{Global, telling};
use crate::config::{self, Config, SecretSource};
use crate::model::Address;
use crate::resource::Provided;
use crate::state::State;
use crate::state::file::FileStore;
use secrecy::SecretString;
use std::path::PathBuf;

/// The OAuth2 client secret, from where the config says; once stored, an unset variable keeps what is stored.
pub(super) fn provided(
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
