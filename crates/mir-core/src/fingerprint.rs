//! Identity of configurations.
//!
//! A fingerprint answers one question: was this cached thing made by the very computation that I am
//! about to run? It covers every field of the configuration, defaults included, and a version of the
//! computation itself ([`Fingerprinted::DOMAIN`]).

use std::{
    fmt,
    fmt::Write as _,
    io::{self, Read},
    str::FromStr,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{Error, Result};

/// The first 16 bytes of a SHA-256, printed as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// Of a configuration under a domain: SHA-256 over `domain`, a zero byte, and the configuration as
    /// canonical JSON (keys sorted, integers in decimal, every other number as the hexadecimal digits
    /// of its `f64` bits).
    ///
    /// # Errors
    /// [`Error::Serialize`] if the value has no JSON form; [`Error::OutOfRange`] if it holds a NaN or
    /// an infinity, which JSON would turn into `null`.
    pub fn of<T: Serialize + ?Sized>(domain: &str, config: &T) -> Result<Self> {
        let value = serde_json::to_value(config).map_err(|source| Error::Serialize { source })?;
        let mut text = String::new();
        write_canonical(&value, &mut text);
        let mut hash = Sha256::new();
        hash.update(domain.as_bytes());
        hash.update([0]);
        hash.update(text.as_bytes());
        Ok(Self::truncate(&hash.finalize()))
    }

    /// Of raw bytes, a file's content say.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self::truncate(&Sha256::digest(bytes))
    }

    /// Of all that a reader gives, equal to [`of_bytes`](Self::of_bytes) of the same bytes, in constant
    /// memory.
    ///
    /// ```
    /// use mir_core::Fingerprint;
    /// let bytes = vec![7; 100_000];
    /// assert_eq!(Fingerprint::of_reader(&bytes[..])?, Fingerprint::of_bytes(&bytes));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of the reader.
    pub fn of_reader(mut reader: impl Read) -> io::Result<Self> {
        // Blocks stay in the processor's cache between the copy out of the kernel and the hash.
        let mut block = vec![0; 1 << 16];
        let mut hash = Sha256::new();
        loop {
            match reader.read(&mut block) {
                Ok(0) => return Ok(Self::truncate(&hash.finalize())),
                Ok(length) => hash.update(&block[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn truncate(digest: &[u8]) -> Self {
        let mut first = [0; 16];
        first.copy_from_slice(&digest[..16]);
        Self(first)
    }

    /// The 16 bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The first 8 digits, for file names.
    pub fn short(&self) -> String {
        self.to_string()[..8].to_owned()
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl FromStr for Fingerprint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let error = Error::Length {
            field: "hexadecimal digits of a fingerprint",
            expected: 32,
            actual: text.len(),
        };
        if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(error);
        }
        let mut bytes = [0; 16];
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let digit = |d: u8| char::from(d).to_digit(16).unwrap_or_default() as u8;
            *byte = digit(digits[0]) << 4 | digit(digits[1]);
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: serde::Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A configuration with an identity.
pub trait Fingerprinted: Serialize {
    /// Name and version of the computation, `mir-features/log-mel/1`. The number rises whenever the
    /// *computation* changes although the configuration type does not.
    const DOMAIN: &'static str;

    /// The fingerprint of this configuration.
    ///
    /// # Errors
    /// As [`Fingerprint::of`].
    fn fingerprint(&self) -> Result<Fingerprint> {
        Fingerprint::of(Self::DOMAIN, self)
    }
}

/// Writes JSON in one form only, whatever features other crates switch on in `serde_json`.
fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Number(n) if n.is_f64() => {
            // The decimal text of a float depends on the serialiser's version; its bits do not.
            let bits = n.as_f64().unwrap_or(f64::NAN).to_bits();
            let _ = write!(out, "{bits:016x}");
        }
        Value::Number(n) => {
            let _ = write!(out, "{n}");
        }
        Value::String(s) => {
            let _ = write!(out, "{}", Value::String(s.clone()));
        }
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_canonical(item, out);
            }
            out.push(']');
        }
        Value::Object(map) => {
            // Sorted here: the map type keeps insertion order under a feature of serde_json.
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            out.push('{');
            for (i, key) in keys.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                let _ = write!(out, "{}:", Value::String(key.clone()));
                write_canonical(&map[key], out);
            }
            out.push('}');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct A {
        hop: u32,
        fmin: f64,
        name: &'static str,
    }

    #[derive(Serialize)]
    struct Reordered {
        name: &'static str,
        fmin: f64,
        hop: u32,
    }

    #[test]
    fn field_order_does_not_matter_and_every_field_does() {
        let base = Fingerprint::of("d/1", &A { hop: 512, fmin: 30.0, name: "x" }).unwrap();
        let same = Fingerprint::of("d/1", &Reordered { name: "x", fmin: 30.0, hop: 512 }).unwrap();
        assert_eq!(base, same);
        for other in [
            Fingerprint::of("d/2", &A { hop: 512, fmin: 30.0, name: "x" }),
            Fingerprint::of("d/1", &A { hop: 513, fmin: 30.0, name: "x" }),
            Fingerprint::of("d/1", &A { hop: 512, fmin: 30.000_000_000_000_004, name: "x" }),
            Fingerprint::of("d/1", &A { hop: 512, fmin: 30.0, name: "y" }),
        ] {
            assert_ne!(base, other.unwrap());
        }
    }

    #[test]
    fn the_value_is_pinned() {
        let f =
            Fingerprint::of("mir-core/test/1", &A { hop: 512, fmin: 0.1, name: "é\n" }).unwrap();
        let text = "mir-core/test/1\0{\"fmin\":3fb999999999999a,\"hop\":512,\"name\":\"é\\n\"}";
        assert_eq!(f, Fingerprint::of_bytes(text.as_bytes()));
        assert_eq!(f.to_string().parse::<Fingerprint>().unwrap(), f);
        assert_eq!(f.short().len(), 8);
        assert!("xyz".parse::<Fingerprint>().is_err());
    }
}
