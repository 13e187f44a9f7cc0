//! The component types of otelcol-contrib, so that one which is not in this build is told from a typing mistake.
//!
//! Names as of v0.149 to v0.158, from the `metadata.yaml` of the components, and a few of later ones. A name without its underscores is an
//! older name of the same type (`hostmetrics`), so it is not listed.

use component::Kind;

const RECEIVERS: &str = "\
    active_directory_ds active_directory_inv aerospike apache apache_spark aws_cloudwatch \
    aws_lambda awscontainerinsightreceiver awsecscontainermetrics awsfirehose awss3 awsxray \
    azure_blob azure_event_hub azure_functions azure_monitor carbon chrony cisco_os cloud_foundry \
    cloudflare collectd couchdb datadog dns_check docker_stats elasticsearch envoy_als expvar faro \
    file_log file_stats flink_metrics fluent_forward github gitlab google_cloud_spanner \
    googlecloudmonitoring googlecloudpubsub googlecloudpubsubpush haproxy host_metrics http_check \
    huaweicloudcesreceiver icmpcheckreceiver iis influxdb jaeger journald k8s_cluster k8s_events \
    k8s_objects kafka kafka_metrics kubelet_stats libhoney loki macos_unified_logging memcached \
    mongodb mongodb_atlas mysql named_pipe netflow nginx nop nsxt ntp oracledb osquery otelarrow \
    otlp otlp_json_file podman_stats postgresql pprof prometheus prometheus_remote_write pulsar \
    purefa purefb rabbitmq receiver_creator redfish redis riak saphana skywalking snmp \
    snowflake solace splunk_enterprise splunk_hec sqlquery sqlserver ssh_check statsd stef syslog \
    systemd tcp_check tcp_log tls_check udp_log vcenter vcr wavefront webhook_event \
    windows_event_log windows_service windowsperfcounters yang_grpc zipkin zookeeper";
const PROCESSORS: &str = "\
    attributes aws_ecs_attributes batch cardinality_guardian coralogix cumulative_to_delta \
    delta_to_cumulative delta_to_rate drain dynamic_sampling filter gen_ai_normalizer geoip \
    groupbyattrs groupbytrace interval isolationforest k8s_attributes log_dedup logstransform \
    lookup memory_limiter metric_start_time metrics_transform metricsgeneration \
    probabilistic_sampler queuebatch redaction remotetap resource resource_detection \
    rolling_span_latency schema signing span span_pruning sumologic tail_sampling telemetry_policy \
    transform unroll";
const EXPORTERS: &str = "\
    alertmanager alibabacloud_logservice awscloudwatchlogs awsemf awskinesis awss3 awsxray \
    azure_blob azuredataexplorer azuremonitor bmc_helix cassandra clickhouse coralogix datadog \
    dataset debug doris elasticsearch faro file google_cloud_storage google_secops googlecloud \
    googlecloudpubsub googlemanagedprometheus honeycomb_marker influxdb kafka load_balancing \
    logicmonitor logzio mezmo nop opensearch otelarrow otlp_grpc otlp_http prometheus \
    prometheus_remote_write pulsar rabbitmq sematext sentry signalfx splunk_hec stef sumologic \
    syslog tencentcloud_logservice tinybird zipkin";
const CONNECTORS: &str = "\
    count datadog exceptions failover forward grafanacloud metrics_as_logs otlp_json round_robin \
    routing service_graph signal_to_metrics slow_sql span_metrics sum";
const EXTENSIONS: &str = "\
    ack asapclient avro_log_encoding aws_logs_encoding awscloudwatchmetricstreams_encoding \
    awsproxy azure_auth azure_encoding basicauth bearertokenauth cfgarden_observer cgroup_runtime \
    datadog db_storage docker_observer ecs_observer file_storage google_cloud_logentry_encoding \
    googleclientauth headers_setter health_check healthcheckv2 host_observer http_forwarder \
    jaeger_encoding jaegerremotesampling json_log_encoding k8s_leader_elector k8s_observer \
    kafkatopics_observer mcp memory_limiter oauth2client oidc opamp otlp_encoding pprof \
    redis_storage remotetap sigv4auth skywalking_encoding solarwindsapmsettings sumologic \
    text_encoding zipkin_encoding zpages";

/// The types of a kind, under today's names.
pub(crate) fn types(kind: Kind) -> impl Iterator<Item = &'static str> {
    let all = match kind {
        Kind::Receiver => RECEIVERS,
        Kind::Processor => PROCESSORS,
        Kind::Exporter => EXPORTERS,
        Kind::Connector => CONNECTORS,
        Kind::Extension => EXTENSIONS,
    };
    all.split(' ')
}

/// Today's name of a type, which may be written as it was called before.
pub(crate) fn find(kind: Kind, name: &str) -> Option<&'static str> {
    types(kind).find(|it| folded(it) == folded(name))
}

/// A name without what differs between its old and its new spelling.
pub(crate) fn folded(name: &str) -> String {
    name.chars().filter(|it| !matches!(it, '_' | '-')).flat_map(char::to_lowercase).collect()
}

/// A type that upstream has removed.
pub(crate) struct Removed {
    kind: Kind,
    name: &'static str,
    /// What does its work today; of some nothing does.
    pub by: Option<(Kind, &'static str)>,
    /// What else changes with the name.
    pub endpoint: Option<Moved>,
}

/// Where the successor of a type sends to.
#[derive(Debug, Clone, Copy)]
pub struct Moved {
    /// The end of the endpoint, which changes.
    pub old: &'static str,
    /// What stands there instead.
    pub new: &'static str,
    /// A whole endpoint.
    pub example: &'static str,
}

const fn moved(old: &'static str, new: &'static str, example: &'static str) -> Moved {
    Moved { old, new, example }
}

const fn removed(kind: Kind, name: &'static str, by: Option<(Kind, &'static str)>) -> Removed {
    Removed { kind, name, by, endpoint: None }
}

const GRPC: Option<(Kind, &str)> = Some((Kind::Exporter, "otlp_grpc"));
const HTTP: Option<(Kind, &str)> = Some((Kind::Exporter, "otlp_http"));
const OTLP: Option<(Kind, &str)> = Some((Kind::Receiver, "otlp"));
const PROMETHEUS: Option<(Kind, &str)> = Some((Kind::Receiver, "prometheus"));

/// From the changelogs of the Collector and of contrib. What vendors took by a protocol of their own they take by OTLP.
const REMOVED: &[Removed] = &[
    removed(Kind::Exporter, "logging", Some((Kind::Exporter, "debug"))),
    Removed {
        endpoint: Some(moved("/loki/api/v1/push", "/otlp", "http://HOST:3100/otlp")),
        ..removed(Kind::Exporter, "loki", HTTP)
    },
    Removed {
        endpoint: Some(moved(":14250", ":4317", "HOST:4317")),
        ..removed(Kind::Exporter, "jaeger", GRPC)
    },
    Removed {
        endpoint: Some(moved(":14268/api/traces", ":4318", "http://HOST:4318")),
        ..removed(Kind::Exporter, "jaeger_thrift", HTTP)
    },
    Removed {
        endpoint: Some(moved(":55678", ":4317", "HOST:4317")),
        ..removed(Kind::Exporter, "opencensus", GRPC)
    },
    removed(Kind::Exporter, "carbon", None),
    removed(Kind::Exporter, "sapm", HTTP),
    removed(Kind::Exporter, "skywalking", GRPC),
    removed(Kind::Exporter, "instana", HTTP),
    removed(Kind::Exporter, "dynatrace", HTTP),
    removed(Kind::Exporter, "f5cloud", HTTP),
    removed(Kind::Exporter, "humio", HTTP),
    removed(Kind::Exporter, "honeycomb", GRPC),
    removed(Kind::Exporter, "elastic", GRPC),
    removed(Kind::Exporter, "newrelic", GRPC),
    removed(Kind::Exporter, "tanzuobservability", GRPC),
    removed(Kind::Exporter, "parquet", None),
    removed(Kind::Exporter, "stackdriver", Some((Kind::Exporter, "googlecloud"))),
    removed(
        Kind::Exporter,
        "awsprometheusremotewrite",
        Some((Kind::Exporter, "prometheus_remote_write")),
    ),
    removed(Kind::Receiver, "opencensus", OTLP),
    removed(Kind::Receiver, "sapm", OTLP),
    removed(Kind::Receiver, "signalfx", OTLP),
    removed(Kind::Receiver, "jmx", None),
    removed(Kind::Receiver, "prometheus_simple", PROMETHEUS),
    removed(Kind::Receiver, "prometheus_exec", PROMETHEUS),
    removed(Kind::Receiver, "k8slog", Some((Kind::Receiver, "file_log"))),
    removed(Kind::Receiver, "file", Some((Kind::Receiver, "otlp_json_file"))),
    removed(Kind::Receiver, "bigip", None),
    removed(Kind::Receiver, "dotnet_diagnostics", None),
    removed(Kind::Processor, "spanmetrics", Some((Kind::Connector, "span_metrics"))),
    removed(Kind::Processor, "servicegraph", Some((Kind::Connector, "service_graph"))),
    removed(Kind::Processor, "routing", Some((Kind::Connector, "routing"))),
    removed(Kind::Processor, "datadog", Some((Kind::Connector, "datadog"))),
    removed(Kind::Processor, "k8s_tagger", Some((Kind::Processor, "k8s_attributes"))),
    removed(Kind::Processor, "remoteobserver", Some((Kind::Processor, "remotetap"))),
    removed(
        Kind::Processor,
        "experimental_metricsgeneration",
        Some((Kind::Processor, "metricsgeneration")),
    ),
    removed(Kind::Processor, "queued_retry", None),
    removed(Kind::Processor, "dnslookup", None),
    removed(Kind::Extension, "memory_ballast", None),
    removed(Kind::Extension, "fluentbit", None),
    removed(Kind::Extension, "ecs_task_observer", None),
];

/// What upstream did to a type that is no more.
pub(crate) fn find_removed(kind: Kind, name: &str) -> Option<&'static Removed> {
    REMOVED.iter().find(|it| it.kind == kind && folded(it.name) == folded(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_found_under_its_old_and_its_new_name() {
        assert_eq!(find(Kind::Processor, "k8sattributes"), Some("k8s_attributes"));
        assert_eq!(find(Kind::Receiver, "host_metrics"), Some("host_metrics"));
        assert_eq!(find(Kind::Exporter, "prometheusremotewrite"), Some("prometheus_remote_write"));
        assert_eq!(find(Kind::Exporter, "k8sattributes"), None);
    }

    #[test]
    fn the_lists_are_sorted_and_what_was_removed_is_not_in_them() {
        for kind in Kind::ALL {
            let all: Vec<&str> = types(kind).collect();
            assert!(all.is_sorted() && all.iter().all(|it| !it.is_empty()), "{kind}: {all:?}");
            let both =
                all.iter().find(|it| REMOVED.iter().any(|r| r.kind == kind && r.name == **it));
            assert_eq!(both, None);
        }
    }
}
