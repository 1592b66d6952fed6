//! Bytes to [`Score`]: the chunks are walked here, the events of a track are read by `midly`.
//!
//! `midly` drops what it cannot read without a word. Walking the chunks ourselves, and looking at what
//! it left unread, turns each loss into a diagnostic with its place.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
};

use midly::{EventIter, MetaMessage, MidiMessage, TrackEventKind};

use crate::{
    Error, Result,
    diagnostic::{Finding, Findings},
    score::{Control, MAX_BYTES, Program, Score, TickNote, Track},
    tempo::{Division, TempoChange},
};

/// The header counts tracks with 16 bits.
const MAX_TRACKS: usize = 65_535;

/// Channels times keys: the places where a note can be open.
const PLACES: usize = 16 * 128;

pub(crate) fn parse(bytes: &[u8], findings: &mut Findings) -> Result<Score> {
    if bytes.len() > MAX_BYTES {
        return Err(Error::Limit {
            field: "size in bytes",
            limit: MAX_BYTES as f64,
            actual: bytes.len() as f64,
        });
    }
    let start = unwrap_riff(bytes)?;
    let mut chunks = Chunks { bytes, position: start };
    let header = chunks.next(findings)?;
    let Some(Chunk { id: [b'M', b'T', b'h', b'd'], start: header_start, body }) = header else {
        return Err(Error::NotMidi {
            offset: start,
            expected: "the header 'MThd'",
            actual: excerpt(&bytes[start..]),
        });
    };
    let &[f0, f1, n0, n1, d0, d1, ..] = body else {
        return Err(Error::NotMidi {
            offset: header_start,
            expected: "a header of at least 6 bytes",
            actual: format!("{} bytes", body.len()),
        });
    };
    let mut format = u16::from_be_bytes([f0, f1]);
    let declared = usize::from(u16::from_be_bytes([n0, n1]));
    let division = division([d0, d1], header_start + 4)?;
    if format > 2 {
        findings.add(header_start, Finding::UnknownFormat(format))?;
        format = 1;
    }
    if format == 2 {
        findings.add(header_start, Finding::IndependentTracks)?;
    }

    let mut reader = TrackReader { open: vec![Vec::new(); PLACES] };
    let mut tracks = Vec::new();
    while let Some(chunk) = chunks.next(findings)? {
        match &chunk.id {
            b"MTrk" if tracks.len() == MAX_TRACKS => {
                return Err(Error::Limit {
                    field: "number of tracks",
                    limit: MAX_TRACKS as f64,
                    actual: (MAX_TRACKS + 1) as f64,
                });
            }
            b"MTrk" => tracks.push(reader.read(&chunk, findings)?),
            b"MThd" => findings.add(chunk.start, Finding::SecondHeader)?,
            &id => findings.add(chunk.start, Finding::UnknownChunk(id))?,
        }
    }
    if tracks.len() != declared {
        let found = tracks.len();
        findings.add(header_start + 2, Finding::TrackCount { declared, found })?;
    }
    let mut score = Score::from_tracks(division, format == 2, tracks);
    let late = score.remove_late_notes();
    if late > 0 {
        findings.add(header_start, Finding::TooLate(late))?;
    }
    Ok(score)
}

/// Where the Standard MIDI File starts: after the wrapper of an RMID file, else at 0.
fn unwrap_riff(bytes: &[u8]) -> Result<usize> {
    if bytes.starts_with(b"SMF2CLIP") {
        return Err(Error::Unsupported { offset: 0, kind: "a MIDI 2.0 clip file" });
    }
    if !bytes.starts_with(b"RIFF") {
        return Ok(0);
    }
    // RIFF size 'RMID', then chunks of id, little-endian length and padding to even length.
    if bytes.get(8..12) != Some(b"RMID") {
        return Err(Error::Unsupported { offset: 8, kind: "a RIFF file that holds no MIDI" });
    }
    let mut position = 12usize;
    while let Some(&[a, b, c, d, l0, l1, l2, l3]) =
        bytes.get(position..).and_then(|b| b.first_chunk())
    {
        if [a, b, c, d] == *b"data" {
            return Ok(position + 8);
        }
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        position = position.saturating_add(8).saturating_add(length).saturating_add(length % 2);
    }
    Err(Error::NotMidi {
        offset: 12,
        expected: "a 'data' chunk in the RIFF file",
        actual: "none".to_owned(),
    })
}

fn division([high, low]: [u8; 2], offset: usize) -> Result<Division> {
    let bad = |expected, actual: String| Err(Error::NotMidi { offset, expected, actual });
    if high < 0x80 {
        return match u16::from_be_bytes([high, low]) {
            0 => bad("at least one tick in a quarter note", "0".to_owned()),
            ticks => Ok(Division::Metrical(ticks)),
        };
    }
    // The frame rate is stored as a negative number.
    let fps = high.wrapping_neg();
    match (fps, low) {
        (24 | 25 | 29 | 30, 1..) => Ok(Division::Timecode { fps, subframe: low }),
        _ => bad(
            "24, 25, 29 or 30 frames a second with at least one tick each",
            format!("{fps} frames with {low} ticks"),
        ),
    }
}

fn excerpt(bytes: &[u8]) -> String {
    match bytes {
        [] => "the end of the file".to_owned(),
        _ => format!("'{}'", bytes[..bytes.len().min(4)].escape_ascii()),
    }
}

struct Chunk<'a> {
    id: [u8; 4],
    /// Offset of the body in the file.
    start: usize,
    body: &'a [u8],
}

struct Chunks<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Chunks<'a> {
    fn next(&mut self, findings: &mut Findings) -> Result<Option<Chunk<'a>>> {
        let rest = &self.bytes[self.position.min(self.bytes.len())..];
        let Some((head, rest)) = rest.split_first_chunk::<8>() else {
            if !rest.is_empty() {
                findings.add(self.position, Finding::TrailingBytes(rest.len()))?;
            }
            self.position = self.bytes.len();
            return Ok(None);
        };
        let [i0, i1, i2, i3, l0, l1, l2, l3] = *head;
        let declared = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
        let start = self.position + 8;
        if declared > rest.len() {
            let (declared, available) = (declared as u64, rest.len() as u64);
            findings.add(start - 4, Finding::TruncatedChunk { declared, available })?;
        }
        let body = &rest[..declared.min(rest.len())];
        self.position = start + body.len();
        Ok(Some(Chunk { id: [i0, i1, i2, i3], start, body }))
    }
}

/// Reads tracks one after the other, with storage that is used again.
struct TrackReader {
    /// For each channel and key, the notes (indices) that no event has ended yet.
    open: Vec<Vec<u32>>,
}

/// How a run through a track ended.
enum Stop {
    /// At the end event, with so many bytes behind it.
    EndOfTrack,
    /// At the end of the bytes.
    Exhausted,
    /// Before an event that cannot be read.
    Unreadable,
    /// At a text that only karaoke files have.
    Karaoke,
}

impl TrackReader {
    /// The notes, controls and tempi of a track.
    ///
    /// A note ends at the next note-off (or note-on of velocity 0) of its channel and key, which ends
    /// all notes open there; but notes that began at the very tick of the note-off stay open if there
    /// are older ones, and are dropped if there are not. (The rule of pretty_midi.)
    fn read(&mut self, chunk: &Chunk<'_>, findings: &mut Findings) -> Result<Track> {
        let mut track = Track::default();
        let mut zero_length = 0;
        let mut rest = chunk.body;
        // The last status of a channel message: what running status falls back to.
        let mut status = None;
        let ended = loop {
            // midly is a third party and the bytes may be hostile: a panic there is an unreadable
            // event here.
            let run = catch_unwind(AssertUnwindSafe(|| {
                self.run(&mut rest, &mut status, &mut track, &mut zero_length)
            }));
            let offset = chunk.start + chunk.body.len() - rest.len();
            match run {
                Ok(Stop::EndOfTrack) => break true,
                Ok(Stop::Exhausted) => break false,
                Ok(Stop::Karaoke) => {
                    return Err(Error::Unsupported { offset, kind: "a karaoke file" });
                }
                Ok(Stop::Unreadable) | Err(_) => {
                    match repair(&mut rest, &mut status, &mut track.end) {
                        Some(finding) => findings.add(offset, finding)?,
                        None => {
                            let lost = mem::take(&mut rest).len();
                            findings.add(offset, Finding::UnreadableEvent { lost })?;
                            break false;
                        }
                    }
                }
            }
        };
        self.close_all(&mut track, chunk.start, findings)?;
        track.notes.retain(|note| note.end != DROPPED);
        let tempos = track.tempos.len();
        track.tempos.retain(|change| change.tempo > 0);
        if track.tempos.len() < tempos {
            findings.add(chunk.start, Finding::ZeroTempo)?;
        }
        if zero_length > 0 {
            findings.add(chunk.start, Finding::ZeroLength(zero_length))?;
        }
        let end = chunk.start + chunk.body.len();
        match (ended, rest.len()) {
            (false, _) => findings.add(end, Finding::MissingEndOfTrack)?,
            (true, 0) => {}
            (true, left) => findings.add(end - left, Finding::AfterEndOfTrack(left))?,
        }
        Ok(track)
    }

    /// Reads events until something stops it; `rest` is then what was not read.
    fn run(
        &mut self,
        rest: &mut &[u8],
        status: &mut Option<u8>,
        track: &mut Track,
        zero_length: &mut usize,
    ) -> Stop {
        let mut events = EventIter::new(rest);
        // Set after a repair, when midly has to go on with the status that it lost.
        *events.running_status_mut() = status.take();
        loop {
            let before = events.unread();
            *rest = before;
            let Some(Ok(event)) = events.next() else {
                // midly stops at the end of the bytes and at an event it cannot read alike.
                return if before.is_empty() { Stop::Exhausted } else { Stop::Unreadable };
            };
            *rest = events.unread();
            let tick = track.end + u64::from(event.delta.as_int());
            track.end = tick;
            match event.kind {
                TrackEventKind::Midi { channel, message } => {
                    *status = events.running_status();
                    self.message(channel.as_int(), message, tick, track, zero_length);
                }
                TrackEventKind::Meta(MetaMessage::Tempo(tempo)) => {
                    track.tempos.push(TempoChange { tick, tempo: tempo.as_int() })
                }
                TrackEventKind::Meta(MetaMessage::TrackName(name)) if track.name.is_empty() => {
                    track.name = String::from_utf8_lossy(name).into_owned();
                }
                TrackEventKind::Meta(MetaMessage::Text(
                    [b'@', b'K' | b'L' | b'T' | b'I' | b'V' | b'W', ..],
                )) => {
                    *rest = before;
                    return Stop::Karaoke;
                }
                TrackEventKind::Meta(MetaMessage::EndOfTrack) => return Stop::EndOfTrack,
                _ => {}
            }
        }
    }

    fn message(
        &mut self,
        channel: u8,
        message: MidiMessage,
        tick: u64,
        track: &mut Track,
        zero_length: &mut usize,
    ) {
        match message {
            MidiMessage::NoteOn { key, vel } if vel > 0 => {
                let place = place(channel, key.as_int());
                self.open[place].push(track.notes.len() as u32);
                track.notes.push(TickNote {
                    channel,
                    key: key.as_int(),
                    velocity: vel.as_int(),
                    start: tick,
                    end: OPEN,
                });
            }
            MidiMessage::NoteOff { key, .. } | MidiMessage::NoteOn { key, .. } => {
                let open = &mut self.open[place(channel, key.as_int())];
                if let [only] = open[..] {
                    let note = &mut track.notes[only as usize];
                    if note.start < tick {
                        note.end = tick;
                        open.clear();
                        return;
                    }
                }
                // Notes are in order of their start, so those of this tick are the last.
                let older = open.partition_point(|&n| track.notes[n as usize].start < tick);
                if older == 0 {
                    *zero_length += open.len();
                }
                let end = if older == 0 { DROPPED } else { tick };
                let count = if older == 0 { open.len() } else { older };
                for note in open.drain(..count) {
                    track.notes[note as usize].end = end;
                }
            }
            MidiMessage::Controller { controller, value } => track.controls.push(Control {
                channel,
                number: controller.as_int(),
                value: value.as_int(),
                tick,
            }),
            MidiMessage::ProgramChange { program } => {
                track.programs.push(Program { channel, number: program.as_int(), tick })
            }
            MidiMessage::Aftertouch { .. }
            | MidiMessage::ChannelAftertouch { .. }
            | MidiMessage::PitchBend { .. } => {}
        }
    }

    /// Ends what is still open with the track.
    fn close_all(
        &mut self,
        track: &mut Track,
        offset: usize,
        findings: &mut Findings,
    ) -> Result<()> {
        let mut count = 0;
        for note in track.notes.iter_mut().filter(|note| note.end == OPEN) {
            count += 1;
            // A note at the very end of its track would have no length.
            note.end = if track.end > note.start { track.end } else { DROPPED };
            self.open[place(note.channel, note.key)].clear();
        }
        if count > 0 {
            findings.add(offset, Finding::NeverClosed(count))?;
        }
        Ok(())
    }
}

/// End of a note that no event has ended yet.
const OPEN: u64 = u64::MAX;

/// End of a note that is to be left out.
const DROPPED: u64 = u64::MAX - 1;

fn place(channel: u8, key: u8) -> usize {
    usize::from(channel) * 128 + usize::from(key)
}

/// Gets past an event that midly refuses, where it is clear what was meant. `rest` starts at its delta
/// time. On success something was consumed or the running status was set, so reading goes on.
fn repair(rest: &mut &[u8], status: &mut Option<u8>, tick: &mut u64) -> Option<Finding> {
    let mut delta = 0u64;
    let mut length = 0;
    for &byte in rest.iter().take(4) {
        length += 1;
        delta = delta << 7 | u64::from(byte & 0x7f);
        if byte < 0x80 {
            break;
        }
    }
    let &first = rest.get(length)?;
    match first {
        // Data of a channel message where meta or system exclusive events have ended running status.
        0..0x80 => {
            let last = status.take().filter(|_| rest.len() > length + 1)?;
            *status = Some(last);
            Some(Finding::RunningStatus)
        }
        0xf1..=0xf6 | 0xf8..=0xfe => {
            let data = match first {
                0xf2 => 2,
                0xf1 | 0xf3 => 1,
                _ => 0,
            };
            // Only bytes that can be data are data.
            let skipped = rest[length + 1..].iter().take(data).take_while(|&&b| b < 0x80).count();
            *tick += delta;
            *rest = &mem::take(rest)[length + 1 + skipped..];
            Some(Finding::IllegalStatus(first))
        }
        _ => None,
    }
}
