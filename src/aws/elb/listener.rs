//! A listener: one port of a load balancer.
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateListener.html>
//!
//! Settles within 2 s; the load balancer need not be `active`. The pair (load balancer, port) is unique: a repeat with equal
//! settings succeeds with the existing listener, one with others is refused with `DuplicateListener`. A fresh certificate is
//! refused with `CertificateNotFound` for up to 5 minutes. A forward to one target group comes back both as
//! `TargetGroupArn` and as `ForwardConfig`. The API's default TLS policy still speaks TLS 1.0, so it is always sent.

use super::attributes::{self, Attributes};
use super::load_balancer::LoadBalancerArn;
use super::tagging;
use super::target_group::TargetGroupArn;
use crate::aws::Aws;
use crate::model::{Handle, Input, Output};
use crate::resource::actions::{Actions, TAGS, update, update_of};
use crate::resource::error::OrGone;
use crate::resource::{Changed, Error, Field, Found, Id, Live, Phase, Repeat, Resource, Result, Scope};
use aws_sdk_elasticloadbalancingv2::types::{
    self, ActionTypeEnum, Certificate, ListenerAttribute, ProtocolEnum, RedirectActionConfig,
    RedirectActionStatusCodeEnum,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// `arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/zenml-hybrid-1a2b3c/50dc6c495c0c9188/f2f7dc8efc522ab2`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ListenerArn(pub String);

/// The TLS policy to ask for: TLS 1.2 and 1.3, forward secrecy, post-quantum key exchange.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html>
pub const PREFERRED_POLICY: &str = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09";

/// What a region gets that does not know [`PREFERRED_POLICY`]: the same without the post-quantum key exchange.
pub const FALLBACK_POLICY: &str = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06";

/// Keys that `attributes` may have; AWS has them for HTTPS listeners only.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ListenerAttribute.html>
pub const MANAGED_ATTRIBUTES: &[&str] =
    &["routing.http.response.server.enabled", "routing.http.response.strict_transport_security.header_value"];

/// One port of a load balancer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Listener {
    /// The load balancer it belongs to.
    pub load_balancer_arn: Input<LoadBalancerArn>,
    /// 1 to 65535.
    pub port: u16,
    /// `HTTP` or `HTTPS`.
    pub protocol: String,
    /// The certificate of an HTTPS listener, in ACM and in the load balancer's region.
    pub certificate_arn: Option<Input<String>>,
    /// The TLS policy of an HTTPS listener. Where [`PREFERRED_POLICY`] is unknown, [`FALLBACK_POLICY`] satisfies it.
    pub ssl_policy: Option<String>,
    /// What happens to a request.
    pub action: Action,
    /// Keys from [`MANAGED_ATTRIBUTES`]; one that is not given is not ours to manage. Empty for HTTP.
    pub attributes: Attributes,
}

/// What happens to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Action {
    /// A target answers it.
    Forward {
        /// The one target group.
        target_group_arn: Input<TargetGroupArn>,
    },
    /// The client is told to ask again by HTTPS: same host, path and query.
    RedirectToHttps {
        /// Port to ask on.
        port: u16,
        /// `HTTP_301` or `HTTP_302`.
        status_code: String,
    },
    /// Someone else's doing: only ever read, never wanted.
    Other {
        /// In words.
        summary: String,
    },
}

/// What others may use.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outputs {
    /// `arn:aws:elasticloadbalancing:…:listener/app/…`.
    pub listener_arn: ListenerArn,
}

impl Handle<Listener> {
    /// `arn:aws:elasticloadbalancing:…:listener/app/…`.
    pub fn listener_arn(&self) -> Output<ListenerArn> {
        self.output("listener_arn")
    }
}

impl Resource for Listener {
    const KIND: &'static str = "elb.listener";
    const FIELDS: &'static [Field] = &[
        Field::replace("load_balancer_arn"),
        Field::update("port"),
        Field::update("protocol"),
        Field::update("certificate_arn"),
        Field::update("ssl_policy").same_when(same_policy),
        Field::update("action"),
        Field::update("attributes").after_create().same_when(attributes::are_set),
    ];
    const COEXISTS: bool = false;
    const REPEAT: Repeat = Repeat::ReturnsExisting;
    const ACTIONS: Actions = Actions {
        reads: &[
            "elasticloadbalancing:DescribeListenerAttributes",
            "elasticloadbalancing:DescribeListeners",
            "elasticloadbalancing:DescribeTags",
        ],
        creates: &[
            "elasticloadbalancing:AddTags",
            "elasticloadbalancing:CreateListener",
            "elasticloadbalancing:ModifyListenerAttributes",
        ],
        updates: &[
            update_of("elasticloadbalancing:AddTags", &[TAGS]),
            update("elasticloadbalancing:ModifyListener"),
            update_of("elasticloadbalancing:ModifyListenerAttributes", &["attributes"]),
            update_of("elasticloadbalancing:RemoveTags", &[TAGS]),
        ],
        deletes: &["elasticloadbalancing:DeleteListener"],
        ..Actions::NONE
    };
    type Outputs = Outputs;

    /// Whoever opened the port, it is a port of our load balancer: tags that are missing or wrong are set like any difference.
    async fn find(scope: &Scope<'_>, want: &Self) -> Result<Found> {
        let aws = scope.aws;
        let call = aws.elb().describe_listeners().load_balancer_arn(&want.load_balancer_arn.get()?.0);
        let found = aws.call("elasticloadbalancing:DescribeListeners", call.send()).await.or_gone()?;
        let mut listeners = found.and_then(|found| found.listeners).unwrap_or_default().into_iter();
        let on_port = listeners.find(|listener| listener.port == Some(want.port.into()));
        Ok(on_port.and_then(|listener| listener.listener_arn).map_or(Found::None, |arn| Found::Ours(arn.into())))
    }

    async fn read(scope: &Scope<'_>, id: &Id) -> Result<Option<Live<Self>>> {
        let aws = scope.aws;
        let (listener, tags) = futures_util::join!(describe(aws, id), tagging::read(aws, &id.0));
        let Some(listener) = listener? else { return Ok(None) };
        let attributes = match listener.protocol {
            Some(ProtocolEnum::Https) => read_attributes(aws, id).await?,
            _ => Attributes::new(),
        };
        let certificate = listener.certificates.unwrap_or_default().into_iter().find_map(|one| one.certificate_arn);
        Ok(Some(Live {
            inputs: Self {
                load_balancer_arn: LoadBalancerArn(listener.load_balancer_arn.unwrap_or_default()).into(),
                port: listener.port.and_then(|port| port.try_into().ok()).unwrap_or_default(),
                protocol: listener.protocol.map_or(String::new(), |protocol| protocol.as_str().to_owned()),
                certificate_arn: certificate.map(Input::from),
                ssl_policy: listener.ssl_policy,
                action: Action::of(listener.default_actions.as_deref().unwrap_or_default()),
                attributes,
            },
            outputs: Some(Outputs { listener_arn: ListenerArn(id.0.clone()) }),
            phase: Phase::Ready,
            tags: tags?,
            detail: None,
        }))
    }

    async fn create(scope: &Scope<'_>, want: &Self) -> Result<Id> {
        let aws = scope.aws;
        let call = aws
            .elb()
            .create_listener()
            .load_balancer_arn(&want.load_balancer_arn.get()?.0)
            .port(want.port.into())
            .protocol(ProtocolEnum::from(want.protocol.as_str()))
            .set_certificates(want.certificates()?)
            .set_ssl_policy(want.ssl_policy.clone())
            .default_actions(want.action.shaped()?)
            .set_tags(tagging::wanted(scope));
        let made = match aws.call("elasticloadbalancing:CreateListener", call.clone().send()).await {
            Err(error) if want.falls_back(&error) => {
                scope.note(FALLS_BACK);
                aws.call("elasticloadbalancing:CreateListener", call.ssl_policy(FALLBACK_POLICY).send()).await?
            }
            made => made?,
        };
        let arn = made.listeners.and_then(|all| all.into_iter().next()).and_then(|one| one.listener_arn);
        Ok(arn.unwrap_or_default().into())
    }

    async fn update(scope: &Scope<'_>, id: &Id, want: &Self, changed: &Changed) -> Result<()> {
        let aws = scope.aws;
        let mut call = aws.elb().modify_listener().listener_arn(&id.0);
        if changed.has("port") {
            call = call.port(want.port.into());
        }
        if changed.any(&["protocol", "certificate_arn", "ssl_policy"]) {
            // A change of the protocol clears certificate and policy, so the three go together.
            call = call
                .protocol(ProtocolEnum::from(want.protocol.as_str()))
                .set_certificates(want.certificates()?)
                .set_ssl_policy(want.ssl_policy.clone());
        }
        if changed.has("action") {
            call = call.default_actions(want.action.shaped()?);
        }
        if changed.any(&["port", "protocol", "certificate_arn", "ssl_policy", "action"]) {
            match aws.call("elasticloadbalancing:ModifyListener", call.clone().send()).await {
                Err(error) if want.falls_back(&error) => {
                    scope.note(FALLS_BACK);
                    aws.call("elasticloadbalancing:ModifyListener", call.ssl_policy(FALLBACK_POLICY).send()).await?
                }
                done => done?,
            };
        }
        if changed.has("attributes") {
            attributes::check(MANAGED_ATTRIBUTES, &want.attributes)?;
            let shaped = |(key, value)| ListenerAttribute::builder().key(key).value(value).build();
            let wanted = want.attributes.iter().map(shaped).collect();
            let call = aws.elb().modify_listener_attributes().listener_arn(&id.0).set_attributes(Some(wanted));
            aws.call("elasticloadbalancing:ModifyListenerAttributes", call.send()).await?;
        }
        tagging::apply(aws, &id.0, changed.tags.as_ref()).await
    }

    async fn delete(scope: &Scope<'_>, id: &Id) -> Result<()> {
        let aws = scope.aws;
        let call = aws.elb().delete_listener().listener_arn(&id.0);
        aws.call("elasticloadbalancing:DeleteListener", call.send()).await.map(drop)
    }
}

const FALLS_BACK: &str = "this region does not know the TLS policy ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09: \
    using ELBSecurityPolicy-TLS13-1-2-Res-2021-06";

impl Listener {
    fn certificates(&self) -> Result<Option<Vec<Certificate>>> {
        let Some(arn) = &self.certificate_arn else { return Ok(None) };
        Ok(Some(vec![Certificate::builder().certificate_arn(arn.get()?).build()]))
    }

    /// Only our own default: a policy that the user chose is not exchanged for another.
    fn falls_back(&self, error: &Error) -> bool {
        error.is("SSLPolicyNotFound") && self.ssl_policy.as_deref() == Some(PREFERRED_POLICY)
    }
}

/// (wanted, live)
fn same_policy(want: &Value, live: &Value) -> bool {
    want == PREFERRED_POLICY && live == FALLBACK_POLICY
}

impl Action {
    fn shaped(&self) -> Result<types::Action> {
        let action = types::Action::builder();
        match self {
            Self::Forward { target_group_arn } => {
                Ok(action.r#type(ActionTypeEnum::Forward).target_group_arn(&target_group_arn.get()?.0).build())
            }
            Self::RedirectToHttps { port, status_code } => {
                let redirect = RedirectActionConfig::builder()
                    .protocol("HTTPS")
                    .port(port.to_string())
                    .status_code(RedirectActionStatusCodeEnum::from(status_code.as_str()));
                Ok(action.r#type(ActionTypeEnum::Redirect).redirect_config(redirect.build()).build())
            }
            Self::Other { summary } => Err(Error::bug(format!("a listener cannot be asked to `{summary}`"))),
        }
    }

    fn of(actions: &[types::Action]) -> Self {
        match actions {
            [one] => Self::forward(one).or_else(|| Self::redirect(one)).unwrap_or_else(|| Self::other(actions)),
            _ => Self::other(actions),
        }
    }

    fn forward(action: &types::Action) -> Option<Self> {
        let groups = action.forward_config.as_ref().and_then(|forward| forward.target_groups.as_deref());
        let arn = match groups.unwrap_or_default() {
            [] => action.target_group_arn.clone()?,
            [one] => one.target_group_arn.clone()?,
            _ => return None,
        };
        (action.r#type == Some(ActionTypeEnum::Forward))
            .then(|| Self::Forward { target_group_arn: TargetGroupArn(arn).into() })
    }

    fn redirect(action: &types::Action) -> Option<Self> {
        let redirect = action.redirect_config.as_ref()?;
        let keeps = |part: &Option<String>, default| part.as_deref().is_none_or(|part| part == default);
        let plain =
            keeps(&redirect.host, "#{host}") && keeps(&redirect.path, "/#{path}") && keeps(&redirect.query, "#{query}");
        if !plain || redirect.protocol.as_deref() != Some("HTTPS") {
            return None;
        }
        let status_code = redirect.status_code.as_ref()?.as_str().to_owned();
        Some(Self::RedirectToHttps { port: redirect.port.as_deref()?.parse().ok()?, status_code })
    }

    fn other(actions: &[types::Action]) -> Self {
        let named = actions.iter().map(|action| {
            let name = action.r#type.as_ref().map_or("nothing", |kind| kind.as_str());
            let groups = action.forward_config.as_ref().and_then(|forward| forward.target_groups.as_deref());
            match (groups.unwrap_or_default().len(), &action.redirect_config) {
                (0 | 1, None) => name.to_owned(),
                (0 | 1, Some(to)) => format!("{name} to {}", destination(to)),
                (groups, _) => format!("{name} to {groups} target groups"),
            }
        });
        Self::Other { summary: named.collect::<Vec<_>>().join(", then ") }
    }
}

/// `HTTPS://#{host}:443/#{path}?#{query}`.
fn destination(to: &RedirectActionConfig) -> String {
    let part = |part: &Option<String>, default: &str| part.clone().unwrap_or_else(|| default.to_owned());
    let (protocol, host) = (part(&to.protocol, "#{protocol}"), part(&to.host, "#{host}"));
    let (port, path, query) = (part(&to.port, "#{port}"), part(&to.path, "/#{path}"), part(&to.query, "#{query}"));
    format!("{protocol}://{host}:{port}{path}?{query}")
}

struct Listeners;

/// All listeners of a load balancer asked for in one turn are one call.
async fn describe(aws: &Aws, id: &Id) -> Result<Option<types::Listener>> {
    let (client, log) = (aws.elb().clone(), aws.log());
    let batch = aws.batches.of::<Listeners, String, Vec<types::Listener>>();
    let all = batch
        .get(balancer_of(id), move |balancers| async move {
            let mut found = BTreeMap::new();
            for balancer in balancers {
                let call = client.describe_listeners().load_balancer_arn(&balancer);
                let some = log.call("elasticloadbalancing:DescribeListeners", call.send()).await.or_gone()?;
                found.insert(balancer, some.and_then(|some| some.listeners).unwrap_or_default());
            }
            Ok(found)
        })
        .await?;
    Ok(all.unwrap_or_default().into_iter().find(|listener| listener.listener_arn.as_deref() == Some(id.as_str())))
}

/// A listener's ARN is its load balancer's, and an id of its own.
fn balancer_of(listener: &Id) -> String {
    let arn = listener.0.rsplit_once('/').map_or("", |(arn, _)| arn);
    arn.replacen(":listener/", ":loadbalancer/", 1)
}

/// None when the listener is gone (its describe says so).
async fn read_attributes(aws: &Aws, id: &Id) -> Result<Attributes> {
    let call = aws.elb().describe_listener_attributes().listener_arn(&id.0);
    let found = aws.call("elasticloadbalancing:DescribeListenerAttributes", call.send()).await.or_gone()?;
    let pairs = found.and_then(|found| found.attributes).unwrap_or_default().into_iter();
    Ok(attributes::managed(MANAGED_ATTRIBUTES, pairs.map(|one| (one.key, one.value))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_elasticloadbalancingv2::types::{ForwardActionConfig, TargetGroupTuple};
    use serde_json::json;

    fn forward(arn: Option<&str>, groups: &[&str]) -> types::Action {
        let groups = groups.iter().map(|arn| TargetGroupTuple::builder().target_group_arn(*arn).weight(1).build());
        let config = ForwardActionConfig::builder().set_target_groups(Some(groups.collect())).build();
        let action = types::Action::builder().r#type(ActionTypeEnum::Forward).order(1);
        action.set_target_group_arn(arn.map(str::to_owned)).forward_config(config).build()
    }

    fn redirect(host: Option<&str>) -> types::Action {
        let config = RedirectActionConfig::builder()
            .protocol("HTTPS")
            .port("443")
            .set_host(host.map(str::to_owned))
            .path("/#{path}")
            .query("#{query}")
            .status_code(RedirectActionStatusCodeEnum::Http301);
        types::Action::builder().r#type(ActionTypeEnum::Redirect).redirect_config(config.build()).build()
    }

    #[test]
    fn a_forward_is_the_same_in_every_spelling() {
        let wanted = Action::Forward { target_group_arn: TargetGroupArn("a".into()).into() };
        for live in [forward(Some("a"), &[]), forward(None, &["a"]), forward(Some("a"), &["a"])] {
            assert_eq!(Action::of(&[live]), wanted);
        }
        assert_eq!(Action::of(&[wanted.shaped().unwrap()]), wanted);
    }

    #[test]
    fn a_redirect_is_the_same_with_and_without_the_defaults() {
        let wanted = Action::RedirectToHttps { port: 443, status_code: "HTTP_301".into() };
        assert_eq!(Action::of(&[redirect(Some("#{host}"))]), wanted);
        assert_eq!(Action::of(&[redirect(None)]), wanted);
        assert_eq!(Action::of(&[wanted.shaped().unwrap()]), wanted);
    }

    #[test]
    fn what_we_never_make_is_told_in_words() {
        let summary = |actions: &[types::Action]| match Action::of(actions) {
            Action::Other { summary } => summary,
            known => panic!("{known:?}"),
        };
        assert_eq!(summary(&[redirect(Some("evil.example"))]), "redirect to HTTPS://evil.example:443/#{path}?#{query}");
        assert_eq!(summary(&[forward(None, &["a", "b"])]), "forward to 2 target groups");
        let fixed = types::Action::builder().r#type(ActionTypeEnum::FixedResponse).build();
        assert_eq!(summary(&[fixed.clone(), fixed]), "fixed-response, then fixed-response");
        assert_eq!(summary(&[]), "");
    }

    #[test]
    fn an_action_holds_a_reference_until_the_target_group_is_known() {
        let value =
            json!({ "type": "forward", "target_group_arn": { "$output": "elb.target_group/main#target_group_arn" } });
        let action: Action = serde_json::from_value(value.clone()).unwrap();
        assert!(action.shaped().is_err(), "not known yet");
        assert_eq!(serde_json::to_value(&action).unwrap(), value);
    }

    #[test]
    fn the_older_policy_satisfies_only_our_own_default() {
        assert!(same_policy(&json!(PREFERRED_POLICY), &json!(FALLBACK_POLICY)));
        assert!(!same_policy(&json!(FALLBACK_POLICY), &json!(PREFERRED_POLICY)));
        assert!(!same_policy(&json!("ELBSecurityPolicy-TLS13-1-3-2021-06"), &json!(FALLBACK_POLICY)));
        assert!(FALLS_BACK.contains(PREFERRED_POLICY) && FALLS_BACK.contains(FALLBACK_POLICY));
    }

    #[test]
    fn the_load_balancer_is_in_the_listeners_arn() {
        let arn = "arn:aws:elasticloadbalancing:eu-central-1:1:listener/app/zenml-1a2b3c/50dc/f2f7";
        let balancer = "arn:aws:elasticloadbalancing:eu-central-1:1:loadbalancer/app/zenml-1a2b3c/50dc";
        assert_eq!(balancer_of(&arn.into()), balancer);
    }
}
