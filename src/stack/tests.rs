//! The graph of every template.
