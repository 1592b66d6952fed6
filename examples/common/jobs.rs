//! Which recording becomes which file, and what became of them all.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::failure::{Failure, Outcome};

/// One file to make out of another.
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
    if one_file {
        let jobs = vec![Job { input: inputs[0].clone(), output: out.to_owned() }];
        return prepared(jobs);
    }
    // Each input and what it is called below `out`.
    let mut named: Vec<(PathBuf, PathBuf)> = Vec::new();
    for input in inputs {
        if input.is_dir() {
            let files = mir_audio::find(input)?;
            if files.is_empty() {
                let text = format!("no audio file in the folder {}", input.display());
                return Err(Failure::data(text));
            }
            for file in files {
                let below = file.strip_prefix(input).unwrap_or(&file).to_owned();
                named.push((file, below));
            }
        } else {
            let name = PathBuf::from(input.file_name().unwrap_or(OsStr::new("audio")));
            named.push((input.clone(), name));
        }
    }
    named.sort();
    named.dedup();
    prepared(outputs(named, out, extension)?)
}

/// `a.flac` becomes `a.wav`; where an `a.m4a` stands beside it, they become `a.flac.wav` and `a.m4a.wav`.
fn outputs(named: Vec<(PathBuf, PathBuf)>, out: &Path, extension: &str) -> Outcome<Vec<Job>> {
    let mut short: BTreeMap<PathBuf, usize> = BTreeMap::new();
    for (_, name) in &named {
        *short.entry(name.with_extension(extension)).or_default() += 1;
    }
    let mut jobs: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
    for (input, name) in named {
        let mut below = name.with_extension(extension);
        if short[&below] > 1 {
            below = name;
            below.as_mut_os_string().push(format!(".{extension}"));
        }
        let output = out.join(below);
        if let Some(other) = jobs.get(&output) {
            return Err(Failure::usage(format!(
                "{} and {} would both become {}; use different folders",
                other.display(),
                input.display(),
                output.display()
            )));
        }
        jobs.insert(output, input);
    }
    Ok(jobs.into_iter().map(|(output, input)| Job { input, output }).collect())
}

/// Refuses to overwrite inputs, then makes the folders.
fn prepared(jobs: Vec<Job>) -> Outcome<Vec<Job>> {
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

/// Names what failed, and writes what became of each file to `json`.
///
/// # Errors
/// The failure of a single file, or of the first if all failed; otherwise a partial failure if one did.
pub fn summary(jobs: &[Job], results: Vec<Outcome<Value>>, json: Option<&Path>) -> Outcome<()> {
    let (mut files, mut failed, mut first) = (Vec::new(), Vec::new(), None);
    for (job, result) in jobs.iter().zip(results) {
        match result {
            Ok(made) => files.push(json!({
                "input": job.input, "output": job.output, "result": made,
            })),
            Err(failure) => {
                if jobs.len() > 1 {
                    eprintln!("error: {failure}");
                }
                failed.push(job.input.display().to_string());
                first.get_or_insert(failure);
            }
        }
    }
    if let Some(path) = json {
        let summary = json!({ "files": files, "failed": failed });
        mir_core::publish::write(path, format!("{summary:#}\n").as_bytes())?;
    }
    match first {
        None => Ok(()),
        Some(failure) if files.is_empty() => Err(failure),
        Some(_) => {
            let (count, all, list) = (failed.len(), jobs.len(), failed.join(", "));
            Err(Failure::partial(format!("{count} of {all} files failed: {list}")))
        }
    }
}
