//! Bytes to [`Score`] and back: the chunks of a file are walked here, the events of a track are read in
//! [`scan`] and written in [`write`].
//!
//! The reader is our own because it has to name the place of every repair and loss, which no published
//! one does, and because data sets of thousands of files are read again and again: it goes from bytes
//! to lists of events in one pass.

mod scan;
pub(crate) mod write;

use scan::Scanner;

use crate::{
    Error, ReadConfig, Result,
    diagnostic::{Finding, Findings},
    score::Score,
    tempo::Division,
};

/// The header counts tracks with 16 bits.
const MAX_TRACKS: usize = 65_535;

pub(crate) fn parse(bytes: &[u8], config: &ReadConfig, findings: &mut Findings) -> Result<Score> {
    if bytes.len() > config.max_bytes {
        return Err(Error::Limit {
            field: "size in bytes",
            limit: config.max_bytes as f64,
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

    let mut scanner = Scanner::new(config.max_events);
    let (mut tracks, mut starts) = (Vec::new(), Vec::new());
    while let Some(chunk) = chunks.next(findings)? {
        match &chunk.id {
            b"MTrk" if tracks.len() == MAX_TRACKS => {
                return Err(Error::Limit {
                    field: "number of tracks",
                    limit: MAX_TRACKS as f64,
                    actual: (MAX_TRACKS + 1) as f64,
                });
            }
            b"MTrk" => {
                tracks.push(scanner.read(chunk.body, chunk.start, findings)?);
                starts.push(chunk.start);
            }
            b"MThd" => findings.add(chunk.start, Finding::SecondHeader)?,
            &id => findings.add(chunk.start, Finding::UnknownChunk(id))?,
        }
    }
    if tracks.len() != declared {
        let found = tracks.len();
        findings.add(header_start + 2, Finding::TrackCount { declared, found })?;
    }
    let mut score = Score { division, independent: format == 2, tracks };
    for (track, late) in score.remove_late_events(config.max_seconds) {
        findings.add(starts[track], Finding::TooLate(late))?;
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
