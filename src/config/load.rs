//! The whole way from text to `Config`.

use crate::config::diagnostic::Diagnostic;
use crate::config::problems::Problems;
use crate::config::{Config, build, codes, read, validate};

/// Reads and checks the text of a `hybrid.toml`. `path` is the name that messages give the file.
///
/// Beside the config it returns warnings and placeholder findings; `settle_placeholders` says what the latter mean.
///
/// # Errors
///
/// Every problem of the file, warnings included, in the order of the file.
pub fn load(path: &str, text: &str) -> Result<(Config, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut problems = Problems::default();
    let Some(document) = read::document(text, &mut problems) else {
        return Err(problems.into_sorted());
    };
    validate::check(&document, &mut problems);
    if problems.has_errors() {
        return Err(problems.into_sorted());
    }
    match build::config(&document) {
        Some(config) => Ok((config, problems.into_sorted())),
        None => {
            let message = format!("{path} passed every rule but could not be read");
            problems.error(codes::BUG, &(0..0), message, "this is a bug in hybridctl: please report it with the file");
            Err(problems.into_sorted())
        }
    }
}
