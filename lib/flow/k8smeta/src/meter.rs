//! Own metrics, with the names of the Collector: the old ones, the new ones, or both, as two feature gates say.

use component::Meter;
use component::meter::{Counter, Descriptor, Gauge, Level};

use crate::origin::Origin;
use crate::rules::From;
use crate::table::{Kind, Outcome};

const SCOPE: &str =
    "github.com/open-telemetry/opentelemetry-collector-contrib/processor/k8sattributesprocessor";

const fn what(name: &'static str, unit: &'static str, description: &'static str) -> Descriptor {
    Descriptor { scope: SCOPE, name, unit, description, level: Level::Basic }
}

/// Added, updated and deleted objects of a kind: the old name, the new one, what it counts.
type Names = [[&'static str; 3]; 3];

macro_rules! names {
    ($kind:literal, $text:literal) => {
        [
            [
                concat!("otelcol_otelsvc_k8s_", $kind, "_added"),
                concat!("otelcol_k8s_watcher_", $kind, "_added"),
                concat!("Number of ", $text, " add events received [Development]"),
            ],
            [
                concat!("otelcol_otelsvc_k8s_", $kind, "_updated"),
                concat!("otelcol_k8s_watcher_", $kind, "_updated"),
                concat!("Number of ", $text, " update events received [Development]"),
            ],
            [
                concat!("otelcol_otelsvc_k8s_", $kind, "_deleted"),
                concat!("otelcol_k8s_watcher_", $kind, "_deleted"),
                concat!("Number of ", $text, " delete events received [Development]"),
            ],
        ]
    };
}

const PODS: Names = names!("pod", "pod");
const NAMESPACES: Names = names!("namespace", "namespace");
const NODES: Names = names!("node", "node");
const REPLICA_SETS: Names = names!("replicaset", "ReplicaSet");

/// Which names are shown.
#[derive(Debug, Clone, Copy)]
pub struct Formats {
    /// `otelsvc_k8s_pod_added`.
    pub old: bool,
    /// `k8s.watcher.pod.added`.
    pub new: bool,
}

/// Instruments under one or two names.
#[derive(Default)]
struct Events([Vec<Counter>; 3]);

impl Events {
    fn new(meter: &Meter, names: &Names, formats: Formats) -> Self {
        let counters = |[old, new, text]: [&'static str; 3]| {
            let shown = [(formats.old, old), (formats.new, new)].into_iter().filter(|it| it.0);
            shown.map(|(_, name)| meter.counter(what(name, "1", text), &[])).collect()
        };
        Self(names.map(counters))
    }

    fn count(&self, outcome: Outcome, n: u64) {
        let [added, updated, deleted] = &self.0;
        let counters = match outcome {
            Outcome::Added => added,
            Outcome::Updated => updated,
            Outcome::Deleted => deleted,
            Outcome::Refused | Outcome::Nothing => return,
        };
        counters.iter().for_each(|it| it.add(n));
    }
}

/// What a view counts.
pub(crate) struct Counts {
    pods: Events,
    namespaces: Events,
    nodes: Events,
    replica_sets: Events,
    sizes: Vec<Gauge>,
    misses: Vec<Counter>,
    refused: Counter,
    /// Requests that a source did not answer well.
    of_kubelet: Counter,
    of_runtime: Counter,
}

impl Counts {
    pub(crate) fn new(meter: &Meter, formats: Formats) -> Self {
        let text = "Size of table containing pod info [Development]";
        let sizes = [
            (formats.old, "otelcol_otelsvc_k8s_pod_table_size"),
            (formats.new, "otelcol_k8s_watcher_pod_cache_size"),
        ];
        let sizes = sizes.into_iter().filter(|it| it.0);
        let miss = what(
            "otelcol_otelsvc_k8s_ip_lookup_miss",
            "1",
            "[DEPRECATED] Number of times pod by IP lookup failed [Deprecated]",
        );
        let refused = Descriptor {
            scope: component::meter::OURS,
            ..what(
                "sluice_k8s_pods_refused_total",
                "{pod}",
                "Pods that are not known because the table is full",
            )
        };
        let kubelet_failures = Descriptor {
            scope: component::meter::OURS,
            ..what(
                "sluice_k8s_kubelet_failures_total",
                "{request}",
                "Requests for the pods of its node that a kubelet did not answer",
            )
        };
        let runtime_failures = Descriptor {
            name: "sluice_k8s_runtime_failures_total",
            description: "Requests for the pods of its node that a container runtime did not answer",
            ..kubelet_failures
        };
        Self {
            pods: Events::new(meter, &PODS, formats),
            namespaces: Events::new(meter, &NAMESPACES, formats),
            nodes: Events::new(meter, &NODES, formats),
            replica_sets: Events::new(meter, &REPLICA_SETS, formats),
            sizes: sizes.map(|(_, name)| meter.gauge(what(name, "1", text), &[])).collect(),
            misses: formats.old.then(|| meter.counter(miss, &[])).into_iter().collect(),
            refused: meter.counter(refused, &[]),
            of_kubelet: meter.counter(kubelet_failures, &[]),
            of_runtime: meter.counter(runtime_failures, &[]),
        }
    }

    /// Requests that a source of this node did not answer well.
    pub(crate) fn failures(&self, origin: Origin) -> Counter {
        if origin == Origin::Runtime { self.of_runtime.clone() } else { self.of_kubelet.clone() }
    }

    pub(crate) fn pods(&self, outcome: Outcome, n: u64) {
        self.pods.count(outcome, n);
        if outcome == Outcome::Refused {
            self.refused.add(n);
        }
    }

    pub(crate) fn objects(&self, kind: Kind, outcome: Outcome) {
        match kind {
            Kind::ReplicaSets => self.replica_sets.count(outcome, 1),
            Kind::Of(From::Namespace) => self.namespaces.count(outcome, 1),
            Kind::Of(From::Node) => self.nodes.count(outcome, 1),
            // The Collector counts these only when it is asked to, which its configuration cannot do.
            Kind::Of(_) => {}
        }
    }

    pub(crate) fn size(&self, keys: usize) {
        let keys = i64::try_from(keys).unwrap_or(i64::MAX);
        self.sizes.iter().for_each(|it| it.set(keys));
    }

    pub(crate) fn missed(&self, resources: u64) {
        self.misses.iter().for_each(|it| it.add(resources));
    }
}
