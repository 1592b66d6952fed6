//! Spectral flux: how much does the spectrum change from frame to frame?

use mir_core::{AudioBuffer, FrameGrid};
use ndarray::{Array3, ArrayRef2, s};
use serde::{Deserialize, Serialize};

use super::moments::{default_stft, magnitudes};
use crate::{BinAxis, Error, FeatureMap, Result, Spectrogram, StftConfig, Streaming};

/// How the changes of all bins are put together.
///
/// ```
/// use mir_features::{FluxNorm, SpectralFluxConfig};
/// assert_eq!(SpectralFluxConfig::default().norm, FluxNorm::L1);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FluxNorm {
    /// Their sum.
    #[default]
    L1,
    /// The root of the sum of their squares.
    L2,
}

/// Which changes of the spectrum should count.
///
/// ```
/// use mir_features::{SpectralFlux, SpectralFluxConfig};
/// let config = SpectralFluxConfig { lag: 2, ..SpectralFluxConfig::default() };
/// assert!(SpectralFlux::new(config).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpectralFluxConfig {
    /// The transform.
    pub stft: StftConfig,
    /// Frames back to the spectrum that is compared with, 1 to 1024.
    pub lag: usize,
    /// Counts growth only (half-wave rectification), as onset detection wants it.
    pub rectified: bool,
    /// How the changes are put together.
    pub norm: FluxNorm,
}

impl Default for SpectralFluxConfig {
    /// Growth since the last frame, summed (Dixon 2006, "Onset detection revisited", section 2.2).
    fn default() -> Self {
        Self { stft: default_stft(), lag: 1, rectified: true, norm: FluxNorm::L1 }
    }
}

/// The change of the magnitude spectrum, one value for each frame: `Σ_b H(|X[k, b]| − |X[k − lag, b]|)`
/// with `H(x) = max(0, x)`, or `|x|` unless rectified. The first `lag` frames are 0.
///
/// ```
/// use mir_features::{AudioBuffer, SampleRate, SpectralFlux, SpectralFluxConfig};
/// let flux = SpectralFlux::new(SpectralFluxConfig::default())?;
/// let click = (0..8192).map(|n| if n == 4096 { 1.0 } else { 0.0 }).collect();
/// let map = flux.process(&AudioBuffer::mono(SampleRate::HZ_22050, click))?;
/// assert_eq!(map.data.dim(), (1, 17, 1));
/// assert!(map.data[(0, 7, 0)] > 100.0); // the window slides onto the click …
/// assert!(map.data[(0, 9, 0)] < 1e-3); // … and off again
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Debug)]
pub struct SpectralFlux {
    config: SpectralFluxConfig,
    spectrogram: Spectrogram,
}

impl SpectralFlux {
    /// Validates the configuration and plans the transform.
    ///
    /// # Errors
    /// As [`StftConfig::validate`]; [`Error::OutOfRange`] for the lag.
    pub fn new(config: SpectralFluxConfig) -> Result<Self> {
        if config.lag == 0 || config.lag > 1024 {
            return Err(Error::OutOfRange {
                field: "lag",
                expected: "1 to 1024 frames",
                actual: config.lag as f64,
            });
        }
        Ok(Self { spectrogram: magnitudes(&config.stft)?, config })
    }

    /// The configuration.
    pub const fn config(&self) -> &SpectralFluxConfig {
        &self.config
    }

    /// Time of the frames.
    pub fn grid(&self) -> FrameGrid {
        self.spectrogram.grid()
    }

    /// Number of frames of a recording of `samples` samples.
    pub fn frames(&self, samples: usize) -> usize {
        self.spectrogram.frames(samples)
    }

    /// The flux of every channel, `[channels, frames, 1]`. Allocates.
    ///
    /// # Errors
    /// [`Error::SampleRate`] for audio of another rate, [`Error::Core`] for samples that are not finite.
    pub fn process(&self, audio: &AudioBuffer) -> Result<FeatureMap> {
        self.process_spectrum(&self.spectrogram.process(audio)?)
    }

    /// The flux of one channel into `out`, `[frames, 1]`, on this thread, holding on to `lag` spectra.
    ///
    /// # Panics
    /// If `out` has another shape.
    pub fn process_into(&self, samples: &[f32], out: &mut ArrayRef2<f32>) {
        assert_eq!(out.dim(), (self.frames(samples.len()), 1), "shape of the output");
        let mut state = State::new(self);
        let mut spectrum = ndarray::Array2::zeros((1, self.spectrogram.bins()));
        for (frame, slot) in out.iter_mut().enumerate() {
            self.spectrogram
                .process_frames(samples, frame..frame + 1, &mut spectrum)
                .expect("a spectrogram is local");
            let spectrum = spectrum.as_slice().expect("one row");
            *slot = state.push(&self.config, spectrum);
        }
    }

    /// The flux of spectra that are there already, `[channels, frames, n_fft / 2 + 1]`. Allocates.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of bins.
    pub fn process_spectrum(&self, spectra: &FeatureMap) -> Result<FeatureMap> {
        let (channels, frames, bins) = spectra.data.dim();
        if bins != self.spectrogram.bins() {
            return Err(Error::Shape {
                what: "spectrogram",
                expected: vec![channels, frames, self.spectrogram.bins()],
                actual: vec![channels, frames, bins],
            });
        }
        let lag = self.config.lag;
        let mut data = Array3::zeros((channels, frames, 1));
        for channel in 0..channels {
            for frame in lag..frames {
                let now = spectra.data.slice(s![channel, frame, ..]);
                let before = spectra.data.slice(s![channel, frame - lag, ..]);
                data[(channel, frame, 0)] = change(&self.config, now.iter(), before.iter());
            }
        }
        let axis = BinAxis::values("spectral flux", 1);
        Ok(FeatureMap { grid: spectra.grid, axis, data })
    }

    /// Starts a stream of one channel that gives the flux as the samples arrive.
    pub fn stream(self) -> StreamingSpectralFlux {
        let state = State::new(&self);
        let spectrum = vec![0.0; self.spectrogram.bins()];
        let stream = Streaming::new(self.spectrogram).expect("a spectrogram is local");
        StreamingSpectralFlux { config: self.config, stream, state, spectrum }
    }
}

fn change<'a>(
    config: &SpectralFluxConfig,
    now: impl Iterator<Item = &'a f32>,
    before: impl Iterator<Item = &'a f32>,
) -> f32 {
    let differences = now.zip(before).map(|(&now, &before)| {
        let difference = f64::from(now) - f64::from(before);
        if config.rectified { difference.max(0.0) } else { difference.abs() }
    });
    (match config.norm {
        FluxNorm::L1 => differences.sum::<f64>(),
        FluxNorm::L2 => differences.map(|d| d * d).sum::<f64>().sqrt(),
    }) as f32
}

/// The last `lag` spectra.
#[derive(Debug)]
struct State {
    spectra: Vec<Vec<f32>>,
    frames: usize,
}

impl State {
    fn new(flux: &SpectralFlux) -> Self {
        Self { spectra: vec![vec![0.0; flux.spectrogram.bins()]; flux.config.lag], frames: 0 }
    }

    /// The flux of the next spectrum.
    fn push(&mut self, config: &SpectralFluxConfig, spectrum: &[f32]) -> f32 {
        let lag = self.spectra.len();
        let before = &mut self.spectra[self.frames % lag];
        let flux =
            if self.frames < lag { 0.0 } else { change(config, spectrum.iter(), before.iter()) };
        before.copy_from_slice(spectrum);
        self.frames += 1;
        flux
    }
}

/// Push samples, pop flux: bit for bit the values of [`SpectralFlux::process_into`] on the whole.
///
/// ```
/// use mir_features::{SpectralFlux, SpectralFluxConfig};
/// let mut stream = SpectralFlux::new(SpectralFluxConfig::default())?.stream();
/// stream.push(&[0.0; 8192]);
/// assert_eq!(stream.pop(), Some(0.0));
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Debug)]
pub struct StreamingSpectralFlux {
    config: SpectralFluxConfig,
    stream: Streaming<Spectrogram>,
    state: State,
    spectrum: Vec<f32>,
}

impl StreamingSpectralFlux {
    /// Adds the next samples.
    ///
    /// # Panics
    /// After [`finish`](Self::finish).
    pub fn push(&mut self, samples: &[f32]) {
        self.stream.push(samples);
    }

    /// Says that no more samples follow.
    pub const fn finish(&mut self) {
        self.stream.finish();
    }

    /// The flux of the next frame, `None` if its samples have not all arrived.
    pub fn pop(&mut self) -> Option<f32> {
        self.stream
            .pop_into(&mut self.spectrum)
            .then(|| self.state.push(&self.config, &self.spectrum))
    }
}
