//! How is a WAV file of more than 4 GiB read?
//!
//! RF64 and BW64 (EBU Tech 3306, ITU-R BS.2088) are WAV with another first word, and with a chunk `ds64`
//! that holds the sizes that do not fit into 32 bits. The demuxer knows plain WAV alone. So this module
//! reads `ds64`, and shows the demuxer a plain file: the first word is `RIFF`, and the file ends where
//! the samples end (a data chunk of unknown length reaches to the end of the file).

use std::io::{self, Read, Seek, SeekFrom};

use symphonia::core::io::MediaSource;

use crate::input::Source;

/// Chunks that are passed over at most on the way to the samples.
const MAX_CHUNKS: usize = 1000;
/// Size of a chunk whose true size is in `ds64`.
const UNKNOWN: u32 = u32::MAX;

/// Where the samples of an RF64 file lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout {
    /// Position after the last sample.
    end: u64,
    /// Samples per channel.
    frames: u64,
}

/// An RF64 file that looks like plain WAV up to the end of its samples.
#[derive(Debug)]
pub(crate) struct PlainWav {
    source: Source,
    position: u64,
    end: u64,
}

/// The source as it is, or as plain WAV together with its length in samples if it is RF64.
pub(crate) fn adapt(mut source: Source) -> io::Result<(Box<dyn MediaSource>, Option<u64>)> {
    let layout = layout(&mut source)?;
    source.seek(SeekFrom::Start(0))?;
    Ok(match layout {
        None => (Box::new(source), None),
        Some(Layout { end, frames }) => {
            let end = end.min(source.length);
            (Box::new(PlainWav { source, position: 0, end }), Some(frames))
        }
    })
}

/// The layout of an RF64 file whose data chunk leaves its size to `ds64`; `None` for anything else.
fn layout(reader: &mut (impl Read + Seek)) -> io::Result<Option<Layout>> {
    match find_samples(reader) {
        // A file that ends in its header is for the demuxer to refuse.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        other => other,
    }
}

fn find_samples(reader: &mut (impl Read + Seek)) -> io::Result<Option<Layout>> {
    let magic: [u8; 4] = bytes(reader)?;
    let _size: [u8; 4] = bytes(reader)?;
    if !matches!(&magic, b"RF64" | b"BW64") || &bytes::<4>(reader)? != b"WAVE" {
        return Ok(None);
    }
    let (mut data_size, mut block) = (None, 0);
    let mut at = 12_u64;
    for _ in 0..MAX_CHUNKS {
        reader.seek(SeekFrom::Start(at))?;
        let kind: [u8; 4] = bytes(reader)?;
        let size = u32::from_le_bytes(bytes(reader)?);
        match &kind {
            b"ds64" if size >= 24 => {
                let _file_size: [u8; 8] = bytes(reader)?;
                data_size = Some(u64::from_le_bytes(bytes(reader)?));
            }
            b"fmt " if size >= 16 => {
                reader.seek(SeekFrom::Current(12))?;
                block = u64::from(u16::from_le_bytes(bytes(reader)?));
            }
            b"data" => {
                let Some(data_size) = data_size.filter(|_| size == UNKNOWN && block > 0) else {
                    return Ok(None);
                };
                let frames = data_size / block;
                return Ok(Some(Layout { end: (at + 8).saturating_add(frames * block), frames }));
            }
            _ => {}
        }
        // Chunks lie at even positions.
        at += 8 + u64::from(size) + u64::from(size % 2);
    }
    Ok(None)
}

fn bytes<const N: usize>(reader: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

impl Read for PlainWav {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.end.saturating_sub(self.position);
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.source.read(&mut buffer[..length])?;
        for (byte, &plain) in
            buffer[..count].iter_mut().zip(b"RIFF".iter().skip(self.position.min(4) as usize))
        {
            *byte = plain;
        }
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for PlainWav {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(to) => Some(to),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.end.checked_add_signed(by),
        };
        let to = to.ok_or(io::ErrorKind::InvalidInput)?;
        self.position = self.source.seek(SeekFrom::Start(to))?;
        Ok(self.position)
    }
}

impl MediaSource for PlainWav {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.end)
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Cursor, path::PathBuf};

    use super::*;
    use crate::input::Input;

    fn file(magic: &[u8; 4], data_size: u64, block: u16, samples: &[u8]) -> Vec<u8> {
        let mut out = magic.to_vec();
        out.extend(u32::MAX.to_le_bytes());
        out.extend(b"WAVEds64\x1c\0\0\0");
        out.extend([0; 8]);
        out.extend(data_size.to_le_bytes());
        out.extend([0; 12]);
        out.extend(b"fmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0");
        out.extend(block.to_le_bytes());
        out.extend(b"\x10\0data\xff\xff\xff\xff");
        out.extend(samples);
        out
    }

    #[test]
    fn the_samples_end_where_the_long_size_says() {
        for magic in [b"RF64", b"BW64"] {
            let bytes = file(magic, 6, 2, b"abcdefLIST");
            let found = layout(&mut Cursor::new(&bytes)).unwrap().unwrap();
            assert_eq!(found, Layout { end: bytes.len() as u64 - 4, frames: 3 });
        }
    }

    #[test]
    fn what_is_not_such_a_file_is_left_alone() {
        for bytes in [
            file(b"RIFF", 6, 2, b"abcdef"),
            file(b"RF64", 6, 0, b"abcdef"),
            file(b"RF64", 6, 2, b"")[..40].to_vec(),
            b"RF64".to_vec(),
            vec![],
        ] {
            assert_eq!(layout(&mut Cursor::new(&bytes)).unwrap(), None);
        }
        // A size of almost 2^64 bytes does not overflow.
        let found = layout(&mut Cursor::new(file(b"RF64", u64::MAX, 2, b""))).unwrap().unwrap();
        assert_eq!((found.end, found.frames), (u64::MAX, u64::MAX / 2));
    }

    #[test]
    fn the_demuxer_sees_plain_wav() {
        let bytes = file(b"RF64", 6, 2, b"abcdefLIST");
        let input = Input::Memory { name: PathBuf::from("x.wav"), bytes: bytes.clone().into() };
        let (mut plain, frames) = adapt(input.open().unwrap()).unwrap();
        assert_eq!(frames, Some(3));
        let mut all = vec![];
        plain.read_to_end(&mut all).unwrap();
        assert_eq!(&all[..4], b"RIFF");
        assert_eq!(&all[4..], &bytes[4..bytes.len() - 4]);
        let mut two = [0; 2];
        plain.seek(SeekFrom::Start(3)).unwrap();
        plain.read_exact(&mut two).unwrap();
        assert_eq!(two, [b'F', 0xff]);
        plain.seek(SeekFrom::End(-2)).unwrap();
        plain.read_exact(&mut two).unwrap();
        assert_eq!(&two, b"ef");
        assert!(plain.seek(SeekFrom::Current(-1_000_000)).is_err());
    }
}
