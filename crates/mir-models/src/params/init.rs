//! Initial values.

use std::f64::consts::{SQRT_2, TAU};

use rand::{Rng, RngExt};

/// How a tensor starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// Every element the same.
    Constant(f64),
    /// Uniform in `±bound`.
    Uniform {
        /// The bound, at least 0.
        bound: f64,
    },
    /// Normal around 0.
    Normal {
        /// Standard deviation, at least 0.
        deviation: f64,
    },
    /// Normal around 0, drawn again where it lies beyond `±bound`.
    TruncatedNormal {
        /// Standard deviation before the cut, at least 0.
        deviation: f64,
        /// The bound, above 0.
        bound: f64,
    },
    /// Rows (or columns, whichever are fewer) orthogonal and of length `gain`, uniformly distributed over all
    /// such matrices (Saxe et al. 2014). The tensor counts as a matrix of its first axis by the rest.
    Orthogonal {
        /// Length of the vectors.
        gain: f64,
    },
}

/// What follows a layer, for the gain that keeps the variance of the values (He et al. 2015).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Nonlinearity {
    /// Nothing, or a sigmoid: gain 1.
    Linear,
    /// Hyperbolic tangent: gain 5/3.
    Tanh,
    /// `max(0, x)`: gain √2.
    Relu,
    /// `max(0, x) + slope·min(0, x)`: gain `√(2 / (1 + slope²))`.
    LeakyRelu {
        /// The slope.
        slope: f64,
    },
    /// Self-normalising units: gain 3/4.
    Selu,
}

impl Nonlinearity {
    /// The gain, as PyTorch's `calculate_gain` has it.
    pub fn gain(self) -> f64 {
        match self {
            Self::Linear => 1.0,
            Self::Tanh => 5.0 / 3.0,
            Self::Relu => SQRT_2,
            Self::LeakyRelu { slope } => (2.0 / (1.0 + slope * slope)).sqrt(),
            Self::Selu => 0.75,
        }
    }
}

impl Init {
    /// PyTorch's default for the weights *and* biases of linear and convolutional layers: uniform in
    /// `±1/√fan_in`.
    pub fn fan_in(fan_in: usize) -> Self {
        Self::Uniform { bound: 1.0 / (fan_in.max(1) as f64).sqrt() }
    }

    /// Uniform with deviation `gain·√(2 / (fan_in + fan_out))` (Glorot and Bengio 2010).
    pub fn xavier_uniform(fan_in: usize, fan_out: usize, gain: f64) -> Self {
        Self::Uniform { bound: gain * (6.0 / (fan_in + fan_out).max(1) as f64).sqrt() }
    }

    /// Normal with deviation `gain·√(2 / (fan_in + fan_out))` (Glorot and Bengio 2010).
    pub fn xavier_normal(fan_in: usize, fan_out: usize, gain: f64) -> Self {
        Self::Normal { deviation: gain * (2.0 / (fan_in + fan_out).max(1) as f64).sqrt() }
    }

    /// Uniform with deviation `gain / √fan` (He et al. 2015); `fan` is the inputs, or the outputs, that a
    /// value is connected with.
    pub fn kaiming_uniform(fan: usize, nonlinearity: Nonlinearity) -> Self {
        Self::Uniform { bound: nonlinearity.gain() * (3.0 / fan.max(1) as f64).sqrt() }
    }

    /// Normal with deviation `gain / √fan` (He et al. 2015).
    pub fn kaiming_normal(fan: usize, nonlinearity: Nonlinearity) -> Self {
        Self::Normal { deviation: nonlinearity.gain() / (fan.max(1) as f64).sqrt() }
    }

    /// Values for a shape, row by row, from a generator that is made if one is needed.
    pub(super) fn values<R: Rng>(self, shape: &[usize], rng: impl FnOnce() -> R) -> Vec<f32> {
        let count = shape.iter().product();
        match self {
            Self::Constant(value) => vec![value as f32; count],
            Self::Uniform { bound } => {
                let mut rng = rng();
                (0..count).map(|_| (bound * (2.0 * rng.random::<f64>() - 1.0)) as f32).collect()
            }
            Self::Normal { deviation } => {
                let mut rng = rng();
                (0..count).map(|_| (deviation * normal(&mut rng)) as f32).collect()
            }
            Self::TruncatedNormal { deviation, bound } => {
                let mut rng = rng();
                let mut draw = || loop {
                    let value = deviation * normal(&mut rng);
                    // A bound of nothing has one value only.
                    if value.abs() <= bound || bound <= 0.0 {
                        return value.clamp(-bound.max(0.0), bound.max(0.0)) as f32;
                    }
                };
                (0..count).map(|_| draw()).collect()
            }
            Self::Orthogonal { gain } => {
                let rows = shape.first().copied().unwrap_or(1);
                orthogonal(rows, count / rows.max(1), gain, &mut rng())
            }
        }
    }
}

/// A standard normal number (Box and Muller 1958).
fn normal(rng: &mut impl Rng) -> f64 {
    // In (0, 1]: the logarithm of 0 is not finite.
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (TAU * rng.random::<f64>()).cos()
}

/// The orthogonal factor of a matrix of normal numbers, by Gram and Schmidt's method. Each vector is made
/// orthogonal twice, which leaves nothing but rounding ("twice is enough", Kahan and Parlett).
fn orthogonal(rows: usize, columns: usize, gain: f64, rng: &mut impl Rng) -> Vec<f32> {
    let (count, length) = (rows.min(columns), rows.max(columns));
    let mut basis: Vec<Vec<f64>> = Vec::with_capacity(count);
    while basis.len() < count {
        let mut vector: Vec<f64> = (0..length).map(|_| normal(rng)).collect();
        for _ in 0..2 {
            for other in &basis {
                let product: f64 = vector.iter().zip(other).map(|(a, b)| a * b).sum();
                vector.iter_mut().zip(other).for_each(|(a, b)| *a -= product * b);
            }
        }
        let norm = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
        if norm > 1e-6 {
            vector.iter_mut().for_each(|x| *x /= norm);
            basis.push(vector);
        }
    }
    let at = |row: usize, column: usize| {
        if rows <= columns { basis[row][column] } else { basis[column][row] }
    };
    (0..rows)
        .flat_map(|row| (0..columns).map(move |column| (row, column)))
        .map(|(row, column)| (gain * at(row, column)) as f32)
        .collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn draw(init: Init, shape: &[usize]) -> Vec<f64> {
        let values = init.values(shape, || ChaCha8Rng::seed_from_u64(7));
        values.into_iter().map(f64::from).collect()
    }

    /// Moments of 100,000 draws: their own deviation is below half a percent of what they estimate.
    #[test]
    fn every_distribution_has_its_moments_and_bounds() {
        let relu = Nonlinearity::Relu;
        let third = 1.0 / 3f64.sqrt();
        for (init, deviation, bound, kurtosis) in [
            (Init::fan_in(16), 0.25 * third, 0.25, 1.8),
            (Init::xavier_uniform(10, 14, 2.0), third, 1.0, 1.8),
            (Init::xavier_normal(10, 22, 2.0), 0.5, f64::INFINITY, 3.0),
            (Init::kaiming_uniform(24, relu), 0.5 * third, 0.5, 1.8),
            (Init::kaiming_normal(8, relu), 0.5, f64::INFINITY, 3.0),
            (Init::Normal { deviation: 2.0 }, 2.0, f64::INFINITY, 3.0),
            // A normal distribution cut at twice its deviation: 0.8796 of it is left, 2.3655 is the fourth
            // moment over the square of the second.
            (Init::TruncatedNormal { deviation: 0.5, bound: 1.0 }, 0.4398, 1.0, 2.3655),
        ] {
            let values = draw(init, &[100, 1000]);
            let moment = |k: i32| values.iter().map(|x| x.powi(k)).sum::<f64>() / 1e5;
            assert!(moment(1).abs() < 0.02 * deviation, "{init:?}: mean {}", moment(1));
            let got = moment(2).sqrt();
            assert!((got / deviation - 1.0).abs() < 0.01, "{init:?}: {got} instead of {deviation}");
            let got = moment(4) / moment(2).powi(2);
            assert!((got / kurtosis - 1.0).abs() < 0.03, "{init:?}: {got} instead of {kurtosis}");
            let largest = values.iter().fold(0.0f64, |a, x| a.max(x.abs()));
            assert!(largest <= bound * (1.0 + 1e-6), "{init:?}: {largest}");
            assert!(bound.is_infinite() || largest > 0.98 * bound, "{init:?}: {largest}");
        }
        assert_eq!(draw(Init::Constant(0.5), &[3]), [0.5; 3]);
        assert!(draw(Init::fan_in(1), &[0, 4]).is_empty());
    }

    #[test]
    fn orthogonal_vectors_have_the_gain_as_length() {
        for shape in [[6, 20], [20, 6], [8, 8]] {
            let values = draw(Init::Orthogonal { gain: 3.0 }, &shape);
            let at = |row: usize, column: usize| values[row * shape[1] + column];
            let wide = shape[0] <= shape[1];
            let (count, length) = if wide { (shape[0], shape[1]) } else { (shape[1], shape[0]) };
            for a in 0..count {
                for b in 0..count {
                    let entry = |v, i| if wide { at(v, i) } else { at(i, v) };
                    let product: f64 = (0..length).map(|i| entry(a, i) * entry(b, i)).sum();
                    let expected = if a == b { 9.0 } else { 0.0 };
                    assert!((product - expected).abs() < 1e-5, "{shape:?} {a} {b}: {product}");
                }
            }
        }
    }

    #[test]
    fn gains_are_the_published_ones() {
        for (nonlinearity, gain) in [
            (Nonlinearity::Linear, 1.0),
            (Nonlinearity::Tanh, 1.666_666_7),
            (Nonlinearity::Relu, 2f64.powf(0.5)),
            (Nonlinearity::LeakyRelu { slope: 0.01 }, 1.414_142_9),
            (Nonlinearity::Selu, 0.75),
        ] {
            assert!((nonlinearity.gain() - gain).abs() < 1e-6, "{nonlinearity:?}");
        }
    }
}
