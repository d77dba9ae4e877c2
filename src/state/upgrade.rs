//! From text to the current version of the document.

use super::{State, VERSION};
use serde_json::Value;

/// Parses a document and lifts it to the current version.
///
/// # Errors
/// Says what is wrong, with the position where the text stops making sense.
pub(super) fn parse(text: &str) -> Result<State, String> {
    let value: Value = serde_json::from_str(text).map_err(|e| format!("not a state document: {e}"))?;
    match value["version"].as_u64() {
        Some(version) if version == u64::from(VERSION) => {}
        Some(version) if version > u64::from(VERSION) => {
            return Err(format!("written by a newer hybridctl (format {version}, this one knows {VERSION})"));
        }
        _ => return Err("not a state document: it has no `version`".to_owned()),
    }
    let state: State = serde_json::from_value(value).map_err(|e| format!("not a state document: {e}"))?;
    state.verify_integrity().map_err(|e| e.to_string())?;
    Ok(state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn every_prefix_of_a_document_is_an_error_and_never_a_panic() {
        let text = serde_json::to_string(&State::new("t", Uuid::nil())).expect("because it is plain data");
        assert!(parse(&text).is_ok());
        for end in 0..text.len() {
            assert!(parse(&text[..end]).is_err());
        }
    }

    #[test]
    fn a_document_that_counts_beyond_counting_is_refused() {
        for state in [
            State { serial: u64::MAX, ..State::new("t", Uuid::nil()) },
            State { incarnations: u64::MAX, ..State::new("t", Uuid::nil()) },
        ] {
            let text = serde_json::to_string(&state).expect("because it is plain data");
            assert!(parse(&text).unwrap_err().contains("beyond what can be counted"));
        }
    }

    #[test]
    fn a_newer_format_is_refused_by_name() {
        let text = serde_json::to_string(&State { version: 9, ..State::new("t", Uuid::nil()) }).expect("plain data");
        assert!(parse(&text).unwrap_err().contains("newer hybridctl"));
    }
}
