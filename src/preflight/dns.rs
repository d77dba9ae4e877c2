//! Which authorities may issue a certificate for a host, as public DNS says.

use crate::verify::Reach;
use crate::verify::probe::WHOLE;
use crate::verify::probe::dns::{NameFailure, resolver};
use hickory_resolver::proto::rr::{RData, RecordType};

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

fn plain(name: &str) -> String {
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
