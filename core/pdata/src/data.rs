//! The three signals as runs of complete top-level OTLP fields, and `Data`, which is one of them.

use bytes::Bytes;
use smallvec::{SmallVec, smallvec};

use crate::check::{DecodeError, Limits, check};
use crate::normalise::normalise;
use crate::repair::repair;
use crate::schema;
use crate::signal::Signal;
use crate::wire::Writer;

/// Runs of complete top-level fields.
pub(crate) type Chunks = SmallVec<[Bytes; 1]>;

/// Largest payload in bytes: lengths inside of a payload are kept in 32 bits.
const PAYLOAD_BYTES_MAX: usize = u32::MAX as usize / 2;

/// What [`Data::decode`] made of a request.
#[derive(Debug)]
pub struct Decoded {
    /// The telemetry.
    pub data: Data,
    /// Strings that were not UTF-8 and have U+FFFD in them now.
    pub repaired: usize,
}

/// Validates a request and mends what views and receivers do not want to see; also how many strings it mended.
fn decode(
    signal: Signal,
    bytes: Bytes,
    limits: &Limits,
) -> Result<(Chunks, usize, usize), DecodeError> {
    fits(bytes.len())?;
    let schema = schema::of(signal);
    let mut checked = check(schema, &bytes, limits)?;
    let (mut chunk, mut repaired) = (bytes, 0);
    if checked.repeats || checked.not_utf8 {
        if checked.repeats {
            chunk = normalise(schema, &chunk).into();
        }
        if checked.not_utf8 {
            let mut out = Writer::default();
            repaired = repair(schema, &chunk, None, &mut out);
            chunk = out.buf.into();
        }
        // U+FFFD is longer than what it stands for, and a message that is merged has more in it.
        fits(chunk.len())?;
        checked = check(schema, &chunk, limits)?;
    }
    Ok((chunks_of(chunk), checked.items, repaired))
}

fn fits(length: usize) -> Result<(), DecodeError> {
    if length <= PAYLOAD_BYTES_MAX {
        return Ok(());
    }
    let reason = format!("payload of {length} bytes, at most {PAYLOAD_BYTES_MAX}");
    Err(DecodeError { offset: 0, path: String::new(), reason, not_utf8: false })
}

/// `chunk` unless it is empty.
pub(crate) fn chunks_of(chunk: Bytes) -> Chunks {
    if chunk.is_empty() { Chunks::new() } else { smallvec![chunk] }
}

/// All chunks in one piece.
fn joined(chunks: &[Bytes]) -> Bytes {
    match chunks {
        [] => Bytes::new(),
        [only] => only.clone(),
        several => {
            let mut all = Vec::with_capacity(several.iter().map(Bytes::len).sum());
            several.iter().for_each(|chunk| all.extend_from_slice(chunk));
            all.into()
        }
    }
}

macro_rules! payload {
    ($name:ident, $signal:expr, $into:ident, $doc:literal) => {
        #[doc = $doc]
        #[derive(Debug, Clone, Default)]
        pub struct $name {
            pub(crate) chunks: Chunks,
            pub(crate) items: usize,
        }

        impl $name {
            /// Validates an OTLP protobuf request.
            pub fn try_from_otlp(bytes: Bytes, limits: &Limits) -> Result<Self, DecodeError> {
                let (chunks, items, _) = decode($signal, bytes, limits)?;
                Ok(Self { chunks, items })
            }

            /// Spans, data points or log records in it.
            pub fn items(&self) -> usize {
                self.items
            }

            /// Encoded size in bytes.
            pub fn bytes(&self) -> usize {
                self.chunks.iter().map(Bytes::len).sum()
            }

            /// True when there is no item; resources without items may still be present.
            pub fn is_empty(&self) -> bool {
                self.items == 0
            }

            /// Runs of complete top-level fields: written one after another they are a request.
            pub fn chunks(&self) -> &[Bytes] {
                &self.chunks
            }

            /// The request in one piece; not a copy if there is only one chunk.
            pub fn to_bytes(&self) -> Bytes {
                joined(&self.chunks)
            }
        }

        impl From<$name> for Data {
            fn from(it: $name) -> Self {
                Data::$name(it)
            }
        }

        impl TryFrom<Data> for $name {
            type Error = Data;

            fn try_from(data: Data) -> Result<Self, Data> {
                data.$into()
            }
        }

        impl Data {
            #[doc = concat!("The value if it is `", stringify!($name), "`, else itself.")]
            pub fn $into(self) -> Result<$name, Data> {
                if let Data::$name(it) = self { Ok(it) } else { Err(self) }
            }
        }
    };
}

payload!(Traces, Signal::Traces, into_traces, "Spans.");
payload!(Metrics, Signal::Metrics, into_metrics, "Metric data points.");
payload!(Logs, Signal::Logs, into_logs, "Log records.");

/// Telemetry of one signal. Cloning counts a reference.
#[derive(Debug, Clone)]
pub enum Data {
    /// Spans.
    Traces(Traces),
    /// Metric data points.
    Metrics(Metrics),
    /// Log records.
    Logs(Logs),
}

/// Calls a method whatever the signal.
macro_rules! each {
    ($data:expr, $it:ident => $call:expr) => {
        match $data {
            Data::Traces($it) => $call,
            Data::Metrics($it) => $call,
            Data::Logs($it) => $call,
        }
    };
}

impl Data {
    /// Nothing of `signal`.
    pub fn empty(signal: Signal) -> Self {
        Self::from_chunks(signal, Chunks::new(), 0)
    }

    pub(crate) fn from_chunks(signal: Signal, chunks: Chunks, items: usize) -> Self {
        match signal {
            Signal::Traces => Data::Traces(Traces { chunks, items }),
            Signal::Metrics => Data::Metrics(Metrics { chunks, items }),
            Signal::Logs => Data::Logs(Logs { chunks, items }),
        }
    }

    pub(crate) fn into_chunks(self) -> Chunks {
        each!(self, it => it.chunks)
    }

    /// Validates an OTLP protobuf request of `signal`.
    pub fn try_from_otlp(
        signal: Signal,
        bytes: Bytes,
        limits: &Limits,
    ) -> Result<Self, DecodeError> {
        Ok(Self::decode(signal, bytes, limits)?.data)
    }

    /// The same, and says how many strings were repaired.
    pub fn decode(signal: Signal, bytes: Bytes, limits: &Limits) -> Result<Decoded, DecodeError> {
        let (chunks, items, repaired) = decode(signal, bytes, limits)?;
        Ok(Decoded { data: Self::from_chunks(signal, chunks, items), repaired })
    }

    /// Which signal it is.
    pub fn signal(&self) -> Signal {
        match self {
            Data::Traces(_) => Signal::Traces,
            Data::Metrics(_) => Signal::Metrics,
            Data::Logs(_) => Signal::Logs,
        }
    }

    /// Spans, data points or log records in it.
    pub fn items(&self) -> usize {
        each!(self, it => it.items())
    }

    /// Encoded size in bytes.
    pub fn bytes(&self) -> usize {
        each!(self, it => it.bytes())
    }

    /// True when there is no item; resources without items may still be present.
    pub fn is_empty(&self) -> bool {
        self.items() == 0
    }

    /// Runs of complete top-level fields: written one after another they are a request.
    pub fn chunks(&self) -> &[Bytes] {
        each!(self, it => it.chunks())
    }

    /// The request in one piece; not a copy if there is only one chunk.
    pub fn to_bytes(&self) -> Bytes {
        each!(self, it => it.to_bytes())
    }

    /// All of `parts`, one after another; nothing is copied. `None` if there is no part. Parts of
    /// another signal than the first are a bug of the caller and are left out.
    pub fn concat(parts: impl IntoIterator<Item = Data>) -> Option<Data> {
        let mut parts = parts.into_iter();
        let first = parts.next()?;
        let (signal, mut items) = (first.signal(), first.items());
        let mut chunks = first.into_chunks();
        for part in parts {
            debug_assert_eq!(part.signal(), signal, "telemetry of several signals in one batch");
            if part.signal() == signal {
                items += part.items();
                chunks.extend(part.into_chunks());
            }
        }
        Some(Self::from_chunks(signal, chunks, items))
    }
}
