//! One SDK configuration, one client per service, made when first used.

use super::advice::{self, Answer};
use super::batch::Batches;
use super::classify::classify;
use super::credentials::Renewable;
use super::gate::{Closed, Gate};
use super::pacing::Pacing;
use super::pages::{self, Pages};
use crate::resource::{Class, Error, Result};
use aws_config::identity::IdentityCache;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::HttpClient;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;
use std::cell::{OnceCell, RefCell};
use std::rc::Rc;
use std::time::Duration;

/// How to reach AWS.
#[derive(Debug, Clone, Default)]
pub struct Connection {
    /// Region of every regional service.
    pub region: String,
    /// Named profile of the shared config files; `None` follows the environment.
    pub profile: Option<String>,
    /// Endpoint override for every service: the sandbox. Dummy credentials are used with it.
    pub endpoint: Option<String>,
}

/// The AWS clients of one run.
pub struct Aws {
    config: SdkConfig,
    log: CallLog,
    /// Those of the environment; a sandbox and canned answers have fixed ones.
    renewable: Option<Renewable>,
    /// Multiplies every pause between two tries.
    pub(super) pace: f64,
    gate: Gate,
    pub(crate) batches: Batches,
    ec2: OnceCell<aws_sdk_ec2::Client>,
    ecs: OnceCell<aws_sdk_ecs::Client>,
    rds: OnceCell<aws_sdk_rds::Client>,
    elb: OnceCell<aws_sdk_elasticloadbalancingv2::Client>,
    iam: OnceCell<aws_sdk_iam::Client>,
    secrets: OnceCell<aws_sdk_secretsmanager::Client>,
    logs: OnceCell<aws_sdk_cloudwatchlogs::Client>,
    acm: OnceCell<aws_sdk_acm::Client>,
    route53: OnceCell<aws_sdk_route53::Client>,
    sts: OnceCell<aws_sdk_sts::Client>,
    quotas: OnceCell<aws_sdk_servicequotas::Client>,
}

macro_rules! client {
    ($(#[$doc:meta])* $method:ident, $krate:ident) => {
        $(#[$doc])*
        pub fn $method(&self) -> &$krate::Client {
            self.$method.get_or_init(|| {
                let config = $krate::config::Builder::from(&self.config).interceptor(self.gate.clone()).interceptor(Pages);
                $krate::Client::from_conf(config.build())
            })
        }
    };
}

impl Aws {
    /// Reads the ordinary AWS environment (profile, SSO, roles, metadata service) and applies the overrides.
    pub async fn connect(connection: &Connection) -> Self {
        let app = AppName::new(concat!("hybridctl-", env!("CARGO_PKG_VERSION"))).expect("because the name is plain");
        // Only the connect timeout is set by default: a server that accepts and never answers would hang the run.
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_millis(3100))
            .read_timeout(Duration::from_secs(20))
            .operation_attempt_timeout(Duration::from_secs(30))
            .operation_timeout(Duration::from_secs(120))
            .build();
        let region = Region::new(connection.region.clone());
        let renewable = match connection.endpoint {
            Some(_) => None,
            None => Some(Renewable::new(connection.profile.clone(), region.clone())),
        };
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .app_name(app)
            .region(region)
            // Trying again is ours: it knows what may be called twice, and every attempt takes its turn (`pacing`).
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts);
        if let Some(profile) = &connection.profile {
            loader = loader.profile_name(profile);
        }
        loader = match &renewable {
            Some(renewable) => loader.credentials_provider(renewable.clone()).identity_cache(IdentityCache::no_cache()),
            None => loader.credentials_provider(sandbox_credentials()),
        };
        let speed = if connection.endpoint.is_some() { Speed::SANDBOX } else { Speed::AWS };
        if let Some(endpoint) = &connection.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        Self::from_config(loader.load().await, renewable, speed)
    }

    /// Clients that talk to this HTTP client instead of a network: for tests with canned answers.
    pub fn with_http(http: impl HttpClient + 'static) -> Self {
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("eu-central-1"))
            .credentials_provider(SharedCredentialsProvider::new(sandbox_credentials()))
            .retry_config(RetryConfig::disabled())
            .http_client(http)
            .build();
        Self::from_config(config, None, Speed::CANNED)
    }

    /// Clients that are never called: for the fake world and for offline plans.
    pub fn disconnected() -> Self {
        let config = SdkConfig::builder().behavior_version(BehaviorVersion::v2026_01_12()).build();
        Self::from_config(config, None, Speed::CANNED)
    }

    fn from_config(config: SdkConfig, renewable: Option<Renewable>, speed: Speed) -> Self {
        Self {
            config,
            log: CallLog { calls: Rc::default(), pacing: Rc::new(Pacing::scaled(speed.calls)) },
            renewable,
            pace: speed.pauses,
            gate: Gate::default(),
            batches: Batches::default(),
            ec2: OnceCell::new(),
            ecs: OnceCell::new(),
            rds: OnceCell::new(),
            elb: OnceCell::new(),
            iam: OnceCell::new(),
            secrets: OnceCell::new(),
            logs: OnceCell::new(),
            acm: OnceCell::new(),
            route53: OnceCell::new(),
            sts: OnceCell::new(),
            quotas: OnceCell::new(),
        }
    }

    /// The region every regional client talks to.
    pub fn region(&self) -> &str {
        self.config.region().map_or("", |region| region.as_ref())
    }

    /// The endpoint override, if any, from our own setting or from `AWS_ENDPOINT_URL`.
    pub fn endpoint(&self) -> Option<&str> {
        self.config.endpoint_url()
    }

    client!(/// EC2.
        ec2, aws_sdk_ec2);
    client!(/// ECS.
        ecs, aws_sdk_ecs);
    client!(/// RDS.
        rds, aws_sdk_rds);
    client!(/// Elastic Load Balancing.
        elb, aws_sdk_elasticloadbalancingv2);
    client!(/// IAM.
        iam, aws_sdk_iam);
    client!(/// Secrets Manager.
        secrets, aws_sdk_secretsmanager);
    client!(/// CloudWatch Logs.
        logs, aws_sdk_cloudwatchlogs);
    client!(/// ACM.
        acm, aws_sdk_acm);
    client!(/// Route 53.
        route53, aws_sdk_route53);
    client!(/// STS.
        sts, aws_sdk_sts);
    client!(/// Service Quotas.
        quotas, aws_sdk_servicequotas);

    /// Awaits one SDK call; `operation` is its IAM name, `ec2:CreateVpc`.
    ///
    /// # Errors
    /// The SDK's error with its class, code, message and request id.
    pub async fn call<T, E>(
        &self,
        operation: &'static str,
        sent: impl Future<Output = std::result::Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        SdkError<E, HttpResponse>: RequestId,
    {
        self.log.call(operation, sent).await
    }

    /// What stands between every changing call and the network.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// What every client is made from.
    pub(super) fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// The call log, for a batched fetch that outlives its caller.
    pub fn log(&self) -> CallLog {
        self.log.clone()
    }

    pub(super) fn renewable(&self) -> Option<Renewable> {
        self.renewable.clone()
    }

    /// Tells the credentials of now from those after a renewal; for [`Aws::renew_credentials`].
    pub fn credentials_in_use(&self) -> u64 {
        self.renewable.as_ref().map_or(0, Renewable::renewals)
    }

    /// AWS refused the credentials that were in use: asks where they came from once more. True if there are others now, so
    /// that calling again makes sense.
    pub async fn renew_credentials(&self, refused: u64) -> bool {
        match &self.renewable {
            Some(renewable) => renewable.renew(refused).await,
            None => false,
        }
    }

    /// The operations called so far, in order.
    pub fn calls(&self) -> Vec<&'static str> {
        self.log.calls.borrow().clone()
    }
}

/// How fast a place can be called.
struct Speed {
    /// Multiplies the rates of calls.
    calls: f64,
    /// Multiplies the pauses between two tries.
    pauses: f64,
}

impl Speed {
    const AWS: Self = Self { calls: 1.0, pauses: 1.0 };
    const SANDBOX: Self = Self { calls: 20.0, pauses: 0.1 };
    const CANNED: Self = Self { calls: 1.0, pauses: 0.0 };
}

/// Counts calls, lets each take its turn, and turns SDK errors into ours.
#[derive(Debug, Clone)]
pub struct CallLog {
    calls: Rc<RefCell<Vec<&'static str>>>,
    pacing: Rc<Pacing>,
}

impl CallLog {
    /// See [`Aws::call`].
    ///
    /// # Errors
    /// The SDK's error with its class, code, message and request id.
    pub async fn call<T, E>(
        &self,
        operation: &'static str,
        sent: impl Future<Output = std::result::Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        SdkError<E, HttpResponse>: RequestId,
    {
        self.begin(operation).await;
        // On the heap: the SDK's futures are large, and every layer that holds one by value adds its size to the stack.
        let sent = Box::pin(timed(operation, sent));
        let result = pages::each(sent, async || self.begin(operation).await).await;
        match &result {
            Err(error) if error.class == Class::Throttle => self.pacing.throttled(operation),
            _ => self.pacing.answered(operation),
        }
        result
    }

    /// Waits for the turn of one request.
    async fn begin(&self, operation: &'static str) {
        self.pacing.turn(operation).await;
        self.calls.borrow_mut().push(operation);
    }
}

/// Awaits one SDK call and tells the log of it.
pub(super) async fn timed<T, E>(
    operation: &'static str,
    sent: impl Future<Output = std::result::Result<T, SdkError<E, HttpResponse>>>,
) -> Result<T>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    SdkError<E, HttpResponse>: RequestId,
{
    let started = std::time::Instant::now();
    let result = sent.await.map_err(|error| explain(operation, &error));
    let took = started.elapsed().as_millis();
    match &result {
        Ok(_) => tracing::debug!(operation, took, "call"),
        Err(error) => tracing::debug!(operation, took, %error, "call failed"),
    }
    result
}

fn sandbox_credentials() -> aws_credential_types::Credentials {
    aws_credential_types::Credentials::new("sandbox", "sandbox", None, None, "hybridctl-sandbox")
}

fn explain<E>(operation: &'static str, error: &SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    SdkError<E, HttpResponse>: RequestId,
{
    if let Some(closed) = Closed::among(error) {
        return closed.explain(operation);
    }
    let metadata = error.as_service_error();
    let message = metadata.and_then(|e| e.message()).map(str::to_owned);
    let status = error.raw_response().map(|response| response.status().as_u16());
    // The answer to a HEAD request has no body that would hold a code.
    let forbidden = || (status == Some(403)).then(|| "AccessDenied".to_owned());
    let code = metadata.and_then(|e| e.code()).map(str::to_owned).or_else(forbidden);
    let class = match error {
        SdkError::ServiceError(_) => classify(operation, code.as_deref(), message.as_deref().unwrap_or(""), status),
        SdkError::ConstructionFailure(_) => Class::Terminal,
        SdkError::DispatchFailure(failure) if failure.is_user() => Class::Terminal,
        // Missing credentials arrive as "other": nothing was sent.
        SdkError::DispatchFailure(failure) if failure.is_other() || failure.is_timeout() || failure.is_io() => {
            dispatch_class(&source_text(error))
        }
        _ => Class::Ambiguous,
    };
    let message = message.unwrap_or_else(|| match (error, status) {
        (SdkError::ServiceError(_), Some(status)) => {
            format!("the service answered with HTTP status {status} and no message")
        }
        (SdkError::TimeoutError(_), _) => "no answer in time".to_owned(),
        _ => source_text(error),
    });
    let date = error.raw_response().and_then(|response| response.headers().get("date"));
    let answer = Answer { operation, class, code: code.as_deref(), message: &message, date };
    let hints = advice::on(&answer, jiff::Timestamp::now());
    let request_id = error.request_id().map(str::to_owned);
    Error { class, operation: operation.to_owned(), code, message, request_id, held_by: None, hints }
}

fn dispatch_class(text: &str) -> Class {
    let credentials = ["credentials", "token is expired", "sso"];
    if credentials.iter().any(|word| text.to_lowercase().contains(word)) {
        Class::Credentials
    } else {
        Class::Ambiguous
    }
}

/// The innermost causes in words. Never the debug form of an SDK error: that holds headers and body.
fn source_text(error: &dyn std::error::Error) -> String {
    let mut words = vec![error.to_string()];
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if words.last() != Some(&text) {
            words.push(text);
        }
        source = cause.source();
    }
    words.join(": ")
}
