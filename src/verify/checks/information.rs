//! What the server says of itself.

use super::front::out_of_reach;
use super::{Judged, UP};
use crate::aws::ecs::redact::redact;
use crate::verify::Facts;
use crate::verify::log_classes;
use crate::verify::probe::http::Answer;
use crate::verify::report::{Fail, Status};
use serde_json::Value;

const NEEDS: &str = "needs an answer of the server: see VF-HEALTH";

fn skip() -> Status {
    Status::Skip(NEEDS.into())
}

fn answer<'f>(facts: &'f Facts, question: &str) -> Option<&'f Answer> {
    facts.endpoint.answers.get(question)?.as_ref().ok().filter(|answer| !answer.is_from_balancer())
}

pub(super) fn health(facts: &Facts) -> Judged {
    if let Some(status) = out_of_reach(facts) {
        return Err(status);
    }
    let asked = match facts.endpoint.answers.get("health") {
        None => {
            let why = "there is no HTTPS connection to ask over";
            return Err(Fail::new(why).next("look at VF-TLS").class("answer.unasked").into());
        }
        Some(Err(why)) => {
            let fail = Fail::new("the server does not answer").next("look at VF-TARGETS").class("answer.none");
            return Err(fail.seen([why.clone()]).into());
        }
        Some(Ok(answer)) => answer,
    };
    if asked.is_from_balancer() {
        let why = format!("the load balancer answers {} in the server's place", asked.status);
        let next = match asked.status {
            503 => "look at VF-TARGETS: it has no healthy target",
            504 => "look at VF-GROUPS and VF-DATABASE: the server did not answer in time",
            _ => "look at VF-LOGS: the server closed the connection",
        };
        return Err(Fail::new(why).next(next).class("answer.balancer").into());
    }
    // Older servers answer with JSON: quotes around it.
    if asked.status == 200 && asked.body.trim().trim_matches('"').eq_ignore_ascii_case("ok") {
        return Ok("/health says ok".into());
    }
    let seen = [format!("HTTP {}: {}", asked.status, log_classes::short(&redact(&asked.body)))];
    Err(Fail::new("/health does not say ok").next("look at VF-LOGS").class("answer.wrong").seen(seen).into())
}

/// `/api/v1/info`; the reason when it is an error is VF-INFO-DATABASE's to tell.
fn info(facts: &Facts) -> Result<Value, Status> {
    let answer = answer(facts, "info").ok_or_else(skip)?;
    match answer.status {
        200 if answer.json().is_object() => Ok(answer.json()),
        _ => Err(Status::Skip(format!("/api/v1/info answers {}: see VF-INFO-DATABASE", answer.status))),
    }
}

/// True if what answers says that it is the workspace of the config.
pub(super) fn is_this_workspace(facts: &Facts) -> bool {
    let said = |answer: &Answer| answer.json()["pro_workspace_id"].as_str().map(str::to_owned);
    answer(facts, "info").and_then(said).is_some_and(|id| id.eq_ignore_ascii_case(&facts.expect.workspace_id))
}

pub(super) fn database(facts: &Facts) -> Judged {
    let asked = answer(facts, "info").ok_or_else(skip)?;
    if asked.status != 200 {
        let body = log_classes::short(&redact(&asked.body));
        let fail = match log_classes::of_log(&asked.body) {
            Some(class) => Fail::new(format!("the server cannot use its database: {} ({})", class.cause, class.id))
                .next(class.fix)
                .class(class.id),
            None => {
                let next = "look at VF-DATABASE and VF-LOGS";
                Fail::new("the server cannot tell about itself").next(next).class("info.error")
            }
        };
        return Err(fail.seen([format!("/api/v1/info: HTTP {}: {body}", asked.status)]).into());
    }
    match asked.json()["database_type"].as_str() {
        Some("mysql") => Ok("database_type mysql".into()),
        Some(other) => {
            let why = format!("the server stores its data in {other} inside the task: every new task starts empty");
            let next = "look at VF-ENVIRONMENT: ZENML_STORE_URL is missing or wrong; then `hybridctl up`";
            let fail = Fail::new(why).next(next).class("info.store");
            Err(fail.seen([format!("/api/v1/info: database_type {other}")]).into())
        }
        None => Err(Fail::new("what answers is not a ZenML server: /api/v1/info names no database")
            .next("look at VF-DNS")
            .class("info.foreign")
            .into()),
    }
}

/// Compares fields of the information with what is wanted.
fn compare(info: &Value, wanted: &[(&str, &str)], class: &'static str, why: &str) -> Judged {
    let said = |field: &str| info[field].as_str().map(|text| text.trim_end_matches('/').to_owned());
    let differs = |(field, want): &&(&str, &str)| said(field).as_deref() != Some(want.trim_end_matches('/'));
    let different: Vec<String> = wanted
        .iter()
        .filter(differs)
        .map(|(field, want)| {
            format!("{field} is {}, expected {want}", said(field).unwrap_or_else(|| "not there".into()))
        })
        .collect();
    match different.is_empty() {
        true => Ok(wanted.iter().map(|(field, _)| *field).collect::<Vec<_>>().join(", ")),
        false => Err(Fail::new(why).next(UP).class(class).seen(different).into()),
    }
}

pub(super) fn ids(facts: &Facts) -> Judged {
    let (info, expect) = (info(facts)?, &facts.expect);
    // Not `id`: in a database that was used without Pro before, it stays what it was.
    let wanted = [("pro_organization_id", expect.organization_id.as_str()), ("pro_workspace_id", &expect.workspace_id)];
    compare(&info, &wanted, "ids.workspace", "the server belongs to another workspace")?;
    let more = [("pro_api_url", expect.api_url.as_str()), ("pro_dashboard_url", &expect.dashboard_url)];
    compare(&info, &more, "ids.control-plane", "the server talks to another control plane")?;
    if info["active"] == false {
        return Err(Fail::new("the server says that it is not active")
            .next("finish its set-up in the dashboard")
            .class("ids.inactive")
            .into());
    }
    Ok(format!("workspace {}", expect.workspace_id))
}

pub(super) fn url(facts: &Facts) -> Judged {
    let wanted = [("server_url", facts.expect.server_url.as_str())];
    compare(&info(facts)?, &wanted, "url", "the server gives the dashboard another address than its own")?;
    Ok(facts.expect.server_url.clone())
}

pub(super) fn version(facts: &Facts) -> Judged {
    let asked = answer(facts, "version").ok_or_else(skip)?;
    let (found, wanted) = (asked.json(), facts.expect.version.as_str());
    match found.as_str() {
        Some(found) if found == wanted => Ok(found.to_owned()),
        Some(found) => {
            let why = format!("version {found} runs, {wanted} is wanted");
            Err(Fail::new(why).next("roll it out with `hybridctl up`").into())
        }
        None => Err(Fail::new(format!("/api/v1/version answers {}", asked.status)).next("look at VF-LOGS").into()),
    }
}

pub(super) fn authentication(facts: &Facts) -> Judged {
    let info = info(facts)?;
    let wanted = [("deployment_type", "cloud"), ("auth_scheme", "EXTERNAL")];
    compare(&info, &wanted, "auth.pro", "the server does not run as a Pro workspace")?;
    let wanted = [("secrets_store_type", facts.expect.secrets_store.as_str())];
    compare(&info, &wanted, "auth.store", "the server keeps its users' secrets in another store")?;
    // A busy server may answer one question and not the next: silence proves nothing.
    let [login, user, settings] =
        ["login", "user", "settings"].map(|question| answer(facts, question).ok_or_else(skip));
    let (login, user, settings) = (login?, user?.status, settings?.status);
    let found = login.json();
    let leads = found["authorization_url"].as_str().unwrap_or_default();
    let mut wrong = vec![];
    if !leads.starts_with(facts.expect.dashboard_url.trim_end_matches('/')) {
        wrong.push(format!("POST /api/v1/login answers {} and names no sign-in page of the dashboard", login.status));
    }
    if user != 401 {
        wrong.push(format!("/api/v1/current-user answers {user} to a stranger, expected 401"));
    }
    if settings != 404 {
        wrong.push(format!("/api/v1/settings answers {settings}, which only a server without Pro does"));
    }
    match wrong.is_empty() {
        true => Ok(format!("sign-in at {leads}")),
        false => {
            Err(Fail::new("signing in does not go through ZenML Pro").next(UP).class("auth.pro").seen(wrong).into())
        }
    }
}

pub(super) fn root(facts: &Facts) -> Judged {
    let asked = answer(facts, "root").ok_or_else(skip)?;
    let location = asked.header("location").unwrap_or_default();
    let wanted =
        format!("{}/workspaces/{}", facts.expect.dashboard_url.trim_end_matches('/'), facts.expect.workspace_name);
    if asked.status == 307 && location == wanted {
        return Ok(format!("307 to {location}"));
    }
    let seen = [format!("/: HTTP {} {location}", asked.status), format!("expected: HTTP 307 {wanted}")];
    Err(Fail::new("browsers are not led to the workspace's dashboard").next(UP).seen(seen).into())
}

pub(super) fn cors(facts: &Facts) -> Judged {
    let allowed = |question: &str| {
        answer(facts, question)
            .map(|answer| answer.header("access-control-allow-origin").unwrap_or_default().to_owned())
    };
    let (dashboard, foreign) = (allowed("cors").ok_or_else(skip)?, allowed("foreign").unwrap_or_default());
    if dashboard.trim_end_matches('/') != facts.expect.dashboard_url.trim_end_matches('/') && dashboard != "*" {
        let why =
            format!("pages of {} may not call the server: the dashboard cannot show it", facts.expect.dashboard_url);
        return Err(Fail::new(why).next(UP).seen([format!("access-control-allow-origin: {dashboard}")]).into());
    }
    if !foreign.is_empty() {
        let why = "pages of any site may call the server";
        let next = "narrow ZENML_SERVER_CORS_ALLOW_ORIGINS";
        return Err(Fail::new(why).next(next).seen([format!("access-control-allow-origin: {foreign}")]).into());
    }
    Ok(format!("{} only", facts.expect.dashboard_url))
}

pub(super) fn control_plane(facts: &Facts) -> Judged {
    if let Some(status) = out_of_reach(facts) {
        return Err(status);
    }
    // Before it serves anything a Pro server signs in at the control plane and reports its state; if either fails, it exits.
    let info = info(facts)?;
    if info["deployment_type"] != "cloud" {
        let why = "the server runs without ZenML Pro and has enrolled nowhere";
        return Err(Fail::new(why).next("look at VF-ENVIRONMENT").into());
    }
    Ok(match facts.expect.is_sandbox {
        true => "it answers, so it has enrolled (the sandbox plays the control plane)".into(),
        false => "it answers, so it has enrolled".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::samples;

    fn failed(judged: Judged) -> Fail {
        match judged {
            Err(Status::Fail(fail)) => fail,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn sqlite_is_told_as_the_loss_of_data_that_it_is() {
        let facts = samples::with_info("database_type", "sqlite".into());
        assert!(failed(database(&facts)).why.contains("sqlite"));
    }

    #[test]
    fn an_error_of_the_database_is_explained_and_redacted() {
        let mut facts = samples::good();
        let body = r#"{"detail":["RuntimeError","(2003, \"Can't connect to MySQL server on 'h' (timed out)\") mysql://u:hunter2@h"]}"#;
        let answer = Answer { status: 500, body: body.into(), ..Answer::default() };
        facts.endpoint.answers.insert("info", Ok(answer));
        let fail = failed(database(&facts));
        assert!(fail.why.contains("does not answer"), "{fail:?}");
        assert!(!fail.evidence.join("").contains("hunter2"), "{fail:?}");
        assert!(matches!(ids(&facts), Err(Status::Skip(_))));
    }

    #[test]
    fn each_assertion_on_the_information_is_its_own_check() {
        type Row = (&'static str, &'static str, fn(&Facts) -> Judged);
        let rows: [Row; 8] = [
            ("pro_workspace_id", "0", ids),
            ("pro_organization_id", "0", ids),
            ("pro_api_url", "https://x", ids),
            ("pro_dashboard_url", "https://x", ids),
            ("server_url", "http://x", url),
            ("auth_scheme", "OAUTH2_PASSWORD_BEARER", authentication),
            ("deployment_type", "other", control_plane),
            ("secrets_store_type", "aws", authentication),
        ];
        for (field, value, check) in rows {
            failed(check(&samples::with_info(field, value.into())));
        }
    }

    #[test]
    fn a_server_that_is_not_active_or_of_another_version_is_told() {
        let fail = failed(ids(&samples::with_info("active", false.into())));
        assert_eq!((fail.class, fail.next.as_str()), (Some("ids.inactive"), "finish its set-up in the dashboard"));
        let says = |status: u16, body: &str| {
            let mut facts = samples::good();
            facts.endpoint.answers.insert("version", Ok(Answer { status, body: body.into(), ..Answer::default() }));
            failed(version(&facts))
        };
        assert_eq!(says(200, "\"0.97.0\"").why, "version 0.97.0 runs, 0.98.0 is wanted");
        assert_eq!(says(404, "{}").why, "/api/v1/version answers 404");
    }

    /// Each answer that only a server with, or without, ZenML Pro gives.
    #[test]
    fn signing_in_must_go_through_the_dashboard() {
        for (question, status, body, told) in [
            ("login", 200, r#"{"authorization_url":"https://x/login"}"#, "names no sign-in page of the dashboard"),
            ("login", 422, "{}", "POST /api/v1/login answers 422"),
            ("user", 200, "{}", "answers 200 to a stranger, expected 401"),
            ("settings", 200, "{}", "which only a server without Pro does"),
        ] {
            let mut facts = samples::good();
            facts.endpoint.answers.insert(question, Ok(Answer { status, body: body.into(), ..Answer::default() }));
            let fail = failed(authentication(&facts));
            assert!(fail.class == Some("auth.pro") && fail.evidence.join("").contains(told), "{fail:?}");
        }
        assert!(authentication(&samples::good()).unwrap().contains("https://cloud.zenml.io/api/auth/login"));
        assert_eq!(
            failed(authentication(&samples::with_info("secrets_store_type", "aws".into()))).class,
            Some("auth.store")
        );
    }

    #[test]
    fn a_question_without_an_answer_is_no_proof_that_sign_in_is_wrong() {
        for question in ["login", "user", "settings"] {
            let mut facts = samples::good();
            facts.endpoint.answers.insert(question, Err("no answer within 15 seconds".into()));
            assert!(matches!(authentication(&facts), Err(Status::Skip(_))), "{question}");
        }
    }

    #[test]
    fn the_load_balancers_own_page_is_not_the_server() {
        let mut facts = samples::good();
        let headers = [("server".to_owned(), "awselb/2.0".to_owned())].into();
        let page = Answer { status: 503, headers, body: "<html>".into() };
        for answer in facts.endpoint.answers.values_mut() {
            *answer = Ok(page.clone());
        }
        assert!(failed(health(&facts)).why.contains("503"));
        assert!(matches!(database(&facts), Err(Status::Skip(_))));
    }

    #[test]
    fn a_foreign_page_must_not_be_allowed_and_the_dashboard_must() {
        let mut facts = samples::good();
        let allowed = facts.endpoint.answers["cors"].clone();
        facts.endpoint.answers.insert("foreign", allowed);
        failed(cors(&facts));
        let refused = samples::good().endpoint.answers["foreign"].clone();
        facts.endpoint.answers.insert("cors", refused);
        assert!(failed(cors(&facts)).why.contains("dashboard"));
    }

    #[test]
    fn a_start_page_instead_of_the_redirect_is_told() {
        let mut facts = samples::good();
        facts.endpoint.answers.insert("root", Ok(Answer { status: 200, ..Answer::default() }));
        failed(root(&facts));
    }
}
