//! Excerpts: a stretch of a recording with what is annotated in it, on one time line.
//!
//! [`excerpt`] cuts audio and annotations of a track to a range of seconds; [`Annotation::cut`] does the
//! second alone. Times then count from the start of the range.
//!
//! # What belongs to a range
//! Ranges are half-open, so that ranges that follow each other share nothing and lose nothing:
//!
//! | annotation | what is kept of the range `[a, b)` |
//! |---|---|
//! | audio | the samples from the one nearest to `a` to the one before the nearest to `b` |
//! | f0, several f0, beats | the frames and beats at `a ≤ time < b`; places in the bar stay as they are |
//! | notes | those that the [`Edges`] say |
//! | chords, keys, segments, lyrics, events | the part inside of those that reach into it; those of no length as beats |
//! | tempo | as it is |
//!
//! Audio excerpts of ranges that follow each other, at the rate of the file, are the audio when they are put
//! together; so are frames, beats, and notes under [`Edges::Onset`].
//!
//! # Frames
//! [`frames_within`] says which frames of a grid lie in a range, by the same rule. Targets and evaluation should
//! be drawn for those frames from the notes of the whole recording, as [`PianoRoll::window`] does and as the
//! batches of this crate are made: a note that lies on the border of two frames may fall to the other one when
//! its time is shifted first. Series of pitch are brought to a grid by [`on_grid`](crate::on_grid).
//!
//! [`PianoRoll::window`]: mir_core::PianoRoll::window

use std::ops::Range;

use mir_audio::LoadOptions;
use mir_core::{
    AudioBuffer, Beat, Beats, F0Frame, F0Track, FrameGrid, Interval, Labeled, MultiF0, Note,
};
use serde::{Deserialize, Serialize};

use crate::{Annotation, Label, Result, Track};

/// Which notes belong to a range, where they cross its edges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edges {
    /// All that sound in it, each cut to the part inside: what is heard. A note that began before the range
    /// has its onset at 0.
    #[default]
    Cut,
    /// Those that begin in it, at their whole length: each note belongs to one of several ranges that follow
    /// each other. Offsets may lie beyond the end.
    Onset,
    /// Those that begin and end in it (an end at the edge is inside).
    Inside,
}

/// What an excerpt is made of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExcerptConfig {
    /// How the audio is loaded; `start` and `duration` are those of the range, whatever they are here.
    pub audio: LoadOptions,
    /// Which notes belong to it.
    pub edges: Edges,
}

/// A stretch of a recording. Times count from the start of its range.
#[derive(Clone, Debug, PartialEq)]
pub struct Excerpt {
    /// Where it is in the recording, seconds.
    pub range: Interval,
    /// Its audio; shorter than the range where the recording ends before, and empty after its end.
    pub audio: AudioBuffer,
    /// Its annotations, in the order in which they were asked for.
    pub annotations: Vec<(Label, Annotation)>,
}

/// Cuts a range out of a recording, with the annotations that are asked for.
///
/// ```
/// use mir_core::Interval;
/// use mir_datasets::{
///     Dataset,
///     excerpt::{ExcerptConfig, excerpt},
///     synthetic::{Synthetic, SyntheticConfig, SyntheticKind},
/// };
///
/// let music = Synthetic::new(SyntheticConfig::new(SyntheticKind::Melody))?;
/// let track = music.tracks()[0].as_ref();
/// let range = Interval::new(1.0, 2.5)?;
/// let part = excerpt(track, range, track.labels(), &ExcerptConfig::default())?;
/// assert_eq!(part.audio.duration(), 1.5);
/// assert_eq!(part.annotations.len(), track.labels().len());
/// # Ok::<(), mir_datasets::Error>(())
/// ```
///
/// # Errors
/// Those of [`Track::audio`] and [`Track::annotation`].
pub fn excerpt(
    track: &dyn Track,
    range: Interval,
    labels: &[Label],
    config: &ExcerptConfig,
) -> Result<Excerpt> {
    let options = LoadOptions {
        start: range.start(),
        duration: Some(range.duration() + MARGIN),
        ..config.audio.clone()
    };
    let audio = track.audio(&options)?;
    // Start and end are rounded to samples each for itself: a rounded length would now and then give a sample
    // to two ranges, or to none.
    let rate = audio.sample_rate();
    let length = rate.sample_at(range.end()) - rate.sample_at(range.start());
    let audio = if length < audio.len() { audio.excerpt(0..length) } else { audio };
    let cut = |label: &Label| {
        let annotation = track.annotation(label)?.cut(range, config.edges)?;
        Ok((label.clone(), annotation))
    };
    let annotations = labels.iter().map(cut).collect::<Result<_>>()?;
    Ok(Excerpt { range, audio, annotations })
}

/// What is loaded beyond the end of a range and cut off again, seconds: more than a sample at any rate.
const MARGIN: f64 = 0.001;

/// The frames of a grid at `start ≤ time < end`.
///
/// ```
/// use mir_core::{FrameGrid, Interval, SampleRate};
/// use mir_datasets::excerpt::frames_within;
///
/// let grid = FrameGrid::new(SampleRate::HZ_16000, 512, 0)?;
/// assert_eq!(frames_within(&grid, Interval::new(0.0, 0.032)?), 0..1);
/// assert_eq!(frames_within(&grid, Interval::new(0.032, 0.1)?), 1..4);
/// # Ok::<(), mir_core::Error>(())
/// ```
pub fn frames_within(grid: &FrameGrid, range: Interval) -> Range<usize> {
    let first = |seconds: f64| {
        // The quotient may be off by its last digit; the times of the frames decide.
        let mut frame = grid.position_of(seconds).max(0.0).ceil() as usize;
        while frame > 0 && grid.time_of(frame - 1) >= seconds {
            frame -= 1;
        }
        while grid.time_of(frame) < seconds {
            frame += 1;
        }
        frame
    };
    first(range.start())..first(range.end())
}

impl Annotation {
    /// The part of it that lies in a range of seconds, with times from the start of the range; the rules stand
    /// in [`excerpt`](crate::excerpt).
    ///
    /// # Errors
    /// [`Error::Core`](crate::Error::Core) for values of a loader that break their own rules, as a time that is
    /// not finite.
    pub fn cut(&self, range: Interval, edges: Edges) -> Result<Self> {
        let (start, end) = (range.start(), range.end());
        let inside = |time: f64| start <= time && time < end;
        Ok(match self {
            Self::Notes(notes) => Self::Notes(cut_notes(notes, range, edges)?),
            Self::F0(track) => {
                let frames = track.frames().iter().filter(|frame| inside(frame.time));
                let frames = frames.map(|frame| F0Frame { time: frame.time - start, ..*frame });
                Self::F0(F0Track::new(frames.collect())?)
            }
            Self::MultiF0(series) => {
                let frames = series.times().iter().zip(series.pitches());
                let frames = frames.filter(|(time, _)| inside(**time));
                let (times, pitches) =
                    frames.map(|(time, pitches)| (time - start, pitches.clone())).unzip();
                Self::MultiF0(MultiF0::new(times, pitches)?)
            }
            Self::Beats(beats) => {
                let beats = beats.as_slice().iter().filter(|beat| inside(beat.time));
                let beats = beats.map(|beat| Beat { time: beat.time - start, ..*beat });
                Self::Beats(Beats::new(beats.collect())?)
            }
            Self::Labels(labels) => {
                let reaches = |interval: Interval| {
                    let sounds = interval.start() < end && interval.end() > start;
                    sounds || (interval.duration() == 0.0 && inside(interval.start()))
                };
                let labels = labels.iter().filter(|labeled| reaches(labeled.interval));
                let labels = labels.map(|Labeled { interval, label }| {
                    let (from, to) = (interval.start().max(start), interval.end().min(end));
                    let interval = Interval::new(from - start, to - start)?;
                    Ok(Labeled { interval, label: label.clone() })
                });
                Self::Labels(labels.collect::<Result<_>>()?)
            }
            Self::Tempo(tempo) => Self::Tempo(*tempo),
        })
    }
}

fn cut_notes(notes: &[Note], range: Interval, edges: Edges) -> Result<Vec<Note>> {
    let (start, end) = (range.start(), range.end());
    let begins = |note: &Note| start <= note.onset() && note.onset() < end;
    let belongs = |note: &&Note| match edges {
        Edges::Cut => begins(note) || (note.onset() < end && note.offset() > start),
        Edges::Onset => begins(note),
        Edges::Inside => begins(note) && note.offset() <= end,
    };
    let shifted = notes.iter().filter(belongs).map(|note| {
        let (onset, offset) = match edges {
            Edges::Cut => (note.onset().max(start), note.offset().min(end)),
            Edges::Onset | Edges::Inside => (note.onset(), note.offset()),
        };
        Ok(Note::new(onset - start, offset - start, note.pitch(), note.velocity())?)
    });
    let mut notes = shifted.collect::<Result<Vec<_>>>()?;
    // Notes that were cut to one onset are in the order of their pitches.
    Note::sort(&mut notes);
    Ok(notes)
}

#[cfg(test)]
mod tests {
    use mir_core::{Key, KeyRange, PianoRoll, Pitch, RollRule, SampleRate, Velocity};
    use proptest::prelude::*;

    use super::*;

    fn note((key, onset, length): (u8, f64, f64)) -> Note {
        let pitch = Key::new(key).unwrap().pitch();
        Note::new(onset, onset + length, pitch, Velocity::MEDIUM).unwrap()
    }

    fn ranges(cuts: &[f64]) -> Vec<Interval> {
        cuts.windows(2).map(|pair| Interval::new(pair[0], pair[1]).unwrap()).collect()
    }

    /// The borders of ranges that follow each other and cover 30 s.
    fn borders() -> impl Strategy<Value = Vec<f64>> {
        prop::collection::vec(0.0f64..30.0, 0..6).prop_map(|mut cuts| {
            cuts.extend([0.0, 30.0]);
            cuts.sort_by(f64::total_cmp);
            cuts
        })
    }

    /// A difference and a sum lose a digit at most.
    const ROUNDING: f64 = 1e-12;

    proptest! {
        #[test]
        fn notes_that_are_cut_by_onset_and_joined_are_the_notes(
            raw in prop::collection::vec((21u8..109, 0.0f64..29.9, 0.0f64..4.0), 0..40),
            cuts in borders(),
        ) {
            let mut notes: Vec<Note> = raw.into_iter().map(note).collect();
            Note::sort(&mut notes);
            let mut joined = Vec::new();
            for range in ranges(&cuts) {
                let part = Annotation::Notes(notes.clone()).cut(range, Edges::Onset).unwrap();
                let Annotation::Notes(part) = part else { panic!() };
                joined.extend(part.iter().map(|note| note.shifted(range.start())));
            }
            Note::sort(&mut joined);
            prop_assert_eq!(joined.len(), notes.len());
            for (joined, note) in joined.iter().zip(&notes) {
                prop_assert!((joined.onset() - note.onset()).abs() < 30.0 * ROUNDING);
                prop_assert!((joined.offset() - note.offset()).abs() < 30.0 * ROUNDING);
            }
        }

        #[test]
        fn cut_notes_sound_when_the_notes_sound(
            raw in prop::collection::vec((21u8..109, 0.0f64..29.9, 0.0f64..4.0), 0..40),
            cuts in borders(),
        ) {
            let notes: Vec<Note> = raw.into_iter().map(note).collect();
            let mut heard = 0.0;
            for range in ranges(&cuts) {
                let part = Annotation::Notes(notes.clone()).cut(range, Edges::Cut).unwrap();
                let Annotation::Notes(part) = part else { panic!() };
                for note in &part {
                    prop_assert!(note.offset() <= range.duration() + ROUNDING);
                }
                heard += part.iter().map(Note::duration).sum::<f64>();
            }
            let within = |note: &Note| note.offset().min(30.0) - note.onset();
            let sum: f64 = notes.iter().map(within).sum();
            prop_assert!((heard - sum).abs() < 1e-9, "{heard} s instead of {sum} s");
        }

        #[test]
        fn series_and_beats_that_are_cut_and_joined_are_themselves(
            count in 0usize..300, hop in 0.01f64..0.1, cuts in borders(),
        ) {
            let times: Vec<f64> = (0..count).map(|n| n as f64 * hop).filter(|t| *t < 30.0).collect();
            let pitch = Pitch::from_hz(220.0).unwrap();
            let frames: Vec<F0Frame> = times
                .iter()
                .map(|&time| F0Frame { time, pitch: Some(pitch), voicing: 1.0 })
                .collect();
            let beats = times.iter().map(|&time| Beat { time, position: Some(1) }).collect();
            let several = times.iter().map(|_| vec![pitch, pitch]).collect();
            let whole = [
                Annotation::F0(F0Track::new(frames).unwrap()),
                Annotation::Beats(Beats::new(beats).unwrap()),
                Annotation::MultiF0(MultiF0::new(times.clone(), several).unwrap()),
            ];
            for annotation in whole {
                let mut joined = Vec::new();
                for range in ranges(&cuts) {
                    let part = annotation.cut(range, Edges::Cut).unwrap();
                    let times: Vec<f64> = match &part {
                        Annotation::F0(track) => track.frames().iter().map(|f| f.time).collect(),
                        Annotation::Beats(beats) => beats.as_slice().iter().map(|b| b.time).collect(),
                        Annotation::MultiF0(series) => series.times().to_vec(),
                        other => panic!("{other:?}"),
                    };
                    joined.extend(times.iter().map(|time| time + range.start()));
                }
                prop_assert_eq!(joined.len(), times.len());
                for (joined, time) in joined.iter().zip(&times) {
                    prop_assert!((joined - time).abs() < 30.0 * ROUNDING);
                }
            }
        }

        #[test]
        fn every_frame_belongs_to_one_range(
            cuts in borders(), hop in 1u32..2000, origin in -3000i64..3000,
        ) {
            let grid = FrameGrid::new(SampleRate::HZ_16000, hop, origin).unwrap();
            let mut next = frames_within(&grid, Interval::new(0.0, 0.0).unwrap()).start;
            for range in ranges(&cuts) {
                let frames = frames_within(&grid, range);
                prop_assert_eq!(frames.start, next);
                next = frames.end;
                for frame in frames.clone().take(2).chain(frames.last()) {
                    let time = grid.time_of(frame);
                    prop_assert!(range.start() <= time && time < range.end());
                }
            }
            prop_assert!(grid.time_of(next) >= 30.0);
        }

        #[test]
        fn targets_of_the_frames_of_ranges_are_those_of_the_recording(
            raw in prop::collection::vec((21u8..109, 0.0f64..29.9, 0.0f64..4.0), 0..40),
            cuts in borders(),
        ) {
            let notes: Vec<Note> = raw.into_iter().map(note).collect();
            let grid = FrameGrid::new(SampleRate::HZ_16000, 512, 0).unwrap();
            let all = 0..frames_within(&grid, Interval::new(0.0, 30.0).unwrap()).end;
            let draw = |frames: Range<usize>| {
                PianoRoll::window(&notes, grid, KeyRange::PIANO, frames, RollRule::default()).0
            };
            let whole = draw(all);
            for range in ranges(&cuts) {
                let frames = frames_within(&grid, range);
                let part = draw(frames.clone());
                for (row, frame) in frames.enumerate() {
                    prop_assert_eq!(part.frame.row(row), whole.frame.row(frame));
                    prop_assert_eq!(part.onset.row(row), whole.onset.row(frame));
                }
            }
        }
    }

    #[test]
    fn edges_decide_which_notes_belong_to_a_range() {
        let notes =
            [(60, 0.5, 1.0), (62, 1.25, 0.5), (64, 1.5, 5.0), (65, 2.0, 1.0), (67, 0.0, 1.0)];
        let notes = Annotation::Notes(notes.map(note).to_vec());
        let found = |edges| {
            let cut = notes.cut(Interval::new(1.0, 2.0).unwrap(), edges).unwrap();
            let Annotation::Notes(notes) = cut else { panic!() };
            let times = notes.iter().map(|n| (n.pitch().midi(), n.onset(), n.offset()));
            times.collect::<Vec<_>>()
        };
        let (whole, long) = ((62.0, 0.25, 0.75), (64.0, 0.5, 5.5));
        assert_eq!(found(Edges::Cut), [(60.0, 0.0, 0.5), whole, (64.0, 0.5, 1.0)]);
        assert_eq!(found(Edges::Onset), [whole, long]);
        assert_eq!(found(Edges::Inside), [whole]);
    }

    #[test]
    fn labels_are_cut_to_the_range_and_a_tempo_stays() {
        let label = |start, end, label: &str| Labeled {
            interval: Interval::new(start, end).unwrap(),
            label: label.to_owned(),
        };
        let chords = vec![
            label(0.0, 1.0, "before"),
            label(0.5, 1.5, "C"),
            label(1.5, 3.0, "G"),
            label(1.75, 1.75, "!"),
            label(2.0, 2.0, "after"),
        ];
        let range = Interval::new(1.0, 2.0).unwrap();
        let cut = Annotation::Labels(chords).cut(range, Edges::Cut).unwrap();
        let expected = vec![label(0.0, 0.5, "C"), label(0.5, 1.0, "G"), label(0.75, 0.75, "!")];
        assert_eq!(cut, Annotation::Labels(expected));
        assert_eq!(
            Annotation::Tempo(120.0).cut(range, Edges::Cut).unwrap(),
            Annotation::Tempo(120.0)
        );
        let nothing = Interval::new(1.0, 1.0).unwrap();
        let notes = Annotation::Notes(vec![note((60, 1.0, 1.0))]);
        assert!(notes.cut(nothing, Edges::Onset).unwrap().is_empty());
    }
}
