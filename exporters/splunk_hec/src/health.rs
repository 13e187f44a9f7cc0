//! The check at the start.

use std::time::Duration;

use confighttp::client::{Fetcher, Url, Ways, sent_headers};
use http::Method;

use crate::config::Config;

/// Most bytes that are read of the answer.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// Longest wait where the section says 0.
const TIMEOUT: Duration = Duration::from_secs(60);

/// # Errors
/// Splunk is not healthy, or cannot be asked.
pub(crate) async fn check(config: &Config, agent: &str) -> Result<(), String> {
    let url = Url::parse(&config.url_of(&config.health.health_path)?)?;
    let ways = Ways { proxy_url: config.client.proxy_url.clone(), ..Ways::default() };
    let timeout = Some(config.client.timeout.std()).filter(|it| !it.is_zero()).unwrap_or(TIMEOUT);
    let fetcher = Fetcher::by(&ways, &config.client.tls, &url, timeout, agent)?;
    let headers = sent_headers(&config.client.headers)?;
    let answer = fetcher.fetch(Method::GET, &url, &headers, b"", ANSWER_BYTES_MAX).await;
    let answer = answer.map_err(|why| format!("Get \"{url}\": {why}"))?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    Err(crate::send::answered(&url, status, answer.body()))
}
