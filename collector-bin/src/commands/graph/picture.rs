//! Pipelines as nodes and arrows, for programs that draw.

use std::fmt::Write as _;

use component::{Id, Kind};
use service::Settings;

/// What is drawn. Receivers, exporters and connectors are one node each; processors one per pipeline.
#[derive(Debug, Default)]
pub struct Picture {
    nodes: Vec<Node>,
    arrows: Vec<Arrow>,
    /// Pipelines with processors, which are boxes around them.
    boxes: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
struct Node {
    kind: Kind,
    id: String,
    /// The pipeline of a processor.
    pipeline: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
struct Arrow {
    from: usize,
    to: usize,
    /// The pipeline, where no processor shows it.
    label: Option<String>,
}

impl Picture {
    /// The pipelines of a configuration.
    pub fn of(settings: &Settings) -> Self {
        let mut picture = Self::default();
        let kind = |id: &Id, end: Kind| match settings.section(Kind::Connector, id) {
            Some(_) => Kind::Connector,
            None => end,
        };
        for (pipeline, config) in &settings.service.pipelines {
            let label = Some(pipeline.to_string());
            let mut ends = |ids: &[Id], end| -> Vec<usize> {
                ids.iter().map(|id| picture.node(kind(id, end), id, None)).collect()
            };
            let inlets = ends(&config.receivers, Kind::Receiver);
            let outlets = ends(&config.exporters, Kind::Exporter);
            let steps = config.processors.iter();
            let steps: Vec<usize> =
                steps.map(|id| picture.node(Kind::Processor, id, label.clone())).collect();
            let (Some(first), Some(last)) = (steps.first(), steps.last()) else {
                for from in &inlets {
                    outlets.iter().for_each(|to| picture.arrow(*from, *to, label.clone()));
                }
                continue;
            };
            picture.boxes.push(pipeline.to_string());
            inlets.iter().for_each(|from| picture.arrow(*from, *first, None));
            steps.windows(2).for_each(|pair| picture.arrow(pair[0], pair[1], None));
            outlets.iter().for_each(|to| picture.arrow(*last, *to, None));
        }
        picture
    }

    /// The place of a node, which is made when it is new.
    fn node(&mut self, kind: Kind, id: &Id, pipeline: Option<String>) -> usize {
        let node = Node { kind, id: id.to_string(), pipeline };
        self.nodes.iter().position(|it| *it == node).unwrap_or_else(|| {
            self.nodes.push(node);
            self.nodes.len() - 1
        })
    }

    fn arrow(&mut self, from: usize, to: usize, label: Option<String>) {
        let arrow = Arrow { from, to, label };
        if !self.arrows.contains(&arrow) {
            self.arrows.push(arrow);
        }
    }

    /// The nodes in a box, or in none.
    fn inside<'a>(&'a self, name: Option<&'a str>) -> impl Iterator<Item = (usize, &'a Node)> {
        self.nodes.iter().enumerate().filter(move |(_, it)| it.pipeline.as_deref() == name)
    }

    /// A Mermaid flowchart.
    pub fn mermaid(&self) -> String {
        let quote = |text: &str| format!("\"{}\"", text.replace('"', "#quot;"));
        let shape = |n: usize, node: &Node| {
            let (open, close) = match node.kind {
                Kind::Processor => ("[", "]"),
                Kind::Connector => ("{{", "}}"),
                _ => ("([", "])"),
            };
            format!("n{n}{open}{}{close}", quote(&node.id))
        };
        let mut out = String::from("flowchart LR\n");
        for (n, node) in self.inside(None) {
            let _ = writeln!(out, "  {}", shape(n, node));
        }
        for (at, name) in self.boxes.iter().enumerate() {
            let _ = writeln!(out, "  subgraph p{at}[{}]", quote(name));
            for (n, node) in self.inside(Some(name)) {
                let _ = writeln!(out, "    {}", shape(n, node));
            }
            out.push_str("  end\n");
        }
        for Arrow { from, to, label } in &self.arrows {
            let label = label.as_ref().map_or(String::new(), |it| format!("|{}|", quote(it)));
            let _ = writeln!(out, "  n{from} -->{label} n{to}");
        }
        out
    }

    /// A digraph for Graphviz.
    pub fn dot(&self) -> String {
        let quote = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        let line = |n: usize, node: &Node| {
            let shape = match node.kind {
                Kind::Processor => "box",
                Kind::Connector => "hexagon",
                _ => "ellipse",
            };
            format!("n{n} [label={} shape={shape}]", quote(&node.id))
        };
        let mut out = String::from("digraph pipelines {\n  rankdir=LR\n");
        for (n, node) in self.inside(None) {
            let _ = writeln!(out, "  {}", line(n, node));
        }
        for (at, name) in self.boxes.iter().enumerate() {
            let _ = writeln!(out, "  subgraph cluster_{at} {{\n    label={}", quote(name));
            for (n, node) in self.inside(Some(name)) {
                let _ = writeln!(out, "    {}", line(n, node));
            }
            out.push_str("  }\n");
        }
        for Arrow { from, to, label } in &self.arrows {
            let label =
                label.as_ref().map_or(String::new(), |it| format!(" [label={}]", quote(it)));
            let _ = writeln!(out, "  n{from} -> n{to}{label}");
        }
        out.push_str("}\n");
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::graph::tests::settings;

    #[test]
    fn mermaid_has_a_box_for_each_pipeline_with_processors() {
        let want = "\
flowchart LR
  n0([\"otlp\"])
  n1([\"nop\"])
  n2{{\"forward\"}}
  n5([\"nop\"])
  n6([\"debug/x\"])
  subgraph p0[\"logs\"]
    n3[\"memory_limiter\"]
    n4[\"batch\"]
  end
  n0 --> n3
  n1 --> n3
  n3 --> n4
  n4 --> n2
  n2 -->|\"logs/2\"| n5
  n2 -->|\"logs/2\"| n6
";
        assert_eq!(Picture::of(&settings()).mermaid(), want);
    }

    #[test]
    fn dot_has_the_same_nodes_and_arrows() {
        let dot = Picture::of(&settings()).dot();
        assert!(dot.starts_with("digraph pipelines {\n") && dot.ends_with("}\n"), "{dot}");
        for line in ["  n2 [label=\"forward\" shape=hexagon]", "    label=\"logs\"", "  n3 -> n4"] {
            assert!(dot.lines().any(|it| it == line), "{dot}");
        }
        assert!(dot.contains("  n2 -> n5 [label=\"logs/2\"]\n"), "{dot}");
    }
}
