//! A Rust type into a value.

use serde::ser::{self, Impossible, Serialize};

use super::MAX_DEPTH;
use crate::build::{Build, HashFlags, RefKind};
use crate::error::{Error, Result};
use crate::options::Options;
use crate::value::{Arena, Data, Key, NodeId, Value};

pub(super) fn to_value<T: Serialize + ?Sized>(value: &T) -> Result<Value> {
    let mut arena = Arena::default();
    let root = value.serialize(Serializer { arena: &mut arena, depth: 0 })?;
    Ok(Value::new(arena, root, Options::default()))
}

/// Makes one value, `depth` arrays and hashes down.
struct Serializer<'a> {
    arena: &'a mut Arena,
    depth: usize,
}

impl<'a> Serializer<'a> {
    fn text(self, text: &str) -> Result<NodeId> {
        if text.is_ascii() { self.arena.bytes(text.as_bytes()) } else { self.arena.text(text.as_bytes()) }
    }

    /// Opens an array or a hash of `len` elements.
    fn open(self, make: impl FnOnce(&mut Arena) -> Result<NodeId>) -> Result<Container<'a>> {
        if self.depth >= MAX_DEPTH {
            return Err(Error::message(format_args!("a value that is more than {MAX_DEPTH} deep")));
        }
        let node = make(self.arena)?;
        Ok(Container { node, key: None, variant: None, depth: self.depth, arena: self.arena })
    }

    fn list(self, len: Option<usize>) -> Result<Container<'a>> {
        // Serde's hint may be wrong; what is really pushed counts.
        self.open(|arena| arena.array(len.unwrap_or(0).min(1024)))
    }

    fn pairs(self) -> Result<Container<'a>> {
        self.open(|arena| arena.hash(0, HashFlags::default()))
    }
}

macro_rules! integers {
    ($($method:ident $type:ty)*) => {
        $(fn $method(self, value: $type) -> Result<NodeId> {
            match i64::try_from(value) {
                Ok(value) => self.arena.integer(value),
                Err(_) => self.arena.bytes(value.to_string().as_bytes()),
            }
        })*
    };
}

impl<'a> ser::Serializer for Serializer<'a> {
    type Ok = NodeId;
    type Error = Error;
    type SerializeSeq = Container<'a>;
    type SerializeTuple = Container<'a>;
    type SerializeTupleStruct = Container<'a>;
    type SerializeTupleVariant = Container<'a>;
    type SerializeMap = Container<'a>;
    type SerializeStruct = Container<'a>;
    type SerializeStructVariant = Container<'a>;

    integers!(serialize_i8 i8 serialize_i16 i16 serialize_i32 i32 serialize_i64 i64 serialize_i128 i128
        serialize_u8 u8 serialize_u16 u16 serialize_u32 u32 serialize_u64 u64 serialize_u128 u128);

    fn serialize_bool(self, value: bool) -> Result<NodeId> {
        self.arena.boolean(value)
    }

    fn serialize_f32(self, value: f32) -> Result<NodeId> {
        self.arena.double(f64::from(value))
    }

    fn serialize_f64(self, value: f64) -> Result<NodeId> {
        self.arena.double(value)
    }

    fn serialize_char(self, value: char) -> Result<NodeId> {
        self.text(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<NodeId> {
        self.text(value)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<NodeId> {
        self.arena.bytes(value)
    }

    fn serialize_none(self) -> Result<NodeId> {
        self.arena.undef()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<NodeId> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<NodeId> {
        self.arena.undef()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<NodeId> {
        self.arena.undef()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<NodeId> {
        self.text(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<NodeId> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<NodeId> {
        let mut pairs = self.pairs()?;
        pairs.pair(variant, value)?;
        Ok(pairs.node)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Container<'a>> {
        self.list(len)
    }

    fn serialize_tuple(self, len: usize) -> Result<Container<'a>> {
        self.list(Some(len))
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<Container<'a>> {
        self.list(Some(len))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Container<'a>> {
        Ok(Container { variant: Some(variant), ..self.list(Some(len))? })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Container<'a>> {
        self.pairs()
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Container<'a>> {
        self.pairs()
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Container<'a>> {
        Ok(Container { variant: Some(variant), ..self.pairs()? })
    }
}

/// An array or a hash that is being filled.
pub(super) struct Container<'a> {
    arena: &'a mut Arena,
    node: NodeId,
    depth: usize,
    /// The key that the next value belongs to.
    key: Option<String>,
    /// The variant of an enum that this is the contents of.
    variant: Option<&'static str>,
}

impl Container<'_> {
    /// A value in this container: an array or a hash is held by reference.
    fn inner<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<NodeId> {
        let depth = self.depth.saturating_add(1);
        let node = value.serialize(Serializer { arena: self.arena, depth })?;
        self.held(node)
    }

    fn held(&mut self, node: NodeId) -> Result<NodeId> {
        if !matches!(self.arena.data(node), Data::Array(_) | Data::Hash(_)) {
            return Ok(node);
        }
        let reference = self.arena.reference()?;
        self.arena.point(reference, node, RefKind::default())?;
        Ok(reference)
    }

    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        let element = self.inner(value)?;
        self.arena.push(self.node, element)
    }

    fn pair<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<()> {
        let value = self.inner(value)?;
        self.set(self.node, key, value)
    }

    fn set(&mut self, hash: NodeId, key: &str, value: NodeId) -> Result<()> {
        let key = Key::from(key);
        self.arena.insert(hash, &key.bytes, key.flags, value)
    }

    fn finish(mut self) -> Result<NodeId> {
        let Some(variant) = self.variant else {
            return Ok(self.node);
        };
        let contents = self.held(self.node)?;
        let hash = self.arena.hash(1, HashFlags::default())?;
        self.set(hash, variant, contents)?;
        Ok(hash)
    }
}

macro_rules! lists {
    ($($of:ident $method:ident)*) => {
        $(impl ser::$of for Container<'_> {
            type Ok = NodeId;
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
                self.push(value)
            }

            fn end(self) -> Result<NodeId> {
                self.finish()
            }
        })*
    };
}

lists!(SerializeSeq serialize_element SerializeTuple serialize_element
    SerializeTupleStruct serialize_field SerializeTupleVariant serialize_field);

macro_rules! structs {
    ($($of:ident)*) => {
        $(impl ser::$of for Container<'_> {
            type Ok = NodeId;
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<()> {
                self.pair(key, value)
            }

            fn end(self) -> Result<NodeId> {
                self.finish()
            }
        })*
    };
}

structs!(SerializeStruct SerializeStructVariant);

impl ser::SerializeMap for Container<'_> {
    type Ok = NodeId;
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<()> {
        self.key = Some(key.serialize(KeySerializer)?);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        match self.key.take() {
            Some(key) => self.pair(&key, value),
            None => Err(Error::message("a value was given before its key")),
        }
    }

    fn end(self) -> Result<NodeId> {
        self.finish()
    }
}

/// The key of a map: what has one string form.
struct KeySerializer;

fn no_key<T>() -> Result<T> {
    Err(Error::unsupported("a key that is neither a string nor a number"))
}

macro_rules! keys {
    ($($method:ident $type:ty)*) => {
        $(fn $method(self, value: $type) -> Result<String> {
            Ok(value.to_string())
        })*
    };
}

macro_rules! no_keys {
    ($($method:ident($($argument:ty),*) $result:ty;)*) => {
        $(fn $method(self, $(_: $argument),*) -> Result<$result> {
            no_key()
        })*
    };
}

impl ser::Serializer for KeySerializer {
    type Ok = String;
    type Error = Error;
    type SerializeSeq = Impossible<String, Error>;
    type SerializeTuple = Impossible<String, Error>;
    type SerializeTupleStruct = Impossible<String, Error>;
    type SerializeTupleVariant = Impossible<String, Error>;
    type SerializeMap = Impossible<String, Error>;
    type SerializeStruct = Impossible<String, Error>;
    type SerializeStructVariant = Impossible<String, Error>;

    keys!(serialize_i8 i8 serialize_i16 i16 serialize_i32 i32 serialize_i64 i64 serialize_i128 i128
        serialize_u8 u8 serialize_u16 u16 serialize_u32 u32 serialize_u64 u64 serialize_u128 u128
        serialize_char char serialize_str &str);

    no_keys! {
        serialize_bool(bool) String;
        serialize_f32(f32) String;
        serialize_f64(f64) String;
        serialize_bytes(&[u8]) String;
        serialize_none() String;
        serialize_unit() String;
        serialize_unit_struct(&'static str) String;
        serialize_seq(Option<usize>) Self::SerializeSeq;
        serialize_tuple(usize) Self::SerializeTuple;
        serialize_tuple_struct(&'static str, usize) Self::SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) Self::SerializeTupleVariant;
        serialize_map(Option<usize>) Self::SerializeMap;
        serialize_struct(&'static str, usize) Self::SerializeStruct;
        serialize_struct_variant(&'static str, u32, &'static str, usize) Self::SerializeStructVariant;
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<String> {
        Ok(variant.to_owned())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<String> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<String> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<String> {
        no_key()
    }
}
