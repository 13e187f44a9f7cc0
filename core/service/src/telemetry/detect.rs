//! `resource: detection/development:`, what the collector finds out about its process and machine by itself.
//!
//! A detector that finds nothing says nothing. `env` and `service` are accepted and add nothing: what they detect is
//! there without them. Arguments of the command line are not detected, as they may hold secrets (`--set`).

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use component::config::Value;
use component::meter::matches_wildcards;
use machine::Machine;
use serde_json::{Map, Value as Json};

/// Detectors that are there.
const DETECTORS: [&str; 5] = ["env", "host", "os", "process", "service"];

/// The names in `detectors:`, in order.
fn names(section: &Value) -> Vec<&str> {
    let Some(Value::List(items)) = section.get("detectors").map(Value::plain) else {
        return Vec::new();
    };
    items.iter().flat_map(keys).collect()
}

fn keys(item: &Value) -> Vec<&str> {
    match item.plain() {
        Value::Map(entries) => entries.iter().map(|(key, _)| key.as_str()).collect(),
        _ => Vec::new(),
    }
}

/// Detectors that are asked for and not there.
pub(super) fn unknown(section: &Value) -> Vec<&str> {
    names(section).into_iter().filter(|it| !DETECTORS.contains(it)).collect()
}

/// What the section asks for, of the machine whose files are below `root`.
pub(super) fn detect(section: &Value, root: &Path) -> Map<String, Json> {
    let machine = Machine::below(root);
    let mut all = Map::new();
    for name in names(section) {
        match name {
            "host" => host(&machine, &mut all),
            "os" => os(&machine, &mut all),
            "process" => process(&machine, &mut all),
            _ => {}
        }
    }
    let patterns = |key: &str| match section.get("attributes").and_then(|it| it.get(key)) {
        Some(it) => match it.plain() {
            Value::List(items) => items.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        },
        None => Vec::new(),
    };
    let (included, excluded): (Vec<&str>, Vec<&str>) = (patterns("included"), patterns("excluded"));
    let listed = |list: &[&str], key: &str| list.iter().any(|it| matches_wildcards(it, key));
    all.retain(|key, _| (included.is_empty() || listed(&included, key)) && !listed(&excluded, key));
    all
}

fn host(machine: &Machine, all: &mut Map<String, Json>) {
    let facts = [("host.name", machine.host_name()), ("host.id", machine.host_id())];
    for (name, fact) in facts {
        if let Some(fact) = fact {
            all.insert(name.into(), fact.into());
        }
    }
}

fn os(machine: &Machine, all: &mut Map<String, Json>) {
    all.insert("os.type".into(), std::env::consts::OS.into());
    if let Some(text) = machine.os_description() {
        all.insert("os.description".into(), text.into());
    }
}

fn process(machine: &Machine, all: &mut Map<String, Json>) {
    all.insert("process.pid".into(), std::process::id().into());
    if let Ok(path) = std::env::current_exe() {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        all.insert("process.executable.name".into(), name.into());
        all.insert("process.executable.path".into(), path.to_string_lossy().into());
    }
    if let Ok(own) = fs::metadata("/proc/self") {
        let id = own.uid().to_string();
        let users = machine.text("etc/passwd").unwrap_or_default();
        let name = users.lines().find_map(|it| {
            let mut fields = it.split(':');
            let name = fields.next()?;
            (fields.nth(1) == Some(&id)).then(|| name.to_owned())
        });
        all.insert("process.owner".into(), name.unwrap_or(id).into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(json: Json) -> Value {
        serde_json::from_value(json).unwrap()
    }

    fn machine() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("proc/sys/kernel/hostname", "node-1\n"),
            ("proc/sys/kernel/ostype", "Linux\n"),
            ("proc/sys/kernel/osrelease", "6.1\n"),
            ("proc/sys/kernel/version", "#1 SMP\n"),
            ("etc/machine-id", "abc\n"),
            ("etc/os-release", "ID=x\nPRETTY_NAME=\"Some Linux 1\"\n"),
        ] {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn each_detector_adds_what_it_finds_and_lists_choose() {
        let root = machine();
        let all = detect(
            &section(serde_json::json!({"detectors": [{"host": null}, {"os": {}}, {"env": null}]})),
            root.path(),
        );
        let want = serde_json::json!({"host.name": "node-1", "host.id": "abc", "os.type": "linux",
            "os.description": "Some Linux 1 (Linux node-1 6.1 #1 SMP)"});
        assert_eq!(Json::from(all), want);
        let some = serde_json::json!({"detectors": [{"process": {}}, {"host": {}}],
            "attributes": {"included": ["process.*", "host.*"], "excluded": ["*.id", "process.executable.*"]}});
        let all = detect(&section(some), root.path());
        let keys: Vec<&String> = all.keys().collect();
        assert_eq!(keys, ["process.pid", "process.owner", "host.name"]);
        assert_eq!(all["process.pid"], std::process::id());
    }

    #[test]
    fn a_machine_without_these_files_and_detectors_that_are_not_there_add_nothing() {
        let root = tempfile::tempdir().unwrap();
        let asked = section(serde_json::json!({"detectors": [{"host": {}}, {"container": {}}]}));
        assert!(detect(&asked, root.path()).is_empty());
        assert_eq!(unknown(&asked), ["container"]);
        assert!(detect(&section(serde_json::json!({})), root.path()).is_empty());
    }
}
