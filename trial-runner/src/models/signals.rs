//! SIGTERM and SIGINT ask the training to stop where it is.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use anyhow::{Context, Result};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};

/// Whether a stop was asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop {
    asked: Arc<AtomicBool>,
    by_hand: Arc<AtomicBool>,
}

impl Stop {
    /// Watches for both signals; the second one ends the process at once.
    pub(crate) fn on_signals() -> Result<Self> {
        let stop = Self::default();
        for (signal, exit_code) in [(SIGTERM, 143), (SIGINT, 130)] {
            // In this order: the first signal finds the flag unset and sets it, the second finds it set.
            flag::register_conditional_shutdown(signal, exit_code, Arc::clone(&stop.asked))
                .and_then(|_| flag::register(signal, Arc::clone(&stop.asked)))
                .context("cannot watch for signals")?;
        }
        flag::register(SIGINT, Arc::clone(&stop.by_hand)).context("cannot watch for signals")?;
        Ok(stop)
    }

    pub(crate) fn is_asked_for(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Whether it was SIGINT that asked: Ctrl-C, and not an executor.
    pub(crate) fn is_by_hand(&self) -> bool {
        self.by_hand.load(Ordering::Relaxed)
    }
}
