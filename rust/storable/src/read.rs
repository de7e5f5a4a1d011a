//! Reading an image: one pass over the bytes, into a [`Build`].
//!
//! Open containers lie on a stack of their own, so depth costs heap and never the thread's stack, and
//! is bounded by [`Limits::max_depth`](crate::Limits::max_depth). Values are numbered as Storable
//! numbers them, containers before their contents; a back reference names a number.
//!
//! A count is believed if the bytes that are left can hold that many of the smallest elements *beside*
//! all that the containers around it still wait for. So all reservations together are at most a
//! constant times the image, however counts are nested.
//!
//! What differs from Storable: bytes after the value are an error here and ignored there; a negative
//! length is an error; so is a class for one of Perl's immortals. Both read images of newer minor
//! versions, up to the first tag they don't know.
//!
//! Not read yet: what a `STORABLE_freeze` hook wrote, tied variables, code references, regular
//! expressions, hash keys that are values, images older than Storable 0.7. They are errors that name
//! them.

use crate::build::{Build, HashFlags, Immortal, KeyFlags, RefKind};
use crate::consts::{MAX_LENGTH, MINOR, LONG_CLASS, flag, hook, tag};
use crate::cursor::Cursor;
use crate::error::{Error, Result};
use crate::header::Header;
use crate::limits::Limits;

/// Reads one image and returns its root: for a frozen hash the hash itself, not a reference to it.
///
/// See [`Build`] for an example.
pub fn read<B: Build>(
    bytes: &[u8],
    limits: &Limits,
    build: &mut B,
) -> std::result::Result<B::Node, B::Error> {
    if bytes.len() > limits.max_size {
        return Err(Error::limit(0, "the size of the image", limits.max_size).into());
    }
    let header = Header::parse(bytes)?;
    let mut reader = Reader {
        input: Cursor::new(bytes),
        big: header.is_big(),
        wide: header.is_wide(),
        minor: header.minor,
        max_depth: limits.max_depth,
        build,
        frames: Vec::new(),
        seen: Vec::new(),
        classes: Vec::new(),
        loose: None,
    };
    reader.input.bytes(header.body, "a header")?;
    reader.root().inspect_err(|_| reader.abandon())
}

/// A container whose contents are being read.
struct Frame<N> {
    node: N,
    kind: Kind,
    /// How many elements are still to come, the one being read included.
    left: usize,
    /// How many bytes the containers around this one wait for at least.
    owed: usize,
}

#[derive(Clone, Copy)]
enum Kind {
    Array,
    Hash(HashFlags),
    Reference(RefKind),
}

impl Kind {
    /// The size of the smallest element: a tag; with a key, its length and maybe its flags too.
    fn smallest(self) -> usize {
        match self {
            Self::Array | Self::Reference(_) => 1,
            Self::Hash(HashFlags { flagged: false, .. }) => 5,
            Self::Hash(HashFlags { flagged: true, .. }) => 6,
        }
    }
}

/// What reading a tag came to.
enum Step<N> {
    /// A value without contents.
    Whole(N),
    /// A frame was pushed; its contents are next.
    Opened,
}

struct Reader<'a, 'b, B: Build> {
    input: Cursor<'a>,
    big: bool,
    wide: bool,
    minor: u8,
    max_depth: usize,
    build: &'b mut B,
    frames: Vec<Frame<B::Node>>,
    seen: Vec<B::Node>,
    classes: Vec<B::Class>,
    /// The value that an error left without an owner: complete, and not handed on.
    loose: Option<B::Node>,
}

impl<'a, B: Build> Reader<'a, '_, B> {
    fn root(&mut self) -> std::result::Result<B::Node, B::Error> {
        loop {
            let Step::Whole(node) = self.value()? else { continue };
            if let Some(root) = self.place(node)? {
                return match self.input.left() {
                    0 => Ok(root),
                    count => {
                        let found = format_args!("{count} more bytes");
                        self.loose = Some(root);
                        Err(Error::corrupt(self.input.offset(), "the end", found).into())
                    }
                };
            }
        }
    }

    /// Hands a value to the container it belongs to, and that to its own if it is complete now.
    /// Returns the root when nothing is open any more.
    #[inline]
    fn place(&mut self, mut node: B::Node) -> std::result::Result<Option<B::Node>, B::Error> {
        loop {
            let Some(frame) = self.frames.last_mut() else { return Ok(Some(node)) };
            match frame.kind {
                Kind::Array => self.build.push(frame.node, node)?,
                Kind::Reference(kind) => self.build.point(frame.node, node, kind)?,
                Kind::Hash(flags) => match key(&mut self.input, self.big, flags) {
                    Ok((key, flags)) => self.build.insert(frame.node, key, flags, node)?,
                    Err(error) => {
                        self.loose = Some(node);
                        return Err(error.into());
                    }
                },
            }
            frame.left = frame.left.saturating_sub(1);
            if frame.left > 0 {
                return Ok(None);
            }
            node = frame.node;
            self.frames.pop();
        }
    }

    #[inline]
    fn value(&mut self) -> std::result::Result<Step<B::Node>, B::Error> {
        let at = self.input.offset();
        let tag = self.input.byte("a value")?;
        self.tagged(at, tag)
    }

    /// Reads what follows a tag.
    #[inline]
    fn tagged(&mut self, at: usize, tag: u8) -> std::result::Result<Step<B::Node>, B::Error> {
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
                let value = self.input.u64(self.big, "an integer")?;
                self.build.integer(value.cast_signed())?
            }
            tag::INTEGER => {
                let value = self.input.u32(self.big, "an integer")?;
                self.build.integer(i64::from(value.cast_signed()))?
            }
            tag::DOUBLE => {
                let bits = self.input.u64(self.big, "a double")?;
                self.build.double(f64::from_bits(bits))?
            }
            tag::UNDEF => self.build.undef()?,
            tag::SV_UNDEF => self.build.immortal(Immortal::Undef)?,
            tag::SV_YES => self.build.immortal(Immortal::Yes)?,
            tag::SV_NO => self.build.immortal(Immortal::No)?,
            tag::SVUNDEF_ELEM => self.build.immortal(Immortal::ElemUndef)?,
            tag::BOOLEAN_TRUE => self.build.boolean(true)?,
            tag::BOOLEAN_FALSE => self.build.boolean(false)?,
            tag::REF => return self.reference(at, RefKind::default()),
            tag::WEAKREF => return self.reference(at, RefKind { weak: true, overloaded: false }),
            tag::OVERLOAD => return self.reference(at, RefKind { weak: false, overloaded: true }),
            tag::WEAKOVERLOAD => return self.reference(at, RefKind { weak: true, overloaded: true }),
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
            tag::BLESS | tag::IX_BLESS | tag::VSTRING | tag::LVSTRING => return self.prefixed(at, tag),
            _ => return Err(self.unsupported(at, tag).into()),
        };
        self.seen.push(node);
        Ok(Step::Whole(node))
    }

    #[inline]
    fn string(&mut self, length: usize, utf8: bool) -> std::result::Result<B::Node, B::Error> {
        let bytes = self.input.bytes(length, "a string")?;
        if utf8 { self.build.text(bytes) } else { self.build.bytes(bytes) }
    }

    fn reference(&mut self, at: usize, kind: RefKind) -> std::result::Result<Step<B::Node>, B::Error> {
        self.open(at, 1, Kind::Reference(kind), "a reference", |build| build.reference())
    }

    fn array(&mut self, at: usize, len: usize) -> std::result::Result<Step<B::Node>, B::Error> {
        self.open(at, len, Kind::Array, "an array", |build| build.array(len))
    }

    fn hash(
        &mut self,
        at: usize,
        len: usize,
        flags: HashFlags,
    ) -> std::result::Result<Step<B::Node>, B::Error> {
        self.open(at, len, Kind::Hash(flags), "a hash", |build| build.hash(len, flags))
    }

    /// Makes a container, if the image can hold its `len` elements, and opens it unless it is empty.
    #[inline]
    fn open(
        &mut self,
        at: usize,
        len: usize,
        kind: Kind,
        what: &'static str,
        make: impl FnOnce(&mut B) -> std::result::Result<B::Node, B::Error>,
    ) -> std::result::Result<Step<B::Node>, B::Error> {
        let owed = self.frames.last().map_or(0, |around| {
            let others = around.left.saturating_sub(1).saturating_mul(around.kind.smallest());
            let key = around.kind.smallest().saturating_sub(1);
            around.owed.saturating_add(others).saturating_add(key)
        });
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

    fn back_reference(&mut self, at: usize, number: u64) -> std::result::Result<Step<B::Node>, B::Error> {
        let seen = usize::try_from(number).ok().and_then(|number| self.seen.get(number));
        match seen {
            Some(&node) => Ok(Step::Whole(self.build.share(node)?)),
            None => {
                let expected = format_args!("the number of one of the {} values before", self.seen.len());
                Err(Error::corrupt(at, expected, number).into())
            }
        }
    }

    /// A tag whose length takes eight bytes.
    #[cold]
    fn large(&mut self, at: usize) -> std::result::Result<Step<B::Node>, B::Error> {
        let kind_at = self.input.offset();
        let kind = self.input.byte("the tag of a large value")?;
        let flags = match kind {
            tag::FLAG_HASH => self.hash_flags()?,
            tag::OBJECT | tag::LSCALAR | tag::LUTF8STR | tag::ARRAY | tag::HASH => HashFlags::default(),
            tag::HOOK => return Err(self.unsupported(kind_at, kind).into()),
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

    /// A value with a class or the source of a v-string before it. As in Storable, the innermost class
    /// counts, and none if the value is a back reference.
    #[cold]
    fn prefixed(&mut self, mut at: usize, mut tag: u8) -> std::result::Result<Step<B::Node>, B::Error> {
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

    fn adorn(
        &mut self,
        node: B::Node,
        class: Option<B::Class>,
        vstring: Option<&[u8]>,
    ) -> std::result::Result<(), B::Error> {
        if let Some(source) = vstring {
            self.build.vstring(node, source)?;
        }
        if let Some(class) = class {
            self.build.bless(node, class)?;
        }
        Ok(())
    }

    fn class_name(&mut self) -> std::result::Result<B::Class, B::Error> {
        let length = match self.input.byte("the length of a class name")? {
            short if short < LONG_CLASS => usize::from(short),
            _ => self.count("a class name")?,
        };
        let name = self.input.bytes(length, "a class name")?;
        let class = self.build.class(name)?;
        self.classes.push(class);
        Ok(class)
    }

    fn class_index(&mut self, at: usize) -> Result<B::Class> {
        let index = match self.input.byte("the index of a class")? {
            short if short < LONG_CLASS => usize::from(short),
            _ => self.count("the index of a class")?,
        };
        self.classes.get(index).copied().ok_or_else(|| {
            let expected = format_args!("the index of one of the {} classes before", self.classes.len());
            Error::corrupt(at, expected, index)
        })
    }

    fn hash_flags(&mut self) -> Result<HashFlags> {
        let flags = self.input.byte("the flags of a hash")?;
        Ok(HashFlags { flagged: true, restricted: flags & flag::RESTRICTED != 0 })
    }

    /// The length of a string.
    #[inline]
    fn size(&mut self) -> Result<usize> {
        Ok(widen(self.input.u32(self.big, "a length")?))
    }

    /// A length that is negative in Storable's eyes if its first bit is set.
    #[inline]
    fn count(&mut self, of: &'static str) -> Result<usize> {
        count(&mut self.input, self.big, of)
    }

    #[cold]
    fn unsupported(&mut self, at: usize, tag: u8) -> Error {
        let what = match tag {
            tag::HOOK => match hook_class(&mut self.input, self.big) {
                Some(class) => format!("an object of {} with a STORABLE hook", class.escape_ascii()),
                None => "an object with a STORABLE hook".to_owned(),
            },
            tag::TIED_ARRAY => "a tied array".to_owned(),
            tag::TIED_HASH => "a tied hash".to_owned(),
            tag::TIED_SCALAR => "a tied scalar".to_owned(),
            tag::TIED_KEY => "an element of a tied hash".to_owned(),
            tag::TIED_IDX => "an element of a tied array".to_owned(),
            tag::CODE => "a code reference".to_owned(),
            tag::REGEXP => "a regular expression".to_owned(),
            _ if self.minor > MINOR => format!("tag {tag} of format version 2.{}", self.minor),
            _ => return Error::corrupt(at, "a value", format_args!("unknown tag {tag}")),
        };
        Error::unsupported_at(at, what)
    }

    /// Gives back what was built, innermost first.
    #[cold]
    fn abandon(&mut self) {
        while let Some(node) = self.seen.pop() {
            self.build.sever(node);
        }
        if let Some(node) = self.loose.take() {
            self.build.discard(node);
        }
        while let Some(frame) = self.frames.pop() {
            self.build.discard(frame.node);
        }
    }
}

/// The key that follows a value of a hash.
#[inline]
fn key<'a>(input: &mut Cursor<'a>, big: bool, flags: HashFlags) -> Result<(&'a [u8], KeyFlags)> {
    let at = input.offset();
    let flags = match flags.flagged {
        true => input.byte("the flags of a key")?,
        false => 0,
    };
    if flags & flag::IS_SV != 0 {
        return Err(Error::unsupported_at(at, "a hash key that is a value"));
    }
    let length = count(input, big, "a key")?;
    Ok((input.bytes(length, "a key")?, KeyFlags::from_bits(flags)))
}

#[inline]
fn count(input: &mut Cursor<'_>, big: bool, of: &'static str) -> Result<usize> {
    let at = input.offset();
    let count = widen(input.u32(big, "a length")?);
    if count > MAX_LENGTH {
        return Err(Error::corrupt(at, format_args!("the length of {of}"), "a negative number"));
    }
    Ok(count)
}

/// The class in the frame of a hook, where it comes before anything else.
fn hook_class<'a>(input: &mut Cursor<'a>, big: bool) -> Option<&'a [u8]> {
    let flags = input.byte("").ok()?;
    if flags & (hook::RECURSE | hook::INDEXED_CLASS) != 0 {
        return None;
    }
    if flags & hook::TYPE == hook::TYPE_EXTRA {
        input.byte("").ok()?;
    }
    let length = match flags & hook::LARGE_CLASS {
        0 => usize::from(input.byte("").ok()?),
        _ => widen(input.u32(big, "").ok()?),
    };
    input.bytes(length, "").ok()
}

/// On a machine with 16-bit addresses, a length that no memory can hold.
#[inline]
fn widen(length: u32) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}
