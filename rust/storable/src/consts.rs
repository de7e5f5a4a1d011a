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
    /// The class name's length, or its index, takes four bytes.
    pub(crate) const LARGE_CLASS: u8 = 0x04;
    /// The class is given by its index.
    pub(crate) const INDEXED_CLASS: u8 = 0x20;
    /// Values of the hook's own come before its class.
    pub(crate) const RECURSE: u8 = 0x40;
    /// The bits of the object's type.
    pub(crate) const TYPE: u8 = 0x03;
    /// The type takes a byte of its own.
    pub(crate) const TYPE_EXTRA: u8 = 0x03;
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
