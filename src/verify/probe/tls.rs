//! The handshake, and the certificate even when it does not verify.
//!
//! rustls ends a handshake at the first doubt, which leaves a user with "invalid certificate". The verifier here notes the
//! certificate, asks the ordinary WebPKI verifier what it thinks, and goes on: the judgement is part of the report.

use super::CONNECT;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::io::ErrorKind;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// How a handshake ended.
pub type Handshake = Result<Secured, Broken>;

/// A handshake that came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secured {
    /// `TLSv1_3`.
    pub protocol: String,
    /// What the server showed.
    pub certificate: Certificate,
    /// Whether a client would accept it.
    pub trust: Trust,
}

/// Why there was none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// No answer to the connection: a firewall, a security group, a private address.
    #[error("{0}")]
    Unreachable(String),
    /// This machine has no way to addresses of that family: an IPv6 address, and a machine with IPv4 alone.
    #[error("{0}")]
    NoRoute(String),
    /// The machine answered, but nothing listens there.
    #[error("{0}")]
    Refused(String),
    /// The connection was made and the handshake failed.
    #[error("{0}")]
    Handshake(String),
}

/// A certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Certificate {
    /// Host names that it is for.
    pub names: Vec<String>,
    /// Who issued it.
    pub issuer: String,
    /// First moment of its life, seconds since 1970.
    pub not_before: i64,
    /// Last moment of its life, seconds since 1970.
    pub not_after: i64,
}

/// What a client thinks of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// Accepted.
    Good,
    /// It is for other names.
    WrongHost,
    /// Its life is over.
    Expired,
    /// Its life has not begun.
    NotYetValid,
    /// Not issued by an authority that this machine trusts.
    UnknownIssuer,
    /// Something else.
    Other(String),
    /// This machine has no list of authorities.
    NoRoots,
}

/// The authorities that are trusted.
pub struct Trusted {
    provider: Arc<CryptoProvider>,
    judge: Option<Arc<WebPkiServerVerifier>>,
}

impl Trusted {
    /// The system's, and those of the file.
    pub fn load(ca_file: Option<&Path>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(more) = ca_file.and_then(|path| CertificateDer::pem_file_iter(path).ok()) {
            roots.add_parsable_certificates(more.filter_map(Result::ok));
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let judge = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().ok();
        Self { provider, judge }
    }
}

/// Connects and says what the handshake showed.
///
/// # Errors
/// No connection, or no handshake.
pub async fn handshake(address: IpAddr, port: u16, host: &str, trusted: &Trusted) -> Handshake {
    connect(address, port, host, trusted).await.map(|(_, secured)| secured)
}

/// Connects and leaves the stream open.
///
/// # Errors
/// No connection, or no handshake.
pub async fn connect(
    address: IpAddr,
    port: u16,
    host: &str,
    trusted: &Trusted,
) -> Result<(TlsStream<TcpStream>, Secured), Broken> {
    let stream = tcp(address, port).await?;
    let broken = |text: String| Broken::Handshake(text);
    let recorder = Arc::new(Recorder {
        provider: Arc::clone(&trusted.provider),
        judge: trusted.judge.clone(),
        seen: Mutex::default(),
    });
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&trusted.provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| broken(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&recorder) as Arc<dyn ServerCertVerifier>)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let name = ServerName::try_from(host.to_owned()).map_err(|error| broken(error.to_string()))?;
    let shaking = TlsConnector::from(Arc::new(config)).connect(name, stream);
    let stream = match tokio::time::timeout(CONNECT, shaking).await {
        Err(_) => return Err(broken(format!("no end of the handshake within {} seconds", CONNECT.as_secs()))),
        Ok(Err(error)) => return Err(broken(error.to_string())),
        Ok(Ok(stream)) => stream,
    };
    let seen = recorder.seen.lock().ok().and_then(|mut seen| seen.take());
    let (certificate, trust) = seen.unwrap_or((Certificate::default(), Trust::NoRoots));
    let protocol = stream.get_ref().1.protocol_version().and_then(|version| version.as_str());
    let secured = Secured { protocol: protocol.unwrap_or("TLS").to_owned(), certificate, trust };
    Ok((stream, secured))
}

/// A TCP connection.
///
/// # Errors
/// Nobody answered, or the port is closed.
pub async fn tcp(address: IpAddr, port: u16) -> Result<TcpStream, Broken> {
    let late =
        || Broken::Unreachable(format!("no connection to {address} port {port} within {} seconds", CONNECT.as_secs()));
    match tokio::time::timeout(CONNECT, TcpStream::connect((address, port))).await {
        Err(_) => Err(late()),
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => {
            let text = format!("{address} port {port}: {error}");
            Err(match error.kind() {
                ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => Broken::Refused(text),
                ErrorKind::NetworkUnreachable | ErrorKind::AddrNotAvailable => Broken::NoRoute(text),
                _ => Broken::Unreachable(text),
            })
        }
    }
}

#[derive(Debug)]
struct Recorder {
    provider: Arc<CryptoProvider>,
    judge: Option<Arc<WebPkiServerVerifier>>,
    seen: Mutex<Option<(Certificate, Trust)>>,
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let trust = match &self.judge {
            None => Trust::NoRoots,
            Some(judge) => judge
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                .map_or_else(|error| trust_of(&error), |_| Trust::Good),
        };
        if let Ok(mut seen) = self.seen.lock() {
            *seen = Some((read(end_entity), trust));
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn trust_of(error: &rustls::Error) -> Trust {
    let rustls::Error::InvalidCertificate(error) = error else { return Trust::Other(error.to_string()) };
    match error {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Trust::WrongHost,
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Trust::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Trust::NotYetValid,
        CertificateError::UnknownIssuer => Trust::UnknownIssuer,
        other => Trust::Other(other.to_string()),
    }
}

/// Names and dates of a certificate; what cannot be read stays empty.
pub fn read(der: &[u8]) -> Certificate {
    let Ok((_, found)) = X509Certificate::from_der(der) else { return Certificate::default() };
    let alternatives = found.subject_alternative_name().ok().flatten();
    let alternatives = alternatives.map(|names| names.value.general_names.as_slice()).unwrap_or_default();
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        _ => None,
    };
    Certificate {
        names: alternatives.iter().filter_map(name).collect(),
        issuer: found.issuer().to_string(),
        not_before: found.validity().not_before.timestamp(),
        not_after: found.validity().not_after.timestamp(),
    }
}
