//! The pairs of a hash that is being written: in which order, and from where.

use storable::{KeyFlags, Output, Writer};

use libperl_sys::{self as sys, SV};

use super::write_leaf;
use crate::entry::{Entries, Entry};
use crate::error::Result;

/// The pairs that are still to be written.
pub(super) enum Pairs {
    /// In the order of `each`, straight from the hash.
    Perl(Entries<'static>),
    /// Sorted, of the hash.
    Sorted(std::vec::IntoIter<Entry<'static>>),
    /// Taken out of the hash, which may change meanwhile.
    Copied(std::vec::IntoIter<Copied>),
}

/// A pair that does not depend on its hash; the walk holds the value.
pub(super) struct Copied {
    key: Box<[u8]>,
    flags: KeyFlags,
    value: *mut SV,
}

/// A pair whose value is being written, and whose key comes after that.
pub(super) enum Waiting {
    Entry(Entry<'static>),
    Copied(Box<Copied>),
}

/// How the pairs of a hash are written.
#[derive(Clone, Copy)]
pub(super) struct Style {
    pub(super) flagged: bool,
    pub(super) restricted: bool,
    /// `PL_sv_placeholder`: the value of a key that is allowed and absent.
    pub(super) placeholder: *mut SV,
    /// Booleans are strings and nothing need be remembered, so a string needs no second look.
    pub(super) plain: bool,
}

impl Pairs {
    /// Writes pairs while their values are leaves; returns the first whose value is none, of which nothing is written.
    #[inline(always)]
    pub(super) fn write<O: Output>(&mut self, writer: &mut Writer<O>, style: Style) -> Result<Option<Waiting>> {
        Ok(match self {
            Pairs::Perl(entries) => {
                // A copy, which the compiler can keep in registers.
                let mut walk = *entries;
                let found = write_leaves(writer, &mut walk, style)?;
                *entries = walk;
                found.map(Waiting::Entry)
            }
            Pairs::Sorted(entries) => write_leaves(writer, entries, style)?.map(Waiting::Entry),
            Pairs::Copied(pairs) => write_leaves(writer, pairs, style)?.map(|pair| Waiting::Copied(Box::new(pair))),
        })
    }

    /// Takes what is left out of the hash.
    pub(super) fn copy(&mut self, style: Style) {
        let left: Vec<Copied> = match self {
            Pairs::Perl(entries) => entries.map(|entry| Copied::of(entry, style)).collect(),
            Pairs::Sorted(entries) => entries.map(|entry| Copied::of(entry, style)).collect(),
            Pairs::Copied(_) => return,
        };
        *self = Pairs::Copied(left.into_iter());
    }

    /// The values of pairs that were taken out of their hash.
    pub(super) fn copied_values(&self) -> impl Iterator<Item = *mut SV> {
        let copied = match self {
            Pairs::Copied(pairs) => pairs.as_slice(),
            _ => &[],
        };
        copied.iter().map(|pair| pair.value)
    }
}

impl Copied {
    fn of(entry: Entry<'_>, style: Style) -> Copied {
        let flags = if style.flagged { key_flags(entry, style) } else { KeyFlags::NONE };
        Copied { key: entry.key().into(), flags, value: entry.value() }
    }
}

impl Waiting {
    #[inline(always)]
    pub(super) fn value(&self) -> *mut SV {
        match self {
            Waiting::Entry(entry) => entry.value(),
            Waiting::Copied(pair) => pair.value,
        }
    }

    /// Writes the key, after the value.
    #[inline(always)]
    pub(super) fn write_key<O: Output>(&self, writer: &mut Writer<O>, style: Style) -> Result<()> {
        match self {
            Waiting::Entry(entry) => entry.write_key(writer, style),
            Waiting::Copied(pair) => pair.write_key(writer, style),
        }
    }

    /// Takes the pair out of its hash.
    pub(super) fn copy(&mut self, style: Style) {
        if let Waiting::Entry(entry) = self {
            *self = Waiting::Copied(Box::new(Copied::of(*entry, style)));
        }
    }
}

trait Pair {
    fn value(&self) -> *mut SV;
    fn write_key<O: Output>(&self, writer: &mut Writer<O>, style: Style) -> Result<()>;
}

impl Pair for Entry<'_> {
    #[inline(always)]
    fn value(&self) -> *mut SV {
        Entry::value(*self)
    }

    #[inline(always)]
    fn write_key<O: Output>(&self, writer: &mut Writer<O>, style: Style) -> Result<()> {
        if style.flagged { write_flag_key(writer, *self, style) } else { Ok(writer.key(self.key())?) }
    }
}

impl Pair for Copied {
    fn value(&self) -> *mut SV {
        self.value
    }

    fn write_key<O: Output>(&self, writer: &mut Writer<O>, style: Style) -> Result<()> {
        match style.flagged {
            true => Ok(writer.flag_key(&self.key, self.flags)?),
            false => Ok(writer.key(&self.key)?),
        }
    }
}

#[inline(always)]
fn write_leaves<O: Output, P: Pair>(
    writer: &mut Writer<O>,
    pairs: &mut impl Iterator<Item = P>,
    style: Style,
) -> Result<Option<P>> {
    for pair in pairs {
        let value = pair.value();
        if value == style.placeholder {
            if !style.restricted {
                continue;
            }
            writer.sv_undef();
        // SAFETY: a value of a live hash, or one that the walk holds.
        } else if !(style.plain && unsafe { write_leaf(writer, value) }) {
            return Ok(Some(pair));
        }
        pair.write_key(writer, style)?;
    }
    Ok(None)
}

#[inline(never)]
fn write_flag_key<O: Output>(writer: &mut Writer<O>, entry: Entry<'_>, style: Style) -> Result<()> {
    Ok(writer.flag_key(entry.key(), key_flags(entry, style))?)
}

fn key_flags(entry: Entry<'_>, style: Style) -> KeyFlags {
    let mut flags = KeyFlags::NONE;
    if entry.is_utf8() {
        flags = flags | KeyFlags::UTF8;
    }
    if entry.was_utf8() {
        flags = flags | KeyFlags::WAS_UTF8;
    }
    let value = entry.value();
    if value == style.placeholder {
        flags = flags | KeyFlags::PLACEHOLDER;
    }
    // SAFETY: a value of a live hash.
    if style.restricted && unsafe { (*value).sv_flags } & (sys::SVf_READONLY | sys::SVf_PROTECT) != 0 {
        flags = flags | KeyFlags::LOCKED;
    }
    flags
}
