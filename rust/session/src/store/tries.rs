//! How often something is tried again because other requests were faster.
//!
//! Each try has its chance, so the bound is one of time: the tries go on for as long as an exchange
//! with a server may take, and there are at least 16 of them, however slow they are. The second goes
//! at once, as most often nobody else is left; a random pause comes before each further one.
//!
//! A server that closes the connection between each reading and the writing after it is soon given up.
//!
//! ```text
//! let mut tries = Tries::new(config.io_timeout);
//! loop { … try it …;  tries.again(id, wait)?; }
//! ```

use std::time::{Duration, Instant};

use crate::error::{Error, Result, SessionFault};
use crate::id::Id;
use crate::pause::{pause, random_part};
use crate::wait::Wait;

/// How many there are at least.
const TRIES: u32 = 16;

/// How many of them may fail because the connection was lost.
const CUT: u32 = 3;

/// The first pause is a random part of this, the longest of 32 times as much.
const PAUSE: Duration = Duration::from_micros(500);
const DOUBLINGS: u32 = 5;

/// The tries of one operation.
pub(super) struct Tries {
    made: u32,
    cut: u32,
    since: Instant,
    longest: Duration,
}

impl Tries {
    /// The first try begins.
    pub(super) fn new(longest: Duration) -> Tries {
        Tries { made: 1, cut: 0, since: Instant::now(), longest }
    }

    /// The last one failed because the connection was lost.
    pub(super) fn cut(&mut self, because: Error) -> Result<()> {
        self.cut += 1;
        if self.cut > CUT { Err(because) } else { Ok(()) }
    }

    /// The next one begins; fails where there were enough.
    pub(super) fn again(&mut self, id: &Id, wait: &mut dyn Wait) -> Result<()> {
        if self.made >= TRIES && self.since.elapsed() >= self.longest {
            return Err(Error::session(id, SessionFault::Contended(self.made)));
        }
        if let Some(later) = self.made.checked_sub(2) {
            pause(random_part(PAUSE * (1 << later.min(DOUBLINGS))), wait)?;
        }
        self.made += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Fault;
    use crate::wait::NoWait;

    #[test]
    fn there_are_enough_however_slow_they_are() {
        let id = Id::parse(b"a").unwrap();
        let mut tries = Tries::new(Duration::ZERO);
        for _ in 1..TRIES {
            tries.again(&id, &mut NoWait).unwrap();
        }
        let error = tries.again(&id, &mut NoWait).unwrap_err();
        assert!(error.is_conflict());
        assert_eq!(error.to_string(), "session a: other requests saved it before us 16 times in a row");
    }

    #[test]
    fn a_server_that_closes_the_connection_each_time_is_given_up() {
        let mut tries = Tries::new(Duration::from_secs(3600));
        let mut cut = || tries.cut(Error::server("localhost:11211", Fault::Closed, false));
        for _ in 0..CUT {
            cut().unwrap();
        }
        let error = cut().unwrap_err();
        assert_eq!(error.to_string(), "memcached localhost:11211: closed the connection");
    }

    #[test]
    fn they_go_on_while_there_is_time() {
        let id = Id::parse(b"a").unwrap();
        let mut tries = Tries::new(Duration::from_secs(3600));
        tries.made = 1000;
        tries.again(&id, &mut NoWait).unwrap();
        tries.since = Instant::now().checked_sub(Duration::from_secs(3601)).unwrap();
        assert!(tries.again(&id, &mut NoWait).is_err());
    }
}
