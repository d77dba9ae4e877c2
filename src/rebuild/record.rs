//! One object's reading as its record.

use super::{Evidence, Role};
use crate::aws::tags;
use crate::model::input::is_known;
use crate::model::{Address, Edge, Keep, Node};
use crate::resource::{Id, Kind, Phase, Tags};
use crate::state::{Intent, Recorded, State, Verb};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What is known of a desired object besides its reading.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The node.
    pub node: &'a Node,
    /// Its inputs with every known output in place.
    pub want: &'a Value,
    /// The tags that it should carry; of the incarnation nothing is taken.
    pub tags: &'a Tags,
}

/// An object that is about to be put on record.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// Which resource.
    pub address: Address,
    /// The object.
    pub evidence: Evidence,
    /// Older incarnations of it.
    pub deposed: Vec<Id>,
    /// When this is.
    pub now: jiff::Timestamp,
}

impl Draft {
    /// Puts it on record: as a record if others can use it, as an interrupted create if not. Adds to `loose` what it refers to
    /// besides what the config says.
    pub fn enter(self, kind: &dyn Kind, known: Option<Known<'_>>, state: &mut State, loose: &mut Loose) -> Role {
        let Self { address, evidence: Evidence { sighting, observed }, deposed, now } = self;
        let believed = known.filter(|known| kind.unread_is(known.want, &observed));
        let mut referred = BTreeSet::new();
        let want = known.map(|known| known.want);
        let inputs = inputs(kind, want, believed.is_some(), &observed.inputs, &mut referred);
        loose.insert(address.clone(), referred);
        let live_tags = observed.tags.unwrap_or(sighting.tags);
        let token = live_tags.get(tags::INCARNATION).filter(|token| !token.is_empty()).cloned();
        let token = token.unwrap_or_else(|| state.next_token(&address));
        let tags = recorded_tags(known.map(|known| known.tags), live_tags, &token, kind.spec().tagged);
        let node = known.map(|known| known.node);
        let after = node.map(|node| node.after.clone()).unwrap_or_default();
        let intent = |verb: Verb, deposed: Vec<Id>, inputs: Value| Intent {
            verb,
            token: token.clone(),
            inputs,
            after: after.clone(),
            keep: node.map(|node| node.keep.clone()).unwrap_or_default(),
            holds_data: node.is_some_and(|node| node.holds_data),
            id: Some(sighting.id.clone()),
            deposed,
            since: now,
        };
        if observed.outputs.is_none() && believed.is_some() && is_known(&inputs) {
            state.intents.insert(address, intent(Verb::Create, deposed, inputs));
            return Role::Unfinished;
        }
        let moving = matches!(observed.phase, Phase::Usable(_) | Phase::Settling(_));
        if moving && node.is_some() {
            state.intents.insert(address.clone(), intent(Verb::Update, vec![], inputs.clone()));
        }
        let recorded = Recorded {
            id: sighting.id,
            token,
            made: sighting.made,
            inputs,
            outputs: observed.outputs.unwrap_or_default(),
            tags,
            after,
            keep: node.map(|node| node.keep.clone()).unwrap_or(Keep::Never),
            holds_data: node.is_some_and(|node| node.holds_data),
            deposed,
        };
        state.resources.insert(address, recorded);
        Role::Current
    }
}

/// As last applied: what is wanted, where the object is as wanted or nobody can tell; what it is, where it differs.
fn inputs(
    kind: &dyn Kind,
    want: Option<&Value>,
    believed: bool,
    live: &Value,
    referred: &mut BTreeSet<String>,
) -> Value {
    let mut inputs = live.clone();
    for field in kind.fields() {
        let live = &live[field.name];
        let as_wanted =
            |want: &&Value| is_known(want) && if field.unread { believed } else { field.satisfied(want, live) };
        match want.map(|want| &want[field.name]).filter(as_wanted) {
            Some(want) => inputs[field.name] = want.clone(),
            None => texts(live, &mut |text| referred.extend([text.to_owned()])),
        }
    }
    inputs
}

/// Only tags that the config wants are known to be ours: others may be anybody's. What cannot carry tags has them on record.
fn recorded_tags(wanted: Option<&Tags>, live: Tags, token: &str, tagged: bool) -> Tags {
    let Some(wanted) = wanted else {
        return live.into_iter().filter(|(key, _)| key.starts_with("hybridctl:") || key == "Name").collect();
    };
    let mut wanted = wanted.clone();
    wanted.insert(tags::INCARNATION.to_owned(), token.to_owned());
    if !tagged {
        return wanted;
    }
    let there = |key: &String| live.get(key).map(|value| (key.clone(), value.clone()));
    wanted.keys().filter_map(there).collect()
}

/// Ids, among other texts, in the fields of an object that are not as the config says.
pub type Loose = BTreeMap<Address, BTreeSet<String>>;

/// Adds edges for what objects refer to besides what the config says: of an object of an older config, or of one that still
/// refers to a predecessor. Deletes follow these edges.
pub fn infer_edges(state: &mut State, loose: &Loose) {
    let mut owners: BTreeMap<Id, BTreeSet<Address>> = BTreeMap::new();
    for (address, recorded) in &state.resources {
        for id in recorded.deposed.iter().chain([&recorded.id]) {
            owners.entry(id.clone()).or_default().insert(address.clone());
        }
    }
    // A name that several kinds share says nothing.
    owners.retain(|_, owners| owners.len() == 1);
    for (user, texts) in loose {
        for used in texts.iter().filter_map(|text| owners.get(&Id::from(text.as_str()))).flatten() {
            let cycle = comes_after(state, used, user);
            if let (Some(recorded), false) = (state.resources.get_mut(user), cycle) {
                recorded.after.entry(used.clone()).or_insert(Edge::USES);
            }
        }
    }
}

/// True if `user` comes after `used`, directly or through others.
fn comes_after(state: &State, user: &Address, used: &Address) -> bool {
    let (mut open, mut seen) = (vec![user], BTreeSet::new());
    while let Some(next) = open.pop() {
        if next == used {
            return true;
        }
        if seen.insert(next) {
            open.extend(state.resources.get(next).into_iter().flat_map(|recorded| recorded.after.keys()));
        }
    }
    false
}

/// Every text in a value.
pub fn texts(value: &Value, found: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => found(text),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(map) => map.values().for_each(|item| texts(item, found)),
        _ => {}
    }
}
