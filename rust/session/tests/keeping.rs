//! Sessions that are looked at as they lie in their store, and put back.

mod support;

use session::{Config, Error, NoWait, Principal, Restore, Restored, Store, Stored, inspect_embedded};
use support::*;

/// Runs a test on each backend.
fn on_each_backend(test: impl Fn(&Config)) {
    let dir = tempfile::tempdir().unwrap();
    test(&embedded(&path(&dir, "sessions"), 1 << 20));
    if let Some(server) = Memcached::start() {
        test(&server.config());
    }
}

fn restore(store: &mut Store, id: &session::Id, stored: &Stored, force: bool) -> Result<Restored, Error> {
    let Stored { value, flags, expiry, .. } = stored;
    let session = Restore { id, value, flags: *flags, expiry: *expiry, principal: None };
    store.restore(&[session], force, &mut NoWait).unwrap().remove(0)
}

#[test]
fn what_was_looked_at_can_be_put_back() {
    on_each_backend(|config| {
        let config = Config { expiry: Some(1000), compress_threshold: Some(100), ..config.clone() };
        let (mut store, small) = with_session(&config, "a=1");
        let large = new_id();
        store.insert(&large, body(&format!("a={}", "x".repeat(5000))), None, &mut NoWait).unwrap();
        for id in [&small, &large] {
            let stored = store.look(id, &mut NoWait).unwrap().unwrap();
            assert!((990..=1000).contains(&stored.expiry.unwrap()));
            assert_eq!(
                stored.body(id, &session::Secrets::default()).unwrap().len() == stored.value.len(),
                id == &small
            );
            assert_eq!(restore(&mut store, id, &stored, false).unwrap(), Restored::Same);
            let other = Store::open(Config { namespace: b"other:".to_vec(), ..config.clone() });
            let mut other = other.unwrap();
            assert_eq!(restore(&mut other, id, &stored, false).unwrap(), Restored::Stored);
            let back = other.look(id, &mut NoWait).unwrap().unwrap();
            assert_eq!((back.value, back.flags), (stored.value, stored.flags));
            assert!((980..=1000).contains(&back.expiry.unwrap()));
        }
    });
}

#[test]
fn what_the_store_has_stays_unless_it_is_forced() {
    on_each_backend(|config| {
        let (mut store, id) = with_session(config, "a=1");
        let before = store.look(&id, &mut NoWait).unwrap().unwrap();
        let base = loaded(&mut store, &id);
        save(&mut store, &id, &base, "a=2");
        assert_eq!(restore(&mut store, &id, &before, false).unwrap(), Restored::Kept);
        assert_eq!(load(&mut store, &id).unwrap(), "a=2");
        assert_eq!(restore(&mut store, &id, &before, true).unwrap(), Restored::Stored);
        assert_eq!(load(&mut store, &id).unwrap(), "a=1");
        assert!(store.delete(&id, None, &mut NoWait).unwrap());
        assert_eq!(store.look(&id, &mut NoWait).unwrap(), None);
        assert_eq!(restore(&mut store, &id, &before, false).unwrap(), Restored::Kept);
        assert_eq!(load(&mut store, &id), None);
        assert_eq!(restore(&mut store, &id, &before, true).unwrap(), Restored::Stored);
        assert_eq!(load(&mut store, &id).unwrap(), "a=1");
    });
}

#[test]
fn each_of_many_has_its_outcome() {
    on_each_backend(|config| {
        let (mut store, there) = with_session(config, "a=1");
        let stored = store.look(&there, &mut NoWait).unwrap().unwrap();
        let (new, no_session, other) = (new_id(), new_id(), new_id());
        let principal = Principal::of(b"dwho");
        let of = |id, value, flags, principal| Restore { id, value, flags, expiry: None, principal };
        let value = frozen("a=2");
        let sessions = [
            of(&there, &stored.value[..], stored.flags, None),
            of(&new, &value[..], 1, Some(&principal)),
            of(&no_session, &value[..], 0, None),
            of(&there, &value[..], 1, Some(&principal)),
            of(&other, &value[..], 1, None),
        ];
        let outcomes = store.restore(&sessions, false, &mut NoWait).unwrap();
        let [Ok(Restored::Same), Ok(Restored::Stored), Err(error), Ok(Restored::Kept), Ok(Restored::Stored)] =
            &outcomes[..]
        else {
            panic!("{outcomes:?}");
        };
        assert!(error.is_corrupt());
        assert_eq!(store.id_for_principal(&principal, &mut NoWait).unwrap(), Some(new));
        assert_eq!(load(&mut store, &other).unwrap(), "a=2");
        assert_eq!(load(&mut store, &no_session), None);
    });
}

#[test]
fn an_embedded_store_tells_what_room_it_has() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config { expiry: Some(1), ..embedded(&path(&dir, "sessions"), 1 << 20) };
    let (_store, _) = with_session(&config, "a=1");
    let lasting = Config { expiry: None, ..config.clone() };
    let (_store, _) = with_session(&lasting, "a=1");
    let room = inspect_embedded(&config).unwrap().unwrap();
    assert_eq!((room.size, room.items, room.expired), (1 << 20, 2, 0));
    assert!(room.used > 0 && room.file_size >= room.used && room.disk_free > 0);
    until("one has expired", || inspect_embedded(&config).unwrap().unwrap().expired == 1);
    let Some(server) = Memcached::start() else { return };
    assert_eq!(inspect_embedded(&server.config()).unwrap(), None);
}
