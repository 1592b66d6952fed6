//! Layers as XML.

use std::{collections::HashMap, fmt::Write as _, path::Path};

use quick_xml::{
    Reader, XmlVersion,
    escape::escape,
    events::{BytesStart, Event},
};

use super::{
    super::text::{SECONDS, excerpt, finite, is_time, one_line},
    SonicKind, SonicLayer, SonicPoint, level_of,
};
use crate::{Error, Result, SampleRate};

/// The layers with points of a Sonic Visualiser layer (`.svl`) or session (`.sv`), in the order of their
/// data. Sessions are usually compressed with bzip2: [`read_text`](crate::formats::read_text) refuses those, so
/// decompress them first.
///
/// # Errors
/// [`Error::Xml`] with the line if the text is not well-formed, [`Error::Entry`] for a point whose fields
/// are missing, no numbers or outside their range, and for a layer without a sample rate.
///
/// ```
/// use mir_core::{Key, Note, SampleRate, Velocity};
/// use mir_core::formats::{PitchUnit, SonicLayer, parse_svl, render_svl};
///
/// let note = Note::new(0.5, 1.25, Key::new(60)?.pitch(), Velocity::new(80)?)?;
/// let layer = SonicLayer::from_notes(&[note], PitchUnit::Midi);
/// let layers = parse_svl(&render_svl(&layer, SampleRate::HZ_48000), "x.svl".as_ref())?;
/// assert_eq!(layers, [layer]);
/// # Ok::<(), mir_core::Error>(())
/// ```
pub fn parse_svl(text: &str, path: &Path) -> Result<Vec<SonicLayer>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader::from_str(text);
    let mut document = Document::new(path);
    let mut open = 0usize;
    loop {
        let before = reader.buffer_position();
        let xml = |reason: String| {
            let read = &text.as_bytes()[..(before as usize).min(text.len())];
            let line = read.iter().filter(|byte| **byte == b'\n').count() + 1;
            Error::Xml { path: path.to_owned(), line, reason }
        };
        let event = reader.read_event().map_err(|error| xml(error.to_string()))?;
        match &event {
            Event::Start(element) | Event::Empty(element) => {
                let attributes = attributes(element).map_err(xml)?;
                document.element(element.name().as_ref(), attributes)?;
                open += usize::from(matches!(event, Event::Start(_)));
            }
            // The reader has checked that it closes the element that is open.
            Event::End(_) => open = open.saturating_sub(1),
            // A file that was cut would otherwise look complete.
            Event::Eof if open > 0 => {
                return Err(xml("the text ends inside an element".to_owned()));
            }
            Event::Text(content) if open == 0 && !content.trim_ascii().is_empty() => {
                return Err(xml("text outside of any element".to_owned()));
            }
            Event::Eof => return document.layers(),
            _ => {}
        }
    }
}

type Attributes = HashMap<String, String>;

/// The attributes of an element; the text of what is wrong with them.
fn attributes(element: &BytesStart<'_>) -> std::result::Result<Attributes, String> {
    let mut found = Attributes::new();
    for attribute in element.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let key = attribute.key.as_ref().to_owned();
        let value =
            attribute.normalized_value(XmlVersion::Explicit1_0).map_err(|e| e.to_string())?;
        found.insert(key, value.into_owned());
    }
    Ok(found)
}

/// What has been read so far. Models name their data set and data sets hold points; which comes first
/// does not matter.
struct Document<'a> {
    path: &'a Path,
    /// By the id of their data set.
    models: HashMap<String, Model>,
    /// Id and points, in order.
    datasets: Vec<(String, Vec<RawPoint>)>,
}

struct Model {
    kind: SonicKind,
    name: String,
    unit: String,
    rate: f64,
}

/// A point in samples; the fields that its kind needs are checked when the kind is known.
struct RawPoint {
    frame: f64,
    value: Option<f64>,
    duration: Option<f64>,
    level: Option<f64>,
    label: String,
}

impl<'a> Document<'a> {
    fn new(path: &'a Path) -> Self {
        Self { path, models: HashMap::new(), datasets: Vec::new() }
    }

    fn error(
        &self,
        place: String,
        field: &'static str,
        expected: &'static str,
        actual: &str,
    ) -> Error {
        Error::Entry { path: self.path.to_owned(), place, field, expected, actual: excerpt(actual) }
    }

    fn element(&mut self, name: &str, mut attributes: Attributes) -> Result<()> {
        match name {
            "model" => self.model(attributes),
            "dataset" => {
                let id = attributes.remove("id").unwrap_or_default();
                self.datasets.push((id, Vec::new()));
                Ok(())
            }
            "point" => self.point(attributes),
            _ => Ok(()),
        }
    }

    /// Models without a data set (recordings, spectrograms) are none of ours.
    fn model(&mut self, mut attributes: Attributes) -> Result<()> {
        let Some(dataset) = attributes.remove("dataset") else { return Ok(()) };
        let mut take = |name: &str| attributes.remove(name).unwrap_or_default();
        let (dimensions, subtype) = (take("dimensions"), take("subtype"));
        let kind = match (dimensions.as_str(), subtype.as_str()) {
            ("1", _) => SonicKind::Instants,
            ("2", _) => SonicKind::Values,
            ("3", "region") => SonicKind::Regions,
            ("3", _) => SonicKind::Notes,
            // Texts, images and the like.
            _ => return Ok(()),
        };
        let rate = take("sampleRate");
        let place = || format!("model of data set {}", excerpt(&dataset));
        let rate = finite(&rate)
            .filter(|rate| (1.0..=1e7).contains(rate))
            .ok_or_else(|| self.error(place(), "sampleRate", "1 to 10 000 000 Hz", &rate))?;
        let model = Model { kind, name: take("name"), unit: take("units"), rate };
        self.models.insert(dataset, model);
        Ok(())
    }

    fn point(&mut self, mut attributes: Attributes) -> Result<()> {
        let index = self.datasets.last().map_or(0, |(_, points)| points.len());
        let place = || format!("point {} of data set {}", index + 1, self.datasets.len());
        let mut number = |name: &'static str, expected: &'static str| {
            let Some(text) = attributes.remove(name) else { return Ok(None) };
            match finite(&text) {
                Some(value) => Ok(Some(value)),
                None => Err(self.error(place(), name, expected, &text)),
            }
        };
        let frame = number("frame", "a sample")?
            .ok_or_else(|| self.error(place(), "frame", "a sample", ""))?;
        let value = number("value", "a number")?;
        let duration = number("duration", "a number of samples")?;
        let level = number("level", "0 to 1")?;
        for (field, samples) in [("frame", Some(frame)), ("duration", duration)] {
            if let Some(samples) = samples.filter(|samples| *samples < 0.0) {
                return Err(self.error(place(), field, "at least 0", &samples.to_string()));
            }
        }
        let level = match level {
            None => None,
            Some(level) => Some(
                level_of(level)
                    .ok_or_else(|| self.error(place(), "level", "0 to 1", &level.to_string()))?,
            ),
        };
        let label = attributes.remove("label").unwrap_or_default();
        // A point outside any data set belongs to none.
        if let Some((_, points)) = self.datasets.last_mut() {
            points.push(RawPoint { frame, value, duration, level, label });
        }
        Ok(())
    }

    /// The layers of all data sets that have a model.
    fn layers(mut self) -> Result<Vec<SonicLayer>> {
        let mut layers = Vec::new();
        for (set, (id, points)) in std::mem::take(&mut self.datasets).into_iter().enumerate() {
            let Some(Model { kind, name, unit, rate }) = self.models.remove(&id) else { continue };
            let mut layer =
                SonicLayer { kind, name, unit, points: Vec::with_capacity(points.len()) };
            for (index, raw) in points.into_iter().enumerate() {
                let required = |needed: bool, value: Option<f64>, field: &'static str| match value {
                    None if needed => {
                        let place = format!("point {} of data set {}", index + 1, set + 1);
                        Err(self.error(place, field, "a number", ""))
                    }
                    value => Ok(value.unwrap_or_default()),
                };
                if let Some(samples) = [Some(raw.frame), raw.duration]
                    .into_iter()
                    .flatten()
                    .find(|n| !is_time(n / rate))
                {
                    let place = format!("point {} of data set {}", index + 1, set + 1);
                    return Err(self.error(place, "time", SECONDS, &(samples / rate).to_string()));
                }
                let lasts = matches!(kind, SonicKind::Notes | SonicKind::Regions);
                layer.points.push(SonicPoint {
                    time: raw.frame / rate,
                    value: required(kind != SonicKind::Instants, raw.value, "value")?,
                    duration: required(lasts, raw.duration, "duration")? / rate,
                    level: raw.level.unwrap_or_default(),
                    label: raw.label,
                });
            }
            layers.push(layer);
        }
        Ok(layers)
    }
}

/// A layer as a Sonic Visualiser layer file, see [`parse_svl`]. Times are rounded to whole samples of
/// `rate`, which should be that of the recording.
pub fn render_svl(layer: &SonicLayer, rate: SampleRate) -> String {
    let hz = f64::from(rate.hz());
    let frame = |seconds: f64| (seconds * hz).round();
    let (dimensions, subtype, shown, title) = match layer.kind {
        SonicKind::Instants => (1, "", "timeinstants", "Time Instants"),
        SonicKind::Values => (2, "", "timevalues", "Time Values"),
        SonicKind::Notes => (3, r#" subtype="note""#, "notes", "Notes"),
        SonicKind::Regions => (3, r#" subtype="region""#, "regions", "Regions"),
    };
    let text = |text: &str| escape(one_line(text)).into_owned();
    let times = || layer.points.iter().map(|point| frame(point.time));
    let start = times().fold(f64::INFINITY, f64::min).min(f64::MAX);
    let end = times().fold(0.0, f64::max);
    let start = if layer.points.is_empty() { 0.0 } else { start };
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE sonic-visualiser>\n<sv>\n  <data>\n",
    );
    let _ = write!(
        out,
        r#"    <model id="1" name="{}" sampleRate="{}" start="{start}" end="{end}" type="sparse" dimensions="{dimensions}" resolution="1" notifyOnAdd="true" dataset="0"{subtype}"#,
        text(&layer.name),
        rate.hz(),
    );
    if layer.kind != SonicKind::Instants {
        let values = || layer.points.iter().map(|point| point.value);
        let low = values().reduce(f64::min).unwrap_or_default();
        let high = values().reduce(f64::max).unwrap_or_default();
        let units = text(&layer.unit);
        let _ = write!(out, r#" minimum="{low}" maximum="{high}" units="{units}""#);
    }
    let _ = writeln!(out, " />\n    <dataset id=\"0\" dimensions=\"{dimensions}\">");
    for point in &layer.points {
        let _ = write!(out, r#"      <point frame="{}""#, frame(point.time));
        if layer.kind != SonicKind::Instants {
            let _ = write!(out, r#" value="{}""#, point.value);
        }
        if matches!(layer.kind, SonicKind::Notes | SonicKind::Regions) {
            // From the rounded ends, so that notes that touch still touch.
            let length = frame(point.time + point.duration) - frame(point.time);
            let _ = write!(out, r#" duration="{length}""#);
        }
        if layer.kind == SonicKind::Notes {
            let _ = write!(out, r#" level="{}""#, point.level);
        }
        let _ = writeln!(out, r#" label="{}" />"#, text(&point.label));
    }
    let _ = write!(
        out,
        "    </dataset>\n  </data>\n  <display>\n    <layer id=\"2\" type=\"{shown}\" name=\"{title}\" model=\"1\" />\n  </display>\n</sv>\n",
    );
    out
}
