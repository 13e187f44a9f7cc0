//! `sluice graph`: the pipelines of a configuration as a picture.

mod picture;
mod plain;

use std::process::ExitCode;

use super::{CONFIG, FEATURE_GATES, SET, feature_gates, locations, output, read};
use crate::cli::{Command, Flag, Matches};
use crate::components::gated;
use crate::console::{refuse, say};

/// `sluice graph`.
pub const COMMAND: Command = Command {
    name: "graph",
    aliases: &[],
    about: "Draw the pipelines of a configuration",
    text: "\
Draw the pipelines of a configuration: receivers, processors, exporters, and the connectors between pipelines.
The output is plain text, a Mermaid flowchart, or a digraph for Graphviz (sluice graph -o dot ... | dot -Tsvg).",
    words: &[],
    flags: &[&CONFIG, &SET, &FEATURE_GATES, &OUTPUT],
    run,
};

const OUTPUT: Flag = output(&["ascii", "mermaid", "dot"]);

fn run(matches: &Matches) -> Result<ExitCode, String> {
    let gates = feature_gates(matches)?;
    let settings = match read(&locations(matches)?, &gated(&gates), false) {
        Ok((_, settings)) => settings,
        Err(problems) => return Ok(refuse(&problems)),
    };
    say(&match matches.value(&OUTPUT) {
        "mermaid" => picture::Picture::of(&settings).mermaid(),
        "dot" => picture::Picture::of(&settings).dot(),
        _ => plain::plain(&settings),
    })
}

#[cfg(test)]
mod tests {
    use confmap::Locations;
    use service::Settings;

    use super::*;

    /// Two pipelines with a connector between them.
    pub fn settings() -> Settings {
        let yaml = "yaml:{receivers: {otlp: {protocols: {http: }}, nop: }, \
            processors: {memory_limiter: {check_interval: 1s, limit_mib: 9}, batch: }, \
            exporters: {nop: , debug/x: }, connectors: {forward: }, service: {pipelines: { \
            logs: {receivers: [otlp, nop], processors: [memory_limiter, batch], exporters: [forward]}, \
            logs/2: {receivers: [forward], exporters: [nop, debug/x]}}}}";
        let locations = Locations { config: vec![yaml.into()], ..Locations::default() };
        read(&locations, &crate::components::components(), false).unwrap().1
    }
}
