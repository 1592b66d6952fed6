//! The events of one track: a single pass from bytes to lists.

use crate::{
    Error, Result,
    diagnostic::{Finding, Findings},
    event::{
        Control, KeySignature, Other, OtherKind, PitchBend, Pressure, Program, TempoChange, Text,
        TextKind, TickNote, TimeSignature, Track,
    },
    tempo::MAX_TICK,
};

/// Channels times keys: the places where a note can be open.
const PLACES: usize = 16 * 128;

/// No note.
const NONE: u32 = u32::MAX;

/// Set in the end of a note that no event has ended yet; the low 32 bits then hold the index of the
/// next older open note of its channel and key, or [`NONE`]. So open notes need no storage of their own.
const OPEN: u64 = 1 << 63;

/// Numbers of variable length have four bytes at most. Longer ones are read as far as 63 bits go.
const NUMBER_BYTES: usize = 4;

/// Reads tracks one after the other, with storage that is used again.
pub(super) struct Scanner {
    /// For each channel and key the newest note that no event has ended yet.
    open: Box<[u32; PLACES]>,
    /// How many more events may come.
    events_left: usize,
    max_events: usize,
}

/// What is counted in a track and reported once.
#[derive(Default)]
struct Counts {
    zero_length: usize,
    orphans: usize,
    shared_ends: usize,
    zero_tempos: usize,
}

/// How an attempt to read an event ended.
enum Step {
    /// With an event, or past something that was skipped.
    Read,
    /// At the end event.
    End,
    /// Nothing can be made of the bytes.
    Unreadable,
}

/// A place in the bytes of a track.
struct Cursor<'a> {
    rest: &'a [u8],
    /// Offset of the end of the track in the file.
    end: usize,
    /// Running status: that of the last channel message, 0 if there is none.
    status: u8,
    /// The status that a meta or system exclusive event has ended, 0 if there is none.
    cancelled: u8,
}

/// A channel message of two data bytes with its delta time and its length in the file.
struct Message {
    delta: u64,
    status: u8,
    data: (u8, u8),
    length: usize,
}

/// The message at the start of `rest` if it is of the common sort: nine events in ten have two data
/// bytes and a short delta time, and not to look at the bytes one by one reads them in half the time.
/// `None` says nothing but that somebody else should have a look.
#[inline]
fn common_message(rest: &[u8], running: u8) -> Option<Message> {
    let window = rest.first_chunk::<8>()?;
    let (delta, at) = match *window {
        [byte @ 0..0x80, ..] => (u64::from(byte), 1),
        [high, low @ 0..0x80, ..] => (u64::from(high & 0x7f) << 7 | u64::from(low), 2),
        _ => return None,
    };
    let (status, at) = if window[at] < 0x80 { (running, at) } else { (window[at], at + 1) };
    let data = (window[at], window[at + 1]);
    let usual = matches!(status, 0x80..=0xbf | 0xe0..=0xef) && (data.0 | data.1) < 0x80;
    usual.then_some(Message { delta, status, data, length: at + 2 })
}

impl<'a> Cursor<'a> {
    const fn offset(&self) -> usize {
        self.end - self.rest.len()
    }

    /// Ends running status, remembering it for files that go on with it all the same.
    const fn cancel(&mut self) {
        if self.status != 0 {
            (self.status, self.cancelled) = (0, self.status);
        }
    }

    /// A number of variable length, 7 bits a byte, and whether it has more bytes than allowed. `None`
    /// if the bytes end within it or it does not fit 63 bits; nothing is consumed then.
    #[inline]
    fn number(&mut self) -> Option<(u64, bool)> {
        if let &[byte @ 0..0x80, ref rest @ ..] = self.rest {
            self.rest = rest;
            return Some((u64::from(byte), false));
        }
        let mut value = 0u64;
        for (i, &byte) in self.rest.iter().take(9).enumerate() {
            value = value << 7 | u64::from(byte & 0x7f);
            if byte < 0x80 {
                self.rest = &self.rest[i + 1..];
                return Some((value, i >= NUMBER_BYTES));
            }
        }
        None
    }

    /// A length and so many bytes.
    fn block(&mut self) -> Option<(&'a [u8], bool)> {
        let (length, long) = self.number()?;
        let (block, rest) = self.rest.split_at_checked(usize::try_from(length).ok()?)?;
        self.rest = rest;
        Some((block, long))
    }
}

impl Scanner {
    pub(super) fn new(max_events: usize) -> Self {
        // Notes are counted with 32 bits, of which one pattern means none.
        let max_events = max_events.min(NONE as usize - 1);
        Self { open: Box::new([NONE; PLACES]), events_left: max_events, max_events }
    }

    /// The events of a track chunk, whose body starts at offset `start` of the file.
    ///
    /// A note ends at the next note-off (or note-on of velocity 0) of its channel and key, which ends
    /// all notes open there; but notes that began at the very tick of the note-off stay open if there
    /// are older ones, and are dropped if there are not. (The rule of pretty_midi.)
    pub(super) fn read(
        &mut self,
        body: &[u8],
        start: usize,
        findings: &mut Findings,
    ) -> Result<Track> {
        let end = start + body.len();
        let mut cursor = Cursor { rest: body, end, status: 0, cancelled: 0 };
        let mut track = Track::default();
        let mut counts = Counts::default();
        let mut ended = false;
        while !cursor.rest.is_empty() {
            let before = cursor.rest;
            match self.event(&mut cursor, &mut track, &mut counts, findings)? {
                Step::Read => {}
                Step::End => {
                    ended = true;
                    break;
                }
                Step::Unreadable => {
                    findings
                        .add(end - before.len(), Finding::UnreadableEvent { lost: before.len() })?;
                    cursor.rest = &[];
                }
            }
        }
        let left = cursor.rest.len();
        self.close_all(&mut track, &mut counts, start, findings)?;
        counts.report(start, findings)?;
        match (ended, left) {
            (false, _) => findings.add(end, Finding::MissingEndOfTrack)?,
            (true, 0) => {}
            (true, left) => findings.add(end - left, Finding::AfterEndOfTrack(left))?,
        }
        Ok(track)
    }

    /// Reads one event.
    #[inline]
    fn event(
        &mut self,
        cursor: &mut Cursor<'_>,
        track: &mut Track,
        counts: &mut Counts,
        findings: &mut Findings,
    ) -> Result<Step> {
        if self.events_left == 0 {
            return Err(Error::Limit {
                field: "number of events",
                limit: self.max_events as f64,
                actual: self.max_events as f64 + 1.0,
            });
        }
        self.events_left -= 1;
        if let Some(message) = common_message(cursor.rest, cursor.status) {
            cursor.rest = &cursor.rest[message.length..];
            track.end = track.end.saturating_add(message.delta).min(MAX_TICK);
            cursor.status = message.status;
            self.channel(message.status, message.data, track, counts);
            return Ok(Step::Read);
        }
        self.any_event(cursor, track, counts, findings)
    }

    /// Reads one event of any kind.
    fn any_event(
        &mut self,
        cursor: &mut Cursor<'_>,
        track: &mut Track,
        counts: &mut Counts,
        findings: &mut Findings,
    ) -> Result<Step> {
        let offset = cursor.offset();
        let Some((delta, long)) = cursor.number() else { return Ok(Step::Unreadable) };
        let Some((&first, rest)) = cursor.rest.split_first() else {
            return Ok(Step::Unreadable);
        };
        let tick = track.end.saturating_add(delta).min(MAX_TICK);
        if long {
            findings.add(offset, Finding::LongNumber)?;
        }
        let status = match first {
            0x80.. => {
                cursor.rest = rest;
                first
            }
            _ if cursor.status != 0 => cursor.status,
            _ if cursor.cancelled != 0 => {
                findings.add(offset, Finding::RunningStatus)?;
                cursor.cancelled
            }
            _ => return Ok(Step::Unreadable),
        };
        if status >= 0xf0 {
            return self.system(status, (tick, offset), cursor, track, counts, findings);
        }
        // Two data bytes, or one and nothing.
        let data = match (status >> 4, cursor.rest) {
            (0xc | 0xd, &[a @ 0..0x80, ref rest @ ..]) => {
                cursor.rest = rest;
                (a, 0)
            }
            (0x8..=0xb | 0xe, &[a @ 0..0x80, b @ 0..0x80, ref rest @ ..]) => {
                cursor.rest = rest;
                (a, b)
            }
            _ => return Ok(Step::Unreadable),
        };
        (cursor.status, cursor.cancelled) = (status, 0);
        track.end = tick;
        self.channel(status, data, track, counts);
        Ok(Step::Read)
    }

    /// Stores a channel message at the end of the track.
    #[inline]
    fn channel(&mut self, status: u8, (a, b): (u8, u8), track: &mut Track, counts: &mut Counts) {
        let (tick, channel) = (track.end, status & 0x0f);
        match status >> 4 {
            0x9 if b > 0 => self.note_on(channel, a, b, track),
            0x8 | 0x9 => self.note_off(channel, a, track, counts),
            0xa => track.pressures.push(Pressure { tick, channel, key: Some(a), value: b }),
            0xb => track.controls.push(Control { tick, channel, number: a, value: b }),
            0xc => track.programs.push(Program { tick, channel, number: a }),
            0xd => track.pressures.push(Pressure { tick, channel, key: None, value: a }),
            _ => {
                let value = (i16::from(b) << 7 | i16::from(a)) - 8192;
                track.pitch_bends.push(PitchBend { tick, channel, value });
            }
        }
    }

    /// Reads the rest of an event that belongs to no channel.
    #[cold]
    fn system(
        &mut self,
        status: u8,
        (tick, offset): (u64, usize),
        cursor: &mut Cursor<'_>,
        track: &mut Track,
        counts: &mut Counts,
        findings: &mut Findings,
    ) -> Result<Step> {
        match status {
            0xf0 | 0xf7 => {
                let Some((bytes, long)) = cursor.block() else { return Ok(Step::Unreadable) };
                if long {
                    findings.add(offset, Finding::LongNumber)?;
                }
                let kind = if status == 0xf0 { OtherKind::SysEx } else { OtherKind::Escape };
                track.others.push(Other { tick, kind, bytes: bytes.to_vec() });
                cursor.cancel();
            }
            0xff => {
                let Some((&kind, rest)) = cursor.rest.split_first() else {
                    return Ok(Step::Unreadable);
                };
                cursor.rest = rest;
                let Some((bytes, long)) = cursor.block() else { return Ok(Step::Unreadable) };
                if long {
                    findings.add(offset, Finding::LongNumber)?;
                }
                cursor.cancel();
                track.end = tick;
                if kind == 0x2f {
                    return Ok(Step::End);
                }
                meta(kind, bytes, (tick, offset), track, counts, findings)?;
            }
            _ => {
                // System common and realtime messages exist on the wire only. Their data are skipped,
                // as far as the bytes can be data.
                let data = match status {
                    0xf2 => 2,
                    0xf1 | 0xf3 => 1,
                    _ => 0,
                };
                let skipped = cursor.rest.iter().take(data).take_while(|&&b| b < 0x80).count();
                cursor.rest = &cursor.rest[skipped..];
                findings.add(offset, Finding::IllegalStatus(status))?;
            }
        }
        track.end = tick;
        Ok(Step::Read)
    }

    #[inline]
    fn note_on(&mut self, channel: u8, key: u8, velocity: u8, track: &mut Track) {
        let newest = &mut self.open[place(channel, key)];
        let end = OPEN | u64::from(*newest);
        *newest = track.notes.len() as u32;
        track.notes.push(TickNote { start: track.end, end, channel, key, velocity });
    }

    #[inline]
    fn note_off(&mut self, channel: u8, key: u8, track: &mut Track, counts: &mut Counts) {
        let tick = track.end;
        let newest = &mut self.open[place(channel, key)];
        if *newest == NONE {
            counts.orphans += 1;
            return;
        }
        // By far the most common case: one open note, begun earlier.
        let note = &mut track.notes[*newest as usize];
        if note.start < tick && note.end == OPEN | u64::from(NONE) {
            note.end = tick;
            *newest = NONE;
            return;
        }
        // Newest first, so those of this very tick come before the older ones.
        let mut last_of_tick = NONE;
        let mut next = *newest;
        while next != NONE && track.notes[next as usize].start == tick {
            last_of_tick = next;
            next = older(&track.notes[next as usize]);
        }
        let only_this_tick = next == NONE;
        if only_this_tick {
            next = *newest;
        }
        let mut ended = 0;
        while next != NONE {
            let note = &mut track.notes[next as usize];
            next = older(note);
            // Equal to the start if the note has no length; it is removed with its track.
            note.end = tick;
            ended += 1;
        }
        if only_this_tick {
            counts.zero_length += ended;
        } else {
            counts.shared_ends += ended - 1;
        }
        if only_this_tick || last_of_tick == NONE {
            *newest = NONE;
        } else {
            track.notes[last_of_tick as usize].end = OPEN | u64::from(NONE);
        }
    }

    /// Ends what is still open with the track, and removes notes without length.
    fn close_all(
        &mut self,
        track: &mut Track,
        counts: &mut Counts,
        offset: usize,
        findings: &mut Findings,
    ) -> Result<()> {
        let mut count = 0;
        for note in track.notes.iter_mut().filter(|note| note.end >= OPEN) {
            count += 1;
            note.end = track.end;
            self.open[place(note.channel, note.key)] = NONE;
        }
        if count > 0 {
            findings.add(offset, Finding::NeverClosed(count))?;
        }
        if count > 0 || counts.zero_length > 0 {
            track.notes.retain(|note| note.end > note.start);
        }
        Ok(())
    }
}

impl Counts {
    fn report(&self, offset: usize, findings: &mut Findings) -> Result<()> {
        for (count, finding) in [
            (self.zero_tempos, Finding::ZeroTempo),
            (self.zero_length, Finding::ZeroLength(self.zero_length)),
            (self.orphans, Finding::OrphanReleases(self.orphans)),
            (self.shared_ends, Finding::SharedReleases(self.shared_ends)),
        ] {
            if count > 0 {
                findings.add(offset, finding)?;
            }
        }
        Ok(())
    }
}

/// Stores a meta event other than the end of the track.
fn meta(
    kind: u8,
    bytes: &[u8],
    (tick, offset): (u64, usize),
    track: &mut Track,
    counts: &mut Counts,
    findings: &mut Findings,
) -> Result<()> {
    let length = match kind {
        0x51 => Some(3),
        0x58 => Some(4),
        0x59 => Some(2),
        _ => None,
    };
    if let Some(expected) = length.filter(|&expected| bytes.len() != expected) {
        findings.add(offset, Finding::MetaLength { kind, expected, actual: bytes.len() })?;
    }
    match (kind, bytes) {
        // The tags of a .kar file: kind, language, title, information, version, words.
        (1, [b'@', b'K' | b'L' | b'T' | b'I' | b'V' | b'W', ..]) if tick == 0 => {
            return Err(Error::Unsupported { offset, kind: "a karaoke file" });
        }
        (0x51, &[a, b, c, ..]) => match u32::from_be_bytes([0, a, b, c]) {
            0 => counts.zero_tempos += 1,
            tempo => track.tempos.push(TempoChange { tick, tempo }),
        },
        (0x58, &[numerator, denominator_power, clocks_per_click, notated_32nds, ..]) => {
            track.time_signatures.push(TimeSignature {
                tick,
                numerator,
                denominator_power,
                clocks_per_click,
                notated_32nds,
            })
        }
        (0x59, &[sharps, minor, ..]) => {
            let sharps = sharps as i8;
            if (-7..=7).contains(&sharps) && minor <= 1 {
                track.key_signatures.push(KeySignature { tick, sharps, minor: minor == 1 });
            } else {
                findings.add(offset, Finding::KeySignature { sharps, mode: minor })?;
            }
        }
        // Too short; reported above.
        (0x51 | 0x58 | 0x59, _) => {}
        _ => match TextKind::from_meta(kind) {
            Some(kind) => track.texts.push(Text { tick, kind, bytes: bytes.to_vec() }),
            None => {
                let kind = OtherKind::Meta(kind);
                track.others.push(Other { tick, kind, bytes: bytes.to_vec() })
            }
        },
    }
    Ok(())
}

const fn older(note: &TickNote) -> u32 {
    note.end as u32
}

fn place(channel: u8, key: u8) -> usize {
    // The masks tell the compiler what is true anyway, and spare a check for each note.
    usize::from(channel & 15) << 7 | usize::from(key & 127)
}
