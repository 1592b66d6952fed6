//! MATLAB files, version 5: the numeric matrices in them, for reference values that others published.
//!
//! Format: "MAT-File Format", The MathWorks, chapter 1. Text, cells and structures are passed over.

use std::{collections::BTreeMap, fs, io::Read, path::Path};

use ndarray::{Array2, ShapeBuilder};

/// A numeric matrix of a MATLAB file.
#[derive(Clone, Debug)]
pub struct Matrix {
    /// Real parts, `[rows, columns]`.
    pub re: Array2<f64>,
    /// Imaginary parts, of a complex matrix.
    pub im: Option<Array2<f64>>,
}

impl Matrix {
    /// The first element: the value of a scalar.
    ///
    /// # Panics
    /// If there is none.
    pub fn scalar(&self) -> f64 {
        self.re[(0, 0)]
    }
}

/// All numeric matrices of a MATLAB 5 file, by name.
///
/// # Panics
/// If the file cannot be read or is not of that kind: it is a fixture.
pub fn read(path: &Path) -> BTreeMap<String, Matrix> {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(bytes.get(126..128) == Some(b"IM"), "{} is no MATLAB 5 file", path.display());
    let mut matrices = BTreeMap::new();
    let mut rest = &bytes[128..];
    while rest.len() >= 8 {
        let (kind, data, after) = element(rest);
        rest = after;
        match kind {
            COMPRESSED => {
                let mut inflated = vec![];
                flate2::read::ZlibDecoder::new(data)
                    .read_to_end(&mut inflated)
                    .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                matrices.extend(matrix(element(&inflated).1));
            }
            MATRIX => matrices.extend(matrix(data)),
            _ => {}
        }
    }
    matrices
}

const MATRIX: u32 = 14;
const COMPRESSED: u32 = 15;

fn word(bytes: &[u8]) -> u32 {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

/// Kind and data of the first element, and what follows it.
fn element(bytes: &[u8]) -> (u32, &[u8], &[u8]) {
    let tag = word(bytes);
    if tag >> 16 != 0 {
        // Small elements keep up to four bytes in the tag itself.
        let size = (tag >> 16) as usize;
        return (tag & 0xffff, &bytes[4..4 + size], &bytes[8..]);
    }
    let size = word(&bytes[4..]) as usize;
    // Elements are aligned to eight bytes, but for compressed ones.
    let padded = if tag == COMPRESSED { size } else { size.next_multiple_of(8) };
    (tag, &bytes[8..8 + size], &bytes[(8 + padded).min(bytes.len())..])
}

/// Name and values of a matrix, unless it holds something else than numbers.
fn matrix(data: &[u8]) -> Option<(String, Matrix)> {
    let (_, flags, rest) = element(data);
    let (class, complex) = (word(flags) & 0xff, word(flags) & 0x800 != 0);
    // Double, single, and the integers of 8 to 64 bits.
    if !(6..=15).contains(&class) {
        return None;
    }
    let (kind, dims, rest) = element(rest);
    let dims = numbers(kind, dims);
    let [rows, columns] = dims[..] else { return None };
    let (_, name, rest) = element(rest);
    let shape = (rows as usize, columns as usize);
    let (kind, re, rest) = element(rest);
    let array = |kind, data| Array2::from_shape_vec(shape.f(), numbers(kind, data)).ok();
    let im = if complex {
        let (kind, im, _) = element(rest);
        array(kind, im)
    } else {
        None
    };
    let name = String::from_utf8_lossy(name).into_owned();
    Some((name, Matrix { re: array(kind, re)?, im }))
}

/// Numbers of any kind as `f64`.
fn numbers(kind: u32, data: &[u8]) -> Vec<f64> {
    macro_rules! parse {
        ($type:ty) => {
            data.as_chunks().0.iter().map(|&b| <$type>::from_le_bytes(b) as f64).collect()
        };
    }
    match kind {
        1 => parse!(i8),
        2 => parse!(u8),
        3 => parse!(i16),
        4 => parse!(u16),
        5 => parse!(i32),
        6 => parse!(u32),
        7 => parse!(f32),
        9 => parse!(f64),
        12 => parse!(i64),
        13 => parse!(u64),
        other => panic!("data of kind {other} in a matrix"),
    }
}
