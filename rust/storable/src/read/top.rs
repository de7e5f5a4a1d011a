//! Walking over the top level of a frozen hash: where each value lies, and what it takes to read it alone.
//!
//! Everything below the top level is passed over by the same reader as ever, so an image is judged here as
//! it is everywhere.

use super::{Reader, Scratch, Step};
use crate::build::{Build, Frozen, HashFlags, Immortal, KeyFlags, Place, RefKind, Shape};
use crate::consts::MAJOR;
use crate::error::{Error, Result};
use crate::header::Header;
use crate::limits::Limits;

/// Where an entry of the outermost hash lies in its image.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    /// Where the value begins.
    pub(crate) value: usize,
    /// Where it ends.
    pub(crate) value_end: usize,
    /// Where the key begins, whose flags are these.
    pub(crate) key: usize,
    pub(crate) key_end: usize,
    pub(crate) flags: KeyFlags,
    /// The value holds an object or a reference to what came before: its numbers count from the beginning
    /// of the image.
    pub(crate) tangled: bool,
}

/// Finds the entries of the outermost hash. The header's version is today's.
pub(crate) fn top(bytes: &[u8], header: &Header, limits: &Limits) -> Result<Vec<Span>> {
    debug_assert_eq!(header.major, MAJOR);
    let mut skip = Skip::default();
    let mut scratch: Scratch<bool, ()> = Scratch::default();
    let mut reader = Reader::new(bytes, header, limits, &mut skip, &mut scratch);
    reader.input.bytes(header.body, "a header")?;
    reader.top()
}

impl Reader<'_, '_, Skip> {
    fn top(&mut self) -> Result<Vec<Span>> {
        let at = self.input.offset();
        let step = self.value()?;
        if self.seen.first() != Some(&true) {
            return Err(Error::corrupt(at, "a hash", "another value"));
        }
        if let Step::Whole(root) = step {
            self.end(root)?;
            return Ok(Vec::new());
        }
        let count = self.frames.first().map_or(0, |frame| frame.left);
        let mut spans = Vec::with_capacity(count);
        loop {
            let value = self.input.offset();
            self.build.tangled = false;
            let root = loop {
                let Step::Whole(node) = self.value()? else {
                    continue;
                };
                let root = self.place(node)?;
                if root.is_some() || self.build.inserted.is_some() {
                    break root;
                }
            };
            let Some((length, flags, flagged)) = self.build.inserted.take() else {
                return Err(self.misplaced("a key"));
            };
            let key_end = self.input.offset();
            let key = key_end.saturating_sub(length);
            // Before the key come its length and, in a hash with flags, these.
            let value_end = key.saturating_sub(if flagged { 5 } else { 4 });
            spans.push(Span { value, value_end, key, key_end, flags, tangled: self.build.tangled });
            if let Some(root) = root {
                self.end(root)?;
                return Ok(spans);
            }
        }
    }
}

/// Makes nothing. A node says whether it is the outermost hash.
#[derive(Default)]
struct Skip {
    begun: bool,
    flagged: bool,
    tangled: bool,
    /// The length of the key, and its flags, of the entry that just became complete.
    inserted: Option<(usize, KeyFlags, bool)>,
}

impl Skip {
    fn other(&mut self) -> Result<bool> {
        self.begun = true;
        Ok(false)
    }

    fn tangle(&mut self) -> Result<bool> {
        self.tangled = true;
        self.other()
    }
}

impl Build for Skip {
    type Node = bool;
    type Class = ();
    type Error = Error;

    fn undef(&mut self) -> Result<bool> {
        self.other()
    }

    fn immortal(&mut self, _: Immortal) -> Result<bool> {
        self.other()
    }

    fn boolean(&mut self, _: bool) -> Result<bool> {
        self.other()
    }

    fn integer(&mut self, _: i64) -> Result<bool> {
        self.other()
    }

    fn double(&mut self, _: f64) -> Result<bool> {
        self.other()
    }

    fn bytes(&mut self, _: &[u8]) -> Result<bool> {
        self.other()
    }

    fn text(&mut self, _: &[u8]) -> Result<bool> {
        self.other()
    }

    fn vstring(&mut self, _: bool, _: &[u8]) -> Result<()> {
        Ok(())
    }

    fn array(&mut self, _: usize) -> Result<bool> {
        self.other()
    }

    fn push(&mut self, _: bool, _: bool) -> Result<()> {
        Ok(())
    }

    fn hash(&mut self, _: usize, flags: HashFlags) -> Result<bool> {
        let outermost = !self.begun;
        self.begun = true;
        if outermost {
            self.flagged = flags.flagged;
        }
        Ok(outermost)
    }

    fn insert(&mut self, outermost: bool, key: &[u8], flags: KeyFlags, _: bool) -> Result<()> {
        if outermost {
            self.inserted = Some((key.len(), flags, self.flagged));
        }
        Ok(())
    }

    fn reference(&mut self) -> Result<bool> {
        self.other()
    }

    fn point(&mut self, _: bool, _: bool, _: RefKind) -> Result<()> {
        Ok(())
    }

    fn class(&mut self, _: &[u8]) -> Result<()> {
        self.tangled = true;
        Ok(())
    }

    fn bless(&mut self, _: bool, _: ()) -> Result<()> {
        self.tangled = true;
        Ok(())
    }

    fn share(&mut self, _: bool) -> Result<bool> {
        self.tangle()
    }

    fn empty(&mut self, _: Shape) -> Result<bool> {
        self.tangle()
    }

    fn keep(&mut self, _: bool) -> Result<()> {
        Ok(())
    }

    fn thaw(&mut self, object: bool, _: Frozen<'_, bool, ()>) -> Result<bool> {
        Ok(object)
    }

    fn tie(&mut self, _: bool, _: bool) -> Result<()> {
        Ok(())
    }

    fn tie_element(&mut self, _: bool, _: bool, _: Place<bool>) -> Result<()> {
        Ok(())
    }

    fn code(&mut self, _: &[u8], _: bool) -> Result<bool> {
        self.tangle()
    }

    fn regexp(&mut self, _: &[u8], _: &[u8]) -> Result<bool> {
        self.other()
    }

    fn discard(&mut self, _: bool) {}
}
