//! Music made by seed: data sets for every task that need no download.
//!
//! | [`SyntheticKind`] | what sounds | annotated with | stems |
//! |---|---|---|---|
//! | `Ensemble` | a singer, drums, a bass and a chord instrument | notes | `vocals`, `drums`, `bass`, `other` |
//! | `Melody` | a solo instrument over chords and bass | f0 of the melody, notes | `melody`, `accompaniment` |
//! | `MultiF0` | two to four sustained instruments | multi-f0, notes, notes and f0 of each part | `part-1` … |
//!
//! (Piano is [`mini`](crate::mini).) Pieces, instruments and tempo are drawn from the seed, and everything is made in
//! memory when a track is asked for it. Of eight tracks the seventh is for validation and the eighth for
//! test. Every track is a piece of its own.
//!
//! # Conventions
//! The mix is the sum of the stems, to rounding. Instruments of `Melody` and `MultiF0` have no vibrato and
//! no slides, so that a pitch annotation is exact: that of the note, from its onset to its offset. Frames of f0
//! and multi-f0 are 256 samples of 44.1 kHz apart, as in MedleyDB. Percussion is not among the notes.
//!
//! # Example
//! ```
//! use mir_datasets::{Dataset, Split, synthetic::{Synthetic, SyntheticConfig, SyntheticKind}};
//!
//! let config = SyntheticConfig { tracks: 8, ..SyntheticConfig::new(SyntheticKind::Melody) };
//! let melodies = Synthetic::new(config)?;
//! let test = melodies.split(Split::Test)?;
//! let track = &test[0];
//! assert!(track.f0()?.frames().iter().any(|frame| frame.pitch.is_some()));
//! assert_eq!(track.stems().len(), 2);
//! # Ok::<(), mir_datasets::Error>(())
//! ```

mod compose;

use std::{str::FromStr, sync::Arc};

use mir_audio::LoadOptions;
use mir_core::{AudioBuffer, F0Frame, F0Track, Fingerprint, MultiF0, Note, Pitch, SampleRate};
use mir_midi::voices::{self, Part};
use serde::{Deserialize, Serialize};

use self::compose::{Voice, compose};
use crate::{
    Annotation, Dataset, Error, Kind, Label, Result, Split, Stem, Track, TrackId,
    dataset::not_annotated,
};

/// Seconds from frame to frame of an f0 annotation.
const F0_PERIOD: f64 = 256.0 / 44_100.0;

/// The rate at which tracks are rendered when the caller asks for none.
const DEFAULT_RATE: SampleRate = SampleRate::HZ_44100;

/// What is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SyntheticKind {
    /// A singer, drums, a bass and a chord instrument.
    Ensemble,
    /// A solo over an accompaniment.
    Melody,
    /// Several sustained instruments.
    MultiF0,
}

impl SyntheticKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ensemble, Self::Melody, Self::MultiF0];

    /// `ensemble`, `melody`, `multi-f0`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ensemble => "ensemble",
            Self::Melody => "melody",
            Self::MultiF0 => "multi-f0",
        }
    }
}

impl FromStr for SyntheticKind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| Error::InvalidConfig {
            field: "kind",
            expected: "ensemble, melody or multi-f0",
            actual: name.to_owned(),
        })
    }
}

/// What to generate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyntheticConfig {
    /// What sounds.
    pub kind: SyntheticKind,
    /// Number of tracks, 8 to 100,000.
    pub tracks: u32,
    /// About how long each is, seconds, 2 to 600.
    pub seconds: f64,
    /// Seed of everything.
    pub seed: u64,
}

impl SyntheticConfig {
    /// 24 tracks of 20 seconds.
    pub const fn new(kind: SyntheticKind) -> Self {
        Self { kind, tracks: 24, seconds: 20.0, seed: 0 }
    }

    fn validate(&self) -> Result<()> {
        let fields = [
            ("tracks", f64::from(self.tracks), 8.0, 100_000.0, "8 to 100000"),
            ("seconds", self.seconds, 2.0, 600.0, "2 to 600"),
        ];
        for (field, value, low, high, expected) in fields {
            if !(low..=high).contains(&value) {
                return Err(Error::InvalidConfig { field, expected, actual: value.to_string() });
            }
        }
        Ok(())
    }
}

/// The data set.
#[derive(Debug)]
pub struct Synthetic {
    name: String,
    tracks: Vec<Arc<dyn Track>>,
}

impl Synthetic {
    /// Composes all tracks. Nothing is rendered yet.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a setting outside its range.
    pub fn new(config: SyntheticConfig) -> Result<Self> {
        config.validate()?;
        let tracks = (0..config.tracks)
            .map(|number| Ok(Arc::new(SyntheticTrack::new(&config, number)?) as Arc<dyn Track>))
            .collect::<Result<_>>()?;
        Ok(Self { name: format!("synthetic-{}", config.kind.name()), tracks })
    }
}

impl Dataset for Synthetic {
    fn name(&self) -> &str {
        &self.name
    }

    fn version(&self) -> &str {
        "1"
    }

    fn license(&self) -> &str {
        "MIT (everything is generated)"
    }

    fn citation(&self) -> &str {
        "The mir authors, generated music by seed"
    }

    fn tracks(&self) -> &[Arc<dyn Track>] {
        &self.tracks
    }

    fn split(&self, split: Split) -> Result<Vec<Arc<dyn Track>>> {
        let of = |number: usize| match number % 8 {
            6 => Split::Validation,
            7 => Split::Test,
            _ => Split::Train,
        };
        let members = self.tracks.iter().enumerate().filter(|(number, _)| of(*number) == split);
        Ok(members.map(|(_, track)| Arc::clone(track)).collect())
    }
}

/// One generated piece.
#[derive(Debug)]
struct SyntheticTrack {
    id: TrackId,
    instrument: String,
    voices: Vec<Voice>,
    stems: Vec<Stem>,
    labels: Vec<Label>,
    seed: u64,
}

impl SyntheticTrack {
    fn new(config: &SyntheticConfig, number: u32) -> Result<Self> {
        let (voices, seed) = compose(config, number)?;
        let mut stems: Vec<Stem> = Vec::new();
        for voice in &voices {
            match stems.iter_mut().find(|stem| stem.name == voice.stem) {
                Some(stem) => stem.instrument = format!("{}, {}", stem.instrument, voice.name),
                None => {
                    stems.push(Stem { name: voice.stem.clone(), instrument: voice.name.to_owned() })
                }
            }
        }
        let mut labels = vec![Label::from(Kind::Notes)];
        match config.kind {
            SyntheticKind::Ensemble => {}
            SyntheticKind::Melody => labels.push(Label::from(Kind::F0)),
            SyntheticKind::MultiF0 => {
                labels.push(Label::from(Kind::MultiF0));
                for stem in &stems {
                    labels.push(Label::new(Kind::Notes, stem.name.clone()));
                    labels.push(Label::new(Kind::F0, stem.name.clone()));
                }
            }
        }
        let instrument = voices.iter().map(|voice| voice.name).collect::<Vec<_>>().join(", ");
        let id = TrackId::new(format!("{}-{number:05}", config.kind.name()))?;
        Ok(Self { id, instrument, voices, stems, labels, seed })
    }

    fn mixture(&self, options: &LoadOptions) -> Result<voices::Mixture> {
        let parts: Vec<Part> = self.voices.iter().map(Voice::part).collect();
        let rate = options.sample_rate.unwrap_or(DEFAULT_RATE);
        voices::mix(&parts, rate, self.seed)
            .map_err(|source| Error::Render { track: self.id.clone(), source: source.into() })
    }

    /// Notes of the pitched voices of a stem, or of all.
    fn notes_of(&self, stem: &str) -> Vec<Note> {
        let voices = self.voices.iter().filter(|voice| voice.is_pitched());
        let voices = voices.filter(|voice| stem.is_empty() || voice.stem == stem);
        let mut notes: Vec<Note> = voices.flat_map(|voice| voice.notes.iter().copied()).collect();
        Note::sort(&mut notes);
        notes
    }

    /// The pitches that sound at every frame.
    fn pitches(&self, stem: &str) -> (Vec<f64>, Vec<Vec<Pitch>>) {
        let end = self.voices.iter().flat_map(|voice| &voice.notes).map(Note::offset);
        let frames = (end.fold(0.0, f64::max) / F0_PERIOD).ceil() as usize + 1;
        let mut pitches = vec![Vec::new(); frames];
        for note in self.notes_of(stem) {
            let first = (note.onset() / F0_PERIOD).ceil() as usize;
            let last = (note.offset() / F0_PERIOD).ceil() as usize;
            for frame in &mut pitches[first..last.min(frames)] {
                frame.push(note.pitch());
            }
        }
        ((0..frames).map(|frame| frame as f64 * F0_PERIOD).collect(), pitches)
    }
}

/// `start` and `duration` of the options.
fn cut(audio: AudioBuffer, options: &LoadOptions) -> AudioBuffer {
    let rate = audio.sample_rate();
    let first = rate.sample_at(options.start).min(audio.len());
    let last = options.duration.map_or(audio.len(), |duration| {
        audio.len().min(first.saturating_add(rate.sample_at(duration)))
    });
    if (first, last) == (0, audio.len()) { audio } else { audio.excerpt(first..last) }
}

impl Track for SyntheticTrack {
    fn id(&self) -> &TrackId {
        &self.id
    }

    fn piece(&self) -> &str {
        self.id.as_str()
    }

    fn instrument(&self) -> &str {
        &self.instrument
    }

    /// Mono, rendered at the rate asked for (44.1 kHz without one); `start` and `duration` cut it.
    fn audio(&self, options: &LoadOptions) -> Result<AudioBuffer> {
        Ok(cut(self.mixture(options)?.mix, options))
    }

    fn stems(&self) -> &[Stem] {
        &self.stems
    }

    /// As [`audio`](Self::audio).
    fn stem(&self, name: &str, options: &LoadOptions) -> Result<AudioBuffer> {
        if !self.stems.iter().any(|stem| stem.name == name) {
            return Err(Error::NoStem {
                track: self.id.clone(),
                stem: name.to_owned(),
                available: self.stems.iter().map(|stem| stem.name.clone()).collect(),
            });
        }
        let mixture = self.mixture(options)?;
        let own = self.voices.iter().zip(mixture.stems).filter(|(voice, _)| voice.stem == name);
        let parts: Vec<AudioBuffer> = own.map(|(_, audio)| audio).collect();
        let sum = mir_audio::mix::sum(&parts)
            .map_err(|source| Error::Audio { track: self.id.clone(), source: Box::new(source) })?;
        Ok(cut(sum, options))
    }

    fn labels(&self) -> &[Label] {
        &self.labels
    }

    fn annotation(&self, label: &Label) -> Result<Annotation> {
        if !self.labels.contains(label) {
            return Err(not_annotated(&self.id, label.to_string(), &self.labels));
        }
        Ok(match label.kind {
            Kind::F0 => {
                // The melody is the first voice.
                let stem = match label.variant.as_str() {
                    "" => self.stems[0].name.as_str(),
                    stem => stem,
                };
                let (times, pitches) = self.pitches(stem);
                let frames = times.into_iter().zip(pitches).map(|(time, pitches)| {
                    let pitch = pitches.first().copied();
                    F0Frame { time, pitch, voicing: if pitch.is_some() { 1.0 } else { 0.0 } }
                });
                Annotation::F0(F0Track::new(frames.collect())?)
            }
            Kind::MultiF0 => {
                let (times, pitches) = self.pitches("");
                Annotation::MultiF0(MultiF0::new(times, pitches)?)
            }
            _ => Annotation::Notes(self.notes_of(&label.variant)),
        })
    }

    fn source_fingerprint(&self) -> Result<Fingerprint> {
        // Rises when the same source is played in another way.
        Ok(Fingerprint::of("mir-datasets/synthetic/1", &(&self.voices, self.seed))?)
    }

    fn duration_hint(&self) -> Option<f64> {
        let notes = self.voices.iter().flat_map(|voice| &voice.notes);
        Some(notes.map(Note::offset).fold(0.0, f64::max))
    }
}
