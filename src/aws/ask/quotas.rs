//! What the account may have of each kind of object, and what it has.
//!
//! The applied quota comes from Service Quotas; where it cannot be read, AWS's default stands in and is called that. Codes and
//! defaults: <https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html>, read 2026-11-20.

use super::usage;
use crate::aws::Aws;
use crate::aws::look::within;
use crate::resource::{Error, Result};

/// A quota.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quota {
    /// Last part of the check's id: `ADDRESSES`.
    pub id: &'static str,
    /// Service Quotas' name of the service, `ec2`.
    pub service: &'static str,
    /// `L-0263D0A3`.
    pub code: &'static str,
    /// What is counted, in the plural.
    pub counted: &'static str,
    /// What a new account may have.
    pub default: f64,
}

const fn quota(
    id: &'static str,
    service: &'static str,
    code: &'static str,
    counted: &'static str,
    default: f64,
) -> Quota {
    Quota { id, service, code, counted, default }
}

/// Every quota that a deployment counts towards.
pub const QUOTAS: &[Quota] = &[
    quota("ADDRESSES", "ec2", "L-0263D0A3", "Elastic IP addresses", 5.0),
    quota("VPCS", "vpc", "L-F678F1CE", "VPCs", 5.0),
    quota("GATEWAYS", "vpc", "L-A4707A72", "internet gateways", 5.0),
    quota("NAT", "vpc", "L-FE5A380F", "NAT gateways in one zone", 5.0),
    quota("RULES", "vpc", "L-0EA8095F", "rules of one direction in a security group", 60.0),
    quota("BALANCERS", "elasticloadbalancing", "L-53DA6B97", "application load balancers", 50.0),
    quota("TARGETS", "elasticloadbalancing", "L-B22855CB", "target groups", 3000.0),
    quota("DATABASES", "rds", "L-7B6409FD", "RDS instances", 40.0),
    quota("STORAGE", "rds", "L-7ADDB58A", "GiB of RDS storage", 100_000.0),
    quota("VCPU", "fargate", "L-3032A538", "vCPUs of Fargate tasks", 6.0),
    quota("ROLES", "iam", "L-FE177D64", "IAM roles", 1000.0),
];

/// The quota of this id.
pub fn of(id: &str) -> &'static Quota {
    QUOTAS.iter().find(|quota| quota.id == id).expect("because ids are written in this program")
}

/// What a plan adds to one quota.
#[derive(Debug, Clone, PartialEq)]
pub struct Need {
    /// [`Quota::id`].
    pub quota: &'static str,
    /// The zone or the group that is counted apart; empty: the region.
    pub place: String,
    /// How much is added.
    pub amount: f64,
}

/// What may be had.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    /// So many.
    pub value: f64,
    /// False if it is only AWS's default, because the account's own value could not be read.
    pub applied: bool,
}

/// A need with what is used and what may be had.
#[derive(Debug, Clone)]
pub struct Metered {
    /// The need.
    pub need: Need,
    /// What there is already.
    pub used: Result<f64>,
    /// What there may be.
    pub limit: Limit,
}

pub(super) async fn metered(aws: &Aws, needs: &[Need]) -> Vec<Metered> {
    let each = needs.iter().map(async |need| {
        let quota = of(need.quota);
        let (used, limit) = futures_util::future::join(within(usage::used(aws, need)), within(limit(aws, quota))).await;
        let default = Limit { value: quota.default, applied: false };
        // The sum of no numbers is -0, and would be told as that.
        let used = used.map(|used| used + 0.0);
        Metered { need: need.clone(), used, limit: limit.unwrap_or(default) }
    });
    futures_util::future::join_all(each).await
}

async fn limit(aws: &Aws, quota: &Quota) -> Result<Limit> {
    if quota.service == "iam" {
        let value = usage::account_summary(aws, aws_sdk_iam::types::SummaryKeyType::RolesQuota).await?;
        return Ok(Limit { value, applied: true });
    }
    let unknown = || Error::terminal(format!("Service Quotas names no value of {}", quota.code));
    let call = aws.quotas().get_service_quota().service_code(quota.service).quota_code(quota.code);
    let applied = aws.read("servicequotas:GetServiceQuota", || call.clone().send()).await;
    if let Some(value) = applied.ok().and_then(|found| found.quota?.value) {
        return Ok(Limit { value, applied: true });
    }
    // Some accounts have no applied value of a quota that was never raised.
    let call = aws.quotas().get_aws_default_service_quota().service_code(quota.service).quota_code(quota.code);
    let default = aws.read("servicequotas:GetAWSDefaultServiceQuota", || call.clone().send()).await?;
    let value = default.quota.and_then(|quota| quota.value).ok_or_else(unknown)?;
    Ok(Limit { value, applied: false })
}
