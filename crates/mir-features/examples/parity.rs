//! Computes features for a program in another language, which compares them with other implementations.
//!
//! Each line of the standard input is a request, a JSON object: `feature`, its `config` (what is left out has
//! its default), the file `input` with little-endian `f32` values of the given `shape`
//! (`[channels, samples]` of audio, or `[frames, bins]` of a spectrogram), and the file `output`, which gets
//! the result as `f32`; complex values as pairs. Each answer is a line: `{"shape":[…],"seconds":…}` or
//! `{"error":"…"}`. The seconds are those of the transforms alone, without files and without planning; they
//! are null for other features.

#![expect(clippy::print_stdout, reason = "the answers")]

use std::{
    error::Error,
    fs,
    io::{self, BufRead},
    path::PathBuf,
    time::Instant,
};

use mir_features::{
    AudioBuffer, BinAxis, Cens, CensConfig, ChromaCqt, ChromaCqtConfig, Cqt, CqtConfig, Hcqt,
    HcqtConfig, Hpss, HpssConfig, HybridCqt, InverseCqt, LogFiltered, LogFilteredConfig,
    PiptrackConfig, PseudoCqt, Pyin, PyinConfig, SampleRate, Spectrum, TuningConfig, Yin,
    YinConfig, ZeroMask, estimate_tuning, piptrack, soft_mask, tonnetz,
};
use ndarray::{Array2, Array3, ArrayD, IxDyn};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    feature: String,
    #[serde(default)]
    config: Value,
    input: PathBuf,
    shape: Vec<usize>,
    output: PathBuf,
}

fn main() -> io::Result<()> {
    for line in io::stdin().lock().lines() {
        let answer = match answer(&line?) {
            Ok((shape, seconds)) => json!({ "shape": shape, "seconds": seconds }),
            Err(error) => json!({ "error": error.to_string() }),
        };
        println!("{answer}");
    }
    Ok(())
}

fn answer(line: &str) -> Result<(Vec<usize>, Option<f64>)> {
    let request: Request = serde_json::from_str(line)?;
    let bytes = fs::read(&request.input)?;
    let values: Vec<f32> =
        bytes.as_chunks::<4>().0.iter().map(|&four| f32::from_le_bytes(four)).collect();
    let mut seconds = None;
    let input = ArrayD::from_shape_vec(IxDyn(&request.shape), values)?;
    let result = compute(&request, input, &mut seconds)?;
    let bytes: Vec<u8> = result.iter().flat_map(|x| x.to_le_bytes()).collect();
    fs::write(&request.output, bytes)?;
    Ok((result.shape().to_vec(), seconds))
}

fn compute(
    request: &Request,
    input: ArrayD<f32>,
    seconds: &mut Option<f64>,
) -> Result<ArrayD<f32>> {
    let config = &request.config;
    let map = || input.clone().into_dimensionality::<ndarray::Ix2>();
    let audio = |rate: SampleRate| {
        let channels = map()?;
        let rows: Vec<&[f32]> = channels.rows().into_iter().filter_map(|r| r.to_slice()).collect();
        Ok::<_, Box<dyn Error>>(AudioBuffer::from_channels(rate, &rows)?)
    };
    Ok(match request.feature.as_str() {
        "cqt" => {
            let cqt = Cqt::new(read::<CqtConfig>(config)?)?;
            pairs(&cqt.spectrum(&audio(cqt.config().sample_rate)?)?)
        }
        "cqt_magnitudes" => {
            let cqt = Cqt::new(read::<CqtConfig>(config)?)?;
            let audio = audio(cqt.config().sample_rate)?;
            let start = Instant::now();
            let map = cqt.process(&audio)?;
            *seconds = Some(start.elapsed().as_secs_f64());
            map.data.into_dyn()
        }
        "hcqt" => {
            let hcqt = Hcqt::new(read::<HcqtConfig>(config)?)?;
            let audio = audio(hcqt.config().cqt.sample_rate)?;
            let start = Instant::now();
            let map = hcqt.process(&audio)?;
            *seconds = Some(start.elapsed().as_secs_f64());
            map.data.into_dyn()
        }
        "pseudo_cqt" => {
            let cqt = PseudoCqt::new(read::<CqtConfig>(config)?)?;
            cqt.process(&audio(cqt.config().sample_rate)?)?.data.into_dyn()
        }
        "hybrid_cqt" => {
            let cqt = HybridCqt::new(read::<CqtConfig>(config)?)?;
            cqt.process(&audio(cqt.config().sample_rate)?)?.data.into_dyn()
        }
        "icqt" => {
            // There and back: the input is audio.
            let config = read::<CqtConfig>(config)?;
            let audio = audio(config.sample_rate)?;
            let spectrum = Cqt::new(config.clone())?.spectrum(&audio)?;
            let again = InverseCqt::new(config)?.process(&spectrum, audio.len())?;
            ArrayD::from_shape_vec(IxDyn(&[again.len()]), again.channel(0).to_vec())?
        }
        "log_filtered" => {
            let filtered = LogFiltered::new(read::<LogFilteredConfig>(config)?)?;
            filtered.process(&audio(filtered.config().sample_rate)?)?.data.into_dyn()
        }
        "yin" => {
            let yin = Yin::new(read::<YinConfig>(config)?)?;
            let f0 = yin.process(&audio(yin.config().sample_rate)?)?.remove(0);
            ArrayD::from_shape_vec(IxDyn(&[f0.len()]), f0.iter().map(|&hz| hz as f32).collect())?
        }
        "pyin" => {
            let pyin = Pyin::new(read::<PyinConfig>(config)?)?;
            let track = pyin.process(&audio(pyin.config().yin.sample_rate)?)?.remove(0);
            let voiced = track.voiced.iter().map(|&voiced| f64::from(u8::from(voiced)));
            let rows = track.f0.iter().copied().zip(voiced).zip(&track.voiced_probability);
            let values = rows.flat_map(|((hz, voiced), &p)| [hz as f32, voiced as f32, p as f32]);
            ArrayD::from_shape_vec(IxDyn(&[track.f0.len(), 3]), values.collect())?
        }
        "hpss" => {
            let parts = Hpss::new(read::<HpssConfig>(config)?)?.process(&map()?)?;
            stack(&[parts.harmonic, parts.percussive])?
        }
        "soft_mask" => {
            #[derive(Deserialize)]
            #[serde(deny_unknown_fields)]
            struct Mask {
                power: Option<f64>,
                half: bool,
            }
            let Mask { power, half } = read(config)?;
            let halves = input.into_dimensionality::<ndarray::Ix3>()?;
            let (x, y) =
                (halves.index_axis(ndarray::Axis(0), 0), halves.index_axis(ndarray::Axis(0), 1));
            let zero = if half { ZeroMask::Half } else { ZeroMask::Zero };
            soft_mask(&x, &y, power.unwrap_or(f64::INFINITY), zero)?.into_dyn()
        }
        "chroma_cqt" => {
            #[derive(Deserialize)]
            #[serde(deny_unknown_fields)]
            struct Chroma {
                chroma: ChromaCqtConfig,
                f_min: f64,
                bins_per_octave: f64,
            }
            let Chroma { chroma, f_min, bins_per_octave } = read(config)?;
            let map = map()?;
            let axis = BinAxis::LogHz { f_min, bins_per_octave, bins: map.ncols() };
            ChromaCqt::new(chroma, &axis)?.process(&map)?.into_dyn()
        }
        "cens" => Cens::new(read::<CensConfig>(config)?)?.process(&map()?).into_dyn(),
        "tonnetz" => tonnetz(&map()?)?.into_dyn(),
        "piptrack" => {
            let peaks = piptrack(&map()?, &read::<PiptrackConfig>(config)?)?;
            let rows = peaks
                .iter()
                .flat_map(|p| [p.frame as f32, p.bin as f32, p.hz as f32, p.magnitude as f32]);
            ArrayD::from_shape_vec(IxDyn(&[peaks.len(), 4]), rows.collect())?
        }
        "tuning" => {
            let tuning = estimate_tuning(&map()?, &read::<TuningConfig>(config)?)?;
            ArrayD::from_elem(IxDyn(&[1]), tuning as f32)
        }
        other => return Err(format!("no feature is called {other}").into()),
    })
}

fn read<T: DeserializeOwned>(config: &Value) -> Result<T> {
    Ok(serde_json::from_value(config.clone())?)
}

/// Complex values as pairs, `[channels, frames, bins, 2]`.
fn pairs(spectrum: &Spectrum) -> ArrayD<f32> {
    let (channels, frames, bins) = spectrum.data.dim();
    let values = spectrum.data.iter().flat_map(|z| [z.re, z.im]).collect();
    ArrayD::from_shape_vec(IxDyn(&[channels, frames, bins, 2]), values)
        .expect("two numbers for each value")
}

fn stack(maps: &[Array2<f32>]) -> Result<ArrayD<f32>> {
    let views: Vec<_> = maps.iter().map(|map| map.view()).collect();
    let stacked: Array3<f32> = ndarray::stack(ndarray::Axis(0), &views)?;
    Ok(stacked.into_dyn())
}
