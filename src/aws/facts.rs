//! What has to be known of the account before the desired deployment can be built: who calls, which zones, which DNS zone.
//!
//! Facts are read, never made. Each function makes its calls and returns; nothing is cached.

use super::Aws;
use crate::resource::{Error, Result};
use aws_sdk_ec2::types::Filter;
use aws_sdk_route53::types::HostedZone;

/// Whose credentials are used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Account, 12 digits.
    pub account: String,
    /// `arn:aws:sts::123456789012:assumed-role/admin/me`.
    pub arn: String,
    /// `aws`, `aws-cn`, `aws-us-gov`: the second part of every ARN here.
    pub partition: String,
}

/// Account and identity of the credentials.
///
/// # Errors
/// Credentials, if there are none or they are refused; otherwise whatever the call returned.
pub async fn caller(aws: &Aws) -> Result<Caller> {
    let found = aws.call("sts:GetCallerIdentity", aws.sts().get_caller_identity().send()).await?;
    let (Some(account), Some(arn)) = (found.account, found.arn) else {
        return Err(Error::terminal("AWS does not say whose credentials these are"));
    };
    let partition = arn.split(':').nth(1).unwrap_or("aws").to_owned();
    Ok(Caller { account, arn, partition })
}

/// The first `count` availability zones of the region, in alphabetical order.
///
/// # Errors
/// Terminal, if the region has fewer; otherwise whatever the call returned.
pub async fn first_zones(aws: &Aws, count: usize) -> Result<Vec<String>> {
    first(aws.region(), available_zones(aws).await?, count)
}

/// These availability zones, in the order given.
///
/// # Errors
/// Terminal, if the region lacks one of them; otherwise whatever the call returned.
pub async fn named_zones(aws: &Aws, wanted: &[String]) -> Result<Vec<String>> {
    named(aws.region(), &available_zones(aws).await?, wanted)
}

/// Every availability zone of the region that this account can use, sorted by name. Local zones, wavelength zones and zones
/// that one has to opt in to do not count: no database and no load balancer can be put there.
///
/// # Errors
/// Whatever the call returned.
pub async fn available_zones(aws: &Aws) -> Result<Vec<String>> {
    let filter = |name: &str, value: &str| Filter::builder().name(name).values(value).build();
    let call = aws
        .ec2()
        .describe_availability_zones()
        .filters(filter("state", "available"))
        .filters(filter("opt-in-status", "opt-in-not-required"))
        .filters(filter("zone-type", "availability-zone"));
    let found = aws.call("ec2:DescribeAvailabilityZones", call.send()).await?;
    let mut names: Vec<String> = found.availability_zones().iter().filter_map(|zone| zone.zone_name.clone()).collect();
    names.sort();
    Ok(names)
}

/// Id of the hosted zone of this name (with or without a dot at the end), `Z0123…`, without `/hostedzone/`.
///
/// # Errors
/// Terminal, if the account has no such zone or several.
pub async fn hosted_zone(aws: &Aws, name: &str, private: bool) -> Result<String> {
    let name = name.trim_end_matches('.').to_lowercase();
    // Answers begin at the name and go on in alphabetical order; zones of one name stand together.
    let call = aws.route53().list_hosted_zones_by_name().dns_name(&name).max_items(100);
    let found = aws.call("route53:ListHostedZonesByName", call.send()).await?;
    one_zone(&name, private, found.hosted_zones())
}

fn first(region: &str, mut zones: Vec<String>, count: usize) -> Result<Vec<String>> {
    if zones.len() < count {
        let has = zones.len();
        let text = format!("{region} has {has} availability zones for this account, {count} are wanted");
        return Err(Error::terminal(text).hint(format!("set `network.zones` to at most {has} ({})", zones.join(", "))));
    }
    zones.truncate(count);
    Ok(zones)
}

fn named(region: &str, zones: &[String], wanted: &[String]) -> Result<Vec<String>> {
    match wanted.iter().find(|zone| !zones.contains(zone)) {
        None => Ok(wanted.to_vec()),
        Some(zone) => Err(Error::terminal(format!("{region} has no availability zone `{zone}` for this account"))
            .hint(format!("set `network.zones` to zones among {}", zones.join(", ")))),
    }
}

fn one_zone(name: &str, private: bool, zones: &[HostedZone]) -> Result<String> {
    let is_private = |zone: &&HostedZone| zone.config().is_some_and(|config| config.private_zone());
    let (of_sort, others): (Vec<_>, Vec<_>) = zones
        .iter()
        .filter(|zone| zone.name().trim_end_matches('.') == name)
        .partition(|zone| is_private(zone) == private);
    let id = |zone: &HostedZone| zone.id().trim_start_matches("/hostedzone/").to_owned();
    let sort = |private| if private { "private" } else { "public" };
    match of_sort.as_slice() {
        [zone] => Ok(id(zone)),
        [] => {
            let error = Error::terminal(format!("this account has no {} hosted zone `{name}`", sort(private)));
            Err(if others.is_empty() {
                error.hint("list the zones it has with `aws route53 list-hosted-zones-by-name`").hint(
                    "if the domain is looked after elsewhere, set `ingress.dns = \"external\"`: the record is then printed",
                )
            } else {
                error.hint(format!(
                    "{} of that name is {}",
                    others.iter().map(|zone| id(zone)).collect::<Vec<_>>().join(", "),
                    sort(!private)
                ))
            })
        }
        several => {
            let ids: Vec<String> = several.iter().map(|zone| id(zone)).collect();
            Err(Error::terminal(format!("this account has {} {} hosted zones `{name}`", ids.len(), sort(private)))
                .hint(format!("hybridctl cannot tell which of {} answers: delete the unused ones", ids.join(", "))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_route53::types::HostedZoneConfig;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn zones_are_the_first_ones_or_the_named_ones() {
        let zones = names(&["x-1a", "x-1b", "x-1c"]);
        assert_eq!(first("x-1", zones.clone(), 2).unwrap(), ["x-1a", "x-1b"]);
        assert_eq!(named("x-1", &zones, &names(&["x-1c", "x-1a"])).unwrap(), ["x-1c", "x-1a"]);
        let few = first("x-1", zones.clone(), 4).unwrap_err();
        assert_eq!(few.message, "x-1 has 3 availability zones for this account, 4 are wanted");
        assert_eq!(few.hints, ["set `network.zones` to at most 3 (x-1a, x-1b, x-1c)"]);
        let unknown = named("x-1", &zones, &names(&["x-1a", "x-1d"])).unwrap_err();
        assert!(unknown.message.contains("`x-1d`"), "{unknown}");
    }

    fn zone(id: &str, name: &str, private: bool) -> HostedZone {
        let config = HostedZoneConfig::builder().private_zone(private).build();
        let id = format!("/hostedzone/{id}");
        HostedZone::builder().id(id).name(name).caller_reference("r").config(config).build().unwrap()
    }

    #[test]
    fn a_hosted_zone_is_chosen_by_name_and_sort() {
        let zones = [zone("Z1", "a.com.", false), zone("Z2", "a.com.", true), zone("Z3", "b.com.", false)];
        assert_eq!(one_zone("a.com", false, &zones).unwrap(), "Z1");
        assert_eq!(one_zone("a.com", true, &zones).unwrap(), "Z2");
    }

    #[test]
    fn a_missing_or_ambiguous_hosted_zone_is_explained() {
        let zones = [zone("Z1", "a.com.", true), zone("Z2", "b.com.", false), zone("Z3", "b.com.", false)];
        let wrong_sort = one_zone("a.com", false, &zones).unwrap_err();
        assert_eq!(wrong_sort.message, "this account has no public hosted zone `a.com`");
        assert_eq!(wrong_sort.hints, ["Z1 of that name is private"]);
        assert_eq!(one_zone("c.com", false, &zones).unwrap_err().hints.len(), 2);
        let several = one_zone("b.com", false, &zones).unwrap_err();
        assert_eq!(several.message, "this account has 2 public hosted zones `b.com`");
        assert!(several.hints[0].contains("Z2, Z3"));
    }
}
