//! `ordering_criteria:` checked, with the Collector's texts. `pkg/stanza/fileconsumer/matcher`, v0.149.

use component::BoxError;
use fileconsumer::{Layout, Ordering, Rule, SortKind};
use golang::go_regex;
use regex::Regex;

use crate::config::{OrderingCriteria, SortBy};

/// `None` when all files are read.
pub(crate) fn compile(criteria: &OrderingCriteria) -> Result<Option<Ordering>, BoxError> {
    let OrderingCriteria { regex, top_n, group_by, sort_by } = criteria;
    if sort_by.is_empty() && group_by.is_empty() {
        return Ok(None);
    }
    if *top_n < 0 && !sort_by.is_empty() {
        return Err("'top_n' must be a positive integer".into());
    }
    let top_n = usize::try_from(*top_n).unwrap_or(0).max(1);
    let by_name = sort_by.iter().any(|it| it.sort_type != "mtime");
    if regex.is_empty() && by_name {
        return Err("'regex' must be specified when 'sort_by' is specified".into());
    }
    let pattern = |name: &str, text: &str| -> Result<Option<Regex>, BoxError> {
        if text.is_empty() {
            return Ok(None);
        }
        Ok(Some(go_regex(text, Regex::new).map_err(|error| format!("compile {name}: {error}"))?))
    };
    let rules = sort_by.iter().map(rule).collect::<Result<_, _>>()?;
    Ok(Some(Ordering {
        regex: pattern("regex", regex)?,
        rules,
        group_by: pattern("group_by regex", group_by)?,
        top_n,
    }))
}

fn rule(by: &SortBy) -> Result<Rule, BoxError> {
    let SortBy { sort_type, regex_key, ascending, layout, .. } = by;
    let kind = match sort_type.as_str() {
        "numeric" => SortKind::Numeric,
        "alphabetical" => SortKind::Alphabetical,
        "timestamp" if layout.is_empty() => {
            return Err("timestamp sort: layout must be specified".into());
        }
        "timestamp" => SortKind::Timestamp(Layout::parse(layout)?),
        "mtime" => SortKind::Modified,
        _ => return Err("'sort_type' must be specified".into()),
    };
    if regex_key.is_empty() && !matches!(kind, SortKind::Modified) {
        return Err(format!("{sort_type} sort: regex key must be specified").into());
    }
    Ok(Rule { key: regex_key.clone(), kind, ascending: *ascending })
}
