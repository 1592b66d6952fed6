//! Which pieces are there, and which of them are held out?

use super::notation::Score;
use crate::Split;

/// A piece of the collection.
#[derive(Clone, Copy, Debug)]
pub struct Piece {
    /// Short name, in track names and as [`Track::piece`](crate::Track::piece).
    pub id: &'static str,
    /// The split it belongs to, with all its versions.
    pub split: Split,
    /// The text, in the notation of [`notation`](super::notation).
    pub text: &'static str,
}

impl Piece {
    /// The piece, read.
    pub fn score(&self) -> Score {
        // The texts are part of the program, and a test reads every one of them.
        Score::parse(self.text).unwrap_or_else(|error| panic!("piece {}: {error}", self.id))
    }
}

macro_rules! pieces {
    ($($split:ident $id:literal)*) => {
        &[$(Piece {
            id: $id,
            split: Split::$split,
            text: include_str!(concat!("pieces/", $id, ".txt")),
        }),*]
    };
}

/// All pieces in order of their names.
///
/// The held-out pieces are chosen for variety: a minuet in two voices, a sonatina with Alberti bass,
/// massive chords, a song in broken chords, a study in staccato, a hymn in close harmony.
pub const PIECES: &[Piece] = pieces! {
    Train "ah-vous-dirai-je"
    Train "amazing-grace"
    Test "arabesque"
    Train "bach-prelude-c"
    Train "canon"
    Test "chopin-c-minor"
    Train "chopin-e-minor"
    Test "clementi-sonatina"
    Validation "entertainer"
    Train "frere-jacques"
    Train "fur-elise"
    Test "greensleeves"
    Train "gymnopedie"
    Train "invention-1"
    Validation "lullaby"
    Test "minuet-g"
    Train "moonlight"
    Train "mountain-king"
    Validation "ode-to-joy"
    Train "old-hundredth"
    Test "silent-night"
    Train "sonata-k545"
    Train "study-arpeggios"
    Train "study-chromatic"
    Train "study-contrasts"
    Train "study-five-fingers"
    Train "study-high"
    Validation "study-jazz"
    Train "study-low"
    Train "study-major-scales"
    Train "study-minor-scales"
    Train "study-nocturne"
    Train "study-octaves"
    Train "study-pedal"
    Train "study-polyrhythm"
    Train "study-rag"
    Train "study-repeated-notes"
    Train "study-tremolo"
    Train "study-triads"
    Train "study-trills"
    Train "study-two-voices"
    Train "waltz-danube"
};
