//! Data sets and stores made in memory, for tests that need no file of anyone.

use std::{ops::Range, sync::Arc};

use mir_core::{AudioBuffer, Fingerprint, Key, Note, SampleRate, Velocity};
use mir_datasets::{
    Dataset, Error, FeatureStore, LoadOptions, MemStore, OnError, Result, SkippedTrack, Split,
    StoreBuilder, StoreHeader, StoredTrack, Track, TrackId,
};
use mir_features::FrontEndConfig;
use mir_testkit::signal::Random;

/// What goes wrong with a synthetic track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    None,
    NoAudio,
    LateNotes,
    NaN,
    Panic,
}

/// A track of sines, one for each of its random notes.
#[derive(Clone, Debug)]
pub(crate) struct Sines {
    id: TrackId,
    piece: String,
    samples: usize,
    seed: u64,
    /// One note for so many samples of the track.
    pub(crate) samples_of_a_note: usize,
    pub(crate) defect: Defect,
}

impl Sines {
    pub(crate) fn new(number: usize, samples: usize) -> Self {
        Self {
            id: TrackId::new(format!("sines-{number:02}")).unwrap(),
            piece: format!("piece {}", number / 2),
            samples,
            seed: number as u64,
            samples_of_a_note: 2_000,
            defect: Defect::None,
        }
    }

    fn broken(&self) -> Error {
        Error::Render { track: self.id.clone(), source: "the strings are broken".into() }
    }
}

impl Track for Sines {
    fn id(&self) -> &TrackId {
        &self.id
    }

    fn piece(&self) -> &str {
        &self.piece
    }

    fn instrument(&self) -> &str {
        "sines"
    }

    fn audio(&self, options: &LoadOptions) -> Result<AudioBuffer> {
        let rate = options.sample_rate.unwrap_or(SampleRate::HZ_16000);
        match self.defect {
            Defect::NoAudio => return Err(self.broken()),
            Defect::Panic => panic!("the pianist fainted"),
            _ => {}
        }
        let mut x = vec![0.0f32; self.samples];
        for note in self.notes()? {
            let (first, last) = (rate.sample_at(note.onset()), rate.sample_at(note.offset()));
            let step = std::f64::consts::TAU * note.pitch().hz() / f64::from(rate.hz());
            for n in first..last.min(x.len()) {
                x[n] += 0.1 * (step * (n - first) as f64).sin() as f32;
            }
        }
        if self.defect == Defect::NaN {
            x[7] = f32::NAN;
        }
        Ok(AudioBuffer::mono(rate, x))
    }

    fn notes(&self) -> Result<Vec<Note>> {
        let seconds = SampleRate::HZ_16000.seconds(self.samples);
        let late = if self.defect == Defect::LateNotes { 60.0 } else { 0.0 };
        let mut random = Random::new(self.seed);
        let mut notes: Vec<Note> = (0..self.samples / self.samples_of_a_note)
            .map(|_| {
                let onset = late + random.uniform() * seconds;
                let key = Key::new(21 + random.below(88) as u8).unwrap();
                let velocity = Velocity::new(20 + random.below(100) as u8).unwrap();
                Note::new(onset, onset + 0.05 + random.uniform(), key.pitch(), velocity).unwrap()
            })
            .collect();
        Note::sort(&mut notes);
        Ok(notes)
    }

    fn source_fingerprint(&self) -> Result<Fingerprint> {
        Ok(Fingerprint::of("test/sines/1", &(self.samples, self.seed))?)
    }

    fn duration_hint(&self) -> Option<f64> {
        Some(SampleRate::HZ_16000.seconds(self.samples))
    }
}

/// Some such tracks; the split is all of them.
#[derive(Debug)]
pub(crate) struct SineSet {
    tracks: Vec<Arc<dyn Track>>,
}

impl SineSet {
    pub(crate) fn of(tracks: impl IntoIterator<Item = Sines>) -> Self {
        Self { tracks: tracks.into_iter().map(|t| Arc::new(t) as _).collect() }
    }

    /// `count` tracks of about one to three seconds.
    pub(crate) fn new(count: usize) -> Self {
        Self::of((0..count).map(|i| Sines::new(i, 16_000 + 7_321 * (i % 5))))
    }
}

impl Dataset for SineSet {
    fn name(&self) -> &str {
        "sines"
    }

    fn version(&self) -> &str {
        "1"
    }

    fn license(&self) -> &str {
        "none"
    }

    fn citation(&self) -> &str {
        "none"
    }

    fn tracks(&self) -> &[Arc<dyn Track>] {
        &self.tracks
    }

    fn split(&self, split: Split) -> Result<Vec<Arc<dyn Track>>> {
        if split == Split::Train {
            return Ok(self.tracks.clone());
        }
        Err(Error::EmptySplit { dataset: "sines".to_owned(), split: split.to_string() })
    }
}

/// The names in a folder, sorted.
pub(crate) fn names(folder: &std::path::Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

pub(crate) fn builder() -> StoreBuilder {
    StoreBuilder::new(&FrontEndConfig::default()).unwrap()
}

/// A store of synthetic tracks, in memory.
pub(crate) fn store(count: usize) -> MemStore {
    let options = mir_datasets::BuildOptions { on_error: OnError::Fail, ..Default::default() };
    builder().build_in_memory(&SineSet::new(count), Split::Train, options).unwrap()
}

/// A store around another that runs a hook before every read.
pub(crate) struct Hooked<F> {
    pub(crate) inner: MemStore,
    pub(crate) hook: F,
}

impl<F> std::fmt::Debug for Hooked<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

impl<F: Fn(usize) -> Result<()> + Send + Sync> FeatureStore for Hooked<F> {
    fn header(&self) -> &StoreHeader {
        self.inner.header()
    }

    fn tracks(&self) -> &[StoredTrack] {
        self.inner.tracks()
    }

    fn notes(&self, track: usize) -> &[Note] {
        self.inner.notes(track)
    }

    fn skipped(&self) -> &[SkippedTrack] {
        self.inner.skipped()
    }

    fn read_into(&self, track: usize, frames: Range<usize>, out: &mut [f32]) -> Result<()> {
        (self.hook)(track)?;
        self.inner.read_into(track, frames, out)
    }
}

/// Mono 16-bit WAV of `seconds` at 16 kHz, written from the format's definition.
pub(crate) fn wav(seconds: f64) -> Vec<u8> {
    let samples = (seconds * 16_000.0) as u32;
    let mut bytes = Vec::new();
    bytes.extend(b"RIFF");
    bytes.extend((36 + 2 * samples).to_le_bytes());
    bytes.extend(b"WAVEfmt ");
    bytes.extend(16u32.to_le_bytes());
    bytes.extend(1u16.to_le_bytes());
    bytes.extend(1u16.to_le_bytes());
    bytes.extend(16_000u32.to_le_bytes());
    bytes.extend(32_000u32.to_le_bytes());
    bytes.extend(2u16.to_le_bytes());
    bytes.extend(16u16.to_le_bytes());
    bytes.extend(b"data");
    bytes.extend((2 * samples).to_le_bytes());
    for n in 0..samples {
        bytes.extend((((n * 37) % 2000) as i16 - 1000).to_le_bytes());
    }
    bytes
}

/// A standard MIDI file of one track, at 120 quarters a minute, written from the format's definition: events
/// are a time in ticks and three bytes, in order of their times.
pub(crate) fn midi(ticks_of_a_quarter: u16, events: &[(u32, [u8; 3])]) -> Vec<u8> {
    let mut track = Vec::new();
    let mut now = 0;
    for (tick, event) in events {
        let delta = tick - now;
        now = *tick;
        // Seven bits a byte, the highest first; the top bit says that more follow.
        let groups = [delta >> 28, delta >> 21, delta >> 14, delta >> 7, delta];
        let first = groups[..4].iter().position(|group| *group > 0).unwrap_or(4);
        for (index, group) in groups.iter().enumerate().skip(first) {
            track.push((group & 0x7f) as u8 | if index < 4 { 0x80 } else { 0 });
        }
        track.extend(event);
    }
    track.extend([0, 0xff, 0x2f, 0]);
    let mut bytes = b"MThd\0\0\0\x06\0\0\0\x01".to_vec();
    bytes.extend(ticks_of_a_quarter.to_be_bytes());
    bytes.extend(b"MTrk");
    bytes.extend((track.len() as u32).to_be_bytes());
    bytes.extend(track);
    bytes
}
