//! Arguments: the values in a hash that the caller gave, and what each can be taken as. The hash itself is never changed.

use std::time::Duration;

use session::{Secrets, Target};

use crate::error::{Error, Result};
use crate::perl::array::Array;
use crate::perl::hash::Hash;
use crate::perl::scalar::Scalar;
use crate::perl::{Owned, Perl};

/// A plain copy of a tied hash, whose elements may be anything each time; a reference to it.
pub(crate) fn untied(perl: Perl, args: Hash) -> Result<Option<Owned>> {
    if !args.is_tied() {
        return Ok(None);
    }
    copy(perl, args.scalar()).map(Some)
}

/// The array behind a reference; where that is tied, a plain copy of it, which lives as long as the method runs.
pub(crate) fn untied_array(perl: Perl, reference: Scalar) -> Result<Option<Array>> {
    match reference.array() {
        Some(list) if list.is_tied() => Ok(copy(perl, list.scalar())?.mortal().array()),
        list => Ok(list),
    }
}

fn copy(perl: Perl, tied: Scalar) -> Result<Owned> {
    let copy = perl
        .sub(c"Apache::Session::Memorycached::Native::_copy")
        .ok_or_else(|| Error::text("Apache::Session::Memorycached::Native is not loaded"))?;
    perl.call(copy, &[perl.reference(tied).scalar()])
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

    pub(crate) fn count(&self) -> Result<Option<usize>> {
        Ok(self.number("a number, 0 or more")?.map(|count| count as usize))
    }

    /// Points on a ring; the configuration says how many there may be.
    pub(crate) fn points(&self) -> Result<u32> {
        Ok(self.count()?.map_or(0, |count| u32::try_from(count).unwrap_or(u32::MAX)))
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
    pub(crate) fn duration_or_none(&self, slot: &mut Duration) -> Result<()> {
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

    pub(crate) fn name_of_key(&self) -> Result<Option<String>> {
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

    /// Secrets: one, or a list, in which undef stands for what is not encrypted. None of them is told in an error.
    pub(crate) fn secrets(&self) -> Result<Secrets> {
        const TAKES: &str = "a string, or a reference to an array of strings and undef";
        let refuse = || Error::text(format!("argument {}: takes {TAKES}", self.name));
        if !self.value.is_defined() {
            return Ok(Secrets::default());
        }
        let bytes = |value: Scalar| match value.target() {
            Some(target) if !target.is_object() => Err(refuse()),
            _ => value.to_bytes(self.perl),
        };
        let Some(list) = untied_array(self.perl, self.value)? else {
            return Ok(Secrets::new([Some(bytes(self.value)?.as_slice())])?);
        };
        // A secret may be an object that overloads its text, by a sub that changes the list.
        list.scalar().own(self.perl).mortal();
        let values: Vec<Option<Scalar>> =
            list.iter().map(|value| value.map(|value| value.own(self.perl).mortal())).collect();
        let mut secrets = Vec::with_capacity(values.len());
        for value in values {
            secrets.push(value.filter(|value| value.is_defined()).map(bytes).transpose()?);
        }
        if secrets.is_empty() {
            return Err(refuse());
        }
        Ok(Secrets::new(secrets.iter().map(Option::as_deref))?)
    }

    /// Servers as Cache::Memcached takes them (`host:port`, `[ 'host:port', weight ]`, a socket's path), and as
    /// Cache::Memcached::Fast does (`{ address => …, weight => … }`).
    pub(crate) fn target(&self) -> Result<Option<Target>> {
        const TAKES: &str = "a reference to an array of host:port, [ 'host:port', weight ] or socket paths";
        if !self.value.is_defined() {
            return Ok(None);
        }
        let Some(list) = untied_array(self.perl, self.value)? else {
            return Err(self.refuse(TAKES));
        };
        // An address may be an object that overloads its text, by a sub that changes any of this.
        let kept = |value: Scalar| value.own(self.perl).mortal();
        kept(list.scalar());
        let mut servers = Vec::with_capacity(list.len());
        for entry in list.iter() {
            let entry = kept(entry.ok_or_else(|| self.refuse(TAKES))?);
            let (address, weight) = if let Some(pair) = untied_array(self.perl, entry)? {
                kept(pair.scalar());
                (pair.get(0), pair.get(1))
            } else if let Some(hash) = entry.hash() {
                let copy = untied(self.perl, hash)?.map(|copy| copy.mortal());
                let hash = copy.and_then(Scalar::hash).unwrap_or(hash);
                (hash.get(self.perl, "address"), hash.get(self.perl, "weight"))
            } else {
                (Some(entry), None)
            };
            let (address, weight) = (address.map(kept), weight.map(kept));
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
