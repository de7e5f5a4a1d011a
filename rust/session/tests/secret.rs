//! The life of sessions that are encrypted.

mod support;

use session::{Config, End, NoWait, Outcome, Principal, Secrets, Store, Target};
use support::*;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const OTHER: &[u8] = b"another secret of thirty-two bytes";

fn secrets(list: &[Option<&[u8]>]) -> Secrets {
    Secrets::new(list.iter().copied()).unwrap()
}

fn with(config: &Config, list: &[Option<&[u8]>]) -> Store {
    Store::open(Config { secrets: secrets(list), ..config.clone() }).unwrap()
}

/// What a test does on both kinds of store, compressed and not.
fn on_both(test: impl Fn(&Config)) {
    let directory = tempfile::tempdir().unwrap();
    let memcached = Memcached::start();
    let configs = memcached.iter().map(Memcached::config).chain([embedded(&path(&directory, "sessions"), 10 << 20)]);
    for config in configs {
        test(&config);
        test(&Config { compress_threshold: Some(1), ..config });
    }
}

#[test]
fn nothing_of_a_session_is_stored_in_clear() {
    on_both(|config| {
        let text = format!("text={}", "confidential-".repeat(50));
        let (mut store, id) = (with(config, &[Some(SECRET)]), new_id());
        store.insert(&id, body(&text), None, &mut NoWait).unwrap();
        for _ in 0..2 {
            assert_eq!(load(&mut store, &id).unwrap(), text);
            let stored = store.look(&id, &mut NoWait).unwrap().unwrap();
            assert_eq!(stored.flags & 9, 9);
            assert!(!stored.value.windows(12).any(|bytes| bytes == b"confidential"));
            assert_eq!(thawed(&stored.body(&id, &secrets(&[Some(SECRET)])).unwrap()), text);
            assert!(stored.body(&id, &Secrets::default()).unwrap_err().is_corrupt());
            let base = loaded(&mut store, &id);
            save(&mut store, &id, &base, &text);
        }
        let mut listed = Vec::new();
        store
            .scan::<session::Error>(&mut NoWait, |session| {
                if *session.id == id {
                    listed.push(thawed(&session.body()?));
                }
                Ok(std::ops::ControlFlow::Continue(()))
            })
            .unwrap();
        assert_eq!(listed, [text]);
    });
}

#[test]
fn others_changes_are_merged_moved_and_locked() {
    on_both(|config| {
        let principal = Principal::of(b"dwho");
        let mut store = with(config, &[Some(SECRET)]);
        let (from, to) = (new_id(), new_id());
        store.insert(&from, body("a=1 b=1"), Some(&principal), &mut NoWait).unwrap();
        let base = loaded(&mut store, &from);
        save(&mut with(config, &[Some(OTHER), Some(SECRET)]), &from, &base, "a=2 b=1");
        let refused = store.save(&from, Some(&base), body("a=1 b=2"), None, &mut NoWait).unwrap_err();
        assert!(refused.is_corrupt() && refused.to_string().contains("with another secret"), "{refused}");
        let mut store = with(config, &[Some(SECRET), Some(OTHER)]);
        let saved = store.save(&from, Some(&base), body("a=1 b=2"), Some(&principal), &mut NoWait).unwrap();
        assert!(matches!(saved.outcome, Outcome::Merged { .. }));
        let moved = store.move_to(&from, &to, &saved.base.unwrap(), body("a=1 b=2"), None, &mut NoWait).unwrap();
        assert!(moved.left.is_none() && load(&mut store, &from).is_none());
        let merged = load(&mut store, &to).unwrap();
        let (mut lock, base) = store.lock_and_load(&to, &mut NoWait).unwrap();
        store.save_locked(&mut lock, base.as_ref(), body(&merged), None, End::Unlock, &mut NoWait).unwrap();
        assert_eq!(load(&mut store, &to).unwrap(), merged);
        assert!(store.delete(&to, None, &mut NoWait).unwrap() && load(&mut store, &to).is_none());
    });
}

#[test]
fn a_session_that_was_put_there_without_the_secret_is_refused() {
    on_both(|config| {
        let id = new_id();
        with(config, &[]).insert(&id, body("role=admin"), None, &mut NoWait).unwrap();
        let mut store = with(config, &[Some(SECRET)]);
        let error = store.load(&id, &mut NoWait).unwrap_err();
        assert!(
            error.is_corrupt() && error.to_string() == format!("session {id}: is not encrypted, as secret demands")
        );
        assert!(store.lock_and_load(&id, &mut NoWait).is_err());
        assert!(store.insert(&id, body("role=new"), None, &mut NoWait).unwrap_err().is_exists());
        assert_eq!(load(&mut with(config, &[]), &id).unwrap(), "role=admin");
    });
}

#[test]
fn a_fleet_changes_over_in_three_steps() {
    let (none, first): (Option<&[u8]>, Option<&[u8]>) = (None, Some(SECRET));
    let steps = [&[][..], &[none, first], &[first, none], &[first]];
    on_both(|config| {
        for pair in steps.windows(2) {
            for (writes, reads) in [(pair[0], pair[1]), (pair[1], pair[0])] {
                // The last step is taken when none of before is left.
                if writes.len() == 2 && reads == [first] && writes[0].is_none() {
                    continue;
                }
                let id = new_id();
                with(config, writes).insert(&id, body("text=1"), None, &mut NoWait).unwrap();
                assert_eq!(load(&mut with(config, reads), &id).unwrap(), "text=1", "{writes:?} {reads:?}");
            }
        }
    });
}

#[test]
fn a_copy_nearby_is_encrypted_as_well() {
    let (Some(servers), Some(local)) = (Memcached::start(), Memcached::start()) else { return };
    let config = Config { local: Some(Target::Memcached(vec![local.server()])), ..servers.config() };
    let id = new_id();
    let mut store = with(&config, &[Some(SECRET)]);
    store.insert(&id, body("text=confidential"), None, &mut NoWait).unwrap();
    assert_eq!(load(&mut store, &id).unwrap(), "text=confidential");
    let copy = Store::open(local.config()).unwrap().look(&id, &mut NoWait).unwrap().unwrap();
    assert_eq!(copy.flags & 9, 9);
    assert!(!copy.value.windows(12).any(|bytes| bytes == b"confidential"));
    // One that somebody else has put there is not believed.
    let mut plain = Store::open(local.config()).unwrap();
    assert!(plain.delete(&id, None, &mut NoWait).unwrap());
    plain.insert(&id, body("role=admin"), None, &mut NoWait).unwrap();
    assert_eq!(load(&mut store, &id).unwrap(), "text=confidential");
}
