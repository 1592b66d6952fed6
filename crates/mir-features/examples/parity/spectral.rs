//! Spectra, bands, what is derived from them, levels.

use mir_features::{
    BinAxis, ChromaFilterbank, ChromaStft, Complex, Delta, FeatureMap, FrameFeature, FrameGrid,
    GriffinLim, GriffinLimConfig, Hpss, HpssConfig, Istft, IstftConfig, KaldiFbank, LogMel,
    MelConfig, MelFilterbank, Mfcc, Pcen, PcenConfig, Rms, SampleRate, SpectralBandwidth,
    SpectralCentroid, SpectralContrast, SpectralFlatness, SpectralFlux, SpectralRolloff, Spectrum,
    SpectrumPower, Stft, StftConfig, VectorNorm, Window, ZeroCrossingRate, ZeroMask,
    db::{DbConfig, amplitude_to_db, power_to_db},
    soft_mask,
};
use ndarray::{Array2, Array3, ArrayD, Axis, stack};
use serde::Deserialize;

use crate::{Input, Result, list, pairs};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WindowPoints {
    window: Window,
    symmetric: bool,
    points: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Inverse {
    istft: IstftConfig,
    length: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lim {
    griffin_lim: GriffinLimConfig,
    length: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MelSpectrogram {
    stft: StftConfig,
    power: SpectrumPower,
    mel: MelConfig,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Energies {
    sample_rate: SampleRate,
    hop: u32,
    pcen: PcenConfig,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mask {
    power: Option<f64>,
    half: bool,
}

pub(crate) fn compute(feature: &str, input: &Input) -> Result<Option<ArrayD<f32>>> {
    Ok(Some(match feature {
        "window" => {
            let WindowPoints { window, symmetric, points } = input.config()?;
            window.validate()?;
            list(if symmetric { window.symmetric(points) } else { window.coefficients(points) })
        }
        "stft" => {
            let stft = Stft::new(input.config()?)?;
            pairs(&stft.spectrum(&input.audio(stft.config().sample_rate)?)?)?
        }
        "istft" => {
            let Inverse { istft, length } = input.config()?;
            let stft = Stft::new(istft.stft.clone())?;
            let values = input.data.iter().copied().collect::<Vec<f32>>();
            let values = values.as_chunks::<2>().0.iter().map(|&[re, im]| Complex::new(re, im));
            let shape = (1, input.data.shape()[0], stft.bins());
            let data = Array3::from_shape_vec(shape, values.collect())?;
            let spectrum = Spectrum { grid: stft.grid(), axis: stft.axis(), data };
            let samples = Istft::new(istft)?.process(&spectrum, length)?;
            list(samples.channel(0).iter().map(|&x| f64::from(x)))
        }
        "griffin_lim" => {
            let Lim { griffin_lim, length } = input.config()?;
            let stft = Stft::new(griffin_lim.stft.clone())?;
            let data = input.map()?.insert_axis(Axis(0));
            let magnitude = FeatureMap { grid: stft.grid(), axis: stft.axis(), data };
            let samples = GriffinLim::new(griffin_lim)?.process(&magnitude, Some(length))?;
            list(samples.channel(0).iter().map(|&x| f64::from(x)))
        }
        "mel_filterbank" => MelFilterbank::new(input.config()?)?.to_matrix().into_dyn(),
        "mel" => mel(input)?.into_dyn(),
        "log_mel" => of_frames(LogMel::new(input.config()?)?, input)?,
        "kaldi" => of_frames(KaldiFbank::new(input.config()?)?, input)?,
        "mfcc" => of_frames(Mfcc::new(input.config()?)?, input)?,
        "rms" => of_frames(Rms::new(input.config()?)?, input)?,
        "zero_crossing_rate" => of_frames(ZeroCrossingRate::new(input.config()?)?, input)?,
        "chroma_filterbank" => ChromaFilterbank::new(input.config()?)?.weights().clone().into_dyn(),
        "chroma_stft" => of_frames(ChromaStft::new(input.config()?)?, input)?,
        "spectral_centroid" => of_frames(SpectralCentroid::new(input.config()?)?, input)?,
        "spectral_bandwidth" => of_frames(SpectralBandwidth::new(input.config()?)?, input)?,
        "spectral_rolloff" => of_frames(SpectralRolloff::new(input.config()?)?, input)?,
        "spectral_flatness" => of_frames(SpectralFlatness::new(input.config()?)?, input)?,
        "spectral_contrast" => of_frames(SpectralContrast::new(input.config()?)?, input)?,
        "spectral_flux" => {
            let flux = SpectralFlux::new(input.config()?)?;
            let audio = input.audio(flux.config().stft.sample_rate)?;
            flux.process(&audio)?.data.into_dyn()
        }
        "power_to_db" => power_to_db(&input.map()?, &input.config::<DbConfig>()?)?.into_dyn(),
        "amplitude_to_db" => {
            amplitude_to_db(&input.map()?, &input.config::<DbConfig>()?)?.into_dyn()
        }
        "normalise" => {
            let norm = input.config::<VectorNorm>()?;
            norm.validate()?;
            let mut map = input.map()?;
            for mut row in map.rows_mut() {
                norm.normalise(row.as_slice_mut().ok_or("rows that are not contiguous")?);
            }
            map.into_dyn()
        }
        "pcen" => {
            let Energies { sample_rate, hop, pcen } = input.config()?;
            let map = map(input, FrameGrid::new(sample_rate, hop, 0)?)?;
            Pcen::new(pcen, &map.grid)?.process(&map)?.data.into_dyn()
        }
        "delta" => {
            let map = input.map()?;
            let mut out = Array2::zeros(map.dim());
            Delta::new(input.config()?)?.process_into(&map, &mut out)?;
            out.into_dyn()
        }
        "hpss" => {
            let parts = Hpss::new(input.config::<HpssConfig>()?)?.process(&input.map()?)?;
            stack(Axis(0), &[parts.harmonic.view(), parts.percussive.view()])?.into_dyn()
        }
        "soft_mask" => {
            let Mask { power, half } = input.config()?;
            let halves = input.data.clone().into_dimensionality::<ndarray::Ix3>()?;
            let (x, y) = (halves.index_axis(Axis(0), 0), halves.index_axis(Axis(0), 1));
            let zero = if half { ZeroMask::Half } else { ZeroMask::Zero };
            soft_mask(&x, &y, power.unwrap_or(f64::INFINITY), zero)?.into_dyn()
        }
        _ => return Ok(None),
    }))
}

fn of_frames<F: FrameFeature>(feature: F, input: &Input) -> Result<ArrayD<f32>> {
    let audio = input.audio(feature.framing().sample_rate())?;
    Ok(feature.process(&audio)?.data.into_dyn())
}

fn map(input: &Input, grid: FrameGrid) -> Result<FeatureMap> {
    let data = input.map()?.insert_axis(Axis(0));
    let axis = BinAxis::Values { name: "energy".to_owned(), bins: data.dim().2 };
    Ok(FeatureMap { grid, axis, data })
}

/// A mel spectrogram without a logarithm.
fn mel(input: &Input) -> Result<Array3<f32>> {
    let MelSpectrogram { stft, power, mel } = input.config()?;
    let bands = MelFilterbank::new(mel)?;
    let audio = input.audio(stft.sample_rate)?;
    let spectra = Stft::new(stft)?.process(&audio, power)?;
    let n_mels = bands.config().n_mels;
    let mut data = Array3::zeros((spectra.channels(), spectra.frames(), n_mels));
    for (spectrum, mut out) in spectra.data.rows().into_iter().zip(data.rows_mut()) {
        let contiguous = "rows of a new array are contiguous";
        bands.process_into(
            spectrum.as_slice().ok_or(contiguous)?,
            out.as_slice_mut().ok_or(contiguous)?,
        );
    }
    Ok(data)
}
