//! The engine in the fake world: no AWS, no clock, no disk.

mod crash;
mod templates;
