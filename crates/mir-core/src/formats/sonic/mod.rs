//! The layers of Sonic Visualiser: as comma-separated values and as XML (`.svl` layers, and the `.sv`
//! sessions that hold several).

mod csv;
mod svl;

use std::path::Path;

pub use self::{
    csv::{parse_sonic_csv, render_sonic_csv},
    svl::{parse_svl, render_svl},
};
use super::{f0::track_at, text::excerpt};
use crate::{Error, F0Frame, F0Track, Note, Pitch, Result, Velocity};

/// What the points of a layer are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SonicKind {
    /// A time and a label.
    Instants,
    /// A time, a value and a label.
    Values,
    /// A time, a value (the pitch), a duration, a level and a label.
    Notes,
    /// A time, a value, a duration and a label.
    Regions,
}

impl SonicKind {
    /// Columns of its comma-separated form, the label included.
    const fn columns(self) -> usize {
        match self {
            Self::Instants => 2,
            Self::Values => 3,
            Self::Regions => 4,
            Self::Notes => 5,
        }
    }
}

/// How the values of a note layer name pitches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PitchUnit {
    /// MIDI numbers.
    #[default]
    Midi,
    /// Frequencies in Hz.
    Hertz,
}

/// One point of a layer; fields that its [`SonicKind`] does not have are 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SonicPoint {
    /// Seconds, at least 0.
    pub time: f64,
    /// The value, in the unit of the layer.
    pub value: f64,
    /// Seconds, at least 0.
    pub duration: f64,
    /// Level from 0 to 1: velocity / 128, as Sonic Visualiser reads MIDI.
    pub level: f64,
    /// Its text; may be empty.
    pub label: String,
}

/// A layer of Sonic Visualiser.
#[derive(Clone, Debug, PartialEq)]
pub struct SonicLayer {
    /// What its points are.
    pub kind: SonicKind,
    /// Name of the model, often empty.
    pub name: String,
    /// Unit of the values, often empty. `Hz` means frequencies.
    pub unit: String,
    /// The points, in their order.
    pub points: Vec<SonicPoint>,
}

impl SonicLayer {
    /// A note layer; values are MIDI numbers or frequencies.
    ///
    /// ```
    /// use mir_core::{Key, Note, Velocity, formats::{PitchUnit, SonicLayer}};
    ///
    /// let note = Note::new(0.5, 1.25, Key::new(69)?.pitch(), Velocity::new(64)?)?;
    /// let layer = SonicLayer::from_notes(&[note], PitchUnit::Hertz);
    /// assert_eq!((layer.points[0].value, layer.points[0].level), (440.0, 0.5));
    /// assert_eq!(layer.notes(layer.pitch_unit(), "x.svl".as_ref())?, [note]);
    /// # Ok::<(), mir_core::Error>(())
    /// ```
    pub fn from_notes(notes: &[Note], unit: PitchUnit) -> Self {
        let point = |note: &Note| SonicPoint {
            time: note.onset(),
            value: match unit {
                PitchUnit::Midi => note.pitch().midi(),
                PitchUnit::Hertz => note.pitch().hz(),
            },
            duration: note.duration(),
            level: f64::from(note.velocity().value()) / 128.0,
            label: String::new(),
        };
        Self {
            kind: SonicKind::Notes,
            name: "Notes".to_owned(),
            unit: match unit {
                PitchUnit::Midi => "MIDI".to_owned(),
                PitchUnit::Hertz => "Hz".to_owned(),
            },
            points: notes.iter().map(point).collect(),
        }
    }

    /// A time-values layer of frequencies in Hz. Frames without a pitch are left out, and unvoiced ones
    /// that have a pitch are negative, as pYIN writes them.
    pub fn from_f0(track: &F0Track) -> Self {
        let point = |frame: &F0Frame| {
            let hz = frame.pitch?.hz();
            let value = if frame.voicing > 0.0 { hz } else { -hz };
            Some(SonicPoint { time: frame.time, value, ..SonicPoint::default() })
        };
        Self {
            kind: SonicKind::Values,
            name: "Pitch".to_owned(),
            unit: "Hz".to_owned(),
            points: track.frames().iter().filter_map(point).collect(),
        }
    }

    /// The unit of pitches that the layer's own unit says: frequencies if it is `Hz`, else MIDI numbers.
    pub fn pitch_unit(&self) -> PitchUnit {
        if self.unit.trim().eq_ignore_ascii_case("hz") { PitchUnit::Hertz } else { PitchUnit::Midi }
    }

    /// The points as notes, sorted by onset: velocity is `round(128·level)` within 1 to 127, and 64 at
    /// level 0. Works for notes and regions.
    ///
    /// # Errors
    /// [`Error::Entry`] for a layer of another kind, or a point whose value is no pitch; `path` only names
    /// the file there.
    pub fn notes(&self, unit: PitchUnit, path: &Path) -> Result<Vec<Note>> {
        let entry = |index: usize, field, expected, actual: String| Error::Entry {
            path: path.to_owned(),
            place: format!("point {} of layer '{}'", index + 1, excerpt(&self.name)),
            field,
            expected,
            actual,
        };
        if !matches!(self.kind, SonicKind::Notes | SonicKind::Regions) {
            let kind = format!("{:?}", self.kind);
            return Err(entry(0, "kind", "notes or regions", kind));
        }
        let mut notes = Vec::with_capacity(self.points.len());
        for (index, point) in self.points.iter().enumerate() {
            let pitch = match unit {
                PitchUnit::Midi => Pitch::from_midi(point.value),
                PitchUnit::Hertz => Pitch::from_hz(point.value),
            };
            let pitch = pitch.ok().filter(|pitch| pitch.key().is_some()).ok_or_else(|| {
                let expected = match unit {
                    PitchUnit::Midi => "a MIDI number from 0 to 127",
                    PitchUnit::Hertz => "a frequency in Hz within the range of MIDI",
                };
                entry(index, "value", expected, point.value.to_string())
            })?;
            let velocity = if point.level > 0.0 {
                Velocity::new((128.0 * point.level).round().clamp(1.0, 127.0) as u8)?
            } else {
                Velocity::MEDIUM
            };
            let note = Note::new(point.time, point.time + point.duration, pitch, velocity);
            notes.push(note.map_err(|_| {
                entry(index, "duration", "at least 0 s", point.duration.to_string())
            })?);
        }
        Note::sort(&mut notes);
        Ok(notes)
    }

    /// The points of a time-values layer as a pitch track in Hz: 0 is no pitch, a negative value an
    /// unvoiced frame.
    ///
    /// # Errors
    /// [`Error::Entry`] for times that do not increase or values that are no frequencies; `path` only
    /// names the file there.
    pub fn f0(&self, path: &Path) -> Result<F0Track> {
        let place = format!("layer '{}'", excerpt(&self.name));
        let frame = |point: &SonicPoint| {
            let pitch = Pitch::from_hz(point.value.abs()).ok();
            let voicing = if point.value > 0.0 && pitch.is_some() { 1.0 } else { 0.0 };
            F0Frame { time: point.time, pitch, voicing }
        };
        track_at(self.points.iter().map(frame).collect(), path, &place)
    }
}

/// A level of a file: 0 to 1; a velocity up to 127 is taken for one.
fn level_of(level: f64) -> Option<f64> {
    match level {
        0.0..=1.0 => Some(level),
        1.0..=127.0 => Some(level / 128.0),
        _ => None,
    }
}
