//! Ctrl-C and SIGTERM, for every verb. While a plan is carried out the first signal stops starting new work and the second
//! ends the process at once. Everywhere else nothing is in flight, and the first one ends the verb.
//!
//! A thread of its own listens, because the main one may be busy. Ending the process is safe at every instant: what a kill
//! leaves behind, the next run takes up. But a verb that ends by itself frees its lock.

use crate::apply::Stop;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, Once};
use std::time::Duration;
use tokio::sync::watch;

/// How long calls in flight are waited for after the first signal.
const BOUND: Duration = Duration::from_secs(30);

/// How long a verb that was not carrying out anything has to end by itself.
const GRACE: Duration = Duration::from_secs(3);

/// True while somebody stops by himself when a signal is caught.
static HEEDED: AtomicBool = AtomicBool::new(false);

/// Caught while it was heeded.
static CAUGHT: LazyLock<watch::Sender<Option<Signal>>> = LazyLock::new(|| watch::Sender::new(None));

/// Caught while nothing was in flight.
static ENDING: LazyLock<watch::Sender<Option<Signal>>> = LazyLock::new(|| watch::Sender::new(None));

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

/// Listens from now on.
pub(crate) fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("because the system gives a process an event queue");
        std::thread::spawn(move || runtime.block_on(answer()));
    });
}

/// Runs `work`; a signal asks it to stop.
pub(crate) async fn heeding<T>(stop: &Stop, work: impl Future<Output = T>) -> (T, Option<Signal>) {
    let mut caught = CAUGHT.subscribe();
    HEEDED.store(true, Ordering::SeqCst);
    let ask_to_stop = async {
        // The sender lives as long as the process.
        let _ = caught.wait_for(Option::is_some).await;
        stop.request();
        std::future::pending().await
    };
    let result = tokio::select! {
        biased;
        result = work => result,
        () = ask_to_stop => unreachable!("because asking never ends"),
    };
    HEEDED.store(false, Ordering::SeqCst);
    (result, *CAUGHT.borrow())
}

/// Runs a verb; `Err` with the signal that ended it where it was not heeded.
pub(crate) async fn ending<T>(verb: impl Future<Output = T>) -> Result<T, Signal> {
    let mut ending = ENDING.subscribe();
    tokio::select! {
        biased;
        Ok(caught) = ending.wait_for(Option::is_some) => Err((*caught).unwrap_or(Signal::Interrupt)),
        result = verb => Ok(result),
    }
}

/// The signal that is to end this verb, for who blocks the main thread.
pub(crate) fn caught() -> Option<Signal> {
    *ENDING.borrow()
}

/// The same number on Linux and macOS.
const SIGXFSZ: i32 = 25;

async fn answer() {
    use tokio::signal::unix::{SignalKind, signal};
    // A write past a limit on files then fails as one on a full disk does, instead of ending the process without a word.
    drop(signal(SignalKind::from_raw(SIGXFSZ)));
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    let mut next = async || {
        tokio::select! {
            _ = interrupt.recv() => Signal::Interrupt,
            _ = terminate.recv() => Signal::Terminate,
        }
    };
    let first = next().await;
    if !HEEDED.load(Ordering::SeqCst) {
        leave(first, next).await;
        return;
    }
    CAUGHT.send_replace(Some(first));
    match tokio::time::timeout(BOUND, next()).await {
        Ok(second) => end(second, "stopped at once; the state is safe, and the same command goes on from here"),
        Err(_) if HEEDED.load(Ordering::SeqCst) => {
            let text =
                "a call in flight does not answer: stopped without it; the same command finds out what became of it";
            end(first, text);
        }
        Err(_) => leave(next().await, next).await,
    }
}

/// Nothing is in flight: the verb is dropped, and what it holds with it; another signal does not wait for that.
async fn leave(signal: Signal, mut next: impl AsyncFnMut() -> Signal) {
    tell("stopped");
    ENDING.send_replace(Some(signal));
    drop(tokio::time::timeout(GRACE, next()).await);
    exit(signal)
}

fn end(signal: Signal, text: &str) -> ! {
    tell(text);
    exit(signal)
}

fn tell(text: &str) {
    // A question on a terminal hides the cursor.
    let terminal = console::Term::stderr();
    if terminal.is_term() {
        drop(terminal.show_cursor());
    }
    err!("\n{text}\n");
}

fn exit(signal: Signal) -> ! {
    std::process::exit(i32::from(signal.code()))
}
