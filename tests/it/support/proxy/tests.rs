//! The proxy before a server that counts, with the clients that `hybridctl` uses.

use super::{
    Fault, Faults, Moment, Proxy, Verdict, always, error, field, first, from, nth, refusal, replace, share, stop,
};
use hybridctl::aws::{Aws, Connection};
use hybridctl::resource::Class;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Answers every request with the answer that its text asks for, and counts them.
struct Upstream {
    endpoint: String,
    requests: Arc<AtomicUsize>,
}

/// Part of a request, and what is answered to it.
const ANSWERS: &[(&str, &str, &str)] = &[
    ("Action=CreateVpc&", "text/xml", "<CreateVpcResponse><vpc><vpcId>vpc-1</vpcId></vpc></CreateVpcResponse>"),
    (
        "Action=DescribeVpcs&",
        "text/xml",
        "<DescribeVpcsResponse><vpcSet><item><vpcId>vpc-1</vpcId><state>available</state></item>\
         <item><vpcId>vpc-2</vpcId><state>available</state></item></vpcSet></DescribeVpcsResponse>",
    ),
    ("Action=DeleteVpc&", "text/xml", "<DeleteVpcResponse><return>true</return></DeleteVpcResponse>"),
    (
        "CreateService",
        "application/x-amz-json-1.1",
        r#"{"service":{"serviceArn":"arn:aws:ecs:eu-central-1:123456789012:service/c/s"}}"#,
    ),
    (
        "DescribeServices",
        "application/x-amz-json-1.1",
        r#"{"services":[{"serviceArn":"arn:aws:ecs:eu-central-1:123456789012:service/c/s","status":"ACTIVE","runningCount":1}],"failures":[]}"#,
    ),
];

fn upstream() -> Upstream {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = requests.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let request = request_of(&mut stream);
            counted.fetch_add(1, Ordering::SeqCst);
            let answer = ANSWERS.iter().find(|(part, ..)| request.contains(part));
            let (_, content, body) = answer.unwrap_or(&("", "text/xml", "<Nothing/>"));
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {content}\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = stream.write_all((head + body).as_bytes());
        }
    });
    Upstream { endpoint, requests }
}

/// All of a request, with a body of the promised length.
fn request_of(stream: &mut std::net::TcpStream) -> String {
    let (mut request, mut buffer) = (String::new(), [0; 4096]);
    loop {
        let read = stream.read(&mut buffer).unwrap();
        request += &String::from_utf8_lossy(&buffer[..read]);
        let Some((head, body)) = request.split_once("\r\n\r\n") else { continue };
        let head = head.to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse::<usize>().ok());
        if read == 0 || body.len() >= length.unwrap_or(0) {
            return request;
        }
    }
}

struct Bench {
    upstream: Upstream,
    proxy: Proxy,
    aws: Aws,
}

async fn bench(faults: Faults) -> Bench {
    let upstream = upstream();
    let proxy = Proxy::before(&upstream.endpoint, faults);
    let region = "eu-central-1".to_owned();
    let aws = Aws::connect(&Connection { region, profile: None, endpoint: Some(proxy.endpoint()) }).await;
    Bench { upstream, proxy, aws }
}

impl Bench {
    /// The SDK does not repeat: one call, one request.
    async fn create_vpc(&self) -> hybridctl::resource::Result<String> {
        let made = self.aws.call("ec2:CreateVpc", self.aws.ec2().create_vpc().send()).await?;
        Ok(made.vpc().unwrap().vpc_id().unwrap().to_owned())
    }

    async fn vpcs(&self) -> Vec<(String, String)> {
        let found = self.aws.ec2().describe_vpcs().send().await.unwrap();
        let row = |vpc: &aws_sdk_ec2::types::Vpc| {
            (vpc.vpc_id().unwrap().to_owned(), vpc.state().unwrap().as_str().to_owned())
        };
        found.vpcs().iter().map(row).collect()
    }

    fn seen(&self) -> usize {
        self.upstream.requests.load(Ordering::SeqCst)
    }

    fn verdicts(&self) -> Vec<Verdict> {
        self.proxy.log().0.into_iter().map(|entry| entry.verdict).collect()
    }
}

#[tokio::test]
async fn a_call_passes_and_is_named_by_service_and_operation() {
    let bench = bench(Faults::none()).await;
    assert_eq!(bench.create_vpc().await.unwrap(), "vpc-1");
    assert_eq!(bench.vpcs().await.len(), 2);
    let log = bench.proxy.log();
    let rows: Vec<_> = log.0.iter().map(|entry| (entry.operation.as_str(), entry.mutates, entry.status)).collect();
    assert_eq!(rows, [("ec2:CreateVpc", true, Some(200)), ("ec2:DescribeVpcs", false, Some(200))]);
    assert_eq!((log.count("ec2:*"), log.effects("ec2:Create*"), log.mutations()), (2, 1, vec!["ec2:CreateVpc"]));
    log.assert_before("ec2:CreateVpc", "ec2:DescribeVpcs");
    assert_eq!(bench.proxy.take_log().0.len(), 2);
    assert!(bench.proxy.log().0.is_empty());
}

#[tokio::test]
#[should_panic(expected = "ec2:CreateVpc came before ec2:DescribeVpcs")]
async fn an_order_that_was_not_kept_fails() {
    let bench = bench(Faults::none()).await;
    bench.create_vpc().await.unwrap();
    bench.vpcs().await;
    bench.proxy.log().assert_before("ec2:DescribeVpcs", "ec2:CreateVpc");
}

/// Whether the sandbox saw a call is what distinguishes the three; to the client they look the same.
#[tokio::test]
async fn an_answer_that_does_not_come_is_ambiguous_whether_or_not_the_call_was_carried_out() {
    for (fault, verdict, requests) in
        [(Fault::Refuse, Verdict::Refused, 0), (Fault::Drop, Verdict::Dropped, 1), (Fault::Cut, Verdict::Cut, 1)]
    {
        let bench = bench(Faults::none().on("ec2:CreateVpc", nth(1), fault)).await;
        let lost = bench.create_vpc().await.unwrap_err();
        assert_eq!(lost.class, Class::Ambiguous, "{verdict:?}: {lost}");
        assert_eq!((bench.seen(), bench.verdicts()), (requests, vec![verdict]));
        assert_eq!(bench.create_vpc().await.unwrap(), "vpc-1", "the second passes");
    }
}

#[tokio::test]
async fn every_protocol_has_its_own_words_for_a_refusal() {
    let code = "Wrong.Somehow";
    let bench = bench(Faults::none().on("*", always(), refusal(code, "a fault of ours", 400))).await;
    let aws = &bench.aws;
    let refused = [
        aws.call("ec2:CreateVpc", aws.ec2().create_vpc().send()).await.unwrap_err(),
        aws.call("rds:DescribeDBInstances", aws.rds().describe_db_instances().send()).await.unwrap_err(),
        aws.call("elasticloadbalancing:CreateRule", aws.elb().describe_load_balancers().send()).await.unwrap_err(),
        aws.call("iam:GetRole", aws.iam().get_role().role_name("r").send()).await.unwrap_err(),
        aws.call("sts:GetCallerIdentity", aws.sts().get_caller_identity().send()).await.unwrap_err(),
        aws.call("ecs:ListClusters", aws.ecs().list_clusters().send()).await.unwrap_err(),
        aws.call("secretsmanager:ListSecrets", aws.secrets().list_secrets().send()).await.unwrap_err(),
        aws.call("logs:DescribeLogGroups", aws.logs().describe_log_groups().send()).await.unwrap_err(),
        aws.call("acm:ListCertificates", aws.acm().list_certificates().send()).await.unwrap_err(),
        aws.call("route53:ListHostedZones", aws.route53().list_hosted_zones().send()).await.unwrap_err(),
    ];
    for error in refused {
        assert_eq!((error.code.as_deref(), error.message.as_str()), (Some(code), "a fault of ours"), "{error:?}");
    }
    assert_eq!(bench.seen(), 0);
    let services: Vec<_> = bench.proxy.log().0.iter().map(|entry| entry.operation.clone()).collect();
    let expected = [
        "ec2:CreateVpc",
        "rds:DescribeDBInstances",
        "elasticloadbalancing:DescribeLoadBalancers",
        "iam:GetRole",
        "sts:GetCallerIdentity",
        "ecs:ListClusters",
        "secretsmanager:ListSecrets",
        "logs:DescribeLogGroups",
        "acm:ListCertificates",
        "route53:ListHostedZones",
    ];
    assert_eq!(services, expected);
}

#[tokio::test]
async fn a_code_comes_as_often_as_was_said_and_from_where_it_was_said() {
    let faults = Faults::none()
        .on("ec2:CreateVpc", first(2), error("VpcLimitExceeded", 400))
        .on_mutation(from(4), error("UnauthorizedOperation", 403));
    let bench = bench(faults).await;
    let mut codes = vec![];
    for _ in 0..5 {
        codes.push(bench.create_vpc().await.map_err(|error| error.code.unwrap()));
        bench.vpcs().await;
    }
    let (limit, denied) = (Err("VpcLimitExceeded".to_owned()), Err("UnauthorizedOperation".to_owned()));
    assert_eq!(codes, [limit.clone(), limit, Ok("vpc-1".to_owned()), denied.clone(), denied]);
}

#[tokio::test]
async fn a_service_throttles_in_its_own_words_and_by_its_bucket() {
    let bench = bench(Faults::none().limit("ec2", 5.0, 2)).await;
    assert!(bench.create_vpc().await.is_ok() && bench.create_vpc().await.is_ok());
    let throttled = bench.create_vpc().await.unwrap_err();
    assert_eq!((throttled.class, throttled.code.as_deref()), (Class::Throttle, Some("RequestLimitExceeded")));
    let waiting = Instant::now();
    while bench.create_vpc().await.is_err() {
        assert!(waiting.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bench.aws.ecs().describe_services().services("s").send().await.unwrap();
}

#[tokio::test]
async fn a_share_of_the_calls_is_the_same_with_the_same_seed() {
    let verdicts = async |seed| {
        let bench = bench(Faults::none().on("*", share(0.3, seed), Fault::Throttle)).await;
        for _ in 0..40 {
            let _ = bench.create_vpc().await;
        }
        bench.verdicts()
    };
    let (one, same, other) = (verdicts(1).await, verdicts(1).await, verdicts(2).await);
    assert_eq!(one, same);
    assert_ne!(one, other);
    let throttled = one.iter().filter(|verdict| **verdict != Verdict::Passed).count();
    assert!((5..=20).contains(&throttled), "{throttled} of 40");
}

#[tokio::test]
async fn an_answer_can_be_changed_and_late() {
    let faults = Faults::none()
        .on("ec2:DescribeVpcs", nth(1), field("state", "pending"))
        .on("ec2:DescribeVpcs", nth(2), replace("<vpcId>vpc-2</vpcId>", "<vpcId>vpc-3</vpcId>"))
        .on("ec2:DescribeVpcs", nth(2), Fault::Delay(Duration::from_millis(150)))
        .on("ecs:DescribeServices", always(), field("status", "DRAINING"))
        .on("ecs:DescribeServices", always(), field("runningCount", "7"));
    let bench = bench(faults).await;
    let row = |id: &str, state: &str| (id.to_owned(), state.to_owned());
    assert_eq!(bench.vpcs().await, [row("vpc-1", "pending"), row("vpc-2", "pending")]);
    let waiting = Instant::now();
    assert_eq!(bench.vpcs().await, [row("vpc-1", "available"), row("vpc-3", "available")]);
    assert!(waiting.elapsed() >= Duration::from_millis(150));
    let found = bench.aws.ecs().describe_services().services("s").send().await.unwrap();
    let service = &found.services()[0];
    assert_eq!((service.status(), service.running_count()), (Some("DRAINING"), 7));
}

#[tokio::test]
async fn a_new_object_is_missing_in_lists_and_unknown_by_its_id_for_a_while() {
    let time = Duration::from_millis(400);
    let bench = bench(Faults::none().hide("ec2:CreateVpc", time).hide("ecs:CreateService", time)).await;
    assert_eq!(bench.vpcs().await.len(), 2, "it is not made yet");
    let made = Instant::now();
    bench.create_vpc().await.unwrap();
    bench.aws.ecs().create_service().service_name("s").send().await.unwrap();
    assert_eq!(bench.vpcs().await, [("vpc-2".to_owned(), "available".to_owned())]);
    let asked = bench.aws.call("ec2:DescribeVpcs", bench.aws.ec2().describe_vpcs().vpc_ids("vpc-1").send()).await;
    let services = bench.aws.ecs().describe_services().services("s").send().await.unwrap();
    if made.elapsed() < time {
        assert_eq!(asked.unwrap_err().class, Class::NotFound);
        assert!(services.services().is_empty());
        assert_eq!(services.failures()[0].reason(), Some("MISSING"));
    }
    while bench.vpcs().await.len() < 2 {
        assert!(made.elapsed() < Duration::from_secs(10), "it stays hidden");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn somebody_is_told_at_each_moment_of_a_call() {
    for (moment, requests, answered) in
        [(Moment::Before, 0, false), (Moment::Answered, 1, false), (Moment::Passed, 1, true)]
    {
        let told = Arc::new(Mutex::new(vec![]));
        let telling = told.clone();
        let hook = stop(moment, move |call| telling.lock().unwrap().push(call.name()));
        let bench = bench(Faults::none().on_mutation(nth(1), hook)).await;
        bench.vpcs().await;
        assert_eq!(bench.create_vpc().await.is_ok(), answered, "{moment:?}");
        bench.proxy.settle();
        assert_eq!(*told.lock().unwrap(), ["ec2:CreateVpc"], "{moment:?}");
        assert_eq!(bench.seen(), 1 + requests, "{moment:?}");
        assert_eq!(bench.verdicts(), [Verdict::Passed, Verdict::Stopped(moment)]);
    }
}

#[tokio::test]
async fn a_closure_picks_among_the_calls_of_an_operation() {
    let asks_by_id = |call: &super::Call| call.text().contains("VpcId.1=vpc-1");
    let bench = bench(Faults::none().on_those("ec2:DescribeVpcs", asks_by_id, always(), Fault::Refuse)).await;
    assert_eq!(bench.vpcs().await.len(), 2);
    let asked = bench.aws.call("ec2:DescribeVpcs", bench.aws.ec2().describe_vpcs().vpc_ids("vpc-1").send()).await;
    assert_eq!(asked.unwrap_err().class, Class::Ambiguous);
}

#[tokio::test]
async fn another_scenario_and_another_world_can_be_put_in_place() {
    let bench = bench(Faults::none().on("*", always(), error("UnauthorizedOperation", 403))).await;
    assert!(bench.create_vpc().await.is_err());
    bench.proxy.disturb(Faults::none());
    assert!(bench.create_vpc().await.is_ok());
    let other = upstream();
    bench.proxy.move_before(&other.endpoint);
    assert!(bench.create_vpc().await.is_ok());
    assert_eq!((bench.seen(), other.requests.load(Ordering::SeqCst)), (1, 1));
}
