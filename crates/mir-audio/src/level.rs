//! How loud is a recording, and how is it brought to a given level?
//!
//! # Conventions
//! - Decibels full scale (dBFS): `20·log10(|x|)`, 0 for a sample of ±1.
//! - Loudness as EBU R 128 and ITU-R BS.1770-4 define it: K-weighted, gated, in LUFS. 997 Hz at 0 dBFS in
//!   one of two channels are −3 LUFS. Channels are taken to be in the order left, right, centre, low
//!   frequency, left surround, right surround; the fourth of six does not count.
//! - A true peak (BS.1770-4, annex 2) is that of the signal between the samples, found at four times the
//!   rate (twice at 96 kHz, once from 192 kHz on).

use mir_core::AudioBuffer;

use crate::{Error, Result, mix};
#[cfg(feature = "loudness")]
pub use meter::{Loudness, LoudnessMeter, loudness, normalize_loudness};

/// The audio at a gain that makes its largest magnitude `peak_db` dBFS. Silence stays silence.
///
/// ```
/// use mir_audio::{AudioBuffer, SampleRate, level};
/// let audio = AudioBuffer::mono(SampleRate::HZ_16000, vec![0.1, -0.2, 0.05]);
/// let louder = level::normalize_peak(audio, -6.0206)?;
/// assert!((louder.peak() - 0.5).abs() < 1e-6);
/// # Ok::<(), mir_audio::Error>(())
/// ```
///
/// # Errors
/// [`Error::OutOfRange`] unless `peak_db` is finite, [`Error::Core`] for samples that are not.
pub fn normalize_peak(audio: AudioBuffer, peak_db: f64) -> Result<AudioBuffer> {
    check_finite("peak_db", "a finite number of decibels", peak_db)?;
    audio.check_finite()?;
    let peak = f64::from(audio.peak());
    Ok(if peak > 0.0 { mix::gain(audio, mix::from_db(peak_db) / peak) } else { audio })
}

fn check_finite(field: &'static str, expected: &'static str, actual: f64) -> Result<()> {
    if actual.is_finite() { Ok(()) } else { Err(Error::OutOfRange { field, expected, actual }) }
}

#[cfg(feature = "loudness")]
mod meter {
    use std::fmt;

    use ebur128::{EbuR128, Mode};
    use mir_core::{AudioBuffer, SampleRate};
    use serde::{Deserialize, Serialize};

    use super::check_finite;
    use crate::{Error, Result, mix};

    /// What an EBU R 128 meter shows at the end of a recording.
    #[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
    pub struct Loudness {
        /// Gated loudness of the whole in LUFS; `None` if nothing exceeds −70 LUFS, or for less than
        /// 0.4 s.
        pub integrated: Option<f64>,
        /// Loudness range (EBU Tech 3342) in LU, 0 for less than 3 s.
        pub range: f64,
        /// Loudest 0.4 s in LUFS.
        pub max_momentary: Option<f64>,
        /// Loudest 3 s in LUFS.
        pub max_short_term: Option<f64>,
        /// Largest true peak of any channel in dBFS (dBTP); `None` for silence.
        pub true_peak: Option<f64>,
    }

    /// An EBU R 128 meter for audio that comes in blocks.
    ///
    /// ```
    /// use mir_audio::{AudioBuffer, SampleRate, level::LoudnessMeter};
    /// let mut meter = LoudnessMeter::new(SampleRate::HZ_48000, 2)?;
    /// for _ in 0..10 {
    ///     meter.push(&AudioBuffer::silence(SampleRate::HZ_48000, 2, 4800)?)?;
    /// }
    /// assert_eq!(meter.loudness()?.integrated, None);
    /// # Ok::<(), mir_audio::Error>(())
    /// ```
    pub struct LoudnessMeter {
        meter: EbuR128,
        rate: SampleRate,
        channels: usize,
        /// Samples that make 100 ms, after which the maxima are looked at.
        step: usize,
        /// Samples since then.
        since: usize,
        max_momentary: f64,
        max_short_term: f64,
    }

    impl fmt::Debug for LoudnessMeter {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("LoudnessMeter")
                .field("rate", &self.rate)
                .field("channels", &self.channels)
                .finish_non_exhaustive()
        }
    }

    impl LoudnessMeter {
        /// A meter for a rate and a number of channels.
        ///
        /// # Errors
        /// [`Error::OutOfRange`] unless the rate is 16 Hz to 2 822 400 Hz and there are 1 to 64 channels.
        pub fn new(rate: SampleRate, channels: usize) -> Result<Self> {
            let hz = rate.hz();
            if !(16..=2_822_400).contains(&hz) {
                return Err(Error::OutOfRange {
                    field: "sample rate",
                    expected: "16 to 2822400 Hz for a loudness",
                    actual: f64::from(hz),
                });
            }
            if !(1..=64).contains(&channels) {
                return Err(Error::OutOfRange {
                    field: "channels",
                    expected: "1 to 64 for a loudness",
                    actual: channels as f64,
                });
            }
            // Histograms keep the memory constant however long the recording is.
            let mode = Mode::I | Mode::LRA | Mode::M | Mode::S | Mode::TRUE_PEAK | Mode::HISTOGRAM;
            Ok(Self {
                meter: EbuR128::new(channels as u32, hz, mode).map_err(failed)?,
                rate,
                channels,
                step: (hz as usize).div_ceil(10),
                since: 0,
                max_momentary: f64::NEG_INFINITY,
                max_short_term: f64::NEG_INFINITY,
            })
        }

        /// Takes the next block. The result does not depend on how the recording was cut.
        ///
        /// # Errors
        /// [`Error::Mismatch`] for another rate or number of channels, [`Error::Core`] for samples that
        /// are not finite.
        pub fn push(&mut self, audio: &AudioBuffer) -> Result<()> {
            let pairs = [
                ("sample rate in Hz", self.rate.hz() as u64, audio.sample_rate().hz() as u64),
                ("number of channels", self.channels as u64, audio.channels() as u64),
            ];
            for (field, expected, actual) in pairs {
                if expected != actual {
                    return Err(Error::Mismatch { field, expected, actual });
                }
            }
            audio.check_finite()?;
            let mut at = 0;
            while at < audio.len() {
                let end = (at + self.step - self.since).min(audio.len());
                let planes: Vec<&[f32]> =
                    (0..self.channels).map(|channel| &audio.channel(channel)[at..end]).collect();
                self.meter.add_frames_planar_f32(&planes).map_err(failed)?;
                self.since += end - at;
                if self.since == self.step {
                    self.since = 0;
                    self.look()?;
                }
                at = end;
            }
            Ok(())
        }

        fn look(&mut self) -> Result<()> {
            let momentary = self.meter.loudness_momentary().map_err(failed)?;
            let short_term = self.meter.loudness_shortterm().map_err(failed)?;
            self.max_momentary = self.max_momentary.max(momentary);
            self.max_short_term = self.max_short_term.max(short_term);
            Ok(())
        }

        /// What the meter shows now.
        ///
        /// # Errors
        /// [`Error::Loudness`] if the measurement fails, which no recording is known to bring about.
        pub fn loudness(&self) -> Result<Loudness> {
            let finite = |value: f64| value.is_finite().then_some(value);
            let mut true_peak = 0.0_f64;
            for channel in 0..self.channels as u32 {
                true_peak = true_peak.max(self.meter.true_peak(channel).map_err(failed)?);
            }
            Ok(Loudness {
                integrated: finite(self.meter.loudness_global().map_err(failed)?),
                range: self.meter.loudness_range().map_err(failed)?,
                max_momentary: finite(self.max_momentary),
                max_short_term: finite(self.max_short_term),
                true_peak: finite(20.0 * true_peak.log10()),
            })
        }
    }

    fn failed(source: ebur128::Error) -> Error {
        Error::Loudness { source: source.into() }
    }

    /// The loudness of a recording.
    ///
    /// ```
    /// use mir_audio::{AudioBuffer, SampleRate, level};
    /// let hz = 997.0 * std::f64::consts::TAU / 48_000.0;
    /// let tone: Vec<f32> = (0..240_000).map(|n| (hz * f64::from(n)).sin() as f32).collect();
    /// let audio = AudioBuffer::mono(SampleRate::HZ_48000, tone);
    /// let measured = level::loudness(&audio)?.integrated.expect("it is not silent");
    /// assert!((measured - -3.01).abs() < 0.1);
    /// # Ok::<(), mir_audio::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`LoudnessMeter`].
    pub fn loudness(audio: &AudioBuffer) -> Result<Loudness> {
        let mut meter = LoudnessMeter::new(audio.sample_rate(), audio.channels())?;
        meter.push(audio)?;
        meter.loudness()
    }

    /// The audio at a gain that makes its integrated loudness `target` LUFS: −23 for broadcasts (R 128),
    /// −14 for streaming services. What has no loudness, like silence, stays as it is.
    ///
    /// Peaks may exceed full scale afterwards: floating point keeps them, integer formats clip them.
    ///
    /// ```
    /// use mir_audio::{AudioBuffer, SampleRate, level};
    /// let noise = (0..48_000).map(|n| (n * 7919 % 1000) as f32 / 1000.0 - 0.5).collect();
    /// let audio = AudioBuffer::mono(SampleRate::HZ_48000, noise);
    /// let broadcast = level::normalize_loudness(audio, -23.0)?;
    /// let measured = level::loudness(&broadcast)?.integrated.expect("it is not silent");
    /// assert!((measured - -23.0).abs() < 0.1);
    /// # Ok::<(), mir_audio::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`loudness`], and [`Error::OutOfRange`] unless `target` is finite.
    pub fn normalize_loudness(audio: AudioBuffer, target: f64) -> Result<AudioBuffer> {
        check_finite("target", "a finite number of LUFS", target)?;
        Ok(match loudness(&audio)?.integrated {
            Some(now) => mix::gain(audio, mix::from_db(target - now)),
            None => audio,
        })
    }
}
