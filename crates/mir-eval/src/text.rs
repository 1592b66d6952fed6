//! Text annotations: how do I read the files that mir_eval's evaluators read?
//!
//! # Format
//! One entry a line, columns separated by white space or a comma, decimal point. The last column of a
//! labelled format takes the rest of the line, spaces and commas included. Lines that start with `#` are
//! comments.
//!
//! | file | a line | reader |
//! |---|---|---|
//! | beats, onsets, aligned words | time | [`read_events`] |
//! | beats with their number in the bar | time, label | [`read_labeled_events`] |
//! | melody, voicing | time, value | [`read_time_series`] |
//! | several pitches at once | time, any number of frequencies | [`read_ragged_time_series`] |
//! | intervals | start, end | [`read_intervals`] |
//! | chords, segments | start, end, label | [`read_labeled_intervals`] |
//! | notes | start, end, frequency | [`read_valued_intervals`] |
//! | notes with velocity | start, end, pitch, velocity | [`read_velocity_intervals`] |
//! | key | tonic, mode | [`read_key`] |
//! | tempo | two tempi, weight | [`read_tempo`] |
//! | patterns | `pattern…`, `occurrence…`, or onset, MIDI pitch | [`read_patterns`] |
//!
//! Readers check the form of a file, the metrics its content: times out of order are refused by the
//! metric that needs them in order. Each `read_` has a `parse_` for text in memory, whose `path` only
//! names the text in errors.
//!
//! # Differences from mir_eval
//! Commas separate without being asked for. Blank lines and a byte order mark are skipped, bytes that are not UTF-8 are replaced. A key file may
//! hold `X` alone.

use std::{fs, path::Path};

use mir_core::Error as CoreError;

use crate::{Result, key::KeyLabel, pattern::Pattern, tempo::ReferenceTempo};

/// Event times in seconds.
///
/// # Errors
/// [`mir_core::Error::Io`] if the file cannot be read; [`mir_core::Error::Parse`] with line and column
/// for a field that is missing, too many or no number. Both arrive as [`Error::Core`](crate::Error::Core).
pub fn read_events(path: impl AsRef<Path>) -> Result<Vec<f64>> {
    read(path.as_ref(), parse_events)
}

/// [`read_events`] on text.
///
/// # Errors
/// As [`read_events`], without [`mir_core::Error::Io`].
///
/// ```
/// let beats = mir_eval::text::parse_events("# seconds\n0.5\n1.0\n", "beats.txt".as_ref())?;
/// assert_eq!(beats, [0.5, 1.0]);
/// # Ok::<(), mir_eval::Error>(())
/// ```
pub fn parse_events(text: &str, path: &Path) -> Result<Vec<f64>> {
    rows::<1>(text, path)?.iter().map(|row| row.number(0, "time")).collect()
}

/// Event times in seconds, and their labels.
///
/// # Errors
/// As [`read_events`].
pub fn read_labeled_events(path: impl AsRef<Path>) -> Result<(Vec<f64>, Vec<String>)> {
    read(path.as_ref(), parse_labeled_events)
}

/// [`read_labeled_events`] on text.
///
/// # Errors
/// As [`parse_events`].
pub fn parse_labeled_events(text: &str, path: &Path) -> Result<(Vec<f64>, Vec<String>)> {
    let labeled = |row: &Row<'_, 2>| Ok((row.number(0, "time")?, row.fields[1].to_owned()));
    rows::<2>(text, path)?.iter().map(labeled).collect()
}

/// Times in seconds and one value at each.
///
/// # Errors
/// As [`read_events`].
pub fn read_time_series(path: impl AsRef<Path>) -> Result<(Vec<f64>, Vec<f64>)> {
    read(path.as_ref(), parse_time_series)
}

/// [`read_time_series`] on text.
///
/// # Errors
/// As [`parse_events`].
pub fn parse_time_series(text: &str, path: &Path) -> Result<(Vec<f64>, Vec<f64>)> {
    let pair = |row: &Row<'_, 2>| Ok((row.number(0, "time")?, row.number(1, "value")?));
    rows::<2>(text, path)?.iter().map(pair).collect()
}

/// Times in seconds and any number of values at each, none at all included: frequencies in hertz of
/// what sounds, say.
///
/// # Errors
/// As [`read_events`].
pub fn read_ragged_time_series(path: impl AsRef<Path>) -> Result<(Vec<f64>, Vec<Vec<f64>>)> {
    read(path.as_ref(), parse_ragged_time_series)
}

/// [`read_ragged_time_series`] on text.
///
/// # Errors
/// As [`parse_events`].
///
/// ```
/// let text = "0.00\t440.0 660.0\n0.01\n";
/// let (times, hz) = mir_eval::text::parse_ragged_time_series(text, "f0.txt".as_ref())?;
/// assert_eq!(times, [0.0, 0.01]);
/// assert_eq!(hz, [vec![440.0, 660.0], vec![]]);
/// # Ok::<(), mir_eval::Error>(())
/// ```
pub fn parse_ragged_time_series(text: &str, path: &Path) -> Result<(Vec<f64>, Vec<Vec<f64>>)> {
    let ragged = |row: &Row<'_, 1>| {
        let mut fields = row.fields[0].split(SEPARATORS).filter(|field| !field.is_empty());
        let time = row.field_number(fields.next().unwrap_or_default(), "time")?;
        let values: Result<_> = fields.map(|field| row.field_number(field, "value")).collect();
        Ok((time, values?))
    };
    rows::<1>(text, path)?.iter().map(ragged).collect()
}

/// Start and end of intervals in seconds.
///
/// # Errors
/// As [`read_events`].
pub fn read_intervals(path: impl AsRef<Path>) -> Result<Vec<[f64; 2]>> {
    read(path.as_ref(), parse_intervals)
}

/// [`read_intervals`] on text.
///
/// # Errors
/// As [`parse_events`].
pub fn parse_intervals(text: &str, path: &Path) -> Result<Vec<[f64; 2]>> {
    rows::<2>(text, path)?.iter().map(Row::interval).collect()
}

/// Start and end of intervals in seconds, and their labels.
///
/// # Errors
/// As [`read_events`].
pub fn read_labeled_intervals(path: impl AsRef<Path>) -> Result<(Vec<[f64; 2]>, Vec<String>)> {
    read(path.as_ref(), parse_labeled_intervals)
}

/// [`read_labeled_intervals`] on text.
///
/// # Errors
/// As [`parse_events`].
pub fn parse_labeled_intervals(text: &str, path: &Path) -> Result<(Vec<[f64; 2]>, Vec<String>)> {
    let labeled = |row: &Row<'_, 3>| Ok((row.interval()?, row.fields[2].to_owned()));
    rows::<3>(text, path)?.iter().map(labeled).collect()
}

/// Start and end of intervals in seconds, and one value for each: the frequencies of notes, say.
///
/// # Errors
/// As [`read_events`].
pub fn read_valued_intervals(path: impl AsRef<Path>) -> Result<(Vec<[f64; 2]>, Vec<f64>)> {
    read(path.as_ref(), parse_valued_intervals)
}

/// [`read_valued_intervals`] on text.
///
/// # Errors
/// As [`parse_events`].
pub fn parse_valued_intervals(text: &str, path: &Path) -> Result<(Vec<[f64; 2]>, Vec<f64>)> {
    let valued = |row: &Row<'_, 3>| Ok((row.interval()?, row.number(2, "value")?));
    rows::<3>(text, path)?.iter().map(valued).collect()
}

/// Start and end of intervals in seconds, and two values for each: pitch and velocity of notes.
///
/// # Errors
/// As [`read_events`].
pub fn read_velocity_intervals(path: impl AsRef<Path>) -> Result<VelocityIntervals> {
    read(path.as_ref(), parse_velocity_intervals)
}

/// [`read_velocity_intervals`] on text.
///
/// # Errors
/// As [`parse_events`].
pub fn parse_velocity_intervals(text: &str, path: &Path) -> Result<VelocityIntervals> {
    let mut notes = VelocityIntervals::default();
    for row in rows::<4>(text, path)? {
        notes.intervals.push(row.interval()?);
        notes.pitches.push(row.number(2, "pitch")?);
        notes.velocities.push(row.number(3, "velocity")?);
    }
    Ok(notes)
}

/// Notes with velocity, as they stand in a file. All three have the same length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VelocityIntervals {
    /// Start and end in seconds.
    pub intervals: Vec<[f64; 2]>,
    /// Pitch, in the unit of the file.
    pub pitches: Vec<f64>,
    /// Velocity.
    pub velocities: Vec<f64>,
}

/// The key of a piece: tonic and mode on the only line.
///
/// # Errors
/// [`Error::Label`](crate::Error::Label) for a key that there is not; [`mir_core::Error::Io`]; and
/// [`mir_core::Error::Parse`] for a file with no line or more than one.
pub fn read_key(path: impl AsRef<Path>) -> Result<KeyLabel> {
    read(path.as_ref(), parse_key)
}

/// [`read_key`] on text.
///
/// # Errors
/// As [`read_key`], without [`mir_core::Error::Io`].
pub fn parse_key(text: &str, path: &Path) -> Result<KeyLabel> {
    single(&rows::<1>(text, path)?, path)?.fields[0].parse()
}

/// The tempi of a piece: two tempi in beats per minute and the weight of the first, on the only line.
/// [`read_tempi`] reads an estimate.
///
/// # Errors
/// [`Error::Entry`](crate::Error::Entry) for a tempo or weight outside its range;
/// [`mir_core::Error::Io`]; and [`mir_core::Error::Parse`] for a field that is no number, or a file with
/// no line or more than one.
pub fn read_tempo(path: impl AsRef<Path>) -> Result<ReferenceTempo> {
    read(path.as_ref(), parse_tempo)
}

/// [`read_tempo`] on text.
///
/// # Errors
/// As [`read_tempo`], without [`mir_core::Error::Io`].
pub fn parse_tempo(text: &str, path: &Path) -> Result<ReferenceTempo> {
    let (tempi, weight) = parse_tempi(text, path)?;
    ReferenceTempo::new(tempi, weight)
}

/// Two tempi and a weight as they stand on the only line: those of an estimate, which may be 0.
///
/// # Errors
/// As [`read_events`], also for a file with no line or more than one.
pub fn read_tempi(path: impl AsRef<Path>) -> Result<([f64; 2], f64)> {
    read(path.as_ref(), parse_tempi)
}

/// [`read_tempi`] on text.
///
/// # Errors
/// As [`read_tempi`], without [`mir_core::Error::Io`].
pub fn parse_tempi(text: &str, path: &Path) -> Result<([f64; 2], f64)> {
    let rows = rows::<3>(text, path)?;
    let row = single(&rows, path)?;
    let tempi = [row.number(0, "first tempo")?, row.number(1, "second tempo")?];
    Ok((tempi, row.number(2, "weight")?))
}

/// Repeated patterns in the form of MIREX 2013: lines that contain `pattern` or `occurrence` begin a new
/// one, the others are points. Patterns and occurrences without points are left out.
///
/// # Errors
/// As [`read_events`].
pub fn read_patterns(path: impl AsRef<Path>) -> Result<Vec<Pattern>> {
    read(path.as_ref(), parse_patterns)
}

/// [`read_patterns`] on text.
///
/// # Errors
/// As [`parse_events`].
pub fn parse_patterns(text: &str, path: &Path) -> Result<Vec<Pattern>> {
    let mut patterns: Vec<Pattern> = vec![vec![Vec::new()]];
    for row in rows::<1>(text, path)? {
        let line = row.fields[0];
        if line.contains("pattern") {
            patterns.push(vec![Vec::new()]);
        } else if let Some(occurrences) = patterns.last_mut() {
            if line.contains("occurrence") {
                occurrences.push(Vec::new());
            } else if let Some(points) = occurrences.last_mut() {
                let (onset, pitch) = line.split_once(',').unwrap_or((line, ""));
                let point = Row { path, line: row.line, fields: [onset.trim(), pitch.trim()] };
                points.push([point.number(0, "onset")?, point.number(1, "pitch")?]);
            }
        }
    }
    for occurrences in &mut patterns {
        occurrences.retain(|points| !points.is_empty());
    }
    patterns.retain(|occurrences| !occurrences.is_empty());
    Ok(patterns)
}

fn read<T>(path: &Path, parse: impl Fn(&str, &Path) -> Result<T>) -> Result<T> {
    let bytes = fs::read(path).map_err(|source| CoreError::Io {
        action: "read",
        path: path.to_owned(),
        source,
    })?;
    parse(&String::from_utf8_lossy(&bytes), path)
}

/// What stands between two columns.
const SEPARATORS: fn(char) -> bool = |c| c.is_whitespace() || c == ',';

/// The columns of one line.
struct Row<'t, const N: usize> {
    path: &'t Path,
    line: usize,
    fields: [&'t str; N],
}

impl<const N: usize> Row<'_, N> {
    fn number(&self, column: usize, field: &'static str) -> Result<f64> {
        self.field_number(self.fields[column], field)
    }

    fn field_number(&self, text: &str, field: &'static str) -> Result<f64> {
        text.parse().map_err(|_| parse_error(self.path, self.line, field, "a number", text))
    }

    fn interval(&self) -> Result<[f64; 2]> {
        Ok([self.number(0, "start")?, self.number(1, "end")?])
    }
}

/// All lines with content, split into `N` columns.
fn rows<'t, const N: usize>(text: &'t str, path: &'t Path) -> Result<Vec<Row<'t, N>>> {
    let mut rows = Vec::new();
    for (index, content) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        if content.starts_with('#') || content.trim().is_empty() {
            continue;
        }
        let mut rest = content.trim();
        let mut fields = [""; N];
        for (column, field) in fields.iter_mut().enumerate() {
            if rest.is_empty() {
                return Err(parse_error(path, index + 1, "line", "more columns", content));
            }
            let end = if column + 1 == N { None } else { rest.find(SEPARATORS) };
            *field = &rest[..end.unwrap_or(rest.len())];
            rest = rest[field.len()..].trim_start();
            rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
        }
        rows.push(Row { path, line: index + 1, fields });
    }
    Ok(rows)
}

/// The only row.
fn single<'r, 't, const N: usize>(rows: &'r [Row<'t, N>], path: &Path) -> Result<&'r Row<'t, N>> {
    match rows {
        [row] => Ok(row),
        [] => Err(parse_error(path, 1, "file", "one line of data", "")),
        [_, second, ..] => {
            let actual = second.fields.join(" ");
            Err(parse_error(path, second.line, "file", "only one line of data", &actual))
        }
    }
}

fn parse_error(
    path: &Path,
    line: usize,
    field: &'static str,
    expected: &'static str,
    actual: &str,
) -> crate::Error {
    let (path, actual) = (path.to_owned(), actual.to_owned());
    CoreError::Parse { path, line, field, expected, actual }.into()
}
