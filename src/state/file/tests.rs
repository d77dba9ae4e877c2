//! The state folder: saves, history, lock and key.

use super::history::KEPT;
use super::*;
use crate::state::{Intent, Verb};
use std::os::unix::fs::PermissionsExt;
use std::time::SystemTime;
use uuid::Uuid;

fn store() -> (tempfile::TempDir, FileStore) {
    let folder = tempfile::tempdir().expect("because /tmp can be written");
    let store = FileStore::new(folder.path().join("t"));
    (folder, store)
}

fn version(serial: u64) -> State {
    State { serial, ..State::new("t", Uuid::nil()) }
}

fn who(command: &str) -> LockInfo {
    let since = jiff::Timestamp::UNIX_EPOCH;
    LockInfo { who: "alice@laptop".into(), pid: 7, command: command.into(), since, job: None }
}

#[tokio::test]
async fn a_document_comes_back_as_it_was_saved_and_earlier_ones_are_kept() {
    let (_folder, store) = store();
    assert!(store.load().await.unwrap().is_none());
    for serial in 1..=3 {
        store.save(&version(serial)).await.unwrap();
    }
    assert_eq!(store.load().await.unwrap().unwrap(), version(3));
    let serials: Vec<(u64, bool)> = store.history().unwrap().iter().map(|past| (past.serial, past.current)).collect();
    assert_eq!(serials, [(1, false), (2, false), (3, true)]);
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(store.path()), mode(store.folder().to_owned())), (0o600, 0o700));
}

#[tokio::test]
async fn a_save_on_top_of_somebody_elses_is_refused() {
    let (_folder, store) = store();
    store.save(&version(1)).await.unwrap();
    let error = store.save(&version(1)).await.unwrap_err();
    assert!(matches!(error, StoreError::Moved { expected: 0, found: 1 }), "{error}");
}

#[tokio::test]
async fn a_document_that_was_deleted_does_not_come_back_by_a_save() {
    let (_folder, store) = store();
    store.save(&version(1)).await.unwrap();
    fs::remove_file(store.path()).unwrap();
    let error = store.save(&version(2)).await.unwrap_err();
    assert!(matches!(error, StoreError::Gone { expected: 1 }), "{error}");
    assert!(store.load().await.unwrap().is_none());
}

#[tokio::test]
async fn the_newest_versions_are_kept_and_of_older_ones_the_first_of_every_ten_minutes() {
    let (_folder, store) = store();
    let kept = || store.earlier_files().unwrap().into_iter().map(|(serial, _)| serial).collect::<Vec<_>>();
    for serial in 1..=60 {
        store.save(&version(serial)).await.unwrap();
    }
    assert_eq!(kept(), [vec![1], (35..=59).collect()].concat());
    let hour = Duration::from_secs(3600);
    let (_, first) = store.earlier_files().unwrap().swap_remove(0);
    File::options().append(true).open(&first).unwrap().set_modified(SystemTime::now() - hour).unwrap();
    for serial in 61..=64 {
        store.save(&version(serial)).await.unwrap();
    }
    assert_eq!(kept(), [vec![1, 35], (39..=63).collect()].concat());
}

#[tokio::test]
async fn fifty_versions_are_kept_at_most() {
    let (_folder, store) = store();
    for serial in 1..=80 {
        store.save(&version(serial)).await.unwrap();
        let (_, newest) = store.earlier_files().unwrap().pop().unwrap_or((0, store.path()));
        let time = SystemTime::now() - Duration::from_secs(3600 * (100 - serial));
        File::options().append(true).open(newest).unwrap().set_modified(time).unwrap();
    }
    assert_eq!(store.earlier_files().unwrap().len(), KEPT);
}

#[tokio::test]
async fn a_torn_document_is_reported_with_the_way_back() {
    let (_folder, store) = store();
    store.save(&version(1)).await.unwrap();
    store.save(&version(2)).await.unwrap();
    fs::write(store.path(), "{\"version\": 1,").unwrap();
    let error = store.load().await.unwrap_err().to_string();
    assert!(error.contains("state.json") && error.contains("history"), "{error}");
}

#[tokio::test]
async fn the_history_of_a_damaged_document_can_be_listed_and_that_of_a_lost_one_is_set_aside() {
    let (_folder, store) = store();
    for serial in 1..=40 {
        store.save(&version(serial)).await.unwrap();
    }
    fs::write(store.path(), "{").unwrap();
    assert_eq!(store.history().unwrap().last().map(|past| (past.serial, past.current)), Some((39, false)));
    fs::remove_file(store.path()).unwrap();
    assert_eq!(store.history().unwrap().len(), 26, "it is there until something new is saved");
    for serial in 1..=3 {
        store.save(&version(serial)).await.unwrap();
    }
    let serials: Vec<u64> = store.history().unwrap().iter().map(|past| past.serial).collect();
    assert_eq!(serials, [1, 2, 3]);
    let names = fs::read_dir(store.folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let aside = names.filter(|name| name.starts_with("history.lost-")).count();
    assert_eq!(aside, 1);
}

#[tokio::test]
async fn other_deployments_beside_this_one_are_known() {
    let (folder, store) = store();
    let save = async |name: &str, made: bool| {
        let mut state = State { serial: 1, ..State::new(name.split('.').next().unwrap(), Uuid::nil()) };
        if made {
            let intent = Intent {
                verb: Verb::Create,
                token: "t".into(),
                inputs: serde_json::Value::Null,
                after: [].into(),
                keep: Default::default(),
                holds_data: false,
                id: None,
                deposed: vec![],
                since: jiff::Timestamp::UNIX_EPOCH,
            };
            state.intents.insert(crate::model::Address::new("ec2.vpc", "main"), intent);
        }
        FileStore::new(folder.path().join(name)).save(&state).await.unwrap();
    };
    for (name, made) in [("t", true), ("other", true), ("empty", false), ("rehearsed.sandbox", true)] {
        save(name, made).await;
    }
    std::fs::write(folder.path().join("file"), "").unwrap();
    assert_eq!(store.neighbours(), ["other"]);
}

#[test]
fn the_second_locker_learns_who_holds_it_and_the_lock_dies_with_its_holder() {
    let (_folder, store) = store();
    let held = store.lock(&who("up")).unwrap();
    let StoreError::Locked(holder) = store.lock(&who("destroy")).unwrap_err() else { panic!("not locked") };
    assert_eq!(holder, who("up"));
    drop(held);
    store.lock(&who("destroy")).unwrap();
}

#[test]
fn who_takes_the_lock_clears_away_what_a_killed_run_was_writing() {
    let (_folder, store) = store();
    std::fs::create_dir(store.folder()).unwrap();
    std::fs::write(store.folder().join(".half-written-1a2b"), "{").unwrap();
    std::fs::write(store.folder().join("notes"), "mine").unwrap();
    let _held = store.lock(&who("up")).unwrap();
    let left =
        std::fs::read_dir(store.folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut left: Vec<String> = left.collect();
    left.sort();
    assert_eq!(left, [".gitignore", "lock", "notes"], "and nothing of it is taken into a commit");
}

#[test]
fn the_fingerprint_key_is_made_once() {
    let (_folder, store) = store();
    assert_eq!(store.fingerprint_key().unwrap(), None);
    let _held = store.lock(&who("up")).unwrap();
    let key = store.fingerprint_key().unwrap().unwrap();
    assert_eq!((key.len(), store.fingerprint_key().unwrap()), (32, Some(key)));
}
