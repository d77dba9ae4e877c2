//! `--report KIND=PATH`: a report in a file beside what is printed, or in its stead.

use super::exit::{ERROR, Failure};
use std::path::PathBuf;
use std::str::FromStr;

/// A file to write a report to; `-` is stdout, and nothing else is printed there then.
#[derive(Debug, Clone)]
pub(crate) struct ReportFile<K> {
    pub(crate) kind: K,
    path: PathBuf,
}

impl<K> ReportFile<K> {
    /// True if the report is what stdout gets.
    pub(crate) fn is_stdout(&self) -> bool {
        self.path.as_os_str() == "-"
    }

    /// Writes it.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn write(&self, text: &str) -> Result<(), Failure> {
        if self.is_stdout() {
            out!("{text}");
            return Ok(());
        }
        std::fs::write(&self.path, text)
            .map_err(|error| Failure::new(ERROR, format!("--report {}: {error}", self.path.display())))
    }
}

impl<K: clap::ValueEnum> FromStr for ReportFile<K> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names: Vec<String> = K::value_variants()
            .iter()
            .filter_map(|kind| Some(kind.to_possible_value()?.get_name().to_owned()))
            .collect();
        let example = || format!("it is KIND=PATH, and KIND is one of {}", names.join(", "));
        let (kind, path) = text.split_once('=').ok_or_else(example)?;
        if path.is_empty() {
            return Err("the file's name is missing".to_owned());
        }
        let known = || format!("there is no report `{kind}`: {}", names.join(", "));
        Ok(Self { kind: K::from_str(kind, false).map_err(|_| known())?, path: path.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;

    #[derive(Debug, Clone, ValueEnum)]
    enum Kind {
        Json,
        Text,
    }

    #[test]
    fn a_report_is_a_kind_and_a_file() {
        let file: ReportFile<Kind> = "json=a=b.json".parse().unwrap();
        assert!(matches!(file.kind, Kind::Json));
        assert_eq!(file.path, PathBuf::from("a=b.json"));
        assert!("text=-".parse::<ReportFile<Kind>>().unwrap().is_stdout());
        for (wrong, why) in [
            ("report.json", "it is KIND=PATH, and KIND is one of json, text"),
            ("json=", "the file's name is missing"),
            ("html=x", "there is no report `html`: json, text"),
        ] {
            assert_eq!(wrong.parse::<ReportFile<Kind>>().unwrap_err(), why);
        }
    }
}
