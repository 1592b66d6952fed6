//! Which file becomes which?

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use crate::common::failure::{Failure, Outcome};

/// One file to convert.
#[derive(Debug)]
pub struct Job {
    pub input: PathBuf,
    pub output: PathBuf,
}

/// The files of all inputs and what they become; folders for them are made.
///
/// # Errors
/// A usage failure if two files would become the same one, or an input would be overwritten; a data failure
/// for a folder without recordings.
pub fn plan(inputs: &[PathBuf], out: &Path, extension: &str) -> Outcome<Vec<Job>> {
    let one_file = match inputs {
        [input] => !input.is_dir() && !out.is_dir() && out.extension().is_some(),
        _ => false,
    };
    let mut jobs = BTreeMap::new();
    let mut add = |input: PathBuf, output: PathBuf| match jobs.insert(output.clone(), input.clone())
    {
        Some(other) if other != input => Err(Failure::usage(format!(
            "{} and {} would both become {}; convert them into different folders",
            other.display(),
            input.display(),
            output.display()
        ))),
        _ => Ok(()),
    };
    for input in inputs {
        if one_file {
            add(input.clone(), out.to_owned())?;
        } else if input.is_dir() {
            let files = mir_audio::find(input)?;
            if files.is_empty() {
                let text = format!("no audio file in the folder {}", input.display());
                return Err(Failure::data(text));
            }
            for file in files {
                let below = file.strip_prefix(input).unwrap_or(&file).with_extension(extension);
                add(file.clone(), out.join(below))?;
            }
        } else {
            let name = Path::new(input.file_name().unwrap_or(OsStr::new("audio")));
            add(input.clone(), out.join(name.with_extension(extension)))?;
        }
    }
    let jobs: Vec<Job> = jobs.into_iter().map(|(output, input)| Job { input, output }).collect();
    refuse_inputs(&jobs)?;
    for job in &jobs {
        if let Some(folder) = job.output.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(|e| {
                Failure::data(format!("cannot make the folder {}: {e}", folder.display()))
            })?;
        }
    }
    Ok(jobs)
}

/// No output may be an input, under whatever name.
fn refuse_inputs(jobs: &[Job]) -> Outcome<()> {
    let known: Vec<PathBuf> =
        jobs.iter().filter_map(|job| fs::canonicalize(&job.input).ok()).collect();
    for job in jobs {
        if fs::canonicalize(&job.output).is_ok_and(|output| known.contains(&output)) {
            return Err(Failure::usage(format!(
                "{} is an input and would be overwritten; choose another --out",
                job.output.display()
            )));
        }
    }
    Ok(())
}
