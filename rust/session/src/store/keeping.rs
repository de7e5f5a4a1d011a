//! Sessions as they lie in their store: to look at with all that belongs to them, and to put back from elsewhere.
//!
//! What was looked at is written down with its value, its client flags and its expiry, and comes back byte for byte. It
//! never takes the place of another state of its session, nor of a tombstone, unless that is asked for: nobody can
//! tell which of two states is the newer one, but what is in the store is never older than what was taken from it.

use std::borrow::Cow;

use super::Store;
use crate::backend::{Item, Op, Reply, When};
use crate::envelope::{self, Encoding};
use crate::error::{Error, Result, SessionFault};
use crate::expiry::Expiry;
use crate::id::Id;
use crate::principal::Principal;
use crate::secret::Secrets;
use crate::stats;
use crate::wait::Wait;

/// A session as it lies in its store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The item's value: the serialized session, maybe compressed.
    pub value: Vec<u8>,
    /// The item's client flags, which say so.
    pub flags: u32,
    /// In how many seconds it expires; `None`: never.
    pub expiry: Option<u64>,
}

impl Stored {
    /// The serialized session. Fails with an error that names the session where it is damaged, or encrypted.
    pub fn body(&self, id: &Id, secrets: &Secrets) -> Result<Cow<'_, [u8]>> {
        envelope::body(&self.value, self.flags, secrets.of(id)).map_err(|fault| Error::session(id, fault))
    }

    /// By what it was serialized.
    pub fn encoding(&self) -> Encoding {
        envelope::encoding(self.flags)
    }
}

/// A session to put back.
#[derive(Debug, Clone, Copy)]
pub struct Restore<'a> {
    /// Its id.
    pub id: &'a Id,
    /// The item's value.
    pub value: &'a [u8],
    /// The item's client flags; they must be those of a session.
    pub flags: u32,
    /// In how many seconds it expires; `None`: never.
    pub expiry: Option<u64>,
    /// Whose reverse record is to name it.
    pub principal: Option<&'a Principal>,
}

impl<'a> Restore<'a> {
    /// The serialized session. Fails with an error that names the session where it is damaged, or encrypted.
    pub fn body(&self, secrets: &Secrets) -> Result<Cow<'a, [u8]>> {
        envelope::body(self.value, self.flags, secrets.of(self.id)).map_err(|fault| Error::session(self.id, fault))
    }
}

/// What became of a session that was to be put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restored {
    /// It is there now.
    Stored,
    /// It was there already, byte for byte.
    Same,
    /// The store has another state of it, or knows that it was deleted, and keeps that.
    Kept,
}

impl Store {
    /// A session with all that belongs to it; `None` where there is none. No expiry is renewed, and `local` is not asked.
    pub fn look(&mut self, id: &Id, wait: &mut dyn Wait) -> Result<Option<Stored>> {
        let found = id.check_fits(&self.config.namespace).and_then(|()| self.servers.get(id.key(), None, wait));
        let found = stats::noted(found)?.filter(|item| envelope::is_session(item.flags));
        Ok(found.map(|Item { value, flags, expiry, .. }| Stored {
            value: value.into_vec(),
            flags,
            expiry: expiry.in_seconds(),
        }))
    }

    /// Puts sessions back, all in one or a few round trips; what becomes of each is in the order they were given. `force`
    /// puts them in the place of whatever the store has.
    ///
    /// The error of one session is its own; that of all means that nobody knows what has been stored, and the same can be
    /// tried again.
    pub fn restore(
        &mut self,
        sessions: &[Restore<'_>],
        force: bool,
        wait: &mut dyn Wait,
    ) -> Result<Vec<Result<Restored>>> {
        let mut outcomes: Vec<Option<Result<Restored>>> =
            sessions.iter().map(|session| self.refusal(session)).collect();
        let when = if force { When::Always } else { When::Missing };
        let taken = indexes(&outcomes, |outcome| outcome.is_none());
        let ops: Vec<Op<'_>> = taken.iter().map(|&index| store(&sessions[index], when)).collect();
        for (index, reply) in taken.iter().zip(stats::noted(self.servers.exchange(&ops, wait))?) {
            outcomes[*index] = match reply {
                Ok(Reply::Exists) => None,
                Ok(_) => Some(Ok(Restored::Stored)),
                Err(error) => Some(stats::noted(Err(error))),
            };
        }
        let there = indexes(&outcomes, |outcome| outcome.is_none());
        let looks: Vec<Op<'_>> =
            there.iter().map(|&index| Op::Get { key: sessions[index].id.key(), body: true, touch: None }).collect();
        for (index, reply) in there.iter().zip(stats::noted(self.servers.exchange(&looks, wait))?) {
            let session = &sessions[*index];
            let is_same = |item: &Item| item.value == session.value && item.flags == session.flags;
            outcomes[*index] = Some(match reply {
                Ok(Reply::Item(item)) if is_same(&item) => Ok(Restored::Same),
                Ok(_) => Ok(Restored::Kept),
                Err(error) => stats::noted(Err(error)),
            });
        }
        let stored = indexes(&outcomes, |outcome| matches!(outcome, Some(Ok(Restored::Stored))));
        let (records, owners): (Vec<Op<'_>>, Vec<usize>) =
            stored.iter().filter_map(|&index| Some((record(&sessions[index], when)?, index))).unzip();
        for (index, reply) in owners.iter().zip(stats::noted(self.servers.exchange(&records, wait))?) {
            if let Err(error) = reply {
                outcomes[*index] = Some(stats::noted(Err(error)));
            }
        }
        Ok(outcomes.into_iter().map(|outcome| outcome.expect("each session has its outcome")).collect())
    }

    /// What can't be put back at all.
    fn refusal(&self, session: &Restore<'_>) -> Option<Result<Restored>> {
        if !envelope::is_session(session.flags) {
            let fault = format!("client flags {} are not those of a session", session.flags);
            return Some(Err(Error::session(session.id, SessionFault::Corrupt(fault))));
        }
        session.id.check_fits(&self.config.namespace).err().map(Err)
    }
}

fn indexes<T>(outcomes: &[T], which: impl Fn(&T) -> bool) -> Vec<usize> {
    outcomes.iter().enumerate().filter(|(_, outcome)| which(outcome)).map(|(index, _)| index).collect()
}

fn store<'a>(session: &Restore<'a>, when: When) -> Op<'a> {
    let Restore { id, value, flags, expiry, .. } = *session;
    Op::Store { key: id.key(), value: value.into(), flags, expiry: Expiry::seconds(expiry), when }
}

fn record<'a>(session: &Restore<'a>, when: When) -> Option<Op<'a>> {
    let (key, value) = (session.principal?.key(), session.id.as_bytes());
    Some(Op::Store { key, value: value.into(), flags: 0, expiry: Expiry::seconds(session.expiry), when })
}
