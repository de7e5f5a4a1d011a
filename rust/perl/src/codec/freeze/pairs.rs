//! The pairs of a hash that is being written: in which order, and from where.

use libperl_sys::SV;
use storable::{KeyFlags, Output, Writer};

use super::write_leaf;
use crate::error::Result;
use crate::perl::entry::{Entries, Entry};
use crate::perl::scalar::READ_ONLY;

/// The pairs that are still to be written.
#[derive(Clone, Copy)]
pub(super) enum Pairs {
    /// In the order of `each`, straight from the hash.
    Perl(Entries<'static>),
    /// Sorted, or taken out of the hash: from `next` up to `end` in the walk's list.
    Listed { next: usize, end: usize },
}

/// A pair whose value is being written, and whose key comes after that.
#[derive(Clone, Copy)]
pub(super) enum Waiting {
    None,
    Entry(Entry<'static>),
    /// Its place in the walk's list.
    Listed(usize),
}

/// A pair in the walk's list.
pub(super) enum Pair {
    Entry(Entry<'static>),
    /// Does not depend on its hash; the walk holds the value.
    Copied {
        key: Box<[u8]>,
        flags: KeyFlags,
        value: *mut SV,
    },
}

/// How the pairs of a hash are written.
#[derive(Clone, Copy)]
pub(super) struct Style {
    pub(super) flagged: bool,
    pub(super) restricted: bool,
    /// Booleans are strings and nothing need be remembered, so a string needs no second look.
    pub(super) plain: bool,
}

impl Pairs {
    /// Puts pairs into the list.
    pub(super) fn list(entries: impl IntoIterator<Item = Entry<'static>>, list: &mut Vec<Pair>) -> Pairs {
        let next = list.len();
        list.extend(entries.into_iter().map(Pair::Entry));
        Pairs::Listed { next, end: list.len() }
    }

    /// Writes pairs while their values are leaves; returns the first whose value is none, of which nothing is written.
    #[inline(always)]
    pub(super) fn write<O: Output>(
        &mut self,
        writer: &mut Writer<O>,
        list: &[Pair],
        style: Style,
        placeholder: *mut SV,
    ) -> Result<Option<(*mut SV, Waiting)>> {
        match self {
            Pairs::Perl(entries) => {
                // A copy, which the compiler can keep in registers.
                let mut walk = *entries;
                let found = write_leaves(writer, &mut walk, style, placeholder)?;
                *entries = walk;
                Ok(found.map(|entry| (entry.value(), Waiting::Entry(entry))))
            }
            Pairs::Listed { next, end } => {
                let mut rest = list[*next..*end].iter();
                let found = write_leaves(writer, &mut rest, style, placeholder)?;
                *next = *end - rest.len();
                Ok(found.map(|pair| (pair.value(), Waiting::Listed(*next - 1))))
            }
        }
    }

    /// Takes what is left out of the hash, and the pair whose value is being written. Their values are returned.
    pub(super) fn copy(
        &mut self,
        waiting: &mut Waiting,
        list: &mut Vec<Pair>,
        style: Style,
        placeholder: *mut SV,
    ) -> Vec<*mut SV> {
        if let Waiting::Entry(entry) = *waiting {
            *waiting = Waiting::Listed(list.len());
            list.push(Pair::Entry(entry));
        }
        if let Pairs::Perl(entries) = *self {
            *self = Pairs::list(entries, list);
        }
        let rest = match *self {
            Pairs::Listed { next, end } => next..end,
            Pairs::Perl(_) => 0..0,
        };
        let waiting = match *waiting {
            Waiting::Listed(at) => Some(at),
            _ => None,
        };
        let copy = |at: usize| {
            let pair = &mut list[at];
            if let Pair::Entry(entry) = *pair {
                let flags = if style.flagged { key_flags(entry, style, placeholder) } else { KeyFlags::NONE };
                *pair = Pair::Copied { key: entry.key().into(), flags, value: entry.value() };
            }
            pair.value()
        };
        waiting.into_iter().chain(rest).map(copy).collect()
    }
}

impl Waiting {
    /// Writes the key, after the value.
    #[inline(always)]
    pub(super) fn write_key<O: Output>(
        self,
        writer: &mut Writer<O>,
        list: &[Pair],
        style: Style,
        placeholder: *mut SV,
    ) -> Result<()> {
        match self {
            Waiting::None => Ok(()),
            Waiting::Entry(entry) => entry.write_key(writer, style, placeholder),
            Waiting::Listed(at) => (&list[at]).write_key(writer, style, placeholder),
        }
    }
}

/// What can be written as a value and a key.
trait Write: Copy {
    fn value(self) -> *mut SV;
    fn write_key<O: Output>(self, writer: &mut Writer<O>, style: Style, placeholder: *mut SV) -> Result<()>;
}

impl Write for Entry<'_> {
    #[inline(always)]
    fn value(self) -> *mut SV {
        Entry::value(self)
    }

    #[inline(always)]
    fn write_key<O: Output>(self, writer: &mut Writer<O>, style: Style, placeholder: *mut SV) -> Result<()> {
        match style.flagged {
            true => write_flag_key(writer, self, style, placeholder),
            false => Ok(writer.key(self.key())?),
        }
    }
}

impl Write for &Pair {
    fn value(self) -> *mut SV {
        match self {
            Pair::Entry(entry) => entry.value(),
            Pair::Copied { value, .. } => *value,
        }
    }

    fn write_key<O: Output>(self, writer: &mut Writer<O>, style: Style, placeholder: *mut SV) -> Result<()> {
        match self {
            Pair::Entry(entry) => entry.write_key(writer, style, placeholder),
            Pair::Copied { key, flags, .. } if style.flagged => Ok(writer.flag_key(key, *flags)?),
            Pair::Copied { key, .. } => Ok(writer.key(key)?),
        }
    }
}

#[inline(always)]
fn write_leaves<O: Output, P: Write>(
    writer: &mut Writer<O>,
    pairs: &mut impl Iterator<Item = P>,
    style: Style,
    placeholder: *mut SV,
) -> Result<Option<P>> {
    for pair in pairs {
        let value = pair.value();
        if value == placeholder {
            if !style.restricted {
                continue;
            }
            writer.sv_undef();
        // SAFETY: a value of a live hash, or one that the walk holds.
        } else if !(style.plain && unsafe { write_leaf(writer, value) }) {
            return Ok(Some(pair));
        }
        pair.write_key(writer, style, placeholder)?;
    }
    Ok(None)
}

#[inline(never)]
fn write_flag_key<O: Output>(
    writer: &mut Writer<O>,
    entry: Entry<'_>,
    style: Style,
    placeholder: *mut SV,
) -> Result<()> {
    Ok(writer.flag_key(entry.key(), key_flags(entry, style, placeholder))?)
}

fn key_flags(entry: Entry<'_>, style: Style, placeholder: *mut SV) -> KeyFlags {
    let mut flags = entry.flags_as_written();
    let value = entry.value();
    if value == placeholder {
        flags = flags | KeyFlags::PLACEHOLDER;
    }
    // SAFETY: a value of a live hash.
    if style.restricted && unsafe { (*value).sv_flags } & READ_ONLY != 0 {
        flags = flags | KeyFlags::LOCKED;
    }
    flags
}
