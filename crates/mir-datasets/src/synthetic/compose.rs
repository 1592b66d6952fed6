//! Simple pieces, drawn by chance: chords in a key, a bass, a line that walks over the scale.

use mir_core::{Key, Note, Pitch, Velocity};
use mir_midi::voices::{BowedConfig, Instrument, Part, PluckedConfig, SingerConfig, WindConfig};
use rand_chacha::{ChaCha8Rng, rand_core::Rng as _};
use serde::Serialize;

use super::{SyntheticConfig, SyntheticKind};
use crate::{
    Result,
    random::{self, Purpose},
};

/// A part: what it is called, which stem it belongs to, what it plays.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Voice {
    pub(super) name: &'static str,
    pub(super) stem: String,
    pub(super) notes: Vec<Note>,
    instrument: Instrument,
    gain_db: f64,
}

impl Voice {
    pub(super) const fn is_pitched(&self) -> bool {
        !matches!(self.instrument, Instrument::Drums(_))
    }

    pub(super) fn part(&self) -> Part {
        let part = Part::new(self.notes.clone().into(), self.instrument.clone());
        Part { gain_db: self.gain_db, ..part }
    }
}

/// The voices of a track, and the seed of its sound.
pub(super) fn compose(config: &SyntheticConfig, number: u32) -> Result<(Vec<Voice>, u64)> {
    let rng = random::stream(config.seed, config.kind as u64, u64::from(number), Purpose::Choice);
    let mut piece = Piece::draw(rng, config.seconds);
    let voices = match config.kind {
        SyntheticKind::Ensemble => ensemble(&mut piece)?,
        SyntheticKind::Melody => melody(&mut piece)?,
        SyntheticKind::MultiF0 => multi_f0(&mut piece)?,
    };
    Ok((voices, piece.rng.next_u64()))
}

/// Steps of the major and of the natural minor scale.
const SCALES: [[i32; 7]; 2] = [[0, 2, 4, 5, 7, 9, 11], [0, 2, 3, 5, 7, 8, 10]];

/// Degrees of chords that follow each other well, in bars.
const PROGRESSIONS: [[i32; 4]; 4] = [[0, 5, 3, 4], [0, 3, 4, 0], [0, 4, 5, 3], [0, 1, 4, 0]];

/// Key, tempo and chords of a piece.
struct Piece {
    rng: ChaCha8Rng,
    tonic: i32,
    scale: [i32; 7],
    progression: [i32; 4],
    /// Seconds of a beat.
    beat: f64,
    bars: usize,
}

impl Piece {
    fn draw(mut rng: ChaCha8Rng, seconds: f64) -> Self {
        let beat = 60.0 / (80.0 + 60.0 * random::uniform(&mut rng));
        Self {
            tonic: random::below(&mut rng, 12) as i32,
            scale: SCALES[random::below(&mut rng, 2)],
            progression: PROGRESSIONS[random::below(&mut rng, 4)],
            bars: ((seconds / (4.0 * beat)).round() as usize).max(1),
            beat,
            rng,
        }
    }

    /// MIDI number of a degree of the scale; octaves go on above and below.
    fn key(&self, degree: i32, octave: i32) -> i32 {
        let within = degree.rem_euclid(7);
        12 * (octave + 1 + degree.div_euclid(7)) + self.tonic + self.scale[within as usize]
    }

    fn root(&self, bar: usize) -> i32 {
        self.progression[bar % 4]
    }

    /// A note of a key at a beat, a little shorter than its length so that equal keys do not touch.
    fn note(&mut self, key: i32, beat: f64, beats: f64, level: f64) -> Result<Note> {
        let key = Key::new(key.clamp(21, 108) as u8)?;
        self.pitched(key.pitch(), beat, beats, level)
    }

    fn pitched(&mut self, pitch: Pitch, beat: f64, beats: f64, level: f64) -> Result<Note> {
        let velocity = (level + 10.0 * random::symmetric(&mut self.rng)).clamp(20.0, 120.0) as u8;
        let (start, length) = (0.1 + beat * self.beat, (beats * self.beat - 0.03).max(0.05));
        Ok(Note::new(start, start + length, pitch, Velocity::new(velocity)?)?)
    }

    /// A line on the scale: mostly steps, sometimes rests.
    fn line(&mut self, octave: i32, level: f64, lengths: &[f64]) -> Result<Vec<Note>> {
        let mut notes = Vec::new();
        let (mut degree, mut beat) =
            (self.root(0) + 2 * random::below(&mut self.rng, 3) as i32, 0.0);
        let end = 4.0 * self.bars as f64;
        while beat < end {
            let length = lengths[random::below(&mut self.rng, lengths.len())].min(end - beat);
            if notes.is_empty() || random::uniform(&mut self.rng) > 0.12 {
                let key = self.key(degree, octave);
                notes.push(self.note(key, beat, length, level)?);
            }
            degree = (degree + random::below(&mut self.rng, 5) as i32 - 2).clamp(-3, 9);
            beat += length;
        }
        Ok(notes)
    }

    /// Three keys a bar, together or one after the other.
    fn chords(&mut self, octave: i32, level: f64) -> Result<Vec<Note>> {
        let broken = random::uniform(&mut self.rng) < 0.5;
        let mut notes = Vec::new();
        for bar in 0..self.bars {
            for half in 0..2 {
                for (member, step) in [0, 2, 4].into_iter().enumerate() {
                    let key = self.key(self.root(bar) + step, octave);
                    let late = if broken { 0.5 * member as f64 } else { 0.0 };
                    let beat = 4.0 * bar as f64 + 2.0 * f64::from(half) + late;
                    notes.push(self.note(key, beat, 2.0 - late, level)?);
                }
            }
        }
        Note::sort(&mut notes);
        Ok(notes)
    }

    fn bass(&mut self, octave: i32) -> Result<Vec<Note>> {
        let mut notes = Vec::new();
        for bar in 0..self.bars {
            for beat in 0..4 {
                let degree = self.root(bar) + if beat == 2 { 4 } else { 0 };
                let key = self.key(degree, octave);
                notes.push(self.note(key, (4 * bar + beat) as f64, 1.0, 85.0)?);
            }
        }
        Ok(notes)
    }

    fn drums(&mut self) -> Result<Vec<Note>> {
        /// Bass drum, snare drum, closed hi-hat of General MIDI.
        const KEYS: [u8; 3] = [36, 38, 42];
        let mut notes = Vec::new();
        for half in 0..8 * self.bars {
            let drum = match half % 4 {
                0 => 0,
                2 => 1,
                _ => 2,
            };
            for drum in [Some(2), (drum < 2).then_some(drum)].into_iter().flatten() {
                let pitch = Key::new(KEYS[drum])?.pitch();
                notes.push(self.pitched(pitch, 0.5 * half as f64, 0.25, 85.0)?);
            }
        }
        Note::sort(&mut notes);
        Ok(notes)
    }
}

fn voice(
    name: &'static str,
    stem: &str,
    instrument: Instrument,
    gain_db: f64,
    notes: Vec<Note>,
) -> Voice {
    Voice { name, stem: stem.to_owned(), notes, instrument, gain_db }
}

/// Sustained instruments that hold a pitch exactly.
fn steady(choice: usize) -> (&'static str, Instrument) {
    let bowed = |config: BowedConfig| {
        Instrument::Bowed(BowedConfig { players: 1, vibrato_cents: 0.0, ..config })
    };
    let wind = |config: WindConfig| {
        Instrument::Wind(WindConfig { vibrato_cents: 0.0, tremolo_db: 0.0, ..config })
    };
    match choice % 6 {
        0 => ("violin", bowed(BowedConfig::default())),
        1 => ("clarinet", wind(WindConfig::clarinet())),
        2 => ("saxophone", wind(WindConfig::saxophone())),
        3 => ("bassoon", wind(WindConfig::reed())),
        4 => ("cello", bowed(BowedConfig::cello())),
        _ => ("flute", wind(WindConfig::default())),
    }
}

fn accompanist(choice: usize) -> (&'static str, Instrument) {
    match choice % 4 {
        0 => ("guitar", Instrument::Plucked(PluckedConfig::default())),
        1 => ("harp", Instrument::Plucked(PluckedConfig::harp())),
        2 => ("organ", Instrument::Wind(WindConfig::organ())),
        _ => ("strings", Instrument::Bowed(BowedConfig::ensemble())),
    }
}

fn ensemble(piece: &mut Piece) -> Result<Vec<Voice>> {
    let singer = match random::below(&mut piece.rng, 3) {
        0 => SingerConfig::default(),
        1 => SingerConfig::oo(),
        _ => SingerConfig::ee(),
    };
    let (name, chords) = accompanist(random::below(&mut piece.rng, 4));
    Ok(vec![
        voice(
            "voice",
            "vocals",
            Instrument::Singer(singer),
            2.0,
            piece.line(4, 90.0, &[0.5, 1.0, 1.0, 2.0])?,
        ),
        voice("drums", "drums", Instrument::percussion(), 0.0, piece.drums()?),
        voice("bass", "bass", Instrument::Plucked(PluckedConfig::bass()), 0.0, piece.bass(2)?),
        voice(name, "other", chords, -3.0, piece.chords(4, 70.0)?),
    ])
}

fn melody(piece: &mut Piece) -> Result<Vec<Voice>> {
    let (solo_name, solo) = steady(random::below(&mut piece.rng, 6));
    let (name, chords) = accompanist(random::below(&mut piece.rng, 4));
    Ok(vec![
        voice(solo_name, "melody", solo, 4.0, piece.line(5, 95.0, &[0.25, 0.5, 0.5, 1.0, 2.0])?),
        voice(name, "accompaniment", chords, -4.0, piece.chords(4, 65.0)?),
        voice(
            "bass",
            "accompaniment",
            Instrument::Plucked(PluckedConfig::bass()),
            -2.0,
            piece.bass(2)?,
        ),
    ])
}

fn multi_f0(piece: &mut Piece) -> Result<Vec<Voice>> {
    let count = 2 + random::below(&mut piece.rng, 3);
    let first = random::below(&mut piece.rng, 6);
    (0..count)
        .map(|part| {
            // From above; neighbours are different instruments.
            let (name, instrument) = steady(first + part);
            let notes = piece.line(5 - part as i32, 85.0, &[0.5, 1.0, 1.0, 2.0, 4.0])?;
            Ok(voice(name, &format!("part-{}", part + 1), instrument, 0.0, notes))
        })
        .collect()
}
