//! A name and a password: checks them for receivers against an htpasswd file, sends them for exporters.

use std::sync::{Arc, OnceLock};

use component::config::{Caution, Problems, Secret, Value};
use component::{
    AuthData, BoxError, Capability, ClientAuth, Component, Context, Extension, Host, Offers,
    Planned, Refusal, ServerAuth, Settings, async_trait,
};
use credentials::{Given, Watched};
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use pdata::text::Base64;
use serde::{Deserialize, Serialize};
use tracing::warn;

use checker::Checker;
use htpasswd::{User, Users};
pub use secrets::SecretProvider;

mod checker;
mod crypt;
mod htpasswd;
mod secrets;
#[cfg(test)]
mod tests;
mod turn;

/// `extensions: basic_auth:`
///
/// Upstream: `extension/basicauthextension`, v0.165.
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "basicauthextension.Config")]
pub struct Config {
    /// Whom receivers let in. Either this or `client_auth`.
    #[config(omit_empty)]
    pub htpasswd: Option<Htpasswd>,
    /// What exporters send. Either this or `htpasswd`.
    #[config(omit_empty)]
    pub client_auth: Option<Login>,
}

/// `htpasswd:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "basicauthextension.HtpasswdSettings")]
pub struct Htpasswd {
    /// A file as `htpasswd` makes it, read again when it changes. At most 8 MiB.
    pub file: String,
    /// Lines of such a file. They count before those of the file.
    pub inline: Secret,
    /// Refused: no extension of this program gives secrets.
    #[config(omit_empty)]
    pub secret_provider: Option<SecretProvider>,
}

/// `client_auth:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "basicauthextension.ClientAuthSettings")]
pub struct Login {
    /// The name.
    pub username: String,
    /// A file with the name, read again when it changes; counts before `username`.
    pub username_file: String,
    /// The password.
    pub password: Secret,
    /// A file with the password, read again when it changes; counts before `password`.
    pub password_file: String,
    /// Refused: no extension of this program gives secrets.
    #[config(omit_empty)]
    pub secret_provider: Option<SecretProvider>,
}

const NO_SOURCE: &str = "no credential source provided";
const ADVICE: &str = "write whom receivers let in: htpasswd: {file: ...}; or what exporters send: client_auth: {username: ..., \
                      password: ...}";
const NO_USER: &str =
    "the htpasswd holds no user: write name:password, best as htpasswd -B makes it";
/// Upstream's, for a name that the header cannot carry.
const NO_FORMAT: &str = "invalid authorization format";

impl component::Config for Config {
    fn validate(&self, problems: &mut Problems) {
        match (&self.htpasswd, &self.client_auth) {
            (Some(_), Some(_)) => {
                let both = "only one of `htpasswd` or `client_auth` can be specified";
                problems.at("", both).remove("client_auth");
            }
            (None, None) => drop(problems.at("", NO_SOURCE).say("", ADVICE)),
            (Some(_), None) => {}
            (None, Some(it)) => it.validate(problems),
        }
    }
}

impl Login {
    fn validate(&self, problems: &mut Problems) {
        if let Some(provider) = &self.secret_provider {
            let text = [&self.username, &self.username_file, &self.password_file];
            let has_other =
                text.iter().any(|it| !it.is_empty()) || !self.password.expose().is_empty();
            let instead = "client_auth::username_file and password_file, which are read again when they change";
            provider.validate("client_auth", (has_other, true), instead, problems);
        } else if self.username_file.is_empty() && self.username.contains(':') {
            let text = format!("{NO_FORMAT}: a name cannot contain a colon");
            problems.at_start("client_auth::username", text);
        }
    }
}

/// The section, with the users that are written in it.
#[derive(Clone)]
pub struct Plan {
    config: Config,
    inline: Arc<Users>,
}

impl Planned for Plan {
    type Section = Config;

    fn plan(config: Config, found: &mut Problems) -> Option<Self> {
        let server = config.htpasswd.as_ref().filter(|_| config.client_auth.is_none());
        let inline = server.map_or_else(Users::default, |it| it.users(found));
        Some(Self { config, inline: Arc::new(inline) })
    }
}

impl Htpasswd {
    fn users(&self, found: &mut Problems) -> Users {
        let has_other = !self.file.is_empty() || !self.inline.expose().is_empty();
        if let Some(provider) = &self.secret_provider {
            let instead = "htpasswd::file, which is read again when it changes";
            provider.validate("htpasswd", (has_other, false), instead, found);
            return Users::default();
        }
        let users = Users::read(self.inline.expose());
        if !has_other {
            found.late("", NO_SOURCE).say("htpasswd", ADVICE);
            return users;
        }
        for (line, why) in &users.unused {
            let text = format!("line {line} is not used: {why}");
            found.warn(Caution::NoEffect, "htpasswd::inline", text);
        }
        if self.file.is_empty() && users.is_empty() {
            found.at_start("htpasswd::inline", NO_USER);
        }
        users
    }
}

/// The extension.
pub struct BasicAuth {
    plan: Plan,
    checker: Checker,
    started: OnceLock<Started>,
}

/// What it works with.
enum Started {
    Server { inline: Arc<Users>, file: Option<Arc<Watched<Users>>> },
    Client { name: Given<String>, password: Given<String> },
}

impl Extension for BasicAuth {
    type Config = Plan;
    const TYPE: &'static str = "basic_auth";
    const ALIASES: &'static [&'static str] = &["basicauth"];
    const OFFERS: &'static [Offers] = &[Offers::ServerAuth, Offers::ClientAuth];

    fn create(_settings: Settings, plan: Plan) -> Result<Self, BoxError> {
        Ok(Self { plan, checker: Checker::new(), started: OnceLock::new() })
    }

    fn offers(self: Arc<Self>) -> Vec<Capability> {
        if self.plan.config.htpasswd.is_some() {
            vec![Capability::ServerAuth(self)]
        } else {
            vec![Capability::ClientAuth(self)]
        }
    }
}

#[async_trait]
impl Component for BasicAuth {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let Plan { config, inline } = &self.plan;
        let started = match (&config.htpasswd, &config.client_auth) {
            (Some(it), _) => server(it, Arc::clone(inline), host)?,
            (None, Some(it)) => client(it, host)?,
            (None, None) => return Err(NO_SOURCE.into()),
        };
        let _ = self.started.set(started);
        Ok(())
    }
}

fn server(section: &Htpasswd, inline: Arc<Users>, host: &Host) -> Result<Started, BoxError> {
    let file = match section.file.as_str() {
        "" => None,
        path => {
            let watched = Watched::open(path.as_ref(), host, users);
            Some(watched.map_err(|why| format!("open htpasswd file: {why}"))?)
        }
    };
    if file.is_none() && inline.is_empty() {
        return Err(NO_USER.into());
    }
    Ok(Started::Server { inline, file })
}

/// The users of a file.
fn users(text: &str) -> Result<Users, String> {
    let users = Users::read(text);
    if users.is_empty() {
        return Err(NO_USER.into());
    }
    for (line, why) in &users.unused {
        warn!(line, why, "a line of the htpasswd file is not used");
    }
    Ok(users)
}

fn client(section: &Login, host: &Host) -> Result<Started, BoxError> {
    let source = |text: &str, path: &str| {
        if path.is_empty() {
            return Ok::<_, BoxError>(Given::Fixed(text.to_owned()));
        }
        Ok(Given::File(Watched::open(path.as_ref(), host, |it| Ok(it.trim().to_owned()))?))
    };
    let name = source(&section.username, &section.username_file)?;
    let password = source(section.password.expose(), &section.password_file)?;
    Ok(Started::Client { name, password })
}

#[async_trait]
impl ServerAuth for BasicAuth {
    async fn authenticate(&self, headers: &HeaderMap) -> Result<AuthData, Refusal> {
        let sent = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
        let Some(sent) = sent.filter(|it| !it.is_empty()) else {
            return Err("no basic auth provided".into());
        };
        let (scheme, raw) = sent.split_at_checked("Basic ".len()).unwrap_or_default();
        if !scheme.eq_ignore_ascii_case(b"Basic ") {
            return Err("invalid authorization scheme prefix".into());
        }
        let login = Base64::STANDARD.decode(raw).map_err(|_| NO_FORMAT)?;
        let colon = login.iter().position(|it| *it == b':').ok_or(NO_FORMAT)?;
        let (name, password) = login.split_at(colon);
        let (name, password) =
            (String::from_utf8_lossy(name), password.get(1..).unwrap_or_default());
        let user = self.user(&name);
        let is_right = match &user {
            None => false,
            Some((user, _)) => self.checker.check(user, password).await?,
        };
        if !is_right || user.is_none_or(|(_, is_nobody)| is_nobody) {
            return Err("invalid credentials".into());
        }
        let raw = String::from_utf8_lossy(raw).into_owned();
        let attributes = [("username", name.into_owned()), ("raw", raw)];
        let attributes = attributes.map(|(key, value)| (key.to_owned(), Value::String(value)));
        Ok(AuthData { attributes: attributes.into() })
    }
}

impl BasicAuth {
    /// The user of this name; for a name that nobody has, somebody with whom it takes as long (and `true`).
    fn user(&self, name: &str) -> Option<(Arc<User>, bool)> {
        let Some(Started::Server { inline, file }) = self.started.get() else { return None };
        let file = file.as_ref().map(|it| it.get());
        let user = inline.get(name).or_else(|| file.as_ref()?.get(name));
        let nobody = || inline.nobody().or_else(|| file.as_ref()?.nobody());
        match user {
            Some(user) => Some((Arc::clone(user), false)),
            None => nobody().map(|it| (Arc::clone(it), true)),
        }
    }
}

#[async_trait]
impl ClientAuth for BasicAuth {
    async fn authorize(&self, _ctx: &Context, headers: &mut HeaderMap) -> Result<(), String> {
        let Some(Started::Client { name, password }) = self.started.get() else {
            return Err("the extension is not started".into());
        };
        let (name, password) = (name.get(), password.get());
        if name.contains(':') {
            return Err(format!("{NO_FORMAT}: a name cannot contain a colon"));
        }
        let login = Base64::STANDARD.encode(format!("{name}:{password}").as_bytes());
        let value = HeaderValue::try_from(format!("Basic {login}"));
        let mut value = value.map_err(|it| it.to_string())?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
        Ok(())
    }
}
