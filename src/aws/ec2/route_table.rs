//! A route table. <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateRouteTable.html>
//!
//! Settles at once. Its routes (`ec2.route`) and the subnets that use it (`ec2.route_table_association`) are kinds of their
//! own; all three are read by one DescribeRouteTables. Deleting is refused with `DependencyViolation` while a subnet uses it.
//! The `local` route comes with the table and is nobody's.

use super::tagging;
use super::vpc::VpcId;
use crate::aws::clients::CallLog;
use crate::aws::{Aws, tags};
use crate::model::{Handle, Input, Output};
use crate::resource::actions::{Actions, TAGS, update_of};
use crate::resource::{Changed, Field, Found, Id, Live, Repeat, Resource, Result, Scope};
use aws_sdk_ec2::types::{self, Filter, ResourceType, RouteTableAssociation, RouteTableAssociationStateCode};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `rtb-0abc…`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RouteTableId(pub String);

/// Where packets of some subnets go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouteTable {
    /// The VPC it belongs to.
    pub vpc_id: Input<VpcId>,
}

/// What others may use.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outputs {
    /// `rtb-0abc…`.
    pub route_table_id: RouteTableId,
}

impl Handle<RouteTable> {
    /// `rtb-0abc…`.
    pub fn route_table_id(&self) -> Output<RouteTableId> {
        self.output("route_table_id")
    }
}

impl Resource for RouteTable {
    const KIND: &'static str = "ec2.route_table";
    const FIELDS: &'static [Field] = &[Field::replace("vpc_id")];
    const REPEAT: Repeat = Repeat::Token;
    const ACTIONS: Actions = Actions {
        reads: &["ec2:DescribeRouteTables"],
        creates: &["ec2:CreateRouteTable", "ec2:CreateTags"],
        updates: &[update_of("ec2:CreateTags", &[TAGS]), update_of("ec2:DeleteTags", &[TAGS])],
        deletes: &["ec2:DeleteRouteTable"],
        ..Actions::NONE
    };
    type Outputs = Outputs;

    async fn find(scope: &Scope<'_>, _want: &Self) -> Result<Found> {
        let aws = scope.aws;
        let found = list(aws.ec2(), &aws.log(), tagging::ours(scope)).await?;
        let candidates = found
            .iter()
            .map(|table| (table.route_table_id().unwrap_or_default().into(), tagging::read(table.tags.as_deref())));
        Ok(tags::pick(scope, candidates))
    }

    async fn read(scope: &Scope<'_>, id: &Id) -> Result<Option<Live<Self>>> {
        Ok(describe(scope.aws, &id.0).await?.map(|table| {
            let inputs = Self { vpc_id: VpcId(table.vpc_id.unwrap_or_default()).into() };
            let outputs = Outputs { route_table_id: RouteTableId(id.0.clone()) };
            Live::ready(inputs, outputs, tagging::read(table.tags.as_deref()))
        }))
    }

    async fn create(scope: &Scope<'_>, want: &Self) -> Result<Id> {
        let aws = scope.aws;
        let call = aws
            .ec2()
            .create_route_table()
            .client_token(scope.token)
            .vpc_id(&want.vpc_id.get()?.0)
            .tag_specifications(tagging::specification(scope, ResourceType::RouteTable));
        let made = aws.call("ec2:CreateRouteTable", call.send()).await?;
        Ok(made.route_table.and_then(|table| table.route_table_id).unwrap_or_default().into())
    }

    async fn update(scope: &Scope<'_>, id: &Id, _want: &Self, changed: &Changed) -> Result<()> {
        tagging::apply(scope.aws, &id.0, changed.tags.as_ref()).await
    }

    async fn delete(scope: &Scope<'_>, id: &Id) -> Result<()> {
        let aws = scope.aws;
        aws.call("ec2:DeleteRouteTable", aws.ec2().delete_route_table().route_table_id(&id.0).send()).await.map(drop)
    }
}

/// The table of this id.
pub(super) async fn describe(aws: &Aws, id: &str) -> Result<Option<types::RouteTable>> {
    get(aws, Key::Table(id.to_owned())).await
}

/// The association that a subnet has with any table, ours or not; `None` if it follows the VPC's main table.
pub(super) async fn association(aws: &Aws, subnet: &str) -> Result<Option<RouteTableAssociation>> {
    let table = get(aws, Key::Subnet(subnet.to_owned())).await?;
    Ok(table.and_then(|table| table.associations().iter().find(|one| of_subnet(one) == Some(subnet)).cloned()))
}

/// What a route table is looked up by.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Table(String),
    Subnet(String),
}

struct RouteTables;

async fn get(aws: &Aws, key: Key) -> Result<Option<types::RouteTable>> {
    let (client, log) = (aws.ec2().clone(), aws.log());
    let batch = aws.batches.of::<RouteTables, Key, types::RouteTable>();
    batch.get(key, move |keys| fetch(client, log, keys)).await
}

/// Filters are joined by "and", so tables and subnets cannot be asked for in one call. The tables asked for usually hold the
/// associations asked for as well; only a subnet that is not among them (moved to a foreign table by hand, or none at all)
/// costs a second call.
async fn fetch(client: aws_sdk_ec2::Client, log: CallLog, keys: Vec<Key>) -> Result<BTreeMap<Key, types::RouteTable>> {
    let (mut tables, mut subnets) = (vec![], vec![]);
    for key in keys {
        match key {
            Key::Table(id) => tables.push(id),
            Key::Subnet(id) => subnets.push(id),
        }
    }
    let mut found = BTreeMap::new();
    if !tables.is_empty() {
        index(&mut found, list(&client, &log, vec![tagging::filter("route-table-id", tables)]).await?);
    }
    subnets.retain(|id| !found.contains_key(&Key::Subnet(id.clone())));
    if !subnets.is_empty() {
        index(&mut found, list(&client, &log, vec![tagging::filter("association.subnet-id", subnets)]).await?);
    }
    Ok(found)
}

async fn list(client: &aws_sdk_ec2::Client, log: &CallLog, filters: Vec<Filter>) -> Result<Vec<types::RouteTable>> {
    let call = client.describe_route_tables().set_filters(Some(filters));
    let found = log.call("ec2:DescribeRouteTables", call.send()).await?;
    Ok(found.route_tables.unwrap_or_default())
}

fn index(found: &mut BTreeMap<Key, types::RouteTable>, tables: Vec<types::RouteTable>) {
    for table in tables {
        for subnet in table.associations().iter().filter_map(of_subnet) {
            found.insert(Key::Subnet(subnet.to_owned()), table.clone());
        }
        if let Some(id) = table.route_table_id.clone() {
            found.insert(Key::Table(id), table);
        }
    }
}

/// The subnet of an association that counts: after it is undone it may linger a while beside its successor.
fn of_subnet(association: &RouteTableAssociation) -> Option<&str> {
    use RouteTableAssociationStateCode::{Disassociated, Disassociating};
    let state = association.association_state().and_then(|state| state.state());
    association.subnet_id().filter(|_| !matches!(state, Some(Disassociated | Disassociating)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ec2::types::RouteTableAssociationState;

    #[test]
    fn an_association_that_is_being_undone_does_not_hide_the_new_one() {
        let table = |id: &str, state: &str| {
            let state = RouteTableAssociationState::builder().state(state.into()).build();
            let association = RouteTableAssociation::builder().subnet_id("subnet-1").association_state(state).build();
            types::RouteTable::builder().route_table_id(id).associations(association).build()
        };
        let mut found = BTreeMap::new();
        index(&mut found, vec![table("rtb-new", "associated"), table("rtb-old", "disassociating")]);
        assert_eq!(found[&Key::Subnet("subnet-1".into())].route_table_id(), Some("rtb-new"));
        assert_eq!(found.len(), 3, "both tables are found by id");
    }
}
