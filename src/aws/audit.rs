//! What exists of a deployment, asked of AWS itself and not of the record: the proof behind a destroy.
//!
//! Only what carries the lineage counts, whatever its name. EC2 and Secrets Manager are asked by tag; services that cannot be
//! are asked by the deployment's names, and the tags of what answers are read. A service that cannot be read is named: then
//! nothing is proved of it.

mod network;
mod services;

pub use services::SCHEDULED;

use crate::aws::{Aws, tags};
use crate::resource::{Error, Result, Tags};
use futures_util::future::{LocalBoxFuture, join_all};
use uuid::Uuid;

/// Whose objects are looked for, and the names that lead to them where tags do not.
pub struct Subject {
    /// The deployment's name.
    pub deployment: String,
    /// The state document.
    pub lineage: Uuid,
    /// Name of the ECS cluster.
    pub cluster: String,
    /// Family of the task definitions.
    pub task_family: String,
    /// Names of the roles.
    pub roles: Vec<String>,
    /// Log groups: whole names, and folders that end in `/`.
    pub log_groups: Vec<String>,
    /// Host name of the endpoint.
    pub host: String,
    /// Route 53 zone of its record.
    pub zone_id: Option<String>,
}

/// An object that carries the lineage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// `ec2.nat_gateway`; the registry's name where hybridctl makes such objects.
    pub kind: &'static str,
    /// AWS's id, as a record would have it.
    pub id: String,
    /// The resource that it was made for.
    pub address: Option<String>,
    /// What more there is to say: `deleting`, `scheduled for deletion`.
    pub state: Option<String>,
    /// Size of what is billed by size, GiB.
    pub gib: Option<i32>,
}

impl Found {
    fn new(kind: &'static str, id: impl Into<String>, found: &Tags) -> Self {
        let address = found.get(tags::ADDRESS).cloned();
        Self { kind, id: id.into(), address, state: None, gib: None }
    }

    fn in_state(mut self, state: impl Into<String>) -> Self {
        self.state = Some(state.into());
        self
    }

    fn of_size(mut self, gib: Option<i32>) -> Self {
        self.gib = gib;
        self
    }
}

/// What was found, and what could not be read.
#[derive(Debug, Default)]
pub struct Audit {
    /// Everything with the lineage, by kind and id.
    pub found: Vec<Found>,
    /// What was asked: `VPCs`, `roles`.
    pub asked: Vec<&'static str>,
    /// What could not be asked, and why.
    pub unread: Vec<(&'static str, Error)>,
}

type Part<'a> = (&'static str, LocalBoxFuture<'a, Result<Vec<Found>>>);

/// Asks every service that a deployment uses.
pub async fn audit(aws: &Aws, subject: &Subject) -> Audit {
    let parts: Vec<Part<'_>> = network::parts(aws, subject).into_iter().chain(services::parts(aws, subject)).collect();
    let (names, parts): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
    let mut audit = Audit::default();
    for (name, answer) in names.into_iter().zip(join_all(parts).await) {
        match answer {
            Ok(found) => {
                audit.asked.push(name);
                audit.found.extend(found);
            }
            Err(error) => audit.unread.push((name, error)),
        }
    }
    audit.found.sort_by(|a, b| (a.kind, &a.id).cmp(&(b.kind, &b.id)));
    audit
}

impl Subject {
    fn owns(&self, found: &Tags) -> bool {
        tags::are_of(self.lineage, found)
    }
}
