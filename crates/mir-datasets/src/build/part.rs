//! One prepared track as a file, so that an interrupted build need not prepare it again.
//!
//! A line of JSON ([`PartHeader`]), then the notes as rows of `f64`, then the values, all little-endian.
//! Parts live in the folder of one build and are gone when it is done: the form may change with
//! the version of the program, and a part that is not understood is prepared again.

use std::{fs, io::Write as _, path::Path};

use half::f16;
use mir_core::{Fingerprint, Note, publish::AtomicFile};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result, StoredTrack, ValueFormat,
    store::{ByteRange, Prepared, Values, notes},
};

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PartHeader {
    /// What the part was made from.
    key: Fingerprint,
    track: StoredTrack,
    notes: usize,
    format: ValueFormat,
    values: usize,
    /// Bits of the values of the bytes 0 and 255, where values are bytes.
    range: [u32; 2],
    /// CRC-32 of all that follows.
    checksum: u32,
}

/// Writes a part; it appears complete or not at all.
pub(super) fn write(path: &Path, key: Fingerprint, prepared: &Prepared) -> Result<()> {
    let body = body(prepared);
    let range = match prepared.values {
        Values::U8 { range, .. } => range,
        _ => ByteRange::default(),
    };
    let header = PartHeader {
        key,
        track: prepared.track.clone(),
        notes: prepared.notes.len(),
        format: prepared.values.format(),
        values: prepared.values.len(),
        range: [range.low.to_bits(), range.high.to_bits()],
        checksum: crc32fast::hash(&body),
    };
    let mut header = serde_json::to_vec(&header)
        .map_err(|source| Error::Core(mir_core::Error::Serialize { source }))?;
    header.push(b'\n');
    let mut file = AtomicFile::create(path)?;
    file.write_all(&header).and_then(|()| file.write_all(&body)).map_err(|source| Error::Io {
        action: "write",
        path: path.to_owned(),
        source,
    })?;
    // The checksum tells what a power failure has torn, and waiting for the disk would cost a core its work.
    Ok(file.commit_unsynced()?)
}

/// A part, if it is there, complete, and made from `key`.
pub(super) fn read(path: &Path, key: Fingerprint) -> Option<Prepared> {
    let content = fs::read(path).ok()?;
    let end = content.iter().position(|&byte| byte == b'\n')?;
    let header: PartHeader = serde_json::from_slice(&content[..end]).ok()?;
    let body = &content[end + 1..];
    let rows = header.notes.checked_mul(8 * notes::COLUMNS)?;
    let length = header.values.checked_mul(header.format.bytes())?.checked_add(rows)?;
    if header.key != key || body.len() != length || crc32fast::hash(body) != header.checksum {
        return None;
    }
    let (rows, values) = body.split_at(rows);
    let numbers: Vec<f64> =
        rows.as_chunks::<8>().0.iter().map(|&bytes| f64::from_le_bytes(bytes)).collect();
    let notes: Vec<Note> = numbers
        .as_chunks::<{ notes::COLUMNS }>()
        .0
        .iter()
        .map(|&row| notes::from_row(row).ok())
        .collect::<Option<_>>()?;
    let values = match header.format {
        ValueFormat::F32 => Values::F32(
            values.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect(),
        ),
        ValueFormat::F16 => Values::F16(
            values.as_chunks::<2>().0.iter().map(|&bytes| f16::from_le_bytes(bytes)).collect(),
        ),
        ValueFormat::U8 => {
            let [low, high] = header.range.map(f32::from_bits);
            Values::U8 { bytes: values.to_vec(), range: ByteRange { low, high } }
        }
    };
    Some(Prepared { track: header.track, values, notes })
}

fn body(prepared: &Prepared) -> Vec<u8> {
    let size = prepared.values.len() * prepared.values.format().bytes();
    let mut body = Vec::with_capacity(prepared.notes.len() * 8 * notes::COLUMNS + size);
    body.extend(prepared.notes.iter().flat_map(notes::row).flat_map(f64::to_le_bytes));
    // Appended array by array: the compiler makes plain copies of that.
    match &prepared.values {
        Values::F32(values) => values.iter().for_each(|v| body.extend_from_slice(&v.to_le_bytes())),
        Values::F16(values) => values.iter().for_each(|v| body.extend_from_slice(&v.to_le_bytes())),
        Values::U8 { bytes, .. } => body.extend_from_slice(bytes),
    }
    body
}

#[cfg(test)]
mod tests {
    use mir_core::{Key, Velocity};

    use super::*;
    use crate::TrackId;

    fn sample(format: ValueFormat) -> Prepared {
        let note = Note::new(0.1, 0.25, Key::new(60).unwrap().pitch(), Velocity::MEDIUM).unwrap();
        Prepared {
            track: StoredTrack {
                id: TrackId::new("a").unwrap(),
                piece: "p".to_owned(),
                instrument: "i".to_owned(),
                frames: 3,
                seconds: 0.1 + 0.2,
            },
            values: Values::encode(format, vec![-11.512_925, 0.1, 3.0, 0.3, 1e-3, -7.0]).unwrap(),
            notes: vec![note],
        }
    }

    #[test]
    fn a_part_comes_back_to_the_last_bit_and_damage_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.part");
        let key = Fingerprint::of_bytes(b"key");
        for format in [ValueFormat::F32, ValueFormat::F16, ValueFormat::U8] {
            let prepared = sample(format);
            write(&path, key, &prepared).unwrap();
            assert_eq!(read(&path, key), Some(prepared));
            assert_eq!(read(&path, Fingerprint::of_bytes(b"other")), None);
            let bytes = fs::read(&path).unwrap();
            for cut in 0..bytes.len() {
                fs::write(&path, &bytes[..cut]).unwrap();
                assert_eq!(read(&path, key), None, "cut at {cut}");
            }
            let last = bytes.len() - 1;
            for place in [last, last - 3] {
                let mut other = bytes.clone();
                other[place] ^= 1;
                fs::write(&path, &other).unwrap();
                assert_eq!(read(&path, key), None);
            }
        }
        assert_eq!(read(&folder.path().join("none"), key), None);
    }
}
