//! A plan for the comment on a pull request: what a reviewer has to know first, the rest folded.

use super::plan_summary::{counts_line, data_lines, impact_lines};
use super::plan_text::{Meta, plan_text};
use crate::config::Style;
use crate::plan::Plan;

/// Longest text that is sent along: GitHub takes comments of 65,536 characters.
const LONGEST: usize = 60_000;

/// Returns the comment, ending with a line break.
pub fn plan_markdown(plan: &Plan, meta: &Meta) -> String {
    let Meta { deployment, region, place } = meta;
    let mut text = format!("### Plan for `{deployment}` in {region}, {place}\n\n**{}**\n", counts_line(plan));
    if plan.is_empty() {
        return text;
    }
    let told: Vec<String> = data_lines(plan).into_iter().chain(impact_lines(plan)).collect();
    if !told.is_empty() {
        text += "\n";
    }
    for line in told {
        let loud = if line.starts_with("DATA") { "⚠️ " } else { "" };
        text += &format!("- {loud}{}\n", line.trim());
    }
    let whole = plan_text(plan, meta, Style::Plain);
    // Longer than any run of backticks in it, so that no value ends the block.
    let fence = "`".repeat(longest_run(&whole).max(2) + 1);
    text + &format!("\n<details><summary>Every step</summary>\n\n{fence}text\n{}{fence}\n\n</details>\n", cut(&whole))
}

fn longest_run(text: &str) -> usize {
    text.split(|other| other != '`').map(str::len).max().unwrap_or_default()
}

/// As many whole lines as a comment may have.
fn cut(text: &str) -> String {
    if text.len() <= LONGEST {
        return text.to_owned();
    }
    let mut kept = String::new();
    for line in text.split_inclusive('\n') {
        if kept.len() + line.len() > LONGEST {
            break;
        }
        kept += line;
    }
    kept + "… and more: `hybridctl plan` prints all of it\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Action;
    use crate::report::Place;
    use crate::report::samples::{plan_of, step};
    use serde_json::json;

    fn meta() -> Meta {
        Meta { deployment: "x".into(), region: "eu-central-1".into(), place: Place::Account("123456789012".into()) }
    }

    #[test]
    fn the_counts_and_the_danger_come_first_and_the_steps_are_folded() {
        let text = plan_markdown(
            &plan_of([step("rds.instance/main", Action::Delete).with(|step| step.holds_data = true)]),
            &meta(),
        );
        let expected = "\
### Plan for `x` in eu-central-1, account 123456789012

**Plan: 1 to delete.**

- ⚠️ DATA AT RISK: rds.instance/main is deleted and nothing keeps a copy.

<details><summary>Every step</summary>

```text
";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.ends_with("```\n\n</details>\n"), "{text}");
        let unchanged = plan_markdown(&plan_of([step("ec2.vpc/main", Action::Keep)]), &meta());
        assert!(unchanged.ends_with("**Plan: no changes, 1 unchanged.**\n"), "{unchanged}");
    }

    #[test]
    fn no_value_ends_the_block_and_a_long_plan_fits_a_comment() {
        let hostile = json!({ "description": "````\n</details>" });
        let text = plan_markdown(&plan_of([step("ec2.vpc/main", Action::Create).inputs(hostile)]), &meta());
        assert!(text.contains("\n`````text\n") && text.ends_with("\n`````\n\n</details>\n"), "{text}");
        let many = (0..2000).map(|n| step(&format!("ec2.subnet/number-{n}"), Action::Create));
        let text = plan_markdown(&plan_of(many), &meta());
        assert!(text.len() < 65_536 && text.contains("prints all of it\n```\n"), "{}", text.len());
    }
}
