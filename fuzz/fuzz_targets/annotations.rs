//! No annotation text makes a reader panic, and what was read can be written and read again.
//!
//! ```sh
//! cargo +nightly fuzz run annotations
//! ```
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use mir_core::formats::{
    Jams, NoteColumn, NoteFormat, SonicKind, parse_audacity, parse_f0, parse_note_columns,
    parse_sonic_csv, parse_svl, render_audacity, render_f0,
};

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let path = Path::new("fuzz");
    for format in NoteFormat::ALL {
        if let Ok(notes) = format.parse(&text, path) {
            if let Ok(written) = format.render(&notes) {
                format.parse(&written, path).expect("what was written is read");
            }
        }
    }
    let _ = NoteFormat::detect(&text, path);
    if let Ok(labels) = parse_audacity(&text, path) {
        parse_audacity(&render_audacity(&labels), path).expect("what was written is read");
    }
    if let Ok(track) = parse_f0(&text, path) {
        let _ = render_f0(&track);
    }
    let _ = parse_note_columns(
        &text,
        &[NoteColumn::Onset, NoteColumn::Duration, NoteColumn::Hertz, NoteColumn::Velocity],
        path,
    );
    for kind in [SonicKind::Instants, SonicKind::Values, SonicKind::Notes, SonicKind::Regions] {
        let _ = parse_sonic_csv(&text, kind, path);
    }
    for layer in parse_svl(&text, path).unwrap_or_default() {
        let _ = layer.notes(layer.pitch_unit(), path);
        let _ = layer.f0(path);
    }
    if let Ok(jams) = Jams::parse(&text, path) {
        for annotation in jams.annotations() {
            let _ = annotation.notes();
            let _ = annotation.contours();
        }
    }
});
