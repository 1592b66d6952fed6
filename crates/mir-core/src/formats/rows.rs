//! Delimited text, row by row: what a reader of a format with columns of its own builds on.

use std::{borrow::Cow, path::Path};

use super::text::{Row, csv_fields, lines};
use crate::{Beat, Beats, Error, Interval, Labeled, MultiF0, Pitch, Result};

/// What separates the fields of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Delimiter {
    /// Each comma; fields in double quotes may hold commas.
    Comma,
    /// Each tab.
    Tab,
    /// Any run of commas, semicolons, tabs and spaces.
    Any,
}

/// One line of a delimited text. Its errors name file, line and column.
#[derive(Clone, Debug)]
pub struct TextRow<'a> {
    row: Row<'a>,
    fields: Vec<Cow<'a, str>>,
}

impl<'a> TextRow<'a> {
    /// Number of the line, from 1.
    pub fn line(&self) -> usize {
        self.row.line
    }

    /// Number of fields.
    #[expect(clippy::len_without_is_empty, reason = "a row always has a field")]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// A field without the white space around it; empty where the row ends before it.
    pub fn text(&self, column: usize) -> &str {
        self.fields.get(column).map_or("", |field| field.trim())
    }

    /// The fields from a column on, joined by single spaces: a label at the end of a line.
    pub fn rest(&self, column: usize) -> String {
        let rest = self.fields.iter().skip(column).map(|field| field.trim());
        rest.filter(|field| !field.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// Whether its first field is a finite number; a header's is not.
    pub fn is_data(&self) -> bool {
        super::text::finite(self.text(0)).is_some()
    }

    /// A time in seconds, 0 to [`MAX_SECONDS`](super::MAX_SECONDS).
    ///
    /// # Errors
    /// [`Error::Parse`] with `name` as the field.
    pub fn time(&self, column: usize, name: &'static str) -> Result<f64> {
        self.row.time(name, Some(self.text(column)))
    }

    /// A finite number for which `admits` holds.
    ///
    /// # Errors
    /// [`Error::Parse`] with `name` as the field.
    pub fn number(
        &self,
        column: usize,
        name: &'static str,
        expected: &'static str,
        admits: impl Fn(f64) -> bool,
    ) -> Result<f64> {
        let text = self.text(column);
        let value = self.row.number(name, expected, Some(text))?;
        if admits(value) { Ok(value) } else { Err(self.row.error(name, expected, text)) }
    }

    /// A frequency in Hz; `None` for 0.
    ///
    /// # Errors
    /// [`Error::Parse`] for a negative one.
    pub fn pitch_hz(&self, column: usize) -> Result<Option<Pitch>> {
        const EXPECTED: &str = "a frequency in Hz, at least 0";
        let hz = self.number(column, "frequency", EXPECTED, |hz| hz >= 0.0)?;
        if hz == 0.0 {
            return Ok(None);
        }
        Pitch::from_hz(hz).map(Some).map_err(|_| self.error(column, "frequency", EXPECTED))
    }

    /// The error for a field that cannot be used.
    pub fn error(&self, column: usize, name: &'static str, expected: &'static str) -> Error {
        self.row.error(name, expected, self.text(column))
    }
}

/// The lines of a text that have content, each cut into fields; `path` names the text in errors.
///
/// ```
/// use mir_core::formats::{Delimiter, text_rows};
///
/// let rows: Vec<_> = text_rows("0.5\tN\n\n1.5\tA:min\n", Delimiter::Tab, "a.lab".as_ref()).collect();
/// assert_eq!((rows[1].line(), rows[1].text(1)), (3, "A:min"));
/// assert!(rows[0].time(1, "end").is_err());
/// ```
pub fn text_rows<'a>(
    text: &'a str,
    delimiter: Delimiter,
    path: &'a Path,
) -> impl Iterator<Item = TextRow<'a>> {
    lines(text).map(move |(line, content)| {
        let fields = match delimiter {
            Delimiter::Comma if content.contains('"') => {
                csv_fields(content).into_iter().map(Cow::Owned).collect()
            }
            Delimiter::Comma => content.split(',').map(Cow::Borrowed).collect(),
            Delimiter::Tab => content.split('\t').map(Cow::Borrowed).collect(),
            Delimiter::Any => content
                .split([',', ';', '\t', ' ', '\r'])
                .filter(|field| !field.is_empty())
                .map(Cow::Borrowed)
                .collect(),
        };
        TextRow { row: Row { path, line }, fields }
    })
}

/// Beats, one a line: time in seconds, then, if it is annotated, the position in the bar from 1 (0 outside
/// any bar). Tabs, commas or spaces separate; a first line without a number is a header.
///
/// # Errors
/// [`Error::Parse`] with line and column for a field that is no number or outside its range, and for a
/// time that does not follow the one before it.
///
/// ```
/// let beats = mir_core::formats::parse_beats("0.5\t1\n1.0\t2\n", "x.beats".as_ref())?;
/// assert_eq!(beats.as_slice()[1].position, Some(2));
/// # Ok::<(), mir_core::Error>(())
/// ```
pub fn parse_beats(text: &str, path: &Path) -> Result<Beats> {
    const POSITION: &str = "a whole number from 0 to 32";
    let mut beats: Vec<Beat> = Vec::new();
    for row in text_rows(text, Delimiter::Any, path) {
        if row.line() == 1 && !row.is_data() {
            continue;
        }
        let position = |value: f64| (0.0..=32.0).contains(&value) && value.fract() == 0.0;
        let position = match row.text(1) {
            "" => None,
            _ => Some(row.number(1, "position", POSITION, position)? as u32),
        };
        beats.push(Beat { time: later(&row, beats.last().map(|beat| beat.time))?, position });
    }
    Beats::new(beats)
}

/// The time in the first field, which has to follow the one before it.
fn later(row: &TextRow<'_>, previous: Option<f64>) -> Result<f64> {
    let time = row.time(0, "time")?;
    if previous.is_some_and(|previous| previous >= time) {
        return Err(row.error(0, "time", "later than in the line before"));
    }
    Ok(time)
}

/// Labelled intervals, one a line: start and end in seconds, then the label, which may hold spaces and may
/// be empty. Tabs, commas or spaces separate, any number of them.
///
/// # Errors
/// [`Error::Parse`] with line and column for a time that is none, and for an end before its start.
///
/// ```
/// let chords = mir_core::formats::parse_labels("0.0 2.61 N\n2.61 4.5 A:min\n", "x.lab".as_ref())?;
/// assert_eq!((chords[1].interval.end(), chords[1].label.as_str()), (4.5, "A:min"));
/// # Ok::<(), mir_core::Error>(())
/// ```
pub fn parse_labels(text: &str, path: &Path) -> Result<Vec<Labeled<String>>> {
    text_rows(text, Delimiter::Any, path)
        .filter(|row| row.line() > 1 || row.is_data())
        .map(|row| {
            let (start, end) = (row.time(0, "start")?, row.time(1, "end")?);
            let interval = Interval::new(start, end)
                .map_err(|_| row.error(1, "end", "not before the start"))?;
            Ok(Labeled { interval, label: row.rest(2) })
        })
        .collect()
}

/// Several fundamental frequencies at each time, one time a line: seconds, then any number of frequencies
/// in Hz. Zeros fill up columns and are left out, as is a frequency that a line repeats. Tabs, commas or
/// spaces separate.
///
/// # Errors
/// [`Error::Parse`] with line and column for a field that is no number or negative, and for a time that
/// does not follow the one before it.
///
/// ```
/// let f0 = mir_core::formats::parse_multi_f0("0.0\n0.01\t220.0\t0.0\t440.0\n", "x.csv".as_ref())?;
/// assert_eq!((f0.pitches()[0].len(), f0.pitches()[1].len()), (0, 2));
/// # Ok::<(), mir_core::Error>(())
/// ```
pub fn parse_multi_f0(text: &str, path: &Path) -> Result<MultiF0> {
    let (mut times, mut pitches) = (Vec::new(), Vec::new());
    for row in text_rows(text, Delimiter::Any, path) {
        if row.line() == 1 && !row.is_data() {
            continue;
        }
        times.push(later(&row, times.last().copied())?);
        let mut sounding: Vec<Pitch> = Vec::new();
        for column in 1..row.len() {
            if let Some(pitch) = row.pitch_hz(column)?
                && !sounding.contains(&pitch)
            {
                sounding.push(pitch);
            }
        }
        pitches.push(sounding);
    }
    MultiF0::new(times, pitches)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_named_with_their_line() {
        let path = Path::new("x");
        let line = |error: Result<()>| match error {
            Err(Error::Parse { line, field, .. }) => (line, field),
            other => panic!("{other:?}"),
        };
        assert_eq!(line(parse_beats("0.5 1\n0.5 2\n", path).map(drop)), (2, "time"));
        assert_eq!(line(parse_beats("0.5 40\n", path).map(drop)), (1, "position"));
        assert_eq!(line(parse_labels("0 1 N\n\n2 1 A\n", path).map(drop)), (3, "end"));
        assert_eq!(line(parse_multi_f0("0 220\n1 -220\n", path).map(drop)), (2, "frequency"));
        assert_eq!(line(parse_multi_f0("0 220\nx 220\n", path).map(drop)), (2, "time"));
    }

    #[test]
    fn empty_texts_are_empty_annotations() {
        let path = Path::new("x");
        assert!(parse_beats("", path).unwrap().as_slice().is_empty());
        assert!(parse_labels("\n\n", path).unwrap().is_empty());
        assert!(parse_multi_f0("", path).unwrap().times().is_empty());
    }

    #[test]
    fn fields_are_cut_as_asked() {
        let path = Path::new("x");
        let fields = |text: &str, delimiter| -> Vec<String> {
            let row = text_rows(text, delimiter, path).next().unwrap();
            (0..row.len()).map(|i| row.text(i).to_owned()).collect()
        };
        assert_eq!(fields("1,\"a, b\",,c", Delimiter::Comma), ["1", "a, b", "", "c"]);
        assert_eq!(fields("1\t\ta b", Delimiter::Tab), ["1", "", "a b"]);
        assert_eq!(fields("1  a,\tb", Delimiter::Any), ["1", "a", "b"]);
        let row = text_rows("1  2  no  chord ", Delimiter::Any, path).next().unwrap();
        assert_eq!(row.rest(2), "no chord");
    }
}
