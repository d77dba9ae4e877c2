//! Answers as the services write them: refusals made here, and answers of the sandbox that were changed.

use super::call::{Call, Protocol};
use super::faults::Fault;
use super::xml;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, StatusCode};
use serde_json::{Value, json};

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// The code and status with which a service says "too many".
pub fn throttle(service: &str) -> (&'static str, u16) {
    match service {
        "ec2" => ("RequestLimitExceeded", 503),
        "s3" => ("SlowDown", 503),
        "rds" | "elasticloadbalancing" | "iam" | "sts" | "route53" => ("Throttling", 400),
        _ => ("ThrottlingException", 400),
    }
}

/// A refusal in the words of the call's protocol.
pub fn refuse(call: &Call, code: &str, message: &str, status: u16) -> Answer {
    const ID: &str = "00000000-0000-0000-0000-00000000face";
    let error = format!("<Code>{code}</Code><Message>{message}</Message>");
    let typed = format!("<Error><Type>{}</Type>{error}</Error>", if status < 500 { "Sender" } else { "Receiver" });
    let (content, body) = match call.protocol {
        Protocol::Ec2 => (
            "text/xml;charset=UTF-8",
            format!("<Response><Errors><Error>{error}</Error></Errors><RequestID>{ID}</RequestID></Response>").into(),
        ),
        Protocol::Query | Protocol::RestXml => {
            ("text/xml", format!("<ErrorResponse>{typed}<RequestId>{ID}</RequestId></ErrorResponse>").into())
        }
        Protocol::S3 => ("application/xml", format!("<Error>{error}<RequestId>{ID}</RequestId></Error>").into()),
        Protocol::Json => {
            ("application/x-amz-json-1.1", json!({"__type": code, "message": message}).to_string().into())
        }
        Protocol::Cbor => ("application/cbor", cbor(&[("__type", code), ("message", message)])),
    };
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content));
    headers.insert("x-amzn-requestid", HeaderValue::from_static(ID));
    if call.protocol == Protocol::Cbor {
        headers.insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
    }
    let status = StatusCode::from_u16(status).unwrap();
    // A HEAD has nowhere to put a body.
    let body = if call.method == hyper::Method::HEAD { Bytes::new() } else { body };
    Answer { status, headers, body }
}

/// A map of short texts.
fn cbor(pairs: &[(&str, &str)]) -> Bytes {
    let mut bytes = vec![0xa0 + u8::try_from(pairs.len()).unwrap()];
    for text in pairs.iter().flat_map(|(name, value)| [name, value]) {
        bytes.extend([0x78, u8::try_from(text.len()).unwrap()]);
        bytes.extend(text.as_bytes());
    }
    bytes.into()
}

/// The same answer with one change.
pub fn change(answer: &mut Answer, call: &Call, change: &Fault) {
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    answer.body = match change {
        Fault::Replace { from, to } => text.replace(from, to),
        Fault::Field { name, to } if call.protocol == Protocol::Json => match serde_json::from_str(&text) {
            Ok(mut value) => {
                set(&mut value, name, to);
                value.to_string()
            }
            Err(_) => text,
        },
        Fault::Field { name, to } => xml::set(&text, name, to),
        _ => text,
    }
    .into();
}

/// Gives every member of this name another value, of the kind that it had.
fn set(value: &mut Value, name: &str, to: &str) {
    match value {
        Value::Object(members) => {
            for (member, value) in members {
                match value {
                    Value::Object(_) | Value::Array(_) => set(value, name, to),
                    Value::String(_) if member == name => *value = to.into(),
                    _ if member == name => *value = serde_json::from_str(to).unwrap_or_else(|_| to.into()),
                    _ => {}
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| set(item, name, to)),
        _ => {}
    }
}
