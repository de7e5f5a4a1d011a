//! The top level of a frozen hash, without making anything of it: for looking for one field in many sessions.
//!
//! [`Fields`] knows where the value of each key lies. The whole image is read and judged, by the same reader as
//! everywhere, but nothing is built, copied or blessed. A plain value ([`Plain`]) is there for the asking; a structure
//! can be cut out as an image of its own, unless it is tangled with the rest.
//!
//! ```
//! use storable::{Fields, Limits, Plain};
//!
//! // nfreeze({ uid => 'dwho', groups => ['users'] })
//! let image = b"\x05\x0b\x03\0\0\0\x02\x0a\x04dwho\0\0\0\x03uid\x04\x02\0\0\0\x01\x0a\x05users\0\0\0\x06groups";
//! let fields = Fields::parse(image, &Limits::default()).unwrap();
//!
//! assert_eq!(fields.get("uid").unwrap().plain(), Some(Plain::Bytes(b"dwho")));
//! let groups = fields.get("groups").unwrap();
//! assert_eq!(groups.plain(), None);
//! assert_eq!(groups.image().unwrap(), b"\x05\x0b\x04\x02\0\0\0\x01\x0a\x05users");
//! ```

use std::borrow::Cow;

use crate::build::KeyFlags;
use crate::consts::{MAJOR, tag};
use crate::cursor::Cursor;
use crate::error::Result;
use crate::header::Header;
use crate::limits::Limits;
use crate::number::number_text;
use crate::read::{Span, top};
use crate::value::{Key, Value};

/// Where the values of a frozen hash lie.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    image: Cow<'a, [u8]>,
    header: Header,
    spans: Vec<Span>,
}

impl<'a> Fields<'a> {
    /// Reads the outermost level of an image, which must be that of a hash.
    ///
    /// Fails as [`read`](crate::read()) does. Objects, hooks, subs and regular expressions are passed over like
    /// anything else: nothing is run and no class is asked for.
    pub fn parse(image: &'a [u8], limits: &Limits) -> Result<Self> {
        let header = Header::parse(image)?;
        if header.major < MAJOR {
            // Images of before 2000 are laid out differently; they are written anew.
            let value = Value::parse(image, limits)?;
            let image = value.write(&value.options())?;
            let header = Header::parse(&image)?;
            let spans = top(&image, &header, limits)?;
            return Ok(Self { image: Cow::Owned(image), header, spans });
        }
        if image.len() > limits.max_size {
            return Err(crate::error::Error::limit(0, "the size of the image", limits.max_size));
        }
        let spans = top(image, &header, limits)?;
        Ok(Self { image: Cow::Borrowed(image), header, spans })
    }

    /// The value of a key.
    pub fn get<'k>(&self, key: impl Into<Key<'k>>) -> Option<Field<'_>> {
        let key = key.into();
        // A key that stands there twice has its last value, as in the hash that is made of the image.
        self.spans.iter().rev().map(|span| self.field(span)).find(|field| field.key() == key && !field.is_placeholder())
    }

    /// The fields in the image's order. A key may come twice, which no Storable writes: the last one counts.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Field<'_>> {
        self.spans.iter().map(|span| self.field(span)).filter(|field| !field.is_placeholder())
    }

    fn field<'f>(&'f self, span: &'f Span) -> Field<'f> {
        Field { image: &self.image, header: &self.header, span }
    }
}

/// One key of a frozen hash, and its value.
#[derive(Clone, Copy, Debug)]
pub struct Field<'f> {
    image: &'f [u8],
    header: &'f Header,
    span: &'f Span,
}

impl<'f> Field<'f> {
    /// The key.
    pub fn key(&self) -> Key<'f> {
        let Span { key, key_end, flags, .. } = *self.span;
        Key::new(self.image.get(key..key_end).unwrap_or_default(), flags)
    }

    /// The value, where it is a plain one.
    pub fn plain(&self) -> Option<Plain<'f>> {
        Plain::read(self.bytes(), self.header)
    }

    /// The value as an image of its own. `None` where it holds objects or refers to other values: such a one has its
    /// meaning only within the whole image.
    pub fn image(&self) -> Option<Vec<u8>> {
        let header = self.image.get(..self.header.body)?;
        (!self.span.tangled).then(|| [header, self.bytes()].concat())
    }

    fn bytes(&self) -> &'f [u8] {
        self.image.get(self.span.value..self.span.value_end).unwrap_or_default()
    }

    /// A key of a restricted hash that is allowed, and is not there.
    fn is_placeholder(&self) -> bool {
        self.span.flags.contains(KeyFlags::PLACEHOLDER)
    }
}

/// A value that is no structure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Plain<'f> {
    /// Undef.
    Undef,
    /// True or false.
    Boolean(bool),
    /// An integer.
    Integer(i64),
    /// A double.
    Double(f64),
    /// A string of bytes: each is one character.
    Bytes(&'f [u8]),
    /// A string of characters, in Perl's lax UTF-8.
    Text(&'f [u8]),
}

impl<'f> Plain<'f> {
    fn read(bytes: &'f [u8], header: &Header) -> Option<Self> {
        let mut input = Cursor::new(bytes);
        let (big, native_big) = (header.is_big(), header.is_native_big());
        let tag = input.byte("a value").ok()?;
        let value = match tag {
            tag::SCALAR | tag::UTF8STR => {
                let length = usize::from(input.byte("a length").ok()?);
                string(input.bytes(length, "a string").ok()?, tag == tag::UTF8STR)
            }
            tag::LSCALAR | tag::LUTF8STR => {
                let length = usize::try_from(input.u32(big, "a length").ok()?).ok()?;
                string(input.bytes(length, "a string").ok()?, tag == tag::LUTF8STR)
            }
            tag::BYTE => Self::Integer(i64::from(input.byte("an integer").ok()?).saturating_sub(128)),
            tag::NETINT => Self::Integer(i64::from(input.u32(true, "an integer").ok()?.cast_signed())),
            tag::INTEGER if header.is_wide() => Self::Integer(input.u64(native_big, "an integer").ok()?.cast_signed()),
            tag::INTEGER => Self::Integer(i64::from(input.u32(native_big, "an integer").ok()?.cast_signed())),
            tag::DOUBLE => Self::Double(f64::from_bits(input.u64(native_big, "a double").ok()?)),
            tag::UNDEF | tag::SV_UNDEF | tag::SVUNDEF_ELEM => Self::Undef,
            tag::SV_YES | tag::BOOLEAN_TRUE => Self::Boolean(true),
            tag::SV_NO | tag::BOOLEAN_FALSE => Self::Boolean(false),
            _ => return None,
        };
        (input.left() == 0).then_some(value)
    }

    /// Its text, as Perl would print it: bytes that are characters one by one, or UTF-8 if the second part is true. That
    /// of undef is empty.
    pub fn text(self) -> (Cow<'f, [u8]>, bool) {
        let owned = |text: String| (Cow::Owned(text.into_bytes()), false);
        match self {
            Self::Undef | Self::Boolean(false) => (Cow::Borrowed(b""), false),
            Self::Boolean(true) => (Cow::Borrowed(b"1"), false),
            Self::Integer(value) => owned(value.to_string()),
            Self::Double(value) => owned(number_text(value)),
            Self::Bytes(bytes) => (Cow::Borrowed(bytes), false),
            Self::Text(text) => (Cow::Borrowed(text), true),
        }
    }
}

fn string(bytes: &[u8], utf8: bool) -> Plain<'_> {
    if utf8 { Plain::Text(bytes) } else { Plain::Bytes(bytes) }
}
