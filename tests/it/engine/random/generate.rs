//! Random stories.

use super::scenario::{Act, Knob, Link, Run, Scenario};
use crate::support::faults::Fault;
use crate::support::toys::TOYS;
use hybridctl::resource::Kind;
use proptest::prelude::*;
use proptest::sample::select;

fn node() -> impl Strategy<Value = char> {
    (0u8..7).prop_map(|n| char::from(b'a' + n))
}

pub fn kind() -> impl Strategy<Value = &'static str> {
    select(TOYS.iter().map(|toy| toy.name()).collect::<Vec<_>>())
}

fn knob() -> impl Strategy<Value = Knob> {
    prop_oneof![
        2 => Just(Knob::Size),
        4 => Just(Knob::Shape),
        2 => Just(Knob::Secret),
        2 => Just(Knob::Origin),
        2 => Just(Knob::Late),
        2 => Just(Knob::Content),
        3 => Just(Knob::Armed),
    ]
}

fn link() -> impl Strategy<Value = Link> {
    prop_oneof![
        3 => Just(Link::Uses),
        1 => Just(Link::UsesEarly),
        2 => Just(Link::Version),
        3 => Just(Link::Parent),
        1 => Just(Link::Seed),
        2 => Just(Link::After),
        1 => Just(Link::Same),
    ]
}

fn fault() -> impl Strategy<Value = Fault> {
    use Fault::{Busy, KillAfter, KillBefore, Lost, Refuse, Stop, Throttle, Twice, Unsent};
    select(vec![KillAfter, KillBefore, Lost, Unsent, Refuse, Stop, Twice, Throttle, Busy])
}

fn run() -> impl Strategy<Value = Run> {
    let faults = prop::collection::vec((1u64..50, fault()), 0..3);
    let misread = prop_oneof![2 => Just(Fault::Throttle), 1 => Just(Fault::Unsent)];
    let misreadings = prop::collection::vec((1u64..60, misread), 0..2);
    let only = prop_oneof![9 => Just(None), 1 => node().prop_map(Some)];
    let nothing = prop::bool::weighted(0.15);
    (faults, misreadings, any::<bool>(), any::<bool>(), only, nothing).prop_map(
        |(faults, misreadings, consenting, one_by_one, only, nothing)| {
            let mut run = Run::plain();
            (run.consenting, run.one_by_one, run.only, run.nothing) = (consenting, one_by_one, only, nothing);
            let run = faults.into_iter().fold(run, |run, (at, fault)| run.fault(at, fault));
            misreadings.into_iter().fold(run, |run, (at, fault)| run.misreading(at, fault))
        },
    )
}

fn want() -> impl Strategy<Value = Act> {
    (node(), kind()).prop_map(|(node, kind)| Act::Want(node, kind))
}

pub fn linking() -> impl Strategy<Value = Act> {
    (node(), node(), link()).prop_map(|(one, other, link)| Act::Link(one.max(other), one.min(other), link))
}

pub fn set() -> impl Strategy<Value = Act> {
    (node(), knob(), 0u8..3).prop_map(|(node, knob, value)| Act::Set(node, knob, value))
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        10 => run().prop_map(Act::Run),
        8 => set(),
        3 => want(),
        3 => node().prop_map(Act::Drop),
        3 => linking(),
        1 => (node(), node()).prop_map(|(one, other)| Act::Unlink(one.max(other), one.min(other))),
        1 => (0u8..3).prop_map(Act::Tag),
        2 => (node(), knob(), 0u8..3).prop_map(|(node, knob, value)| Act::Tamper(node, knob, value)),
        2 => node().prop_map(Act::Vanish),
        1 => node().prop_map(Act::Break),
        1 => node().prop_map(Act::Plant),
        1 => (0u8..4).prop_map(Act::Lag),
    ]
}

/// A story that begins with a config.
pub fn scenario() -> impl Strategy<Value = Scenario> {
    let wants = prop::collection::vec(kind(), 1..7);
    let wants =
        wants.prop_map(|kinds| ('a'..).zip(kinds).map(|(node, kind)| Act::Want(node, kind)).collect::<Vec<_>>());
    let links = prop::collection::vec(prop_oneof![3 => linking(), 1 => set()], 0..12);
    let fates = prop::collection::vec(prop_oneof![node().prop_map(Act::Data), node().prop_map(Act::Keep)], 0..3);
    let rest = prop::collection::vec(act(), 1..22);
    (wants, links, fates, rest)
        .prop_map(|(wants, links, fates, rest)| Scenario { acts: [wants, links, fates, rest].concat() })
}
