//! The status of a span of the first version, from tags of four conventions. `zipkinv1/status_code.go`, v0.149.

use wire::tags::TagValue;

const OK: i32 = 1;
const ERROR: i32 = 2;

/// Where a status may come from, the best first: census, `otel.status_code`, `error`, HTTP.
#[derive(Debug, Default)]
pub(crate) struct StatusMapper {
    census: Option<i32>,
    census_message: String,
    otel: Option<i32>,
    otel_message: String,
    http: Option<i32>,
    http_message: String,
    error: bool,
}

impl StatusMapper {
    /// Takes note of a tag, and says whether it is nothing but a status.
    pub(crate) fn takes(&mut self, key: &str, value: &TagValue<'_>) -> bool {
        let number = number(value);
        match key {
            "census.status_code" => {
                self.census = number.map(|it| if it == 0 { OK } else { ERROR }).or(self.census);
            }
            "census.status_description" | "opencensus.status_description" => {
                value.text().clone_into(&mut self.census_message);
            }
            "otel.status_code" => self.otel = number.or(self.otel),
            "otel.status_description" => value.text().clone_into(&mut self.otel_message),
            "error" => self.error = true,
            "http.status_code" => {
                let code = number.map(|it| if (100..400).contains(&it) { 0 } else { ERROR });
                self.http = code.or(self.http);
                return false;
            }
            "http.status_message" => {
                value.text().clone_into(&mut self.http_message);
                return false;
            }
            _ => return false,
        }
        true
    }

    /// Code and message.
    pub(crate) fn status(self) -> (i32, String) {
        match self {
            Self { census: Some(code), census_message, .. } => (code, census_message),
            Self { otel: Some(code), otel_message, .. } => (code, otel_message),
            Self { error: true, census_message, otel_message, .. } => {
                (ERROR, if census_message.is_empty() { otel_message } else { census_message })
            }
            Self { http: Some(code), http_message, .. } => (code, http_message),
            _ => (0, String::new()),
        }
    }
}

fn number(value: &TagValue<'_>) -> Option<i32> {
    match value {
        TagValue::Int(it) => i32::try_from(*it).ok(),
        TagValue::Text(it) => it.parse().ok(),
        _ => None,
    }
}
