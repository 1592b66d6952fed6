//! The command line.

use std::path::PathBuf;

use clap::Parser;
use mir_core::formats::NoteFormat;
use mir_midi::PedalRule;

use crate::common::CommonArgs;

/// Note lists out of MIDI files and back, as text, pictures and sound
#[derive(Debug, Parser)]
#[command(
    name = "notes",
    max_term_width = 80,
    after_help = "Formats by the extension of --out:
  .tsv .csv .json   onset, offset (s), MIDI note, velocity
  .txt              Audacity labels
  .svl              Sonic Visualiser layer
  .jams .jamz       JAMS note_midi
  .mid .midi        MIDI
  .wav              sound
  .png .svg         piano roll

Examples:
  notes piece.mid --pedal none --out piece.tsv
      key-down to key-up, as pretty_midi reads notes
  notes estimate.tsv --ref truth.mid --out errors.png
      hits, misses and extra notes in colour"
)]
pub struct Args {
    /// MIDI files, or note lists in any text format
    #[arg(required = true, value_name = "IN")]
    pub inputs: Vec<PathBuf>,
    /// The file to write; for several inputs, or with --to, a folder
    #[arg(long, value_name = "FILE|DIR")]
    pub out: PathBuf,
    /// Which notes sound under the pedal: default, none (key-down to key-up),
    /// jongwook, magenta, pretty_midi, hpt, onsets_velocities
    #[arg(long, value_name = "RULE", default_value_t)]
    pub pedal: PedalRule,
    /// Refuse MIDI files that break the specification
    #[arg(long)]
    pub strict: bool,
    /// Read text inputs in this format: tsv, csv, json, maps, musicnet,
    /// score, audacity, sonic, svl, jams; otherwise it is recognised
    #[arg(long, value_name = "FORMAT")]
    pub from: Option<NoteFormat>,
    /// Write this: one of those formats, or mid, wav, png, svg. Makes --out
    /// a folder unless it has an extension
    #[arg(long, value_name = "FORMAT")]
    pub to: Option<String>,
    /// Compare with these notes; for pictures
    #[arg(long = "ref", value_name = "FILE")]
    pub reference: Option<PathBuf>,
    /// Play sound with this SoundFont (.sf2), the programs of a MIDI file with
    /// their own instruments
    #[arg(long, value_name = "FILE")]
    pub soundfont: Option<PathBuf>,
    #[command(flatten)]
    pub common: CommonArgs,
}
