//! Reading files: at once, or block by block. Both are the same chain: decode, cut, mix, resample.

use std::{path::Path, sync::Arc};

use mir_core::{AudioBuffer, SampleRate};

use crate::{
    AudioInfo, DecodeReport, Error, LoadOptions, ResampleConfig, Resampler, Result,
    StreamingResampler, decode::Decoder, input::Input, resample::into_buffer,
};

/// What a file says about itself: rate, channels, length, codec. Decodes nothing.
///
/// Of several audio streams it is the one that [`load`] takes; [`streams`] describes all.
///
/// ```
/// use mir_audio::{AudioBuffer, SampleRate, WavFormat, info, write_wav};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("tone.wav");
/// write_wav(&path, &AudioBuffer::silence(SampleRate::HZ_44100, 2, 44_100)?, WavFormat::Int24)?;
/// let info = info(&path)?;
/// assert_eq!((info.channels, info.duration()), (2, Some(1.0)));
/// assert_eq!(info.codec, "pcm_s24le");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Io`], [`Error::NotAudio`], [`Error::NoAudioTrack`], [`Error::UnsupportedCodec`],
/// [`Error::LimitExceeded`], [`Error::DecoderPanicked`].
pub fn info(path: impl AsRef<Path>) -> Result<AudioInfo> {
    let decoder = Decoder::open(&file(path.as_ref()), &LoadOptions::default())?;
    Ok(decoder.info().clone())
}

/// What each audio stream of a file says about itself, in the order of the file. Decodes nothing.
///
/// Most files have one. A `.stem.mp4` has five: the mix, then its parts. The index of a stream here is
/// what [`LoadOptions::stream`] takes.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("tone.wav");
/// # let silence = mir_audio::AudioBuffer::silence(mir_audio::SampleRate::HZ_44100, 2, 10)?;
/// # mir_audio::write_wav(&path, &silence, mir_audio::WavFormat::Int16)?;
/// for (index, stream) in mir_audio::streams(&path)?.iter().enumerate() {
///     println!("{index}: {} channels, {:?} s", stream.channels, stream.duration());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`info`], for the first stream that fails.
pub fn streams(path: impl AsRef<Path>) -> Result<Vec<AudioInfo>> {
    Decoder::streams(&file(path.as_ref()), &LoadOptions::default())
}

/// All audio streams of a file, in its order, each read with `options`.
///
/// ```no_run
/// use mir_audio::{LoadOptions, load_streams};
/// let stems = load_streams("Al James - Schoolboy Facination.stem.mp4", &LoadOptions::default())?;
/// let [mix, drums, bass, other, vocals] = stems.as_slice() else { panic!("not five streams") };
/// # let _ = (mix, drums, bass, other, vocals);
/// # Ok::<(), mir_audio::Error>(())
/// ```
///
/// # Errors
/// As [`load`].
pub fn load_streams(path: impl AsRef<Path>, options: &LoadOptions) -> Result<Vec<AudioBuffer>> {
    let input = file(path.as_ref());
    let count = Decoder::streams(&input, options)?.len();
    (0..count)
        .map(|stream| {
            let options = LoadOptions { stream: Some(stream), ..options.clone() };
            Ok(read_all(&input, &options)?.0)
        })
        .collect()
}

fn file(path: &Path) -> Input {
    Input::File(path.to_owned())
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
/// ```
/// use mir_audio::{Gapless, LoadOptions, load_with_report};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("tone.wav");
/// # let silence = mir_audio::AudioBuffer::silence(mir_audio::SampleRate::HZ_44100, 2, 10)?;
/// # mir_audio::write_wav(&path, &silence, mir_audio::WavFormat::Int16)?;
/// let (audio, report) = load_with_report(&path, &LoadOptions::default())?;
/// assert_eq!(report.decoded, audio.len() as u64);
/// if report.info.gapless != Gapless::Exact {
///     println!("the start of the recording may be off by some milliseconds");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`load`].
pub fn load_with_report(
    path: impl AsRef<Path>,
    options: &LoadOptions,
) -> Result<(AudioBuffer, DecodeReport)> {
    read_all(&file(path.as_ref()), options)
}

/// The samples of a recording that lies in memory, and what happened while it was read.
///
/// `name` stands for the path: messages contain it, and its extension hints at the format.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("tone.wav");
/// # let silence = mir_audio::AudioBuffer::silence(mir_audio::SampleRate::HZ_44100, 2, 10)?;
/// # mir_audio::write_wav(&path, &silence, mir_audio::WavFormat::Int16)?;
/// let bytes = std::fs::read(&path)?;
/// let (audio, _) = mir_audio::load_bytes(bytes, "upload.wav", &Default::default())?;
/// assert_eq!(audio.len(), 10);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`load`].
pub fn load_bytes(
    bytes: impl Into<Arc<[u8]>>,
    name: impl AsRef<Path>,
    options: &LoadOptions,
) -> Result<(AudioBuffer, DecodeReport)> {
    read_all(&Input::Memory { name: name.as_ref().to_owned(), bytes: bytes.into() }, options)
}

fn read_all(input: &Input, options: &LoadOptions) -> Result<(AudioBuffer, DecodeReport)> {
    let mut chain = Chain::open(input, options)?;
    let mut samples = vec![vec![]; chain.channels];
    while chain.next_into(&mut samples)? {
        let bytes = samples.iter().map(|x| 4 * x.len() as u64).sum();
        if bytes > options.limits.max_bytes {
            return Err(Error::LimitExceeded {
                path: input.path().to_owned(),
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
///
/// ```
/// use mir_audio::{BlockReader, LoadOptions};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("tone.wav");
/// # let silence = mir_audio::AudioBuffer::silence(mir_audio::SampleRate::HZ_44100, 2, 2500)?;
/// # mir_audio::write_wav(&path, &silence, mir_audio::WavFormat::Int16)?;
/// let mut samples = 0;
/// for block in BlockReader::open(&path, &LoadOptions::default(), 1000)? {
///     samples += block?.len();
/// }
/// assert_eq!(samples, 2500);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
        let chain = Chain::open(&file(path.as_ref()), options)?;
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
    /// Channels of the file to keep, in this order.
    kept: Vec<usize>,
    mono: Option<Vec<f32>>,
    resampler: StreamingResampler,
    rate: SampleRate,
    channels: usize,
    ended: bool,
}

impl Chain {
    fn open(input: &Input, options: &LoadOptions) -> Result<Self> {
        let mut decoder = Decoder::open(input, options)?;
        let from = decoder.info().sample_rate;
        let (start, count) = options.range(from)?;
        decoder.seek(start)?;
        let to = options.sample_rate.unwrap_or(from);
        let resampler = Resampler::new(ResampleConfig { from, to, method: options.resampling })?;
        let in_file = decoder.info().channels;
        if in_file == 0 {
            return Err(Error::NoAudioTrack { path: input.path().to_owned() });
        }
        let kept = options.kept_channels(in_file)?;
        let channels = if options.mono { 1 } else { kept.len() };
        Ok(Self {
            decoder,
            start,
            end: count.map(|count| start.saturating_add(count)),
            mono: (options.mono && kept.len() > 1).then(Vec::new),
            kept,
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
        if self.end.is_some_and(|end| self.decoder.position() >= end) {
            self.finish(out);
            return Ok(false);
        }
        let Some((position, planes)) = self.decoder.next()? else {
            self.finish(out);
            return Ok(false);
        };
        let length = planes[0].len();
        let cut = |at: u64| at.saturating_sub(position).min(length as u64) as usize;
        let range = cut(self.start)..self.end.map_or(length, cut);
        if range.is_empty() {
            return Ok(true);
        }
        let channels: Vec<&[f32]> =
            self.kept.iter().map(|&channel| &planes[channel][range.clone()]).collect();
        if let Some(mono) = &mut self.mono {
            mix_down(&channels, mono);
            self.resampler.push(&[mono], out);
        } else {
            self.resampler.push(&channels, out);
        }
        Ok(true)
    }

    fn finish(&mut self, out: &mut [Vec<f32>]) {
        self.resampler.finish(out);
        self.ended = true;
    }
}

/// The mean of the channels, as [`AudioBuffer::into_mono`] computes it.
fn mix_down(channels: &[&[f32]], mono: &mut Vec<f32>) {
    let scale = 1.0 / channels.len() as f32;
    mono.clear();
    mono.extend_from_slice(channels[0]);
    for channel in &channels[1..] {
        for (sum, &x) in mono.iter_mut().zip(*channel) {
            *sum += x;
        }
    }
    mono.iter_mut().for_each(|sum| *sum *= scale);
}
