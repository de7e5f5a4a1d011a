//! The crate's one error type.
//!
//! [`Error`] is opaque: callers act on its predicates and show its text. The text names what failed
//! (`memcached 10.0.0.7:11211: …`, `embedded /var/lib/app/sessions: …`, `session 5f0c…: …`), says
//! what was expected, and quotes the server or the system in their own words.
//!
//! ```
//! use session::Id;
//!
//! let error = Id::parse(b"two words").unwrap_err();
//! assert!(error.is_argument());
//! assert!(error.to_string().starts_with("Invalid session ID: two words"));
//! ```

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::lock::Locked;

/// A result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation on a session failed.
pub struct Error(Box<Kind>);

#[derive(Debug, thiserror::Error)]
pub(crate) enum Kind {
    #[error("argument {argument}: takes {takes}, not '{}'", given.escape_ascii())]
    Argument { argument: String, takes: &'static str, given: Vec<u8> },
    #[error("Invalid session ID: {given}: takes {takes}")]
    InvalidId { given: String, takes: String },
    #[error("memcached {server}: {fault}")]
    Server {
        server: String,
        #[source]
        fault: Fault,
        /// The request may have been carried out.
        ambiguous: bool,
    },
    #[error("embedded {}: {fault}", dir.display())]
    Embedded {
        dir: PathBuf,
        #[source]
        fault: EmbeddedFault,
    },
    #[error("session {id}: {fault}")]
    Session {
        id: String,
        #[source]
        fault: SessionFault,
    },
    #[error("key {key}: {fault}")]
    Item {
        key: String,
        #[source]
        fault: SessionFault,
    },
    #[error("Object already exists in the data store")]
    Exists,
    #[error("interrupted by a signal")]
    Interrupted,
    #[error("the listing belongs to the process that this one was forked from")]
    Forked,
    #[error("a listing can't keep its keys in {}: {error}", dir.display())]
    Spill {
        dir: PathBuf,
        #[source]
        error: io::Error,
    },
    #[error("no random bytes from the system: {0}")]
    Random(getrandom::Error),
}

/// What a memcached server, or the way to it, did wrong.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Fault {
    #[error("can't resolve the name: {0}")]
    Resolve(Arc<io::Error>),
    #[error("can't connect: {0}")]
    Connect(Arc<io::Error>),
    #[error("no connection within {0:?}")]
    ConnectTimeout(Duration),
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    #[error("closed the connection")]
    Closed,
    #[error("{0}")]
    Io(Arc<io::Error>),
    #[error("{0}")]
    Words(String),
    #[error("closed the connection when asked whether it speaks meta commands")]
    HungUp,
    #[error("speaks no meta commands that we know; memcached 1.6.13 or later is needed")]
    NoMeta,
    #[error("is memcached {0}; memcached 1.6.13 or later is needed")]
    TooOld(String),
    #[error("is no memcached: it answered {0}")]
    NoMemcached(String),
    #[error("answered out of step: {0}")]
    OutOfStep(String),
    #[error("lists its items to somebody else; no turn within {0:?}")]
    Busy(Duration),
    #[error("is being listed by this process; one listing can't begin inside another")]
    Nested,
    #[error("can't list its items: {0}")]
    NoDump(String),
    #[error("{0}")]
    Unsendable(String),
    #[error("interrupted by a signal")]
    Interrupted,
}

impl Fault {
    /// How it shows that the other end of a connection is gone.
    pub(crate) fn is_dead_connection(&self) -> bool {
        matches!(self, Fault::Closed | Fault::HungUp | Fault::Io(_))
    }
}

/// What went wrong in the embedded store.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EmbeddedFault {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("is a symbolic link; takes a directory")]
    Symlink,
    #[error("is not a directory")]
    NotDirectory,
    #[error("belongs to user {owner}, not to user {user}")]
    Owner { owner: u32, user: u32 },
    #[error("has mode {mode:04o}; only its owner may have access (mode 0700)")]
    Mode { mode: u32 },
    #[error("is full: {size} bytes hold no more; give it a larger size")]
    Full { size: usize },
    #[error("is open with a size of {open} bytes in this process, not {asked}")]
    Size { open: usize, asked: usize },
    #[error("another process opened it with a larger size; give all of them the same")]
    Resized,
    #[error("was in use by another thread when this process was forked")]
    Forked,
    #[error("can't count with a value that is not a number")]
    NotNumber,
    #[error("holds an item of {0} bytes, shorter than any item is")]
    Record(usize),
    #[error("{0}")]
    Lmdb(heed::Error),
}

/// What is wrong with one session.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionFault {
    #[error("{0}")]
    Corrupt(String),
    #[error("is encrypted, no secret given")]
    Sealed,
    #[error("is encrypted with another secret than those given")]
    OtherSecret,
    #[error("its encrypted value has been changed, or is not this session's")]
    Tampered,
    #[error("is not encrypted, as secret demands")]
    Unsealed,
    #[error("has {size} bytes, larger than the {limit} bytes that {taker} takes")]
    TooLarge { size: u64, limit: u64, taker: String },
    #[error("another request saved it since it was read")]
    Conflict,
    #[error("other requests saved it before us {0} times in a row")]
    Contended(u32),
    #[error("{0}")]
    Locked(Box<Locked>),
    #[error("another request saved it without its lock, or after the lock had run out; nothing is saved")]
    Intruded,
    #[error("was locked for {:.1} s, longer than its lock lasts ({} s); nothing is saved", held.as_secs_f64(), ttl.as_secs())]
    Outlived { held: Duration, ttl: Duration },
    #[error("is locked by the process that this one was forked from; nothing is saved")]
    Inherited,
    #[error("its lock was given back; nothing is saved")]
    Unlocked,
}

impl Error {
    pub(crate) fn argument(argument: &str, takes: &'static str, given: impl Into<Vec<u8>>) -> Error {
        Kind::Argument { argument: argument.to_owned(), takes, given: given.into() }.into()
    }

    pub(crate) fn session(id: &crate::Id, fault: SessionFault) -> Error {
        Kind::Session { id: id.to_string(), fault }.into()
    }

    pub(crate) fn embedded(dir: &Path, fault: impl Into<EmbeddedFault>) -> Error {
        Kind::Embedded { dir: dir.to_owned(), fault: fault.into() }.into()
    }

    pub(crate) fn item(key: &[u8], fault: SessionFault) -> Error {
        Kind::Item { key: key.escape_ascii().to_string(), fault }.into()
    }

    /// The same for a caller who knows keys rather than sessions.
    pub(crate) fn of_item(self) -> Error {
        match *self.0 {
            Kind::Session { id, fault } => Kind::Item { key: id, fault }.into(),
            kind => kind.into(),
        }
    }

    /// What is wrong with what is stored, or to be.
    fn session_fault(&self) -> Option<&SessionFault> {
        match &*self.0 {
            Kind::Session { fault, .. } | Kind::Item { fault, .. } => Some(fault),
            _ => None,
        }
    }

    /// A server or the way to it failed. `sent`: the request was under way, it may have been
    /// carried out.
    pub(crate) fn server(server: &str, fault: Fault, sent: bool) -> Error {
        if matches!(fault, Fault::Interrupted) {
            return Kind::Interrupted.into();
        }
        let ambiguous =
            sent && (fault.is_dead_connection() || matches!(fault, Fault::Timeout(_) | Fault::OutOfStep(_)));
        Kind::Server { server: server.to_owned(), fault, ambiguous }.into()
    }

    /// The connection broke under a request that may have been carried out: worth a look at what is
    /// stored.
    pub(crate) fn is_broken_off(&self) -> bool {
        matches!(&*self.0, Kind::Server { ambiguous: true, fault, .. } if fault.is_dead_connection())
    }

    /// It is not known whether the request was carried out.
    pub(crate) fn is_in_doubt(&self) -> bool {
        matches!(*self.0, Kind::Server { ambiguous: true, .. } | Kind::Interrupted)
    }

    /// A session with this id exists already.
    pub fn is_exists(&self) -> bool {
        matches!(*self.0, Kind::Exists)
    }

    /// Another holds the session's lock, and did not give it back in time.
    pub fn is_locked(&self) -> bool {
        matches!(*self.0, Kind::Session { fault: SessionFault::Locked(_), .. })
    }

    /// There is no lock any more to save under: it has run out, was given back, or is another
    /// process's. Nothing was saved.
    pub fn is_lock_lost(&self) -> bool {
        let Kind::Session { fault, .. } = &*self.0 else { return false };
        matches!(fault, SessionFault::Outlived { .. } | SessionFault::Inherited | SessionFault::Unlocked)
    }

    /// Another request saved the session, and it was asked to let that stand, or kept happening.
    pub fn is_conflict(&self) -> bool {
        matches!(
            *self.0,
            Kind::Session { fault: SessionFault::Conflict | SessionFault::Contended(_) | SessionFault::Intruded, .. }
        )
    }

    /// Nothing is wrong with the request: the same may succeed later.
    pub fn is_retryable(&self) -> bool {
        match &*self.0 {
            Kind::Server { fault: Fault::Nested | Fault::NoDump(_) | Fault::Unsendable(_), .. } => false,
            Kind::Server { .. } => !self.is_unfit_server(),
            Kind::Session { fault, .. } => matches!(fault, SessionFault::Contended(_) | SessionFault::Locked(_)),
            Kind::Interrupted => true,
            _ => false,
        }
    }

    /// What is stored can't be understood: damaged, or not written by this program. Nothing was
    /// overwritten.
    pub fn is_corrupt(&self) -> bool {
        use SessionFault::{Corrupt, OtherSecret, Sealed, Tampered, Unsealed};
        matches!(self.session_fault(), Some(Corrupt(_) | Sealed | OtherSecret | Tampered | Unsealed))
    }

    /// A [`Wait`](crate::Wait) stopped the operation.
    pub fn is_interrupted(&self) -> bool {
        matches!(*self.0, Kind::Interrupted)
    }

    /// The session is larger than its store takes. The old value stays.
    pub fn is_too_large(&self) -> bool {
        matches!(self.session_fault(), Some(SessionFault::TooLarge { .. }))
    }

    /// What a whole batch failed of lies in one of its items; nothing was sent, nothing was written.
    pub(crate) fn is_of_one_item(&self) -> bool {
        self.is_too_large() || matches!(*self.0, Kind::Embedded { fault: EmbeddedFault::NotNumber, .. })
    }

    /// A server did not answer, or did not accept a connection, in its time.
    pub fn is_timeout(&self) -> bool {
        matches!(*self.0, Kind::Server { fault: Fault::Timeout(_) | Fault::ConnectTimeout(_) | Fault::Busy(_), .. })
    }

    /// A server could not be reached, broke off, or did not do what was asked.
    pub fn is_server(&self) -> bool {
        matches!(*self.0, Kind::Server { .. })
    }

    /// There is no connection to a server.
    pub fn is_unreachable(&self) -> bool {
        matches!(*self.0, Kind::Server { fault: Fault::Resolve(_) | Fault::Connect(_) | Fault::ConnectTimeout(_), .. })
    }

    /// Sessions can't be kept on that server: it is no memcached, or one that is too old.
    pub fn is_unfit_server(&self) -> bool {
        matches!(*self.0, Kind::Server { fault: Fault::NoMeta | Fault::TooOld(_) | Fault::NoMemcached(_), .. })
    }

    /// The embedded store could not be used.
    pub fn is_embedded(&self) -> bool {
        matches!(*self.0, Kind::Embedded { .. })
    }

    /// The embedded store holds no more.
    pub fn is_full(&self) -> bool {
        matches!(*self.0, Kind::Embedded { fault: EmbeddedFault::Full { .. }, .. })
    }

    /// The caller gave something that can't be used: a configuration, or a session id.
    pub fn is_argument(&self) -> bool {
        matches!(*self.0, Kind::Argument { .. } | Kind::InvalidId { .. })
    }
}

impl From<Kind> for Error {
    fn from(kind: Kind) -> Error {
        Error(Box::new(kind))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Error").field(&self.0).finish()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&*self.0)
    }
}
