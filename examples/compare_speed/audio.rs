//! Resampling and decoding beside soxr, torchaudio and libsndfile.

use std::{path::Path, time::Instant};

use anyhow::{Context, Result};
use mir_audio::{
    AudioBuffer, FlacDepth, LoadOptions, ResampleConfig, ResampleMethod, Resampler, SampleRate,
    WavFormat, load, map_files, write_flac, write_wav,
};
use mir_features::{LogMel, LogMelConfig};
use mir_fft::RealPlanner32;
use serde_json::json;

use crate::{
    Args, median, noise_samples,
    peer::Peer,
    report::{Report, Unit},
};

/// Seconds of audio in a turn.
const SECONDS: usize = 60;

/// One minute from 44.1 to 16 kHz on one core, by both methods.
pub(crate) fn resample(
    args: &Args,
    mut peer: Option<&mut Peer>,
    report: &mut Report,
) -> Result<()> {
    let audio = AudioBuffer::mono(SampleRate::HZ_44100, noise_samples(SECONDS * 44_100));
    let plan = |method| {
        let config = ResampleConfig::new(SampleRate::HZ_44100, SampleRate::HZ_16000);
        Resampler::new(ResampleConfig { method, ..config })
    };
    let spectral = plan(ResampleMethod::Spectral)?;
    let sinc = plan(ResampleMethod::torchaudio())?;
    let mut floor = transforms();
    let (mut ours, mut ours_sinc, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    let (mut soxr, mut torchaudio) = (Vec::new(), Vec::new());
    if let Some(peer) = peer.as_deref_mut() {
        peer.ask(&json!({ "do": "threads", "threads": 1 }))?;
    }
    for _ in 0..args.turns {
        for _ in 0..5 {
            ours.push(seconds_of(|| spectral.process(&audio))?);
            ours_sinc.push(seconds_of(|| sinc.process(&audio))?);
            bare.push(seconds_of(&mut floor)?);
        }
        if let Some(peer) = peer.as_deref_mut() {
            for (name, times) in
                [("resample_soxr", &mut soxr), ("resample_torchaudio", &mut torchaudio)]
            {
                times.extend(peer.times(&json!({ "do": name, "seconds": SECONDS, "repeat": 5 }))?);
            }
        }
    }
    let rate = |mut times: Vec<f64>| SECONDS as f64 / median(&mut times);
    let (ours, ours_sinc, bare) = (rate(ours), rate(ours_sinc), rate(bare));
    let of = |name, times: Vec<f64>| {
        if times.is_empty() { Vec::new() } else { vec![(name, rate(times))] }
    };
    let note = format!("; its transforms alone {bare:.0}, ours / floor {:.2}", ours / bare);
    let task = "resampling 44.1 to 16 kHz, one core";
    report.add(task, Unit::RealTime, ours, &of("soxr HQ", soxr), &note);
    let task = "resampling 44.1 to 16 kHz as torchaudio does, one core";
    report.add(task, Unit::RealTime, ours_sinc, &of("torchaudio", torchaudio), "");
    Ok(())
}

/// The transforms that resampling a minute cannot do without: blocks of 3528 samples there, of 1280 back,
/// each with as much silence.
fn transforms() -> impl FnMut() -> Result<()> {
    let mut planner = RealPlanner32::new();
    let (there, back) = (planner.plan_fft_forward(2 * 3528), planner.plan_fft_inverse(2 * 1280));
    let (mut x, mut there_out) = (there.make_input_vec(), there.make_output_vec());
    let (mut back_in, mut y) = (back.make_input_vec(), back.make_output_vec());
    let (mut a, mut b) = (there.make_scratch_vec(), back.make_scratch_vec());
    move || {
        for _ in 0..(SECONDS * 44_100).div_ceil(3528) {
            x.fill(0.5);
            there.process_with_scratch(&mut x, &mut there_out, &mut a).expect("sizes were planned");
            let last = back_in.len() - 1;
            back_in.copy_from_slice(&there_out[..=last]);
            (back_in[0].im, back_in[last].im) = (0.0, 0.0);
            back.process_with_scratch(&mut back_in, &mut y, &mut b).expect("sizes were planned");
        }
        Ok(())
    }
}

/// Whole files into memory: ours and libsndfile; then a folder on one core and on all.
pub(crate) fn decode(args: &Args, mut peer: Option<&mut Peer>, report: &mut Report) -> Result<()> {
    let folder = tempfile::tempdir().context("a temporary folder")?;
    let noise = noise_samples(2 * SECONDS * 44_100);
    let (left, right) = noise.split_at(SECONDS * 44_100);
    let audio = AudioBuffer::from_channels(SampleRate::HZ_44100, &[left, right])?;
    let mut files = vec![folder.path().join("noise.wav"), folder.path().join("noise.flac")];
    write_wav(&files[0], &audio, WavFormat::Int16)?;
    write_flac(&files[1], &audio, FlacDepth::Int16)?;
    let flac = files[1].clone();
    files.extend(args.audio.iter().cloned());
    for file in &files {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        let seconds = load(file, &LoadOptions::default())?.duration();
        for _ in 0..args.turns {
            ours.push(seconds_of(|| load(file, &LoadOptions::default()))?);
            if let Some(peer) = peer.as_deref_mut() {
                let request = json!({ "do": "decode_soundfile", "path": file, "repeat": 1 });
                theirs.extend(peer.times(&request)?);
            }
        }
        let rate = seconds / median(&mut ours);
        let peers = match theirs.is_empty() {
            true => Vec::new(),
            false => vec![("libsndfile", seconds / median(&mut theirs))],
        };
        let task = format!("decoding {}, one core", name(file));
        report.add(&task, Unit::RealTime, rate, &peers, "");
    }
    scaling(args, &flac)
}

/// The same file many times over, as if it were a folder: to log-mel spectrograms at 16 kHz, on one core and on
/// all. Processor time says what the clock cannot where other work needs the cores too: how much more work
/// many threads are.
fn scaling(args: &Args, file: &Path) -> Result<()> {
    let options = LoadOptions {
        sample_rate: Some(SampleRate::HZ_16000),
        mono: true,
        ..LoadOptions::default()
    };
    let log_mel = LogMel::new(LogMelConfig::jongwook())?;
    let cores = rayon::current_num_threads();
    let paths = vec![file; 8 * cores];
    let on = |threads| -> Result<(f64, f64)> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
        let before = processor_seconds();
        let clock = seconds_of(|| {
            let frames = pool.install(|| {
                map_files(&paths, &options, |_, audio| -> Result<usize> {
                    Ok(log_mel.process(&audio?)?.frames())
                })
            });
            frames.into_iter().collect::<Result<Vec<_>>>()
        })?;
        Ok((clock, processor_seconds() - before))
    };
    let (mut one, mut all) = (vec![], vec![]);
    for _ in 0..args.turns.div_ceil(2) {
        one.push(on(1)?);
        all.push(on(cores)?);
    }
    let medians = |runs: &[(f64, f64)]| {
        let mut clock: Vec<f64> = runs.iter().map(|run| run.0).collect();
        let mut processor: Vec<f64> = runs.iter().map(|run| run.1).collect();
        (median(&mut clock), median(&mut processor))
    };
    let (one, all) = (medians(&one), medians(&all));
    println!(
        "log-mel of a folder of {} FLAC files of 44.1 kHz: {cores} threads {:.2} x one by the clock, with \
         {:.2} x its processor time",
        paths.len(),
        one.0 / all.0,
        all.1 / one.1
    );
    Ok(())
}

/// Processor time of this process in all threads so far, to 10 ms; not a number where there is no /proc.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the program, in brackets, may hold anything; user and system time are fields 14 and 15, in
    // hundredths of a second.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: Vec<f64> = fields.skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
    if ticks.len() == 2 { (ticks[0] + ticks[1]) / 100.0 } else { f64::NAN }
}

fn seconds_of<T, E: Into<anyhow::Error>>(work: impl FnOnce() -> Result<T, E>) -> Result<f64> {
    let start = Instant::now();
    work().map_err(Into::into)?;
    Ok(start.elapsed().as_secs_f64())
}

fn name(file: &Path) -> String {
    file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned()
}
