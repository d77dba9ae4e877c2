//! An S3 bucket in memory that honours conditions, or does not, and loses answers on request.

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::DateTime;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::date_time::Format;
use hybridctl::aws::Aws;
use hybridctl::aws::s3::Bucket;
use hybridctl::state::lease::LeaseTimes;
use hybridctl::state::s3::S3Store;
use hybridctl::state::{LockInfo, State};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use uuid::Uuid;

/// What goes wrong with one write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// It is carried out, and nobody learns of it.
    LostAnswer,
    /// It is not carried out, and nobody learns of it.
    LostRequest,
    /// `409 ConditionalRequestConflict`.
    Conflict,
    /// `503 SlowDown`.
    SlowDown,
}

#[derive(Debug, Clone)]
struct Stored {
    body: Vec<u8>,
    etag: String,
    labels: Vec<(String, String)>,
    written: SystemTime,
}

#[derive(Debug, Default)]
struct Content {
    objects: BTreeMap<String, Stored>,
    writes: u64,
    troubles: Vec<(String, Trouble)>,
    ignores_conditions: bool,
    missing: bool,
    /// Keys that were deleted, on a server that refuses to make them again.
    graves: Option<Vec<String>>,
    /// Every request: method and key.
    asked: Vec<(String, String)>,
    /// Done right after a write of this key whose answer is lost.
    meanwhile: Option<(String, Vec<u8>)>,
}

/// The bucket, seen from outside.
#[derive(Debug, Clone, Default)]
pub struct World(Arc<Mutex<Content>>);

/// Short enough for a test. The age of a lock has a grain of seconds, so an expiry still takes two of them.
pub const TIMES: LeaseTimes =
    LeaseTimes { lease: Duration::from_millis(600), beat: Duration::from_millis(100), poll: Duration::from_millis(50) };

impl World {
    /// A store in it, as one machine has it.
    pub fn store(&self) -> S3Store {
        S3Store::new(Bucket::of(&self.aws(), "acme-state", "eu-central-1").unwrap(), "team/t")
    }

    /// Clients that reach nothing else.
    pub fn aws(&self) -> Aws {
        let connector = SharedHttpConnector::new(self.clone());
        let client: SharedHttpClient = http_client_fn(move |_, _| connector.clone());
        Aws::with_http(client)
    }

    /// The next write of this key goes wrong; several in their order.
    pub fn trouble(&self, key: &str, trouble: Trouble) {
        self.0.lock().unwrap().troubles.push((full(key), trouble));
    }

    /// What somebody else writes after the next write of this key whose answer is lost.
    pub fn overwrites(&self, key: &str, body: Vec<u8>) {
        self.0.lock().unwrap().meanwhile = Some((full(key), body));
    }

    pub fn ignore_conditions(&self) {
        self.0.lock().unwrap().ignores_conditions = true;
    }

    /// As some servers with versions do: what was deleted is "there" for `If-None-Match`, and nowhere else.
    pub fn refuse_to_make_again(&self) {
        self.0.lock().unwrap().graves = Some(vec![]);
    }

    pub fn remove_bucket(&self) {
        self.0.lock().unwrap().missing = true;
    }

    /// An object's text, or `None`.
    pub fn text(&self, key: &str) -> Option<String> {
        let content = self.0.lock().unwrap();
        content.objects.get(&full(key)).map(|stored| String::from_utf8(stored.body.clone()).unwrap())
    }

    /// Writes without asking anybody.
    pub fn write(&self, key: &str, body: &str, ago: Duration) {
        let mut content = self.0.lock().unwrap();
        content.store(full(key), body.as_bytes().to_vec(), vec![]);
        content.objects.get_mut(&full(key)).unwrap().written -= ago;
    }

    /// Deletes without asking anybody.
    pub fn delete(&self, key: &str) {
        self.0.lock().unwrap().remove(&full(key));
    }

    /// The names of the objects below the prefix.
    pub fn names(&self) -> Vec<String> {
        let content = self.0.lock().unwrap();
        content.objects.keys().map(|key| key.rsplit('/').next().unwrap().to_owned()).collect()
    }

    /// Requests of this method and key.
    pub fn asked(&self, method: &str, key: &str) -> usize {
        let content = self.0.lock().unwrap();
        content.asked.iter().filter(|(how, what)| how == method && *what == full(key)).count()
    }

    /// All requests.
    pub fn requests(&self) -> usize {
        self.0.lock().unwrap().asked.len()
    }
}

fn full(key: &str) -> String {
    format!("team/t/{key}")
}

impl Content {
    fn store(&mut self, key: String, body: Vec<u8>, labels: Vec<(String, String)>) -> String {
        self.writes += 1;
        let etag = format!("\"{:032x}\"", self.writes);
        self.objects.insert(key, Stored { body, etag: etag.clone(), labels, written: SystemTime::now() });
        etag
    }

    fn answer(&mut self, request: &HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let uri = request.uri().to_owned();
        let path = uri.split_once("amazonaws.com/").map_or("", |(_, path)| path);
        let (key, query) = path.split_once('?').unwrap_or((path, ""));
        let key = key.replace("%2F", "/");
        self.asked.push((request.method().to_owned(), key.clone()));
        if self.missing {
            return Ok(refusal(404, "NoSuchBucket"));
        }
        let asks = |name: &str| query.split('&').any(|part| part.split('=').next() == Some(name));
        if asks("versioning") {
            return Ok(plain(200, "<VersioningConfiguration/>"));
        }
        if asks("publicAccessBlock") {
            return Ok(refusal(404, "NoSuchPublicAccessBlockConfiguration"));
        }
        if asks("encryption") {
            return Ok(refusal(403, "AccessDenied"));
        }
        match request.method() {
            "GET" => Ok(self.get(&key)),
            "PUT" => self.put(&key, request),
            "DELETE" => Ok(self.delete(&key, request)),
            other => panic!("{other} {uri}"),
        }
    }

    fn get(&self, key: &str) -> HttpResponse {
        let Some(stored) = self.objects.get(key) else { return refusal(404, "NoSuchKey") };
        let mut answer = HttpResponse::new(200.try_into().unwrap(), SdkBody::from(stored.body.clone()));
        let headers = answer.headers_mut();
        headers.insert("etag", stored.etag.clone());
        headers.insert("date", http_date(SystemTime::now()));
        headers.insert("last-modified", http_date(stored.written));
        for (name, value) in &stored.labels {
            headers.insert(name.clone(), value.clone());
        }
        answer
    }

    fn put(&mut self, key: &str, request: &HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let at = self.troubles.iter().position(|(of, _)| of == key);
        let trouble = at.map(|at| self.troubles.remove(at).1);
        match trouble {
            Some(Trouble::Conflict) => return Ok(refusal(409, "ConditionalRequestConflict")),
            Some(Trouble::SlowDown) => return Ok(refusal(503, "SlowDown")),
            Some(Trouble::LostRequest) => return Err(lost()),
            Some(Trouble::LostAnswer) | None => {}
        }
        if let Some(refusal) = self.condition(key, request) {
            return Ok(refusal);
        }
        let labels = request.headers().iter().filter(|(name, _)| name.starts_with("x-amz-meta-"));
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let etag = self.store(key.to_owned(), request.body().bytes().unwrap().to_vec(), labels);
        if trouble == Some(Trouble::LostAnswer) {
            if let Some((key, body)) = self.meanwhile.take() {
                self.store(key, body, vec![]);
            }
            return Err(lost());
        }
        let mut answer = plain(200, "");
        answer.headers_mut().insert("etag", etag);
        Ok(answer)
    }

    fn delete(&mut self, key: &str, request: &HttpRequest) -> HttpResponse {
        if let Some(refusal) = self.condition(key, request) {
            return refusal;
        }
        self.remove(key);
        plain(204, "")
    }

    fn remove(&mut self, key: &str) {
        self.objects.remove(key);
        self.graves.iter_mut().for_each(|graves| graves.push(key.to_owned()));
    }

    fn condition(&self, key: &str, request: &HttpRequest) -> Option<HttpResponse> {
        let stored = self.objects.get(key);
        let header = |name: &str| request.headers().get(name);
        let fails = match (header("if-none-match"), header("if-match")) {
            (Some("*"), None) => stored.is_some() || self.graves.iter().flatten().any(|grave| grave == key),
            (None, Some(_)) if stored.is_none() => return Some(refusal(404, "NoSuchKey")),
            (None, Some(etag)) => stored.is_some_and(|stored| stored.etag != etag),
            _ => panic!("a write of {key} without a condition"),
        };
        (fails && !self.ignores_conditions).then(|| refusal(412, "PreconditionFailed"))
    }
}

impl HttpConnector for World {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(self.0.lock().unwrap().answer(&request))
    }
}

fn http_date(time: SystemTime) -> String {
    DateTime::from_secs(DateTime::from(time).secs()).fmt(Format::HttpDate).unwrap()
}

fn lost() -> ConnectorError {
    ConnectorError::io("connection reset by peer".into())
}

fn plain(status: u16, body: &str) -> HttpResponse {
    HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body))
}

fn refusal(status: u16, code: &str) -> HttpResponse {
    plain(status, &format!("<Error><Code>{code}</Code><Message>said by the test</Message></Error>"))
}

/// A document of this serial.
pub fn version(serial: u64) -> State {
    State { serial, ..State::new("t", Uuid::nil()) }
}

/// Somebody at a machine.
pub fn who(name: &str) -> LockInfo {
    let job = Some("https://ci.example.com/jobs/7".to_owned());
    LockInfo { who: name.to_owned(), pid: 7, command: "up".into(), since: jiff::Timestamp::UNIX_EPOCH, job }
}
