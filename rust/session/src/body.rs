//! What goes into a store, and what comes out.
//!
//! A session is bytes to this crate, in one of two [encodings](Encoding). What a store returns
//! carries with it what the next save needs: keep it, and give it back.
//!
//! ```
//! use session::{Body, Encoding};
//!
//! let body = Body::storable(vec![5, 11, 3, 0, 0, 0, 0]);
//! assert_eq!((body.encoding, body.whole), (Encoding::Storable, false));
//! ```

use crate::backend::{Item, Version};
use crate::bytes::Bytes;
use crate::envelope::{self, Encoding, Opened};
use crate::error::SessionFault;
use crate::merge::KeyName;
use crate::secret::Keyring;

/// A session as the caller wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// The serialized session, with its `_session_id`.
    pub bytes: Bytes,
    /// By what.
    pub encoding: Encoding,
    /// The session was emptied and filled anew: it replaces what is stored, with what others put
    /// there.
    pub whole: bool,
}

impl Body {
    /// A session frozen by Storable.
    pub fn storable(bytes: impl Into<Bytes>) -> Body {
        let (encoding, whole) = (Encoding::Storable, false);
        Body { bytes: bytes.into(), encoding, whole }
    }

    /// A session in another serializer's words.
    pub fn opaque(bytes: impl Into<Bytes>) -> Body {
        let (encoding, whole) = (Encoding::Opaque, false);
        Body { bytes: bytes.into(), encoding, whole }
    }
}

/// A session as it was read, or as it was last saved: what the next save is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The serialized session.
    pub body: Bytes,
    /// By what.
    pub encoding: Encoding,
    /// Which state of the session this is, where it came from.
    pub version: Version,
    /// Where it came from.
    pub origin: Origin,
    /// What is stored under `version`, where that is more than `body`: others' changes that the
    /// caller has not seen.
    pub(crate) stored: Option<Bytes>,
    /// The version of the copy in the local tier.
    pub(crate) local: Option<Version>,
}

impl Loaded {
    /// Unwraps an item; `None` where it is not a session that is there.
    pub(crate) fn from_item(item: Item, origin: Origin, keyring: Keyring<'_>) -> Result<Option<Loaded>, SessionFault> {
        let version = item.version;
        Ok(match envelope::open(item.value, item.flags, keyring)? {
            Opened::Session { body, encoding } => {
                Some(Loaded { body: body.into(), encoding, version, origin, stored: None, local: None })
            }
            Opened::Tombstone | Opened::Other => None,
        })
    }

    /// What is stored: `body`, or, after a save that merged, `body` with the others' changes.
    pub fn stored(&self) -> &Bytes {
        self.stored.as_ref().unwrap_or(&self.body)
    }
}

/// Where a session was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// From `servers`.
    Servers,
    /// From the copy in `local`.
    Local,
}

/// What became of a save.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// Whether, and how, it was stored.
    pub outcome: Outcome,
    /// What to compare the next save with; `None` when it was dropped.
    pub base: Option<Loaded>,
}

/// How a save ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// What was given is stored.
    Stored,
    /// Others had saved in between; their changes and ours are both stored.
    Merged {
        /// The keys whose value is the others', as we had not changed them.
        theirs: Vec<KeyName>,
        /// The keys that both sides had changed; ours are stored.
        ours: Vec<KeyName>,
    },
    /// The session was deleted in between, and stays so.
    Dropped,
}
