//! Where does the music begin in an MP4 file?
//!
//! An AAC encoder puts 1024 or 2112 samples of priming before the signal. The file says how many in its
//! edit list (`moov/trak/edts/elst`, ISO/IEC 14496-12 §8.6.6) or, by Apple's encoders, in the comment
//! `iTunSMPB`. The demuxer reads neither, so this walker does.
//!
//! It trusts no size: boxes are visited by seeking, their number and depth are bounded, and nothing is
//! read whose length comes from the file beyond a few fixed bytes.

use std::io::{self, Read, Seek, SeekFrom};

/// Boxes that are visited at most: real files have a few hundred outside their media data.
const MAX_BOXES: usize = 20_000;
/// Edits that are read at most: audio files have one or two.
const MAX_EDITS: u32 = 64;
/// Length of the text of `iTunSMPB` that is read at most.
const MAX_TEXT: u64 = 512;

/// The part of a track that is meant to be heard, in samples of the decoder's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Presentation {
    /// Samples before the signal.
    pub(crate) priming: u64,
    /// Length of the signal, if the file says so.
    pub(crate) length: Option<u64>,
}

/// What the file says about the audio track `track_id` at `rate` samples per second; `None` if it does
/// not say how long the priming is.
///
/// # Errors
/// Only if reading fails; a malformed structure ends the search.
pub(crate) fn presentation(
    reader: impl Read + Seek,
    track_id: u32,
    rate: u32,
) -> io::Result<Option<Presentation>> {
    let mut walker =
        Walker { reader, boxes_left: MAX_BOXES, movie_timescale: 0, tracks: vec![], smpb: None };
    let end = walker.reader.seek(SeekFrom::End(0))?;
    walker.walk(0, end, Place::File)?;
    let by_edit_list = walker
        .tracks
        .iter()
        .find(|track| track.id == track_id)
        .and_then(|track| track.presentation(walker.movie_timescale, rate));
    Ok(match (by_edit_list, walker.smpb) {
        // An edit from 0 says that nothing is known; Apple's comment then knows better.
        (Some(edit), Some(smpb)) if edit.priming == 0 => Some(smpb),
        (Some(edit), _) => Some(edit),
        (None, smpb) => smpb,
    })
}

/// Which box's children are being visited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    File,
    Movie,
    Track,
    Comment,
}

#[derive(Clone, Copy, Debug, Default)]
struct Track {
    id: u32,
    timescale: u32,
    duration: u64,
    edit: Option<Edit>,
    /// Whether there is more than the one plain edit that we understand.
    complicated: bool,
}

#[derive(Clone, Copy, Debug)]
struct Edit {
    /// In units of the movie's timescale.
    duration: u64,
    /// In units of the track's timescale.
    media_time: u64,
}

impl Track {
    fn presentation(&self, movie_timescale: u32, rate: u32) -> Option<Presentation> {
        let edit = self.edit.filter(|_| !self.complicated && self.timescale > 0)?;
        let in_samples = |time: u64, scale: u32| -> u64 {
            let exact = u128::from(time) * u128::from(rate) + u128::from(scale) / 2;
            u64::try_from(exact / u128::from(scale)).unwrap_or(u64::MAX)
        };
        let priming = in_samples(edit.media_time, self.timescale);
        let length = (edit.duration > 0 && movie_timescale > 0).then(|| {
            let rounded = in_samples(edit.duration, movie_timescale);
            let media = in_samples(self.duration, self.timescale).saturating_sub(priming);
            // The movie's clock often ticks in milliseconds only. Where the track's own length agrees
            // within a tick, that is the exact one.
            let tick = u64::from(rate.div_ceil(movie_timescale));
            if media.abs_diff(rounded) <= tick { media } else { rounded }
        });
        Some(Presentation { priming, length })
    }
}

struct Walker<R> {
    reader: R,
    boxes_left: usize,
    movie_timescale: u32,
    tracks: Vec<Track>,
    smpb: Option<Presentation>,
}

impl<R: Read + Seek> Walker<R> {
    /// Visits the boxes between two positions.
    fn walk(&mut self, mut at: u64, end: u64, place: Place) -> io::Result<()> {
        while at + 8 <= end && self.boxes_left > 0 {
            self.boxes_left -= 1;
            self.reader.seek(SeekFrom::Start(at))?;
            let (size, kind) = (u64::from(self.u32()?), self.bytes::<4>()?);
            let (header, size) = match size {
                0 => (8, end - at),
                1 => (16, self.u64()?),
                size => (8, size),
            };
            let next = at.saturating_add(size);
            if size < header || next > end {
                // The rest cannot be understood. A media data box may reach past a truncated file.
                return Ok(());
            }
            self.visit(kind, at + header, next, place)?;
            at = next;
        }
        Ok(())
    }

    /// Each kind is entered from its own parent only, so the recursion is as deep as this table.
    fn visit(&mut self, kind: [u8; 4], at: u64, end: u64, place: Place) -> io::Result<()> {
        let content = end - at;
        match (place, &kind) {
            (Place::File, b"moov") => self.walk(at, end, Place::Movie),
            (Place::Movie, b"mvhd") if content >= 20 => {
                let (scale, _) = self.times()?;
                self.movie_timescale = scale;
                Ok(())
            }
            (Place::Movie, b"trak") => {
                self.tracks.push(Track::default());
                self.walk(at, end, Place::Track)
            }
            (Place::Movie, b"udta") => self.find_comments(at, end),
            (Place::Track, b"edts" | b"mdia") => self.walk(at, end, Place::Track),
            (Place::Track, b"tkhd") if content >= 24 => {
                let version = self.version()?;
                let skip = if version == 1 { 16 } else { 8 };
                self.reader.seek(SeekFrom::Current(skip))?;
                let id = self.u32()?;
                self.track(|track| track.id = id);
                Ok(())
            }
            (Place::Track, b"mdhd") if content >= 20 => {
                let (timescale, duration) = self.times()?;
                self.track(|track| (track.timescale, track.duration) = (timescale, duration));
                Ok(())
            }
            (Place::Track, b"elst") if content >= 8 => self.edit_list(content - 8),
            (Place::Comment, b"----") => self.comment(at, end),
            _ => Ok(()),
        }
    }

    fn track(&mut self, change: impl FnOnce(&mut Track)) {
        if let Some(track) = self.tracks.last_mut() {
            change(track);
        }
    }

    /// Version, and skips the flags.
    fn version(&mut self) -> io::Result<u8> {
        Ok(self.bytes::<4>()?[0])
    }

    /// Timescale and duration of an `mvhd` or `mdhd` box.
    fn times(&mut self) -> io::Result<(u32, u64)> {
        if self.version()? == 1 {
            self.reader.seek(SeekFrom::Current(16))?;
            Ok((self.u32()?, self.u64()?))
        } else {
            self.reader.seek(SeekFrom::Current(8))?;
            Ok((self.u32()?, u64::from(self.u32()?)))
        }
    }

    fn edit_list(&mut self, content: u64) -> io::Result<()> {
        let version = self.version()?;
        let count = self.u32()?;
        let entry = if version == 1 { 20 } else { 12 };
        if count > MAX_EDITS || u64::from(count) * entry > content {
            self.track(|track| track.complicated = true);
            return Ok(());
        }
        for _ in 0..count {
            let (duration, media_time) = if version == 1 {
                (self.u64()?, self.u64()? as i64)
            } else {
                (u64::from(self.u32()?), i64::from(self.u32()? as i32))
            };
            let _rate = self.u32()?;
            self.track(|track| match u64::try_from(media_time) {
                // A second edit would repeat or leave out something in the middle.
                Ok(_) if track.edit.is_some() => track.complicated = true,
                Ok(media_time) => {
                    track.edit = Some(Edit { duration, media_time });
                }
                // A negative time is a pause before the track; players leave it out of a single track.
                Err(_) => {}
            });
        }
        Ok(())
    }

    /// `udta/meta/ilst`: `meta` has four more bytes of header.
    fn find_comments(&mut self, at: u64, end: u64) -> io::Result<()> {
        let Some((meta, meta_end)) = self.child(at, end, *b"meta")? else {
            return Ok(());
        };
        match self.child(meta + 4, meta_end, *b"ilst")? {
            Some((list, list_end)) => self.walk(list, list_end, Place::Comment),
            None => Ok(()),
        }
    }

    /// `----` holds `mean`, `name` and `data`, each with four bytes of version and flags.
    fn comment(&mut self, at: u64, end: u64) -> io::Result<()> {
        let Some((name, name_end)) = self.child(at, end, *b"name")? else {
            return Ok(());
        };
        if self.text(name + 4, name_end)?.trim() != "iTunSMPB" {
            return Ok(());
        }
        if let Some((data, data_end)) = self.child(at, end, *b"data")? {
            let text = self.text(data + 8, data_end)?;
            self.smpb = parse_smpb(&text).or(self.smpb);
        }
        Ok(())
    }

    /// Content range of the first child of a kind.
    fn child(&mut self, mut at: u64, end: u64, kind: [u8; 4]) -> io::Result<Option<(u64, u64)>> {
        while at + 8 <= end && self.boxes_left > 0 {
            self.boxes_left -= 1;
            self.reader.seek(SeekFrom::Start(at))?;
            let (size, found) = (u64::from(self.u32()?), self.bytes::<4>()?);
            let next = at.saturating_add(size);
            if size < 8 || next > end {
                return Ok(None);
            }
            if found == kind {
                return Ok(Some((at + 8, next)));
            }
            at = next;
        }
        Ok(None)
    }

    fn text(&mut self, at: u64, end: u64) -> io::Result<String> {
        let mut bytes = vec![];
        if at < end {
            self.reader.seek(SeekFrom::Start(at))?;
            let length = (end - at).min(MAX_TEXT);
            (&mut self.reader).take(length).read_to_end(&mut bytes)?;
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn bytes<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn u32(&mut self) -> io::Result<u32> {
        Ok(u32::from_be_bytes(self.bytes()?))
    }

    fn u64(&mut self) -> io::Result<u64> {
        Ok(u64::from_be_bytes(self.bytes()?))
    }
}

/// ` 00000000 00000840 000001CA 00000000003F31F6 …`: reserved, priming, padding, length, hexadecimal.
fn parse_smpb(text: &str) -> Option<Presentation> {
    let mut fields = text.split_whitespace().skip(1);
    let mut number = || u64::from_str_radix(fields.next()?, 16).ok();
    let (priming, _padding, length) = (number()?, number()?, number()?);
    Some(Presentation { priming, length: (length > 0).then_some(length) })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        let mut out = (content.len() as u32 + 8).to_be_bytes().to_vec();
        out.extend(kind);
        out.extend(content);
        out
    }

    fn header(version_and_times: &[u32]) -> Vec<u8> {
        version_and_times.iter().flat_map(|x| x.to_be_bytes()).collect()
    }

    /// A movie with a clock of 1000 ticks and one track of id 7, clock 44 100, and these edits.
    fn movie(media_duration: u32, edits: &[(u32, i32)], extra: &[u8]) -> Vec<u8> {
        let mvhd = boxed(b"mvhd", &header(&[0, 0, 0, 1000, 99]));
        let tkhd = boxed(b"tkhd", &header(&[0, 0, 0, 7, 0, 0]));
        let mut list = header(&[0, edits.len() as u32]);
        for &(duration, media_time) in edits {
            list.extend(header(&[duration, media_time as u32, 0x1_0000]));
        }
        let edts = boxed(b"edts", &boxed(b"elst", &list));
        let mdia = boxed(b"mdia", &boxed(b"mdhd", &header(&[0, 0, 0, 44_100, media_duration])));
        let trak = boxed(b"trak", &[tkhd, edts, mdia].concat());
        let moov = boxed(b"moov", &[mvhd, trak, extra.to_vec()].concat());
        [boxed(b"ftyp", b"M4A "), moov].concat()
    }

    fn smpb(text: &str) -> Vec<u8> {
        let name = boxed(b"name", &[&[0; 4], b"iTunSMPB".as_slice()].concat());
        let data = boxed(b"data", &[&[0; 8], text.as_bytes()].concat());
        let comment = boxed(b"----", &[name, data].concat());
        let meta = [vec![0; 4], boxed(b"ilst", &comment)].concat();
        boxed(b"udta", &boxed(b"meta", &meta))
    }

    fn read(bytes: &[u8]) -> Option<Presentation> {
        presentation(Cursor::new(bytes), 7, 44_100).unwrap()
    }

    #[test]
    fn the_edit_list_gives_priming_and_length() {
        // 60.28 s by the movie's clock; the track's own length is exact: 2 659 369 − 1024.
        let expected = Presentation { priming: 1024, length: Some(2_658_345) };
        assert_eq!(read(&movie(2_659_369, &[(60_280, 1024)], &[])), Some(expected));
        // The edit cuts more than a tick off the end: 6.8 s it is.
        let expected = Presentation { priming: 1024, length: Some(299_880) };
        assert_eq!(read(&movie(301_939, &[(6800, 1024)], &[])), Some(expected));
    }

    #[test]
    fn a_pause_before_the_track_is_left_out() {
        let edit = read(&movie(10_000, &[(500, -1), (100, 2112)], &[])).unwrap();
        assert_eq!(edit.priming, 2112);
    }

    #[test]
    fn several_edits_say_nothing() {
        assert_eq!(read(&movie(10_000, &[(100, 0), (100, 5000)], &[])), None);
        assert_eq!(read(&movie(10_000, &[], &[])), None);
    }

    #[test]
    fn the_comment_of_the_encoder_is_second_best() {
        let comment = smpb(" 00000000 00000840 000001CA 00000000003F31F6 00000000");
        let apple = Presentation { priming: 2112, length: Some(0x003f_31f6) };
        assert_eq!(read(&movie(10_000, &[], &comment)), Some(apple));
        assert_eq!(read(&movie(10_000, &[(100, 0)], &comment)), Some(apple));
        let edited = read(&movie(10_000, &[(100, 1024)], &comment)).unwrap();
        assert_eq!(edited.priming, 1024);
        assert_eq!(read(&movie(10_000, &[], &smpb("nonsense"))), None);
    }

    #[test]
    fn another_track_is_not_asked() {
        let bytes = movie(10_000, &[(100, 1024)], &[]);
        let found = presentation(Cursor::new(&bytes), 8, 44_100).unwrap();
        assert_eq!(found, None);
    }

    proptest! {
        #[test]
        fn damaged_files_neither_panic_nor_hang(
            position in 0usize..400, value: u8, cut in 0usize..600,
        ) {
            let comment = smpb(" 00000000 00000840 000001CA 00000000003F31F6");
            let mut bytes = movie(10_000, &[(100, 1024)], &comment);
            let length = bytes.len();
            bytes[position % length] = value;
            bytes.truncate(cut.max(1));
            // Any answer will do, and so will the error of a read past the end.
            let _ = presentation(Cursor::new(&bytes), 7, 44_100);
        }
    }
}
