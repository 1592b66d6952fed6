//! `convert-checkpoint`: weights of the original programs as ours.

use mir_core::RollRule;
use mir_features::{FrontEndConfig, LogMelConfig};
use mir_models::{
    config::OnsetsFramesConfig,
    decode::NoteDecoderConfig,
    infer::TranscriptionModel,
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
            return Err(Failure::usage(format!("{message}; name cnn, rnn, crnn, onf or jongwook")));
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
    let mut model = TranscriptionModel::new(meta, mir_models::Device::Cpu)?;
    let report = model.import(&args.input, &map, Fit::Strict)?;
    model.meta_mut().training_data = format!("converted from {}", args.input.display());
    model.save(&args.out, if args.half { Storage::F16 } else { Storage::F32 })?;
    if !common.quiet {
        println!(
            "{}: {} tensors, {} parameters",
            args.out.display(),
            report.loaded.len(),
            model.parameters()
        );
    }
    Ok(())
}
