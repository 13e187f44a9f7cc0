//! `docs/coverage.md`: which components of otelcol-contrib are there, made of their READMEs and of the list of types by
//! which `sluice` tells a component that it lacks from a typing mistake.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

/// Folders of component kinds; a component's crate is named after the singular.
pub const KINDS: [&str; 5] = ["receivers", "processors", "exporters", "connectors", "extensions"];
/// The page, from the root.
pub const PAGE: &str = "docs/coverage.md";
/// Where the types of otelcol-contrib are listed, a constant per kind.
const UPSTREAM: &str = "core/service/src/upstream.rs";
const INTRODUCTION: &str = "\
# What is there

The components of Sluice beside those of otelcol-contrib. This page is made of the components' READMEs by
`cargo run -p xtask -- coverage`; a test fails when it is stale.

A configuration that names a component which is not there is refused, with its place and with what to do.
Stability is that of our component. \"Differences\" is the number of points in which ours does something else than the
Go Collector's on purpose; the link leads to them. Differences that concern the whole program are in
[compatibility.md](compatibility.md).
";

const HEADS: &str = "| Type | What it does | Stability | Differences |\n|---|---|---|---|";
// They have no signals, and upstream's stability says nothing about ours.
const HEADS_OF_EXTENSIONS: &str = "| Type | What it does | Differences |\n|---|---|---|";

/// A component, as its folder describes it.
struct Component {
    name: String,
    /// An older name that is accepted as well.
    alias: Option<String>,
    readme: String,
}

/// The page as it should be.
pub fn render(root: &Path) -> Result<String> {
    let upstream = fs::read_to_string(root.join(UPSTREAM)).context(UPSTREAM)?;
    let mut page = INTRODUCTION.to_owned();
    for kind in KINDS {
        let theirs = types(&upstream, kind);
        let ours = components(root, kind)?;
        let (first, rest) = kind.split_at(1);
        let title = format!("{}{rest}", first.to_uppercase());
        let heads = if kind == "extensions" { HEADS_OF_EXTENSIONS } else { HEADS };
        write!(page, "\n## {title}\n\n{heads}\n")?;
        for it in &ours {
            writeln!(page, "{}", row(kind, it, &theirs)).context("a row")?;
        }
        let missing: Vec<String> = (theirs.iter())
            .filter(|name| !ours.iter().any(|it| folded(&it.name) == folded(name)))
            .map(|it| format!("`{it}`"))
            .collect();
        writeln!(page, "\nNot there: {}.", missing.join(", "))?;
    }
    Ok(page)
}

/// The words of the constant in which `text` lists the types of a kind.
fn types<'a>(text: &'a str, kind: &str) -> Vec<&'a str> {
    let start = format!("const {}: &str = \"", kind.to_uppercase());
    let list = text.split_once(&start).and_then(|(_, rest)| rest.split_once('"'));
    list.map_or_else(Vec::new, |(list, _)| {
        list.split_whitespace().filter(|word| *word != "\\").collect()
    })
}

fn components(root: &Path, kind: &str) -> Result<Vec<Component>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root.join(kind))? {
        let folder = entry?.path();
        let Ok(readme) = fs::read_to_string(folder.join("README.md")) else { continue };
        let source = fs::read_to_string(folder.join("src/lib.rs"))?;
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        found.push(Component { name, alias: alias(&source).map(str::to_owned), readme });
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

fn alias(source: &str) -> Option<&str> {
    let (_, rest) = source.split_once("const ALIASES: &'static [&'static str] = &[\"")?;
    rest.split('"').next()
}

/// A name without what differs between its old and its new spelling.
fn folded(name: &str) -> String {
    name.replace('_', "")
}

fn row(kind: &str, it: &Component, theirs: &[&str]) -> String {
    let Component { name, alias, readme } = it;
    let path = format!("../{kind}/{name}/README.md");
    let older = alias.as_ref().map(|it| format!(", `{it}`")).unwrap_or_default();
    let is_theirs = theirs.iter().any(|it| folded(it) == folded(name));
    let differs = match differences(readme) {
        _ if !is_theirs => "not in otelcol-contrib".to_owned(),
        0 => "none".to_owned(),
        count => format!("[{count}]({path}#differences-from-upstream)"),
    };
    let stability = stability(readme).map(|it| format!(" {it} |")).unwrap_or_default();
    format!("| [`{name}`]({path}){older} | {} |{stability} {differs} |", purpose(readme))
}

/// The first sentence.
fn purpose(readme: &str) -> String {
    let paragraph = readme.split("\n\n").nth(1).unwrap_or_default().replace('\n', " ");
    let end = paragraph.find(". ").map_or(paragraph.len(), |at| at + 1);
    // Links of a README lead elsewhere from here: their texts stay.
    let mut text = String::new();
    let mut rest = paragraph.get(..end).unwrap_or_default();
    while let Some((before, after)) = rest.split_once("](") {
        text.push_str(&before.replacen('[', "", 1));
        rest = after.split_once(')').map_or("", |(_, rest)| rest);
    }
    text + rest
}

/// The rows of the table of signals, in a line; those of equal stability together.
fn stability(readme: &str) -> Option<String> {
    let rows = readme.lines().skip_while(|it| !it.ends_with("| Stability |")).skip(2);
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for row in rows.take_while(|it| it.starts_with('|')) {
        let cells: Vec<&str> = row.split('|').map(str::trim).filter(|it| !it.is_empty()).collect();
        let (last, signals) = cells.split_last()?;
        let (stability, signals) = (last.to_lowercase(), signals.join(" to "));
        match groups.iter_mut().find(|it| it.0 == stability) {
            Some(group) => group.1.push(signals),
            None => groups.push((stability, vec![signals])),
        }
    }
    let groups =
        groups.into_iter().map(|(stability, all)| format!("{}: {stability}", all.join(", ")));
    let line = groups.collect::<Vec<_>>().join("; ");
    (!line.is_empty()).then_some(line)
}

/// How many points the section has: list entries, or one text.
fn differences(readme: &str) -> usize {
    let Some((_, rest)) = readme.split_once("\n## Differences from upstream\n") else { return 0 };
    let section = rest.split("\n## ").next().unwrap_or_default();
    let points = section.lines().filter(|it| it.starts_with("- ")).count();
    let text = section.trim();
    if points == 0 && !text.is_empty() && !text.starts_with("None") { 1 } else { points }
}

#[cfg(test)]
mod tests {
    use super::*;

    const README: &str = "# x\n\nDoes [it](y.md).\nAnd more.\n\n| Signal | Stability |\n|---|---|\n| traces, logs | Beta |\n| metrics | Alpha |\n\n\
        ## Differences from upstream\n\n- One\n  goes on.\n- Two.\n\n## More\n\n- Three.\n";

    #[test]
    fn a_readme_becomes_a_row() {
        let it =
            Component { name: "x_y".into(), alias: Some("xy".into()), readme: README.to_owned() };
        let link = "../receivers/x_y/README.md";
        assert_eq!(
            row("receivers", &it, &["xy"]),
            format!(
                "| [`x_y`]({link}), `xy` | Does it. | traces, logs: beta; metrics: alpha | [2]({link}#differences-from-upstream) |"
            )
        );
        assert!(row("receivers", &it, &[]).ends_with("| not in otelcol-contrib |"));
    }

    #[test]
    fn the_types_of_upstream_are_those_that_the_program_knows() {
        let text = fs::read_to_string(crate::root().join(UPSTREAM)).unwrap();
        for kind in KINDS {
            let found = types(&text, kind);
            assert!(
                found.len() > 10 && found.iter().all(|it| !it.contains('\\')),
                "{kind}: {found:?}"
            );
        }
    }
}
