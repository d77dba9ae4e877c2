//! The load balancing side: target group, load balancer, listeners.

use super::ids;
use crate::aws::Aws;
use crate::resource::Result;
use crate::resource::error::OrGone;
use aws_sdk_elasticloadbalancingv2::types::{self, ActionTypeEnum};

/// A target group and who is in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TargetGroup {
    /// Its ARN.
    pub arn: String,
    /// Load balancers with a listener that leads here.
    pub load_balancer_arns: Vec<String>,
    /// Port of its targets unless they say otherwise.
    pub port: u16,
    /// Path of the health check.
    pub health_path: String,
    /// Port of the health check, `traffic-port` or a number.
    pub health_port: String,
    /// Who is registered.
    pub targets: Vec<Target>,
}

/// A registered target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// IP address.
    pub address: String,
    /// Port.
    pub port: u16,
    /// `healthy`, `unhealthy`, `initial`, `draining`, `unused`.
    pub state: String,
    /// `Target.Timeout`, …, with AWS's words.
    pub reason: String,
}

/// A load balancer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Balancer {
    /// Its ARN.
    pub arn: String,
    /// Its own name in DNS.
    pub dns_name: String,
    /// `active`, `provisioning`, `failed`.
    pub state: String,
    /// True for private addresses.
    pub is_internal: bool,
    /// Its security groups.
    pub group_ids: Vec<String>,
    /// Its subnets.
    pub subnet_ids: Vec<String>,
    /// What it listens on.
    pub listeners: Vec<Listener>,
}

/// A listener.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listener {
    /// Port.
    pub port: u16,
    /// `HTTPS`, `HTTP`.
    pub protocol: String,
    /// Certificates.
    pub certificate_arns: Vec<String>,
    /// `forward`, `redirect`, `fixed-response`.
    pub action: String,
    /// Where `forward` leads.
    pub target_group_arns: Vec<String>,
}

pub(super) async fn target_group(aws: &Aws, arn: Option<&str>) -> Result<Option<TargetGroup>> {
    let Some(arn) = arn else { return Ok(None) };
    let call = aws.elb().describe_target_groups().target_group_arns(arn);
    let found = aws.read("elasticloadbalancing:DescribeTargetGroups", || call.clone().send()).await.or_gone()?;
    let Some(group) = found.and_then(|found| found.target_groups?.into_iter().next()) else { return Ok(None) };
    let call = aws.elb().describe_target_health().target_group_arn(arn);
    let health = aws.read("elasticloadbalancing:DescribeTargetHealth", || call.clone().send()).await?;
    Ok(Some(TargetGroup {
        arn: arn.to_owned(),
        load_balancer_arns: group.load_balancer_arns().to_vec(),
        port: port(group.port()),
        health_path: group.health_check_path().unwrap_or_default().to_owned(),
        health_port: group.health_check_port().unwrap_or("traffic-port").to_owned(),
        targets: health.target_health_descriptions().iter().map(target).collect(),
    }))
}

fn target(found: &types::TargetHealthDescription) -> Target {
    let health = found.target_health();
    let reason = health.and_then(|health| health.reason()).map(|reason| reason.as_str()).unwrap_or_default();
    let words = health.and_then(|health| health.description()).unwrap_or_default();
    Target {
        address: found.target().and_then(|target| target.id()).unwrap_or_default().to_owned(),
        port: port(found.target().and_then(|target| target.port())),
        state: health.and_then(|health| health.state()).map(|state| state.as_str().to_owned()).unwrap_or_default(),
        reason: if words.is_empty() { reason.to_owned() } else { format!("{reason}: {words}") },
    }
}

pub(super) async fn balancer(aws: &Aws, arn: Option<&str>) -> Result<Option<Balancer>> {
    let Some(arn) = arn else { return Ok(None) };
    let call = aws.elb().describe_load_balancers().load_balancer_arns(arn);
    let found = aws.read("elasticloadbalancing:DescribeLoadBalancers", || call.clone().send()).await.or_gone()?;
    let Some(found) = found.and_then(|found| found.load_balancers?.into_iter().next()) else { return Ok(None) };
    let call = aws.elb().describe_listeners().load_balancer_arn(arn);
    let listeners = aws.read("elasticloadbalancing:DescribeListeners", || call.clone().send()).await.or_gone()?;
    let listeners = listeners.and_then(|listeners| listeners.listeners).unwrap_or_default();
    Ok(Some(Balancer {
        arn: arn.to_owned(),
        dns_name: found.dns_name().unwrap_or_default().to_owned(),
        state: found.state().and_then(|state| state.code()).map(|code| code.as_str().to_owned()).unwrap_or_default(),
        is_internal: found.scheme() == Some(&types::LoadBalancerSchemeEnum::Internal),
        group_ids: found.security_groups().to_vec(),
        subnet_ids: ids(found.availability_zones().iter().map(|zone| zone.subnet_id())),
        listeners: listeners.iter().map(listener).collect(),
    }))
}

fn listener(found: &types::Listener) -> Listener {
    let action = found.default_actions().iter().max_by_key(|action| action.order());
    let forward = found.default_actions().iter().filter(|action| action.r#type() == Some(&ActionTypeEnum::Forward));
    let mut target_group_arns = vec![];
    for action in forward {
        target_group_arns.extend(action.target_group_arn().map(str::to_owned));
        let groups = action.forward_config().map(|config| config.target_groups()).unwrap_or_default();
        // A group of weight 0 gets no requests.
        let used = groups.iter().filter(|group| group.weight() != Some(0)).map(|group| group.target_group_arn());
        target_group_arns.extend(ids(used));
    }
    target_group_arns.sort();
    target_group_arns.dedup();
    Listener {
        port: port(found.port()),
        protocol: found.protocol().map(|protocol| protocol.as_str().to_owned()).unwrap_or_default(),
        certificate_arns: ids(found.certificates().iter().map(|certificate| certificate.certificate_arn())),
        action: action.and_then(|action| action.r#type()).map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
        target_group_arns,
    }
}

fn port(number: Option<i32>) -> u16 {
    number.and_then(|number| u16::try_from(number).ok()).unwrap_or_default()
}
