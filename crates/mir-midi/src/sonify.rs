//! How do these notes, pitches or beats sound, when nothing but pitch and time matters?
//!
//! A plain tone for listening to annotations and estimates: no velocity-dependent timbre, no pedal, no
//! room. [`piano::render`](crate::piano::render) is for recordings.

use std::f64::consts::TAU;

use mir_core::{AudioBuffer, F0Track, Note, SampleRate};

/// Amplitudes of the harmonics.
const HARMONICS: [f64; 3] = [1.0, 0.3, 0.1];

/// Time constant of the decay, seconds.
const DECAY: f64 = 1.2;

/// Attack and release, seconds: long enough not to click.
const RAMP: f64 = 0.005;

/// Largest sample of the result.
const PEAK: f32 = 0.8;

/// Notes as decaying tones of three harmonics, mono, with a peak of 0.8; amplitude is proportional to
/// velocity. Ends with the last note; no notes give no samples.
///
/// Pitches above the Nyquist frequency, and what lies later than
/// [`MAX_SECONDS`](crate::piano::MAX_SECONDS), are left out. Notes shorter than 10 ms sound for 10 ms.
///
/// ```
/// use mir_core::{Key, Note, SampleRate, Velocity};
///
/// let note = Note::new(0.5, 1.0, Key::new(69)?.pitch(), Velocity::MEDIUM)?;
/// let audio = mir_midi::sonify::render_notes(&[note], SampleRate::HZ_16000);
/// assert_eq!(audio.len(), 16_000);
/// # Ok::<(), mir_core::Error>(())
/// ```
pub fn render_notes(notes: &[Note], sample_rate: SampleRate) -> AudioBuffer {
    let rate = f64::from(sample_rate.hz());
    let spans: Vec<(usize, usize, &Note)> = notes
        .iter()
        .filter(|note| note.offset() <= crate::piano::MAX_SECONDS)
        .map(|note| {
            let end = note.offset().max(note.onset() + 2.0 * RAMP);
            (sample_rate.sample_at(note.onset()), sample_rate.sample_at(end), note)
        })
        .collect();
    let length = spans.iter().map(|span| span.1).max().unwrap_or(0);
    let mut audio = vec![0.0f32; length];
    for (start, end, note) in spans {
        let count = end - start;
        for (i, amplitude) in HARMONICS.iter().enumerate() {
            let hz = note.pitch().hz() * (i + 1) as f64;
            if hz >= 0.5 * rate {
                break;
            }
            // sin(ωn) by rotation: exact to 1e-12 over any note that fits in memory.
            let (step_sin, step_cos) = (TAU * hz / rate).sin_cos();
            let fall = (-1.0 / (DECAY * rate)).exp();
            let mut level = amplitude * note.velocity().unit();
            let (mut sin, mut cos) = (0.0f64, 1.0f64);
            for (n, out) in audio[start..end].iter_mut().enumerate() {
                let edge = (n.min(count - n) as f64 / (RAMP * rate)).min(1.0);
                *out += (level * edge * sin) as f32;
                (sin, cos) = (sin * step_cos + cos * step_sin, cos * step_cos - sin * step_sin);
                level *= fall;
            }
        }
    }
    normalised(audio, sample_rate)
}

/// Longest time between two frames of a pitch track that a tone bridges, seconds; a longer one is a rest.
const LONGEST_HOP: f64 = 0.1;

/// A pitch track as a sine whose phase runs on while the pitch moves, mono, with a peak of 0.8.
///
/// Frames with a voicing above 0 sound, louder with their voicing; pitch and level are interpolated linearly
/// between neighbouring frames, and fall to silence where a neighbour is unvoiced or more than 0.1 s away.
/// Ends with the last frame. Pitches above the Nyquist frequency, and what lies later than
/// [`MAX_SECONDS`](crate::piano::MAX_SECONDS), are silent.
///
/// ```
/// use mir_core::{F0Frame, F0Track, Pitch, SampleRate};
///
/// let frame = |time| Ok(F0Frame { time, pitch: Some(Pitch::from_hz(440.0)?), voicing: 1.0 });
/// let track = F0Track::new(vec![frame(0.0)?, frame(0.05)?, frame(0.1)?])?;
/// let audio = mir_midi::sonify::render_f0(&track, SampleRate::HZ_16000);
/// assert_eq!(audio.len(), 1600);
/// assert!(audio.peak() > 0.7);
/// # Ok::<(), mir_core::Error>(())
/// ```
pub fn render_f0(track: &F0Track, sample_rate: SampleRate) -> AudioBuffer {
    let rate = f64::from(sample_rate.hz());
    let frames = track.frames();
    let frames = &frames[..frames.partition_point(|f| f.time <= crate::piano::MAX_SECONDS)];
    let length = frames.last().map_or(0, |frame| sample_rate.sample_at(frame.time));
    let mut audio = vec![0.0f32; length];
    // Frequency and level of a frame, level 0 where it is unvoiced.
    let sounding = |index: usize| match frames[index].pitch.map(mir_core::Pitch::hz) {
        Some(hz) if hz < 0.5 * rate => (hz, f64::from(frames[index].voicing)),
        _ => (0.0, 0.0),
    };
    let mut phase = 0.0f64;
    for index in 1..frames.len() {
        let (from, to) = (frames[index - 1].time, frames[index].time);
        let ((mut a, level_a), (mut b, level_b)) = (sounding(index - 1), sounding(index));
        if to - from > LONGEST_HOP || level_a + level_b <= 0.0 {
            continue;
        }
        // Into and out of a rest the pitch stays where it is.
        if level_a <= 0.0 {
            a = b;
        } else if level_b <= 0.0 {
            b = a;
        }
        let (start, end) = (sample_rate.sample_at(from), sample_rate.sample_at(to));
        let count = (end - start).max(1) as f64;
        for (n, out) in audio[start..end].iter_mut().enumerate() {
            let x = n as f64 / count;
            *out = ((level_a + (level_b - level_a) * x) * phase.sin()) as f32;
            phase = (phase + TAU * (a + (b - a) * x) / rate) % TAU;
        }
    }
    normalised(audio, sample_rate)
}

/// Clicks at times in seconds, mono, with a peak of 0.8: 20 ms of 1 kHz that decays, as `mir_eval.sonify`
/// and librosa make them. Ends with the last click.
///
/// Times that are negative, not finite, or later than [`MAX_SECONDS`](crate::piano::MAX_SECONDS) are left
/// out.
///
/// ```
/// use mir_core::SampleRate;
///
/// let audio = mir_midi::sonify::render_clicks(&[0.5, 1.0], SampleRate::HZ_16000);
/// assert_eq!(audio.len(), 16_000 + 320);
/// assert!(audio.channel(0)[..8000].iter().all(|x| *x == 0.0));
/// ```
pub fn render_clicks(times: &[f64], sample_rate: SampleRate) -> AudioBuffer {
    const LENGTH: f64 = 0.02;
    let rate = f64::from(sample_rate.hz());
    let admissible = |time: &&f64| (0.0..=crate::piano::MAX_SECONDS).contains(*time);
    let starts: Vec<usize> =
        times.iter().filter(admissible).map(|&time| sample_rate.sample_at(time)).collect();
    let click: Vec<f32> = (0..sample_rate.sample_at(LENGTH))
        .map(|n| {
            let t = n as f64 / rate;
            ((-5.0 * t / LENGTH).exp() * (TAU * 1000.0 * t).sin()) as f32
        })
        .collect();
    let length = starts.iter().max().map_or(0, |start| start + click.len());
    let mut audio = vec![0.0f32; length];
    for start in starts {
        for (out, x) in audio[start..].iter_mut().zip(&click) {
            *out += x;
        }
    }
    normalised(audio, sample_rate)
}

/// The samples with a largest magnitude of [`PEAK`].
fn normalised(mut audio: Vec<f32>, sample_rate: SampleRate) -> AudioBuffer {
    let peak = audio.iter().fold(0.0f32, |peak, x| peak.max(x.abs()));
    if peak > 0.0 {
        for x in &mut audio {
            *x *= PEAK / peak;
        }
    }
    AudioBuffer::mono(sample_rate, audio)
}

#[cfg(test)]
mod tests {
    use mir_core::{F0Frame, Key, Pitch, Velocity};

    use super::*;

    #[test]
    fn a_note_sounds_at_its_pitch_between_its_times() {
        let pitch = Key::new(69).unwrap().pitch();
        let note = Note::new(0.5, 1.0, pitch, Velocity::MEDIUM).unwrap();
        let audio = render_notes(&[note], SampleRate::HZ_16000);
        let x = audio.channel(0);
        assert!(x[..8000].iter().all(|x| x.abs() < 1e-9));
        let crossings = x[8100..15_900].windows(2).filter(|w| (w[0] < 0.0) != (w[1] < 0.0)).count();
        assert!((crossings as f64 - 2.0 * 440.0 * 7800.0 / 16_000.0).abs() < 2.0, "{crossings}");
        assert!((audio.peak() - PEAK).abs() < 1e-6);
    }

    #[test]
    fn a_pitch_track_sounds_where_it_is_voiced() {
        let frame = |i: u32, voiced: bool| F0Frame {
            time: f64::from(i) * 0.01,
            pitch: Some(Pitch::from_hz(if i < 100 { 440.0 } else { 880.0 }).unwrap()),
            voicing: if voiced { 1.0 } else { 0.0 },
        };
        let frames = (0..=200).map(|i| frame(i, !(90..110).contains(&i))).collect();
        let audio = render_f0(&F0Track::new(frames).unwrap(), SampleRate::HZ_16000);
        assert_eq!(audio.len(), 32_000);
        let x = audio.channel(0);
        let crossings = |range: std::ops::Range<usize>| {
            x[range].windows(2).filter(|w| (w[0] < 0.0) != (w[1] < 0.0)).count()
        };
        assert!((crossings(1600..11_200) as f64 - 2.0 * 440.0 * 0.6).abs() < 3.0);
        assert!((crossings(20_800..30_400) as f64 - 2.0 * 880.0 * 0.6).abs() < 3.0);
        // The rest is silent, and nothing clicks: no step is larger than the steepest sine makes.
        assert!(x[14_400..17_440].iter().all(|x| x.abs() < 1e-9));
        let steepest = f64::from(PEAK) * TAU * 880.0 / 16_000.0;
        assert!(x.windows(2).all(|w| f64::from((w[1] - w[0]).abs()) < 1.1 * steepest));
        assert!(render_f0(&F0Track::default(), SampleRate::HZ_16000).is_empty());
    }

    #[test]
    fn clicks_stand_at_their_times() {
        let times = [0.25, f64::NAN, -1.0, 0.75, f64::INFINITY];
        let audio = render_clicks(&times, SampleRate::HZ_16000);
        let loud: Vec<usize> =
            (0..audio.len()).filter(|&n| audio.channel(0)[n].abs() > 0.5).collect();
        assert_eq!(audio.len(), 12_320);
        assert!(loud.iter().all(|n| (4000..4320).contains(n) || (12_000..12_320).contains(n)));
        assert!(loud.iter().any(|n| *n < 4010) && loud.iter().any(|n| *n > 12_000));
        assert!(render_clicks(&[], SampleRate::HZ_16000).is_empty());
    }

    #[test]
    fn nothing_and_the_inaudible_give_no_sound() {
        assert!(render_notes(&[], SampleRate::HZ_16000).is_empty());
        let high = Note::new(0.0, 0.1, Pitch::from_hz(9000.0).unwrap(), Velocity::MEDIUM).unwrap();
        let audio = render_notes(&[high], SampleRate::HZ_16000);
        assert!(audio.peak() < 1e-9 && audio.len() == 1600);
        let late = Note::new(1e9, 1e9, Pitch::from_hz(440.0).unwrap(), Velocity::MEDIUM).unwrap();
        assert!(render_notes(&[late], SampleRate::HZ_16000).is_empty());
    }
}
