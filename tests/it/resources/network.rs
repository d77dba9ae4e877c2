//! Gateways, addresses, routes and what else a network consists of besides VPC and subnets.

use crate::support::lifecycle::{Bench, Made};
use hybridctl::aws::ec2::default_security_group::DefaultSecurityGroup;
use hybridctl::aws::ec2::elastic_ip::{AllocationId, ElasticIp};
use hybridctl::aws::ec2::internet_gateway::{InternetGateway, InternetGatewayId};
use hybridctl::aws::ec2::internet_gateway_attachment::InternetGatewayAttachment;
use hybridctl::aws::ec2::nat_gateway::{NatGateway, NatGatewayId};
use hybridctl::aws::ec2::route::Route;
use hybridctl::aws::ec2::route_table::{RouteTable, RouteTableId};
use hybridctl::aws::ec2::route_table_association::RouteTableAssociation;
use hybridctl::aws::ec2::subnet::{Subnet, SubnetId};
use hybridctl::aws::ec2::vpc::{Vpc, VpcId};
use hybridctl::aws::ec2::vpc_endpoint::VpcEndpoint;
use hybridctl::aws::{Aws, Connection};
use hybridctl::resource::{Class, Found, Holder, Id, Kind, Of, Phase, Resource, Scope};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

async fn vpc(bench: &Bench) -> Made {
    let want = Vpc { cidr_block: "10.8.0.0/16".into(), enable_dns_support: true, enable_dns_hostnames: true };
    bench.create("main", &want).await
}

fn in_vpc(network: &Made, cidr: &str) -> Subnet {
    Subnet {
        vpc_id: VpcId(network.id.0.clone()).into(),
        cidr_block: cidr.into(),
        availability_zone: "eu-central-1a".into(),
        map_public_ip_on_launch: false,
    }
}

fn table_in(network: &Made) -> RouteTable {
    RouteTable { vpc_id: VpcId(network.id.0.clone()).into() }
}

/// Object by object, what a read shows now.
async fn inputs<R: Resource>(bench: &Bench, id: &Id) -> Option<Value> {
    let read = async |scope: &Scope<'_>| Of::<R>::KIND.read(scope, id).await.unwrap();
    bench.scoped::<R, _>("any", "0".repeat(32).as_str(), None, read).await.map(|seen| seen.inputs)
}

/// The fields of `made` that have changed since.
async fn drift<R: Resource>(bench: &Bench, made: &Made) -> Vec<(String, Value)> {
    let now = inputs::<R>(bench, &made.id).await.expect("because it still exists");
    let changed =
        |(key, value): (&String, &Value)| (made.seen.inputs[key] != *value).then(|| (key.clone(), value.clone()));
    now.as_object().unwrap().iter().filter_map(changed).collect()
}

#[tokio::test]
async fn a_network_with_one_way_out_lives_its_life() {
    let Some(bench) = Bench::connect().await else { return };
    let network = vpc(&bench).await;
    let public = bench.create("public-a", &in_vpc(&network, "10.8.0.0/20")).await;
    let gateway = bench.create("main", &InternetGateway {}).await;
    let attachment = InternetGatewayAttachment {
        internet_gateway_id: InternetGatewayId(gateway.id.0.clone()).into(),
        vpc_id: VpcId(network.id.0.clone()).into(),
    };
    let attached = bench.create("main", &attachment).await;
    assert_eq!(attached.seen.outputs, Some(json!({ "internet_gateway_id": gateway.id })));
    let address = bench.create("a", &ElasticIp {}).await;
    assert!(address.seen.outputs.as_ref().unwrap()["public_ip"].as_str().unwrap().contains('.'));
    let want = NatGateway {
        subnet_id: SubnetId(public.id.0.clone()).into(),
        allocation_id: AllocationId(address.id.0.clone()).into(),
    };
    let nat = bench.create("a", &want).await;
    assert_eq!(nat.seen.outputs.as_ref().unwrap()["public_ip"], address.seen.outputs.as_ref().unwrap()["public_ip"]);
    let table = bench.create("private-a", &table_in(&network)).await;

    let through = |gateway_id: Option<&Made>, nat_gateway_id: Option<&Made>| Route {
        route_table_id: RouteTableId(table.id.0.clone()).into(),
        destination_cidr_block: "0.0.0.0/0".into(),
        gateway_id: gateway_id.map(|made| InternetGatewayId(made.id.0.clone()).into()),
        nat_gateway_id: nat_gateway_id.map(|made| NatGatewayId(made.id.0.clone()).into()),
    };
    let route = bench.create("private-a", &through(Some(&gateway), None)).await;
    assert_eq!(route.id.0, format!("{}|0.0.0.0/0", table.id));
    // ReplaceRoute moves it from one sort of gateway to the other.
    bench.update("private-a", &route, &through(None, Some(&nat))).await;
    let now = inputs::<Route>(&bench, &route.id).await.unwrap();
    assert_eq!((&now["gateway_id"], &now["nat_gateway_id"]), (&Value::Null, &json!(nat.id)));

    bench.delete::<Route>("private-a", &route).await;
    bench.delete::<RouteTable>("private-a", &table).await;
    bench.delete::<NatGateway>("a", &nat).await;
    bench.delete::<ElasticIp>("a", &address).await;
    bench.delete::<InternetGatewayAttachment>("main", &attached).await;
    bench.delete::<InternetGateway>("main", &gateway).await;
    bench.delete::<Subnet>("public-a", &public).await;
    bench.delete::<Vpc>("main", &network).await;
}

/// Who keeps it from being deleted; it is tried once.
async fn held_by<R: Resource>(bench: &Bench, made: &Made) -> Vec<Holder> {
    let holders = async |scope: &Scope<'_>| {
        let refused = Of::<R>::KIND.delete(scope, &made.id).await.unwrap_err();
        assert_eq!(refused.class, Class::Drain, "{refused}");
        Of::<R>::KIND.holders(scope, &made.id).await.unwrap()
    };
    bench.scoped::<R, _>("any", &made.token, None, holders).await
}

/// Makes a NAT gateway and watches it until it has settled; `None` on plain moto, where nothing takes time.
async fn nat_gateway(bench: &Bench, subnet: &Made, address: &Made) -> Option<(Made, Phase)> {
    let want = NatGateway {
        subnet_id: SubnetId(subnet.id.0.clone()).into(),
        allocation_id: AllocationId(address.id.0.clone()).into(),
    };
    let (kind, token, want) = (Of::<NatGateway>::KIND, bench.token(), serde_json::to_value(want).unwrap());
    let watch = async |scope: &Scope<'_>| {
        let id = kind.create(scope, &want).await.unwrap();
        let mut seen = kind.read(scope, &id).await.unwrap().unwrap();
        let instant = seen.phase == Phase::Ready;
        // The same token gives the same gateway.
        assert!(instant || kind.create(scope, &want).await.unwrap() == id);
        while matches!(seen.phase, Phase::Settling(_)) {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            seen = kind.read(scope, &id).await.unwrap().unwrap();
        }
        (instant, id, seen)
    };
    let (instant, id, seen) = bench.scoped::<NatGateway, _>("a", &token, None, watch).await;
    let phase = seen.phase.clone();
    let made = Made { id, token, seen };
    if instant {
        bench.delete::<NatGateway>("a", &made).await;
    }
    (!instant).then_some((made, phase))
}

#[tokio::test]
async fn a_nat_gateway_that_cannot_work_fails_with_awss_reason() {
    let Some(bench) = Bench::connect().await else { return };
    let network = vpc(&bench).await;
    let public = bench.create("public-a", &in_vpc(&network, "10.8.0.0/20")).await;
    let address = bench.create("a", &ElasticIp {}).await;
    if let Some((nat, phase)) = nat_gateway(&bench, &public, &address).await {
        assert!(
            matches!(&phase, Phase::Failed(why) if why.starts_with("Gateway.NotAttached: Network vpc-")),
            "{phase:?}"
        );
        bench.delete::<NatGateway>("a", &nat).await;
    }
    bench.delete::<ElasticIp>("a", &address).await;
    bench.delete::<Subnet>("public-a", &public).await;
    bench.delete::<Vpc>("main", &network).await;
}

#[tokio::test]
async fn what_a_nat_gateway_holds_is_not_let_go_and_its_route_turns_into_a_black_hole() {
    let Some(bench) = Bench::connect().await else { return };
    let network = vpc(&bench).await;
    let public = bench.create("public-a", &in_vpc(&network, "10.8.0.0/20")).await;
    let gateway = bench.create("main", &InternetGateway {}).await;
    let attachment = InternetGatewayAttachment {
        internet_gateway_id: InternetGatewayId(gateway.id.0.clone()).into(),
        vpc_id: VpcId(network.id.0.clone()).into(),
    };
    let attached = bench.create("main", &attachment).await;
    let address = bench.create("a", &ElasticIp {}).await;
    if let Some((nat, phase)) = nat_gateway(&bench, &public, &address).await {
        assert_eq!(phase, Phase::Ready);
        let table = bench.create("private-a", &table_in(&network)).await;
        let want = Route {
            route_table_id: RouteTableId(table.id.0.clone()).into(),
            destination_cidr_block: "0.0.0.0/0".into(),
            gateway_id: None,
            nat_gateway_id: Some(NatGatewayId(nat.id.0.clone()).into()),
        };
        let route = bench.create("private-a", &want).await;
        let held = [Holder::ours(format!("{} (NAT gateway, available)", nat.id))];
        assert_eq!(held_by::<InternetGatewayAttachment>(&bench, &attached).await, held);
        assert_eq!(held_by::<Subnet>(&bench, &public).await, held);
        assert_eq!(held_by::<ElasticIp>(&bench, &address).await, held);
        bench.delete::<NatGateway>("a", &nat).await;
        assert_eq!(drift::<Route>(&bench, &route).await, [("nat_gateway_id".into(), Value::Null)]);
        bench.delete::<Route>("private-a", &route).await;
        bench.delete::<RouteTable>("private-a", &table).await;
    }
    bench.delete::<ElasticIp>("a", &address).await;
    bench.delete::<InternetGatewayAttachment>("main", &attached).await;
    bench.delete::<InternetGateway>("main", &gateway).await;
    bench.delete::<Subnet>("public-a", &public).await;
    bench.delete::<Vpc>("main", &network).await;
}

#[tokio::test]
async fn a_subnet_moves_between_route_tables_and_is_seen_wherever_it_is() {
    let Some(bench) = Bench::connect().await else { return };
    let network = vpc(&bench).await;
    let subnet = bench.create("private-a", &in_vpc(&network, "10.8.16.0/20")).await;
    let first = bench.create("first", &table_in(&network)).await;
    let second = bench.create("second", &table_in(&network)).await;
    let uses = |table: &Made| RouteTableAssociation {
        subnet_id: SubnetId(subnet.id.0.clone()).into(),
        route_table_id: RouteTableId(table.id.0.clone()).into(),
    };
    let association = bench.create("private-a", &uses(&first)).await;
    assert_eq!(association.id, subnet.id);
    bench.update("private-a", &association, &uses(&second)).await;
    // Twice, because each move gives it another id of AWS's.
    bench.update("private-a", &association, &uses(&first)).await;

    // By hand, to a table that is not ours.
    let ec2 = bench.aws.ec2();
    let made = ec2.create_route_table().vpc_id(&network.id.0).send().await.unwrap();
    let foreign = made.route_table.unwrap().route_table_id.unwrap();
    let tables = ec2.describe_route_tables().route_table_ids(&first.id.0).send().await.unwrap();
    let current = tables.route_tables()[0].associations()[0].route_table_association_id().unwrap().to_owned();
    ec2.replace_route_table_association().association_id(current).route_table_id(&foreign).send().await.unwrap();
    assert_eq!(drift::<RouteTableAssociation>(&bench, &association).await, [("route_table_id".into(), json!(foreign))]);
    bench.update("private-a", &association, &uses(&first)).await;

    bench.delete::<RouteTableAssociation>("private-a", &association).await;
    ec2.delete_route_table().route_table_id(foreign).send().await.unwrap();
    bench.delete::<RouteTable>("first", &first).await;
    bench.delete::<RouteTable>("second", &second).await;
    bench.delete::<Subnet>("private-a", &subnet).await;
    bench.delete::<Vpc>("main", &network).await;
}

#[tokio::test]
async fn tables_routes_and_associations_are_read_by_one_call() {
    let Some(bench) = Bench::connect().await else { return };
    let network = vpc(&bench).await;
    let subnet = bench.create("private-a", &in_vpc(&network, "10.8.16.0/20")).await;
    let gateway = bench.create("main", &InternetGateway {}).await;
    let attachment = InternetGatewayAttachment {
        internet_gateway_id: InternetGatewayId(gateway.id.0.clone()).into(),
        vpc_id: VpcId(network.id.0.clone()).into(),
    };
    let attached = bench.create("main", &attachment).await;
    let table = bench.create("public", &table_in(&network)).await;
    let route = Route {
        route_table_id: RouteTableId(table.id.0.clone()).into(),
        destination_cidr_block: "0.0.0.0/0".into(),
        gateway_id: Some(InternetGatewayId(gateway.id.0.clone()).into()),
        nat_gateway_id: None,
    };
    let route = bench.create("public", &route).await;
    let association = RouteTableAssociation {
        subnet_id: SubnetId(subnet.id.0.clone()).into(),
        route_table_id: RouteTableId(table.id.0.clone()).into(),
    };
    let association = bench.create("private-a", &association).await;

    let before = bench.aws.calls().len();
    let (of_table, of_route, of_association, of_gateway, of_attachment) = futures_util::join!(
        inputs::<RouteTable>(&bench, &table.id),
        inputs::<Route>(&bench, &route.id),
        inputs::<RouteTableAssociation>(&bench, &association.id),
        inputs::<InternetGateway>(&bench, &gateway.id),
        inputs::<InternetGatewayAttachment>(&bench, &attached.id),
    );
    assert!([of_table, of_route, of_association, of_gateway, of_attachment].iter().all(Option::is_some));
    let mut calls = bench.aws.calls()[before..].to_vec();
    calls.sort_unstable();
    assert_eq!(calls, ["ec2:DescribeInternetGateways", "ec2:DescribeRouteTables"]);

    bench.delete::<RouteTableAssociation>("private-a", &association).await;
    bench.delete::<Route>("public", &route).await;
    bench.delete::<RouteTable>("public", &table).await;
    bench.delete::<InternetGatewayAttachment>("main", &attached).await;
    bench.delete::<InternetGateway>("main", &gateway).await;
    bench.delete::<Subnet>("private-a", &subnet).await;
    bench.delete::<Vpc>("main", &network).await;
}

#[tokio::test]
async fn an_endpoint_follows_the_route_tables() {
    let Some(bench) = Bench::connect().await else { return };
    let network = vpc(&bench).await;
    let first = bench.create("first", &table_in(&network)).await;
    let second = bench.create("second", &table_in(&network)).await;
    let through = |tables: &[&Made]| VpcEndpoint {
        vpc_id: VpcId(network.id.0.clone()).into(),
        service_name: "com.amazonaws.eu-central-1.s3".into(),
        route_table_ids: tables.iter().map(|table| RouteTableId(table.id.0.clone()).into()).collect::<BTreeSet<_>>(),
    };
    let endpoint = bench.create("s3", &through(&[&first])).await;
    bench.update("s3", &endpoint, &through(&[&first, &second])).await;
    bench.update("s3", &endpoint, &through(&[&first])).await;

    let ec2 = bench.aws.ec2();
    ec2.modify_vpc_endpoint().vpc_endpoint_id(&endpoint.id.0).add_route_table_ids(&second.id.0).send().await.unwrap();
    let drift = drift::<VpcEndpoint>(&bench, &endpoint).await;
    assert_eq!(drift.iter().map(|(field, _)| field.as_str()).collect::<Vec<_>>(), ["route_table_ids"]);
    bench.update("s3", &endpoint, &through(&[&first])).await;

    bench.delete::<VpcEndpoint>("s3", &endpoint).await;
    bench.delete::<RouteTable>("first", &first).await;
    bench.delete::<RouteTable>("second", &second).await;
    bench.delete::<Vpc>("main", &network).await;
}

#[tokio::test]
async fn the_default_group_is_taken_and_emptied_and_goes_with_its_vpc() {
    let Some(bench) = Bench::connect().await else { return };
    let network = vpc(&bench).await;
    let want = DefaultSecurityGroup { vpc_id: VpcId(network.id.0.clone()).into(), unknown_rules: BTreeSet::new() };
    let group = bench.create("main", &want).await;

    let ec2 = bench.aws.ec2();
    let call = ec2.authorize_security_group_ingress().group_id(&group.id.0).ip_protocol("tcp");
    call.from_port(22).to_port(22).cidr_ip("0.0.0.0/0").send().await.unwrap();
    let expected = json!(["ingress tcp 22 from 0.0.0.0/0"]);
    assert_eq!(drift::<DefaultSecurityGroup>(&bench, &group).await, [("unknown_rules".into(), expected)]);
    bench.update("main", &group, &want).await;

    // Another deployment must not take it over.
    let other = Bench::connect().await.unwrap();
    let want = serde_json::to_value(&want).unwrap();
    let kind = Of::<DefaultSecurityGroup>::KIND;
    let find = async |scope: &Scope<'_>| kind.find(scope, &want).await.unwrap();
    let found = other.scoped::<DefaultSecurityGroup, _>("main", &other.token(), None, find).await;
    assert!(matches!(&found, Found::Foreign(text) if text.contains(&bench.deployment)), "{found:?}");

    bench.delete::<Vpc>("main", &network).await;
    assert_eq!(inputs::<DefaultSecurityGroup>(&bench, &group.id).await, None);
}

#[tokio::test]
async fn a_strangers_overlapping_subnet_is_named() {
    let Some(bench) = Bench::connect().await else { return };
    let network = vpc(&bench).await;
    let ec2 = bench.aws.ec2();
    let made = ec2.create_subnet().vpc_id(&network.id.0).cidr_block("10.8.0.0/24").send().await.unwrap();
    let stranger = made.subnet.unwrap().subnet_id.unwrap();
    let want = serde_json::to_value(in_vpc(&network, "10.8.0.0/20")).unwrap();
    let find = async |scope: &Scope<'_>| Of::<Subnet>::KIND.find(scope, &want).await.unwrap();
    let found = bench.scoped::<Subnet, _>("private-a", &bench.token(), None, find).await;
    assert!(matches!(&found, Found::Foreign(text) if text.contains(&stranger)), "{found:?}");
    ec2.delete_subnet().subnet_id(stranger).send().await.unwrap();
    bench.delete::<Vpc>("main", &network).await;
}

/// A service that knows one reply per action: status and body.
async fn canned(replies: &'static [(&'static str, u16, &'static str)]) -> Aws {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (mut request, mut part) = (String::new(), [0; 4096]);
            let (_, status, body) = loop {
                let read = stream.read(&mut part).await.unwrap();
                request.push_str(&String::from_utf8_lossy(&part[..read]));
                if let Some(reply) = replies.iter().find(|reply| request.contains(&format!("Action={}&", reply.0))) {
                    break reply;
                }
                assert!(read > 0, "no reply for {request}");
            };
            let head = format!("HTTP/1.1 {status} -\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        }
    });
    Aws::connect(&Connection { region: "eu-central-1".into(), profile: None, endpoint: Some(endpoint) }).await
}

const AUTH_FAILURE: &str = "<Response><Errors><Error><Code>AuthFailure</Code><Message>You do not have permission to access \
    the specified resource.</Message></Error></Errors><RequestID>r-1</RequestID></Response>";
const NO_ADDRESS: &str = "<DescribeAddressesResponse><addressesSet/></DescribeAddressesResponse>";
const ONE_ADDRESS: &str = "<DescribeAddressesResponse><addressesSet><item><allocationId>eipalloc-1</allocationId></item>\
    </addressesSet></DescribeAddressesResponse>";

#[tokio::test]
async fn a_refused_release_is_done_if_the_address_is_gone_and_tried_again_if_it_is_not() {
    let Some(mut bench) = Bench::connect().await else { return };
    let id = Id::from("eipalloc-1");
    let release = async |scope: &Scope<'_>| Of::<ElasticIp>::KIND.delete(scope, &id).await;
    bench.aws = canned(&[("ReleaseAddress", 400, AUTH_FAILURE), ("DescribeAddresses", 200, NO_ADDRESS)]).await;
    bench.scoped::<ElasticIp, _>("a", "0", None, release).await.unwrap();
    bench.aws = canned(&[("ReleaseAddress", 400, AUTH_FAILURE), ("DescribeAddresses", 200, ONE_ADDRESS)]).await;
    let error = bench.scoped::<ElasticIp, _>("a", "0", None, release).await.unwrap_err();
    assert_eq!((error.class, error.code.as_deref()), (Class::Busy, Some("AuthFailure")));
}

/// A describe that lags shows no association: that is no proof that there is none, so it is not called done.
#[tokio::test]
async fn an_association_that_no_describe_shows_is_not_found_and_not_done() {
    let Some(mut bench) = Bench::connect().await else { return };
    bench.aws = canned(&[("DescribeRouteTables", 200, NO_TABLE)]).await;
    let id = Id::from("subnet-1");
    let undo = async |scope: &Scope<'_>| RouteTableAssociation::delete(scope, &id).await.unwrap_err();
    let error = bench.scoped::<RouteTableAssociation, _>("a", "0", None, undo).await;
    assert_eq!(error.class, Class::NotFound, "{error}");
}

const NO_TABLE: &str = "<DescribeRouteTablesResponse><routeTableSet/></DescribeRouteTablesResponse>";
