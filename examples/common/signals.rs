//! Ctrl-C and SIGTERM: the first asks for an orderly end, the second ends at once.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};

/// Whether the user wants the program to end, and by which signal.
#[derive(Clone, Debug)]
pub struct Stop {
    /// Raised by the first signal.
    pub flag: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
}

impl Stop {
    /// Begins to listen.
    ///
    /// # Errors
    /// If the operating system does not let us.
    pub fn listen() -> io::Result<Self> {
        let stop = Self { flag: Arc::default(), signal: Arc::default() };
        for signal in [SIGINT, SIGTERM] {
            // In this order: the shutdown looks at the flag before the same signal raises it.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&stop.flag))?;
            flag::register_usize(signal, Arc::clone(&stop.signal), signal as usize)?;
            flag::register(signal, Arc::clone(&stop.flag))?;
        }
        Ok(stop)
    }

    /// Whether a signal has come.
    pub fn raised(&self) -> bool {
        self.flag.load(Ordering::SeqCst)
    }

    /// The signal that came, SIGINT if none did.
    pub fn signal(&self) -> usize {
        match self.signal.load(Ordering::SeqCst) {
            0 => SIGINT as usize,
            signal => signal,
        }
    }
}
