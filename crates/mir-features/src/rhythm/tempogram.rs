//! Tempograms: which periods does the onset strength have around each moment?

use std::{fmt, sync::Arc};

use mir_core::FrameGrid;
use mir_fft::{ComplexToReal, RealPlanner64, RealToComplex};
use ndarray::{Array3, ArrayRef1};
use serde::{Deserialize, Serialize};

use crate::{
    BinAxis, Error, FeatureMap, FrameLayout, Pad, Result, Spectrum, Stft, StftConfig, VectorNorm,
    Window,
};

/// Checks the length of a window in frames.
fn check_win_length(win_length: usize, multiple: usize, expected: &'static str) -> Result<()> {
    if (2..=1 << 20).contains(&win_length) && win_length.is_multiple_of(multiple) {
        return Ok(());
    }
    Err(Error::OutOfRange { field: "win_length", expected, actual: win_length as f64 })
}

/// How autocorrelation should be taken.
///
/// ```
/// use mir_features::{Tempogram, TempogramConfig};
/// let config = TempogramConfig { win_length: 200, ..TempogramConfig::default() };
/// assert!(Tempogram::new(config).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TempogramConfig {
    /// Frames that are correlated, 2 to 1048576: the largest lag is one less.
    pub win_length: usize,
    /// Shape of the window over them.
    pub window: Window,
    /// Centres the window on each frame, the curve fading linearly beyond its ends; otherwise it begins
    /// there, and there are `win_length − 1` frames less.
    pub centred: bool,
    /// Length that each frame is scaled to.
    pub norm: VectorNorm,
}

impl Default for TempogramConfig {
    /// librosa's: 384 frames (8.9 s at 22.05 kHz, hop 512).
    fn default() -> Self {
        Self { win_length: 384, window: Window::Hann, centred: true, norm: VectorNorm::Max }
    }
}

/// A planned autocorrelation tempogram (Grosche, Müller and Kurth 2010): for each frame of an onset curve, the
/// correlation of its neighbourhood with itself, lag by lag. It takes curves as a whole: there is no streaming form.
///
/// ```
/// use mir_features::{FeatureMap, BinAxis, FrameGrid, SampleRate, Tempogram, TempogramConfig};
/// let pulses = ndarray::Array3::from_shape_fn((1, 400, 1), |(_, n, _)| (n % 20 == 0) as u8 as f32);
/// let strength = FeatureMap {
///     grid: FrameGrid::new(SampleRate::HZ_22050, 512, 0)?,
///     axis: BinAxis::Values { name: "onset strength".to_owned(), bins: 1 },
///     data: pulses,
/// };
/// let map = Tempogram::new(TempogramConfig::default())?.process(&strength);
/// assert_eq!(map.data.dim(), (1, 400, 384));
/// assert!(map.data[(0, 200, 20)] > 0.9 && map.data[(0, 200, 10)] < 0.1);
/// # Ok::<(), mir_features::Error>(())
/// ```
pub struct Tempogram {
    config: TempogramConfig,
    window: Vec<f64>,
    forward: Arc<dyn RealToComplex<f64>>,
    inverse: Arc<dyn ComplexToReal<f64>>,
}

impl fmt::Debug for Tempogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tempogram").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Tempogram {
    /// Validates the configuration and plans the transform.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for the first field that is not admissible.
    pub fn new(config: TempogramConfig) -> Result<Self> {
        check_win_length(config.win_length, 1, "2 to 1048576 frames")?;
        config.window.validate()?;
        config.norm.validate()?;
        // Long enough that the circular correlation does not wrap round.
        let n_fft = (2 * config.win_length).next_power_of_two();
        let mut planner = RealPlanner64::new();
        Ok(Self {
            window: config.window.coefficients(config.win_length),
            forward: planner.plan_fft_forward(n_fft),
            inverse: planner.plan_fft_inverse(n_fft),
            config,
        })
    }

    /// The configuration.
    pub const fn config(&self) -> &TempogramConfig {
        &self.config
    }

    /// Number of frames for a curve of `frames`.
    pub fn frames(&self, frames: usize) -> usize {
        if self.config.centred {
            frames
        } else {
            (frames + 1).saturating_sub(self.config.win_length)
        }
    }

    /// The tempo of each lag on a grid, beats per minute; infinite for lag 0.
    pub fn axis(&self, grid: &FrameGrid) -> BinAxis {
        let tempo = |lag: usize| 60.0 * grid.frame_rate() / lag as f64;
        BinAxis::Tempo { bpm: (0..self.config.win_length).map(tempo).collect() }
    }

    /// The tempogram of onset strength `[channels, frames, 1]` (of the first band, if there are more):
    /// `[channels, frames, win_length]`. Allocates.
    pub fn process(&self, strength: &FeatureMap) -> FeatureMap {
        let length = self.config.win_length;
        let shape = (strength.channels(), self.frames(strength.frames()), length);
        let mut data = Array3::zeros(shape);
        let mut frame = self.forward.make_input_vec();
        let mut spectrum = self.forward.make_output_vec();
        for (input, mut out) in strength.data.outer_iter().zip(data.outer_iter_mut()) {
            let curve = self.padded(&input.column(0));
            for (start, mut row) in out.rows_mut().into_iter().enumerate() {
                frame.fill(0.0);
                let samples = curve[start..start + length].iter().zip(&self.window);
                frame.iter_mut().zip(samples).for_each(|(slot, (&x, &w))| *slot = x * w);
                self.forward.process(&mut frame, &mut spectrum).expect("planned sizes");
                spectrum.iter_mut().for_each(|c| *c = c.norm_sqr().into());
                self.inverse.process(&mut spectrum, &mut frame).expect("planned sizes");
                let scale = frame.len() as f64;
                row.iter_mut().zip(&frame).for_each(|(slot, &y)| *slot = (y / scale) as f32);
                let row = row.as_slice_mut().expect("rows of a new map are contiguous");
                self.config.norm.normalise(row);
            }
        }
        // Uncentred windows are dated to their middle.
        let origin = if self.config.centred { 0 } else { length as i64 / 2 };
        let origin = strength.grid.origin() + origin * i64::from(strength.grid.hop());
        let axis = self.axis(&strength.grid);
        FeatureMap { grid: strength.grid.with_origin(origin), axis, data }
    }

    /// The curve with half a window of linear fading on both sides.
    fn padded(&self, curve: &ArrayRef1<f32>) -> Vec<f64> {
        let middle = curve.iter().map(|&x| f64::from(x));
        if !self.config.centred {
            return middle.collect();
        }
        let pad = self.config.win_length / 2;
        let end = |x: Option<&f32>| x.map_or(0.0, |&x| f64::from(x));
        let (first, last) = (end(curve.first()), end(curve.last()));
        let ramp = |i: usize| i as f64 / pad as f64;
        let mut padded: Vec<f64> = (0..pad).map(|i| first * ramp(i)).collect();
        padded.extend(middle);
        padded.extend((0..pad).rev().map(|i| last * ramp(i)));
        padded
    }
}

/// How the Fourier tempogram should be cut.
///
/// ```
/// use mir_features::{FourierTempogram, FourierTempogramConfig};
/// let config = FourierTempogramConfig { win_length: 200, ..FourierTempogramConfig::default() };
/// assert!(FourierTempogram::new(config).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FourierTempogramConfig {
    /// Frames that are transformed, an even number from 2 to 1048576.
    pub win_length: usize,
    /// Shape of the window over them.
    pub window: Window,
    /// Centres the window on each frame, zeros beyond the ends; otherwise it begins there.
    pub centred: bool,
}

impl Default for FourierTempogramConfig {
    /// librosa's: 384 frames.
    fn default() -> Self {
        Self { win_length: 384, window: Window::Hann, centred: true }
    }
}

/// A planned Fourier tempogram: the short-time Fourier transform of an onset curve, frame by frame. It takes
/// curves as a whole: there is no streaming form.
///
/// ```
/// use mir_features::{FeatureMap, BinAxis, FourierTempogram, FrameGrid, SampleRate, SpectrumPower};
/// let strength = FeatureMap {
///     grid: FrameGrid::new(SampleRate::HZ_22050, 512, 0)?,
///     axis: BinAxis::Values { name: "onset strength".to_owned(), bins: 1 },
///     data: ndarray::Array3::from_shape_fn((1, 400, 1), |(_, n, _)| (n % 20 == 0) as u8 as f32),
/// };
/// let tempogram = FourierTempogram::new(Default::default())?.process(&strength)?;
/// assert_eq!(tempogram.data.dim(), (1, 401, 193));
/// let map = tempogram.magnitude(SpectrumPower::Magnitude);
/// assert_eq!(map.bins(), 193);
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Debug)]
pub struct FourierTempogram {
    config: FourierTempogramConfig,
    stft: Stft,
}

impl FourierTempogram {
    /// Validates the configuration and plans the transform.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for the first field that is not admissible.
    pub fn new(config: FourierTempogramConfig) -> Result<Self> {
        check_win_length(config.win_length, 2, "an even number from 2 to 1048576 frames")?;
        Ok(Self { stft: Stft::new(Self::stft_config(&config))?, config })
    }

    pub(super) fn stft_config(config: &FourierTempogramConfig) -> StftConfig {
        StftConfig {
            n_fft: config.win_length,
            hop: 1,
            window: config.window,
            layout: if config.centred { FrameLayout::Centred } else { FrameLayout::Inside },
            pad: Pad::Zero,
            ..StftConfig::default()
        }
    }

    /// The configuration.
    pub const fn config(&self) -> &FourierTempogramConfig {
        &self.config
    }

    /// The tempo of each bin on a grid, beats per minute.
    pub fn axis(&self, grid: &FrameGrid) -> BinAxis {
        let length = self.config.win_length;
        let tempo = |bin: usize| bin as f64 * 60.0 * grid.frame_rate() / length as f64;
        BinAxis::Tempo { bpm: (0..=length / 2).map(tempo).collect() }
    }

    /// The complex tempogram of onset strength `[channels, frames, 1]` (of the first band, if there are
    /// more): `[channels, frames + 1, win_length / 2 + 1]` if centred. Allocates.
    ///
    /// # Errors
    /// [`Error::Core`] for values that are not finite.
    pub fn process(&self, strength: &FeatureMap) -> Result<Spectrum> {
        let curves: Vec<Vec<f32>> =
            strength.data.outer_iter().map(|channel| channel.column(0).to_vec()).collect();
        let rate = self.stft.config().sample_rate;
        let audio = mir_core::AudioBuffer::from_channels(rate, &curves)?;
        let mut spectrum = self.stft.spectrum(&audio)?;
        let origin = self.stft.grid().origin() * i64::from(strength.grid.hop());
        spectrum.grid = strength.grid.with_origin(strength.grid.origin() + origin);
        spectrum.axis = self.axis(&strength.grid);
        Ok(spectrum)
    }
}
