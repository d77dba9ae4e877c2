//! Which failure is the cause, and which only follow from it.
//!
//! A [`table`] says what a failure of each kind can bring about. A failing check that no other failing check explains is a
//! cause; where there are several, the one that explains most comes first, and the rest are told as problems of their own.

mod table;

#[cfg(test)]
mod tests;

use super::checks::WENT_BACK;
use super::report::{CheckResult, Fail};
use std::cmp::Reverse;
use std::collections::BTreeSet;
use table::{Kinds, Row, TABLE};

/// The root cause of a failed verification, or what kept it from being one that can be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The check that found it.
    pub id: &'static str,
    /// What that check checks.
    pub title: &'static str,
    /// What is wrong, what to do, what was seen.
    pub fail: Fail,
    /// Failing checks that this explains.
    pub consequences: Vec<&'static str>,
    /// Failing checks that are causes of their own.
    pub others: Vec<&'static str>,
}

/// A check that failed, or could not be read.
struct Failing<'a> {
    check: &'a CheckResult,
    fail: &'a Fail,
}

/// The cause of what failed, or else why AWS could not be asked; `None`: nothing failed and all was read. What could not be read
/// is never blamed for what failed.
pub fn cause(checks: &[CheckResult]) -> Option<Cause> {
    of_failures(checks).or_else(|| of_silence(checks))
}

/// Nothing failed, and not all could be read: what is said of the first such check, of the others for which it is the same
/// reading, and of those for which it is another.
fn of_silence(checks: &[CheckResult]) -> Option<Cause> {
    let unread: Vec<Failing<'_>> =
        checks.iter().filter_map(|check| Some(Failing { check, fail: check.unread()? })).collect();
    let (first, more) = unread.split_first()?;
    let (same, others): (Vec<_>, Vec<_>) = more.iter().partition(|other| other.fail.why == first.fail.why);
    let ids = |list: Vec<&Failing<'_>>| list.iter().map(|failing| failing.check.id).collect();
    let (id, title) = (first.check.id, first.check.title);
    Some(Cause { id, title, fail: first.fail.clone(), consequences: ids(same), others: ids(others) })
}

fn of_failures(checks: &[CheckResult]) -> Option<Cause> {
    let failing: Vec<Failing<'_>> =
        checks.iter().filter_map(|check| Some(Failing { check, fail: check.fail()? })).collect();
    let reached: Vec<BTreeSet<usize>> = (0..failing.len()).map(|at| reach(at, &failing)).collect();
    let is_explained = |at: &usize| reached.iter().any(|reached| reached.contains(at));
    let mut roots: Vec<usize> = (0..failing.len()).filter(|at| !is_explained(at)).collect();
    roots.sort_by_key(|at| (Reverse(reached[*at].len()), rank(failing[*at].check.id)));
    let (first, others) = roots.split_first()?;
    let id = |at: &usize| failing[*at].check.id;
    Some(Cause {
        id: id(first),
        title: failing[*first].check.title,
        fail: failing[*first].fail.clone(),
        consequences: reached[*first].iter().map(id).collect(),
        others: others.iter().map(id).collect(),
    })
}

fn rank(id: &str) -> usize {
    TABLE.iter().position(|row| row.id == id).unwrap_or(TABLE.len())
}

/// The failures that this one brings about, directly or through others that fail.
fn reach(from: usize, failing: &[Failing<'_>]) -> BTreeSet<usize> {
    let (mut reached, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(next) = open.pop() {
        let direct = (0..failing.len()).filter(|at| *at != next && explains(&failing[next], &failing[*at]));
        open.extend(direct.filter(|at| reached.insert(*at)).collect::<Vec<_>>());
    }
    reached
}

/// True if this failure alone brings the other about.
fn explains(cause: &Failing<'_>, effect: &Failing<'_>) -> bool {
    let (from, to) = (cause.check.id, effect.check.id);
    let by_table = |row: &Row| {
        let effects = || row.effects.iter().filter(|(ids, _)| ids.contains(&to));
        row.id == from && is_of(cause.fail, row.kinds) && effects().any(|(_, kinds)| is_of(effect.fail, kinds))
    };
    TABLE.iter().any(by_table) || ended_the_rollout(cause, effect)
}

/// ECS went back to another revision because tasks stopped as this one did. Otherwise somebody put a revision in its place, and
/// what its tasks do follows from that.
fn ended_the_rollout(cause: &Failing<'_>, effect: &Failing<'_>) -> bool {
    let tells = matches!(cause.check.id, "VF-TASKS" | "VF-LOGS");
    let went_back = effect.check.id == "VF-REVISION" && effect.fail.class == Some(WENT_BACK);
    tells && went_back && cause.fail.kinds().any(|kind| effect.fail.also.contains(&kind))
}

fn is_of(fail: &Fail, kinds: Kinds) -> bool {
    let is_one = |kind: &str| kinds.iter().any(|begin| kind.starts_with(begin));
    is_one(fail.class.unwrap_or_default()) || fail.also.iter().any(|kind| is_one(kind))
}
