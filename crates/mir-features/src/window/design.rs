//! Windows that need more than a formula for one point.

use std::f64::consts::PI;

/// `sin(πx)/(πx)`.
pub(super) fn sinc(x: f64) -> f64 {
    if x.abs() < 1e-20 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

/// The modified Bessel function `I₀(x) = Σ ((x/2)^i / i!)²`: all terms are positive, so the series is
/// exact to rounding for every argument that a window can have.
pub(super) fn bessel_i0(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let (mut term, mut sum) = (1.0, 1.0);
    for i in 1..2000 {
        term *= quarter / f64::from(i * i);
        sum += term;
        if term < sum * 1e-17 {
            break;
        }
    }
    sum
}

/// Dolph–Chebyshev window: the Fourier transform of a Chebyshev polynomial of order `n − 1` on a circle,
/// scaled to 1 at its largest point.
pub(super) fn chebyshev(length: usize, attenuation: f64) -> Vec<f64> {
    let n = length as f64;
    let order = n - 1.0;
    let beta = ((10f64.powf(attenuation / 20.0)).acosh() / order).cosh();
    let odd = length % 2 == 1;
    let polynomial = |k: usize| {
        let x = beta * (PI * k as f64 / n).cos();
        if x > 1.0 {
            (order * x.acosh()).cosh()
        } else if x < -1.0 {
            (if odd { 1.0 } else { -1.0 }) * (order * (-x).acosh()).cosh()
        } else {
            (order * x.acos()).cos()
        }
    };
    let spectrum: Vec<f64> = (0..length).map(polynomial).collect();
    // The transform is real: odd lengths have their middle at sample 0, even ones half a sample beside.
    let shift = if odd { 0.0 } else { 0.5 };
    let half = length / 2 + 1;
    let transform = |t: usize| -> f64 {
        let step = 2.0 * PI * (t as f64 - shift) / n;
        spectrum.iter().enumerate().map(|(k, p)| p * (step * k as f64).cos()).sum()
    };
    let right: Vec<f64> = (0..half).map(transform).collect();
    let window: Vec<f64> = if odd {
        right[1..].iter().rev().chain(&right).copied().collect()
    } else {
        right[1..].iter().rev().chain(&right[1..]).copied().collect()
    };
    let top = window.iter().copied().fold(f64::MIN, f64::max);
    window.into_iter().map(|w| w / top).collect()
}

/// Taylor window, 1 in the middle (Carrara, Goodman and Majewski 1995, "Spotlight Synthetic Aperture
/// Radar", appendix D.2).
pub(super) fn taylor(length: usize, side_lobes: u32, attenuation: f64) -> Vec<f64> {
    let n = length as f64;
    let nbar = f64::from(side_lobes);
    let a = 10f64.powf(attenuation / 20.0).acosh() / PI;
    let s2 = nbar.powi(2) / (a.powi(2) + (nbar - 0.5).powi(2));
    let orders = || (1..side_lobes).map(f64::from);
    let coefficients: Vec<f64> = orders()
        .map(|m| {
            let zeros: f64 =
                orders().map(|i| 1.0 - m * m / s2 / (a.powi(2) + (i - 0.5).powi(2))).product();
            let others: f64 =
                orders().filter(|i| (i - m).abs() > 0.5).map(|i| 1.0 - m * m / (i * i)).product();
            let sign = if m % 2.0 > 0.5 { 1.0 } else { -1.0 };
            sign * zeros / (2.0 * others)
        })
        .collect();
    let value = |k: f64| {
        let x = 2.0 * PI * (k - n / 2.0 + 0.5) / n;
        1.0 + 2.0 * orders().zip(&coefficients).map(|(m, f)| f * (m * x).cos()).sum::<f64>()
    };
    let top = value((n - 1.0) / 2.0);
    (0..length).map(|k| value(k as f64) / top).collect()
}
