//! Pitch on the frames of a feature: which pitch does a network have to say in frame 17?
//!
//! Annotated series have times of their own. [`f0`] and [`multi_f0`] bring them to the frames of a
//! [`FrameGrid`], that of a [`FrontEnd`](mir_features::FrontEnd) say, so that targets and evaluation see what
//! the features see. Notes need no such step: [`mir_core::PianoRoll::window`] draws them on the same grid.
//!
//! Source: the rules of `mir_eval.melody.resample_melody_series` and `mir_eval.multipitch.resample_multipitch`
//! (mir_eval 0.8), but that nothing is said after the last annotated frame.

use std::ops::Range;

use mir_core::{F0Frame, F0Track, FrameGrid, MultiF0, Pitch};

use crate::Result;

/// Times closer than this are the same, seconds: sums and products of a hop differ in their last digits.
const SAME: f64 = 1e-10;

/// A series of one pitch at the frames of a grid.
///
/// - The pitch lies on the line, in Hz, between the frames before and after; where there is none after, it
///   stays as before. It is missing where the frame before has none.
/// - Voicing is that of the frame before where all are 0 or 1, and on the line between its neighbours
///   otherwise; 0 where there is no pitch.
/// - Nothing is said before the first and after the last annotated frame.
///
/// # Errors
/// [`Error::Core`](crate::Error::Core) for frames before 0 s.
///
/// ```
/// use mir_core::{F0Frame, F0Track, FrameGrid, Pitch, SampleRate};
/// use mir_datasets::on_grid;
///
/// let frame = |time, hz| -> mir_core::Result<F0Frame> {
///     Ok(F0Frame { time, pitch: Some(Pitch::from_hz(hz)?), voicing: 1.0 })
/// };
/// let glide = F0Track::new(vec![frame(0.0, 220.0)?, frame(0.5, 230.0)?])?;
/// let grid = FrameGrid::new(SampleRate::HZ_16000, 1600, 0)?;
/// let frames = on_grid::f0(&glide, &grid, 0..10)?;
/// let third = frames.frames()[3].pitch.expect("the glide goes on");
/// assert!((third.hz() - 226.0).abs() < 1e-9);
/// assert_eq!(frames.frames()[6].pitch, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn f0(track: &F0Track, grid: &FrameGrid, frames: Range<usize>) -> Result<F0Track> {
    let known = track.frames();
    // From 0 to 1 only 0 and 1 have no fraction.
    let binary = known.iter().all(|frame| frame.voicing.fract() == 0.0);
    let at = |frame: usize| {
        let time = grid.time_of(frame);
        let silent = F0Frame { time, pitch: None, voicing: 0.0 };
        let next = known.partition_point(|frame| frame.time <= time + SAME);
        let Some(before) = next.checked_sub(1).map(|index| &known[index]) else { return silent };
        let after = known.get(next);
        let Some(pitch) = before.pitch.filter(|_| after.is_some() || time <= before.time + SAME)
        else {
            return silent;
        };
        // How far the frame is on its way from the one before to the one after.
        let way = after.map_or(0.0, |after| {
            ((time - before.time) / (after.time - before.time)).clamp(0.0, 1.0)
        });
        let line = after
            .and_then(|after| after.pitch)
            .and_then(|after| Pitch::from_hz(pitch.hz() + way * (after.hz() - pitch.hz())).ok());
        let voicing = match after {
            Some(after) if !binary => {
                let (from, to) = (f64::from(before.voicing), f64::from(after.voicing));
                (from + way * (to - from)) as f32
            }
            _ => before.voicing,
        };
        F0Frame { time, pitch: Some(line.unwrap_or(pitch)), voicing }
    };
    Ok(F0Track::new(frames.map(at).collect())?)
}

/// A series of any number of pitches at the frames of a grid: those of the nearest annotated frame, the
/// earlier of two as near; none before the first and after the last.
///
/// # Errors
/// [`Error::Core`](crate::Error::Core) for frames before 0 s.
pub fn multi_f0(series: &MultiF0, grid: &FrameGrid, frames: Range<usize>) -> Result<MultiF0> {
    let known = series.times();
    let at = |time: &f64| {
        let next = known.partition_point(|known| *known <= time + SAME);
        let nearest = match (next.checked_sub(1), known.get(next)) {
            (Some(before), Some(after)) => {
                let earlier = time - known[before] <= after - time + SAME;
                if earlier { before } else { next }
            }
            (Some(before), None) if *time <= known[before] + SAME => before,
            _ => return Vec::new(),
        };
        series.pitches()[nearest].clone()
    };
    let times: Vec<f64> = frames.map(|frame| grid.time_of(frame)).collect();
    let pitches = times.iter().map(at).collect();
    Ok(MultiF0::new(times, pitches)?)
}

#[cfg(test)]
mod tests {
    use mir_core::SampleRate;
    use mir_testkit::assert_close;
    use proptest::prelude::*;

    use super::*;

    fn series(hop: f64, rows: &[(f64, f32)]) -> F0Track {
        let frame = |(index, &(hz, voicing)): (usize, &(f64, f32))| F0Frame {
            time: index as f64 * hop,
            pitch: Pitch::from_hz(hz).ok(),
            voicing,
        };
        F0Track::new(rows.iter().enumerate().map(frame).collect()).unwrap()
    }

    /// A frame every `hop` thousandths of a second.
    fn milliseconds(hop: u32) -> FrameGrid {
        FrameGrid::new(SampleRate::new(1000).unwrap(), hop, 0).unwrap()
    }

    fn assert_frames(track: &F0Track, expected: &[(f64, f64)]) {
        assert_eq!(track.frames().len(), expected.len());
        for (frame, (hz, voicing)) in track.frames().iter().zip(expected) {
            let name = format!("{} s", frame.time);
            assert_close(frame.pitch.map_or(0.0, Pitch::hz), *hz, 1e-6, &name);
            assert_close(f64::from(frame.voicing), *voicing, 1e-6, &name);
        }
    }

    #[test]
    fn frames_are_those_of_mir_eval() {
        // mir_eval 0.8.2, resample_melody_series; frames every 10 ms.
        let hertz = [0.0, 220.0, 221.0, 0.0, 0.0, 330.0, 331.0, 0.0];
        let binary = hertz.map(|hz| (hz, if hz > 0.0 { 1.0 } else { 0.0 }));
        let found = f0(&series(0.01, &binary), &milliseconds(5), 0..14).unwrap();
        let expected =
            [0.0, 0.0, 220.0, 220.5, 221.0, 221.0, 0.0, 0.0, 0.0, 0.0, 330.0, 330.5, 331.0, 331.0];
        assert_frames(&found, &expected.map(|hz| (hz, if hz > 0.0 { 1.0 } else { 0.0 })));

        let likely = [0.0, 0.5, 0.25, 0.0, 0.0, 1.0, 0.5, 0.0];
        let rows: Vec<(f64, f32)> = hertz.into_iter().zip(likely).collect();
        let found = f0(&series(0.01, &rows), &milliseconds(8), 0..9).unwrap();
        // But for the voicing of frames without a pitch, which are 0 here.
        let expected = [
            (0.0, 0.0),
            (0.0, 0.0),
            (220.6, 0.35),
            (221.0, 0.15),
            (0.0, 0.0),
            (0.0, 0.0),
            (0.0, 0.0),
            (330.6, 0.7),
            (331.0, 0.3),
        ];
        assert_frames(&found, &expected);
    }

    #[test]
    fn several_pitches_come_from_the_nearest_frame() {
        let hz = |hz| Pitch::from_hz(hz).unwrap();
        let rows = vec![vec![], vec![hz(220.0), hz(330.0)], vec![hz(221.0)], vec![hz(222.0)]];
        let known = MultiF0::new(vec![0.0, 0.01, 0.02, 0.03], rows.clone()).unwrap();
        // mir_eval 0.8.2, resample_multipitch.
        let found = multi_f0(&known, &milliseconds(8), 0..6).unwrap();
        let expected = [&rows[0], &rows[1], &rows[2], &rows[2], &rows[0], &rows[0]];
        assert_eq!(found.pitches().iter().collect::<Vec<_>>(), expected);
        let half = multi_f0(&known, &milliseconds(5), 5..8).unwrap();
        assert_eq!(
            half.pitches(),
            [rows[2].clone(), rows[3].clone(), vec![]],
            "the earlier of two"
        );
    }

    #[test]
    fn nothing_is_said_outside_and_times_before_zero_are_refused() {
        let known = series(0.01, &[(220.0, 1.0), (220.0, 1.0)]);
        assert!(
            f0(&known, &milliseconds(20), 1..3).unwrap().frames().iter().all(|f| f.pitch.is_none())
        );
        assert!(
            f0(&F0Track::default(), &milliseconds(20), 0..2).unwrap().frames()[1].pitch.is_none()
        );
        let early = milliseconds(5).with_origin(-7);
        assert!(f0(&known, &early, 0..3).is_err());
        assert!(multi_f0(&MultiF0::default(), &early, 0..3).is_err());
        assert!(multi_f0(&MultiF0::default(), &early, 2..3).unwrap().pitches()[0].is_empty());
    }

    proptest! {
        #[test]
        fn a_series_on_its_own_grid_stays_as_it_is(
            rows in prop::collection::vec((0u8..2, 100.0f64..900.0, 0.0f32..=1.0), 1..60),
            hop in 1u32..600,
        ) {
            let rows: Vec<(f64, f32)> = rows
                .into_iter()
                .map(|(there, hz, voicing)| if there == 1 { (hz, voicing) } else { (0.0, 0.0) })
                .collect();
            let grid = FrameGrid::new(SampleRate::HZ_44100, hop, 0).unwrap();
            let known = series(f64::from(hop) / 44_100.0, &rows);
            let found = f0(&known, &grid, 0..rows.len()).unwrap();
            for (found, known) in found.frames().iter().zip(known.frames()) {
                prop_assert_eq!(found.pitch.is_some(), known.pitch.is_some());
                let hz = |frame: &F0Frame| frame.pitch.map_or(0.0, Pitch::hz);
                // The frame may lie a last digit beside the annotated one.
                prop_assert!((hz(found) - hz(known)).abs() < 1e-4);
                prop_assert!((found.voicing - known.voicing).abs() < 1e-4);
            }
        }
    }
}
