//! Spectra of the frames of a feature, whatever their length.

use std::ops::Range;

use mir_fft::num_complex::Complex;

use super::{DoubleFft, DoubleScratch, FrameFft, FrameScratch};
use crate::{
    BLOCK, FrameBlock, SpectrumPower,
    fft::{Aligned, LaneFft, LaneScratch, Output, lanes, lanes_to_rows},
};

/// Planned spectra of windowed frames that follow each other, alone or in blocks with the same bits.
#[derive(Debug)]
pub(crate) struct Spectra(Engine);

#[derive(Debug)]
enum Engine {
    Lanes(LaneFft),
    Frames(FrameFft),
    Double(DoubleFft),
}

/// Working memory of a Fourier transform in one thread.
///
/// ```
/// use mir_features::{FrameFeature, Spectrogram, SpectrogramConfig};
/// let feature = Spectrogram::new(SpectrogramConfig::default())?;
/// let mut scratch = feature.scratch();
/// let mut row = vec![0.0; feature.bins()];
/// let samples = vec![0.25; feature.framing().length()];
/// feature.frame_into(&samples, &mut scratch, &mut row);
/// assert!(row.iter().all(|value| value.is_finite()));
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SpectrumScratch {
    lanes: LaneScratch,
    frame: Option<FrameScratch>,
    double: Option<DoubleScratch>,
    /// Values of a few frames, bins first or on their way into rows.
    values: Aligned,
    /// Those of one frame.
    row: Vec<f32>,
}

impl SpectrumScratch {
    /// For features that use a transform in double precision directly.
    pub(crate) fn of(fft: &DoubleFft) -> Self {
        Self {
            lanes: LaneScratch::default(),
            frame: None,
            double: Some(fft.scratch()),
            values: Aligned::default(),
            row: vec![],
        }
    }

    /// The working memory of that transform.
    pub(crate) fn double(&mut self, fft: &DoubleFft) -> &mut DoubleScratch {
        self.double.get_or_insert_with(|| fft.scratch())
    }
}

impl From<SpectrumPower> for Output {
    fn from(power: SpectrumPower) -> Self {
        match power {
            SpectrumPower::Magnitude => Self::Magnitude,
            SpectrumPower::Power => Self::Power,
        }
    }
}

impl Spectra {
    /// For frames under a window, which is as long as they are: an even number of samples. There are `hop` samples
    /// from one to the next.
    pub(crate) fn new(window: Vec<f32>, hop: u32) -> Self {
        Self(match LaneFft::new(&window, hop as usize) {
            Some(fft) => Engine::Lanes(fft),
            None => Engine::Frames(FrameFft::new(window)),
        })
    }

    /// As [`new`](Self::new) for features that need whole spectra in rows. To put them there from lanes takes so long
    /// that only the widest vectors make up for it. (Last digits differ between processors then, as those of FFT
    /// libraries do in any case.)
    pub(crate) fn whole(window: Vec<f32>, hop: u32) -> Self {
        if lanes() == BLOCK {
            Self::new(window, hop)
        } else {
            Self(Engine::Frames(FrameFft::new(window)))
        }
    }

    /// As [`new`](Self::new), computed frame by frame in double precision and rounded at the end.
    pub(crate) fn double(window: Vec<f64>) -> Self {
        Self(Engine::Double(DoubleFft::new(window)))
    }

    /// Bins of the spectrum, `n_fft / 2 + 1`.
    pub(crate) fn bins(&self) -> usize {
        match &self.0 {
            Engine::Lanes(fft) => fft.bins(),
            Engine::Frames(fft) => fft.bins(),
            Engine::Double(fft) => fft.bins(),
        }
    }

    pub(crate) fn scratch(&self) -> SpectrumScratch {
        SpectrumScratch {
            lanes: LaneScratch::default(),
            frame: match &self.0 {
                Engine::Frames(fft) => Some(fft.scratch()),
                _ => None,
            },
            double: match &self.0 {
                Engine::Double(fft) => Some(fft.scratch()),
                _ => None,
            },
            values: Aligned::default(),
            row: vec![0.0; self.bins()],
        }
    }

    /// `|X|` or `|X|²` of a frame into `out`, which has `n_fft / 2 + 1` bins.
    pub(crate) fn magnitude_into(
        &self,
        samples: &[f32],
        power: SpectrumPower,
        scratch: &mut SpectrumScratch,
        out: &mut [f32],
    ) {
        match &self.0 {
            Engine::Lanes(fft) => {
                out.copy_from_slice(fft.frame(samples, power.into(), &mut scratch.lanes));
            }
            Engine::Frames(fft) => {
                let frame = scratch.frame.get_or_insert_with(|| fft.scratch());
                fft.power_into(samples, frame, out);
                power.apply(out);
            }
            Engine::Double(fft) => {
                let scratch = scratch.double(fft);
                let spectrum = fft.spectrum(samples.iter().map(|&x| f64::from(x)), scratch);
                for (slot, bin) in out.iter_mut().zip(spectrum) {
                    *slot = match power {
                        SpectrumPower::Magnitude => bin.norm_sqr().sqrt() as f32,
                        SpectrumPower::Power => bin.norm_sqr() as f32,
                    };
                }
            }
        }
    }

    /// `|X|` or `|X|²` of a frame, in the working memory.
    pub(crate) fn magnitude<'a>(
        &self,
        samples: &[f32],
        power: SpectrumPower,
        scratch: &'a mut SpectrumScratch,
    ) -> &'a mut [f32] {
        // Taken out and put back: the borrow checker sees one structure.
        let mut row = std::mem::take(&mut scratch.row);
        self.magnitude_into(samples, power, scratch, &mut row);
        scratch.row = row;
        &mut scratch.row
    }

    /// `X` of a frame into `out`, which has `n_fft / 2 + 1` bins.
    pub(crate) fn spectrum_into(
        &self,
        samples: &[f32],
        scratch: &mut SpectrumScratch,
        out: &mut [Complex<f32>],
    ) {
        match &self.0 {
            Engine::Lanes(fft) => {
                let values = fft.frame(samples, Output::Complex, &mut scratch.lanes);
                for (slot, value) in out.iter_mut().zip(values.as_chunks::<2>().0) {
                    *slot = Complex::new(value[0], value[1]);
                }
            }
            Engine::Frames(fft) => {
                let frame = scratch.frame.get_or_insert_with(|| fft.scratch());
                fft.spectrum_into(samples, frame, out);
            }
            Engine::Double(fft) => {
                let scratch = scratch.double(fft);
                let spectrum = fft.spectrum(samples.iter().map(|&x| f64::from(x)), scratch);
                for (slot, bin) in out.iter_mut().zip(spectrum) {
                    *slot = Complex::new(bin.re as f32, bin.im as f32);
                }
            }
        }
    }

    /// `|X|` or `|X|²` of a block into as many rows of `n_fft / 2 + 1` bins.
    pub(crate) fn magnitude_rows(
        &self,
        block: FrameBlock<'_>,
        power: SpectrumPower,
        scratch: &mut SpectrumScratch,
        rows: &mut [f32],
    ) {
        let bins = self.bins();
        match &self.0 {
            Engine::Lanes(fft) if block.is_worth_lanes() => {
                let SpectrumScratch { lanes: memory, values: between, .. } = scratch;
                fft.block(block, power.into(), memory, |frames, lanes, values| {
                    let rows = &mut rows[frames.start * bins..frames.end * bins];
                    lanes_to_rows(values, lanes, bins, between, rows);
                });
            }
            _ => {
                for (samples, row) in block.frames().zip(rows.chunks_exact_mut(bins)) {
                    self.magnitude_into(samples, power, scratch, row);
                }
            }
        }
    }

    /// `X` of a block into as many rows of `n_fft / 2 + 1` bins.
    pub(crate) fn spectrum_rows(
        &self,
        block: FrameBlock<'_>,
        scratch: &mut SpectrumScratch,
        rows: &mut [Complex<f32>],
    ) {
        let bins = self.bins();
        match &self.0 {
            Engine::Lanes(fft) if block.is_worth_lanes() => {
                let SpectrumScratch { lanes: memory, values: between, .. } = scratch;
                let parts = bytemuck::cast_slice_mut(rows);
                fft.block(block, Output::Complex, memory, |frames, lanes, values| {
                    let parts = &mut parts[2 * frames.start * bins..2 * frames.end * bins];
                    lanes_to_rows(values, lanes, 2 * bins, between, parts);
                });
            }
            _ => {
                for (samples, row) in block.frames().zip(rows.chunks_exact_mut(bins)) {
                    self.spectrum_into(samples, scratch, row);
                }
            }
        }
    }

    /// `|X|` or `|X|²` of a block, a few frames at a time: calls `each` with these frames (of the block), the
    /// number of lanes, and values `[bins, lanes]`, of which the last lanes may hold no frame.
    pub(crate) fn magnitude_lanes(
        &self,
        block: FrameBlock<'_>,
        power: SpectrumPower,
        scratch: &mut SpectrumScratch,
        mut each: impl FnMut(Range<usize>, usize, &[f32]),
    ) {
        if let Engine::Lanes(fft) = &self.0 {
            fft.block(block, power.into(), &mut scratch.lanes, each);
            return;
        }
        let (bins, lanes) = (self.bins(), lanes());
        // Taken out and put back, as above.
        let mut values = std::mem::take(&mut scratch.values);
        let lane_values = values.get(bins * lanes);
        for first in (0..block.len()).step_by(lanes) {
            let frames = first..block.len().min(first + lanes);
            for (lane, samples) in block.frames().skip(first).take(lanes).enumerate() {
                let row = self.magnitude(samples, power, scratch);
                for (of_bin, &value) in lane_values.chunks_exact_mut(lanes).zip(&*row) {
                    of_bin[lane] = value;
                }
            }
            each(frames, lanes, lane_values);
        }
        scratch.values = values;
    }
}
