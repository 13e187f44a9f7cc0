//! Modules of one crate that use each other in a circle: none can be read, or moved, without the others.
//!
//! What counts is who needs a definition of whom, so a path is followed through re-exports to the module that
//! defines its last name. A module and those below it are one thing: a child may use what its parent defines,
//! and the parent lists its children. So only the children of one module can be in a circle with each other.

use std::collections::{BTreeMap, BTreeSet};

use super::Source;

/// Circles that stand, by crate and modules, and until when.
const EXCEPTIONS: &[(&str, &[&str])] = &[
    // One state machine in four files, until it is taken apart into catalog, decisions and schedule.
    ("lib/flow/fileconsumer", &["admit", "adopt", "engine", "rotate"]),
];
/// Re-exports that are followed for one name; more would be a circle of `use` that rustc refuses.
const HOPS_MAX: usize = 16;

/// One line per circle that is no exception, with the names that tie it.
pub fn check(sources: &[Source], problems: &mut Vec<String>) {
    let mut crates: BTreeMap<&str, Vec<&Source>> = BTreeMap::new();
    for source in sources {
        if let Some((folder, file)) = source.path.split_once("/src/")
            && !file.contains("test")
        {
            crates.entry(folder).or_default().push(source);
        }
    }
    for (folder, sources) in crates {
        let modules = Modules::read(&sources);
        for (level, edges) in levels(modules.edges()) {
            for circle in circles(&edges) {
                let level = if level.is_empty() { String::new() } else { level.join("/") + "/" };
                let excepted = |it: &String| {
                    let name = format!("{level}{it}");
                    let mut here = EXCEPTIONS.iter().filter(|(of, _)| *of == folder);
                    here.any(|(_, names)| names.contains(&name.as_str()))
                };

                if !circle.iter().all(excepted) {
                    let names = circle.iter().cloned().collect::<Vec<_>>().join(", ");
                    let ties = ties(&circle, &edges);
                    problems.push(format!("{folder}/src/{level}: a circle of {names}\n{ties}"));
                }
            }
        }
    }
}

/// From module to module, with the names that the first takes from the second.
type Edges = BTreeMap<(String, String), BTreeSet<String>>;

/// The edges between the children of each module: what one of them, or a module below it, takes from another.
fn levels(edges: BTreeMap<(Path, Path), BTreeSet<String>>) -> BTreeMap<Path, Edges> {
    let mut levels: BTreeMap<Path, Edges> = BTreeMap::new();
    for ((from, to), names) in edges {
        let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
        if let (Some(a), Some(b)) = (from.get(shared), to.get(shared)) {
            let level = levels.entry(from[..shared].to_vec()).or_default();
            level.entry((a.clone(), b.clone())).or_default().extend(names);
        }
    }
    levels
}

fn ties(circle: &BTreeSet<String>, edges: &Edges) -> String {
    let inside = edges.iter().filter(|((a, b), _)| circle.contains(a) && circle.contains(b));
    let line = |((a, b), names): (&(String, String), &BTreeSet<String>)| {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        format!("    {a} -> {b}: {}", names.join(", "))
    };
    inside.map(line).collect::<Vec<_>>().join("\n")
}

/// Sets of modules that reach each other.
fn circles(edges: &Edges) -> BTreeSet<BTreeSet<String>> {
    let all: BTreeSet<&String> = edges.keys().flat_map(|(a, b)| [a, b]).collect();
    let reach: BTreeMap<&String, BTreeSet<&String>> =
        all.iter().map(|from| (*from, reached(from, edges))).collect();
    let circle = |from: &&String| -> BTreeSet<String> {
        let mutual = |to: &&&String| reach.get(**to).is_some_and(|it| it.contains(*from));
        reach.get(*from).into_iter().flatten().filter(mutual).map(|it| (*it).clone()).collect()
    };
    all.iter().map(circle).filter(|circle| circle.len() > 1).collect()
}

fn reached<'e>(from: &String, edges: &'e Edges) -> BTreeSet<&'e String> {
    let mut seen = BTreeSet::new();
    let mut todo = vec![from];
    while let Some(at) = todo.pop() {
        for (_, to) in edges.keys().filter(|(a, _)| a == at) {
            if seen.insert(to) {
                todo.push(to);
            }
        }
    }
    seen
}

type Path = Vec<String>;

/// What a `use` brings in.
struct Use {
    /// By which it is known from then on.
    name: String,
    path: Path,
    is_public: bool,
}

#[derive(Default)]
struct Module {
    /// Names of the items at the top level.
    defines: BTreeSet<String>,
    uses: Vec<Use>,
    globs: Vec<Path>,
    /// Paths in the code below the `use` lines.
    mentions: BTreeSet<Path>,
    /// First words of paths, single words too.
    words: BTreeSet<String>,
}

/// All modules of a crate, by their path.
struct Modules(BTreeMap<Path, Module>);

impl Modules {
    fn read(sources: &[&Source]) -> Self {
        let mut all = BTreeMap::new();
        for source in sources {
            let file = source.path.split_once("/src/").map_or("", |(_, file)| file);
            let path: Path = (file.trim_end_matches(".rs").split('/'))
                .filter(|it| !["lib", "main", "mod"].contains(it))
                .map(str::to_owned)
                .collect();
            all.insert(path, Module::read(super::without_tests(&source.text)));
        }
        Self(all)
    }

    fn edges(&self) -> BTreeMap<(Path, Path), BTreeSet<String>> {
        let mut edges: BTreeMap<(Path, Path), BTreeSet<String>> = BTreeMap::new();
        for (at, module) in &self.0 {
            let used = |it: &&Use| !it.is_public || module.words.contains(&it.name);
            let uses = module.uses.iter().filter(used).map(|it| &it.path);
            for path in uses.chain(&module.globs).chain(&module.mentions) {
                if let Some((to, name)) = self.resolve(at, path, 0) {
                    edges.entry((at.clone(), to)).or_default().insert(name);
                }
            }
        }
        edges
    }

    /// The module that defines the last name of `path`, as seen from module `at`.
    fn resolve(&self, at: &[String], path: &[String], hops: usize) -> Option<(Path, String)> {
        if hops > HOPS_MAX {
            return None;
        }
        let mut here = at.to_vec();
        let mut rest = path;
        while let Some((name, more)) = rest.split_first() {
            match name.as_str() {
                "crate" => here.clear(),
                "self" => {}
                "super" => _ = here.pop(),
                _ => break,
            }
            rest = more;
        }
        while let Some((name, more)) = rest.split_first() {
            let child = [here.as_slice(), std::slice::from_ref(name)].concat();
            if self.0.contains_key(&child) {
                (here, rest) = (child, more);
                continue;
            }
            let module = self.0.get(&here)?;
            if module.defines.contains(name) {
                return Some((here, name.clone()));
            }
            let from_here =
                |path: &Path| self.resolve(&here, &[path.as_slice(), more].concat(), hops + 1);
            if let Some(it) = module.uses.iter().find(|it| it.name == *name) {
                return from_here(&it.path);
            }
            let through =
                |glob: &Path| from_here(&[glob.as_slice(), std::slice::from_ref(name)].concat());
            return module.globs.iter().find_map(through);
        }
        None
    }
}

impl Module {
    fn read(text: &str) -> Self {
        let mut module = Self::default();
        let mut statement = String::new();
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            let visible = super::without_visibility(line.trim_start());
            if !statement.is_empty() || visible.starts_with("use ") {
                statement.push_str(line.trim());
                statement.push(' ');
                if line.trim_end().ends_with(';') {
                    module.add_use(&statement);
                    statement.clear();
                }
                continue;
            }
            if !line.starts_with(' ') {
                module.defines.extend(defined(visible));
            }
            module.add_mentions(line);
        }
        module
    }

    fn add_use(&mut self, statement: &str) {
        let is_public = statement.starts_with("pub");
        let tree = super::without_visibility(statement).trim_start_matches("use ");
        let mut found = Vec::new();
        flatten(tree.trim().trim_end_matches(';'), &[], &mut found);
        for (name, path) in found {
            match name.as_str() {
                "*" => self.globs.push(path),
                _ => self.uses.push(Use { name, path, is_public }),
            }
        }
    }

    fn add_mentions(&mut self, line: &str) {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        for run in line.split(|c: char| !is_word(c)) {
            let path: Path = run.split("::").map(|it| it.trim_matches(':').to_owned()).collect();
            self.words.extend(path.first().cloned());
            if path.len() > 1 && path.iter().all(|it| !it.is_empty()) {
                self.mentions.insert(path);
            }
        }
    }
}

/// The name of the item that a line at the margin begins.
fn defined(line: &str) -> Option<String> {
    let mut words =
        line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|it| !it.is_empty());
    let mut word = words.next()?;
    while ["async", "const", "macro_rules"].contains(&word) {
        let next = words.next()?;
        if !["fn", "async"].contains(&next) {
            return Some(next.to_owned());
        }
        word = next;
    }
    let kinds = ["fn", "struct", "enum", "trait", "type", "static", "union"];
    kinds.contains(&word).then(|| words.next().map(str::to_owned))?
}

/// `a::{b, c as d, e::*}` as local names and paths.
fn flatten(tree: &str, before: &[String], found: &mut Vec<(String, Path)>) {
    let tree = tree.trim();
    let (head, group) = match tree.find('{') {
        Some(at) => (tree[..at].trim_end_matches("::"), Some(tree[at + 1..].trim_end_matches('}'))),
        None => (tree, None),
    };
    let (head, alias) = head.split_once(" as ").unwrap_or((head, ""));
    let names = head.split("::").map(|it| it.trim().to_owned()).filter(|it| !it.is_empty());
    let mut path: Path = before.iter().cloned().chain(names).collect();
    if let Some(group) = group {
        return split(group).into_iter().for_each(|it| flatten(it, &path, found));
    }
    if path.last().is_some_and(|it| it == "self" && path.len() > 1) {
        path.pop();
    }
    let Some(last) = path.last().cloned() else { return };
    if last == "*" {
        path.pop();
    }
    found.push((if alias.is_empty() { last } else { alias.trim().to_owned() }, path));
}

/// At the commas that are in no braces.
fn split(group: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&group[start..]);
    parts.into_iter().filter(|it| !it.trim().is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(files: &[(&str, &str)]) -> Vec<String> {
        let source = |(file, text): &(&str, &str)| Source {
            path: format!("lib/net/x/src/{file}"),
            text: (*text).into(),
        };
        let (sources, mut problems) = (files.iter().map(source).collect::<Vec<_>>(), Vec::new());
        check(&sources, &mut problems);
        problems
    }

    #[test]
    fn siblings_that_use_each_other_through_their_parents_face_are_a_circle() {
        let found = problems(&[
            ("lib.rs", "mod a;\nmod b;\npub use a::{One, Other as Two};\npub use b::*;\n"),
            ("a.rs", "use crate::Three;\npub struct One;\npub struct Other;\n"),
            ("b/mod.rs", "pub mod c;\npub use c::Three;\n"),
            ("b/c.rs", "pub enum Three {}\nfn f(_: crate::Two) {}\n"),
        ]);
        let expected = "lib/net/x/src/: a circle of a, b\n    a -> b: Three\n    b -> a: Other";
        assert_eq!(found, [expected]);
    }

    #[test]
    fn a_child_may_use_what_its_parent_defines() {
        let found = problems(&[
            ("lib.rs", "mod a;\npub const LIMIT: u8 = 1;\nfn f() {\n    a::run()\n}\n"),
            ("a.rs", "use super::LIMIT;\npub fn run() {}\n"),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn tests_and_comments_tie_nothing() {
        let found = problems(&[
            ("lib.rs", "mod a;\nmod b;\n"),
            ("a.rs", "use crate::b::two;\npub fn one() {}\n"),
            (
                "b.rs",
                "pub fn two() {}\n/// See crate::a::one.\n#[cfg(test)]\nmod tests {\n    use crate::a::one;\n}\n",
            ),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }
}
