//! What a reader makes of an image: the [`Build`] trait and the flags it is told.
//!
//! [`read`](crate::read) knows the bytes and nothing of what becomes of them; a `Build` makes SVs, the
//! nodes of a [`Value`](crate::Value), or just counts.

use crate::consts::flag;
use crate::error::Error;

/// Receives the values of an image, in its order, and owns what it makes of them.
///
/// A container is made empty, before its contents, so that they can refer back to it. Handing a node
/// to [`push`](Build::push), [`insert`](Build::insert) or [`point`](Build::point) gives it away,
/// whether that succeeds or not. When reading fails, every node comes back in
/// [`sever`](Build::sever), and then those that were not given away in [`discard`](Build::discard).
///
/// Every node must stay valid until reading ends, one that an `insert` replaces, drops as a
/// placeholder's or refuses included: the image may refer back to it, and `sever` will be told of it.
///
/// ```
/// use storable::{Build, Error, HashFlags, Immortal, KeyFlags, Limits, RefKind, read};
///
/// /// Adds up the integers of an image.
/// struct Sum(i64);
///
/// impl Build for Sum {
///     type Node = ();
///     type Class = ();
///     type Error = Error;
///     fn undef(&mut self) -> Result<(), Error> { Ok(()) }
///     fn immortal(&mut self, _: Immortal) -> Result<(), Error> { Ok(()) }
///     fn boolean(&mut self, _: bool) -> Result<(), Error> { Ok(()) }
///     fn integer(&mut self, value: i64) -> Result<(), Error> { self.0 += value; Ok(()) }
///     fn double(&mut self, _: f64) -> Result<(), Error> { Ok(()) }
///     fn bytes(&mut self, _: &[u8]) -> Result<(), Error> { Ok(()) }
///     fn text(&mut self, _: &[u8]) -> Result<(), Error> { Ok(()) }
///     fn vstring(&mut self, _: (), _: &[u8]) -> Result<(), Error> { Ok(()) }
///     fn array(&mut self, _: usize) -> Result<(), Error> { Ok(()) }
///     fn push(&mut self, _: (), _: ()) -> Result<(), Error> { Ok(()) }
///     fn hash(&mut self, _: usize, _: HashFlags) -> Result<(), Error> { Ok(()) }
///     fn insert(&mut self, _: (), _: &[u8], _: KeyFlags, _: ()) -> Result<(), Error> { Ok(()) }
///     fn reference(&mut self) -> Result<(), Error> { Ok(()) }
///     fn point(&mut self, _: (), _: (), _: RefKind) -> Result<(), Error> { Ok(()) }
///     fn class(&mut self, _: &[u8]) -> Result<(), Error> { Ok(()) }
///     fn bless(&mut self, _: (), _: ()) -> Result<(), Error> { Ok(()) }
///     fn share(&mut self, _: ()) -> Result<(), Error> { Ok(()) }
///     fn discard(&mut self, _: ()) {}
/// }
///
/// let mut sum = Sum(0);
/// read(b"\x05\x0b\x02\0\0\0\x02\x08\x81\x08\x8a", &Limits::default(), &mut sum).unwrap(); // [1, 10]
/// assert_eq!(sum.0, 11);
/// ```
pub trait Build {
    /// A handle on a value: cheap to copy, and valid until reading ends.
    type Node: Copy;
    /// A handle on a class.
    type Class: Copy;
    /// What stops a reading: the image's own faults, and what the builder finds.
    type Error: From<Error>;

    /// A new scalar that holds undef.
    fn undef(&mut self) -> Result<Self::Node, Self::Error>;

    /// One of the values that Perl has one of.
    fn immortal(&mut self, which: Immortal) -> Result<Self::Node, Self::Error>;

    /// A new scalar that holds a boolean.
    fn boolean(&mut self, value: bool) -> Result<Self::Node, Self::Error>;

    /// A new scalar that holds an integer.
    fn integer(&mut self, value: i64) -> Result<Self::Node, Self::Error>;

    /// A new scalar that holds a double.
    fn double(&mut self, value: f64) -> Result<Self::Node, Self::Error>;

    /// A new scalar that holds a string of bytes.
    fn bytes(&mut self, bytes: &[u8]) -> Result<Self::Node, Self::Error>;

    /// A new scalar that holds a string of characters, in Perl's lax UTF-8: surrogates, code points
    /// beyond Unicode and, from a hostile image, bytes that are no UTF-8 at all come through.
    fn text(&mut self, utf8: &[u8]) -> Result<Self::Node, Self::Error>;

    /// Makes a string that was just built a v-string, whose literal was `source`.
    fn vstring(&mut self, node: Self::Node, source: &[u8]) -> Result<(), Self::Error>;

    /// An empty array that `len` elements will be pushed to: never more, and fewer only if reading
    /// fails. The image has at least that many bytes left for them, beside what other open containers
    /// wait for, so the whole may be reserved.
    fn array(&mut self, len: usize) -> Result<Self::Node, Self::Error>;

    /// Appends an element and takes it over. [`Immortal::Undef`] stands for an element that does not
    /// exist, [`Immortal::ElemUndef`] for one that is Perl's one undef.
    fn push(&mut self, array: Self::Node, element: Self::Node) -> Result<(), Self::Error>;

    /// An empty hash that `len` pairs will be inserted into. As for arrays, the whole may be reserved.
    fn hash(&mut self, len: usize, flags: HashFlags) -> Result<Self::Node, Self::Error>;

    /// Inserts a value and takes it over. A key that is there already gets the new value. The hash's
    /// [`HashFlags::restricted`] must not stop this.
    fn insert(&mut self, hash: Self::Node, key: &[u8], flags: KeyFlags, value: Self::Node) -> Result<(), Self::Error>;

    /// An empty scalar that becomes a reference.
    fn reference(&mut self) -> Result<Self::Node, Self::Error>;

    /// Makes `reference` point to `target` and takes that over. The target of a weak reference may
    /// get its owner only later, by a [`share`](Build::share), so it must stay valid until reading
    /// ends.
    fn point(&mut self, reference: Self::Node, target: Self::Node, kind: RefKind) -> Result<(), Self::Error>;

    /// A class name, once for each time that the image spells it out, before the object is made: the
    /// place to judge whether data may be of that class.
    fn class(&mut self, name: &[u8]) -> Result<Self::Class, Self::Error>;

    /// Makes a value an object, which is never an immortal: before its contents, but in images of before Storable 0.7
    /// after them.
    fn bless(&mut self, node: Self::Node, class: Self::Class) -> Result<(), Self::Error>;

    /// The image refers back to a value: one more owner of it, as a node to hand on.
    fn share(&mut self, node: Self::Node) -> Result<Self::Node, Self::Error>;

    /// An empty scalar, array or hash that is going to be [thawed](Build::thaw) or [tied](Build::tie). This and what
    /// follows up to `sever` is needed only by builders of what sessions seldom hold; left out, images with
    /// that in them are refused.
    fn empty(&mut self, shape: Shape) -> Result<Self::Node, Self::Error> {
        let _ = shape;
        Err(Error::unsupported("an object with a STORABLE hook, or something tied").into())
    }

    /// A value that no container holds, only the frame of a hook or a code reference. Takes it over.
    fn keep(&mut self, node: Self::Node) -> Result<(), Self::Error> {
        let _ = node;
        Err(Error::unsupported("a value of a STORABLE hook").into())
    }

    /// Before [`thaw`](Build::thaw), [`code`](Build::code) and [`regexp`](Build::regexp), which may run code of the
    /// application: all values so far, by number. That code may free what it gets hold of, so a builder that runs
    /// any sees to it that these stay valid.
    fn guard(&mut self, seen: &[Self::Node]) {
        let _ = seen;
    }

    /// Makes an [empty](Build::empty) value the object that a `STORABLE_freeze` hook took apart. Takes `object` over and
    /// gives back the one that stands in its place from now on, which may be it.
    fn thaw(
        &mut self,
        object: Self::Node,
        frozen: Frozen<'_, Self::Node, Self::Class>,
    ) -> Result<Self::Node, Self::Error> {
        let _ = (object, frozen);
        Err(Error::unsupported("an object with a STORABLE hook").into())
    }

    /// Ties an [empty](Build::empty) or thawed value to the object behind it, and takes that over.
    fn tie(&mut self, variable: Self::Node, object: Self::Node) -> Result<(), Self::Error> {
        let _ = (variable, object);
        Err(Error::unsupported("a tied variable").into())
    }

    /// Makes an [empty](Build::empty) scalar the element of something tied, and takes over the object behind that, and the
    /// key.
    fn tie_element(
        &mut self,
        element: Self::Node,
        object: Self::Node,
        place: Place<Self::Node>,
    ) -> Result<(), Self::Error> {
        let _ = (element, object, place);
        Err(Error::unsupported("an element of a tied variable").into())
    }

    /// A sub, by its source without the word `sub`.
    fn code(&mut self, source: &[u8], utf8: bool) -> Result<Self::Node, Self::Error> {
        let _ = (source, utf8);
        Err(Error::unsupported("a code reference").into())
    }

    /// A regular expression with its flags, as `re::regexp_pattern` gives them.
    fn regexp(&mut self, pattern: &[u8], flags: &[u8]) -> Result<Self::Node, Self::Error> {
        let _ = (pattern, flags);
        Err(Error::unsupported("a regular expression").into())
    }

    /// Reading failed, and this value was built before: empty it if it can be part of a cycle, so that
    /// the discarding that follows frees everything. Called for all values, last one first, so that each
    /// is still owned by what it was handed to. Does nothing unless implemented.
    fn sever(&mut self, node: Self::Node) {
        let _ = node;
    }

    /// Reading failed, and this node was not handed on.
    fn discard(&mut self, node: Self::Node);
}

/// What kind of variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// A scalar.
    Scalar,
    /// An array.
    Array,
    /// A hash.
    Hash,
}

/// What a `STORABLE_freeze` hook made of an object.
#[derive(Clone, Copy, Debug)]
pub struct Frozen<'a, N, C> {
    /// The class of the object.
    pub class: C,
    /// The string that the hook returned.
    pub bytes: &'a [u8],
    /// The targets of the references that it returned. They are owned by others.
    pub refs: &'a [N],
}

/// Which element of something tied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<N> {
    /// Of a hash: the key, a value of its own.
    Key(N),
    /// Of an array: the index.
    Index(i32),
}

/// The values that Perl has one of, where the image means them and not a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Immortal {
    /// `PL_sv_undef`; as the element of an array, one that does not exist.
    Undef,
    /// `PL_sv_yes`.
    Yes,
    /// `PL_sv_no`.
    No,
    /// `PL_sv_undef` as an element of an array.
    ElemUndef,
}

/// What kind of reference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RefKind {
    /// It does not keep its target alive.
    pub weak: bool,
    /// Its target is an object whose class overloads operators.
    pub overloaded: bool,
}

/// What kind of hash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct HashFlags {
    /// Its keys carry [`KeyFlags`]. Perl keeps this on once it was, so no key need have any.
    pub flagged: bool,
    /// It is restricted, as by `Hash::Util::lock_keys`; such a hash is flagged.
    pub restricted: bool,
}

/// What kind of key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct KeyFlags(u8);

impl KeyFlags {
    /// A key of bytes.
    pub const NONE: Self = Self(0);
    /// A key of characters, as UTF-8; Perl uses it where a character is beyond U+00FF.
    pub const UTF8: Self = Self(flag::UTF8);
    /// A key of bytes that Perl gives back as characters.
    pub const WAS_UTF8: Self = Self(flag::WAS_UTF8);
    /// The value can't be changed; in restricted hashes.
    pub const LOCKED: Self = Self(flag::LOCKED);
    /// The key is allowed but absent; in restricted hashes. Its value means nothing.
    pub const PLACEHOLDER: Self = Self(flag::PLACEHOLDER);

    /// The flags of a byte; bits that have no meaning are kept.
    #[inline]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// The flags as the byte that images hold.
    #[inline]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether all of `other` are among these.
    #[inline]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl std::ops::BitOr for KeyFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
