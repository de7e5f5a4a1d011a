//! What the stores of this process have done since it began.
//!
//! Plain counters, for all stores and threads together. A child of `fork` begins with zeros.
//!
//! ```
//! let stats: std::collections::BTreeMap<_, _> = session::stats().collect();
//! assert_eq!(stats["writes"], 0);
//! ```

use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

use rustix::process::getpid;

use crate::error::{Error, Result};

/// Declares the counters and their names.
macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $counter:ident $name:literal,)*) => {
        /// What is counted.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Counter {
            $($(#[doc = $doc])+ $counter,)*
        }

        const NAMES: &[&str] = &[$($name,)*];
    };
}

counters! {
    /// Sessions that were asked for.
    Reads "reads",
    /// Those of them that were not there.
    Misses "misses",
    /// Sessions that were stored.
    Writes "writes",
    /// Sessions that were deleted.
    Deletes "deletes",
    /// Saves that put another request's changes beside ours.
    Merged "merged",
    /// Keys that both sides had changed in those.
    SameKey "same_key",
    /// Locks that were taken.
    Locks "locks",
    /// Locks that were not free at once.
    LockWaits "lock_waits",
    /// How long they were waited for.
    LockWaitMicroseconds "lock_wait_microseconds",
    /// Requests that were sent again on a new connection, and saves that were tried again.
    Retries "retries",
    /// Requests that were sent to a server, each of which waits for its answer.
    RoundTrips "round_trips",
    /// Connections that were opened.
    Connections "connections",
    /// Bytes sent to servers.
    BytesSent "bytes_sent",
    /// Bytes received from them.
    BytesReceived "bytes_received",
    /// A server, or the embedded store, did not answer in time.
    Timeouts "errors.timeout",
    /// A server could not be reached, broke off, or answered with an error.
    ServerErrors "errors.server",
    /// The embedded store could not be used.
    EmbeddedErrors "errors.embedded",
    /// A session was not stored because it is too large, or the embedded store is full.
    TooLarge "errors.too_large",
    /// What is stored could not be understood.
    Corrupt "errors.corrupt",
    /// Another request's save stands in the way.
    Conflicts "errors.conflict",
    /// A lock was not had in time.
    Locked "errors.locked",
    /// A lock had run out, or was another process's.
    LockLost "errors.lock_lost",
    /// A signal's handler has ended a wait.
    Interrupted "errors.interrupted",
    /// Any other error.
    Other "errors.other",
}

static COUNTERS: [AtomicU64; NAMES.len()] = [const { AtomicU64::new(0) }; NAMES.len()];

/// Whose counters these are; 0 for nobody's yet.
static PROCESS: AtomicI32 = AtomicI32::new(0);

/// The name and the value of each counter.
pub fn stats() -> impl Iterator<Item = (&'static str, u64)> {
    begin_process();
    NAMES.iter().zip(&COUNTERS).map(|(name, counter)| (*name, counter.load(Ordering::Relaxed)))
}

/// Sets the counters to zero where they are the parent's.
pub(crate) fn begin_process() {
    let process = getpid().as_raw_nonzero().get();
    let before = PROCESS.swap(process, Ordering::Relaxed);
    if before != 0 && before != process {
        COUNTERS.iter().for_each(|counter| counter.store(0, Ordering::Relaxed));
    }
}

pub(crate) fn count(counter: Counter) {
    add(counter, 1);
}

pub(crate) fn add(counter: Counter, by: u64) {
    COUNTERS[counter as usize].fetch_add(by, Ordering::Relaxed);
}

/// Counts an error on its way to the caller.
pub(crate) fn noted<T>(result: Result<T>) -> Result<T> {
    result.as_ref().err().into_iter().for_each(count_error);
    result
}

/// Counts an error that goes to the caller in another way.
pub(crate) fn count_error(error: &Error) {
    count(kind(error));
}

fn kind(error: &Error) -> Counter {
    match error {
        error if error.is_timeout() => Counter::Timeouts,
        error if error.is_server() => Counter::ServerErrors,
        error if error.is_too_large() || error.is_full() => Counter::TooLarge,
        error if error.is_embedded() => Counter::EmbeddedErrors,
        error if error.is_corrupt() => Counter::Corrupt,
        error if error.is_conflict() => Counter::Conflicts,
        error if error.is_locked() => Counter::Locked,
        error if error.is_lock_lost() => Counter::LockLost,
        error if error.is_interrupted() => Counter::Interrupted,
        _ => Counter::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_different() {
        let names: std::collections::BTreeSet<_> = NAMES.iter().collect();
        assert_eq!(names.len(), NAMES.len());
    }

    #[test]
    fn an_error_is_counted_by_its_kind() {
        let value = |name| stats().find(|(found, _)| *found == name).unwrap().1;
        let before = value("errors.conflict");
        let id = crate::Id::parse(b"x").unwrap();
        let error = Error::session(&id, crate::error::SessionFault::Conflict);
        assert!(noted::<()>(Err(error)).is_err());
        assert_eq!(value("errors.conflict"), before + 1);
    }
}
