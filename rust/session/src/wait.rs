//! What happens when a signal cuts a wait short.
//!
//! Connecting, waiting for an answer and pausing between two attempts are interruptible: whenever
//! the system reports `EINTR`, and before each pause, [`Wait::interrupted`] is called, and its answer
//! decides between going on with the time that is left and giving up. No lock and no borrow is held during the
//! call, so the implementation may run code that opens a store of its own; it then gets another
//! connection than the one that is waited for.
//!
//! Reading and writing the embedded store does not wait on the network and does not call it.
//!
//! ```
//! use session::{Interrupted, Wait};
//!
//! /// Gives up at the third signal.
//! struct Impatient(u32);
//!
//! impl Wait for Impatient {
//!     fn interrupted(&mut self) -> Result<(), Interrupted> {
//!         self.0 += 1;
//!         if self.0 < 3 { Ok(()) } else { Err(Interrupted) }
//!     }
//! }
//! ```

/// Decides whether a wait that a signal cut short goes on.
pub trait Wait {
    /// A signal arrived, or, before a pause, may have arrived without anything that it cut short. `Ok` goes on with the
    /// time that is left; `Err` stops: a connection with an answer outstanding is dropped, and the operation fails with
    /// an error that [`is_interrupted`](crate::Error::is_interrupted).
    fn interrupted(&mut self) -> Result<(), Interrupted>;

    /// Requests are on their way, and nothing is left to do until they are answered: time for work that has to be done
    /// anyway. Operations that need no server don't call it, and those that take several round trips do so for each.
    ///
    /// A signal that arrives during that work cuts nothing short. So whoever works here looks for signals at its end,
    /// and its answer is taken as that of [`interrupted`](Wait::interrupted).
    fn sent(&mut self) -> Result<(), Interrupted> {
        Ok(())
    }
}

/// The operation is to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interrupted;

/// Goes on after every signal, until the time is up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NoWait;

impl Wait for NoWait {
    fn interrupted(&mut self) -> Result<(), Interrupted> {
        Ok(())
    }
}
