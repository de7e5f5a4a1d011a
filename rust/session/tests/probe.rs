//! Servers that are not what they seem. None of them is sent what is in a session: its bytes would be commands there.

mod support;

use std::collections::BTreeMap;

use session::{Body, End, Error, NoWait, Store};
use support::scripted::Step::{Commands, Say, Silence};
use support::scripted::{Scripted, Step};
use support::*;

const PROBE: [&str; 2] = ["version", "mg AA== b f c t"];
const EMPTY: &str = "VA 7 f1 c7 {O}\r\n\u{5}\u{b}\u{3}\0\0\0\0\r\n";
/// That of a good server to the probe and to a read.
const PROVEN_EMPTY: &str = "VERSION 1.6.18\r\nEN\r\nVA 7 f1 c7 {O}\r\n\u{5}\u{b}\u{3}\0\0\0\0\r\n";

/// What there is in the session that is not to be sent.
const SECRET: &str = "flush_all";

fn secret() -> Body {
    let session = BTreeMap::from([("a", format!("x\r\n{SECRET}\r\n"))]);
    Body::storable(storable::to_vec(&session, &storable::Options::default()).unwrap())
}

fn store(server: &Scripted) -> Store {
    Store::open(server.config()).unwrap()
}

/// What it answers to the probe and to the read behind it, what the error says, and whether trying again is of use.
const UNFIT: [(&str, &str, bool); 17] = [
    // memcached 1.6.0 to 1.6.9 answer a read as the later ones do.
    (
        "VERSION 1.6.9\r\nCLIENT_ERROR invalid flag\r\nVA 7 f1 c7 O1\r\n\u{5}\u{b}\u{3}\0\0\0\0\r\n",
        "is memcached 1.6.9; memcached 1.6.13 or later is needed",
        false,
    ),
    ("VERSION 1.6.12\r\nEN\r\nEN\r\n", "is memcached 1.6.12; memcached 1.6.13 or later is needed", false),
    ("VERSION 1.4.15\r\nERROR\r\nERROR\r\n", "is memcached 1.4.15; memcached 1.6.13 or later is needed", false),
    // One that does not say what it is.
    (
        "VERSION UNKNOWN\r\nCLIENT_ERROR invalid flag\r\nEN\r\n",
        "speaks no meta commands that we know; memcached 1.6.13 or later is needed",
        false,
    ),
    ("ERROR\r\nERROR\r\nERROR\r\n", "speaks no meta commands that we know; memcached 1.6.13 or later is needed", false),
    // Proxies.
    (
        "VERSION 37.0.0 mcrouter\r\nCLIENT_ERROR malformed request\r\n",
        "speaks no meta commands that we know; memcached 1.6.13 or later is needed",
        false,
    ),
    ("VERSION 0.5.0\r\n", "closed the connection when asked whether it speaks meta commands", true),
    ("VERSION 1.6.38\r\nSERVER_ERROR no backend\r\n", "SERVER_ERROR no backend", true),
    // It takes no more connections, or wants to be told a password.
    ("ERROR Too many open connections\r\n", "ERROR Too many open connections", true),
    ("CLIENT_ERROR unauthenticated\r\n", "CLIENT_ERROR unauthenticated", true),
    ("SERVER_ERROR out of memory writing response\r\n", "SERVER_ERROR out of memory writing response", true),
    // Binary protocol, TLS.
    ("", "closed the connection when asked whether it speaks meta commands", true),
    ("VERSION 1.6.18\r\nE", "closed the connection when asked whether it speaks meta commands", true),
    // Redis, a web server, one that speaks first.
    (
        "-ERR unknown command 'version', with args beginning with: \r\n",
        "is no memcached: it answered \"-ERR unknown command \\'version\\', with args beginning with: \"",
        false,
    ),
    ("HTTP/1.1 400 Bad Request\r\n\r\n", "is no memcached: it answered \"HTTP/1.1 400 Bad Request\"", false),
    ("220 mail.example.org ESMTP\r\n", "is no memcached: it answered \"220 mail.example.org ESMTP\"", false),
    ("VERSION 1.6.18\r\nOK\r\nEN\r\n", "answered out of step: \"OK\"", true),
];

#[test]
fn the_probe_goes_with_a_first_request_that_has_no_value() {
    // Nothing is answered before all of it has come.
    let server = Scripted::unproven(vec![vec![Commands(3), Say(PROVEN_EMPTY), Commands(1), Say(EMPTY), Silence]]);
    let mut store = store(&server);
    assert_eq!(load(&mut store, &id("x")).unwrap(), "");
    assert_eq!(load(&mut store, &id("y")).unwrap(), "");
    assert_eq!(server.received(), [&PROBE[..], &["mg x v f c t O1", "mg y v f c t O2"]].concat());
}

#[test]
fn a_value_waits_for_the_answer() {
    let server = Scripted::unproven(vec![vec![
        Commands(2),
        Say("VERSION 1.6.18\r\nEN\r\n"),
        Commands(1),
        Say("HD c7 {O}\r\n"),
        Silence,
    ]]);
    store(&server).insert(&id("x"), body(""), None, &mut NoWait).unwrap();
    assert_eq!(server.received()[..2], PROBE);
    assert!(server.received()[2].starts_with("ms x 7 "), "{:?}", server.received());
}

/// A connection on which the server answers like that when as many commands have come, and what comes then.
fn unfit(commands: usize, answer: &'static str, says: &str) -> Vec<Step> {
    let mut steps = vec![Commands(commands), Say(answer)];
    if !says.starts_with("closed") {
        steps.push(Commands(1));
    }
    steps
}

/// That it is the right error, of the right server.
fn assert_told(error: &Error, server: &Scripted, says: &str, is_retryable: bool) {
    assert_eq!(error.to_string(), format!("memcached {}: {says}", server.address));
    assert_eq!(error.is_retryable(), is_retryable, "{says}");
    assert!(error.is_server() && error.is_unfit_server() != is_retryable, "{says}");
}

fn assert_kept_secret(server: &Scripted) {
    assert!(!server.received().iter().any(|command| command.contains(SECRET)), "{:?}", server.received());
}

#[test]
fn an_unfit_server_is_told_when_a_session_is_read() {
    for (answer, says, is_retryable) in UNFIT {
        let server = Scripted::unproven(vec![vec![Commands(3), Say(answer)], vec![Commands(3), Say(PROVEN_EMPTY)]]);
        let error = store(&server).load(&id("x"), &mut NoWait).unwrap_err();
        assert_told(&error, &server, says, is_retryable);
        assert_eq!(server.received(), [&PROBE[..], &["mg x v f c t O1"]].concat(), "asked once: {says}");
    }
}

#[test]
fn an_unfit_server_gets_no_new_session() {
    for (answer, says, is_retryable) in UNFIT {
        let server = Scripted::unproven(vec![unfit(2, answer, says)]);
        let error = store(&server).insert(&id("x"), secret(), None, &mut NoWait).unwrap_err();
        assert_told(&error, &server, says, is_retryable);
        assert_eq!(server.received(), PROBE, "{says}");
        let server = Scripted::unproven(vec![unfit(2, answer, says)]);
        store(&server).insert_locked(&id("x"), secret(), None, &mut NoWait).unwrap_err();
        assert_eq!(server.received()[..2], PROBE, "{says}");
        assert_kept_secret(&server);
    }
}

/// The lock's item, which says nothing of the session, goes with the probe.
#[test]
fn an_unfit_server_locks_nothing() {
    for (answer, says, is_retryable) in UNFIT {
        // Where the connection was lost, the lock is looked for.
        let server = Scripted::unproven(vec![unfit(4, answer, says), unfit(2, answer, says), unfit(2, answer, says)]);
        let error = store(&server).lock_and_load(&id("x"), &mut NoWait).unwrap_err();
        assert_told(&error, &server, says, is_retryable);
        let received = server.received();
        assert!(received[2].starts_with("ms x.lock ") && received[3] == "mg x v f c t O2", "{received:?}");
    }
}

/// Between the reading of a session and its save, another server has come to that address. The session is open on it before
/// the connection is found closed, or on its way.
#[test]
fn a_server_that_was_replaced_by_an_unfit_one_gets_no_session() {
    let good = || vec![Commands(3), Say(PROVEN_EMPTY)];
    for (answer, says, is_retryable) in UNFIT {
        // Whatever is asked for without a value goes with the probe.
        let unfit = || unfit(2, answer, says);
        let server = Scripted::unproven(vec![good(), unfit(), unfit(), unfit(), unfit()]);
        let mut kept = store(&server);
        let base = loaded(&mut kept, &id("x"));
        server.until_done(3);
        let error = kept.save(&id("x"), Some(&base), secret(), None, &mut NoWait).unwrap_err();
        assert_told(&error, &server, says, is_retryable);
        assert_kept_secret(&server);

        let error = kept.delete(&id("x"), None, &mut NoWait).unwrap_err();
        assert_told(&error, &server, says, is_retryable);
        assert!(!server.received().iter().any(|command| command.starts_with("ms")), "{:?}", server.received());
    }
}

/// The same, and the new one is found when the save has been sent.
#[test]
fn a_save_that_was_cut_off_is_not_sent_to_an_unfit_server() {
    for (answer, says, is_retryable) in UNFIT {
        let cut = vec![Commands(3), Say(PROVEN_EMPTY), Commands(1)];
        let unfit = || unfit(3, answer, says);
        let server = Scripted::unproven(vec![cut, unfit(), unfit(), unfit(), unfit()]);
        let mut store = store(&server);
        let base = loaded(&mut store, &id("x"));
        let error = store.save(&id("x"), Some(&base), secret(), None, &mut NoWait).unwrap_err();
        assert_told(&error, &server, says, is_retryable);
        let sent = server.received().iter().filter(|command| command.contains(SECRET)).count();
        assert_eq!(sent, 1, "{says}: {:?}", server.received());
    }
}

/// Where nothing can be sent on a new connection, as it relies on a version of the former one, it is kept unasked.
#[test]
fn a_connection_that_carried_nothing_is_asked_by_the_next_request() {
    let locked = "VERSION 1.6.18\r\nEN\r\nHD c8 O1\r\nVA 7 f1 c7 O2\r\n\u{5}\u{b}\u{3}\0\0\0\0\r\n";
    let last: Vec<Step> = vec![Commands(3), Say("VERSION 1.6.18\r\nEN\r\nHD c9 {O}\r\n"), Silence];
    let server = Scripted::unproven(vec![vec![Commands(4), Say(locked)], last]);
    let mut store = store(&server);
    let (mut lock, base) = store.lock_and_load(&id("x"), &mut NoWait).unwrap();
    assert!(base.is_some());
    server.until_done(3);
    store.unlock(&mut lock, &mut NoWait).unwrap();
    let received = server.received();
    assert_eq!(received[4..6], PROBE);
    assert!(received[6].starts_with("ms x.lock 18 MA "), "{received:?}");
}

#[test]
fn a_real_server_passes() {
    let Some(server) = Memcached::start() else { return };
    let (mut first, name) = with_session(&server.config(), "a=1");
    let base = loaded(&mut first, &name);
    save(&mut first, &name, &base, "a=2");
    // A thread has connections of its own: this one begins with a read, and that one with a lock.
    std::thread::scope(|scope| {
        scope.spawn(|| assert_eq!(load(&mut server.store(), &name).unwrap(), "a=2")).join().unwrap();
        let locked = || {
            let mut store = server.store();
            let (mut lock, base) = store.lock_and_load(&name, &mut NoWait).unwrap();
            store.save_locked(&mut lock, base.as_ref(), body("a=3"), None, End::Unlock, &mut NoWait).unwrap();
        };
        scope.spawn(locked).join().unwrap();
    });
    assert_eq!(load(&mut first, &name).unwrap(), "a=3");
    assert_eq!(server.raw(&format!("get {name}.lock\r\n")), "END\\r\\n");
}
