//! Parts of a score, played with recorded notes.

use mir_core::{AudioBuffer, Note, SampleRate};
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::{Combination, NoteBank, NoteKey, Replaced};
use crate::{Error, Result};

/// How notes are put together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RenderConfig {
    /// Rise at the start of a note, seconds, 0 to 1.
    pub attack: f64,
    /// Fall at its end, after its offset, seconds, 0 to 5.
    pub release: f64,
}

impl Default for RenderConfig {
    /// 5 ms and 20 ms.
    fn default() -> Self {
        Self { attack: 0.005, release: 0.02 }
    }
}

/// One part: what is played, on what, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct PartPlan {
    /// The instrument, as the bank names it.
    pub instrument: String,
    /// The notes.
    pub notes: Vec<Note>,
    /// How it is played.
    pub manner: Combination,
}

/// Parts apart and together.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendering {
    /// The sum of the stems, mono.
    pub mix: AudioBuffer,
    /// One for each part, in their order, all of the same length.
    pub stems: Vec<AudioBuffer>,
    /// The notes of every part as they are heard: later by the part's delay.
    pub notes: Vec<Vec<Note>>,
    /// Notes for which another one was taken, each kind once, in order.
    pub replaced: Vec<Replaced>,
}

/// Plays parts of a score.
///
/// A note begins at the sample nearest to its onset (plus the delay of its part), lasts to its offset, and falls
/// in a raised cosine after it; what the recorded note lacks in length is silent. Notes that overlap are
/// added. The mix is the sum of the stems, sample by sample.
///
/// # Errors
/// [`Error::InvalidConfig`] for a fade or delay outside its range; [`Error::SampleRate`] if the bank has
/// another rate; those of [`NoteBank::find`].
pub fn render(
    parts: &[PartPlan],
    bank: &NoteBank,
    rate: SampleRate,
    config: RenderConfig,
) -> Result<Rendering> {
    for (field, expected, value, high) in
        [("attack", "0 to 1 s", config.attack, 1.0), ("release", "0 to 5 s", config.release, 5.0)]
    {
        if !(0.0..=high).contains(&value) {
            return Err(Error::InvalidConfig { field, expected, actual: value.to_string() });
        }
    }
    let mut notes = Vec::with_capacity(parts.len());
    for part in parts {
        let delay = part.manner.delay;
        if !(0.0..=60.0).contains(&delay) {
            let actual = delay.to_string();
            return Err(Error::InvalidConfig { field: "delay", expected: "0 to 60 s", actual });
        }
        notes.push(part.notes.iter().map(|note| note.shifted(delay)).collect::<Vec<_>>());
    }
    let last = notes.iter().flatten().map(Note::offset).fold(0.0, f64::max);
    if last > mir_midi::piano::MAX_SECONDS {
        return Err(Error::InvalidConfig {
            field: "end of the last note",
            expected: "at most four hours",
            actual: last.to_string(),
        });
    }
    let length = rate.sample_at(last + config.release) + 1;
    let mut stems = Array2::<f32>::zeros((parts.len(), length));
    let mut replaced: Vec<Replaced> = Vec::new();
    for ((part, notes), mut stem) in parts.iter().zip(&notes).zip(stems.rows_mut()) {
        for note in notes {
            let wanted = NoteKey {
                instrument: part.instrument.clone(),
                pitch: note.pitch().midi().round().clamp(0.0, 127.0) as u8,
                level: part.manner.level,
                style: part.manner.style.clone(),
                make: part.manner.make,
            };
            let found = bank.find(&wanted)?;
            if found.audio.sample_rate() != rate {
                return Err(Error::SampleRate {
                    expected: rate,
                    actual: found.audio.sample_rate(),
                });
            }
            if let Some(other) = found.replaced
                && !replaced.contains(&other)
            {
                replaced.push(other);
            }
            let start = rate.sample_at(note.onset());
            let held = rate.sample_at(note.offset()).saturating_sub(start);
            let fade = Fade::new(config, rate, held);
            let samples = found.audio.channel(0);
            for (n, (out, &sample)) in stem.iter_mut().skip(start).zip(samples).enumerate() {
                let Some(gain) = fade.at(n) else { break };
                *out += gain * sample;
            }
        }
    }
    let mix = stems.sum_axis(ndarray::Axis(0)).to_vec();
    let stems = stems.rows().into_iter().map(|row| AudioBuffer::mono(rate, row.to_vec())).collect();
    Ok(Rendering { mix: AudioBuffer::mono(rate, mix), stems, notes, replaced })
}

/// The gain of a note over its samples.
struct Fade {
    attack: usize,
    held: usize,
    release: usize,
}

impl Fade {
    fn new(config: RenderConfig, rate: SampleRate, held: usize) -> Self {
        let (attack, release) = (rate.sample_at(config.attack), rate.sample_at(config.release));
        Self { attack: attack.min(held), held, release }
    }

    /// `None` after the end.
    fn at(&self, n: usize) -> Option<f32> {
        let raised = |part: f64| (0.5 - 0.5 * (std::f64::consts::PI * part).cos()) as f32;
        if n < self.attack {
            Some(raised(n as f64 / self.attack as f64))
        } else if n < self.held {
            Some(1.0)
        } else if n < self.held + self.release {
            Some(raised(1.0 - (n - self.held) as f64 / self.release as f64))
        } else {
            None
        }
    }
}
