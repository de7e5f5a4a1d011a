//! Parent and child go on after a `fork`, each with connections and maps of its own.
//!
//! A program without the test harness: the process that forks must have one thread.

mod support;

use session::{Config, End, NoWait, Store, Target};
use support::*;

fn main() {
    let dir = tempfile::tempdir().unwrap();
    embedded_environments_are_not_shared(&path(&dir, "sessions"));
    grandchildren_and_many_children(&path(&dir, "many"));
    a_lock_is_its_takers(&embedded(&path(&dir, "locks"), 1 << 20));
    if let Some(memcached) = Memcached::start() {
        a_lock_is_its_takers(&memcached.config());
        connections_are_not_shared(&memcached.config(), || {
            let stats = memcached.raw("stats\r\n");
            let total = stats.split("total_connections ").nth(1).unwrap();
            total.split("\\r").next().unwrap().parse().unwrap()
        });
    }
    println!("fork: ok");
}

/// Runs `work` in a child, and fails when the child does.
fn in_child(work: impl FnOnce()) {
    wait_for(fork(work));
}

fn fork(work: impl FnOnce()) -> i32 {
    // SAFETY: this process has one thread.
    match unsafe { libc::fork() } {
        -1 => panic!("{}", std::io::Error::last_os_error()),
        0 => {
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            // SAFETY: ends the child without running what is the parent's to run.
            unsafe { libc::_exit(i32::from(outcome.is_err())) }
        }
        child => child,
    }
}

fn wait_for(child: i32) {
    let mut status = 0;
    // SAFETY: `status` lives through the call.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0, "the child failed");
}

/// A child neither saves under the lock that it inherited nor gives it back, and waits for it as
/// anybody does.
fn a_lock_is_its_takers(config: &Config) {
    let (mut store, id) = with_session(config, "a=1");
    let (mut lock, base) = store.lock_and_load(&id, &mut NoWait).unwrap();
    in_child(|| {
        assert!(!lock.is_held());
        let error =
            store.save_locked(&mut lock, base.as_ref(), body("a=2"), None, End::Unlock, &mut NoWait).unwrap_err();
        assert!(error.is_lock_lost() && error.to_string().contains("that this one was forked from"), "{error}");
        store.unlock(&mut lock, &mut NoWait).unwrap();
        let hasty = Config { lock_timeout: std::time::Duration::ZERO, ..config.clone() };
        let error = Store::open(hasty).unwrap().lock(&id, &mut NoWait).unwrap_err();
        assert!(error.to_string().contains("is locked by process"), "{error}");
    });
    store.save_locked(&mut lock, base.as_ref(), body("a=3"), None, End::Unlock, &mut NoWait).unwrap();
    assert_eq!(load(&mut store, &id).unwrap(), "a=3");
}

/// Saves under one more key than there are.
fn add(store: &mut Store, id: &session::Id, pair: &str) {
    let base = loaded(store, id);
    let text = format!("{} {pair}", thawed(&base.body));
    store.save(id, Some(&base), body(&text), None, &mut NoWait).unwrap();
}

fn embedded_environments_are_not_shared(dir: &std::path::Path) {
    let (mut store, id) = with_session(&embedded(dir, 1 << 20), "parent=1");
    let descriptors = open_files(dir);
    assert!(descriptors >= 2, "{descriptors}");
    in_child(|| {
        add(&mut store, &id, "child=1");
        // What was inherited is closed, and what is open is the child's: as many as in the parent.
        assert_eq!(open_files(dir), descriptors);
        assert_eq!(maps(dir), 2);
        std::process::Command::new("true").status().unwrap();
    });
    assert_eq!(load(&mut store, &id).unwrap(), "child=1 parent=1");
    add(&mut store, &id, "parent2=1");
    // The parent's slot as a reader, and its locks, have outlived the child.
    in_child(|| assert_eq!(load(&mut store, &id).unwrap(), "child=1 parent=1 parent2=1"));
    add(&mut store, &id, "parent3=1");
    assert_eq!(load(&mut store, &id).unwrap(), "child=1 parent=1 parent2=1 parent3=1");
}

fn grandchildren_and_many_children(dir: &std::path::Path) {
    let (mut store, id) = with_session(&embedded(dir, 1 << 20), "n=0");
    let children: Vec<i32> = (0..8)
        .map(|child| {
            fork(|| {
                for round in 0..20 {
                    add_number(&mut store, &id, child, round);
                }
                in_child(|| add_number(&mut store, &id, child + 100, 0));
                add_number(&mut store, &id, child + 200, 0);
            })
        })
        .collect();
    for round in 0..20 {
        add_number(&mut store, &id, 300, round);
    }
    children.into_iter().for_each(wait_for);
    let session = load(&mut store, &id).unwrap();
    for child in 0..8 {
        for expected in [format!("k{child}=19"), format!("k{}=0", child + 100), format!("k{}=0", child + 200)] {
            assert!(session.split(' ').any(|pair| pair == expected), "{expected} in {session}");
        }
    }
    assert!(session.contains("k300=19"), "{session}");
}

fn add_number(store: &mut Store, id: &session::Id, key: i32, value: i32) {
    let base = loaded(store, id);
    let mut pairs: std::collections::BTreeMap<String, String> = storable::from_slice(&base.body).unwrap();
    pairs.insert(format!("k{key}"), value.to_string());
    let bytes = storable::to_vec(&pairs, &storable::Options::default()).unwrap();
    store.save(id, Some(&base), session::Body::storable(bytes), None, &mut NoWait).unwrap();
}

fn connections_are_not_shared(config: &Config, connections: impl Fn() -> usize) {
    let (mut store, id) = with_session(config, "parent=1");
    let Target::Memcached(_) = &store.config().servers else { unreachable!() };
    let sockets = open_sockets();
    assert_eq!(sockets, 1);
    let before = connections();
    in_child(|| {
        add(&mut store, &id, "child=1");
        assert_eq!(open_sockets(), 1, "the inherited connection is closed");
    });
    // Only the child has connected anew; the parent's connection is where it was, with nothing
    // unread on it.
    add(&mut store, &id, "parent2=1");
    assert_eq!(load(&mut store, &id).unwrap(), "child=1 parent=1 parent2=1");
    assert_eq!(connections() - before, 2, "the child's, and the one that asks");
}

/// How many of this process's descriptors are files below `dir`.
fn open_files(dir: &std::path::Path) -> usize {
    descriptors().filter(|target| target.starts_with(dir)).count()
}

fn open_sockets() -> usize {
    descriptors().filter(|target| target.to_string_lossy().starts_with("socket:")).count()
}

fn descriptors() -> impl Iterator<Item = std::path::PathBuf> {
    let entries = std::fs::read_dir("/proc/self/fd").unwrap();
    entries.filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok())
}

/// How many of this process's maps are of files below `dir`.
fn maps(dir: &std::path::Path) -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines().filter(|line| line.contains(dir.to_str().unwrap())).count()
}
