//! Progress where there is no terminal: one line per event, and a sign of life every 30 seconds.
//!
//! AWS's words arrive at every reading. A word is told when it is new, and again when nothing was said of that resource for half a
//! minute, so that a log of an hour is readable and no CI takes the run for hung.

use super::board::{Board, Flight, Mark, Said};
use super::event::{Event, Reporter};
use super::words::{duration, one_line, pad, short_list};
use crate::model::Address;
use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, Instant};

/// After this long without a line there is one.
pub const HEARTBEAT: Duration = Duration::from_secs(30);

/// Says how long the run has lasted.
pub type Clock = Box<dyn Fn() -> Duration>;

/// Writes a line per event.
pub struct Plain<W> {
    out: W,
    clock: Clock,
    board: Board,
    /// What was last said of each resource in flight, and when.
    said: BTreeMap<Address, (String, Duration)>,
    last: Duration,
}

impl<W: Write> Plain<W> {
    /// A reporter that writes here and starts its clock now.
    pub fn new(out: W) -> Self {
        let started = Instant::now();
        Self::with_clock(out, Box::new(move || started.elapsed()))
    }

    /// A reporter with a clock of its own.
    pub fn with_clock(out: W, clock: Clock) -> Self {
        Self { out, clock, board: Board::default(), said: BTreeMap::new(), last: Duration::ZERO }
    }

    fn line(&mut self, now: Duration, said: &Said) {
        let address = said.address.as_ref().map(Address::to_string).unwrap_or_default();
        let text = match said.address {
            Some(_) => format!("{}  {}", pad(&address, self.board.widest()), said.text),
            None => said.text.clone(),
        };
        // A closed pipe must not end an apply: what happens is on record anyway.
        drop(writeln!(self.out, "[{:>7}] {text}", duration(now)).and_then(|()| self.out.flush()));
        self.last = now;
    }

    fn settling(&mut self, address: &Address, word: &str, now: Duration) {
        let due = match self.said.get(address) {
            Some((known, when)) => known != word || now.saturating_sub(*when) >= HEARTBEAT,
            None => true,
        };
        let Some(flight) = self.board.flights().get(address).filter(|_| due) else { return };
        let held = self.board.waiting_for(address);
        let held = match held.len() {
            0 => String::new(),
            1 => format!("; {} waits for it", short_list(held, 1)),
            _ => format!("; {} wait for it", short_list(held, 3)),
        };
        let text = format!("{} ({}){held}", one_line(word), flight.progress(now));
        self.said.insert(address.clone(), (word.to_owned(), now));
        self.line(now, &Said { mark: Mark::Going, address: Some(address.clone()), text });
    }
}

impl<W: Write> Reporter for Plain<W> {
    fn event(&mut self, event: &Event) {
        let now = (self.clock)();
        let said = self.board.say(event);
        self.board.take(event, now);
        if let Event::Settling { address, word, .. } = event {
            self.settling(address, word, now);
        }
        if let Event::Started { address, .. } = event {
            self.said.remove(address);
        }
        if let Some(said) = said {
            self.line(now, &said);
        }
    }

    fn tick(&mut self) {
        let now = (self.clock)();
        if now.saturating_sub(self.last) < HEARTBEAT || self.board.flights().is_empty() {
            return;
        }
        let flight = |(address, flight): (&Address, &Flight)| {
            format!("{address} ({}, {})", flight.phase(), flight.progress(now))
        };
        let flights = self.board.flights().iter().map(flight);
        let text = format!("still waiting for {}", short_list(flights, 4));
        self.line(now, &Said { mark: Mark::Going, address: None, text });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::an_apply;
    use std::cell::Cell;
    use std::rc::Rc;

    #[test]
    fn one_line_per_event_and_a_heartbeat() {
        let time = Rc::new(Cell::new(0));
        let clock = Rc::clone(&time);
        let mut out = vec![];
        let mut plain = Plain::with_clock(&mut out, Box::new(move || Duration::from_secs(clock.get())));
        let times = [0, 0, 1, 1, 2, 20, 4, 35, 36, 400, 400, 400, 401, 402];
        for (event, seconds) in an_apply().iter().zip(times) {
            time.set(seconds);
            plain.event(event);
            if seconds == 36 {
                time.set(70);
                plain.tick();
                plain.tick();
            }
        }
        let expected = "\
[   0.0s] 4 operations
[   0.0s] rds.instance/main      creating (takes about 5m 30s)
[   1.0s] rds.instance/main      has the id zenml-hybrid-db
[   1.0s] rds.instance/main      backing-up (1.0s of about 5m 30s); ecs.service/zenml waits for it
[   2.0s] elb.listener/https     creating
[   4.0s] elb.listener/https     created in 2.0s
[    35s] rds.instance/main      backing-up (35s of about 5m 30s); ecs.service/zenml waits for it
[    36s] rds.instance/main      the first backup is being made
[ 1m 10s] still waiting for rds.instance/main (creating, backing-up, 1m 10s of about 5m 30s)
[ 6m 40s] rds.instance/main      could not create: StorageFull: no room left
[ 6m 40s] ecs.service/zenml      skipped: it needs rds.instance/main, which failed
[ 6m 40s] route53.record/server  skipped: it needs rds.instance/main, which failed
[ 6m 41s] stopping: nothing new is started; what is in flight is put on record
[ 6m 42s] 1 done, 1 failed, 2 skipped
";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
