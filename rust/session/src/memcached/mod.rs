//! Sessions on servers of memcached.
//!
//! A batch is sorted by server ([`placement`](crate::placement)), written to all of them, then read
//! from all of them: one round trip, whatever the number of operations and servers.
//!
//! - [`socket`]: a stream with time limits that signals can interrupt
//! - [`connection`]: requests and answers on it, framed; `stats` and `version` among them
//! - [`wire`]: operations as meta commands, answers as replies; [`plain`]: the usual ones, without detours
//! - [`probe`]: whether a server is one that sessions can be kept on
//! - [`pool`]: what is kept between exchanges, and which servers are down
//! - [`scan`]: all items
//!
//! A server that can't be connected to is passed over for 20 to 30 seconds, as in
//! `Cache::Memcached`, and its keys go to the next server of their walk; with one server, or where
//! the whole walk is down, it is tried every time. A kept connection that turns out dead is
//! replaced, and what can be repeated without harm is repeated, once.
//!
//! What this can't promise: servers know nothing of each other. A session that was written elsewhere
//! while its server was down is not found when that server is back; and one that was only cut off
//! comes back with what it held, which may be an older state, or a session that was deleted
//! meanwhile. That is the price of going on without a server, and placement is shared with other
//! clients; `no_rehash` refuses instead. A [version](crate::Version) is good on the connection that
//! gave it; on another one, nothing is sent that relies on it.

mod connection;
mod plain;
mod pool;
mod probe;
mod request;
mod scan;
mod socket;
mod wire;

use std::ops::ControlFlow;
use std::time::Duration;

use self::connection::Connection;
use self::pool::Lent;
use self::request::Request;
use self::socket::Deadline;
use crate::backend::{Backend, ItemKey, Op, Passed, Reply, Seen};
use crate::config::Config;
use crate::error::{Error, Fault, Kind, Result, SessionFault};
use crate::inspect::{Answer, Question};
use crate::placement::Placement;
use crate::server::Server;
use crate::stats::{self, Counter};
use crate::wait::Wait;

/// The servers of one tier.
#[derive(Debug)]
pub(crate) struct Memcached {
    servers: Vec<Server>,
    placement: Placement,
    namespace: Vec<u8>,
    no_rehash: bool,
    connect_timeout: Duration,
    io_timeout: Duration,
    lock_timeout: Duration,
    /// What an exchange may take at most for the time being.
    longest: Option<Duration>,
}

/// The part of a batch that goes to one server.
struct Group<'s> {
    address: &'s str,
    lent: Lent,
    /// It was kept from an earlier exchange, so the server may have closed it meanwhile.
    kept: bool,
    /// Which operations of the batch.
    members: Vec<usize>,
    /// The token of the first one's command; those of the others follow it.
    first_token: u32,
    fault: Option<Fault>,
}

impl Group<'_> {
    fn is_interrupted(&self) -> bool {
        matches!(self.fault, Some(Fault::Interrupted))
    }

    /// Answers what relies on a version that another connection gave.
    fn answer_outdated(&mut self, ops: &[Op<'_>], replies: &mut [Option<Result<Reply>>]) {
        let Group { address, members, lent, .. } = self;
        members.retain(|&index| {
            let is_good = ops[index].version().is_none_or(|version| lent.connection.has_given(version));
            if !is_good {
                replies[index] = Some(Ok(Reply::Outdated((*address).into())));
            }
            is_good
        });
    }

    /// The end of an exchange: its connection is kept, if it went well to the last byte.
    fn give_back(self) {
        if self.fault.is_none() && self.lent.connection.is_drained() {
            pool::keep(self.address, self.lent);
        }
    }
}

impl Backend for Memcached {
    fn exchange(&mut self, ops: &[Op<'_>], wait: &mut dyn Wait) -> Result<Vec<Result<Reply>>> {
        let mut groups = Vec::with_capacity(1);
        let deadline = match self.assemble(ops, &mut groups, wait) {
            Ok(deadline) => deadline,
            Err(error) => {
                groups.into_iter().for_each(Group::give_back);
                return Err(error);
            }
        };
        // A signal's stop stops the whole batch: nothing more is waited for.
        let mut stopped = false;
        let mut replies: Vec<Option<Result<Reply>>> = ops.iter().map(|_| None).collect();
        groups.iter_mut().for_each(|group| group.answer_outdated(ops, &mut replies));
        for group in &mut groups {
            group.fault = match stopped {
                false => self.send(group, ops, deadline, wait).err(),
                true => Some(Fault::Interrupted),
            };
            stopped |= group.is_interrupted();
        }
        if !stopped {
            // A child that was forked meanwhile leaves the answers to its parent.
            stopped = wait.sent().is_err() || !groups.iter().all(|group| group.lent.is_own());
        }
        for mut group in groups {
            if stopped {
                group.fault = Some(Fault::Interrupted);
            }
            self.receive(&mut group, ops, deadline, &mut replies, wait);
            stopped |= group.is_interrupted();
            group.give_back();
        }
        Ok(replies.into_iter().map(|reply| reply.expect("every operation is in one group")).collect())
    }

    fn scan(
        &mut self,
        reachable_only: bool,
        each: &mut dyn FnMut(Seen<'_>) -> ControlFlow<()>,
        wait: &mut dyn Wait,
    ) -> Result<Passed> {
        self.scan_servers(reachable_only, each, wait)
    }

    fn hurry(&mut self, longest: Option<Duration>) {
        self.longest = longest;
    }

    fn part(&self, key: ItemKey<'_>) -> usize {
        self.home(key)
    }
}

impl Memcached {
    pub(crate) fn new(servers: &[Server], config: &Config) -> Memcached {
        Memcached {
            placement: Placement::of(servers, config),
            servers: servers.to_vec(),
            namespace: config.namespace.clone(),
            no_rehash: config.no_rehash,
            connect_timeout: config.connect_timeout,
            io_timeout: config.io_timeout,
            lock_timeout: config.lock_timeout,
            longest: None,
        }
    }

    /// The servers to try for an item, by their index.
    fn walk<'k>(&'k self, key: ItemKey<'k>) -> impl Iterator<Item = usize> + 'k {
        self.placement.walk(key.hash(), key.home())
    }

    /// The first of them.
    fn home(&self, key: ItemKey<'_>) -> usize {
        self.walk(key).next().expect("a walk tries at least once")
    }

    /// As much of a time as may be taken.
    fn within(&self, time: Duration) -> Duration {
        self.longest.map_or(time, |longest| time.min(longest))
    }

    /// Sorts a batch by server, connects to the servers, and makes sure that they take what is to
    /// be sent. Nothing is written. Returns by when the rest is to be done.
    fn assemble<'s>(&'s self, ops: &[Op<'_>], groups: &mut Vec<Group<'s>>, wait: &mut dyn Wait) -> Result<Deadline> {
        for (index, op) in ops.iter().enumerate() {
            let group = self.group(op.key(), groups, wait)?;
            groups[group].members.push(index);
        }
        let deadline = Deadline::after(self.within(self.io_timeout));
        for group in groups {
            self.prepare(group, ops, deadline, wait)?;
        }
        Ok(deadline)
    }

    /// The group of the server that has a key: one of those there are, or a new one.
    fn group<'s>(&'s self, key: ItemKey<'_>, groups: &mut Vec<Group<'s>>, wait: &mut dyn Wait) -> Result<usize> {
        let mut first_error = None;
        for server in self.walk(key) {
            let address = self.servers[server].address.as_str();
            if let Some(group) = groups.iter().position(|group| group.address == address) {
                return Ok(group);
            }
            if self.servers.len() > 1 && pool::is_dead(address) {
                if self.no_rehash {
                    break;
                }
                continue;
            }
            match self.lend(address, wait) {
                Ok((lent, kept)) => return Ok(add_group(groups, address, lent, kept)),
                Err(Fault::Interrupted) => return Err(Kind::Interrupted.into()),
                Err(fault) => {
                    first_error.get_or_insert_with(|| Error::server(address, fault, false));
                    if self.no_rehash {
                        break;
                    }
                }
            }
        }
        if let Some(error) = first_error {
            return Err(error);
        }
        // Every server of the walk was found down lately. The key's own may be back.
        let home = self.home(key);
        let address = self.servers[home].address.as_str();
        match self.lend(address, wait) {
            Ok((lent, kept)) => Ok(add_group(groups, address, lent, kept)),
            Err(fault) => Err(Error::server(address, fault, false)),
        }
    }

    /// A connection: the kept one while it is good, else a new one. And whether it was kept.
    fn lend(&self, address: &str, wait: &mut dyn Wait) -> Result<(Lent, bool), Fault> {
        if let Some(lent) = pool::take(address).filter(|lent| lent.connection.is_usable()) {
            return Ok((lent, true));
        }
        Ok((self.connect(address, wait)?, false))
    }

    fn connect(&self, address: &str, wait: &mut dyn Wait) -> Result<Lent, Fault> {
        match Connection::open(address, self.within(self.connect_timeout), wait) {
            Ok(connection) => {
                pool::mark_alive(address);
                Ok(Lent::new(connection))
            }
            Err(Fault::Interrupted) => Err(Fault::Interrupted),
            // In a hurry, there was no time to tell.
            Err(fault) if self.longest.is_some() => Err(fault),
            Err(fault) => {
                pool::mark_dead(address);
                Err(fault)
            }
        }
    }

    /// Learns what must be known of the server, and refuses a value that it would not take:
    /// memcached removes the old value before it finds the new one too large.
    fn prepare(&self, group: &mut Group<'_>, ops: &[Op<'_>], deadline: Deadline, wait: &mut dyn Wait) -> Result<()> {
        let members = || group.members.iter().map(|&index| &ops[index]);
        let mut prepared = group.lent.connection.prepare(members(), deadline, wait);
        if let Err(fault) = &prepared
            && group.kept
            && fault.is_dead_connection()
        {
            group.kept = false;
            stats::count(Counter::Retries);
            prepared = self.connect(group.address, wait).and_then(|lent| {
                group.lent = lent;
                group.lent.connection.prepare(members(), deadline, wait)
            });
        }
        if let Err(fault) = prepared {
            group.fault = Some(fault.clone());
            return Err(Error::server(group.address, fault, false));
        }
        let Some(limit) = group.lent.connection.item_size_max() else {
            return Ok(());
        };
        for op in members() {
            if let Op::Store { key, value, .. } = op {
                let size = wire::item_size(&key.after(&self.namespace), *value);
                if size > limit {
                    return Err(Kind::Session {
                        id: key.after(b"").escape_ascii().to_string(),
                        fault: SessionFault::TooLarge { size, limit, taker: format!("memcached {}", group.address) },
                    }
                    .into());
                }
            }
        }
        Ok(())
    }

    fn send(
        &self,
        group: &mut Group<'_>,
        ops: &[Op<'_>],
        deadline: Deadline,
        wait: &mut dyn Wait,
    ) -> Result<(), Fault> {
        if group.members.is_empty() {
            return Ok(());
        }
        let mut request = Request::new();
        group.lent.connection.begin_with_probe(&mut request);
        group.first_token = group.lent.connection.take_tokens(group.members.len());
        for (token, &index) in tokens(group.first_token).zip(&group.members) {
            wire::encode(&ops[index], &self.namespace, token, &mut request)?;
        }
        group.lent.connection.send_request(&request, deadline, wait)
    }

    /// Reads the answers of a group. Where the connection was kept and the server had closed it,
    /// the group is sent again on a new one, if that does no harm.
    fn receive(
        &self,
        group: &mut Group<'_>,
        ops: &[Op<'_>],
        deadline: Deadline,
        replies: &mut [Option<Result<Reply>>],
        wait: &mut dyn Wait,
    ) {
        let answered = match group.fault.take() {
            None => read(group, ops, deadline, replies, wait),
            Some(fault) => Err(fault),
        };
        let Err(fault) = answered else {
            return;
        };
        let harmless = group.members.iter().all(|&index| ops[index].is_repeatable());
        if group.kept && harmless && fault.is_dead_connection() && !group.lent.connection.has_answered() {
            group.kept = false;
            stats::count(Counter::Retries);
            let deadline = Deadline::after(self.within(self.io_timeout));
            let repeated = self.connect(group.address, wait).and_then(|lent| {
                group.lent = lent;
                group.lent.connection.prepare(group.members.iter().map(|&index| &ops[index]), deadline, wait)?;
                self.send(group, ops, deadline, wait)?;
                read(group, ops, deadline, replies, wait)
            });
            group.fault = repeated.err();
        } else {
            group.fault = Some(fault);
        }
        let Some(fault) = &group.fault else {
            return;
        };
        for &index in &group.members {
            replies[index].get_or_insert_with(|| Err(Error::server(group.address, fault.clone(), true)));
        }
    }
}

fn add_group<'s>(groups: &mut Vec<Group<'s>>, address: &'s str, lent: Lent, kept: bool) -> usize {
    groups.push(Group { address, lent, kept, members: Vec::with_capacity(2), first_token: 0, fault: None });
    groups.len() - 1
}

/// The tokens from one on.
fn tokens(first: u32) -> impl Iterator<Item = u32> {
    (0..).map(move |index: u32| first.wrapping_add(index))
}

fn read(
    group: &mut Group<'_>,
    ops: &[Op<'_>],
    deadline: Deadline,
    replies: &mut [Option<Result<Reply>>],
    wait: &mut dyn Wait,
) -> Result<(), Fault> {
    group.lent.connection.read_probe(deadline, wait)?;
    let mut refused = None;
    for (token, &index) in tokens(group.first_token).zip(&group.members) {
        match group.lent.connection.answer(&ops[index], token, deadline, wait) {
            Ok(reply) => replies[index] = Some(Ok(reply)),
            // The answers that follow bear their tokens, and so tell whether they are in step.
            Err(Fault::Words(words)) if wire::is_of_one_command(&words) => {
                let fault = Fault::Words(words);
                replies[index] = Some(Err(Error::server(group.address, fault.clone(), true)));
                refused = Some(fault);
            }
            Err(fault) => return Err(fault),
        }
    }
    // Such an answer bears no token: the connection is not used again.
    refused.map_or(Ok(()), Err)
}

/// Closes the connections that this thread keeps.
pub(crate) fn disconnect() {
    pool::empty();
}

/// Asks one server about itself, on a connection of its own.
pub(crate) fn ask(address: &str, question: Question, config: &Config, wait: &mut dyn Wait) -> Answer {
    let mut answer = || {
        let mut connection = Connection::open(address, config.connect_timeout, wait)?;
        let deadline = Deadline::after(config.io_timeout);
        match question {
            Question::Stats(topic) => connection.statistics(topic.word(), deadline, wait),
            Question::Version => Ok(vec![("version".to_owned(), connection.version(deadline, wait)?)]),
            Question::Meta => connection.probe(deadline, wait).map(|()| Vec::new()),
        }
    };
    answer().map_err(|fault| Error::server(address, fault, true))
}

/// Has one server forget all that it has, after a number of seconds.
pub(crate) fn flush(address: &str, delay: u32, config: &Config, wait: &mut dyn Wait) -> Result<()> {
    let mut flushed = || {
        let mut connection = Connection::open(address, config.connect_timeout, wait)?;
        connection.flush(delay, Deadline::after(config.io_timeout), wait)
    };
    flushed().map_err(|fault| Error::server(address, fault, true))
}
