//! The server that gives tokens, and what it answers (RFC 6749, sections 4.4 and 5).

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use confighttp::client::{Fetcher, Url};
use credentials::Lasting;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, Response, StatusCode};
use pdata::text::{Base64, is_unreserved, percent_encoded};
use serde_json::Value;
use tokio::time::Instant;

use crate::Config;
use crate::assertion::Assertion;
use crate::credential::Credential;

/// Parameters that this extension writes itself.
pub(crate) const OWN_PARAMS: &[&str] = &["scope", "client_id", "client_secret", "assertion"];
/// Most bytes of an answer that are read. Tokens are some hundred bytes; golang.org/x/oauth2 reads as much.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// The time for one request, where `timeout` says none.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Most characters of a server's explanation that are shown.
const EXPLANATION_CHARS_MAX: usize = 200;

/// What goes into the header of a request, and how long.
pub(crate) struct Token {
    value: HeaderValue,
    /// When it is to be replaced, and when it ends; `None` for one that does not end.
    life: Option<(Instant, Instant)>,
}

impl Token {
    pub(crate) fn value(&self) -> &HeaderValue {
        &self.value
    }
}

impl Lasting for Token {
    fn is_valid(&self) -> bool {
        self.life.is_none_or(|(_, end)| Instant::now() < end)
    }

    fn is_due(&self) -> bool {
        self.life.is_some_and(|(due, _)| due <= Instant::now())
    }
}

/// The server.
pub(crate) struct Server {
    url: Url,
    fetcher: Fetcher,
    proof: Proof,
    /// Everything in the form but the proof.
    form: String,
    buffer: Duration,
    /// It wants id and secret in the form, not in a header.
    in_form: AtomicBool,
}

/// How the client shows who it is.
pub(crate) enum Proof {
    /// By a name and a secret.
    Secret(Credential, Credential),
    /// By a statement that it has signed.
    Signed(Assertion),
}

impl Server {
    pub(crate) fn new(config: &Config, proof: Proof, agent: &str) -> Result<Self, String> {
        let url = Url::parse(&config.token_url)?;
        let timeout = Some(config.timeout.std()).filter(|it| !it.is_zero()).unwrap_or(TIMEOUT);
        let fetcher = Fetcher::new(&config.tls, &url, timeout, agent)?;
        let buffer = config.expiry_buffer.std();
        let (form, in_form) = (form(config), AtomicBool::new(false));
        Ok(Self { url, fetcher, proof, form, buffer, in_form })
    }

    /// Asks for a token. RFC 6749 wants servers to take id and secret in a header; those that take them only in the form
    /// refuse, and are asked again with that, as golang.org/x/oauth2 does.
    pub(crate) async fn token(&self) -> Result<Token, String> {
        let begun = Instant::now();
        let token = match &self.proof {
            Proof::Secret(id, secret) => self.by_secret(&id.get(), &secret.get()).await?,
            Proof::Signed(assertion) => {
                let signed = assertion.signed()?;
                let mut body = self.form.clone();
                push(&mut body, "assertion", &signed);
                let answer = self.ask(HeaderMap::new(), body).await?;
                read(&answer).map_err(|why| hide(&why, &signed))?
            }
        };
        let life = token.seconds.map(|seconds| {
            let life = Duration::from_secs(seconds);
            let buffer = if self.buffer < life { self.buffer } else { life / 2 };
            (begun + life.saturating_sub(buffer), begun + life)
        });
        Ok(Token { value: token.value, life })
    }

    async fn by_secret(&self, id: &str, secret: &str) -> Result<Answer, String> {
        let in_form = self.in_form.load(Relaxed);
        let (headers, body) = self.with_secret(id, secret, in_form)?;
        let mut answer = self.ask(headers, body).await?;
        if answer.status().is_client_error() && !in_form {
            let (headers, body) = self.with_secret(id, secret, true)?;
            let other = self.ask(headers, body).await?;
            if other.status().is_success() {
                self.in_form.store(true, Relaxed);
                answer = other;
            }
        }
        read(&answer).map_err(|why| hide(&why, secret))
    }

    fn with_secret(
        &self,
        id: &str,
        secret: &str,
        in_form: bool,
    ) -> Result<(HeaderMap, String), String> {
        let (mut headers, mut body) = (HeaderMap::new(), self.form.clone());
        if in_form {
            push(&mut body, "client_id", id);
            push(&mut body, "client_secret", secret);
        } else {
            // Section 2.3.1: both are encoded as in a form before they are put together.
            let pair = format!("{}:{}", encoded(id), encoded(secret));
            let value = format!("Basic {}", Base64::STANDARD.encode(pair.as_bytes()));
            let mut value = HeaderValue::try_from(value).map_err(|it| it.to_string())?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        Ok((headers, body))
    }

    async fn ask(
        &self,
        mut headers: HeaderMap,
        body: String,
    ) -> Result<Response<impl AsRef<[u8]> + use<>>, String> {
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, form);
        let sent = self.fetcher.fetch(
            Method::POST,
            &self.url,
            &headers,
            body.as_bytes(),
            ANSWER_BYTES_MAX,
        );
        sent.await.map_err(|why| format!("Post \"{}\": {why}", self.url))
    }
}

fn form(config: &Config) -> String {
    let mut form = String::new();
    if !config.endpoint_params.contains_key("grant_type") {
        push(&mut form, "grant_type", config.grant());
    }
    if !config.scopes.is_empty() {
        push(&mut form, "scope", &config.scopes.join(" "));
    }
    for (name, values) in &config.endpoint_params {
        values.iter().for_each(|value| push(&mut form, name, value));
    }
    form
}

fn push(form: &mut String, name: &str, value: &str) {
    if !form.is_empty() {
        form.push('&');
    }
    let _ = write!(form, "{}={}", encoded(name), encoded(value));
}

/// As in a form: `application/x-www-form-urlencoded`.
fn encoded(text: &str) -> String {
    percent_encoded(text, is_unreserved).replace("%20", "+")
}

struct Answer {
    value: HeaderValue,
    seconds: Option<u64>,
}

/// The token in an answer, or why there is none. The text of an answer is not repeated: it could hold a token.
fn read(answer: &Response<impl AsRef<[u8]>>) -> Result<Answer, String> {
    let status = answer.status();
    let json: Result<Value, _> = serde_json::from_slice(answer.body().as_ref());
    let field = |name: &str| json.as_ref().ok().and_then(|it| it.get(name));
    let text = |name: &str| field(name).and_then(Value::as_str).filter(|it| !it.is_empty());
    if let Some(code) = text("error") {
        let why = text("error_description").map(|it| format!(" {:?}", short(it)));
        return Err(format!("oauth2: {:?}{}", short(code), why.unwrap_or_default()));
    }
    if !status.is_success() {
        return Err(refusal(status));
    }
    if let Err(error) = &json {
        let place = format!("line {}, column {}", error.line(), error.column());
        return Err(format!("oauth2: cannot parse json: the answer is none ({place})"));
    }
    let token = text("access_token").ok_or("oauth2: server response missing access_token")?;
    let scheme = match text("token_type").unwrap_or("Bearer") {
        it if it.eq_ignore_ascii_case("bearer") => "Bearer",
        it if it.eq_ignore_ascii_case("mac") => "MAC",
        it if it.eq_ignore_ascii_case("basic") => "Basic",
        other => other,
    };
    let value = HeaderValue::try_from(format!("{scheme} {token}"));
    let mut value =
        value.map_err(|_| "oauth2: the token holds characters that no header can carry")?;
    value.set_sensitive(true);
    Ok(Answer { value, seconds: field("expires_in").and_then(seconds) })
}

/// A number, or as PayPal writes it a number in quotes. 0 stands for one that does not end.
fn seconds(value: &Value) -> Option<u64> {
    let number = value.as_f64().or_else(|| value.as_str().and_then(|it| it.parse().ok()))?;
    // What is longer than the years that 32 bits of seconds hold does not end.
    let lasting =
        (1.0..f64::from(u32::MAX)).contains(&number).then(|| Duration::from_secs_f64(number));
    lasting.map(|it| it.as_secs())
}

fn refusal(status: StatusCode) -> String {
    let advice = match status.as_u16() {
        300..=399 => ": it redirects; set token_url to where it leads",
        404 | 405 => ": check token_url",
        400 | 401 | 403 => ": check client_id and client_secret",
        _ => "",
    };
    format!("oauth2: cannot fetch token: {status}{advice}")
}

fn short(text: &str) -> String {
    text.chars().take(EXPLANATION_CHARS_MAX).collect()
}

/// A server may repeat what it was sent.
fn hide(text: &str, secret: &str) -> String {
    if secret.is_empty() { text.to_owned() } else { text.replace(secret, "[REDACTED]") }
}
