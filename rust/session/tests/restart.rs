//! A memcached that was restarted counts versions from the beginning again, so that those of before
//! name other states.

mod support;

use std::thread;
use std::time::Duration;

use session::{Config, End, Id, Loaded, NoWait, Outcome, Saved, Store};
use support::*;

/// A session that was read, and whose server was restarted since, empty.
fn restarted(text: &str) -> Option<(Memcached, Store, Id, Loaded)> {
    let memcached = Memcached::start()?;
    let mut store = memcached.store();
    let id = new_id();
    let base = store.insert(&id, body(text), None, &mut NoWait).unwrap();
    let port = memcached.kill();
    Some((Memcached::start_at("127.0.0.1", port, &[]).unwrap(), store, id, base))
}

/// What another thread, which has connections of its own, does with a store.
fn elsewhere<T: Send>(config: &Config, work: impl FnOnce(&mut Store) -> T + Send) -> T {
    let config = config.clone();
    thread::scope(|scope| scope.spawn(|| work(&mut Store::open(config).unwrap())).join().unwrap())
}

#[test]
fn a_version_of_before_names_nothing() {
    let Some((memcached, mut store, id, base)) = restarted("a=1") else {
        return;
    };
    // The first that the new server stores, like the other was of the former one.
    elsewhere(&memcached.config(), |store| {
        store.insert(&id, body("b=1"), None, &mut NoWait).unwrap();
    });
    assert!(matches!(save(&mut store, &id, &base, "a=2").outcome, Outcome::Merged { .. }));
    assert_eq!(load(&mut store, &id).unwrap(), "a=2 b=1");
}

#[test]
fn a_session_that_moves_takes_along_what_came_after_a_restart() {
    let Some((memcached, mut store, id, base)) = restarted("a=1") else {
        return;
    };
    elsewhere(&memcached.config(), |store| {
        store.insert(&id, body("b=1"), None, &mut NoWait).unwrap();
    });
    let to = new_id();
    store.move_to(&id, &to, &base, body("a=2"), None, &mut NoWait).unwrap();
    assert_eq!((load(&mut store, &id), load(&mut store, &to).as_deref()), (None, Some("a=2 b=1")));
}

#[test]
fn a_transaction_of_before_saves_only_what_is_still_its_own() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    let (mut store, id) = with_session(&memcached.config(), "a=1");
    let (mut lock, base) = store.lock_and_load(&id, &mut NoWait).unwrap();
    let port = memcached.kill();
    let memcached = Memcached::start_at("127.0.0.1", port, &[]).unwrap();

    // Another has locked and stored it since, in as many writes.
    let theirs = elsewhere(&memcached.config(), |store| {
        let (lock, _) = store.insert_locked(&id, body("a=5"), None, &mut NoWait).unwrap();
        lock
    });
    let error = save_locked(&mut store, &mut lock, base.as_ref(), "a=2").unwrap_err();
    assert!(error.is_conflict(), "{error}");
    assert_eq!(load(&mut store, &id).unwrap(), "a=5");
    let hasty = Config { lock_timeout: Duration::ZERO, ..memcached.config() };
    assert!(Store::open(hasty).unwrap().lock(&id, &mut NoWait).unwrap_err().is_locked(), "it is the other's");
    assert!(theirs.is_held());
}

#[test]
fn a_transaction_finds_its_session_gone() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    let (mut store, id) = with_session(&memcached.config(), "a=1");
    let (mut lock, base) = store.lock_and_load(&id, &mut NoWait).unwrap();
    let port = memcached.kill();
    let memcached = Memcached::start_at("127.0.0.1", port, &[]).unwrap();
    save_locked(&mut store, &mut lock, base.as_ref(), "a=2").unwrap();
    assert!(lock.is_released());
    assert_eq!(load(&mut memcached.store(), &id).unwrap(), "a=2");
}

/// Another thread has another connection: its versions are not known to be those of the same server.
#[test]
fn another_connection_saves_what_nobody_has_changed() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    let config = memcached.config();
    let (mut store, id) = with_session(&config, "a=1");
    let base = loaded(&mut store, &id);
    let saved = elsewhere(&config, |store| save(store, &id, &base, "a=2"));
    assert_eq!(saved.outcome, Outcome::Stored);

    let (mut lock, base) = store.lock_and_load(&id, &mut NoWait).unwrap();
    elsewhere(&config, |store| save_locked(store, &mut lock, base.as_ref(), "a=3").unwrap());
    assert!(lock.is_released());
    let (mut lock, base) = store.lock_and_load(&id, &mut NoWait).unwrap();
    assert_eq!(thawed(&base.unwrap().body), "a=3");

    // One that has only the lock on another connection gives it back all the same.
    elsewhere(&config, |store| store.unlock(&mut lock, &mut NoWait).unwrap());
    store.lock(&id, &mut NoWait).unwrap();
}

/// Who has lost the lock can't save on another connection either.
#[test]
fn another_connection_does_not_get_round_the_fence() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    let config = Config { lock_ttl: 3, ..memcached.config() };
    let (mut store, id) = with_session(&config, "a=1");
    let (mut lock, base) = store.lock_and_load(&id, &mut NoWait).unwrap();
    // Forgotten, as if there were no room: another takes it at once, and reads the same session.
    memcached.raw(&format!("delete {id}.lock\r\n"));
    let theirs = elsewhere(&config, |store| store.lock_and_load(&id, &mut NoWait).unwrap().0);
    let error = elsewhere(&config, |store| save_locked(store, &mut lock, base.as_ref(), "a=2").unwrap_err());
    assert!(error.is_conflict(), "{error}");
    assert_eq!(load(&mut store, &id).unwrap(), "a=1");
    assert!(theirs.is_held());
}

fn save_locked(
    store: &mut Store,
    lock: &mut session::Lock,
    base: Option<&Loaded>,
    text: &str,
) -> session::Result<Saved> {
    store.save_locked(lock, base, body(text), None, End::Unlock, &mut NoWait)
}
