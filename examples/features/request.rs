//! What is asked for, applied to one recording.

use std::path::{Path, PathBuf};

use mir_audio::LoadOptions;
use mir_core::{AudioBuffer, SampleRate};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    args::Args,
    catalogue::{self, Feature},
    common::{
        config,
        failure::{Failure, Outcome},
    },
    result::Output,
};

/// A feature with everything that changes it.
#[derive(Debug)]
pub struct Request {
    feature: &'static Feature,
    preset: Option<String>,
    rate: Option<SampleRate>,
    mono: bool,
    config: Option<PathBuf>,
    set: Vec<String>,
}

impl Request {
    /// # Errors
    /// A usage failure for a feature, preset or rate that there is not.
    pub fn new(args: &Args) -> Outcome<Self> {
        let feature = catalogue::find(args.feature.as_deref().unwrap_or_default())?;
        let rate = args.rate.map(SampleRate::new).transpose();
        if let Some(preset) = &args.preset {
            feature.check_preset(preset)?;
        }
        Ok(Self {
            feature,
            preset: args.preset.clone(),
            rate: rate.map_err(|e| Failure::usage(format!("--rate: {e}")))?,
            mono: !args.channels,
            config: args.common.config.clone(),
            set: args.common.set.clone(),
        })
    }

    /// The feature of a recording.
    ///
    /// # Errors
    /// A usage failure for settings, a data failure for the recording.
    pub fn compute(&self, path: &Path) -> Outcome<Output> {
        let rate = match self.rate {
            Some(rate) => rate,
            None => mir_audio::info(path)?.sample_rate,
        };
        let mut output = (self.feature.compute)(&Input { request: self, path, rate })?;
        for part in output.parts.iter_mut().filter(|part| part.name.is_empty()) {
            part.name = self.feature.name.replace('-', "_");
        }
        Ok(output)
    }
}

/// A recording for which a feature is computed.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    request: &'a Request,
    path: &'a Path,
    /// The rate at which features work that have none of their own.
    pub rate: SampleRate,
}

impl Input<'_> {
    /// The preset, empty if none was named.
    pub fn preset(&self) -> &str {
        self.request.preset.as_deref().unwrap_or_default()
    }

    /// Changes the settings as the user asks, loads the recording at their rate, and computes.
    ///
    /// # Errors
    /// A usage failure for settings, a data failure for the recording.
    pub fn run<C: Serialize + DeserializeOwned, T: Into<Output>>(
        &self,
        preset: &C,
        rate: impl Fn(&C) -> SampleRate,
        compute: impl FnOnce(C, &AudioBuffer) -> mir_features::Result<T>,
    ) -> Outcome<Output> {
        let config = config::resolve(preset, self.request.config.as_deref(), &self.request.set)?;
        let options = LoadOptions {
            sample_rate: Some(rate(&config)),
            mono: self.request.mono,
            ..LoadOptions::default()
        };
        let audio = mir_audio::load(self.path, &options)?;
        Ok(compute(config, &audio)?.into())
    }
}
