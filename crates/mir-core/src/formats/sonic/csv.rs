//! Layers as comma-separated values.

use std::{fmt::Write as _, path::Path};

use super::{
    super::{
        notes::is_header,
        text::{Row, csv_fields, csv_quoted, finite, lines},
    },
    SonicKind, SonicPoint, level_of,
};
use crate::Result;

/// The points of a layer that Sonic Visualiser exported as comma-separated values; the caller says what
/// they are, because the file does not.
///
/// Columns are time, then value, duration and level as far as the kind has them, then the label, which
/// may be missing. Times are seconds. A first line that does not begin with a number is a header.
///
/// # Errors
/// [`Error::Parse`](crate::Error::Parse) with line and column for a field that is missing, not a number or negative where it
/// must not be.
///
/// ```
/// use mir_core::formats::{SonicKind, parse_sonic_csv};
///
/// let text = "0.5,60,0.75,0.5,\"C4, loud\"\n";
/// let points = parse_sonic_csv(text, SonicKind::Notes, "notes.csv".as_ref())?;
/// assert_eq!((points[0].duration, points[0].label.as_str()), (0.75, "C4, loud"));
/// # Ok::<(), mir_core::Error>(())
/// ```
pub fn parse_sonic_csv(text: &str, kind: SonicKind, path: &Path) -> Result<Vec<SonicPoint>> {
    let mut points = Vec::new();
    for (line, content) in lines(text) {
        let fields = csv_fields(content);
        let field = |index: usize| fields.get(index).map(String::as_str);
        if line == 1 && is_header(field(0)) {
            continue;
        }
        let row = Row { path, line };
        let mut point = SonicPoint { time: row.time("time", field(0))?, ..SonicPoint::default() };
        if kind != SonicKind::Instants {
            point.value = row.number("value", "a number", field(1))?;
        }
        if matches!(kind, SonicKind::Notes | SonicKind::Regions) {
            point.duration = row.time("duration", field(2))?;
        }
        let label = kind.columns() - 1;
        // The level may be missing: pYIN's notes have none. A text in its place is the label.
        let level = field(3).filter(|_| kind == SonicKind::Notes).map(str::trim);
        match level {
            Some(text) if fields.len() > label || finite(text).is_some() => {
                point.level = level_of(row.number("level", "0 to 1", Some(text))?)
                    .ok_or_else(|| row.error("level", "0 to 1", text))?;
                point.label = field(label).unwrap_or_default().to_owned();
            }
            Some(text) => point.label = text.to_owned(),
            None => point.label = field(label).unwrap_or_default().to_owned(),
        }
        row.end(field(label + 1))?;
        points.push(point);
    }
    Ok(points)
}

/// The points of a layer as comma-separated values with nine decimals, see [`parse_sonic_csv`].
///
/// ```
/// use mir_core::formats::{SonicKind, SonicPoint, render_sonic_csv};
///
/// let beat = SonicPoint { time: 0.5, label: "1".to_owned(), ..Default::default() };
/// assert_eq!(render_sonic_csv(SonicKind::Instants, &[beat]), "0.500000000,\"1\"\n");
/// ```
pub fn render_sonic_csv(kind: SonicKind, points: &[SonicPoint]) -> String {
    let mut text = String::new();
    for point in points {
        let _ = write!(text, "{:.9}", point.time);
        if kind != SonicKind::Instants {
            let _ = write!(text, ",{}", point.value);
        }
        if matches!(kind, SonicKind::Notes | SonicKind::Regions) {
            let _ = write!(text, ",{:.9}", point.duration);
        }
        if kind == SonicKind::Notes {
            let _ = write!(text, ",{}", point.level);
        }
        let _ = writeln!(text, ",{}", csv_quoted(&point.label));
    }
    text
}
