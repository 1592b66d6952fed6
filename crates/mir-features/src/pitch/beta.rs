//! The beta distribution.

/// `P(X <= x)` of a beta distribution: the regularised incomplete beta function, by its continued
/// fraction (Abramowitz and Stegun 1964, 26.5.8), to about 1e-14.
pub(super) fn cumulative(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    // The fraction converges fast on this side of the mean.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - cumulative(1.0 - x, b, a);
    }
    let front =
        (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p()).exp() / a;
    // Lentz's method: the convergents as ratios of neighbours.
    let away = |v: f64| if v.abs() < 1e-300 { 1e-300 } else { v };
    let (mut c, mut d) = (1.0, 1.0 / away(1.0 - (a + b) * x / (a + 1.0)));
    let mut fraction = d;
    for m in 1..500 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut step = 1.0;
        for term in [even, odd] {
            d = 1.0 / away(1.0 + term * d);
            c = away(1.0 + term / c);
            step = c * d;
            fraction *= step;
        }
        if (step - 1.0).abs() < 1e-16 {
            break;
        }
    }
    front * fraction
}

/// `ln Γ(x)` for `x > 0`: Stirling's series after the recurrence has made `x` large.
fn ln_gamma(x: f64) -> f64 {
    let mut x = x;
    let mut shift = 0.0;
    while x < 15.0 {
        shift += x.ln();
        x += 1.0;
    }
    let inverse = 1.0 / (x * x);
    let series = (1.0 / 12.0
        - inverse
            * (1.0 / 360.0
                - inverse * (1.0 / 1260.0 - inverse * (1.0 / 1680.0 - inverse / 1188.0))))
        / x;
    (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + series - shift
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integer_shapes_are_binomial_sums() {
        // P(X <= x) for shapes a, b is the chance of at least a successes in a + b − 1 trials.
        let binomial =
            |n: u32, k: u32| (0..k).map(|i| f64::from(n - i) / f64::from(k - i)).product::<f64>();
        for (a, b) in [(2, 18), (1, 1), (5, 3), (18, 2)] {
            for step in 0..=20 {
                let x = f64::from(step) / 20.0;
                let n = a + b - 1;
                let expected: f64 = (a..=n)
                    .map(|k| binomial(n, k) * x.powi(k as i32) * (1.0 - x).powi((n - k) as i32))
                    .sum();
                let actual = cumulative(x, f64::from(a), f64::from(b));
                assert!(
                    (actual - expected).abs() < 1e-13,
                    "{a}, {b} at {x}: {actual}, not {expected}"
                );
            }
        }
    }

    #[test]
    fn the_gamma_function_interpolates_factorials() {
        assert!((ln_gamma(1.0)).abs() < 1e-13);
        assert!((ln_gamma(7.0) - 720f64.ln()).abs() < 1e-13);
        assert!((ln_gamma(0.5) - std::f64::consts::PI.sqrt().ln()).abs() < 1e-13);
    }
}
