//! `mini`: what can be trained and scored on a machine that has no recordings at all?
//!
//! A data set that needs no download: short public-domain pieces and original studies in a text
//! [`notation`], played by a seeded [`performance`] model, sounded by [`mir_midi::piano`]. Everything
//! is made in memory when a track is asked for it, from four things: a piece, a version, an
//! instrument, a seed.
//!
//! # Splits
//! Pieces are divided once and for all ([`Piece::split`]); no version of a held-out piece is ever in
//! training. Training tracks are played on the five instruments of
//! [`PianoConfig::training`]; each version has its own tempo, transposition, dynamics and instrument.
//! Test tracks exist twice: on one of these instruments and on [`PianoConfig::unheard`], whose
//! parameters lie outside the ranges of training. Track names say which: `minuet-g_unheard_0`.
//!
//! `datasets/mini/README.md` lists pieces, splits and instruments.
//!
//! # Example
//! ```
//! use mir_datasets::{Dataset, Split, mini::{Mini, MiniConfig}};
//!
//! let mini = Mini::new(MiniConfig::default())?;
//! let test = mini.split(Split::Test)?;
//! let notes = test[0].notes()?;
//! assert!(notes.len() > 100);
//! # Ok::<(), mir_datasets::Error>(())
//! ```

mod chance;
pub mod notation;
pub mod performance;
mod pieces;

use std::sync::Arc;

use mir_audio::LoadOptions;
use mir_core::{AudioBuffer, Fingerprint, Note, PedalSpan, SampleRate};
use mir_midi::{
    Performance,
    pedal::{self, PedalRule},
    piano::{self, PianoConfig},
};
use serde::{Deserialize, Serialize};

pub use self::pieces::{PIECES, Piece};
use self::{
    notation::Score,
    performance::{PerformanceConfig, Performer},
};
use crate::{
    Annotation, Dataset, Error, Kind, Label, Result, Split, Track, TrackId,
    dataset::{notes_only, only_notes},
    loaders::Info,
    random,
};

/// What is known of it.
pub const INFO: Info = Info {
    name: "mini",
    title: "mini",
    version: "1",
    license: "MIT (compositions in the public domain or original, encodings and sounds original)",
    citation: "The mir authors, `mini`: a generated piano data set",
    holds: &[Kind::Notes],
    layout: "none: everything is made in memory",
    home: "this crate",
    remotes: &[],
};

/// Name of the instrument that training never hears, in track names and [`Track::instrument`].
pub const UNHEARD: &str = "unheard";

/// The rate at which tracks are rendered when the caller asks for none.
const DEFAULT_RATE: SampleRate = SampleRate::HZ_16000;

/// What to generate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MiniConfig {
    /// Seed of all performances and recordings.
    pub seed: u64,
    /// Performances of each training piece, 1 to 32. The first is at the written pitch.
    pub train_versions: u32,
    /// Studies drawn by chance for training, 0 to 32, each in `train_versions` versions of their own.
    pub chance_studies: u32,
    /// Largest transposition of the further versions, semitones, 0 to 12; less where the keyboard ends.
    pub transpose: i32,
    /// Tempo of the versions as a factor, drawn from 1/(1 + x) to 1 + x; 0 to 1.
    pub tempo_spread: f64,
    /// Loudness of the versions in MIDI velocity, drawn from ±x; 0 to 40.
    pub loudness_spread: f64,
}

impl Default for MiniConfig {
    /// About an hour of training audio, and six minutes of held-out music on two pianos.
    fn default() -> Self {
        Self {
            seed: 0,
            train_versions: 2,
            chance_studies: 4,
            transpose: 5,
            tempo_spread: 0.15,
            loudness_spread: 8.0,
        }
    }
}

impl MiniConfig {
    fn validate(&self) -> Result<()> {
        let fields = [
            ("train_versions", f64::from(self.train_versions), 1.0, 32.0, "1 to 32"),
            ("chance_studies", f64::from(self.chance_studies), 0.0, 32.0, "0 to 32"),
            ("transpose", f64::from(self.transpose), 0.0, 12.0, "0 to 12 semitones"),
            ("tempo_spread", self.tempo_spread, 0.0, 1.0, "0 to 1"),
            ("loudness_spread", self.loudness_spread, 0.0, 40.0, "0 to 40"),
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
pub struct Mini {
    tracks: Vec<Arc<dyn Track>>,
    splits: Vec<Split>,
}

impl Mini {
    /// Plans all tracks. Nothing is rendered yet.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a setting outside its range.
    pub fn new(config: MiniConfig) -> Result<Self> {
        config.validate()?;
        let mut planned: Vec<(Split, MiniTrack)> = Vec::new();
        for (number, piece) in PIECES.iter().enumerate() {
            let score = Arc::new(piece.score());
            let take = |version, instrument: Instrument| {
                MiniTrack::new(&config, piece.id, number, version, &score, instrument)
            };
            match piece.split {
                Split::Train => {
                    for version in 0..config.train_versions {
                        let instrument = Instrument::of_training(number, version);
                        planned.push((piece.split, take(version, instrument)?));
                    }
                }
                Split::Validation => {
                    planned.push((piece.split, take(0, Instrument::of_training(number, 0))?));
                }
                Split::Test => {
                    planned.push((piece.split, take(0, Instrument::of_training(number, 0))?));
                    planned.push((piece.split, take(0, Instrument::unheard())?));
                }
            }
        }
        for study in 0..config.chance_studies {
            let id = format!("chance-{}", study + 1);
            let number = PIECES.len() + study as usize;
            for version in 0..config.train_versions {
                let seed = [config.seed, u64::from(study), u64::from(version)];
                let score = Arc::new(chance::score(&id, CHANCE_BARS, seed));
                let instrument = Instrument::of_training(number, version);
                let track = MiniTrack::new(&config, &id, number, version, &score, instrument)?;
                planned.push((Split::Train, track));
            }
        }
        planned.sort_by(|(_, a), (_, b)| a.id.cmp(&b.id));
        let (splits, tracks) = planned
            .into_iter()
            .map(|(split, track)| (split, Arc::new(track) as Arc<dyn Track>))
            .unzip();
        Ok(Self { tracks, splits })
    }
}

/// Length of a study drawn by chance, bars of 4/4: about 40 seconds.
const CHANCE_BARS: u32 = 16;

impl Dataset for Mini {
    fn name(&self) -> &str {
        INFO.name
    }

    fn version(&self) -> &str {
        INFO.version
    }

    fn license(&self) -> &str {
        INFO.license
    }

    fn citation(&self) -> &str {
        INFO.citation
    }

    fn tracks(&self) -> &[Arc<dyn Track>] {
        &self.tracks
    }

    fn split(&self, split: Split) -> Result<Vec<Arc<dyn Track>>> {
        let members = self.tracks.iter().zip(&self.splits);
        Ok(members.filter(|(_, of)| **of == split).map(|(track, _)| Arc::clone(track)).collect())
    }
}

/// A piano and its name.
#[derive(Clone, Debug)]
struct Instrument {
    name: &'static str,
    config: PianoConfig,
}

impl Instrument {
    /// The instruments take turns, so that each plays every kind of piece in some version.
    fn of_training(piece: usize, version: u32) -> Self {
        let instruments = PianoConfig::training();
        // 2 and 5 have no common factor: five versions are played on five instruments.
        let turn = (piece + 2 * version as usize) % instruments.len();
        let (name, config) = instruments[turn].clone();
        Self { name, config }
    }

    fn unheard() -> Self {
        Self { name: UNHEARD, config: PianoConfig::unheard() }
    }
}

/// One performance of one piece on one instrument.
#[derive(Debug)]
struct MiniTrack {
    id: TrackId,
    piece: String,
    score: Arc<Score>,
    instrument: Instrument,
    performer: Performer,
    seed: u64,
}

/// All that a track's sound and notes follow from, for its fingerprint.
#[derive(Serialize)]
struct Source<'a> {
    score: &'a Score,
    performance: &'a PerformanceConfig,
    piano: &'a PianoConfig,
    seed: u64,
}

impl MiniTrack {
    fn new(
        config: &MiniConfig,
        piece: &str,
        number: usize,
        version: u32,
        score: &Arc<Score>,
        instrument: Instrument,
    ) -> Result<Self> {
        // Both instruments of a held-out piece get the same performance, so that their scores differ
        // by the instrument alone.
        let mut rng =
            random::stream(config.seed, number as u64, u64::from(version), random::Purpose::Choice);
        let base = PerformanceConfig::default();
        let tempo = (config.tempo_spread.ln_1p() * random::symmetric(&mut rng)).exp();
        let steps = random::below(&mut rng, 2 * config.transpose as usize + 1) as i32;
        let performance = PerformanceConfig {
            tempo,
            transpose: if version == 0 { 0 } else { steps - config.transpose },
            rubato: base.rubato * (1.0 + 0.5 * random::symmetric(&mut rng)),
            jitter: base.jitter * (1.0 + 0.4 * random::symmetric(&mut rng)),
            dynamics: 1.0 + 0.2 * random::symmetric(&mut rng),
            loudness: config.loudness_spread * random::symmetric(&mut rng),
            melody_emphasis: base.melody_emphasis * (1.0 + 0.5 * random::symmetric(&mut rng)),
            ..base
        };
        Ok(Self {
            id: TrackId::new(format!("{piece}_{}_{version}", instrument.name))?,
            piece: piece.to_owned(),
            score: Arc::clone(score),
            instrument,
            performer: Performer::new(performance)?,
            seed: rand_chacha::rand_core::Rng::next_u64(&mut rng),
        })
    }

    fn performance(&self) -> Result<Performance> {
        self.performer.perform(&self.score, self.seed)
    }

    fn failed(&self, source: mir_midi::Error) -> Error {
        Error::Render { track: self.id.clone(), source: source.into() }
    }
}

impl Track for MiniTrack {
    fn id(&self) -> &TrackId {
        &self.id
    }

    fn piece(&self) -> &str {
        &self.piece
    }

    fn instrument(&self) -> &str {
        self.instrument.name
    }

    /// Mono, rendered at the rate asked for (16 kHz without one); `start` and `duration` cut it.
    fn audio(&self, options: &LoadOptions) -> Result<AudioBuffer> {
        let rate = options.sample_rate.unwrap_or(DEFAULT_RATE);
        let performance = self.performance()?;
        let audio = piano::render(&performance, &self.instrument.config, rate, self.seed)
            .map_err(|source| self.failed(source))?;
        let first = rate.sample_at(options.start).min(audio.len());
        let last =
            options.duration.map_or(audio.len(), |duration| first + rate.sample_at(duration));
        Ok(if (first, last) == (0, audio.len()) { audio } else { audio.excerpt(first..last) })
    }

    fn notes(&self) -> Result<Vec<Note>> {
        Ok(pedal::apply(&self.performance()?, PedalRule::Default))
    }

    fn pedal(&self) -> Result<Vec<PedalSpan>> {
        Ok(pedal::spans(&self.performance()?))
    }

    fn labels(&self) -> &[Label] {
        only_notes()
    }

    fn annotation(&self, label: &Label) -> Result<Annotation> {
        notes_only(self, label)
    }

    fn source_fingerprint(&self) -> Result<Fingerprint> {
        let source = Source {
            score: &self.score,
            performance: self.performer.config(),
            piano: &self.instrument.config,
            seed: self.seed,
        };
        // Rises when the performer or the synthesiser plays the same source in another way.
        Ok(Fingerprint::of("mir-datasets/mini/1", &source)?)
    }

    fn duration_hint(&self) -> Option<f64> {
        Some(self.score.nominal_seconds() / self.performer.config().tempo)
    }
}
