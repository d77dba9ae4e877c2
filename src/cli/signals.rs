//! Ctrl-C and SIGTERM: the first stops starting new work, the second stops waiting at once.

use crate::apply::Stop;
use std::cell::Cell;

/// The signal that ended a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

impl Signal {
    /// 128 plus the signal's number.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }
}

/// Runs `work`; a signal asks it to stop, a second one ends the process: the state is safe at every instant.
pub(crate) async fn heeding<T>(stop: &Stop, work: impl Future<Output = T>) -> (T, Option<Signal>) {
    let caught = Cell::new(None);
    let listen = async {
        loop {
            let signal = next().await;
            if caught.get().is_some() {
                err!("stopped at once; the state is safe, and the same command goes on from here\n");
                std::process::exit(i32::from(signal.code()));
            }
            caught.set(Some(signal));
            stop.request();
        }
    };
    let ended = tokio::select! {
        biased;
        result = work => (result, caught.get()),
        () = listen => unreachable!("because listening never ends"),
    };
    // The system's own way of ending is gone with the first handler, and what follows (a verification) can take minutes.
    tokio::spawn(async { std::process::exit(i32::from(next().await.code())) });
    ended
}

async fn next() -> Signal {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => Signal::Interrupt,
        _ = terminate.recv() => Signal::Terminate,
    }
}
