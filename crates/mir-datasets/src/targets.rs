//! Targets: which notes sound in a window?

use std::ops::Range;

use mir_core::{
    FrameGrid, KeyRange, Note, PianoRoll, RegressionRoll, RollRule, batch::TranscriptionTargets,
};
use ndarray::{Array2, Array3, s};

/// Notes of one recording, indexed so that those near a window are found by two binary searches.
#[derive(Clone, Debug)]
pub(crate) struct NoteIndex {
    notes: Vec<Note>,
    /// For each note the latest offset up to and including it: ascending, whatever the offsets are.
    latest: Vec<f64>,
}

impl NoteIndex {
    pub(crate) fn new(mut notes: Vec<Note>) -> Self {
        Note::sort(&mut notes);
        let latest = notes
            .iter()
            .scan(0.0f64, |latest, note| {
                *latest = latest.max(note.offset());
                Some(*latest)
            })
            .collect();
        Self { notes, latest }
    }

    /// A run of notes that holds every note with a label in a range of frames, under any rule, or nearer to it than
    /// `reach` seconds.
    pub(crate) fn near(&self, grid: &FrameGrid, frames: &Range<usize>, reach: f64) -> &[Note] {
        // Rules round by less than a frame; the longest offset label reaches 32 ms and a frame past
        // the note's end.
        let margin = reach.max(0.032) + 2.0 * grid.period();
        let start = grid.time_of(frames.start) - margin;
        let end = grid.time_of(frames.end) + margin;
        let first = self.latest.partition_point(|&latest| latest < start);
        let last = self.notes.partition_point(|note| note.onset() <= end);
        &self.notes[first..last.max(first)]
    }
}

/// What is drawn: a stretch of a recording, perhaps in another key.
#[derive(Clone, Debug)]
pub(crate) struct Scene<'a> {
    pub notes: &'a NoteIndex,
    pub grid: FrameGrid,
    pub keys: KeyRange,
    pub frames: Range<usize>,
    /// How much higher all notes are.
    pub semitones: i32,
    pub rule: RollRule,
    /// How far an event is felt, seconds, where the targets say how near it is.
    pub reach: Option<f64>,
}

/// Draws a window into row `item` of a batch, beside the notes that are there; its first frames are the recording's.
pub(crate) fn draw(targets: &mut TranscriptionTargets, item: usize, scene: &Scene<'_>) {
    let Scene { notes, grid, keys, ref frames, semitones, rule, reach } = *scene;
    let covered = frames.len();
    let notes = notes.near(&grid, frames, reach.unwrap_or(0.0));
    let (roll, _) = PianoRoll::window(notes, grid, keys, frames.clone(), rule);
    // A key moves to the place of another; what leaves the keys is lost.
    let (up, down) = (semitones.max(0) as usize, semitones.min(0).unsigned_abs() as usize);
    let kept = keys.len().saturating_sub(up + down);
    let unite = |target: &mut Array3<f32>, drawn: &Array2<f32>, both: fn(f32, f32) -> f32| {
        let drawn = drawn.slice(s![.., down..down + kept]);
        let mut target = target.slice_mut(s![item, ..covered, up..up + kept]);
        target.zip_mut_with(&drawn, |a, &b| *a = both(*a, b));
    };
    unite(&mut targets.onset, &roll.onset, f32::max);
    unite(&mut targets.offset, &roll.offset, f32::max);
    unite(&mut targets.frame, &roll.frame, f32::max);
    unite(&mut targets.velocity, &roll.velocity, f32::max);
    targets.mask.slice_mut(s![item, ..covered]).fill(1.0);
    if let (Some(near), Some(reach)) = (&mut targets.near, reach) {
        let roll = RegressionRoll::window(notes, grid, keys, frames.clone(), reach);
        unite(&mut near.onset, &roll.onset, f32::max);
        unite(&mut near.offset, &roll.offset, f32::max);
        unite(&mut near.mask, &roll.mask, f32::min);
    }
}

#[cfg(test)]
mod tests {
    use mir_core::{Key, SampleRate, Velocity};
    use proptest::prelude::*;

    use super::*;

    /// The first frames of a recording.
    fn scene_of(notes: &NoteIndex, length: usize, rule: RollRule, reach: f64) -> Scene<'_> {
        let grid = FrameGrid::new(SampleRate::HZ_16000, 512, 0).unwrap();
        let (keys, frames) = (KeyRange::PIANO, 0..length);
        Scene { notes, grid, keys, frames, semitones: 0, rule, reach: Some(reach) }
    }

    proptest! {
        #[test]
        fn the_notes_near_a_window_draw_the_same_targets_as_all_notes(
            raw in prop::collection::vec((21u8..109, 0.0f64..9.0, 0.0f64..4.0, 1u8..128), 0..60),
            start in 0usize..250, length in 1usize..60,
            semitones in -5i32..=5,
            rule in prop::sample::select(vec![
                RollRule::Floor, RollRule::Round, RollRule::Magenta, RollRule::Inclusive]),
            reach in 0.01f64..0.3,
        ) {
            let grid = FrameGrid::new(SampleRate::HZ_16000, 512, 0).unwrap();
            let mut notes: Vec<Note> = raw
                .iter()
                .map(|&(key, onset, length, velocity)| {
                    let pitch = Key::new(key).unwrap().pitch();
                    Note::new(onset, onset + length, pitch, Velocity::new(velocity).unwrap()).unwrap()
                })
                .collect();
            Note::sort(&mut notes);
            let index = NoteIndex::new(notes.clone());
            let frames = start..start + length;
            let mut targets = TranscriptionTargets::zeros(1, length, 88, true);
            let keys = KeyRange::PIANO;
            let begin = scene_of(&index, length, rule, reach);
            let scene = Scene { frames: frames.clone(), ..begin.clone() };
            draw(&mut targets, 0, &scene);
            let near = targets.near.take().unwrap();
            let roll = RegressionRoll::window(&notes, grid, keys, frames.clone(), reach);
            prop_assert_eq!(near.onset.slice(s![0, .., ..]), roll.onset.view());
            prop_assert_eq!(near.offset.slice(s![0, .., ..]), roll.offset.view());
            prop_assert_eq!(near.mask.slice(s![0, .., ..]), roll.mask.view());
            let (all, _) = PianoRoll::window(&notes, grid, KeyRange::PIANO, frames.clone(), rule);
            prop_assert_eq!(targets.onset.slice(s![0, .., ..]), all.onset.view());
            prop_assert_eq!(targets.offset.slice(s![0, .., ..]), all.offset.view());
            prop_assert_eq!(targets.frame.slice(s![0, .., ..]), all.frame.view());
            prop_assert_eq!(targets.velocity.slice(s![0, .., ..]), all.velocity.view());
            prop_assert!(targets.mask.iter().all(|&m| m > 0.5));

            // In another key: as if the notes had been written there.
            let higher: Vec<Note> = notes
                .iter()
                .filter_map(|note| {
                    let key = Key::new((note.pitch().midi() as i32 + semitones).try_into().ok()?).ok()?;
                    Note::new(note.onset(), note.offset(), key.pitch(), note.velocity()).ok()
                })
                .collect();
            let (expected, _) = PianoRoll::window(&higher, grid, keys, frames.clone(), rule);
            let near = RegressionRoll::window(&higher, grid, keys, frames.clone(), reach);
            let mut targets = TranscriptionTargets::zeros(1, length, 88, true);
            draw(&mut targets, 0, &Scene { frames, semitones, ..scene });
            prop_assert_eq!(targets.onset.slice(s![0, .., ..]), expected.onset.view());
            prop_assert_eq!(targets.frame.slice(s![0, .., ..]), expected.frame.view());
            let drawn = targets.near.as_ref().unwrap();
            prop_assert_eq!(drawn.onset.slice(s![0, .., ..]), near.onset.view());
            prop_assert_eq!(drawn.mask.slice(s![0, .., ..]), near.mask.view());
            // Beside a second window: whatever is near in one of them, known where it is known in both.
            draw(&mut targets, 0, &begin);
            let both = targets.near.unwrap();
            prop_assert!(both.onset.iter().zip(&near.onset).all(|(both, one)| both >= one));
            prop_assert!(both.mask.iter().zip(&near.mask).all(|(both, one)| both <= one));
        }
    }
}
