//! The numbers of the format: type tags, flags and the header's fields.
//!
//! Names are Storable's own without their prefix: `SX_LSCALAR` is [`tag::LSCALAR`]. Nothing here is
//! reachable from outside the crate; callers meet the format through [`Build`](crate::Build) and
//! [`Writer`](crate::Writer).

/// What a value is: the byte that it begins with.
pub(crate) mod tag {
    /// A value that was stored before, by its number.
    pub(crate) const OBJECT: u8 = 0;
    /// A byte string, length in four bytes.
    pub(crate) const LSCALAR: u8 = 1;
    pub(crate) const ARRAY: u8 = 2;
    pub(crate) const HASH: u8 = 3;
    pub(crate) const REF: u8 = 4;
    /// A scalar of its own that holds undef.
    pub(crate) const UNDEF: u8 = 5;
    /// An integer as the writing Perl held it.
    pub(crate) const INTEGER: u8 = 6;
    /// A double as the writing Perl held it.
    pub(crate) const DOUBLE: u8 = 7;
    /// An integer from -128 to 127, plus 128.
    pub(crate) const BYTE: u8 = 8;
    /// An integer of 32 bits, most significant byte first.
    pub(crate) const NETINT: u8 = 9;
    /// A byte string, length in one byte.
    pub(crate) const SCALAR: u8 = 10;
    pub(crate) const TIED_ARRAY: u8 = 11;
    pub(crate) const TIED_HASH: u8 = 12;
    pub(crate) const TIED_SCALAR: u8 = 13;
    /// Perl's one undef; in an array, an element that does not exist.
    pub(crate) const SV_UNDEF: u8 = 14;
    /// Perl's one true.
    pub(crate) const SV_YES: u8 = 15;
    /// Perl's one false.
    pub(crate) const SV_NO: u8 = 16;
    /// A class by its name, then the object.
    pub(crate) const BLESS: u8 = 17;
    /// A class by its index among the names before, then the object.
    pub(crate) const IX_BLESS: u8 = 18;
    pub(crate) const HOOK: u8 = 19;
    /// A reference to an object whose class overloads operators.
    pub(crate) const OVERLOAD: u8 = 20;
    pub(crate) const TIED_KEY: u8 = 21;
    pub(crate) const TIED_IDX: u8 = 22;
    /// A character string, length in one byte.
    pub(crate) const UTF8STR: u8 = 23;
    /// A character string, length in four bytes.
    pub(crate) const LUTF8STR: u8 = 24;
    /// A hash whose keys carry flags.
    pub(crate) const FLAG_HASH: u8 = 25;
    pub(crate) const CODE: u8 = 26;
    pub(crate) const WEAKREF: u8 = 27;
    pub(crate) const WEAKOVERLOAD: u8 = 28;
    /// The source of a v-string, length in one byte; its string value follows.
    pub(crate) const VSTRING: u8 = 29;
    /// The source of a v-string, length in four bytes; its string value follows.
    pub(crate) const LVSTRING: u8 = 30;
    /// Perl's one undef as an element of an array.
    pub(crate) const SVUNDEF_ELEM: u8 = 31;
    pub(crate) const REGEXP: u8 = 32;
    /// A tag whose length or number takes eight bytes.
    pub(crate) const LOBJECT: u8 = 33;
    pub(crate) const BOOLEAN_TRUE: u8 = 34;
    pub(crate) const BOOLEAN_FALSE: u8 = 35;
}

/// The flags of a hash and of its keys.
pub(crate) mod flag {
    /// The hash is restricted: no key can be added.
    pub(crate) const RESTRICTED: u8 = 0x01;
    /// The key is a character string.
    pub(crate) const UTF8: u8 = 0x01;
    /// The key was a character string before Perl made it shorter.
    pub(crate) const WAS_UTF8: u8 = 0x02;
    /// The value of a restricted hash can't be changed.
    pub(crate) const LOCKED: u8 = 0x04;
    /// The key is stored as a value.
    pub(crate) const IS_SV: u8 = 0x08;
    /// The key may exist in a restricted hash, and doesn't.
    pub(crate) const PLACEHOLDER: u8 = 0x10;
}

/// The flags of a frame that a `STORABLE_freeze` hook wrote.
pub(crate) mod hook {
    /// The bits of the object's shape.
    pub(crate) const SHAPE: u8 = 0x03;
    /// The object is tied; its shape takes a byte of its own, the shape's bits and [`TIED`].
    pub(crate) const EXTRA: u8 = 0x03;
    /// The class name's length, or its index, takes four bytes.
    pub(crate) const LARGE_CLASS: u8 = 0x04;
    /// The length of the string takes four bytes.
    pub(crate) const LARGE_STRING: u8 = 0x08;
    /// The number of references takes four bytes; a negative one says that each takes eight.
    pub(crate) const LARGE_LIST: u8 = 0x10;
    /// The class is given by its index.
    pub(crate) const INDEXED_CLASS: u8 = 0x20;
    /// A value of the hook's own comes next, and then flags again.
    pub(crate) const RECURSE: u8 = 0x40;
    /// There is a list of references.
    pub(crate) const HAS_LIST: u8 = 0x80;
    /// In the byte of its own: the shape of a tied object.
    pub(crate) const TIED: u8 = 0x04;
    /// The largest length, index or number of references in one byte.
    pub(crate) const SHORT: usize = 255;
}

/// The flag of a regular expression: the length of the pattern takes four bytes.
pub(crate) const LARGE_PATTERN: u8 = 0x01;

/// The marks of images older than Storable 0.7.
pub(crate) mod old {
    /// What a file of Storable before 0.6 begins with.
    pub(crate) const FILE_MAGIC: &[u8] = b"perl-store";
    /// An element of an array follows.
    pub(crate) const ITEM: u8 = b'i';
    /// An element of an array that does not exist.
    pub(crate) const NO_ITEM: u8 = b'I';
    /// A key of a hash follows.
    pub(crate) const KEY: u8 = b'k';
    /// A value of a hash follows.
    pub(crate) const VALUE: u8 = b'v';
    /// A value of a hash that is undef.
    pub(crate) const NO_VALUE: u8 = b'V';
    /// The class of the value before, with its name's length in one byte.
    pub(crate) const CLASS: u8 = b'b';
    /// The class of the value before, with its name's length in four bytes.
    pub(crate) const LONG_CLASS: u8 = b'B';
    /// The value before is complete.
    pub(crate) const STORED: u8 = b'X';
}

/// What a file begins with; a frozen string has no magic.
pub(crate) const FILE_MAGIC: &[u8] = b"pst0";
/// The format's version since Storable 0.7.
pub(crate) const MAJOR: u8 = 2;
/// The newest minor version whose tags are known.
pub(crate) const MINOR: u8 = 12;
/// The longest class name with a length of one byte, and the largest index in one byte.
pub(crate) const SHORT_CLASS: usize = 127;
/// In place of a short length: the length takes four bytes.
pub(crate) const LONG_CLASS: u8 = 0x80;
/// The most that a signed length of four bytes can say.
pub(crate) const MAX_LENGTH: usize = 0x7fff_ffff;
