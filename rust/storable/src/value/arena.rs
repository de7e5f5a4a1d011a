//! Where the parts of a value lie: one vector, indexed by [`NodeId`].
//!
//! Parts refer to each other by id, so sharing and cycles cost nothing and need no counting. A part
//! that lost its last owner stays until the whole value is dropped. The smallest part, one byte in an
//! image, takes 56 bytes here; the smallest pair of a hash, six bytes, about 110.

use indexmap::IndexMap;

use super::NodeId;
use super::key::{Key, Name};
use super::rare::{Code, Hooked, Regexp};
use crate::build::{Build, Frozen, HashFlags, Immortal, KeyFlags, Place, RefKind, Shape};
use crate::error::{Error, Result};

#[derive(Clone, Debug, Default)]
pub(crate) struct Arena {
    slots: Vec<Slot>,
    classes: Vec<Box<[u8]>>,
}

/// One part: what it is, the class it is blessed into, the literal of a v-string.
#[derive(Clone, Debug)]
struct Slot {
    data: Data,
    class: Option<ClassId>,
    vstring: Option<Box<[u8]>>,
    owners: Owners,
}

/// A class name in the arena.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClassId(u32);

#[derive(Clone, Copy, Debug)]
enum Owners {
    None,
    One,
    Many,
}

#[derive(Clone, Debug)]
pub(crate) enum Data {
    Undef,
    Immortal(Immortal),
    Boolean(bool),
    Integer(i64),
    Double(f64),
    Bytes(Box<[u8]>),
    Text(Box<[u8]>),
    Array(Vec<NodeId>),
    Hash(Box<Table>),
    Reference(NodeId, RefKind),
    Hooked(Box<Hooked>),
    /// The object behind it.
    Tied(Shape, NodeId),
    /// Of something tied: the object behind that.
    Element(NodeId, Place<NodeId>),
    Code(Box<Code>),
    Regexp(Box<Regexp>),
}

/// The contents of a hash, in order.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) flags: HashFlags,
    pub(crate) entries: IndexMap<Name, Entry>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) flags: KeyFlags,
    pub(crate) value: NodeId,
}

impl Data {
    /// What kind of variable it is.
    pub(crate) fn shape(&self) -> Shape {
        match self {
            Self::Array(_) => Shape::Array,
            Self::Hash(_) => Shape::Hash,
            Self::Hooked(hooked) => hooked.shape,
            Self::Tied(shape, _) => *shape,
            _ => Shape::Scalar,
        }
    }
}

const _: () = assert!(size_of::<Slot>() <= 56, "what the module's documentation says");

impl Entry {
    /// Whether this is a key that a restricted hash would allow, and doesn't have.
    pub(crate) fn is_placeholder(self) -> bool {
        self.flags.contains(KeyFlags::PLACEHOLDER)
    }
}

impl Table {
    pub(crate) fn get(&self, key: &Key<'_>) -> Option<Entry> {
        self.entries.get(key).copied()
    }

    /// Sets a key, in its place if it is there already, else at the end.
    pub(crate) fn insert(&mut self, key: &Key<'_>, value: NodeId) {
        let entry = Entry { flags: key.flags, value };
        match self.entries.get_mut(key) {
            Some(there) => *there = entry,
            None => drop(self.entries.insert(Name::from(key), entry)),
        }
        self.flags.flagged |= key.flags != KeyFlags::NONE;
    }
}

impl Arena {
    /// An id is valid in the arena that made it; one of another arena may name a part that isn't there,
    /// which reads as undef.
    pub(crate) fn data(&self, id: NodeId) -> &Data {
        self.slot(id).map_or(&Data::Undef, |slot| &slot.data)
    }

    pub(crate) fn class_of(&self, id: NodeId) -> Option<&[u8]> {
        let class = self.slot(id)?.class?;
        self.classes.get(index(class.0)).map(|name| &**name)
    }

    /// The literal that a string was written as, if that was a v-string.
    pub(crate) fn vstring_of(&self, id: NodeId) -> Option<&[u8]> {
        self.slot(id)?.vstring.as_deref()
    }

    /// Whether more than one container holds this part, or did. Perl's immortals are never shared:
    /// each use is of the one that there is.
    pub(crate) fn is_shared(&self, id: NodeId) -> bool {
        self.slot(id).is_some_and(|slot| matches!(slot.owners, Owners::Many) && !matches!(slot.data, Data::Immortal(_)))
    }

    pub(crate) fn has_booleans(&self) -> bool {
        self.slots.iter().any(|slot| matches!(slot.data, Data::Boolean(_)))
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn add(&mut self, data: Data) -> Result<NodeId> {
        let id = u32::try_from(self.slots.len()).map_err(|_| Error::message("too many values"))?;
        self.slots.push(Slot { data, class: None, vstring: None, owners: Owners::None });
        Ok(NodeId(id))
    }

    /// Notes one more owner.
    pub(crate) fn own(&mut self, id: NodeId) {
        if let Some(slot) = self.slot_mut(id) {
            slot.owners = match slot.owners {
                Owners::None => Owners::One,
                Owners::One | Owners::Many => Owners::Many,
            };
        }
    }

    pub(crate) fn data_mut(&mut self, id: NodeId) -> Option<&mut Data> {
        self.slot_mut(id).map(|slot| &mut slot.data)
    }

    pub(crate) fn set_class(&mut self, id: NodeId, class: ClassId) {
        if let Some(slot) = self.slot_mut(id) {
            slot.class = Some(class);
        }
    }

    pub(crate) fn add_class(&mut self, name: &[u8]) -> Result<ClassId> {
        let id = u32::try_from(self.classes.len()).map_err(|_| Error::message("too many classes"))?;
        self.classes.push(name.into());
        Ok(ClassId(id))
    }

    fn slot(&self, id: NodeId) -> Option<&Slot> {
        self.slots.get(id.index())
    }

    fn slot_mut(&mut self, id: NodeId) -> Option<&mut Slot> {
        self.slots.get_mut(id.index())
    }
}

impl NodeId {
    pub(crate) fn index(self) -> usize {
        index(self.0)
    }
}

fn index(id: u32) -> usize {
    usize::try_from(id).unwrap_or(usize::MAX)
}

impl Build for Arena {
    type Node = NodeId;
    type Class = ClassId;
    type Error = Error;

    fn undef(&mut self) -> Result<NodeId> {
        self.add(Data::Undef)
    }

    fn immortal(&mut self, which: Immortal) -> Result<NodeId> {
        self.add(Data::Immortal(which))
    }

    fn boolean(&mut self, value: bool) -> Result<NodeId> {
        self.add(Data::Boolean(value))
    }

    fn integer(&mut self, value: i64) -> Result<NodeId> {
        self.add(Data::Integer(value))
    }

    fn double(&mut self, value: f64) -> Result<NodeId> {
        self.add(Data::Double(value))
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<NodeId> {
        self.add(Data::Bytes(bytes.into()))
    }

    fn text(&mut self, utf8: &[u8]) -> Result<NodeId> {
        self.add(Data::Text(utf8.into()))
    }

    fn vstring(&mut self, node: NodeId, source: &[u8]) -> Result<()> {
        if let Some(slot) = self.slot_mut(node) {
            slot.vstring = Some(source.into());
        }
        Ok(())
    }

    fn array(&mut self, len: usize) -> Result<NodeId> {
        self.add(Data::Array(Vec::with_capacity(len)))
    }

    fn push(&mut self, array: NodeId, element: NodeId) -> Result<()> {
        self.own(element);
        if let Some(Data::Array(elements)) = self.data_mut(array) {
            elements.push(element);
        }
        Ok(())
    }

    fn hash(&mut self, len: usize, flags: HashFlags) -> Result<NodeId> {
        self.add(Data::Hash(Box::new(Table { flags, entries: IndexMap::with_capacity(len) })))
    }

    fn insert(&mut self, hash: NodeId, key: &[u8], flags: KeyFlags, value: NodeId) -> Result<()> {
        self.own(value);
        if let Some(Data::Hash(table)) = self.data_mut(hash) {
            table.insert(&Key::new(key, flags), value);
        }
        Ok(())
    }

    /// Undef until it points somewhere.
    fn reference(&mut self) -> Result<NodeId> {
        self.add(Data::Undef)
    }

    fn point(&mut self, reference: NodeId, target: NodeId, kind: RefKind) -> Result<()> {
        self.own(target);
        if let Some(data) = self.data_mut(reference) {
            *data = Data::Reference(target, kind);
        }
        Ok(())
    }

    fn class(&mut self, name: &[u8]) -> Result<ClassId> {
        self.add_class(name)
    }

    fn bless(&mut self, node: NodeId, class: ClassId) -> Result<()> {
        self.set_class(node, class);
        Ok(())
    }

    fn share(&mut self, node: NodeId) -> Result<NodeId> {
        Ok(node)
    }

    /// Tied to itself until there is more to say.
    fn empty(&mut self, shape: Shape) -> Result<NodeId> {
        let id = self.add(Data::Undef)?;
        if let Some(data) = self.data_mut(id) {
            *data = Data::Tied(shape, id);
        }
        Ok(id)
    }

    /// It lies in the arena, whoever refers to it.
    fn keep(&mut self, _: NodeId) -> Result<()> {
        Ok(())
    }

    fn thaw(&mut self, object: NodeId, frozen: Frozen<'_, NodeId, ClassId>) -> Result<NodeId> {
        frozen.refs.iter().for_each(|target| self.own(*target));
        if let Some(slot) = self.slot_mut(object) {
            let (bytes, refs) = (frozen.bytes.into(), frozen.refs.into());
            slot.data = Data::Hooked(Box::new(Hooked { shape: slot.data.shape(), bytes, refs, tied: None }));
            slot.class = Some(frozen.class);
        }
        Ok(object)
    }

    fn tie(&mut self, variable: NodeId, object: NodeId) -> Result<()> {
        self.own(object);
        match self.data_mut(variable) {
            Some(Data::Hooked(hooked)) => hooked.tied = Some(object),
            Some(data) => *data = Data::Tied(data.shape(), object),
            None => {}
        }
        Ok(())
    }

    fn tie_element(&mut self, element: NodeId, object: NodeId, place: Place<NodeId>) -> Result<()> {
        self.own(object);
        if let Place::Key(key) = place {
            self.own(key);
        }
        if let Some(data) = self.data_mut(element) {
            *data = Data::Element(object, place);
        }
        Ok(())
    }

    fn code(&mut self, source: &[u8], utf8: bool) -> Result<NodeId> {
        self.add(Data::Code(Box::new(Code { source: source.into(), utf8 })))
    }

    fn regexp(&mut self, pattern: &[u8], modifiers: &[u8]) -> Result<NodeId> {
        let (pattern, modifiers) = (pattern.into(), modifiers.into());
        self.add(Data::Regexp(Box::new(Regexp { pattern, modifiers })))
    }

    /// The arena is dropped as a whole.
    fn discard(&mut self, _: NodeId) {}
}
