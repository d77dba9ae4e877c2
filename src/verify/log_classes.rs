//! What the server's own words mean: a table of failures with cause and remedy.
//!
//! The texts are those of the ZenML server 0.98 (its own, SQLAlchemy's, requests') and of ECS. At boot the order is: settings,
//! database, secrets store, control plane. So a database error says nothing of the control plane, and an error of the control
//! plane proves that the database is fine. What a real server was seen to write is in `tests/fixtures/logs`.

mod lines;
mod server;
mod stops;

#[cfg(test)]
mod recorded;

pub use lines::{Level, message, quote, short};
pub use server::{LOG_CLASSES, NOTES};
pub use stops::{STOP_CLASSES, of_stop};

/// A kind of failure that shows in a log or as a reason for a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Class {
    /// `db.auth`, stable.
    pub id: &'static str,
    /// Every one of these is in the text, in any order.
    pub marks: &'static [&'static str],
    /// What it means, without a full stop.
    pub cause: &'static str,
    /// What to do.
    pub fix: &'static str,
}

const fn class(id: &'static str, marks: &'static [&'static str], cause: &'static str, fix: &'static str) -> Class {
    Class { id, marks, cause, fix }
}

/// Written when everything is up, enrollment included.
pub const STARTED: &str = "Application startup complete.";
/// Written when the start begins.
pub const WAITING: &str = "Waiting for application startup.";
/// Written when the start failed.
pub const FAILED: &str = "Application startup failed. Exiting.";

const EGRESS: &str = "look at VF-ROUTE and VF-GROUPS: tasks need a way to the internet on port 443";

/// What a log line means; `None`: nothing that is known.
pub fn of_log(text: &str) -> Option<&'static Class> {
    find(LOG_CLASSES, text)
}

/// What a log means. The last known line wins: causes are printed at the end of a traceback. Of one line the table's order
/// decides.
pub fn cause_in(log: &str) -> Option<&'static Class> {
    log.lines().rev().find_map(of_log)
}

/// What a log says besides: the server runs, and something about it is worth knowing.
pub fn notes_in(log: &str) -> Vec<&'static Class> {
    NOTES.iter().filter(|note| log.lines().any(|line| note.is_in(line))).collect()
}

impl Class {
    /// True if it keeps a server from starting, and in one that runs is about a request: a right that a user lacks, a sign-in that
    /// did not work. Of such lines a busy server writes many.
    pub fn is_of_requests(&self) -> bool {
        self.id.starts_with("cfg.") || matches!(self.id, "cp.forbidden" | "cp.plan" | "cp.user")
    }

    fn is_in(&self, text: &str) -> bool {
        self.marks.iter().all(|mark| text.contains(mark))
    }
}

fn find(classes: &'static [Class], text: &str) -> Option<&'static Class> {
    classes.iter().find(|class| class.is_in(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What no real server could be brought to write; the rest is in `recorded`.
    #[test]
    fn the_servers_own_words_are_understood() {
        for (text, id) in [
            (
                "Error fetching auth token from the Cloud API: x: Max retries exceeded with url: /auth/login",
                "cp.refused",
            ),
            (
                "Error fetching auth token from the Cloud API: HTTPSConnectionPool(host='x', port=443): Max retries exceeded with \
                 url: /auth/login (Caused by ResponseError('too many 503 error responses'))",
                "cp.5xx",
            ),
            (
                "Error fetching auth token from the Cloud API: 500 Server Error: Internal Server Error for url: \
                 https://x/auth/login",
                "cp.5xx",
            ),
            ("Error fetching auth token from the Cloud API: 429 Client Error: Too Many Requests for url: x", "cp.5xx"),
            ("RuntimeError: Could not fetch auth token from the Cloud API.", "cp.token"),
            (
                "(2003, \"Can't connect to MySQL server on 'h' ([Errno -3] Temporary failure in name resolution)\")",
                "db.dns",
            ),
            ("(2003, \"Can't connect ... [SSL: CERTIFICATE_VERIFY_FAILED] Hostname mismatch\")", "db.tls"),
            ("(3159, 'Connections using insecure transport are prohibited')", "db.tls"),
            ("(1040, 'Too many connections')", "db.full"),
            ("(2013, 'Lost connection to MySQL server during query')", "db.lost"),
            ("(1050, \"Table 'api_transaction' already exists\")", "db.race"),
            ("(1054, \"Unknown column 'server_settings.x' in 'field list'\")", "mig.missing"),
            (
                "Failed to restore the database from in-memory. You might need to restore the database manually.",
                "mig.restore",
            ),
        ] {
            assert_eq!(of_log(text).map(|class| class.id), Some(id), "{text}");
        }
        assert_eq!(of_log("Application startup complete."), None);
        assert_eq!(of_log("uvicorn.access:send:1 | 10.0.0.5 - \"GET /health HTTP/1.1\" 200"), None);
    }
}
