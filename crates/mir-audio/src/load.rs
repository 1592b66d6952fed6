//! Reading files: at once, or block by block. Both are the same chain: decode, cut, mix, resample.

use std::path::Path;

use mir_core::{AudioBuffer, SampleRate};

use crate::{
    AudioInfo, DecodeReport, Error, LoadOptions, ResampleConfig, Resampler, Result,
    StreamingResampler, decode::Decoder, resample::into_buffer,
};

/// What a file says about itself: rate, channels, length, codec. Reads the header only.
///
/// # Errors
/// [`Error::Io`], [`Error::NotAudio`], [`Error::NoAudioTrack`], [`Error::UnsupportedCodec`],
/// [`Error::LimitExceeded`], [`Error::DecoderPanicked`].
pub fn info(path: impl AsRef<Path>) -> Result<AudioInfo> {
    let decoder = Decoder::open(path.as_ref(), &LoadOptions::default())?;
    Ok(decoder.info().clone())
}

/// The samples of a file.
///
/// Integer samples become `value / 2^(bits − 1)`. The part that `options` asks for is cut at samples of
/// the file, then mixed, then resampled. A file without samples gives an empty buffer.
///
/// ```
/// use mir_audio::{AudioBuffer, LoadOptions, SampleRate, WavFormat, load, write_wav};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("tone.wav");
/// write_wav(&path, &AudioBuffer::silence(SampleRate::HZ_44100, 2, 44_100)?, WavFormat::Int16)?;
/// let options = LoadOptions {
///     sample_rate: Some(SampleRate::HZ_16000),
///     mono: true,
///     ..LoadOptions::default()
/// };
/// let audio = load(&path, &options)?;
/// assert_eq!((audio.channels(), audio.len()), (1, 16_000));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`info`]; then [`Error::Damaged`] and [`Error::Truncated`] (not with `allow_truncated`),
/// [`Error::NonFiniteSample`], [`Error::FormatChanged`], and [`Error::OutOfRange`] for options that make
/// no sense.
pub fn load(path: impl AsRef<Path>, options: &LoadOptions) -> Result<AudioBuffer> {
    Ok(load_with_report(path, options)?.0)
}

/// The samples of a file, and what happened while it was read.
///
/// # Errors
/// As [`load`].
pub fn load_with_report(
    path: impl AsRef<Path>,
    options: &LoadOptions,
) -> Result<(AudioBuffer, DecodeReport)> {
    let path = path.as_ref();
    let mut chain = Chain::open(path, options)?;
    let mut samples = vec![vec![]; chain.channels];
    while chain.next_into(&mut samples)? {
        let bytes = samples.iter().map(|x| 4 * x.len() as u64).sum();
        if bytes > options.limits.max_bytes {
            return Err(Error::LimitExceeded {
                path: path.to_owned(),
                field: "size in bytes",
                limit: options.limits.max_bytes,
                actual: bytes,
            });
        }
    }
    let audio = into_buffer(chain.rate, samples)?;
    Ok((audio, chain.decoder.into_report()))
}

/// A file block by block, in bounded memory however long it is.
///
/// The blocks follow each other without gap or overlap, and all but the last have the same length.
/// Together they are exactly what [`load`] returns. After an error there are no more blocks.
#[derive(Debug)]
pub struct BlockReader {
    chain: Chain,
    block_samples: usize,
    /// Samples that are read but not given out yet.
    pending: Vec<Vec<f32>>,
    ended: bool,
}

impl BlockReader {
    /// Opens a file to be read in blocks of `block_samples` samples per channel, counted at the rate of
    /// the result.
    ///
    /// # Errors
    /// As [`info`], and [`Error::OutOfRange`] for options that make no sense or blocks of 0 samples.
    pub fn open(
        path: impl AsRef<Path>,
        options: &LoadOptions,
        block_samples: usize,
    ) -> Result<Self> {
        if block_samples == 0 {
            return Err(Error::OutOfRange {
                field: "block_samples",
                expected: "at least 1",
                actual: 0.0,
            });
        }
        let chain = Chain::open(path.as_ref(), options)?;
        Ok(Self { pending: vec![vec![]; chain.channels], chain, block_samples, ended: false })
    }

    /// What the file says about itself.
    pub fn info(&self) -> &AudioInfo {
        self.chain.decoder.info()
    }

    /// What happened so far.
    pub fn report(&self) -> &DecodeReport {
        self.chain.decoder.report()
    }

    /// Rate of the blocks.
    pub const fn sample_rate(&self) -> SampleRate {
        self.chain.rate
    }

    /// Channels of the blocks.
    pub const fn channels(&self) -> usize {
        self.chain.channels
    }

    fn next_block(&mut self) -> Result<Option<AudioBuffer>> {
        while !self.ended && self.pending[0].len() < self.block_samples {
            self.ended = !self.chain.next_into(&mut self.pending)?;
        }
        let length = self.block_samples.min(self.pending[0].len());
        if length == 0 {
            return Ok(None);
        }
        let block =
            self.pending.iter_mut().map(|channel| channel.drain(..length).collect()).collect();
        into_buffer(self.chain.rate, block).map(Some)
    }
}

impl Iterator for BlockReader {
    type Item = Result<AudioBuffer>;

    fn next(&mut self) -> Option<Self::Item> {
        let block = self.next_block().transpose();
        if matches!(block, Some(Err(_))) {
            self.ended = true;
            self.pending.iter_mut().for_each(Vec::clear);
        }
        block
    }
}

/// Decode, cut, mix, resample.
#[derive(Debug)]
struct Chain {
    decoder: Decoder,
    /// The range to read, in samples of the file.
    start: u64,
    end: Option<u64>,
    mono: Option<Vec<f32>>,
    resampler: StreamingResampler,
    rate: SampleRate,
    channels: usize,
    ended: bool,
}

impl Chain {
    fn open(path: &Path, options: &LoadOptions) -> Result<Self> {
        let mut decoder = Decoder::open(path, options)?;
        let from = decoder.info().sample_rate;
        let (start, count) = options.range(from)?;
        decoder.seek(start)?;
        let to = options.sample_rate.unwrap_or(from);
        let resampler = Resampler::new(ResampleConfig { from, to })?;
        let in_file = decoder.info().channels;
        if in_file == 0 {
            return Err(Error::NoAudioTrack { path: path.to_owned() });
        }
        let channels = if options.mono { 1 } else { in_file };
        Ok(Self {
            decoder,
            start,
            end: count.map(|count| start.saturating_add(count)),
            mono: (options.mono && in_file > 1).then(Vec::new),
            resampler: resampler.streaming(channels),
            rate: to,
            channels,
            ended: false,
        })
    }

    /// Appends the next samples, possibly none, to one vector a channel; `false` after the last.
    fn next_into(&mut self, out: &mut [Vec<f32>]) -> Result<bool> {
        if self.ended {
            return Ok(false);
        }
        let position = self.decoder.position();
        if self.end.is_some_and(|end| position >= end) {
            self.finish(out);
            return Ok(false);
        }
        let Some(planes) = self.decoder.next()? else {
            self.finish(out);
            return Ok(false);
        };
        let length = planes[0].len();
        let cut = |at: u64| at.saturating_sub(position).min(length as u64) as usize;
        let range = cut(self.start)..self.end.map_or(length, cut);
        if range.is_empty() {
            return Ok(true);
        }
        if let Some(mono) = &mut self.mono {
            mix_down(planes, range, mono);
            self.resampler.push(&[mono], out);
        } else {
            let channels: Vec<&[f32]> = planes.iter().map(|x| &x[range.clone()]).collect();
            self.resampler.push(&channels, out);
        }
        Ok(true)
    }

    fn finish(&mut self, out: &mut [Vec<f32>]) {
        self.resampler.finish(out);
        self.ended = true;
    }
}

/// The mean of all channels over a range, as [`AudioBuffer::into_mono`] computes it.
fn mix_down(planes: &[Vec<f32>], range: std::ops::Range<usize>, mono: &mut Vec<f32>) {
    let scale = 1.0 / planes.len() as f32;
    mono.clear();
    mono.extend_from_slice(&planes[0][range.clone()]);
    for plane in &planes[1..] {
        for (sum, &x) in mono.iter_mut().zip(&plane[range.clone()]) {
            *sum += x;
        }
    }
    mono.iter_mut().for_each(|sum| *sum *= scale);
}
