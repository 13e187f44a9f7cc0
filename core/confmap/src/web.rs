//! `http:` and `https:` locations: one GET, bounded in time, redirects and size.

use std::sync::Arc;
use std::time::Duration;

use ureq::config::{Config, RedirectAuthHeaders};
use ureq::http::{StatusCode, Uri};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Error, Proxy};

use crate::redact::hide_in_addresses;
use crate::yaml::TEXT_BYTES_MAX;

/// What one download may cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// From the name of the host to the last byte.
    pub(crate) time: Duration,
    /// Redirects followed, as Go's client.
    pub(crate) redirects: u32,
    /// Bytes of the answer.
    pub(crate) bytes: usize,
}

/// The limits of a location.
pub(crate) const LIMITS: Limits =
    Limits { time: Duration::from_secs(10), redirects: 10, bytes: TEXT_BYTES_MAX };

/// What stands at `uri`.
///
/// # Errors
/// The Collector's text, without credentials.
pub(crate) fn get(uri: &str, limits: Limits) -> Result<Vec<u8>, String> {
    let shown = hide_in_addresses(uri);
    let fail =
        |why: String| format!("unable to download the file via HTTP GET for uri {shown:?}: {why}");
    let agent = Agent::new_with_config(config(uri, limits).map_err(fail)?);
    let mut answer = agent.get(uri).call().map_err(|it| fail(reason(it, limits)))?;
    if answer.status() != StatusCode::OK {
        let status = answer.status().as_u16();
        return Err(format!("failed to load resource from uri {shown:?}. status code: {status}"));
    }
    // One byte more tells too long from just long enough.
    let body = answer.body_mut().with_config().limit(limits.bytes as u64 + 1).read_to_vec();
    match body {
        Ok(body) if body.len() <= limits.bytes => Ok(body),
        Ok(_) | Err(Error::BodyExceedsLimit(_)) => {
            Err(fail(format!("the answer is larger than {} bytes", limits.bytes)))
        }
        Err(error) => Err(fail(reason(error, limits))),
    }
}

fn config(uri: &str, limits: Limits) -> Result<Config, String> {
    let config = Agent::config_builder()
        .timeout_global(Some(limits.time))
        .max_redirects(limits.redirects)
        .redirect_auth_headers(RedirectAuthHeaders::SameHost)
        .http_status_as_error(false)
        .user_agent("sluice")
        .proxy(proxy(uri));
    // A plain location may be redirected to an encrypted one.
    Ok(config.tls_config(tls(uri)?).build())
}

/// The surroundings' proxy; as in Go not for this machine.
fn proxy(uri: &str) -> Option<Proxy> {
    let host = uri.parse::<Uri>().ok()?.host()?.trim_matches(['[', ']']).to_owned();
    let is_local = host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    if is_local { None } else { Proxy::try_from_env() }
}

/// The authorities of the system; `SSL_CERT_FILE` and `SSL_CERT_DIR` name others.
fn tls(uri: &str) -> Result<TlsConfig, String> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() && uri.starts_with("https:") {
        return Err("this system has no certificates of authorities: set SSL_CERT_FILE".to_owned());
    }
    let certificates: Vec<_> =
        found.certs.iter().map(|it| Certificate::from_der(it).to_owned()).collect();
    let roots = RootCerts::Specific(Arc::new(certificates));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(TlsConfig::builder().root_certs(roots).unversioned_rustls_crypto_provider(provider).build())
}

/// Why it failed, in few words.
fn reason(error: Error, limits: Limits) -> String {
    match error {
        Error::Timeout(_) => format!("no complete answer within {} s", limits.time.as_secs_f32()),
        Error::TooManyRedirects => format!("stopped after {} redirects", limits.redirects),
        Error::HostNotFound => "no such host".to_owned(),
        Error::Io(error) => {
            let text = error.to_string();
            let text = text.split(" (os error").next().unwrap_or_default();
            text.to_lowercase()
        }
        other => hide_in_addresses(&other.to_string()),
    }
}
