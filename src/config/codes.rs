//! Every code that a problem in `hybrid.toml` can have, with its title for `hybridctl explain`.
//!
//! Codes are stable: a rule that goes leaves a gap, a new one takes a free number of its block.

/// A stable id and what it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// `HC1011`.
    pub id: &'static str,
    /// A short sentence.
    pub title: &'static str,
}

macro_rules! codes {
    ($($name:ident = $id:literal, $title:literal;)*) => {
        $(pub(super) const $name: Code = Code { id: $id, title: $title };)*

        /// Every code, sorted by id.
        pub const CODES: &[Code] = &[$($name),*];
    };
}

codes! {
    SYNTAX = "HC1001", "the file is not valid TOML";
    UNKNOWN_KEY = "HC1002", "a key that hybridctl does not know";
    WRONG_TYPE = "HC1003", "a value of the wrong type";
    MISSING = "HC1004", "a required setting is missing";
    CHOICE = "HC1005", "a value that is not one of the choices";
    EXACTLY_ONE = "HC1006", "two settings exclude each other, or neither is given";
    RANGE = "HC1007", "a number outside its range";
    UNSUPPORTED = "HC1008", "a setting that this version does not carry out yet";
    PLACEHOLDER = "HC1009", "a template's placeholder was not replaced";
    EMPTY = "HC1010", "a text is empty";
    NAME = "HC1011", "the deployment's name";
    REGION = "HC1012", "the region";
    ACCOUNT = "HC1013", "the account id";
    TAGS = "HC1014", "tags";
    CONTROL = "HC1015", "a control character in a text";
    VERSION = "HC1021", "the server's version";
    SERVER_URL = "HC1022", "the server's URL";
    UUID = "HC1023", "an id from ZenML";
    SERVICE_URL = "HC1024", "the URL of a ZenML service";
    SECRET_SOURCE = "HC1025", "the source of the OAuth2 client secret";
    ENVIRONMENT_NAME = "HC1031", "the name of an environment variable";
    ENVIRONMENT_UNKNOWN = "HC1032", "a ZENML variable that hybridctl does not know";
    ENVIRONMENT_OURS = "HC1033", "a variable that hybridctl sets itself";
    ENVIRONMENT_UNREAD = "HC1034", "a variable that the server does not read";
    ENVIRONMENT_SECRET = "HC1035", "a variable that looks like a secret";
    CIDR = "HC1041", "an address range";
    CIDR_SIZE = "HC1042", "the size of the network";
    CIDR_HOST_BITS = "HC1043", "an address range with host bits";
    CIDR_PUBLIC = "HC1044", "a network of public addresses";
    CIDR_ROOM = "HC1045", "more zones than the network has room for";
    ZONES = "HC1046", "availability zones";
    EXISTING_NETWORK = "HC1047", "an existing network";
    ENGINE = "HC1061", "the database engine";
    ENGINE_VERSION = "HC1062", "the database version";
    EXTENDED_SUPPORT = "HC1063", "a database version in Extended Support";
    INSTANCE_CLASS = "HC1064", "the database instance class";
    MAX_STORAGE = "HC1065", "the limit of storage growth";
    RETENTION = "HC1066", "backup retention";
    LOG_EXPORTS = "HC1067", "database logs";
    DATABASE_NAME = "HC1068", "the database name";
    USERNAME = "HC1069", "the master user's name";
    RESTORE_FROM = "HC1070", "the snapshot to restore from";
    IMAGE = "HC1081", "the image";
    IMAGE_VERSION = "HC1082", "image and version say different things";
    TASK_SIZE = "HC1083", "task sizes of Fargate";
    PORT = "HC1084", "the image's own command and its port";
    COMMAND = "HC1085", "the container's command";
    CLUSTER = "HC1086", "the cluster's name";
    AUTOSCALING = "HC1087", "the limits of autoscaling";
    CERTIFICATE_ARN = "HC1101", "the certificate's ARN";
    ARN_REGION = "HC1102", "an ARN of another region";
    ARN_ACCOUNT = "HC1103", "an ARN of another account";
    HOST_OUTSIDE_ZONE = "HC1104", "the server's host is not in the hosted zone";
    REQUEST_NEEDS_ZONE = "HC1105", "a requested certificate needs a hosted zone";
    ALLOW_CIDRS = "HC1106", "who may reach the load balancer";
    ZONE_NAME = "HC1107", "the name of the hosted zone";
    LOG_RETENTION = "HC1121", "log retention";
    EMAIL = "HC1122", "the address for alarms";
    SECRET_NAME = "HC1131", "the name of a secret";
    STATE = "HC1141", "where the state is kept";
    BUG = "HC1199", "a bug in hybridctl";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_sorted() {
        assert!(CODES.is_sorted_by(|left, right| left.id < right.id));
    }
}
