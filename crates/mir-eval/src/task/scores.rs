//! Scores in the form of `mir_eval`.

use std::fmt;

use serde::{Serialize, Serializer};

#[cfg(feature = "separation")]
use crate::separation::{SeparationEntry, SeparationScores};
use crate::{NamedScores, Undefined, Value, tempo::TempoScores};

/// One score.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ScoreValue {
    /// A number; NaN and infinities occur.
    Number(f64),
    /// Yes or no.
    Flag(bool),
    /// One number a source.
    Sources(Vec<f64>),
    /// One number a source and frame: `[sources][frames]`.
    Frames(Vec<Vec<f64>>),
    /// Which estimate belongs to each reference.
    Permutation(Vec<usize>),
}

impl ScoreValue {
    /// The score as one number: yes and no are 1 and 0, several sources their mean. `None` for frames and
    /// permutations, which have no meaningful mean here, and where the number is not finite.
    pub fn number(&self) -> Option<f64> {
        let number = match self {
            Self::Number(number) => *number,
            Self::Flag(flag) => f64::from(*flag),
            Self::Sources(numbers) => numbers.iter().sum::<f64>() / numbers.len() as f64,
            Self::Frames(_) | Self::Permutation(_) => return None,
        };
        number.is_finite().then_some(number)
    }

    /// Whether [`number`](Self::number) may be one.
    fn has_number(&self) -> bool {
        !matches!(self, Self::Frames(_) | Self::Permutation(_))
    }
}

/// All scores of one estimate: names and values in the order of `mir_eval`.
///
/// Serialised as a map in that order; JSON knows no NaN and writes `null` for it, as for infinities.
/// [`Scores::to_json`] writes what Python's `json` module writes. Displayed as `mir_eval`'s evaluators
/// print them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scores {
    entries: Vec<(&'static str, ScoreValue)>,
    /// Why a score means nothing, one for each entry; `None` where it does.
    undefined: Vec<Option<Undefined>>,
}

impl Scores {
    /// From scores of a metric module.
    pub fn of(scores: &impl NamedScores) -> Self {
        let number = |(name, value)| (name, ScoreValue::Number(value));
        let reason = |(_, value)| match value {
            Value::Defined(_) => None,
            Value::Undefined(reason) => Some(reason),
        };
        Self {
            entries: scores.entries().into_iter().map(number).collect(),
            undefined: scores.values().into_iter().map(reason).collect(),
        }
    }

    /// Two of the tempo scores are yes or no.
    pub(super) fn of_tempo(scores: &TempoScores) -> Self {
        let mut entries = Self::of(scores);
        for (name, value) in &mut entries.entries {
            match *name {
                "One-correct" => *value = ScoreValue::Flag(scores.one_correct),
                "Both-correct" => *value = ScoreValue::Flag(scores.both_correct),
                _ => {}
            }
        }
        entries
    }

    #[cfg(feature = "separation")]
    pub(super) fn of_separation(scores: &SeparationScores) -> Self {
        let value = |entry| match entry {
            SeparationEntry::Values(numbers) => ScoreValue::Sources(numbers),
            SeparationEntry::Order(order) => ScoreValue::Permutation(order),
            SeparationEntry::Frames(frames) => ScoreValue::Frames(frames),
        };
        Self::new(scores.entries().into_iter().map(|(name, entry)| (name, value(entry))).collect())
    }

    /// From names and values, none of them undefined but those that are not finite.
    pub fn new(entries: Vec<(&'static str, ScoreValue)>) -> Self {
        let undefined = vec![None; entries.len()];
        Self { entries, undefined }
    }

    /// Names and values, in order.
    pub fn entries(&self) -> &[(&'static str, ScoreValue)] {
        &self.entries
    }

    /// Why a score means nothing, and `mir_eval` gives 0 or NaN: one reason for each of the
    /// [`entries`](Self::entries), `None` where there is a score.
    ///
    /// ```
    /// use mir_eval::{Undefined, task::{Annotation, Task, TaskConfig}};
    /// let (reference, estimate) = (Annotation::Events(vec![1.0]), Annotation::Events(vec![]));
    /// let scores = TaskConfig::new(Task::Onset).evaluate(&reference, &estimate)?;
    /// assert_eq!(scores.undefined(), [None, Some(Undefined::EmptyEstimate), None]);
    /// # Ok::<(), mir_eval::Error>(())
    /// ```
    pub fn undefined(&self) -> &[Option<Undefined>] {
        &self.undefined
    }

    /// Names of the scores that are, or have a mean that is, one number: the columns of a [`Table`](crate::report::Table).
    pub fn columns(&self) -> impl Iterator<Item = &'static str> {
        self.entries.iter().filter(|(_, value)| value.has_number()).map(|(name, _)| *name)
    }

    /// The numbers of these [`columns`](Self::columns), `None` where a score is undefined.
    pub fn numbers(&self) -> impl Iterator<Item = Option<f64>> {
        let scores = self.entries.iter().zip(&self.undefined);
        scores
            .filter(|((_, value), _)| value.has_number())
            .map(|((_, value), undefined)| if undefined.is_some() { None } else { value.number() })
    }

    /// JSON on one line, byte for byte in the layout of Python's `json.dump`, with its `NaN`, `Infinity`
    /// and `-Infinity` where a score is not finite: strict JSON readers refuse these three.
    pub fn to_json(&self) -> String {
        let mut text = String::from("{");
        for (index, (name, value)) in self.entries.iter().enumerate() {
            // Names hold no character that JSON escapes.
            text += &format!("{}\"{name}\": ", if index == 0 { "" } else { ", " });
            match value {
                ScoreValue::Number(number) => text += &python_number(*number),
                ScoreValue::Flag(flag) => text += if *flag { "true" } else { "false" },
                ScoreValue::Sources(numbers) => text += &list(numbers, |x| python_number(*x)),
                ScoreValue::Frames(frames) => {
                    text += &list(frames, |numbers| list(numbers, |x| python_number(*x)));
                }
                ScoreValue::Permutation(order) => text += &list(order, usize::to_string),
            }
        }
        text + "}"
    }
}

impl Serialize for Scores {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.entries.iter().map(|(name, value)| (name, value)))
    }
}

impl fmt::Display for Scores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.entries.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let three = |x: &f64| format!("{x:.3}");
        for (name, value) in &self.entries {
            let text = match value {
                ScoreValue::Number(number) => three(number),
                ScoreValue::Flag(flag) => if *flag { "True" } else { "False" }.to_owned(),
                ScoreValue::Sources(numbers) => list(numbers, three),
                ScoreValue::Frames(frames) => list(frames, |numbers| list(numbers, three)),
                ScoreValue::Permutation(order) => list(order, usize::to_string),
            };
            writeln!(f, "\t{name:>width$} : {text}")?;
        }
        Ok(())
    }
}

fn list<T>(items: &[T], text: impl Fn(&T) -> String) -> String {
    format!("[{}]", items.iter().map(text).collect::<Vec<_>>().join(", "))
}

/// The number as Python prints it: shortest digits that read back, exponents from 1e16 and below 1e-4.
fn python_number(x: f64) -> String {
    if x.is_nan() {
        "NaN".to_owned()
    } else if x.is_infinite() {
        if x > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
    } else if x == 0.0 || (1e-4..1e16).contains(&x.abs()) {
        format!("{x:?}")
    } else {
        let text = format!("{x:e}");
        match text.split_once('e') {
            Some((digits, exponent)) => {
                let (sign, size) =
                    exponent.strip_prefix('-').map_or(('+', exponent), |size| ('-', size));
                format!("{digits}e{sign}{size:0>2}")
            }
            None => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_python_writes_them() {
        let cases = [
            (0.0, "0.0"),
            (-0.5, "-0.5"),
            (1.0, "1.0"),
            (1e-4, "0.0001"),
            (1e-5, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (1.25e22, "1.25e+22"),
            (2.0 / 3.0, "0.6666666666666666"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ];
        for (number, text) in cases {
            assert_eq!(python_number(number), text);
        }
    }

    #[test]
    fn lists_keep_python_s_layout() {
        let scores = Scores::new(vec![
            ("a", ScoreValue::Sources(vec![1.0, f64::NAN])),
            ("b", ScoreValue::Frames(vec![vec![0.5], vec![]])),
            ("c", ScoreValue::Permutation(vec![1, 0])),
            ("d", ScoreValue::Flag(true)),
        ]);
        let expected = r#"{"a": [1.0, NaN], "b": [[0.5], []], "c": [1, 0], "d": true}"#;
        assert_eq!(scores.to_json(), expected);
        let strict = r#"{"a":[1.0,null],"b":[[0.5],[]],"c":[1,0],"d":true}"#;
        assert_eq!(serde_json::to_string(&scores).expect("a map of numbers"), strict);
    }
}
