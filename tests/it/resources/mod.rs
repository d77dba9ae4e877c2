//! Each kind on the wire: create, no-op, update, drift, delete, against the sandbox.

mod ec2;
mod iam;
mod logs;
mod security_groups;
