//! Features of audio that is still arriving: push samples, pop frames.

use crate::{
    BLOCK, FrameBlock, FrameFeature, Framing, LogMel, Result,
    frames::{Cutter, some_into},
    framing::{FrameLayout, Signal},
};

/// Samples of a stream, cut into frames as soon as they are complete.
///
/// Holds on to the next frame and to what the mirrored end may need: about two frames of samples and
/// two hops, however long the stream.
#[derive(Debug)]
pub(crate) struct FrameQueue {
    framing: Framing,
    /// The last samples, from position `base` of the stream on.
    samples: Vec<f32>,
    base: usize,
    next_frame: usize,
    finished: bool,
    cutter: Cutter,
}

impl FrameQueue {
    pub(crate) fn new(framing: Framing) -> Self {
        let cutter = Cutter::default();
        Self { framing, samples: vec![], base: 0, next_frame: 0, finished: false, cutter }
    }

    pub(crate) const fn next_frame(&self) -> usize {
        self.next_frame
    }

    pub(crate) fn push(&mut self, samples: &[f32]) {
        assert!(!self.finished, "samples after the end of the stream");
        self.forget();
        self.samples.extend_from_slice(samples);
    }

    pub(crate) const fn finish(&mut self) {
        self.finished = true;
    }

    /// Number of frames whose samples have all arrived.
    fn ready(&self) -> usize {
        let length = self.framing.length();
        let received = self.base + self.samples.len();
        if self.finished {
            return self.framing.frames(received).saturating_sub(self.next_frame);
        }
        // The last samples so far may turn out to be the ones that are left out.
        let analysed = self.framing.analysed(received);
        // A recording of half a frame is mirrored at another place: wait until it is longer.
        if analysed <= length / 2 {
            return 0;
        }
        let beyond = analysed as i64 - length as i64 - self.framing.start(self.next_frame);
        usize::try_from(beyond).map_or(0, |samples| 1 + samples / self.framing.hop())
    }

    /// The samples of the next frame, if they have all arrived.
    pub(crate) fn pop(&mut self) -> Option<&[f32]> {
        self.pop_block(1).map(|block| block.samples())
    }

    /// The next frames, as many as have arrived, up to `most` and a block.
    pub(crate) fn pop_block(&mut self, most: usize) -> Option<FrameBlock<'_>> {
        let ready = self.ready().min(most);
        if ready == 0 {
            return None;
        }
        let analysed = self.framing.analysed(self.base + self.samples.len());
        let known = &self.samples[..analysed.saturating_sub(self.base)];
        let signal = Signal::tail(known, self.base, self.framing.length(), self.framing.pad());
        let block = self.cutter.block(&self.framing, &signal, self.next_frame, ready);
        self.next_frame += block.len();
        Some(block)
    }

    /// Drops the samples that neither the next frame nor the mirrored end can need.
    fn forget(&mut self) {
        let length = self.framing.length();
        let next_start = usize::try_from(self.framing.start(self.next_frame)).unwrap_or(0);
        // The end may lie right here; how far can a frame reach beyond it, and mirror what lies before?
        let overhang = match self.framing.layout() {
            FrameLayout::Inside => 0,
            FrameLayout::Centred | FrameLayout::Started | FrameLayout::Hops => {
                length.div_ceil(2) + 2
            }
            FrameLayout::Covering => length.div_ceil(2) + 2 * self.framing.hop() + 2,
        };
        let received = self.base + self.samples.len();
        // Two more: the last sample itself, and one that is trimmed.
        let mirrored = received.saturating_sub(overhang + 2);
        let drop = next_start.min(mirrored).saturating_sub(self.base);
        // Moving the rest costs its length: worth it only for as many samples dropped.
        if drop >= length.max(1024) {
            self.samples.drain(..drop);
            self.base += drop;
        }
    }
}

/// Frames that were ready together with one that was asked for, computed with it: blocks are faster than frames.
#[derive(Debug, Default)]
pub(crate) struct Ahead<T> {
    rows: Vec<T>,
    /// Frames that are still to be asked for.
    left: usize,
}

impl<T: Copy + Default> Ahead<T> {
    pub(crate) const fn is_empty(&self) -> bool {
        self.left == 0
    }

    /// Room for a block of frames.
    pub(crate) fn fill(&mut self, frames: usize, bins: usize) -> &mut [T] {
        self.left = frames;
        self.rows.resize(frames * bins, T::default());
        &mut self.rows
    }

    /// The next frame, of which there must be one.
    pub(crate) fn pop_into(&mut self, out: &mut [T]) {
        let first = self.rows.len() - self.left * out.len();
        out.copy_from_slice(&self.rows[first..first + out.len()]);
        self.left -= 1;
    }
}

/// Push samples, pop frames: bit for bit the frames of
/// [`process_into`](FrameFeature::process_into) on the whole.
///
/// A frame is ready once all its samples are there, half a frame after the sample that it is dated
/// to. Holds on to about two frames of samples, however long the stream.
///
/// ```
/// use mir_features::{LogMel, LogMelConfig};
/// let mut stream = LogMel::new(LogMelConfig::default())?.stream()?;
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
pub struct Streaming<F: FrameFeature> {
    feature: F,
    scratch: F::Scratch,
    queue: FrameQueue,
    ahead: Ahead<f32>,
}

/// A [`LogMel`] of audio that is still arriving.
///
/// ```
/// use mir_features::{LogMel, LogMelConfig, StreamingLogMel};
/// let log_mel = LogMel::new(LogMelConfig::jongwook())?;
/// let mut frame = vec![0.0; 229];
/// let mut stream = StreamingLogMel::new(log_mel)?;
/// stream.push(&[0.1; 4096]);
/// assert!(stream.pop_into(&mut frame));
/// # Ok::<(), mir_features::Error>(())
/// ```
pub type StreamingLogMel = Streaming<LogMel>;

impl<F: FrameFeature> Streaming<F> {
    /// Starts a stream of one channel.
    ///
    /// # Errors
    /// [`Error::NeedsWholeSignal`](crate::Error::NeedsWholeSignal) if a frame of the feature depends on
    /// the whole recording (a `top_db`).
    pub fn new(feature: F) -> Result<Self> {
        feature.check_local()?;
        Ok(Self {
            scratch: feature.scratch(),
            queue: FrameQueue::new(feature.framing().clone()),
            ahead: Ahead::default(),
            feature,
        })
    }

    /// The feature that is streamed.
    pub const fn feature(&self) -> &F {
        &self.feature
    }

    /// Adds the next samples.
    ///
    /// # Panics
    /// After [`finish`](Self::finish).
    pub fn push(&mut self, samples: &[f32]) {
        self.queue.push(samples);
    }

    /// Says that no more samples follow: the last frames, which see the mirrored end, are ready now.
    pub const fn finish(&mut self) {
        self.queue.finish();
    }

    /// Index of the frame that [`pop_into`](Self::pop_into) gives next.
    pub const fn next_frame(&self) -> usize {
        self.queue.next_frame() - self.ahead.left
    }

    /// The next frame into `out`, or `false` if its samples have not all arrived.
    ///
    /// # Panics
    /// If `out` has not as many elements as there are bins.
    pub fn pop_into(&mut self, out: &mut [f32]) -> bool {
        assert_eq!(out.len(), self.feature.bins(), "bins of the output");
        if self.ahead.is_empty() {
            let Some(block) = self.queue.pop_block(BLOCK) else { return false };
            let rows = self.ahead.fill(block.len(), out.len());
            some_into(&self.feature, block, &mut self.scratch, rows);
        }
        self.ahead.pop_into(out);
        true
    }
}
