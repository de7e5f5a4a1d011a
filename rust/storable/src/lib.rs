//! Perl's Storable format: bytes to values and back, without Perl.
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects))]

mod build;
mod consts;
mod cursor;
mod error;
mod header;
mod limits;
mod number;
mod read;
mod serde;
mod value;
mod write;

pub use build::{Build, HashFlags, Immortal, KeyFlags, RefKind};
pub use error::{Error, Result};
pub use header::{ByteOrder, Header, Layout};
pub use limits::Limits;
pub use number::number_text;
pub use read::read;
pub use serde::{from_slice, from_value, to_value, to_vec};
pub use value::{Elements, Entries, Import, Key, Kind, Node, NodeId, Value, same};
pub use write::{Options, Order, Writer};
