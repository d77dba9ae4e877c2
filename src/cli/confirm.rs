//! Questions, and what stands in for an answer where nobody can be asked.

use super::exit::{ERROR, Failure, USAGE};
use std::io::{BufRead, IsTerminal, Write};

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
        _ => Err(Failure::new(ERROR, "declined: nothing was changed")),
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
    Err(Failure::new(ERROR, format!("`{answer}` is not the deployment's name `{name}`: nothing was changed")))
}

fn ask(question: &str, flag: &str) -> Result<String, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new(USAGE, "there is no terminal to ask on").hint(format!("answer with `{flag}`")));
    }
    err!("{question}");
    drop(std::io::stderr().flush());
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(|error| Failure::new(ERROR, error.to_string()))?;
    Ok(answer.trim().to_owned())
}
