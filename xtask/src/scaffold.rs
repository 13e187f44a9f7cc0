//! `new`: a component folder with everything that tidy asks for, and its two lines in the binary.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};

/// Creates the folder and registers it.
pub fn create(root: &Path, kind: &str, name: &str) -> anyhow::Result<()> {
    if !["receiver", "processor", "exporter", "connector", "extension"].contains(&kind) {
        bail!("unknown kind {kind:?}: receiver, processor, exporter, connector or extension");
    }
    let valid = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    ensure!(valid, "the name {name:?} is not lower_snake_case");
    let folder = root.join(format!("{kind}s")).join(name);
    ensure!(!folder.exists(), "{} exists already", folder.display());
    let package = format!("{}-{kind}", name.replace('_', "-"));
    let library = package.replace('-', "_");
    let type_name: String = name.split('_').map(capitalised).collect();
    fs::create_dir_all(folder.join("src"))?;
    fs::write(folder.join("Cargo.toml"), manifest(&package, &library))?;
    fs::write(folder.join("README.md"), readme(kind, name))?;
    fs::write(folder.join("src/lib.rs"), source(kind, name, &type_name))?;
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

fn manifest(package: &str, library: &str) -> String {
    format!(
        "[package]\nname = \"{package}\"\ndescription = \"One sentence.\"\nversion.workspace = true\n\
         edition.workspace = true\nrust-version.workspace = true\nlicense.workspace = true\n\
         publish.workspace = true\n\n[lib]\nname = \"{library}\"\ndoctest = false\n\n[dependencies]\n\
         component.workspace = true\nserde.workspace = true\n\n[dev-dependencies]\n\
         componenttest.workspace = true\n\n[lints]\nworkspace = true\n"
    )
}

fn readme(kind: &str, name: &str) -> String {
    format!(
        "# `{name}` {kind}\n\nWhat it does, and when to use it.\n\n## Defaults\n\n```yaml defaults\n{{}}\n```\n\n\
         ## Differences from upstream\n\nNone known.\n"
    )
}

fn source(kind: &str, name: &str, type_name: &str) -> String {
    let title = capitalised(kind);
    let (imports, fields, create) = match kind {
        "receiver" => (
            ", Outputs",
            "    out: Outputs,\n",
            "out: Outputs) -> Result<Self, BoxError> {\n        Ok(Self { out })",
        ),
        "processor" => (
            ", Next",
            "    next: Next,\n",
            "next: Next) -> Result<Self, BoxError> {\n        Ok(Self { next })",
        ),
        "connector" => (
            ", Outputs",
            "    out: Outputs,\n",
            "out: Outputs) -> Result<Self, BoxError> {\n        Ok(Self { out })",
        ),
        _ => ("", "", ") -> Result<Self, BoxError> {\n        Ok(Self {})"),
    };
    let create =
        create.strip_prefix(')').map_or_else(|| format!(", {create}"), |it| format!("){it}"));
    format!(
        "//! One sentence. The one fact that explains its shape.\n\nuse component::config::NoConfig;\n\
         use component::{{BoxError, Component, {title}, Settings{imports}}};\n\n/// The {kind}.\n\
         pub struct {type_name} {{\n{fields}}}\n\nimpl {title} for {type_name} {{\n    type Config = NoConfig;\n    \
         const TYPE: &'static str = \"{name}\";\n\n    fn create(_settings: Settings, _config: NoConfig{create}\n    }}\n}}\n\n\
         impl Component for {type_name} {{}}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

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
