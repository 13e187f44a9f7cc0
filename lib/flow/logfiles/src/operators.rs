//! The operators as the reader's sink.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use fileconsumer::{Batch, FileKey, Sink};
use stanza::{FileMeta, Pipeline, Worker};

/// The operators as the reader's sink.
pub(crate) struct Operators {
    pipeline: Pipeline,
    worker: Worker,
    header: Option<(Pipeline, HeaderLines)>,
    record_offset: bool,
}

impl Operators {
    pub(crate) fn new(pipeline: &Pipeline, header: Option<&Pipeline>, record_offset: bool) -> Self {
        Self {
            pipeline: pipeline.clone(),
            worker: pipeline.worker(),
            header: header.map(|it| (it.clone(), HeaderLines::new(it))),
            record_offset,
        }
    }
}

impl Sink for Operators {
    type File = Arc<FileMeta>;

    fn another(&self) -> Self {
        let header = self.header.as_ref().map(|it| &it.0);
        Self::new(&self.pipeline, header, self.record_offset)
    }

    fn file(&mut self, key: FileKey, attributes: &[(String, String)]) -> Arc<FileMeta> {
        Arc::new(FileMeta {
            key: stanza::FileKey(key.0),
            attributes: attributes.to_vec(),
            record_offset: self.record_offset,
        })
    }

    fn record(
        &mut self,
        file: &Arc<FileMeta>,
        bytes: &[u8],
        span: Range<u64>,
        number: Option<u64>,
    ) {
        self.worker.line(file, bytes, span, number);
    }

    fn header(&mut self, line: &[u8]) -> Vec<(String, String)> {
        self.header.as_mut().map_or_else(Vec::new, |(_, it)| it.attributes(line))
    }

    fn bytes(&self) -> usize {
        self.worker.bytes()
    }

    fn holds(&self, file: &Arc<FileMeta>) -> bool {
        self.worker.holds(file.key)
    }

    fn take(&mut self) -> Batch {
        let batch = self.worker.take();
        let safe = batch.safe.into_iter().map(|(key, offset)| (FileKey(key.0), offset)).collect();
        Batch { data: batch.logs.into(), safe }
    }

    fn flush_idle(&mut self, now: Instant) -> Option<Instant> {
        self.worker.flush_idle(now)
    }

    fn flush_all(&mut self) {
        self.worker.flush_all();
    }

    fn forget(&mut self, key: FileKey) {
        self.worker.forget(stanza::FileKey(key.0));
    }
}

/// Runs lines of headers through their operators, one by one.
struct HeaderLines {
    worker: Worker,
    /// Whose lines they are does not matter: nothing is held back.
    file: Arc<FileMeta>,
}

impl HeaderLines {
    /// Of compiled operators.
    fn new(pipeline: &Pipeline) -> Self {
        let file =
            FileMeta { key: stanza::FileKey(0), attributes: Vec::new(), record_offset: false };
        Self { worker: pipeline.worker(), file: Arc::new(file) }
    }

    /// The attributes that a line gives.
    fn attributes(&mut self, line: &[u8]) -> Vec<(String, String)> {
        self.worker.line(&self.file, line, 0..line.len() as u64, None);
        let logs = self.worker.take().logs;
        let mut attributes = Vec::new();
        for record in logs.resources().flat_map(pdata::ResourceLogs::records) {
            attributes.extend(
                record.attributes().iter().map(|(key, value)| (key.to_owned(), value.to_string())),
            );
        }
        attributes
    }
}
