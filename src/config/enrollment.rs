//! What ZenML's enrollment returned: ids and names for the config, and the key for Secrets Manager.
//!
//! It reads text, no file. The field names of the hosted control plane could not be seen, so several are accepted.
//! The key goes no further than a `SecretString`: it is never part of the answers, the config or an error.

use secrecy::SecretString;
use serde_json::Value as Json;
use thiserror::Error;

use crate::config::Answers;

/// What ZenML's enrollment returned.
#[derive(Debug, Clone)]
pub struct Enrollment {
    /// Workspace id.
    pub workspace_id: String,
    /// Workspace name.
    pub workspace_name: String,
    /// Organization id.
    pub organization_id: String,
    /// Organization name; `None` when the answer has none.
    pub organization_name: Option<String>,
    /// The OAuth2 client secret.
    pub enrollment_key: Option<SecretString>,
}

/// Why an enrollment could not be read. No message quotes the file, because it holds a key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EnrollmentError {
    /// The text is not a JSON object.
    #[error("the enrollment is not a JSON object (line {line}, column {column})")]
    NotAnObject {
        /// Line of the first mistake, from 1.
        line: usize,
        /// Column of the first mistake, from 1.
        column: usize,
    },
    /// A field is missing or no text.
    #[error("the enrollment has no `{0}`: save the whole answer of ZenML's enrollment request")]
    Missing(&'static str),
    /// An id is not a UUID.
    #[error("`{0}` in the enrollment is not a UUID")]
    NotAnId(&'static str),
}

/// Reads the JSON that ZenML's enrollment returns: `id` or `workspace_id`, `name` or `workspace_name`,
/// `organization_id`, `organization_name`, `enrollment_key`; unknown fields are ignored.
///
/// # Errors
///
/// When it is no JSON object, or an id or the workspace's name is missing.
pub fn enrollment(text: &str) -> Result<Enrollment, EnrollmentError> {
    let json: Json = serde_json::from_str(text)
        .map_err(|error| EnrollmentError::NotAnObject { line: error.line(), column: error.column() })?;
    if !json.is_object() {
        return Err(EnrollmentError::NotAnObject { line: 1, column: 1 });
    }
    let first = |pointers: &[&str]| {
        let mut found = pointers.iter().filter_map(|pointer| json.pointer(pointer)?.as_str());
        found.find(|text| !text.trim().is_empty()).map(str::to_owned)
    };
    let id = |field: &'static str, pointers: &[&str]| {
        let id = first(pointers).ok_or(EnrollmentError::Missing(field))?;
        let id = uuid::Uuid::parse_str(&id).map_err(|_| EnrollmentError::NotAnId(field))?;
        Ok(id.hyphenated().to_string())
    };
    Ok(Enrollment {
        workspace_id: id("workspace_id", &["/workspace_id", "/workspace/id", "/id"])?,
        workspace_name: first(&["/workspace_name", "/workspace/name", "/name"])
            .ok_or(EnrollmentError::Missing("workspace_name"))?,
        organization_id: id("organization_id", &["/organization_id", "/organization/id"])?,
        organization_name: first(&["/organization_name", "/organization/name"]),
        enrollment_key: first(&["/enrollment_key", "/workspace/enrollment_key"]).map(SecretString::from),
    })
}

impl Answers {
    /// Fills what is still open from an enrollment. The key is not among the answers.
    pub fn or_enrollment(mut self, enrollment: &Enrollment) -> Answers {
        let fill = |open: &mut Option<String>, from: Option<&String>| {
            if open.is_none() {
                *open = from.cloned();
            }
        };
        fill(&mut self.workspace_id, Some(&enrollment.workspace_id));
        fill(&mut self.workspace_name, Some(&enrollment.workspace_name));
        fill(&mut self.organization_id, Some(&enrollment.organization_id));
        fill(&mut self.organization_name, enrollment.organization_name.as_ref());
        self
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn an_enrollment_is_read_in_every_form_and_its_key_stays_hidden() {
        let (workspace, organization) = ("3F2504E04F8941D39A0C0305E82C3302", "3f2504e0-4f89-41d3-9a0c-0305e82c3301");
        let flat = format!(
            r#"{{"workspace_id":"{workspace}","workspace_name":"prod","organization_id":"{organization}","organization_name":"acme","enrollment_key":"gEheim","other":1}}"#
        );
        let nested = format!(
            r#"{{"id":"{workspace}","name":"prod","organization":{{"id":"{organization}","name":"acme"}},"enrollment_key":"gEheim"}}"#
        );
        for text in [flat, nested] {
            let read = enrollment(&text).expect("a whole enrollment");
            let answers = Answers { workspace_name: some("mine"), ..Answers::default() }.or_enrollment(&read);
            assert_eq!(answers.workspace_id, some("3f2504e0-4f89-41d3-9a0c-0305e82c3302"));
            assert_eq!((answers.workspace_name, answers.organization_name), (some("mine"), some("acme")));
            assert_eq!(read.enrollment_key.as_ref().map(|key| key.expose_secret()), Some("gEheim"));
            assert!(!format!("{read:?}").contains("gEheim"));
        }
    }

    #[test]
    fn a_broken_enrollment_says_what_is_missing_and_quotes_nothing() {
        let error = |text: &str| enrollment(text).expect_err("broken");
        assert_eq!(error("{\"enrollment_key\": gEheim"), EnrollmentError::NotAnObject { line: 1, column: 20 });
        assert_eq!(error("[]"), EnrollmentError::NotAnObject { line: 1, column: 1 });
        assert_eq!(error("{}"), EnrollmentError::Missing("workspace_id"));
        assert_eq!(error("{\"id\": \"gEheim\"}"), EnrollmentError::NotAnId("workspace_id"));
        assert!(!error("{\"id\": \"gEheim\"}").to_string().contains("gEheim"));
    }
}
