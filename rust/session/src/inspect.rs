//! Asking the servers about themselves: `stats`, `version`, and whether sessions can be kept on them; and an embedded store
//! how much room it has.
//!
//! Every server is asked on a connection of its own, which is closed again: the answer is about now, not about
//! what some earlier exchange found. A server that does not answer hides nothing of the others.
//!
//! ```no_run
//! use session::{Config, NoWait, Question, Target, Topic, inspect};
//!
//! # fn main() -> session::Result<()> {
//! let config = Config::of(Target::parse("servers", &[("127.0.0.1:11211", 1)])?);
//! for (address, answer) in inspect(&config, Question::Stats(Topic::General), &mut NoWait)? {
//!     match answer {
//!         Ok(list) => list.iter().for_each(|(name, value)| println!("{address} {name} {value}")),
//!         Err(error) => eprintln!("{error}"),
//!     }
//! }
//! # Ok(()) }
//! ```

use crate::config::Config;
use crate::embedded;
use crate::error::{Kind, Result};
use crate::memcached;
use crate::server::Target;
use crate::stats;
use crate::wait::Wait;

/// What to ask a server of memcached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// Its `stats`.
    Stats(Topic),
    /// Its version: one pair, named `version`.
    Version,
    /// Whether sessions can be kept on it, as it speaks meta commands: an empty list if so, else an error that says why not.
    Meta,
}

/// Which statistics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Topic {
    /// Those that `stats` alone gives.
    #[default]
    General,
    /// `stats items`: the items of each slab class.
    Items,
    /// `stats slabs`: the memory of each slab class.
    Slabs,
    /// `stats sizes`: how many items have which size, where the server keeps count of it.
    Sizes,
    /// `stats settings`: how the server was started.
    Settings,
    /// `stats conns`: its connections.
    Conns,
}

impl Topic {
    /// The word after `stats`; empty for [`Topic::General`].
    pub fn word(self) -> &'static str {
        match self {
            Topic::General => "",
            Topic::Items => "items",
            Topic::Slabs => "slabs",
            Topic::Sizes => "sizes",
            Topic::Settings => "settings",
            Topic::Conns => "conns",
        }
    }
}

/// A server's answer, as pairs of a name and a value, in the server's order; printable, whatever it sent.
pub type Answer = Result<Vec<(String, String)>>;

/// Asks each server of [`Config::servers`], within its timeouts; the addresses and their answers are in the order of
/// the configuration. An embedded store has no servers to ask, and gives an empty list.
///
/// Fails where the configuration can't be used, or `wait` stops it.
pub fn inspect(config: &Config, question: Question, wait: &mut dyn Wait) -> Result<Vec<(String, Answer)>> {
    config.check_for_client()?;
    let Target::Memcached(servers) = &config.servers else {
        return Ok(Vec::new());
    };
    let mut answers = Vec::with_capacity(servers.len());
    for server in servers {
        let answer = memcached::ask(&server.address, question, config, wait);
        match answer {
            Err(error) if error.is_interrupted() => return stats::noted(Err(Kind::Interrupted.into())),
            answer => answers.push((server.address.clone(), stats::noted(answer))),
        }
    }
    Ok(answers)
}

/// How much an embedded store holds, and how much more it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// How many bytes of sessions it may hold.
    pub size: u64,
    /// How many it holds, in whole pages.
    pub used: u64,
    /// How many items it has, sessions and others.
    pub items: u64,
    /// How many of them have expired, and go with one of the next writes.
    pub expired: u64,
    /// How many bytes its file has.
    pub file_size: u64,
    /// How many more bytes the disk takes.
    pub disk_free: u64,
}

/// Asks the embedded store that is [`Config::servers`]; `None` where these are servers of memcached. The directory is made
/// where it is missing, and refused where others have access to it, as by every use of the store.
pub fn inspect_embedded(config: &Config) -> Result<Option<Room>> {
    config.check()?;
    match &config.servers {
        Target::Embedded { dir, map_size } => stats::noted(embedded::room(dir, *map_size).map(Some)),
        Target::Memcached(_) => Ok(None),
    }
}
