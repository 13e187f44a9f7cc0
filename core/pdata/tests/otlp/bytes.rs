//! Bytes that are not, or not quite, a message: accepted and refused as by prost, but for
//!
//! - text that is not UTF-8: kept byte for byte, as the Go Collector does. Refusing a whole request
//!   for one bad byte in one log line would lose what is good;
//! - identifiers of another length than 16 or 8: refused, as by the Go Collector. They are not
//!   identifiers, and exporters of other protocols would have to invent one;
//! - groups: refused, as by the Go Collector. OTLP has none, and proto3 cannot write them;
//! - nesting: prost stops at 100 messages of any kind, this decoder at 128 values in each other.

use opentelemetry_proto::tonic::logs::v1::LogsData;
use opentelemetry_proto::tonic::metrics::v1::MetricsData;
use opentelemetry_proto::tonic::trace::v1::TracesData;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use pdata::{Depth, Keep};

use super::{Structs, assert_same, config, decoded, generate};

/// One blow against an encoded message.
#[derive(Debug, Clone)]
enum Damage {
    Set(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    Cut(Index),
    Repeat(Index, Index),
}

impl Damage {
    fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let length = bytes.len();
        match self {
            Damage::Set(at, byte) => bytes[at.index(length)] = *byte,
            Damage::Insert(at, byte) => bytes.insert(at.index(length), *byte),
            Damage::Remove(at) => drop(bytes.remove(at.index(length))),
            Damage::Cut(at) => bytes.truncate(at.index(length)),
            Damage::Repeat(from, to) => {
                let (from, to) = (from.index(length), to.index(length));
                let copy = bytes[from.min(to)..from.max(to)].to_vec();
                bytes.extend(copy);
            }
        }
    }
}

fn damage() -> impl Strategy<Value = Vec<Damage>> {
    let at = any::<Index>;
    let blow = prop_oneof![
        4 => (at(), any::<u8>()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        1 => (at(), any::<u8>()).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        1 => at().prop_map(Damage::Remove),
        1 => at().prop_map(Damage::Cut),
        1 => (at(), at()).prop_map(|(from, to)| Damage::Repeat(from, to)),
    ];
    vec(blow, 1..4)
}

fn check<M: Structs>(bytes: &[u8]) {
    let ours = decoded(M::SIGNAL, bytes);
    let theirs = M::decode(bytes).map_err(|error| error.to_string());
    match (ours, theirs) {
        (Ok(data), Ok(message)) => {
            assert_same(&M::of(&data), &message);
            assert_same(&M::viewed(&data), &message.canonical());
        }
        (Ok(data), Err(error)) => {
            let known = ["UTF-8", "recursion limit"];
            assert!(known.iter().any(|it| error.contains(it)), "prost only: {error}");
            // Reads without panicking all the same.
            M::viewed(&data);
            let _ = data.edit(Depth::Item, |place| {
                place.metric_tree();
                Keep::Enter
            });
        }
        (Err(error), Ok(message)) => {
            let known = ["TraceID length", "SpanID length", "groups are not supported"];
            assert!(known.iter().any(|it| error.contains(it)), "ours only: {error}\n{message:?}");
        }
        (Err(_), Err(_)) => {}
    }
}

fn check_damaged<M: Structs>(message: &M, damage: &[Damage]) {
    let mut bytes = message.encode_to_vec();
    for it in damage {
        it.apply(&mut bytes);
    }
    check::<M>(&bytes);
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn random_bytes_are_taken_as_by_prost(bytes in vec(any::<u8>(), 0..64)) {
        check::<LogsData>(&bytes);
        check::<TracesData>(&bytes);
        check::<MetricsData>(&bytes);
    }

    #[test]
    fn damaged_logs_are_taken_as_by_prost(message in generate::logs(), damage in damage()) {
        check_damaged(&message, &damage);
    }

    #[test]
    fn damaged_traces_are_taken_as_by_prost(message in generate::traces(), damage in damage()) {
        check_damaged(&message, &damage);
    }

    #[test]
    fn damaged_metrics_are_taken_as_by_prost(message in generate::metrics(), damage in damage()) {
        check_damaged(&message, &damage);
    }
}
