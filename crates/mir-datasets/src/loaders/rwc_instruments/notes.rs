//! Where are the notes of a recorded scale, and which are they?

use std::{collections::BTreeMap, path::Path};

use mir_core::{AudioBuffer, Interval, Key, Note, Velocity};
use mir_features::{Pad, Yin, YinConfig};

use super::super::mat::{self, Value};
use crate::{Error, Result};

/// One note of a scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScaleNote {
    /// When it sounds, in seconds of the recording.
    pub interval: Interval,
    /// Its key.
    pub key: Key,
}

/// Reads the annotation of a recording: the structure `featureStruct` of a MATLAB 5 file. Its fields have no
/// dependable names; by their places, 14 holds MIDI numbers, 15 first and 16 last samples, and the fourth
/// field of field 0 the sample rate (all counted from 0).
///
/// # Errors
/// [`Error::Malformed`] for another file, for lists of different lengths, and for values outside their range.
pub fn read_annotation(path: impl AsRef<Path>) -> Result<Vec<ScaleNote>> {
    let path = path.as_ref();
    let malformed = |what: String| Error::Malformed {
        path: path.to_owned(),
        format: "RWC annotation",
        source: what.into(),
    };
    let all = mat::variable(path, "featureStruct")?;
    let list = |place: usize| {
        let numbers = all.field(place).and_then(Value::numbers);
        numbers.ok_or_else(|| malformed(format!("field {place} holds no numbers")))
    };
    let rate = all.field(0).and_then(|field| field.field(3)).and_then(Value::numbers);
    let rate = rate.and_then(|rate| rate.first()).copied().filter(|rate| *rate >= 1.0);
    let rate = rate.ok_or_else(|| malformed("it has no sample rate".to_owned()))?;
    let (keys, starts, ends) = (list(14)?, list(15)?, list(16)?);
    if keys.len() != starts.len() || keys.len() != ends.len() {
        let counts = [keys.len(), starts.len(), ends.len()];
        return Err(malformed(format!("it has {counts:?} pitches, starts and ends")));
    }
    let note = |(index, ((&key, &start), &end)): (usize, ((&f64, &f64), &f64))| {
        let whole = key.fract() == 0.0 && (0.0..=127.0).contains(&key);
        let key = if whole { Key::new(key as u8).ok() } else { None };
        let interval = Interval::new(start / rate, end / rate).ok();
        key.zip(interval).map(|(key, interval)| ScaleNote { interval, key }).ok_or_else(|| {
            malformed(format!("note {index} runs from sample {start} to {end}, or has no pitch"))
        })
    };
    keys.iter().zip(starts).zip(ends).enumerate().map(note).collect()
}

pub(super) fn read_notes(path: &Path) -> Result<Vec<Note>> {
    let note = |note: &ScaleNote| {
        let (start, end) = (note.interval.start(), note.interval.end());
        Ok(Note::new(start, end, note.key.pitch(), Velocity::MEDIUM)?)
    };
    let mut notes = read_annotation(path)?.iter().map(note).collect::<Result<Vec<_>>>()?;
    Note::sort(&mut notes);
    Ok(notes)
}

/// The notes of a recorded chromatic scale that nobody annotated: stretches of sound by [`segment`], a
/// semitone apart from each to the next.
///
/// The pitch of each stretch is the median of YIN over its first half second. An estimator errs by octaves
/// now and then, so that each stretch only votes for the pitch of the first one; the pitch with the most
/// votes, which at least half of them have to share, names all. `None` where there is none such: the file
/// plays something else.
///
/// # Errors
/// [`Error::Features`] for audio with values that are not finite.
pub fn scale(audio: &AudioBuffer) -> Result<Option<Vec<ScaleNote>>> {
    let features = |source| Error::Features { track: None, source: Box::new(source) };
    let stretches = segment(audio);
    let rate = audio.sample_rate();
    let yin = Yin::new(YinConfig {
        sample_rate: rate,
        f_min: LOWEST,
        f_max: HIGHEST.min(f64::from(rate.hz()) / 2.0),
        frame_length: rate.sample_at(FRAME).next_power_of_two(),
        hop: u32::try_from(rate.sample_at(FRAME / 8.0)).unwrap_or(1).max(1),
        centred: false,
        pad: Pad::Zero,
        ..YinConfig::default()
    })
    .map_err(features)?;
    let mut votes: BTreeMap<i64, usize> = BTreeMap::new();
    for (index, stretch) in stretches.iter().enumerate() {
        let start = rate.sample_at(stretch.start());
        let end = rate.sample_at(stretch.end().min(stretch.start() + HEARD)).min(audio.len());
        let sound = audio.excerpt(start..end).into_mono();
        let mut hertz =
            yin.process(&sound).map_err(features)?.into_iter().flatten().collect::<Vec<_>>();
        if hertz.is_empty() {
            continue;
        }
        hertz.sort_by(f64::total_cmp);
        let midi = 69.0 + 12.0 * (hertz[hertz.len() / 2] / 440.0).log2();
        if midi.is_finite() {
            *votes.entry(midi.round() as i64 - index as i64).or_default() += 1;
        }
    }
    let Some((&first, &count)) = votes.iter().max_by_key(|(_, count)| **count) else {
        return Ok(None);
    };
    if 2 * count < stretches.len() {
        return Ok(None);
    }
    let notes = stretches.into_iter().zip(first..).map(|(interval, midi)| {
        let key = u8::try_from(midi).ok().and_then(|midi| Key::new(midi).ok())?;
        Some(ScaleNote { interval, key })
    });
    Ok(notes.collect())
}

/// Range of the pitches that are looked for, Hz: the keys of a piano, and a semitone more at the top.
const LOWEST: f64 = 27.0;
const HIGHEST: f64 = 4435.0;

/// Length of a frame that holds two periods of the lowest pitch, and of what is heard of a note, seconds.
const FRAME: f64 = 0.09;
const HEARD: f64 = 0.5;

/// Length of the windows whose level is measured, and of the shortest silence between two notes, seconds.
const WINDOW: f64 = 0.01;
const SHORTEST_SILENCE: f64 = 0.1;

/// Level below the loudest window at which a note ends, dB.
const FLOOR: f64 = -50.0;

/// Where the notes of a scale are: stretches whose level, in windows of 10 ms over all channels, is
/// at most 50 dB below that of the loudest window, with silences shorter than 0.1 s counted in.
///
/// Empty for silence. The first stretch is the lowest note of the instrument, each next one a semitone above,
/// unless the file plays its scale in another way.
pub fn segment(audio: &AudioBuffer) -> Vec<Interval> {
    let rate = audio.sample_rate();
    let window = rate.sample_at(WINDOW).max(1);
    let length = audio.len();
    let energy = |start: usize| {
        let end = (start + window).min(length);
        let of_channel = |channel: usize| -> f64 {
            audio.channel(channel)[start..end].iter().map(|&x| f64::from(x).powi(2)).sum()
        };
        (0..audio.channels()).map(of_channel).sum::<f64>() / (end - start) as f64
    };
    let energies: Vec<f64> = (0..length).step_by(window).map(energy).collect();
    let floor = energies.iter().copied().fold(0.0, f64::max) * 10f64.powf(FLOOR / 10.0);
    if floor <= 0.0 {
        return Vec::new();
    }
    let longest_gap = (SHORTEST_SILENCE / WINDOW).round() as usize;
    let mut stretches: Vec<(usize, usize)> = Vec::new();
    for (index, _) in energies.iter().enumerate().filter(|(_, energy)| **energy >= floor) {
        match stretches.last_mut() {
            Some((_, end)) if index < *end + longest_gap => *end = index + 1,
            _ => stretches.push((index, index + 1)),
        }
    }
    let seconds = |at: usize| rate.seconds((at * window).min(length));
    let interval = |(start, end): (usize, usize)| Interval::new(seconds(start), seconds(end)).ok();
    stretches.into_iter().filter_map(interval).collect()
}
