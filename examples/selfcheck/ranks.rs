//! Several processes train as one.

use std::path::Path;

use anyhow::{Result, bail};

use crate::{Counted, Scope};

/// Two processes give the weights of one with the double batch.
///
/// # Errors
/// If they do not.
pub fn two_equal_one(_: &Scope<'_>) -> Counted {
    Ok("skipped: built without the feature `mpi`".to_owned())
}

/// Trains as one of several processes.
///
/// # Errors
/// Always, without the feature `mpi`.
pub fn train(_: &Path) -> Result<()> {
    bail!("built without the feature `mpi`")
}
