//! The rule of pretty_midi's piano rolls, as notes.

use super::{Hand, Move};

/// Frames a second at which `pedal::apply` uses the rule: 16 000 / 512, as in the homework of GCT634
/// that made it a label rule.
pub(super) const FRAME_RATE: f64 = 31.25;

/// Where each stroke ends, seconds. `Instrument.get_piano_roll` holds frames, not notes: within a
/// closed pedal interval a row that is on stays on. So a note with a frame in the interval ends with
/// the pedal, whether or not its string is struck again.
pub(super) fn ends(hand: &Hand<'_>, frame_rate: f64) -> Vec<f64> {
    // Times are not negative, so the cast rounds down, as `int` does there.
    let frame = |seconds: f64| (seconds * frame_rate) as u64;
    let mut intervals = Vec::new();
    let mut since = None;
    for &Move { time, down } in &hand.moves {
        let time = f64::from_bits(time);
        match (since, down) {
            (None, true) => since = Some(time),
            (Some(start), false) => {
                since = None;
                // An interval within a frame holds nothing.
                if frame(start) < frame(time) {
                    intervals.push((frame(start), frame(time), time));
                }
            }
            // A pedal that is never released is ignored there.
            _ => {}
        }
    }
    hand.notes
        .iter()
        .map(|note| {
            let (on, off) = (frame(note.onset()), frame(note.offset()));
            if on == off {
                return note.offset();
            }
            // The last interval that begins before the note's last frame ends holds it, if it is not
            // over by then. Intervals do not overlap, so no later one can.
            let after = intervals.partition_point(|&(down, ..)| down < off);
            match after.checked_sub(1).map(|i| intervals[i]) {
                Some((_, up_frame, up)) if up_frame > off => up,
                _ => note.offset(),
            }
        })
        .collect()
}
