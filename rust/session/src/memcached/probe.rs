//! Whether sessions can be kept on a server: what it is asked first on each connection, and how its answer is read.
//!
//! A server that does not speak the meta commands as we do would take the bytes of a session for commands. Nothing but
//! the right answer to this shows that it does, however well it may answer anything else:
//!
//! ```text
//! version          ->  VERSION 1.6.18
//! mg AA== b f c t  ->  EN
//! ```
//!
//! The version tells of memcached's own releases. Up to 1.6.9, some know no meta commands and the others an earlier form
//! of them, in which a read is the same, but a value's length stands elsewhere; 1.6.10 to 1.6.12 delete nothing by its
//! version. The other line tells of everything else, such as proxies: it reads an item whose key is given in base64, which
//! only the present form has. The key is a NUL, which no key of ours is.
//!
//! Neither line changes anything, on whatever server.

use memcache::exp::{Error as WireError, MetaResponse, ReturnCode};

use super::wire::{self, out_of_step, refusal, text};
use crate::error::Fault;

/// What is asked: two lines, each of which has one line for an answer. It is longer than the header of a request in the
/// binary protocol, so that a server which takes only that closes the connection, instead of waiting for more.
pub(super) const PROBE: &[u8] = b"version\r\nmg AA== b f c t\r\n";

/// The first release of memcached that sessions can be kept on.
const OLDEST: [u32; 3] = [1, 6, 13];

/// Reads the first line of the answer.
pub(super) fn decode_version(line: &[u8]) -> Result<(), Fault> {
    if let Some(version) = line.strip_prefix(b"VERSION ") {
        let version = text(version);
        return match release(&version) {
            // Numbers of others mean something else.
            Some(release) if release[0] == OLDEST[0] && release < OLDEST => Err(Fault::TooOld(version)),
            _ => Ok(()),
        };
    }
    // A server that has no such command may have the other one.
    if line == b"ERROR" {
        return Ok(());
    }
    Err(match refusal(line) {
        Fault::OutOfStep(words) => Fault::NoMemcached(words),
        words => words,
    })
}

/// Reads the second line.
pub(super) fn decode_meta(line: &[u8]) -> Result<(), Fault> {
    match MetaResponse::parse_header(line) {
        Ok(answer) if matches!(answer.rc(), ReturnCode::En | ReturnCode::Hd) => Ok(()),
        Err(WireError::Rejected(_)) => Err(Fault::NoMeta),
        Err(error @ WireError::Server(_)) => Err(wire::fault(error)),
        _ => Err(out_of_step(line)),
    }
}

/// The numbers that a version begins with.
fn release(version: &str) -> Option<[u32; 3]> {
    let mut numbers = version.splitn(3, '.').map(|part| {
        let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        part[..end].parse().ok()
    });
    Some([numbers.next()??, numbers.next()??, numbers.next()??])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases() {
        for (version, expected) in [
            ("1.6.18", Some([1, 6, 18])),
            ("1.6.0-beta1", Some([1, 6, 0])),
            ("1.6.12_3_gabc", Some([1, 6, 12])),
            ("1.6.12 (Debian)", Some([1, 6, 12])),
            ("1.6.40.1", Some([1, 6, 40])),
            ("1.6", None),
            ("1.6.", None),
            ("1.6.x", None),
            ("UNKNOWN", None),
            ("", None),
            ("1.6.99999999999", None),
        ] {
            assert_eq!(release(version), expected, "{version}");
        }
    }

    #[test]
    fn versions() {
        for good in ["VERSION 1.6.13", "VERSION 1.6.45", "VERSION 1.7.0", "VERSION 1.10.2", "VERSION 2.0.0"] {
            assert!(decode_version(good.as_bytes()).is_ok(), "{good}");
        }
        for other in ["VERSION UNKNOWN", "VERSION 0.5.0", "VERSION 37.0.0 mcrouter", "VERSION ", "ERROR"] {
            assert!(decode_version(other.as_bytes()).is_ok(), "{other}: the other line decides");
        }
        for (line, says) in [
            ("VERSION 1.6.12", "is memcached 1.6.12; memcached 1.6.13 or later is needed"),
            ("VERSION 1.6.0-beta1", "is memcached 1.6.0-beta1; memcached 1.6.13 or later is needed"),
            ("VERSION 1.5.22", "is memcached 1.5.22; memcached 1.6.13 or later is needed"),
            ("VERSION 1.4.15 \x1b", "is memcached 1.4.15 \\u{1b}; memcached 1.6.13 or later is needed"),
            ("ERROR Too many open connections", "ERROR Too many open connections"),
            ("CLIENT_ERROR unauthenticated", "CLIENT_ERROR unauthenticated"),
            ("CLIENT_ERROR", "CLIENT_ERROR"),
            ("SERVER_ERROR busy \x1b", "SERVER_ERROR busy \\u{1b}"),
            ("-ERR unknown command 'version'", "is no memcached: it answered \"-ERR unknown command \\'version\\'\""),
            ("HTTP/1.1 400 Bad Request", "is no memcached: it answered \"HTTP/1.1 400 Bad Request\""),
            ("<html>\x07", "is no memcached: it answered \"<html>\\x07\""),
            ("EN", "is no memcached: it answered \"EN\""),
            ("ERRORS", "is no memcached: it answered \"ERRORS\""),
            ("", "is no memcached: it answered \"\""),
        ] {
            assert_eq!(decode_version(line.as_bytes()).unwrap_err().to_string(), says, "{line}");
        }
    }

    #[test]
    fn meta() {
        assert!(PROBE.len() >= 24, "the header of the binary protocol");
        assert!(decode_meta(b"EN").is_ok());
        assert!(decode_meta(b"HD f0 c1 t-1").is_ok());
        assert!(decode_meta(b"HD").is_ok());
        for line in ["ERROR", "CLIENT_ERROR invalid flag", "CLIENT_ERROR incorrect number of tokens supplied"] {
            assert!(matches!(decode_meta(line.as_bytes()), Err(Fault::NoMeta)), "{line}");
        }
        assert_eq!(decode_meta(b"SERVER_ERROR no backend").unwrap_err().to_string(), "SERVER_ERROR no backend");
        for line in ["", "VA 1", "END", "VERSION 1.6.18", "HTTP/1.1 400 Bad Request", "\x1b"] {
            assert!(matches!(decode_meta(line.as_bytes()), Err(Fault::OutOfStep(_))), "{line}");
        }
    }
}
