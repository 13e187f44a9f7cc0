//! The components of this distribution, sorted.

use component::Extension;
use service::Registry;

use crate::gates::Gates;

/// Everything that a configuration may name.
pub fn components() -> Registry {
    with_health::<health_check_extension::HealthCheck>()
}

/// The same with the components that feature gates put in the place of others.
pub fn gated(gates: &Gates) -> Registry {
    if gates.is_on("extension.healthcheck.useComponentStatus") {
        with_health::<health_check_extension::HealthOfComponents>()
    } else {
        components()
    }
}

#[expect(clippy::too_many_lines, reason = "a list")]
fn with_health<HealthCheck: Extension>() -> Registry {
    Registry::default()
        .receiver::<cri_receiver::Cri>()
        .receiver::<docker_stats_receiver::DockerStats>()
        .receiver::<file_log_receiver::FileLog>()
        .receiver::<host_metrics_receiver::HostMetrics>()
        .receiver::<http_check_receiver::HttpCheck>()
        .receiver::<jaeger_receiver::Jaeger>()
        .receiver::<k8s_events_receiver::K8sEvents>()
        .receiver::<k8s_objects_receiver::K8sObjects>()
        .receiver::<k8s_cluster_receiver::K8sCluster>()
        .receiver::<kafka_receiver::Kafka>()
        .receiver::<kubelet_stats_receiver::KubeletStats>()
        .receiver::<nop_receiver::Nop>()
        .receiver::<otlp_receiver::Otlp>()
        .receiver::<prometheus_receiver::Prometheus>()
        .receiver::<fluent_forward_receiver::FluentForward>()
        .receiver::<receiver_creator_receiver::ReceiverCreator>()
        .receiver::<splunk_hec_receiver::SplunkHec>()
        .receiver::<statsd_receiver::Statsd>()
        .receiver::<zipkin_receiver::Zipkin>()
        .processor::<attributes_processor::Attributes>()
        .processor::<batch_processor::Batch>()
        .processor::<cumulative_to_delta_processor::CumulativeToDelta>()
        .processor::<delta_to_cumulative_processor::DeltaToCumulative>()
        .processor::<filter_processor::Filter>()
        .processor::<interval_processor::Interval>()
        .processor::<groupbyattrs_processor::GroupByAttrs>()
        .processor::<k8s_attributes_processor::K8sAttributes>()
        .processor::<log_dedup_processor::LogDedup>()
        .processor::<memory_limiter_processor::MemoryLimiter>()
        .processor::<metric_start_time_processor::MetricStartTime>()
        .processor::<metrics_transform_processor::MetricsTransform>()
        .processor::<probabilistic_sampler_processor::ProbabilisticSampler>()
        .processor::<redaction_processor::Redaction>()
        .processor::<rego_processor::Rego>()
        .processor::<resource_detection_processor::ResourceDetection>()
        .processor::<resource_processor::Resource>()
        .processor::<span_processor::Span>()
        .processor::<tail_sampling_processor::TailSampling>()
        .processor::<telemetry_policy_processor::TelemetryPolicy>()
        .processor::<transform_processor::Transform>()
        .exporter::<alertmanager_exporter::Alertmanager>()
        .exporter::<clickhouse_exporter::ClickHouse>()
        .exporter::<debug_exporter::Debug>()
        .exporter::<elasticsearch_exporter::Elasticsearch>()
        .exporter::<file_action_exporter::FileAction>()
        .exporter::<file_exporter::File>()
        .exporter::<load_balancing_exporter::LoadBalancing>()
        .exporter::<kafka_exporter::Kafka>()
        .exporter::<k8s_patch_exporter::K8sPatch>()
        .exporter::<nop_exporter::Nop>()
        .exporter::<opensearch_exporter::OpenSearch>()
        .exporter::<otlp_grpc_exporter::OtlpGrpc>()
        .exporter::<otlp_http_exporter::OtlpHttp>()
        .exporter::<prometheus_exporter::Prometheus>()
        .exporter::<prometheus_remote_write_exporter::PrometheusRemoteWrite>()
        .exporter::<slack_exporter::Slack>()
        .exporter::<splunk_hec_exporter::SplunkHec>()
        .exporter::<webhook_exporter::Webhook>()
        .exporter::<zipkin_exporter::Zipkin>()
        .connector::<forward_connector::Forward>()
        .connector::<rego_connector::Rego>()
        .connector::<routing_connector::Routing>()
        .connector::<span_metrics_connector::SpanMetrics>()
        .extension::<basic_auth_extension::BasicAuth>()
        .extension::<bearer_token_auth_extension::BearerTokenAuth>()
        .extension::<docker_observer_extension::DockerObserver>()
        .extension::<file_storage_extension::FileStorage>()
        .extension::<file_telemetry_policy_extension::FileTelemetryPolicy>()
        .extension::<headers_setter_extension::HeadersSetter>()
        .extension::<HealthCheck>()
        .extension::<healthcheckv2_extension::HealthCheckV2>()
        .extension::<host_observer_extension::HostObserver>()
        .extension::<k8s_leader_elector_extension::K8sLeaderElector>()
        .extension::<k8s_observer_extension::K8sObserver>()
        .extension::<memory_limiter_extension::MemoryLimiter>()
        .extension::<oauth2client_extension::Oauth2Client>()
        .extension::<oidc_extension::Oidc>()
        .extension::<opamp_extension::OpAmp>()
        .extension::<pprof_extension::Pprof>()
        .extension::<sigv4auth_extension::SigV4>()
        .extension::<zpages_extension::Zpages>()
}
