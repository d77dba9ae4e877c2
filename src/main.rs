//! hybridctl
fn main() {}
