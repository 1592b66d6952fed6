//! The published splits that are shipped.

use super::Partition;

/// The lists, as they stand below `datasets/`; the first of a data set is its default.
const SHIPPED: [&str; 8] = [
    include_str!("../../../../datasets/maps/splits/kelz-2.json"),
    include_str!("../../../../datasets/medleydb/splits/melody-2017.json"),
    include_str!("../../../../datasets/medleydb/splits/melody-2017-repaired.json"),
    include_str!("../../../../datasets/medleydb/splits/multi-f0-2017.json"),
    include_str!("../../../../datasets/musicnet/splits/official.json"),
    include_str!("../../../../datasets/musicnet/splits/paper.json"),
    include_str!("../../../../datasets/musicnet/splits/framewise-pitch.json"),
    include_str!("../../../../datasets/wjazzd/splits/framewise-pitch.json"),
];

/// The published splits of a data set, its default first; none for a data set without any.
///
/// They are as they were published, leaks included: see [`Partition::repeated`] and
/// [`Partition::audit`].
pub fn published(dataset: &str) -> Vec<Partition> {
    let all = SHIPPED.iter().map(|text| {
        serde_json::from_str::<Partition>(text).expect("shipped splits are read by a test")
    });
    all.filter(|partition| partition.dataset == dataset).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_shipped_splits_are_read_and_named_apart() {
        let mut names = Vec::new();
        for dataset in ["maps", "medleydb", "musicnet", "wjazzd"] {
            let of_set = published(dataset);
            assert!(!of_set.is_empty(), "{dataset}");
            for partition in of_set {
                assert!(!partition.source.is_empty() && !partition.version.is_empty());
                names.push((partition.dataset, partition.name));
            }
        }
        assert_eq!(names.len(), SHIPPED.len());
        names.sort();
        names.dedup();
        assert_eq!(names.len(), SHIPPED.len());
    }
}
