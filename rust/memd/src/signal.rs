//! Signals: work that must not be left half done is told to stop, and stops in order.
//!
//! A second signal ends the program at once. A signal that is ignored, as `nohup` has it, stays so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};
use session::{Interrupted, Wait};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGURG};

use crate::failure::{Failure, Result};

/// Whether a signal has asked the program to stop.
#[derive(Debug, Clone)]
pub struct Signals(Arc<AtomicBool>);

impl Signals {
    /// From here on, signals are noted instead of ending the program.
    pub fn catch() -> Result<Signals> {
        let came = Arc::new(AtomicBool::new(false));
        let ignored = ignored();
        for signal in [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| ignored >> (signal - 1) & 1 == 0) {
            // In this order, the first signal sets the flag that arms the second.
            signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&came))
                .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&came)))
                .map_err(uncatchable)?;
        }
        signal_hook::flag::register(SIGURG, Arc::default()).map_err(uncatchable)?;
        let flag = Arc::clone(&came);
        std::thread::Builder::new().spawn(move || insist(&flag)).map_err(uncatchable)?;
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

fn uncatchable(error: std::io::Error) -> Failure {
    Failure::server(format!("can't catch signals: {error}"))
}

/// A signal that comes just before a wait begins would not cut it short: from the first one on, the program is woken
/// again and again, by a signal that means nothing else.
fn insist(came: &AtomicBool) {
    loop {
        std::thread::sleep(Duration::from_millis(100));
        if came.load(Ordering::Relaxed) {
            // The process is there, as this is it.
            let _ = kill_process(getpid(), Signal::URG);
        }
    }
}

/// The signals that this process was started to ignore: signal N is bit N - 1. None, where the system does not tell.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

impl Wait for Signals {
    fn interrupted(&mut self) -> Result<(), Interrupted> {
        self.check().map_err(|_| Interrupted)
    }
}
