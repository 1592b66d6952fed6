//! Constant-Q transforms, pitch classes, fundamental frequency, tuning.

use mir_core::{AudioBuffer, SampleRate};
use mir_features::{
    BinAxis, Cens, CensConfig, ChromaCqt, ChromaCqtConfig, ChromaStft, ChromaStftConfig, Cqt,
    CqtConfig, FeatureMap, HarmonicStacking, HarmonicStackingConfig, Hcqt, HcqtConfig, HybridCqt,
    InverseCqt, PiptrackConfig, PseudoCqt, Pyin, PyinConfig, Result, SpectrumPower, Stft,
    StftConfig, TuningConfig, VectorNorm, Yin, YinConfig, estimate_tuning, tonnetz,
};
use serde::{Deserialize, Serialize};

use super::{Feature, by_channel, spectral::waveform, values};
use crate::{
    request::Input,
    result::{Output, curves},
};

pub const FEATURES: &[Feature] = &[
    Feature {
        name: "cqt",
        presets: &["librosa", "deep-salience"],
        about: "magnitudes of a constant-Q transform",
        compute: |input| {
            input.run(&cqt(input), |c| c.sample_rate, |c, audio| Cqt::new(c)?.process(audio))
        },
    },
    Feature {
        name: "cqt-spectrum",
        presets: &["librosa", "deep-salience"],
        about: "the constant-Q transform itself, complex",
        compute: |input| {
            input.run(&cqt(input), |c| c.sample_rate, |c, audio| Cqt::new(c)?.spectrum(audio))
        },
    },
    Feature {
        name: "inverse-cqt",
        presets: &["librosa", "deep-salience"],
        about: "samples made again from the constant-Q transform",
        compute: |input| {
            input.run(
                &cqt(input),
                |c| c.sample_rate,
                |c, audio| {
                    let spectrum = Cqt::new(c.clone())?.spectrum(audio)?;
                    waveform(&InverseCqt::new(c)?.process(&spectrum, audio.len())?)
                },
            )
        },
    },
    Feature {
        name: "vqt",
        presets: &[],
        about: "magnitudes of a variable-Q transform",
        compute: |input| {
            let preset = CqtConfig { sample_rate: input.rate, ..CqtConfig::vqt() };
            input.run(&preset, |c| c.sample_rate, |c, audio| Cqt::new(c)?.process(audio))
        },
    },
    Feature {
        name: "pseudo-cqt",
        presets: &["librosa", "deep-salience"],
        about: "bins of a constant-Q transform, out of one STFT",
        compute: |input| {
            input.run(&cqt(input), |c| c.sample_rate, |c, audio| PseudoCqt::new(c)?.process(audio))
        },
    },
    Feature {
        name: "hybrid-cqt",
        presets: &["librosa", "deep-salience"],
        about: "constant-Q below, pseudo-constant-Q above",
        compute: |input| {
            input.run(&cqt(input), |c| c.sample_rate, |c, audio| HybridCqt::new(c)?.process(audio))
        },
    },
    Feature {
        name: "hcqt",
        presets: &[],
        about: "constant-Q transforms at harmonics, one channel each",
        compute: |input| {
            let mut preset = HcqtConfig::default();
            preset.cqt.sample_rate = input.rate;
            input.run(&preset, |c| c.cqt.sample_rate, |c, audio| Hcqt::new(c)?.process(audio))
        },
    },
    Feature {
        name: "harmonic-stacking",
        presets: &[],
        about: "one constant-Q transform, shifted to harmonics, one channel each",
        compute: |input| {
            let cqt = CqtConfig { sample_rate: input.rate, ..CqtConfig::deep_salience() };
            let preset = StackingSettings { cqt, stacking: HarmonicStackingConfig::default() };
            input.run(
                &preset,
                |c| c.cqt.sample_rate,
                |c, audio| {
                    let mut map = Cqt::new(c.cqt)?.process(audio)?;
                    map.data = HarmonicStacking::new(c.stacking)?.process(&map.data);
                    if let BinAxis::LogHz { bins, .. } = &mut map.axis {
                        *bins = map.data.dim().2;
                    }
                    Ok(map)
                },
            )
        },
    },
    Feature {
        name: "chroma-stft",
        presets: &[],
        about: "pitch classes out of the STFT",
        compute: |input| {
            let mut preset = ChromaStftConfig::default();
            preset.stft.sample_rate = input.rate;
            let rate = |c: &ChromaStftConfig| c.stft.sample_rate;
            input.run(&preset, rate, |c, audio| ChromaStft::new(c)?.process(audio))
        },
    },
    Feature {
        name: "chroma-cqt",
        presets: &[],
        about: "pitch classes out of a constant-Q transform",
        compute: |input| {
            input.run(
                &ChromaSettings::new(input),
                |c| c.cqt.sample_rate,
                |c, audio| c.chroma(audio),
            )
        },
    },
    Feature {
        name: "cens",
        presets: &[],
        about: "pitch classes, quantised and smoothed",
        compute: |input| {
            let mut chroma = ChromaSettings::new(input);
            chroma.chroma.norm = VectorNorm::None;
            let preset = CensSettings { chroma, cens: CensConfig::default() };
            input.run(
                &preset,
                |c| c.chroma.cqt.sample_rate,
                |c, audio| {
                    let (map, cens) = (c.chroma.chroma(audio)?, Cens::new(c.cens)?);
                    by_channel(&map, |bins| BinAxis::Chroma { bins }, |x| Ok(cens.process(&x)))
                },
            )
        },
    },
    Feature {
        name: "tonnetz",
        presets: &[],
        about: "tonal centroids: fifths, minor thirds, major thirds",
        compute: |input| {
            input.run(
                &ChromaSettings::new(input),
                |c| c.cqt.sample_rate,
                |c, audio| by_channel(&c.chroma(audio)?, values("tonal centroid"), |x| tonnetz(&x)),
            )
        },
    },
    Feature {
        name: "yin",
        presets: &[],
        about: "fundamental frequency by YIN, Hz",
        compute: |input| {
            let preset = YinConfig { sample_rate: input.rate, ..YinConfig::default() };
            input.run(
                &preset,
                |c| c.sample_rate,
                |c, audio| {
                    let yin = Yin::new(c)?;
                    Ok(curves("f0 (Hz)", yin.grid(), &yin.process(audio)?))
                },
            )
        },
    },
    Feature {
        name: "pyin",
        presets: &[],
        about: "fundamental frequency by pYIN, Hz, NaN where unvoiced; voicing",
        compute: |input| {
            let mut preset = PyinConfig::default();
            preset.yin.sample_rate = input.rate;
            input.run(&preset, |c| c.yin.sample_rate, pyin)
        },
    },
    Feature {
        name: "tuning",
        presets: &[],
        about: "deviation from A = 440 Hz as a fraction of a semitone",
        compute: |input| {
            let preset = TuningSettings {
                stft: StftConfig::librosa(input.rate),
                tuning: TuningConfig::default(),
            };
            input.run(&preset, |c| c.stft.sample_rate, tuning)
        },
    },
];

/// Settings of `harmonic-stacking`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StackingSettings {
    cqt: CqtConfig,
    stacking: HarmonicStackingConfig,
}

/// Settings of `chroma-cqt` and `tonnetz`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChromaSettings {
    cqt: CqtConfig,
    chroma: ChromaCqtConfig,
}

impl ChromaSettings {
    /// Seven octaves of 36 bins, as librosa takes them.
    fn new(input: &Input<'_>) -> Self {
        let cqt = CqtConfig {
            sample_rate: input.rate,
            bins: 252,
            bins_per_octave: 36,
            ..CqtConfig::librosa()
        };
        Self { cqt, chroma: ChromaCqtConfig::default() }
    }

    fn chroma(self, audio: &AudioBuffer) -> Result<FeatureMap> {
        let untuned = CqtConfig { tuning: 0.0, ..self.cqt.clone() };
        let chroma = ChromaCqt::new(self.chroma, &untuned.axis())?;
        let map = Cqt::new(self.cqt)?.process(audio)?;
        by_channel(&map, |bins| BinAxis::Chroma { bins }, |x| chroma.process(&x))
    }
}

/// Settings of `cens`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CensSettings {
    chroma: ChromaSettings,
    cens: CensConfig,
}

/// Settings of `tuning`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TuningSettings {
    stft: StftConfig,
    tuning: TuningConfig,
}

fn cqt(input: &Input<'_>) -> CqtConfig {
    let config = match input.preset() {
        "deep-salience" => CqtConfig::deep_salience(),
        "librosa" => CqtConfig::librosa(),
        _ => CqtConfig::default(),
    };
    CqtConfig { sample_rate: input.rate, ..config }
}

fn pyin(config: PyinConfig, audio: &AudioBuffer) -> Result<Output> {
    let pyin = Pyin::new(config)?;
    let tracks = pyin.process(audio)?;
    let grid = tracks.first().map_or_else(|| pyin.grid(), |track| track.grid);
    let (mut f0, mut probability) = (vec![], vec![]);
    for track in tracks {
        let voiced = track.f0.iter().zip(&track.voiced);
        f0.push(voiced.map(|(&hz, &voiced)| if voiced { hz } else { f64::NAN }).collect());
        probability.push(track.voiced_probability);
    }
    Ok(Output::one("f0", curves("f0 (Hz)", grid, &f0))
        .with("voiced_probability", curves("probability", grid, &probability)))
}

fn tuning(settings: TuningSettings, audio: &AudioBuffer) -> Result<Output> {
    let rate: SampleRate = settings.stft.sample_rate;
    let peaks = PiptrackConfig {
        sample_rate: rate,
        n_fft: settings.stft.n_fft,
        ..settings.tuning.peaks.clone()
    };
    let config = TuningConfig { peaks, ..settings.tuning };
    let map = Stft::new(settings.stft)?.process(audio, SpectrumPower::Magnitude)?;
    let tunings = map.data.outer_iter().map(|x| Ok(vec![estimate_tuning(&x, &config)?]));
    Ok(Output::lists("tuning", "semitones", tunings.collect::<Result<Vec<_>>>()?))
}
