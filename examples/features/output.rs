//! Writes the arrays of a feature in the format that was asked for.

mod picture;
mod text;

use std::path::Path;

use mir_core::publish;
use mir_datasets::arrays::{self, Array};
use ndarray::ArrayView1;

use crate::{
    common::failure::{Failure, Outcome},
    result::{Data, Output, Part},
};

/// What can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Npy,
    Npz,
    Hdf5,
    Csv,
    Json,
    Picture(&'static str),
}

impl Format {
    /// The format that `--to` names, or the extension of the output, or NPY.
    ///
    /// # Errors
    /// A usage failure for a name that is no format, or one that was not built in.
    pub fn choose(name: Option<&str>, out: &Path) -> Outcome<Self> {
        let extension = out.extension().map(|e| e.to_string_lossy().to_lowercase());
        let name = name.map(str::to_lowercase).or(extension).unwrap_or_else(|| "npy".to_owned());
        Ok(match name.as_str() {
            "npy" => Self::Npy,
            "npz" => Self::Npz,
            "h5" | "hdf5" if cfg!(feature = "hdf5") => Self::Hdf5,
            "h5" | "hdf5" => {
                let text = "this program was built without HDF5; add --features hdf5, or take npz";
                return Err(Failure::usage(text));
            }
            "csv" => Self::Csv,
            "json" => Self::Json,
            "png" => Self::Picture("png"),
            "svg" => Self::Picture("svg"),
            _ => {
                let known = "npy, npz, h5, csv, json, png, svg";
                let text = format!("'{name}' is no output format; known are {known}");
                return Err(Failure::usage(text));
            }
        })
    }

    /// The extension of its files.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Npy => "npy",
            Self::Npz => "npz",
            Self::Hdf5 => "h5",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Picture(extension) => extension,
        }
    }
}

/// Writes a file; it appears complete or not at all.
///
/// # Errors
/// A data failure if it cannot be written, a usage failure for values that the format cannot hold.
pub fn write(path: &Path, format: Format, output: &Output) -> Outcome<()> {
    let [first, ..] = output.parts.as_slice() else {
        return Err(Failure::data("the recording has no channels"));
    };
    match format {
        Format::Npy => arrays::write_npy(path, &values(first))?,
        Format::Npz => write_named(path, output, |path, all| Ok(arrays::write_npz(path, all)?))?,
        Format::Hdf5 => hdf5(path, output)?,
        Format::Csv => publish::write(path, text::csv(first)?.as_bytes())?,
        Format::Json => publish::write(path, text::json(output)?.as_bytes())?,
        Format::Picture(_) => picture::draw(path, first)?.write(path)?,
    }
    Ok(())
}

fn values(part: &Part) -> Array<'_> {
    match &part.data {
        Data::Map(map) => Array::from(&map.data),
        Data::Complex(spectrum) => Array::from(&spectrum.data),
        Data::List { values, .. } => Array::F64(ArrayView1::from(values).into_dyn()),
    }
}

/// All arrays by their names, with the times and frequencies of the first.
fn write_named(path: &Path, output: &Output, to: Writer) -> Outcome<()> {
    let mut all: Vec<_> = output.parts.iter().map(|p| (p.name.as_str(), values(p))).collect();
    let first = output.parts.first().filter(|part| part.axis().is_some());
    let times = first.map(Part::times);
    let frequencies = first.and_then(Part::frequencies);
    for (name, values) in [("times", &times), ("frequencies", &frequencies)] {
        let view = values.as_ref().map(|v| Array::F64(ArrayView1::from(v).into_dyn()));
        all.extend(view.map(|view| (name, view)));
    }
    to(path, &all)
}

/// What writes named arrays.
type Writer = fn(&Path, &[(&str, Array<'_>)]) -> Outcome<()>;

#[cfg(feature = "hdf5")]
fn hdf5(path: &Path, output: &Output) -> Outcome<()> {
    write_named(path, output, |path, all| Ok(arrays::write_hdf5(path, all, &[])?))
}

#[cfg(not(feature = "hdf5"))]
fn hdf5(_: &Path, _: &Output) -> Outcome<()> {
    Err(Failure::usage("this program was built without HDF5"))
}
