//! Scores under the names, and by the definitions, of the course GCT634, homework 3.

use mir_core::{Note, PianoRoll, RollRule};
use mir_eval::transcription::{self, TranscriptionConfig};
use mir_models::{
    activations::TranscriptionActivations,
    decode::{NoteDecoderConfig, OriginalDecoder, decode},
    thresholds::Tuned,
};
use ndarray::Array2;

use crate::experiment::Experiment;

type Pair<'a> = (&'a TranscriptionActivations, &'a [Note]);

/// What an original decoder reaches with fixed thresholds.
///
/// # Errors
/// Of the decoder and of the metrics.
pub fn as_they_are(
    pairs: &[Pair<'_>],
    original: OriginalDecoder,
    thresholds: &NoteDecoderConfig,
) -> mir_models::Result<Tuned> {
    let mut sum = [0.0; 2];
    for (activations, reference) in pairs {
        let estimate =
            original.decode(activations, thresholds.onset_threshold, thresholds.frame_threshold)?;
        let scores =
            transcription::evaluate(reference, &estimate, &TranscriptionConfig::default())?;
        sum[0] += scores.note.f1;
        sum[1] += scores.note_with_offset.map_or(0.0, |scores| scores.f1);
    }
    let [note_f1, note_with_offset_f1] = sum.map(|sum| sum / pairs.len().max(1) as f64);
    Ok(Tuned { decoder: thresholds.clone(), note_f1, note_with_offset_f1 })
}

/// The metrics of the course, each a mean over recordings: of rolls at a threshold of 0.5 against the labels, of notes
/// against the true times.
///
/// # Errors
/// Of the decoder and of the metrics.
pub fn metrics(
    pairs: &[Pair<'_>],
    decoder: &NoteDecoderConfig,
    experiment: &Experiment,
) -> mir_models::Result<Vec<(String, f64)>> {
    let mut sums: Vec<(String, f64)> = Vec::new();
    let mut add = |category: &str, name: &str, value: f64| {
        let name = format!("metric/{category}/{name}");
        match sums.iter_mut().find(|(n, _)| *n == name) {
            Some((_, sum)) => *sum += value,
            None => sums.push((name, value)),
        }
    };
    for (activations, reference) in pairs {
        let estimate = match experiment.original_decoder {
            None => decode(activations, decoder)?,
            Some(original) => {
                original.decode(activations, decoder.onset_threshold, decoder.frame_threshold)?
            }
        };
        let rule: RollRule = experiment.loader.roll;
        let labels = PianoRoll::from_notes(
            reference,
            activations.grid,
            activations.keys,
            activations.frames(),
            rule,
        );
        let rolls = [
            ("frame", &labels.frame, &activations.frame),
            ("onset", &labels.onset, &activations.onset),
        ];
        for (roll, labels, probabilities) in rolls {
            let [precision, recall, f1] = of_cells(labels, probabilities);
            add("frame", &format!("{roll}_precision"), precision);
            add("frame", &format!("{roll}_recall"), recall);
            add("frame", &format!("{roll}_f1"), f1);
        }
        let scores =
            transcription::evaluate(reference, &estimate, &TranscriptionConfig::default())?;
        for (category, scores) in
            [("note", Some(scores.note)), ("note-with-offsets", scores.note_with_offset)]
        {
            let Some(scores) = scores else { continue };
            add(category, "precision", scores.precision);
            add(category, "recall", scores.recall);
            add(category, "f1", scores.f1);
            add(category, "overlap", scores.overlap);
        }
    }
    let count = pairs.len().max(1) as f64;
    Ok(sums.into_iter().map(|(name, sum)| (name, sum / count)).collect())
}

/// Precision, recall and F1 of cells above 0.5; 0 where there is nothing to divide by.
fn of_cells(labels: &Array2<f32>, probabilities: &Array2<f32>) -> [f64; 3] {
    let (mut hits, mut claimed, mut there) = (0.0, 0.0, 0.0);
    for (&label, &probability) in labels.iter().zip(probabilities) {
        let (label, claim) = (f64::from(label), f64::from(u8::from(probability > 0.5)));
        hits += label * claim;
        claimed += claim;
        there += label;
    }
    let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
    [share(hits, claimed), share(hits, there), share(2.0 * hits, claimed + there)]
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

    #[test]
    fn cells_are_counted() {
        let labels = Array2::from_shape_vec((2, 2), vec![1.0, 1.0, 0.0, 0.0]).unwrap();
        let said = Array2::from_shape_vec((2, 2), vec![0.9, 0.1, 0.6, 0.2]).unwrap();
        assert_eq!(of_cells(&labels, &said), [0.5, 0.5, 0.5]);
        assert_eq!(of_cells(&Array2::zeros((2, 2)), &Array2::zeros((2, 2))), [0.0; 3]);
    }
}
