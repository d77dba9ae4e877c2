//! The documents say what the code does: what can be generated is, and what is written by hand is checked.

use crate::structure::file_of;
use hybridctl::report::codes;
use hybridctl::resource::{Effect, Field, Kind, Life, Repeat, Spec};
use hybridctl::{aws, config, explain};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_list_of_resources_is_fresh() {
    let (path, wanted) = (root().join("docs/resources.md"), resources());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    assert!(read(&path) == wanted, "docs/resources.md is stale: run UPDATE_DOCS=1 cargo test docs");
}

const HEAD: &str = "# Resources

Generated from the registry (`src/aws/kinds.rs`): `UPDATE_DOCS=1 cargo test docs` writes it, and a test keeps it fresh. Words
are explained in [the glossary](glossary.md).

A change of a field costs an *update* in place or a *replace*; *create only* fields are never compared afterwards. *Unread*:
AWS never returns the value, so it is compared with the record. *After create*: the create call cannot set it, an update right
after it does.

| Kind | What it is |
|---|---|
";

/// `docs/resources.md`, made from the registry.
fn resources() -> String {
    let kinds: Vec<&dyn Kind> = aws::kinds().iter().collect();
    let mut text = HEAD.to_owned();
    for kind in &kinds {
        writeln!(
            text,
            "| [`{name}`](#{anchor}) | {about} |",
            name = kind.name(),
            anchor = anchor(kind.name()),
            about = about(*kind)
        )
        .unwrap();
    }
    for kind in &kinds {
        text.push_str(&section(*kind));
    }
    let actions: BTreeSet<&str> = kinds.iter().flat_map(|kind| kind.spec().actions.all()).collect();
    write!(text, "\n## IAM actions\n\nAll {} that the kinds above call; looking up facts and verifying take a few more, all of them reads:\n\n", actions.len()).unwrap();
    for action in actions {
        writeln!(text, "- `{action}`").unwrap();
    }
    text
}

fn section(kind: &dyn Kind) -> String {
    let (spec, (file, _)) = (kind.spec(), file_of(kind));
    let mut text = format!("\n## {}\n\n{} Source: [`src/{file}`](../src/{file}).\n\n", kind.name(), about(kind));
    match kind.fields() {
        [] => text.push_str("It has no settings.\n"),
        _ => text.push_str("| Field | A change costs | Notes |\n|---|---|---|\n"),
    }
    for field in kind.fields() {
        writeln!(text, "| `{}` | {} | {} |", field.name, cost(field), notes(field, &spec).join("; ")).unwrap();
    }
    let outputs: Vec<String> = kind.outputs().iter().map(|output| format!("`{output}`")).collect();
    let outputs = if outputs.is_empty() { "none".to_owned() } else { outputs.join(", ") };
    writeln!(text, "\n- Outputs: {outputs}").unwrap();
    writeln!(text, "- A repeated create: {}", repeat(spec.repeat)).unwrap();
    let together = if spec.coexists { "can exist together" } else { "cannot exist together" };
    writeln!(text, "- Old and new {together}").unwrap();
    match spec.life {
        Life::Own => {}
        Life::Parent => text.push_str("- It goes with its parent: a delete only forgets it\n"),
        Life::Account => {
            text.push_str("- The account shares it: made if it is missing, never changed, only forgotten\n")
        }
    }
    let readings =
        if spec.ready_readings > 1 { format!(", in {} readings in a row", spec.ready_readings) } else { String::new() };
    let (expected, limit) = (span(spec.expected), span(spec.settle_limit));
    writeln!(text, "- Settles in about {expected}{readings}; given up after {limit} without progress").unwrap();
    let actions: Vec<String> = spec.actions.all().iter().map(|action| format!("`{action}`")).collect();
    writeln!(text, "- IAM actions: {}", actions.join(", ")).unwrap();
    text
}

/// The first sentence of the kind's file.
fn about(kind: &dyn Kind) -> String {
    let (_, text) = file_of(kind);
    let header =
        text.lines().take_while(|line| line.starts_with("//!")).map(|line| line.trim_start_matches("//!").trim());
    let paragraph = header.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    let end = paragraph.find(". ").map_or(paragraph.len(), |end| end + 1);
    let sentence = paragraph[..end].split(" <http").next().unwrap_or_default().replace('|', "\\|");
    // In the code these are links to other items.
    let sentence = sentence.replace("[`", "`").replace("`]", "`");
    format!("{}.", sentence.trim_end_matches('.'))
}

fn cost(field: &Field) -> &'static str {
    match field.effect {
        Effect::CreateOnly => "create only",
        Effect::Update => "update",
        Effect::Replace => "replace",
    }
}

fn notes(field: &Field, spec: &Spec) -> Vec<String> {
    let named = |name: Option<&str>| name == Some(field.name);
    let mut notes = vec![];
    notes.extend(field.unread.then(|| "unread".to_owned()));
    notes.extend(field.after_create.then(|| "after create".to_owned()));
    notes.extend(field.same_when.map(|_| "equal is not identical".to_owned()));
    notes.extend(named(spec.protected_by).then(|| "must be off before a delete".to_owned()));
    notes.extend(named(spec.restored_by).then(|| "fills a new object with old data".to_owned()));
    if !field.changes.is_empty() {
        let outputs: Vec<String> = field.changes.iter().map(|output| format!("`{output}`")).collect();
        notes.push(format!("changes {}", outputs.join(", ")));
    }
    notes.extend(field.impact.map(|impact| format!("impact: {impact}")));
    notes
}

fn repeat(repeat: Repeat) -> &'static str {
    match repeat {
        Repeat::Token => "carries a client token and returns the same object",
        Repeat::Collides => "is refused, because the name or key is taken",
        Repeat::ReturnsExisting => "returns the existing object, so the engine looks before every create",
        Repeat::Duplicates => "makes a second object, so an interrupted create looks by tag first",
    }
}

fn span(time: Duration) -> String {
    match time.as_secs() {
        seconds if seconds >= 120 && seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}

/// As GitHub makes them of headings.
fn anchor(heading: &str) -> String {
    let kept = heading
        .to_lowercase()
        .chars()
        .filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter))
        .collect::<String>();
    kept.replace(' ', "-")
}

/// The documents that people read, by their path below the root.
fn documents() -> Vec<PathBuf> {
    let folders = ["docs", "docs/explain", "docs/decisions", "src/sandbox/python", "templates/rds-ca"];
    let in_folder = |folder: &str| std::fs::read_dir(root().join(folder)).into_iter().flatten().flatten();
    let files = folders.iter().flat_map(|folder| in_folder(folder).map(|entry| entry.path()));
    let mut documents: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect();
    documents.extend(["README.md", "CHANGELOG.md"].map(|name| root().join(name)));
    documents.sort();
    documents
}

/// A policy is written from that page.
#[test]
fn every_right_on_the_state_bucket_is_documented_and_needed() {
    let rights = |text: &str| -> std::collections::BTreeSet<String> {
        let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == ':'));
        words
            .filter(|word| word.starts_with("s3:") && word.len() > 3 && !word.contains("::"))
            .map(str::to_owned)
            .collect()
    };
    let code = [root().join("src/aws/s3.rs"), root().join("src/aws/s3/settings.rs")].map(read).concat();
    let page = read(root().join("docs/state.md"));
    assert_eq!(rights(&code), rights(&page));
}

#[test]
fn every_link_leads_somewhere() {
    let mut dead = vec![];
    for document in documents() {
        let text = read(&document);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.starts_with("http") {
                continue;
            }
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { document.clone() } else { document.parent().unwrap().join(path) };
            let has_heading = || {
                let text = read(&target);
                let mut headings = text.lines().filter(|line| line.starts_with('#'));
                headings.any(|line| anchor(line.trim_start_matches('#').trim()) == heading)
            };
            if !target.exists() || (!heading.is_empty() && !has_heading()) {
                dead.push(format!("{}: {link}", document.strip_prefix(root()).unwrap().display()));
            }
        }
    }
    assert!(dead.is_empty(), "{dead:#?}");
}

/// A path in backticks that begins with one of our folders is a file or folder of ours.
#[test]
fn every_file_that_a_document_names_exists() {
    let mut missing = vec![];
    for document in documents() {
        for (number, named) in read(&document).split('`').enumerate() {
            let ours = ["src/", "docs/", "tests/", "templates/", "plans/", ".ci/"]
                .iter()
                .any(|folder| named.starts_with(folder));
            let pattern =
                named.contains(['<', '*', ' ', '{', '…']) || named.chars().any(|letter| letter.is_ascii_uppercase());
            if number % 2 == 1 && ours && !pattern && !root().join(named).exists() {
                missing.push(format!("{}: `{named}`", document.strip_prefix(root()).unwrap().display()));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

/// The list of faults: numbered without a gap, and each with a test that exists.
#[test]
fn every_fault_has_a_number_and_a_test_that_exists() {
    let page = read("docs/recovery.md");
    let (_, section) = page.split_once("\n## Disturbed calls\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows: Vec<Vec<&str>> = section
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| #"))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    let numbers: Vec<String> = rows.iter().map(|row| row[0].to_owned()).collect();
    assert_eq!(numbers, (1..=70).map(|number| number.to_string()).collect::<Vec<_>>());
    for row in rows {
        let [number, fault, outcome, test] = row[..] else { panic!("not four cells: {row:?}") };
        assert!(!fault.is_empty() && !outcome.is_empty(), "{number}");
        let (file, function) = test.trim_matches('`').split_once(": ").unwrap_or_else(|| panic!("{number}: {test}"));
        let path = if file.starts_with("src/") { file.to_owned() } else { format!("tests/it/{file}") };
        let text = read(path);
        let place =
            text.find(&format!("fn {function}()")).unwrap_or_else(|| panic!("{number}: {file} has no {function}"));
        assert!(
            text[..place].trim_end().trim_end_matches("async").trim_end().ends_with("test]"),
            "{number}: {function}"
        );
    }
}

#[test]
fn every_page_of_explain_is_embedded() {
    let on_disk: BTreeSet<String> = std::fs::read_dir(root().join("docs/explain"))
        .unwrap()
        .flatten()
        .map(|entry| entry.path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    let embedded: BTreeSet<String> = explain::ids().map(str::to_owned).collect();
    assert_eq!(on_disk, embedded, "the files of docs/explain (left) and the list in src/explain.rs (right) differ");
}

#[test]
fn every_code_of_the_config_has_a_page() {
    for code in config::CODES {
        let page = explain::page(code.id).unwrap_or_else(|| panic!("docs/explain/{}.md is missing", code.id));
        assert_eq!(page.lines().next(), Some(format!("# {}: {}", code.id, code.title).as_str()));
    }
    let known = |id: &str| config::CODES.iter().any(|code| code.id == id);
    let gone: Vec<_> =
        explain::ids().filter(|id| id.starts_with("HC10") || id.starts_with("HC11")).filter(|id| !known(id)).collect();
    assert!(gone.is_empty(), "pages of codes that do not exist: {gone:?}");
}

#[test]
fn every_code_of_a_failure_has_a_page() {
    for code in codes::CODES {
        let page = explain::page(code.id).unwrap_or_else(|| panic!("docs/explain/{}.md is missing", code.id));
        assert_eq!(page.lines().next(), Some(format!("# {}: {}", code.id, code.title).as_str()));
    }
    let known = |id: &str| codes::CODES.iter().any(|code| code.id == id);
    let gone: Vec<_> = explain::ids().filter(|id| id.starts_with("HC2") && !known(id)).collect();
    assert!(gone.is_empty(), "pages of codes that do not exist: {gone:?}");
}

#[test]
fn every_check_has_a_page() {
    let after = hybridctl::verify::CHECKS.iter().map(|check| (check.id, check.title, check.step));
    let before = hybridctl::preflight::CHECKS.iter().map(|check| (check.id, check.title, check.step));
    let checks: Vec<_> = after.chain(before).collect();
    for (id, title, step) in &checks {
        let page = explain::page(id).unwrap_or_else(|| panic!("docs/explain/{id}.md is missing"));
        assert_eq!(page.lines().next(), Some(format!("# {id}: {title}").as_str()));
        assert!(page.contains(&format!("Guide: {step}.")), "{id} does not name {step}");
    }
    let gone: Vec<_> = explain::ids()
        .filter(|id| id.starts_with("VF-") || id.starts_with("PF-"))
        .filter(|id| !checks.iter().any(|(known, ..)| known == id))
        .collect();
    assert!(gone.is_empty(), "pages of checks that do not exist: {gone:?}");
}

/// A policy is made from such lists: a call that is missing there cannot be made with exact rights.
#[test]
fn the_calls_of_a_preflight_are_listed() {
    let listed: BTreeSet<String> = read("docs/preflight.md")
        .lines()
        .filter_map(|line| line.strip_prefix("- `")?.strip_suffix('`').map(str::to_owned))
        .collect();
    let files = std::fs::read_dir(root().join("src/aws/ask")).unwrap().flatten().map(|entry| entry.path());
    let called: BTreeSet<String> = files
        .flat_map(|file| {
            let dense: String = read(&file).chars().filter(|letter| !letter.is_whitespace()).collect();
            let calls = dense.split(".read(\"").skip(1).filter_map(|rest| rest.split('"').next().map(str::to_owned));
            calls.collect::<Vec<_>>()
        })
        .filter(|action| !action.contains(":DryRun"))
        .collect();
    assert_eq!(listed, called, "docs/preflight.md (left) and the calls in src/aws/ask (right) differ");
}

/// Left: the table in the README. Right: what the program has.
#[test]
fn the_readme_lists_the_commands_that_there_are() {
    let readme = read("README.md");
    let table = readme.split("\n## Commands\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let listed: Vec<&str> = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_hybridctl")).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let commands = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let indented = commands.lines().filter(|line| line.starts_with("  ") && !line.starts_with("    "));
    let there: Vec<&str> = indented.filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(listed, there);
}

/// A page says what it is about in its heading, and fits a terminal.
#[test]
fn a_page_can_be_read_in_a_terminal() {
    for id in explain::ids() {
        let page = explain::page(id).unwrap();
        assert!(page.starts_with(&format!("# {id}: ")), "{id} begins with another heading");
        assert!(page.ends_with('\n') && !page.ends_with("\n\n"), "{id} does not end with one line break");
        assert!(page.lines().count() >= 3, "{id} hardly says anything");
        let long: Vec<_> = page.lines().filter(|line| line.chars().count() > 100).collect();
        assert!(long.is_empty(), "{id}: lines of more than 100 characters: {long:#?}");
    }
}
