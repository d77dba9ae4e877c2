//! HTTP on both sides: connections of clients, one request each to the sandbox, and the moment when an answer has gone out.

use super::answer::Answer;
use super::{Reply, Shared};
use futures_util::StreamExt;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{CONNECTION, CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING};
use hyper::http::request::Parts;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Accepts connections until `ended`.
pub(super) async fn serve(listener: std::net::TcpListener, shared: Arc<Shared>, mut ended: oneshot::Receiver<()>) {
    let listener = TcpListener::from_std(listener).unwrap();
    loop {
        tokio::select! {
            _ = &mut ended => return,
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let _ = stream.set_nodelay(true);
                tokio::spawn(connection(stream, shared.clone()));
            }
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    let passed = Passed::default();
    let io = Watched { io: TokioIo::new(stream), passed: passed.clone() };
    let service = service_fn(move |request: Request<Incoming>| {
        let (shared, passed) = (shared.clone(), passed.clone());
        async move {
            let counted = Counted::new(&shared);
            // In a task of its own: a client that is killed does not take back what it has sent.
            let reply = tokio::spawn(async move {
                let _counted = counted;
                shared.reply(request, &passed).await
            });
            match reply.await {
                Ok(Reply::Whole(answer)) => Ok(whole_response(answer)),
                Ok(Reply::Half(answer)) => Ok(half_response(answer)),
                Ok(Reply::Nothing) | Err(_) => Err(io::Error::other("the connection is closed without an answer")),
            }
        }
    });
    // It ends with an error whenever a client or a scenario closes it.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(io, service).await;
}

/// A call that is under way.
pub(super) struct Counted(Arc<Shared>);

impl Counted {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        *shared.under_way.lock().unwrap() += 1;
        Self(shared.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        *self.0.under_way.lock().unwrap() -= 1;
    }
}

/// All of a request's body.
pub(super) async fn whole(body: Incoming) -> Result<Bytes, hyper::Error> {
    Ok(body.collect().await?.to_bytes())
}

fn whole_response(answer: Answer) -> Response<Body> {
    let body = Full::new(answer.body.clone()).map_err(|never| match never {}).boxed_unsync();
    response(answer, body)
}

/// Promises all of the body, sends half of it, and then fails.
fn half_response(answer: Answer) -> Response<Body> {
    let half = answer.body.slice(..answer.body.len() / 2);
    let sent = futures_util::stream::once(async move { Ok(Frame::data(half)) });
    let broken = futures_util::stream::once(async {
        // So that the first half is sent before the error ends everything.
        tokio::task::yield_now().await;
        Err(io::Error::other("cut here"))
    });
    let length = answer.body.len();
    let mut response = response(answer, BodyExt::boxed_unsync(StreamBody::new(sent.chain(broken))));
    response.headers_mut().insert(CONTENT_LENGTH, length.into());
    response
}

fn response(answer: Answer, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}

/// Sends a request on and returns the whole answer.
pub(super) async fn forward(upstream: SocketAddr, parts: &Parts, body: Bytes) -> Result<Answer, String> {
    let exchange = async || -> Result<Answer, Box<dyn std::error::Error>> {
        let stream = TcpStream::connect(upstream).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        // Ends by itself when `sender` and the answer are gone.
        tokio::spawn(connection);
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = parts.method.clone();
        *request.uri_mut() = parts.uri.clone();
        *request.headers_mut() = end_to_end(&parts.headers);
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Answer { status: head.status, headers: end_to_end(&head.headers), body })
    };
    exchange().await.map_err(|error| error.to_string())
}

/// Headers without those that concern one connection only.
fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    for name in [CONNECTION, CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    headers
}

/// What to do when the answer that is being written is with the client.
#[derive(Clone, Default)]
pub(super) struct Passed(Arc<Mutex<Option<Pending>>>);

struct Pending {
    /// Bytes that are still to be written.
    left: usize,
    act: Box<dyn FnOnce() + Send>,
}

impl Passed {
    pub(super) fn then(&self, bytes: usize, act: impl FnOnce() + Send + 'static) {
        *self.0.lock().unwrap() = Some(Pending { left: bytes.max(1), act: Box::new(act) });
    }

    fn wrote(&self, bytes: usize) {
        if let Some(pending) = &mut *self.0.lock().unwrap() {
            pending.left = pending.left.saturating_sub(bytes);
        }
    }

    /// Everything that was written is with the system, which delivers it whatever we do.
    fn flushed(&self) {
        let due = self.0.lock().unwrap().take_if(|pending| pending.left == 0);
        if let Some(pending) = due {
            (pending.act)();
        }
    }
}

/// A connection that knows when an answer has gone out.
struct Watched {
    io: TokioIo<TcpStream>,
    passed: Passed,
}

impl Read for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl Write for Watched {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.io).poll_write(context, bytes))?;
        self.passed.wrote(written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.io).poll_flush(context))?;
        self.passed.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}
