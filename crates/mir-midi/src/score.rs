//! A piece as a MIDI file holds it: how is it read, and how is it written?
//!
//! # Reading
//! Standard MIDI Files of format 0, 1 and 2, bare or in a RIFF wrapper (RMID), with metrical or SMPTE
//! time. Tempo counts from whichever track it stands in. Lenient reading repairs and reports
//! ([`Diagnostic`]), strict reading refuses. MIDI 2.0 clips and karaoke files
//! (tags like `@T…` among the texts at tick 0) are refused.
//!
//! Everything in a file is kept: notes, pedals and other controllers, programs, pitch bends,
//! aftertouch, tempi, time and key signatures, texts, and system exclusive data.
//!
//! # Rules for notes
//! | in the file | in the score |
//! |---|---|
//! | note-on of velocity 0 | a note-off |
//! | note-off while several notes of its channel and key are open | ends all of them |
//! | note-off at the tick of the note-on | the note is left out; if an older note is open, the note-off ends that one and the new note goes on |
//! | never ended | ends with its track |
//! | note-off without note | ignored |
//!
//! All but the fourth are the rules of pretty_midi, which leaves notes out that never end. Each but the
//! first is reported. Channel mode messages ("all notes off") are kept as controllers and end nothing.
//!
//! # Writing
//! Format 0 for one track, 2 for independent tracks, else 1. At one tick come note-offs, then texts,
//! tempo and signatures, then controllers, programs, bends and aftertouch, then note-ons. A score that
//! was read comes back equal when it is written and read again, provided that its lists are in order and
//! overlapping notes of a channel and key end together, as the reader leaves them.
//!
//! # Example
//! ```
//! use mir_core::{Key, Note, Velocity};
//! use mir_midi::{PedalRule, Score, Strictness};
//!
//! let note = Note::new(0.5, 1.25, Key::new(60)?.pitch(), Velocity::new(80)?)?;
//! let bytes = Score::from_notes(&[note]).to_bytes()?;
//! let (score, diagnostics) = Score::parse(&bytes, Strictness::Strict)?;
//! assert_eq!(score.notes(PedalRule::None), [note]);
//! assert!(diagnostics.is_empty());
//! # Ok::<(), mir_midi::Error>(())
//! ```

use std::{borrow::Cow, fs::File, io::Read, path::Path};

use mir_core::{Key, Note, Velocity, publish};

use crate::{
    Diagnostic, Error, Pedal, PedalEvent, PedalRule, Performance, ReadConfig, Result,
    diagnostic::Findings,
    pedal::{self, Move, Struck},
    smf,
    tempo::Walk,
};
pub use crate::{
    event::{
        Control, KeySignature, Other, OtherKind, PitchBend, Pressure, Program, TempoChange, Text,
        TextKind, TickNote, TimeSignature, Track,
    },
    tempo::{DEFAULT_TEMPO, Division, TempoMap},
};

/// The time of scores made from seconds: 512 000 ticks a second, so that a rounded time is less than
/// 1 µs off and a sample at 16 kHz is a whole number of ticks. The format has at most 32 767 ticks in a
/// quarter note, so quarter notes are short: 960 a minute, 8 of them for one at 120 a minute.
const FINE_TICKS_PER_QUARTER: u16 = 32_000;

/// See [`FINE_TICKS_PER_QUARTER`]; microseconds.
const FINE_TEMPO: u32 = 62_500;

/// The events of a MIDI file, in exact ticks.
///
/// The fields are public for whoever builds or edits a score. What a file cannot hold is refused when
/// the score is written, and left out of the notes.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// What a tick is.
    pub division: Division,
    /// Whether each track has a time and a tempo of its own (format 2).
    pub independent: bool,
    /// The tracks.
    pub tracks: Vec<Track>,
}

impl Score {
    /// From sounding notes, without pedal.
    ///
    /// See [`from_performance`](Self::from_performance) for the treatment of notes.
    pub fn from_notes(notes: &[Note]) -> Self {
        Self::from_performance(&Performance::from(notes.to_vec()))
    }

    /// From keys and pedals, on channel 0 of one track, at 512 000 ticks a second: read again, no time
    /// is off by 1 µs.
    ///
    /// See [`from_performance_with`](Self::from_performance_with) for the treatment of notes, and for
    /// scores whose beats mean something to notation programs.
    pub fn from_performance(performance: &Performance) -> Self {
        let tempo = TempoChange { tick: 0, tempo: FINE_TEMPO };
        let map = TempoMap::new(Division::Metrical(FINE_TICKS_PER_QUARTER), vec![tempo]);
        Self::from_performance_with(performance, &map)
    }

    /// From keys and pedals, on channel 0 of one track, with the ticks and the tempo of a map.
    ///
    /// Times are rounded to the nearest tick, and every note lasts at least one. Pitches are rounded to
    /// keys; those outside 0..=127 are left out, and velocity 0 becomes 1. A channel and key holds one
    /// note at a time: a note ends where the next of its key begins, and of two that begin at one tick
    /// the one that comes later in the order of [`Note::sort`] stays.
    pub fn from_performance_with(performance: &Performance, map: &TempoMap) -> Self {
        let mut track = Track {
            notes: tick_notes(&performance.notes, 0, map),
            tempos: map.changes(),
            ..Track::default()
        };
        for event in &performance.pedals {
            if event.time.is_finite() && event.time >= 0.0 {
                track.controls.push(Control {
                    tick: map.tick(event.time),
                    channel: 0,
                    number: event.pedal.controller(),
                    value: event.value.min(127),
                });
            }
        }
        // Stable: what comes later in the list counts at one tick.
        track.controls.sort_by_key(|control| control.tick);
        track.end = last_tick(&track);
        Self { division: map.division(), independent: false, tracks: vec![track] }
    }

    /// Reads a file leniently and forgets the diagnostics.
    ///
    /// # Errors
    /// As [`read_with`](Self::read_with).
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self::read_with(path, ReadConfig::default())?.0)
    }

    /// Reads a file, with what was repaired, guessed or lost. A [`Strictness`](crate::Strictness) alone
    /// will do for a configuration.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, else [`Error::File`] with the path around an error of
    /// [`parse`](Self::parse).
    pub fn read_with(
        path: impl AsRef<Path>,
        config: impl Into<ReadConfig>,
    ) -> Result<(Self, Vec<Diagnostic>)> {
        let (path, config) = (path.as_ref(), config.into());
        let bytes = read_at_most(path, config.max_bytes)
            .map_err(|source| Error::Io { path: path.to_owned(), source })?;
        Self::parse(&bytes, config)
            .map_err(|source| Error::File { path: path.to_owned(), source: Box::new(source) })
    }

    /// Reads the bytes of a file. A [`Strictness`](crate::Strictness) alone will do for a configuration.
    ///
    /// # Errors
    /// [`Error::NotMidi`] without a usable header, [`Error::Unsupported`] for MIDI 2.0 clips and
    /// karaoke files, [`Error::Limit`] above the limits of the configuration or 65 535 tracks,
    /// [`Error::Config`] for limits that are none, and with [`Strictness::Strict`](crate::Strictness)
    /// [`Error::Defect`] for what breaks the specification.
    pub fn parse(bytes: &[u8], config: impl Into<ReadConfig>) -> Result<(Self, Vec<Diagnostic>)> {
        let config = config.into();
        config.validate()?;
        let mut findings = Findings::new(config.strictness);
        let score = smf::parse(bytes, &config, &mut findings)?;
        Ok((score, findings.into_list()))
    }

    /// Writes a Standard MIDI File, whole or not at all.
    ///
    /// # Errors
    /// As [`to_bytes`](Self::to_bytes), and [`Error::Core`] if the file cannot be written; an older
    /// file of that name is untouched then.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        let bytes = self.to_bytes()?;
        Ok(publish::write(path, &bytes)?)
    }

    /// The bytes of a Standard MIDI File.
    ///
    /// # Errors
    /// [`Error::Unwritable`] for an event that a file cannot hold; [`Error::Limit`] if nothing happens
    /// for 2.7·10¹¹ ticks (6 days in a score made from notes), or if there are more than 65 535 tracks.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        smf::write::to_bytes(self)
    }

    /// The tempo map that holds for a track: its own if tracks are independent, else that of all.
    ///
    /// # Panics
    /// If `track` is not an index of [`tracks`](Self::tracks) and tracks are independent.
    pub fn tempo_map(&self, track: usize) -> TempoMap {
        let tracks = if self.independent { &self.tracks[track..=track] } else { &self.tracks };
        let changes = tracks.iter().flat_map(|track| track.tempos.iter().copied());
        TempoMap::new(self.division, changes.collect())
    }

    /// Time of the last event of any track, seconds.
    pub fn duration(&self) -> f64 {
        let ends = self.timed_tracks();
        ends.iter().map(|(_, track, map)| map.seconds(track.end)).fold(0.0, f64::max)
    }

    /// Keys and pedals of all channels together.
    pub fn performance(&self) -> Performance {
        self.collect(|_, _| true)
    }

    /// Keys and pedals of one track.
    pub fn track_performance(&self, track: usize) -> Performance {
        self.collect(|t, _| t == track)
    }

    /// Keys and pedals of each channel that has any, by channel number 0..=15. Channel 9 holds
    /// percussion by convention.
    pub fn channels(&self) -> Vec<(u8, Performance)> {
        (0..16)
            .map(|channel| (channel, self.collect(|_, c| c == channel)))
            .filter(|(_, p)| !(p.notes.is_empty() && p.pedals.is_empty()))
            .collect()
    }

    /// The sounding notes of all channels under a pedal rule, which is applied channel by channel: a
    /// pedal acts on its own channel only.
    pub fn notes(&self, rule: PedalRule) -> Vec<Note> {
        let mut used = [false; 16];
        for note in self.tracks.iter().flat_map(|track| &track.notes) {
            used[usize::from(note.channel & 15)] = true;
        }
        let channels: Vec<u8> = (0..16).filter(|&c| used[usize::from(c)]).collect();
        // Pedals are merged by time, which independent tracks count each in their own ticks.
        let by_ticks = !self.independent && !pedal::needs_seconds(rule);
        let map = by_ticks.then(|| self.tempo_map(0));
        let mut notes = Vec::new();
        for &channel in &channels {
            match &map {
                Some(map) => self.channel_notes(channel, rule, map.walk(), &mut notes),
                None => notes.extend(pedal::apply(&self.collect(|_, c| c == channel), rule)),
            }
        }
        if channels.len() > 1 {
            Note::sort(&mut notes);
        }
        notes
    }

    /// The sounding notes of a channel under a rule that does with ticks, in the order of
    /// [`Note::sort`]. The same notes as [`pedal::apply`] returns, but only what is returned is ever
    /// converted to seconds.
    fn channel_notes(&self, channel: u8, rule: PedalRule, mut time: Walk<'_>, out: &mut Vec<Note>) {
        let plays = |note: &TickNote| note.channel == channel && note.end > note.start;
        let mut moves = Vec::new();
        for track in &self.tracks {
            let sustain = Pedal::Sustain.controller();
            let pedal =
                track.controls.iter().filter(|c| c.number == sustain && c.channel == channel);
            moves.extend(pedal.map(|c| Move { time: c.tick, down: c.value >= 64 }));
        }
        moves.sort_by_key(|m| m.time);
        // Most files have their notes in one track and on one channel, which is in order already.
        let mut sources = self.tracks.iter().filter(|track| track.notes.iter().any(plays));
        let notes = match (sources.next(), sources.next()) {
            (Some(only), None)
                if only.notes.iter().all(plays) && only.notes.is_sorted_by_key(|n| n.start) =>
            {
                Cow::Borrowed(&only.notes)
            }
            _ => {
                let mut notes: Vec<TickNote> =
                    self.tracks.iter().flat_map(|t| &t.notes).copied().filter(plays).collect();
                notes.sort_by_key(|note| note.start);
                Cow::Owned(notes)
            }
        };
        let ends = pedal::ends(&notes, 256, &moves, rule);
        let first = out.len();
        out.reserve(notes.len());
        for (note, end) in notes.iter().zip(ends) {
            if end > note.start {
                out.extend(note_at(note, time.seconds(note.start), time.seconds(end)));
            }
        }
        // Only notes of one tick can be out of order.
        for chord in out[first..].chunk_by_mut(|a, b| a.onset() >= b.onset()) {
            Note::sort(chord);
        }
    }

    /// The tracks with their index and the tempo map that holds for each.
    fn timed_tracks(&self) -> Vec<(usize, &Track, TempoMap)> {
        let shared = (!self.independent).then(|| self.tempo_map(0));
        let map = |i| shared.clone().unwrap_or_else(|| self.tempo_map(i));
        self.tracks.iter().enumerate().map(|(i, track)| (i, track, map(i))).collect()
    }

    /// Keys and pedals of the track indices and channels that are wanted.
    pub(crate) fn collect(&self, wanted: impl Fn(usize, u8) -> bool) -> Performance {
        let mut performance = Performance::default();
        for (i, track, map) in self.timed_tracks() {
            let mut time = map.walk();
            for note in track.notes.iter().filter(|note| wanted(i, note.channel)) {
                let (onset, offset) = (time.seconds(note.start), time.seconds(note.end));
                performance.notes.extend(note_at(note, onset, offset));
            }
            for control in track.controls.iter().filter(|c| wanted(i, c.channel)) {
                if let Some(pedal) = Pedal::from_controller(control.number) {
                    performance.pedals.push(PedalEvent {
                        time: time.seconds(control.tick),
                        pedal,
                        value: control.value,
                    });
                }
            }
        }
        Note::sort(&mut performance.notes);
        performance.pedals.sort_by(|a, b| a.time.total_cmp(&b.time));
        performance
    }

    /// Removes events after a time; returns the tracks that had some, and how many.
    pub(crate) fn remove_late_events(&mut self, max_seconds: f64) -> Vec<(usize, usize)> {
        if self.duration() <= max_seconds {
            return Vec::new();
        }
        let maps: Vec<TempoMap> = self.timed_tracks().into_iter().map(|(.., map)| map).collect();
        let mut removed = Vec::new();
        for (i, (track, map)) in self.tracks.iter_mut().zip(maps).enumerate() {
            if map.seconds(track.end) <= max_seconds {
                continue;
            }
            let mut count = 0;
            let mut keep = |tick: u64| {
                let keep = map.seconds(tick) <= max_seconds;
                count += usize::from(!keep);
                keep
            };
            track.notes.retain(|e| keep(e.end));
            track.controls.retain(|e| keep(e.tick));
            track.programs.retain(|e| keep(e.tick));
            track.pitch_bends.retain(|e| keep(e.tick));
            track.pressures.retain(|e| keep(e.tick));
            track.tempos.retain(|e| keep(e.tick));
            track.time_signatures.retain(|e| keep(e.tick));
            track.key_signatures.retain(|e| keep(e.tick));
            track.texts.retain(|e| keep(e.tick));
            track.others.retain(|e| keep(e.tick));
            // The end of the track is an event too.
            keep(track.end);
            track.end = last_tick(track);
            removed.push((i, count));
        }
        removed
    }
}

impl Struck for TickNote {
    fn span(&self) -> (u64, u64) {
        (self.start, self.end)
    }

    fn string(&self) -> usize {
        self.key.into()
    }
}

/// The notes of a file under a pedal rule, read leniently.
///
/// # Errors
/// As [`Score::read`].
pub fn read_notes(path: impl AsRef<Path>, rule: PedalRule) -> Result<Vec<Note>> {
    Ok(Score::read(path)?.notes(rule))
}

/// A note of a score in seconds; `None` for what is none, in scores that were made by hand.
#[inline]
fn note_at(note: &TickNote, onset: f64, offset: f64) -> Option<Note> {
    let (key, velocity) = (Key::new(note.key).ok()?, Velocity::new(note.velocity).ok()?);
    Note::new(onset, offset, key.pitch(), velocity).ok()
}

/// Notes in seconds as a channel holds them, see [`Score::from_performance_with`]; in order of their start.
pub(crate) fn tick_notes(notes: &[Note], channel: u8, map: &TempoMap) -> Vec<TickNote> {
    let mut notes = notes.to_vec();
    Note::sort(&mut notes);
    let mut ticks: Vec<TickNote> = Vec::with_capacity(notes.len());
    // Index of the last note of each key; a note that lost its place has its end at its start.
    let mut last: [Option<usize>; 128] = [None; 128];
    for note in &notes {
        let Some(key) = note.pitch().key() else {
            continue;
        };
        let start = map.tick(note.onset());
        if let Some(previous) = last[usize::from(key.number())] {
            let previous: &mut TickNote = &mut ticks[previous];
            previous.end = previous.end.min(start);
        }
        last[usize::from(key.number())] = Some(ticks.len());
        ticks.push(TickNote {
            start,
            end: map.tick(note.offset()).max(start + 1),
            channel,
            key: key.number(),
            velocity: note.velocity().value().max(1),
        });
    }
    ticks.retain(|note| note.end > note.start);
    ticks
}

/// Tick of the last event of a track.
fn last_tick(track: &Track) -> u64 {
    let ticks = track.notes.iter().map(|e| e.end);
    ticks
        .chain(track.controls.iter().map(|e| e.tick))
        .chain(track.programs.iter().map(|e| e.tick))
        .chain(track.pitch_bends.iter().map(|e| e.tick))
        .chain(track.pressures.iter().map(|e| e.tick))
        .chain(track.tempos.iter().map(|e| e.tick))
        .chain(track.time_signatures.iter().map(|e| e.tick))
        .chain(track.key_signatures.iter().map(|e| e.tick))
        .chain(track.texts.iter().map(|e| e.tick))
        .chain(track.others.iter().map(|e| e.tick))
        .max()
        .unwrap_or(0)
}

/// The bytes of a file. One byte past the limit is enough to refuse it, so no more are read.
fn read_at_most(path: &Path, limit: usize) -> std::io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    let mut bytes = Vec::with_capacity(length.min(limit).saturating_add(1));
    file.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
