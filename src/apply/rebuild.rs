//! Reading everything that a lost record needs to be made again. Nothing is changed.

use super::Engine;
use super::probe::looking;
use crate::aws::survey::{self, Search, Sighting};
use crate::aws::tags;
use crate::model::input::substitute;
use crate::model::{Address, Graph, OutputRef};
use crate::plan::order;
use crate::rebuild::{
    Chosen, Draft, Evidence, FoundObject, How, Known, Loose, Rebuilt, Role, choose, infer_edges, texts,
};
use crate::resource::{Error, Found, Id, Life, Result, Tags};
use crate::state::{State, StateStore};
use futures_util::future::join_all;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

impl<S: StateStore> Engine<'_, S> {
    /// Everything that carries the tags of this deployment, whichever state document it belongs to.
    ///
    /// # Errors
    /// The first call's.
    pub async fn survey(&self, search: &Search<'_>) -> Result<Vec<Sighting>> {
        survey::survey(self.aws, search).await
    }

    /// Reads what was sighted of the lineage of `state`. What is gone although its tags are still shown is left out.
    ///
    /// # Errors
    /// The first call's.
    pub async fn read_sighted(&self, state: &State, sightings: &[Sighting]) -> Result<Vec<Evidence>> {
        let lineage = state.lineage.to_string();
        let ours = sightings.iter().filter(|sighting| sighting.lineage() == lineage && !sighting.deleted);
        let read = join_all(ours.map(async |sighting| {
            let observed = self.look_at(state, &sighting.address, &sighting.id).await?;
            Ok(observed.map(|observed| Evidence { sighting: sighting.clone(), observed }))
        }))
        .await;
        Ok(read.into_iter().collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
    }

    /// Makes the record again. `blank` is an empty document of the lineage; `graph` tells what the config wants, given what is on
    /// record: what exists decides some of it (to which version the database was migrated).
    ///
    /// # Errors
    /// The first call's; terminal, if an object is of a kind that this version does not know.
    pub async fn rebuild(
        &self,
        blank: &State,
        evidence: &[Evidence],
        graph: impl Fn(&State) -> Graph,
    ) -> Result<Rebuilt> {
        let first = graph(blank);
        let rebuilt = self.rebuild_towards(blank, evidence, &first).await?;
        let second = graph(&rebuilt.state);
        if second == first { Ok(rebuilt) } else { self.rebuild_towards(blank, evidence, &second).await }
    }

    async fn rebuild_towards(&self, blank: &State, evidence: &[Evidence], graph: &Graph) -> Result<Rebuilt> {
        let mut work = Work {
            engine: self,
            rebuilt: Rebuilt { state: blank.clone(), found: vec![], believed: vec![], foreign: vec![] },
            sighted: BTreeMap::new(),
            used: referred_to(evidence),
            loose: Loose::new(),
        };
        for one in evidence {
            work.sighted.entry(one.sighting.address.clone()).or_default().push(one.clone());
        }
        let graph = with_earlier_snapshots(graph, evidence);
        let order =
            order::topological(&graph).map_err(|at| Error::bug(format!("the graph has a cycle through {at}")))?;
        for address in &order {
            work.desired(&graph, address).await?;
        }
        for address in work.sighted.keys().cloned().collect::<Vec<_>>() {
            work.undesired(&address)?;
        }
        infer_edges(&mut work.rebuilt.state, &work.loose);
        work.rebuilt.found.sort_by(|a, b| (&a.address, &a.id).cmp(&(&b.address, &b.id)));
        Ok(work.rebuilt)
    }
}

/// Snapshots are wanted by no config: why they are kept follows from their names.
fn with_earlier_snapshots(graph: &Graph, evidence: &[Evidence]) -> Graph {
    let mut graph = graph.clone();
    for Evidence { sighting, observed } in evidence {
        if !graph.nodes.contains_key(&sighting.address) {
            crate::stack::add_earlier_snapshot(&mut graph, &sighting.address, &observed.inputs);
        }
    }
    graph
}

struct Work<'w, 'a, S> {
    engine: &'w Engine<'a, S>,
    rebuilt: Rebuilt,
    /// By address; what is decided is taken out.
    sighted: BTreeMap<Address, Vec<Evidence>>,
    /// Every text in the inputs of what was read.
    used: BTreeSet<String>,
    loose: Loose,
}

impl<S: StateStore> Work<'_, '_, S> {
    async fn desired(&mut self, graph: &Graph, address: &Address) -> Result<()> {
        let node = &graph.nodes[address];
        let kind = self.engine.kinds.get(&address.kind)?;
        let want = self.resolve(&node.inputs);
        let want = kind.canonical(&want)?;
        let sighted = self.sighted.remove(address).unwrap_or_default();
        let (candidates, how) = match sighted.is_empty() {
            true => (self.find(address, &node.label, &want).await?, How::Key),
            false => (sighted, How::Tags),
        };
        let in_use = |id: &Id| self.used.contains(id.as_str());
        let Some(Chosen { current, others }) = choose(candidates, kind, Some(&want), in_use) else {
            return Ok(());
        };
        let State { deployment, lineage, .. } = &self.rebuilt.state;
        let tags = tags::wanted(deployment, *lineage, address, "", &node.label, self.engine.user_tags);
        let known = Known { node, want: &want, tags: &tags };
        self.enter(address, current, others, how, Some(known))
    }

    /// Of an older config.
    fn undesired(&mut self, address: &Address) -> Result<()> {
        let kind = self.engine.kinds.get(&address.kind)?;
        let candidates = self.sighted.remove(address).unwrap_or_default();
        let in_use = |id: &Id| self.used.contains(id.as_str());
        let Some(Chosen { current, others }) = choose(candidates, kind, None, in_use) else { return Ok(()) };
        self.enter(address, current, others, How::Tags, None)
    }

    fn enter(
        &mut self,
        address: &Address,
        current: Evidence,
        others: Vec<Id>,
        how: How,
        known: Option<Known<'_>>,
    ) -> Result<()> {
        let kind = self.engine.kinds.get(&address.kind)?;
        // A copy of a database carries its tags too: what holds data is never called a predecessor that may go.
        let holds_data = known.is_some_and(|known| known.node.holds_data);
        let (deposed, left_out) = match kind.spec().life {
            // An earlier run of a task is nobody's to delete.
            Life::Parent | Life::Account => (vec![], vec![]),
            Life::Own if holds_data => (vec![], others),
            Life::Own => (others, vec![]),
        };
        let id = current.sighting.id.clone();
        let mut tell = |id: Id, role| {
            self.rebuilt.found.push(FoundObject { address: address.clone(), id, how, role });
        };
        deposed.iter().for_each(|id| tell(id.clone(), Role::Replaced));
        left_out.into_iter().for_each(|id| tell(id, Role::LeftOut));
        if let Some(known) = known.filter(|known| kind.unread_is(known.want, &current.observed)) {
            let told = kind.fields().iter().filter(|field| field.unread && !known.want[field.name].is_null());
            self.rebuilt.believed.extend(told.map(|field| (address.clone(), field.name)));
        }
        let draft = Draft { address: address.clone(), evidence: current, deposed, now: jiff::Timestamp::now() };
        let role = draft.enter(kind, known, &mut self.rebuilt.state, &mut self.loose);
        self.rebuilt.found.push(FoundObject { address: address.clone(), id, how, role });
        Ok(())
    }

    async fn find(&mut self, address: &Address, label: &str, want: &Value) -> Result<Vec<Evidence>> {
        let engine = self.engine;
        let kind = engine.kinds.get(&address.kind)?;
        let mut around = looking(&self.rebuilt.state, address, "", None, vec![]);
        label.clone_into(&mut around.label);
        let found = engine.aws.patiently(async || kind.find(&engine.scope(&around, &|_| {}), want).await).await;
        let id = match found {
            Ok(Found::Ours(id)) => id,
            Ok(Found::Foreign(whose)) => {
                self.rebuilt.foreign.push((address.clone(), whose));
                return Ok(vec![]);
            }
            Ok(Found::None | Found::Restorable(_)) => return Ok(vec![]),
            // Part of its key is an output of something that is not there.
            Err(error) if error.is(crate::resource::error::UNRESOLVED) => return Ok(vec![]),
            Err(error) => return Err(error),
        };
        let observed = engine.look_at(&self.rebuilt.state, address, &id).await?;
        let sighting = Sighting { address: address.clone(), id, tags: Tags::new(), made: None, deleted: false };
        Ok(observed.map(|observed| Evidence { sighting, observed }).into_iter().collect())
    }

    /// Outputs of what is on record by now, unfinished objects included.
    fn resolve(&self, inputs: &Value) -> Value {
        substitute(inputs, &|reference: &OutputRef| {
            let recorded = self.rebuilt.state.resources.get(&reference.address)?;
            recorded.outputs.get(&reference.output).filter(|value| !value.is_null()).cloned()
        })
    }
}

fn referred_to(evidence: &[Evidence]) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for one in evidence {
        texts(&one.observed.inputs, &mut |text| used.extend([text.to_owned()]));
    }
    used
}
