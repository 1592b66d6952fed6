//! Numbers that do not change: those of PyTorch, of published tables, of TensorBoard's format.

use std::fs;

use anyhow::{Context, Error, Result, ensure};
use mir_models::run::{EventWriter, masked_crc32c};

use crate::{Counted, Scope, stored::Stored};

/// Answers the stored cases of some kinds; their number, and that of the values compared.
fn compare(kinds: &[&str]) -> Result<(usize, usize)> {
    let stored = Stored::read()?;
    ensure!(stored.versions.contains("PyTorch 2.11"), "the answers are of {}", stored.versions);
    let compared = stored.compare(kinds).map_err(Error::msg)?;
    ensure!(!compared.names.is_empty(), "no case is stored");
    Ok((compared.names.len(), compared.values))
}

/// The optimisers give the weights of PyTorch.
///
/// # Errors
/// The first value that differs.
pub fn optimisers(_: &Scope<'_>) -> Counted {
    let (cases, values) = compare(&["optimizer"])?;
    Ok(format!("{cases} optimisers, {values} values"))
}

/// The layers and the clipping give the values and gradients of PyTorch.
///
/// # Errors
/// The first value that differs.
pub fn layers(_: &Scope<'_>) -> Counted {
    let (cases, values) = compare(&["layer", "clip"])?;
    Ok(format!("{cases} layers and clippings, {values} values"))
}

/// The schedules have the rates of PyTorch.
///
/// # Errors
/// The first rate that differs.
pub fn schedules(_: &Scope<'_>) -> Counted {
    let (cases, values) = compare(&["schedule", "plateau"])?;
    Ok(format!("{cases} schedules, {values} rates"))
}

/// CRC-32C by its definition, bit by bit, masked as TensorBoard does.
fn slow_masked_crc32c(bytes: &[u8]) -> u32 {
    let mut crc = !0u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
        }
    }
    (!crc).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Every record of an event file has its length and its two sums.
///
/// # Errors
/// The first record that has not.
pub fn event_files(scope: &Scope<'_>) -> Counted {
    // The published check value of CRC-32C is e3069283.
    for sum in [masked_crc32c(b"123456789"), slow_masked_crc32c(b"123456789")] {
        ensure!(sum == 0xc78a_b0e5, "the checksum is {sum:08x}");
    }
    let mut events = EventWriter::create(scope.folder, Some(7))?;
    for step in 0..1000 {
        events.scalar("loss", step, 1.0 / (step + 1) as f64)?;
    }
    events.text("notes", 1, "two lines\n\nof text")?;
    events.histogram("weights", 2, &[-1.0, 0.0, 0.5, 2.0])?;
    events.flush()?;
    drop(events);
    let file = fs::read_dir(scope.folder)?.next().context("no event file")??.path();
    let bytes = fs::read(file)?;
    let (mut rest, mut records, mut version) = (bytes.as_slice(), 0, false);
    while !rest.is_empty() {
        let number = |at: usize| -> Result<[u8; 4]> {
            Ok(rest.get(at..at + 4).context("a record is cut off")?.try_into()?)
        };
        let length = u64::from_le_bytes(rest.get(..8).context("a record is cut off")?.try_into()?);
        let end = 12 + usize::try_from(length)?;
        let payload = rest.get(12..end).context("a record is cut off")?;
        for (sum, part) in [(number(8)?, &rest[..8]), (number(end)?, payload)] {
            ensure!(
                u32::from_le_bytes(sum) == slow_masked_crc32c(part),
                "record {records}: its sum"
            );
        }
        version |= payload.windows(13).any(|text| text == b"brain.Event:2");
        records += 1;
        rest = &rest[end + 4..];
    }
    ensure!(version, "the version of the format is missing");
    ensure!(records == 1004, "{records} records");
    Ok(format!("{records} records"))
}
