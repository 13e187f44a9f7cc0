//! OTLP/JSON in and out: proto3 JSON with OTLP's exceptions (hexadecimal ids, enums as numbers),
//! streamed between text and bytes without a tree in between.
//!
//! The table of OTLP (`fields`) drives both directions.

use crate::check::is_ascii;
use crate::{Data, Limits, Logs, Metrics, NotUtf8, Signal, Traces, schema};

mod number;
mod read;
mod scan;
mod skip;
#[cfg(test)]
mod tests;
mod write;

pub(crate) use write::object as write_object;

/// Why a text is not OTLP/JSON: the Collector's words, with the text around the place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct JsonError {
    // Two words: results come back in registers.
    message: Box<str>,
}

impl Data {
    /// Reads an OTLP/JSON request of `signal`. What follows the request's closing brace is ignored,
    /// as the Collector does.
    ///
    /// # Errors
    /// The first place that is not JSON, not of the type its field has, or beyond `limits`.
    pub fn from_json(signal: Signal, text: &[u8], limits: &Limits) -> Result<Self, JsonError> {
        // RFC 8259, 8.1.
        if !is_ascii(text)
            && let Err(error) = str::from_utf8(text)
        {
            let message = format!("invalid UTF-8 at byte {}", error.valid_up_to());
            return Err(JsonError { message: message.into() });
        }
        let bytes = read::transcode(schema::of(signal), text, limits.depth)?;
        // Text of a text that is UTF-8 is UTF-8.
        let limits = Limits { not_utf8: NotUtf8::Pass, ..limits.clone() };
        Data::try_from_otlp(signal, bytes, &limits)
            .map_err(|error| JsonError { message: error.to_string().into() })
    }

    /// Appends the OTLP/JSON request: fields in the Collector's order, without blanks.
    pub fn to_json(&self, out: &mut Vec<u8>) {
        // Text is about twice as long as OTLP.
        out.reserve(self.bytes() * 2);
        match self.chunks() {
            [] => out.extend_from_slice(b"{}"),
            [one] => write::object(schema::of(self.signal()), one, out),
            many => write::object(schema::of(self.signal()), &many.concat(), out),
        }
    }
}

macro_rules! json_of {
    ($name:ident) => {
        impl $name {
            /// Reads an OTLP/JSON request.
            ///
            /// # Errors
            /// As [`Data::from_json`].
            pub fn from_json(text: &[u8], limits: &Limits) -> Result<Self, JsonError> {
                match Data::from_json(Signal::$name, text, limits)? {
                    Data::$name(it) => Ok(it),
                    _ => Ok(Self::default()),
                }
            }

            /// Appends the OTLP/JSON request.
            pub fn to_json(&self, out: &mut Vec<u8>) {
                Data::from(self.clone()).to_json(out);
            }
        }
    };
}

json_of!(Traces);
json_of!(Metrics);
json_of!(Logs);
