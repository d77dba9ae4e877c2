//! The real binary against the sandbox, looked at with boto3.

mod broken;
mod canary;
mod checks;
mod control_plane;
mod credentials;
mod data;
mod destroy;
mod disturbed;
mod external_dns;
mod faults;
mod fields;
mod journey;
mod kill;
mod preflight;
mod rebuild;
mod refusals;
mod scripts;
mod signals;
mod strangers;
mod team;
mod undone;
mod upgrade;
mod waiting;
mod watching;
pub mod world;
