//! The planner's decision table, one test a row: what is wanted, on record, and seen; and the step that follows.

use hybridctl::aws::ec2::subnet::Subnet;
use hybridctl::aws::ec2::vpc::Vpc;
use hybridctl::aws::{kinds, tags};
use hybridctl::model::{Address, Graph, Keep};
use hybridctl::plan::{Action, Given, Observations, Plan, Problem, Reason, Seen, Step, plan};
use hybridctl::resource::{Consents, Effect, Id, Observed, Phase, Tags};
use hybridctl::state::{Intent, Recorded, State, Verb};
use serde_json::{Value, json};
use uuid::Uuid;

const TOKEN: &str = "token-1";

/// One row: everything that the planner is given.
struct Row {
    desired: Graph,
    state: State,
    seen: Observations,
    consents: Consents,
}

fn main() -> Address {
    Address::new("ec2.vpc", "main")
}

/// `hostnames` changes in place, `cidr` does not.
fn inputs(cidr: &str, hostnames: bool) -> Value {
    json!({ "cidr_block": cidr, "enable_dns_support": true, "enable_dns_hostnames": hostnames })
}

fn usual() -> Value {
    inputs("10.0.0.0/16", true)
}

impl Row {
    fn wanted() -> Self {
        let mut row = Self::unwanted();
        let vpc = Vpc { cidr_block: "10.0.0.0/16".into(), enable_dns_support: true, enable_dns_hostnames: true };
        row.desired.add("main", vpc);
        row
    }

    fn unwanted() -> Self {
        Self {
            desired: Graph::new("t"),
            state: State::new("t", Uuid::from_u128(7)),
            seen: Observations::default(),
            consents: Consents::default(),
        }
    }

    fn tags(&self, address: &Address) -> Tags {
        let label = format!("t-{}", address.name);
        tags::wanted("t", self.state.lineage, address, TOKEN, &label, &Tags::new())
    }

    fn recorded(mut self, inputs: Value) -> Self {
        let recorded = self.record(&main(), "vpc-1", inputs, json!({ "vpc_id": "vpc-1" }));
        self.state.resources.insert(main(), recorded);
        self
    }

    fn record(&self, address: &Address, id: &str, inputs: Value, outputs: Value) -> Recorded {
        Recorded {
            id: id.into(),
            token: TOKEN.into(),
            made: None,
            inputs,
            outputs,
            tags: self.tags(address),
            after: self.desired.nodes.get(address).map(|node| node.after.clone()).unwrap_or_default(),
            keep: Keep::Never,
            holds_data: false,
            deposed: vec![],
        }
    }

    fn intent(mut self, verb: Verb) -> Self {
        let intent = Intent {
            verb,
            token: TOKEN.into(),
            inputs: usual(),
            after: [].into(),
            keep: Default::default(),
            holds_data: false,
            id: None,
            deposed: vec![],
            since: jiff::Timestamp::UNIX_EPOCH,
        };
        self.state.intents.insert(main(), intent);
        self
    }

    fn observed(&self, inputs: Value, phase: Phase) -> Seen {
        let (outputs, tags) = (Some(json!({ "vpc_id": "vpc-1" })), Some(self.tags(&main())));
        Seen::Live("vpc-1".into(), Observed { inputs, outputs, phase, tags, detail: None })
    }

    fn live(self, inputs: Value) -> Self {
        self.in_phase(inputs, Phase::Ready)
    }

    fn in_phase(self, inputs: Value, phase: Phase) -> Self {
        let seen = self.observed(inputs, phase);
        self.seen(seen)
    }

    fn seen(mut self, seen: Seen) -> Self {
        self.seen.seen.insert(main(), seen);
        self
    }

    fn holding_data(mut self) -> Self {
        if self.desired.nodes.contains_key(&main()) {
            self.desired.holds_data(&main());
        }
        if let Some(recorded) = self.state.resources.get_mut(&main()) {
            recorded.holds_data = true;
        }
        self
    }

    fn may_lose_data(mut self) -> Self {
        self.consents.data_loss.insert(main());
        self
    }

    fn plan(&self) -> Result<Plan, Vec<Problem>> {
        let (kinds, user_tags) = (kinds(), Tags::new());
        let Self { desired, state, seen, consents } = self;
        plan(&Given { desired, recorded: state, seen, kinds: &kinds, user_tags: &user_tags, consents })
    }

    #[track_caller]
    fn step(&self) -> Step {
        self.plan().unwrap().steps[&main()].clone()
    }

    #[track_caller]
    fn gives(&self, action: Action, reason: Reason) -> Step {
        let step = self.step();
        assert_eq!((step.action, &step.reason), (action, &reason));
        step
    }

    #[track_caller]
    fn refused(&self) -> Problem {
        let problems = self.plan().unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
        problems[0].clone()
    }
}

fn fields(step: &Step) -> Vec<(&str, Effect, bool)> {
    step.changes.iter().map(|change| (change.field.as_str(), change.effect, change.drift)).collect()
}

#[test]
fn what_does_not_exist_is_created() {
    let step = Row::wanted().seen(Seen::Gone).gives(Action::Create, Reason::New);
    assert_eq!(step.id, None);
}

#[test]
fn what_is_ours_without_a_record_is_adopted_and_changed_where_it_differs() {
    let step = Row::wanted().live(usual()).gives(Action::Adopt, Reason::FoundByTags);
    assert_eq!((step.id, step.changes.len()), (Some("vpc-1".into()), 1), "only the incarnation tag is new");
    let step = Row::wanted().live(inputs("10.0.0.0/16", false)).gives(Action::Adopt, Reason::FoundByTags);
    assert_eq!(fields(&step)[0], ("enable_dns_hostnames", Effect::Update, false));
}

#[test]
fn a_strangers_object_stops_the_plan_and_is_named() {
    let whose = "the VPC `x` exists already: it was not made by hybridctl";
    let problem = Row::wanted().seen(Seen::Foreign(whose.into())).refused();
    assert_eq!(problem, Problem::Foreign { address: main(), whose: whose.into() });
    assert!(problem.to_string().contains("ec2.vpc/main") && problem.to_string().contains(whose));
}

#[test]
fn a_key_that_is_not_known_yet_is_looked_up_at_apply() {
    Row::wanted().seen(Seen::Unknown).gives(Action::Create, Reason::LookedUpAtApply);
}

#[test]
fn what_was_deleted_outside_is_made_again_unless_it_held_data() {
    let row = || Row::wanted().recorded(usual()).seen(Seen::Gone);
    row().gives(Action::Create, Reason::DeletedOutside);
    let problem = row().holding_data().refused();
    assert_eq!(problem, Problem::DataGone { address: main(), id: "vpc-1".into(), restored_by: None });
    row().holding_data().may_lose_data().gives(Action::Create, Reason::DeletedOutside);
}

#[test]
fn a_database_that_is_gone_is_made_again_only_from_a_snapshot() {
    let template = crate::support::templates::graph("quickstart", |text| text);
    let database = Address::new("rds.instance", "main");
    let row = |snapshot: Value| {
        let mut row = Row::unwanted();
        let mut node = template.nodes[&database].clone();
        node.inputs["restore_from"] = snapshot;
        let mut recorded = row.record(&database, "db", node.inputs.clone(), json!({}));
        recorded.holds_data = true;
        node.after.clear();
        row.desired.nodes.insert(database.clone(), node);
        row.state.resources.insert(database.clone(), recorded);
        row.seen.seen.insert(database.clone(), Seen::Gone);
        row
    };
    let problem = row(Value::Null).refused();
    let gone = Problem::DataGone { address: database.clone(), id: "db".into(), restored_by: Some("restore_from") };
    assert_eq!(problem, gone);
    let plan = row(json!("snapshot-1")).plan().unwrap();
    assert_eq!(plan.steps[&database].action, Action::Create);
}

#[test]
fn what_is_as_wanted_is_kept() {
    let step = Row::wanted().recorded(usual()).live(usual()).gives(Action::Keep, Reason::Unchanged);
    assert!(!step.acts());
}

#[test]
fn a_difference_that_can_be_changed_in_place_is_and_says_whose_it_is() {
    let other = || inputs("10.0.0.0/16", false);
    let step = Row::wanted().recorded(usual()).live(other()).gives(Action::Update, Reason::Drift);
    assert_eq!(fields(&step), [("enable_dns_hostnames", Effect::Update, true)]);
    let step = Row::wanted().recorded(other()).live(other()).gives(Action::Update, Reason::Config);
    assert_eq!(fields(&step), [("enable_dns_hostnames", Effect::Update, false)]);
}

#[test]
fn a_difference_that_cannot_be_changed_in_place_replaces_unless_it_held_data() {
    let other = || inputs("10.9.0.0/16", true);
    let row = || Row::wanted().recorded(other()).live(other());
    let step = row().gives(Action::Replace, Reason::Config);
    assert_eq!(fields(&step), [("cidr_block", Effect::Replace, false)]);
    let problem = row().holding_data().refused();
    assert_eq!(problem, Problem::DataReplaced { address: main(), fields: "cidr_block".into() });
    row().holding_data().may_lose_data().gives(Action::Replace, Reason::Config);
}

#[test]
fn what_has_failed_is_replaced_unless_it_held_data() {
    let row = || Row::wanted().recorded(usual()).in_phase(usual(), Phase::Failed("broken".into()));
    row().gives(Action::Replace, Reason::Failed("broken".into()));
    let problem = row().holding_data().refused();
    assert_eq!(problem, Problem::DataFailed { address: main(), word: "broken".into() });
    row().holding_data().may_lose_data().gives(Action::Replace, Reason::Failed("broken".into()));
}

#[test]
fn a_refused_change_leaves_the_object_to_be_compared_as_it_is() {
    let refused = || Phase::Refused("rolled back".into());
    Row::wanted().recorded(usual()).in_phase(usual(), refused()).gives(Action::Keep, Reason::Unchanged);
    let other = inputs("10.0.0.0/16", false);
    Row::wanted().recorded(usual()).in_phase(other, refused()).gives(Action::Update, Reason::Drift);
}

#[test]
fn what_is_being_deleted_counts_as_gone() {
    let row = Row::wanted().recorded(usual()).in_phase(usual(), Phase::Deleting("deleting".into()));
    row.gives(Action::Create, Reason::DeletedOutside);
}

#[test]
fn what_can_be_brought_back_is_adopted_after_restoring_on_record_or_not() {
    for row in [Row::wanted(), Row::wanted().recorded(usual()).holding_data()] {
        let step = row.seen(Seen::Restorable("vpc-1".into())).gives(Action::Adopt, Reason::Restored);
        assert!(step.restore);
        assert_eq!(step.id, Some(Id::from("vpc-1")));
    }
}

#[test]
fn what_is_not_wanted_any_more_is_deleted_unless_it_held_data() {
    let row = || Row::unwanted().recorded(usual()).live(usual());
    let step = row().gives(Action::Delete, Reason::NotWanted);
    assert!(!step.release);
    assert_eq!(row().holding_data().refused(), Problem::DataDeleted { address: main() });
    row().holding_data().may_lose_data().gives(Action::Delete, Reason::NotWanted);
}

#[test]
fn what_is_to_be_kept_stays_with_its_reason_and_its_record() {
    let mut row = Row::unwanted().recorded(usual()).live(usual());
    row.state.resources.get_mut(&main()).unwrap().keep = Keep::Always("it is precious".into());
    let step = row.gives(Action::Retain, Reason::Kept("it is precious".into()));
    assert!(!step.acts());
}

#[test]
fn protection_is_lifted_before_a_delete_only_with_consent() {
    let database = Address::new("rds.instance", "main");
    let mut row = Row::unwanted();
    let inputs = json!({ "deletion_protection": true });
    let recorded = row.record(&database, "db", inputs.clone(), json!({}));
    row.state.resources.insert(database.clone(), recorded);
    let observed = Observed { inputs, outputs: None, phase: Phase::Ready, tags: None, detail: None };
    row.seen.seen.insert(database.clone(), Seen::Live("db".into(), observed));
    assert_eq!(row.refused(), Problem::Protected { address: database.clone() });
    row.consents.disable_protection = true;
    let step = row.plan().unwrap().steps[&database].clone();
    assert_eq!((step.action, step.release), (Action::Delete, true));
}

#[test]
fn what_is_neither_wanted_nor_there_is_forgotten() {
    Row::unwanted().recorded(usual()).seen(Seen::Gone).gives(Action::Forget, Reason::DeletedOutside);
    let held = Row::unwanted().recorded(usual()).holding_data().seen(Seen::Gone);
    held.gives(Action::Forget, Reason::DeletedOutside);
}

#[test]
fn what_the_account_shares_is_only_forgotten() {
    let role = Address::new("iam.service_linked_role", "ecs");
    let mut row = Row::unwanted();
    let inputs = json!({ "service": "ecs.amazonaws.com" });
    let recorded = row.record(&role, "ecs.amazonaws.com", inputs.clone(), json!({}));
    row.state.resources.insert(role.clone(), recorded);
    let observed = Observed { inputs, outputs: None, phase: Phase::Ready, tags: None, detail: None };
    row.seen.seen.insert(role.clone(), Seen::Live("ecs.amazonaws.com".into(), observed));
    let step = row.plan().unwrap().steps[&role].clone();
    assert_eq!((step.action, step.reason), (Action::Forget, Reason::NotOurs));
}

#[test]
fn an_interrupted_create_is_taken_up_where_it_stopped() {
    let mut row = Row::wanted().intent(Verb::Create);
    let made = row.observed(usual(), Phase::Ready);
    row.seen.pending.insert(main(), made);
    let step = row.gives(Action::Adopt, Reason::Interrupted);
    assert_eq!((step.id, step.changes), (Some("vpc-1".into()), vec![]));
    let mut row = Row::wanted().intent(Verb::Create).seen(Seen::Gone);
    row.seen.pending.insert(main(), Seen::Gone);
    row.gives(Action::Create, Reason::New);
}

#[test]
fn an_interrupted_replacement_makes_the_new_object_current_and_deletes_the_recorded_one() {
    let mut row = Row::wanted().recorded(inputs("10.9.0.0/16", true)).intent(Verb::Create);
    row.state.resources.get_mut(&main()).unwrap().id = "vpc-0".into();
    let made = row.observed(usual(), Phase::Ready);
    row.seen.pending.insert(main(), made);
    let step = row.gives(Action::Adopt, Reason::Interrupted);
    assert_eq!((step.id, step.deposed), (Some("vpc-1".into()), ["vpc-0".into()].into()));
}

#[test]
fn an_interrupted_change_and_an_interrupted_delete_are_gone_on_with() {
    let row = Row::wanted().recorded(usual()).live(usual()).intent(Verb::Update);
    row.gives(Action::Update, Reason::Interrupted);
    // The consent was given to the run that began the delete.
    let row = Row::wanted().recorded(usual()).holding_data().seen(Seen::Gone).intent(Verb::Delete);
    row.gives(Action::Create, Reason::Interrupted);
}

/// vpc ← subnet
fn pair(recorded_cidr: &str, live_hostnames: bool) -> Plan {
    let subnet = Address::new("ec2.subnet", "a");
    let live = inputs(recorded_cidr, live_hostnames);
    let mut row = Row::wanted().recorded(inputs(recorded_cidr, true)).live(live);
    let vpc = hybridctl::model::Handle::<Vpc>::to("main");
    let wanted = Subnet {
        vpc_id: vpc.vpc_id().into(),
        cidr_block: "10.0.1.0/24".into(),
        availability_zone: "a".into(),
        map_public_ip_on_launch: false,
    };
    row.desired.add("a", wanted);
    let inputs = json!({ "vpc_id": "vpc-1", "cidr_block": "10.0.1.0/24", "availability_zone": "a", "map_public_ip_on_launch": false });
    let recorded = row.record(&subnet, "subnet-1", inputs.clone(), json!({ "subnet_id": "subnet-1" }));
    let observed = Observed {
        inputs,
        outputs: Some(recorded.outputs.clone()),
        phase: Phase::Ready,
        tags: Some(recorded.tags.clone()),
        detail: None,
    };
    row.state.resources.insert(subnet.clone(), recorded);
    row.seen.seen.insert(subnet, Seen::Live("subnet-1".into(), observed));
    row.plan().unwrap()
}

#[test]
fn an_input_is_unknown_only_if_its_producer_is_made_anew() {
    let subnet = Address::new("ec2.subnet", "a");
    let actions = |plan: &Plan| (plan.steps[&main()].action, plan.steps[&subnet].action);
    assert_eq!(actions(&pair("10.0.0.0/16", true)), (Action::Keep, Action::Keep));
    assert_eq!(actions(&pair("10.0.0.0/16", false)), (Action::Update, Action::Keep));
    let plan = pair("10.9.0.0/16", true);
    assert_eq!(actions(&plan), (Action::Replace, Action::Replace));
    assert_eq!(fields(&plan.steps[&subnet]), [("vpc_id", Effect::Replace, false)]);
}

/// What was only begun may be the last copy of something, unless it came to nothing.
#[test]
fn what_is_kept_and_known_by_its_intent_alone_is_put_on_record_or_was_never_whole() {
    let begun = |phase: Phase| {
        let mut row = Row::unwanted().intent(Verb::Create);
        let intent = row.state.intents.get_mut(&main()).unwrap();
        (intent.id, intent.holds_data) = (Some("vpc-1".into()), true);
        intent.keep = Keep::Always("it is the last copy".into());
        let seen = row.observed(usual(), phase);
        row.seen.pending.insert(main(), seen);
        row.step()
    };
    for phase in [Phase::Ready, Phase::Settling("creating".into())] {
        let step = begun(phase);
        assert_eq!((step.action, step.inputs), (Action::Adopt, usual()));
        assert_eq!(step.label, "t-main", "its tags stay as they are");
    }
    assert_eq!(begun(Phase::Failed("failed".into())).action, Action::Delete);
}
