//! Onset strength: how much does the spectrum grow from frame to frame?

use std::{collections::VecDeque, ops::Range};

use mir_core::{AudioBuffer, FrameGrid, SampleRate};
use ndarray::{Array3, ArrayRef2};
use serde::{Deserialize, Serialize};

use crate::{BinAxis, Error, FeatureMap, LogMel, LogMelConfig, Result, StreamingLogMel};

/// How the growth of several bins is put together.
///
/// ```
/// use mir_features::{BeatTrackerConfig, OnsetAggregate};
/// let strength = BeatTrackerConfig::default().tempo.strength;
/// assert_eq!(strength.aggregate, OnsetAggregate::Median);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnsetAggregate {
    /// Their mean.
    #[default]
    Mean,
    /// Their median, which beat tracking takes.
    Median,
    /// The largest.
    Max,
}

/// How onset strength should be computed.
///
/// ```
/// use mir_features::{OnsetStrength, OnsetStrengthConfig};
/// let config = OnsetStrengthConfig { lag: 2, ..OnsetStrengthConfig::default() };
/// assert!(OnsetStrength::new(config).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OnsetStrengthConfig {
    /// The spectrogram whose growth counts.
    pub log_mel: LogMelConfig,
    /// Frames back to the spectrum that is compared with, 1 to 1024.
    pub lag: usize,
    /// Bins whose maximum is compared with, 1 to 65536: more than 1 ignores vibrato (Böck and Widmer 2013).
    pub max_size: usize,
    /// Removes the mean with a high-pass filter, `y[k] = x[k] − x[k−1] + 0.99·y[k−1]`.
    pub detrend: bool,
    /// Shifts the result by half a frame, so that an onset is dated to its attack.
    pub centred: bool,
    /// How the growth of the bins of a band is put together.
    pub aggregate: OnsetAggregate,
    /// Bins of each band (`onset_strength_multi`); none for one band of all bins.
    pub bands: Vec<Range<usize>>,
}

impl Default for OnsetStrengthConfig {
    /// [`librosa`](Self::librosa) at 22.05 kHz.
    fn default() -> Self {
        Self::librosa(SampleRate::HZ_22050)
    }
}

impl OnsetStrengthConfig {
    /// `librosa.onset.onset_strength` with its defaults.
    pub fn librosa(sample_rate: SampleRate) -> Self {
        Self {
            log_mel: LogMelConfig::librosa(sample_rate),
            lag: 1,
            max_size: 1,
            detrend: false,
            centred: true,
            aggregate: OnsetAggregate::Mean,
            bands: vec![],
        }
    }
}

/// Planned onset strength: the mean over bins of `max(0, S[k] − S[k − lag])`.
///
/// ```
/// use mir_features::{AudioBuffer, OnsetStrength, OnsetStrengthConfig, SampleRate};
/// let click = (0..22_050).map(|n| if n == 11_025 { 1.0 } else { 0.0 }).collect();
/// let strength = OnsetStrength::new(OnsetStrengthConfig::default())?;
/// let map = strength.process(&AudioBuffer::mono(SampleRate::HZ_22050, click))?;
/// assert_eq!(map.data.dim(), (1, 44, 1));
/// let strongest = (0..44).max_by(|&a, &b| map.data[(0, a, 0)].total_cmp(&map.data[(0, b, 0)]));
/// assert!((map.grid.time_of(strongest.unwrap()) - 0.5).abs() < 0.05);
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Debug)]
pub struct OnsetStrength {
    config: OnsetStrengthConfig,
    log_mel: LogMel,
}

impl OnsetStrength {
    /// Validates the configuration and plans the spectrogram.
    ///
    /// # Errors
    /// As [`LogMelConfig::validate`]; [`Error::OutOfRange`] for lag, size of the maximum, or a band that is
    /// empty or ends past the last bin.
    pub fn new(config: OnsetStrengthConfig) -> Result<Self> {
        let check = |field, value: usize, ok, expected| {
            let actual = value as f64;
            if ok { Ok(()) } else { Err(Error::OutOfRange { field, expected, actual }) }
        };
        check("lag", config.lag, (1..=1024).contains(&config.lag), "1 to 1024 frames")?;
        let size = config.max_size;
        check("max_size", size, (1..=1 << 16).contains(&size), "1 to 65536 bins")?;
        for band in &config.bands {
            let ok = !band.is_empty() && band.end <= config.log_mel.n_mels;
            check("bands", band.end, ok, "bands of at least one bin up to n_mels")?;
        }
        Ok(Self { log_mel: LogMel::new(config.log_mel.clone())?, config })
    }

    /// The configuration.
    pub const fn config(&self) -> &OnsetStrengthConfig {
        &self.config
    }

    /// Time of the frames.
    pub fn grid(&self) -> FrameGrid {
        self.log_mel.grid()
    }

    /// Number of bands.
    pub fn bins(&self) -> usize {
        self.config.bands.len().max(1)
    }

    /// Onset strength of every channel, `[channels, frames, bands]`. Allocates.
    ///
    /// # Errors
    /// [`Error::SampleRate`] for audio of another rate, [`Error::Core`] for samples that are not finite.
    pub fn process(&self, audio: &AudioBuffer) -> Result<FeatureMap> {
        Ok(self.process_spectrogram(&self.log_mel.process(audio)?))
    }

    /// Onset strength from a spectrogram in decibels, whatever made it. Allocates.
    ///
    /// # Panics
    /// If a band of the configuration ends past the last bin.
    pub fn process_spectrogram(&self, spectrogram: &FeatureMap) -> FeatureMap {
        let shape = (spectrogram.channels(), spectrogram.frames(), self.bins());
        let mut data = Array3::zeros(shape);
        for (input, mut out) in spectrogram.data.outer_iter().zip(data.outer_iter_mut()) {
            self.channel(&input, &mut out);
        }
        let axis = BinAxis::values("onset strength", self.bins());
        FeatureMap { grid: spectrogram.grid, axis, data }
    }

    fn channel(&self, spectrogram: &ArrayRef2<f32>, out: &mut ArrayRef2<f32>) {
        let (frames, bins) = spectrogram.dim();
        let shift = self.config.shift();
        // Rows need not be contiguous.
        let row = |frame: usize| spectrogram.row(frame).to_vec();
        let mut growth = vec![0.0; bins];
        let mut bands = vec![0.0; self.bins()];
        // Without the shift, librosa's result has the length of the input too.
        for frame in self.config.lag..frames.saturating_sub(shift) {
            let (now, before) = (row(frame), row(frame - self.config.lag));
            self.config.growth_into(&now, &before, &mut growth, &mut bands);
            out.row_mut(frame + shift).iter_mut().zip(&bands).for_each(|(slot, &y)| *slot = y);
        }
        if self.config.detrend {
            for mut band in out.columns_mut() {
                let mut filter = Detrend::default();
                band.iter_mut().for_each(|value| *value = filter.next(*value));
            }
        }
    }

    /// Starts a stream of one channel.
    ///
    /// # Errors
    /// [`Error::NeedsWholeSignal`] if the spectrogram has a `top_db`, as librosa's has.
    pub fn stream(self) -> Result<StreamingOnsetStrength> {
        let bands = self.bins();
        Ok(StreamingOnsetStrength {
            next: vec![0.0; self.config.log_mel.n_mels],
            growth: vec![0.0; self.config.log_mel.n_mels],
            spectra: VecDeque::new(),
            filters: vec![Detrend::default(); bands],
            log_mel: self.log_mel.stream()?,
            config: self.config,
        })
    }
}

impl OnsetStrengthConfig {
    /// Frames that the result is shifted by.
    fn shift(&self) -> usize {
        if self.centred { self.log_mel.n_fft / (2 * self.log_mel.hop as usize) } else { 0 }
    }

    /// The growth from one spectrum to another: of all bins, and of the bands.
    fn growth_into(&self, now: &[f32], before: &[f32], growth: &mut [f32], out: &mut [f32]) {
        let bins = now.len();
        for (bin, (slot, now)) in growth.iter_mut().zip(now).enumerate() {
            let near =
                bin.saturating_sub(self.max_size / 2)..(bin + self.max_size.div_ceil(2)).min(bins);
            let before = before[near].iter().copied().fold(f32::NEG_INFINITY, f32::max);
            *slot = (now - before).max(0.0);
        }
        let whole = 0..bins;
        let bands = match &self.bands[..] {
            [] => std::slice::from_ref(&whole),
            bands => bands,
        };
        for (slot, band) in out.iter_mut().zip(bands) {
            *slot = self.aggregate.of(&mut growth[band.clone()].to_vec());
        }
    }
}

/// The high-pass filter that removes the mean.
#[derive(Clone, Copy, Debug, Default)]
struct Detrend {
    input: f64,
    output: f64,
}

impl Detrend {
    fn next(&mut self, value: f32) -> f32 {
        self.output = f64::from(value) - self.input + 0.99 * self.output;
        self.input = f64::from(value);
        self.output as f32
    }
}

/// Push samples, pop onset strength: bit for bit that of [`OnsetStrength::process`] on the whole.
///
/// ```
/// use mir_features::{LogMelConfig, OnsetStrength, OnsetStrengthConfig, SampleRate};
/// let log_mel = LogMelConfig { top_db: None, ..LogMelConfig::librosa(SampleRate::HZ_22050) };
/// let config = OnsetStrengthConfig { log_mel, ..OnsetStrengthConfig::default() };
/// let mut stream = OnsetStrength::new(config)?.stream()?;
/// stream.push(&[0.0; 22_050]);
/// stream.finish();
/// let (mut strength, mut frames) = ([1.0], 0);
/// while stream.pop_into(&mut strength) {
///     assert_eq!(strength, [0.0]);
///     frames += 1;
/// }
/// assert_eq!(frames, 44);
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Debug)]
pub struct StreamingOnsetStrength {
    config: OnsetStrengthConfig,
    log_mel: StreamingLogMel,
    /// The last `lag + shift + 1` spectra, or as many as there have been.
    spectra: VecDeque<Vec<f32>>,
    /// Room for the next one.
    next: Vec<f32>,
    growth: Vec<f32>,
    filters: Vec<Detrend>,
}

impl StreamingOnsetStrength {
    /// Adds the next samples.
    ///
    /// # Panics
    /// After [`finish`](Self::finish).
    pub fn push(&mut self, samples: &[f32]) {
        self.log_mel.push(samples);
    }

    /// Says that no more samples follow.
    pub const fn finish(&mut self) {
        self.log_mel.finish();
    }

    /// The next frame into `out`, or `false` if its samples have not all arrived.
    ///
    /// # Panics
    /// If `out` has not as many elements as there are bands.
    pub fn pop_into(&mut self, out: &mut [f32]) -> bool {
        assert_eq!(out.len(), self.filters.len(), "bands of the output");
        let kept = self.config.lag + self.config.shift() + 1;
        if !self.log_mel.pop_into(&mut self.next) {
            return false;
        }
        let oldest = if self.spectra.len() == kept { self.spectra.pop_front() } else { None };
        let free = oldest.unwrap_or_else(|| vec![0.0; self.next.len()]);
        self.spectra.push_back(std::mem::replace(&mut self.next, free));
        out.fill(0.0);
        if self.spectra.len() == kept {
            let (now, before) = (&self.spectra[self.config.lag], &self.spectra[0]);
            self.config.growth_into(now, before, &mut self.growth, out);
        }
        if self.config.detrend {
            for (value, filter) in out.iter_mut().zip(&mut self.filters) {
                *value = filter.next(*value);
            }
        }
        true
    }
}

impl OnsetAggregate {
    /// Of at least one value, which may be sorted on the way.
    fn of(self, values: &mut [f32]) -> f32 {
        let n = values.len();
        match self {
            Self::Mean => (values.iter().map(|&x| f64::from(x)).sum::<f64>() / n as f64) as f32,
            Self::Max => values.iter().copied().fold(0.0, f32::max),
            Self::Median => {
                let (below, &mut upper, _) = values.select_nth_unstable_by(n / 2, f32::total_cmp);
                if n % 2 == 1 {
                    return upper;
                }
                let lower = below.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                ((f64::from(lower) + f64::from(upper)) / 2.0) as f32
            }
        }
    }
}
