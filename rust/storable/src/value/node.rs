//! Looking into a value: a cursor that is copied about, and follows references as Perl's `->` does.
//!
//! What a scalar is depends on who asks, as in Perl: a number that came as a string is a number to
//! [`Node::as_i64`] and a string to [`Node::as_str`].

use super::NodeId;
use super::arena::{Arena, Data, Table};
use super::key::Key;
use crate::build::Immortal;

/// A part of a [`Value`](super::Value).
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    arena: &'a Arena,
    id: NodeId,
}

/// What kind of thing a [`Node`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An undefined scalar.
    Undef,
    /// True or false.
    Boolean,
    /// An integer.
    Integer,
    /// A double.
    Double,
    /// A string of bytes.
    Bytes,
    /// A string of characters.
    Text,
    /// An array.
    Array,
    /// A hash.
    Hash,
    /// A reference.
    Reference,
    /// An object that a `STORABLE_freeze` hook took apart.
    Hooked,
    /// A tied scalar, array or hash.
    Tied,
    /// An element of a tied array or hash.
    TiedElement,
    /// A sub.
    Code,
    /// A regular expression.
    Regexp,
}

impl<'a> Node<'a> {
    pub(crate) fn new(arena: &'a Arena, id: NodeId) -> Self {
        Self { arena, id }
    }

    pub(super) fn data(self) -> &'a Data {
        self.arena.data(self.id)
    }

    /// Another part of the same value.
    pub(super) fn other(self, id: NodeId) -> Self {
        Self { id, ..self }
    }

    /// Its id in its value.
    pub fn id(self) -> NodeId {
        self.id
    }

    /// What kind of thing it is.
    pub fn kind(self) -> Kind {
        match self.data() {
            Data::Undef | Data::Immortal(Immortal::Undef | Immortal::ElemUndef) => Kind::Undef,
            Data::Boolean(_) | Data::Immortal(Immortal::Yes | Immortal::No) => Kind::Boolean,
            Data::Integer(_) => Kind::Integer,
            Data::Double(_) => Kind::Double,
            Data::Bytes(_) => Kind::Bytes,
            Data::Text(_) => Kind::Text,
            Data::Array(_) => Kind::Array,
            Data::Hash(_) => Kind::Hash,
            Data::Reference(..) => Kind::Reference,
            Data::Hooked(_) => Kind::Hooked,
            Data::Tied(..) => Kind::Tied,
            Data::Element(..) => Kind::TiedElement,
            Data::Code(_) => Kind::Code,
            Data::Regexp(_) => Kind::Regexp,
        }
    }

    /// The class that it is blessed into.
    pub fn class(self) -> Option<&'a [u8]> {
        self.arena.class_of(self.id)
    }

    /// What a reference points to.
    pub fn target(self) -> Option<Node<'a>> {
        match self.data() {
            Data::Reference(target, _) => Some(self.other(*target)),
            _ => None,
        }
    }

    /// The bytes of a string; of one of characters its UTF-8.
    pub fn as_bytes(self) -> Option<&'a [u8]> {
        match self.data() {
            Data::Bytes(bytes) | Data::Text(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// A string whose bytes are UTF-8, be it one of characters or of bytes.
    pub fn as_str(self) -> Option<&'a str> {
        std::str::from_utf8(self.as_bytes()?).ok()
    }

    /// An integer, or a string that is one in decimal digits.
    pub fn as_i64(self) -> Option<i64> {
        match self.data() {
            Data::Integer(value) => Some(*value),
            _ => self.as_str()?.parse().ok(),
        }
    }

    /// A number, or a string that is one.
    pub fn as_f64(self) -> Option<f64> {
        match self.data() {
            Data::Double(value) => Some(*value),
            #[expect(clippy::cast_precision_loss, reason = "the nearest double, as Perl's")]
            Data::Integer(value) => Some(*value as f64),
            _ => self.as_str()?.parse().ok(),
        }
    }

    /// Whether it is true in Perl's eyes: all but undef, 0, the empty string and the string `0`. So is what only
    /// Perl could say.
    pub fn as_bool(self) -> bool {
        match self.data() {
            Data::Undef => false,
            Data::Immortal(which) => *which == Immortal::Yes,
            Data::Boolean(value) => *value,
            Data::Integer(value) => *value != 0,
            Data::Double(value) => *value != 0.0,
            Data::Bytes(bytes) | Data::Text(bytes) => !matches!(**bytes, [] | [b'0']),
            Data::Array(elements) => !elements.is_empty(),
            Data::Hash(_) => self.entries().next().is_some(),
            Data::Reference(..)
            | Data::Hooked(_)
            | Data::Tied(..)
            | Data::Element(..)
            | Data::Code(_)
            | Data::Regexp(_) => true,
        }
    }

    /// The value of a key, of a hash or a reference to one.
    pub fn get<'k>(self, key: impl Into<Key<'k>>) -> Option<Node<'a>> {
        let entry = self.table()?.get(&key.into())?;
        (!entry.is_placeholder()).then(|| self.other(entry.value))
    }

    /// An element of an array or a reference to one.
    pub fn index(self, index: usize) -> Option<Node<'a>> {
        self.list()?.get(index).map(|id| self.other(*id))
    }

    /// The elements of an array or a reference to one; none of anything else.
    pub fn elements(self) -> Elements<'a> {
        Elements { arena: self.arena, ids: self.list().unwrap_or_default().iter() }
    }

    /// The pairs of a hash or a reference to one, in the image's order; none of anything else.
    pub fn entries(self) -> Entries<'a> {
        Entries { arena: self.arena, pairs: self.table().map(|table| table.entries.iter()) }
    }

    fn list(self) -> Option<&'a [NodeId]> {
        match self.target().unwrap_or(self).data() {
            Data::Array(elements) => Some(elements),
            _ => None,
        }
    }

    fn table(self) -> Option<&'a Table> {
        match self.target().unwrap_or(self).data() {
            Data::Hash(table) => Some(table),
            _ => None,
        }
    }
}

/// The elements of an array; see [`Node::elements`].
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    arena: &'a Arena,
    ids: std::slice::Iter<'a, NodeId>,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Node<'a>> {
        self.ids.next().map(|id| Node::new(self.arena, *id))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.ids.size_hint()
    }
}

impl ExactSizeIterator for Elements<'_> {}

/// The pairs of a hash; see [`Node::entries`].
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    arena: &'a Arena,
    pairs: Option<indexmap::map::Iter<'a, super::key::Name, super::arena::Entry>>,
}

impl<'a> Iterator for Entries<'a> {
    type Item = (Key<'a>, Node<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, entry) = self.pairs.as_mut()?.find(|(_, entry)| !entry.is_placeholder())?;
        Some((Key::new(&name.bytes, entry.flags), Node::new(self.arena, entry.value)))
    }
}
