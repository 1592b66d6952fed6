//! Error analysis of transcriptions: what kind of mistake is each wrong note, and where are they?
//!
//! A score says how many notes are wrong, not how. [`analyze`] gives every note of both lists one
//! [`NoteClass`]; the classes partition the notes, so that their counts add up to what is there. On these
//! judgements rest [`binned`] (what is hard: high, soft, dense, short notes?), [`confusions`] (which
//! intervals are mistaken?) and [`worst_passages`] (where to listen?). [`PrecisionRecall`] shows what a
//! threshold trades.
//!
//! # Classes
//! A rule takes the notes that the rules above it have left. "Together" means onsets within the onset
//! tolerance (50 ms), "same pitch" within the pitch tolerance (50 cents), as for the note scores.
//!
//! | class | reference note | estimated note |
//! |---|---|---|
//! | correct | paired by the matching of the note scores, offsets agree | the same pair |
//! | wrong offset | the same, offsets do not agree | the same pair |
//! | timing | paired one to one: same pitch, onsets up to `timing_tolerance` (150 ms) apart | the same pair |
//! | octave | paired one to one: together, ±12 or ±24 semitones apart | the same pair |
//! | twelfth | paired one to one: together, ±19 semitones apart | the same pair |
//! | semitone | paired one to one: together, ±1 semitone apart | the same pair |
//! | merged | same pitch as an estimate that is another note's, and within 150 ms of its onset or while it sounds: two notes became one | – |
//! | doubled | – | same pitch as a reference that is another note's, within 150 ms of its onset: one note was heard twice |
//! | split | – | the same, later and while the reference sounds: one note was cut in two |
//! | octave, twelfth, semitone | together with any estimate at that interval: swallowed by it | together with any reference at that interval: a ghost beside it |
//! | missed | all others | – |
//! | false alarm | – | all others |
//!
//! One-to-one pairs are maximum matchings ([`matching`](crate::matching)). The second appearance of octave,
//! twelfth and semitone is told from the first by [`Judgement::one_to_one`].
//!
//! The counts of *correct* and *wrong offset* together are the matched notes of
//! [`TranscriptionScores::note`](crate::transcription::TranscriptionScores::note). Those of *correct* may be a
//! little lower than the matched notes of the score with offset, which has a matching of its own.
//!
//! Which mistakes are told apart follows the questions that are asked of piano transcription: harmonics and
//! their octaves (Klapuri, "Multiple fundamental frequency estimation by summing harmonic amplitudes", ISMIR
//! 2006), and repeated notes and offsets (Hawthorne et al., "Onsets and Frames", ISMIR 2018, section 5).
//!
//! ```
//! use mir_eval::analysis::{AnalysisConfig, NoteClass, analyze};
//! use mir_eval::{Key, Note, Velocity};
//!
//! let note = |key, onset, offset| {
//!     Note::new(onset, offset, Key::new(key)?.pitch(), Velocity::MEDIUM)
//! };
//! // The second note is heard an octave higher, the third is struck again in the middle.
//! let reference = [note(60, 0.0, 1.0)?, note(62, 1.0, 2.0)?, note(64, 2.0, 3.0)?];
//! let estimate = [
//!     note(60, 0.0, 1.0)?, note(74, 1.0, 2.0)?, note(64, 2.0, 2.5)?, note(64, 2.5, 3.0)?,
//! ];
//! let analysis = analyze(&reference, &estimate, &AnalysisConfig::default())?;
//! let classes: Vec<NoteClass> = analysis.estimate.iter().map(|j| j.class).collect();
//! use NoteClass::{Correct, Octave, Split, WrongOffset};
//! assert_eq!(classes, [Correct, Octave, WrongOffset, Split]);
//! assert_eq!(analysis.estimate[1].interval, 12);
//! # Ok::<(), mir_eval::Error>(())
//! ```

mod bins;
mod classes;
mod confusions;
mod passages;
mod thresholds;

use mir_core::Note;
use serde::{Deserialize, Serialize};

use crate::{Counts, Error, Result, transcription::TranscriptionConfig};

pub use bins::{Bin, NoteQuality, binned};
pub use classes::{ClassCounts, NoteClass};
pub use confusions::{Confusion, confusions};
pub use passages::{Passage, PassageConfig, PassageOrder, worst_passages};
pub use thresholds::{PrecisionRecall, ThresholdCounts};

/// What counts as which mistake.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnalysisConfig {
    /// When a note is right: those of the note scores.
    pub tolerances: TranscriptionConfig,
    /// Largest difference of onsets in seconds for a note that is right but for its time; not below the
    /// onset tolerance.
    pub timing_tolerance: f64,
}

impl Default for AnalysisConfig {
    fn default() -> Self {
        Self { tolerances: TranscriptionConfig::default(), timing_tolerance: 0.15 }
    }
}

impl AnalysisConfig {
    /// Checks the ranges of all fields.
    ///
    /// # Errors
    /// [`Error::Config`] names the first field outside its range.
    pub fn validate(&self) -> Result<()> {
        self.tolerances.validate()?;
        let timing = self.timing_tolerance;
        if timing.is_finite() && timing >= self.tolerances.onset_tolerance {
            return Ok(());
        }
        Err(Error::Config {
            field: "timing_tolerance",
            expected: "finite and not below the onset tolerance",
            actual: timing,
        })
    }
}

/// What became of one note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judgement {
    /// Its class.
    pub class: NoteClass,
    /// Index of the note of the other list that the class speaks of; none for missed notes and false alarms.
    pub partner: Option<usize>,
    /// Semitones from the reference up to the estimate; 0 without a partner.
    pub interval: i32,
    /// Whether the partner has this note as its own partner.
    pub one_to_one: bool,
}

/// What became of all notes, in the order of the lists.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Analysis {
    /// One judgement for each reference note.
    pub reference: Vec<Judgement>,
    /// One judgement for each estimated note.
    pub estimate: Vec<Judgement>,
}

impl Analysis {
    /// How many notes of each list are of each class.
    pub fn classes(&self) -> ClassCounts {
        let mut counts = ClassCounts::default();
        for judgement in &self.reference {
            *counts.reference.entry(judgement.class).or_default() += 1;
        }
        for judgement in &self.estimate {
            *counts.estimate.entry(judgement.class).or_default() += 1;
        }
        counts
    }

    /// The counts of the note scores.
    pub fn counts(&self) -> Counts {
        Counts {
            matched: self.reference.iter().filter(|j| j.class.is_right()).count(),
            reference: self.reference.len(),
            estimated: self.estimate.len(),
        }
    }
}

/// The class of every note. The lists may be in any order.
///
/// Empty lists are admitted: all of the other list is then missed, or a false alarm.
///
/// # Errors
/// [`Error::Config`] for a bad configuration, [`Error::EmptyNote`] for a note of no length.
pub fn analyze(reference: &[Note], estimate: &[Note], config: &AnalysisConfig) -> Result<Analysis> {
    config.validate()?;
    classes::classify(reference, estimate, config)
}

impl Analysis {
    /// Checks that there is one judgement a note.
    fn check(&self, reference: &[Note], estimate: &[Note]) -> Result<()> {
        use crate::{Side, error::check_length};
        check_length(Side::Reference, "judgements", reference.len(), self.reference.len())?;
        check_length(Side::Estimate, "judgements", estimate.len(), self.estimate.len())
    }
}
