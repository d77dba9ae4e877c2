//! From nothing to a verified deployment and back, as its user sees it.

use crate::support::cli::Rehearsal;

#[test]
fn the_second_up_changes_nothing() {
    let rehearsal = Rehearsal::new();
    let first = rehearsal.up().expect(0);
    println!("{}", first.text());
    let second = rehearsal.run(&["up", "--yes", "-vv"]).expect(0);
    println!("{}", second.text());
}
