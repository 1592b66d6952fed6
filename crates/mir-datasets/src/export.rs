//! Any data set as plain files: for programs that read folders of WAV files and tables.
//!
//! ```text
//! OUT/dataset.json                 name, version, licence, citation; tracks with their split, piece, files
//! OUT/TRACK/mix.wav                32-bit float, at the rate of the source
//! OUT/TRACK/stems/NAME.wav
//! OUT/TRACK/notes.tsv              onset, offset, pitch, velocity
//! OUT/TRACK/f0.csv                 time and frequency, 0 where there is none
//! OUT/TRACK/multi_f0.tsv           time, and a column for every pitch
//! OUT/TRACK/beats.tsv              time, and the position in the bar where it is known
//! OUT/TRACK/chords.tsv             start, end, label; likewise keys, segments, lyrics, events
//! OUT/TRACK/tempo.txt              beats a minute
//! ```
//! Where a track has several annotations of a kind, the name of the variant is in that of the file:
//! `notes_part-1.tsv`.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use mir_audio::{LoadOptions, WavFormat, write_wav};
use mir_core::{AudioBuffer, formats, publish};
use serde_json::{Value, json};

use crate::{Annotation, Dataset, Error, Label, Result, Split, Track};

/// Writes a data set as plain files below a folder, which is made if needed. `done` is called after every
/// track, with the number of those that are done. Files of equal names are replaced.
///
/// # Errors
/// Those of [`Track::audio`], [`Track::stem`] and [`Track::annotation`]; [`Error::Audio`], [`Error::Core`] or
/// [`Error::Io`] if a file cannot be written. Tracks before it are complete.
pub fn export(
    dataset: &dyn Dataset,
    out: impl AsRef<Path>,
    mut done: impl FnMut(usize),
) -> Result<()> {
    let out = out.as_ref();
    let splits: Vec<_> = Split::ALL
        .into_iter()
        .filter_map(|split| Some((split, dataset.split(split).ok()?)))
        .collect();
    let mut tracks = Vec::new();
    for (number, track) in dataset.tracks().iter().enumerate() {
        let files = export_track(track.as_ref(), &out.join(track.id().as_str()))?;
        let of = splits.iter().find(|(_, members)| members.iter().any(|m| m.id() == track.id()));
        tracks.push(json!({
            "id": track.id(), "split": of.map(|(split, _)| split.name()), "piece": track.piece(),
            "instrument": track.instrument(), "artist": track.artist(), "files": files,
        }));
        done(number + 1);
    }
    let description = json!({
        "name": dataset.name(), "version": dataset.version(), "license": dataset.license(),
        "citation": dataset.citation(), "tracks": tracks,
    });
    Ok(publish::write(out.join("dataset.json"), format!("{description:#}\n").as_bytes())?)
}

/// Writes one track, and gives the names of its files, relative to its folder.
fn export_track(track: &dyn Track, folder: &Path) -> Result<Value> {
    let make = |folder: &Path| {
        fs::create_dir_all(folder).map_err(|source| Error::Io {
            action: "create",
            path: folder.to_owned(),
            source,
        })
    };
    make(folder)?;
    let sound = |path: PathBuf, audio: &AudioBuffer| {
        write_wav(path, audio, WavFormat::Float32)
            .map_err(|source| Error::Audio { track: track.id().clone(), source: Box::new(source) })
    };
    sound(folder.join("mix.wav"), &track.audio(&LoadOptions::default())?)?;
    let mut files = vec!["mix.wav".to_owned()];
    if !track.stems().is_empty() {
        make(&folder.join("stems"))?;
    }
    for stem in track.stems() {
        let name = format!("stems/{}.wav", file_name(&stem.name));
        sound(folder.join(&name), &track.stem(&stem.name, &LoadOptions::default())?)?;
        files.push(name);
    }
    for label in track.labels() {
        let (text, ending) = text_of(&track.annotation(label)?);
        let name = format!("{}.{ending}", name_of(label));
        publish::write(folder.join(&name), text.as_bytes())?;
        files.push(name);
    }
    Ok(json!(files))
}

fn name_of(label: &Label) -> String {
    match label.variant.as_str() {
        "" => label.kind.name().to_owned(),
        variant => format!("{}_{}", label.kind.name(), file_name(variant)),
    }
}

/// A name without what is special in paths.
fn file_name(name: &str) -> String {
    name.replace(['/', '\\', '\0'], "-")
}

/// An annotation as text, and the ending of its file.
fn text_of(annotation: &Annotation) -> (String, &'static str) {
    let mut text = String::new();
    // Writing to a string does not fail.
    match annotation {
        Annotation::Notes(notes) => return (formats::render_notes(notes), "tsv"),
        Annotation::F0(track) => return (formats::render_f0(track), "csv"),
        Annotation::MultiF0(series) => {
            for (time, pitches) in series.times().iter().zip(series.pitches()) {
                let _ = write!(text, "{time:.6}");
                for pitch in pitches {
                    let _ = write!(text, "\t{:.6}", pitch.hz());
                }
                text.push('\n');
            }
        }
        Annotation::Beats(beats) => {
            for beat in beats.as_slice() {
                let position = beat.position.map(|position| format!("\t{position}"));
                let _ = writeln!(text, "{:.6}{}", beat.time, position.unwrap_or_default());
            }
        }
        Annotation::Labels(labels) => {
            for label in labels {
                let (start, end) = (label.interval.start(), label.interval.end());
                let words = label.label.replace(['\t', '\n', '\r'], " ");
                let _ = writeln!(text, "{start:.6}\t{end:.6}\t{words}");
            }
        }
        Annotation::Tempo(tempo) => return (format!("{tempo}\n"), "txt"),
    }
    (text, "tsv")
}
