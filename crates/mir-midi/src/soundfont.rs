//! How does a performance sound with the sampled instruments of a SoundFont?
//!
//! SoundFont 2 files are played by the `rustysynth` crate. Its panics on damaged files are caught here, and
//! chunks that claim more bytes than there are never reach it.
//!
//! # Conventions
//! Stereo, at 16 to 192 kHz. Events take effect within 8 samples of their time. Channel 9 plays percussion,
//! as in General MIDI; the synthesiser follows the sustain pedal itself, so performances hold keys, not
//! sounding notes. Nothing is random.

use std::{
    fmt,
    fs::File,
    io::{Cursor, Read as _},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
};

use mir_core::{AudioBuffer, Note, SampleRate};
use rustysynth::{Synthesizer, SynthesizerSettings};

use crate::{Error, Performance, Result, ScorePart, piano::MAX_SECONDS};

/// Largest SoundFont that is read, in bytes (4 GiB is the most that its format can hold; this is half).
pub const MAX_BYTES: u64 = 2 << 30;

/// Samples between two looks at the events, the least that the synthesiser admits.
const BLOCK: usize = 8;

/// Sound after the last event, seconds.
const TAIL: f64 = 3.0;

/// What one instrument plays. Several may share a channel, and then its pedals.
#[derive(Clone, Debug, PartialEq)]
pub struct SoundFontPart {
    /// MIDI channel, 0 to 15; 9 is percussion.
    pub channel: u8,
    /// Bank, 0 to 127.
    pub bank: u8,
    /// General MIDI program counted from 0, 0 to 127; on channel 9 the drum kit.
    pub program: u8,
    /// Keys and pedals.
    pub performance: Performance,
}

/// The same channel and program, bank 0.
impl From<ScorePart> for SoundFontPart {
    fn from(ScorePart { channel, program, performance }: ScorePart) -> Self {
        Self { channel, bank: 0, program, performance }
    }
}

/// The instruments of a SoundFont 2 file.
#[derive(Clone)]
pub struct SoundFont {
    font: Arc<rustysynth::SoundFont>,
}

impl fmt::Debug for SoundFont {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SoundFont").field("presets", &self.font.get_presets().len()).finish()
    }
}

impl SoundFont {
    /// Reads a `.sf2` file.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::Limit`] above [`MAX_BYTES`], else [`Error::File`] with
    /// the path around an error of [`parse`](Self::parse).
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
            .map_err(|source| Error::Io { path: path.to_owned(), source })?;
        if bytes.len() as u64 > MAX_BYTES {
            let (limit, actual) = (MAX_BYTES as f64, bytes.len() as f64);
            return Err(Error::Limit { field: "bytes of the SoundFont", limit, actual });
        }
        Self::parse(&bytes)
            .map_err(|source| Error::File { path: path.to_owned(), source: Box::new(source) })
    }

    /// From the bytes of a `.sf2` file.
    ///
    /// # Errors
    /// [`Error::SoundFont`] for what is no SoundFont 2, is compressed (`.sf3`), or is damaged.
    ///
    /// ```
    /// use mir_midi::{Error, soundfont::SoundFont};
    ///
    /// assert!(matches!(SoundFont::parse(b"RIFF"), Err(Error::SoundFont { .. })));
    /// ```
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        check_chunks(bytes)?;
        let font = catch_unwind(|| rustysynth::SoundFont::new(&mut Cursor::new(bytes)))
            .map_err(|_| damaged("its tables contradict each other"))?
            .map_err(|error| damaged(&error.to_string()))?;
        Ok(Self { font: Arc::new(font) })
    }

    /// The sound of all channels together, stereo. It ends 3 s after the last event at most; without notes
    /// there are no samples. Pitches go to the nearest key; notes beyond the 128 keys are left out.
    ///
    /// # Errors
    /// [`Error::Limit`] for a sample rate outside 16 to 192 kHz, or a channel, bank or program outside its
    /// range; [`Error::TooLong`] if the last event is after [`MAX_SECONDS`]; [`Error::SoundFont`] if the
    /// file's tables lead the synthesiser out of its samples.
    pub fn render(
        &self,
        parts: &[SoundFontPart],
        reverb: bool,
        sample_rate: SampleRate,
    ) -> Result<AudioBuffer> {
        for part in parts {
            for (field, value, limit) in [
                ("channel", part.channel, 15),
                ("bank", part.bank, 127),
                ("program", part.program, 127),
            ] {
                if value > limit {
                    let (limit, actual) = (f64::from(limit), f64::from(value));
                    return Err(Error::Limit { field, limit, actual });
                }
            }
        }
        let messages = messages(parts, sample_rate);
        let notes = parts.iter().flat_map(|part| &part.performance.notes);
        if notes.count() == 0 {
            return Ok(AudioBuffer::silence(sample_rate, 2, 0)?);
        }
        let last = messages.iter().map(|message| message.time).fold(0.0, f64::max);
        if last > MAX_SECONDS {
            return Err(Error::TooLong { seconds: last, limit: MAX_SECONDS });
        }
        let mut settings = SynthesizerSettings::new(sample_rate.hz() as i32);
        settings.block_size = BLOCK;
        settings.maximum_polyphony = 256;
        settings.enable_reverb_and_chorus = reverb;
        let mut synthesizer =
            Synthesizer::new(&self.font, &settings).map_err(|_| Error::Limit {
                field: "sample rate in Hz",
                limit: if sample_rate.hz() < 16_000 { 16_000.0 } else { 192_000.0 },
                actual: f64::from(sample_rate.hz()),
            })?;
        let mut channels = [(); 2].map(|()| vec![0.0f32; sample_rate.sample_at(last + TAIL)]);
        let [left, right] = &mut channels;
        // Only these buffers and the synthesiser are touched, and both are thrown away after a panic.
        catch_unwind(AssertUnwindSafe(|| {
            let mut at = 0;
            for message in &messages {
                let next = sample_rate.sample_at(message.time).min(left.len());
                if next > at {
                    synthesizer.render(&mut left[at..next], &mut right[at..next]);
                    at = next;
                }
                let [status, first, second] = message.data;
                synthesizer.process_midi_message(message.channel, status, first, second);
            }
            synthesizer.render(&mut left[at..], &mut right[at..]);
        }))
        .map_err(|_| damaged("it leads the synthesiser out of its samples"))?;
        let quiet = |channel: &[f32]| channel.iter().rposition(|x| x.abs() > 1e-5);
        let end = quiet(left).max(quiet(right)).map_or(0, |n| n + 1);
        let end = end.max(sample_rate.sample_at(last));
        Ok(AudioBuffer::from_channels(sample_rate, &[&left[..end], &right[..end]])?)
    }
}

fn damaged(reason: &str) -> Error {
    Error::SoundFont { reason: reason.to_owned() }
}

/// A MIDI message on its way to the synthesiser.
struct Message {
    time: f64,
    /// Of messages at one time the lower rank comes first.
    rank: u8,
    channel: i32,
    data: [i32; 3],
}

/// Everything that the parts do, in order of time: releases, then pedals, then onsets.
fn messages(parts: &[SoundFontPart], rate: SampleRate) -> Vec<Message> {
    let mut messages = Vec::new();
    for part in parts {
        let channel = i32::from(part.channel);
        // Parts that take turns on a channel call for their instrument with every note.
        let shares_channel = parts.iter().filter(|p| p.channel == part.channel).count() > 1;
        let mut push = |time: f64, rank, data| messages.push(Message { time, rank, channel, data });
        let bank = [0xb0, 0, i32::from(part.bank)];
        let program = [0xc0, i32::from(part.program), 0];
        push(0.0, 0, bank);
        push(0.0, 1, program);
        for note in &part.performance.notes {
            let Some(key) = note.pitch().key() else { continue };
            let key = i32::from(key.number());
            let velocity = i32::from(note.velocity().value().max(1));
            if shares_channel {
                push(note.onset(), 4, bank);
                push(note.onset(), 4, program);
            }
            push(note.onset(), 4, [0x90, key, velocity]);
            push(sounding_end(note, rate), 2, [0x80, key, 0]);
        }
        for event in &part.performance.pedals {
            if event.time.is_finite() && event.time >= 0.0 {
                let controller = i32::from(event.pedal.controller());
                push(event.time, 3, [0xb0, controller, i32::from(event.value.min(127))]);
            }
        }
    }
    messages.sort_by(|a, b| a.time.total_cmp(&b.time).then(a.rank.cmp(&b.rank)));
    messages
}

/// End of a note; one of no length would be released before it began.
fn sounding_end(note: &Note, rate: SampleRate) -> f64 {
    note.offset().max(note.onset() + BLOCK as f64 / f64::from(rate.hz()))
}

/// Checks that every chunk lies within the one around it: the synthesiser takes lengths at their word and
/// would reserve gigabytes.
fn check_chunks(bytes: &[u8]) -> Result<()> {
    let cut = || damaged("a chunk is longer than the file");
    let chunk = |bytes: &[u8]| -> Result<([u8; 4], usize)> {
        let header = bytes.first_chunk::<8>().ok_or_else(cut)?;
        let [a, b, c, d, w, x, y, z] = *header;
        let length = u32::from_le_bytes([w, x, y, z]) as usize;
        if length > bytes.len() - 8 {
            return Err(cut());
        }
        Ok(([a, b, c, d], length))
    };
    let (id, length) = chunk(bytes)?;
    if &id != b"RIFF" || bytes.get(8..12) != Some(b"sfbk") {
        return Err(damaged("it does not begin as a SoundFont"));
    }
    let mut rest = bytes.get(12..8 + length).ok_or_else(cut)?;
    while !rest.is_empty() {
        let (id, length) = chunk(rest)?;
        let content = &rest[8..8 + length];
        if &id == b"LIST" {
            let mut inner = content.get(4..).ok_or_else(cut)?;
            while !inner.is_empty() {
                let (_, length) = chunk(inner)?;
                inner = inner.get(8 + length + length % 2..).unwrap_or_default();
            }
        }
        rest = rest.get(8 + length + length % 2..).unwrap_or_default();
    }
    Ok(())
}
