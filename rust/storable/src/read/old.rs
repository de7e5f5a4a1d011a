//! Images from before Storable 0.7, which was released in 2000.
//!
//! In these, notes follow each value: its class, if it has one, and the mark that it is complete. Before 0.6, moreover,
//! each value begins with its address in the memory of the program that wrote it, by which later ones refer to
//! it; elements of arrays and hashes have marks of their own; and hashes name a key after the word for it.
//!
//! The values themselves are those of today, as far as there were such.

use std::collections::HashMap;

use super::frame::{Frame, Kind};
use super::{Outcome, Reader, Step, key};
use crate::build::{Build, HashFlags, Immortal};
use crate::consts::{old, tag};
use crate::error::{Error, Result};
use crate::header::{Header, Layout};

/// What is different before 0.6.
struct Addresses {
    /// How many bytes an address takes.
    size: usize,
    /// The number of the value that was at an address.
    numbers: HashMap<u64, u64>,
}

/// What reading a value came to.
enum Came<N> {
    /// A value whose notes follow.
    New(N),
    /// One of the values that Perl has one of; it has no class.
    Immortal(N),
    /// A value that was complete, or under way, before: no notes.
    Known(N),
    /// A frame was pushed.
    Opened,
}

impl<B: Build> Reader<'_, '_, B> {
    /// Does what `root` does for images of today.
    #[cold]
    #[inline(never)]
    pub(super) fn old_root(&mut self, header: &Header) -> Outcome<B::Node, B> {
        let mut addresses = (header.major == 0).then(|| Addresses {
            size: match header.layout {
                Layout::Native { pointer, .. } => usize::from(pointer),
                Layout::Network => 4,
            },
            numbers: HashMap::new(),
        });
        loop {
            let mut came = self.old_value(addresses.as_mut())?;
            loop {
                let node = match came {
                    Came::Opened if self.goes_on(addresses.is_some())? => break,
                    Came::Opened => match self.frames.pop() {
                        Some(frame) => self.noted(frame.node, true)?,
                        None => return Err(self.misplaced("an open value").into()),
                    },
                    Came::New(node) => self.noted(node, true)?,
                    Came::Immortal(node) => self.noted(node, false)?,
                    Came::Known(node) => node,
                };
                came = match self.old_place(node, addresses.is_some())? {
                    Some(root) => return self.end(root),
                    None => Came::Opened,
                };
            }
        }
    }

    fn old_value(&mut self, addresses: Option<&mut Addresses>) -> Outcome<Came<B::Node>, B> {
        let at = self.input.offset();
        let address = match &addresses {
            Some(Addresses { size: 8, .. }) => self.input.u64(self.big, "an address")?,
            Some(_) => u64::from(self.input.u32(self.big, "an address")?),
            None => 0,
        };
        let tag_at = self.input.offset();
        let tag = self.input.byte("a value")?;
        match (tag, addresses) {
            (tag::OBJECT, None) => {
                let number = self.input.u32(true, "the number of a value")?;
                return self.old_known(tag_at, u64::from(number));
            }
            (tag::OBJECT, Some(addresses)) => {
                let number = addresses.numbers.get(&address).copied();
                return self.old_known(at, number.unwrap_or(u64::MAX));
            }
            (_, Some(addresses)) => {
                let number = u64::try_from(self.seen.len()).unwrap_or(u64::MAX);
                addresses.numbers.insert(address, number);
            }
            _ => {}
        }
        match tag {
            tag::SV_UNDEF | tag::SV_YES | tag::SV_NO => match self.tagged(tag_at, tag)? {
                Step::Whole(node) => Ok(Came::Immortal(node)),
                Step::Opened => Ok(Came::Opened),
            },
            tag::LSCALAR..=tag::TIED_SCALAR => match self.tagged(tag_at, tag)? {
                Step::Whole(node) => Ok(Came::New(node)),
                Step::Opened => Ok(Came::Opened),
            },
            _ => {
                Err(Error::corrupt(tag_at, "a value", format_args!("tag {tag}, which is newer than the image")).into())
            }
        }
    }

    fn old_known(&mut self, at: usize, number: u64) -> Outcome<Came<B::Node>, B> {
        let node = self.numbered(at, number)?;
        Ok(Came::Known(self.build.share(node)?))
    }

    /// Reads the notes after a value: classes, and that it is complete.
    fn noted(&mut self, node: B::Node, may_have_class: bool) -> Outcome<B::Node, B> {
        self.notes(node, may_have_class).inspect_err(|_| self.loose = Some(node))?;
        Ok(node)
    }

    fn notes(&mut self, node: B::Node, may_have_class: bool) -> Outcome<(), B> {
        loop {
            let at = self.input.offset();
            let length = match self.input.byte("the end of a value")? {
                old::STORED => return Ok(()),
                old::CLASS if may_have_class => usize::from(self.input.byte("the length of a class name")?),
                old::LONG_CLASS if may_have_class => self.count("a class name")?,
                mark => return Err(Error::corrupt(at, "the end of a value", format_args!("mark {mark}")).into()),
            };
            let class = self.new_class(length)?;
            self.build.bless(node, class)?;
        }
    }

    /// Whether the innermost container waits for a value. Before 0.6, fills in the elements that have none.
    fn goes_on(&mut self, marked: bool) -> Outcome<bool, B> {
        while let Some(frame) = self.frames.last() {
            if frame.left == 0 {
                return Ok(false);
            }
            if !marked {
                return Ok(true);
            }
            let (container, kind) = (frame.node, frame.kind);
            let (there, none) = match kind {
                Kind::Array => (old::ITEM, old::NO_ITEM),
                Kind::Hash(_) => (old::VALUE, old::NO_VALUE),
                _ => return Ok(true),
            };
            let at = self.input.offset();
            let mark = self.input.byte("an element")?;
            if mark == there {
                return Ok(true);
            }
            if mark != none {
                return Err(Error::corrupt(at, "an element", format_args!("mark {mark}")).into());
            }
            if let Kind::Array = kind {
                let hole = self.build.immortal(Immortal::Undef)?;
                self.build.push(container, hole)?;
            } else {
                let value = self.build.undef()?;
                self.old_insert(container, value, marked)?;
            }
            if let Some(frame) = self.frames.last_mut() {
                frame.left = frame.left.saturating_sub(1);
            }
        }
        Ok(false)
    }

    /// Hands a value to the innermost container. Returns the root when nothing is open.
    fn old_place(&mut self, node: B::Node, marked: bool) -> Outcome<Option<B::Node>, B> {
        let Some(&Frame { node: container, kind, .. }) = self.frames.last() else {
            return Ok(Some(node));
        };
        match kind {
            Kind::Array => self.build.push(container, node)?,
            Kind::Reference(kind) => self.build.point(container, node, kind)?,
            Kind::Hash(_) => self.old_insert(container, node, marked)?,
            _ => self.build.tie(container, node)?,
        }
        if let Some(frame) = self.frames.last_mut() {
            frame.left = frame.left.saturating_sub(1);
        }
        Ok(None)
    }

    fn old_insert(&mut self, hash: B::Node, value: B::Node, marked: bool) -> Outcome<(), B> {
        self.key_mark(marked).inspect_err(|_| self.loose = Some(value))?;
        let key = key(&mut self.input, self.big, HashFlags::default());
        let (key, flags) = key.inspect_err(|_| self.loose = Some(value))?;
        self.build.insert(hash, key, flags, value)
    }

    fn key_mark(&mut self, marked: bool) -> Result<()> {
        if !marked {
            return Ok(());
        }
        let at = self.input.offset();
        match self.input.byte("a key")? {
            old::KEY => Ok(()),
            mark => Err(Error::corrupt(at, "a key", format_args!("mark {mark}"))),
        }
    }
}
