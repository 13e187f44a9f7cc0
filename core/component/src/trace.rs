//! Spans about the collector's own work. Off, a [`Tracer`] is a null pointer and costs its look.

use std::sync::Arc;
use std::time::SystemTime;

mod propagate;

pub use propagate::Propagator;

/// Which span is above: travels with the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanContext {
    /// Of the whole trace.
    pub trace_id: [u8; 16],
    /// Of the span.
    pub span_id: [u8; 8],
    /// Whether it is kept.
    pub sampled: bool,
    /// Whether it is another process's.
    pub remote: bool,
}

/// A span that has ended.
#[derive(Debug, Clone)]
pub struct SpanRecord {
    /// Its own ids.
    pub context: SpanContext,
    /// The span above.
    pub parent: Option<SpanContext>,
    /// `exporter/otlp/traces`.
    pub name: String,
    /// The Go package that makes it upstream.
    pub scope: &'static str,
    /// When it began.
    pub start: SystemTime,
    /// When it ended.
    pub end: SystemTime,
    /// Texts about it.
    pub texts: Vec<(&'static str, String)>,
    /// Numbers about it.
    pub counts: Vec<(&'static str, i64)>,
    /// Why it failed.
    pub error: Option<String>,
}

/// The service's side: samples, and takes what has ended.
pub trait SpanSink: Send + Sync {
    /// Ids for a span below `parent`, and whether it is kept.
    fn begin(&self, parent: Option<&SpanContext>) -> SpanContext;
    /// How requests name the span above.
    fn propagators(&self) -> &[Propagator];
    /// A kept span has ended. Must not wait.
    fn end(&self, span: SpanRecord);
}

/// Makes spans, if anybody wants them.
#[derive(Clone, Default)]
pub struct Tracer(Option<Arc<dyn SpanSink>>);

impl std::fmt::Debug for Tracer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Tracer").field(&self.0.is_some()).finish()
    }
}

impl Tracer {
    /// Spans go to `sink`.
    pub fn new(sink: Arc<dyn SpanSink>) -> Self {
        Self(Some(sink))
    }

    /// True when spans are wanted.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// The span above that a request names in its headers.
    pub fn extract<'h>(&self, header: impl Fn(&str) -> Option<&'h str>) -> Option<SpanContext> {
        let propagators = self.0.as_ref()?.propagators();
        propagators.iter().find_map(|it| it.extract(&header))
    }

    /// A span that ends when it is dropped; `None` when nobody wants it.
    pub fn start(
        &self,
        scope: &'static str,
        name: impl FnOnce() -> String,
        parent: Option<SpanContext>,
    ) -> Option<Span> {
        let sink = self.0.as_ref()?;
        let context = sink.begin(parent.as_ref());
        let record = context.sampled.then(|| {
            let start = clock::now();
            Box::new(SpanRecord {
                context,
                parent,
                name: name(),
                scope,
                start,
                end: start,
                texts: Vec::new(),
                counts: Vec::new(),
                error: None,
            })
        });
        Some(Span { sink: Arc::clone(sink), context, record })
    }
}

/// A span that has begun.
pub struct Span {
    sink: Arc<dyn SpanSink>,
    context: SpanContext,
    /// `None` when it is not kept.
    record: Option<Box<SpanRecord>>,
}

impl Span {
    /// For spans below.
    pub fn context(&self) -> SpanContext {
        self.context
    }

    /// Adds a text.
    pub fn text(&mut self, key: &'static str, value: &str) {
        if let Some(record) = &mut self.record {
            record.texts.push((key, value.to_owned()));
        }
    }

    /// Adds a number.
    pub fn count(&mut self, key: &'static str, value: u64) {
        if let Some(record) = &mut self.record {
            record.counts.push((key, i64::try_from(value).unwrap_or(i64::MAX)));
        }
    }

    /// What it is about went wrong.
    pub fn fail(&mut self, error: &dyn std::fmt::Display) {
        if let Some(record) = &mut self.record {
            record.error = Some(error.to_string());
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some(mut record) = self.record.take() {
            record.end = clock::now();
            self.sink.end(*record);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    struct Sink(Mutex<Vec<SpanRecord>>);

    impl SpanSink for Sink {
        fn begin(&self, parent: Option<&SpanContext>) -> SpanContext {
            let sampled = parent.is_none_or(|it| it.sampled);
            SpanContext { trace_id: [1; 16], span_id: [2; 8], sampled, remote: false }
        }

        fn propagators(&self) -> &[Propagator] {
            &[]
        }

        fn end(&self, span: SpanRecord) {
            self.0.lock().unwrap().push(span);
        }
    }

    #[test]
    fn a_span_is_handed_over_when_it_is_dropped() {
        let sink = Arc::new(Sink::default());
        let tracer = Tracer::new(Arc::clone(&sink) as _);
        let mut span = tracer.start("s", || "a".into(), None).unwrap();
        span.count("items", 3);
        span.fail(&"no");
        assert!(sink.0.lock().unwrap().is_empty());
        drop(span);
        let ended = sink.0.lock().unwrap();
        assert_eq!((ended[0].name.as_str(), ended[0].error.as_deref()), ("a", Some("no")));
        assert_eq!(ended[0].counts, [("items", 3)]);
    }

    #[test]
    fn what_is_not_kept_has_no_name_and_goes_nowhere() {
        let sink = Arc::new(Sink::default());
        let tracer = Tracer::new(Arc::clone(&sink) as _);
        let above = SpanContext { sampled: false, ..sink.begin(None) };
        let span = tracer.start("s", || panic!("nobody asks"), Some(above)).unwrap();
        assert!(!span.context().sampled);
        drop(span);
        assert!(sink.0.lock().unwrap().is_empty());
        assert!(Tracer::default().start("s", || panic!("nobody asks"), None).is_none());
    }
}
