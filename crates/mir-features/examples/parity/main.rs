//! Computes features for a program in another language, which compares them with other implementations.
//!
//! Each line of the standard input is a request, a JSON object: `feature`, its `config` (what is left out has
//! its default), the file `input` with little-endian `f32` values of the given `shape`
//! (`[channels, samples]` of audio, or `[frames, bins]` of a spectrogram), and the file `output`, which gets
//! the result as `f32`; complex values as pairs. Each answer is a line: `{"shape":[…],"seconds":…}` or
//! `{"error":"…"}`. The seconds are those of the work without files; for constant-Q transforms without planning
//! too.

#![expect(clippy::print_stdout, reason = "the answers")]

mod pitch;
mod rhythm;
mod spectral;

use std::{
    cell::Cell,
    error::Error,
    fs,
    io::{self, BufRead},
    path::PathBuf,
    time::Instant,
};

use mir_features::{AudioBuffer, SampleRate, Spectrum};
use ndarray::{Array2, ArrayD, IxDyn};
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

/// What a feature is computed from.
struct Input {
    config: Value,
    data: ArrayD<f32>,
    /// What the work itself took, where the feature measures it; else planning it counts too.
    seconds: Cell<Option<f64>>,
}

impl Input {
    fn config<T: DeserializeOwned>(&self) -> Result<T> {
        Ok(serde_json::from_value(self.config.clone())?)
    }

    fn map(&self) -> Result<Array2<f32>> {
        Ok(self.data.clone().into_dimensionality()?)
    }

    fn audio(&self, rate: SampleRate) -> Result<AudioBuffer> {
        let channels = self.map()?;
        let rows: Vec<&[f32]> = channels.rows().into_iter().filter_map(|r| r.to_slice()).collect();
        Ok(AudioBuffer::from_channels(rate, &rows)?)
    }
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

fn answer(line: &str) -> Result<(Vec<usize>, f64)> {
    let Request { feature, config, input, shape, output } = serde_json::from_str(line)?;
    let values: Vec<f32> =
        fs::read(&input)?.as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b)).collect();
    let data = ArrayD::from_shape_vec(IxDyn(&shape), values)?;
    let input = Input { config, data, seconds: Cell::new(None) };
    let start = Instant::now();
    let computed = [spectral::compute, pitch::compute, rhythm::compute]
        .into_iter()
        .find_map(|compute| compute(&feature, &input).transpose())
        .ok_or_else(|| format!("no feature is called {feature}"))?;
    let result = computed?;
    let elapsed = start.elapsed().as_secs_f64();
    let bytes: Vec<u8> = result.iter().flat_map(|x| x.to_le_bytes()).collect();
    fs::write(&output, bytes)?;
    Ok((result.shape().to_vec(), input.seconds.get().unwrap_or(elapsed)))
}

/// Complex values as pairs, `[channels, frames, bins, 2]`.
fn pairs(spectrum: &Spectrum) -> Result<ArrayD<f32>> {
    let (channels, frames, bins) = spectrum.data.dim();
    let values = spectrum.data.iter().flat_map(|z| [z.re, z.im]).collect();
    Ok(ArrayD::from_shape_vec(IxDyn(&[channels, frames, bins, 2]), values)?)
}

/// Numbers as a vector.
fn list(values: impl IntoIterator<Item = f64>) -> ArrayD<f32> {
    let values: Vec<f32> = values.into_iter().map(|x| x as f32).collect();
    ndarray::Array1::from(values).into_dyn()
}
