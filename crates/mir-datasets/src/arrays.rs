//! How do arrays get to Python and other programs?
//!
//! | file | in Python |
//! |---|---|
//! | [`write_npy`]: one array | `x = numpy.load(path)` |
//! | [`write_npz`]: named arrays | `x = numpy.load(path)["log_mel"]` |
//! | `write_hdf5`: named arrays and texts (feature `hdf5`) | `x = h5py.File(path)["log_mel"][:]` |
//!
//! Nothing is compressed. Arrays are in C order, little-endian; files appear complete or not at all.
//!
//! # Example
//! ```
//! use mir_datasets::arrays::{Array, write_npy};
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("beats.npy");
//! write_npy(&path, &Array::from(&ndarray::arr1(&[0.0, 0.5, 1.0])))?;
//! assert_eq!(path.metadata()?.len(), 128 + 3 * 8);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::{
    io::{self, BufWriter, Seek, Write},
    path::Path,
};

use mir_core::publish::AtomicFile;
use mir_features::Complex;
use ndarray::{ArrayRef, ArrayViewD, Dimension};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use crate::{Error, Result};

/// An array of any number of axes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Array<'a> {
    /// Single precision.
    F32(ArrayViewD<'a, f32>),
    /// Double precision.
    F64(ArrayViewD<'a, f64>),
    /// Complex numbers in single precision.
    Complex(ArrayViewD<'a, Complex<f32>>),
}

macro_rules! from_array {
    ($($variant:ident: $element:ty),*) => {$(
        impl<'a, D: Dimension> From<&'a ArrayRef<$element, D>> for Array<'a> {
            fn from(array: &'a ArrayRef<$element, D>) -> Self {
                Self::$variant(array.view().into_dyn())
            }
        }

        impl<'a, D: Dimension> From<&'a ndarray::Array<$element, D>> for Array<'a> {
            fn from(array: &'a ndarray::Array<$element, D>) -> Self {
                Self::$variant(array.view().into_dyn())
            }
        }
    )*};
}
from_array!(F32: f32, F64: f64, Complex: Complex<f32>);

impl Array<'_> {
    /// In the NPY format, version 1.0.
    fn write_to(&self, mut out: impl Write) -> io::Result<()> {
        let (kind, shape) = match self {
            Self::F32(array) => ("<f4", array.shape()),
            Self::F64(array) => ("<f8", array.shape()),
            Self::Complex(array) => ("<c8", array.shape()),
        };
        // A tuple of one has a comma in Python.
        let shape: String = shape.iter().map(|length| format!("{length}, ")).collect();
        let shape = if shape.matches(',').count() > 1 {
            shape.trim_end_matches(", ")
        } else {
            shape.trim()
        };
        let text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}");
        // The values begin at a multiple of 64 bytes, after the line break that ends the header.
        let length = (10 + text.len() + 1).next_multiple_of(64) - 10;
        let length16 = u16::try_from(length).map_err(io::Error::other)?;
        out.write_all(b"\x93NUMPY\x01\x00")?;
        out.write_all(&length16.to_le_bytes())?;
        writeln!(out, "{text:<0$}", length - 1)?;
        match self {
            Self::F32(array) => array.iter().try_for_each(|x| out.write_all(&x.to_le_bytes())),
            Self::F64(array) => array.iter().try_for_each(|x| out.write_all(&x.to_le_bytes())),
            Self::Complex(array) => array.iter().try_for_each(|x| {
                out.write_all(&x.re.to_le_bytes())?;
                out.write_all(&x.im.to_le_bytes())
            }),
        }
    }
}

/// Writes an array as NPY (numpy's `save`).
///
/// # Errors
/// [`Error::Core`] if the file cannot be written.
pub fn write_npy(path: impl AsRef<Path>, array: &Array<'_>) -> Result<()> {
    let mut bytes = Vec::new();
    array.write_to(&mut bytes).map_err(write_error(path.as_ref()))?;
    Ok(mir_core::publish::write(path, &bytes)?)
}

/// Writes named arrays as NPZ (numpy's `savez`).
///
/// # Errors
/// [`Error::Core`] if the file cannot be written, or two arrays have one name.
///
/// ```
/// use mir_datasets::arrays::{Array, write_npz};
/// let folder = tempfile::tempdir()?;
/// let (times, levels) = (ndarray::arr1(&[0.0, 0.5]), ndarray::arr2(&[[1.0f32, 2.0], [3.0, 4.0]]));
/// let arrays = [("times", Array::from(&times)), ("levels", Array::from(&levels))];
/// write_npz(folder.path().join("levels.npz"), &arrays)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_npz(path: impl AsRef<Path>, arrays: &[(&str, Array<'_>)]) -> Result<()> {
    let path = path.as_ref();
    let mut target = AtomicFile::create(path)?;
    archive(&mut target, arrays).map_err(write_error(path))?;
    Ok(target.commit()?)
}

fn archive(out: impl Write + Seek, arrays: &[(&str, Array<'_>)]) -> io::Result<()> {
    // Without a time: equal content gives equal bytes.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(zip::DateTime::default())
        .large_file(true);
    let mut zip = ZipWriter::new(out);
    for (name, array) in arrays {
        zip.start_file(format!("{name}.npy"), options)?;
        let mut buffered = BufWriter::new(&mut zip);
        array.write_to(&mut buffered)?;
        buffered.flush()?;
    }
    zip.finish()?;
    Ok(())
}

fn write_error(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Core(mir_core::Error::Io { action: "write", path, source })
}

/// Writes named arrays, and texts as attributes of the file, as HDF5.
///
/// # Errors
/// [`Error::Core`] if the file cannot be made, [`Error::Hdf5`] if HDF5 refuses an array, such as two of one
/// name.
#[cfg(feature = "hdf5")]
pub fn write_hdf5(
    path: impl AsRef<Path>,
    arrays: &[(&str, Array<'_>)],
    texts: &[(&str, &str)],
) -> Result<()> {
    use crate::store::{hdf5_error, write_text};

    let target = AtomicFile::create(path.as_ref())?;
    let write = || -> hdf5::Result<()> {
        let file = hdf5::File::with_options()
            // Nobody else knows the temporary name, and some file systems have no locks.
            .with_fapl(|access| access.file_locking(false))
            .with_fcpl(|creation| creation.obj_track_times(false))
            .create(target.temporary_path())?;
        for (name, array) in arrays {
            // Times of objects are left out: equal content gives equal bytes.
            let builder = file.new_dataset_builder().obj_track_times(false);
            match array {
                Array::F32(values) => builder.with_data(values).create(*name)?,
                Array::F64(values) => builder.with_data(values).create(*name)?,
                Array::Complex(values) => builder.with_data(values).create(*name)?,
            };
        }
        for (name, text) in texts {
            write_text(&file, name, text)?;
        }
        file.flush()?;
        file.close()
    };
    write().map_err(hdf5_error("write", path.as_ref()))?;
    Ok(target.commit()?)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use ndarray::{arr0, arr1, arr2};

    use super::*;

    fn npy(array: &Array<'_>) -> Vec<u8> {
        let mut bytes = vec![];
        array.write_to(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn headers_are_those_of_numpy() {
        // numpy.lib.format of numpy 2: numpy.save of these arrays gives the same bytes.
        for (array, expected) in [
            (
                Array::from(&arr1(&[1.0f64, 2.0])),
                "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }",
            ),
            (
                Array::from(&arr2(&[[1.0f32, 2.0]])),
                "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }",
            ),
            (Array::from(&arr0(1.0f32)), "{'descr': '<f4', 'fortran_order': False, 'shape': (), }"),
        ] {
            let bytes = npy(&array);
            assert_eq!(&bytes[..10], b"\x93NUMPY\x01\x00\x76\x00");
            assert_eq!(String::from_utf8_lossy(&bytes[10..127]).trim_end(), expected);
            assert_eq!(bytes[127], b'\n');
        }
    }

    #[test]
    fn values_are_in_c_order() {
        let array = arr2(&[[1.0f32, 2.0], [3.0, 4.0]]);
        let turned = array.t();
        let bytes = npy(&Array::F32(turned.into_dyn()));
        let values: Vec<f32> =
            bytes[128..].chunks(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        assert_eq!(values, [1.0, 3.0, 2.0, 4.0]);
        let complex = arr1(&[Complex::new(1.0f32, -2.0)]);
        let bytes = npy(&Array::from(&complex));
        assert_eq!(bytes[128..], [1.0f32.to_le_bytes(), (-2.0f32).to_le_bytes()].concat());
    }

    #[test]
    fn an_archive_holds_its_arrays_and_refuses_equal_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        let (a, b) = (arr1(&[1.0f32]), arr1(&[2.0f64, 3.0]));
        let arrays = [("a", Array::from(&a)), ("b", Array::from(&b))];
        write_npz(&path, &arrays).unwrap();
        let mut zip = zip::ZipArchive::new(std::fs::File::open(&path).unwrap()).unwrap();
        let mut bytes = vec![];
        zip.by_name("b.npy").unwrap().read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, npy(&arrays[1].1));
        let twice = [arrays[0].clone(), arrays[0].clone()];
        assert!(matches!(write_npz(folder.path().join("b.npz"), &twice), Err(Error::Core(_))));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(feature = "hdf5")]
    #[test]
    fn hdf5_gives_the_arrays_back_and_a_failure_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.h5");
        let (real, complex) =
            (arr2(&[[1.0f32, 2.0], [3.0, 4.0]]), arr1(&[Complex::new(1.0f32, -2.0)]));
        let arrays = [("real", Array::from(&real)), ("complex", Array::from(&complex))];
        write_hdf5(&path, &arrays, &[("feature", "test")]).unwrap();
        let file = hdf5::File::open(&path).unwrap();
        assert_eq!(file.dataset("real").unwrap().read_2d::<f32>().unwrap(), real);
        assert_eq!(file.dataset("complex").unwrap().read_1d::<Complex<f32>>().unwrap(), complex);
        let twice = [arrays[0].clone(), arrays[0].clone()];
        let other = folder.path().join("b.h5");
        assert!(matches!(write_hdf5(&other, &twice, &[]), Err(Error::Hdf5 { .. })));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
