//! A score whose keys are held for as long as the pedals let their notes sound.

use crate::{Pedal, PedalRule, Score, pedal, score::tick_notes};

impl Score {
    /// The same piece without pedals: each key is held until its note falls silent under `rule`, and
    /// sustain, soft and sostenuto are gone, or else they would hold the notes once more. Tempi,
    /// signatures, programs, bends, texts and all other events stay. [`PedalRule::None`] changes
    /// nothing, since under it the pedals hold nothing.
    ///
    /// The notes are those of [`notes`](Self::notes), rounded to the nearest tick, with two limits of
    /// the format: a channel and key holds one note at a time, so a note ends where the next of its key
    /// begins; and no note is shorter than a tick. A channel whose notes are spread over several tracks
    /// has them in the first of these.
    ///
    /// ```
    /// use mir_core::{Key, Note, Velocity};
    /// use mir_midi::{Pedal, PedalEvent, PedalRule, Performance, Score};
    ///
    /// let pedal = |time, value| PedalEvent { time, pedal: Pedal::Sustain, value };
    /// let played = Score::from_performance(&Performance {
    ///     notes: vec![Note::new(0.0, 0.5, Key::new(60)?.pitch(), Velocity::MEDIUM)?],
    ///     pedals: vec![pedal(0.25, 127), pedal(2.0, 0)],
    /// });
    /// let sounding = played.sounding(PedalRule::Default);
    /// assert_eq!(sounding.notes(PedalRule::None), played.notes(PedalRule::Default));
    /// assert!(sounding.performance().pedals.is_empty());
    /// # Ok::<(), mir_midi::Error>(())
    /// ```
    pub fn sounding(&self, rule: PedalRule) -> Self {
        let mut sounding = self.clone();
        if rule == PedalRule::None {
            return sounding;
        }
        for track in &mut sounding.tracks {
            track.notes.clear();
            track.controls.retain(|control| Pedal::from_controller(control.number).is_none());
        }
        // Pedals act across the tracks of a channel, unless each track has a time of its own.
        let tracks = 0..self.tracks.len();
        let groups = match self.independent {
            true => tracks.map(|track| track..track + 1).collect(),
            false => vec![tracks],
        };
        for group in groups {
            for channel in 0..16 {
                let plays =
                    |&t: &usize| self.tracks[t].notes.iter().any(|note| note.channel == channel);
                let Some(home) = group.clone().find(plays) else {
                    continue;
                };
                let played = self.collect(|t, c| group.contains(&t) && c == channel);
                let notes = pedal::apply(&played, rule);
                let track = &mut sounding.tracks[home];
                track.notes.extend(tick_notes(&notes, channel, &self.tempo_map(home)));
            }
        }
        for track in &mut sounding.tracks {
            // Stable: the channels were added one after the other.
            track.notes.sort_by_key(|note| note.start);
            let last = track.notes.iter().map(|note| note.end).max();
            track.end = track.end.max(last.unwrap_or(0));
        }
        sounding
    }
}
