//! Settings: a preset, changed by a file, changed by `--set`.

use std::{fs, path::Path};

use serde::{Serialize, de::DeserializeOwned};
use toml::{Table, Value};

use super::failure::{Failure, Outcome};

/// A configuration built on `preset`, with the settings of a TOML file and of `a.b=c` texts put in.
///
/// # Errors
/// A usage failure that names the unknown or mistaken setting, and the nearest known one.
pub fn resolve<T: Serialize + DeserializeOwned>(
    preset: &T,
    file: Option<&Path>,
    sets: &[String],
) -> Outcome<T> {
    let mut table = Table::try_from(preset).map_err(|e| Failure::usage(e.to_string()))?;
    if let Some(path) = file {
        let text = fs::read_to_string(path)
            .map_err(|e| Failure::usage(format!("cannot read --config {}: {e}", path.display())))?;
        let changes: Table = text
            .parse()
            .map_err(|e| Failure::usage(format!("--config {}: {e}", path.display())))?;
        merge(&mut table, changes);
        check::<T>(&table, &format!("--config {}", path.display()))?;
    }
    for set in sets {
        let (path, value) = set
            .split_once('=')
            .ok_or_else(|| Failure::usage(format!("--set {set}: expected A.B=C")))?;
        insert(&mut table, path.trim(), parse(value.trim()));
        check::<T>(&table, &format!("--set {set}"))?;
    }
    check(&table, "the configuration")
}

/// Reads the table, so that a mistake is reported with the place where it was made.
fn check<T: DeserializeOwned>(table: &Table, origin: &str) -> Outcome<T> {
    table.clone().try_into().map_err(|error: toml::de::Error| {
        let message = error.to_string();
        let message = message.trim().replace('\n', "; ");
        let hint =
            nearest(&message).map_or(String::new(), |name| format!("; did you mean '{name}'?"));
        Failure::usage(format!("{origin}: {message}{hint}"))
    })
}

/// Of "unknown field `x`, expected one of `a`, `b`": the name that is closest to `x`.
fn nearest(message: &str) -> Option<&str> {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = message.starts_with("unknown").then(|| quoted.next())??;
    closest(unknown, quoted)
}

/// The known name that is meant, if one is close enough.
pub fn closest<'a>(unknown: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|name| (strsim::damerau_levenshtein(unknown, name), name))
        .min()
        .filter(|&(distance, name)| distance <= name.len().div_ceil(2))
        .map(|(_, name)| name)
}

/// A TOML value, or the text itself where it is none.
fn parse(text: &str) -> Value {
    format!("x = {text}")
        .parse::<Table>()
        .ok()
        .and_then(|mut table| table.remove("x"))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

fn merge(table: &mut Table, changes: Table) {
    for (key, value) in changes {
        match (table.get_mut(&key), value) {
            // A tagged choice (`kind = …`) is replaced as a whole: its fields belong together.
            (Some(Value::Table(inner)), Value::Table(changes)) if !changes.contains_key("kind") => {
                merge(inner, changes);
            }
            (_, value) => {
                table.insert(key, value);
            }
        }
    }
}

fn insert(table: &mut Table, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            table.insert(path.to_owned(), value);
        }
        Some((head, rest)) => {
            let inner = table.entry(head).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                insert(inner, rest, value);
            } else {
                // A scalar in the way: the check that follows reports it.
                let mut fresh = Table::new();
                insert(&mut fresh, rest, value);
                *inner = Value::Table(fresh);
            }
        }
    }
}
