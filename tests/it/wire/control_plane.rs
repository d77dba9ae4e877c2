//! PF-CONTROL-PLANE against servers of our own: each way to answer, to refuse and to be silent.
//!
//! The command asks no control plane in the sandbox, so what it calls is called here: everything is gathered, then judged.

use crate::support::cli::Rehearsal;
use hybridctl::aws::{Aws, Connection};
use hybridctl::preflight::control_plane::reach;
use hybridctl::preflight::{CheckResult, Facts, Wish, gather, judge};
use hybridctl::verify::Reach;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

const HOST: &str = "control-plane.mycompany.com";
/// Long for a server that answers; a silent one is waited for as long as this.
const LIMIT: Duration = Duration::from_secs(10);

/// The name leads to this machine. Two authorities, and a certificate of each for the name.
const PREPARE: &str = r#"
sys.dont_write_bytecode = True
sys.path.insert(0, argv[1])
from simulator.authority import Authority, pem_of
dns = client("route53")
zone = dns.list_hosted_zones_by_name(DNSName="mycompany.com")["HostedZones"][0]["Id"]
record = {"Name": argv[0], "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "127.0.0.1"}]}
dns.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]})
ours, another = Authority(), Authority()
pair = lambda authority: [part.decode() for part in authority.issue([argv[0]])]
out({"ca": pem_of(ours.certificate).decode(), "ours": pair(ours), "another": pair(another)})
"#;

/// What a server does with a connection.
#[derive(Clone)]
enum Manner {
    /// The handshake, then these bytes.
    Answers(Arc<ServerConfig>, &'static str),
    /// The handshake, then nothing.
    IsSilent(Arc<ServerConfig>),
    /// Not even a handshake.
    Hangs,
}

/// A server on a port of its own, with what it was sent in clear. It ends when it is dropped.
struct Server {
    url: String,
    received: Arc<Mutex<String>>,
    _end: oneshot::Sender<()>,
}

impl Server {
    async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{HOST}:{}", listener.local_addr().unwrap().port());
        let received = Arc::new(Mutex::new(String::new()));
        let (end, mut ended) = oneshot::channel();
        let log = received.clone();
        tokio::spawn(async move {
            loop {
                let stream = tokio::select! {
                    _ = &mut ended => return,
                    accepted = listener.accept() => accepted.unwrap().0,
                };
                tokio::spawn(serve(stream, manner.clone(), log.clone()));
            }
        });
        Self { url, received, _end: end }
    }
}

async fn serve(mut stream: tokio::net::TcpStream, manner: Manner, log: Arc<Mutex<String>>) {
    let (config, reply) = match manner {
        Manner::Answers(config, reply) => (config, Some(reply)),
        Manner::IsSilent(config) => (config, None),
        // What the client says first is read, and then its end is waited for.
        Manner::Hangs => {
            while stream.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {}
            return;
        }
    };
    let Ok(mut secured) = TlsAcceptor::from(config).accept(stream).await else { return };
    let mut part = [0; 1024];
    while let Ok(read) = secured.read(&mut part).await {
        if read == 0 {
            return;
        }
        log.lock().unwrap().push_str(&String::from_utf8_lossy(&part[..read]));
        let is_complete = log.lock().unwrap().contains("\r\n\r\n");
        if let Some(reply) = reply.filter(|_| is_complete) {
            secured.write_all(reply.as_bytes()).await.unwrap();
            let _ = secured.shutdown().await;
            return;
        }
    }
}

fn with_certificate(pair: &serde_json::Value) -> Arc<ServerConfig> {
    let certificate = CertificateDer::from_pem_slice(pair[0].as_str().unwrap().as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(pair[1].as_str().unwrap().as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap())
}

struct Bench {
    facts: Facts,
    reach: Reach,
}

impl Bench {
    /// The conclusion on a URL: word, why or what was seen, remedy and evidence.
    async fn judged(&self, url: &str) -> CheckResult {
        let mut facts = self.facts.clone();
        facts.wish.api_url = url.to_owned();
        facts.outside.control_plane = Some(reach(url, &self.reach, LIMIT).await);
        of(&facts)
    }

    #[track_caller]
    fn told(result: &CheckResult, word: &str, why: &str, more: &[&str]) {
        assert_eq!(result.word(), word, "{result:#?}");
        let finding = result.finding().unwrap();
        assert_eq!(finding.why, why);
        let rest = format!("{}\n{}", finding.next, finding.evidence.join("\n"));
        for one in more {
            assert!(rest.contains(one), "`{one}` is missing in\n{rest}");
        }
    }
}

fn of(facts: &Facts) -> CheckResult {
    judge(facts).checks.into_iter().find(|check| check.id == "PF-CONTROL-PLANE").unwrap()
}

const REPLY_404: &str = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
const REPLY_503: &str = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";

#[tokio::test]
async fn each_answer_and_each_silence_of_the_control_plane_is_told_with_its_remedy() {
    let rehearsal = Rehearsal::new();
    rehearsal.run(&["preflight", "--only", "PF-CLOCK"]).expect(0);
    let python = concat!(env!("CARGO_MANIFEST_DIR"), "/src/sandbox/python");
    let made = rehearsal.boto(PREPARE, &[HOST, python]);
    let ca_file = rehearsal.dir.path().join("authority.pem");
    std::fs::write(&ca_file, made["ca"].as_str().unwrap()).unwrap();
    let (ours, another) = (with_certificate(&made["ours"]), with_certificate(&made["another"]));
    let sandbox = &rehearsal.sandbox;
    let reach = Reach::sandbox(sandbox.dns_port, sandbox.https_port, sandbox.http_port, ca_file);

    let good = Server::start(Manner::Answers(ours.clone(), REPLY_404)).await;
    let connection =
        Connection { region: "eu-central-1".into(), profile: None, endpoint: Some(sandbox.endpoint.clone()) };
    let wish = Wish {
        api_url: format!("{}/path", good.url),
        host: "zenml.mycompany.com".into(),
        certificate_arn: Some("arn:aws:acm:eu-central-1:123456789012:certificate/none".into()),
        ..Wish::default()
    };
    let facts = gather(wish, &Aws::connect(&connection).await, &reach, None).await;
    let answered = of(&facts);
    assert_eq!(answered.status, hybridctl::preflight::Status::Pass(format!("{}/path answers (HTTP 404)", good.url)));
    // Nothing but this is sent: no credential, no body.
    let sent = good.received.lock().unwrap().to_lowercase();
    let (line, headers) = sent.trim_end().split_once("\r\n").unwrap();
    let names: Vec<&str> = headers.lines().map(|header| header.split(':').next().unwrap()).collect();
    assert_eq!((line, names), ("get / http/1.1", vec!["host", "user-agent", "accept", "connection"]), "{sent}");

    let bench = Bench { facts, reach };
    let (broken, untrusted, silent, hanging) = tokio::join!(
        Server::start(Manner::Answers(ours.clone(), REPLY_503)),
        Server::start(Manner::Answers(another, REPLY_404)),
        Server::start(Manner::IsSilent(ours)),
        Server::start(Manner::Hangs),
    );
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let refused = format!("https://{HOST}:{closed}");
    let results = futures_util::future::join_all([
        bench.judged(&broken.url),
        bench.judged(&untrusted.url),
        bench.judged(&silent.url),
        bench.judged(&hanging.url),
        bench.judged(&refused),
        bench.judged("https://no-such-name.mycompany.com"),
    ])
    .await;
    let there = "only they can tell for certain";
    let way = "check the way from here to the internet";
    let told = |at: usize, word: &str, why: String, more: &[&str]| Bench::told(&results[at], word, &why, more);
    told(0, "WARN", format!("{} answers with HTTP 503", broken.url), &["ZenML's status page"]);
    let why = format!("{} shows a certificate that is not trusted here: something may read along", untrusted.url);
    told(
        1,
        "WARN",
        why,
        &["let the control plane through unchanged", "issued by CN=hybridctl sandbox authority", there],
    );
    assert_eq!(*untrusted.received.lock().unwrap(), "", "something was sent to a server that is not trusted");
    told(2, "WARN", format!("{} does not answer: no answer within 10 seconds", silent.url), &[way, there]);
    let why = format!("{} does not answer: no end of the handshake within 5 seconds", hanging.url);
    told(3, "WARN", why, &[way, there]);
    let finding = results[4].finding().unwrap();
    assert!(finding.why.starts_with(&format!("{refused} does not answer: 127.0.0.1 port {closed}: ")), "{finding:?}");
    assert!(results[4].word() == "WARN" && finding.why.contains("refused") && finding.next == way, "{finding:?}");
    let why = "the resolvers of this machine know no such name as in https://no-such-name.mycompany.com".to_owned();
    told(5, "WARN", why, &["correct `zenml.api_url`", "https://cloudapi.zenml.io", there]);
}
