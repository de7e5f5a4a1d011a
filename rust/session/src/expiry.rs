//! How long an item lives, and how memcached and the embedded store write that down.
//!
//! Everywhere in this crate an expiry is a number of seconds from now. memcached reads a number
//! above 30 days as a point in time instead, so [`Expiry::to_wire`] turns longer ones into one.
//!
//! ```text
//! never           -> 0
//! 1 s … 30 days   -> the same number
//! longer          -> now + seconds, as a Unix time
//! beyond 2038     -> 0: memcached keeps 31 bits of it, and takes more for a time that is past
//! ```

use std::time::{SystemTime, UNIX_EPOCH};

/// The longest expiry that memcached takes as relative.
const THIRTY_DAYS: u64 = 60 * 60 * 24 * 30;

/// The longest that is told from "at once".
const LONGEST: u64 = u64::MAX - 1;

/// The first number that memcached takes for a time, in 1970.
const LONG_AGO: u32 = THIRTY_DAYS as u32 + 1;

/// Seconds from now, never, or at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expiry(u64);

impl Expiry {
    pub(crate) const NEVER: Expiry = Expiry(0);

    /// At once: what is stored with it is gone.
    const PAST: Expiry = Expiry(u64::MAX);

    /// A fixed number of seconds.
    pub(crate) const fn fixed(seconds: u64) -> Expiry {
        Expiry(seconds)
    }

    /// `None` and 0 both never expire, as in memcached.
    pub(crate) fn seconds(seconds: Option<u64>) -> Expiry {
        Expiry(seconds.unwrap_or(0).min(LONGEST))
    }

    /// As memcached's clients give it: up to 30 days it is seconds from now, above it is a Unix time, and below 0 it is
    /// past.
    pub(crate) fn from_protocol(number: i64) -> Expiry {
        Expiry::from_protocol_at(number, now() / 1000)
    }

    fn from_protocol_at(number: i64, now: u64) -> Expiry {
        match u64::try_from(number) {
            Err(_) => Expiry::PAST,
            Ok(seconds) if seconds <= THIRTY_DAYS => Expiry(seconds),
            Ok(time) if time <= now => Expiry::PAST,
            Ok(time) => Expiry(time - now),
        }
    }

    /// What is left of an item's time: at least a second, as it is still there.
    pub(crate) fn left(seconds: u64) -> Expiry {
        Expiry(seconds.clamp(1, LONGEST))
    }

    /// How many seconds; `None` for never.
    pub(crate) fn in_seconds(self) -> Option<u64> {
        (self.0 != 0).then_some(self.0)
    }

    /// The sooner of two.
    pub(crate) fn sooner(self, other: Expiry) -> Expiry {
        match (self.0, other.0) {
            (0, _) => other,
            (_, 0) => self,
            (own, other) => Expiry(own.min(other)),
        }
    }

    /// Half of it, rounded up.
    pub(crate) fn half(self) -> Expiry {
        Expiry(self.0.div_ceil(2))
    }

    /// The number that memcached is told.
    pub(crate) fn to_wire(self) -> u32 {
        self.to_wire_at(now() / 1000)
    }

    fn to_wire_at(self, now: u64) -> u32 {
        if self == Expiry::PAST {
            return LONG_AGO;
        }
        let wire = if self.0 <= THIRTY_DAYS { self.0 } else { now.saturating_add(self.0) };
        i32::try_from(wire).map_or(0, i32::cast_unsigned)
    }

    /// The Unix time of expiry in milliseconds, 0 for never.
    pub(crate) fn at(self, now: u64) -> u64 {
        match self.0 {
            0 => 0,
            _ if self == Expiry::PAST => now,
            seconds => now.saturating_add(seconds.saturating_mul(1000)),
        }
    }
}

/// Unix time in milliseconds.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_a_time_to_come() {
        for (seconds, left) in [(0, 1), (1, 1), (60, 60), (u64::MAX, LONGEST)] {
            assert_eq!(Expiry::left(seconds), Expiry(left), "{seconds}");
        }
    }

    #[test]
    fn more_than_thirty_days_is_a_point_in_time() {
        const NOW: u64 = 1_700_000_000;
        let cases = [
            (None, 0),
            (Some(0), 0),
            (Some(1), 1),
            (Some(2_592_000), 2_592_000),
            (Some(2_592_001), 1_702_592_001),
            (Some(31_536_000), 1_731_536_000),
            (Some((1 << 31) - 1 - NOW), (1 << 31) - 1),
            (Some((1 << 31) - NOW), 0),
            (Some(u64::MAX), 0),
        ];
        for (seconds, wire) in cases {
            assert_eq!(Expiry::seconds(seconds).to_wire_at(NOW), wire, "{seconds:?}");
        }
    }

    #[test]
    fn what_clients_say_is_relative_or_a_time() {
        const NOW: u64 = 1_700_000_000;
        let cases = [
            (0, Expiry::NEVER),
            (1, Expiry(1)),
            (2_592_000, Expiry(2_592_000)),
            (2_592_001, Expiry::PAST),
            (-1, Expiry::PAST),
            (NOW as i64, Expiry::PAST),
            (NOW as i64 + 7, Expiry(7)),
        ];
        for (number, expiry) in cases {
            assert_eq!(Expiry::from_protocol_at(number, NOW), expiry, "{number}");
        }
        assert_eq!(Expiry::PAST.to_wire_at(NOW), 2_592_001);
        assert_eq!(Expiry::PAST.at(5), 5);
    }

    #[test]
    fn the_sooner_of_two_is_never_only_when_both_are() {
        let seconds = |seconds| Expiry::seconds(Some(seconds));
        for (one, other, sooner) in [(5, 7, 5), (7, 5, 5), (0, 5, 5), (5, 0, 5), (0, 0, 0)] {
            assert_eq!(seconds(one).sooner(seconds(other)), seconds(sooner), "{one} {other}");
        }
        assert_eq!(
            (seconds(5).half(), seconds(1).half(), Expiry::NEVER.half()),
            (seconds(3), seconds(1), Expiry::NEVER)
        );
        assert_eq!(Expiry::left(0), seconds(1));
    }

    #[test]
    fn never_stays_never() {
        assert_eq!(Expiry::NEVER.at(5), 0);
        assert_eq!(Expiry::seconds(Some(3)).at(5), 3005);
        assert_eq!(Expiry::seconds(Some(u64::MAX)).at(5), u64::MAX);
    }
}
