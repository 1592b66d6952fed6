//! Score files of `museval`.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::BssEvalScores;
use crate::{
    Error, Result,
    stats::{Summary, UndefinedPolicy, summarize},
};

/// The release whose form and values the files have.
const VERSION: &str = "0.4.1";

/// The scores of a track: the JSON form of `museval`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrackScores {
    /// The targets in the order in which they were evaluated.
    pub targets: Vec<TargetScores>,
    /// Release of `museval` whose values these are; old files have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub museval_version: Option<String>,
}

impl Default for TrackScores {
    fn default() -> Self {
        Self { targets: Vec::new(), museval_version: Some(VERSION.to_owned()) }
    }
}

/// The scores of one target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetScores {
    /// Its name, `vocals` for instance.
    pub name: String,
    /// Its windows.
    pub frames: Vec<FrameScores>,
}

/// The scores of one window.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrameScores {
    /// Start in seconds.
    pub time: f64,
    /// Length in seconds.
    pub duration: f64,
    /// The four ratios.
    pub metrics: FrameMetrics,
}

/// Four ratios in dB; `None` where undefined or infinite.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE", deny_unknown_fields)]
pub struct FrameMetrics {
    /// Source to distortion ratio.
    pub sdr: Option<f64>,
    /// Source to interference ratio.
    pub sir: Option<f64>,
    /// Source to artifacts ratio.
    pub sar: Option<f64>,
    /// Image to spatial distortion ratio.
    pub isr: Option<f64>,
}

/// One of the four ratios.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Source to distortion ratio.
    Sdr,
    /// Source to interference ratio.
    Sir,
    /// Source to artifacts ratio.
    Sar,
    /// Image to spatial distortion ratio.
    Isr,
}

impl FrameMetrics {
    /// The value of a metric.
    pub fn get(&self, metric: Metric) -> Option<f64> {
        match metric {
            Metric::Sdr => self.sdr,
            Metric::Sir => self.sir,
            Metric::Sar => self.sar,
            Metric::Isr => self.isr,
        }
    }
}

impl TargetScores {
    /// The windows of one source; `window` and `hop` in seconds.
    pub fn from_bss_eval(
        name: &str,
        scores: &BssEvalScores,
        source: usize,
        window: f64,
        hop: f64,
    ) -> Self {
        let defined = |x: f64| x.is_finite().then_some(x);
        let frame = |i: usize| FrameScores {
            time: i as f64 * hop,
            duration: window,
            metrics: FrameMetrics {
                sdr: defined(scores.sdr[[source, i]]),
                sir: defined(scores.sir[[source, i]]),
                sar: defined(scores.sar[[source, i]]),
                isr: defined(scores.isr[[source, i]]),
            },
        };
        Self { name: name.to_owned(), frames: (0..scores.windows.len()).map(frame).collect() }
    }
}

impl TrackScores {
    /// Mean, median and spread of a metric over the windows of a target, undefined ones left out, with
    /// their number. `museval` reports the median.
    ///
    /// # Errors
    /// [`Error::UnknownTarget`]; [`Error::TooFewValues`] if all windows are undefined.
    pub fn summary(&self, target: &str, metric: Metric) -> Result<Summary> {
        let found = self.targets.iter().find(|t| t.name == target);
        let found = found.ok_or_else(|| Error::UnknownTarget { target: target.to_owned() })?;
        let values: Vec<Option<f64>> = found.frames.iter().map(|f| f.metrics.get(metric)).collect();
        summarize(&values, UndefinedPolicy::Skip)
    }

    /// The text that `museval` writes: two spaces of indentation, scores with five decimals. An undefined
    /// score is `null`, where `museval` writes `NaN`, which is no JSON.
    pub fn to_json(&self) -> String {
        let mut out = String::from("{\n  \"targets\": [");
        let text = |s: &str| serde_json::Value::from(s).to_string();
        for (i, target) in self.targets.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            let _ = write!(out, "{comma}\n    {{\n      \"name\": {},", text(&target.name));
            out.push_str("\n      \"frames\": [");
            for (i, frame) in target.frames.iter().enumerate() {
                let comma = if i == 0 { "" } else { "," };
                let _ = write!(out, "{comma}\n        {{\n          \"time\": {:?},", frame.time);
                let _ = write!(out, "\n          \"duration\": {:?},", frame.duration);
                out.push_str("\n          \"metrics\": {");
                let m = &frame.metrics;
                let named = [("SDR", m.sdr), ("SIR", m.sir), ("SAR", m.sar), ("ISR", m.isr)];
                for (i, (name, value)) in named.into_iter().enumerate() {
                    let comma = if i == 0 { "" } else { "," };
                    let value = value.map_or("null".to_owned(), |value| format!("{value:.5}"));
                    let _ = write!(out, "{comma}\n            \"{name}\": {value}");
                }
                out.push_str("\n          }\n        }");
            }
            out.push_str(if target.frames.is_empty() { "]\n    }" } else { "\n      ]\n    }" });
        }
        out.push_str(if self.targets.is_empty() { "]" } else { "\n  ]" });
        if let Some(version) = &self.museval_version {
            let _ = write!(out, ",\n  \"museval_version\": {}", text(version));
        }
        out.push_str("\n}");
        out
    }

    /// Reads the text of a score file, `NaN` and `Infinity` included.
    ///
    /// # Errors
    /// [`Error::ScoreFile`] if it is not of the form.
    pub fn from_json(text: &str) -> Result<Self> {
        serde_json::from_str(&without_nan(text)).map_err(|source| Error::ScoreFile { source })
    }
}

/// Replaces the words `NaN`, `Infinity` and `-Infinity` outside of strings by `null`.
fn without_nan(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut in_string) = (text, false);
    while let Some(next) = rest.chars().next() {
        let word = ["NaN", "-Infinity", "Infinity"].into_iter().find(|word| rest.starts_with(word));
        let len = match (next, word) {
            (_, Some(word)) if !in_string => {
                out.push_str("null");
                rest = &rest[word.len()..];
                continue;
            }
            // A character after a backslash ends no string.
            ('\\', _) if in_string => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            ('"', _) => {
                in_string = !in_string;
                1
            }
            _ => next.len_utf8(),
        };
        out.push_str(&rest[..len]);
        rest = &rest[len..];
    }
    out
}
