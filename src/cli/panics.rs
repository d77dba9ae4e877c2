//! What is told of a panic, which is always a bug: where it happened, and that nothing is lost.
//!
//! Only a message that stands in the source is shown. One that was composed at run time may hold anything, an answer of AWS
//! with a secret in it for example, so it is left out; the place says enough.

use crate::config::Style;
use crate::report::codes;
use crate::report::errors::{head, hint_text};
use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs this; a panic is told and yields `None`. What it held (locks, temporary files) is given back on the way.
pub(crate) fn guard<T>(run: impl FnOnce() -> T, style: Style) -> Option<T> {
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        err!("{}", text(&place, panic.payload(), style));
        // Names of functions, if RUST_BACKTRACE asks for them.
        let trace = Backtrace::capture();
        if trace.status() == BacktraceStatus::Captured {
            err!("{trace}\n");
        }
    }));
    catch_unwind(AssertUnwindSafe(run)).ok()
}

fn text(place: &str, message: &(dyn Any + Send), style: Style) -> String {
    let message = message.downcast_ref::<&'static str>().map_or_else(String::new, |said| format!("  {said}\n"));
    format!(
        "{} hybridctl contradicts itself at {place}\n{message}  What was begun is on record: the same command goes on.\n{}",
        head(codes::BUG, style),
        hint_text(
            "report it with this text and the output of the same command with `-vv`, which holds no secrets",
            style
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_says_where_and_what_next_and_nothing_that_was_composed_at_run_time() {
        let composed = format!("the answer was {}", "hunter2");
        let shown = text("src/plan/decide.rs:7:1", &composed, Style::Plain);
        insta::assert_snapshot!(shown, @"
        error[HC2099]: hybridctl contradicts itself at src/plan/decide.rs:7:1
          What was begun is on record: the same command goes on.
        hint: report it with this text and the output of the same command with `-vv`, which holds no secrets
        ");
        let shown = text("src/plan/decide.rs:7:1", &"a step without a kind", Style::Plain);
        assert!(shown.contains("decide.rs:7:1\n  a step without a kind\n  What was begun"), "{shown}");
    }

    #[test]
    fn what_panics_has_no_value_and_what_does_not_has_its_own() {
        assert_eq!(guard(|| 7, Style::Plain), Some(7));
        assert_eq!(guard(|| -> u8 { panic!("as this test wants") }, Style::Plain), None);
        drop(std::panic::take_hook());
    }
}
