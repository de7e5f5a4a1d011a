//! What the fuzz targets share: an allocator that counts, a look at what an image holds, and a perl to ask.
//!
//! The targets themselves are in `fuzz_targets/`, a few lines each; README.md says what they promise.

pub mod differences;
pub mod memory;
pub mod peer;
pub mod survey;

use storable::Limits;

/// Limits that let everything through, so that it is the code that must cope.
pub const UNLIMITED: Limits = Limits { max_depth: usize::MAX, max_size: usize::MAX };
