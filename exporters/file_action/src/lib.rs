//! Alerts of policies as a file that another program reads: the keys in force by a template, each until its time is over. The file
//! is written whole or not at all, and every change is told in the log.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use alerts::{Entries, EntriesConfig, Intake, Refusal, Text};
use async_trait::async_trait;
use component::config::{Problems, Section};
use component::{
    BoxError, Component, ConsumeError, Consumer, Context, Data, Delivery, Exporter,
    ExporterSettings, Host, Id, QueueConfig, RetryConfig, Signal, Stability, clock,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

#[cfg(test)]
mod tests;
mod write;

/// How often it is looked for entries whose time is over.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What a file may be readable and writable for.
const MODE_MAX: u32 = 0o777;

/// `exporters: file_action:`
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
pub struct Config {
    /// The file. Another one beside it takes its place when it is whole. Required.
    pub path: String,
    /// What stands in it: a template with the alerts in force as `.entries`. Default: their keys, one a line.
    pub template: String,
    /// Who may read and write it, in octal digits. Default `0644`.
    pub mode: String,
    /// Nothing is written, the log says what would be. Default `false`.
    pub dry_run: bool,
    /// Which keys, and for how long.
    #[serde(flatten)]
    pub entries: EntriesConfig,
    /// Retries if the file cannot be written.
    pub retry_on_failure: RetryConfig,
    /// Queue in front. On by default.
    pub sending_queue: Section<QueueConfig>,
}

impl Default for Config {
    fn default() -> Self {
        // One after the other: two files at once would not be in their order.
        let queue = QueueConfig { num_consumers: 1, ..QueueConfig::default() };
        Self {
            path: String::new(),
            template: "{{ range $entry := .entries }}{{ .key }}\n{{ end }}".to_owned(),
            mode: "0644".to_owned(),
            dry_run: false,
            entries: EntriesConfig::default(),
            retry_on_failure: RetryConfig::default(),
            sending_queue: Section::on(queue),
        }
    }
}

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        if self.path.is_empty() {
            let text = "there is no path: write the file that is kept current";
            problems.at("", text).require("path", "/run/sluice/blocked.txt");
        }
        if let Err(why) = Text::new(&self.template) {
            problems.at("template", why);
        }
        if self.mode().is_none() {
            problems.at("mode", "must be octal digits, such as 0644");
        }
        self.entries.validate(problems);
        self.retry_on_failure.validate("retry_on_failure", problems);
        if let Some(queue) = self.sending_queue.get() {
            queue.validate("sending_queue", problems);
        }
    }
}

impl Config {
    fn mode(&self) -> Option<u32> {
        u32::from_str_radix(&self.mode, 8).ok().filter(|it| *it <= MODE_MAX)
    }
}

/// The exporter.
pub struct FileAction {
    id: Id,
    intake: Intake,
    file: Arc<Kept>,
    /// One writes at a time.
    turn: tokio::sync::Semaphore,
}

/// The file, and what stands in it.
struct Kept {
    path: PathBuf,
    mode: u32,
    dry_run: bool,
    template: Text,
    entries: Entries,
}

impl Exporter for FileAction {
    type Config = Config;
    const TYPE: &'static str = "file_action";
    const SIGNALS: &'static [(Signal, Stability)] = &[(Signal::Logs, Stability::Alpha)];

    fn create(settings: ExporterSettings, config: Config) -> Result<Self, BoxError> {
        let file = Kept {
            path: PathBuf::from(&config.path),
            mode: config.mode().unwrap_or_default(),
            dry_run: config.dry_run,
            template: Text::new(&config.template)?,
            entries: Entries::new(&config.entries)?,
        };
        let (intake, turn) = (Intake::new(&settings), tokio::sync::Semaphore::new(1));
        Ok(Self { id: settings.id, intake, file: Arc::new(file), turn })
    }

    fn delivery(config: &Config) -> Delivery {
        Delivery {
            timeout: component::config::Duration::ZERO,
            retry: Some(config.retry_on_failure.clone()),
            queue: config.sending_queue.get().cloned(),
        }
    }
}

#[async_trait]
impl Component for FileAction {
    /// Writes what was in force before a restart, so that nothing is in the file that nobody takes out of it.
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        self.file.entries.open(host, &self.id).await?;
        self.file.entries.expire(clock::unix_nanos());
        self.write().await.map_err(|why| format!("exporters::{}: {why}", self.id))?;
        let stopping = host.stopping().clone();
        host.spawn(async move {
            while stopping.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
                self.expire().await;
            }
            Ok(())
        });
        Ok(())
    }
}

impl FileAction {
    async fn expire(&self) {
        let ended = self.file.entries.expire(clock::unix_nanos());
        if ended.is_empty() {
            return;
        }
        for it in &ended {
            tracing::info!(path = %self.file.path.display(), key = %it["key"], "an entry has ended");
        }
        if let Err(error) = self.write().await {
            // The next change writes it, too.
            tracing::error!(%error, "entries that have ended are still in the file");
        }
    }

    async fn write(&self) -> Result<(), String> {
        let turn = self.turn.acquire().await.map_err(|error| error.to_string())?;
        let file = Arc::clone(&self.file);
        let work = tokio::task::spawn_blocking(move || file.write()).await;
        drop(turn);
        work.unwrap_or_else(|error| Err(error.to_string()))
    }
}

impl Kept {
    /// Writes the file as it has to be now.
    fn write(&self) -> Result<(), String> {
        let path = self.path.display();
        let text = self.template.of(&json!({"entries": self.entries.documents()}))?;
        if self.dry_run {
            tracing::info!(%path, text, "dry run: this would be written");
        } else {
            write::whole(&self.path, text.as_bytes(), self.mode)
                .map_err(|error| format!("cannot write {path}: {error}"))?;
        }
        self.entries.store().map_err(|error| format!("cannot store the entries: {error}"))
    }
}

#[async_trait]
impl Consumer for FileAction {
    async fn consume(&self, _ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let Data::Logs(logs) = &data else { return Ok(()) };
        let now = clock::unix_nanos();
        let mut added = Vec::new();
        for alert in self.intake.take(logs) {
            match self.file.entries.add(&alert, now) {
                Ok(_) => added.push(alert),
                Err(why) => self.intake.refused(&alert, why),
            }
        }
        if added.is_empty() {
            return Ok(());
        }
        self.write().await.map_err(ConsumeError::retryable)?;
        for alert in &added {
            let (path, key, rule) = (self.file.path.display(), &alert.key, &alert.rule);
            tracing::info!(%path, key, rule, dry_run = self.file.dry_run, "an entry is in force");
            if self.file.dry_run {
                self.intake.refused(alert, Refusal::DryRun);
            } else {
                self.intake.sent(alert);
            }
        }
        Ok(())
    }
}
