//! What a `STORABLE_freeze` hook wrote.
//!
//! ```text
//! HOOK flags [extra]  { value flags }  class  string  [list]  [object]
//! ```
//!
//! While the flags say so, a value follows that only the hook refers to, and flags again. Then come the class, by
//! its name or its index; the string that the hook returned; the numbers of the values that it returned
//! references to; and, if the object is tied as well, the object behind it. The object itself has the first number, so
//! that all the others can refer to it.

use super::frame::{Frame, Kind};
use super::{Outcome, Reader, Step, widen};
use crate::build::{Build, Frozen, Shape};
use crate::consts::hook;
use crate::error::{Error, Result};

/// A hook's frame whose values are being read.
pub(super) struct Hook {
    /// The number of the object.
    number: usize,
    /// The string's length takes eight bytes.
    large: bool,
    tied: bool,
}

impl<B: Build> Reader<'_, '_, B> {
    /// Reads what follows the tag.
    pub(super) fn hook(&mut self, at: usize, large: bool) -> Outcome<Step<B::Node>, B> {
        let flags_at = self.input.offset();
        let flags = self.input.byte("the flags of a hook")?;
        let extra = flags & hook::SHAPE == hook::EXTRA;
        let shape = match extra {
            true => self.input.byte("the type of a tied object")? ^ hook::TIED,
            false => flags & hook::SHAPE,
        };
        let shape = match shape {
            0 => Shape::Scalar,
            1 => Shape::Array,
            2 => Shape::Hash,
            _ => return Err(Error::corrupt(flags_at, "the type of an object", format_args!("flags {flags:#x}")).into()),
        };
        let number = self.seen.len();
        self.open(at, 1, Kind::Hook, "an object", |build| build.empty(shape))?;
        self.hooks.push(Hook { number, large, tied: extra });
        self.hook_goes_on(flags)
    }

    /// Reads what follows a value of a hook's own.
    pub(super) fn hook_value(&mut self, node: B::Node) -> Outcome<Step<B::Node>, B> {
        self.build.keep(node)?;
        let flags = self.input.byte("the flags of a hook")?;
        self.hook_goes_on(flags)
    }

    /// One more value comes, or the rest of the frame.
    fn hook_goes_on(&mut self, flags: u8) -> Outcome<Step<B::Node>, B> {
        if flags & hook::RECURSE != 0 {
            return Ok(Step::Opened);
        }
        let Some(Hook { number, large, tied }) = self.hooks.pop() else {
            return Err(self.misplaced("a hook").into());
        };
        let class = self.hook_class(flags)?;
        let at = self.input.offset();
        let length = match (large, flags & hook::LARGE_STRING != 0) {
            (true, _) => usize::try_from(self.input.u64(self.big, "a length")?).unwrap_or(usize::MAX),
            (false, true) => self.size()?,
            (false, false) => usize::from(self.input.byte("a length")?),
        };
        let bytes = self.input.bytes(length, "the string of a hook")?;
        let refs = match flags & hook::HAS_LIST {
            0 => Vec::new(),
            _ => self.hook_list(flags)?,
        };
        let Some(Frame { node: object, owed, .. }) = self.frames.pop() else {
            return Err(Error::corrupt(at, "an open hook", "none").into());
        };
        self.build.guard(self.seen);
        let object = self.build.thaw(object, Frozen { class, bytes, refs: &refs })?;
        if let Some(seen) = self.seen.get_mut(number) {
            *seen = object;
        }
        if tied {
            self.frames.push(Frame { node: object, kind: Kind::Tied, left: 1, owed });
            return Ok(Step::Opened);
        }
        Ok(Step::Whole(object))
    }

    fn hook_class(&mut self, flags: u8) -> Outcome<B::Class, B> {
        let at = self.input.offset();
        let number = match flags & hook::LARGE_CLASS {
            0 => usize::from(self.input.byte("the class of a hook")?),
            _ => self.count("a class name")?,
        };
        match flags & hook::INDEXED_CLASS {
            0 => self.new_class(number),
            _ => Ok(self.known_class(at, number)?),
        }
    }

    /// The values that the numbers in a list stand for.
    fn hook_list(&mut self, flags: u8) -> Result<Vec<B::Node>> {
        let at = self.input.offset();
        let (count, wide) = match flags & hook::LARGE_LIST {
            0 => (u32::from(self.input.byte("the length of a list")?), false),
            _ => {
                let count = self.input.u32(self.big, "the length of a list")?.cast_signed();
                (count.unsigned_abs(), count < 0)
            }
        };
        let (count, size) = (widen(count), if wide { 8 } else { 4 });
        let needed = count.saturating_mul(size);
        if needed > self.input.left() {
            return Err(Error::truncated(at, "a list", needed, self.input.left()));
        }
        let mut refs = Vec::with_capacity(count);
        for _ in 0..count {
            let at = self.input.offset();
            let number = match wide {
                true => self.input.u64(self.big, "the number of a value")?,
                false => u64::from(self.input.u32(true, "the number of a value")?),
            };
            refs.push(self.numbered(at, number)?);
        }
        Ok(refs)
    }

    /// The error for a frame that its own marks do not lead to: can't happen, and is no reason to panic.
    #[cold]
    pub(super) fn misplaced(&self, what: &str) -> Error {
        Error::corrupt(self.input.offset(), what, "something else")
    }
}
