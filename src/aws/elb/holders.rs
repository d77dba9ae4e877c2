//! Which listeners keep a target group from being deleted.

use super::tagging;
use crate::resource::error::OrGone;
use crate::resource::{Holder, Result, Scope};
use aws_sdk_elasticloadbalancingv2::types::Action;

/// Listeners of these load balancers that forward to the target group, by default or by a rule.
pub(super) async fn listeners(scope: &Scope<'_>, balancers: &[String], group: &str) -> Result<Vec<Holder>> {
    let aws = scope.aws;
    let mut forwarding: Vec<(String, String)> = vec![];
    for balancer in balancers {
        let call = aws.elb().describe_listeners().load_balancer_arn(balancer);
        let found = aws.call("elasticloadbalancing:DescribeListeners", call.send()).await.or_gone()?;
        for listener in found.iter().flat_map(|found| found.listeners()) {
            let arn = listener.listener_arn().unwrap_or_default();
            let call = aws.elb().describe_rules().listener_arn(arn);
            let rules = aws.call("elasticloadbalancing:DescribeRules", call.send()).await.or_gone()?;
            let mut rules = rules.iter().flat_map(|found| found.rules());
            let by_rule = rules.any(|rule| rule.actions().iter().any(|action| forwards(action, group)));
            if by_rule || listener.default_actions().iter().any(|action| forwards(action, group)) {
                let name = balancer.split('/').nth(2).unwrap_or(balancer);
                forwarding.push((arn.to_owned(), format!("the listener {} of {name}", listener.port().unwrap_or(0))));
            }
        }
    }
    let mut tags = tagging::of_all(aws, forwarding.iter().map(|(arn, _)| arn.clone()).collect()).await?;
    let holders = forwarding.into_iter().map(|(arn, what)| {
        let holder = Holder::tagged(scope, what, &tags.remove(&arn).unwrap_or_default());
        let remove = format!("delete it with `aws elbv2 delete-listener --listener-arn {arn}`");
        if holder.is_stranger() { holder.removed_by(remove) } else { holder }
    });
    Ok(holders.collect())
}

fn forwards(action: &Action, group: &str) -> bool {
    let several = action.forward_config().map(|config| config.target_groups()).unwrap_or_default();
    action.target_group_arn() == Some(group) || several.iter().any(|one| one.target_group_arn() == Some(group))
}
