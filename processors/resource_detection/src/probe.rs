//! What detectors ask: variables, the files of the machine, metadata services over HTTP. A test has its own of each.

use std::sync::Arc;
use std::time::Duration;

use confighttp::client::{Fetcher, Url, Ways};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use machine::Machine;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::found::Found;

/// Where most clouds have their metadata service.
pub(crate) const LINK_LOCAL: &str = "http://169.254.169.254";
/// Longest answer of a metadata service that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// Shortest time that a request is given.
const REQUEST_MIN: Duration = Duration::from_millis(10);

/// A variable of the environment.
type Variable = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// The world as detectors see it.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) variable: Variable,
    pub(crate) machine: Machine,
    /// Stands for every metadata service, in tests.
    pub(crate) base: Option<String>,
    /// Where Docker's daemon is, where `DOCKER_HOST` does not say.
    pub(crate) docker: String,
    /// How requests announce themselves.
    pub(crate) agent: String,
    /// How services that are not at hand are reached.
    pub(crate) far: Ways,
}

impl World {
    /// This machine.
    pub(crate) fn this(agent: String) -> Self {
        let variable = |name: &str| std::env::var(name).ok();
        Self {
            variable: Arc::new(variable),
            machine: Machine::default(),
            base: None,
            docker: "unix:///var/run/docker.sock".into(),
            agent,
            far: Ways::default(),
        }
    }
}

/// One look of one detector.
pub(crate) struct Probe {
    pub(crate) world: World,
    /// Until when answers are waited for.
    pub(crate) deadline: Instant,
    /// A metadata service that does not answer is a failure.
    pub(crate) strict: bool,
    /// The name of the detector.
    pub(crate) detector: &'static str,
}

impl Probe {
    /// A variable that is set, also to nothing.
    pub(crate) fn set(&self, name: &str) -> Option<String> {
        (self.world.variable)(name)
    }

    /// A variable that is set to something.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        self.set(name).filter(|it| !it.trim().is_empty())
    }

    /// What the files of the machine say.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Machine) -> Option<T> + Send + 'static,
    ) -> Option<T> {
        let machine = self.world.machine.clone();
        tokio::task::spawn_blocking(move || look(&machine)).await.ok().flatten()
    }

    /// What it detects is not there, or cannot be asked.
    ///
    /// # Errors
    /// If that is a failure.
    pub(crate) fn missing(&self, why: String) -> Result<Found, String> {
        tracing::debug!(detector = self.detector, error = why, "nothing is detected");
        if self.strict { Err(why) } else { Ok(Found::default()) }
    }

    /// True when nothing is waited for any more.
    pub(crate) fn is_over(&self) -> bool {
        self.deadline <= Instant::now()
    }

    /// Until the deadline.
    pub(crate) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now()).max(REQUEST_MIN)
    }

    /// Sends a request to a path of the service at `service`.
    ///
    /// # Errors
    /// Without an answer.
    pub(crate) async fn send(
        &self,
        method: Method,
        (service, path): (&str, &str),
        headers: &[(&'static str, &str)],
    ) -> Result<Response<bytes::Bytes>, String> {
        let tls = configtls::ClientConfig::default();
        self.ask(method, &self.url(service, path), headers, &tls).await
    }

    /// Where a path of a service is.
    pub(crate) fn url(&self, service: &str, path: &str) -> String {
        format!("{}{path}", self.world.base.as_deref().unwrap_or(service))
    }

    /// The same for a URL. A metadata service is near: no proxy stands between.
    ///
    /// # Errors
    /// Without an answer.
    pub(crate) async fn ask(
        &self,
        method: Method,
        url: &str,
        headers: &[(&'static str, &str)],
        tls: &configtls::ClientConfig,
    ) -> Result<Response<bytes::Bytes>, String> {
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            let value = HeaderValue::try_from(*value)
                .map_err(|_| format!("the value of the header {name} is malformed"))?;
            all.insert(HeaderName::from_static(name), value);
        }
        let ways = Ways { environment: false, ..Ways::default() };
        self.fetch(method, url, (&all, ""), (&ways, tls)).await
    }

    /// Asks a service that is not at hand: a proxy may stand between.
    ///
    /// # Errors
    /// Without an answer.
    pub(crate) async fn far(
        &self,
        method: Method,
        url: &str,
        (headers, body): (&HeaderMap, &str),
    ) -> Result<Response<bytes::Bytes>, String> {
        let (ways, tls) = (&self.world.far, configtls::ClientConfig::default());
        self.fetch(method, url, (headers, body), (ways, &tls)).await
    }

    /// Sends a request with a body.
    ///
    /// # Errors
    /// Without an answer.
    async fn fetch(
        &self,
        method: Method,
        url: &str,
        (headers, body): (&HeaderMap, &str),
        (ways, tls): (&Ways, &configtls::ClientConfig),
    ) -> Result<Response<bytes::Bytes>, String> {
        let url = Url::parse(url)?;
        let fetcher = Fetcher::by(ways, tls, &url, self.left(), &self.world.agent)?;
        let answer = fetcher.fetch(method, &url, headers, body.as_bytes(), ANSWER_BYTES_MAX).await;
        answer.map_err(|error| error.to_string())
    }

    /// The text at a path of a service.
    ///
    /// # Errors
    /// Without a good answer.
    pub(crate) async fn text(
        &self,
        (service, path): (&str, &str),
        headers: &[(&'static str, &str)],
    ) -> Result<String, String> {
        let answer = self.send(Method::GET, (service, path), headers).await?;
        good(path, answer)
    }

    /// The JSON at a path of a service.
    ///
    /// # Errors
    /// Without a good answer.
    pub(crate) async fn json<T: DeserializeOwned>(
        &self,
        (service, path): (&str, &str),
        headers: &[(&'static str, &str)],
    ) -> Result<T, String> {
        let text = self.text((service, path), headers).await?;
        read(path, &text)
    }
}

/// The body of an answer with the status 200.
///
/// # Errors
/// With any other.
pub(crate) fn good(path: &str, answer: Response<bytes::Bytes>) -> Result<String, String> {
    let status = answer.status();
    if status != StatusCode::OK {
        return Err(format!("{path} was answered with {status}"));
    }
    Ok(String::from_utf8_lossy(answer.body()).into_owned())
}

/// JSON as a `T`.
///
/// # Errors
/// It is none.
pub(crate) fn read<T: DeserializeOwned>(path: &str, text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| format!("the answer to {path}: {error}"))
}
