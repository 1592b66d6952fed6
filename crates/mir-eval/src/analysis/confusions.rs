//! Which intervals are mistaken for each other?

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Analysis, NoteClass};

/// How often notes are taken for others at one interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confusion {
    /// Semitones from the reference up to the estimate.
    pub interval: i32,
    /// Estimated notes in place of a reference note that was not found.
    pub instead: usize,
    /// Further estimated notes beside a reference note.
    pub ghosts: usize,
    /// Reference notes not found beside an estimated note.
    pub swallowed: usize,
}

/// The intervals of octaves, twelfths and semitones, from the lowest (two octaves too low) to the highest,
/// over several pieces. All intervals are there, also those without a note.
///
/// ```
/// use mir_eval::analysis::{AnalysisConfig, analyze, confusions};
/// use mir_eval::{Key, Note, Velocity};
/// let note = |key| Note::new(0.0, 1.0, Key::new(key)?.pitch(), Velocity::MEDIUM);
/// // The octave above sounds beside the note that is there.
/// let analysis = analyze(&[note(60)?], &[note(60)?, note(72)?], &AnalysisConfig::default())?;
/// let found = confusions([&analysis]);
/// let octave = found.iter().find(|c| c.interval == 12).unwrap();
/// assert_eq!((octave.instead, octave.ghosts, octave.swallowed), (0, 1, 0));
/// # Ok::<(), mir_eval::Error>(())
/// ```
pub fn confusions<'a>(pieces: impl IntoIterator<Item = &'a Analysis>) -> Vec<Confusion> {
    let classes = [NoteClass::Octave, NoteClass::Twelfth, NoteClass::Semitone];
    let about = |class: NoteClass| classes.contains(&class);
    let mut found: BTreeMap<i32, Confusion> = (classes.iter())
        .flat_map(|class| class.intervals())
        .map(|&interval| (interval, Confusion { interval, ..Confusion::default() }))
        .collect();
    for analysis in pieces {
        for judgement in analysis.estimate.iter().filter(|j| about(j.class)) {
            if let Some(confusion) = found.get_mut(&judgement.interval) {
                confusion.instead += usize::from(judgement.one_to_one);
                confusion.ghosts += usize::from(!judgement.one_to_one);
            }
        }
        let alone = |j: &&super::Judgement| about(j.class) && !j.one_to_one;
        for judgement in analysis.reference.iter().filter(alone) {
            if let Some(confusion) = found.get_mut(&judgement.interval) {
                confusion.swallowed += 1;
            }
        }
    }
    found.into_values().collect()
}
