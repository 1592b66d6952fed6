//! In how many ways can the parts of a piece be played?
//!
//! Every part takes one value of each of four factors. With `n` values in all, of time, loudness, style and
//! make, the ways of `J` parts are
//! - all ordered choices of `J` different ones among the `n`, if there are enough (`n ≥ J`);
//! - otherwise all `J`-fold choices in which the parts differ: where there is one loudness only, those with
//!   different times; where there is one time only, those with different loudness;
//! - the first value of every factor for all parts, if nothing is left.

use serde::{Deserialize, Serialize};

use super::NoteLevel;
use crate::random::{self, Purpose, Shuffle};

/// The values of the factors; none is empty.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Factors {
    /// How much a part is late, seconds.
    pub delays: Vec<f64>,
    /// How loud it is played.
    pub levels: Vec<NoteLevel>,
    /// In which style.
    pub styles: Vec<String>,
    /// On which make of the instrument.
    pub makes: Vec<u8>,
}

impl Default for Factors {
    /// 27 ways of a part, as for the scores of Bach10: 0, 0.1 and 0.2 s, three levels, normal style, three makes.
    fn default() -> Self {
        Self {
            delays: vec![0.0, 0.1, 0.2],
            levels: vec![NoteLevel::Forte, NoteLevel::Mezzo, NoteLevel::Piano],
            styles: vec!["NO".to_owned()],
            makes: vec![1, 2, 3],
        }
    }
}

/// How one part is played.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Combination {
    /// How much it is late, seconds.
    pub delay: f64,
    /// How loud.
    pub level: NoteLevel,
    /// In which style.
    pub style: String,
    /// On which make.
    pub make: u8,
}

impl Factors {
    /// Number of ways in which one part can be played.
    pub fn len(&self) -> usize {
        self.delays.len() * self.levels.len() * self.styles.len() * self.makes.len()
    }

    /// Whether a factor has no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The `number`-th way, the make running fastest.
    fn get(&self, number: usize) -> Combination {
        let (number, make) = (number / self.makes.len(), number % self.makes.len());
        let (number, style) = (number / self.styles.len(), number % self.styles.len());
        let (delay, level) = (number / self.levels.len(), number % self.levels.len());
        Combination {
            delay: self.delays[delay],
            level: self.levels[level],
            style: self.styles[style].clone(),
            make: self.makes[make],
        }
    }
}

/// The ways in which the parts of a piece can be played, computed one by one.
#[derive(Clone, Debug)]
pub struct Combinations {
    factors: Factors,
    parts: usize,
    kind: Kind,
    /// The order in which they come; `None` as they are numbered.
    order: Option<Shuffle>,
    next: u64,
    end: u64,
}

#[derive(Clone, Debug)]
enum Kind {
    /// Ordered choices of different ways: `n (n − 1) …`.
    Different,
    /// Those listed: numbers of `J`-fold choices.
    Listed(Vec<u64>),
    /// One, of the first values.
    First,
}

/// All ways in which `parts` parts can be played, or `sample` of them, drawn by seed, each at most once.
///
/// Nothing is listed but in small cases: 421,200 ways of four parts cost no more than those that are taken.
/// Factors without a value and pieces without a part have none.
///
/// ```
/// use mir_datasets::sampled::{Factors, combinations};
/// assert_eq!(combinations(Factors::default(), 4, None, 0).len(), 27 * 26 * 25 * 24);
/// let some: Vec<_> = combinations(Factors::default(), 4, Some(400), 7).collect();
/// assert_eq!((some.len(), some[0].len()), (400, 4));
/// ```
pub fn combinations(
    factors: Factors,
    parts: usize,
    sample: Option<usize>,
    seed: u64,
) -> Combinations {
    let ways = factors.len() as u64;
    let (kind, count) = if ways == 0 || parts == 0 {
        (Kind::First, 0)
    } else if ways >= parts as u64 {
        // Saturating: nobody takes 2^62 of them.
        let count = (0..parts as u64).fold(1u64, |n, k| n.saturating_mul(ways - k)).min(1 << 62);
        (Kind::Different, count)
    } else {
        let listed = differing(&factors, parts);
        let count = listed.len().max(1) as u64;
        (if listed.is_empty() { Kind::First } else { Kind::Listed(listed) }, count)
    };
    let wanted = sample.map_or(count, |sample| count.min(sample as u64));
    let order = (wanted < count)
        .then(|| Shuffle::new(&mut random::stream(seed, 0, 0, Purpose::Choice), count));
    Combinations { factors, parts, kind, order, next: 0, end: wanted }
}

/// The `J`-fold choices of fewer than `J` ways in which the parts differ.
fn differing(factors: &Factors, parts: usize) -> Vec<u64> {
    let ways = factors.len() as u64;
    // With fewer ways than parts there are few choices, unless there are many parts.
    let all = u32::try_from(parts).ok().and_then(|parts| ways.checked_pow(parts));
    let all = all.filter(|&all| all <= 1 << 20).unwrap_or(0);
    let distinct = |values: Vec<String>| {
        let first = values.first().cloned();
        values.into_iter().any(|value| Some(value) != first)
    };
    (0..all)
        .filter(|&number| {
            let chosen: Vec<Combination> =
                digits(number, ways, parts).map(|way| factors.get(way)).collect();
            let times = distinct(chosen.iter().map(|c| c.delay.to_string()).collect());
            let levels = distinct(chosen.iter().map(|c| format!("{:?}", c.level)).collect());
            (factors.levels.len() == 1 && times) || (factors.delays.len() == 1 && levels)
        })
        .collect()
}

/// The digits of a number to a base, the last running fastest.
fn digits(number: u64, base: u64, count: usize) -> impl Iterator<Item = usize> {
    let power = move |place: usize| base.pow((count - 1 - place) as u32);
    (0..count).map(move |place| (number / power(place) % base) as usize)
}

impl Iterator for Combinations {
    type Item = Vec<Combination>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.end {
            return None;
        }
        let place = self.next;
        self.next += 1;
        let number = self.order.as_ref().map_or(place, |order| order.at(place));
        let ways: Vec<usize> = match &self.kind {
            Kind::First => vec![0; self.parts],
            Kind::Listed(listed) => {
                digits(listed[number as usize], self.factors.len() as u64, self.parts).collect()
            }
            Kind::Different => {
                // A number in a mixed base: the k-th digit picks among those that are left.
                let mut left: Vec<usize> = (0..self.factors.len()).collect();
                let mut rest = number;
                (0..self.parts)
                    .map(|_| {
                        let digit = (rest % left.len() as u64) as usize;
                        rest /= left.len() as u64;
                        left.remove(digit)
                    })
                    .collect()
            }
        };
        Some(ways.into_iter().map(|way| self.factors.get(way)).collect())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.end - self.next) as usize;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Combinations {}
