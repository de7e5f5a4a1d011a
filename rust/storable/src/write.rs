//! Writing an image: one method per kind of value, each appending to a buffer.
//!
//! The writer knows the bytes; what is written in which order is its caller's to get right. Containers
//! come before their contents, and the count they announce must be what follows. **In a hash each
//! value comes before its key.** A class comes before its object.
//!
//! Every method that writes a value counts one, as Storable does; [`Writer::number`] tells the number
//! that the next value gets, and [`Writer::object`] refers back to it.

use std::collections::HashMap;
use std::ops::Range;

use crate::build::{HashFlags, KeyFlags, RefKind, Shape};
use crate::consts::{FILE_MAGIC, LARGE_PATTERN, LONG_CLASS, MAJOR, MAX_LENGTH, SHORT_CLASS, flag, hook, tag};
use crate::error::{Error, Result};
use crate::header::ByteOrder;
use crate::number::number_text;
use crate::options::{Options, Order};
use crate::output::Output;

/// Appends values to an image: containers before their contents, in a hash each value before its key, a
/// class before its object.
///
/// ```
/// use storable::{Options, Writer};
///
/// // nfreeze(bless { name => 'x' }, 'User')
/// let mut writer = Writer::new(&Options::default());
/// writer.bless(b"User").unwrap();
/// writer.hash(1);
/// writer.bytes(b"x");
/// writer.key(b"name").unwrap();
/// assert_eq!(writer.finish(), b"\x05\x0b\x11\x04User\x03\0\0\0\x01\x0a\x01x\0\0\0\x04name");
/// ```
#[derive(Debug)]
pub struct Writer<O = Vec<u8>> {
    out: O,
    /// Where the first value begins.
    body: usize,
    network: bool,
    booleans: bool,
    number: u64,
    classes: HashMap<Box<[u8]>, usize>,
}

/// An object that a hook took apart, between [`Writer::hook`] and [`Writer::hook_end`].
#[derive(Clone, Copy, Debug)]
pub struct HookFrame {
    /// The bits that say the shape.
    shape: u8,
    /// The byte of a tied object.
    extra: Option<u8>,
    /// The string needs the large form.
    large: bool,
    /// The tag is written.
    open: bool,
}

impl Writer {
    /// Begins an image.
    pub fn new(options: &Options) -> Self {
        Self::with_buffer(options, Vec::new())
    }

    /// Begins an image in a buffer, whose contents are dropped and whose memory is used.
    pub fn with_buffer(options: &Options, mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        Self::into_output(options, buffer)
    }
}

impl<O: Output> Writer<O> {
    /// Begins an image that goes into an output, after what is there already.
    pub fn into_output(options: &Options, mut out: O) -> Self {
        if options.file {
            out.append(FILE_MAGIC);
        }
        let network = options.order == Order::Network;
        out.append(&[MAJOR << 1 | u8::from(network), options.minor]);
        if !network {
            let order: &[u8; 8] = match ByteOrder::HERE {
                ByteOrder::Little => b"12345678",
                ByteOrder::Big => b"87654321",
            };
            out.append_with(&[8], order);
            // int, long, pointer; double, of which nothing was said before minor version 2
            out.append(&[4, LONG_SIZE, POINTER_SIZE]);
            if options.minor >= 2 {
                out.append(&[8]);
            }
        }
        let body = out.len();
        Self { out, body, network, booleans: options.booleans, number: 0, classes: HashMap::new() }
    }

    /// Takes back all that was written since the beginning of the image.
    pub fn restart(&mut self) {
        self.out.truncate(self.body);
        self.number = 0;
        self.classes.clear();
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
            self.fixed(&[tag::BYTE, small.cast_unsigned() ^ 0x80]);
        } else if !self.network {
            self.tag(tag::INTEGER);
            self.out.append(&value.to_ne_bytes());
        } else if let Ok(value) = i32::try_from(value) {
            let [a, b, c, d] = value.to_be_bytes();
            self.fixed(&[tag::NETINT, a, b, c, d]);
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
            self.out.append(&value.to_ne_bytes());
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
        let length = self.four(fits(key.len(), "a key")?);
        self.out.append_with(&length, key);
        Ok(())
    }

    /// The key of the value before, in a hash whose keys carry flags.
    #[inline]
    pub fn flag_key(&mut self, key: &[u8], flags: KeyFlags) -> Result<()> {
        let [a, b, c, d] = self.four(fits(key.len(), "a key")?);
        self.out.append_with(&[flags.bits(), a, b, c, d], key);
        Ok(())
    }

    /// Pairs, or the rest of one, that lie in another image, in network order. They are not counted, so nothing can refer
    /// to a [`number`](Self::number) after that.
    pub fn copied(&mut self, image: &[u8], range: Range<usize>) {
        self.out.append_from(image, range);
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
                self.out.append_with(&[tag::OBJECT], &number.to_be_bytes());
            }
            _ => {
                self.out.append_with(&[tag::LOBJECT, tag::OBJECT], &self.eight(number));
            }
        }
    }

    /// The class of the value that must come next; not a value of its own. Returns the number of the class in this image, for
    /// [`bless_again`](Self::bless_again).
    pub fn bless(&mut self, class: &[u8]) -> Result<usize> {
        let length = fits(class.len(), "a class name")?;
        if let Some(&index) = self.classes.get(class) {
            self.bless_again(index)?;
            return Ok(index);
        }
        let index = self.classes.len();
        self.classes.insert(class.into(), index);
        self.class_number(tag::BLESS, class.len(), length);
        self.out.append(class);
        Ok(index)
    }

    /// The class of the value that must come next, by the number that [`bless`](Self::bless) returned.
    #[inline]
    pub fn bless_again(&mut self, index: usize) -> Result<()> {
        self.class_number(tag::IX_BLESS, index, fits(index, "the number of classes")?);
        Ok(())
    }

    /// Something tied; the object behind it must come next.
    pub fn tied(&mut self, shape: Shape) {
        self.tag(match shape {
            Shape::Scalar => tag::TIED_SCALAR,
            Shape::Array => tag::TIED_ARRAY,
            Shape::Hash => tag::TIED_HASH,
        });
    }

    /// An element of a tied hash; the object behind that and the key must come next.
    pub fn tied_key(&mut self) {
        self.tag(tag::TIED_KEY);
    }

    /// An element of a tied array; the object behind that and the [index](Self::index) must come next.
    pub fn tied_index(&mut self) {
        self.tag(tag::TIED_IDX);
    }

    /// The index of an element of a tied array, after the object.
    pub fn index(&mut self, index: i32) {
        let index = self.four(index.cast_unsigned());
        self.out.append(&index);
    }

    /// A sub; its source must come next, as a string.
    pub fn code(&mut self) {
        self.tag(tag::CODE);
    }

    /// A regular expression with its modifiers, as `re::regexp_pattern` gives them.
    pub fn regexp(&mut self, pattern: &[u8], modifiers: &[u8]) -> Result<()> {
        let count = u8::try_from(modifiers.len())
            .map_err(|_| Error::unsupported("a regular expression with more than 255 modifiers"))?;
        match u8::try_from(pattern.len()) {
            Ok(length) => self.fixed(&[tag::REGEXP, 0, length]),
            Err(_) => {
                let length = self.four(fits(pattern.len(), "a regular expression")?);
                self.fixed(&[tag::REGEXP, LARGE_PATTERN]);
                self.out.append(&length);
            }
        }
        self.out.append(pattern);
        self.out.append_with(&[count], modifiers);
        Ok(())
    }

    /// Begins an object that a hook took apart and left `frozen` bytes of. The values that only the hook refers to
    /// come next, each after a [`hook_value`](Self::hook_value), then [`hook_end`](Self::hook_end), and the
    /// object behind it if it is `tied`.
    pub fn hook(&mut self, shape: Shape, tied: bool, frozen: usize) -> HookFrame {
        self.number = self.number.wrapping_add(1);
        let shape = match shape {
            Shape::Scalar => 0,
            Shape::Array => 1,
            Shape::Hash => 2,
        };
        let large = small(frozen).is_none();
        match tied {
            true => HookFrame { shape: hook::EXTRA, extra: Some(shape | hook::TIED), large, open: false },
            false => HookFrame { shape, extra: None, large, open: false },
        }
    }

    /// A value that only a hook refers to comes next.
    pub fn hook_value(&mut self, frame: &mut HookFrame) {
        self.hook_flags(frame, frame.shape | hook::RECURSE);
    }

    /// Ends what a hook made of an object: its class, the string, and the numbers of the values that the hook returned
    /// references to. Returns the number of the class, as [`bless`](Self::bless) does.
    pub fn hook_end(&mut self, mut frame: HookFrame, class: &[u8], frozen: &[u8], refs: &[u64]) -> Result<usize> {
        let known = self.classes.get(class).copied();
        let class_number = known.unwrap_or(class.len());
        let count = fits(refs.len(), "the number of references from a hook")?;
        let wide = refs.iter().any(|&number| u32::try_from(number).is_err());
        let mut flags = frame.shape;
        for (flag, on) in [
            (hook::LARGE_CLASS, class_number > hook::SHORT),
            (hook::INDEXED_CLASS, known.is_some()),
            (hook::LARGE_STRING, frozen.len() > hook::SHORT),
            (hook::HAS_LIST, count > 0),
            (hook::LARGE_LIST, refs.len() > hook::SHORT || wide),
        ] {
            flags |= if on { flag } else { 0 };
        }
        self.hook_flags(&mut frame, flags);
        self.hook_number(class_number, flags & hook::LARGE_CLASS != 0)?;
        let index = match known {
            Some(index) => index,
            None => {
                self.out.append(class);
                let index = self.classes.len();
                self.classes.insert(class.into(), index);
                index
            }
        };
        if frame.large {
            let length = self.eight(u64::try_from(frozen.len()).unwrap_or(u64::MAX));
            self.out.append(&length);
        } else {
            self.hook_number(frozen.len(), flags & hook::LARGE_STRING != 0)?;
        }
        self.out.append(frozen);
        if wide {
            let count = self.four(count.wrapping_neg());
            self.out.append(&count);
        } else if count > 0 {
            self.hook_number(refs.len(), flags & hook::LARGE_LIST != 0)?;
        }
        for &number in refs {
            match (wide, u32::try_from(number)) {
                (false, Ok(number)) => self.out.append(&number.to_be_bytes()),
                _ => {
                    let number = self.eight(number);
                    self.out.append(&number);
                }
            }
        }
        Ok(index)
    }

    /// The flags of a hook, after the tag if this is the first time.
    fn hook_flags(&mut self, frame: &mut HookFrame, flags: u8) {
        if std::mem::replace(&mut frame.open, true) {
            return self.out.append(&[flags]);
        }
        if frame.large {
            self.out.append(&[tag::LOBJECT]);
        }
        self.out.append(&[tag::HOOK, flags]);
        if let Some(extra) = frame.extra {
            self.out.append(&[extra]);
        }
    }

    /// A number in a hook's frame, in one byte unless it is large.
    fn hook_number(&mut self, number: usize, large: bool) -> Result<()> {
        match u8::try_from(number) {
            Ok(number) if !large => self.out.append(&[number]),
            _ => {
                let number = self.four(fits(number, "a length")?);
                self.out.append(&number);
            }
        }
        Ok(())
    }

    /// The image.
    pub fn finish(self) -> O {
        self.out
    }

    #[inline]
    fn tag(&mut self, tag: u8) {
        self.fixed(&[tag]);
    }

    /// A value that takes these bytes and no more.
    #[inline]
    fn fixed(&mut self, bytes: &[u8]) {
        self.number = self.number.wrapping_add(1);
        self.out.append(bytes);
    }

    #[inline(always)]
    fn string(&mut self, short: u8, long: u8, bytes: &[u8]) {
        match u8::try_from(bytes.len()) {
            Ok(length) => self.out.append_with(&[short, length], bytes),
            Err(_) => {
                self.sized(&[long], bytes.len());
                self.out.append(bytes);
            }
        }
    }

    /// A tag with its flags, if any, and a length.
    #[inline(always)]
    fn sized(&mut self, tag: &[u8], len: usize) {
        match small(len) {
            Some(length) => self.out.append_with(tag, &self.four(length)),
            None => self.large(tag, len),
        }
    }

    #[cold]
    fn large(&mut self, tag: &[u8], len: usize) {
        let length = self.eight(u64::try_from(len).unwrap_or(u64::MAX));
        self.out.append(&[tag::LOBJECT]);
        self.out.append_with(tag, &length);
    }

    #[inline]
    fn four(&self, length: u32) -> [u8; 4] {
        if self.network { length.to_be_bytes() } else { length.to_ne_bytes() }
    }

    fn eight(&self, length: u64) -> [u8; 8] {
        if self.network { length.to_be_bytes() } else { length.to_ne_bytes() }
    }

    /// A tag and the number of a class or the length of its name: in one byte if it is short.
    fn class_number(&mut self, tag: u8, number: usize, long: u32) {
        match u8::try_from(number) {
            Ok(short) if number <= SHORT_CLASS => self.out.append(&[tag, short]),
            _ => self.out.append_with(&[tag, LONG_CLASS], &self.four(long)),
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
#[inline(always)]
fn small(length: usize) -> Option<u32> {
    u32::try_from(length).ok().filter(|&length| length <= MAX_I32)
}

/// A length that must fit in four bytes.
#[inline(always)]
fn fits(length: usize, what: &str) -> Result<u32> {
    small(length).ok_or_else(|| too_long(length, what))
}

#[cold]
fn too_long(length: usize, what: &str) -> Error {
    Error::unsupported(format!("{what} of {length}, more than {MAX_LENGTH}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(options: &Options, write: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let header = Writer::new(options).finish().len();
        let mut writer = Writer::new(options);
        write(&mut writer);
        writer.finish().split_off(header)
    }

    fn network(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
        body(&Options::default(), write)
    }

    #[test]
    fn headers_are_those_of_storable() {
        assert_eq!(Writer::new(&Options::default()).finish(), b"\x05\x0b");
        let file = Options { file: true, minor: 10, ..Options::default() };
        assert_eq!(Writer::new(&file).finish(), b"pst0\x05\x0a");
        #[cfg(all(target_endian = "little", target_pointer_width = "64", unix))]
        {
            let native = Options { order: Order::Native, ..Options::default() };
            assert_eq!(Writer::new(&native).finish(), b"\x04\x0b\x0812345678\x04\x08\x08\x08");
        }
    }

    #[test]
    fn an_integer_takes_the_shortest_form() {
        let cases: [(i64, &[u8]); 7] = [
            (-128, b"\x08\x00"),
            (127, b"\x08\xff"),
            (128, b"\x09\0\0\0\x80"),
            (-129, b"\x09\xff\xff\xff\x7f"),
            (i64::from(i32::MIN), b"\x09\x80\0\0\0"),
            (i64::from(i32::MAX) + 1, b"\x0a\x0a2147483648"),
            (i64::MIN, b"\x0a\x14-9223372036854775808"),
        ];
        for (value, bytes) in cases {
            assert_eq!(network(|writer| writer.integer(value)), bytes, "{value}");
        }
        let native = Options { order: Order::Native, ..Options::default() };
        let bytes = [b"\x06".as_slice(), &128_i64.to_ne_bytes()].concat();
        assert_eq!(body(&native, |writer| writer.integer(128)), bytes);
    }

    #[test]
    fn booleans_are_strings_unless_wanted_as_such() {
        let both = |writer: &mut Writer| {
            writer.boolean(true);
            writer.boolean(false);
        };
        assert_eq!(network(both), b"\x0a\x011\x0a\x00");
        assert_eq!(body(&Options { booleans: true, ..Options::default() }, both), b"\x22\x23");
    }

    #[test]
    fn classes_are_named_once() {
        let long = [b'L'; 128];
        let bytes = network(|writer| {
            for class in [b"A".as_slice(), &long, b"A", &long] {
                writer.bless(class).unwrap();
            }
        });
        let expected = [b"\x11\x01A\x11\x80\0\0\0\x80".as_slice(), &long, b"\x12\x00\x12\x01"].concat();
        assert_eq!(bytes, expected);
        let many = network(|writer| {
            for n in (0..=128_u8).chain([127, 128]) {
                writer.bless(&[n]).unwrap();
            }
        });
        assert!(many.ends_with(b"\x12\x7f\x12\x80\0\0\0\x80"));
    }

    #[test]
    fn what_is_no_value_of_its_own_gets_no_number() {
        let mut writer = Writer::new(&Options::default());
        writer.array(2);
        writer.bless(b"A").unwrap();
        writer.vstring(b"v1").unwrap();
        assert_eq!(writer.number(), 1);
        writer.bytes(b"\x01");
        writer.object(1);
        assert_eq!(writer.number(), 2);
    }

    #[test]
    fn numbers_beyond_31_bits_take_the_large_form() {
        assert_eq!(network(|writer| writer.object(0x7fff_ffff)), b"\0\x7f\xff\xff\xff");
        assert_eq!(network(|writer| writer.object(0x8000_0000)), b"\x21\0\0\0\0\0\x80\0\0\0");
    }

    #[test]
    fn a_buffer_is_used_again() {
        let buffer = vec![b'x'; 1000];
        let memory = buffer.as_ptr();
        let mut writer = Writer::with_buffer(&Options::default(), buffer);
        writer.undef();
        let image = writer.finish();
        assert_eq!((image.as_slice(), image.as_ptr()), (b"\x05\x0b\x05".as_slice(), memory));
    }
}
