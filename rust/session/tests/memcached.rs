//! Sessions on a real memcached.

mod support;

use session::{Config, Conflict, Id, NoWait, Outcome, Principal, Saved, Store, Target};
use support::*;

#[test]
fn the_life_of_a_session() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    let mut store = memcached.store();
    let id = new_id();
    assert!(store.load(&id, &mut NoWait).unwrap().is_none());

    let inserted = store.insert(&id, body("a=1"), None, &mut NoWait).unwrap();
    let exists = store.insert(&id, body("a=2"), None, &mut NoWait).unwrap_err();
    assert!(exists.is_exists());
    assert_eq!(exists.to_string(), "Object already exists in the data store");
    assert_eq!(loaded(&mut store, &id), inserted);

    let saved = save(&mut store, &id, &inserted, "a=1 b=2");
    assert_eq!(saved.outcome, Outcome::Stored);
    assert_eq!(saved.base.unwrap(), loaded(&mut store, &id));
    assert_eq!(load(&mut store, &id).unwrap(), "a=1 b=2");

    assert!(store.delete(&id, None, &mut NoWait).unwrap());
    assert!(!store.delete(&id, None, &mut NoWait).unwrap());
    assert!(store.load(&id, &mut NoWait).unwrap().is_none());
}

#[test]
fn the_item_is_what_perl_clients_read_and_write() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    let config = Config { namespace: b"app:".to_vec(), ..memcached.config() };
    let mut store = Store::open(config).unwrap();
    store.insert(&id("one"), body("a=1"), None, &mut NoWait).unwrap();
    let stored = memcached.raw("get app:one\r\n");
    assert_eq!(stored, format!("VALUE app:one 1 15\\r\\n{}\\r\\nEND\\r\\n", frozen("a=1").escape_ascii()));

    let value = String::from_utf8(vec![5, 11, 3, 0, 0, 0, 0]).unwrap();
    memcached.raw(&format!("set app:two 1 0 7\r\n{value}\r\nset app:text 0 0 2\r\nhi\r\n"));
    assert_eq!(load(&mut store, &id("two")).unwrap(), "");
    assert!(store.load(&id("text"), &mut NoWait).unwrap().is_none());

    assert!(store.delete(&id("one"), None, &mut NoWait).unwrap());
    assert_eq!(
        memcached.raw("get app:one\r\n"),
        "VALUE app:one 17 7\\r\\n\\x05\\x0b\\x03\\x00\\x00\\x00\\x00\\r\\nEND\\r\\n"
    );
}

#[test]
fn what_is_not_a_session_is_left_alone() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    let mut store = memcached.store();
    memcached.raw("set record 0 0 2\r\nhi\r\nset broken 3 0 2\r\nhi\r\nset sealed 9 0 2\r\nhi\r\n");
    assert!(!store.delete(&id("record"), None, &mut NoWait).unwrap());
    assert!(store.insert(&id("record"), body(""), None, &mut NoWait).unwrap_err().is_exists());
    let error = store.save(&id("record"), None, body(""), None, &mut NoWait).unwrap_err();
    assert_eq!(error.to_string(), "session record: its key holds something that is not a session");
    for (name, says) in [("broken", "damaged gzip data"), ("sealed", "is encrypted, no secret given")] {
        let error = store.load(&id(name), &mut NoWait).unwrap_err();
        assert!(error.is_corrupt());
        assert!(error.to_string().starts_with(&format!("session {name}: {says}")), "{error}");
        assert!(store.save(&id(name), None, body(""), None, &mut NoWait).unwrap_err().is_corrupt());
    }
    let kept = memcached.raw("get record broken sealed\r\n");
    assert_eq!(kept.matches("hi").count(), 3, "{kept}");
}

#[test]
fn two_saves_are_merged() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    let (mut ours, id) = with_session(&memcached.config(), "a=1 b=1 c=1");
    let mut theirs = memcached.store();
    let base = loaded(&mut ours, &id);
    let their_base = loaded(&mut theirs, &id);
    save(&mut theirs, &id, &their_base, "a=1 b=2 c=2 d=2");

    let saved = save(&mut ours, &id, &base, "a=3 c=3");
    assert_eq!(saved.outcome, Outcome::Merged { theirs: keys("d"), ours: keys("b c") });
    assert_eq!(load(&mut theirs, &id).unwrap(), "a=3 c=3 d=2");

    // What was merged is not undone by the next save, which knows nothing of it.
    let base = saved.base.unwrap();
    assert_eq!(thawed(&base.body), "a=3 c=3");
    assert_eq!(thawed(base.stored()), "a=3 c=3 d=2");
    let again = save(&mut ours, &id, &base, "a=4 c=3");
    assert_eq!(again.outcome, Outcome::Stored);
    assert_eq!(load(&mut theirs, &id).unwrap(), "a=4 c=3 d=2");
    let base = again.base.unwrap();
    let mut whole = body("w=1");
    whole.whole = true;
    ours.save(&id, Some(&base), whole, None, &mut NoWait).unwrap();
    assert_eq!(load(&mut theirs, &id).unwrap(), "w=1");
}

#[test]
fn a_conflict_is_what_the_configuration_says() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    for (conflict, opaque, whole, expected) in [
        (Conflict::Merge, false, false, Some("a=1 b=2 c=3")),
        (Conflict::Merge, false, true, Some("a=1 c=3")),
        (Conflict::Merge, true, false, Some("a=1 c=3")),
        (Conflict::Overwrite, false, false, Some("a=1 c=3")),
        (Conflict::Die, false, false, None),
        (Conflict::Die, true, true, None),
    ] {
        let config = Config { conflict, ..memcached.config() };
        let (mut store, id) = with_session(&config, "a=1");
        let base = loaded(&mut store, &id);
        save(&mut store, &id, &base, "a=1 b=2");
        let mut body = body("a=1 c=3");
        body.whole = whole;
        if opaque {
            body.encoding = session::Encoding::Opaque;
        }
        match (store.save(&id, Some(&base), body, None, &mut NoWait), expected) {
            (Ok(_), Some(expected)) => assert_eq!(load(&mut store, &id).unwrap(), expected),
            (Err(error), None) => {
                assert!(error.is_conflict());
                assert_eq!(load(&mut store, &id).unwrap(), "a=1 b=2");
            }
            (result, _) => panic!("{conflict:?} {opaque} {whole}: {result:?}"),
        }
    }
}

#[test]
fn saves_without_end_lose_nothing() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    let (mut store, id) = with_session(&memcached.config(), "");
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let (memcached, id) = (&memcached, &id);
            scope.spawn(move || {
                let mut store = memcached.store();
                for count in 1..=50 {
                    let base = loaded(&mut store, id);
                    let mut session: std::collections::BTreeMap<String, String> =
                        storable::from_slice(&base.body).unwrap();
                    session.insert(format!("writer{writer}"), count.to_string());
                    let bytes = storable::to_vec(&session, &storable::Options::default()).unwrap();
                    store.save(id, Some(&base), session::Body::storable(bytes), None, &mut NoWait).unwrap();
                }
            });
        }
    });
    assert_eq!(load(&mut store, &id).unwrap(), "writer0=50 writer1=50 writer2=50 writer3=50");
}

#[test]
fn a_deleted_session_stays_deleted() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    for conflict in [Conflict::Merge, Conflict::Overwrite, Conflict::Die] {
        let config = Config { conflict, ..memcached.config() };
        let (mut store, id) = with_session(&config, "a=1");
        let base = loaded(&mut store, &id);
        store.delete(&id, None, &mut NoWait).unwrap();
        let principal = Principal::of(b"dwho");
        for base in [Some(&base), None] {
            let saved = store.save(&id, base, body("a=2"), Some(&principal), &mut NoWait).unwrap();
            assert_eq!(saved, Saved { outcome: Outcome::Dropped, base: None });
        }
        assert_eq!(load(&mut store, &id), None);
        let record = memcached.raw(&format!("get {}\r\n", principal.digest()));
        assert_eq!(record, "END\\r\\n", "no record of a session that is not there");
        // A new session may take its place.
        store.insert(&id, body("a=3"), None, &mut NoWait).unwrap();
        assert_eq!(load(&mut store, &id).unwrap(), "a=3");
    }
}

#[test]
fn a_session_that_has_gone_is_written_anew() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    let (mut store, id) = with_session(&memcached.config(), "a=1");
    let base = loaded(&mut store, &id);
    memcached.raw(&format!("delete {id}\r\n"));
    assert_eq!(save(&mut store, &id, &base, "a=2").outcome, Outcome::Stored);
    assert_eq!(load(&mut store, &id).unwrap(), "a=2");
}

#[test]
fn the_principals_record_follows_the_session() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    let mut store = memcached.store();
    let principal = Principal::of(b"dwho");
    let get = format!("get {}\r\n", principal.digest());
    let (first, second) = (new_id(), new_id());
    let base = store.insert(&first, body("a=1"), Some(&principal), &mut NoWait).unwrap();
    let record = |id: &Id| format!("VALUE {} 0 32\\r\\n{id}\\r\\nEND\\r\\n", principal.digest());
    assert_eq!(memcached.raw(&get), record(&first));
    store.insert(&second, body("a=1"), None, &mut NoWait).unwrap();
    store.save(&second, None, body("a=2"), Some(&principal), &mut NoWait).unwrap();
    assert_eq!(memcached.raw(&get), record(&second));
    // The end of the first session is not the end of the second's record.
    store.delete(&first, Some(&principal), &mut NoWait).unwrap();
    assert_eq!(memcached.raw(&get), record(&second));
    store.delete(&second, Some(&principal), &mut NoWait).unwrap();
    assert_eq!(memcached.raw(&get), "END\\r\\n");
    drop(base);
}

#[test]
fn expiry_is_given_at_every_write_and_renewed_by_reading_when_sliding() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    let ttl = |id: &Id| memcached.ttl(&id.to_string());
    let (mut store, id) = with_session(&memcached.config(), "");
    assert_eq!(ttl(&id), -1);
    let with = |expiry, sliding| Config { expiry: Some(expiry), sliding, ..memcached.config() };
    let mut store_100 = Store::open(with(100, false)).unwrap();
    let base = loaded(&mut store, &id);
    save(&mut store_100, &id, &base, "a=1");
    assert!((98..=100).contains(&ttl(&id)));
    let mut sliding = Store::open(with(1000, true)).unwrap();
    loaded(&mut sliding, &id);
    assert!((998..=1000).contains(&ttl(&id)));
    let mut year = Store::open(with(31_536_000, false)).unwrap();
    assert!(year.touch(&id, None, &mut NoWait).unwrap());
    // The server keeps its own clock, in whole seconds.
    let left = ttl(&id);
    assert!((31_535_990..=31_536_005).contains(&left), "{left}");
    assert!(!year.touch(&new_id(), None, &mut NoWait).unwrap());
    let (mut short, id) = with_session(&with(1, false), "");
    until("the session has expired", || load(&mut short, &id).is_none());
}

/// memcached keeps 31 bits of a point in time; what is later would have been expired at once.
#[test]
fn an_expiry_beyond_what_memcached_can_tell_is_none() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    for expiry in [1_000_000_000, 1 << 40, u64::MAX] {
        let config = Config { expiry: Some(expiry), ..memcached.config() };
        let (mut store, id) = with_session(&config, "a=1");
        assert_eq!(load(&mut store, &id).as_deref(), Some("a=1"), "{expiry}");
        assert_eq!(memcached.ttl(&id.to_string()), -1, "{expiry}");
    }
}

#[test]
fn reading_what_was_deleted_neither_shortens_nor_prolongs_its_tombstone() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    for expiry in [10, 100_000] {
        let config = Config { expiry: Some(expiry), sliding: true, ..memcached.config() };
        let (mut store, id) = with_session(&config, "a=1");
        store.delete(&id, None, &mut NoWait).unwrap();
        assert_eq!(load(&mut store, &id), None);
        assert!((298..=300).contains(&memcached.ttl(&id.to_string())), "{expiry}");
        assert!(!store.touch(&id, None, &mut NoWait).unwrap());
        assert!((298..=300).contains(&memcached.ttl(&id.to_string())), "{expiry}");
    }
}

#[test]
fn a_record_can_be_renewed_with_its_session() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    let config = Config { expiry: Some(300), ..memcached.config() };
    let mut store = Store::open(config).unwrap();
    let (id, principal) = (new_id(), Principal::of(b"dwho"));
    store.renew_record(&principal, &mut NoWait).unwrap();
    store.insert(&id, body("a=1"), Some(&principal), &mut NoWait).unwrap();
    memcached.raw(&format!("touch {} 20\r\n", principal.digest()));
    store.renew_record(&principal, &mut NoWait).unwrap();
    assert!((298..=300).contains(&memcached.ttl(principal.digest())));
    assert_eq!(memcached.raw(&format!("mg {} v\r\n", principal.digest())), format!("VA 32\\r\\n{id}\\r\\n"));
}

#[test]
fn what_the_caller_can_read_can_be_merged() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    // { deep => [[[…]]], KEY => 'x' }
    let nested = |key: &str| {
        let mut writer = storable::Writer::new(&storable::Options::default());
        writer.hash(2);
        for _ in 0..6_000 {
            writer.reference(storable::RefKind::default());
            writer.array(1);
        }
        writer.undef();
        writer.key(b"deep").unwrap();
        writer.integer(1);
        writer.key(key.as_bytes()).unwrap();
        session::Body::storable(writer.finish())
    };
    for (max_depth, merged) in [(10_000, false), (20_000, true)] {
        let limits = storable::Limits { max_depth, ..storable::Limits::default() };
        let mut store = Store::open(Config { limits, ..memcached.config() }).unwrap();
        let id = new_id();
        let base = store.insert(&id, nested("a"), None, &mut NoWait).unwrap();
        store.save(&id, Some(&base), nested("b"), None, &mut NoWait).unwrap();
        match store.save(&id, Some(&base), nested("c"), None, &mut NoWait) {
            Ok(saved) => {
                assert_eq!((merged, saved.outcome), (true, Outcome::Merged { theirs: keys("b"), ours: keys("") }))
            }
            Err(error) => assert!(!merged && error.is_corrupt(), "{error}"),
        }
    }
}

#[test]
fn large_sessions_are_compressed_when_asked() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    let config = Config { compress_threshold: Some(1000), ..memcached.config() };
    let text = format!("a={}", "x".repeat(5000));
    let (mut store, id) = with_session(&config, &text);
    assert!(memcached.raw(&format!("mg {id} f s\r\n")).starts_with("HD f3 s"));
    assert_eq!(load(&mut store, &id).unwrap(), text);
}

#[test]
fn a_session_too_large_leaves_the_old_one() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    let (mut store, id) = with_session(&memcached.config(), "a=1");
    let base = loaded(&mut store, &id);
    let large = |size: usize| session::Body::opaque(vec![b'x'; size]);
    let error = store.save(&id, Some(&base), large(2_000_000), None, &mut NoWait).unwrap_err();
    assert!(error.is_too_large());
    assert_eq!(
        error.to_string(),
        format!(
            "session {id}: has 2000095 bytes, larger than the 1048576 bytes that memcached {} takes",
            memcached.address
        )
    );
    assert_eq!(load(&mut store, &id).unwrap(), "a=1");
    // The limit is known to the byte.
    let most = 1_048_576 - 32 - 63;
    assert!(store.save(&id, Some(&base), large(most + 1), None, &mut NoWait).unwrap_err().is_too_large());
    assert_eq!(load(&mut store, &id).unwrap(), "a=1");
    store.save(&id, Some(&base), large(most), None, &mut NoWait).unwrap();
    assert_eq!(loaded(&mut store, &id).body.len(), most);
}

#[test]
fn unix_sockets_and_ipv6() {
    let dir = tempfile::tempdir().unwrap();
    let socket = Memcached::start_on_socket(&path(&dir, "socket"));
    let ipv6 = Memcached::start_at("::1", free_port("::1"), &[]);
    for memcached in [socket, ipv6].into_iter().flatten() {
        let (mut store, id) = with_session(&memcached.config(), "a=1");
        assert_eq!(load(&mut store, &id).unwrap(), "a=1");
    }
}

#[test]
fn a_server_that_was_restarted_is_found_again() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    let (mut store, id) = with_session(&memcached.config(), "a=1");
    let base = loaded(&mut store, &id);
    let address = memcached.address.clone();
    let port = memcached.kill();
    let error = store.load(&id, &mut NoWait).unwrap_err();
    assert!(error.is_retryable());
    assert!(error.to_string().starts_with(&format!("memcached {address}: can't connect: ")), "{error}");
    for attempt in 0..3 {
        let memcached = Memcached::start_at("127.0.0.1", port, &[]).unwrap();
        match attempt {
            0 => assert_eq!(load(&mut store, &id), None),
            1 => assert_eq!(save(&mut store, &id, &base, "a=2").outcome, Outcome::Stored),
            _ => assert!(!store.delete(&id, None, &mut NoWait).unwrap()),
        }
        memcached.kill();
    }
}

#[test]
fn keys_of_a_dead_server_are_elsewhere() {
    let (Some(one), Some(two)) = (Memcached::start(), Memcached::start()) else {
        return;
    };
    let servers = Target::Memcached(vec![one.server(), two.server()]);
    let config = Config { servers, ..one.config() };
    let mut store = Store::open(config.clone()).unwrap();
    let ids: Vec<Id> = (0..40).map(|n| id(&format!("session{n}"))).collect();
    for id in &ids {
        store.insert(id, body("a=1"), None, &mut NoWait).unwrap();
    }
    let count = |memcached: &Memcached| {
        ids.iter().filter(|id| memcached.raw(&format!("mg {id} s\r\n")).starts_with("HD")).count()
    };
    let (on_one, on_two) = (count(&one), count(&two));
    assert_eq!(on_one + on_two, 40);
    assert!(on_one > 5 && on_two > 5, "{on_one} {on_two}");
    drop(one);
    let mut strict = Store::open(Config { no_rehash: true, ..config }).unwrap();
    let (mut moved, mut refused) = (0, 0);
    for id in &ids {
        refused += usize::from(strict.load(id, &mut NoWait).is_err());
        moved += usize::from(store.load(id, &mut NoWait).unwrap().is_none());
    }
    assert_eq!((moved, refused), (on_one, on_one));
    for id in &ids {
        store.save(id, None, body("a=2"), None, &mut NoWait).unwrap();
    }
    assert_eq!(count(&two), 40);
    drop(two);
    let error = store.load(&ids[0], &mut NoWait).unwrap_err();
    assert!(error.to_string().contains("can't connect"), "{error}");
}

#[test]
fn ids_are_checked_with_the_namespace() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    let config = Config { namespace: b"app:".to_vec(), ..memcached.config() };
    let mut store = Store::open(config).unwrap();
    let longest = id(&"x".repeat(246));
    store.insert(&longest, body("a=1"), None, &mut NoWait).unwrap();
    assert_eq!(load(&mut store, &longest).unwrap(), "a=1");
    assert!(store.load(&id(&"x".repeat(247)), &mut NoWait).unwrap_err().is_argument());
}
