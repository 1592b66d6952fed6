//! `convert-checkpoint`: weights of the original programs as ours.

use mir_core::RollRule;
use mir_features::{FrontEndConfig, LogMelConfig};
use mir_models::{
    Device,
    config::{HighResolutionConfig, OnsetsFramesConfig},
    decode::NoteDecoderConfig,
    infer::{HighResolutionMeta, HighResolutionModel, TranscriptionModel},
    weights::{Fit, ModelMeta, NameMap, Storage, tensors_of},
};

use crate::{
    args::ConvertArgs,
    common::{
        CommonArgs,
        failure::{Failure, Outcome},
    },
    model::ModelName,
};

/// The verb `convert-checkpoint`.
///
/// # Errors
/// A data failure if the file is damaged or of another network.
pub fn convert(common: &CommonArgs, args: &ConvertArgs) -> Outcome<()> {
    let tensors = tensors_of(&args.input)?;
    if args.model == ModelName::Hpt {
        return high_resolution(common, args, &tensors);
    }
    // How many rows the first tensor has whose name ends so.
    let rows = |ending: &str| {
        let found = tensors.iter().find(|(name, _)| name.ends_with(ending));
        found.and_then(|(_, shape)| shape.first().copied())
    };
    let channels = rows(".cnn.0.weight");
    let units = rows(".fc.0.weight");
    let (architecture, mut map, front_end) = match (args.model, args.model.course()) {
        (_, Some(course)) => {
            let (channels, units) = (channels.unwrap_or(48), units.unwrap_or(256));
            let config = OnsetsFramesConfig::course(course, channels, units);
            (config, NameMap::of_course(course), LogMelConfig::hw3())
        }
        (ModelName::Jongwook, _) => {
            let config = OnsetsFramesConfig::jongwook(channels.unwrap_or(48));
            (config, NameMap::of_jongwook(), LogMelConfig::jongwook())
        }
        (other, _) => {
            let message = format!("no program writes checkpoints of '{}'", other.text());
            return Err(Failure::usage(format!(
                "{message}; name cnn, rnn, crnn, onf, jongwook or hpt"
            )));
        }
    };
    // A file may hold the weights alone, without the dictionary around them.
    if !tensors.iter().any(|(name, _)| name.starts_with(&map.prefix)) {
        map.prefix.clear();
    }
    let mut meta = ModelMeta::new(architecture, FrontEndConfig::LogMel(front_end));
    // The course rounds its labels down, jongwook to the nearest row.
    let labels = if args.model.course().is_some() { RollRule::Floor } else { RollRule::Round };
    meta.decoder.row_shift = NoteDecoderConfig::row_shift_of(labels);
    let mut model = TranscriptionModel::new(meta, Device::Cpu)?;
    let report = model.import(&args.input, &map, Fit::Strict)?;
    model.meta_mut().training_data = format!("converted from {}", args.input.display());
    model.save(&args.out, if args.half { Storage::F16 } else { Storage::F32 })?;
    say(common, args, report.loaded.len(), model.parameters());
    Ok(())
}

/// Notes and pedal of bytedance/piano_transcription.
fn high_resolution(
    common: &CommonArgs,
    args: &ConvertArgs,
    tensors: &[(String, Vec<usize>)],
) -> Outcome<()> {
    let mut maps = [NameMap::of_bytedance_notes(), NameMap::of_bytedance_pedals()];
    // A file may hold the weights alone, without the dictionary around them.
    if !tensors.iter().any(|(name, _)| name.starts_with("model.")) {
        for map in &mut maps {
            map.prefix = map.prefix.trim_start_matches("model.").to_owned();
        }
    }
    let [notes, pedals] = &maps;
    // The sizes of the network for notes, those of the published one where the file does not say.
    let rows = |name: &str| {
        let name = format!("{}{name}", notes.prefix);
        tensors.iter().find(|(n, _)| *n == name).and_then(|(_, shape)| shape.first().copied())
    };
    let published = HighResolutionConfig::default();
    let channels = |block: usize| {
        rows(&format!("frame_model.conv_block{}.conv1.weight", block + 1))
            .unwrap_or(published.conv_channels[block])
    };
    let architecture = HighResolutionConfig {
        conv_channels: std::array::from_fn(channels),
        fc_units: rows("frame_model.fc5.weight").unwrap_or(published.fc_units),
        gru_units: rows("frame_gru.weight_hh_l0").map_or(published.gru_units, |rows| rows / 3),
        ..published
    };
    let mut meta = HighResolutionMeta::new(architecture);
    meta.pedals = tensors.iter().any(|(name, _)| name.starts_with(&pedals.prefix));
    meta.training_data = format!("converted from {}", args.input.display());
    let mut model = HighResolutionModel::new(meta, Device::Cpu)?;
    let reports = model.import(&args.input, notes, pedals)?;
    model.save(&args.out, if args.half { Storage::F16 } else { Storage::F32 })?;
    say(common, args, reports.iter().map(|r| r.loaded.len()).sum(), model.parameters());
    Ok(())
}

fn say(common: &CommonArgs, args: &ConvertArgs, tensors: usize, parameters: usize) {
    if !common.quiet {
        println!("{}: {tensors} tensors, {parameters} parameters", args.out.display());
    }
}
