//! How does a piece for several instruments sound?
//!
//! Simple voices for making training data: every note begins at its exact sample, everything is
//! band-limited, and equal arguments give equal samples. They are distinct in spectrum, envelope, vibrato
//! and noise as their namesakes are, and do not pretend to more. [`piano`] is the detailed
//! one; `soundfont` (feature `synth`) plays sampled instruments.
//!
//! | [`Instrument`] | what it is |
//! |---|---|
//! | [`Piano`](Instrument::Piano) | the piano of [`piano`] |
//! | [`Bowed`](Instrument::Bowed) | one or more bowed strings: slow attack, vibrato, body resonances, bow noise |
//! | [`Wind`](Instrument::Wind) | woodwind, brass, organ pipes: odd harmonics, breath, brightness that follows loudness |
//! | [`Singer`](Instrument::Singer) | a voice on a vowel: formants, wide vibrato, a scoop into the note |
//! | [`Plucked`](Instrument::Plucked) | guitar, harp, bass, bells, mallets: partials that decay |
//! | [`Drums`](Instrument::Drums) | the percussion of General MIDI, by key |
//!
//! # Conventions
//! Mono. A note sounds from its onset; at its offset the release begins. The sustain pedal prolongs notes
//! as [`pedal::apply`] does under [`PedalRule::Default`]. Drums ignore offsets. Velocity 127 is full level.
//!
//! # Example
//! ```
//! use mir_core::{Key, Note, SampleRate, Velocity};
//! use mir_midi::voices::{Instrument, Part, mix};
//!
//! let note = |key, onset| Note::new(onset, onset + 0.4, Key::new(key)?.pitch(), Velocity::MEDIUM);
//! let parts = [
//!     Part::new(vec![note(67, 0.0)?, note(72, 0.5)?].into(), Instrument::from_program(73)), // flute
//!     Part::new(vec![note(48, 0.0)?].into(), Instrument::from_program(42)),                 // cello
//! ];
//! let mixture = mix(&parts, SampleRate::HZ_16000, 1)?;
//! let (flute, cello) = (mixture.stems[0].channel(0), mixture.stems[1].channel(0));
//! assert_eq!(mixture.mix.channel(0)[4000], flute[4000] + cello[4000]);
//! # Ok::<(), mir_midi::Error>(())
//! ```

mod configs;
mod drums;
mod plucked;
mod sustained;

use mir_core::{AudioBuffer, Note, SampleRate};
use serde::{Deserialize, Serialize};

pub use self::configs::{BowedConfig, DrumsConfig, PluckedConfig, SingerConfig, WindConfig};
use crate::{
    Error, PedalRule, Performance, Result, ScorePart, pedal,
    piano::{self, MAX_SECONDS, PianoConfig},
    random::Random,
};

/// Largest sample of a rendered part, and of a mixture.
const PEAK: f32 = 0.7;

/// Rise in level from velocity 27 to 127, dB.
const DYNAMIC_RANGE_DB: f64 = 30.0;

/// What plays a part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[non_exhaustive]
pub enum Instrument {
    /// A piano.
    Piano(PianoConfig),
    /// Bowed strings.
    Bowed(BowedConfig),
    /// A woodwind, brass or organ pipe.
    Wind(WindConfig),
    /// A voice on a vowel.
    Singer(SingerConfig),
    /// A plucked string, a bell or a bar.
    Plucked(PluckedConfig),
    /// The percussion of General MIDI.
    Drums(DrumsConfig),
}

impl Instrument {
    /// What plays a General MIDI program, counted from 0; programs above 127 are taken for 127.
    ///
    /// Families without a voice of their own get the nearest: synthesiser pads are bowed strings,
    /// synthesiser leads and organs are pipes, sound effects are bells.
    ///
    /// ```
    /// use mir_midi::voices::Instrument;
    ///
    /// assert!(matches!(Instrument::from_program(0), Instrument::Piano(_)));
    /// assert!(matches!(Instrument::from_program(40), Instrument::Bowed(_)));
    /// assert!(matches!(Instrument::from_program(71), Instrument::Wind(_)));
    /// ```
    pub fn from_program(program: u8) -> Self {
        match program.min(127) {
            0..=5 => Self::Piano(PianoConfig::grand()),
            6 | 7 => Self::Plucked(PluckedConfig::harpsichord()),
            8..=11 | 14 => Self::Plucked(PluckedConfig::bell()),
            12 | 13 | 15 => Self::Plucked(PluckedConfig::mallet()),
            16..=23 => Self::Wind(WindConfig::organ()),
            24..=31 => Self::Plucked(PluckedConfig::default()),
            32..=39 => Self::Plucked(PluckedConfig::bass()),
            40 | 41 | 110 => Self::Bowed(BowedConfig::default()),
            42 | 43 => Self::Bowed(BowedConfig::cello()),
            45..=47 | 104..=108 => Self::Plucked(PluckedConfig::harp()),
            44 | 48..=51 | 88..=95 => Self::Bowed(BowedConfig::ensemble()),
            52..=55 => Self::Singer(SingerConfig::default()),
            56..=63 => Self::Wind(WindConfig::brass()),
            64..=67 => Self::Wind(WindConfig::saxophone()),
            68..=70 | 109 | 111 => Self::Wind(WindConfig::reed()),
            71 => Self::Wind(WindConfig::clarinet()),
            72..=79 => Self::Wind(WindConfig::default()),
            80..=87 => Self::Wind(WindConfig::organ()),
            112..=119 => Self::Plucked(PluckedConfig::mallet()),
            _ => Self::Plucked(PluckedConfig::bell()),
        }
    }

    /// What plays channel 10 of General MIDI.
    pub fn percussion() -> Self {
        Self::Drums(DrumsConfig::default())
    }

    /// Checks every parameter.
    ///
    /// # Errors
    /// [`Error::Config`] names the first that is outside its range.
    pub fn validate(&self) -> Result<()> {
        match self {
            Self::Piano(config) => config.validate(),
            Self::Bowed(config) => config.validate(),
            Self::Wind(config) => config.validate(),
            Self::Singer(config) => config.validate(),
            Self::Plucked(config) => config.validate(),
            Self::Drums(config) => config.validate(),
        }
    }
}

/// The sound of a performance on an instrument, mono.
///
/// `seed` draws what differs between two takes: phases, drifts of pitch, noise. The largest sample is 0.7
/// (that of [`PianoConfig::peak`] for the piano). A performance without notes gives no samples. Pitches whose
/// fundamental is above the Nyquist frequency are silent.
///
/// # Errors
/// [`Error::Config`] if a parameter lies outside its range, [`Error::TooLong`] if the last event is after
/// [`MAX_SECONDS`].
pub fn render(
    performance: &Performance,
    instrument: &Instrument,
    sample_rate: SampleRate,
    seed: u64,
) -> Result<AudioBuffer> {
    instrument.validate()?;
    if let Instrument::Piano(config) = instrument {
        return piano::render(performance, config, sample_rate, seed);
    }
    let notes = pedal::apply(performance, PedalRule::Default);
    let Some(last) = notes.iter().map(Note::offset).max_by(f64::total_cmp) else {
        return Ok(AudioBuffer::mono(sample_rate, Vec::new()));
    };
    if last > MAX_SECONDS {
        return Err(Error::TooLong { seconds: last, limit: MAX_SECONDS });
    }
    let rate = f64::from(sample_rate.hz());
    let mut audio = vec![0.0; sample_rate.sample_at(last + piano::TAIL)];
    for (index, note) in notes.iter().enumerate() {
        // Streams 0 to 15 are those of the instrument as a whole.
        let mut random = Random::new(seed, 16 + index as u64);
        let event = Event {
            start: sample_rate.sample_at(note.onset()),
            end: sample_rate.sample_at(note.offset()),
            hz: note.pitch().hz(),
            key: note.pitch().key().map(mir_core::Key::number),
            velocity: f64::from(note.velocity().value().max(1)),
            rate,
        };
        match instrument {
            Instrument::Piano(_) => {}
            Instrument::Bowed(config) => config.tone().play(&event, &mut random, &mut audio),
            Instrument::Wind(config) => config.tone().play(&event, &mut random, &mut audio),
            Instrument::Singer(config) => config.tone().play(&event, &mut random, &mut audio),
            Instrument::Plucked(config) => plucked::play(config, &event, &mut random, &mut audio),
            Instrument::Drums(config) => drums::play(config, &event, &mut random, &mut audio),
        }
    }
    let peak = audio.iter().fold(0.0f32, |peak, x| peak.max(x.abs()));
    // Cut where all has decayed, 80 dB below the peak, but not before the last event.
    let end = audio.iter().rposition(|x| x.abs() > 1e-4 * peak).map_or(0, |n| n + 1);
    audio.truncate(end.max(sample_rate.sample_at(last)));
    if peak > 0.0 {
        for x in &mut audio {
            *x *= PEAK / peak;
        }
    }
    Ok(AudioBuffer::mono(sample_rate, audio))
}

/// A note as the voices play it.
struct Event {
    /// First sample.
    start: usize,
    /// Sample at which the release begins.
    end: usize,
    hz: f64,
    /// `None` outside of MIDI.
    key: Option<u8>,
    /// 1 to 127.
    velocity: f64,
    /// Samples a second.
    rate: f64,
}

impl Event {
    /// Amplitude of the velocity, 1 at 127.
    fn level(&self) -> f64 {
        10f64.powf(DYNAMIC_RANGE_DB / 20.0 * (self.velocity - 127.0) / 100.0)
    }
}

/// One part of a piece.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// What is played.
    pub performance: Performance,
    /// On what.
    pub instrument: Instrument,
    /// How loud against the other parts, dB.
    pub gain_db: f64,
}

impl Part {
    /// A part as loud as the others.
    pub const fn new(performance: Performance, instrument: Instrument) -> Self {
        Self { performance, instrument, gain_db: 0.0 }
    }
}

/// On the instrument of its program, or on percussion; as loud as the others.
impl From<ScorePart> for Part {
    fn from(part: ScorePart) -> Self {
        let instrument = match part.channel {
            9 => Instrument::percussion(),
            _ => Instrument::from_program(part.program),
        };
        Self::new(part.performance, instrument)
    }
}

/// Parts together and apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Mixture {
    /// The sum of the stems, mono.
    pub mix: AudioBuffer,
    /// One for each part, in their order, all as long as the mix.
    pub stems: Vec<AudioBuffer>,
}

/// Parts played together: every part is brought to the same RMS over the samples in which it sounds, then to
/// its own gain, and all are scaled together so that the largest sample of the mix is 0.7. The mix is the
/// sum of the stems, sample by sample.
///
/// # Errors
/// As [`render`], and [`Error::Config`] for a gain beyond ±60 dB.
pub fn mix(parts: &[Part], sample_rate: SampleRate, seed: u64) -> Result<Mixture> {
    let mut stems = Vec::with_capacity(parts.len());
    for (index, part) in parts.iter().enumerate() {
        configs::check("gain_db", part.gain_db, -60.0..=60.0)?;
        // An odd factor keeps the seeds of the parts apart.
        let seed = seed.wrapping_add((index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let audio = render(&part.performance, &part.instrument, sample_rate, seed)?;
        let mut stem = audio.channel(0).to_vec();
        let gain = 10f64.powf(part.gain_db / 20.0) / sounding_rms(&stem).max(1e-9);
        stem.iter_mut().for_each(|x| *x = (f64::from(*x) * gain) as f32);
        stems.push(stem);
    }
    let length = stems.iter().map(Vec::len).max().unwrap_or(0);
    let sum = |stems: &[Vec<f32>]| -> Vec<f32> {
        let mut sum = vec![0.0; length];
        for stem in stems {
            sum.iter_mut().zip(stem).for_each(|(sum, x)| *sum += x);
        }
        sum
    };
    let peak = sum(&stems).iter().fold(0.0f32, |peak, x| peak.max(x.abs()));
    for stem in &mut stems {
        stem.resize(length, 0.0);
        if peak > 0.0 {
            stem.iter_mut().for_each(|x| *x *= PEAK / peak);
        }
    }
    // Summed again after scaling, so that the identity holds to the bit.
    let mix = AudioBuffer::mono(sample_rate, sum(&stems));
    let stems = stems.into_iter().map(|stem| AudioBuffer::mono(sample_rate, stem)).collect();
    Ok(Mixture { mix, stems })
}

/// RMS of the samples within 40 dB of the largest.
fn sounding_rms(samples: &[f32]) -> f64 {
    let threshold = 0.01 * samples.iter().fold(0.0f32, |peak, x| peak.max(x.abs()));
    let (mut energy, mut count) = (0.0, 0usize);
    for &x in samples.iter().filter(|x| x.abs() > threshold) {
        energy += f64::from(x) * f64::from(x);
        count += 1;
    }
    (energy / count.max(1) as f64).sqrt()
}
