//! A plan as a person reads it, and as `plans/NAME.txt` keeps it.
//!
//! The same plan gives the same bytes everywhere: no clock, no terminal width. Steps that do nothing are only counted. A plan
//! holds no secrets, so nothing is masked here.

use super::plan_order::reading_order;
use super::plan_step::{details, headline};
use super::plan_summary::{counts_line, data_lines, impact_lines};
use super::value_text::Values;
use super::words::{Ink, pad, paint, symbol};
use crate::config::Style;
use crate::model::Address;
use crate::plan::{Action, Plan, Step};
use std::fmt;

/// What a plan does not say of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// The deployment's name, `zenml-hybrid`.
    pub deployment: String,
    /// `eu-central-1`.
    pub region: String,
    /// Where it was looked at.
    pub place: Place,
}

/// Where the plan's observations come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// From nowhere: nothing was looked up.
    Offline,
    /// From the local sandbox.
    Sandbox,
    /// From this AWS account, twelve digits.
    Account(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Offline => f.write_str("offline: nothing was looked up on AWS"),
            Self::Sandbox => f.write_str("in the sandbox"),
            Self::Account(account) => write!(f, "account {account}"),
        }
    }
}

/// The columns of the headlines never get wider than this; what is longer sticks out.
const WIDEST_HEADLINE: usize = 64;

/// Returns the whole screen, ending with a line break.
pub fn plan_text(plan: &Plan, meta: &Meta, style: Style) -> String {
    let exists = |address: &Address| exists(plan, address);
    let page = Page { meta, style, values: Values { exists: &exists } };
    let steps = reading_order(plan);
    let mut out = page.header();
    out.push('\n');
    if !steps.is_empty() {
        out.push_str(&page.steps(&steps));
        out.push('\n');
    }
    out.push_str(&page.footer(plan));
    out
}

/// True for a resource that is there before the apply begins, with the outputs that it will have.
fn exists(plan: &Plan, address: &Address) -> bool {
    let stays = |step: &Step| {
        matches!(step.action, Action::Keep | Action::Update | Action::Adopt | Action::Retain) && step.id.is_some()
    };
    plan.steps.get(address).is_some_and(stays)
}

struct Page<'a> {
    meta: &'a Meta,
    style: Style,
    values: Values<'a>,
}

impl Page<'_> {
    fn header(&self) -> String {
        let Meta { deployment, region, place } = self.meta;
        format!("{} in {region}, {place}\n", paint(self.style, Ink::Bold, &format!("Plan for {deployment}")))
    }

    fn steps(&self, steps: &[&Step]) -> String {
        let offline = self.meta.place == Place::Offline;
        let headlines: Vec<String> = steps.iter().map(|step| headline(step, offline)).collect();
        let addresses = steps.iter().map(|step| step.address.to_string().chars().count()).max().unwrap_or_default();
        let fitting =
            headlines.iter().map(|headline| headline.chars().count()).filter(|width| *width <= WIDEST_HEADLINE);
        let widest = fitting.max().unwrap_or_default();
        let mut out = String::new();
        for (step, headline) in steps.iter().zip(&headlines) {
            self.headline(&mut out, step, headline, (addresses, widest));
            for (sign, line) in details(step, &self.values) {
                self.detail(&mut out, sign, &line);
            }
        }
        out
    }

    fn headline(&self, out: &mut String, step: &Step, headline: &str, (addresses, widest): (usize, usize)) {
        let (sign, ink) = symbol(step.action);
        // What is left over from a replacement is deleted although the step itself keeps its object.
        let (sign, ink) = if step.action == Action::Keep { symbol(Action::Delete) } else { (sign, ink) };
        let right = match (step.guide.is_empty(), &step.id) {
            (false, _) => format!("guide: {}", step.guide),
            (true, Some(id)) => id.to_string(),
            (true, None) => String::new(),
        };
        let address = pad(&step.address.to_string(), addresses);
        let sign = paint(self.style, ink, sign);
        if right.is_empty() {
            out.push_str(&format!("{sign} {address}  {headline}\n"));
        } else {
            let right = paint(self.style, Ink::Dim, &right);
            out.push_str(&format!("{sign} {address}  {}  {right}\n", pad(headline, widest)));
        }
    }

    fn detail(&self, out: &mut String, sign: char, line: &str) {
        let ink = match sign {
            '+' => Ink::Good,
            '~' => Ink::Change,
            '-' | '!' => Ink::Bad,
            _ => Ink::Dim,
        };
        let sign = if sign == ' ' { sign.to_string() } else { paint(self.style, ink, &sign.to_string()) };
        out.push_str(&format!("    {sign} {line}\n"));
    }

    fn footer(&self, plan: &Plan) -> String {
        let mut out = paint(self.style, Ink::Bold, &counts_line(plan));
        out.push('\n');
        if plan.is_empty() {
            return out;
        }
        for line in data_lines(plan).into_iter().chain(impact_lines(plan)) {
            let loud = line.starts_with("DATA");
            out.push_str(&if loud { paint(self.style, Ink::Bad, &line) } else { line });
            out.push('\n');
        }
        out
    }
}

#[cfg(test)]
mod tests;
