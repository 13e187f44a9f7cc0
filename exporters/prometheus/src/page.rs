//! The page: Prometheus' text format 0.0.4, or OpenMetrics 1.0.0 for who asks for it (`expfmt` of `prometheus/common`).

use std::borrow::Cow;

use golang::strconv::float;

use crate::Config;
use crate::names::{escaped, is_legacy, is_part_of_name, quote};
use crate::store::{Example, Family, Kind, Series, Store, Value};

/// Content type of the text format.
pub(crate) const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";
/// The same with names of any text.
pub(crate) const TEXT_UTF8: &str = "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8";
/// Content type of OpenMetrics.
pub(crate) const OPEN_METRICS: &str =
    "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores";

/// The same with names of any text.
pub(crate) const OPEN_METRICS_UTF8: &str =
    "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8";

/// Writes a page. Who does not ask for names of any text (`utf8`) gets underscores for what is no part of a name
/// (`model.UnderscoreEscaping`).
pub(crate) fn write(store: &Store, config: &Config, (open, utf8): (bool, bool)) -> String {
    let mut page = Page { out: String::new(), open, utf8, times: config.send_timestamps };
    let prefix = if config.namespace.is_empty() { "" } else { "_" };
    let target_info = format!("{}{prefix}target_info", config.namespace);
    let mut targets_written = store.targets.is_empty();
    for (name, family) in store.families.iter().filter(|it| !it.1.series.is_empty()) {
        if !targets_written && *name > target_info {
            page.targets(store, &target_info);
            targets_written = true;
        }
        page.family(name, family);
    }
    if !targets_written {
        page.targets(store, &target_info);
    }
    if open {
        page.out.push_str("# EOF\n");
    }
    page.out
}

struct Page {
    out: String,
    open: bool,
    utf8: bool,
    times: bool,
}

impl Page {
    fn targets(&mut self, store: &Store, name: &str) {
        let shown = if self.open { name.strip_suffix("_info").unwrap_or(name) } else { name };
        let of_type = if self.open { "info" } else { "gauge" };
        self.head(shown, "Target metadata", of_type);
        for (labels, _) in store.targets.values() {
            self.line(name, "", labels.shown(self.utf8), None, "1", None, None);
        }
    }

    /// The name, as the reader can take it.
    fn named<'n>(&self, name: &'n str) -> Cow<'n, str> {
        if self.utf8 { Cow::Borrowed(name) } else { escaped(name, is_part_of_name) }
    }

    fn head(&mut self, name: &str, help: &str, of_type: &str) {
        let name = &*self.named(name);
        let mut shown = String::new();
        if is_legacy(name, is_part_of_name) {
            shown.push_str(name);
        } else {
            quote(name, &mut shown);
        }
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        let help = if self.open { help.replace('"', "\\\"") } else { help };
        for part in ["# HELP ", &shown, " ", &help, "\n# TYPE ", &shown, " ", of_type, "\n"] {
            self.out.push_str(part);
        }
    }

    fn family(&mut self, name: &str, family: &Family) {
        let of_type = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge if family.untyped && self.open => "unknown",
            Kind::Gauge if family.untyped => "untyped",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
            Kind::Summary => "summary",
        };
        // In OpenMetrics the name of a counter has no end, and that of its values has one.
        let is_counter = self.open && family.kind == Kind::Counter;
        let base = if is_counter { name.strip_suffix("_total").unwrap_or(name) } else { name };
        self.head(base, &family.help, of_type);
        for (labels, series) in &family.series {
            let end = if is_counter { "_total" } else { "" };
            self.series(base, end, labels.shown(self.utf8), series);
        }
    }

    fn series(&mut self, name: &str, end: &str, labels: &str, series: &Series) {
        let time = self.times.then_some(series.time_unix_nano);
        match &series.value {
            Value::Int(it) => {
                let value = self.number(*it as f64);
                let example = series.exemplars.last().filter(|_| end == "_total");
                self.line(name, end, labels, None, &value, time, example);
            }
            Value::Double(it) => {
                let value = self.number(*it);
                let example = series.exemplars.last().filter(|_| end == "_total");
                self.line(name, end, labels, None, &value, time, example);
            }
            Value::Histogram { count, sum, buckets } => {
                let mut lower = f64::NEG_INFINITY;
                let all = buckets.iter().copied().filter(|it| it.0 != f64::INFINITY);
                for (bound, counted) in all.chain([(f64::INFINITY, *count)]) {
                    let le = self.number(bound);
                    let within = |it: &&Example| it.value > lower && it.value <= bound;
                    let example = series.exemplars.iter().rfind(within);
                    let counted = counted.to_string();
                    self.line(name, "_bucket", labels, Some(("le", &le)), &counted, time, example);
                    lower = bound;
                }
                let sum = self.number(*sum);
                self.line(name, "_sum", labels, None, &sum, time, None);
                self.line(name, "_count", labels, None, &count.to_string(), time, None);
            }
            Value::Summary { count, sum, quantiles } => {
                for (quantile, value) in quantiles {
                    let (quantile, value) = (self.number(*quantile), self.number(*value));
                    self.line(name, "", labels, Some(("quantile", &quantile)), &value, time, None);
                }
                let sum = self.number(*sum);
                self.line(name, "_sum", labels, None, &sum, time, None);
                self.line(name, "_count", labels, None, &count.to_string(), time, None);
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a line")]
    fn line(
        &mut self,
        name: &str,
        end: &str,
        labels: &str,
        extra: Option<(&str, &str)>,
        value: &str,
        time: Option<u64>,
        example: Option<&Example>,
    ) {
        let name = &*self.named(name);
        let (out, open) = (&mut self.out, self.open);
        let legacy = is_legacy(name, is_part_of_name);
        if legacy {
            out.push_str(name);
            out.push_str(end);
        }
        if !legacy || !labels.is_empty() || extra.is_some() {
            out.push('{');
            let mut joint = "";
            if !legacy {
                quote(&format!("{name}{end}"), out);
                joint = ",";
            }
            if !labels.is_empty() {
                out.push_str(joint);
                out.push_str(labels);
                joint = ",";
            }
            if let Some((label, value)) = extra {
                for part in [joint, label, "=\"", value, "\""] {
                    out.push_str(part);
                }
            }
            out.push('}');
        }
        out.push(' ');
        out.push_str(value);
        if let Some(nanos) = time {
            out.push(' ');
            out.push_str(&timestamp(nanos, open));
        }
        if let Some(it) = example.filter(|_| open) {
            for part in [" # {", &it.labels, "} ", &open_number(it.value)] {
                out.push_str(part);
            }
            if it.time_unix_nano > 0 {
                out.push(' ');
                out.push_str(&timestamp(it.time_unix_nano, true));
            }
        }
        out.push('\n');
    }

    fn number(&self, value: f64) -> String {
        if self.open { open_number(value) } else { plain_number(value) }
    }
}

/// Milliseconds, in OpenMetrics seconds.
fn timestamp(nanos: u64, open: bool) -> String {
    let millis = nanos / 1_000_000;
    if open { open_number(millis as f64 / 1000.0) } else { millis.to_string() }
}

fn plain_number(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        float(value)
    }
}

/// OpenMetrics wants a float to look like one.
fn open_number(value: f64) -> String {
    let text = plain_number(value);
    let looks = text.contains(['.', 'e', 'N', 'I']);
    if looks { text } else { format!("{text}.0") }
}
