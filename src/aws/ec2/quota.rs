//! Which quota an EC2 create has run into, and how to have it raised.

use crate::resource::Error;

/// Error code, quota code in Service Quotas, what is counted, what one may have by default.
const QUOTAS: &[(&str, &str, &str)] = &[
    ("AddressLimitExceeded", "L-0263D0A3", "Elastic IP addresses in a region (5 by default)"),
    ("InternetGatewayLimitExceeded", "L-A4707A72", "internet gateways in a region (5 by default)"),
    ("NatGatewayLimitExceeded", "L-FE5A380F", "NAT gateways in an availability zone (5 by default)"),
    ("RouteTableLimitExceeded", "L-589F43AA", "route tables in a VPC"),
    ("SubnetLimitExceeded", "L-407747CB", "subnets in a VPC"),
    ("VpcEndpointLimitExceeded", "L-1B52E74A", "gateway endpoints in a region"),
    ("VpcLimitExceeded", "L-F678F1CE", "VPCs in a region (5 by default)"),
];

/// The same error, with the quota's code and the command that asks for more where a quota is the cause.
pub(super) fn explain(error: Error) -> Error {
    let Some((_, code, counted)) = QUOTAS.iter().find(|(name, ..)| error.is(name)) else { return error };
    // Addresses are counted under EC2, the rest under VPC.
    let service = if error.is("AddressLimitExceeded") { "ec2" } else { "vpc" };
    error.hint(format!(
        "the account's quota for {counted} is used up: delete what nobody needs, or ask for more with \
         `aws service-quotas request-service-quota-increase --service-code {service} --quota-code {code} --desired-value N`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_used_up_quota_is_named_with_its_code() {
        let error = Error { code: Some("AddressLimitExceeded".into()), ..Error::terminal("too many") };
        assert!(explain(error).hints[0].contains("--service-code ec2 --quota-code L-0263D0A3"));
        assert!(explain(Error::terminal("other")).hints.is_empty());
    }
}
