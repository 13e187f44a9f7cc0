//! `new`: a component folder with everything that tidy asks for, and its two lines in the binary.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

/// What a kind's folder is made from.
struct Template {
    kind: &'static str,
    source: &'static str,
    tests: &'static str,
    dependencies: &'static [&'static str],
    dev_dependencies: &'static [&'static str],
}

/// The sources of one kind.
macro_rules! template {
    ($kind:literal, $dependencies:expr, $dev_dependencies:expr) => {
        Template {
            kind: $kind,
            source: include_str!(concat!("../templates/", $kind, ".rs.in")),
            tests: include_str!(concat!("../templates/", $kind, "_tests.rs.in")),
            dependencies: $dependencies,
            dev_dependencies: $dev_dependencies,
        }
    };
}

const TEMPLATES: [Template; 5] = [
    template!(
        "receiver",
        &["component", "config", "pdata", "serde", "tokio-util", "tracing"],
        &["componenttest", PAUSABLE_TOKIO]
    ),
    template!(
        "processor",
        &["component", "config", "pdata", "serde"],
        &["componenttest", "serde_json", "tokio"]
    ),
    template!(
        "exporter",
        &["component", "config", "pdata", "serde", "tracing"],
        &["componenttest", "tokio"]
    ),
    template!("connector", &["component", "config", "pdata", "serde"], &["componenttest", "tokio"]),
    template!("extension", &["component", "config", "serde"], &["componenttest"]),
];
const PAUSABLE_TOKIO: &str = "tokio = { workspace = true, features = [\"test-util\"] }";
const CONFIG: &str = include_str!("../templates/config.rs.in");
const MANIFEST: &str = include_str!("../templates/Cargo.toml.in");
const README: &str = include_str!("../templates/README.md.in");
const TESTDATA: &str = include_str!("../templates/config.yaml.in");

/// Creates the folder and registers it.
pub fn create(root: &Path, kind: &str, name: &str) -> anyhow::Result<()> {
    let Some(template) = TEMPLATES.iter().find(|it| it.kind == kind) else {
        bail!("unknown kind {kind:?}: receiver, processor, exporter, connector or extension");
    };
    let valid = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    ensure!(valid, "the name {name:?} is not lower_snake_case");
    let folder = root.join(format!("{kind}s")).join(name);
    ensure!(!folder.exists(), "{} exists already", folder.display());
    let package = format!("{}-{kind}", name.replace('_', "-"));
    let library = package.replace('-', "_");
    let type_name: String = name.split('_').map(capitalised).collect();
    let fill = |text: &str| {
        text.replace("@config@\n", CONFIG)
            .replace("@dependencies@", &dependency_lines(template.dependencies))
            .replace("@dev-dependencies@", &dependency_lines(template.dev_dependencies))
            .replace(
                "@signals@",
                if kind == "extension" { "none" } else { "traces, metrics, logs" },
            )
            .replace("@kind@", kind)
            .replace("@name@", name)
            .replace("@package@", &package)
            .replace("@library@", &library)
            .replace("@Type@", &type_name)
    };
    fs::create_dir_all(folder.join("src"))?;
    fs::create_dir_all(folder.join("testdata"))?;
    fs::write(folder.join("Cargo.toml"), fill(MANIFEST))?;
    fs::write(folder.join("README.md"), fill(README))?;
    fs::write(folder.join("testdata/config.yaml"), fill(TESTDATA))?;
    fs::write(folder.join("src/lib.rs"), fill(template.source))?;
    fs::write(folder.join("src/tests.rs"), fill(template.tests))?;
    format(&folder.join("src/lib.rs"))?;
    insert_sorted(
        &root.join("Cargo.toml"),
        &format!("{package} = {{ path = \"{kind}s/{name}\" }}"),
        |line| line.contains("{ path = \"") && line.contains(&format!("-{kind} = ")),
    )?;
    insert_sorted(
        &root.join("collector-bin/Cargo.toml"),
        &format!("{package}.workspace = true"),
        |line| line.ends_with(&format!("-{kind}.workspace = true")),
    )?;
    insert_sorted(
        &root.join("collector-bin/src/components.rs"),
        &format!("        .{kind}::<{library}::{type_name}>()"),
        |line| line.trim_start().starts_with(&format!(".{kind}::<")),
    )
}

/// In which order imports stand depends on the name.
fn format(source: &Path) -> anyhow::Result<()> {
    let done = Command::new("rustfmt").args(["--edition", "2024"]).arg(source).status()?;
    ensure!(done.success(), "rustfmt cannot read {}", source.display());
    Ok(())
}

/// A name is a dependency of the workspace; what says more is a line of its own.
fn dependency_lines(names: &[&str]) -> String {
    let line = |name: &&str| {
        if name.contains(' ') { (*name).to_owned() } else { format!("{name}.workspace = true") }
    };
    names.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars
        .next()
        .map_or(String::new(), |first| first.to_ascii_uppercase().to_string() + chars.as_str())
}

/// Puts `new` where it sorts among the lines that are of its family.
fn insert_sorted(file: &Path, new: &str, family: impl Fn(&str) -> bool) -> anyhow::Result<()> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let mut lines: Vec<&str> = text.lines().collect();
    let after = lines.iter().rposition(|line| family(line) && *line < new).map(|at| at + 1);
    let at = after.or_else(|| lines.iter().position(|line| family(line)));
    lines.insert(at.with_context(|| format!("{}: no line to put it beside", file.display()))?, new);
    fs::write(file, lines.join("\n") + "\n")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ours that a new component needs. They are no members of the workspace of this test, and would be
    /// optimised like what is not ours.
    const OURS: [&str; 7] =
        ["clock", "component", "componenttest", "config", "config-derive", "confmap", "pdata"];

    /// A workspace of nothing but one new component of each kind, whose dependencies are ours.
    fn workspace_of_new_components() -> std::path::PathBuf {
        let ours = crate::root();
        let root = ours.join("target/new-components");
        for kind in TEMPLATES.map(|it| format!("{}s", it.kind)) {
            let _ = fs::remove_dir_all(root.join(kind));
        }
        fs::create_dir_all(root.join("collector-bin/src")).unwrap();
        for file in ["collector-bin/Cargo.toml", "collector-bin/src/components.rs", "rustfmt.toml"]
        {
            fs::copy(ours.join(file), root.join(file)).unwrap();
        }
        let manifest = fs::read_to_string(ours.join("Cargo.toml")).unwrap();
        let absolute = |folder: &str| format!("path = \"{}/{folder}/", ours.display());
        let manifest = manifest.replace("path = \"core/", &absolute("core"));
        let manifest = manifest.replace("path = \"lib/", &absolute("lib"));
        // Only the folders of components are members, and only new ones stand in them.
        let member = |line: &&str| {
            !["core/*", "lib/*/*", "collector-bin", "bench", "xtask"]
                .iter()
                .any(|it| line.trim() == format!("\"{it}\","))
                && !line.starts_with("default-members")
        };
        // How the release is optimised names crates that are not here.
        let (manifest, _) = manifest.split_once("[profile.release]").unwrap();
        let mut lines: Vec<String> = manifest.lines().filter(member).map(str::to_owned).collect();
        for name in OURS {
            lines.push(format!("[profile.dev.package.sluice-{name}]\nopt-level = 0"));
        }
        fs::write(root.join("Cargo.toml"), lines.join("\n") + "\n").unwrap();
        fs::copy(ours.join("Cargo.lock"), root.join("Cargo.lock")).unwrap();
        root
    }

    #[test]
    fn a_new_component_of_each_kind_compiles_and_passes_its_tests() {
        let root = workspace_of_new_components();
        for Template { kind, .. } in TEMPLATES {
            create(&root, kind, "brand_new").unwrap();
        }
        let run = |program: &str, arguments: &[&str]| {
            let mut command = Command::new(program);
            // What is not ours has been compiled already, by whoever runs this test.
            command.env("CARGO_TARGET_DIR", crate::root().join("target"));
            let done = command.args(arguments).current_dir(&root).output().unwrap();
            let text = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
            assert!(done.status.success(), "{program} {arguments:?}:\n{text}");
            text
        };
        run("cargo", &["fmt", "--all", "--check"]);
        let text = run("cargo", &["test", "--offline", "--workspace"]);
        assert!(!text.contains("warning: unused"), "{text}");
        assert_eq!(text.matches("test result: ok").count(), TEMPLATES.len(), "{text}");
        let list = fs::read_to_string(root.join("collector-bin/src/components.rs")).unwrap();
        assert!(list.contains(".extension::<brand_new_extension::BrandNew>()"), "{list}");
    }

    #[test]
    fn a_new_line_goes_where_it_sorts() {
        let folder = std::env::temp_dir().join(format!("xtask-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("list");
        fs::write(&file, "head\na-x\nc-x\ntail\n").unwrap();
        insert_sorted(&file, "b-x", |line| line.ends_with("-x")).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "head\na-x\nb-x\nc-x\ntail\n");
        fs::remove_dir_all(&folder).unwrap();
    }
}
