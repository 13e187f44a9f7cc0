//! `sluice components`: what this build contains, as YAML in the Collector's layout.

use std::fmt::Write as _;

use component::{BuildInfo, Kind};
use service::{Registry, Signals};

const KINDS: [Kind; 5] =
    [Kind::Receiver, Kind::Processor, Kind::Exporter, Kind::Connector, Kind::Extension];

/// The whole text.
pub fn components(build: &BuildInfo, registry: &Registry) -> String {
    let mut out = format!(
        "buildinfo:\n    command: {}\n    description: {}\n    version: {}\n",
        build.command, build.description, build.version
    );
    for kind in KINDS {
        let mut entries: Vec<_> = registry.of(kind).collect();
        entries.sort_by_key(|it| it.type_name);
        let _ = writeln!(out, "{}:", kind.section());
        for entry in entries {
            let _ = writeln!(out, "    - name: {}", entry.type_name);
            if !entry.aliases.is_empty() {
                let _ = writeln!(out, "      aliases: [{}]", entry.aliases.join(", "));
            }
            out.push_str("      stability:\n");
            for (signal, stability) in stability(entry.signals) {
                let _ = writeln!(out, "        {signal}: {stability}");
            }
        }
    }
    out.push_str("providers:\n    - scheme: env\n    - scheme: file\n    - scheme: yaml\n");
    out
}

fn stability(signals: Signals) -> Vec<(String, String)> {
    match signals {
        Signals::Each(all) => {
            let mut lines: Vec<_> =
                all.iter().map(|(signal, it)| (signal.to_string(), it.to_string())).collect();
            lines.sort();
            lines
        }
        Signals::Pairs(all) => {
            all.iter().map(|(from, to, it)| (format!("{from}-to-{to}"), it.to_string())).collect()
        }
        Signals::None(it) => vec![("extension".into(), it.to_string())],
    }
}
