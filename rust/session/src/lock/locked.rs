//! What there is to say when a lock could not be had.
//!
//! ```text
//! is locked by process 4711 on web1, for 12 s; waited 30.0 s, while this process has locked 5f0c…
//! ```

use std::fmt;
use std::time::Duration;

use super::held;
use super::text::Holder;
use crate::id::Id;

/// Who has the lock, and what they might be waiting for.
#[derive(Debug)]
pub(crate) struct Locked {
    pub(super) holder: Option<Holder>,
    pub(super) waited: Duration,
    /// What this thread has locked: a likely reason is that each waits for the other.
    pub(super) others: Vec<Id>,
    /// This thread itself has the lock, so there is nothing to wait for.
    pub(super) is_own: bool,
}

impl Locked {
    /// A lock that this thread has.
    pub(super) fn by_us(id: &Id) -> Locked {
        Locked { holder: None, waited: Duration::ZERO, others: held::others(id), is_own: true }
    }
}

impl fmt::Display for Locked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.holder {
            _ if self.is_own => f.write_str("is locked by this very process")?,
            Some(holder) => {
                let (host, pid, age) = (&holder.host, holder.pid, holder.age().as_secs());
                let waited = self.waited.as_secs_f64();
                write!(f, "is locked by process {pid} on {host}, for {age} s; waited {waited:.1} s")?;
            }
            None => write!(f, "is locked; waited {:.1} s", self.waited.as_secs_f64())?,
        }
        for (n, other) in self.others.iter().enumerate() {
            write!(f, "{} {other}", if n == 0 { ", while this process has locked" } else { "," })?;
        }
        Ok(())
    }
}

impl std::error::Error for Locked {}
