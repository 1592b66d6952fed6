//! What is tried before a training and looked at after one that failed: `--dry-run`, `find-lr`,
//! `find-batch-size`, `replay`.

use std::fs;

use mir_core::batch::BatchSource;
use mir_datasets::{BatchLoader, Split};
use mir_eval::plots::{CurvesPlot, Series, curves};
use mir_models::{
    DeviceChoice,
    arch::{HighResolutionNotes, HighResolutionPedals, OnsetsFrames},
    train::{
        BatchProbes, RateCurve, RateTestConfig, Trainer, dry_run as rehearse, find_batch_size,
        find_rate, replay as repeat,
    },
};

use crate::{
    args::{BatchSizeArgs, DataArgs, RateArgs, ReplayArgs, SettingsArgs},
    common::{
        CommonArgs,
        failure::{Failure, Outcome},
        ranks::Ranks,
        signals::Stop,
    },
    data,
    experiment::{Experiment, Kind},
    validation::Trainee,
};

/// `train --dry-run`: the first recording through the whole of a step; nothing is written.
///
/// # Errors
/// Any failure that the training would meet with them.
pub fn dry_run(common: &CommonArgs, args: &DataArgs, experiment: &Experiment) -> Outcome<()> {
    let data = data::learned(args, experiment)?;
    for split in [Split::Train, Split::Validation, Split::Test] {
        println!("{split}: {} recordings", data.split(split)?.len());
    }
    let mut source =
        BatchLoader::new(data::first(data.as_ref(), experiment)?, experiment.loader.clone())?;
    let found = match experiment.trained() {
        Kind::OnsetsFrames => rehearse(trainer::<OnsetsFrames>(common, experiment)?, &mut source),
        Kind::Notes => rehearse(trainer::<HighResolutionNotes>(common, experiment)?, &mut source),
        Kind::Pedal => rehearse(trainer::<HighResolutionPedals>(common, experiment)?, &mut source),
    }?;
    let [examples, frames, bins] = found.shape;
    println!("batch: {examples} windows of {frames} frames and {bins} bins");
    println!("network: {} parameters", found.parameters);
    for (name, value) in &found.parts {
        println!("loss/{name}: {value:.6}");
    }
    println!("loss: {:.6}, gradient norm {:.4}", found.loss, found.gradient_norm);
    for name in &found.idle {
        println!("{name} is not reached by the loss");
    }
    println!(
        "first learning rate: {:.3e}",
        experiment.train.schedule.rate(0, experiment.train.steps)
    );
    println!("nothing was written");
    Ok(())
}

/// The verb `find-lr`.
///
/// # Errors
/// Any failure of configuration, data, training or output.
pub fn find_lr(common: &CommonArgs, args: &RateArgs, stop: &Stop) -> Outcome<()> {
    let experiment = resolve(common, &args.settings)?;
    let config = RateTestConfig {
        lowest: args.lowest,
        highest: args.highest,
        steps: args.steps,
        ..RateTestConfig::default()
    };
    config.validate()?;
    let data = data::learned(&args.settings.data, &experiment)?;
    let store = data::features(
        data.as_ref(),
        Split::Train,
        &experiment,
        &args.settings.data,
        &Ranks::alone(),
        common.quiet,
        stop,
    )?;
    let mut source = BatchLoader::new(store, experiment.loader.clone())?;
    let (test, flag) = (&config, &stop.flag);
    let curve = match experiment.trained() {
        Kind::OnsetsFrames => {
            find_rate(trainer::<OnsetsFrames>(common, &experiment)?, &mut source, test, flag)
        }
        Kind::Notes => {
            find_rate(trainer::<HighResolutionNotes>(common, &experiment)?, &mut source, test, flag)
        }
        Kind::Pedal => {
            let trainer = trainer::<HighResolutionPedals>(common, &experiment)?;
            find_rate(trainer, &mut source, test, flag)
        }
    }?;
    if stop.raised() {
        return Err(Failure::interrupted("stopped before the end of the test", stop.signal()));
    }
    if let Some(folder) = &args.out {
        fs::create_dir_all(folder)?;
        mir_core::publish::write(folder.join("rates.csv"), curve.to_csv().as_bytes())?;
        draw(&curve)?.write(folder.join("rates.png"))?;
    }
    let rate = curve.suggestion();
    write_json(common, &serde_json::json!({ "suggestion": rate, "curve": &curve }))?;
    match rate {
        Some(rate) => println!("suggested learning rate {rate:.2e}"),
        None => println!("the loss falls at none of these rates"),
    }
    Ok(())
}

fn draw(curve: &RateCurve) -> Outcome<mir_eval::plots::Figure> {
    let series = |name: &str, value: &dyn Fn(usize) -> f64| Series {
        name: name.to_owned(),
        points: (0..curve.points.len()).map(|i| (curve.points[i].rate.log10(), value(i))).collect(),
    };
    let lines = [
        series("loss", &|i| curve.points[i].loss),
        series("averaged", &|i| curve.points[i].smoothed),
    ];
    let plot = CurvesPlot {
        title: "Learning-rate range test".to_owned(),
        x_label: "log10 of the learning rate".to_owned(),
        y_label: "loss".to_owned(),
        ..CurvesPlot::default()
    };
    Ok(curves(&lines, &plot)?)
}

/// The verb `find-batch-size`.
///
/// # Errors
/// Any failure of configuration, data or training.
pub fn batch_size(common: &CommonArgs, args: &BatchSizeArgs) -> Outcome<()> {
    let experiment = resolve(common, &args.settings)?;
    let data = data::learned(&args.settings.data, &experiment)?;
    let store = data::first(data.as_ref(), &experiment)?;
    let example = BatchLoader::new(store, experiment.loader.clone())?.next_batch()?;
    let most = args.most;
    let probes = match experiment.trained() {
        Kind::OnsetsFrames => {
            find_batch_size(trainer::<OnsetsFrames>(common, &experiment)?, &example, most)
        }
        Kind::Notes => {
            find_batch_size(trainer::<HighResolutionNotes>(common, &experiment)?, &example, most)
        }
        Kind::Pedal => {
            find_batch_size(trainer::<HighResolutionPedals>(common, &experiment)?, &example, most)
        }
    }?;
    write_json(common, &probes)?;
    let BatchProbes { fitting, too_large } = probes;
    println!("{:>8} {:>10} {:>12}", "examples", "step (s)", "examples/s");
    for probe in fitting {
        let seconds = probe.step.as_secs_f64();
        let rate = probe.examples as f64 / seconds.max(1e-9);
        println!("{:>8} {seconds:>10.3} {rate:>12.1}", probe.examples);
    }
    if let Some(examples) = too_large {
        println!("{examples:>8} does not fit");
    }
    Ok(())
}

/// The verb `replay`.
///
/// # Errors
/// If the folder is no incident, or the step fails in another way than before.
pub fn replay(common: &CommonArgs, args: &ReplayArgs) -> Outcome<()> {
    let device = common.device.parse::<DeviceChoice>()?.resolve()?;
    let found = repeat(&args.incident, device)?;
    println!("step {}: {} was not finite", found.incident.step, found.incident.what);
    println!("{:<36} {:>9} {:>11} {:>11} {:>11}", "output", "bad", "min", "max", "deviation");
    for output in &found.layers {
        let s = &output.statistics;
        println!(
            "{:<36} {:>9} {:>11.3e} {:>11.3e} {:>11.3e}",
            output.layer, s.not_finite, s.min, s.max, s.deviation
        );
    }
    match (found.first(), found.failed, found.loss) {
        (Some(place), ..) => println!("the first value that is no number is in {place}"),
        (None, Some(what), _) => println!("{what} is not finite again, every output is"),
        (None, None, loss) => println!("this time it could be done, loss {}", loss.unwrap_or(0.0)),
    }
    Ok(())
}

fn resolve(common: &CommonArgs, settings: &SettingsArgs) -> Outcome<Experiment> {
    Experiment::resolve(settings.preset(), &settings.model, common, None)
}

fn trainer<N: Trainee>(common: &CommonArgs, experiment: &Experiment) -> Outcome<Trainer<N>> {
    Ok(Trainer::of(
        N::architecture(experiment),
        experiment.front_end.clone(),
        experiment.train.clone(),
        common.device.parse::<DeviceChoice>()?.resolve()?,
    )?)
}

fn write_json(common: &CommonArgs, value: &impl serde::Serialize) -> Outcome<()> {
    let Some(path) = &common.json else {
        return Ok(());
    };
    let json = serde_json::to_vec_pretty(value).map_err(|e| Failure::data(e.to_string()))?;
    Ok(mir_core::publish::write(path, &json)?)
}
