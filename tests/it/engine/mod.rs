//! The engine in the fake world: no AWS, no clock, no disk.

mod crash;
mod planner;
mod strangers;
mod templates;
