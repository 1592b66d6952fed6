//! Damaged files give an error or an annotation, never a panic.

use mir_core::formats::{
    Jams, JamsAnnotation, JamsMetadata, NoteColumn, NoteFormat, PitchUnit, SonicKind, SonicLayer,
    parse_audacity, parse_f0, parse_note_columns, parse_sonic_csv, parse_svl, read_text, render_f0,
    render_svl,
};
use mir_core::{Error, F0Frame, F0Track, Pitch, SampleRate};

use super::{here, note};

/// SplitMix64: the same damage in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n.max(1) as u64) as usize
    }
}

/// What tends to break readers of text.
const SPLICES: [&[u8]; 22] = [
    b"NaN",
    b"-inf",
    b"1e999",
    b"-1",
    b"99999999999999999999",
    b"\t",
    b",",
    b"\n",
    b"\r",
    b"\"",
    b"\\",
    b"<",
    b"&#x0;",
    b"</point>",
    b"[[[[[[[[",
    b"{\"",
    b"null",
    b"\xff\xfe",
    b"\x00",
    b"-9e307",
    b"\xef\xbb\xbf",
    "♯".as_bytes(),
];

fn damaged(text: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = text.to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len());
        match random.below(5) {
            0 => bytes.truncate(at),
            1 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
            2 => {
                let splice = SPLICES[random.below(SPLICES.len())];
                bytes.splice(at..at, splice.iter().copied());
            }
            3 => {
                let end = (at + random.below(20)).min(bytes.len());
                bytes.drain(at..end);
            }
            _ => {
                // A piece of the text at another place.
                let from = random.below(bytes.len());
                let piece = bytes[from..(from + random.below(40)).min(bytes.len())].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}

/// Reads a text with every reader; how many of them accepted it.
fn read_all(text: &str) -> usize {
    let mut accepted = 0;
    for format in NoteFormat::ALL {
        if let Ok(notes) = format.parse(text, here()) {
            accepted += 1;
            // What was read can be written, unless the format says that it cannot hold it.
            for target in NoteFormat::ALL {
                let written = target.render(&notes);
                assert!(matches!(written, Ok(_) | Err(Error::NotRepresentable { .. })));
            }
        }
    }
    let _ = NoteFormat::detect(text, here());
    accepted +=
        usize::from(parse_f0(text, here()).is_ok_and(|track| !render_f0(&track).is_empty()));
    accepted += usize::from(parse_audacity(text, here()).is_ok());
    let columns = [NoteColumn::Onset, NoteColumn::Hertz, NoteColumn::Duration];
    accepted += usize::from(parse_note_columns(text, &columns, here()).is_ok());
    for kind in [SonicKind::Instants, SonicKind::Values, SonicKind::Notes, SonicKind::Regions] {
        accepted += usize::from(parse_sonic_csv(text, kind, here()).is_ok());
    }
    for layer in parse_svl(text, here()).unwrap_or_default() {
        accepted += usize::from(layer.notes(layer.pitch_unit(), here()).is_ok());
        accepted += usize::from(layer.f0(here()).is_ok());
    }
    if let Ok(jams) = Jams::parse(text, here()) {
        accepted += 1;
        for annotation in jams.annotations() {
            accepted += usize::from(annotation.notes().is_ok());
            accepted += usize::from(annotation.contours().is_ok());
        }
        assert!(Jams::parse(&jams.render(), here()).is_ok());
    }
    accepted
}

#[test]
fn no_damage_makes_a_reader_panic() {
    let notes: Vec<_> = (0..12)
        .map(|i| {
            let t = f64::from(i) * 0.25;
            note(t, t + 0.5, 40.0 + f64::from(i), 10 * i as u8 + 1)
        })
        .collect();
    let frames = (0..12).map(|i| F0Frame {
        time: f64::from(i) * 0.01,
        pitch: (i % 3 != 0).then(|| Pitch::from_midi(60.0).unwrap()),
        voicing: if i % 3 == 1 { 0.5 } else { 0.0 },
    });
    let track = F0Track::new(frames.collect()).unwrap();
    let mut contours = Jams::new(&JamsMetadata::default());
    contours.push(JamsAnnotation::from_f0(&[track.clone(), track.clone()]));
    contours.push(JamsAnnotation::from_notes(&notes, PitchUnit::Hertz));
    let regions = SonicLayer { kind: SonicKind::Regions, ..SonicLayer::from_f0(&track) };
    let mut seeds: Vec<String> = NoteFormat::ALL.map(|f| f.render(&notes).unwrap()).to_vec();
    seeds.push(render_f0(&track));
    seeds.push(contours.render());
    seeds.push(render_svl(&regions, SampleRate::HZ_44100));
    seeds.push("0.5\t1.5\tC4\n\\\t100.0\t200.0\n2.0\tpoint\n".to_owned());

    let mut random = Random(4);
    let (mut count, mut accepted) = (0, 0);
    for seed in &seeds {
        assert!(read_all(seed) > 0);
        for _ in 0..150 {
            let bytes = damaged(seed.as_bytes(), &mut random);
            accepted += usize::from(read_all(&String::from_utf8_lossy(&bytes)) > 0);
            count += 1;
        }
    }
    assert_eq!(count, 150 * seeds.len());
    // Damage that nobody notices and damage that everybody refuses are both among them.
    assert!(accepted > count / 10 && accepted < count, "{accepted} of {count}");
}

#[test]
fn depth_and_size_are_limited() {
    let deep = format!("{{\"annotations\": {}", "[".repeat(100_000));
    assert!(matches!(Jams::parse(&deep, here()), Err(Error::Json { .. })));
    let entities = "<!DOCTYPE x [<!ENTITY a \"&b;&b;\"><!ENTITY b \"&a;&a;\">]>\
                    <sv><model dataset=\"&a;\"/></sv>";
    assert!(matches!(parse_svl(entities, here()), Err(Error::Xml { .. })));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zeros.jamz");
    {
        // Far more than the limit, in far less.
        use std::io::Write as _;
        let file = std::fs::File::create(&path).unwrap();
        let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        let zeros = vec![b' '; 1 << 20];
        for _ in 0..70 {
            encoder.write_all(&zeros).unwrap();
        }
        encoder.finish().unwrap();
    }
    assert!(matches!(read_text(&path), Err(Error::TooLarge { .. })));
    for (magic, kind) in [(&b"BZh91AY&SY"[..], "bzip2"), (b"PK\x03\x04", "zip")] {
        std::fs::write(&path, magic).unwrap();
        assert!(matches!(read_text(&path), Err(Error::Compressed { kind: k, .. }) if k == kind));
    }
}
