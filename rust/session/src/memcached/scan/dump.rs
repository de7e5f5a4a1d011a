//! The list of a server's keys.
//!
//! ```text
//! lru_crawler metadump hash\r\n  ->  key=a%20b exp=1700000000 la=… cas=… fetch=no cls=1 size=96\n … END\r\n
//! ```
//!
//! `hash` walks the table in which the server finds items, and comes by each of them once. `all`, which servers know that are too
//! old for that, walks its queues, and misses what is in use or changes its place at that moment.
//! A server lists to one connection at a time, and tells others that it is `BUSY`. From 1.6.43 on, it says `OK` before the first
//! key.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use super::super::socket::{Deadline, Socket};
use super::super::wire::{out_of_step, printable};
use crate::error::{Error, Fault, Result};
use crate::pause::{pause, random_part};
use crate::wait::Wait;

/// The longest line: a key of 250 bytes, each of which may take three, and what is said about it.
const LINE: usize = 4 << 10;

/// Room for what a read takes in at once.
const BUFFER: usize = 64 << 10;

/// What a server's statistics say while its crawler is at work.
const CRAWLING: &[u8] = b"STAT lru_crawler_running 1\r\n";

/// How many times as long as an answer the next piece of the list may take: the server may come by many items of which
/// it lists none, and listing is not what it does first.
const PATIENCE: u32 = 10;

/// The first pause of one who has to wait for their turn, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(4);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

pub(super) struct Dump<'a> {
    socket: Socket,
    address: &'a str,
    patience: Duration,
    buffer: Vec<u8>,
    approximate: bool,
    over: bool,
    /// Kept until the list is complete.
    turn: Option<Turn>,
}

impl<'a> Dump<'a> {
    /// Has a server begin its list, as soon as it has no other under way.
    pub(super) fn begin(
        socket: Socket,
        address: &'a str,
        io_timeout: Duration,
        turn: Duration,
        wait: &mut dyn Wait,
    ) -> Result<Dump<'a>> {
        let patience = io_timeout.saturating_mul(PATIENCE);
        let buffer = Vec::with_capacity(BUFFER);
        let mut dump = Dump { socket, address, patience, buffer, approximate: false, over: false, turn: None };
        dump.turn = Some(Turn::take(address).ok_or_else(|| dump.error(Fault::Nested))?);
        let begun = Instant::now();
        let mut longest = FIRST_PAUSE;
        loop {
            let answer = match dump.is_crawling(wait) {
                Ok(true) => Ok(Answer::Busy),
                Ok(false) => dump.ask(wait),
                Err(fault) => Err(fault),
            };
            match answer.map_err(|fault| dump.error(fault))? {
                Answer::Begins => return Ok(dump),
                Answer::Unknown if !dump.approximate => dump.approximate = true,
                Answer::Unknown => return Err(dump.error(Fault::NoDump("it knows no way to".to_owned()))),
                Answer::Busy => {
                    let left = turn.saturating_sub(begun.elapsed());
                    if left.is_zero() {
                        return Err(dump.error(Fault::Busy(turn)));
                    }
                    pause((longest / 2 + random_part(longest / 2)).min(left), wait)?;
                    longest = (longest * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// Whether the server's crawler is at work. A server that is asked for a list while it sends another may hold up its
    /// answer, and with it whatever else the same thread of it has to do, until it is through.
    fn is_crawling(&mut self, wait: &mut dyn Wait) -> Result<bool, Fault> {
        self.buffer.clear();
        self.socket.send(b"stats\r\n", Deadline::after(self.patience), wait)?;
        loop {
            let whole = self.buffer.ends_with(b"\r\n");
            let last = self.buffer.split(|&byte| byte == b'\n').rev().nth(1).unwrap_or_default();
            if whole && !last.starts_with(b"STAT ") {
                return Ok(self.buffer.windows(CRAWLING.len()).any(|window| window == CRAWLING));
            }
            if self.buffer.len() >= BUFFER / 2 {
                return Err(out_of_step(&self.buffer));
            }
            self.socket.more(&mut self.buffer, Deadline::after(self.patience), wait)?;
        }
    }

    fn ask(&mut self, wait: &mut dyn Wait) -> Result<Answer, Fault> {
        let command: &[u8] =
            if self.approximate { b"lru_crawler metadump all\r\n" } else { b"lru_crawler metadump hash\r\n" };
        self.buffer.clear();
        self.socket.send(command, Deadline::after(self.patience), wait)?;
        let end = loop {
            if let Some(end) = self.buffer.iter().position(|&byte| byte == b'\n') {
                break end;
            }
            if self.buffer.len() > LINE {
                return Err(out_of_step(&self.buffer));
            }
            self.socket.more(&mut self.buffer, Deadline::after(self.patience), wait)?;
        };
        let line = &self.buffer[..end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line == b"OK" {
            self.buffer.drain(..=end);
            Ok(Answer::Begins)
        } else if line.starts_with(b"key=") || line == b"END" {
            Ok(Answer::Begins)
        } else if line.starts_with(b"BUSY") {
            Ok(Answer::Busy)
        } else if line.starts_with(b"BADCLASS") {
            Ok(Answer::Unknown)
        } else if [&b"ERROR"[..], b"CLIENT_ERROR", b"SERVER_ERROR"].iter().any(|word| line.starts_with(word)) {
            Err(Fault::NoDump(printable(&String::from_utf8_lossy(line))))
        } else {
            Err(out_of_step(line))
        }
    }

    /// The server does not list all that it has for certain.
    pub(super) fn is_approximate(&self) -> bool {
        self.approximate
    }

    /// The list is complete.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// How long the next piece may take.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    /// Takes in what has arrived, up to a number of bytes and what comes with them. Returns whether there was anything.
    pub(super) fn take_in(&mut self, most: usize, mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<bool> {
        // What came with the first line is there already.
        let mut taken = self.lines(&mut each)?;
        while !self.over && taken < most {
            let before = self.buffer.len();
            if !self.socket.now(&mut self.buffer).map_err(|fault| self.error(fault))? {
                break;
            }
            taken += self.buffer.len() - before;
            self.lines(&mut each)?;
        }
        if self.over {
            self.turn = None;
        }
        Ok(taken > 0)
    }

    /// Takes the complete lines out of the buffer. Returns how long they were.
    fn lines(&mut self, each: &mut impl FnMut(&[u8]) -> Result<()>) -> Result<usize> {
        let mut key = Vec::with_capacity(256);
        let mut begin = 0;
        while !self.over
            && let Some(length) = self.buffer[begin..].iter().position(|&byte| byte == b'\n')
        {
            let line = &self.buffer[begin..begin + length];
            begin += length + 1;
            if line.strip_suffix(b"\r").unwrap_or(line) == b"END" {
                self.over = true;
                continue;
            }
            decode(line, &mut key).map_err(|fault| self.error(fault))?;
            each(&key)?;
        }
        let rest = self.buffer.len() - begin;
        if self.over && rest > 0 || rest > LINE {
            return Err(self.error(out_of_step(&self.buffer[begin..])));
        }
        self.buffer.copy_within(begin.., 0);
        self.buffer.truncate(rest);
        Ok(begin)
    }

    fn error(&self, fault: Fault) -> Error {
        Error::server(self.address, fault, false)
    }
}

thread_local! {
    /// The addresses whose lists this thread is reading.
    static LISTED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// That this thread reads the list of a server. To wait for another's end would be to wait for itself.
struct Turn(String);

impl Turn {
    fn take(address: &str) -> Option<Turn> {
        LISTED.with_borrow_mut(|listed| {
            let free = listed.iter().all(|other| other != address);
            free.then(|| {
                listed.push(address.to_owned());
                Turn(address.to_owned())
            })
        })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // At the end of a thread there is nobody to tell.
        let _ = LISTED.try_with(|listed| listed.borrow_mut().retain(|other| *other != self.0));
    }
}

/// What a server says to being asked for its list.
enum Answer {
    Begins,
    Busy,
    Unknown,
}

/// The key of a line, in which all but letters, digits and a few signs are written as `%` and two hex digits.
fn decode(line: &[u8], key: &mut Vec<u8>) -> Result<(), Fault> {
    key.clear();
    let told = || out_of_step(line);
    let mut rest = line.strip_prefix(b"key=").ok_or_else(told)?;
    while let [byte, after @ ..] = rest {
        rest = match (byte, after) {
            (b' ', _) => break,
            (b'%', [high, low, after @ ..]) => {
                let digit = |digit: &u8| char::from(*digit).to_digit(16).ok_or_else(told);
                key.push((digit(high)? << 4 | digit(low)?) as u8);
                after
            }
            (b'%', _) => return Err(told()),
            (byte, after) => {
                key.push(*byte);
                after
            }
        };
    }
    if key.is_empty() { Err(told()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_out_of_their_lines() {
        let mut key = Vec::new();
        for (line, expected) in [
            ("key=abc exp=-1 la=1 cas=2 fetch=no cls=1 size=64", &b"abc"[..]),
            ("key=ns%3Aabc exp=5", b"ns:abc"),
            ("key=%25%c3%A9 exp=5", b"%\xc3\xa9"),
            ("key=a", b"a"),
        ] {
            decode(line.as_bytes(), &mut key).unwrap();
            assert_eq!(key, expected, "{line}");
        }
        for line in ["", "key=", "key= exp=5", "exp=5 key=a", "key=%", "key=%4", "key=%4x exp=5", "END", "\u{0}"] {
            assert!(matches!(decode(line.as_bytes(), &mut key), Err(Fault::OutOfStep(_))), "{line}");
        }
    }
}
