//! Sessions in a directory of this host.

mod support;

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use session::{Body, Config, Id, NoWait, Outcome, Principal, Store, Target};
use support::*;

const MEGABYTE: usize = 1 << 20;

#[test]
fn the_life_of_a_session() {
    let dir = tempfile::tempdir().unwrap();
    let config = embedded(&path(&dir, "sessions"), MEGABYTE);
    let (mut store, id) = with_session(&config, "a=1");
    assert!(store.insert(&id, body("a=2"), None, &mut NoWait).unwrap_err().is_exists());
    let base = loaded(&mut store, &id);
    let mut other = Store::open(config).unwrap();
    let saved = other.save(&id, Some(&base), body("a=1 b=1"), None, &mut NoWait).unwrap();
    assert_eq!(saved.outcome, Outcome::Stored);
    let saved = store.save(&id, Some(&base), body("a=2"), None, &mut NoWait).unwrap();
    assert_eq!(saved.outcome, Outcome::Merged { theirs: keys("b"), ours: keys("") });
    assert_eq!(load(&mut other, &id).unwrap(), "a=2 b=1");
    assert!(store.delete(&id, None, &mut NoWait).unwrap());
    assert!(!store.delete(&id, None, &mut NoWait).unwrap());
    assert_eq!(load(&mut other, &id), None);
    let dropped = other.save(&id, saved.base.as_ref(), body("a=3"), None, &mut NoWait).unwrap();
    assert_eq!(dropped.outcome, Outcome::Dropped);
    assert_eq!(load(&mut other, &id), None);
}

#[test]
fn namespaces_are_kept_apart_and_records_are_no_sessions() {
    let dir = tempfile::tempdir().unwrap();
    let config = embedded(&path(&dir, "sessions"), MEGABYTE);
    let mut store = Store::open(config.clone()).unwrap();
    let mut named = Store::open(Config { namespace: b"app:".to_vec(), ..config }).unwrap();
    let principal = Principal::of(b"dwho");
    store.insert(&id("x"), body("a=1"), Some(&principal), &mut NoWait).unwrap();
    assert_eq!(load(&mut named, &id("x")), None);
    assert_eq!(load(&mut store, &id(principal.digest())), None);
    named.insert(&id("x"), body("a=2"), None, &mut NoWait).unwrap();
    assert_eq!(load(&mut store, &id("x")).unwrap(), "a=1");
}

#[test]
fn expiry_is_honoured_and_reading_renews_it_when_sliding() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config { expiry: Some(2), ..embedded(&path(&dir, "sessions"), MEGABYTE) };
    let (mut plain, passing) = with_session(&config, "a=1");
    let mut sliding = Store::open(Config { sliding: true, ..config.clone() }).unwrap();
    let kept = new_id();
    sliding.insert(&kept, body("a=1"), None, &mut NoWait).unwrap();
    until("the session that is not read has expired", || {
        assert_eq!(load(&mut sliding, &kept).as_deref(), Some("a=1"));
        load(&mut plain, &passing).is_none()
    });
    assert_eq!(load(&mut plain, &kept).unwrap(), "a=1");
    let lasting =
        Store::open(Config { expiry: Some(3600), ..config }).unwrap().touch(&kept, None, &mut NoWait).unwrap();
    assert!(lasting);
    assert!(!plain.touch(&passing, None, &mut NoWait).unwrap());
}

#[test]
fn a_full_store_says_so_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let config = embedded(&path(&dir, "sessions"), MEGABYTE);
    let mut store = Store::open(config).unwrap();
    let value = |byte: u8| Body::opaque(vec![byte; 3000]);
    let mut ids = Vec::new();
    let error = loop {
        let id = new_id();
        match store.insert(&id, value(1), None, &mut NoWait) {
            Ok(_) => ids.push(id),
            Err(error) => break error,
        }
        assert!(ids.len() < 1000, "a megabyte can't hold that much");
    };
    assert!(error.is_full());
    let expected = format!(
        "embedded {}: is full: 1048576 bytes hold no more; give it a larger size",
        path(&dir, "sessions").display()
    );
    assert_eq!(error.to_string(), expected);
    assert!(ids.len() > 200, "{}", ids.len());
    for id in &ids {
        assert_eq!(loaded(&mut store, id).body, vec![1; 3000]);
    }
    // What is there can be changed and deleted, over and over; and then there is room again.
    for round in 0..5 {
        for id in &ids {
            store.save(id, None, value(round), None, &mut NoWait).unwrap();
        }
    }
    for id in &ids {
        assert!(store.delete(id, None, &mut NoWait).unwrap());
    }
    store.insert(&new_id(), value(2), None, &mut NoWait).unwrap();
    let large = store.insert(&new_id(), Body::opaque(vec![0; MEGABYTE + 1]), None, &mut NoWait).unwrap_err();
    assert!(large.is_too_large());
}

#[test]
fn what_has_expired_makes_room() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::parse("servers", &[(format!("embedded:{}?size=256K", path(&dir, "s").display()), 1)]).unwrap();
    let config = Config { servers: target, expiry: Some(1), ..Config::default() };
    let mut store = Store::open(config.clone()).unwrap();
    let value = || Body::opaque(vec![7; 3000]);
    while store.insert(&new_id(), value(), None, &mut NoWait).is_ok() {}
    until("what has expired is swept", || store.insert(&new_id(), value(), None, &mut NoWait).is_ok());
}

#[test]
fn only_a_directory_of_our_own_is_used() {
    let dir = tempfile::tempdir().unwrap();
    let open = |path: &Path| Store::open(embedded(path, MEGABYTE)).unwrap().load(&id("x"), &mut NoWait);
    let refused = |path: &Path, says: &str| {
        let error = open(path).unwrap_err();
        assert_eq!(error.to_string(), format!("embedded {}: {says}", path.display()));
    };
    let fresh = path(&dir, "fresh");
    assert!(open(&fresh).unwrap().is_none());
    assert_eq!(std::fs::metadata(&fresh).unwrap().permissions().mode() & 0o777, 0o700);
    for file in ["data.mdb", "lock.mdb"] {
        assert_eq!(std::fs::metadata(fresh.join(file)).unwrap().permissions().mode() & 0o777, 0o600, "{file}");
    }

    let shared = path(&dir, "shared");
    std::fs::create_dir(&shared).unwrap();
    std::fs::set_permissions(&shared, std::fs::Permissions::from_mode(0o750)).unwrap();
    refused(&shared, "has mode 0750; only its owner may have access (mode 0700)");

    let link = path(&dir, "link");
    symlink(&fresh, &link).unwrap();
    refused(&link, "is a symbolic link; takes a directory");

    let file = path(&dir, "file");
    std::fs::write(&file, "").unwrap();
    refused(&file, "is not a directory");

    let nowhere = path(&dir, "no/where");
    refused(&nowhere, "No such file or directory (os error 2)");

    if rustix::process::geteuid().is_root() {
        let foreign = path(&dir, "foreign");
        std::fs::create_dir(&foreign).unwrap();
        std::fs::set_permissions(&foreign, std::fs::Permissions::from_mode(0o700)).unwrap();
        std::os::unix::fs::chown(&foreign, Some(12345), None).unwrap();
        refused(&foreign, "belongs to user 12345, not to user 0");
    }
}

#[test]
fn one_directory_has_one_size_in_a_process() {
    let dir = tempfile::tempdir().unwrap();
    let sessions = path(&dir, "sessions");
    let (_store, id) = with_session(&embedded(&sessions, MEGABYTE), "a=1");
    let mut other = Store::open(embedded(&sessions, 2 * MEGABYTE)).unwrap();
    let error = other.load(&id, &mut NoWait).unwrap_err();
    assert!(
        error.to_string().ends_with("is open with a size of 1048576 bytes in this process, not 2097152"),
        "{error}"
    );
}

#[test]
fn threads_share_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    let config = embedded(&path(&dir, "sessions"), 8 * MEGABYTE);
    let (mut store, id) = with_session(&config, "");
    count_in_threads(&config, &id, 4, 200);
    assert_eq!(load(&mut store, &id).unwrap(), "writer0=200 writer1=200 writer2=200 writer3=200");
}

fn count_in_threads(config: &Config, id: &Id, writers: usize, rounds: usize) {
    std::thread::scope(|scope| {
        for writer in 0..writers {
            scope.spawn(move || count(config, id, &format!("writer{writer}"), rounds));
        }
    });
}

/// Saves the session with its own key raised by one, again and again.
fn count(config: &Config, id: &Id, key: &str, rounds: usize) {
    let mut store = Store::open(config.clone()).unwrap();
    for round in 1..=rounds {
        let base = loaded(&mut store, id);
        let mut session: std::collections::BTreeMap<String, String> = storable::from_slice(&base.body).unwrap();
        session.insert(key.to_owned(), round.to_string());
        let bytes = storable::to_vec(&session, &storable::Options::default()).unwrap();
        store.save(id, Some(&base), Body::storable(bytes), None, &mut NoWait).unwrap();
    }
}

/// Where the other process of the next test finds the directory.
const DIRECTORY: &str = "SESSION_TEST_DIRECTORY";

#[test]
fn two_processes_share_a_directory() {
    if let Some(dir) = std::env::var_os(DIRECTORY) {
        return count(&embedded(Path::new(&dir), MEGABYTE), &id("shared"), "child", 300);
    }
    let dir = tempfile::tempdir().unwrap();
    let sessions = path(&dir, "sessions");
    let config = embedded(&sessions, MEGABYTE);
    let mut store = Store::open(config.clone()).unwrap();
    store.insert(&id("shared"), body(""), None, &mut NoWait).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "two_processes_share_a_directory"])
        .env(DIRECTORY, &sessions)
        .spawn()
        .unwrap();
    count(&config, &id("shared"), "parent", 300);
    assert!(child.wait().unwrap().success());
    assert_eq!(load(&mut store, &id("shared")).unwrap(), "child=300 parent=300");
}

#[test]
fn a_process_that_is_killed_leaves_the_store_whole() {
    if let Some(dir) = std::env::var_os(DIRECTORY) {
        return count(&embedded(Path::new(&dir), MEGABYTE), &id("shared"), "child", usize::MAX);
    }
    let dir = tempfile::tempdir().unwrap();
    let sessions = path(&dir, "sessions");
    let config = embedded(&sessions, MEGABYTE);
    let mut store = Store::open(config.clone()).unwrap();
    store.insert(&id("shared"), body(""), None, &mut NoWait).unwrap();
    for _ in 0..5 {
        let before = load(&mut store, &id("shared"));
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_process_that_is_killed_leaves_the_store_whole"])
            .env(DIRECTORY, &sessions)
            .spawn()
            .unwrap();
        until("the other process writes", || load(&mut store, &id("shared")) != before);
        child.kill().unwrap();
        child.wait().unwrap();
        let counted = load(&mut store, &id("shared")).unwrap();
        assert!(counted.starts_with("child="), "{counted}");
        count(&config, &id("shared"), "parent", 10);
    }
}
