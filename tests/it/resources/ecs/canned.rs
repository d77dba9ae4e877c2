//! ECS and CloudWatch Logs with canned answers: stale describes, rollbacks, and what must not be asked at all.

use super::record;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use hybridctl::aws::Aws;
use hybridctl::aws::ecs::service::Service;
use hybridctl::aws::ecs::task_run::TaskRun;
use hybridctl::model::Address;
use hybridctl::resource::{Changed, Consents, Id, Kind, Memo, Observed, Of, Phase, Provided, Resource, Scope, Tags};
use hybridctl::state::Recorded;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use uuid::Uuid;

const SERVICE: &str = "arn:aws:ecs:eu-central-1:123456789012:service/main/app";
const TASK: &str = "arn:aws:ecs:eu-central-1:123456789012:task/main/0a1b";
const OLD: &str = "arn:aws:ecs:eu-central-1:123456789012:task-definition/app:1";
const NEW: &str = "arn:aws:ecs:eu-central-1:123456789012:task-definition/app:2";

type Answers = Arc<dyn Fn(&str, &Value) -> Value + Send + Sync>;

/// Answers every call from a function of operation and request, and keeps the requests.
#[derive(Clone)]
struct Canned {
    answers: Answers,
    asked: Arc<Mutex<Vec<(String, Value)>>>,
}

impl std::fmt::Debug for Canned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Canned")
    }
}

impl HttpConnector for Canned {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap().to_owned();
        let body = serde_json::from_slice(request.body().bytes().unwrap_or(b"{}")).unwrap();
        let answer = (self.answers)(&operation, &body);
        self.asked.lock().unwrap().push((operation, body));
        let response = HttpResponse::new(200.try_into().unwrap(), SdkBody::from(answer.to_string()));
        HttpConnectorFuture::ready(Ok(response))
    }
}

struct World {
    aws: Aws,
    /// One world is one operation.
    memo: Memo,
    asked: Arc<Mutex<Vec<(String, Value)>>>,
}

impl World {
    fn new(answers: impl Fn(&str, &Value) -> Value + Send + Sync + 'static) -> Self {
        let canned = Canned { answers: Arc::new(answers), asked: Arc::default() };
        let asked = Arc::clone(&canned.asked);
        let connector = SharedHttpConnector::new(canned);
        let client: SharedHttpClient = http_client_fn(move |_, _| connector.clone());
        Self { aws: Aws::with_http(client), memo: Memo::default(), asked }
    }

    fn asked(&self, operation: &str) -> Vec<Value> {
        let all = self.asked.lock().unwrap();
        all.iter().filter(|(asked, _)| asked == operation).map(|(_, body)| body.clone()).collect()
    }

    async fn within<R: Resource, T>(
        &self,
        want: Option<&Value>,
        recorded: Option<&Recorded>,
        body: impl AsyncFnOnce(&Scope<'_>) -> T,
    ) -> T {
        let address = Address::new(R::KIND, "app");
        let scope = Scope {
            aws: &self.aws,
            deployment: "t",
            lineage: Uuid::nil(),
            since: Some(jiff::Timestamp::UNIX_EPOCH),
            address: &address,
            token: "0123456789abcdef0123456789abcdef",
            label: "t-app",
            user_tags: &Tags::new(),
            recorded,
            want,
            known_ids: &[],
            provided: &Provided::default(),
            consents: &Consents::default(),
            memo: &self.memo,
            notes: &|_| {},
        };
        body(&scope).await
    }

    async fn read(&self, want: Option<&Value>) -> Observed {
        let read = async |scope: &Scope<'_>| Of::<Service>::KIND.read(scope, &SERVICE.into()).await.unwrap().unwrap();
        self.within::<Service, _>(want, None, read).await
    }

    async fn phase(&self, want: Option<&Value>) -> Phase {
        self.read(want).await.phase
    }

    /// As the engine does before it waits.
    async fn update(&self, want: &Value) {
        let changed = Changed { fields: ["task_definition_arn".to_owned()].into(), tags: None };
        let update =
            async |scope: &Scope<'_>| Of::<Service>::KIND.update(scope, &SERVICE.into(), want, &changed).await.unwrap();
        self.within::<Service, _>(Some(want), None, update).await;
    }
}

fn want(revision: &str) -> Value {
    json!({
        "name": "app", "cluster_arn": "main", "task_definition_arn": revision, "desired_count": 2, "subnet_ids": [],
        "security_group_ids": [], "assign_public_ip": false, "target_group_arn": "tg", "container_name": "app",
        "container_port": 8000, "health_check_grace_secs": 0, "min_healthy_percent": 100, "max_percent": 200,
        "circuit_breaker": true, "circuit_breaker_rollback": true, "enable_execute_command": false,
        "availability_zone_rebalancing": "ENABLED", "platform_version": "LATEST", "propagate_tags": "SERVICE",
        "enable_ecs_managed_tags": true,
        "rollout_failed": false
    })
}

fn deployment(revision: &str, state: &str, failed: u32, created: u32) -> Value {
    json!({"id": format!("ecs-svc/{created}"), "status": "PRIMARY", "taskDefinition": revision, "rolloutState": state,
        "rolloutStateReason": "ECS deployment circuit breaker: tasks failed to start.",
        "desiredCount": 2, "runningCount": 1, "pendingCount": 1, "failedTasks": failed, "createdAt": created})
}

fn service(deployment: Value, running: u32) -> Value {
    json!({"serviceArn": SERVICE, "serviceName": "app", "status": "ACTIVE", "desiredCount": 2, "runningCount": running,
        "taskDefinition": deployment["taskDefinition"], "deployments": [deployment],
        "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": true, "rollback": true}},
        "events": [{"id": "1", "message": "(service app) rolling back."}]})
}

/// A world with this primary deployment, one service deployment towards `NEW`, and a task that failed.
fn world(primary: Value, running: u32, deployments: &[(&str, u32)]) -> World {
    let briefs: Vec<_> = deployments
        .iter()
        .map(|(status, created)| {
            json!({"serviceDeploymentArn": format!("d{created}"), "targetServiceRevisionArn": "r2", "createdAt": created,
                "status": status, "statusReason": "rolled back by the circuit breaker"})
        })
        .collect();
    World::new(move |operation, _| match operation {
        "DescribeServices" => json!({"services": [service(primary.clone(), running)]}),
        "UpdateService" => json!({"service": service(deployment(NEW, "IN_PROGRESS", 0, 1000), 2)}),
        "ListServiceDeployments" => json!({"serviceDeployments": briefs}),
        "DescribeServiceRevisions" => {
            json!({"serviceRevisions": [{"serviceRevisionArn": "r2", "taskDefinition": NEW}]})
        }
        other => stopped_task(other),
    })
}

fn stopped_task(operation: &str) -> Value {
    let log = ["Traceback (most recent call last):", "RuntimeError: no store for mysql://admin:hunter2@db:3306"];
    match operation {
        "ListTasks" => json!({"taskArns": [TASK]}),
        "DescribeTasks" => json!({"tasks": [{"taskArn": TASK, "taskDefinitionArn": NEW, "lastStatus": "STOPPED",
            "stopCode": "EssentialContainerExited", "stoppedReason": "Essential container in task exited",
            "containers": [{"name": "app", "exitCode": 3}]}]}),
        "DescribeTaskDefinition" => json!({"taskDefinition": {"containerDefinitions": [{"name": "app",
            "logConfiguration": {"logDriver": "awslogs",
                "options": {"awslogs-group": "/ecs/app", "awslogs-stream-prefix": "ecs"}}}]}}),
        "GetLogEvents" => json!({"events": log.map(|message| json!({"message": message, "timestamp": 1}))}),
        other => panic!("unexpected {other}"),
    }
}

#[tokio::test]
async fn a_rolled_back_rollout_is_refused_although_the_service_is_steady() {
    let world = world(deployment(OLD, "COMPLETED", 0, 1200), 2, &[("ROLLBACK_SUCCESSFUL", 1000)]);
    world.update(&want(NEW)).await;
    let Phase::Refused(story) = world.phase(Some(&want(NEW))).await else { panic!("not refused") };
    insta::assert_snapshot!(story, @r"
    the rollout of app:2 failed: ROLLBACK_SUCCESSFUL: rolled back by the circuit breaker
    the service runs app:1 again
    a task stopped: Essential container in task exited (exit code 3)
      RuntimeError: no store for mysql://admin:***@db:3306
      last log lines of app in task 0a1b:
        Traceback (most recent call last):
        RuntimeError: no store for mysql://admin:***@db:3306
    last events of the service:
      (service app) rolling back.
    ");
    let stream = &world.asked("GetLogEvents")[0]["logStreamName"];
    assert_eq!(stream, "ecs/app/0a1b");
}

#[tokio::test]
async fn a_stale_describe_is_neither_success_nor_failure() {
    let before = || deployment(OLD, "COMPLETED", 0, 100);
    for deployments in [&[][..], &[("IN_PROGRESS", 1001)], &[("ROLLBACK_SUCCESSFUL", 400)]] {
        let world = world(before(), 2, deployments);
        world.update(&want(NEW)).await;
        let phase = world.phase(Some(&want(NEW))).await;
        assert_eq!(phase, Phase::Settling("rollout: about to begin".into()), "{deployments:?}");
    }
}

#[tokio::test]
async fn the_same_revision_in_another_deployment_is_no_proof() {
    // Only the subnets changed. Not begun yet; then rolled back to the subnets before.
    for (created, refused) in [(100, false), (1200, true)] {
        let world = world(deployment(NEW, "COMPLETED", 0, created), 2, &[("ROLLBACK_SUCCESSFUL", 1000)]);
        world.update(&want(NEW)).await;
        let phase = world.phase(Some(&want(NEW))).await;
        assert_eq!(matches!(phase, Phase::Refused(_)), refused, "{phase:?}");
        assert_ne!(phase, Phase::Ready);
    }
}

#[tokio::test]
async fn a_rollout_that_another_one_overtook_is_refused() {
    let world = world(deployment(OLD, "COMPLETED", 0, 2000), 2, &[("SUCCESSFUL", 1000)]);
    world.update(&want(NEW)).await;
    let phase = world.phase(Some(&want(NEW))).await;
    assert!(matches!(&phase, Phase::Refused(why) if why.contains("another deployment")), "{phase:?}");
}

#[tokio::test]
async fn our_revision_is_judged_by_state_and_count() {
    let cases = [
        (deployment(NEW, "COMPLETED", 0, 1000), 2, Phase::Ready),
        (deployment(NEW, "COMPLETED", 0, 1000), 1, Phase::Settling("1 of 2 tasks running".into())),
        (
            deployment(NEW, "IN_PROGRESS", 1, 1000),
            2,
            Phase::Settling(
                "rollout: 1 of 2 new tasks running, 1 pending, 1 failed: Essential container in task exited (exit code 3)"
                    .into(),
            ),
        ),
    ];
    for (primary, running, phase) in cases {
        let world = world(primary, running, &[("IN_PROGRESS", 1000)]);
        assert_eq!(world.phase(Some(&want(NEW))).await, phase);
    }
    // The first deployment of a service: there is nothing to roll back to, and the primary stays what it was.
    for (state, status) in [("FAILED", "IN_PROGRESS"), ("IN_PROGRESS", "ROLLBACK_FAILED"), ("IN_PROGRESS", "STOPPED")] {
        let asked = world(deployment(NEW, state, 3, 1000), 0, &[(status, 1000)]);
        asked.update(&want(NEW)).await;
        assert!(matches!(asked.phase(Some(&want(NEW))).await, Phase::Refused(_)), "{state} {status}");
        // An earlier run asked for it. Its cause may be gone: a difference, which an update mends by another rollout.
        let before = world(deployment(NEW, state, 3, 1000), 0, &[(status, 1000)]);
        let seen = before.read(Some(&want(NEW))).await;
        assert_eq!((seen.phase, &seen.inputs["rollout_failed"]), (Phase::Ready, &json!(true)), "{state} {status}");
    }
}

/// An image that nobody may pull; the breaker would go on counting.
#[tokio::test]
async fn a_first_rollout_that_cannot_succeed_is_refused_before_ecs_gives_up() {
    let refused = |operation: &str| match operation {
        "DescribeTasks" => json!({"tasks": [{"taskArn": TASK, "taskDefinitionArn": NEW, "lastStatus": "STOPPED",
            "stoppedAt": 1010, "stopCode": "TaskFailedToStart",
            "stoppedReason": "CannotPullContainerError: pull image manifest has been retried 1 time(s): 403 Forbidden"}]}),
        other => stopped_task(other),
    };
    for (others, hopeless) in [(0, true), (1, false)] {
        let mut service = service(deployment(NEW, "IN_PROGRESS", 1, 1000), 0);
        let active = json!({"id": "ecs-svc/1", "status": "ACTIVE", "taskDefinition": OLD});
        service["deployments"].as_array_mut().unwrap().extend(vec![active; others]);
        let world = World::new(move |operation, _| match operation {
            "DescribeServices" => json!({"services": [service]}),
            "ListServiceDeployments" => json!({"serviceDeployments": []}),
            other => refused(other),
        });
        let phase = world.phase(Some(&want(NEW))).await;
        let story = "the rollout of app:2 failed: its image cannot be pulled, however often it is tried";
        let told = matches!(&phase, Phase::Refused(why) if why.starts_with(story) && why.contains("403 Forbidden"));
        assert_eq!(told, hopeless, "with {others} deployments to go back to: {phase:?}");
    }
}

/// The log of a task may come after its end; from then on the next task is not waited for, unless ECS goes back by itself.
#[tokio::test]
async fn a_rollout_whose_log_names_a_certain_cause_is_refused_at_the_first_stop() {
    let certain = "alembic.util.exc.CommandError: Can't locate revision identified by '0.99.0'";
    let passing = "(2003, \"Can't connect to MySQL server on 'db' (timed out)\")";
    for (line, others, hopeless) in [(certain, 0, true), (certain, 1, false), (passing, 0, false)] {
        let mut service = service(deployment(NEW, "IN_PROGRESS", 1, 1000), 0);
        let active = json!({"id": "ecs-svc/1", "status": "ACTIVE", "taskDefinition": OLD});
        service["deployments"].as_array_mut().unwrap().extend(vec![active; others]);
        let arrived = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let log = Arc::clone(&arrived);
        let world = World::new(move |operation, _| match operation {
            "DescribeServices" => json!({"services": [service]}),
            "ListServiceDeployments" => json!({"serviceDeployments": []}),
            "GetLogEvents" if !log.load(std::sync::atomic::Ordering::SeqCst) => json!({"events": []}),
            "GetLogEvents" => json!({"events": [{"message": line, "timestamp": 1}]}),
            other => stopped_task(other),
        });
        let first = world.phase(Some(&want(NEW))).await;
        assert!(matches!(first, Phase::Settling(_)), "{first:?}");
        arrived.store(true, std::sync::atomic::Ordering::SeqCst);
        let second = world.phase(Some(&want(NEW))).await;
        let told =
            matches!(&second, Phase::Refused(why) if why.contains("would stop alike") && why.contains("mig.downgrade"));
        assert_eq!(told, hopeless, "{line} with {others} deployments to go back to: {second:?}");
        if !hopeless {
            assert_eq!(second, first, "the word stays the same");
        }
    }
}

#[tokio::test]
async fn what_the_service_complains_of_is_told_while_it_is_waited_for() {
    let mut service = service(deployment(NEW, "IN_PROGRESS", 0, 1000), 0);
    let event = |at: u32, message: &str| json!({"id": "1", "createdAt": at, "message": message});
    let before = event(900, "(service app) was unable to place a task because of last week.");
    let room = "(service app) was unable to place a task because no container instance met its requirements.";
    service["events"] = json!([event(1005, room), before]);
    let world = World::new(move |_, _| json!({"services": [service]}));
    let word = format!("rollout: 1 of 2 new tasks running, 1 pending: {room}");
    assert_eq!(world.phase(Some(&want(NEW))).await, Phase::Settling(word));
}

#[tokio::test]
async fn a_plan_takes_the_service_as_it_is() {
    let rolled_back = world(deployment(OLD, "COMPLETED", 0, 1200), 2, &[("ROLLBACK_SUCCESSFUL", 1000)]);
    assert_eq!(rolled_back.phase(None).await, Phase::Ready);
    let busy = world(deployment(NEW, "IN_PROGRESS", 0, 1000), 1, &[]);
    assert!(matches!(busy.phase(None).await, Phase::Usable(_)));
    assert!(busy.asked("ListServiceDeployments").is_empty(), "a plan asks for no history");
}

fn run() -> Value {
    json!({
        "image": "i", "dbi_resource_id": "db-1", "database": "d", "version": "1", "cluster_arn": "main",
        "task_definition_arn": NEW, "subnet_ids": ["subnet-1"], "security_group_ids": ["sg-1"], "container": "app",
        "command": ["migrate"], "environment": {"X": "1"}, "memory_mib": 2048,
        "noted_on_cluster": true
    })
}

#[tokio::test]
async fn a_finished_run_is_read_from_its_record_without_a_call() {
    let world = World::new(|operation, _| panic!("unexpected {operation}"));
    let outputs = json!({"task_arn": TASK, "exit_code": "0", "finished_at": ""});
    let recorded = record(&TASK.into(), run(), outputs.clone());
    let (kind, id) = (Of::<TaskRun>::KIND, Id::from(TASK));
    let seen = world
        .within::<TaskRun, _>(None, Some(&recorded), async |scope| {
            kind.delete(scope, &id).await.unwrap();
            let seen = kind.read(scope, &id).await.unwrap().unwrap();
            assert_eq!(seen.tags, Some(scope.tags()), "tags of a finished task cannot be changed: no difference");
            seen
        })
        .await;
    assert_eq!((seen.phase, seen.inputs, seen.outputs), (Phase::Ready, run(), Some(outputs)));
}

#[tokio::test]
async fn a_failed_run_tells_why_and_does_not_count_as_done() {
    let world = World::new(|operation, _| stopped_task(operation));
    let recorded = record(&TASK.into(), run(), Value::Null);
    let seen = world
        .within::<TaskRun, _>(Some(&run()), Some(&recorded), async |scope| {
            Of::<TaskRun>::KIND.read(scope, &TASK.into()).await.unwrap().unwrap()
        })
        .await;
    assert_eq!(seen.outputs, None);
    let Phase::Failed(why) = seen.phase else { panic!("not failed") };
    insta::assert_snapshot!(why, @r"
    a task stopped: Essential container in task exited (exit code 3)
      RuntimeError: no store for mysql://admin:***@db:3306
      last log lines of app in task 0a1b:
        Traceback (most recent call last):
        RuntimeError: no store for mysql://admin:***@db:3306
    ");
}

#[tokio::test]
async fn a_forgotten_run_that_did_not_succeed_is_gone() {
    let world = World::new(|_, _| json!({"tasks": [], "failures": [{"reason": "MISSING"}]}));
    let read = async |scope: &Scope<'_>| Of::<TaskRun>::KIND.read(scope, &TASK.into()).await.unwrap();
    let recorded = record(&TASK.into(), run(), Value::Null);
    assert!(world.within::<TaskRun, _>(None, Some(&recorded), read).await.is_none());
}

#[tokio::test]
async fn a_run_is_started_once_with_token_overrides_and_no_public_address() {
    let world = World::new(|_, _| json!({"tasks": [{"taskArn": TASK}]}));
    let create = async |scope: &Scope<'_>| Of::<TaskRun>::KIND.create(scope, &run()).await.unwrap();
    assert_eq!(world.within::<TaskRun, _>(None, None, create).await.0, TASK);
    let request = &world.asked("RunTask")[0];
    assert_eq!(request["clientToken"], "0123456789abcdef0123456789abcdef");
    assert_eq!(request["startedBy"], request["clientToken"]);
    let vpc = &request["networkConfiguration"]["awsvpcConfiguration"];
    assert_eq!(vpc, &json!({"subnets": ["subnet-1"], "securityGroups": ["sg-1"], "assignPublicIp": "DISABLED"}));
    let container = json!({"name": "app", "command": ["migrate"], "environment": [{"name": "X", "value": "1"}]});
    assert_eq!(request["overrides"], json!({"containerOverrides": [container], "memory": "2048"}));
}

#[tokio::test]
async fn a_run_that_finds_no_capacity_is_tried_again() {
    let world =
        World::new(|_, _| json!({"tasks": [], "failures": [{"reason": "Capacity is unavailable at this time."}]}));
    let create = async |scope: &Scope<'_>| Of::<TaskRun>::KIND.create(scope, &run()).await.unwrap_err();
    let error = world.within::<TaskRun, _>(None, None, create).await;
    assert_eq!(error.class, hybridctl::resource::Class::Busy, "{error}");
}
