//! What the text formats share: reading a file within limits, lines, fields, numbers.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use flate2::read::GzDecoder;

use crate::{Error, Result};

/// Largest annotation that is read, in bytes (64 MiB, also after decompression). A day of pitch at 172
/// frames a second takes less.
pub const MAX_BYTES: u64 = 64 << 20;

/// Latest time that is read, in seconds: thirty years. Later ones come from damage, and their samples could
/// not be counted.
pub const MAX_SECONDS: f64 = 1e9;

/// What a time has to be.
pub(super) const SECONDS: &str = "seconds, 0 to 1e9";

/// Whether a number can be a time or a duration.
pub(super) fn is_time(seconds: f64) -> bool {
    (0.0..=MAX_SECONDS).contains(&seconds)
}

/// The text of an annotation file: UTF-8 (bytes that are none become U+FFFD), or UTF-16 with its byte
/// order mark; the mark itself is removed. Gzip is decompressed, other compressions are refused.
///
/// # Errors
/// [`Error::Io`], [`Error::TooLarge`] above [`MAX_BYTES`], [`Error::Compressed`].
///
/// ```
/// let missing = mir_core::formats::read_text("no such file.txt");
/// assert!(matches!(missing, Err(mir_core::Error::Io { .. })));
/// ```
pub fn read_text(path: impl AsRef<Path>) -> Result<String> {
    let path = path.as_ref();
    let io = |source| Error::Io { action: "read", path: path.to_owned(), source };
    let bytes = limited(path, File::open(path).map_err(io)?)?;
    let bytes = match bytes.as_slice() {
        // A few bytes can unpack to gigabytes, so the limit holds for what comes out.
        [0x1f, 0x8b, ..] => limited(path, GzDecoder::new(bytes.as_slice()))?,
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => return Err(compressed(path, "bzip2")),
        [0xfd, b'7', b'z', b'X', b'Z', ..] => return Err(compressed(path, "xz")),
        [b'P', b'K', 3, 4, ..] => return Err(compressed(path, "zip")),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => return Err(compressed(path, "zstd")),
        _ => bytes,
    };
    Ok(decode(bytes))
}

fn compressed(path: &Path, kind: &'static str) -> Error {
    Error::Compressed { path: path.to_owned(), kind }
}

/// All bytes of a source, unless there are more than [`MAX_BYTES`].
fn limited(path: &Path, source: impl Read) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|source| Error::Io {
        action: "read",
        path: path.to_owned(),
        source,
    })?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Error::TooLarge { path: path.to_owned(), limit: MAX_BYTES });
    }
    Ok(bytes)
}

fn decode(bytes: Vec<u8>) -> String {
    let units = |bytes: &[u8], unit: fn([u8; 2]) -> u16| -> String {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes.as_slice() {
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        [0xff, 0xfe, rest @ ..] => units(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => units(rest, u16::from_be_bytes),
        _ => String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
    }
}

/// The lines of a text that have content, with their numbers from 1.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty())
}

/// Where a field stands, for error messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    pub(super) path: &'a Path,
    pub(super) line: usize,
}

impl Row<'_> {
    pub(super) fn error(&self, field: &'static str, expected: &'static str, actual: &str) -> Error {
        Error::Parse {
            path: PathBuf::from(self.path),
            line: self.line,
            field,
            expected,
            actual: excerpt(actual),
        }
    }

    /// A finite number; `text` is `None` where the row ends before it.
    pub(super) fn number(
        &self,
        field: &'static str,
        expected: &'static str,
        text: Option<&str>,
    ) -> Result<f64> {
        let text = text.unwrap_or_default().trim();
        finite(text).ok_or_else(|| self.error(field, expected, text))
    }

    /// A time in seconds, 0 to [`MAX_SECONDS`].
    pub(super) fn time(&self, field: &'static str, text: Option<&str>) -> Result<f64> {
        let value = self.number(field, SECONDS, text)?;
        if is_time(value) {
            return Ok(value);
        }
        Err(self.error(field, SECONDS, text.unwrap_or_default()))
    }

    /// Fails if there is a field after the last one that the format has.
    pub(super) fn end(&self, extra: Option<&str>) -> Result<()> {
        match extra.map(str::trim).filter(|field| !field.is_empty()) {
            None => Ok(()),
            Some(extra) => Err(self.error("line", "fewer columns", extra)),
        }
    }
}

/// A decimal number with a point, finite.
pub(super) fn finite(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|value| value.is_finite())
}

/// The beginning of a text, for error messages.
pub(super) fn excerpt(text: &str) -> String {
    text.chars().take(60).collect()
}

/// The fields of a line of comma-separated values: a field in double quotes may hold commas, and a
/// doubled quote there stands for one. A quote inside an unquoted field is an ordinary character.
pub(super) fn csv_fields(line: &str) -> Vec<String> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let mut field = String::new();
        if let Some(quoted) = rest.trim_start().strip_prefix('"') {
            let mut characters = quoted.char_indices().peekable();
            let mut end = quoted.len();
            while let Some((at, c)) = characters.next() {
                match c {
                    '"' if characters.peek().is_some_and(|&(_, next)| next == '"') => {
                        characters.next();
                        field.push('"');
                    }
                    '"' => {
                        end = at + 1;
                        break;
                    }
                    c => field.push(c),
                }
            }
            rest = &quoted[end..];
            // What stands between the closing quote and the comma is not the format's.
            let comma = rest.find(',').unwrap_or(rest.len());
            field.push_str(rest[..comma].trim());
            rest = &rest[comma..];
        } else {
            let comma = rest.find(',').unwrap_or(rest.len());
            field.push_str(rest[..comma].trim());
            rest = &rest[comma..];
        }
        fields.push(field);
        match rest.strip_prefix(',') {
            Some(next) => rest = next,
            None => return fields,
        }
    }
}

/// A text as one field of comma-separated values, on one line.
pub(super) fn csv_quoted(text: &str) -> String {
    format!("\"{}\"", one_line(text).replace('"', "\"\""))
}

/// A text without line breaks, tabs and other control characters: each becomes a space.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_fields_keep_their_commas() {
        assert_eq!(csv_fields(r#"1,"a, ""b""",c"d,"#), ["1", r#"a, "b""#, r#"c"d"#, ""]);
        assert_eq!(csv_fields(""), [""]);
        assert_eq!(csv_fields(r#""open"#), ["open"]);
        for text in ["", "plain", r#"with "quotes", commas"#] {
            assert_eq!(csv_fields(&format!("7,{}", csv_quoted(text))), ["7", text]);
        }
    }

    #[test]
    fn every_encoding_gives_the_same_text() {
        let text = "0.5\tö\n";
        let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(decode(text.as_bytes().to_vec()), text);
        assert_eq!(decode([b"\xef\xbb\xbf", text.as_bytes()].concat()), text);
        assert_eq!(decode([b"\xff\xfe", utf16.as_slice()].concat()), text);
        assert_eq!(decode(b"\xf6\xff\x00".to_vec()), "\u{fffd}\u{fffd}\0");
    }
}
