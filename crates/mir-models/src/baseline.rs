//! What can be had without learning? A spectral peak picker, to measure data sets and networks by.
//!
//! For every key the magnitudes (in dB) at its first partials are averaged, and the level of the
//! spectrum around them is taken away: a salience that is high where a harmonic series stands out. A
//! key counts as sounding where its salience is high and larger than that of its neighbours; its onset
//! is where the salience rises fastest. Both become "probabilities" through fixed logistic curves, so
//! that the decoder and the threshold search of the networks apply to them as they are.
//!
//! The method is the classic one of harmonic summation with spectral whitening (Klapuri, "Multiple
//! fundamental frequency estimation by summing harmonic amplitudes", ISMIR 2006), kept as plain as
//! possible: no iterative cancellation.

use mir_core::{AudioBuffer, FrameGrid, KeyRange, SampleRate};
use mir_features::{SpectrumPower, Stft, StftConfig};
use ndarray::Array2;

use crate::{Result, activations::TranscriptionActivations};

/// Partials that are summed.
const PARTIALS: usize = 6;
/// Half a width of the surroundings whose level is taken away, as a factor of frequency.
const SURROUNDINGS: f64 = 1.12;

/// A transcriber that has learned nothing.
#[derive(Debug)]
pub struct PeakPicker {
    stft: Stft,
}

impl PeakPicker {
    /// Plans the transform: frames of 4096 samples every 512 at 16 kHz.
    ///
    /// # Errors
    /// [`Error::Features`](crate::Error::Features) cannot happen with these constants; it is passed on.
    pub fn new() -> Result<Self> {
        Ok(Self { stft: Stft::new(StftConfig { n_fft: 4096, ..StftConfig::default() })? })
    }

    /// Time of the frames.
    pub fn grid(&self) -> FrameGrid {
        self.stft.grid()
    }

    /// The rate that the audio has to have.
    pub fn sample_rate(&self) -> SampleRate {
        self.stft.config().sample_rate
    }

    /// Pseudo-probabilities of onsets and frames, `[frames, 88]` each.
    ///
    /// # Errors
    /// [`Error::Features`](crate::Error::Features) for audio of another rate.
    pub fn activations(&self, audio: &AudioBuffer) -> Result<TranscriptionActivations> {
        let map = self.stft.process(audio, SpectrumPower::Power)?;
        let keys = KeyRange::PIANO;
        let frames = map.frames();
        let hz_per_bin = f64::from(self.sample_rate().hz()) / self.stft.config().n_fft as f64;
        let db = map.data.index_axis(ndarray::Axis(0), 0).mapv(|p| 10.0 * p.max(1e-10).log10());

        let mut salience = Array2::<f32>::zeros((frames, keys.len()));
        for (column, key) in keys.keys().enumerate() {
            let places: Vec<_> = (1..=PARTIALS)
                .map(|partial| partial as f64 * key.pitch().hz())
                .filter(|hz| hz * SURROUNDINGS < 7900.0)
                .map(|hz| {
                    let bin = |hz: f64| (hz / hz_per_bin).round() as usize;
                    (bin(hz), bin(hz / SURROUNDINGS).saturating_sub(1)..bin(hz * SURROUNDINGS) + 2)
                })
                .collect();
            for (t, row) in db.rows().into_iter().enumerate() {
                let contrast = places.iter().map(|(bin, around)| {
                    let level = row.slice(ndarray::s![around.clone()]).mean().unwrap_or(0.0);
                    let peak = row.slice(ndarray::s![bin - 1..bin + 2]);
                    peak.fold(f32::MIN, |a, &b| a.max(b)) - level
                });
                salience[(t, column)] = contrast.sum::<f32>() / places.len().max(1) as f32;
            }
        }
        let logistic =
            |x: f32, centre: f32, width: f32| 1.0 / (1.0 + (-(x - centre) / width).exp());
        let at = |t: usize, k: usize| salience[(t.min(frames.saturating_sub(1)), k)];
        let shape = (frames, keys.len());
        let peak = |t: usize, k: usize| {
            let here = at(t, k);
            here >= at(t, k.saturating_sub(1)) && here >= at(t, (k + 1).min(keys.len() - 1))
        };
        let frame = Array2::from_shape_fn(shape, |(t, k)| {
            if peak(t, k) { logistic(at(t, k), 9.0, 1.5) } else { 0.0 }
        });
        let onset = Array2::from_shape_fn(shape, |(t, k)| {
            let rise = at(t + 1, k) - at(t.saturating_sub(2), k);
            frame[((t + 1).min(frames - 1), k)] * logistic(rise, 4.0, 1.5)
        });
        Ok(TranscriptionActivations {
            grid: map.grid,
            keys,
            onset,
            frame,
            offset: None,
            velocity: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use mir_testkit::signal::sine;

    use super::*;
    use crate::decode::{NoteDecoderConfig, decode};

    #[test]
    fn a_harmonic_tone_is_found_at_its_pitch_and_time() {
        let picker = PeakPicker::new().unwrap();
        let mut samples = vec![0.0f32; 32_000];
        for partial in 1..=6u32 {
            let hz = 220.0 * f64::from(partial);
            let tone = sine(SampleRate::HZ_16000, hz, 0.3 / f64::from(partial), 12_000);
            samples[8000..20_000].iter_mut().zip(tone.channel(0)).for_each(|(a, b)| *a += b);
        }
        let audio = AudioBuffer::mono(SampleRate::HZ_16000, samples);
        let activations = picker.activations(&audio).unwrap();
        let notes = decode(&activations, &NoteDecoderConfig::default()).unwrap();
        let found = notes
            .iter()
            .any(|n| (n.pitch().midi() - 57.0).abs() < 0.5 && (n.onset() - 0.5).abs() < 0.1);
        assert!(found, "{notes:?}");
    }
}
