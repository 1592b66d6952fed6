//! Per-channel energy normalisation: loudness relative to what each bin has heard lately.
//!
//! `M[k] = b·E[k] + (1 − b)·M[k−1]` with `M[−1] = 1`, and `y = (E / (ε + M)^g + d)^p − d^p` (Wang et al. 2017,
//! "Trainable frontend for robust and far-field keyword spotting"). Causal: a stream gives the same bits.

use mir_core::FrameGrid;
use ndarray::ArrayRef2;
use serde::{Deserialize, Serialize};

use crate::{Error, FeatureMap, Result};

/// How energies should be normalised.
///
/// ```
/// use mir_features::{FrameGrid, Pcen, PcenConfig, SampleRate};
/// let config = PcenConfig { gain: 0.8, ..PcenConfig::default() };
/// assert!(Pcen::new(config, &FrameGrid::new(SampleRate::HZ_16000, 160, 0)?).is_ok());
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PcenConfig {
    /// Gain `g`, at least 0.
    pub gain: f64,
    /// Bias `d`, at least 0.
    pub bias: f64,
    /// Exponent `p`, at least 0; 0 stands for a logarithm, `ln(1 + E/(ε + M)^g)`.
    pub power: f64,
    /// Time constant of the smoothing in seconds, above 0.
    pub time_constant: f64,
    /// `ε`, above 0.
    pub eps: f64,
    /// Coefficient `b`, 0 to 1, instead of the time constant.
    pub smoothing: Option<f64>,
    /// Bins whose maximum is smoothed, 1 to 65536: 1 for each bin alone.
    pub max_size: usize,
}

impl Default for PcenConfig {
    /// librosa's.
    fn default() -> Self {
        Self {
            gain: 0.98,
            bias: 2.0,
            power: 0.5,
            time_constant: 0.4,
            eps: 1e-6,
            smoothing: None,
            max_size: 1,
        }
    }
}

impl PcenConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for the first field that is not admissible.
    pub fn validate(&self) -> Result<()> {
        let check = |field, value: f64, ok: bool, expected| {
            if ok && value.is_finite() {
                Ok(())
            } else {
                Err(Error::OutOfRange { field, expected, actual: value })
            }
        };
        let from_zero = "a finite number from 0";
        check("gain", self.gain, self.gain >= 0.0, from_zero)?;
        check("bias", self.bias, self.bias >= 0.0, from_zero)?;
        check("power", self.power, self.power >= 0.0, from_zero)?;
        let above_zero = "a finite number above 0";
        check("time_constant", self.time_constant, self.time_constant > 0.0, above_zero)?;
        check("eps", self.eps, self.eps > 0.0, above_zero)?;
        if let Some(b) = self.smoothing {
            check("smoothing", b, (0.0..=1.0).contains(&b), "0 to 1")?;
        }
        let size = self.max_size;
        check("max_size", size as f64, (1..=1 << 16).contains(&size), "1 to 65536")
    }
}

/// A planned normalisation of energies, frames at a known rate.
///
/// ```
/// use mir_features::{FrameGrid, Pcen, PcenConfig, SampleRate};
/// let pcen = Pcen::new(PcenConfig::default(), &FrameGrid::new(SampleRate::HZ_22050, 512, 0)?)?;
/// let mut state = pcen.state(1);
/// let mut frame = [0.0];
/// for _ in 0..200 {
///     frame = [100.0];
///     pcen.frame_in_place(&mut state, &mut frame);
/// }
/// // A steady tone settles at (E^(1 − g) + d)^p − d^p, whatever its level.
/// let expected = (100f32.powf(0.02) + 2.0).sqrt() - 2f32.sqrt();
/// assert!((frame[0] - expected).abs() < 1e-3);
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Pcen {
    config: PcenConfig,
    b: f64,
}

/// What the bins have heard lately.
///
/// ```
/// use mir_features::{FrameGrid, Pcen, PcenConfig, SampleRate};
/// let pcen = Pcen::new(PcenConfig::default(), &FrameGrid::new(SampleRate::HZ_22050, 512, 0)?)?;
/// let (mut state, mut frame) = (pcen.state(2), [1.0, 100.0]);
/// pcen.frame_in_place(&mut state, &mut frame);
/// assert!(frame[1] > frame[0]);
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct PcenState {
    smooth: Vec<f64>,
    energies: Vec<f32>,
}

impl Pcen {
    /// Validates the configuration and derives the smoothing from the frame rate of `grid`: with a time
    /// constant of `T` frames, `b = (√(1 + 4T²) − 1) / 2T²`.
    ///
    /// # Errors
    /// As [`PcenConfig::validate`].
    pub fn new(config: PcenConfig, grid: &FrameGrid) -> Result<Self> {
        config.validate()?;
        let frames = config.time_constant * grid.frame_rate();
        let from_time = ((1.0 + 4.0 * frames.powi(2)).sqrt() - 1.0) / (2.0 * frames.powi(2));
        Ok(Self { b: config.smoothing.unwrap_or(from_time), config })
    }

    /// The configuration.
    pub const fn config(&self) -> &PcenConfig {
        &self.config
    }

    /// The state before the first frame of a series with `bins` bins.
    pub fn state(&self, bins: usize) -> PcenState {
        PcenState { smooth: vec![1.0; bins], energies: vec![0.0; bins] }
    }

    /// Normalises the next frame: energies at least 0 in, loudnesses out. This is the streaming form.
    ///
    /// # Panics
    /// If the frame has another number of bins than the state.
    pub fn frame_in_place(&self, state: &mut PcenState, frame: &mut [f32]) {
        assert_eq!(frame.len(), state.smooth.len(), "bins of the frame");
        let PcenConfig { gain, bias, power, eps, max_size, .. } = self.config;
        state.energies.copy_from_slice(frame);
        for (bin, (slot, smooth)) in frame.iter_mut().zip(&mut state.smooth).enumerate() {
            let first = bin.saturating_sub(max_size / 2);
            let end = (bin + max_size.div_ceil(2)).min(state.energies.len());
            let reference = state.energies[first..end].iter().copied().fold(0.0, f32::max);
            *smooth = self.b * f64::from(reference) + (1.0 - self.b) * *smooth;
            let normalised =
                f64::from(*slot) * (-gain * (eps.ln() + (*smooth / eps).ln_1p())).exp();
            let loudness = if power <= 0.0 {
                normalised.ln_1p()
            } else if bias <= 0.0 {
                normalised.powf(power)
            } else {
                bias.powf(power) * (power * (normalised / bias).ln_1p()).exp_m1()
            };
            *slot = loudness as f32;
        }
    }

    /// Normalises one channel `[frames, bins]` in place.
    pub fn process_in_place(&self, map: &mut ArrayRef2<f32>) {
        let mut state = self.state(map.ncols());
        let mut frame = vec![0.0; map.ncols()];
        for mut row in map.rows_mut() {
            frame.iter_mut().zip(&row).for_each(|(slot, &x)| *slot = x);
            self.frame_in_place(&mut state, &mut frame);
            row.iter_mut().zip(&frame).for_each(|(slot, &y)| *slot = y);
        }
    }

    /// Normalises a map of energies, channel by channel. Allocates.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for an energy below 0.
    pub fn process(&self, map: &FeatureMap) -> Result<FeatureMap> {
        if let Some(&energy) = map.data.iter().find(|&&e| e < 0.0 || e.is_nan()) {
            return Err(Error::OutOfRange {
                field: "energy",
                expected: "at least 0",
                actual: f64::from(energy),
            });
        }
        let mut out = map.clone();
        for mut channel in out.data.outer_iter_mut() {
            self.process_in_place(&mut channel);
        }
        Ok(out)
    }
}
