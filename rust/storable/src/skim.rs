//! The top level of a common session, found at a fraction of what reading it costs.
//!
//! [`skim`] passes over an image once, makes nothing, and tells where each value of the outermost hash lies. It knows what
//! sessions are nearly always made of, in network order: strings, integers, undef, arrays, hashes and references to these.
//! Whatever else it meets, a fault of the image included, it gives the image up without a word, and [`read`](crate::read())
//! has to say what that is. What it does not give up, `read` reads without an error.
//!
//! No value there leads to another, has a class or runs code. So each can be read alone, by
//! [`read_value`](crate::read_value), and copied into another image as it is.
//!
//! ```
//! use storable::{Entry, Limits, skim};
//!
//! // nfreeze({ uid => 'dwho', groups => ['users'] })
//! let image = b"\x05\x0b\x03\0\0\0\x02\x0a\x04dwho\0\0\0\x03uid\x04\x02\0\0\0\x01\x0a\x05users\0\0\0\x06groups";
//! let entries = skim::<Entry>(image, &Limits::default()).unwrap().entries;
//!
//! assert_eq!(entries[1].key(image), b"groups");
//! assert_eq!(entries[1].value(image), b"\x04\x02\0\0\0\x01\x0a\x05users");
//! // An object is none of its business.
//! assert!(skim::<Entry>(b"\x05\x0b\x03\0\0\0\x01\x11\x01A\x05\0\0\0\x01k", &Limits::default()).is_none());
//! ```

use std::ops::Range;

use crate::build::KeyFlags;
use crate::consts::{MAX_LENGTH, tag};
use crate::limits::Limits;

/// The outermost hash of an image.
#[derive(Clone, Debug)]
pub struct Skimmed<T> {
    /// Its keys carry [`KeyFlags`].
    pub flagged: bool,
    /// Its entries in the image's order. A key may come twice, which no Storable writes: the last one counts.
    pub entries: Vec<T>,
}

/// Where an entry of the outermost hash lies in its image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    value: u32,
    value_end: u32,
    key: u32,
    key_end: u32,
    flags: KeyFlags,
}

impl Entry {
    /// The bytes of the key, of the image that was skimmed.
    #[inline]
    pub fn key<'a>(&self, image: &'a [u8]) -> &'a [u8] {
        part(image, self.key, self.key_end)
    }

    /// How long the key is.
    #[inline]
    pub fn key_len(&self) -> usize {
        widen(self.key_end.saturating_sub(self.key))
    }

    /// Whether the key is UTF-8, which it is only where a character is beyond U+00FF; it may also say that it was.
    #[inline]
    pub fn flags(&self) -> KeyFlags {
        self.flags
    }

    /// The bytes of the value.
    pub fn value<'a>(&self, image: &'a [u8]) -> &'a [u8] {
        part(image, self.value, self.value_end)
    }

    /// Where the key lies with what is before it: its flags, if the hash has those, and its length.
    pub fn whole_key(&self) -> Range<usize> {
        widen(self.value_end)..widen(self.key_end)
    }

    /// Where all entries lie from this one to `last`, both included.
    pub fn run(&self, last: &Entry) -> Range<usize> {
        widen(self.value)..widen(last.key_end)
    }

    /// Where the value begins, and where it ends.
    pub(crate) fn bounds(&self) -> (usize, usize) {
        (widen(self.value), widen(self.value_end))
    }
}

fn part(image: &[u8], from: u32, to: u32) -> &[u8] {
    image.get(widen(from)..widen(to)).unwrap_or_default()
}

#[inline(always)]
fn widen(offset: u32) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

/// Finds the entries of the outermost hash. `None`: the image is for [`read`](crate::read()) to judge.
pub fn skim<T: From<Entry>>(image: &[u8], limits: &Limits) -> Option<Skimmed<T>> {
    // In network order, and nothing newer than what is known here.
    let ([5, 0..=11], true) = (image.first_chunk::<2>()?, image.len() <= limits.max_size) else {
        return None;
    };
    u32::try_from(image.len()).ok()?;
    let mut walk = Walk { size: image.len(), rest: image, open: Vec::new(), max_depth: limits.max_depth };
    walk.bytes(2)?;
    let flagged = match walk.byte()? {
        tag::HASH => false,
        tag::FLAG_HASH => walk.plain_flags()?,
        _ => return None,
    };
    let count = walk.count()?;
    // An entry takes five bytes at least.
    if walk.max_depth == 0 || count > walk.rest.len() / 5 {
        return None;
    }
    let mut entries = Vec::with_capacity(count);
    for _ in 0..count {
        let value = walk.offset();
        walk.value()?;
        let value_end = walk.offset();
        let (key, flags) = walk.key(flagged)?;
        if flags == KeyFlags::UTF8 && !key.iter().any(|&byte| byte >= BEYOND_LATIN1) {
            return None; // perl makes it a shorter key
        }
        let key_end = walk.offset();
        let key = key_end.saturating_sub(u32::try_from(key.len()).ok()?);
        entries.push(T::from(Entry { value, value_end, key, key_end, flags }));
    }
    walk.rest.is_empty().then_some(Skimmed { flagged, entries })
}

/// What characters beyond U+00FF begin with, at least.
const BEYOND_LATIN1: u8 = 0xc4;

/// A container whose contents are passed over, within the outermost hash.
struct Open {
    kind: Kind,
    /// How many elements are still to come, the one being read included.
    left: usize,
}

#[derive(Clone, Copy)]
enum Kind {
    Sequence,
    Hash { flagged: bool },
}

/// It says only whether it can go on: what is wrong with an image, the reader knows, and its cursor.
struct Walk<'a> {
    size: usize,
    rest: &'a [u8],
    open: Vec<Open>,
    max_depth: usize,
}

impl<'a> Walk<'a> {
    /// Passes over one value with all that is in it.
    #[inline(always)]
    fn value(&mut self) -> Option<()> {
        loop {
            match self.byte()? {
                tag::SCALAR => drop(self.short_string()?),
                tag::LSCALAR => drop(self.long_string()?),
                tag::UTF8STR => utf8(self.short_string()?)?,
                tag::LUTF8STR => utf8(self.long_string()?)?,
                tag::BYTE => drop(self.byte()?),
                tag::NETINT => drop(self.u32()?),
                tag::UNDEF | tag::SV_UNDEF | tag::SV_YES | tag::SV_NO => {}
                tag::REF => {
                    self.open(Kind::Sequence, 1)?;
                    continue;
                }
                tag::ARRAY => {
                    let count = self.count()?;
                    if self.open(Kind::Sequence, count)? {
                        continue;
                    }
                }
                tag @ (tag::HASH | tag::FLAG_HASH) => {
                    let flagged = tag == tag::FLAG_HASH && self.plain_flags()?;
                    let count = self.count()?;
                    if self.open(Kind::Hash { flagged }, count)? {
                        continue;
                    }
                }
                _ => return None,
            }
            if self.close()? {
                return Some(());
            }
        }
    }

    /// Opens a container, if it is not too deep; `false` where it is empty.
    #[inline(always)]
    fn open(&mut self, kind: Kind, left: usize) -> Option<bool> {
        // The outermost hash is open, too.
        if self.open.len().saturating_add(1) >= self.max_depth {
            return None;
        }
        if left > 0 {
            self.open.push(Open { kind, left });
        }
        Some(left > 0)
    }

    /// A value is complete: closes what is complete with it. Whether nothing is open any more.
    #[inline(always)]
    fn close(&mut self) -> Option<bool> {
        loop {
            let Some(open) = self.open.last_mut() else {
                return Some(true);
            };
            open.left = open.left.saturating_sub(1);
            let (kind, left) = (open.kind, open.left);
            if let Kind::Hash { flagged } = kind {
                self.key(flagged)?;
            }
            if left > 0 {
                return Some(false);
            }
            self.open.pop();
        }
    }

    #[inline(always)]
    fn short_string(&mut self) -> Option<&'a [u8]> {
        let length = self.byte()?;
        self.bytes(usize::from(length))
    }

    #[inline(always)]
    fn long_string(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()?;
        self.bytes(widen(length))
    }

    /// The key that follows a value.
    #[inline(always)]
    fn key(&mut self, flagged: bool) -> Option<(&'a [u8], KeyFlags)> {
        let flags = match flagged {
            true => KeyFlags::from_bits(self.byte()?),
            false => KeyFlags::NONE,
        };
        let length = self.count()?;
        let key = self.bytes(length)?;
        match flags {
            KeyFlags::NONE | KeyFlags::WAS_UTF8 => {}
            KeyFlags::UTF8 => utf8(key)?,
            _ => return None,
        }
        Some((key, flags))
    }

    /// The flags of a hash whose keys have flags, which are those of a common one.
    fn plain_flags(&mut self) -> Option<bool> {
        (self.byte()? == 0).then_some(true)
    }

    #[inline(always)]
    fn count(&mut self) -> Option<usize> {
        let count = widen(self.u32()?);
        (count <= MAX_LENGTH).then_some(count)
    }

    #[inline(always)]
    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }

    #[inline(always)]
    fn u32(&mut self) -> Option<u32> {
        let (bytes, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(u32::from_be_bytes(*bytes))
    }

    #[inline(always)]
    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(bytes)
    }

    #[inline(always)]
    fn offset(&self) -> u32 {
        // The image is no longer than this.
        u32::try_from(self.size.saturating_sub(self.rest.len())).unwrap_or(u32::MAX)
    }
}

/// Perl's UTF-8 has more than this; that is rare enough to be left to the reader.
#[inline]
fn utf8(bytes: &[u8]) -> Option<()> {
    std::str::from_utf8(bytes).ok().map(drop)
}
