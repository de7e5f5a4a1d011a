//! The arguments of `tie`, read from the hash that the caller gave. The hash itself is never changed.

use std::time::Duration;

use session::{Config, Conflict, Target};

use crate::classes::Classes;
use crate::error::{Error, Result};
use crate::hash::Hash;
use crate::perl::{Owned, Perl};
use crate::scalar::Scalar;

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
                "secret" | "ketama_points" if !value.is_true(perl)? => {}
                "secret" | "ketama_points" => {
                    return Err(Error::text(format!("argument {name}: not yet in this release")));
                }
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

/// A plain copy of a tied hash, whose elements may be anything each time; a reference to it.
pub(crate) fn untied(perl: Perl, args: Hash) -> Result<Option<Owned>> {
    if !args.is_tied() {
        return Ok(None);
    }
    let copy = perl
        .sub(c"Apache::Session::Memorycached::Native::_copy")
        .ok_or_else(|| Error::text("Apache::Session::Memorycached::Native is not loaded"))?;
    perl.call(copy, &[perl.reference(args.scalar()).scalar()]).map(Some)
}

/// The names and values in a hash that is not tied. They stay alive for as long as the method runs: a value may be an object
/// that overloads what it is taken as, by a sub that changes the hash.
pub(crate) fn given(perl: Perl, args: Hash) -> Vec<(String, Scalar)> {
    // SAFETY: the hash is not tied, and one more owner of a value changes nothing.
    let entries = unsafe { args.entries() };
    // SAFETY: a value that the hash keeps alive.
    entries.map(|entry| (entry.text(), unsafe { Scalar::from_raw(entry.value()) }.own(perl).mortal())).collect()
}

/// One argument, and what its value can be taken as. An undefined value is as good as none.
pub(crate) struct Argument<'a> {
    pub(crate) perl: Perl,
    pub(crate) name: &'a str,
    pub(crate) value: Scalar,
}

impl Argument<'_> {
    pub(crate) fn refuse(&self, takes: &str) -> Error {
        let given = match self.value.string(self.perl) {
            Err(error) => return error,
            Ok(_) if !self.value.is_defined() => "undef".to_owned(),
            Ok((bytes, _)) => format!("'{}'", bytes.escape_ascii()),
        };
        Error::text(format!("argument {}: takes {takes}, not {given}", self.name))
    }

    pub(crate) fn truth(&self) -> Result<bool> {
        self.value.is_true(self.perl)
    }

    /// A number; undef and the empty string are as good as none.
    fn number(&self, takes: &str) -> Result<Option<f64>> {
        if !self.value.is_defined() || self.value.to_bytes(self.perl)?.is_empty() {
            return Ok(None);
        }
        match self.value.to_number(self.perl)? {
            Ok(number) if number >= 0.0 => Ok(Some(number)),
            _ => Err(self.refuse(takes)),
        }
    }

    /// Whole seconds; a fraction counts as a whole one, lest it become "never".
    pub(crate) fn seconds(&self) -> Result<Option<u64>> {
        Ok(self.number("a number of seconds")?.map(|seconds| seconds.ceil() as u64))
    }

    fn count(&self) -> Result<Option<usize>> {
        Ok(self.number("a number, 0 or more")?.map(|count| count as usize))
    }

    /// A number of bytes; 0 and, as in Cache::Memcached::Fast, a negative one are none.
    pub(crate) fn threshold(&self) -> Result<Option<usize>> {
        if self.value.is_defined() && matches!(self.value.to_number(self.perl)?, Ok(number) if number < 0.0) {
            return Ok(None);
        }
        Ok(self.count()?.filter(|&bytes| bytes > 0))
    }

    /// A string, which a reference is not, unless it is an object (one that overloads its text).
    pub(crate) fn text(&self, takes: &str) -> Result<Option<Scalar>> {
        if !self.value.is_defined() {
            return Ok(None);
        }
        match self.value.target() {
            Some(target) if !target.is_object() => Err(self.refuse(takes)),
            _ => Ok(Some(self.value)),
        }
    }

    pub(crate) fn duration(&self, slot: &mut Duration) -> Result<()> {
        const TAKES: &str = "a number of seconds above 0, at most 86400";
        match self.number(TAKES)? {
            None => Ok(()),
            Some(seconds) if seconds > 0.0 && seconds <= 86400.0 => {
                *slot = Duration::from_secs_f64(seconds);
                Ok(())
            }
            Some(_) => Err(self.refuse(TAKES)),
        }
    }

    /// A time that may be none at all.
    fn duration_or_none(&self, slot: &mut Duration) -> Result<()> {
        const TAKES: &str = "a number of seconds, at most 86400";
        match self.number(TAKES)? {
            None => Ok(()),
            Some(seconds) if seconds <= 86400.0 => {
                *slot = Duration::from_secs_f64(seconds);
                Ok(())
            }
            Some(_) => Err(self.refuse(TAKES)),
        }
    }

    fn name_of_key(&self) -> Result<Option<String>> {
        const TAKES: &str = "the name of a key of the session, such as uid";
        let Some(name) = self.text(TAKES)? else {
            return Ok(None);
        };
        let name = name.to_text(self.perl)?;
        match &*name {
            "" => Ok(None),
            "_session_id" => Err(self.refuse(TAKES)),
            _ => Ok(Some(name)),
        }
    }

    pub(crate) fn choose<T: Copy>(&self, slot: &mut T, choices: &[(&str, T)]) -> Result<()> {
        if !self.value.is_defined() {
            return Ok(());
        }
        let text = self.value.to_text(self.perl)?;
        match choices.iter().find(|(name, _)| *name == text) {
            Some(&(_, choice)) => {
                *slot = choice;
                Ok(())
            }
            None => {
                let names: Vec<&str> = choices.iter().map(|&(name, _)| name).collect();
                Err(self.refuse(&names.join(" or ")))
            }
        }
    }

    /// Servers as Cache::Memcached takes them (`host:port`, `[ 'host:port', weight ]`, a socket's path), and as
    /// Cache::Memcached::Fast does (`{ address => …, weight => … }`).
    pub(crate) fn target(&self) -> Result<Option<Target>> {
        const TAKES: &str = "a reference to an array of host:port, [ 'host:port', weight ] or socket paths";
        if !self.value.is_defined() {
            return Ok(None);
        }
        let Some(list) = self.value.array() else {
            return Err(self.refuse(TAKES));
        };
        let mut servers = Vec::with_capacity(list.len());
        for entry in list.iter() {
            let entry = entry.ok_or_else(|| self.refuse(TAKES))?;
            let (address, weight) = if let Some(pair) = entry.array() {
                (pair.get(0), pair.get(1))
            } else if let Some(hash) = entry.hash() {
                (hash.get(self.perl, "address"), hash.get(self.perl, "weight"))
            } else {
                (Some(entry), None)
            };
            let address = address.ok_or_else(|| self.refuse(TAKES))?.to_text(self.perl)?;
            let weight = match weight.filter(|weight| weight.is_defined()) {
                None => 1,
                Some(weight) => match weight.to_number(self.perl)? {
                    Ok(number) if number >= 0.0 && number.fract() == 0.0 => number as u32,
                    _ => {
                        let name = self.name;
                        return Err(Error::text(format!(
                            "argument {name}: the weight of {address} takes a whole number"
                        )));
                    }
                },
            };
            servers.push((address, weight));
        }
        Ok(Some(Target::parse(self.name, &servers)?))
    }
}

/// What to say of an argument that is none of those that are known: with the nearest of them.
pub(crate) fn unknown(name: &str, known: &[&str]) -> String {
    let nearest = known
        .iter()
        .map(|known| (distance(&known.to_lowercase(), &name.to_lowercase()), known))
        .min()
        .filter(|&(distance, known)| distance <= known.len() / 2);
    match nearest {
        Some((_, known)) => format!("unknown argument {name}; did you mean {known}?"),
        None => format!("unknown argument {name}"),
    }
}

/// How many letters have to be changed, added or left out (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}
