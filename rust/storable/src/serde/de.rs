//! A value into a Rust type.

use serde::de::{DeserializeSeed, EnumAccess, Error as _, MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::view::{Budget, characters, key_characters, refused};
use crate::error::{Error, Result};
use crate::value::{Elements, Entries, Kind, Node};

#[derive(Clone, Copy)]
pub(super) struct Deserializer<'a> {
    node: Node<'a>,
    budget: &'a Budget,
}

impl<'a> Deserializer<'a> {
    pub(super) fn new(node: Node<'a>, budget: &'a Budget) -> Self {
        Self { node, budget }
    }

    fn resolve(self) -> Result<Node<'a>> {
        self.budget.resolve(self.node)
    }

    /// An integer; a string or a double that is one will do.
    fn integer<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let node = self.resolve()?;
        if let Some(value) = node.as_i64() {
            return visitor.visit_i64(value);
        }
        match node.as_str().and_then(|text| text.parse::<u64>().ok()) {
            Some(value) => visitor.visit_u64(value),
            None => Self::new(node, self.budget).deserialize_any_of(visitor),
        }
    }

    fn float<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let node = self.resolve()?;
        match node.as_f64() {
            Some(value) => visitor.visit_f64(value),
            None => self.deserialize_any_of(visitor),
        }
    }

    /// A string; a number will do, and is written out as Perl would.
    fn string<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let node = self.resolve()?;
        match node.kind() {
            Kind::Integer => visitor.visit_string(node.as_i64().unwrap_or_default().to_string()),
            Kind::Double => visitor.visit_string(crate::number_text(node.as_f64().unwrap_or_default())),
            Kind::Boolean => visitor.visit_str(if node.as_bool() { "1" } else { "" }),
            _ => self.deserialize_any_of(visitor),
        }
    }

    /// What the value itself says it is.
    fn deserialize_any_of<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let node = self.resolve()?;
        match node.kind() {
            Kind::Undef | Kind::Reference => visitor.visit_unit(),
            Kind::Boolean => visitor.visit_bool(node.as_bool()),
            Kind::Integer => visitor.visit_i64(node.as_i64().unwrap_or_default()),
            Kind::Double => visitor.visit_f64(node.as_f64().unwrap_or_default()),
            Kind::Bytes | Kind::Text => match node.as_str() {
                Some(text) => visitor.visit_str(text),
                None => visitor.visit_bytes(node.as_bytes().unwrap_or_default()),
            },
            Kind::Array => self.budget.deeper(|| {
                let mut list = List { elements: node.elements(), budget: self.budget };
                let value = visitor.visit_seq(&mut list)?;
                match list.elements.len() {
                    0 => Ok(value),
                    rest => Err(Error::message(format_args!("an array with {rest} elements too many"))),
                }
            }),
            Kind::Hash => self
                .budget
                .deeper(|| visitor.visit_map(Pairs { entries: node.entries(), value: None, budget: self.budget })),
            Kind::Hooked | Kind::Tied | Kind::TiedElement | Kind::Code | Kind::Regexp => Err(refused(node)),
        }
    }
}

macro_rules! forward {
    ($to:ident: $($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            self.$to(visitor)
        })*
    };
}

impl<'de> serde::Deserializer<'de> for Deserializer<'_> {
    type Error = Error;

    forward!(integer: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128);
    forward!(float: deserialize_f32 deserialize_f64);
    forward!(string: deserialize_char deserialize_str deserialize_string deserialize_identifier);
    forward!(deserialize_any_of: deserialize_any deserialize_seq deserialize_map deserialize_unit);

    /// What is not wanted may be of any kind.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.resolve()?.kind() {
            Kind::Array | Kind::Hash => self.deserialize_any_of(visitor),
            _ => visitor.visit_unit(),
        }
    }

    /// Truth in Perl's eyes, of scalars.
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let node = self.resolve()?;
        match node.kind() {
            Kind::Undef | Kind::Boolean | Kind::Integer | Kind::Double | Kind::Bytes | Kind::Text => {
                visitor.visit_bool(node.as_bool())
            }
            _ => self.deserialize_any_of(visitor),
        }
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.resolve()?.as_bytes() {
            Some(bytes) => visitor.visit_bytes(bytes),
            None => self.string(visitor),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.resolve()?.kind() {
            Kind::Undef => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value> {
        self.deserialize_any_of(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value> {
        self.deserialize_any_of(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(self, _: &'static str, _: usize, visitor: V) -> Result<V::Value> {
        self.deserialize_any_of(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.deserialize_any_of(visitor)
    }

    /// A string names a variant; a hash of one pair names it and holds its contents.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        let node = self.resolve()?;
        let mut entries = node.entries();
        match (node.kind(), entries.next(), entries.next()) {
            (Kind::Bytes | Kind::Text, ..) => {
                let name = characters(node.as_bytes().unwrap_or_default()).into_owned();
                visitor.visit_enum(Variant { name, contents: None, budget: self.budget })
            }
            (Kind::Hash, Some((key, contents)), None) => self.budget.deeper(|| {
                let name = key_characters(&key);
                visitor.visit_enum(Variant { name, contents: Some(contents), budget: self.budget })
            }),
            _ => Err(Error::invalid_type(
                Unexpected::Other("another value"),
                &"the name of a variant, or a hash of one pair",
            )),
        }
    }
}

struct List<'a> {
    elements: Elements<'a>,
    budget: &'a Budget,
}

impl<'de> SeqAccess<'de> for &mut List<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        let Some(node) = self.elements.next() else {
            return Ok(None);
        };
        seed.deserialize(Deserializer::new(node, self.budget)).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.elements.len())
    }
}

struct Pairs<'a> {
    entries: Entries<'a>,
    value: Option<Node<'a>>,
    budget: &'a Budget,
}

impl<'de> MapAccess<'de> for Pairs<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        let Some((key, value)) = self.entries.next() else {
            return Ok(None);
        };
        self.value = Some(value);
        seed.deserialize(KeyDeserializer(key_characters(&key))).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value> {
        match self.value.take() {
            Some(node) => seed.deserialize(Deserializer::new(node, self.budget)),
            None => Err(Error::message("a value was asked for before its key")),
        }
    }
}

/// A key: a string, and a number where the map's key type is one.
struct KeyDeserializer(String);

macro_rules! number_keys {
    ($($method:ident $visit:ident $type:ty)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            match self.0.parse::<$type>() {
                Ok(number) => visitor.$visit(number),
                Err(_) => visitor.visit_string(self.0),
            }
        })*
    };
}

impl<'de> serde::Deserializer<'de> for KeyDeserializer {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_string(self.0)
    }

    number_keys!(deserialize_i8 visit_i8 i8 deserialize_i16 visit_i16 i16 deserialize_i32 visit_i32 i32
        deserialize_i64 visit_i64 i64 deserialize_u8 visit_u8 u8 deserialize_u16 visit_u16 u16
        deserialize_u32 visit_u32 u32 deserialize_u64 visit_u64 u64);

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_some(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_enum(serde::de::value::StringDeserializer::new(self.0))
    }

    forward_to_deserialize_any! {
        bool i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

struct Variant<'a> {
    name: String,
    contents: Option<Node<'a>>,
    budget: &'a Budget,
}

impl<'a, 'de> EnumAccess<'de> for Variant<'a> {
    type Error = Error;
    type Variant = Contents<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Contents<'a>)> {
        let variant = seed.deserialize(KeyDeserializer(self.name))?;
        Ok((variant, Contents(self.contents.map(|node| Deserializer::new(node, self.budget)))))
    }
}

/// What a variant holds; nothing if it was only named.
struct Contents<'a>(Option<Deserializer<'a>>);

impl<'a> Contents<'a> {
    fn some(self) -> Result<Deserializer<'a>> {
        self.0.ok_or_else(|| Error::invalid_type(Unexpected::UnitVariant, &"a variant with contents"))
    }
}

impl<'de> VariantAccess<'de> for Contents<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<()> {
        match self.0 {
            None => Ok(()),
            Some(contents) => serde::Deserialize::deserialize(contents),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value> {
        seed.deserialize(self.some()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value> {
        self.some()?.deserialize_any_of(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value> {
        self.some()?.deserialize_any_of(visitor)
    }
}
