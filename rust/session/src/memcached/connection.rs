//! One connection to one server: requests out, answers in, framed exactly.
//!
//! The connection remembers what it learnt of its server: that sessions can be kept on it ([`probe`]), for which it is asked
//! in front of the first request, or ahead of it where that has values in it (another server would take them for commands);
//! and the largest item it takes, which is asked for before the first value of some size.
//!
//! A connection on which anything failed is not used again: its owner drops it. The same goes for
//! one on which bytes are left over when every answer has been read.

mod text;

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::probe::{PROBE, decode_meta, decode_version};
use super::request::Request;
use super::socket::{Deadline, Socket};
use super::wire::{self, Setting};
use crate::backend::{ANY_CONNECTION, Op, Reply, Version};
use crate::error::Fault;
use crate::spare::{Buffer, give_buffer, take_buffer, take_value_buffer};
use crate::stats::{self, Counter};
use crate::wait::Wait;

/// Room for what a read takes in at once, until longer values have been seen.
const BUFFER: usize = 16 << 10;

/// The most room for that. Longer values are read straight into their own memory.
const LARGEST_BUFFER: usize = 256 << 10;

/// The longest first line of an answer: a key, and a few flags.
const LINE: usize = 2 << 10;

/// As long as nearly all of them are.
const FEW: usize = 128;

/// A value of this length is not copied out of the buffer.
const LONG: usize = 4 << 10;

/// How much memory a value gets ahead of its bytes, so that a length alone can't fill the memory.
const AHEAD: usize = 1 << 20;

/// A value up to this size is sent without asking for the largest item. memcached's own least is
/// far above.
const ASK_ABOVE: usize = 16 << 10;

/// How many connections there have been.
static OPENED: AtomicU64 = AtomicU64::new(0);

/// A connection, and what is known about the server at its other end.
#[derive(Debug)]
pub(super) struct Connection {
    socket: Socket,
    /// What its versions bear.
    serial: u64,
    /// Bytes that were read.
    buffer: Vec<u8>,
    /// How many of them were used.
    used: usize,
    /// How much room the next values want there.
    expected: usize,
    /// The token of the last command.
    token: u32,
    probe: Probe,
    item_size_max: Option<u64>,
    /// An answer, or a part of one, arrived since the last `send`.
    answered: bool,
}

/// How far it is known whether sessions can be kept on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Probe {
    /// It has not been asked.
    Ahead,
    /// It has, or will be with what is sent next.
    Asked,
    /// It has given the right answer.
    Passed,
}

impl Connection {
    pub(super) fn open(address: &str, timeout: Duration, wait: &mut dyn Wait) -> Result<Connection, Fault> {
        let socket = Socket::connect(address, timeout, wait)?;
        stats::count(Counter::Connections);
        Ok(Connection {
            socket,
            serial: OPENED.fetch_add(1, Ordering::Relaxed) + 1,
            buffer: Vec::new(),
            used: 0,
            expected: BUFFER,
            token: 0,
            probe: Probe::Ahead,
            item_size_max: None,
            answered: false,
        })
    }

    /// Whether a kept connection can be used: still open, and nothing lies unread on it.
    pub(super) fn is_usable(&self) -> bool {
        self.is_drained() && self.socket.is_quiet()
    }

    /// Whether every byte that arrived was part of an answer.
    pub(super) fn is_drained(&self) -> bool {
        self.used == self.buffer.len()
    }

    /// Whether this connection gave the version, or nobody says which did.
    pub(super) fn has_given(&self, version: Version) -> bool {
        version.connection == self.serial || version.connection == ANY_CONNECTION
    }

    /// Whether anything arrived since the last `send`.
    pub(super) fn has_answered(&self) -> bool {
        self.answered
    }

    /// The largest item that the server is known to take; without limit where it doesn't say.
    pub(super) fn item_size_max(&self) -> Option<u64> {
        self.item_size_max
    }

    /// Learns what has to be known before these operations are sent.
    pub(super) fn prepare<'a>(
        &mut self,
        ops: impl Iterator<Item = &'a Op<'a>>,
        deadline: Deadline,
        wait: &mut dyn Wait,
    ) -> Result<(), Fault> {
        let largest = ops.filter(|op| !op.key().is_beside()).filter_map(Op::bytes_written).max();
        let Some(largest) = largest else {
            return Ok(());
        };
        if self.probe == Probe::Ahead {
            self.probe(deadline, wait)?;
        }
        if largest > ASK_ABOVE && self.item_size_max.is_none() {
            self.send(wire::SETTINGS, deadline, wait)?;
            loop {
                let line = self.line(deadline, wait)?;
                let line = &self.buffer[line];
                match wire::setting(line)? {
                    Setting::ItemSizeMax(size) => self.item_size_max = Some(size),
                    Setting::Other => {}
                    Setting::End => break,
                }
            }
            self.item_size_max.get_or_insert(u64::MAX);
        }
        Ok(())
    }

    /// Asks whether sessions can be kept on the server, and waits for the answer.
    pub(super) fn probe(&mut self, deadline: Deadline, wait: &mut dyn Wait) -> Result<(), Fault> {
        self.probe = Probe::Asked;
        self.send(PROBE, deadline, wait)?;
        self.read_probe(deadline, wait)
    }

    /// Begins a request with that question, where it was not asked yet.
    pub(super) fn begin_with_probe(&mut self, request: &mut Request<'_>) {
        if self.probe == Probe::Ahead {
            self.probe = Probe::Asked;
            request.bytes().extend_from_slice(PROBE);
        }
    }

    /// Reads the answer, where it is the next one.
    pub(super) fn read_probe(&mut self, deadline: Deadline, wait: &mut dyn Wait) -> Result<(), Fault> {
        if self.probe != Probe::Asked {
            return Ok(());
        }
        for decode in [decode_version, decode_meta] {
            let line = self.line(deadline, wait).map_err(|fault| match fault {
                Fault::Closed => Fault::HungUp,
                Fault::Io(error) if error.kind() == io::ErrorKind::ConnectionReset => Fault::HungUp,
                Fault::OutOfStep(words) => Fault::NoMemcached(words),
                fault => fault,
            })?;
            decode(&self.buffer[line])?;
        }
        self.probe = Probe::Passed;
        Ok(())
    }

    /// Gives as many commands their tokens, which follow each other: the first one.
    pub(super) fn take_tokens(&mut self, count: usize) -> u32 {
        let first = self.token.wrapping_add(1);
        self.token = self.token.wrapping_add(count as u32);
        first
    }

    /// Sends one command. Nothing may be left of the answers to earlier ones.
    pub(super) fn send(&mut self, command: &[u8], deadline: Deadline, wait: &mut dyn Wait) -> Result<(), Fault> {
        self.begin(command.len())?;
        self.socket.send(command, deadline, wait)
    }

    /// Sends a batch of them.
    pub(super) fn send_request(
        &mut self,
        request: &Request<'_>,
        deadline: Deadline,
        wait: &mut dyn Wait,
    ) -> Result<(), Fault> {
        self.begin(request.len())?;
        match request.as_one() {
            Some(bytes) => self.socket.send(bytes, deadline, wait),
            None => self.socket.send_all(&request.pieces(), deadline, wait),
        }
    }

    /// An exchange begins, with as many bytes to send.
    fn begin(&mut self, len: usize) -> Result<(), Fault> {
        if !self.is_drained() {
            return Err(wire::out_of_step(&self.buffer[self.used..]));
        }
        self.buffer.clear();
        self.used = 0;
        self.answered = false;
        if self.buffer.capacity() < self.expected {
            give_buffer(std::mem::replace(&mut self.buffer, take_buffer(self.expected)));
        }
        stats::count(Counter::RoundTrips);
        stats::add(Counter::BytesSent, len as u64);
        Ok(())
    }

    /// Reads the answer to a command.
    pub(super) fn answer(
        &mut self,
        op: &Op<'_>,
        token: u32,
        deadline: Deadline,
        wait: &mut dyn Wait,
    ) -> Result<Reply, Fault> {
        let line = self.line(deadline, wait)?;
        // Room for the value moves the buffer: the line is small, and kept aside.
        let length = wire::value_length(&self.buffer[line.clone()])?;
        let reply = match length {
            None => wire::decode(op, token, &self.buffer[line], None)?,
            Some(length) => {
                let mut few = [0; FEW];
                let mut many = Vec::new();
                let line = match few.get_mut(..line.len()) {
                    Some(few) => {
                        few.copy_from_slice(&self.buffer[line]);
                        &*few
                    }
                    None => {
                        many.extend_from_slice(&self.buffer[line]);
                        &*many
                    }
                };
                let value = self.value(length, deadline, wait)?;
                wire::decode(op, token, line, Some(value))?
            }
        };
        Ok(reply.given_on(self.serial))
    }

    /// The next line, without its end: where it lies in the buffer.
    fn line(&mut self, deadline: Deadline, wait: &mut dyn Wait) -> Result<std::ops::Range<usize>, Fault> {
        let mut searched = self.used;
        loop {
            if let Some(found) = self.buffer[searched..].windows(2).position(|end| end == b"\r\n") {
                let line = self.used..searched + found;
                self.used = line.end + 2;
                return Ok(line);
            }
            if self.buffer.len() - self.used > LINE {
                return Err(wire::out_of_step(&self.buffer[self.used..]));
            }
            searched = self.buffer.len().saturating_sub(1).max(self.used);
            if self.buffer.capacity() == self.buffer.len() {
                self.buffer.drain(..self.used);
                searched -= self.used;
                self.used = 0;
            }
            self.fill(deadline, wait)?;
        }
    }

    /// A value and the line end after it.
    fn value(&mut self, length: usize, deadline: Deadline, wait: &mut dyn Wait) -> Result<Buffer, Fault> {
        let whole = length + 2;
        if length >= LONG {
            if self.is_worth(whole) {
                return self.long_value(length, deadline, wait);
            }
            self.expected = (whole + whole / 8 + LINE).clamp(self.expected, LARGEST_BUFFER);
        }
        let here = whole.min(self.buffer.len() - self.used);
        let mut value = take_value_buffer(whole.min(AHEAD.max(here)));
        value.extend_from_slice(&self.buffer[self.used..self.used + here]);
        self.used += here;
        while value.len() < whole {
            if value.capacity() == value.len() {
                value.reserve_exact((whole - value.len()).min(value.len().max(AHEAD)));
            }
            self.socket.more(&mut value, deadline, wait)?;
        }
        // What came after the value belongs to the next answer.
        if value.len() > whole {
            self.buffer.clear();
            self.buffer.extend_from_slice(&value[whole..]);
            self.used = 0;
        }
        if value[length..whole] != *b"\r\n" {
            return Err(wire::out_of_step(&value[length..whole]));
        }
        value.truncate(length);
        Ok(value.into())
    }

    /// Whether the buffer can be given away for so many bytes of it: they have room there, and fill enough of it, and less
    /// is to be copied than if they were.
    fn is_worth(&self, whole: usize) -> bool {
        let after = (self.buffer.len() - self.used).saturating_sub(whole);
        let room = self.buffer.capacity();
        whole <= room - self.used && room <= whole.saturating_mul(4) && after <= whole
    }

    /// A value that gets the buffer, so that it need not be copied.
    fn long_value(&mut self, length: usize, deadline: Deadline, wait: &mut dyn Wait) -> Result<Buffer, Fault> {
        let (start, end) = (self.used, self.used + length);
        while self.buffer.len() < end + 2 {
            self.fill(deadline, wait)?;
        }
        if self.buffer[end..end + 2] != *b"\r\n" {
            return Err(wire::out_of_step(&self.buffer[end..end + 2]));
        }
        let mut rest = take_buffer(self.buffer.len() - (end + 2));
        rest.extend_from_slice(&self.buffer[end + 2..]);
        let mut memory = std::mem::replace(&mut self.buffer, rest);
        self.used = 0;
        memory.truncate(end);
        Ok(Buffer::behind(memory, start))
    }

    /// Reads what there is into the buffer.
    fn fill(&mut self, deadline: Deadline, wait: &mut dyn Wait) -> Result<(), Fault> {
        if self.answered {
            return self.socket.more(&mut self.buffer, deadline, wait);
        }
        self.socket.first(&mut self.buffer, deadline, wait)?;
        self.answered = true;
        Ok(())
    }
}
