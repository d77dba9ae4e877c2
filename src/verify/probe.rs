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
use tls::{Broken, Handshake, Trusted};

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
    /// Other names that the public name stands for, if it is a CNAME.
    pub aliases: Vec<String>,
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
        let silent = |handshake: &Handshake| matches!(handshake, Err(Broken::Unreachable(_) | Broken::NoRoute(_)));
        !self.handshakes.is_empty() && self.handshakes.iter().all(|(_, handshake)| silent(handshake))
    }
}

/// Asks. `balancer` is the load balancer's own DNS name, dialled when the public name leads nowhere.
pub async fn probe(expect: &Expect, reach: &Reach, balancer: Option<&str>) -> Endpoint {
    let (found, own) = tokio::join!(dns::lookup(&expect.host, reach), async {
        match balancer.filter(|name| !name.is_empty()) {
            Some(name) => Some(dns::addresses(name, reach).await),
            None => None,
        }
    });
    let aliases = found.as_ref().map(|found| found.aliases.clone()).unwrap_or_default();
    let name = found.map(|found| found.addresses);
    let zone = match expect.zone.as_deref().filter(|_| name == Err(NameFailure::Absent) && !expect.is_internal) {
        Some(zone) => Some(dns::name_servers(zone, reach).await),
        None => None,
    };
    let known = name.as_ref().ok().or(own.as_ref().and_then(|own| own.as_ref().ok()));
    let mut addresses = known.cloned().unwrap_or_default();
    addresses.truncate(ADDRESSES);
    let mut endpoint = Endpoint { name: Some(name), aliases, balancer: own, zone, ..Endpoint::default() };
    if addresses.is_empty() {
        return endpoint;
    }
    let trusted = Trusted::load(reach.ca_file.as_deref());
    let host = expect.host.as_str();
    let shake = async |address| (address, tls::handshake(address, reach.https_port, host, &trusted).await);
    endpoint.handshakes = futures_util::future::join_all(addresses.into_iter().map(shake)).await;
    let first = |good: fn(&Handshake) -> bool| {
        endpoint.handshakes.iter().find(|(_, handshake)| good(handshake)).map(|(address, _)| *address)
    };
    let (answering, routed) = (first(Result::is_ok), first(|shake| !matches!(shake, Err(Broken::NoRoute(_)))));
    let plain = async {
        match routed {
            Some(address) => Some(http::ask_plain(address, reach.http_port, host).await),
            None => None,
        }
    };
    let answers = async {
        let Some(address) = answering else { return BTreeMap::new() };
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
        futures_util::future::join_all(QUESTIONS.iter().map(ask)).await.into_iter().collect()
    };
    (endpoint.plain, endpoint.answers) = tokio::join!(plain, answers);
    endpoint
}
