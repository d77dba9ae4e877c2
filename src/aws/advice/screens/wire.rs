//! An answer in the form of its service's protocol.

use super::Case;
use crate::aws::Aws;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;

/// Of every answer.
pub(super) const REQUEST_ID: &str = "7f3c2b1a-0d4e-4b8a-9c55-3e1f6a2d7b90";

/// Gives the same answer to whatever is asked.
#[derive(Debug, Clone)]
struct Canned {
    status: u16,
    header: (&'static str, &'static str),
    body: String,
}

impl HttpConnector for Canned {
    fn call(&self, _request: HttpRequest) -> HttpConnectorFuture {
        let status = self.status.try_into().expect("because the table has HTTP statuses");
        let mut response = HttpResponse::new(status, SdkBody::from(self.body.clone()));
        response.headers_mut().insert(self.header.0, self.header.1);
        HttpConnectorFuture::ready(Ok(response))
    }
}

/// An AWS that gives this answer and no other.
pub(super) fn answering(case: &Case) -> Aws {
    let service = case.operation.split(':').next().unwrap_or_default();
    let (code, message) = (case.code, escaped(case.message));
    let error = format!("<Code>{code}</Code><Message>{message}</Message>");
    let (header, body) = match service {
        "ec2" => (
            "x-amzn-requestid",
            format!("<Response><Errors><Error>{error}</Error></Errors><RequestID>{REQUEST_ID}</RequestID></Response>"),
        ),
        "elasticloadbalancing" | "iam" | "rds" | "route53" | "sts" => (
            "x-amzn-requestid",
            format!(
                "<ErrorResponse><Error><Type>Sender</Type>{error}</Error><RequestId>{REQUEST_ID}</RequestId></ErrorResponse>"
            ),
        ),
        "s3" => ("x-amz-request-id", format!("<Error>{error}<RequestId>{REQUEST_ID}</RequestId></Error>")),
        _ if code.is_empty() => (
            "x-amzn-requestid",
            serde_json::json!({ "tasks": [], "failures": [{ "reason": case.message }] }).to_string(),
        ),
        _ => (
            "x-amzn-requestid",
            serde_json::json!({ "__type": format!("com.amazonaws#{code}"), "message": case.message }).to_string(),
        ),
    };
    let connector = SharedHttpConnector::new(Canned { status: case.status, header: (header, REQUEST_ID), body });
    Aws::with_http(http_client_fn(move |_, _| connector.clone()))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
