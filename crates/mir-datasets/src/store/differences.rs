//! How does one store differ from another?

use super::StoreHeader;

/// The leaves in which two headers differ, as `front_end.n_mels: wanted 229, found 128`.
pub(super) fn differences(wanted: &StoreHeader, found: &StoreHeader) -> Vec<String> {
    use serde_json::{Value, to_value};

    fn walk(path: &str, wanted: &Value, found: &Value, out: &mut Vec<String>) {
        match (wanted, found) {
            (Value::Object(a), Value::Object(b)) => {
                let mut keys: Vec<&String> = a.keys().chain(b.keys()).collect();
                keys.sort();
                keys.dedup();
                for key in keys {
                    let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    let missing = Value::Null;
                    walk(
                        &path,
                        a.get(key).unwrap_or(&missing),
                        b.get(key).unwrap_or(&missing),
                        out,
                    );
                }
            }
            // Long lists (the frequencies of the bins) follow from the settings: naming them is enough.
            (Value::Array(_), Value::Array(_)) if wanted != found => {
                out.push(format!("{path}: differs"));
            }
            _ if wanted != found => out.push(format!("{path}: wanted {wanted}, found {found}")),
            _ => {}
        }
    }

    let mut out = Vec::new();
    if let (Ok(wanted), Ok(found)) = (to_value(wanted), to_value(found)) {
        walk("", &wanted, &found, &mut out);
    }
    out
}
