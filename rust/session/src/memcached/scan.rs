//! All items of the servers: what they list, then what that holds.
//!
//! `lru_crawler metadump` gives the keys; batches of `mg` give the values, without counting as a use of the items. The two go
//! on side by side, each on a connection that belongs to the scan alone:
//!
//! - [`dump`]: the list of keys, as the server sends it
//! - [`keys`]: those that wait for their turn, of which a few are in memory
//! - [`values`]: what the keys of a batch hold
//!
//! A list that nobody reads does harm: it stops the server's crawler, keeps its hash table from growing, and who asks for
//! a list of their own meanwhile holds up a thread of the server and all connections that it serves. So the list is taken in
//! as fast as it comes, though reading values is slower: whenever anything is waited for, and after each [`SLICE`] of the caller's
//! time. While one batch is looked at, the next one is on its way.

mod dump;
mod keys;
mod values;

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use self::dump::Dump;
use self::keys::Keys;
use self::values::{Values, Went};
use super::Memcached;
use super::socket::{Deadline, Socket, arrived};
use crate::backend::{Passed, Seen};
use crate::error::{Error, Kind, Result};
use crate::id::{MAX_KEY, home_of, is_key};
use crate::stats::{self, Counter};
use crate::wait::Wait;

/// How much of a list is taken in at a time.
const AT_ONCE: usize = 1 << 20;

/// How long the caller may look at items before the list is looked after again.
const SLICE: Duration = Duration::from_millis(20);

/// How many batches are under way.
const AHEAD: usize = 2;

/// Where the scan gives items.
type Each<'e> = dyn FnMut(Seen<'_>) -> ControlFlow<()> + 'e;

impl Memcached {
    pub(super) fn scan_servers(
        &self,
        reachable_only: bool,
        each: &mut Each<'_>,
        wait: &mut dyn Wait,
    ) -> Result<Passed> {
        let mut passed = Passed::default();
        // All of them before the first is listed: which ones are down decides where keys belong.
        let mut sockets = Vec::with_capacity(self.servers.len());
        for server in 0..self.servers.len() {
            if !self.is_listed(server) {
                sockets.push(None);
                continue;
            }
            match self.connect_for_scan(server, wait) {
                Ok(socket) => sockets.push(Some(socket)),
                Err(error) if reachable_only && !error.is_interrupted() => {
                    passed.unreachable.push(error);
                    sockets.push(None);
                }
                Err(error) => return Err(error),
            }
        }
        let addresses: Vec<&str> = self.servers.iter().map(|server| server.address.as_str()).collect();
        let reached =
            |address: &&str| (0..sockets.len()).any(|other| sockets[other].is_some() && addresses[other] == *address);
        let up: Vec<bool> = addresses.iter().map(reached).collect();
        if !up.contains(&true) {
            return Err(passed.unreachable.swap_remove(0));
        }
        for (server, socket) in sockets.into_iter().enumerate() {
            let Some(mut socket) = socket else { continue };
            // It may have been closed as idle while the servers before it were listed.
            if !socket.is_quiet() {
                socket = self.connect_for_scan(server, wait)?;
            }
            if self.scan_server(server, socket, &up, &mut passed, each, wait)?.is_break() {
                break;
            }
        }
        Ok(passed)
    }

    /// Whether a server has keys, and does not stand further ahead, too.
    fn is_listed(&self, server: usize) -> bool {
        let has_keys = |server: usize| self.servers[server].weight > 0 || self.servers.len() == 1;
        let address = &self.servers[server].address;
        let before = (0..server).any(|before| has_keys(before) && self.servers[before].address == *address);
        has_keys(server) && !before
    }

    fn connect_for_scan(&self, server: usize, wait: &mut dyn Wait) -> Result<Socket> {
        let address = &self.servers[server].address;
        let connected = Socket::connect(address, self.connect_timeout, wait);
        stats::count(Counter::Connections);
        connected.map_err(|fault| Error::server(address, fault, false))
    }

    fn scan_server(
        &self,
        server: usize,
        socket: Socket,
        up: &[bool],
        passed: &mut Passed,
        each: &mut Each<'_>,
        wait: &mut dyn Wait,
    ) -> Result<ControlFlow<()>> {
        let address = self.servers[server].address.as_str();
        let mut dump = Dump::begin(socket, address, self.io_timeout, self.lock_timeout, wait)?;
        if dump.is_approximate() {
            passed.approximate.push(address.to_owned());
        }
        let mut values = Values::new(self.connect_for_scan(server, wait)?, address, self.io_timeout);
        let mut keys = Keys::default();
        loop {
            // A signal's handler runs though nothing is ever waited for.
            wait.interrupted().map_err(|_| Kind::Interrupted)?;
            let came = dump.take_in(AT_ONCE, |key| match key.strip_prefix(self.namespace.as_slice()) {
                None => Ok(()),
                // memcached takes any bytes in a key that is sent in base64. In a command they could begin another one.
                Some(_) if key.len() > MAX_KEY || !is_key(key) => {
                    passed.foreign += 1;
                    Ok(())
                }
                Some(id) if self.belongs(id, server, up) => keys.push(key),
                Some(_) => {
                    passed.misplaced += 1;
                    Ok(())
                }
            })?;
            if !keys.is_empty() && values.under_way() < AHEAD {
                values.ask(&mut keys, wait)?;
                continue;
            }
            if values.under_way() == 0 && dump.is_over() {
                return Ok(ControlFlow::Continue(()));
            }
            let slice = (!dump.is_over()).then(|| Instant::now() + SLICE);
            let reconnect = |wait: &mut dyn Wait| self.connect_for_scan(server, wait);
            match values.give(&self.namespace, &mut passed.gone, each, slice, reconnect, wait)? {
                Went::Stopped => return Ok(ControlFlow::Break(())),
                Went::On => {}
                Went::Dry if came => {}
                Went::Dry => {
                    let mut sockets = Vec::with_capacity(2);
                    sockets.extend((!dump.is_over()).then(|| dump.socket()));
                    sockets.extend((values.under_way() > 0).then(|| values.socket()));
                    let time = if values.under_way() > 0 { self.io_timeout } else { dump.patience() };
                    arrived(&sockets, Deadline::after(time), wait)
                        .map_err(|fault| Error::server(address, fault, false))?;
                }
            }
        }
    }

    /// Whether this server is the one where a key is looked for.
    fn belongs(&self, key: &[u8], server: usize, up: &[bool]) -> bool {
        if self.servers.len() == 1 {
            return true;
        }
        let looked_for_here = |key| {
            let mut walk = self.placement.walk(None, key);
            let first = if self.no_rehash { walk.next() } else { walk.find(|&server| up[server]) };
            first.is_some_and(|first| self.servers[first].address == self.servers[server].address)
        };
        // A key that ends like a lock's is most likely one.
        looked_for_here(home_of(key)) || looked_for_here(key)
    }
}
