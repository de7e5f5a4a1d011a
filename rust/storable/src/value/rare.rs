//! What sessions seldom hold: objects of a hook, tied variables and their elements, subs, regular expressions.
//!
//! They are kept as the image has them. No hook runs, nothing is tied, no sub is compiled: who asks a
//! [`Node`] gets what the program that wrote the image left there, and what these things would do is for
//! Perl to say.
//!
//! ```
//! use storable::{Kind, Limits, Value};
//!
//! // nfreeze(\\$object), of a class Date whose STORABLE_freeze returns ('2026', [])
//! let image = b"\x05\x0b\x04\x13\x42\x02\0\0\0\0\x82\x04Date\x042026\x01\0\0\0\x02";
//! let value = Value::parse(image, &Limits::default()).unwrap();
//! let object = value.root().target().unwrap();
//! let frozen = object.frozen().unwrap();
//! assert_eq!((object.kind(), frozen.class, frozen.bytes), (Kind::Hooked, b"Date".as_slice(), b"2026".as_slice()));
//! assert_eq!(value.node(frozen.refs[0]).kind(), Kind::Array);
//! ```

use super::NodeId;
use super::arena::Data;
use super::node::Node;
use crate::build::{Frozen, Place, Shape};

/// What a `STORABLE_freeze` hook made of an object. Its class is that of its slot.
#[derive(Clone, Debug)]
pub(crate) struct Hooked {
    pub(crate) shape: Shape,
    pub(crate) bytes: Box<[u8]>,
    pub(crate) refs: Box<[NodeId]>,
    /// The object behind it, if it is tied as well.
    pub(crate) tied: Option<NodeId>,
}

/// A sub.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Code {
    pub(crate) source: Box<[u8]>,
    /// The source is a string of characters.
    pub(crate) utf8: bool,
}

/// A regular expression.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Regexp {
    pub(crate) pattern: Box<[u8]>,
    pub(crate) modifiers: Box<[u8]>,
}

impl<'a> Node<'a> {
    /// Whether it is an array, a hash or a scalar, also where a hook made something else of it, or it is tied.
    pub fn shape(self) -> Shape {
        self.data().shape()
    }

    /// What a `STORABLE_freeze` hook made of an object. [`Value::node`](super::Value::node) gives the values that it
    /// refers to.
    pub fn frozen(self) -> Option<Frozen<'a, NodeId, &'a [u8]>> {
        match self.data() {
            Data::Hooked(hooked) => {
                let class = self.class().unwrap_or_default();
                Some(Frozen { class, bytes: &hooked.bytes, refs: &hooked.refs })
            }
            _ => None,
        }
    }

    /// The object behind something tied; for an [element](Self::place), behind what it is an element of.
    pub fn tied(self) -> Option<Node<'a>> {
        match self.data() {
            Data::Hooked(hooked) => hooked.tied.map(|object| self.other(object)),
            Data::Tied(_, object) | Data::Element(object, _) => Some(self.other(*object)),
            _ => None,
        }
    }

    /// Which element of something tied it is.
    pub fn place(self) -> Option<Place<Node<'a>>> {
        match self.data() {
            Data::Element(_, Place::Key(key)) => Some(Place::Key(self.other(*key))),
            Data::Element(_, Place::Index(index)) => Some(Place::Index(*index)),
            _ => None,
        }
    }

    /// The source of a sub, without the word `sub`.
    pub fn source(self) -> Option<&'a [u8]> {
        match self.data() {
            Data::Code(code) => Some(&code.source),
            _ => None,
        }
    }

    /// The pattern and the modifiers of a regular expression.
    pub fn regexp(self) -> Option<(&'a [u8], &'a [u8])> {
        match self.data() {
            Data::Regexp(regexp) => Some((&regexp.pattern, &regexp.modifiers)),
            _ => None,
        }
    }
}
