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

#[cfg(test)]
mod tests {
    use mir_core::{Interval, Key, Velocity};

    use super::{
        super::{NoteLevel, SampledNote},
        *,
    };

    const RATE: SampleRate = SampleRate::HZ_16000;

    fn key(pitch: u8, level: NoteLevel) -> NoteKey {
        NoteKey { instrument: "violin".to_owned(), pitch, level, style: "NO".to_owned(), make: 1 }
    }

    /// A scale of sines with silence between them, as such collections record it.
    fn bank() -> NoteBank {
        let (mut samples, mut intervals) = (vec![0.0f32; 800], Vec::new());
        for pitch in 60..67 {
            let start = samples.len();
            let step = std::f64::consts::TAU * Key::new(pitch).unwrap().pitch().hz() / 16_000.0;
            samples.extend((0..8_000).map(|n| 0.5 * (step * f64::from(n)).sin() as f32));
            intervals.push(
                Interval::new(RATE.seconds(start - 400), RATE.seconds(samples.len())).unwrap(),
            );
            samples.extend([0.0; 1_600]);
        }
        let mut bank = NoteBank::new();
        let audio = AudioBuffer::mono(RATE, samples);
        bank.add_scale(&key(60, NoteLevel::Forte), &audio, &intervals).unwrap();
        assert_eq!(bank.len(), 7);
        bank
    }

    fn part(notes: &[(u8, f64, f64)], delay: f64) -> PartPlan {
        let note = |&(pitch, onset, offset): &(u8, f64, f64)| {
            Note::new(onset, offset, Key::new(pitch).unwrap().pitch(), Velocity::MEDIUM).unwrap()
        };
        PartPlan {
            instrument: "violin".to_owned(),
            notes: notes.iter().map(note).collect(),
            manner: Combination { delay, level: NoteLevel::Forte, style: "NO".to_owned(), make: 1 },
        }
    }

    #[test]
    fn notes_sound_where_the_score_says_and_are_added() {
        let bank = bank();
        let parts = [part(&[(60, 0.1, 0.3), (64, 0.2, 0.4)], 0.0), part(&[(62, 0.5, 0.6)], 0.1)];
        let rendering = render(&parts, &bank, RATE, RenderConfig::default()).unwrap();
        assert!(rendering.replaced.is_empty());
        assert!((rendering.notes[1][0].onset() - 0.6).abs() < 1e-12);
        let level = |stem: usize, from: f64, to: f64| {
            let samples =
                &rendering.stems[stem].channel(0)[RATE.sample_at(from)..RATE.sample_at(to)];
            samples.iter().fold(0.0f32, |peak, x| peak.max(x.abs()))
        };
        for (stem, from, to, loud) in [
            (0, 0.0, 0.09, 0.0),
            (0, 0.11, 0.19, 0.5),
            (0, 0.22, 0.29, 1.0),
            (0, 0.33, 0.39, 0.5),
            (0, 0.43, 0.6, 0.0),
            (1, 0.0, 0.59, 0.0),
            (1, 0.61, 0.69, 0.5),
        ] {
            assert!((level(stem, from, to) - loud).abs() < 0.12, "{stem} {from} {to}");
        }
        for (n, &mix) in rendering.mix.channel(0).iter().enumerate() {
            let sum: f32 = rendering.stems.iter().map(|stem| stem.channel(0)[n]).sum();
            assert_eq!(mix.to_bits(), (sum + 0.0).to_bits());
        }
    }

    #[test]
    fn what_is_missing_is_replaced_and_reported() {
        let bank = bank();
        let soft = bank.find(&key(61, NoteLevel::Piano)).unwrap();
        assert_eq!(soft.replaced.unwrap().taken, key(61, NoteLevel::Forte));
        let low = bank.find(&key(58, NoteLevel::Forte)).unwrap();
        assert_eq!(low.replaced.unwrap().taken.pitch, 60);
        // Its period is that of the pitch that was wanted.
        let samples = low.audio.channel(0);
        let middle = &samples[2_000..6_000];
        let crossings = middle.windows(2).filter(|w| w[0] < 0.0 && w[1] >= 0.0).count();
        let hz = crossings as f64 * 16_000.0 / 4_000.0;
        assert!((hz - Key::new(58).unwrap().pitch().hz()).abs() < 6.0, "{hz}");
        for wanted in [57, 69] {
            assert!(matches!(bank.find(&key(wanted, NoteLevel::Forte)), Err(Error::NoNote { .. })));
        }
        let rendering = render(
            &[part(&[(68, 0.0, 0.1), (68, 0.2, 0.3)], 0.0)],
            &bank,
            RATE,
            RenderConfig::default(),
        );
        assert_eq!(rendering.unwrap().replaced.len(), 1);
    }

    #[test]
    fn other_rates_and_impossible_settings_are_refused() {
        let mut bank = bank();
        let other = AudioBuffer::mono(SampleRate::HZ_44100, vec![0.1; 10]);
        assert!(matches!(
            bank.add(SampledNote { key: key(70, NoteLevel::Forte), audio: other }),
            Err(Error::SampleRate { .. })
        ));
        let parts = [part(&[(60, 0.0, 0.1)], 0.0)];
        let at = |rate, config| render(&parts, &bank, rate, config);
        assert!(matches!(
            at(SampleRate::HZ_44100, RenderConfig::default()),
            Err(Error::SampleRate { .. })
        ));
        let config = RenderConfig { attack: -1.0, ..RenderConfig::default() };
        assert!(matches!(at(RATE, config), Err(Error::InvalidConfig { field: "attack", .. })));
        let late = [part(&[(60, 0.0, 0.1)], f64::NAN)];
        assert!(matches!(
            render(&late, &bank, RATE, RenderConfig::default()),
            Err(Error::InvalidConfig { field: "delay", .. })
        ));
    }
}
