//! TensorBoard event files.
//!
//! A file is a sequence of records: length (u64, little-endian), masked CRC-32C of the length bytes,
//! payload, masked CRC-32C of the payload. The payload is a protobuf message `Event`, written here by
//! hand: the format needs a dozen message types of a few fields each.

mod histogram;
mod hparams;
mod message;
mod sound;

use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use mir_core::AudioBuffer;

use crate::{Error, Result};

pub use hparams::HParam;
pub use message::masked_crc32c;
use message::{Message, write_record};

/// Writes what TensorBoard shows: numbers, pictures, distributions, texts, sounds, settings of runs.
#[derive(Debug)]
pub struct EventWriter {
    file: BufWriter<File>,
    path: PathBuf,
}

impl EventWriter {
    /// A new event file in a folder. When a run is continued, `resume_at` is its next step: TensorBoard
    /// then drops what an earlier file says about that step and later ones.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be made.
    pub fn create(folder: &Path, resume_at: Option<u64>) -> Result<Self> {
        let seconds = unix_time() as u64;
        let mut attempt = 0;
        // Two runs may start within one second: the number at the end keeps their files apart.
        let (file, path) = loop {
            let name =
                format!("events.out.tfevents.{seconds:010}.mir.{}.{attempt}", std::process::id());
            let path = folder.join(name);
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => break (file, path),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => attempt += 1,
                Err(source) => {
                    return Err(Error::Io { action: "write", path, source });
                }
            }
        };
        let mut writer = Self { file: BufWriter::new(file), path };
        let mut version = Message::default();
        version.double(1, unix_time());
        version.bytes(3, b"brain.Event:2");
        writer.record(&version.0)?;
        if let Some(step) = resume_at {
            let mut session = Message::default();
            session.integer(1, 1); // SessionLog.START
            let mut event = Message::default();
            event.double(1, unix_time());
            event.integer(2, step);
            event.bytes(7, &session.0);
            writer.record(&event.0)?;
        }
        Ok(writer)
    }

    /// One number.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be written.
    pub fn scalar(&mut self, tag: &str, step: u64, value: f64) -> Result<()> {
        self.value(unix_time(), tag, step, |message| message.float(2, value as f32))
    }

    /// One picture, as the bytes of a PNG file.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be written.
    pub fn image(&mut self, tag: &str, step: u64, png: &[u8]) -> Result<()> {
        let (width, height) = png_size(png);
        let mut image = Message::default();
        image.integer(1, u64::from(height));
        image.integer(2, u64::from(width));
        image.integer(3, png_channels(png));
        image.bytes(4, png);
        self.value(unix_time(), tag, step, |message| message.bytes(4, &image.0))
    }

    /// The distribution of values, those that are numbers: of weights or gradients, say.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be written.
    pub fn histogram(&mut self, tag: &str, step: u64, values: &[f32]) -> Result<()> {
        let histogram = histogram::encode(values);
        self.value(unix_time(), tag, step, |message| message.bytes(5, &histogram.0))
    }

    /// A text, which TensorBoard reads as Markdown.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be written.
    pub fn text(&mut self, tag: &str, step: u64, text: &str) -> Result<()> {
        self.value(unix_time(), tag, step, |value| {
            value.message(9, |metadata| metadata.message(1, |plugin| plugin.bytes(1, b"text")));
            value.message(8, |tensor| {
                tensor.integer(1, 7); // DT_STRING
                tensor.message(2, |shape| shape.message(2, |axis| axis.integer(1, 1)));
                tensor.bytes(8, text.as_bytes());
            });
        })
    }

    /// A sound, as 16-bit WAV; samples beyond ±1 are clipped.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be written.
    pub fn audio(&mut self, tag: &str, step: u64, audio: &AudioBuffer) -> Result<()> {
        let sound = sound::encode(audio);
        self.value(unix_time(), tag, step, |message| message.bytes(6, &sound.0))
    }

    /// The settings of a run and the names of the scalars to compare runs by; at the start.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be written.
    pub fn hparams(&mut self, settings: &[(String, HParam)], metrics: &[&str]) -> Result<()> {
        let time = unix_time();
        let start = hparams::session_start(settings, time);
        for (tag, content) in [
            ("_hparams_/experiment", hparams::experiment(settings, metrics, time)),
            ("_hparams_/session_start_info", start),
        ] {
            self.value(time, tag, 0, |value| hparams::metadata(value, &content))?;
        }
        Ok(())
    }

    /// The end of a run whose settings were given, and whether it was a success.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be written.
    pub fn hparams_end(&mut self, success: bool) -> Result<()> {
        let time = unix_time();
        let content = hparams::session_end(success, time);
        let tag = "_hparams_/session_end_info";
        self.value(time, tag, 0, |value| hparams::metadata(value, &content))
    }

    /// Hands everything to the operating system.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be written.
    pub fn flush(&mut self) -> Result<()> {
        let Self { file, path } = self;
        file.flush().map_err(|source| Error::Io { action: "write", path: path.clone(), source })
    }

    fn value(
        &mut self,
        time: f64,
        tag: &str,
        step: u64,
        fill: impl FnOnce(&mut Message),
    ) -> Result<()> {
        self.record(&summary_event(time, tag, step, fill))
    }

    fn record(&mut self, payload: &[u8]) -> Result<()> {
        let Self { file, path } = self;
        write_record(file, payload).map_err(|source| Error::Io {
            action: "write",
            path: path.clone(),
            source,
        })
    }
}

/// An `Event` with one summary value.
fn summary_event(time: f64, tag: &str, step: u64, fill: impl FnOnce(&mut Message)) -> Vec<u8> {
    let mut value = Message::default();
    value.bytes(1, tag.as_bytes());
    fill(&mut value);
    let mut summary = Message::default();
    summary.bytes(1, &value.0);
    let mut event = Message::default();
    event.double(1, time);
    event.integer(2, step);
    event.bytes(5, &summary.0);
    event.0
}

/// Channels of a PNG file, from its colour type; a palette is one of colours.
fn png_channels(png: &[u8]) -> u64 {
    match png.get(25) {
        Some(0) => 1,
        Some(4) => 2,
        Some(6) => 4,
        _ => 3,
    }
}

/// Width and height of a PNG file: the first eight bytes of its first chunk's content. 0 if it is cut off.
fn png_size(png: &[u8]) -> (u32, u32) {
    let number = |at: usize| {
        let bytes = png.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, u32::from_be_bytes)
    };
    (number(16), number(20))
}

fn unix_time() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn checksums_match_the_published_vectors() {
        assert_eq!(masked_crc32c(b"123456789"), 0xc78a_b0e5);
        assert_eq!(masked_crc32c(b""), 0xa282_ead8);
    }

    #[test]
    fn records_match_the_published_bytes() {
        let mut version = Vec::new();
        let mut message = Message::default();
        message.bytes(3, b"brain.Event:2");
        write_record(&mut version, &message.0).unwrap();
        let expected = "0f000000000000006d532b091a0d627261696e2e4576656e743a32fc985129";
        assert_eq!(hex(&version), expected);

        let mut scalar = Vec::new();
        let event = summary_event(1.0, "loss", 7, |value| value.float(2, 0.5));
        write_record(&mut scalar, &event).unwrap();
        let expected =
            "1a00000000000000129bd82d09000000000000f03f10072a0d0a0b0a046c6f7373150000003f862c9a2f";
        assert_eq!(hex(&scalar), expected);
    }

    #[test]
    fn a_file_reads_back_record_by_record() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = EventWriter::create(folder.path(), Some(5)).unwrap();
        writer.scalar("loss/onset", 300, 0.25).unwrap();
        let mut png = vec![0; 24];
        png[18..20].copy_from_slice(&[2, 128]); // 640
        png[22..24].copy_from_slice(&[1, 96]); // 352
        writer.image("rolls", 300, &png).unwrap();
        writer.flush().unwrap();
        let bytes = fs::read(&writer.path).unwrap();
        let mut rest = &bytes[..];
        let mut payloads = Vec::new();
        while !rest.is_empty() {
            let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
            let check = |range: std::ops::Range<usize>| {
                let crc = u32::from_le_bytes(rest[range.end..range.end + 4].try_into().unwrap());
                assert_eq!(crc, masked_crc32c(&rest[range]));
            };
            check(0..8);
            check(12..12 + length);
            payloads.push(rest[12..12 + length].to_vec());
            rest = &rest[16 + length..];
        }
        assert_eq!(payloads.len(), 4);
        let contains = |payload: &[u8], text: &[u8]| payload.windows(text.len()).any(|w| w == text);
        assert!(contains(&payloads[0], b"brain.Event:2"));
        assert!(contains(&payloads[2], b"loss/onset"));
        assert!(contains(&payloads[2], &0.25f32.to_le_bytes()));
        // Height 352, width 640, RGB, and the 24 bytes of the picture.
        assert!(contains(&payloads[3], &[8, 0xe0, 2, 16, 0x80, 5, 24, 3, 4 << 3 | 2, 24]));
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
