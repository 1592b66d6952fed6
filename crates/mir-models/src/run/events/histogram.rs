//! Distributions in TensorBoard's buckets.

use std::sync::OnceLock;

use super::message::Message;

/// Right edges of the buckets: 0 and ±10⁻¹²·1.1ⁱ up to 10²⁰, then everything. These are the edges that
/// TensorFlow uses; TensorBoard reads any.
fn edges() -> &'static [f64] {
    static EDGES: OnceLock<Vec<f64>> = OnceLock::new();
    EDGES.get_or_init(|| {
        let positive: Vec<f64> = std::iter::successors(Some(1e-12), |edge| Some(edge * 1.1))
            .take_while(|&e| e < 1e20)
            .collect();
        let negative = positive.iter().rev().map(|edge| -edge);
        negative.chain([0.0]).chain(positive.iter().copied()).chain([f64::MAX]).collect()
    })
}

/// A `HistogramProto` of the values that are finite.
pub(super) fn encode(values: &[f32]) -> Message {
    let values = || values.iter().map(|&x| f64::from(x)).filter(|x| x.is_finite());
    let edges = edges();
    let mut counts = vec![0u64; edges.len()];
    let (mut low, mut high, mut count, mut sum, mut squares) =
        (f64::INFINITY, f64::NEG_INFINITY, 0u64, 0.0, 0.0);
    for x in values() {
        (low, high) = (low.min(x), high.max(x));
        count += 1;
        sum += x;
        squares += x * x;
        counts[edges.partition_point(|&edge| edge <= x).min(edges.len() - 1)] += 1;
    }
    let mut message = Message::default();
    message.double(1, if count > 0 { low } else { 0.0 });
    message.double(2, if count > 0 { high } else { 0.0 });
    message.double(3, count as f64);
    message.double(4, sum);
    message.double(5, squares);
    // Empty buckets at both ends are left out, but for one on the left: it is where the first one starts.
    let first = counts.iter().position(|&n| n > 0).unwrap_or(0).saturating_sub(1);
    let last = counts.iter().rposition(|&n| n > 0).unwrap_or(0);
    message.doubles(6, edges[first..=last].iter().copied());
    message.doubles(7, counts[first..=last].iter().map(|&n| n as f64));
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fields 6 and 7: limits and counts, behind the five numbers of nine bytes each.
    fn buckets(values: &[f32]) -> (Vec<f64>, Vec<f64>) {
        let bytes = encode(values).0;
        let mut rest = &bytes[45..];
        let mut lists = Vec::new();
        for field in [6u8, 7] {
            assert_eq!(rest[0], field << 3 | 2);
            let (mut length, mut at) = (0usize, 1);
            loop {
                length |= usize::from(rest[at] & 0x7f) << (7 * (at - 1));
                at += 1;
                if rest[at - 1] & 0x80 == 0 {
                    break;
                }
            }
            let doubles = rest[at..at + length].as_chunks::<8>().0;
            lists.push(doubles.iter().map(|&b| f64::from_le_bytes(b)).collect());
            rest = &rest[at + length..];
        }
        assert!(rest.is_empty());
        let counts = lists.pop().unwrap();
        (lists.pop().unwrap(), counts)
    }

    #[test]
    fn every_value_is_in_the_bucket_below_its_limit() {
        let values = [-3.0, -3.0, -1e-30, 0.0, 1e-13, 0.5, 7.0, f32::NAN, f32::INFINITY];
        let (limits, counts) = buckets(&values);
        assert!((counts.iter().sum::<f64>() - 7.0).abs() < 1e-12);
        for (window, &count) in limits.windows(2).zip(&counts[1..]) {
            let inside = |x: f64| window[0] <= x && x < window[1];
            let expected = values.iter().filter(|&&x| inside(f64::from(x))).count();
            assert!((count - expected as f64).abs() < 1e-12, "{window:?}");
        }
        assert!(counts[0].abs() < 1e-12);
        assert!(*limits.last().unwrap() > 7.0 && limits[0] <= -3.0);
    }

    #[test]
    fn no_values_make_an_empty_histogram() {
        let (limits, counts) = buckets(&[]);
        assert_eq!((limits.len(), counts), (1, vec![0.0]));
    }
}
