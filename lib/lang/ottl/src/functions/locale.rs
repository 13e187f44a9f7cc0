//! Names of months and days in other languages, for `Time`: they become English before a time is read.

use golang::time::civil::{DAYS, MONTHS};

/// What a table of the data holds, and the directives of formats that it is for.
const TABLES: [(&[&str], &[&str]); 5] = [
    (&["%B"], &MONTHS),
    (&["%b", "%h"], &SHORT_MONTHS),
    (&["%A"], &DAYS),
    (&["%a"], &SHORT_DAYS),
    (&["%p", "%P", "%r"], &HALVES),
];

const SHORT_MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const SHORT_DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const HALVES: [&str; 2] = ["AM", "PM"];

/// The names that a format may meet, with their English ones.
#[derive(Debug)]
pub(crate) struct Locale(Vec<Vec<(String, &'static str)>>);

impl Locale {
    /// Of a language, or of a language in a country: `de`, `de-AT`. Countries make no difference.
    pub(super) fn new(tag: &str, format: &str) -> Result<Self, String> {
        let language = tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
        let lines = include_str!("../../data/locales.tsv").lines();
        let mut rows = lines.filter_map(|it| it.split_once('\t'));
        let row = rows.find(|it| it.0 == language).ok_or_else(|| {
            format!("unsupported locale '{tag}', value must be a supported BCP 47 language tag")
        })?;
        let mut tables = Vec::new();
        for ((directives, english), names) in TABLES.iter().zip(row.1.split('\t')) {
            if directives.iter().any(|it| format.contains(it)) {
                let names = names.split('|').filter(|it| !it.is_empty()).map(str::to_lowercase);
                tables.push(names.zip(english.iter().copied()).collect());
            }
        }
        Ok(Self(tables))
    }

    /// The text with English names.
    pub(super) fn translated(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for table in &self.0 {
            let place = text.char_indices().find_map(|(at, _)| {
                let rest = text.get(at..)?.to_lowercase();
                let fits = table.iter().filter(|it| rest.starts_with(it.0.as_str()));
                // Of two names that fit the longer one is meant.
                let (name, english) = fits.max_by_key(|it| it.0.len())?;
                let signs = name.chars().count();
                let length = text.get(at..)?.chars().take(signs).map(char::len_utf8).sum::<usize>();
                Some((at..at + length, *english))
            });
            if let Some((place, english)) = place {
                text.replace_range(place, english);
            }
        }
        text
    }
}
