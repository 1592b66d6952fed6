//! pYIN: a pitch contour that knows where there is no pitch.
//!
//! Mauch and Dixon 2014, "pYIN: A fundamental frequency estimator using probabilistic threshold
//! distributions"; details as in librosa 0.11. YIN's threshold is drawn from a beta distribution, so every dip of a
//! frame gets a probability; Viterbi's algorithm finds the likeliest contour through the frames.

use mir_core::{AudioBuffer, Fingerprinted, FrameGrid};
use serde::{Deserialize, Serialize};

use super::{
    beta,
    viterbi::Transitions,
    yin::{Dips, Yin, YinConfig},
};
use crate::{Error, Result, stft::check_audio};

/// How dips become a contour.
///
/// ```
/// use mir_features::{Pyin, PyinConfig};
/// let config = PyinConfig { resolution: 0.2, ..PyinConfig::default() };
/// assert!(Pyin::new(config).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PyinConfig {
    /// Frames and range. Its `trough_threshold` has no effect.
    pub yin: YinConfig,
    /// Number of thresholds, 1 to 10000, spread over 0 to 1.
    pub n_thresholds: usize,
    /// Shape of the beta distribution of the threshold: two numbers, each 0.01 to 1000.
    pub beta_parameters: (f64, f64),
    /// How much more likely a shorter period is than the next longer, as a rate above 0.
    pub boltzmann_parameter: f64,
    /// Width of a pitch bin in semitones, 0.001 to 1.
    pub resolution: f64,
    /// Fastest change of the pitch, octaves per second, at least 0.
    pub max_transition_rate: f64,
    /// Chance to change between voiced and unvoiced from frame to frame, 0 to 1.
    pub switch_probability: f64,
    /// Share that the deepest dip gets of the thresholds below all dips, 0 to 1.
    pub no_trough_probability: f64,
}

impl Default for PyinConfig {
    /// The defaults of librosa.
    fn default() -> Self {
        Self {
            yin: YinConfig::default(),
            n_thresholds: 100,
            beta_parameters: (2.0, 18.0),
            boltzmann_parameter: 2.0,
            resolution: 0.1,
            max_transition_rate: 35.92,
            switch_probability: 0.01,
            no_trough_probability: 0.01,
        }
    }
}

impl Fingerprinted for PyinConfig {
    const DOMAIN: &'static str = "mir-features/pyin/2";
}

impl PyinConfig {
    fn validate(&self) -> Result<()> {
        let check = |field, value: f64, low: f64, high: f64, expected| {
            if value >= low && value <= high {
                Ok(())
            } else {
                Err(Error::OutOfRange { field, expected, actual: value })
            }
        };
        check("n_thresholds", self.n_thresholds as f64, 1.0, 1e4, "1 to 10000")?;
        let (a, b) = self.beta_parameters;
        check("beta_parameters", a, 0.01, 1e3, "0.01 to 1000")?;
        check("beta_parameters", b, 0.01, 1e3, "0.01 to 1000")?;
        check("boltzmann_parameter", self.boltzmann_parameter, 1e-6, 1e3, "1e-6 to 1000")?;
        check("resolution", self.resolution, 1e-3, 1.0, "0.001 to 1 semitones")?;
        check("max_transition_rate", self.max_transition_rate, 0.0, 1e6, "0 to 1e6")?;
        check("switch_probability", self.switch_probability, 0.0, 1.0, "0 to 1")?;
        check("no_trough_probability", self.no_trough_probability, 0.0, 1.0, "0 to 1")
    }
}

/// The contour of one channel.
///
/// ```
/// use mir_features::{AudioBuffer, Pyin, PyinConfig, SampleRate};
/// let silence = AudioBuffer::mono(SampleRate::HZ_22050, vec![0.0; 22_050]);
/// let track = &Pyin::new(PyinConfig::default())?.process(&silence)?[0];
/// assert!(track.voiced.iter().all(|voiced| !voiced));
/// assert_eq!(track.f0.len(), track.voiced_probability.len());
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct PyinTrack {
    /// Time of the frames.
    pub grid: FrameGrid,
    /// Frequency of each frame in Hz, also a guess where there is no pitch.
    pub f0: Vec<f64>,
    /// Whether the contour is voiced.
    pub voiced: Vec<bool>,
    /// Probability of each frame, seen alone, to be voiced.
    pub voiced_probability: Vec<f64>,
}

/// A planned pYIN pitch tracker. The contour depends on the whole recording: there is no streaming form.
///
/// ```
/// use mir_features::{AudioBuffer, Pyin, PyinConfig, SampleRate};
/// # use std::f64::consts::TAU;
/// let sine = |n| (TAU * 220.0 * f64::from(n) / 22050.0).sin() as f32;
/// let audio = AudioBuffer::mono(SampleRate::HZ_22050, (0..22050).map(sine).collect());
/// let track = &Pyin::new(PyinConfig::default())?.process(&audio)?[0];
/// assert!(track.voiced[20] && (track.f0[20] - 220.0).abs() < 1.0);
/// # Ok::<(), mir_features::Error>(())
/// ```
#[derive(Debug)]
pub struct Pyin {
    config: PyinConfig,
    yin: Yin,
    /// Probability of each threshold.
    beta: Vec<f64>,
    /// Frequencies of the pitch bins, Hz.
    pitches: Vec<f64>,
    per_semitone: usize,
    transitions: Transitions,
}

impl Pyin {
    /// Validates the configuration and plans.
    ///
    /// # Errors
    /// As [`Yin::new`]; [`Error::OutOfRange`] for the first other field that is not admissible, and for a
    /// range and resolution with more than 8192 pitches.
    pub fn new(config: PyinConfig) -> Result<Self> {
        config.validate()?;
        let yin = Yin::new(config.yin.clone())?;
        let count = config.n_thresholds as f64;
        let (a, b) = config.beta_parameters;
        let below = |i: usize| beta::cumulative(i as f64 / count, a, b);
        let (low, high) = (config.yin.f_min, config.yin.f_max);
        let per_semitone = (1.0 / config.resolution).ceil() as usize;
        let per_octave = 12.0 * per_semitone as f64;
        let pitches = (per_octave * (high / low).log2()).floor() as usize + 1;
        if pitches > 8192 {
            return Err(Error::OutOfRange {
                field: "resolution",
                expected: "at most 8192 pitches between f_min and f_max",
                actual: config.resolution,
            });
        }
        let seconds = config.yin.hop as f64 / f64::from(config.yin.sample_rate.hz());
        let semitones = (config.max_transition_rate * 12.0 * seconds).round_ties_even() as usize;
        let width = semitones.saturating_mul(per_semitone).saturating_add(1);
        Ok(Self {
            beta: (0..config.n_thresholds).map(|i| below(i + 1) - below(i)).collect(),
            pitches: (0..pitches).map(|i| low * (i as f64 / per_octave).exp2()).collect(),
            per_semitone,
            transitions: Transitions::new(pitches, width, config.switch_probability),
            yin,
            config,
        })
    }

    /// The configuration.
    pub const fn config(&self) -> &PyinConfig {
        &self.config
    }

    /// Time of the frames.
    pub const fn grid(&self) -> FrameGrid {
        self.yin.grid()
    }

    /// Number of frames of a recording of `samples` samples.
    pub fn frames(&self, samples: usize) -> usize {
        self.yin.frames(samples)
    }

    /// The contour of every channel. Allocates.
    ///
    /// # Errors
    /// [`Error::SampleRate`] for audio of another rate, [`Error::Core`] for samples that are not finite.
    pub fn process(&self, audio: &AudioBuffer) -> Result<Vec<PyinTrack>> {
        check_audio(audio, self.config.yin.sample_rate)?;
        Ok((0..audio.channels()).map(|channel| self.track(audio.channel(channel))).collect())
    }

    fn track(&self, samples: &[f32]) -> PyinTrack {
        let (difference, framing) = (&self.yin.difference, &self.yin.framing);
        let mut scratch = difference.scratch();
        let (signal, mut buffer) = (framing.signal(samples), vec![0.0; framing.length()]);
        let frames = self.frames(samples.len());
        let n = self.pitches.len();
        let mut voiced_probability = vec![];
        let path = self.transitions.path(frames, |frame, observed| {
            let dips =
                difference.frame(signal.frame(framing.start(frame), &mut buffer), &mut scratch);
            observed.fill(0.0);
            self.observe(&dips, &mut observed[..=n]);
            let voiced = observed[..n].iter().sum::<f64>().clamp(0.0, 1.0);
            observed[n..].fill((1.0 - voiced) / n as f64);
            voiced_probability.push(voiced);
        });
        PyinTrack {
            grid: self.grid(),
            f0: path.iter().map(|&state| self.pitches[state % n]).collect(),
            voiced: path.iter().map(|&state| state < n).collect(),
            voiced_probability,
        }
    }

    /// The probabilities of the pitches of a frame; the last slot takes what lies above the range.
    fn observe(&self, dips: &Dips<'_>, pitches: &mut [f64]) {
        let indices: Vec<usize> = (0..dips.difference.len()).filter(|&i| dips.is_dip(i)).collect();
        let height = |dip: usize| dips.difference[indices[dip]];
        let Some(deepest) =
            (0..indices.len()).reduce(|best, i| if height(i) < height(best) { i } else { best })
        else {
            return;
        };
        let count = self.config.n_thresholds;
        let threshold = |i: usize| (i + 1) as f64 / count as f64;
        let lambda = self.config.boltzmann_parameter;
        let mut probabilities = vec![0.0; indices.len()];
        for (i, weight) in self.beta.iter().enumerate() {
            let below = (0..indices.len()).filter(|&dip| height(dip) < threshold(i));
            let dips_below = below.clone().count();
            if dips_below == 0 {
                // All thresholds that no dip reaches.
                probabilities[deepest] += self.config.no_trough_probability * weight;
            }
            // Boltzmann's distribution over the dips below, the shortest period first.
            let total = 1.0 - (-lambda * dips_below as f64).exp();
            for (rank, dip) in below.enumerate() {
                let prior = (1.0 - (-lambda).exp()) * (-lambda * rank as f64).exp() / total;
                probabilities[dip] += prior * weight;
            }
        }
        let per_octave = 12.0 * self.per_semitone as f64;
        let rate = f64::from(self.config.yin.sample_rate.hz());
        let last = pitches.len() - 1;
        for (&index, probability) in indices.iter().zip(probabilities) {
            if probability > 0.0 {
                let hz = rate / dips.period(index);
                let bin = (per_octave * (hz / self.config.yin.f_min).log2()).round_ties_even();
                pitches[(bin.max(0.0) as usize).min(last)] = probability;
            }
        }
    }
}
