//! `UserAgent`: what a browser or other client says of itself, by the rules of uap-core.

use std::sync::{LazyLock, OnceLock};

use golang::go_regex;
use memchr::memmem;
use regex::Regex;
use regex_syntax::hir::{Hir, HirKind};

use super::{Function, Kind, function, takes, text};
use crate::value::{Map, Value};

/// So many bytes of a text are looked at.
const BYTES_MAX: usize = 4096;

pub(super) const ALL: &[Function] = &[function(
    "UserAgent",
    &[takes("user_agent", Kind::Text)],
    |_, it| Ok(user_agent(text(it, 0))),
)
.says(
    "Name and version of the client and of its operating system, by their names in the semantic \
     conventions.",
    "UserAgent(\"curl/8.1.2\")[\"user_agent.version\"] == \"8.1.2\"",
)];

static CLIENTS: LazyLock<Vec<Rule>> =
    LazyLock::new(|| rules(include_str!("../../data/user_agents.tsv")));
static SYSTEMS: LazyLock<Vec<Rule>> =
    LazyLock::new(|| rules(include_str!("../../data/systems.tsv")));

/// A regular expression and what it says. Most are never needed, so that they are compiled when a text holds
/// what they cannot do without.
struct Rule {
    pattern: String,
    /// One of these is in every match; none if that cannot be said.
    needles: OnceLock<Vec<Vec<u8>>>,
    regex: OnceLock<Option<Regex>>,
    name: &'static str,
    version: Vec<&'static str>,
}

fn rules(table: &'static str) -> Vec<Rule> {
    let rule = |line: &'static str| {
        let mut cells = line.split('\t');
        let (pattern, flags) = (cells.next()?, cells.next()?);
        let pattern =
            if flags.is_empty() { pattern.to_owned() } else { format!("(?{flags}){pattern}") };
        let or = |it: &'static str, default: &'static str| if it.is_empty() { default } else { it };
        let name = or(cells.next()?, "$1");
        let version = cells.zip(["$2", "$3", "$4", "$5"]).map(|it| or(it.0, it.1)).collect();
        let (needles, regex) = (OnceLock::new(), OnceLock::new());
        Some(Rule { pattern, needles, regex, name, version })
    };
    table.lines().filter(|it| !it.starts_with("# ")).filter_map(rule).collect()
}

impl Rule {
    /// Name and version, if the text fits.
    fn read(&self, text: &str) -> Option<(String, String)> {
        let needles = self.needles.get_or_init(|| {
            let parsed = go_regex(&self.pattern, |it| Ok(regex_syntax::parse(it).ok()));
            parsed.ok().flatten().and_then(|it| needles(&it)).unwrap_or_default()
        });
        let within = |it: &Vec<u8>| memmem::find(text.as_bytes(), it).is_some();
        if !needles.is_empty() && !needles.iter().any(within) {
            return None;
        }
        let regex = self.regex.get_or_init(|| go_regex(&self.pattern, Regex::new).ok());
        let found = regex.as_ref()?.captures(text)?;
        let filled = |template: &str| {
            let mut out = String::new();
            let template = template.replace("$1", "${1}").replace("$2", "${2}");
            let template = template.replace("$3", "${3}").replace("$4", "${4}");
            found.expand(&template.replace("$5", "${5}"), &mut out);
            out
        };
        let name = filled(self.name);
        let mut version = String::new();
        for part in self.version.iter().map(|it| filled(it)).enumerate() {
            if !part.1.is_empty() {
                version.push_str(if part.0 > 0 { "." } else { "" });
                version.push_str(&part.1);
            }
        }
        // Without a name the search goes on.
        (!name.is_empty()).then_some((name, version))
    }
}

/// Texts of which every match has one.
fn needles(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    match hir.kind() {
        HirKind::Literal(it) => Some(vec![it.0.to_vec()]),
        HirKind::Capture(it) => needles(&it.sub),
        HirKind::Repetition(it) if it.min > 0 => needles(&it.sub),
        HirKind::Concat(list) => {
            let shortest = |it: &Vec<Vec<u8>>| it.iter().map(Vec::len).min().unwrap_or(0);
            list.iter().filter_map(needles).max_by_key(shortest)
        }
        HirKind::Alternation(list) => {
            let all: Option<Vec<_>> = list.iter().map(needles).collect();
            all.map(|it| it.into_iter().flatten().collect())
        }
        _ => None,
    }
}

fn user_agent<'a>(text: &str) -> Value<'a> {
    let end = text.floor_char_boundary(BYTES_MAX);
    let looked_at = text.get(..end).unwrap_or_default();
    let read = |rules: &[Rule]| {
        let found = rules.iter().find_map(|it| it.read(looked_at));
        found.unwrap_or_else(|| ("Other".to_owned(), String::new()))
    };
    let (client, system) = (read(&CLIENTS), read(&SYSTEMS));
    let mut entries = vec![
        ("user_agent.name".into(), client.0.into()),
        ("user_agent.original".into(), text.to_owned().into()),
        ("user_agent.version".into(), client.1.into()),
        ("os.name".into(), system.0.into()),
    ];
    if !system.1.is_empty() {
        entries.push(("os.version".into(), system.1.into()));
    }
    Value::Map(Map::own(entries))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_can_be_used() {
        assert!(CLIENTS.len() > 300 && SYSTEMS.len() > 150);
        for rule in CLIENTS.iter().chain(SYSTEMS.iter()) {
            let compiled = go_regex(&rule.pattern, Regex::new);
            assert!(compiled.is_ok(), "{}: {compiled:?}", rule.pattern);
        }
    }
}
