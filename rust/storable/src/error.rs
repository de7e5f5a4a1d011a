//! What goes wrong between bytes and values.
//!
//! [`Error`] is opaque: callers act on its predicates and show its text. An error about an image
//! carries the byte that it is about, and says what was expected there and what was found:
//!
//! ```
//! use storable::{Limits, Value};
//!
//! let error = Value::parse(b"\x05\x0b\x0a\x14short", &Limits::default()).unwrap_err();
//! assert!(error.is_truncated());
//! assert_eq!(error.offset(), Some(4));
//! assert_eq!(
//!     error.to_string(),
//!     "not a Storable value at byte 4: expected a string of 20 bytes, found 5 bytes",
//! );
//! ```

use std::fmt::Display;

/// What this crate's functions return.
pub type Result<T> = std::result::Result<T, Error>;

/// An image that can't be read, or a value that can't be written.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(Box<Kind>);

#[derive(Debug, thiserror::Error)]
enum Kind {
    #[error("not a Storable value at byte {at}: expected {expected}, found {found}")]
    Truncated { at: usize, expected: String, found: String },
    #[error("not a Storable value at byte {at}: expected {expected}, found {found}")]
    Corrupt { at: usize, expected: String, found: String },
    #[error("unsupported Storable value at byte {at}: {what}")]
    Unsupported { at: usize, what: String },
    #[error("unsupported value: {what}")]
    Unstorable { what: String },
    #[error("Storable value over its limit at byte {at}: {what} is more than {limit}")]
    Limit { at: usize, what: &'static str, limit: usize },
    #[error("unsupported Storable version at byte {at}: {major}, this reads 0 to 2")]
    Version { at: usize, major: u8 },
    #[error("{0}")]
    Message(String),
}

impl Error {
    /// The image ends before what it announces.
    pub fn is_truncated(&self) -> bool {
        matches!(*self.0, Kind::Truncated { .. })
    }

    /// The image breaks the format's rules; true for a truncated one as well.
    pub fn is_corrupt(&self) -> bool {
        matches!(*self.0, Kind::Truncated { .. } | Kind::Corrupt { .. })
    }

    /// The image, or the value to be written, is of a kind that this crate does not handle.
    pub fn is_unsupported(&self) -> bool {
        matches!(*self.0, Kind::Unsupported { .. } | Kind::Unstorable { .. })
    }

    /// The image asks for more than [`Limits`](crate::Limits) allow.
    pub fn is_limit(&self) -> bool {
        matches!(*self.0, Kind::Limit { .. })
    }

    /// The image is of a version of the format that this crate does not read.
    pub fn is_version(&self) -> bool {
        matches!(*self.0, Kind::Version { .. })
    }

    /// The byte of the image that the error is about; `None` where there is no image.
    pub fn offset(&self) -> Option<usize> {
        match *self.0 {
            Kind::Truncated { at, .. }
            | Kind::Corrupt { at, .. }
            | Kind::Unsupported { at, .. }
            | Kind::Limit { at, .. }
            | Kind::Version { at, .. } => Some(at),
            Kind::Unstorable { .. } | Kind::Message(_) => None,
        }
    }

    /// A value that the image does not hold, or that the writer does not write: `what` is its name
    /// with an article, as in "a code reference".
    ///
    /// For implementations of [`Build`](crate::Build) and walks that feed a
    /// [`Writer`](crate::Writer).
    #[cold]
    pub fn unsupported(what: impl Into<String>) -> Self {
        Kind::Unstorable { what: what.into() }.into()
    }

    #[cold]
    pub(crate) fn unsupported_at(at: usize, what: impl Into<String>) -> Self {
        Kind::Unsupported { at, what: what.into() }.into()
    }

    #[cold]
    pub(crate) fn truncated(at: usize, what: &str, needed: usize, left: usize) -> Self {
        let expected = match needed {
            1 => format!("{what} of 1 byte"),
            _ => format!("{what} of {needed} bytes"),
        };
        let found = match left {
            0 => "the end".to_owned(),
            1 => "1 byte".to_owned(),
            _ => format!("{left} bytes"),
        };
        Kind::Truncated { at, expected, found }.into()
    }

    #[cold]
    pub(crate) fn corrupt(at: usize, expected: impl Display, found: impl Display) -> Self {
        let (expected, found) = (expected.to_string(), found.to_string());
        Kind::Corrupt { at, expected, found }.into()
    }

    #[cold]
    pub(crate) fn limit(at: usize, what: &'static str, limit: usize) -> Self {
        Kind::Limit { at, what, limit }.into()
    }

    #[cold]
    pub(crate) fn version(at: usize, major: u8) -> Self {
        Kind::Version { at, major }.into()
    }

    #[cold]
    pub(crate) fn message(text: impl Display) -> Self {
        Kind::Message(text.to_string()).into()
    }
}

impl From<Kind> for Error {
    fn from(kind: Kind) -> Self {
        Self(Box::new(kind))
    }
}
