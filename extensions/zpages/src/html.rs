//! Text for a browser. Whatever is not written here is escaped.

use std::fmt::Write as _;

const HEAD: &str = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
content=\"width=device-width\"><title>";
const STYLE: &str = "</title><style>\
body{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:72em;padding:0 1em;color:#1c2733;background:#fff}\
h1{font-size:1.4em}h2{font-size:1.1em;margin-top:2em}table{border-collapse:collapse;width:100%}\
th,td{text-align:left;padding:.35em .8em .35em 0;border-bottom:1px solid #dde3ea;vertical-align:top}\
th{font-weight:600;color:#51606f}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}\
nav a{margin-right:1em}a{color:#0b57a4}.bad{color:#b3261e;font-weight:600}.dim{color:#6b7885}\
@media(prefers-color-scheme:dark){body{background:#14181d;color:#dfe6ee}th,td{border-color:#2b333c}a{color:#7db7f0}\
.bad{color:#ff8a80}th,.dim{color:#9aa7b4}}</style></head><body><nav>\
<a href=\"servicez\">service</a><a href=\"pipelinez\">pipelines</a><a href=\"extensionz\">extensions</a>\
<a href=\"featurez\">feature gates</a><a href=\"tracez\">traces</a></nav>\n";

/// A page that grows.
pub(crate) struct Page(String);

/// A cell of a table.
pub(crate) enum Cell {
    /// A text.
    Text(String),
    /// A number, to the right.
    Number(String),
    /// Something that should not be so.
    Bad(String),
    /// Links, each with its address.
    Links(Vec<(String, String)>),
}

impl Page {
    pub(crate) fn new(title: &str) -> Self {
        let title = escaped(title);
        Self(format!("{HEAD}{title}{STYLE}<h1>{title}</h1>\n"))
    }

    pub(crate) fn heading(&mut self, text: &str) {
        let _ = writeln!(self.0, "<h2>{}</h2>", escaped(text));
    }

    pub(crate) fn paragraph(&mut self, text: &str) {
        let _ = writeln!(self.0, "<p class=\"dim\">{}</p>", escaped(text));
    }

    /// A table; where there are no rows, `nothing` is said instead.
    pub(crate) fn table(&mut self, columns: &[&str], rows: Vec<Vec<Cell>>, nothing: &str) {
        if rows.is_empty() {
            return self.paragraph(nothing);
        }
        let is_number =
            |at: usize| rows.iter().all(|row| matches!(row.get(at), None | Some(Cell::Number(_))));
        self.0.push_str("<table><tr>");
        for (at, name) in columns.iter().enumerate() {
            let class = if is_number(at) { " class=\"n\"" } else { "" };
            let _ = write!(self.0, "<th{class}>{}</th>", escaped(name));
        }
        self.0.push_str("</tr>\n");
        for row in rows {
            self.0.push_str("<tr>");
            row.into_iter().for_each(|cell| self.cell(cell));
            self.0.push_str("</tr>\n");
        }
        self.0.push_str("</table>\n");
    }

    fn cell(&mut self, cell: Cell) {
        let _ = match cell {
            Cell::Text(text) => write!(self.0, "<td>{}</td>", escaped(&text)),
            Cell::Number(text) => write!(self.0, "<td class=\"n\">{}</td>", escaped(&text)),
            Cell::Bad(text) => write!(self.0, "<td class=\"bad\">{}</td>", escaped(&text)),
            Cell::Links(links) => {
                let links = links
                    .iter()
                    .map(|(text, to)| format!("<a href=\"{}\">{}</a>", escaped(to), escaped(text)));
                write!(self.0, "<td>{}</td>", links.collect::<Vec<_>>().join(", "))
            }
        };
    }

    pub(crate) fn end(mut self) -> String {
        self.0.push_str("</body></html>\n");
        self.0
    }
}

/// Safe in text and in an attribute.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for it in text.chars() {
        match it {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            it => safe.push(it),
        }
    }
    safe
}

/// A value in the query of an address.
pub(crate) fn in_query(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_./".contains(&byte) {
            safe.push(char::from(byte));
        } else {
            let _ = write!(safe, "%{byte:02X}");
        }
    }
    safe
}
