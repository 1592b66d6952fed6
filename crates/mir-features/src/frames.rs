//! Features of single frames: one engine that cuts, pads, spreads over threads, crops and streams.
//!
//! A feature says how its frames lie ([`Framing`]) and what it computes from the samples of one; everything
//! else is done here, once. That is also why a stream ([`Streaming`](crate::Streaming)), a crop and the
//! whole give the same bits: they call the same function with the same samples.

use std::{fmt, ops::Range};

use mir_core::{AudioBuffer, FrameGrid};
use ndarray::{Array3, ArrayRef2};

use crate::{
    BinAxis, Error, FeatureMap, Framing, Result, framing::Signal, rows, stft::check_audio,
};

/// Frames that [`FrameFeature::block_into`] gets at a time, at most: as many as the widest vector registers
/// have lanes.
///
/// ```
/// // A block fits every processor: lanes come in powers of two.
/// assert!(mir_features::BLOCK.is_power_of_two());
/// ```
pub const BLOCK: usize = 16;

/// Frames that follow each other, at least one and up to [`BLOCK`].
///
/// An own feature may compute the frames of a block side by side:
///
/// ```
/// use mir_features::FrameBlock;
/// /// The energy of each frame, into as many values.
/// fn energies(block: FrameBlock<'_>, out: &mut [f32]) {
///     for (samples, out) in block.frames().zip(out) {
///         *out = samples.iter().map(|x| x * x).sum();
///     }
/// }
/// # let _ = energies;
/// ```
#[derive(Clone, Copy, Debug)]
pub struct FrameBlock<'a> {
    samples: &'a [f32],
    length: usize,
    hop: usize,
}

impl<'a> FrameBlock<'a> {
    /// The frames of `length` samples, every `hop`, that lie in `samples`: at least one, at most [`BLOCK`].
    pub(crate) const fn new(samples: &'a [f32], length: usize, hop: usize) -> Self {
        debug_assert!(samples.len() >= length && (samples.len() - length) / hop < BLOCK);
        Self { samples, length, hop }
    }

    /// Number of frames.
    #[expect(clippy::len_without_is_empty, reason = "there is always a frame")]
    pub const fn len(&self) -> usize {
        1 + (self.samples.len() - self.length) / self.hop
    }

    /// Whether it is faster to compute the frames together: a whole block takes the time of about three.
    pub(crate) const fn is_worth_lanes(&self) -> bool {
        self.len() > 3
    }

    /// The samples of all frames, from the beginning of the first to the end of the last.
    pub const fn samples(&self) -> &'a [f32] {
        self.samples
    }

    /// The samples of each frame.
    pub fn frames(&self) -> impl ExactSizeIterator<Item = &'a [f32]> + use<'a> {
        self.samples.windows(self.length).step_by(self.hop)
    }
}

/// A feature that is computed frame by frame.
///
/// The planned features of this crate have `process`, `process_into`, `process_frames`, `stream` and the
/// rest as methods of their own; the trait is for code that is generic over features, and for features
/// of your own:
///
/// ```
/// use mir_features::{BinAxis, FrameFeature, FrameLayout, Framing, Pad, SampleRate, Streaming};
///
/// /// The largest magnitude of each frame.
/// #[derive(Debug)]
/// struct Peak(Framing);
///
/// impl FrameFeature for Peak {
///     type Scratch = ();
///     fn framing(&self) -> &Framing { &self.0 }
///     fn axis(&self) -> BinAxis { BinAxis::Values { name: "peak".to_owned(), bins: 1 } }
///     fn bins(&self) -> usize { 1 }
///     fn scratch(&self) {}
///     fn frame_into(&self, samples: &[f32], (): &mut (), out: &mut [f32]) {
///         out[0] = samples.iter().fold(0.0, |peak, x| peak.max(x.abs()));
///     }
/// }
///
/// let framing = Framing::new(SampleRate::HZ_16000, 4, 2, FrameLayout::Inside, Pad::Zero)?;
/// let mut stream = Streaming::new(Peak(framing))?;
/// stream.push(&[0.0, 0.5, -0.75, 0.25]);
/// let mut peak = [0.0];
/// assert!(stream.pop_into(&mut peak));
/// assert_eq!(peak, [0.75]);
/// # Ok::<(), mir_features::Error>(())
/// ```
pub trait FrameFeature: fmt::Debug + Send + Sync {
    /// Working memory of one thread.
    type Scratch;

    /// How the frames lie.
    fn framing(&self) -> &Framing;

    /// Meaning of the bins.
    fn axis(&self) -> BinAxis;

    /// Number of bins.
    fn bins(&self) -> usize;

    /// Allocates the working memory.
    fn scratch(&self) -> Self::Scratch;

    /// Computes one frame from its samples, without allocating. `samples` has the length of the framing,
    /// `out` as many elements as there are bins.
    fn frame_into(&self, samples: &[f32], scratch: &mut Self::Scratch, out: &mut [f32]);

    /// Computes the frames of a block into as many consecutive rows of `out`: the same bits as one after the
    /// other, for features that are faster side by side.
    fn block_into(&self, block: FrameBlock<'_>, scratch: &mut Self::Scratch, out: &mut [f32]) {
        for (samples, out) in block.frames().zip(out.chunks_exact_mut(self.bins())) {
            self.frame_into(samples, scratch, out);
        }
    }

    /// The setting that makes frames depend on the whole recording, if there is one.
    fn whole_signal_field(&self) -> Option<&'static str> {
        None
    }

    /// What such a setting does to one channel, `[frames, bins]`, once all frames are computed.
    fn finish_channel(&self, map: &mut ArrayRef2<f32>) {
        let _ = map;
    }

    /// Time of the frames.
    fn grid(&self) -> FrameGrid {
        self.framing().grid()
    }

    /// Number of frames of a recording of `samples` samples.
    fn frames(&self, samples: usize) -> usize {
        self.framing().frames(samples)
    }

    /// Checks that a frame depends on its own samples only.
    ///
    /// # Errors
    /// [`Error::NeedsWholeSignal`] names the setting that it depends on instead.
    fn check_local(&self) -> Result<()> {
        match self.whole_signal_field() {
            Some(field) => Err(Error::NeedsWholeSignal { field }),
            None => Ok(()),
        }
    }

    /// The feature of every channel, `[channels, frames, bins]`. Allocates; long recordings are spread
    /// over the threads of rayon's pool (feature `parallel`) with the same result.
    ///
    /// # Errors
    /// [`Error::SampleRate`] for audio of another rate, [`Error::Core`] for samples that are not finite.
    fn process(&self, audio: &AudioBuffer) -> Result<FeatureMap> {
        check_audio(audio, self.framing().sample_rate())?;
        let mut data = Array3::zeros((audio.channels(), self.frames(audio.len()), self.bins()));
        for (channel, mut map) in data.outer_iter_mut().enumerate() {
            let signal = self.framing().signal(audio.channel(channel));
            rows::fill_parallel(&mut map, 0, |frames, out| {
                fill(self, &signal, frames.start, out);
            });
            self.finish_channel(&mut map);
        }
        Ok(FeatureMap { grid: self.grid(), axis: self.axis(), data })
    }

    /// The feature of one channel into `out`, `[frames, bins]`, on this thread.
    ///
    /// # Panics
    /// If `out` has another shape.
    fn process_into(&self, samples: &[f32], out: &mut ArrayRef2<f32>) {
        let shape = (self.frames(samples.len()), self.bins());
        assert_eq!(out.dim(), shape, "shape of the output");
        fill(self, &self.framing().signal(samples), 0, out);
        self.finish_channel(out);
    }

    /// Some frames of a recording, with the samples that really surround them, into `out`,
    /// `[range, bins]`: equal to the same rows of the whole.
    ///
    /// # Errors
    /// As [`check_local`](Self::check_local).
    ///
    /// # Panics
    /// If the range reaches past [`frames`](Self::frames), or `out` has another shape.
    fn process_frames(
        &self,
        samples: &[f32],
        range: Range<usize>,
        out: &mut ArrayRef2<f32>,
    ) -> Result<()> {
        self.check_local()?;
        let frames = self.frames(samples.len());
        assert!(range.end <= frames, "frames {range:?} of a recording of {frames} frames");
        assert_eq!(out.dim(), (range.len(), self.bins()), "shape of the output");
        fill(self, &self.framing().signal(samples), range.start, out);
        Ok(())
    }
}

/// Computes the rows of `out` as frames from `first` on.
fn fill<F: FrameFeature + ?Sized>(
    feature: &F,
    signal: &Signal<'_>,
    first: usize,
    out: &mut ArrayRef2<f32>,
) {
    let (frames, bins) = (out.nrows(), feature.bins());
    let mut scratch = feature.scratch();
    let mut cutter = Cutter::default();
    // Rows that do not lie one behind the other are computed elsewhere and copied.
    let mut rows = if out.is_standard_layout() { vec![] } else { vec![0.0; BLOCK * bins] };
    let mut row = 0;
    while row < frames {
        let block = cutter.block(feature.framing(), signal, first + row, frames - row);
        let count = block.len();
        let slots = match out.as_slice_mut() {
            Some(all) => &mut all[row * bins..(row + count) * bins],
            None => &mut rows[..count * bins],
        };
        some_into(feature, block, &mut scratch, slots);
        if !rows.is_empty() {
            for (lane, values) in rows.chunks_exact(bins).take(count).enumerate() {
                out.row_mut(row + lane).iter_mut().zip(values).for_each(|(slot, &v)| *slot = v);
            }
        }
        row += count;
    }
}

/// Computes a block, together or one by one, whichever is faster.
pub(crate) fn some_into<F: FrameFeature + ?Sized>(
    feature: &F,
    block: FrameBlock<'_>,
    scratch: &mut F::Scratch,
    out: &mut [f32],
) {
    if block.is_worth_lanes() {
        feature.block_into(block, scratch, out);
    } else {
        for (samples, out) in block.frames().zip(out.chunks_exact_mut(feature.bins())) {
            feature.frame_into(samples, scratch, out);
        }
    }
}

/// Cuts blocks of frames out of a recording; only those that reach beyond its ends are copied.
#[derive(Debug, Default)]
pub(crate) struct Cutter {
    buffer: Vec<f32>,
}

impl Cutter {
    /// As many frames from `first` on as fit into a block and `most` allow.
    pub(crate) fn block<'a>(
        &'a mut self,
        framing: &Framing,
        signal: &Signal<'a>,
        first: usize,
        most: usize,
    ) -> FrameBlock<'a> {
        let (length, hop) = (framing.length(), framing.hop());
        // What lies between frames far apart would be read for nothing.
        let count = if hop > length { 1 } else { most.min(BLOCK) };
        let start = framing.start(first);
        let span = (count - 1) * hop + length;
        let samples = match signal.direct(start, span) {
            Some(samples) => samples,
            None => {
                self.buffer.resize(span, 0.0);
                signal.fill(start, &mut self.buffer);
                &self.buffer
            }
        };
        FrameBlock::new(samples, length, hop)
    }
}

/// Computes the rows of `out` from the rows of `input`, which need not be contiguous.
pub(crate) fn fill_rows(
    input: &ArrayRef2<f32>,
    out: &mut ArrayRef2<f32>,
    mut row_into: impl FnMut(&[f32], &mut [f32]),
) {
    let (mut copy, mut result) = (vec![0.0; input.ncols()], vec![0.0; out.ncols()]);
    for (input, mut out) in input.rows().into_iter().zip(out.rows_mut()) {
        let row = match input.as_slice() {
            Some(row) => row,
            None => {
                copy.iter_mut().zip(&input).for_each(|(slot, &x)| *slot = x);
                &copy
            }
        };
        match out.as_slice_mut() {
            Some(out) => row_into(row, out),
            None => {
                row_into(row, &mut result);
                out.iter_mut().zip(&result).for_each(|(slot, &y)| *slot = y);
            }
        }
    }
}

/// Gives a planned feature the methods of [`FrameFeature`] as its own, so that they can be called
/// without the trait in scope.
macro_rules! frame_feature_methods {
    ($feature:ty, $config:ty) => {
        impl $feature {
            /// The configuration.
            pub const fn config(&self) -> &$config {
                &self.config
            }

            /// Time of the frames.
            pub fn grid(&self) -> mir_core::FrameGrid {
                $crate::FrameFeature::grid(self)
            }

            /// Meaning of the bins.
            pub fn axis(&self) -> $crate::BinAxis {
                $crate::FrameFeature::axis(self)
            }

            /// Number of bins.
            pub fn bins(&self) -> usize {
                $crate::FrameFeature::bins(self)
            }

            /// Number of frames of a recording of `samples` samples; 0 for none.
            pub fn frames(&self, samples: usize) -> usize {
                $crate::FrameFeature::frames(self, samples)
            }

            /// The feature of every channel, `[channels, frames, bins]`. Allocates; long recordings are
            /// spread over the threads of rayon's pool (feature `parallel`) with the same result.
            ///
            /// # Errors
            /// [`Error::SampleRate`](crate::Error::SampleRate) for audio of another rate,
            /// [`Error::Core`](crate::Error::Core) for samples that are not finite.
            pub fn process(
                &self,
                audio: &mir_core::AudioBuffer,
            ) -> $crate::Result<$crate::FeatureMap> {
                $crate::FrameFeature::process(self, audio)
            }

            /// The feature of one channel into `out`, `[frames, bins]`, on this thread, without
            /// allocating for each frame. Samples that are not finite give values that mean nothing.
            ///
            /// # Panics
            /// If `out` has another shape.
            pub fn process_into(&self, samples: &[f32], out: &mut ndarray::ArrayRef2<f32>) {
                $crate::FrameFeature::process_into(self, samples, out);
            }

            /// Some frames of a recording, with the samples that really surround them, into `out`,
            /// `[range, bins]`: equal to the same rows of the whole.
            ///
            /// # Errors
            /// [`Error::NeedsWholeSignal`](crate::Error::NeedsWholeSignal) if the configuration makes
            /// frames depend on the whole recording (a `top_db`).
            ///
            /// # Panics
            /// If the range reaches past [`frames`](Self::frames), or `out` has another shape.
            pub fn process_frames(
                &self,
                samples: &[f32],
                range: std::ops::Range<usize>,
                out: &mut ndarray::ArrayRef2<f32>,
            ) -> $crate::Result<()> {
                $crate::FrameFeature::process_frames(self, samples, range, out)
            }

            /// Starts a stream of one channel that gives these frames as the samples arrive.
            ///
            /// # Errors
            /// [`Error::NeedsWholeSignal`](crate::Error::NeedsWholeSignal) if the configuration makes
            /// frames depend on the whole recording (a `top_db`).
            pub fn stream(self) -> $crate::Result<$crate::Streaming<Self>> {
                $crate::Streaming::new(self)
            }
        }
    };
}
pub(crate) use frame_feature_methods;
