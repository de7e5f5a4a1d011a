//! Signals during a wait: Perl's handlers run as soon as one arrives.

use session::{Interrupted, Wait};

use crate::error::{Error, Result};
use crate::perl::Perl;

/// Runs the handlers that are due; keeps the error of one that died.
pub(crate) struct Signals<'a> {
    perl: Perl,
    died: Option<Error>,
    /// What to do once the first request is on its way.
    meanwhile: Option<&'a mut dyn FnMut()>,
}

impl<'a> Signals<'a> {
    pub(crate) fn new(perl: Perl) -> Signals<'a> {
        Signals { perl, died: None, meanwhile: None }
    }

    /// Has `work` done while the first request is under way, if there is one.
    pub(crate) fn with(perl: Perl, work: &'a mut dyn FnMut()) -> Signals<'a> {
        Signals { meanwhile: Some(work), ..Signals::new(perl) }
    }

    /// The outcome of an operation that waited with these signals: a handler's own error goes before the store's
    /// "interrupted".
    pub(crate) fn outcome<T>(self, result: session::Result<T>) -> Result<T> {
        self.after(result.map_err(Error::from))
    }

    /// The same for an operation that may have failed in Perl code that it called.
    pub(crate) fn after<T>(self, result: Result<T>) -> Result<T> {
        self.died.map_or(result, Err)
    }
}

impl Wait for Signals<'_> {
    fn interrupted(&mut self) -> std::result::Result<(), Interrupted> {
        match self.perl.signals() {
            Ok(()) => Ok(()),
            Err(error) => {
                self.died = Some(error);
                Err(Interrupted)
            }
        }
    }

    fn sent(&mut self) -> std::result::Result<(), Interrupted> {
        let Some(work) = self.meanwhile.take() else {
            return Ok(());
        };
        work();
        self.interrupted()
    }
}
