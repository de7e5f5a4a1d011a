//! A session that moves to a new id, on both backends.

mod support;

use std::time::Duration;

use session::{Config, Conflict, Id, Lock, Moved, NoWait, Outcome, Principal, Store, Target};
use support::*;

/// Runs a test on a memcached, and on an embedded store.
fn on_each(test: impl Fn(&Config)) {
    let dir = tempfile::tempdir().unwrap();
    test(&embedded(&path(&dir, "sessions"), 1 << 20));
    if let Some(memcached) = Memcached::start() {
        test(&memcached.config());
    }
}

/// What another request does to a session.
fn meanwhile(config: &Config, id: &Id, text: &str) {
    let mut store = Store::open(config.clone()).unwrap();
    let base = loaded(&mut store, id);
    save(&mut store, id, &base, text);
}

fn move_to(store: &mut Store, from: &Id, to: &Id, base: &session::Loaded, text: &str) -> session::Result<Moved> {
    store.move_to(from, to, base, body(text), None, &mut NoWait)
}

#[test]
fn what_others_saved_comes_along() {
    on_each(|config| {
        let (mut store, from) = with_session(config, "a=1 b=1 c=1");
        let (to, base) = (new_id(), loaded(&mut store, &from));
        meanwhile(config, &from, "a=2 b=2 d=2");
        let moved = move_to(&mut store, &from, &to, &base, "a=1 b=3 c=1").unwrap();
        assert!(moved.left.is_none());
        assert_eq!(moved.saved.outcome, Outcome::Merged { theirs: keys("a c d"), ours: keys("b") }.sorted());
        assert_eq!(load(&mut store, &to).unwrap(), "a=2 b=3 d=2");
        assert_eq!(load(&mut store, &from), None);

        // The next save knows what was merged.
        let base = moved.saved.base.unwrap();
        assert_eq!(save(&mut store, &to, &base, "a=1 b=4 c=1").outcome, Outcome::Stored);
        assert_eq!(load(&mut store, &to).unwrap(), "a=2 b=4 d=2");
    });
}

trait Sorted {
    fn sorted(self) -> Self;
}

impl Sorted for Outcome {
    fn sorted(mut self) -> Outcome {
        if let Outcome::Merged { theirs, ours } = &mut self {
            theirs.sort();
            ours.sort();
        }
        self
    }
}

#[test]
fn an_error_leaves_it_where_it_is() {
    on_each(|config| {
        let config = Config { conflict: Conflict::Die, ..config.clone() };
        let (mut store, from) = with_session(&config, "a=1");
        let (to, base, principal) = (new_id(), loaded(&mut store, &from), Principal::of(b"dwho"));
        meanwhile(&config, &from, "a=2");
        let error = store.move_to(&from, &to, &base, body("a=3"), Some(&principal), &mut NoWait).unwrap_err();
        assert!(error.is_conflict());
        assert_eq!(load(&mut store, &from).unwrap(), "a=2");
        assert_eq!(load(&mut store, &to), None);
        // The record that went ahead is gone, too: its place is free.
        let record = Id::parse(principal.digest().as_bytes()).unwrap();
        store.insert(&record, body("x=1"), None, &mut NoWait).unwrap();
    });
}

#[test]
fn an_id_that_is_taken_is_not_written_over() {
    on_each(|config| {
        let (mut store, from) = with_session(config, "a=1");
        let (_, taken) = with_session(config, "b=1");
        let base = loaded(&mut store, &from);
        assert!(move_to(&mut store, &from, &taken, &base, "a=2").unwrap_err().is_exists());
        assert_eq!(load(&mut store, &taken).unwrap(), "b=1");
        assert_eq!(load(&mut store, &from).unwrap(), "a=1");
    });
}

#[test]
fn a_session_that_was_deleted_stays_deleted() {
    on_each(|config| {
        let (mut store, from) = with_session(config, "a=1");
        let (to, base) = (new_id(), loaded(&mut store, &from));
        assert!(Store::open(config.clone()).unwrap().delete(&from, None, &mut NoWait).unwrap());
        let moved = move_to(&mut store, &from, &to, &base, "a=2").unwrap();
        assert_eq!((moved.saved.outcome, moved.saved.base), (Outcome::Dropped, None));
        assert_eq!((load(&mut store, &from), load(&mut store, &to)), (None, None));
        // Nothing is left there, not even a tombstone.
        store.insert(&to, body("x=1"), None, &mut NoWait).unwrap();
    });
}

#[test]
fn under_its_lock_nothing_is_merged() {
    on_each(|config| {
        let (mut store, from) = with_session(config, "a=1");
        let to = new_id();
        let (mut lock, base): (Lock, _) = store.lock_and_load(&from, &mut NoWait).unwrap();
        let base = base.unwrap();
        meanwhile(config, &from, "a=3");
        let error = store.move_locked(&mut lock, &to, &base, body("a=2"), None, &mut NoWait).unwrap_err();
        assert!(error.is_conflict(), "{error}");
        assert_eq!((load(&mut store, &from).as_deref(), load(&mut store, &to)), (Some("a=3"), None));

        let base = loaded(&mut store, &from);
        let moved = store.move_locked(&mut lock, &to, &base, body("a=2"), None, &mut NoWait).unwrap();
        assert_eq!(moved.saved.outcome, Outcome::Stored);
        assert_eq!((load(&mut store, &from), load(&mut store, &to).as_deref()), (None, Some("a=2")));
        assert!(lock.is_held(), "it is the caller's to give back");
    });
}

#[test]
fn the_local_tier_is_buried_and_never_believed() {
    let (Some(main), Some(near)) = (Memcached::start(), Memcached::start()) else {
        return;
    };
    let config = Config { local: Some(Target::Memcached(vec![near.server()])), ..main.config() };
    let (mut store, from) = with_session(&config, "a=1 b=1");
    meanwhile(&main.config(), &from, "a=2 b=1");
    let (to, base) = (new_id(), loaded(&mut store, &from));
    assert_eq!(thawed(&base.body), "a=1 b=1", "an old copy");
    let moved = move_to(&mut store, &from, &to, &base, "a=1 b=3").unwrap();
    assert!(moved.left.is_none());
    assert_eq!(load(&mut store, &to).unwrap(), "a=2 b=3");
    assert_eq!(load(&mut store, &from), None);

    // A copy that can't be buried is told.
    let (mut store, from) = with_session(&config, "a=1 b=1");
    let (to, base) = (new_id(), loaded(&mut store, &from));
    drop(near);
    let moved = move_to(&mut store, &from, &to, &base, "a=1 b=2").unwrap();
    assert!(moved.left.unwrap().is_server());
    assert_eq!(load(&mut main.store(), &to).unwrap(), "a=1 b=2");
}

#[test]
fn saves_next_to_it_are_all_there() {
    on_each(|config| {
        for _ in 0..5 {
            let (mut store, from) = with_session(config, "m=0");
            let to = new_id();
            let saved: Vec<(String, u32)> = std::thread::scope(|scope| {
                let writers: Vec<_> =
                    ["a", "b"].map(|key| scope.spawn(|| save_until_dropped(config, &from, key))).into();
                until("both have saved", || load(&mut store, &from).unwrap().split(' ').count() == 3);
                let base = loaded(&mut store, &from);
                let moved = move_to(&mut store, &from, &to, &base, &thawed(&base.body).replace("m=0", "m=1"));
                if moved.is_err() {
                    store.delete(&from, None, &mut NoWait).unwrap();
                }
                moved.unwrap();
                writers.into_iter().map(|writer| writer.join().unwrap()).collect()
            });
            let expected: Vec<String> = saved.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
            assert_eq!(load(&mut store, &to).unwrap(), format!("{} m=1", expected.join(" ")));
        }
    });
}

/// Saves 1, 2, 3, … under a key until the session is gone; returns what was saved last.
fn save_until_dropped(config: &Config, id: &Id, key: &str) -> (String, u32) {
    let mut store = Store::open(config.clone()).unwrap();
    for next in 1.. {
        let last = (key.to_owned(), next - 1);
        let Some(base) = store.load(id, &mut NoWait).unwrap() else {
            return last;
        };
        let others = thawed(&base.body);
        let others = others.split(' ').filter(|pair| !pair.starts_with(key)).collect::<Vec<_>>().join(" ");
        if save(&mut store, id, &base, &format!("{others} {key}={next}")).outcome == Outcome::Dropped {
            return last;
        }
        std::thread::sleep(Duration::from_millis(1)); // as long as a fast request takes
    }
    unreachable!("a move ends this")
}
