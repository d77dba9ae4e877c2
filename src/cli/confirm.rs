//! Questions, and what stands in for an answer where nobody can be asked.

use super::exit::{ERROR, Failure, USAGE};
use super::signals;
use crate::report::codes;
use std::io::{BufRead, IsTerminal, Write};
use std::sync::mpsc;
use std::time::Duration;

/// Asks a yes-or-no question.
///
/// # Errors
/// Usage, if there is no terminal and no `--yes`; an ordinary error if the answer is no.
pub(crate) fn yes(question: &str, assumed: bool) -> Result<(), Failure> {
    if assumed {
        return Ok(());
    }
    let answer = ask(&format!("{question} [y/N] "), "--yes")?;
    match answer.to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::new(ERROR, "declined: nothing was changed").known_as(codes::DECLINED)),
    }
}

/// Asks to type `name`. `given` is the value of `--confirm`.
///
/// # Errors
/// As [`yes`].
pub(crate) fn typed(name: &str, assumed: bool, given: Option<&str>) -> Result<(), Failure> {
    let answer = match given {
        Some(given) => given.to_owned(),
        None if assumed => {
            return Err(
                Failure::new(USAGE, "`--yes` alone does not confirm a destroy").hint(format!("add `--confirm {name}`"))
            );
        }
        None => ask(&format!("type the deployment's name, `{name}`, to destroy it: "), "--yes --confirm NAME")?,
    };
    if answer == name {
        return Ok(());
    }
    let text = format!("`{answer}` is not the deployment's name `{name}`: nothing was changed");
    Err(Failure::new(ERROR, text).known_as(codes::DECLINED))
}

/// How often somebody who waits for an answer looks whether a signal came instead.
const GLANCE: Duration = Duration::from_millis(50);

fn ask(question: &str, flag: &str) -> Result<String, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new(USAGE, "there is no terminal to ask on").hint(format!("answer with `{flag}`")));
    }
    err!("{question}");
    drop(std::io::stderr().flush());
    // Reading cannot be broken off, so somebody else reads: a signal instead of an answer ends the verb in good order.
    let (reader, answer) = mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        reader.send(read.map(|_| line))
    });
    loop {
        match answer.recv_timeout(GLANCE) {
            Ok(Ok(line)) => return Ok(line.trim().to_owned()),
            Ok(Err(error)) => return Err(Failure::new(ERROR, error.to_string())),
            Err(_) => {
                if let Some(signal) = signals::caught() {
                    return Err(Failure::told(signal.code()));
                }
            }
        }
    }
}
