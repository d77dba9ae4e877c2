//! `init`: writes a commented `hybrid.toml` from a template and the answers of its author.
//!
//! The answers come from flags, an enrollment and, on a terminal, from questions; the file is written when all of them hold,
//! and never over another without `--force`. The enrollment key is not shown and not copied: the config names its file.

mod next;
mod questions;

use super::super::exit::{DONE, ERROR, Failure, USAGE};
use super::super::{Format, Global, telling};
use crate::config::{
    self, Answers, Certificate, Diagnostic, Dns, SecretSource, Severity, Template, render_template, templates,
};
use clap::Args;
use clap::builder::PossibleValuesParser;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf, absolute};

/// Write a commented hybrid.toml from a template; asks on a terminal, takes flags elsewhere
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Write hybrid.toml into this folder; otherwise to where `--config` points
    dir: Option<PathBuf>,
    /// Start from this template
    #[arg(long, value_name = "NAME", default_value = templates()[0].name, value_parser = template_names())]
    template: String,
    /// List the templates
    #[arg(long)]
    list_templates: bool,
    /// Name of the deployment, prefix of every name in AWS
    #[arg(long)]
    name: Option<String>,
    /// AWS region
    #[arg(long)]
    region: Option<String>,
    /// Public address of the server, for example https://zenml.mycompany.com
    #[arg(long, value_name = "URL")]
    server_url: Option<String>,
    /// Route 53 zone of the server's name; `external` if the zone is elsewhere
    #[arg(long, value_name = "DOMAIN")]
    zone: Option<String>,
    /// Certificate in ACM; `request` to have one made
    #[arg(long, value_name = "ARN")]
    certificate_arn: Option<String>,
    /// Version of the ZenML server
    #[arg(long, value_name = "VERSION")]
    server_version: Option<String>,
    /// Id of the ZenML organization
    #[arg(long, value_name = "UUID")]
    organization_id: Option<String>,
    /// Name of the ZenML organization
    #[arg(long, value_name = "NAME")]
    organization_name: Option<String>,
    /// Id of the ZenML workspace
    #[arg(long, value_name = "UUID")]
    workspace_id: Option<String>,
    /// Name of the ZenML workspace
    #[arg(long, value_name = "NAME")]
    workspace_name: Option<String>,
    /// The JSON that ZenML's enrollment returned: its ids and names go into the config, its key stays in that file
    #[arg(long, value_name = "FILE")]
    enrollment: Option<PathBuf>,
    /// Overwrite the file
    #[arg(long)]
    force: bool,
}

fn template_names() -> PossibleValuesParser {
    PossibleValuesParser::new(templates().iter().map(|template| template.name))
}

impl Init {
    /// Writes the file and says what to do next.
    ///
    /// # Errors
    /// If there is a file already, or an answer is not valid.
    pub(crate) fn run(self, global: &Global) -> Result<u8, Failure> {
        if self.list_templates {
            return list(global);
        }
        let target = match &self.dir {
            Some(folder) => folder.join("hybrid.toml"),
            None => global.config.clone(),
        };
        if !self.force && target.symlink_metadata().is_ok() {
            return Err(exists(&target));
        }
        let template = templates().iter().find(|template| template.name == self.template);
        let template = template.expect("because clap refuses other names");
        let mut answers = self.answers();
        let key_file = match &self.enrollment {
            Some(file) => enroll(file, &target, &mut answers)?,
            None => None,
        };
        // The sandbox accepts every placeholder: nothing has to be asked for a rehearsal.
        if questions::can_be_asked() && !global.sandbox {
            questions::ask(template, &mut answers)?;
        }
        if let Some(failure) = refusal(&mistakes(template, &answers)) {
            return Err(failure);
        }
        let text = render_template(template, &answers);
        write(&target, &text, self.force)?;
        for line in next::steps(&target, template, &text, key_file.as_deref()) {
            telling::say(global, &line);
        }
        Ok(DONE)
    }

    fn answers(&self) -> Answers {
        Answers {
            name: self.name.clone(),
            region: self.region.clone(),
            account_id: None,
            version: self.server_version.clone(),
            server_url: self.server_url.clone(),
            organization_id: self.organization_id.clone(),
            organization_name: self.organization_name.clone(),
            workspace_id: self.workspace_id.clone(),
            workspace_name: self.workspace_name.clone(),
            oauth2_client_secret: None,
            certificate: self.certificate_arn.as_deref().map(certificate),
            dns: self.zone.as_deref().map(dns),
        }
    }
}

fn certificate(text: &str) -> Certificate {
    if text == "request" { Certificate::Request } else { Certificate::Arn(text.to_owned()) }
}

fn dns(text: &str) -> Dns {
    if text == "external" { Dns::External } else { Dns::Route53 { zone: text.to_owned() } }
}

fn list(global: &Global) -> Result<u8, Failure> {
    let width = templates().iter().map(|template| template.name.len()).max().unwrap_or_default();
    super::print(match global.format {
        Format::Text => {
            let line = |one: &Template| format!("{:<width$}  {}\n", one.name, one.summary);
            templates().iter().map(line).collect::<String>()
        }
        Format::Json => {
            let entry = |one: &Template| serde_json::json!({ "name": one.name, "summary": one.summary });
            format!("{:#}\n", templates().iter().map(entry).collect::<serde_json::Value>())
        }
    })
}

fn exists(target: &Path) -> Failure {
    Failure::new(ERROR, format!("{} exists already: nothing was written", target.display()))
        .hint("overwrite it with `--force`, or name another folder: `hybridctl init DIR`")
}

/// Takes ids and names out of an enrollment. Returns how the config names the file if there is a key in it.
fn enroll(file: &Path, target: &Path, answers: &mut Answers) -> Result<Option<String>, Failure> {
    let shown = file.display();
    let text =
        fs::read_to_string(file).map_err(|error| Failure::new(USAGE, format!("--enrollment {shown}: {error}")))?;
    let read = config::enrollment(&text);
    let read = read.map_err(|error| Failure::new(USAGE, format!("--enrollment {shown}: {error}")))?;
    *answers = std::mem::take(answers).or_enrollment(&read);
    if read.enrollment_key.is_none() {
        return Ok(None);
    }
    let named = seen_from(target, file);
    answers.oauth2_client_secret = Some(SecretSource::Enrollment(named.clone()));
    Ok(Some(named))
}

/// The file as the config names it: paths in there start at its own folder, not at the working folder.
fn seen_from(target: &Path, file: &Path) -> String {
    let real = |path: &Path| fs::canonicalize(path).or_else(|_| absolute(path)).unwrap_or_else(|_| path.to_owned());
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = real(file);
    let beside = file.strip_prefix(real(folder)).map(Path::to_path_buf);
    beside.unwrap_or(file).to_string_lossy().into_owned()
}

/// What `validate` would refuse in the file; placeholders are fine.
fn mistakes(template: &Template, answers: &Answers) -> Vec<Diagnostic> {
    let found = match config::load("hybrid.toml", &render_template(template, answers)) {
        Ok((_, found)) | Err(found) => found,
    };
    found.into_iter().filter(|one| one.severity == Severity::Error).collect()
}

fn refusal(mistakes: &[Diagnostic]) -> Option<Failure> {
    let (first, more) = mistakes.split_first()?;
    let mut text = format!("{}\n", first.message);
    for one in more {
        text += &format!("  and {}\n", one.message);
    }
    let failure = Failure::new(USAGE, text + "  nothing was written");
    Some(mistakes.iter().filter_map(|one| one.help.clone()).fold(failure, Failure::hint))
}

fn write(target: &Path, text: &str, force: bool) -> Result<(), Failure> {
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder).map_err(|error| Failure::new(ERROR, format!("{}: {error}", folder.display())))?;
    }
    let mut options = OpenOptions::new();
    // Another process may have written the file since the question was first asked.
    let options =
        if force { options.write(true).create(true).truncate(true) } else { options.write(true).create_new(true) };
    match options.open(target).and_then(|mut file| file.write_all(text.as_bytes())) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(exists(target)),
        Err(error) => Err(Failure::new(ERROR, format!("{}: {error}", target.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_not_overwritten_without_force() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("new/hybrid.toml");
        write(&target, "first", false).unwrap();
        let failure = write(&target, "second", false).unwrap_err();
        assert_eq!((failure.code, fs::read_to_string(&target).unwrap().as_str()), (ERROR, "first"));
        assert!(failure.hints[0].contains("--force"));
        write(&target, "3", true).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "3");
    }

    #[test]
    fn a_bad_answer_is_refused_with_its_fix_and_a_placeholder_is_not() {
        for template in templates() {
            assert_eq!(mistakes(template, &Answers::default()), []);
            let answers =
                Answers { name: Some("Bad".into()), region: Some("eu-centrl-1".into()), ..Answers::default() };
            let failure = refusal(&mistakes(template, &answers)).unwrap();
            assert_eq!(failure.code, USAGE);
            assert!(
                failure.text.contains("`name` must start") && failure.text.contains("`eu-centrl-1`"),
                "{failure:?}"
            );
            assert!(failure.hints.contains(&"did you mean `eu-central-1`?".to_owned()), "{failure:?}");
        }
    }

    /// an enrollment beside the config, below it, and elsewhere
    #[test]
    fn the_enrollment_is_named_as_the_config_sees_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("a/b")).unwrap();
        for file in ["a/e.json", "a/b/e.json", "e.json"] {
            fs::write(root.join(file), "{}").unwrap();
        }
        let seen = |file: &str| seen_from(&root.join("a/hybrid.toml"), &root.join(file));
        assert_eq!(seen("a/e.json"), "e.json");
        assert_eq!(seen("a/b/e.json"), "b/e.json");
        assert_eq!(seen("e.json"), root.join("e.json").to_string_lossy());
        assert_eq!(
            seen_from(&root.join("gone/hybrid.toml"), &root.join("e.json")),
            root.join("e.json").to_string_lossy()
        );
    }
}
