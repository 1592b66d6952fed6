//! Faults on purpose.

use std::fmt;

use tch::TchError;

/// What fails in a rehearsal: called before every forward pass with the step and the examples that are
/// about to be computed, it gives the text of an error of LibTorch, or nothing.
///
/// How a training answers to a lack of memory cannot be seen by waiting for one; this makes one.
///
/// ```
/// use mir_models::train::Rehearsal;
///
/// // Nothing above four examples fits.
/// let rehearsal = Rehearsal::new(|_, examples| {
///     (examples > 4).then(|| "DefaultCPUAllocator: can't allocate memory".to_owned())
/// });
/// # drop(rehearsal);
/// ```
pub struct Rehearsal(Box<dyn FnMut(u64, usize) -> Option<String> + Send>);

impl Rehearsal {
    /// A plan of faults.
    pub fn new(fault: impl FnMut(u64, usize) -> Option<String> + Send + 'static) -> Self {
        Self(Box::new(fault))
    }

    /// Fails if the plan says so.
    pub(super) fn check(&mut self, step: u64, examples: usize) -> Result<(), TchError> {
        match (self.0)(step, examples) {
            None => Ok(()),
            Some(text) => Err(TchError::Torch(text)),
        }
    }
}

impl fmt::Debug for Rehearsal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rehearsal")
    }
}
