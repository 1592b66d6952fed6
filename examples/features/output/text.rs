//! Arrays as text.

use std::fmt::Write as _;

use mir_features::BinAxis;
use serde_json::{Value, json};

use crate::{
    common::failure::{Failure, Outcome},
    result::{Data, Output, Part},
};

/// One line for each frame of each channel: channel, time, values. A list has one value a line.
///
/// # Errors
/// A usage failure for complex values.
pub fn csv(part: &Part) -> Outcome<String> {
    let mut text = String::new();
    match &part.data {
        Data::Map(map) => {
            let heads: Vec<String> = (0..map.bins()).map(|bin| head(&map.axis, bin)).collect();
            let _ = writeln!(text, "channel,time,{}", heads.join(","));
            for (channel, frames) in map.data.outer_iter().enumerate() {
                for (frame, values) in frames.outer_iter().enumerate() {
                    let _ = write!(text, "{channel},{:.6}", map.grid.time_of(frame));
                    for value in values {
                        let _ = write!(text, ",{value}");
                    }
                    text.push('\n');
                }
            }
        }
        Data::List { values, unit } => {
            let _ = writeln!(text, "{} ({unit})", part.name);
            for value in values {
                let _ = writeln!(text, "{value}");
            }
        }
        Data::Complex(_) => {
            let text = "complex values cannot be written as CSV; take .npy, .npz or .h5";
            return Err(Failure::usage(text));
        }
    }
    Ok(text)
}

/// What stands above the column of a bin.
fn head(axis: &BinAxis, bin: usize) -> String {
    match (axis, axis.hz(bin)) {
        (_, Some(hz)) => format!("{hz:.3} Hz"),
        (BinAxis::Values { name, bins: 1 }, _) => name.clone(),
        (BinAxis::Values { name, .. }, _) => format!("{name} {bin}"),
        (BinAxis::Tempo { bpm }, _) => format!("{:.3} bpm", bpm[bin]),
        _ => format!("class {bin}"),
    }
}

/// All arrays as nested lists; complex ones as pairs, values that are not finite as `null`.
///
/// # Errors
/// None that data can cause.
pub fn json(output: &Output) -> Outcome<String> {
    let parts: Vec<Value> = output.parts.iter().map(part_json).collect();
    serde_json::to_string(&json!({ "arrays": parts })).map_err(|e| Failure::data(e.to_string()))
}

fn part_json(part: &Part) -> Value {
    let nested = |array: &dyn Fn(usize, usize, usize) -> Value,
                  (c, n, b): (usize, usize, usize)| {
        let frame =
            |channel, frame| (0..b).map(|bin| array(channel, frame, bin)).collect::<Value>();
        (0..c)
            .map(|channel| (0..n).map(|n| frame(channel, n)).collect::<Value>())
            .collect::<Value>()
    };
    let data = match &part.data {
        Data::Map(map) => nested(&|c, n, b| json!(map.data[(c, n, b)]), map.data.dim()),
        Data::Complex(x) => {
            nested(&|c, n, b| json!([x.data[(c, n, b)].re, x.data[(c, n, b)].im]), x.data.dim())
        }
        Data::List { values, unit } => {
            return json!({ "name": part.name, "unit": unit, "data": values });
        }
    };
    json!({
        "name": part.name,
        "shape": part.shape(),
        "times": part.times(),
        "frequencies": part.frequencies(),
        "axis": part.axis(),
        "data": data,
    })
}
