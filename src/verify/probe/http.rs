//! One request and its answer, HTTP/1.1.

use super::{WHOLE, tls};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::{Method, Request, header};
use hyper_util::rt::TokioIo;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::pin::pin;
use tokio::io::{AsyncRead, AsyncWrite};

/// Bodies beyond this are not read.
const LARGEST: usize = 1 << 20;

/// Something to ask the server.
#[derive(Debug, Clone, Copy)]
pub struct Question {
    method: &'static str,
    path: &'static str,
    origin: Origin,
}

#[derive(Debug, Clone, Copy)]
enum Origin {
    None,
    Dashboard,
    Other(&'static str),
}

impl Question {
    /// A GET.
    pub const fn get(path: &'static str) -> Self {
        Self { method: "GET", path, origin: Origin::None }
    }

    /// A POST without a body.
    pub const fn post(path: &'static str) -> Self {
        Self { method: "POST", path, origin: Origin::None }
    }

    /// As a browser asks from a page of the dashboard.
    pub const fn from_dashboard(self) -> Self {
        Self { origin: Origin::Dashboard, ..self }
    }

    /// As a browser asks from a page of this origin.
    pub const fn from_origin(self, origin: &'static str) -> Self {
        Self { origin: Origin::Other(origin), ..self }
    }

    /// The `Origin` header to send.
    pub fn origin_for<'a>(&'a self, dashboard: &'a str) -> Option<&'a str> {
        match self.origin {
            Origin::None => None,
            Origin::Dashboard => Some(dashboard),
            Origin::Other(origin) => Some(origin),
        }
    }
}

/// What the server answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// `200`.
    pub status: u16,
    /// Headers, names in lower case; of repeated ones the last.
    pub headers: BTreeMap<String, String>,
    /// The body as text.
    pub body: String,
}

impl Answer {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The body as JSON; null if it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// True if the load balancer answered in the server's place.
    pub fn is_from_balancer(&self) -> bool {
        self.header("server").is_some_and(|server| server.starts_with("awselb"))
            || (self.status >= 502 && self.status <= 504 && self.body.contains("<html>"))
    }
}

/// Asks over a connection that is there.
///
/// # Errors
/// In words, what went wrong.
pub async fn ask(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    host: &str,
    question: &Question,
    origin: Option<&str>,
) -> Result<Answer, String> {
    let method = Method::from_bytes(question.method.as_bytes()).map_err(|error| error.to_string())?;
    // The name without a port, also in the sandbox: the load balancer goes by it.
    let mut request = Request::builder()
        .method(method)
        .uri(question.path)
        .header(header::HOST, host)
        .header(header::USER_AGENT, concat!("hybridctl/", env!("CARGO_PKG_VERSION")))
        .header(header::ACCEPT, "*/*")
        .header(header::CONNECTION, "close");
    if question.method == "POST" {
        request = request.header(header::CONTENT_LENGTH, "0");
    }
    if let Some(origin) = origin {
        request = request.header(header::ORIGIN, origin);
    }
    let request = request.body(Empty::<Bytes>::new()).map_err(|error| error.to_string())?;
    let words = |error: hyper::Error| format!("the connection ended without an answer: {error}");
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(words)?;
    let asking = pin!(async move {
        let (parts, body) = sender.send_request(request).await.map_err(words)?.into_parts();
        let body = Limited::new(body, LARGEST).collect().await.map_err(|error| error.to_string())?.to_bytes();
        let header = |(name, value): (&header::HeaderName, &header::HeaderValue)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        Ok(Answer {
            status: parts.status.as_u16(),
            headers: parts.headers.iter().map(header).collect(),
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    });
    // The connection has to be driven while the answer is awaited; it may end first, with the body already received.
    match futures_util::future::select(asking, pin!(connection)).await {
        futures_util::future::Either::Left((answer, _)) => answer,
        futures_util::future::Either::Right((_, asking)) => asking.await,
    }
}

/// Asks for the start page in clear, as a browser does that was given a name alone.
///
/// # Errors
/// In words, what went wrong.
pub async fn ask_plain(address: IpAddr, port: u16, host: &str) -> Result<Answer, String> {
    let asked = async {
        let stream = tls::tcp(address, port).await.map_err(|broken| broken.to_string())?;
        ask(stream, host, &Question::get("/"), None).await
    };
    tokio::time::timeout(WHOLE, asked)
        .await
        .unwrap_or_else(|_| Err(format!("no answer within {} seconds", WHOLE.as_secs())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn answer_to(reply: &'static str) -> (Result<Answer, String>, String) {
        let (near, mut far) = tokio::io::duplex(4096);
        let question = Question::post("/api/v1/login").from_dashboard();
        let origin = question.origin_for("https://cloud.zenml.io");
        let server = async move {
            let mut asked = vec![0; 2048];
            let read = far.read(&mut asked).await.unwrap();
            far.write_all(reply.as_bytes()).await.unwrap();
            drop(far);
            String::from_utf8_lossy(&asked[..read]).into_owned()
        };
        tokio::join!(ask(near, "zenml.x.com", &question, origin), server)
    }

    #[tokio::test]
    async fn a_request_carries_host_and_origin_and_its_answer_is_read() {
        let reply = "HTTP/1.1 307 Temporary Redirect\r\nLocation: https://a/b\r\nServer: awselb/2.0\r\nContent-Length: 2\r\n\r\n{}";
        let (answer, asked) = answer_to(reply).await;
        let answer = answer.unwrap();
        assert_eq!((answer.status, answer.header("location"), answer.body.as_str()), (307, Some("https://a/b"), "{}"));
        assert!(answer.is_from_balancer());
        let asked = asked.to_lowercase();
        assert!(asked.starts_with("post /api/v1/login http/1.1\r\nhost: zenml.x.com\r\n"), "{asked}");
        assert!(asked.contains("origin: https://cloud.zenml.io\r\n"), "{asked}");
    }

    #[tokio::test]
    async fn a_body_without_a_length_ends_with_the_connection() {
        let (answer, _) = answer_to("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok").await;
        assert_eq!(answer.unwrap().body, "ok");
    }

    #[tokio::test]
    async fn no_answer_and_nonsense_are_told_in_words() {
        assert!(answer_to("").await.0.unwrap_err().contains("without an answer"));
        assert!(answer_to("SSH-2.0-x\r\n\r\n").await.0.is_err());
    }
}
