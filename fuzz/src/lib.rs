//! What must hold for every input of a decoder: it does not panic, what it accepts can be read to
//! the last value, and writing it and reading it again changes nothing.

pub mod intake;

use confmap::{Environment, Format, Locations, Style};
use ottl::{Condition, Context, Prefixes, Request, infer};
use pdata::{
    AttributesRef, Data, Depth, Keep, Limits, Logs, LogsBuilder, Metrics, PointRef, Signal, Traces,
    ValueRef,
};
use telemetry_policy::{Engine, Policies, to_rego};

/// Bytes that may be an OTLP request.
pub fn otlp(signal: Signal, bytes: &[u8]) {
    let limits = Limits::default();
    let Ok(data) = Data::try_from_otlp(signal, bytes.to_vec().into(), &limits) else { return };
    walk(&data);
    let again = Data::try_from_otlp(signal, data.to_bytes(), &limits);
    let again = again.expect("what was decoded is valid");
    assert_eq!((again.items(), again.to_bytes()), (data.items(), data.to_bytes()));
    through_trees(&data);
    let mut text = Vec::new();
    data.to_json(&mut text);
    let read = Data::from_json(signal, &text, &limits).expect("what was written can be read");
    assert_eq!(read.items(), data.items());
    assert_stable(&read, &text);
}

/// Text that may be an OTLP/JSON request.
pub fn json(signal: Signal, text: &[u8]) {
    let limits = Limits::default();
    let Ok(data) = Data::from_json(signal, text, &limits) else { return };
    walk(&data);
    through_trees(&data);
    let mut written = Vec::new();
    data.to_json(&mut written);
    let read = Data::from_json(signal, &written, &limits).expect("what was written can be read");
    assert_stable(&read, &written);
}

/// Text that may be a configuration: whatever is wrong with it can be said in every form. Two halves are
/// merged. What would leave the machine or read its files is left alone.
pub fn config(text: &str) {
    if ["http", "file"].iter().any(|scheme| text.to_ascii_lowercase().contains(scheme)) {
        return;
    }
    let (first, second) = text.split_once("\n---\n").unwrap_or((text, ""));
    let config = [first, second].map(|it| format!("yaml:{it}")).to_vec();
    let locations = Locations { config, ..Locations::default() };
    let environment = Environment::of([("A", "1"), ("B", "${env:A}"), ("LOOP", "${env:LOOP}x")]);
    match confmap::resolve(&locations, &environment) {
        Ok(conf) => assert!(conf.node::<&str>(&[]).is_some(), "what was resolved is there"),
        Err(problems) => {
            for format in [Format::Text(Style::Colour), Format::Json, Format::Sarif, Format::Github]
            {
                problems.render(format);
            }
        }
    }
}

/// Text that may hold telemetry policies: each mistake is said, what is right can be applied, and applying it twice
/// finds the same.
pub fn telemetry_policy(text: &str) {
    let policies = Policies::read([("p.yaml", text)]);
    for mistake in &policies.mistakes {
        assert!(!mistake.text.is_empty() && !mistake.to_string().is_empty());
    }
    for signal in Signal::ALL {
        let _ = to_rego(&policies.list, signal);
    }
    let engine = Engine::new(&policies.list, None);
    let data = one_record();
    let (first, second) = (engine.apply(&data), engine.apply(&data));
    let matched = |it: &telemetry_policy::Applied| {
        it.tallies.iter().map(|it| (it.policy, it.hits + it.misses)).collect::<Vec<_>>()
    };
    assert_eq!(matched(&first), matched(&second));
    assert!(first.data.items() <= data.items());
}

/// Text that may be a condition: it is refused with a place in it, or can be looked at.
pub fn ottl(text: &str) {
    let texts = [text.to_owned()];
    if let Err((_, error)) = infer(&texts, &Context::ALL) {
        assert!(text.get(error.span).is_some(), "the place is in the text");
    }
    for context in Context::ALL {
        match Condition::new(text, context, Prefixes::Optional) {
            Ok(condition) => drop(one_record().edit(Depth::Item, |place| {
                let _ = condition.holds(place, &Request::default());
                Keep::Enter
            })),
            Err(error) => assert!(text.get(error.span).is_some(), "the place is in the text"),
        }
    }
}

fn one_record() -> Data {
    LogsBuilder::new().record(|_| {}).finish().into()
}

fn assert_stable(data: &Data, text: &[u8]) {
    let mut again = Vec::new();
    data.to_json(&mut again);
    assert_eq!(again, text, "writing is stable");
}

/// Metrics read as structs and written again hold as many points. They need not be the same bytes:
/// unknown fields are lost.
fn through_trees(data: &Data) {
    let written = data.edit(Depth::Item, |place| {
        if place.metric().is_none() {
            return Keep::Enter;
        }
        let tree = place.metric_tree();
        place.set_metric_tree(&tree);
        Keep::Whole
    });
    assert_eq!(written.items(), data.items());
}

/// Reads everything that views show.
fn walk(data: &Data) {
    let before = pdata::unreadable_total();
    let items = match data {
        Data::Logs(it) => logs(it),
        Data::Traces(it) => traces(it),
        Data::Metrics(it) => metrics(it),
    };
    assert_eq!(items, data.items());
    assert_eq!(pdata::unreadable_total(), before, "views read all that was accepted");
}

fn logs(logs: &Logs) -> usize {
    let mut items = 0;
    for resource in logs.resources() {
        attributes(resource.attributes());
        for scope in resource.scopes() {
            attributes(scope.scope().attributes());
            for record in scope.records() {
                items += 1;
                attributes(record.attributes());
                value(record.body().unwrap_or_default());
                assert!([0, 16].contains(&record.trace_id().len()));
                assert!([0, 8].contains(&record.span_id().len()));
            }
        }
    }
    items
}

fn traces(traces: &Traces) -> usize {
    let mut items = 0;
    for resource in traces.resources() {
        attributes(resource.attributes());
        for scope in resource.scopes() {
            attributes(scope.scope().attributes());
            for span in scope.spans() {
                items += 1;
                attributes(span.attributes());
                span.events().for_each(|it| attributes(it.attributes()));
                span.links().for_each(|it| attributes(it.attributes()));
                assert!([0, 16].contains(&span.trace_id().len()));
                assert!([0, 8].contains(&span.span_id().len()));
            }
        }
    }
    items
}

fn metrics(metrics: &Metrics) -> usize {
    let mut items = 0;
    for resource in metrics.resources() {
        attributes(resource.attributes());
        for scope in resource.scopes() {
            attributes(scope.scope().attributes());
            for metric in scope.metrics() {
                attributes(metric.metadata());
                for it in metric.points() {
                    items += 1;
                    point(it);
                }
            }
        }
    }
    items
}

fn point(it: PointRef<'_>) {
    attributes(it.attributes());
    match it {
        PointRef::Number(it) => {
            it.exemplars().for_each(|it| attributes(it.filtered_attributes()));
        }
        PointRef::Histogram(it) => {
            let (counts, bounds) = (it.bucket_counts().count(), it.explicit_bounds().count());
            assert!(counts.max(bounds) <= it.encoded().len());
        }
        PointRef::ExponentialHistogram(it) => {
            let buckets = it.positive().into_iter().chain(it.negative());
            let counts: usize = buckets.map(|it| it.bucket_counts().count()).sum();
            assert!(counts <= it.encoded().len());
        }
        PointRef::Summary(it) => assert!(it.quantiles().count() <= it.encoded().len()),
    }
}

fn attributes(list: AttributesRef<'_>) {
    for (key, it) in list.iter() {
        // Of a key that is not UTF-8 only the beginning is shown, which is not its name.
        let _ = list.get(key);
        value(it);
    }
}

fn value(it: ValueRef<'_>) {
    match it {
        ValueRef::Array(it) => it.iter().for_each(value),
        ValueRef::Map(it) => attributes(it),
        _ => {}
    }
}
