//! What a native method can end with, other than a value.

use std::fmt;

use crate::perl::{Owned, Perl};

pub(crate) type Result<T> = std::result::Result<T, Error>;

/// Why a native method does not return a value.
pub(crate) enum Error {
    /// Our own words; Perl adds the file and the line.
    Text(String),
    /// Perl code that we called died; its error goes on as it is.
    Died(Owned),
    /// Perl code that we called left through `exit`.
    Exited,
    /// The bytes of a session, or what is to become them.
    Storable(storable::Error),
    /// The store.
    Session(session::Error),
}

impl Error {
    pub(crate) fn text(text: impl Into<String>) -> Error {
        Error::Text(text.into())
    }

    /// Puts the session before an error that knows only bytes.
    pub(crate) fn in_session(self, id: &session::Id) -> Error {
        match self {
            Error::Storable(error) => Error::Text(format!("session {id}: {error}")),
            Error::Text(text) => Error::Text(format!("session {id}: {text}")),
            other => other,
        }
    }

    /// The error as the scalar to die with; `None` for an exit under way.
    pub(crate) fn into_scalar(self, perl: Perl) -> Option<Owned> {
        match self {
            Error::Died(error) => Some(error),
            Error::Exited => None,
            Error::Text(text) => Some(perl.text(&text)),
            Error::Storable(error) => Some(perl.text(&error.to_string())),
            Error::Session(error) => Some(perl.text(&error.to_string())),
        }
    }
}

impl From<storable::Error> for Error {
    fn from(error: storable::Error) -> Error {
        Error::Storable(error)
    }
}

impl From<session::Error> for Error {
    fn from(error: session::Error) -> Error {
        Error::Session(error)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Text(text) => out.write_str(text),
            Error::Died(_) => out.write_str("a Perl exception"),
            Error::Exited => out.write_str("exit"),
            Error::Storable(error) => write!(out, "{error}"),
            Error::Session(error) => write!(out, "{error}"),
        }
    }
}
