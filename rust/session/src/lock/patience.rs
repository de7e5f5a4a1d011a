//! When a waiter looks at a lock again, and when it takes its turn.
//!
//! The first in the queue looks after a quarter of a millisecond, then after twice that, up to 100 ms;
//! so it has waited in vain for no longer than the holder has worked. The others measure how fast
//! the queue moves, and look when they may be the first; while nothing moves, they wait twice as
//! long each time, too. Half of each pause is random.
//!
//! ```text
//! let mut patience = Patience::new();
//! while !patience.is_turn(place, &text) { pause(patience.pause(place, &text), wait)?; … }
//! ```

use std::time::{Duration, Instant};

use super::text::{Text, Token};
use crate::pause::random_part;

/// The first pause, and the longest.
const FIRST: Duration = Duration::from_micros(250);
const LONGEST: Duration = Duration::from_millis(100);

/// How long a place in the queue is taken to last, at most, and before anything was measured.
const PACE: Duration = Duration::from_millis(2);

/// A waiter that has not taken its turn for so long is passed over by the next one, and by each
/// further one a little later.
const PASSED_OVER: Duration = Duration::from_millis(500);
const STAGGER: Duration = Duration::from_millis(20);

/// One waiter's.
pub(super) struct Patience {
    /// The pause of the first in the queue.
    pause: Duration,
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
        Patience { pause: FIRST, pace: PACE, seen: None, holder: None, free: None }
    }

    /// How long not to look.
    pub(super) fn pause(&mut self, place: Option<usize>, text: &Text) -> Duration {
        let now = Instant::now();
        match self.seen {
            Some((token, before, _)) if (token, before) == (text.token, place) => {
                self.pause = (self.pause * 2).min(LONGEST);
            }
            seen => {
                if let (Some((_, Some(before), since)), Some(place)) = (seen, place)
                    && place < before
                {
                    let moved = u32::try_from(before - place).unwrap_or(u32::MAX);
                    // Half of what it took: who oversleeps makes the queue slower than it need be.
                    self.pace = (now.duration_since(since) / moved / 2).min(PACE);
                }
                self.pause = FIRST;
                self.seen = Some((text.token, place, now));
            }
        }
        let until_first = self.pace.saturating_mul(number(place.unwrap_or(0)));
        let longest = self.pause.max(until_first).min(LONGEST);
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

    #[test]
    fn pauses_double_until_something_moves() {
        let mut patience = Patience::new();
        let mut expected = FIRST;
        for _ in 0..12 {
            let pause = patience.pause(Some(0), &held_by(1));
            assert!(pause >= expected / 2 && pause <= expected, "{pause:?} of {expected:?}");
            expected = (expected * 2).min(LONGEST);
        }
        assert!(patience.pause(Some(0), &held_by(2)) <= FIRST);
    }

    #[test]
    fn who_stands_far_back_looks_less_often() {
        let mut patience = Patience::new();
        let pause = patience.pause(Some(10), &held_by(1));
        assert!(pause >= PACE * 5 && pause <= PACE * 10, "{pause:?}");
        // The queue moves at once: its pace is faster than it was taken to be.
        assert!(patience.pause(Some(5), &held_by(2)) < PACE * 5);
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
