//! Which files are compared, and what stands in them.

use std::path::{Path, PathBuf};

use mir_audio::LoadOptions;
use mir_core::AudioBuffer;
use mir_eval::task::{Annotation, FilePairs, Task, pair_files};

use crate::{
    args::Args,
    common::failure::{Failure, Outcome},
};

/// The files of one piece.
pub struct Piece {
    pub reference: Vec<PathBuf>,
    pub estimate: Vec<PathBuf>,
}

/// One piece, or all pieces of two folders.
pub enum Inputs {
    One(Piece),
    Many(FilePairs),
}

impl Inputs {
    pub fn find(args: &Args, task: Task) -> Outcome<Self> {
        let (Some(reference), Some(estimate)) = (&args.reference, &args.estimate) else {
            let (reference, estimate) = (args.references.clone(), args.estimates.clone());
            return Ok(Self::One(Piece { reference, estimate }));
        };
        match (reference.is_dir(), estimate.is_dir()) {
            (true, true) if !is_piece(task, reference)? => {
                Ok(Self::Many(pair_files(reference, estimate)?))
            }
            (true, false) | (false, true) => Err(Failure::usage(format!(
                "'{}' and '{}': give two files or two folders",
                reference.display(),
                estimate.display()
            ))),
            _ => {
                let (reference, estimate) = (files(reference)?, files(estimate)?);
                Ok(Self::One(Piece { reference, estimate }))
            }
        }
    }
}

/// Whether a folder is one piece: where a side has several files, and these lie in it.
fn is_piece(task: Task, folder: &Path) -> Outcome<bool> {
    let several = matches!(task, Task::Separation | Task::Hierarchy);
    Ok(several && files(folder)?.iter().any(|path| path.is_file()))
}

/// A file, or the content of a folder in the order of names.
pub fn files(path: &Path) -> Outcome<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let error = |e| Failure::data(format!("cannot read {}: {e}", path.display()));
    let entries = path.read_dir().map_err(error)?;
    let paths: Result<Vec<PathBuf>, _> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths.map_err(error)?;
    paths.retain(|path| !path.file_name().unwrap_or_default().as_encoded_bytes().starts_with(b"."));
    paths.sort();
    Ok(paths)
}

/// Reads one side of a piece.
pub fn read(args: &Args, task: Task, files: &[PathBuf]) -> Outcome<Annotation> {
    if task != Task::Separation {
        return Ok(Annotation::read(task, files)?);
    }
    let options = LoadOptions { mono: !args.multichannel, ..LoadOptions::default() };
    let wavs = files.iter().filter(|path| {
        path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("wav"))
    });
    let sources: Result<Vec<AudioBuffer>, _> =
        wavs.map(|path| mir_audio::load(path, &options)).collect();
    Ok(Annotation::from_audio(&sources?)?)
}
