//! Signals during a wait: Perl's handlers run as soon as one arrives.

use session::{Interrupted, Wait};

use crate::error::{Error, Result};
use crate::perl::Perl;

/// Runs the handlers that are due; keeps the error of one that died.
pub(crate) struct Signals {
    perl: Perl,
    died: Option<Error>,
}

impl Signals {
    pub(crate) fn new(perl: Perl) -> Signals {
        Signals { perl, died: None }
    }

    /// The outcome of an operation that waited with these signals: a handler's own error goes before the store's
    /// "interrupted".
    pub(crate) fn outcome<T>(self, result: session::Result<T>) -> Result<T> {
        self.after(result.map_err(Error::from))
    }

    /// The same for an operation that may have failed in Perl code that it called.
    pub(crate) fn after<T>(self, result: Result<T>) -> Result<T> {
        match self.died {
            Some(died) => Err(died),
            None => result,
        }
    }

    /// The same of an operation that can fail with errors of Perl, too.
    pub(crate) fn died_or<T>(self, result: Result<T>) -> Result<T> {
        self.died.map_or(result, Err)
    }
}

impl Wait for Signals {
    fn interrupted(&mut self) -> std::result::Result<(), Interrupted> {
        match self.perl.signals() {
            Ok(()) => Ok(()),
            Err(error) => {
                self.died = Some(error);
                Err(Interrupted)
            }
        }
    }
}
