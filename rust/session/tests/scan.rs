//! All sessions of a store: on real servers, in a directory, and with what goes wrong on the way.

mod support;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::ops::ControlFlow;
use std::time::Duration;

use session::{Config, Encoding, Error, Interrupted, NoWait, Principal, Scanned, Server, Store, Target, Wait};
use support::scripted::{Scripted, Step};
use support::*;

type Sessions = BTreeMap<String, String>;

/// All sessions, thawed, each of which is seen once.
fn scan(config: &Config) -> (Sessions, Scanned) {
    let store = Store::open(config.clone()).unwrap();
    let mut sessions = Sessions::new();
    let scanned = store
        .scan(&mut NoWait, |listed| {
            let body = thawed(&listed.body()?);
            assert_eq!(sessions.insert(listed.id.to_string(), body), None, "seen twice: {}", listed.id);
            Ok::<_, Error>(ControlFlow::Continue(()))
        })
        .unwrap();
    assert_eq!(scanned.sessions, sessions.len() as u64);
    (sessions, scanned)
}

fn fails(config: &Config) -> Error {
    let store = Store::open(config.clone()).unwrap();
    store.scan(&mut NoWait, |_| Ok::<_, Error>(ControlFlow::Continue(()))).unwrap_err()
}

/// Fills a store, and says what is in it.
fn fill(config: &Config, count: usize) -> Sessions {
    let mut store = Store::open(config.clone()).unwrap();
    (0..count)
        .map(|n| {
            let (id, text) = (new_id(), format!("n={n}"));
            store.insert(&id, body(&text), None, &mut NoWait).unwrap();
            (id.to_string(), text)
        })
        .collect()
}

fn several(servers: &[&Memcached]) -> Config {
    Config { servers: Target::Memcached(servers.iter().map(|server| server.server()).collect()), ..servers[0].config() }
}

#[test]
fn every_session_is_seen_once() {
    let Some(one) = Memcached::start() else {
        return;
    };
    let [two, three] = [Memcached::start().unwrap(), Memcached::start().unwrap()];
    let dir = tempfile::tempdir().unwrap();
    for config in [one.config(), several(&[&one, &two, &three]), embedded(&path(&dir, "sessions"), 64 << 20)] {
        for server in [&one, &two, &three] {
            server.raw("flush_all\r\n");
        }
        assert_eq!(scan(&config).0, Sessions::new());
        // More than a batch; not a moment lies between the last store and the scan.
        let sessions = fill(&config, 2000);
        let (seen, scanned) = scan(&config);
        assert_eq!(seen, sessions);
        assert_eq!((scanned.others, scanned.tombstones, scanned.gone, scanned.misplaced), (0, 0, 0, 0));
        assert!(!scanned.stopped && scanned.approximate.is_empty() && scanned.unreachable.is_empty());
    }
}

#[test]
fn what_was_just_stored_is_seen() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    let mut store = memcached.store();
    for count in 1..=300 {
        let id = new_id();
        store.insert(&id, body("a=1"), None, &mut NoWait).unwrap();
        let (seen, _) = scan(&memcached.config());
        assert!(seen.contains_key(&id.to_string()), "{count}");
        assert_eq!(seen.len(), count);
    }
}

#[test]
fn what_is_no_session_is_counted() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    for config in [memcached.config(), embedded(&path(&dir, "sessions"), 64 << 20)] {
        let config = Config { namespace: b"app:".to_vec(), expiry: Some(100), ..config };
        let other = Config { namespace: b"apps:".to_vec(), ..config.clone() };
        let (_, foreign) = with_session(&other, "a=1");
        let (mut store, id) = with_session(&config, "a=1");
        let (_, deleted) = with_session(&config, "a=2");
        store.delete(&deleted, None, &mut NoWait).unwrap();
        let uid = Principal::of(b"dwho");
        let with_record = new_id();
        store.insert(&with_record, body("uid=dwho"), Some(&uid), &mut NoWait).unwrap();
        let locked = id_of_locked(&mut store);

        let (seen, scanned) = scan(&config);
        let ids: Vec<&String> = seen.keys().collect();
        let mut expected = [id.to_string(), with_record.to_string(), locked];
        expected.sort();
        assert_eq!(ids, expected.iter().collect::<Vec<_>>());
        // The record and the lock.
        assert_eq!((scanned.others, scanned.tombstones), (2, 1));
        assert_eq!(scan(&other).0.into_keys().collect::<Vec<_>>(), [foreign.to_string()]);

        let store = Store::open(config.clone()).unwrap();
        store
            .scan(&mut NoWait, |listed| {
                assert!((99..=100).contains(&listed.expiry.unwrap()), "{:?}", listed.expiry);
                assert_eq!((listed.flags, listed.encoding()), (1, Encoding::Storable));
                Ok::<_, Error>(ControlFlow::Continue(()))
            })
            .unwrap();
    }
}

/// A session whose lock is held as long as the store lasts.
fn id_of_locked(store: &mut Store) -> String {
    let id = new_id();
    let (_, lock) = store.insert_locked(&id, body("a=3"), None, &mut NoWait).unwrap();
    std::mem::forget(lock);
    id.to_string()
}

#[test]
fn looking_renews_nothing_and_is_no_use_of_an_item() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    let config = Config { sliding: true, expiry: Some(1000), ..memcached.config() };
    let (_, id) = with_session(&config, "a=1");
    memcached.raw(&format!("mg {id} T50\r\n"));
    let before = memcached.raw(&format!("mg {id} t u\r\n"));
    assert!(before.starts_with("HD t50") || before.starts_with("HD t49"), "{before}");
    // Whether it was used: not by `u`, and not by the scan.
    memcached.set("fresh", 1, &frozen("a=1"));
    scan(&config);
    assert_eq!(memcached.raw("mg fresh h u\r\n"), "HD h0\\r\\n");
    assert!(memcached.ttl(id.to_string().as_str()) <= 50);
}

#[test]
fn values_of_all_sizes_come_whole() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    let mut expected = BTreeMap::new();
    for size in [0, 1, 100, 4 << 10, 60 << 10, 65 << 10, 300 << 10, 1000 << 10, 10, 65_536, 65_535, 65_537] {
        for copy in 0..3 {
            let value: Vec<u8> = (0..size).map(|n: usize| (n % 251) as u8).collect();
            let key = format!("s{size}.{copy}");
            memcached.set(&key, 1, &value);
            expected.insert(key, value);
        }
    }
    let mut seen = BTreeMap::new();
    memcached
        .store()
        .scan(&mut NoWait, |listed| {
            seen.insert(listed.id.to_string(), listed.body()?.into_owned());
            Ok::<_, Error>(ControlFlow::Continue(()))
        })
        .unwrap();
    assert!(seen == expected);
}

#[test]
fn keys_of_any_bytes_come_back() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    let keys = ["plain", "a%b", "h\u{e9}llo", "a&b=c;d,e", "%41", "{}[]\"'", &"k".repeat(250), &"\u{e9}".repeat(125)];
    for key in keys {
        memcached.set(key, 1, &frozen("a=1"));
    }
    let mut seen = Vec::new();
    memcached
        .store()
        .scan(&mut NoWait, |listed| {
            seen.push(String::from_utf8(listed.id.as_bytes().to_vec()).unwrap());
            Ok::<_, Error>(ControlFlow::Continue(()))
        })
        .unwrap();
    seen.sort();
    let mut expected = keys.map(str::to_owned).to_vec();
    expected.sort();
    assert_eq!(seen, expected);
}

#[test]
fn damage_is_told_by_session_and_ends_nothing() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    memcached.set("good", 1, &frozen("a=1"));
    memcached.set("gzip", 3, b"not gzip");
    memcached.set("sealed", 9, b"x");
    let mut told = BTreeMap::new();
    let scanned = memcached
        .store()
        .scan(&mut NoWait, |listed| {
            told.insert(listed.id.to_string(), listed.body().map(|_| ()).map_err(|error| error.to_string()));
            Ok::<_, Error>(ControlFlow::Continue(()))
        })
        .unwrap();
    assert_eq!(scanned.sessions, 3);
    assert_eq!(told["good"], Ok(()));
    assert!(told["gzip"].as_ref().unwrap_err().starts_with("session gzip: damaged gzip data"), "{told:?}");
    assert_eq!(told["sealed"].as_ref().unwrap_err(), "session sealed: is encrypted, no secret given");
}

#[test]
fn the_function_ends_the_scan_and_its_error_is_the_outcome() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    for config in [memcached.config(), embedded(&path(&dir, "sessions"), 64 << 20)] {
        fill(&config, 1000);
        let store = Store::open(config.clone()).unwrap();
        let mut calls = 0;
        let scanned = store
            .scan(&mut NoWait, |_| {
                calls += 1;
                Ok::<_, Error>(if calls == 300 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            })
            .unwrap();
        assert_eq!((calls, scanned.sessions, scanned.stopped), (300, 300, true));

        let error = store.scan(&mut NoWait, |_| Err(Failure("on purpose".to_owned()))).unwrap_err();
        assert_eq!(error.0, "on purpose");
        // And the next one finds the server free.
        assert_eq!(scan(&config).0.len(), 1000);
    }
}

#[derive(Debug)]
struct Failure(String);

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure(error.to_string())
    }
}

#[test]
fn other_stores_can_be_used_meanwhile_and_only_what_is_unchanged_is_deleted() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    for config in [memcached.config(), embedded(&path(&dir, "sessions"), 64 << 20)] {
        let sessions = fill(&config, 1000);
        let store = Store::open(config.clone()).unwrap();
        let mut other = Store::open(config.clone()).unwrap();
        let (mut deleted, mut kept) = (0, 0);
        store
            .scan(&mut NoWait, |listed| {
                let odd = !sessions[&listed.id.to_string()].ends_with(['0', '2', '4', '6', '8']);
                if odd {
                    // Somebody else's change.
                    let base = loaded(&mut other, listed.id);
                    save(&mut other, listed.id, &base, "n=changed");
                }
                match other.delete_unchanged(listed.id, &listed.state(), None, &mut NoWait)? {
                    true => deleted += 1,
                    false => kept += 1,
                }
                Ok::<_, Error>(ControlFlow::Continue(()))
            })
            .unwrap();
        assert_eq!((deleted, kept), (500, 500));
        let (left, scanned) = scan(&config);
        assert_eq!(left.len(), 500);
        assert_eq!(scanned.tombstones, 500);
        assert!(left.values().all(|body| body == "n=changed"));
    }
}

#[test]
fn deleting_what_has_gone_is_no_error_and_takes_the_record_along() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    for config in [memcached.config(), embedded(&path(&dir, "sessions"), 64 << 20)] {
        let mut store = Store::open(config).unwrap();
        let (id, uid) = (new_id(), Principal::of(b"dwho"));
        assert_eq!(store.id_for_principal(&uid, &mut NoWait).unwrap(), None);
        store.insert(&id, body("uid=dwho"), Some(&uid), &mut NoWait).unwrap();
        let mut state = None;
        store
            .scan(&mut NoWait, |listed| {
                state = Some(listed.state());
                Ok::<_, Error>(ControlFlow::Continue(()))
            })
            .unwrap();
        let state = state.unwrap();
        assert_eq!(store.id_for_principal(&uid, &mut NoWait).unwrap(), Some(id.clone()));
        assert!(store.delete_unchanged(&id, &state, Some(&uid), &mut NoWait).unwrap());
        assert_eq!(store.id_for_principal(&uid, &mut NoWait).unwrap(), None);
        assert!(!store.delete_unchanged(&id, &state, Some(&uid), &mut NoWait).unwrap());
        assert!(!store.delete_unchanged(&new_id(), &state, None, &mut NoWait).unwrap());
        // A session under a key that could be a digest is no record.
        store.insert(&id_of(&uid), body("a=1"), None, &mut NoWait).unwrap();
        assert_eq!(store.id_for_principal(&uid, &mut NoWait).unwrap(), None);
    }
}

fn id_of(principal: &Principal) -> session::Id {
    id(principal.digest())
}

#[test]
fn leftovers_on_other_servers_are_not_listed() {
    let Some(one) = Memcached::start() else {
        return;
    };
    let two = Memcached::start().unwrap();
    let both = several(&[&one, &two]);
    fill(&one.config(), 100);
    fill(&two.config(), 100);
    let (seen, scanned) = scan(&both);
    assert_eq!(seen.len() as u64 + scanned.misplaced, 200);
    assert!(scanned.misplaced > 50, "{scanned:?}");
    // What is listed is what is found.
    let mut store = Store::open(both).unwrap();
    assert!(seen.keys().all(|key| load(&mut store, &id(key)).is_some()));
}

#[test]
fn a_server_that_is_down_is_an_error_or_left_out() {
    let Some(one) = Memcached::start() else {
        return;
    };
    let two = Memcached::start().unwrap();
    let (address, both) = (two.address.clone(), several(&[&one, &two]));
    fill(&both, 50);
    two.kill();
    let error = fails(&both);
    assert!(error.is_server());
    assert!(error.to_string().starts_with(&format!("memcached {address}: can't connect")), "{error}");

    // Those that are saved now go to the server that is up, and are listed.
    let mut store = Store::open(both.clone()).unwrap();
    let mut moved = Vec::new();
    for _ in 0..50 {
        let id = new_id();
        store.insert(&id, body("a=1"), None, &mut NoWait).unwrap();
        moved.push(id.to_string());
    }
    let mut seen = Vec::new();
    let scanned = store
        .scan_reachable(&mut NoWait, |listed| {
            seen.push(listed.id.to_string());
            Ok::<_, Error>(ControlFlow::Continue(()))
        })
        .unwrap();
    assert_eq!(scanned.unreachable.len(), 1);
    assert!(moved.iter().all(|id| seen.contains(id)));

    let nobody = Config { servers: Target::parse("servers", &[(address.as_str(), 1)]).unwrap(), ..both };
    let store = Store::open(nobody).unwrap();
    let error = store.scan_reachable(&mut NoWait, |_| Ok::<_, Error>(ControlFlow::Continue(()))).unwrap_err();
    assert!(error.is_server());
}

/// A connection on which a list was begun, and is not read.
fn unread_dump(memcached: &Memcached, flags: u32) -> TcpStream {
    // More than the system keeps for a connection at both ends.
    for n in 0..40 {
        let mut stream = TcpStream::connect(&memcached.address).unwrap();
        let sets: String =
            (0..1000).map(|m| format!("ms filler{}{n:03}{m:03} 1 F{flags} q\r\nx\r\n", "x".repeat(200))).collect();
        stream.write_all(format!("{sets}mn\r\n").as_bytes()).unwrap();
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).unwrap();
        assert_eq!(line, "MN\r\n");
    }
    let mut dump = TcpStream::connect(&memcached.address).unwrap();
    dump.write_all(b"lru_crawler metadump all\r\n").unwrap();
    // Until the server is stuck in it.
    until("the list is under way", || {
        (0..20).all(|_| {
            std::thread::sleep(Duration::from_millis(5));
            memcached.raw("stats\r\n").contains("lru_crawler_running 1")
        })
    });
    dump
}

#[test]
fn a_scan_waits_for_its_turn() {
    let Some(memcached) = Memcached::start_with(&["-m", "256"]) else {
        return;
    };
    let config = Config { lock_timeout: Duration::from_millis(300), ..memcached.config() };
    let (_, id) = with_session(&config, "a=1");
    let dump = unread_dump(&memcached, 0);
    let error = fails(&config);
    assert_eq!(
        error.to_string(),
        format!("memcached {}: lists its items to somebody else; no turn within 300ms", memcached.address)
    );
    assert!(error.is_timeout() && error.is_retryable());
    // A turn that comes is taken.
    let patient = Config { lock_timeout: Duration::from_secs(60), ..config };
    let scanning = std::thread::spawn(move || scan(&patient));
    std::thread::sleep(Duration::from_millis(50));
    assert!(!scanning.is_finished());
    drop(dump);
    let (seen, _) = scanning.join().unwrap();
    assert_eq!(seen.into_keys().collect::<Vec<_>>(), [id.to_string()]);
}

#[test]
fn a_signal_ends_the_waiting_for_a_turn() {
    struct Impatient(u32);
    impl Wait for Impatient {
        fn interrupted(&mut self) -> Result<(), Interrupted> {
            self.0 += 1;
            if self.0 < 5 { Ok(()) } else { Err(Interrupted) }
        }
    }
    let Some(memcached) = Memcached::start_with(&["-m", "256"]) else {
        return;
    };
    let _dump = unread_dump(&memcached, 0);
    let store = memcached.store();
    let scanned = store.scan(&mut Impatient(0), |_| Ok::<_, Error>(ControlFlow::Continue(())));
    assert!(scanned.unwrap_err().is_interrupted());
}

/// A server whose first connection is asked for its list, and the second for values.
fn scripted(list: Vec<Step>, values: Vec<Step>) -> Scripted {
    Scripted::start(vec![idle(list), values])
}

/// The list of a server that has no other under way.
fn idle(list: Vec<Step>) -> Vec<Step> {
    let idle = Step::Say("STAT pid 1\r\nSTAT lru_crawler_running 0\r\nEND\r\n");
    [vec![Step::Commands(1), idle], list].concat()
}

#[test]
fn an_old_server_is_listed_by_its_queues() {
    let list = vec![
        Step::Commands(1),
        Step::Say("BADCLASS invalid class id\r\n"),
        Step::Commands(1),
        Step::Say("END\r\n"),
        Step::Commands(1),
        Step::Say("key=abc exp=-1 la=1\nEND\r\n"),
    ];
    let value = Step::Say("VA 7 f1 c9 t-1 {O}\r\n\x05\x0b\x03\0\0\0\0\r\n");
    let server = scripted(list, vec![Step::Commands(1), value]);
    let (seen, scanned) = scan(&server.config());
    assert_eq!(seen.into_keys().collect::<Vec<_>>(), ["abc"]);
    assert_eq!(scanned.approximate, std::slice::from_ref(&server.address));
    let received = server.received();
    assert_eq!(received[1..4], ["lru_crawler metadump hash", "stats", "lru_crawler metadump all"]);
    assert!(received[4].starts_with("mg abc v f c t u O"), "{received:?}");
}

#[test]
fn a_list_may_begin_with_ok() {
    let value = || vec![Step::Commands(1), Step::Say("VA 7 f1 c9 t-1 {O}\r\n\x05\x0b\x03\0\0\0\0\r\n")];
    for pieces in [vec!["OK\r\nkey=abc exp=-1 la=1\nEND\r\n"], vec!["OK\r", "\n", "key=abc exp=-1 la=1\nEND\r\n"]] {
        let list: Vec<Step> = std::iter::once(Step::Commands(1)).chain(pieces.into_iter().map(Step::Say)).collect();
        let server = scripted(list, value());
        let (seen, scanned) = scan(&server.config());
        assert_eq!(seen.into_keys().collect::<Vec<_>>(), ["abc"]);
        assert_eq!(scanned.approximate, [] as [String; 0]);
    }
    let nothing = scripted(vec![Step::Commands(1), Step::Say("OK\r\nEND\r\n")], vec![Step::Silence]);
    assert_eq!(scan(&nothing.config()).0.len(), 0);
}

#[test]
fn faults_of_a_list_name_the_server() {
    let asked = Step::Commands(1);
    for (steps, expected) in [
        (vec![asked.clone(), Step::Say("key=abc exp=-1 la=1\nkey=de")], "closed the connection"),
        (
            vec![asked.clone(), Step::Say("ERROR lru crawler disabled\r\n")],
            "can't list its items: ERROR lru crawler disabled",
        ),
        (vec![asked.clone(), Step::Say("ERROR\r\n")], "can't list its items: ERROR"),
        (
            vec![
                asked.clone(),
                Step::Say("BADCLASS\r\n"),
                asked.clone(),
                Step::Say("END\r\n"),
                asked.clone(),
                Step::Say("BADCLASS\r\n"),
            ],
            "can't list its items: it knows no way to",
        ),
        (vec![asked.clone(), Step::Say("\x1b[31m\r\n")], "answered out of step: \"\\x1b[31m\""),
        (vec![asked.clone(), Step::Say("OK\n")], "closed the connection"),
        (vec![asked.clone(), Step::Say("OK\r\nOK\r\n")], "answered out of step: \"OK\\r\""),
        (vec![asked.clone(), Step::Say("key=%4 exp=1\n")], "answered out of step: \"key=%4 exp=1\""),
        (vec![asked.clone(), Step::Say("key=a b=c\nEND\r\nmore")], "answered out of step: \"more\""),
        (vec![asked.clone(), Step::Say("key=a b=c\nwhat\n")], "answered out of step: \"what\""),
        (vec![asked, Step::Say("key=a b=c\n"), Step::Silence], "no answer within 200ms"),
    ] {
        let server = scripted(steps.clone(), vec![]);
        let error = fails(&Config { io_timeout: Duration::from_millis(200), ..server.config() });
        assert_eq!(error.to_string(), format!("memcached {}: {expected}", server.address), "{steps:?}");
    }
}

#[test]
fn faults_of_values_name_the_server() {
    let list = || vec![Step::Commands(1), Step::Say("key=a exp=-1\nkey=b exp=-1\nEND\r\n")];
    for (say, expected) in [
        ("VA 1 f1 c9 O77777\r\nx\r\n", "answered out of step: \"VA 1 f1 c9 O77777\""),
        ("VA 1 f1 c9 t-1 O1\r\nxyz\r\n", "answered out of step: \"yz\""),
        ("SERVER_ERROR out of memory\r\n", "SERVER_ERROR out of memory"),
        ("HD\r\n", "answered out of step: \"HD\""),
    ] {
        let server = scripted(list(), vec![Step::Commands(2), Step::Say(say)]);
        let error = fails(&server.config());
        assert_eq!(error.to_string(), format!("memcached {}: {expected}", server.address), "{say}");
    }
    let server = scripted(list(), vec![Step::Commands(2), Step::Silence]);
    assert!(fails(&server.hasty()).is_timeout());
}

#[test]
fn a_connection_that_ends_between_values_is_replaced_once() {
    const ONE: &str = "VA 7 f1 c9 t-1 O1\r\n\x05\x0b\x03\0\0\0\0\r\nVA 7 f1 c9";
    const TWO: &str = "VA 7 f1 c9 t-1 O2\r\n\x05\x0b\x03\0\0\0\0\r\n";
    let list = vec![Step::Commands(1), Step::Say("key=a exp=-1\nkey=b exp=-1\nEND\r\n")];
    let values = vec![Step::Commands(2), Step::Say(ONE)];
    let again = vec![Step::Commands(1), Step::Say(TWO)];
    let server = Scripted::start(vec![idle(list.clone()), values.clone(), again]);
    let (seen, scanned) = scan(&server.config());
    assert_eq!(seen.into_keys().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(scanned.sessions, 2);
    assert_eq!(server.received().last().unwrap().split(' ').next_back(), Some("O2"));

    // A server that closes every connection at once is not asked for ever.
    let server = Scripted::start(vec![idle(list), values, vec![Step::Commands(1)]]);
    assert!(fails(&server.config()).to_string().ends_with("closed the connection"));
}

#[test]
fn a_scan_inside_a_scan_waits_for_nothing() {
    let Some(memcached) = Memcached::start_with(&["-m", "256"]) else {
        return;
    };
    let config = memcached.config();
    fill(&config, 10);
    let store = memcached.store();
    // What the server has sent to the end is no matter.
    let mut inner = 0;
    store
        .scan(&mut NoWait, |_| {
            inner += scan(&config).0.len();
            Ok::<_, Error>(ControlFlow::Continue(()))
        })
        .unwrap();
    assert_eq!(inner, 100);
    // More than is taken in at a time.
    drop(unread_dump(&memcached, 1));
    let mut told = None;
    store
        .scan(&mut NoWait, |_| {
            told = Some(fails(&config).to_string());
            Ok::<_, Error>(ControlFlow::Break(()))
        })
        .unwrap();
    let expected = "is being listed by this process; one listing can't begin inside another";
    assert_eq!(told.unwrap(), format!("memcached {}: {expected}", memcached.address));
}

#[test]
fn a_list_is_read_to_its_end_while_the_function_takes_its_time() {
    let Some(memcached) = Memcached::start_with(&["-m", "256"]) else {
        return;
    };
    drop(unread_dump(&memcached, 1));
    let store = memcached.store();
    let mut calls = 0;
    let scanned = store
        .scan(&mut NoWait, |_| {
            calls += 1;
            std::thread::sleep(Duration::from_millis(10));
            // Long before all are seen, the server has nothing under way any more.
            let over = memcached.raw("stats\r\n").contains("lru_crawler_running 0");
            Ok::<_, Error>(if over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })
        .unwrap();
    assert!(scanned.stopped && calls < 500, "{calls}");
}

#[test]
fn a_server_that_is_killed_ends_the_scan() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    let config = Config { io_timeout: Duration::from_secs(2), ..memcached.config() };
    fill(&config, 5000);
    let address = memcached.address.clone();
    let mut memcached = Some(memcached);
    let store = Store::open(config).unwrap();
    let error = store
        .scan(&mut NoWait, |_| {
            if let Some(memcached) = memcached.take() {
                memcached.kill();
            }
            Ok::<_, Error>(ControlFlow::Continue(()))
        })
        .unwrap_err();
    assert!(error.to_string().starts_with(&format!("memcached {address}: ")), "{error}");
}

#[test]
fn a_server_that_stands_twice_and_one_without_weight_are_listed_once_and_never() {
    let Some(one) = Memcached::start() else {
        return;
    };
    let two = Memcached::start().unwrap();
    let unused = Server { weight: 0, address: "127.0.0.1:1".to_owned() };
    let heavy = Server { weight: 3, ..two.server() };
    let servers = Target::Memcached(vec![unused, one.server(), heavy, one.server()]);
    let config = Config { servers, ..one.config() };
    let sessions = fill(&config, 300);
    assert_eq!(scan(&config).0, sessions);
}
