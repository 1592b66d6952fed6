//! Duration without pitch, and pitch without duration: a phase vocoder.
//!
//! # Method
//! Frames of about 50 ms are taken from the recording at the places that the wanted duration asks for, and
//! put together a quarter of a frame apart. For a peak of the spectrum, the phase goes on from the frame
//! that was put before it, by as much as it goes on in the recording over the same time: that is found from
//! a second frame, taken as much earlier in the recording. All bins around a peak are turned by the same
//! angle (identity phase locking: Laroche and Dolson 1999, "Improved phase vocoder time-scale modification
//! of audio", section 3.2), and all channels as well, so that the stereo image stays.
//!
//! # What it does to the sound
//! Frames lie exactly where they belong, so time never drifts. A stroke spreads over up to half a frame
//! before and after its time.

use mir_core::{AudioBuffer, SampleRate};
use mir_fft::{ComplexToReal, RealPlanner32, RealToComplex, num_complex::Complex32};

use crate::{ResampleConfig, Resampler, Result};

/// Seconds of a frame, at least; rounded up to a power of two of samples.
const FRAME: f64 = 0.04;
/// Denominator of the rates by which pitch is shifted: a step of 0.2 cent at most.
const PITCH_STEPS: u32 = 8000;

/// The audio `ratio` times as long, at the same pitch.
pub(super) fn stretch(audio: &AudioBuffer, ratio: f64) -> Result<AudioBuffer> {
    let length = (audio.len() as f64 * ratio).round() as usize;
    let mut vocoder = Vocoder::new(audio);
    let channels = vocoder.run(audio, ratio, length);
    Ok(AudioBuffer::from_channels(audio.sample_rate(), &channels)?)
}

/// The audio at `2^(semitones / 12)` times the pitch, as long as before.
pub(super) fn shift(audio: &AudioBuffer, semitones: f64) -> Result<AudioBuffer> {
    let factor = nearest_factor(2_f64.powf(semitones / 12.0));
    // Longer at the same pitch, then played faster by exactly as much.
    let shifted = speed(&stretch(audio, factor)?, factor)?;
    let channels: Vec<Vec<f32>> = (0..audio.channels())
        .map(|channel| {
            let mut x = shifted.channel(channel).to_vec();
            x.resize(audio.len(), 0.0);
            x
        })
        .collect();
    Ok(AudioBuffer::from_channels(audio.sample_rate(), &channels)?)
}

/// The audio played `factor` times as fast, its pitch with it; `factor` is rounded to 1/8000.
pub(super) fn speed(audio: &AudioBuffer, factor: f64) -> Result<AudioBuffer> {
    let from = (nearest_factor(factor) * f64::from(PITCH_STEPS)).round() as u32;
    let (from, to) = (SampleRate::new(from)?, SampleRate::new(PITCH_STEPS)?);
    let rate = audio.sample_rate();
    let renamed = AudioBuffer::new(from, audio.samples().to_owned())?;
    let faster = Resampler::new(ResampleConfig::new(from, to))?.process(&renamed)?;
    Ok(AudioBuffer::new(rate, faster.into_samples())?)
}

/// The multiple of 1/8000 that stands for a factor.
pub(super) fn nearest_factor(factor: f64) -> f64 {
    (factor * f64::from(PITCH_STEPS)).round().max(1.0) / f64::from(PITCH_STEPS)
}

/// Plans, windows and the frames in work.
struct Vocoder {
    size: usize,
    hop: usize,
    window: Vec<f32>,
    forward: std::sync::Arc<dyn RealToComplex<f32>>,
    inverse: std::sync::Arc<dyn ComplexToReal<f32>>,
    frame: Vec<f32>,
    /// Of each channel: the frame now, the one a hop before it in the recording, and the one that was put
    /// out last.
    now: Vec<Vec<Complex32>>,
    before: Vec<Vec<Complex32>>,
    last: Vec<Vec<Complex32>>,
    power: Vec<f32>,
}

impl Vocoder {
    fn new(audio: &AudioBuffer) -> Self {
        let size =
            ((FRAME * f64::from(audio.sample_rate().hz())) as usize).next_power_of_two().max(64);
        let mut planner = RealPlanner32::new();
        let forward = planner.plan_fft_forward(size);
        let spectra = vec![forward.make_output_vec(); audio.channels()];
        let step = std::f64::consts::TAU / size as f64;
        Self {
            size,
            hop: size / 4,
            window: (0..size).map(|n| (0.5 - 0.5 * (step * n as f64).cos()) as f32).collect(),
            inverse: planner.plan_fft_inverse(size),
            frame: vec![0.0; size],
            power: vec![0.0; forward.complex_len()],
            now: spectra.clone(),
            before: spectra.clone(),
            last: spectra,
            forward,
        }
    }

    fn run(&mut self, audio: &AudioBuffer, ratio: f64, length: usize) -> Vec<Vec<f32>> {
        let half = self.size / 2;
        let mut out = vec![vec![0.0_f32; length + 2 * self.size]; audio.channels()];
        let mut weight = vec![0.0_f32; length + 2 * self.size];
        let mut at = 0;
        while at < length + half {
            let centre = (at as f64 / ratio).round() as i64;
            for channel in 0..audio.channels() {
                let x = audio.channel(channel);
                transform(
                    &*self.forward,
                    &self.window,
                    x,
                    centre,
                    &mut self.frame,
                    &mut self.now[channel],
                );
                let earlier = centre - self.hop as i64;
                transform(
                    &*self.forward,
                    &self.window,
                    x,
                    earlier,
                    &mut self.frame,
                    &mut self.before[channel],
                );
            }
            if at > 0 {
                self.lock_phases();
            }
            for (channel, out) in out.iter_mut().enumerate() {
                self.last[channel].copy_from_slice(&self.now[channel]);
                // What rounding left of imaginary parts where a real signal has none.
                let (dc, nyquist) = (0, self.now[channel].len() - 1);
                self.now[channel][dc].im = 0.0;
                self.now[channel][nyquist].im = 0.0;
                self.inverse
                    .process(&mut self.now[channel], &mut self.frame)
                    .expect("the spectrum of a real signal");
                // `out` begins half a frame before the first sample.
                for ((sum, &x), &w) in out[at..].iter_mut().zip(&self.frame).zip(&self.window) {
                    *sum += x * w / self.size as f32;
                }
            }
            for (sum, &w) in weight[at..].iter_mut().zip(&self.window) {
                *sum += w * w;
            }
            at += self.hop;
        }
        for out in &mut out {
            for (x, &weight) in out.iter_mut().zip(&weight) {
                *x /= weight.max(1e-3);
            }
            out.drain(..half);
            out.truncate(length);
        }
        out
    }

    /// Turns the bins around every peak so that the peak goes on from the frame before.
    fn lock_phases(&mut self) {
        self.power.fill(0.0);
        for spectrum in &self.now {
            for (sum, bin) in self.power.iter_mut().zip(spectrum) {
                *sum += bin.norm_sqr();
            }
        }
        let bins = self.power.len();
        let is_peak = |power: &[f32], k: usize| {
            (k.saturating_sub(2)..(k + 3).min(bins))
                .all(|other| power[other] < power[k] || (power[other] <= power[k] && other >= k))
        };
        let mut start = 0;
        let mut peak = (0..bins).find(|&k| is_peak(&self.power, k));
        while let Some(k) = peak {
            let next = (k + 1..bins).find(|&k| is_peak(&self.power, k));
            // Halfway to the next peak its realm begins.
            let end = next.map_or(bins, |next| usize::midpoint(k, next) + 1);
            // Channels add up as products of two spectra, which do not cancel however they differ.
            let turned: Complex32 = self
                .last
                .iter()
                .zip(&self.before)
                .map(|(last, before)| last[k] * before[k].conj())
                .sum();
            let size = turned.norm();
            let turn =
                if size > f32::MIN_POSITIVE { turned / size } else { Complex32::new(1.0, 0.0) };
            for spectrum in &mut self.now {
                spectrum[start..end].iter_mut().for_each(|bin| *bin *= turn);
            }
            start = end;
            peak = next;
        }
    }
}

/// The windowed spectrum around a sample; beyond the ends there is silence.
fn transform(
    plan: &dyn RealToComplex<f32>,
    window: &[f32],
    x: &[f32],
    centre: i64,
    frame: &mut [f32],
    spectrum: &mut [Complex32],
) {
    let first = centre - window.len() as i64 / 2;
    for ((value, &w), at) in frame.iter_mut().zip(window).zip(first..) {
        let sample = usize::try_from(at).ok().and_then(|at| x.get(at));
        *value = w * sample.copied().unwrap_or(0.0);
    }
    plan.process(frame, spectrum).expect("sizes were planned");
}
