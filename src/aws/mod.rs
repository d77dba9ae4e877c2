//! The AWS side: clients, and one file per resource kind. Nothing outside this folder names an `aws_sdk` type.
//!
//! Every call goes through [`Aws::call`], which names the operation as IAM does, counts it, and turns any SDK error into
//! our [`crate::resource::Error`] without the raw response (which may hold a secret).

pub mod ask;
pub mod audit;
pub mod batch;
pub mod classify;
pub mod facts;
pub mod gate;
pub mod look;
pub mod survey;
pub mod tags;

pub mod acm;
pub mod ec2;
pub mod ecs;
pub mod elb;
pub mod iam;
pub mod logs;
pub mod rds;
pub mod route53;
pub mod s3;
pub mod secrets;

mod advice;
mod clients;
mod credentials;
mod kinds;
mod pacing;
mod pages;
mod patience;

pub use clients::{Aws, Connection};
pub use kinds::{ALL, kinds};
pub use pacing::is_read;
