//! What sessions seldom hold: tied variables and their elements, code references, regular expressions.

use super::frame::{Frame, Kind};
use super::{Outcome, Reader, Step, widen};
use crate::build::{Build, Place, Shape};
use crate::consts::{LARGE_PATTERN, MINOR, tag};
use crate::error::Error;

impl<B: Build> Reader<'_, '_, B> {
    /// Reads what follows a tag that sessions seldom hold.
    #[cold]
    #[inline(never)]
    pub(super) fn rare(&mut self, at: usize, tag: u8) -> Outcome<Step<B::Node>, B> {
        match tag {
            tag::HOOK => self.hook(at, false),
            tag::TIED_SCALAR => self.tied(at, Shape::Scalar, Kind::Tied),
            tag::TIED_ARRAY => self.tied(at, Shape::Array, Kind::Tied),
            tag::TIED_HASH => self.tied(at, Shape::Hash, Kind::Tied),
            tag::TIED_KEY => self.tied(at, Shape::Scalar, Kind::TiedKey),
            tag::TIED_IDX => self.tied(at, Shape::Scalar, Kind::TiedIndex),
            tag::CODE => self.code(),
            tag::REGEXP => self.regexp(),
            _ if self.minor > MINOR => {
                let what = format!("tag {tag} of format version 2.{}", self.minor);
                Err(Error::unsupported_at(at, what).into())
            }
            _ => Err(Error::corrupt(at, "a value", format_args!("unknown tag {tag}")).into()),
        }
    }

    fn tied(&mut self, at: usize, shape: Shape, kind: Kind) -> Outcome<Step<B::Node>, B> {
        self.open(at, 1, kind, "something tied", |build| build.empty(shape))
    }

    /// Takes what belongs to the innermost frame, which is a rare one.
    #[cold]
    #[inline(never)]
    pub(super) fn place_rare(&mut self, node: B::Node, kind: Kind) -> Outcome<Step<B::Node>, B> {
        if let Kind::Hook = kind {
            return self.hook_value(node);
        }
        if let Kind::TiedKey = kind {
            // The object waits in a frame of its own until the key is there.
            let owed = self.frames.last().map_or(0, Frame::waits_for);
            self.frames.push(Frame { node, kind: Kind::Key, left: 1, owed });
            return Ok(Step::Opened);
        }
        if let Kind::TiedIndex = kind {
            let index = self.input.u32(self.big, "the index of an element");
            let index = index.inspect_err(|_| self.loose = Some(node))?.cast_signed();
            return self.finish(|build, element| build.tie_element(element, node, Place::Index(index)));
        }
        if let Kind::Key = kind {
            let Some(Frame { node: object, .. }) = self.frames.pop() else {
                return Err(self.misplaced("an element of something tied").into());
            };
            return self.finish(|build, element| build.tie_element(element, object, Place::Key(node)));
        }
        self.finish(|build, variable| build.tie(variable, node))
    }

    /// Closes the innermost frame after the last that its value needed.
    fn finish(&mut self, last: impl FnOnce(&mut B, B::Node) -> Outcome<(), B>) -> Outcome<Step<B::Node>, B> {
        let Some(frame) = self.frames.pop() else {
            return Err(self.misplaced("an open value").into());
        };
        last(self.build, frame.node).inspect_err(|_| self.loose = Some(frame.node))?;
        Ok(Step::Whole(frame.node))
    }

    /// The source is a value with a number of its own, after that of the sub.
    fn code(&mut self) -> Outcome<Step<B::Node>, B> {
        let at = self.input.offset();
        let tag = self.input.byte("the source of a sub")?;
        let (length, utf8) = match tag {
            tag::SCALAR | tag::UTF8STR => (usize::from(self.input.byte("a length")?), tag == tag::UTF8STR),
            tag::LSCALAR | tag::LUTF8STR => (self.size()?, tag == tag::LUTF8STR),
            _ => return Err(Error::corrupt(at, "the source of a sub", format_args!("tag {tag}")).into()),
        };
        let source = self.input.bytes(length, "the source of a sub")?;
        self.build.guard(self.seen);
        let sub = self.build.code(source, utf8)?;
        self.seen.push(sub);
        self.loose = Some(sub);
        let text = if utf8 { self.build.text(source)? } else { self.build.bytes(source)? };
        self.seen.push(text);
        self.build.keep(text)?;
        self.loose = None;
        Ok(Step::Whole(sub))
    }

    fn regexp(&mut self) -> Outcome<Step<B::Node>, B> {
        let flags = self.input.byte("the flags of a regular expression")?;
        let length = match flags & LARGE_PATTERN {
            0 => usize::from(self.input.byte("a length")?),
            _ => widen(self.input.u32(self.big, "a length")?),
        };
        let pattern = self.input.bytes(length, "a regular expression")?;
        let length = usize::from(self.input.byte("a length")?);
        let modifiers = self.input.bytes(length, "the modifiers of a regular expression")?;
        self.build.guard(self.seen);
        let regexp = self.build.regexp(pattern, modifiers)?;
        self.seen.push(regexp);
        Ok(Step::Whole(regexp))
    }
}
