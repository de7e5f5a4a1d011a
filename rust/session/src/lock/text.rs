//! What stands in a lock's item: one line about the holder, then one for each thing that happened.
//!
//! ```text
//! host=web1 pid=4711 since=1763685000123 ttl=60 token=5f0c6b1e00a2d3f4
//! +00112233445566aa                                        this one waits
//! +00112233445566bb
//! -00112233445566aa                                        and does no more
//! -5f0c6b1e00a2d3f4                                        the holder is done
//! ```
//!
//! `since` is the holder's time in milliseconds, from before it asked for the lock.
//!
//! Lines are only ever appended, which memcached does in one step; the whole is rewritten when the
//! lock gets a new holder. A line that means nothing is passed over, so that a later release may
//! add to this.

use std::fmt;
use std::sync::LazyLock;
use std::time::Duration;

use crate::error::{Kind, Result};
use crate::expiry::now;

/// What a holder or a waiter is called: a random number, used for one attempt to get one lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token(u64);

impl Token {
    pub(crate) fn generate() -> Result<Token> {
        Ok(Token(getrandom::u64().map_err(Kind::Random)?))
    }

    fn parse(hex: &str) -> Option<Token> {
        u64::from_str_radix(hex, 16).ok().map(Token)
    }

    /// The line that enters the queue.
    pub(super) fn waits(self) -> String {
        format!("+{self}\n")
    }

    /// The line that leaves it, or the lock.
    pub(super) fn is_done(self) -> String {
        format!("-{self}\n")
    }
}

impl From<u64> for Token {
    fn from(number: u64) -> Token {
        Token(number)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Who has a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) host: String,
    pub(crate) pid: u32,
    /// Since when, by its clock: the Unix time in milliseconds.
    pub(crate) since: u64,
    /// For how long, in seconds, it takes the lock.
    pub(crate) ttl: u64,
}

impl Holder {
    /// For how long it has had the lock, where its clock and ours agree.
    pub(super) fn age(&self) -> Duration {
        Duration::from_millis(now().saturating_sub(self.since))
    }

    pub(super) fn ttl(&self) -> Duration {
        Duration::from_secs(self.ttl)
    }
}

/// A lock's item, read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Text {
    /// `None` where the item says nothing that we understand.
    pub(super) holder: Option<Holder>,
    pub(super) token: Option<Token>,
    /// The holder is done.
    pub(super) is_free: bool,
    /// Who waits, in the order in which they came.
    pub(super) queue: Vec<Token>,
}

impl Text {
    pub(super) fn parse(value: &[u8]) -> Text {
        let value = String::from_utf8_lossy(value);
        let mut lines = value.lines();
        let mut text = Text::default();
        if let Some((holder, token)) = lines.next().and_then(parse_holder) {
            (text.holder, text.token) = (Some(holder), Some(token));
        }
        for line in lines {
            let token = line.get(1..).and_then(Token::parse);
            match (line.as_bytes().first(), token) {
                (Some(b'+'), Some(token)) if !text.queue.contains(&token) => text.queue.push(token),
                (Some(b'-'), Some(token)) => {
                    text.is_free |= text.token == Some(token);
                    text.queue.retain(|waiting| *waiting != token);
                }
                _ => {}
            }
        }
        text
    }

    /// The place of a waiter in the queue; the first is 0.
    pub(super) fn place(&self, token: Token) -> Option<usize> {
        self.queue.iter().position(|waiting| *waiting == token)
    }

    /// What the item is to say when a waiter gets the lock: those before it did not take their turn.
    pub(super) fn taken_by(&self, token: Token, ttl: u64) -> String {
        let behind = self.place(token).map_or(0, |place| place + 1);
        let mut text = holder_line(token, ttl);
        text.extend(self.queue[behind..].iter().map(|waiting| waiting.waits()));
        text
    }
}

/// What the item says when this process has just taken the lock.
pub(super) fn holder_line(token: Token, ttl: u64) -> String {
    static HOST: LazyLock<String> =
        LazyLock::new(|| rustix::system::uname().nodename().to_string_lossy().replace(char::is_whitespace, "_"));
    let host = &*HOST;
    let pid = std::process::id();
    let since = now();
    format!("host={host} pid={pid} since={since} ttl={ttl} token={token}\n")
}

fn parse_holder(line: &str) -> Option<(Holder, Token)> {
    let field = |name: &str| {
        line.split(' ').filter_map(|field| field.split_once('=')).find(|field| field.0 == name).map(|field| field.1)
    };
    let holder = Holder {
        host: field("host")?.to_owned(),
        pid: field("pid")?.parse().ok()?,
        since: field("since")?.parse().ok()?,
        ttl: field("ttl")?.parse().ok()?,
    };
    Some((holder, field("token").and_then(Token::parse)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Token = Token(0xa);
    const B: Token = Token(0xb);
    const C: Token = Token(0xc);

    fn text(parts: &[String]) -> Text {
        Text::parse(parts.concat().as_bytes())
    }

    #[test]
    fn the_holder_is_told() {
        let text = Text::parse(holder_line(A, 60).as_bytes());
        let holder = text.holder.unwrap();
        assert_eq!((holder.pid, holder.ttl, text.token), (std::process::id(), 60, Some(A)));
        assert!(holder.age() < Duration::from_secs(1) && holder.ttl() == Duration::from_secs(60));
        assert!(!holder.host.is_empty() && !text.is_free && text.queue.is_empty());
    }

    #[test]
    fn the_queue_is_in_the_order_of_its_lines() {
        let text = text(&[holder_line(A, 60), B.waits(), C.waits(), B.waits(), B.is_done(), B.waits()]);
        assert_eq!(text.queue, [C, B]);
        assert_eq!((text.place(C), text.place(B), text.place(A)), (Some(0), Some(1), None));
        assert!(!text.is_free);
    }

    #[test]
    fn only_the_holder_frees_the_lock() {
        assert!(!text(&[holder_line(A, 60), B.is_done()]).is_free);
        assert!(text(&[holder_line(A, 60), B.waits(), A.is_done()]).is_free);
    }

    #[test]
    fn who_takes_it_leaves_those_behind_in_the_queue() {
        let before = text(&[holder_line(Token(1), 60), A.waits(), B.waits(), C.waits()]);
        let after = Text::parse(before.taken_by(B, 30).as_bytes());
        assert_eq!((after.token, after.queue), (Some(B), vec![C]));
    }

    #[test]
    fn what_is_not_understood_is_passed_over() {
        for value in [&b""[..], b"\xff\xfe", b"busy", b"host=x pid=y since=1 ttl=1 token=0\n", b"\n\n+\n-\n+xyz\n"] {
            let text = Text::parse(value);
            assert_eq!((text.holder, text.is_free, text.queue), (None, false, vec![]), "{value:?}");
        }
    }
}
