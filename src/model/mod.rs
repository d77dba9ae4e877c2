//! The vocabulary: addresses, inputs, the desired graph. No I/O and no AWS in here.
//!
//! A newcomer's mistake: an [`Input`] is a whole value or a whole output of another resource, never text with a hole in
//! it. What needs composing is made an output of the resource that knows the parts.

pub mod address;
pub mod graph;
pub mod input;

pub use address::Address;
pub use graph::{Edge, Graph, Handle, Keep, Need, Node, OnDelete};
pub use input::{Input, Output, OutputRef};
