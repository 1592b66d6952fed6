//! The two containers of PyTorch: where the pickle is, and where the storages are.

use std::{io::Cursor, ops::Range};

use zip::{CompressionMethod, ZipArchive};

use crate::pytorch::{
    Problem, machine,
    value::{Heap, Id, Value},
};

/// Where in the file the bytes of a storage are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    start: usize,
    len: usize,
}

impl Span {
    pub(super) fn range(self) -> Range<usize> {
        self.start..self.start + self.len
    }
}

/// The value of a file, and the spans of [`Heap::storages`].
pub(super) struct Loaded {
    pub(super) root: Id,
    pub(super) storages: Vec<Span>,
}

/// The number that opens the earlier format, 0x1950a86a20f9469cfc6c.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
/// Its version.
const PROTOCOL: i64 = 1001;

pub(super) fn load(bytes: &[u8], heap: &mut Heap) -> Result<Loaded, Problem> {
    if bytes.starts_with(b"PK") {
        load_zip(bytes, heap)
    } else if bytes.first() == Some(&0x80) {
        load_stream(bytes, heap)
    } else {
        Err(Problem::NotPyTorch)
    }
}

fn damaged(error: impl std::error::Error + Send + Sync + 'static) -> Problem {
    Problem::Zip { source: Box::new(error) }
}

type Archive<'a> = ZipArchive<Cursor<&'a [u8]>>;

/// A zip archive: `NAME/data.pkl`, the storages in `NAME/data/KEY`, perhaps `NAME/byteorder`.
fn load_zip(bytes: &[u8], heap: &mut Heap) -> Result<Loaded, Problem> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?;
    let mut folder = None;
    for index in 0..archive.len() {
        let member = archive.by_index_raw(index).map_err(damaged)?;
        if let Some(prefix) = member.name_raw().strip_suffix(b"data.pkl")
            && (prefix.is_empty() || prefix.ends_with(b"/"))
        {
            folder = Some(String::from_utf8_lossy(prefix).into_owned());
            break;
        }
    }
    let Some(folder) = folder else {
        return Err(Problem::NoMember { name: "data.pkl".to_owned() });
    };
    match member(&mut archive, bytes, &format!("{folder}byteorder")) {
        Ok(span) if &bytes[span.range()] != b"little" => return Err(Problem::BigEndian),
        Ok(_) | Err(Problem::NoMember { .. }) => {}
        Err(problem) => return Err(problem),
    }
    let pickle = member(&mut archive, bytes, &format!("{folder}data.pkl"))?;
    let (root, _) = machine::load(&bytes[pickle.range()], 0, heap)?;
    let mut storages = Vec::with_capacity(heap.storages.len());
    for storage in &heap.storages {
        if storage.part_of.is_some() {
            return Err(Problem::NoStorage { key: storage.key.clone() });
        }
        let span = member(&mut archive, bytes, &format!("{folder}data/{}", storage.key))?;
        let expected = (storage.len as u64).saturating_mul(storage.dtype.size() as u64);
        if span.len as u64 != expected {
            let (key, actual) = (storage.key.clone(), span.len as u64);
            return Err(Problem::StorageSize { key, expected, actual });
        }
        storages.push(span);
    }
    Ok(Loaded { root, storages })
}

/// Where a member lies in the file; its checksum is verified.
fn member(archive: &mut Archive<'_>, bytes: &[u8], name: &str) -> Result<Span, Problem> {
    let Some(index) = archive.index_for_name(name) else {
        return Err(Problem::NoMember { name: name.to_owned() });
    };
    let file = archive.by_index_raw(index).map_err(damaged)?;
    if file.compression() != CompressionMethod::Stored || file.encrypted() {
        return Err(Problem::Compressed { name: name.to_owned() });
    }
    let (start, len) = (file.data_start(), file.compressed_size());
    let span = start.and_then(|start| {
        let start = usize::try_from(start).ok()?;
        let len = usize::try_from(len).ok()?;
        (start.checked_add(len)? <= bytes.len()).then_some(Span { start, len })
    });
    let cut_off = || Problem::Truncated {
        offset: start.unwrap_or(0),
        needed: len,
        left: (bytes.len() as u64).saturating_sub(start.unwrap_or(0)),
    };
    let span = span.ok_or_else(cut_off)?;
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(&bytes[span.range()]);
    if checksum.finalize() != file.crc32() {
        return Err(Problem::Checksum { name: name.to_owned() });
    }
    Ok(span)
}

/// The stream of PyTorch before 1.6: pickles of a magic number, the version, facts about the machine, the
/// value, and the keys of the storages; then each storage as its number of elements and its bytes.
fn load_stream(bytes: &[u8], heap: &mut Heap) -> Result<Loaded, Problem> {
    let mut at = 0;
    let mut next = |heap: &mut Heap| {
        let (id, read) = machine::load(&bytes[at..], at as u64, heap)?;
        at += read;
        Ok::<_, Problem>(id)
    };
    let magic = next(heap)?;
    if !matches!(&heap.values[magic], Value::Bytes(number) if *number == MAGIC) {
        return Err(Problem::NotPyTorch);
    }
    let version = next(heap)?;
    match heap.values[version] {
        Value::Int(PROTOCOL) => {}
        Value::Int(version) => return Err(Problem::Version { version, expected: PROTOCOL }),
        _ => return Err(Problem::NotPyTorch),
    }
    let machine = next(heap)?;
    if let Value::Dict(facts) = &heap.values[machine]
        && facts.iter().any(|&(key, value)| {
            heap.text(key) == Some("little_endian")
                && matches!(heap.values[value], Value::Bool(false))
        })
    {
        return Err(Problem::BigEndian);
    }
    let root = next(heap)?;
    let keys = next(heap)?;
    let keys = heap.members(keys).unwrap_or_default();
    let keys: Vec<&str> = keys.iter().filter_map(|&key| heap.text(key)).collect();
    let mut spans = vec![None; heap.storages.len()];
    for key in keys {
        let Some(&index) = heap.keys.get(key) else {
            return Err(Problem::NoStorage { key: key.to_owned() });
        };
        let storage = &heap.storages[index];
        let rest = &bytes[at..];
        let truncated =
            |needed: u64| Problem::Truncated { offset: at as u64, needed, left: rest.len() as u64 };
        let (count, rest_after) = rest.split_first_chunk::<8>().ok_or_else(|| truncated(8))?;
        let width = storage.dtype.size() as u64;
        let expected = (storage.len as u64).saturating_mul(width);
        let actual = u64::from_le_bytes(*count).saturating_mul(width);
        if actual != expected {
            return Err(Problem::StorageSize { key: key.to_owned(), expected, actual });
        }
        if actual > rest_after.len() as u64 {
            return Err(truncated(actual.saturating_add(8)));
        }
        let len = actual as usize;
        spans[index] = Some(Span { start: at + 8, len });
        at += 8 + len;
    }
    let mut storages = Vec::with_capacity(spans.len());
    for (index, storage) in heap.storages.iter().enumerate() {
        let missing = || Problem::NoStorage { key: storage.key.clone() };
        let span = match storage.part_of {
            None => spans[index].ok_or_else(missing)?,
            Some((whole, first)) => {
                let whole = spans[whole].ok_or_else(missing)?;
                let width = storage.dtype.size();
                let end = first.checked_add(storage.len).and_then(|end| end.checked_mul(width));
                match end {
                    Some(end) if end <= whole.len => {
                        Span { start: whole.start + first * width, len: storage.len * width }
                    }
                    _ => {
                        let needed = first.saturating_add(storage.len) as u64;
                        let actual = (whole.len / width) as u64;
                        return Err(Problem::Bounds { offset: 0, needed, actual });
                    }
                }
            }
        };
        storages.push(span);
    }
    Ok(Loaded { root, storages })
}
