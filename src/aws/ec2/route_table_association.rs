//! Which route table a subnet uses.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateRouteTable.html>
//!
//! Settles within seconds; two readings in a row count. Its id here is the *subnet's*: a subnet has at most one association,
//! and moving it to another table (one call, no gap) gives it a new `rtbassoc-…`, which is looked up where it is needed. It
//! has no tags and belongs to its subnet. Without one the subnet silently follows the VPC's main table. Deleting the subnet
//! takes the association along.

use super::route_table::{self, RouteTableId};
use super::subnet::SubnetId;
use crate::model::Input;
use crate::resource::actions::{Actions, update};
use crate::resource::{Changed, Class, Error, Field, Found, Id, Live, Phase, Repeat, Resource, Result, Scope};
use aws_sdk_ec2::types::{RouteTableAssociation as Association, RouteTableAssociationStateCode as State};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A subnet uses a route table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouteTableAssociation {
    /// The subnet.
    pub subnet_id: Input<SubnetId>,
    /// The table that it uses.
    pub route_table_id: Input<RouteTableId>,
}

/// An association yields nothing that others could take.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outputs {}

impl Resource for RouteTableAssociation {
    const KIND: &'static str = "ec2.route_table_association";
    const FIELDS: &'static [Field] = &[
        Field::replace("subnet_id"),
        Field::update("route_table_id").impact("open connections through the old table's gateway break"),
    ];
    const POLL: Duration = Duration::from_secs(1);
    const READY_READINGS: u8 = 2;
    const COEXISTS: bool = false;
    const REPEAT: Repeat = Repeat::Collides;
    const TAGGED: bool = false;
    const ACTIONS: Actions = Actions {
        reads: &["ec2:DescribeRouteTables"],
        creates: &["ec2:AssociateRouteTable"],
        updates: &[update("ec2:ReplaceRouteTableAssociation")],
        deletes: &["ec2:DisassociateRouteTable"],
        ..Actions::NONE
    };
    type Outputs = Outputs;

    async fn find(scope: &Scope<'_>, want: &Self) -> Result<Found> {
        let subnet = &want.subnet_id.get()?.0;
        let found = route_table::association(scope.aws, subnet).await?;
        Ok(found.map_or(Found::None, |_| Found::Ours(subnet.as_str().into())))
    }

    async fn read(scope: &Scope<'_>, id: &Id) -> Result<Option<Live<Self>>> {
        Ok(route_table::association(scope.aws, &id.0).await?.map(|association| {
            let phase = phase(&association);
            let inputs = Self {
                subnet_id: SubnetId(id.0.clone()).into(),
                route_table_id: RouteTableId(association.route_table_id.unwrap_or_default()).into(),
            };
            Live::untagged(inputs, Outputs {}).in_phase(phase)
        }))
    }

    async fn create(scope: &Scope<'_>, want: &Self) -> Result<Id> {
        let aws = scope.aws;
        let subnet = &want.subnet_id.get()?.0;
        let call = aws.ec2().associate_route_table().subnet_id(subnet).route_table_id(&want.route_table_id.get()?.0);
        aws.call("ec2:AssociateRouteTable", call.send()).await?;
        Ok(subnet.as_str().into())
    }

    async fn update(scope: &Scope<'_>, id: &Id, want: &Self, changed: &Changed) -> Result<()> {
        let aws = scope.aws;
        if changed.has("route_table_id") {
            let Some(current) = current(scope, id).await? else {
                return Err(Error::terminal(format!("the subnet {id} lost its route table meanwhile"))
                    .hint("somebody else changes this network; run the command again"));
            };
            let table = &want.route_table_id.get()?.0;
            let call = aws.ec2().replace_route_table_association().association_id(current).route_table_id(table);
            aws.call("ec2:ReplaceRouteTableAssociation", call.send()).await?;
        }
        Ok(())
    }

    async fn delete(scope: &Scope<'_>, id: &Id) -> Result<()> {
        let aws = scope.aws;
        let Some(current) = current(scope, id).await? else {
            // Perhaps a describe that lags; the engine asks once more before it believes it.
            return Err(
                Error::terminal(format!("the subnet {id} has no route table of its own")).in_class(Class::NotFound)
            );
        };
        let call = aws.ec2().disassociate_route_table().association_id(current);
        aws.call("ec2:DisassociateRouteTable", call.send()).await.map(drop)
    }
}

/// `rtbassoc-0abc…` as it is now.
async fn current(scope: &Scope<'_>, subnet: &Id) -> Result<Option<String>> {
    let association = route_table::association(scope.aws, &subnet.0).await?;
    Ok(association.and_then(|association| association.route_table_association_id))
}

fn phase(association: &Association) -> Phase {
    let Some(state) = association.association_state() else { return Phase::Ready };
    match state.state() {
        Some(State::Associated) | None => Phase::Ready,
        Some(State::Failed) => Phase::Failed(state.status_message().unwrap_or("failed").to_owned()),
        Some(other) => Phase::Settling(other.as_str().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ec2::types::RouteTableAssociationState;

    #[test]
    fn a_failed_association_says_why() {
        let of = |state: State| RouteTableAssociationState::builder().state(state).status_message("no such table");
        let phase = |state| phase(&Association::builder().association_state(of(state).build()).build());
        assert_eq!(phase(State::Associated), Phase::Ready);
        assert_eq!(phase(State::Associating), Phase::Settling("associating".into()));
        assert_eq!(phase(State::Failed), Phase::Failed("no such table".into()));
    }
}
