//! Logs, spans and metrics as rows of ClickHouse, through its HTTP interface.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use component::config::Duration;
use component::{
    BoxError, Component, ConsumeError, Consumer, Context, Data, Delivery, Exporter,
    ExporterSettings, Host, Signal, Stability,
};
use confighttp::client::ClientConfig;
use documents::{Clients, Pauses};

mod config;
mod dsn;
mod insert;
mod rows;
mod schema;
#[cfg(test)]
mod tests;

pub use config::{Compress, Config, MetricsTables, Table, TableEngine};
use insert::Inserter;
use rows::Rows;
use schema::quoted;

/// Of an answer, in bytes: errors, which are short.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// The exporter.
pub struct ClickHouse {
    settings: ExporterSettings,
    config: Config,
    started: OnceLock<Started>,
}

struct Started {
    inserter: Inserter,
    /// In quotes.
    database: String,
}

impl Exporter for ClickHouse {
    type Config = Config;
    const TYPE: &'static str = "clickhouse";
    const SIGNALS: &'static [(Signal, Stability)] = &[
        (Signal::Traces, Stability::Beta),
        (Signal::Metrics, Stability::Alpha),
        (Signal::Logs, Stability::Beta),
    ];

    fn create(settings: ExporterSettings, config: Config) -> Result<Self, BoxError> {
        Ok(Self { settings, config, started: OnceLock::new() })
    }

    fn delivery(config: &Config) -> Delivery {
        Delivery {
            // `timeout` spans each request: there are several, of tables and of rows that are refused.
            timeout: Duration::ZERO,
            retry: Some(config.retry_on_failure.clone()),
            queue: config.sending_queue.get().cloned(),
        }
    }
}

#[async_trait]
impl Component for ClickHouse {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let config = &self.config;
        let dsn = config.dsn().map_err(|why| format!("exporters::{}: {why}", self.settings.id))?;
        let mut client = ClientConfig {
            timeout: config.timeout,
            compression: config.compress.encoding().into(),
            tls: config.tls.clone(),
            ..ClientConfig::default()
        };
        for (name, value) in [("X-ClickHouse-User", &dsn.user), ("X-ClickHouse-Key", &dsn.password)]
        {
            if !value.is_empty() {
                client.headers.entries.push((name.to_owned(), value.as_str().into()));
            }
        }
        let clients = Clients::start(&client, &dsn.urls, (&self.settings, host), ANSWER_BYTES_MAX)?;
        let pauses = Pauses::of(config.retry_on_failure.clone());
        let statements = if config.create_schema {
            schema::statements(config, &dsn.database, self.settings.signal)
        } else {
            Vec::new()
        };
        let around = (&self.settings, host.stopping().clone());
        let inserter = Inserter::new(clients, pauses, statements, around);
        self.started.get_or_init(|| Started { inserter, database: quoted(&dsn.database) });
        Ok(())
    }

    async fn shutdown(&self) -> Result<(), BoxError> {
        if let Some(started) = self.started.get() {
            started.inserter.close();
        }
        Ok(())
    }
}

impl ClickHouse {
    fn tables(&self, data: &Data) -> Vec<(String, Rows)> {
        match data {
            Data::Logs(logs) => vec![(self.config.logs_table_name.clone(), rows::logs(logs))],
            Data::Traces(traces) => {
                vec![(self.config.traces_table_name.clone(), rows::traces(traces))]
            }
            Data::Metrics(metrics) => {
                self.config.metrics_names().into_iter().zip(rows::metrics(metrics)).collect()
            }
        }
    }
}

#[async_trait]
impl Consumer for ClickHouse {
    async fn consume(&self, ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let started = self.started.get();
        let started =
            started.ok_or_else(|| ConsumeError::retryable("the exporter is not started"))?;
        let mut any_taken = false;
        for (table, rows) in self.tables(&data) {
            let table = format!("{}.{}", started.database, quoted(&table));
            started.inserter.insert(ctx, &table, rows, &mut any_taken).await?;
        }
        Ok(())
    }
}
