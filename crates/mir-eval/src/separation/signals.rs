//! Access to sampled sources of either precision, without a copy of the whole.

use std::ops::Range;

use ndarray::{ArrayBase, ArrayRef2, ArrayRef3, ArrayView1, Data, Ix2, Ix3, s};

use crate::{Error, Result, Side};

/// Samples stay below this, so that no energy overflows.
const LARGEST: f64 = 1e100;

/// Sources as the metrics read them: `[sources, samples, channels]`, samples of `f32` or `f64`.
///
/// Made from a reference to an `ndarray` array or view of three dimensions, or of two
/// (`[sources, samples]`, one channel). Only the view is kept: arrays of any memory order are read in
/// place, so planar audio `[sources, channels, samples]` needs no more than
/// `view.permuted_axes([0, 2, 1])`.
///
/// ```
/// use mir_eval::separation::Signals;
/// let stereo = ndarray::Array3::<f32>::zeros((4, 44_100, 2));
/// assert_eq!(Signals::from(&stereo).shape(), [4, 44_100, 2]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Signals<'a> {
    samples: Samples<'a>,
    /// Sources, samples, channels. One source or channel may stand for several equal ones.
    shape: [usize; 3],
}

#[derive(Clone, Copy, Debug)]
enum Samples<'a> {
    Single(&'a ArrayRef3<f32>),
    Double(&'a ArrayRef3<f64>),
    SingleMono(&'a ArrayRef2<f32>),
    DoubleMono(&'a ArrayRef2<f64>),
    /// One source each.
    Separate(&'a [Signals<'a>]),
}

impl<'a, S: Data<Elem = f32>> From<&'a ArrayBase<S, Ix3, f32>> for Signals<'a> {
    fn from(samples: &'a ArrayBase<S, Ix3, f32>) -> Self {
        Self { samples: Samples::Single(samples), shape: samples.dim().into() }
    }
}

impl<'a, S: Data<Elem = f32>> From<&'a ArrayBase<S, Ix2, f32>> for Signals<'a> {
    fn from(samples: &'a ArrayBase<S, Ix2, f32>) -> Self {
        let (sources, len) = samples.dim();
        Self { samples: Samples::SingleMono(samples), shape: [sources, len, 1] }
    }
}

impl<'a, S: Data<Elem = f64>> From<&'a ArrayBase<S, Ix3, f64>> for Signals<'a> {
    fn from(samples: &'a ArrayBase<S, Ix3, f64>) -> Self {
        Self { samples: Samples::Double(samples), shape: samples.dim().into() }
    }
}

impl<'a, S: Data<Elem = f64>> From<&'a ArrayBase<S, Ix2, f64>> for Signals<'a> {
    fn from(samples: &'a ArrayBase<S, Ix2, f64>) -> Self {
        let (sources, len) = samples.dim();
        Self { samples: Samples::DoubleMono(samples), shape: [sources, len, 1] }
    }
}

impl<'a> Signals<'a> {
    /// Sources that lie in arrays of their own, each `[1, samples, channels]`.
    ///
    /// # Errors
    /// [`Error::SignalShape`] if one has another shape than the first, or more than one source.
    ///
    /// ```
    /// use mir_eval::separation::Signals;
    /// let vocals = ndarray::Array3::<f32>::zeros((1, 9, 2));
    /// let rest = vocals.clone();
    /// let stems = [Signals::from(&vocals), Signals::from(&rest)];
    /// assert_eq!(Signals::together(&stems)?.shape(), [2, 9, 2]);
    /// # Ok::<(), mir_eval::Error>(())
    /// ```
    pub fn together(sources: &'a [Signals<'a>]) -> Result<Self> {
        let [_, samples, channels] = sources.first().map_or([0; 3], Self::shape);
        let expected = [1, samples, channels];
        if let Some(other) = sources.iter().find(|source| source.shape != expected) {
            return Err(Error::SignalShape { expected, actual: other.shape });
        }
        let shape = [sources.len(), samples, channels];
        Ok(Self { samples: Samples::Separate(sources), shape })
    }

    /// A mono signal on several equal channels: how a mono estimate is compared with a stereo reference.
    /// `None` unless there is one channel.
    pub fn with_channels(self, channels: usize) -> Option<Self> {
        let [sources, samples, own] = self.shape;
        (own == 1).then_some(Self { shape: [sources, samples, channels], ..self })
    }

    /// One signal in the place of several equal sources: how a mixture is scored as if it were the
    /// estimate of each. `None` unless there is one source.
    pub fn with_sources(self, sources: usize) -> Option<Self> {
        let [own, samples, channels] = self.shape;
        (own == 1).then_some(Self { shape: [sources, samples, channels], ..self })
    }

    /// Numbers of sources, samples and channels.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    pub(super) fn sources(&self) -> usize {
        self.shape[0]
    }

    pub(super) fn samples(&self) -> usize {
        self.shape[1]
    }

    pub(super) fn channels(&self) -> usize {
        self.shape[2]
    }

    /// Copies the samples from `start` on; what lies past the end is 0.
    pub(super) fn read(&self, source: usize, channel: usize, start: usize, out: &mut [f64]) {
        let end = self.samples().min(start.saturating_add(out.len()));
        let start = start.min(end);
        let (present, past) = out.split_at_mut(end - start);
        past.fill(0.0);
        // What stands for several equal sources or channels is read again.
        let pick = |(sources, _, channels): (usize, usize, usize)| {
            (source.min(sources - 1), channel.min(channels - 1))
        };
        match self.samples {
            Samples::Single(x) => {
                let (source, channel) = pick(x.dim());
                copy_images(x, source, channel, start, present);
            }
            Samples::Double(x) => {
                let (source, channel) = pick(x.dim());
                copy_images(x, source, channel, start, present);
            }
            Samples::SingleMono(x) => {
                copy(x.slice(s![source.min(x.nrows() - 1), start..end]), present);
            }
            Samples::DoubleMono(x) => {
                copy(x.slice(s![source.min(x.nrows() - 1), start..end]), present);
            }
            Samples::Separate(parts) => {
                parts[source.min(parts.len() - 1)].read(0, channel, start, present);
            }
        }
    }

    /// Goes through one source in a range, block by block, until `stop` says so of one.
    fn any_block(
        &self,
        source: usize,
        range: Range<usize>,
        mut stop: impl FnMut(usize, usize, &[f64]) -> bool,
    ) -> bool {
        let mut block = [0.0; 1024];
        let range = range.start..range.end.min(self.samples());
        range.clone().step_by(block.len()).any(|start| {
            let len = block.len().min(range.end - start);
            (0..self.channels()).any(|channel| {
                self.read(source, channel, start, &mut block[..len]);
                stop(channel, start, &block[..len])
            })
        })
    }

    /// Whether every sample of a source is exactly 0 within a range.
    pub(super) fn is_silent(&self, source: usize, range: Range<usize>) -> bool {
        !self.any_block(source, range, |_, _, block| block.iter().any(|&x| x != 0.0))
    }

    /// Checks that every sample is a number whose square is one, too.
    pub(super) fn check_finite(&self, side: Side) -> Result<()> {
        for signal in 0..self.sources() {
            let mut fault = None;
            self.any_block(signal, 0..self.samples(), |channel, start, block| {
                let position = block.iter().position(|x| x.is_nan() || x.abs() >= LARGEST);
                fault = position.map(|i| (start + i, channel, block[i]));
                fault.is_some()
            });
            if let Some((sample, channel, actual)) = fault {
                return Err(Error::InvalidSample { side, signal, sample, channel, actual });
            }
        }
        Ok(())
    }
}

fn copy<T: Copy + Into<f64>>(from: ArrayView1<'_, T>, out: &mut [f64]) {
    match from.as_slice() {
        Some(from) => out.iter_mut().zip(from).for_each(|(out, &x)| *out = x.into()),
        None => out.iter_mut().zip(from).for_each(|(out, &x)| *out = x.into()),
    }
}

/// Copies a channel. Interleaved stereo, the common case, has a loop of its own: strided iteration was a
/// sixth of the whole time.
fn copy_images<T: Copy + Into<f64>>(
    from: &ArrayRef3<T>,
    source: usize,
    channel: usize,
    start: usize,
    out: &mut [f64],
) {
    let end = start + out.len();
    let frames = from.slice(s![source, start..end, ..]);
    let interleaved = (frames.ncols() == 2).then(|| frames.to_slice()).flatten();
    if let Some(samples) = interleaved {
        let (frames, _) = samples.as_chunks::<2>();
        if channel == 0 {
            out.iter_mut().zip(frames).for_each(|(out, &[x, _])| *out = x.into());
        } else {
            out.iter_mut().zip(frames).for_each(|(out, &[_, x])| *out = x.into());
        }
    } else {
        copy(frames.column(channel), out);
    }
}

/// One channel of one source, cut to a range: 0 outside.
#[derive(Clone, Copy, Debug)]
pub(super) struct Channel<'a> {
    pub(super) signals: Signals<'a>,
    pub(super) source: usize,
    pub(super) channel: usize,
    /// First sample that is read as such.
    pub(super) start: usize,
    /// One past the last.
    pub(super) end: usize,
}

impl Channel<'_> {
    /// Samples from `offset` after the start of the range on, which may lie before it.
    pub(super) fn read(&self, offset: isize, out: &mut [f64]) {
        let before = offset.min(0).unsigned_abs().min(out.len());
        let (zeros, rest) = out.split_at_mut(before);
        zeros.fill(0.0);
        let from = self.start.saturating_add(offset.max(0).unsigned_abs());
        let inside = self.end.saturating_sub(from).min(rest.len());
        let (rest, past) = rest.split_at_mut(inside);
        past.fill(0.0);
        self.signals.read(self.source, self.channel, from, rest);
    }
}
