//! Why there is no plan, for a person: every problem at once, each with what to do.

use super::codes::of_problem;
use super::errors::{head, hint_text};
use super::words::{count, printable};
use crate::config::Style;
use crate::plan::Problem;

/// Returns every problem in the style of errors, then how many. `command` is what the user typed, `hybridctl up`; consents are
/// flags of it. Ends with a line break.
pub fn problems_text(problems: &[Problem], command: &str, style: Style) -> String {
    let mut out = String::new();
    for problem in problems {
        out.push_str(&format!("{} {}\n", head(of_problem(problem), style), printable(&problem.to_string())));
        for hint in hints(problem, command) {
            out.push_str(&hint_text(&hint, style));
        }
        out.push('\n');
    }
    out.push_str(&format!("{}; nothing was changed\n", count(problems.len(), "problem")));
    out
}

fn hints(problem: &Problem, command: &str) -> Vec<String> {
    let consent = |address| format!("`{command} --allow-data-loss {address}`");
    match problem {
        Problem::Foreign { .. } => {
            vec!["choose another name in the configuration, or remove the other object".to_owned()]
        }
        Problem::DataGone { address, restored_by, .. } => {
            let restore =
                restored_by.map(|field| format!("to get its data back, name a snapshot in `database.{field}`"));
            let empty = format!("to start with an empty one: {}", consent(address));
            restore.into_iter().chain([empty]).collect()
        }
        Problem::DataReplaced { address, .. } => vec![
            "take the change back in the configuration".to_owned(),
            format!("or accept that its data is lost: {}", consent(address)),
        ],
        Problem::DataDeleted { address } | Problem::DataFailed { address, .. } => {
            vec![format!("to accept that its data is lost: {}", consent(address))]
        }
        Problem::Protected { .. } if command.contains("destroy") => {
            vec![format!("to lift the protection as a step of the plan: `{command} --disable-protection`")]
        }
        Problem::Protected { .. } => vec![
            "take the change back, turn the protection off in the configuration".to_owned(),
            format!("when that is done (`{command}`), make the change again"),
        ],
        Problem::Held { .. } => {
            vec!["take the change back in the configuration, or destroy and make it anew".to_owned()]
        }
        Problem::Broken(_) => vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::address;

    #[test]
    fn every_problem_is_told_with_what_to_do() {
        let problems = [
            Problem::DataReplaced { address: address("rds.instance/main"), fields: "engine".into() },
            Problem::Protected { address: address("rds.instance/main") },
        ];
        insta::assert_snapshot!(problems_text(&problems, "hybridctl destroy", Style::Plain), @r#"
        error[HC2052]: rds.instance/main holds data and cannot be replaced (engine cannot change in place)
        hint: take the change back in the configuration
        hint: or accept that its data is lost:
            hybridctl destroy --allow-data-loss rds.instance/main

        error[HC2053]: rds.instance/main is protected against deletion
        hint: to lift the protection as a step of the plan:
            hybridctl destroy --disable-protection

        2 problems; nothing was changed
        "#);
    }
}
