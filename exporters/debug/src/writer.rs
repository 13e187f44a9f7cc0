//! Consoles and files that records are appended to, each record in one piece.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

/// Where records go.
pub(crate) struct Writer {
    paths: Vec<String>,
    outputs: Mutex<Vec<Box<dyn Write + Send>>>,
}

impl Writer {
    pub(crate) fn new(paths: Vec<String>) -> Self {
        Self { paths, outputs: Mutex::default() }
    }

    /// Opens the outputs.
    pub(crate) fn open(&self) -> Result<(), String> {
        let mut opened: Vec<Box<dyn Write + Send>> = Vec::new();
        for path in &self.paths {
            opened.push(match path.as_str() {
                "stdout" => Box::new(io::stdout()),
                "stderr" => Box::new(io::stderr()),
                path => {
                    let path = path.strip_prefix("file://").unwrap_or(path);
                    let file = OpenOptions::new().create(true).append(true).open(path);
                    Box::new(file.map_err(|error| {
                        format!("cannot open {path:?} of output_paths for writing: {error}")
                    })?)
                }
            });
        }
        *self.outputs.lock().unwrap_or_else(PoisonError::into_inner) = opened;
        Ok(())
    }

    /// Writes to every output.
    pub(crate) fn write(&self, records: &str) -> io::Result<()> {
        let mut outputs = self.outputs.lock().unwrap_or_else(PoisonError::into_inner);
        for output in outputs.iter_mut() {
            output.write_all(records.as_bytes())?;
            output.flush()?;
        }
        Ok(())
    }
}
