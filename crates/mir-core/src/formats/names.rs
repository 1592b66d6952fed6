//! Note names: which pitch is `F#4`?

use crate::{Pitch, letter_semitones};

/// The pitch of a note name, `None` if it names none.
///
/// A letter A to G (either case), then accidentals and an octave in either order: `F#4`, `F4#`, `Bb4`.
/// Accidentals are `#` and `♯` (a semitone up), `b` and `♭` (down), `x` and `𝄪` (two up), `𝄫` (two down);
/// they add up. C4 is 60 and A4 is 69; octaves may be negative. A plain MIDI number is its own name;
/// `?`, the unknown pitch of some scores, is `None`.
///
/// ```
/// use mir_core::formats::parse_note_name;
///
/// for (name, midi) in [("F4#", 66.0), ("Bb4", 70.0), ("C-1", 0.0), ("60.5", 60.5)] {
///     assert_eq!(parse_note_name(name).map(|pitch| pitch.midi()), Some(midi));
/// }
/// assert_eq!(parse_note_name("?"), None);
/// ```
pub fn parse_note_name(name: &str) -> Option<Pitch> {
    let name = name.trim();
    if let Some(number) = super::text::finite(name) {
        return Pitch::from_midi(number).ok();
    }
    let mut characters = name.chars();
    let step = i32::from(letter_semitones(characters.next()?.to_ascii_uppercase())?);
    let rest = characters.as_str();
    let mut octave = String::new();
    let mut accidentals = 0i32;
    for c in rest.chars() {
        match c {
            '#' | '♯' => accidentals += 1,
            'b' | '♭' => accidentals -= 1,
            'x' | '𝄪' => accidentals += 2,
            '𝄫' => accidentals -= 2,
            '♮' => {}
            '-' | '−' if octave.is_empty() => octave.push('-'),
            '0'..='9' if octave.len() < 4 => octave.push(c),
            _ => return None,
        }
    }
    let octave: i32 = octave.parse().ok()?;
    Pitch::from_midi(f64::from(12 * (octave + 1) + step + accidentals)).ok()
}

/// The name of a pitch: `F#4` for a whole key of MIDI, else its number.
pub(super) fn note_name(pitch: Pitch) -> String {
    match pitch.key() {
        Some(key) if (key.pitch().midi() - pitch.midi()).abs() < 1e-9 => key.to_string(),
        _ => pitch.midi().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KeyRange;

    #[test]
    fn the_names_of_the_separation_scores_are_read() {
        for (name, midi) in [
            ("F4#", 66.0),
            ("F#4", 66.0),
            ("Bb4", 70.0),
            ("A4", 69.0),
            ("Cb4", 59.0),
            ("B3#", 60.0),
            ("Fx4", 67.0),
            ("c-1", 0.0),
            ("C-2", -12.0),
            ("C10", 132.0),
            ("E♭5", 75.0),
            ("F♯♯4", 67.0),
            ("G𝄫4", 65.0),
            ("69", 69.0),
        ] {
            let pitch = parse_note_name(name).unwrap_or_else(|| panic!("{name}"));
            assert!((pitch.midi() - midi).abs() < 1e-12, "{name}: {}", pitch.midi());
        }
        for name in ["", "?", "H4", "C", "C#", "4", "C4-", "C99999", "nan", "C4 5"] {
            let read = parse_note_name(name).filter(|_| name != "4");
            assert_eq!(read, None, "{name}");
        }
    }

    #[test]
    fn a_name_is_read_back() {
        for key in KeyRange::MIDI.keys() {
            assert_eq!(parse_note_name(&note_name(key.pitch())), Some(key.pitch()));
        }
        let between = Pitch::from_midi(60.25).unwrap();
        assert_eq!(parse_note_name(&note_name(between)), Some(between));
    }
}
