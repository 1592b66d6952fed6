//! Log-mel spectrograms: how loud is each band of the mel scale, frame by frame?
//!
//! `y[k, i] = log(max(Σ_b W[i, b] · |X[k, b]|^p, floor))` with the STFT `X` of centred frames
//! ([`stft`](crate::stft)) and the mel weights `W` ([`mel`](crate::mel)).
//!
//! # Published front ends
//! | | [`hw3`](LogMelConfig::hw3) | [`jongwook`](LogMelConfig::jongwook) | [`magenta`](LogMelConfig::magenta) | [`hpt`](LogMelConfig::hpt) |
//! |---|---|---|---|---|
//! | rate, frame, hop | 16 kHz, 2048, 512 | same | same | 16 kHz, 2048, 160 |
//! | bands | 229, 30–8000 Hz | same | same | same |
//! | scale, height | HTK, 1 | HTK, unit area | HTK, unit area | Slaney, unit area |
//! | spectrum | power | magnitude | power | power |
//! | log | ln, floor 1e-9 | ln, floor 1e-5 | dB, floor 1e-10, 80 dB range | dB, floor 1e-10 |
//! | frames of `n` samples | `n / 512` (first dropped) | `⌈n / 512⌉` | `n / 512 + 1` | `n / 160 + 1` |
//! | frame `k` is centred on | `512·(k + 1)` | `512·k` | `512·k` | `160·k` |
//!
//! # Differences from the originals
//! Recordings of half a frame or less are extended with zeros to a whole frame before they are
//! mirrored (the originals fail); recordings without samples have no frames. Crops
//! ([`LogMel::process_frames`]) see the real samples around them, where the originals mirror at the
//! edges of the crop.

use std::ops::Range;

use mir_core::{AudioBuffer, Fingerprint, Fingerprinted, FrameGrid, SampleRate};
use ndarray::{Array3, ArrayRef2};
use serde::{Deserialize, Serialize};

use crate::{
    BinAxis, Error, FeatureMap, FilterNorm, FrontEnd, FrontEndConfig, MelConfig, MelFilterbank,
    MelScale, Pad, Result, SpectrumPower, Window,
    framing::Signal,
    ln::scaled_ln,
    rows,
    spectrum::{PowerFft, PowerScratch},
    stft::check_audio,
};

/// The logarithm of a log-mel spectrogram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogScale {
    /// `ln(x)`.
    #[default]
    Ln,
    /// `10·log10(x)`.
    Db,
}

/// What a log-mel spectrogram should be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogMelConfig {
    /// Rate of the audio.
    pub sample_rate: SampleRate,
    /// Length of frame, window (Hann) and Fourier transform in samples: even, at least 2.
    pub n_fft: usize,
    /// Samples from frame to frame, at least 1.
    pub hop: u32,
    /// Number of bands, at least 1.
    pub n_mels: usize,
    /// Lower edge of the lowest band, Hz, at least 0.
    pub f_min: f64,
    /// Upper edge of the highest band, Hz, above `f_min`, at most half the sample rate.
    pub f_max: f64,
    /// Spacing of the bands.
    pub mel_scale: MelScale,
    /// Height of the bands.
    pub filter_norm: FilterNorm,
    /// What the bands sum up: `|X|` or `|X|²`.
    pub power: SpectrumPower,
    /// Unit of the result.
    pub log: LogScale,
    /// Smallest value that is taken as it is, at least 1e-37; everything below counts as this.
    pub floor: f64,
    /// Range in dB below the maximum of the recording, above 0: everything lower is raised to that
    /// limit. Needs `log = "db"`, and the whole recording.
    pub top_db: Option<f64>,
    /// What the first and last frames see beyond the ends.
    pub pad: Pad,
    /// Leaves out the frame centred on sample 0.
    pub drop_first: bool,
    /// Leaves out the last sample of the recording.
    pub trim_last_sample: bool,
}

impl Default for LogMelConfig {
    /// [`jongwook`](Self::jongwook).
    fn default() -> Self {
        Self::jongwook()
    }
}

impl LogMelConfig {
    /// Onsets and Frames in PyTorch (`jongwook/onsets-and-frames`).
    pub fn jongwook() -> Self {
        Self {
            sample_rate: SampleRate::HZ_16000,
            n_fft: 2048,
            hop: 512,
            n_mels: 229,
            f_min: 30.0,
            f_max: 8000.0,
            mel_scale: MelScale::Htk,
            filter_norm: FilterNorm::Slaney,
            power: SpectrumPower::Magnitude,
            log: LogScale::Ln,
            floor: 1e-5,
            top_db: None,
            pad: Pad::Reflect,
            drop_first: false,
            trim_last_sample: true,
        }
    }

    /// The transcription exercise of a music-computing course (`juhannam/gct634-2020`, homework 3).
    pub fn hw3() -> Self {
        Self {
            filter_norm: FilterNorm::None,
            power: SpectrumPower::Power,
            floor: 1e-9,
            drop_first: true,
            trim_last_sample: false,
            ..Self::jongwook()
        }
    }

    /// Onsets and Frames as trained on MAESTRO (Hawthorne et al. 2019, `magenta/magenta`).
    pub fn magenta() -> Self {
        Self {
            power: SpectrumPower::Power,
            log: LogScale::Db,
            floor: 1e-10,
            top_db: Some(80.0),
            trim_last_sample: false,
            ..Self::jongwook()
        }
    }

    /// High-resolution piano transcription (Kong et al. 2020, `bytedance/piano_transcription`).
    pub fn hpt() -> Self {
        Self {
            hop: 160,
            mel_scale: MelScale::Slaney,
            power: SpectrumPower::Power,
            log: LogScale::Db,
            floor: 1e-10,
            trim_last_sample: false,
            ..Self::jongwook()
        }
    }

    fn mel(&self) -> MelConfig {
        MelConfig {
            sample_rate: self.sample_rate,
            n_fft: self.n_fft,
            n_mels: self.n_mels,
            f_min: self.f_min,
            f_max: self.f_max,
            mel_scale: self.mel_scale,
            filter_norm: self.filter_norm,
        }
    }

    /// The rules that neither filterbank nor grid check.
    fn validate(&self) -> Result<()> {
        if !(1e-37..=1e30).contains(&self.floor) {
            return Err(Error::OutOfRange {
                field: "floor",
                expected: "1e-37 to 1e30",
                actual: self.floor,
            });
        }
        if let Some(range) = self.top_db {
            if !(range.is_finite() && range > 0.0) {
                return Err(Error::OutOfRange {
                    field: "top_db",
                    expected: "a finite number above 0",
                    actual: range,
                });
            }
            if self.log != LogScale::Db {
                return Err(Error::OutOfRange {
                    field: "top_db",
                    expected: "none, unless log = \"db\"",
                    actual: range,
                });
            }
        }
        Ok(())
    }
}

impl Fingerprinted for LogMelConfig {
    const DOMAIN: &'static str = "mir-features/log-mel/1";
}

/// A planned log-mel spectrogram. Can be shared between threads.
///
/// ```
/// use mir_features::{LogMel, LogMelConfig};
/// # use mir_core::{AudioBuffer, SampleRate};
/// let log_mel = LogMel::new(LogMelConfig::default())?;
/// let audio = AudioBuffer::silence(SampleRate::HZ_16000, 1, 102_400)?;
/// let map = log_mel.process(&audio)?;
/// assert_eq!(map.data.dim(), (1, 200, 229));
/// assert!((map.grid.time_of(100) - 3.2).abs() < 1e-12);
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Debug)]
pub struct LogMel {
    config: LogMelConfig,
    fingerprint: Fingerprint,
    grid: FrameGrid,
    fft: PowerFft,
    filterbank: MelFilterbank,
}

impl LogMel {
    /// Validates the configuration, designs the filters and plans the Fourier transform.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] or [`Error::InvalidBand`] for the first field that is not admissible;
    /// [`Error::Core`] for a hop of 0.
    pub fn new(config: LogMelConfig) -> Result<Self> {
        config.validate()?;
        let origin = if config.drop_first { i64::from(config.hop) } else { 0 };
        Ok(Self {
            filterbank: MelFilterbank::new(config.mel())?,
            grid: FrameGrid::new(config.sample_rate, config.hop, origin)?,
            fft: PowerFft::new(config.n_fft, Window::Hann, config.n_fft),
            fingerprint: config.fingerprint()?,
            config,
        })
    }

    /// The configuration.
    pub const fn config(&self) -> &LogMelConfig {
        &self.config
    }

    /// Identity of the configuration.
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Time of the frames: frame `k` is dated to the sample that it is centred on.
    pub const fn grid(&self) -> FrameGrid {
        self.grid
    }

    /// Meaning of the bins.
    pub fn axis(&self) -> BinAxis {
        BinAxis::Mel { centres_hz: self.filterbank.centres().to_vec() }
    }

    /// Number of bins.
    pub const fn bins(&self) -> usize {
        self.config.n_mels
    }

    /// Number of frames of a recording of `samples` samples; 0 for none.
    pub fn frames(&self, samples: usize) -> usize {
        let analysed = self.analysed(samples);
        if analysed == 0 {
            return 0;
        }
        1 + analysed / self.config.hop as usize - usize::from(self.config.drop_first)
    }

    /// Number of samples that the frames see.
    fn analysed(&self, samples: usize) -> usize {
        samples.saturating_sub(usize::from(self.config.trim_last_sample))
    }

    /// The sample at which a frame starts.
    pub(crate) fn start(&self, frame: usize) -> i64 {
        frame as i64 * i64::from(self.config.hop) + self.grid.origin()
            - self.config.n_fft as i64 / 2
    }

    /// The log-mel spectrogram of every channel. Allocates; long recordings are spread over the
    /// threads of rayon's pool (feature `parallel`) with the same result.
    ///
    /// # Errors
    /// [`Error::SampleRate`] for audio of another rate, [`Error::Core`] for samples that are not finite.
    pub fn process(&self, audio: &AudioBuffer) -> Result<FeatureMap> {
        check_audio(audio, self.config.sample_rate)?;
        let mut data = Array3::zeros((audio.channels(), self.frames(audio.len()), self.bins()));
        for (channel, mut map) in data.outer_iter_mut().enumerate() {
            let signal = self.signal(audio.channel(channel));
            rows::fill_parallel(&mut map, 0, |frames, out| {
                self.fill(&signal, frames.start, out);
            });
            self.limit_range(&mut map);
        }
        Ok(FeatureMap { grid: self.grid, axis: self.axis(), data })
    }

    /// The log-mel spectrogram of one channel into `out`, `[frames, n_mels]`, on this thread.
    ///
    /// Samples that are not finite give values that mean nothing, but never NaN.
    ///
    /// # Panics
    /// If `out` has another shape.
    pub fn process_into(&self, samples: &[f32], out: &mut ArrayRef2<f32>) {
        let shape = (self.frames(samples.len()), self.bins());
        assert_eq!(out.dim(), shape, "shape of the output");
        self.fill(&self.signal(samples), 0, out);
        self.limit_range(out);
    }

    /// Some frames of a recording, with the samples that really surround them, into `out`,
    /// `[range, n_mels]`: equal to the same rows of the whole spectrogram.
    ///
    /// # Errors
    /// [`Error::NeedsWholeSignal`] if the configuration has a `top_db`.
    ///
    /// # Panics
    /// If the range reaches past [`frames`](Self::frames), or `out` has another shape.
    pub fn process_frames(
        &self,
        samples: &[f32],
        range: Range<usize>,
        out: &mut ArrayRef2<f32>,
    ) -> Result<()> {
        self.check_local()?;
        assert!(
            range.end <= self.frames(samples.len()),
            "frames {range:?} of a recording of {} frames",
            self.frames(samples.len())
        );
        assert_eq!(out.dim(), (range.len(), self.bins()), "shape of the output");
        self.fill(&self.signal(samples), range.start, out);
        Ok(())
    }

    /// Checks that a frame depends on its own samples only.
    pub(crate) fn check_local(&self) -> Result<()> {
        match self.config.top_db {
            Some(_) => Err(Error::NeedsWholeSignal { field: "top_db" }),
            None => Ok(()),
        }
    }

    fn signal<'a>(&self, samples: &'a [f32]) -> Signal<'a> {
        Signal::whole(&samples[..self.analysed(samples.len())], self.config.n_fft, self.config.pad)
    }

    /// Computes the rows of `out` as frames from `first` on.
    fn fill(&self, signal: &Signal<'_>, first: usize, out: &mut ArrayRef2<f32>) {
        let mut scratch = self.scratch();
        let mut row = vec![0.0; self.bins()];
        let mut frames = first..first + out.nrows();
        let mut rows = out.rows_mut().into_iter();
        let mut put = |values: &[f32]| {
            if let Some(mut row) = rows.next() {
                row.iter_mut().zip(values).for_each(|(slot, &value)| *slot = value);
            }
        };
        while frames.len() >= LANES {
            for (lane, frame) in frames.by_ref().take(LANES).enumerate() {
                let spectrum = self.fft.power(signal, self.start(frame), &mut scratch.fft);
                for (slot, &p) in scratch.spectra.iter_mut().zip(&*spectrum) {
                    slot[lane] = p;
                }
            }
            if self.config.power == SpectrumPower::Magnitude {
                scratch.spectra.as_flattened_mut().iter_mut().for_each(|p| *p = p.sqrt());
            }
            self.filterbank.process_lanes(&scratch.spectra, &mut scratch.bands);
            for lane in 0..LANES {
                for (value, band) in row.iter_mut().zip(&scratch.bands) {
                    *value = band[lane];
                }
                self.logarithm(&mut row);
                put(&row);
            }
        }
        for frame in frames {
            self.frame(signal, frame, &mut scratch, &mut row);
            put(&row);
        }
    }

    pub(crate) fn scratch(&self) -> Scratch {
        Scratch {
            fft: self.fft.scratch(),
            spectra: vec![[0.0; LANES]; self.fft.bins()],
            bands: vec![[0.0; LANES]; self.bins()],
        }
    }

    /// Computes one frame, without its limit by `top_db`.
    pub(crate) fn frame(
        &self,
        signal: &Signal<'_>,
        frame: usize,
        scratch: &mut Scratch,
        out: &mut [f32],
    ) {
        let spectrum = self.fft.power(signal, self.start(frame), &mut scratch.fft);
        if self.config.power == SpectrumPower::Magnitude {
            spectrum.iter_mut().for_each(|p| *p = p.sqrt());
        }
        self.filterbank.process_into(spectrum, out);
        self.logarithm(out);
    }

    fn logarithm(&self, bands: &mut [f32]) {
        let scale = match self.config.log {
            LogScale::Ln => 1.0,
            LogScale::Db => 10.0 * std::f64::consts::LOG10_E,
        };
        scaled_ln(bands, self.config.floor as f32, scale as f32);
    }

    fn limit_range(&self, map: &mut ArrayRef2<f32>) {
        if let Some(range) = self.config.top_db {
            let limit = map.iter().copied().fold(f32::NEG_INFINITY, f32::max) - range as f32;
            map.mapv_inplace(|y| y.max(limit));
        }
    }
}

/// Frames whose bands are computed side by side. With more than four, the working memory no longer fits
/// into the first-level cache.
const LANES: usize = 4;

/// Working memory of one thread.
#[derive(Debug)]
pub(crate) struct Scratch {
    fft: PowerScratch,
    /// Spectra of [`LANES`] frames, side by side.
    spectra: Vec<[f32; LANES]>,
    /// Their bands.
    bands: Vec<[f32; LANES]>,
}

impl FrontEnd for LogMel {
    fn config(&self) -> FrontEndConfig {
        FrontEndConfig::LogMel(self.config.clone())
    }

    fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    fn sample_rate(&self) -> SampleRate {
        self.config.sample_rate
    }

    fn grid(&self) -> FrameGrid {
        self.grid
    }

    fn axis(&self) -> BinAxis {
        self.axis()
    }

    fn bins(&self) -> usize {
        self.bins()
    }

    fn frames(&self, samples: usize) -> usize {
        self.frames(samples)
    }

    fn process(&self, audio: &AudioBuffer) -> Result<FeatureMap> {
        self.process(audio)
    }

    fn process_frames(
        &self,
        samples: &[f32],
        range: Range<usize>,
        out: &mut ArrayRef2<f32>,
    ) -> Result<()> {
        self.process_frames(samples, range, out)
    }
}
