//! The local tier, in front of a real memcached.

mod support;

use session::{Config, Conflict, Id, NoWait, Origin, Outcome, Principal, Server, Store, Target};
use support::*;

/// The servers' memcached, and the one nearby.
fn both() -> Option<(Memcached, Memcached)> {
    Some((Memcached::start()?, Memcached::start()?))
}

fn near(servers: &Memcached, near: &Memcached) -> Config {
    Config { local: Some(Target::Memcached(vec![near.server()])), ..servers.config() }
}

/// The client flags of an item; `None` where there is none.
fn flags(memcached: &Memcached, id: &Id) -> Option<u32> {
    let answer = memcached.raw(&format!("mg {id} f\r\n"));
    Some(answer.strip_prefix("HD f")?.strip_suffix("\\r\\n")?.parse().unwrap())
}

#[test]
fn a_local_copy_is_read_first_and_never_undoes_another_hosts_change() {
    let Some((servers, cache)) = both() else {
        return;
    };
    let config = Config { local_ttl: Some(60), ..near(&servers, &cache) };
    let (mut here, id) = with_session(&config, "a=1 z=1");
    let mut elsewhere = servers.store();

    let base = loaded(&mut here, &id);
    assert_eq!(base.origin, Origin::Local);
    let theirs = loaded(&mut elsewhere, &id);
    save(&mut elsewhere, &id, &theirs, "a=1 b=2 z=1");
    assert_eq!(load(&mut here, &id).unwrap(), "a=1 z=1", "the copy is old");
    let saved = save(&mut here, &id, &base, "a=3 z=1");
    assert_eq!(saved.outcome, Outcome::Merged { theirs: keys("b"), ours: keys("") });
    assert_eq!(load(&mut elsewhere, &id).unwrap(), "a=3 b=2 z=1");
    assert_eq!(load(&mut here, &id).unwrap(), "a=3 b=2 z=1");

    // A session deleted here is not readable here; nor does it come back from a copy made too late.
    assert!(here.delete(&id, None, &mut NoWait).unwrap());
    assert_eq!(load(&mut here, &id), None);
    assert_eq!(flags(&cache, &id), Some(17));
    let late = save(&mut here, &id, &saved.base.unwrap(), "a=4 z=1");
    assert_eq!(late.outcome, Outcome::Dropped);
    assert_eq!(flags(&cache, &id), Some(17));
}

#[test]
fn a_local_tier_that_fails_is_passed_over() {
    let Some((servers, cache)) = both() else {
        return;
    };
    let (mut store, id) = with_session(&near(&servers, &cache), "a=1");
    cache.raw(&format!("set {id} 3 0 2\r\nhi\r\n"));
    assert_eq!(load(&mut store, &id).unwrap(), "a=1", "what is damaged is no copy");
    let address = cache.address.clone();
    drop(cache);
    let base = loaded(&mut store, &id);
    assert_eq!(base.origin, Origin::Servers);
    assert_eq!(save(&mut store, &id, &base, "a=2").outcome, Outcome::Stored);
    let error = store.delete(&id, None, &mut NoWait).unwrap_err();
    assert!(error.to_string().starts_with(&format!("memcached {address}: ")), "{error}");
    assert_eq!(load(&mut store, &id), None, "it is deleted on the servers");
}

/// As the first release wrote it, for a session that is not there: a frozen empty hash.
#[test]
fn a_copy_with_fewer_than_two_keys_is_a_miss() {
    let Some((servers, cache)) = both() else {
        return;
    };
    let (mut store, id) = with_session(&servers.config(), "_session_id=x a=1");
    let mut here = Store::open(near(&servers, &cache)).unwrap();
    for poor in ["", "_session_id=x"] {
        cache.set(&id.to_string(), 1, &frozen(poor));
        let base = loaded(&mut here, &id);
        assert_eq!((thawed(&base.body).as_str(), base.origin), ("_session_id=x a=1", Origin::Servers));
    }
    // With two keys it is one, whoever wrote it.
    cache.set(&id.to_string(), 1, &frozen("_session_id=x a=0"));
    let base = loaded(&mut here, &id);
    assert_eq!((thawed(&base.body).as_str(), base.origin), ("_session_id=x a=0", Origin::Local));
    // A session that has nothing but its id grows on another host, and is found grown.
    let (mut here, id) = with_session(&near(&servers, &cache), "_session_id=x");
    let theirs = loaded(&mut store, &id);
    save(&mut store, &id, &theirs, "_session_id=x b=1");
    assert_eq!(load(&mut here, &id).unwrap(), "_session_id=x b=1");
    assert_eq!(loaded(&mut here, &id).origin, Origin::Local, "and the poor copy gave way");
}

#[test]
fn a_copy_does_not_outlive_its_session() {
    let Some((servers, cache)) = both() else {
        return;
    };
    let config = Config { expiry: Some(300), local_ttl: Some(1000), ..near(&servers, &cache) };
    let (mut here, id) = with_session(&config, "a=1 b=1");
    let key = id.to_string();
    assert!(cache.ttl(&key) <= 300, "when it is written");
    cache.raw(&format!("delete {id}\r\n"));
    servers.raw(&format!("touch {id} 20\r\n"));
    load(&mut here, &id).unwrap();
    assert!((1..=20).contains(&cache.ttl(&key)), "when it is read: {}", cache.ttl(&key));
    // What never expires there expires here all the same.
    cache.raw(&format!("delete {id}\r\n"));
    servers.raw(&format!("touch {id} 0\r\n"));
    load(&mut here, &id).unwrap();
    assert!((298..=300).contains(&cache.ttl(&key)), "{}", cache.ttl(&key));
    // And a session that reading renews is read from the servers in time.
    cache.raw(&format!("delete {id}\r\n"));
    let mut sliding = Store::open(Config { sliding: true, ..config }).unwrap();
    servers.raw(&format!("touch {id} 20\r\n"));
    load(&mut sliding, &id).unwrap();
    assert!((148..=150).contains(&cache.ttl(&key)), "{}", cache.ttl(&key));
    assert!(servers.ttl(&key) > 290);
}

#[test]
fn a_copy_that_others_put_there_does_not_keep_a_sliding_session_from_being_renewed() {
    let Some((servers, cache)) = both() else {
        return;
    };
    let config = Config { expiry: Some(300), sliding: true, ..near(&servers, &cache) };
    let (mut here, id) = with_session(&config, "a=1 b=1");
    cache.set(&id.to_string(), 1, &frozen("a=1 b=1"));
    servers.raw(&format!("touch {id} 20\r\n"));
    assert_eq!(loaded(&mut here, &id).origin, Origin::Servers);
    assert!(servers.ttl(&id.to_string()) > 290);
}

/// A host with one of the `servers` on it, which its own `local` names in another way: as
/// `localhost`, or by its socket. That can't be seen from the names.
#[test]
fn a_local_tier_that_is_one_of_the_servers_does_no_harm() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    let port = memcached.address.rsplit_once(':').unwrap().1;
    for name in [memcached.address.clone(), format!("localhost:{port}")] {
        let local = Some(Target::Memcached(vec![Server::parse("local", &name).unwrap()]));
        let config = Config { local, expiry: Some(300), local_ttl: Some(5), ..memcached.config() };
        let (mut here, id) = with_session(&config, "a=1 b=1");
        let base = loaded(&mut here, &id);
        let saved = save(&mut here, &id, &base, "a=2 b=1");
        assert_eq!(saved.outcome, Outcome::Stored);
        assert_eq!(load(&mut here, &id).unwrap(), "a=2 b=1", "{name}");
        // Another request is faster, and nothing of it is lost.
        let theirs = loaded(&mut memcached.store(), &id);
        save(&mut memcached.store(), &id, &theirs, "a=2 b=2");
        save(&mut here, &id, &saved.base.unwrap(), "a=3 b=1");
        assert_eq!(load(&mut here, &id).unwrap(), "a=3 b=2", "{name}");
        assert!(memcached.ttl(&id.to_string()) > 290, "{name}");
        assert!(here.delete(&id, None, &mut NoWait).unwrap());
        assert_eq!(load(&mut here, &id), None, "{name}");
    }
}

#[test]
fn a_directory_may_be_both_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let config = embedded(&path(&dir, "sessions"), 1 << 20);
    let config = Config { local: Some(config.servers.clone()), ..config };
    let (mut store, id) = with_session(&config, "a=1 b=1");
    let base = loaded(&mut store, &id);
    assert_eq!(base.origin, Origin::Servers);
    save(&mut store, &id, &base, "a=2 b=1");
    assert_eq!(load(&mut store, &id).unwrap(), "a=2 b=1");
}

/// Otherwise it would be read, and fail, again and again.
#[test]
fn a_save_that_failed_leaves_no_old_copy() {
    let Some((servers, cache)) = both() else {
        return;
    };
    let config = Config { conflict: Conflict::Die, ..near(&servers, &cache) };
    let (mut here, id) = with_session(&config, "a=1 b=1");
    let base = loaded(&mut here, &id);
    assert_eq!(base.origin, Origin::Local);
    let theirs = loaded(&mut servers.store(), &id);
    save(&mut servers.store(), &id, &theirs, "a=1 b=2");
    assert!(here.save(&id, Some(&base), body("a=2 b=1"), None, &mut NoWait).unwrap_err().is_conflict());
    let base = loaded(&mut here, &id);
    assert_eq!(thawed(&base.body), "a=1 b=2");
    save(&mut here, &id, &base, "a=2 b=2");
}

#[test]
fn a_save_that_finds_its_session_deleted_buries_the_copy() {
    let Some((servers, cache)) = both() else {
        return;
    };
    let (mut here, id) = with_session(&near(&servers, &cache), "a=1 b=1");
    let base = loaded(&mut here, &id);
    servers.store().delete(&id, None, &mut NoWait).unwrap();
    assert_eq!(load(&mut here, &id).unwrap(), "a=1 b=1", "this host has not heard of it");
    assert_eq!(save(&mut here, &id, &base, "a=2 b=1").outcome, Outcome::Dropped);
    assert_eq!(load(&mut here, &id), None);
    assert_eq!(flags(&cache, &id), Some(17));
}

#[test]
fn a_deletion_that_the_local_tier_did_not_take_takes_the_record_along() {
    let Some((servers, cache)) = both() else {
        return;
    };
    let mut store = Store::open(near(&servers, &cache)).unwrap();
    let (id, principal) = (new_id(), Principal::of(b"dwho"));
    store.insert(&id, body("a=1 b=1"), Some(&principal), &mut NoWait).unwrap();
    drop(cache);
    assert!(store.delete(&id, Some(&principal), &mut NoWait).is_err());
    assert_eq!(servers.raw(&format!("mg {} v\r\n", principal.digest())), "EN\\r\\n");
}
