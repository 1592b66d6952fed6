//! How do these notes sound, when nothing but pitch and time matters?
//!
//! A plain tone for listening to annotations and estimates: no velocity-dependent timbre, no pedal, no
//! room. [`piano::render`](crate::piano::render) is for recordings.

use std::f64::consts::TAU;

use mir_core::{AudioBuffer, Note, SampleRate};

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
    use mir_core::{Key, Pitch, Velocity};

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
    fn nothing_and_the_inaudible_give_no_sound() {
        assert!(render_notes(&[], SampleRate::HZ_16000).is_empty());
        let high = Note::new(0.0, 0.1, Pitch::from_hz(9000.0).unwrap(), Velocity::MEDIUM).unwrap();
        let audio = render_notes(&[high], SampleRate::HZ_16000);
        assert!(audio.peak() < 1e-9 && audio.len() == 1600);
        let late = Note::new(1e9, 1e9, Pitch::from_hz(440.0).unwrap(), Velocity::MEDIUM).unwrap();
        assert!(render_notes(&[late], SampleRate::HZ_16000).is_empty());
    }
}
