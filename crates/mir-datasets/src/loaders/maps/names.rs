//! What do the names of MAPS say: piano, piece, notes, how they are played?

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The 270 published recordings: a header, then a piece and the pianos that play it on each line.
const RECORDINGS: &str = include_str!("../../../../../datasets/maps/recordings.tsv");

/// Names of one piece under which the data set lists another.
const ALIASES: [(&str, &str); 1] = [("chpn-p11-format0", "chpn-p11")];

/// The nine pianos.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(clippy::enum_variant_names, reason = "the published codes")]
pub enum MapsPiano {
    /// Bechstein D 280, concert hall; synthesised.
    AkPnBcht,
    /// Bösendorfer 290 Imperial, church; synthesised.
    AkPnBsdf,
    /// Concert Grand D, studio; synthesised.
    AkPnCGdD,
    /// Steingraeber 130 upright, jazz club; synthesised.
    AkPnStgb,
    /// Yamaha Disklavier, microphones at 3 to 4 m.
    ENSTDkAm,
    /// Yamaha Disklavier, microphones at 50 cm.
    ENSTDkCl,
    /// Steinway D, ambient; synthesised.
    SptkBGAm,
    /// Steinway D, close; synthesised.
    SptkBGCl,
    /// The Grand 2, hybrid; synthesised. Plays the pieces of `ENSTDkCl`, so nothing of it trains.
    StbgTGd2,
}

impl MapsPiano {
    /// All nine, in order of their codes.
    pub const ALL: [Self; 9] = [
        Self::AkPnBcht,
        Self::AkPnBsdf,
        Self::AkPnCGdD,
        Self::AkPnStgb,
        Self::ENSTDkAm,
        Self::ENSTDkCl,
        Self::SptkBGAm,
        Self::SptkBGCl,
        Self::StbgTGd2,
    ];

    /// The code in file names.
    pub const fn code(self) -> &'static str {
        match self {
            Self::AkPnBcht => "AkPnBcht",
            Self::AkPnBsdf => "AkPnBsdf",
            Self::AkPnCGdD => "AkPnCGdD",
            Self::AkPnStgb => "AkPnStgb",
            Self::ENSTDkAm => "ENSTDkAm",
            Self::ENSTDkCl => "ENSTDkCl",
            Self::SptkBGAm => "SptkBGAm",
            Self::SptkBGCl => "SptkBGCl",
            Self::StbgTGd2 => "StbgTGd2",
        }
    }
}

impl fmt::Display for MapsPiano {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for MapsPiano {
    type Err = Error;

    fn from_str(code: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|piano| piano.code() == code).ok_or_else(|| {
            Error::InvalidConfig {
                field: "piano",
                expected: "one of the nine codes of MAPS, AkPnBcht to StbgTGd2",
                actual: code.to_owned(),
            }
        })
    }
}

/// Piece and piano of a recording's name, `MAPS_MUS-<piece>_<piano>`; `None` for other names.
///
/// The piece may hold `_` and `-`; the piano follows the last `_`.
///
/// ```
/// use mir_datasets::loaders::maps::{MapsPiano, parse_name};
/// let (piece, piano) = parse_name("MAPS_MUS-liz_et_trans5_ENSTDkCl").unwrap();
/// assert_eq!((piece, piano), ("liz_et_trans5", MapsPiano::ENSTDkCl));
/// ```
pub fn parse_name(stem: &str) -> Option<(&str, MapsPiano)> {
    let (piece, piano) = stem.strip_prefix("MAPS_MUS-")?.rsplit_once('_')?;
    let piano = piano.parse().ok()?;
    (!piece.is_empty()).then_some((piece, piano))
}

/// The name under which all recordings of a piece are compared.
pub fn piece_of(piece: &str) -> &str {
    ALIASES.iter().find(|(alias, _)| *alias == piece).map_or(piece, |(_, name)| name)
}

/// The 270 published recordings of full pieces, as piece (as spelled in the file name) and piano.
pub fn published_recordings() -> impl Iterator<Item = (&'static str, MapsPiano)> {
    RECORDINGS.lines().skip(1).flat_map(|line| {
        let (piece, pianos) = line.split_once('\t').unwrap_or((line, ""));
        pianos.split(' ').filter_map(move |code| Some((piece, code.parse().ok()?)))
    })
}

/// The pieces that some of the given pianos play in the published list, aliases resolved.
pub fn published_pieces(pianos: &[MapsPiano]) -> BTreeSet<&'static str> {
    published_recordings()
        .filter(|(_, piano)| pianos.contains(piano))
        .map(|(piece, _)| piece_of(piece))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{super::MapsConfig, *};

    #[test]
    fn the_published_list_has_the_published_counts() {
        let all: Vec<_> = published_recordings().collect();
        assert_eq!(all.len(), 270);
        for piano in MapsPiano::ALL {
            assert_eq!(all.iter().filter(|(_, p)| *p == piano).count(), 30, "{piano}");
        }
        let spelled: BTreeSet<_> = all.iter().map(|(piece, _)| piece).collect();
        assert_eq!(spelled.len(), 160);

        let config = MapsConfig::default();
        let test = published_pieces(&config.test_pianos);
        assert_eq!(test.len(), 53);
        let others = || all.iter().filter(|(_, p)| !config.test_pianos.contains(p));
        assert_eq!(others().count(), 210);
        let kept: Vec<_> = others().filter(|(piece, _)| !test.contains(piece_of(piece))).collect();
        assert_eq!(kept.len(), 139);
        for (piano, count) in [
            (MapsPiano::AkPnStgb, 25),
            (MapsPiano::SptkBGAm, 25),
            (MapsPiano::SptkBGCl, 25),
            (MapsPiano::AkPnBcht, 23),
            (MapsPiano::AkPnCGdD, 21),
            (MapsPiano::AkPnBsdf, 20),
            (MapsPiano::StbgTGd2, 0),
        ] {
            assert_eq!(kept.iter().filter(|(_, p)| *p == piano).count(), count, "{piano}");
        }
    }

    #[test]
    fn names_are_taken_apart_at_the_last_underscore() {
        assert_eq!(
            parse_name("MAPS_MUS-chpn-p11-format0_AkPnCGdD"),
            Some(("chpn-p11-format0", MapsPiano::AkPnCGdD))
        );
        assert_eq!(piece_of("chpn-p11-format0"), piece_of("chpn-p11"));
        for name in
            ["", "MAPS_MUS-", "MAPS_MUS-x_Piano", "MAPS_MUS-_AkPnBcht", "x_AkPnBcht", "MAPS_MUS-x"]
        {
            assert_eq!(parse_name(name), None, "{name}");
        }
        for (piece, piano) in published_recordings() {
            let name = format!("MAPS_MUS-{piece}_{piano}");
            assert_eq!(parse_name(&name), Some((piece, piano)));
        }
    }
}
