//! Serde over the same reader and writer: any Rust type to and from an image.
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use storable::{Options, from_slice, to_vec};
//!
//! #[derive(Serialize, Deserialize, PartialEq, Debug)]
//! struct Session {
//!     uid: String,
//!     visits: u32,
//!     groups: Vec<String>,
//! }
//!
//! let session = Session { uid: "dwho".into(), visits: 3, groups: vec!["users".into()] };
//! let image = to_vec(&session, &Options::default()).unwrap();
//! assert_eq!(from_slice::<Session>(&image).unwrap(), session);
//! ```
//!
//! The view is that of JSON: references are seen through, classes are not seen, an undefined value is
//! a `None`. Scalars are what the type asks for, as in Perl, so `"3"` is a fine `u32`. What only Perl can
//! make something of is refused by name, unless nobody asks for it: objects of a hook, tied variables,
//! code references, regular expressions.
//!
//! Serde's traits recurse, so arrays and hashes may lie 128 deep here, and no deeper; a cycle is an
//! error. What is shared comes out once for each owner, as long as that doesn't make the whole more
//! than 16 times as large.

mod de;
mod ser;
mod view;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::options::Options;
use crate::value::Value;

/// How deep arrays and hashes may lie in each other here.
const MAX_DEPTH: usize = 128;

/// Reads an image into a Rust type. A frozen hash is a map or a struct, an array a sequence.
pub fn from_slice<T: DeserializeOwned>(image: &[u8]) -> Result<T> {
    from_value(&Value::parse(image, &Limits::default())?)
}

/// As [`from_slice`], from a value that was read already.
pub fn from_value<T: DeserializeOwned>(value: &Value) -> Result<T> {
    let budget = view::Budget::new(value);
    T::deserialize(de::Deserializer::new(value.root(), &budget))
}

/// Writes a Rust type as an image. A map or a struct becomes a hash, a sequence an array; what lies in
/// others is held by reference, as in Perl. Strings beyond ASCII become strings of characters.
pub fn to_vec<T: Serialize + ?Sized>(value: &T, options: &Options) -> Result<Vec<u8>> {
    to_value(value)?.write(options)
}

/// As [`to_vec`], but the value and not its image.
pub fn to_value<T: Serialize + ?Sized>(value: &T) -> Result<Value> {
    ser::to_value(value)
}

impl serde::de::Error for Error {
    fn custom<T: std::fmt::Display>(text: T) -> Self {
        Self::message(text)
    }
}

impl serde::ser::Error for Error {
    fn custom<T: std::fmt::Display>(text: T) -> Self {
        Self::message(text)
    }
}
