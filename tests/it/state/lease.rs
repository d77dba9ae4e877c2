//! The lock: one holder, who is known; taken over from the silent; and no change without it.

use super::bucket::{TIMES, Trouble, World, version, who};
use hybridctl::resource::Class;
use hybridctl::state::lease::LeaseTimes;
use hybridctl::state::{StateStore, StoreError};
use std::time::{Duration, Instant};

const LOCK: &str = "lock.json";

/// A holder that never renews: killed, or paused, as far as anybody can see.
const SILENT: LeaseTimes = LeaseTimes { beat: Duration::from_secs(3600), ..TIMES };

/// Renewals go on in a thread of their own: waits until something is so.
async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let since = Instant::now();
    while !so().await {
        assert!(since.elapsed() < Duration::from_secs(20), "{what} does not come");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn renewals(world: &World) -> u64 {
    let lock: serde_json::Value = serde_json::from_str(&world.text(LOCK).unwrap()).unwrap();
    lock["renewals"].as_u64().unwrap()
}

fn number(world: &World) -> u64 {
    let lock: serde_json::Value = serde_json::from_str(&world.text(LOCK).unwrap()).unwrap();
    lock["fence"].as_u64().unwrap()
}

#[tokio::test]
async fn the_second_is_refused_as_soon_as_the_first_has_shown_that_it_lives() {
    let world = World::default();
    let _keeper = world.store().lock(&who("alice@laptop"), TIMES, &|_| {}).await.unwrap();
    let asked = Instant::now();
    let error = world.store().lock(&who("bob@ci"), TIMES, &|_| {}).await.unwrap_err();
    let StoreError::Leased(holder) = &error else { panic!("{error}") };
    assert_eq!(*holder, who("alice@laptop"));
    assert!(error.to_string().contains("https://ci.example.com/jobs/7"), "{error}");
    assert!(asked.elapsed() < TIMES.lease, "{:?}", asked.elapsed());
}

#[tokio::test]
async fn the_lock_is_given_back_at_the_end_and_its_number_rises_from_holder_to_holder() {
    let world = World::default();
    for fence in 1..=3 {
        let store = world.store();
        let keeper = store.lock(&who("alice"), TIMES, &|_| {}).await.unwrap();
        assert_eq!(number(&world), fence);
        store.load().await.unwrap();
        store.save(&version(fence)).await.unwrap();
        drop(keeper);
        assert_eq!(world.text(LOCK), None);
    }
}

#[tokio::test]
async fn a_silent_holder_is_followed_within_the_time_that_is_promised_and_shut_out() {
    let world = World::default();
    let alice = world.store();
    let keeper = alice.lock(&who("alice"), SILENT, &|_| {}).await.unwrap();
    alice.save(&version(1)).await.unwrap();

    let said = std::cell::RefCell::new(vec![]);
    let (bob, asked) = (world.store(), Instant::now());
    let _bobs = bob.lock(&who("bob"), TIMES, &|line| said.borrow_mut().push(line.to_owned())).await.unwrap();
    // A second for the grain of S3's clock.
    assert!(asked.elapsed() <= TIMES.longest_takeover() + Duration::from_secs(1), "{:?}", asked.elapsed());
    assert!(asked.elapsed() >= TIMES.acts_for(), "taken from somebody who could still act: {:?}", asked.elapsed());
    assert!(said.borrow().iter().any(|line| line.contains("took over the lock of alice")), "{said:?}");
    assert_eq!(number(&world), 2);

    // The document carries the new number already, so not even a save that is on its way can be accepted.
    assert_eq!(bob.load().await.unwrap().unwrap().written.unwrap().fence, 2);
    let error = alice.hold().await.unwrap_err();
    assert!(
        matches!(&error, StoreError::LockLost(why) if why.contains("bob") && why.contains("took it over")),
        "{error}"
    );
    assert!(matches!(alice.save(&version(2)).await.unwrap_err(), StoreError::LockLost(_)));
    // The end of the old holder leaves the new one's lock alone.
    drop(keeper);
    assert_eq!(number(&world), 2);
}

/// Its own clock may be hours off: what counts is what S3 says on both sides.
#[tokio::test]
async fn a_lock_that_is_old_by_the_clock_of_s3_is_taken_over_without_watching_it() {
    let world = World::default();
    let keeper = world.store().lock(&who("alice"), SILENT, &|_| {}).await.unwrap();
    let text = world.text(LOCK).unwrap();
    world.write(LOCK, &text, Duration::from_secs(3600));
    let asked = Instant::now();
    let _bobs = world.store().lock(&who("bob"), TIMES, &|_| {}).await.unwrap();
    assert!(asked.elapsed() < Duration::from_millis(500), "{:?}", asked.elapsed());
    drop(keeper);
}

#[tokio::test]
async fn a_lock_whose_answer_was_lost_is_ours_and_so_is_a_renewal() {
    let world = World::default();
    world.trouble(LOCK, Trouble::LostAnswer);
    let store = world.store();
    let _keeper = store.lock(&who("alice"), TIMES, &|_| {}).await.unwrap();
    for _ in 0..3 {
        let before = renewals(&world);
        world.trouble(LOCK, Trouble::LostAnswer);
        until("a renewal after the lost one", async || renewals(&world) >= before + 2).await;
        store.hold().await.unwrap();
    }
}

#[tokio::test]
async fn a_holder_whose_renewals_fail_for_a_while_goes_on_and_one_whose_lock_was_removed_does_not() {
    let world = World::default();
    let store = world.store();
    let _keeper = store.lock(&who("alice"), TIMES, &|_| {}).await.unwrap();
    let sent = world.asked("PUT", LOCK);
    for trouble in [Trouble::LostRequest, Trouble::SlowDown, Trouble::Conflict] {
        world.trouble(LOCK, trouble);
    }
    until("three failures and a renewal", async || world.asked("PUT", LOCK) >= sent + 4).await;
    store.hold().await.unwrap();

    let other = world.store();
    let seen = other.seen_lock().await.unwrap().unwrap();
    assert!(seen.is_live());
    assert!(!other.unlock(&seen, false).await.unwrap(), "a live lock was removed without force");
    assert!(other.unlock(&seen, true).await.unwrap());
    until("the news", async || store.hold().await.is_err()).await;
    let error = store.hold().await.unwrap_err().to_string();
    assert!(error.contains("removed") && error.contains("state unlock"), "{error}");
}

#[tokio::test]
async fn without_the_lock_no_changing_call_leaves_the_process_and_reads_do() {
    let world = World::default();
    let store = world.store();
    let keeper = store.lock(&who("alice"), TIMES, &|_| {}).await.unwrap();
    let nowhere = World::default();
    nowhere.remove_bucket();
    let aws = nowhere.aws();
    aws.gate().guard(store.lease().unwrap());
    let delete = async || aws.call("ec2:DeleteVpc", aws.ec2().delete_vpc().vpc_id("vpc-1").send()).await.unwrap_err();
    assert_ne!(delete().await.code.as_deref(), Some("LockNotRenewed"));
    let sent = nowhere.requests();
    assert_eq!(sent, 1);

    let other = world.store();
    let seen = other.seen_lock().await.unwrap().unwrap();
    other.unlock(&seen, true).await.unwrap();
    until("the news", async || store.hold().await.is_err()).await;
    let error = delete().await;
    assert_eq!((error.class, error.code.as_deref()), (Class::Busy, Some("LockNotRenewed")), "{error}");
    assert_eq!(nowhere.requests(), sent, "it was sent");
    let _ = aws.call("ec2:DescribeVpcs", aws.ec2().describe_vpcs().send()).await;
    assert_eq!(nowhere.requests(), sent + 1);
    drop(keeper);
}
