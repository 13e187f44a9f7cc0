//! Reads policies and data: text of the section, files, directories. Directories are read as `opa -d` does: data stands below
//! the names of its folders.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use rego::Value;
use xxhash_rust::xxh3::Xxh3;

use std::sync::Arc;

use crate::bundle::Bundle;

/// Most files of a policy.
const FILES_MAX: usize = 10_000;
/// Largest file, in bytes.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// All files together, in bytes.
const BYTES_MAX: usize = 64 * 1024 * 1024;
/// How deep directories nest.
const DEPTH_MAX: usize = 32;

/// What a policy is made of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources {
    /// Names and texts.
    pub(crate) modules: Vec<(String, String)>,
    pub(crate) data: Document,
    /// The same sources have the same revision.
    pub(crate) revision: String,
}

/// Data of several files as one document.
#[derive(Debug, Clone)]
pub(crate) struct Document(pub(crate) Value);

impl Default for Document {
    fn default() -> Self {
        Self(Value::new_object())
    }
}

impl Sources {
    /// Reads all of it.
    ///
    /// # Errors
    /// What cannot be read, with the name of the file.
    pub(crate) fn read(
        inline: &str,
        files: &[String],
        bundles: &[(String, Arc<Bundle>)],
    ) -> Result<Self, String> {
        let mut reading = Reading::default();
        if !inline.is_empty() {
            reading.module("policy", inline.to_owned());
        }
        for file in files {
            let path = Path::new(file);
            let kind =
                fs::metadata(path).map_err(|error| format!("cannot read {file}: {error}"))?;
            if kind.is_dir() {
                reading.directory(path, &mut Vec::new())?;
            } else {
                reading.file(path, &[])?;
            }
        }
        overlap(bundles)?;
        for (name, bundle) in bundles {
            reading.unpacked(&format!("bundle {name}"), bundle)?;
        }
        if reading.sources.modules.is_empty() {
            return Err(format!("there is no .rego file in {}", files.join(", ")));
        }
        reading.sources.revision = format!("{:016x}", reading.hash.digest());
        Ok(reading.sources)
    }
}

#[derive(Default)]
struct Reading {
    sources: Sources,
    hash: Xxh3,
    files: usize,
    bytes: usize,
}

impl Reading {
    fn module(&mut self, name: &str, text: String) {
        self.hash.update(name.as_bytes());
        self.hash.update(text.as_bytes());
        self.sources.modules.push((name.to_owned(), text));
    }

    fn directory(&mut self, path: &Path, names: &mut Vec<String>) -> Result<(), String> {
        let problem = |error| format!("cannot read {}: {error}", path.display());
        if names.len() == DEPTH_MAX {
            return Err(format!(
                "{} has more than {DEPTH_MAX} folders in each other",
                path.display()
            ));
        }
        let entries = fs::read_dir(path).map_err(problem)?;
        let mut all: Vec<PathBuf> = Vec::new();
        for entry in entries {
            all.push(entry.map_err(problem)?.path());
        }
        all.sort();
        for it in all {
            let name =
                it.file_name().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default();
            // Kubernetes keeps the versions of a mounted ConfigMap in folders that begin with two dots.
            if name.starts_with('.') {
                continue;
            }
            if it.is_dir() {
                names.push(name);
                self.directory(&it, names)?;
                names.pop();
            } else if name.ends_with(".rego") || name.ends_with(".json") {
                self.file(&it, names)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, names: &[String]) -> Result<(), String> {
        let shown = path.display().to_string();
        if shown.ends_with("_test.rego") {
            return Ok(());
        }
        self.files += 1;
        if self.files > FILES_MAX {
            return Err(format!("the policy has more than {FILES_MAX} files"));
        }
        if shown.ends_with(".tar.gz") {
            return self.bundle(path, &shown);
        }
        let text = read(path)?;
        self.bytes += text.len();
        if self.bytes > BYTES_MAX {
            return Err(format!("the files of the policy have more than {BYTES_MAX} bytes"));
        }
        if shown.ends_with(".rego") {
            self.module(&shown, text);
            return Ok(());
        }
        self.hash.update(shown.as_bytes());
        self.hash.update(text.as_bytes());
        let value = Value::from_json_str(&text).map_err(|error| format!("{shown}: {error:#}"))?;
        self.data(&shown, names, value)
    }

    fn data(&mut self, shown: &str, names: &[String], value: Value) -> Result<(), String> {
        let nested = names.iter().rev().fold(value, |value, name| {
            let mut outer = Value::new_object();
            if let Ok(entries) = outer.as_object_mut() {
                entries.insert(name.as_str().into(), value);
            }
            outer
        });
        merge(&mut self.sources.data.0, &nested)
            .map_err(|at| format!("{shown}: data.{at} has two values: another file has one, too"))
    }

    /// One as `opa build` makes it.
    fn bundle(&mut self, path: &Path, shown: &str) -> Result<(), String> {
        let packed = read_bytes(path)?;
        let bundle = Bundle::read(&packed, None);
        self.unpacked(shown, &bundle.map_err(|error| format!("bundle {shown}: {error}"))?)
    }

    fn unpacked(&mut self, shown: &str, bundle: &Bundle) -> Result<(), String> {
        for (name, text) in &bundle.modules {
            self.bytes += text.len();
            self.module(&format!("{shown}:{name}"), text.clone());
        }
        if self.bytes > BYTES_MAX {
            return Err(format!("the files of the policy have more than {BYTES_MAX} bytes"));
        }
        for (names, value) in &bundle.data {
            let text = value.to_json_str().map_err(|error| format!("{shown}: {error}"))?;
            names.iter().for_each(|it| self.hash.update(it.as_bytes()));
            self.hash.update(text.as_bytes());
            self.data(shown, names, value.clone())?;
        }
        Ok(())
    }
}

/// As OPA, two bundles with one root are refused.
fn overlap(bundles: &[(String, Arc<Bundle>)]) -> Result<(), String> {
    let roots = |it: &Bundle| it.roots.clone();
    for (at, (name, bundle)) in bundles.iter().enumerate() {
        for (other, second) in bundles.iter().skip(at + 1) {
            let both = roots(bundle)
                .into_iter()
                .any(|a| roots(second).iter().any(|b| a.starts_with(b) || b.starts_with(&a)));
            if both {
                return Err(format!(
                    "detected overlapping roots in manifests for these bundles: [{name}, {other}]"
                ));
            }
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<String, String> {
    String::from_utf8(read_bytes(path)?).map_err(|_| format!("{} is not UTF-8", path.display()))
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, String> {
    let problem = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(problem)?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(problem)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("{} has more than {FILE_BYTES_MAX} bytes", path.display()));
    }
    Ok(bytes)
}

/// Objects are merged, everything else must be there once.
fn merge(into: &mut Value, from: &Value) -> Result<(), String> {
    let (Ok(into), Ok(from)) = (into.as_object_mut(), from.as_object()) else {
        return Err(String::new());
    };
    for (key, value) in from.iter() {
        match into.get_mut(key) {
            None => drop(into.insert(key.clone(), value.clone())),
            Some(old) if old == value => {}
            Some(old) => merge(old, value).map_err(|below| {
                let name =
                    key.as_string().map(std::string::ToString::to_string).unwrap_or_default();
                if below.is_empty() { name } else { format!("{name}.{below}") }
            })?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str, text: &str) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn a_directory_is_read_as_opa_does() {
        let folder = tempfile::tempdir().unwrap();
        let it = folder.path();
        write(it, "p.rego", "package p");
        write(it, "p_test.rego", "package p_test");
        write(it, "a/b/data.json", "{\"c\": 1}");
        write(it, "a/more.json", "{\"d\": [2]}");
        write(it, ".hidden/p.rego", "package hidden");
        write(it, "notes.txt", "hello");
        let read = || Sources::read("package inline", &[it.display().to_string()], &[]).unwrap();
        let sources = read();
        let names: Vec<_> = sources.modules.iter().map(|it| it.0.as_str()).collect();
        assert_eq!(names, ["policy", it.join("p.rego").to_str().unwrap()]);
        let want = Value::from_json_str("{\"a\": {\"b\": {\"c\": 1}, \"d\": [2]}}").unwrap();
        assert_eq!(sources.data.0, want);
        assert_eq!(read().revision, sources.revision);
        write(it, "a/more.json", "{\"d\": [3]}");
        assert_ne!(read().revision, sources.revision);
    }

    #[test]
    fn two_values_for_one_path_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "a.json", "{\"x\": {\"y\": 1}}");
        write(folder.path(), "b.json", "{\"x\": {\"y\": 2}}");
        let error =
            Sources::read("package p", &[folder.path().display().to_string()], &[]).unwrap_err();
        assert!(error.contains("data.x.y has two values"), "{error}");
    }

    #[test]
    fn what_is_not_there_and_what_is_no_policy_is_told() {
        let error = Sources::read("", &["/nowhere.rego".into()], &[]).unwrap_err();
        assert!(error.starts_with("cannot read /nowhere.rego"), "{error}");
        let folder = tempfile::tempdir().unwrap();
        let error = Sources::read("", &[folder.path().display().to_string()], &[]).unwrap_err();
        assert!(error.starts_with("there is no .rego file"), "{error}");
    }
}
