//! `compare`: which network learns faster?

use std::{collections::BTreeMap, fs, path::Path};

use mir_eval::plots::{CurvesPlot, LineStyle, Series, curves};
use serde::Serialize;
use serde_json::Value;

use crate::{
    args::{CompareArgs, SettingsArgs, TrainArgs},
    common::{
        CommonArgs,
        failure::{Failure, Outcome},
        ranks::Ranks,
        signals::Stop,
    },
    course,
    model::{ModelArgs, ModelName, SizeArgs},
    train,
};

/// What is drawn: file name, metric, axis.
const CURVES: [(&str, &str, &str); 3] = [
    ("note_f1", "metric/note/f1", "note F1"),
    ("note_with_offset_f1", "metric/note-with-offsets/f1", "note F1 with offset"),
    ("frame_f1", "metric/frame/frame_f1", "frame F1"),
];

/// Steps between the validations of the course's logs.
const LOGGED_EVERY: f64 = 1000.0;

/// A network and its scores on the test split.
#[derive(Debug, Serialize)]
struct Row {
    model: String,
    note_f1: f64,
    note_with_offset_f1: f64,
    frame_f1: f64,
    seconds: f64,
}

/// The verb `compare`.
///
/// # Errors
/// Those of `train`; a data failure for logs that are not there.
pub fn compare(common: &CommonArgs, args: &CompareArgs, stop: &Stop) -> Outcome<()> {
    // Before hours of training.
    let logs = args.reference_logs.as_deref().map(reference_logs).transpose()?;
    let mut rows = Vec::new();
    let mut series: BTreeMap<&str, Vec<Series>> = BTreeMap::new();
    for &model in &args.models {
        let name = model.text();
        let run = args.out.join(&name);
        let sizes = if model.course().is_some() { args.sizes.clone() } else { SizeArgs::default() };
        let network = ModelArgs { model: Some(model), sizes, ..ModelArgs::default() };
        let training = TrainArgs {
            settings: SettingsArgs {
                data: args.data.clone(),
                preset: Some(args.preset),
                model: network,
            },
            out: Some(run.clone()),
            resume: None,
            init: None,
            force: args.force,
            dry_run: false,
            dry_run_schedule: false,
            steps: args.steps,
        };
        if !common.quiet {
            println!("{name}:");
        }
        let quiet_table = CommonArgs { json: None, ..common.clone() };
        let Some(summary) = train::run(&quiet_table, &training, &Ranks::alone(), stop)? else {
            return Ok(());
        };
        let metrics = read(&run.join("metrics.jsonl"))?;
        for (_, metric, _) in CURVES {
            let points = points_of(&metrics, metric);
            series.entry(metric).or_default().push(Series { name: name.clone(), points });
        }
        rows.push(Row {
            model: name,
            note_f1: summary.note_f1,
            note_with_offset_f1: summary.note_with_offset_f1,
            frame_f1: summary.frame_f1,
            seconds: summary.seconds,
        });
    }
    for (file, metric, label) in CURVES {
        let mut lines = series.remove(metric).unwrap_or_default();
        let solid = |color| LineStyle { color, dashed: false };
        let mut styles: Vec<_> = (0..lines.len()).map(solid).collect();
        for (name, text) in logs.iter().flatten() {
            // The log of a network has its colour.
            let trained = args.models.iter().position(|model| model.text() == *name);
            styles.push(LineStyle { color: trained.unwrap_or(lines.len()), dashed: true });
            let points = course::values_of_log(text, metric);
            let points =
                points.iter().enumerate().map(|(i, &y)| (LOGGED_EVERY * (i + 1) as f64, y));
            lines.push(Series { name: format!("{name}, log"), points: points.collect() });
        }
        let plot = CurvesPlot {
            title: format!("{label} on validation data"),
            x_label: "steps".to_owned(),
            y_label: label.to_owned(),
            y_range: Some((0.0, 1.0)),
            styles,
            ..CurvesPlot::default()
        };
        let figure = curves(&lines, &plot)?;
        figure.write(args.out.join(format!("{file}.svg")))?;
        figure.write(args.out.join(format!("{file}.png")))?;
    }
    finish(&rows, common, &args.out)
}

/// The logs of the course by network.
fn reference_logs(folder: &Path) -> Outcome<Vec<(String, String)>> {
    let names = [
        (ModelName::Cnn, "baseline_log.txt"),
        (ModelName::Rnn, "rnn_log.txt"),
        (ModelName::Crnn, "crnn_log.txt"),
        (ModelName::Onf, "onf_log.txt"),
    ];
    let logs: Vec<(String, String)> = names
        .into_iter()
        .filter_map(|(model, file)| {
            Some((model.text(), fs::read_to_string(folder.join(file)).ok()?))
        })
        .collect();
    if logs.is_empty() {
        return Err(Failure::data(format!(
            "{} holds none of baseline_log.txt, rnn_log.txt, crnn_log.txt, onf_log.txt",
            folder.display()
        )));
    }
    Ok(logs)
}

/// The text of a file.
///
/// # Errors
/// A data failure that names it.
pub fn read(path: &Path) -> Outcome<String> {
    fs::read_to_string(path)
        .map_err(|error| Failure::data(format!("cannot read {}: {error}", path.display())))
}

/// Step and value of a metric in lines of JSON.
pub fn points_of(lines: &str, metric: &str) -> Vec<(f64, f64)> {
    lines
        .lines()
        .filter_map(|line| {
            let line: Value = serde_json::from_str(line).ok()?;
            (line["name"] == metric).then_some(())?;
            Some((line["step"].as_f64()?, line["value"].as_f64()?))
        })
        .collect()
}

/// The table, printed and written.
fn finish(rows: &[Row], common: &CommonArgs, out: &Path) -> Outcome<()> {
    if !common.quiet {
        println!(
            "{:<14}{:>9}{:>13}{:>10}{:>10}",
            "model", "note F1", "with offset", "frame F1", "seconds"
        );
        for r in rows {
            println!(
                "{:<14}{:>9.3}{:>13.3}{:>10.3}{:>10.0}",
                r.model, r.note_f1, r.note_with_offset_f1, r.frame_f1, r.seconds
            );
        }
        println!("curves in {}", out.display());
    }
    let json = serde_json::to_string_pretty(rows).map_err(|e| Failure::data(e.to_string()))?;
    mir_core::publish::write(out.join("compare.json"), format!("{json}\n").as_bytes())?;
    if let Some(path) = &common.json {
        mir_core::publish::write(path, format!("{json}\n").as_bytes())?;
    }
    Ok(())
}
