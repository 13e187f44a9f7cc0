//! `providers.aws.sign_req`: AWS Signature Version 4 over a request, as OPA's `internal/providers/aws/signing_v4.go`.

use std::collections::BTreeMap;

use regorus::Value;
use regorus::value::Object;
use ring::{digest, hmac};

use super::args::{Answer, Failure, Table, field, object, set_of};
use super::crypto::hex;
use super::print::rego;

pub const TABLE: Table = &[("providers.aws.sign_req", sign_req)];

const CONFIG: [&str; 4] = ["aws_service", "aws_access_key", "aws_secret_access_key", "aws_region"];
/// Headers that proxies change.
const UNSIGNED: [&str; 3] = ["authorization", "user-agent", "x-amzn-trace-id"];

fn operand<T>(index: usize, text: &str) -> Result<T, Failure> {
    Err(Failure::Type(format!("operand {index} {text}")))
}

/// All of `keys` must be there, and be texts.
fn texts(index: usize, entries: &Object, keys: &[&str], what: &str) -> Result<(), Failure> {
    let listed = |keys: Vec<&str>| rego(&set_of(keys.into_iter().map(Value::from)));
    let missing: Vec<&str> =
        keys.iter().copied().filter(|it| field(entries, it).is_none()).collect();
    if !missing.is_empty() {
        return operand(
            index,
            &format!("missing required {what} parameters(s): {}", listed(missing)),
        );
    }
    let is_text = |it: &&str| matches!(field(entries, it), Some(Value::String(_)));
    let invalid: Vec<&str> = keys.iter().copied().filter(|it| !is_text(it)).collect();
    if !invalid.is_empty() {
        return operand(
            index,
            &format!("invalid values for required {what} parameters(s): {}", listed(invalid)),
        );
    }
    Ok(())
}

fn text(entries: &Object, key: &str) -> String {
    field(entries, key)
        .and_then(|it| it.as_string().ok())
        .map(ToString::to_string)
        .unwrap_or_default()
}

fn sign_req(args: &[Value]) -> Answer {
    let (request, config) = (object(args, 0)?, object(args, 1)?);
    texts(2, config, &CONFIG, "AWS config")?;
    let Some(Value::Number(nanos)) = args.get(2) else {
        return super::args::wrong(args, 2, "number");
    };
    let Some(nanos) = nanos.as_i64() else {
        return operand(3, "could not convert time_ns value into a unix timestamp");
    };
    texts(1, request, &["method", "url"], "request")?;
    let unsigned = match field(config, "disable_payload_signing") {
        None => false,
        Some(Value::Bool(it)) => *it,
        Some(_) => return operand(2, "invalid value for 'disable_payload_signing' in AWS config"),
    };
    let mut headers = BTreeMap::new();
    match field(request, "headers") {
        None => {}
        Some(Value::Object(given)) => {
            headers.extend(given.iter().map(|(key, value)| (plain(key), plain(value))));
        }
        Some(_) => return operand(1, "must be object"),
    }
    let body = match (field(request, "raw_body"), field(request, "body")) {
        (Some(raw), _) => plain(raw),
        (None, Some(body)) => {
            serde_json::to_string(body).map_err(|it| Failure::Failed(it.to_string()))?
        }
        (None, None) => String::new(),
    };
    let hash = if unsigned { "UNSIGNED-PAYLOAD".to_owned() } else { sha256(&body) };
    let (added, authorization) = signed(request, config, &headers, &hash, nanos);
    let own = headers.into_iter().chain([("Authorization".to_owned(), authorization)]).chain(added);
    let all: BTreeMap<Value, Value> =
        own.map(|(key, value)| (Value::from(key), Value::from(value))).collect();
    let mut answer = request.clone();
    answer.insert(Value::from("headers"), Value::from(all));
    Ok(answer.into_value())
}

fn plain(value: &Value) -> String {
    value.as_string().map(ToString::to_string).unwrap_or_default()
}

fn sha256(text: &str) -> String {
    hex(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
}

/// The headers that AWS wants, and `Authorization`.
fn signed(
    request: &Object,
    config: &Object,
    headers: &BTreeMap<String, String>,
    hash: &str,
    nanos: i64,
) -> (BTreeMap<String, String>, String) {
    let (date, time) = stamps(nanos);
    let url = text(request, "url");
    let (host, path, query) = split(&url);
    let service = text(config, "aws_service");
    let mut added =
        BTreeMap::from([("host".to_owned(), host), ("x-amz-date".to_owned(), time.clone())]);
    if service == "s3" || service == "glacier" {
        added.insert("x-amz-content-sha256".into(), hash.to_owned());
    }
    let token = text(config, "aws_session_token");
    if !token.is_empty() {
        added.insert("x-amz-security-token".into(), token);
    }
    let mut to_sign = added.clone();
    for (key, value) in headers {
        let key = key.to_ascii_lowercase();
        if !UNSIGNED.contains(&key.as_str()) {
            to_sign.insert(key, value.clone());
        }
    }
    let lines: String = to_sign.iter().map(|(key, value)| format!("{key}:{value}\n")).collect();
    let names: Vec<&str> = to_sign.keys().map(String::as_str).collect();
    let names = names.join(";");
    let canonical =
        format!("{}\n{path}\n{query}\n{lines}\n{names}\n{hash}", text(request, "method"));
    let region = text(config, "aws_region");
    let scope = format!("{date}/{region}/{service}/aws4_request");
    let message = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", sha256(&canonical));
    let mac = |key: &[u8], text: &str| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
    };
    let secret = format!("AWS4{}", text(config, "aws_secret_access_key"));
    let parts = [date.as_str(), &region, &service, "aws4_request", &message];
    let signature = parts.iter().fold(secret.into_bytes(), |key, part| mac(&key, part));
    let access = text(config, "aws_access_key");
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={access}/{scope},SignedHeaders={names},Signature={}",
        hex(&signature)
    );
    (added, authorization)
}

/// Host, path and query of a URL.
fn split(url: &str) -> (String, String, String) {
    let rest = url.split_once("://").map_or(url, |it| it.1);
    let rest = rest.split('#').next().unwrap_or_default();
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let at = rest.find('/').unwrap_or(rest.len());
    let (host, path) = rest.split_at(at);
    let host = host.rsplit('@').next().unwrap_or_default();
    (host.to_owned(), path.to_owned(), query.to_owned())
}

/// `20151228` and `20151228T140825Z`. Days to dates: Howard Hinnant, "chrono-compatible low-level date algorithms".
fn stamps(nanos: i64) -> (String, String) {
    let seconds = nanos.div_euclid(1_000_000_000);
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let date = format!("{year:04}{month:02}{day:02}");
    let time = format!("{date}T{:02}{:02}{:02}Z", rest / 3600, rest / 60 % 60, rest % 60);
    (date, time)
}
