//! `pipelines.toml`: the programs, and the rows with their loads and targets.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Deserialize;

use crate::load::Load;

/// The whole table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// A quick run does this part of the load.
    pub quick_divisor: u32,
    pub program: Vec<Program>,
    pub row: Vec<Row>,
}

/// A program that can be measured.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    pub name: String,
    /// Its file's name; `bench` is this program itself.
    pub binary: String,
    /// `CONFIG`, `FOLDER`, `IN_PORT`, `OUT_PORT` and `PAGE_PORT` are filled in, as in configurations.
    pub args: Vec<String>,
    /// Ending of its configurations in `configs/`; programs with the same one run the same files, except where there is one
    /// that ends in the program's name.
    #[serde(default)]
    pub config: Option<String>,
    /// What makes it print its version.
    #[serde(default)]
    pub version: Vec<String>,
    /// Environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// What it sends.
    #[serde(default)]
    pub output: Output,
    /// Where to get it, for the line that says it is missing.
    #[serde(default)]
    pub get: String,
}

/// What a program sends to the sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// OTLP over gRPC.
    #[default]
    Grpc,
    /// OTLP over HTTP.
    Http,
    /// Lines over TCP.
    Lines,
    /// Pushes to Loki.
    Loki,
    /// Prometheus' remote write.
    RemoteWrite,
}

/// One pipeline and the load it gets.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    pub id: String,
    pub what: String,
    /// Ours first.
    pub programs: Vec<String>,
    /// The configuration's name without its ending.
    pub config: String,
    pub load: Load,
    /// What all programs of the row send, where it is not what the program sends in others.
    #[serde(default)]
    pub output: Option<Output>,
    /// How the sink misbehaves, and when.
    #[serde(default)]
    pub fault: Option<FaultPlan>,
    /// One of so many records is to arrive; the pipeline drops the others.
    #[serde(default = "one")]
    pub kept_one_of: u64,
    /// Count the bytes that the program sends.
    #[serde(default)]
    pub wire: bool,
    /// The load comes, and the sink is reached, over TLS. `CERTS` in the configuration is a folder with `ca.pem`,
    /// `server.pem` and `server.key`.
    #[serde(default)]
    pub tls: bool,
    /// CPUs that the program may use; 0 is all.
    #[serde(default)]
    pub cpus: usize,
    #[serde(default)]
    pub targets: Targets,
    /// Why it misses, for the report.
    #[serde(default)]
    pub why: String,
}

fn one() -> u64 {
    1
}

/// How the sink behaves.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultPlan {
    /// `503`, `429`, `400`, `500`, `hang`, `slow` or `lose-answer`.
    pub kind: String,
    /// Begins so many seconds after the load.
    #[serde(default)]
    pub after_seconds: f64,
    /// And ends so many seconds later; 0 is never.
    #[serde(default)]
    pub for_seconds: f64,
    /// How late a slow sink answers.
    #[serde(default)]
    pub delay_ms: u64,
}

/// What ours has to reach.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Targets {
    /// CPU per record of a peer divided by ours: at least.
    pub cpu_ratio: BTreeMap<String, f64>,
    /// Our CPU per record divided by a floor's: at most.
    pub floor_ratio: BTreeMap<String, f64>,
    /// Peak resident memory of a peer divided by ours: at least.
    pub memory_ratio: BTreeMap<String, f64>,
    /// Our bytes sent divided by a peer's: at most.
    pub wire_ratio: BTreeMap<String, f64>,
    /// Figures of ours: at most. `cpu_percent`, `rss_mib`, `peak_mib`, `wakeups_per_second`,
    /// `mean_ms`, `p50_ms`, `p95_ms`, `p99_ms`, `lost`.
    pub most: BTreeMap<String, f64>,
}

impl Table {
    pub fn load() -> anyhow::Result<Self> {
        let path = folder().join("pipelines.toml");
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}: run from the repository", path.display()))?;
        Self::parse(&text)
    }

    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let table: Self = toml::from_str(text).context("pipelines.toml")?;
        for row in &table.row {
            let known = |name: &str| table.program.iter().any(|it| it.name == name);
            let unknown = row.programs.iter().find(|name| !known(name));
            anyhow::ensure!(unknown.is_none(), "row {}: no program is {unknown:?}", row.id);
            anyhow::ensure!(row.kept_one_of > 0, "row {}: kept_one_of is 0", row.id);
        }
        Ok(table)
    }
}

/// `bench/`.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

impl Program {
    /// The program's configuration for a row: its text, `None` when it needs none.
    pub fn config_text(&self, row: &Row) -> anyhow::Result<Option<String>> {
        let Some(ending) = &self.config else { return Ok(None) };
        let file = |ending: &str| folder().join("configs").join(format!("{}.{ending}", row.config));
        let own = file(&self.name);
        let path = if own.exists() { own } else { file(ending) };
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("row {} for {}: {}", row.id, self.name, path.display()))?;
        Ok(Some(text))
    }

    /// Where it is: ours as built last, the others in `SLUICE_PARTS` or `PATH`.
    pub fn find(&self) -> Option<PathBuf> {
        if self.binary == "bench" {
            return std::env::current_exe().ok();
        }
        program(&self.binary)
    }
}

/// Where a program is.
pub fn program(name: &str) -> Option<PathBuf> {
    let own = std::env::current_exe().ok()?;
    let built = own.parent()?;
    let parts = std::env::var_os("SLUICE_PARTS")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/sluice-parts")));
    let path = std::env::var_os("PATH").unwrap_or_default();
    [built.with_file_name("dist"), built.to_owned()]
        .into_iter()
        .chain(parts.map(|it| it.join("bin")))
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join(name))
        .find(|it| it.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_has_its_configurations() {
        let table = Table::load().unwrap();
        for row in &table.row {
            for name in &row.programs {
                let program = table.program.iter().find(|it| &it.name == name).unwrap();
                program.config_text(row).unwrap();
            }
            assert_eq!(table.row.iter().filter(|it| it.id == row.id).count(), 1, "{}", row.id);
        }
    }

    #[test]
    fn a_row_that_names_an_unknown_program_is_refused() {
        let text = "quick_divisor = 1\nprogram = []\n[[row]]\nid = \"X\"\nwhat = \"\"\nconfig = \"X\"\n\
                    programs = [\"nobody\"]\nload = { kind = \"idle\", seconds = 1.0 }\n";
        let error = Table::parse(text).unwrap_err().to_string();
        assert!(error.contains("nobody"), "{error}");
    }
}
