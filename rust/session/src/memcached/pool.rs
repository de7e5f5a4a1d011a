//! The connections that are kept between exchanges, and the servers that are known to be down.
//!
//! Each thread has its own pool, so nothing is shared and nothing is locked; and the pool belongs
//! to the process that filled it. After a `fork` the child finds another process id than its own in
//! what it inherited, and closes its copies of the descriptors without a byte being written or
//! read: the parent goes on with the connections.
//!
//! A connection is lent for an exchange and given back after it, so the pool is not borrowed while
//! anybody waits. One connection is kept for each server. An exchange that starts inside another (a
//! signal handler that opens a session) finds none, opens its own, and that is closed when it comes
//! back second.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use rustix::process::{Pid, getpid};

use super::connection::Connection;
use crate::pause::random_part;
use crate::stats;

thread_local! {
    static POOL: RefCell<Pool> = RefCell::new(Pool::new());
}

/// How long a server that refused a connection is passed over: this, and up to half as much again,
/// so that the processes of a host don't all come back at once.
const DEAD_FOR: Duration = Duration::from_secs(20);

struct Pool {
    process: Pid,
    /// One place for each server that was ever used; it is empty while its connection is lent. A program has few.
    kept: Vec<(Box<str>, Option<Connection>)>,
    dead: HashMap<Box<str>, Instant>,
}

impl Pool {
    fn new() -> Pool {
        stats::begin_process();
        Pool { process: getpid(), kept: Vec::new(), dead: HashMap::new() }
    }

    fn place(&mut self, address: &str) -> Option<&mut Option<Connection>> {
        self.kept.iter_mut().find(|(kept, _)| **kept == *address).map(|(_, place)| place)
    }
}

/// Runs `work` on this thread's pool; `None` where the thread is ending and has none any more.
fn with<T>(work: impl FnOnce(&mut Pool) -> T) -> Option<T> {
    POOL.try_with(|pool| {
        let mut pool = pool.borrow_mut();
        if pool.process != getpid() {
            *pool = Pool::new();
        }
        work(&mut pool)
    })
    .ok()
}

/// Borrows the connection that is kept for a server.
pub(super) fn take(address: &str) -> Option<Lent> {
    with(|pool| {
        let connection = pool.place(address)?.take()?;
        Some(Lent { connection, process: pool.process })
    })?
}

/// A connection, and the process that it belongs to.
#[derive(Debug)]
pub(super) struct Lent {
    pub(super) connection: Connection,
    process: Pid,
}

impl Lent {
    pub(super) fn new(connection: Connection) -> Lent {
        let process = getpid();
        Lent { connection, process }
    }

    /// Whether it belongs to this process.
    pub(super) fn is_own(&self) -> bool {
        self.process == getpid()
    }
}

/// Gives a connection back. One that crossed a `fork` on the way is the parent's: it is closed, or it
/// goes back to the parent's pool, which [`take`] throws away.
pub(super) fn keep(address: &str, lent: Lent) {
    // At the end of a thread there is nothing to keep it for.
    let _ = POOL.try_with(|pool| {
        let mut pool = pool.borrow_mut();
        if pool.process != lent.process {
            return;
        }
        match pool.place(address) {
            None => pool.kept.push((address.into(), Some(lent.connection))),
            Some(place) => {
                place.get_or_insert(lent.connection);
            }
        }
    });
}

/// Closes the connections that are kept.
pub(super) fn empty() {
    with(|pool| pool.kept.clear());
}

/// Notes that a server is down.
pub(super) fn mark_dead(address: &str) {
    let until = Instant::now() + DEAD_FOR + random_part(DEAD_FOR / 2);
    with(|pool| pool.dead.insert(address.into(), until));
}

/// Notes that a server is up.
pub(super) fn mark_alive(address: &str) {
    with(|pool| pool.dead.remove(address));
}

/// Whether a server was found down a short while ago.
pub(super) fn is_dead(address: &str) -> bool {
    with(|pool| pool.dead.get(address).is_some_and(|until| Instant::now() < *until)).unwrap_or(false)
}
