//! What the keys of a batch hold.
//!
//! Batches are asked for one ahead, and the answers read one by one, where they lie: no more is in memory than what has arrived.
//! `u` keeps the server from taking this for a use of the item. Where the connection ends, because the caller took longer over a
//! batch than the server keeps idle connections, or the server was restarted, what was not answered is asked for
//! once more.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::{Duration, Instant};

use super::super::socket::{Deadline, Socket};
use super::super::wire::{self, Found};
use super::Each;
use super::keys::Keys;
use crate::backend::Seen;
use crate::error::{Error, Fault, Result};
use crate::stats::{self, Counter};
use crate::wait::Wait;

/// A batch has as many keys, or as many bytes of commands: less than what the system takes in at both ends, so
/// that nobody waits for the other to read.
const KEYS: usize = 256;
const BYTES: usize = 24 << 10;

/// Room for what a read takes in at once.
const BUFFER: usize = 64 << 10;

/// A buffer that a large value needed is given back.
const LARGE: usize = 1 << 20;

/// The longest first line of an answer.
const LINE: usize = 2 << 10;

pub(super) struct Values<'a> {
    socket: Socket,
    address: &'a str,
    io_timeout: Duration,
    /// What was asked for and not answered, batch by batch.
    asked: VecDeque<Batch>,
    request: Vec<u8>,
    buffer: Vec<u8>,
    /// How much of it was used.
    used: usize,
    token: u32,
    /// Something was answered since the connection was made.
    proven: bool,
}

/// Keys, each with the token of its command, in the order of their answers.
type Batch = VecDeque<(u32, Box<[u8]>)>;

impl<'a> Values<'a> {
    pub(super) fn new(socket: Socket, address: &'a str, io_timeout: Duration) -> Values<'a> {
        Values {
            socket,
            address,
            io_timeout,
            asked: VecDeque::new(),
            request: Vec::new(),
            buffer: Vec::with_capacity(BUFFER),
            used: 0,
            token: 0,
            proven: true,
        }
    }

    /// How many batches were asked for and not given.
    pub(super) fn under_way(&self) -> usize {
        self.asked.len()
    }

    /// Asks for the next batch.
    pub(super) fn ask(&mut self, keys: &mut Keys, wait: &mut dyn Wait) -> Result<()> {
        let mut batch = Batch::with_capacity(KEYS);
        let mut key = Vec::with_capacity(256);
        self.request.clear();
        while batch.len() < KEYS && self.request.len() < BYTES && keys.pop(&mut key)? {
            self.token = self.token.wrapping_add(1);
            wire::encode_look(&key, self.token, &mut self.request);
            batch.push_back((self.token, key.as_slice().into()));
        }
        self.asked.push_back(batch);
        match self.send(wait) {
            // What has become of the connection shows when the answers are read.
            Err(fault) if fault.is_dead_connection() => Ok(()),
            sent => sent.map_err(|fault| self.error(fault)),
        }
    }

    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Gives out the items that have arrived, those of one batch at most and up to a point in time, and counts those that
    /// are not there any more.
    pub(super) fn give(
        &mut self,
        namespace: &[u8],
        gone: &mut u64,
        each: &mut Each<'_>,
        until: Option<Instant>,
        reconnect: impl Fn(&mut dyn Wait) -> Result<Socket>,
        wait: &mut dyn Wait,
    ) -> Result<Went> {
        while let Some((token, _)) = self.asked.front().and_then(VecDeque::front) {
            match self.answer(*token) {
                Ok(None) => return Ok(Went::Dry),
                Ok(Some(answer)) => {
                    self.proven = true;
                    let Some((_, key)) = self.asked.front_mut().and_then(VecDeque::pop_front) else {
                        break;
                    };
                    let Answer::Item(found, value) = answer else {
                        *gone += 1;
                        continue;
                    };
                    let key = key.strip_prefix(namespace).unwrap_or(&key);
                    let Found { flags, version, expiry, .. } = found;
                    let seen = Seen { key, value: &self.buffer[value], flags, version, expiry };
                    if each(seen).is_break() {
                        return Ok(Went::Stopped);
                    }
                    if until.is_some_and(|until| Instant::now() >= until) {
                        return Ok(Went::On);
                    }
                }
                Err(fault) if self.proven && fault.is_dead_connection() => {
                    stats::count(Counter::Retries);
                    self.proven = false;
                    self.socket = reconnect(wait)?;
                    self.buffer.clear();
                    self.used = 0;
                    self.request.clear();
                    for (token, key) in self.asked.iter().flatten() {
                        wire::encode_look(key, *token, &mut self.request);
                    }
                    self.send(wait).map_err(|fault| self.error(fault))?;
                }
                Err(fault) => return Err(self.error(fault)),
            }
        }
        Ok(if self.asked.pop_front().is_some() { Went::On } else { Went::Dry })
    }

    fn send(&self, wait: &mut dyn Wait) -> Result<(), Fault> {
        stats::count(Counter::RoundTrips);
        stats::add(Counter::BytesSent, self.request.len() as u64);
        self.socket.send(&self.request, Deadline::after(self.io_timeout), wait)
    }

    /// The next answer, if it has arrived.
    fn answer(&mut self, token: u32) -> Result<Option<Answer>, Fault> {
        if self.buffer.capacity() > LARGE && self.buffer.len() - self.used < BUFFER {
            self.compact();
            self.buffer.shrink_to(BUFFER);
        }
        let mut searched = 0;
        let length = loop {
            let unread = &self.buffer[self.used..];
            if let Some(end) = unread[searched..].iter().position(|&byte| byte == b'\n') {
                break searched + end;
            }
            searched = unread.len();
            if searched > LINE {
                return Err(wire::out_of_step(unread));
            }
            if !self.fill()? {
                return Ok(None);
            }
        };
        let line = &self.buffer[self.used..self.used + length];
        let Some(found) = wire::decode_look(line.strip_suffix(b"\r").unwrap_or(line), token)? else {
            self.used += length + 1;
            return Ok(Some(Answer::Gone));
        };
        let begin = length + 1;
        while self.buffer.len() - self.used < begin + found.length + 2 {
            if !self.fill()? {
                return Ok(None);
            }
        }
        let value = self.used + begin..self.used + begin + found.length;
        let end = &self.buffer[value.end..value.end + 2];
        if end != b"\r\n" {
            return Err(wire::out_of_step(end));
        }
        self.used = value.end + 2;
        Ok(Some(Answer::Item(found, value)))
    }

    /// Reads what has arrived into the buffer, behind what was not used yet. Returns whether there was anything.
    fn fill(&mut self) -> Result<bool, Fault> {
        if self.buffer.len() == self.buffer.capacity() {
            self.compact();
            // A length alone can't fill the memory: there is never more room than as much again as has come.
            if self.buffer.len() == self.buffer.capacity() {
                self.buffer.reserve_exact(self.buffer.len().max(BUFFER));
            }
        }
        self.socket.now(&mut self.buffer)
    }

    fn compact(&mut self) {
        self.buffer.drain(..self.used);
        self.used = 0;
    }

    fn error(&self, fault: Fault) -> Error {
        Error::server(self.address, fault, false)
    }
}

/// An answer to the look at a key.
enum Answer {
    Item(Found, Range<usize>),
    Gone,
}

/// How giving items went.
pub(super) enum Went {
    /// There may be more at once.
    On,
    /// Nothing more has arrived.
    Dry,
    /// The caller wants no more.
    Stopped,
}
