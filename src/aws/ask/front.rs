//! What stands in front of the service and is not ours: the certificate and the hosted zone.

use crate::aws::Aws;
use crate::resource::Result;
use crate::resource::error::OrGone;

/// A certificate in ACM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Certificate {
    /// `ISSUED`, `PENDING_VALIDATION`, `EXPIRED`, ….
    pub status: String,
    /// Host names that it is for, wildcards included.
    pub names: Vec<String>,
    /// Last moment of its life, seconds since 1970; `None` while it is not issued.
    pub not_after: Option<i64>,
    /// `RSA_2048`, `EC_prime256v1`, ….
    pub key_algorithm: String,
    /// Someone uploaded it: ACM does not renew it.
    pub imported: bool,
    /// ACM's word for what went wrong.
    pub failure: Option<String>,
}

/// A hosted zone in Route 53.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostedZone {
    /// `mycompany.com`, without a dot at the end.
    pub name: String,
    /// Seen only inside VPCs.
    pub private: bool,
    /// Its name servers; none if it is private.
    pub name_servers: Vec<String>,
}

pub(super) async fn certificate(aws: &Aws, arn: &str) -> Result<Option<Certificate>> {
    let call = aws.acm().describe_certificate().certificate_arn(arn);
    let found = aws.read("acm:DescribeCertificate", || call.clone().send()).await.or_gone()?;
    let Some(found) = found.and_then(|found| found.certificate) else { return Ok(None) };
    Ok(Some(Certificate {
        status: found.status().map(|status| status.as_str().to_owned()).unwrap_or_default(),
        names: found.subject_alternative_names().to_vec(),
        not_after: found.not_after().map(|at| at.secs()),
        key_algorithm: found.key_algorithm().map(|key| key.as_str().to_owned()).unwrap_or_default(),
        imported: found.r#type().is_some_and(|kind| kind.as_str() == "IMPORTED"),
        failure: found.failure_reason().map(|why| why.as_str().to_owned()),
    }))
}

pub(super) async fn hosted_zone(aws: &Aws, id: &str) -> Result<Option<HostedZone>> {
    let found = aws.read("route53:GetHostedZone", || aws.route53().get_hosted_zone().id(id).send()).await.or_gone()?;
    let Some(found) = found else { return Ok(None) };
    let zone = found.hosted_zone();
    let plain = |name: &str| name.trim_end_matches('.').to_lowercase();
    let servers = found.delegation_set().map(|set| set.name_servers()).unwrap_or_default();
    Ok(Some(HostedZone {
        name: zone.map(|zone| plain(zone.name())).unwrap_or_default(),
        private: zone.and_then(|zone| zone.config()).is_some_and(|config| config.private_zone()),
        name_servers: servers.iter().map(|server| plain(server)).collect(),
    }))
}
