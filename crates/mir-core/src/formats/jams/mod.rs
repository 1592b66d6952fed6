//! JAMS: annotations of one recording as JSON.
//!
//! A document is kept as it is: what this crate does not interpret (chords, patterns, curators, the
//! sandbox) passes through reading and writing unchanged. Notes and pitch contours are read from their
//! annotations and made into new ones.

mod values;

use std::{
    borrow::Cow,
    io::Write as _,
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};
use serde_json::{Map, Value, json};

use self::values::{beats_of, contours_of, labels_of, notes_of};
use super::{PitchUnit, text::read_text};
use crate::{Beats, Error, F0Track, Labeled, Note, Result, publish};

/// The version of the JAMS schema that is written.
const VERSION: &str = "0.3.4";

/// What a JAMS file says about its recording.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JamsMetadata {
    /// Title; may be empty.
    pub title: String,
    /// Artist; may be empty.
    pub artist: String,
    /// Release; may be empty.
    pub release: String,
    /// Length of the recording in seconds, at least 0; `None` if the file does not say it.
    pub duration: Option<f64>,
}

/// A JAMS document (Humphrey et al., "JAMS: a JSON annotated music specification", ISMIR 2014).
///
/// ```
/// use mir_core::{Key, Note, Velocity};
/// use mir_core::formats::{Jams, JamsAnnotation, JamsMetadata, PitchUnit};
///
/// let notes = [Note::new(0.5, 1.25, Key::new(60)?.pitch(), Velocity::new(80)?)?];
/// let metadata = JamsMetadata { title: "Study".into(), duration: Some(2.0), ..Default::default() };
/// let mut jams = Jams::new(&metadata);
/// jams.push(JamsAnnotation::from_notes(&notes, PitchUnit::Midi));
///
/// let read = Jams::parse(&jams.render(), "study.jams".as_ref())?;
/// assert_eq!(read.annotations()[0].namespace(), "note_midi");
/// assert_eq!(read.notes()?, notes);
/// assert_eq!(read.metadata(), metadata);
/// # Ok::<(), mir_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Jams {
    /// Everything but the annotations.
    document: Map<String, Value>,
    annotations: Vec<JamsAnnotation>,
}

impl Jams {
    /// A document without annotations.
    pub fn new(metadata: &JamsMetadata) -> Self {
        let file_metadata = json!({
            "title": metadata.title,
            "artist": metadata.artist,
            "release": metadata.release,
            "duration": metadata.duration,
            "identifiers": {},
            "jams_version": VERSION,
        });
        let document = [("file_metadata", file_metadata), ("sandbox", json!({}))];
        Self {
            document: document.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
            annotations: Vec::new(),
        }
    }

    /// Reads a `.jams` file, or a `.jamz` file, which is one compressed with gzip.
    ///
    /// # Errors
    /// As [`read_text`], and as [`parse`](Self::parse).
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        Self::parse(&read_text(&path)?, path.as_ref())
    }

    /// A document from its text; `path` names it in errors. An empty text is an empty document. `NaN` and
    /// infinities, which Python writes and JSON does not have, are read as `null`.
    ///
    /// # Errors
    /// [`Error::Json`] with line and column for what is no JSON or is nested more than 128 deep;
    /// [`Error::Entry`] unless there is an object with a list of annotations that have a namespace and
    /// data.
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if text.trim().is_empty() {
            return Ok(Self::new(&JamsMetadata::default()));
        }
        let mut document: Map<String, Value> = serde_json::from_str(&without_nan(text))
            .map_err(|source| Error::Json { path: path.to_owned(), source })?;
        let error = |place: String, field, expected, actual: &Value| {
            entry_error(path, place, field, expected, actual)
        };
        let list = document.remove("annotations").unwrap_or(Value::Null);
        let Value::Array(list) = list else {
            return Err(error("the document".into(), "annotations", "a list", &list));
        };
        let mut annotations = Vec::with_capacity(list.len());
        for (index, body) in list.into_iter().enumerate() {
            let place = || format!("annotation {}", index + 1);
            let Value::Object(body) = body else {
                return Err(error(place(), "annotation", "an object", &body));
            };
            for (field, expected, fits) in [
                ("namespace", "a text", body.get("namespace").is_some_and(Value::is_string)),
                ("data", "a list or an object", {
                    let data = body.get("data");
                    data.is_some_and(|data| data.is_array() || data.is_object())
                }),
            ] {
                if !fits {
                    let actual = body.get(field).unwrap_or(&Value::Null);
                    return Err(error(place(), field, expected, actual));
                }
            }
            annotations.push(JamsAnnotation { body, origin: (path.to_owned(), index) });
        }
        Ok(Self { document, annotations })
    }

    /// The text of the document: one line of JSON.
    pub fn render(&self) -> String {
        let mut document = self.document.clone();
        let annotations = self.annotations.iter().map(|a| Value::Object(a.body.clone())).collect();
        document.insert("annotations".to_owned(), Value::Array(annotations));
        Value::Object(document).to_string() + "\n"
    }

    /// Writes the document, compressed with gzip if the name ends in `.jamz`; the file appears complete
    /// or not at all.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let text = self.render();
        if !path.extension().is_some_and(|e| e.eq_ignore_ascii_case("jamz")) {
            return publish::write(path, text.as_bytes());
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        let bytes = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
        let io = |source| Error::Io { action: "write", path: path.to_owned(), source };
        publish::write(path, &bytes.map_err(io)?)
    }

    /// What the document says about its recording.
    pub fn metadata(&self) -> JamsMetadata {
        let metadata = self.document.get("file_metadata");
        let text = |key: &str| {
            let value = metadata.and_then(|metadata| metadata.get(key)).and_then(Value::as_str);
            value.unwrap_or_default().to_owned()
        };
        let duration = metadata.and_then(|metadata| metadata.get("duration"));
        JamsMetadata {
            title: text("title"),
            artist: text("artist"),
            release: text("release"),
            duration: duration.and_then(Value::as_f64).filter(|seconds| *seconds >= 0.0),
        }
    }

    /// The annotations, in their order.
    pub fn annotations(&self) -> &[JamsAnnotation] {
        &self.annotations
    }

    /// Adds an annotation at the end.
    pub fn push(&mut self, annotation: JamsAnnotation) {
        self.annotations.push(annotation);
    }

    /// The notes of all note annotations together (a GuitarSet file has one for each string), sorted by
    /// onset. No note annotation gives no notes.
    ///
    /// # Errors
    /// As [`JamsAnnotation::notes`].
    pub fn notes(&self) -> Result<Vec<Note>> {
        let mut notes = Vec::new();
        for annotation in self.annotations.iter().filter(|a| a.holds_notes()) {
            notes.append(&mut annotation.notes()?);
        }
        Note::sort(&mut notes);
        Ok(notes)
    }
}

/// One annotation of a [`Jams`] document.
#[derive(Clone, Debug)]
pub struct JamsAnnotation {
    body: Map<String, Value>,
    /// File and index in it, for messages.
    origin: (PathBuf, usize),
}

impl PartialEq for JamsAnnotation {
    /// Whether the content is equal, wherever it came from.
    fn eq(&self, other: &Self) -> bool {
        self.body == other.body
    }
}

impl JamsAnnotation {
    fn new(namespace: &str, duration: f64, data: Value, sandbox: Value) -> Self {
        let annotation_metadata = json!({
            "curator": { "name": "", "email": "" },
            "annotator": {},
            "version": "",
            "corpus": "",
            "annotation_tools": "",
            "annotation_rules": "",
            "validation": "",
            "data_source": "",
        });
        let body = [
            ("namespace", Value::from(namespace)),
            ("annotation_metadata", annotation_metadata),
            ("time", Value::from(0.0)),
            ("duration", Value::from(duration)),
            ("data", data),
            ("sandbox", sandbox),
        ];
        Self {
            body: body.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
            origin: (PathBuf::from("new annotation"), 0),
        }
    }

    /// A `note_midi` or `note_hz` annotation. JAMS has no place for velocities; they are kept in the
    /// annotation's sandbox as the list `velocity`.
    pub fn from_notes(notes: &[Note], unit: PitchUnit) -> Self {
        let row = |note: &Note| {
            let value = match unit {
                PitchUnit::Midi => note.pitch().midi(),
                PitchUnit::Hertz => note.pitch().hz(),
            };
            let (time, duration) = (note.onset(), note.duration());
            json!({ "time": time, "duration": duration, "value": value, "confidence": null })
        };
        let velocities: Vec<u8> = notes.iter().map(|note| note.velocity().value()).collect();
        let end = notes.iter().map(Note::offset).fold(0.0, f64::max);
        let namespace = match unit {
            PitchUnit::Midi => "note_midi",
            PitchUnit::Hertz => "note_hz",
        };
        let data = notes.iter().map(row).collect();
        Self::new(namespace, end, data, json!({ "velocity": velocities }))
    }

    /// A `pitch_contour` annotation: one contour for each track. Frames without a pitch have 0 Hz, and the
    /// voicing is the confidence.
    ///
    /// ```
    /// use mir_core::{F0Frame, F0Track, Pitch, formats::JamsAnnotation};
    ///
    /// let frame = F0Frame { time: 0.5, pitch: Some(Pitch::from_midi(69.0)?), voicing: 1.0 };
    /// let track = F0Track::new(vec![frame])?;
    /// let annotation = JamsAnnotation::from_f0(std::slice::from_ref(&track));
    /// assert_eq!(annotation.contours()?, [track]);
    /// # Ok::<(), mir_core::Error>(())
    /// ```
    pub fn from_f0(tracks: &[F0Track]) -> Self {
        let (mut time, mut duration, mut value, mut confidence) = (vec![], vec![], vec![], vec![]);
        for (index, track) in tracks.iter().enumerate() {
            for frame in track.frames() {
                let hz = frame.pitch.map_or(0.0, crate::Pitch::hz);
                time.push(frame.time);
                duration.push(0.0);
                value.push(
                    json!({ "index": index, "frequency": hz, "voiced": frame.voicing > 0.0 }),
                );
                confidence.push(f64::from(frame.voicing));
            }
        }
        let end = time.iter().copied().fold(0.0, f64::max);
        let data = json!({
            "time": time, "duration": duration, "value": value, "confidence": confidence
        });
        Self::new("pitch_contour", end, data, json!({}))
    }

    /// The same annotation with one text of its metadata replaced: `data_source`, `corpus`, `version`,
    /// `annotation_tools`, `annotation_rules`, `validation`.
    #[must_use]
    pub fn with_metadata(mut self, field: &str, text: &str) -> Self {
        let metadata = self.body.entry("annotation_metadata").or_insert_with(|| json!({}));
        if let Value::Object(metadata) = metadata {
            metadata.insert(field.to_owned(), Value::from(text));
        }
        self
    }

    /// One text of its metadata, `None` where there is none.
    ///
    /// ```
    /// use mir_core::formats::{JamsAnnotation, PitchUnit};
    ///
    /// let annotation = JamsAnnotation::from_notes(&[], PitchUnit::Midi);
    /// let annotation = annotation.with_metadata("data_source", "manual");
    /// assert_eq!(annotation.metadata("data_source"), Some("manual"));
    /// ```
    pub fn metadata(&self, field: &str) -> Option<&str> {
        self.body.get("annotation_metadata")?.get(field)?.as_str()
    }

    /// What the data are: `note_midi`, `pitch_contour`, `chord` ….
    pub fn namespace(&self) -> &str {
        self.body.get("namespace").and_then(Value::as_str).unwrap_or_default()
    }

    /// Number of rows of data.
    pub fn len(&self) -> usize {
        match self.body.get("data") {
            Some(Value::Array(rows)) => rows.len(),
            Some(Value::Object(columns)) => {
                columns.get("time").and_then(Value::as_array).map_or(0, Vec::len)
            }
            _ => 0,
        }
    }

    /// Whether there are no data.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The annotation as JSON: the way to data of namespaces that are not interpreted here.
    pub fn render(&self) -> String {
        Value::Object(self.body.clone()).to_string()
    }

    /// Whether the namespace is one that [`notes`](Self::notes) reads.
    pub fn holds_notes(&self) -> bool {
        matches!(self.namespace(), "note_midi" | "note_hz" | "pitch_midi" | "pitch_hz")
    }

    /// Whether the namespace is one that [`contours`](Self::contours) reads.
    pub fn holds_contours(&self) -> bool {
        self.namespace() == "pitch_contour"
    }

    /// The notes of a `note_midi` or `note_hz` annotation, or of one of the older `pitch_midi` and
    /// `pitch_hz`, sorted by onset. Velocities are those of [`from_notes`](Self::from_notes), otherwise
    /// 64.
    ///
    /// # Errors
    /// [`Error::Entry`] with the row for another namespace, a time or duration that is no number or
    /// negative, and a value that is no pitch.
    pub fn notes(&self) -> Result<Vec<Note>> {
        notes_of(self)
    }

    /// The tracks of a `pitch_contour` annotation, one for each contour, in order of their index.
    ///
    /// # Errors
    /// [`Error::Entry`] with the row for another namespace, times that are negative or do not increase
    /// within a contour, and values that are no contour points.
    pub fn contours(&self) -> Result<Vec<F0Track>> {
        contours_of(self)
    }

    /// The beats of a `beat` or `beat_position` annotation, with the positions that it has.
    ///
    /// # Errors
    /// [`Error::Entry`] with the row for another namespace, a time that is no number or negative, a
    /// position that is no whole number, and times that do not increase.
    pub fn beats(&self) -> Result<Beats> {
        beats_of(self)
    }

    /// The rows of an annotation whose values are texts or numbers, as labelled intervals: chords, keys,
    /// segments, tempi. Numbers are written out.
    ///
    /// # Errors
    /// [`Error::Entry`] with the row for a time or duration that is no number or negative, and for a value
    /// that is neither text nor number.
    pub fn labels(&self) -> Result<Vec<Labeled<String>>> {
        labels_of(self)
    }

    fn error(
        &self,
        row: Option<usize>,
        field: &'static str,
        expected: &'static str,
        actual: &Value,
    ) -> Error {
        let (path, index) = &self.origin;
        let mut place = format!("annotation {} ({})", index + 1, self.namespace());
        if let Some(row) = row {
            place += &format!(", row {}", row + 1);
        }
        entry_error(path, place, field, expected, actual)
    }
}

fn entry_error(
    path: &Path,
    place: String,
    field: &'static str,
    expected: &'static str,
    actual: &Value,
) -> Error {
    // A whole document can stand where a number should.
    let actual = match actual {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::Null => "missing".to_owned(),
        Value::String(text) => super::text::excerpt(text),
        other => other.to_string(),
    };
    Error::Entry { path: path.to_owned(), place, field, expected, actual }
}

/// The text with `NaN`, `Infinity` and `-Infinity` outside of strings replaced by `null`.
fn without_nan(text: &str) -> Cow<'_, str> {
    const TOKENS: [&str; 3] = ["-Infinity", "Infinity", "NaN"];
    if !TOKENS.iter().any(|token| text.contains(token)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let (mut copied, mut at, mut in_string) = (0, 0, false);
    let bytes = text.as_bytes();
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if in_string => at += 1,
            b'"' => in_string = !in_string,
            b'-' | b'I' | b'N' if !in_string => {
                let token = TOKENS.iter().find(|token| bytes[at..].starts_with(token.as_bytes()));
                if let Some(token) = token {
                    out.push_str(&text[copied..at]);
                    out.push_str("null");
                    at += token.len();
                    copied = at;
                    continue;
                }
            }
            _ => {}
        }
        at += 1;
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_json_does_not_have_become_null() {
        for (text, expected) in [
            (r#"{"a":NaN,"b":[-Infinity,Infinity]}"#, r#"{"a":null,"b":[null,null]}"#),
            (r#"{"NaN":"x\"NaN","b":NaN}"#, r#"{"NaN":"x\"NaN","b":null}"#),
            (r#"{"é\\":"Infinity"}"#, r#"{"é\\":"Infinity"}"#),
        ] {
            assert_eq!(without_nan(text), expected);
        }
    }
}
