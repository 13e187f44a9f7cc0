use std::time::Duration;

use component::{End, GateView, PipelineView, Reported, ServiceView, Status};
use componenttest::{config, problems, settings, start_on_free_port};

use super::*;

componenttest::conformance!(extension Zpages, r#"{"endpoint": "127.0.0.1:0"}"#);

/// The answer to one request at a running extension.
async fn ask(more: &str, request: &str) -> String {
    let make = |address: &str| {
        let section = config(&format!(r#"{{"endpoint": "{address}"{more}}}"#));
        Zpages::create(settings("zpages"), section).unwrap()
    };
    let (_extension, _host, address) = start_on_free_port(make).await;
    componenttest::ask(&address, request).await
}

#[tokio::test]
async fn the_pages_of_the_collector_are_there_and_no_others() {
    for page in ["servicez", "pipelinez", "extensionz", "featurez", "tracez"] {
        let answer = ask("", &format!("GET /debug/{page}")).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{page}: {answer}");
        assert!(answer.contains("text/html; charset=utf-8"), "{page}: {answer}");
        assert!(answer.ends_with("</body></html>\n"), "{page}: {answer}");
    }
    for page in ["/debug/expvarz", "/debug/rpcz", "/debug/", "/"] {
        let answer = ask("", &format!("GET {page}")).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{page}: {answer}");
    }
    let answer = ask(r#", "expvar": {"enabled": true}"#, "GET /debug/expvarz").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("{}"), "{answer}");
    let answer = ask("", "POST /debug/servicez").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "any method is answered, as upstream: {answer}");
}

fn view() -> ServiceView {
    let end = |id: &str, is_connector| End { id: id.parse().unwrap(), is_connector };
    let pipeline = PipelineView {
        id: "logs/main".parse().unwrap(),
        receivers: vec![end("otlp", false)],
        processors: vec!["batch".parse().unwrap()],
        exporters: vec![end("otlp_grpc/a:b", false), end("forward", true)],
    };
    let gate = GateView {
        id: "a.b",
        stage: "Alpha",
        is_on: false,
        from: "v0.1.0",
        to: "",
        about: "Does <something>",
    };
    ServiceView {
        started: Some(component::clock::now()),
        pipelines: vec![pipeline],
        extensions: vec!["zpages".parse().unwrap()],
        statuses: vec![Reported {
            instance: "exporter/otlp_grpc/a:b (logs)".into(),
            status: Status::Recoverable("no <host>".into()),
            since: component::clock::now(),
        }],
        gates: vec![gate],
        ..ServiceView::default()
    }
}

const TAKEN: component::meter::Descriptor = component::meter::Descriptor {
    scope: "test",
    name: "otelcol_receiver_accepted_log_records",
    unit: "{records}",
    description: "",
    level: component::meter::Level::Basic,
};

fn all() -> pages::Chosen {
    pages::Chosen { pipeline: None, component: None, kind: None }
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_shows_its_components_with_counts_rates_and_problems() {
    let (meter, last) = (Meter::default(), pages::LastLook::default());
    let taken = meter.counter(TAKEN, &[("receiver", "otlp"), ("transport", "grpc")]);
    taken.add(1_234_567);
    let page = pages::pipelines(&view(), &meter, &all(), &last);
    for part in [
        "pipelinez?pipelinenamez=logs/main\">logs/main</a>",
        ">forward (connector)</a>",
        "componentnamez=otlp_grpc/a%3Ab&amp;componentkindz=exporter",
        "<td class=\"n\">1,234,567</td>",
        "<td class=\"n\">0 in, 0 out</td>",
        "does not work now: no &lt;host&gt;",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    taken.add(50);
    tokio::time::advance(Duration::from_secs(10)).await;
    let page = pages::pipelines(&view(), &meter, &all(), &last);
    assert!(page.contains("<td class=\"n\">5.0</td>"), "{page}");
}

#[test]
fn one_pipeline_one_component_and_what_is_not_there() {
    let (meter, last) = (Meter::default(), pages::LastLook::default());
    meter.counter(TAKEN, &[("receiver", "otlp"), ("transport", "grpc")]).add(7);
    let chosen = pages::Chosen { pipeline: Some("traces".into()), ..all() };
    let page = pages::pipelines(&view(), &meter, &chosen, &last);
    assert!(page.contains("There is no such pipeline."), "{page}");
    let chosen =
        pages::Chosen { component: Some("otlp".into()), kind: Some("receiver".into()), ..all() };
    let page = pages::pipelines(&view(), &meter, &chosen, &last);
    assert!(page.contains("<td>transport=grpc</td><td class=\"n\">7</td>"), "{page}");
}

#[test]
fn gates_extensions_and_the_service_are_shown_and_escaped() {
    assert!(pages::gates(&view()).contains("<td>Does &lt;something&gt;</td>"));
    let page = pages::extensions(&view(), &Meter::default(), None);
    assert!(page.contains("extensionz?zextensionname=zpages"), "{page}");
    let (settings, meter) = (settings("zpages"), Meter::default());
    let lost = component::LostReason::Oversize.counter(&meter);
    let page = pages::service(&settings.build, &view(), &meter);
    assert!(page.contains("<td>Lost items</td><td>0</td>"), "{page}");
    lost.add(3);
    let page = pages::service(&settings.build, &view(), &meter);
    assert!(page.contains("<td class=\"bad\">3 oversize</td>"), "{page}");
}

#[test]
fn an_endpoint_is_required_in_the_collectors_words() {
    let found = problems::<Config>(r#"{"endpoint": ""}"#);
    assert!(
        found.iter().any(|it| it == "\"endpoint\" is required when using the \"zpages\" extension"),
        "{found:?}"
    );
}
