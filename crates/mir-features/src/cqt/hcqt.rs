//! Harmonic constant-Q transforms: the same bins at several multiples of their frequencies, one channel for
//! each, so that a convolution over a few bins sees a note and its overtones at once.
//!
//! Bittner, McFee, Salamon, Li and Bello 2017, "Deep Salience Representations for F0 Estimation in
//! Polyphonic Music".

use mir_core::{AudioBuffer, Fingerprint, Fingerprinted, FrameGrid};
use mir_fft::num_complex::Complex;
use ndarray::{Array3, ArrayRef3, ArrayViewMut3, Axis};
use serde::{Deserialize, Serialize};

use super::{
    CqtConfig, Magnitude,
    bank::{Bank, Sink},
    block_frames, frames, in_blocks, put, run,
};
use crate::{BinAxis, Error, FeatureMap, Result, extended::Extended, stft::check_audio};

/// What a harmonic constant-Q transform should be.
///
/// ```
/// use mir_features::{Hcqt, HcqtConfig};
/// let config = HcqtConfig { harmonics: vec![1.0, 2.0, 3.0], ..HcqtConfig::default() };
/// assert!(Hcqt::new(config).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HcqtConfig {
    /// The transform of the harmonic 1.
    pub cqt: CqtConfig,
    /// Multiples of the frequencies, above 0; 1 to 64 of them. The highest bin of the highest has to lie
    /// below half the sample rate.
    pub harmonics: Vec<f64>,
}

impl Default for HcqtConfig {
    /// Multiples ½, 1, 2, 3, 4, 5 of [`CqtConfig::deep_salience`].
    fn default() -> Self {
        Self { cqt: CqtConfig::deep_salience(), harmonics: vec![0.5, 1.0, 2.0, 3.0, 4.0, 5.0] }
    }
}

impl Fingerprinted for HcqtConfig {
    const DOMAIN: &'static str = "mir-features/hcqt/3";
}

/// A planned harmonic constant-Q transform. Each channel has the values of a [`Cqt`](super::Cqt) whose `f_min`
/// is multiplied. Harmonics share the thinning of the signal, and octaves that they have in common (those of
/// ½, 1, 2 and 4) are computed once.
///
/// ```
/// use mir_features::{AudioBuffer, Hcqt, HcqtConfig, SampleRate};
/// let hcqt = Hcqt::new(HcqtConfig::default())?;
/// let audio = AudioBuffer::silence(SampleRate::HZ_22050, 1, 22_050)?;
/// assert_eq!(hcqt.process(&audio)?.data.dim(), (6, 87, 360));
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Debug)]
pub struct Hcqt {
    pub(super) config: HcqtConfig,
    fingerprint: Fingerprint,
    grid: FrameGrid,
    pub(super) bank: Bank,
    /// For each group the harmonics that have it, and its first bin there.
    pub(super) targets: Vec<Vec<(usize, usize)>>,
}

impl Hcqt {
    /// Validates the configuration and designs the wavelets.
    ///
    /// # Errors
    /// As [`Cqt::new`](super::Cqt::new) for each harmonic; [`Error::OutOfRange`] for no or too many
    /// harmonics, or one that is not above 0.
    pub fn new(config: HcqtConfig) -> Result<Self> {
        let grid = FrameGrid::new(config.cqt.sample_rate, config.cqt.hop, 0)?;
        if !(1..=64).contains(&config.harmonics.len()) {
            return Err(Error::OutOfRange {
                field: "harmonics",
                expected: "1 to 64 multiples",
                actual: config.harmonics.len() as f64,
            });
        }
        // The transform itself, also if 1 is not among the harmonics: errors then name its fields.
        config.cqt.validate()?;
        let mut keys = vec![];
        let mut designs = vec![];
        let mut targets: Vec<Vec<(usize, usize)>> = vec![];
        for (harmonic, &multiple) in config.harmonics.iter().enumerate() {
            if !(multiple.is_finite() && multiple > 0.0) {
                return Err(Error::OutOfRange {
                    field: "harmonics",
                    expected: "finite multiples above 0",
                    actual: multiple,
                });
            }
            let cqt = CqtConfig { f_min: config.cqt.f_min * multiple, ..config.cqt.clone() };
            cqt.validate()?;
            for octave in cqt.octaves() {
                let key = cqt.key(octave);
                if let Some(known) = keys.iter().position(|&k| k == key) {
                    targets[known].push((harmonic, octave.first));
                } else {
                    keys.push(key);
                    designs.push(cqt.design(octave));
                    targets.push(vec![(harmonic, octave.first)]);
                }
            }
        }
        Ok(Self {
            bank: Bank::new(config.cqt.hop, designs),
            fingerprint: config.fingerprint()?,
            grid,
            targets,
            config,
        })
    }

    /// The configuration.
    pub const fn config(&self) -> &HcqtConfig {
        &self.config
    }

    /// Identity of the configuration.
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Time of the frames.
    pub const fn grid(&self) -> FrameGrid {
        self.grid
    }

    /// Meaning of the bins in the channel of the multiple 1; in the others, frequencies are multiples.
    pub fn axis(&self) -> BinAxis {
        self.config.cqt.axis()
    }

    /// Number of bins.
    pub const fn bins(&self) -> usize {
        self.config.cqt.bins
    }

    /// Number of harmonics.
    pub const fn harmonics(&self) -> usize {
        self.config.harmonics.len()
    }

    /// Number of frames of a recording of `samples` samples; 0 for none.
    pub fn frames(&self, samples: usize) -> usize {
        frames(samples, self.config.cqt.hop)
    }

    /// The magnitudes, `[audio channels · harmonics, frames, bins]`: all harmonics of the first audio channel,
    /// then all of the second. Allocates; spread over rayon's threads with the same result.
    ///
    /// # Errors
    /// [`Error::SampleRate`] for audio of another rate, [`Error::Core`] for samples that are not finite.
    pub fn process(&self, audio: &AudioBuffer) -> Result<FeatureMap> {
        check_audio(audio, self.config.cqt.sample_rate)?;
        let harmonics = self.harmonics();
        let shape = (audio.channels() * harmonics, self.frames(audio.len()), self.bins());
        let mut data = Array3::zeros(shape);
        let block = block_frames(&self.bank, self.config.cqt.hop);
        for (channel, mut map) in data.axis_chunks_iter_mut(Axis(0), harmonics).enumerate() {
            in_blocks(map.axis_chunks_iter_mut(Axis(1), block), |index, mut rows| {
                self.fill(audio.channel(channel), index * block, &mut rows);
            });
        }
        Ok(FeatureMap { grid: self.grid, axis: self.axis(), data })
    }

    /// The magnitudes of one channel into `out`, `[harmonics, frames, bins]`, on this thread.
    ///
    /// # Panics
    /// If `out` has another shape.
    pub fn process_into(&self, samples: &[f32], out: &mut ArrayRef3<f32>) {
        let shape = (self.harmonics(), self.frames(samples.len()), self.bins());
        assert_eq!(out.dim(), shape, "shape of the output");
        self.fill(samples, 0, &mut out.view_mut());
    }

    /// The magnitudes of the frames from `first` on of one channel into `out`, `[harmonics, frames, bins]`:
    /// equal to the same frames of the whole.
    ///
    /// # Panics
    /// If the frames reach past [`frames`](Self::frames), or `out` has another number of harmonics or bins.
    pub fn process_frames(&self, samples: &[f32], first: usize, out: &mut ArrayRef3<f32>) {
        let (harmonics, count, bins) = out.dim();
        assert_eq!((harmonics, bins), (self.harmonics(), self.bins()), "shape of the output");
        assert!(first + count <= self.frames(samples.len()), "frames past the end");
        self.fill(samples, first, &mut out.view_mut());
    }

    fn fill(&self, samples: &[f32], first: usize, out: &mut ArrayViewMut3<'_, f32>) {
        let source = Extended { samples, pad: self.config.cqt.pad };
        let frames = first..first + out.dim().1;
        let mut planes = Planes { first, targets: &self.targets, out };
        run(&self.bank, source, self.config.cqt.hop, frames, &mut planes);
    }
}

/// Frames into the rows of the harmonics that have a group.
struct Planes<'a, 'b> {
    first: usize,
    targets: &'a [Vec<(usize, usize)>],
    out: &'a mut ArrayViewMut3<'b, f32>,
}

impl Sink for Planes<'_, '_> {
    fn take(
        &mut self,
        frame: usize,
        group: usize,
        bins: &[Complex<f32>],
        phase: &dyn Fn() -> Complex<f32>,
    ) {
        for &(harmonic, first_bin) in &self.targets[group] {
            let mut plane = self.out.index_axis_mut(Axis(0), harmonic);
            let mut row = plane.row_mut(frame - self.first);
            put::<Magnitude>(&mut row, first_bin, bins, phase);
        }
    }
}
