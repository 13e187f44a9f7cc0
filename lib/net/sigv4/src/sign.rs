//! Signature Version 4: what is signed of a request, and how.
//!
//! Source: "Create a signed AWS API request", AWS Identity and Access Management user guide. Compared with the signer of
//! aws-sdk-go-v2, `aws/signer/v4`.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use component::config::Secret;
use credentials::Lasting;
use http::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue};
use pdata::text::{hex, is_unreserved, percent_encoded};
use ring::{digest, hmac};

/// Credentials are replaced so long before their end.
const AHEAD: Duration = Duration::from_secs(5 * 60);
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
/// The headers that are signed, in the order of their names. Others may be changed by proxies on the way.
static SIGNED: [HeaderName; 4] = [CONTENT_TYPE, HOST, DATE, TOKEN];

/// Who signs.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The access key.
    pub id: String,
    /// Its secret.
    pub secret: Secret,
    /// Of a session.
    pub token: Option<Secret>,
    /// `None` for those that have no end.
    pub end: Option<SystemTime>,
}

impl Lasting for Credentials {
    fn is_valid(&self) -> bool {
        self.end.is_none_or(|end| component::clock::now() < end)
    }

    fn is_due(&self) -> bool {
        self.end.is_some_and(|end| end <= component::clock::now() + AHEAD)
    }
}

/// A request to a service of AWS.
pub struct ToSign<'a> {
    /// `POST`.
    pub method: &'a str,
    /// Path and query, as they stand in the request line.
    pub path: &'a str,
    /// Its parts.
    pub body: &'a [&'a [u8]],
    /// `eu-west-1`.
    pub region: &'a str,
    /// `ec2`.
    pub service: &'a str,
    /// As `20150830T123600Z`.
    pub time: &'a str,
}

/// Now, as it is signed: `20150830T123600Z`.
pub fn time() -> String {
    let now = humantime::format_rfc3339_seconds(component::clock::now()).to_string();
    now.replace(['-', ':'], "")
}

/// Adds what shows who sends the request. `headers` has its `host` already.
///
/// # Errors
/// A credential has bytes that no header can have.
pub fn sign(
    request: &ToSign<'_>,
    credentials: &Credentials,
    headers: &mut HeaderMap,
) -> Result<(), String> {
    headers.insert(DATE, value(request.time)?);
    headers.remove(TOKEN);
    if let Some(token) = &credentials.token {
        headers.insert(TOKEN, secret(token.expose())?);
    }
    let names = SIGNED.iter().map(HeaderName::as_str).filter(|it| headers.contains_key(*it));
    let names = names.collect::<Vec<_>>().join(";");
    let day = request.time.get(..8).unwrap_or_default();
    let scope = format!("{day}/{}/{}/aws4_request", request.region, request.service);
    let canonical = canonical(request, headers, &names);
    let hashed = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
    let text = format!("{ALGORITHM}\n{}\n{scope}\n{hashed}", request.time);
    let key = key(credentials.secret.expose(), [day, request.region, request.service]);
    let signature = hex(hmac::sign(&key, text.as_bytes()).as_ref());
    let id = &credentials.id;
    let authorization = format!(
        "{ALGORITHM} Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}"
    );
    headers.insert(http::header::AUTHORIZATION, secret(&authorization)?);
    Ok(())
}

fn value(text: &str) -> Result<HeaderValue, String> {
    HeaderValue::try_from(text).map_err(|_| "a credential cannot be sent in a header".to_owned())
}

fn secret(text: &str) -> Result<HeaderValue, String> {
    let mut value = value(text)?;
    value.set_sensitive(true);
    Ok(value)
}

/// The request in the one form that both sides hash.
fn canonical(request: &ToSign<'_>, headers: &HeaderMap, names: &str) -> String {
    let (path, query) = request.path.split_once('?').unwrap_or((request.path, ""));
    let mut text = format!("{}\n{}\n{}\n", request.method, encoded(path, b"/"), sorted(query));
    for name in names.split(';') {
        let values = headers.get_all(name).iter().map(|it| it.to_str().unwrap_or_default().trim());
        let _ = writeln!(text, "{name}:{}", values.collect::<Vec<_>>().join(","));
    }
    let mut hash = digest::Context::new(&digest::SHA256);
    request.body.iter().for_each(|it| hash.update(it));
    let _ = write!(text, "\n{names}\n{}", hex(hash.finish().as_ref()));
    text
}

/// Every byte that is not a letter, a digit, one of `-_.~` or `kept`, as `%XX`. A path is encoded once more than it
/// stands in the request line, by every service but S3.
pub fn encoded(text: &str, kept: &[u8]) -> String {
    percent_encoded(text, |it| is_unreserved(it) || kept.contains(&it))
}

/// The parameters in the order of their names; they are encoded already.
fn sorted(query: &str) -> String {
    let mut pairs: Vec<String> = (query.split('&').filter(|it| !it.is_empty()))
        .map(|it| if it.contains('=') { it.to_owned() } else { format!("{it}=") })
        .map(|it| it.replace('+', "%20"))
        .collect();
    pairs.sort_unstable();
    pairs.join("&")
}

/// The key of a day, a region and a service.
fn key(secret: &str, scope: [&str; 3]) -> hmac::Key {
    let first = hmac::Key::new(hmac::HMAC_SHA256, format!("AWS4{secret}").as_bytes());
    scope.into_iter().chain(["aws4_request"]).fold(first, |key, part| {
        hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of AWS's own test suite for signers (`aws-sig-v4-test-suite`).
    fn example(token: Option<&str>) -> Credentials {
        Credentials {
            id: "AKIDEXAMPLE".into(),
            secret: Secret::from("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            token: token.map(Secret::from),
            end: None,
        }
    }

    fn signature(
        method: &str,
        path: &str,
        content_type: Option<&'static str>,
        body: &str,
    ) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("example.amazonaws.com"));
        if let Some(it) = content_type {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(it));
        }
        let request = ToSign {
            method,
            path,
            body: &[body.as_bytes()],
            region: "us-east-1",
            service: "service",
            time: "20150830T123600Z",
        };
        sign(&request, &example(None), &mut headers).unwrap();
        assert!(headers["authorization"].is_sensitive());
        headers["authorization"].to_str().unwrap().rsplit_once("Signature=").unwrap().1.to_owned()
    }

    #[test]
    fn requests_of_awss_test_suite_get_its_signatures() {
        for (path, want) in [
            // get-vanilla
            ("/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            // get-vanilla-query-order-key-case
            (
                "/?Param2=value2&Param1=value1",
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
        ] {
            assert_eq!(signature("GET", path, None, ""), want, "{path}");
        }
        // post-vanilla, post-x-www-form-urlencoded
        assert_eq!(
            signature("POST", "/", None, ""),
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
        );
        assert_eq!(
            signature("POST", "/", Some("application/x-www-form-urlencoded"), "Param1=value1"),
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"
        );
    }

    #[test]
    fn the_token_of_a_role_is_sent_and_signed() {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("h"));
        let request = ToSign {
            method: "POST",
            path: "/a%20b/c",
            body: &[],
            region: "r",
            service: "s",
            time: "20150830T123600Z",
        };
        sign(&request, &example(Some("session")), &mut headers).unwrap();
        assert_eq!(headers[TOKEN], "session");
        assert!(headers[TOKEN].is_sensitive());
        let signed = headers["authorization"].to_str().unwrap();
        assert!(signed.contains("SignedHeaders=host;x-amz-date;x-amz-security-token,"), "{signed}");
        assert!(canonical(&request, &headers, "host").starts_with("POST\n/a%2520b/c\n\nhost:h\n"));
    }
}
