//! `hybridctl` takes a ZenML Pro Hybrid workspace on AWS ECS from one short file to a running, verified server.
//!
//! Data flows one way:
//!
//! ```text
//! config + facts ──stack()──▶ Graph (desired) ┐
//! StateStore.load ──▶ State (recorded)        ├─ plan() ──▶ Plan ──lower()──▶ operations ──apply──▶ AWS
//! probe (reads) ───▶ Observations (live)      ┘                                   │
//!                                                                               Events ──▶ Reporter
//! ```
//!
//! `docs/architecture.md` follows one `up` through the files by name.

pub mod apply;
pub mod aws;
pub mod cli;
pub mod config;
pub mod explain;
pub mod model;
pub mod plan;
pub mod preflight;
pub mod rebuild;
pub mod report;
pub mod resource;
pub mod sandbox;
pub mod stack;
pub mod state;
pub mod verify;
