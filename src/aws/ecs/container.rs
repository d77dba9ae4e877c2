//! The container of a task definition, as it is wanted, registered and read back.
//!
//! One plain struct, so that a plan names exactly what changed in it (`container.image`). What AWS adds by itself (`cpu: 0`,
//! empty lists, `hostPort`) has no field and is no difference; what a stranger may have added to what we manage (another
//! protocol, log driver or secret stage) shows as a value that nobody wants.

use super::{signed, unsigned};
use crate::model::Input;
use crate::resource::{Error, Result};
use aws_sdk_ecs::types::{self, LogDriver, TransportProtocol};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The one container of a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Container {
    /// Its name, also in load balancer settings and log streams: `zenml`.
    pub name: String,
    /// Image with tag or digest.
    pub image: String,
    /// Instead of the image's own command; `None`: the image's own.
    pub command: Option<Vec<String>>,
    /// The one TCP port that it listens on; 0 where AWS shows anything else.
    pub port: u16,
    /// Plain variables. Everyone who may describe task definitions can read them.
    pub environment: BTreeMap<String, Input<String>>,
    /// Variables that ECS fills from Secrets Manager when a task starts.
    pub secrets: BTreeMap<String, SecretRef>,
    /// Log group; empty where AWS shows another log driver.
    pub log_group: Input<String>,
    /// Region of the log group.
    pub log_region: String,
    /// Streams are called `<prefix>/<container>/<task id>`.
    pub log_prefix: String,
    /// Log lines wait in a buffer of this many MiB instead of holding the server up; 0 where AWS shows no
    /// such buffer.
    pub log_buffer_mib: u32,
    /// Seconds between SIGTERM and SIGKILL, at most 120; `None`: ECS's 30.
    pub stop_timeout_secs: Option<u32>,
    /// Whether an init process reaps zombies and passes signals on.
    pub init_process: bool,
}

/// One version of a secret. With the version in the definition, a rotation is a visible change and old tasks keep the old value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SecretRef {
    /// The secret's full ARN, random suffix included.
    pub arn: Input<String>,
    /// `AWSCURRENT`'s id when this was written; empty where AWS shows none.
    pub version_id: Input<String>,
}

/// As the register call takes it.
pub(super) fn definition(want: &Container) -> Result<types::ContainerDefinition> {
    let mut definition = types::ContainerDefinition::builder()
        .name(&want.name)
        .image(&want.image)
        .essential(true)
        .set_command(want.command.clone())
        .set_stop_timeout(want.stop_timeout_secs.map(signed))
        .port_mappings(
            types::PortMapping::builder()
                .container_port(want.port.into())
                .host_port(want.port.into())
                .protocol(TransportProtocol::Tcp)
                .build(),
        )
        .log_configuration(log_configuration(want)?);
    if want.init_process {
        definition = definition.linux_parameters(types::LinuxParameters::builder().init_process_enabled(true).build());
    }
    for (name, value) in &want.environment {
        definition = definition.environment(types::KeyValuePair::builder().name(name).value(value.get()?).build());
    }
    for (name, secret) in &want.secrets {
        let from = format!("{}:::{}", secret.arn.get()?, secret.version_id.get()?);
        let secret = types::Secret::builder().name(name).value_from(from).build().map_err(Error::bug)?;
        definition = definition.secrets(secret);
    }
    Ok(definition.build())
}

fn log_configuration(want: &Container) -> Result<types::LogConfiguration> {
    let logs = types::LogConfiguration::builder()
        .log_driver(LogDriver::Awslogs)
        .options("awslogs-group", want.log_group.get()?)
        .options("awslogs-region", &want.log_region)
        .options("awslogs-stream-prefix", &want.log_prefix)
        .options("mode", "non-blocking")
        .options("max-buffer-size", format!("{}m", want.log_buffer_mib));
    logs.build().map_err(Error::bug)
}

/// A live container in the shape of the desired one.
pub(super) fn normalised(live: &types::ContainerDefinition) -> Container {
    let logs = live.log_configuration().filter(|logs| logs.log_driver == LogDriver::Awslogs);
    let option = |name: &str| logs.and_then(|logs| logs.options()?.get(name)).cloned().unwrap_or_default();
    let buffered = option("mode") == "non-blocking";
    let buffer = option("max-buffer-size").strip_suffix('m').and_then(|mib| mib.parse().ok());
    let command = live.command();
    Container {
        name: live.name().unwrap_or_default().to_owned(),
        image: live.image().unwrap_or_default().to_owned(),
        command: (!command.is_empty()).then(|| command.to_vec()),
        port: port(live.port_mappings()),
        environment: live
            .environment()
            .iter()
            .map(|pair| {
                (pair.name().unwrap_or_default().to_owned(), pair.value().unwrap_or_default().to_owned().into())
            })
            .collect(),
        secrets: live.secrets().iter().map(|secret| (secret.name.clone(), secret_ref(&secret.value_from))).collect(),
        log_group: option("awslogs-group").into(),
        log_region: option("awslogs-region"),
        log_prefix: option("awslogs-stream-prefix"),
        log_buffer_mib: buffer.filter(|_| buffered).unwrap_or_default(),
        stop_timeout_secs: live.stop_timeout().map(unsigned),
        init_process: live.linux_parameters().and_then(|linux| linux.init_process_enabled()).unwrap_or_default(),
    }
}

/// The port of exactly one TCP mapping, else 0. An absent protocol is TCP.
fn port(mappings: &[types::PortMapping]) -> u16 {
    match mappings {
        [only] if matches!(only.protocol(), None | Some(TransportProtocol::Tcp)) => {
            only.container_port().and_then(|port| port.try_into().ok()).unwrap_or_default()
        }
        _ => 0,
    }
}

/// `valueFrom` is `arn:json-key:version-stage:version-id`. One with a key or a stage is not ours: it stays whole in `arn`.
fn secret_ref(value_from: &str) -> SecretRef {
    let (arn, version_id) = value_from.split_once(":::").unwrap_or((value_from, ""));
    SecretRef { arn: arn.to_owned().into(), version_id: version_id.to_owned().into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ecs::types::{ContainerDefinition, LinuxParameters, LogConfiguration, PortMapping};

    fn wanted() -> Container {
        Container {
            name: "zenml".into(),
            image: "zenml:1".into(),
            command: None,
            port: 8000,
            environment: [("A".to_owned(), "1".to_owned().into()), ("B".to_owned(), "2".to_owned().into())].into(),
            secrets: [("S".to_owned(), secret_ref("arn:aws:secretsmanager:r:1:secret:s-AbCdEf:::v1"))].into(),
            log_group: "/ecs/zenml".to_owned().into(),
            log_region: "eu-central-1".into(),
            log_prefix: "ecs".into(),
            log_buffer_mib: 25,
            stop_timeout_secs: Some(60),
            init_process: true,
        }
    }

    #[test]
    fn what_was_registered_reads_as_it_was_wanted() {
        assert_eq!(normalised(&definition(&wanted()).unwrap()), wanted());
        let plain =
            Container { command: Some(vec!["x".into()]), stop_timeout_secs: None, init_process: false, ..wanted() };
        assert_eq!(normalised(&definition(&plain).unwrap()), plain);
    }

    #[test]
    fn what_aws_adds_by_itself_is_no_difference() {
        let mut live = definition(&wanted()).unwrap();
        live.cpu = 0;
        live.mount_points = Some(vec![]);
        live.volumes_from = Some(vec![]);
        live.system_controls = Some(vec![]);
        live.environment.as_mut().unwrap().reverse();
        live.port_mappings = Some(vec![PortMapping::builder().container_port(8000).build()]);
        assert_eq!(normalised(&live), wanted());
    }

    #[test]
    fn another_protocol_driver_or_secret_stage_shows() {
        let udp = PortMapping::builder().container_port(8000).protocol(TransportProtocol::Udp).build();
        let files = LogConfiguration::builder().log_driver(LogDriver::JsonFile).build().unwrap();
        let live = ContainerDefinition::builder()
            .port_mappings(udp)
            .log_configuration(files)
            .linux_parameters(LinuxParameters::builder().build())
            .build();
        let live = normalised(&live);
        assert_eq!((live.port, live.log_group, live.init_process), (0, String::new().into(), false));
        let staged = secret_ref("arn:aws:secretsmanager:r:1:secret:s-AbCdEf:key:AWSPREVIOUS:");
        assert!(staged.arn.get().unwrap().ends_with(":key:AWSPREVIOUS:"));
    }
}
