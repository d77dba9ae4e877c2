//! Names and values that follow from a `Config`: one place, so that the graph, `verify` and `init` agree.
//!
//! Physical names with a generated suffix (load balancer, target group) belong to the AWS side, not here.
//! A newcomer would expect `image()` to use `zenml.version` always: a tag or digest in `service.image` wins.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use crate::config::{Config, LoggingLevel, Network, Scheme, SecretNames, Zones};

/// Name of the deployment that gets the guide's own secret names.
const GUIDE_NAME: &str = "zenml-hybrid";

impl Config {
    /// Returns the RDS instance identifier, `<name>-db`.
    pub fn db_instance_id(&self) -> String {
        format!("{}-db", self.name)
    }

    /// Returns the log group of the tasks, `/ecs/<name>`.
    pub fn log_group(&self) -> String {
        format!("/ecs/{}", self.name)
    }

    /// Returns the name of the role for `execution` or `task`. Role names are global: two deployments in two regions must not
    /// meet.
    pub fn role_name(&self, role: &str) -> String {
        format!("{}-{}-{role}", self.name, self.region)
    }

    /// Returns the name of the ECS service.
    pub fn service_name(&self) -> &'static str {
        "zenml-server"
    }

    /// Returns the name of the container in the task definition.
    pub fn container_name(&self) -> &'static str {
        "zenml-server"
    }

    /// Returns the family of the task definition: the deployment's name.
    pub fn task_family(&self) -> &str {
        &self.name
    }

    /// Returns the host of `zenml.server_url`, `zenml.mycompany.com`.
    pub fn host(&self) -> &str {
        let url = &self.zenml.server_url;
        url.strip_prefix("https://").unwrap_or(url)
    }

    /// Returns the image that the tasks run: `service.image` as written when it has a tag or digest, otherwise with
    /// `zenml.version` as tag.
    pub fn image(&self) -> String {
        let image = &self.service.image;
        match ImageReference::parse(image) {
            ImageReference { tag: None, digest: None, .. } => format!("{image}:{}", self.zenml.version),
            _ => image.clone(),
        }
    }

    /// Returns the image without tag and digest, `715803424590.dkr.ecr.eu-central-1.amazonaws.com/zenml-pro-server`.
    pub fn image_repository(&self) -> &str {
        ImageReference::parse(&self.service.image).repository
    }

    /// Returns the server version that the image stands for: the tag of `service.image` if that is a version,
    /// otherwise `zenml.version` (a digest or a tag like `prod` says nothing about it).
    pub fn image_version(&self) -> semver::Version {
        version_of_image(&self.service.image)
            .or_else(|| semver::Version::parse(&self.zenml.version).ok())
            .expect("because validation refuses a zenml.version that is not a version")
    }

    /// Returns true when the load balancer has public addresses.
    pub fn is_internet_facing(&self) -> bool {
        self.ingress.scheme == Scheme::InternetFacing
    }
}

/// Returns the server version that the tag of an image says, if it says one.
pub fn version_of_image(image: &str) -> Option<semver::Version> {
    semver::Version::parse(ImageReference::parse(image).tag?).ok()
}

impl Zones {
    /// Returns how many zones there are.
    pub fn count(&self) -> usize {
        match self {
            Zones::Count(count) => usize::from(*count),
            Zones::Names(names) => names.len(),
        }
    }
}

impl Network {
    /// Returns the address range of the public subnet in the zone with this index (from 0).
    ///
    /// Ranges depend on `cidr` and the index alone, so adding a zone renumbers nothing: the VPC is cut into 16 equal
    /// slots (8 for a /24, because a load balancer needs a /27), the first half public, the second half private.
    /// `None` when the index is past the last slot.
    pub fn public_subnet(&self, index: usize) -> Option<Ipv4Net> {
        (index < max_zones(self.cidr)).then(|| subnet_slot(self.cidr, index)).flatten()
    }

    /// Returns the address range of the private subnet in the zone with this index (from 0); see `public_subnet`.
    pub fn private_subnet(&self, index: usize) -> Option<Ipv4Net> {
        let half = max_zones(self.cidr);
        (index < half).then(|| subnet_slot(self.cidr, half + index)).flatten()
    }
}

/// Returns how many zones fit into a VPC of this size: 8, or 4 in a /24.
pub(super) fn max_zones(cidr: Ipv4Net) -> usize {
    1 << (slot_bits(cidr) - 1)
}

fn slot_bits(cidr: Ipv4Net) -> u8 {
    if cidr.prefix_len() >= 24 { 3 } else { 4 }
}

fn subnet_slot(cidr: Ipv4Net, slot: usize) -> Option<Ipv4Net> {
    let prefix = cidr.prefix_len() + slot_bits(cidr);
    let size = 1u32.checked_shl(u32::from(32u8.checked_sub(prefix)?))?;
    let first = u32::from(cidr.network()).checked_add(size.checked_mul(u32::try_from(slot).ok()?)?)?;
    Ipv4Net::new(Ipv4Addr::from(first), prefix).ok()
}

impl SecretNames {
    /// Returns the default names for a deployment.
    pub(super) fn for_deployment(name: &str) -> SecretNames {
        let prefix = if name == GUIDE_NAME { "zenml".to_owned() } else { format!("zenml/{name}") };
        SecretNames {
            oauth2_client_secret: format!("{prefix}/pro/oauth2-client-secret"),
            database_password: format!("{prefix}/rds/password"),
            jwt_key: format!("{prefix}/server/jwt-key"),
            encryption_key: format!("{prefix}/server/encryption-key"),
            database_url: format!("{prefix}/rds/database-url"),
        }
    }
}

impl LoggingLevel {
    /// Returns the value for `ZENML_LOGGING_VERBOSITY`, `INFO`.
    pub fn as_str(self) -> &'static str {
        match self {
            LoggingLevel::Debug => "DEBUG",
            LoggingLevel::Info => "INFO",
            LoggingLevel::Warn => "WARN",
            LoggingLevel::Error => "ERROR",
            LoggingLevel::Critical => "CRITICAL",
        }
    }
}

/// The parts of `service.image`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ImageReference<'a> {
    /// Registry and path.
    pub(super) repository: &'a str,
    /// Text after the colon of the last path segment.
    pub(super) tag: Option<&'a str>,
    /// Text after `@`, `sha256:…`.
    pub(super) digest: Option<&'a str>,
}

impl<'a> ImageReference<'a> {
    /// Splits a reference; a colon before the last slash is the registry's port, not a tag.
    pub(super) fn parse(text: &'a str) -> Self {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        match rest.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => ImageReference { repository, tag: Some(tag), digest },
            _ => ImageReference { repository: rest, tag: None, digest },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_reference_tells_a_tag_from_a_port() {
        let parts = |text| {
            let image = ImageReference::parse(text);
            (image.repository.to_owned(), image.tag.map(str::to_owned), image.digest.map(str::to_owned))
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(parts("host:5000/zenml"), ("host:5000/zenml".into(), None, None));
        assert_eq!(parts("host:5000/zenml:0.98.0"), ("host:5000/zenml".into(), some("0.98.0"), None));
        assert_eq!(parts("zenml@sha256:ab"), ("zenml".into(), None, some("sha256:ab")));
        assert_eq!(parts("zenml:1.0.0@sha256:ab"), ("zenml".into(), some("1.0.0"), some("sha256:ab")));
    }

    #[test]
    fn adding_a_zone_renumbers_no_subnet() {
        let network = |cidr: &str, zones| Network {
            cidr: cidr.parse().expect("because the test says so"),
            zones: Zones::Count(zones),
            nat: crate::config::Nat::Single,
            existing: None,
        };
        let two = network("10.0.0.0/16", 2);
        let three = network("10.0.0.0/16", 3);
        for index in 0..2 {
            assert_eq!(two.public_subnet(index), three.public_subnet(index));
            assert_eq!(two.private_subnet(index), three.private_subnet(index));
        }
        let text = |net: Option<Ipv4Net>| net.map(|net| net.to_string()).unwrap_or_default();
        assert_eq!(text(two.public_subnet(0)), "10.0.0.0/20");
        assert_eq!(text(two.public_subnet(1)), "10.0.16.0/20");
        assert_eq!(text(two.private_subnet(0)), "10.0.128.0/20");
        assert_eq!(text(network("10.1.2.0/24", 2).private_subnet(0)), "10.1.2.128/27");
        assert_eq!(network("10.1.2.0/24", 2).private_subnet(4), None);
        assert_eq!(two.public_subnet(8), None);
    }

    #[test]
    fn only_the_guides_name_gets_the_guides_secret_names() {
        assert_eq!(SecretNames::for_deployment("zenml-hybrid").database_password, "zenml/rds/password");
        assert_eq!(SecretNames::for_deployment("zenml-hybrid").oauth2_client_secret, "zenml/pro/oauth2-client-secret");
        assert_eq!(SecretNames::for_deployment("other").jwt_key, "zenml/other/server/jwt-key");
        assert_eq!(SecretNames::for_deployment("rds").database_password, "zenml/rds/rds/password");
    }
}
