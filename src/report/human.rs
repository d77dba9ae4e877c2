//! Progress on a terminal: a line for each resource in flight, and what has ended above them.
//!
//! Draws to stderr and only there. Elapsed times move on their own between events; everything else changes with events.

use super::board::{Board, Mark, Said};
use super::event::{Event, Reporter};
use super::words::{Ink, duration, pad, paint};
use crate::config::Style;
use crate::model::Address;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Redraws a second.
const RATE: u8 = 8;
/// Between two pictures of the spinner.
const SPIN: Duration = Duration::from_millis(150);
/// Pairs in the line that says what waits on what.
const PAIRS: usize = 3;

/// Draws progress on a terminal.
pub struct Human {
    multi: MultiProgress,
    style: Style,
    board: Board,
    bars: BTreeMap<Address, ProgressBar>,
    waiting: Option<ProgressBar>,
    started: Instant,
}

impl Human {
    /// Draws to stderr. Nothing is drawn if that is not a terminal: use `Plain` there.
    pub fn new(style: Style) -> Self {
        Self::with_target(ProgressDrawTarget::stderr_with_hz(RATE), style)
    }

    /// Draws to this target.
    pub fn with_target(target: ProgressDrawTarget, style: Style) -> Self {
        Self {
            multi: MultiProgress::with_draw_target(target),
            style,
            board: Board::default(),
            bars: BTreeMap::new(),
            waiting: None,
            started: Instant::now(),
        }
    }

    /// What other writers to stderr print through, so that they do not tear the picture.
    pub fn screen(&self) -> MultiProgress {
        self.multi.clone()
    }

    fn above(&self, said: &Said) {
        let line = finished_line(said, self.board.widest(), self.style);
        // A terminal that went away must not end an apply: what happens is on record anyway.
        drop(self.multi.println(line));
    }

    fn open(&mut self, address: &Address) {
        let bar = ProgressBar::new_spinner().with_style(spinner(self.style));
        let bar = match &self.waiting {
            Some(waiting) => self.multi.insert_before(waiting, bar),
            None => self.multi.add(bar),
        };
        bar.set_prefix(pad(&address.to_string(), self.board.widest()));
        bar.enable_steady_tick(SPIN);
        if let Some(old) = self.bars.insert(address.clone(), bar) {
            self.close(&old);
        }
    }

    fn close(&self, bar: &ProgressBar) {
        bar.finish_and_clear();
        self.multi.remove(bar);
    }

    /// Brings the words behind each spinner, and the line below them, up to date.
    fn refresh(&mut self) {
        for (address, bar) in &self.bars {
            if let Some(flight) = self.board.flights().get(address) {
                bar.set_message(flight_message(flight.expected, &flight.phase()));
            }
        }
        match (self.board.waiting_line(PAIRS), &self.waiting) {
            (Some(line), Some(bar)) => bar.set_message(line),
            (Some(line), None) => {
                let bar = ProgressBar::new_spinner().with_style(plain_message());
                let bar = self.multi.add(bar);
                bar.set_message(line);
                self.waiting = Some(bar);
            }
            (None, Some(bar)) => {
                self.close(bar);
                self.waiting = None;
            }
            (None, None) => {}
        }
    }
}

impl Reporter for Human {
    fn event(&mut self, event: &Event) {
        let said = self.board.say(event);
        self.board.take(event, self.started.elapsed());
        match event {
            Event::Started { address, .. } => self.open(address),
            Event::Finished { address, .. } | Event::Failed { address, .. } | Event::Left { address, .. } => {
                if let Some(bar) = self.bars.remove(address) {
                    self.close(&bar);
                }
            }
            Event::Done(_) => {
                let bars = std::mem::take(&mut self.bars);
                bars.values().for_each(|bar| self.close(bar));
            }
            _ => {}
        }
        // What goes on has its own line already.
        if let Some(said) = said.filter(|said| said.mark != Mark::Going) {
            self.above(&said);
        }
        self.refresh();
    }
}

impl Drop for Human {
    fn drop(&mut self) {
        drop(self.multi.clear());
    }
}

/// Returns a permanent line: `✓ ec2.vpc/main  created in 3.1s`.
pub fn finished_line(said: &Said, widest: usize, style: Style) -> String {
    let (sign, ink) = match said.mark {
        Mark::Well => ("✓", Ink::Good),
        Mark::Bad => ("✗", Ink::Bad),
        Mark::Skipped => ("-", Ink::Dim),
        Mark::Going | Mark::Remark => (" ", Ink::Dim),
    };
    match &said.address {
        Some(address) => {
            format!("{} {}  {}", paint(style, ink, sign), pad(&address.to_string(), widest), said.text)
        }
        None => paint(style, Ink::Dim, &said.text),
    }
}

/// Returns what stands behind the elapsed time: `creating, backing-up, of about 5m 30s`. A narrow terminal cuts the estimate.
fn flight_message(expected: Duration, phase: &str) -> String {
    let usually =
        if expected < Duration::from_secs(10) { String::new() } else { format!(", of about {}", duration(expected)) };
    format!("{phase}{usually}")
}

fn spinner(style: Style) -> ProgressStyle {
    let template = match style {
        Style::Plain => "{spinner} {prefix}  {took:>7} {wide_msg}",
        Style::Coloured => "{spinner:.cyan} {prefix}  {took:>7} {wide_msg}",
    };
    let took = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
        out.write_str(&duration(state.elapsed())).expect("because a string takes every text");
    };
    ProgressStyle::with_template(template).expect("because the template is ours").with_key("took", took)
}

fn plain_message() -> ProgressStyle {
    ProgressStyle::with_template("  {wide_msg}").expect("because the template is ours")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::an_apply;
    use indicatif::TermLike;
    use std::io;
    use std::sync::{Arc, Mutex};

    /// A terminal that keeps every text written to it.
    #[derive(Debug, Clone, Default)]
    struct Tape(Arc<Mutex<Vec<String>>>);

    impl TermLike for Tape {
        fn width(&self) -> u16 {
            100
        }
        fn move_cursor_up(&self, _n: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _n: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _n: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _n: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap().push(text.trim_end().to_owned());
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_has_ended_stands_above_what_goes_on() {
        let tape = Tape::default();
        let mut human = Human::with_target(ProgressDrawTarget::term_like(Box::new(tape.clone())), Style::Plain);
        an_apply().iter().for_each(|event| human.event(event));
        assert!(human.bars.is_empty() && human.waiting.is_none());
        drop(human);
        let tape = tape.0.lock().unwrap().join("\n");
        for line in [
            "✓ elb.listener/https     created in 2.0s",
            "✗ rds.instance/main      could not create: StorageFull: no room left",
            "- ecs.service/zenml      skipped: it needs rds.instance/main, which failed",
            "1 done, 1 failed, 2 skipped",
        ] {
            assert!(tape.contains(line), "{line}\n---\n{tape}");
        }
    }

    #[test]
    fn a_line_in_flight_says_how_long_it_usually_takes() {
        assert_eq!(flight_message(Duration::from_secs(330), "creating"), "creating, of about 5m 30s");
        assert_eq!(flight_message(Duration::from_secs(2), "creating"), "creating");
    }
}
