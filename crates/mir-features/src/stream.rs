//! Log-mel frames of audio that is still arriving.

use crate::{LogMel, Result, framing::Signal, log_mel::Scratch};

/// Push samples, pop frames: bit for bit the frames of [`LogMel::process_into`] on the whole.
///
/// A frame is ready once all its samples are there, half a frame after the sample that it is dated
/// to. Holds on to about two frames of samples, however long the stream.
///
/// ```
/// use mir_features::{LogMel, LogMelConfig, StreamingLogMel};
/// let mut stream = StreamingLogMel::new(LogMel::new(LogMelConfig::default())?)?;
/// let mut frame = vec![0.0; 229];
/// let mut frames = 0;
/// for _ in 0..100 {
///     stream.push(&[0.0; 1000]);
///     while stream.pop_into(&mut frame) {
///         frames += 1;
///     }
/// }
/// stream.finish();
/// while stream.pop_into(&mut frame) {
///     frames += 1;
/// }
/// assert_eq!(frames, 196); // ⌈100 000 / 512⌉
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Debug)]
pub struct StreamingLogMel {
    log_mel: LogMel,
    scratch: Scratch,
    /// The last samples, from position `base` of the stream on.
    samples: Vec<f32>,
    base: usize,
    next_frame: usize,
    finished: bool,
}

impl StreamingLogMel {
    /// Starts a stream of one channel.
    ///
    /// # Errors
    /// [`Error::NeedsWholeSignal`](crate::Error::NeedsWholeSignal) if the configuration has a `top_db`.
    pub fn new(log_mel: LogMel) -> Result<Self> {
        log_mel.check_local()?;
        Ok(Self {
            scratch: log_mel.scratch(),
            log_mel,
            samples: vec![],
            base: 0,
            next_frame: 0,
            finished: false,
        })
    }

    /// The spectrogram that is streamed.
    pub const fn log_mel(&self) -> &LogMel {
        &self.log_mel
    }

    /// Adds the next samples.
    ///
    /// # Panics
    /// After [`finish`](Self::finish).
    pub fn push(&mut self, samples: &[f32]) {
        assert!(!self.finished, "samples after the end of the stream");
        self.forget();
        self.samples.extend_from_slice(samples);
    }

    /// Says that no more samples follow: the last frames, which see the mirrored end, are ready now.
    pub fn finish(&mut self) {
        self.finished = true;
    }

    /// Index of the frame that [`pop_into`](Self::pop_into) gives next.
    pub const fn next_frame(&self) -> usize {
        self.next_frame
    }

    /// The next frame into `out`, or `false` if its samples have not all arrived.
    ///
    /// # Panics
    /// If `out` has not as many elements as there are bands.
    pub fn pop_into(&mut self, out: &mut [f32]) -> bool {
        let config = self.log_mel.config();
        let received = self.base + self.samples.len();
        // The last sample so far may turn out to be the one that is left out.
        let trimmed = usize::from(config.trim_last_sample).min(self.samples.len());
        let analysed = received - trimmed;
        let ready = if self.finished {
            self.next_frame < self.log_mel.frames(received)
        } else {
            let end = self.log_mel.start(self.next_frame) + config.n_fft as i64;
            end <= analysed as i64 && analysed > config.n_fft / 2
        };
        if ready {
            let known = &self.samples[..self.samples.len() - trimmed];
            let signal = Signal::tail(known, self.base, config.n_fft, config.pad);
            self.log_mel.frame(&signal, self.next_frame, &mut self.scratch, out);
            self.next_frame += 1;
        }
        ready
    }

    /// Drops the samples that neither the next frame nor the mirrored end can need.
    fn forget(&mut self) {
        let n_fft = self.log_mel.config().n_fft;
        let next_start = usize::try_from(self.log_mel.start(self.next_frame)).unwrap_or(0);
        // The end may lie right here; a frame then mirrors at most half a frame, trimmed sample included.
        let mirrored = (self.base + self.samples.len()).saturating_sub(n_fft / 2 + 2);
        let drop = next_start.min(mirrored).saturating_sub(self.base);
        // Moving the rest costs its length: worth it only for as many samples dropped.
        if drop >= n_fft {
            self.samples.drain(..drop);
            self.base += drop;
        }
    }
}
