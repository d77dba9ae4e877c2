//! The sandbox's own interface, on the port of its AWS API: one small JSON request at a time.

use super::{Result, Sandbox, SandboxError};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{Method, Request, StatusCode, Uri, header};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpStream;

/// The server answers at once, but a machine that compiles meanwhile is slow.
const PATIENCE: Duration = Duration::from_secs(30);
/// No answer is longer, in bytes.
const LONGEST: usize = 1 << 20;

/// Why a request has no answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Nobody listens there.
    Absent,
    /// Someone listens, but it is no sandbox.
    Foreign(String),
    /// Someone listens and says nothing.
    Silent(String),
    /// The sandbox refuses, in its own words.
    Refused(String),
}

impl Trouble {
    pub(super) fn explain(self, endpoint: &str, action: &str) -> SandboxError {
        let why = match self {
            Self::Absent => "nothing listens there".to_owned(),
            Self::Foreign(why) | Self::Silent(why) | Self::Refused(why) => why,
        };
        SandboxError::NotAnswering { endpoint: endpoint.to_owned(), action: action.to_owned(), why }
    }
}

/// Returns the address of an endpoint on this machine, `http://127.0.0.1:5000`.
///
/// # Errors
/// The endpoint is anything else: another machine, another scheme, no port, a path.
pub fn loopback(endpoint: &str) -> Result<SocketAddr> {
    address(endpoint).ok_or_else(|| SandboxError::NotLoopback { endpoint: endpoint.to_owned() })
}

fn address(endpoint: &str) -> Option<SocketAddr> {
    let uri: Uri = endpoint.parse().ok()?;
    // An authority with a user name would read as one host and be another: `http://127.0.0.1@example.com:80`.
    let plain = uri.scheme_str() == Some("http") && matches!(uri.path(), "" | "/") && uri.query().is_none();
    if !plain || uri.authority()?.as_str().contains('@') {
        return None;
    }
    let ip = match uri.host()?.trim_start_matches('[').trim_end_matches(']') {
        "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
        host => host.parse().ok()?,
    };
    ip.is_loopback().then_some(SocketAddr::new(ip, uri.port_u16()?))
}

/// Who is there.
pub(super) async fn status(to: SocketAddr) -> std::result::Result<Sandbox, Trouble> {
    send(to, Method::GET, "status", None).await
}

/// Has something done.
pub(super) async fn post<T: DeserializeOwned>(
    to: SocketAddr,
    action: &str,
    body: Option<&Value>,
) -> std::result::Result<T, Trouble> {
    send(to, Method::POST, action, body).await
}

async fn send<T: DeserializeOwned>(
    to: SocketAddr,
    method: Method,
    action: &str,
    body: Option<&Value>,
) -> std::result::Result<T, Trouble> {
    let (status, content) = tokio::time::timeout(PATIENCE, exchange(to, method, action, body))
        .await
        .map_err(|_| Trouble::Silent(format!("no answer in {} s", PATIENCE.as_secs())))??;
    let foreign = || Trouble::Foreign(format!("HTTP status {status}, and not as a sandbox does"));
    let value: Value = serde_json::from_slice(&content).map_err(|_| foreign())?;
    match (status, value["error"].as_str()) {
        (StatusCode::OK, _) => serde_json::from_value(value).map_err(|_| foreign()),
        (_, Some(refusal)) => Err(Trouble::Refused(refusal.to_owned())),
        _ => Err(foreign()),
    }
}

async fn exchange(
    to: SocketAddr,
    method: Method,
    action: &str,
    body: Option<&Value>,
) -> std::result::Result<(StatusCode, Bytes), Trouble> {
    let foreign = |error: hyper::Error| Trouble::Foreign(error.to_string());
    let stream = TcpStream::connect(to).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::ConnectionRefused => Trouble::Absent,
        _ => Trouble::Silent(error.to_string()),
    })?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(foreign)?;
    // Ends by itself when `sender` and the answer are gone.
    tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(format!("/sandbox/{action}"))
        .header(header::HOST, to.to_string())
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONNECTION, "close")
        .body(Full::new(body.map(|body| Bytes::from(body.to_string())).unwrap_or_default()))
        .expect("because method, path and headers are plain");
    let answer = sender.send_request(request).await.map_err(foreign)?;
    let status = answer.status();
    let content = Limited::new(answer.into_body(), LONGEST).collect().await;
    let content = content.map_err(|error| Trouble::Foreign(error.to_string()))?;
    Ok((status, content.to_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[test]
    fn only_this_machine_is_a_sandbox() {
        for accepted in ["http://127.0.0.1:5000", "http://127.0.0.1:5000/", "http://127.9.9.9:1", "http://[::1]:80"] {
            assert!(loopback(accepted).is_ok(), "{accepted}");
        }
        assert_eq!(loopback("http://localhost:5000").unwrap().to_string(), "127.0.0.1:5000");
        let refused = [
            "https://127.0.0.1:5000",
            "http://10.0.0.1:5000",
            "http://0.0.0.0:5000",
            "http://127.0.0.1",
            "http://127.0.0.1.example.com:80",
            "http://127.0.0.1@example.com:80",
            "http://example.com@127.0.0.1:80",
            "http://127.0.0.1:5000/path",
            "http://ec2.eu-central-1.amazonaws.com:80",
            "127.0.0.1:5000",
            "",
        ];
        for endpoint in refused {
            let error = loopback(endpoint).unwrap_err();
            assert!(matches!(error, SandboxError::NotLoopback { .. }), "{endpoint}: {error}");
        }
    }

    async fn answering(text: &'static str) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await.unwrap();
            stream.write_all(text.as_bytes()).await.unwrap();
        });
        address
    }

    #[tokio::test]
    async fn what_answers_otherwise_is_no_sandbox() {
        for text in [
            "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\n<p/>",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{}",
            "SSH-2.0-OpenSSH\r\n",
            "",
        ] {
            let trouble = status(answering(text).await).await.unwrap_err();
            assert!(matches!(trouble, Trouble::Foreign(_)), "{text:?}: {trouble:?}");
        }
    }

    #[tokio::test]
    async fn a_refusal_is_quoted_and_an_empty_port_is_absent() {
        let text = "HTTP/1.1 400 Bad Request\r\nContent-Length: 26\r\n\r\n{\"error\":\"KeyError: zone\"}";
        let address = answering(text).await;
        let trouble = post::<Value>(address, "seed", None).await.unwrap_err();
        assert!(matches!(&trouble, Trouble::Refused(why) if why == "KeyError: zone"), "{trouble:?}");
        assert!(matches!(status(address).await.unwrap_err(), Trouble::Absent));
    }
}
