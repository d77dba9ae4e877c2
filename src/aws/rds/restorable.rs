//! Snapshots that a lost database can be restored from.

use crate::aws::Aws;
use crate::resource::Result;
use aws_sdk_rds::types::DbSnapshot;

/// Snapshots of the instance with this identifier, newest first: identifier and time of making. Automated ones are gone with
/// the instance unless AWS retained them; manual ones stay.
///
/// # Errors
/// The call's.
pub async fn restorable(aws: &Aws, instance: &str) -> Result<Vec<(String, String)>> {
    named(aws, instance, |_| true).await
}

/// Those of them that outlive the instance.
///
/// # Errors
/// The call's.
pub async fn lasting(aws: &Aws, instance: &str) -> Result<Vec<(String, String)>> {
    named(aws, instance, |snapshot| snapshot.snapshot_type() != Some("automated")).await
}

async fn named(aws: &Aws, instance: &str, counts: impl Fn(&DbSnapshot) -> bool) -> Result<Vec<(String, String)>> {
    let call = aws.rds().describe_db_snapshots().db_instance_identifier(instance);
    let found = aws.call("rds:DescribeDBSnapshots", call.send()).await?;
    let mut snapshots: Vec<_> = found.db_snapshots.unwrap_or_default();
    snapshots.retain(counts);
    snapshots.sort_by_key(|snapshot| std::cmp::Reverse(snapshot.snapshot_create_time));
    let named = snapshots.into_iter().filter_map(|snapshot| {
        let made = snapshot.snapshot_create_time.map(|time| time.to_string()).unwrap_or_default();
        Some((snapshot.db_snapshot_identifier?, made))
    });
    Ok(named.collect())
}
