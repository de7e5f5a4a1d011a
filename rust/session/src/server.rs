//! Where sessions are kept, as it is written in a configuration.
//!
//! ```
//! use session::{Server, Target};
//!
//! let server = Server::parse("servers", "10.0.0.7:11211").unwrap();
//! assert_eq!((server.address.as_str(), server.weight), ("10.0.0.7:11211", 1));
//!
//! let target = Target::parse("servers", &[("embedded:/var/lib/app/sessions?size=64M", 1)]).unwrap();
//! assert_eq!(target, Target::Embedded { dir: "/var/lib/app/sessions".into(), map_size: 64 << 20 });
//!
//! let error = Server::parse("servers", "10.0.0.7").unwrap_err();
//! assert!(error.to_string().starts_with("argument servers: takes"));
//! ```
//!
//! Names are not resolved and nothing is opened here.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

const TAKES: &str = "\"host:port\", \"[ipv6]:port\", \"/path/of/socket\" or \"embedded:/directory?size=64M\"";
const TAKES_LIST: &str = "servers of memcached, or one embedded directory alone";
const TAKES_WEIGHT: &str = "a weight from 0 to 10000, above 0 for one server at least";

/// How many times a server may stand among the places of keys.
const MAX_WEIGHT: u32 = 10_000;

/// The size of an embedded store that is given none: 1 GiB. It is a limit, not an allocation.
pub const DEFAULT_MAP_SIZE: usize = 1 << 30;

/// Where a store keeps its sessions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// A directory of this host, without a daemon.
    Embedded {
        /// The directory; it is created when it is missing.
        dir: PathBuf,
        /// How many bytes of sessions it holds.
        map_size: usize,
    },
    /// Servers of memcached. Their order, and weights, decide which key is where.
    Memcached(Vec<Server>),
}

impl Target {
    /// Reads a configuration's list of addresses and weights. `argument` is what errors call it.
    pub fn parse<A: AsRef<str>>(argument: &str, servers: &[(A, u32)]) -> Result<Target> {
        if let [(address, _)] = servers
            && let Some(embedded) = address.as_ref().strip_prefix("embedded:")
        {
            return parse_embedded(argument, address.as_ref(), embedded);
        }
        let servers = servers
            .iter()
            .map(|(address, weight)| {
                if address.as_ref().starts_with("embedded:") {
                    return Err(Error::argument(argument, TAKES_LIST, address.as_ref()));
                }
                if *weight > MAX_WEIGHT {
                    return Err(Error::argument(argument, TAKES_WEIGHT, weight.to_string()));
                }
                let server = Server::parse(argument, address.as_ref())?;
                Ok(Server { weight: *weight, ..server })
            })
            .collect::<Result<Vec<Server>>>()?;
        let target = Target::Memcached(servers);
        target.check(argument)?;
        Ok(target)
    }

    /// Whether an item of the one is seen to be an item of the other: the same directory, or an
    /// address in both. The same server under another name is not seen.
    pub(crate) fn overlaps(&self, other: &Target) -> bool {
        match (self, other) {
            (Target::Embedded { dir: a, .. }, Target::Embedded { dir: b, .. }) => a == b,
            (Target::Memcached(a), Target::Memcached(b)) => a.iter().any(|a| b.iter().any(|b| a.address == b.address)),
            _ => false,
        }
    }

    /// Refuses servers that leave keys without a place.
    pub(crate) fn check(&self, argument: &str) -> Result<()> {
        let Target::Memcached(servers) = self else {
            return Ok(());
        };
        if servers.is_empty() {
            return Err(Error::argument(argument, TAKES_LIST, ""));
        }
        if servers.iter().all(|server| server.weight == 0) {
            return Err(Error::argument(argument, TAKES_WEIGHT, "0"));
        }
        Ok(())
    }
}

/// The directory of the embedded store that is used when no servers are given: one for each user,
/// below `/var/tmp`, which outlives a restart of the host.
impl Default for Target {
    fn default() -> Target {
        let user = rustix::process::geteuid().as_raw();
        Target::Embedded {
            dir: Path::new("/var/tmp").join(format!("apache-session-memorycached-{user}")),
            map_size: DEFAULT_MAP_SIZE,
        }
    }
}

/// One server of memcached.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Server {
    /// `host:port`, `[ipv6]:port`, or the path of a Unix socket.
    pub address: String,
    /// How many times it stands among the places of keys.
    pub weight: u32,
}

impl Server {
    /// Reads one address, with weight 1. `argument` is what errors call it.
    pub fn parse(argument: &str, address: &str) -> Result<Server> {
        if !address.starts_with('/') && !is_host_and_port(address) {
            return Err(Error::argument(argument, TAKES, address));
        }
        Ok(Server { address: address.to_owned(), weight: 1 })
    }
}

fn is_host_and_port(address: &str) -> bool {
    let Some((host, port)) = address.rsplit_once(':') else {
        return false;
    };
    let host_is_good = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').is_some_and(|ip| ip.parse::<std::net::Ipv6Addr>().is_ok()),
        None => !host.is_empty() && !host.contains(|c: char| c == ':' || c == ']' || c == '/' || c.is_whitespace()),
    };
    host_is_good && port.bytes().all(|digit| digit.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port != 0)
}

fn parse_embedded(argument: &str, address: &str, embedded: &str) -> Result<Target> {
    let refuse = || Error::argument(argument, TAKES, address);
    let (dir, query) = embedded.split_once('?').unwrap_or((embedded, ""));
    if !dir.starts_with('/') {
        return Err(refuse());
    }
    let mut map_size = DEFAULT_MAP_SIZE;
    for option in query.split('&').filter(|option| !option.is_empty()) {
        let size = option.strip_prefix("size=").ok_or_else(refuse)?;
        map_size = parse_size(size).filter(|&size| size >= MIN_MAP_SIZE).ok_or_else(refuse)?;
    }
    Ok(Target::Embedded { dir: dir.into(), map_size })
}

/// Below this an embedded store has no room for its own pages.
const MIN_MAP_SIZE: usize = 64 << 10;

/// `4096`, `64K`, `64M`, `2G`.
fn parse_size(text: &str) -> Option<usize> {
    let (digits, shift) = match text.as_bytes().last()? {
        b'K' | b'k' => (&text[..text.len() - 1], 10),
        b'M' | b'm' => (&text[..text.len() - 1], 20),
        b'G' | b'g' => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    digits.parse::<usize>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for good in ["localhost:11211", "10.0.0.1:1", "[::1]:11211", "/run/memcached.sock", "a_b.example:65535"] {
            assert_eq!(Server::parse("servers", good).unwrap().address, good);
        }
        for bad in [
            "",
            "localhost",
            "localhost:",
            "localhost:0",
            "localhost:65536",
            ":11211",
            "::1:11211",
            "[::1]",
            "[x]:1",
            "a b:1",
            "host:+1",
            "memd/1:1",
        ] {
            let error = Server::parse("local", bad).unwrap_err();
            assert!(error.is_argument());
            assert!(error.to_string().starts_with("argument local: takes \"host:port\""), "{error}");
            assert!(error.to_string().ends_with(&format!("not '{bad}'")), "{error}");
        }
    }

    #[test]
    fn embedded_directories() {
        let parse = |address| Target::parse("servers", &[(address, 1)]);
        for (address, size) in [
            ("embedded:/d", DEFAULT_MAP_SIZE),
            ("embedded:/d?size=65536", 65536),
            ("embedded:/d?size=64K", 64 << 10),
            ("embedded:/d?size=3m", 3 << 20),
            ("embedded:/d?size=2G", 2 << 30),
        ] {
            assert_eq!(parse(address).unwrap(), Target::Embedded { dir: "/d".into(), map_size: size });
        }
        for bad in [
            "embedded:",
            "embedded:d",
            "embedded:/d?size=",
            "embedded:/d?size=M",
            "embedded:/d?size=1",
            "embedded:/d?sise=1M",
            "embedded:/d?size=99999999999999999999G",
        ] {
            assert!(parse(bad).unwrap_err().is_argument(), "{bad}");
        }
    }

    #[test]
    fn targets_overlap_where_one_place_is_in_both() {
        let parse = |list: &[(&str, u32)]| Target::parse("servers", list).unwrap();
        let [ab, b, c] = [&[("a:1", 1), ("b:1", 1)][..], &[("b:1", 3)], &[("b:2", 1)]].map(parse);
        let [d, large_d, e] = ["embedded:/d", "embedded:/d/?size=2G", "embedded:/e"].map(|dir| parse(&[(dir, 1)]));
        for (one, other, overlap) in [
            (&ab, &b, true),
            (&b, &ab, true),
            (&ab, &c, false),
            (&d, &large_d, true),
            (&d, &e, false),
            (&ab, &d, false),
        ] {
            assert_eq!(one.overlaps(other), overlap, "{one:?} {other:?}");
        }
    }

    #[test]
    fn lists() {
        assert!(Target::parse::<&str>("servers", &[]).is_err());
        assert!(Target::parse("servers", &[("a:1", 1), ("embedded:/d", 1)]).is_err());
        assert!(Target::parse("servers", &[("a:1", 0)]).is_err());
        assert!(Target::parse("servers", &[("a:1", 10_001)]).is_err());
        let Target::Memcached(servers) = Target::parse("servers", &[("a:1", 3), ("b:1", 0)]).unwrap() else {
            panic!("not memcached");
        };
        assert_eq!(servers.iter().map(|server| server.weight).collect::<Vec<_>>(), [3, 0]);
    }
}
