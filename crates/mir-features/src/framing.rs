//! Cutting frames: which samples does a frame see, and what lies before and after the recording?

use mir_core::{FrameGrid, SampleRate};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// What a frame sees beyond the ends of the recording.
///
/// ```
/// use mir_features::{Pad, Stft, StftConfig};
/// let config = StftConfig { pad: Pad::Constant(0.5), ..StftConfig::default() };
/// assert!(Stft::new(config).is_ok());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Pad {
    /// The recording mirrored at its first and last sample, which are not repeated: `x[-i] = x[i]`.
    ///
    /// Mirroring needs more samples than it copies. A recording of no more than half a frame is first
    /// extended with zeros to a whole frame.
    #[default]
    Reflect,
    /// Zeros.
    Zero,
    /// The recording mirrored at its ends, first and last sample repeated: `x[-i] = x[i − 1]`. Short
    /// recordings as for [`Reflect`](Self::Reflect).
    Symmetric,
    /// The first and the last sample, over and over (`edge`, `replicate`).
    Edge,
    /// A constant.
    Constant(f64),
}

impl Pad {
    /// Checks the constant.
    pub(crate) fn validate(self) -> Result<()> {
        match self {
            Self::Constant(value) if !value.is_finite() => Err(Error::OutOfRange {
                field: "pad",
                expected: "a finite constant",
                actual: value,
            }),
            _ => Ok(()),
        }
    }
}

/// How the frames lie over the recording: frame `k` starts at `k·hop` plus an offset.
///
/// ```
/// use mir_features::{FrameLayout, Stft, StftConfig};
/// let config = StftConfig { layout: FrameLayout::Inside, ..StftConfig::default() };
/// assert_eq!(Stft::new(config)?.frames(2048 + 512), 2);
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FrameLayout {
    /// Frame `k` is centred on sample `k·hop`; there are `1 + samples / hop` (for even frames): `center=True`
    /// of librosa and PyTorch.
    #[default]
    Centred,
    /// Frame `k` starts at sample `k·hop`; only frames that lie inside the recording exist:
    /// `center=False`, and Kaldi's `snip-edges=true`.
    Inside,
    /// As `Centred`, with `⌈samples / hop⌉` frames: one for each hop that starts inside the recording
    /// (madmom).
    Started,
    /// As `Centred`, with `⌈samples / hop⌉ + 2` frames (DeepConvSep).
    Covering,
    /// Frame `k` is centred on the middle of the `k`-th hop, `k·hop + hop/2`; there are
    /// `(samples + hop/2) / hop`: Kaldi's `snip-edges=false`.
    Hops,
}

/// Where the frames of a recording lie and what they see beyond its ends.
///
/// ```
/// use mir_features::{FrameLayout, Framing, Pad, SampleRate};
/// let framing = Framing::new(SampleRate::HZ_16000, 400, 160, FrameLayout::Inside, Pad::Zero)?;
/// assert_eq!((framing.frames(16_000), framing.start(1)), (98, 160));
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Framing {
    grid: FrameGrid,
    length: usize,
    layout: FrameLayout,
    pad: Pad,
    /// Frames left out at the beginning.
    skipped: usize,
    /// Samples left out at the end.
    trimmed: usize,
}

impl Framing {
    /// Longest frame, in samples.
    pub(crate) const MAX_LENGTH: usize = 1 << 24;

    /// Frames of `length` samples every `hop`.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a frame of 0 or more than 16777216 samples or a constant that is not
    /// finite, [`Error::Core`] for a hop of 0.
    pub fn new(
        sample_rate: SampleRate,
        length: usize,
        hop: u32,
        layout: FrameLayout,
        pad: Pad,
    ) -> Result<Self> {
        if length == 0 || length > Self::MAX_LENGTH {
            return Err(Error::OutOfRange {
                field: "frame_length",
                expected: "1 to 16777216 samples",
                actual: length as f64,
            });
        }
        pad.validate()?;
        let origin = match layout {
            FrameLayout::Centred | FrameLayout::Started | FrameLayout::Covering => 0,
            FrameLayout::Inside => length as i64 / 2,
            FrameLayout::Hops => i64::from(hop / 2),
        };
        let grid = FrameGrid::new(sample_rate, hop, origin)?;
        Ok(Self { grid, length, layout, pad, skipped: 0, trimmed: 0 })
    }

    /// The same without the first `frames` frames: the frame after them is frame 0.
    #[must_use]
    pub(crate) fn skipping(mut self, frames: usize) -> Self {
        self.skipped += frames;
        let shift = frames as i64 * i64::from(self.grid.hop());
        self.grid = self.grid.with_origin(self.grid.origin() + shift);
        self
    }

    /// The same over recordings whose last `samples` samples do not count.
    #[must_use]
    pub(crate) const fn trimming(mut self, samples: usize) -> Self {
        self.trimmed = samples;
        self
    }

    /// Time of the frames: a frame is dated to the sample that it is centred on.
    pub const fn grid(&self) -> FrameGrid {
        self.grid
    }

    /// Samples in a frame.
    pub const fn length(&self) -> usize {
        self.length
    }

    /// Samples from frame to frame.
    pub const fn hop(&self) -> usize {
        self.grid.hop() as usize
    }

    /// How the frames lie.
    pub const fn layout(&self) -> FrameLayout {
        self.layout
    }

    /// What lies beyond the ends.
    pub const fn pad(&self) -> Pad {
        self.pad
    }

    /// Rate of the audio.
    pub const fn sample_rate(&self) -> SampleRate {
        self.grid.sample_rate()
    }

    /// Number of frames of a recording of `samples` samples; 0 for none.
    pub fn frames(&self, samples: usize) -> usize {
        let (samples, hop) = (self.analysed(samples), self.hop());
        let all = match self.layout {
            _ if samples == 0 => 0,
            FrameLayout::Centred => {
                // An odd frame has one sample more on its right: the last frame may not fit.
                (samples + self.length / 2 * 2).checked_sub(self.length).map_or(0, |s| 1 + s / hop)
            }
            FrameLayout::Inside => samples.checked_sub(self.length).map_or(0, |s| 1 + s / hop),
            FrameLayout::Started => samples.div_ceil(hop),
            FrameLayout::Covering => samples.div_ceil(hop) + 2,
            FrameLayout::Hops => (samples + hop / 2) / hop,
        };
        all.saturating_sub(self.skipped)
    }

    /// Number of samples that the frames see.
    pub(crate) const fn analysed(&self, samples: usize) -> usize {
        samples.saturating_sub(self.trimmed)
    }

    /// The sample at which a frame starts; negative before the recording.
    pub fn start(&self, frame: usize) -> i64 {
        let start = (frame + self.skipped) as i64 * self.hop() as i64;
        match self.layout {
            FrameLayout::Centred | FrameLayout::Started | FrameLayout::Covering => {
                start - self.length as i64 / 2
            }
            FrameLayout::Inside => start,
            FrameLayout::Hops => start + self.hop() as i64 / 2 - self.length as i64 / 2,
        }
    }

    /// A whole recording of one channel, read in these frames.
    pub(crate) fn signal<'a, T: Copy + From<f32>>(&self, samples: &'a [T]) -> Signal<'a, T> {
        Signal::whole(&samples[..self.analysed(samples.len())], self.length, self.pad)
    }
}

/// The known part of a recording, as frames read it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signal<'a, T = f32> {
    /// The samples at hand.
    samples: &'a [T],
    /// Position of `samples[0]` in the recording: a stream has forgotten what lies before.
    base: usize,
    pad: Pad,
    /// Length at which the recording is mirrored.
    mirrored_len: usize,
}

impl<'a, T: Copy + From<f32>> Signal<'a, T> {
    /// A whole recording, read in frames of `length` samples.
    pub(crate) fn whole(samples: &'a [T], length: usize, pad: Pad) -> Self {
        Self::tail(samples, 0, length, pad)
    }

    /// A recording of which the first `base` samples are no longer needed.
    pub(crate) fn tail(samples: &'a [T], base: usize, length: usize, pad: Pad) -> Self {
        let len = base + samples.len();
        Self { samples, base, pad, mirrored_len: if len <= length / 2 { length } else { len } }
    }

    /// The samples `start..start + length`: those of the recording itself where it holds all of them,
    /// else a copy in `buffer`, with what lies beyond the ends.
    pub(crate) fn frame<'b>(&self, start: i64, buffer: &'b mut [T]) -> &'b [T]
    where
        'a: 'b,
    {
        match self.direct(start, buffer.len()) {
            Some(samples) => samples,
            None => {
                self.fill(start, buffer);
                buffer
            }
        }
    }

    /// The samples `start..start + length`, if the recording holds all of them as they are.
    pub(crate) fn direct(&self, start: i64, length: usize) -> Option<&'a [T]> {
        let first = usize::try_from(start).ok()?.checked_sub(self.base)?;
        self.samples.get(first..first.checked_add(length)?)
    }

    /// The samples `start..start + out.len()`, with what lies beyond the ends.
    pub(crate) fn fill(&self, start: i64, out: &mut [T]) {
        // What the recording holds is copied at once; the rest is looked for sample by sample.
        let end = start.saturating_add(out.len() as i64);
        let known = (self.base as i64, (self.base + self.samples.len()) as i64);
        let inside = known.0.clamp(start, end)..known.1.clamp(start, end);
        let (before, rest) = out.split_at_mut((inside.start - start) as usize);
        let (within, after) = rest.split_at_mut((inside.end - inside.start) as usize);
        if !within.is_empty() {
            let first = (inside.start - known.0) as usize;
            within.copy_from_slice(&self.samples[first..first + within.len()]);
        }
        for (position, value) in (start..).zip(before) {
            *value = self.at(position);
        }
        for (position, value) in (inside.end..).zip(after) {
            *value = self.at(position);
        }
    }

    fn at(&self, position: i64) -> T {
        let last = self.mirrored_len as i64 - 1;
        let end = (self.base + self.samples.len()) as i64 - 1;
        let (position, outside) = match self.pad {
            Pad::Zero => (position, 0.0),
            Pad::Constant(value) => (position, value as f32),
            Pad::Edge => (position.clamp(0, end.max(0)), 0.0),
            Pad::Reflect => {
                let from_left = position.abs();
                (if from_left > last { 2 * last - from_left } else { from_left }, 0.0)
            }
            Pad::Symmetric => {
                let from_left = if position < 0 { -1 - position } else { position };
                (if from_left > last { 2 * last + 1 - from_left } else { from_left }, 0.0)
            }
        };
        usize::try_from(position)
            .ok()
            .and_then(|position| position.checked_sub(self.base))
            .and_then(|index| self.samples.get(index).copied())
            .unwrap_or_else(|| outside.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(samples: &[f32], n_fft: usize, pad: Pad, start: i64, len: usize) -> Vec<f32> {
        let mut out = vec![f32::NAN; len];
        Signal::whole(samples, n_fft, pad).fill(start, &mut out);
        out
    }

    #[test]
    fn reflection_does_not_repeat_the_ends() {
        let x = [1.0, 2.0, 3.0, 4.0];
        let expected = [3.0, 2.0, 1.0, 2.0, 3.0, 4.0, 3.0, 2.0];
        assert_eq!(read(&x, 4, Pad::Reflect, -2, 8), expected);
        let expected = [0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 0.0, 0.0];
        assert_eq!(read(&x, 4, Pad::Zero, -2, 8), expected);
        let expected = [2.0, 1.0, 1.0, 2.0, 3.0, 4.0, 4.0, 3.0];
        assert_eq!(read(&x, 4, Pad::Symmetric, -2, 8), expected);
        let expected = [1.0, 1.0, 1.0, 2.0, 3.0, 4.0, 4.0, 4.0];
        assert_eq!(read(&x, 4, Pad::Edge, -2, 8), expected);
        let expected = [0.5, 0.5, 1.0, 2.0, 3.0, 4.0, 0.5, 0.5];
        assert_eq!(read(&x, 4, Pad::Constant(0.5), -2, 8), expected);
    }

    #[test]
    fn a_recording_of_half_a_frame_is_extended_with_zeros() {
        let expected = [0.0, 2.0, 1.0, 2.0, 0.0, 0.0, 0.0, 2.0];
        assert_eq!(read(&[1.0, 2.0], 4, Pad::Reflect, -2, 8), expected);
        assert_eq!(read(&[], 4, Pad::Reflect, -2, 8), [0.0; 8]);
    }

    #[test]
    fn a_tail_reads_like_the_whole() {
        let x: Vec<f32> = (0..32).map(|i| i as f32).collect();
        let whole = Signal::whole(&x, 8, Pad::Reflect);
        for pad in [Pad::Reflect, Pad::Zero, Pad::Symmetric, Pad::Edge, Pad::Constant(3.0)] {
            let whole = Signal::whole(&x, 8, pad);
            let tail = Signal::tail(&x[20..], 20, 8, pad);
            for start in 20..28 {
                let (mut a, mut b) = ([0.0; 8], [1.0; 8]);
                whole.fill(start, &mut a);
                tail.fill(start, &mut b);
                assert_eq!(a.map(f32::to_bits), b.map(f32::to_bits), "{pad:?}, start {start}");
                assert_eq!(whole.direct(start, 8), tail.direct(start, 8));
            }
        }
        assert_eq!(whole.direct(-1, 8), None);
        assert_eq!(whole.direct(25, 8), None);
    }

    #[test]
    fn every_layout_dates_and_counts_its_frames() {
        let framing =
            |layout| Framing::new(SampleRate::HZ_16000, 100, 30, layout, Pad::Zero).unwrap();
        for (layout, origin, start, counts) in [
            (FrameLayout::Centred, 0, -50, [0, 1, 4, 5, 5]),
            (FrameLayout::Inside, 50, 0, [0, 0, 0, 1, 2]),
            (FrameLayout::Started, 0, -50, [0, 1, 4, 5, 5]),
            (FrameLayout::Covering, 0, -50, [0, 3, 6, 7, 7]),
            (FrameLayout::Hops, 15, -35, [0, 0, 3, 4, 4]),
        ] {
            let framing = framing(layout);
            assert_eq!(framing.grid().origin(), origin, "{layout:?}");
            assert_eq!(framing.start(0), start, "{layout:?}");
            let lengths = [0, 1, 99, 129, 130];
            assert_eq!(lengths.map(|samples| framing.frames(samples)), counts, "{layout:?}");
        }
    }
}
