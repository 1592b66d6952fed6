//! The rule of the high-resolution piano transcription system (bytedance/piano_transcription).

use super::{Move, Struck, last_instant};

/// The instant at which each stroke falls silent.
///
/// A note whose end lies strictly within a pedal interval ends with the interval; a further note of its
/// string that ends within the same interval cuts it at its own start. A pedal that is never released
/// ends with the last event.
///
/// Two accidents of the original are left out: the first note that ends after a pedal is never held by
/// the next one, and a key struck again before its release loses its first note.
pub(super) fn ends(strokes: &[impl Struck], strings: usize, moves: &[Move]) -> Vec<u64> {
    let mut ends: Vec<u64> = strokes.iter().map(|stroke| stroke.span().1).collect();
    let mut order: Vec<u32> = (0..strokes.len() as u32).collect();
    order.sort_by_key(|&i| strokes[i as usize].span().1);
    let mut order = order.into_iter().peekable();
    // For each string the interval in which a note was held last, and the note.
    let mut held: Vec<Option<(usize, u32)>> = vec![None; strings];
    for (interval, (down, up)) in intervals(strokes, moves).into_iter().enumerate() {
        while let Some(i) = order.next_if(|&i| strokes[i as usize].span().1 < up) {
            let stroke = &strokes[i as usize];
            let (start, released) = stroke.span();
            if released <= down {
                continue;
            }
            let before = held[stroke.string()].replace((interval, i));
            if let Some((_, older)) = before.filter(|&(where_held, _)| where_held == interval) {
                ends[older as usize] = start;
            }
            ends[i as usize] = up;
        }
    }
    ends
}

/// When the pedal was down, in order of the moves.
pub(super) fn intervals(strokes: &[impl Struck], moves: &[Move]) -> Vec<(u64, u64)> {
    let mut intervals = Vec::new();
    let mut since = None;
    for &Move { time, down } in moves {
        match (since, down) {
            (None, true) => since = Some(time),
            (Some(start), false) => {
                since = None;
                intervals.push((start, time));
            }
            _ => {}
        }
    }
    if let Some(start) = since {
        intervals.push((start, last_instant(strokes, moves)));
    }
    intervals
}
