//! Mel-frequency cepstral coefficients: what is the coarse shape of the log-mel spectrum?
//!
//! `c[k, i] = (1 + L/2·sin(π(i + 1)/L)) · DCT(log-mel[k])[i]`, the factor only with a lifter `L`
//! (Davis and Mermelstein 1980).

use std::f64::consts::PI;

use mir_core::{AudioBuffer, Fingerprinted, SampleRate};
use ndarray::{Array2, Array3, ArrayRef2};
use serde::{Deserialize, Serialize};

use crate::{
    BLOCK, BinAxis, Dct, DctKind, Error, FeatureMap, FrameBlock, FrameFeature, Framing, LogMel,
    LogMelConfig, LogMelScratch, Result,
    frames::{fill_rows, frame_feature_methods},
};

/// Which coefficients should be computed.
///
/// ```
/// use mir_features::{Mfcc, MfccConfig};
/// let config = MfccConfig { n_mfcc: 13, ..MfccConfig::default() };
/// assert!(Mfcc::new(config).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MfccConfig {
    /// The log-mel spectrogram. With a `top_db`, coefficients depend on the whole recording.
    pub log_mel: LogMelConfig,
    /// Number of coefficients, 1 to the number of bands.
    pub n_mfcc: usize,
    /// The cosine transform.
    pub dct: DctKind,
    /// Scales the transform to an orthogonal one.
    pub orthonormal: bool,
    /// Lifter `L`, finite, at least 0; 0 for none.
    pub lifter: f64,
}

impl Default for MfccConfig {
    /// [`librosa`](Self::librosa) at 22.05 kHz.
    fn default() -> Self {
        Self::librosa(SampleRate::HZ_22050)
    }
}

impl MfccConfig {
    /// `librosa.feature.mfcc` with the defaults of librosa 0.11: 20 coefficients of 128 bands.
    pub fn librosa(sample_rate: SampleRate) -> Self {
        Self {
            log_mel: LogMelConfig::librosa(sample_rate),
            n_mfcc: 20,
            dct: DctKind::II,
            orthonormal: true,
            lifter: 0.0,
        }
    }

    /// `torchaudio.transforms.MFCC` with the defaults of torchaudio 2.11: 40 coefficients of 128 bands.
    pub fn torchaudio(sample_rate: SampleRate) -> Self {
        let log_mel = LogMelConfig { top_db: Some(80.0), ..LogMelConfig::torchaudio(sample_rate) };
        Self { log_mel, n_mfcc: 40, ..Self::librosa(sample_rate) }
    }
}

impl Fingerprinted for MfccConfig {
    const DOMAIN: &'static str = "mir-features/mfcc/2";
}

/// Planned cepstral coefficients.
///
/// ```
/// use mir_features::{AudioBuffer, Mfcc, MfccConfig, SampleRate};
/// let mfcc = Mfcc::new(MfccConfig::default())?;
/// let audio = AudioBuffer::mono(SampleRate::HZ_22050, vec![0.0; 22_050]);
/// assert_eq!(mfcc.process(&audio)?.data.dim(), (1, 44, 20));
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Debug)]
pub struct Mfcc {
    config: MfccConfig,
    log_mel: LogMel,
    dct: Dct,
    lifter: Vec<f32>,
}

impl Mfcc {
    /// Validates the configuration, designs the filters and plans the transforms.
    ///
    /// # Errors
    /// As [`LogMelConfig::validate`]; [`Error::OutOfRange`] for the number of coefficients or the lifter.
    pub fn new(config: MfccConfig) -> Result<Self> {
        if !(config.lifter.is_finite() && config.lifter >= 0.0) {
            return Err(Error::OutOfRange {
                field: "lifter",
                expected: "a finite number from 0",
                actual: config.lifter,
            });
        }
        let l = config.lifter;
        let factor = |i: usize| {
            if l > 0.0 { 1.0 + l / 2.0 * (PI * (i + 1) as f64 / l).sin() } else { 1.0 }
        };
        Ok(Self {
            // A coefficient sums up the logarithms of all bands, the quietest too.
            log_mel: LogMel::in_double_precision(config.log_mel.clone())?,
            dct: Dct::new(config.dct, config.log_mel.n_mels, config.n_mfcc, config.orthonormal)?,
            lifter: (0..config.n_mfcc).map(|i| factor(i) as f32).collect(),
            config,
        })
    }

    /// The coefficients of log-mel bands.
    ///
    /// # Panics
    /// If there is another number of bands, or `out` has another number of coefficients.
    pub fn bands_into(&self, bands: &[f32], out: &mut [f32]) {
        self.dct.process_into(bands, out);
        out.iter_mut().zip(&self.lifter).for_each(|(c, factor)| *c *= factor);
    }

    fn bands_to_map(&self, bands: &ArrayRef2<f32>, out: &mut ArrayRef2<f32>) {
        fill_rows(bands, out, |bands, out| self.bands_into(bands, out));
    }
}

impl FrameFeature for Mfcc {
    type Scratch = (LogMelScratch, Vec<f32>);

    fn framing(&self) -> &Framing {
        FrameFeature::framing(&self.log_mel)
    }

    fn axis(&self) -> BinAxis {
        BinAxis::values("cepstral coefficients", self.config.n_mfcc)
    }

    fn bins(&self) -> usize {
        self.config.n_mfcc
    }

    fn scratch(&self) -> Self::Scratch {
        (FrameFeature::scratch(&self.log_mel), vec![0.0; BLOCK * self.log_mel.bins()])
    }

    fn frame_into(&self, samples: &[f32], scratch: &mut Self::Scratch, out: &mut [f32]) {
        let (log_mel, bands) = scratch;
        let bands = &mut bands[..self.log_mel.bins()];
        self.log_mel.frame_into(samples, log_mel, bands);
        self.bands_into(bands, out);
    }

    fn block_into(&self, block: FrameBlock<'_>, scratch: &mut Self::Scratch, out: &mut [f32]) {
        let (log_mel, bands) = scratch;
        let bands = &mut bands[..block.len() * self.log_mel.bins()];
        self.log_mel.block_into(block, log_mel, bands);
        let rows = bands.chunks_exact(self.log_mel.bins());
        rows.zip(out.chunks_exact_mut(self.config.n_mfcc))
            .for_each(|(b, out)| self.bands_into(b, out));
    }

    fn whole_signal_field(&self) -> Option<&'static str> {
        self.log_mel.whole_signal_field()
    }

    fn process(&self, audio: &AudioBuffer) -> Result<FeatureMap> {
        // By way of the map of all bands: its range may have to be limited first.
        let bands = self.log_mel.process(audio)?;
        let mut data = Array3::zeros((bands.channels(), bands.frames(), self.config.n_mfcc));
        for (bands, mut out) in bands.data.outer_iter().zip(data.outer_iter_mut()) {
            self.bands_to_map(&bands, &mut out);
        }
        Ok(FeatureMap { grid: bands.grid, axis: FrameFeature::axis(self), data })
    }

    fn process_into(&self, samples: &[f32], out: &mut ArrayRef2<f32>) {
        let frames = self.log_mel.frames(samples.len());
        assert_eq!(out.dim(), (frames, self.config.n_mfcc), "shape of the output");
        let mut bands = Array2::zeros((frames, self.log_mel.bins()));
        self.log_mel.process_into(samples, &mut bands);
        self.bands_to_map(&bands, out);
    }
}

frame_feature_methods!(Mfcc, MfccConfig);
