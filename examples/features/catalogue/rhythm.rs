//! Onsets, tempo and beats.

use mir_features::{
    BeatTracker, BeatTrackerConfig, FourierTempogram, FourierTempogramConfig, LogMelConfig,
    OnsetDetector, OnsetDetectorConfig, OnsetStrength, OnsetStrengthConfig, PredominantPulse,
    PredominantPulseConfig, TempoEstimator, TempoEstimatorConfig, Tempogram, TempogramConfig,
};
use serde::{Deserialize, Serialize};

use super::Feature;
use crate::result::Output;

pub const FEATURES: &[Feature] = &[
    Feature {
        name: "onset-strength",
        presets: &[],
        about: "rise of the log-mel bands",
        compute: |input| {
            let preset = OnsetStrengthConfig::librosa(input.rate);
            let rate = |c: &OnsetStrengthConfig| c.log_mel.sample_rate;
            input.run(&preset, rate, |c, audio| OnsetStrength::new(c)?.process(audio))
        },
    },
    Feature {
        name: "onsets",
        presets: &[],
        about: "times of note onsets, seconds",
        compute: |input| {
            let mut preset = OnsetDetectorConfig::default();
            preset.strength.log_mel = LogMelConfig::librosa(input.rate);
            input.run(
                &preset,
                |c| c.strength.log_mel.sample_rate,
                |c, audio| {
                    let onsets = OnsetDetector::new(c)?.process(audio)?;
                    Ok(Output::lists("onsets", "s", onsets))
                },
            )
        },
    },
    Feature {
        name: "tempogram",
        presets: &[],
        about: "autocorrelation of the onset strength, by tempo",
        compute: |input| {
            let strength = OnsetStrengthConfig::librosa(input.rate);
            let preset = TempogramSettings { strength, tempogram: TempogramConfig::default() };
            input.run(
                &preset,
                |c| c.strength.log_mel.sample_rate,
                |c, audio| {
                    let strength = OnsetStrength::new(c.strength)?.process(audio)?;
                    Ok(Tempogram::new(c.tempogram)?.process(&strength))
                },
            )
        },
    },
    Feature {
        name: "fourier-tempogram",
        presets: &[],
        about: "Fourier transform of the onset strength, by tempo, complex",
        compute: |input| {
            let preset = FourierTempogramSettings {
                strength: OnsetStrengthConfig::librosa(input.rate),
                tempogram: FourierTempogramConfig::default(),
            };
            input.run(
                &preset,
                |c| c.strength.log_mel.sample_rate,
                |c, audio| {
                    let strength = OnsetStrength::new(c.strength)?.process(audio)?;
                    FourierTempogram::new(c.tempogram)?.process(&strength)
                },
            )
        },
    },
    Feature {
        name: "tempo",
        presets: &[],
        about: "tempo of the whole recording, beats per minute",
        compute: |input| {
            let mut preset = TempoEstimatorConfig::default();
            preset.strength.log_mel = LogMelConfig::librosa(input.rate);
            input.run(
                &preset,
                |c| c.strength.log_mel.sample_rate,
                |c, audio| {
                    let tempi = TempoEstimator::new(c)?.process(audio)?;
                    Ok(Output::lists("tempo", "bpm", tempi.into_iter().map(|bpm| vec![bpm])))
                },
            )
        },
    },
    Feature {
        name: "pulse",
        presets: &[],
        about: "predominant local pulse",
        compute: |input| {
            let mut preset = PredominantPulseConfig::default();
            preset.strength.log_mel = LogMelConfig::librosa(input.rate);
            let rate = |c: &PredominantPulseConfig| c.strength.log_mel.sample_rate;
            input.run(&preset, rate, |c, audio| PredominantPulse::new(c)?.process(audio))
        },
    },
    Feature {
        name: "beats",
        presets: &[],
        about: "times of beats, seconds, and their tempo",
        compute: |input| {
            let mut preset = BeatTrackerConfig::default();
            preset.tempo.strength.log_mel = LogMelConfig::librosa(input.rate);
            let rate = |c: &BeatTrackerConfig| c.tempo.strength.log_mel.sample_rate;
            input.run(&preset, rate, |c, audio| {
                let tracks = BeatTracker::new(c)?.process(audio)?;
                let tempi = tracks.iter().map(|track| vec![track.bpm]).collect::<Vec<_>>();
                let mut output = Output::lists("beats", "s", tracks.into_iter().map(|t| t.times));
                output.parts.append(&mut Output::lists("tempo", "bpm", tempi).parts);
                Ok(output)
            })
        },
    },
];

/// Settings of `tempogram`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TempogramSettings {
    strength: OnsetStrengthConfig,
    tempogram: TempogramConfig,
}

/// Settings of `fourier-tempogram`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FourierTempogramSettings {
    strength: OnsetStrengthConfig,
    tempogram: FourierTempogramConfig,
}
