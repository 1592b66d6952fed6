//! What a constant-Q or variable-Q transform should be.

use mir_core::{Fingerprinted, SampleRate};
use serde::{Deserialize, Serialize};

use super::{
    bank::GroupDesign,
    wavelet::{Kernel, Wavelet, WaveletNorm, relative_bandwidth, window_bandwidth},
};
use crate::{BinAxis, Error, Pad, Result, Window};

/// What is added to the bandwidth of every wavelet.
///
/// ```
/// use mir_features::{CqtConfig, Gamma};
/// let config = CqtConfig { gamma: Gamma::Hz(10.0), ..CqtConfig::default() };
/// assert!(config.length(0) < CqtConfig::default().length(0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gamma {
    /// A constant in Hz, at least 0. 0 is the constant-Q transform.
    Hz(f64),
    /// `24.7·α / 0.108` Hz: bandwidths are a constant share of the equivalent rectangular bandwidth of
    /// hearing (Glasberg and Moore 1990; Schörkhuber et al. 2014).
    Erb,
}

/// At which rate the wavelets are sampled, and their lengths rounded to whole samples.
///
/// It changes values by some thousandths: a wavelet of 300 points is half a point longer or shorter.
///
/// ```
/// use mir_features::{CqtConfig, WaveletRate};
/// assert_eq!(CqtConfig::librosa().wavelet_rate, WaveletRate::Librosa);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaveletRate {
    /// At the rate of the recording: values depend on neither the hop nor the other octaves. librosa does
    /// this only for odd hops. The signal is thinned out as far as it goes, which is fastest, and changes what
    /// a `sparsity` does. (Not for wavelets so wide, five an octave, that their spectra are cut off at 0 Hz.)
    #[default]
    Full,
    /// As librosa 0.11: the rate is halved from octave to octave as often as the hop has factors of two,
    /// without its early down-sampling (which depends on the hop too). Frames are cut at that rate, as
    /// librosa's are, so that values agree to 1e-4 whatever the `sparsity`; odd hops are as slow as there.
    Octave,
    /// As `Octave`, after as many halvings as librosa's early down-sampling would make.
    Librosa,
}

/// What a constant-Q or variable-Q transform should be. The output of bin `k` in frame `n` is
/// `√L_k · Σ_t w̄_k(t)·x(n·hop + t)`, the inner product with a wavelet of unit norm ([`WaveletNorm`]).
///
/// ```
/// use mir_features::{Cqt, CqtConfig};
/// let config = CqtConfig { hop: 441, bins: 60, ..CqtConfig::default() };
/// assert!(Cqt::new(config).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CqtConfig {
    /// Rate of the audio.
    pub sample_rate: SampleRate,
    /// Samples from frame to frame: any number, at least 1.
    pub hop: u32,
    /// Frequency of bin 0 before tuning, Hz, above 0.
    pub f_min: f64,
    /// Number of bins, 1 to 65536.
    pub bins: usize,
    /// Bins in an octave, 1 to 4096.
    pub bins_per_octave: usize,
    /// Shift of all bins as a fraction of a bin: `f_min·2^(tuning / bins_per_octave)`. Finite.
    pub tuning: f64,
    /// Factor of the lengths of the wavelets, above 0: below 1 for better times, above for finer pitch.
    pub filter_scale: f64,
    /// What is added to the bandwidths.
    pub gamma: Gamma,
    /// Scale of the wavelets.
    pub norm: WaveletNorm,
    /// Share of each wavelet's spectrum, in sums of magnitudes, that may be left out; 0 to below 1.
    pub sparsity: f64,
    /// Shape of the wavelets.
    pub window: Window,
    /// Whether responses are divided by `√L_k`; otherwise they grow with the length.
    pub scale: bool,
    /// What frames see beyond the ends of the recording.
    pub pad: Pad,
    /// At which rate the wavelets are sampled.
    pub wavelet_rate: WaveletRate,
}

impl Default for CqtConfig {
    /// Seven octaves of semitones from C1 every 512 samples at 22.05 kHz: the defaults of librosa's `cqt`,
    /// with wavelets at the full rate.
    fn default() -> Self {
        Self {
            sample_rate: SampleRate::HZ_22050,
            hop: 512,
            f_min: C1,
            bins: 84,
            bins_per_octave: 12,
            tuning: 0.0,
            filter_scale: 1.0,
            gamma: Gamma::Hz(0.0),
            norm: WaveletNorm::L1,
            sparsity: 0.01,
            window: Window::Hann,
            scale: true,
            pad: Pad::Zero,
            wavelet_rate: WaveletRate::Full,
        }
    }
}

/// The note C1 in Hz.
const C1: f64 = 32.703_195_662_574_83;

impl CqtConfig {
    /// The values of librosa 0.11's `cqt`, wavelets sampled at the rates that it uses.
    pub fn librosa() -> Self {
        Self { wavelet_rate: WaveletRate::Librosa, ..Self::default() }
    }

    /// A variable-Q transform: [`Gamma::Erb`], as librosa's `vqt`.
    pub fn vqt() -> Self {
        Self { gamma: Gamma::Erb, ..Self::default() }
    }

    /// The input of melody networks: six octaves of 60 bins from C1 every 256 samples at 22.05 kHz
    /// (Bittner et al. 2017, "Deep Salience Representations for F0 Estimation in Polyphonic Music").
    pub fn deep_salience() -> Self {
        Self { hop: 256, bins: 360, bins_per_octave: 60, ..Self::default() }
    }

    /// Frequency of bin 0 after tuning, Hz.
    pub fn lowest_hz(&self) -> f64 {
        self.f_min * (self.tuning / self.bins_per_octave as f64).exp2()
    }

    /// Frequency of a bin, Hz.
    pub fn hz(&self, bin: usize) -> f64 {
        self.lowest_hz() * (bin as f64 / self.bins_per_octave as f64).exp2()
    }

    /// Length of the wavelet of a bin in samples, a fractional number.
    pub fn length(&self, bin: usize) -> f64 {
        self.length_at(self.hz(bin), f64::from(self.sample_rate.hz()))
    }

    fn alpha(&self) -> f64 {
        relative_bandwidth(self.bins_per_octave as f64)
    }

    pub(super) fn gamma_hz(&self) -> f64 {
        match self.gamma {
            Gamma::Hz(hz) => hz,
            Gamma::Erb => self.alpha() * 24.7 / 0.108,
        }
    }

    fn length_at(&self, hz: f64, rate: f64) -> f64 {
        let alpha = self.alpha();
        self.filter_scale / alpha * rate / (hz + self.gamma_hz() / alpha)
    }

    /// Upper edge of the highest bin's main lobe, Hz (librosa's `wavelet_lengths`).
    fn cutoff(&self) -> f64 {
        let q = self.filter_scale / self.alpha();
        let top = self.hz(self.bins - 1);
        top * (1.0 + 0.5 * window_bandwidth(self.window) / q) + 0.5 * self.gamma_hz()
    }

    /// Meaning of the bins.
    pub fn axis(&self) -> BinAxis {
        BinAxis::LogHz {
            f_min: self.lowest_hz(),
            bins_per_octave: self.bins_per_octave as f64,
            bins: self.bins,
        }
    }

    pub(super) fn validate(&self) -> Result<()> {
        let check = |ok, field, expected, actual| {
            if ok { Ok(()) } else { Err(Error::OutOfRange { field, expected, actual }) }
        };
        let positive = |x: f64| x.is_finite() && x > 0.0;
        self.window.validate()?;
        self.pad.validate()?;
        check((1..=1 << 16).contains(&self.bins), "bins", "1 to 65536", self.bins as f64)?;
        check(
            (1..=4096).contains(&self.bins_per_octave),
            "bins_per_octave",
            "1 to 4096",
            self.bins_per_octave as f64,
        )?;
        check(positive(self.f_min), "f_min", "a finite frequency above 0", self.f_min)?;
        check(self.tuning.abs() < 1e6, "tuning", "a finite fraction of a bin", self.tuning)?;
        check(
            positive(self.filter_scale),
            "filter_scale",
            "a finite number above 0",
            self.filter_scale,
        )?;
        check((0.0..1.0).contains(&self.sparsity), "sparsity", "0 to below 1", self.sparsity)?;
        if let Gamma::Hz(hz) = self.gamma {
            check(hz.is_finite() && hz >= 0.0, "gamma", "a finite bandwidth of at least 0", hz)?;
        }
        let nyquist = f64::from(self.sample_rate.hz()) / 2.0;
        let (f_min, f_max) = (self.lowest_hz(), self.cutoff());
        if !(positive(f_min) && f_max <= nyquist) {
            return Err(Error::InvalidBand { f_min, f_max, nyquist });
        }
        let (longest, shortest) = (self.length(0), self.length(self.bins - 1));
        check(
            longest <= f64::from(1 << 23),
            "f_min",
            "high enough for wavelets of at most 8388608 samples",
            self.f_min,
        )?;
        check(
            shortest >= 2.0,
            "filter_scale",
            "enough for wavelets of 2 samples",
            self.filter_scale,
        )
    }

    /// How often the rate is halved before the wavelets of an octave are designed; 0 is the highest.
    fn level(&self, octave: u32) -> u32 {
        let octaves = self.bins.div_ceil(self.bins_per_octave) as u32;
        let twos = self.hop.trailing_zeros();
        let early = match self.wavelet_rate {
            WaveletRate::Full => return 0,
            WaveletRate::Octave => 0,
            WaveletRate::Librosa => {
                let nyquist = f64::from(self.sample_rate.hz()) / 2.0;
                let room = (nyquist / self.cutoff()).log2().ceil() - 2.0;
                (room.max(0.0) as u32).min((twos + 1).saturating_sub(octaves))
            }
        };
        early + octave.min(twos - early)
    }

    /// The octaves from the highest down.
    pub(super) fn octaves(&self) -> Vec<Octave> {
        let per_octave = self.bins_per_octave.min(self.bins);
        let mut octaves = vec![];
        let mut end = self.bins;
        while end > 0 {
            let first = end.saturating_sub(per_octave);
            octaves.push(Octave { first, end, level: self.level(octaves.len() as u32) });
            end = first;
        }
        octaves
    }

    /// Identity of an octave among all transforms that differ in `f_min` only.
    pub(super) fn key(&self, octave: Octave) -> OctaveKey {
        OctaveKey {
            lowest: (self.hz(octave.first).log2() * 1e9).round() as i64,
            bins: octave.end - octave.first,
            level: octave.level,
        }
    }

    /// Whether all side lobes of a wavelet count towards the share that is left out: where librosa is followed to the
    /// last digits.
    pub(super) fn far_lobes(&self) -> bool {
        self.wavelet_rate != WaveletRate::Full
    }

    /// The wavelet of a bin at the rate after some halvings.
    pub(super) fn wavelet(&self, bin: usize, level: u32) -> Wavelet {
        let rate = f64::from(self.sample_rate.hz()) * 0.5f64.powi(level as i32);
        let hz = self.hz(bin);
        Wavelet {
            cycles: hz / rate,
            length: self.length_at(hz, rate),
            window: self.window,
            norm: self.norm,
        }
    }

    /// The wavelets of an octave.
    pub(super) fn design(&self, octave: Octave) -> GroupDesign {
        let Octave { first, end, level } = octave;
        let longest = self.wavelet(first, level).length;
        let n_fft = (longest.ceil() as usize).next_power_of_two().max(2);
        let kernels: Vec<Kernel> = (first..end)
            .map(|bin| {
                // A smaller share shows in noise far outside the octave only.
                let sparsity = self.sparsity.max(1e-6);
                let mut kernel = self.wavelet(bin, level).kernel(n_fft, sparsity, self.far_lobes());
                let mut gain = 2f64.powi(level as i32);
                if self.scale {
                    gain /= self.length(bin).sqrt();
                }
                kernel.coefficients.iter_mut().for_each(|c| *c *= gain);
                kernel
            })
            .collect();
        // What is cut off at the ends of the spectrum spreads over the frame, whose edges then show.
        let cut = |kernel: &Kernel| kernel.is_cut(n_fft);
        let thin = self.wavelet_rate == WaveletRate::Full && !kernels.iter().any(cut);
        GroupDesign { level, n_fft, kernels, thin }
    }
}

/// Bins that are designed together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Octave {
    pub(super) first: usize,
    pub(super) end: usize,
    /// How often the rate is halved before.
    level: u32,
}

/// What tells octaves of the same transform from each other: those of two harmonics may be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct OctaveKey {
    lowest: i64,
    bins: usize,
    level: u32,
}

impl Fingerprinted for CqtConfig {
    const DOMAIN: &'static str = "mir-features/cqt/3";
}
