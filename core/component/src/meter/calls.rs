//! Times of calls over the network, as OpenTelemetry's instrumentations of Go measure them. A series is
//! known only when a call has ended, so it is looked up then; that is for level detailed only.

use super::{Descriptor, Level, Meter};

/// Bounds of times in seconds, of the semantic conventions.
pub const SECONDS_BOUNDS: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
/// Bounds of everything else, the default of the SDK in Go.
pub const DEFAULT_BOUNDS: &[f64] =
    &[0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1e3, 2.5e3, 5e3, 7.5e3, 10e3];

/// The calls of one client or server.
#[derive(Debug, Clone)]
pub struct Calls {
    meter: Meter,
    address: String,
    port: String,
}

impl Calls {
    /// Of a client that calls `endpoint`, or a server there; `None` below level detailed.
    pub fn new(meter: &Meter, endpoint: &str) -> Option<Self> {
        let (address, port) = endpoint.rsplit_once(':').unwrap_or((endpoint, ""));
        let address = address.trim_matches(['[', ']']).to_owned();
        let calls = Self { meter: meter.clone(), address, port: port.to_owned() };
        (meter.level() >= Level::Detailed).then_some(calls)
    }

    /// Counts what was measured of a call, with what is known of it.
    pub fn record(&self, measured: &[(Descriptor, f64)], attributes: &[(&str, &str)]) {
        let own = [("server.address", self.address.as_str()), ("server.port", self.port.as_str())];
        let own = own.iter().filter(|it| !it.1.is_empty());
        let all: Vec<(&str, &str)> = attributes.iter().chain(own).copied().collect();
        for (what, value) in measured {
            let bounds = if what.unit == "s" { SECONDS_BOUNDS } else { DEFAULT_BOUNDS };
            self.meter.histogram(*what, bounds, &all).record(*value);
        }
    }
}
