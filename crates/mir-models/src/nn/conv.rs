//! Convolutions and transposed convolutions over one and two axes.

use tch::Tensor;

use crate::{
    Error, Result,
    error::TorchContext,
    nn::{Mode, trace},
    params::{Init, Scope},
};

/// Geometry of a convolution over `N` axes; PyTorch's defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvOptions<const N: usize> {
    /// Size of the kernel, at least 1.
    pub kernel: [usize; N],
    /// Step of the kernel, at least 1.
    pub stride: [usize; N],
    /// Zeros on either side.
    pub padding: [usize; N],
    /// Distance of neighbouring kernel elements, at least 1.
    pub dilation: [usize; N],
    /// Groups of channels that do not see each other; divides the channels of both sides.
    pub groups: usize,
    /// Whether there is a bias.
    pub bias: bool,
    /// Transposed convolutions only: zeros added at the end of the output, below `stride`.
    pub output_padding: [usize; N],
}

impl<const N: usize> ConvOptions<N> {
    /// Stride 1, no padding, one group, with bias.
    pub fn new(kernel: [usize; N]) -> Self {
        Self {
            kernel,
            stride: [1; N],
            padding: [0; N],
            dilation: [1; N],
            groups: 1,
            bias: true,
            output_padding: [0; N],
        }
    }

    /// Padding that keeps the size, for an odd kernel and stride 1.
    pub fn same(kernel: [usize; N]) -> Self {
        Self { padding: kernel.map(|k| k / 2), ..Self::new(kernel) }
    }

    fn validate(&self, inputs: usize, outputs: usize) -> Result<()> {
        let refuse = |field, expected, actual: String| Err(Error::config(field, expected, actual));
        for (field, values) in
            [("kernel", &self.kernel), ("stride", &self.stride), ("dilation", &self.dilation)]
        {
            if values.contains(&0) {
                return refuse(field, "at least 1", format!("{values:?}"));
            }
        }
        let divides = |channels: usize| self.groups > 0 && channels.is_multiple_of(self.groups);
        if !divides(inputs) || !divides(outputs) {
            let actual = format!("{} for {inputs} and {outputs} channels", self.groups);
            return refuse("groups", "a divisor of the channels of both sides", actual);
        }
        Ok(())
    }
}

fn long<const N: usize>(values: [usize; N]) -> [i64; N] {
    values.map(|value| value as i64)
}

/// Convolution over the last `N` axes, 1 or 2. Weights `[out, in / groups, kernel…]`, uniform in
/// `±1/√(in / groups · kernel elements)` like the biases.
#[derive(Debug)]
pub struct Convolution<const N: usize> {
    weight: Tensor,
    bias: Option<Tensor>,
    options: ConvOptions<N>,
}

/// Convolution `[batch, channels, samples]`.
pub type Conv1d = Convolution<1>;
/// Convolution `[batch, channels, height, width]`.
pub type Conv2d = Convolution<2>;

impl<const N: usize> Convolution<N> {
    /// A layer that keeps the size: stride 1, zero padding, with bias, an odd kernel.
    ///
    /// # Errors
    /// As [`with`](Self::with).
    pub fn new(
        scope: Scope<'_>,
        inputs: usize,
        outputs: usize,
        kernel: [usize; N],
    ) -> Result<Self> {
        Self::with(scope, inputs, outputs, ConvOptions::same(kernel))
    }

    /// A layer.
    ///
    /// # Errors
    /// [`Error::Config`] for senseless options; [`Error::DuplicateParameter`], or what LibTorch says.
    pub fn with(
        scope: Scope<'_>,
        inputs: usize,
        outputs: usize,
        options: ConvOptions<N>,
    ) -> Result<Self> {
        options.validate(inputs, outputs)?;
        let channels = [outputs, inputs / options.groups];
        let (weight, bias) = parameters(scope, channels, outputs, &options)?;
        Ok(Self { weight, bias, options })
    }

    /// `[batch, in, …]` → `[batch, out, …]`, of size
    /// `⌊(size + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1` along each axis.
    ///
    /// # Errors
    /// What LibTorch says.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let weight = mode.cast(&self.weight)?;
        let bias = self.bias.as_ref().map(|bias| mode.cast(bias)).transpose()?;
        let (x, bias, o) = (mode.cast(x)?, bias.as_ref(), &self.options);
        let (stride, padding, dilation) = (long(o.stride), long(o.padding), long(o.dilation));
        let groups = o.groups as i64;
        let y = if N == 1 {
            x.f_conv1d(&weight, bias, stride, padding, dilation, groups)
        } else {
            x.f_conv2d(&weight, bias, stride, padding, dilation, groups)
        }
        .during("a convolution")?;
        trace::output(&self.weight, &y)?;
        Ok(y)
    }
}

/// Weights `[channels…, kernel…]` and a bias for each output, drawn alike.
fn parameters<const N: usize>(
    mut scope: Scope<'_>,
    channels: [usize; 2],
    outputs: usize,
    options: &ConvOptions<N>,
) -> Result<(Tensor, Option<Tensor>)> {
    let shape = [&channels[..], &options.kernel].concat();
    let init = Init::fan_in(shape[1..].iter().product());
    let weight = scope.weight("weight", &shape, init)?;
    let bias = options.bias.then(|| scope.weight("bias", &[outputs], init)).transpose()?;
    Ok((weight, bias))
}

/// Transposed convolution over the last `N` axes, 1 or 2. Weights `[in, out / groups, kernel…]`, uniform
/// in `±1/√(out / groups · kernel elements)` like the biases.
#[derive(Debug)]
pub struct TransposedConvolution<const N: usize> {
    weight: Tensor,
    bias: Option<Tensor>,
    options: ConvOptions<N>,
}

/// Transposed convolution `[batch, channels, samples]`.
pub type ConvTranspose1d = TransposedConvolution<1>;
/// Transposed convolution `[batch, channels, height, width]`.
pub type ConvTranspose2d = TransposedConvolution<2>;

impl<const N: usize> TransposedConvolution<N> {
    /// A layer.
    ///
    /// # Errors
    /// [`Error::Config`] for senseless options; [`Error::DuplicateParameter`], or what LibTorch says.
    pub fn with(
        scope: Scope<'_>,
        inputs: usize,
        outputs: usize,
        options: ConvOptions<N>,
    ) -> Result<Self> {
        options.validate(inputs, outputs)?;
        let channels = [inputs, outputs / options.groups];
        let (weight, bias) = parameters(scope, channels, outputs, &options)?;
        Ok(Self { weight, bias, options })
    }

    /// `[batch, in, …]` → `[batch, out, …]`, of size
    /// `(size − 1)·stride − 2·padding + dilation·(kernel − 1) + output_padding + 1` along each axis.
    ///
    /// # Errors
    /// What LibTorch says.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let weight = mode.cast(&self.weight)?;
        let bias = self.bias.as_ref().map(|bias| mode.cast(bias)).transpose()?;
        let (x, bias, o) = (mode.cast(x)?, bias.as_ref(), &self.options);
        let (stride, padding, dilation) = (long(o.stride), long(o.padding), long(o.dilation));
        let (end, groups) = (long(o.output_padding), o.groups as i64);
        let y = if N == 1 {
            x.f_conv_transpose1d(&weight, bias, stride, padding, end, groups, dilation)
        } else {
            x.f_conv_transpose2d(&weight, bias, stride, padding, end, groups, dilation)
        }
        .during("a transposed convolution")?;
        trace::output(&self.weight, &y)?;
        Ok(y)
    }
}
