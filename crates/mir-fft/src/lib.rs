//! Planners of Fourier transforms, compiled once.
//!
//! The planners of [`rustfft`] and [`realfft`] are generic: whoever makes one has all of their algorithms compiled
//! into the own crate, which took the compiler longer than the rest of it. These are the same planners with their
//! precision fixed. What they give are trait objects, which cost nothing to compile.
//!
//! ```
//! use mir_fft::RealPlanner32;
//!
//! let forward = RealPlanner32::new().plan_fft_forward(8);
//! let (mut input, mut spectrum) = (forward.make_input_vec(), forward.make_output_vec());
//! input[0] = 1.0;
//! forward.process(&mut input, &mut spectrum)?;
//! assert!(spectrum.iter().all(|x| (x.re - 1.0).abs() < 1e-6 && x.im.abs() < 1e-6));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::{fmt, sync::Arc};

pub use realfft::{ComplexToReal, RealToComplex, num_complex};
pub use rustfft::{Fft, num_traits};

macro_rules! planners {
    ($($complex:ident, $real:ident, $float:ty, $words:literal;)*) => {$(
        #[doc = concat!("Plans transforms of complex numbers of ", $words, " floats, and keeps the plans: ")]
        #[doc = "[`rustfft::FftPlanner`]."]
        #[doc = ""]
        #[doc = "```"]
        #[doc = concat!("let fft = mir_fft::", stringify!($complex), "::new().plan_fft_forward(1024);")]
        #[doc = "assert_eq!(fft.len(), 1024);"]
        #[doc = "```"]
        pub struct $complex(rustfft::FftPlanner<$float>);

        impl $complex {
            /// Without plans.
            #[expect(clippy::new_without_default, reason = "as the planner that it stands for")]
            pub fn new() -> Self {
                Self(rustfft::FftPlanner::new())
            }

            /// `X[k] = Σ x[n]·e^(−2πi·k·n/N)` of `len` points.
            pub fn plan_fft_forward(&mut self, len: usize) -> Arc<dyn Fft<$float>> {
                self.0.plan_fft_forward(len)
            }

            /// `x[n] = Σ X[k]·e^(2πi·k·n/N)` of `len` points, not divided by N.
            pub fn plan_fft_inverse(&mut self, len: usize) -> Arc<dyn Fft<$float>> {
                self.0.plan_fft_inverse(len)
            }
        }

        impl fmt::Debug for $complex {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($complex)).finish_non_exhaustive()
            }
        }

        #[doc = concat!("Plans transforms of real numbers of ", $words, " floats, and keeps the plans: ")]
        #[doc = "[`realfft::RealFftPlanner`]."]
        #[doc = ""]
        #[doc = "```"]
        #[doc = concat!("let fft = mir_fft::", stringify!($real), "::new().plan_fft_inverse(1024);")]
        #[doc = "assert_eq!(fft.make_input_vec().len(), 513);"]
        #[doc = "```"]
        pub struct $real(realfft::RealFftPlanner<$float>);

        impl $real {
            /// Without plans.
            #[expect(clippy::new_without_default, reason = "as the planner that it stands for")]
            pub fn new() -> Self {
                Self(realfft::RealFftPlanner::new())
            }

            /// From `len` real numbers to the `len / 2 + 1` first of their spectrum.
            pub fn plan_fft_forward(&mut self, len: usize) -> Arc<dyn RealToComplex<$float>> {
                self.0.plan_fft_forward(len)
            }

            /// From `len / 2 + 1` numbers of a spectrum to `len` real ones, not divided by `len`.
            pub fn plan_fft_inverse(&mut self, len: usize) -> Arc<dyn ComplexToReal<$float>> {
                self.0.plan_fft_inverse(len)
            }
        }

        impl fmt::Debug for $real {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($real)).finish_non_exhaustive()
            }
        }
    )*};
}

planners! {
    Planner32, RealPlanner32, f32, "32-bit";
    Planner64, RealPlanner64, f64, "64-bit";
}
