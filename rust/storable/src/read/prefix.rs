//! What can come before a value: the class of an object, the source of a v-string.

use super::{Outcome, Reader, Step};
use crate::build::Build;
use crate::consts::{LONG_CLASS, tag};
use crate::error::{Error, Result};

impl<B: Build> Reader<'_, '_, B> {
    /// A value with a class or the source of a v-string before it. As in Storable, the innermost class
    /// counts, and none if the value is a back reference or the object of a hook.
    #[inline(never)]
    pub(super) fn prefixed(&mut self, mut at: usize, mut tag: u8) -> Outcome<Step<B::Node>, B> {
        let mut class = None;
        let mut vstring = None;
        loop {
            match tag {
                tag::BLESS => class = Some(self.class_name()?),
                tag::IX_BLESS => class = Some(self.class_index(at)?),
                tag::VSTRING => {
                    let length = usize::from(self.input.byte("a length")?);
                    vstring = Some(self.input.bytes(length, "a v-string")?);
                }
                tag::LVSTRING => {
                    let length = self.size()?;
                    vstring = Some(self.input.bytes(length, "a v-string")?);
                }
                _ => break,
            }
            at = self.input.offset();
            tag = self.input.byte("a value")?;
        }
        let string = matches!(tag, tag::SCALAR | tag::LSCALAR | tag::UTF8STR | tag::LUTF8STR);
        if vstring.is_some() && !string {
            return Err(Error::corrupt(at, "the string of a v-string", format_args!("tag {tag}")).into());
        }
        if tag == tag::HOOK || tag == tag::LOBJECT && self.input.starts_with(&[tag::HOOK]) {
            class = None; // it brings its own
        }
        let immortal = matches!(tag, tag::SV_UNDEF | tag::SV_YES | tag::SV_NO | tag::SVUNDEF_ELEM);
        if class.is_some() && immortal {
            return Err(Error::corrupt(at, "an object", format_args!("tag {tag}")).into());
        }
        let numbered = self.seen.len();
        let step = self.tagged(at, tag)?;
        if let Some(&node) = self.seen.get(numbered) {
            self.adorn(node, class, vstring).inspect_err(|_| {
                if let Step::Whole(node) = step {
                    self.loose = Some(node);
                }
            })?;
        }
        Ok(step)
    }

    fn adorn(&mut self, node: B::Node, class: Option<B::Class>, vstring: Option<&[u8]>) -> Outcome<(), B> {
        if let Some(source) = vstring {
            self.build.vstring(node, source)?;
        }
        if let Some(class) = class {
            self.build.bless(node, class)?;
        }
        Ok(())
    }

    fn class_name(&mut self) -> Outcome<B::Class, B> {
        let length = match self.input.byte("the length of a class name")? {
            short if short < LONG_CLASS => usize::from(short),
            _ => self.count("a class name")?,
        };
        self.new_class(length)
    }

    fn class_index(&mut self, at: usize) -> Result<B::Class> {
        let index = match self.input.byte("the index of a class")? {
            short if short < LONG_CLASS => usize::from(short),
            _ => self.count("the index of a class")?,
        };
        self.known_class(at, index)
    }

    /// The class whose name comes next, which gets the next index.
    pub(super) fn new_class(&mut self, length: usize) -> Outcome<B::Class, B> {
        let name = self.input.bytes(length, "a class name")?;
        let class = self.build.class(name)?;
        self.classes.push(class);
        Ok(class)
    }

    /// The class that was named under this index.
    pub(super) fn known_class(&self, at: usize, index: usize) -> Result<B::Class> {
        self.classes.get(index).copied().ok_or_else(|| {
            let expected = format_args!("the index of one of the {} classes before", self.classes.len());
            Error::corrupt(at, expected, index)
        })
    }
}
