//! Whatever the telemetry, four readers agree: prost, the views, the structs and OTLP/JSON.
//! Generated messages are small but strange; bytes are random, or valid ones with damage.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod bytes;
mod generate;
mod json;
mod messages;
mod viewed;

use opentelemetry_proto::tonic::logs::v1::LogsData;
use opentelemetry_proto::tonic::metrics::v1::MetricsData;
use opentelemetry_proto::tonic::trace::v1::TracesData;
use pdata::{Data, Limits, Signal};
use proptest::test_runner::Config;
use prost::Message;

/// 256 cases per property, well under a second each; `PROPTEST_CASES` asks for more.
fn config() -> Config {
    Config { failure_persistence: None, ..Config::default() }
}

/// A signal as structs.
trait Structs: Message + Default + Clone + std::fmt::Debug {
    const SIGNAL: Signal;
    fn of(data: &Data) -> Self;
    fn data(&self) -> Data;
    /// As the views show it.
    fn viewed(data: &Data) -> Self;
    /// With messages present that a view cannot tell from absent ones.
    fn canonical(self) -> Self;
    /// Also with those that OTLP/JSON always writes.
    fn complete(self) -> Self;
}

macro_rules! structs {
    ($message:ident, $name:ident) => {
        impl Structs for $message {
            const SIGNAL: Signal = Signal::$name;

            fn of(data: &Data) -> Self {
                assert_eq!(data.signal(), Signal::$name);
                Self::decode(data.to_bytes()).unwrap()
            }

            fn data(&self) -> Data {
                decoded(Signal::$name, &self.encode_to_vec()).unwrap()
            }

            fn viewed(data: &Data) -> Self {
                let Data::$name(it) = data else { panic!("{data:?}") };
                viewed::$message(it)
            }

            fn canonical(mut self) -> Self {
                viewed::canonical::$message(&mut self);
                self
            }

            fn complete(mut self) -> Self {
                viewed::complete::$message(&mut self);
                self
            }
        }
    };
}

structs!(LogsData, Logs);
structs!(TracesData, Traces);
structs!(MetricsData, Metrics);

fn decoded(signal: Signal, bytes: &[u8]) -> Result<Data, String> {
    Data::try_from_otlp(signal, bytes.to_vec().into(), &Limits::default())
        .map_err(|error| error.to_string())
}

/// Equal, also where a number is not one: prost encodes the same message to the same bytes.
#[track_caller]
fn assert_same<M: Structs>(left: &M, right: &M) {
    assert_eq!(left.encode_to_vec(), right.encode_to_vec(), "left: {left:#?}\nright: {right:#?}");
}
