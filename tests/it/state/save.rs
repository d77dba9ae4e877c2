//! Saves: nobody's is lost, and nobody's is taken for somebody else's.

use super::bucket::{TIMES, Trouble, World, version, who};
use hybridctl::aws::Aws;
use hybridctl::aws::s3::Bucket;
use hybridctl::state::s3::{Keeper, S3Store};
use hybridctl::state::{State, StateStore, StoreError, Written};

const STATE: &str = "state.json";

async fn locked(world: &World, name: &str) -> (S3Store, Keeper) {
    let store = world.store();
    let keeper = store.lock(&who(name), TIMES, &|_| {}).await.unwrap();
    store.load().await.unwrap();
    (store, keeper)
}

/// As stored, without the name of the writer.
fn stored(world: &World) -> State {
    let state: State = serde_json::from_str(&world.text(STATE).unwrap()).unwrap();
    State { written: None, ..state }
}

#[tokio::test]
async fn a_document_comes_back_as_it_was_saved_with_the_name_of_who_saved_it() {
    let world = World::default();
    let (store, _keeper) = locked(&world, "alice@laptop").await;
    for serial in 1..=3 {
        store.save(&version(serial)).await.unwrap();
    }
    assert_eq!(stored(&world), version(3));
    let read = world.store().load().await.unwrap().unwrap();
    let written = read.written.unwrap();
    assert_eq!((written.who.as_str(), written.fence, read.serial), ("alice@laptop", 1, 3));
}

#[tokio::test]
async fn a_save_on_top_of_somebody_elses_is_refused() {
    let world = World::default();
    let (store, _keeper) = locked(&world, "alice").await;
    store.save(&version(1)).await.unwrap();
    // Somebody copied a document over it by hand.
    world.write(STATE, &serde_json::to_string(&version(7)).unwrap(), TIMES.beat);
    let error = store.save(&version(2)).await.unwrap_err();
    assert!(matches!(error, StoreError::Moved { expected: 1, found: 7 }), "{error}");
    assert_eq!(stored(&world), version(7));
}

#[tokio::test]
async fn a_document_that_was_deleted_meanwhile_is_not_made_again() {
    let world = World::default();
    let (store, _keeper) = locked(&world, "alice").await;
    store.save(&version(1)).await.unwrap();
    world.delete(STATE);
    let error = store.save(&version(2)).await.unwrap_err();
    assert!(matches!(error, StoreError::Gone { expected: 1 }), "{error}");
    assert_eq!(world.text(STATE), None);
}

#[tokio::test]
async fn a_save_whose_answer_was_lost_counts_and_the_next_one_builds_on_it() {
    let world = World::default();
    let (store, _keeper) = locked(&world, "alice").await;
    for serial in 1..=3 {
        world.trouble(STATE, Trouble::LostAnswer);
        store.save(&version(serial)).await.unwrap();
        assert_eq!(stored(&world), version(serial));
    }
    store.save(&version(4)).await.unwrap();
    assert_eq!(world.asked("PUT", STATE), 7, "each of the first three was sent twice");
}

#[tokio::test]
async fn a_lost_answer_does_not_hide_that_somebody_else_saved_next() {
    let world = World::default();
    let (store, _keeper) = locked(&world, "alice").await;
    store.save(&version(1)).await.unwrap();
    world.trouble(STATE, Trouble::LostAnswer);
    world.overwrites(STATE, serde_json::to_vec(&version(2)).unwrap());
    // The same serial: only the name of the writer tells them apart.
    let error = store.save(&version(2)).await.unwrap_err();
    assert!(matches!(error, StoreError::Moved { expected: 1, found: 2 }), "{error}");
}

#[tokio::test]
async fn conflicts_throttling_and_lost_requests_are_tried_again_until_it_is_saved_once() {
    let world = World::default();
    let (store, _keeper) = locked(&world, "alice").await;
    for trouble in [Trouble::Conflict, Trouble::SlowDown, Trouble::LostRequest, Trouble::Conflict] {
        world.trouble(STATE, trouble);
    }
    store.save(&version(1)).await.unwrap();
    store.save(&version(2)).await.unwrap();
    assert_eq!((stored(&world), world.asked("PUT", STATE)), (version(2), 6));
}

#[tokio::test]
async fn a_bucket_that_ignores_conditions_is_refused_before_anything_is_left_in_it() {
    let world = World::default();
    world.ignore_conditions();
    let error = world.store().lock(&who("alice"), TIMES, &|_| {}).await.unwrap_err();
    assert!(matches!(&error, StoreError::Unfit(why) if why.contains("conditional writes")), "{error}");
    assert_eq!(world.names(), Vec::<String>::new());
}

#[tokio::test]
async fn a_bucket_that_makes_nothing_again_that_was_deleted_is_refused() {
    let world = World::default();
    world.refuse_to_make_again();
    let error = world.store().lock(&who("alice"), TIMES, &|_| {}).await.unwrap_err();
    assert!(matches!(&error, StoreError::Unfit(why) if why.contains("made again")), "{error}");
    assert_eq!(world.names(), Vec::<String>::new());
}

/// The bucket was fit when the state was made, and is not any more.
#[tokio::test]
async fn a_lock_that_is_there_and_is_not_is_asked_for_with_pauses() {
    let world = World::default();
    world.write(STATE, &serde_json::to_string(&version(1)).unwrap(), TIMES.beat);
    world.refuse_to_make_again();
    world.delete("lock.json");
    let (store, alice) = (world.store(), who("alice"));
    let locked = tokio::time::timeout(std::time::Duration::from_secs(2), store.lock(&alice, TIMES, &|_| {}));
    assert!(locked.await.is_err());
    assert!((3..40).contains(&world.requests()), "{} requests in two seconds", world.requests());
}

#[tokio::test]
async fn a_document_that_was_copied_there_by_hand_keeps_its_lock_number() {
    let world = World::default();
    let written = Written { fence: 12, writer: uuid::Uuid::nil(), who: "bob".into() };
    let copied = State { written: Some(written), ..version(4) };
    world.write(STATE, &serde_json::to_string(&copied).unwrap(), TIMES.beat);
    let (store, _keeper) = locked(&world, "alice").await;
    store.save(&version(5)).await.unwrap();
    assert_eq!(store.load().await.unwrap().unwrap().fence(), 13);
}

#[tokio::test]
async fn first_use_says_which_settings_the_bucket_lacks_and_later_uses_do_not() {
    let world = World::default();
    let said = std::cell::RefCell::new(vec![]);
    let tell = |line: &str| said.borrow_mut().push(line.to_owned());
    let store = world.store();
    let keeper = store.lock(&who("alice"), TIMES, &tell).await.unwrap();
    let words = ["does not block public access", "encryption", "put-bucket-versioning --bucket acme-state"];
    for word in words {
        assert!(said.borrow().iter().any(|line| line.contains(word)), "{word}: {said:?}");
    }
    store.save(&version(1)).await.unwrap();
    drop(keeper);
    said.borrow_mut().clear();
    let _keeper = world.store().lock(&who("bob"), TIMES, &tell).await.unwrap();
    assert_eq!(said.take(), Vec::<String>::new());
}

#[tokio::test]
async fn a_missing_bucket_is_named_and_not_made() {
    let world = World::default();
    world.remove_bucket();
    let error = world.store().load().await.unwrap_err();
    assert!(
        matches!(&error, StoreError::NoBucket { bucket, region } if bucket == "acme-state" && region == "eu-central-1")
    );
    assert_eq!(world.names(), Vec::<String>::new());
}

#[tokio::test]
async fn who_only_looks_leaves_nothing_in_the_bucket_and_all_have_the_same_fingerprint_key() {
    let world = World::default();
    assert_eq!(world.store().fingerprint_key().await.unwrap(), None);
    assert!(world.store().load().await.unwrap().is_none());
    assert_eq!(world.names(), Vec::<String>::new());
    let (alice, keeper) = locked(&world, "alice").await;
    let key = alice.fingerprint_key().await.unwrap();
    assert_eq!(key.as_ref().map(Vec::len), Some(32));
    drop(keeper);
    assert_eq!(world.store().fingerprint_key().await.unwrap(), key);
    assert_eq!(world.names(), ["fingerprint.key"]);
}

#[tokio::test]
async fn a_torn_document_is_reported_with_the_way_back_and_does_not_stand_in_the_way_of_the_lock() {
    let world = World::default();
    world.write(STATE, "{\"version\": 1,", TIMES.beat);
    let error = world.store().load().await.unwrap_err().to_string();
    assert!(error.contains("s3://acme-state/team/t/state.json") && error.contains("state history"), "{error}");
    world.store().lock(&who("alice"), TIMES, &|_| {}).await.unwrap();
}

#[tokio::test]
async fn a_state_is_never_sent_in_clear_over_a_network() {
    let aws = async |endpoint: &str| {
        let endpoint = Some(endpoint.to_owned());
        Aws::connect(&hybridctl::aws::Connection { region: "eu-central-1".into(), profile: None, endpoint }).await
    };
    let error = Bucket::of(&aws("http://minio.example.com:9000").await, "acme-state", "eu-central-1").unwrap_err();
    assert!(error.message.contains("not encrypted"), "{error}");
    for fine in ["https://minio.example.com", "http://127.0.0.1:9000"] {
        assert!(Bucket::of(&aws(fine).await, "acme-state", "eu-central-1").is_ok(), "{fine}");
    }
}
