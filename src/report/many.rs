//! Several reporters at once: a terminal and an event file.

use super::event::{Event, Reporter};

/// Tells every one of its reporters, in the order in which they were added.
#[derive(Default)]
pub struct Many<'a> {
    reporters: Vec<Box<dyn Reporter + 'a>>,
}

impl<'a> Many<'a> {
    /// Tells nobody yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    #[must_use]
    pub fn and(mut self, reporter: impl Reporter + 'a) -> Self {
        self.reporters.push(Box::new(reporter));
        self
    }
}

impl Reporter for Many<'_> {
    fn event(&mut self, event: &Event) {
        self.reporters.iter_mut().for_each(|reporter| reporter.event(event));
    }

    fn tick(&mut self) {
        self.reporters.iter_mut().for_each(|reporter| reporter.tick());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    struct Counts<'a>(&'a Cell<u32>);

    impl Reporter for Counts<'_> {
        fn event(&mut self, _event: &Event) {
            self.0.set(self.0.get() + 1);
        }

        fn tick(&mut self) {
            self.0.set(self.0.get() + 10);
        }
    }

    #[test]
    fn every_reporter_hears_everything() {
        let heard = Cell::new(0);
        let mut many = Many::new().and(Counts(&heard)).and(Counts(&heard));
        many.event(&Event::Stopping);
        many.tick();
        drop(many);
        assert_eq!(heard.get(), 22);
    }
}
