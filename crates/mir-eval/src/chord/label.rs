//! Labels of chords, and what sounds in them.

use std::str::FromStr;

use mir_core::letter_semitones;

use crate::{Error, Result};

/// Semitones up to the fifth, raised once: what makes a triad.
pub(super) const TRIAD: u16 = 0x0ff;
/// All semitones of an octave.
pub(super) const OCTAVE: u16 = 0xfff;
/// The minor third.
pub(super) const MINOR_THIRD: u16 = 1 << 3;

pub(super) const MAJ: u16 = bits(&[0, 4, 7]);
pub(super) const MIN: u16 = bits(&[0, 3, 7]);
pub(super) const MAJ7: u16 = bits(&[0, 4, 7, 11]);
pub(super) const MIN7: u16 = bits(&[0, 3, 7, 10]);
pub(super) const DOM7: u16 = bits(&[0, 4, 7, 10]);

/// A simpler quality with added degrees that an extended chord stands for.
type Extension = Option<(u16, &'static [i32])>;

/// The qualities, their semitones above the root, and what extended ones consist of.
#[rustfmt::skip]
const QUALITIES: [(&str, u16, Extension); 24] = [
    ("maj", MAJ, None),
    ("min", MIN, None),
    ("aug", bits(&[0, 4, 8]), None),
    ("dim", bits(&[0, 3, 6]), None),
    ("sus4", bits(&[0, 5, 7]), None),
    ("sus2", bits(&[0, 2, 7]), None),
    ("7", DOM7, None),
    ("maj7", MAJ7, None),
    ("min7", MIN7, None),
    ("minmaj7", bits(&[0, 3, 7, 11]), Some((MIN, &[7]))),
    ("maj6", bits(&[0, 4, 7, 9]), None),
    ("min6", bits(&[0, 3, 7, 9]), None),
    ("dim7", bits(&[0, 3, 6, 9]), None),
    ("hdim7", bits(&[0, 3, 6, 10]), None),
    ("maj9", MAJ7, Some((MAJ7, &[9]))),
    ("min9", MIN7, Some((MIN7, &[9]))),
    ("9", DOM7, Some((DOM7, &[9]))),
    ("min11", MIN7, Some((MIN7, &[9, 11]))),
    ("11", DOM7, Some((DOM7, &[9, 11]))),
    ("maj13", MAJ7, Some((MAJ7, &[9, 11, 13]))),
    ("min13", MIN7, Some((MIN7, &[9, 11, 13]))),
    ("13", DOM7, Some((DOM7, &[9, 11, 13]))),
    ("1", bits(&[0]), None),
    ("5", bits(&[0, 7]), None),
];

/// Semitones of the degrees 1 to 13 above the root.
const DEGREES: [i32; 13] = [0, 2, 4, 5, 7, 9, 11, 12, 14, 16, 17, 19, 21];

const fn bits(semitones: &[u16]) -> u16 {
    let (mut set, mut i) = (0, 0);
    while i < semitones.len() {
        set |= 1 << semitones[i];
        i += 1;
    }
    set
}

/// A chord as the comparisons see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chord {
    /// Root and bass: semitones above C and above the root. `None` for `N` and `X`.
    root_and_bass: Option<(u8, u8)>,
    /// Semitones above the root that sound; bit 0 is the root.
    pub(super) semitones: u16,
    /// Whether this is `X`.
    pub(super) unknown: bool,
}

impl Chord {
    /// No chord: `N`.
    pub const NONE: Self = Self { root_and_bass: None, semitones: 0, unknown: false };
    /// A chord without a name: `X`.
    pub const UNKNOWN: Self = Self { root_and_bass: None, semitones: 0, unknown: true };

    /// From a label, with the upper degrees of extended chords (`9`, `min11`, …) folded into the octave
    /// instead of left out. The comparisons leave them out; where one chord ends and the next begins is
    /// decided with them.
    ///
    /// # Errors
    /// [`Error::Label`] for a label outside the syntax, or of a quality without a definition (`aug7`,
    /// `maj11`).
    pub fn with_extensions(label: &str) -> Result<Self> {
        parse(label, true).ok_or_else(|| no_chord(label))
    }

    /// Semitones of the root above C; `None` for `N` and `X`.
    pub fn root(&self) -> Option<u8> {
        self.root_and_bass.map(|(root, _)| root)
    }

    /// Semitones of the bass above the root; `None` for `N` and `X`.
    pub fn bass(&self) -> Option<u8> {
        self.root_and_bass.map(|(_, bass)| bass)
    }

    /// Semitones above the root that sound, bit 0 for the root itself; 0 for `N` and `X`.
    pub fn semitones(&self) -> u16 {
        self.semitones
    }

    /// Whether two chords agree in the semitones of `mask`; `X` agrees with `X` only.
    pub(super) fn agrees(&self, other: &Self, mask: u16) -> bool {
        self.unknown == other.unknown && (self.semitones ^ other.semitones) & mask == 0
    }

    /// Pitch classes that sound, bit 0 for C. All of them for `X`, as in mir_eval; none for `N`.
    pub fn pitch_classes(&self) -> u16 {
        match self.root_and_bass {
            Some((root, _)) => {
                let wide = u32::from(self.semitones) << root;
                (wide as u16 & OCTAVE) | (wide >> 12) as u16
            }
            None if self.unknown => OCTAVE,
            None => 0,
        }
    }
}

impl FromStr for Chord {
    type Err = Error;

    /// From a label.
    ///
    /// # Errors
    /// As [`Chord::with_extensions`].
    fn from_str(label: &str) -> Result<Self> {
        parse(label, false).ok_or_else(|| no_chord(label))
    }
}

fn no_chord(label: &str) -> Error {
    Error::Label {
        kind: "chord",
        label: label.to_owned(),
        expected: "a label such as 'C', 'G#:min7', 'Bb:maj(9)/3', 'N' or 'X'",
    }
}

/// `N | X | root [:quality] [(degrees)] [/bass]`.
fn parse(label: &str, extensions: bool) -> Option<Chord> {
    match label {
        "N" => return Some(Chord::NONE),
        "X" => return Some(Chord::UNKNOWN),
        _ => {}
    }
    let (chord, bass) = match label.split_once('/') {
        Some((chord, bass)) => (chord, Degree::parse(bass)?.semitones()),
        None => (label, 0),
    };
    let (root, quality) = match chord.split_once(':') {
        Some((root, quality)) => (root, Some(quality)),
        None => (chord, None),
    };
    let root = root_of(root)?;
    let mut counts = [0i32; 12];
    // Each degree counts once, however often it is written.
    let mut degrees: Vec<(bool, Degree)> = Vec::new();
    let mut shape = MAJ;
    if let Some(quality) = quality {
        let (name, list) = match quality.split_once('(') {
            Some((name, list)) => (name, Some(list.strip_suffix(')')?)),
            None => (quality, None),
        };
        for text in list.into_iter().flat_map(|list| list.split(',')) {
            let (omitted, text) = match text.strip_prefix('*') {
                Some(text) => (true, text),
                None => (false, text),
            };
            degrees.push((omitted, Degree::parse(text)?));
        }
        let plain = |number: &i32| (false, Degree { shift: 0, number: *number });
        shape = match QUALITIES.iter().find(|(known, ..)| *known == name) {
            Some((_, _, Some((base, added)))) if extensions => {
                degrees.extend(added.iter().map(plain));
                *base
            }
            Some((_, shape, _)) => *shape,
            None if name.is_empty() && list.is_some() => 0,
            None => return None,
        };
    }
    for (semitone, count) in counts.iter_mut().enumerate() {
        *count = i32::from(shape >> semitone & 1 == 1 || semitone == 0);
    }
    for (i, (omitted, degree)) in degrees.iter().enumerate() {
        let semitones = degree.semitones();
        if !degrees[..i].contains(&(*omitted, *degree)) && (extensions || semitones < 12) {
            counts[semitones.rem_euclid(12) as usize] += if *omitted { -1 } else { 1 };
        }
    }
    let bass = bass.rem_euclid(12) as u8;
    let sounding = (0..12).filter(|&i| counts[i] > 0).fold(1 << bass, |set, i| set | 1 << i);
    Some(Chord { root_and_bass: Some((root, bass)), semitones: sounding, unknown: false })
}

/// A letter and accidentals of one kind, as semitones above C.
fn root_of(text: &str) -> Option<u8> {
    let semitone = i32::from(letter_semitones(text.chars().next()?)?);
    let (shift, rest) = accidentals(&text[1..]);
    rest.is_empty().then(|| (semitone + shift).rem_euclid(12) as u8)
}

/// Semitones of the accidentals at the start of a text, and what follows.
fn accidentals(text: &str) -> (i32, &str) {
    let sharp = text.trim_start_matches('#');
    let flat = text.trim_start_matches('b');
    if flat.len() < text.len() {
        // Modulo an octave, so that no length of a label overflows.
        (-(((text.len() - flat.len()) % 1200) as i32), flat)
    } else {
        (((text.len() - sharp.len()) % 1200) as i32, sharp)
    }
}

/// A degree of the scale with its accidentals.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Degree {
    shift: i32,
    number: i32,
}

impl Degree {
    fn parse(text: &str) -> Option<Self> {
        let (shift, rest) = accidentals(text);
        let canonical = !rest.starts_with(['0', '+', '-']);
        let number = rest.parse().ok().filter(|n| canonical && (1..=13).contains(n))?;
        Some(Self { shift, number })
    }

    fn semitones(self) -> i32 {
        DEGREES[self.number as usize - 1] + self.shift
    }
}
