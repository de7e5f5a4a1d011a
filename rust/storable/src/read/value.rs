//! One value: its tag and what follows, up to the contents of a container.

use super::frame::{Frame, Kind};
use super::{Outcome, Reader, Step, count, widen};
use crate::build::{Build, HashFlags, Immortal, RefKind};
use crate::consts::{flag, tag};
use crate::error::{Error, Result};

impl<B: Build> Reader<'_, '_, B> {
    /// Reads one value, or opens it.
    #[inline(always)]
    pub(super) fn value(&mut self) -> Outcome<Step<B::Node>, B> {
        let at = self.input.offset();
        let tag = self.input.byte("a value")?;
        self.tagged(at, tag)
    }

    /// Reads what follows a tag.
    #[inline(always)]
    pub(super) fn tagged(&mut self, at: usize, tag: u8) -> Outcome<Step<B::Node>, B> {
        let node = match tag {
            tag::SCALAR | tag::UTF8STR => {
                let length = usize::from(self.input.byte("a length")?);
                self.string(length, tag == tag::UTF8STR)?
            }
            tag::LSCALAR | tag::LUTF8STR => {
                let length = self.size()?;
                self.string(length, tag == tag::LUTF8STR)?
            }
            tag::BYTE => {
                let value = i64::from(self.input.byte("an integer")?);
                self.build.integer(value.saturating_sub(128))?
            }
            tag::NETINT => {
                let value = self.input.u32(true, "an integer")?;
                self.build.integer(i64::from(value.cast_signed()))?
            }
            tag::INTEGER if self.wide => {
                let value = self.input.u64(self.native_big, "an integer")?;
                self.build.integer(value.cast_signed())?
            }
            tag::INTEGER => {
                let value = self.input.u32(self.native_big, "an integer")?;
                self.build.integer(i64::from(value.cast_signed()))?
            }
            tag::DOUBLE => {
                let bits = self.input.u64(self.native_big, "a double")?;
                self.build.double(f64::from_bits(bits))?
            }
            tag::UNDEF => self.build.undef()?,
            tag::SV_UNDEF => self.build.immortal(Immortal::Undef)?,
            tag::SV_YES => self.build.immortal(Immortal::Yes)?,
            tag::SV_NO => self.build.immortal(Immortal::No)?,
            tag::SVUNDEF_ELEM => self.build.immortal(Immortal::ElemUndef)?,
            tag::BOOLEAN_TRUE => self.build.boolean(true)?,
            tag::BOOLEAN_FALSE => self.build.boolean(false)?,
            tag::REF | tag::WEAKREF | tag::OVERLOAD | tag::WEAKOVERLOAD => {
                let weak = matches!(tag, tag::WEAKREF | tag::WEAKOVERLOAD);
                let overloaded = matches!(tag, tag::OVERLOAD | tag::WEAKOVERLOAD);
                return self.reference(at, RefKind { weak, overloaded });
            }
            tag::ARRAY => {
                let len = self.count("an array")?;
                return self.array(at, len);
            }
            tag::HASH => {
                let len = self.count("a hash")?;
                return self.hash(at, len, HashFlags::default());
            }
            tag::FLAG_HASH => {
                let flags = self.hash_flags()?;
                let len = self.count("a hash")?;
                return self.hash(at, len, flags);
            }
            tag::OBJECT => {
                let number = self.input.u32(true, "the number of a value")?;
                return self.back_reference(at, u64::from(number));
            }
            tag::LOBJECT => return self.large(at),
            tag::BLESS | tag::IX_BLESS | tag::VSTRING | tag::LVSTRING => {
                return self.prefixed(at, tag);
            }
            _ => return self.rare(at, tag),
        };
        self.seen.push(node);
        Ok(Step::Whole(node))
    }

    #[inline(always)]
    fn string(&mut self, length: usize, utf8: bool) -> Outcome<B::Node, B> {
        let bytes = self.input.bytes(length, "a string")?;
        if utf8 { self.build.text(bytes) } else { self.build.bytes(bytes) }
    }

    #[inline(always)]
    fn reference(&mut self, at: usize, kind: RefKind) -> Outcome<Step<B::Node>, B> {
        self.open(at, 1, Kind::Reference(kind), "a reference", |build| build.reference())
    }

    #[inline(always)]
    fn array(&mut self, at: usize, len: usize) -> Outcome<Step<B::Node>, B> {
        self.open(at, len, Kind::Array, "an array", |build| build.array(len))
    }

    #[inline(always)]
    fn hash(&mut self, at: usize, len: usize, flags: HashFlags) -> Outcome<Step<B::Node>, B> {
        self.open(at, len, Kind::Hash(flags), "a hash", |build| build.hash(len, flags))
    }

    /// Makes a container, if the image can hold its `len` elements, and opens it unless it is empty.
    #[inline(always)]
    pub(super) fn open(
        &mut self,
        at: usize,
        len: usize,
        kind: Kind,
        what: &'static str,
        make: impl FnOnce(&mut B) -> Outcome<B::Node, B>,
    ) -> Outcome<Step<B::Node>, B> {
        let owed = self.frames.last().map_or(0, Frame::waits_for);
        let left = self.input.left().saturating_sub(owed);
        let needed = len.saturating_mul(kind.smallest());
        if needed > left {
            return Err(Error::truncated(at, what, needed, left).into());
        }
        if self.frames.len() >= self.max_depth {
            return Err(Error::limit(at, "the depth of the value", self.max_depth).into());
        }
        let node = make(self.build)?;
        self.seen.push(node);
        if len == 0 {
            return Ok(Step::Whole(node));
        }
        self.frames.push(Frame { node, kind, left: len, owed });
        Ok(Step::Opened)
    }

    fn back_reference(&mut self, at: usize, number: u64) -> Outcome<Step<B::Node>, B> {
        let node = self.numbered(at, number)?;
        Ok(Step::Whole(self.build.share(node)?))
    }

    /// The value that has this number.
    #[inline(always)]
    pub(super) fn numbered(&self, at: usize, number: u64) -> Result<B::Node> {
        let seen = usize::try_from(number).ok().and_then(|number| self.seen.get(number));
        seen.copied().ok_or_else(|| {
            let expected = format_args!("the number of one of the {} values before", self.seen.len());
            Error::corrupt(at, expected, number)
        })
    }

    /// A tag whose length takes eight bytes.
    #[cold]
    fn large(&mut self, at: usize) -> Outcome<Step<B::Node>, B> {
        let kind_at = self.input.offset();
        let kind = self.input.byte("the tag of a large value")?;
        let flags = match kind {
            tag::FLAG_HASH => self.hash_flags()?,
            tag::OBJECT | tag::LSCALAR | tag::LUTF8STR | tag::ARRAY | tag::HASH => HashFlags::default(),
            tag::HOOK => return self.hook(at, true),
            _ => return Err(Error::corrupt(kind_at, "the tag of a large value", kind).into()),
        };
        let number = self.input.u64(self.big, "a length")?;
        if kind == tag::OBJECT {
            return self.back_reference(at, number);
        }
        let length = usize::try_from(number).unwrap_or(usize::MAX);
        match kind {
            tag::ARRAY => self.array(at, length),
            tag::HASH | tag::FLAG_HASH => self.hash(at, length, flags),
            _ => {
                let node = self.string(length, kind == tag::LUTF8STR)?;
                self.seen.push(node);
                Ok(Step::Whole(node))
            }
        }
    }

    fn hash_flags(&mut self) -> Result<HashFlags> {
        let flags = self.input.byte("the flags of a hash")?;
        Ok(HashFlags { flagged: true, restricted: flags & flag::RESTRICTED != 0 })
    }

    /// The length of a string.
    #[inline(always)]
    pub(super) fn size(&mut self) -> Result<usize> {
        Ok(widen(self.input.u32(self.big, "a length")?))
    }

    /// A length that is negative in Storable's eyes if its first bit is set.
    #[inline(always)]
    pub(super) fn count(&mut self, of: &'static str) -> Result<usize> {
        count(&mut self.input, self.big, of)
    }
}
