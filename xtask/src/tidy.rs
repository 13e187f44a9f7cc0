//! The invariants of ARCHITECTURE.md, each as a check over the tree. Run as a test.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::coverage::{self, KINDS};

mod blocking;
mod circles;
mod faults;
mod messages;
mod shapes;

/// Longest source file, its tests not counted.
const FILE_LINES_MAX: usize = 500;
/// Which of our crates the crates of a folder may depend on, by folder; the first line that fits holds. Who is
/// not listed may depend on everything but components.
const ARROWS: &[(&str, &[&str])] = &[
    ("core/clock", &[]),
    // It runs in the compiler. It stands before what it starts with: the first arrow that fits counts.
    ("core/config-derive", &[]),
    ("core/config", &["core/config-derive"]),
    ("core/pdata", &[]),
    ("core/machine", &[]),
    ("core/confmap", &["core/config"]),
    ("core/component", &["core/clock", "core/config", "core/pdata"]),
    // Its documents are YAML, which only confmap knows.
    ("lib/lang/telemetry_policy", &["core/clock", "core/confmap", "core/pdata", "lib/lang/"]),
    // A language knows values and sections, and neither pipelines nor sockets.
    ("lib/lang/", &["core/clock", "core/config", "core/pdata", "lib/lang/"]),
    ("lib/net/", &["core/clock", "core/component", "core/config", "core/pdata", "lib/net/"]),
    ("lib/flow/", BELOW_COMPONENTS),
    // The conformance kit reads the YAML of READMEs.
    ("lib/test/componenttest", &["core/", "lib/"]),
    ("lib/test/", BELOW_COMPONENTS),
    ("receivers/", BELOW_COMPONENTS),
    ("processors/", BELOW_COMPONENTS),
    ("exporters/", BELOW_COMPONENTS),
    ("connectors/", BELOW_COMPONENTS),
    ("extensions/", BELOW_COMPONENTS),
];
const BELOW_COMPONENTS: &[&str] = &[
    "core/clock",
    "core/component",
    "core/config",
    "core/machine",
    "core/pdata",
    "lib/lang/",
    "lib/net/",
    "lib/flow/",
];

/// Everything that is not as ARCHITECTURE.md says, one line each.
pub fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let tree = Tree::read(root)?;
    let mut problems = Vec::new();
    tree.dependencies(&mut problems);
    tree.one_place_each(&mut problems);
    tree.component_folders(&mut problems)?;
    tree.sources(&mut problems);
    for page in faults::PAGES {
        let text = fs::read_to_string(root.join(page))?;
        faults::check(page, &text, &tree.sources, &mut problems);
    }
    if fs::read_to_string(root.join(coverage::PAGE)).ok() != Some(coverage::render(root)?) {
        problems.push(format!("{}: stale: `cargo run -p xtask -- coverage`", coverage::PAGE));
    }
    circles::check(&tree.sources, &mut problems);
    shapes::check(&tree.sources, &mut problems);
    messages::check(&tree.sources, &mut problems);
    blocking::check(&tree.sources, &mut problems);
    Ok(problems)
}

struct Crate {
    /// `core/pdata`.
    folder: String,
    /// Of all sections but the dev one.
    dependencies: Vec<String>,
    manifest: String,
}

struct Source {
    /// From the root.
    path: String,
    text: String,
}

struct Tree {
    root: PathBuf,
    crates: Vec<Crate>,
    sources: Vec<Source>,
}

impl Tree {
    fn read(root: &Path) -> anyhow::Result<Self> {
        let mut tree = Self { root: root.to_owned(), crates: Vec::new(), sources: Vec::new() };
        for top in
            ["core", "lib", "collector-bin", "bench", "xtask", "tests"].into_iter().chain(KINDS)
        {
            tree.walk(&root.join(top))?;
        }
        Ok(tree)
    }

    fn walk(&mut self, folder: &Path) -> anyhow::Result<()> {
        let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
        let mut paths: Vec<PathBuf> =
            entries.map(|it| Ok(it?.path())).collect::<std::io::Result<_>>()?;
        paths.sort();
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let relative = path.strip_prefix(&self.root)?.to_string_lossy().into_owned();
            if path.is_dir()
                && !["target", "testdata", "golden", "golden-kube"].contains(&name.as_str())
            {
                self.walk(&path)?;
            } else if name == "Cargo.toml" {
                let manifest = fs::read_to_string(&path).context(relative.clone())?;
                let folder = relative.trim_end_matches("/Cargo.toml").to_owned();
                let dependencies = dependencies(&manifest);
                self.crates.push(Crate { folder, dependencies, manifest });
            } else if path.extension().is_some_and(|it| it == "rs") {
                let text = fs::read_to_string(&path).context(relative.clone())?;
                self.sources.push(Source { path: relative, text });
            }
        }
        Ok(())
    }

    /// Arrows point down, never sideways.
    fn dependencies(&self, problems: &mut Vec<String>) {
        let ours: Vec<(&str, &str)> = (self.crates.iter())
            .map(|it| (it.folder.as_str(), it.folder.rsplit('/').next().unwrap_or_default()))
            .collect();
        for it in &self.crates {
            let is_component = KINDS.iter().any(|kind| it.folder.starts_with(&format!("{kind}/")));
            for dependency in &it.dependencies {
                let target = ours.iter().find(|(folder, name)| {
                    name == dependency
                        && (folder.starts_with("core/") || folder.starts_with("lib/"))
                });
                let kind = ["receiver", "processor", "exporter", "connector", "extension"];
                let to_component =
                    kind.iter().any(|kind| dependency.ends_with(&format!("-{kind}")));
                let arrows = ARROWS.iter().find(|(from, _)| it.folder.starts_with(from));
                let allowed = match (target, arrows) {
                    (Some((folder, _)), Some((_, to))) => {
                        to.iter().any(|prefix| folder.starts_with(prefix))
                    }
                    (Some(_), None) => true,
                    (None, _) => {
                        !to_component || ["collector-bin", "bench"].contains(&it.folder.as_str())
                    }
                };
                if !allowed {
                    problems.push(format!("{}: must not depend on {dependency}", it.folder));
                }
            }
            if is_component {
                let strays = it.manifest.lines().filter(|line| line.contains("version = \""));
                problems.extend(strays.map(|line| {
                    format!("{}: `{line}`: dependencies are `workspace = true`", it.folder)
                }));
            }
        }
    }

    /// What only one crate may do.
    fn one_place_each(&self, problems: &mut Vec<String>) {
        let yaml = ["saphyr", "saphyr-parser", "serde_yaml"];
        let otlp = ["opentelemetry-proto"];
        let rules: [(&[&str], &[&str], &str); 2] = [
            // A kubeconfig is no configuration of ours (ADR 0020).
            (&yaml, &["core/confmap", "lib/net/kube"], "only confmap knows YAML"),
            (&otlp, &["core/pdata", "lib/test/componenttest", "bench"], "only pdata decodes OTLP"),
        ];
        for (names, owners, rule) in rules {
            for it in self.crates.iter().filter(|it| !owners.contains(&it.folder.as_str())) {
                if it.dependencies.iter().any(|name| names.contains(&name.as_str())) {
                    problems.push(format!("{}: {rule}", it.folder));
                }
            }
        }
        let programs = ["collector-bin/", "bench/", "xtask/", "tests/"];
        for source in &self.sources {
            let inside = |folders: &[&str]| folders.iter().any(|it| source.path.starts_with(it));
            let code = without_tests(&source.text);
            for (what, word) in [("reads argv", "env::args"), ("exits", "process::exit")] {
                if code.contains(word) && !inside(&programs) {
                    problems.push(format!("{}: only collector-bin {what}", source.path));
                }
            }
            if inside(&["core/pdata/src/"]) && code.contains("tokio::") {
                problems.push(format!("{}: pdata is synchronous", source.path));
            }
        }
    }

    /// Named after its type, with a README, registered.
    fn component_folders(&self, problems: &mut Vec<String>) -> anyhow::Result<()> {
        let list = fs::read_to_string(self.root.join("collector-bin/src/components.rs"))?;
        for it in &self.crates {
            let Some((kind, name)) = it.folder.split_once('/') else { continue };
            if !KINDS.contains(&kind) {
                continue;
            }
            let library = format!("{name}_{}", kind.trim_end_matches('s'));
            if !list.contains(&format!("<{library}::")) {
                problems.push(format!("{}: not registered in components.rs", it.folder));
            }
            if !it.manifest.contains(&format!("name = \"{library}\"")) {
                problems.push(format!("{}: the library is not called {library}", it.folder));
            }
            let named = format!("const TYPE: &'static str = \"{name}\"");
            let sources =
                || self.sources.iter().filter(|source| source.path.starts_with(&it.folder));
            if !sources().any(|source| source.text.contains(&named)) {
                problems.push(format!("{}: TYPE is not the folder's name", it.folder));
            }
            let readme = fs::read_to_string(self.root.join(&it.folder).join("README.md"));
            if !readme.unwrap_or_default().contains("```yaml defaults") {
                problems.push(format!("{}: README.md has no block of defaults", it.folder));
            }
        }
        Ok(())
    }

    fn sources(&self, problems: &mut Vec<String>) {
        for Source { path, text } in &self.sources {
            let lines = without_tests(text).lines().count();
            if lines > FILE_LINES_MAX && !path.contains("test") {
                problems.push(format!("{path}: {lines} lines, at most {FILE_LINES_MAX}"));
            }
            if let Some(at) = text.lines().position(|line| !line.is_ascii()) {
                problems.push(format!("{path}:{}: not ASCII", at + 1));
            }
            if !text.starts_with("//!") && !path.contains("tests") {
                problems.push(format!("{path}: does not begin with what it is (`//!`)"));
            }
            for word in [
                concat!("TO", "DO"),
                concat!("FIX", "ME"),
                concat!("todo", "!("),
                concat!("#[ig", "nore"),
            ] {
                if text.contains(word) {
                    problems.push(format!("{path}: {word}"));
                }
            }
            if text.contains(concat!("un", "safe {")) || text.contains(concat!("#[al", "low(")) {
                problems.push(format!("{path}: unsafe or allow, see CONTRIBUTING.md"));
            }
        }
    }
}

/// The part before the test module.
fn without_tests(text: &str) -> &str {
    text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or(text)
}

/// An item's line past its `pub` or `pub(crate)`.
fn without_visibility(line: &str) -> &str {
    let line = line.strip_prefix("pub").unwrap_or(line);
    let line = match line.strip_prefix('(') {
        Some(rest) => rest.split_once(')').map_or(line, |(_, rest)| rest),
        None => line,
    };
    line.trim_start()
}

/// Names in the dependency sections that go into the product.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut inside = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line == "[dependencies]" || line == "[build-dependencies]";
        } else if inside && !line.starts_with('#') && line.contains('=') {
            let end = line.find(['.', ' ', '=']).unwrap_or(line.len());
            names.push(line[..end].to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_tidy() {
        let problems = check(&crate::root()).unwrap();
        assert!(problems.is_empty(), "\n{}", problems.join("\n"));
    }

    #[test]
    fn dependencies_are_read_from_their_sections_only() {
        let manifest = "[package]\nname = \"x\"\n[dependencies]\na.workspace = true\nb = { path = \"\" }\n\
            [dev-dependencies]\nc.workspace = true\n";
        assert_eq!(dependencies(manifest), ["a", "b"]);
    }

    #[test]
    fn a_component_on_a_component_is_a_problem() {
        let it = Crate {
            folder: "processors/a".into(),
            dependencies: vec!["b-receiver".into(), "component".into(), "service".into()],
            manifest: String::new(),
        };
        let service =
            Crate { folder: "core/service".into(), dependencies: vec![], manifest: String::new() };
        let component = Crate {
            folder: "core/component".into(),
            dependencies: vec![],
            manifest: String::new(),
        };
        let tree =
            Tree { root: PathBuf::new(), crates: vec![it, service, component], sources: vec![] };
        let mut problems = Vec::new();
        tree.dependencies(&mut problems);
        assert_eq!(
            problems,
            [
                "processors/a: must not depend on b-receiver",
                "processors/a: must not depend on service"
            ]
        );
    }

    #[test]
    fn a_language_on_the_component_api_is_a_problem() {
        let of = |folder: &str, dependencies: &[&str]| Crate {
            folder: folder.into(),
            dependencies: dependencies.iter().map(|it| (*it).into()).collect(),
            manifest: String::new(),
        };
        let crates = vec![
            of("lib/lang/a", &["pdata", "b", "component", "net", "serde"]),
            of("lib/lang/b", &[]),
            of("lib/net/net", &["b"]),
            of("core/component", &["pdata"]),
            of("core/pdata", &["component"]),
        ];
        let mut problems = Vec::new();
        Tree { root: PathBuf::new(), crates, sources: vec![] }.dependencies(&mut problems);
        assert_eq!(
            problems,
            [
                "lib/lang/a: must not depend on component",
                "lib/lang/a: must not depend on net",
                "lib/net/net: must not depend on b",
                "core/pdata: must not depend on component",
            ]
        );
    }
}
