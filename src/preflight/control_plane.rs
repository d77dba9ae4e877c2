//! Whether the control plane can be reached, as far as this machine can tell: the tasks have a way out of their own.
//!
//! Nothing is sent but `GET /`, and not even that over a connection whose certificate is not trusted.

use crate::verify::Reach;
use crate::verify::probe::dns::{NameFailure, addresses};
use crate::verify::probe::http::{Question, ask};
use crate::verify::probe::tls::{Trust, Trusted, connect};
use std::time::Duration;

/// Why the control plane did not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Silence {
    /// Its name is not there.
    Absent,
    /// It shows a certificate that clients do not accept; who issued it.
    Untrusted(String),
    /// Something else, in words.
    Other(String),
}

/// The HTTP status of the answer to `GET /`.
pub type Answered = Result<u16, Silence>;

/// Asks once. `url` is `https://host` or `https://host:port`, with or without a path.
pub async fn reach(url: &str, through: &Reach, limit: Duration) -> Answered {
    // Each part has its own limit, except for the answer: a server can be silent after the handshake.
    let late = || Silence::Other(format!("no answer within {} seconds", limit.as_secs()));
    tokio::time::timeout(limit, try_to_reach(url, through)).await.unwrap_or_else(|_| Err(late()))
}

async fn try_to_reach(url: &str, through: &Reach) -> Answered {
    let authority = url.trim_start_matches("https://").split('/').next().unwrap_or_default();
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, port.parse().unwrap_or(through.https_port)),
        None => (authority, through.https_port),
    };
    let found = addresses(host, through).await.map_err(|failure| match failure {
        NameFailure::Absent => Silence::Absent,
        NameFailure::Unknown(why) => Silence::Other(format!("the resolvers did not say where {host} is ({why})")),
    })?;
    let trusted = Trusted::load(through.ca_file.as_deref());
    // As clients do: the next address where one does not answer.
    let mut connection = Err(Silence::Absent);
    for address in found {
        connection = connect(address, port, host, &trusted).await.map_err(|broken| Silence::Other(broken.to_string()));
        if connection.is_ok() {
            break;
        }
    }
    let (stream, secured) = connection?;
    if !matches!(secured.trust, Trust::Good | Trust::NoRoots) {
        return Err(Silence::Untrusted(secured.certificate.issuer));
    }
    ask(stream, host, &Question::get("/"), None).await.map(|answer| answer.status).map_err(Silence::Other)
}
