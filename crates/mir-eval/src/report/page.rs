//! One HTML page that needs nothing else: no network, no script, no other file.

use std::fmt::Write as _;

use crate::markup::{base64, escape};

/// The look of a page: light and dark, on screen and on paper.
const STYLE: &str = include_str!("style.css");

/// A page that is written from top to bottom.
///
/// All texts are escaped. Every element is closed, so that the page is well-formed XML too; pictures and
/// sounds stand in it as elements and `data:` addresses.
///
/// ```
/// use mir_eval::report::{Cell, Grid, Page};
/// let mut page = Page::new("Scores of <étude>", "One piece.");
/// page.section("scores", "Scores");
/// page.table(&Grid {
///     caption: "F1 by piece".to_owned(),
///     columns: vec!["piece".to_owned(), "F1".to_owned()],
///     rows: vec![("étude".to_owned(), vec![Cell::Number(0.8215, 3)])],
///     totals: 0,
/// });
/// let html = page.finish();
/// assert!(html.contains("<title>Scores of &lt;étude&gt;</title>"));
/// assert!(html.contains("<data value=\"0.8215\">0.822</data>"));
/// ```
#[derive(Clone, Debug)]
pub struct Page {
    title: String,
    lead: String,
    body: String,
    /// Names and headings of the sections.
    sections: Vec<(String, String)>,
    /// Elements that are open, the innermost last.
    open: Vec<&'static str>,
}

/// One value in a table.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Words.
    Text(String),
    /// A number, shown with so many decimals. All its digits are in the page, for programs that read it.
    Number(f64, usize),
    /// A count.
    Count(usize),
    /// Ends of an interval, shown with so many decimals.
    Interval(f64, f64, usize),
    /// No value.
    Empty,
}

impl Cell {
    /// A number with so many decimals, or nothing.
    pub fn number(value: Option<f64>, decimals: usize) -> Self {
        value.map_or(Self::Empty, |value| Self::Number(value, decimals))
    }

    fn write(&self, out: &mut String) {
        // Writing to a string does not fail.
        let _ = match self {
            Self::Text(text) => write!(out, "<td class=\"text\">{}</td>", escape(text)),
            Self::Number(value, decimals) => {
                write!(out, "<td><data value=\"{value}\">{value:.decimals$}</data></td>")
            }
            Self::Count(count) => write!(out, "<td>{count}</td>"),
            Self::Interval(low, high, decimals) => {
                write!(out, "<td>{low:.decimals$}–{high:.decimals$}</td>")
            }
            Self::Empty => write!(out, "<td>–</td>"),
        };
    }
}

/// A table with names in its first column.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grid {
    /// What the table shows.
    pub caption: String,
    /// Headings, that of the first column included.
    pub columns: Vec<String>,
    /// Name and values of each row.
    pub rows: Vec<(String, Vec<Cell>)>,
    /// How many of the last rows are about all others: means, sums.
    pub totals: usize,
}

/// A sound that stands in a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sound {
    /// What is heard.
    pub label: String,
    /// Media type, `audio/flac` say.
    pub media_type: &'static str,
    /// Content of the file.
    pub bytes: Vec<u8>,
}

impl Page {
    /// A page with a title and a sentence below it.
    pub fn new(title: &str, lead: &str) -> Self {
        Self {
            title: title.to_owned(),
            lead: lead.to_owned(),
            body: String::new(),
            sections: Vec::new(),
            open: Vec::new(),
        }
    }

    /// Begins a section. `id` is its name in addresses: letters, digits and hyphens.
    pub fn section(&mut self, id: &str, heading: &str) {
        self.close_to(0);
        let (id, text) = (escape(id), escape(heading));
        self.add(format_args!("<section id=\"{id}\"><h2>{text}</h2>\n"));
        self.sections.push((id, text));
        self.open.push("section");
    }

    /// Begins a part of a section.
    pub fn heading(&mut self, text: &str) {
        self.add(format_args!("<h3>{}</h3>\n", escape(text)));
    }

    /// Words.
    pub fn paragraph(&mut self, text: &str) {
        self.add(format_args!("<p>{}</p>\n", escape(text)));
    }

    /// Names and what they are, one below the other.
    pub fn facts(&mut self, facts: &[(String, String)]) {
        self.body.push_str("<dl>\n");
        for (name, value) in facts {
            self.add(format_args!("<dt>{}</dt><dd>{}</dd>\n", escape(name), escape(value)));
        }
        self.body.push_str("</dl>\n");
    }

    /// A table.
    pub fn table(&mut self, grid: &Grid) {
        self.add(format_args!(
            "<div class=\"wide\"><table><caption>{}</caption>",
            escape(&grid.caption)
        ));
        self.body.push_str("<thead><tr>");
        for (index, column) in grid.columns.iter().enumerate() {
            // Headings stand above their values: words to the left, numbers to the right.
            let cell = grid.rows.first().and_then(|(_, cells)| cells.get(index.checked_sub(1)?));
            let class = if matches!(cell, Some(Cell::Text(_))) { " class=\"text\"" } else { "" };
            self.add(format_args!("<th scope=\"col\"{class}>{}</th>", escape(column)));
        }
        self.body.push_str("</tr></thead>\n");
        let (rows, totals) = grid.rows.split_at(grid.rows.len() - grid.totals.min(grid.rows.len()));
        for (element, rows) in [("tbody", rows), ("tfoot", totals)] {
            if rows.is_empty() {
                continue;
            }
            self.add(format_args!("<{element}>\n"));
            for (name, cells) in rows {
                self.add(format_args!("<tr><th scope=\"row\">{}</th>", escape(name)));
                cells.iter().for_each(|cell| cell.write(&mut self.body));
                self.body.push_str("</tr>\n");
            }
            self.add(format_args!("</{element}>"));
        }
        self.body.push_str("</table></div>\n");
    }

    /// A picture and what is to be seen in it.
    #[cfg(feature = "plots")]
    pub fn figure(&mut self, figure: &crate::plots::Figure, caption: &str) {
        let svg = figure.inline_svg(caption);
        self.add(format_args!(
            "<figure>{svg}<figcaption>{}</figcaption></figure>\n",
            escape(caption)
        ));
    }

    /// Sounds, side by side.
    pub fn sounds(&mut self, sounds: &[Sound]) {
        if sounds.is_empty() {
            return;
        }
        self.body.push_str("<div class=\"sounds\">\n");
        for Sound { label, media_type, bytes } in sounds {
            let (label, data) = (escape(label), base64(bytes));
            self.add(format_args!(
                "<figure><figcaption>{label}</figcaption><audio controls=\"\" preload=\"metadata\" \
                 aria-label=\"{label}\" src=\"data:{media_type};base64,{data}\"></audio></figure>\n"
            ));
        }
        self.body.push_str("</div>\n");
    }

    /// Text as it is, line by line.
    pub fn verbatim(&mut self, text: &str) {
        self.add(format_args!("<pre>{}</pre>\n", escape(text)));
    }

    /// Something that is unfolded on demand, under a summary.
    pub fn folded(&mut self, summary: &str, content: impl FnOnce(&mut Self)) {
        self.add(format_args!("<details><summary>{}</summary>\n", escape(summary)));
        self.open.push("details");
        let depth = self.open.len();
        content(self);
        self.close_to(depth.saturating_sub(1));
    }

    /// The whole page.
    pub fn finish(mut self) -> String {
        self.close_to(0);
        let (title, lead) = (escape(&self.title), escape(&self.lead));
        let mut links = String::new();
        for (id, heading) in &self.sections {
            let _ = writeln!(links, "<li><a href=\"#{id}\">{heading}</a></li>");
        }
        let nav = if links.is_empty() {
            String::new()
        } else {
            format!("<nav aria-label=\"sections\"><ul>\n{links}</ul></nav>\n")
        };
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
             <meta name=\"color-scheme\" content=\"light dark\"/>\n<title>{title}</title>\n\
             <style>\n{STYLE}</style>\n</head>\n<body>\n<header><h1>{title}</h1>\n\
             <p class=\"lead\">{lead}</p>\n{nav}</header>\n<main>\n{}</main>\n</body>\n</html>\n",
            self.body
        )
    }

    fn add(&mut self, text: std::fmt::Arguments<'_>) {
        let _ = self.body.write_fmt(text);
    }

    /// Closes elements until so many are open.
    fn close_to(&mut self, depth: usize) {
        while self.open.len() > depth {
            if let Some(element) = self.open.pop() {
                self.add(format_args!("</{element}>\n"));
            }
        }
    }
}
