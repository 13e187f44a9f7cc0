//! What reaches outside of the process, which a policy on telemetry must not: it fails, unless a test mocks it.

use regorus::Value;

use super::args::{Answer, Table, failed, object_of};

pub const TABLE: Table = &[
    ("http.send", |_| off()),
    ("net.lookup_ip_addr", |_| off()),
    // Nothing of the environment is shown.
    ("opa.runtime", |_| Ok(object_of([]))),
];

fn off() -> Answer {
    failed::<Value>("is off: policies do not use the network")
}
