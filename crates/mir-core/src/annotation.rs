//! Annotations over time: fundamental frequencies, segments, beats.

use serde::{Deserialize, Serialize};

use crate::{Error, Pitch, Result};

/// Checks that times are finite, at least 0 and strictly increasing.
fn check_times(field: &'static str, times: impl IntoIterator<Item = f64>) -> Result<()> {
    let mut previous = f64::NEG_INFINITY;
    for (index, time) in times.into_iter().enumerate() {
        if !(time.is_finite() && time >= 0.0) {
            return Err(Error::OutOfRange {
                field,
                expected: "times finite and at least 0 s",
                actual: time,
            });
        }
        if time <= previous {
            return Err(Error::NotIncreasing { field, index, previous, actual: time });
        }
        previous = time;
    }
    Ok(())
}

/// One instant of a pitch track.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct F0Frame {
    /// Time in seconds.
    pub time: f64,
    /// The pitch, if the source names one. An unvoiced frame may carry its best guess: the melody
    /// metrics score pitch and voicing separately.
    pub pitch: Option<Pitch>,
    /// Likelihood that the frame is voiced, in [0, 1]; binary annotations use 0 and 1.
    pub voicing: f32,
}

/// The fundamental frequency of one voice over time.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct F0Track {
    frames: Vec<F0Frame>,
}

impl F0Track {
    /// From frames in order of time.
    ///
    /// # Errors
    /// [`Error::NotIncreasing`] unless the times strictly increase; [`Error::OutOfRange`] for a time
    /// that is negative or not finite, a voicing outside [0, 1], or a voiced frame without a pitch.
    pub fn new(frames: Vec<F0Frame>) -> Result<Self> {
        check_times("f0 track", frames.iter().map(|f| f.time))?;
        for frame in &frames {
            if !(0.0..=1.0).contains(&frame.voicing) {
                return Err(Error::OutOfRange {
                    field: "voicing",
                    expected: "0 to 1",
                    actual: f64::from(frame.voicing),
                });
            }
            if frame.pitch.is_none() && frame.voicing > 0.0 {
                return Err(Error::OutOfRange {
                    field: "voicing",
                    expected: "0 where there is no pitch",
                    actual: f64::from(frame.voicing),
                });
            }
        }
        Ok(Self { frames })
    }

    /// The frames, in order of time.
    pub fn frames(&self) -> &[F0Frame] {
        &self.frames
    }
}

impl<'de> Deserialize<'de> for F0Track {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        Self::new(Vec::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

/// All fundamental frequencies that sound at each of a series of times.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MultiF0 {
    times: Vec<f64>,
    pitches: Vec<Vec<Pitch>>,
}

impl MultiF0 {
    /// From times (seconds) and the pitches at each of them.
    ///
    /// # Errors
    /// [`Error::Length`] if the two differ in length, [`Error::NotIncreasing`] or
    /// [`Error::OutOfRange`] for bad times.
    pub fn new(times: Vec<f64>, pitches: Vec<Vec<Pitch>>) -> Result<Self> {
        if times.len() != pitches.len() {
            return Err(Error::Length {
                field: "pitches of a multi-f0 series",
                expected: times.len(),
                actual: pitches.len(),
            });
        }
        check_times("multi-f0 series", times.iter().copied())?;
        Ok(Self { times, pitches })
    }

    /// The times, seconds.
    pub fn times(&self) -> &[f64] {
        &self.times
    }

    /// The pitches at each time.
    pub fn pitches(&self) -> &[Vec<Pitch>] {
        &self.pitches
    }
}

/// A stretch of time, `0 <= start <= end`, finite.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    start: f64,
    end: f64,
}

impl Interval {
    /// From start and end in seconds.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] unless `0 <= start <= end`, both finite.
    pub fn new(start: f64, end: f64) -> Result<Self> {
        if !(start.is_finite() && start >= 0.0) {
            return Err(Error::OutOfRange {
                field: "start",
                expected: "finite and at least 0 s",
                actual: start,
            });
        }
        if !(end.is_finite() && end >= start) {
            return Err(Error::OutOfRange {
                field: "end",
                expected: "finite and not before the start",
                actual: end,
            });
        }
        Ok(Self { start, end })
    }

    /// Start in seconds.
    pub const fn start(&self) -> f64 {
        self.start
    }

    /// End in seconds.
    pub const fn end(&self) -> f64 {
        self.end
    }

    /// Length in seconds.
    pub fn duration(&self) -> f64 {
        self.end - self.start
    }
}

impl<'de> Deserialize<'de> for Interval {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Raw {
            start: f64,
            end: f64,
        }
        let Raw { start, end } = Raw::deserialize(d)?;
        Self::new(start, end).map_err(serde::de::Error::custom)
    }
}

/// A value that holds over an interval: a chord, a key, a section name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Labeled<T> {
    /// When it holds.
    pub interval: Interval,
    /// What holds.
    pub label: T,
}

/// One beat.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Beat {
    /// Time in seconds.
    pub time: f64,
    /// Place in the bar from 1, 0 outside any bar, `None` if not annotated.
    pub position: Option<u32>,
}

/// The beats of a piece, in order.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Beats {
    beats: Vec<Beat>,
}

impl Beats {
    /// From beats in order of time.
    ///
    /// # Errors
    /// [`Error::NotIncreasing`] or [`Error::OutOfRange`] for bad times.
    pub fn new(beats: Vec<Beat>) -> Result<Self> {
        check_times("beats", beats.iter().map(|b| b.time))?;
        Ok(Self { beats })
    }

    /// The beats, in order of time.
    pub fn as_slice(&self) -> &[Beat] {
        &self.beats
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(time: f64, hz: Option<f64>, voicing: f32) -> F0Frame {
        F0Frame { time, pitch: hz.map(|hz| Pitch::from_hz(hz).unwrap()), voicing }
    }

    #[test]
    fn a_track_runs_forward() {
        assert!(F0Track::new(vec![]).is_ok());
        assert!(F0Track::new(vec![frame(0.0, Some(220.0), 1.0), frame(0.1, None, 0.0)]).is_ok());
        let backwards = F0Track::new(vec![frame(0.1, None, 0.0), frame(0.1, None, 0.0)]);
        assert!(matches!(backwards, Err(Error::NotIncreasing { index: 1, .. })));
        assert!(F0Track::new(vec![frame(0.0, None, 1.0)]).is_err());
        assert!(F0Track::new(vec![frame(0.0, Some(220.0), 1.5)]).is_err());
    }

    #[test]
    fn lengths_and_times_are_checked() {
        assert!(matches!(MultiF0::new(vec![0.0], vec![]), Err(Error::Length { .. })));
        assert!(MultiF0::new(vec![0.0, f64::NAN], vec![vec![], vec![]]).is_err());
        assert!(Interval::new(2.0, 1.0).is_err());
        assert!(Interval::new(1.0, 1.0).is_ok());
        assert!(Beats::new(vec![Beat { time: -1.0, position: None }]).is_err());
    }
}
