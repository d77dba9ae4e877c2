//! What a request asks for: the service by its signature, the operation by the protocol that the service speaks.

use hyper::body::Bytes;
use hyper::{HeaderMap, Method, Uri, header};

/// How a service's answers look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// EC2's own dialect of the query protocol.
    Ec2,
    /// A form in, XML out: RDS, ELB, IAM, STS.
    Query,
    /// `X-Amz-Target`: ECS, Secrets Manager, Logs, ACM.
    Json,
    /// Method and path: Route 53.
    RestXml,
    /// Method and path, with the bucket in the path.
    S3,
    /// Smithy RPC v2: CloudWatch.
    Cbor,
}

/// One request of an AWS client.
#[derive(Debug, Clone)]
pub struct Call {
    /// As IAM calls it, `elasticloadbalancing`.
    pub service: String,
    /// `CreateVpc`.
    pub operation: String,
    pub protocol: Protocol,
    pub method: Method,
    /// With its query.
    pub path: String,
    pub body: Bytes,
    /// When it was signed, `20261121T141900Z`.
    pub signed: String,
}

/// Operations that change nothing begin with one of these.
const READS: &[&str] =
    &["Describe", "List", "Get", "Head", "Simulate", "Filter", "Test", "Lookup", "AssumeRole", "DryRun"];

/// Whether an operation, `ec2:CreateVpc`, may change something.
pub fn mutates(operation: &str) -> bool {
    let verb = operation.split_once(':').map_or(operation, |(_, verb)| verb);
    !READS.iter().any(|read| verb.starts_with(read))
}

/// Whether a name, `ec2:CreateVpc`, is meant by a pattern with `*` at its end: `ec2:Create*`, `*`.
pub fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}

impl Call {
    /// `None`: this is no AWS request, but one to the sandbox itself.
    pub fn of(method: &Method, uri: &Uri, headers: &HeaderMap, body: Bytes) -> Option<Self> {
        if uri.path().starts_with("/sandbox/") || uri.path().starts_with("/moto-api/") {
            return None;
        }
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let service = scope(text(header::AUTHORIZATION.as_str())).unwrap_or("unknown").to_owned();
        let rpc: Vec<&str> = uri.path().trim_matches('/').split('/').collect();
        let target = text("x-amz-target");
        let (protocol, operation) = match rpc[..] {
            ["service", _, "operation", operation] => (Protocol::Cbor, operation.to_owned()),
            _ if !target.is_empty() => (Protocol::Json, target.rsplit('.').next().unwrap_or(target).to_owned()),
            _ if service == "route53" => (Protocol::RestXml, route53(method, uri.path())),
            _ if service == "s3" => (Protocol::S3, s3(method, uri)),
            _ => {
                let protocol = if service == "ec2" { Protocol::Ec2 } else { Protocol::Query };
                let action = parameter(&body, "Action").unwrap_or_else(|| "Unknown".to_owned());
                // EC2 only says whether it would have done it.
                let rehearsed = parameter(&body, "DryRun").as_deref() == Some("true");
                (protocol, if rehearsed { format!("DryRun{action}") } else { action })
            }
        };
        let signed = text("x-amz-date").to_owned();
        Some(Self { service, operation, protocol, method: method.clone(), path: uri.to_string(), body, signed })
    }

    /// `ec2:CreateVpc`.
    pub fn name(&self) -> String {
        format!("{}:{}", self.service, self.operation)
    }

    /// Whether it may change something.
    pub fn mutates(&self) -> bool {
        mutates(&self.operation)
    }

    /// What was asked for, in the words of the protocol: the path, then the body.
    pub fn text(&self) -> String {
        format!("{}\n{}", self.path, String::from_utf8_lossy(&self.body))
    }

    /// The parameters of a query request, in their order.
    pub fn parameters(&self) -> Vec<(String, String)> {
        form(&self.body)
    }
}

/// The service in a signature: `… Credential=KEY/20261121/eu-central-1/ec2/aws4_request, …`.
fn scope(authorization: &str) -> Option<&str> {
    let credential = authorization.split_once("Credential=")?.1.split(',').next()?;
    credential.rsplit('/').nth(1)
}

fn parameter(body: &[u8], name: &str) -> Option<String> {
    form(body).into_iter().find(|(found, _)| found == name).map(|(_, value)| value)
}

/// The parameters of a form, in their order.
pub fn form(body: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(body);
    text.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

/// Undoes the encoding of a form.
fn decoded(text: &str) -> String {
    let mut found = vec![];
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        found.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [bytes.next().unwrap_or(b'0'), bytes.next().unwrap_or(b'0')];
                u8::from_str_radix(&String::from_utf8_lossy(&digits), 16).unwrap_or(b'?')
            }
            byte => byte,
        });
    }
    String::from_utf8_lossy(&found).into_owned()
}

/// The operations of Route 53 that a deployment or a test needs.
fn route53(method: &Method, path: &str) -> String {
    let parts: Vec<&str> = path.trim_matches('/').split('/').skip(1).collect();
    let operation = match (method.as_str(), &parts[..]) {
        ("GET", ["hostedzone"]) => "ListHostedZones",
        ("POST", ["hostedzone"]) => "CreateHostedZone",
        ("GET", ["hostedzonesbyname"]) => "ListHostedZonesByName",
        ("GET", ["hostedzone", _]) => "GetHostedZone",
        ("DELETE", ["hostedzone", _]) => "DeleteHostedZone",
        ("GET", ["hostedzone", _, "rrset"]) => "ListResourceRecordSets",
        ("POST", ["hostedzone", _, "rrset"]) => "ChangeResourceRecordSets",
        ("GET", ["change", _]) => "GetChange",
        ("GET", ["tags", _, _]) => "ListTagsForResource",
        ("POST", ["tags", _, _]) => "ChangeTagsForResource",
        _ => return format!("{method} {path}"),
    };
    operation.to_owned()
}

/// S3 by method, whether a key is named, and the sub-resource that the query asks for.
fn s3(method: &Method, uri: &Uri) -> String {
    const PARTS: &[(&str, &str)] = &[
        ("versioning", "BucketVersioning"),
        ("encryption", "BucketEncryption"),
        ("publicAccessBlock", "PublicAccessBlock"),
        ("location", "BucketLocation"),
        ("policy", "BucketPolicy"),
        ("tagging", "BucketTagging"),
    ];
    let keyed = uri.path().trim_matches('/').contains('/');
    let bucketed = uri.path().len() > 1;
    let asked: Vec<&str> =
        uri.query().unwrap_or_default().split('&').map(|pair| pair.split('=').next().unwrap_or_default()).collect();
    let part = PARTS.iter().find(|(name, _)| asked.contains(name)).map(|(_, noun)| *noun).filter(|_| !keyed);
    let listing = match asked.contains(&"versions") {
        true => "ListObjectVersions",
        false if asked.contains(&"list-type") => "ListObjectsV2",
        false => "ListObjects",
    };
    match (method.as_str(), part) {
        ("GET", Some(noun)) => format!("Get{noun}"),
        ("PUT", Some(noun)) => format!("Put{noun}"),
        ("DELETE", Some(noun)) => format!("Delete{noun}"),
        ("GET", None) if keyed => "GetObject".to_owned(),
        ("GET", None) if bucketed => listing.to_owned(),
        ("GET", None) => "ListBuckets".to_owned(),
        ("POST", None) if asked.contains(&"delete") => "DeleteObjects".to_owned(),
        (method, None) => {
            let verb = match method {
                "PUT" if !keyed => "Create",
                "PUT" => "Put",
                "HEAD" => "Head",
                "DELETE" => "Delete",
                other => other,
            };
            format!("{verb}{}", if keyed { "Object" } else { "Bucket" })
        }
        (method, Some(noun)) => format!("{method} {noun}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_an_operation() {
        let cases = [
            ("s3", "PUT", "/bucket/state.json?x-id=PutObject", "PutObject", true),
            ("s3", "GET", "/bucket/a/state.json", "GetObject", false),
            ("s3", "HEAD", "/bucket", "HeadBucket", false),
            ("s3", "GET", "/bucket?versioning", "GetBucketVersioning", false),
            ("s3", "GET", "/bucket/?versions&prefix=a", "ListObjectVersions", false),
            ("s3", "GET", "/bucket/?list-type=2", "ListObjectsV2", false),
            ("s3", "PUT", "/bucket", "CreateBucket", true),
            ("s3", "DELETE", "/bucket/a.lock", "DeleteObject", true),
            ("s3", "POST", "/bucket?delete", "DeleteObjects", true),
            ("route53", "POST", "/2013-04-01/hostedzone/Z1/rrset", "ChangeResourceRecordSets", true),
            ("route53", "GET", "/2013-04-01/hostedzone/Z1/rrset?name=a", "ListResourceRecordSets", false),
            ("route53", "GET", "/2013-04-01/change/C1", "GetChange", false),
            (
                "monitoring",
                "POST",
                "/service/GraniteServiceVersion20100801/operation/PutMetricAlarm",
                "PutMetricAlarm",
                true,
            ),
        ];
        for (service, method, path, operation, mutates) in cases {
            let signed =
                format!("AWS4-HMAC-SHA256 Credential=k/20261121/eu-central-1/{service}/aws4_request, Signature=x");
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, signed.parse().unwrap());
            let call = Call::of(&method.parse().unwrap(), &path.parse().unwrap(), &headers, Bytes::new()).unwrap();
            assert_eq!((call.name(), call.mutates()), (format!("{service}:{operation}"), mutates), "{method} {path}");
        }
        let own = Call::of(&Method::GET, &Uri::from_static("/sandbox/status"), &HeaderMap::new(), Bytes::new());
        assert!(own.is_none());
    }
}
