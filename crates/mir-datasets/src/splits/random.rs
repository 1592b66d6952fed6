//! Splits drawn by seed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Partition;
use crate::{Error, Result, Split, random};

/// How to draw a split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SplitConfig {
    /// Share of training, 0 to 1.
    pub train: f64,
    /// Share of validation, 0 to 1.
    pub validation: f64,
    /// Share of test, 0 to 1; the three add up to 1.
    pub test: f64,
    /// Seed: equal seeds give equal splits, on every machine.
    pub seed: u64,
}

impl Default for SplitConfig {
    /// 80 %, 10 %, 10 %.
    fn default() -> Self {
        Self { train: 0.8, validation: 0.1, test: 0.1, seed: 0 }
    }
}

/// A track that is to be assigned.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SplitItem {
    /// Its id.
    pub id: String,
    /// What has to stay on one side: a piece, a composer, an artist. The id itself where nothing has to.
    pub group: String,
    /// What should be spread over the sides in proportion: a genre, say. Empty where nothing should. A
    /// group belongs to the stratum of its first track.
    pub stratum: String,
}

impl SplitItem {
    /// A track that nothing ties to others.
    pub fn alone(id: impl Into<String>) -> Self {
        let id = id.into();
        Self { group: id.clone(), id, stratum: String::new() }
    }
}

/// Draws a split in which no group stands on two sides.
///
/// The groups of each stratum are put into bytewise order of their names and shuffled (Fisher–Yates from
/// the end, ChaCha8). Laid end to end, their tracks are cut where the shares, summed up and multiplied by
/// the number of tracks, round to; a group on a cut goes to the side in which its middle lies. So single
/// tracks are divided exactly, and groups as well as their sizes allow.
///
/// # Errors
/// [`Error::InvalidConfig`] for shares outside [0, 1] or that do not add up to 1.
///
/// ```
/// use mir_datasets::{Split, splits::{SplitConfig, SplitItem, draw}};
///
/// let items: Vec<_> = (0..10).map(|i| SplitItem::alone(format!("track {i}"))).collect();
/// let config = SplitConfig { train: 0.1, validation: 0.2, test: 0.7, seed: 42 };
/// let split = draw("mine", &items, &config)?;
/// assert_eq!(Split::ALL.map(|side| split.ids(side).len()), [1, 2, 7]);
/// # Ok::<(), mir_datasets::Error>(())
/// ```
pub fn draw(dataset: &str, items: &[SplitItem], config: &SplitConfig) -> Result<Partition> {
    let shares = [config.train, config.validation, config.test];
    let total: f64 = shares.iter().sum();
    if !shares.iter().all(|share| (0.0..=1.0).contains(share)) || (total - 1.0).abs() > 1e-9 {
        return Err(Error::InvalidConfig {
            field: "shares of a split",
            expected: "three numbers from 0 to 1 that add up to 1",
            actual: format!("{shares:?}"),
        });
    }
    let mut sorted: Vec<&SplitItem> = items.iter().collect();
    sorted.sort();
    sorted.dedup();
    let mut groups: BTreeMap<&str, Vec<&SplitItem>> = BTreeMap::new();
    for item in sorted {
        groups.entry(&item.group).or_default().push(item);
    }
    let mut strata: BTreeMap<&str, Vec<Vec<&SplitItem>>> = BTreeMap::new();
    for group in groups.into_values() {
        strata.entry(&group[0].stratum).or_default().push(group);
    }
    let mut partition = Partition {
        dataset: dataset.to_owned(),
        name: "random".to_owned(),
        version: "1".to_owned(),
        source: format!("drawn with seed {} and shares {shares:?}", config.seed),
        ..Partition::default()
    };
    for (number, groups) in strata.into_values().enumerate() {
        let count: usize = groups.iter().map(Vec::len).sum();
        let cut = |share: f64| (share * count as f64).round();
        let cuts = [cut(shares[0]), cut(shares[0] + shares[1])];
        let mut rng = random::stream(config.seed, 0, number as u64, random::Purpose::Split);
        let mut at = 0;
        for index in random::permutation(&mut rng, groups.len()) {
            let group = &groups[index];
            let middle = at as f64 + group.len() as f64 / 2.0;
            at += group.len();
            // The last share is what is left, so that rounding loses nothing.
            let side = Split::ALL[cuts.iter().filter(|&&cut| middle >= cut).count()];
            partition.ids_mut(side).extend(group.iter().map(|item| item.id.clone()));
        }
    }
    for side in Split::ALL {
        partition.ids_mut(side).sort_unstable();
    }
    Ok(partition)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ten_items_are_cut_at_one_and_three_and_always_alike() {
        let items: Vec<_> = (0..10).map(|i| SplitItem::alone(i.to_string())).collect();
        let config = SplitConfig { train: 0.1, validation: 0.2, test: 0.7, seed: 42 };
        let split = draw("x", &items, &config).unwrap();
        assert_eq!(Split::ALL.map(|side| split.ids(side).len()), [1, 2, 7]);
        let mut backwards = items.clone();
        backwards.reverse();
        assert_eq!(draw("x", &backwards, &config).unwrap(), split);
        let other = draw("x", &items, &SplitConfig { seed: 43, ..config }).unwrap();
        assert_ne!(other.test, split.test);
    }

    /// A change of these lists changes published splits: it needs a reason and another version.
    #[test]
    fn a_drawn_split_is_pinned() {
        let items: Vec<_> = ["a", "b", "c", "d", "e"].map(SplitItem::alone).into();
        let config = SplitConfig { train: 0.6, validation: 0.2, test: 0.2, seed: 7 };
        let split = draw("x", &items, &config).unwrap();
        assert_eq!((split.train.len(), split.validation.len(), split.test.len()), (3, 1, 1));
        assert_eq!(split.digest(), PINNED);
    }

    // Computed apart from this code, from the definitions of ChaCha8 and of this module.
    const PINNED: &str = "6ae56b9b7396278694c5ae090799cc0a8b40fdc6cbb5f6aeaa7a1753370c7682";

    #[test]
    fn shares_have_to_add_up() {
        for (train, validation, test) in
            [(0.5, 0.5, 0.5), (-0.1, 0.6, 0.5), (f64::NAN, 0.5, 0.5), (0.0, 0.0, 0.0)]
        {
            let config = SplitConfig { train, validation, test, seed: 0 };
            assert!(matches!(draw("x", &[], &config), Err(Error::InvalidConfig { .. })));
        }
    }

    #[test]
    fn strata_are_spread_over_the_sides() {
        let items: Vec<_> = (0..40)
            .map(|i| SplitItem {
                stratum: ["jazz", "rock"][i % 2].to_owned(),
                ..SplitItem::alone(format!("{i:02}"))
            })
            .collect();
        let split = draw("x", &items, &SplitConfig::default()).unwrap();
        for side in Split::ALL {
            let odd = split.ids(side).iter().filter(|id| id.parse::<u32>().unwrap() % 2 == 1);
            assert_eq!(2 * odd.count(), split.ids(side).len(), "{side}");
        }
    }

    proptest! {
        #[test]
        fn a_group_stays_together_and_nothing_is_lost(
            groups in prop::collection::vec(0u8..12, 0..60),
            seed in 0u64..1000,
        ) {
            let items: Vec<_> = groups.iter().enumerate().map(|(i, group)| SplitItem {
                group: format!("g{group}"),
                ..SplitItem::alone(format!("t{i}"))
            }).collect();
            let config = SplitConfig { train: 0.5, validation: 0.25, test: 0.25, seed };
            let split = draw("x", &items, &config).unwrap();
            let group = |id: &str| items.iter().find(|item| item.id == id).map(|i| i.group.clone());
            prop_assert!(split.shared(group).is_empty());
            let count: usize = Split::ALL.iter().map(|side| split.ids(*side).len()).sum();
            prop_assert_eq!(count, items.len());
        }
    }
}
