//! Writes telemetry to a file as JSON lines or protobuf. Nothing is held back: `Ok` means that the
//! operating system has the whole request.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Buf as _;
use component::{
    BoxError, Component, ConsumeError, Consumer, Context, Data, Exporter, ExporterSettings, Host,
    Ownership, Signal, Stability,
};
use compression::{Chunks, Compressor, Encoding, Type};
use tokio::sync::Semaphore;

mod backups;
mod config;
mod output;
#[cfg(test)]
mod tests;

pub use config::{Config, GroupBy, Rotation};
use output::Output;

/// Calls that encode and write at the same time. Each takes one of the threads that the whole program has for what
/// blocks, also when the file does not take anything (a pipe, a network file system that hangs).
const WRITES_MAX: usize = 8;

/// The exporter.
pub struct File {
    name: String,
    config: Config,
    format: Format,
    output: Arc<Mutex<Option<Output>>>,
    writes: Arc<Semaphore>,
}

/// How a request becomes bytes.
#[derive(Clone)]
struct Format {
    json: bool,
    compressor: Option<Arc<Compressor>>,
}

impl Exporter for File {
    type Config = Config;
    const TYPE: &'static str = "file";
    const SIGNALS: &'static [(Signal, Stability)] = &[
        (Signal::Traces, Stability::Alpha),
        (Signal::Metrics, Stability::Alpha),
        (Signal::Logs, Stability::Alpha),
    ];

    fn create(settings: ExporterSettings, config: Config) -> Result<Self, BoxError> {
        let zstd = Type(Some(Encoding::Zstd));
        let compressor = (!config.compression.is_empty())
            .then(|| Arc::new(Compressor::http(zstd, config.compression_params)));
        Ok(Self {
            name: format!("exporters::{}", settings.id),
            format: Format { json: config.format == "json", compressor },
            config,
            output: Arc::default(),
            writes: Arc::new(Semaphore::new(WRITES_MAX)),
        })
    }
}

#[async_trait]
impl Component for File {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        if let Some((_, _, why)) = self.config.unsupported().into_iter().find(|it| it.1) {
            return Err(format!("{}: {why}", self.name).into());
        }
        let ownership = host.try_ownership();
        let output = Output::open(&self.config, ownership.is_some()).map_err(|error| {
            let path = &self.config.path;
            format!("{}: cannot open {path:?} for writing: {error}", self.name)
        })?;
        *self.output.lock().unwrap_or_else(PoisonError::into_inner) = Some(output);
        hold(ownership, host);
        Ok(())
    }

    async fn shutdown(&self) -> Result<(), BoxError> {
        // Who still writes closes it: a write that hangs must not keep the shutdown.
        if let Ok(mut output) = self.output.try_lock() {
            output.take();
        }
        Ok(())
    }
}

#[async_trait]
impl Consumer for File {
    async fn consume(&self, _ctx: &Context, data: Data) -> Result<(), ConsumeError> {
        let (output, format) = (Arc::clone(&self.output), self.format.clone());
        let permit = Arc::clone(&self.writes).acquire_owned().await;
        let work = tokio::task::spawn_blocking(move || {
            // Until it is done, also when the caller has gone meanwhile.
            let _permit = permit;
            let record = format.encode(&data)?;
            match output.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
                Some(output) => output.write(&record),
                None => Err(io::Error::other("the file is not open")),
            }
        });
        let written = work.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        written.map_err(|error| {
            ConsumeError::retryable(format!("cannot write to {:?}: {error}", self.config.path))
        })
    }
}

/// As long as an instance has the ownership or waits for it, the next one knows that it is not the first.
fn hold(ownership: Option<Ownership>, host: &Host) {
    let stopping = host.stopping().clone();
    let Some(ownership) = ownership else {
        let later = host.ownership();
        host.spawn(async move {
            tokio::select! {
                _owned = later => stopping.cancelled().await,
                () = stopping.cancelled() => {}
            }
            Ok(())
        });
        return;
    };
    host.spawn(async move {
        stopping.cancelled().await;
        drop(ownership);
        Ok(())
    });
}

impl Format {
    /// A line, or a length and as many bytes.
    fn encode(&self, data: &Data) -> io::Result<Vec<u8>> {
        let mut record = Vec::with_capacity(data.bytes() + 4);
        if self.json && self.compressor.is_none() {
            data.to_json(&mut record);
            record.push(b'\n');
            return Ok(record);
        }
        let mut payload = if self.json {
            data.to_json(&mut record);
            Chunks::from(bytes::Bytes::from(std::mem::take(&mut record)))
        } else {
            Chunks::from(data.chunks())
        };
        if let Some(compressor) = &self.compressor {
            payload = compressor.compress(payload)?;
        }
        let length = u32::try_from(payload.remaining())
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a request beyond 4 GiB"))?;
        record.extend_from_slice(&length.to_be_bytes());
        payload.pieces().for_each(|it| record.extend_from_slice(it));
        Ok(record)
    }
}
