//! Perl's Storable format: bytes to values and back, without Perl.
//!
//! Storable is what `Storable::freeze` and `nfreeze` write: an image of one value with everything that
//! it refers to, sharing and cycles included. This crate knows the bytes. It does no I/O, runs no
//! code, loads no class, and contains no `unsafe`; no image makes it panic, recurse, or take more
//! memory than a constant times the image.
//!
//! There are three ways in, each over the one before:
//!
//! - [`read`] drives a [`Build`] through an image, and a [`Writer`] takes values one by one: no tree in
//!   between. This is how SVs are made and frozen.
//! - [`Value`] holds an image in memory: to look into, compare, change and write again.
//! - [`from_slice`] and [`to_vec`] are serde's, for Rust types.
//!
//! And [`Fields`] looks at the top level of a hash alone, for searching in many images; [`skim`] does so for the common
//! ones only, and fast, so that their values can be read one by one.
//!
//! ```
//! use storable::{Limits, Value, from_slice};
//!
//! // nfreeze({ uid => 'dwho' })
//! let image = b"\x05\x0b\x03\0\0\0\x01\x0a\x04dwho\0\0\0\x03uid";
//!
//! let value = Value::parse(image, &Limits::default()).unwrap();
//! assert_eq!(value.root().get("uid").unwrap().as_str(), Some("dwho"));
//!
//! let map: std::collections::BTreeMap<String, String> = from_slice(image).unwrap();
//! assert_eq!(map["uid"], "dwho");
//! ```
//!
//! # What is read and written
//!
//! Everything that a Storable ever wrote, from 0.1 to 3: undef, booleans, integers, doubles, strings of bytes
//! and of characters, v-strings, arrays, hashes (restricted ones and keys with flags included),
//! references (weak and overloaded ones included), objects with and without hooks, tied variables and their
//! elements, code references by their source, regular expressions; in network order and in
//! the native order of any machine with 4- or 8-byte integers and 8-byte doubles.
//!
//! What is written is what Storable 3 writes for the same data in the same order, byte for byte.

#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "a panic fails the test"))]

mod build;
mod consts;
mod cursor;
mod error;
mod fields;
mod header;
mod limits;
mod number;
mod options;
mod output;
mod read;
mod serde;
mod skim;
mod value;
mod write;

pub use build::{Build, Frozen, HashFlags, Immortal, KeyFlags, Place, RefKind, Shape};
pub use error::{Error, Result};
pub use fields::{Field, Fields, Plain};
pub use header::{ByteOrder, Header, Layout};
pub use limits::Limits;
pub use number::number_text;
pub use options::{Options, Order};
pub use output::Output;
pub use read::{Scratch, read, read_value, read_with};
pub use serde::{from_slice, from_value, to_value, to_vec};
pub use skim::{Entry, Skimmed, skim};
pub use value::{Elements, Entries, Import, Key, Kind, Node, NodeId, Value, same};
pub use write::{HookFrame, Writer};
