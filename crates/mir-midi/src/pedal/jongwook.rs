//! The rule of jongwook/onsets-and-frames.

use super::{Move, Struck};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    PedalDown,
    PedalUp,
    NoteOn,
    NoteOff,
}

/// An event; `stroke` is an index for the two note actions and 0 for the pedal.
#[derive(Clone, Copy)]
struct Event {
    time: u64,
    /// Order within one time.
    rank: u8,
    action: Action,
    stroke: u32,
}

/// The instant at which each stroke falls silent: `onsets_and_frames/midi.py`, with the case in which
/// the original crashes (a note never closed, the pedal last) ended at the last event.
///
/// The original goes by the order of messages in the file. A performance has no such order within one
/// time; releases come first here, then the pedal, then onsets.
pub(super) fn ends(strokes: &[impl Struck], strings: usize, moves: &[Move]) -> Vec<u64> {
    let mut events = Vec::with_capacity(2 * strokes.len() + moves.len());
    // Only a pedal that changes its state is an event to the original.
    let mut pressed = false;
    for &Move { time, down } in moves {
        if down != pressed {
            let action = if down { Action::PedalDown } else { Action::PedalUp };
            events.push(Event { time, rank: 1, action, stroke: 0 });
            pressed = down;
        }
    }
    for (i, stroke) in strokes.iter().enumerate() {
        let ((start, end), stroke) = (stroke.span(), i as u32);
        let on = Event { time: start, rank: 2, action: Action::NoteOn, stroke };
        // A note without length cannot end before it starts.
        let rank = if end > start { 0 } else { 3 };
        events.push(on);
        events.push(Event { time: end, rank, action: Action::NoteOff, ..on });
    }
    // Stable, so that several pedal events at one time keep their order.
    events.sort_by_key(|event| (event.time, event.rank, event.stroke));
    let string_of = |event: &Event| strokes[event.stroke as usize].string();
    // Overlapping notes of one pitch that end together came from a single release.
    events.dedup_by(|b, a| {
        a.action == Action::NoteOff
            && b.action == Action::NoteOff
            && a.time == b.time
            && string_of(a) == string_of(b)
    });

    let mut pressed = false;
    let down: Vec<bool> = events
        .iter()
        .map(|event| {
            match event.action {
                Action::PedalDown => pressed = true,
                Action::PedalUp => pressed = false,
                Action::NoteOn | Action::NoteOff => {}
            }
            pressed
        })
        .collect();
    let Some(last) = events.len().checked_sub(1) else {
        return Vec::new();
    };
    // Backwards, so that the next event of a pitch and the next release are known at each event.
    // `after[i]`: where a note ends whose end candidate is event i.
    let mut after = vec![last; events.len()];
    let mut next_of: Vec<Option<usize>> = vec![None; strings];
    let mut next_release = last;
    let mut ends = vec![0; strokes.len()];
    for (i, event) in events.iter().enumerate().rev() {
        match event.action {
            Action::PedalUp => next_release = i,
            Action::PedalDown => {}
            Action::NoteOn | Action::NoteOff => {
                let next = next_of[string_of(event)].replace(i);
                after[i] =
                    if down[i] && i != last { next.unwrap_or(last).min(next_release) } else { i };
                if event.action == Action::NoteOn {
                    let end = next.map_or(last, |candidate| after[candidate]);
                    ends[event.stroke as usize] = events[end].time;
                }
            }
        }
    }
    ends
}
