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
//! | | [`onsets_velocities_v1`](LogMelConfig::onsets_velocities_v1), [`v2`](LogMelConfig::onsets_velocities_v2) | [`librosa`](LogMelConfig::librosa) | [`torchaudio`](LogMelConfig::torchaudio) |
//! |---|---|---|---|
//! | rate, frame, hop | 16 kHz, 2048, 384 | any, 2048, 512 | any, 400, 200 |
//! | bands | 250 or 229, 50–8000 Hz | 128, up to half the rate | 128, up to half the rate |
//! | scale, height | HTK, 1 | Slaney, unit area | HTK, 1 |
//! | spectrum, beyond the ends | power, mirrored | power, zeros | power, mirrored |
//! | log | dB, floor 1e-10, 80 dB range | dB, floor 1e-10, 80 dB range | dB, floor 1e-10 |
//!
//! Kaldi's filterbank has another frame and other triangles: [`KaldiFbank`](crate::KaldiFbank).
//!
//! # Differences from the originals
//! Recordings of half a frame or less are extended with zeros to a whole frame before they are
//! mirrored (the originals fail); recordings without samples have no frames. Crops
//! ([`LogMel::process_frames`]) see the real samples around them, where the originals mirror at the
//! edges of the crop.

use mir_core::{Fingerprint, Fingerprinted, SampleRate};
use ndarray::ArrayRef2;
use pulp::{Arch, Simd, WithSimd};
use serde::{Deserialize, Serialize};

use crate::{
    BinAxis, Error, FilterNorm, FrameBlock, FrameFeature, Framing, MelConfig, MelFilterbank,
    MelScale, Pad, Result, SpectrumPower, StftConfig, db,
    fft::{Aligned, lanes_to_rows},
    frames::frame_feature_methods,
    ln::scaled_ln,
    spectrum::{Spectra, SpectrumScratch},
};

/// The logarithm of a log-mel spectrogram.
///
/// ```
/// use mir_features::{LogMelConfig, LogScale};
/// assert_eq!(LogMelConfig::magenta().log, LogScale::Db);
/// ```
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
///
/// ```
/// use mir_features::{LogMel, LogMelConfig};
/// let config = LogMelConfig { hop: 160, ..LogMelConfig::default() };
/// assert!(LogMel::new(config).is_ok());
/// ```
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

    /// Onsets and Velocities, version 1 (Fernandez 2023): 250 bands from 50 Hz, every 24 ms.
    ///
    /// Its range of 80 dB refers to the maximum of what is passed in: the whole recording when features
    /// were stored, a short window in its real-time demonstration.
    pub fn onsets_velocities_v1() -> Self {
        Self {
            hop: 384,
            n_mels: 250,
            f_min: 50.0,
            filter_norm: FilterNorm::None,
            ..Self::magenta()
        }
    }

    /// Onsets and Velocities, version 2: as [version 1](Self::onsets_velocities_v1) with 229 bands.
    pub fn onsets_velocities_v2() -> Self {
        Self { n_mels: 229, ..Self::onsets_velocities_v1() }
    }

    /// `librosa.power_to_db(librosa.feature.melspectrogram(y, sr))` with the defaults of librosa 0.11, at
    /// the recording's own rate: 128 bands up to half of it, 2048/512, zeros beyond the ends, 80 dB range.
    pub fn librosa(sample_rate: SampleRate) -> Self {
        Self {
            sample_rate,
            n_mels: 128,
            f_min: 0.0,
            f_max: f64::from(sample_rate.hz()) / 2.0,
            mel_scale: MelScale::Slaney,
            pad: Pad::Zero,
            ..Self::magenta()
        }
    }

    /// `torchaudio.transforms.MelSpectrogram(sample_rate)` and `AmplitudeToDB()` with the defaults of
    /// torchaudio 2.11: 128 bands up to half the rate, 400/200, no range.
    pub fn torchaudio(sample_rate: SampleRate) -> Self {
        Self {
            sample_rate,
            n_fft: 400,
            hop: 200,
            n_mels: 128,
            f_min: 0.0,
            f_max: f64::from(sample_rate.hz()) / 2.0,
            filter_norm: FilterNorm::None,
            top_db: None,
            ..Self::magenta()
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

    /// The transform that the bands are summed from.
    pub(crate) fn stft(&self) -> StftConfig {
        StftConfig {
            sample_rate: self.sample_rate,
            n_fft: self.n_fft,
            hop: self.hop,
            pad: self.pad,
            ..StftConfig::default()
        }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] or [`Error::InvalidBand`] for the first field that is not admissible;
    /// [`Error::Core`] for a hop of 0.
    pub fn validate(&self) -> Result<()> {
        self.mel().validate()?;
        self.stft().validate()?;
        db::check_floor(self.floor)?;
        db::check_top_db(self.top_db)?;
        match self.top_db {
            Some(range) if self.log != LogScale::Db => Err(Error::OutOfRange {
                field: "top_db",
                expected: "none, unless log = \"db\"",
                actual: range,
            }),
            _ => Ok(()),
        }
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
    framing: Framing,
    spectra: Spectra,
    filterbank: MelFilterbank,
    /// Vector instructions of this processor.
    arch: Arch,
}

impl LogMel {
    /// Validates the configuration, designs the filters and plans the Fourier transform.
    ///
    /// # Errors
    /// As [`LogMelConfig::validate`].
    pub fn new(config: LogMelConfig) -> Result<Self> {
        config.validate()?;
        Ok(Self {
            filterbank: MelFilterbank::new(config.mel())?,
            framing: config
                .stft()
                .framing()?
                .skipping(usize::from(config.drop_first))
                .trimming(usize::from(config.trim_last_sample)),
            spectra: Spectra::new(config.stft().analysis_window(), config.hop),
            arch: Arch::new(),
            fingerprint: config.fingerprint()?,
            config,
        })
    }

    /// As [`new`](Self::new) with spectra in double precision: bands far below the loudest have all their digits.
    pub(crate) fn in_double_precision(config: LogMelConfig) -> Result<Self> {
        let spectra = Spectra::double(config.stft().exact_window());
        Ok(Self { spectra, ..Self::new(config)? })
    }

    /// Identity of the configuration.
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The logarithms of bands, in place.
    #[inline(always)]
    fn logarithm(&self, bands: &mut [f32]) {
        let scale = match self.config.log {
            LogScale::Ln => 1.0,
            LogScale::Db => 10.0 * std::f64::consts::LOG10_E,
        };
        scaled_ln(bands, self.config.floor as f32, scale as f32);
    }
}

/// From spectra to bands, with a frame in each lane.
struct Bands<'a> {
    log_mel: &'a LogMel,
    spectra: &'a [f32],
    bands: &'a mut [f32],
}

impl WithSimd for Bands<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { log_mel, spectra, bands } = self;
        let (spectra, lanes) = (S::as_simd_f32s(spectra).0, S::as_mut_simd_f32s(bands).0);
        log_mel.filterbank.process_lanes(simd, spectra, lanes);
        log_mel.logarithm(bands);
    }
}

/// Working memory of one thread.
///
/// ```
/// use mir_features::{FrameFeature, LogMel, LogMelConfig};
/// let feature = LogMel::new(LogMelConfig::jongwook())?;
/// let mut scratch = feature.scratch();
/// let mut row = vec![0.0; feature.bins()];
/// let samples = vec![0.25; feature.framing().length()];
/// feature.frame_into(&samples, &mut scratch, &mut row);
/// assert!(row.iter().all(|value| value.is_finite()));
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct LogMelScratch {
    spectra: SpectrumScratch,
    /// Bands of a few frames, bands first.
    bands: Aligned,
    /// The same, frames first.
    rows: Aligned,
}

impl FrameFeature for LogMel {
    type Scratch = LogMelScratch;

    fn framing(&self) -> &Framing {
        &self.framing
    }

    fn axis(&self) -> BinAxis {
        BinAxis::Mel { centres_hz: self.filterbank.centres().to_vec() }
    }

    fn bins(&self) -> usize {
        self.config.n_mels
    }

    fn scratch(&self) -> LogMelScratch {
        LogMelScratch {
            spectra: self.spectra.scratch(),
            bands: Aligned::default(),
            rows: Aligned::default(),
        }
    }

    fn frame_into(&self, samples: &[f32], scratch: &mut LogMelScratch, out: &mut [f32]) {
        let spectrum = self.spectra.magnitude(samples, self.config.power, &mut scratch.spectra);
        self.filterbank.process_into(spectrum, out);
        self.logarithm(out);
    }

    fn block_into(&self, block: FrameBlock<'_>, scratch: &mut LogMelScratch, out: &mut [f32]) {
        let n_mels = self.config.n_mels;
        let LogMelScratch { spectra, bands, rows } = scratch;
        let power = self.config.power;
        self.spectra.magnitude_lanes(block, power, spectra, |frames, lanes, spectra| {
            let bands = bands.get(n_mels * lanes);
            self.arch.dispatch(Bands { log_mel: self, spectra, bands: &mut *bands });
            let out = &mut out[frames.start * n_mels..frames.end * n_mels];
            lanes_to_rows(bands, lanes, n_mels, rows, out);
        });
    }

    fn whole_signal_field(&self) -> Option<&'static str> {
        self.config.top_db.map(|_| "top_db")
    }

    fn finish_channel(&self, map: &mut ArrayRef2<f32>) {
        if let Some(range) = self.config.top_db {
            db::limit_range(map, range);
        }
    }
}

frame_feature_methods!(LogMel, LogMelConfig);
