//! What does the name of a recording of MAPS say: notes, loudness, pedal?

use std::fmt;

use mir_core::Key;
use serde::{Deserialize, Serialize};

use super::{MapsPiano, piece_of};

/// What a recording holds, and the folder that the original release keeps it in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MapsCategory {
    /// `MUS`: pieces of music.
    Mus,
    /// `ISOL`: single notes, and monophonic sequences of them.
    Isol,
    /// `RAND`: chords of random notes.
    Rand,
    /// `UCHO`: chords as music has them.
    Ucho,
}

impl MapsCategory {
    /// The four.
    pub const ALL: [Self; 4] = [Self::Mus, Self::Isol, Self::Rand, Self::Ucho];

    /// The code in names of folders and files.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Mus => "MUS",
            Self::Isol => "ISOL",
            Self::Rand => "RAND",
            Self::Ucho => "UCHO",
        }
    }
}

/// How single notes are played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MapsPlaying {
    /// `NO`: normally, for two seconds.
    Normal,
    /// `ST`: staccato.
    Staccato,
    /// `RE`: repeated.
    Repeated,
    /// `TR1`: a trill with the key a semitone above.
    SemitoneTrill,
    /// `TR2`: a trill with the key a tone above.
    ToneTrill,
}

impl MapsPlaying {
    const ALL: [Self; 5] =
        [Self::Normal, Self::Staccato, Self::Repeated, Self::SemitoneTrill, Self::ToneTrill];

    /// The code in names of folders and files.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Normal => "NO",
            Self::Staccato => "ST",
            Self::Repeated => "RE",
            Self::SemitoneTrill => "TR1",
            Self::ToneTrill => "TR2",
        }
    }
}

/// How loud notes are played: the letter of the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MapsLoudness {
    /// `P`.
    Piano,
    /// `M`.
    Mezzo,
    /// `F`.
    Forte,
}

impl MapsLoudness {
    const ALL: [Self; 3] = [Self::Piano, Self::Mezzo, Self::Forte];

    /// The letter.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Piano => "P",
            Self::Mezzo => "M",
            Self::Forte => "F",
        }
    }
}

/// Both ends of a range of MIDI numbers, either included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MapsRange {
    /// The lowest.
    pub low: u8,
    /// The highest.
    pub high: u8,
}

impl fmt::Display for MapsRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.low, self.high)
    }
}

/// What sounds in a recording, by its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MapsContent {
    /// `MUS-<piece>`.
    Piece {
        /// The piece as the name spells it; see [`piece_of`].
        piece: String,
    },
    /// `ISOL_<playing>_<loudness>_S<pedal>_M<key>`.
    Note {
        /// How it is played.
        playing: MapsPlaying,
        /// How loud.
        loudness: MapsLoudness,
        /// Whether the sustain pedal is down.
        pedal: bool,
        /// The key.
        key: Key,
    },
    /// `ISOL_CH<length>_<loudness>`: a chromatic scale.
    Scale {
        /// Length of its notes in seconds, as the name prints it.
        length: String,
        /// How loud.
        loudness: MapsLoudness,
    },
    /// `RAND_P<polyphony>_M<keys>_I<velocities>_S<pedal>_n<number>`.
    RandomChord {
        /// How many notes it has.
        polyphony: u8,
        /// The keys that it is drawn from.
        keys: MapsRange,
        /// The velocities that are drawn.
        velocities: MapsRange,
        /// Whether the sustain pedal is down.
        pedal: bool,
        /// Which one of its kind.
        number: u32,
    },
    /// `UCHO_C<notes>_I<velocities>_S<pedal>_n<number>`.
    UsualChord {
        /// Its notes as the name lists them.
        notes: Vec<u8>,
        /// The velocities that are drawn.
        velocities: MapsRange,
        /// Whether the sustain pedal is down.
        pedal: bool,
        /// Which one of its kind.
        number: u32,
    },
}

impl fmt::Display for MapsContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Piece { piece } => write!(f, "MUS-{piece}"),
            Self::Note { playing, loudness, pedal, key } => write!(
                f,
                "ISOL_{}_{}_S{}_M{}",
                playing.code(),
                loudness.code(),
                u8::from(*pedal),
                key.number()
            ),
            Self::Scale { length, loudness } => write!(f, "ISOL_CH{length}_{}", loudness.code()),
            Self::RandomChord { polyphony, keys, velocities, pedal, number } => {
                write!(f, "RAND_P{polyphony}_M{keys}_I{velocities}_S{}_n{number}", u8::from(*pedal))
            }
            Self::UsualChord { notes, velocities, pedal, number } => {
                let notes: Vec<String> = notes.iter().map(u8::to_string).collect();
                let (notes, pedal) = (notes.join("-"), u8::from(*pedal));
                write!(f, "UCHO_C{notes}_I{velocities}_S{pedal}_n{number}")
            }
        }
    }
}

/// The name of a recording: `MAPS_<content>_<piano>`.
///
/// Printing gives the name again.
///
/// ```
/// use mir_datasets::loaders::maps::{MapsCategory, MapsContent, MapsName};
/// let name = MapsName::parse("MAPS_ISOL_NO_F_S0_M60_AkPnBcht").unwrap();
/// assert_eq!(name.category(), MapsCategory::Isol);
/// assert!(matches!(name.content, MapsContent::Note { pedal: false, .. }));
/// assert_eq!(name.to_string(), "MAPS_ISOL_NO_F_S0_M60_AkPnBcht");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MapsName {
    /// What sounds.
    pub content: MapsContent,
    /// On which piano.
    pub piano: MapsPiano,
}

impl MapsName {
    /// Takes a file name without its ending apart; `None` for names of no form.
    pub fn parse(stem: &str) -> Option<Self> {
        let (content, piano) = stem.strip_prefix("MAPS_")?.rsplit_once('_')?;
        Some(Self { content: parse_content(content)?, piano: piano.parse().ok()? })
    }

    /// What kind of recording it is.
    pub const fn category(&self) -> MapsCategory {
        match self.content {
            MapsContent::Piece { .. } => MapsCategory::Mus,
            MapsContent::Note { .. } | MapsContent::Scale { .. } => MapsCategory::Isol,
            MapsContent::RandomChord { .. } => MapsCategory::Rand,
            MapsContent::UsualChord { .. } => MapsCategory::Ucho,
        }
    }

    /// What recordings have in common that differ by the piano alone: the piece with its aliases resolved, or
    /// the content.
    pub(super) fn piece(&self) -> String {
        match &self.content {
            MapsContent::Piece { piece } => piece_of(piece).to_owned(),
            other => other.to_string(),
        }
    }

    /// What the name says, by the names of metadata.
    pub(super) fn describe(&self) -> Vec<(&'static str, String)> {
        let pedal_text = |pedal: bool| if pedal { "down" } else { "up" }.to_owned();
        let mut said = vec![("category", self.category().code().to_owned())];
        match &self.content {
            MapsContent::Piece { .. } => {}
            MapsContent::Note { playing, loudness, pedal, key } => said.extend([
                ("playing", playing.code().to_owned()),
                ("loudness", loudness.code().to_owned()),
                ("pedal", pedal_text(*pedal)),
                ("key", key.number().to_string()),
            ]),
            MapsContent::Scale { length, loudness } => said.extend([
                ("playing", "CH".to_owned()),
                ("length", length.clone()),
                ("loudness", loudness.code().to_owned()),
            ]),
            MapsContent::RandomChord { polyphony, keys, velocities, pedal, .. } => said.extend([
                ("polyphony", polyphony.to_string()),
                ("keys", keys.to_string()),
                ("velocities", velocities.to_string()),
                ("pedal", pedal_text(*pedal)),
            ]),
            MapsContent::UsualChord { notes, velocities, pedal, .. } => said.extend([
                ("polyphony", notes.len().to_string()),
                ("velocities", velocities.to_string()),
                ("pedal", pedal_text(*pedal)),
            ]),
        }
        said
    }
}

impl fmt::Display for MapsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MAPS_{}_{}", self.content, self.piano)
    }
}

fn parse_content(text: &str) -> Option<MapsContent> {
    if let Some(piece) = text.strip_prefix("MUS-") {
        return (!piece.is_empty()).then(|| MapsContent::Piece { piece: piece.to_owned() });
    }
    let fields: Vec<&str> = text.split('_').collect();
    match fields[..] {
        ["ISOL", playing, loudness, pedal, key] => Some(MapsContent::Note {
            playing: MapsPlaying::ALL.into_iter().find(|known| known.code() == playing)?,
            loudness: parse_loudness(loudness)?,
            pedal: parse_pedal(pedal)?,
            key: Key::new(number(key.strip_prefix('M')?)?).ok()?,
        }),
        ["ISOL", scale, loudness] => {
            let length = scale.strip_prefix("CH")?;
            let seconds: f64 = length.parse().ok()?;
            let plain = length.bytes().all(|b| b.is_ascii_digit() || b == b'.');
            (plain && seconds.is_finite()).then_some(())?;
            let loudness = parse_loudness(loudness)?;
            Some(MapsContent::Scale { length: length.to_owned(), loudness })
        }
        ["RAND", polyphony, keys, velocities, pedal, index] => Some(MapsContent::RandomChord {
            polyphony: number(polyphony.strip_prefix('P')?)?,
            keys: parse_range(keys.strip_prefix('M')?)?,
            velocities: parse_range(velocities.strip_prefix('I')?)?,
            pedal: parse_pedal(pedal)?,
            number: number(index.strip_prefix('n')?)?,
        }),
        ["UCHO", notes, velocities, pedal, index] => Some(MapsContent::UsualChord {
            notes: notes.strip_prefix('C')?.split('-').map(number).collect::<Option<_>>()?,
            velocities: parse_range(velocities.strip_prefix('I')?)?,
            pedal: parse_pedal(pedal)?,
            number: number(index.strip_prefix('n')?)?,
        }),
        _ => None,
    }
}

/// Digits and nothing else: `parse` alone takes a sign, too.
fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

fn parse_loudness(text: &str) -> Option<MapsLoudness> {
    MapsLoudness::ALL.into_iter().find(|known| known.code() == text)
}

fn parse_pedal(text: &str) -> Option<bool> {
    match text {
        "S0" => Some(false),
        "S1" => Some(true),
        _ => None,
    }
}

fn parse_range(text: &str) -> Option<MapsRange> {
    let (low, high) = text.split_once('-')?;
    let (low, high) = (number(low)?, number(high)?);
    (low <= high).then_some(MapsRange { low, high })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Any name, spelled by hand from the published forms.
    fn spelled() -> impl Strategy<Value = (String, MapsCategory)> {
        let piano = prop::sample::select(vec!["AkPnBcht", "ENSTDkAm", "ENSTDkCl", "StbgTGd2"]);
        let loudness = prop::sample::select(vec!["P", "M", "F"]);
        let playing = prop::sample::select(vec!["NO", "ST", "RE", "TR1", "TR2"]);
        let length = prop::sample::select(vec!["0.1", "0.25", "1", "2.50"]);
        let pedal = prop::sample::select(vec!["S0", "S1"]);
        let range = (0u8..128, 0u8..128).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b)));
        let notes = prop::collection::vec(0u8..128, 1..8)
            .prop_map(|notes| notes.iter().map(u8::to_string).collect::<Vec<_>>().join("-"));
        let piece = "[a-z]{3}[-_][a-z0-9]{1,8}(_[a-z0-9]{1,3})?";
        let content = prop_oneof![
            piece.prop_map(|piece| (format!("MUS-{piece}"), MapsCategory::Mus)),
            (playing, loudness.clone(), pedal.clone(), 0u8..128).prop_map(
                |(how, loud, pedal, key)| {
                    (format!("ISOL_{how}_{loud}_{pedal}_M{key}"), MapsCategory::Isol)
                }
            ),
            (length, loudness)
                .prop_map(|(length, loud)| (format!("ISOL_CH{length}_{loud}"), MapsCategory::Isol)),
            (1u8..9, range.clone(), range.clone(), pedal.clone(), 0u32..999).prop_map(
                |(count, keys, velocities, pedal, n)| {
                    (
                        format!("RAND_P{count}_M{keys}_I{velocities}_{pedal}_n{n}"),
                        MapsCategory::Rand,
                    )
                }
            ),
            (notes, range, pedal, 0u32..999).prop_map(|(notes, velocities, pedal, n)| {
                (format!("UCHO_C{notes}_I{velocities}_{pedal}_n{n}"), MapsCategory::Ucho)
            }),
        ];
        (content, piano)
            .prop_map(|((content, category), piano)| (format!("MAPS_{content}_{piano}"), category))
    }

    proptest! {
        #[test]
        fn names_of_all_forms_are_taken_apart_and_put_together((name, category) in spelled()) {
            let parsed = MapsName::parse(&name).unwrap();
            prop_assert_eq!(parsed.category(), category);
            prop_assert_eq!(parsed.to_string(), name);
        }

        #[test]
        fn no_text_does_harm(name in "MAPS_(ISOL|RAND|UCHO|MUS-)?[_A-Z0-9.+-]{0,30}_AkPnBcht") {
            let _ = MapsName::parse(&name);
        }
    }

    #[test]
    fn other_names_are_refused() {
        for name in [
            "",
            "MAPS_ISOL_NO_F_S0_M60",
            "MAPS_ISOL_XX_F_S0_M60_AkPnBcht",
            "MAPS_ISOL_NO_X_S0_M60_AkPnBcht",
            "MAPS_ISOL_NO_F_S2_M60_AkPnBcht",
            "MAPS_ISOL_NO_F_S0_M128_AkPnBcht",
            "MAPS_ISOL_CH-1_F_AkPnBcht",
            "MAPS_ISOL_CH_F_AkPnBcht",
            "MAPS_ISOL_CHinf_F_AkPnBcht",
            "MAPS_RAND_P2_M108-21_I32-96_S0_n1_AkPnBcht",
            "MAPS_RAND_P2_M21-108_I32-96_S0_n+1_AkPnBcht",
            "MAPS_UCHO_C_I60-68_S0_n1_AkPnBcht",
            "MAPS_UCHO_C0-4-7_I60-68_S0_n1_Piano",
            "MAPS_MUS-_AkPnBcht",
        ] {
            assert_eq!(MapsName::parse(name), None, "{name}");
        }
    }
}
