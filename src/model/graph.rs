//! The desired deployment: nodes with inputs, and edges that say what needs what.
//!
//! Most edges are found by walking the inputs for outputs of other nodes. The rest ("a task cannot start without a route
//! to the internet") are declared with [`Graph::add_after`].

use super::input::references;
use super::{Address, Output, OutputRef};
use crate::resource::Resource;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::marker::PhantomData;

/// How far the other resource must have come before this one may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// Its outputs are known; it may still be settling.
    Usable,
    /// It is finished.
    Settled,
    /// It has been deleted (a final snapshot is taken when the service is gone).
    Gone,
}

/// Which way round two resources are deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDelete {
    /// The user goes first, then what it used: the usual way.
    Reversed,
    /// What was used goes first as well (listeners are deleted before the service that was made after them).
    Same,
}

/// One dependency: what is needed of the other node, and the order of their deletes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// How far the other node must have come.
    pub need: Need,
    /// Which of the two is deleted first.
    pub on_delete: OnDelete,
    /// True if a value of the other is used: then the other cannot go while this one stays. Order-only edges hold nothing.
    pub uses: bool,
}

impl Edge {
    /// Uses a value of the other, which has settled by then; deleted before it.
    pub const USES: Self = Self { need: Need::Settled, on_delete: OnDelete::Reversed, uses: true };
    /// Order only: waits until the other is settled; deleted before it.
    pub const SETTLED: Self = Self { need: Need::Settled, on_delete: OnDelete::Reversed, uses: false };
    /// Order only: waits until the other is settled; deleted after it.
    pub const SETTLED_SAME: Self = Self { need: Need::Settled, on_delete: OnDelete::Same, uses: false };
    /// Order only: made after the other has been deleted.
    pub const GONE: Self = Self { need: Need::Gone, on_delete: OnDelete::Reversed, uses: false };
}

/// What `destroy`, or dropping the node from the config, leaves alone, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// It is deleted.
    #[default]
    Never,
    /// It is kept, for this reason.
    Always(String),
    /// It is kept as long as a snapshot of this database is on record.
    WhileSnapshotOf(Address),
}

/// One desired resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The desired resource, serialised; references stand for values that are not known yet.
    pub inputs: Value,
    /// What this node comes after.
    pub after: BTreeMap<Address, Edge>,
    /// True if losing the object loses data: it is never replaced or started empty without consent.
    pub holds_data: bool,
    /// What `destroy` does with it.
    pub keep: Keep,
    /// The step of the deployment guide that asks for it, for example `step 1` or `implied by step 1`.
    pub guide: &'static str,
    /// The `Name` tag, for example `zenml-hybrid-private-a`.
    pub label: String,
}

/// Everything that should exist, by address.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Graph {
    /// The nodes in address order.
    pub nodes: BTreeMap<Address, Node>,
    /// Prefix of every `Name` tag: the deployment's name.
    pub deployment: String,
    guide: &'static str,
}

/// What [`Graph::add`] gives back. Each kind's file adds a method per output.
#[derive(Debug)]
pub struct Handle<R> {
    /// Where the resource stands.
    pub address: Address,
    of: PhantomData<fn() -> R>,
}

impl<R> Clone for Handle<R> {
    fn clone(&self) -> Self {
        Self { address: self.address.clone(), of: PhantomData }
    }
}

impl<R: Resource> Handle<R> {
    /// A handle on the resource of this kind with this name, without adding it.
    pub fn to(name: &str) -> Self {
        Self { address: Address::new(R::KIND, name), of: PhantomData }
    }

    /// The output of this name. Kinds wrap it in a method that fixes name and type.
    pub fn output<T>(&self, name: &str) -> Output<T> {
        debug_assert!(R::outputs().contains(&name), "{} has no output `{name}`", R::KIND);
        Output::new(OutputRef { address: self.address.clone(), output: name.to_owned() })
    }
}

impl Graph {
    /// An empty graph of this deployment.
    pub fn new(deployment: &str) -> Self {
        Self { deployment: deployment.to_owned(), ..Self::default() }
    }

    /// Nodes added from here on belong to this step of the guide.
    pub fn guide(&mut self, step: &'static str) {
        self.guide = step;
    }

    /// Adds a resource. Its dependencies follow from the outputs that it uses.
    ///
    /// # Panics
    /// If the address is taken: two resources of one kind with one name are a mistake in `stack/`.
    pub fn add<R: Resource>(&mut self, name: &str, want: R) -> Handle<R> {
        let handle = Handle::<R>::to(name);
        let inputs = serde_json::to_value(want).expect("because inputs are plain data with string keys");
        let mut after = BTreeMap::new();
        references(&inputs, &mut |reference| {
            after.insert(reference.address, Edge::USES);
        });
        let node = Node {
            inputs,
            after,
            holds_data: false,
            keep: Keep::Never,
            guide: self.guide,
            label: format!("{}-{}", self.deployment, name),
        };
        let taken = self.nodes.insert(handle.address.clone(), node);
        assert!(taken.is_none(), "{} is declared twice", handle.address);
        handle
    }

    /// Adds an order-only edge: `user` comes after `used` although it takes no value from it.
    pub fn add_after(&mut self, user: &Address, used: &Address, edge: Edge) {
        let uses = self.node_mut(user).after.get(used).is_some_and(|edge| edge.uses);
        self.node_mut(user).after.insert(used.clone(), Edge { uses: uses || edge.uses, ..edge });
    }

    /// Weakens an existing edge: `user` needs only the outputs of `used`, not that it has settled.
    pub fn usable_is_enough(&mut self, user: &Address, used: &Address) {
        if let Some(edge) = self.node_mut(user).after.get_mut(used) {
            edge.need = Need::Usable;
        }
    }

    /// Marks the node as holding data.
    pub fn holds_data(&mut self, address: &Address) {
        self.node_mut(address).holds_data = true;
    }

    /// Says what `destroy` does with the node.
    pub fn keep(&mut self, address: &Address, keep: Keep) {
        self.node_mut(address).keep = keep;
    }

    fn node_mut(&mut self, address: &Address) -> &mut Node {
        self.nodes.get_mut(address).unwrap_or_else(|| panic!("{address} is not in the graph"))
    }
}
