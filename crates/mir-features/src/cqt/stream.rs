//! Constant-Q frames of audio that is still arriving.

use mir_fft::num_complex::Complex;
use ndarray::ArrayRef2;

use super::{
    Cqt, Hcqt, Kept, Magnitude,
    bank::{Bank, Sink, State},
    frames, put,
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
    feed: Feed,
}

impl StreamingCqt {
    /// Starts a stream of one channel.
    pub fn new(cqt: Cqt) -> Self {
        Self { feed: Feed::new(&cqt.bank, cqt.config.pad, cqt.config.hop), cqt }
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
        self.feed.push(&self.cqt.bank, samples);
    }

    /// Says that no more samples follow: the last frames, which see what lies beyond the end, are ready now.
    pub fn finish(&mut self) {
        self.feed.finish(&self.cqt.bank);
    }

    /// Index of the frame that [`pop_into`](Self::pop_into) gives next.
    pub const fn next_frame(&self) -> usize {
        self.feed.state.next_frame()
    }

    /// The next frame into `out`, or `false` if its samples have not all arrived.
    ///
    /// # Panics
    /// If `out` has not as many elements as there are bins.
    pub fn pop_into(&mut self, out: &mut [f32]) -> bool {
        assert_eq!(out.len(), self.cqt.bins(), "bins of a frame");
        self.feed.pop(&self.cqt.bank, &mut Row { first_bins: &self.cqt.first_bins, out })
    }
}

/// The harmonic transform as a stream: bit for bit the frames of [`Hcqt::process_into`] on the whole. As
/// [`StreamingCqt`] in everything else.
///
/// ```
/// use mir_features::{Hcqt, HcqtConfig, StreamingHcqt};
/// use ndarray::Array2;
/// let mut stream = StreamingHcqt::new(Hcqt::new(HcqtConfig::default())?);
/// let mut frame = Array2::zeros((6, 360));
/// stream.push(&[0.0; 120_000]);
/// assert!(stream.pop_into(&mut frame));
/// assert_eq!(stream.next_frame(), 1);
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Debug)]
pub struct StreamingHcqt {
    hcqt: Hcqt,
    feed: Feed,
}

impl StreamingHcqt {
    /// Starts a stream of one channel.
    pub fn new(hcqt: Hcqt) -> Self {
        let cqt = &hcqt.config.cqt;
        Self { feed: Feed::new(&hcqt.bank, cqt.pad, cqt.hop), hcqt }
    }

    /// The transform that is streamed.
    pub const fn hcqt(&self) -> &Hcqt {
        &self.hcqt
    }

    /// Adds the next samples.
    ///
    /// # Panics
    /// After [`finish`](Self::finish).
    pub fn push(&mut self, samples: &[f32]) {
        self.feed.push(&self.hcqt.bank, samples);
    }

    /// Says that no more samples follow: the last frames, which see what lies beyond the end, are ready now.
    pub fn finish(&mut self) {
        self.feed.finish(&self.hcqt.bank);
    }

    /// Index of the frame that [`pop_into`](Self::pop_into) gives next.
    pub const fn next_frame(&self) -> usize {
        self.feed.state.next_frame()
    }

    /// The next frame into `out`, `[harmonics, bins]`, or `false` if its samples have not all arrived.
    ///
    /// # Panics
    /// If `out` has another shape.
    pub fn pop_into(&mut self, out: &mut ArrayRef2<f32>) -> bool {
        let shape = (self.hcqt.harmonics(), self.hcqt.bins());
        assert_eq!(out.dim(), shape, "harmonics and bins of a frame");
        self.feed.pop(&self.hcqt.bank, &mut HarmonicRows { targets: &self.hcqt.targets, out })
    }
}

/// The samples of a stream on their way into a bank.
#[derive(Debug)]
struct Feed {
    pad: Pad,
    hop: u32,
    state: State,
    /// The first samples while they are fewer than the mirror before them needs, then the last ones, for
    /// the mirror after them.
    kept: Vec<f32>,
    started: bool,
    received: usize,
    finished: bool,
    scratch: Vec<f32>,
}

impl Feed {
    fn new(bank: &Bank, pad: Pad, hop: u32) -> Self {
        Self {
            pad,
            hop,
            state: bank.state(0),
            kept: vec![],
            started: false,
            received: 0,
            finished: false,
            scratch: vec![],
        }
    }

    fn push(&mut self, bank: &Bank, samples: &[f32]) {
        assert!(!self.finished, "samples after the end of the stream");
        self.received += samples.len();
        self.kept.extend_from_slice(samples);
        // A mirror copies fewer samples than there are.
        let mirrored = match self.pad {
            Pad::Zero | Pad::Constant(_) => 0,
            Pad::Edge => 1,
            Pad::Reflect | Pad::Symmetric => bank.context() as usize + 1,
        };
        if self.started {
            bank.push(&mut self.state, samples);
        } else if self.received > mirrored {
            self.started = true;
            self.feed(bank, self.received as i64);
        }
        if self.started && self.kept.len() > 2 * mirrored + samples.len() {
            self.kept.drain(..self.kept.len() - mirrored);
        }
    }

    fn finish(&mut self, bank: &Bank) {
        if self.finished {
            return;
        }
        self.finished = true;
        if let Some(last) = frames(self.received, self.hop).checked_sub(1) {
            self.feed(bank, bank.support(last).end);
        }
    }

    /// Hands on the recording and what lies beyond it, up to a sample.
    fn feed(&mut self, bank: &Bank, end: i64) {
        let forgotten = (self.received - self.kept.len()) as i64;
        let source = Extended { samples: &self.kept, pad: self.pad };
        let range = self.state.position() - forgotten..end - forgotten;
        self.scratch.clear();
        source.read(range, &mut self.scratch);
        bank.push(&mut self.state, &self.scratch);
    }

    /// Computes the next frame if its samples have all arrived.
    fn pop(&mut self, bank: &Bank, sink: &mut impl Sink) -> bool {
        let next = self.state.next_frame();
        let ready = self.started || self.finished;
        // What lies beyond the last frame is no frame, even if its samples are known.
        let exists = !self.finished || next < frames(self.received, self.hop);
        if !(ready && exists && bank.ready(&self.state)) {
            return false;
        }
        bank.pop(&mut self.state, next + 1, sink);
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

struct HarmonicRows<'a> {
    targets: &'a [Vec<(usize, usize)>],
    out: &'a mut ArrayRef2<f32>,
}

impl Sink for HarmonicRows<'_> {
    fn take(
        &mut self,
        _: usize,
        group: usize,
        bins: &[Complex<f32>],
        phase: &dyn Fn() -> Complex<f32>,
    ) {
        for &(harmonic, first_bin) in &self.targets[group] {
            put::<Magnitude>(&mut self.out.row_mut(harmonic), first_bin, bins, phase);
        }
    }
}
