//! Spectra, bands, what is derived from them, and levels.

use mir_core::{AudioBuffer, FrameGrid, SampleRate};
use mir_features::{
    BinAxis, Delta, DeltaConfig, FeatureMap, FrontEndConfig, GriffinLim, GriffinLimConfig, Hpss,
    HpssConfig, Istft, IstftConfig, LogFiltered, LogFilteredConfig, LogMel, LogMelConfig,
    MelConfig, MelFilterbank, Mfcc, MfccConfig, Normalizer, NormalizerConfig, Pcen, PcenConfig,
    Result, Rms, RmsConfig, SpecAugment, SpecAugmentConfig, SpectralBandwidth,
    SpectralBandwidthConfig, SpectralCentroid, SpectralCentroidConfig, SpectralContrast,
    SpectralContrastConfig, SpectralFlatness, SpectralFlatnessConfig, SpectralFlux,
    SpectralFluxConfig, SpectralRolloff, SpectralRolloffConfig, Spectrogram, SpectrogramConfig,
    SpectrumPower, Stft, StftConfig, ZeroCrossingRate, ZeroCrossingRateConfig,
};
use ndarray::{Array2, Array3};
use serde::{Deserialize, Serialize};

use super::{Feature, by_channel};
use crate::{request::Input, result::Output};

pub const FEATURES: &[Feature] = &[
    Feature {
        name: "stft",
        presets: &["librosa", "torchaudio"],
        about: "short-time Fourier transform, complex",
        compute: |input| {
            input.run(&stft(input), |c| c.sample_rate, |c, audio| Stft::new(c)?.spectrum(audio))
        },
    },
    Feature {
        name: "spectrogram",
        presets: &["librosa", "torchaudio"],
        about: "magnitudes of the STFT, or its power (--set power=power)",
        compute: |input| {
            let preset = SpectrogramConfig { stft: stft(input), ..SpectrogramConfig::default() };
            input.run(
                &preset,
                |c| c.stft.sample_rate,
                |c, audio| Spectrogram::new(c)?.process(audio),
            )
        },
    },
    Feature {
        name: "phase",
        presets: &["librosa", "torchaudio"],
        about: "phases of the STFT in radians",
        compute: |input| {
            input.run(
                &stft(input),
                |c| c.sample_rate,
                |c, audio| Ok(Stft::new(c)?.spectrum(audio)?.phase()),
            )
        },
    },
    Feature {
        name: "inverse-stft",
        presets: &["librosa", "torchaudio"],
        about: "samples made again from the STFT",
        compute: |input| {
            let preset = IstftConfig { stft: stft(input), ..IstftConfig::default() };
            input.run(
                &preset,
                |c| c.stft.sample_rate,
                |c, audio| {
                    let spectrum = Stft::new(c.stft.clone())?.spectrum(audio)?;
                    waveform(&Istft::new(c)?.process(&spectrum, Some(audio.len()))?)
                },
            )
        },
    },
    Feature {
        name: "griffin-lim",
        presets: &[],
        about: "samples made again from the magnitudes of the STFT alone",
        compute: |input| {
            let preset = GriffinLimConfig { stft: stft(input), ..GriffinLimConfig::default() };
            input.run(
                &preset,
                |c| c.stft.sample_rate,
                |c, audio| {
                    let magnitude =
                        Stft::new(c.stft.clone())?.process(audio, SpectrumPower::Magnitude)?;
                    waveform(&GriffinLim::new(c)?.process(&magnitude, Some(audio.len()))?)
                },
            )
        },
    },
    Feature {
        name: "log-mel",
        presets: &FrontEndConfig::LOG_MEL_PRESETS,
        about: "logarithm of mel bands; without a preset as librosa computes it",
        compute: |input| {
            let name = if input.preset().is_empty() { "librosa" } else { input.preset() };
            let preset = FrontEndConfig::log_mel_preset(name, input.rate).unwrap_or_default();
            input.run(
                &preset,
                |c| c.build().map_or(input.rate, |front_end| front_end.sample_rate()),
                |c, audio| c.build()?.process(audio),
            )
        },
    },
    Feature {
        name: "mel",
        presets: &[],
        about: "power in mel bands",
        compute: |input| {
            let rate = |c: &MelSettings| c.spectrogram.stft.sample_rate;
            input.run(&mel(input, 2), rate, mel_bands)
        },
    },
    Feature {
        name: "mfcc",
        presets: &["librosa", "torchaudio"],
        about: "mel-frequency cepstral coefficients",
        compute: |input| {
            input.run(
                &mfcc(input),
                |c| c.log_mel.sample_rate,
                |c, audio| Mfcc::new(c)?.process(audio),
            )
        },
    },
    Feature {
        name: "delta",
        presets: &["librosa", "torchaudio"],
        about: "derivative of the MFCC over time (--set delta.order=2 for the second)",
        compute: |input| {
            let preset = DeltaSettings { mfcc: mfcc(input), delta: DeltaConfig::default() };
            input.run(
                &preset,
                |c| c.mfcc.log_mel.sample_rate,
                |c, audio| Delta::new(c.delta)?.process(&Mfcc::new(c.mfcc)?.process(audio)?),
            )
        },
    },
    Feature {
        name: "pcen",
        presets: &[],
        about: "per-channel energy normalisation of mel bands",
        compute: |input| {
            // librosa advises to scale samples to 32-bit integers.
            let preset = PcenSettings {
                bands: mel(input, 1),
                scale: 2f64.powi(31),
                pcen: PcenConfig::default(),
            };
            input.run(
                &preset,
                |c| c.bands.spectrogram.stft.sample_rate,
                |c, audio| {
                    let mut bands = mel_bands(c.bands, audio)?;
                    bands.data.mapv_inplace(|x| (f64::from(x) * c.scale) as f32);
                    Pcen::new(c.pcen, &bands.grid)?.process(&bands)
                },
            )
        },
    },
    Feature {
        name: "normalized",
        presets: &[],
        about: "log-mel bands with mean 0 and deviation 1 (normalizer.scope, .kind)",
        compute: |input| {
            let log_mel = LogMelConfig::librosa(input.rate);
            let preset = NormalizedSettings { log_mel, normalizer: NormalizerConfig::default() };
            input.run(
                &preset,
                |c| c.log_mel.sample_rate,
                |c, audio| {
                    let mut map = LogMel::new(c.log_mel)?.process(audio)?;
                    Normalizer::new(c.normalizer)?.process_in_place(&mut map);
                    Ok(map)
                },
            )
        },
    },
    Feature {
        name: "spec-augment",
        presets: &[],
        about: "log-mel bands with masked times and bands, drawn by the setting `seed`",
        compute: |input| {
            let preset = AugmentSettings {
                log_mel: LogMelConfig::librosa(input.rate),
                masks: SpecAugmentConfig { probability: 1.0, ..SpecAugmentConfig::default() },
                seed: 0,
            };
            input.run(
                &preset,
                |c| c.log_mel.sample_rate,
                |c, audio| {
                    let mut map = LogMel::new(c.log_mel)?.process(audio)?;
                    SpecAugment::new(c.masks)?.apply(&mut map.data, c.seed);
                    Ok(map)
                },
            )
        },
    },
    Feature {
        name: "log-filtered",
        presets: &[],
        about: "bands of the STFT that are spaced like pitches (madmom), at 44.1 kHz",
        compute: |input| {
            let preset = LogFilteredConfig::default();
            input.run(&preset, |c| c.sample_rate, |c, audio| LogFiltered::new(c)?.process(audio))
        },
    },
    Feature {
        name: "hpss",
        presets: &[],
        about: "magnitudes of the STFT, tones and strokes apart",
        compute: |input| {
            let preset = HpssSettings { stft: stft(input), hpss: HpssConfig::default() };
            input.run(
                &preset,
                |c| c.stft.sample_rate,
                |c, audio| {
                    let map = Stft::new(c.stft)?.process(audio, SpectrumPower::Magnitude)?;
                    let hpss = Hpss::new(c.hpss)?;
                    let axis = |_| map.axis.clone();
                    let harmonic = by_channel(&map, axis, |x| Ok(hpss.process(&x)?.harmonic))?;
                    let percussive = by_channel(&map, axis, |x| Ok(hpss.process(&x)?.percussive))?;
                    Ok(Output::one("harmonic", harmonic).with("percussive", percussive))
                },
            )
        },
    },
    Feature {
        name: "spectral-centroid",
        presets: &[],
        about: "mean frequency of the spectrum, Hz",
        compute: |input| {
            let preset = SpectralCentroidConfig { stft: stft(input) };
            let rate = |c: &SpectralCentroidConfig| c.stft.sample_rate;
            input.run(&preset, rate, |c, audio| SpectralCentroid::new(c)?.process(audio))
        },
    },
    Feature {
        name: "spectral-bandwidth",
        presets: &[],
        about: "deviation of the spectrum from its centroid, Hz",
        compute: |input| {
            let preset =
                SpectralBandwidthConfig { stft: stft(input), ..SpectralBandwidthConfig::default() };
            let rate = |c: &SpectralBandwidthConfig| c.stft.sample_rate;
            input.run(&preset, rate, |c, audio| SpectralBandwidth::new(c)?.process(audio))
        },
    },
    Feature {
        name: "spectral-rolloff",
        presets: &[],
        about: "frequency below which 85 % of the spectrum lie, Hz",
        compute: |input| {
            let preset =
                SpectralRolloffConfig { stft: stft(input), ..SpectralRolloffConfig::default() };
            let rate = |c: &SpectralRolloffConfig| c.stft.sample_rate;
            input.run(&preset, rate, |c, audio| SpectralRolloff::new(c)?.process(audio))
        },
    },
    Feature {
        name: "spectral-flatness",
        presets: &[],
        about: "geometric by arithmetic mean of the spectrum",
        compute: |input| {
            let preset =
                SpectralFlatnessConfig { stft: stft(input), ..SpectralFlatnessConfig::default() };
            let rate = |c: &SpectralFlatnessConfig| c.stft.sample_rate;
            input.run(&preset, rate, |c, audio| SpectralFlatness::new(c)?.process(audio))
        },
    },
    Feature {
        name: "spectral-contrast",
        presets: &[],
        about: "peaks against valleys in octave bands, dB",
        compute: |input| {
            let preset =
                SpectralContrastConfig { stft: stft(input), ..SpectralContrastConfig::default() };
            let rate = |c: &SpectralContrastConfig| c.stft.sample_rate;
            input.run(&preset, rate, |c, audio| SpectralContrast::new(c)?.process(audio))
        },
    },
    Feature {
        name: "spectral-flux",
        presets: &[],
        about: "change of the spectrum from frame to frame",
        compute: |input| {
            let preset = SpectralFluxConfig { stft: stft(input), ..SpectralFluxConfig::default() };
            let rate = |c: &SpectralFluxConfig| c.stft.sample_rate;
            input.run(&preset, rate, |c, audio| SpectralFlux::new(c)?.process(audio))
        },
    },
    Feature {
        name: "rms",
        presets: &[],
        about: "root mean square of the samples of a frame",
        compute: |input| {
            let preset = RmsConfig { sample_rate: input.rate, ..RmsConfig::default() };
            input.run(&preset, |c| c.sample_rate, |c, audio| Rms::new(c)?.process(audio))
        },
    },
    Feature {
        name: "zero-crossing-rate",
        presets: &[],
        about: "share of the samples whose sign differs from the one before",
        compute: |input| {
            let preset = ZeroCrossingRateConfig {
                sample_rate: input.rate,
                ..ZeroCrossingRateConfig::default()
            };
            input.run(
                &preset,
                |c| c.sample_rate,
                |c, audio| ZeroCrossingRate::new(c)?.process(audio),
            )
        },
    },
];

/// Settings of `delta`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeltaSettings {
    mfcc: MfccConfig,
    delta: DeltaConfig,
}

/// Settings of `mel`. The filters take rate and length of the transform from the spectrogram.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MelSettings {
    spectrogram: SpectrogramConfig,
    mel: MelConfig,
}

/// Settings of `pcen`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PcenSettings {
    /// By which the bands are multiplied before.
    scale: f64,
    bands: MelSettings,
    pcen: PcenConfig,
}

/// Settings of `normalized`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NormalizedSettings {
    log_mel: LogMelConfig,
    normalizer: NormalizerConfig,
}

/// Settings of `spec-augment`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AugmentSettings {
    seed: u64,
    log_mel: LogMelConfig,
    masks: SpecAugmentConfig,
}

/// Settings of `hpss`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HpssSettings {
    stft: StftConfig,
    hpss: HpssConfig,
}

/// The STFT of a preset.
pub fn stft(input: &Input<'_>) -> StftConfig {
    match input.preset() {
        "torchaudio" => StftConfig::torchaudio(input.rate),
        _ => StftConfig::librosa(input.rate),
    }
}

fn mfcc(input: &Input<'_>) -> MfccConfig {
    match input.preset() {
        "torchaudio" => MfccConfig::torchaudio(input.rate),
        _ => MfccConfig::librosa(input.rate),
    }
}

/// librosa's mel bands of magnitudes or power.
fn mel(input: &Input<'_>, power: u8) -> MelSettings {
    let power = if power == 1 { SpectrumPower::Magnitude } else { SpectrumPower::Power };
    let LogMelConfig { sample_rate, n_fft, n_mels, f_min, f_max, mel_scale, filter_norm, .. } =
        LogMelConfig::librosa(input.rate);
    MelSettings {
        spectrogram: SpectrogramConfig { stft: stft(input), power },
        mel: MelConfig { sample_rate, n_fft, n_mels, f_min, f_max, mel_scale, filter_norm },
    }
}

fn mel_bands(settings: MelSettings, audio: &AudioBuffer) -> Result<FeatureMap> {
    let StftConfig { sample_rate, n_fft, .. } = settings.spectrogram.stft;
    let filters = MelFilterbank::new(MelConfig { sample_rate, n_fft, ..settings.mel })?;
    let map = Spectrogram::new(settings.spectrogram)?.process(audio)?;
    let axis = |_| BinAxis::Mel { centres_hz: filters.centres().to_vec() };
    by_channel(&map, axis, |spectra| {
        let mut bands = Array2::zeros((spectra.nrows(), filters.centres().len()));
        let mut out = vec![0.0; bands.ncols()];
        for (spectrum, mut row) in spectra.outer_iter().zip(bands.outer_iter_mut()) {
            filters.process_into(&spectrum.to_vec(), &mut out);
            row.assign(&ndarray::ArrayView1::from(&out));
        }
        Ok(bands)
    })
}

/// Samples as a map with a frame for each.
pub fn waveform(audio: &AudioBuffer) -> Result<FeatureMap> {
    let rate: SampleRate = audio.sample_rate();
    let shape = (audio.channels(), audio.len(), 1);
    let data = Array3::from_shape_fn(shape, |(channel, n, _)| audio.channel(channel)[n]);
    let axis = BinAxis::Values { name: "amplitude".to_owned(), bins: 1 };
    Ok(FeatureMap { grid: FrameGrid::new(rate, 1, 0)?, axis, data })
}
