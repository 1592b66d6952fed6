//! [`Score`] to bytes.

use crate::{
    Error, Result,
    event::{OtherKind, Track},
    score::Score,
    tempo::Division,
};

/// The longest distance between two events that a file can express, in ticks: 28 bits.
const MAX_DELTA: u64 = (1 << 28) - 1;

/// Longer distances are bridged by events that mean nothing, up to so many: 6 days at the resolution of
/// scores made from notes. What is later comes from a mistake.
const MAX_BRIDGES: u64 = 1000;

const TEMPI: &str = "1 to 16777215 µs";

/// An empty event of a sequencer's own: the only one that means nothing to anybody.
const BRIDGE: [u8; 3] = [0xff, 0x7f, 0];

pub(crate) fn to_bytes(score: &Score) -> Result<Vec<u8>> {
    let count = u16::try_from(score.tracks.len()).map_err(|_| Error::Limit {
        field: "number of tracks",
        limit: 65_535.0,
        actual: score.tracks.len() as f64,
    })?;
    let format: u16 = match (score.independent, count) {
        (true, _) => 2,
        (false, 1) => 0,
        (false, _) => 1,
    };
    let division = match score.division {
        Division::Metrical(ticks @ 1..0x8000) => ticks.to_be_bytes(),
        Division::Timecode { fps: fps @ (24 | 25 | 29 | 30), subframe: subframe @ 1.. } => {
            [fps.wrapping_neg(), subframe]
        }
        Division::Metrical(ticks) => {
            return Err(unwritable(0, 0, "ticks in a quarter note", "1 to 32767", ticks.into()));
        }
        Division::Timecode { fps, .. } => {
            let expected = "24, 25, 29 or 30 with at least one tick each";
            return Err(unwritable(0, 0, "frames a second", expected, fps.into()));
        }
    };
    let mut bytes = b"MThd\0\0\0\x06".to_vec();
    bytes.extend(format.to_be_bytes());
    bytes.extend(count.to_be_bytes());
    bytes.extend(division);
    for (index, track) in score.tracks.iter().enumerate() {
        bytes.extend(b"MTrk\0\0\0\0");
        let start = bytes.len();
        events(track, index, &mut bytes)?;
        let length = bytes.len() - start;
        let length = u32::try_from(length).map_err(|_| Error::Limit {
            field: "length of a track in bytes",
            limit: f64::from(u32::MAX),
            actual: length as f64,
        })?;
        bytes[start - 4..start].copy_from_slice(&length.to_be_bytes());
    }
    Ok(bytes)
}

/// The lists of a track. The order is that of the events within one tick: what ends comes first, then
/// what the following events depend on (a bank comes before its program), then what begins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum List {
    NoteOff,
    Text,
    Tempo,
    TimeSignature,
    KeySignature,
    Other,
    Control,
    Program,
    PitchBend,
    Pressure,
    NoteOn,
}

fn events(track: &Track, index: usize, bytes: &mut Vec<u8>) -> Result<()> {
    // Tick, list and place in the list of every event.
    let mut order: Vec<(u64, List, u32)> = Vec::new();
    let mut list = |list, ticks: &mut dyn Iterator<Item = u64>| {
        order.extend(ticks.enumerate().map(|(i, tick)| (tick, list, i as u32)));
    };
    list(List::NoteOff, &mut track.notes.iter().map(|e| e.end));
    list(List::NoteOn, &mut track.notes.iter().map(|e| e.start));
    list(List::Text, &mut track.texts.iter().map(|e| e.tick));
    list(List::Tempo, &mut track.tempos.iter().map(|e| e.tick));
    list(List::TimeSignature, &mut track.time_signatures.iter().map(|e| e.tick));
    list(List::KeySignature, &mut track.key_signatures.iter().map(|e| e.tick));
    list(List::Other, &mut track.others.iter().map(|e| e.tick));
    list(List::Control, &mut track.controls.iter().map(|e| e.tick));
    list(List::Program, &mut track.programs.iter().map(|e| e.tick));
    list(List::PitchBend, &mut track.pitch_bends.iter().map(|e| e.tick));
    list(List::Pressure, &mut track.pressures.iter().map(|e| e.tick));
    order.sort_unstable();

    let mut out = Out { bytes, track: index, tick: 0, status: 0 };
    for (tick, list, i) in order {
        let i = i as usize;
        out.delta(tick)?;
        match list {
            List::NoteOff | List::NoteOn => {
                let note = track.notes[i];
                if note.end <= note.start {
                    let expected = "later than its start";
                    return Err(unwritable(
                        index,
                        tick,
                        "end of a note",
                        expected,
                        note.end as f64,
                    ));
                }
                let key = out.data("key", note.key)?;
                if list == List::NoteOff {
                    // The middle of the scale, which the specification asks for where none is measured.
                    out.channel(0x80, note.channel, &[key, 64])?;
                } else if note.velocity == 0 {
                    return Err(unwritable(index, tick, "velocity", "1 to 127", 0.0));
                } else {
                    let velocity = out.data("velocity", note.velocity)?;
                    out.channel(0x90, note.channel, &[key, velocity])?;
                }
            }
            List::Text => {
                let text = &track.texts[i];
                out.meta(text.kind.meta(), &text.bytes)?;
            }
            List::Tempo => {
                let tempo = track.tempos[i].tempo;
                let [0, tempo_bytes @ ..] = tempo.to_be_bytes() else {
                    return Err(unwritable(index, tick, "tempo", TEMPI, tempo.into()));
                };
                if tempo == 0 {
                    return Err(unwritable(index, tick, "tempo", TEMPI, 0.0));
                }
                out.meta(0x51, &tempo_bytes)?;
            }
            List::TimeSignature => {
                let s = track.time_signatures[i];
                let fields =
                    [s.numerator, s.denominator_power, s.clocks_per_click, s.notated_32nds];
                out.meta(0x58, &fields)?;
            }
            List::KeySignature => {
                let signature = track.key_signatures[i];
                if !(-7..=7).contains(&signature.sharps) {
                    let actual = signature.sharps.into();
                    return Err(unwritable(index, tick, "sharps", "-7 to 7", actual));
                }
                out.meta(0x59, &[signature.sharps as u8, signature.minor.into()])?;
            }
            List::Other => {
                let other = &track.others[i];
                match other.kind {
                    OtherKind::SysEx => out.block(&[0xf0], &other.bytes)?,
                    OtherKind::Escape => out.block(&[0xf7], &other.bytes)?,
                    OtherKind::Meta(0x2f) => {
                        let expected = "not the end of the track";
                        return Err(unwritable(
                            index,
                            tick,
                            "type of a meta event",
                            expected,
                            47.0,
                        ));
                    }
                    OtherKind::Meta(kind) => out.meta(kind, &other.bytes)?,
                }
            }
            List::Control => {
                let control = track.controls[i];
                let data =
                    [out.data("controller", control.number)?, out.data("value", control.value)?];
                out.channel(0xb0, control.channel, &data)?;
            }
            List::Program => {
                let program = track.programs[i];
                let number = out.data("program", program.number)?;
                out.channel(0xc0, program.channel, &[number])?;
            }
            List::PitchBend => {
                let bend = track.pitch_bends[i];
                let value = u16::try_from(i32::from(bend.value) + 8192).ok();
                let Some(value) = value.filter(|&value| value < 1 << 14) else {
                    let actual = bend.value.into();
                    return Err(unwritable(index, tick, "pitch bend", "-8192 to 8191", actual));
                };
                out.channel(0xe0, bend.channel, &[value as u8 & 0x7f, (value >> 7) as u8])?;
            }
            List::Pressure => {
                let pressure = track.pressures[i];
                let value = out.data("pressure", pressure.value)?;
                match pressure.key {
                    Some(key) => {
                        let key = out.data("key", key)?;
                        out.channel(0xa0, pressure.channel, &[key, value])?;
                    }
                    None => out.channel(0xd0, pressure.channel, &[value])?,
                }
            }
        }
    }
    out.delta(track.end.max(out.tick))?;
    out.meta(0x2f, &[])
}

/// The end of a track that grows.
struct Out<'a> {
    bytes: &'a mut Vec<u8>,
    /// Index of the track, for errors.
    track: usize,
    /// Tick of the last event.
    tick: u64,
    /// Status that need not be repeated; 0 for none.
    status: u8,
}

impl Out<'_> {
    /// The distance to the next event.
    fn delta(&mut self, tick: u64) -> Result<()> {
        let mut delta = tick - self.tick;
        self.tick = tick;
        if delta / MAX_DELTA > MAX_BRIDGES {
            return Err(Error::Limit {
                field: "distance between two events in ticks",
                limit: (MAX_BRIDGES * MAX_DELTA) as f64,
                actual: delta as f64,
            });
        }
        while delta > MAX_DELTA {
            self.number(MAX_DELTA);
            self.bytes.extend(BRIDGE);
            self.status = 0;
            delta -= MAX_DELTA;
        }
        self.number(delta);
        Ok(())
    }

    /// A number of variable length, below 2²⁸.
    fn number(&mut self, number: u64) {
        for shift in [21, 14, 7] {
            if number >> shift > 0 {
                self.bytes.push((number >> shift) as u8 & 0x7f | 0x80);
            }
        }
        self.bytes.push(number as u8 & 0x7f);
    }

    fn data(&self, field: &'static str, value: u8) -> Result<u8> {
        if value < 0x80 {
            return Ok(value);
        }
        Err(unwritable(self.track, self.tick, field, "at most 127", value.into()))
    }

    fn channel(&mut self, message: u8, channel: u8, data: &[u8]) -> Result<()> {
        if channel > 15 {
            let actual = channel.into();
            return Err(unwritable(self.track, self.tick, "channel", "0 to 15", actual));
        }
        let status = message | channel;
        if status != self.status {
            self.bytes.push(status);
            self.status = status;
        }
        self.bytes.extend_from_slice(data);
        Ok(())
    }

    fn meta(&mut self, kind: u8, bytes: &[u8]) -> Result<()> {
        self.block(&[0xff, kind], bytes)
    }

    fn block(&mut self, head: &[u8], bytes: &[u8]) -> Result<()> {
        if bytes.len() as u64 > MAX_DELTA {
            let actual = bytes.len() as f64;
            return Err(unwritable(self.track, self.tick, "length", "below 2^28 bytes", actual));
        }
        self.bytes.extend_from_slice(head);
        self.number(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
        self.status = 0;
        Ok(())
    }
}

const fn unwritable(
    track: usize,
    tick: u64,
    field: &'static str,
    expected: &'static str,
    actual: f64,
) -> Error {
    Error::Unwritable { track, tick, field, expected, actual }
}
