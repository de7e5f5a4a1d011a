//! [`Base`]: a session as it was last read or written, shared by all that look at it.

use std::ops::Deref;
use std::sync::Arc;

use session::Loaded;

/// What was last read or written. The last one who has it gives its memory back.
#[derive(Clone)]
pub(crate) struct Base(Option<Arc<Loaded>>);

impl Base {
    pub(crate) fn new(loaded: Loaded) -> Base {
        Base(Some(Arc::new(loaded)))
    }
}

impl Deref for Base {
    type Target = Loaded;

    fn deref(&self) -> &Loaded {
        self.0.as_deref().expect("it is there until the drop")
    }
}

impl Drop for Base {
    fn drop(&mut self) {
        if let Some(loaded) = self.0.take().and_then(Arc::into_inner) {
            loaded.recycle();
        }
    }
}
