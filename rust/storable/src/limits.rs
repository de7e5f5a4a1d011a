//! How much an image may ask for.
//!
//! Memory needs no limit of its own: a count is believed only as far as the bytes that are left can
//! bear it out, so what reading takes is at most a constant times the image. What bytes can't bound
//! is how deep values lie in each other, and how large an image the caller is willing to look at.

/// The limits of one reading.
///
/// ```
/// use storable::{Limits, Value};
///
/// let three_deep = b"\x05\x0b\x04\x04\x04\x05"; // \\\undef
/// let limits = Limits { max_depth: 2, ..Limits::default() };
/// assert!(Value::parse(three_deep, &limits).unwrap_err().is_limit());
/// assert!(Value::parse(three_deep, &Limits::default()).is_ok());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// How many arrays, hashes and references may be open at once; 10,000 by default. An array in
    /// an array is two, since Perl has a reference between them. Reading never recurses: what this
    /// guards is code that walks the result.
    pub max_depth: usize,
    /// The largest image in bytes; no limit by default.
    pub max_size: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_depth: 10_000, max_size: usize::MAX }
    }
}
