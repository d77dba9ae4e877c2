//! Where the time went: the last screen of an `up`.

use super::words::{count, duration, pad};
use crate::model::Address;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

/// Columns of the longest bar.
const BAR: u32 = 24;

/// Returns a table of what took longest, and the whole; the rest is one line. `total` is by the clock: things happen at once, so
/// it is less than the sum. Empty when nothing was done.
pub fn timings_text(done: &BTreeMap<Address, Duration>, total: Duration, at_most: usize) -> String {
    let mut rows: Vec<(String, Duration)> = done.iter().map(|(address, took)| (address.to_string(), *took)).collect();
    if rows.is_empty() {
        return String::new();
    }
    rows.sort_by_key(|(address, took)| (Reverse(*took), address.clone()));
    let rest = rows.split_off(at_most.min(rows.len()));
    let longest = rows.first().map_or(Duration::ZERO, |(_, took)| *took);
    if !rest.is_empty() {
        let sum = rest.iter().map(|(_, took)| *took).sum();
        rows.push((format!("{} together", count(rest.len(), "other")), sum));
    }
    let width = rows.iter().map(|(address, _)| address.chars().count()).max().unwrap_or_default();
    let mut out = format!("{} in {}\n", count(done.len(), "resource"), duration(total));
    for (address, took) in rows {
        let line = format!("  {}  {:>7}  {}", pad(&address, width), duration(took), bar(took, longest));
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// A bar of at most [`BAR`] columns; what took nearly nothing has none.
fn bar(took: Duration, longest: Duration) -> String {
    let share = if longest.is_zero() { 0.0 } else { took.as_secs_f64() / longest.as_secs_f64() };
    "▇".repeat((share.min(1.0) * f64::from(BAR)).round() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::address;

    #[test]
    fn the_longest_comes_first_and_the_rest_is_summed() {
        let done =
            [("ec2.vpc/main", 3), ("rds.instance/main", 552), ("ec2.subnet/a", 3), ("elb.load_balancer/main", 160)];
        let done = done.map(|(text, seconds)| (address(text), Duration::from_secs(seconds)));
        let text = timings_text(&done.into(), Duration::from_secs(601), 2);
        insta::assert_snapshot!(text, @r#"
        4 resources in 10m 01s
          rds.instance/main        9m 12s  ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇
          elb.load_balancer/main   2m 40s  ▇▇▇▇▇▇▇
          2 others together          6.0s
        "#);
        assert_eq!(timings_text(&BTreeMap::new(), Duration::ZERO, 9), "");
    }
}
