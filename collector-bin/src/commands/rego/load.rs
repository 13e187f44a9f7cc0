//! Policies and data from files, as `opa` loads them.

use std::fs;
use std::path::{Path, PathBuf};

use fileconsumer::Glob;
use rego::{Options, Policy, Source, Value};
use serde_json::{Map, Value as Json};

use super::show::Failure;
use crate::commands::reading;

/// Largest file, also within an archive, in bytes.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Most files of one load.
const FILES_MAX: usize = 100_000;
/// Deepest folder.
const DEPTH_MAX: usize = 64;

/// What the files had.
pub struct Loaded {
    /// The policies.
    pub sources: Vec<Source>,
    /// The base document.
    pub data: Value,
}

/// A file: name, the folders below the root that was named, content.
struct File {
    name: String,
    folders: Vec<String>,
    content: Vec<u8>,
}

impl Loaded {
    /// Compiles all of it.
    ///
    /// # Errors
    /// What is wrong with the policies.
    pub fn policy(&self, options: &Options) -> Result<Policy, Failure> {
        let compiled = Policy::compile(self.sources.clone(), self.data.clone(), options);
        compiled.map_err(Failure::Rego)
    }
}

impl File {
    fn text(&self) -> Result<String, String> {
        String::from_utf8(self.content.clone()).map_err(|_| format!("{}: is not UTF-8", self.name))
    }
}

/// Reads the policies of files and directories, and nothing else.
pub fn policies(paths: &[String]) -> Result<Vec<Source>, String> {
    let files = files(paths, &[])?.into_iter().filter(|it| it.name.ends_with(".rego"));
    files.map(|it| Ok(Source::new(it.name.clone(), it.text()?))).collect()
}

fn files(paths: &[String], ignored: &[Glob]) -> Result<Vec<File>, String> {
    let mut files = Vec::new();
    for path in paths {
        let path = path.strip_prefix("file://").unwrap_or(path);
        walk(Path::new(path), ignored, &mut Vec::new(), &mut files)?;
    }
    Ok(files)
}

/// Reads files and directories, and bundles. Below what is named, names that fit a pattern of `ignored` are left out.
pub fn load(paths: &[String], bundles: &[String], ignored: &[String]) -> Result<Loaded, String> {
    let pattern = |it: &str| Glob::new(it).map_err(|why| format!("--ignore {it}: {why}"));
    let ignored = ignored.iter().flat_map(|it| it.split(',')).map(pattern);
    let ignored = ignored.collect::<Result<Vec<_>, _>>()?;
    let mut files = files(paths, &ignored)?;
    let from = files.len();
    for path in bundles {
        if Path::new(path).is_dir() {
            walk(Path::new(path), &ignored, &mut Vec::new(), &mut files)?;
        } else {
            archive(path, &mut files)?;
        }
    }
    let mut sources = Vec::new();
    let mut data = Json::Object(Map::new());
    for (at, file) in files.into_iter().enumerate() {
        let short = file.name.rsplit('/').next().unwrap_or_default();
        let ending = short.rsplit('.').next().unwrap_or_default().to_owned();
        let is_data = matches!(ending.as_str(), "json" | "yaml" | "yml");
        // A bundle has its data in files of this name only.
        let is_skipped = at >= from && !matches!(short, "data.json" | "data.yaml" | "data.yml");
        if ending == "rego" {
            sources.push(Source::new(file.name.clone(), file.text()?));
        } else if is_data && !is_skipped {
            let mut value = document(&file.name, &file.text()?)?;
            for folder in file.folders.iter().rev() {
                value = Json::Object(Map::from_iter([(folder.clone(), value)]));
            }
            merge(&mut data, value).map_err(|path| {
                format!("1 error occurred during loading: {}: merge error: {path}", file.name)
            })?;
        }
    }
    let data = serde_json::to_string(&data).map_err(|it| it.to_string())?;
    let data = Value::from_json_str(&data).map_err(|it| it.to_string())?;
    Ok(Loaded { sources, data })
}

/// A document in JSON or YAML.
pub fn document(name: &str, text: &str) -> Result<Json, String> {
    if let Ok(json) = serde_json::from_str(text) {
        return Ok(json);
    }
    let value = Value::from_yaml_str(text).map_err(|it| format!("{name}: {it}"))?;
    serde_json::to_value(value).map_err(|it| format!("{name}: {it}"))
}

fn walk(
    path: &Path,
    ignored: &[Glob],
    folders: &mut Vec<String>,
    files: &mut Vec<File>,
) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    if files.len() >= FILES_MAX || folders.len() > DEPTH_MAX {
        return Err(format!(
            "{}: more than {FILES_MAX} files, or too many folders",
            path.display()
        ));
    }
    let metadata = fs::metadata(path).map_err(failed)?;
    if !metadata.is_dir() {
        let name = path.display().to_string();
        let opened = fs::File::open(path).map_err(failed)?;
        let content = reading::bytes(&name, opened, FILE_BYTES_MAX)?;
        files.push(File { name, folders: folders.clone(), content });
        return Ok(());
    }
    let entries = fs::read_dir(path).map_err(failed)?;
    let mut entries: Vec<PathBuf> =
        entries.map(|it| Ok(it.map_err(failed)?.path())).collect::<Result<_, String>>()?;
    entries.sort();
    for entry in entries {
        let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') || ignored.iter().any(|it| it.matches(Path::new(&name))) {
            continue;
        }
        if entry.is_dir() {
            folders.push(name);
            walk(&entry, ignored, folders, files)?;
            folders.pop();
        } else if ["rego", "json", "yaml", "yml"].iter().any(|it| name.ends_with(&format!(".{it}")))
        {
            walk(&entry, ignored, folders, files)?;
        }
    }
    Ok(())
}

/// The files of a tar.gz.
fn archive(path: &str, files: &mut Vec<File>) -> Result<(), String> {
    let packed = fs::File::open(path).map_err(|error| format!("cannot read {path}: {error}"))?;
    let bytes = reading::bytes(path, flate2::read::GzDecoder::new(packed), FILE_BYTES_MAX)?;
    let inside = decision::tar_files(&bytes).map_err(|why| format!("cannot read {path}: {why}"))?;
    for (name, content) in inside {
        let full = name.trim_start_matches("./").trim_start_matches('/');
        let mut folders: Vec<String> = full.split('/').map(str::to_owned).collect();
        folders.pop();
        files.push(File { name: format!("/{full}"), folders, content: content.to_vec() });
    }
    Ok(())
}

/// Objects are merged; anything else twice is a conflict, whose path is the error.
fn merge(into: &mut Json, from: Json) -> Result<(), String> {
    match (into, from) {
        (Json::Object(into), Json::Object(from)) => {
            for (key, value) in from {
                match into.get_mut(&key) {
                    Some(there) => merge(there, value).map_err(|path| format!("{key}/{path}"))?,
                    None => {
                        into.insert(key, value);
                    }
                }
            }
            Ok(())
        }
        _ => Err(String::new()),
    }
}
