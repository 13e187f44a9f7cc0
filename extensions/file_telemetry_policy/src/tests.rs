use std::fs;

use componenttest::{TestHost, captured, config, metric, problems, settings};

use super::*;

componenttest::conformance!(
    extension FileTelemetryPolicy,
    concat!("path: ", env!("CARGO_MANIFEST_DIR"), "/testdata/policies.yaml")
);

fn policy(id: &str) -> String {
    format!(
        "id: {id}\nname: {id}\nlog: {{match: [{{log_field: body, exists: true}}], keep: none}}\n"
    )
}

/// An extension that has read this directory.
fn reading(folder: &std::path::Path) -> FileTelemetryPolicy {
    let section = format!("path: {}", folder.display());
    let it = FileTelemetryPolicy::create(settings("file_telemetry_policy"), config(&section));
    let it = it.unwrap();
    it.read(true).unwrap();
    it
}

/// The ids of the policies that are in use.
fn used(it: &FileTelemetryPolicy) -> Vec<String> {
    let documents = it.documents.borrow().clone();
    let texts = documents.iter().map(|it| (it.name.as_str(), it.text.as_str()));
    Policies::read(texts).list.into_iter().map(|it| it.id).collect()
}

#[test]
fn a_path_is_needed() {
    let text = "path must not be empty: name a file or a directory with policies";
    assert_eq!(problems::<Config>("{}"), [format!("path: {text}")]);
    assert!(problems::<Config>("paths: [a]").is_empty());
}

#[test]
fn a_directory_is_read_at_any_depth_without_hidden_files_and_other_types() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("team/a")).unwrap();
    fs::create_dir_all(folder.path().join("..data")).unwrap();
    for (file, id) in [
        ("one.yaml", "one"),
        ("team/two.yml", "two"),
        ("team/a/three.json", "three"),
        ("notes.txt", "four"),
        (".hidden.yaml", "five"),
        ("..data/six.yaml", "six"),
    ] {
        fs::write(folder.path().join(file), policy(id)).unwrap();
    }
    assert_eq!(used(&reading(folder.path())), ["one", "three", "two"]);
}

#[test]
fn what_has_changed_counts_if_all_of_it_is_right() {
    let folder = tempfile::tempdir().unwrap();
    let put = |file: &str, text: &str| fs::write(folder.path().join(file), text).unwrap();
    put("a.yaml", &policy("a"));
    let it = reading(folder.path());
    put("b.yaml", &policy("b"));
    it.look();
    assert_eq!(used(&it), ["a", "b"]);
    let ((), lines) = captured(|| {
        put("b.yaml", &policy("b").replace("exists: true", "regex: '(['"));
        put("c.yaml", &policy("c"));
        it.look();
        it.look();
    });
    assert_eq!(used(&it), ["a", "b"], "one is wrong: none of the new ones counts");
    let of = |name: &str| lines.iter().find_map(|it| it.field(name).map(str::to_owned));
    assert!(of("place").is_some_and(|it| it.ends_with("b.yaml:3:40")), "{lines:#?}");
    assert_eq!(lines.len(), 2, "the second look sees no change: {lines:#?}");
    put("b.yaml", &policy("b2"));
    it.look();
    assert_eq!(used(&it), ["a", "b2", "c"]);
    fs::remove_file(folder.path().join("c.yaml")).unwrap();
    it.look();
    assert_eq!(used(&it), ["a", "b2"]);
}

#[test]
fn at_the_start_what_is_right_counts() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = policy("wrong").replace("none", "bogus");
    fs::write(folder.path().join("a.yaml"), format!("{}---\n{wrong}", policy("right"))).unwrap();
    let it = reading(folder.path());
    assert_eq!(used(&it), ["right"]);
}

#[test]
fn a_directory_that_is_gone_leaves_the_policies_in_use() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.yaml"), policy("a")).unwrap();
    let it = reading(folder.path());
    let path = folder.path().to_owned();
    drop(folder);
    let ((), lines) = captured(|| it.look());
    assert_eq!(used(&it), ["a"]);
    let want = format!("open {}: no such file or directory", path.display());
    assert_eq!(lines.first().and_then(|it| it.field("error")), Some(want.as_str()), "{lines:#?}");
}

#[test]
fn loads_and_policies_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.yaml"), policy("a")).unwrap();
    let settings = settings("file_telemetry_policy");
    let meter = settings.meter.clone();
    let section = format!("path: {}", folder.path().display());
    let it = FileTelemetryPolicy::create(settings, config(&section)).unwrap();
    it.read(true).unwrap();
    fs::write(folder.path().join("a.yaml"), "policies: 7").unwrap();
    it.look();
    let value = |name: &str, key, value| {
        metric(&meter, name, &[("extension", "file_telemetry_policy"), (key, value)])
    };
    assert_eq!(value("sluice_telemetry_policies", "state", "active"), Some(1.0));
    assert_eq!(value("sluice_telemetry_policy_loads_total", "result", "accepted"), Some(1.0));
    assert_eq!(value("sluice_telemetry_policy_loads_total", "result", "refused"), Some(1.0));
}

#[tokio::test]
async fn a_change_comes_to_those_who_use_the_policies() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.yaml"), policy("a")).unwrap();
    let section = format!("path: {}", folder.path().display());
    let it = FileTelemetryPolicy::create(settings("file_telemetry_policy"), config(&section));
    let it = Arc::new(it.unwrap());
    let host = TestHost::new();
    Arc::clone(&it).start(&host).await.unwrap();
    let mut policies = it.policies();
    assert_eq!(policies.borrow_and_update().len(), 1);
    fs::write(folder.path().join("b.yaml"), policy("b")).unwrap();
    it.look();
    assert!(policies.has_changed().unwrap());
    assert_eq!(policies.borrow().len(), 2);
    host.stop().await;
}
