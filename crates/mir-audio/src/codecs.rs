//! What can this build read and write?

/// A family of codecs and containers, which a feature of this crate switches on.
///
/// ```
/// for mir_audio::Codec { feature, what } in mir_audio::codecs() {
///     println!("{feature}: {what}");
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Codec {
    /// Name of the feature.
    pub feature: &'static str,
    /// What it is for.
    pub what: &'static str,
}

/// The codecs of this build, in the order of the [features](crate#features).
///
/// ```
/// let codecs = mir_audio::codecs();
/// assert!(codecs.iter().any(|codec| codec.feature == "wav"));
/// ```
pub fn codecs() -> Vec<Codec> {
    [
        ("wav", "reads and writes WAV; reads RF64 and BW64", cfg!(feature = "wav")),
        ("flac", "reads FLAC", cfg!(feature = "flac")),
        ("ogg", "reads Ogg Vorbis", cfg!(feature = "ogg")),
        ("mp3", "reads MPEG audio layers 1 to 3", cfg!(feature = "mp3")),
        ("aac", "reads AAC-LC in M4A, MP4 and ADTS", cfg!(feature = "aac")),
        ("alac", "reads ALAC in M4A", cfg!(feature = "alac")),
        ("aiff", "reads AIFF", cfg!(feature = "aiff")),
        ("caf", "reads Core Audio files", cfg!(feature = "caf")),
        ("mkv", "reads Matroska and WebM", cfg!(feature = "mkv")),
        ("encode-flac", "writes FLAC", cfg!(feature = "encode-flac")),
    ]
    .into_iter()
    .filter(|(.., built)| *built)
    .map(|(feature, what, _)| Codec { feature, what })
    .collect()
}
