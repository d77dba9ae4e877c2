//! Which databases keep a subnet group or parameter group from being deleted.

use super::tagging;
use crate::resource::{Holder, Result, Scope};
use aws_sdk_rds::types::DbInstance;

/// The databases that `uses` picks. A group may stay in use for seconds after its database is gone: then there are none.
pub(super) async fn databases(scope: &Scope<'_>, uses: impl Fn(&DbInstance) -> bool) -> Result<Vec<Holder>> {
    let aws = scope.aws;
    let call = aws.rds().describe_db_instances().into_paginator().items().send();
    let all: Vec<DbInstance> = aws.call("rds:DescribeDBInstances", call.try_collect()).await?;
    let held = all.iter().filter(|one| uses(one)).map(|one| {
        let (id, status) = (one.db_instance_identifier().unwrap_or_default(), one.db_instance_status());
        let what = format!("the DB instance {id} ({})", status.unwrap_or("unknown"));
        Holder::tagged(scope, what, &tagging::read(one.tag_list.as_deref())).removed_by(format!(
            "give the database another group in its own tool, or with `aws rds modify-db-instance --db-instance-identifier {id}`"
        ))
    });
    Ok(held.collect())
}
