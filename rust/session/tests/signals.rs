//! A signal interrupts a wait, and the caller says whether it goes on.
//!
//! A program without the test harness: the signal must reach the thread that waits.

mod support;

use std::time::{Duration, Instant};

use session::{Config, Interrupted, NoWait, Store, Target, Wait};
use support::scripted::Scripted;
use support::scripted::Step::{Await, Commands, Say, Silence};
use support::*;

fn main() {
    alarm_stops_a_wait_for_an_answer();
    a_signal_while_the_answer_is_under_way_stops_the_wait();
    a_handler_that_returns_does_not_break_the_operation();
    the_callback_may_use_a_store_of_its_own();
    a_child_of_the_callback_leaves_the_answer_to_its_parent();
    alarm_stops_a_connect();
    alarm_stops_a_wait_for_a_lock();
    what_was_asked_for_before_an_alarm_is_taken_back();
    println!("signals: ok");
}

/// Counts interruptions, and stops at one of them.
struct StopAt(usize, usize);

impl Wait for StopAt {
    fn interrupted(&mut self) -> Result<(), Interrupted> {
        self.0 += 1;
        if self.0 >= self.1 { Err(Interrupted) } else { Ok(()) }
    }
}

extern "C" fn handler(_signal: libc::c_int) {}

/// Has `SIGALRM` come after a time, and then again and again. `None` ends that.
fn alarm(after: Option<Duration>) {
    let time = |duration: Duration| libc::timeval {
        tv_sec: duration.as_secs() as libc::time_t,
        tv_usec: duration.subsec_micros() as libc::suseconds_t,
    };
    let every = after.unwrap_or_default();
    let timer = libc::itimerval { it_interval: time(every), it_value: time(every) };
    let handler = handler as extern "C" fn(libc::c_int);
    // SAFETY: the handler does nothing, the structures live through the calls, and null is allowed
    // for what was before.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as libc::sighandler_t;
        assert_eq!(libc::sigaction(libc::SIGALRM, &raw const action, std::ptr::null_mut()), 0);
        assert_eq!(libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut()), 0);
    }
}

/// Runs `work` with alarms.
fn with_alarm<T>(every: Duration, work: impl FnOnce() -> T) -> T {
    alarm(Some(every));
    let result = work();
    alarm(None);
    result
}

const TICK: Duration = Duration::from_millis(30);

fn patient(server: &Scripted) -> Config {
    Config { io_timeout: Duration::from_secs(20), ..server.config() }
}

fn alarm_stops_a_wait_for_an_answer() {
    for stop_at in [1, 3] {
        let server = Scripted::start(vec![vec![Commands(1), Silence], vec![Commands(1), Say("EN {O}\r\n"), Silence]]);
        let mut store = Store::open(patient(&server)).unwrap();
        let began = Instant::now();
        let error = with_alarm(TICK, || store.load(&id("x"), &mut StopAt(0, stop_at)).unwrap_err());
        assert!(error.is_interrupted());
        assert!(began.elapsed() < TICK * 3 + Duration::from_secs(2), "{:?}", began.elapsed());
        // The connection with the answer outstanding is gone; the store is not.
        assert_eq!(load(&mut store, &id("y")), None);
        assert_eq!(server.received().len(), 2);
    }
}

/// It arrives during what is done meanwhile, and so cuts nothing short.
fn a_signal_while_the_answer_is_under_way_stops_the_wait() {
    struct Meanwhile(usize);
    impl Wait for Meanwhile {
        fn interrupted(&mut self) -> Result<(), Interrupted> {
            unreachable!("no signal cuts anything short");
        }
        fn sent(&mut self) -> Result<(), Interrupted> {
            self.0 += 1;
            Err(Interrupted)
        }
    }
    let answers = vec![Commands(1), Say("EN {O}\r\n"), Commands(1), Silence];
    let server = Scripted::start(vec![answers, vec![Commands(1), Say("EN {O}\r\n"), Silence]]);
    let mut store = Store::open(patient(&server)).unwrap();
    assert_eq!(load(&mut store, &id("x")), None);
    let mut meanwhile = Meanwhile(0);
    let began = Instant::now();
    let error = store.load(&id("y"), &mut meanwhile).unwrap_err();
    assert!(error.is_interrupted() && meanwhile.0 == 1, "{error}, {} times", meanwhile.0);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    // On a connection of its own.
    assert_eq!(load(&mut store, &id("z")), None);
    assert_eq!(server.received().len(), 3);
}

fn a_handler_that_returns_does_not_break_the_operation() {
    let server = Scripted::start(vec![vec![Commands(1), Await, Say("EN {O}\r\n"), Silence]]);
    let mut store = Store::open(patient(&server)).unwrap();
    struct AnswerAt<'a>(usize, &'a Scripted);
    impl Wait for AnswerAt<'_> {
        fn interrupted(&mut self) -> Result<(), Interrupted> {
            self.0 = self.0.saturating_sub(1);
            if self.0 == 0 {
                self.1.go_on();
            }
            Ok(())
        }
    }
    let mut wait = AnswerAt(3, &server);
    let loaded = with_alarm(TICK, || store.load(&id("x"), &mut wait).unwrap());
    assert!(loaded.is_none());
    // And the time that it may take stays what it was.
    let silent = Scripted::start(vec![vec![Commands(1), Silence]]);
    let config = Config { io_timeout: Duration::from_millis(400), ..silent.config() };
    let began = Instant::now();
    let mut forever = StopAt(0, usize::MAX);
    let error = with_alarm(TICK, || Store::open(config).unwrap().load(&id("x"), &mut forever).unwrap_err());
    assert!(error.is_timeout());
    assert!(forever.0 >= 2, "{}", forever.0);
    assert!((400..3000).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
}

/// As a signal handler in Perl does that ties a session: on the same server as the one that is
/// waited for.
fn the_callback_may_use_a_store_of_its_own() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    let config = Config { io_timeout: Duration::from_secs(20), ..memcached.config() };
    let (mut outer, id) = with_session(&config, "a=1");
    struct Nested<'a>(&'a Memcached, Option<Store>, &'a session::Id, bool);
    impl Wait for Nested<'_> {
        fn interrupted(&mut self) -> Result<(), Interrupted> {
            if let Some(mut store) = self.1.take() {
                self.0.go_on();
                assert_eq!(load(&mut store, self.2).unwrap(), "a=1");
                self.3 = true;
            }
            Ok(())
        }
    }
    let inner = Store::open(config).unwrap();
    let mut wait = Nested(&memcached, Some(inner), &id, false);
    memcached.stop();
    let loaded = with_alarm(TICK, || outer.load(&id, &mut wait).unwrap());
    assert_eq!(thawed(&loaded.unwrap().body), "a=1");
    assert!(wait.3, "the wait was interrupted");
    // Of the two connections one is kept, and it is in step.
    assert_eq!(load(&mut outer, &id).unwrap(), "a=1");
}

/// As a signal handler does that forks, and whose child returns.
fn a_child_of_the_callback_leaves_the_answer_to_its_parent() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    let config = Config { io_timeout: Duration::from_secs(20), ..memcached.config() };
    let (mut store, id) = with_session(&config, "a=1");
    struct Fork<'a>(&'a Memcached, Option<i32>);
    impl Wait for Fork<'_> {
        fn interrupted(&mut self) -> Result<(), Interrupted> {
            if self.1.is_none() {
                // SAFETY: no other thread holds anything that the child needs.
                self.1 = Some(unsafe { libc::fork() });
                if self.1 != Some(0) {
                    self.0.go_on();
                }
            }
            Ok(())
        }
    }
    let mut wait = Fork(&memcached, None);
    memcached.stop();
    let result = with_alarm(TICK, || store.load(&id, &mut wait));
    let child = wait.1.expect("the wait was interrupted");
    if child == 0 {
        let interrupted = result.is_err_and(|error| error.is_interrupted());
        // SAFETY: ends the child without running what is the parent's to run.
        unsafe { libc::_exit(i32::from(!interrupted)) };
    }
    let mut status = 0;
    // SAFETY: `status` lives through the call.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0, "the child went on with its parent's connection");
    assert_eq!(thawed(&result.unwrap().unwrap().body), "a=1");
    assert_eq!(load(&mut store, &id).unwrap(), "a=1");
}

fn alarm_stops_a_wait_for_a_lock() {
    let Some(memcached) = Memcached::start() else {
        return;
    };
    memcached.set("x.lock", 0, b"host=h pid=1 since=0 ttl=60 token=1\n");
    let config = |millis| Config { lock_timeout: Duration::from_millis(millis), ..memcached.config() };
    let began = Instant::now();
    let error =
        with_alarm(TICK, || Store::open(config(20_000)).unwrap().lock(&id("x"), &mut StopAt(0, 5)).unwrap_err());
    assert!(error.is_interrupted());
    assert!(began.elapsed() < TICK * 5 + Duration::from_secs(2), "{:?}", began.elapsed());
    let text = memcached.raw("get x.lock\r\n");
    assert_eq!((text.matches('+').count(), text.matches("\\n-").count()), (1, 1), "out of the queue: {text}");
    // A handler that returns changes nothing.
    let began = Instant::now();
    let error =
        with_alarm(TICK, || Store::open(config(400)).unwrap().lock(&id("x"), &mut StopAt(0, usize::MAX)).unwrap_err());
    assert!(error.is_locked());
    assert!((400..3000).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
}

/// The lock was asked for, and the answer does not come: a word over another connection ends it.
fn what_was_asked_for_before_an_alarm_is_taken_back() {
    let server = Scripted::start(vec![vec![Commands(2), Silence], vec![Commands(1), Say("HD c9 {O}\r\n"), Silence]]);
    let mut store = Store::open(patient(&server)).unwrap();
    let error = with_alarm(TICK, || store.lock_and_load(&id("x"), &mut StopAt(0, 1)).unwrap_err());
    assert!(error.is_interrupted());
    server.until_done(4);
    let received = server.received();
    let token = received[0].split("token=").nth(1).unwrap().split('\\').next().unwrap();
    assert!(received[2].starts_with("ms x.lock 18 MA ") && received[2].contains(&format!("-{token}")), "{received:?}");
}

fn alarm_stops_a_connect() {
    // A listener whose queue is full lets no further connection be made.
    let dir = tempfile::tempdir().unwrap();
    let socket = path(&dir, "socket");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let address = rustix::net::SocketAddrUnix::new(&socket).unwrap();
    let mut queue = Vec::new();
    loop {
        let family = rustix::net::AddressFamily::UNIX;
        let flags = rustix::net::SocketFlags::NONBLOCK;
        let client = rustix::net::socket_with(family, rustix::net::SocketType::STREAM, flags, None).unwrap();
        if rustix::net::connect(&client, &address).is_err() {
            break;
        }
        queue.push(client);
    }
    let target = Target::parse("servers", &[(socket.to_str().unwrap(), 1)]).unwrap();
    let config = |millis| Config {
        servers: target.clone(),
        connect_timeout: Duration::from_millis(millis),
        ..Config::default()
    };
    let began = Instant::now();
    let mut store = Store::open(config(20_000)).unwrap();
    let error = with_alarm(TICK, || store.load(&id("x"), &mut StopAt(0, 2)).unwrap_err());
    assert!(error.is_interrupted());
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let error = Store::open(config(100)).unwrap().load(&id("x"), &mut NoWait).unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(error.to_string(), format!("memcached {}: no connection within 100ms", socket.display()));
    drop(listener);
}
