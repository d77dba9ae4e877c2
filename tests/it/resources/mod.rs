//! Each kind on the wire: create, no-op, update, drift, delete, against the sandbox.

mod acm;
mod ec2;
mod elb;
mod facts;
mod network;
mod route53;
