//! What the verbs print, and the same as JSON.

use std::fmt::Write as _;

use mir_datasets::{
    Dataset, Kind, Split,
    loaders::{self, Entry},
    splits::{Audit, Shared},
    stats::{self, Amount},
};
use serde_json::{Value, json};

use crate::common::failure::Outcome;

/// A table for people and the numbers in it.
pub type Shown = (String, Value);

fn names(kinds: &[Kind]) -> String {
    kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(" ")
}

/// The data sets that are known.
pub fn catalogue() -> Shown {
    let all = loaders::catalogue();
    let mut table = String::new();
    for Entry { info, .. } in &all {
        let _ = writeln!(table, "{:16} {:32} {}", info.name, info.title, names(info.holds));
    }
    let entry = |entry: &Entry| {
        let info = entry.info;
        json!({ "name": info.name, "title": info.title, "version": info.version,
                "license": info.license, "holds": info.holds })
    };
    (table, all.iter().map(entry).collect())
}

/// What is known of a data set without having it.
pub fn description(entry: &Entry) -> Shown {
    let info = entry.info;
    let rows = [
        ("title", info.title),
        ("version", info.version),
        ("licence", info.license),
        ("cite", info.citation),
        ("from", info.home),
        ("layout", info.layout),
    ];
    let mut table = String::new();
    for (name, text) in rows {
        let _ = writeln!(table, "{name:9}{text}");
    }
    for remote in info.remotes {
        let _ = writeln!(table, "{:9}{}", remote.name, remote.url);
    }
    let rows: serde_json::Map<_, _> =
        rows.into_iter().map(|(name, text)| (name.to_owned(), Value::from(text))).collect();
    (table, Value::Object(rows))
}

/// Version, licence and known faults of the data set on this disk.
pub fn info(entry: &Entry, dataset: &dyn Dataset) -> Shown {
    let (mut table, mut numbers) = description(entry);
    let (version, recordings) = (dataset.version(), dataset.tracks().len());
    let _ = writeln!(table, "here     version {version}, {recordings} recordings");
    let errata = dataset.errata();
    for erratum in &errata {
        let _ =
            writeln!(table, "fault    {}: {} ({})", erratum.track, erratum.what, erratum.source);
    }
    numbers["version"] = version.into();
    numbers["recordings"] = recordings.into();
    numbers["errata"] = json!(errata);
    (table, numbers)
}

/// The recordings, with their annotations and stems.
pub fn list(dataset: &dyn Dataset) -> Shown {
    let (mut table, mut tracks) = (String::new(), Vec::new());
    for track in dataset.tracks() {
        let labels: Vec<String> = track.labels().iter().map(ToString::to_string).collect();
        let stems: Vec<&str> = track.stems().iter().map(|stem| stem.name.as_str()).collect();
        let _ = write!(table, "{}: {}", track.id(), labels.join(", "));
        let _ = match stems.len() {
            0 => writeln!(table),
            count => writeln!(table, "; {count} stems"),
        };
        tracks.push(json!({
            "id": track.id(), "piece": track.piece(), "artist": track.artist(),
            "instrument": track.instrument(), "annotations": labels, "stems": stems,
            "metadata": track.metadata(),
        }));
    }
    (table, json!({ "name": dataset.name(), "version": dataset.version(), "tracks": tracks }))
}

/// The published splits, and what leaks in them.
pub fn splits(dataset: &dyn Dataset) -> Outcome<Shown> {
    let (mut table, mut all) = (String::new(), Vec::new());
    for partition in dataset.partitions() {
        let audit = partition.audit(dataset);
        let counts = Split::ALL.map(|split| partition.ids(split).len());
        let digest = partition.digest();
        let (name, version) = (&partition.name, &partition.version);
        let [train, validation, test] = counts;
        let _ =
            writeln!(table, "{name} {version}: {train} / {validation} / {test}, digest {digest}");
        let _ = writeln!(table, "  source: {}", partition.source);
        let Audit { ids, pieces, artists } = &audit;
        for (what, shared) in [("ids", ids), ("pieces", pieces), ("artists", artists)] {
            let keys: Vec<&str> = shared.iter().take(5).map(|s: &Shared| s.key.as_str()).collect();
            let more = if shared.len() > 5 { " …" } else { "" };
            let _ = writeln!(table, "  shared {what}: {} {}{more}", shared.len(), keys.join("; "));
        }
        all.push(json!({ "name": name, "version": version, "digest": digest, "counts": counts,
                         "shared": audit }));
    }
    if all.is_empty() {
        table.push_str("no published split; a drawn one is splits::draw\n");
    }
    Ok((table, json!({ "name": dataset.name(), "splits": all })))
}

/// Recordings, seconds and notes of every split.
pub fn stats(dataset: &dyn Dataset) -> Outcome<Shown> {
    let stats = stats::count(dataset)?;
    let mut table =
        format!("{:11}{:>11}{:>12}{:>10}{:>9}\n", "", "recordings", "seconds", "notes", "pieces");
    let mut row = |name: &str, amount: &Amount| {
        let Amount { recordings, seconds, notes, pieces, without_audio } = amount;
        let _ = write!(table, "{name:11}{recordings:>11}{seconds:>12.1}{notes:>10}{pieces:>9}");
        let _ = match without_audio {
            0 => writeln!(table),
            count => writeln!(table, "  ({count} without audio)"),
        };
    };
    for (split, amount) in &stats.splits {
        row(split.name(), amount);
    }
    row("all", &stats.all);
    for (id, fault) in &stats.failed {
        eprintln!("error: {id}: {fault}");
    }
    let numbers = json!({ "name": dataset.name(), "version": dataset.version(),
                          "splits": stats.splits, "all": stats.all, "failed": stats.failed });
    Ok((table, numbers))
}
