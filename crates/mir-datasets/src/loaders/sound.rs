//! Where the audio of a recording is, and how it is read.

use std::path::PathBuf;
#[cfg(feature = "hdf5")]
use std::{fmt, sync::Arc};

use mir_audio::{LoadOptions, mix};
use mir_core::AudioBuffer;
#[cfg(feature = "hdf5")]
use mir_core::Fingerprint;

use crate::{Error, Result, TrackId};

/// Where audio is.
#[derive(Clone, Debug)]
pub(super) enum Sound {
    /// A file of its own.
    File(PathBuf),
    /// One stream of a file that has several.
    Stream(PathBuf, usize),
    /// One channel of a file.
    Channel(PathBuf, usize),
    /// The sum of all channels of a file.
    ChannelSum(PathBuf),
    /// The sum of several files of one length; there is at least one.
    Sum(Vec<PathBuf>),
    /// A recording in a file that holds many of them.
    #[cfg(feature = "hdf5")]
    Packed(Arc<dyn Packed>),
    /// The data set has no audio of it; where it might be put.
    Nowhere(PathBuf),
}

/// A recording in a file that holds many of them, and no audio file.
#[cfg(feature = "hdf5")]
pub(super) trait Packed: fmt::Debug + Send + Sync {
    /// The file.
    fn path(&self) -> &PathBuf;

    /// The audio, as [`Track::audio`] gives it.
    fn load(&self, track: &TrackId, options: &LoadOptions) -> Result<AudioBuffer>;

    /// Length in seconds.
    fn seconds(&self) -> Result<f64>;

    /// Identity of audio and labels, as [`Track::source_fingerprint`] gives it.
    fn fingerprint(&self) -> Result<Fingerprint>;
}

impl Sound {
    pub(super) fn paths(&self) -> &[PathBuf] {
        match self {
            Self::File(path)
            | Self::Stream(path, _)
            | Self::Channel(path, _)
            | Self::ChannelSum(path)
            | Self::Nowhere(path) => std::slice::from_ref(path),
            Self::Sum(paths) => paths,
            #[cfg(feature = "hdf5")]
            Self::Packed(packed) => std::slice::from_ref(packed.path()),
        }
    }

    pub(super) fn load(&self, track: &TrackId, options: &LoadOptions) -> Result<AudioBuffer> {
        if let Some(path) = self.paths().iter().find(|path| !path.is_file()) {
            let path = path.to_owned();
            return Err(Error::MissingFile { track: track.clone(), what: "audio file", path });
        }
        #[cfg(feature = "hdf5")]
        if let Self::Packed(packed) = self {
            return packed.load(track, options);
        }
        self.decode(options)
            .map_err(|source| Error::Audio { track: track.clone(), source: Box::new(source) })
    }

    /// Length in seconds; of the first file where there are several.
    pub(super) fn seconds(&self, track: &TrackId) -> Result<f64> {
        #[cfg(feature = "hdf5")]
        if let Self::Packed(packed) = self {
            return packed.seconds();
        }
        let path = self.paths().first().filter(|path| path.is_file());
        if let Some(path) = path {
            let stream = if let Self::Stream(_, stream) = self { *stream } else { 0 };
            let about = mir_audio::streams(path).ok();
            let known = about.and_then(|all| all.get(stream).and_then(|info| info.duration()));
            if let Some(seconds) = known {
                return Ok(seconds);
            }
        }
        let audio = self.load(track, &LoadOptions::default())?;
        Ok(audio.sample_rate().seconds(audio.len()))
    }

    fn decode(&self, options: &LoadOptions) -> mir_audio::Result<AudioBuffer> {
        let mut options = options.clone();
        match self {
            Self::File(path) | Self::Nowhere(path) => mir_audio::load(path, &options),
            Self::Stream(path, stream) => {
                options.stream = Some(*stream);
                mir_audio::load(path, &options)
            }
            Self::Channel(path, channel) => {
                options.channels = Some(vec![*channel]);
                mir_audio::load(path, &options)
            }
            Self::ChannelSum(path) => {
                (options.channels, options.mono) = (None, false);
                let audio = mir_audio::load(path, &options)?;
                let channels = audio.channels() as f64;
                Ok(mix::gain(mix::downmix(&audio, mix::Downmix::Mean)?, channels))
            }
            #[cfg(feature = "hdf5")]
            Self::Packed(_) => unreachable!("`load` has asked it before"),
            Self::Sum(paths) => {
                let parts = paths.iter().map(|path| mir_audio::load(path, &options));
                mix::sum(&parts.collect::<mir_audio::Result<Vec<_>>>()?)
            }
        }
    }
}

impl From<PathBuf> for Sound {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}
