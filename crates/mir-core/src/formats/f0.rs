//! The fundamental frequency of one voice as delimited text.

use std::{fmt::Write as _, path::Path};

use super::{
    notes::is_header,
    text::{Row, lines},
};
use crate::{Error, F0Frame, F0Track, Pitch, Result};

/// A pitch track of a text with a frame a line: time in seconds, frequency in Hz, and, if there is a
/// third column, the confidence (0 to 1) that the frame is voiced. Tabs, commas or spaces separate.
///
/// The form of MIREX: 0 Hz is no pitch; a negative frequency is an unvoiced frame whose best guess is
/// the magnitude. Without confidences, a positive frequency has voicing 1. A first line that does not
/// begin with a number is a header (`time,frequency,confidence` of CREPE), `#` begins a comment, and a
/// third column in brackets (a layer number of MedleyDB) is ignored.
///
/// # Errors
/// [`Error::Parse`] with line and column for a field that is missing, too many, not a number or outside
/// its range, and for a time that does not follow the one before it.
///
/// ```
/// let track = mir_core::formats::parse_f0("0.00\t220.0\n0.01\t-220.0\n0.02\t0\n", "x.f0".as_ref())?;
/// let voicing: Vec<f32> = track.frames().iter().map(|frame| frame.voicing).collect();
/// assert_eq!(voicing, [1.0, 0.0, 0.0]);
/// assert!(track.frames()[1].pitch.is_some() && track.frames()[2].pitch.is_none());
/// # Ok::<(), mir_core::Error>(())
/// ```
pub fn parse_f0(text: &str, path: &Path) -> Result<F0Track> {
    let mut frames: Vec<F0Frame> = Vec::new();
    for (line, content) in lines(text) {
        let content = content.trim();
        if content.starts_with('#') {
            continue;
        }
        let mut fields = content.split([',', '\t', ' ']).filter(|field| !field.is_empty());
        let first = fields.next();
        if line == 1 && is_header(first) {
            continue;
        }
        let row = Row { path, line };
        let time = row.time("time", first)?;
        if frames.last().is_some_and(|previous| previous.time >= time) {
            return Err(row.error(
                "time",
                "later than in the line before",
                first.unwrap_or_default(),
            ));
        }
        const HERTZ: &str = "a frequency in Hz, 0 or negative if unvoiced";
        let field = fields.next();
        let hz = row.number("frequency", HERTZ, field)?;
        let pitch = match hz {
            0.0 => None,
            hz => Some(
                Pitch::from_hz(hz.abs())
                    .map_err(|_| row.error("frequency", HERTZ, field.unwrap_or_default()))?,
            ),
        };
        let confidence = match fields.next().filter(|field| !field.starts_with('[')) {
            None => 1.0,
            Some(field) => {
                let value = row.number("confidence", "0 to 1", Some(field))?;
                if !(0.0..=1.0).contains(&value) {
                    return Err(row.error("confidence", "0 to 1", field));
                }
                value
            }
        };
        row.end(fields.next())?;
        let voicing = if hz > 0.0 { confidence as f32 } else { 0.0 };
        frames.push(F0Frame { time, pitch, voicing });
    }
    F0Track::new(frames)
}

/// A pitch track as text, see [`parse_f0`]: tab-separated time (nine decimals) and frequency (six), 0
/// without a pitch, negative where unvoiced. Where a voicing lies between 0 and 1, there is a header and
/// a third column with the confidences.
///
/// ```
/// use mir_core::formats::{parse_f0, render_f0};
///
/// let text = "0.000000000\t220.000000\n0.010000000\t0.000000\n";
/// let track = parse_f0(text, "x.f0".as_ref())?;
/// assert_eq!(render_f0(&track), text);
/// # Ok::<(), mir_core::Error>(())
/// ```
pub fn render_f0(track: &F0Track) -> String {
    let graded = track.frames().iter().any(|f| f.voicing > 0.0 && f.voicing < 1.0);
    let mut text = String::new();
    if graded {
        text.push_str("time\tfrequency\tconfidence\n");
    }
    for frame in track.frames() {
        let hz = match frame.pitch {
            None => 0.0,
            Some(pitch) if frame.voicing > 0.0 => pitch.hz(),
            Some(pitch) => -pitch.hz(),
        };
        let _ = write!(text, "{:.9}\t{hz:.6}", frame.time);
        if graded {
            let _ = write!(text, "\t{}", frame.voicing);
        }
        text.push('\n');
    }
    text
}

/// Checks that a track that came from elsewhere runs forward; for the structured formats.
pub(super) fn track_at(frames: Vec<F0Frame>, path: &Path, place: &str) -> Result<F0Track> {
    F0Track::new(frames).map_err(|error| Error::Entry {
        path: path.to_owned(),
        place: place.to_owned(),
        field: "pitch track",
        expected: "times that increase and voicings from 0 to 1",
        actual: error.to_string(),
    })
}
