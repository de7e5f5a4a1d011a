//! The commands that are about a whole server, and have no meta form: `stats`, `version` and `flush_all`.
//!
//! ```text
//! stats items  ->  STAT items:1:number 3 | … | END
//! version      ->  VERSION 1.6.18
//! flush_all 0  ->  OK
//! ```
//!
//! What is answered is another program's text: it comes out printable, and bounded in length.

use super::super::socket::Deadline;
use super::super::wire::{refusal, text};
use super::Connection;
use crate::error::Fault;
use crate::wait::Wait;

/// The longest list that is read. memcached's own are a few kilobytes, `stats sizes` and `stats conns` some more.
const LIST: usize = 16 << 20;

impl Connection {
    /// Sends `stats`, with a word after it that says which, and reads the list.
    pub(in crate::memcached) fn statistics(
        &mut self,
        which: &str,
        deadline: Deadline,
        wait: &mut dyn Wait,
    ) -> Result<Vec<(String, String)>, Fault> {
        let request = if which.is_empty() { "stats\r\n".to_owned() } else { format!("stats {which}\r\n") };
        self.send(request.as_bytes(), deadline, wait)?;
        let (mut list, mut length) = (Vec::new(), 0);
        loop {
            let line = self.line(deadline, wait)?;
            length += line.len();
            if length > LIST {
                return Err(Fault::OutOfStep(format!("a list of more than {LIST} bytes")));
            }
            match statistic(&self.buffer[line])? {
                Some(pair) => list.push(pair),
                None => return Ok(list),
            }
        }
    }

    /// Asks for the server's version.
    pub(in crate::memcached) fn version(&mut self, deadline: Deadline, wait: &mut dyn Wait) -> Result<String, Fault> {
        self.send(b"version\r\n", deadline, wait)?;
        let line = self.line(deadline, wait)?;
        let line = &self.buffer[line];
        match line.strip_prefix(b"VERSION ") {
            Some(version) => Ok(text(version)),
            None => Err(refusal(line)),
        }
    }

    /// Has the server forget all that it has, after a number of seconds.
    pub(in crate::memcached) fn flush(
        &mut self,
        delay: u32,
        deadline: Deadline,
        wait: &mut dyn Wait,
    ) -> Result<(), Fault> {
        self.send(format!("flush_all {delay}\r\n").as_bytes(), deadline, wait)?;
        let line = self.line(deadline, wait)?;
        match &self.buffer[line] {
            b"OK" => Ok(()),
            line => Err(refusal(line)),
        }
    }
}

/// One line of a list; `None` at its end.
fn statistic(line: &[u8]) -> Result<Option<(String, String)>, Fault> {
    if line == b"END" {
        return Ok(None);
    }
    let pair = line.strip_prefix(b"STAT ").ok_or_else(|| refusal(line))?;
    let (name, value) = match pair.iter().position(|&byte| byte == b' ') {
        Some(space) => (&pair[..space], &pair[space + 1..]),
        None => (pair, &[][..]),
    };
    Ok(Some((text(name), text(value))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_list() {
        let pair = |name: &str, value: &str| Some((name.to_owned(), value.to_owned()));
        assert_eq!(statistic(b"STAT pid 7").unwrap(), pair("pid", "7"));
        assert_eq!(statistic(b"STAT libevent 2.1 stable").unwrap(), pair("libevent", "2.1 stable"));
        assert_eq!(statistic(b"STAT inter ").unwrap(), pair("inter", ""));
        assert_eq!(statistic(b"STAT inter").unwrap(), pair("inter", ""));
        assert_eq!(statistic(b"STAT a \x1b[31m\xff").unwrap(), pair("a", "\\u{1b}[31m\\u{fffd}"));
        assert_eq!(statistic(b"END").unwrap(), None);
    }

    #[test]
    fn what_is_no_line_of_a_list_is_refused() {
        assert_eq!(statistic(b"ERROR").unwrap_err().to_string(), "ERROR");
        assert_eq!(statistic(b"CLIENT_ERROR no \x1b").unwrap_err().to_string(), "CLIENT_ERROR no \\u{1b}");
        for line in [&b""[..], b"EN", b"STATE x", b"ERRORS", b"\xff"] {
            assert!(matches!(statistic(line), Err(Fault::OutOfStep(_))), "{line:?}");
        }
    }
}
