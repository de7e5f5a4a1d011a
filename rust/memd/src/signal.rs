//! Signals: work that must not be left half done is told to stop, and stops in order.
//!
//! A second signal ends the program at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use session::{Interrupted, Wait};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::failure::{Failure, Result};

/// Whether a signal has asked the program to stop.
#[derive(Debug, Clone)]
pub struct Signals(Arc<AtomicBool>);

impl Signals {
    /// From here on, signals are noted instead of ending the program.
    pub fn catch() -> Result<Signals> {
        let came = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // In this order, the first signal sets the flag that arms the second.
            signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&came))
                .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&came)))
                .map_err(|error| Failure::server(format!("can't catch signals: {error}")))?;
        }
        Ok(Signals(came))
    }

    /// Signals end the program, as they do where nothing is left half done.
    pub fn uncaught() -> Signals {
        Signals(Arc::default())
    }

    /// Fails if a signal has come.
    pub fn check(&self) -> Result<()> {
        if self.0.load(Ordering::Relaxed) { Err(Failure::interrupted()) } else { Ok(()) }
    }
}

impl Wait for Signals {
    fn interrupted(&mut self) -> Result<(), Interrupted> {
        self.check().map_err(|_| Interrupted)
    }
}
