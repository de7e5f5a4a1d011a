//! Waiting without anything to wait for, and the randomness that keeps many from doing it in step.
//!
//! ```text
//! pause(random_part(Duration::from_millis(8)), wait)?;
//! ```

use std::time::{Duration, Instant};

use rustix::event::{Timespec, poll};

use crate::error::{Kind, Result};
use crate::wait::Wait;

/// Waits for a time. A signal may stop it, also one that came just before.
pub(crate) fn pause(time: Duration, wait: &mut dyn Wait) -> Result<()> {
    wait.interrupted().map_err(|_| Kind::Interrupted)?;
    let end = Instant::now() + time;
    while poll(&mut [], Some(&timespec(end.saturating_duration_since(Instant::now())))).is_err() {
        wait.interrupted().map_err(|_| Kind::Interrupted)?;
    }
    Ok(())
}

/// A random part of a time. Nothing depends on its quality: without randomness it is none of it.
pub(crate) fn random_part(of: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(0);
    of.mul_f64(f64::from(random) / f64::from(u32::MAX))
}

/// A time as the system takes it.
pub(crate) fn timespec(time: Duration) -> Timespec {
    Timespec { tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX), tv_nsec: i64::from(time.subsec_nanos()) }
}
