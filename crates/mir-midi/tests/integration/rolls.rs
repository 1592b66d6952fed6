//! Rolls of bytes, against the definition as a slow loop and against the rolls of mir-core.

use mir_core::{
    FrameGrid, Key, KeyRange, Note, PianoRoll, RollReport, RollRule, SampleRate, Velocity,
};
use mir_midi::{Pedal, PedalEvent, Performance, roll::VelocityRoll};
use proptest::prelude::*;

fn note(key: u8, onset: f64, offset: f64, velocity: u8) -> Note {
    let pitch = Key::new(key).unwrap().pitch();
    Note::new(onset, offset, pitch, Velocity::new(velocity).unwrap()).unwrap()
}

/// 24 ms a frame.
fn grid() -> FrameGrid {
    FrameGrid::new(SampleRate::HZ_16000, 384, 0).unwrap()
}

fn pedal(time: f64, pedal: Pedal, value: u8) -> PedalEvent {
    PedalEvent { time, pedal, value }
}

#[test]
fn pedals_are_steps() {
    let performance = Performance {
        notes: vec![],
        pedals: vec![
            pedal(0.05, Pedal::Sustain, 100),
            pedal(0.1, Pedal::Sustain, 7),
            pedal(0.101, Pedal::Sustain, 9),
            pedal(0.0, Pedal::Soft, 1),
            pedal(0.2, Pedal::Sostenuto, 127),
            pedal(f64::NAN, Pedal::Soft, 3),
        ],
    };
    let rule = RollRule::OnsetsVelocities;
    let (roll, _) = VelocityRoll::new(&performance, grid(), KeyRange::MIDI, 10, rule);
    assert_eq!(roll.pedals.column(0).to_vec(), [0, 0, 100, 100, 9, 9, 9, 9, 9, 9]);
    assert_eq!(roll.pedals.column(1).to_vec(), [1; 10]);
    assert_eq!(roll.pedals.column(2).to_vec(), [0, 0, 0, 0, 0, 0, 0, 0, 127, 127]);
}

#[test]
fn the_louder_note_keeps_the_cell_and_losses_are_counted() {
    let performance = Performance::from(vec![
        note(60, 0.10, 0.20, 90),
        note(60, 0.11, 0.15, 50),
        note(20, 0.1, 0.2, 64),
        note(60, 99.0, 99.5, 64),
    ]);
    let (roll, report) =
        VelocityRoll::new(&performance, grid(), KeyRange::PIANO, 20, RollRule::Floor);
    assert_eq!(report, RollReport { outside_keys: 1, outside_frames: 1, collisions: 1 });
    assert_eq!(roll.onset.column(39).iter().max(), Some(&90));
    // The onsets-and-velocities rule puts late events into the last frame, of no length.
    let rule = RollRule::OnsetsVelocities;
    let (roll, report) = VelocityRoll::new(&performance, grid(), KeyRange::PIANO, 20, rule);
    assert_eq!(report.outside_frames, 0);
    assert_eq!((roll.onset[(19, 39)], roll.frame[(19, 39)]), (64, 0));
    let (empty, _) = VelocityRoll::new(&performance, grid(), KeyRange::PIANO, 0, rule);
    assert_eq!(empty.frames(), 0);
}

proptest! {
    /// The same cells as the training rolls, under every rule.
    #[test]
    fn bytes_and_floats_have_the_same_cells(
        raw in prop::collection::vec((21u8..109, 0.0f64..3.0, 0.0f64..1.0, 1u8..128), 0..40),
        rule in prop::sample::select(RollRule::ALL.to_vec()),
    ) {
        let notes: Vec<Note> = raw.iter().map(|&(k, on, d, v)| note(k, on, on + d, v)).collect();
        // Long enough that nothing is moved into the last frame.
        let frames = 180;
        let (floats, expected) =
            PianoRoll::window(&notes, grid(), KeyRange::PIANO, 0..frames, rule);
        let performance = Performance::from(notes);
        let (bytes, report) =
            VelocityRoll::new(&performance, grid(), KeyRange::PIANO, frames, rule);
        prop_assert_eq!(report, expected);
        for (byte, float) in [
            (&bytes.onset, &floats.onset),
            (&bytes.frame, &floats.frame),
            (&bytes.offset, &floats.offset),
        ] {
            prop_assert!(byte.iter().zip(float).all(|(&b, &f)| (b > 0) == (f > 0.0)));
        }
        prop_assert!(bytes.pedals.iter().all(|&value| value == 0));

        // In memory that held something else, of as many keys and of more.
        for used_keys in [KeyRange::PIANO, KeyRange::MIDI] {
            let other = Performance {
                notes: vec![note(60, 0.0, 4.0, 99)],
                pedals: vec![pedal(0.0, Pedal::Soft, 5)],
            };
            let (mut used, _) = VelocityRoll::new(&other, grid(), used_keys, frames, rule);
            prop_assert_eq!(used.redraw(&performance, grid(), KeyRange::PIANO, rule), report);
            prop_assert_eq!(&used, &bytes);
        }
    }
}
