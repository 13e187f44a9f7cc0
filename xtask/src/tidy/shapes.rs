//! How much one type may hold: a type beyond these caps keeps several things that have no name yet.
//!
//! Reads the text as rustfmt leaves it, in which an item ends where its indentation comes back.

use std::collections::BTreeMap;

use super::Source;

/// Most fields of a struct.
const FIELDS_MAX: usize = 20;
/// Most methods of a type in all its own `impl` blocks of a crate. Those of traits are not its choice.
const METHODS_MAX: usize = 40;
/// Types that are beyond a cap, by crate, and why.
const EXCEPTIONS: [(&str, &str, &str); 5] = [
    ("bench", "Cost", "a row of a table: what is measured, one number each"),
    (
        "lib/flow/fileconsumer",
        "Engine",
        "until it is taken apart into catalog, decisions and schedule",
    ),
    ("lib/flow/fileconsumer", "Tracked", "until the states of a file have names"),
    ("lib/lang/rego", "Parser", "one method for each production of the grammar, in four files"),
    ("receivers/file_log", "Config", "upstream's section, whose 41 keys stand side by side"),
];

/// One line per type that is beyond a cap.
pub fn check(sources: &[Source], problems: &mut Vec<String>) {
    let sources = || sources.iter().filter(|it| !it.path.contains("test"));
    let mut definitions: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for source in sources() {
        for name in source.text.lines().filter_map(defined) {
            *definitions.entry((folder(source), name)).or_default() += 1;
        }
    }
    let mut counts: BTreeMap<(&str, &str, &str), Counts> = BTreeMap::new();
    for source in sources() {
        for (name, Counts { fields, methods }) in read(super::without_tests(&source.text)) {
            // The `impl` blocks of one type may stand in several files; a name may also stand for several types.
            let alone = definitions.get(&(folder(source), name)).is_none_or(|it| *it == 1);
            let file = if alone { "" } else { source.path.as_str() };
            let all = counts.entry((folder(source), file, name)).or_default();
            all.fields = all.fields.max(fields);
            all.methods += methods;
        }
    }
    for ((folder, _, name), Counts { fields, methods }) in counts {
        if EXCEPTIONS.iter().any(|(of, it, _)| (*of, *it) == (folder, name)) {
            continue;
        }
        if fields > FIELDS_MAX {
            problems.push(format!("{folder}: {name} has {fields} fields, at most {FIELDS_MAX}"));
        }
        if methods > METHODS_MAX {
            problems.push(format!("{folder}: {name} has {methods} methods, at most {METHODS_MAX}"));
        }
    }
}

#[derive(Default)]
struct Counts {
    fields: usize,
    methods: usize,
}

fn folder(source: &Source) -> &str {
    source.path.split_once("/src/").map_or("", |(folder, _)| folder)
}

/// The type that a line begins to define.
fn defined(line: &str) -> Option<&str> {
    let code = super::without_visibility(line.trim_start());
    let rest = code.strip_prefix("struct ").or_else(|| code.strip_prefix("enum "))?;
    Some(name(rest))
}

/// What the structs and `impl` blocks of a file hold.
fn read(text: &str) -> BTreeMap<&str, Counts> {
    let mut counts: BTreeMap<&str, Counts> = BTreeMap::new();
    let mut inside = None;
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        match &inside {
            None => inside = Block::begins(line).map(|it| (indent, it)),
            Some((at, _)) if indent == *at && line.trim_start().starts_with('}') => inside = None,
            Some((at, _)) if indent != at + 4 => {}
            Some((_, Block::Struct(name))) if is_field(line) => {
                counts.entry(name).or_default().fields += 1;
            }
            Some((_, Block::Impl(name))) if is_method(line) => {
                counts.entry(name).or_default().methods += 1;
            }
            Some(_) => {}
        }
    }
    counts
}

/// What the lines that follow belong to.
enum Block<'s> {
    Struct(&'s str),
    Impl(&'s str),
}

impl<'s> Block<'s> {
    fn begins(line: &'s str) -> Option<Self> {
        let code = super::without_visibility(line.trim());
        if !code.ends_with('{') {
            return None;
        }
        if let Some(rest) = code.strip_prefix("struct ") {
            return Some(Self::Struct(name(rest)));
        }
        let rest = code.strip_prefix("impl")?;
        // Past the generics, which may hold `>` only inside `->`.
        let rest = if rest.starts_with('<') { rest.split_once("> ")?.1 } else { rest.trim_start() };
        let of = name(rest);
        // A macro's `impl` has no name here.
        (!rest.contains(" for ") && !of.is_empty()).then_some(Self::Impl(of))
    }
}

/// The word at the beginning.
fn name(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

fn is_field(line: &str) -> bool {
    let code = super::without_visibility(line.trim_start());
    let name = name(code);
    !name.is_empty() && code[name.len()..].starts_with(": ")
}

fn is_method(line: &str) -> bool {
    let code = super::without_visibility(line.trim_start());
    let code = code.trim_start_matches("const ").trim_start_matches("async ");
    code.starts_with("fn ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_methods_of_all_own_impl_blocks_count_and_those_of_traits_do_not() {
        let text = "pub struct Many<T> {\n    pub(crate) a: T,\n    /// b: u8\n    b: u8,\n}\n\n\
            impl<T: Into<u8>> Many<T> {\n    pub const fn one() {\n        fn inner() {}\n    }\n}\n\n\
            impl Many<u8> {\n    pub async fn two(\n        &self,\n    ) {\n    }\n}\n\n\
            impl Clone for Many<u8> {\n    fn clone(&self) {}\n}\n";
        let counts = read(text);
        let many = &counts["Many"];
        assert_eq!((many.fields, many.methods), (2, 2));
    }
}
