//! Who calls, from which clock, and where: account, time, region, zones.

use crate::aws::Aws;
use crate::resource::{Error, Result};
use aws_sdk_ec2::types::Filter;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::DateTime;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::Format;
use std::sync::{Arc, Mutex};

/// Whose credentials these are, and what AWS's clock says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// Account, 12 digits.
    pub account: String,
    /// `arn:aws:sts::123456789012:assumed-role/admin/me`.
    pub arn: String,
    /// By how many seconds this machine's clock is ahead of AWS's; `None`: AWS did not tell the time.
    pub ahead_secs: Option<i64>,
}

/// An availability zone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Zone {
    /// `eu-central-1a`.
    pub name: String,
    /// `available`, `impaired`, ….
    pub state: String,
    /// False for a local zone that the account has not opted in to.
    pub opted_in: bool,
}

/// Notes the `Date` header of a response, and what the clock says here at that moment.
#[derive(Debug, Clone, Default)]
struct Dated(Arc<Mutex<Option<i64>>>);

impl Intercept for Dated {
    fn name(&self) -> &'static str {
        "Dated"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> std::result::Result<(), BoxError> {
        let date = context.response().headers().get("date");
        let there = date.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
        if let (Some(there), Ok(mut ahead)) = (there, self.0.lock()) {
            *ahead = Some(jiff::Timestamp::now().as_second() - there.secs());
        }
        Ok(())
    }
}

pub(super) async fn identity(aws: &Aws) -> Result<Identity> {
    let dated = Dated::default();
    let call = || aws.sts().get_caller_identity().customize().interceptor(dated.clone()).send();
    let found = aws.read("sts:GetCallerIdentity", call).await?;
    let (Some(account), Some(arn)) = (found.account, found.arn) else {
        return Err(Error::terminal("AWS does not say whose credentials these are"));
    };
    let ahead_secs = dated.0.lock().ok().and_then(|ahead| *ahead);
    Ok(Identity { account, arn, ahead_secs })
}

pub(super) async fn region(aws: &Aws) -> Result<String> {
    let here = Filter::builder().name("region-name").values(aws.region()).build();
    let call = aws.ec2().describe_regions().all_regions(true).filters(here);
    let found = aws.read("ec2:DescribeRegions", || call.clone().send()).await?;
    let region = found.regions().iter().find(|region| region.region_name() == Some(aws.region()));
    Ok(region.and_then(|region| region.opt_in_status()).unwrap_or_default().to_owned())
}

pub(super) async fn zones(aws: &Aws) -> Result<Vec<Zone>> {
    let kind = Filter::builder().name("zone-type").values("availability-zone").build();
    let call = aws.ec2().describe_availability_zones().all_availability_zones(true).filters(kind);
    let found = aws.read("ec2:DescribeAvailabilityZones", || call.clone().send()).await?;
    let plain = found.availability_zones().iter().map(|zone| Zone {
        name: zone.zone_name().unwrap_or_default().to_owned(),
        state: zone.state().map(|state| state.as_str().to_owned()).unwrap_or_default(),
        opted_in: zone.opt_in_status().is_none_or(|status| status.as_str() != "not-opted-in"),
    });
    Ok(plain.collect())
}
