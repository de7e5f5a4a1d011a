//! Which server has which key: exactly as `Cache::Memcached` decides it, or, with `ketama_points`, as
//! `Cache::Memcached::Fast` does.
//!
//! # Buckets
//!
//! Every server stands in a list of buckets as many times as its weight says. The hash of a key is
//! bits 16 to 30 of its CRC-32; the bucket is the hash modulo the number of buckets. When that
//! server is down, the hash of the key with a `1` before it is added, then with a `2`, and so on:
//! the sums name the buckets to try next, 20 in all. With one server there is nothing to decide.
//!
//! `Cache::Memcached`'s `get_multi` counts its attempts from zero when a server is down, and so
//! reads elsewhere than `get` and `set` do; sessions are read and written by the latter, which is
//! what is followed here.
//!
//! ```text
//! buckets of a:1, b:1 (weight 2):   0 -> a   1 -> b   2 -> b
//! ```
//!
//! # A ring
//!
//! Every server has as many points on a ring of 32-bit numbers as its weight says, times the number that
//! is configured; a key belongs to the server of the first point at or after the key's CRC-32. So a server that comes or
//! goes moves its own share of the keys only. The first point of a server is the CRC-32 of host, NUL, port and
//! four zero bytes, each further one that with the point before it, least byte first, in their place. Where points are
//! equal, the server that stands first in the list has the keys. `Cache::Memcached::Fast` looks nowhere else when
//! a server is down; here the keys go to the next server on the ring, unless `no_rehash` says otherwise.
//!
//! A namespace takes no part in either, unless `Cache::Memcached::Fast`'s `hash_namespace` is set: then it stands before the
//! key wherever that is hashed.

use crc32fast::Hasher;

use crate::config::Config;
use crate::server::Server;

/// How many buckets are tried for one key.
const TRIES: u32 = 20;

/// Which key belongs to which server of a list.
#[derive(Debug)]
pub(crate) struct Placement {
    places: Places,
    /// What stands before each key, hashed.
    prefix: Hasher,
}

/// Where the servers stand.
#[derive(Debug)]
enum Places {
    /// Indexes into the list of servers.
    Buckets(Vec<usize>),
    /// Points and the servers that they belong to, in order.
    Ring(Vec<(u32, usize)>),
}

impl Placement {
    /// As the configuration says.
    pub(crate) fn of(servers: &[Server], config: &Config) -> Placement {
        Placement::new(servers, config.ketama_points, if config.hash_namespace { &config.namespace } else { b"" })
    }

    /// With 0 points, in buckets.
    fn new(servers: &[Server], ketama_points: u32, prefix: &[u8]) -> Placement {
        let mut hasher = Hasher::new();
        hasher.update(prefix);
        Placement { places: Places::of(servers, ketama_points), prefix: hasher }
    }

    /// The servers to try for a key, by their index, the one it belongs to first. Some may occur more
    /// than once. A hash that is given decides instead of the key's own, as `Cache::Memcached` has
    /// it for a key that comes with one.
    pub(crate) fn walk<'a>(&'a self, given: Option<u64>, key: &'a [u8]) -> Walk<'a> {
        match &self.places {
            Places::Buckets(buckets) => {
                let sum = given.unwrap_or_else(|| bits(crc(&self.prefix, &[key])));
                Walk::Buckets { buckets, prefix: &self.prefix, key, attempt: 0, sum }
            }
            Places::Ring(points) => {
                let hash = given.map_or_else(|| crc(&self.prefix, &[key]), |given| given as u32);
                let first = points.partition_point(|&(point, _)| point < hash);
                let (before, after) = points.split_at(first);
                Walk::Ring { left: after.iter().chain(before), passed: Vec::new() }
            }
        }
    }
}

impl Places {
    fn of(servers: &[Server], ketama_points: u32) -> Places {
        if let [_] = servers {
            return Places::Buckets(vec![0]);
        }
        let servers = servers.iter().enumerate();
        if ketama_points == 0 {
            let buckets =
                servers.flat_map(|(index, server)| std::iter::repeat_n(index, server.weight as usize)).collect();
            return Places::Buckets(buckets);
        }
        let mut ring: Vec<(u32, usize)> = servers
            .flat_map(|(index, server)| points(server, ketama_points).map(move |point| (point, index)))
            .collect();
        ring.sort_unstable();
        Places::Ring(ring)
    }
}

/// The servers to try for one key.
pub(crate) enum Walk<'a> {
    Buckets { buckets: &'a [usize], prefix: &'a Hasher, key: &'a [u8], attempt: u32, sum: u64 },
    Ring { left: std::iter::Chain<Points<'a>, Points<'a>>, passed: Vec<usize> },
}

type Points<'a> = std::slice::Iter<'a, (u32, usize)>;

impl Iterator for Walk<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        match self {
            Walk::Buckets { buckets, prefix, key, attempt, sum } => {
                if *attempt == if buckets.len() == 1 { 1 } else { TRIES } {
                    return None;
                }
                if *attempt > 0 {
                    let retry = crc(prefix, &[attempt.to_string().as_bytes(), key]);
                    *sum = sum.wrapping_add(bits(retry));
                }
                *attempt += 1;
                Some(buckets[(*sum % buckets.len() as u64) as usize])
            }
            Walk::Ring { left, passed } => {
                let &(_, server) = left.find(|(_, server)| !passed.contains(server))?;
                passed.push(server);
                Some(server)
            }
        }
    }
}

/// The CRC-32 of what was hashed before and these parts.
fn crc(before: &Hasher, parts: &[&[u8]]) -> u32 {
    let mut hasher = before.clone();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize()
}

/// The bits of a CRC-32 that choose a bucket.
fn bits(crc: u32) -> u64 {
    u64::from((crc >> 16) & 0x7fff)
}

/// The points of a server.
fn points(server: &Server, ketama_points: u32) -> impl Iterator<Item = u32> {
    let (host, port) = server.address.rsplit_once(':').unwrap_or((&server.address, ""));
    let mut name = Hasher::new();
    for part in [host, "\0", port] {
        name.update(part.as_bytes());
    }
    let next = move |before: u32| crc(&name, &[&before.to_le_bytes()]);
    let count = u64::from(ketama_points) * u64::from(server.weight);
    std::iter::successors(Some(next(0)), move |&before| Some(next(before))).take(count as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by `tests/placement.pl` from what `Cache::Memcached` does.
    const TABLE: &str = include_str!("../tests/placement.tsv");

    fn servers(list: &str) -> Vec<Server> {
        list.split(',')
            .map(|server| server.split_once('=').unwrap())
            .map(|(address, weight)| Server { address: address.to_owned(), weight: weight.parse().unwrap() })
            .collect()
    }

    fn unhex(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn keys_are_where_cache_memcached_looks_for_them() {
        let mut lines = 0;
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            let [list, dead, key, expected] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("{line}");
            };
            let servers = servers(list);
            let dead: Vec<&str> = dead.split(',').collect();
            let key = unhex(key);
            let placement = Placement::new(&servers, 0, b"");
            let found = placement
                .walk(None, &key)
                .map(|server| servers[server].address.as_str())
                .find(|address| !dead.contains(address));
            assert_eq!(found.unwrap_or("-"), expected, "{line}");
            lines += 1;
        }
        assert_eq!(lines, 352);
    }

    #[test]
    fn a_server_without_weight_has_no_keys() {
        let servers = servers("a:1=0,b:1=1,c:1=1");
        let placement = Placement::new(&servers, 0, b"");
        assert!((0..100).all(|n: u32| placement.walk(None, &n.to_be_bytes()).all(|server| server != 0)));
    }

    #[test]
    fn a_given_hash_decides_instead_of_the_key() {
        let servers = servers("a:1=1,b:1=1,c:1=1");
        let placement = Placement::new(&servers, 0, b"");
        for given in 0..9 {
            assert_eq!(placement.walk(Some(given), b"key").next(), Some(given as usize % 3));
        }
        assert_eq!(placement.walk(Some(u64::MAX), b"key").count(), TRIES as usize);
    }

    #[test]
    fn one_server_has_all_keys() {
        let placement = Placement::new(&servers("a:1=0"), 0, b"");
        assert_eq!(placement.walk(None, b"key").collect::<Vec<_>>(), [0]);
    }

    #[test]
    fn a_server_that_goes_leaves_its_own_keys_only() {
        let all = servers("a:1=1,b:1=2,c:1=1,/run/d.sock=1");
        let placement = Placement::new(&all, 150, b"");
        let keys = (0..2000_u32).map(u32::to_be_bytes);
        let mut shares = [0; 4];
        for gone in 0..all.len() {
            let mut rest = all.clone();
            rest.remove(gone);
            let without = Placement::new(&rest, 150, b"");
            for key in keys.clone() {
                let walk: Vec<usize> = placement.walk(None, &key).collect();
                let mut sorted = walk.clone();
                sorted.sort_unstable();
                assert_eq!(sorted, [0, 1, 2, 3], "each server once");
                shares[walk[0]] += 1;
                let next =
                    walk.iter().find(|server| **server != gone).map(|&server| server - usize::from(server > gone));
                assert_eq!(without.walk(None, &key).next(), next, "the next on the ring takes over");
            }
        }
        assert!(shares.map(|share| share / 4).iter().all(|share| (250..1100).contains(share)), "{shares:?}");
    }

    #[test]
    fn a_prefix_counts_as_part_of_the_key() {
        let servers = servers("a:1=1,b:1=1,c:1=1");
        for points in [0, 20] {
            let (with, without) = (Placement::new(&servers, points, b"app:"), Placement::new(&servers, points, b""));
            for n in 0..100_u32 {
                let (key, whole) = (n.to_string().into_bytes(), format!("app:{n}").into_bytes());
                assert_eq!(with.walk(None, &key).next(), without.walk(None, &whole).next());
            }
        }
    }

    #[test]
    fn a_ring_has_no_points_of_a_server_without_weight() {
        let placement = Placement::new(&servers("a:1=0,b:1=1,c:1=1"), 10, b"");
        assert!((0..100).all(|n: u32| placement.walk(None, &n.to_be_bytes()).all(|server| server != 0)));
        assert_eq!(placement.walk(Some(7), b"key").next(), placement.walk(Some(7), b"another").next());
    }
}
