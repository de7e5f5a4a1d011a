//! Open containers.

use crate::build::{HashFlags, RefKind};

/// A container whose contents are being read.
pub(super) struct Frame<N> {
    pub(super) node: N,
    pub(super) kind: Kind,
    /// How many elements are still to come, the one being read included.
    pub(super) left: usize,
}

/// What kind of container.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Array,
    Hash(HashFlags),
    Reference(RefKind),
}

impl Kind {
    /// The size of the smallest element: a tag; with a key, its length and maybe its flags too.
    #[inline(always)]
    #[inline(always)]
    pub(super) fn smallest(self) -> usize {
        match self {
            Self::Array | Self::Reference(_) => 1,
            Self::Hash(HashFlags { flagged: false, .. }) => 5,
            Self::Hash(HashFlags { flagged: true, .. }) => 6,
        }
    }
}
