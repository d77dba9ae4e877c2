//! The registry: every kind that hybridctl knows, by service. Everything else derives from this list.

use crate::resource::{Kind, Kinds};

/// The kinds of each service.
pub static ALL: &[&[&(dyn Kind + Sync)]] = &[
    super::acm::KINDS,
    super::ec2::KINDS,
    super::ecs::KINDS,
    super::elb::KINDS,
    super::iam::KINDS,
    super::logs::KINDS,
    super::rds::KINDS,
    super::route53::KINDS,
    super::secrets::KINDS,
];

/// All kinds, for an engine that works on AWS.
pub fn kinds() -> Kinds<'static> {
    Kinds::new(ALL.iter().flat_map(|service| service.iter()).map(|kind| *kind as &dyn Kind))
}
