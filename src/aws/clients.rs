//! One SDK configuration, one client per service, made when first used.

use super::batch::Batches;
use super::classify::classify;
use crate::resource::{Class, Error, Result};
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
    pub(crate) batches: Batches,
    ec2: OnceCell<aws_sdk_ec2::Client>,
    ec2_once: OnceCell<aws_sdk_ec2::Client>,
    ecs: OnceCell<aws_sdk_ecs::Client>,
    ecs_once: OnceCell<aws_sdk_ecs::Client>,
    rds: OnceCell<aws_sdk_rds::Client>,
    elb: OnceCell<aws_sdk_elasticloadbalancingv2::Client>,
    iam: OnceCell<aws_sdk_iam::Client>,
    secrets: OnceCell<aws_sdk_secretsmanager::Client>,
    logs: OnceCell<aws_sdk_cloudwatchlogs::Client>,
    acm: OnceCell<aws_sdk_acm::Client>,
    route53: OnceCell<aws_sdk_route53::Client>,
    sts: OnceCell<aws_sdk_sts::Client>,
}

macro_rules! client {
    ($(#[$doc:meta])* $method:ident, $krate:ident) => {
        $(#[$doc])*
        pub fn $method(&self) -> &$krate::Client {
            self.$method.get_or_init(|| $krate::Client::new(&self.config))
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
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .app_name(app)
            .region(Region::new(connection.region.clone()))
            .retry_config(RetryConfig::standard())
            .timeout_config(timeouts);
        if let Some(profile) = &connection.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(endpoint) = &connection.endpoint {
            loader = loader.endpoint_url(endpoint).credentials_provider(sandbox_credentials());
        }
        Self::from_config(loader.load().await)
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
        Self::from_config(config)
    }

    /// Clients that are never called: for the fake world and for offline plans.
    pub fn disconnected() -> Self {
        Self::from_config(SdkConfig::builder().behavior_version(BehaviorVersion::v2026_01_12()).build())
    }

    fn from_config(config: SdkConfig) -> Self {
        Self {
            config,
            log: CallLog::default(),
            batches: Batches::default(),
            ec2: OnceCell::new(),
            ec2_once: OnceCell::new(),
            ecs: OnceCell::new(),
            ecs_once: OnceCell::new(),
            rds: OnceCell::new(),
            elb: OnceCell::new(),
            iam: OnceCell::new(),
            secrets: OnceCell::new(),
            logs: OnceCell::new(),
            acm: OnceCell::new(),
            route53: OnceCell::new(),
            sts: OnceCell::new(),
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

    /// EC2 without retries, for creates with neither token nor unique name: a lost answer must not become a second object.
    pub fn ec2_once(&self) -> &aws_sdk_ec2::Client {
        self.ec2_once.get_or_init(|| {
            let config = aws_sdk_ec2::config::Builder::from(&self.config).retry_config(RetryConfig::disabled());
            aws_sdk_ec2::Client::from_conf(config.build())
        })
    }

    /// ECS without retries: every RegisterTaskDefinition that arrives makes a revision.
    pub fn ecs_once(&self) -> &aws_sdk_ecs::Client {
        self.ecs_once.get_or_init(|| {
            let config = aws_sdk_ecs::config::Builder::from(&self.config).retry_config(RetryConfig::disabled());
            aws_sdk_ecs::Client::from_conf(config.build())
        })
    }

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

    /// The call log, for a batched fetch that outlives its caller.
    pub fn log(&self) -> CallLog {
        self.log.clone()
    }

    /// The operations called so far, in order.
    pub fn calls(&self) -> Vec<&'static str> {
        self.log.calls.borrow().clone()
    }
}

/// Counts calls and turns SDK errors into ours.
#[derive(Debug, Clone, Default)]
pub struct CallLog {
    calls: Rc<RefCell<Vec<&'static str>>>,
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
        self.calls.borrow_mut().push(operation);
        let started = std::time::Instant::now();
        let result = sent.await.map_err(|error| explain(operation, &error));
        let took = started.elapsed().as_millis();
        match &result {
            Ok(_) => tracing::debug!(operation, took, "call"),
            Err(error) => tracing::debug!(operation, took, %error, "call failed"),
        }
        result
    }
}

fn sandbox_credentials() -> aws_credential_types::Credentials {
    aws_credential_types::Credentials::new("sandbox", "sandbox", None, None, "hybridctl-sandbox")
}

fn explain<E>(operation: &'static str, error: &SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    SdkError<E, HttpResponse>: RequestId,
{
    let service = operation.split(':').next().unwrap_or_default();
    let metadata = error.as_service_error();
    let code = metadata.and_then(|e| e.code()).map(str::to_owned);
    let message = metadata.and_then(|e| e.message()).map(str::to_owned);
    let status = error.raw_response().map(|response| response.status().as_u16());
    let class = match error {
        SdkError::ServiceError(_) => classify(service, code.as_deref(), message.as_deref().unwrap_or(""), status),
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
    let mut explained = Error {
        class,
        operation: operation.to_owned(),
        code,
        message,
        request_id: error.request_id().map(str::to_owned),
        hints: vec![],
    };
    if class == Class::Credentials {
        explained
            .hints
            .push("check the credentials with `aws sts get-caller-identity`, then run the command again".into());
    }
    explained
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
