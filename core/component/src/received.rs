//! What a receiver counts: items that the pipelines took, refused, and that failed on the way.

use pdata::{Data, Signal};

use crate::meter::{Counter, Descriptor, Level};
use crate::{ConsumeError, Context, Meter, Outputs};

/// The counters of one receiver, transport and signal. `receiver/receiverhelper`, v0.159: all three
/// show together, at the first item.
#[derive(Debug, Clone)]
pub struct Received {
    accepted: Counter,
    refused: Counter,
    failed: Counter,
}

impl Received {
    /// `transport` is `grpc`, `http`, or empty for what is not received over a network.
    pub fn new(meter: &Meter, receiver: &str, transport: &str, signal: Signal) -> Self {
        let attributes = [("receiver", receiver), ("transport", transport)];
        let [accepted, refused, failed] =
            descriptors(signal).map(|what| meter.counter(what, &attributes));
        Self { accepted, refused, failed }
    }

    /// The pipelines took it.
    pub fn accepted(&self, items: u64) {
        self.count(items, 0);
    }

    /// The pipelines did not take it.
    pub fn refused(&self, items: u64) {
        self.count(0, items);
    }

    /// Hands data to the pipelines and counts their answer. A call that its client withdraws is refused.
    ///
    /// # Errors
    /// The answer of the pipelines.
    pub async fn consume(
        &self,
        out: &Outputs,
        ctx: &Context,
        data: Data,
    ) -> Result<(), ConsumeError> {
        let mut count = Count { of: self, items: data.items() as u64, accepted: false };
        let answer = out.consume(ctx, data).await;
        count.accepted = answer.is_ok();
        answer
    }

    fn count(&self, accepted: u64, refused: u64) {
        self.accepted.add(accepted);
        self.refused.add(refused);
        self.failed.add(0);
    }
}

/// Counts when it is dropped, which is also how a call ends that nobody waits for any more.
struct Count<'a> {
    of: &'a Received,
    items: u64,
    accepted: bool,
}

impl Drop for Count<'_> {
    fn drop(&mut self) {
        if self.accepted {
            self.of.accepted(self.items);
        } else {
            self.of.refused(self.items);
        }
    }
}

/// Accepted, refused and failed items of a signal.
const fn descriptors(signal: Signal) -> [Descriptor; 3] {
    macro_rules! one {
        ($name:expr, $unit:literal, $text:expr) => {
            Descriptor {
                scope: "go.opentelemetry.io/collector/receiver/receiverhelper",
                name: $name,
                unit: $unit,
                description: $text,
                level: Level::Basic,
            }
        };
    }
    macro_rules! of {
        ($item:literal, $unit:literal, $text:literal) => {
            [
                one!(
                    concat!("otelcol_receiver_accepted_", $item),
                    $unit,
                    concat!("Number of ", $text, " successfully pushed into the pipeline. [Alpha]")
                ),
                one!(
                    concat!("otelcol_receiver_refused_", $item),
                    $unit,
                    concat!(
                        "Number of ",
                        $text,
                        " that could not be pushed into the pipeline. [Alpha]"
                    )
                ),
                one!(
                    concat!("otelcol_receiver_failed_", $item),
                    $unit,
                    concat!(
                        "The number of ",
                        $text,
                        " that failed to be processed by the receiver due to internal errors. [Alpha]"
                    )
                ),
            ]
        };
    }
    match signal {
        Signal::Traces => of!("spans", "{span}", "spans"),
        Signal::Metrics => of!("metric_points", "{datapoint}", "metric points"),
        Signal::Logs => of!("log_records", "{record}", "log records"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_three_counters_show_with_the_first_item_and_not_before() {
        let meter = Meter::default();
        let received = Received::new(&meter, "otlp", "grpc", Signal::Logs);
        assert!(meter.registry().snapshot().is_empty());
        received.refused(3);
        let all = meter.registry().snapshot();
        let names: Vec<&str> = all.iter().map(|it| &*it.name).collect();
        let kinds = ["accepted", "failed", "refused"];
        assert_eq!(names, kinds.map(|it| format!("otelcol_receiver_{it}_log_records")));
    }
}
