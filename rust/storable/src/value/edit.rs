//! Changing a value: setting and removing keys of its root, and taking over parts of another value.
//!
//! What merging two versions of a session needs, and no more. [`Import`] has the example.

use std::collections::HashMap;

use super::arena::{Arena, ClassId, Data, Table};
use super::key::Key;
use super::{NodeId, Value};
use crate::build::{Build, Frozen, Place};
use crate::error::{Error, Result};

impl Value {
    /// Sets a key of the root, which must be a hash: in its place if it is there already, else at the
    /// end. The value must be one of this value's own parts.
    pub fn insert<'k>(&mut self, key: impl Into<Key<'k>>, value: NodeId) -> Result<()> {
        self.arena.own(value);
        self.root_table()?.insert(&key.into(), value);
        Ok(())
    }

    /// Removes a key of the root, which must be a hash, and says whether it was there.
    pub fn remove<'k>(&mut self, key: impl Into<Key<'k>>) -> Result<bool> {
        let removed = self.root_table()?.entries.shift_remove(&key.into());
        Ok(removed.is_some_and(|entry| !entry.is_placeholder()))
    }

    /// Copies a part of another value with all that it holds; see [`Import`] for more than one part.
    pub fn import(&mut self, other: &Value, node: NodeId) -> Result<NodeId> {
        Import::new(other).copy(self, node)
    }

    fn root_table(&mut self) -> Result<&mut Table> {
        match self.arena.data_mut(self.root) {
            Some(Data::Hash(table)) => Ok(table),
            _ => Err(Error::message("the value's root is not a hash")),
        }
    }
}

/// Copies parts of one value into another. What they share there, they share in the copy, from one
/// call of [`copy`](Import::copy) to the next.
///
/// ```
/// use storable::{Import, Limits, Value};
///
/// let limits = Limits::default();
/// let mut ours = Value::parse(b"\x05\x0b\x03\0\0\0\x01\x08\x81\0\0\0\x01a", &limits).unwrap(); // { a => 1 }
/// let theirs = Value::parse(b"\x05\x0b\x03\0\0\0\x01\x08\x82\0\0\0\x01b", &limits).unwrap(); // { b => 2 }
///
/// let mut import = Import::new(&theirs);
/// for (key, node) in theirs.root().entries() {
///     let copy = import.copy(&mut ours, node.id()).unwrap();
///     ours.insert(key, copy).unwrap();
/// }
/// ours.remove("a").unwrap();
/// assert_eq!(ours.root().get("b").unwrap().as_i64(), Some(2));
/// assert!(ours.root().get("a").is_none());
/// ```
#[derive(Debug)]
pub struct Import<'a> {
    from: &'a Arena,
    copies: HashMap<NodeId, NodeId>,
    classes: HashMap<&'a [u8], ClassId>,
}

impl<'a> Import<'a> {
    /// Begins copying from a value.
    pub fn new(from: &'a Value) -> Self {
        Self { from: &from.arena, copies: HashMap::new(), classes: HashMap::new() }
    }

    /// Copies a part with all that it holds, and returns the copy: always to the same value.
    pub fn copy(&mut self, to: &mut Value, node: NodeId) -> Result<NodeId> {
        let mut unfilled = Vec::new();
        let root = self.shell(&mut to.arena, node, &mut unfilled)?;
        while let Some((from, copy)) = unfilled.pop() {
            self.fill(&mut to.arena, from, copy, &mut unfilled)?;
        }
        Ok(root)
    }

    /// The copy of a part, made empty if there is none yet.
    fn shell(&mut self, to: &mut Arena, node: NodeId, unfilled: &mut Vec<(NodeId, NodeId)>) -> Result<NodeId> {
        if let Some(copy) = self.copies.get(&node) {
            return Ok(*copy);
        }
        let copy = match self.from.data(node) {
            Data::Array(elements) => to.array(elements.len())?,
            Data::Hash(table) => to.hash(table.entries.len(), table.flags)?,
            Data::Reference(..) => to.reference()?,
            rare @ (Data::Hooked(_) | Data::Tied(..) | Data::Element(..)) => to.empty(rare.shape())?,
            scalar => to.add(scalar.clone())?,
        };
        if let Some(name) = self.from.class_of(node) {
            let class = self.class(to, name)?;
            to.bless(copy, class)?;
        }
        if let Some(source) = self.from.vstring_of(node) {
            to.vstring(copy, source)?;
        }
        self.copies.insert(node, copy);
        unfilled.push((node, copy));
        Ok(copy)
    }

    fn class(&mut self, to: &mut Arena, name: &'a [u8]) -> Result<ClassId> {
        if let Some(class) = self.classes.get(name) {
            return Ok(*class);
        }
        let class = to.class(name)?;
        self.classes.insert(name, class);
        Ok(class)
    }

    fn fill(&mut self, to: &mut Arena, from: NodeId, copy: NodeId, unfilled: &mut Vec<(NodeId, NodeId)>) -> Result<()> {
        match self.from.data(from) {
            Data::Array(elements) => {
                for element in elements {
                    let element = self.shell(to, *element, unfilled)?;
                    to.push(copy, element)?;
                }
            }
            Data::Hash(table) => {
                for (name, entry) in &table.entries {
                    let value = self.shell(to, entry.value, unfilled)?;
                    to.insert(copy, &name.bytes, entry.flags, value)?;
                }
            }
            Data::Reference(target, kind) => {
                let target = self.shell(to, *target, unfilled)?;
                to.point(copy, target, *kind)?;
            }
            Data::Hooked(hooked) => {
                let refs = hooked.refs.iter().map(|target| self.shell(to, *target, unfilled));
                let refs = refs.collect::<Result<Vec<_>>>()?;
                let class = self.class(to, self.from.class_of(from).unwrap_or_default())?;
                to.thaw(copy, Frozen { class, bytes: &hooked.bytes, refs: &refs })?;
                if let Some(object) = hooked.tied {
                    let object = self.shell(to, object, unfilled)?;
                    to.tie(copy, object)?;
                }
            }
            Data::Tied(_, object) => {
                let object = self.shell(to, *object, unfilled)?;
                to.tie(copy, object)?;
            }
            Data::Element(object, place) => {
                let object = self.shell(to, *object, unfilled)?;
                let place = match place {
                    Place::Key(key) => Place::Key(self.shell(to, *key, unfilled)?),
                    Place::Index(index) => Place::Index(*index),
                };
                to.tie_element(copy, object, place)?;
            }
            _ => {}
        }
        Ok(())
    }
}
