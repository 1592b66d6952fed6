//! How fast are MIDI files on disk turned into notes under the default pedal rule, on one core?
//!
//! `cargo run -p mir-midi --release --example read_speed -- REPEATS FILE…` prints one line of JSON with
//! the best of all repeats. `scripts/compare/midi.py` runs it beside symusic.

use std::{error::Error, hint::black_box, time::Instant};

use mir_midi::{PedalRule, Score, read_notes};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let repeats: u32 = arguments.next().ok_or("usage: read_speed REPEATS FILE…")?.parse()?;
    let files: Vec<String> = arguments.collect();
    let mut bytes = 0;
    for file in &files {
        bytes += std::fs::metadata(file)?.len();
    }
    let (mut best_notes, mut best_score) = (f64::INFINITY, f64::INFINITY);
    let mut notes = 0;
    for _ in 0..repeats {
        let start = Instant::now();
        notes = 0;
        for file in &files {
            notes += black_box(read_notes(file, PedalRule::Default)?).len();
        }
        best_notes = best_notes.min(start.elapsed().as_secs_f64());
        let start = Instant::now();
        for file in &files {
            black_box(Score::read(file)?);
        }
        best_score = best_score.min(start.elapsed().as_secs_f64());
    }
    let count = files.len();
    println!(
        "{{\"files\": {count}, \"bytes\": {bytes}, \"notes\": {notes}, \
         \"seconds_to_notes\": {best_notes:e}, \"seconds_to_score\": {best_score:e}}}"
    );
    Ok(())
}
