//! How a recording is cut for the network.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// How a recording is cut for the network, in frames: each forward pass reads `keep` frames, and more before and after
/// them that only lend what they sound like.
///
/// The convolutions see 3 frames to each side; how long a recurrence remembers depends on what it has learned, and more
/// context brings segments closer to the recording as a whole. A recording and a stream that are cut alike give the same
/// notes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Segments {
    /// Frames whose activations are kept, 1 to 100 000; more only in [`WHOLE`](Self::WHOLE).
    pub keep: usize,
    /// Frames of context before them, at most 100 000: read again and again, and not waited for.
    pub before: usize,
    /// Frames of context after them, at most 100 000.
    pub after: usize,
}

impl Default for Segments {
    /// For files: 512 frames, 16.4 s at 32 ms, with 128 on either side: notes of the network that comes along score
    /// within half a point of F1 of the recording as a whole.
    fn default() -> Self {
        Self { keep: 512, before: 128, after: 128 }
    }
}

/// Frames of context after those that [`Segments::live`] keeps: half as many as for files, because each is waited for.
const LIVE_AFTER: usize = 64;
/// Frames before them.
const LIVE_BEFORE: usize = 256;

impl Segments {
    /// The recording as a whole: what is heard at a place depends on all of it and on no boundary. Features and the
    /// values between recurrent layers are held for every frame; convolutions go over it in blocks, to the same
    /// result.
    pub const WHOLE: Self = Self { keep: usize::MAX / 4, before: 0, after: 0 };

    /// For audio that is still being played: 64 frames of context after a pass and 256 before it, and as many frames a
    /// pass as let the activations of a frame be known at most `look_ahead` frames after it; at least 16, because
    /// shorter passes do little but read their context.
    ///
    /// ```
    /// use mir_models::infer::Segments;
    /// let live = Segments::live(128);
    /// assert_eq!((live.keep, live.look_ahead()), (64, 128));
    /// assert_eq!(Segments::live(0).look_ahead(), 80);
    /// ```
    pub fn live(look_ahead: usize) -> Self {
        let keep = look_ahead.saturating_sub(LIVE_AFTER).clamp(16, 100_000);
        Self { keep, before: LIVE_BEFORE, after: LIVE_AFTER }
    }

    /// How many frames after a frame its activations are known at the latest.
    pub const fn look_ahead(&self) -> usize {
        self.keep + self.after
    }

    /// The segments of a recording in order: the frames that are heard, and those of them that are kept.
    ///
    /// ```
    /// use mir_models::infer::Segments;
    /// let cut: Vec<_> = Segments { keep: 10, before: 3, after: 2 }.cut(25).collect();
    /// assert_eq!(cut, [(0..12, 0..10), (7..22, 10..20), (17..25, 20..25)]);
    /// ```
    pub fn cut(&self, frames: usize) -> impl Iterator<Item = (Range<usize>, Range<usize>)> + use<> {
        let Self { keep, before, after } = *self;
        (0..frames).step_by(keep).map(move |start| {
            let end = (start + keep).min(frames);
            (start.saturating_sub(before)..(end + after).min(frames), start..end)
        })
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::Config`] names the one that is outside its range.
    pub fn validate(&self) -> Result<()> {
        if *self == Self::WHOLE {
            return Ok(());
        }
        if !(1..=100_000).contains(&self.keep) {
            return Err(Error::config("keep", "1 to 100000 frames", self.keep));
        }
        for (field, context) in [("before", self.before), ("after", self.after)] {
            if context > 100_000 {
                return Err(Error::config(field, "at most 100000 frames", context));
            }
        }
        Ok(())
    }
}
