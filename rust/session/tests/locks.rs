//! Locks and what is done under them, on both backends.

mod support;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use session::{Body, Config, End, Id, Lock, NoWait, Outcome, Principal, Store};
use support::*;

/// Runs a test on a memcached, and on an embedded store.
fn on_each(test: impl Fn(&Config)) {
    let dir = tempfile::tempdir().unwrap();
    test(&embedded(&path(&dir, "sessions"), 1 << 20));
    if let Some(memcached) = Memcached::start() {
        test(&memcached.config());
    }
}

fn hasty(config: &Config, millis: u64) -> Config {
    Config { lock_timeout: Duration::from_millis(millis), ..config.clone() }
}

fn open(config: &Config) -> Store {
    Store::open(config.clone()).unwrap()
}

fn lock(store: &mut Store, id: &Id) -> Lock {
    store.lock(id, &mut NoWait).unwrap()
}

/// Adds one to `n`, under the lock.
fn increment(store: &mut Store, id: &Id) {
    let (mut lock, loaded) = store.lock_and_load(id, &mut NoWait).unwrap();
    let loaded = loaded.unwrap();
    let n: u32 = thawed(&loaded.body).strip_prefix("n=").unwrap().parse().unwrap();
    let body = body(&format!("n={}", n + 1));
    let saved = store.save_locked(&mut lock, Some(&loaded), body, None, End::Unlock, &mut NoWait).unwrap();
    assert_eq!(saved.outcome, Outcome::Stored);
    assert!(!lock.is_held());
}

#[test]
fn a_held_lock_is_waited_for_and_its_holder_named() {
    on_each(|config| {
        let (mut store, id) = with_session(config, "a=1");
        let held = lock(&mut store, &id);
        for millis in [0, 150] {
            // Another thread: this one would be told that it waits for itself.
            std::thread::scope(|scope| {
                let waiter = scope.spawn(|| {
                    let began = Instant::now();
                    (open(&hasty(config, millis)).lock(&id, &mut NoWait).unwrap_err(), began.elapsed())
                });
                let (error, waited) = waiter.join().unwrap();
                assert!(error.is_locked() && error.is_retryable());
                assert!(waited.as_millis() as u64 >= millis && waited.as_millis() < 3000, "{waited:?}");
                let says = error.to_string();
                let starts = format!("session {id}: is locked by process {} on ", std::process::id());
                assert!(says.starts_with(&starts) && says.contains(", for 0 s; waited 0."), "{says}");
            });
        }
        drop(held);
    });
}

#[test]
fn a_lock_that_was_given_back_is_free_at_once() {
    on_each(|config| {
        let (mut store, id) = with_session(config, "a=1");
        let mut other = open(&hasty(config, 0));
        for _ in 0..3 {
            let mut first = lock(&mut store, &id);
            assert!(first.is_held());
            store.unlock(&mut first, &mut NoWait).unwrap();
            store.unlock(&mut first, &mut NoWait).unwrap();
            assert!(!first.is_held());
            let mut second = lock(&mut other, &id);
            other.unlock(&mut second, &mut NoWait).unwrap();
        }
    });
}

#[test]
fn increments_of_many_are_all_there() {
    on_each(|config| {
        let (mut store, id) = with_session(config, "n=0");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let mut store = open(config);
                    for _ in 0..25 {
                        increment(&mut store, &id);
                    }
                });
            }
        });
        assert_eq!(load(&mut store, &id).unwrap(), "n=200");
        // Nobody is left in the queue.
        let mut free = lock(&mut open(&hasty(config, 0)), &id);
        store.unlock(&mut free, &mut NoWait).unwrap();
    });
}

#[test]
fn first_come_first_served() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    let config = memcached.config();
    let (mut store, id) = with_session(&config, "n=0");
    let mut held = lock(&mut store, &id);
    let order = AtomicU32::new(0);
    std::thread::scope(|scope| {
        let mut waiters = Vec::new();
        for place in 1..=6 {
            waiters.push(scope.spawn(|| {
                let mut store = open(&config);
                let mut lock = lock(&mut store, &id);
                let place = order.fetch_add(1, Ordering::SeqCst);
                store.unlock(&mut lock, &mut NoWait).unwrap();
                place
            }));
            until("the waiter stands in the queue", || queue_length(&memcached, &id) == place);
        }
        store.unlock(&mut held, &mut NoWait).unwrap();
        let places: Vec<u32> = waiters.into_iter().map(|waiter| waiter.join().unwrap()).collect();
        assert_eq!(places, [0, 1, 2, 3, 4, 5]);
    });
}

/// How many lines say that somebody waits.
fn queue_length(memcached: &Memcached, id: &Id) -> usize {
    memcached.raw(&format!("get {id}.lock\r\n")).matches('+').count()
}

#[test]
fn a_dead_waiter_is_passed_over() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    let config = memcached.config();
    let (mut store, id) = with_session(&config, "n=0");
    let mut held = lock(&mut store, &id);
    let line = "+00000000000000aa\n";
    memcached.raw(&format!("append {id}.lock 0 0 {}\r\n{line}\r\n", line.len()));
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| increment(&mut open(&config), &id));
        until("the waiter stands in the queue", || queue_length(&memcached, &id) == 2);
        store.unlock(&mut held, &mut NoWait).unwrap();
        let began = Instant::now();
        waiter.join().unwrap();
        assert!((400..2000).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    });
    let began = Instant::now();
    increment(&mut store, &id);
    assert!(began.elapsed() < Duration::from_millis(300), "the dead one is out of the queue");
}

#[test]
fn a_holder_that_is_late_can_neither_save_nor_free_the_lock() {
    on_each(|config| {
        let config = Config { lock_ttl: 2, ..config.clone() };
        let (mut slow, id) = with_session(&config, "n=0");
        let (mut first, base) = slow.lock_and_load(&id, &mut NoWait).unwrap();
        std::thread::scope(|scope| {
            let began = Instant::now();
            let waiter = scope.spawn(|| {
                let mut store = open(&config);
                let (lock, loaded) = store.lock_and_load(&id, &mut NoWait).unwrap();
                (lock, loaded.unwrap())
            });
            let (mut second, loaded) = waiter.join().unwrap();
            let mut store = open(&config);
            assert!((900..3000).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
            until("our time is over, too", || began.elapsed() > Duration::from_secs(2));

            let error =
                slow.save_locked(&mut first, base.as_ref(), body("n=7"), None, End::Unlock, &mut NoWait).unwrap_err();
            assert!(error.is_lock_lost(), "{error}");
            assert!(error.to_string().contains("longer than its lock lasts (2 s); nothing is saved"), "{error}");
            slow.unlock(&mut first, &mut NoWait).unwrap();
            assert!(open(&hasty(&config, 0)).lock(&id, &mut NoWait).unwrap_err().is_locked());

            let saved =
                store.save_locked(&mut second, Some(&loaded), body("n=1"), None, End::Unlock, &mut NoWait).unwrap();
            assert_eq!(saved.outcome, Outcome::Stored);
        });
        assert_eq!(load(&mut slow, &id).unwrap(), "n=1");
        increment(&mut slow, &id);
    });
}

/// Whoever takes a lock that has run out makes sure that its former holder can't save, whatever that
/// one's own clock says: here the others' are ahead.
#[test]
fn taking_over_fences_the_former_holder() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    for (session, read) in [(Some("n=0"), true), (Some("n=0"), false), (None, true)] {
        let config = memcached.config();
        let (mut slow, id) = match session {
            Some(text) => with_session(&Config { expiry: Some(500), ..config.clone() }, text),
            None => (open(&config), new_id()),
        };
        let (mut first, base) = slow.lock_and_load(&id, &mut NoWait).unwrap();
        rewrite(&memcached, &id, &[("since", "0")]);
        std::thread::scope(|scope| {
            let next = scope.spawn(|| {
                let mut store = open(&hasty(&config, 0));
                if read {
                    let (_, loaded) = store.lock_and_load(&id, &mut NoWait).unwrap();
                    assert_eq!(loaded.map(|loaded| thawed(&loaded.body)).as_deref(), session);
                } else {
                    lock(&mut store, &id);
                }
            });
            next.join().unwrap();
        });
        if session.is_none() {
            continue;
        }
        let ttl = memcached.ttl(&id.to_string());
        assert!((490..=500).contains(&ttl), "the session's expiry stays: {ttl}");
        let error =
            slow.save_locked(&mut first, base.as_ref(), body("n=7"), None, End::Unlock, &mut NoWait).unwrap_err();
        assert!(error.is_conflict(), "{error}");
        assert_eq!(load(&mut slow, &id).unwrap(), "n=0");
        let error = std::thread::scope(|scope| {
            scope.spawn(|| open(&hasty(&config, 0)).lock(&id, &mut NoWait).unwrap_err()).join().unwrap()
        });
        assert!(error.is_locked(), "it is still the next one's");
    }
}

/// Changes the line about the holder, and lets the lock be over for the server.
fn rewrite(memcached: &Memcached, id: &Id, fields: &[(&str, &str)]) {
    let answer = memcached.raw(&format!("get {id}.lock\r\n"));
    let line = answer.split("\\r\\n").nth(1).unwrap().trim_end_matches("\\n");
    let changed = line.split(' ').map(|field| {
        let name = field.split_once('=').unwrap().0;
        let value = fields.iter().find(|(changed, _)| *changed == name);
        value.map_or(field.to_owned(), |(name, value)| format!("{name}={value}"))
    });
    let line = changed.collect::<Vec<_>>().join(" ");
    let stored = memcached.raw(&format!("set {id}.lock 0 300 {}\r\n{line}\n\r\n", line.len() + 1));
    assert_eq!(stored, "STORED\\r\\n");
}

/// A server that was stopped jumps when it goes on: then a lock is over for it before its time.
#[test]
fn a_server_alone_does_not_end_a_lock() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    let config = memcached.config();
    let (mut store, id) = with_session(&config, "n=0");
    let (mut held, base) = store.lock_and_load(&id, &mut NoWait).unwrap();
    memcached.raw(&format!("touch {id}.lock 1\r\n"));
    let others = |millis| {
        let config = hasty(&config, millis);
        let id = &id;
        std::thread::scope(|scope| scope.spawn(move || open(&config).lock(id, &mut NoWait).map(drop)).join().unwrap())
    };
    assert!(others(200).unwrap_err().is_locked());
    store.save_locked(&mut held, base.as_ref(), body("n=1"), None, End::Unlock, &mut NoWait).unwrap();
    assert_eq!(load(&mut store, &id).unwrap(), "n=1");
}

/// Where clocks disagree, a waiter has seen the lock for long enough.
#[test]
fn a_holder_whose_clock_is_ahead_does_not_keep_a_lock_for_ever() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    let config = Config { lock_ttl: 2, ..memcached.config() };
    let (mut store, id) = with_session(&config, "n=0");
    let held = lock(&mut store, &id);
    rewrite(&memcached, &id, &[("since", "99999999999999")]);
    let began = Instant::now();
    std::thread::scope(|scope| scope.spawn(|| increment(&mut open(&config), &id)).join().unwrap());
    assert!((2000..3500).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    drop(held);
}

/// Nobody has had it before: the holder is done, and those that wait are not to be told of it.
#[test]
fn a_lock_that_is_free_is_nobodys() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    let config = memcached.config();
    let (mut store, id) = with_session(&config, "n=0");
    let mut held = lock(&mut store, &id);
    let line = "+00000000000000aa\n";
    memcached.raw(&format!("append {id}.lock 0 0 {}\r\n{line}\r\n", line.len()));
    store.unlock(&mut held, &mut NoWait).unwrap();
    let error = open(&hasty(&config, 0)).lock(&id, &mut NoWait).unwrap_err();
    assert_eq!(error.to_string(), format!("session {id}: is locked; waited 0.0 s"));
}

#[test]
fn a_save_without_the_lock_is_not_written_over() {
    on_each(|config| {
        let (mut store, id) = with_session(config, "a=1");
        for conflict in [session::Conflict::Merge, session::Conflict::Overwrite] {
            let mut store = open(&Config { conflict, ..config.clone() });
            let (mut lock, base) = store.lock_and_load(&id, &mut NoWait).unwrap();
            let mut other = open(config);
            let theirs = loaded(&mut other, &id);
            save(&mut other, &id, &theirs, "a=2");
            let error = store
                .save_locked(&mut lock, base.as_ref(), body("a=1 b=1"), None, End::Unlock, &mut NoWait)
                .unwrap_err();
            assert!(error.is_conflict(), "{error}");
            assert!(error.to_string().contains("another request saved it without its lock"), "{error}");
            assert_eq!(load(&mut other, &id).unwrap(), "a=2");
            assert!(!lock.is_held());
        }
        increment_from(&mut store, &id);
    });
}

/// The lock is free, and the session can be saved under it again.
fn increment_from(store: &mut Store, id: &Id) {
    let (mut lock, base) = store.lock_and_load(id, &mut NoWait).unwrap();
    let mut base = base.unwrap();
    for n in 0..3 {
        let end = if n == 2 { End::Unlock } else { End::Keep };
        let body = body(&format!("a={n}"));
        let saved = store.save_locked(&mut lock, Some(&base), body, None, end, &mut NoWait).unwrap();
        base = saved.base.unwrap();
    }
    assert!(!lock.is_held());
    let error = store.save_locked(&mut lock, Some(&base), body("a=9"), None, End::Keep, &mut NoWait).unwrap_err();
    assert!(error.is_lock_lost(), "{error}");
    assert_eq!(load(store, id).unwrap(), "a=2");
}

#[test]
fn a_session_that_has_gone_is_written_anew_and_a_deleted_one_is_not() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    let (mut store, id) = with_session(&memcached.config(), "a=1");
    let (mut lock, base) = store.lock_and_load(&id, &mut NoWait).unwrap();
    memcached.raw(&format!("delete {id}\r\n"));
    let saved = store.save_locked(&mut lock, base.as_ref(), body("a=2"), None, End::Unlock, &mut NoWait).unwrap();
    assert_eq!(saved.outcome, Outcome::Stored);
    assert_eq!(load(&mut store, &id).unwrap(), "a=2");

    let principal = Principal::of(b"dwho");
    let (mut lock, base) = store.lock_and_load(&id, &mut NoWait).unwrap();
    memcached.store().delete(&id, None, &mut NoWait).unwrap();
    let saved =
        store.save_locked(&mut lock, base.as_ref(), body("a=3"), Some(&principal), End::Unlock, &mut NoWait).unwrap();
    assert_eq!((saved.outcome, saved.base), (Outcome::Dropped, None));
    assert_eq!(load(&mut store, &id), None);
    assert_eq!(memcached.raw(&format!("get {}\r\n", principal.digest())), "END\\r\\n");
    assert!(!lock.is_held());
}

#[test]
fn new_sessions_and_missing_ones_have_locks() {
    on_each(|config| {
        let mut store = open(config);
        let id = new_id();
        let (mut held, none) = store.lock_and_load(&id, &mut NoWait).unwrap();
        assert!(none.is_none());
        store.unlock(&mut held, &mut NoWait).unwrap();

        let (mut held, base) = store.insert_locked(&id, body("n=0"), None, &mut NoWait).unwrap();
        let is_locked = || {
            let try_once = || open(&hasty(config, 0)).lock(&id, &mut NoWait).is_err_and(|error| error.is_locked());
            std::thread::scope(|scope| scope.spawn(try_once).join().unwrap())
        };
        assert!(is_locked());
        assert_eq!(store.load_locked(&held, &mut NoWait).unwrap().unwrap().body, base.body);
        store.save_locked(&mut held, Some(&base), body("n=1"), None, End::Unlock, &mut NoWait).unwrap();
        increment(&mut store, &id);

        // An id that is taken: the lock that was asked for along with it is given back.
        assert!(store.insert_locked(&id, body("n=9"), None, &mut NoWait).unwrap_err().is_exists());
        assert!(!is_locked());
        assert_eq!(load(&mut store, &id).unwrap(), "n=2");
    });
}

#[test]
fn a_lock_of_our_own_is_not_waited_for_and_others_are_named() {
    on_each(|config| {
        let (mut store, one) = with_session(config, "a=1");
        let two = new_id();
        let first = lock(&mut store, &one);
        let began = Instant::now();
        let error = open(config).lock(&one, &mut NoWait).unwrap_err();
        assert!(error.is_locked() && began.elapsed() < Duration::from_secs(5));
        assert_eq!(error.to_string(), format!("session {one}: is locked by this very process"));

        // Each has what the other wants.
        let (told, tell) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let config = hasty(config, 300);
            let (one, two) = (&one, &two);
            let other = scope.spawn(move || {
                let mut store = open(&config);
                let _second = lock(&mut store, two);
                told.send(()).unwrap();
                store.lock(one, &mut NoWait).unwrap_err().to_string()
            });
            tell.recv().unwrap();
            let says = other.join().unwrap();
            assert!(says.starts_with(&format!("session {one}: is locked by process ")), "{says}");
            assert!(says.ends_with(&format!("while this process has locked {two}")), "{says}");
        });
        assert!(first.is_held());
    });
}

#[test]
fn the_local_tier_is_not_read_and_is_kept_up() {
    let (Some(main), Some(near)) = (Memcached::start(), Memcached::start()) else {
        return;
    };
    let config = Config { local: Some(session::Target::Memcached(vec![near.server()])), ..main.config() };
    let (mut store, id) = with_session(&config, "a=1 b=1");
    let mut far = main.store();
    let base = loaded(&mut far, &id);
    save(&mut far, &id, &base, "a=2 b=2");
    assert_eq!(load(&mut store, &id).unwrap(), "a=1 b=1", "an old copy");

    let (mut lock, base) = store.lock_and_load(&id, &mut NoWait).unwrap();
    let base = base.unwrap();
    assert_eq!(thawed(&base.body), "a=2 b=2");
    store.save_locked(&mut lock, Some(&base), body("a=3 b=3"), None, End::Unlock, &mut NoWait).unwrap();
    assert_eq!(load(&mut store, &id).unwrap(), "a=3 b=3");
}

#[test]
fn damaged_sessions_and_bad_ids_leave_no_lock() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    memcached.set("broken", 3, b"hi");
    let mut store = memcached.store();
    assert!(store.lock_and_load(&id("broken"), &mut NoWait).unwrap_err().is_corrupt());
    assert_eq!(memcached.raw("get broken.lock\r\n"), "END\\r\\n");
    let long = id(&"x".repeat(246));
    let error = store.lock(&long, &mut NoWait).unwrap_err();
    assert!(
        error.is_argument() && error.to_string().ends_with("at most 245 bytes after this namespace, to have a lock")
    );
    assert!(Store::open(Config { lock_ttl: 0, ..memcached.config() }).is_err());
}

#[test]
fn a_lock_is_on_the_server_of_its_session() {
    let servers: Vec<Memcached> = (0..3).filter_map(|_| Memcached::start()).collect();
    if servers.len() < 3 {
        return;
    }
    let target = session::Target::Memcached(servers.iter().map(Memcached::server).collect());
    let config = Config { servers: target, namespace: b"app:".to_vec(), ..servers[0].config() };
    let mut store = open(&config);
    for _ in 0..20 {
        let id = new_id();
        let (mut held, _) = store.insert_locked(&id, Body::storable(frozen("a=1")), None, &mut NoWait).unwrap();
        let has = |key: String| {
            let answers = servers.iter().map(|server| server.raw(&format!("mg {key}\r\n")) == "HD\\r\\n");
            answers.collect::<Vec<_>>()
        };
        assert_eq!(has(format!("app:{id}.lock")), has(format!("app:{id}")));
        store.unlock(&mut held, &mut NoWait).unwrap();
        assert_eq!(has(format!("app:{id}.lock")), [false; 3]);
    }
}
