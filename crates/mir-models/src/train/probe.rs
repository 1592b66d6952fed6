//! What a training would do, found out before it is begun: whether it runs at all, with which learning rate,
//! and with how large a batch. Each of these spends its trainer.

use std::{
    fmt::Write,
    fs,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use mir_core::batch::BatchSource;
use ndarray::Axis;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    config::OutOfMemoryPolicy,
    train::{Network, Trainer, TranscriptionBatch},
};

fn loading(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Batch { source: Box::new(error) }
}

/// What a rehearsed step gave.
#[derive(Clone, Debug, PartialEq)]
pub struct DryRun {
    /// The loss.
    pub loss: f64,
    /// Its unweighted parts by name.
    pub parts: Vec<(&'static str, f64)>,
    /// Global L2 norm of the gradient.
    pub gradient_norm: f64,
    /// Trainable values.
    pub parameters: usize,
    /// Trainable tensors that the loss does not reach: they would never change.
    pub idle: Vec<String>,
    /// Examples of the batch, its frames and bins.
    pub shape: [usize; 3],
}

/// Takes the first batch through forward and backward pass. Nothing is updated and nothing is written.
///
/// # Errors
/// What the source or a step gives.
pub fn dry_run<N, S>(mut trainer: Trainer<N>, source: &mut S) -> Result<DryRun>
where
    N: Network,
    S: BatchSource<Batch = TranscriptionBatch>,
{
    let batch = source.next_batch().map_err(loading)?;
    let gradients = trainer.gradients(std::slice::from_ref(&batch))?;
    let idle = trainer.params.trainable().filter(|(_, tensor)| !tensor.grad().defined());
    let size = |axis| batch.inputs.len_of(Axis(axis));
    Ok(DryRun {
        loss: gradients.loss,
        parts: gradients.parts,
        gradient_norm: gradients.norm,
        parameters: trainer.parameters(),
        idle: idle.map(|(name, _)| name.to_owned()).collect(),
        shape: [size(0), size(2), size(3)],
    })
}

/// Which learning rates a range test tries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateTestConfig {
    /// The first rate, above 0.
    pub lowest: f64,
    /// The last rate, above the first.
    pub highest: f64,
    /// Steps, each with a rate higher by the same factor; at least 3.
    pub steps: u64,
    /// Decay `β` of the moving average of the loss, in [0, 1).
    pub smoothing: f64,
    /// The test ends when the average is so many times the lowest one; above 1.
    pub limit: f64,
}

impl Default for RateTestConfig {
    fn default() -> Self {
        Self { lowest: 1e-7, highest: 1.0, steps: 100, smoothing: 0.98, limit: 4.0 }
    }
}

impl RateTestConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::Config`] names the first that is outside its range.
    pub fn validate(&self) -> Result<()> {
        let check = |good: bool, field, expected, actual: f64| {
            if good { Ok(()) } else { Err(Error::config(field, expected, actual)) }
        };
        let Self { lowest, highest, steps, smoothing, limit } = *self;
        check(lowest.is_finite() && lowest > 0.0, "lowest", "finite and above 0", lowest)?;
        let above = highest.is_finite() && highest > lowest;
        check(above, "highest", "finite and above the lowest rate", highest)?;
        check(steps >= 3, "steps", "at least 3", steps as f64)?;
        let part = (0.0..1.0).contains(&smoothing);
        check(part, "smoothing", "at least 0 and below 1", smoothing)?;
        check(limit.is_finite() && limit > 1.0, "limit", "finite and above 1", limit)
    }
}

/// One step of a range test.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RatePoint {
    /// The learning rate.
    pub rate: f64,
    /// The loss before the update with it.
    pub loss: f64,
    /// The moving average `(β·s + (1 − β)·loss) / (1 − βⁿ)` of the losses so far.
    pub smoothed: f64,
}

/// The loss over the learning rate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RateCurve {
    /// One point for each step, the rates ascending.
    pub points: Vec<RatePoint>,
    /// The loss grew beyond the limit, or was no number, before the highest rate.
    pub diverged: bool,
}

impl RateCurve {
    /// Comma-separated values, `rate,loss,smoothed`.
    pub fn to_csv(&self) -> String {
        let mut text = "rate,loss,smoothed\n".to_owned();
        for RatePoint { rate, loss, smoothed } in &self.points {
            let _ = writeln!(text, "{rate},{loss},{smoothed}");
        }
        text
    }

    /// The rate at which the averaged loss falls most steeply over the logarithm of the rate; nothing if it
    /// falls nowhere.
    ///
    /// The slope is taken over two neighbours. The first tenth of the steps, in which the average has hardly
    /// begun, does not count.
    pub fn suggestion(&self) -> Option<f64> {
        let first = self.points.len() / 10;
        let slope = |three: &[RatePoint]| {
            let (before, after) = (three[0], three[2]);
            (after.smoothed - before.smoothed) / (after.rate / before.rate).ln()
        };
        self.points[first..]
            .windows(3)
            .map(|three| (slope(three), three[1].rate))
            .filter(|(slope, _)| *slope < 0.0)
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, rate)| rate)
    }
}

/// The learning-rate range test of Smith (2017, "Cyclical learning rates for training neural networks",
/// section 3.3), with rates on a logarithmic scale: a training whose rate grows from step to step. Raising
/// `stop` ends it with the points so far.
///
/// # Errors
/// [`Error::Config`] for senseless settings; what the source or a step gives, but for
/// [`Error::NonFinite`].
pub fn find_rate<N, S>(
    mut trainer: Trainer<N>,
    source: &mut S,
    config: &RateTestConfig,
    stop: &AtomicBool,
) -> Result<RateCurve>
where
    N: Network,
    S: BatchSource<Batch = TranscriptionBatch>,
{
    config.validate()?;
    let accumulate = trainer.config().accumulate;
    let mut curve = RateCurve::default();
    let (mut average, mut lowest) = (0.0, f64::INFINITY);
    for step in 0..config.steps {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let share = step as f64 / (config.steps - 1) as f64;
        let rate = config.lowest * (config.highest / config.lowest).powf(share);
        let batches = (0..accumulate)
            .map(|_| source.next_batch().map_err(loading))
            .collect::<Result<Vec<_>>>()?;
        let loss = match trainer.step_at(&batches, source.position(), Some(rate)) {
            Ok(report) => report.loss,
            Err(Error::NonFinite { .. }) => {
                curve.diverged = true;
                break;
            }
            Err(error) => return Err(error),
        };
        average = config.smoothing * average + (1.0 - config.smoothing) * loss;
        let smoothed = average / (1.0 - config.smoothing.powf((step + 1) as f64));
        curve.points.push(RatePoint { rate, loss, smoothed });
        lowest = smoothed.min(lowest);
        if smoothed > config.limit * lowest {
            curve.diverged = true;
            break;
        }
    }
    Ok(curve)
}

/// One size of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BatchProbe {
    /// Examples.
    pub examples: usize,
    /// Time of a step, the second one of this size.
    pub step: Duration,
}

/// The sizes that were tried.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BatchProbes {
    /// Those that fitted, ascending.
    pub fitting: Vec<BatchProbe>,
    /// The next size, if there was no memory for it, or not enough to try.
    pub too_large: Option<usize>,
}

/// Tries batches of 1, 2, 4, … examples, at most `most`, each with forward and backward pass and update, until
/// memory runs out. The examples are copies of the first one of `example`, whose length is that of the test.
///
/// Linux hands out more memory than there is and ends the process later: there, on the CPU, a size is not
/// tried if the memory that the last one took, twice, is more than what is available.
///
/// # Errors
/// [`Error::Shape`] if `example` is empty; what a step gives, but for [`Error::OutOfMemory`].
pub fn find_batch_size<N: Network>(
    mut trainer: Trainer<N>,
    example: &TranscriptionBatch,
    most: usize,
) -> Result<BatchProbes> {
    trainer.set_out_of_memory(OutOfMemoryPolicy::Stop);
    if example.inputs.is_empty() {
        return Err(Error::Shape {
            what: "the example of a batch",
            expected: "at least one example".to_owned(),
            actual: example.inputs.shape().to_vec(),
        });
    }
    let mut probes = BatchProbes::default();
    let mut examples = 1;
    while examples <= most {
        let peak = memory("/proc/self/status", "VmHWM:");
        let batch = repeated(example, examples);
        let mut step = Duration::ZERO;
        // The first step of a size finds its memory and its kernels.
        for _ in 0..2 {
            let start = Instant::now();
            match trainer.step(&batch, trainer.position()) {
                Ok(_) => step = start.elapsed(),
                Err(Error::OutOfMemory { .. }) => {
                    probes.too_large = Some(examples);
                    return Ok(probes);
                }
                Err(error) => return Err(error),
            }
        }
        probes.fitting.push(BatchProbe { examples, step });
        examples *= 2;
        let available = memory("/proc/meminfo", "MemAvailable:");
        if let (Some(before), Some(after), Some(available)) =
            (peak, memory("/proc/self/status", "VmHWM:"), available)
            && after.saturating_sub(before).saturating_mul(2) > available
        {
            probes.too_large = Some(examples);
            break;
        }
    }
    Ok(probes)
}

/// A figure in kB from one of Linux's tables; nothing elsewhere.
fn memory(table: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(table).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// A batch of copies of the first example.
fn repeated(batch: &TranscriptionBatch, examples: usize) -> TranscriptionBatch {
    let first = vec![0; examples];
    TranscriptionBatch {
        inputs: batch.inputs.select(Axis(0), &first),
        targets: batch.targets.select(&first),
        windows: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A curve that falls most steeply at rate `steepest`.
    fn curve(steepest: f64) -> RateCurve {
        let points = (0..60).map(|i| {
            let rate = 1e-6 * 10f64.powf(f64::from(i) / 10.0);
            let smoothed = -(3.0 * (rate / steepest).log10()).tanh();
            RatePoint { rate, loss: smoothed, smoothed }
        });
        RateCurve { points: points.collect(), diverged: false }
    }

    #[test]
    fn the_suggestion_is_where_the_loss_falls_most_steeply() {
        for steepest in [1e-4, 1e-3, 1e-2] {
            let found = curve(steepest).suggestion().unwrap();
            assert!((found / steepest).log10().abs() < 0.051, "{found} for {steepest}");
        }
        let mut rising = curve(1e-3);
        rising.points.iter_mut().for_each(|point| point.smoothed *= -1.0);
        assert_eq!(rising.suggestion(), None);
        assert_eq!(RateCurve::default().suggestion(), None);
        let csv = curve(1e-3).to_csv();
        assert_eq!(csv.lines().count(), 61);
        assert_eq!(csv.lines().next(), Some("rate,loss,smoothed"));
    }

    #[test]
    fn senseless_settings_are_refused_by_name() {
        RateTestConfig::default().validate().unwrap();
        let base = RateTestConfig::default;
        for (config, name) in [
            (RateTestConfig { lowest: 0.0, ..base() }, "lowest"),
            (RateTestConfig { highest: 1e-9, ..base() }, "highest"),
            (RateTestConfig { steps: 2, ..base() }, "steps"),
            (RateTestConfig { smoothing: 1.0, ..base() }, "smoothing"),
            (RateTestConfig { limit: f64::NAN, ..base() }, "limit"),
        ] {
            match config.validate() {
                Err(Error::Config { field, .. }) => assert_eq!(field, name),
                other => panic!("{name}: {other:?}"),
            }
        }
    }
}
