//! Can the chain learn at all? Ten crops of synthesised piano, learned until they come out again.

use mir_core::{
    KeyRange, Note, PianoRoll, RollRule, SampleRate,
    batch::{Batch, BatchPosition, TranscriptionTargets, Window},
};
use mir_datasets::{
    Dataset, LoadOptions, Split,
    mini::{Mini, MiniConfig},
};
use mir_eval::transcription::{self, TranscriptionConfig};
use mir_features::{FeatureMap, FrontEndConfig, LogMel, LogMelConfig};
use mir_models::{
    Device,
    config::{Clip, LossConfig, OnsetsFramesConfig, TrainConfig},
    decode::{NoteDecoderConfig, decode},
    schedule::Schedule,
    train::Trainer,
};
use ndarray::{Array4, s};

const PIECES: usize = 10;
/// Frames of a crop: 4.1 s.
const FRAMES: usize = 128;
const STEPS: u64 = 320;

/// The beginning of a piece.
struct Crop {
    features: FeatureMap,
    notes: Vec<Note>,
}

fn crops() -> Vec<Crop> {
    let mini = Mini::new(MiniConfig::default()).unwrap();
    let front_end = LogMel::new(LogMelConfig::jongwook()).unwrap();
    let rate = SampleRate::HZ_16000;
    let options = LoadOptions { sample_rate: Some(rate), mono: true, ..LoadOptions::default() };
    let tracks = mini.split(Split::Train).unwrap();
    let crop = |track: &std::sync::Arc<dyn mir_datasets::Track>| {
        let audio = track.audio(&options).unwrap();
        let audio = audio.excerpt(0..audio.len().min(512 * FRAMES));
        let features = front_end.process(&audio).unwrap();
        let end = features.grid.time_of(FRAMES - 4);
        let mut notes = track.notes().unwrap();
        notes.retain(|note| note.onset() < end);
        Crop { features, notes }
    };
    tracks.iter().step_by(tracks.len() / PIECES).take(PIECES).map(crop).collect()
}

/// All crops as one batch.
fn batch(crops: &[Crop]) -> Batch<Array4<f32>, TranscriptionTargets> {
    let mut inputs = Array4::from_elem((PIECES, 1, FRAMES, 229), 1e-5f32.ln());
    let mut targets = TranscriptionTargets::zeros(PIECES, FRAMES, 88, false);
    targets.mask.fill(1.0);
    for (item, Crop { features, notes }) in crops.iter().enumerate() {
        let data = features.data.slice(s![0, ..FRAMES.min(features.data.dim().1), ..]);
        inputs.slice_mut(s![item, 0, ..data.nrows(), ..]).assign(&data);
        let (drawn, _) =
            PianoRoll::window(notes, features.grid, KeyRange::PIANO, 0..FRAMES, RollRule::Round);
        targets.onset.slice_mut(s![item, .., ..]).assign(&drawn.onset);
        targets.offset.slice_mut(s![item, .., ..]).assign(&drawn.offset);
        targets.frame.slice_mut(s![item, .., ..]).assign(&drawn.frame);
        targets.velocity.slice_mut(s![item, .., ..]).assign(&drawn.velocity);
    }
    let window = |track| Window { track, start: 0, frames: FRAMES };
    Batch { inputs, targets, windows: (0..PIECES).map(window).collect() }
}

#[test]
fn ten_pieces_are_learned_by_heart() {
    let crops = crops();
    let batch = batch(&crops);
    let architecture = OnsetsFramesConfig { fc_dropout: 0.0, ..OnsetsFramesConfig::small() };
    let config = TrainConfig {
        steps: STEPS,
        schedule: Schedule::OneCycle { peak: 4e-3, warmup: 0.2 },
        loss: LossConfig::quick(),
        clip: Clip::GlobalNorm(3.0),
        ema_decay: 0.0,
        ..TrainConfig::default()
    };
    let front_end = FrontEndConfig::LogMel(LogMelConfig::jongwook());
    let mut trainer = Trainer::new(architecture, front_end, config, Device::Cpu).unwrap();
    for epoch in 0..STEPS {
        trainer.step(&batch, BatchPosition { epoch: epoch + 1, batch: 0 }).unwrap();
    }
    let model = trainer.snapshot().unwrap();
    let mut sum = 0.0;
    for Crop { features, notes } in &crops {
        let said = model.activations(features.data.slice(s![0, .., ..]), features.grid).unwrap();
        let found = decode(&said, &NoteDecoderConfig::default()).unwrap();
        let scores =
            transcription::evaluate(notes, &found, &TranscriptionConfig::default()).unwrap();
        sum += scores.note.f1;
    }
    let mean = sum / PIECES as f64;
    assert!(mean >= 0.95, "note F1 {mean:.3}");
}
