//! From audio to notes with a trained network.
//!
//! [`TranscriptionModel`] is the network with its description; [`Transcriber`] adds the front end and
//! the decoder and takes audio, whole or, as a [`TranscriptionStream`], in blocks. Recordings of any length
//! are read in fixed [`Segments`] of frames with context on both sides, of which the middle is kept: memory
//! does not grow with the recording, and the result does not depend on how the audio was cut into blocks.
//!
//! [`HighResolutionTranscriber`] is the same for the networks of Kong et al., which hear the pedal too.

mod high_resolution;
mod keys;
mod segments;
mod stream;

use std::{ops::Range, path::Path};

use mir_core::{AudioBuffer, FrameGrid, Note, SampleRate};
use mir_features::{FrontEndConfig, LogMel};
use ndarray::{Array2, Array4, ArrayView2, s};
use tch::{Device, Tensor};

use self::keys::Keys;
pub use self::{
    high_resolution::{
        HighResolutionActivations, HighResolutionMeta, HighResolutionModel,
        HighResolutionTranscriber, NotesAndPedal,
    },
    segments::Segments,
    stream::TranscriptionStream,
};
use crate::{
    Error, Result,
    activations::TranscriptionActivations,
    arch::OnsetsFrames,
    decode::decode,
    error::TorchContext,
    nn::Mode,
    params::{Params, values},
    weights::{self, Fit, ImportReport, ModelMeta, NameMap, Storage},
};

/// A network with its weights and its description.
#[derive(Debug)]
pub struct TranscriptionModel {
    params: Params,
    network: OnsetsFrames,
    meta: ModelMeta,
    keys: Keys,
}

impl TranscriptionModel {
    /// A network with random weights, for a description.
    ///
    /// # Errors
    /// [`Error::Config`] for an invalid architecture, or for keys as [`hear_in_keys`](Self::hear_in_keys).
    pub fn new(meta: ModelMeta, device: Device) -> Result<Self> {
        let mut params = Params::new(device, 0);
        let network = OnsetsFrames::new(&mut params, meta.architecture.clone())?;
        let keys = Keys::new(&meta.front_end, &meta.transpositions)?;
        Ok(Self { params, network, meta, keys })
    }

    /// Reads a weight file.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read; [`Error::Weights`] if it is truncated, foreign, or does not
    /// hold the tensors that its own description asks for.
    pub fn open(path: &Path, device: Device) -> Result<Self> {
        let (bytes, meta) = weights::read(path)?;
        Self::from_parts(&bytes, meta, path, device)
    }

    /// Reads weights that are in memory, compiled into a program say. `name` only names them in errors.
    ///
    /// # Errors
    /// As [`open`](Self::open), without [`Error::Io`].
    pub fn from_bytes(bytes: &[u8], name: &str, device: Device) -> Result<Self> {
        let path = Path::new(name);
        Self::from_parts(bytes, weights::meta_of(bytes, path)?, path, device)
    }

    fn from_parts(bytes: &[u8], meta: ModelMeta, path: &Path, device: Device) -> Result<Self> {
        let model = Self::new(meta, device)?;
        weights::fill(bytes, path, model.params.all())?;
        Ok(model)
    }

    /// Takes the weights over from another program's file, whose names a map turns into ours.
    ///
    /// # Errors
    /// As [`weights::import`]: with [`Fit::Strict`] nothing is changed unless everything fits.
    pub fn import(&mut self, path: &Path, map: &NameMap, fit: Fit) -> Result<ImportReport> {
        weights::import(path, &mut self.params, map, fit)
    }

    /// Writes the weights with their description; the file appears complete or not at all.
    ///
    /// # Errors
    /// [`Error::Core`] if the file cannot be written.
    pub fn save(&self, path: &Path, storage: Storage) -> Result<()> {
        weights::save(path, &self.params, &self.meta, storage)
    }

    /// The description.
    pub fn meta(&self) -> &ModelMeta {
        &self.meta
    }

    /// The description, to put thresholds and scores in.
    pub fn meta_mut(&mut self) -> &mut ModelMeta {
        &mut self.meta
    }

    /// Lets the network hear each recording in other keys too: the features are moved by each of these numbers of
    /// semitones, what it says of them is moved back, and the mean is what it says of the recording. The mistakes
    /// that it makes at one key and not at its neighbours weigh less then; each transposition costs a pass.
    ///
    /// ```
    /// use mir_models::{Device, config::OnsetsFramesConfig, infer::TranscriptionModel, weights::ModelMeta};
    /// let meta = ModelMeta::new(OnsetsFramesConfig::small(), Default::default());
    /// let mut model = TranscriptionModel::new(meta, Device::Cpu)?;
    /// model.hear_in_keys(&[-1, 1])?;
    /// assert_eq!(model.meta().transpositions, [-1, 1]);
    /// # Ok::<(), mir_models::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`] for a number outside ±12, 0, or one that comes twice; [`Error::Features`] for features that
    /// cannot be moved.
    pub fn hear_in_keys(&mut self, transpositions: &[i32]) -> Result<()> {
        self.keys = Keys::new(&self.meta.front_end, transpositions)?;
        self.meta.transpositions = transpositions.to_vec();
        Ok(())
    }

    pub(crate) fn params(&self) -> &Params {
        &self.params
    }

    pub(crate) fn network(&self) -> &OnsetsFrames {
        &self.network
    }

    /// Number of trainable values.
    pub fn parameters(&self) -> usize {
        self.params.count_trainable()
    }

    /// Probabilities for features `[frames, bins]`, read in the default [`Segments`].
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of bins, or what LibTorch says.
    pub fn activations(
        &self,
        features: ArrayView2<'_, f32>,
        grid: FrameGrid,
    ) -> Result<TranscriptionActivations> {
        self.activations_in(Segments::default(), features, grid)
    }

    /// The same in other segments, or [at once](Segments::WHOLE).
    ///
    /// # Errors
    /// [`Error::Config`] for segments outside their range; as [`activations`](Self::activations).
    pub fn activations_in(
        &self,
        segments: Segments,
        features: ArrayView2<'_, f32>,
        grid: FrameGrid,
    ) -> Result<TranscriptionActivations> {
        let mut out = self.activations_of(segments, 1, &[features], grid)?;
        out.pop().ok_or_else(|| unreachable!("one recording was given"))
    }

    /// The same for several recordings, `batch` segments in a pass, at least 1, of whichever recordings have segments
    /// of one length: what keeps a GPU busy. A CPU gains little and holds the values of all of them.
    ///
    /// The results are those of one recording after the other, but for the order in which LibTorch adds.
    ///
    /// # Errors
    /// [`Error::Config`] for a batch of 0; as [`activations_in`](Self::activations_in).
    pub fn activations_of(
        &self,
        segments: Segments,
        batch: usize,
        recordings: &[ArrayView2<'_, f32>],
        grid: FrameGrid,
    ) -> Result<Vec<TranscriptionActivations>> {
        segments.validate()?;
        if batch == 0 {
            return Err(Error::config("batch", "at least 1 segment", batch));
        }
        let mut said: Vec<_> =
            recordings.iter().map(|features| self.silence(features.nrows(), grid)).collect();
        let mut parts: Vec<Part> = recordings
            .iter()
            .enumerate()
            .flat_map(|(recording, features)| {
                let part = move |(heard, kept)| Part { recording, heard, kept };
                segments.cut(features.nrows()).map(part)
            })
            .collect();
        parts.sort_by_key(|part| part.heard.len());
        for parts in parts.chunk_by(|a, b| a.heard.len() == b.heard.len()) {
            for parts in parts.chunks(batch) {
                let features: Vec<_> = parts
                    .iter()
                    .map(|part| recordings[part.recording].slice(s![part.heard.clone(), ..]))
                    .collect();
                let keep: Vec<_> = parts.iter().map(Part::kept_of_heard).collect();
                for (part, rows) in parts.iter().zip(self.forward(&features, &keep)?) {
                    rows.put(&mut said[part.recording], part.kept.clone());
                }
            }
        }
        Ok(said)
    }

    /// Activations of which all are 0.
    fn silence(&self, frames: usize, grid: FrameGrid) -> TranscriptionActivations {
        let heads = &self.meta.architecture;
        let empty = || Array2::zeros((frames, heads.keys.len()));
        let has = |kind| kind != crate::config::HeadKind::None;
        TranscriptionActivations {
            grid,
            keys: heads.keys,
            onset: empty(),
            frame: empty(),
            offset: has(heads.offset_head).then(empty),
            velocity: has(heads.velocity_head).then(empty),
        }
    }

    /// One forward pass over features `[frames, bins]` of one length, in all keys at once; a range of the rows of each
    /// is kept.
    fn forward(
        &self,
        features: &[ArrayView2<'_, f32>],
        keep: &[Range<usize>],
    ) -> Result<Vec<Rows>> {
        let Some(&(frames, bins)) = features.first().map(|f| f.dim()).as_ref() else {
            return Ok(Vec::new());
        };
        let _guard = tch::no_grad_guard();
        let passes = self.keys.passes();
        let mut all = Vec::with_capacity(features.len() * passes * frames * bins);
        features.iter().for_each(|features| self.keys.append(features.view(), &mut all));
        let shape = [(features.len() * passes) as i64, 1, frames as i64, bins as i64];
        let input = Tensor::f_from_slice(&all)
            .and_then(|t| t.f_reshape(shape))
            .and_then(|t| t.f_to_device(self.params.device()))
            .during("reading features")?;
        let heads = self.network.forward(&input, Mode::EVAL)?;
        // What no part keeps stays on the device.
        let first = keep.iter().map(|keep| keep.start).min().unwrap_or(0);
        let last = keep.iter().map(|keep| keep.end).max().unwrap_or(frames);
        let rows = |tensor: &Tensor, squash: bool| -> Result<Vec<Array2<f32>>> {
            let kept = tensor
                .f_narrow(1, first as i64, (last - first) as i64)
                .and_then(|t| if squash { t.f_sigmoid() } else { t.f_clamp(0.0, 1.0) })
                .during("reading activations")?;
            let shape = (features.len(), passes, last - first, self.meta.architecture.keys.len());
            let said = Array4::from_shape_vec(shape, values(&kept)?).map_err(|_| Error::Shape {
                what: "activations",
                expected: format!("{shape:?}"),
                actual: kept.size().iter().map(|&n| n as usize).collect(),
            })?;
            let united = said.outer_iter().zip(keep).map(|(said, keep)| {
                self.keys.united(said.slice(s![.., keep.start - first..keep.end - first, ..]))
            });
            Ok(united.collect())
        };
        let head = |tensor: &Option<Tensor>, squash: bool| -> Result<Vec<Option<Array2<f32>>>> {
            let none = || Ok(vec![None; features.len()]);
            let some = |t| rows(t, squash).map(|all| all.into_iter().map(Some).collect());
            tensor.as_ref().map_or_else(none, some)
        };
        let (offset, velocity) = (head(&heads.offset, true)?, head(&heads.velocity, false)?);
        let (onset, frame) = (rows(&heads.onset, true)?, rows(&heads.frame, true)?);
        let all = onset.into_iter().zip(frame).zip(offset.into_iter().zip(velocity));
        Ok(all
            .map(|((onset, frame), (offset, velocity))| Rows { onset, frame, offset, velocity })
            .collect())
    }
}

/// A segment of one of several recordings, in its frames.
struct Part {
    recording: usize,
    heard: Range<usize>,
    kept: Range<usize>,
}

impl Part {
    /// What is kept, in frames of what is heard.
    fn kept_of_heard(&self) -> Range<usize> {
        self.kept.start - self.heard.start..self.kept.end - self.heard.start
    }
}

/// Activations of a run of frames.
#[derive(Debug)]
struct Rows {
    onset: Array2<f32>,
    frame: Array2<f32>,
    offset: Option<Array2<f32>>,
    velocity: Option<Array2<f32>>,
}

impl Rows {
    /// Writes them to their place.
    fn put(&self, whole: &mut TranscriptionActivations, frames: Range<usize>) {
        let rows = s![frames, ..];
        whole.onset.slice_mut(rows).assign(&self.onset);
        whole.frame.slice_mut(rows).assign(&self.frame);
        for (whole, part) in
            [(&mut whole.offset, &self.offset), (&mut whole.velocity, &self.velocity)]
        {
            if let (Some(whole), Some(part)) = (whole, part) {
                whole.slice_mut(rows).assign(part);
            }
        }
    }
}

/// Audio in, notes out.
#[derive(Debug)]
pub struct Transcriber {
    model: TranscriptionModel,
    front_end: LogMel,
    segments: Segments,
}

impl Transcriber {
    /// Around a model.
    ///
    /// # Errors
    /// [`Error::Features`] if the model's front end is invalid.
    pub fn new(model: TranscriptionModel) -> Result<Self> {
        let FrontEndConfig::LogMel(config) = &model.meta.front_end else {
            return Err(Error::config("front_end", "log_mel", "another front end"));
        };
        let front_end = LogMel::new(config.clone())?;
        Ok(Self { model, front_end, segments: Segments::default() })
    }

    /// The same in other segments: shorter ones give a stream's notes earlier and cost more.
    ///
    /// # Errors
    /// [`Error::Config`] for segments outside their range.
    pub fn with_segments(self, segments: Segments) -> Result<Self> {
        segments.validate()?;
        Ok(Self { segments, ..self })
    }

    /// The sample rate that the audio has to have.
    pub fn sample_rate(&self) -> SampleRate {
        self.front_end.grid().sample_rate()
    }

    /// Time of the frames.
    pub fn grid(&self) -> FrameGrid {
        self.front_end.grid()
    }

    /// The model.
    pub fn model(&self) -> &TranscriptionModel {
        &self.model
    }

    /// The model, to change its decoder.
    pub fn model_mut(&mut self) -> &mut TranscriptionModel {
        &mut self.model
    }

    /// Notes of a recording in memory: mono, at [`sample_rate`](Self::sample_rate).
    ///
    /// # Errors
    /// [`Error::Features`] for another rate, [`Error::Core`] for samples that are not finite.
    pub fn transcribe(&self, audio: &AudioBuffer) -> Result<Vec<Note>> {
        decode(&self.activations(audio)?, &self.model.meta.decoder)
    }

    /// Probabilities for a recording in memory.
    ///
    /// # Errors
    /// As [`transcribe`](Self::transcribe).
    pub fn activations(&self, audio: &AudioBuffer) -> Result<TranscriptionActivations> {
        audio.check_finite()?;
        let map = self.front_end.process(audio)?;
        self.model.activations_in(self.segments, map.data.slice(s![0, .., ..]), map.grid)
    }

    /// Notes of several recordings, `batch` segments in a pass: see [`TranscriptionModel::activations_of`].
    ///
    /// # Errors
    /// As [`transcribe`](Self::transcribe), for the first recording that has something wrong;
    /// [`Error::Config`] for a batch of 0.
    pub fn transcribe_all(&self, audio: &[AudioBuffer], batch: usize) -> Result<Vec<Vec<Note>>> {
        let features = audio.iter().map(|audio| {
            audio.check_finite()?;
            Ok(self.front_end.process(audio)?.data)
        });
        let features = features.collect::<Result<Vec<_>>>()?;
        let views: Vec<_> = features.iter().map(|data| data.slice(s![0, .., ..])).collect();
        let said = self.model.activations_of(self.segments, batch, &views, self.grid())?;
        said.iter().map(|said| decode(said, &self.model.meta.decoder)).collect()
    }

    /// Begins a recording that arrives in blocks: the same notes as
    /// [`transcribe`](Self::transcribe), in memory that does not grow with its length.
    ///
    /// # Errors
    /// [`Error::Config`] if the model's decoder configuration is invalid.
    pub fn stream(&self) -> Result<TranscriptionStream<'_>> {
        TranscriptionStream::new(self)
    }
}
