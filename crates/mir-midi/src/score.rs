//! A piece as a MIDI file holds it: how is it read, and how is it written?
//!
//! # Reading
//! Standard MIDI Files of format 0, 1 and 2, bare or in a RIFF wrapper (RMID), with metrical or SMPTE
//! time. Tempo counts from whichever track it stands in. Lenient reading repairs and reports
//! ([`Diagnostic`]), strict reading refuses. MIDI 2.0 clips and karaoke files are refused.
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
//! All but the fourth are the rules of pretty_midi, which leaves notes out that never end.
//!
//! # Writing
//! Format 0 for one track, else 1; at one tick note-offs first, then tempo, programs and controllers,
//! then note-ons. The tempo is always written.
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

use std::{fs::File, io::Read, path::Path};

use midly::{
    Format, Fps, Header, MetaMessage, MidiMessage, Smf, Timing, TrackEvent, TrackEventKind,
    num::{u15, u24, u28},
};
use mir_core::{Key, Note, Velocity, publish};

use crate::{
    Diagnostic, Error, Pedal, PedalEvent, PedalRule, Performance, Result, Strictness,
    diagnostic::Findings,
    pedal, smf,
    tempo::{DEFAULT_TEMPO, Division, TempoChange, TempoMap},
};

/// Largest file that is read, in bytes.
pub const MAX_BYTES: usize = 64 << 20;

/// Latest time of a note, in seconds (a week): a damaged delta time can be a century long.
pub const MAX_SECONDS: f64 = 7.0 * 86_400.0;

/// Ticks a quarter note of scores made from notes: with the default tempo 960 ticks a second.
const TICKS_PER_QUARTER: u16 = 480;

/// A note in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TickNote {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) channel: u8,
    pub(crate) key: u8,
    pub(crate) velocity: u8,
}

/// A controller at a new value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Control {
    pub(crate) tick: u64,
    pub(crate) channel: u8,
    pub(crate) number: u8,
    pub(crate) value: u8,
}

/// Another instrument on a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) tick: u64,
    pub(crate) channel: u8,
    pub(crate) number: u8,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Track {
    pub(crate) name: String,
    /// In order of start.
    pub(crate) notes: Vec<TickNote>,
    pub(crate) controls: Vec<Control>,
    pub(crate) programs: Vec<Program>,
    pub(crate) tempos: Vec<TempoChange>,
    /// Tick of the last event.
    pub(crate) end: u64,
}

/// The notes, controllers, programs and tempi of a MIDI file, in exact ticks.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    division: Division,
    /// Whether each track has a time of its own (format 2).
    independent: bool,
    tracks: Vec<Track>,
}

impl Score {
    pub(crate) const fn from_tracks(
        division: Division,
        independent: bool,
        tracks: Vec<Track>,
    ) -> Self {
        Self { division, independent, tracks }
    }

    /// From sounding notes, without pedal.
    ///
    /// See [`from_performance`](Self::from_performance) for the treatment of notes.
    pub fn from_notes(notes: &[Note]) -> Self {
        Self::from_performance(&Performance::from(notes.to_vec()))
    }

    /// From keys and pedals: one track on the first channel, 480 ticks a quarter note, 120 quarter
    /// notes a minute, so a tick is 1/960 s. Times are rounded to the nearest tick.
    ///
    /// Pitches go to the nearest key; notes beyond the 128 keys of MIDI are left out. Velocity 0 would
    /// mean note-off and becomes 1. Every note gets at least one tick. A MIDI channel cannot hold two
    /// notes of one key at a time: a note ends where the next of its key begins, and of two that
    /// begin at one tick the one that comes later in the order of [`Note::sort`] stays.
    pub fn from_performance(performance: &Performance) -> Self {
        let mut notes = performance.notes.clone();
        Note::sort(&mut notes);
        let mut track = Track {
            tempos: vec![TempoChange { tick: 0, tempo: DEFAULT_TEMPO }],
            ..Track::default()
        };
        // Index of the last note of each key; a note that lost its place has its end at its start.
        let mut last: [Option<usize>; 128] = [None; 128];
        for note in &notes {
            let Some(key) = note.pitch().key() else {
                continue;
            };
            let start = tick_of(note.onset());
            if let Some(previous) = last[usize::from(key.number())] {
                let previous: &mut TickNote = &mut track.notes[previous];
                previous.end = previous.end.min(start);
            }
            last[usize::from(key.number())] = Some(track.notes.len());
            track.notes.push(TickNote {
                start,
                end: tick_of(note.offset()).max(start.saturating_add(1)),
                channel: 0,
                key: key.number(),
                velocity: note.velocity().value().max(1),
            });
        }
        track.notes.retain(|note| note.end > note.start);
        for event in &performance.pedals {
            if event.time.is_finite() && event.time >= 0.0 {
                track.controls.push(Control {
                    tick: tick_of(event.time),
                    channel: 0,
                    number: event.pedal.controller(),
                    value: event.value.min(127),
                });
            }
        }
        // Stable: what comes later in the list counts at one tick.
        track.controls.sort_by_key(|control| control.tick);
        let ends = track.notes.iter().map(|note| note.end);
        track.end =
            ends.chain(track.controls.iter().map(|control| control.tick)).max().unwrap_or(0);
        Self {
            division: Division::Metrical(TICKS_PER_QUARTER),
            independent: false,
            tracks: vec![track],
        }
    }

    /// The same ticks at another tempo from the start to the end, in quarter notes a minute: the piece
    /// gets faster or slower. Has no effect on SMPTE time.
    ///
    /// # Errors
    /// [`Error::Limit`] unless a quarter note lasts 1 to 16 777 215 µs (3.6 to 60 000 000 a minute).
    pub fn with_tempo(mut self, quarters_per_minute: f64) -> Result<Self> {
        let tempo = (60e6 / quarters_per_minute).round();
        // Written so that NaN is refused too.
        if !(1.0..=16_777_215.0).contains(&tempo) {
            return Err(Error::Limit {
                field: "length of a quarter note in microseconds",
                limit: 16_777_215.0,
                actual: tempo,
            });
        }
        for (i, track) in self.tracks.iter_mut().enumerate() {
            track.tempos.clear();
            if i == 0 || self.independent {
                let tempo = tempo as u32;
                track.tempos.push(TempoChange { tick: 0, tempo });
            }
        }
        Ok(self)
    }

    /// Reads a file leniently and forgets the diagnostics.
    ///
    /// # Errors
    /// As [`read_with`](Self::read_with).
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self::read_with(path, Strictness::Lenient)?.0)
    }

    /// Reads a file, with what was repaired, guessed or lost.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, else [`Error::File`] with the path around an error of
    /// [`parse`](Self::parse).
    pub fn read_with(
        path: impl AsRef<Path>,
        strictness: Strictness,
    ) -> Result<(Self, Vec<Diagnostic>)> {
        let path = path.as_ref();
        let mut bytes = Vec::new();
        // One byte past the limit is enough to refuse the file.
        File::open(path)
            .and_then(|file| file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes))
            .map_err(|source| Error::Io { path: path.to_owned(), source })?;
        Self::parse(&bytes, strictness)
            .map_err(|source| Error::File { path: path.to_owned(), source: Box::new(source) })
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// [`Error::NotMidi`] without a usable header, [`Error::Unsupported`] for MIDI 2.0 clips and
    /// karaoke files, [`Error::Limit`] above [`MAX_BYTES`] or 65 535 tracks, and with
    /// [`Strictness::Strict`] [`Error::Defect`] for what breaks the specification.
    pub fn parse(bytes: &[u8], strictness: Strictness) -> Result<(Self, Vec<Diagnostic>)> {
        let mut findings = Findings::new(strictness);
        let score = smf::parse(bytes, &mut findings)?;
        Ok((score, findings.into_list()))
    }

    /// Number of tracks.
    pub fn tracks(&self) -> usize {
        self.tracks.len()
    }

    /// Name of a track, empty if it has none.
    ///
    /// # Panics
    /// If `track` is not below [`tracks`](Self::tracks).
    pub fn track_name(&self, track: usize) -> &str {
        &self.tracks[track].name
    }

    /// Time of the last event of any track, seconds.
    pub fn duration(&self) -> f64 {
        let ends = self.timed_tracks();
        ends.iter().map(|(track, map)| map.seconds(track.end)).fold(0.0, f64::max)
    }

    /// Keys and pedals of all channels together.
    pub fn performance(&self) -> Performance {
        self.collect(|_| true)
    }

    /// Keys and pedals of each channel that has any, by channel number 0..=15. Channel 9 holds
    /// percussion by convention.
    pub fn channels(&self) -> Vec<(u8, Performance)> {
        (0..16)
            .map(|channel| (channel, self.collect(|c| c == channel)))
            .filter(|(_, p)| !(p.notes.is_empty() && p.pedals.is_empty()))
            .collect()
    }

    /// The sounding notes of all channels under a pedal rule, which is applied channel by channel: a
    /// pedal acts on its own channel only.
    pub fn notes(&self, rule: PedalRule) -> Vec<Note> {
        let mut used = [false; 16];
        for track in &self.tracks {
            for note in &track.notes {
                used[usize::from(note.channel)] = true;
            }
        }
        // The most common case by far.
        if used.iter().filter(|used| **used).count() <= 1 {
            let channel = used.iter().position(|used| *used).unwrap_or(0) as u8;
            return pedal::apply(&self.collect(|c| c == channel), rule);
        }
        let mut notes: Vec<Note> = (0..16u8)
            .filter(|&channel| used[usize::from(channel)])
            .flat_map(|channel| pedal::apply(&self.collect(|c| c == channel), rule))
            .collect();
        Note::sort(&mut notes);
        notes
    }

    /// The tracks with the tempo map that holds for each.
    fn timed_tracks(&self) -> Vec<(&Track, TempoMap)> {
        let map_of = |tracks: &[Track]| {
            let changes = tracks.iter().flat_map(|track| track.tempos.iter().copied());
            TempoMap::new(self.division, changes.collect())
        };
        if self.independent {
            let one = |track| (track, map_of(std::slice::from_ref(track)));
            self.tracks.iter().map(one).collect()
        } else {
            let map = map_of(&self.tracks);
            self.tracks.iter().map(|track| (track, map.clone())).collect()
        }
    }

    fn collect(&self, wanted: impl Fn(u8) -> bool) -> Performance {
        let mut performance = Performance::default();
        for (track, map) in self.timed_tracks() {
            for note in track.notes.iter().filter(|note| wanted(note.channel)) {
                let (onset, offset) = (map.seconds(note.start), map.seconds(note.end));
                // Both are data bytes below 128, and the end is after the start.
                if let (Ok(key), Ok(velocity)) = (Key::new(note.key), Velocity::new(note.velocity))
                {
                    performance.notes.extend(Note::new(onset, offset, key.pitch(), velocity));
                }
            }
            for control in track.controls.iter().filter(|c| wanted(c.channel)) {
                if let Some(pedal) = Pedal::from_controller(control.number) {
                    performance.pedals.push(PedalEvent {
                        time: map.seconds(control.tick),
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

    /// Removes notes that end after [`MAX_SECONDS`]; returns how many.
    pub(crate) fn remove_late_notes(&mut self) -> usize {
        if self.duration() <= MAX_SECONDS {
            return 0;
        }
        let maps: Vec<TempoMap> = self.timed_tracks().into_iter().map(|(_, map)| map).collect();
        let mut removed = 0;
        for (track, map) in self.tracks.iter_mut().zip(maps) {
            let before = track.notes.len();
            track.notes.retain(|note| map.seconds(note.end) <= MAX_SECONDS);
            track.controls.retain(|control| map.seconds(control.tick) <= MAX_SECONDS);
            removed += before - track.notes.len();
        }
        removed
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
    /// [`Error::Limit`] if two neighbouring events are 2²⁸ ticks or more apart (77 hours in a score
    /// made from notes), or if there are more than 65 535 tracks.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let format = match (self.independent, self.tracks.len()) {
            (true, _) => Format::Sequential,
            (false, 1) => Format::SingleTrack,
            (false, _) => Format::Parallel,
        };
        let timing = match self.division {
            Division::Metrical(ticks) => Timing::Metrical(u15::new(ticks)),
            Division::Timecode { fps, subframe } => {
                let fps = match fps {
                    24 => Fps::Fps24,
                    25 => Fps::Fps25,
                    29 => Fps::Fps29,
                    _ => Fps::Fps30,
                };
                Timing::Timecode(fps, subframe)
            }
        };
        let mut tracks = Vec::with_capacity(self.tracks.len());
        for track in &self.tracks {
            tracks.push(track_events(track)?);
        }
        let smf = Smf { header: Header::new(format, timing), tracks };
        let mut bytes = Vec::new();
        smf.write_std(&mut bytes).map_err(|_| Error::Limit {
            field: "number of tracks",
            limit: 65_535.0,
            actual: self.tracks.len() as f64,
        })?;
        Ok(bytes)
    }
}

/// The notes of a file under a pedal rule, read leniently.
///
/// # Errors
/// As [`Score::read`].
pub fn read_notes(path: impl AsRef<Path>, rule: PedalRule) -> Result<Vec<Note>> {
    Ok(Score::read(path)?.notes(rule))
}

/// Nearest tick of a score made from notes. Absurd times become a tick that is refused on writing.
fn tick_of(seconds: f64) -> u64 {
    let ticks = seconds * f64::from(TICKS_PER_QUARTER) * 1e6 / f64::from(DEFAULT_TEMPO);
    ticks.round().min(1e18) as u64
}

/// The events of a track with delta times, end of track included.
fn track_events(track: &Track) -> Result<Vec<TrackEvent<'_>>> {
    // Tick, rank within the tick, event.
    let mut events: Vec<(u64, u8, TrackEventKind<'_>)> = Vec::new();
    let midi = |channel: u8, message| TrackEventKind::Midi { channel: channel.into(), message };
    if !track.name.is_empty() {
        let name = MetaMessage::TrackName(track.name.as_bytes());
        events.push((0, 0, TrackEventKind::Meta(name)));
    }
    for note in &track.notes {
        let key = note.key.into();
        let off = MidiMessage::NoteOff { key, vel: 64.into() };
        events.push((note.end, 1, midi(note.channel, off)));
        let vel = note.velocity.into();
        let on = MidiMessage::NoteOn { key, vel };
        events.push((note.start, 5, midi(note.channel, on)));
    }
    for change in &track.tempos {
        let tempo = MetaMessage::Tempo(u24::new(change.tempo));
        events.push((change.tick, 2, TrackEventKind::Meta(tempo)));
    }
    for program in &track.programs {
        let message = MidiMessage::ProgramChange { program: program.number.into() };
        events.push((program.tick, 3, midi(program.channel, message)));
    }
    for control in &track.controls {
        let message = MidiMessage::Controller {
            controller: control.number.into(),
            value: control.value.into(),
        };
        events.push((control.tick, 4, midi(control.channel, message)));
    }
    let end = events.iter().map(|event| event.0).fold(track.end, u64::max);
    events.push((end, 6, TrackEventKind::Meta(MetaMessage::EndOfTrack)));
    events.sort_by_key(|&(tick, rank, _)| (tick, rank));
    let mut previous = 0;
    let mut result = Vec::with_capacity(events.len());
    for (tick, _, kind) in events {
        let delta = tick - previous;
        previous = tick;
        let delta = u32::try_from(delta).ok().and_then(u28::try_from).ok_or(Error::Limit {
            field: "distance between two events in ticks",
            limit: f64::from(u28::max_value().as_int()),
            actual: delta as f64,
        })?;
        result.push(TrackEvent { delta, kind });
    }
    Ok(result)
}
