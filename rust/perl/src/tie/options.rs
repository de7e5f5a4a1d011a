//! The arguments of `tie`, which are those of a store in a foreign object, too.

use session::{Config, Conflict};

use crate::codec::classes::Classes;
use crate::error::Result;
use crate::perl::Perl;
use crate::perl::argument::{Argument, given, unknown, untied};
use crate::perl::hash::Hash;

/// Every argument that we know, for the hint about one that we don't.
const KNOWN: [&str; 26] = [
    "servers",
    "local",
    "timeout",
    "ttl",
    "sliding",
    "updateOnly",
    "principal",
    "principal_unique",
    "namespace",
    "no_rehash",
    "compress_threshold",
    "connect_timeout",
    "io_timeout",
    "conflict",
    "missing",
    "on_error",
    "local_ttl",
    "classes",
    "IDLength",
    "lock_timeout",
    "lock_ttl",
    "Transaction",
    "ketama_points",
    "secret",
    "max_depth",
    "max_size",
];

/// Who asks, which decides on some defaults.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// `tie` on our own class.
    Tie,
    /// A store in an object of another class: `populate`, `Apache::Session::Flex`. Its arguments are not all ours,
    /// and it expects a missing session to die.
    Foreign,
}

/// What to do about an id that has no session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Missing {
    Empty,
    Die,
}

/// What to do when a server fails while a session is opened or saved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum OnError {
    Die,
    Warn,
}

/// The arguments, checked. `classes` is not among them: it is Perl's data, and is read where it is needed.
#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) config: Config,
    pub(crate) principal: Option<String>,
    /// A principal has one session at a time.
    pub(crate) principal_unique: bool,
    pub(crate) id_length: usize,
    pub(crate) update_only: bool,
    /// The session is to be locked from the time it is opened.
    pub(crate) transaction: bool,
    /// By a lock manager, which may be another's, and not by ourselves.
    pub(crate) has_lock_manager: bool,
    pub(crate) missing: Missing,
    pub(crate) on_error: OnError,
}

impl Options {
    /// Reads the arguments. Unknown ones of our own class are told in `warnings`.
    pub(crate) fn read(perl: Perl, args: Hash, caller: Caller, warnings: &mut Vec<String>) -> Result<Options> {
        let copy = untied(perl, args)?;
        let args = copy.as_ref().and_then(|copy| copy.scalar().hash()).unwrap_or(args);
        let servers = match args.get(perl, "servers") {
            Some(value) => Argument { perl, name: "servers", value }.target()?,
            None => None,
        };
        let mut options = Options {
            config: servers.map_or_else(Config::default, Config::of),
            principal: None,
            principal_unique: false,
            id_length: 32,
            update_only: false,
            transaction: false,
            has_lock_manager: caller == Caller::Foreign,
            missing: if caller == Caller::Tie { Missing::Empty } else { Missing::Die },
            on_error: OnError::Die,
        };
        // `ttl` is another name for `timeout` and wins, wherever it stands in the hash.
        let mut ttl = None;
        for (name, value) in given(perl, args) {
            let argument = Argument { perl, name: &name, value };
            match &*name {
                "servers" => {}
                "local" => options.config.local = argument.target()?,
                "timeout" => options.config.expiry = argument.seconds()?.filter(|&seconds| seconds > 0),
                "ttl" => ttl = argument.seconds()?.filter(|&seconds| seconds > 0),
                "sliding" => options.config.sliding = argument.truth()?,
                "updateOnly" => options.update_only = argument.truth()?,
                "principal" => options.principal = argument.name_of_key()?,
                "principal_unique" => options.principal_unique = argument.truth()?,
                "namespace" => {
                    if let Some(text) = argument.text("a string")? {
                        options.config.namespace = text.to_bytes(perl)?;
                    }
                }
                "no_rehash" => options.config.no_rehash = argument.truth()?,
                "compress_threshold" => options.config.compress_threshold = argument.threshold()?,
                "connect_timeout" => argument.duration(&mut options.config.connect_timeout)?,
                "io_timeout" => argument.duration(&mut options.config.io_timeout)?,
                "conflict" => {
                    const CHOICES: [(&str, Conflict); 3] =
                        [("merge", Conflict::Merge), ("overwrite", Conflict::Overwrite), ("die", Conflict::Die)];
                    argument.choose(&mut options.config.conflict, &CHOICES)?;
                }
                "missing" => {
                    argument.choose(&mut options.missing, &[("empty", Missing::Empty), ("die", Missing::Die)])?;
                }
                "on_error" => {
                    argument.choose(&mut options.on_error, &[("die", OnError::Die), ("warn", OnError::Warn)])?;
                }
                "local_ttl" => options.config.local_ttl = argument.seconds()?.filter(|&seconds| seconds > 0),
                "classes" => {
                    Classes::from_argument(perl, value)?;
                }
                "IDLength" => {
                    if let Some(length) = argument.count()? {
                        if !(1..=128).contains(&length) {
                            return Err(argument.refuse("a number of hex digits from 1 to 128"));
                        }
                        options.id_length = length;
                    }
                }
                "lock_timeout" => argument.duration_or_none(&mut options.config.lock_timeout)?,
                "lock_ttl" => {
                    if let Some(seconds) = argument.seconds()? {
                        options.config.lock_ttl = seconds;
                    }
                }
                "Transaction" => options.transaction = argument.truth()?,
                "max_depth" => {
                    if let Some(depth) = argument.count()? {
                        options.config.limits.max_depth = depth;
                    }
                }
                "max_size" => {
                    if let Some(size) = argument.count()? {
                        options.config.limits.max_size = size;
                    }
                }
                "ketama_points" => options.config.ketama_points = argument.points()?,
                "secret" => options.config.secrets = argument.secrets()?,
                _ if caller == Caller::Tie => warnings.push(unknown(&name, &KNOWN)),
                _ => {}
            }
        }
        if ttl.is_some() {
            options.config.expiry = ttl;
        }
        Ok(options)
    }
}
