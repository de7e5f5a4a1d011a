//! A value as a tree: references seen through, depth and size bounded; and its `Serialize`.

use std::borrow::Cow;
use std::cell::Cell;

use serde::ser::{Error as _, Serialize, SerializeMap, SerializeSeq, Serializer};

use super::MAX_DEPTH;
use crate::build::{KeyFlags, Shape};
use crate::error::{Error, Result};
use crate::value::{Key, Kind, Node, Value};

/// How much larger sharing may make a value.
const EXPANSION: usize = 16;

/// How many parts may still be looked at, and how deep the next one lies.
pub(super) struct Budget {
    parts: Cell<usize>,
    depth: Cell<usize>,
}

impl Budget {
    pub(super) fn new(value: &Value) -> Self {
        Self { parts: Cell::new(value.len().saturating_mul(EXPANSION)), depth: Cell::new(0) }
    }

    /// What a node is behind any references.
    pub(super) fn resolve<'a>(&self, mut node: Node<'a>) -> Result<Node<'a>> {
        loop {
            let left = self.parts.get().checked_sub(1);
            self.parts.set(left.ok_or_else(|| Error::message("a value that refers to itself, or shares too much"))?);
            match node.target() {
                Some(target) => node = target,
                None => return Ok(node),
            }
        }
    }

    /// Goes one level down for as long as `within` runs.
    pub(super) fn deeper<T, E: From<Error>>(
        &self,
        within: impl FnOnce() -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let depth = self.depth.get().saturating_add(1);
        if depth > MAX_DEPTH {
            return Err(Error::message(format_args!(
                "a value that is more than {MAX_DEPTH} deep, or refers to itself"
            ))
            .into());
        }
        self.depth.set(depth);
        let result = within();
        self.depth.set(depth.saturating_sub(1));
        result
    }
}

/// A string as characters: UTF-8 as it is, which is what programs mostly mean; else, as in Perl, each
/// byte is a character.
pub(super) fn characters(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(latin1(bytes)),
    }
}

/// The characters of a key.
pub(super) fn key_characters(key: &Key<'_>) -> String {
    match key.flags.contains(KeyFlags::WAS_UTF8) {
        true => latin1(&key.bytes),
        false => characters(&key.bytes).into_owned(),
    }
}

/// The error for a node that only Perl can make something of.
pub(super) fn refused(node: Node<'_>) -> Error {
    let class = node.class().unwrap_or_default().escape_ascii();
    Error::unsupported(match (node.kind(), node.shape()) {
        (Kind::Hooked, _) => format!("an object of {class} with a STORABLE hook"),
        (Kind::Tied, Shape::Scalar) => "a tied scalar".to_owned(),
        (Kind::Tied, Shape::Array) => "a tied array".to_owned(),
        (Kind::Tied, Shape::Hash) => "a tied hash".to_owned(),
        (Kind::TiedElement, _) => "an element of a tied variable".to_owned(),
        (Kind::Code, _) => "a code reference".to_owned(),
        _ => "a regular expression".to_owned(),
    })
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// As a tree, for JSON and the like: references seen through, classes not seen. Fails on a cycle, on
/// arrays and hashes more than 128 deep, and where sharing makes the tree much larger than the value.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        Part { node: self.root(), budget: &Budget::new(self) }.serialize(serializer)
    }
}

struct Part<'a> {
    node: Node<'a>,
    budget: &'a Budget,
}

/// An error on its way through a serializer, whose own type it is not.
struct Wrapped<E>(E);

impl<E: serde::ser::Error> From<Error> for Wrapped<E> {
    fn from(error: Error) -> Self {
        Self(E::custom(error))
    }
}

impl Serialize for Part<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let node = self.budget.resolve(self.node).map_err(S::Error::custom)?;
        let part = |node| Part { node, budget: self.budget };
        match node.kind() {
            Kind::Undef | Kind::Reference => serializer.serialize_unit(),
            Kind::Boolean => serializer.serialize_bool(node.as_bool()),
            Kind::Integer => serializer.serialize_i64(node.as_i64().unwrap_or_default()),
            Kind::Double => serializer.serialize_f64(node.as_f64().unwrap_or_default()),
            Kind::Bytes | Kind::Text => serializer.serialize_str(&characters(node.as_bytes().unwrap_or_default())),
            Kind::Array => self
                .budget
                .deeper(|| {
                    let elements = node.elements();
                    let mut seq = serializer.serialize_seq(Some(elements.len())).map_err(Wrapped)?;
                    for element in elements {
                        seq.serialize_element(&part(element)).map_err(Wrapped)?;
                    }
                    seq.end().map_err(Wrapped)
                })
                .map_err(|Wrapped(error)| error),
            Kind::Hash => self
                .budget
                .deeper(|| {
                    let mut map = serializer.serialize_map(None).map_err(Wrapped)?;
                    for (key, value) in node.entries() {
                        map.serialize_entry(&key_characters(&key), &part(value)).map_err(Wrapped)?;
                    }
                    map.end().map_err(Wrapped)
                })
                .map_err(|Wrapped(error)| error),
            Kind::Hooked | Kind::Tied | Kind::TiedElement | Kind::Code | Kind::Regexp => {
                Err(S::Error::custom(refused(node)))
            }
        }
    }
}
