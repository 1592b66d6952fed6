//! Reading a note list, and writing it as what was asked for.

use std::path::{Path, PathBuf};

use mir_audio::{WavFormat, write_wav};
use mir_core::{AudioBuffer, Note, SampleRate, formats::NoteFormat, publish};
use mir_eval::plots::{RollPlot, piano_roll};
use mir_midi::{
    Diagnostic, Performance, Score, ScorePart, Strictness,
    piano::PianoConfig,
    sonify,
    soundfont::{SoundFont, SoundFontPart},
    voices::{self, Instrument, Part},
};
use serde::{Deserialize, Serialize};

use crate::{
    args::Args,
    common::failure::{Failure, Outcome},
};

/// What `--config` and `--set` change.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Rate of sound, Hz.
    pub sample_rate: u32,
    /// `tones`: every note as a plain tone; `piano`: all on a piano; `band`: each program of a MIDI file on
    /// its own instrument.
    pub sound: Sound,
    /// Width of a picture and height of one row of it, pixels.
    pub picture: (u32, u32),
}

/// How notes sound without a SoundFont.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sound {
    /// Plain tones.
    Tones,
    /// A piano.
    Piano,
    /// The programs of the file.
    Band,
}

impl Default for Settings {
    fn default() -> Self {
        let picture = RollPlot::default().size;
        Self { sample_rate: 44_100, sound: Sound::Tones, picture }
    }
}

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A note list.
    Text(NoteFormat),
    /// A MIDI file.
    Midi,
    /// Sound.
    Wav,
    /// A piano roll, by the extension of the file.
    Picture,
}

impl Target {
    /// What a name of `--to` or an extension means, and the extension of its files.
    pub fn named(name: &str) -> Option<(Self, &'static str)> {
        let name = name.to_ascii_lowercase();
        Some(match name.as_str() {
            "mid" | "midi" => (Self::Midi, "mid"),
            "wav" => (Self::Wav, "wav"),
            "png" => (Self::Picture, "png"),
            "svg" => (Self::Picture, "svg"),
            "jamz" => (Self::Text(NoteFormat::Jams), "jamz"),
            "txt" => (Self::Text(NoteFormat::Audacity), "txt"),
            _ => match name.parse().ok()? {
                format @ (NoteFormat::Maps | NoteFormat::Score | NoteFormat::Audacity) => {
                    (Self::Text(format), "txt")
                }
                format @ (NoteFormat::MusicNet | NoteFormat::SonicCsv) => {
                    (Self::Text(format), "csv")
                }
                format => (Self::Text(format), format.name()),
            },
        })
    }
}

/// What was read.
#[derive(Debug)]
pub struct Source {
    /// The notes that sound.
    pub notes: Vec<Note>,
    /// Who plays what; a note list has one player, who needs no pedal.
    pub parts: Vec<ScorePart>,
    /// The MIDI file as a whole, if it was one.
    pub score: Option<Score>,
    /// What was found wrong with a MIDI file.
    pub findings: Vec<Diagnostic>,
}

/// Reads a MIDI file or a note list.
///
/// # Errors
/// A data failure that names the file.
pub fn read(path: &Path, args: &Args) -> Outcome<Source> {
    if args.from.is_none() && is_midi(path) {
        let strictness = if args.strict { Strictness::Strict } else { Strictness::Lenient };
        let (score, findings) = Score::read_with(path, strictness)?;
        let (notes, parts) = (score.notes(args.pedal), score.parts());
        return Ok(Source { notes, parts, score: Some(score), findings });
    }
    let notes = match args.from {
        Some(format) => format.parse(&mir_core::formats::read_text(path)?, path)?,
        None => NoteFormat::read(path)?,
    };
    let part = ScorePart { channel: 0, program: 0, performance: notes.clone().into() };
    Ok(Source { notes, parts: vec![part], score: None, findings: Vec::new() })
}

/// Whether the extension is one of MIDI files.
fn is_midi(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
    ["mid", "midi", "smf", "rmi", "kar"].iter().any(|known| extension == *known)
}

/// Writes notes; the file appears complete or not at all.
///
/// # Errors
/// A data failure that names the file.
pub fn write(
    (target, path): (Target, &Path),
    source: &Source,
    reference: Option<&[Note]>,
    args: &Args,
    settings: &Settings,
) -> Outcome<()> {
    let notes = source.notes.as_slice();
    match target {
        Target::Text(NoteFormat::Jams) => NoteFormat::write(path, notes)?,
        Target::Text(format) => publish::write(path, format.render(notes)?.as_bytes())?,
        Target::Midi => match &source.score {
            Some(score) => score.sounding(args.pedal).write(path)?,
            None => Score::from_notes(notes).write(path)?,
        },
        Target::Wav => write_wav(path, &sound(source, args, settings)?, WavFormat::Int16)?,
        Target::Picture => {
            let title = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let plot = RollPlot { title, size: settings.picture, ..RollPlot::default() };
            piano_roll(reference, notes, &plot)?.write(path)?;
        }
    }
    Ok(())
}

/// How it sounds.
fn sound(source: &Source, args: &Args, settings: &Settings) -> Outcome<AudioBuffer> {
    let rate = SampleRate::new(settings.sample_rate)
        .map_err(|e| Failure::usage(format!("sample_rate: {e}")))?;
    let seed = args.common.seed.unwrap_or(0);
    Ok(match (&args.soundfont, settings.sound) {
        (Some(font), _) => {
            let parts: Vec<SoundFontPart> = source.parts.iter().cloned().map(Into::into).collect();
            SoundFont::read(font)?.render(&parts, true, rate)?
        }
        (None, Sound::Tones) => sonify::render_notes(&source.notes, rate),
        (None, Sound::Piano) => {
            let piano = Instrument::Piano(PianoConfig::grand());
            voices::render(&Performance::from(source.notes.clone()), &piano, rate, seed)?
        }
        (None, Sound::Band) => {
            let parts: Vec<Part> = source.parts.iter().cloned().map(Into::into).collect();
            voices::mix(&parts, rate, seed)?.mix
        }
    })
}

/// Every input with the file that becomes of it.
///
/// # Errors
/// A usage failure for an output format that there is not, two inputs with one output, and an output that
/// is an input.
pub fn jobs(args: &Args) -> Outcome<Vec<(&Path, Target, PathBuf)>> {
    let extension = args.out.extension().map(|e| e.to_string_lossy().into_owned());
    let into_folder = args.inputs.len() > 1 || extension.is_none() || args.out.is_dir();
    let name = match (&args.to, &extension) {
        (Some(name), _) => name.clone(),
        (None, Some(extension)) if !into_folder => extension.clone(),
        (None, _) => "tsv".to_owned(),
    };
    let (target, extension) = Target::named(&name).ok_or_else(|| {
        let known = NoteFormat::ALL.map(NoteFormat::name).join(", ");
        let out = args.out.display();
        Failure::usage(format!(
            "--out {out}: '{name}' is no output format; known are {known}, mid, wav, png, svg"
        ))
    })?;
    if args.reference.is_some() && target != Target::Picture {
        return Err(Failure::usage("--ref is for pictures: give --out a name in .png or .svg"));
    }
    let mut jobs: Vec<(&Path, Target, PathBuf)> = Vec::new();
    for input in &args.inputs {
        let stem = input.file_stem().unwrap_or_default().to_string_lossy();
        let path = if into_folder {
            args.out.join(format!("{stem}.{extension}"))
        } else {
            args.out.clone()
        };
        if let Some((other, ..)) = jobs.iter().find(|(.., taken)| *taken == path) {
            let (a, b, path) = (other.display(), input.display(), path.display());
            return Err(Failure::usage(format!("{a} and {b} would both be written to {path}")));
        }
        jobs.push((input, target, path));
    }
    let real = |path: &Path| path.canonicalize().ok();
    let read = args.inputs.iter().chain(&args.reference).chain(&args.soundfont);
    let inputs: Vec<PathBuf> = read.filter_map(|path| real(path)).collect();
    match jobs.iter().find(|(.., out)| real(out).is_some_and(|out| inputs.contains(&out))) {
        Some((.., out)) => {
            let out = out.display();
            Err(Failure::usage(format!("{out} is an input; give --out another name")))
        }
        None => Ok(jobs),
    }
}
