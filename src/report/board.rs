//! What is going on at this moment: the events of an apply folded into what is in flight and what waits for it.
//!
//! It holds no clock: whoever asks says what time it is, as time since the run began.

use super::event::{Event, Totals};
use super::words::{could_not, count, did, doing, duration, one_line, printable, progress, short_list};
use crate::model::Address;
use crate::plan::{Action, Verb};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// One operation in flight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flight {
    /// Making or deleting.
    pub verb: Verb,
    /// What the plan says of it.
    pub action: Action,
    /// What it usually takes.
    pub expected: Duration,
    /// When it began.
    pub since: Duration,
    /// AWS's own word, once it has been read.
    pub word: Option<String>,
}

impl Flight {
    /// Returns what is being done and how far AWS is: `creating, backing-up`.
    pub fn phase(&self) -> String {
        let doing = doing(self.verb, self.action);
        match self.word.as_deref().filter(|word| *word != doing) {
            Some(word) => format!("{doing}, {}", one_line(word)),
            None => doing.to_owned(),
        }
    }

    /// Returns `3m 12s of about 5m 30s`.
    pub fn progress(&self, now: Duration) -> String {
        progress(now.saturating_sub(self.since), self.expected)
    }
}

/// What is in flight, and what waits.
#[derive(Debug, Default)]
pub struct Board {
    flights: BTreeMap<Address, Flight>,
    waiting: BTreeMap<(Address, Verb), BTreeSet<Address>>,
    widest: usize,
}

/// How something is to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// It goes on.
    Going,
    /// It ended well.
    Well,
    /// It failed.
    Bad,
    /// It will not happen.
    Skipped,
    /// A remark.
    Remark,
}

/// One line to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// How it is to be shown.
    pub mark: Mark,
    /// Which resource, unless it is about the whole run.
    pub address: Option<Address>,
    /// The words.
    pub text: String,
}

impl Board {
    /// Takes note of an event that happened at this time.
    pub fn take(&mut self, event: &Event, now: Duration) {
        match event {
            Event::Planned { operations } => {
                self.widest =
                    operations.iter().map(|(address, ..)| address.to_string().len()).max().unwrap_or_default();
                let waits = |(address, verb, waits): &(Address, Verb, Vec<Address>)| {
                    ((address.clone(), *verb), waits.iter().filter(|used| *used != address).cloned().collect())
                };
                self.waiting = operations.iter().map(waits).collect();
            }
            Event::Started { address, verb, action, expected } => {
                self.waiting.remove(&(address.clone(), *verb));
                let flight = Flight { verb: *verb, action: *action, expected: *expected, since: now, word: None };
                self.flights.insert(address.clone(), flight);
            }
            Event::Settling { address, word, .. } => {
                if let Some(flight) = self.flights.get_mut(address) {
                    flight.word = Some(word.clone());
                }
            }
            Event::Finished { address, .. } | Event::Failed { address, .. } | Event::Left { address, .. } => {
                drop(self.flights.remove(address));
            }
            Event::Skipped { address, .. } => self.waiting.retain(|(waiting, _), _| waiting != address),
            Event::Stopping => self.waiting.clear(),
            Event::Done(_) => *self = Self { widest: self.widest, ..Self::default() },
            Event::Made { .. } | Event::Note { .. } => {}
        }
    }

    /// Everything in flight.
    pub fn flights(&self) -> &BTreeMap<Address, Flight> {
        &self.flights
    }

    /// Columns that the longest planned address takes.
    pub fn widest(&self) -> usize {
        self.widest
    }

    /// What waits directly for this one.
    pub fn waiting_for(&self, used: &Address) -> BTreeSet<&Address> {
        self.waiting.iter().filter(|(_, waits)| waits.contains(used)).map(|((address, _), _)| address).collect()
    }

    /// Returns `waiting: ecs.service/zenml on rds.instance/main, …`: what waits for something in flight.
    pub fn waiting_line(&self, at_most: usize) -> Option<String> {
        let mut held: BTreeMap<&Address, BTreeSet<&Address>> = BTreeMap::new();
        for ((address, _), waits) in &self.waiting {
            let on = waits.iter().filter(|used| self.flights.contains_key(*used));
            held.entry(address).or_default().extend(on);
        }
        held.retain(|_, on| !on.is_empty());
        if held.is_empty() {
            return None;
        }
        let pair = |(address, on): (&&Address, &BTreeSet<&Address>)| format!("{address} on {}", short_list(on, 2));
        let mut pairs: Vec<String> = held.iter().take(at_most).map(pair).collect();
        let more = self.waiting.keys().map(|(address, _)| address).collect::<BTreeSet<_>>().len() - pairs.len();
        if more > 0 {
            pairs.push(format!("{more} more later"));
        }
        Some(format!("waiting: {}", pairs.join(", ")))
    }

    /// Returns what there is to say of an event; ask before [`Board::take`]. Settling is not said: see [`Flight`].
    pub fn say(&self, event: &Event) -> Option<Said> {
        let about = |mark, address: &Address, text: String| Some(Said { mark, address: Some(address.clone()), text });
        match event {
            Event::Planned { operations } => {
                Some(Said { mark: Mark::Remark, address: None, text: count(operations.len(), "operation") })
            }
            Event::Started { address, verb, action, expected } => {
                let long = *expected >= Duration::from_secs(10);
                let usually = if long { format!(" (takes about {})", duration(*expected)) } else { String::new() };
                about(Mark::Going, address, format!("{}{usually}", doing(*verb, *action)))
            }
            Event::Made { address, id } => about(Mark::Going, address, format!("has the id {id}")),
            Event::Settling { .. } => None,
            Event::Note { address, line } => about(Mark::Remark, address, one_line(line)),
            Event::Finished { address, verb, action, took } => {
                about(Mark::Well, address, format!("{} in {}", did(*verb, *action), duration(*took)))
            }
            Event::Failed { address, verb, error } => {
                let action = self.flights.get(address).map_or(Action::Create, |flight| flight.action);
                let error = printable(&error.to_string());
                let first = error.lines().next().unwrap_or_default();
                about(Mark::Bad, address, format!("could not {}: {first}", could_not(*verb, action)))
            }
            Event::Skipped { address, because } => {
                about(Mark::Skipped, address, format!("skipped: it needs {because}, which failed"))
            }
            Event::Left { address, word } => {
                about(Mark::Remark, address, format!("asked for and not waited for: {}", one_line(word)))
            }
            Event::Stopping => {
                let text = "stopping: nothing new is started; what is in flight is put on record".to_owned();
                Some(Said { mark: Mark::Remark, address: None, text })
            }
            Event::Done(totals) => Some(Said { mark: Mark::Remark, address: None, text: totals_line(totals) }),
        }
    }
}

/// Returns `12 done, 1 failed, 3 skipped`.
pub fn totals_line(totals: &Totals) -> String {
    let mut parts = vec![format!("{} done", totals.done)];
    for (number, word) in [(totals.failed, "failed"), (totals.skipped, "skipped")] {
        if number > 0 {
            parts.push(format!("{number} {word}"));
        }
    }
    if totals.stopped > 0 {
        parts.push("stopped before the end".to_owned());
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{address, an_apply};

    // service ──▶ database, listener;  dns ──▶ service
    #[test]
    fn knows_what_waits_on_what() {
        let mut board = Board::default();
        for event in an_apply().iter().take(4) {
            board.take(event, Duration::from_secs(1));
        }
        assert_eq!(
            board.waiting_line(3).as_deref(),
            Some("waiting: ecs.service/zenml on rds.instance/main, 2 more later")
        );
        assert_eq!(board.waiting_for(&address("rds.instance/main")).len(), 1);
        let flight = &board.flights()[&address("rds.instance/main")];
        assert_eq!(flight.phase(), "creating, backing-up");
        assert_eq!(flight.progress(Duration::from_secs(193)), "3m 12s of about 5m 30s");
    }

    #[test]
    fn nothing_is_left_when_all_is_over() {
        let mut board = Board::default();
        an_apply().iter().for_each(|event| board.take(event, Duration::ZERO));
        assert!(board.flights().is_empty() && board.waiting_line(3).is_none());
    }

    #[test]
    fn totals_are_said_with_words() {
        assert_eq!(totals_line(&Totals { done: 2, ..Totals::default() }), "2 done");
        let totals = Totals { done: 0, failed: 1, skipped: 3, stopped: 1 };
        assert_eq!(totals_line(&totals), "0 done, 1 failed, 3 skipped, stopped before the end");
    }
}
