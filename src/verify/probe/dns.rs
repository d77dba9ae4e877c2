//! Where a name leads.
//!
//! The system's own configuration is followed, hosts file included, unless another resolver is given.

use super::WHOLE;
use crate::verify::world::Reach;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, Record};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Why a name leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameFailure {
    /// The name is not there, or has no addresses.
    Absent,
    /// Nobody could say.
    Unknown(String),
}

/// Where a name leads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// IPv4 first.
    pub addresses: Vec<IpAddr>,
    /// The names that its CNAME records name, in lower case without a dot at the end.
    pub aliases: Vec<String>,
}

/// The addresses of a host, IPv4 first.
///
/// # Errors
/// As [`lookup`].
pub async fn addresses(host: &str, reach: &Reach) -> Result<Vec<IpAddr>, NameFailure> {
    lookup(host, reach).await.map(|found| found.addresses)
}

/// Where a host leads.
///
/// # Errors
/// The name is not there, or the resolvers did not say.
pub async fn lookup(host: &str, reach: &Reach) -> Result<Found, NameFailure> {
    let resolver = resolver(reach.resolver).map_err(|error| NameFailure::Unknown(error.to_string()))?;
    // With the dot at the end no search domain is tried.
    let looked = tokio::time::timeout(WHOLE, resolver.lookup_ip(format!("{}.", host.trim_end_matches('.')))).await;
    let found = match looked {
        Err(_) => return Err(NameFailure::Unknown(format!("no answer within {} seconds", WHOLE.as_secs()))),
        Ok(Err(error)) if error.is_no_records_found() || error.is_nx_domain() => return Err(NameFailure::Absent),
        Ok(Err(error)) => return Err(NameFailure::Unknown(error.to_string())),
        Ok(Ok(found)) => found,
    };
    let mut addresses: Vec<IpAddr> = found.iter().collect();
    addresses.sort_by_key(|address| (address.is_ipv6(), *address));
    addresses.dedup();
    let alias = |record: &Record| match &record.data {
        RData::CNAME(name) => Some(name.to_string().trim_end_matches('.').to_lowercase()),
        _ => None,
    };
    let aliases = found.as_lookup().answers().iter().filter_map(alias).collect();
    if addresses.is_empty() { Err(NameFailure::Absent) } else { Ok(Found { addresses, aliases }) }
}

/// The name servers of a zone.
///
/// # Errors
/// The zone has none in DNS, or the resolvers did not say.
pub async fn name_servers(zone: &str, reach: &Reach) -> Result<Vec<String>, NameFailure> {
    let resolver = resolver(reach.resolver).map_err(|error| NameFailure::Unknown(error.to_string()))?;
    let looked = tokio::time::timeout(WHOLE, resolver.ns_lookup(format!("{}.", zone.trim_end_matches('.')))).await;
    match looked {
        Err(_) => Err(NameFailure::Unknown(format!("no answer within {} seconds", WHOLE.as_secs()))),
        Ok(Err(error)) if error.is_no_records_found() || error.is_nx_domain() => Err(NameFailure::Absent),
        Ok(Err(error)) => Err(NameFailure::Unknown(error.to_string())),
        Ok(Ok(found)) => Ok(found.answers().iter().map(|record| record.data.to_string()).collect()),
    }
}

/// The resolver that is asked.
///
/// # Errors
/// This machine has no usable configuration of one.
pub(crate) fn resolver(server: Option<SocketAddr>) -> Result<TokioResolver, NetError> {
    let mut builder = match server {
        None => TokioResolver::builder_tokio()?,
        Some(server) => {
            let mut connection = ConnectionConfig::udp();
            connection.port = server.port();
            let server = NameServerConfig::new(server.ip(), true, vec![connection]);
            let config = ResolverConfig::from_parts(None, vec![], vec![server]);
            let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
            builder.options_mut().use_hosts_file = ResolveHosts::Never;
            builder
        }
    };
    let options = builder.options_mut();
    options.timeout = Duration::from_secs(3);
    options.attempts = 2;
    builder.build()
}
