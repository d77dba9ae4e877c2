//! Each kind on the wire: create, no-op, update, drift, delete, against the sandbox.

mod acm;
mod ask;
mod ec2;
mod ecs;
mod elb;
mod facts;
mod iam;
mod logs;
mod network;
mod rds;
mod route53;
mod secrets;
mod security_groups;
