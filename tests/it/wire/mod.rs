//! The real binary against the sandbox, looked at with boto3.

mod data;
mod fields;
mod journey;
mod kill;
mod scripts;
mod upgrade;
mod world;
