//! Every stream in the same terms, cut in any way.

use mir_features::{FrameFeature, Streaming, StreamingCqt, StreamingHybridCqt};

/// What streams of rows have in common.
pub(crate) trait Stream {
    fn push(&mut self, samples: &[f32]);
    fn finish(&mut self);
    fn pop_into(&mut self, row: &mut [f32]) -> bool;
}

macro_rules! stream {
    ($stream:ty $(, $feature:ident)?) => {
        impl$(<$feature: FrameFeature>)? Stream for $stream {
            fn push(&mut self, samples: &[f32]) {
                self.push(samples);
            }

            fn finish(&mut self) {
                self.finish();
            }

            fn pop_into(&mut self, row: &mut [f32]) -> bool {
                self.pop_into(row)
            }
        }
    };
}

stream!(Streaming<F>, F);
stream!(StreamingCqt);
stream!(StreamingHybridCqt);

/// The bits of values, of which two NaN may be equal.
pub(crate) fn bits<'a>(values: impl IntoIterator<Item = &'a f32>) -> Vec<u32> {
    values.into_iter().map(|y| y.to_bits()).collect()
}

/// The rows of a stream that gets its samples in pieces of some lengths, and then the rest.
pub(crate) fn rows_of(
    mut stream: impl Stream,
    bins: usize,
    samples: &[f32],
    cuts: impl IntoIterator<Item = usize>,
) -> Vec<Vec<u32>> {
    let (mut rest, mut row, mut rows) = (samples, vec![0.0; bins], vec![]);
    for cut in cuts {
        let (now, later) = rest.split_at(cut.min(rest.len()));
        stream.push(now);
        rest = later;
        while stream.pop_into(&mut row) {
            rows.push(bits(&row));
        }
    }
    stream.push(rest);
    stream.finish();
    while stream.pop_into(&mut row) {
        rows.push(bits(&row));
    }
    rows
}
