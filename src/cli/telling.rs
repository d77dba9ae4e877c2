//! Which reporters a run has, and whether they colour.

use super::exit::{Failure, USAGE};
use super::{Color, Global};
use crate::config::Style;
use crate::report::human::Human;
use crate::report::json::Json;
use crate::report::many::Many;
use crate::report::plain::Plain;
use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

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

/// Columns of this terminal; where it is none, nothing is broken into lines.
pub(crate) fn columns(terminal: &console::Term) -> usize {
    terminal.size_checked().map_or(usize::MAX, |(_, columns)| columns.into())
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

/// Why data could not be written, the first time.
static LOST: OnceLock<String> = OnceLock::new();

/// Events go to stdout, and nothing else: a program reads them line by line.
static ONLY_EVENTS: AtomicBool = AtomicBool::new(false);

/// Sends what else is for stdout to stderr from now on.
pub(crate) fn keep_stdout_for_events() {
    ONLY_EVENTS.store(true, Ordering::Relaxed);
}

/// Writes data to stdout. That it could not be written is told at the end; a reader that has had enough is no error.
pub(crate) fn data(text: std::fmt::Arguments<'_>) {
    if ONLY_EVENTS.load(Ordering::Relaxed) {
        return write_to(&mut std::io::stderr().lock(), text);
    }
    let mut out = std::io::stdout().lock();
    match out.write_fmt(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => drop(LOST.set(error.to_string())),
        _ => {}
    }
}

/// Why data that was for stdout is not there.
pub(crate) fn lost_data() -> Option<&'static str> {
    LOST.get().map(String::as_str)
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
        2 => "hybridctl=debug",
        _ => "hybridctl=trace",
    };
    let subscriber = fmt().with_env_filter(EnvFilter::new(level)).with_writer(std::io::stderr);
    let subscriber = subscriber.with_ansi(style(global) == Style::Coloured).with_target(false);
    // A second start in one process (tests) keeps the first.
    drop(subscriber.try_init());
}
