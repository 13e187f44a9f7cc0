//! Own traces: `service: telemetry: traces:`. Spans are sampled where they begin and queued where they
//! end; a task per processor sends them.

use component::config::Choice;
use component::meter::Level;
use component::trace::{Propagator, SpanContext, SpanRecord, SpanSink};
use component::{BuildInfo, Data, Signal};
use pdata::{SpanWriter, TracesBuilder};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tracing::debug;

use super::periodic::nanos;
use super::readers::ConsoleConfig;
use super::resource::Resource;
use super::sender::{ProcessorConfig, Sender};
use crate::registry::Registry;

/// `service: telemetry: traces:`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, config::Described)]
#[config(go = "migration.TracesConfigV030", unmarshals)]
pub struct TracesConfig {
    /// none or basic. Default basic.
    pub level: Choice<Level>,
    /// tracecontext, b3: how the span above is read from a request. Default none.
    pub propagators: Vec<String>,
    /// Where spans go. Default nowhere, and then none are made.
    pub processors: Vec<ProcessorConfig>,
    /// Which traces are kept. Default all that begin here, else as the span above says.
    pub sampler: Option<SamplerConfig>,
    /// Accepted, without effect: our spans are small.
    pub limits: component::config::Value,
}

impl Default for TracesConfig {
    fn default() -> Self {
        Self {
            level: Level::Basic.into(),
            propagators: Vec::new(),
            processors: Vec::new(),
            sampler: None,
            limits: component::config::Value::Null,
        }
    }
}

impl TracesConfig {
    /// True when spans are made.
    pub(crate) fn is_on(&self) -> bool {
        self.level != Level::None && !self.processors.is_empty()
    }

    /// The Collector's text for a propagator that there is not.
    pub(super) fn propagators(&self) -> Result<Vec<Propagator>, String> {
        let unknown = "error creating propagator: unsupported trace propagator";
        let named = self.propagators.iter().map(|it| Propagator::named(it));
        named.map(|it| it.ok_or_else(|| unknown.to_owned())).collect()
    }
}

/// `sampler:`: one of the keys.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct SamplerConfig {
    /// All.
    pub always_on: Option<ConsoleConfig>,
    /// None.
    pub always_off: Option<ConsoleConfig>,
    /// A share, by trace id.
    pub trace_id_ratio_based: Option<RatioConfig>,
    /// As the span above says.
    pub parent_based: Option<Box<ParentConfig>>,
    /// Not supported: refused at start.
    pub jaeger_remote: component::config::Value,
}

/// `trace_id_ratio_based:`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct RatioConfig {
    /// 0 to 1. Default 1.
    pub ratio: Option<f64>,
}

/// `parent_based:`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct ParentConfig {
    /// Where there is no span above. Default always_on.
    pub root: Option<SamplerConfig>,
    /// Default always_on.
    pub remote_parent_sampled: Option<SamplerConfig>,
    /// Default always_off.
    pub remote_parent_not_sampled: Option<SamplerConfig>,
    /// Default always_on.
    pub local_parent_sampled: Option<SamplerConfig>,
    /// Default always_off.
    pub local_parent_not_sampled: Option<SamplerConfig>,
}

#[derive(Debug, Clone, PartialEq)]
enum Sampler {
    All,
    None,
    Ratio(f64),
    /// Where there is no span above; of another process, one that is kept and one that is not; of this one.
    Parent {
        root: Box<Sampler>,
        remote: [Box<Sampler>; 2],
        local: [Box<Sampler>; 2],
    },
}

impl Sampler {
    fn new(config: Option<&SamplerConfig>) -> Result<Self, String> {
        let Some(config) = config else { return Self::parent(&ParentConfig::default()) };
        if config.jaeger_remote != component::config::Value::Null {
            let text = "sampler jaeger_remote is not supported: use trace_id_ratio_based";
            return Err(text.into());
        }
        match config {
            SamplerConfig { always_on: Some(_), .. } => Ok(Self::All),
            SamplerConfig { always_off: Some(_), .. } => Ok(Self::None),
            SamplerConfig { trace_id_ratio_based: Some(it), .. } => {
                Ok(Self::Ratio(it.ratio.unwrap_or(1.0)))
            }
            SamplerConfig { parent_based: Some(it), .. } => Self::parent(it),
            _ => Err("unsupported sampler: use always_on, always_off, trace_id_ratio_based or \
                      parent_based"
                .into()),
        }
    }

    fn parent(config: &ParentConfig) -> Result<Self, String> {
        let child = |it: &Option<SamplerConfig>, default: Self| match it {
            Some(it) => Self::new(Some(it)).map(Box::new),
            None => Ok(Box::new(default)),
        };
        Ok(Self::Parent {
            root: child(&config.root, Self::All)?,
            remote: [
                child(&config.remote_parent_sampled, Self::All)?,
                child(&config.remote_parent_not_sampled, Self::None)?,
            ],
            local: [
                child(&config.local_parent_sampled, Self::All)?,
                child(&config.local_parent_not_sampled, Self::None)?,
            ],
        })
    }

    fn keeps(&self, trace_id: [u8; 16], parent: Option<&SpanContext>) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            // As the SDK in Go: the lower half without its last bit, as a share of its range.
            Self::Ratio(ratio) => {
                let [_, _, _, _, _, _, _, _, low @ ..] = trace_id;
                (u64::from_be_bytes(low) >> 1) < share_of_63_bits(*ratio)
            }
            Self::Parent { root, remote, local } => {
                let Some(above) = parent else { return root.keeps(trace_id, None) };
                let [sampled, not_sampled] = if above.remote { remote } else { local };
                if above.sampled { sampled } else { not_sampled }.keeps(trace_id, parent)
            }
        }
    }
}

/// What samples spans and queues those that have ended.
pub(super) struct Spans {
    sampler: Sampler,
    propagators: Vec<Propagator>,
    queues: Vec<mpsc::Sender<SpanRecord>>,
}

impl SpanSink for Spans {
    fn begin(&self, parent: Option<&SpanContext>) -> SpanContext {
        let mut span_id = [0; 8];
        fastrand::Rng::new().fill(&mut span_id);
        let trace_id = parent.map_or_else(
            || {
                let mut id = [0; 16];
                fastrand::Rng::new().fill(&mut id);
                id
            },
            |it| it.trace_id,
        );
        let sampled = self.sampler.keeps(trace_id, parent);
        SpanContext { trace_id, span_id, sampled, remote: false }
    }

    fn propagators(&self) -> &[Propagator] {
        &self.propagators
    }

    fn end(&self, span: SpanRecord) {
        for queue in &self.queues {
            // A full queue drops, as upstream: spans must not hold up what they are about.
            if queue.try_send(span.clone()).is_err() {
                debug!("queue of own spans is full");
            }
        }
    }
}

/// The sink of spans and what sends them.
pub(super) fn spans(
    config: &TracesConfig,
    registry: &Registry,
    build: &BuildInfo,
    resource: &Resource,
) -> Result<(Spans, Vec<Sender<SpanRecord>>), String> {
    /// otelconf's default.
    const DELAY_MILLIS: i64 = 5_000;
    let propagators = config.propagators()?;
    let sampler = Sampler::new(config.sampler.as_ref())?;
    let (mut queues, mut senders) = (Vec::new(), Vec::new());
    for processor in &config.processors {
        let resource = resource.clone();
        let encode = move |spans: &[SpanRecord]| request(spans, &resource);
        let around = (registry, build);
        let (queue, sender) = Sender::new(processor, Signal::Traces, DELAY_MILLIS, around, encode)?;
        queues.push(queue);
        senders.push(sender);
    }
    Ok((Spans { sampler, propagators, queues }, senders))
}

fn request(spans: &[SpanRecord], resource: &Resource) -> Data {
    let mut out = TracesBuilder::new();
    resource.begin(&mut out);
    let mut scopes: Vec<&str> = Vec::new();
    for span in spans {
        if scopes.contains(&span.scope) {
            continue;
        }
        scopes.push(span.scope);
        out.scope(span.scope, "");
        for span in spans.iter().filter(|it| it.scope == span.scope) {
            out.span(|out| write(span, out));
        }
    }
    out.finish().into()
}

fn write(span: &SpanRecord, out: &mut SpanWriter<'_>) {
    out.trace_id(&span.context.trace_id);
    out.span_id(&span.context.span_id);
    if let Some(parent) = &span.parent {
        out.parent_span_id(&parent.span_id);
    }
    out.name(&span.name);
    out.kind(1);
    out.start_time_unix_nano(nanos(span.start));
    out.end_time_unix_nano(nanos(span.end.max(span.start)));
    span.texts.iter().for_each(|(key, it)| out.attribute(key, it));
    span.counts.iter().for_each(|(key, it)| out.attribute(key, *it));
    if let Some(error) = &span.error {
        out.status(2, error);
    }
}

/// `ratio` of all numbers with 63 bits.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the ratio is from 0 to 1; what is cut off is the fraction"
)]
fn share_of_63_bits(ratio: f64) -> u64 {
    (ratio * (1_u64 << 63) as f64) as u64
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use serde_json::{Value as Json, json};

    use super::*;

    fn sampler(config: Json) -> Result<Sampler, String> {
        Sampler::new(Some(&serde_json::from_value(config).unwrap()))
    }

    #[test]
    fn a_sampler_follows_the_span_above_unless_told_otherwise() {
        let above =
            |sampled| SpanContext { trace_id: [1; 16], span_id: [1; 8], sampled, remote: false };
        let default = Sampler::new(None).unwrap();
        assert!(default.keeps([0xff; 16], None));
        assert!(default.keeps([0xff; 16], Some(&above(true))));
        assert!(!default.keeps([0xff; 16], Some(&above(false))));
        let off = sampler(json!({"parent_based": {"root": {"always_off": {}}}})).unwrap();
        assert!(!off.keeps([0; 16], None));
        assert!(off.keeps([0; 16], Some(&above(true))));
        let remote = json!({"parent_based": {"remote_parent_not_sampled": {"always_on": {}}}});
        let remote = sampler(remote).unwrap();
        assert!(!remote.keeps([0; 16], Some(&above(false))));
        assert!(remote.keeps([0; 16], Some(&SpanContext { remote: true, ..above(false) })));
        assert!(sampler(json!({"always_on": {}})).unwrap().keeps([0xff; 16], Some(&above(false))));
    }

    #[test]
    fn a_ratio_keeps_its_share_of_trace_ids() {
        let half = sampler(json!({"trace_id_ratio_based": {"ratio": 0.5}})).unwrap();
        assert!(half.keeps([0x7f; 16], None));
        assert!(!half.keeps([0x80; 16], None));
        let all = sampler(json!({"trace_id_ratio_based": {}})).unwrap();
        assert!(all.keeps([0xff; 16], None));
    }

    #[test]
    fn what_is_not_there_is_said() {
        assert!(sampler(json!({})).unwrap_err().starts_with("unsupported sampler"));
        let config = TracesConfig { propagators: vec!["jaeger".into()], ..TracesConfig::default() };
        let text = "error creating propagator: unsupported trace propagator";
        assert_eq!(config.propagators(), Err(text.into()));
    }

    #[test]
    fn a_span_becomes_otlp() {
        let context =
            SpanContext { trace_id: [1; 16], span_id: [2; 8], sampled: true, remote: false };
        let parent = Some(SpanContext { span_id: [3; 8], ..context });
        let span = SpanRecord {
            context,
            parent,
            name: "exporter/otlp/traces".into(),
            scope: "s",
            start: SystemTime::UNIX_EPOCH,
            end: SystemTime::UNIX_EPOCH + Duration::from_secs(1),
            texts: vec![("a", "b".into())],
            counts: vec![("items.sent", 3)],
            error: Some("down".into()),
        };
        let data = request(&[span], &Resource::default()).into_traces().unwrap();
        let span = data.spans().next().unwrap();
        assert_eq!((span.parent_span_id(), span.kind()), (&[3; 8][..], 1));
        assert_eq!(span.end_time_unix_nano(), 1_000_000_000);
        assert_eq!(span.attributes().get("items.sent"), Some(pdata::ValueRef::Int(3)));
        assert_eq!((span.status().code, span.status().message), (2, "down"));
    }
}
