//! Complete networks, one file per paper.

mod high_resolution;
mod onsets_frames;

use tch::Tensor;

use crate::{Result, error::TorchContext};

pub(crate) use high_resolution::start_as_published;
pub use high_resolution::{HighResolutionNotes, HighResolutionPedals, NoteHeads, PedalHeads};
pub use onsets_frames::{Heads, OnsetsFrames};

/// `[batch, 1, frames, bins]` laid out with the channels last, an order that the layers after it keep:
/// normalisation, pooling and convolution of few channels move a third less memory than plane by plane.
fn channels_last(x: &Tensor) -> Result<Tensor> {
    x.f_contiguous()
        .and_then(|x| x.f_squeeze_dim(1)?.f_unsqueeze(-1)?.f_permute([0, 3, 1, 2]))
        .during("laying out the input")
}
