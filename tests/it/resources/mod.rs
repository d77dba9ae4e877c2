//! Each kind on the wire: create, no-op, update, drift, delete, against the sandbox.

mod acm;
mod ec2;
mod elb;
mod facts;
mod iam;
mod logs;
mod network;
mod rds;
mod secrets;
mod ecs;
mod security_groups;
mod route53;
