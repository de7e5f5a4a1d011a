//! How an image is written.
//!
//! ```
//! use storable::{Options, Order, Writer};
//!
//! let mut writer = Writer::new(&Options { order: Order::Network, file: true, ..Options::default() });
//! writer.undef();
//! assert_eq!(writer.finish(), b"pst0\x05\x0b\x05");
//! ```

/// How an image is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Network order by default.
    pub order: Order,
    /// The format's minor version that the header names; 11 by default, as Storable 3 writes; Storable 2 wrote 10.
    pub minor: u8,
    /// Write booleans as such; off by default. Storable does since 3.27, still under minor version 11,
    /// and before it can't read them. Off, they are the strings `1` and the empty one, as in Perl.
    pub booleans: bool,
    /// Begin with the magic of files, as `store` and `nstore` do; off by default.
    pub file: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { order: Order::Network, minor: 11, booleans: false, file: false }
    }
}

/// How numbers are laid out in an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The same on all machines: what `nfreeze` writes.
    Network,
    /// As on this machine, for a Perl with 64-bit integers: what `freeze` writes.
    Native,
}
