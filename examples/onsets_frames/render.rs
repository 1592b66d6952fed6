//! `render`: the training or validation notes of a data set, played by other pianos.

use std::{
    fs,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use mir_audio::{FlacDepth, ResampleConfig, Resampler, level::normalize_peak, write_flac};
use mir_core::{AudioBuffer, Note, SampleRate, formats::write_notes};
use mir_datasets::{
    Split, Track,
    rerender::{RerenderConfig, Variation},
};
use mir_midi::{
    Performance,
    piano::{self, PianoConfig},
};
use rayon::prelude::*;

use crate::{
    args::RenderArgs,
    common::{
        CommonArgs,
        failure::{Failure, Outcome},
        progress::Progress,
        signals::Stop,
    },
    data,
    experiment::Experiment,
    model::ModelArgs,
};

/// Rate of the files: that of the front ends.
const RATE: SampleRate = SampleRate::HZ_16000;

/// Largest sample, dB below full scale.
const PEAK_DB: f64 = -3.0;

/// The verb `render`.
///
/// # Errors
/// A usage failure for settings outside their range, a data failure for files that cannot be read or written.
pub fn render(common: &CommonArgs, args: &RenderArgs, stop: &Stop) -> Outcome<()> {
    let RenderArgs { transpose, tempo, .. } = *args;
    let config = RerenderConfig { transpose, tempo, seed: common.seed.unwrap_or(0) };
    config.validate()?;
    let pianos = Piano::all(args)?;
    let experiment =
        Experiment::resolve(args.data.data.into(), &ModelArgs::default(), common, None)?;
    let split = args.split.parse()?;
    if split == Split::Test {
        return Err(Failure::usage("--split test: nothing may learn from the test split"));
    }
    let tracks = data::open(&args.data, &experiment)?.split(split)?;
    fs::create_dir_all(&args.out).map_err(|e| {
        Failure::data(format!("cannot make the folder {}: {e}", args.out.display()))
    })?;

    let progress =
        Mutex::new(Progress::new("render", "recordings", tracks.len() as u64, common.quiet));
    let (done, seconds) = (AtomicU64::new(0), AtomicU64::new(0));
    tracks.par_iter().enumerate().try_for_each(|(number, track)| {
        if stop.raised() {
            let message = "stopped; the same command goes on with what is missing";
            return Err(Failure::interrupted(message, stop.signal()));
        }
        let variation = config.draw(number as u64);
        let length = play_again(track.as_ref(), &variation, &pianos, &args.out, config.seed)?;
        seconds.fetch_add(length as u64, Ordering::Relaxed);
        let done = 1 + done.fetch_add(1, Ordering::Relaxed);
        if let Ok(mut progress) = progress.lock() {
            progress.set(done, track.id().to_string());
        }
        Ok(())
    })?;
    let minutes = seconds.into_inner() / 60;
    let progress = progress.into_inner().map_err(|_| Failure::data("a thread has failed"))?;
    progress.finish(format!("{} recordings, {minutes} min", tracks.len()));
    Ok(())
}

/// Writes a recording's notes as another piano plays them; how long that is, in seconds. The notes are written
/// last: without them a recording is made anew.
fn play_again(
    track: &dyn Track,
    variation: &Variation,
    pianos: &[Piano],
    folder: &Path,
    seed: u64,
) -> Outcome<f64> {
    let piano = variation.choose(pianos).ok_or_else(|| Failure::usage("no piano to play on"))?;
    // Recordings of several seeds have names of their own, so that a training can hear them all.
    let name = format!("{}-{}-{seed}", track.id(), piano.name());
    let (audio, labels) = (folder.join(format!("{name}.flac")), folder.join(format!("{name}.tsv")));
    let notes = variation.apply(&track.notes()?);
    if !labels.is_file() {
        let sound = piano.play(&notes, variation.seed)?;
        write_flac(&audio, &normalize_peak(sound, PEAK_DB)?, FlacDepth::Int16)?;
        write_notes(&labels, &notes)?;
    }
    Ok(notes.iter().map(Note::offset).fold(0.0, f64::max))
}

/// Who plays.
#[derive(Debug)]
enum Piano {
    /// A synthesised piano of the built-in data set.
    Own(&'static str, Box<PianoConfig>),
    /// A program of a SoundFont.
    #[cfg(feature = "synth")]
    SoundFont { name: String, font: mir_midi::soundfont::SoundFont, program: u8 },
}

impl Piano {
    /// Those of the command line.
    fn all(args: &RenderArgs) -> Outcome<Vec<Self>> {
        if args.soundfont.is_empty() {
            let own = PianoConfig::training().into_iter();
            return Ok(own.map(|(name, config)| Self::Own(name, Box::new(config))).collect());
        }
        let mut pianos = Vec::new();
        for path in &args.soundfont {
            Self::of_font(path, &args.program, &mut pianos)?;
        }
        Ok(pianos)
    }

    #[cfg(feature = "synth")]
    fn of_font(path: &Path, programs: &[u8], pianos: &mut Vec<Self>) -> Outcome<()> {
        let font = mir_midi::soundfont::SoundFont::read(path)?;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        pianos.extend(programs.iter().map(|&program| {
            let name = format!("{stem}-{program}");
            Self::SoundFont { name, font: font.clone(), program }
        }));
        Ok(())
    }

    #[cfg(not(feature = "synth"))]
    fn of_font(_: &Path, _: &[u8], _: &mut Vec<Self>) -> Outcome<()> {
        Err(Failure::usage("this program was built without SoundFonts; add --features synth"))
    }

    fn name(&self) -> &str {
        match self {
            Self::Own(name, _) => name,
            #[cfg(feature = "synth")]
            Self::SoundFont { name, .. } => name,
        }
    }

    /// The sound of notes, mono, at [`RATE`].
    fn play(&self, notes: &[Note], seed: u64) -> Outcome<AudioBuffer> {
        let performance = Performance::from(notes.to_vec());
        match self {
            Self::Own(_, config) => Ok(piano::render(&performance, config, RATE, seed)?),
            #[cfg(feature = "synth")]
            Self::SoundFont { font, program, .. } => {
                use mir_midi::soundfont::SoundFontPart;

                // The synthesiser interpolates linearly: what it does wrong lies above the rate of the files.
                let rate = SampleRate::HZ_44100;
                let (channel, bank, program) = (0, 0, *program);
                let part = SoundFontPart { channel, bank, program, performance };
                let sound = font.render(&[part], seed.is_multiple_of(2), rate)?.into_mono();
                Ok(Resampler::new(ResampleConfig::new(rate, RATE))?.process(&sound)?)
            }
        }
    }
}
