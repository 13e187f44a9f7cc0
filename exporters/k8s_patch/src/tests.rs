use component::{Consumer as _, Context, Exporter as _, Signal};
use componenttest::{alert_logs, config, exporter_settings, metric, problems};

use super::*;

type Subject = componenttest::conformance::exporter<K8sPatch>;

#[test]
fn it_is_as_all_exporters() {
    let section = include_str!("../testdata/config.yaml");
    componenttest::conformance::check_type::<Subject>(env!("CARGO_MANIFEST_DIR"));
    componenttest::conformance::check_readme::<Subject>(env!("CARGO_MANIFEST_DIR"));
    componenttest::conformance::check_defaults::<Subject>(section);
    componenttest::conformance::check_unknown_key::<Subject>(section);
    componenttest::conformance::check_create::<Subject>(section);
}

#[test]
fn the_example_of_all_keys_is_valid() {
    let _: Config = config(include_str!("../testdata/config.yaml"));
}

#[tokio::test]
async fn alerts_about_objects_that_may_not_be_changed_are_counted() {
    let section = "{api_version: v1, kind: Pod, resource: pods, namespace: '{{ .labels.namespace }}', name: '{{ .key }}',
        allow: [shop/*], object: {spec: {}}}";
    let settings = exporter_settings("k8s_patch", Signal::Logs);
    let exporter = K8sPatch::create(settings.clone(), config(section)).unwrap();
    exporter.consume(&Context::default(), alert_logs(&["a", "b"])).await.unwrap();
    let labels = [("exporter", "k8s_patch"), ("reason", "target_not_allowed")];
    assert_eq!(metric(&settings.meter, "sluice_alerts_not_sent_total", &labels), Some(2.0));
}

#[test]
fn mistakes_are_told_at_their_key() {
    let said =
        problems::<Config>("{name: '{{ .key }}', object: x, patches_per_second: 0}").join("\n");
    for key in ["api_version", "kind", "resource", "allow", "object", "patches_per_second"] {
        assert!(said.contains(key) || said.contains("say which objects"), "{key}: {said}");
    }
}
