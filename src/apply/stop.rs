//! The request to stop, from Ctrl-C or a signal.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::Notify;

/// Shared by whoever asks to stop and whatever has to.
#[derive(Debug, Clone, Default)]
pub struct Stop(Rc<(Cell<bool>, Notify)>);

impl Stop {
    /// Asks: nothing new is started, waits end, calls in flight are finished and recorded.
    pub fn request(&self) {
        self.0.0.set(true);
        self.0.1.notify_waiters();
    }

    /// True once somebody asked.
    pub fn requested(&self) -> bool {
        self.0.0.get()
    }

    /// Sleeps; false if a stop was requested before or meanwhile.
    pub async fn sleep(&self, time: Duration) -> bool {
        let notified = self.0.1.notified();
        if self.requested() {
            return false;
        }
        if time.is_zero() {
            // A timer has a grain of a millisecond; in the fake world time is counted in readings.
            tokio::task::yield_now().await;
            return !self.requested();
        }
        tokio::select! {
            () = tokio::time::sleep(time) => !self.requested(),
            () = notified => false,
        }
    }

    /// Returns when a stop is requested.
    pub async fn wait(&self) {
        let notified = self.0.1.notified();
        if !self.requested() {
            notified.await;
        }
    }
}
