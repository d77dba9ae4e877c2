//! The real binary against the sandbox, looked at with boto3.

mod fields;
mod journey;
