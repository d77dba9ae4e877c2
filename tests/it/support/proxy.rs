//! A proxy that disturbs calls: it stands between the real binary and the sandbox, on a thread of its own.
//!
//! [`Faults`] says which calls are disturbed and how, [`Log`] what came by. It knows the protocols of AWS well enough to
//! name every call and to answer in a service's own words. Nothing is signed or checked: both ends are ours.

mod answer;
mod call;
mod faults;
mod hide;
mod log;
mod tests;
mod wire;
mod xml;

pub use call::{Call, form, mutates};
pub use faults::{Fault, Faults, Moment, always, error, field, first, from, nth, refusal, replace, share, stop};
pub use log::{Entry, Log, Verdict};

use answer::{Answer, change, refuse, throttle};
use hyper::{Request, body::Incoming};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// A running proxy. It ends when it is dropped.
pub struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What the connections have in common.
struct Shared {
    upstream: Mutex<SocketAddr>,
    started: Instant,
    faults: Mutex<Faults>,
    log: Mutex<Log>,
    /// Calls that the client waits for, that the sandbox is at work on, or of which somebody is still to be told.
    under_way: Mutex<usize>,
}

impl Proxy {
    /// Stands before an endpoint on this machine, `http://127.0.0.1:5000`.
    pub fn before(endpoint: &str, faults: Faults) -> Self {
        let upstream = hybridctl::sandbox::loopback(endpoint).unwrap();
        let shared = Arc::new(Shared {
            upstream: Mutex::new(upstream),
            started: Instant::now(),
            faults: Mutex::new(faults),
            log: Mutex::default(),
            under_way: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (end, ended) = oneshot::channel();
        let serving = shared.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(wire::serve(listener, serving, ended));
        });
        Self { shared, address, end: Some(end), thread: Some(thread) }
    }

    /// Where to send calls.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Another scenario, from now on.
    pub fn disturb(&self, faults: Faults) {
        *self.shared.faults.lock().unwrap() = faults;
    }

    /// Another world behind it, from now on.
    pub fn move_before(&self, endpoint: &str) {
        *self.shared.upstream.lock().unwrap() = hybridctl::sandbox::loopback(endpoint).unwrap();
    }

    /// What came by so far.
    pub fn log(&self) -> Log {
        self.shared.log.lock().unwrap().clone()
    }

    /// What came by so far; the log begins anew. Call it when no call is under way.
    pub fn take_log(&self) -> Log {
        std::mem::take(&mut *self.shared.log.lock().unwrap())
    }

    /// Waits until the sandbox has finished with every call, also with those of a client that is gone.
    pub fn settle(&self) {
        let waiting = Instant::now();
        while *self.shared.under_way.lock().unwrap() > 0 {
            assert!(waiting.elapsed() < Duration::from_secs(60), "a call does not end\n{}", self.log().text());
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // A panic in there has been printed; the test fails by what is missing.
            let _ = thread.join();
        }
    }
}

/// What the client gets: an answer, half of one, or none.
enum Reply {
    Whole(Answer),
    Half(Answer),
    Nothing,
}

impl Shared {
    /// Carries out one call, disturbed as the scenario says. `passed` is what to do when the client has the answer.
    async fn reply(self: Arc<Self>, request: Request<Incoming>, passed: &wire::Passed) -> Reply {
        let (parts, body) = request.into_parts();
        let Ok(body) = wire::whole(body).await else { return Reply::Nothing };
        let Some(call) = Call::of(&parts.method, &parts.uri, &parts.headers, body.clone()) else {
            return match self.forward(&parts, body).await {
                Ok(answer) => Reply::Whole(answer),
                Err(_) => Reply::Nothing,
            };
        };
        let arrived = self.started.elapsed();
        let number = {
            let mut log = self.log.lock().unwrap();
            log.0.push(Entry::new(&call, arrived));
            log.0.len() - 1
        };
        let treatment = self.faults.lock().unwrap().judge(&call);
        let (reply, verdict, status) = self.treat(&call, &parts, treatment, passed).await;
        if let Some(entry) = self.log.lock().unwrap().0.get_mut(number) {
            entry.took = self.started.elapsed() - arrived;
            entry.verdict = verdict;
            entry.status = status;
        }
        reply
    }

    async fn treat(
        self: &Arc<Self>,
        call: &Call,
        parts: &hyper::http::request::Parts,
        treatment: faults::Treatment,
        passed: &wire::Passed,
    ) -> (Reply, Verdict, Option<u16>) {
        if !treatment.delay.is_zero() {
            tokio::time::sleep(treatment.delay).await;
        }
        let answered = |code: &str, message: &str, status: u16| {
            (Reply::Whole(refuse(call, code, message, status)), Verdict::Answered(code.to_owned()), None)
        };
        match &treatment.fate {
            Some(Fault::Refuse) => return (Reply::Nothing, Verdict::Refused, None),
            Some(Fault::Error { code, message, status }) => return answered(code, message, *status),
            Some(Fault::Throttle) => {
                let (code, status) = throttle(&call.service);
                return answered(code, "Rate exceeded", status);
            }
            Some(Fault::Stop(Moment::Before, hook)) => {
                hook(call);
                return (Reply::Nothing, Verdict::Stopped(Moment::Before), None);
            }
            _ => {}
        }
        let mut answer = match self.forward(parts, call.body.clone()).await {
            Ok(answer) => answer,
            Err(why) => return (Reply::Nothing, Verdict::Broken(why), None),
        };
        let status = Some(answer.status.as_u16());
        self.faults.lock().unwrap().hidden.see(call, &mut answer);
        for changed in &treatment.changes {
            change(&mut answer, call, changed);
        }
        match treatment.fate {
            Some(Fault::Drop) => (Reply::Nothing, Verdict::Dropped, status),
            Some(Fault::Cut) => (Reply::Half(answer), Verdict::Cut, status),
            Some(Fault::Stop(Moment::Answered, hook)) => {
                hook(call);
                (Reply::Nothing, Verdict::Stopped(Moment::Answered), status)
            }
            Some(Fault::Stop(_, hook)) => {
                let (call, counted) = (call.clone(), wire::Counted::new(self));
                passed.then(answer.body.len(), move || {
                    hook(&call);
                    // The client may have the answer, and somebody wait in `settle`, before this is reached.
                    drop(counted);
                });
                (Reply::Whole(answer), Verdict::Stopped(Moment::Passed), status)
            }
            _ => (Reply::Whole(answer), Verdict::Passed, status),
        }
    }

    async fn forward(&self, parts: &hyper::http::request::Parts, body: hyper::body::Bytes) -> Result<Answer, String> {
        let upstream = *self.upstream.lock().unwrap();
        wire::forward(upstream, parts, body).await
    }
}
