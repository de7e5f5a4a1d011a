//! Many items at once: [`Client::get_multi`], and [`Client::batch`] for changes.
//!
//! What is asked of all servers travels together, and so do the answers: one round trip for up to [`ROUND_OPS`] operations
//! with up to [`ROUND_BYTES`] of values. More would have both ends write while neither reads, and would have to come
//! through within one `io_timeout`; it is done in further rounds.
//!
//! One server that can't be reached, and one value that can't be stored, take nothing away from the others.

use std::collections::{BTreeMap, BTreeSet};

use super::{Change, Client, Key, Mode, Side, Value, open};
use crate::backend::{Op, Reply, When};
use crate::envelope::{self, GZIP};
use crate::error::{Error, Result};
use crate::expiry::Expiry;
use crate::stats;
use crate::wait::Wait;

/// How many operations travel together.
const ROUND_OPS: usize = 1000;

/// How many bytes of values do, if one value alone is not larger.
const ROUND_BYTES: usize = 4 << 20;

/// One change of a batch. Expiries are those of [`Client::store`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request<'a> {
    /// As [`Client::store`] does.
    Store {
        /// The item.
        key: Key<'a>,
        /// Its bytes.
        value: &'a [u8],
        /// Its client flags, without flag 2.
        flags: u32,
        /// When it expires.
        expiry: i64,
        /// When to store it.
        mode: Mode,
    },
    /// As [`Client::extend`] does.
    Extend {
        /// The item.
        key: Key<'a>,
        /// What is put beside its bytes.
        bytes: &'a [u8],
        /// Where.
        side: Side,
    },
    /// As [`Client::add`] and [`Client::subtract`] do.
    Count {
        /// The item.
        key: Key<'a>,
        /// How much is added to its number, or taken away.
        by: u64,
        /// It is taken away.
        down: bool,
    },
    /// As [`Client::touch`] does.
    Touch {
        /// The item.
        key: Key<'a>,
        /// When it expires from now on.
        expiry: i64,
    },
    /// As [`Client::remove`] does.
    Remove {
        /// The item.
        key: Key<'a>,
    },
}

/// What became of one [`Request`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Of any but a [`Request::Count`] that was carried out.
    Change(Change),
    /// The number that an item now is.
    Number(u64),
}

impl<'a> Request<'a> {
    fn key(&self) -> Key<'a> {
        match *self {
            Request::Store { key, .. }
            | Request::Extend { key, .. }
            | Request::Count { key, .. }
            | Request::Touch { key, .. }
            | Request::Remove { key } => key,
        }
    }

    /// `small` is the value, where it gets compressed.
    fn op<'b>(&self, small: Option<&'b [u8]>) -> Op<'b>
    where
        'a: 'b,
    {
        let key = self.key().item_key();
        match *self {
            Request::Store { value, flags, expiry, mode, .. } => Op::Store {
                key,
                value: small.unwrap_or(value).into(),
                flags: if small.is_some() { flags | GZIP } else { flags },
                expiry: Expiry::from_protocol(expiry),
                when: mode.when(),
            },
            Request::Extend { bytes, side: Side::Front, .. } => Op::Prepend { key, bytes },
            Request::Extend { bytes, side: Side::Back, .. } => Op::Append { key, bytes, after: None },
            Request::Count { by, down, .. } => Op::Count { key, by, down },
            Request::Touch { expiry, .. } => Op::Get { key, body: false, touch: Some(Expiry::from_protocol(expiry)) },
            Request::Remove { .. } => Op::Remove { key },
        }
    }
}

impl Mode {
    pub(super) fn when(self) -> When {
        match self {
            Mode::Set => When::Always,
            Mode::Add => When::Missing,
            Mode::Replace => When::Present,
            Mode::Version(version) => When::Version(version),
        }
    }
}

/// A batch on its way.
struct Batch<'a> {
    keys: &'a [Key<'a>],
    ops: &'a [Op<'a>],
    replies: Vec<Option<Reply>>,
    errors: Vec<Error>,
    /// Each error is told once, however many items it concerns.
    told: BTreeSet<String>,
    /// The parts of the backend that did not answer in time: nothing more is asked of them.
    silent: BTreeSet<usize>,
}

impl Batch<'_> {
    fn fail(&mut self, error: Error) {
        let error = error.of_item();
        if self.told.insert(error.to_string()) {
            stats::count_error(&error);
            self.errors.push(error);
        }
    }
}

impl Client {
    /// Reads items in one round trip: each that was found, in the order of their keys. With `touch`, it also gets that
    /// expiry.
    ///
    /// Where a server fails, the items of the others are read all the same. What went wrong is in the second list, each
    /// fault once; its keys are as if they were missing. Fails as a whole only where it was
    /// [interrupted](Error::is_interrupted).
    pub fn get_multi(
        &mut self,
        keys: &[Key<'_>],
        touch: Option<i64>,
        wait: &mut dyn Wait,
    ) -> Result<(Vec<Option<Value>>, Vec<Error>)> {
        let touch = touch.map(Expiry::from_protocol);
        let ops: Vec<Op<'_>> = keys.iter().map(|key| Op::Get { key: key.item_key(), body: true, touch }).collect();
        let mut batch = self.carry_out(keys, &ops, wait)?;
        let mut values = Vec::with_capacity(keys.len());
        for (&key, reply) in keys.iter().zip(std::mem::take(&mut batch.replies)) {
            let value = reply.and_then(Reply::into_item).map(|item| open(key, item)).transpose();
            values.push(value.unwrap_or_else(|error| {
                batch.fail(error);
                None
            }));
        }
        Ok((values, batch.errors))
    }

    /// Makes changes in one round trip, those of one item in their order. Returns what became of each, `None` where that
    /// is not known; and what went wrong, each fault once.
    ///
    /// They are not one transaction: some may be carried out, and some not. Fails as a whole only where it was
    /// [interrupted](Error::is_interrupted).
    pub fn batch(
        &mut self,
        requests: &[Request<'_>],
        wait: &mut dyn Wait,
    ) -> Result<(Vec<Option<Effect>>, Vec<Error>)> {
        let keys: Vec<Key<'_>> = requests.iter().map(Request::key).collect();
        let small: Vec<Option<Vec<u8>>> = requests
            .iter()
            .map(|request| match request {
                Request::Store { value, .. } => envelope::compress(value, self.compress_threshold),
                _ => None,
            })
            .collect();
        let ops: Vec<Op<'_>> =
            requests.iter().zip(&small).map(|(request, small)| request.op(small.as_deref())).collect();
        let batch = self.carry_out(&keys, &ops, wait)?;
        let outcome = |reply| match reply {
            Reply::Counted(number) => Effect::Number(number),
            reply => Effect::Change(Change::of(reply)),
        };
        let outcomes = batch.replies.into_iter().map(|reply| reply.map(outcome)).collect();
        Ok((outcomes, batch.errors))
    }

    fn carry_out<'a>(&mut self, keys: &'a [Key<'a>], ops: &'a [Op<'a>], wait: &mut dyn Wait) -> Result<Batch<'a>> {
        let replies = ops.iter().map(|_| None).collect();
        let mut batch =
            Batch { keys, ops, replies, errors: Vec::new(), told: BTreeSet::new(), silent: BTreeSet::new() };
        let (mut round, mut bytes) = (Vec::new(), 0);
        for (index, op) in ops.iter().enumerate() {
            if let Err(error) = self.check(batch.keys[index]) {
                batch.fail(error);
                continue;
            }
            let size = op.bytes_written().unwrap_or_default();
            if round.len() == ROUND_OPS || (!round.is_empty() && bytes + size > ROUND_BYTES) {
                self.round(&mut batch, std::mem::take(&mut round), wait)?;
                bytes = 0;
            }
            round.push(index);
            bytes += size;
        }
        self.round(&mut batch, round, wait)?;
        Ok(batch)
    }

    /// Carries out the operations of these indices in one round trip.
    fn round(&mut self, batch: &mut Batch<'_>, mut round: Vec<usize>, wait: &mut dyn Wait) -> Result<()> {
        if !batch.silent.is_empty() {
            round.retain(|&index| !batch.silent.contains(&self.backend.part(batch.ops[index].key())));
        }
        if round.is_empty() {
            return Ok(());
        }
        let ops: Vec<Op<'_>> = round.iter().map(|&index| batch.ops[index]).collect();
        match self.backend.exchange(&ops, wait) {
            Ok(replies) => {
                for (index, reply) in round.into_iter().zip(replies) {
                    match reply {
                        Ok(reply) => batch.replies[index] = Some(reply),
                        Err(error) => self.failed(batch, index, error)?,
                    }
                }
                Ok(())
            }
            Err(error) => self.split(batch, round, error, wait),
        }
    }

    /// One server that can't be reached, or one item that can't be stored, has kept a whole round from being sent: so a
    /// round for each server, or for each item.
    fn split(&mut self, batch: &mut Batch<'_>, round: Vec<usize>, error: Error, wait: &mut dyn Wait) -> Result<()> {
        if error.is_interrupted() {
            return stats::noted(Err(error));
        }
        let mut parts: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for &index in &round {
            parts.entry(self.backend.part(batch.ops[index].key())).or_default().push(index);
        }
        if parts.len() > 1 {
            parts.into_values().try_for_each(|part| self.round(batch, part, wait))
        } else if round.len() > 1 && error.is_of_one_item() {
            round.into_iter().try_for_each(|index| self.round(batch, vec![index], wait))
        } else {
            self.failed(batch, round[0], error)
        }
    }

    fn failed(&self, batch: &mut Batch<'_>, index: usize, error: Error) -> Result<()> {
        if error.is_interrupted() {
            return stats::noted(Err(error));
        }
        if error.is_timeout() {
            batch.silent.insert(self.backend.part(batch.ops[index].key()));
        }
        batch.fail(error);
        Ok(())
    }
}
