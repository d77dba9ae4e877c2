//! Each kind on the wire: create, no-op, update, drift, delete, against the sandbox.

mod ec2;
mod facts;
mod iam;
mod logs;
mod network;
mod rds;
mod secrets;
mod ecs;
mod security_groups;
