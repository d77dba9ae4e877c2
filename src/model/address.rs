//! Where a resource stands in the deployment: its kind and its role.
//!
//! An address never contains an account, a region or a physical name, so the same config gives the same addresses
//! everywhere, and a plan of one deployment can be compared with that of another.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// `ec2.subnet/private-a`: a kind, then a name that is unique within the kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// `service.noun`, for example `ec2.subnet`.
    pub kind: String,
    /// The role of this resource, for example `private-a` or `main`.
    pub name: String,
}

impl Address {
    /// Makes the address `kind/name`.
    pub fn new(kind: impl Into<String>, name: impl Into<String>) -> Self {
        Self { kind: kind.into(), name: name.into() }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.kind, self.name))
    }
}

/// The text is not `kind/name`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an address: expected `kind/name`, for example `ec2.subnet/private-a`")]
pub struct BadAddress(String);

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        match text.split_once('/') {
            Some((kind, name)) if kind.contains('.') && !name.is_empty() && !name.contains('/') => {
                Ok(Self::new(kind, name))
            }
            _ => Err(BadAddress(text.to_owned())),
        }
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_parses_the_same_text() {
        let address: Address = "ec2.subnet/private-a".parse().unwrap();
        assert_eq!(address, Address::new("ec2.subnet", "private-a"));
        assert_eq!(address.to_string(), "ec2.subnet/private-a");
    }

    #[test]
    fn refuses_text_without_kind_or_name() {
        for bad in ["", "vpc", "ec2.vpc/", "vpc/main", "ec2.vpc/a/b"] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }
}
