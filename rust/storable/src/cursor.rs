//! Bounds-checked reading from the front of a slice.
//!
//! The only place that takes bytes off an image. Each reader names what it was after, so that the
//! error of an image that ends too soon says what is missing, and where.

use nom::Parser;
use nom::bytes::complete::take;
use nom::error::{ErrorKind, ParseError};
use nom::number::complete::{be_u32, be_u64, le_u32, le_u64, u8};

use crate::error::{Error, Result};

/// nom's error, reduced to the only one there is: too few bytes. It has no size and costs nothing.
struct Short;

impl<I> ParseError<I> for Short {
    fn from_error_kind(_: I, _: ErrorKind) -> Self {
        Self
    }

    fn append(_: I, _: ErrorKind, other: Self) -> Self {
        other
    }
}

/// What is left of an image.
pub(crate) struct Cursor<'a> {
    size: usize,
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { size: bytes.len(), rest: bytes }
    }

    /// How many bytes were taken.
    #[inline(always)]
    pub(crate) fn offset(&self) -> usize {
        self.size.saturating_sub(self.rest.len())
    }

    /// How many bytes are left.
    #[inline(always)]
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    /// The next byte.
    #[inline(always)]
    pub(crate) fn byte(&mut self, what: &'static str) -> Result<u8> {
        self.parse(u8, what, 1)
    }

    /// The next `count` bytes.
    #[inline(always)]
    pub(crate) fn bytes(&mut self, count: usize, what: &'static str) -> Result<&'a [u8]> {
        self.parse(take(count), what, count)
    }

    /// The next four bytes as an integer, most significant first if `big`.
    #[inline(always)]
    pub(crate) fn u32(&mut self, big: bool, what: &'static str) -> Result<u32> {
        if big { self.parse(be_u32, what, 4) } else { self.parse(le_u32, what, 4) }
    }

    /// The next eight bytes as an integer, most significant first if `big`.
    #[inline(always)]
    pub(crate) fn u64(&mut self, big: bool, what: &'static str) -> Result<u64> {
        if big { self.parse(be_u64, what, 8) } else { self.parse(le_u64, what, 8) }
    }

    /// Whether the rest begins with `prefix`.
    pub(crate) fn starts_with(&self, prefix: &[u8]) -> bool {
        self.rest.starts_with(prefix)
    }

    /// Takes `prefix` off if the rest begins with it, and says whether it did.
    pub(crate) fn skip(&mut self, prefix: &[u8]) -> bool {
        let rest = self.rest.strip_prefix(prefix);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    #[inline(always)]
    fn parse<O>(
        &mut self,
        mut parser: impl Parser<&'a [u8], Output = O, Error = Short>,
        what: &'static str,
        needed: usize,
    ) -> Result<O> {
        match parser.parse(self.rest) {
            Ok((rest, output)) => {
                self.rest = rest;
                Ok(output)
            }
            Err(_) => Err(self.too_short(what, needed)),
        }
    }

    #[cold]
    fn too_short(&self, what: &'static str, needed: usize) -> Error {
        Error::truncated(self.offset(), what, needed, self.left())
    }
}
