//! Who plays what in a score?

use std::collections::BTreeMap;

use crate::{Performance, Score, score::TickNote};

/// What one instrument plays.
#[derive(Clone, Debug, PartialEq)]
pub struct ScorePart {
    /// MIDI channel, 0 to 15; 9 is percussion in General MIDI.
    pub channel: u8,
    /// General MIDI program counted from 0, 0 to 127; on channel 9 the drum kit.
    pub program: u8,
    /// Its keys, and the pedals of its channel.
    pub performance: Performance,
}

impl Score {
    /// The instruments with what they play: one part for each channel and each program that has notes on
    /// it, by channel and program. A note belongs to the program that its channel has when it begins, 0
    /// before any change.
    ///
    /// ```
    /// use mir_midi::{Score, score::{Program, TickNote, Track}};
    ///
    /// let note = |start, channel| TickNote { start, end: start + 10, channel, key: 60, velocity: 80 };
    /// let mut score = Score::from_notes(&[]);
    /// score.tracks = vec![Track {
    ///     notes: vec![note(0, 0), note(0, 9), note(20, 0)],
    ///     programs: vec![Program { tick: 20, channel: 0, number: 73 }],
    ///     end: 30,
    ///     ..Track::default()
    /// }];
    /// let parts = score.parts();
    /// let players: Vec<(u8, u8)> = parts.iter().map(|part| (part.channel, part.program)).collect();
    /// assert_eq!(players, [(0, 0), (0, 73), (9, 0)]);
    /// assert!(parts.iter().all(|part| part.performance.notes.len() == 1));
    /// ```
    pub fn parts(&self) -> Vec<ScorePart> {
        let shared = self.changes(0..self.tracks.len());
        let own: Vec<Changes> = match self.independent {
            true => (0..self.tracks.len()).map(|track| self.changes(track..track + 1)).collect(),
            false => vec![],
        };
        let player = |track: usize, note: &TickNote| {
            let changes = own.get(track).unwrap_or(&shared);
            (note.channel, program_at(changes, note))
        };
        // The rest of the score stays, so that times come out as they do for the whole.
        let mut bare = self.clone();
        bare.tracks.iter_mut().for_each(|track| (track.notes, track.controls) = Default::default());
        let mut scores: BTreeMap<(u8, u8), Self> = BTreeMap::new();
        for (i, track) in self.tracks.iter().enumerate() {
            for note in &track.notes {
                let score = scores.entry(player(i, note)).or_insert_with(|| bare.clone());
                score.tracks[i].notes.push(*note);
            }
        }
        let part = |((channel, program), mut score): ((u8, u8), Self)| {
            for (track, all) in score.tracks.iter_mut().zip(&self.tracks) {
                track.controls =
                    all.controls.iter().filter(|c| c.channel == channel).copied().collect();
            }
            ScorePart { channel, program, performance: score.performance() }
        };
        scores.into_iter().map(part).collect()
    }

    /// The program changes of some tracks in order of time.
    fn changes(&self, tracks: std::ops::Range<usize>) -> Changes {
        let mut changes: Changes = (self.tracks[tracks].iter())
            .flat_map(|track| track.programs.iter().map(|p| (p.tick, p.channel, p.number)))
            .collect();
        changes.sort_by_key(|change| change.0);
        changes
    }
}

/// Tick, channel and program.
type Changes = Vec<(u64, u8, u8)>;

/// The program of a note's channel when the note begins.
fn program_at(changes: &Changes, note: &TickNote) -> u8 {
    let before = &changes[..changes.partition_point(|change| change.0 <= note.start)];
    let last = before.iter().rev().find(|change| change.1 == note.channel);
    last.map_or(0, |change| change.2)
}
