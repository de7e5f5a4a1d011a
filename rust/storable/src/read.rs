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
//! One loop does all the work, and its steps are inlined into it whatever the compiler thinks of their
//! size: that is worth a factor of two.
//!
//! What differs from Storable: bytes after the value are an error here and ignored there; a negative
//! length is an error; so is a class for one of Perl's immortals. Both read images of newer minor
//! versions, up to the first tag they don't know.
//!
//! Not read: hash keys that are values, which the format knows and no Storable writes. They are an error that says so.

mod frame;
mod hook;
mod old;
mod prefix;
mod rare;
mod top;
mod value;

use self::frame::{Frame, Kind};
use self::hook::Hook;
pub(crate) use self::top::{Span, top};
use crate::build::{Build, HashFlags, KeyFlags};
use crate::consts::{MAJOR, MAX_LENGTH, flag};
use crate::cursor::Cursor;
use crate::error::{Error, Result};
use crate::header::Header;
use crate::limits::Limits;
use crate::skim::Entry;

/// Reads one image and returns its root: for a frozen hash the hash itself, not a reference to it.
///
/// See [`Build`] for an example.
pub fn read<B: Build>(bytes: &[u8], limits: &Limits, build: &mut B) -> std::result::Result<B::Node, B::Error> {
    read_with(bytes, limits, build, &mut Scratch::default())
}

/// Does what [`read`] does, in memory that is kept from one reading to the next.
pub fn read_with<B: Build>(
    bytes: &[u8],
    limits: &Limits,
    build: &mut B,
    scratch: &mut Scratch<B::Node, B::Class>,
) -> std::result::Result<B::Node, B::Error> {
    if bytes.len() > limits.max_size {
        return Err(Error::limit(0, "the size of the image", limits.max_size).into());
    }
    let header = Header::parse(bytes)?;
    let mut reader = Reader::new(bytes, &header, limits, build, scratch);
    reader.input.bytes(header.body, "a header")?;
    let root = if header.major < MAJOR { reader.old_root(&header) } else { reader.root() };
    let root = root.inspect_err(|_| reader.abandon());
    scratch.clear();
    root
}

/// Reads one value out of an image that [`skim`](crate::skim()) has passed over. As it lies one deep there, the depth
/// counts from one less.
pub fn read_value<B: Build>(
    bytes: &[u8],
    entry: &Entry,
    limits: &Limits,
    build: &mut B,
    scratch: &mut Scratch<B::Node, B::Class>,
) -> std::result::Result<B::Node, B::Error> {
    let (start, end) = entry.bounds();
    let header = Header::parse(bytes)?;
    let mut reader = Reader::new(bytes.get(..end).unwrap_or(bytes), &header, limits, build, scratch);
    reader.input.bytes(start, "what comes before")?;
    let node = reader.root().inspect_err(|_| reader.abandon());
    scratch.clear();
    node
}

/// The memory that a reading needs beside the values it makes: about 40 bytes a value.
pub struct Scratch<N, C> {
    frames: Vec<Frame<N>>,
    seen: Vec<N>,
    classes: Vec<C>,
}

impl<N, C> Scratch<N, C> {
    /// Forgets the nodes of the last reading. Memory that only an uncommonly large image needed is given back.
    fn clear(&mut self) {
        const KEPT: usize = 4096;
        self.frames.clear();
        self.seen.clear();
        self.classes.clear();
        self.frames.shrink_to(KEPT);
        self.seen.shrink_to(KEPT);
        self.classes.shrink_to(KEPT);
    }
}

impl<N, C> Default for Scratch<N, C> {
    fn default() -> Self {
        Self { frames: Vec::with_capacity(16), seen: Vec::new(), classes: Vec::new() }
    }
}

/// What reading a tag came to.
enum Step<N> {
    /// A value without contents.
    Whole(N),
    /// A frame was pushed; its contents are next.
    Opened,
}

/// What comes of a step, unless the image or the builder stops it.
type Outcome<T, B> = std::result::Result<T, <B as Build>::Error>;

struct Reader<'a, 'b, B: Build> {
    input: Cursor<'a>,
    /// Lengths come most significant byte first.
    big: bool,
    /// Native integers and doubles do.
    native_big: bool,
    /// Native integers take eight bytes, not four.
    wide: bool,
    minor: u8,
    max_depth: usize,
    build: &'b mut B,
    /// The open containers, innermost last.
    frames: &'b mut Vec<Frame<B::Node>>,
    /// All values, by number.
    seen: &'b mut Vec<B::Node>,
    /// The classes that were named, by index.
    classes: &'b mut Vec<B::Class>,
    /// The hooks among the open containers.
    hooks: Vec<Hook>,
    /// The value that an error left without an owner: complete, and not handed on.
    loose: Option<B::Node>,
}

impl<'a, 'b, B: Build> Reader<'a, 'b, B> {
    /// A reader of these bytes, as the header of their image has it; at the header.
    #[inline(always)]
    fn new(
        bytes: &'a [u8],
        header: &Header,
        limits: &Limits,
        build: &'b mut B,
        scratch: &'b mut Scratch<B::Node, B::Class>,
    ) -> Self {
        Reader {
            input: Cursor::new(bytes),
            big: header.is_big(),
            native_big: header.is_native_big(),
            wide: header.is_wide(),
            minor: header.minor,
            max_depth: limits.max_depth,
            build,
            frames: &mut scratch.frames,
            seen: &mut scratch.seen,
            classes: &mut scratch.classes,
            hooks: Vec::new(),
            loose: None,
        }
    }
}

impl<B: Build> Reader<'_, '_, B> {
    fn root(&mut self) -> Outcome<B::Node, B> {
        loop {
            let Step::Whole(node) = self.value()? else {
                continue;
            };
            if let Some(root) = self.place(node)? {
                return self.end(root);
            }
        }
    }

    /// Nothing may come after the root.
    fn end(&mut self, root: B::Node) -> Outcome<B::Node, B> {
        match self.input.left() {
            0 => Ok(root),
            count => {
                self.loose = Some(root);
                let bytes = if count == 1 { "byte" } else { "bytes" };
                Err(Error::corrupt(self.input.offset(), "the end", format_args!("{count} more {bytes}")).into())
            }
        }
    }

    /// Hands a value to the container it belongs to, and that to its own if it is complete now.
    /// Returns the root when nothing is open any more.
    #[inline(always)]
    fn place(&mut self, mut node: B::Node) -> Outcome<Option<B::Node>, B> {
        loop {
            let Some(frame) = self.frames.last_mut() else {
                return Ok(Some(node));
            };
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
                rare => match self.place_rare(node, rare)? {
                    Step::Whole(whole) => {
                        node = whole;
                        continue;
                    }
                    Step::Opened => return Ok(None),
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
#[inline(always)]
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

#[inline(always)]
fn count(input: &mut Cursor<'_>, big: bool, of: &'static str) -> Result<usize> {
    let at = input.offset();
    let count = widen(input.u32(big, "a length")?);
    if count > MAX_LENGTH {
        return Err(Error::corrupt(at, format_args!("the length of {of}"), "a negative number"));
    }
    Ok(count)
}

/// On a machine with 16-bit addresses, a length that no memory can hold.
#[inline]
fn widen(length: u32) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}
