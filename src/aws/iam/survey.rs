//! Tagged roles.

use super::role;
use crate::aws::Aws;
use crate::aws::survey::{Search, Sighting};
use crate::resource::{Id, Result};

/// What carries our tags, among the roles whose name begins with the deployment's and the region's: a list shows no tags.
pub(in crate::aws) async fn tagged(aws: &Aws, search: &Search<'_>) -> Result<Vec<Sighting>> {
    let prefix = format!("{}-{}-", search.deployment, aws.region());
    let list = || aws.iam().list_roles().into_paginator().items().send().collect::<std::result::Result<Vec<_>, _>>();
    let roles = aws.read("iam:ListRoles", list).await?;
    let mut found = vec![];
    for listed in roles.into_iter().filter(|role| role.role_name.starts_with(&prefix)) {
        let role = aws.patiently(async || role::get(aws, &listed.role_name).await).await?;
        let Some(role) = role else { continue };
        let made = Some(role.create_date.secs());
        let sighting = Sighting::of(&["iam.role"], Id(listed.role_name), role::read_tags(&role));
        found.extend(sighting.map(|one| one.made(made)));
    }
    Ok(found)
}
