//! Real kinds on canned answers: an answer that is lost, and a describe that does not know of an object yet.

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use hybridctl::apply::{Engine, Limits, Outcome, Stop};
use hybridctl::aws::Aws;
use hybridctl::aws::ec2::elastic_ip::ElasticIp;
use hybridctl::aws::ec2::internet_gateway::InternetGateway;
use hybridctl::aws::ec2::vpc::Vpc;
use hybridctl::model::Graph;
use hybridctl::plan::{Action, Given, Plan, plan};
use hybridctl::report::event::Silent;
use hybridctl::resource::{Consents, Error, Provided, Tags};
use hybridctl::state::memory::MemoryStore;
use hybridctl::state::{State, StateStore};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use uuid::Uuid;

/// What goes wrong with one call.
#[derive(Debug, Clone, Copy)]
enum Trouble {
    Reset,
    Timeout,
    Status(u16),
    Code(&'static str, u16),
}

/// EC2 as far as these tests need it: gateways, addresses and networks with the tags that they were created with.
#[derive(Debug, Default)]
struct Ec2 {
    /// Id, and its tags as a describe shows them.
    objects: Vec<(String, String)>,
    creates: u32,
    /// What happens to the first create, and whether it takes place all the same.
    trouble: Option<(Trouble, bool)>,
    /// What happens to every create after that; none takes place.
    refusal: Option<Trouble>,
    /// So many describes show nothing.
    blind: u32,
    describes: u32,
}

impl Ec2 {
    fn answer(&mut self, form: &[(String, String)]) -> Result<String, Trouble> {
        let value = |name: &str| form.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value);
        match value("Action") {
            "CreateVpc" => self.create("vpc", form).map(|id| format!("<vpc><vpcId>{id}</vpcId></vpc>")),
            "AllocateAddress" => self.create("eipalloc", form).map(|id| format!("<allocationId>{id}</allocationId>")),
            "CreateInternetGateway" => self
                .create("igw", form)
                .map(|id| format!("<internetGateway><internetGatewayId>{id}</internetGatewayId></internetGateway>")),
            "DescribeVpcs" => {
                Ok(self.list("vpcSet", "vpcId", "<cidrBlock>10.0.0.0/16</cidrBlock><state>available</state>"))
            }
            "DescribeAddresses" => Ok(self.list("addressesSet", "allocationId", "<publicIp>192.0.2.1</publicIp>")),
            "DescribeInternetGateways" => Ok(self.list("internetGatewaySet", "internetGatewayId", "")),
            "DescribeVpcAttribute" => {
                let name = value("Attribute");
                Ok(format!("<{name}><value>true</value></{name}>"))
            }
            other => panic!("nobody expects {other}"),
        }
    }

    fn create(&mut self, prefix: &str, form: &[(String, String)]) -> Result<String, Trouble> {
        self.creates += 1;
        let trouble = self.trouble.take().or(self.refusal.map(|refusal| (refusal, false)));
        let id = format!("{prefix}-{}", self.creates);
        if trouble.is_none_or(|(_, takes_place)| takes_place) {
            let part =
                |end: &'static str| form.iter().filter(move |(name, _)| name.contains(".Tag.") && name.ends_with(end));
            let tags = part(".Key").zip(part(".Value"));
            let tags =
                tags.map(|((_, key), (_, value))| format!("<item><key>{key}</key><value>{value}</value></item>"));
            self.objects.push((id.clone(), tags.collect()));
        }
        trouble.map_or(Ok(id), |(trouble, _)| Err(trouble))
    }

    fn list(&mut self, set: &str, id_name: &str, more: &str) -> String {
        self.describes += 1;
        if self.describes <= self.blind {
            return format!("<{set}/>");
        }
        let item = |(id, tags): &(String, String)| {
            format!("<item><{id_name}>{id}</{id_name}>{more}<tagSet>{tags}</tagSet></item>")
        };
        format!("<{set}>{}</{set}>", self.objects.iter().map(item).collect::<String>())
    }
}

#[derive(Debug, Clone)]
struct Wire(Arc<Mutex<Ec2>>);

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let form = crate::support::proxy::form(request.body().bytes().unwrap_or_default());
        let response = |status: u16, body: String| HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
        HttpConnectorFuture::ready(match self.0.lock().unwrap().answer(&form) {
            Ok(body) => {
                let action = form.iter().find(|(name, _)| name == "Action").map_or("", |(_, action)| action);
                Ok(response(200, format!("<{action}Response>{body}</{action}Response>")))
            }
            Err(Trouble::Reset) => Err(ConnectorError::io("connection reset by peer".into())),
            Err(Trouble::Timeout) => Err(ConnectorError::timeout("no answer in time".into())),
            Err(Trouble::Status(status)) => Ok(response(status, String::new())),
            Err(Trouble::Code(code, status)) => {
                let text = format!("<Response><Errors><Error><Code>{code}</Code></Error></Errors></Response>");
                Ok(response(status, text))
            }
        })
    }
}

/// A deployment of its own on this EC2.
struct Account {
    ec2: Arc<Mutex<Ec2>>,
    aws: Aws,
    store: MemoryStore,
    limits: Limits,
}

impl Account {
    fn new(ec2: Ec2) -> Self {
        let ec2 = Arc::new(Mutex::new(ec2));
        let connector = SharedHttpConnector::new(Wire(Arc::clone(&ec2)));
        let aws = Aws::with_http(http_client_fn(move |_, _| connector.clone()));
        Self { ec2, aws, store: MemoryStore::default(), limits: Limits { pace: 0.001, ..Limits::FAKE } }
    }

    async fn state(&self) -> State {
        self.store.load().await.unwrap().unwrap_or_else(|| State::new("t", Uuid::from_u128(7)))
    }

    async fn with_engine<T>(&self, work: impl AsyncFnOnce(Engine<'_, MemoryStore>) -> T) -> T {
        let (kinds, provided) = (hybridctl::aws::kinds(), Provided::default());
        let engine = Engine {
            kinds: &kinds,
            aws: &self.aws,
            store: &self.store,
            limits: self.limits,
            stop: Stop::default(),
            user_tags: &Tags::new(),
            provided: &provided,
            consents: &Consents::default(),
            tell: &|_| {},
        };
        work(engine).await
    }

    async fn plan(&self, desired: &Graph) -> Plan {
        let state = self.state().await;
        self.with_engine(async |engine| {
            let seen = engine.probe(desired, &state).await.unwrap();
            let (user_tags, consents, kinds) = (engine.user_tags, engine.consents, engine.kinds);
            plan(&Given { desired, recorded: &state, seen: &seen, kinds, user_tags, consents }).unwrap()
        })
        .await
    }

    async fn up(&self, desired: &Graph) -> Outcome {
        let (plan, state) = (self.plan(desired).await, self.state().await);
        self.with_engine(async |engine| engine.apply(&plan, state, &mut Silent).await).await
    }

    fn creates(&self) -> u32 {
        self.ec2.lock().unwrap().creates
    }
}

/// One resource of each kind whose create has neither a token nor a unique name.
fn kinds_that_duplicate() -> [(&'static str, Graph); 3] {
    let graph = |add: &dyn Fn(&mut Graph)| {
        let mut graph = Graph::new("t");
        add(&mut graph);
        graph
    };
    let vpc = || Vpc { cidr_block: "10.0.0.0/16".into(), enable_dns_support: true, enable_dns_hostnames: true };
    [
        ("ec2:CreateVpc", graph(&|graph| drop(graph.add("main", vpc())))),
        ("ec2:AllocateAddress", graph(&|graph| drop(graph.add("main", ElasticIp {})))),
        ("ec2:CreateInternetGateway", graph(&|graph| drop(graph.add("main", InternetGateway {})))),
    ]
}

const LOST: [Trouble; 6] = [
    Trouble::Reset,
    Trouble::Timeout,
    Trouble::Status(500),
    Trouble::Status(502),
    Trouble::Status(503),
    Trouble::Code("InternalError", 500),
];

/// Looking for what an interrupted create made may take this long.
const FIND: Duration = Duration::from_millis(50);

async fn made_one(create: &str, graph: &Graph, ec2: Ec2, find_patience: Duration, creates: u32) {
    let story = format!("{create}: {:?}", ec2.trouble);
    let account = Account::new(ec2);
    let account = Account { limits: Limits { find_patience, ..account.limits }, ..account };
    let outcome = account.up(graph).await;
    assert!(outcome.complete(), "{story}: {outcome:#?}");
    assert_eq!(account.creates(), creates, "{story}");
    assert_eq!(account.ec2.lock().unwrap().objects.len(), 1, "{story}");
    assert!(account.plan(graph).await.is_empty(), "{story}");
}

#[tokio::test]
async fn a_create_that_took_place_is_found_and_not_made_again_whatever_became_of_its_answer() {
    for (create, graph) in kinds_that_duplicate() {
        for trouble in LOST {
            made_one(create, &graph, Ec2 { trouble: Some((trouble, true)), ..Ec2::default() }, FIND, 1).await;
        }
    }
}

#[tokio::test]
async fn a_create_that_did_not_take_place_is_made_once_nothing_was_found() {
    for (create, graph) in kinds_that_duplicate() {
        for trouble in LOST {
            made_one(create, &graph, Ec2 { trouble: Some((trouble, false)), ..Ec2::default() }, FIND, 2).await;
        }
    }
}

#[tokio::test]
async fn what_a_describe_does_not_show_yet_is_looked_for_again_before_it_is_made_again() {
    for (create, graph) in kinds_that_duplicate() {
        // The first describe is the plan's.
        let ec2 = Ec2 { trouble: Some((Trouble::Reset, true)), blind: 4, ..Ec2::default() };
        made_one(create, &graph, ec2, Duration::from_secs(20), 1).await;
    }
}

#[tokio::test]
async fn a_throttled_create_was_refused_and_is_called_again_without_looking() {
    for (create, graph) in kinds_that_duplicate() {
        let trouble = Trouble::Code("RequestLimitExceeded", 503);
        made_one(create, &graph, Ec2 { trouble: Some((trouble, false)), ..Ec2::default() }, FIND, 2).await;
    }
}

#[tokio::test]
async fn refused_credentials_end_the_run_with_everything_on_record_and_new_ones_go_on() {
    let [(_, graph), ..] = kinds_that_duplicate();
    let account = Account::new(Ec2 { trouble: Some((Trouble::Code("ExpiredToken", 400), false)), ..Ec2::default() });
    let outcome = account.up(&graph).await;
    let resumable = outcome.failed.values().all(Error::is_resumable);
    assert!(outcome.failed.len() == 1 && resumable, "{outcome:#?}");
    assert_eq!(account.state().await.intents.len(), 1);
    assert!(account.up(&graph).await.complete());
    assert_eq!(account.ec2.lock().unwrap().objects.len(), 1);
}

#[tokio::test]
async fn each_class_is_tried_for_as_long_as_its_budget_and_then_the_next_run_goes_on() {
    let [(_, graph), ..] = kinds_that_duplicate();
    let refused = async |code: &'static str, patience: f64| {
        let account = Account::new(Ec2 { refusal: Some(Trouble::Code(code, 400)), ..Ec2::default() });
        let account = Account { limits: Limits { patience, ..account.limits }, ..account };
        let outcome = account.up(&graph).await;
        let error = outcome.failed.into_values().next().unwrap();
        assert_eq!(error.is_resumable(), outcome.timed_out, "{error}");
        (outcome.timed_out, account.creates() > 1)
    };
    for code in ["RequestLimitExceeded", "InvalidParameterException", "DependencyViolation", "IncorrectState"] {
        assert_eq!(refused(code, 0.0001).await, (true, true), "{code}");
    }
    for code in ["VpcLimitExceeded", "UnauthorizedOperation", "InvalidParameterValue"] {
        assert_eq!(refused(code, 1.0).await, (false, false), "{code}");
    }
}

/// The action of the next plan after so many describes that do not show the object.
async fn action_when_blind_for(describes: u32, limits: Limits) -> Action {
    let (_, graph) = &kinds_that_duplicate()[1];
    let account = Account::new(Ec2::default());
    assert!(account.up(graph).await.complete());
    let account = Account { limits, ..account };
    {
        let mut ec2 = account.ec2.lock().unwrap();
        ec2.blind = ec2.describes + describes;
    }
    account.plan(graph).await.steps.values().next().unwrap().action
}

#[tokio::test]
async fn a_young_object_is_not_called_gone_before_all_of_aws_may_know_of_it() {
    let limits = Limits { pace: 0.001, young: Duration::from_secs(5), ..Limits::FAKE };
    assert_eq!(action_when_blind_for(20, limits).await, Action::Keep);
}

#[tokio::test]
async fn an_old_object_is_gone_when_two_readings_agree_and_not_before() {
    let limits = Limits { second_reading: Duration::from_millis(1), ..Limits::FAKE };
    assert_eq!(action_when_blind_for(1, limits).await, Action::Keep);
    assert_eq!(action_when_blind_for(2, limits).await, Action::Create);
}
