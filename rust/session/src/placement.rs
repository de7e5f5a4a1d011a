//! Which server has which key: exactly as `Cache::Memcached` decides it.
//!
//! Every server stands in a list of buckets as many times as its weight says. The hash of a key is
//! bits 16 to 30 of its CRC-32; the bucket is the hash modulo the number of buckets. When that
//! server is down, the hash of the key with a `1` before it is added, then with a `2`, and so on:
//! the sums name the buckets to try next, 20 in all. A namespace takes no part. With one server
//! there is nothing to decide.
//!
//! `Cache::Memcached`'s `get_multi` counts its attempts from zero when a server is down, and so
//! reads elsewhere than `get` and `set` do; sessions are read and written by the latter, which is
//! what is followed here.
//!
//! ```text
//! buckets of a:1, b:1 (weight 2):   0 -> a   1 -> b   2 -> b
//! ```

use crate::server::Server;

/// How many buckets are tried for one key.
const TRIES: u32 = 20;

/// The buckets of a list of servers.
#[derive(Debug)]
pub(crate) struct Placement {
    /// Indexes into the list of servers.
    buckets: Vec<usize>,
}

impl Placement {
    pub(crate) fn new(servers: &[Server]) -> Placement {
        let buckets = match servers {
            [_] => vec![0],
            servers => servers
                .iter()
                .enumerate()
                .flat_map(|(index, server)| std::iter::repeat_n(index, server.weight as usize))
                .collect(),
        };
        Placement { buckets }
    }

    /// The servers to try for a key, by their index, the one it belongs to first. Some occur more
    /// than once. A hash that is given decides instead of the key's own, as `Cache::Memcached` has
    /// it for a key that comes with one.
    pub(crate) fn walk<'a>(&'a self, given: Option<u64>, key: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
        let mut sum = given.unwrap_or_else(|| u64::from(hash(key)));
        let tries = if self.buckets.len() == 1 { 1 } else { TRIES };
        (0..tries).map(move |attempt| {
            if attempt > 0 {
                let mut retry = attempt.to_string().into_bytes();
                retry.extend_from_slice(key);
                sum = sum.wrapping_add(u64::from(hash(&retry)));
            }
            self.buckets[(sum % self.buckets.len() as u64) as usize]
        })
    }
}

fn hash(bytes: &[u8]) -> u32 {
    (crc32fast::hash(bytes) >> 16) & 0x7fff
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
            let placement = Placement::new(&servers);
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
        let placement = Placement::new(&servers);
        assert!((0..100).all(|n: u32| placement.walk(None, &n.to_be_bytes()).all(|server| server != 0)));
    }

    #[test]
    fn a_given_hash_decides_instead_of_the_key() {
        let servers = servers("a:1=1,b:1=1,c:1=1");
        let placement = Placement::new(&servers);
        for given in 0..9 {
            assert_eq!(placement.walk(Some(given), b"key").next(), Some(given as usize % 3));
        }
        assert_eq!(placement.walk(Some(u64::MAX), b"key").count(), TRIES as usize);
    }

    #[test]
    fn one_server_has_all_keys() {
        let placement = Placement::new(&servers("a:1=0"));
        assert_eq!(placement.walk(None, b"key").collect::<Vec<_>>(), [0]);
    }
}
