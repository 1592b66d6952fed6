//! Notes and contours from the rows of an annotation.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    super::{
        f0::track_at,
        text::{SECONDS, is_time},
    },
    JamsAnnotation,
};
use crate::{Beat, Beats, F0Frame, F0Track, Interval, Labeled, Note, Pitch, Result, Velocity};

/// Marks what a row does not have.
const NOTHING: &Value = &Value::Null;

/// One row of data, whichever way the file arranges them.
struct Row<'a> {
    time: &'a Value,
    duration: &'a Value,
    value: &'a Value,
    confidence: &'a Value,
}

/// The rows of an annotation: a list of objects, or an object of lists.
fn rows(annotation: &JamsAnnotation) -> Result<Vec<Row<'_>>> {
    match annotation.body.get("data") {
        Some(Value::Array(list)) => {
            if let Some(index) = list.iter().position(|row| !row.is_object()) {
                return Err(annotation.error(Some(index), "row", "an object", &list[index]));
            }
            Ok(list
                .iter()
                .map(|row| Row {
                    time: row.get("time").unwrap_or(NOTHING),
                    duration: row.get("duration").unwrap_or(NOTHING),
                    value: row.get("value").unwrap_or(NOTHING),
                    confidence: row.get("confidence").unwrap_or(NOTHING),
                })
                .collect())
        }
        Some(Value::Object(columns)) => {
            let column = |key: &'static str| match columns.get(key) {
                Some(Value::Array(column)) => Ok(column.as_slice()),
                other => Err(annotation.error(None, key, "a list", other.unwrap_or(NOTHING))),
            };
            let (times, durations, values) =
                (column("time")?, column("duration")?, column("value")?);
            // Confidences are often left out as a whole.
            let confidences = column("confidence").unwrap_or_default();
            for (key, column) in [("duration", durations), ("value", values)] {
                if column.len() != times.len() {
                    let length = Value::from(column.len());
                    return Err(annotation.error(None, key, "as long as the times", &length));
                }
            }
            Ok((0..times.len())
                .map(|i| Row {
                    time: &times[i],
                    duration: &durations[i],
                    value: &values[i],
                    confidence: confidences.get(i).unwrap_or(NOTHING),
                })
                .collect())
        }
        other => {
            Err(annotation.error(None, "data", "a list or an object", other.unwrap_or(NOTHING)))
        }
    }
}

/// Time and duration of a row, both finite and at least 0.
fn span(annotation: &JamsAnnotation, index: usize, row: &Row<'_>) -> Result<(f64, f64)> {
    let seconds = |field: &'static str, value: &Value| {
        let number = value.as_f64().filter(|number| is_time(*number));
        number.ok_or_else(|| annotation.error(Some(index), field, SECONDS, value))
    };
    Ok((seconds("time", row.time)?, seconds("duration", row.duration)?))
}

pub(super) fn notes_of(annotation: &JamsAnnotation) -> Result<Vec<Note>> {
    let namespace = annotation.namespace();
    if !annotation.holds_notes() {
        let expected = "note_midi, note_hz, pitch_midi or pitch_hz";
        return Err(annotation.error(None, "namespace", expected, &Value::from(namespace)));
    }
    let in_hertz = namespace.ends_with("_hz");
    let rows = rows(annotation)?;
    let velocities = velocities(annotation, rows.len());
    let mut notes = Vec::with_capacity(rows.len());
    for (index, row) in rows.iter().enumerate() {
        let (time, duration) = span(annotation, index, row)?;
        let number = row.value.as_f64();
        let pitch = match in_hertz {
            true => number.and_then(|hz| Pitch::from_hz(hz).ok()),
            false => number.and_then(|midi| Pitch::from_midi(midi).ok()),
        };
        let expected = if in_hertz { "a frequency in Hz, above 0" } else { "a MIDI number" };
        let pitch =
            pitch.ok_or_else(|| annotation.error(Some(index), "value", expected, row.value))?;
        let velocity = velocities.as_ref().map_or(Velocity::MEDIUM, |all| all[index]);
        let note = Note::new(time, time + duration, pitch, velocity);
        notes.push(note.map_err(|_| {
            annotation.error(Some(index), "duration", "an end that is finite", row.duration)
        })?);
    }
    Note::sort(&mut notes);
    Ok(notes)
}

/// The velocities in the sandbox, if there is one for each row.
fn velocities(annotation: &JamsAnnotation, rows: usize) -> Option<Vec<Velocity>> {
    let list = annotation.body.get("sandbox")?.get("velocity")?.as_array()?;
    let velocity = |value: &Value| Velocity::new(u8::try_from(value.as_u64()?).ok()?).ok();
    (list.len() == rows).then(|| list.iter().map(velocity).collect::<Option<Vec<_>>>())?
}

pub(super) fn contours_of(annotation: &JamsAnnotation) -> Result<Vec<F0Track>> {
    if !annotation.holds_contours() {
        let actual = Value::from(annotation.namespace());
        return Err(annotation.error(None, "namespace", "pitch_contour", &actual));
    }
    let mut contours: BTreeMap<i64, Vec<F0Frame>> = BTreeMap::new();
    for (index, row) in rows(annotation)?.iter().enumerate() {
        let time = span(annotation, index, row)?.0;
        let error = |field, expected, value: Option<&Value>| {
            annotation.error(Some(index), field, expected, value.unwrap_or(NOTHING))
        };
        let (contour, hz, voiced) =
            (row.value.get("index"), row.value.get("frequency"), row.value.get("voiced"));
        let whole = |value: &Value| value.as_i64().or_else(|| Some(value.as_f64()?.round() as i64));
        let contour =
            contour.and_then(whole).ok_or_else(|| error("index", "a whole number", contour))?;
        const HERTZ: &str = "a frequency in Hz, at least 0";
        let frequency = hz.and_then(Value::as_f64).ok_or_else(|| error("frequency", HERTZ, hz))?;
        let pitch = match frequency {
            0.0 => None,
            frequency => {
                Some(Pitch::from_hz(frequency).map_err(|_| error("frequency", HERTZ, hz))?)
            }
        };
        let voiced = match voiced {
            Some(Value::Bool(voiced)) => *voiced,
            other => return Err(error("voiced", "true or false", other)),
        };
        let confidence = row.confidence.as_f64().filter(|c| (0.0..=1.0).contains(c)).unwrap_or(1.0);
        let voicing = if voiced && pitch.is_some() { confidence as f32 } else { 0.0 };
        contours.entry(contour).or_default().push(F0Frame { time, pitch, voicing });
    }
    let (path, at) = &annotation.origin;
    let track = |(index, frames): (i64, Vec<F0Frame>)| {
        track_at(frames, path, &format!("annotation {}, contour {index}", at + 1))
    };
    contours.into_iter().map(track).collect()
}

pub(super) fn beats_of(annotation: &JamsAnnotation) -> Result<Beats> {
    let namespace = annotation.namespace();
    if !matches!(namespace, "beat" | "beat_position") {
        let actual = Value::from(namespace);
        return Err(annotation.error(None, "namespace", "beat or beat_position", &actual));
    }
    let mut beats: Vec<Beat> = Vec::new();
    for (index, row) in rows(annotation)?.iter().enumerate() {
        let time = span(annotation, index, row)?.0;
        if beats.last().is_some_and(|previous| previous.time >= time) {
            let expected = "later than in the row before";
            return Err(annotation.error(Some(index), "time", expected, row.time));
        }
        // `beat_position` wraps the position in an object; `beat` has it as a number or null.
        let value = row.value.get("position").unwrap_or(row.value);
        let whole = |p: f64| (p.fract() == 0.0 && (0.0..=32.0).contains(&p)).then_some(p as u32);
        let position = match value {
            Value::Null => None,
            value => Some(value.as_f64().and_then(whole).ok_or_else(|| {
                annotation.error(Some(index), "position", "a whole number from 0 to 32", value)
            })?),
        };
        beats.push(Beat { time, position });
    }
    Beats::new(beats)
}

pub(super) fn labels_of(annotation: &JamsAnnotation) -> Result<Vec<Labeled<String>>> {
    let mut labels = Vec::new();
    for (index, row) in rows(annotation)?.iter().enumerate() {
        let (time, duration) = span(annotation, index, row)?;
        let label = match row.value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            other => return Err(annotation.error(Some(index), "value", "a text or number", other)),
        };
        labels.push(Labeled { interval: Interval::new(time, time + duration)?, label });
    }
    Ok(labels)
}
