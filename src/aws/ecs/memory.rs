//! What the cluster's tags remember of a task that ran once and ended well.
//!
//! ECS forgets a stopped task after about an hour. The record remembers it for ever; without the record only these tags do.
//! Three of them, written in one call: which run it was, of which image, on which database.

use super::tagging;
use crate::aws::Aws;
use crate::resource::error::OrGone;
use crate::resource::{Result, TagChange, Tags};
use aws_sdk_ecs::types::ClusterField;

/// Before the name of the run: `hybridctl:ran:migrate:image`.
const PREFIX: &str = "hybridctl:ran:";

/// A run that ended well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Memory {
    /// Last part of the task's ARN.
    pub(super) task: String,
    /// The incarnation that ran it.
    pub(super) token: String,
    /// RFC 3339; empty if ECS has not said.
    pub(super) finished_at: String,
    /// Image reference.
    pub(super) image: String,
    /// `db-ABC…`.
    pub(super) dbi_resource_id: String,
    /// Name of the database.
    pub(super) database: String,
    /// The version that it was brought to.
    pub(super) version: String,
}

impl Memory {
    /// Out of the tags of a cluster; `name` is the run's.
    pub(super) fn of(tags: &Tags, name: &str) -> Option<Self> {
        let tag = |part: &str| tags.get(&key(name, part));
        let run: Vec<&str> = tag("run")?.split(' ').collect();
        let on: Vec<&str> = tag("database")?.split(' ').collect();
        let ([task, token, finished_at], [dbi_resource_id, database, version]) = (&run[..], &on[..]) else {
            return None;
        };
        Some(Self {
            task: (*task).to_owned(),
            token: (*token).to_owned(),
            finished_at: finished_at.trim_matches('-').to_owned(),
            image: tag("image")?.clone(),
            dbi_resource_id: (*dbi_resource_id).to_owned(),
            database: (*database).to_owned(),
            version: (*version).to_owned(),
        })
    }

    /// The names of the runs that these tags remember.
    pub(super) fn names(tags: &Tags) -> impl Iterator<Item = &str> {
        tags.keys().filter_map(|key| key.strip_prefix(PREFIX)?.strip_suffix(":run"))
    }

    /// Reads it from the cluster.
    pub(super) async fn read(aws: &Aws, cluster: &str, name: &str) -> Result<Option<Self>> {
        let call = aws.ecs().describe_clusters().clusters(cluster).include(ClusterField::Tags);
        let found = aws.call("ecs:DescribeClusters", call.send()).await.or_gone()?;
        let cluster = found.and_then(|found| found.clusters?.into_iter().next());
        Ok(cluster.and_then(|cluster| Self::of(&tagging::read(cluster.tags.as_deref()), name)))
    }

    /// Writes it to the cluster.
    pub(super) async fn write(&self, aws: &Aws, cluster_arn: &str, name: &str) -> Result<()> {
        let change = TagChange { set: self.tags(name), remove: vec![] };
        tagging::apply(aws, cluster_arn, Some(&change)).await
    }

    fn tags(&self, name: &str) -> Tags {
        // A tag's value may not end in a blank.
        let finished_at = if self.finished_at.is_empty() { "-" } else { &self.finished_at };
        Tags::from([
            (key(name, "run"), format!("{} {} {finished_at}", self.task, self.token)),
            (key(name, "image"), self.image.clone()),
            (key(name, "database"), format!("{} {} {}", self.dbi_resource_id, self.database, self.version)),
        ])
    }
}

fn key(name: &str, part: &str) -> String {
    format!("{PREFIX}{name}:{part}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(finished_at: &str) -> Memory {
        Memory {
            task: "0a1b".into(),
            token: "0".repeat(32),
            finished_at: finished_at.into(),
            image: "example.com/server@sha256:00".into(),
            dbi_resource_id: "db-1".into(),
            database: "zenml".into(),
            version: "0.98.0".into(),
        }
    }

    #[test]
    fn it_comes_back_from_its_tags() {
        for finished_at in ["2026-11-20T17:00:00Z", ""] {
            let memory = memory(finished_at);
            let tags = memory.tags("migrate");
            assert_eq!(Memory::of(&tags, "migrate"), Some(memory));
            assert_eq!(Memory::names(&tags).collect::<Vec<_>>(), ["migrate"]);
            assert_eq!(Memory::of(&tags, "other"), None);
            let longest = tags.iter().map(|(key, value)| (key.len(), value.len())).max().unwrap();
            assert!(longest.0 <= 128 && longest.1 <= 256, "{tags:?}");
        }
    }

    #[test]
    fn a_tag_that_somebody_rewrote_remembers_nothing() {
        let mut tags = memory("").tags("migrate");
        tags.insert("hybridctl:ran:migrate:run".into(), "something else entirely here".into());
        assert_eq!(Memory::of(&tags, "migrate"), None);
    }
}
