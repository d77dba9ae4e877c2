//! What `init` says when it is done: what is still the template's, and the commands to type next.

use crate::config::{SecretSource, Severity, Template, line_and_column, load};
use std::path::Path;

/// Returns the lines. `key_file` is the file of the enrollment key, if the config names one.
pub(super) fn steps(target: &Path, template: &Template, text: &str, key_file: Option<&str>) -> Vec<String> {
    let path = target.display().to_string();
    let mut lines = vec![format!("wrote {path} from the template `{}`", template.name)];
    // Nothing is wrong with the text, or it would not have been written.
    let Ok((config, found)) = load(&path, text) else { return lines };
    let open: Vec<_> = found.iter().filter(|one| one.severity == Severity::Placeholder).collect();
    if !open.is_empty() {
        lines.push("still the template's, which the sandbox accepts and AWS does not:".into());
    }
    for one in open {
        let (line, _) = line_and_column(text, one.span.start);
        lines.push(format!("    line {line:<3} {}", one.message));
    }
    if let Some(file) = key_file {
        lines.push(format!("the enrollment key stays in {file}: keep that file out of git"));
    }
    lines.push("next:".into());
    let ours = match path.as_str() {
        "hybrid.toml" | "./hybrid.toml" => "hybridctl".to_owned(),
        path => format!("hybridctl -c {}", shell_word(path)),
    };
    let mut commands = Vec::new();
    if let SecretSource::Env(variable) = &config.zenml.oauth2_client_secret {
        // Typed into a prompt it stays out of the shell's history.
        commands.push((format!("read -rs {variable} && export {variable}"), "paste ZenML's enrollment key"));
    }
    commands.push((format!("{ours} validate"), "check the file"));
    commands.push((format!("{ours} up --sandbox"), "rehearse on a local AWS, without an account"));
    commands.push((format!("{ours} up"), "deploy on AWS: shows the plan and asks first"));
    let short = |command: &str| Some(command.len()).filter(|length| *length <= 44);
    let width = commands.iter().filter_map(|(command, _)| short(command)).max().unwrap_or_default();
    lines.extend(commands.iter().map(|(command, why)| format!("    {command:<width$}  # {why}")));
    lines
}

/// A path as it can be pasted into a shell.
fn shell_word(path: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "/._-+=@%,:".contains(letter);
    if path.chars().all(plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::templates;

    #[test]
    fn the_next_steps_name_what_is_open_and_the_file() {
        let template = &templates()[0];
        let said = steps(Path::new("hybrid.toml"), template, template.text, None).join("\n");
        assert!(said.contains("line 9   `zenml.mycompany.com` is the template's host"), "{said}");
        assert!(said.contains("read -rs ZENML_SERVER_PRO_OAUTH2_CLIENT_SECRET && export"), "{said}");
        assert!(said.contains("    hybridctl validate") && said.contains("    hybridctl up --sandbox"), "{said}");
        let said = steps(Path::new("a b/hybrid.toml"), template, template.text, Some("e.json")).join("\n");
        assert!(said.contains("hybridctl -c 'a b/hybrid.toml' up") && said.contains("e.json: keep"), "{said}");
    }
}
