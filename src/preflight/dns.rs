//! What public DNS says of a host and its zone: which authorities may issue for it, and whether a zone is the one that is asked.
//!
//! Name servers can have other names than Route 53 gave them, and a zone can name others than it has: different names alone prove
//! nothing.

use crate::verify::Reach;
use crate::verify::probe::WHOLE;
use crate::verify::probe::dns::{NameFailure, addresses, resolver};
use hickory_resolver::proto::rr::{RData, RecordType};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// A CAA record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caa {
    /// Name that has it, without a dot at the end.
    pub at: String,
    /// `issue`, `issuewild`, ….
    pub tag: String,
    /// `amazon.com`; empty: nobody.
    pub value: String,
}

/// The CAA records that count for a host: those of the nearest name above it that has any.
///
/// # Errors
/// The resolvers did not say.
pub async fn caa(host: &str, reach: &Reach) -> Result<Vec<Caa>, NameFailure> {
    let mut name = plain(host);
    loop {
        let found = match lookup(&name, RecordType::CAA, reach).await {
            Err(NameFailure::Absent) => vec![],
            found => found?,
        };
        let records: Vec<Caa> = found
            .into_iter()
            .filter_map(|data| match data {
                RData::CAA(record) => Some(Caa {
                    at: name.clone(),
                    tag: record.tag.to_lowercase(),
                    value: issuer(&String::from_utf8_lossy(&record.value)),
                }),
                _ => None,
            })
            .collect();
        match name.split_once('.') {
            Some((_, above)) if records.is_empty() => name = above.to_owned(),
            _ => return Ok(records),
        }
    }
}

/// `amazon.com` out of `amazon.com; cansignhttpexchanges=yes`.
fn issuer(value: &str) -> String {
    value.split(';').next().unwrap_or_default().trim().to_lowercase()
}

/// What shows that public DNS leads to a zone although the name servers have other names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traces {
    /// The name server that the public SOA record of the zone names; Route 53 puts one of the zone's own there.
    pub primary: Option<Result<String, NameFailure>>,
    /// Public name servers that have the address of one of the zone's own, with that one.
    pub aliases: Vec<(String, String)>,
}

/// True if both name the same servers.
pub fn same(told: &[String], own: &[String]) -> bool {
    let set = |names: &[String]| names.iter().map(|name| plain(name)).collect::<BTreeSet<_>>();
    set(told) == set(own)
}

/// Looks for them. `told` are the name servers that public DNS names, `own` those of the hosted zone.
pub async fn traces(zone: &str, told: &[String], own: &[String], reach: &Reach) -> Traces {
    let of = async |names: &[String]| {
        let found = names.iter().map(async |name| (plain(name), addresses(name, reach).await.unwrap_or_default()));
        futures_util::future::join_all(found).await
    };
    let (primary, told, own) = futures_util::future::join3(primary(zone, reach), of(told), of(own)).await;
    let alias = |(name, addresses): &(String, Vec<IpAddr>)| {
        let (namesake, _) = own.iter().find(|(_, own)| own.iter().any(|address| addresses.contains(address)))?;
        Some((name.clone(), namesake.clone()))
    };
    Traces { primary: Some(primary), aliases: told.iter().filter_map(alias).collect() }
}

async fn primary(zone: &str, reach: &Reach) -> Result<String, NameFailure> {
    let found = lookup(zone, RecordType::SOA, reach).await?;
    let mut names = found.into_iter().filter_map(|data| match data {
        RData::SOA(record) => Some(plain(&record.mname.to_string())),
        _ => None,
    });
    names.next().ok_or(NameFailure::Absent)
}

pub(super) fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_lowercase()
}

async fn lookup(name: &str, kind: RecordType, reach: &Reach) -> Result<Vec<RData>, NameFailure> {
    let resolver = resolver(reach.resolver).map_err(|error| NameFailure::Unknown(error.to_string()))?;
    let looked = tokio::time::timeout(WHOLE, resolver.lookup(format!("{}.", plain(name)), kind)).await;
    match looked {
        Err(_) => Err(NameFailure::Unknown(format!("no answer within {} seconds", WHOLE.as_secs()))),
        Ok(Err(error)) if error.is_no_records_found() || error.is_nx_domain() => Err(NameFailure::Absent),
        Ok(Err(error)) => Err(NameFailure::Unknown(error.to_string())),
        Ok(Ok(found)) => Ok(found.answers().iter().map(|record| record.data.clone()).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_read_without_its_parameters() {
        assert_eq!(issuer("Amazon.com; validationmethods=dns-01"), "amazon.com");
        assert_eq!(issuer(";"), "");
        assert_eq!(plain("Ns-1.AWSDNS-01.com."), "ns-1.awsdns-01.com");
    }
}
