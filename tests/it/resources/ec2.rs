//! The network kinds.

use crate::support::lifecycle::Bench;
use hybridctl::aws::ec2::subnet::Subnet;
use hybridctl::aws::ec2::vpc::{Vpc, VpcId};
use hybridctl::model::Input;

fn vpc() -> Vpc {
    Vpc { cidr_block: "10.9.0.0/16".into(), enable_dns_support: true, enable_dns_hostnames: true }
}

#[tokio::test]
async fn vpc_and_subnet_live_their_lives() {
    let Some(bench) = Bench::connect().await else { return };
    let network = bench.create("main", &vpc()).await;
    bench.update("main", &network, &Vpc { enable_dns_hostnames: false, ..vpc() }).await;
    let subnet = |public| Subnet {
        vpc_id: Input::Known(VpcId(network.id.0.clone())),
        cidr_block: "10.9.0.0/20".into(),
        availability_zone: "eu-central-1a".into(),
        map_public_ip_on_launch: public,
    };
    let private = bench.create("private-a", &subnet(false)).await;
    bench.update("private-a", &private, &subnet(true)).await;
    bench.delete::<Subnet>("private-a", &private).await;
    bench.delete::<Vpc>("main", &network).await;
}
