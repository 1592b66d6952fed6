//! How would a person play this score?
//!
//! [`Performer::perform`] turns a [`Score`] into key and pedal movements. The result is a pure function
//! of the score, the [`PerformanceConfig`] and a seed; every draw is bounded, so no note is ever wildly
//! early or loud.
//!
//! # Model
//! - **Tempo**: the written tempo, times an arch over each phrase (slower at both ends, as Todd 1985
//!   describes it), times a slow drift from bar to bar, and a ritardando over the last two bars.
//! - **Onsets**: jitter for each chord and each of its notes, the melody ahead of the rest, rolled
//!   chords from below, grace notes before the beat, trills at 10 to 13 notes a second.
//! - **Dynamics**: the written level, an arch over each phrase, the metre, the voice, the direction of
//!   the line, and noise.
//! - **Releases**: overlap where the touch is legato, gaps where it is not; a key that is struck again
//!   comes up first.
//! - **Pedal**: up just after a change of harmony, down again a tenth of a second later.

use std::collections::BTreeMap;

use mir_core::{Key, KeyRange, Note, Velocity};
use mir_midi::{Pedal, PedalEvent, Performance};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use serde::{Deserialize, Serialize};

use super::notation::{Articulation, Score, ScoreNote, Touch, WHOLE, value_at};
use crate::{Error, Result, random};

/// Shortest time between two strokes of one key, seconds; a real action needs about 70 ms, fast
/// repetitions on a grand 50 ms. Strokes that would be closer become one.
const REPETITION: f64 = 0.05;

/// A key is up this long before it is struck again, seconds, or a quarter of the interval if shorter.
const KEY_UP: f64 = 0.03;

/// Shortest time that a key stays down, seconds.
const SHORTEST: f64 = 0.03;

/// How a piece is played. All times in seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PerformanceConfig {
    /// Factor on the written tempo, 0.25 to 4.
    pub tempo: f64,
    /// Semitones up, ±24; cut so that the piece stays on the keyboard.
    pub transpose: i32,
    /// Depth of the tempo arch over a phrase as a fraction of the tempo, 0 to 0.5.
    pub rubato: f64,
    /// Size of the slow drift of the tempo as a fraction, 0 to 0.3.
    pub drift: f64,
    /// How much slower the last moment of the piece is, as a fraction, 0 to 0.8.
    pub ritardando: f64,
    /// Standard deviation of the onset of a chord or single note, 0 to 0.05.
    pub jitter: f64,
    /// Largest distance of the notes of one chord from each other, 0 to 0.1.
    pub chord_spread: f64,
    /// How far the melody is ahead of the other voices (Goebl 2001 measures 0.02 to 0.03), 0 to 0.1.
    pub melody_lead: f64,
    /// Factor on the distance of the written level from `mf`, 0 to 2.
    pub dynamics: f64,
    /// Added to every velocity, ±60.
    pub loudness: f64,
    /// Velocity by which the melody is louder than the other voices, 0 to 40.
    pub melody_emphasis: f64,
    /// Standard deviation of the velocity of a note, 0 to 20.
    pub velocity_jitter: f64,
    /// How long a legato note reaches into the next one at most, 0 to 0.2.
    pub overlap: f64,
    /// Whether the written pedal is used.
    pub pedal: bool,
}

impl Default for PerformanceConfig {
    /// A musical, careful player.
    fn default() -> Self {
        Self {
            tempo: 1.0,
            transpose: 0,
            rubato: 0.08,
            drift: 0.03,
            ritardando: 0.3,
            jitter: 0.008,
            chord_spread: 0.015,
            melody_lead: 0.015,
            dynamics: 1.0,
            loudness: 0.0,
            melody_emphasis: 10.0,
            velocity_jitter: 4.0,
            overlap: 0.04,
            pedal: true,
        }
    }
}

impl PerformanceConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] names the first field outside its range.
    pub fn validate(&self) -> Result<()> {
        let fields = [
            ("tempo", self.tempo, 0.25, 4.0, "0.25 to 4"),
            ("transpose", f64::from(self.transpose), -24.0, 24.0, "−24 to 24 semitones"),
            ("rubato", self.rubato, 0.0, 0.5, "0 to 0.5"),
            ("drift", self.drift, 0.0, 0.3, "0 to 0.3"),
            ("ritardando", self.ritardando, 0.0, 0.8, "0 to 0.8"),
            ("jitter", self.jitter, 0.0, 0.05, "0 to 0.05 s"),
            ("chord_spread", self.chord_spread, 0.0, 0.1, "0 to 0.1 s"),
            ("melody_lead", self.melody_lead, 0.0, 0.1, "0 to 0.1 s"),
            ("dynamics", self.dynamics, 0.0, 2.0, "0 to 2"),
            ("loudness", self.loudness, -60.0, 60.0, "−60 to 60"),
            ("melody_emphasis", self.melody_emphasis, 0.0, 40.0, "0 to 40"),
            ("velocity_jitter", self.velocity_jitter, 0.0, 20.0, "0 to 20"),
            ("overlap", self.overlap, 0.0, 0.2, "0 to 0.2 s"),
        ];
        for (field, value, low, high, expected) in fields {
            if !(low..=high).contains(&value) {
                let actual = value.to_string();
                return Err(Error::InvalidConfig { field, expected, actual });
            }
        }
        Ok(())
    }
}

/// Plays scores.
#[derive(Clone, Debug)]
pub struct Performer {
    config: PerformanceConfig,
}

impl Performer {
    /// From a configuration.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] names the first field outside its range.
    pub fn new(config: PerformanceConfig) -> Result<Self> {
        config.validate()?;
        Ok(Self { config })
    }

    /// How it plays.
    pub fn config(&self) -> &PerformanceConfig {
        &self.config
    }

    /// One performance: key-down and key-up times sorted by onset, and the sustain pedal. It starts
    /// with up to a second of silence; all keys lie on the piano; velocities are 12 to 124.
    ///
    /// # Errors
    /// [`Error::Core`] if a note cannot be made, which no score and no admissible configuration causes.
    pub fn perform(&self, score: &Score, seed: u64) -> Result<Performance> {
        let tempo = TempoMap::new(score, &self.config, seed);
        let transposition = self.transposition(score);
        let voices = score.notes().iter().map(|note| note.voice + 1).max().unwrap_or(0);
        let mut strokes = Vec::new();
        for voice in 0..voices {
            let line = score.notes().iter().filter(|note| note.voice == voice);
            let mut hand = Hand {
                config: &self.config,
                score,
                tempo: &tempo,
                solo: voices == 1,
                dice: Dice::new(seed, 1 + voice as u64),
                chord: None,
                last_key: None,
            };
            line.for_each(|note| hand.play(note, &mut strokes));
        }
        let mut notes = Vec::with_capacity(strokes.len());
        for (key, strokes) in by_key(strokes) {
            let key = i32::from(key) + transposition;
            // In 0..=127: the transposition was cut to keep the piece on the piano.
            let pitch = Key::new(key as u8)?.pitch();
            for stroke in strokes {
                let velocity = Velocity::new(stroke.velocity.round().clamp(12.0, 124.0) as u8)?;
                notes.push(Note::new(stroke.onset, stroke.offset, pitch, velocity)?);
            }
        }
        Note::sort(&mut notes);
        let pedals = if self.config.pedal { pedal(score, &tempo, seed) } else { Vec::new() };
        Ok(Performance { notes, pedals })
    }

    fn transposition(&self, score: &Score) -> i32 {
        let top = |note: &ScoreNote| i32::from(note.key.number() + note.trill.unwrap_or(0));
        let low = score.notes().iter().map(|note| i32::from(note.key.number())).min();
        let high = score.notes().iter().map(top).max();
        let piano = KeyRange::PIANO;
        let down = low.map_or(0, |low| i32::from(piano.low().number()) - low).min(0);
        let up = high.map_or(0, |high| i32::from(piano.high().number()) - high).max(0);
        self.config.transpose.clamp(down, up)
    }
}

/// Draws with bounds, the same on every machine.
struct Dice(ChaCha8Rng);

impl Dice {
    fn new(seed: u64, stream: u64) -> Self {
        let mut key = [0; 32];
        let words = [seed, stream, 0, u64::from_le_bytes(*b"mini-per")];
        for (bytes, word) in key.chunks_exact_mut(8).zip(words) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        Self(ChaCha8Rng::from_seed(key))
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * random::uniform(&mut self.0)
    }

    /// Near-normal with mean 0 and standard deviation 1, within ±3.5: the sum of four uniform draws.
    fn bell(&mut self) -> f64 {
        let sum: f64 = (0..4).map(|_| random::symmetric(&mut self.0)).sum();
        sum * 0.75f64.sqrt()
    }
}

/// Where in its phrase a position lies, 0 to 1, as an arch: 0 at both ends, 1 in the middle.
fn phrase_arch(score: &Score, at: u32) -> f64 {
    let length = f64::from(score.bar() * score.phrase_bars());
    let bars = f64::from(at) - f64::from(score.pickup());
    let place = (bars / length).rem_euclid(1.0);
    1.0 - (2.0 * place - 1.0) * (2.0 * place - 1.0)
}

/// Ticks to seconds.
struct TempoMap {
    /// Time of every [`STEP`](Self::STEP)th tick, one beyond the end.
    times: Vec<f64>,
}

impl TempoMap {
    const STEP: u32 = WHOLE / 64;

    fn new(score: &Score, config: &PerformanceConfig, seed: u64) -> Self {
        let mut dice = Dice::new(seed, 0);
        let mut time = dice.between(0.35, 0.9);
        let bars = score.length() / score.bar() + 3;
        let mut wander = 0.0;
        let drift: Vec<f64> = (0..bars)
            .map(|_| {
                // A first-order autoregression of standard deviation 1.
                wander = 0.7 * wander + 0.51f64.sqrt() * dice.bell();
                1.0 + config.drift * wander.clamp(-2.5, 2.5)
            })
            .collect();
        let slowing = (2 * score.bar()).min(score.length() / 4).max(1);
        let mut times = Vec::with_capacity((score.length() / Self::STEP) as usize + 2);
        for at in (0..=score.length() + Self::STEP).step_by(Self::STEP as usize) {
            times.push(time);
            let bar = f64::from(at) / f64::from(score.bar());
            let (whole, part) = (bar as usize, bar.fract());
            let drift = drift[whole] * (1.0 - part) + drift[whole + 1] * part;
            // 2/3 is the mean of the arch, so that the piece keeps its tempo.
            let arch = 1.0 + config.rubato * (phrase_arch(score, at) - 2.0 / 3.0);
            let end = 1.0 - f64::from(score.length().saturating_sub(at)) / f64::from(slowing);
            let end = 1.0 - config.ritardando * end.max(0.0) * end.max(0.0);
            // A score has at least one tempo mark.
            let written = value_at(score.tempo(), at).unwrap_or(120.0);
            let quarters_per_second = written / 60.0 * config.tempo * drift * arch * end;
            time += 4.0 / 64.0 / quarters_per_second;
        }
        Self { times }
    }

    fn seconds(&self, at: u32) -> f64 {
        let index = ((at / Self::STEP) as usize).min(self.times.len() - 2);
        let part = f64::from(at - index as u32 * Self::STEP) / f64::from(Self::STEP);
        self.times[index] + (self.times[index + 1] - self.times[index]) * part
    }
}

/// One movement of one key.
#[derive(Clone, Copy, Debug)]
struct Stroke {
    key: u8,
    onset: f64,
    offset: f64,
    velocity: f64,
}

/// Plays one voice.
struct Hand<'a> {
    config: &'a PerformanceConfig,
    score: &'a Score,
    tempo: &'a TempoMap,
    /// No other voice plays, so none is in the background.
    solo: bool,
    dice: Dice,
    /// Start in ticks, and deviations of time and velocity, of the chord in hand.
    chord: Option<(u32, f64, f64)>,
    last_key: Option<u8>,
}

impl Hand<'_> {
    fn play(&mut self, note: &ScoreNote, out: &mut Vec<Stroke>) {
        let config = self.config;
        let (late, louder) = match self.chord {
            Some((start, late, louder)) if start == note.start => (late, louder),
            _ => {
                let late = config.jitter * self.dice.bell();
                let louder = 0.6 * config.velocity_jitter * self.dice.bell();
                self.chord = Some((note.start, late, louder));
                (late, louder)
            }
        };
        let melody = note.voice == 0 && !self.solo;
        let lead = if melody { config.melody_lead * self.dice.between(0.4, 1.2) } else { 0.0 };
        let spread = config.chord_spread * self.dice.between(-0.5, 0.5);
        let roll =
            if note.rolled { note.member as f64 * self.dice.between(0.03, 0.05) } else { 0.0 };
        let onset = (self.tempo.seconds(note.start) + late + spread - lead).max(0.0) + roll;
        let velocity = self.velocity(note, melody) + louder;
        let key = note.key.number();

        if let Some(place) = note.grace {
            let onset = (onset - 0.07 * place as f64).max(0.0);
            let velocity = velocity - 6.0;
            out.push(Stroke { key, onset, offset: onset + 0.08, velocity });
            return;
        }
        let end = self.tempo.seconds(note.start + note.length) + late;
        let offset = self.release(note, onset, end);
        match note.trill {
            Some(semitones) => self.trill(note, semitones, (onset, offset), velocity, out),
            None => out.push(Stroke { key, onset, offset, velocity }),
        }
        self.last_key = Some(key);
    }

    fn velocity(&mut self, note: &ScoreNote, melody: bool) -> f64 {
        let config = self.config;
        let in_bar = (note.start + self.score.bar() - self.score.pickup()) % self.score.bar();
        let metre = match in_bar {
            0 => 3.0,
            at if at.is_multiple_of(WHOLE / 4) => 0.5,
            _ => -2.0,
        };
        let voice = match (self.solo, melody) {
            (true, _) => 0.0,
            (_, true) => 0.5 * config.melody_emphasis,
            (_, false) => -0.5 * config.melody_emphasis,
        };
        let step = self.last_key.map_or(0.0, |last| f64::from(note.key.number()) - f64::from(last));
        let arch = 8.0 * (phrase_arch(self.score, note.start) - 2.0 / 3.0);
        let accent = if note.accent { 14.0 } else { 0.0 };
        70.0 + (note.level - 70.0) * config.dynamics
            + config.loudness
            + arch
            + metre
            + voice
            + accent
            + (0.4 * step).clamp(-3.0, 3.0)
            + 0.8 * config.velocity_jitter * self.dice.bell()
    }

    /// When the key comes up, seconds; `end` is the end of the written note.
    fn release(&mut self, note: &ScoreNote, onset: f64, end: f64) -> f64 {
        let length = (end - onset).max(SHORTEST);
        let held = match (note.articulation, self.score.touch()) {
            (Articulation::Tenuto, _) => length,
            (Articulation::Staccato, _) | (Articulation::Plain, Touch::Staccato) => {
                (length * self.dice.between(0.35, 0.55)).min(0.35)
            }
            (Articulation::Plain, Touch::Legato) => {
                length + self.config.overlap * self.dice.between(-0.3, 1.0)
            }
            (Articulation::Plain, Touch::Detached) => {
                length - (length * self.dice.between(0.06, 0.2)).min(0.12)
            }
        };
        onset + held.max(SHORTEST)
    }

    fn trill(
        &mut self,
        note: &ScoreNote,
        semitones: u8,
        (onset, offset): (f64, f64),
        velocity: f64,
        out: &mut Vec<Stroke>,
    ) {
        let rate = self.dice.between(10.0, 13.0);
        // Odd, so that it ends on the written note.
        let count = 2 * (((offset - onset) * rate / 2.0) as usize) + 1;
        let period = (offset - onset) / count as f64;
        for i in 0..count {
            let upper = if i % 2 == 1 { semitones } else { 0 };
            let start = onset + period * (i as f64 + 0.05 * self.dice.bell() * f64::from(i > 0));
            let softer = if i == 0 { 0.0 } else { 5.0 - 2.0 * self.dice.bell() };
            out.push(Stroke {
                key: note.key.number() + upper,
                onset: start,
                offset: start + period * if i + 1 == count { 1.0 } else { 0.95 },
                velocity: velocity - softer,
            });
        }
    }
}

/// Strokes of each key in order of time, made playable: strokes that are too close become one, and a
/// key comes up before it is struck again.
fn by_key(strokes: Vec<Stroke>) -> BTreeMap<u8, Vec<Stroke>> {
    let mut keys: BTreeMap<u8, Vec<Stroke>> = BTreeMap::new();
    for stroke in strokes {
        keys.entry(stroke.key).or_default().push(stroke);
    }
    for line in keys.values_mut() {
        line.sort_by(|a, b| a.onset.total_cmp(&b.onset));
        line.dedup_by(|next, kept| {
            let same = next.onset - kept.onset < REPETITION;
            if same {
                kept.offset = kept.offset.max(next.offset);
                kept.velocity = kept.velocity.max(next.velocity);
            }
            same
        });
        for i in 1..line.len() {
            let interval = line[i].onset - line[i - 1].onset;
            let latest = line[i].onset - KEY_UP.min(0.25 * interval);
            line[i - 1].offset = line[i - 1].offset.min(latest);
        }
    }
    keys
}

/// The sustain pedal as a foot moves it: up just after the new harmony, down when that is caught.
fn pedal(score: &Score, tempo: &TempoMap, seed: u64) -> Vec<PedalEvent> {
    let mut dice = Dice::new(seed, u64::MAX);
    let mut events: Vec<PedalEvent> = Vec::new();
    let mut move_to = |time: f64, value: u8| {
        // A foot needs time: a movement that would come before the last one is left out.
        if events.last().is_none_or(|last| time > last.time + 0.03 && value != last.value) {
            events.push(PedalEvent { time, pedal: Pedal::Sustain, value });
        }
    };
    for &(at, press) in score.pedal() {
        let time = tempo.seconds(at);
        move_to(time + dice.between(-0.01, 0.05), 0);
        if press {
            move_to(time + dice.between(0.1, 0.18), 127);
        }
    }
    move_to(tempo.seconds(score.length()) + dice.between(0.2, 0.8), 0);
    events
}
