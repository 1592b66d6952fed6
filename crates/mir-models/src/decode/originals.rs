//! The decoders of the original programs, to compare with their scores.
//!
//! All start alike: a cell is on where its probability exceeds the threshold, and a note can begin where the onset is
//! on and was off in the row before. They differ in where it ends. Times are those of rows; nothing is refined.

use std::{fmt, ops::Range, str::FromStr};

use mir_core::{Note, Velocity};
use ndarray::ArrayView1;
use serde::{Deserialize, Serialize};

use crate::{Error, Result, activations::TranscriptionActivations};

/// Whose decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OriginalDecoder {
    /// The course GCT634, homework 3: a note lasts while its onset or its frame is on, but not into the next row
    /// with an onset, be it the very next one: an onset of two rows makes a note of one. All velocities
    /// are alike.
    Hw3,
    /// jongwook/onsets-and-frames: a note lasts while its onset or its frame is on, also past a further onset, which
    /// begins a second note over the first. Its velocity is the mean over its rows with an onset.
    Jongwook,
    /// Magenta: as `Hw3`, but only an onset that was off in the row before ends the note. Its velocity is that of the
    /// first row, squeezed into 10 to 90.
    Magenta,
}

impl OriginalDecoder {
    /// All.
    pub const ALL: [Self; 3] = [Self::Hw3, Self::Jongwook, Self::Magenta];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hw3 => "hw3",
            Self::Jongwook => "jongwook",
            Self::Magenta => "magenta",
        }
    }

    /// The notes of a recording, sorted by onset, each from its first row to the row after its last.
    ///
    /// ```
    /// # use mir_core::{FrameGrid, KeyRange, SampleRate};
    /// # use mir_models::{activations::TranscriptionActivations, decode::OriginalDecoder};
    /// # use ndarray::Array2;
    /// # let empty = Array2::<f32>::zeros((10, 88));
    /// # let mut activations = TranscriptionActivations {
    /// #     grid: FrameGrid::new(SampleRate::HZ_16000, 512, 0)?, keys: KeyRange::PIANO,
    /// #     onset: empty.clone(), frame: empty, offset: None, velocity: None,
    /// # };
    /// activations.onset[(2, 39)] = 0.9;
    /// activations.frame[(3, 39)] = 0.9;
    /// let notes = OriginalDecoder::Hw3.decode(&activations, 0.5, 0.5)?;
    /// assert_eq!((notes[0].onset(), notes[0].offset()), (0.064, 0.128));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`] for a threshold outside [0, 1].
    pub fn decode(
        self,
        activations: &TranscriptionActivations,
        onset_threshold: f64,
        frame_threshold: f64,
    ) -> Result<Vec<Note>> {
        for (field, value) in
            [("onset_threshold", onset_threshold), ("frame_threshold", frame_threshold)]
        {
            if !(0.0..=1.0).contains(&value) {
                return Err(Error::config(field, "0 to 1", value));
            }
        }
        let mut notes = Vec::new();
        for (column, key) in activations.keys.keys().enumerate() {
            let on = |values: ArrayView1<'_, f32>, threshold: f64| -> Vec<bool> {
                values.iter().map(|&p| f64::from(p) > threshold).collect()
            };
            let onsets = on(activations.onset.column(column), onset_threshold);
            let frames = on(activations.frame.column(column), frame_threshold);
            for rows in self.runs(&onsets, &frames) {
                let velocities = activations.velocity.as_ref().map(|v| v.column(column));
                let velocity = velocities.map_or(Velocity::MEDIUM, |velocities| {
                    self.velocity(velocities, &onsets, rows.clone())
                });
                let time = |row: usize| activations.grid.time_of(row);
                let note = Note::new(time(rows.start), time(rows.end), key.pitch(), velocity);
                // Rows follow each other in time, so that the note is one.
                notes.extend(note.ok());
            }
        }
        Note::sort(&mut notes);
        Ok(notes)
    }

    /// The rows of each note of one key.
    fn runs(self, onsets: &[bool], frames: &[bool]) -> Vec<Range<usize>> {
        let rises = |row: usize| onsets[row] && (row == 0 || !onsets[row - 1]);
        let cut = |row: usize| match self {
            Self::Hw3 => onsets[row],
            Self::Jongwook => false,
            Self::Magenta => rises(row),
        };
        let end = |start: usize| {
            let goes_on = |&row: &usize| (onsets[row] || frames[row]) && !cut(row);
            start + 1 + (start + 1..onsets.len()).take_while(goes_on).count()
        };
        (0..onsets.len()).filter(|&row| rises(row)).map(|start| start..end(start)).collect()
    }

    /// Of a note with these rows.
    fn velocity(
        self,
        velocities: ArrayView1<'_, f32>,
        onsets: &[bool],
        rows: Range<usize>,
    ) -> Velocity {
        match self {
            Self::Hw3 => Velocity::MEDIUM,
            Self::Jongwook => {
                let of_onsets =
                    rows.filter(|&row| onsets[row]).map(|row| f64::from(velocities[row]));
                let (count, sum) = of_onsets.fold((0.0, 0.0), |(n, sum), v| (n + 1.0, sum + v));
                Velocity::from_unit(sum / count)
            }
            Self::Magenta => {
                let unit = f64::from(velocities[rows.start]).clamp(0.0, 1.0);
                Velocity::from_unit((80.0 * unit + 10.0).floor() / 127.0)
            }
        }
    }
}

impl fmt::Display for OriginalDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for OriginalDecoder {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|decoder| decoder.name() == text)
            .ok_or_else(|| Error::config("decoder", "hw3, jongwook or magenta", text))
    }
}

#[cfg(test)]
mod tests {
    use mir_core::{FrameGrid, KeyRange, SampleRate};
    use ndarray::Array2;

    use super::*;
    use crate::decode::{NoteDecoderConfig, decode};

    const KEY: usize = 39;

    fn activations(onsets: &[usize], frames: &[usize]) -> TranscriptionActivations {
        let cells = |rows: &[usize]| {
            let mut cells = Array2::zeros((10, 88));
            rows.iter().for_each(|&row| cells[(row, KEY)] = 0.9);
            cells
        };
        TranscriptionActivations {
            grid: FrameGrid::new(SampleRate::HZ_16000, 512, 0).unwrap(),
            keys: KeyRange::PIANO,
            onset: cells(onsets),
            frame: cells(frames),
            offset: None,
            velocity: None,
        }
    }

    fn rows(notes: &[Note]) -> Vec<(usize, usize)> {
        let row = |seconds: f64| (seconds / 0.032).round() as usize;
        notes.iter().map(|note| (row(note.onset()), row(note.offset()))).collect()
    }

    /// The published table: onset rows, frame rows, the notes of the course, of jongwook, of Magenta.
    type Case = (
        &'static [usize],
        &'static [usize],
        &'static [(usize, usize)],
        &'static [(usize, usize)],
        &'static [(usize, usize)],
    );
    const TABLE: [Case; 8] = [
        (&[2], &[2, 3, 4, 5], &[(2, 6)], &[(2, 6)], &[(2, 6)]),
        (&[2, 3], &[2, 3, 4, 5], &[(2, 3)], &[(2, 6)], &[(2, 6)]),
        (&[1, 5], &[1, 2, 3, 4, 5, 6, 7], &[(1, 5), (5, 8)], &[(1, 8), (5, 8)], &[(1, 5), (5, 8)]),
        (&[1], &[2, 3, 5, 6], &[(1, 4)], &[(1, 4)], &[(1, 4)]),
        (&[], &[1, 2, 3, 4], &[], &[], &[]),
        (&[7], &[7, 8, 9], &[(7, 10)], &[(7, 10)], &[(7, 10)]),
        (&[3], &[], &[(3, 4)], &[(3, 4)], &[(3, 4)]),
        (&[0], &[0, 1, 2], &[(0, 3)], &[(0, 3)], &[(0, 3)]),
    ];

    #[test]
    fn notes_begin_and_end_where_the_originals_say() {
        for (onsets, frames, hw3, jongwook, magenta) in TABLE {
            let activations = activations(onsets, frames);
            for (decoder, expected) in
                OriginalDecoder::ALL.into_iter().zip([hw3, jongwook, magenta])
            {
                let notes = decoder.decode(&activations, 0.5, 0.5).unwrap();
                assert_eq!(rows(&notes), expected, "{decoder}, {onsets:?} / {frames:?}");
            }
            // Ours has Magenta's rule, but for times between rows.
            let ours = NoteDecoderConfig { refine: false, ..NoteDecoderConfig::default() };
            assert_eq!(rows(&decode(&activations, &ours).unwrap()), magenta, "{onsets:?}");
        }
    }

    #[test]
    fn velocities_are_those_of_the_originals() {
        let mut activations = activations(&[1, 5], &[1, 2, 3, 4, 5, 6, 7]);
        let mut velocity = Array2::zeros((10, 88));
        velocity[(1, KEY)] = 0.5;
        velocity[(5, KEY)] = 0.9;
        activations.velocity = Some(velocity);
        let velocities = |decoder: OriginalDecoder| -> Vec<u8> {
            let notes = decoder.decode(&activations, 0.5, 0.5).unwrap();
            notes.iter().map(|note| note.velocity().value()).collect()
        };
        let of = |unit: f64| Velocity::from_unit(unit).value();
        assert_eq!(velocities(OriginalDecoder::Hw3), [64, 64]);
        assert_eq!(velocities(OriginalDecoder::Jongwook), [of(0.7), of(0.9)]);
        // 0.9 is a little less as a 32-bit float, and the rest is cut off.
        assert_eq!(velocities(OriginalDecoder::Magenta), [50, 81]);
    }

    #[test]
    fn names_are_read_and_bad_thresholds_refused() {
        for decoder in OriginalDecoder::ALL {
            assert_eq!(decoder.to_string().parse::<OriginalDecoder>().unwrap(), decoder);
        }
        assert!(matches!("hft".parse::<OriginalDecoder>(), Err(Error::Config { .. })));
        let activations = activations(&[], &[]);
        for bad in [-0.1, 1.5, f64::NAN] {
            assert!(OriginalDecoder::Hw3.decode(&activations, bad, 0.5).is_err());
            assert!(OriginalDecoder::Hw3.decode(&activations, 0.5, bad).is_err());
        }
    }
}
