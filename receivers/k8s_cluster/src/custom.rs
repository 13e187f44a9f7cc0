//! Metrics of nodes whose names follow from the section: `k8s.node.condition_ready`, `k8s.node.allocatable_cpu`.

use pdata::{Data, MetricsBuilder};
use scraping::{Catalog as _, ResourceSection};

use crate::cluster::{Cluster, locked};
use crate::config::Config;
use crate::objects::Node;
use crate::record::{thousandths, truth};
use crate::table::Table;
use crate::text::snake;

/// A metric with one point.
struct Metric {
    name: String,
    unit: String,
    description: String,
    value: Number,
}

enum Number {
    Int(i64),
    Double(f64),
}

/// The metrics of all nodes; `None` if there are none.
pub(crate) fn all(cluster: &Cluster, config: &Config, version: &str, now: u64) -> Option<Data> {
    let mut builder = MetricsBuilder::new();
    let mut any = false;
    for node in locked(&cluster.nodes).iter() {
        let conditions = config.node_conditions_to_report.iter().map(|it| condition(node, it));
        let allocatable = &config.allocatable_types_to_report;
        let allocatable = allocatable.iter().filter_map(|it| self::allocatable(node, it));
        let metrics: Vec<Metric> = conditions.chain(allocatable).collect();
        if metrics.is_empty() {
            continue;
        }
        any = true;
        resource(node, &config.resource_attributes, &mut builder);
        builder.schema_url(Table::SCHEMA_URL).scope(Table::SCOPE, version);
        metrics.iter().for_each(|it| write(it, now, &mut builder));
    }
    any.then(|| builder.finish().into())
}

fn condition(node: &Node, of: &str) -> Metric {
    let found = node.status.conditions.iter().find(|it| it.r#type == of);
    Metric {
        name: format!("k8s.node.condition_{}", snake(of)),
        unit: String::new(),
        description: format!("{of} condition status of the node (true=1, false=0, unknown=-1)"),
        value: Number::Int(found.map_or(-1, |it| truth(&it.status))),
    }
}

fn allocatable(node: &Node, of: &str) -> Option<Metric> {
    let amount = node.status.allocatable.0.get(of)?;
    let (unit, value) = match of {
        "cpu" => ("{cpu}".to_owned(), Number::Double(thousandths(amount.milli_value()))),
        "memory" | "ephemeral-storage" | "storage" => {
            ("By".to_owned(), Number::Int(amount.value()))
        }
        "pods" => ("{pod}".to_owned(), Number::Int(amount.value())),
        other => (format!("{{{other}}}"), Number::Int(amount.value())),
    };
    Some(Metric {
        name: format!("k8s.node.allocatable_{}", snake(of)),
        unit,
        description: format!("Amount of {of} allocatable on the node"),
        value,
    })
}

fn resource(node: &Node, wanted: &ResourceSection<Table>, builder: &mut MetricsBuilder) {
    let info = &node.status.node_info;
    // `containerd://1.7.24`
    let runtime = info.container_runtime_version.split_once("://");
    let attributes = [
        ("k8s.node.uid", Some(&*node.metadata.uid)),
        ("k8s.node.name", Some(&*node.metadata.name)),
        ("k8s.kubelet.version", Some(&*info.kubelet_version)),
        ("os.description", Some(&*info.os_image)),
        ("os.type", Some(&*info.operating_system)),
        ("container.runtime", runtime.map(|it| it.0)),
        ("container.runtime.version", runtime.map(|it| it.1)),
    ];
    builder.resource(|out| {
        for (key, value) in attributes.into_iter().filter(|it| wanted.is_enabled(it.0)) {
            if let Some(value) = value {
                out.put(key, value);
            }
        }
    });
}

fn write(metric: &Metric, now: u64, builder: &mut MetricsBuilder) {
    builder.metric(|out| {
        out.name(&metric.name);
        out.description(&metric.description);
        out.unit(&metric.unit);
        out.gauge(|points| {
            points.point(|point| {
                point.time_unix_nano(now);
                match metric.value {
                    Number::Int(value) => point.int(value),
                    Number::Double(value) => point.double(value),
                }
            });
        });
    });
}
