//! The one integration-test binary: linking the SDK is the slow part, so every suite is a module of it.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says what failed")]
#![expect(unreachable_pub, reason = "a test binary has no outside")]

mod cli;
mod docs;
mod engine;
mod fuzz;
mod matrix;
mod plans;
mod real;
mod resources;
mod sandbox;
mod state;
mod structure;
mod support;
mod verify;
mod wire;
