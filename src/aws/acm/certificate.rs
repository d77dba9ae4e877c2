//! A TLS certificate. <https://docs.aws.amazon.com/acm/latest/APIReference/API_RequestCertificate.html>
//!
//! For some seconds after the request it cannot be described, then its validation record is missing. Issued 2 to 61 s after
//! that record can be resolved, officially up to 30 minutes; never, if the zone is not delegated. The idempotency token is
//! valid for one hour: a repeat after that makes a second certificate, so an interrupted request looks by domain and tags
//! first. The validation record must stay: renewals need it. ACM refuses the delete minutes after the last listener let go.

use crate::aws::tags;
use crate::model::{Handle, Output};
use crate::resource::actions::{Actions, TAGS, update_of};
use crate::resource::error::OrGone;
use crate::resource::{Changed, Error, Field, Found, Holder, Id, Live, Phase, Repeat, Resource, Result, Scope, Tags};
use aws_sdk_acm::types::{
    CertificateDetail, CertificateStatus, CertificateSummary, FailureReason, Tag, ValidationMethod,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A TLS certificate for one name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// `zenml.mycompany.com`, lower case.
    pub domain_name: String,
    /// How ownership is proved: `DNS`.
    pub validation: String,
}

/// What others may use. Known some seconds after the request, long before the certificate is issued.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outputs {
    /// `arn:aws:acm:eu-central-1:123456789012:certificate/…`.
    pub certificate_arn: String,
    /// Name of the CNAME that proves ownership, `_3639….zenml.mycompany.com`, without a dot at the end.
    pub validation_name: String,
    /// Value of that CNAME, `_8cf0….mhbtsbpdnt.acm-validations.aws`, without a dot at the end.
    pub validation_value: String,
}

impl Handle<Certificate> {
    /// `arn:aws:acm:eu-central-1:123456789012:certificate/…`.
    pub fn certificate_arn(&self) -> Output<String> {
        self.output("certificate_arn")
    }

    /// Name of the CNAME that proves ownership.
    pub fn validation_name(&self) -> Output<String> {
        self.output("validation_name")
    }

    /// Value of the CNAME that proves ownership.
    pub fn validation_value(&self) -> Output<String> {
        self.output("validation_value")
    }
}

impl Resource for Certificate {
    const KIND: &'static str = "acm.certificate";
    const FIELDS: &'static [Field] = &[Field::replace("domain_name"), Field::replace("validation")];
    const SETTLE_LIMIT: Duration = Duration::from_secs(75 * 60);
    const POLL: Duration = Duration::from_secs(10);
    const EXPECTED: Duration = Duration::from_secs(120);
    const REPEAT: Repeat = Repeat::Token;
    const ACTIONS: Actions = Actions {
        reads: &["acm:DescribeCertificate", "acm:ListCertificates", "acm:ListTagsForCertificate"],
        creates: &["acm:AddTagsToCertificate", "acm:RequestCertificate"],
        updates: &[update_of("acm:AddTagsToCertificate", &[TAGS]), update_of("acm:RemoveTagsFromCertificate", &[TAGS])],
        deletes: &["acm:DeleteCertificate"],
        ..Actions::NONE
    };
    type Outputs = Outputs;

    async fn find(scope: &Scope<'_>, want: &Self) -> Result<Found> {
        let aws = scope.aws;
        let statuses = vec![CertificateStatus::PendingValidation, CertificateStatus::Issued];
        let call = aws.acm().list_certificates().set_certificate_statuses(Some(statuses));
        let listed = call.into_paginator().items().send();
        let all: Vec<CertificateSummary> = aws.call("acm:ListCertificates", listed.try_collect()).await?;
        let mut candidates = vec![];
        for arn in of_domain(all, &want.domain_name) {
            let call = aws.acm().list_tags_for_certificate().certificate_arn(&arn);
            if let Some(found) = aws.call("acm:ListTagsForCertificate", call.send()).await.or_gone()? {
                let pairs = found.tags.unwrap_or_default().into_iter();
                let tags = tags::from_pairs(pairs.map(|tag| (tag.key, tag.value.unwrap_or_default())));
                candidates.push((Id::from(arn), tags));
            }
        }
        Ok(tags::pick(scope, candidates))
    }

    async fn read(scope: &Scope<'_>, id: &Id) -> Result<Option<Live<Self>>> {
        let aws = scope.aws;
        let call = aws.acm().describe_certificate().certificate_arn(&id.0);
        let found = aws.call("acm:DescribeCertificate", call.send()).await.or_gone()?;
        Ok(found.and_then(|found| found.certificate).map(|certificate| live(id, certificate)))
    }

    async fn create(scope: &Scope<'_>, want: &Self) -> Result<Id> {
        let aws = scope.aws;
        let call = aws
            .acm()
            .request_certificate()
            .domain_name(&want.domain_name)
            .validation_method(ValidationMethod::from(want.validation.as_str()))
            .idempotency_token(scope.token)
            .set_tags(Some(shaped(&scope.tags())?));
        let made = aws.call("acm:RequestCertificate", call.send()).await?;
        Ok(made.certificate_arn.unwrap_or_default().into())
    }

    async fn update(scope: &Scope<'_>, id: &Id, _want: &Self, changed: &Changed) -> Result<()> {
        let Some(change) = &changed.tags else { return Ok(()) };
        let aws = scope.aws;
        let set = aws.acm().add_tags_to_certificate().certificate_arn(&id.0).set_tags(Some(shaped(&change.set)?));
        aws.call("acm:AddTagsToCertificate", set.send()).await?;
        if !change.remove.is_empty() {
            let remove = change.remove.iter().map(|key| Tag::builder().key(key).build().map_err(Error::bug));
            let call = aws.acm().remove_tags_from_certificate().certificate_arn(&id.0);
            let call = call.set_tags(Some(remove.collect::<Result<_>>()?));
            aws.call("acm:RemoveTagsFromCertificate", call.send()).await?;
        }
        Ok(())
    }

    async fn delete(scope: &Scope<'_>, id: &Id) -> Result<()> {
        let aws = scope.aws;
        let call = aws.acm().delete_certificate().certificate_arn(&id.0);
        aws.call("acm:DeleteCertificate", call.send()).await.map(drop)
    }

    async fn holders(scope: &Scope<'_>, id: &Id) -> Result<Vec<Holder>> {
        let call = scope.aws.acm().describe_certificate().certificate_arn(&id.0);
        let found = scope.aws.call("acm:DescribeCertificate", call.send()).await.or_gone()?;
        let users = found.and_then(|found| found.certificate?.in_use_by).unwrap_or_default();
        // Load balancers leave the list minutes after their listeners are gone.
        let ours = format!(":loadbalancer/app/{}-", scope.deployment);
        let holder = |arn: String| if arn.contains(&ours) { Holder::service(arn) } else { Holder::stranger(arn) };
        Ok(users.into_iter().map(holder).collect())
    }
}

pub(super) fn of_domain(all: Vec<CertificateSummary>, domain: &str) -> impl Iterator<Item = String> {
    let ours = move |one: &CertificateSummary| {
        one.domain_name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(domain))
    };
    all.into_iter().filter(ours).filter_map(|one| one.certificate_arn)
}

fn shaped(tags: &Tags) -> Result<Vec<Tag>> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build().map_err(Error::bug)).collect()
}

fn live(id: &Id, certificate: CertificateDetail) -> Live<Certificate> {
    let proof = certificate.domain_validation_options().first();
    let record = proof.and_then(|proof| proof.resource_record.as_ref());
    let outputs = record.map(|record| Outputs {
        certificate_arn: id.0.clone(),
        validation_name: undotted(&record.name),
        validation_value: undotted(&record.value),
    });
    // The method, too, is missing for some seconds; a wrong one would mean a new certificate.
    let validation = proof.and_then(|proof| proof.validation_method.as_ref()).unwrap_or(&ValidationMethod::Dns);
    Live {
        phase: phase(&certificate, outputs.as_ref()),
        inputs: Certificate {
            validation: validation.as_str().to_owned(),
            domain_name: certificate.domain_name.unwrap_or_default(),
        },
        outputs,
        tags: None,
        detail: None,
    }
}

fn phase(certificate: &CertificateDetail, outputs: Option<&Outputs>) -> Phase {
    let status = certificate.status.as_ref().map_or("unknown", CertificateStatus::as_str);
    match (&certificate.status, outputs) {
        (Some(CertificateStatus::Issued), _) => Phase::Ready,
        (Some(CertificateStatus::PendingValidation), Some(Outputs { validation_name, validation_value, .. })) => {
            Phase::Usable(format!("pending validation: CNAME {validation_name} must be {validation_value}"))
        }
        (Some(CertificateStatus::PendingValidation) | None, _) => {
            Phase::Settling(format!("{status}, no validation record yet"))
        }
        (Some(CertificateStatus::ValidationTimedOut), _) => Phase::Failed(format!(
            "{status}: for 72 hours the validation record could not be resolved; is the zone delegated?"
        )),
        _ => Phase::Failed(match &certificate.failure_reason {
            Some(reason @ FailureReason::CaaError) => format!(
                "{status}: {}: a CAA record of the domain or of one above it does not allow Amazon; \
                 add one with the value `0 issue \"amazon.com\"`",
                reason.as_str()
            ),
            Some(reason) => format!("{status}: {}", reason.as_str()),
            None => status.to_owned(),
        }),
    }
}

fn undotted(name: &str) -> String {
    name.trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_acm::types::{DomainValidation, RecordType, ResourceRecord};

    fn seen(status: CertificateStatus, record: bool, reason: Option<FailureReason>) -> Live<Certificate> {
        let record = record.then(|| {
            let record = ResourceRecord::builder().name("_a.zenml.example.com.").r#type(RecordType::Cname);
            record.value("_b.acm-validations.aws.").build().unwrap()
        });
        let proof = DomainValidation::builder().domain_name("zenml.example.com").set_resource_record(record);
        let certificate = CertificateDetail::builder()
            .domain_name("zenml.example.com")
            .status(status)
            .set_failure_reason(reason)
            .domain_validation_options(proof.build().unwrap());
        live(&"arn".into(), certificate.build())
    }

    #[test]
    fn it_is_usable_as_soon_as_the_validation_record_is_known() {
        let fresh = seen(CertificateStatus::PendingValidation, false, None);
        assert!(fresh.outputs.is_none() && matches!(fresh.phase, Phase::Settling(_)), "{:?}", fresh.phase);
        assert_eq!(fresh.inputs.validation, "DNS");
        let known = seen(CertificateStatus::PendingValidation, true, None);
        let word = "pending validation: CNAME _a.zenml.example.com must be _b.acm-validations.aws";
        assert_eq!(known.phase, Phase::Usable(word.into()));
        assert_eq!(known.outputs.unwrap().validation_name, "_a.zenml.example.com");
        assert_eq!(seen(CertificateStatus::Issued, true, None).phase, Phase::Ready);
    }

    #[test]
    fn a_failure_says_what_to_do() {
        let word = |status, reason| match seen(status, true, reason).phase {
            Phase::Failed(word) => word,
            phase => panic!("{phase:?}"),
        };
        assert!(word(CertificateStatus::Failed, Some(FailureReason::CaaError)).contains("0 issue \"amazon.com\""));
        assert_eq!(
            word(CertificateStatus::Failed, Some(FailureReason::DomainNotAllowed)),
            "FAILED: DOMAIN_NOT_ALLOWED"
        );
        assert!(word(CertificateStatus::ValidationTimedOut, None).starts_with("VALIDATION_TIMED_OUT: "));
        assert_eq!(word(CertificateStatus::Revoked, None), "REVOKED");
    }
}
