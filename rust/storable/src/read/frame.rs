//! Open containers, and how much of the image they still wait for.

use crate::build::{HashFlags, RefKind};

/// A container whose contents are being read.
pub(super) struct Frame<N> {
    pub(super) node: N,
    pub(super) kind: Kind,
    /// How many elements are still to come, the one being read included.
    pub(super) left: usize,
    /// How many bytes the containers around this one wait for at least.
    pub(super) owed: usize,
}

/// What kind of container.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Array,
    Hash(HashFlags),
    Reference(RefKind),
    /// An object, while the values of its hook are read.
    Hook,
    /// Something tied, which waits for the object behind it.
    Tied,
    /// An element of a tied hash, which waits for the object behind that.
    TiedKey,
    /// An element of a tied array, which waits for the object behind that.
    TiedIndex,
    /// The object behind a tied hash, which waits for the key of the element in the frame around it.
    Key,
}

impl Kind {
    /// The size of the smallest element: a tag; with a key, its length and maybe its flags too.
    #[inline(always)]
    pub(super) fn smallest(self) -> usize {
        match self {
            Self::Hash(HashFlags { flagged: false, .. }) => 5,
            Self::Hash(HashFlags { flagged: true, .. }) => 6,
            _ => 1,
        }
    }
}

impl<N> Frame<N> {
    /// How many bytes this container and those around it wait for at least, once the element that is
    /// being read has come.
    #[inline(always)]
    pub(super) fn waits_for(&self) -> usize {
        let smallest = self.kind.smallest();
        let others = self.left.saturating_sub(1).saturating_mul(smallest);
        let key = smallest.saturating_sub(1);
        self.owed.saturating_add(others).saturating_add(key)
    }
}
