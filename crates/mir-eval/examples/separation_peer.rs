//! Scores separated sources that another program hands over: the Rust side of
//! `scripts/parity/eval_separation.py` and `scripts/compare/eval_separation.py`.
//!
//! Reads from standard input a line of JSON with the request, then the reference and the estimate as
//! little-endian `f64`, `[sources, samples, channels]`. Prints one line of JSON: the scores, and the seconds
//! of each repetition.
#![expect(clippy::print_stdout, reason = "a program that answers on standard output")]

use std::{
    io::{BufRead, Read, stdin},
    time::Instant,
};

use mir_eval::separation::{
    BssEvalScores, bss_eval_images, bss_eval_images_framewise, bss_eval_sources,
    bss_eval_sources_framewise,
    museval::{self, Mode, MusevalConfig},
    scale_invariant,
};
use ndarray::{Array2, Array3};
use serde::Deserialize;
use serde_json::{Value, json};

/// What is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    metric: String,
    /// Sources, samples, channels.
    shape: [usize; 3],
    #[serde(default)]
    window: usize,
    #[serde(default)]
    hop: usize,
    #[serde(default)]
    permutation: bool,
    /// Runs that are timed.
    repeat: usize,
}

/// `[sources][windows]`; what is not finite becomes `null` with its sign lost, so it is spelt out.
fn rows(values: &Array2<f64>) -> Value {
    let number = |x: &f64| if x.is_finite() { json!(x) } else { json!(x.to_string()) };
    values.rows().into_iter().map(|row| row.iter().map(number).collect::<Value>()).collect()
}

fn column(values: &[f64]) -> Value {
    rows(&Array2::from_shape_fn((values.len(), 1), |(i, _)| values[i]))
}

fn frames(scores: &BssEvalScores) -> Value {
    json!({
        "sdr": rows(&scores.sdr), "isr": rows(&scores.isr), "sir": rows(&scores.sir),
        "sar": rows(&scores.sar), "perm": rows(&scores.perm.mapv(|estimate| estimate as f64)),
    })
}

fn answer(
    request: &Request,
    reference: &Array3<f64>,
    estimate: &Array3<f64>,
) -> Result<Value, Box<dyn std::error::Error>> {
    let (window, hop, permutation) = (request.window, request.hop, request.permutation);
    let version_4 = |mode| MusevalConfig { window, hop, mode, ..MusevalConfig::default() };
    let order = |perm: &[usize]| column(&perm.iter().map(|&e| e as f64).collect::<Vec<_>>());
    Ok(match request.metric.as_str() {
        "museval_v4" => frames(&museval::evaluate(reference, estimate, &version_4(Mode::V4))?),
        "museval_v3" => frames(&museval::evaluate(reference, estimate, &version_4(Mode::V3))?),
        "images_framewise" => {
            frames(&bss_eval_images_framewise(reference, estimate, window, hop, permutation)?)
        }
        "sources_framewise" => {
            frames(&bss_eval_sources_framewise(reference, estimate, window, hop, permutation)?)
        }
        "images" => {
            let s = bss_eval_images(reference, estimate, permutation)?;
            json!({"sdr": column(&s.sdr), "isr": column(&s.isr), "sir": column(&s.sir),
                   "sar": column(&s.sar), "perm": order(&s.perm)})
        }
        "sources" => {
            let s = bss_eval_sources(reference, estimate, permutation)?;
            json!({"sdr": column(&s.sdr), "sir": column(&s.sir), "sar": column(&s.sar),
                   "perm": order(&s.perm)})
        }
        "scale_invariant" => {
            let s = scale_invariant(reference, estimate, false)?;
            json!({"sdr": column(&s.si_sdr), "sir": column(&s.si_sir), "sar": column(&s.si_sar)})
        }
        other => return Err(format!("unknown metric '{other}'").into()),
    })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut input = stdin().lock();
    let mut line = String::new();
    input.read_line(&mut line)?;
    let request: Request = serde_json::from_str(&line)?;
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes)?;
    let (samples, rest) = bytes.as_chunks::<8>();
    let samples: Vec<f64> = samples.iter().map(|&x| f64::from_le_bytes(x)).collect();
    let count = request.shape.iter().try_fold(1_usize, |a, &b| a.checked_mul(b));
    if !rest.is_empty() || count.and_then(|count| count.checked_mul(2)) != Some(samples.len()) {
        return Err("the samples do not fill the shape twice".into());
    }
    let (reference, estimate) = samples.split_at(samples.len() / 2);
    let reference = Array3::from_shape_vec(request.shape, reference.to_vec())?;
    let estimate = Array3::from_shape_vec(request.shape, estimate.to_vec())?;
    drop(bytes);
    let mut seconds = Vec::new();
    let mut scores = Value::Null;
    for _ in 0..request.repeat.max(1) {
        let start = Instant::now();
        scores = answer(&request, &reference, &estimate)?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    println!("{}", json!({"scores": scores, "seconds": seconds}));
    Ok(())
}
