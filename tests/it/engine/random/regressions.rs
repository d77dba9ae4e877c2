//! Stories that failed once, as they were printed and with a name.

use super::scenario::{Knob, Link, Run, Scenario};
use crate::support::faults::Fault;

#[test]
fn a_create_that_describes_do_not_show_yet_is_not_made_twice() {
    Scenario::default().want('a', "toy.collides").lag(2).run(Run::plain().fault(3, Fault::Lost)).holds();
}

#[test]
fn an_interrupted_create_of_what_is_not_wanted_any_more_is_seen_out() {
    Scenario::default()
        .want('g', "toy.collides")
        .run(Run::plain().fault(3, Fault::KillBefore))
        .drop('g')
        .run(Run::plain().fault(2, Fault::Lost))
        .holds();
}

#[test]
fn a_destroy_that_is_thought_better_of_leaves_no_intent() {
    Scenario::default()
        .want('a', "toy.armed")
        .want('b', "toy.collides")
        .run(Run::plain())
        .run(Run::plain().nothing().fault(1, Fault::KillAfter))
        .run(Run::plain())
        .holds();
}

#[test]
fn what_is_half_deleted_when_it_is_wanted_again_is_seen_out() {
    Scenario::default()
        .want('a', "toy.collides")
        .run(Run::plain().fault(3, Fault::KillAfter))
        .run(Run::plain().nothing().fault(1, Fault::Stop))
        .holds();
}

#[test]
fn what_is_protected_is_replaced_after_its_protection_is_lifted() {
    Scenario::default()
        .want('a', "toy.armed")
        .want('b', "toy.token")
        .link('b', 'a', Link::Parent)
        .set('a', Knob::Armed, 1)
        .run(Run::plain())
        .tamper('a', Knob::Shape, 1)
        .holds();
}

#[test]
fn what_is_brought_back_gets_the_value_that_nobody_can_read() {
    Scenario::default()
        .want('a', "toy.recoverable")
        .run(Run::plain())
        .set('a', Knob::Shape, 1)
        .run(Run::plain())
        .set('a', Knob::Shape, 0)
        .set('a', Knob::Secret, 1)
        .run(Run::plain())
        .holds();
}

#[test]
fn an_interrupted_create_is_compared_with_what_it_was_begun_with() {
    Scenario::default()
        .want('a', "toy.token")
        .run(Run::plain().fault(3, Fault::KillAfter))
        .set('a', Knob::Secret, 1)
        .run(Run::plain().fault(1, Fault::KillAfter))
        .run(Run::plain())
        .holds();
}

#[test]
fn an_unfinished_object_that_is_being_replaced_is_gone_before_its_name_is_used_again() {
    Scenario::default()
        .want('a', "toy.armed")
        .want('b', "toy.token")
        .want('c', "toy.armed")
        .want('d', "toy.returns_alone")
        .run(Run::plain().fault(6, Fault::Stop))
        .set('c', Knob::Shape, 1)
        .run(Run::plain().fault(3, Fault::KillAfter))
        .holds();
}

#[test]
fn what_broke_before_a_describe_showed_it_is_replaced_by_the_run_after_the_next() {
    Scenario::default()
        .want('a', "toy.collides")
        .want('b', "toy.collides")
        .lag(2)
        .run(Run::plain().one_by_one().fault(8, Fault::KillBefore))
        .break_for_good('a')
        .holds();
}

#[test]
fn what_is_kept_is_the_object_that_an_interrupted_run_made_in_the_place_of_the_recorded_one() {
    Scenario::default()
        .want('a', "toy.collides")
        .keep('a')
        .run(Run::plain())
        .vanish('a')
        .run(Run::plain().fault(3, Fault::KillAfter).fault(2, Fault::Lost))
        .want('a', "toy.armed")
        .holds();
}

#[test]
fn a_destroy_of_one_thing_takes_what_stands_on_it_along() {
    Scenario::default()
        .want('a', "toy.armed")
        .want('b', "toy.armed")
        .want('c', "toy.collides")
        .want('d', "toy.collides")
        .link('d', 'c', Link::Uses)
        .run(Run::plain())
        .run(Run::plain().nothing().only('c'))
        .holds();
}

#[test]
fn what_is_protected_and_broken_is_released_and_replaced() {
    Scenario::default()
        .want('a', "toy.armed")
        .want('c', "toy.armed")
        .set('c', Knob::Armed, 1)
        .run(Run::plain())
        .break_for_good('c')
        .holds();
}

#[test]
fn a_lost_create_that_describes_do_not_show_for_long_is_not_made_twice() {
    Scenario::default()
        .want('a', "toy.armed")
        .want('b', "toy.armed")
        .want('c', "toy.collides")
        .lag(3)
        .run(Run::plain().fault(3, Fault::Lost))
        .holds();
}

#[test]
fn an_unfinished_object_that_turns_out_protected_is_released_and_replaced() {
    Scenario::default()
        .want('a', "toy.collides")
        .want('b', "toy.collides")
        .want('c', "toy.armed")
        .want('d', "toy.collides")
        .link('b', 'a', Link::Parent)
        .run(Run::plain().one_by_one().fault(13, Fault::KillAfter))
        .set('a', Knob::Origin, 1)
        .run(Run::plain().one_by_one().fault(19, Fault::KillAfter))
        .tamper('c', Knob::Armed, 1)
        .want('c', "toy.child")
        .holds();
}

#[test]
fn a_broken_successor_of_what_vanished_leaves_no_predecessor() {
    Scenario::default()
        .want('a', "toy.armed")
        .want('f', "toy.collides")
        .run(Run::plain())
        .vanish('f')
        .set('a', Knob::Size, 1)
        .run(Run::plain().fault(2, Fault::KillAfter))
        .break_for_good('f')
        .holds();
}

#[test]
fn what_is_replaced_is_made_first_when_what_goes_with_the_old_one_is_held_by_a_user_of_the_new_one() {
    Scenario::default()
        .want('a', "toy.collides")
        .want('b', "toy.collides")
        .want('e', "toy.armed")
        .link('e', 'a', Link::After)
        .link('b', 'a', Link::Uses)
        .set('a', Knob::Shape, 1)
        .link('e', 'b', Link::Uses)
        .run(Run::plain())
        .set('a', Knob::Shape, 0)
        .want('b', "toy.armed")
        .holds();
}

#[test]
fn a_destroy_that_is_cut_off_forgets_nothing_that_was_made_in_the_place_of_the_recorded_one() {
    Scenario::default()
        .want('a', "toy.armed")
        .want('b', "toy.armed")
        .want('c', "toy.armed")
        .want('d', "toy.token")
        .want('e', "toy.armed")
        .want('f', "toy.collides")
        .run(Run::plain())
        .vanish('b')
        .link('d', 'b', Link::Parent)
        .vanish('f')
        .run(Run::plain().one_by_one().fault(16, Fault::KillAfter))
        .run(Run::plain().one_by_one().nothing().fault(4, Fault::Lost))
        .holds();
}

#[test]
fn a_child_whose_record_is_struck_before_its_parent_goes_is_met_again() {
    Scenario::default()
        .want('a', "toy.armed")
        .want('b', "toy.armed")
        .want('c', "toy.collides")
        .want('d', "toy.child")
        .link('d', 'c', Link::Uses)
        .run(Run::plain())
        .run(Run::plain().nothing().fault(2, Fault::Stop))
        .run(Run::plain())
        .holds();
}

#[test]
fn what_was_deleted_to_make_another_is_not_brought_back_in_its_place() {
    Scenario::default()
        .want('a', "toy.armed")
        .want('b', "toy.armed")
        .want('c', "toy.recoverable")
        .run(Run::plain())
        .set('c', Knob::Shape, 1)
        .run(Run::plain().fault(3, Fault::Unsent))
        .holds();
}

#[test]
fn what_an_interrupted_create_made_as_it_was_wanted_then_is_replaced_when_it_is_seen() {
    Scenario::default()
        .want('a', "toy.collides_alone")
        .lag(2)
        .run(Run::plain().fault(2, Fault::KillAfter))
        .set('a', Knob::Shape, 1)
        .lag(0)
        .holds();
}
