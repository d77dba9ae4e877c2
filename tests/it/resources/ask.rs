//! What AWS answers to a preflight, from canned replies: what no simulator says.

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use hybridctl::aws::Aws;
use hybridctl::aws::ask::pulls::Tasks;
use hybridctl::aws::ask::quotas::{Limit, Need};
use hybridctl::aws::ask::rights::{DryRun, Object, Rights};
use hybridctl::aws::ask::{Asked, Questions, ask};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// A status and a body.
type Reply = (u16, String);
type Replies = Arc<dyn Fn(&str, &str) -> Option<Reply> + Send + Sync>;

/// Answers by action and body; `None` is an error of the service.
#[derive(Clone)]
struct Canned {
    replies: Replies,
    asked: Arc<Mutex<Vec<String>>>,
}

impl std::fmt::Debug for Canned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Canned")
    }
}

impl HttpConnector for Canned {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
        let target = request.headers().get("x-amz-target").map(|target| target.rsplit('.').next().unwrap().to_owned());
        let action = target.or_else(|| Some(body.split("Action=").nth(1)?.split('&').next()?.to_owned()));
        let action = action.unwrap_or_default();
        let (status, text) = (self.replies)(&action, &body).unwrap_or_else(|| {
            (
                400,
                "<ErrorResponse><Error><Code>InternalFailure</Code><Message>no reply</Message></Error></ErrorResponse>"
                    .into(),
            )
        });
        self.asked.lock().unwrap().push(format!("{action} {body}"));
        let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(text));
        response.headers_mut().insert("date", "Fri, 20 Nov 2026 10:00:00 GMT");
        HttpConnectorFuture::ready(Ok(response))
    }
}

struct World {
    aws: Aws,
    asked: Arc<Mutex<Vec<String>>>,
}

impl World {
    fn new(replies: impl Fn(&str, &str) -> Option<Reply> + Send + Sync + 'static) -> Self {
        let canned = Canned { replies: Arc::new(replies), asked: Arc::default() };
        let asked = Arc::clone(&canned.asked);
        let connector = SharedHttpConnector::new(canned);
        let client: SharedHttpClient = http_client_fn(move |_, _| connector.clone());
        Self { aws: Aws::with_http(client), asked }
    }

    async fn ask(&self, questions: &Questions) -> Asked {
        ask(&self.aws, questions, None).await
    }

    /// The bodies of the calls of one action.
    fn bodies(&self, action: &str) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter_map(|one| one.strip_prefix(&format!("{action} "))).map(str::to_owned).collect()
    }
}

fn identity(arn: &str) -> Option<Reply> {
    let text = format!(
        "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>{arn}</Arn><UserId>u</UserId><Account>123456789012</Account>\
         </GetCallerIdentityResult></GetCallerIdentityResponse>"
    );
    Some((200, text))
}

fn simulated(results: &str) -> Option<Reply> {
    let text = format!(
        "<SimulatePrincipalPolicyResponse><SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated><EvaluationResults>\
         {results}</EvaluationResults></SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
    );
    Some((200, text))
}

fn result(action: &str, decision: &str, more: &str) -> String {
    format!("<member><EvalActionName>{action}</EvalActionName><EvalDecision>{decision}</EvalDecision>{more}</member>")
}

/// The actions of a request to simulate, in order.
fn actions(body: &str) -> Vec<String> {
    let fields = body.split('&').filter_map(|field| field.strip_prefix("ActionNames.member."));
    fields.map(|field| field.split_once('=').unwrap().1.replace("%3A", ":")).collect()
}

const SESSION: &str = "arn:aws:sts::123456789012:assumed-role/deploy/me";

#[tokio::test]
async fn rights_are_those_of_the_role_behind_the_session_with_its_path() {
    let world = World::new(|action, body| match action {
        "GetCallerIdentity" => identity(SESSION),
        "GetRole" => Some((
            200,
            "<GetRoleResponse><GetRoleResult><Role><Path>/team/</Path><RoleName>deploy</RoleName><RoleId>A</RoleId>\
             <Arn>arn:aws:iam::123456789012:role/team/deploy</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate></Role>\
             </GetRoleResult></GetRoleResponse>"
                .into(),
        )),
        "SimulatePrincipalPolicy" => {
            let wanted = actions(body);
            let results = wanted.iter().map(|action| match action.as_str() {
                "ec2:CreateVpc" => result(action, "allowed", ""),
                "ec2:DeleteVpc" => result(action, "explicitDeny", ""),
                "iam:PassRole" => result(action, "implicitDeny", ""),
                "ec2:CreateTags" => {
                    result(action, "implicitDeny", "<MissingContextValues><member>aws:RequestTag/x</member></MissingContextValues>")
                }
                _ => result(
                    action,
                    "implicitDeny",
                    "<OrganizationsDecisionDetail><AllowedByOrganizations>false</AllowedByOrganizations></OrganizationsDecisionDetail>",
                ),
            });
            simulated(&results.collect::<String>())
        }
        _ => None,
    });
    let questions = Questions {
        actions: ["ec2:CreateVpc", "ec2:DeleteVpc", "ec2:CreateTags", "ec2:CreateSubnet", "iam:PassRole"].into(),
        resources: BTreeMap::from([("iam", "arn:aws:iam::123456789012:role/x".to_owned())]),
        ..Questions::default()
    };
    let asked = world.ask(&questions).await;
    let Rights::Judged(judged) = asked.rights.unwrap() else { panic!() };
    assert_eq!(judged.principal, "arn:aws:iam::123456789012:role/team/deploy");
    assert_eq!(judged.allowed, 1);
    let denied: Vec<_> =
        judged.denied.iter().map(|one| (one.action.as_str(), one.resource.as_str(), one.explicitly)).collect();
    let role = "arn:aws:iam::123456789012:role/x";
    assert_eq!(denied, [("ec2:CreateSubnet", "*", false), ("ec2:DeleteVpc", "*", true), ("iam:PassRole", role, false)]);
    let above: Vec<_> = judged.denied.iter().filter(|one| one.by_organization).map(|one| one.action.as_str()).collect();
    assert_eq!(above, ["ec2:CreateSubnet"]);
    assert_eq!(judged.unsure, ["ec2:CreateTags"]);
    let asked = world.bodies("SimulatePrincipalPolicy");
    assert_eq!(asked.len(), 2, "one call for each service");
    assert!(asked.iter().all(|body| body.contains("RequestedRegion") && body.contains("eu-central-1")), "{asked:#?}");
}

/// A policy for exactly our objects allows nothing on `*`.
#[tokio::test]
async fn what_is_not_allowed_on_everything_is_judged_on_the_object_that_it_acts_on() {
    const GROUP: &str = "arn:aws:ec2:eu-central-1:123456789012:security-group/sg-0";
    let world = World::new(|action, body| match action {
        "GetCallerIdentity" => identity("arn:aws:iam::123456789012:user/me"),
        "SimulatePrincipalPolicy" => {
            let on_group = body.contains("security-group");
            let results = actions(body).into_iter().map(|action| match action.as_str() {
                "ec2:DescribeVpcs" => result(&action, "allowed", ""),
                "ec2:DeleteSecurityGroup" => result(&action, "explicitDeny", ""),
                "ec2:CreateSecurityGroup" if on_group => result(&action, "allowed", ""),
                _ => result(&action, "implicitDeny", ""),
            });
            simulated(&results.collect::<String>())
        }
        _ => None,
    });
    let wanted = [
        "ec2:DescribeVpcs",
        "ec2:CreateSecurityGroup",
        "ec2:DeleteSecurityGroup",
        "ec2:RevokeSecurityGroupEgress",
        "ec2:CreateVpc",
    ];
    let object = Object { service: "ec2", noun: "SecurityGroup", arn: GROUP.into() };
    let questions = Questions { actions: wanted.into(), objects: vec![object], ..Questions::default() };
    let Rights::Judged(judged) = world.ask(&questions).await.rights.unwrap() else { panic!() };
    assert_eq!((judged.allowed, judged.unsure.len()), (2, 0));
    let denied: Vec<_> = judged.denied.iter().map(|one| (one.action.as_str(), one.resource.as_str())).collect();
    let expected = [("ec2:CreateVpc", "*"), ("ec2:DeleteSecurityGroup", "*"), ("ec2:RevokeSecurityGroupEgress", GROUP)];
    assert_eq!(denied, expected);
    let asked = world.bodies("SimulatePrincipalPolicy");
    assert_eq!(asked.len(), 2, "{asked:#?}");
    assert_eq!(actions(&asked[1]), ["ec2:CreateSecurityGroup", "ec2:RevokeSecurityGroupEgress"]);
}

#[tokio::test]
async fn a_batch_that_iam_refuses_is_asked_in_halves() {
    let world = World::new(|action, body| match action {
        "GetCallerIdentity" => identity("arn:aws:iam::123456789012:user/me"),
        "SimulatePrincipalPolicy" => match actions(body).as_slice() {
            [one] if one == "ecs:RunTask" => invalid(),
            [one] => simulated(&result(one, "allowed", "")),
            _ => invalid(),
        },
        _ => None,
    });
    let actions = ["ecs:CreateCluster", "ecs:CreateService", "ecs:RunTask"].into();
    let asked = world.ask(&Questions { actions, ..Questions::default() }).await;
    let Rights::Judged(judged) = asked.rights.unwrap() else { panic!() };
    assert_eq!((judged.allowed, judged.denied.len(), judged.unsure), (2, 0, vec!["ecs:RunTask".to_owned()]));
}

fn invalid() -> Option<Reply> {
    let text = "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidInput</Code><Message>Actions require different \
                authorization information</Message></Error><RequestId>r</RequestId></ErrorResponse>";
    Some((400, text.into()))
}

#[tokio::test]
async fn the_clock_is_compared_with_the_answers_own_date() {
    let world = World::new(|action, _| (action == "GetCallerIdentity").then(|| identity(SESSION)).flatten());
    let asked = world.ask(&Questions::default()).await;
    let identity = asked.identity.unwrap();
    let there: jiff::Timestamp = "2026-11-20T10:00:00Z".parse().unwrap();
    let ahead = jiff::Timestamp::now().as_second() - there.as_second();
    assert!((identity.ahead_secs.unwrap() - ahead).abs() < 60, "{identity:?}");
    assert_eq!((identity.account.as_str(), identity.arn.as_str()), ("123456789012", SESSION));
    // Nobody else was asked for what the plan does not need.
    assert!(asked.vpcs.is_none() && asked.offers.is_none() && asked.certificate.is_none() && asked.quotas.is_empty());
}

#[tokio::test]
async fn a_quota_that_was_never_raised_is_aws_own_default_and_says_so() {
    let world = World::new(|action, _| {
        match action {
        "GetServiceQuota" => Some((400, json!({ "__type": "NoSuchResourceException", "Message": "x" }).to_string())),
        "GetAWSDefaultServiceQuota" => Some((200, json!({ "Quota": { "Value": 7.0 } }).to_string())),
        "DescribeAddresses" => Some((
            200,
            "<DescribeAddressesResponse><addressesSet><item><allocationId>a</allocationId></item></addressesSet></DescribeAddressesResponse>".into(),
        )),
        _ => None,
    }
    });
    let needs = vec![Need { quota: "ADDRESSES", place: String::new(), amount: 1.0 }];
    let asked = world.ask(&Questions { needs, ..Questions::default() }).await;
    assert_eq!(asked.quotas[0].limit, Limit { value: 7.0, applied: false });
    assert_eq!(asked.quotas[0].used, Ok(1.0));
}

#[tokio::test]
async fn a_rehearsal_tells_leave_from_refusal_from_trouble() {
    let refuse = |code: &str| {
        let text = format!(
            "<Response><Errors><Error><Code>{code}</Code><Message>m</Message></Error></Errors><RequestID>r</RequestID></Response>"
        );
        Some((412, text))
    };
    let world = World::new(move |action, body| match action {
        "CreateVpc" if body.contains("DryRun=true") => refuse("DryRunOperation"),
        "AllocateAddress" if body.contains("DryRun=true") => refuse("UnauthorizedOperation"),
        _ => None,
    });
    let dry_runs = vec![DryRun::Vpc("10.0.0.0/16".into()), DryRun::Address, DryRun::InternetGateway];
    let asked = world.ask(&Questions { dry_runs, ..Questions::default() }).await;
    assert_eq!(asked.dry_runs[0].1, Ok(true));
    assert_eq!(asked.dry_runs[1].1, Ok(false));
    assert!(asked.dry_runs[2].1.is_err());
}

/// A task that runs, one whose pull was refused, one that waits, and one that somebody stopped before its pull.
#[tokio::test]
async fn pulls_are_told_of_tasks_that_came_that_far() {
    const TASK: &str = "arn:aws:ecs:eu-central-1:123456789012:task/x/";
    let task = |id: &str, at: f64, more: serde_json::Value| {
        let mut task =
            json!({ "taskArn": format!("{TASK}{id}"), "createdAt": at, "containers": [{ "image": "x/zenml:1" }] });
        task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        task
    };
    const REFUSED: &str = "CannotPullContainerError: failed to resolve ref x/zenml:1: 403 Forbidden";
    let world = World::new(move |action, body| match action {
        "ListTasks" => {
            let id = if body.contains("STOPPED") { "stopped" } else { "running" };
            assert!(body.contains("\"family\":\"x\""), "{body}");
            Some((200, json!({ "taskArns": [format!("{TASK}{id}")] }).to_string()))
        }
        "DescribeTasks" => {
            assert!(body.contains("stopped") && body.contains("running"), "{body}");
            let tasks = [
                task("a", 1.0, json!({ "startedAt": 2.0 })),
                task("b", 3.0, json!({ "stoppedReason": REFUSED })),
                task("c", 4.0, json!({ "lastStatus": "PENDING" })),
                task("d", 5.0, json!({ "stoppedReason": "Task stopped by user" })),
            ];
            Some((200, json!({ "tasks": tasks }).to_string()))
        }
        _ => None,
    });
    let tasks = Some(Tasks { cluster: "x".into(), family: "x".into() });
    let pulls = world.ask(&Questions { tasks, ..Questions::default() }).await.pulls.unwrap().unwrap();
    let told: Vec<_> = pulls.iter().map(|pull| (pull.at, pull.image.as_str(), pull.failure.as_deref())).collect();
    assert_eq!(told, [(1000, "x/zenml:1", None), (3000, "x/zenml:1", Some(REFUSED))]);
}
