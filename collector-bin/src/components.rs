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

fn with_health<HealthCheck: Extension>() -> Registry {
    Registry::default()
        .receiver::<cri_receiver::Cri>()
        .receiver::<file_log_receiver::FileLog>()
        .receiver::<host_metrics_receiver::HostMetrics>()
        .receiver::<jaeger_receiver::Jaeger>()
        .receiver::<nop_receiver::Nop>()
        .receiver::<otlp_receiver::Otlp>()
        .receiver::<prometheus_receiver::Prometheus>()
        .receiver::<statsd_receiver::Statsd>()
        .receiver::<zipkin_receiver::Zipkin>()
        .processor::<attributes_processor::Attributes>()
        .processor::<batch_processor::Batch>()
        .processor::<filter_processor::Filter>()
        .processor::<k8s_attributes_processor::K8sAttributes>()
        .processor::<memory_limiter_processor::MemoryLimiter>()
        .processor::<rego_processor::Rego>()
        .processor::<resource_processor::Resource>()
        .processor::<telemetry_policy_processor::TelemetryPolicy>()
        .processor::<transform_processor::Transform>()
        .exporter::<debug_exporter::Debug>()
        .exporter::<file_exporter::File>()
        .exporter::<nop_exporter::Nop>()
        .exporter::<otlp_grpc_exporter::OtlpGrpc>()
        .exporter::<otlp_http_exporter::OtlpHttp>()
        .exporter::<prometheus_exporter::Prometheus>()
        .exporter::<prometheus_remote_write_exporter::PrometheusRemoteWrite>()
        .exporter::<zipkin_exporter::Zipkin>()
        .connector::<forward_connector::Forward>()
        .connector::<rego_connector::Rego>()
        .connector::<routing_connector::Routing>()
        .extension::<basic_auth_extension::BasicAuth>()
        .extension::<bearer_token_auth_extension::BearerTokenAuth>()
        .extension::<file_storage_extension::FileStorage>()
        .extension::<file_telemetry_policy_extension::FileTelemetryPolicy>()
        .extension::<headers_setter_extension::HeadersSetter>()
        .extension::<HealthCheck>()
        .extension::<healthcheckv2_extension::HealthCheckV2>()
        .extension::<memory_limiter_extension::MemoryLimiter>()
        .extension::<oauth2client_extension::Oauth2Client>()
        .extension::<oidc_extension::Oidc>()
        .extension::<pprof_extension::Pprof>()
        .extension::<zpages_extension::Zpages>()
}
