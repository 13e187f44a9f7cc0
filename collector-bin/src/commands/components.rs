//! `sluice components`: what this build contains, in the Collector's layout.

use std::fmt::Write as _;
use std::process::ExitCode;

use component::{BuildInfo, Kind, Signal};
use serde_json::{Map, Value, json};
use service::{Registry, Signals};

use super::output;
use crate::BUILD;
use crate::cli::{Command, Flag, Matches};
use crate::console::say;

/// `sluice components`.
pub const COMMAND: Command = Command {
    name: "components",
    aliases: &[],
    about: "List the components of this build",
    text: "List the components of this build, with the stability of each signal.",
    words: &[],
    flags: &[&OUTPUT],
    run,
};

const OUTPUT: Flag = output(&["yaml", "json"]);

const KINDS: [Kind; 5] =
    [Kind::Receiver, Kind::Processor, Kind::Exporter, Kind::Connector, Kind::Extension];

/// In the order of their names, as the Collector lists them.
const SIGNALS: [Signal; 3] = [Signal::Logs, Signal::Metrics, Signal::Traces];

/// What `--config` and `${...}` may begin with.
const SCHEMES: [&str; 5] = ["env", "file", "http", "https", "yaml"];

fn run(matches: &Matches) -> Result<ExitCode, String> {
    let inventory = inventory(&BUILD, &crate::components::components());
    match matches.value(&OUTPUT) {
        "json" => say(&format!("{inventory:#}\n")),
        _ => say(&yaml(&inventory)),
    }
}

fn inventory(build: &BuildInfo, registry: &Registry) -> Value {
    let mut all = Map::new();
    let facts = json!({
        "command": build.command,
        "description": build.description,
        "version": build.version,
    });
    all.insert("buildinfo".into(), facts);
    for kind in KINDS {
        let mut entries: Vec<_> = registry.of(kind).collect();
        entries.sort_by_key(|it| it.type_name);
        let list = entries.iter().map(|entry| {
            let mut about = Map::new();
            about.insert("name".into(), entry.type_name.into());
            about.insert("module".into(), format!("{} v{}", entry.module, build.version).into());
            if !entry.aliases.is_empty() {
                about.insert("aliases".into(), entry.aliases.into());
            }
            about.insert("stability".into(), stability(entry.signals));
            Value::Object(about)
        });
        all.insert(kind.section().into(), list.collect());
    }
    let provider =
        |scheme| json!({"scheme": scheme, "module": format!("confmap v{}", build.version)});
    all.insert("providers".into(), SCHEMES.into_iter().map(provider).collect());
    Value::Object(all)
}

/// Every signal or pair of signals; what cannot be carried is `Undefined`.
fn stability(signals: Signals) -> Value {
    let undefined = || "Undefined".to_owned();
    let mut all = Map::new();
    match signals {
        Signals::Each(carried) => {
            for signal in SIGNALS {
                let found = carried.iter().find(|it| it.0 == signal);
                let level = found.map_or_else(undefined, |it| it.1.to_string());
                all.insert(signal.to_string(), level.into());
            }
        }
        Signals::Pairs(carried) => {
            for (from, to) in SIGNALS.into_iter().flat_map(|a| SIGNALS.map(|b| (a, b))) {
                let found = carried.iter().find(|it| (it.0, it.1) == (from, to));
                let level = found.map_or_else(undefined, |it| it.2.to_string());
                all.insert(format!("{from}-to-{to}"), level.into());
            }
        }
        Signals::None(level) => drop(all.insert("extension".into(), level.to_string().into())),
    }
    Value::Object(all)
}

/// The inventory as the Collector writes it: four blanks, lists on the keys' level. Names need no quotes.
fn yaml(inventory: &Value) -> String {
    let mut out = String::new();
    for (section, content) in inventory.as_object().into_iter().flatten() {
        let empty = content.as_array().is_some_and(Vec::is_empty);
        let _ = writeln!(out, "{section}:{}", if empty { " []" } else { "" });
        match content {
            Value::Array(items) => items.iter().for_each(|it| entry(it, "    - ", &mut out)),
            facts => entry(facts, "    ", &mut out),
        }
    }
    out
}

fn entry(entry: &Value, mut lead: &str, out: &mut String) {
    for (key, value) in entry.as_object().into_iter().flatten() {
        match value {
            Value::Object(levels) => {
                let _ = writeln!(out, "{lead}{key}:");
                for (signal, level) in levels {
                    let _ =
                        writeln!(out, "        {signal}: {}", level.as_str().unwrap_or_default());
                }
            }
            Value::Array(names) => {
                let names: Vec<_> = names.iter().filter_map(Value::as_str).collect();
                let _ = writeln!(out, "{lead}{key}: [{}]", names.join(", "));
            }
            text => drop(writeln!(out, "{lead}{key}: {}", text.as_str().unwrap_or_default())),
        }
        if lead == "    - " {
            lead = "      ";
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_the_collectors_layout() {
        let text = yaml(&inventory(&BUILD, &crate::components::components()));
        let version = BUILD.version;
        let begin = format!(
            "buildinfo:\n    command: sluice\n    description: Sluice\n    version: {version}\nreceivers:\n"
        );
        assert!(text.starts_with(&begin), "{text}");
        let nop = format!(
            "    - name: nop\n      module: nop_receiver v{version}\n      stability:\n        logs: Beta\n        \
             metrics: Beta\n        traces: Beta\n"
        );
        assert!(text.contains(&nop), "{text}");
        assert!(text.contains("        logs-to-traces: Undefined\n"), "{text}");
        assert!(text.contains("      aliases: [otlp]\n"), "{text}");
    }
}
