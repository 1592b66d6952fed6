//! The natural logarithm of a slice, without a branch, so that the compiler can vectorise it.
//!
//! 229 calls of the library's `ln` cost half as much as the Fourier transform of a frame. This one is
//! within 2 units in the last place of the true value (tested over all binades), and has the same
//! bits on every machine: only additions, multiplications and integer operations, in a fixed order.

/// ln 2, split: the first part has so few bits that `exponent · LN2_HIGH` is exact.
const LN2_HIGH: f32 = 0.693_359_375;
const LN2_LOW: f32 = -2.121_944_4e-4;
/// Bits of √½: mantissas are brought to [√½, √2).
const SQRT_HALF: u32 = 0x3f35_04f3;

/// `ln(x)` for normal positive `x`. 0, subnormal and negative numbers, infinities and NaN are outside
/// its domain: callers clamp first.
#[inline(always)]
pub(crate) fn ln(x: f32) -> f32 {
    // x = 2^e · (1 + m) with 1 + m in [√½, √2); arithmetic on the bits as in musl's logf.
    let bits = x.to_bits().wrapping_sub(SQRT_HALF);
    let e = ((bits as i32) >> 23) as f32;
    let m = f32::from_bits((bits & 0x007f_ffff) + SQRT_HALF) - 1.0;
    // ln(1 + m) ≈ m − m²/2 + m³·p(m): coefficients of Cephes' logf (Moshier 1992).
    let m2 = m * m;
    let p = 7.037_683_6e-2 * m - 1.151_461e-1;
    let p = p * m + 1.167_699_9e-1;
    let p = p * m - 1.242_014_1e-1;
    let p = p * m + 1.424_932_3e-1;
    let p = p * m - 1.666_805_8e-1;
    let p = p * m + 2.000_071_5e-1;
    let p = p * m - 2.499_999_4e-1;
    let p = p * m + 3.333_333_1e-1;
    // Small terms first.
    let small = p * m * m2 + e * LN2_LOW - 0.5 * m2;
    e * LN2_HIGH + (m + small)
}

/// `scale · ln(max(x, floor))` in place; NaN counts as the floor, +∞ as the largest finite number.
#[inline(always)]
pub(crate) fn scaled_ln(values: &mut [f32], floor: f32, scale: f32) {
    for value in values {
        // Written as comparisons: they compile to one instruction each and send NaN to the floor.
        let x = if *value > floor { *value } else { floor };
        let x = if x < f32::MAX { x } else { f32::MAX };
        *value = scale * ln(x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logarithm_is_within_two_units_in_the_last_place() {
        let mut worst = 0.0_f64;
        // A stride coprime to the binade length visits every binade at different mantissas.
        for bits in (f32::MIN_POSITIVE.to_bits()..=f32::MAX.to_bits()).step_by(1009) {
            let x = f32::from_bits(bits);
            let expected = f64::from(x).ln();
            let unit = f64::from(f32::EPSILON) * 2f64.powi(expected.abs().log2().floor() as i32);
            let error =
                (f64::from(ln(x)) - expected).abs() / unit.max(f64::from(f32::MIN_POSITIVE));
            worst = worst.max(error);
        }
        assert!(worst <= 2.0, "{worst} ulp");
    }

    #[test]
    fn clamping_takes_care_of_everything_outside_the_domain() {
        let floor = 1e-5;
        let mut x = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1.0, 0.0, 1e-40, 1.0];
        scaled_ln(&mut x, floor, 1.0);
        let low = floor.ln();
        for (i, expected) in [low, f32::MAX.ln(), low, low, low, low, 0.0].iter().enumerate() {
            assert!((x[i] - expected).abs() < 1e-5, "element {i} is {}", x[i]);
        }
    }
}
