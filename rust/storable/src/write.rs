//! Writing an image: one method per kind of value, each appending to a buffer.
//!
//! The writer knows the bytes; what is written in which order is its caller's to get right. Containers
//! come before their contents, and the count they announce must be what follows. **In a hash each
//! value comes before its key.** A class comes before its object:
//!
//! ```
//! use storable::{Options, Writer};
//!
//! // nfreeze(bless { name => 'x' }, 'User')
//! let mut writer = Writer::new(&Options::default());
//! writer.bless(b"User").unwrap();
//! writer.hash(1);
//! writer.bytes(b"x");
//! writer.key(b"name").unwrap();
//! assert_eq!(writer.finish(), b"\x05\x0b\x11\x04User\x03\0\0\0\x01\x0a\x01x\0\0\0\x04name");
//! ```
//!
//! Every method that writes a value counts one, as Storable does; [`Writer::number`] tells the number
//! that the next value gets, and [`Writer::object`] refers back to it.

use std::collections::HashMap;

use crate::build::{HashFlags, KeyFlags, RefKind};
use crate::consts::{FILE_MAGIC, LONG_CLASS, MAJOR, MAX_LENGTH, SHORT_CLASS, flag, tag};
use crate::error::{Error, Result};
use crate::header::ByteOrder;
use crate::number::number_text;

/// How an image is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Network order by default.
    pub order: Order,
    /// The format's minor version that the header names; 11 by default, as Storable 3 writes.
    pub minor: u8,
    /// Write booleans as such; off by default. Storable does since 3.27, still under minor version 11,
    /// and before it can't read them. Off, they are the strings `1` and the empty one, as in Perl.
    pub booleans: bool,
    /// Begin with the magic of files, as `store` and `nstore` do; off by default.
    pub file: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { order: Order::Network, minor: 11, booleans: false, file: false }
    }
}

/// How numbers are laid out in an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The same on all machines: what `nfreeze` writes.
    Network,
    /// As on this machine, for a Perl with 64-bit integers: what `freeze` writes.
    Native,
}

/// Appends values to an image. See the [module](self) for the order of calls.
#[derive(Debug)]
pub struct Writer {
    out: Vec<u8>,
    network: bool,
    booleans: bool,
    number: u64,
    classes: HashMap<Box<[u8]>, usize>,
}

impl Writer {
    /// Begins an image.
    pub fn new(options: &Options) -> Self {
        Self::with_buffer(options, Vec::new())
    }

    /// Begins an image in a buffer, whose contents are dropped and whose memory is used.
    pub fn with_buffer(options: &Options, mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        if options.file {
            buffer.extend_from_slice(FILE_MAGIC);
        }
        let network = options.order == Order::Network;
        buffer.extend_from_slice(&[MAJOR << 1 | u8::from(network), options.minor]);
        if !network {
            let order: &[u8; 8] = match ByteOrder::HERE {
                ByteOrder::Little => b"12345678",
                ByteOrder::Big => b"87654321",
            };
            buffer.push(8);
            buffer.extend_from_slice(order);
            // int, long, pointer, double
            buffer.extend_from_slice(&[4, LONG_SIZE, POINTER_SIZE, 8]);
        }
        Self { out: buffer, network, booleans: options.booleans, number: 0, classes: HashMap::new() }
    }

    /// The number that the next value gets; the root's is 0.
    #[inline]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// A scalar that holds undef.
    #[inline]
    pub fn undef(&mut self) {
        self.tag(tag::UNDEF);
    }

    /// Perl's one undef; in an array, an element that does not exist.
    #[inline]
    pub fn sv_undef(&mut self) {
        self.tag(tag::SV_UNDEF);
    }

    /// Perl's one undef as an element of an array.
    #[inline]
    pub fn elem_undef(&mut self) {
        self.tag(tag::SVUNDEF_ELEM);
    }

    /// Perl's one true.
    #[inline]
    pub fn yes(&mut self) {
        self.tag(tag::SV_YES);
    }

    /// Perl's one false.
    #[inline]
    pub fn no(&mut self) {
        self.tag(tag::SV_NO);
    }

    /// A boolean, as [`Options::booleans`] says.
    #[inline]
    pub fn boolean(&mut self, value: bool) {
        match (self.booleans, value) {
            (true, true) => self.tag(tag::BOOLEAN_TRUE),
            (true, false) => self.tag(tag::BOOLEAN_FALSE),
            (false, true) => self.bytes(b"1"),
            (false, false) => self.bytes(b""),
        }
    }

    /// An integer: in one byte if it fits; else in network order 32 bits, or its digits as a string
    /// where that is too little; in native order 64 bits.
    #[inline]
    pub fn integer(&mut self, value: i64) {
        if let Ok(small) = i8::try_from(value) {
            self.tag(tag::BYTE);
            self.out.push(small.cast_unsigned() ^ 0x80);
        } else if !self.network {
            self.tag(tag::INTEGER);
            self.out.extend_from_slice(&value.to_ne_bytes());
        } else if let Ok(value) = i32::try_from(value) {
            self.tag(tag::NETINT);
            self.out.extend_from_slice(&value.to_be_bytes());
        } else {
            self.bytes(itoa::Buffer::new().format(value).as_bytes());
        }
    }

    /// A double: eight bytes in native order; in network order the string that Perl makes of it. A
    /// caller that has Perl's string at hand passes that to [`bytes`](Self::bytes).
    #[inline]
    pub fn double(&mut self, value: f64) {
        if self.network {
            self.bytes(number_text(value).as_bytes());
        } else {
            self.tag(tag::DOUBLE);
            self.out.extend_from_slice(&value.to_ne_bytes());
        }
    }

    /// A string of bytes.
    #[inline]
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.number = self.number.wrapping_add(1);
        self.string(tag::SCALAR, tag::LSCALAR, bytes);
    }

    /// A string of characters, as UTF-8.
    #[inline]
    pub fn text(&mut self, utf8: &[u8]) {
        self.number = self.number.wrapping_add(1);
        self.string(tag::UTF8STR, tag::LUTF8STR, utf8);
    }

    /// The source of a v-string; its string value must come next. Not a value of its own.
    pub fn vstring(&mut self, source: &[u8]) -> Result<()> {
        fits(source.len(), "a v-string")?;
        self.string(tag::VSTRING, tag::LVSTRING, source);
        Ok(())
    }

    /// An array; its `len` elements must come next.
    #[inline]
    pub fn array(&mut self, len: usize) {
        self.number = self.number.wrapping_add(1);
        self.sized(&[tag::ARRAY], len);
    }

    /// A hash; its `len` pairs must come next, each as a value and a [`key`](Self::key).
    #[inline]
    pub fn hash(&mut self, len: usize) {
        self.number = self.number.wrapping_add(1);
        self.sized(&[tag::HASH], len);
    }

    /// A hash whose keys carry flags; its `len` pairs must come next, each as a value and a
    /// [`flag_key`](Self::flag_key).
    #[inline]
    pub fn flag_hash(&mut self, len: usize, flags: HashFlags) {
        self.number = self.number.wrapping_add(1);
        let restricted = if flags.restricted { flag::RESTRICTED } else { 0 };
        self.sized(&[tag::FLAG_HASH, restricted], len);
    }

    /// The key of the value before. Refused if it is longer than Perl's keys can be, 2 GB.
    #[inline]
    pub fn key(&mut self, key: &[u8]) -> Result<()> {
        let length = fits(key.len(), "a key")?;
        self.length(length);
        self.out.extend_from_slice(key);
        Ok(())
    }

    /// The key of the value before, in a hash whose keys carry flags.
    #[inline]
    pub fn flag_key(&mut self, key: &[u8], flags: KeyFlags) -> Result<()> {
        self.out.push(flags.bits());
        self.key(key)
    }

    /// A reference; its target must come next.
    #[inline]
    pub fn reference(&mut self, kind: RefKind) {
        self.tag(match (kind.weak, kind.overloaded) {
            (false, false) => tag::REF,
            (true, false) => tag::WEAKREF,
            (false, true) => tag::OVERLOAD,
            (true, true) => tag::WEAKOVERLOAD,
        });
    }

    /// A value that was written before, by its number. Not a value of its own.
    #[inline]
    pub fn object(&mut self, number: u64) {
        match u32::try_from(number) {
            Ok(number) if number <= MAX_I32 => {
                self.out.push(tag::OBJECT);
                self.out.extend_from_slice(&number.to_be_bytes());
            }
            _ => {
                self.out.extend_from_slice(&[tag::LOBJECT, tag::OBJECT]);
                self.long_length(number);
            }
        }
    }

    /// The class of the value that must come next. Not a value of its own.
    pub fn bless(&mut self, class: &[u8]) -> Result<()> {
        let length = fits(class.len(), "a class name")?;
        if let Some(&index) = self.classes.get(class) {
            self.out.push(tag::IX_BLESS);
            self.class_number(index, fits(index, "the number of classes")?);
            return Ok(());
        }
        self.classes.insert(class.into(), self.classes.len());
        self.out.push(tag::BLESS);
        self.class_number(class.len(), length);
        self.out.extend_from_slice(class);
        Ok(())
    }

    /// The image.
    pub fn finish(self) -> Vec<u8> {
        self.out
    }

    #[inline]
    fn tag(&mut self, tag: u8) {
        self.number = self.number.wrapping_add(1);
        self.out.push(tag);
    }

    #[inline]
    fn string(&mut self, short: u8, long: u8, bytes: &[u8]) {
        match u8::try_from(bytes.len()) {
            Ok(length) => self.out.extend_from_slice(&[short, length]),
            Err(_) => self.sized(&[long], bytes.len()),
        }
        self.out.extend_from_slice(bytes);
    }

    /// A tag with its flags, if any, and a length.
    #[inline]
    fn sized(&mut self, tag: &[u8], len: usize) {
        match fits(len, "") {
            Ok(length) => {
                self.out.extend_from_slice(tag);
                self.length(length);
            }
            Err(_) => {
                self.out.push(tag::LOBJECT);
                self.out.extend_from_slice(tag);
                self.long_length(u64::try_from(len).unwrap_or(u64::MAX));
            }
        }
    }

    #[inline]
    fn length(&mut self, length: u32) {
        self.out.extend_from_slice(&if self.network { length.to_be_bytes() } else { length.to_ne_bytes() });
    }

    fn long_length(&mut self, length: u64) {
        self.out.extend_from_slice(&if self.network { length.to_be_bytes() } else { length.to_ne_bytes() });
    }

    fn class_number(&mut self, number: usize, long: u32) {
        match u8::try_from(number) {
            Ok(short) if number <= SHORT_CLASS => self.out.push(short),
            _ => {
                self.out.push(LONG_CLASS);
                self.length(long);
            }
        }
    }
}

/// The largest number that four bytes hold for every version of Storable.
const MAX_I32: u32 = i32::MAX.cast_unsigned();
/// The size of a C `long` on this platform.
const LONG_SIZE: u8 = if cfg!(all(unix, target_pointer_width = "64")) { 8 } else { 4 };
/// The size of a pointer on this platform.
const POINTER_SIZE: u8 = if cfg!(target_pointer_width = "64") { 8 } else { 4 };

/// A length that four bytes hold.
#[inline]
fn fits(length: usize, what: &str) -> Result<u32> {
    match u32::try_from(length) {
        Ok(length) if length <= MAX_I32 => Ok(length),
        _ => Err(Error::unsupported(format!("{what} of {length}, more than {MAX_LENGTH}"))),
    }
}
