//! The Prometheus text format, versions 0.0.4 and 1.0.0, with the names that Go's OpenTelemetry
//! exporter gives (`exporters/prometheus`, `otlptranslator`).

use std::borrow::Cow;
use std::fmt::Write as _;

use component::meter::{Metric, Sample, Shape};
use golang::strconv::float;

/// Name and value of each label, by name.
pub(super) type Labels = Vec<(String, String)>;

/// How a reader wants its names.
#[derive(Debug, Clone, Default)]
pub(super) struct Style {
    /// `_total`, `_seconds` and the like. Without them names are those of the old format, whoever reads them.
    pub suffixes: bool,
    /// `otel_scope_name` and its kin.
    pub scope: bool,
    /// On every series but `target_info`.
    pub constant: Labels,
    /// Of `target_info`.
    pub target: Labels,
}

/// How names are written that the old format cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escaping {
    /// Foreign characters become underscores.
    Underscores,
    /// In quotes, as they are.
    Utf8,
}

impl Style {
    /// Labels as Go's exporter hands them on, which sorts them then: with suffixes by the names before escaping.
    /// `WithTranslationStrategy` of `exporters/prometheus`.
    fn written(&self, mut labels: Labels) -> Labels {
        if !self.suffixes {
            for (key, _) in &mut labels {
                *key = escape(key, Escaping::Underscores, false).into_owned();
            }
        }
        labels.sort();
        labels.dedup_by(|a, b| a.0 == b.0);
        labels
    }
}

struct Family<'a> {
    name: Cow<'a, str>,
    kind: &'static str,
    help: Cow<'a, str>,
    series: Vec<(Labels, Sample)>,
}

/// All of it as text, families by name.
pub(super) fn exposition(metrics: &[Metric], style: &Style, escaping: Escaping) -> String {
    let mut families: Vec<Family<'_>> = metrics.iter().map(|it| family(it, style)).collect();
    let cause = |it: &str| (vec![("cause".into(), it.into())], Sample::Int(0));
    families.push(Family {
        name: "promhttp_metric_handler_errors_total".into(),
        kind: "counter",
        help: "Total number of internal errors encountered by the promhttp metric handler.".into(),
        series: vec![cause("encoding"), cause("gathering")],
    });
    families.push(Family {
        name: "target_info".into(),
        kind: "gauge",
        help: "Target metadata".into(),
        series: vec![(style.written(style.target.clone()), Sample::Int(1))],
    });
    families.sort_by(|a, b| a.name.cmp(&b.name));
    let escaping = if style.suffixes { escaping } else { Escaping::Underscores };
    let mut out = String::with_capacity(8192);
    for family in families {
        write_family(&mut out, family, escaping);
    }
    out
}

fn family<'a>(metric: &'a Metric, style: &Style) -> Family<'a> {
    let kind = match metric.shape {
        Shape::Counter => "counter",
        Shape::Gauge | Shape::UpDown => "gauge",
        Shape::Histogram => "histogram",
    };
    let scope = [
        ("otel_scope_name", metric.scope),
        ("otel_scope_schema_url", ""),
        ("otel_scope_version", ""),
    ];
    let scope = scope.iter().filter(|_| style.scope);
    let series = metric.series.iter().map(|(attributes, sample)| {
        let own = scope.clone().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        let labels = attributes.iter().cloned().chain(own).chain(style.constant.iter().cloned());
        (style.written(labels.collect()), sample.clone())
    });
    Family {
        name: name(metric, style.suffixes),
        kind,
        help: metric.description.as_ref().into(),
        series: series.collect(),
    }
}

/// With unit and type at its end. `otlptranslator`, `metric_namer.go`.
fn name(metric: &Metric, suffixes: bool) -> Cow<'_, str> {
    if !suffixes {
        return metric.name.as_ref().into();
    }
    let unit = match metric.unit {
        "s" => "seconds",
        "ms" => "milliseconds",
        "By" => "bytes",
        "1" if metric.shape == Shape::Gauge => "ratio",
        // What is in braces is a remark.
        _ => "",
    };
    let mut name = metric.name.trim_end_matches("_total").to_owned();
    if !unit.is_empty() && !name.ends_with(&format!("_{unit}")) {
        let _ = write!(name, "_{unit}");
    }
    if metric.shape == Shape::Counter {
        name += "_total";
    }
    name.into()
}

fn write_family(out: &mut String, family: Family<'_>, escaping: Escaping) {
    let name = escape(&family.name, escaping, true);
    let quoted = if is_plain(&name, true) { name.to_string() } else { format!("\"{name}\"") };
    let help = family.help.replace('\\', "\\\\").replace('\n', "\\n");
    let _ = writeln!(out, "# HELP {quoted} {help}\n# TYPE {quoted} {}", family.kind);
    for (labels, sample) in family.series {
        match sample {
            Sample::Int(value) => line(out, &name, &labels, None, value as f64, escaping),
            Sample::Float(value) => line(out, &name, &labels, None, value, escaping),
            Sample::Histogram { bounds, counts, sum } => {
                let mut seen = 0;
                let bucket = format!("{name}_bucket");
                for (n, count) in counts.iter().enumerate() {
                    seen += count;
                    let bound = bounds.get(n).map_or("+Inf".to_owned(), |it| float(*it));
                    line(out, &bucket, &labels, Some(&bound), seen as f64, escaping);
                }
                line(out, &format!("{name}_sum"), &labels, None, sum, escaping);
                line(out, &format!("{name}_count"), &labels, None, seen as f64, escaping);
            }
        }
    }
}

fn line(
    out: &mut String,
    name: &str,
    labels: &Labels,
    bound: Option<&str>,
    value: f64,
    escaping: Escaping,
) {
    let mut pairs: Vec<String> = Vec::with_capacity(labels.len() + 2);
    if is_plain(name, true) {
        *out += name;
    } else {
        pairs.push(format!("\"{name}\""));
    }
    for (key, text) in
        labels.iter().map(|(k, v)| (k.as_str(), v.as_str())).chain(bound.map(|it| ("le", it)))
    {
        let key = escape(key, escaping, false);
        let key = if is_plain(&key, false) { key.to_string() } else { format!("\"{key}\"") };
        let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        pairs.push(format!("{key}=\"{text}\""));
    }
    if !pairs.is_empty() {
        let _ = write!(out, "{{{}}}", pairs.join(","));
    }
    let _ = writeln!(out, " {}", float(value));
}

/// True for what needs no quotes: `[a-zA-Z_][a-zA-Z0-9_]*`, of metrics also with colons.
fn is_plain(name: &str, of_metric: bool) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || (of_metric && c == ':'))
}

/// The name as it is written. In quotes, a quote and a backslash need a backslash.
fn escape(name: &str, escaping: Escaping, of_metric: bool) -> Cow<'_, str> {
    if is_plain(name, of_metric) {
        return name.into();
    }
    match escaping {
        Escaping::Utf8 => name.replace('\\', "\\\\").replace('"', "\\\"").into(),
        Escaping::Underscores => {
            let kept = |c: char| c.is_ascii_alphanumeric() || (of_metric && c == ':');
            let mut out: String = name.chars().map(|c| if kept(c) { c } else { '_' }).collect();
            if out.starts_with(|c: char| c.is_ascii_digit()) {
                out.insert(0, '_');
            }
            out.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use component::Meter;
    use component::meter::{Descriptor, Level};

    use super::*;

    const fn what(name: &'static str, unit: &'static str) -> Descriptor {
        Descriptor { scope: "s/x", name, unit, description: "Items.", level: Level::Basic }
    }

    fn text(meter: &Meter, style: &Style, escaping: Escaping) -> String {
        let all = exposition(&meter.registry().snapshot(), style, escaping);
        let of_handler = |line: &&str| !line.contains("promhttp_") && !line.contains("target_info");
        all.lines().filter(of_handler).map(|line| format!("{line}\n")).collect()
    }

    #[test]
    fn a_scrape_has_sorted_labels_and_cumulative_buckets() {
        let meter = Meter::default();
        let attributes = [("processor", "batch"), ("otel.signal", "logs")];
        meter.histogram(what("items", ""), &[10.0, 25.0], &attributes).record(12.0);
        let style = Style { target: vec![("a".into(), "b\"".into())], ..Style::default() };
        let want = "# HELP items Items.\n# TYPE items histogram\n\
            items_bucket{otel_signal=\"logs\",processor=\"batch\",le=\"10\"} 0\n\
            items_bucket{otel_signal=\"logs\",processor=\"batch\",le=\"25\"} 1\n\
            items_bucket{otel_signal=\"logs\",processor=\"batch\",le=\"+Inf\"} 1\n\
            items_sum{otel_signal=\"logs\",processor=\"batch\"} 12\n\
            items_count{otel_signal=\"logs\",processor=\"batch\"} 1\n\
            # HELP promhttp_metric_handler_errors_total Total number of internal errors encountered \
            by the promhttp metric handler.\n\
            # TYPE promhttp_metric_handler_errors_total counter\n\
            promhttp_metric_handler_errors_total{cause=\"encoding\"} 0\n\
            promhttp_metric_handler_errors_total{cause=\"gathering\"} 0\n\
            # HELP target_info Target metadata\n# TYPE target_info gauge\ntarget_info{a=\"b\\\"\"} 1\n";
        let all = meter.registry().snapshot();
        assert_eq!(exposition(&all, &style, Escaping::Underscores), want);
    }

    #[test]
    fn units_and_types_go_to_the_end_of_names_and_stand_there_once() {
        let meter = Meter::default();
        for (name, unit) in [("a", "By"), ("b_bytes", "By"), ("c_total", "{x}"), ("d", "s")] {
            meter.counter(what(name, unit), &[]).add(1);
        }
        meter.gauge(what("e", "1"), &[]).set(1);
        meter.up_down(what("f", "1"), &[]).add(1);
        let style = Style { suffixes: true, ..Style::default() };
        let text = text(&meter, &style, Escaping::Underscores);
        let series: Vec<&str> = text.lines().filter(|it| !it.starts_with('#')).collect();
        let want = ["a_bytes_total", "b_bytes_total", "c_total", "d_seconds_total", "e_ratio", "f"];
        assert_eq!(series, want.map(|it| format!("{it} 1")));
    }

    #[test]
    fn scope_and_constant_labels_are_sorted_in_by_their_names() {
        let meter = Meter::default();
        meter.counter(what("a", ""), &[("processor", "p"), ("otel.signal", "logs")]).add(1);
        let constant = vec![("k8s.pod.name".into(), "pod".into())];
        let mut style = Style { scope: true, constant, ..Style::default() };
        let want = "a{k8s_pod_name=\"pod\",otel_scope_name=\"s/x\",otel_scope_schema_url=\"\",\
                    otel_scope_version=\"\",otel_signal=\"logs\",processor=\"p\"} 1";
        assert!(text(&meter, &style, Escaping::Underscores).contains(want));
        style.suffixes = true;
        let want = "a_total{k8s_pod_name=\"pod\",otel_signal=\"logs\",otel_scope_name=\"s/x\",\
                    otel_scope_schema_url=\"\",otel_scope_version=\"\",processor=\"p\"} 1";
        assert!(text(&meter, &style, Escaping::Underscores).contains(want));
    }

    #[test]
    fn a_scraper_that_reads_utf8_gets_the_names_in_quotes_but_without_suffixes() {
        let meter = Meter::default();
        meter.counter(what("http.requests", ""), &[("url.path", "/")]).add(1);
        let suffixes = Style { suffixes: true, ..Style::default() };
        let want = "# HELP \"http.requests_total\" Items.\n# TYPE \"http.requests_total\" counter\n\
                    {\"http.requests_total\",\"url.path\"=\"/\"} 1\n";
        assert_eq!(text(&meter, &suffixes, Escaping::Utf8), want);
        let want = "# HELP http_requests Items.\n# TYPE http_requests counter\n\
                    http_requests{url_path=\"/\"} 1\n";
        for escaping in [Escaping::Underscores, Escaping::Utf8] {
            assert_eq!(text(&meter, &Style::default(), escaping), want);
        }
    }
}
