//! `explain`: one page on an error, a check or a deviation from ZenML's guide.

use super::super::exit::{Failure, USAGE};
use super::super::{Format, Global};
use crate::explain as pages;
use clap::Args;
use serde_json::{Value, json};

/// Explain an error or check id: what it means, why it matters, what to do
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The id, as it stands in brackets after `error`, for example HC1011; without one every id is listed
    code: Option<String>,
    /// List every id that there is a page on
    #[arg(long, conflicts_with = "code")]
    list: bool,
}

impl Explain {
    /// Prints the page, or the list of pages, to stdout.
    ///
    /// # Errors
    /// Usage, if there is no such page.
    pub(crate) fn run(self, global: &Global) -> Result<u8, Failure> {
        let json = global.format == Format::Json;
        match self.code.as_deref().map(trimmed) {
            None if json => {
                let rows = pages::ids().map(|id| json!({ "id": id, "title": title(id) }));
                super::print(format!("{:#}\n", rows.collect::<Value>()))
            }
            None => super::print(list()),
            Some(code) => match pages::page(code) {
                Some(page) if json => {
                    let page = json!({ "id": code.to_uppercase(), "title": title(code), "page": page.trim_end() });
                    super::print(format!("{page:#}\n"))
                }
                Some(page) => super::print(format!("{}\n", page.trim_end())),
                None => Err(unknown(code)),
            },
        }
    }
}

/// An id copied with what stands around it: `error[HC1011]`, `[HC1011]`.
fn trimmed(code: &str) -> &str {
    code.trim().trim_start_matches("error").trim_start_matches("warning").trim_matches(['[', ']', ':', '`'])
}

/// One line a page: its id and its title, which is the page's first line.
fn list() -> String {
    let width = pages::ids().map(str::len).max().unwrap_or_default();
    pages::ids().map(|id| format!("{id:<width$}  {}\n", title(id))).collect()
}

/// The first line of a page, without the id that it begins with.
fn title(id: &str) -> &'static str {
    let first = pages::page(id).and_then(|page| page.lines().next()).unwrap_or_default();
    let title = first.trim_start_matches(['#', ' ']);
    let begins = title.get(..id.len()).is_some_and(|head| head.eq_ignore_ascii_case(id));
    if begins { title[id.len()..].trim_start_matches([':', ' ']) } else { title }
}

fn unknown(code: &str) -> Failure {
    let failure = Failure::new(USAGE, format!("there is no page on `{}`", crate::report::words::one_line(code)));
    match did_you_mean(code) {
        Some(meant) => failure.hint(format!("did you mean `{meant}`? `hybridctl explain --list` shows all")),
        None => failure.hint("`hybridctl explain --list` shows every id"),
    }
}

/// The closest id, if it is close: a third of the letters may differ.
fn did_you_mean(code: &str) -> Option<&'static str> {
    let code = code.to_lowercase();
    let limit = (code.chars().count() / 3).clamp(1, 4);
    let near = pages::ids().map(|id| (strsim::osa_distance(&code, &id.to_lowercase()), id));
    near.filter(|(distance, _)| *distance <= limit).min_by_key(|(distance, _)| *distance).map(|(_, id)| id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_config_code_has_a_page_in_any_case_and_in_brackets() {
        for code in crate::config::CODES {
            assert!(pages::page(&code.id.to_lowercase()).is_some(), "{}", code.id);
        }
        for written in ["error[HC1011]", "[HC1011]", " HC1011:", "HC1011"] {
            assert_eq!(trimmed(written), "HC1011");
        }
    }

    #[test]
    fn a_near_miss_is_a_hint_and_nonsense_is_not() {
        let hint = |code| unknown(code).hints.concat();
        assert!(hint("HC101").contains("did you mean `HC10"), "{}", hint("HC101"));
        assert!(!hint("nonsense").contains("did you mean"));
        assert_eq!(unknown("x").code, USAGE);
    }

    #[test]
    fn the_list_has_a_line_for_every_page() {
        let list = list();
        assert_eq!(list.lines().count(), pages::ids().count());
        let line = list.lines().find(|line| line.starts_with("HC1011 ")).unwrap();
        assert!(line.ends_with("  the deployment's name"), "{line}");
    }
}
