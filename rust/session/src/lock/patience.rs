//! When a waiter looks at a lock again, and when it takes its turn.
//!
//! The first in the queue looks after a tenth of a millisecond, and again each time that a quarter of
//! the time has passed for which it has seen this holder, up to 100 ms; so it waits in vain for little
//! of the time that the holder has worked. The others measure how fast the queue moves, and look well
//! before they may be the first. Half of each pause is random.
//!
//! ```text
//! let mut patience = Patience::new();
//! while !patience.is_turn(place, &text) { pause(patience.pause(place, &text), wait)?; … }
//! ```

use std::time::{Duration, Instant};

use super::text::{Text, Token};
use crate::pause::random_part;

/// The first pause, and the longest.
const FIRST: Duration = Duration::from_micros(100);
const LONGEST: Duration = Duration::from_millis(100);

/// How long a place in the queue is taken to last before anything was measured, and at most.
const PACE: Duration = Duration::from_micros(250);
const SLOWEST: Duration = Duration::from_millis(2);

/// A waiter that has not taken its turn for so long is passed over by the next one, and by each
/// further one a little later.
const PASSED_OVER: Duration = Duration::from_millis(500);
const STAGGER: Duration = Duration::from_millis(20);

/// One waiter's.
pub(super) struct Patience {
    /// How long a place in the queue lasts.
    pace: Duration,
    /// The holder and our place, and since when we have seen them.
    seen: Option<(Option<Token>, Option<usize>, Instant)>,
    /// The holder, and since when we have seen it.
    holder: Option<(Option<Token>, Instant)>,
    /// Whose lock could be taken, and since when.
    free: Option<(Option<Token>, Instant)>,
}

impl Patience {
    pub(super) fn new() -> Patience {
        Patience { pace: PACE, seen: None, holder: None, free: None }
    }

    /// How long not to look.
    pub(super) fn pause(&mut self, place: Option<usize>, text: &Text) -> Duration {
        let now = Instant::now();
        let watched = match self.seen {
            Some((token, before, since)) if (token, before) == (text.token, place) => now.duration_since(since),
            seen => {
                if let (Some((_, Some(before), since)), Some(place)) = (seen, place)
                    && place < before
                {
                    let moved = u32::try_from(before - place).unwrap_or(u32::MAX);
                    // A part of what it took: who oversleeps makes the queue slower than it need be, and would
                    // measure that the next time.
                    self.pace = (now.duration_since(since) / moved / 4).min(SLOWEST);
                }
                self.seen = Some((text.token, place, now));
                Duration::ZERO
            }
        };
        let until_first = self.pace.saturating_mul(number(place.unwrap_or(0)));
        let longest = (watched / 4).max(FIRST).max(until_first).min(LONGEST);
        longest / 2 + random_part(longest / 2)
    }

    /// For how long we have seen this holder have the lock.
    pub(super) fn watched(&mut self, text: &Text) -> Duration {
        let since = match self.holder {
            Some((token, since)) if token == text.token => since,
            _ => Instant::now(),
        };
        self.holder = Some((text.token, since));
        since.elapsed()
    }

    /// Whether a lock that can be had is for us to take.
    pub(super) fn is_turn(&mut self, place: Option<usize>, text: &Text) -> bool {
        let since = match self.free {
            Some((token, since)) if token == text.token => since,
            _ => Instant::now(),
        };
        self.free = Some((text.token, since));
        match place {
            None => false,
            Some(0) => true,
            Some(place) => since.elapsed() >= PASSED_OVER + STAGGER.saturating_mul(number(place - 1)),
        }
    }
}

fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held_by(token: u64) -> Text {
        Text { token: Some(Token::from(token)), ..Text::default() }
    }

    /// Sees the same as before, after so long.
    fn still(patience: &mut Patience, after: Duration) {
        if let Some((_, _, since)) = &mut patience.seen {
            *since = Instant::now().checked_sub(after).unwrap();
        }
    }

    #[test]
    fn pauses_grow_until_something_moves() {
        let mut patience = Patience::new();
        assert!(patience.pause(Some(0), &held_by(1)) <= FIRST);
        for (after, expected) in
            [(0, FIRST), (8, Duration::from_millis(2)), (80, Duration::from_millis(20)), (4000, LONGEST)]
        {
            still(&mut patience, Duration::from_millis(after));
            let pause = patience.pause(Some(0), &held_by(1));
            assert!(pause >= expected / 2 && pause <= expected + FIRST, "{pause:?} of {expected:?}");
        }
        assert!(patience.pause(Some(0), &held_by(2)) <= FIRST);
    }

    #[test]
    fn who_stands_far_back_looks_less_often() {
        let mut patience = Patience::new();
        let pause = patience.pause(Some(10), &held_by(1));
        assert!(pause >= PACE * 5 && pause <= PACE * 10, "{pause:?}");
        // The queue moves: five places in 20 ms.
        still(&mut patience, Duration::from_millis(20));
        let pause = patience.pause(Some(5), &held_by(2));
        assert!(pause >= Duration::from_micros(2500) && pause <= Duration::from_micros(5100), "{pause:?}");
        assert!(Patience::new().pause(Some(1000), &held_by(1)) <= LONGEST);
    }

    #[test]
    fn a_holder_is_watched_until_another_has_the_lock() {
        let mut patience = Patience::new();
        patience.watched(&held_by(1));
        let long_ago = Instant::now().checked_sub(Duration::from_secs(3)).unwrap();
        patience.holder = Some((Some(Token::from(1)), long_ago));
        assert!(patience.watched(&held_by(1)) >= Duration::from_secs(3));
        assert!(patience.watched(&held_by(2)) < Duration::from_secs(3));
    }

    #[test]
    fn only_the_first_takes_its_turn_at_once() {
        let mut patience = Patience::new();
        assert!(patience.is_turn(Some(0), &held_by(1)));
        assert!(!patience.is_turn(Some(1), &held_by(1)) && !patience.is_turn(None, &held_by(1)));
        let long_ago = Instant::now().checked_sub(PASSED_OVER + STAGGER).unwrap();
        patience.free = Some((Some(Token::from(1)), long_ago));
        assert!(patience.is_turn(Some(2), &held_by(1)) && !patience.is_turn(Some(20), &held_by(1)));
        assert!(!patience.is_turn(Some(2), &held_by(2)), "another has had it meanwhile");
    }
}
