//! `ordering_criteria:` checked, with the Collector's texts. `pkg/stanza/fileconsumer/matcher`, v0.149.

use component::config::Fault;
use fileconsumer::{Layout, Ordering, Rule, SortKind};
use golang::go_regex;
use golang::time::Zone;
use regex::Regex;

use crate::config::{OrderingCriteria, SortBy};
use crate::wrong;

/// `None` when all files are read.
pub(crate) fn compile(criteria: &OrderingCriteria) -> Result<Option<Ordering>, Fault> {
    let OrderingCriteria { regex, top_n, group_by, sort_by } = criteria;
    if sort_by.is_empty() && group_by.is_empty() {
        return Ok(None);
    }
    if *top_n < 0 && !sort_by.is_empty() {
        return Err(wrong("'top_n' must be a positive integer", |it| it.set("top_n", "1")));
    }
    let top_n = usize::try_from(*top_n).unwrap_or(0).max(1);
    let by_name = sort_by.iter().any(|it| it.sort_type != "mtime");
    if regex.is_empty() && by_name {
        let text = "'regex' must be specified when 'sort_by' is specified";
        return Err(wrong(text, |it| it.about("regex")));
    }
    let pattern = |name: &str, key: &str, text: &str| -> Result<Option<Regex>, Fault> {
        if text.is_empty() {
            return Ok(None);
        }
        let compiled = go_regex(text, Regex::new);
        let say = |error| wrong(format!("compile {name}: {error}"), |it| it.about(key));
        compiled.map(Some).map_err(say)
    };
    let place = |at: usize, fault: Fault| fault.within_item(at).within("sort_by");
    let rules = sort_by.iter().enumerate().map(|(at, it)| rule(it).map_err(|it| place(at, it)));
    let rules = rules.collect::<Result<_, _>>()?;
    Ok(Some(Ordering {
        regex: pattern("regex", "regex", regex)?,
        rules,
        group_by: pattern("group_by regex", "group_by", group_by)?,
        top_n,
    }))
}

fn rule(by: &SortBy) -> Result<Rule, Fault> {
    let SortBy { sort_type, regex_key, ascending, layout, location } = by;
    let kind = match sort_type.as_str() {
        "numeric" => SortKind::Numeric,
        "alphabetical" => SortKind::Alphabetical,
        "timestamp" if layout.is_empty() => {
            let text = "timestamp sort: layout must be specified";
            return Err(wrong(text, |it| it.about("layout")));
        }
        "timestamp" if Zone::named(location).is_none() => {
            let text = format!(
                "timestamp sort: load location UTC: failed to load location {location}: unknown time zone {location}"
            );
            return Err(wrong(text, |it| it.about("location")));
        }
        "timestamp" => {
            let layout = Layout::parse(layout);
            SortKind::Timestamp(layout.map_err(|it| wrong(it.clone(), |it| it.about("layout")))?)
        }
        "mtime" => SortKind::Modified,
        _ => {
            let known = ["numeric", "alphabetical", "timestamp", "mtime"];
            return Err(wrong("'sort_type' must be specified", |it| {
                it.one_of("sort_type", &known)
            }));
        }
    };
    if regex_key.is_empty() && !matches!(kind, SortKind::Modified) {
        let text = format!("{sort_type} sort: regex key must be specified");
        return Err(wrong(text, |it| it.about("regex_key")));
    }
    Ok(Rule { key: regex_key.clone(), kind, ascending: *ascending })
}
