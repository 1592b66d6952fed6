//! Scores under the names, and by the definitions, of the course GCT634, homework 3.

use std::collections::BTreeMap;

use mir_core::PianoRoll;
use mir_eval::{
    frame::{self, FrameConfig},
    transcription,
};

use crate::{experiment::Experiment, method::Decoding, validation::Pair};

/// What validation says.
#[derive(Debug)]
pub struct Metrics {
    /// Every metric under the course's name, each a mean over recordings.
    pub named: BTreeMap<String, f64>,
    /// Note F1, onsets and pitch only.
    pub note_f1: f64,
    /// Note F1, offsets included.
    pub note_with_offset_f1: f64,
}

/// The metrics of the course: of rolls at a threshold of 0.5 against the labels, of notes against the true times.
///
/// # Errors
/// Of the decoder and of the metrics.
pub fn metrics(
    pairs: &[Pair<'_>],
    decoding: &Decoding,
    experiment: &Experiment,
) -> mir_models::Result<Metrics> {
    let mut named: BTreeMap<String, f64> = BTreeMap::new();
    let mut add = |category: &str, name: String, value: f64| {
        *named.entry(format!("metric/{category}/{name}")).or_default() += value;
    };
    let (mut note_f1, mut note_with_offset_f1) = (0.0, 0.0);
    for (activations, reference) in pairs {
        let (grid, keys, rows) = (activations.grid, activations.keys, activations.frames());
        let labels = PianoRoll::from_notes(reference, grid, keys, rows, experiment.loader.roll);
        for (roll, labels, probabilities) in [
            ("frame", &labels.frame, &activations.frame),
            ("onset", &labels.onset, &activations.onset),
        ] {
            let cells = frame::evaluate(labels, probabilities, &FrameConfig::hw3())?;
            add("frame", format!("{roll}_precision"), cells.precision);
            add("frame", format!("{roll}_recall"), cells.recall);
            add("frame", format!("{roll}_f1"), cells.f1);
        }
        let estimate = decoding.notes(activations)?;
        let scores = transcription::evaluate(reference, &estimate, &decoding.tolerances())?;
        note_f1 += scores.note.f1;
        note_with_offset_f1 += scores.note_with_offset.map_or(0.0, |scores| scores.f1);
        for (category, scores) in
            [("note", Some(scores.note)), ("note-with-offsets", scores.note_with_offset)]
        {
            let Some(scores) = scores else { continue };
            add(category, "precision".to_owned(), scores.precision);
            add(category, "recall".to_owned(), scores.recall);
            add(category, "f1".to_owned(), scores.f1);
            add(category, "overlap".to_owned(), scores.overlap);
        }
    }
    let count = pairs.len().max(1) as f64;
    named.values_mut().for_each(|sum| *sum /= count);
    Ok(Metrics {
        named,
        note_f1: note_f1 / count,
        note_with_offset_f1: note_with_offset_f1 / count,
    })
}

/// The values of a metric in a log that the course's program printed: one for each validation, in order. What follows
/// the training (the test) is left out.
pub fn values_of_log(text: &str, metric: &str) -> Vec<f64> {
    let training = text.split("group test").next().unwrap_or(text);
    // Progress bars and warnings stand between the lines, and in them.
    training
        .split(metric)
        .skip(1)
        .filter_map(|rest| {
            let number = rest.trim_start().strip_prefix(':')?.trim_start();
            let end =
                number.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(number.len());
            number[..end].parse().ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_read_through_its_progress_bars() {
        let log = " 10%|██  | 999/10000 [01:44, loss: 1.3e-01]metri
c/loss/frame_loss      : 0.0692
metric/note/f1              : 0.6855
metric/note-with-offsets/f1 : 0.2358
 20%|███ | 1999/10000metric/note/f1  : 0.7882metric/note-with-offsets/f1 : 0.3687
Loading group test: 100%
metric/note/f1 : 0.5
";
        assert_eq!(values_of_log(log, "metric/note/f1"), [0.6855, 0.7882]);
        assert_eq!(values_of_log(log, "metric/note-with-offsets/f1"), [0.2358, 0.3687]);
        assert!(values_of_log(log, "metric/none").is_empty());
    }
}
