//! A round: all detectors look at the same time, those that fail again after a while, and what they have found becomes one
//! set of attributes. `internal/resourcedetection.go`, v0.156.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use crate::Plan;
use crate::detectors::Detector;
use crate::found::{Detected, Found};
use crate::probe::{Probe, World};

/// How long a round may take when the section sets no limit.
const FOREVER: Duration = Duration::from_secs(24 * 3600);
/// How much longer than its requests a look may take: it is to say why they failed.
const GRACE: Duration = Duration::from_millis(200);

impl Plan {
    /// What is found, and why the detectors that failed did.
    pub(crate) async fn round(&self, world: &World) -> (Detected, Vec<String>) {
        tracing::info!("began detecting resource information");
        let looks = self.detectors.iter().map(|it| self.look(*it, world));
        let (mut found, mut failed) = (Vec::new(), Vec::new());
        for answer in join_all(looks).await {
            match answer {
                Ok(it) => found.push(it),
                Err(why) => failed.push(why),
            }
        }
        let (detected, merged) = Detected::merge(found, &self.config.attributes);
        let resource = serde_json::Value::Object(merged).to_string();
        tracing::info!(resource, "detected resource information");
        (detected, failed)
    }

    /// One detector, until it does not fail or the time is over.
    async fn look(&self, detector: Detector, world: &World) -> Result<Found, String> {
        let (config, retry) = (&self.config, &self.config.retry);
        let limit = |time: Duration| if time.is_zero() { FOREVER } else { time };
        let timeout = limit(config.client.timeout.std());
        let whole = match retry.max_elapsed_time.std() {
            time if time.is_zero() => timeout,
            time => time,
        };
        let end = Instant::now() + whole;
        let mut pause = retry.initial_interval.std();
        loop {
            let probe = Probe {
                world: world.clone(),
                deadline: end.min(Instant::now() + timeout),
                strict: config.fail_on_missing_metadata || detector.is_strict(config),
                detector: detector.name(),
            };
            let look = detector.detect(&probe, config, &self.patterns);
            let look = tokio::time::timeout_at(probe.deadline + GRACE, look).await;
            let why = match look.unwrap_or_else(|_| Err("context deadline exceeded".into())) {
                Ok(found) => return Ok(found),
                Err(why) => why,
            };
            let name = detector.name();
            tracing::warn!(detector = name, error = why, "failed to detect resource");
            let jitter = retry.randomization_factor * (2.0 * fastrand::f64() - 1.0);
            let next = Instant::now() + pause.mul_f64((1.0 + jitter).max(0.0));
            if !retry.enabled || next >= end {
                // Upstream waits until the end, and then says the same.
                return Err(why);
            }
            tokio::time::sleep_until(next).await;
            pause = pause.mul_f64(retry.multiplier).min(retry.max_interval.std());
        }
    }
}
