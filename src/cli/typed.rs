//! Commands as this user has to type them: advice says `hybridctl up`, and a rehearsal needs `--sandbox` with it, or the advice
//! would lead from the sandbox to the account.

use super::Global;
use std::path::Path;

/// Verbs that work on a deployment. The others need none of these flags.
const VERBS: &[&str] = &[
    "apply",
    "destroy",
    "diff",
    "graph",
    "output",
    "plan",
    "preflight",
    "state history",
    "state list",
    "state migrate",
    "state pull",
    "state push",
    "state rebuild",
    "state show",
    "state unlock",
    "status",
    "up",
    "verify",
];

/// What chooses the place, as flags that the user gave.
const CHOOSING: &[&str] = &[" --sandbox", " -c ", " --config", " --profile"];

/// `hybridctl VERB` with the global flags that the user gave.
pub(crate) fn command(global: &Global, verb: &str) -> String {
    format!("hybridctl {verb}{}", flags(global))
}

/// The text with every command in it as [`command`] would write it. A command stands behind a backtick or at the beginning of
/// a line; one that says which place it means is left alone.
pub(crate) fn as_typed(global: &Global, text: &str) -> String {
    let flags = flags(global);
    if flags.is_empty() {
        return text.to_owned();
    }
    let mut typed = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("hybridctl ") {
        let (before, command) = rest.split_at(at);
        typed.push_str(before);
        let whole = command.split(['`', '\n']).next().unwrap_or_default().trim_end();
        let chosen = CHOOSING.iter().any(|flag| whole.contains(flag));
        let (kept, insert) = match begins_a_command(&typed) && is_of_a_deployment(whole) && !chosen {
            true => (whole.len(), flags.as_str()),
            false => ("hybridctl ".len(), ""),
        };
        typed.push_str(&command[..kept]);
        typed.push_str(insert);
        rest = &command[kept..];
    }
    typed + rest
}

/// True if its verb needs to know the place.
fn is_of_a_deployment(command: &str) -> bool {
    let Some(said) = command.strip_prefix("hybridctl ") else { return false };
    let whole = |rest: &str| !rest.starts_with(|next: char| next.is_ascii_alphanumeric() || next == '-');
    VERBS.iter().any(|verb| said.strip_prefix(*verb).is_some_and(whole))
}

fn begins_a_command(before: &str) -> bool {
    before.ends_with('`') || before.rsplit('\n').next().is_some_and(|line| line.trim().is_empty())
}

fn flags(global: &Global) -> String {
    let mut flags = String::new();
    if global.sandbox {
        flags.push_str(" --sandbox");
    }
    if global.config != Path::new("hybrid.toml") {
        flags.push_str(&format!(" -c {}", global.config.display()));
    }
    if let Some(profile) = &global.profile {
        flags.push_str(&format!(" --profile {profile}"));
    }
    if let Some(resolver) = &global.resolver {
        flags.push_str(&format!(" --resolver {resolver}"));
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::Parser;

    fn typed(arguments: &[&str], text: &str) -> String {
        let arguments = [&["hybridctl", "status"], arguments].concat();
        as_typed(&Cli::try_parse_from(arguments).unwrap().global, text)
    }

    #[test]
    fn advice_leads_to_the_place_that_the_user_is_in() {
        let cases = [
            ("run `hybridctl up`", "run `hybridctl up --sandbox`"),
            ("hint: continue with:\n    hybridctl up\n", "hint: continue with:\n    hybridctl up --sandbox\n"),
            ("`hybridctl plan --out FILE`", "`hybridctl plan --out FILE --sandbox`"),
            (
                "`hybridctl state list`, then `hybridctl diff`",
                "`hybridctl state list --sandbox`, then `hybridctl diff --sandbox`",
            ),
            ("`hybridctl up --sandbox --yes`", "`hybridctl up --sandbox --yes`"),
            ("`hybridctl explain HC2001`", "`hybridctl explain HC2001`"),
            ("`hybridctl sandbox stop`", "`hybridctl sandbox stop`"),
            ("what hybridctl up to now wrote", "what hybridctl up to now wrote"),
            ("`hybridctl upgrade`", "`hybridctl upgrade`"),
            ("nothing", "nothing"),
        ];
        for (said, shown) in cases {
            assert_eq!(typed(&["--sandbox"], said), shown);
            assert_eq!(typed(&[], said), said);
        }
        let elsewhere = typed(&["-c", "prod.toml", "--profile", "ops"], "`hybridctl up`");
        assert_eq!(elsewhere, "`hybridctl up -c prod.toml --profile ops`");
        let asking = typed(&["--resolver", "192.0.2.53"], "`hybridctl verify`");
        assert_eq!(asking, "`hybridctl verify --resolver 192.0.2.53:53`");
    }
}
