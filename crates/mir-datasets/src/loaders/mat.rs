//! MATLAB files, version 5: matrices of numbers, cells and structures of them.
//!
//! Format: "MAT-File Format", The MathWorks, chapter 1. Little-endian files, zlib or not. Nothing is
//! allocated for what a header claims: every length is checked against the bytes that are there.

use std::{fs::File, io::Read, path::Path};

use flate2::read::ZlibDecoder;
use mir_core::formats::MAX_BYTES;

use crate::{Error, Result};

/// A value of a MATLAB file.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// Real numbers in columns, `rows` of them in each.
    Matrix { rows: usize, columns: usize, data: Vec<f64> },
    /// Other values, in columns.
    Cells(Vec<Value>),
    /// The fields of a structure in their order; of the first, where it is an array of them.
    Fields(Vec<Value>),
    /// Text, and what else there is.
    Other,
}

impl Value {
    /// The rows of a matrix.
    pub(super) fn rows(&self) -> Option<Vec<Vec<f64>>> {
        let Self::Matrix { rows, columns, data } = self else { return None };
        Some((0..*rows).map(|r| (0..*columns).map(|c| data[c * rows + r]).collect()).collect())
    }

    /// The numbers of a matrix, column after column.
    pub(super) fn numbers(&self) -> Option<&[f64]> {
        if let Self::Matrix { data, .. } = self { Some(data) } else { None }
    }

    /// A field of a structure, by its place from 0.
    pub(super) fn field(&self, place: usize) -> Option<&Self> {
        if let Self::Fields(fields) = self { fields.get(place) } else { None }
    }
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("it does not begin as a little-endian MATLAB 5 file does")]
    Header,
    #[error("an element reaches beyond the end of the data")]
    CutOff,
    #[error("a matrix lacks one of its parts, or has another number of values than its size says")]
    Matrix,
    #[error("values are of the unknown kind {0}")]
    Kind(u32),
    #[error("cells are nested too deeply")]
    Depth,
    #[error("there is no variable {0}")]
    NoVariable(String),
    #[error("it unpacks to more than {MAX_BYTES} bytes")]
    TooLarge,
    #[error("cannot unpack")]
    Zlib(#[from] std::io::Error),
}

/// One variable of a file.
pub(super) fn variable(path: &Path, name: &str) -> Result<Value> {
    let io = |source| Error::Io { action: "read", path: path.to_owned(), source };
    let mut bytes = Vec::new();
    File::open(path).map_err(io)?.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(io)?;
    find(&bytes, name).map_err(|fault| Error::Malformed {
        path: path.to_owned(),
        format: "MATLAB 5",
        source: Box::new(fault),
    })
}

fn find(bytes: &[u8], name: &str) -> Result<Value, Fault> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Fault::TooLarge);
    }
    if bytes.get(126..128) != Some(b"IM") {
        return Err(Fault::Header);
    }
    let mut rest = &bytes[128..];
    // Some programs pad the end of a file with fewer bytes than an element has.
    while rest.len() >= 8 {
        let element = Element::split(rest)?;
        rest = element.rest;
        let found = match element.kind {
            COMPRESSED => {
                let mut inflated = Vec::new();
                ZlibDecoder::new(element.data).take(MAX_BYTES + 1).read_to_end(&mut inflated)?;
                if inflated.len() as u64 > MAX_BYTES {
                    return Err(Fault::TooLarge);
                }
                let inner = Element::split(&inflated)?;
                matrix(inner.data, 0)?
            }
            MATRIX => matrix(element.data, 0)?,
            _ => continue,
        };
        if found.0 == name {
            return Ok(found.1);
        }
    }
    Err(Fault::NoVariable(name.to_owned()))
}

const MATRIX: u32 = 14;
const COMPRESSED: u32 = 15;

/// Cells in cells in cells: more than any data set has.
const MAX_DEPTH: usize = 8;

/// An element, and what follows it.
struct Element<'a> {
    kind: u32,
    data: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Element<'a> {
    fn split(bytes: &'a [u8]) -> Result<Self, Fault> {
        let tag = word(bytes, 0)?;
        if tag >> 16 != 0 {
            // A small element keeps up to four bytes in its tag.
            let size = (tag >> 16) as usize;
            let data = bytes.get(4..4 + size.min(4)).ok_or(Fault::CutOff)?;
            return Ok(Self {
                kind: tag & 0xffff,
                data,
                rest: bytes.get(8..).ok_or(Fault::CutOff)?,
            });
        }
        let size = word(bytes, 4)? as usize;
        let data = bytes.get(8..).and_then(|data| data.get(..size)).ok_or(Fault::CutOff)?;
        // Elements are aligned to eight bytes, but for compressed ones and the last.
        let padded = if tag == COMPRESSED { size } else { size.next_multiple_of(8) };
        Ok(Self { kind: tag, data, rest: bytes.get(8 + padded..).unwrap_or_default() })
    }
}

fn word(bytes: &[u8], at: usize) -> Result<u32, Fault> {
    let bytes = bytes.get(at..at + 4).ok_or(Fault::CutOff)?;
    Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

/// Name and value of a matrix.
fn matrix(data: &[u8], depth: usize) -> Result<(String, Value), Fault> {
    if depth > MAX_DEPTH {
        return Err(Fault::Depth);
    }
    let flags = Element::split(data)?;
    let class = word(flags.data, 0)? & 0xff;
    let sizes = Element::split(flags.rest)?;
    let name = Element::split(sizes.rest)?;
    let text = String::from_utf8_lossy(name.data).into_owned();
    let sizes: Vec<f64> = numbers(sizes.kind, sizes.data)?;
    let count = sizes.iter().product::<f64>();
    let value = match class {
        1 => Value::Cells(values(name.rest, count, depth)?),
        // How many bytes a name has, the names, and the fields of the first structure, then of the next.
        2 => {
            let width = Element::split(name.rest)?;
            let names = Element::split(width.rest)?;
            let width = word(width.data, 0)?.max(1) as usize;
            let fields = if count > 0.0 { names.data.len() / width } else { 0 };
            Value::Fields(values(names.rest, fields as f64, depth)?)
        }
        // Double, single, and the integers of 8 to 64 bits.
        6..=15 => {
            let [rows, columns] = sizes[..] else { return Ok((text, Value::Other)) };
            let values = match name.rest {
                [] => Vec::new(),
                rest => {
                    let real = Element::split(rest)?;
                    numbers(real.kind, real.data)?
                }
            };
            #[expect(clippy::float_cmp, reason = "both are whole numbers")]
            if values.len() as f64 != count {
                return Err(Fault::Matrix);
            }
            Value::Matrix { rows: rows as usize, columns: columns as usize, data: values }
        }
        _ => Value::Other,
    };
    Ok((text, value))
}

/// So many values that follow each other.
fn values(mut rest: &[u8], count: f64, depth: usize) -> Result<Vec<Value>, Fault> {
    let mut values = Vec::new();
    while (values.len() as f64) < count {
        let element = Element::split(rest)?;
        // An empty value has no parts at all.
        values.push(match element.data {
            [] => Value::Other,
            data => matrix(data, depth + 1)?.1,
        });
        rest = element.rest;
    }
    Ok(values)
}

/// Numbers of any kind as `f64`.
fn numbers(kind: u32, data: &[u8]) -> Result<Vec<f64>, Fault> {
    macro_rules! parse {
        ($type:ty) => {
            data.as_chunks().0.iter().map(|&b| <$type>::from_le_bytes(b) as f64).collect()
        };
    }
    Ok(match kind {
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
        other => return Err(Fault::Kind(other)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An element of the format, padded to eight bytes.
    fn element(kind: u32, data: &[u8]) -> Vec<u8> {
        let mut bytes = [kind.to_le_bytes(), (data.len() as u32).to_le_bytes()].concat();
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes
    }

    fn array(class: u32, rows: u32, columns: u32, name: &str, content: &[u8]) -> Vec<u8> {
        let mut data = element(6, &[class.to_le_bytes(), [0; 4]].concat());
        data.extend(element(5, &[rows.to_le_bytes(), columns.to_le_bytes()].concat()));
        data.extend(element(1, name.as_bytes()));
        data.extend(content);
        element(14, &data)
    }

    fn doubles(values: &[f64]) -> Vec<u8> {
        element(9, &values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>())
    }

    fn file(elements: &[u8]) -> Vec<u8> {
        let mut bytes = vec![b' '; 124];
        bytes.extend([0, 1, b'I', b'M']);
        bytes.extend(elements);
        bytes
    }

    #[test]
    fn matrices_and_cells_are_read_and_damage_is_named() {
        let matrix = array(6, 2, 3, "x", &doubles(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
        let inner = [array(6, 1, 1, "", &doubles(&[7.0])), array(6, 0, 0, "", &[])].concat();
        let bytes = file(&[matrix, array(1, 2, 1, "c", &inner)].concat());
        let x = find(&bytes, "x").unwrap();
        assert_eq!(x.rows().unwrap(), [[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]]);
        let Value::Cells(cells) = find(&bytes, "c").unwrap() else { panic!("no cells") };
        assert_eq!(cells[0].rows().unwrap(), [[7.0]]);
        assert!(matches!(find(&bytes, "y"), Err(Fault::NoVariable(_))));
        for end in 0..bytes.len() {
            // Whatever is missing, nothing panics.
            let _ = find(&bytes[..end], "c");
        }
        for at in 128..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0xff;
            let _ = (find(&damaged, "c"), find(&damaged, "x"));
        }
    }
    #[test]
    fn the_fields_of_a_structure_are_read_in_their_order() {
        let mut content = element(5, &8u32.to_le_bytes());
        content.extend(element(1, b"rate\0\0\0\0inner\0\0\0"));
        content.extend(array(6, 1, 1, "", &doubles(&[44_100.0])));
        content.extend(array(1, 1, 1, "", &array(6, 1, 2, "", &doubles(&[1.0, 2.0]))));
        let bytes = file(&array(2, 1, 1, "s", &content));
        let found = find(&bytes, "s").unwrap();
        assert_eq!(found.field(0).and_then(Value::numbers), Some(&[44_100.0][..]));
        assert!(matches!(found.field(1), Some(Value::Cells(cells)) if cells.len() == 1));
        assert_eq!((found.field(2), found.numbers()), (None, None));
        for end in 0..bytes.len() {
            let _ = find(&bytes[..end], "s");
        }
    }
}
