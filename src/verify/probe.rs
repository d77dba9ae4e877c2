//! Asks the endpoint as a client would: name, connection, certificate, answers.
//!
//! Nothing secret is sent, so an answer behind a certificate that does not verify is read all the same: the layers above it
//! are judged too, and the certificate is reported as what it is.

pub mod dns;
pub mod http;
pub mod tls;

use super::world::{Expect, Reach};
use dns::NameFailure;
use http::{Answer, Question};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;
use tls::{Handshake, Trusted};

/// Longest time for one connection to be made.
pub const CONNECT: Duration = Duration::from_secs(5);
/// Longest time for one question, connection included.
pub const WHOLE: Duration = Duration::from_secs(15);
/// At most so many addresses are dialled; a load balancer has one in each zone.
const ADDRESSES: usize = 8;

/// What `verify` asks the server.
pub const QUESTIONS: &[(&str, Question)] = &[
    ("health", Question::get("/health")),
    ("info", Question::get("/api/v1/info")),
    ("version", Question::get("/api/v1/version")),
    ("root", Question::get("/")),
    ("user", Question::get("/api/v1/current-user")),
    ("login", Question::post("/api/v1/login")),
    ("settings", Question::get("/api/v1/settings")),
    ("cors", Question::get("/api/v1/version").from_dashboard()),
    ("foreign", Question::get("/api/v1/version").from_origin("https://hybridctl-no-such-origin.invalid")),
];

/// What the endpoint said.
#[derive(Debug, Clone, Default)]
pub struct Endpoint {
    /// Addresses of the public name.
    pub name: Option<Result<Vec<IpAddr>, NameFailure>>,
    /// Addresses of the load balancer's own name.
    pub balancer: Option<Result<Vec<IpAddr>, NameFailure>>,
    /// Name servers of the zone, asked when the public name is not there.
    pub zone: Option<Result<Vec<String>, NameFailure>>,
    /// The handshake with each address that was dialled.
    pub handshakes: Vec<(IpAddr, Handshake)>,
    /// Plain HTTP on port 80.
    pub plain: Option<Result<Answer, String>>,
    /// The answers, by the name of the question in [`QUESTIONS`]; none when no handshake succeeded.
    pub answers: BTreeMap<&'static str, Result<Answer, String>>,
}

impl Endpoint {
    /// The first handshake that came to an end.
    pub fn secured(&self) -> Option<&tls::Secured> {
        self.handshakes.iter().find_map(|(_, handshake)| handshake.as_ref().ok())
    }

    /// True if there were addresses and none of them took the connection in time.
    pub fn is_unreachable(&self) -> bool {
        !self.handshakes.is_empty()
            && self.handshakes.iter().all(|(_, handshake)| matches!(handshake, Err(tls::Broken::Unreachable(_))))
    }
}

/// Asks. `balancer` is the load balancer's own DNS name, dialled when the public name leads nowhere.
pub async fn probe(expect: &Expect, reach: &Reach, balancer: Option<&str>) -> Endpoint {
    let (name, own) = tokio::join!(dns::addresses(&expect.host, reach), async {
        match balancer.filter(|name| !name.is_empty()) {
            Some(name) => Some(dns::addresses(name, reach).await),
            None => None,
        }
    });
    let zone = match expect.zone.as_deref().filter(|_| name == Err(NameFailure::Absent) && !expect.is_internal) {
        Some(zone) => Some(dns::name_servers(zone, reach).await),
        None => None,
    };
    let known = name.as_ref().ok().or(own.as_ref().and_then(|own| own.as_ref().ok()));
    let mut addresses = known.cloned().unwrap_or_default();
    addresses.truncate(ADDRESSES);
    let mut endpoint = Endpoint { name: Some(name), balancer: own, zone, ..Endpoint::default() };
    let Some(first) = addresses.first().copied() else { return endpoint };
    let trusted = Trusted::load(reach.ca_file.as_deref());
    let host = expect.host.as_str();
    let shake = async |address| (address, tls::handshake(address, reach.https_port, host, &trusted).await);
    let (handshakes, plain) = tokio::join!(
        futures_util::future::join_all(addresses.into_iter().map(shake)),
        http::ask_plain(first, reach.http_port, host),
    );
    endpoint.plain = Some(plain);
    let answering = handshakes.iter().find(|(_, handshake)| handshake.is_ok()).map(|(address, _)| *address);
    endpoint.handshakes = handshakes;
    if let Some(address) = answering {
        let ask = async |(name, question): &(&'static str, Question)| {
            let origin = question.origin_for(&expect.dashboard_url);
            let asked = async {
                let stream =
                    tls::connect(address, reach.https_port, host, &trusted).await.map_err(|e| e.to_string())?;
                http::ask(stream.0, host, question, origin).await
            };
            let late = || format!("no answer within {} seconds", WHOLE.as_secs());
            (*name, tokio::time::timeout(WHOLE, asked).await.unwrap_or_else(|_| Err(late())))
        };
        endpoint.answers = futures_util::future::join_all(QUESTIONS.iter().map(ask)).await.into_iter().collect();
    }
    endpoint
}
