//! Servers that misbehave.

mod support;

use std::time::{Duration, Instant};

use session::{Config, NoWait, Outcome, Principal, Store, Target};
use support::scripted::Step::{Await, Commands, Reset, Say, Silence};
use support::scripted::{Scripted, Step};
use support::*;

fn store(server: &Scripted) -> Store {
    Store::open(server.config()).unwrap()
}

/// What loading the session `x` from a server with this script says.
fn load_error(connections: Vec<Vec<Step>>) -> (session::Error, String) {
    let silent = connections.iter().flatten().any(|step| matches!(step, Silence));
    let server = Scripted::start(connections);
    let config = if silent { server.hasty() } else { server.config() };
    let error = Store::open(config).unwrap().load(&id("x"), &mut NoWait).unwrap_err();
    let text = error.to_string();
    let text = text.strip_prefix(&format!("memcached {}: ", server.address)).expect("it names the server");
    (error, text.to_owned())
}

const EMPTY: &str = "VA 7 f1 c7 {O}\r\n\u{5}\u{b}\u{3}\0\0\0\0\r\n";

#[test]
fn requests_and_round_trips() {
    let server = Scripted::start(vec![vec![Commands(1), Say(EMPTY), Commands(2), Say("HD c8 O2\r\nHD c9 O3\r\n")]]);
    let mut store = store(&server);
    let base = loaded(&mut store, &id("x"));
    let principal = Principal::of(b"dwho");
    let saved = store.save(&id("x"), Some(&base), body(""), Some(&principal), &mut NoWait).unwrap();
    assert_eq!(saved.outcome, Outcome::Stored);
    let value = "\\x05\\x0b\\x03\\x00\\x00\\x00\\x00\\r\\n";
    assert_eq!(
        server.received(),
        [
            "mg x v f c t O1".to_owned(),
            format!("ms x 7 c F1 T0 C7 O2\r\n{value}"),
            format!("ms {} 1 c F0 T0 O3\r\nx\\r\\n", principal.digest()),
        ]
    );
}

#[test]
fn a_silent_server_costs_its_time_and_no_more() {
    let began = Instant::now();
    let (error, says) = load_error(vec![vec![Commands(1), Silence]]);
    assert!(error.is_timeout() && error.is_retryable());
    assert_eq!(says, "no answer within 200ms");
    assert!((180..1500).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
}

#[test]
fn a_server_that_trickles_costs_its_time_and_no_more() {
    let mut steps = vec![Commands(1), Say("VA 100 f1 c7 {O}\r\n")];
    steps.extend([Say("x"), Silence]);
    let began = Instant::now();
    let (error, _) = load_error(vec![steps]);
    assert!(error.is_timeout());
    assert!(began.elapsed() < Duration::from_millis(1500), "{:?}", began.elapsed());
}

#[test]
fn two_silent_servers_cost_the_time_of_one() {
    let script = || Scripted::start(vec![vec![Commands(1), Silence]]);
    let servers = [script(), script()];
    let addresses = [0, 1].map(|n| (servers[n].address.clone(), 1));
    let config = Config {
        servers: Target::parse("servers", &addresses).unwrap(),
        io_timeout: Duration::from_secs(1),
        ..servers[0].config()
    };
    let (name, principal) = on_two_servers();
    let began = Instant::now();
    let error = Store::open(config).unwrap().insert(&name, body(""), Some(&principal), &mut NoWait).unwrap_err();
    assert!(error.is_timeout(), "{error}");
    // All are sent their part before any is waited for.
    assert!(began.elapsed() < Duration::from_millis(1900), "{:?}", began.elapsed());
    assert!(servers.iter().all(|server| server.received().len() == 1));
}

#[test]
fn a_late_answer_is_nobodys() {
    let late = "VA 15 f1 c7 O1\r\n\u{5}\u{b}\u{3}\0\0\0\u{1}\n\u{1}1\0\0\0\u{1}a\r\n";
    let server =
        Scripted::start(vec![vec![Commands(1), Await, Say(late), Silence], vec![Commands(1), Say("EN {O}\r\n")]]);
    let mut store = Store::open(server.hasty()).unwrap();
    assert!(store.load(&id("x"), &mut NoWait).unwrap_err().is_timeout());
    server.go_on();
    assert_eq!(load(&mut store, &id("y")), None);
}

#[test]
fn an_answer_to_a_former_question_is_out_of_step() {
    let (_, says) = load_error(vec![vec![Commands(1), Say("VA 7 f1 c7 O0\r\n\u{5}\u{b}\u{3}\0\0\0\0\r\n")]]);
    assert_eq!(says, "answered out of step: \"VA 7 f1 c7 O0\"");
}

#[test]
fn bytes_that_nobody_asked_for_end_a_connection() {
    let server = Scripted::start(vec![
        vec![Commands(1), Say("EN {O}\r\nEN\r\n"), Silence],
        vec![Commands(1), Say("EN {O}\r\n"), Await, Say("EN\r\n"), Silence],
        vec![Commands(1), Say("EN {O}\r\n"), Silence],
    ]);
    let mut store = store(&server);
    for (name, stray_from) in [("with its answer", None), ("later", Some(7)), ("never", None)] {
        assert_eq!(load(&mut store, &id("x")), None, "{name}");
        if let Some(steps) = stray_from {
            server.go_on();
            server.until_done(steps);
        }
    }
    server.until_done(10);
}

#[test]
fn cut_after_every_byte() {
    let answer = "VA 7 f1 c7 O1\r\n1234567\r\n";
    for end in 1..answer.len() {
        let cut: &'static str = Box::leak(answer[..end].to_owned().into_boxed_str());
        let (error, says) = load_error(vec![vec![Commands(1), Say(cut)]]);
        assert_eq!(says, "closed the connection", "cut at {end}");
        assert!(error.is_retryable());
    }
}

#[test]
fn garbage() {
    for (garbage, says) in [
        ("HTTP/1.1 400 Bad Request\r\n\r\n", "answered out of step: unknown return code \"HTTP/1.1\""),
        ("\r\n", "answered out of step: empty response line"),
        (
            "VA 4294967296 f1 c7 O1\r\n",
            "answered out of step: a value of 4294967296 bytes, above the limit of 1073741824",
        ),
        ("VA 3 f1 c7 O1\r\nabcde", "answered out of step: \"de\""),
        ("HD f1 c7 O1\r\n", "answered out of step: \"HD f1 c7 O1\""),
        ("ERROR\r\n", "speaks no meta commands that we know; memcached 1.6.13 or later is needed"),
        ("SERVER_ERROR out of memory reading request\r\n", "SERVER_ERROR out of memory reading request"),
        ("CLIENT_ERROR bad command line format\r\n", "CLIENT_ERROR bad command line format"),
    ] {
        assert_eq!(load_error(vec![vec![Commands(1), Say(garbage)]]).1, says);
    }
    let endless: &'static str = Box::leak("x".repeat(5000).into_boxed_str());
    let (_, says) = load_error(vec![vec![Commands(1), Say(endless), Silence]]);
    assert_eq!(says, format!("answered out of step: \"{}\"", "x".repeat(80)));
}

#[test]
fn a_length_alone_takes_no_memory() {
    let (error, _) = load_error(vec![vec![Commands(1), Say("VA 1073741824 f1 c7 O1\r\nx"), Silence]]);
    assert!(error.is_timeout());
}

#[test]
fn a_kept_connection_that_is_closed_is_replaced() {
    let server = Scripted::start(vec![
        vec![Commands(1), Say(EMPTY)],
        vec![Commands(1), Say(EMPTY), Commands(1), Say("HD c8 {O}\r\n"), Silence],
    ]);
    let mut store = store(&server);
    let base = loaded(&mut store, &id("x"));
    server.until_done(3);
    let saved = store.save(&id("x"), Some(&base), body(""), None, &mut NoWait).unwrap();
    assert_eq!(saved.outcome, Outcome::Stored);
    assert_eq!(server.received().iter().filter(|command| command.starts_with("ms")).count(), 1);
}

#[test]
fn a_read_is_repeated_when_the_kept_connection_breaks_under_it() {
    let server =
        Scripted::start(vec![vec![Commands(1), Say("EN {O}\r\n"), Reset], vec![Commands(1), Say(EMPTY), Silence]]);
    let mut store = store(&server);
    assert_eq!(load(&mut store, &id("x")), None);
    assert_eq!(load(&mut store, &id("x")).unwrap(), "");
}

#[test]
fn a_fresh_connection_that_breaks_is_an_error() {
    let server = Scripted::start(vec![vec![Commands(1)], vec![Commands(1), Say(EMPTY), Silence]]);
    let error = store(&server).load(&id("x"), &mut NoWait).unwrap_err();
    assert!(error.to_string().ends_with("closed the connection"), "{error}");
    assert_eq!(server.received().len(), 1);
}

/// The connection breaks when the save was sent, and the server has, or has not, carried it out.
#[test]
fn a_save_that_was_cut_off_finds_out_what_became_of_it() {
    let sent = "VA 7 f1 c8 {O}\r\n\u{5}\u{b}\u{3}\0\0\0\0\r\n";
    let unchanged = "VA 15 f1 c7 {O}\r\n\u{5}\u{b}\u{3}\0\0\0\u{1}\n\u{1}1\0\0\0\u{1}a\r\n";
    let another = "VA 15 f1 c9 {O}\r\n\u{5}\u{b}\u{3}\0\0\0\u{1}\n\u{1}2\0\0\0\u{1}a\r\n";
    let load_and_cut = || vec![Commands(1), Say(unchanged), Commands(1)];
    let stored = [Commands(1), Say("HD c10 {O}\r\n"), Silence];
    for (name, after, outcome) in [
        ("done", vec![Commands(1), Say(sent), Silence], Outcome::Stored),
        (
            "not done",
            [&[Commands(1), Say(unchanged), Commands(1), Say(unchanged)][..], &stored].concat(),
            Outcome::Stored,
        ),
        (
            "another was",
            [&[Commands(1), Say(another), Commands(1), Say(another)][..], &stored].concat(),
            Outcome::Merged { theirs: keys(""), ours: keys("a") },
        ),
        ("gone", [&[Commands(1), Say("EN {O}\r\n")][..], &stored].concat(), Outcome::Stored),
    ] {
        let server = Scripted::start(vec![load_and_cut(), after]);
        let mut store = store(&server);
        let base = loaded(&mut store, &id("x"));
        let saved = store.save(&id("x"), Some(&base), body(""), None, &mut NoWait);
        assert_eq!(saved.unwrap_or_else(|error| panic!("{name}: {error}")).outcome, outcome, "{name}");
    }
}

/// The save was to renew the expiry: that the same bytes are there does not say that it was done.
#[test]
fn a_save_of_the_same_bytes_that_was_cut_off_is_repeated() {
    let server = Scripted::start(vec![
        vec![Commands(1), Say(EMPTY), Commands(1)],
        vec![Commands(1), Say(EMPTY), Commands(1), Say("HD c8 {O}\r\n"), Silence],
    ]);
    let mut store = store(&server);
    let base = loaded(&mut store, &id("x"));
    let saved = store.save(&id("x"), Some(&base), body(""), None, &mut NoWait).unwrap();
    assert_eq!(saved.outcome, Outcome::Stored);
    assert_eq!(server.received().iter().filter(|command| command.starts_with("ms")).count(), 2);
}

/// The connection ends between the reading of a principal's record and its removal.
#[test]
fn a_record_is_removed_over_another_connection() {
    let record = "VA 1 f0 c5 {O}\r\nx\r\n";
    let found = ["HD f1 c7 {O}\r\n", "HD c8 {O}\r\n", record];
    let server = Scripted::start(vec![
        found.iter().flat_map(|answer| [Commands(1), Say(answer)]).collect(),
        vec![Commands(1), Say(record), Commands(1), Say("HD {O}\r\n"), Silence],
    ]);
    let deleted = store(&server).delete(&id("x"), Some(&Principal::of(b"dwho")), &mut NoWait);
    assert!(deleted.unwrap());
    assert!(server.received().last().unwrap().starts_with("md "), "{:?}", server.received());
}

#[test]
fn a_server_that_refuses_is_named() {
    let port = free_port("127.0.0.1");
    let target = Target::parse("servers", &[(format!("127.0.0.1:{port}"), 1)]).unwrap();
    let mut store = Store::open(Config { servers: target, ..Config::default() }).unwrap();
    let error = store.load(&id("x"), &mut NoWait).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("memcached 127.0.0.1:{port}: can't connect: Connection refused (os error 111)")
    );
    let target = Target::parse("servers", &[("/no/such/socket", 1)]).unwrap();
    let mut store = Store::open(Config { servers: target, ..Config::default() }).unwrap();
    let error = store.load(&id("x"), &mut NoWait).unwrap_err();
    assert_eq!(error.to_string(), "memcached /no/such/socket: can't connect: No such file or directory (os error 2)");
}

#[test]
fn nothing_is_sent_when_a_part_of_the_batch_has_no_server() {
    let server = Scripted::start(vec![vec![Commands(1), Say("EN {O}\r\n"), Silence]]);
    let dead = format!("127.0.0.1:{}", free_port("127.0.0.1"));
    let target = Target::parse("servers", &[(server.address.clone(), 1), (dead, 1)]).unwrap();
    let config = Config { servers: target, no_rehash: true, ..server.config() };
    let mut store = Store::open(config).unwrap();
    // The session is on the server that is up, the principal's record on the one that is down.
    let (name, principal) = on_two_servers();
    let error = store.insert(&name, body(""), Some(&principal), &mut NoWait).unwrap_err();
    assert!(error.to_string().contains("can't connect"), "{error}");
    assert_eq!(server.received(), [] as [&str; 0]);
}

/// A session on the first of two servers, and a principal whose record is on the second.
fn on_two_servers() -> (session::Id, Principal) {
    let name = (0..).map(|n| id(&format!("s{n}"))).find(|id| home(id.as_bytes()) == 0);
    let principal =
        (0_u32..).map(|n| Principal::of(&n.to_le_bytes())).find(|principal| home(principal.digest().as_bytes()) == 1);
    (name.unwrap(), principal.unwrap())
}

/// Which of two servers has a key.
fn home(key: &[u8]) -> u32 {
    ((crc32fast::hash(key) >> 16) & 0x7fff) % 2
}
