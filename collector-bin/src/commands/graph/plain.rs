//! Pipelines as text: receivers, then the processors, then exporters.

use std::fmt::Write as _;

use component::{Id, Kind, PipelineId};
use service::{PipelineConfig, Settings};

/// All pipelines, in the order written.
pub fn plain(settings: &Settings) -> String {
    let mut blocks = Vec::new();
    for (id, pipeline) in &settings.service.pipelines {
        let inlets = column(&pipeline.receivers, |it| from(settings, it));
        let outlets = column(&pipeline.exporters, |it| to(settings, it));
        blocks.push(format!("{id}\n{}", rows(&inlets, pipeline, &outlets)));
    }
    blocks.join("\n")
}

/// Each id once, as it is shown.
fn column(ids: &[Id], show: impl Fn(&Id) -> String) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for shown in ids.iter().map(show) {
        if !all.contains(&shown) {
            all.push(shown);
        }
    }
    all
}

/// One line for each receiver or exporter; the processors are on the first.
fn rows(inlets: &[String], pipeline: &PipelineConfig, outlets: &[String]) -> String {
    let width = inlets.iter().map(|it| it.chars().count()).max().unwrap_or(0);
    let join = |many: bool| if many { " --+--> " } else { " --> " };
    let mut chain = join(inlets.len() > 1).to_owned();
    for processor in &pipeline.processors {
        chain.push_str(processor.as_str());
        chain.push_str(" --> ");
    }
    // The last arrow is the one that may fork.
    let chain = match chain.strip_suffix("--> ") {
        Some(chain) if outlets.len() > 1 => format!("{chain}--+--> "),
        _ => chain,
    };
    let empty = String::new();
    let mut out = String::new();
    for n in 0..inlets.len().max(outlets.len()) {
        let (inlet, outlet) = (inlets.get(n).unwrap_or(&empty), outlets.get(n).unwrap_or(&empty));
        let middle = match (n, inlet.is_empty(), outlet.is_empty()) {
            (0, _, _) => chain.clone(),
            (_, false, true) => " --+".into(),
            (_, is_left_empty, _) => {
                let left = if is_left_empty { "" } else { " --+" };
                format!("{left:0$}+--> ", chain.chars().count() - "+--> ".len())
            }
        };
        let _ = writeln!(out, "  {inlet:width$}{middle}{outlet}");
    }
    out
}

fn from(settings: &Settings, id: &Id) -> String {
    neighbours(settings, id, "from", |it| &it.exporters)
}

fn to(settings: &Settings, id: &Id) -> String {
    neighbours(settings, id, "to", |it| &it.receivers)
}

/// The id; for a connector also the pipelines at its other end.
fn neighbours(
    settings: &Settings,
    id: &Id,
    word: &str,
    end: impl Fn(&PipelineConfig) -> &Vec<Id>,
) -> String {
    if settings.section(Kind::Connector, id).is_none() {
        return id.to_string();
    }
    let others = settings.service.pipelines.iter().filter(|(_, it)| end(it).contains(id));
    let others: Vec<&str> = others.map(|(other, _): &(PipelineId, _)| other.as_str()).collect();
    format!("{id} ({word} {})", others.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::graph::tests::settings;

    #[test]
    fn pipelines_are_rows_from_left_to_right() {
        let want = "\
logs
  otlp --+--> memory_limiter --> batch --> forward (to logs/2)
  nop  --+

logs/2
  forward (from logs) --+--> nop
                        +--> debug/x
";
        assert_eq!(plain(&settings()), want);
    }
}
