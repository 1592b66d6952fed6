//! Annotation file formats, read and written once for all crates.
//!
//! Which notes, labels or pitches does this file hold, and how does another program get ours?
//!
//! | format | read | write | gives |
//! |---|---|---|---|
//! | notes of this workspace: tabs or commas | [`read_notes`], [`parse_notes`] | [`write_notes`], [`render_notes`], [`render_notes_csv`] | notes |
//! | the same as JSON | [`parse_notes_json`] | [`render_notes_json`] | notes |
//! | notes in columns of any order | [`parse_note_columns`] | | notes |
//! | MAPS label text | [`parse_maps`] | [`render_maps`] | notes |
//! | MusicNet labels | [`parse_musicnet`] | [`render_musicnet`] | [`MusicNetLabel`] |
//! | score text of source separation | [`parse_score_text`] | [`render_score_text`] | [`ScoreText`] |
//! | Audacity label track | [`parse_audacity`] | [`render_audacity`] | [`AudacityLabel`] |
//! | Sonic Visualiser, comma-separated | [`parse_sonic_csv`] | [`render_sonic_csv`] | [`SonicPoint`] |
//! | Sonic Visualiser layer or session (`.svl`, `.sv`) | [`parse_svl`] | [`render_svl`] | [`SonicLayer`] |
//! | JAMS (`.jams`, `.jamz`) | [`Jams::read`], [`Jams::parse`] | [`Jams::write`], [`Jams::render`] | [`Jams`] |
//! | pitch track of MIREX, CREPE and others | [`parse_f0`] | [`render_f0`] | [`F0Track`](crate::F0Track) |
//! | several pitches at a time | [`parse_multi_f0`] | | [`MultiF0`](crate::MultiF0) |
//! | beats, with positions or without | [`parse_beats`] | | [`Beats`](crate::Beats) |
//! | labelled intervals: chords, keys, sections | [`parse_labels`] | | [`Labeled`](crate::Labeled) |
//! | any columns | [`text_rows`] | | [`TextRow`] |
//!
//! [`NoteFormat`] reads notes out of any of them and finds out which it is. The note text of this
//! workspace is one header line, then one note a line: onset and offset in seconds, MIDI note, velocity,
//! separated by tabs.
//!
//! # Conventions
//! - A `read` function takes a file ([`read_text`]), a `parse` function a text in memory and the path by
//!   which errors call it, a `render` function gives a text.
//! - Numbers have a decimal point, whatever the locale. NaN and infinities are refused.
//! - Byte order marks, `\r\n`, blank lines and missing final line breaks are accepted. An empty text is an
//!   empty annotation, not an error.
//! - Errors name the file, the line or entry, and the field.
//! - Times are seconds from 0 to [`MAX_SECONDS`]; a negative time or duration is an error.
//! - Limits: [`MAX_BYTES`] of text, also after decompression; 128 levels of JSON. XML entities other than
//!   the predefined ones are errors, so no text can blow up.

mod any;
mod audacity;
mod columns;
mod f0;
mod jams;
mod musicnet;
mod names;
mod notes;
mod rows;
mod score;
mod sonic;
mod text;

pub use any::NoteFormat;
pub use audacity::{AudacityLabel, parse_audacity, render_audacity};
pub use columns::{NoteColumn, parse_note_columns};
pub use f0::{parse_f0, render_f0};
pub use jams::{Jams, JamsAnnotation, JamsMetadata};
pub use musicnet::{MusicNetLabel, parse_musicnet, render_musicnet};
pub use names::parse_note_name;
pub use notes::{
    parse_maps, parse_notes, parse_notes_json, read_notes, render_maps, render_notes,
    render_notes_csv, render_notes_json, write_notes,
};
pub use rows::{Delimiter, TextRow, parse_beats, parse_labels, parse_multi_f0, text_rows};
pub use score::{ScoreText, parse_score_text, render_score_text};
pub use sonic::{
    PitchUnit, SonicKind, SonicLayer, SonicPoint, parse_sonic_csv, parse_svl, render_sonic_csv,
    render_svl,
};
pub use text::{MAX_BYTES, MAX_SECONDS, read_text};
