//! A DB parameter group. <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBParameterGroup.html>
//!
//! Settles at once. Parameters are a second call, at most 20 each. Whoever asks for `Source=user` does not see a parameter that
//! was set to its default, so the managed ones that are missing there are asked for by name; whatever else is set there was
//! set by hand, shows, and is reset. A static parameter takes effect when the instance restarts: it shows there as
//! `parameters_in_sync`. Another family needs another group, next to the old one until the instance has moved.

use super::{holders, tagging};
use crate::aws::{Aws, tags};
use crate::model::{Handle, Output};
use crate::resource::actions::{Actions, TAGS, update_of};
use crate::resource::error::OrGone;
use crate::resource::{Changed, Error, Field, Found, Holder, Id, Live, Repeat, Resource, Result, Scope};
use aws_sdk_rds::types::{ApplyMethod, DbInstance, DbParameterGroup, Filter, Parameter};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// `zenml-hybrid-mysql84-1a2b3c`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ParameterGroupName(pub String);

/// Settings of the database engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParameterGroup {
    /// Lower case; the name gets a suffix of seven characters.
    pub name_prefix: String,
    /// `mysql8.4`.
    pub family: String,
    /// For people.
    pub description: String,
    /// Every parameter that is not to have its default.
    pub parameters: BTreeMap<String, String>,
}

/// What others may use.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outputs {
    /// `zenml-hybrid-mysql84-1a2b3c`.
    pub parameter_group_name: ParameterGroupName,
}

impl Handle<ParameterGroup> {
    /// `zenml-hybrid-mysql84-1a2b3c`.
    pub fn parameter_group_name(&self) -> Output<ParameterGroupName> {
        self.output("parameter_group_name")
    }
}

/// Parameters that take effect at once. Any other waits for a restart, which is right for static ones and harmless for the rest.
const DYNAMIC: [&str; 5] =
    ["general_log", "slow_query_log", "log_output", "long_query_time", "require_secure_transport"];

/// What one call may change.
const AT_ONCE: usize = 20;

/// A hyphen and six hex digits.
const SUFFIX: usize = 7;

type Parameters = BTreeMap<String, String>;

impl Resource for ParameterGroup {
    const KIND: &'static str = "rds.parameter_group";
    const FIELDS: &'static [Field] = &[
        Field::replace("name_prefix"),
        Field::replace("family"),
        Field::replace("description"),
        Field::update("parameters").after_create().same_when(same_parameters),
    ];
    const REPEAT: Repeat = Repeat::Collides;
    const ACTIONS: Actions = Actions {
        reads: &["rds:DescribeDBParameterGroups", "rds:DescribeDBParameters", "rds:ListTagsForResource"],
        creates: &["rds:AddTagsToResource", "rds:CreateDBParameterGroup", "rds:ModifyDBParameterGroup"],
        updates: &[
            update_of("rds:AddTagsToResource", &[TAGS]),
            update_of("rds:ModifyDBParameterGroup", &["parameters"]),
            update_of("rds:RemoveTagsFromResource", &[TAGS]),
            update_of("rds:ResetDBParameterGroup", &["parameters"]),
        ],
        deletes: &["rds:DeleteDBParameterGroup"],
        seldom: &["rds:DescribeDBInstances"],
        ..Actions::NONE
    };
    type Outputs = Outputs;

    async fn find(scope: &Scope<'_>, want: &Self) -> Result<Found> {
        let aws = scope.aws;
        let call = aws.rds().describe_db_parameter_groups().into_paginator().items().send();
        let groups =
            aws.call("rds:DescribeDBParameterGroups", call.collect::<std::result::Result<Vec<_>, _>>()).await?;
        let mut candidates = vec![];
        for group in groups {
            let name = group.db_parameter_group_name.unwrap_or_default();
            if !is_suffixed(&name, &want.name_prefix) {
                continue;
            }
            let tags = tagging::of(aws, group.db_parameter_group_arn.as_deref().unwrap_or_default()).await?;
            if name == scope.suffixed(&want.name_prefix) && !tags::are_ours(scope, &tags) {
                let what = format!("the DB parameter group `{name}`");
                return Ok(tags::ours_or_foreign(scope, &what, name.into(), &tags));
            }
            candidates.push((Id(name), tags));
        }
        Ok(tags::pick(scope, candidates))
    }

    async fn read(scope: &Scope<'_>, id: &Id) -> Result<Option<Live<Self>>> {
        let aws = scope.aws;
        let (group, set) = futures_util::join!(describe(aws, &id.0), set_by_user(aws, &id.0));
        let (Some(group), Some(mut parameters)) = (group?, set?) else { return Ok(None) };
        let missing: Vec<String> = managed(scope).into_iter().filter(|name| !parameters.contains_key(name)).collect();
        if !missing.is_empty() {
            parameters.append(&mut named(aws, &id.0, missing).await?);
        }
        let name = group.db_parameter_group_name.unwrap_or_default();
        Ok(Some(Live::untagged(
            Self {
                name_prefix: name.get(..name.len().saturating_sub(SUFFIX)).unwrap_or_default().to_owned(),
                family: group.db_parameter_group_family.unwrap_or_default(),
                description: group.description.unwrap_or_default(),
                parameters,
            },
            Outputs { parameter_group_name: ParameterGroupName(name) },
        )))
    }

    async fn create(scope: &Scope<'_>, want: &Self) -> Result<Id> {
        let aws = scope.aws;
        let call = aws
            .rds()
            .create_db_parameter_group()
            .db_parameter_group_name(scope.suffixed(&want.name_prefix))
            .db_parameter_group_family(&want.family)
            .description(&want.description)
            .set_tags(Some(tagging::sdk(&scope.tags())));
        let made = aws.call("rds:CreateDBParameterGroup", call.send()).await?;
        Ok(made.db_parameter_group.and_then(|group| group.db_parameter_group_name).unwrap_or_default().into())
    }

    async fn update(scope: &Scope<'_>, id: &Id, want: &Self, changed: &Changed) -> Result<()> {
        let aws = scope.aws;
        if changed.has("parameters") {
            let live = set_by_user(aws, &id.0).await?.unwrap_or_default();
            for some in unwanted(&want.parameters, &live).chunks(AT_ONCE) {
                let call = aws.rds().reset_db_parameter_group().db_parameter_group_name(&id.0);
                let call = call.reset_all_parameters(false).set_parameters(Some(some.to_vec()));
                aws.call("rds:ResetDBParameterGroup", call.send()).await?;
            }
            for some in unset(&want.parameters, &live).chunks(AT_ONCE) {
                let call = aws.rds().modify_db_parameter_group().db_parameter_group_name(&id.0);
                let call = call.set_parameters(Some(some.to_vec()));
                aws.call("rds:ModifyDBParameterGroup", call.send()).await?;
            }
        }
        let Some(change) = &changed.tags else { return Ok(()) };
        let group = describe(aws, &id.0).await?.and_then(|group| group.db_parameter_group_arn);
        let arn = group.ok_or_else(|| Error::terminal(format!("the DB parameter group `{id}` is gone")))?;
        tagging::apply(aws, &arn, change).await
    }

    async fn delete(scope: &Scope<'_>, id: &Id) -> Result<()> {
        let call = scope.aws.rds().delete_db_parameter_group().db_parameter_group_name(&id.0);
        scope.aws.call("rds:DeleteDBParameterGroup", call.send()).await.map(drop)
    }

    async fn holders(scope: &Scope<'_>, id: &Id) -> Result<Vec<Holder>> {
        let groups = |one: &DbInstance| {
            one.db_parameter_groups().iter().any(|group| group.db_parameter_group_name() == Some(&id.0))
        };
        holders::databases(scope, groups).await
    }
}

async fn describe(aws: &Aws, name: &str) -> Result<Option<DbParameterGroup>> {
    let call = aws.rds().describe_db_parameter_groups().db_parameter_group_name(name);
    let found = aws.call("rds:DescribeDBParameterGroups", call.send()).await.or_gone()?;
    Ok(found.and_then(|found| found.db_parameter_groups).and_then(|groups| groups.into_iter().next()))
}

/// What differs from the family's defaults.
async fn set_by_user(aws: &Aws, name: &str) -> Result<Option<Parameters>> {
    let call = aws.rds().describe_db_parameters().db_parameter_group_name(name).source("user");
    let call = call.into_paginator().items().send().collect::<std::result::Result<Vec<_>, _>>();
    Ok(aws.call("rds:DescribeDBParameters", call).await.or_gone()?.map(values))
}

/// These parameters, wherever their value comes from.
async fn named(aws: &Aws, name: &str, parameters: Vec<String>) -> Result<Parameters> {
    let filter = Filter::builder().name("parameter-name").set_values(Some(parameters)).build();
    let call = aws.rds().describe_db_parameters().db_parameter_group_name(name).filters(filter);
    let call = call.into_paginator().items().send().collect::<std::result::Result<Vec<_>, _>>();
    aws.call("rds:DescribeDBParameters", call).await.map(values)
}

fn values(parameters: Vec<Parameter>) -> Parameters {
    parameters.into_iter().filter_map(|parameter| parameter.parameter_name.zip(parameter.parameter_value)).collect()
}

/// The parameters that hybridctl wants to have some value: being applied, or on record.
fn managed(scope: &Scope<'_>) -> Vec<String> {
    let inputs = scope.want.or(scope.recorded.map(|recorded| &recorded.inputs));
    let parameters = inputs.and_then(|inputs| inputs["parameters"].as_object());
    parameters.map(|parameters| parameters.keys().cloned().collect()).unwrap_or_default()
}

fn is_suffixed(name: &str, prefix: &str) -> bool {
    let suffix = name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-'));
    suffix.is_some_and(|suffix| suffix.len() == SUFFIX - 1 && suffix.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn method(name: &str) -> ApplyMethod {
    if DYNAMIC.contains(&name) { ApplyMethod::Immediate } else { ApplyMethod::PendingReboot }
}

/// What has another value than wanted.
fn unset(want: &Parameters, live: &Parameters) -> Vec<Parameter> {
    let differs = |(name, value): &(&String, &String)| live.get(*name).is_none_or(|live| normal(live) != normal(value));
    let parameter = |(name, value): (&String, &String)| {
        Parameter::builder().parameter_name(name).parameter_value(value).apply_method(method(name)).build()
    };
    want.iter().filter(differs).map(parameter).collect()
}

/// What has a value although none is wanted.
fn unwanted(want: &Parameters, live: &Parameters) -> Vec<Parameter> {
    let names = live.keys().filter(|name| !want.contains_key(*name));
    names.map(|name| Parameter::builder().parameter_name(name).apply_method(method(name)).build()).collect()
}

/// MySQL takes `ON` and `1` for the same, and answers with either.
fn normal(value: &str) -> &str {
    match value.trim() {
        value if value.eq_ignore_ascii_case("on") => "1",
        value if value.eq_ignore_ascii_case("off") => "0",
        value => value,
    }
}

fn same_parameters(want: &Value, live: &Value) -> bool {
    let (Some(want), Some(live)) = (want.as_object(), live.as_object()) else { return false };
    let text = |value: &Value| value.as_str().map(|text| normal(text).to_owned());
    want.len() == live.len()
        && want.iter().all(|(name, want)| live.get(name).is_some_and(|live| text(want) == text(live)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parameters(pairs: &[(&str, &str)]) -> Parameters {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn names(parameters: &[Parameter]) -> Vec<&str> {
        parameters.iter().filter_map(Parameter::parameter_name).collect()
    }

    #[test]
    fn on_and_one_are_the_same() {
        assert!(same_parameters(&json!({"general_log": "1"}), &json!({"general_log": "ON"})));
        assert!(!same_parameters(&json!({"general_log": "1"}), &json!({"general_log": "off"})));
        assert!(!same_parameters(&json!({}), &json!({"general_log": "1"})), "one that was set by hand shows");
    }

    #[test]
    fn only_what_differs_is_set_and_what_nobody_wants_is_reset() {
        let want = parameters(&[("general_log", "1"), ("long_query_time", "2"), ("max_connections", "99")]);
        let live = parameters(&[("general_log", "ON"), ("long_query_time", "10"), ("binlog_format", "ROW")]);
        assert_eq!(names(&unset(&want, &live)), ["long_query_time", "max_connections"]);
        assert_eq!(names(&unwanted(&want, &live)), ["binlog_format"]);
        assert_eq!(unset(&want, &live)[0].apply_method(), Some(&ApplyMethod::Immediate));
        assert_eq!(unset(&want, &live)[1].apply_method(), Some(&ApplyMethod::PendingReboot));
    }

    #[test]
    fn a_name_of_ours_is_the_prefix_and_six_hex_digits() {
        assert!(is_suffixed("zenml-mysql84-0a1b2c", "zenml-mysql84"));
        assert!(!is_suffixed("zenml-mysql84-spare1", "zenml-mysql84"));
        assert!(!is_suffixed("zenml-mysql84", "zenml-mysql84"));
    }
}
