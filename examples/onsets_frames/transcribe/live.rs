//! Raw audio from standard input, notes as a table on standard output, each as soon as it has ended.

use std::{
    io::{self, Read, Write},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::Duration,
};

use mir_audio::{RawDecoder, RawFormat, ResampleConfig, Resampler, StreamingResampler};
use mir_core::{Note, SampleRate, formats};
use mir_models::infer::{Segments, Transcriber, TranscriptionStream};

use super::settings::{Ear as Hearing, Setup};
use crate::{
    args::{SampleFormat, TranscribeArgs},
    common::{
        CommonArgs,
        failure::{Failure, Outcome},
        signals::Stop,
    },
};

/// Seconds from the end of a note to its line: a sixth of the frames that are read are kept then.
const LATENCY: f64 = 4.3;

/// How often a signal is looked for while no audio comes.
const PATIENCE: Duration = Duration::from_millis(100);

/// Transcribes standard input until it ends or a signal comes; what sounds then ends there.
///
/// # Errors
/// A usage failure for settings outside their range; a data failure for samples that are no numbers or
/// incomplete; an interruption.
pub fn transcribe(common: &CommonArgs, args: &TranscribeArgs, stop: &Stop) -> Outcome<()> {
    let setup = Setup::new(common, args)?;
    let format = match args.live.sample_format.unwrap_or_default() {
        SampleFormat::S16 => RawFormat::Int16,
        SampleFormat::F32 => RawFormat::Float32,
    };
    let rate = SampleRate::new(args.live.rate.unwrap_or(44_100))
        .map_err(|e| Failure::usage(format!("--rate: {e}")))?;
    let Hearing::Notes(transcriber) = setup.ear else {
        let text = "these weights hear whole recordings; a stream needs those of Onsets and Frames";
        return Err(Failure::usage(text));
    };
    let transcriber = in_time(*transcriber, args.live.latency.unwrap_or(LATENCY))?;
    let mut ear = Ear::new(&transcriber, rate, format)?;
    let mut printer = Printer::new()?;
    let input = read_in_pieces();
    let interrupted = loop {
        match input.recv_timeout(PATIENCE) {
            _ if stop.raised() => break true,
            Ok(bytes) => ear.hear(&bytes.map_err(|e| unreadable(&e))?)?,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break false,
        }
        if !printer.print(&mut ear.notes)? {
            return Ok(());
        }
    };
    let Ear { mut notes, rest, samples, .. } = ear.finish()?;
    printer.print(&mut notes)?;
    if interrupted {
        return Err(Failure::interrupted(
            "stopped; all notes until now are printed",
            stop.signal(),
        ));
    }
    if let Some(path) = &common.json {
        let summary =
            serde_json::json!({ "notes": printer.notes, "seconds": rate.seconds(samples) });
        mir_core::publish::write(path, format!("{summary:#}\n").as_bytes())?;
    }
    Ok(rest.finish()?)
}

/// In segments whose notes come in time.
fn in_time(transcriber: Transcriber, latency: f64) -> Outcome<Transcriber> {
    let frame_rate = transcriber.grid().frame_rate();
    // Beside the look-ahead of the network: that of the decoder, and half an analysis frame.
    let own = transcriber.model().meta().decoder.delay() + 3;
    let segments = Segments::live(((latency * frame_rate) as usize).saturating_sub(own));
    let least = (segments.look_ahead() + own) as f64 / frame_rate;
    if !(least..=600.0).contains(&latency) {
        let text = format!("--latency {latency}: expected {least:.1} to 600 seconds");
        return Err(Failure::usage(text));
    }
    Ok(transcriber.with_segments(segments)?)
}

/// From bytes to notes.
struct Ear<'a> {
    rest: RawDecoder,
    resampler: StreamingResampler,
    stream: Option<TranscriptionStream<'a>>,
    /// Samples so far, at the rate of the input.
    samples: usize,
    /// Notes that have ended and have not been printed.
    notes: Vec<Note>,
}

impl<'a> Ear<'a> {
    fn new(transcriber: &'a Transcriber, rate: SampleRate, format: RawFormat) -> Outcome<Self> {
        let config = ResampleConfig::new(rate, transcriber.sample_rate());
        Ok(Self {
            rest: RawDecoder::new(format),
            resampler: Resampler::new(config)?.streaming(1),
            stream: Some(transcriber.stream()?),
            samples: 0,
            notes: Vec::new(),
        })
    }

    fn hear(&mut self, bytes: &[u8]) -> Outcome<()> {
        let (mut samples, mut resampled) = (Vec::new(), vec![Vec::new()]);
        self.rest.push(bytes, &mut samples);
        if let Some(bad) = samples.iter().position(|x| !x.is_finite()) {
            let number = self.samples + bad;
            return Err(Failure::data(format!("sample {number} of standard input is no number")));
        }
        self.samples += samples.len();
        self.resampler.push(&[samples], &mut resampled);
        if let Some(stream) = &mut self.stream {
            stream.push(&resampled[0], &mut self.notes)?;
        }
        Ok(())
    }

    /// Ends the recording: the rest of the notes.
    fn finish(mut self) -> Outcome<Self> {
        let mut resampled = vec![Vec::new()];
        self.resampler.finish(&mut resampled);
        if let Some(mut stream) = self.stream.take() {
            stream.push(&resampled[0], &mut self.notes)?;
            stream.finish(&mut self.notes)?;
        }
        Ok(self)
    }
}

/// Standard input from a thread of its own, so that signals are seen while nothing comes. At most a few
/// pieces wait: who writes faster than the network hears is held up.
fn read_in_pieces() -> Receiver<io::Result<Vec<u8>>> {
    let (sender, receiver) = mpsc::sync_channel(4);
    thread::spawn(move || {
        let mut input = io::stdin().lock();
        let mut piece = vec![0; 1 << 16];
        loop {
            let read = match input.read(&mut piece) {
                Ok(0) => break,
                Ok(length) => Ok(piece[..length].to_vec()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
            // The receiver is gone once the transcription has ended.
            let failed = read.is_err();
            if sender.send(read).is_err() || failed {
                break;
            }
        }
    });
    receiver
}

fn unreadable(error: &io::Error) -> Failure {
    Failure::data(format!("cannot read standard input: {error}"))
}

/// Notes as lines.
struct Printer {
    out: io::Stdout,
    notes: usize,
}

impl Printer {
    /// With the header of the table.
    fn new() -> Outcome<Self> {
        let mut printer = Self { out: io::stdout(), notes: 0 };
        printer.write(&formats::render_notes(&[]))?;
        Ok(printer)
    }

    /// Prints the notes, flushed, and forgets them; whether anyone still listens.
    fn print(&mut self, notes: &mut Vec<Note>) -> Outcome<bool> {
        self.notes += notes.len();
        let text = formats::render_notes(notes);
        notes.clear();
        // The header stands above the first of them already.
        self.write(text.split_once('\n').map_or("", |(_, lines)| lines))
    }

    fn write(&mut self, text: &str) -> Outcome<bool> {
        match self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(Failure::data(format!("cannot write to standard output: {error}"))),
        }
    }
}
