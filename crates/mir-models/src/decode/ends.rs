//! When does a note end? What validation recordings teach about it.
//!
//! A threshold on the frame probability is a poor judge: it lets short notes run on, because the probability falls
//! slowly, and cuts long ones short, because it fades with the sound. What is asked for is a time, and the network says
//! more about it than the one number: how the probability moves, whether an offset is near, whether many notes are
//! damped at once (a pedal that rises), how long the note has lasted.
//!
//! [`EndModel`] turns that into the hazard of an end, `h(t) = σ(w·x(t))`: the probability that a note which still sounds
//! ends in frame t. The note ends at the median, in the first frame to which it has survived with a probability of no
//! more than a half, `Π (1 − h) ≤ ½` (a discrete-time survival model: Cox, "Regression Models and Life-Tables", JRSS B
//! 34(2), 1972, section 6).

use mir_core::Note;
use mir_eval::transcription::{TranscriptionConfig, match_notes};
use ndarray::ArrayView1;
use serde::{Deserialize, Serialize};

use super::{NoteDecoderConfig, decode};
use crate::{Error, Result, activations::TranscriptionActivations};

/// Numbers that a frame is judged by.
const FEATURES: usize = 16;

/// Probabilities count as at least this far from 0 and 1, so that their log-odds are finite.
const LEAST: f32 = 1e-4;

/// The hazard that a note ends, frame by frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndModel {
    /// Weights of: one; the log-odds of the frame head in the frame before, this one, the next and the one after; those of
    /// the offset head in the frame before, this one and the next; the logarithm of the offset probabilities of all keys
    /// together, in the same three; by how much the frame probabilities of all keys together rise in this frame, and in
    /// the next; the logarithm of the frames that the note has lasted, and its square; the log-odds of the frame head
    /// in the frame before against those after the onset. All finite.
    pub weights: [f64; FEATURES],
}

/// What all keys together say in a frame.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    frames: f64,
    offsets: f64,
}

impl Totals {
    pub(super) fn of(frame: ArrayView1<'_, f32>, offset: Option<ArrayView1<'_, f32>>) -> Self {
        let sum = |row: ArrayView1<'_, f32>| row.iter().map(|&p| f64::from(p)).sum();
        Self { frames: sum(frame), offsets: offset.map_or(0.0, sum) }
    }
}

/// What is known about a note in one frame after its first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    features: [f64; FEATURES],
    /// The log-odds of the frame head in the frame after the onset.
    pub(super) first: f64,
}

impl Moment {
    /// From the frame head before, at, and twice after the moment, the offset head and all keys before, at and after
    /// it, the frames since the onset (at least 1) and the `first` of the moment before (whatever at the first).
    pub(super) fn new(
        frame: [f32; 4],
        offset: [f32; 3],
        totals: [Totals; 3],
        lasted: usize,
        first: f64,
    ) -> Self {
        let frame = frame.map(log_odds);
        let offset = offset.map(log_odds);
        let ends = totals.map(|total| (0.01 + total.offsets).ln());
        let rise = |n: usize| totals[n].frames - totals[n - 1].frames;
        let first = if lasted <= 1 { frame[1] } else { first };
        let long = (lasted.max(1) as f64).ln();
        let features = [
            1.0,
            frame[0],
            frame[1],
            frame[2],
            frame[3],
            offset[0],
            offset[1],
            offset[2],
            ends[0],
            ends[1],
            ends[2],
            rise(1),
            rise(2),
            long,
            long * long,
            frame[0] - first,
        ];
        Self { features, first }
    }
}

fn log_odds(p: f32) -> f64 {
    let p = f64::from(p.clamp(LEAST, 1.0 - LEAST));
    (p / (1.0 - p)).ln()
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn dot(a: &[f64; FEATURES], b: &[f64; FEATURES]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

impl EndModel {
    /// Frames after a moment that it looks at.
    pub(super) const LOOK_AHEAD: usize = 2;
    /// A note has ended when it still sounds with this probability.
    pub(super) const MEDIAN: f64 = 0.5;

    pub(super) fn hazard(&self, moment: &Moment) -> f64 {
        logistic(dot(&self.weights, &moment.features))
    }

    pub(super) fn validate(&self) -> Result<()> {
        match self.weights.iter().find(|weight| !weight.is_finite()) {
            None => Ok(()),
            Some(weight) => Err(Error::config("ends.weights", "finite numbers", weight)),
        }
    }

    /// Fits the weights to recordings with their notes: the onsets that `config` finds are matched with the reference as
    /// mir_eval does (50 ms), and the likelihood of the ends of the reference is maximised, by Newton's method with a
    /// ridge of 10⁻³ on standardised features. Notes that are struck again while they sound end there in any case and
    /// count as surviving until then.
    ///
    /// Gives `None` if no note of the reference is found: there is nothing to learn from.
    ///
    /// ```
    /// # use mir_core::{FrameGrid, KeyRange, Note, Pitch, SampleRate, Velocity};
    /// # use mir_models::{activations::TranscriptionActivations, decode::{EndModel, NoteDecoderConfig, decode}};
    /// # use ndarray::Array2;
    /// let grid = FrameGrid::new(SampleRate::HZ_16000, 512, 0)?;
    /// let (mut onset, mut frame) = (Array2::zeros((200, 88)), Array2::zeros((200, 88)));
    /// let mut notes = Vec::new();
    /// for n in 0..8 {
    ///     // A frame head that says 0.2 where a note still sounds: below every sensible threshold.
    ///     let (start, end) = (10 + 20 * n, 18 + 21 * n);
    ///     onset[(start, 30)] = 0.9;
    ///     (start..end).for_each(|t| frame[(t, 30)] = 0.2);
    ///     let time = |t| grid.time_of(t);
    ///     notes.push(Note::new(time(start), time(end), Pitch::from_midi(51.0)?, Velocity::MEDIUM)?);
    /// }
    /// let keys = KeyRange::PIANO;
    /// let said = TranscriptionActivations { grid, keys, onset, frame, offset: None, velocity: None };
    /// let mut config = NoteDecoderConfig::default();
    /// config.ends = EndModel::fit(&[(&said, notes.as_slice())], &config)?;
    /// let found = decode(&said, &config)?;
    /// assert!(found.iter().zip(&notes).all(|(a, b)| (a.offset() - b.offset()).abs() < 1e-6));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`] for an invalid configuration, [`Error::Eval`] if the notes cannot be matched.
    pub fn fit(
        recordings: &[(&TranscriptionActivations, &[Note])],
        config: &NoteDecoderConfig,
    ) -> Result<Option<Self>> {
        let mut lives = Vec::new();
        for (activations, reference) in recordings {
            observe(activations, reference, config, &mut lives)?;
        }
        Ok(lives.iter().any(|life| life.ended).then(|| Self { weights: newton(&lives) }))
    }
}

/// A frame in which a note still sounds, or ends.
#[derive(Clone, Copy, Debug)]
struct Life {
    features: [f64; FEATURES],
    ended: bool,
}

/// The lives of the notes that a decoder finds in a recording.
fn observe(
    activations: &TranscriptionActivations,
    reference: &[Note],
    config: &NoteDecoderConfig,
    lives: &mut Vec<Life>,
) -> Result<()> {
    let config = NoteDecoderConfig { ends: None, min_duration: 0.0, ..config.clone() };
    let found = decode(activations, &config)?;
    let matching = TranscriptionConfig { offset_ratio: None, ..TranscriptionConfig::default() };
    let frames = activations.frames();
    let totals: Vec<Totals> = (0..frames)
        .map(|t| {
            Totals::of(activations.frame.row(t), activations.offset.as_ref().map(|o| o.row(t)))
        })
        .collect();
    let position = |time: f64| {
        let periods = (time - activations.grid.time_of(0)) / activations.grid.period();
        (periods - config.row_shift).round().max(0.0) as usize
    };
    for (index, number) in match_notes(reference, &found, &matching)? {
        let (truth, note) = (&reference[index], &found[number]);
        let Some(column) = note.pitch().key().and_then(|key| activations.keys.index_of(key)) else {
            continue;
        };
        let start = position(note.onset());
        let end = position(truth.offset()).max(start + 1);
        // Struck again, or beyond the recording: only that it sounded until then is known.
        let again = found[number + 1..].iter().find(|other| other.pitch() == note.pitch());
        let limit = again.map_or(frames, |other| position(other.onset()).min(frames));
        let at = |t: usize| t.min(frames - 1);
        let offset = |t: usize| activations.offset.as_ref().map_or(0.0, |o| o[(at(t), column)]);
        let mut first = 0.0;
        for t in start + 1..limit.min(end + 1) {
            let moment = Moment::new(
                [t - 1, t, t + 1, t + 2].map(|t| activations.frame[(at(t), column)]),
                [t - 1, t, t + 1].map(offset),
                [t - 1, t, t + 1].map(|t| totals[at(t)]),
                t - start,
                first,
            );
            first = moment.first;
            lives.push(Life { features: moment.features, ended: t == end });
        }
    }
    Ok(())
}

/// The weights of largest likelihood.
fn newton(lives: &[Life]) -> [f64; FEATURES] {
    const RIDGE: f64 = 1e-3;
    let count = lives.len().max(1) as f64;
    let mean = |f: &dyn Fn(&Life) -> f64| lives.iter().map(f).sum::<f64>() / count;
    let means: [f64; FEATURES] =
        std::array::from_fn(|k| if k == 0 { 0.0 } else { mean(&|l| l.features[k]) });
    let scales: [f64; FEATURES] = std::array::from_fn(|k| {
        let deviation = mean(&|life| (life.features[k] - means[k]).powi(2)).sqrt();
        match k {
            0 => 1.0,
            // What never changes says nothing: its weight stays 0.
            _ if deviation < 1e-9 => 0.0,
            _ => 1.0 / deviation,
        }
    });
    let standard = |life: &Life| -> [f64; FEATURES] {
        std::array::from_fn(|k| (life.features[k] - means[k]) * scales[k])
    };
    let mut weights = [0.0; FEATURES];
    for _ in 0..30 {
        let (mut slope, mut curve) = ([0.0; FEATURES], [[0.0; FEATURES]; FEATURES]);
        for life in lives {
            let x = standard(life);
            let h = logistic(dot(&weights, &x));
            let error = h - f64::from(u8::from(life.ended));
            for i in 0..FEATURES {
                slope[i] += error * x[i];
                for j in 0..=i {
                    curve[i][j] += h * (1.0 - h) * x[i] * x[j];
                }
            }
        }
        for i in 0..FEATURES {
            slope[i] += RIDGE * weights[i];
            curve[i][i] += RIDGE;
        }
        let step = solve(&mut curve, slope);
        // Far from the best weights a whole step may lead further away.
        let largest = step.iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
        let factor = (2.0 / largest.max(1e-300)).min(1.0);
        for (weight, step) in weights.iter_mut().zip(step) {
            *weight -= factor * step;
        }
        if largest < 1e-9 {
            break;
        }
    }
    // Back to features as they are.
    let mut raw: [f64; FEATURES] = std::array::from_fn(|k| weights[k] * scales[k]);
    raw[0] = weights[0] - (1..FEATURES).map(|k| raw[k] * means[k]).sum::<f64>();
    raw
}

/// `A⁻¹·b` of a symmetric positive definite A, of which the lower triangle is given and overwritten (Cholesky).
fn solve(a: &mut [[f64; FEATURES]; FEATURES], mut b: [f64; FEATURES]) -> [f64; FEATURES] {
    for i in 0..FEATURES {
        for j in 0..=i {
            let below: f64 = (0..j).map(|k| a[i][k] * a[j][k]).sum();
            let rest = a[i][j] - below;
            a[i][j] = if i == j { rest.max(f64::MIN_POSITIVE).sqrt() } else { rest / a[j][j] };
        }
    }
    for i in 0..FEATURES {
        let below: f64 = (0..i).map(|k| a[i][k] * b[k]).sum();
        b[i] = (b[i] - below) / a[i][i];
    }
    for i in (0..FEATURES).rev() {
        let above: f64 = (i + 1..FEATURES).map(|k| a[k][i] * b[k]).sum();
        b[i] = (b[i] - above) / a[i][i];
    }
    b
}

#[cfg(test)]
mod tests {
    use mir_core::{FrameGrid, Key, KeyRange, SampleRate, Velocity};
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::*;
    use crate::decode::{ActivationRow, NoteDecoder};

    fn grid() -> FrameGrid {
        FrameGrid::new(SampleRate::HZ_16000, 512, 0).unwrap()
    }

    fn empty(frames: usize) -> TranscriptionActivations {
        let zeros = Array2::zeros((frames, 88));
        TranscriptionActivations {
            grid: grid(),
            keys: KeyRange::PIANO,
            onset: zeros.clone(),
            frame: zeros.clone(),
            offset: Some(zeros),
            velocity: None,
        }
    }

    #[test]
    fn a_system_of_equations_is_solved() {
        let value = |i: usize, j: usize| ((i * 7 + j * 3) % 11) as f64 / 11.0;
        let cell = |i: usize, j: usize| {
            (0..FEATURES).map(|k| value(i, k) * value(j, k)).sum::<f64>() + f64::from(i == j)
        };
        let a: [[f64; FEATURES]; FEATURES] =
            std::array::from_fn(|i| std::array::from_fn(|j| cell(i, j)));
        let x: [f64; FEATURES] = std::array::from_fn(|k| k as f64 - 5.0);
        let b: [f64; FEATURES] = std::array::from_fn(|i| dot(&a[i], &x));
        let found = solve(&mut a.clone(), b);
        assert!(found.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-9), "{found:?}");
    }

    /// Notes whose frame head fades, long ones below that of short ones that have ended: no threshold fits both.
    fn fading() -> (TranscriptionActivations, Vec<Note>) {
        let (mut said, mut notes) = (empty(1200), Vec::new());
        for n in 0..40 {
            let (key, start) = (20 + n % 9, 10 + 28 * n);
            let length = if n % 2 == 0 { 5 } else { 24 };
            said.onset[(start, key)] = 0.95;
            for t in start..start + length + 10 {
                let age = (t - start) as f32;
                let fade = 0.9 * (-age / 12.0).exp();
                said.frame[(t, key)] = if t < start + length { fade } else { 0.6 * fade };
            }
            if let Some(offset) = &mut said.offset {
                offset[(start + length, key)] = 0.4;
            }
            let pitch = Key::new(21 + key as u8).unwrap().pitch();
            let (onset, end) = (grid().time_of(start), grid().time_of(start + length));
            notes.push(Note::new(onset, end, pitch, Velocity::MEDIUM).unwrap());
        }
        (said, notes)
    }

    #[test]
    fn what_no_threshold_finds_is_learned() {
        let (said, notes) = fading();
        let right = |config: &NoteDecoderConfig| {
            let found = decode(&said, config).unwrap();
            assert_eq!(found.len(), notes.len());
            let near = |(a, b): &(&Note, &Note)| (a.offset() - b.offset()).abs() < 0.05;
            found.iter().zip(&notes).filter(near).count()
        };
        let mut config = NoteDecoderConfig::default();
        let best = (1..20).map(|n| {
            right(&NoteDecoderConfig { frame_threshold: 0.05 * f64::from(n), ..config.clone() })
        });
        assert!(best.max().unwrap() <= 30);
        config.ends = EndModel::fit(&[(&said, notes.as_slice())], &config).unwrap();
        assert_eq!(right(&config), 40);
    }

    #[test]
    fn nothing_is_learned_from_nothing() {
        let (said, _) = fading();
        let config = NoteDecoderConfig::default();
        assert_eq!(EndModel::fit(&[], &config).unwrap(), None);
        assert_eq!(EndModel::fit(&[(&said, &[])], &config).unwrap(), None);
        assert_eq!(EndModel::fit(&[(&empty(0), &[])], &config).unwrap(), None);
        let bad = EndModel { weights: [f64::NAN; FEATURES] };
        let bad = NoteDecoderConfig { ends: Some(bad), ..config };
        assert!(matches!(bad.validate(), Err(Error::Config { field: "ends.weights", .. })));
    }

    proptest! {
        #[test]
        fn a_recording_and_its_frames_one_by_one_give_the_same_notes(
            values in prop::collection::vec(0.0f32..1.0, 3 * 60), frames in 0usize..60,
            weights in prop::array::uniform16(-1.0f64..1.0), merge in 1usize..4,
        ) {
            let mut said = empty(frames);
            for t in 0..frames {
                said.onset[(t, 40)] = values[t];
                said.frame[(t, 40)] = values[60 + t];
                if let Some(offset) = &mut said.offset {
                    offset[(t, 40)] = values[120 + t];
                }
            }
            let config =
                NoteDecoderConfig { ends: Some(EndModel { weights }), merge, ..Default::default() };
            let whole = decode(&said, &config).unwrap();
            let mut decoder = NoteDecoder::new(config.clone(), grid(), KeyRange::PIANO).unwrap();
            let mut notes = Vec::new();
            for t in 0..frames {
                let before = notes.len();
                decoder.push(ActivationRow {
                    onset: said.onset.row(t),
                    frame: said.frame.row(t),
                    offset: said.offset.as_ref().map(|o| o.row(t)),
                    velocity: None,
                }, &mut notes);
                // What has ended is said no later than the look-ahead.
                for note in &notes[before..] {
                    prop_assert!(note.offset() >= grid().time_of(t) - grid().period() * (config.delay() as f64 + 1.0));
                }
            }
            decoder.finish(&mut notes);
            Note::sort(&mut notes);
            prop_assert_eq!(&notes, &whole);
            for pair in notes.windows(2) {
                // A note lasts a frame at least, also where the next begins a little sooner.
                prop_assert!(pair[0].offset() <= pair[1].onset() + grid().period());
            }
        }
    }
}
