//! The folder of a run: configuration, metrics, events, checkpoints, results.
//!
//! | entry | what it holds |
//! |---|---|
//! | `config.toml` | the resolved configuration |
//! | `run.json` | command line, seed, versions, device, data fingerprint, times, how it ended |
//! | `metrics.jsonl` | every logged number: time, step, name, value |
//! | `events.out.tfevents.*` | the same for TensorBoard, with pictures |
//! | `checkpoints/` | see [`crate::train`] |
//! | `model.safetensors`, `results.json`, `test/` | at the end |

mod events;
mod folder;
mod sinks;

pub use events::{EventWriter, HParam, masked_crc32c};
pub use folder::{Existing, RunFolder, RunInfo};
pub use sinks::{ConsoleSink, CsvSink, Sink};
