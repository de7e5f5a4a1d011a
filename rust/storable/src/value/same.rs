//! Whether two values are the same in a program's eyes.
//!
//! The same graph: what one shares the other shares, cycles included. The order of a hash does not
//! count, nor do the forms that one scalar can take, since reading a value can change its form: `5` and
//! `"5"`, true and `"1"`, undef and Perl's one undef, a string of bytes and the same characters as
//! UTF-8, a v-string and its string. Two doubles are the same only if they are equal. Whether a class
//! overloads operators is the class's affair, not the data's.
//!
//! Nothing is run to compare: two objects of a hook are the same if the hook made the same of them, two tied
//! variables if the objects behind them are, two subs if their sources are the same text.

use std::borrow::Cow;
use std::collections::HashMap;

use super::arena::{Arena, Data, Table};
use super::rare::Hooked;
use super::{NodeId, Value};
use crate::build::{Immortal, KeyFlags, Place};
use crate::error::Result;
use crate::limits::Limits;
use crate::number::number_text;

/// Whether two images are the same value. Equal bytes are, at once; else both are read.
///
/// ```
/// use storable::{Limits, same};
///
/// let number = b"\x05\x0b\x02\0\0\0\x01\x08\x85"; // [5]
/// let string = b"\x05\x0b\x02\0\0\0\x01\x0a\x015"; // ['5']
/// assert!(same(number, string, &Limits::default()).unwrap());
/// ```
pub fn same(a: &[u8], b: &[u8], limits: &Limits) -> Result<bool> {
    if a == b {
        return Ok(true);
    }
    let (a, b) = (Value::parse(a, limits)?, Value::parse(b, limits)?);
    Ok(a.same_at(a.root, &b, b.root))
}

impl Value {
    /// Whether a part of this value is the same as a part of another, or of this one.
    pub fn same_at(&self, node: NodeId, other: &Value, other_node: NodeId) -> bool {
        let mut walk = Walk {
            a: &self.arena,
            b: &other.arena,
            a_to_b: HashMap::new(),
            b_to_a: HashMap::new(),
            pairs: vec![(node, other_node)],
        };
        while let Some((a, b)) = walk.pairs.pop() {
            if !walk.pair(a, b) {
                return false;
            }
        }
        true
    }
}

struct Walk<'a> {
    a: &'a Arena,
    b: &'a Arena,
    /// Which shared parts were found to stand for each other.
    a_to_b: HashMap<NodeId, NodeId>,
    b_to_a: HashMap<NodeId, NodeId>,
    /// Parts that must be the same, and were not looked at.
    pairs: Vec<(NodeId, NodeId)>,
}

impl Walk<'_> {
    /// Compares two parts, and notes what they hold for later.
    fn pair(&mut self, a: NodeId, b: NodeId) -> bool {
        // Only a shared part can be met twice, so only those are remembered.
        if self.a.is_shared(a) || self.b.is_shared(b) {
            match (self.a_to_b.insert(a, b), self.b_to_a.insert(b, a)) {
                (None, None) => {}
                (Some(was_b), Some(was_a)) if was_b == b && was_a == a => return true,
                _ => return false,
            }
        }
        if self.a.class_of(a) != self.b.class_of(b) {
            return false;
        }
        match (self.a.data(a), self.b.data(b)) {
            (Data::Reference(a, a_kind), Data::Reference(b, b_kind)) => {
                self.pairs.push((*a, *b));
                a_kind.weak == b_kind.weak
            }
            (Data::Array(a), Data::Array(b)) => {
                self.pairs.extend(a.iter().copied().zip(b.iter().copied()));
                a.len() == b.len()
            }
            (Data::Hash(a), Data::Hash(b)) => self.tables(a, b),
            (Data::Hooked(a), Data::Hooked(b)) => self.hooked(a, b),
            (Data::Tied(a_shape, a), Data::Tied(b_shape, b)) => {
                self.pairs.push((*a, *b));
                a_shape == b_shape
            }
            (Data::Element(a, a_place), Data::Element(b, b_place)) => {
                self.pairs.push((*a, *b));
                match (a_place, b_place) {
                    (Place::Key(a), Place::Key(b)) => {
                        self.pairs.push((*a, *b));
                        true
                    }
                    (a, b) => a == b,
                }
            }
            (a, b) => same_scalars(a, b),
        }
    }

    fn hooked(&mut self, a: &Hooked, b: &Hooked) -> bool {
        self.pairs.extend(a.refs.iter().copied().zip(b.refs.iter().copied()));
        self.pairs.extend(a.tied.zip(b.tied));
        let same_tied = a.tied.is_some() == b.tied.is_some();
        a.shape == b.shape && a.bytes == b.bytes && a.refs.len() == b.refs.len() && same_tied
    }

    fn tables(&mut self, a: &Table, b: &Table) -> bool {
        const COUNT: u8 = KeyFlags::LOCKED.bits() | KeyFlags::PLACEHOLDER.bits();
        if a.entries.len() != b.entries.len() || a.flags.restricted != b.flags.restricted {
            return false;
        }
        a.entries.iter().all(|(name, a)| match b.entries.get(name) {
            // The value of a key that is only allowed means nothing.
            Some(b) if a.is_placeholder() && b.is_placeholder() => true,
            Some(b) => {
                self.pairs.push((a.value, b.value));
                a.flags.bits() & COUNT == b.flags.bits() & COUNT
            }
            None => false,
        })
    }
}

fn same_scalars(a: &Data, b: &Data) -> bool {
    match (a, b) {
        (Data::Bytes(a), Data::Bytes(b)) | (Data::Text(a), Data::Text(b)) => a == b,
        (Data::Integer(a), Data::Integer(b)) => a == b,
        (Data::Double(a), Data::Double(b)) => a == b || a.is_nan() && b.is_nan(),
        (Data::Code(a), Data::Code(b)) => a == b,
        (Data::Regexp(a), Data::Regexp(b)) => a == b,
        _ => match (Scalar::of(a), Scalar::of(b)) {
            (Some(a), Some(b)) => a == b,
            _ => false,
        },
    }
}

/// A scalar as the string that Perl makes of it.
#[derive(PartialEq)]
enum Scalar<'a> {
    Undef,
    /// As UTF-8 where a byte is beyond ASCII.
    String(Cow<'a, [u8]>),
}

impl<'a> Scalar<'a> {
    /// `None` for what is no scalar, or a reference.
    fn of(data: &'a Data) -> Option<Self> {
        Some(Self::String(match data {
            Data::Undef | Data::Immortal(Immortal::Undef | Immortal::ElemUndef) => {
                return Some(Self::Undef);
            }
            Data::Boolean(true) | Data::Immortal(Immortal::Yes) => Cow::Borrowed(b"1"),
            Data::Boolean(false) | Data::Immortal(Immortal::No) => Cow::Borrowed(b""),
            Data::Integer(value) => Cow::Owned(value.to_string().into_bytes()),
            Data::Double(value) => Cow::Owned(number_text(*value).into_bytes()),
            Data::Text(utf8) => Cow::Borrowed(utf8),
            Data::Bytes(bytes) if bytes.is_ascii() => Cow::Borrowed(bytes),
            Data::Bytes(bytes) => Cow::Owned(bytes.iter().map(|byte| char::from(*byte)).collect::<String>().into()),
            Data::Array(_)
            | Data::Hash(_)
            | Data::Reference(..)
            | Data::Hooked(_)
            | Data::Tied(..)
            | Data::Element(..)
            | Data::Code(_)
            | Data::Regexp(_) => return None,
        }))
    }
}
