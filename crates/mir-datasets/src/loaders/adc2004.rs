//! ADC2004: the twenty excerpts of the first melody extraction contest.
//!
//! # Layout
//! ```text
//! ROOT/daisy1.wav, daisy1REF.txt           (or below adc2004_full_set/)
//! ```
//! The reference has time and Hz every 256/44100 s, 0 without melody. For testing alone.
//!
//! Source: E. Gómez, S. Streich, B. Ong et al., A quantitative comparison of different approaches for melody
//! extraction from polyphonic audio recordings, 2006.

use std::path::Path;

use super::{
    collection::{Collection, Info},
    mirex05,
};
use crate::{Kind, Result};

/// What is known of it.
pub const INFO: Info = Info {
    name: "adc2004",
    title: "ADC2004",
    version: "1",
    license: "not stated",
    citation: "E. Gómez, S. Streich, B. Ong, R. P. Paiva, S. Tappert, J.-M. Batke, G. Poliner, D. Ellis, J. \
               P. Bello: A quantitative comparison of different approaches for melody extraction from \
               polyphonic audio recordings. Universitat Pompeu Fabra, 2006.",
    holds: &[Kind::F0],
    layout: "daisy1.wav and daisy1REF.txt, here or below adc2004_full_set/",
    home: "labrosa.ee.columbia.edu/projects/melody, open",
    remotes: &[],
};

/// Lists its excerpts; reads none of them. The genre is the name without its number.
///
/// # Errors
/// [`Error::NoRecordings`](crate::Error::NoRecordings) for another layout.
pub fn open(root: impl AsRef<Path>) -> Result<Collection> {
    mirex05::excerpts(&INFO, root.as_ref(), "adc2004_full_set", |name| {
        name.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned()
    })
}
