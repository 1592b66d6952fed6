//! The rules of Magenta and of this project.
//!
//! Published as a simulation over a list of sounding notes. The same ends follow from two questions a
//! note, without sorting or simulating anything: until when does the pedal hold its release, and when
//! is its string struck again?

use super::{Move, Struck, last_instant};

/// The instant at which each stroke falls silent; `strokes` are in order of their start, `moves` in
/// order of their time. With `always_cut` a new stroke ends older ones of its string also while the
/// pedal is up, which is the default rule.
pub(super) fn ends(
    strokes: &[impl Struck],
    strings: usize,
    moves: &[Move],
    always_cut: bool,
) -> Vec<u64> {
    let pedal = Pedal::new(strokes, moves);
    // Backwards, so that the next stroke of a string that cuts is known at each stroke.
    let mut next_cut = vec![u64::MAX; strings];
    let mut ends = vec![0; strokes.len()];
    let (mut at_end, mut at_start) = (0, 0);
    for (stroke, end) in strokes.iter().zip(&mut ends).rev() {
        let (start, released) = stroke.span();
        let cut = &mut next_cut[stroke.string()];
        *end = pedal.held(released, &mut at_end).unwrap_or(released).min(*cut);
        if always_cut || pedal.held(start, &mut at_start).is_some() {
            *cut = start;
        }
    }
    ends
}

/// When the pedal was down.
struct Pedal {
    /// `[down, up)`, ascending and apart.
    intervals: Vec<(u64, u64)>,
    /// The last event of all.
    last: u64,
}

impl Pedal {
    fn new(strokes: &[impl Struck], moves: &[Move]) -> Self {
        // At one time Magenta moves the pedal down first and up last, whatever the order in the file.
        let mut moves = moves.to_vec();
        moves.sort_by_key(|m| (m.time, !m.down));
        let mut intervals = Vec::new();
        let mut since = None;
        for Move { time, down } in &moves {
            match (since, down) {
                (None, true) => since = Some(*time),
                (Some(start), false) => {
                    since = None;
                    if start < *time {
                        intervals.push((start, *time));
                    }
                }
                _ => {}
            }
        }
        let last = last_instant(strokes, &moves);
        if let Some(start) = since {
            // Never released: it holds until the last event, and what ends there too.
            intervals.push((start, u64::MAX));
        }
        Self { intervals, last }
    }

    /// When the pedal comes up that is down at `time`; `None` if it is up. `near` is the place of the
    /// last answer, where the search starts.
    fn held(&self, time: u64, near: &mut usize) -> Option<u64> {
        let ended_before = |i: usize| self.intervals.get(i).is_some_and(|&(_, up)| up <= time);
        if ended_before(*near) || (*near > 0 && !ended_before(*near - 1)) {
            *near = self.intervals.partition_point(|&(_, up)| up <= time);
        }
        let &(down, up) = self.intervals.get(*near)?;
        (down <= time).then_some(up.min(self.last))
    }
}
