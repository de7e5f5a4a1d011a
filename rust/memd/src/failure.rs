//! Why a command ended before it was done, and what the program exits with.

use std::fmt;
use std::io;

use crate::text::plain;

/// What a program exits with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// Everything was done.
    Done = 0,
    /// There is no such session; or `doctor` has found something to do.
    NotFound = 1,
    /// The command line or the configuration can't be used.
    Usage = 2,
    /// A server, the store, a session in it, or a file failed.
    Server = 3,
    /// A signal has ended the work: 128 and SIGINT's number, as shells have it.
    Interrupted = 130,
}

/// A command's failure.
#[derive(Debug)]
pub struct Failure {
    /// What to exit with.
    pub code: Code,
    /// What to say about it, if anything.
    pub text: String,
}

/// A result with this program's [`Failure`].
pub type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    /// The command line can't be used.
    pub fn usage(text: impl Into<String>) -> Failure {
        Failure { code: Code::Usage, text: text.into() }
    }

    /// There is nothing like that.
    pub fn not_found(text: impl Into<String>) -> Failure {
        Failure { code: Code::NotFound, text: text.into() }
    }

    /// Something failed that the user did not ask for.
    pub fn server(text: impl Into<String>) -> Failure {
        Failure { code: Code::Server, text: text.into() }
    }

    /// A signal came.
    pub fn interrupted() -> Failure {
        Failure { code: Code::Interrupted, text: "interrupted by a signal".to_owned() }
    }
}

/// Its text, fit for a terminal.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&plain(&self.text))
    }
}

impl From<session::Error> for Failure {
    fn from(error: session::Error) -> Failure {
        let code = match &error {
            error if error.is_argument() => Code::Usage,
            error if error.is_interrupted() => Code::Interrupted,
            _ => Code::Server,
        };
        Failure { code, text: error.to_string() }
    }
}

/// Writing to the standard output. A reader that has gone, as `head` does, has had what it wanted.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Failure { code: Code::Done, text: String::new() };
        }
        Failure::server(format!("standard output: {error}"))
    }
}
