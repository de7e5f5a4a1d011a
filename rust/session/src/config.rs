//! What a [`Store`](crate::Store) is told.
//!
//! A plain struct: fill in what differs from the default. It says nothing about connections: the
//! stores of a thread share those that they have to the same server.
//!
//! ```
//! use session::{Config, Target};
//!
//! let config = Config {
//!     servers: Target::parse("servers", &[("127.0.0.1:11211", 1)]).unwrap(),
//!     expiry: Some(3600),
//!     ..Config::default()
//! };
//! assert_eq!(config.io_timeout.as_secs(), 1);
//! ```

use std::time::Duration;

use crate::error::{Error, Result};
use crate::id::{MAX_KEY, is_key};
use crate::secret::Secrets;
use crate::server::Target;

/// How a store behaves.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Config {
    /// Where sessions are. Default: an embedded store of the current user, below `/var/tmp`.
    pub servers: Target,
    /// A cache nearby that is read first. It is never more than a cache: when it fails, `servers`
    /// are asked. One that is the directory of `servers`, or has the address of one of them, saves
    /// no way, and is left out. Default: none.
    pub local: Option<Target>,
    /// Stands before every key. Default: empty.
    pub namespace: Vec<u8>,
    /// The namespace takes part in choosing a server, as with the same option of `Cache::Memcached::Fast`. Default: false.
    pub hash_namespace: bool,
    /// How many points a server of weight 1 has on the ring of `Cache::Memcached::Fast`'s consistent hashing, at most
    /// 10,000, and at most a million for all servers. Default: 0, which is `Cache::Memcached`'s way to choose servers.
    pub ketama_points: u32,
    /// Don't look for keys of a dead server elsewhere. Default: false, as in `Cache::Memcached`.
    pub no_rehash: bool,
    /// Compress sessions of this many bytes or more, where that saves a fifth. Default: never.
    pub compress_threshold: Option<usize>,
    /// What sessions are encrypted with. Default: nothing.
    pub secrets: Secrets,
    /// How long to wait for a connection. Default: 0.25 s.
    pub connect_timeout: Duration,
    /// How long one exchange with the servers may take, all of it. Default: 1 s.
    pub io_timeout: Duration,
    /// A session expires this many seconds after it was last written; `None` and 0: never. Default:
    /// never.
    pub expiry: Option<u64>,
    /// A copy in `local` expires after this many seconds, and never later than its session.
    /// Default: with its session.
    pub local_ttl: Option<u64>,
    /// Reading a session renews its expiry, in the same round trip. The principal's reverse record is
    /// renewed by [`Store::renew_record`](crate::Store::renew_record). Default: false.
    pub sliding: bool,
    /// How long to wait for a lock; zero tries once. Default: 30 s.
    pub lock_timeout: Duration,
    /// After this many seconds a lock may be taken from its holder, who can't save then. A second
    /// less at worst, but never less than one: memcached counts whole seconds. Default: 60.
    pub lock_ttl: u64,
    /// What to do when another request saved the session in between. Default: merge. In a
    /// transaction it is always an error.
    pub conflict: Conflict,
    /// What sessions are taken apart within, when they have to be merged: as a rule, the limits that
    /// the caller reads them with. Default: those of `storable`.
    pub limits: storable::Limits,
}

/// What a save does when another request saved the same session since it was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Conflict {
    /// Keep the other's changes, and put ours beside them, key by key.
    #[default]
    Merge,
    /// Ours replaces the other's. A session that was deleted in between stays deleted even so.
    Overwrite,
    /// Fail with an error that [`is_conflict`](crate::Error::is_conflict). The other's stays.
    Die,
}

impl Default for Config {
    fn default() -> Config {
        Config::of(Target::default())
    }
}

impl Config {
    /// The defaults for a store on these servers.
    pub fn of(servers: Target) -> Config {
        Config {
            servers,
            local: None,
            namespace: Vec::new(),
            hash_namespace: false,
            ketama_points: 0,
            no_rehash: false,
            compress_threshold: None,
            secrets: Secrets::default(),
            connect_timeout: Duration::from_millis(250),
            io_timeout: Duration::from_secs(1),
            expiry: None,
            local_ttl: None,
            sliding: false,
            lock_timeout: Duration::from_secs(30),
            lock_ttl: 60,
            conflict: Conflict::default(),
            limits: storable::Limits::default(),
        }
    }
}

/// A principal's reverse record has a key of this length behind the namespace.
const DIGEST: usize = 32;

/// Points of a server, and of all of them: a point takes 16 bytes, and each thread has its own ring.
const MOST_POINTS: u32 = 10_000;
const MOST_POINTS_IN_ALL: u64 = 1_000_000;

impl Config {
    /// Whether there is a place for items at all.
    pub(crate) fn has_servers(&self) -> bool {
        !matches!(&self.servers, Target::Memcached(servers) if servers.is_empty())
    }

    /// A client may be without servers, until it is given some; a store may not.
    pub(crate) fn check_for_client(&self) -> Result<()> {
        if self.has_servers() { self.check() } else { self.check_all_but_servers() }
    }

    pub(crate) fn check(&self) -> Result<()> {
        self.servers.check("servers")?;
        self.check_all_but_servers()
    }

    fn check_points(&self) -> Result<()> {
        let refuse = |takes| Error::argument("ketama_points", takes, self.ketama_points.to_string());
        if self.ketama_points > MOST_POINTS {
            return Err(refuse("a number from 0 to 10000"));
        }
        let weight = |target: &Target| match target {
            Target::Memcached(servers) => servers.iter().map(|server| u64::from(server.weight)).sum(),
            Target::Embedded { .. } => 0,
        };
        let weights = [Some(&self.servers), self.local.as_ref()];
        let largest = weights.into_iter().flatten().map(weight).max().unwrap_or(0);
        if largest * u64::from(self.ketama_points) > MOST_POINTS_IN_ALL {
            return Err(refuse("a number that, times the weights of all servers, makes a million at most"));
        }
        Ok(())
    }

    fn check_all_but_servers(&self) -> Result<()> {
        self.check_points()?;
        if let Some(local) = &self.local {
            local.check("local")?;
        }
        if self.namespace.len() + DIGEST > MAX_KEY || !is_key(&self.namespace) {
            return Err(Error::argument(
                "namespace",
                "up to 218 bytes without spaces and control characters",
                self.namespace.as_slice(),
            ));
        }
        if self.lock_ttl == 0 {
            return Err(Error::argument("lock_ttl", "a number of seconds above 0", "0"));
        }
        for (argument, timeout) in [("connect_timeout", self.connect_timeout), ("io_timeout", self.io_timeout)] {
            if timeout.is_zero() {
                return Err(Error::argument(argument, "a number of seconds above 0", "0"));
            }
        }
        Ok(())
    }
}
