//! Notes and pedal with the high-resolution networks (Kong et al., IEEE/ACM TASLP 2021).
//!
//! As in the published program a recording is heard in segments of 10 s, one every 5 s, of which the middle half
//! counts; before the first and after the last there is nothing to lend context, and they count to their ends.

use std::{collections::BTreeMap, ops::Range, path::Path};

use mir_core::{AudioBuffer, FrameGrid, KeyRange, Note, PedalSpan, SampleRate, publish};
use mir_features::{LogMel, LogMelConfig};
use ndarray::{Array1, Array2, ArrayView2, Axis, concatenate, s};
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use crate::{
    Error, Result,
    activations::{PedalActivations, TranscriptionActivations},
    arch::{HighResolutionNotes, HighResolutionPedals, NoteHeads, PedalHeads},
    config::HighResolutionConfig,
    decode::{PedalDecoderConfig, RegressionDecoderConfig, decode_pedal, decode_regression},
    error::TorchContext,
    infer::Segments,
    nn::Mode,
    params::{Params, values},
    weights::{self, Fit, ImportReport, NameMap, Storage},
};

/// Seconds of a segment.
const SEGMENT: usize = 10;

/// Everything that a weight file of these networks says beside the weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HighResolutionMeta {
    /// Always [`FORMAT`](Self::FORMAT).
    pub format: String,
    /// Version of the layout, 1.
    pub version: u32,
    /// Both networks.
    pub architecture: HighResolutionConfig,
    /// Whether the file holds the network for the pedal.
    pub pedals: bool,
    /// The features that they read.
    pub front_end: LogMelConfig,
    /// How notes are decoded.
    pub decoder: RegressionDecoderConfig,
    /// How the pedal is decoded.
    pub pedal_decoder: PedalDecoderConfig,
    /// A key sounds in a frame whose frame probability is at least this: for a roll, as scores by cells compare it.
    /// Where notes end is the decoder's.
    #[serde(default = "published_roll_threshold")]
    pub roll_threshold: f64,
    /// Optimiser steps behind the network for notes, as far as they are known.
    #[serde(default)]
    pub step: u64,
    /// Scores on validation data by name.
    #[serde(default)]
    pub scores: BTreeMap<String, f64>,
    /// What they were trained on, and under which licence the data stands.
    pub training_data: String,
}

fn published_roll_threshold() -> f64 {
    HighResolutionMeta::ROLL_THRESHOLD
}

impl HighResolutionMeta {
    /// What a file of these networks calls itself.
    pub const FORMAT: &'static str = "mir-models/high-resolution";
    /// The roll threshold of the published scores.
    pub const ROLL_THRESHOLD: f64 = 0.3;
    const VERSION: u32 = 1;

    /// Of both networks, with the published front end and thresholds.
    pub fn new(architecture: HighResolutionConfig) -> Self {
        Self {
            format: Self::FORMAT.to_owned(),
            version: Self::VERSION,
            architecture,
            pedals: true,
            front_end: LogMelConfig::hpt(),
            decoder: RegressionDecoderConfig::default(),
            pedal_decoder: PedalDecoderConfig::default(),
            roll_threshold: published_roll_threshold(),
            step: 0,
            scores: BTreeMap::new(),
            training_data: String::new(),
        }
    }
}

/// The network for notes and, where the file has it, that for the pedal.
#[derive(Debug)]
pub struct HighResolutionModel {
    meta: HighResolutionMeta,
    notes: (Params, HighResolutionNotes),
    pedals: Option<(Params, HighResolutionPedals)>,
}

impl HighResolutionModel {
    /// Networks with random weights.
    ///
    /// # Errors
    /// [`Error::Config`] for an invalid architecture.
    pub fn new(meta: HighResolutionMeta, device: Device) -> Result<Self> {
        let mut params = Params::new(device, 0);
        let network = HighResolutionNotes::new(&mut params, meta.architecture.clone())?;
        let notes = (params, network);
        let pedals = if meta.pedals {
            let mut params = Params::new(device, 1);
            let network = HighResolutionPedals::new(&mut params, meta.architecture.clone())?;
            Some((params, network))
        } else {
            None
        };
        Ok(Self { meta, notes, pedals })
    }

    /// Reads a weight file.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read; [`Error::Weights`] if it is truncated, foreign, or does not hold the
    /// tensors that its own description asks for.
    pub fn open(path: &Path, device: Device) -> Result<Self> {
        let bytes = weights::read_bytes(path)?;
        let (format, version) = (HighResolutionMeta::FORMAT, HighResolutionMeta::VERSION);
        let meta = weights::described(&bytes, path, format, version)?;
        let model = Self::new(meta, device)?;
        let tensors = model.tensors();
        weights::fill(&bytes, path, tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)))?;
        Ok(model)
    }

    /// Takes the weights over from a checkpoint of bytedance/piano_transcription, or from safetensors under its names.
    ///
    /// # Errors
    /// As [`weights::import`] with [`Fit::Strict`]. The notes may have changed if the pedal does not fit.
    pub fn import(
        &mut self,
        path: &Path,
        notes: &NameMap,
        pedals: &NameMap,
    ) -> Result<Vec<ImportReport>> {
        let mut reports = vec![weights::import(path, &mut self.notes.0, notes, Fit::Strict)?];
        if let Some((params, _)) = &mut self.pedals {
            reports.push(weights::import(path, params, pedals, Fit::Strict)?);
        }
        Ok(reports)
    }

    /// Writes the weights with their description; the file appears complete or not at all.
    ///
    /// # Errors
    /// [`Error::Core`] if the file cannot be written.
    pub fn save(&self, path: &Path, storage: Storage) -> Result<()> {
        let json = serde_json::to_string(&self.meta)
            .map_err(|source| Error::Json { what: "the model description", source })?;
        let tensors = self.tensors();
        let named = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor));
        Ok(publish::write(path, &weights::to_bytes(named, Some(&json), storage)?)?)
    }

    /// The description.
    pub fn meta(&self) -> &HighResolutionMeta {
        &self.meta
    }

    /// The description, to put thresholds in.
    pub fn meta_mut(&mut self) -> &mut HighResolutionMeta {
        &mut self.meta
    }

    /// The values of the network for notes.
    pub(crate) fn note_params(&self) -> &Params {
        &self.notes.0
    }

    /// The values of the network for the pedal.
    pub(crate) fn pedal_params(&self) -> Option<&Params> {
        self.pedals.as_ref().map(|(params, _)| params)
    }

    /// Takes over the network for notes of another model, with its decoder and what is known of it: what a training of
    /// the [pedal](HighResolutionPedals) alone leaves open.
    ///
    /// # Errors
    /// [`Error::Config`] if the two differ in architecture or features.
    pub fn take_notes(&mut self, other: &Self) -> Result<()> {
        let (meta, theirs) = (&mut self.meta, &other.meta);
        if meta.architecture != theirs.architecture || meta.front_end != theirs.front_end {
            let expected = "architecture and features of the network for notes beside it";
            return Err(Error::config("the network for the pedal", expected, "others"));
        }
        meta.decoder.clone_from(&theirs.decoder);
        meta.roll_threshold = theirs.roll_threshold;
        meta.step = theirs.step;
        meta.training_data =
            format!("notes: {}; pedal: {}", theirs.training_data, meta.training_data);
        for (name, score) in &theirs.scores {
            meta.scores.entry(name.clone()).or_insert(*score);
        }
        self.notes.0.copy_from(&other.notes.0, std::iter::empty())
    }

    /// Number of trainable values of both networks.
    pub fn parameters(&self) -> usize {
        let pedals = self.pedals.as_ref().map_or(0, |(params, _)| params.count_trainable());
        self.notes.0.count_trainable() + pedals
    }

    /// All tensors under the names of the published files.
    fn tensors(&self) -> BTreeMap<String, Tensor> {
        let named = |prefix: &str, params: &Params| -> Vec<(String, Tensor)> {
            let name = |name: &str| format!("{prefix}.{name}");
            params.all().map(|(n, tensor)| (name(n), tensor.shallow_clone())).collect()
        };
        let mut tensors = named("note_model", &self.notes.0);
        tensors.extend(self.pedals.iter().flat_map(|(params, _)| named("pedal_model", params)));
        tensors.into_iter().collect()
    }

    /// What the networks say of the features of a recording `[frames, bins]`, in segments as
    /// [`HighResolutionTranscriber`] hears them, but that the last one ends with the recording.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of bins, or what LibTorch says.
    pub fn activations(
        &self,
        features: ArrayView2<'_, f32>,
        grid: FrameGrid,
    ) -> Result<HighResolutionActivations> {
        let mut heads: Vec<Vec<Rows>> = Vec::new();
        for (heard, keep) in segments(features.nrows(), grid) {
            let said = self.forward(features.slice(s![heard, ..]), &keep)?;
            heads.resize(said.len(), Vec::new());
            heads.iter_mut().zip(said).for_each(|(head, rows)| head.push(rows));
        }
        self.joined(&heads, features.nrows(), grid)
    }

    /// What the network for the pedal alone says of them; nothing without one.
    ///
    /// # Errors
    /// As [`activations`](Self::activations).
    pub fn pedal_activations(
        &self,
        features: ArrayView2<'_, f32>,
        grid: FrameGrid,
    ) -> Result<Option<PedalActivations>> {
        let Some((params, network)) = &self.pedals else { return Ok(None) };
        let _guard = tch::no_grad_guard();
        let mut heads = [(); 3].map(|()| Vec::with_capacity(features.nrows()));
        for (heard, keep) in segments(features.nrows(), grid) {
            let input = input(features.slice(s![heard, ..]), params.device())?;
            let PedalHeads { onset, offset, frame } = network.forward(&input, Mode::EVAL)?;
            for (head, said) in heads.iter_mut().zip([onset, offset, frame]) {
                head.extend(rows(&said, &keep)?);
            }
        }
        let [onset, offset, frame] = heads.map(Array1::from_vec);
        Ok(Some(PedalActivations { grid, onset, offset, frame }))
    }

    /// Probabilities for the features of one segment `[frames, bins]`, of which some frames are kept.
    fn forward(&self, features: ArrayView2<'_, f32>, keep: &Range<usize>) -> Result<Vec<Rows>> {
        let _guard = tch::no_grad_guard();
        let input = input(features, self.notes.0.device())?;
        let rows = |logits: &Tensor| rows(logits, keep);
        let NoteHeads { onset, offset, frame, velocity } =
            self.notes.1.forward(&input, Mode::EVAL)?;
        let mut all = vec![rows(&onset)?, rows(&offset)?, rows(&frame)?, rows(&velocity)?];
        if let Some((_, pedals)) = &self.pedals {
            let PedalHeads { onset, offset, frame } = pedals.forward(&input, Mode::EVAL)?;
            all.extend([rows(&onset)?, rows(&offset)?, rows(&frame)?]);
        }
        Ok(all)
    }

    /// The kept frames of all segments one after the other, up to the end of the recording.
    fn joined(
        &self,
        heads: &[Vec<Rows>],
        frames: usize,
        grid: FrameGrid,
    ) -> Result<HighResolutionActivations> {
        let join = |head: &Vec<Rows>| -> Result<Rows> {
            let views: Vec<_> = head.iter().map(|rows| rows.view()).collect();
            let rows = concatenate(Axis(0), &views).map_err(|_| Error::Shape {
                what: "activations",
                expected: "the same number of keys in every segment".to_owned(),
                actual: views.iter().map(|rows| rows.ncols()).collect(),
            })?;
            let frames = frames.min(rows.nrows());
            Ok(rows.slice_move(s![..frames, ..]))
        };
        let mut rows = heads.iter().map(join).collect::<Result<Vec<_>>>()?.into_iter();
        let mut next = || rows.next().unwrap_or_default();
        let (onset, offset, frame, velocity) = (next(), next(), next(), next());
        let keys: KeyRange = self.meta.architecture.keys;
        let notes = TranscriptionActivations {
            grid,
            keys,
            onset,
            frame,
            offset: Some(offset),
            velocity: Some(velocity),
        };
        let mut next = || -> Array1<f32> { rows.next().unwrap_or_default().into_iter().collect() };
        let pedal = self.pedals.is_some().then(|| {
            let (onset, offset, frame) = (next(), next(), next());
            PedalActivations { grid, onset, offset, frame }
        });
        Ok(HighResolutionActivations { notes, pedal })
    }
}

/// The segments of so many frames: what is heard, and the part of it that is kept.
fn segments(frames: usize, grid: FrameGrid) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
    let quarter = SEGMENT * grid.sample_rate().hz() as usize / grid.hop() as usize / 4;
    let segments = Segments { keep: 2 * quarter.max(1), before: quarter, after: quarter };
    segments.cut(frames).map(|(heard, kept)| {
        let keep = kept.start - heard.start..kept.end - heard.start;
        (heard, keep)
    })
}

/// Features `[frames, bins]` as a batch of one.
fn input(features: ArrayView2<'_, f32>, device: Device) -> Result<Tensor> {
    let contiguous = features.as_standard_layout();
    let shape = [1, 1, features.nrows() as i64, features.ncols() as i64];
    Tensor::f_from_slice(contiguous.as_slice().unwrap_or_default())
        .and_then(|t| t.f_reshape(shape))
        .and_then(|t| t.f_to_device(device))
        .during("reading features")
}

/// The probabilities of the frames that are kept, of logits `[1, frames, keys]`.
fn rows(logits: &Tensor, keep: &Range<usize>) -> Result<Rows> {
    let kept = logits
        .f_narrow(1, keep.start as i64, keep.len() as i64)
        .and_then(|t| t.f_sigmoid())
        .during("reading activations")?;
    let size: Vec<usize> = kept.size().iter().map(|&n| n as usize).collect();
    Array2::from_shape_vec((size[1], size[2]), values(&kept)?).map_err(|_| Error::Shape {
        what: "activations",
        expected: format!("[1, {}, keys]", keep.len()),
        actual: size,
    })
}

/// Activations of a run of frames.
type Rows = Array2<f32>;

/// What the networks say about a recording.
#[derive(Clone, Debug, PartialEq)]
pub struct HighResolutionActivations {
    /// About the notes; velocities are fractions of 128.
    pub notes: TranscriptionActivations,
    /// About the pedal, from files that hold its network.
    pub pedal: Option<PedalActivations>,
}

/// What was played.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NotesAndPedal {
    /// The notes as they sound, sorted by onset.
    pub notes: Vec<Note>,
    /// The sustain pedal, in order of time.
    pub pedal: Vec<PedalSpan>,
}

/// Audio in, notes and pedal out.
///
/// It keeps the activations of the whole recording: 141 kB for each second of it.
#[derive(Debug)]
pub struct HighResolutionTranscriber {
    model: HighResolutionModel,
    front_end: LogMel,
}

impl HighResolutionTranscriber {
    /// Around a model.
    ///
    /// # Errors
    /// [`Error::Features`] if the model's front end is invalid, [`Error::Config`] if ten seconds are not a whole,
    /// even number of its frames.
    pub fn new(model: HighResolutionModel) -> Result<Self> {
        let front_end = LogMel::new(model.meta.front_end.clone())?;
        let grid = front_end.grid();
        if !(SEGMENT * grid.sample_rate().hz() as usize).is_multiple_of(4 * grid.hop() as usize) {
            return Err(Error::config(
                "hop",
                "a quarter of 10 s, or a whole part of it",
                grid.hop(),
            ));
        }
        Ok(Self { model, front_end })
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
    pub fn model(&self) -> &HighResolutionModel {
        &self.model
    }

    /// The model again.
    pub fn into_model(self) -> HighResolutionModel {
        self.model
    }

    /// The model, to change its decoders.
    pub fn model_mut(&mut self) -> &mut HighResolutionModel {
        &mut self.model
    }

    /// Notes and pedal of a recording: mono, at [`sample_rate`](Self::sample_rate). Of a model without pedals the
    /// pedal is empty.
    ///
    /// # Errors
    /// [`Error::Features`] for another rate, [`Error::Core`] for samples that are not finite.
    pub fn transcribe(&self, audio: &AudioBuffer) -> Result<NotesAndPedal> {
        let said = self.activations(audio, |_| true)?;
        said.map_or_else(|| Ok(NotesAndPedal::default()), |said| self.decode(&said))
    }

    /// Notes and pedal of what the networks have said.
    ///
    /// # Errors
    /// [`Error::Config`] if a threshold of the model is out of range.
    pub fn decode(&self, said: &HighResolutionActivations) -> Result<NotesAndPedal> {
        let meta = &self.model.meta;
        let pedal = said.pedal.as_ref().map(|pedal| decode_pedal(pedal, &meta.pedal_decoder));
        Ok(NotesAndPedal {
            notes: decode_regression(&said.notes, &meta.decoder)?,
            pedal: pedal.transpose()?.unwrap_or_default(),
        })
    }

    /// Probabilities for a recording. `heard` is told after each segment how many samples it has heard, and stops the
    /// work, which gives `None`, by returning false.
    ///
    /// # Errors
    /// As [`transcribe`](Self::transcribe).
    pub fn activations(
        &self,
        audio: &AudioBuffer,
        mut heard: impl FnMut(usize) -> bool,
    ) -> Result<Option<HighResolutionActivations>> {
        audio.check_finite()?;
        let grid = self.grid();
        let segment = SEGMENT * grid.sample_rate().hz() as usize;
        let frames = segment / grid.hop() as usize;
        // Half a segment apart, over whole segments.
        let count = (2 * audio.len().div_ceil(segment).max(1)).saturating_sub(1);
        let mut heads: Vec<Vec<Rows>> = Vec::new();
        for index in 0..count {
            let start = index * segment / 2;
            let mut samples = vec![0.0; segment];
            let end = audio.len().clamp(start.min(audio.len()), start + segment);
            samples[..end - start.min(end)].copy_from_slice(&audio.channel(0)[start.min(end)..end]);
            let part = AudioBuffer::mono(audio.sample_rate(), samples);
            let features = self.front_end.process(&part)?.data;
            let first = if index == 0 { 0 } else { frames / 4 };
            let last = if index + 1 == count { frames } else { frames - frames / 4 };
            // The frame on the end of a segment is the first of the next.
            let said = self.model.forward(features.slice(s![0, ..frames, ..]), &(first..last))?;
            heads.resize(said.len(), Vec::new());
            heads.iter_mut().zip(said).for_each(|(head, rows)| head.push(rows));
            if !heard(end) {
                return Ok(None);
            }
        }
        let end = audio.len() / grid.hop() as usize + 1;
        self.model.joined(&heads, end, grid).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small(pedals: bool) -> HighResolutionModel {
        let architecture = HighResolutionConfig {
            conv_channels: [2, 3, 4, 5],
            fc_units: 8,
            gru_units: 4,
            ..HighResolutionConfig::default()
        };
        let meta = HighResolutionMeta { pedals, ..HighResolutionMeta::new(architecture) };
        HighResolutionModel::new(meta, Device::Cpu).unwrap()
    }

    fn noise(samples: usize) -> AudioBuffer {
        let value = |n: usize| ((n * 7919 + n * n % 4001) % 2003) as f32 / 2003.0 - 0.5;
        AudioBuffer::mono(SampleRate::HZ_16000, (0..samples).map(value).collect())
    }

    #[test]
    fn the_middle_of_every_segment_counts() {
        let transcriber = HighResolutionTranscriber::new(small(true)).unwrap();
        let audio = noise(16_000 * 23);
        let mut calls = Vec::new();
        let said = transcriber
            .activations(&audio, |samples| {
                calls.push(samples / 16_000);
                true
            })
            .unwrap()
            .unwrap();
        assert_eq!(calls, [10, 15, 20, 23, 23]);
        assert_eq!(said.notes.onset.dim(), (2301, 88));
        let pedal = said.pedal.as_ref().unwrap();
        assert_eq!((pedal.onset.len(), pedal.frame.len()), (2301, 2301));
        // Frames 750 to 1250 are those of the segment that starts at five seconds.
        let alone =
            AudioBuffer::mono(SampleRate::HZ_16000, audio.channel(0)[80_000..240_000].to_vec());
        let alone = transcriber.activations(&alone, |_| true).unwrap().unwrap();
        let middle = said.notes.onset.slice(s![750..1250, ..]);
        // Not to the last bit: how LibTorch sums depends on where in memory the numbers lie.
        let alone = alone.notes.onset.slice(s![250..750, ..]);
        mir_testkit::assert_all_close(middle, alone, 1e-6, "the middle of a segment");
        let stopped = transcriber.activations(&audio, |_| false);
        assert!(stopped.unwrap().is_none());
    }

    #[test]
    fn features_are_heard_as_recordings_are() {
        let transcriber = HighResolutionTranscriber::new(small(true)).unwrap();
        let audio = noise(16_000 * 31);
        let whole = transcriber.activations(&audio, |_| true).unwrap().unwrap();
        let features = transcriber.front_end.process(&audio).unwrap();
        let view = features.data.slice(s![0, .., ..]);
        let said = transcriber.model().activations(view, features.grid).unwrap();
        assert_eq!(said.notes.onset.dim(), whole.notes.onset.dim());
        // Far from the ends of segments, whose features see the audio beside them here and none there.
        let rows = s![600..900, ..];
        let (found, expected) = (said.notes.frame.slice(rows), whole.notes.frame.slice(rows));
        mir_testkit::assert_all_close(found, expected, 1e-3, "features of a recording");
        assert_eq!(said.pedal.as_ref().unwrap().onset.len(), 3101);
        // The pedal alone.
        let pedal = transcriber.model().pedal_activations(view, features.grid).unwrap();
        mir_testkit::assert_all_close(
            &pedal.unwrap().offset,
            &said.pedal.unwrap().offset,
            1e-6,
            "the pedal alone",
        );
        let without = small(false).pedal_activations(view, features.grid).unwrap();
        assert!(without.is_none());
    }

    #[test]
    fn short_recordings_and_files_without_pedals_work() {
        let transcriber = HighResolutionTranscriber::new(small(false)).unwrap();
        for samples in [0, 1, 159, 160, 16_000] {
            let said = transcriber.activations(&noise(samples), |_| true).unwrap().unwrap();
            assert_eq!(said.notes.onset.nrows(), samples / 160 + 1);
            assert!(said.pedal.is_none());
            assert!(transcriber.decode(&said).unwrap().pedal.is_empty());
        }
    }

    #[test]
    fn a_file_gives_the_same_network() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hpt.safetensors");
        let model = small(true);
        model.save(&path, Storage::F32).unwrap();
        assert_eq!(weights::format_of(&path).unwrap(), HighResolutionMeta::FORMAT);
        let opened = HighResolutionModel::open(&path, Device::Cpu).unwrap();
        assert_eq!(opened.meta(), model.meta());
        for ((name, a), (_, b)) in model.tensors().iter().zip(&opened.tensors()) {
            assert_eq!(a, b, "{name}");
        }
        // Under the names of the published program.
        let mut again = small(true);
        let maps = ["note_model.", "pedal_model."]
            .map(|prefix| NameMap { prefix: prefix.to_owned(), ..NameMap::of_bytedance_notes() });
        let reports = again.import(&path, &maps[0], &maps[1]).unwrap();
        assert!(reports.iter().all(ImportReport::is_exact));
        let error = crate::infer::TranscriptionModel::open(&path, Device::Cpu).unwrap_err();
        assert!(error.to_string().contains("high-resolution"), "{error}");
    }
}
