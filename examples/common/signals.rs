//! Ctrl-C and SIGTERM: the first asks for an orderly end, the second ends at once.
//!
//! No handler ever runs: the signals are blocked in every thread, and one thread waits for them. A handler would
//! borrow the stack of whatever thread the signal interrupts, and there is a matrix product in oneDNN, which
//! LibTorch uses for the gradient of an LSTM, that does not survive this: it goes on with wrong addresses, and
//! the heap is corrupted ("corrupted size vs. prev_size"). PyTorch 2.11 dies of a handler in the same place.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use signal_hook::consts::SIGINT;

/// Whether the user wants the program to end, and by which signal.
#[derive(Clone, Debug)]
pub struct Stop {
    /// Raised by the first signal.
    pub flag: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
}

impl Stop {
    /// Begins to listen. To be called before there are other threads: they inherit that signals are blocked.
    ///
    /// # Errors
    /// If the operating system does not let us.
    #[cfg(unix)]
    pub fn listen() -> io::Result<Self> {
        use nix::sys::signal::{SigSet, Signal};

        let stop = Self { flag: Arc::default(), signal: Arc::default() };
        let awaited: SigSet = [Signal::SIGINT, Signal::SIGTERM].into_iter().collect();
        awaited.thread_block()?;
        let ours = stop.clone();
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            while let Ok(signal) = awaited.wait() {
                if ours.raised() {
                    // At once: nothing is dropped, no library is closed while others are in it.
                    signal_hook::low_level::exit(128 + signal as i32);
                }
                ours.signal.store(signal as usize, Ordering::SeqCst);
                ours.flag.store(true, Ordering::SeqCst);
            }
        })?;
        Ok(stop)
    }

    /// Begins to listen.
    ///
    /// # Errors
    /// If the operating system does not let us.
    #[cfg(not(unix))]
    pub fn listen() -> io::Result<Self> {
        use signal_hook::{consts::SIGTERM, flag};

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
