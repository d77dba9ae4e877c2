//! The engine in the fake world: no AWS, no clock, no disk.

mod answers;
mod crash;
mod outside;
mod pace;
mod planner;
pub mod random;
mod rebuild;
mod slow;
mod strangers;
mod templates;
