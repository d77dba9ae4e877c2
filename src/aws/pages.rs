//! A reading that comes in pages: each page is a request, and each takes its turn at the bucket of its service.
//!
//! The SDK's paginators ask for the next page by themselves, so one [`super::Aws::call`] may be many requests. An interceptor
//! counts them as they are sent; while a page that is not paid for is under way, its answer is left waiting until the turn has
//! come, and without the answer the page after it is not asked for.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

tokio::task_local! {
    /// Requests that the call in hand has sent.
    static SENT: Rc<Cell<u32>>;
}

/// Counts the requests of the call that is being polled.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pages;

impl Intercept for Pages {
    fn name(&self) -> &'static str {
        "Pages"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // Outside of a call nothing is counted.
        let _ = SENT.try_with(|sent| sent.set(sent.get() + 1));
        Ok(())
    }
}

/// Awaits a call whose first request has had its turn; every further one takes one of its own.
pub(super) async fn each<T>(call: impl Future<Output = T>, turn: impl AsyncFn()) -> T {
    let sent = Rc::new(Cell::new(0));
    let mut call = pin!(SENT.scope(Rc::clone(&sent), call));
    let mut paid = 1;
    loop {
        let done = poll_fn(|context| match call.as_mut().poll(context) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending if sent.get() > paid => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await;
        while paid < sent.get() {
            turn().await;
            paid += 1;
        }
        if let Some(value) = done {
            return value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends so many requests; each is under way for one round.
    async fn requests(number: u32, log: &Cell<Vec<&'static str>>) {
        for _ in 0..number {
            SENT.with(|sent| sent.set(sent.get() + 1));
            note(log, "sent");
            tokio::task::yield_now().await;
            note(log, "answered");
        }
    }

    fn note(log: &Cell<Vec<&'static str>>, what: &'static str) {
        let mut all = log.take();
        all.push(what);
        log.set(all);
    }

    #[tokio::test]
    async fn every_page_after_the_first_takes_its_turn_before_the_one_after_it_is_sent() {
        let log = Cell::default();
        each(requests(3, &log), async || {
            // Others are at work meanwhile.
            tokio::task::yield_now().await;
            note(&log, "turn");
        })
        .await;
        let page = ["sent", "turn", "answered"];
        assert_eq!(log.take(), [&["sent", "answered"][..], &page, &page].concat());
    }

    #[tokio::test]
    async fn a_call_of_one_request_takes_no_further_turn() {
        let log = Cell::default();
        each(requests(1, &log), async || note(&log, "turn")).await;
        assert_eq!(log.take(), ["sent", "answered"]);
    }
}
