//! Verbs that need no AWS: they make, check, show and explain files on this machine.
//!
//! None of them asks for credentials or opens a connection. A newcomer would print with `println!`: it panics when the
//! reader of a pipe has gone (`hybridctl schema | head -1`), [`print`] does not.

pub(super) mod completions;
pub(super) mod explain;
pub(super) mod graph;
pub(super) mod init;
pub(super) mod man;
pub(super) mod schema;
pub(super) mod validate;

use super::exit::{DONE, ERROR, Failure};
use std::io::{ErrorKind, Write};

/// Writes data to stdout, and says that the verb is done. A reader that has had enough is no error.
///
/// # Errors
/// If stdout cannot be written, for example on a full disk.
fn print(data: impl AsRef<[u8]>) -> Result<u8, Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(data.as_ref()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::new(ERROR, format!("stdout: {error}"))),
        _ => Ok(DONE),
    }
}
