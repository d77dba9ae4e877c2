//! A route of a route table. <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateRoute.html>
//!
//! Settles within seconds, but not on all of AWS's replicas at once: two readings in a row count. It has neither id nor tags:
//! it belongs to its table, where the destination is unique (`RouteAlreadyExists`). The target is changed by ReplaceRoute,
//! without a gap; a default route is never deleted and made again for that. When the target goes away the route stays, in
//! state `blackhole`: it is then read as having no target, so that it shows as a difference and is replaced. The destination
//! must have its host bits zero, or the call is refused.

use super::internet_gateway::InternetGatewayId;
use super::nat_gateway::NatGatewayId;
use super::route_table::{self, RouteTableId};
use crate::model::Input;
use crate::resource::actions::{Actions, update};
use crate::resource::{Changed, Error, Field, Found, Id, Live, Repeat, Resource, Result, Scope};
use aws_sdk_ec2::types::{self, RouteOrigin, RouteState};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Duration;

/// Packets to a range of addresses leave by a gateway. Exactly one of the two targets is set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Route {
    /// The table it belongs to.
    pub route_table_id: Input<RouteTableId>,
    /// IPv4 range, `0.0.0.0/0`, host bits zero.
    pub destination_cidr_block: String,
    /// The internet gateway to use. Take the id from the attachment: a route to a detached gateway is refused.
    pub gateway_id: Option<Input<InternetGatewayId>>,
    /// The NAT gateway to use.
    pub nat_gateway_id: Option<Input<NatGatewayId>>,
}

/// A route yields nothing that others could take.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outputs {}

impl Resource for Route {
    const KIND: &'static str = "ec2.route";
    const FIELDS: &'static [Field] = &[
        Field::replace("route_table_id"),
        Field::replace("destination_cidr_block"),
        Field::update("gateway_id").impact(CUT),
        Field::update("nat_gateway_id").impact(CUT),
    ];
    const POLL: Duration = Duration::from_secs(1);
    const READY_READINGS: u8 = 2;
    const COEXISTS: bool = false;
    const REPEAT: Repeat = Repeat::Collides;
    const TAGGED: bool = false;
    const ACTIONS: Actions = Actions {
        reads: &["ec2:DescribeRouteTables"],
        creates: &["ec2:CreateRoute"],
        updates: &[update("ec2:ReplaceRoute")],
        deletes: &["ec2:DeleteRoute"],
        ..Actions::NONE
    };
    type Outputs = Outputs;

    async fn find(scope: &Scope<'_>, want: &Self) -> Result<Found> {
        let (table, destination) = (&want.route_table_id.get()?.0, &want.destination_cidr_block);
        let found = route_table::describe(scope.aws, table).await?;
        let there = found.is_some_and(|found| to(&found, destination).is_some());
        Ok(if there { Found::Ours(Id::of_parts(&[table, destination])) } else { Found::None })
    }

    async fn read(scope: &Scope<'_>, id: &Id) -> Result<Option<Live<Self>>> {
        let [table, destination] = id.parts()?;
        let Some(found) = route_table::describe(scope.aws, table).await? else { return Ok(None) };
        Ok(to(&found, destination).map(|route| live(table, destination, route)))
    }

    async fn create(scope: &Scope<'_>, want: &Self) -> Result<Id> {
        let aws = scope.aws;
        let table = &want.route_table_id.get()?.0;
        let (gateway, nat) = want.targets()?;
        let call = aws
            .ec2()
            .create_route()
            .route_table_id(table)
            .destination_cidr_block(&want.destination_cidr_block)
            .set_gateway_id(gateway)
            .set_nat_gateway_id(nat);
        aws.call("ec2:CreateRoute", call.send()).await?;
        Ok(Id::of_parts(&[table, &want.destination_cidr_block]))
    }

    async fn update(scope: &Scope<'_>, id: &Id, want: &Self, changed: &Changed) -> Result<()> {
        let aws = scope.aws;
        if changed.any(&["gateway_id", "nat_gateway_id"]) {
            let [table, destination] = id.parts()?;
            let (gateway, nat) = want.targets()?;
            let call = aws
                .ec2()
                .replace_route()
                .route_table_id(table)
                .destination_cidr_block(destination)
                .set_gateway_id(gateway)
                .set_nat_gateway_id(nat);
            aws.call("ec2:ReplaceRoute", call.send()).await?;
        }
        Ok(())
    }

    async fn delete(scope: &Scope<'_>, id: &Id) -> Result<()> {
        let aws = scope.aws;
        let [table, destination] = id.parts()?;
        let call = aws.ec2().delete_route().route_table_id(table).destination_cidr_block(destination);
        aws.call("ec2:DeleteRoute", call.send()).await.map(drop)
    }
}

const CUT: &str = "open connections through the old target break";

impl Route {
    /// Internet gateway and NAT gateway, of which exactly one is set.
    fn targets(&self) -> Result<(Option<String>, Option<String>)> {
        match (&self.gateway_id, &self.nat_gateway_id) {
            (Some(gateway), None) => Ok((Some(gateway.get()?.0.clone()), None)),
            (None, Some(nat)) => Ok((None, Some(nat.get()?.0.clone()))),
            _ => {
                let destination = &self.destination_cidr_block;
                Err(Error::bug(format!("the route to {destination} does not have exactly one target")))
            }
        }
    }
}

/// The route that somebody made; one that a VPN gateway propagates to the same destination is not it.
fn to<'t>(table: &'t types::RouteTable, destination: &str) -> Option<&'t types::Route> {
    table.routes().iter().find(|route| {
        route.destination_cidr_block() == Some(destination) && route.origin() == Some(&RouteOrigin::CreateRoute)
    })
}

fn live(table: &str, destination: &str, route: &types::Route) -> Live<Route> {
    let works = route.state() != Some(&RouteState::Blackhole);
    let (gateway, nat) = (route.gateway_id(), route.nat_gateway_id());
    let inputs = Route {
        route_table_id: RouteTableId(table.to_owned()).into(),
        destination_cidr_block: destination.to_owned(),
        gateway_id: gateway.filter(|_| works).map(|id| InternetGatewayId(id.to_owned()).into()),
        nat_gateway_id: nat.filter(|_| works).map(|id| NatGatewayId(id.to_owned()).into()),
    };
    let mut live = Live::untagged(inputs, Outputs {});
    if !works {
        live.detail = Some(json!({ "state": "blackhole", "target": gateway.or(nat) }));
    }
    live
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_black_hole_reads_as_a_route_without_target() {
        let route = types::Route::builder().nat_gateway_id("nat-1");
        let read = |state| live("rtb-1", "0.0.0.0/0", &route.clone().state(state).build());
        assert_eq!(read(RouteState::Active).inputs.nat_gateway_id, Some(NatGatewayId("nat-1".into()).into()));
        let dead = read(RouteState::Blackhole);
        assert_eq!((dead.inputs.gateway_id, dead.inputs.nat_gateway_id), (None, None));
        assert_eq!(dead.detail, Some(json!({ "state": "blackhole", "target": "nat-1" })));
    }

    #[test]
    fn a_propagated_route_to_the_same_destination_is_not_ours() {
        let route = |origin| types::Route::builder().destination_cidr_block("0.0.0.0/0").origin(origin).build();
        let table = |origin| types::RouteTable::builder().routes(route(origin)).build();
        assert!(to(&table(RouteOrigin::CreateRoute), "0.0.0.0/0").is_some());
        assert!(to(&table(RouteOrigin::EnableVgwRoutePropagation), "0.0.0.0/0").is_none());
        assert!(to(&table(RouteOrigin::CreateRoute), "10.0.0.0/8").is_none());
    }

    #[test]
    fn a_route_needs_exactly_one_target() {
        let mut route = live("rtb-1", "0.0.0.0/0", &types::Route::builder().gateway_id("igw-1").build()).inputs;
        assert_eq!(route.targets().unwrap(), (Some("igw-1".into()), None));
        route.nat_gateway_id = Some(NatGatewayId("nat-1".into()).into());
        assert!(route.targets().is_err());
    }
}
