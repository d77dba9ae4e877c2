//! The verbs that need no AWS: exit codes, and what is on stdout and stderr.

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use hybridctl::config::{CODES, Certificate, Dns, SecretSource, load, templates};
use serde_json::Value;
use std::path::Path;

/// `hybridctl ARGS` in this folder, with nothing of this machine's AWS settings, and no terminal.
fn run(folder: &Path, args: &[&str]) -> Assert {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hybridctl"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") || name.to_string_lossy().starts_with("HYBRIDCTL_") {
            command.env_remove(name);
        }
    }
    command.env("AWS_EC2_METADATA_DISABLED", "true").env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
    command.current_dir(folder).args(args).write_stdin("").assert()
}

fn out(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

fn err(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// A folder with this `hybrid.toml`.
fn folder_with(text: &str) -> tempfile::TempDir {
    let folder = folder();
    std::fs::write(folder.path().join("hybrid.toml"), text).unwrap();
    folder
}

/// The verbs, as `hybridctl --help` lists them.
fn verbs(folder: &Path) -> Vec<String> {
    let help = out(&run(folder, &["--help"]).code(0));
    let commands = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let lines = commands.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    lines.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn help_is_data_and_a_wrong_command_line_is_64() {
    let folder = folder();
    let verbs = verbs(folder.path());
    assert!(verbs.len() >= 17 && verbs.contains(&"init".to_owned()), "{verbs:?}");
    for verb in &verbs {
        let help = run(folder.path(), &[verb, "--help"]).code(0);
        assert!(out(&help).contains("Usage: hybridctl") && err(&help).is_empty(), "{verb}");
    }
    run(folder.path(), &["--version"]).code(0);
    for wrong in [
        &["validate", "--nonsense"][..],
        &["nonsense"],
        &[],
        &["init", "--template", "quickstrt"],
        &["graph", "--as", "x"],
    ] {
        let wrong = run(folder.path(), wrong).code(64);
        assert!(out(&wrong).is_empty() && !err(&wrong).is_empty());
    }
}

#[test]
fn every_template_is_valid_but_for_its_placeholders() {
    for template in templates() {
        let folder = folder_with(template.text);
        let valid = run(folder.path(), &["validate"]).code(0);
        assert!(out(&valid).is_empty() && err(&valid).ends_with("hybrid.toml is valid\n"), "{}", err(&valid));
        assert!(err(&valid).contains("warning[HC1009]") && !err(&valid).contains("error"), "{}", err(&valid));
        let silent = run(folder.path(), &["validate", "-q"]).code(0);
        assert_eq!(err(&silent), "");
        let json = run(folder.path(), &["validate", "--format", "json"]).code(0);
        let found: Value = serde_json::from_str(&out(&json)).unwrap();
        assert!(found.as_array().unwrap().iter().all(|one| one["severity"] == "warning"), "{found}");
        assert_eq!(err(&json), "");
    }
}

/// Ten mistakes: what is replaced, by what, the code, and where `validate` points.
const MISTAKES: [(&str, &str, &str, &str); 10] = [
    ("name   = \"zenml-hybrid\"", "name   = \"Zenml_Hybrid\"", "HC1011", "4:10"),
    ("region = \"eu-central-1\"", "region = \"eu-centrl-1\"", "HC1012", "5:10"),
    ("version      = \"0.98.0\"", "version      = \"latest\"", "HC1021", "8:16"),
    ("\"https://zenml.mycompany.com\"", "\"http://zenml.mycompany.com\"", "HC1022", "9:16"),
    ("00000000-0000-0000-0000-000000000001", "acme", "HC1023", "11:23"),
    ("\"db.t3.micro\"", "\"t3.micro\"", "HC1064", "17:18"),
    ("storage_gib    = 100", "storage_gib    = \"100\"", "HC1003", "18:18"),
    ("cpu    = 512 ", "cpus   = 512 ", "HC1002", "21:1"),
    ("memory = 1024", "memory = 999 ", "HC1083", "22:10"),
    ("arn:aws:acm:eu-central-1", "arn:aws:iam:eu-central-1", "HC1101", "26:19"),
];

#[test]
fn ten_mistakes_are_shown_at_once_with_position_and_fix() {
    let mut text = templates()[0].text.to_owned();
    for (right, wrong, ..) in MISTAKES {
        assert!(text.contains(right), "{right}");
        text = text.replace(right, wrong);
    }
    let folder = folder_with(&text);
    let json = run(folder.path(), &["validate", "--format", "json"]).code(3);
    let found: Value = serde_json::from_str(&out(&json)).unwrap();
    let errors: Vec<&Value> = found.as_array().unwrap().iter().filter(|one| one["severity"] == "error").collect();
    let places = errors.iter().map(|one| (one["code"].as_str().unwrap(), format!("{}:{}", one["line"], one["column"])));
    assert_eq!(places.collect::<Vec<_>>(), MISTAKES.map(|(.., code, place)| (code, place.to_owned())), "{found:#}");
    let told = run(folder.path(), &["validate"]).code(3);
    let text = err(&told);
    for (one, (.., code, place)) in errors.iter().zip(MISTAKES) {
        let paragraph = text.split("\n\n").find(|paragraph| paragraph.contains(&format!("hybrid.toml:{place}\n")));
        let paragraph = paragraph.unwrap_or_else(|| panic!("{place}\n{text}"));
        let help = one["help"].as_str().unwrap();
        assert!(paragraph.contains(&format!("error[{code}]")), "{paragraph}");
        assert!(paragraph.contains(&format!("= help: {help}")), "{paragraph}");
    }
    assert!(text.contains("10 problems") && !text.contains("is valid") && out(&told).is_empty(), "{text}");
    assert!(!text.contains('\u{1b}') && run(folder.path(), &["graph"]).get_output().status.code() == Some(3));
}

#[test]
fn a_missing_file_and_another_region_are_config_errors() {
    let gone = folder();
    assert!(err(&run(gone.path(), &["validate"]).code(3)).contains("hybridctl init"));
    let folder = folder_with(templates()[0].text);
    for format in ["text", "json"] {
        let other = run(folder.path(), &["validate", "--region", "us-east-1", "--format", format]).code(3);
        assert!(err(&other).contains("`--region` says `us-east-1`"), "{}", err(&other));
    }
}

#[test]
fn init_writes_every_template_and_validate_takes_it() {
    for template in templates() {
        let folder = folder();
        let config = folder.path().join("new/hybrid.toml");
        let made = run(
            folder.path(),
            &["init", "new", "--template", template.name, "--name", "mine", "--region", "us-east-1"],
        );
        let said = err(&made.code(0));
        assert!(said.contains("hybridctl -c new/hybrid.toml up --sandbox"), "{said}");
        run(folder.path(), &["-c", "new/hybrid.toml", "validate"]).code(0);
        let text = std::fs::read_to_string(&config).unwrap();
        let (config, _) = load("f", &text).unwrap();
        assert_eq!((config.name.as_str(), config.region.as_str()), ("mine", "us-east-1"));
        let again = run(folder.path(), &["init", "new"]).code(1);
        assert!(err(&again).contains("--force"), "{}", err(&again));
        assert_eq!(std::fs::read_to_string(folder.path().join("new/hybrid.toml")).unwrap(), text);
        run(folder.path(), &["init", "new", "--force"]).code(0);
        assert_ne!(std::fs::read_to_string(folder.path().join("new/hybrid.toml")).unwrap(), text);
    }
}

#[test]
fn init_takes_every_flag_and_nothing_is_left_open() {
    let folder = folder();
    let uuid = "3f2504e0-4f89-41d3-9a0c-0305e82c3301";
    let flags = ["--server-url", "https://zenml.acme.dev", "--zone", "acme.dev", "--certificate-arn", "request"];
    let ids =
        ["--organization-id", uuid, "--organization-name", "Acme", "--workspace-id", uuid, "--workspace-name", "w"];
    let made = run(folder.path(), &[&["init", "--server-version", "0.99.1"][..], &flags, &ids].concat()).code(0);
    assert!(!err(&made).contains("template's") && err(&made).contains("\n    hybridctl validate "), "{}", err(&made));
    let text = std::fs::read_to_string(folder.path().join("hybrid.toml")).unwrap();
    let (config, found) = load("f", &text).unwrap();
    assert_eq!(found, []);
    assert_eq!((config.zenml.version.as_str(), config.zenml.workspace.name.as_str()), ("0.99.1", "w"));
    assert_eq!(config.ingress.certificate, Certificate::Request);
    assert_eq!(config.ingress.dns, Dns::Route53 { zone: "acme.dev".into() });
}

#[test]
fn init_refuses_what_validate_would_and_writes_nothing() {
    let folder = folder();
    let refused = run(folder.path(), &["init", "--name", "Bad_Name", "--region", "eu-centrl-1"]).code(64);
    let said = err(&refused);
    assert!(said.contains("`name` must start") && said.contains("did you mean `eu-central-1`?"), "{said}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// enrollment.json has the key; the config names the file, and nothing shows the key
#[test]
fn init_reads_an_enrollment_and_never_shows_its_key() {
    let folder = folder();
    let id = "3f2504e0-4f89-41d3-9a0c-0305e82c3302";
    let enrollment = format!(r#"{{"id":"{id}","name":"prod","organization_id":"{id}","enrollment_key":"s3cr3t-k3y"}}"#);
    std::fs::write(folder.path().join("enrollment.json"), enrollment).unwrap();
    let made = run(folder.path(), &["init", "--enrollment", "enrollment.json"]).code(0);
    let text = std::fs::read_to_string(folder.path().join("hybrid.toml")).unwrap();
    let (config, _) = load("f", &text).unwrap();
    assert_eq!(config.zenml.oauth2_client_secret, SecretSource::Enrollment("enrollment.json".into()));
    assert_eq!(config.zenml.workspace.name, "prod");
    std::fs::write(folder.path().join("broken.json"), "{\"enrollment_key\": s3cr3t-k3y").unwrap();
    let broken = run(folder.path(), &["init", "--force", "--enrollment", "broken.json"]).code(64);
    let shown = [out(&made), err(&made), text.clone(), out(&broken), err(&broken)].concat();
    assert!(!shown.contains("s3cr3t-k3y") && shown.contains("keep that file out of git"), "{shown}");
    assert_eq!(std::fs::read_to_string(folder.path().join("hybrid.toml")).unwrap(), text);
}

#[test]
fn the_list_of_templates_is_data() {
    let folder = folder();
    let list = out(&run(folder.path(), &["init", "--list-templates"]).code(0));
    let json = out(&run(folder.path(), &["init", "--list-templates", "--format", "json"]).code(0));
    let json: Value = serde_json::from_str(&json).unwrap();
    for (at, template) in templates().iter().enumerate() {
        assert!(list.contains(template.summary));
        assert_eq!(json[at]["name"], template.name);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn the_graph_comes_in_every_form_without_aws() {
    let folder = folder_with(templates()[0].text);
    for (form, start, vpc) in [
        ("dot", "// zenml-hybrid: ", "\"ec2.vpc/main\" [label"),
        ("mermaid", "%% zenml-hybrid: ", "[\"ec2.vpc/main\"]"),
        ("svg", "<svg xmlns=", "<title>ec2.vpc/main</title>"),
    ] {
        let graph = run(folder.path(), &["graph", "--as", form]).code(0);
        assert!(out(&graph).starts_with(start) && out(&graph).contains(vpc), "{}", out(&graph));
        assert_eq!(err(&graph), "");
        assert_eq!(out(&graph), out(&run(folder.path(), &["graph", "--as", form])));
    }
    let graph: Value = serde_json::from_str(&out(&run(folder.path(), &["graph", "--format", "json"]).code(0))).unwrap();
    assert!(graph["nodes"].as_array().unwrap().iter().any(|node| node["address"] == "ec2.vpc/main"), "{graph:#}");
    assert!(graph["edges"].as_array().unwrap().len() > 50, "{graph:#}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "graph wrote something");
}

#[test]
fn a_damaged_state_is_an_error_not_an_empty_one() {
    let folder = folder_with(templates()[0].text);
    let state = folder.path().join(".hybridctl/zenml-hybrid");
    std::fs::create_dir_all(&state).unwrap();
    std::fs::write(state.join("state.json"), "{").unwrap();
    assert!(out(&run(folder.path(), &["graph"]).code(1)).is_empty());
}

#[test]
fn every_code_is_explained_and_an_unknown_one_is_64() {
    let folder = folder();
    let list = out(&run(folder.path(), &["explain", "--list"]).code(0));
    for code in CODES {
        assert!(list.contains(code.id), "{}", code.id);
    }
    assert!(out(&run(folder.path(), &["explain", "hc1011"]).code(0)).contains("name"));
    let unknown = run(folder.path(), &["explain", "HC10111"]).code(64);
    assert!(err(&unknown).contains("did you mean `HC1011`?"), "{}", err(&unknown));
    assert_eq!(out(&run(folder.path(), &["explain"]).code(0)), list);
    let page = out(&run(folder.path(), &["explain", "hc1011", "--format", "json"]).code(0));
    let page: Value = serde_json::from_str(&page).unwrap();
    assert!(page["id"] == "HC1011" && page["page"].as_str().unwrap().starts_with('#'), "{page:#}");
}

#[test]
fn schema_completions_and_man_pages_are_made() {
    let folder = folder();
    let schema: Value = serde_json::from_str(&out(&run(folder.path(), &["schema"]).code(0))).unwrap();
    assert_eq!(schema, hybridctl::config::schema());
    for shell in ["bash", "zsh", "fish"] {
        let script = out(&run(folder.path(), &["completions", shell]).code(0));
        assert!(script.contains("hybridctl") && script.contains("list-templates"), "{shell}: {script}");
    }
    assert!(out(&run(folder.path(), &["man"]).code(0)).contains(".TH hybridctl 1"));
    assert!(out(&run(folder.path(), &["man", "--dir", "pages"]).code(0)).is_empty());
    for verb in verbs(folder.path()) {
        assert!(folder.path().join(format!("pages/hybridctl-{verb}.1")).is_file(), "{verb}");
    }
    assert!(folder.path().join("pages/hybridctl.1").is_file());
}

#[test]
fn a_plan_is_also_written_for_a_pull_request_and_a_dash_is_stdout() {
    let folder = folder();
    run(folder.path(), &["init", ".", "--template", "quickstart", "--name", "zenml-hybrid"]).code(0);
    let plan = ["plan", "--offline", "--quiet"];
    let both = [&plan[..], &["--report", "markdown=comment.md", "--report", "json=plan.json"]].concat();
    let printed = out(&run(folder.path(), &both).code(0));
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let comment = read("comment.md");
    assert!(comment.starts_with("### Plan for `zenml-hybrid` in ") && comment.contains(&printed), "{comment}");
    let json: Value = serde_json::from_str(&read("plan.json")).unwrap();
    assert!(json["summary"]["create"].as_u64().unwrap() > 50, "{json:#}");
    let to_stdout = out(&run(folder.path(), &[&plan[..], &["--report", "json=-"]].concat()).code(0));
    assert_eq!(serde_json::from_str::<Value>(&to_stdout).unwrap(), json);
    assert!(!folder.path().join("-").exists());
    let lost = run(folder.path(), &[&plan[..], &["--report", "json=nowhere/plan.json"]].concat()).code(1);
    assert!(err(&lost).contains("--report nowhere/plan.json: "), "{}", err(&lost));
    run(folder.path(), &[&plan[..], &["--report", "html=x"]].concat()).code(64);
}

#[test]
fn events_are_refused_where_there_are_none() {
    let refused = run(folder().path(), &["plan", "--offline", "--events", "-"]).code(64);
    assert!(err(&refused).contains("`--events` is for up, apply and destroy"), "{}", err(&refused));
}
