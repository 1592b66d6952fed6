//! What a track can be annotated with, and how an annotation is asked for.

use std::{fmt, str::FromStr};

use mir_core::{Beats, F0Track, Labeled, MultiF0, Note};
use serde::{Deserialize, Serialize};

use crate::Error;

/// A kind of annotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// Onset, offset, pitch, velocity.
    Notes,
    /// One fundamental frequency over time: a melody, a voice, a stem.
    F0,
    /// All fundamental frequencies over time.
    MultiF0,
    /// Beats, with positions in the bar where they are known.
    Beats,
    /// Chord labels.
    Chords,
    /// Keys.
    Keys,
    /// Sections of the form.
    Segments,
    /// Words or lines of text.
    Lyrics,
    /// Tempo in beats a minute.
    Tempo,
    /// Other labelled intervals: instruments that play, phrases, events.
    Events,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Notes,
        Self::F0,
        Self::MultiF0,
        Self::Beats,
        Self::Chords,
        Self::Keys,
        Self::Segments,
        Self::Lyrics,
        Self::Tempo,
        Self::Events,
    ];

    /// `notes`, `f0`, `multi_f0` ….
    pub const fn name(self) -> &'static str {
        match self {
            Self::Notes => "notes",
            Self::F0 => "f0",
            Self::MultiF0 => "multi_f0",
            Self::Beats => "beats",
            Self::Chords => "chords",
            Self::Keys => "keys",
            Self::Segments => "segments",
            Self::Lyrics => "lyrics",
            Self::Tempo => "tempo",
            Self::Events => "events",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Kind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| Error::InvalidConfig {
            field: "kind of annotation",
            expected: "notes, f0, multi_f0, beats, chords, keys, segments, lyrics, tempo or events",
            actual: name.to_owned(),
        })
    }
}

/// The name of one annotation of a track: its kind, and which one of several.
///
/// The variant tells annotators (`a1`), parts (`violin`), stems (`STEM_04`) or definitions (`melody2`)
/// apart; where a track has one annotation of a kind it is empty.
///
/// ```
/// use mir_datasets::{Kind, Label};
///
/// assert_eq!(Label::new(Kind::Notes, "a2").to_string(), "notes a2");
/// assert_eq!(Label::from(Kind::Beats).to_string(), "beats");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Label {
    /// What it is.
    pub kind: Kind,
    /// Which one.
    pub variant: String,
}

impl Label {
    /// From its parts.
    pub fn new(kind: Kind, variant: impl Into<String>) -> Self {
        Self { kind, variant: variant.into() }
    }
}

impl From<Kind> for Label {
    /// The only one of its kind.
    fn from(kind: Kind) -> Self {
        Self::new(kind, "")
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.variant.as_str() {
            "" => write!(f, "{}", self.kind),
            variant => write!(f, "{} {variant}", self.kind),
        }
    }
}

/// The content of an annotation. Times are seconds.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Annotation {
    /// Of [`Kind::Notes`], sorted.
    Notes(Vec<Note>),
    /// Of [`Kind::F0`].
    F0(F0Track),
    /// Of [`Kind::MultiF0`].
    MultiF0(MultiF0),
    /// Of [`Kind::Beats`].
    Beats(Beats),
    /// Of [`Kind::Chords`], [`Kind::Keys`], [`Kind::Segments`], [`Kind::Lyrics`], [`Kind::Events`].
    Labels(Vec<Labeled<String>>),
    /// Of [`Kind::Tempo`], in beats a minute.
    Tempo(f64),
}

impl Annotation {
    /// Number of notes, frames, beats or intervals.
    pub fn len(&self) -> usize {
        match self {
            Self::Notes(notes) => notes.len(),
            Self::F0(track) => track.frames().len(),
            Self::MultiF0(series) => series.times().len(),
            Self::Beats(beats) => beats.as_slice().len(),
            Self::Labels(labels) => labels.len(),
            Self::Tempo(_) => 1,
        }
    }

    /// Whether nothing is annotated.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

macro_rules! from_content {
    ($($variant:ident($content:ty)),*) => {$(
        impl From<$content> for Annotation {
            fn from(content: $content) -> Self {
                Self::$variant(content)
            }
        }
    )*};
}
from_content!(
    Notes(Vec<Note>),
    F0(F0Track),
    MultiF0(MultiF0),
    Beats(Beats),
    Labels(Vec<Labeled<String>>)
);

/// One part of a recording that can be heard alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Stem {
    /// Its name, unique in the track: `vocals`, `STEM_04`, `S00`.
    pub name: String,
    /// What plays it, as the data set calls it; may be empty.
    pub instrument: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_known_by_its_name() {
        for kind in Kind::ALL {
            assert_eq!(kind.name().parse::<Kind>().unwrap(), kind);
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
        assert!("melody".parse::<Kind>().is_err());
    }
}
