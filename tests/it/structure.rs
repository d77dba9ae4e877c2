//! The rules of the house, checked against the source text and the registry.

use hybridctl::aws;
use hybridctl::resource::actions::TAGS;
use hybridctl::resource::{Effect, Kind, Life};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Lines after which a file is asked why.
const LONG: usize = 400;

/// Longer files, and why they are not split.
const LONG_FILES: &[(&str, &str)] = &[
    ("aws/elb/listener.rs", "one kind with its actions, its two TLS policies and their tests"),
    ("config/tests.rs", "one table of every rule of the config"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file of `src`, by its path below it.
fn sources() -> BTreeMap<String, String> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            match entry.path() {
                path if path.is_dir() => walk(&path, found),
                path if path.extension().is_some_and(|extension| extension == "rs") => found.push(path),
                _ => {}
            }
        }
    }
    let (src, mut found) = (root().join("src"), vec![]);
    walk(&src, &mut found);
    let name = |path: &Path| path.strip_prefix(&src).unwrap().to_string_lossy().into_owned();
    found.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap())).collect()
}

/// Where one of these words stands outside comments, in files that `looked_at` picks: `path:line: text`.
fn uses(words: &[&str], looked_at: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = vec![];
    for (path, text) in sources().iter().filter(|(path, _)| looked_at(path)) {
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if words.iter().any(|word| code.contains(word)) {
                found.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    found
}

#[test]
fn only_the_aws_folder_names_the_sdk() {
    let found = uses(&["aws_sdk_", "aws_config::", "aws_smithy_"], |path| !path.starts_with("aws/"));
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn planning_and_the_vocabulary_are_pure() {
    let words = ["tokio", "std::fs", "std::env", "std::process", "Timestamp::now", "Instant::now", "SystemTime"];
    // A saved plan is a file: that module is the edge.
    let pure = |path: &str| (path.starts_with("plan/") && path != "plan/saved.rs") || path.starts_with("model/");
    let found = uses(&words, pure);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn the_stack_is_a_function_of_config_and_facts() {
    let words = ["tokio", "async ", "std::fs", "std::env", "Timestamp::now"];
    let found = uses(&words, |path| path.starts_with("stack/"));
    assert!(found.is_empty(), "{found:#?}");
}

/// Waiting is the engine's: a kind makes its calls and returns. What waits in front of every call is no kind.
#[test]
fn no_kind_sleeps() {
    let may = ["aws/pacing.rs", "aws/patience.rs"];
    let found = uses(&["sleep(", "interval("], |path| path.starts_with("aws/") && !may.contains(&path));
    assert!(found.is_empty(), "{found:#?}");
}

/// Everything that is told goes through the reporter or the command line.
#[test]
fn only_the_command_line_prints() {
    let may = |path: &str| path.starts_with("cli/") || path == "main.rs" || path.ends_with("tests.rs");
    let found = uses(&["println!(", "print!("], |path| !may(path));
    assert!(found.is_empty(), "{found:#?}");
}

/// A second forced deployment is a second rollout, so a lost answer could not be followed by another try. Only one that failed
/// may be followed by another of the same revision.
#[test]
fn no_rollout_is_forced_but_after_one_that_failed() {
    let found = uses(&["force_new_deployment"], |path| path.starts_with("aws/"));
    assert!(found.len() == 1 && found[0].starts_with("aws/ecs/service.rs"), "{found:#?}");
}

/// It prints the raw response, which may hold a secret.
#[test]
fn no_error_is_shown_with_its_raw_response() {
    let found = uses(&["DisplayErrorContext"], |_| true);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn nothing_is_left_to_do() {
    let found = uses(&["todo!(", "unimplemented!(", "dbg!("], |_| true);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent: Vec<_> =
        sources().into_iter().filter(|(_, text)| !text.starts_with("//! ")).map(|(path, _)| path).collect();
    assert!(silent.is_empty(), "these files do not begin with a sentence on what they are for: {silent:?}");
}

#[test]
fn files_stay_readable_in_one_sitting() {
    let excused = |path: &str| LONG_FILES.iter().any(|(excused, _)| *excused == path);
    let lines = |text: &str| text.lines().count();
    for (path, text) in sources() {
        match lines(&text) > LONG {
            true => {
                assert!(excused(&path), "{path} has {} lines: split it, or say why not in LONG_FILES", lines(&text))
            }
            false => assert!(!excused(&path), "{path} has {} lines: it needs no excuse any more", lines(&text)),
        }
    }
}

#[test]
fn a_kind_is_called_service_dot_noun() {
    let word = |text: &str| {
        text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    let mut names = vec![];
    for kind in aws::kinds().iter() {
        let (service, noun) = kind.name().split_once('.').unwrap();
        assert!(word(service) && word(noun), "{}", kind.name());
        names.push(kind.name());
    }
    assert!(names.windows(2).all(|pair| pair[0] < pair[1]), "a kind is registered twice: {names:?}");
}

#[test]
fn every_kind_is_registered() {
    let kinds = uses(&["impl Resource for "], |path| path.starts_with("aws/"));
    let registered = aws::kinds().iter().count();
    assert_eq!(kinds.len(), registered, "a kind is missing in its service's KINDS: {kinds:#?}");
}

/// The table decides what is compared and what a change costs; a field that it lacks would never be managed.
#[test]
fn the_field_table_is_the_struct() {
    for kind in aws::kinds().iter() {
        let table: Vec<_> = kind.fields().iter().map(|field| field.name).collect();
        assert_eq!(table, kind.struct_fields(), "{}", kind.name());
    }
}

#[test]
fn the_field_table_makes_sense() {
    for kind in aws::kinds().iter() {
        let (name, outputs) = (kind.name(), kind.outputs());
        for field in kind.fields() {
            let updated = field.effect == Effect::Update;
            assert!(updated || !field.after_create, "{name}: `{}` is set by an update that it has not got", field.name);
            assert!(updated || field.changes.is_empty(), "{name}: `{}` changes outputs without an update", field.name);
            for output in field.changes {
                assert!(outputs.contains(output), "{name}: `{}` changes `{output}`, which is no output", field.name);
            }
        }
        for named in [kind.spec().protected_by, kind.spec().restored_by].into_iter().flatten() {
            assert!(kind.fields().iter().any(|field| field.name == named), "{name} has no field `{named}`");
        }
    }
}

#[test]
fn every_kind_names_the_actions_that_it_calls() {
    for kind in aws::kinds().iter() {
        let (name, actions) = (kind.name(), kind.spec().actions);
        assert!(!actions.reads.is_empty() && !actions.creates.is_empty(), "{name} names no actions");
        let updates: Vec<&str> = actions.updates.iter().map(|update| update.action).collect();
        let lists = [actions.reads, actions.creates, actions.restores, actions.deletes, actions.seldom];
        for list in lists {
            assert!(list.windows(2).all(|pair| pair[0] < pair[1]), "{name}: not sorted, or one twice: {list:?}");
        }
        assert!(updates.is_sorted(), "{name}: not sorted: {updates:?}");
        for field in actions.updates.iter().flat_map(|update| update.fields) {
            let known = *field == TAGS || kind.fields().iter().any(|one| one.name == *field);
            assert!(known, "{name} has no field `{field}`");
        }
        for action in actions.all() {
            let (service, call) = action.split_once(':').unwrap();
            let plain = service.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
            let camel = call.starts_with(|first: char| first.is_ascii_uppercase())
                && call.bytes().all(|byte| byte.is_ascii_alphanumeric());
            assert!(plain && camel, "{name}: `{action}` is not service:Action");
        }
    }
}

/// A policy is made from these lists: a call that is missing there fails on an account with exact rights.
#[test]
fn every_call_of_a_kind_is_among_its_actions() {
    for kind in aws::kinds().iter() {
        let ((file, text), actions) = (file_of(kind), kind.spec().actions);
        let dense: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
        let updates: Vec<&str> = actions.updates.iter().map(|update| update.action).collect();
        for (at, call) in dense.match_indices("call(\"") {
            let action = dense[at + call.len()..].split('"').next().unwrap_or_default();
            let function = dense[..at].rsplit("fn").next().and_then(|text| text.split(['(', '<']).next());
            let list = match function.unwrap_or_default() {
                "create" => [actions.creates, actions.restores].concat(),
                "restore" => actions.restores.to_vec(),
                "update" => updates.clone(),
                "delete" => actions.deletes.to_vec(),
                _ => actions.all().into_iter().collect(),
            };
            let named = list.contains(&action) || !action.contains(':');
            assert!(named, "{file}: {function:?} calls {action}, which is not in that list of its ACTIONS");
        }
    }
}

#[test]
fn every_call_of_a_survey_is_among_its_actions_and_only_reads() {
    let actions = aws::survey::ACTIONS;
    assert!(actions.windows(2).all(|pair| pair[0] < pair[1]), "not sorted, or one twice: {actions:?}");
    for (file, text) in sources().iter().filter(|(path, _)| path.ends_with("/survey.rs")) {
        let dense: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
        for action in dense.split(".read(\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            let verb = action.split_once(':').map_or("", |(_, verb)| verb);
            assert!(actions.contains(&action), "{file} calls {action}, which is not in survey::ACTIONS");
            assert!(["Describe", "List", "Get"].iter().any(|reads| verb.starts_with(reads)), "{file}: {action}");
        }
    }
}

/// Kinds with tags that a destroy's proof does not look for one by one, and with what they are found or go.
const AUDITED_WITH: &[(&str, &str)] = &[
    ("ec2.security_group_rule", "ec2.security_group"),
    ("ecs.task_run", "ecs.cluster"),
    ("elb.listener", "elb.load_balancer"),
    ("secrets.database_url", "secrets.secret"),
    ("secrets.generated", "secrets.secret"),
    ("secrets.given", "secrets.secret"),
];

/// Otherwise `state rebuild` never finds such an object, and `destroy` proves that nothing is left without having looked for it.
#[test]
fn every_kind_with_tags_is_sighted_by_a_rebuild_and_looked_for_by_the_proof_of_a_destroy() {
    let sources = sources();
    let named = |kind: &str, is_in: &dyn Fn(&str) -> bool| {
        sources.iter().any(|(file, text)| is_in(file) && text.contains(&format!("\"{kind}\"")))
    };
    let kinds = aws::kinds();
    let own = kinds.iter().filter(|kind| kind.spec().tagged && kind.spec().life == Life::Own);
    let names: Vec<&str> = own.map(|kind| kind.name()).collect();
    assert!(names.len() > 20, "{names:?}");
    for kind in names {
        assert!(named(kind, &|file| file.ends_with("/survey.rs")), "{kind}: add it to src/aws/SERVICE/survey.rs");
        let audited = AUDITED_WITH.iter().find(|(with, _)| *with == kind).map_or(kind, |(_, found)| *found);
        assert!(named(audited, &|file| file.starts_with("aws/audit")), "{kind}: add it to src/aws/audit/");
        assert!(named(audited, &|file| file == "cli/destroy/prices.rs"), "{kind}: add it to src/cli/destroy/prices.rs");
    }
}

/// The file of a kind, below `src`, and its text.
pub fn file_of(kind: &dyn Kind) -> (String, String) {
    let mark = format!("const KIND: &'static str = \"{}\";", kind.name());
    let mut files = sources().into_iter().filter(|(path, text)| path.starts_with("aws/") && text.contains(&mark));
    files.next().unwrap_or_else(|| panic!("no file in src/aws has `{mark}`"))
}
