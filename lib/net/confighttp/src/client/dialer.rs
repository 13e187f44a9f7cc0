//! The way to a server: directly or through a proxy, in plain text or with TLS.

use std::sync::OnceLock;
use std::time::Duration;

use confignet::dial;
use confignet::proxy::{Proxies, Proxy};
use configtls::{Connector, MaybeTls};
use http::header::PROXY_AUTHORIZATION;
use http::{HeaderValue, Request};
use tokio::time::Instant;

use super::Url;

/// Longest wait for the server's side of a TLS handshake. `DefaultTransport` of Go's `net/http`.
const TLS_TIMEOUT: Duration = Duration::from_secs(10);

/// How long each step of a request has taken; of those that redirects led to, the last.
#[derive(Debug, Clone, Copy, Default)]
pub struct Phases {
    /// The name was looked up.
    pub lookup: Duration,
    /// The connection was made.
    pub connect: Duration,
    /// And encrypted.
    pub handshake: Duration,
    /// From the beginning until the request was sent.
    pub request: Duration,
    /// From the head of the answer to its end.
    pub response: Duration,
}

/// What is between a client and its servers.
pub(super) enum Chosen {
    /// `proxy_url`, for all requests.
    Always(Proxy),
    /// What the environment says for each server.
    Environment(Proxies),
}

impl Chosen {
    pub(super) fn new(proxy_url: &str, environment: Proxies) -> Result<Self, String> {
        match proxy_url {
            "" => Ok(Self::Environment(environment)),
            text => Proxy::parse(text).map(Self::Always).map_err(|why| format!("proxy_url: {why}")),
        }
    }
}

/// Makes connections. Certificates are read when the first request needs them: a redirect can lead from `http://` to
/// `https://`.
pub(super) struct Dialer {
    proxies: Chosen,
    section: configtls::ClientConfig,
    /// What is offered in a TLS handshake, the best one first.
    protocols: &'static [&'static str],
    connector: OnceLock<Result<Connector, String>>,
}

impl Dialer {
    /// For a client whose first server is `url`, which may speak HTTP/2.
    pub(super) fn new(
        proxies: Chosen,
        tls: &configtls::ClientConfig,
        url: &Url,
        http2: bool,
    ) -> Result<Self, String> {
        let protocols: &[&str] = if http2 { &["h2", "http/1.1"] } else { &["http/1.1"] };
        let (section, connector) = (tls.clone(), OnceLock::new());
        let dialer = Self { proxies, section, protocols, connector };
        dialer.proxy(url)?;
        if url.is_tls() {
            dialer.connector()?;
        }
        Ok(dialer)
    }

    /// The proxy before `url`, if there is one.
    pub(super) fn proxy(&self, url: &Url) -> Result<Option<Proxy>, String> {
        match &self.proxies {
            Chosen::Always(proxy) => Ok(Some(proxy.clone())),
            Chosen::Environment(proxies) => proxies.choose(url.is_tls(), url.target()),
        }
    }

    /// Writes into the head of a request for `url` what it has to say, and to whom. Returns the proxy that is asked for it;
    /// what is encrypted goes through a proxy unread, so none is.
    pub(super) fn address<'p, B>(
        url: &Url,
        proxy: Option<&'p Proxy>,
        request: &mut Request<B>,
    ) -> Result<Option<&'p Proxy>, String> {
        let asked = proxy.filter(|_| !url.is_tls());
        *request.uri_mut() = match asked {
            None => url.path().clone(),
            Some(_) => url.absolute()?,
        };
        if let Some(login) = asked.and_then(Proxy::authorization) {
            let mut login = HeaderValue::try_from(login).map_err(|it| it.to_string())?;
            login.set_sensitive(true);
            request.headers_mut().insert(PROXY_AUTHORIZATION, login);
        }
        Ok(asked)
    }

    fn connector(&self) -> Result<&Connector, String> {
        let made = self.connector.get_or_init(|| Connector::new(&self.section, self.protocols));
        made.as_ref().map_err(Clone::clone)
    }

    /// A connection to `url`, or to the proxy that is asked for it; and how long each step of it has taken.
    pub(super) async fn dial(
        &self,
        url: &Url,
        proxy: Option<&Proxy>,
        agent: &str,
        phases: &mut Phases,
    ) -> Result<MaybeTls<dial::Connection>, String> {
        let connector = if url.is_tls() { Some(self.connector()?) } else { None };
        let begun = Instant::now();
        let dialed = match proxy {
            Some(proxy) if url.is_tls() => proxy.tunnel(url.target(), agent).await,
            Some(proxy) => proxy.dial().await,
            None => dial::dial_measured(url.target(), &mut phases.lookup).await,
        };
        phases.connect = begun.elapsed().saturating_sub(phases.lookup);
        let connection = dialed?;
        let Some(connector) = connector else { return Ok(MaybeTls::Plain(connection)) };
        let begun = Instant::now();
        let shaken = connector.connect(url.name(), connection);
        let shaken = tokio::time::timeout(TLS_TIMEOUT, shaken).await;
        phases.handshake = begun.elapsed();
        shaken.unwrap_or_else(|_| Err("net/http: TLS handshake timeout".into()))
    }
}
