//! Constant-Q frames of audio that is still arriving.

use realfft::num_complex::Complex;

use super::{
    Cqt, Kept, Magnitude,
    bank::{Sink, State},
};
use crate::{Pad, extended::Extended};

/// Push samples, pop frames: bit for bit the frames of [`Cqt::process_into`] on the whole.
///
/// A frame is ready once all its samples are there, [`Cqt::context`] samples after the one that it is centred
/// on: half the frame of the longest wavelet. Holds on to about that many samples, however long the stream.
///
/// ```
/// use mir_features::{Cqt, CqtConfig, StreamingCqt};
/// let mut stream = StreamingCqt::new(Cqt::new(CqtConfig::default())?);
/// let mut frame = vec![0.0; 84];
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
/// assert_eq!(frames, 1 + 100_000 / 512);
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Debug)]
pub struct StreamingCqt {
    cqt: Cqt,
    state: State,
    /// The first samples while they are fewer than the mirror before them needs, then the last ones, for
    /// the mirror after them.
    kept: Vec<f32>,
    started: bool,
    received: usize,
    finished: bool,
    scratch: Vec<f32>,
}

impl StreamingCqt {
    /// Starts a stream of one channel.
    pub fn new(cqt: Cqt) -> Self {
        Self {
            state: cqt.bank.state(0),
            cqt,
            kept: vec![],
            started: false,
            received: 0,
            finished: false,
            scratch: vec![],
        }
    }

    /// The transform that is streamed.
    pub const fn cqt(&self) -> &Cqt {
        &self.cqt
    }

    /// Adds the next samples.
    ///
    /// # Panics
    /// After [`finish`](Self::finish).
    pub fn push(&mut self, samples: &[f32]) {
        assert!(!self.finished, "samples after the end of the stream");
        self.received += samples.len();
        self.kept.extend_from_slice(samples);
        // A mirror copies fewer samples than there are.
        let mirrored = match self.cqt.config.pad {
            Pad::Zero | Pad::Constant(_) => 0,
            Pad::Edge => 1,
            Pad::Reflect | Pad::Symmetric => self.cqt.context() + 1,
        };
        if self.started {
            self.cqt.bank.push(&mut self.state, samples);
        } else if self.received > mirrored {
            self.started = true;
            self.feed(self.received as i64);
        }
        if self.started && self.kept.len() > 2 * mirrored + samples.len() {
            self.kept.drain(..self.kept.len() - mirrored);
        }
    }

    /// Says that no more samples follow: the last frames, which see what lies beyond the end, are ready now.
    pub fn finish(&mut self) {
        if self.finished {
            return;
        }
        self.finished = true;
        if let Some(last) = self.cqt.frames(self.received).checked_sub(1) {
            self.feed(self.cqt.bank.support(last).end);
        }
    }

    /// Hands on the recording and what lies beyond it, up to a sample.
    fn feed(&mut self, end: i64) {
        let forgotten = (self.received - self.kept.len()) as i64;
        let source = Extended { samples: &self.kept, pad: self.cqt.config.pad };
        let range = self.state.position() - forgotten..end - forgotten;
        self.scratch.clear();
        source.read(range, &mut self.scratch);
        self.cqt.bank.push(&mut self.state, &self.scratch);
    }

    /// Index of the frame that [`pop_into`](Self::pop_into) gives next.
    pub const fn next_frame(&self) -> usize {
        self.state.next_frame()
    }

    /// The next frame into `out`, or `false` if its samples have not all arrived.
    ///
    /// # Panics
    /// If `out` has not as many elements as there are bins.
    pub fn pop_into(&mut self, out: &mut [f32]) -> bool {
        assert_eq!(out.len(), self.cqt.bins(), "bins of a frame");
        let next = self.state.next_frame();
        let ready = self.started || self.finished;
        // What lies beyond the last frame is no frame, even if its samples are known.
        let exists = !self.finished || next < self.cqt.frames(self.received);
        if !(ready && exists && self.cqt.bank.ready(&self.state)) {
            return false;
        }
        let mut row = Row { first_bins: &self.cqt.first_bins, out };
        self.cqt.bank.pop(&mut self.state, next + 1, &mut row);
        true
    }
}

struct Row<'a> {
    first_bins: &'a [usize],
    out: &'a mut [f32],
}

impl Sink for Row<'_> {
    fn take(
        &mut self,
        _: usize,
        group: usize,
        bins: &[Complex<f32>],
        _: &dyn Fn() -> Complex<f32>,
    ) {
        let first = self.first_bins[group];
        for (slot, &z) in self.out[first..].iter_mut().zip(bins) {
            *slot = Magnitude::keep(z, Complex::default());
        }
    }
}
