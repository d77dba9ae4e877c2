//! Whether a plan would go through, before anything is made.
//!
//! Everything is asked once and at the same time ([`gather`]): AWS through [`crate::aws::ask`], the resolvers, the control plane.
//! Then each check judges those facts, a pure function with a stable id. Nothing is changed.
//!
//! A check that cannot be judged is no failure: it says so, and why. What the plan does not need is not asked.

pub mod checks;
pub mod control_plane;
pub mod dns;
pub mod grant;
pub mod report;
pub mod wish;

mod calls;
mod needs;
mod objects;
mod show;

#[cfg(test)]
mod samples;

pub use checks::{CHECKS, Check};
pub use report::{CheckResult, Finding, Report, Status};
pub use wish::{Intention, Wish};

use crate::aws::Aws;
use crate::aws::ask::{Asked, ask};
use crate::aws::s3::Bucket;
use crate::verify::Reach;
use crate::verify::probe::WHOLE;
use crate::verify::probe::dns::{NameFailure, addresses, name_servers};
use control_plane::Answered;
use dns::{Caa, Traces};
use std::net::IpAddr;

/// What the checks judge: values only.
#[derive(Debug, Clone)]
pub struct Facts {
    /// What is wanted.
    pub wish: Wish,
    /// What AWS said.
    pub asked: Asked,
    /// What the world outside AWS said.
    pub outside: Outside,
    /// Now, seconds since 1970.
    pub now: i64,
}

/// What resolvers and the control plane said. `None`: not asked.
#[derive(Debug, Clone, Default)]
pub struct Outside {
    /// Name servers of the zone, as its parent says.
    pub name_servers: Option<Result<Vec<String>, NameFailure>>,
    /// What else leads to the zone, where those are not the zone's own.
    pub traces: Option<Traces>,
    /// CAA records that count for the host.
    pub caa: Option<Result<Vec<Caa>, NameFailure>>,
    /// Where the host leads today.
    pub host: Option<Result<Vec<IpAddr>, NameFailure>>,
    /// The control plane's answer.
    pub control_plane: Option<Answered>,
}

/// Asks everything that the wish needs to know. `bucket` holds the state.
pub async fn gather(wish: Wish, aws: &Aws, reach: &Reach, bucket: Option<&Bucket>) -> Facts {
    let questions = wish.questions();
    let (asked, mut outside) =
        tokio::join!(Box::pin(ask(aws, &questions, bucket)), Box::pin(look_outside(&wish, reach)));
    if let (Some((name, _)), Some(Ok(Some(zone))), Some(Ok(told))) =
        (&wish.hosted_zone, &asked.hosted_zone, &outside.name_servers)
        && !zone.private
        && !dns::same(told, &zone.name_servers)
    {
        outside.traces = Some(dns::traces(name, told, &zone.name_servers, reach).await);
    }
    let now = jiff::Timestamp::now().as_second();
    Facts { wish, asked, outside, now }
}

async fn look_outside(wish: &Wish, reach: &Reach) -> Outside {
    let zone = async {
        match &wish.hosted_zone {
            Some((zone, _)) => Some(name_servers(zone, reach).await),
            None => None,
        }
    };
    let caa = async {
        match wish.certificate_arn {
            None => Some(dns::caa(&wish.host, reach).await),
            Some(_) => None,
        }
    };
    let host = async {
        match wish.hosted_zone {
            None => Some(addresses(&wish.host, reach).await),
            Some(_) => None,
        }
    };
    let control_plane = async {
        match wish.is_sandbox {
            true => None,
            false => Some(control_plane::reach(&wish.api_url, reach, WHOLE).await),
        }
    };
    let (servers, caa, host, control_plane) = tokio::join!(zone, caa, host, control_plane);
    Outside { name_servers: servers, traces: None, caa, host, control_plane }
}

/// The judgement alone, over facts that were gathered before.
pub fn judge(facts: &Facts) -> Report {
    let checks = CHECKS.iter().map(|check| CheckResult::of(check, (check.run)(facts))).collect();
    Report { deployment: facts.wish.deployment.clone(), region: facts.wish.region.clone(), checks }
}
