//! Collects diagnostics while the config is read and checked; nothing stops at the first.

use std::ops::Range;

use crate::config::codes::Code;
use crate::config::diagnostic::{Diagnostic, Severity};

/// Bytes of the file.
pub(super) type Span = Range<usize>;

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Problems {
    found: Vec<Diagnostic>,
}

impl Problems {
    /// Adds an error; the result can be masked.
    pub(super) fn error(
        &mut self,
        code: Code,
        span: &Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> &mut Diagnostic {
        self.add(code, Severity::Error, span, message.into(), help.into())
    }

    /// Adds a warning; the result can be masked.
    pub(super) fn warning(
        &mut self,
        code: Code,
        span: &Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> &mut Diagnostic {
        self.add(code, Severity::Warning, span, message.into(), help.into())
    }

    /// Adds a placeholder finding.
    pub(super) fn placeholder(&mut self, code: Code, span: &Span, message: impl Into<String>, help: impl Into<String>) {
        self.add(code, Severity::Placeholder, span, message.into(), help.into());
    }

    /// Returns true when the config cannot be used.
    pub(super) fn has_errors(&self) -> bool {
        self.found.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Returns everything in the order of the file.
    pub(super) fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.found.sort_by_key(|diagnostic| (diagnostic.span.start, diagnostic.code, diagnostic.span.end));
        self.found
    }

    fn add(&mut self, code: Code, severity: Severity, span: &Span, message: String, help: String) -> &mut Diagnostic {
        let help = (!help.is_empty()).then_some(help);
        let index = self.found.len();
        self.found.push(Diagnostic { code: code.id, severity, span: span.clone(), message, help, masked: None });
        &mut self.found[index]
    }
}

/// Returns the candidate that was probably meant, if any comes close.
pub(super) fn did_you_mean<'a>(written: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let written = written.to_lowercase();
    // A third of the letters, at least one, at most three: `nmae` finds `name`, `foo` finds nothing.
    let limit = (written.chars().count() / 3).clamp(1, 3);
    candidates
        .map(|candidate| (strsim::osa_distance(&written, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Returns true for names of things that are usually secret.
pub(super) fn sounds_secret(name: &str) -> bool {
    const PARTS: [&str; 7] = ["SECRET", "PASSWORD", "PASSWD", "TOKEN", "CREDENTIAL", "API_KEY", "ENROLLMENT_KEY"];
    let name = name.to_uppercase();
    PARTS.iter().any(|part| name.contains(part)) || name.ends_with("_KEY")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_miss_finds_its_name_and_nonsense_does_not() {
        let find = |written| did_you_mean(written, ["name", "region", "desired_count"].into_iter());
        assert_eq!(find("nmae"), Some("name"));
        assert_eq!(find("Region"), Some("region"));
        assert_eq!(find("desired_cuont"), Some("desired_count"));
        assert_eq!(find("foo"), None);
    }
}
