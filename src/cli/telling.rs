//! Which reporters a run has, and whether they colour.

use super::exit::{Failure, USAGE};
use super::{Color, Global};
use crate::config::Style;
use crate::report::human::Human;
use crate::report::json::Json;
use crate::report::many::Many;
use crate::report::plain::Plain;
use std::io::{IsTerminal, Write};

/// Plain or coloured, for stderr.
pub(crate) fn style(global: &Global) -> Style {
    let coloured = match global.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
            !set("NO_COLOR") && (set("CLICOLOR_FORCE") || (std::io::stderr().is_terminal() && !set("CI")))
        }
    };
    if coloured { Style::Coloured } else { Style::Plain }
}

/// Plain or coloured, for stdout.
pub(crate) fn style_of_data(global: &Global) -> Style {
    match global.color {
        Color::Auto if !std::io::stdout().is_terminal() => Style::Plain,
        _ => style(global),
    }
}

/// The reporters of an apply; `only_events` leaves out those for people.
///
/// # Errors
/// If the events file cannot be made.
pub(crate) fn reporters(global: &Global, only_events: bool) -> Result<Many<'static>, Failure> {
    let mut many = Many::new();
    if !global.quiet && !only_events {
        many = if std::io::stderr().is_terminal() && std::env::var_os("CI").is_none() {
            many.and(Human::new(style(global)))
        } else {
            many.and(Plain::new(std::io::stderr()))
        };
    }
    if let Some(path) = &global.events {
        let out: Box<dyn Write> = if path == "-" {
            Box::new(std::io::stdout())
        } else {
            let file = std::fs::File::create(path);
            Box::new(file.map_err(|error| Failure::new(USAGE, format!("--events {path}: {error}")))?)
        };
        many = many.and(Json::new(out));
    }
    Ok(many)
}

/// Writes as much as can be written.
pub(crate) fn write_to(out: &mut dyn Write, text: std::fmt::Arguments<'_>) {
    drop(out.write_fmt(text).and_then(|()| out.flush()));
}

/// A line for the user that is neither data nor an error.
pub(crate) fn say(global: &Global, line: &str) {
    if !global.quiet {
        err!("{line}\n");
    }
}

/// The log of every AWS call, on request. It names operations, codes and request ids, never a request or an answer.
pub(crate) fn start_log(global: &Global) {
    use tracing_subscriber::{EnvFilter, fmt};
    let level = match global.verbose {
        0 => return,
        1 => "hybridctl=info",
        _ => "hybridctl=debug",
    };
    let subscriber = fmt().with_env_filter(EnvFilter::new(level)).with_writer(std::io::stderr);
    let subscriber = subscriber.with_ansi(style(global) == Style::Coloured).with_target(false);
    // A second start in one process (tests) keeps the first.
    drop(subscriber.try_init());
}
