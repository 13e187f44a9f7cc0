//! The host as an entity, in pipelines of logs (`pkg/experimentalmetricmetadata` of the Collector).

use std::time::Duration;

use component::{Context, Data, Host, Outputs, Received};
use pdata::LogsBuilder;
use tracing::error;

/// Sends the record of the host at once and then at each interval; 0 is once.
pub(crate) async fn run(interval: Duration, out: Outputs, received: Received, host: Host) {
    let stopping = host.stopping();
    loop {
        let sent = received.consume(&out, &Context::default(), event(interval)).await;
        // The record is the same each time: the next one repairs what this one has not done.
        if let Err(error) = sent {
            error!(%error, "Error sending entity event to the consumer");
        }
        if interval.is_zero() {
            return;
        }
        if stopping.run_until_cancelled(tokio::time::sleep(interval)).await.is_none() {
            return;
        }
    }
}

/// The record.
fn event(interval: Duration) -> Data {
    let mut builder = LogsBuilder::new();
    builder.scope_with("", "", |it| it.put("otel.entity.event_as_log", true));
    builder.record(|record| {
        record.time_unix_nano(component::clock::unix_nanos());
        record.attributes(|it| {
            it.put("otel.entity.event.type", "entity_state");
            it.put("otel.entity.type", "host");
            if !interval.is_zero() {
                let milliseconds = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX);
                it.put("otel.entity.interval", milliseconds);
            }
        });
    });
    builder.finish().into()
}
