//! Kaldi's filterbank, as `torchaudio.compliance.kaldi.fbank` computes it: for networks trained on it.
//!
//! Every frame loses its mean, is filtered by `x[i] − c·x[i−1]`, windowed, extended with zeros to a power of
//! two; the triangles are straight in *mel* (`1127·ln(1 + f/700)`), not in hertz, and the bin at half the
//! rate does not count. Differences: no dither (torchaudio's default too), no vocal tract warping.

use mir_core::{Fingerprinted, SampleRate};
use ndarray::{ArrayRef2, Axis};
use serde::{Deserialize, Serialize};

use crate::{
    BinAxis, Error, FrameFeature, FrameLayout, Framing, Pad, Result, SpectrumPower,
    SpectrumScratch, Window, frames::frame_feature_methods, spectrum::DoubleFft,
};

/// Which filterbank should be computed.
///
/// ```
/// use mir_features::{KaldiFbank, KaldiFbankConfig};
/// let config = KaldiFbankConfig { n_mels: 80, ..KaldiFbankConfig::default() };
/// assert!(KaldiFbank::new(config).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KaldiFbankConfig {
    /// Rate of the audio.
    pub sample_rate: SampleRate,
    /// Length of a frame in milliseconds.
    pub frame_ms: f64,
    /// From frame to frame, in milliseconds.
    pub shift_ms: f64,
    /// Number of bands, 4 to 65536.
    pub n_mels: usize,
    /// Lower edge of the lowest band, Hz.
    pub f_min: f64,
    /// Upper edge of the highest band, Hz; 0 or less counts from half the rate.
    pub f_max: f64,
    /// Factor on the samples: 1 for torchaudio, 32768 for Kaldi itself, whose samples are 16-bit integers.
    pub sample_scale: f64,
    /// Pre-emphasis `c`, 0 to 1.
    pub preemphasis: f64,
    /// Subtracts the mean of each frame.
    pub remove_dc: bool,
    /// Shape of the (symmetric) window.
    pub window: Window,
    /// Extends frames to the next power of two.
    pub round_to_power_of_two: bool,
    /// Only frames that lie inside the recording; otherwise one for each hop, mirrored at the ends.
    pub snip_edges: bool,
    /// `|X|` or `|X|²`.
    pub power: SpectrumPower,
    /// Takes the logarithm.
    pub log: bool,
    /// Puts the logarithm of the energy of the frame before the bands.
    pub use_energy: bool,
    /// Takes that energy before pre-emphasis and window.
    pub raw_energy: bool,
    /// Smallest energy, at least 0; 0 for none.
    pub energy_floor: f64,
    /// Subtracts the mean of each bin over the recording, which then is needed as a whole.
    pub subtract_mean: bool,
}

impl Default for KaldiFbankConfig {
    /// torchaudio's defaults at 16 kHz: 23 bands from 20 Hz, 25 ms every 10 ms.
    fn default() -> Self {
        Self {
            sample_rate: SampleRate::HZ_16000,
            frame_ms: 25.0,
            shift_ms: 10.0,
            n_mels: 23,
            f_min: 20.0,
            f_max: 0.0,
            sample_scale: 1.0,
            preemphasis: 0.97,
            remove_dc: true,
            window: Window::Povey,
            round_to_power_of_two: true,
            snip_edges: true,
            power: SpectrumPower::Power,
            log: true,
            use_energy: false,
            raw_energy: true,
            energy_floor: 1.0,
            subtract_mean: false,
        }
    }
}

impl Fingerprinted for KaldiFbankConfig {
    const DOMAIN: &'static str = "mir-features/kaldi-fbank/2";
}

impl KaldiFbankConfig {
    fn nyquist(&self) -> f64 {
        f64::from(self.sample_rate.hz()) / 2.0
    }

    fn upper_edge(&self) -> f64 {
        if self.f_max <= 0.0 { self.nyquist() + self.f_max } else { self.f_max }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for the first field that is not admissible, [`Error::InvalidBand`] unless
    /// `0 <= f_min < f_max <= sample_rate / 2`.
    pub fn validate(&self) -> Result<()> {
        let check = |field, value: f64, low: f64, high: f64, expected| {
            if (low..=high).contains(&value) {
                Ok(())
            } else {
                Err(Error::OutOfRange { field, expected, actual: value })
            }
        };
        let samples = |ms: f64| ms * f64::from(self.sample_rate.hz()) / 1000.0;
        let most = Framing::MAX_LENGTH as f64;
        check("frame_ms", samples(self.frame_ms), 2.0, most, "2 to 16777216 samples")?;
        check("shift_ms", samples(self.shift_ms), 1.0, most, "1 to 16777216 samples")?;
        check("n_mels", self.n_mels as f64, 4.0, 65_536.0, "4 to 65536")?;
        let positive = f64::from(f32::MIN_POSITIVE);
        check("sample_scale", self.sample_scale, positive, 1e9, "above 0, at most 1e9")?;
        check("preemphasis", self.preemphasis, 0.0, 1.0, "0 to 1")?;
        check("energy_floor", self.energy_floor, 0.0, 1e30, "0 to 1e30")?;
        let (f_min, f_max, nyquist) = (self.f_min, self.upper_edge(), self.nyquist());
        if !(f_min >= 0.0 && f_min < f_max && f_max <= nyquist) {
            return Err(Error::InvalidBand { f_min, f_max, nyquist });
        }
        self.window.validate()
    }

    fn samples(&self, ms: f64) -> usize {
        (f64::from(self.sample_rate.hz()) * ms * 0.001) as usize
    }
}

/// Kaldi's mel scale.
fn mel(hz: f64) -> f64 {
    1127.0 * (1.0 + hz / 700.0).ln()
}

/// A planned Kaldi filterbank.
///
/// ```
/// use mir_features::{AudioBuffer, KaldiFbank, KaldiFbankConfig, SampleRate};
/// let fbank = KaldiFbank::new(KaldiFbankConfig::default())?;
/// let audio = AudioBuffer::mono(SampleRate::HZ_16000, vec![0.0; 16_000]);
/// assert_eq!(fbank.process(&audio)?.data.dim(), (1, 98, 23));
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Debug)]
pub struct KaldiFbank {
    config: KaldiFbankConfig,
    framing: Framing,
    window: Vec<f64>,
    /// In double precision: a band far below the loudest has all digits of its logarithm.
    fft: DoubleFft,
    /// First bin of each band and its weights.
    bands: Vec<(usize, Vec<f64>)>,
    centres: Vec<f64>,
}

impl KaldiFbank {
    /// Validates the configuration, designs the filters and plans the Fourier transform.
    ///
    /// # Errors
    /// As [`KaldiFbankConfig::validate`].
    pub fn new(config: KaldiFbankConfig) -> Result<Self> {
        config.validate()?;
        let (length, hop) = (config.samples(config.frame_ms), config.samples(config.shift_ms));
        let n_fft = if config.round_to_power_of_two {
            length.next_power_of_two()
        } else {
            length + length % 2
        };
        let (layout, pad) = if config.snip_edges {
            (FrameLayout::Inside, Pad::Zero)
        } else {
            (FrameLayout::Hops, Pad::Symmetric)
        };
        let (low, high) = (mel(config.f_min), mel(config.upper_edge()));
        let step = (high - low) / (config.n_mels + 1) as f64;
        let hz_per_bin = f64::from(config.sample_rate.hz()) / n_fft as f64;
        let band = |band: usize| {
            let left = low + band as f64 * step;
            let weight = |bin: usize| {
                let up = (mel(bin as f64 * hz_per_bin) - left) / step;
                up.min(2.0 - up).max(0.0)
            };
            let weights: Vec<f64> = (0..n_fft / 2).map(weight).collect();
            let first = weights.iter().position(|&w| w > 0.0).unwrap_or(0);
            let end = weights.iter().rposition(|&w| w > 0.0).map_or(first, |last| last + 1);
            (first, weights[first..end].to_vec())
        };
        let centre =
            |band: usize| 700.0 * (((low + (band + 1) as f64 * step) / 1127.0).exp() - 1.0);
        Ok(Self {
            framing: Framing::new(config.sample_rate, length, hop as u32, layout, pad)?,
            window: config.window.symmetric(length),
            fft: DoubleFft::new(vec![1.0; n_fft]),
            bands: (0..config.n_mels).map(band).collect(),
            centres: (0..config.n_mels).map(centre).collect(),
            config,
        })
    }

    fn log_energy(&self, frame: &[f64]) -> f64 {
        let energy: f64 = frame.iter().map(|x| x * x).sum();
        energy.max(self.config.energy_floor.max(f64::from(f32::EPSILON))).ln()
    }
}

impl FrameFeature for KaldiFbank {
    /// The samples of a frame, and what comes of them.
    type Scratch = (Vec<f64>, SpectrumScratch, Vec<f64>);

    fn framing(&self) -> &Framing {
        &self.framing
    }

    fn axis(&self) -> BinAxis {
        if self.config.use_energy {
            BinAxis::values("log energy and mel bands", self.config.n_mels + 1)
        } else {
            BinAxis::Mel { centres_hz: self.centres.clone() }
        }
    }

    fn bins(&self) -> usize {
        self.config.n_mels + usize::from(self.config.use_energy)
    }

    fn scratch(&self) -> Self::Scratch {
        (
            vec![0.0; self.framing.length()],
            SpectrumScratch::of(&self.fft),
            vec![0.0; self.fft.bins()],
        )
    }

    fn frame_into(&self, samples: &[f32], scratch: &mut Self::Scratch, out: &mut [f32]) {
        let (frame, fft, spectrum) = scratch;
        let scale = self.config.sample_scale;
        frame.iter_mut().zip(samples).for_each(|(slot, &x)| *slot = scale * f64::from(x));
        if self.config.remove_dc {
            let mean = frame.iter().sum::<f64>() / frame.len() as f64;
            frame.iter_mut().for_each(|x| *x -= mean);
        }
        let mut energy = if self.config.raw_energy { self.log_energy(frame) } else { 0.0 };
        let c = self.config.preemphasis;
        for i in (1..frame.len()).rev() {
            frame[i] -= c * frame[i - 1];
        }
        frame[0] -= c * frame[0];
        frame.iter_mut().zip(&self.window).for_each(|(x, w)| *x *= w);
        if !self.config.raw_energy {
            energy = self.log_energy(frame);
        }
        let bins = self.fft.spectrum(frame.iter().copied(), fft.double(&self.fft));
        for (slot, bin) in spectrum.iter_mut().zip(bins) {
            *slot = match self.config.power {
                SpectrumPower::Magnitude => bin.norm_sqr().sqrt(),
                SpectrumPower::Power => bin.norm_sqr(),
            };
        }
        let (first, bands) = out.split_at_mut(usize::from(self.config.use_energy));
        first.fill(energy as f32);
        for (slot, (first, weights)) in bands.iter_mut().zip(&self.bands) {
            let band: f64 = spectrum[*first..].iter().zip(weights).map(|(s, w)| s * w).sum();
            let floored = || band.max(f64::from(f32::EPSILON));
            *slot = if self.config.log { floored().ln() } else { band } as f32;
        }
    }

    fn whole_signal_field(&self) -> Option<&'static str> {
        self.config.subtract_mean.then_some("subtract_mean")
    }

    fn finish_channel(&self, map: &mut ArrayRef2<f32>) {
        if !self.config.subtract_mean || map.is_empty() {
            return;
        }
        let frames = map.nrows() as f64;
        for mut bin in map.axis_iter_mut(Axis(1)) {
            let mean = bin.iter().map(|&y| f64::from(y)).sum::<f64>() / frames;
            bin.mapv_inplace(|y| y - mean as f32);
        }
    }
}

frame_feature_methods!(KaldiFbank, KaldiFbankConfig);
