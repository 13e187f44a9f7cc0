//! Real users' configurations. They are other people's and stay outside the repository; where they
//! are absent the test says so.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use component::config::Value;
use componenttest::section;

use crate::support::{SLUICE, part, repository};

/// Where the policies of `configs/` are.
pub const POLICIES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../configs/policy");

/// Variables that the configurations expect from their surroundings, as their users set them.
pub const ENVIRONMENT: [(&str, &str); 35] = [
    ("AD_PROMETHEUS_PORT", "9464"),
    ("CLICKHOUSE_CLUSTER_NAME", "cluster"),
    ("CLICKHOUSE_MONITORING_DSN", "tcp://clickhouse:9000"),
    ("DASH0_AUTH_TOKEN", "auth_1"),
    ("DASH0_ENDPOINT_OTLP_GRPC_HOSTNAME", "ingress.example.com"),
    ("DASH0_ENDPOINT_OTLP_GRPC_PORT", "4317"),
    ("FRONTEND_PROXY_ADDR", "frontend-proxy:8080"),
    ("IMAGE_PROVIDER_HOST", "image-provider"),
    ("IMAGE_PROVIDER_PORT", "8081"),
    ("K8S_NODE_IP", "127.0.0.1"),
    ("K8S_NODE_NAME", "node-1"),
    ("K8S_POD_IP", "127.0.0.1"),
    ("KAFKA_ADDR", "kafka:9092"),
    ("LOW_CARDINAL_EXCEPTION_GROUPING", "false"),
    ("MY_POD_IP", "127.0.0.1"),
    ("NGINX_ACCESS_LOG_FILE", "/var/log/nginx/access.log"),
    ("NGINX_ERROR_LOG_FILE", "/var/log/nginx/error.log"),
    ("OTEL_COLLECTOR_HOST", "127.0.0.1"),
    ("OTEL_COLLECTOR_PORT_GRPC", "4317"),
    ("OTEL_COLLECTOR_PORT_HTTP", "4318"),
    ("OTEL_K8S_NAMESPACE", "default"),
    ("OTEL_K8S_NODE_IP", "127.0.0.1"),
    ("OTEL_K8S_NODE_NAME", "node-1"),
    ("OTEL_K8S_POD_IP", "127.0.0.1"),
    ("OTEL_K8S_POD_NAME", "agent-1"),
    ("OTLP_DESTINATION_ENDPOINT", "ingest.example.com:443"),
    ("POLICIES", POLICIES),
    ("POSTGRESQL_LOG_FILE", "/var/log/postgresql/postgresql.log"),
    ("POSTGRES_HOST", "postgresql"),
    ("POSTGRES_MONITORING_PASSWORD", "secret"),
    ("POSTGRES_PORT", "5432"),
    ("QUERY_LOG_SCRAPE_DELAY_SECONDS", "5"),
    ("QUERY_LOG_SCRAPE_INTERVAL_SECONDS", "10"),
    ("SIGNOZ_INGESTION_KEY", "key-1"),
    ("SIGNOZ_SELF_TELEMETRY_API_KEY", "key-2"),
];

/// Files that extend others: users load them behind these.
const OVERLAYS: [(&str, &[&str]); 7] = [
    ("demo-full.yaml", &["demo-default.yaml"]),
    ("demo-observability-overlay.yaml", &["demo-default.yaml"]),
    ("demo-observability-overlay.yaml", &["demo-default.yaml", "demo-full.yaml"]),
    // Values of the chart, over what it writes itself.
    ("dash0-contour-daemonset.yaml", &["base-deployment.yaml"]),
    ("dash0-ingress-nginx-daemonset.yaml", &["base-deployment.yaml"]),
    ("dash0-istio-deployment.yaml", &["preset-clusterMetrics-deployment.yaml"]),
    // The first block of a page whose second is the whole.
    ("loki-docs-getting-started-0.yaml", &["loki-docs-getting-started-1.yaml"]),
];

/// Files whose directories are mounted where they run.
const CREATED: [(&str, &[&str]); 5] = [
    (
        "contrib-fault-tolerant-logs.yaml",
        &["file_storage/filelogreceiver", "file_storage/otlpoutput"],
    ),
    ("preset-logs-plus-k8sattributes-allLabels-daemonset.yaml", &["file_storage"]),
    ("preset-logs-plus-k8sattributes-allLabels-daemonset-legacy-names.yaml", &["file_storage"]),
    ("preset-logsCollection-storeCheckpoints-daemonset.yaml", &["file_storage"]),
    ("preset-logsCollection-storeCheckpoints-daemonset-legacy-names.yaml", &["file_storage"]),
];

/// Files that the Go Collector refuses as well, with its text.
const REFUSED: [(&str, &str); 6] = [
    // Both are started with `--feature-gates=service.profilesSupport` where they come from; there are no profiles here.
    (
        "dash0-otlp-sink.yaml",
        "Error: service::pipelines: pipeline \"profiles\": profiling signal support is at alpha level, gated under \
         the \"service.profilesSupport\" feature gate",
    ),
    (
        "grafana-lgtm.yaml",
        "Error: service::pipelines: pipeline \"profiles\": profiling signal support is at alpha level, gated under \
         the \"service.profilesSupport\" feature gate",
    ),
    // One block of a page: no components.
    ("loki-docs-getting-started-0.yaml", "Error: empty configuration file"),
    // A snippet of a page: a processor and its place in a pipeline, to be added to what one has.
    ("loki-docs-otlp.yaml", "Error: no receiver configuration specified in config"),
    // A test of a chart, without pipelines.
    ("signoz-k8s-infra-tests-logs-0.yaml", "Error: no exporter configuration specified in config"),
    // Its exporter is named `otlp/postgres-logs`.
    (
        "signoz-postgres-logs.yaml",
        "Error: service::pipelines::logs/postgresql: references exporter \"otlp/postgresql-logs\" which is not \
         configured",
    ),
];

/// A test of a chart whose endpoint for none lacks its scheme: upstream starts with it, and sends nothing.
const PLACEHOLDER: (&str, &str) = (
    "signoz-k8s-infra-multiline.yaml",
    "--set=exporters.otlphttp/self_telemetry.endpoint=http://test-endpoint:4317",
);

/// Where the configurations are.
pub fn folder() -> PathBuf {
    std::env::var_os("SLUICE_CONFIGS")
        .map_or_else(|| repository().join("../shared/configs"), PathBuf::from)
}

/// All configurations; none, and said, when they are absent.
pub fn files() -> Vec<PathBuf> {
    let folders = ["helm", "real-world"].map(|it| folder().join(it));
    let entries = folders.iter().filter_map(|it| fs::read_dir(it).ok()).flatten();
    let mut files: Vec<PathBuf> = entries.map(|it| it.unwrap().path()).collect();
    files.sort();
    if files.is_empty() {
        crate::support::skipped(format_args!(
            "no configurations at {} (set SLUICE_CONFIGS)",
            folder().display()
        ));
    }
    files
}

/// The configurations of this repository.
pub fn own() -> Vec<PathBuf> {
    let entries = fs::read_dir(repository().join("configs")).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|it| it.unwrap().path()).collect();
    files.retain(|it| it.extension().is_some_and(|it| it == "yaml"));
    files.sort();
    files
}

fn name(file: &Path) -> &str {
    file.file_name().unwrap().to_str().unwrap()
}

/// `validate` of these files together: exit code 0, and what was said.
fn validate(program: &Path, files: &[&Path]) -> (bool, String) {
    let mut command = Command::new(program);
    command.arg("validate").env_clear().envs(ENVIRONMENT);
    for file in files {
        command.arg("--config").arg(file);
        let created = CREATED.iter().filter(|it| it.0 == name(file)).flat_map(|it| it.1);
        command.args(created.map(|it| format!("--set=extensions.{it}.create_directory=true")));
        if name(file) == PLACEHOLDER.0 {
            command.arg(PLACEHOLDER.1);
        }
    }
    let output = command.output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn real_configurations_are_accepted_or_exactly_the_components_that_do_not_exist_yet_are_named() {
    let known = components();
    let files = files();
    let mut loads: Vec<Vec<&Path>> = Vec::new();
    for file in &files {
        let overlays: Vec<_> = OVERLAYS.iter().filter(|it| it.0 == name(file)).collect();
        if overlays.is_empty() {
            loads.push(vec![file]);
        }
        for (_, below) in overlays {
            let path = |it: &&str| files.iter().find(|file| name(file) == *it).unwrap().as_path();
            loads.push(below.iter().map(path).chain([file.as_path()]).collect());
        }
    }
    loads.retain(|load| load.len() > 1 || !REFUSED.iter().any(|it| it.0 == name(load[0])));
    let (mut problems, mut accepted) = (Vec::new(), 0);
    for load in &loads {
        let names: Vec<&str> = load.iter().map(|it| name(it)).collect();
        let names = names.join(" + ");
        let (valid, text) = validate(Path::new(SLUICE), load);
        let missing: BTreeSet<String> =
            load.iter().flat_map(|it| used(it)).filter(|it| !known.contains(it)).collect();
        let headline = headline(&text);
        let named: BTreeSet<String> = headline.iter().filter_map(|it| unknown(it)).collect();
        accepted += usize::from(valid);
        println!(
            "{names}: {}",
            if valid { "accepted".into() } else { format!("needs {missing:?}") }
        );
        let others: Vec<&str> =
            headline.iter().copied().filter(|it| unknown(it).is_none()).collect();
        // What a component of ours cannot do yet is said, too.
        let not_yet = |it: &&str| {
            it.contains("is not supported yet") || it.contains("is not available in this version")
        };
        let (later, others): (Vec<&str>, Vec<&str>) = others.into_iter().partition(not_yet);
        let accepted = missing.is_empty() && later.is_empty();
        if named != missing || valid != accepted || !others.is_empty() {
            problems.push(format!("{names}: missing {missing:?}, and it says\n{text}"));
        }
    }
    println!("{accepted} of {} accepted", loads.len());
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn real_configurations_that_are_wrong_are_refused_as_by_the_go_collector() {
    let files = files();
    let otelcol = part("otelcol");
    for (file, want) in REFUSED {
        let Some(file) = files.iter().find(|it| name(it) == file) else { continue };
        let (valid, text) = validate(Path::new(SLUICE), &[file]);
        assert!(!valid && text.lines().next() == Some(want), "{}:\n{text}", file.display());
        let Some(otelcol) = &otelcol else { continue };
        let (_, theirs) = validate(otelcol, &[file]);
        // The one that is built for tests lacks some exporters.
        let lacks = theirs.contains("unknown type: ");
        assert!(lacks || theirs.lines().next() == Some(want), "{}:\n{theirs}", file.display());
    }
}

/// `receivers otlp`, ... of this build, by all their names.
fn components() -> BTreeSet<String> {
    let output = Command::new(SLUICE).arg("components").output().unwrap();
    let list = section(&String::from_utf8(output.stdout).unwrap());
    let mut names = BTreeSet::new();
    for kind in KINDS {
        let Some(Value::List(items)) = list.get(kind) else { continue };
        for item in items {
            let aliases = match item.get("aliases") {
                Some(Value::List(aliases)) => aliases.as_slice(),
                _ => &[],
            };
            let all = item.get("name").into_iter().chain(aliases);
            names.extend(all.map(|it| format!("{kind} {}", it.as_str().unwrap())));
        }
    }
    names
}

const KINDS: [&str; 5] = ["receivers", "processors", "exporters", "connectors", "extensions"];

/// `receivers otlp`, ... that a file configures.
fn used(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap();
    // References are of no interest, and not resolvable here.
    let root = section(&text.replace("${", "$${"));
    let mut used = Vec::new();
    for kind in KINDS {
        let Some(Value::Map(entries)) = root.get(kind) else { continue };
        used.extend(
            entries.iter().map(|(id, _)| format!("{kind} {}", id.split('/').next().unwrap())),
        );
    }
    used
}

/// `'receivers' unknown type: "x" for id: ...` as `receivers x`.
fn unknown(line: &str) -> Option<String> {
    let (kind, rest) = line.strip_prefix('\'')?.split_once("' unknown type: \"")?;
    Some(format!("{kind} {}", rest.split('"').next()?))
}

/// The Collector's part of the message: what stands before the first excerpt, without its envelope.
fn headline(text: &str) -> Vec<&str> {
    let ours = ["error[", "warning[", "info["];
    let lines = text.lines().take_while(|line| !ours.iter().any(|it| line.starts_with(it)));
    lines
        .filter(|line| !line.is_empty() && !line.contains("decoding failed due to the following"))
        .collect()
}
