//! Key detection: is the estimated key the right one, or at least a close relative?
//!
//! # Criterion
//! | relation of the estimate to the reference | score |
//! |---|---|
//! | same tonic and mode, or both unclassified | 1 |
//! | same mode, tonic a perfect fifth above | 0.5 |
//! | the relative key (A minor for C major, C major for A minor) | 0.3 |
//! | same tonic, other mode | 0.2 |
//! | anything else | 0 |
//!
//! Mode `other` has the tonic of the relative minor for a major reference and of the relative major for
//! a minor one. Source: MIREX, Audio Key Detection.
//!
//! # Differences from mir_eval
//! Values agree with `mir_eval.key` 0.8.2. The tonic and `X` may be written in any case.
//!
//! ```
//! use mir_eval::key::evaluate;
//! let scores = evaluate("C major".parse()?, "a minor".parse()?);
//! assert_eq!(scores.weighted_score, 0.3);
//! # Ok::<(), mir_eval::Error>(())
//! ```

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, NamedScores};

/// Mode of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Major.
    Major,
    /// Minor.
    Minor,
    /// Neither.
    Other,
}

/// A key: a tonic with a mode, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyLabel {
    /// The music cannot be said to be in a key; written `X`.
    Unclassified,
    /// A key.
    Key {
        /// Semitones above C, taken modulo 12.
        tonic: u8,
        /// The mode.
        mode: Mode,
    },
}

/// The spellings that MIREX admits, with semitones above C.
const TONICS: [(&str, u8); 17] = [
    ("c", 0),
    ("c#", 1),
    ("db", 1),
    ("d", 2),
    ("d#", 3),
    ("eb", 3),
    ("e", 4),
    ("f", 5),
    ("f#", 6),
    ("gb", 6),
    ("g", 7),
    ("g#", 8),
    ("ab", 8),
    ("a", 9),
    ("a#", 10),
    ("bb", 10),
    ("b", 11),
];

impl FromStr for KeyLabel {
    type Err = Error;

    /// From `C# major`, `ab minor`, `D other` or `X`.
    ///
    /// # Errors
    /// [`Error::Label`] for any other text.
    fn from_str(text: &str) -> Result<Self, Error> {
        let mut words = text.split_whitespace();
        let key = match (words.next(), words.next(), words.next()) {
            (Some(x), None, None) if x.eq_ignore_ascii_case("x") => Some(Self::Unclassified),
            (Some(tonic), Some(mode), None) => {
                let tonic = TONICS.iter().find(|(name, _)| name.eq_ignore_ascii_case(tonic));
                let mode = match mode {
                    "major" => Some(Mode::Major),
                    "minor" => Some(Mode::Minor),
                    "other" => Some(Mode::Other),
                    _ => None,
                };
                tonic.zip(mode).map(|(&(_, tonic), mode)| Self::Key { tonic, mode })
            }
            _ => None,
        };
        key.ok_or_else(|| Error::Label {
            kind: "key",
            label: text.to_owned(),
            expected: "tonic and mode such as 'C# major', 'Ab minor', 'D other', or 'X'",
        })
    }
}

/// The score of one estimated key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyScores {
    /// The score of the table in the module documentation.
    pub weighted_score: f64,
}

impl NamedScores for KeyScores {
    fn entries(&self) -> Vec<(&'static str, f64)> {
        vec![("Weighted Score", self.weighted_score)]
    }
}

/// All scores of an estimate.
pub fn evaluate(reference: KeyLabel, estimate: KeyLabel) -> KeyScores {
    KeyScores { weighted_score: weighted_score(reference, estimate) }
}

/// How closely the estimate is related to the reference, in [0, 1].
pub fn weighted_score(reference: KeyLabel, estimate: KeyLabel) -> f64 {
    use KeyLabel::{Key, Unclassified};
    let (reference, estimate) = match (reference, estimate) {
        (Unclassified, Unclassified) => return 1.0,
        (Key { tonic, mode }, Key { tonic: other, mode: other_mode }) => {
            ((tonic % 12, mode), (other % 12, other_mode))
        }
        _ => return 0.0,
    };
    let same_mode = reference.1 == estimate.1;
    let above = (12 + estimate.0 - reference.0) % 12;
    match (same_mode, above, reference.1) {
        (true, 0, _) => 1.0,
        (true, 7, _) => 0.5,
        (false, 9, Mode::Major) | (false, 3, Mode::Minor) => 0.3,
        (false, 0, _) => 0.2,
        _ => 0.0,
    }
}
